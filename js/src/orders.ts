import { check, PannierError } from './errors.ts'
import { newTextId } from './id.ts'
import { Name, ORDERS, type Store } from './store.ts'
import type { Document, Edit, Order, OrdersApi, SubmitOrder } from './types.ts'

/** Most orders that a page reads at once. */
const ORDERS_MAX = 1000

/** The orders of a store. */
export class OrdersView implements OrdersApi {
  readonly #store: Store
  readonly #edited: () => void

  constructor(store: Store, edited: () => void) {
    this.#store = store
    this.#edited = edited
  }

  newId(): string {
    return newTextId()
  }

  submit({ orderId, attempt = 1, lines, validFor }: SubmitOrder): Edit {
    check(Array.isArray(lines) && lines.length > 0, 'lines', 'a list of lines')
    return this.#mutate(Name.SubmitOrder, { orderId, attempt, lines, validFor })
  }

  cancel(orderId: string, version: number): Edit {
    return this.#mutate(Name.CancelOrder, { orderId, version })
  }

  #mutate(name: Name, asked: object): Edit {
    // Only a server can place an order.
    if (!this.#store.isSynced(ORDERS)) throw new PannierError('not_synced', 'the scope orders is not synced')
    const edit = this.#store.mutate(name, asked)
    this.#edited()
    return edit
  }

  async get(orderId: string): Promise<Order | undefined> {
    const row = (await this.#store.get(ORDERS, orderId)) as Document | undefined
    return row && ({ orderId, ...row } as unknown as Order)
  }

  async read(): Promise<readonly Order[]> {
    const found = await this.#store.scan(ORDERS, '', {}, ORDERS_MAX, false, true)
    const orders: Order[] = []
    for (let index = 0; index < found.length; index += 2) {
      orders.push({ orderId: found[index], ...(found[index + 1] as Document) } as unknown as Order)
    }
    return orders.sort((one, other) => (other.at ?? Infinity) - (one.at ?? Infinity))
  }

  subscribe(callback: () => void): () => void {
    return this.#store.watch(ORDERS, () => callback())
  }
}
