import type { CartLine, Product } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

/**
 * What the platform allows: the fewest and largest records for writes, objects in memory for reads.
 * No store a shop could use, but what any store is bounded by.
 */
export async function open(): Promise<System> {
  const request = indexedDB.open('bench-limit', 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('batches', { autoIncrement: true })
    request.result.createObjectStore('cart', { keyPath: 'sku' })
  }
  return new Limit(await result(request))
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

class Limit implements System {
  private loaded: Memory | undefined

  constructor(private readonly database: IDBDatabase) {}

  private put(store: string, value: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(store, 'readwrite', { durability: 'relaxed' })
      transaction.objectStore(store).put(value)
      // Spares the page the round trip after which a transaction would find itself finished.
      transaction.commit()
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
  }

  private all<T>(store: string): Promise<T[]> {
    return result(this.database.transaction(store).objectStore(store).getAll())
  }

  private async memory(): Promise<Memory> {
    this.loaded ??= new Memory(await this.all<string>('batches'))
    return this.loaded
  }

  bulkLoad(products: readonly Product[]) {
    return this.putTogether(products)
  }

  putLine(line: CartLine) {
    return this.put('cart', line)
  }

  putTogether(products: readonly Product[]) {
    this.loaded = undefined
    return this.put('batches', JSON.stringify(products))
  }

  async get(id: string) {
    // Once loaded, a get is one look-up and the one await of its caller.
    return (this.loaded ?? (await this.memory())).byId.get(id)
  }

  async scan(id: string, limit: number) {
    return first((this.loaded ?? (await this.memory())).products, limit, product => product.id >= id)
  }

  async query({ category, gte, lt, limit }: PriceRange) {
    const inCategory = (this.loaded ?? (await this.memory())).byPrice.get(category) ?? []
    return first(inCategory, limit, ({ price }) => price >= gte).filter(({ price }) => price < lt)
  }

  cart() {
    return this.all<CartLine>('cart')
  }

  async close() {
    this.database.close()
  }
}

/** The products decoded, in the order of their ids and of their prices. */
class Memory {
  readonly products: readonly Product[]
  readonly byId: ReadonlyMap<string, Product>
  readonly byPrice: ReadonlyMap<string, Product[]>

  constructor(batches: readonly string[]) {
    this.products = batches.flatMap(batch => JSON.parse(batch) as Product[])
    this.byId = new Map(this.products.map(product => [product.id, product]))
    this.byPrice = Map.groupBy(
      [...this.products].sort((left, right) => left.price - right.price),
      product => product.category,
    )
  }
}

/** The first `limit` items of an ordered list from the first that `reached` accepts. */
function first<T>(items: readonly T[], limit: number, reached: (item: T) => boolean): readonly T[] {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (reached(items[middle]!)) high = middle
    else low = middle + 1
  }
  return items.slice(low, low + limit)
}
