/** A product in a list. */

import { draw } from '../art'
import { h } from '../dom'
import { money } from '../format'
import { productPath, type Item } from '../product'

/** Fewer than this are worth a word to the shopper. */
const STOCK_LOW = 5

export function price(item: Item): string {
  return item.price === null ? 'Price on request' : money(item.price, item.currency)
}

export function stockText(item: Item): { text: string; tone: 'good' | 'low' | 'none' } | null {
  if (item.delisted) return { text: 'No longer sold', tone: 'none' }
  if (item.stock === null) return null
  if (item.stock <= 0) return { text: 'Sold out', tone: 'none' }
  if (item.stock <= STOCK_LOW) return { text: `Only ${item.stock} left`, tone: 'low' }
  return { text: 'In stock', tone: 'good' }
}

/** Stars with the figure in words for those who do not see them. */
export function stars(rating: number): HTMLElement {
  return h(
    'span',
    { class: 'stars', role: 'img', 'aria-label': `Rated ${rating.toFixed(1)} out of 5` },
    h('span', { class: 'stars-full', style: `width:${(rating / 5) * 100}%` }, '★★★★★'),
    h('span', { class: 'stars-empty' }, '★★★★★'),
  )
}

export function swatches(colors: readonly string[]): HTMLElement | null {
  if (colors.length < 2) return null
  return h(
    'span',
    { class: 'swatch-dots', role: 'img', 'aria-label': `${colors.length} colours` },
    colors.slice(0, 5).map((color) => h('span', { class: 'swatch-dot', style: `background:${color}` })),
  )
}

export function card(item: Item): HTMLElement {
  const stock = stockText(item)
  return h(
    'li',
    { class: 'card', 'data-sku': item.id, 'data-price': item.price },
    h(
      'a',
      { class: 'card-link', href: productPath(item.id) },
      h(
        'span',
        { class: 'card-picture' },
        draw(item.picture, item.colors[0]),
        stock && stock.tone !== 'good' && h('span', { class: `badge badge-${stock.tone}` }, stock.text),
      ),
      h('span', { class: 'card-title', dir: 'auto' }, item.title),
      h('span', { class: 'card-row' }, h('span', { class: 'price' }, price(item)), swatches(item.colors)),
      item.rating !== null && stars(item.rating),
    ),
  )
}

export function grid(items: readonly Item[], name: string): HTMLElement {
  return h('ul', { class: 'grid', 'aria-label': name }, items.map(card))
}

/** Grey places where products will be. */
export function skeletonGrid(cards: number): HTMLElement {
  return h(
    'ul',
    { class: 'grid skeleton', 'aria-hidden': 'true' },
    Array.from({ length: cards }, () =>
      h(
        'li',
        { class: 'card' },
        h('span', { class: 'card-picture bone' }),
        h('span', { class: 'bone bone-title' }),
        h('span', { class: 'bone bone-price' }),
      ),
    ),
  )
}
