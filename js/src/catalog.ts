import { isKeepable } from './codec.ts'
import { Collection } from './collection.ts'
import { check } from './errors.ts'
import { CATALOG, type Store } from './store.ts'
import type { CatalogApi, CatalogOptions, Product, Write } from './types.ts'

/** Products kept decoded, so that a warm read costs no decoding. About 10 MB at 1 kB each. */
const DECODED_MAX = 10_000

/** The product cache of a store. */
export class CatalogView extends Collection<Product> implements CatalogApi {
  readonly #decoded = new Map<string, Product>()
  #changes = 0

  constructor(store: Store, options: CatalogOptions) {
    super(store, CATALOG, options, 'products')
    store.watch(CATALOG, () => {
      this.#changes++
      this.#decoded.clear()
    })
  }

  override putMany(products: readonly Product[]): Write {
    check(Array.isArray(products), 'products', 'an array')
    products.forEach((product, index) => {
      const id = product?.id
      check(typeof id === 'string' && id !== '', `products[${index}].id`, 'a non-empty string')
    })
    return super.putMany(products)
  }

  override async get(id: string): Promise<Product | undefined> {
    let product = this.#decoded.get(id)
    if (product === undefined) {
      check(typeof id === 'string', 'id', 'a string')
      const changes = this.#changes
      product = (await this.store.get(CATALOG, id)) as Product | undefined
      // A change since the read may have brought another one.
      if (product !== undefined && changes === this.#changes && isKeepable(product)) this.#keep(id, product)
    }
    return product === undefined || this.isExpired(product) ? undefined : product
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
