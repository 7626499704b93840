import { Encoder } from './codec.ts'
import type { Receipt } from './receipt.ts'

/** Writes on their way into the engine: `take_write` in `crates/wasm/src/collections.rs` reads them. */
export class Batch {
  readonly #out = new Encoder()
  #receipts: Receipt[] = []

  get bytes(): number {
    return this.#out.at
  }

  /** `kind` is a mutation's or a row's; writes that are no mutations have an empty id. */
  add(kind: number, collection: number, id: Uint8Array, document: Uint8Array, receipt: Receipt): void {
    const out = this.#out
    out.byte(kind)
    out.byte(collection)
    out.varint(Date.now())
    out.varint(id.length)
    out.varint(document.length)
    out.raw(id)
    out.raw(document)
    this.#receipts.push(receipt)
  }

  /** All of them, encoded, and their receipts. The bytes are valid until the next is added. */
  take(): [Uint8Array, Receipt[]] {
    const writes = this.#out.written()
    const receipts = this.#receipts
    this.#out.at = 0
    this.#receipts = []
    return [writes, receipts]
  }
}
