// The server as a stranger reads it: the protocol's JSON flavour, a client of its own, no Pannier in between.
import { randomBytes } from 'node:crypto'

const PROTOCOL = 1
const SCHEMA = 1
const PAGES_MAX = 1000 // A server that always says "more" must not hold the check for ever.

/** All rows of a scope, key to value, pulled from nothing. */
async function pull(url, token, name) {
  const client = randomBytes(16).toString('hex')
  const rows = new Map()
  let [cookie, epoch] = [null, null]
  for (let page = 0; page < PAGES_MAX; page++) {
    const body = { protocol: PROTOCOL, schema: SCHEMA, epoch, client, scopes: [{ name, cookie }], mutations: [] }
    const response = await fetch(new URL('/v1/sync', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`POST /v1/sync for ${name} answered ${response.status}: ${text.slice(0, 300)}`)
    const { ok } = JSON.parse(text)
    const patch = ok?.scopes?.find((scope) => scope.name === name)
    if (!patch) throw new Error(`POST /v1/sync answered no scope ${name}: ${text.slice(0, 300)}`)
    if (patch.reset) rows.clear()
    for (const { put, del } of patch.changes) put ? rows.set(put.key, put.value) : rows.delete(del.key)
    if (!patch.more) return rows
    cookie = patch.cookie
    epoch = ok.epoch
  }
  throw new Error(`the scope ${name} had more than ${PAGES_MAX} pages`)
}

/** What the server's cart holds: `{ line: qty }`, without what was removed. */
export async function serverCart(url, token) {
  const rows = await pull(url, token, 'cart')
  return Object.fromEntries(
    [...rows].filter(([, line]) => !line.removed && line.qty > 0).map(([key, line]) => [key, line.qty]),
  )
}

/** The server's products. */
export async function serverProducts(url, token) {
  return [...(await pull(url, token, 'catalog')).values()]
}

/** A token of a shopper who only looks. */
export async function anonymousToken(url) {
  const response = await fetch(new URL('/v1/anonymous', url), { method: 'POST' })
  if (!response.ok) throw new Error(`POST /v1/anonymous answered ${response.status}`)
  return (await response.json()).token
}
