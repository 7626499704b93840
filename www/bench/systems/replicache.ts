import type { ReadonlyJSONObject, ReadonlyJSONValue, WriteTransaction } from 'replicache'
import { ReplicacheImpl } from 'replicache/impl'
import type { CartLine, Product, Visit } from '../products.ts'
import type { PriceRange, System } from '../system.ts'

/** An index here is one string field, so a product carries its index key as one. */
type Stored = Product & { readonly categoryPrice: string }

const PRICE_DIGITS = 9

function indexKey(category: string, price: number): string {
  return `${category}/${String(price).padStart(PRICE_DIGITS, '0')}`
}

function stored(product: Product): Stored {
  return { ...product, categoryPrice: indexKey(product.category, product.price) }
}

const TIME_DIGITS = 13

/** A scan goes forwards only, so the newest visit has the lowest key. */
function newestFirst(at: number): string {
  return String(10 ** TIME_DIGITS - at).padStart(TIME_DIGITS, '0')
}

// The library types values as JSON with an index signature, which a named row type does not have.
const json = (value: Stored | CartLine | Visit) => value as unknown as ReadonlyJSONObject
const rows = (values: readonly ReadonlyJSONValue[]) => values as unknown as readonly Stored[]

const mutators = {
  putProduct: (transaction: WriteTransaction, value: ReadonlyJSONObject) =>
    transaction.set(`product/${value.id}`, value),
  putLine: (transaction: WriteTransaction, value: ReadonlyJSONObject) => transaction.set(`cart/${value.sku}`, value),
  visit: (transaction: WriteTransaction, value: ReadonlyJSONObject) =>
    transaction.set(`visit/${newestFirst(value.at as number)}`, value),
}

type Patch = { op: 'put'; key: string; value: ReadonlyJSONObject }[]

export async function open(): Promise<System> {
  return new ReplicacheSystem()
}

class ReplicacheSystem implements System {
  private patch: Patch = []

  // Persisting is scheduled on idle, up to a second later, and two may not overlap. The package's
  // `impl` entry lets us turn the schedule off and run the same step at once and await it.
  private readonly store = new ReplicacheImpl(
    {
      name: 'bench',
      logLevel: 'error',
      pullInterval: null,
      mutators,
      indexes: { categoryPrice: { jsonPointer: '/categoryPrice', prefix: 'product/' } },
      // Stands in for the server that would deliver a catalogue; nothing leaves the page.
      puller: async request => {
        const patch = this.patch.splice(0)
        const cookie = patch.length > 0 ? Number('cookie' in request ? request.cookie : 0) + 1 : request.cookie
        return {
          httpRequestInfo: { httpStatusCode: 200, errorMessage: '' },
          response: { cookie: cookie as number, lastMutationIDChanges: {}, patch },
        }
      },
    },
    { enableScheduledPersist: false, enablePullAndPushInOpen: false },
  )

  async bulkLoad(products: readonly Product[]) {
    this.patch = products.map(row => ({ op: 'put', key: `product/${row.id}`, value: json(stored(row)) }))
    await this.store.pull({ now: true })
    await this.store.persist()
  }

  async putLine(line: CartLine) {
    await this.store.mutate.putLine(json(line))
    await this.store.persist()
  }

  async putTogether(products: readonly Product[]) {
    await Promise.all(products.map(row => this.store.mutate.putProduct(json(stored(row)))))
    await this.store.persist()
  }

  async get(id: string) {
    const found = await this.store.query(transaction => transaction.get(`product/${id}`))
    return found as unknown as Stored | undefined
  }

  async scan(id: string, limit: number) {
    const start = { key: `product/${id}` }
    return rows(
      await this.store.query(transaction =>
        transaction.scan({ prefix: 'product/', start, limit }).values().toArray(),
      ),
    )
  }

  async query({ category, gte, lt, limit }: PriceRange) {
    const end = indexKey(category, lt)
    const found: ReadonlyJSONValue[] = []
    await this.store.query(async transaction => {
      const start = { key: [indexKey(category, gte)] as const }
      const entries = transaction.scan({ indexName: 'categoryPrice', prefix: `${category}/`, start, limit }).entries()
      for await (const [[key], value] of entries) {
        if (key >= end) break
        found.push(value)
      }
    })
    return rows(found)
  }

  plain(row: Product) {
    const { categoryPrice: _, ...plain } = row as Stored
    return plain
  }

  async cart() {
    const lines = await this.store.query(transaction => transaction.scan({ prefix: 'cart/' }).values().toArray())
    return lines as unknown as readonly CartLine[]
  }

  async visit(visit: Visit) {
    await this.store.mutate.visit(json(visit))
    await this.store.persist()
  }

  async recent(limit: number) {
    const found = await this.store.query(transaction =>
      transaction.scan({ prefix: 'visit/', limit }).values().toArray(),
    )
    return found as unknown as readonly Visit[]
  }

  async close() {
    await this.store.close()
  }
}
