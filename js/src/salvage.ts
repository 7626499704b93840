/**
 * A damaged store is taken down and set up anew, with all that can still be read of it: a module of its own,
 * `pannier/salvage`.
 */
import { checkStore, exportStore } from './check.js'
import { answer } from './database.ts'
import { newTextId } from './id.ts'
import { open, PannierError } from './pannier.js'
import type { Document, OpenOptions, OutcomeStatus, Shop, SyncOptions, Value } from './types.ts'

export interface SalvageOptions extends OpenOptions {
  /** Takes what could be read, as `exportStore` gives it. Nothing is deleted before it resolves, nor if it rejects. */
  readonly keep: (exported: Blob) => unknown
}

export interface Salvaged {
  /** The shop, open: a new store where it was damaged. */
  readonly shop: Shop
  /** What became of edits that no server had confirmed; none where the store was sound. */
  readonly outcomes: readonly { readonly name: string; readonly status: OutcomeStatus; readonly code: string | null }[]
  /** How many of them were damaged themselves: they are in what was kept, and nowhere else. */
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
  readonly pending: readonly Pending[]
  readonly collections: { readonly [name: string]: readonly Row[] | undefined }
}

/** Mutations of a request, and characters of them: the server takes 100, and 256 KiB. */
const MUTATIONS_MAX = 100
const LENGTH_MAX = 50_000

/** Rows of a collection that are written at a time. */
const ROWS_MAX = 500

/**
 * Opens the store; where it is damaged, first sends the edits in it that no server has confirmed, each once whatever it
 * has heard of before, then deletes it, opens a new one, and writes back what only the device had: rows of collections
 * that are not shared, and without `sync` the cart. The rest is pulled from the server, as by any new device.
 *
 * @throws what `open` and `keep` throw, `network` or the server's refusal where the edits cannot be sent: the damaged store
 * is then as it was, and this can be called again.
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
  const report = await checkStore(stored)
  const exported = report === undefined || report.isSound ? undefined : await exportStore(stored)
  if (exported === undefined) return { shop: await open(options), outcomes: [], unread: 0 }
  await keep(exported)
  const { pending, collections } = JSON.parse(await exported.text()) as Exported
  const whole = pending.filter(({ doubtful }) => !doubtful)
  const outcomes = sync === undefined ? [] : await send(sync, whole)
  await answer(indexedDB.deleteDatabase(`pannier:${name}`))
  const shop = await open(options)
  for (const [own, { merge }] of Object.entries(options.collections ?? {})) {
    if (merge === undefined || sync === undefined) await writeBack(shop, own, collections[merge ? `${merge}:${own}` : own] ?? [])
  }
  if (sync === undefined) await fillCart(shop, collections['cart'] ?? [])
  return { shop, outcomes, unread: pending.length - whole.length }
}

/** Sends mutations as a client of their own. */
async function send({ url, token }: SyncOptions, pending: readonly Pending[]): Promise<Salvaged['outcomes']> {
  const client = newTextId()
  const outcomes: Salvaged['outcomes'][number][] = []
  while (outcomes.length < pending.length) {
    const first = outcomes.length
    const mutations = batch(pending, first)
    const request = { protocol: 1, schema: 1, epoch: null, client, ack_to: first, first_seq: 1, scopes: [], mutations }
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }
    const told = await fetch(`${url}/sync`, { method: 'POST', headers, body: JSON.stringify(request) })
      .then(response => response.json())
      .catch(error => {
        throw new PannierError('network', `the server cannot be asked: ${error}`)
      })
    const [code] = Object.keys(told.error ?? {})
    if (code !== undefined) throw new PannierError(code, `the server does not take the edits: ${code}`, told.error[code])
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

async function writeBack(shop: Shop, name: string, rows: readonly Row[]): Promise<void> {
  // What is sound takes the place of what may be out of date.
  const documents = inOrder(rows).map(({ row }) => revived(row as Value) as Document)
  for (let at = 0; at < documents.length; at += ROWS_MAX) {
    await shop.collection(name).putMany(documents.slice(at, at + ROWS_MAX)).durable
  }
}

async function fillCart(shop: Shop, rows: readonly Row[]): Promise<void> {
  const lines = new Map(inOrder(rows).map(({ key, row }) => [key, row]))
  for (const row of lines.values()) {
    const { sku, qty, options, quote, removed } = revived(row as Value) as Document
    if (removed !== true && typeof sku === 'string') {
      await shop.cart.add({ sku, qty, ...(options && { options }), ...(quote && { quote }) } as Parameters<Shop['cart']['add']>[0]).durable
    }
  }
}

const inOrder = (rows: readonly Row[]) => [...rows.filter(({ doubtful }) => doubtful), ...rows.filter(({ doubtful }) => !doubtful)]

/** A value of the exported document, which says what JSON lacks as docs/export.md tells. */
function revived(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(revived)
  const fields = Object.entries(value as Document)
  const [[key, field] = ['', null]] = fields
  if (fields.length === 1) {
    if (key === '$date') return new Date(field as number)
    if (key === '$bigint') return BigInt(field as string)
    if (key === '$bytes') return Uint8Array.from(atob(field as string), letter => letter.charCodeAt(0))
    if (/^\$+(date|bigint|bytes)$/.test(key)) return { [key.slice(1)]: revived(field) }
  }
  return Object.fromEntries(fields.map(([key, field]) => [key, revived(field)]))
}
