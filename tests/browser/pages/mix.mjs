// Mixed writes that a seed and a number tell, what they do to a shop, and what a shop then holds. In pages and in Node.

/** What `open` must be told. */
const OPTIONS = { collections: { notes: {} } }

/** The same for a store that may be under a key, which is the same on each visit. */
export async function optionsOf({ name, isEncrypted }) {
  if (!isEncrypted) return { name, ...OPTIONS }
  const bytes = new Uint8Array(32).fill(7)
  return { name, ...OPTIONS, key: await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']) }
}

const SKUS = 6
const PRODUCTS = 400
const NOTES = 40

/** The operation of this number; `who` keeps those of several tabs apart. */
export function operation(who, seed, number) {
  const random = generator(seed * 1_000_003 + number)
  const below = (limit) => Math.floor(random() * limit)
  const sku = `${who}-${below(SKUS)}`
  const kinds = [
    () => ({ do: 'add', sku, qty: 1 + below(3) }),
    () => ({ do: 'add', sku, qty: 1 + below(3) }),
    () => ({ do: 'adjust', sku, by: below(5) - 2 }),
    () => ({ do: 'set', sku, qty: below(4) }),
    () => ({ do: 'remove', sku }),
    // Few: of more than a thousand the oldest go.
    () => (number % 4 === 0 ? { do: 'visit', sku } : { do: 'adjust', sku, by: 1 }),
    () => ({ do: 'products', from: below(PRODUCTS), count: 1 + below(30), version: number }),
    () => ({ do: 'forget', from: below(PRODUCTS), count: below(50) }),
    () => ({ do: 'note', id: below(NOTES), text: `${number}`.repeat(1 + below(20)) }),
    () => ({ do: 'count', id: below(NOTES) }),
    () => ({ do: 'fold' }),
    // Too large for the log, so a checkpoint of its own.
    () => ({ do: 'products', from: 0, count: number % 3 === 0 ? PRODUCTS : 5, version: number }),
  ]
  return kinds[below(kinds.length)]()
}

/** The operations of a group are done in their order. */
export const groupOf = (asked) => (['products', 'forget'].includes(asked.do) ? 'products' : 'rest')

/** Nothing yet. */
export const nothing = () => ({ cart: {}, visits: 0, products: {}, notes: {} })

/** What a shop holds after one more operation; it changes `held`. */
export function after(held, asked) {
  const { cart, products, notes } = held
  const set = (sku, qty) => (qty > 0 ? (cart[sku] = qty) : delete cart[sku])
  switch (asked.do) {
    case 'add':
      set(asked.sku, (cart[asked.sku] ?? 0) + asked.qty)
      break
    case 'adjust':
      if (asked.sku in cart) set(asked.sku, cart[asked.sku] + asked.by)
      break
    case 'set':
      if (asked.sku in cart) set(asked.sku, asked.qty)
      break
    case 'remove':
      delete cart[asked.sku]
      break
    case 'visit':
      held.visits++
      break
    case 'products':
      for (let id = asked.from; id < asked.from + asked.count; id++) products[id] = asked.version
      break
    case 'forget':
      for (let id = asked.from; id < asked.from + asked.count; id++) delete products[id]
      break
    case 'note':
      notes[asked.id] = asked.text
      break
    case 'count':
      notes[asked.id] = `${(notes[asked.id] ?? '').length}`
      break
  }
  return held
}

/** Does an operation. Gives what resolves when it is durable. */
export async function perform(shop, who, asked) {
  const { cart, catalog, history } = shop
  const notes = shop.collection('notes')
  switch (asked.do) {
    case 'add':
      return { durable: cart.add({ sku: asked.sku, qty: asked.qty }).durable }
    case 'adjust':
      return { durable: cart.adjust(asked.sku, asked.by).durable }
    case 'set':
      return { durable: cart.setQty(asked.sku, asked.qty).durable }
    case 'remove':
      return { durable: cart.remove(asked.sku).durable }
    case 'visit':
      return { durable: history.visit({ sku: who }).durable }
    case 'products': {
      const ids = Array.from({ length: asked.count }, (_, index) => asked.from + index)
      const text = 'x'.repeat(800)
      return { durable: catalog.putMany(ids.map((id) => product(who, id, asked.version, text))).durable }
    }
    case 'forget': {
      const range = { gte: productId(who, asked.from), lt: productId(who, asked.from + asked.count) }
      return { durable: catalog.deleteRange(range).durable }
    }
    case 'note':
      return { durable: notes.put({ id: `${who}-${asked.id}`, text: asked.text }).durable }
    case 'count': {
      const id = `${who}-${asked.id}`
      await shop.transaction(async (transaction) => {
        const rows = transaction.collection('notes')
        await rows.put({ id, text: `${((await rows.get(id))?.text ?? '').length}` })
      })
      return { durable: Promise.resolve() }
    }
    case 'fold':
      return { durable: shop.flush() }
  }
}

/** What a shop holds of a tab's. */
export async function read(shop, who) {
  const [cart, visits, products, notes] = await Promise.all([
    shop.cart.read(),
    shop.history.recent({ limit: 10_000 }),
    shop.catalog.range({ limit: 10_000 }),
    shop.collection('notes').range({ limit: 10_000 }),
  ])
  const own = (rows, name, id, value) =>
    Object.fromEntries(rows.filter((row) => row[name].startsWith(who)).map((row) => [id(row), value(row)]))
  return {
    cart: own(cart.lines, 'sku', ({ sku }) => sku, ({ qty }) => qty),
    visits: visits.filter(({ sku }) => sku === who).length,
    products: own(products, 'id', ({ id }) => Number(id.slice(who.length + 1)), ({ version }) => version),
    notes: own(notes, 'id', ({ id }) => id.slice(who.length + 1), ({ text }) => text),
  }
}

const productId = (who, id) => `${who}-${`${id}`.padStart(5, '0')}`
const product = (who, id, version, text) => ({ id: productId(who, id), version, category: who, price: id, text })

/** Numbers from 0 to 1 by a seed (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
