// A putMany of more rows than are put at once, through the packed package, in Node with the store in memory.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { shopFolder } from './package.mjs'

const ROWS = 12_000

let open, wasm
before(async () => {
  const folder = join(await shopFolder('parts'), 'node_modules/pannier')
  ;({ open } = await import(pathToFileURL(join(folder, 'pannier.js'))))
  wasm = await readFile(join(folder, 'pannier_bg.wasm'))
})

const openShop = () =>
  open({ name: 'shop', store: 'memory', wasm, collections: { goods: { indexes: { bySku: { fields: ['sku'], unique: true } } } } })

const row = (at, more) => ({ id: `r${String(at).padStart(6, '0')}`, sku: `s${at}`, text: 'x'.repeat(200), ...more })
const rows = (more) => Array.from({ length: ROWS }, (_, at) => row(at, more))

test('many rows are put with turns in between, told as they come, and seen at once', async () => {
  const shop = await openShop()
  const goods = shop.collection('goods')
  const told = []
  shop.on('progress', (progress) => told.push(progress))
  const put = goods.putMany(rows())
  let turns = 0
  const counts = new Set()
  let isDurable = false
  // Also where it is refused: then the test ends by that.
  const durable = put.durable.finally(() => (isDurable = true))
  while (!isDurable) {
    await new Promise((resolve) => setImmediate(resolve))
    turns++
    counts.add(await goods.count())
  }
  await durable
  assert.ok(turns > ROWS / 2048, `${turns} turns`)
  assert.deepEqual([...counts].filter((count) => count !== 0 && count !== ROWS), [], 'half of a commit was seen')
  assert.equal(await goods.count(), ROWS)
  const [last, before] = [told.at(-1), told.slice(0, -1)]
  assert.deepEqual(last, { collection: 'goods', done: ROWS, total: ROWS, state: 'loaded' })
  assert.ok(before.length >= Math.floor(ROWS / 2048))
  assert.ok(before.every(({ state, done, total }, at) => state === 'loading' && total === ROWS && done > (before[at - 1]?.done ?? 0)))
  await shop.close()
})

test('what is written to the collection after them comes after them, elsewhere at once', async () => {
  const shop = await openShop()
  const goods = shop.collection('goods')
  const list = rows()
  const put = goods.putMany(list)
  list.length = 0
  goods.put(row(5, { text: 'later' }))
  goods.delete('r000006')
  const again = goods.putMany(rows({ text: 'again' }).slice(0, 11_000))
  const last = goods.put(row(7, { text: 'last' }))
  const cart = shop.cart.add({ sku: 'A', qty: 1 })
  await cart.durable
  assert.equal((await shop.cart.read()).count, 1)
  assert.equal(await goods.count(), 0, 'an edit of the cart waits for all the rows')
  await put.durable
  await last.durable
  await again.durable
  assert.equal(await goods.count(), ROWS)
  assert.equal((await goods.get('r000005')).text, 'again')
  assert.equal((await goods.get('r000006')).text, 'again')
  assert.equal((await goods.get('r000007')).text, 'last')
  assert.equal((await goods.get('r011500')).text, 'x'.repeat(200))
  await shop.close()
})

test('flush and close wait for them', async () => {
  const shop = await openShop()
  const goods = shop.collection('goods')
  let isDurable = false
  const put = goods.putMany(rows())
  void put.durable.then(() => (isDurable = true))
  await shop.flush()
  assert.ok(isDurable)
  const other = goods.putMany(rows({ text: 'again' }))
  await shop.close()
  await other.durable
})

test('a bad row is told with its place among all, and none is put', async () => {
  const shop = await openShop()
  const goods = shop.collection('goods')
  const bad = (at, with_) => goods.putMany(rows().with(at, with_)).durable
  await assert.rejects(bad(9_000, row(9_000, { text: () => 1 })), /9000/)
  await assert.rejects(bad(9_001, { text: 'no key' }), (error) => error.code === 'bad_row' && error.detail.index === 9_001 && /row 9001/.test(error.message))
  await assert.rejects(bad(11_000, row(3, { id: 'twin' })), { code: 'unique' })
  assert.equal(await goods.count(), 0)
  await goods.putMany(rows()).durable
  assert.equal(await goods.count(), ROWS)
  await shop.close()
})
