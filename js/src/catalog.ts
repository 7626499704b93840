import { isKeepable } from './codec.ts'
import { check } from './errors.ts'
import { CATALOG, type Store } from './store.ts'
import type { CatalogApi, KeyPart, Product, Range, Write } from './types.ts'

/** Products kept decoded, so that a warm read costs no decoding. About 10 MB at 1 kB each. */
const DECODED_MAX = 10_000

/** Rows of a range without a limit of its own. */
const LIMIT_DEFAULT = 100

/** The product cache of a store. */
export class CatalogView implements CatalogApi {
  readonly #store: Store
  readonly #decoded = new Map<string, Product>()
  #changes = 0

  constructor(store: Store) {
    this.#store = store
    store.watch(CATALOG, () => {
      this.#changes++
      this.#decoded.clear()
    })
  }

  put(product: Product): Write {
    return this.putMany([product])
  }

  putMany(products: readonly Product[]): Write {
    check(Array.isArray(products), 'products', 'an array')
    products.forEach((product, index) => {
      const id = product?.id
      check(typeof id === 'string' && id !== '', `products[${index}].id`, 'a non-empty string')
    })
    return this.#store.put(CATALOG, products, 'products')
  }

  async get(id: string): Promise<Product | undefined> {
    const decoded = this.#decoded.get(id)
    if (decoded !== undefined) return decoded
    check(typeof id === 'string', 'id', 'a string')
    const changes = this.#changes
    const product = (await this.#store.get(CATALOG, id)) as Product | undefined
    // A change since the read may have brought another one.
    if (product !== undefined && changes === this.#changes && isKeepable(product)) this.#keep(id, product)
    return product
  }

  range(range: Range<string> = {}): Promise<readonly Product[]> {
    return this.#scan('', range, bound => [bound])
  }

  query(index: string, range: Range<readonly KeyPart[]> = {}): Promise<readonly Product[]> {
    check(typeof index === 'string' && index !== '', 'index', 'the name of an index')
    return this.#scan(index, range, bound => bound)
  }

  subscribe(callback: () => void): () => void {
    return this.#store.watch(CATALOG, callback)
  }

  async #scan<K>(index: string, range: Range<K>, key: (bound: K) => unknown): Promise<readonly Product[]> {
    const { limit = LIMIT_DEFAULT, reverse = false } = range
    check(Number.isSafeInteger(limit) && limit >= 0, 'limit', 'a whole number')
    const bounds: Record<string, unknown> = {}
    for (const name of ['gte', 'gt', 'lte', 'lt'] as const) {
      const bound = range[name]
      if (bound !== undefined) bounds[name] = key(bound)
    }
    return (await this.#store.scan(CATALOG, index, bounds, limit, reverse, false)) as Product[]
  }

  #keep(id: string, product: Product): void {
    if (this.#decoded.size >= DECODED_MAX) {
      // A map iterates in the order of insertion: the first is the oldest.
      for (const oldest of this.#decoded.keys()) {
        this.#decoded.delete(oldest)
        break
      }
    }
    this.#decoded.set(id, product)
  }
}
