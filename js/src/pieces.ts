/**
 * The server's catalogue from caches: a module of its own, `pannier/pieces`. Its change log comes in pieces that never
 * change once they are full, so browsers and whatever stands between keep them, and a piece that was stored is not asked
 * for again.
 */
import { revived } from './json.ts'
import { PannierError } from './pannier.js'
import type { Document, Product, Shop } from './types.ts'

/** Rows that are deleted before the page has its turn. */
const DELETED_AT_ONCE = 1000

/** The log is not written anew so often while one reads it. */
const LOGS_MAX = 3

/** How far it has come. */
export interface FillProgress {
  /** The revision of the catalogue up to which the products are stored. */
  readonly done: number
  /** The revision that it had. */
  readonly of: number
}

export interface FillOptions {
  /** Where the server's addresses begin, as in `sync`. */
  readonly url: string
  /**
   * A collection that `open` was told of, without `merge`: a row of it tells how far the catalogue has come, so that a page
   * goes on where another one ended.
   */
  readonly collection: string
  /** Ends it after the piece that is being stored. What is stored stays. */
  readonly signal?: AbortSignal
  /** Called after each piece. */
  readonly progress?: (progress: FillProgress) => void
}

interface Log {
  readonly epoch: number
  readonly handle: string
  readonly offset: number
}

type Note = { id: string; epoch: number; handle: string; offset: number }

interface Piece extends Log {
  readonly more: boolean
  readonly changes: readonly ({ put: { key: string; value: Product } } | { del: { key: string } })[]
}

/**
 * Brings the shop's product cache up to the server's catalogue, from caches as far as they have it. Without the scope
 * `catalog` in `sync.scopes` the cache is brought up by this alone: call it when the page starts, and from time to time.
 * The page has its turn in between, and what has come is shown. One tab at a time does it. Resolves with the number of
 * products that came.
 *
 * @throws PannierError `network`, or `bad_answer` when what comes is no piece. What is stored by then stays: call it again.
 * When it was ended, `signal.reason`.
 */
export async function fillCatalog(shop: Shop, options: FillOptions): Promise<number> {
  const work = () => fill(shop, options)
  const { locks } = globalThis.navigator ?? {}
  const waits = options.signal && { signal: options.signal }
  return locks ? locks.request(`pannier-pieces:${options.url}`, { ...waits }, work) : work()
}

async function fill(shop: Shop, { url, collection, signal, progress }: FillOptions): Promise<number> {
  const notes = shop.collection<Note>(collection)
  const place = `${url}/catalog`
  let came = 0
  for (let logs = 1; ; logs++) {
    // The second time a cache must not tell what it has.
    const log = await get<Log>(place, { signal, ...(logs > 1 && { cache: 'reload' }) })
    const note = await notes.get(url)
    const isKnown = note?.epoch === log.epoch
    // Restored or wiped, the server has other products, and older versions of the same.
    if (note !== undefined && !isKnown) await clear(shop)
    const ask = (offset: number) => get<Piece>(`${place}/${log.handle}/${offset}`, { signal })
    try {
      let next = ask(isKnown ? note.offset : 0)
      for (let more = true; more; ) {
        const piece = await next
        more = piece.more && piece.changes.length > 0
        if (more) {
          next = ask(piece.offset)
          // Waited for once this one is stored.
          next.catch(() => {})
        }
        came += await put(shop, piece)
        const { epoch, handle, offset } = piece
        await notes.put({ id: url, epoch, handle, offset }).durable
        progress?.({ done: offset, of: Math.max(log.offset, offset) })
        signal?.throwIfAborted()
      }
      return came
    } catch (error) {
      const isNew = error instanceof PannierError && error.detail['code'] === 'must_refetch'
      if (!isNew || logs === LOGS_MAX) throw error
    }
  }
}

/** Stores what a piece says in the end. Returns of how many products. */
async function put(shop: Shop, { changes }: Piece): Promise<number> {
  const products = new Map<string, Product | undefined>()
  for (const change of changes) {
    if ('put' in change) products.set(change.put.key, change.put.value)
    else products.set(change.del.key, undefined)
  }
  const rows = [...products.values()].filter(product => product !== undefined)
  const writes = [...products].filter(([, product]) => !product).map(([key]) => shop.catalog.delete(key))
  writes.push(shop.catalog.putMany(rows))
  await Promise.all(writes.map(({ durable }) => durable))
  return products.size
}

async function clear({ catalog }: Shop): Promise<void> {
  while ((await catalog.range({ limit: 1 })).length > 0) await catalog.deleteRange({ limit: DELETED_AT_ONCE }).durable
}

async function get<T>(address: string, options: RequestInit): Promise<T> {
  const lost = (how: string) => (error: unknown) => {
    options.signal?.throwIfAborted()
    throw new PannierError('network', `the catalogue ${how}: ${error}`)
  }
  const response = await fetch(address, options).catch(lost('did not come'))
  const text = await response.text().catch(lost('broke off'))
  let found: Document | undefined
  try {
    // Few catalogues have what JSON lacks, and looking at each value takes a while.
    found = JSON.parse(text, text.includes('"$') ? revived : undefined) as Document
  } catch {
    // A proxy's page.
  }
  if (response.ok && typeof found?.['epoch'] === 'number') return found as T
  const { status } = response
  throw new PannierError('bad_answer', `${address} answered ${status}`, { status, code: found?.['code'] ?? null })
}
