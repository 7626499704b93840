/**
 * The record store on IndexedDB. Three object stores: `log`, `segment` and `head`, with numbers as keys; an operation
 * is one transaction.
 *
 * The numbers of the log come from the key generator of its object store: it never gives a number twice, even when the
 * record is long deleted, so a tab that slept through others' commits cannot take a number of theirs.
 */
import { isSame, isSealed } from '../bytes.ts'
import { PannierError } from '../errors.ts'
import { newTextId } from '../id.ts'
import { refusal } from '../refusal.ts'
import { type Checkpoint, type KeptCart, type Opened, RECORD_BYTES_MAX, type RecordStore, REPLACED } from './record-store.ts'

/** Version of the database: of its object stores, not of what is in them. */
const DATABASE_VERSION = 1

const LOG = 'log'
const SEGMENT = 'segment'
const HEAD = 'head'

/** Keys in the store `head`. */
const THE_HEAD = 0
const THE_CART = 1
const THE_RESERVE = 2
const THE_ERASURE = 4
const THE_ID = 5

/** Segments that are put in one task: half a megabyte, but for large values. */
const PUT_AT_ONCE = 8

/** How often a new connection is asked whether a write is there whose answer was lost, and the wait before each time. */
const LOOKS_MAX = 5
const LOOK_AFTER_MS = 500

/** Ends a transaction whose condition does not hold. */
type Conflict = () => void

export class IndexedDbRecords implements RecordStore {
  readonly recordBytesMax = RECORD_BYTES_MAX
  readonly #name: string
  readonly #durability: IDBTransactionOptions
  readonly #first: Uint8Array
  #database: IDBDatabase | undefined
  #opening: Promise<IDBDatabase> | undefined
  #ahead: Promise<Opened> | undefined
  /** Told that the connection has gone, and perhaps the database. */
  readonly #gone: (() => void) | undefined
  /** The id of the database whose records were read, undefined where it is from before there were ids; null before that. */
  #id: string | undefined | null = null
  /** Whether the database was deleted because all is erased. */
  #isErased: Promise<true | void> | undefined

  /**
   * Opens the database and reads at once what `open` will be asked for: the wasm is still on its way then. `first` is log
   * record 0 of a new one, where records are encrypted.
   */
  constructor(name: string, durability: 'relaxed' | 'strict', first: Uint8Array = new Uint8Array(), gone?: () => void) {
    this.#name = databaseName(name)
    this.#first = first
    this.#gone = gone
    this.#durability = { durability }
    this.#ahead = this.#readAll()
    // Whoever asks hears of it.
    this.#ahead.catch(() => {})
  }

  open(logAfter: number | undefined): Promise<Opened> {
    // Others may have written since: as with any read, the next append finds out.
    const ahead = this.#ahead
    this.#ahead = undefined
    return ahead ?? this.#readAll(logAfter)
  }

  append(seq: number, bytes: Uint8Array, checked: boolean): Promise<boolean> {
    const isThere = () => this.#holds(LOG, seq, bytes)
    return this.#write([LOG], isThere, (transaction, conflict) => {
      const request = add(transaction, seq, bytes, checked ? conflict : undefined)
      if (checked) return () => true
      // Saves a round trip between the page and the database. Without it, in browsers from before 2021, the
      // transaction commits a little later.
      transaction.commit?.()
      return () => request.result === seq
    })
  }

  async read(segments: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#run([SEGMENT], 'readonly', transaction => {
      const requests = segments.map(number => transaction.objectStore(SEGMENT).get(number))
      return () => requests.map(request => request.result)
    })
  }

  checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    const isThere = () => this.#holds(HEAD, THE_HEAD, checkpoint.head)
    return this.#write([HEAD, LOG, SEGMENT], isThere, (transaction, conflict) => {
      const head = transaction.objectStore(HEAD)
      const before = head.get(THE_HEAD)
      before.onsuccess = () => {
        if (!isSame(before.result, checkpoint.headBefore)) conflict()
      }
      if (checkpoint.append) add(transaction, checkpoint.append.seq, checkpoint.append.bytes, conflict)
      const segment = transaction.objectStore(SEGMENT)
      // The browser copies what is put. The next follow as soon as the first of these is there.
      const put = (at: number, end: number) => {
        checkpoint.segments.slice(at, end).forEach((bytes, index) => {
          const request = segment.put(bytes, checkpoint.numbers[at + index])
          if (index === 0) request.onsuccess = () => put(end, end + PUT_AT_ONCE)
        })
      }
      put(0, PUT_AT_ONCE)
      for (const number of checkpoint.dropSegments) segment.delete(number)
      transaction.objectStore(LOG).delete(IDBKeyRange.upperBound(checkpoint.dropLogBelow, true))
      head.put(checkpoint.head, THE_HEAD)
      return () => true
    })
  }

  keepCart(kept: KeptCart): Promise<void> {
    return this.#keep(kept, THE_CART)
  }

  reserve(bytes: Uint8Array): Promise<void> {
    return this.#keep(bytes, THE_RESERVE)
  }

  async noteErasure(): Promise<void> {
    // A new connection may be to another database of that name.
    if (this.#database !== undefined) await this.#keep(true, THE_ERASURE)
  }

  #keep(value: unknown, key: number): Promise<void> {
    return this.#run([HEAD], 'readwrite', transaction => {
      transaction.objectStore(HEAD).put(value, key)
      return () => undefined
    })
  }

  close(): void {
    this.#database?.close()
    this.#database = undefined
  }

  #readAll(logAfter?: number): Promise<Opened> {
    // Whichever database it is.
    if (logAfter === undefined) this.#id = null
    return this.#run([HEAD, LOG, SEGMENT], 'readonly', transaction => {
      const log = transaction.objectStore(LOG)
      const range = logAfter === undefined ? null : IDBKeyRange.lowerBound(logAfter, true)
      const [head, numbers, records] = [transaction.objectStore(HEAD).get(THE_HEAD), log.getAllKeys(range), log.getAll(range)]
      let segment: Opened['segment']
      const id = transaction.objectStore(HEAD).get(THE_ID)
      if (logAfter === undefined) {
        const last = transaction.objectStore(SEGMENT).openCursor(null, 'prev')
        // After the end of the transaction the cursor may no longer be asked.
        last.onsuccess = () => {
          if (last.result) segment = { number: last.result.key as number, bytes: last.result.value }
        }
      }
      return () => {
        this.#id = id.result
        return { head: head.result, numbers: numbers.result as number[], records: records.result, segment }
      }
    }).then(opened => {
      if (this.#first.length === 0 && isSealed(opened.head ?? opened.records[0])) {
        throw new PannierError('key_missing', 'the store is encrypted: open it with its key')
      }
      return opened
    })
  }

  /**
   * Runs a transaction that writes. A connection that is lost may take the answer with it, and what is written twice is
   * done twice: so it is looked for on a new one.
   */
  #write(
    stores: string[],
    isThere: () => Promise<boolean>,
    fill: (transaction: IDBTransaction, conflict: Conflict) => () => boolean,
  ): Promise<boolean> {
    return this.#run(stores, 'readwrite', fill, false).catch(async error => {
      for (let look = 0; look < LOOKS_MAX; look++) {
        const found = await isThere().catch(() => undefined)
        if (found) return true
        if (found === false) break
        await new Promise(resolve => setTimeout(resolve, LOOK_AFTER_MS))
      }
      throw error
    })
  }

  #holds(store: string, key: number, bytes: Uint8Array): Promise<boolean> {
    return this.#run([store], 'readonly', get(store, key)).then(found => isSame(found, bytes))
  }

  /** Runs a transaction; `refused` is the answer where a condition in it did not hold. */
  #run<T>(
    stores: string[],
    mode: IDBTransactionMode,
    fill: (transaction: IDBTransaction, conflict: Conflict) => () => T,
    refused?: T,
  ): Promise<T> {
    // Promises of functions would be turns that every commit waits for.
    const run = (database: IDBDatabase) =>
      transact(database, stores, mode, this.#durability, fill, refused, error => {
        // The connection may be dead: the next operation opens a new one. A full disk is no fault of the connection.
        if (error?.name !== 'QuotaExceededError' && this.#database === database) this.close()
      })
    return this.#database === undefined ? this.#connect().then(run) : run(this.#database)
  }

  #connect(): Promise<IDBDatabase> {
    this.#opening ??= this.#connectNow().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  async #connectNow(): Promise<IDBDatabase> {
    if (await this.#isErased) throw refusal('erased', {})
    const database = await openDatabase(this.#name, request => create(request, this.#first))
    const read = (key: number) => transact(database, [HEAD], 'readonly', {}, get(HEAD, key))
    database.onclose = () => {
      if (this.#database === database) this.#database = undefined
      this.#gone?.()
    }
    // A newer version of the page or a deletion must not wait for this one.
    database.onversionchange = event => {
      // What has begun to be read by then is still there.
      if (event.newVersion === null) this.#isErased = read(THE_ERASURE).catch(() => {})
      database.close()
      database.onclose!(event)
    }
    if (this.#id !== null && (await read(THE_ID)) !== this.#id) {
      database.close()
      throw new DOMException('deleted', REPLACED)
    }
    this.#database = database
    return database
  }
}

function transact<T>(
  database: IDBDatabase,
  stores: string[],
  mode: IDBTransactionMode,
  options: IDBTransactionOptions,
  fill: (transaction: IDBTransaction, conflict: Conflict) => () => T,
  refused?: T,
  failed?: (error: Error | null) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      failed?.(error as Error | null)
      reject(error)
    }
    let transaction: IDBTransaction | undefined
    let isConflict = false
    let result: () => T
    try {
      transaction = database.transaction(stores, mode, options)
      transaction.oncomplete = () => resolve(result())
      transaction.onabort = () => (isConflict ? resolve(refused as T) : fail(transaction!.error))
      result = fill(transaction, () => {
        isConflict = true
        transaction!.abort()
      })
    } catch (error) {
      // Left alone, it would commit the part that was asked for.
      transaction?.abort()
      fail(error)
    }
  })
}

/** Reads one record. */
function get(store: string, key: number) {
  return (transaction: IDBTransaction) => {
    const request = transaction.objectStore(store).get(key)
    return () => request.result
  }
}

/** Adds a log record. Its number is given by the key generator and must be `seq`. */
function add(transaction: IDBTransaction, seq: number, bytes: Uint8Array, conflict?: Conflict): IDBRequest {
  const request = transaction.objectStore(LOG).add(bytes)
  if (conflict) {
    request.onsuccess = () => {
      if (request.result !== seq) conflict()
    }
  }
  return request
}

/**
 * The cart that was kept in the store `name`, if nothing was written since. Undefined otherwise: where there is no such
 * store, no IndexedDB, or anything fails, because the engine will meet the same and report it.
 */
export async function readKeptCart(name: string): Promise<KeptCart | undefined> {
  let database: IDBDatabase | undefined
  try {
    // Undone, the upgrade leaves no database behind.
    database = await openDatabase(databaseName(name), request => request.transaction?.abort())
    return await transact(database, [HEAD, LOG], 'readonly', {}, transaction => {
      const kept: IDBRequest<KeptCart | undefined> = transaction.objectStore(HEAD).get(THE_CART)
      let last: IDBValidKey | undefined
      const newest = transaction.objectStore(LOG).openKeyCursor(null, 'prev')
      newest.onsuccess = () => (last = newest.result?.key)
      return () => (kept.result?.seq === last ? kept.result : undefined)
    })
  } catch {
    return undefined
  } finally {
    database?.close()
  }
}

function databaseName(name: string): string {
  return `pannier:${name}`
}

/** Makes the object stores of a new database, with log record 0. */
function create({ result: database }: IDBOpenDBRequest, first: Uint8Array): void {
  database.createObjectStore(HEAD).add(newTextId(), THE_ID)
  database.createObjectStore(SEGMENT)
  database.createObjectStore(LOG, { autoIncrement: true }).add(first, 0)
}

function openDatabase(name: string, upgrade: (request: IDBOpenDBRequest) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, DATABASE_VERSION)
    request.onupgradeneeded = () => upgrade(request)
    request.onsuccess = () => resolve(request.result)
    request.onerror = event => {
      event.preventDefault()
      reject(request.error)
    }
  })
}
