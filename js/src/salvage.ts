/**
 * A damaged store is taken down and set up anew, with all that can still be read of it: a module of its own,
 * `pannier/salvage`.
 */
import { checkStore, exportStore } from './check.js'
import { answer, openExisting } from './database.ts'
import { SCOPES } from './declare.ts'
import { hex, newTextId } from './id.ts'
import { revived } from './json.ts'
import { open, PannierError } from './pannier.js'
import type { Document, OpenOptions, OutcomeStatus, Shop, SyncOptions, Value } from './types.ts'

export interface SalvageOptions extends OpenOptions {
  /**
   * Takes what could be read, as `exportStore` gives it, and again where another tab has written meanwhile. Nothing is
   * deleted before it resolves, nor if it rejects.
   */
  readonly keep: (exported: Blob) => unknown
}

export interface Salvaged {
  /** The shop, open: a new store where it was damaged. */
  readonly shop: Shop
  /** What became of edits that no server had confirmed; none where the store was sound. */
  readonly outcomes: readonly { readonly name: string; readonly status: OutcomeStatus; readonly code: string | null }[]
  /** How many of them, and of rows that only the device had, were damaged themselves: they are in what was kept, and nowhere else. */
  readonly unread: number
}

/** A mutation of the exported document. */
interface Pending {
  readonly id: string
  readonly hash: number
  readonly name: string
  readonly v: number
  readonly args: object
  readonly at: number
  readonly validFor?: number
  readonly doubtful?: true
}

interface Row {
  readonly key: Value
  readonly row: Document
  readonly doubtful?: true
}

interface Exported {
  readonly state: readonly Row[]
  readonly pending: readonly Pending[]
  readonly parked: readonly Pending[]
  readonly collections: { readonly [name: string]: readonly Row[] | undefined }
}

/** Mutations of a request, and characters of them: the server takes 100, and 256 KiB. */
const MUTATIONS_MAX = 100
const LENGTH_MAX = 50_000

/** Rows of a collection that are written at a time. */
const ROWS_MAX = 500

/** How often it is begun anew because other tabs have written meanwhile. */
const ATTEMPTS_MAX = 16

/**
 * Opens the store; where it is damaged, first sends the edits in it that no server has confirmed, each once whatever it
 * has heard of before, then deletes it, opens a new one, and writes back what only the device had: rows of collections
 * that are not shared, and the cart where that is not synced. The rest is pulled from the server, as by any new device. Tabs
 * that have the damaged store open go on in the new one, but for those that have met the damage.
 *
 * @throws what `open` and `keep` throw, `network` or the server's refusal where the edits cannot be sent, `busy` where other
 * tabs write all the time: the damaged store is then as it was, and this can be called again.
 */
export async function salvage({ keep, ...options }: SalvageOptions): Promise<Salvaged> {
  const { name } = options
  const work = () => salvaged(options, keep)
  const locks = globalThis.navigator?.locks
  return locks === undefined ? work() : locks.request(`pannier-salvage:${name}`, work)
}

async function salvaged(options: OpenOptions, keep: SalvageOptions['keep']): Promise<Salvaged> {
  const { name, key, checkWasm, sync } = options
  const stored = { name, key, ...(checkWasm === undefined ? {} : { checkWasm }) }
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const last = await lastRecord(name)
    const report = await checkStore(stored)
    const exported = report === undefined || report.isSound ? undefined : await exportStore(stored)
    if (exported === undefined) return { shop: await open(options), outcomes: [], unread: 0 }
    await keep(exported)
    const found = JSON.parse(await exported.text()) as Exported
    const edits = [...found.parked, ...found.pending]
    const sound = edits.filter(({ doubtful }) => !doubtful)
    const outcomes = sync === undefined ? [] : await send(sync, found.state, sound)
    if (!(await end(name, last))) continue
    await answer(indexedDB.deleteDatabase(`pannier:${name}`))
    const shop = await open(options)
    const refused = await refill(shop, options, found.collections)
    return { shop, outcomes, unread: edits.length - sound.length + refused }
  }
  throw new PannierError('busy', 'others write so fast that no moment of the store can be caught')
}

/** The number of the last log record: it tells whether others have written. */
async function lastRecord(name: string): Promise<IDBValidKey | undefined> {
  const database = await openExisting(`pannier:${name}`)
  if (database === undefined) return undefined
  const last = await lastKey(database.transaction('log'))
  database.close()
  return last
}

async function lastKey(transaction: IDBTransaction): Promise<IDBValidKey | undefined> {
  return (await answer(transaction.objectStore('log').openKeyCursor(null, 'prev')))?.key
}

/**
 * Ends the store where its last log record is that one: the next one is none that any tab can read, so none writes an edit
 * that would go with the database.
 */
async function end(name: string, last: IDBValidKey | undefined): Promise<boolean> {
  const database = await openExisting(`pannier:${name}`)
  if (database === undefined) return false
  try {
    const transaction = database.transaction('log', 'readwrite')
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error)
    })
    const isLast = (await lastKey(transaction)) === last
    if (isLast) transaction.objectStore('log').add(Uint8Array.of(0))
    await done
    return isLast
  } finally {
    database.close()
  }
}

/** Writes back what only the device had. Gives how much of it the store refuses: damaged bytes may be any row. */
async function refill(shop: Shop, { sync, collections = {} }: OpenOptions, found: Exported['collections']): Promise<number> {
  let refused = 0
  for (const [name, { merge }] of Object.entries(collections)) {
    const rows = found[merge ? `${merge}:${name}` : name] ?? []
    if (merge === undefined || sync === undefined) refused += await writeBack(shop, name, rows)
  }
  const isCartShared = sync !== undefined && (sync.scopes ?? SCOPES as readonly string[]).includes('cart')
  return isCartShared ? refused : refused + (await fillCart(shop, found['cart'] ?? []))
}

/** Asks the server; gives its answer. */
async function ask({ url, token }: SyncOptions, request: object): Promise<any> {
  const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ protocol: 1, schema: 1, epoch: null, first_seq: 1, scopes: [], ...request })
  return fetch(`${url}/sync`, { method: 'POST', headers, body })
    .then(response => response.json())
    .catch(error => {
      throw new PannierError('network', `the server cannot be asked: ${error}`)
    })
}

function refuse(code: string | undefined, error: Document): void {
  if (code !== undefined) throw new PannierError(code, `the server does not take the edits: ${code}`, error[code] as Document)
}

/** Sends mutations as a client of their own. */
async function send(sync: SyncOptions, state: readonly Row[], pending: readonly Pending[]): Promise<Salvaged['outcomes']> {
  const outcomes: Salvaged['outcomes'][number][] = []
  if (pending.length === 0) return outcomes
  const known = inOrder(state).filter(({ key }) => key === 'client').at(-1)
  const { id } = known === undefined ? {} : (whole(known.row) as Document)
  if (id instanceof Uint8Array) {
    // They are the edits of whose client this is, and of nobody else who has signed in by now.
    const told = await ask(sync, { client: hex(id), mutations: [] })
    refuse(told.error?.principal_changed && 'principal_changed', told.error)
  }
  const client = newTextId()
  while (outcomes.length < pending.length) {
    const first = outcomes.length
    const told = await ask(sync, { client, ack_to: first, mutations: batch(pending, first) })
    refuse(Object.keys(told.error ?? {})[0], told.error)
    const come = (told.ok?.outcomes ?? []) as Salvaged['outcomes']
    if (come.length === 0) throw new PannierError('bad_answer', 'the server has told no outcomes')
    outcomes.push(...come.map(({ status, code }, at) => ({ name: pending[first + at]!.name, status, code })))
  }
  return outcomes
}

/** The mutations from `first` on, as many as a request takes, numbered from 1 on. */
function batch(pending: readonly Pending[], first: number): object[] {
  const mutations: object[] = []
  let length = 0
  for (const { id, hash, name, v, args, at, validFor } of pending.slice(first, first + MUTATIONS_MAX)) {
    const left = validFor === undefined ? null : Math.max(0, validFor - Math.max(0, Date.now() - at))
    const mutation = { seq: first + mutations.length + 1, id, hash, name, v, args, at, valid_for: left }
    length += JSON.stringify(mutation).length
    if (length > LENGTH_MAX && mutations.length > 0) break
    mutations.push(mutation)
  }
  return mutations
}

async function writeBack(shop: Shop, name: string, rows: readonly Row[]): Promise<number> {
  // What is sound takes the place of what may be out of date.
  const documents = inOrder(rows).map(({ row }) => whole(row as Value) as Document)
  const put = async (some: readonly Document[]) => shop.collection(name).putMany(some).durable
  let refused = 0
  for (let at = 0; at < documents.length; at += ROWS_MAX) {
    const some = documents.slice(at, at + ROWS_MAX)
    await put(some).catch(async () => {
      for (const row of some) await put([row]).catch(() => refused++)
    })
  }
  return refused
}

async function fillCart(shop: Shop, rows: readonly Row[]): Promise<number> {
  const add = async ({ sku, qty, options, quote }: Document) =>
    shop.cart.add({ sku, qty, ...(options && { options }), ...(quote && { quote }) } as Parameters<Shop['cart']['add']>[0]).durable
  let refused = 0
  for (const row of new Map(inOrder(rows).map(({ key, row }) => [key, row])).values()) {
    const line = whole(row as Value) as Document
    if (line['removed'] !== true && line['coupon'] === undefined) await add(line).catch(() => refused++)
  }
  return refused
}

const inOrder = (rows: readonly Row[]) => [...rows.filter(({ doubtful }) => doubtful), ...rows.filter(({ doubtful }) => !doubtful)]

/** A value of the exported document, which says what JSON lacks as docs/export.md tells. */
function whole(value: Value): Value {
  if (Array.isArray(value)) return value.map(whole)
  if (typeof value !== 'object' || value === null) return value
  return revived('', Object.fromEntries(Object.entries(value as Document).map(([key, field]) => [key, whole(field)])))
}
