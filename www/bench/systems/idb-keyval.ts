import { createStore, get, getMany, keys, set, setMany, values } from 'idb-keyval'
import type { CartLine, Product, Visit } from '../products.ts'
import type { System } from '../system.ts'

/** A database holds one store of this library, so each kind of value has its own. */
export async function open(): Promise<System> {
  return new IdbKeyval()
}

class IdbKeyval implements System {
  private readonly products = createStore('bench-products', 'products')
  private readonly lines = createStore('bench-lines', 'lines')
  private readonly visits = createStore('bench-visits', 'visits')

  bulkLoad(products: readonly Product[]) {
    return setMany(
      products.map(product => [product.id, product]),
      this.products,
    )
  }

  putLine(line: CartLine) {
    return set(line.sku, line, this.lines)
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => set(product.id, product, this.products)))
  }

  get(id: string) {
    return get<Product>(id, this.products)
  }

  async scan(id: string, limit: number) {
    const ids = await keys<string>(this.products)
    const start = ids.findIndex(other => other >= id)
    return start < 0 ? [] : ((await getMany<Product>(ids.slice(start, start + limit), this.products)) as Product[])
  }

  cart() {
    return values<CartLine>(this.lines)
  }

  visit(visit: Visit) {
    return set(visit.at, visit, this.visits)
  }

  async recent(limit: number) {
    const times = await keys<number>(this.visits)
    return (await getMany<Visit>(times.slice(-limit).reverse(), this.visits)) as Visit[]
  }

  async close() {}
}
