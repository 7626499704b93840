import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Stands in `src/sw.ts` for the list of files; the build writes the list over it. */
const MANIFEST_MARK = '"PRECACHE_MANIFEST"'

/**
 * Writes into the service worker the list of everything the build made, with a hash of each content.
 * Any change of any file changes the worker's own bytes, and that is what makes a browser update it.
 */
function precacheManifest(): Plugin {
  return {
    name: 'precache-manifest',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const worker = bundle['sw.js']
        if (worker?.type !== 'chunk') throw new Error('the build made no sw.js')
        const hash = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex').slice(0, 16)
        const built = Object.values(bundle)
          .filter((file) => file !== worker && !file.fileName.endsWith('.map'))
          .map((file) => ({ url: `/${file.fileName}`, hash: hash(file.type === 'chunk' ? file.code : file.source) }))
        const copied = readdirSync(here('public')).map((name) => ({
          url: `/${name}`,
          hash: hash(readFileSync(here(`public/${name}`))),
        }))
        const manifest = JSON.stringify([...built, ...copied].sort((a, b) => (a.url < b.url ? -1 : 1)))
        const mark = worker.code.match(/["'`]PRECACHE_MANIFEST["'`]/)
        if (!mark) throw new Error(`sw.js does not hold ${MANIFEST_MARK}`)
        worker.code = worker.code.replace(mark[0], () => JSON.stringify(manifest))
      },
    },
  }
}

export default defineConfig({
  root: here('.'),
  build: {
    target: 'es2022',
    // A file of its own for every asset: the wasm must be fetched, streamed and cached by its hashed name.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: here('index.html'), sw: here('src/sw.ts') },
      output: {
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  plugins: [precacheManifest()],
})
