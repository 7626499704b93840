/** What crosses between a page and the worker with its shops. */
import type { StorageState, SyncState } from './types.ts'

/** Two states that a shop shows without being asked. */
export interface States {
  readonly sync: SyncState
  readonly storage: StorageState
}

/** Of which handle. */
export type StatesOf = readonly [number, States]

/** A shop, snapshot or transaction in the worker; of a shop with its states. */
export interface Handle {
  readonly handle: number
  readonly states?: States
}

/** A function of the page's. */
export interface Callback {
  readonly callback: number
}

/** An error; as itself it would lose its code. */
export interface Thrown {
  readonly thrown: {
    readonly name: string
    readonly message: string
    readonly code?: string
    readonly detail?: object
  }
}

/** A method of what has a handle is called. */
export interface Asked {
  readonly id: number
  readonly on: number
  readonly path: readonly string[]
  readonly words: readonly unknown[]
}

/** What the page tells: a call, what a callback came to, that one is not to be called any more, or that a handle is let go of. */
export type FromPage =
  | Asked
  | { readonly answer: number; readonly value: unknown }
  | { readonly stop: number }
  | { readonly release: number }
  | { readonly cameBack: true }

/** What becomes of a call: it has its answer, or of its receipt, whether an outcome is to come; then that. */
export type Step = 'done' | 'durable' | 'confirmed'

/** What the worker tells: what became of a call, or that a callback is called, which may have to answer. */
export type FromWorker =
  | { readonly id: number; readonly step: Step; readonly value: unknown; readonly states?: StatesOf | undefined }
  | { readonly callback: number; readonly value: unknown; readonly answer?: number; readonly states?: StatesOf | undefined }

/** As it crosses: an error, or a state with one, is taken apart. */
export function packed(value: unknown): unknown {
  if (value instanceof Error) return thrown(value)
  const { error } = (value ?? {}) as { error?: unknown }
  return error instanceof Error ? { ...(value as object), error: thrown(error) } : value
}

export function thrown(error: unknown): Thrown {
  const { name = 'Error', message = String(error), code, detail = {} } = (error ?? {}) as Thrown['thrown']
  return { thrown: { name, message, ...(typeof code === 'string' && { code, detail }) } }
}

/** Whether it is an error that was taken apart. */
export function isThrown(value: unknown): value is Thrown {
  return value instanceof Object && 'thrown' in value
}
