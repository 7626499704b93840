// Builds the benchmark page and serves it on the loopback address.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { serve } from '../drive/index.mjs'

const here = path => fileURLToPath(new URL(path, import.meta.url))

const packed = here('../../target/package/pannier/package.json')

/** The version of the packed package, or null where none is packed. */
export function pannierVersion() {
  return existsSync(packed) ? JSON.parse(readFileSync(packed, 'utf8')).version : null
}

export function buildPage() {
  return build({ configFile: here('../../www/bench/vite.config.ts'), logLevel: 'error' })
}

/** Serves the built page. Nothing is cached, so that each cold start fetches and compiles what it needs. */
export function servePage() {
  return serve(here('../../target/bench/dist'), { headers: { 'cache-control': 'no-store' } })
}
