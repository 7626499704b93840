/** A product as the pages show it, made from whatever document the catalogue holds. */

import type { Product } from 'pannier'
import { colorNamed } from './color'

export interface Picture {
  /** What to draw: a word such as `shoe`, or several to guess from. */
  readonly shape: string
  /** Chooses among kinds of the same thing. */
  readonly title: string
  readonly hue: number
  readonly seed: number
  /** The main colour, where the product's words name one; otherwise made from the hue. */
  readonly color: string | null
}

export interface Item {
  readonly id: string
  readonly title: string
  readonly category: string
  /** Minor units; null where the document has no price. */
  readonly price: number | null
  readonly currency: string
  readonly description: string
  /** Null where the document does not say. */
  readonly stock: number | null
  /** 0 to 5, or null. */
  readonly rating: number | null
  /** Colours to choose from, `#rrggbb`. */
  readonly colors: readonly string[]
  readonly picture: Picture
  readonly delisted: boolean
}

/** The server gives every price a currency; a document from elsewhere may have none. */
const CURRENCY_DEFAULT = 'EUR'

const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '')
const number = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null)

export function item(product: Product): Item {
  const category = text(product.category)
  const title = text(product.title) || text(product.name) || product.id
  const price = number(product.price)
  const rating = number(product.rating)
  return {
    id: product.id,
    title,
    category,
    price: price === null ? null : Math.round(price),
    currency: text(product.currency) || CURRENCY_DEFAULT,
    description: text(product.description),
    stock: number(product.stock) ?? number(product.current_stock),
    rating: rating === null ? null : Math.min(5, Math.max(0, rating)),
    colors: Array.isArray(product.colors)
      ? product.colors.filter((color) => /^#[0-9a-f]{6}$/i.test(String(color))).map(String)
      : [],
    picture: picture(product, category, title),
    delisted: product.delisted === true,
  }
}

function picture(product: Product, category: string, title: string): Picture {
  const art =
    typeof product.art === 'object' && product.art !== null && !Array.isArray(product.art)
      ? (product.art as Record<string, unknown>)
      : {}
  const seed = number(art.seed) ?? hash(product.id)
  return {
    shape: text(art.shape) || `${text(product.style)} ${title} ${category}`,
    title,
    hue: number(art.hue) ?? hash(`${category} ${product.id}`) % 360,
    seed: Math.abs(Math.trunc(seed)),
    color: number(art.hue) === null ? colorNamed(title) : null,
  }
}

/** FNV-1a: the same product has the same picture on every device. */
export function hash(value: string): number {
  let state = 0x811c9dc5
  for (let at = 0; at < value.length; at++) state = Math.imul(state ^ value.charCodeAt(at), 0x01000193)
  return state >>> 0
}

/** Address of a product's page. The dot is escaped too: a server takes `/p/a.b` for a file. */
export function productPath(id: string): string {
  return `/p/${encodeURIComponent(id).replaceAll('.', '%2E')}`
}

export function categoryPath(category: string): string {
  return `/c/${encodeURIComponent(category).replaceAll('.', '%2E')}`
}
