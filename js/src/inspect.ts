/** Carries the records of a store to the wasm of `crates/check`, which asks for them, and what it finds back. */
import { isSame } from './bytes.ts'
import { decode } from './codec.ts'
import { PannierError } from './pannier.js'
import type { Opened } from './records/record-store.ts'
import { type RecordReads, StoredRecords } from './stored.ts'
import type { StoredOptions, StoreFault, Value } from './types.ts'

/** What the wasm exports: `crates/check-wasm/src/lib.rs` has the other side. */
interface Exports {
  readonly memory: WebAssembly.Memory
  room(length: number): number
  log_record(seq: number): void
  begin(hasHead: boolean, lastSegment: number, isExport: boolean): void
  segment(number: number, isThere: boolean): void
  step(): Step
  result_at(): number
  result_length(): number
}

/** What a step came to: the same numbers stand in `crates/check-wasm/src/lib.rs`. */
const enum Step {
  Done,
  Need,
  Found,
}

/** How often it is begun anew because others have made a checkpoint meanwhile. What was read before is kept. */
const ATTEMPTS_MAX = 16

/** Takes a list of what was found. */
export type Take = (found: readonly Value[]) => void

let compiled: Promise<WebAssembly.Module> | undefined

/**
 * Looks at a store, at one moment of it. `begin` is called each time it is begun, and gives what takes what is found. Gives
 * what was told last; undefined where there is no such store.
 */
export async function inspect(
  options: StoredOptions,
  records: RecordReads | undefined,
  isExport: boolean,
  begin: () => Take,
): Promise<Value | undefined> {
  const stored = records === undefined ? await StoredRecords.of(options.name, options.key) : undefined
  const reads = records ?? stored
  if (reads === undefined) return undefined
  try {
    const wasm = await instantiate(options.checkWasm)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const told = await new Look(wasm, reads, isExport, begin()).run()
      if (told !== undefined) return told
    }
    throw new PannierError('busy', 'others write so fast that no moment of the store can be read')
  } finally {
    stored?.close()
  }
}

async function instantiate(source: StoredOptions['checkWasm']): Promise<Exports> {
  compiled ??= compile(source ?? new URL('./pannier_check.wasm', import.meta.url))
  // The next call may find the network back.
  compiled.catch(() => (compiled = undefined))
  const instance = await WebAssembly.instantiate(await compiled)
  return instance.exports as unknown as Exports
}

async function compile(source: NonNullable<StoredOptions['checkWasm']>): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source
  if (typeof source === 'string' || source instanceof URL) source = await fetch(source)
  const response = source instanceof Response ? source : new Response(source as BufferSource)
  if (!response.ok) throw new Error(`status ${response.status} for ${response.url}`)
  return WebAssembly.compile(await response.arrayBuffer())
}

/** One go through a store. */
class Look {
  readonly #wasm: Exports
  readonly #reads: RecordReads
  readonly #isExport: boolean
  readonly #take: Take
  #head: Uint8Array | undefined

  constructor(wasm: Exports, reads: RecordReads, isExport: boolean, take: Take) {
    this.#wasm = wasm
    this.#reads = reads
    this.#isExport = isExport
    this.#take = take
  }

  /** Gives what was told last, or undefined where others have made a checkpoint that takes away what is needed. */
  async run(): Promise<Value | undefined> {
    this.#begin(await this.#reads.open(undefined))
    for (;;) {
      switch (this.#wasm.step()) {
        case Step.Done:
          return this.#result()
        case Step.Found:
          this.#take(this.#result() as readonly Value[])
          // The page has its turn.
          await new Promise(resolve => setTimeout(resolve))
          break
        case Step.Need:
          if (!(await this.#load())) return undefined
      }
    }
  }

  #begin({ head, numbers, records, segment }: Opened): void {
    this.#head = head
    records.forEach((record, index) => {
      this.#give(record)
      this.#wasm.log_record(numbers[index]!)
    })
    if (segment !== undefined) this.#segment(segment.number, segment.bytes)
    if (head !== undefined) this.#give(head)
    this.#wasm.begin(head !== undefined, segment?.number ?? -1, this.#isExport)
  }

  /** Reads the segments that are asked for. A segment that is gone is a fault only while the head is the same. */
  async #load(): Promise<boolean> {
    const bytes = this.#bytes()
    const numbers = new Uint32Array(bytes.slice().buffer)
    const found = await this.#reads.read([...numbers])
    if (found.includes(undefined) && !isSame((await this.#reads.open(undefined)).head, this.#head)) return false
    found.forEach((segment, index) => this.#segment(numbers[index]!, segment))
    return true
  }

  #segment(number: number, bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.#give(bytes)
    this.#wasm.segment(number, bytes !== undefined)
  }

  #give(bytes: Uint8Array): void {
    const at = this.#wasm.room(bytes.length)
    new Uint8Array(this.#wasm.memory.buffer, at, bytes.length).set(bytes)
  }

  #bytes(): Uint8Array {
    return new Uint8Array(this.#wasm.memory.buffer, this.#wasm.result_at(), this.#wasm.result_length())
  }

  #result(): Value {
    return decode(this.#bytes())
  }
}

/** A newer version is no damage, and what it has written cannot be judged. */
export function refuseNewer(faults: readonly StoreFault[]): void {
  const newer = faults.find(({ place }) => place === 'format version')
  if (newer) throw new PannierError('newer_format', `newer_format: format version ${newer.number}: ${newer.why}`)
}
