import { expiresBy, indexOptions } from './declare.ts'
import { check, report } from './errors.ts'
import { type Bounds, valueAt } from './order.ts'
import type { Asked, Callback, Live } from './live.ts'
import { CATALOG, Name, type Source, type Store } from './store.ts'
import type {
  CollectionApi,
  CollectionOptions,
  Document,
  Key,
  KeyPart,
  LiveQuery,
  LiveResult,
  Range,
  Write,
} from './types.ts'

/** Rows of a range without a limit of its own. */
const LIMIT_DEFAULT = 100

/** A collection of a store, a snapshot or a transaction; `W` is what a write returns there. */
export class Rows<Row extends Document, W> {
  protected readonly source: Source<W, unknown>
  protected readonly number: number
  protected readonly options: CollectionOptions
  /** With its rule before it where it is synced. */
  readonly #name: string

  constructor(source: Source<W, unknown>, number: number, options: CollectionOptions, name: string) {
    this.source = source
    this.number = number
    this.options = options
    this.#name = name
  }

  put(row: Row): W {
    return this.putMany([row])
  }

  putMany(rows: readonly Row[]): W {
    const what = this.number === CATALOG ? 'products' : 'rows'
    check(Array.isArray(rows), what, 'an array')
    const { expires, key: [field = ''] = ['id'], merge } = this.options
    if (merge !== undefined) {
      check(rows.length > 0, what, 'some')
      return rows.map(row => this.#mutate(Name.PutRow, valueAt(row, field), { row })).pop()!
    }
    let dated: readonly Document[] = rows
    if (typeof expires === 'object') {
      const field = expiresBy(this.options)!
      const at = Date.now() + expires.afterMs
      dated = rows.map(row => (row[field] === undefined ? { ...row, [field]: at } : row))
    }
    return this.source.write(Name.Put, this.number, dated, what)
  }

  add(key: string, by: { readonly [field: string]: number }): W {
    const { key: [field = ''] = ['id'], merge } = this.options
    check(merge === 'counter', 'merge', 'counter')
    return this.#mutate(Name.AddToRow, key, { row: { [field]: key }, by })
  }

  /** Writes a row of a collection that is synced: its intent. */
  #mutate(name: Name, key: unknown, asked: object): W {
    check(typeof key === 'string', 'key', 'a string')
    return this.source.mutate(name, { collection: this.#name, key, ...asked }, this.number) as W
  }

  delete(key: Key): W {
    if (this.options.merge !== undefined) return this.#mutate(Name.DeleteRow, parts(key)[0], {})
    return this.source.write(Name.Delete, this.number, [parts(key)], 'key')
  }

  deleteRange(range: Omit<Range<Key>, 'reverse'>): W {
    const { limit } = range
    check(this.options.merge === undefined, 'collection', 'one that is not synced')
    check(limit === undefined || (Number.isSafeInteger(limit) && limit >= 0), 'limit', 'a whole number')
    return this.source.write(Name.DeleteRange, this.number, { ...bounds(range), limit }, 'range')
  }

  async get(key: Key): Promise<Row | undefined> {
    const [row] = await this.source.scan(this.number, '', { is: parts(key) }, 1, false, false)
    return row as Row | undefined
  }

  range(range: Range<Key> = {}): Promise<readonly Row[]> {
    return this.scan('', range)
  }

  query(index: string, range: Range<readonly KeyPart[]> = {}): Promise<readonly Row[]> {
    return this.scan(named(index), range)
  }

  count(range: Range<Key> = {}): Promise<number> {
    return this.source.count(this.number, '', bounds(range))
  }

  countBy(index: string, range: Range<readonly KeyPart[]> = {}): Promise<number> {
    return this.source.count(this.number, named(index), bounds(range))
  }

  protected async scan(index: string, range: Range<Key | readonly KeyPart[]>): Promise<readonly Row[]> {
    const { limit = LIMIT_DEFAULT, reverse = false } = range
    check(Number.isSafeInteger(limit) && limit >= 0, 'limit', 'a whole number')
    const rows = await this.source.scan(this.number, index, bounds(range), limit, reverse, false)
    return rows as readonly Row[]
  }
}

/** A collection of a store. */
export class Collection<Row extends Document> extends Rows<Row, Write> implements CollectionApi<Row> {
  protected readonly store: Store
  /** Few pages have live queries: the code for them comes when the first is made. */
  #live: Promise<Live> | undefined

  constructor(store: Store, number: number, options: CollectionOptions, name: string) {
    super(store, number, options, name)
    this.store = store
  }

  subscribe(callback: () => void): () => void
  subscribe(query: LiveQuery, callback: (result: LiveResult<Row>) => void): () => void
  subscribe(query: LiveQuery | (() => void), callback?: (result: LiveResult<Row>) => void): () => void {
    if (typeof query === 'function') return this.store.watch(this.number, () => query())
    check(query instanceof Object, 'query', 'an object or a function')
    check(typeof callback === 'function', 'callback', 'a function')
    const told = callback as (result: LiveResult<Document>) => void
    if ('key' in query) {
      const key = parts(query.key)
      const read = () => this.source.scan(this.number, '', { is: key }, 1, false, false) as Promise<readonly Document[]>
      return this.#listen({ key, fields: [], bounds: {}, read }, told)
    }
    const { index, ...range } = query
    const options = index === undefined ? [] : this.options.indexes?.[index]
    check(options !== undefined, 'index', 'the name of a declared index')
    const { fields } = indexOptions(options!)
    const read = () => this.scan(index ?? '', range)
    return this.#listen({ key: undefined, fields, bounds: bounds(range), read }, told)
  }

  #listen(asked: Asked, told: Callback): () => void {
    this.#live ??= import('./live.js').then(
      ({ Live }) => new Live(this.store, this.number, this.options.key ?? ['id']),
    )
    let stop: (() => void) | undefined
    let isStopped = false
    this.#live.then(
      live => {
        if (!isStopped) stop = live.add(asked, told)
      },
      error => {
        // The next query may find the network back.
        this.#live = undefined
        report(error)
      },
    )
    return () => {
      isStopped = true
      stop?.()
    }
  }

  protected isExpired(row: Row): boolean {
    const path = expiresBy(this.options)
    const at = path === undefined ? undefined : valueAt(row, path)
    return (typeof at === 'number' || at instanceof Date) && Number(at) <= Date.now()
  }
}

function named(index: string): string {
  check(typeof index === 'string' && index !== '', 'index', 'the name of an index')
  return index
}

/** A key as a list of its parts. */
function parts(key: Key | readonly KeyPart[]): readonly KeyPart[] {
  return Array.isArray(key) ? key : [key as KeyPart]
}

function bounds(range: Range<Key | readonly KeyPart[]>): Bounds & Document {
  const found: Record<string, readonly KeyPart[]> = {}
  for (const name of ['gte', 'gt', 'lte', 'lt'] as const) {
    const bound = range[name]
    if (bound !== undefined) found[name] = parts(bound)
  }
  return found
}
