import { notice } from '../components/notice'
import { h } from '../dom'
import type { View } from '../router'

/** An address that leads nowhere. */
export function missing(): View {
  return {
    title: 'Not found',
    ready: Promise.resolve(),
    element: h(
      'div',
      { class: 'page' },
      notice({
        glyph: 'bag',
        level: 'h1',
        title: 'There is no such page',
        text: 'The address may be mistyped, or the page has moved.',
        actions: h('a', { class: 'button', href: '/' }, 'Back to the shop'),
      }),
    ),
    stop: () => {},
  }
}
