/**
 * Another key for a store that is encrypted: a module of its own, `pannier/rekey`. All that is stored is encrypted anew and
 * takes the place of what was there in one transaction, so whatever ends the page leaves the store under one key or the
 * other, whole.
 */
import { isSame } from './bytes.ts'
import { answer, openExisting } from './database.ts'
import type { Kind } from './encryption.ts'
import { open, PannierError } from './pannier.js'
import type { OpenOptions } from './types.ts'

/** The store's options, with the key that it is under, and the one that it is to be under. */
export interface RekeyOptions extends OpenOptions {
  readonly key: CryptoKey
  readonly newKey: CryptoKey
}

const [LOG, SEGMENT, HEAD] = ['log', 'segment', 'head'] as const

/** Keys in the object store `head`, as in `records/indexeddb.ts`. */
const THE_HEAD = 0
const THE_CART = 1

/** How often it is begun anew because other tabs have written meanwhile. */
const ATTEMPTS_MAX = 16

/** What is stored, by its place. */
type Stored = readonly (readonly [kind: Kind, number: number, bytes: Uint8Array])[]

/**
 * Puts the store under `newKey`. Where the page ends before it resolves, the store is under the one key or the other: open
 * it with the new one first, and with the old one if that is `wrong_key`. Shops that have it open are ended as
 * `wrong_key` or `tampered` when they next read or write, and have written nothing since. False where there is no such
 * store.
 *
 * @throws PannierError `wrong_key`, `not_encrypted`, `tampered` or `corrupt` where it is not sound under `key`, `bad_args`
 * where `newKey` is no key, `busy` where other tabs write so fast that no moment of it can be caught, `storage`. Then
 * nothing has changed.
 */
export async function changeKey({ newKey, ...options }: RekeyOptions): Promise<boolean> {
  const { name, key } = options
  const { resealer } = await import('./encryption.js')
  const reseal = resealer(key, newKey, name, (code, message) => new PannierError(code, message))
  const there = await openExisting(`pannier:${name}`)
  if (there === undefined) return false
  there.close()
  // Names what is wrong with the key or the store, and folds the log into the tree: there is a head then.
  await (await open({ ...options, store: 'indexeddb', sync: undefined })).close()
  const database = await openExisting(`pannier:${name}`)
  if (database === undefined) return false
  // A deletion must not wait for this.
  database.onversionchange = () => database.close()
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const before = await read(database)
      const [, last, bytes] = lastRecord(before)
      // A record under a number that is not its own holds nothing. This one takes the number of which tabs under the old key
      // make their next one: they find it taken, read on, and cannot.
      const taken = reseal(LOG, last, bytes, last + 1)
      const after = await Promise.all([...before.map(place => reseal(...place)), taken])
      if (await replace(database, before, after)) return true
    }
  } catch (error) {
    if ((error as Error).name === 'PannierError') throw error
    throw new PannierError('storage', `the storage does not do what is asked of it: ${error}`)
  } finally {
    database.close()
  }
  throw new PannierError('busy', 'others write so fast that no moment of the store can be caught')
}

/** The log keeps its last record. */
const lastRecord = (stored: Stored) => stored.filter(([kind]) => kind === LOG).at(-1)!

async function read(database: IDBDatabase): Promise<Stored> {
  return stored(database.transaction([LOG, SEGMENT, HEAD]))
}

async function stored(transaction: IDBTransaction): Promise<Stored> {
  const of = (kind: typeof LOG | typeof SEGMENT) => {
    const all = transaction.objectStore(kind)
    return [answer(all.getAllKeys()), answer<Uint8Array[]>(all.getAll())] as const
  }
  const [numbers, records, segments, parts, head] = await Promise.all([
    ...of(LOG),
    ...of(SEGMENT),
    answer<Uint8Array | undefined>(transaction.objectStore(HEAD).get(THE_HEAD)),
  ])
  return [
    ...records.map((bytes, at) => [LOG, numbers[at] as number, bytes] as const),
    ...parts.map((bytes, at) => [SEGMENT, segments[at] as number, bytes] as const),
    ...(head === undefined ? [] : [[HEAD, THE_HEAD, head] as const]),
  ]
}

/** Whether it was done: not where something else is stored by now. */
async function replace(database: IDBDatabase, before: Stored, after: readonly Uint8Array[]): Promise<boolean> {
  const transaction = database.transaction([LOG, SEGMENT, HEAD], 'readwrite', { durability: 'strict' })
  let isConflict = false
  const conflict = () => {
    isConflict = true
    transaction.abort()
  }
  const done = new Promise<boolean>((resolve, reject) => {
    transaction.oncomplete = () => resolve(true)
    transaction.onabort = () => (isConflict ? resolve(false) : reject(transaction.error))
  })
  // Waited for later.
  done.catch(() => {})
  try {
    const now = await stored(transaction)
    const isAsBefore = now.length === before.length && now.every(([, , bytes], at) => isSame(bytes, before[at]![2]))
    if (isAsBefore) put(transaction, before, after, conflict)
    else conflict()
  } catch (error) {
    // Left alone, it would commit the part that was asked for.
    transaction.abort()
    throw error
  }
  return done
}

function put(transaction: IDBTransaction, before: Stored, after: readonly Uint8Array[], conflict: () => void): void {
  before.forEach(([kind, number], at) => {
    transaction.objectStore(kind).put(after[at], number)
  })
  const [, last] = lastRecord(before)
  const added = transaction.objectStore(LOG).add(after.at(-1))
  // The key generator tells what number others would be given.
  added.onsuccess = () => {
    if (added.result !== last + 1) conflict()
  }
  // It is kept anew when the page pauses.
  transaction.objectStore(HEAD).delete(THE_CART)
}
