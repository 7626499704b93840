import type { Outcome } from './types.ts'

/** A promise that is made when it is asked for: most never are. Its rejection need not be taken. */
export class Later<T> {
  #promise: Promise<T> | undefined
  #resolve: ((value: T) => void) | undefined
  #reject: ((error: Error) => void) | undefined
  #isResolved = false
  #value: T | undefined
  #error: Error | undefined

  get promise(): Promise<T> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#resolve = resolve
        this.#reject = reject
      })
      if (this.#isResolved) this.resolve(this.#value as T)
      else if (this.#error !== undefined) this.reject(this.#error)
    }
    return this.#promise
  }

  resolve(value: T): void {
    this.#isResolved = true
    this.#value = value
    this.#resolve?.(value)
  }

  reject(error: Error): void {
    this.#error = error
    // The same error is told elsewhere.
    this.#promise?.catch(() => {})
    this.#reject?.(error)
  }
}

/** What becomes of a write. */
export class Receipt extends Later<void> {
  /** Of the engine, once it has the write. */
  ticket = 0

  get durable(): Promise<void> {
    return this.promise
  }
}

/** What becomes of an edit of the cart or the history. */
export class EditReceipt extends Receipt {
  /** Of the mutation, where an outcome is to come. */
  id: string | undefined
  readonly outcome = new Later<Outcome>()

  get confirmed(): Promise<Outcome> {
    return this.outcome.promise
  }
}
