import assert from 'node:assert/strict'
import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'vite'
import { launch, serve } from '../drive/index.mjs'
import { PACKAGE, PAGE, shopFolder } from './package.mjs'

const EXPECTED = { title: 'Läufer 跑鞋', cheap: ['A1'], skus: ['A1'], count: 2, live: 'Boot' }

let browser
before(async () => { browser = await launch() })
after(() => browser.close())

/** What the page read back, and the addresses of the wasm it loaded. */
async function visit(url) {
  const page = await browser.newPage()
  const errors = []
  const wasm = []
  page.on('pageerror', error => errors.push(error.message))
  page.on('console', message => { if (message.type() === 'error') errors.push(message.text()) })
  page.on('request', request => { if (request.url().endsWith('.wasm')) wasm.push(request.url()) })
  try {
    await page.goto(url)
    await page.waitForFunction(() => 'result' in globalThis)
    const result = await page.evaluate(() => globalThis.result)
    assert.deepEqual(errors, [])
    return { result, wasm }
  } catch (error) {
    throw new Error([error.message, ...errors].join('\n'), { cause: error })
  } finally {
    await page.close()
  }
}

test('a page without a bundler opens a store, writes and reads', async () => {
  const site = await serve(PAGE, { mounts: { '/pannier/': PACKAGE } })
  try {
    const { result, wasm } = await visit(site.url)
    assert.deepEqual(result, EXPECTED)
    assert.deepEqual(wasm, [`${site.url}pannier/pannier_columns.wasm`])
  } finally {
    await site.close()
  }
})

test('a Vite build of the same page does too, with the wasm as a file of its own', async () => {
  const folder = await shopFolder('vite')
  await cp(PAGE, folder, { recursive: true })
  await build({ root: folder, configFile: false, logLevel: 'error' })
  const assets = await readdir(join(folder, 'dist/assets'))
  assert.equal(assets.filter(name => /^pannier_(columns|later|check)-.*\.wasm$/.test(name)).length, 3, assets.join(' '))
  const site = await serve(join(folder, 'dist'))
  try {
    const { result, wasm } = await visit(site.url)
    assert.deepEqual(result, EXPECTED)
    assert.match(wasm[0], /\/assets\/pannier_columns-[^/]+\.wasm$/)
  } finally {
    await site.close()
  }
})
