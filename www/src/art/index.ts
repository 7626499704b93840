/** Pictures of products, drawn on the device: they need no connection and weigh nothing. */

import { svg } from '../dom'
import type { Picture } from '../product'
import { guess } from './guess'
import { paint } from './paint'
import type { Shape } from './shape'
import * as home from './home'
import * as kitchen from './kitchen'
import * as leisure from './leisure'
import * as variants from './variants'
import * as wear from './wear'

const SHAPES: { readonly [name: string]: Shape } = { ...wear, ...kitchen, ...home, ...leisure, ...variants }

/** Draws a product. The picture is decoration: the title beside it says what it is. */
export function draw(picture: Picture, color?: string): SVGSVGElement {
  const { paint: colors, defs, id } = paint(picture, color)
  const shape = SHAPES[guess(picture.shape, picture.title, Object.keys(SHAPES))] ?? leisure.parcel
  const { art, width = 62, floor = 164, lift = 0 } = shape(colors)
  // The backdrop is larger than the square, so that a wider frame is filled and nothing is cut off.
  return svg(
    `<svg class="art" viewBox="0 0 200 200" aria-hidden="true" focusable="false"><defs>${defs}</defs>` +
      `<rect x="-200" y="-100" width="600" height="400" fill="url(#${id('back')})"/>` +
      `<g transform="translate(0 ${-lift})"><ellipse cx="104" cy="${floor + 2}" rx="${width + 16}" ry="${Math.max(8, width / 6)}" fill="url(#${id('floor')})"/>` +
      `<g stroke-linejoin="round" stroke-linecap="round">${art}</g></g></svg>`,
  )
}
