// A shop in a worker of its own, by `pannier/worker`: the API of the page, in each engine.
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'
import { startServer } from './server.mjs'

let context, site, page

before(async () => {
  ;[context, site] = await Promise.all([launch(), makeSite()])
})

after(async () => {
  await context?.close()
  await site?.close()
})

beforeEach(async () => {
  page = await context.newPage()
  await page.goto(await site.origin())
})

afterEach(() => page.close())

test('edits, reads, live queries and subscriptions cross, and what is stored outlives the worker', async () => {
  const found = await page.evaluate(async () => {
    const { open } = await import('/package/worker.js')
    const options = { name: 'worker', collections: { goods: { key: ['shop', 'nr'], indexes: { byTag: { fields: ['tags'], multi: true } } } } }
    const shop = await open(options)
    const carts = []
    const stopCart = shop.cart.subscribe((cart) => carts.push(cart.count))
    const live = []
    const goods = shop.collection('goods')
    goods.subscribe({ index: 'byTag', gte: ['new'], lte: ['new'] }, ({ rows, changes }) => {
      live.push([rows.length, changes.length])
      told?.()
    })
    let told
    const isTold = (count) => new Promise((resolve) => (told = () => live.length >= count && resolve())).finally(() => (told = undefined))
    await isTold(1)
    const edit = shop.cart.add({ sku: 'A', qty: 2, options: { size: 'M' } })
    await edit.durable
    const [line] = (await shop.cart.read()).lines
    await shop.cart.adjust(line.line, 1).durable
    const row = { shop: 'x', nr: 1, tags: ['new', 'old'], at: new Date(5), big: 7n, bytes: new Uint8Array([1, 2]) }
    await goods.putMany([row, { shop: 'x', nr: 2, tags: [] }]).durable
    if (live.length < 2) await isTold(2)
    await goods.put({ shop: 'y', nr: 3, tags: ['new'] }).durable
    if (live.length < 3) await isTold(3)
    const read = await goods.get(['x', 1])
    const isFrozen = Object.isFrozen(read) && Object.isFrozen(read.tags) && Object.isFrozen((await shop.cart.read()).lines)
    stopCart()
    await shop.cart.adjust(line.line, 5).durable
    await shop.catalog.put({ id: 'p', category: 'hats', price: 3 }).durable
    const hats = await shop.catalog.query('byCategoryPrice', { gte: ['hats'], lte: ['hats'] })
    const visited = shop.history.visit({ sku: 'p', dwell: 5 })
    await visited.durable
    const visits = (await shop.history.recent()).map(({ sku, dwell }) => [sku, dwell])
    const states = [shop.storage.state.status, shop.sync.state.status]
    const counts = [await goods.count(), await goods.countBy('byTag', { gte: ['new'], lte: ['new'] })]
    await shop.close()
    const after = await shop.cart.read().catch(({ name, code }) => [name, code])
    const again = await open(options)
    const { count } = await again.cart.read()
    await again.close()
    const kinds = [read.at instanceof Date, typeof read.big, read.bytes instanceof Uint8Array]
    return { carts, live, isFrozen, kinds, hats, visits, states, counts, after, count }
  })
  assert.deepEqual(found.carts, [0, 2, 3])
  assert.deepEqual(found.live, [[0, 0], [1, 1], [2, 1]])
  assert.deepEqual(found.kinds, [true, 'bigint', true])
  assert.ok(found.isFrozen)
  assert.deepEqual(found.hats, [{ id: 'p', category: 'hats', price: 3 }])
  assert.deepEqual(found.visits, [['p', 5]])
  assert.deepEqual(found.states, ['stored', 'off'])
  assert.deepEqual(found.counts, [3, 2])
  assert.deepEqual(found.after, ['PannierError', 'closed'])
  assert.equal(found.count, 8)
})

test('a transaction sees its own writes, is done again on conflict, and gives back what the page throws', async () => {
  const found = await page.evaluate(async () => {
    const { open } = await import('/package/worker.js')
    const direct = await import('/package/pannier.js')
    const shop = await open({ name: 'transactions', collections: { drafts: {} } })
    const other = await direct.open({ name: 'transactions', collections: { drafts: {} } })
    const drafts = shop.collection('drafts')
    await drafts.put({ id: 'a', n: 1 }).durable
    let tries = 0
    const result = await shop.transaction(async (own) => {
      tries++
      const { n } = await own.collection('drafts').get('a')
      if (tries === 1) await other.collection('drafts').put({ id: 'a', n: 10 }).durable
      await own.collection('drafts').put({ id: 'a', n: n + 1 })
      await own.cart.add({ sku: 'B' })
      return [await own.collection('drafts').get('a'), (await own.cart.read()).count]
    })
    const thrown = new Error('the page')
    const same = await shop.transaction(async (own) => {
      await own.collection('drafts').put({ id: 'a', n: 99 })
      throw thrown
    }).catch((error) => error === thrown)
    const snapshot = await shop.snapshot()
    await drafts.put({ id: 'a', n: 50 }).durable
    const seen = [await snapshot.collection('drafts').get('a'), await drafts.get('a')]
    snapshot.release()
    const released = await snapshot.collection('drafts').get('a').catch(({ code }) => code)
    await other.close()
    await shop.close()
    return { tries, result, same, seen, released }
  })
  assert.equal(found.tries, 2)
  assert.deepEqual(found.result, [{ id: 'a', n: 11 }, 1])
  assert.equal(found.same, true)
  assert.deepEqual(found.seen, [{ id: 'a', n: 11 }, { id: 'a', n: 50 }])
  assert.equal(found.released, 'closed')
})

test('refusals keep their code, errors are told, and the page goes on while 20,000 rows are put', async () => {
  const found = await page.evaluate(async () => {
    const { open, PannierError } = await import('/package/worker.js')
    const shop = await open({ name: 'refusals', collections: { goods: { indexes: { bySku: { fields: ['sku'], unique: true } } } } })
    const goods = shop.collection('goods')
    const code = (promise) => promise.catch((error) => [error instanceof PannierError, error.code])
    const codes = [
      await code(goods.put({ no: 'key' }).durable),
      await code(goods.put({ id: 'f', f: () => 1 }).durable),
      await code(goods.query('byNothing')),
      await code(shop.cart.add({ qty: 1 }).confirmed),
    ]
    await goods.put({ id: 'a', sku: 1 }).durable
    codes.push(await code(goods.put({ id: 'b', sku: 1 }).durable))
    let undeclared
    try { shop.collection('nothing') } catch (error) { undeclared = error.code }
    const progress = []
    shop.on('progress', ({ state, done, total }) => progress.push([state, done, total]))
    let frames = 0
    let isDone = false
    const count = () => { frames++; if (!isDone) requestAnimationFrame(count) }
    requestAnimationFrame(count)
    await goods.putMany(Array.from({ length: 20_000 }, (_, at) => ({ id: `r${at}`, sku: `s${at}` }))).durable
    isDone = true
    const report = await shop.check()
    const text = await (await shop.export()).text()
    await shop.close()
    return { codes, undeclared, last: progress.at(-1), isSound: report.isSound, goods: report.rows.goods, isExported: text.includes('r19999'), frames }
  })
  assert.deepEqual(found.codes, [[true, 'bad_row'], [true, 'bad_args'], [true, 'bad_args'], [true, 'bad_args'], [true, 'unique']])
  assert.equal(found.undeclared, 'bad_args')
  assert.deepEqual(found.last, ['loaded', 20_000, 20_000])
  assert.deepEqual([found.isSound, found.goods, found.isExported], [true, 20_001, true])
  assert.ok(found.frames > 0)
})

test('a token is asked of the page, the sync state is shown, and a worker that cannot start says so', async () => {
  const found = await page.evaluate(async () => {
    const { open } = await import('/package/worker.js')
    let asked = 0
    const token = async () => `token ${++asked}`
    const shop = await open({ name: 'sync', sync: { url: '/none', token, interval: 0 } })
    const states = new Set()
    shop.on('sync', ({ status }) => states.add(status))
    const edit = shop.cart.add({ sku: 'A' })
    await edit.durable
    await shop.sync.now()
    const { status, pending, error } = shop.sync.state
    shop.sync.pause()
    await shop.close()
    const ended = await edit.confirmed.catch(({ code }) => code)
    const { Worker } = globalThis
    globalThis.Worker = class extends Worker {
      constructor(_, options) {
        super('/package/nothing.js', options)
      }
    }
    const failed = await open({ name: 'none' }).catch(({ code }) => code)
    return { asked, status, pending, error: error?.code, ended, failed, states: [...states] }
  })
  assert.ok(found.asked > 0)
  assert.equal(found.pending, 1)
  assert.ok(found.status === 'error' || found.status === 'offline', found.status)
  assert.equal(typeof found.error, 'string')
  assert.ok(found.states.includes('syncing'))
  assert.equal(found.ended, 'closed')
  assert.equal(found.failed, 'worker_failed')
})

test('rows may look like what crosses, and an error that nobody waits for ends no shop', async () => {
  const rows = [
    { id: 'a', callback: 1 },
    { id: 'b', thrown: { message: 'none' } },
    { id: 'c', error: { name: 'none', message: 'none' } },
    { id: 'd', handle: 1 },
    { handle: 1 },
  ]
  const found = await page.evaluate(async (rows) => {
    const { open } = await import('/package/worker.js')
    const shop = await open({ name: 'rows', collections: { goods: {}, handles: { key: ['handle'] } } })
    const [goods, handles] = [shop.collection('goods'), shop.collection('handles')]
    for (const row of rows) await (row.id ? goods : handles).put(row).durable
    const read = []
    for (const { id } of rows) read.push(id ? await goods.get(id) : await handles.get(1))
    const uncaught = new Promise((resolve) => addEventListener('error', ({ message }) => resolve(message), { once: true }))
    goods.subscribe({ gte: 'a', limit: -1 }, () => {})
    const message = await uncaught
    const count = await goods.count()
    shop.sync.pause()
    await shop.close()
    shop.sync.pause()
    return { read, message, count }
  }, rows)
  assert.deepEqual(found.read, rows)
  assert.match(found.message, /limit/)
  assert.equal(found.count, 4)
})

test('what a worker lacks the page does: the store is marked and kept, and a page that nobody sees asks for no news', async () => {
  const server = await startServer()
  const clock = await context.newPage()
  try {
    await clock.goto(await page.evaluate(() => location.href))
    for (const [at, name] of [[page, 'seen'], [clock, 'clock']]) {
      await at.evaluate(async ({ name, url, token }) => {
        const { open } = await import('/package/worker.js')
        globalThis.asked = 0
        globalThis.persisted = 0
        // WebKitGTK has none.
        Object.defineProperty(navigator, 'storage', { value: { persist: async () => ++persisted > 0 } })
        const sync = { url: `${url}/v1`, token: () => (asked++, token), interval: 20 }
        globalThis.reopen = async () => (globalThis.shop = await open({ name, sync }))
        globalThis.until = async (holds) => { while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10)) }
        await reopen()
        await until(() => asked > 2)
      }, { name, url: server.url, token: server.token })
    }
    const hidden = await page.evaluate(async () => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
      await shop.sync.now()
      return asked
    })
    await clock.evaluate(() => until(((before) => () => asked > before + 2)(asked)))
    assert.equal(await page.evaluate(() => asked), hidden)
    const found = await page.evaluate(async () => {
      delete document.visibilityState
      document.dispatchEvent(new Event('visibilitychange'))
      const before = asked
      await until(() => asked > before)
      await shop.cart.add({ sku: 'A' }).durable
      await until(() => localStorage.getItem('pannier:seen') !== null)
      const { isCleared } = shop.storage.state
      await shop.close()
      await new Promise((resolve) => (indexedDB.deleteDatabase('pannier:seen').onsuccess = resolve))
      await reopen()
      const cleared = [isCleared, shop.storage.state.isCleared]
      await shop.close()
      return { persisted, cleared }
    })
    assert.deepEqual(found, { persisted: 1, cleared: [false, true] })
  } finally {
    await clock.close()
    await server.close()
  }
})
