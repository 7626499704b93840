/** "Recently viewed": the newest visits, each product once. */

import type { Shop } from 'pannier'
import { eachFrame, fill, h } from '../dom'
import { item, type Item } from '../product'
import { grid } from './card'

const SHOWN = 6
/** Enough visits that some pages opened over and over still leave this many products. */
const VISITS_READ = 60

async function read(shop: Shop, except: string | null): Promise<Item[]> {
  const visits = await shop.history.recent({ limit: VISITS_READ })
  const skus = [...new Set(visits.map((visit) => visit.sku))].filter((sku) => sku !== except).slice(0, SHOWN)
  const products = await Promise.all(skus.map((sku) => shop.catalog.get(sku)))
  return products.flatMap((product) => (product ? [item(product)] : []))
}

/** A section that stays away while there is nothing to show. */
export function recentlyViewed(shop: Shop, except: string | null): { element: HTMLElement; stop: () => void } {
  const element = h('section', { class: 'section recent', 'aria-labelledby': 'recent-heading', hidden: true })
  let shown = ''
  const refresh = eachFrame(() => {
    void read(shop, except).then(
      (items) => {
        const now = JSON.stringify(items)
        if (now === shown) return
        shown = now
        element.hidden = items.length === 0
        fill(element, h('h2', { id: 'recent-heading' }, 'Recently viewed'), grid(items, 'Recently viewed products'))
      },
      () => {
        element.hidden = true
      },
    )
  })
  refresh()
  const stops = [shop.history.subscribe(refresh), shop.catalog.subscribe(refresh)]
  return { element, stop: () => stops.forEach((stop) => stop()) }
}
