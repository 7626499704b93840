import type { PannierError } from './errors.ts'
import { Frame } from './frame.ts'
import { Held, type Parts } from './snapshot.ts'
import type { Store } from './store.ts'
import type { Transaction } from './types.ts'

/** Times that a transaction's function is called: two tabs that keep getting in each other's way must come to an end. */
const TRIES_MAX = 16

/** Whether a transaction's function is running, up to its first await. */
let isInside = false

/** Calls `work` until what it read is still so when it commits. */
export async function transact<T>(
  store: Store,
  parts: Parts,
  work: (transaction: Transaction) => T | Promise<T>,
): Promise<T> {
  if (isInside) throw parts.refuse('nested', 'a transaction cannot begin inside another')
  for (let tries = 1; ; tries++) {
    const frame = await Frame.begin(store, true, parts.refuse)
    let result: T
    let retried = ['snapshot_gone']
    try {
      result = await inside(() => work(new Held(frame, parts) as unknown as Transaction))
      retried = ['snapshot_gone', 'conflict']
      await frame.commit()
      return result
    } catch (error) {
      frame.release()
      // Another tab's checkpoint may have dropped what was still to be read.
      if (!retried.includes((error as PannierError).code)) throw error
      if (tries === TRIES_MAX) {
        throw parts.refuse('conflict', `conflict: others were first ${tries} times`, { limit: TRIES_MAX })
      }
    }
  }
}

function inside<T>(work: () => T): T {
  isInside = true
  try {
    return work()
  } finally {
    isInside = false
  }
}
