// The cart that a page shows before the engine is there: the cart, or nothing, and never an old one.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { context, site } from './stage.mjs'

let origin

before(async () => {
  origin = await site.origin()
})

async function openPage() {
  const page = await context.newPage()
  await page.goto(origin)
  await page.evaluate(async () => void Object.assign(globalThis, await import('/package/pannier.js')))
  return page
}

const peek = async (page) => page.evaluate(async () => (await peekCart('peek')) ?? null)
const qtys = (cart) => cart && Object.fromEntries(cart.lines.map(({ sku, qty }) => [sku, qty]))

test('no store: nothing, and none is made', async () => {
  const page = await openPage()
  assert.equal(await peek(page), null)
  // WebKit lists a database whose creation was undone, as version 0.
  const made = await page.evaluate(async () => (await indexedDB.databases()).filter(({ version }) => version > 0))
  assert.deepEqual(made, [])
  await page.close()
})

test('after a flush it is the very cart, without a byte of wasm', async () => {
  const first = await openPage()
  const read = await first.evaluate(async () => {
    globalThis.shop = await open({ name: 'peek' })
    shop.cart.add({ sku: 'A1', qty: 2, options: { size: 'M' }, quote: { price: 1999, currency: 'EUR' } })
    const { line } = (await shop.cart.read()).lines[0]
    shop.cart.add({ sku: 'B2' })
    shop.cart.remove((await shop.cart.read()).lines.find(({ sku }) => sku === 'B2').line)
    await shop.flush()
    return { line, cart: await shop.cart.read() }
  })
  const second = await openPage()
  const cart = await peek(second)
  assert.deepEqual(cart, read.cart)
  assert.deepEqual([cart.count, cart.lines[0].line], [2, read.line])
  const loaded = await second.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))
  assert.deepEqual([loaded.some((url) => url.endsWith('.js')), loaded.some((url) => url.endsWith('.wasm'))], [true, false])
  await first.close()
  await second.close()
})

test('after an edit it is the new cart or nothing', async () => {
  const [writer, reader] = [await openPage(), await openPage()]
  await writer.evaluate(async () => (globalThis.shop = await open({ name: 'peek' })))
  let found = 0
  for (let qty = 3; qty < 13; qty++) {
    await writer.evaluate(async () => shop.cart.add({ sku: 'A1', options: { size: 'M' } }).durable)
    const cart = await peek(reader)
    if (cart !== null) assert.deepEqual(qtys(cart), { A1: qty })
    if (qty % 3 === 0) await writer.evaluate(() => shop.flush())
    const flushed = await peek(reader)
    if (qty % 3 === 0) assert.deepEqual(qtys(flushed), { A1: qty })
    found += flushed === null ? 0 : 1
  }
  assert.ok(found >= 3, `${found}`)
  // Another tab's commit counts as well.
  await reader.evaluate(async () => {
    const shop = await open({ name: 'peek' })
    await shop.cart.clear().durable
  })
  const third = await openPage()
  const cart = await peek(third)
  if (cart !== null) assert.deepEqual(qtys(cart), {})
})
