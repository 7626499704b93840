import { toCart } from './cart.ts'
import { decodeAll } from './codec.ts'
import { readKeptCart } from './records/indexeddb.ts'
import type { Cart } from './types.ts'

/**
 * The cart of the store `name` as this device holds it, without loading the engine: for what a page shows first, and for
 * pages that only show a badge. An encrypted store needs its key. Undefined where only the engine can tell, because something was written in the last
 * seconds, or there is no such store: then open the store and read it there.
 */
export async function peekCart(name: string, key?: CryptoKey): Promise<Cart | undefined> {
  let kept = await readKeptCart(name)
  if (kept && kept.count === null && key) kept = await (await import('./encryption.js')).unsealCart(key, name, kept)
  if (kept?.count == null) return undefined
  return toCart(decodeAll(kept.bytes, 0, kept.bytes.length, 2 * kept.count, true))
}
