/** Reading the catalogue: categories, a category's products by price, and whether it is here at all. */

import type { Shop } from 'pannier'
import type { Context } from './context'
import { h } from './dom'
import { item, type Item } from './product'
import { notice } from './components/notice'
import { skeletonGrid } from './components/card'

const INDEX = 'byCategoryPrice'

/** A shop with more categories than this needs another home page than ours. */
const CATEGORIES_MAX = 60

export interface Category {
  readonly name: string
  /** Its cheapest product, for a picture. */
  readonly first: Item
}

/** The categories in order: each found by asking for the first product after the one before. */
export async function categories(shop: Shop): Promise<Category[]> {
  const found: Category[] = []
  let from = ''
  while (found.length < CATEGORIES_MAX) {
    const [product] = await shop.catalog.query(INDEX, { gte: [from], limit: 1 })
    if (!product || typeof product.category !== 'string') break
    found.push({ name: product.category, first: item(product) })
    // The lowest text above this category, and so below any other that follows it.
    from = `${product.category}\u0001`
  }
  return found
}

export interface PriceFilter {
  /** Minor units; null leaves the end open. */
  readonly min: number | null
  readonly max: number | null
  readonly reverse: boolean
}

export interface Shelf {
  /** What is still sold of the products asked for. */
  readonly items: readonly Item[]
  /** Whether there are products behind these. */
  readonly more: boolean
}

/** A category's first `limit` products by price. `max` itself is within the filter. */
export async function byPrice(shop: Shop, category: string, filter: PriceFilter, limit: number): Promise<Shelf> {
  const upper = filter.max === null ? [`${category}\u0001`] : [category, filter.max + 1]
  // One more than wanted tells whether there are more.
  const range = { gte: [category, filter.min ?? 0], lt: upper, limit: limit + 1, reverse: filter.reverse }
  const found = await shop.catalog.query(INDEX, range)
  return {
    items: found
      .slice(0, limit)
      .map(item)
      .filter(({ delisted }) => !delisted),
    more: found.length > limit,
  }
}

/** A category's cheapest product, or null where the category is empty. */
export async function cheapest(shop: Shop, category: string): Promise<Item | null> {
  const [product] = await shop.catalog.query(INDEX, { gte: [category], lt: [`${category}\u0001`], limit: 1 })
  return product ? item(product) : null
}

/** Stands in for products while the catalogue is not on the device, and says why not. */
export function catalogMissing(context: Context): HTMLElement {
  const { connection } = context
  const again = h(
    'button',
    { class: 'button', type: 'button', onclick: () => connection.retry() },
    connection.paused ? 'Go online' : 'Try again',
  )
  switch (connection.status) {
    case 'paused':
    case 'offline':
      return notice({
        glyph: 'offline',
        title: 'The goods are not on this device yet',
        text: 'They are fetched the first time you are online. After that the shop opens without a connection too.',
        actions: again,
      })
    case 'error':
      return notice({
        glyph: 'notice',
        title: 'The shop did not answer as expected',
        text: errorText(connection.error),
        actions: again,
      })
    default:
      if (connection.lastSyncAt !== null && connection.status === 'saved') {
        return notice({
          glyph: 'bag',
          title: 'The shelves are empty',
          text: 'The shop has no products at the moment. Please come back later.',
          actions: again,
        })
      }
      return h(
        'div',
        { class: 'loading' },
        h('div', { class: 'progress', role: 'progressbar', 'aria-label': 'Fetching the catalogue' }),
        h('p', { role: 'status' }, 'Fetching the catalogue. This happens once; afterwards it is on your device.'),
        skeletonGrid(8),
      )
  }
}

export function errorText(error: Error | null): string {
  const what = error?.message ? `The reason given is: ${error.message}.` : 'No reason was given.'
  return `${what} Nothing is lost: your cart is kept on this device and is sent once the shop answers. Try again in a moment.`
}
