/** A page's worth of words where there is nothing else to show: what is the matter, and what to do. */

import { h, type Child } from '../dom'
import { icon, type IconName } from './icon'

export interface Notice {
  readonly glyph: IconName
  readonly title: string
  readonly text: string
  readonly actions?: Child
  /** The page's own heading is `h1`; inside a page that has one it is `h2`. */
  readonly level?: 'h1' | 'h2'
}

export function notice({ glyph, title, text, actions, level = 'h2' }: Notice): HTMLElement {
  return h(
    'div',
    { class: 'notice' },
    h('span', { class: 'notice-icon' }, icon(glyph)),
    h(level, { tabindex: level === 'h1' ? '-1' : null }, title),
    h('p', {}, text),
    h('div', { class: 'notice-actions' }, actions),
  )
}
