/** Colours: from `#rrggbb` to hue, and to words, because a swatch without a name tells a screen reader nothing. */

export interface Hsl {
  /** Degrees. */
  readonly hue: number
  /** Percent. */
  readonly saturation: number
  /** Percent. */
  readonly lightness: number
}

export function hsl(hex: string): Hsl {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255) as [
    number,
    number,
    number,
  ]
  const high = Math.max(red, green, blue)
  const low = Math.min(red, green, blue)
  const span = high - low
  const lightness = (high + low) / 2
  if (span === 0) return { hue: 0, saturation: 0, lightness: lightness * 100 }
  const saturation = span / (1 - Math.abs(2 * lightness - 1))
  const sector =
    high === red ? (green - blue) / span : high === green ? (blue - red) / span + 2 : (red - green) / span + 4
  return { hue: (sector * 60 + 360) % 360, saturation: saturation * 100, lightness: lightness * 100 }
}

/** Upper end of each hue's name, in degrees. */
const HUES: readonly (readonly [number, string])[] = [
  [15, 'red'],
  [42, 'orange'],
  [66, 'yellow'],
  [90, 'lime'],
  [155, 'green'],
  [195, 'teal'],
  [215, 'sky blue'],
  [255, 'blue'],
  [285, 'violet'],
  [320, 'magenta'],
  [345, 'pink'],
  [360, 'red'],
]

/** A colour in words, such as `Deep green`. */
export function colorName(hex: string): string {
  const { hue, saturation, lightness } = hsl(hex)
  if (lightness > 94) return 'White'
  if (lightness < 10) return 'Black'
  if (saturation < 10) return lightness > 70 ? 'Light grey' : lightness < 35 ? 'Charcoal' : 'Grey'
  // Between red and yellow a dull colour is no orange to anyone.
  const earthy = hue >= 15 && hue < 52 && (lightness < 42 || saturation < 62)
  if (earthy && lightness > 76) return 'Cream'
  const name = earthy ? (lightness < 50 ? 'brown' : 'tan') : (HUES.find(([end]) => hue <= end)?.[1] ?? 'red')
  const tone = lightness > 78 ? 'Pale' : lightness < 32 ? 'Deep' : saturation < 35 ? 'Soft' : ''
  return tone ? `${tone} ${name}` : name.charAt(0).toUpperCase() + name.slice(1)
}

/** Colours that products are named after. */
const NAMED: { readonly [word: string]: string } = {
  red: '#b8342f',
  crimson: '#a3222f',
  burgundy: '#6d1f2f',
  ruby: '#a01f3f',
  scarlet: '#c2311f',
  coral: '#e2735a',
  rose: '#c8687c',
  pink: '#dd8aa5',
  mauve: '#a27a95',
  purple: '#6b4091',
  violet: '#6f4fa3',
  lavender: '#a798cc',
  plum: '#5f2d55',
  blue: '#2f62a8',
  navy: '#22335c',
  royal: '#2c4aa5',
  sky: '#7db4dc',
  indigo: '#39407f',
  teal: '#1f7a7c',
  turquoise: '#37a5a5',
  aqua: '#58b8bd',
  mint: '#92cdb0',
  green: '#3c7a4a',
  emerald: '#1f7a56',
  olive: '#70713a',
  sage: '#94a688',
  forest: '#2c5238',
  lime: '#9ab83a',
  yellow: '#dfb62f',
  mustard: '#c3952a',
  gold: '#c39a3d',
  golden: '#c39a3d',
  amber: '#c97f24',
  orange: '#d5722b',
  peach: '#edb08a',
  copper: '#ae6a42',
  rust: '#9c4c28',
  terracotta: '#b8623f',
  brown: '#714a31',
  tan: '#bd936a',
  beige: '#d4c2a3',
  cream: '#ebe0c8',
  ivory: '#f0e9d8',
  walnut: '#5f412d',
  oak: '#b08a5a',
  chestnut: '#7a4630',
  chocolate: '#4d3022',
  cognac: '#96532d',
  camel: '#b98a57',
  white: '#f1eee8',
  grey: '#85868a',
  gray: '#85868a',
  silver: '#b4b7bb',
  charcoal: '#3c3f45',
  slate: '#56616d',
  black: '#26262a',
  ebony: '#2c2724',
}

/** The first colour that a text names, or null. */
export function colorNamed(text: string): string | null {
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    if (Object.hasOwn(NAMED, word)) return NAMED[word] ?? null
  }
  return null
}
