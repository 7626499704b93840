/**
 * The end of a store whose shopper was erased: loaded where there is one. It imports nothing that has a state, so that it
 * stays a file of its own.
 */
import { answer, openExisting } from './database.ts'
import type { Refuse } from './encryption.ts'
import type { PannierError } from './errors.ts'
import type { RecordStore } from './records/record-store.ts'
import type { Store } from './store.ts'
import type { Channel } from './tabs.ts'
import type { ClaimPolicy, GuestCart, Outcome, Shop, Write } from './types.ts'

/** The note of an erasure in the object store `head`, beside those in `records/indexeddb.ts`. */
const THE_ERASURE = 4

/** Asks for the erasure, and resolves when nothing is left on the device. */
export async function erase(shop: Pick<Shop, 'on' | 'storage'>, ask: () => Write, edited: () => void, refuse: Refuse): Promise<void> {
  if (shop.storage.state.status === 'erased') return
  const stops: (() => void)[] = []
  const erased = new Promise<void>((resolve, reject) => {
    stops.push(
      shop.on('storage', ({ status, error }) => {
        if (status === 'erased') resolve()
        else if (status === 'broken') reject(error)
      }),
      shop.on('outcome', ({ name, status, code }: Outcome) => {
        if (name === 'shopper.erase' && status === 'rejected') reject(refuse(code!, 'the server does not erase'))
      }),
    )
  })
  // Waited for later.
  erased.catch(() => {})
  try {
    // It may be asked for already, on an earlier visit or in another tab; or be done, where there is no server.
    try {
      await ask().durable
    } catch (error) {
      if ((error as PannierError).code !== 'erased') throw error
    }
    edited()
    await erased
  } finally {
    for (const stop of stops) stop()
  }
}

/** The visitor's cart goes to the shopper who has signed in; the visitor's store goes when the server has it. */
export async function signIn(
  guest: Shop,
  opening: Promise<Shop>,
  visitor: Omit<GuestCart, 'lines'>,
  options?: { policy?: ClaimPolicy },
): Promise<Shop> {
  const shop = await opening
  try {
    const lines = await guest.cart.handOver()
    const claim = shop.cart.claim({ ...visitor, lines }, options)
    await claim.durable
    void claim.confirmed
      .then(({ status }) => {
        // Else the page claims again, or the cart stays the visitor's.
        if (status === 'applied' || status === 'adjusted') return guest.signOut()
      })
      // The visitor's store stays, as one that is not synced does.
      .catch(() => {})
    return shop
  } catch (error) {
    await shop.close()
    throw error
  }
}

/** Deletes what the device holds of a shopper, if the server has all of it. */
export async function signOut(shop: Shop, ask: () => Write, refuse: Refuse): Promise<boolean> {
  if (shop.sync.state.status === 'off') throw refuse('not_synced', 'what is stored here is nowhere else: erase it, or close the store')
  await shop.sync.now()
  let isDeleted = true
  try {
    await erase(shop, ask, () => {}, refuse)
  } catch (error) {
    if ((error as PannierError).code !== 'pending') throw error
    isDeleted = false
  }
  await shop.close()
  return isDeleted
}

/**
 * Deletes the store's database, and the mark that tells of it. Any number of tabs may, at any time after the erasure is
 * done: what has the same name by now, and is another store, is left alone.
 */
export async function deleteStore(
  store: Pick<Store, 'acknowledge' | 'end'>,
  refuse: Refuse,
  name: string | false,
  records: RecordStore,
  tabs?: Channel,
): Promise<void> {
  // The other tabs learn of it by its log record.
  await store.acknowledge(0).durable
  store.end(refuse('erased', 'all that was stored is deleted'))
  tabs?.close()
  if (name === false) return
  // By the connection that has read of the erasure. Where it is gone, so is the database, or the next visit goes on.
  await records.noteErasure?.().catch(() => {})
  records.close()
  const work = async () => {
    if (!(await isNoted(name))) return
    try {
      globalThis.localStorage?.removeItem(`pannier:${name}`)
    } catch {
      // Blocked: then there is none.
    }
    await answer(indexedDB.deleteDatabase(`pannier:${name}`))
  }
  const locks = globalThis.navigator?.locks
  await (locks === undefined ? work() : locks.request(`pannier-erase:${name}`, work))
}

/** Whether the database that has the name now is to be deleted. */
async function isNoted(name: string): Promise<boolean> {
  const database = await openExisting(`pannier:${name}`).catch(() => undefined)
  if (database === undefined) return false
  const noted = await answer(database.transaction('head').objectStore('head').get(THE_ERASURE))
  database.close()
  return noted === true
}
