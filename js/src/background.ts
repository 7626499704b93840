/** For service workers: a module of its own, `pannier/background`. */
// A service worker may import nothing later.
import { encrypt } from './encryption.js'
import { open } from './pannier.js'
import { BACKGROUND_TAG } from './sync.ts'
import type { BackgroundEvent, OpenOptions } from './types.ts'

/**
 * For a shop's service worker: call it with each `sync` event. Where the event is one that a page of the shop has asked for,
 * because its connection was gone and edits were pending, it opens that page's store with `options`, of which it tells the
 * name, and exchanges with the server. The browser tries again where that fails.
 */
export function syncInBackground(
  event: BackgroundEvent,
  options: (name: string) => Omit<OpenOptions, 'name'> | Promise<Omit<OpenOptions, 'name'>>,
): void {
  if (event.tag.startsWith(BACKGROUND_TAG)) event.waitUntil(exchange(event.tag.slice(BACKGROUND_TAG.length), options))
}

async function exchange(name: string, options: Parameters<typeof syncInBackground>[1]): Promise<void> {
  const { sync, ...rest } = await options(name)
  const shop = await open({ ...rest, name, ...(sync && { sync: { ...sync, interval: 0 } }) }, { encrypt })
  try {
    await shop.sync.now()
    if (shop.sync.state.error !== null) throw shop.sync.state.error
  } finally {
    await shop.close()
  }
}
