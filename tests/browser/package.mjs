import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serve } from '../drive/index.mjs'

const PAGES = fileURLToPath(new URL('./pages', import.meta.url))
// Where `cargo xtask pack` unpacks what it packed.
const PACKAGE = process.env.PANNIER_PACKAGE ?? fileURLToPath(new URL('../../target/package/pannier', import.meta.url))

/**
 * An empty page beside the npm package and `pages/`. `origin()` serves all under an address of its own, so with
 * a storage of its own; `close()` ends all of them.
 */
export async function makeSite() {
  const folder = await mkdtemp(join(tmpdir(), 'pannier-page-'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><meta charset="utf-8"><title>Pannier</title>\n')
  const servers = []
  return {
    async origin() {
      const server = await serve(folder, { mounts: { '/package/': PACKAGE, '/pages/': PAGES } })
      servers.push(server)
      return server.url
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
