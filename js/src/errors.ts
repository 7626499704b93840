import type { Document } from './types.ts'

/** An error with a stable code: docs/guide.md lists them. */
export class PannierError extends Error {
  readonly code: string
  /** Particulars: which field, which place in a list. */
  readonly detail: Document

  constructor(code: string, message: string, detail: Document = {}) {
    super(message)
    this.name = 'PannierError'
    this.code = code
    this.detail = detail
  }
}

/** Throws when `value` is not what `field` must be. */
export function check(holds: boolean, field: string, must: string): void {
  if (!holds) throw new PannierError('bad_args', `${field} must be ${must}`, { field })
}

/** Tells of an error that no caller waits for, as the browser tells of an uncaught one. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error)
  else console.error(error)
}

/** Calls back. A callback that throws must not keep the others from being called. */
export function guarded(work: () => void): void {
  try {
    work()
  } catch (error) {
    report(error)
  }
}

/** A promise whose rejection nobody has to take: the same error is told elsewhere. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
