/** A product's page, all from the device. */

import { draw } from '../art'
import { catalogMissing, categories } from '../catalog'
import { colorName } from '../color'
import { price, stars, stockText } from '../components/card'
import { notice } from '../components/notice'
import { recentlyViewed } from '../components/recent'
import { stepper } from '../components/stepper'
import type { Context } from '../context'
import { eachFrame, fill, h } from '../dom'
import { label } from '../format'
import { isolate } from '../outcomes'
import { categoryPath, item, type Item } from '../product'
import type { View } from '../router'

export function product(context: Context, id: string): View {
  const { shop } = context
  const body = h('div', {})
  const recent = recentlyViewed(shop, id)
  const state = { color: null as string | null, qty: 1 }
  let shown = ''
  let visited = false

  async function show(): Promise<void> {
    const document_ = await shop.catalog.get(id)
    if (!document_) return showMissing()
    const now = JSON.stringify(document_)
    if (now === shown) return
    shown = now
    const one = item(document_)
    document.title = `${one.title} · Pannier shop`
    showProduct(body, context, one, state)
    if (!visited) {
      visited = true
      shop.history.visit({ sku: id })
    }
  }

  async function showMissing(): Promise<void> {
    shown = ''
    if ((await categories(shop)).length === 0) {
      fill(body, h('h1', { class: 'visually-hidden', tabindex: '-1' }, 'Product'), catalogMissing(context))
      return
    }
    const back = h('a', { class: 'button', href: '/' }, 'Back to the shop')
    fill(
      body,
      notice({
        glyph: 'bag',
        level: 'h1',
        title: 'This product is no longer sold',
        text: 'It may have been taken from the shelves since you last looked.',
        actions: back,
      }),
    )
  }

  const refresh = eachFrame(() => void show().catch(failed))
  const failed = (error: unknown) => {
    const reload = h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Reload')
    fill(
      body,
      notice({
        glyph: 'notice',
        level: 'h1',
        title: 'The product could not be read',
        text: `${String(error)}. Reloading the page often helps.`,
        actions: reload,
      }),
    )
  }
  const ready = show().catch(failed)
  const stops = [
    shop.catalog.subscribe(refresh),
    context.connection.subscribe(() => shown === '' && refresh()),
    recent.stop,
  ]
  return {
    title: 'Product',
    ready,
    element: h('div', { class: 'page' }, body, recent.element),
    stop: () => stops.forEach((stop) => stop()),
  }
}

interface Choice {
  color: string | null
  qty: number
}

function showProduct(body: HTMLElement, context: Context, one: Item, choice: Choice): void {
  choice.color = one.colors.find((color) => color === choice.color) ?? one.colors[0] ?? null
  const picture = h('div', { class: 'product-picture' }, draw(one.picture, choice.color ?? undefined))
  const stock = stockText(one)
  const buyable = !one.delisted && one.stock !== 0 && one.price !== null
  fill(
    body,
    h(
      'nav',
      { class: 'crumbs', 'aria-label': 'Breadcrumb' },
      h(
        'ol',
        {},
        h('li', {}, h('a', { href: '/' }, 'Home')),
        one.category !== '' &&
          h('li', {}, h('a', { href: categoryPath(one.category) }, h('bdi', {}, label(one.category)))),
        h('li', { 'aria-current': 'page' }, h('bdi', {}, one.title)),
      ),
    ),
    h(
      'article',
      { class: 'product', 'data-sku': one.id },
      picture,
      h(
        'div',
        { class: 'product-words' },
        one.category !== '' && h('p', { class: 'eyebrow', dir: 'auto' }, label(one.category)),
        h('h1', { tabindex: '-1', dir: 'auto' }, one.title),
        one.rating !== null &&
          h('p', { class: 'rating' }, stars(one.rating), h('span', { 'aria-hidden': 'true' }, one.rating.toFixed(1))),
        h('p', { class: 'price price-large' }, price(one)),
        stock && h('p', { class: `stock stock-${stock.tone}` }, stock.text),
        colorChoice(one, choice, () => fill(picture, draw(one.picture, choice.color ?? undefined))),
        buyable
          ? buying(context, one, choice)
          : h(
              'p',
              { class: 'product-note' },
              one.delisted ? 'This product is no longer sold.' : 'This product cannot be ordered now.',
            ),
        one.description !== '' &&
          h('div', { class: 'description' }, h('h2', {}, 'About it'), h('p', { dir: 'auto' }, one.description)),
        h('p', { class: 'product-hint' }, 'This page is on your device and opens without a connection.'),
      ),
    ),
  )
}

function colorChoice(one: Item, choice: Choice, changed: () => void): HTMLElement | null {
  if (one.colors.length < 2) return null
  const name = h('span', { class: 'color-name' }, colorName(choice.color ?? one.colors[0] ?? '#000000'))
  return h(
    'fieldset',
    { class: 'colors' },
    h('legend', {}, 'Colour: ', name),
    one.colors.map((color) =>
      h(
        'label',
        { class: 'swatch' },
        h('input', {
          type: 'radio',
          name: 'color',
          value: color,
          checked: color === choice.color,
          'aria-label': colorName(color),
          onchange: () => {
            choice.color = color
            name.textContent = colorName(color)
            changed()
          },
        }),
        h('span', { class: 'swatch-disc', style: `background:${color}` }),
      ),
    ),
  )
}

function buying(context: Context, one: Item, choice: Choice): HTMLElement {
  const hint = h('p', { class: 'stock-hint', role: 'status' })
  const steps = stepper({
    name: one.title,
    qty: choice.qty,
    change: (qty) => {
      choice.qty = qty
      // Not a limit: the stock on the device may be old, and the shop has the last word.
      hint.textContent =
        one.stock !== null && qty > one.stock
          ? `${one.stock} in stock when last seen. The shop will tell how many you get.`
          : ''
    },
  })
  const add = h(
    'button',
    { class: 'button button-large add-to-cart', type: 'button', onclick: () => addToCart(context, one, choice) },
    'Add to cart',
  )
  return h('div', { class: 'buying' }, h('div', { class: 'buying-row' }, steps.element, add), hint)
}

function addToCart({ shop, toasts, connection, notes }: Context, one: Item, choice: Choice): void {
  if (one.price === null) return
  const edit = shop.cart.add({
    sku: one.id,
    qty: choice.qty,
    ...(choice.color !== null && one.colors.length > 1 ? { options: { color: choice.color } } : {}),
    quote: { price: one.price, currency: one.currency, title: one.title },
  })
  void shop.cart.read().then(({ lines }) => {
    for (const { line, sku } of lines) if (sku === one.id) notes.delete(line)
  })
  const away = connection.status === 'offline' || connection.status === 'paused'
  toasts.show({
    kind: 'info',
    about: one.id,
    text: `${choice.qty} × ${isolate(one.title)} put in your cart${away ? ', and kept on this device until you are online' : ''}.`,
    link: { label: 'View cart', path: '/cart' },
  })
  edit.durable.catch((error: unknown) =>
    toasts.show({
      kind: 'outcome',
      text: `The cart could not be kept on this device: ${String(error)}. It is lost when you close the page.`,
    }),
  )
}
