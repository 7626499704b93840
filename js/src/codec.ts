/**
 * The encoding of documents, as the core's `format::document` defines it: one
 * encoding for each value, always the shortest, so that both languages write
 * the same bytes.
 */
import type { Json } from './types.ts'

/** Deepest nesting of objects and arrays: the core refuses more. */
export const DEPTH_MAX = 64

/** Bound of numbers written as hundredths: below it they are shorter than a double. */
const HUNDREDTHS_BOUND = 2 ** 48

/** Longest string in characters that is copied in a loop; a call into the browser's coders costs more up to here. */
const LOOP_CHARS_MAX = 24

/** Entries of the cache of keys, a power of two: the field names of all collections fit with few clashes. */
const KEYS_CACHED = 1024

const textEncoder = new TextEncoder()
// Without ignoreBOM a string that begins with U+FEFF would lose it.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const double = new DataView(new ArrayBuffer(8))

/** A value that is no document, or bytes that are none. The message says where and why. */
export class DocumentError extends Error {
  readonly code = 'bad_document'
  override readonly name = 'DocumentError'
}

/** Bytes that grow as they are written. */
export class Encoder {
  bytes: Uint8Array
  /** How many bytes are written. */
  at = 0

  constructor(size = 1024) {
    this.bytes = new Uint8Array(size)
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.at + count
    if (needed <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
    larger.set(this.bytes)
    this.bytes = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  /** A whole number from 0 to 2^53 − 1. */
  varint(value: number): void {
    this.reserve(8)
    const bytes = this.bytes
    // Bit operations would cut it to 32 bits.
    while (value > 0x7fffffff) {
      bytes[this.at++] = (value % 128) | 128
      value = Math.floor(value / 128)
    }
    while (value > 127) {
      bytes[this.at++] = (value & 127) | 128
      value >>>= 7
    }
    bytes[this.at++] = value
  }

  /** A string as a document holds it; false when it has a lone surrogate, which UTF-8 cannot express. */
  string(text: string): boolean {
    const length = text.length
    this.reserve(3 * length + 8)
    if (length <= LOOP_CHARS_MAX) {
      const bytes = this.bytes
      let at = this.at
      bytes[at++] = 0x80 | length
      let index = 0
      for (; index < length; index++) {
        const unit = text.charCodeAt(index)
        if (unit > 127) break
        bytes[at++] = unit
      }
      if (index === length) {
        this.at = at
        return true
      }
    }
    if (!isWellFormed(text)) return false
    this.#encoded(text)
    return true
  }

  /** The bytes come first, behind a guess at the size of their head; where the guess is wrong, they move. */
  #encoded(text: string): void {
    const start = this.at
    const guess = text.length < 64 ? 1 : text.length < 128 ? 2 : 3
    const written = textEncoder.encodeInto(text, this.bytes.subarray(start + guess)).written
    if (written < 64) {
      this.bytes[this.at++] = 0x80 | written
    } else {
      const head = 1 + varintLength(written)
      if (head !== guess) this.bytes.copyWithin(start + head, start + guess, start + guess + written)
      this.bytes[this.at++] = 0xe6
      this.varint(written)
    }
    this.at += written
  }

  /** What is written, without a copy: valid until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }
}

/** Browsers from before 2024 lack the method. */
function isWellFormed(text: string & { isWellFormed?(): boolean }): boolean {
  return text.isWellFormed?.() ?? !/\p{Surrogate}/u.test(text)
}

function varintLength(value: number): number {
  let length = 1
  for (; value > 127; value = Math.floor(value / 128)) length++
  return length
}

/** Keys and indexes on the way to the value being written. */
const path: (string | number)[] = []

class Refused {
  readonly why: string
  readonly depth: number
  constructor(why: string, depth: number) {
    this.why = why
    this.depth = depth
  }
}

/**
 * Appends `value`. Fields that are undefined are left out, and an undefined item is null, as in JSON.
 *
 * @param name What the value is called in an error, such as `products[3]`.
 * @throws DocumentError when it is no JSON value; `out` is then as it was.
 */
export function encode(value: unknown, out: Encoder, name = ''): void {
  const start = out.at
  try {
    if (value === undefined) throw new Refused('undefined is not a JSON value', 0)
    write(value, out, 0)
  } catch (error) {
    out.at = start
    throw error instanceof Refused ? explained(error, value, name) : error
  }
}

function write(value: unknown, out: Encoder, depth: number): void {
  switch (typeof value) {
    case 'string':
      if (!out.string(value)) throw new Refused('the string has a lone surrogate', depth)
      return
    case 'number':
      return writeNumber(value, out, depth)
    case 'boolean':
      return out.byte(value ? 0xe2 : 0xe1)
    case 'object':
      if (value === null) return out.byte(0xe0)
      if (depth === DEPTH_MAX) throw new Refused(`nested deeper than ${DEPTH_MAX} levels`, depth)
      if (Array.isArray(value)) return writeArray(value, out, depth)
      return writeObject(value, out, depth)
    default:
      throw new Refused(`a ${typeof value} is not a JSON value`, depth)
  }
}

function writeNumber(value: number, out: Encoder, depth: number): void {
  const isNegativeZero = value === 0 && 1 / value < 0
  if (Number.isSafeInteger(value) && !isNegativeZero) {
    if (value < 0) {
      out.byte(0xe4)
      return out.varint(-1 - value)
    }
    if (value > 127) out.byte(0xe3)
    return out.varint(value)
  }
  const hundredths = Math.trunc(value * 100 + (value < 0 ? -0.5 : 0.5))
  if (hundredths !== 0 && Math.abs(hundredths) < HUNDREDTHS_BOUND && hundredths / 100 === value) {
    out.byte(0xec)
    return out.varint(hundredths < 0 ? -2 * hundredths - 1 : 2 * hundredths)
  }
  if (!Number.isFinite(value)) throw new Refused(`${value} is not a JSON number`, depth)
  out.reserve(9)
  out.bytes[out.at++] = 0xe5
  double.setFloat64(0, value, true)
  for (let index = 0; index < 8; index++) out.bytes[out.at++] = double.getUint8(index)
}

function writeArray(items: readonly unknown[], out: Encoder, depth: number): void {
  const count = items.length
  if (count < 16) out.byte(0xd0 | count)
  else {
    out.byte(0xe8)
    out.varint(count)
  }
  for (let index = 0; index < count; index++) {
    const item = items[index]
    path[depth] = index
    write(item === undefined ? null : item, out, depth + 1)
  }
}

function writeObject(value: object, out: Encoder, depth: number): void {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      // One level deeper, so that a toJSON which returns its own object comes to an end.
      path[depth] = 'toJSON()'
      return write(value.toJSON(), out, depth + 1)
    }
    // A Map would silently become an empty object.
    const kind = Object.prototype.toString.call(value).slice(8, -1)
    if (kind !== 'Object') throw new Refused(`a ${kind} is not a JSON value`, depth)
  }
  const fields = value as Record<string, unknown>
  const keys = Object.keys(fields)
  const start = out.at
  let count = keys.length
  if (count < 16) {
    // One byte, whatever the count without the undefined fields turns out to be.
    out.byte(0xc0)
  } else {
    for (const key of keys) if (fields[key] === undefined) count--
    out.byte(count < 16 ? 0xc0 : 0xe7)
    if (count > 15) out.varint(count)
  }
  let written = 0
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    const field = fields[key]
    if (field === undefined) continue
    path[depth] = key
    if (!out.string(key)) throw new Refused('the key has a lone surrogate', depth + 1)
    write(field, out, depth + 1)
    written++
  }
  if (count < 16) out.bytes[start] = 0xc0 | written
}

function explained(refused: Refused, root: unknown, name: string): DocumentError {
  let depth = refused.depth
  let why = refused.why
  // An object that is met again on the way down holds itself.
  const seen: unknown[] = [root]
  for (let index = 0, value = root; index < depth; index++) {
    value = (value as Record<string | number, unknown> | null | undefined)?.[path[index]!]
    if (typeof value === 'object' && value !== null && seen.includes(value)) {
      depth = index + 1
      why = 'contains itself'
      break
    }
    seen.push(value)
  }
  let place = name
  for (const part of path.slice(0, depth)) {
    if (typeof part === 'number') place += `[${part}]`
    else if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(part)) place += place === '' ? part : `.${part}`
    else place += `[${JSON.stringify(part)}]`
  }
  return new DocumentError(place === '' ? why : `${place}: ${why}`)
}

// The reader's state: one value is read at a time, and fields of an object
// would make every step slower.
let source: Uint8Array = new Uint8Array(0)
let at = 0
let end = 0
let freezing = false

/**
 * Decodes the one value in `bytes` from `offset` to `limit`.
 *
 * @param frozen Whether objects and arrays are frozen, through all levels.
 * @throws DocumentError when the bytes are no document.
 */
export function decode(bytes: Uint8Array, offset = 0, limit = bytes.length, frozen = false): Json {
  source = bytes
  at = offset
  end = limit
  freezing = frozen
  try {
    const value = read(0)
    if (at !== end) throw damaged('bytes follow the value')
    return value
  } finally {
    // The bytes may be all of the module's memory.
    source = EMPTY
  }
}

const EMPTY = new Uint8Array(0)

function damaged(why: string): DocumentError {
  return new DocumentError(`document, byte ${at}: ${why}`)
}

function read(depth: number): Json {
  if (at >= end) throw damaged('the bytes end inside a value')
  const tag = source[at++]!
  if (tag < 0x80) return tag
  if (tag < 0xc0) return readString(tag & 63)
  if (tag < 0xd0) return readObject(tag & 15, depth)
  if (tag < 0xe0) return readArray(tag & 15, depth)
  switch (tag) {
    case 0xe0:
      return null
    case 0xe1:
      return false
    case 0xe2:
      return true
    case 0xe3:
      return readVarint()
    case 0xe4:
      return -1 - readVarint()
    case 0xe5:
      return readDouble()
    case 0xe6:
      return readString(readVarint())
    case 0xe7:
      return readObject(readVarint(), depth)
    case 0xe8:
      return readArray(readVarint(), depth)
    case 0xe9:
      return readBytes(readVarint()) as unknown as Json
    case 0xec: {
      const zigzag = readVarint()
      return (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2) / 100
    }
    default:
      throw damaged(`unknown tag ${tag}`)
  }
}

function readVarint(): number {
  let value = 0
  for (let scale = 1; scale < 2 ** 56; scale *= 128) {
    if (at >= end) throw damaged('the bytes end inside a value')
    const byte = source[at++]!
    value += (byte & 127) * scale
    if (byte < 128) {
      if (value > Number.MAX_SAFE_INTEGER) break
      return value
    }
  }
  throw damaged('an integer is beyond 2^53 - 1')
}

/** Checks that `length` bytes are left. */
function need(length: number): void {
  if (length > end - at) throw damaged('the bytes end inside a value')
}

function readDouble(): number {
  need(8)
  for (let index = 0; index < 8; index++) double.setUint8(index, source[at++]!)
  return double.getFloat64(0, true)
}

function readBytes(length: number): Uint8Array {
  need(length)
  at += length
  return source.slice(at - length, at)
}

function readString(length: number): string {
  need(length)
  const start = at
  const stop = start + length
  if (length <= LOOP_CHARS_MAX) {
    let all = 0
    for (let index = start; index < stop; index++) all |= source[index]!
    if (all < 128) {
      at = stop
      return ascii(start, stop)
    }
  }
  return decodeText(start, stop)
}

function decodeText(start: number, stop: number): string {
  try {
    const text = textDecoder.decode(source.subarray(start, stop))
    at = stop
    return text
  } catch {
    throw damaged('a string is not utf-8')
  }
}

/** Four characters a call: a call for each makes a chain of pieces that is flattened later. */
function ascii(start: number, stop: number): string {
  let text = ''
  let index = start
  for (; index + 4 <= stop; index += 4) {
    text += String.fromCharCode(source[index]!, source[index + 1]!, source[index + 2]!, source[index + 3]!)
  }
  for (; index < stop; index++) text += String.fromCharCode(source[index]!)
  return text
}

/** Keys met lately, by a hash of their bytes. ASCII only, so that bytes compare with characters. */
const keysCached: (string | undefined)[] = new Array(KEYS_CACHED).fill(undefined)

function readKey(): string {
  if (at >= end) throw damaged('the bytes end inside a value')
  const tag = source[at]!
  if (tag === 0xe6) {
    at++
    return readString(readVarint())
  }
  if (tag < 0x80 || tag > 0xbf) throw damaged('a key is not a string')
  at++
  const length = tag & 63
  if (length > LOOP_CHARS_MAX) return readString(length)
  need(length)
  const start = at
  const stop = start + length
  let hash = length
  for (let index = start; index < stop; index++) hash = (hash * 31 + source[index]!) | 0
  const slot = (hash ^ (hash >>> 10)) & (KEYS_CACHED - 1)
  const cached = keysCached[slot]
  if (cached !== undefined && isAt(cached, start, length)) {
    at = stop
    return cached
  }
  const key = readString(length)
  if (key.length === length) keysCached[slot] = key
  return key
}

function isAt(text: string, start: number, length: number): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index++) if (text.charCodeAt(index) !== source[start + index]) return false
  return true
}

function readArray(count: number, depth: number): Json {
  if (depth === DEPTH_MAX) throw damaged(`nested deeper than ${DEPTH_MAX} levels`)
  // Each item takes a byte: a false count must not reserve memory.
  need(count)
  const items = new Array<Json>(count)
  for (let index = 0; index < count; index++) items[index] = read(depth + 1)
  return freezing ? Object.freeze(items) : items
}

function readObject(count: number, depth: number): Json {
  if (depth === DEPTH_MAX) throw damaged(`nested deeper than ${DEPTH_MAX} levels`)
  const fields: Record<string, Json> = {}
  for (let index = 0; index < count; index++) {
    const key = readKey()
    const value = read(depth + 1)
    // Assigned, this key would set the prototype.
    if (key === '__proto__') {
      Object.defineProperty(fields, key, { value, enumerable: true, configurable: true, writable: true })
    } else {
      fields[key] = value
    }
  }
  return freezing ? Object.freeze(fields) : fields
}

/**
 * Decodes `count` values that follow each other from `offset` to `limit`.
 *
 * @throws DocumentError when the bytes are not that many documents.
 */
export function decodeAll(bytes: Uint8Array, offset: number, limit: number, count: number, frozen = false): Json[] {
  source = bytes
  at = offset
  end = limit
  freezing = frozen
  try {
    const values = new Array<Json>(count)
    for (let index = 0; index < count; index++) values[index] = read(0)
    if (at !== end) throw damaged('bytes follow the values')
    return values
  } finally {
    source = EMPTY
  }
}
