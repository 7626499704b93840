import { check } from './errors.ts'
import { HISTORY, Name, newTextId, type Store } from './store.ts'
import type { HistoryApi, Visit, Write } from './types.ts'

/** The browsing history of a store. */
export class HistoryView implements HistoryApi {
  readonly #store: Store
  readonly #edited: () => void

  constructor(store: Store, edited: () => void) {
    this.#store = store
    this.#edited = edited
  }

  visit({ sku, dwell = 0 }: { sku: string; dwell?: number }): Write {
    check(typeof sku === 'string' && sku !== '', 'sku', 'a non-empty string')
    check(Number.isSafeInteger(dwell) && dwell >= 0, 'dwell', 'whole milliseconds')
    const { durable } = this.#store.mutate(Name.Visit, { eventId: newTextId(), sku, at: Date.now(), dwell })
    this.#edited()
    return { durable }
  }

  async recent({ limit = 20 }: { limit?: number } = {}): Promise<readonly Visit[]> {
    check(Number.isSafeInteger(limit) && limit >= 0, 'limit', 'a whole number')
    const found = await this.#store.scan(HISTORY, 'byAt', {}, limit, true, true)
    const visits: Visit[] = []
    for (let index = 0; index < found.length; index += 2) {
      const { sku, at, dwell = 0 } = found[index + 1] as unknown as Visit
      visits.push({ id: found[index] as string, sku, at, dwell })
    }
    return visits
  }

  subscribe(callback: () => void): () => void {
    return this.#store.watch(HISTORY, callback)
  }
}
