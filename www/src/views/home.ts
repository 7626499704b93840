/** The home page: what is sold, what is liked, what was looked at. */

import { draw } from '../art'
import { catalogMissing, categories, type Category } from '../catalog'
import { grid } from '../components/card'
import { recentlyViewed } from '../components/recent'
import type { Context } from '../context'
import { eachFrame, fill, h } from '../dom'
import { label } from '../format'
import { categoryPath, item, type Item } from '../product'
import type { View } from '../router'

const LIKED_SHOWN = 8
/** The best rated among this many: a sample, since a home page need not read the whole shop. */
const LIKED_READ = 300
const HERO_PICTURES = 3

export function home(context: Context): View {
  const { shop } = context
  const body = h('div', {})
  const recent = recentlyViewed(shop, null)
  let shown = ''

  async function show(): Promise<void> {
    const found = await categories(shop)
    if (found.length === 0) {
      shown = ''
      fill(body, catalogMissing(context))
      return
    }
    const liked = await bestRated(context)
    const now = JSON.stringify([found, liked])
    if (now === shown) return
    shown = now
    fill(body, tiles(found), likedSection(liked))
    fillHero(hero, found)
  }

  const refresh = eachFrame(
    () =>
      void show().catch((error: unknown) =>
        context.toasts.show({ kind: 'outcome', text: `The catalogue could not be read: ${String(error)}` }),
      ),
  )
  const hero = h(
    'div',
    { class: 'hero-pictures skeleton', 'aria-hidden': 'true' },
    Array.from({ length: HERO_PICTURES }, () => h('span', { class: 'hero-picture bone' })),
  )
  const ready = show().catch(() => {})
  const stops = [
    shop.catalog.subscribe(refresh),
    context.connection.subscribe(() => shown === '' && refresh()),
    recent.stop,
  ]
  return {
    title: 'Home',
    ready,
    element: h(
      'div',
      { class: 'page home' },
      h(
        'section',
        { class: 'hero', 'aria-labelledby': 'home-heading' },
        h(
          'div',
          { class: 'hero-words' },
          h('p', { class: 'eyebrow' }, 'The shop that stays open'),
          h('h1', { id: 'home-heading', tabindex: '-1' }, 'Good things, with or without a connection'),
          h(
            'p',
            { class: 'lead' },
            'Browse, choose and fill your cart on a train, in a cellar, on a plane. The shop lives on your device and catches up by itself.',
          ),
          h('a', { class: 'button', href: '#shop-by-category' }, 'Start browsing'),
        ),
        hero,
      ),
      body,
      recent.element,
    ),
    stop: () => stops.forEach((stop) => stop()),
  }
}

async function bestRated({ shop }: Context): Promise<Item[]> {
  const sample = (await shop.catalog.range({ limit: LIKED_READ }))
    .map(item)
    .filter((one) => !one.delisted && one.stock !== 0)
  const sorted = [...sample].sort((one, other) => (other.rating ?? 0) - (one.rating ?? 0))
  // One of each category first, so that the row is not eight lamps.
  const seen = new Set<string>()
  const varied = sorted.filter(({ category }) => !seen.has(category) && seen.add(category))
  return [...varied, ...sorted.filter((one) => !varied.includes(one))].slice(0, LIKED_SHOWN)
}

function fillHero(hero: HTMLElement, found: readonly Category[]): void {
  const step = Math.max(1, Math.floor(found.length / HERO_PICTURES))
  const picked = found.filter((_, at) => at % step === 0).slice(0, HERO_PICTURES)
  fill(
    hero,
    picked.map(({ first }) => h('span', { class: 'hero-picture' }, draw(first.picture, first.colors[0]))),
  )
}

function tiles(found: readonly Category[]): HTMLElement {
  return h(
    'section',
    { class: 'section', id: 'shop-by-category', tabindex: '-1', 'aria-labelledby': 'categories-heading' },
    h('h2', { id: 'categories-heading' }, 'Shop by category'),
    h(
      'ul',
      { class: 'tiles' },
      found.map(({ name, first }) =>
        h(
          'li',
          {},
          h(
            'a',
            { class: 'tile', href: categoryPath(name) },
            h('span', { class: 'tile-picture' }, draw(first.picture, first.colors[0])),
            h('span', { class: 'tile-name', dir: 'auto' }, label(name)),
          ),
        ),
      ),
    ),
  )
}

function likedSection(liked: readonly Item[]): HTMLElement | null {
  if (liked.length === 0) return null
  const rated = liked.some(({ rating }) => rating !== null)
  return h(
    'section',
    { class: 'section', 'aria-labelledby': 'liked-heading' },
    h('h2', { id: 'liked-heading' }, rated ? 'Well liked' : 'From the shelves'),
    grid(liked, rated ? 'Well liked products' : 'Products'),
  )
}
