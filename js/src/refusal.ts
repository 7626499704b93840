/** Errors as the engine tells them. */
import { decode } from './codec.ts'
import { PannierError } from './errors.ts'
import type { Document } from './types.ts'

export function closed(): PannierError {
  return new PannierError('closed', 'the store is closed')
}

/** An error of the engine. Its words are put together here, where that takes fewer bytes. */
export function told(bytes: Uint8Array): PannierError {
  const detail = decode(bytes) as Document
  const { code, message, place, number } = detail as { [key: string]: string | number | null | undefined }
  const where = [place, number].filter(part => part != null).join(' ')
  return new PannierError(code as string, `${code}: ${where && `${where}: `}${message}`, detail)
}

export function refusal(code: string, detail: Document): PannierError {
  const place = detail['field'] ?? (detail['index'] === undefined ? '' : `row ${detail['index']}`)
  const size = detail['limit'] === undefined ? '' : ` (${detail['bytes']}, at most ${detail['limit']})`
  return new PannierError(code, `${code}: ${place} ${detail['why'] ?? ''}${size}`, detail)
}
