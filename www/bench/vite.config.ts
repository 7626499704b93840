import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Where packing unpacks the package: the page measures what a shop would install.
const packed = here('../../target/package/pannier')

export default defineConfig({
  root: here('.'),
  base: './',
  resolve: {
    // Without a packed package the page still builds for work on the other systems; the runner then
    // refuses to measure `pannier`.
    alias: { pannier: existsSync(packed) ? packed : here('./systems/absent.ts') },
  },
  worker: { format: 'es' },
  build: {
    target: 'esnext',
    outDir: here('../../target/bench/dist'),
    emptyOutDir: true,
    // A wasm file inlined as base64 would change what a cold start costs.
    assetsInlineLimit: 0,
  },
})
