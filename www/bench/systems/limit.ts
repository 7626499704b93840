import type { CartLine, Product } from '../products.ts'
import type { System } from '../system.ts'

const LINE_BYTES = 150

/**
 * What IndexedDB and JavaScript allow: the fewest and largest records of bytes for writes, a map in memory
 * for reads. No store a shop could use, but what any store on them is bounded by.
 */
export async function open(): Promise<System> {
  const request = indexedDB.open('bench-limit', 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('batches', { autoIncrement: true })
    request.result.createObjectStore('cart')
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

  get(id: string) {
    // Once loaded, a get is one look-up, and its caller's await.
    return this.loaded === undefined ? this.memory().then(({ byId }) => byId.get(id)) : this.loaded.byId.get(id)
  }

  async scan(id: string, limit: number) {
    const { products } = this.loaded ?? (await this.memory())
    const start = products.findIndex(product => product.id >= id)
    return start < 0 ? [] : products.slice(start, start + limit)
  }

  cart() {
    return this.all<CartLine>('cart')
  }

  async close() {
    this.database.close()
  }
}

class Memory {
  readonly byId: ReadonlyMap<string, Product>

  constructor(readonly products: readonly Product[]) {
    this.byId = new Map(products.map(product => [product.id, product]))
  }
}
