import { check, PannierError, report } from './errors.ts'
import { CART, CART_ROWS_MAX, Name, type Source, type Store } from './store.ts'
import type { AddToCart, Cart, CartApi, CartLine, ClaimPolicy, Coupon, Document, Edit, GuestCart, Quote, Value } from './types.ts'


/** A line as it is stored. */
interface Row {
  readonly sku: string
  readonly options?: { readonly [name: string]: string }
  readonly qty: number
  readonly quote?: Quote
  readonly selected?: boolean
  readonly saved?: boolean
  readonly removed?: boolean
  /** Of a coupon, which is no line. */
  readonly coupon?: string
  readonly terms?: Document
}

/** Longest list of lines in a claim: with more they go without their quotes. */
const CLAIM_CHARACTERS_MAX = 100_000

/** The cart of rows that are each preceded by its key. */
export function toCart(found: readonly Value[]): Cart {
  const lines: CartLine[] = []
  const coupons: Coupon[] = []
  let count = 0
  for (let index = 0; index < found.length; index += 2) {
    const row = found[index + 1] as unknown as Row
    if (row.removed) continue
    const { sku, qty, options = {}, quote = null, selected = true, saved = false, coupon, terms = null } = row
    if (coupon !== undefined) {
      coupons.push(Object.freeze({ code: coupon, terms }))
      continue
    }
    lines.push(Object.freeze({ line: found[index] as string, sku, options, qty, quote, selected, saved }))
    count += qty
  }
  return Object.freeze({ lines: Object.freeze(lines), count, coupons: Object.freeze(coupons) })
}

/** The cart of a store, a snapshot or a transaction; `E` is what an edit returns there. */
export class CartLines<E> {
  readonly #source: Source<unknown, E>
  readonly #edited: () => void

  constructor(source: Source<unknown, E>, edited: () => void) {
    this.#source = source
    this.#edited = edited
  }

  add({ sku, qty = 1, options, quote }: AddToCart): E {
    check(typeof sku === 'string' && sku !== '', 'sku', 'a non-empty string')
    check(Number.isSafeInteger(qty) && qty >= 1, 'qty', 'a whole number of at least 1')
    return this.#edit(Name.Add, { sku, qty, options, quote })
  }

  adjust(line: string, by: number): E {
    check(Number.isSafeInteger(by), 'by', 'a whole number')
    return this.#edit(Name.Adjust, { line: named(line), by })
  }

  setQty(line: string, qty: number): E {
    check(Number.isSafeInteger(qty) && qty >= 0, 'qty', 'a whole number of at least 0')
    return this.#edit(Name.SetQty, { line: named(line), to: qty })
  }

  remove(line: string): E {
    return this.#edit(Name.Remove, { line: named(line) })
  }

  clear(): E {
    return this.#edit(Name.Clear, {})
  }

  select(line: string, selected = true): E {
    return this.#edit(Name.Select, { line: named(line), selected })
  }

  saveForLater(line: string, saved = true): E {
    return this.#edit(Name.SaveForLater, { line: named(line), saved })
  }

  redeem(code: string): E {
    return this.#edit(Name.Coupon, { code })
  }

  takeBack(code: string): E {
    return this.#edit(Name.Coupon, { code, remove: true })
  }

  claim({ shopper, token, lines }: GuestCart, { policy = 'max' }: { policy?: ClaimPolicy } = {}): E {
    return this.#edit(Name.Claim, { anonymous: shopper, secret: token, policy, lines })
  }

  async handOver(): Promise<readonly Document[]> {
    const found = await this.#source.scan(CART, '', {}, CART_ROWS_MAX, false, true)
    const lines: Document[] = []
    for (let index = 0; index < found.length; index += 2) {
      const row = found[index + 1] as Document
      if (row['coupon'] === undefined) lines.push({ ...row, line: found[index]! })
    }
    // A claim must fit into a request: what it leaves out, the server has, but for what was never sent.
    if (JSON.stringify(lines).length <= CLAIM_CHARACTERS_MAX) return lines
    return lines.map(({ quote, ...line }) => line)
  }

  async read(): Promise<Cart> {
    return toCart(await this.#source.scan(CART, '', {}, CART_ROWS_MAX, false, true))
  }

  #edit(name: Name, asked: object): E {
    const edit = this.#source.mutate(name, asked)
    this.#edited()
    return edit
  }
}

/** The cart of a store. */
export class CartView extends CartLines<Edit> implements CartApi {
  readonly #store: Store

  constructor(store: Store, edited: () => void) {
    super(store, edited)
    this.#store = store
  }

  subscribe(callback: (cart: Cart) => void): () => void {
    let shown = ''
    let stopped = false
    let reading = false
    let again: boolean
    const show = async () => {
      again = true
      if (reading) return
      reading = true
      while (again && !stopped) {
        again = false
        try {
          const cart = await this.read()
          const now = JSON.stringify(cart)
          if (stopped || now === shown) continue
          shown = now
          callback(cart)
        } catch (error) {
          // A read that the end of the store met is no news.
          if (!(error instanceof PannierError && error.code === 'closed')) report(error)
        }
      }
      reading = false
    }
    const stop = this.#store.watch(CART, show)
    void show()
    return () => {
      stopped = true
      stop()
    }
  }
}

function named(line: string): string {
  check(typeof line === 'string' && line !== '', 'line', 'the key of a cart line')
  return line
}
