/** The colours and gradients of one picture. All drawings share them, so the shop looks like one shelf. */

import { hsl } from '../color'
import type { Picture } from '../product'

export interface Paint {
  /** Fills: the object's main colour, lit from the upper left. */
  readonly body: string
  /** The same, lit as a cylinder is: from one side to the other. */
  readonly round: string
  /** The main colour's shadow side. */
  readonly deep: string
  /** A second colour that goes with the first. */
  readonly accent: string
  readonly metal: string
  readonly wood: string
  readonly pale: string
  readonly ink: string
  readonly glow: string
  readonly leaf: string
  /** Flat colours for lines. */
  readonly line: string
  readonly light: string
  readonly deepLine: string
  readonly accentLine: string
  readonly metalLine: string
  /** The nth choice of this product, from 0 up to 1: the same on every device. */
  readonly pick: (nth: number) => number
}

/** Ids in SVG are the whole page's, so each picture has its own prefix. */
let pictures = 0

const round = (value: number) => Math.round(value * 10) / 10
const flat = (hue: number, saturation: number, lightness: number) =>
  `hsl(${round(((hue % 360) + 360) % 360)} ${round(saturation)}% ${round(Math.min(96, Math.max(5, lightness)))}%)`

export function picker(seed: number): (nth: number) => number {
  return (nth) => {
    let state = (seed ^ Math.imul(nth + 1, 0x9e3779b1)) >>> 0
    state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    return ((state ^ (state >>> 16)) >>> 0) / 2 ** 32
  }
}

export function paint(picture: Picture, color?: string): { paint: Paint; defs: string; id: (name: string) => string } {
  const pick = picker(picture.seed)
  const named = color ?? picture.color
  const chosen = named ? hsl(named) : null
  const hue = chosen?.hue ?? picture.hue
  const saturation = chosen?.saturation ?? 28 + pick(90) * 30
  const lightness = Math.min(88, Math.max(18, chosen?.lightness ?? 40 + pick(91) * 22))
  const accentHue = hue + (pick(92) < 0.5 ? 28 : 172)
  const prefix = `art${(pictures += 1)}`
  const id = (name: string) => `${prefix}-${name}`
  const url = (name: string) => `url(#${id(name)})`

  const main = (shift: number) => flat(hue, saturation, lightness + shift)
  const accent = (shift: number) => flat(accentHue, Math.max(30, saturation * 0.8), 56 + shift)
  const slope = (name: string, stops: readonly string[], line = 'x1="0" y1="0" x2="0.7" y2="1"') =>
    `<linearGradient id="${id(name)}" ${line}>${stops
      .map((stop, at) => `<stop offset="${round(at / (stops.length - 1))}" stop-color="${stop}"/>`)
      .join('')}</linearGradient>`
  const across = 'x1="0" y1="0" x2="1" y2="0"'

  const defs = [
    slope('body', [main(15), main(0), main(-12)]),
    slope('round', [main(-6), main(16), main(4), main(-14)], across),
    slope('deep', [main(-8), main(-22)]),
    slope('accent', [accent(14), accent(-8)]),
    slope('metal', ['hsl(40 12% 92%)', 'hsl(38 8% 70%)', 'hsl(38 10% 84%)', 'hsl(36 8% 56%)']),
    slope('wood', ['hsl(30 46% 62%)', 'hsl(27 44% 47%)', 'hsl(24 42% 38%)']),
    slope('pale', ['hsl(40 40% 98%)', 'hsl(36 24% 84%)']),
    slope('ink', ['hsl(225 10% 34%)', 'hsl(225 14% 15%)']),
    slope('leaf', ['hsl(118 30% 54%)', 'hsl(142 38% 29%)']),
    `<radialGradient id="${id('glow')}"><stop offset="0" stop-color="#fff3cf"/><stop offset="0.55" stop-color="#ffe3a0" stop-opacity="0.5"/><stop offset="1" stop-color="#ffdb8a" stop-opacity="0"/></radialGradient>`,
    `<radialGradient id="${id('floor')}"><stop offset="0" stop-color="#1b1208" stop-opacity="0.42"/><stop offset="0.6" stop-color="#1b1208" stop-opacity="0.14"/><stop offset="1" stop-color="#1b1208" stop-opacity="0"/></radialGradient>`,
    // The backdrop's lightness comes from the page's style, so the pictures follow the dark mode.
    `<radialGradient id="${id('back')}" gradientUnits="userSpaceOnUse" cx="76" cy="60" r="190"><stop offset="0" style="stop-color:hsl(${round(hue)} var(--art-saturation,34%) var(--art-near,95%))"/><stop offset="1" style="stop-color:hsl(${round(hue + 12)} var(--art-saturation,34%) var(--art-far,86%))"/></radialGradient>`,
  ].join('')

  return {
    id,
    defs,
    paint: {
      body: url('body'),
      round: url('round'),
      deep: url('deep'),
      accent: url('accent'),
      metal: url('metal'),
      wood: url('wood'),
      pale: url('pale'),
      ink: url('ink'),
      glow: url('glow'),
      leaf: url('leaf'),
      line: main(-20),
      light: main(26),
      deepLine: main(-30),
      accentLine: accent(0),
      metalLine: 'hsl(38 9% 52%)',
      pick,
    },
  }
}
