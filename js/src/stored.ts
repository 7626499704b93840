import { openedAgain } from './again.ts'
import { isSealed } from './bytes.ts'
import { answer, openExisting } from './database.ts'
import type { Kind } from './encryption.ts'
import { PannierError } from './pannier.js'
import type { Opened, RecordStore } from './records/record-store.ts'

/** What is needed of a record store to look at it. */
export type RecordReads = Pick<RecordStore, 'open' | 'read'>

const [LOG, SEGMENT, HEAD] = ['log', 'segment', 'head'] as const

/** Its key in the object store `head`, as in `records/indexeddb.ts`. */
const THE_HEAD = 0

/** Stands for a record that was encrypted and is not what was stored there: no checksum fits it. */
const DAMAGED = new Uint8Array()

type Unseal = (kind: Kind, number: number, bytes: Uint8Array) => Promise<Uint8Array | undefined>

/** The records of a store in IndexedDB, to be read and not written: one that is not there is not made. */
export class StoredRecords implements RecordReads {
  readonly #database: IDBDatabase
  readonly #unseal: Unseal | undefined

  private constructor(database: IDBDatabase, unseal: Unseal | undefined) {
    this.#database = database
    this.#unseal = unseal
    // A deletion must not wait for this.
    database.onversionchange = () => database.close()
  }

  /** Undefined where there is no such store. */
  static async of(name: string, key: CryptoKey | undefined): Promise<StoredRecords | undefined> {
    const unseal = key && (await import('./encryption.js')).unsealer(key, name)
    const open = () => openExisting(`pannier:${name}`)
    try {
      const database = await open().catch(() => openedAgain(open))
      return database && new StoredRecords(database, unseal)
    } catch (error) {
      throw refused(error)
    }
  }

  async open(): Promise<Opened> {
    const opened = await this.#run([HEAD, LOG, SEGMENT], async transaction => {
      const log = transaction.objectStore(LOG)
      const segments = transaction.objectStore(SEGMENT)
      const [head, numbers, records, last] = await Promise.all([
        answer<Uint8Array | undefined>(transaction.objectStore(HEAD).get(THE_HEAD)),
        answer(log.getAllKeys()),
        answer<Uint8Array[]>(log.getAll()),
        answer(segments.openCursor(null, 'prev')),
      ])
      const segment = last === null ? undefined : { number: last.key as number, bytes: last.value as Uint8Array }
      return { head, numbers: numbers as number[], records, segment }
    })
    return this.#unsealed(opened)
  }

  async read(segments: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found = await this.#run([SEGMENT], transaction =>
      Promise.all(segments.map(number => answer<Uint8Array | undefined>(transaction.objectStore(SEGMENT).get(number)))),
    )
    const unseal = this.#unseal
    if (unseal === undefined) return found
    return Promise.all(found.map(async (bytes, at) => bytes && ((await unseal('segment', segments[at]!, bytes)) ?? DAMAGED)))
  }

  async #unsealed({ head, numbers, records, segment }: Opened): Promise<Opened> {
    const all: [Kind, number, Uint8Array][] = records.map((record, at) => ['log', numbers[at]!, record])
    if (head !== undefined) all.push(['head', THE_HEAD, head])
    if (segment !== undefined) all.push(['segment', segment.number, segment.bytes])
    const isEncrypted = all.some(([, , bytes]) => isSealed(bytes))
    const unseal = this.#unseal
    if (unseal === undefined) {
      if (isEncrypted) throw new PannierError('key_missing', 'the store is encrypted: its key is needed')
      return { head, numbers, records, segment }
    }
    if (!isEncrypted) throw new PannierError('not_encrypted', 'the store is not encrypted, and a key was given')
    const plain = await Promise.all(all.map(place => unseal(...place)))
    if (plain.every(bytes => bytes === undefined)) {
      throw new PannierError('wrong_key', 'the store is encrypted under another key')
    }
    const whole = plain.map(bytes => bytes ?? DAMAGED)
    return {
      records: whole.splice(0, numbers.length),
      numbers,
      head: head && whole.shift(),
      segment: segment && { number: segment.number, bytes: whole.shift()! },
    }
  }

  close(): void {
    this.#database.close()
  }

  async #run<T>(stores: string[], read: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    try {
      return await read(this.#database.transaction(stores))
    } catch (error) {
      throw refused(error)
    }
  }
}

function refused(error: unknown): PannierError {
  return new PannierError('storage_unavailable', `the storage does not give what is asked of it: ${error}`)
}
