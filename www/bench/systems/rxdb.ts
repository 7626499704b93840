import { createRxDatabase, type RxCollection, type RxDatabase, type RxJsonSchema } from 'rxdb/plugins/core'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'
import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

// An index needs bounds: the longest string, the least and greatest number and the step between two.
const text = { type: 'string', maxLength: 32 } as const
const whole = (maximum: number) => ({ type: 'integer', minimum: 0, maximum, multipleOf: 1 }) as const

const products: RxJsonSchema<Product> = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: {
    id: text,
    title: { type: 'string' },
    category: text,
    price: whole(1_000_000),
    currency: { type: 'string' },
    stock: { type: 'integer' },
    description: { type: 'string' },
    rating: { type: 'number' },
    colors: { type: 'array', items: { type: 'string' } },
  },
  required: ['id', 'title', 'category', 'price', 'currency', 'stock', 'description', 'rating', 'colors'],
  indexes: [['category', 'price']],
}

const lines: RxJsonSchema<CartLine> = {
  version: 0,
  primaryKey: 'sku',
  type: 'object',
  properties: {
    sku: text,
    options: { type: 'object', additionalProperties: { type: 'string' } },
    qty: { type: 'integer' },
    quote: { type: 'object', additionalProperties: true },
  },
  required: ['sku', 'options', 'qty', 'quote'],
}

const visits: RxJsonSchema<Visit> = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: { id: text, sku: { type: 'string' }, at: whole(10 ** 13), dwell: { type: 'integer' } },
  required: ['id', 'sku', 'at', 'dwell'],
  indexes: ['at'],
}

type Collections = {
  readonly products: RxCollection<Product>
  readonly lines: RxCollection<CartLine>
  readonly visits: RxCollection<Visit>
}

export async function open(): Promise<System> {
  const storage = getRxStorageDexie({ chromeTransactionDurability: 'relaxed' })
  const database = await createRxDatabase<Collections>({ name: 'bench', storage, multiInstance: false, eventReduce: true })
  await database.addCollections({
    products: { schema: products },
    lines: { schema: lines },
    visits: { schema: visits },
  })
  return new Rxdb(database)
}

class Rxdb implements System {
  constructor(private readonly database: RxDatabase<Collections>) {}

  async bulkLoad(products: readonly Product[]) {
    const { error } = await this.database.products.bulkInsert([...products])
    if (error.length > 0) throw new Error(`${error.length} products were not stored`)
  }

  async putLine(line: CartLine) {
    await this.database.lines.insert(line)
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.database.products.insert(product)))
  }

  async get(id: string): Promise<Product | undefined> {
    return (await this.database.products.findOne(id).exec()) ?? undefined
  }

  scan(id: string, limit: number): Promise<readonly Product[]> {
    return this.database.products.find({ selector: { id: { $gte: id } }, sort: [{ id: 'asc' }], limit }).exec()
  }

  query({ category, gte, lt, limit }: PriceRange): Promise<readonly Product[]> {
    const selector = { category: { $eq: category }, price: { $gte: gte, $lt: lt } }
    const sort: { [field in 'category' | 'price']?: 'asc' }[] = [{ category: 'asc' }, { price: 'asc' }]
    return this.database.products.find({ selector, sort, limit, index: ['category', 'price'] }).exec()
  }

  plain(row: Product) {
    return 'toJSON' in row ? (row as Product & { toJSON(): Product }).toJSON() : row
  }

  cart(): Promise<readonly CartLine[]> {
    return this.database.lines.find().exec()
  }

  async visit(visit: Visit) {
    await this.database.visits.insert(visit)
  }

  recent(limit: number): Promise<readonly Visit[]> {
    return this.database.visits.find({ sort: [{ at: 'desc' }], limit }).exec()
  }

  async close() {
    await this.database.close()
  }
}
