import { h } from '../dom'

export function footer(): HTMLElement {
  return h(
    'footer',
    { class: 'footer' },
    h('p', {}, 'A demo shop on Pannier. Its goods are made up and cannot be bought.'),
    h('p', {}, 'Goods, cart and history are kept on this device; pictures are drawn on it.'),
  )
}
