// Writes of one task, which cross into the engine together, through the packed package, in Node with the store in memory.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { before, test } from 'node:test'
import { shopFolder } from './package.mjs'

let open, PannierError, wasm
before(async () => {
  const folder = join(await shopFolder('together'), 'node_modules/pannier')
  ;({ open, PannierError } = await import(pathToFileURL(join(folder, 'pannier.js'))))
  wasm = await readFile(join(folder, 'pannier_bg.wasm'))
})

const openShop = (options) => open({ name: 'shop', store: 'memory', wasm, ...options })
const WISHES = { indexes: { bySku: { fields: ['sku'], unique: true } } }
const codes = (settled) => settled.map(({ reason }) => reason?.code)

test('each write of a task has its own end, and a refused one takes none with it', async () => {
  const shop = await openShop({ collections: { wishes: WISHES } })
  const wishes = shop.collection('wishes')
  const writes = [
    wishes.put({ id: 1, sku: 'A' }),
    wishes.put({ id: 2, sku: 'A' }),
    wishes.put({ id: 3, sku: 'B' }),
    wishes.put({ sku: 'C' }),
    wishes.delete(1),
    wishes.put({ id: 4, sku: 'A' }),
    shop.cart.add({ sku: 'A', qty: 2 }),
    shop.cart.setQty('no line of the cart', 1),
  ]
  assert.throws(() => wishes.put({ id: 5, sku: () => {} }), (error) => error instanceof PannierError && error.code === 'bad_document')
  const settled = await Promise.allSettled(writes.map(({ durable }) => durable))
  assert.deepEqual(codes(settled), [undefined, 'unique', undefined, 'bad_row', undefined, undefined, undefined, undefined])
  assert.deepEqual(await wishes.range(), [{ id: 3, sku: 'B' }, { id: 4, sku: 'A' }])
  assert.equal((await shop.cart.read()).count, 2)
  // Asked for only now, the ends are the same.
  await assert.rejects(writes[1].durable, { code: 'unique' })
  await writes[2].durable
  await shop.close()
})

test('writes of a task keep their order, small and large', async () => {
  const shop = await openShop()
  const long = (length) => 'x'.repeat(length)
  const told = []
  const writes = []
  for (let number = 0; number < 300; number++) {
    // Some cross by themselves, and some fill what crosses before the task ends.
    const text = long(number % 50 === 49 ? 100_000 : number % 7 === 0 ? 30_000 : 10)
    const write = shop.catalog.put({ id: `p${number % 3}`, number, text })
    write.durable.then(() => told.push(number))
    writes.push(write.durable)
  }
  await Promise.all(writes)
  assert.deepEqual(told, Array.from({ length: 300 }, (_, number) => number))
  assert.deepEqual((await shop.catalog.range()).map(({ number }) => number), [297, 298, 299])
  await shop.close()
})

test('whatever reads after a write in the same task sees it', async () => {
  const shop = await openShop()
  await shop.catalog.putMany([{ id: 'A', price: 1 }, { id: 'B', price: 1 }]).durable
  const price = async (read) => (await read()).price
  const reads = {
    get: () => price(() => shop.catalog.get('A')),
    range: () => price(async () => (await shop.catalog.range({ limit: 1 }))[0]),
    snapshot: () => price(async () => {
      const snapshot = await shop.snapshot()
      const row = await snapshot.catalog.get('A')
      snapshot.release()
      return row
    }),
    transaction: () => price(() => shop.transaction(({ catalog }) => catalog.get('A'))),
  }
  let wanted = 1
  for (const [name, read] of Object.entries(reads)) {
    // What was read is kept decoded, until it has changed.
    assert.equal(await read(), wanted, name)
    shop.catalog.put({ id: 'A', price: ++wanted })
    assert.equal(await read(), wanted, name)
  }
  shop.catalog.put({ id: 'C' })
  assert.equal(await shop.catalog.count(), 3)
  shop.cart.add({ sku: 'A' })
  assert.equal((await shop.cart.read()).count, 1)
  await shop.close()
})

test('a long list is the same until it changes, and then holds what has changed and the rest', async () => {
  const shop = await openShop()
  const products = Array.from({ length: 300 }, (_, number) => ({ id: `p${1000 + number}`, number, tags: ['a', `${number}`] }))
  await shop.catalog.putMany(products).durable
  const read = () => shop.catalog.range({ gte: 'p1', limit: 1000 })
  // Asked for the first time, its rows are not kept one by one; asked again, they are.
  for (let round = 0; round < 4; round++) {
    const list = await read()
    assert.deepEqual(list, products)
    assert.equal(await read(), list)
    products[round * 50] = { ...products[round * 50], number: -round }
    const { durable } = shop.catalog.put(products[round * 50])
    assert.deepEqual(await read(), products)
    const row = await shop.catalog.get('p1007')
    await durable
    assert.deepEqual(row, products[7])
    if (round > 0) assert.equal((await read())[7], row)
  }
  await shop.close()
})

test('a store that is closed in the task of a write has it stored', async () => {
  const shop = await openShop()
  const { durable } = shop.catalog.put({ id: 'A' })
  await Promise.all([shop.close(), durable])
  assert.throws(() => shop.catalog.put({ id: 'B' }), { code: 'closed' })
})
