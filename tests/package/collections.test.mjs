// Collections, snapshots and transactions through the packed package, in Node with the store in memory.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { before, test } from 'node:test'
import { shopFolder } from './package.mjs'

let open, wasm
before(async () => {
  const folder = join(await shopFolder('collections'), 'node_modules/pannier')
  ;({ open } = await import(pathToFileURL(join(folder, 'pannier.js'))))
  wasm = await readFile(join(folder, 'pannier_bg.wasm'))
})

const openShop = (options) => open({ name: 'shop', store: 'memory', wasm, ...options })
const WISHES = { indexes: { bySku: { fields: ['sku'], unique: true }, byTag: { fields: ['tags'], multi: true } } }
const code = (wanted) => (error) => error.code === wanted
const ids = (rows) => rows.map(({ id }) => id)

test('rows of a declared collection are put, found by key and index, counted and deleted', async () => {
  const shop = await openShop({ collections: { wishes: WISHES, visits: { key: ['day', 'nr'] } } })
  const wishes = shop.collection('wishes')
  let changes = 0
  wishes.subscribe(() => changes++)
  await wishes.putMany([
    { id: 1, sku: 'A', tags: ['red', 'wool'] },
    { id: 'x', sku: 'B', tags: ['red'] },
    { id: ['x', 2], sku: 'C', tags: [] },
  ]).durable
  assert.equal(changes, 1)
  assert.deepEqual(await wishes.get('x'), { id: 'x', sku: 'B', tags: ['red'] })
  assert.equal(await wishes.get('y'), undefined)
  assert.deepEqual(ids(await wishes.query('byTag', { gte: ['red'], lte: ['red'] })), [1, 'x'])
  assert.deepEqual(ids(await wishes.range({ gte: 'x' })), ['x', ['x', 2]])
  assert.deepEqual([await wishes.count(), await wishes.count({ gte: 'x' }), await wishes.countBy('byTag')], [3, 2, 3])
  await assert.rejects(wishes.put({ id: 9, sku: 'A' }).durable, (error) => {
    assert.equal(error.message, 'unique: bySku is in another row')
    assert.deepEqual(error.detail, { field: 'bySku', why: 'is in another row', collection: 'wishes', key: [1] })
    return code('unique')(error)
  })
  await assert.rejects(wishes.query('byNothing'), code('bad_args'))
  await wishes.delete(['x', 2]).durable
  await wishes.deleteRange({ lt: 'x' }).durable
  assert.deepEqual(ids(await wishes.range()), ['x'])
  const visits = shop.collection('visits')
  await visits.putMany([{ day: 2, nr: 1 }, { day: 1, nr: 2 }, { day: 1, nr: 1 }]).durable
  assert.deepEqual(await visits.range({ lte: 1 }), [{ day: 1, nr: 1 }, { day: 1, nr: 2 }])
  assert.throws(() => shop.collection('none'), code('bad_args'))
  await assert.rejects(openShop({ collections: { cart: {} } }), code('bad_args'))
  await shop.close()
})

test('the catalog has the same abilities and keeps its rule for versions', async () => {
  const shop = await openShop({ catalog: { indexes: { byBrand: ['brand'] } } })
  await shop.catalog.putMany([{ id: 'A', version: 2, brand: 'x' }, { id: 'B', brand: 'y' }]).durable
  await shop.catalog.put({ id: 'A', version: 1, brand: 'z' }).durable
  assert.deepEqual(await shop.catalog.get('A'), { id: 'A', version: 2, brand: 'x' })
  assert.equal(await shop.catalog.countBy('byBrand', { gte: ['y'] }), 1)
  await shop.catalog.delete('A').durable
  assert.equal(await shop.catalog.get('A'), undefined)
  await shop.close()
})

test('a snapshot stays what it was over all collections', async () => {
  const shop = await openShop({ collections: { wishes: WISHES } })
  await shop.collection('wishes').put({ id: 1, sku: 'A' }).durable
  shop.cart.add({ sku: 'A' })
  const snapshot = await shop.snapshot()
  shop.cart.add({ sku: 'B' })
  shop.collection('wishes').putMany([{ id: 1, sku: 'Z' }, { id: 2, sku: 'B' }])
  await shop.flush()
  assert.deepEqual(await snapshot.collection('wishes').range(), [{ id: 1, sku: 'A' }])
  assert.deepEqual(await snapshot.collection('wishes').query('bySku', { gte: ['Z'] }), [])
  assert.equal((await snapshot.cart.read()).count, 1)
  assert.equal((await shop.cart.read()).count, 2)
  snapshot.release()
  snapshot.release()
  await assert.rejects(snapshot.cart.read(), code('released'))
  await shop.close()
})

test('a transaction is all or nothing over all collections', async () => {
  const shop = await openShop({ collections: { wishes: WISHES } })
  const wishes = shop.collection('wishes')
  await wishes.put({ id: 1, sku: 'A', left: 2 }).durable
  const sold = await shop.transaction(async (tx) => {
    const wish = await tx.collection('wishes').get(1)
    tx.cart.add({ sku: wish.sku, qty: 2 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    tx.collection('wishes').put({ ...wish, left: wish.left - 2 })
    assert.deepEqual(await tx.collection('wishes').get(1), { id: 1, sku: 'A', left: 0 })
    assert.equal((await wishes.get(1)).left, 2)
    return (await tx.cart.read()).count
  })
  assert.equal(sold, 2)
  assert.equal((await wishes.get(1)).left, 0)
  assert.equal((await shop.cart.read()).count, 2)
  await assert.rejects(
    shop.transaction(async (tx) => {
      await tx.cart.clear()
      throw new Error('a change of mind')
    }),
    /a change of mind/,
  )
  await assert.rejects(
    shop.transaction((tx) => {
      tx.cart.clear()
      // Not awaited, and refused all the same.
      tx.collection('wishes').put({ sku: 'no key' })
    }),
    code('bad_row'),
  )
  await assert.rejects(
    shop.transaction(async (tx) => {
      await tx.cart.clear()
      await tx.collection('wishes').put({ id: 2, sku: 'A' })
    }),
    code('unique'),
  )
  assert.equal((await shop.cart.read()).count, 2)
  assert.equal(await wishes.count(), 1)
  await assert.rejects(shop.transaction(() => shop.transaction(() => {})), code('nested'))
  await shop.close()
})

test('a transaction whose reads have changed is done again, and not for ever', async () => {
  const shop = await openShop({ collections: { counters: {} } })
  const counters = shop.collection('counters')
  let calls = 0
  const count = () => shop.transaction(async (tx) => {
    calls++
    const { value = 0 } = (await tx.collection('counters').get('a')) ?? {}
    await new Promise((resolve) => setTimeout(resolve, 1))
    await tx.collection('counters').put({ id: 'a', value: value + 1 })
  })
  await Promise.all([count(), count(), count(), count()])
  assert.deepEqual(await counters.get('a'), { id: 'a', value: 4 })
  assert.ok(calls > 4, `${calls} calls`)
  calls = 0
  const late = shop.transaction(async (tx) => {
    calls++
    await tx.collection('counters').get('a')
    await counters.put({ id: 'a', value: -calls }).durable
    await tx.collection('counters').put({ id: 'b' })
  })
  await assert.rejects(late, code('conflict'))
  assert.equal(calls, 16)
  assert.equal(await counters.get('b'), undefined)
  await shop.close()
})

test('a row past its time is not read any more, and is deleted soon', async () => {
  const shop = await openShop({ collections: { drafts: { key: ['day', 'nr'], expires: { afterMs: 50 } } } })
  const drafts = shop.collection('drafts')
  await drafts.putMany([{ day: 1, nr: 1 }, { day: 1, nr: 2, expiresAt: Date.now() + 60_000 }]).durable
  assert.equal(await drafts.count(), 2)
  await new Promise((resolve) => drafts.subscribe(resolve))
  assert.equal(await drafts.get([1, 1]), undefined)
  assert.deepEqual((await drafts.range()).map(({ nr }) => nr), [2])
  assert.equal(await drafts.count(), 1)
  await shop.close()
})

test('a collection over its bytes evicts what was used longest ago, and tells its live queries', async () => {
  const shop = await openShop({ catalog: { bytesMax: 50_000 }, collections: { wishes: WISHES } })
  const text = 'x'.repeat(300)
  const products = (from) => Array.from({ length: 50 }, (_, index) => ({ id: `P${from + index}`, version: 2, text }))
  await shop.collection('wishes').put({ id: 1, sku: 'A' }).durable
  await shop.catalog.putMany(products(100)).durable
  // Its first read is a use, too.
  let isGone
  const gone = new Promise((resolve) => (isGone = resolve))
  await new Promise((isTold) => {
    shop.catalog.subscribe({ key: 'P100' }, ({ rows }) => (rows.length === 0 ? isGone() : isTold()))
  })
  const kept = await shop.catalog.get('P120')
  await shop.catalog.putMany(products(200)).durable
  // Decoded before, and now shown again without a read.
  assert.equal(await shop.catalog.get('P120'), kept)
  await shop.catalog.putMany(products(300)).durable
  await shop.catalog.putMany(products(400)).durable
  await gone
  await shop.flush()
  const there = ids(await shop.catalog.range({ limit: 1000 }))
  assert.ok(there.length > 100 && there.length < 150, `${there.length} rows`)
  assert.ok(there.includes('P120') && there.includes('P249') && there.includes('P449'))
  assert.equal(await shop.catalog.get('P100'), undefined)
  // It is as if it had never been there: any version is taken.
  await shop.catalog.put({ id: 'P100', version: 1 }).durable
  assert.deepEqual(await shop.catalog.get('P100'), { id: 'P100', version: 1 })
  assert.equal(await shop.collection('wishes').count(), 1)
  await shop.close()
  await assert.rejects(openShop({ catalog: { bytesMax: 0 } }), code('bad_args'))
})

test('a transaction that begins inside another is refused, and after an await is one of its own', async () => {
  const shop = await openShop({ collections: { wishes: WISHES } })
  const wishes = shop.collection('wishes')
  await assert.rejects(shop.transaction(() => shop.transaction(() => {})), code('nested'))
  let tries = 0
  await shop.transaction(async (outer) => {
    tries++
    const before = await outer.collection('wishes').get(1)
    // Its commit is no part of the outer one, which has read what it writes and so is done again.
    if (before === undefined) {
      await shop.transaction((inner) => inner.collection('wishes').put({ id: 1, sku: 'A' }))
      assert.equal(await outer.collection('wishes').get(1), undefined)
    }
    await outer.collection('wishes').put({ id: 2, sku: 'B', before: before ?? null })
  })
  assert.equal(tries, 2)
  assert.deepEqual(ids(await wishes.range()), [1, 2])
  assert.deepEqual((await wishes.get(2)).before, { id: 1, sku: 'A' })
  await shop.close()
})
