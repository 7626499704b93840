/** One line of the cart. */

import type { CartLine } from 'pannier'
import { draw } from '../art'
import { colorName } from '../color'
import { stockText } from '../components/card'
import { icon } from '../components/icon'
import { stepper } from '../components/stepper'
import type { Context } from '../context'
import { fill, h } from '../dom'
import { money } from '../format'
import { hash, productPath, type Item } from '../product'

export interface Row {
  readonly element: HTMLElement
  update(line: CartLine, item: Item | null): void
}

export function row(context: Context, first: CartLine, remove: (line: CartLine, title: string) => void): Row {
  let line = first
  let title = first.quote?.title ?? first.sku
  const picture = h('a', { class: 'line-picture', href: productPath(first.sku), tabindex: '-1', 'aria-hidden': 'true' })
  const name = h('a', { class: 'line-title', href: productPath(first.sku), dir: 'auto' })
  const options = h('p', { class: 'line-options' })
  const quote = h('p', { class: 'line-quote' })
  const note = h('p', { class: 'line-note', hidden: true })
  const sum = h('p', { class: 'line-sum price' })
  // While edits are on their way to the store, the cart's answers are behind what the shopper pressed.
  let unsettled = 0
  const steps = stepper({
    name: title,
    qty: first.qty,
    change: (qty, by) => {
      context.notes.delete(line.line)
      // A step is "one more", whatever another device did to the line; a typed number is the number.
      const { cart } = context.shop
      const edit = by === null ? cart.setQty(line.line, qty) : cart.adjust(line.line, by)
      unsettled += 1
      edit.durable.then(settle, settle)
    },
  })
  const bin = h(
    'button',
    { class: 'icon-button remove', type: 'button', onclick: () => remove(line, title) },
    icon('trash'),
  )
  const element = h(
    'li',
    { class: 'cart-line', 'data-line': first.line, 'data-sku': first.sku },
    picture,
    h('div', { class: 'line-words' }, name, options, quote, note),
    h('div', { class: 'line-controls' }, steps.element, bin),
    sum,
  )

  /** Shows what the cart holds: the stock may have held the quantity to less, even to what it was. */
  async function settle(): Promise<void> {
    unsettled -= 1
    if (unsettled > 0) return
    const { lines } = await context.shop.cart.read()
    const held = lines.find((one) => one.line === line.line)
    if (held && unsettled === 0) steps.set(held.qty)
  }

  function update(next: CartLine, item: Item | null): void {
    line = next
    title = item?.title ?? next.quote?.title ?? next.sku
    element.dataset.qty = String(next.qty)
    name.textContent = title
    bin.setAttribute('aria-label', `Remove ${title}`)
    if (unsettled === 0) steps.set(next.qty)
    const color = next.options.color
    // Drawn again only when it looks different: a cart is updated at each press of a button.
    const looks = `${item ? JSON.stringify(item.picture) : ''}${color ?? ''}`
    if (picture.dataset.looks !== looks) {
      picture.dataset.looks = looks
      fill(
        picture,
        draw(
          item?.picture ?? { shape: title, title, hue: hash(next.sku) % 360, seed: hash(next.sku), color: null },
          color ?? item?.colors[0],
        ),
      )
    }
    options.textContent = optionText(next)
    options.hidden = options.textContent === ''
    const words = context.notes.get(next.line)
    note.hidden = words === undefined
    note.textContent = words ?? ''
    showPrice(next, item, quote, sum)
  }

  return { element, update }
}

function optionText(line: CartLine): string {
  return Object.entries(line.options)
    .map(([name, value]) =>
      name === 'color' && /^#[0-9a-f]{6}$/i.test(value) ? colorName(value) : `${name}: ${value}`,
    )
    .join(', ')
}

/** Today's price is what counts; the quote is what the shopper saw, and is shown where it differs. */
function showPrice(line: CartLine, item: Item | null, quote: HTMLElement, sum: HTMLElement): void {
  const { quote: seen, qty } = line
  const parts: string[] = []
  const now = item && item.price !== null ? { price: item.price, currency: item.currency } : seen
  if (now) parts.push(`${money(now.price, now.currency)} each`)
  if (seen && now && (seen.price !== now.price || seen.currency !== now.currency)) {
    parts.push(`was ${money(seen.price, seen.currency)} when you added it`)
  }
  const stock = item ? stockText(item) : { text: 'No longer sold', tone: 'none' }
  if (stock && stock.tone !== 'good') parts.push(stock.text)
  quote.textContent = parts.join(' · ')
  sum.textContent = now ? money(now.price * qty, now.currency) : ''
}
