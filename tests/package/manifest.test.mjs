import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { PACKAGE } from './package.mjs'

const manifest = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))

const targets = value => (typeof value === 'string' ? [value] : Object.values(value).flatMap(targets))

test('every file that the manifest names is in the package', () => {
  const named = [...targets(manifest.exports), manifest.types, ...manifest.files]
  assert.deepEqual(named.filter(name => !existsSync(join(PACKAGE, name))), [])
})

test('the package holds its text, its licences and nothing to install', () => {
  for (const name of ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE']) assert.ok(manifest.files.includes(name), name)
  assert.equal(manifest.dependencies, undefined)
  assert.equal(manifest.scripts, undefined)
})

test('what its texts link to is in the package', () => {
  const texts = readdirSync(PACKAGE, { recursive: true }).filter(name => name.endsWith('.md'))
  assert.ok(texts.includes('README.md') && texts.includes(join('docs', 'guide.md')), texts.join())
  const links = texts.flatMap(text =>
    [...readFileSync(join(PACKAGE, text), 'utf8').matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, to]) => join(dirname(text), to)),
  )
  assert.deepEqual(links.filter(to => !existsSync(join(PACKAGE, to))), [])
})

test('the version is that of the workspace', () => {
  const cargo = readFileSync(new URL('../../Cargo.toml', import.meta.url), 'utf8')
  const [, version] = /\[workspace\.package\]\s+version = "([^"]+)"/.exec(cargo)
  assert.equal(manifest.version, version)
})
