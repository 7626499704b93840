/**
 * What few pages need of the storage: loaded when it fails, is asked about, or is memory. It imports nothing that has a
 * state, so that it stays a file of its own.
 */
import { openedAgain } from './again.ts'
import { MemoryRecords } from './records/memory.ts'
import type { Checkpoint, Opened, RecordStore } from './records/record-store.ts'
import { reserve } from './settle.ts'
import type { Store } from './store.ts'
import type { CatalogApi, StorageState, StorageUsage } from './types.ts'

export { MemoryRecords }

/** Milliseconds between pokes at storage that does not answer. */
const POKE_EVERY_MS = 1000

/** Milliseconds in which what was given up is folded away. */
const FLUSH_MS_MAX = 5000

/** Rows that are measured at a time: a few milliseconds. */
const MEASURE_ROWS = 500

/** What such a read gives: keys and rows. The same numbers stand in `store.ts`, with those that follow. */
const PAIRS = 1

/** A write, and collections. */
const DELETE_RANGE = 19
const [CART, HISTORY, CATALOG] = [1, 2, 3] as const

/** Milliseconds for which a lease holds without being renewed, and between looks whether another's has ended. */
const LEASE_MS = 9000
const LEASE_LOOK_MS = 100

/** Its key in the object store `head`, beside those in `records/indexeddb.ts`. */
const THE_LEASE = 3

/** Rows of a delete: few enough for the log, which has the reserve to grow into. */
const EVICT_ROWS = 256

type Change = (changed: Partial<StorageState>) => void

/** What takes the place of records that cannot be opened: until they can, where they are late. */
export async function instead(
  disk: RecordStore,
  isLate: boolean,
  error: Error,
  change: Change,
  adopted: () => void,
): Promise<RecordStore> {
  if (isLate) {
    change({ status: 'waiting', error })
    return new WaitingRecords(disk, adopted)
  }
  try {
    await openedAgain(() => disk.open(undefined))
  } catch (refused) {
    if ((refused as Error).name === 'PannierError') throw refused
    change({ status: 'memory', error })
    return new MemoryRecords()
  }
  adopted()
  return disk
}

/**
 * Stands for records that do not open: it shows an empty store, and writes to it wait. When the records have opened, the
 * first write is told that somebody else was first, as by another tab: what was done is then done once more on what is
 * there, and becomes durable.
 */
class WaitingRecords implements RecordStore {
  readonly recordBytesMax: number
  readonly #disk: RecordStore
  readonly #opened: Promise<boolean>
  #isOpen = false

  constructor(disk: RecordStore, adopted: () => void) {
    this.#disk = disk
    this.recordBytesMax = disk.recordBytesMax
    // An opening that hangs in Safari goes on when the list of databases is asked for.
    const poke = setInterval(() => void globalThis.indexedDB?.databases?.().catch(() => {}), POKE_EVERY_MS)
    this.#opened = disk.open(undefined).then(() => {
      clearInterval(poke)
      this.#isOpen = true
      adopted()
      return false
    })
    // Each write hears of it, and is tried again.
    this.#opened.catch(() => clearInterval(poke))
  }

  async open(logAfter: number | undefined): Promise<Opened> {
    return this.#isOpen ? this.#disk.open(logAfter) : { head: undefined, numbers: [0], records: [new Uint8Array()] }
  }

  append(seq: number, bytes: Uint8Array, checked: boolean): Promise<boolean> {
    return this.#isOpen ? this.#disk.append(seq, bytes, checked) : this.#opened
  }

  read(segments: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#disk.read(segments)
  }

  checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    return this.#isOpen ? this.#disk.checkpoint(checkpoint) : this.#opened
  }

  close(): void {
    this.#disk.close()
  }
}

/**
 * There is no room: the reserve is given up for the edits that wait, and what the server or the shopper can do without
 * goes, the catalog first, then the history. Afterwards the reserve is taken back.
 */
export async function makeRoom(
  records: RecordStore,
  catalog: Pick<CatalogApi, 'deleteRange' | 'count'>,
  store: Pick<Store, 'write' | 'flush'>,
  change: Change,
): Promise<void> {
  await records.reserve?.(new Uint8Array())
  if ((await catalog.count()) > 0) {
    change({ evicted: ['catalog'] })
    do await catalog.deleteRange({ limit: EVICT_ROWS }).durable
    while ((await catalog.count()) > 0)
  } else {
    change({ evicted: ['catalog', 'history'] })
    await store.write(DELETE_RANGE, HISTORY, {}, '').durable
  }
  // Where even that finds no room, the next failure must find this over.
  await Promise.race([store.flush(), new Promise(resolve => setTimeout(resolve, FLUSH_MS_MAX))])
  await reserve(records).catch(() => {})
}

/**
 * Locks for browsers without Web Locks: a lease in the store's own database, which its holder renews until the work is
 * done. That of a tab that dies runs out.
 */
export class Leases {
  readonly #name: string
  readonly #holder = crypto.getRandomValues(new Uint32Array(4)).join()

  constructor(name: string) {
    this.#name = name
  }

  async request<T>(_: string, { signal }: { signal: AbortSignal }, work: () => Promise<T>): Promise<T> {
    const database = await this.#open()
    try {
      while (!(await this.#take(database, LEASE_MS))) {
        await new Promise(resolve => setTimeout(resolve, LEASE_LOOK_MS))
        signal.throwIfAborted()
      }
      const renewal = setInterval(() => void this.#take(database, LEASE_MS).catch(() => {}), LEASE_MS / 3)
      try {
        return await work()
      } finally {
        clearInterval(renewal)
        await this.#take(database, 0).catch(() => {})
      }
    } finally {
      database.close()
    }
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(`pannier:${this.#name}`)
      // The store itself makes its database.
      request.onupgradeneeded = () => request.transaction?.abort()
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close()
        resolve(request.result)
      }
      request.onerror = () => reject(request.error)
    })
  }

  /** Takes the lease for so long, or ends it. Gives whether it is held now, by this tab. */
  #take(database: IDBDatabase, forMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const transaction = database.transaction('head', 'readwrite')
      const head = transaction.objectStore('head')
      const found: IDBRequest<{ holder: string; until: number } | undefined> = head.get(THE_LEASE)
      let isOurs = false
      found.onsuccess = () => {
        const held = found.result
        // One that lasts longer than any was given before the clock was set back.
        const left = (held?.until ?? 0) - Date.now()
        isOurs = held?.holder === this.#holder || left <= 0 || left > LEASE_MS
        if (isOurs) head.put({ holder: this.#holder, until: Date.now() + forMs }, THE_LEASE)
      }
      transaction.oncomplete = () => resolve(isOurs)
      transaction.onabort = () => reject(transaction.error)
    })
  }
}

/** Bytes by collection, and what the browser tells of the whole origin. */
export async function usage(
  store: Store,
  own: object = {},
  numberOf: (name: string) => number,
): Promise<StorageUsage> {
  const collections: { [name: string]: number } = {}
  const named = [['cart', CART], ['history', HISTORY], ['catalog', CATALOG]] as const
  for (const [name, number] of named) collections[name] = await bytesOf(store, number)
  for (const name of Object.keys(own)) collections[name] = await bytesOf(store, numberOf(name))
  const storage = globalThis.navigator?.storage
  const estimate = await storage?.estimate?.().catch(() => undefined)
  const isPersistent = (await storage?.persisted?.().catch(() => null)) ?? null
  return { collections, used: estimate?.usage ?? null, quota: estimate?.quota ?? null, isPersistent }
}

/** Bytes of a collection's rows and keys, a page at a time. */
async function bytesOf(store: Store, collection: number): Promise<number> {
  let bytes = 0
  let bounds: object = {}
  for (let count = MEASURE_ROWS; count === MEASURE_ROWS; ) {
    const asked = store.encode(bounds, '').slice()
    count = await store.read(engine => {
      const found = engine.scan(0, collection, '', asked, MEASURE_ROWS, false, PAIRS, 0)
      if (found >= 0) bytes += engine.resultLength()
      return found
    })
    if (count > 0) bounds = { gt: [store.result(2 * count)[2 * count - 2]].flat() }
  }
  return bytes
}
