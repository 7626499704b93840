import { check } from './errors.ts'
import { newTextId } from './id.ts'
import { HISTORY, Name, type Source, type Store } from './store.ts'
import type { HistoryApi, Visit, Write } from './types.ts'

/** The browsing history of a store, a snapshot or a transaction; `E` is what an edit returns there. */
export class Visits<E> {
  readonly #source: Source<unknown, E>
  readonly #edited: () => void

  constructor(source: Source<unknown, E>, edited: () => void) {
    this.#source = source
    this.#edited = edited
  }

  visit({ sku, dwell = 0 }: { sku: string; dwell?: number }): E {
    check(typeof sku === 'string' && sku !== '', 'sku', 'a non-empty string')
    check(Number.isSafeInteger(dwell) && dwell >= 0, 'dwell', 'whole milliseconds')
    const edit = this.#source.mutate(Name.Visit, { eventId: newTextId(), sku, at: Date.now(), dwell })
    this.#edited()
    return edit
  }

  delete({ sku }: { sku?: string } = {}): E {
    check(sku === undefined || (typeof sku === 'string' && sku !== ''), 'sku', 'a non-empty string')
    const edit = this.#source.mutate(Name.DeleteVisits, { sku, until: Date.now() })
    this.#edited()
    return edit
  }

  async recent({ limit = 20 }: { limit?: number } = {}): Promise<readonly Visit[]> {
    check(Number.isSafeInteger(limit) && limit >= 0, 'limit', 'a whole number')
    const found = await this.#source.scan(HISTORY, 'byAt', {}, limit, true, true)
    const visits: Visit[] = []
    for (let index = 0; index < found.length; index += 2) {
      const { sku, at, dwell = 0 } = found[index + 1] as unknown as Visit
      // The row of a deletion has no date, and so comes last.
      if (at !== undefined) visits.push({ id: found[index] as string, sku, at, dwell })
    }
    return visits
  }
}

/** The browsing history of a store. */
export class HistoryView extends Visits<Write> implements HistoryApi {
  readonly #store: Store

  constructor(store: Store, edited: () => void) {
    super(store, edited)
    this.#store = store
  }

  subscribe(callback: () => void): () => void {
    return this.#store.watch(HISTORY, () => callback())
  }
}
