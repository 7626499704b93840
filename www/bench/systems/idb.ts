import { openDB, type DBSchema, type IDBPDatabase, type StoreNames, type StoreValue } from 'idb'
import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

interface Schema extends DBSchema {
  products: { key: string; value: Product; indexes: { categoryPrice: [string, number] } }
  cart: { key: string; value: CartLine }
  visits: { key: string; value: Visit; indexes: { at: number } }
}

const RELAXED = { durability: 'relaxed' } as const

export async function open(): Promise<System> {
  return new Idb(
    await openDB<Schema>('bench-idb', 1, {
      upgrade(database) {
        database.createObjectStore('products', { keyPath: 'id' }).createIndex('categoryPrice', ['category', 'price'])
        database.createObjectStore('cart', { keyPath: 'sku' })
        database.createObjectStore('visits', { keyPath: 'id' }).createIndex('at', 'at')
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

  putLine(line: CartLine) {
    return this.put('cart', line)
  }

  private async put<Name extends StoreNames<Schema>>(name: Name, value: StoreValue<Schema, Name>) {
    const transaction = this.database.transaction(name, 'readwrite', RELAXED)
    void transaction.store.put(value)
    await transaction.done
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.put('products', product)))
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

  visit(visit: Visit) {
    return this.put('visits', visit)
  }

  async recent(limit: number) {
    // The declarations of neither the library nor the language know this form of getAll yet.
    const newest = { direction: 'prev', count: limit } as unknown as IDBKeyRange
    return this.database.transaction('visits').store.index('at').getAll(newest as unknown as number)
  }

  async close() {
    this.database.close()
  }
}
