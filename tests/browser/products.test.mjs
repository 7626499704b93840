// A real shop's products, stored through the npm package in Chromium and read back by another page.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'

const FILE = fileURLToPath(new URL('../../../shared/data/products.ndjson', import.meta.url))
const COUNT = 2465
const missing = existsSync(FILE) || process.env.CI !== undefined ? false : `${FILE} is not there`

test('every real product is read back as it was stored, after the page was reopened', { skip: missing }, async () => {
  const lines = (await readFile(FILE, 'utf8')).trim().split('\n')
  const products = lines.map((line) => JSON.parse(line))
  assert.equal(products.length, COUNT)
  const site = await makeSite()
  const context = await launch()
  try {
    const origin = await site.origin()
    const first = await openPage(context, origin)
    await first.evaluate(async (products) => {
      await shop.catalog.putMany(products).durable
    }, products)
    await first.close()

    const second = await openPage(context, origin)
    const ids = products.map((product) => product.id)
    const found = await second.evaluate((ids) => Promise.all(ids.map((id) => shop.catalog.get(id))), ids)
    for (const [index, product] of products.entries()) assert.deepEqual(found[index], product)
    const rest = await second.evaluate((limit) => shop.catalog.range({ limit }), COUNT + 1)
    assert.equal(rest.length, COUNT, 'nothing else is stored')
    assert.equal(await second.evaluate(() => shop.catalog.get('no such product')), undefined)
  } finally {
    await context.close()
    await site.close()
  }
})

async function openPage(context, origin) {
  const page = await context.newPage()
  await page.goto(origin)
  await page.evaluate(async () => {
    const { open } = await import('/package/pannier.js')
    globalThis.shop = await open({ name: 'products' })
  })
  return page
}
