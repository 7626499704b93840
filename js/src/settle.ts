/** What comes with the first edit: loaded then. */
import type { RecordStore } from './records/record-store.ts'

/** Bytes that are held in reserve for cart and outbox: a thousand edits and more. */
const RESERVE_BYTES = 256 * 1024

/** What is drawn at most at a time. */
const RANDOM_BYTES_MAX = 65_536

/** What a shopper's first edit is worth: storage that the browser does not clear by itself, a reserve, and a mark. */
export async function settle(name: string, records: RecordStore): Promise<void> {
  try {
    globalThis.localStorage?.setItem(`pannier:${name}`, '1')
  } catch {
    // Blocked: then nobody can tell later that the store was cleared.
  }
  await reserve(records).catch(() => {})
  // Firefox asks the shopper, who may never answer.
  await globalThis.navigator?.storage?.persist?.().catch(() => false)
}

/** Browsers compress what they store, and nothing but noise keeps its size. */
export async function reserve(records: RecordStore): Promise<void> {
  const bytes = new Uint8Array(RESERVE_BYTES)
  for (let at = 0; at < bytes.length; at += RANDOM_BYTES_MAX) crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_MAX))
  await records.reserve?.(bytes)
}
