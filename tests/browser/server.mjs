import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPannierd } from '../drive/index.mjs'

const PANNIERD = process.env.PANNIERD ?? fileURLToPath(new URL('../../target/release/pannierd', import.meta.url))

/** A `pannierd` with a database of its own, these products, and a shopper's token for it. */
export async function startServer({ products = [] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'pannier-server-'))
  const db = join(folder, 'shop.db')
  const catalog = join(folder, 'products.ndjson')
  await writeFile(catalog, products.map((product) => `${JSON.stringify(product)}\n`).join(''))
  const server = await startPannierd({ db, catalog })
  const { stdout } = await promisify(execFile)(PANNIERD, ['token', '--db', db, '--shopper', 'shopper'])
  const token = stdout.trim()
  /** The shopper's rows of a scope as the server has them. */
  const pull = async (name) => {
    const response = await fetch(`${server.url}/v1/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ protocol: 1, schema: 1, client: 'e'.repeat(32), scopes: [{ name }] }),
    })
    const { ok } = await response.json()
    return ok.scopes[0].changes.flatMap((change) => change.put ?? []).map(({ value }) => value)
  }
  return {
    url: server.url,
    token,
    pull,
    /** The shopper's cart as the server has it: quantities by sku. */
    async cart() {
      const lines = (await pull('cart')).filter((row) => !row.removed)
      return Object.fromEntries(lines.map(({ sku, qty }) => [sku, qty]))
    },
    /** The shop writes products. */
    async importProducts(products) {
      const { stdout } = await promisify(execFile)(PANNIERD, ['token', '--db', db, '--admin'])
      const headers = { authorization: `Bearer ${stdout.trim()}`, 'content-type': 'application/x-ndjson' }
      const body = products.map((product) => JSON.stringify(product)).join('\n')
      const response = await fetch(`${server.url}/v1/admin/catalog`, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`the import is refused: ${response.status}`)
    },
    async close() {
      await server.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
