import { isSame } from '../bytes.ts'
import { type Checkpoint, type Opened, RECORD_BYTES_MAX, type RecordStore } from './record-store.ts'

/** Records in memory, for pages without other storage. */
export class MemoryRecords implements RecordStore {
  readonly recordBytesMax = RECORD_BYTES_MAX
  #head: Uint8Array | undefined
  readonly #log = new Map<number, Uint8Array>([[0, new Uint8Array()]])
  readonly #segments = new Map<number, Uint8Array>()
  #next = 1

  async open(logAfter = -1): Promise<Opened> {
    const log = [...this.#log].filter(([seq]) => seq > logAfter)
    return { head: this.#head, numbers: log.map(([seq]) => seq), records: log.map(([, bytes]) => bytes) }
  }

  async append(seq: number, bytes: Uint8Array): Promise<boolean> {
    return this.#append(seq, bytes)
  }

  async read(segments: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    return segments.map(number => this.#segments.get(number))
  }

  async checkpoint({ headBefore, head, numbers, segments, dropSegments, dropLogBelow, append }: Checkpoint) {
    if (!isSame(this.#head, headBefore) || (append && !this.#append(append.seq, append.bytes))) return false
    this.#head = head
    numbers.forEach((number, index) => this.#segments.set(number, segments[index]!))
    for (const number of dropSegments) this.#segments.delete(number)
    for (const seq of this.#log.keys()) if (seq < dropLogBelow) this.#log.delete(seq)
    return true
  }

  close(): void {}

  #append(seq: number, bytes: Uint8Array): boolean {
    if (seq !== this.#next) return false
    this.#log.set(this.#next++, bytes)
    return true
  }
}
