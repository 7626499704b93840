// A shopper is erased: on the server, on the device, in every tab, whatever ends the pages meanwhile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENGINE } from '../drive/index.mjs'
import { startLink } from './link.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

/** A test with a server, the way to it, and pages of one origin. */
function erasure(name, work, options = {}) {
  test(name, options, async () => {
    const server = await startServer({ products: [{ id: 'A', title: 'Cup', price: 900, stock: 9 }] })
    const link = await startLink(server.url)
    const origin = await site.origin()
    const pages = []
    const openPage = async () => {
      const page = await context.newPage()
      pages.push(page)
      await page.goto(origin)
      await page.evaluate(prepare, { url: link.url, token: server.token })
      return page
    }
    /** Ends a page without a last word, where the driver can. */
    const end = async (page) => {
      pages.splice(pages.indexOf(page), 1)
      if (ENGINE === 'webkit') await page.close()
      else await context.crash(page)
    }
    try {
      await work({ server, link, openPage, end })
    } finally {
      for (const page of pages) await page.close()
      await link.close()
      await server.close()
    }
  })
}

erasure('with two tabs open: the server has forgotten, orders stay, the tabs are told, and a new store is empty', async ({ server, link, openPage }) => {
  const [page, other] = [await openPage(), await openPage()]
  link.expect()
  await page.evaluate(fill)
  await other.evaluate(() => openShop())
  assert.deepEqual([await server.cart(), (await server.pull('history')).length], [{ A: 2 }, 1])
  const found = await page.evaluate(async () => {
    await shop.erase()
    const edit = await outcomeOf(() => shop.cart.add({ sku: 'B' }).durable)
    const read = await outcomeOf(() => shop.cart.read())
    return { seen, edit, read, left: await leftovers() }
  })
  assert.deepEqual(found, { seen: ['erasing', 'erased'], edit: 'erased', read: 'erased', left: [] })
  const told = await other.evaluate(async () => {
    await until(() => seen.at(-1), (status) => status === 'erased')
    const edit = await outcomeOf(() => shop.cart.add({ sku: 'B' }).durable)
    await shop.close()
    return { edit, left: await leftovers() }
  })
  assert.deepEqual(told, { edit: 'erased', left: [] })
  assert.deepEqual(await server.cart(), {})
  assert.deepEqual((await server.pull('history')).map((row) => Object.keys(row)), [['cut']])
  assert.deepEqual((await server.pull('orders')).map(({ state }) => state), ['created'])
  // The store that comes next is another one: no tab of the old one takes it away.
  const again = await page.evaluate(async () => {
    await shop.close()
    await openShop()
    await shop.cart.add({ sku: 'NEW' }).durable
    await shop.sync.now()
    return look()
  })
  assert.deepEqual(again.cart, ['NEW 1'])
  assert.equal(again.status, 'stored')
  assert.deepEqual((await other.evaluate(async () => (await openShop(), look()))).cart, ['NEW 1'])
  assert.deepEqual(await server.cart(), { NEW: 1 })
})

erasure('a tab that is late with the deletion leaves the next store of the name alone', async ({ link, openPage }) => {
  const [page, other] = [await openPage(), await openPage()]
  link.expect()
  await page.evaluate(fill)
  await other.evaluate(async () => {
    const late = new Promise((resolve) => (globalThis.goOn = resolve))
    const { locks } = navigator
    const request = locks.request.bind(locks)
    locks.request = (name, ...rest) => (name.startsWith('pannier-erase') ? late.then(() => request(name, ...rest)) : request(name, ...rest))
    await openShop()
  })
  await page.evaluate(async () => {
    await shop.erase()
    await openShop()
    await shop.cart.add({ sku: 'NEW' }).durable
  })
  await other.evaluate(async () => {
    goOn()
    await until(() => seen.at(-1), (status) => status === 'erased')
  })
  const found = await page.evaluate(async () => {
    await shop.cart.add({ sku: 'NEW' }).durable
    await shop.close()
    await openShop()
    return look()
  })
  assert.deepEqual([found.cart, found.status], [['NEW 2'], 'stored'])
})

erasure('offline: the wish outlives the page, edits are refused meanwhile, and the next visit goes on', async ({ server, link, openPage, end }) => {
  const page = await openPage()
  link.expect()
  await page.evaluate(fill)
  link.shut()
  const asked = await page.evaluate(async () => {
    await shop.cart.add({ sku: 'UNSENT' }).durable
    void shop.erase()
    await until(() => seen.at(-1), (status) => status === 'erasing')
    // Durable once a second wish meets it.
    await until(() => shop.sync.state.pending, (pending) => pending === 2)
    await shop.flush()
    return { edit: await outcomeOf(() => shop.cart.add({ sku: 'B' }).durable), ...(await look()) }
  })
  assert.deepEqual([asked.edit, asked.cart, asked.visits], ['erased', [], 0])
  await end(page)
  assert.deepEqual(await server.cart(), { A: 2 }, 'it has not been told yet')
  const next = await openPage()
  const waiting = await next.evaluate(async () => {
    await openShop()
    return { edit: await outcomeOf(() => shop.cart.add({ sku: 'B' }).durable), ...(await look()) }
  })
  assert.deepEqual([waiting.status, waiting.edit, waiting.cart], ['erasing', 'erased', []])
  link.expect()
  const done = await next.evaluate(async () => {
    await shop.erase()
    return leftovers()
  })
  assert.deepEqual(done, [])
  assert.deepEqual([await server.cart(), (await server.pull('orders')).length], [{}, 1])
})

erasure('a page that ends between the server\'s word and the deletion: the next visit deletes first', async ({ server, link, openPage, end }) => {
  const page = await openPage()
  link.expect()
  await page.evaluate(fill)
  await page.evaluate(async () => {
    // The deletion is asked for, and never begins.
    const asked = new Promise((resolve) => {
      IDBFactory.prototype.deleteDatabase = () => (resolve(), {})
    })
    void shop.erase()
    await asked
  })
  await end(page)
  assert.deepEqual(await server.cart(), {})
  const next = await openPage()
  link.shut()
  const found = await next.evaluate(async () => (await openShop(), look()))
  assert.deepEqual([found.cart, found.visits, found.orders, found.notes, found.status], [[], 0, 0, 0, 'stored'])
})

erasure('killed at any moment of an erasure, the device forgets nothing before the server does, and the wish goes on', async ({ server, link, openPage, end }) => {
  link.expect()
  for (const delay of [0, 2, 5, 10, 20, 40, 80, 160]) {
    const page = await openPage()
    await page.evaluate(fill)
    await page.evaluate(() => void shop.erase().catch(() => {}))
    await new Promise((resolve) => setTimeout(resolve, delay))
    await end(page)
    const before = await server.cart()
    const next = await openPage()
    const found = await next.evaluate(async () => {
      await openShop()
      // By now it may be over.
      return look().catch(() => ({ status: shop.storage.state.status, cart: [], notes: 0 }))
    })
    const where = `${delay} ms: ${JSON.stringify({ before, found })}`
    // Not stored yet, waiting for the server, or done.
    if (found.cart.length > 0) assert.ok(found.status === 'stored' && before.A, where)
    else if (found.status !== 'erasing') assert.deepEqual([await server.cart(), found.notes], [{}, 0], where)
    const left = await next.evaluate(async () => (await shop.erase(), leftovers()))
    assert.deepEqual([left, await server.cart()], [[], {}], where)
  }
})

erasure('an answer that was lost: erased once, and the wish goes on', async ({ server, link, openPage }) => {
  const page = await openPage()
  link.expect()
  await page.evaluate(fill)
  link.expect('dropResponse')
  const left = await page.evaluate(async () => {
    const erased = shop.erase()
    await until(() => shop.sync.state.status, (status) => status === 'offline')
    await shop.sync.now()
    await erased
    return leftovers()
  })
  assert.deepEqual([left, await server.cart()], [[], {}])
})

erasure('without a server, under a key, in two tabs: all goes at once', async ({ openPage }) => {
  const [page, other] = [await openPage(), await openPage()]
  const open = async () => {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(32).fill(7), 'AES-GCM', false, ['encrypt', 'decrypt'])
    await openShop({ key, sync: undefined })
    await shop.cart.add({ sku: 'A' }).durable
  }
  for (const tab of [page, other]) await tab.evaluate(open)
  const found = await page.evaluate(async () => {
    await shop.erase()
    return { seen, left: await leftovers(), edit: await outcomeOf(() => shop.cart.add({ sku: 'B' }).durable) }
  })
  assert.deepEqual(found, { seen: ['erased'], left: [], edit: 'erased' })
  await other.evaluate(() => until(() => seen.at(-1), (status) => status === 'erased'))
  assert.deepEqual(await other.evaluate(() => leftovers()), [])
})

erasure('a server that does not know the mutation: the wish is refused by name, and the shop goes on', async ({ server, link, openPage }) => {
  const page = await openPage()
  link.expect()
  await page.evaluate(fill)
  const found = await page.evaluate(async () => {
    // As an older server would answer: the request names a mutation that no server knows.
    const send = globalThis.fetch
    globalThis.fetch = (url, asked) => {
      const text = Array.from(asked.body, (byte) => String.fromCharCode(byte)).join('').replace('shopper.erase', 'shopper.other')
      return send(url, { ...asked, body: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) })
    }
    const code = await outcomeOf(() => shop.erase())
    await shop.cart.add({ sku: 'B' }).durable
    return { code, ...(await look()) }
  })
  assert.deepEqual([found.code, found.cart, found.status], ['unknown_mutation', ['A 2', 'B 1'], 'stored'])
  assert.ok((await server.cart()).A)
})

erasure('shared rows of the shop\'s own collections: the server and the other device have none, and what comes later is new', async ({ server, link, openPage }) => {
  const [page, other] = [await openPage(), await openPage()]
  const scopes = ['add-wins:wishes', 'last-writer:drafts', 'counter:points']
  const onServer = () => Promise.all(scopes.map(async (scope) => (await server.pull(scope)).length))
  link.expect()
  await page.evaluate(async () => {
    await openShop({ collections: shared })
    await shop.collection('wishes').putMany([{ id: 'w1' }, { id: 'w2' }]).durable
    await shop.collection('drafts').put({ id: 'd1' }).durable
    await shop.collection('points').add('p1', { count: 2 }).durable
    await shop.sync.now()
  })
  assert.deepEqual(await onServer(), [2, 1, 1])
  // A store of another name is another device.
  const before = await other.evaluate(async () => {
    await openShop({ name: 'elsewhere', collections: shared })
    await shop.sync.now()
    shop.sync.pause()
    return counts()
  })
  assert.deepEqual(before, [2, 1, 1])
  const left = await page.evaluate(async () => {
    await shop.erase()
    return (await leftovers()).filter((name) => !name.includes('elsewhere'))
  })
  assert.deepEqual([left, await onServer()], [[], [0, 0, 0]])
  const after = await other.evaluate(async () => {
    // Made before it heard of the erasure, and after that on the server: new.
    await shop.collection('drafts').put({ id: 'd2' }).durable
    await shop.collection('wishes').delete('w1').durable
    shop.sync.resume()
    await shop.sync.now()
    return counts()
  })
  assert.deepEqual([after, await onServer()], [[0, 1, 0], [0, 1, 0]])
})

// From here on: what runs in pages.

async function prepare({ url, token }) {
  const { open } = await import('/package/pannier.js')
  const scopes = ['cart', 'history', 'orders']
  /** The states that were told. */
  globalThis.seen = []
  globalThis.openShop = async (options = {}) => {
    const sync = { url, token: () => token, scopes, interval: 0 }
    globalThis.shop = await open({ name: 'erased', sync, collections: { notes: {} }, ...options })
    shop.on('storage', ({ status }) => status !== seen.at(-1) && seen.push(status))
  }
  globalThis.shared = { wishes: { merge: 'add-wins' }, drafts: { merge: 'last-writer' }, points: { merge: 'counter' } }
  globalThis.counts = () => Promise.all(Object.keys(shared).map((name) => shop.collection(name).count()))
  globalThis.look = async () => ({
    cart: (await shop.cart.read()).lines.map(({ sku, qty }) => `${sku} ${qty}`).sort(),
    visits: (await shop.history.recent()).length,
    orders: (await shop.orders.read()).length,
    notes: await shop.collection('notes').count(),
    status: shop.storage.state.status,
  })
  globalThis.outcomeOf = async (work) => {
    try {
      await work()
      return 'done'
    } catch ({ code, message }) {
      return code ?? message
    }
  }
  globalThis.leftovers = async () => [
    ...(await indexedDB.databases()).map(({ name }) => `${name} in IndexedDB`),
    ...Object.keys(localStorage),
    ...Object.keys(sessionStorage),
  ]
  globalThis.until = async (ask, holds) => {
    for (;;) {
      const answer = await ask()
      if (holds(answer)) return answer
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** What a shopper leaves, and all of it on the server. */
async function fill() {
  await openShop()
  await shop.cart.add({ sku: 'A', qty: 3 }).durable
  await shop.history.visit({ sku: 'A' }).durable
  await shop.collection('notes').put({ id: 1, text: 'mine' }).durable
  await shop.sync.now()
  const lines = [{ sku: 'A', qty: 1, price: 900, line: 'A' }]
  const { code } = await shop.orders.submit({ orderId: shop.orders.newId(), lines }).confirmed
  if (code !== 'created') throw new Error(code)
  await until(() => localStorage.getItem('pannier:erased'), (mark) => mark !== null)
  await shop.flush()
}
