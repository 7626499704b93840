/** A store's database, opened, with what the engine asks for first. */
export interface Ahead {
  readonly database: IDBDatabase
  readonly head: Uint8Array | undefined
  readonly numbers: readonly number[]
  readonly records: readonly Uint8Array[]
  /** The last segment written: it holds the root, and most likely the cart. */
  readonly segment: number | undefined
  readonly segmentBytes: Uint8Array | undefined
}

export function databaseName(name: string): string {
  return `pannier:${name}`
}

/**
 * Opens the database and reads from it while the wasm is loading: the reads wait for the disk, the wasm for the network.
 * Undefined where there is no database yet, because making one is the engine's, or where anything fails, because the
 * engine will meet the same and report it.
 */
export async function readAhead(name: string): Promise<Ahead | undefined> {
  let database: IDBDatabase | undefined
  try {
    database = await opened(databaseName(name))
    return database && (await read(database))
  } catch {
    database?.close()
    return undefined
  }
}

function opened(name: string): Promise<IDBDatabase | undefined> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    // Undone, the upgrade leaves no database behind.
    request.onupgradeneeded = () => request.transaction?.abort()
    request.onsuccess = () => resolve(request.result)
    request.onerror = event => {
      event.preventDefault()
      reject(request.error)
    }
  })
}

function read(database: IDBDatabase): Promise<Ahead> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(['head', 'log', 'segment'], 'readonly')
    const log = transaction.objectStore('log')
    const head = transaction.objectStore('head').get(0)
    const numbers = log.getAllKeys()
    const records = log.getAll()
    const last = transaction.objectStore('segment').openCursor(null, 'prev')
    // After the end of the transaction the cursor may no longer be asked.
    let segment: number | undefined
    let segmentBytes: Uint8Array | undefined
    last.onsuccess = () => {
      segment = last.result?.key as number | undefined
      segmentBytes = last.result?.value
    }
    transaction.onabort = () => reject(transaction.error)
    transaction.oncomplete = () =>
      resolve({
        database,
        head: head.result,
        numbers: numbers.result as number[],
        records: records.result,
        segment,
        segmentBytes,
      })
  })
}
