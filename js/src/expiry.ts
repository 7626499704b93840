import { valueAt } from './order.ts'
import type { Refuse } from './encryption.ts'
import { Frame } from './frame.ts'
import type { Declared } from './snapshot.ts'
import { Name, type Store } from './store.ts'
import type { CollectionOptions, Document } from './types.ts'

/** Expired rows that are deleted in one commit. */
const CLEARED_MAX = 256

/** Milliseconds from opening to the first upkeep: the page has more to do at first. */
const UPKEEP_AFTER_MS = 500

/** Milliseconds between looks for rows that have expired. No read shows them meanwhile. */
const UPKEEP_EVERY_MS = 30_000

/** Has upkeep done while the store is open, where there is any. */
export function keepUp(store: Store, expiring: readonly Declared[], refuse: Refuse): void {
  const next = (afterMs: number) => {
    const timer = setTimeout(async () => {
      if (store.isOver()) return
      // What fails here fails the same way where somebody waits for it.
      await store.upkeep().catch(() => {})
      for (const [number, options] of expiring) await clearExpired(store, number, options, refuse).catch(() => {})
      if (expiring.length > 0) next(UPKEEP_EVERY_MS)
    }, afterMs)
    // Node must be able to end.
    ;(timer as { unref?(): void }).unref?.()
  }
  next(UPKEEP_AFTER_MS)
}

/** Deletes the rows of a collection that are past their time, a bounded number in a commit. */
async function clearExpired(
  store: Store,
  collection: number,
  { key = ['id'] }: CollectionOptions,
  refuse: Refuse,
): Promise<void> {
  for (let count = CLEARED_MAX; count === CLEARED_MAX; ) {
    const frame = await Frame.begin(store, true, refuse)
    try {
      const rows = (await frame.expired(collection, CLEARED_MAX)) as Document[]
      const keys = rows.map(row => key.flatMap(path => valueAt(row, path)))
      if (keys.length > 0) frame.write(Name.Delete, collection, keys, 'keys')
      // Refused when another tab has written one of them meanwhile.
      await frame.commit()
      count = rows.length
    } finally {
      frame.release()
    }
  }
}
