import { Collection } from './collection.ts'
import { CATALOG_INDEXES } from './declare.ts'
import { check } from './errors.ts'
import { CATALOG, type Store } from './store.ts'
import type { CatalogApi, CatalogOptions, Product, Write } from './types.ts'

/** The product cache of a store. */
export class CatalogView extends Collection<Product> implements CatalogApi {
  constructor(store: Store, options: CatalogOptions) {
    super(store, CATALOG, { indexes: CATALOG_INDEXES, ...options }, 'catalog')
  }

  override putMany(products: readonly Product[]): Write {
    check(Array.isArray(products), 'products', 'an array')
    products.forEach((product, index) => {
      const id = product?.id
      // Its name is put together for the bad one only: there may be many.
      if (typeof id !== 'string' || id === '') check(false, `products[${index}].id`, 'a non-empty string')
    })
    return super.putMany(products)
  }

  override async get(id: string): Promise<Product | undefined> {
    let product = this.store.decoded(CATALOG, id) as Product | undefined
    if (product === undefined) {
      check(typeof id === 'string', 'id', 'a string')
      product = (await this.store.get(CATALOG, id)) as Product | undefined
    }
    return product === undefined || this.isExpired(product) ? undefined : product
  }
}
