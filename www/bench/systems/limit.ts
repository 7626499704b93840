import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

const LINE_BYTES = 150

/**
 * What the platform allows: the fewest and largest records of bytes for writes, objects in memory for
 * reads. No store a shop could use, but what any store is bounded by.
 */
export async function open(): Promise<System> {
  const request = indexedDB.open('bench-limit', 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('batches', { autoIncrement: true })
    request.result.createObjectStore('cart')
    request.result.createObjectStore('visits', { autoIncrement: true })
  }
  return new Limit(await result(request))
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const encoded = (value: object, length = 0) => encoder.encode(JSON.stringify(value).padEnd(length))
const decoded = <T>(bytes: Uint8Array): T => JSON.parse(decoder.decode(bytes))

class Limit implements System {
  private loaded: Memory | undefined
  private newest: readonly Visit[] | undefined
  private prepared = new Uint8Array()

  constructor(private readonly database: IDBDatabase) {}

  private put(store: string, bytes: Uint8Array, key?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.database.transaction(store, 'readwrite', { durability: 'relaxed' })
      transaction.objectStore(store).put(bytes, key)
      // Spares the page the round trip after which a transaction would find itself finished.
      transaction.commit()
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
  }

  private async all<T>(store: string): Promise<T[]> {
    const values = await result(this.database.transaction(store).objectStore(store).getAll())
    return values.map(bytes => decoded<T>(bytes))
  }

  private async memory(): Promise<Memory> {
    this.loaded ??= new Memory((await this.all<Product[]>('batches')).flat())
    return this.loaded
  }

  prepareBulkLoad(products: readonly Product[]) {
    this.prepared = encoded(products)
  }

  bulkLoad() {
    this.loaded = undefined
    return this.put('batches', this.prepared)
  }

  putLine(line: CartLine) {
    return this.put('cart', encoded(line, LINE_BYTES), line.sku)
  }

  putTogether(products: readonly Product[]) {
    this.loaded = undefined
    return this.put('batches', encoded(products))
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

  visit(visit: Visit) {
    this.newest = undefined
    return this.put('visits', encoded(visit))
  }

  async recent(limit: number) {
    this.newest ??= (await this.all<Visit>('visits')).reverse()
    return this.newest.slice(0, limit)
  }

  async close() {
    this.database.close()
  }
}

/** The products decoded, in the order of their ids and of their prices. */
class Memory {
  readonly byId: ReadonlyMap<string, Product>
  readonly byPrice: ReadonlyMap<string, Product[]>

  constructor(readonly products: readonly Product[]) {
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
