import {
  and, BTreeIndex, createCollection, createIndexedDB, eq, gte as atLeast, indexedDBCollectionOptions, lt as below, queryOnce,
  type IndexedDBInstance,
} from '@tanstack/db'
import type { CartLine, Product, Visit } from '../products.ts'
import type { OpenOptions, PriceRange, System } from '../system.ts'

export async function open({ cartOnly = false }: OpenOptions = {}): Promise<System> {
  const database = await createIndexedDB({ name: 'bench', version: 1, stores: ['products', 'lines', 'visits'] })
  const system = new TanstackDb(database)
  await system.load(cartOnly)
  return system
}

function collectionOf<T extends object>(database: IndexedDBInstance, name: string, getKey: (row: T) => string) {
  return createCollection(indexedDBCollectionOptions<T, string>({ db: database, name, getKey }))
}

class TanstackDb implements System {
  private readonly products
  private readonly lines
  private readonly visits

  constructor(private readonly database: IndexedDBInstance) {
    this.products = collectionOf<Product>(database, 'products', product => product.id)
    this.lines = collectionOf<CartLine>(database, 'lines', line => line.sku)
    this.visits = collectionOf<Visit>(database, 'visits', visit => visit.id)
    this.products.createIndex(product => product.id, { indexType: BTreeIndex })
    this.products.createIndex(product => product.category, { indexType: BTreeIndex })
    this.products.createIndex(product => product.price, { indexType: BTreeIndex })
    this.visits.createIndex(visit => visit.at, { indexType: BTreeIndex })
  }

  async load(cartOnly: boolean) {
    const shown = cartOnly ? [this.lines] : [this.products, this.lines, this.visits]
    await Promise.all(shown.map(collection => collection.preload()))
  }

  async bulkLoad(products: readonly Product[]) {
    await this.products.insert([...products]).isPersisted.promise
  }

  async putLine(line: CartLine) {
    await this.lines.insert(line).isPersisted.promise
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.products.insert(product).isPersisted.promise))
  }

  async get(id: string) {
    return this.products.get(id)
  }

  scan(id: string, limit: number) {
    return queryOnce(query =>
      query
        .from({ product: this.products })
        .where(({ product }) => atLeast(product.id, id))
        .orderBy(({ product }) => product.id)
        .limit(limit),
    )
  }

  query({ category, gte, lt, limit }: PriceRange) {
    return queryOnce(query =>
      query
        .from({ product: this.products })
        .where(({ product }) =>
          and(eq(product.category, category), atLeast(product.price, gte), below(product.price, lt)),
        )
        .orderBy(({ product }) => product.price)
        .limit(limit),
    )
  }

  plain(row: Product) {
    return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('$'))) as Product
  }

  async cart() {
    return this.lines.toArray
  }

  async visit(visit: Visit) {
    await this.visits.insert(visit).isPersisted.promise
  }

  recent(limit: number) {
    return queryOnce(query =>
      query
        .from({ visit: this.visits })
        .orderBy(({ visit }) => visit.at, 'desc')
        .limit(limit),
    )
  }

  async close() {
    await Promise.all([this.products.cleanup(), this.lines.cleanup(), this.visits.cleanup()])
    this.database.close()
  }
}
