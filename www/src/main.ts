/** Puts the shop together: opens the store, shows the frame, starts the pages. */

import { open, type Shop } from 'pannier'
import './styles/index.css'
import { skeletonGrid } from './components/card'
import { footer } from './components/footer'
import { header } from './components/header'
import { notice } from './components/notice'
import { Connection } from './connection'
import type { Context } from './context'
import { h } from './dom'
import { token } from './identity'
import { Notes } from './notes'
import { watchOutcomes } from './outcomes'
import { carryOver, followOtherTabs, storeName } from './recovery'
import { Router } from './router'
import { Toasts } from './toasts'
import { cart } from './views/cart'
import { category } from './views/category'
import { home } from './views/home'
import { missing } from './views/missing'
import { product } from './views/product'

const top = header()
const toasts = new Toasts()
const main = h(
  'main',
  { id: 'main', tabindex: '-1' },
  h(
    'div',
    { class: 'page' },
    h('p', { class: 'visually-hidden', role: 'status' }, 'The shop is opening.'),
    skeletonGrid(8),
  ),
)
document.getElementById('app')?.replaceChildren(top.element, main, footer(), toasts.element)

function start(shop: Shop): void {
  const notes = new Notes()
  const connection = new Connection(shop)
  const context: Context = {
    shop,
    connection,
    toasts,
    notes,
    router: new Router(main, [
      { path: /^\/$/, view: () => home(context) },
      { path: /^\/c\/([^/]+)$/, view: ([name = ''], query) => category(context, name, query) },
      { path: /^\/p\/([^/]+)$/, view: ([id = '']) => product(context, id) },
      { path: /^\/cart$/, view: () => cart(context) },
      { path: /^/, view: () => missing() },
    ]),
  }
  context.router.onShow((path) => top.mark(path))
  context.router.onShow((path) => toasts.arrived(path))
  watchOutcomes(shop, toasts, notes)
  top.connect(context)
  context.router.start()
  const broken = (error: Error) =>
    toasts.show({
      kind: 'outcome',
      text: `Something went wrong on this device: ${error.message}. Reloading the page often helps.`,
    })
  shop.on('error', broken)
  carryOver(shop).catch(broken)
}

function failed(error: unknown): void {
  const reload = h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Reload the page')
  const reason = error instanceof Error ? error.message : String(error)
  const text = `The reason given is: ${reason}. A lost connection, a private window, a full disk or a very old browser can be the cause. What is in your cart is not touched.`
  main.replaceChildren(
    h(
      'div',
      { class: 'page' },
      notice({ glyph: 'notice', level: 'h1', title: 'The shop could not be opened', text, actions: reload }),
    ),
  )
}

followOtherTabs()
open({ name: storeName(), sync: { url: '/v1', token } })
  .then(start)
  .catch(failed)

// In development Vite serves the modules one by one, and a worker would keep old ones.
if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register('/sw.js', { type: 'module' }).catch((error: unknown) => {
    console.warn('The shop will not open offline: its service worker could not be registered.', error)
  })
}
