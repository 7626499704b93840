import { compareBytes } from './bytes.ts'
import type { Document, KeyPart, Value } from './types.ts'

export type Parts = readonly KeyPart[]

/** Bounds of keys: each a prefix. */
export interface Bounds {
  readonly gte?: Parts
  readonly gt?: Parts
  readonly lte?: Parts
  readonly lt?: Parts
}

/** Kinds of key parts, in their order. */
const enum Kind {
  Null,
  False,
  True,
  Number,
  BigInt,
  String,
  Bytes,
  /** Has no place in a key. */
  None,
}

/** Tags of encoded parts: the same stand in `src/key.rs`. */
const enum Tag {
  Null = 0x10,
  True = 0x21,
  Number = 0x30,
  BigInt = 0x38,
  String = 0x40,
  Bytes = 0x50,
}

/** Code units from here on are surrogates, whose code points come last, and then others. */
const SURROGATES = 0xd800
const SURROGATES_END = 0xe000

function kindOf(part: unknown): Kind {
  if (part == null) return Kind.Null
  if (part === false) return Kind.False
  if (part === true) return Kind.True
  if (typeof part === 'number' || part instanceof Date) return Kind.Number
  if (typeof part === 'bigint') return Kind.BigInt
  if (typeof part === 'string') return Kind.String
  return part instanceof Uint8Array ? Kind.Bytes : Kind.None
}

/** Compares parts of keys as the engine orders them. */
export function compareParts(one: unknown, other: unknown): number {
  // The most frequent first.
  if (typeof one === 'number' && typeof other === 'number') return one - other
  const kind = kindOf(one)
  const difference = kind - kindOf(other)
  if (difference !== 0) return difference
  if (kind === Kind.String) return compareStrings(one as string, other as string)
  if (kind === Kind.Bytes) return compareBytes(one as Uint8Array, other as Uint8Array)
  if (kind === Kind.Number) return Number(one) - Number(other)
  if (kind === Kind.BigInt) return one === other ? 0 : (one as bigint) < (other as bigint) ? -1 : 1
  return 0
}

/** By code point, where JavaScript compares code units. */
function compareStrings(one: string, other: string): number {
  if (one === other) return 0
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)]
    if (a !== b) return codeOrder(a) - codeOrder(b)
  }
  return one.length - other.length
}

function codeOrder(unit: number): number {
  return unit >= SURROGATES && unit < SURROGATES_END ? unit + 0x10000 : unit
}

/** Compares a key with a prefix: 0 where it begins with it. */
function comparePrefix(key: readonly unknown[], prefix: Parts): number {
  for (let at = 0; at < prefix.length; at++) {
    if (at === key.length) return -1
    const difference = compareParts(key[at], prefix[at])
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether a key lies within bounds. */
export function isWithin(key: readonly unknown[], { gte, gt, lte, lt }: Bounds): boolean {
  return (
    (gte === undefined || comparePrefix(key, gte) >= 0) &&
    (gt === undefined || comparePrefix(key, gt) > 0) &&
    (lte === undefined || comparePrefix(key, lte) <= 0) &&
    (lt === undefined || comparePrefix(key, lt) < 0)
  )
}

/** Whether a row may have an entry within bounds of an index. An array stands for each of its items. */
export function mayBeWithin(entry: readonly unknown[], bounds: Bounds): boolean {
  const at = entry.findIndex(Array.isArray)
  if (at < 0) return isWithin(entry, bounds)
  const items = entry[at] as readonly unknown[]
  return items.some(item => mayBeWithin([...entry.slice(0, at), item, ...entry.slice(at + 1)], bounds))
}

/** The parts of an encoded key: see `src/key.rs`. */
export function partsOf(key: Uint8Array): Parts {
  const parts: KeyPart[] = []
  for (let at = 0; at < key.length; ) {
    const tag = key[at++]!
    // What has a content ends with a zero, and a zero in it is followed by 255.
    const content: number[] = []
    if (tag >= Tag.Number) {
      for (let byte; (byte = key[at++]!) !== 0 || key[at] === 0xff; content.push(byte)) if (byte === 0) at++
    }
    parts.push(partOf(tag, Uint8Array.from(content)))
  }
  return parts
}

function partOf(tag: number, content: Uint8Array): KeyPart {
  if (tag === Tag.String) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(content)
  if (tag === Tag.Bytes) return content
  if (tag === Tag.Number) {
    const view = new DataView(new ArrayBuffer(8))
    const isNegative = content[0]! < 0x80
    for (let at = 0; at < 8; at++) view.setUint8(at, isNegative ? ~(content[at] ?? 0) : (content[at] ?? 0))
    if (!isNegative) view.setUint8(0, content[0]! - 0x80)
    return view.getFloat64(0)
  }
  if (tag === Tag.BigInt) {
    const isNegative = content[0]! < 0x80
    let magnitude = 0n
    // Behind the length.
    for (const byte of content.subarray(2)) magnitude = magnitude * 256n + BigInt(isNegative ? 255 - byte : byte)
    return isNegative ? -magnitude : magnitude
  }
  return tag === Tag.Null ? null : tag === Tag.True
}

/** A text for a key, another one for each. */
export function textOf(key: readonly unknown[]): string {
  return key.map(partText).join()
}

function partText(part: unknown): string {
  switch (kindOf(part)) {
    case Kind.String:
      return JSON.stringify(part)
    case Kind.Number:
      return `${Number(part)}`
    case Kind.BigInt:
      return `${part}n`
    case Kind.Bytes:
      return `[${part}]`
    default:
      return `${part}`
  }
}

/** The value at a dotted path of a row. */
export function valueAt(row: Document, path: string): Value {
  let value: Value | undefined = row
  for (const key of path.split('.')) value = (value as Document | null | undefined)?.[key]
  return value as Value
}
