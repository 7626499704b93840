import { Dexie, type EntityTable } from 'dexie'
import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

class Database extends Dexie {
  products!: EntityTable<Product, 'id'>
  lines!: EntityTable<CartLine, 'sku'>
  visits!: EntityTable<Visit, 'id'>

  constructor() {
    super('bench-dexie', { chromeTransactionDurability: 'relaxed' })
    this.version(1).stores({ products: 'id,[category+price]', lines: 'sku', visits: 'id,at' })
  }
}

export async function open(): Promise<System> {
  const database = new Database()
  await database.open()
  return new DexieSystem(database)
}

class DexieSystem implements System {
  constructor(private readonly database: Database) {}

  async bulkLoad(products: readonly Product[]) {
    await this.database.products.bulkAdd(products)
  }

  async putLine(line: CartLine) {
    await this.database.lines.put(line)
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.database.products.put(product)))
  }

  async get(id: string) {
    return this.database.products.get(id)
  }

  async scan(id: string, limit: number) {
    return this.database.products.where('id').aboveOrEqual(id).limit(limit).toArray()
  }

  async query({ category, gte, lt, limit }: PriceRange) {
    const found = this.database.products
      .where('[category+price]')
      .between([category, gte], [category, lt], true, false)
    return found.limit(limit).toArray()
  }

  async cart() {
    return this.database.lines.toArray()
  }

  async visit(visit: Visit) {
    await this.database.visits.put(visit)
  }

  async recent(limit: number) {
    return this.database.visits.orderBy('at').reverse().limit(limit).toArray()
  }

  async close() {
    this.database.close()
  }
}
