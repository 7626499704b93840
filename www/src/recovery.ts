/**
 * A server that was wiped or put back does not know this device any more. The shop then starts a store of
 * its own anew, as a new shopper, and carries the cart over. Only the shopper's press does it: the old
 * server may yet come back.
 */

import type { CartLine, Shop } from 'pannier'
import { forget } from './identity'

const NUMBER_KEY = 'pannier-shop-store'
const CARRIED_KEY = 'pannier-shop-carried'

/** Refusals that no waiting cures. */
const STRANGER_CODES: ReadonlySet<unknown> = new Set(['epoch_changed', 'unknown_client', 'principal_changed'])

export function isStranger(error: Error | null): boolean {
  return STRANGER_CODES.has((error as { code?: unknown } | null)?.code)
}

/** The store's name on this device: a new one after each new start. */
export function storeName(): string {
  const number = localStorage.getItem(NUMBER_KEY)
  return number === null ? 'pannier-demo' : `pannier-demo-${number}`
}

/** Lays the cart aside, takes a new store, and reloads. */
export async function startAnew(shop: Shop): Promise<void> {
  const { lines } = await shop.cart.read()
  localStorage.setItem(CARRIED_KEY, JSON.stringify(lines))
  forget()
  localStorage.setItem(NUMBER_KEY, String(Number(localStorage.getItem(NUMBER_KEY) ?? 0) + 1))
  await shop.close()
  location.reload()
}

/** Puts what was laid aside into the new store, once, whichever tab comes first. */
export async function carryOver(shop: Shop): Promise<void> {
  if (localStorage.getItem(CARRIED_KEY) === null) return
  const put = async () => {
    const lines = JSON.parse(localStorage.getItem(CARRIED_KEY) ?? '[]') as readonly CartLine[]
    const edits = lines.map(({ sku, qty, options, quote }) =>
      shop.cart.add({ sku, qty, options, ...(quote ? { quote } : {}) }),
    )
    await Promise.all(edits.map((edit) => edit.durable))
    localStorage.removeItem(CARRIED_KEY)
  }
  await (navigator.locks ? navigator.locks.request(CARRIED_KEY, put) : put())
}

/** Other tabs follow to the new store. */
export function followOtherTabs(): void {
  window.addEventListener('storage', (event) => {
    if (event.key === NUMBER_KEY) location.reload()
  })
}
