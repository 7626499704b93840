// Live queries through the packed package, in Node with the store in memory.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, before, beforeEach, test } from 'node:test'
import { shopFolder } from './package.mjs'

let open, wasm
/** Reads that the engine was asked for. */
let reads = 0
before(async () => {
  const { instantiate } = WebAssembly
  WebAssembly.instantiate = async (...words) => {
    const found = await instantiate(...words)
    const { module, instance } = found
    // Node has modules of its own.
    if (instance?.exports.scan === undefined) return found
    const exports = { ...instance.exports }
    for (const name of ['scan', 'get']) {
      const called = exports[name]
      exports[name] = (...words) => {
        reads++
        return called(...words)
      }
    }
    return { module, instance: { exports } }
  }
  const folder = join(await shopFolder('live'), 'node_modules/pannier')
  ;({ open } = await import(pathToFileURL(join(folder, 'pannier.js'))))
  // The package loads it with the first live query; here it is there, so that a turn settles all.
  await import(pathToFileURL(join(folder, 'live.js')))
  wasm = await readFile(join(folder, 'pannier_bg.wasm'))
})

let reported
beforeEach(() => {
  reported = []
  globalThis.reportError = (error) => void reported.push(error)
})
afterEach(() => {
  delete globalThis.reportError
  assert.deepEqual(reported, [])
})

const openShop = (options) => open({ name: 'shop', store: 'memory', wasm, ...options })
const ROWS = { indexes: { byGroup: ['group', 'price'], byTag: { fields: ['tags'], multi: true } } }
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>). */
function random(seed) {
  let state = BigInt(seed)
  const mask = (1n << 64n) - 1n
  return (bound) => {
    state = (state + 0x9e3779b97f4a7c15n) & mask
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
    return Number((z ^ (z >> 31n)) % BigInt(bound))
  }
}

/** Keys and values of every kind, so that what orders among them is met. */
const PARTS = [
  false, true, -3, -0, 0, 2.5, 7, new Date(5), -5n, 8n, '', 'a', 'a\u0000', 'b', '\uffee', '\u{1f600}', new Uint8Array([1]),
  new Uint8Array([1, 2]),
]
const KEYS = [...PARTS, ['a', 1], ['a', 'b'], ['b', -1n]]

function randomRow(pick) {
  const id = KEYS[pick(KEYS.length)]
  const row = { id, group: pick(4) === 0 ? null : PARTS[pick(PARTS.length)], price: pick(6), n: pick(3) }
  if (pick(8) === 0) delete row.group
  if (pick(3) > 0) row.tags = Array.from({ length: pick(4) }, () => PARTS[pick(PARTS.length)])
  return row
}

function randomQuery(pick) {
  if (pick(3) === 0) return { key: KEYS[pick(KEYS.length)] }
  const index = [undefined, 'byGroup', 'byTag'][pick(3)]
  const bound = () => {
    const parts = [PARTS[pick(PARTS.length)]]
    if (index === 'byGroup' && pick(2)) parts.push(pick(6))
    return parts
  }
  const range = { limit: pick(3) === 0 ? 3 : 100, reverse: pick(2) === 1 }
  if (pick(3) > 0) range[pick(2) ? 'gte' : 'gt'] = bound()
  if (pick(3) > 0) range[pick(2) ? 'lte' : 'lt'] = bound()
  return index === undefined ? range : { index, ...range }
}

async function evaluate(rows, query) {
  if ('key' in query) return [await rows.get(query.key)].filter((row) => row !== undefined)
  const { index, ...range } = query
  return index === undefined ? rows.range(range) : rows.query(index, range)
}

const text = (key) => (Array.isArray(key) ? key : [key]).map((part) => `${typeof part === 'string' ? 's' : ''}${
  part instanceof Date ? Number(part) : typeof part === 'bigint' ? `${part}n` : part instanceof Uint8Array ? `[${part}]` : part}`).join()
const byKey = (rows) => new Map(rows.map((row) => [text(row.id), row]))
const equal = (one, other) => {
  try {
    assert.deepStrictEqual(one, other)
    return true
  } catch {
    return false
  }
}

test('told exactly when the result has changed, with exactly the rows that did', async () => {
  for (let seed = 0; seed < 8; seed++) {
    const pick = random(seed)
    const shop = await openShop({ collections: { rows: ROWS, others: {} } })
    const rows = shop.collection('rows')
    const watched = []
    for (let count = 0; count < 60; count++) {
      const query = randomQuery(pick)
      const one = { query, told: [] }
      one.stop = rows.subscribe(query, (result) => one.told.push(result))
      watched.push(one)
    }
    await settled()
    for (const one of watched) {
      assert.equal(one.told.length, 1)
      assert.deepEqual(one.told.pop(), { rows: [], changes: [] })
      one.rows = []
    }
    let told = 0
    for (let step = 0; step < 120; step++) {
      const key = KEYS[pick(KEYS.length)]
      const what = pick(12)
      if (what < 6) rows.put(randomRow(pick))
      else if (what < 8) rows.putMany(Array.from({ length: 1 + pick(5) }, () => randomRow(pick)))
      else if (what < 9) rows.delete(key)
      else if (what < 10) rows.deleteRange({ gte: key, lt: 'b' })
      else if (what < 11) shop.collection('others').put({ id: key })
      else if (step % 40 === 11) await rows.putMany(Array.from({ length: 300 }, (_, id) => ({ id: id + 100, price: id }))).durable
      else await shop.transaction(async (tx) => {
        await tx.collection('rows').put(randomRow(pick))
        await tx.collection('rows').delete(key)
      })
      await settled()
      // What it reads is kept nowhere.
      const snapshot = await shop.snapshot()
      const plain = snapshot.collection('rows')
      for (const one of watched) {
        const why = `seed ${seed}, step ${step}, ${what}`
        const before = byKey(one.rows)
        const now = await evaluate(plain, one.query)
        const after = byKey(now)
        const changed = [...new Set([...before.keys(), ...after.keys()])]
          .filter((id) => !equal(before.get(id), after.get(id)))
          .map((id) => [id, before.get(id), after.get(id)])
        one.rows = now
        assert.equal(one.told.length, changed.length > 0 ? 1 : 0, why)
        if (changed.length === 0) continue
        told++
        const result = one.told.pop()
        assert.deepStrictEqual(result.rows, now, why)
        const found = result.changes.map(({ key, before, after }) => [text(key), before, after])
        const order = ([one], [other]) => (one < other ? -1 : 1)
        assert.deepStrictEqual(found.sort(order), changed.sort(order), why)
      }
      snapshot.release()
    }
    assert.ok(told > 200, `${told} told`)
    for (const { stop } of watched) stop()
    await rows.put({ id: 'a', group: 'a', price: -1 }).durable
    await settled()
    for (const one of watched) assert.equal(one.told.length, 0)
    await shop.close()
  }
})

test('each commit is told by itself, in order, and one that changes nothing is not', async () => {
  const shop = await openShop({ collections: { rows: ROWS } })
  const rows = shop.collection('rows')
  const told = []
  rows.subscribe({ index: 'byGroup', gte: ['a'], lte: ['a'] }, ({ rows, changes }) => told.push([rows.length, changes]))
  const [one, two] = [{ id: 1, group: 'a', price: 1 }, { id: 2, group: 'a', price: 2 }]
  await settled()
  rows.put(one)
  rows.put(two)
  rows.put(two)
  rows.put({ ...one, price: 3 })
  rows.putMany([{ id: 2, group: 'b' }, { id: 3, group: 'b' }])
  rows.put({ id: 3, group: 'c' })
  await settled()
  assert.deepEqual(told, [
    [0, []],
    [1, [{ key: 1, after: one }]],
    [2, [{ key: 2, after: two }]],
    [2, [{ key: 1, before: one, after: { ...one, price: 3 } }]],
    [1, [{ key: 2, before: two }]],
  ])
  await shop.close()
})

test('a callback that throws is reported and stops no other; one that stops itself hears no more', async () => {
  const shop = await openShop()
  const told = []
  let heard = 0
  shop.catalog.subscribe({ key: 'A' }, () => {
    throw new Error('a bad callback')
  })
  const stop = shop.catalog.subscribe({ key: 'A' }, ({ rows }) => {
    told.push(rows[0]?.version)
    if (++heard === 2) stop()
  })
  shop.catalog.subscribe({ key: 'A' }, ({ rows }) => told.push(rows.length))
  await settled()
  shop.catalog.put({ id: 'A', version: 1 })
  shop.catalog.put({ id: 'A', version: 2 })
  await settled()
  assert.deepEqual(told, [undefined, 0, 1, 1, 1])
  assert.deepEqual(reported.splice(0).map(({ message }) => message), Array(3).fill('a bad callback'))
  assert.throws(() => shop.catalog.subscribe({ index: 'byNothing' }, () => {}), { code: 'bad_args' })
  assert.throws(() => shop.catalog.subscribe({ key: 'A' }), { code: 'bad_args' })
  shop.catalog.subscribe({ limit: -1 }, () => assert.fail('there is no such result'))
  await settled()
  assert.deepEqual(reported.splice(0).map(({ code }) => code), ['bad_args'])
  await shop.close()
})

test('a thousand live queries ask the engine nothing when a commit is none of theirs', async () => {
  const shop = await openShop({ collections: { rows: ROWS, others: {} } })
  const rows = shop.collection('rows')
  await rows.putMany(Array.from({ length: 1000 }, (_, id) => ({ id, group: id % 10, price: id, title: `row ${id}` }))).durable
  let told = 0
  for (let id = 0; id < 1000; id++) {
    const range = { gte: [id % 10, id], lt: [id % 10, id + 20] }
    const query = [{ key: id }, { gte: id, lt: id + 10 }, { index: 'byGroup', ...range }][id % 3]
    rows.subscribe(query, () => told++)
  }
  await settled()
  assert.equal(told, 1000)
  /** Reads of the engine for each of 100 commits. */
  const cost = async (write) => {
    reads = 0
    for (let count = 0; count < 100; count++) write(count)
    await settled()
    return reads / 100
  }
  const put = (count) => rows.put({ id: 10_000 + count, group: 'none', price: count })
  const elsewhere = await cost((count) => shop.collection('others').put({ id: count }))
  assert.equal(elsewhere, 0)
  // One read of the new row tells all queries by index that it is none of theirs.
  const beside = await cost(put)
  assert.equal(beside, 1)
  assert.equal(told, 1000)
  // One that is in three ranges costs their reads.
  reads = 0
  rows.put({ id: 999.5, group: 'none' })
  await settled()
  assert.deepEqual([told, reads], [1003, 4])
  await shop.close()
})
