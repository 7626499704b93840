import type { Value } from './types.ts'

/** Keys that stand for a value which JSON lacks, after however many `$`. */
const STANDS_FOR = /^\$+(date|bigint|bytes)$/

/** Bytes that are made a string at a time: a call takes so many arguments. */
const CHARS_MAX = 0x8000

/** A value in JSON, exactly: what JSON lacks as docs/protocol.md says. */
export function toJson(value: Value): string {
  switch (typeof value) {
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      return `{"$bigint":"${value}"}`
    case 'object':
      break
    default:
      return JSON.stringify(value)
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map(toJson).join()}]`
  if (value instanceof Date) return `{"$date":${value.getTime()}}`
  if (value instanceof Uint8Array) return `{"$bytes":"${base64(value)}"}`
  const fields = Object.entries(value as { readonly [key: string]: Value })
  const isAlone = fields.length === 1
  const written = fields.map(([key, field]) => {
    const name = isAlone && STANDS_FOR.test(key) ? `$${key}` : key
    return `${JSON.stringify(name)}:${toJson(field)}`
  })
  return `{${written.join()}}`
}

/** For `JSON.parse`: a value that JSON lacks for the field that stands for it. */
export function revived(_key: string, value: Value): Value {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const [entry, second] = Object.entries(value as { readonly [key: string]: Value })
  if (entry === undefined || second !== undefined || !STANDS_FOR.test(entry[0])) return value
  const [key, held] = entry
  switch (key) {
    case '$date':
      return new Date(held as number)
    case '$bigint':
      return BigInt(held as string)
    case '$bytes':
      return Uint8Array.from(atob(held as string), char => char.charCodeAt(0))
    default:
      return { [key.slice(1)]: held }
  }
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += CHARS_MAX) text += String.fromCharCode(...bytes.subarray(at, at + CHARS_MAX))
  return btoa(text)
}
