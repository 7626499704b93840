import indexeddbAdapter from 'pouchdb-adapter-indexeddb'
import PouchDB from 'pouchdb-browser'
import find from 'pouchdb-find'
import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

PouchDB.plugin(indexeddbAdapter).plugin(find)

const OPTIONS = { adapter: 'indexeddb', auto_compaction: true, revs_limit: 1 } as const

const INDEX = 'byCategoryPrice'
const TIME_DIGITS = 13

export async function open(): Promise<System> {
  const system = new Pouch()
  await system.createIndex()
  return system
}

const NOT_FOUND = 404

class Pouch implements System {
  private readonly products = new PouchDB<Product>('bench-products', OPTIONS)
  private readonly lines = new PouchDB<CartLine>('bench-lines', OPTIONS)
  private readonly visits = new PouchDB<Visit>('bench-visits', OPTIONS)

  async createIndex() {
    await this.products.createIndex({ index: { fields: ['category', 'price'], ddoc: INDEX, name: INDEX } })
  }

  async bulkLoad(products: readonly Product[]) {
    const stored = await this.products.bulkDocs(products.map(product => ({ _id: product.id, ...product })))
    if (!stored.every(({ ok }) => ok)) throw new Error('not every product was stored')
  }

  async putLine(line: CartLine) {
    await this.lines.put({ _id: line.sku, ...line })
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.products.put({ _id: product.id, ...product })))
  }

  async get(id: string) {
    try {
      return await this.products.get(id)
    } catch (error) {
      if ((error as { status?: number }).status === NOT_FOUND) return undefined
      throw error
    }
  }

  async scan(id: string, limit: number) {
    const { rows } = await this.products.allDocs({ include_docs: true, startkey: id, limit })
    return rows.map(({ doc }) => doc)
  }

  async query({ category, gte, lt, limit }: PriceRange) {
    const selector = { category, price: { $gte: gte, $lt: lt } }
    const { docs } = await this.products.find({ selector, sort: ['category', 'price'], limit, use_index: INDEX })
    return docs
  }

  plain(row: Product) {
    return Object.fromEntries(Object.entries(row).filter(([name]) => !name.startsWith('_'))) as Product
  }

  async cart() {
    const { rows } = await this.lines.allDocs({ include_docs: true })
    return rows.map(({ doc }) => doc)
  }

  async visit(visit: Visit) {
    await this.visits.put({ _id: String(visit.at).padStart(TIME_DIGITS, '0'), ...visit })
  }

  async recent(limit: number) {
    const { rows } = await this.visits.allDocs({ include_docs: true, descending: true, limit })
    return rows.map(({ doc }) => doc)
  }

  async close() {
    for (const database of [this.products, this.lines, this.visits]) await database.close()
  }
}
