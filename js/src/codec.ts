/**
 * The encoding of documents, as the core's `format::document` defines it: one
 * encoding for each value, always the shortest, so that both languages write
 * the same bytes.
 */
import { PannierError } from './errors.ts'
import type { Value } from './types.ts'

/** Deepest nesting of objects and arrays: the core refuses more. */
export const DEPTH_MAX = 64

/** Bound of numbers written as hundredths: below it they are shorter than a double. */
const HUNDREDTHS_BOUND = 2 ** 48

/** Longest magnitude of a big integer in bytes: the core refuses more. */
const BIG_INTEGER_BYTES_MAX = 1024

/** Most bytes that are encoded at once: the module's memory must hold them too. */
const ENCODED_BYTES_MAX = 2 ** 28

/** Most bytes that room is made for before they are needed. */
const ROOM_BYTES_MAX = 2 ** 24

/** A call into the browser's encoder costs more than a loop over a string of this length, above all before it was often called. */
const LOOPED_UNITS_MAX = 1024

/** Bytes of a window, a multiple of 4. */
const WINDOW_BYTES = 16_384

/** Keys that are remembered with those before them: far more than the fields of all collections. */
const STEPS_MAX = 4096

const textEncoder = new TextEncoder()
// Without ignoreBOM a string that begins with U+FEFF would lose it.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const double = new DataView(new ArrayBuffer(8))

/** A value that is no document, or bytes that are none. The message says where and why. */
export class DocumentError extends PannierError {
  constructor(message: string) {
    super('bad_document', message)
    this.name = 'DocumentError'
  }
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
    // Also what a sparse array or an object met a thousand times over would come to.
    if (needed > ENCODED_BYTES_MAX) throw new DocumentError(`encoded, it takes more than ${ENCODED_BYTES_MAX} bytes`)
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
    // The bytes come first, behind a guess at the size of their head.
    const start = this.at
    const guess = length < 64 ? 1 : length < 128 ? 2 : 3
    this.at += guess
    if (length > LOOPED_UNITS_MAX || !this.#looped(text)) {
      if (!isWellFormed(text)) return false
      this.at += textEncoder.encodeInto(text, this.bytes.subarray(this.at)).written
    }
    this.head(start, guess, 0x80, 63, 0xe6, this.at - start - guess)
    return true
  }

  /** False when that does not do. */
  #looped(text: string): boolean {
    const bytes = this.bytes
    let at = this.at
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit < 0x80) bytes[at++] = unit
      else {
        if (unit < 0x800) bytes[at++] = 0xc0 | (unit >> 6)
        else {
          // Half a character, or a whole one that has two units.
          if (unit >> 11 === 27) return false
          bytes[at++] = 0xe0 | (unit >> 12)
          bytes[at++] = 0x80 | ((unit >> 6) & 63)
        }
        bytes[at++] = 0x80 | (unit & 63)
      }
    }
    this.at = at
    return true
  }

  /**
   * Writes the head of what is written from `start + guess` on, which moves where the guess at the head's size was
   * wrong: a tag that holds a count to `most`, or `more` and then the count.
   */
  head(start: number, guess: number, tag: number, most: number, more: number, count: number): void {
    const size = count > most ? 1 + varintLength(count) : 1
    if (size !== guess) {
      this.reserve(size)
      this.bytes.copyWithin(start + size, start + guess, this.at)
    }
    const end = this.at + size - guess
    this.at = start
    if (count > most) {
      this.byte(more)
      this.varint(count)
    } else this.byte(tag | count)
    this.at = end
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
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
      if (Array.isArray(value)) return writeArray(value, out, depth)
      return writeObject(value, out, depth)
    case 'bigint':
      return writeBigInteger(value, out, depth)
    default:
      throw new Refused(`${value === undefined ? value : `a ${typeof value}`} is not a JSON value`, depth)
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

function writeBigInteger(value: bigint, out: Encoder, depth: number): void {
  const isNegative = value < 0n
  let digits = value === 0n ? '' : (isNegative ? -value : value).toString(16)
  if (digits.length % 2 !== 0) digits = `0${digits}`
  const length = digits.length / 2
  if (length > BIG_INTEGER_BYTES_MAX) throw new Refused(`a bigint of more than ${BIG_INTEGER_BYTES_MAX} bytes`, depth)
  out.byte(0xed)
  out.varint(2 * length + Number(isNegative))
  for (let index = 0; index < length; index++) out.byte(parseInt(digits.slice(2 * index, 2 * index + 2), 16))
}

function writeDate(date: Date, out: Encoder, depth: number): void {
  // A subclass may have a method of its own.
  const ms = Date.prototype.getTime.call(date)
  if (Number.isNaN(ms)) throw new Refused('an invalid Date', depth)
  out.byte(ms < 0 ? 0xeb : 0xea)
  out.varint(ms < 0 ? -1 - ms : ms)
}

function writeBytes(bytes: Uint8Array, out: Encoder): void {
  out.byte(0xe9)
  out.varint(bytes.length)
  out.raw(bytes)
}

function nest(depth: number): void {
  if (depth === DEPTH_MAX) throw new Refused(`nested deeper than ${DEPTH_MAX} levels`, depth)
}

function writeArray(items: readonly unknown[], out: Encoder, depth: number): void {
  nest(depth)
  const count = items.length
  const start = out.at
  out.head(start, 0, 0xd0, 15, 0xe8, count)
  // Each item takes a byte.
  out.reserve(count)
  for (let index = 0; index < count; index++) {
    const item = items[index]
    path[depth] = index
    write(item === undefined ? null : item, out, depth + 1)
    // Rows are of much the same size: room for all at once spares copies while it doubles.
    if (index === 15) out.reserve(Math.min(((out.at - start) * count) / 14, ROOM_BYTES_MAX))
  }
}

const hasOwn = Object.prototype.hasOwnProperty

function writeObject(value: object, out: Encoder, depth: number): void {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null && writeOther(value, out, depth)) return
  nest(depth)
  const fields = value as Record<string, unknown>
  const start = out.at
  out.byte(0)
  let count = 0
  // Much faster than a list of the keys, whose values would be looked up.
  for (const key in fields) {
    if (!hasOwn.call(fields, key)) continue
    const field = fields[key]
    if (field === undefined) continue
    path[depth] = key
    if (!out.string(key)) throw new Refused('the key has a lone surrogate', depth + 1)
    write(field, out, depth + 1)
    count++
  }
  out.head(start, 1, 0xc0, 15, 0xe7, count)
}

/** Writes what is no plain object and no array; false when it is to be written field by field. */
function writeOther(value: object, out: Encoder, depth: number): boolean {
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  if (kind === 'Date') writeDate(value as Date, out, depth)
  else if (ArrayBuffer.isView(value)) writeBytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), out)
  else if (kind === 'ArrayBuffer') writeBytes(new Uint8Array(value as ArrayBuffer), out)
  else if ('toJSON' in value && typeof value.toJSON === 'function') {
    nest(depth)
    // One level deeper, so that a toJSON which returns its own object comes to an end.
    path[depth] = 'toJSON()'
    write(value.toJSON(), out, depth + 1)
  } else {
    // A Map would silently become an empty object.
    if (kind !== 'Object') throw new Refused(`a ${kind} is not a JSON value`, depth)
    return false
  }
  return true
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
export function decode(bytes: Uint8Array, offset = 0, limit = bytes.length, frozen = false): Value {
  return decodeAll(bytes, offset, limit, 1, frozen)[0]!
}

/**
 * Decodes `count` values that follow each other from `offset` to `limit`.
 *
 * @throws DocumentError when the bytes are not that many documents.
 */
export function decodeAll(bytes: Uint8Array, offset: number, limit: number, count: number, frozen = false): Value[] {
  source = bytes
  at = offset
  end = limit
  freezing = frozen
  windowStart = windowEnd = 0
  try {
    const values = new Array<Value>(count)
    for (let index = 0; index < count; index++) {
      isShareable = true
      const value = read(0)
      if (!isShareable && typeof value === 'object') {
        unshareable.add(value!)
        isAnyUnshareable = true
      }
      values[index] = value
    }
    if (at !== end) throw damaged('bytes follow the value')
    return values
  } finally {
    // The bytes may be all of the module's memory.
    source = EMPTY
    windowText = ''
  }
}

const EMPTY = new Uint8Array(0)

/** Whether the value being read holds nothing that could be changed though its objects are frozen. */
let isShareable = true
const unshareable = new WeakSet<object>()
let isAnyUnshareable = false

/** Whether a frozen decoded value may be handed out more than once: a Date and a Uint8Array cannot be frozen. */
export function isKeepable(value: Value): boolean {
  return !isAnyUnshareable || typeof value !== 'object' || value === null || !unshareable.has(value)
}

function damaged(why: string): DocumentError {
  return new DocumentError(`document, byte ${at}: ${why}`)
}

function read(depth: number): Value {
  need(1)
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
      return readBytes(readVarint())
    case 0xea:
      return readDate(readVarint())
    case 0xeb:
      return readDate(-1 - readVarint())
    case 0xec: {
      const zigzag = readVarint()
      return (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2) / 100
    }
    case 0xed:
      return readBigInteger(readVarint())
    default:
      throw damaged(`unknown tag ${tag}`)
  }
}

function readVarint(): number {
  let value = 0
  for (let scale = 1; scale < 2 ** 56; scale *= 128) {
    need(1)
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
  isShareable = false
  at += length
  return source.slice(at - length, at)
}

function readDate(ms: number): Date {
  isShareable = false
  return new Date(ms)
}

function readBigInteger(signedLength: number): bigint {
  const length = Math.floor(signedLength / 2)
  need(length)
  let digits = '0x0'
  for (const stop = at + length; at < stop; ) digits += source[at++]!.toString(16).padStart(2, '0')
  const magnitude = BigInt(digits)
  return signedLength % 2 === 0 ? magnitude : -magnitude
}

// Strings are cut out of the text of a window of the bytes: one call of the browser's decoder for many strings. It is
// fast for ASCII only, so the top bits of all other bytes are cleared before. A window is small because a string that
// is cut out keeps the whole text in memory.
let windowText = ''
let windowStart = 0
let windowEnd = 0
const windowBytes = new Uint8Array(2 * WINDOW_BYTES)
const windowWords = new Uint32Array(windowBytes.buffer)

function openWindow(start: number): void {
  windowStart = start
  windowEnd = Math.min(end, start + WINDOW_BYTES)
  const length = windowEnd - start
  windowBytes.set(source.subarray(start, windowEnd))
  // Behind them, the same bytes without the top bits.
  for (let index = 0; 4 * index < length; index++) {
    windowWords[WINDOW_BYTES / 4 + index] = windowWords[index]! & 0x7f7f7f7f
  }
  windowText = textDecoder.decode(windowBytes.subarray(WINDOW_BYTES, WINDOW_BYTES + length))
}

function readString(length: number): string {
  need(length)
  if (length > WINDOW_BYTES) return decodeText(length)
  if (at + length > windowEnd) openWindow(at)
  const from = at - windowStart
  const to = from + length
  const high = nextHigh(from, to)
  if (high < to) return readMixed(from, to, high)
  at += length
  return windowText.substring(from, to)
}

/** The first byte of a window from `index` that is no ASCII, or `to`. */
function nextHigh(index: number, to: number): number {
  for (; index < to && (index & 3) !== 0; index++) if (windowBytes[index]! > 127) return index
  while (index + 4 <= to && (windowWords[index >> 2]! & 0x80808080) === 0) index += 4
  while (index < to && windowBytes[index]! < 128) index++
  return index
}

/** A string with a few other characters is put together from pieces; the decoder is as slow for it as for all others. */
function readMixed(from: number, to: number, high: number): string {
  const length = to - from
  let text = ''
  // Putting a few together costs less than a call of the decoder.
  let left = 16 + (length >> 3)
  while (high < to) {
    text += windowText.substring(from, high)
    from = high
    do {
      const first = windowBytes[from]!
      const size = first < 0xe0 ? 2 : 3
      // Characters in a row are most likely followed by more.
      left -= from === high ? 1 : 2
      if (left < 0 || first < 0xc2 || first > 0xef || from + size > to) return decodeText(length)
      let unit = first & (0x7f >> size)
      for (const stop = from + size; ++from < stop; ) {
        const byte = windowBytes[from]!
        if (byte >> 6 !== 2) return decodeText(length)
        unit = (unit << 6) | (byte & 63)
      }
      // Not the shortest form, or a surrogate: the decoder refuses it.
      if (size === 3 && (unit < 0x800 || unit >> 11 === 27)) return decodeText(length)
      text += String.fromCharCode(unit)
    } while (from < to && windowBytes[from]! > 127)
    high = nextHigh(from, to)
  }
  at += length
  return text + windowText.substring(from, to)
}

function decodeText(length: number): string {
  try {
    const text = textDecoder.decode(source.subarray(at, at + length))
    at += length
    return text
  } catch {
    throw damaged('a string is not utf-8')
  }
}

/** A key, met after the keys on the way to it from the first of its object. Most objects have the keys of another. */
interface Step {
  readonly key: string
  /** Its encoding. */
  readonly bytes: Uint8Array
  /** Whether the field is set by an assignment. */
  readonly isPlain: boolean
  /** A key that followed, the last one met first. */
  next: Step | undefined
  /** Another key that came in the place of this one. */
  other: Step | undefined
}

/** The steps before the first key of objects, by their number of fields. */
let firstSteps: Step[] = []
let stepsKept = 0

function readKey(before: Step, fields: object): Step {
  let tried = 0
  for (let step = before.next; step !== undefined; step = step.other) {
    if (isAt(step.bytes)) {
      at += step.bytes.length
      return step
    }
    tried++
  }
  const start = at
  need(1)
  if ((source[at]! & 0xc0) !== 0x80 && source[at] !== 0xe6) throw damaged('a key is not a string')
  const key = read(0) as string
  // Of two equal keys the first counts. Assigned, __proto__ would set the prototype.
  const isPlain = key !== '__proto__' && !Object.hasOwn(fields, key)
  const step = { key, bytes: source.slice(start, at), isPlain, next: undefined, other: undefined as Step | undefined }
  if (stepsKept++ < STEPS_MAX) {
    // Objects that map ids have other keys each time: they must not make the search long.
    if (tried < 8) step.other = before.next
    before.next = step
  } else {
    firstSteps = []
    stepsKept = 0
  }
  return step
}

function isAt(bytes: Uint8Array): boolean {
  const length = bytes.length
  if (length > end - at) return false
  for (let index = 0; index < length; index++) if (bytes[index] !== source[at + index]) return false
  return true
}

function readArray(count: number, depth: number): Value {
  if (depth === DEPTH_MAX) throw damaged(`nested deeper than ${DEPTH_MAX} levels`)
  // Each item takes a byte: a false count must not reserve memory.
  need(count)
  const items = new Array<Value>(count)
  for (let index = 0; index < count; index++) items[index] = read(depth + 1)
  return freezing ? Object.freeze(items) : items
}

function readObject(count: number, depth: number): Value {
  if (depth === DEPTH_MAX) throw damaged(`nested deeper than ${DEPTH_MAX} levels`)
  const fields: Record<string, Value> = {}
  let step = (firstSteps[count & 63] ??= { key: '', bytes: EMPTY, isPlain: true, next: undefined, other: undefined })
  for (let index = 0; index < count; index++) {
    step = readKey(step, fields)
    const value = read(depth + 1)
    if (step.isPlain) fields[step.key] = value
    else if (!Object.hasOwn(fields, step.key)) {
      Object.defineProperty(fields, step.key, { value, enumerable: true, configurable: true, writable: true })
    }
  }
  return freezing ? Object.freeze(fields) : fields
}
