import { valueAt } from './order.ts'
import type { Refuse } from './encryption.ts'
import { Frame } from './frame.ts'
import { Name, type Store } from './store.ts'
import type { CollectionOptions, Document } from './types.ts'

/** Expired rows that are deleted in one commit. */
const CLEARED_MAX = 256

/** Deletes the rows of a collection that are past their time, a bounded number in a commit. */
export async function clearExpired(
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
