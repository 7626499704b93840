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
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255) as [number, number, number]
  const high = Math.max(red, green, blue)
  const low = Math.min(red, green, blue)
  const span = high - low
  const lightness = (high + low) / 2
  if (span === 0) return { hue: 0, saturation: 0, lightness: lightness * 100 }
  const saturation = span / (1 - Math.abs(2 * lightness - 1))
  const sector = high === red ? (green - blue) / span : high === green ? (blue - red) / span + 2 : (red - green) / span + 4
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
  const brown = hue >= 15 && hue < 48 && lightness < 42
  const name = brown ? 'brown' : (HUES.find(([end]) => hue <= end)?.[1] ?? 'red')
  const tone = lightness > 78 ? 'Pale' : lightness < 32 ? 'Deep' : saturation < 35 ? 'Soft' : ''
  return tone ? `${tone} ${name}` : name.charAt(0).toUpperCase() + name.slice(1)
}
