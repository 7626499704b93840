/** SQLite in a worker, as the builds of it for browsers want it: documents as JSON text beside the indexed columns. */
import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'
import type { Answer, Request, Value } from './sqlite-worker.ts'

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS products (id TEXT PRIMARY KEY, category TEXT, price INTEGER, document TEXT) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS byCategoryPrice ON products (category, price);
  CREATE TABLE IF NOT EXISTS lines (sku TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS visits (at INTEGER PRIMARY KEY, document TEXT);
`

const PUT_PRODUCT = 'INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?)'

const rowOf = (product: Product) => [product.id, product.category, product.price, JSON.stringify(product)]

export class Sqlite implements System {
  private readonly waiting = new Map<number, { resolve(documents: string): void; reject(error: Error): void }>()
  private requests = 0

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const { resolve, reject } = this.waiting.get(data.number)!
      this.waiting.delete(data.number)
      if (data.error === undefined) resolve(data.documents)
      else reject(new Error(data.error))
    }
    worker.onerror = event => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the worker failed: ${event.message}`))
    }
  }

  static async open(worker: Worker): Promise<Sqlite> {
    const system = new Sqlite(worker)
    await system.ask({ kind: 'open', schema: SCHEMA })
    return system
  }

  private ask(request: Request): Promise<string> {
    const number = this.requests++
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject })
      this.worker.postMessage({ number, request })
    })
  }

  private async write(sql: string, rows: readonly (readonly Value[])[]): Promise<void> {
    await this.ask({ kind: 'write', sql, rows })
  }

  /** The documents that `sql` gives in its one column: they cross as one text. */
  private async read<T>(sql: string, values: readonly Value[]): Promise<readonly T[]> {
    return JSON.parse(await this.ask({ kind: 'read', sql, values }))
  }

  bulkLoad(products: readonly Product[]) {
    return this.write(PUT_PRODUCT, products.map(rowOf))
  }

  putLine(line: CartLine) {
    return this.write('INSERT OR REPLACE INTO lines VALUES (?, ?)', [[line.sku, JSON.stringify(line)]])
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(product => this.write(PUT_PRODUCT, [rowOf(product)])))
  }

  async get(id: string) {
    const [product] = await this.read<Product>('SELECT document FROM products WHERE id = ?', [id])
    return product
  }

  scan(id: string, limit: number) {
    return this.read<Product>('SELECT document FROM products WHERE id >= ? ORDER BY id LIMIT ?', [id, limit])
  }

  query({ category, gte, lt, limit }: PriceRange) {
    return this.read<Product>(
      'SELECT document FROM products WHERE category = ? AND price >= ? AND price < ? ORDER BY price LIMIT ?',
      [category, gte, lt, limit],
    )
  }

  cart() {
    return this.read<CartLine>('SELECT document FROM lines', [])
  }

  visit(visit: Visit) {
    return this.write('INSERT OR REPLACE INTO visits VALUES (?, ?)', [[visit.at, JSON.stringify(visit)]])
  }

  recent(limit: number) {
    return this.read<Visit>('SELECT document FROM visits ORDER BY at DESC LIMIT ?', [limit])
  }

  async close() {
    await this.ask({ kind: 'close' })
    this.worker.terminate()
  }
}
