import type { Paint } from './paint'

export interface Drawing {
  /** SVG in a square of 200 by 200. */
  readonly art: string
  /** Half the width of the shadow on the floor. */
  readonly width?: number
  /** Where the object stands. */
  readonly floor?: number
  /** How far it is moved up, so that a low object sits in the middle. */
  readonly lift?: number
}

export type Shape = (paint: Paint) => Drawing

/** A filled path. */
export const area = (d: string, fill: string, more = '') => `<path d="${d}" fill="${fill}" ${more}/>`

/** A line along a path. */
export const stroke = (d: string, color: string, width: number, more = '') =>
  `<path d="${d}" fill="none" stroke="${color}" stroke-width="${width}" ${more}/>`

/** A soft highlight: white that lets the colour through. */
export const shine = (d: string, opacity = 0.28) => `<path d="${d}" fill="#fff" opacity="${opacity}"/>`

/** A soft shade. */
export const shade = (d: string, opacity = 0.16) => `<path d="${d}" fill="#120c04" opacity="${opacity}"/>`
