/** What became of the shopper's edits, in words. */

import type { Outcome, Shop } from 'pannier'
import type { Notes } from './context'
import { item } from './product'
import type { Toasts } from './toasts'

const field = (outcome: Outcome, name: string): number | null => {
  const value = outcome.detail[name]
  return typeof value === 'number' ? value : null
}

const text = (outcome: Outcome, name: string): string | null => {
  const value = outcome.detail[name]
  return typeof value === 'string' && value !== '' ? value : null
}

const are = (count: number) => (count === 1 ? 'is' : 'are')

/** An outcome as a sentence, or null where all went as asked and nothing needs saying. */
export function words(outcome: Outcome): string | null {
  switch (outcome.status) {
    case 'applied':
      return found(outcome)
    case 'adjusted':
      return adjusted(outcome)
    case 'noop':
      return nothingDone(outcome)
    case 'rejected':
      return rejected(outcome)
  }
}

function found(outcome: Outcome): string | null {
  const count = field(outcome, 'found')
  if (count === null) return null
  return `Another device had changed this to ${count} in the meantime. Your choice stands.`
}

function adjusted(outcome: Outcome): string {
  const asked = field(outcome, 'asked')
  const got = field(outcome, 'got')
  if (asked === null || got === null) return 'The shop had to change this quantity. Please check it in your cart.'
  if (outcome.name === 'cart.adjust' && got <= 0) return 'There were fewer in the cart than you took away, so the line was removed.'
  if (got <= 0) return `You asked for ${asked}, but none ${asked === 1 ? 'is' : 'are'} in stock.`
  if (outcome.code === 'stock') return `You asked for ${asked}, ${got} ${are(got)} in stock. Your cart has ${got} now.`
  return `You asked for ${asked}, ${got} can be ordered at once. Your cart has ${got} now.`
}

function nothingDone(outcome: Outcome): string | null {
  switch (outcome.code) {
    case 'line_gone':
    case 'gen_stale':
      return 'The line was already removed on another device.'
    default:
      return null
  }
}

function rejected(outcome: Outcome): string {
  switch (outcome.code) {
    case 'delisted':
    case 'unknown_sku':
      return 'This product is no longer sold, so it could not be put in your cart.'
    case 'stock':
    case 'out_of_stock':
      return 'This product is sold out, so it could not be put in your cart.'
    default:
      return `The shop could not do this (${outcome.code ?? 'no reason given'}). Your cart shows what it holds.`
  }
}

/** Shows every outcome that differs from what was asked, and notes it at its line. */
export function watchOutcomes(shop: Shop, toasts: Toasts, notes: Notes): void {
  const lines = new Map<string, { sku: string; title: string | null }>()
  shop.cart.subscribe((cart) => {
    for (const line of cart.lines) lines.set(line.line, { sku: line.sku, title: line.quote?.title ?? null })
  })
  shop.on('outcome', (outcome) => {
    const sentence = words(outcome)
    if (sentence === null) return
    const key = text(outcome, 'line')
    const line = key === null ? undefined : lines.get(key)
    if (key !== null) notes.set(key, sentence)
    void title(shop, text(outcome, 'sku') ?? line?.sku ?? null, line?.title ?? null).then((name) => {
      toasts.show({
        kind: 'outcome',
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

async function title(shop: Shop, sku: string | null, quoted: string | null): Promise<string | null> {
  const product = sku === null ? undefined : await shop.catalog.get(sku).catch(() => undefined)
  return product ? item(product).title : quoted
}
