/** The cart. Rows are kept and updated in place, so that the focus stays where the shopper is. */

import type { Cart, CartLine } from 'pannier'
import { notice } from '../components/notice'
import { recentlyViewed } from '../components/recent'
import type { Context } from '../context'
import { eachFrame, fill, h } from '../dom'
import { count, money } from '../format'
import { isolate } from '../outcomes'
import { item, type Item } from '../product'
import type { View } from '../router'
import { row, type Row } from './cart-row'

export function cart(context: Context): View {
  const { shop } = context
  const rows = new Map<string, Row>()
  const list = h('ul', { class: 'cart-lines', 'aria-label': 'In your cart' })
  const totals = h('dl', { class: 'totals' })
  const spoken = h('p', { class: 'visually-hidden', role: 'status' })
  const heading = h('h1', { tabindex: '-1' }, 'Your cart')
  const sub = h('p', { class: 'summary' })
  const clear = h(
    'button',
    { class: 'button button-quiet button-small', type: 'button', onclick: () => clearCart() },
    'Empty the cart',
  )
  const full = h('div', { class: 'cart-full', hidden: true }, list, summaryBox(totals, clear))
  const empty = h(
    'div',
    { hidden: true },
    notice({
      glyph: 'bag',
      title: 'Your cart is empty',
      text: 'What you put in it stays on this device, and comes along when you are online.',
      actions: h('a', { class: 'button', href: '/' }, 'See what there is'),
    }),
  )
  const recent = recentlyViewed(shop, null)
  let last: Cart = { lines: [], count: 0, coupons: [] }

  async function show(now: Cart): Promise<void> {
    const products = await Promise.all(now.lines.map((line) => shop.catalog.get(line.sku)))
    if (now !== last) return
    const items = new Map(now.lines.map((line, at) => [line.line, products[at] ? item(products[at]) : null]))
    showRows(now, items)
    full.hidden = now.lines.length === 0
    empty.hidden = now.lines.length > 0
    sub.textContent = now.lines.length === 0 ? '' : count(now.count, 'item', 'items')
    const total = showTotals(totals, now, items)
    const words = now.lines.length === 0 ? 'Your cart is empty.' : `${count(now.count, 'item', 'items')}, ${total}.`
    // The first words are on the page already; only changes are read out.
    if (spoken.dataset.words !== undefined && spoken.dataset.words !== words) spoken.textContent = words
    spoken.dataset.words = words
  }

  function showRows(now: Cart, items: ReadonlyMap<string, Item | null>): void {
    const keys = new Set(now.lines.map(({ line }) => line))
    for (const [key, old] of rows) {
      if (keys.has(key)) continue
      if (old.element.contains(document.activeElement)) focusAfter(old.element)
      old.element.remove()
      rows.delete(key)
    }
    now.lines.forEach((line, at) => {
      const known = rows.get(line.line)
      const one = known ?? row(context, line, remove)
      if (!known) rows.set(line.line, one)
      one.update(line, items.get(line.line) ?? null)
      if (list.children[at] !== one.element) list.insertBefore(one.element, list.children[at] ?? null)
    })
  }

  function focusAfter(element: HTMLElement): void {
    const next = (element.nextElementSibling ?? element.previousElementSibling)?.querySelector<HTMLElement>('.remove')
    ;(next ?? heading).focus()
  }

  function putBack(lines: readonly CartLine[]): void {
    for (const line of lines) {
      shop.cart.add({
        sku: line.sku,
        qty: line.qty,
        options: line.options,
        ...(line.quote ? { quote: line.quote } : {}),
      })
    }
  }

  function remove(line: CartLine, title: string): void {
    context.notes.delete(line.line)
    shop.cart.remove(line.line)
    context.toasts.show({
      kind: 'info',
      text: `${isolate(title)} removed.`,
      action: { label: 'Undo', run: () => putBack([line]) },
    })
  }

  function clearCart(): void {
    const { lines } = last
    heading.focus()
    shop.cart.clear()
    context.toasts.show({
      kind: 'info',
      text: `The cart is empty now; ${count(lines.length, 'line was', 'lines were')} removed.`,
      action: { label: 'Undo', run: () => putBack(lines) },
    })
  }

  let first: () => void
  const ready = new Promise<void>((resolve) => (first = resolve))
  const refresh = eachFrame(() => void show(last))
  const stops = [
    shop.cart.subscribe((now) => {
      last = now
      void show(now).then(first, first)
    }),
    shop.catalog.subscribe(refresh),
    context.notes.subscribe(refresh),
    recent.stop,
  ]
  return {
    title: 'Your cart',
    ready,
    element: h(
      'div',
      { class: 'page cart' },
      h('div', { class: 'list-head' }, h('div', {}, heading, sub)),
      spoken,
      full,
      empty,
      recent.element,
    ),
    stop: () => stops.forEach((stop) => stop()),
  }
}

function summaryBox(totals: HTMLElement, clear: HTMLElement): HTMLElement {
  return h(
    'section',
    { class: 'summary-box', 'aria-labelledby': 'summary-heading' },
    h('h2', { id: 'summary-heading' }, 'Summary'),
    totals,
    h(
      'p',
      { class: 'summary-note' },
      'This is a demo shop and takes no orders. Your cart is kept on this device and on the shop’s server.',
    ),
    h('div', { class: 'summary-actions' }, h('a', { class: 'button button-wide', href: '/' }, 'Go on shopping'), clear),
  )
}

/** Sums by currency, at today's price where it is known, else as quoted. Returns the total in words. */
function showTotals(totals: HTMLElement, now: Cart, items: ReadonlyMap<string, Item | null>): string {
  const sums = new Map<string, number>()
  for (const line of now.lines) {
    const one = items.get(line.line)
    const [price, currency] =
      one && one.price !== null
        ? [one.price, one.currency]
        : line.quote
          ? [line.quote.price, line.quote.currency]
          : [null, '']
    if (price !== null) sums.set(currency, (sums.get(currency) ?? 0) + price * line.qty)
  }
  const texts = [...sums].map(([currency, sum]) => money(sum, currency))
  fill(
    totals,
    h('div', {}, h('dt', {}, 'Goods'), h('dd', {}, count(now.count, 'item', 'items'))),
    texts.map((text) => h('div', { class: 'total' }, h('dt', {}, 'Total'), h('dd', { class: 'total-sum' }, text))),
  )
  return `total ${texts.join(' and ')}`
}
