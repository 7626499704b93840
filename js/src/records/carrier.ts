import type { Engine } from '../wasm.ts'
import { PannierError } from '../errors.ts'
import { inTask } from '../task.ts'
import { type Checkpoint, type Opened, type RecordStore, REPLACED } from './record-store.ts'

/** A checkpoint whose segments are still the engine's. */
export type Handed = Omit<Checkpoint, 'segments'> & { readonly segments: readonly (() => Uint8Array)[] }

/** Kinds of failures: the same numbers stand in `crates/wasm/src/records.rs`. */
const enum Failure {
  Quota,
  Unavailable,
  Replaced,
}

/** Storage that takes longer to open is done without until it has. */
const OPEN_MS_MAX = 3000

/** Segments that are copied before the page has its turn: some four megabytes. */
const COPIED_AT_ONCE = 64

/** What is there when the store opens. */
export interface Opening {
  /** Gives what takes the place of records that cannot be opened. `isLate`: they may still open. */
  instead(error: Error, isLate: boolean): Promise<RecordStore>
  /** The store is empty. */
  isNew(): void
}

/**
 * Carries the engine's requests to a record store and the answers back. The engine calls the methods; what it hands
 * over as views on its memory is copied before they return. Each request is answered once, never before that.
 */
export class Carrier {
  #records: RecordStore
  #opening: Opening | undefined
  /** Calls the engine, if it is still there. */
  readonly #answered: (take: (engine: Engine) => void) => void
  /** Told of each log record that was written. */
  readonly #appended: (seq: number, record: Uint8Array) => void
  /** Told that the records cannot be read. */
  readonly #broken: (error: PannierError) => void

  constructor(
    records: RecordStore,
    opening: Opening,
    answered: (take: (engine: Engine) => void) => void,
    appended: (seq: number, record: Uint8Array) => void,
    broken: (error: PannierError) => void,
  ) {
    this.#records = records
    this.#opening = opening
    this.#answered = answered
    this.#appended = appended
    this.#broken = broken
  }

  open(id: number, logAfter: number | undefined): void {
    const opening = this.#opening
    this.#opening = undefined
    this.#carry(id, opening === undefined ? this.#records.open(logAfter) : this.#open(opening), (engine, { head, numbers, records, segment }) => {
      engine.opened(id, head, Float64Array.from(numbers), records as Uint8Array[], segment?.number, segment?.bytes)
    })
  }

  async #open(opening: Opening): Promise<Opened> {
    let timer: ReturnType<typeof setTimeout>
    let isLate = false
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isLate = true
        reject(new Error('the storage does not answer'))
      }, OPEN_MS_MAX)
    })
    try {
      const opened = await Promise.race([this.#records.open(undefined), late])
      if (opened.head === undefined && opened.numbers.length === 1) opening.isNew()
      return opened
    } catch (error) {
      // What is there must not be stood in for.
      if (error instanceof PannierError) throw error
      this.#records = await opening.instead(error as Error, isLate)
      return this.#records.open(undefined)
    } finally {
      clearTimeout(timer!)
    }
  }

  append(id: number, seq: number, bytes: Uint8Array, checked: boolean): void {
    const record = bytes.slice()
    this.#carry(id, this.#records.append(seq, record, checked), (engine, done) => {
      engine.done(id, done)
      if (done) this.#appended(seq, record)
    })
  }

  read(id: number, segments: Uint32Array): void {
    const numbers = [...segments]
    this.#carry(id, this.#records.read(numbers), (engine, found) => {
      engine.segments(id, Uint32Array.from(numbers), found as Uint8Array[])
    })
  }

  checkpoint(id: number, { segments, ...rest }: Handed): void {
    const written = this.#copied(segments).then(segments => this.#records.checkpoint({ ...rest, segments }))
    this.#carry(id, written, (engine, done) => {
      engine.done(id, done)
      const { append } = rest
      if (done && append) this.#appended(append.seq, append.bytes)
    })
  }

  /** Copies segments, which the engine keeps where they are until its request is answered. */
  async #copied(segments: readonly (() => Uint8Array)[]): Promise<Uint8Array[]> {
    const copies: Uint8Array[] = []
    for (const segment of segments) if (copies.push(segment()) % COPIED_AT_ONCE === 0) await new Promise<void>(inTask)
    return copies
  }

  close(): void {
    this.#records.close()
  }

  #carry<T>(id: number, answer: Promise<T>, take: (engine: Engine, answer: T) => void): void {
    answer.then(
      found => this.#answered(engine => take(engine, found)),
      (error: Error | null) => {
        if (error instanceof PannierError) return this.#broken(error)
        const name = error?.name ?? 'Error'
        const message = `${name}: ${error?.message}`
        const kind = name === 'QuotaExceededError' ? Failure.Quota : name === REPLACED ? Failure.Replaced : Failure.Unavailable
        this.#answered(engine => engine.failed(id, kind, message))
      },
    )
  }
}
