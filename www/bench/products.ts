/** The data under measurement, generated from a fixed seed: the same on every run and for every system. */

export type Product = {
  readonly id: string
  readonly title: string
  readonly category: string
  readonly price: number
  readonly currency: string
  readonly stock: number
  readonly description: string
  readonly rating: number
  readonly colors: readonly string[]
}

export type CartLine = {
  readonly sku: string
  readonly options: { readonly [name: string]: string }
  readonly qty: number
  readonly quote: { readonly price: number; readonly currency: string; readonly title: string }
}

export type Visit = {
  readonly id: string
  readonly sku: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** Milliseconds spent. */
  readonly dwell: number
}

/** Every product is exactly this long as UTF-8 JSON. */
export const PRODUCT_BYTES = 450

export const CATEGORIES = [
  'shoes', 'shirts', 'jackets', 'bags', 'hats', 'watches', 'lamps', 'chairs', 'tables', 'rugs',
  'pans', 'knives', 'cups', 'books', 'games', 'tools', 'plants', 'bikes', 'tents', 'radios',
]

const WORDS = [
  'light', 'sturdy', 'woven', 'cotton', 'linen', 'oak', 'steel', 'brushed', 'folding', 'compact',
  'washable', 'lined', 'quilted', 'enamel', 'recycled', 'leather', 'round', 'narrow', 'classic', 'soft',
  'waterproof', 'padded', 'matte', 'striped', 'handmade', 'adjustable', 'everyday', 'travel', 'garden', 'kitchen',
  'crème', 'größer', 'décor', 'señorial', '日本', '手工',
]

const COLORS = ['black', 'white', 'red', 'navy', 'olive', 'sand', 'grey', 'plum']

/** Mulberry32: small, seeded, and good enough to spread prices and words. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}

export function productId(number: number): string {
  return `p${String(number).padStart(6, '0')}`
}

/** Products numbered `from` to `from + count - 1`. */
export function products(from: number, count: number): Product[] {
  return Array.from({ length: count }, (_, offset) => product(from + offset))
}

function product(number: number): Product {
  const below = random(number * 2654435761)
  const word = () => WORDS[below(WORDS.length)]!
  const colors = Array.from({ length: 1 + below(3) }, () => COLORS[below(COLORS.length)]!)
  const row = {
    id: productId(number),
    title: `${word()} ${word()} ${word()} ${number % 97}`,
    category: CATEGORIES[number % CATEGORIES.length]!,
    price: 500 + below(20000),
    currency: 'EUR',
    stock: 5 + below(400),
    description: '',
    rating: (10 + below(41)) / 10,
    colors,
  }
  return { ...row, description: text(word, PRODUCT_BYTES - bytes(row)) }
}

/**
 * Words up to exactly `length` bytes of UTF-8. Joined at once, as a string that came from a server is one piece: one put
 * together word by word would be copied by whoever reads it first.
 */
function text(word: () => string, length: number): string {
  const words = [word()]
  let size = wordBytes(words[0]!)
  for (let next = word(); size + 1 + wordBytes(next) <= length; next = word()) {
    words.push(next)
    size += 1 + wordBytes(next)
  }
  words.push(words.pop() + '.'.repeat(length - size))
  return words.join(' ')
}

const encoder = new TextEncoder()
const utf8 = (string: string) => encoder.encode(string).length
const bytes = (row: object) => utf8(JSON.stringify(row))

const lengths = new Map(WORDS.map(word => [word, utf8(word)]))
const wordBytes = (word: string) => lengths.get(word)!

/** The cart line of a product: about 150 bytes of JSON. */
export function lineOf(product: Product): CartLine {
  return {
    sku: product.id,
    options: { size: 'M', color: product.colors[0]! },
    qty: 1 + (product.price % 3),
    quote: { price: product.price, currency: product.currency, title: product.title },
  }
}

/** A visit to a product, numbered in the order of time. */
export function visitOf(product: Product, number: number): Visit {
  return {
    id: `v${String(number).padStart(6, '0')}`,
    sku: product.id,
    at: Date.UTC(2026, 0, 1) + number * 60_000,
    dwell: 1_000 + (product.price % 30_000),
  }
}

/** `items` in an order that depends on nothing but the seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const below = random(seed)
  const mixed = [...items]
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = below(last + 1)
    ;[mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!]
  }
  return mixed
}
