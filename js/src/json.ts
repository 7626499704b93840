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

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += CHARS_MAX) text += String.fromCharCode(...bytes.subarray(at, at + CHARS_MAX))
  return btoa(text)
}
