import { EXPIRY } from './declare.ts'
import type { Refuse } from './encryption.ts'
import { newId } from './id.ts'
import type { Name, Source, Store } from './store.ts'
import type { Value } from './types.ts'

/** A state of the store that is held: a snapshot, or a transaction with its own writes. */
export class Frame implements Source<Promise<void>> {
  readonly #store: Store
  #id: number
  /** Reads and writes follow each other in the order of their calls, awaited or not. */
  #last: Promise<unknown> = Promise.resolve()
  #failed: unknown
  /** Whether there is anything to commit. */
  wrote = false

  readonly #refuse: Refuse

  private constructor(store: Store, id: number, refuse: Refuse) {
    this.#store = store
    this.#refuse = refuse
    this.#id = id
  }

  static async begin(store: Store, writes: boolean, refuse: Refuse): Promise<Frame> {
    return new Frame(store, await store.read(engine => engine.begin(writes, Date.now())), refuse)
  }

  mutate(name: Name, asked: object): Promise<void> {
    return this.write(name, 0, asked, '')
  }

  write(name: Name, collection: number, value: unknown, what: string): Promise<void> {
    const id = newId()
    this.wrote = true
    let bytes: Uint8Array
    const written = this.#next(async frame => {
      bytes = this.#store.encode(value, what).slice()
      await this.#store.read(engine => engine.write(frame, name, collection, bytes, id, Date.now()))
    })
    // A write that nobody awaits must not be left out of what is committed.
    written.catch(error => (this.#failed ??= error))
    return written
  }

  scan(...asked: readonly [number, string, object, number, boolean, boolean]): Promise<readonly Value[]> {
    return this.#next(frame => this.#store.scan(...asked, frame))
  }

  /** Rows that are past their time, the oldest first. */
  expired(collection: number, limit: number): Promise<readonly Value[]> {
    const past = { lte: [Date.now()] }
    return this.#next(frame => this.#store.scan(collection, EXPIRY, past, limit, false, false, frame, 0))
  }

  count(...asked: readonly [number, string, object]): Promise<number> {
    return this.#next(frame => this.#store.count(...asked, frame))
  }

  #next<T>(work: (frame: number) => Promise<T>): Promise<T> {
    const next = this.#last.then(() => {
      if (this.#id === 0) throw this.#refuse('released', 'the snapshot or transaction is over')
      return work(this.#id)
    })
    this.#last = next.catch(() => {})
    return next
  }

  /** Ends a transaction; resolves when what it wrote is durable. */
  async commit(): Promise<void> {
    await this.#last
    if (this.#failed !== undefined) throw this.#failed
    const id = this.#id
    if (!this.wrote) return this.release()
    this.#id = 0
    await this.#store.commit(id)
  }

  release(): void {
    if (this.#id !== 0 && !this.#store.isOver()) this.#store.release(this.#id)
    this.#id = 0
  }
}
