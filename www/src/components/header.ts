/** The top of every page: the sign, the categories, the connection, the cart. */

import type { Context } from '../context'
import { categories, errorText } from '../catalog'
import type { Status } from '../connection'
import { eachFrame, fill, h } from '../dom'
import { ago, count, label } from '../format'
import { categoryPath } from '../product'
import { isStranger, startAnew } from '../recovery'
import { icon, logo } from './icon'

const STATUS: { readonly [status in Status]: string } = {
  saved: 'Online',
  syncing: 'Sending…',
  paused: 'Offline',
  offline: 'No connection',
  error: 'Problem',
}

export interface Header {
  readonly element: HTMLElement
  /** Fills it in once the shop is open. */
  connect(context: Context): void
  /** Marks the current page among the links. */
  mark(path: string): void
}

export function header(): Header {
  const nav = h('nav', { class: 'categories', 'aria-label': 'Categories' }, h('ul', {}))
  const badge = h('span', { class: 'cart-count', hidden: true })
  const cart = h(
    'a',
    { class: 'cart-link', href: '/cart' },
    icon('bag'),
    h('span', { class: 'cart-word' }, 'Cart'),
    badge,
  )
  const switchText = h('span', { class: 'switch-text' }, 'Opening…')
  const toggle = h(
    'button',
    {
      class: 'switch',
      type: 'button',
      role: 'switch',
      'aria-checked': 'true',
      'aria-label': 'Connection',
      disabled: true,
    },
    h('span', { class: 'switch-track' }, h('span', { class: 'switch-knob' })),
  )
  const waiting = h('span', { class: 'waiting', hidden: true })
  const banner = h('div', { class: 'banner', hidden: true })
  const spoken = h('p', { class: 'visually-hidden', role: 'status' })
  const element = h(
    'header',
    { class: 'header' },
    h(
      'div',
      { class: 'header-bar' },
      h(
        'a',
        { class: 'logo', href: '/', 'aria-label': 'Pannier shop, home' },
        logo(),
        h('span', { class: 'logo-word' }, 'Pannier'),
      ),
      h('div', { class: 'connection' }, switchText, waiting, toggle),
      cart,
    ),
    nav,
    banner,
    spoken,
  )

  function showConnection({ connection, shop }: Context): void {
    const { status, pending, paused } = connection
    document.documentElement.dataset.sync = status
    document.documentElement.dataset.pending = String(pending)
    switchText.textContent = STATUS[status]
    element.dataset.status = status
    toggle.setAttribute('aria-checked', String(!paused))
    toggle.disabled = false
    waiting.hidden = pending === 0
    waiting.textContent = `${pending} waiting`
    toggle.title =
      connection.lastSyncAt === null ? 'Not synced yet' : `Last synced ${ago(connection.lastSyncAt, Date.now())}`
    const text = bannerText(status, pending, connection.error)
    banner.hidden = text === null
    if (text !== null) {
      const stranger = isStranger(connection.error)
      const label = paused ? 'Go online' : stranger ? 'Carry the cart over' : 'Try again'
      const press = () => (stranger && !paused ? void startAnew(shop) : connection.retry())
      fill(
        banner,
        h('span', { class: 'banner-icon' }, icon(status === 'error' ? 'notice' : 'offline')),
        h('p', {}, text),
        h('button', { class: 'banner-action', type: 'button', onclick: press }, label),
      )
    }
    const speech = text ?? (status === 'saved' ? 'Online, everything is saved.' : '')
    // A change of words is read out each time, so "sending" in between is left out.
    if (status !== 'syncing' && spoken.textContent !== speech) spoken.textContent = speech
  }

  return {
    element,
    connect(context) {
      toggle.addEventListener('click', () => context.connection.toggle())
      context.connection.subscribe(() => showConnection(context))
      context.shop.cart.subscribe(({ count: goods }) => {
        badge.hidden = goods === 0
        fill(badge, goods, h('span', { class: 'visually-hidden' }, goods === 1 ? ' item' : ' items'))
      })
      const links = nav.firstElementChild as HTMLElement
      const refresh = eachFrame(
        () =>
          void categories(context.shop).then(
            (found) =>
              showCategories(
                links,
                found.map(({ name }) => name),
              ),
            () => {},
          ),
      )
      context.shop.catalog.subscribe(refresh)
      refresh()
    },
    mark(path) {
      for (const link of element.querySelectorAll('a')) {
        if (link.pathname === path) link.setAttribute('aria-current', 'page')
        else link.removeAttribute('aria-current')
      }
      showCurrent(nav)
    },
  }
}

function showCategories(list: HTMLElement, names: readonly string[]): void {
  if (list.dataset.names === names.join('\n')) return
  list.dataset.names = names.join('\n')
  fill(
    list,
    names.map((name) => {
      const path = categoryPath(name)
      return h(
        'li',
        {},
        h('a', { href: path, dir: 'auto', 'aria-current': path === location.pathname ? 'page' : null }, label(name)),
      )
    }),
  )
  showCurrent(list.parentElement as HTMLElement)
}

/** Brings the current category into sight, sideways only: the page itself must not move. */
function showCurrent(nav: HTMLElement): void {
  const list = nav.firstElementChild as HTMLElement
  const link = list.querySelector<HTMLElement>('[aria-current]')
  if (link) list.scrollTo({ left: link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2 })
}

function bannerText(status: Status, pending: number, error: Error | null): string | null {
  const waits = pending === 0 ? '' : ` ${count(pending, 'change waits', 'changes wait')} to be sent.`
  switch (status) {
    case 'paused':
      return `You switched the connection off. Go on shopping: everything is kept on this device.${waits}`
    case 'offline':
      return `There is no connection. Go on shopping: everything is kept on this device.${waits}`
    case 'error':
      if (isStranger(error))
        return "The shop's server was set up anew and does not know this device. Your cart is still here and can be carried over."
      return `The shop cannot be synced. ${errorText(error)}${waits}`
    default:
      return null
  }
}
