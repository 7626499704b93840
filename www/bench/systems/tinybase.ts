import { createIndexes, createStore, type Row, type Store } from 'tinybase'
import { createIndexedDbPersister, type IndexedDbPersister } from 'tinybase/persisters/persister-indexed-db'
import type { CartLine, Product, Visit } from '../products.ts'
import type { OpenOptions, PriceRange, System } from '../system.ts'

/** A save writes the whole of its store, so what changes apart has a store of its own. */
export async function open({ cartOnly = false }: OpenOptions = {}): Promise<System> {
  const [products, lines, visits] = [table('products'), table('lines'), table('visits')]
  const shown = cartOnly ? [lines] : [products, lines, visits]
  await Promise.all(shown.map(({ persister }) => persister.load()))
  return new TinyBase(products, lines, visits)
}

interface Table {
  readonly store: Store
  readonly persister: IndexedDbPersister
}

function table(name: string): Table {
  const store = createStore()
  return { store, persister: createIndexedDbPersister(store, `bench-${name}`) }
}

// The library types rows by index signatures, which a named row type does not have.
const row = (value: Product | CartLine | Visit) => value as unknown as Row
const rows = (values: readonly Row[]) => values as readonly unknown[]

class TinyBase implements System {
  private readonly indexes

  constructor(
    private readonly products: Table,
    private readonly lines: Table,
    private readonly visits: Table,
  ) {
    this.indexes = createIndexes(products.store)
      .setIndexDefinition('byId', 'products', () => '', (_, id) => id)
      .setIndexDefinition('byCategoryPrice', 'products', 'category', 'price')
  }

  async bulkLoad(products: readonly Product[]) {
    const all = Object.fromEntries(products.map(product => [product.id, row(product)]))
    this.products.store.setTable('products', all)
    await this.products.persister.save()
  }

  async putLine(line: CartLine) {
    this.lines.store.setRow('lines', line.sku, row(line))
    await this.lines.persister.save()
  }

  async putTogether(products: readonly Product[]) {
    for (const product of products) this.products.store.setRow('products', product.id, row(product))
    await this.products.persister.save()
  }

  async get(id: string) {
    const { store } = this.products
    return store.hasRow('products', id) ? (store.getRow('products', id) as unknown as Product) : undefined
  }

  async scan(id: string, limit: number) {
    const ids = this.indexes.getSliceRowIds('byId', '')
    const start = firstPlace(ids, other => other >= id)
    return this.rowsOf(ids.slice(start, start + limit))
  }

  async query({ category, gte, lt, limit }: PriceRange) {
    const ids = this.indexes.getSliceRowIds('byCategoryPrice', category)
    const price = (id: string) => this.products.store.getCell('products', id, 'price') as number
    const start = firstPlace(ids, id => price(id) >= gte)
    const end = firstPlace(ids, id => price(id) >= lt)
    return this.rowsOf(ids.slice(start, Math.min(end, start + limit)))
  }

  private rowsOf(ids: readonly string[]) {
    return rows(ids.map(id => this.products.store.getRow('products', id))) as readonly Product[]
  }

  async cart() {
    return rows(Object.values(this.lines.store.getTable('lines'))) as readonly CartLine[]
  }

  async visit(visit: Visit) {
    this.visits.store.setRow('visits', visit.id, row(visit))
    await this.visits.persister.save()
  }

  async recent(limit: number) {
    const { store } = this.visits
    const ids = store.getSortedRowIds('visits', 'at', true, 0, limit)
    return rows(ids.map(id => store.getRow('visits', id))) as readonly Visit[]
  }

  async close() {
    for (const { persister } of [this.products, this.lines, this.visits]) await persister.destroy()
  }
}

/** The place of the first of the ordered `ids` that `reached` accepts. */
function firstPlace(ids: readonly string[], reached: (id: string) => boolean): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (reached(ids[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}
