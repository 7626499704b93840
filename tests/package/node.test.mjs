import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { shopFolder } from './package.mjs'

test('a server that renders pages can import the package: nothing runs, nothing is missing', async () => {
  const folder = await shopFolder('node')
  const script = join(folder, 'render.mjs')
  writeFileSync(script, `
    import * as pannier from 'pannier'
    if (typeof window !== 'undefined') throw new Error('this test needs a place without window')
    console.log(typeof pannier.open)
  `)
  // A timer or a handle that the import left open would keep the process from its end.
  assert.equal(execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 30_000 }).trim(), 'function')
})

test('the wasm in columns, the plain wasm and its compiled module each open a store', async t => {
  const folder = join(await shopFolder('columns'), 'node_modules/pannier')
  const [plain, columns] = ['bg', 'columns'].map(form => readFileSync(join(folder, `pannier_${form}.wasm`)))
  const compiled = []
  const { instantiate } = WebAssembly
  t.after(() => { WebAssembly.instantiate = instantiate })
  WebAssembly.instantiate = (wasm, imports) => {
    // Node has modules of its own.
    if (imports && 'host' in imports) compiled.push(wasm)
    return instantiate(wasm, imports)
  }
  for (const wasm of [plain, columns, await WebAssembly.compile(plain)]) {
    const { open } = await import(`${pathToFileURL(join(folder, 'pannier.js'))}?${compiled.length}`)
    const shop = await open({ name: 'acme', store: 'memory', wasm })
    await shop.close()
  }
  assert.ok(plain.equals(compiled[0]))
  assert.ok(WebAssembly.validate(compiled[1]))
  assert.ok(compiled[2] instanceof WebAssembly.Module)
})

test('a shop in memory is checked and exported where no file is fetched', async () => {
  const folder = join(await shopFolder('check'), 'node_modules/pannier')
  const [wasm, checkWasm] = ['bg', 'check'].map(name => readFileSync(join(folder, `pannier_${name}.wasm`)))
  const { open } = await import(pathToFileURL(join(folder, 'pannier.js')))
  const shop = await open({ name: 'acme', store: 'memory', wasm, checkWasm })
  await shop.catalog.putMany([{ id: 'A1' }, { id: 'B2' }]).durable
  await shop.flush()
  const { isSound, rows, segments } = await shop.check()
  assert.deepEqual([isSound, rows, segments], [true, { catalog: 2 }, 1])
  const { collections } = JSON.parse(await (await shop.export()).text())
  assert.deepEqual(collections, { catalog: [{ key: 'A1', row: { id: 'A1' } }, { key: 'B2', row: { id: 'B2' } }] })
  await shop.close()
})
