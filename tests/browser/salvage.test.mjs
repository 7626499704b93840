// A damaged store is taken down and set up anew: no edit that can be read is lost or done twice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLink } from './link.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

/** A test with a server, the way to it, and a page. */
function salvaging(name, work) {
  test(name, async () => {
    const server = await startServer()
    const link = await startLink(server.url)
    const page = await context.newPage()
    try {
      await page.goto(await site.origin())
      await page.evaluate(prepare, { url: link.url, token: server.token })
      await work({ server, link, page })
    } finally {
      await page.close()
      await link.close()
      await server.close()
    }
  })
}

salvaging('with a server: what was never sent and what has no answer is done once, the rest is pulled', async ({ server, link, page }) => {
  link.expect()
  await page.evaluate(async () => {
    globalThis.shop = await open(options())
    await shop.cart.add({ sku: 'SENT', qty: 2 }).durable
    await shop.sync.now()
  })
  link.expect('dropResponse')
  await page.evaluate(async () => {
    await shop.cart.add({ sku: 'UNANSWERED', qty: 3 }).durable
    await shop.sync.now().catch(() => {})
    shop.sync.pause()
  })
  link.shut()
  assert.deepEqual(await server.cart(), { SENT: 2, UNANSWERED: 3 })
  const before = await page.evaluate(async () => {
    await shop.cart.add({ sku: 'UNSENT', qty: 4 }).durable
    await shop.collection('wishes').put({ id: 'shared' }).durable
    await shop.collection('notes').put({ id: 'mine', at: new Date(5), many: 12n }).durable
    await shop.close()
    await damage()
    return [(await checkStore({ name: 'own' })).isSound, await codeOf(() => salvage({ ...options(), keep }))]
  })
  // Offline nothing is given up.
  assert.deepEqual(before, [false, 'network'])
  link.expect()
  const found = await page.evaluate(async () => {
    const { shop, outcomes, unread } = await salvage({ ...options(), keep })
    await shop.sync.now()
    const [note] = await shop.collection('notes').range()
    const wishes = (await shop.collection('wishes').range()).map(({ id }) => id)
    const lines = (await shop.cart.read()).lines.map(({ sku, qty }) => `${sku} ${qty}`).sort()
    const { isSound } = await shop.check()
    return { outcomes, unread, lines, wishes, note: [note.id, note.at.getTime(), `${note.many}`], isSound, kept: kept.length }
  })
  assert.deepEqual(found.outcomes, [
    { name: 'cart.add', status: 'applied', code: null },
    { name: 'cart.add', status: 'applied', code: null },
    { name: 'row.put', status: 'applied', code: null },
  ])
  assert.deepEqual([found.unread, found.isSound, found.kept], [0, true, 2])
  assert.deepEqual(found.lines, ['SENT 2', 'UNANSWERED 3', 'UNSENT 4'])
  assert.deepEqual([found.wishes, found.note], [['shared'], ['mine', 5, '12']])
  assert.deepEqual(await server.cart(), { SENT: 2, UNANSWERED: 3, UNSENT: 4 })
})

salvaging('without a server: the cart and the shop\'s own rows come along, and nothing is deleted that is not kept', async ({ page }) => {
  const found = await page.evaluate(async () => {
    const local = { ...options(), sync: undefined }
    const shop = await open(local)
    await shop.cart.add({ sku: 'A', qty: 2, options: { size: '42' } }).durable
    await shop.cart.add({ sku: 'B' }).durable
    await shop.cart.remove('B').durable
    await shop.collection('notes').put({ id: 'mine' }).durable
    await shop.close()
    await damage()
    const full = () => Promise.reject(Object.assign(new Error('no room'), { code: 'mine' }))
    const refused = await codeOf(() => salvage({ ...local, keep: full }))
    const { isSound } = await checkStore({ name: 'own' })
    const salvaged = await salvage({ ...local, keep })
    const lines = (await salvaged.shop.cart.read()).lines.map(({ sku, qty, options }) => [sku, qty, options?.size ?? null])
    return { refused, isSound, lines, notes: await salvaged.shop.collection('notes').count(), outcomes: salvaged.outcomes }
  })
  assert.deepEqual([found.refused, found.isSound], ['mine', false])
  assert.deepEqual([found.lines, found.notes, found.outcomes], [[['A', 2, '42']], 1, []])
})

salvaging('what another tab writes meanwhile is sent too, and then it goes on in the new store', async ({ server, link, page }) => {
  link.expect()
  const found = await page.evaluate(async () => {
    const other = await open(options())
    other.sync.pause()
    await other.cart.add({ sku: 'A' }).durable
    await damage(other)
    let keeps = 0
    const writing = async () => {
      if (keeps++ < 2) await other.cart.add({ sku: 'B' }).durable
    }
    const { shop, outcomes } = await salvage({ ...options(), keep: writing })
    await other.cart.add({ sku: 'C' }).durable
    await shop.sync.now()
    return { keeps, outcomes: outcomes.length, count: (await shop.cart.read()).count }
  })
  assert.deepEqual([found.keeps, found.outcomes, found.count], [3, 3, 4])
  assert.deepEqual(await server.cart(), { A: 1, B: 2, C: 1 })
})

salvaging('a cart that is not synced comes along, rows that nothing takes stop nothing, and nobody else gets the edits', async ({ server, link, page }) => {
  link.expect()
  const visitor = await (await fetch(`${server.url}/v1/anonymous`, { method: 'POST' })).json()
  const found = await page.evaluate(async (visitor) => {
    const local = { ...options(), sync: { ...options().sync, scopes: ['catalog'] } }
    const shop = await open(local)
    await shop.sync.now()
    shop.sync.pause()
    await shop.cart.add({ sku: 'A', qty: 2 }).durable
    await shop.collection('notes').putMany([{ id: 'mine', kind: 1 }, { id: 'other', kind: 1 }]).durable
    await shop.collection('wishes').put({ id: 'shared' }).durable
    await shop.close()
    await damage()
    // A rule that what is there breaks, as damaged rows would.
    const collections = { ...local.collections, notes: { indexes: { byKind: { fields: ['kind'], unique: true } } } }
    const refused = await codeOf(() => salvage({ ...local, sync: { ...local.sync, token: () => visitor }, keep }))
    const salvaged = await salvage({ ...local, collections, keep })
    const lines = (await salvaged.shop.cart.read()).lines.map(({ sku, qty }) => [sku, qty])
    const notes = await salvaged.shop.collection('notes').count()
    return { refused, lines, notes, unread: salvaged.unread, outcomes: salvaged.outcomes.map(({ status }) => status) }
  }, visitor.token)
  assert.deepEqual(found, { refused: 'principal_changed', lines: [['A', 2]], notes: 1, unread: 1, outcomes: ['applied'] })
})

salvaging('a sound store, and none, are opened as they are', async ({ page }) => {
  const found = await page.evaluate(async () => {
    const local = { ...options(), sync: undefined }
    const first = await salvage({ ...local, keep })
    await first.shop.cart.add({ sku: 'A' }).durable
    await first.shop.close()
    const second = await salvage({ ...local, keep })
    return { count: (await second.shop.cart.read()).count, kept: kept.length }
  })
  assert.deepEqual(found, { count: 1, kept: 0 })
})

// From here on: what runs in pages.

async function prepare({ url, token }) {
  const modules = ['package/pannier.js', 'package/check.js', 'package/salvage.js', 'pages/faults.mjs'].map((path) => import(`/${path}`))
  const [{ open }, { checkStore }, { salvage }, faults] = await Promise.all(modules)
  const tools = { open, checkStore, salvage, kept: [] }
  const collections = { wishes: { merge: 'last-writer' }, notes: {} }
  tools.options = () => ({ name: 'own', collections, sync: { url, token: () => token, scopes: ['cart'], interval: 0 } })
  tools.keep = (exported) => void tools.kept.push(exported)
  /** Flips a byte of every segment: of products, since there are many. */
  tools.damage = async (shop) => {
    const filled = shop ?? (await open({ name: 'own', collections }))
    await filled.catalog.putMany(Array.from({ length: 2000 }, (_, id) => ({ id: `${id}`, text: 'x'.repeat(100) }))).durable
    // What a shop has written itself it need not read.
    await (shop ? filled.flush() : filled.close())
    await faults.damage('own')
  }
  tools.codeOf = (work) => work().then(() => 'done', ({ code }) => code)
  Object.assign(globalThis, tools)
}
