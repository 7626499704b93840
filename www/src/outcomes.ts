/** What became of the shopper's edits, in words. */

import type { Outcome, Shop } from 'pannier'
import type { Notes } from './notes'
import { count } from './format'
import { item, type Item } from './product'
import type { Toasts } from './toasts'

const number = (outcome: Outcome, name: string): number | null => {
  const value = outcome.detail[name]
  return typeof value === 'number' ? value : null
}

const text = (outcome: Outcome, name: string): string | null => {
  const value = outcome.detail[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const are = (quantity: number) => (quantity === 1 ? 'is' : 'are')

/**
 * An outcome as a sentence, or null where all went as asked and nothing needs saying. `stock` is what
 * the product's page says, where it is known.
 */
export function words(outcome: Outcome, stock: number | null): string | null {
  // Visits are not the shopper's doing; what becomes of them is no news.
  if (!outcome.name.startsWith('cart.')) return null
  switch (outcome.status) {
    case 'applied':
      return found(outcome)
    case 'adjusted':
      return adjusted(outcome, stock)
    case 'noop':
      return nothingDone(outcome)
    case 'rejected':
      return rejected(outcome)
  }
}

function found(outcome: Outcome): string | null {
  const quantity = number(outcome, 'found')
  if (quantity === null) return null
  return `Another device had changed the quantity to ${quantity} in the meantime. Your choice counts.`
}

function adjusted(outcome: Outcome, stock: number | null): string {
  if (outcome.code === 'added_elsewhere')
    return 'More of it was added on another device, and that part stays in your cart.'
  if (outcome.code === 'below_zero') return 'There were fewer in your cart than you took away, so the line is gone.'
  const asked = number(outcome, 'asked')
  const got = number(outcome, 'got')
  if (asked === null || got === null) return 'The shop had to change the quantity. Please look at your cart.'
  const limit = limited(outcome, asked, got, stock)
  const other = found(outcome)
  return other === null ? limit : `${limit} ${other}`
}

/** `asked` and `got` are what an add or a step adds, and the whole quantity where that was set. */
function limited(outcome: Outcome, asked: number, got: number, stock: number | null): string {
  const whole = outcome.name === 'cart.setQty' || got === stock
  if (outcome.code === 'stock') {
    if (whole && got > 0) return `You asked for ${asked}, ${got} ${are(got)} in stock. Your cart has ${got} now.`
    if (got === 0)
      return stock === 0 || whole
        ? 'It is sold out.'
        : `You asked for ${asked} more, but your cart already holds all that are in stock.`
    return `You asked for ${asked} more, but only ${got} more ${are(got)} in stock.`
  }
  if (got === 0) return 'Your cart already holds as many as one order may have.'
  return whole
    ? `You asked for ${asked}, but one order may have ${got} at most.`
    : `You asked for ${asked} more, but one order may have only ${got} more.`
}

function nothingDone(outcome: Outcome): string | null {
  if (outcome.name === 'cart.clear') return 'The cart was already emptied on another device.'
  switch (outcome.code) {
    case 'line_gone':
      return 'The line was already removed on another device.'
    case 'stale_gen':
      return 'The line was removed and added again on another device, and stays as it is there.'
    default:
      return null
  }
}

function rejected(outcome: Outcome): string {
  switch (outcome.code) {
    case 'delisted':
      return 'This product is no longer sold, so it could not be put in your cart.'
    case 'cart_full':
      return `Your cart is full: it holds ${count(number(outcome, 'limit') ?? 0, 'line', 'lines')}. Remove something first.`
    default:
      return `The shop could not do this (${outcome.code ?? 'no reason given'}). Your cart shows what it holds; please reload the page and try again.`
  }
}

/** Shows every outcome that differs from what was asked, and notes it at its line. */
export function watchOutcomes(shop: Shop, toasts: Toasts, notes: Notes): void {
  const lines = new Map<string, { sku: string; title: string | null }>()
  shop.cart.subscribe((cart) => {
    for (const line of cart.lines) lines.set(line.line, { sku: line.sku, title: line.quote?.title ?? null })
  })
  shop.on('outcome', (outcome) => {
    const key = text(outcome, 'line')
    const line = key === null ? undefined : lines.get(key)
    const sku = text(outcome, 'sku') ?? line?.sku ?? null
    void product(shop, sku).then((one) => {
      const sentence = words(outcome, one?.stock ?? null)
      if (sentence === null) return
      if (key !== null) notes.set(key, sentence)
      const name = one?.title ?? line?.title ?? null
      toasts.show({
        kind: 'outcome',
        about: sku,
        text: name === null ? sentence : `${isolate(name)}: ${sentence}`,
        ...(location.pathname === '/cart' ? {} : { link: { label: 'View cart', path: '/cart' } }),
      })
    })
  })
}

/** Keeps a title's direction to itself, so that an Arabic name does not turn the sentence around. */
export function isolate(title: string): string {
  return `\u2068${title}\u2069`
}

async function product(shop: Shop, sku: string | null): Promise<Item | null> {
  const document = sku === null ? undefined : await shop.catalog.get(sku).catch(() => undefined)
  return document ? item(document) : null
}
