import { isSame } from './bytes.ts'
import { guarded, report } from './errors.ts'
import { type Bounds, isWithin, mayBeWithin, type Parts, textOf, valueAt } from './order.ts'
import type { Changed } from './changed.ts'
import type { Store } from './store.ts'
import type { Document, Key, LiveResult, RowChange, Value } from './types.ts'

/** What a live query asks. */
export interface Asked {
  /** The one key it is about. */
  readonly key: Parts | undefined
  /** The paths of the fields of the index that orders the rows; none where their keys do. */
  readonly fields: readonly string[]
  readonly bounds: Bounds
  /** Asks the store. What is in memory is read before it returns. */
  read(): Promise<readonly Document[]>
}

export type Callback = (result: LiveResult<Document>) => void

interface Query {
  readonly asked: Asked
  readonly callback: Callback
  /** The rows that were told, by the texts of their keys. */
  rows: Map<string, Document> | undefined
  /** Reads that have not been told. */
  reading: number
  last: Promise<void>
  isStopped: boolean
}

/** The live queries of a collection. What does not touch their rows and ranges asks the engine nothing. */
export class Live {
  readonly #store: Store
  readonly #collection: number
  /** Paths of the fields that make the key of a row. */
  readonly #key: readonly string[]
  /** Queries of one key, by its text. */
  readonly #ofKeys = new Map<string, Set<Query>>()
  readonly #ofRanges = new Set<Query>()
  #stop: (() => void) | undefined

  constructor(store: Store, collection: number, key: readonly string[]) {
    this.#store = store
    this.#collection = collection
    this.#key = key
  }

  /** Tells the result now and after each commit that changes it. Returns what stops it. */
  add(asked: Asked, callback: Callback): () => void {
    const query: Query = { asked, callback, rows: undefined, reading: 0, last: Promise.resolve(), isStopped: false }
    const text = asked.key && textOf(asked.key)
    const queries = text === undefined ? this.#ofRanges : (this.#ofKeys.get(text) ?? new Set())
    if (text !== undefined) this.#ofKeys.set(text, queries)
    queries.add(query)
    this.#stop ??= this.#store.watch(this.#collection, changed => this.#changed(changed))
    this.#run(query)
    return () => {
      query.isStopped = true
      queries.delete(query)
      if (text !== undefined && queries.size === 0) this.#ofKeys.delete(text)
      if (this.#ofKeys.size > 0 || this.#ofRanges.size > 0) return
      this.#stop?.()
      this.#stop = undefined
    }
  }

  /** Asks again where the result may be another one. */
  #changed(changed: Changed): void {
    const due = new Set<Query>()
    if (changed === undefined) {
      for (const queries of [...this.#ofKeys.values(), this.#ofRanges]) for (const query of queries) due.add(query)
    }
    for (const key of changed ?? []) {
      const text = textOf(key)
      for (const query of this.#ofKeys.get(text) ?? []) due.add(query)
      let row: Value | undefined
      let isRead = false
      // Queries by the same index see the same entry.
      const entries = new Map<readonly string[], readonly unknown[]>()
      for (const query of this.#ofRanges) {
        const { fields, bounds } = query.asked
        let isDue = query.reading > 0 || query.rows === undefined || query.rows.has(text)
        if (!isDue && fields.length === 0) isDue = isWithin(key, bounds)
        else if (!isDue) {
          if (!isRead) row = this.#store.rowNow(this.#collection, key)
          isRead = true
          isDue = row === null
          if (row != null) {
            const entry = entries.get(fields) ?? [...fields.map(path => valueAt(row as Document, path)), ...key]
            entries.set(fields, entry)
            isDue = mayBeWithin(entry, bounds)
          }
        }
        if (isDue) due.add(query)
      }
    }
    for (const query of due) this.#run(query)
  }

  /** What is in memory is read at once: a later commit is told by a read of its own. */
  #run(query: Query): void {
    query.reading++
    const reading = query.asked.read()
    // It may fail before its turn to be told has come.
    reading.catch(() => {})
    query.last = query.last.then(async () => {
      try {
        const rows = await reading
        if (!query.isStopped) this.#take(query, rows)
      } catch (error) {
        if (!query.isStopped && !this.#store.isOver()) report(error)
      } finally {
        query.reading--
      }
    })
  }

  #take(query: Query, rows: readonly Document[]): void {
    const before = query.rows
    const after = new Map<string, Document>()
    const changes: RowChange<Document>[] = []
    for (const row of rows) {
      const key = this.#keyOf(row)
      const text = textOf(key)
      // An index may have several entries of a row.
      if (after.has(text)) continue
      after.set(text, row)
      const old = before?.get(text)
      if (old === undefined) changes.push({ key: told(key), after: row })
      else if (old !== row && !this.#isSame(old, row)) changes.push({ key: told(key), before: old, after: row })
    }
    for (const [text, row] of before ?? []) {
      if (!after.has(text)) changes.push({ key: told(this.#keyOf(row)), before: row })
    }
    query.rows = after
    if (before === undefined) guarded(() => query.callback({ rows, changes: [] }))
    else if (changes.length > 0) guarded(() => query.callback({ rows, changes }))
  }

  /** Whether two rows are stored alike. One that holds a date or bytes is another object each time. */
  #isSame(one: Document, other: Document): boolean {
    return isSame(this.#store.encode(one, 'row').slice(), this.#store.encode(other, 'row'))
  }

  #keyOf(row: Document): Parts {
    return this.#key.flatMap(path => valueAt(row, path)) as unknown as Parts
  }
}

/** A key as a page writes it. */
function told(key: Parts): Key {
  return (key.length === 1 ? key[0] : key) as Key
}
