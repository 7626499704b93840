/** A category: its products by price, with a filter from the secondary index. */

import { byPrice, catalogMissing, categories, cheapest, type PriceFilter } from '../catalog'
import { grid } from '../components/card'
import { notice } from '../components/notice'
import type { Context } from '../context'
import { eachFrame, fill, h } from '../dom'
import { count, label, minorUnits } from '../format'
import { hash, type Item } from '../product'
import type { View } from '../router'

/** A page of products: divides into rows of two, three and four. */
const PAGE = 24

interface State {
  min: string
  max: string
  reverse: boolean
  shown: number
}

export function category(context: Context, name: string, query: URLSearchParams): View {
  const { shop, router } = context
  const state: State = {
    min: query.get('min') ?? '',
    max: query.get('max') ?? '',
    reverse: query.get('sort') === 'high',
    shown: Math.max(PAGE, Math.min(5000, Number(query.get('show')) || PAGE)),
  }
  let currency = 'EUR'
  const list = h('div', { class: 'results' })
  const summary = h('p', { class: 'summary', role: 'status' })
  const unit = h('span', { class: 'visually-hidden' })
  const form = filterForm(state, unit, () => change({ shown: PAGE }))
  let drawn = 0

  function change(next: Partial<State>): void {
    Object.assign(state, next)
    const params = new URLSearchParams()
    if (state.min) params.set('min', state.min)
    if (state.max) params.set('max', state.max)
    if (state.reverse) params.set('sort', 'high')
    if (state.shown !== PAGE) params.set('show', String(state.shown))
    router.replace(location.pathname + (params.size ? `?${params}` : ''))
    refresh()
  }

  async function show(): Promise<void> {
    const sample = await cheapest(shop, name)
    if (!sample) return showNothing()
    currency = sample.currency
    unit.textContent = ` in ${currency}`
    const filter = priceFilter(state, currency)
    const { items, more } = await byPrice(shop, name, filter, state.shown)
    const now = hash(JSON.stringify([items, more, filter]))
    if (now === drawn) return
    drawn = now
    form.hidden = false
    const found = count(items.length, 'product', 'products')
    summary.textContent =
      items.length === 0 ? 'Nothing in this price range' : more ? `Showing the first ${found}` : found
    showItems(items, more)
  }

  function showItems(items: readonly Item[], more: boolean): void {
    if (items.length === 0) {
      const clear = h('button', { class: 'button', type: 'button', onclick: () => form.reset() }, 'Show all prices')
      fill(
        list,
        notice({
          glyph: 'bag',
          title: 'Nothing in this price range',
          text: 'Try a wider range, or look at all prices.',
          actions: clear,
        }),
      )
      return
    }
    const button =
      more && h('button', { class: 'button button-quiet', type: 'button', onclick: () => showMore() }, 'Show more')
    fill(list, grid(items, `${label(name)}, by price`), h('div', { class: 'more' }, button))
  }

  function showMore(): void {
    const first = state.shown
    change({ shown: state.shown + PAGE })
    // The button goes away or moves down, so the focus goes to the first of the new products.
    void show().then(() => list.querySelectorAll<HTMLElement>('.card-link')[first]?.focus({ preventScroll: true }))
  }

  async function showNothing(): Promise<void> {
    drawn = 0
    form.hidden = true
    summary.textContent = ''
    const empty = (await categories(shop)).length === 0
    fill(
      list,
      empty
        ? catalogMissing(context)
        : notice({
            glyph: 'bag',
            title: 'There is nothing here any more',
            text: 'This category holds no products now.',
            actions: h('a', { class: 'button', href: '/' }, 'See all categories'),
          }),
    )
  }

  const refresh = eachFrame(() => void show().catch(failed))
  const failed = (error: unknown) => {
    fill(
      list,
      notice({
        glyph: 'notice',
        title: 'The products could not be read',
        text: `${String(error)}. Reloading the page often helps.`,
        actions: h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Reload'),
      }),
    )
  }
  const ready = show().catch(failed)
  const stops = [shop.catalog.subscribe(refresh), context.connection.subscribe(() => drawn === 0 && refresh())]
  return {
    title: label(name),
    ready,
    element: h(
      'div',
      { class: 'page' },
      h(
        'nav',
        { class: 'crumbs', 'aria-label': 'Breadcrumb' },
        h(
          'ol',
          {},
          h('li', {}, h('a', { href: '/' }, 'Home')),
          h('li', { 'aria-current': 'page' }, h('bdi', {}, label(name))),
        ),
      ),
      h(
        'div',
        { class: 'list-head' },
        h('div', {}, h('h1', { tabindex: '-1', dir: 'auto' }, label(name)), summary),
        form,
      ),
      list,
    ),
    stop: () => stops.forEach((stop) => stop()),
  }
}

/** What is typed in whole units becomes minor units; what is no number leaves that end open. */
function priceFilter(state: State, currency: string): PriceFilter {
  const minor = (text: string) => {
    const value = Number(text.replace(',', '.'))
    return text.trim() === '' || !Number.isFinite(value) || value < 0 ? null : Math.round(value * minorUnits(currency))
  }
  return { min: minor(state.min), max: minor(state.max), reverse: state.reverse }
}

function filterForm(state: State, unit: HTMLElement, changed: () => void): HTMLFormElement {
  const field = (name: 'min' | 'max', text: string) =>
    h(
      'label',
      { class: 'field' },
      h('span', {}, text),
      h('input', {
        name,
        type: 'text',
        inputmode: 'decimal',
        autocomplete: 'off',
        placeholder: name === 'min' ? '0' : 'any',
        size: 6,
        value: state[name],
      }),
    )
  const sort = h(
    'label',
    { class: 'field' },
    h('span', {}, 'Order'),
    h(
      'select',
      { name: 'sort' },
      h('option', { value: 'low', selected: !state.reverse }, 'Lowest price first'),
      h('option', { value: 'high', selected: state.reverse }, 'Highest price first'),
    ),
  )
  const read = () => {
    const data = new FormData(form)
    state.min = String(data.get('min') ?? '').trim()
    state.max = String(data.get('max') ?? '').trim()
    state.reverse = data.get('sort') === 'high'
    changed()
  }
  const form = h(
    'form',
    {
      class: 'filter',
      'aria-label': 'Filter by price',
      hidden: true,
      oninput: read,
      onsubmit: (event: Event) => (event.preventDefault(), read()),
      // The fields still hold their old values while the event runs.
      onreset: () => setTimeout(() => (form.querySelectorAll('input').forEach((input) => (input.value = '')), read())),
    },
    h('fieldset', {}, h('legend', {}, 'Price', unit), field('min', 'from'), field('max', 'to')),
    sort,
    h('button', { class: 'button button-quiet button-small', type: 'reset' }, 'Reset'),
  )
  return form
}
