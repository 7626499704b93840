import { decode } from './codec.ts'
import { partsOf } from './order.ts'
import type { KeyPart } from './types.ts'

/** The keys of the rows of a collection that may look otherwise, or `undefined` where any may. */
export type Changed = readonly (readonly KeyPart[])[] | undefined

/**
 * The changed rows by collection. Bytes: the bits of the collections of which any may have changed, then for each row the
 * number of its collection and its encoded key.
 */
export function changedRows(bytes: Uint8Array): (collection: number) => Changed {
  const [unknown, ...rows] = decode(bytes) as unknown as [number, ...(number | Uint8Array)[]]
  const known = new Map<number, (readonly KeyPart[])[]>()
  for (let at = 0; at < rows.length; at += 2) {
    const [collection, key] = [rows[at] as number, partsOf(rows[at + 1] as Uint8Array)]
    const keys = known.get(collection)
    if (keys === undefined) known.set(collection, [key])
    else keys.push(key)
  }
  return collection => (hasBit(unknown, collection) ? undefined : (known.get(collection) ?? []))
}

/** Whether a bit is set. Bit operations would cut the number to 32. */
export function hasBit(bits: number, bit: number): boolean {
  return Math.floor(bits / 2 ** bit) % 2 === 1
}
