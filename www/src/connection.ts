/** The connection as the shopper sees it: the network, the shop's own switch, and what still waits to be sent. */

import type { Shop, SyncState } from 'pannier'
import { forget } from './identity'

export type Status = 'saved' | 'syncing' | 'paused' | 'offline' | 'error'

/** Kept on the device, so that a reload stays offline and other tabs follow. */
const PAUSED_KEY = 'pannier-shop-paused'

export class Connection {
  readonly #shop: Shop
  readonly #callbacks = new Set<() => void>()
  #sync: SyncState
  #paused = localStorage.getItem(PAUSED_KEY) === 'yes'
  #renewed = false

  constructor(shop: Shop) {
    this.#shop = shop
    this.#sync = shop.sync.state
    if (this.#paused) shop.sync.pause()
    shop.on('sync', (state) => this.#changed(state))
    window.addEventListener('online', () => this.#tell())
    window.addEventListener('offline', () => this.#tell())
    window.addEventListener('storage', (event) => {
      if (event.key === PAUSED_KEY) this.#pause(event.newValue === 'yes')
    })
  }

  get status(): Status {
    if (this.#paused) return 'paused'
    if (!navigator.onLine || this.#sync.status === 'offline') return 'offline'
    if (this.#sync.status === 'error') return 'error'
    // A routine pull with nothing to send is no news to the shopper.
    return this.#sync.pending > 0 ? 'syncing' : 'saved'
  }

  get paused(): boolean {
    return this.#paused
  }

  get pending(): number {
    return this.#sync.pending
  }

  get error(): Error | null {
    return this.#sync.error
  }

  get lastSyncAt(): number | null {
    return this.#sync.lastSyncAt
  }

  /** Calls back now and after each change. Returns what stops it. */
  subscribe(callback: () => void): () => void {
    this.#callbacks.add(callback)
    callback()
    return () => this.#callbacks.delete(callback)
  }

  toggle(): void {
    const paused = !this.#paused
    localStorage.setItem(PAUSED_KEY, paused ? 'yes' : 'no')
    this.#pause(paused)
  }

  /** Tries again now. */
  retry(): void {
    if (this.#paused) this.toggle()
    else void this.#shop.sync.now()
  }

  #pause(paused: boolean): void {
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#shop.sync.pause()
    else this.#shop.sync.resume()
    this.#tell()
  }

  #changed(state: SyncState): void {
    this.#sync = state
    // A server that does not know this device's token any more gives it a new one, but is asked only once.
    const code = (state.error as { code?: unknown } | null)?.code
    if (code === 'auth' && !this.#renewed) {
      this.#renewed = true
      forget()
      void this.#shop.sync.now()
    }
    this.#tell()
  }

  #tell(): void {
    for (const callback of this.#callbacks) callback()
  }
}
