import { toCart } from './cart.ts'
import { decodeAll } from './codec.ts'
import { readKeptCart } from './records/indexeddb.ts'
import type { Cart } from './types.ts'

/**
 * The cart of the store `name` as this device holds it, without loading the engine: for what a page shows first, and for
 * pages that only show a badge. Undefined where only the engine can tell, because something was written in the last
 * seconds, or there is no such store: then open the store and read it there.
 */
export async function peekCart(name: string): Promise<Cart | undefined> {
  const kept = await readKeptCart(name)
  return kept && toCart(decodeAll(kept.bytes, 0, kept.bytes.length, 2 * kept.count, true))
}
