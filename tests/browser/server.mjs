import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startPannierd } from '../drive/index.mjs'

const PANNIERD = process.env.PANNIERD ?? fileURLToPath(new URL('../../target/release/pannierd', import.meta.url))

/** A `pannierd` with a database of its own, and a shopper's token for it. */
export async function startServer() {
  const folder = await mkdtemp(join(tmpdir(), 'pannier-server-'))
  const db = join(folder, 'shop.db')
  const server = await startPannierd({ db })
  const { stdout } = await promisify(execFile)(PANNIERD, ['token', '--db', db, '--shopper', 'shopper'])
  const token = stdout.trim()
  return {
    url: server.url,
    token,
    /** The shopper's cart as the server has it: quantities by sku. */
    async cart() {
      const response = await fetch(`${server.url}/v1/sync`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ protocol: 1, schema: 1, client: 'e'.repeat(32), scopes: [{ name: 'cart' }] }),
      })
      const { ok } = await response.json()
      const lines = ok.scopes[0].changes.flatMap((change) => change.put ?? []).filter(({ value }) => !value.removed)
      return Object.fromEntries(lines.map(({ value }) => [value.sku, value.qty]))
    },
    async close() {
      await server.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
