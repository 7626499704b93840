import type { CartLine, Product, Visit } from './products.ts'

/** What a category page asks for: the first `limit` products of a category in a price range, cheapest first. */
export interface PriceRange {
  readonly category: string
  readonly gte: number
  readonly lt: number
  readonly limit: number
}

/**
 * One store under measurement. Each module in `systems/` exports `open`, which gives one of these. Absent is
 * what only workloads need that the system lacks.
 */
export interface System {
  /** What the bulk load may have ready before the clock starts. For the physical limit alone. */
  prepareBulkLoad?(products: readonly Product[]): void
  /** Stores all products with the index on category and price; resolves when they are durable. */
  bulkLoad(products: readonly Product[]): Promise<void>
  /** Stores one cart line; resolves when it is durable. */
  putLine(line: CartLine): Promise<void>
  /** Issues one put for each product without awaiting between them; resolves when all are durable. */
  putTogether(products: readonly Product[]): Promise<void>
  get(id: string): Promise<Product | undefined> | Product | undefined
  /** Products from `id` on, in the order of their ids. */
  scan(id: string, limit: number): Promise<readonly Product[]>
  query?(range: PriceRange): Promise<readonly Product[]>
  cart(): Promise<readonly CartLine[]>
  /** Records a visit; resolves when it is durable. A store that gives ids and times itself passes over the given ones. */
  visit?(visit: Visit): Promise<void>
  /** The last `limit` visits, newest first. */
  recent?(limit: number): Promise<readonly Visit[]>
  close(): Promise<void>
  /** The product as it was given, without fields that the system had to add. Used outside the timed part. */
  plain?(row: Product): Product
}

export interface OpenOptions {
  /** Bytes of stored data that the store may keep in memory. For stores that have such a budget. */
  readonly cacheBytes?: number
  /** The page shows a cart and nothing else yet: a store that reads all rows when it opens may leave the others out. */
  readonly cartOnly?: boolean
}

export interface SystemModule {
  open(options?: OpenOptions): Promise<System>
}
