import { open as openShop, peekCart } from 'pannier'
import type { Cart, Shop } from 'pannier'
import type { CartLine, Product, Visit } from '../products.ts'
import type { OpenOptions, PriceRange, System } from '../system.ts'

export function open(options?: OpenOptions): Promise<System> {
  return openUnder(undefined, options)
}

export async function openUnder(key: CryptoKey | undefined, { cacheBytes, cartOnly }: OpenOptions = {}): Promise<System> {
  const kept = cartOnly ? await peekCart('bench', key) : undefined
  if (kept !== undefined) return new KeptCart(kept) as Partial<System> as System
  return new Pannier(await openShop({ name: 'bench', cacheBytes, key }))
}

class Pannier implements System {
  constructor(private readonly shop: Shop) {}

  bulkLoad(products: readonly Product[]) {
    return this.shop.catalog.putMany(products).durable
  }

  putLine(line: CartLine) {
    return this.shop.cart.add(line).durable
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.shop.catalog.put(product).durable))
  }

  get(id: string) {
    return this.shop.catalog.get(id) as Promise<Product | undefined>
  }

  scan(id: string, limit: number) {
    return this.shop.catalog.range({ gte: id, limit }) as Promise<readonly unknown[]> as Promise<readonly Product[]>
  }

  query({ category, gte, lt, limit }: PriceRange) {
    const range = { gte: [category, gte], lt: [category, lt], limit }
    return this.shop.catalog.query('byCategoryPrice', range) as Promise<readonly unknown[]> as Promise<readonly Product[]>
  }

  async cart() {
    return (await this.shop.cart.read()).lines as readonly unknown[] as readonly CartLine[]
  }

  visit({ sku, dwell }: Visit) {
    return this.shop.history.visit({ sku, dwell }).durable
  }

  recent(limit: number) {
    return this.shop.history.recent({ limit })
  }

  close() {
    return this.shop.close()
  }
}

/** The cart as a page shows it first, before the engine is there. */
class KeptCart implements Pick<System, 'cart' | 'close'> {
  constructor(private readonly kept: Cart) {}

  async cart() {
    return this.kept.lines as readonly unknown[] as readonly CartLine[]
  }

  async close() {}
}
