// Builds the benchmark page from the packed package and serves it on the loopback address.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { serve } from '../drive/index.mjs'

const here = path => fileURLToPath(new URL(path, import.meta.url))
const packages = here('../../dist')
const unpacked = here('../../target/bench/pannier')
const built = here('../../target/bench/dist')

/** Unpacks the newest packed package and gives its version, or null where none is packed. */
export function unpack() {
  rmSync(unpacked, { recursive: true, force: true })
  const archives = existsSync(packages) ? readdirSync(packages).filter(name => /^pannier-.*\.tgz$/.test(name)) : []
  if (archives.length === 0) return null
  const changed = name => statSync(join(packages, name)).mtimeMs
  const [newest] = archives.sort((left, right) => changed(right) - changed(left))
  mkdirSync(unpacked, { recursive: true })
  execFileSync('tar', ['-xzf', join(packages, newest), '-C', unpacked, '--strip-components=1'])
  return JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')).version
}

export function buildPage() {
  return build({ configFile: here('../../www/bench/vite.config.ts'), logLevel: 'error' })
}

/** Serves the built page. Nothing is cached, so that each cold start fetches and compiles what it needs. */
export function servePage() {
  return serve(built, { headers: { 'cache-control': 'no-store' } })
}
