import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PACKAGE, shopFolder } from './package.mjs'

const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))

/** Compiler's complaints about a module of a shop's that has the package installed; empty when there are none. */
async function complaints(name, text, [module, moduleResolution]) {
  const folder = await shopFolder(name)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
  writeFileSync(join(folder, 'shop.ts'), text)
  const words = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '']
  const tsc = spawnSync(process.execPath, [TSC, ...words, '--module', module, '--moduleResolution', moduleResolution, 'shop.ts'], {
    cwd: folder,
    encoding: 'utf8',
  })
  return `${tsc.stdout}${tsc.stderr}`.trim()
}

/** The first TypeScript example of the packed README. */
function readmeExample() {
  const readme = readFileSync(join(PACKAGE, 'README.md'), 'utf8')
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readme) ?? assert.fail('README.md has no ```ts example')
  return example
}

for (const resolution of [['esnext', 'bundler'], ['nodenext', 'nodenext']]) {
  test(`the README's example type-checks (${resolution[1]})`, async () => {
    assert.equal(await complaints(`types-${resolution[1]}`, readmeExample(), resolution), '')
  })
}

test('what looks at a store without a shop is typed', async () => {
  const text = `
    import { checkStore, exportStore, type CheckReport } from 'pannier/check'
    import { changeKey } from 'pannier/rekey'
    declare const [key, newKey]: CryptoKey[]
    await changeKey({ name: 'acme', key: key!, newKey: newKey! }) satisfies boolean
    const report: CheckReport | undefined = await checkStore({ name: 'acme' })
    console.log(report?.faults.length, (await exportStore({ name: 'acme' }))?.size)\n`
  assert.equal(await complaints('types-check', text, ['nodenext', 'nodenext']), '')
})

test('a shop in a worker has the types of one in the page', async () => {
  const text = `
    import { open, PannierError, type Cart, type Shop } from 'pannier/worker'
    const shop: Shop = await open({ name: 'acme' })
    shop.cart.subscribe((cart: Cart) => console.log(cart.count, PannierError.name))\n`
  assert.equal(await complaints('types-worker', text, ['esnext', 'bundler']), '')
})

test('what fills the catalogue, sets a store up anew and syncs without a page is typed', async () => {
  const text = `
    import { open } from 'pannier'
    import { fillCatalog, type FillProgress } from 'pannier/pieces'
    import { salvage } from 'pannier/salvage'
    const shop = await open({ name: 'acme', collections: { pieces: {} } })
    const progress = ({ done, of }: FillProgress) => console.log(done / of)
    const came: number = await fillCatalog(shop, { url: '/v1', collection: 'pieces', progress, signal: AbortSignal.timeout(1) })
    const { shop: anew, unread } = await salvage({ name: 'acme', keep: async exported => console.log(exported.size) })
    console.log(came, anew.cart, unread)
`
  assert.equal(await complaints('types-pieces', text, ['nodenext', 'nodenext']), '')
})

test("the README's example is under 20 lines and opens a store", () => {
  const example = readmeExample()
  assert.ok(example.trim().split('\n').length < 20, `${example.trim().split('\n').length} lines`)
  assert.match(example, /import \{ open \} from 'pannier'/)
})

test('a misspelled option is a type error, so the checks above can fail', async () => {
  const text = "import { open } from 'pannier'\nawait open({ name: 'a', stoer: 'memory' })\n"
  assert.match(await complaints('types-wrong', text, ['esnext', 'bundler']), /stoer/)
})
