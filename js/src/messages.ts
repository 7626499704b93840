/** What crosses between a page and the worker with its shops. */
import type { StorageState, SyncState } from './types.ts'

/** Two states that a shop shows without being asked. */
export interface States {
  readonly sync: SyncState
  readonly storage: StorageState
}

/** Of which handle, as they cross. */
export type StatesOf = readonly [handle: number, sync: Packed, storage: Packed]

/** A shop, snapshot or transaction in the worker; of a shop with its states. */
export interface Handle {
  readonly handle: number
  readonly states?: StatesOf | undefined
}

/** A function of the page's. */
export interface Callback {
  readonly callback: number
}

/** An error; as itself it would lose its code. */
export interface Thrown {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly detail?: object
}

/** A value as it crosses, and what it `is` where it is not simply data: rows may look like anything. */
export interface Packed {
  readonly value: unknown
  /** An error that was taken apart, a state with one, or a handle. */
  readonly is?: 'thrown' | 'state' | 'handle'
}

/** A method of what has a handle is called, where there is a `callback` with that as its last argument. */
export interface Asked extends Partial<Callback> {
  readonly id: number
  readonly on: number
  readonly path: readonly string[]
  readonly words: readonly unknown[]
}

/** What a worker lacks of its page: events, whether anybody sees it, and at first its marks of stores in `localStorage`. */
export interface PageTold {
  readonly type?: string
  readonly persisted?: boolean
  readonly visibilityState: DocumentVisibilityState
  readonly marks?: readonly string[]
}

/**
 * What the page tells: a call, what a callback came to, that one is not to be called any more, that a handle is let go of,
 * or what happens to itself.
 */
export type FromPage =
  | Asked
  | ({ readonly answer: number } & Packed)
  | { readonly stop: number }
  | { readonly release: number }
  | { readonly page: PageTold }

/** What becomes of a call: it has its answer, or of its receipt, whether an outcome is to come; then that. */
export type Step = 'done' | 'durable' | 'confirmed'

/** What the worker tells: what became of a call, that a callback is called, which may have to answer, or that a mark is made or goes. */
export type FromWorker =
  | { readonly mark: string; readonly isMade: boolean }
  | (Packed & { readonly states?: StatesOf | undefined } & (
        | { readonly id: number; readonly step: Step }
        | ({ readonly answer?: number } & Callback)
      ))

/** How a mark of a store begins: the store's name follows. */
export const MARK = 'pannier:'

export function packed(value: unknown): Packed {
  if (value instanceof Error) return failed(value)
  const { error } = (value ?? {}) as { error?: unknown }
  return error instanceof Error ? { value: { ...(value as object), error: thrown(error) }, is: 'state' } : { value }
}

/** What a call has thrown. */
export const failed = (error: unknown): Packed => ({ value: thrown(error), is: 'thrown' })

function thrown(error: unknown): Thrown {
  const { name = 'Error', message = String(error), code, detail = {} } = (error ?? {}) as Thrown
  return { name, message, ...(typeof code === 'string' && { code, detail }) }
}
