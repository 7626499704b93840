// Several tabs on one store: numbers without gaps, one that syncs at a time, two versions of a shop's code.
import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { ENGINE } from '../drive/index.mjs'
import { record } from './record.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

const TABS = 8
// Each tab executes all that is pending after each commit of another: fewer where that takes minutes.
const MUTATIONS = ENGINE === 'chromium' ? 1000 : 250

/** Pages of one origin, each with what tests need. */
async function openPages(count) {
  const origin = await site.origin()
  const pages = []
  for (let index = 0; index < count; index++) {
    const page = await context.newPage()
    await page.goto(origin)
    await page.evaluate(prepare)
    pages.push(page)
  }
  return pages
}

test(`${TABS} tabs write ${MUTATIONS} mutations each: every number once, none left out`, async (t) => {
  const server = await startServer()
  const link = await startCounter(server.url)
  const pages = await openPages(TABS)
  try {
    for (const page of pages) await page.evaluate(openPaused, { url: link.url, token: server.token })
    const start = performance.now()
    await Promise.all(pages.map((page, index) => page.evaluate(writeMany, { sku: `tab-${index}`, count: MUTATIONS })))
    t.diagnostic(`${TABS * MUTATIONS} mutations durable in ${((performance.now() - start) / 1000).toFixed(1)} s`)
    const seqs = await pages[0].evaluate(syncAll)
    assert.deepEqual(seqs, Array.from({ length: TABS * MUTATIONS }, (_, index) => index + 1))
    const expected = Object.fromEntries(pages.map((_, index) => [`tab-${index}`, MUTATIONS]))
    assert.deepEqual(await server.cart(), expected)
  } finally {
    for (const page of pages) await page.close()
    await link.close()
    await server.close()
  }
})

for (const locks of ['Web Locks', 'a lease in the store']) {
  test(`one tab syncs at a time, by ${locks}`, async () => {
    const server = await startServer()
    const link = await startCounter(server.url)
    const pages = await openPages(3)
    try {
      if (locks !== 'Web Locks') for (const page of pages) await page.evaluate(removeLocks)
      for (const page of pages) await page.evaluate(openPaused, { url: link.url, token: server.token })
      for (let round = 0; round < 4; round++) {
        await Promise.all(pages.map((page) => page.evaluate(editAndSync, 'A1')))
      }
      assert.deepEqual(await server.cart(), { A1: 12 })
      assert.ok(link.count() >= 12, `${link.count()} exchanges`)
      assert.equal(link.most(), 1, 'exchanges at one moment')
    } finally {
      for (const page of pages) await page.close()
      await link.close()
      await server.close()
    }
  })
}

test('a tab whose storage is stuck holds no other up', async () => {
  const server = await startServer()
  const [stuck, other] = await openPages(2)
  try {
    for (const page of [stuck, other]) await page.evaluate(openPaused, { url: `${server.url}/v1`, token: server.token })
    await stuck.evaluate(async () => {
      await shop.cart.add({ sku: 'A1' }).durable
      // From here on no commit of this tab succeeds, that of the answer neither.
      IDBDatabase.prototype.transaction = () => {
        throw new DOMException('made to fail', 'UnknownError')
      }
      shop.sync.resume()
      void shop.sync.now()
    })
    while ((await server.cart()).A1 === undefined);
    await other.evaluate(editAndSync, 'B1')
    assert.deepEqual(await server.cart(), { A1: 1, B1: 1 })
  } finally {
    for (const page of [stuck, other]) await page.close()
    await server.close()
  }
})

test('two versions of a shop are open at once: both read and write, and pending mutations stay', async () => {
  const [old, young] = await openPages(2)
  const versions = {
    old: { notes: {} },
    young: { notes: { indexes: { byText: ['text'] } }, wishes: { key: ['sku'] } },
  }
  await old.evaluate(openVersion, versions.old)
  await old.evaluate(async () => {
    await shop.cart.add({ sku: 'PENDING' }).durable
    await shop.collection('notes').put({ id: 'old', text: 'b' }).durable
  })
  await young.evaluate(openVersion, versions.young)
  await young.evaluate(async () => {
    await shop.collection('wishes').put({ sku: 'W1' }).durable
    await shop.collection('notes').put({ id: 'young', text: 'a' }).durable
  })
  // The old tab goes on, and what it writes is in the new one's index.
  await old.evaluate(() => shop.collection('notes').put({ id: 'older', text: 'c' }).durable)
  const seen = await old.evaluate(shows, 3)
  assert.deepEqual(seen.sort(), ['old', 'older', 'young'])
  const ordered = await young.evaluate(inOrder, 3)
  assert.deepEqual(ordered, ['young', 'old', 'older'])
  assert.deepEqual(await young.evaluate(() => [shop.sync.state.pending, states]), [1, []])
  assert.deepEqual(await old.evaluate(() => [shop.sync.state.pending, states]), [1, []])

  // A version that writes a format the old code cannot read: it is told, by name, and writes over nothing.
  await young.evaluate(() => shop.close())
  const number = await young.evaluate(addRecord, [...record(99, 0)])
  const told = await old.evaluate(editAfterNewer)
  assert.deepEqual(told, { code: 'newer_format', status: 'broken', told: ['broken'] })
  await young.evaluate(passOver, number)
  await young.evaluate(openVersion, versions.young)
  const left = await young.evaluate(async () => [shop.sync.state.pending, (await shop.cart.read()).lines.map(({ sku }) => sku)])
  assert.deepEqual(left, [1, ['PENDING']])
  await old.close()
  await young.close()
})

/** Passes exchanges on to a server a little later, and counts how many are under way at once. */
async function startCounter(target) {
  let [under, most, count] = [0, 0, 0]
  const server = createServer((incoming, outgoing) => {
    const isExchange = incoming.method === 'POST'
    if (isExchange) most = Math.max(most, ++under)
    if (isExchange) count++
    // For longer than two tabs need to begin.
    setTimeout(() => {
      const headers = { ...incoming.headers, host: new URL(target).host }
      const passed = httpRequest(new URL(incoming.url, target), { method: incoming.method, headers }, (response) => {
        if (isExchange) under--
        outgoing.writeHead(response.statusCode, response.headers)
        response.pipe(outgoing)
      })
      passed.once('error', () => outgoing.destroy())
      incoming.pipe(passed)
    }, 20)
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    most: () => most,
    count: () => count,
    close: () =>
      new Promise((done) => {
        server.close(done)
        server.closeAllConnections()
      }),
  }
}

test('a transaction whose segments another tab has dropped is done again', async () => {
  const pages = await openPages(1)
  const found = await pages[0].evaluate(async () => {
    const { open } = await import('/package/pannier.js')
    const options = { name: 'dropped', cacheBytes: 1 }
    const rows = (version) => Array.from({ length: 3000 }, (_, id) => ({ id: `p${id}`, version, text: 'x'.repeat(100) }))
    const other = await open(options)
    await other.catalog.putMany(rows(1)).durable
    await other.flush()
    const shop = await open(options)
    const seen = []
    const last = await shop.transaction(async ({ catalog }) => {
      seen.push((await catalog.get('p0')).version)
      if (seen.length === 1) {
        await other.catalog.putMany(rows(2)).durable
        await other.flush()
      }
      const { version } = await catalog.get('p2999')
      await catalog.put({ id: 'sum', version: 1, of: version })
      return version
    })
    const sum = await shop.catalog.get('sum')
    await Promise.all([shop.close(), other.close()])
    return { seen, last, of: sum?.of }
  })
  assert.deepEqual(found, { seen: [1, 2], last: 2, of: 2 })
  for (const page of pages) await page.close()
})

// From here on: what runs in pages.

async function prepare() {
  const { open } = await import('/package/pannier.js')
  globalThis.openShop = async (options) => {
    globalThis.shop = await open({ name: 'tabs', ...options })
    globalThis.states = []
    globalThis.outcomes = []
    shop.on('storage', ({ status }) => void states.push(status))
    shop.on('error', () => {})
    shop.on('outcome', ({ seq }) => void outcomes.push(seq))
  }
  globalThis.withLog = async (use) => {
    const request = indexedDB.open('pannier:tabs')
    const database = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)))
    const transaction = database.transaction('log', 'readwrite')
    const asked = use(transaction.objectStore('log'))
    await new Promise((resolve) => (transaction.oncomplete = resolve))
    database.close()
    return asked.result
  }
}

async function openPaused({ url, token }) {
  await openShop({ sync: { url, token: () => token, interval: 0 } })
  shop.sync.pause()
}

async function writeMany({ sku, count }) {
  const all = []
  for (let number = 0; number < count; number++) {
    all.push(shop.cart.add({ sku }).durable)
    // As a page would: a few at a time, in turns.
    if (number % 10 === 9) await new Promise((resolve) => setTimeout(resolve))
  }
  await Promise.all(all)
}

async function syncAll() {
  shop.sync.resume()
  do await shop.sync.now()
  while (shop.sync.state.pending > 0)
  return outcomes.sort((a, b) => a - b)
}

function removeLocks() {
  Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })
}

async function editAndSync(sku) {
  await shop.cart.add({ sku }).durable
  shop.sync.resume()
  do await shop.sync.now()
  while (shop.sync.state.pending > 0)
  shop.sync.pause()
}

async function openVersion(collections) {
  await openShop({ collections, sync: { url: 'http://127.0.0.1:1/v1', token: () => '', interval: 0 } })
  shop.sync.pause()
}

/** What another tab has written is shown a moment later. */
function shows(count) {
  return new Promise((resolve) => {
    shop.collection('notes').subscribe({}, ({ rows }) => rows.length === count && resolve(rows.map(({ id }) => id)))
  })
}

function inOrder(count) {
  return new Promise((resolve) => {
    const query = { index: 'byText' }
    shop.collection('notes').subscribe(query, ({ rows }) => rows.length === count && resolve(rows.map(({ id }) => id)))
  })
}

/** Gives the number under which the record was added. */
function addRecord(bytes) {
  return withLog((log) => log.add(new Uint8Array(bytes)))
}

/** Puts a record that readers pass over in the place of another: one that tells another number than it stands under. */
async function passOver(number) {
  const before = await withLog((log) => log.get(number - 1))
  await withLog((log) => log.put(before, number))
}

async function editAfterNewer() {
  const { code } = await shop.cart.add({ sku: 'LATE' }).durable.then(() => ({ code: 'durable' }), (error) => error)
  return { code, status: shop.storage.state.status, told: states }
}
