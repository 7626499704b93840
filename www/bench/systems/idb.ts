import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { CartLine, Product } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

interface Schema extends DBSchema {
  products: { key: string; value: Product; indexes: { categoryPrice: [string, number] } }
  cart: { key: string; value: CartLine }
}

const RELAXED = { durability: 'relaxed' } as const

export async function open(): Promise<System> {
  return new Idb(
    await openDB<Schema>('bench-idb', 1, {
      upgrade(database) {
        database.createObjectStore('products', { keyPath: 'id' }).createIndex('categoryPrice', ['category', 'price'])
        database.createObjectStore('cart', { keyPath: 'sku' })
      },
    }),
  )
}

class Idb implements System {
  constructor(private readonly database: IDBPDatabase<Schema>) {}

  async bulkLoad(products: readonly Product[]) {
    const transaction = this.database.transaction('products', 'readwrite', RELAXED)
    for (const product of products) void transaction.store.put(product)
    await transaction.done
  }

  async putLine(line: CartLine) {
    const transaction = this.database.transaction('cart', 'readwrite', RELAXED)
    void transaction.store.put(line)
    await transaction.done
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(
      products.map(product => {
        const transaction = this.database.transaction('products', 'readwrite', RELAXED)
        void transaction.store.put(product)
        return transaction.done
      }),
    )
  }

  get(id: string) {
    return this.database.get('products', id)
  }

  scan(id: string, limit: number) {
    return this.database.getAll('products', IDBKeyRange.lowerBound(id), limit)
  }

  query({ category, gte, lt, limit }: PriceRange) {
    const range = IDBKeyRange.bound([category, gte], [category, lt], false, true)
    return this.database.getAllFromIndex('products', 'categoryPrice', range, limit)
  }

  cart() {
    return this.database.getAll('cart')
  }

  async close() {
    this.database.close()
  }
}
