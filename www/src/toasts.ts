/** Short messages at the page's edge, read out politely by a screen reader. */

import { h } from './dom'
import { icon } from './components/icon'

/** Long enough to read two lines slowly; the clock stands still while pointer or focus is on the message. */
const INFO_MS = 8000

/** More would cover a phone's screen; the oldest makes room. */
const SHOWN_MAX = 4

export interface Toast {
  readonly text: string
  /** An `outcome` stays until it is closed: it tells of something the shopper did not ask for. */
  readonly kind: 'info' | 'outcome'
  /** What it is about, such as a product's id: a newer message about the same takes its place. */
  readonly about?: string | null
  readonly action?: { readonly label: string; readonly run: () => void }
  /** Where the shopper can see more. */
  readonly link?: { readonly label: string; readonly path: string }
}

export class Toasts {
  /** The live region must be in the page before the first message, or that one is not read out. */
  readonly element = h('div', { class: 'toasts', role: 'log', 'aria-live': 'polite', 'aria-label': 'Messages' })

  show(toast: Toast): void {
    const { about } = toast
    if (about) for (const old of this.element.querySelectorAll(`[data-about="${CSS.escape(about)}"]`)) old.remove()
    while (this.element.children.length >= SHOWN_MAX) this.element.firstElementChild?.remove()
    const close = () => {
      clock.stop()
      item.remove()
    }
    const action = toast.action
    const item = h(
      'div',
      { class: `toast toast-${toast.kind}`, 'data-about': about },
      h('span', { class: 'toast-icon' }, icon(toast.kind === 'outcome' ? 'notice' : 'check')),
      h(
        'div',
        { class: 'toast-words' },
        h('p', {}, toast.text),
        action &&
          h('button', { class: 'toast-action', type: 'button', onclick: () => (close(), action.run()) }, action.label),
        toast.link && h('a', { class: 'toast-action', href: toast.link.path, onclick: close }, toast.link.label),
      ),
      h(
        'button',
        { class: 'icon-button', type: 'button', 'aria-label': 'Close this message', onclick: close },
        icon('close'),
      ),
    )
    const clock = new Clock(toast.kind === 'info' ? INFO_MS : null, close)
    for (const event of ['pointerenter', 'focusin']) item.addEventListener(event, () => clock.stop())
    for (const event of ['pointerleave', 'focusout']) item.addEventListener(event, () => clock.start())
    clock.start()
    this.element.append(item)
  }

  /** The shopper has come to this page: what points there has done its work. */
  arrived(path: string): void {
    for (const link of this.element.querySelectorAll<HTMLAnchorElement>('.toast-info a')) {
      if (link.pathname === path) link.closest('.toast')?.remove()
    }
  }
}

class Clock {
  readonly #ms: number | null
  readonly #end: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number | null, end: () => void) {
    this.#ms = ms
    this.#end = end
  }

  start(): void {
    this.stop()
    if (this.#ms !== null) this.#timer = setTimeout(this.#end, this.#ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
