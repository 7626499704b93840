// The server's catalogue from caches, in the product cache of a page.
import assert from 'node:assert/strict'
import { createServer, request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { ENGINE } from '../drive/index.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

const PIECE = 1000

// Driven, WebKitGTK asks a server again for what may be kept for ever.
const KEEPS = ENGINE !== 'webkit'

const product = (number, version) => ({ id: `P${String(number).padStart(5, '0')}`, title: `Cup ${number}`, price: 100 + version, stock: 5 })
const products = (count, version = 1) => Array.from({ length: count }, (_, number) => product(number, version))

/** A way to a server that notes what is asked for, under an address that outlives the server. */
async function startRoad(server) {
  const road = { server, asked: [], isBroken: () => false, proxy: () => undefined }
  const http = createServer((incoming, outgoing) => {
    const path = incoming.url.replace(/catalog\/[^/]*/, 'catalog/H')
    road.asked.push(path)
    if (road.isBroken(path)) return outgoing.destroy()
    const said = road.proxy(path)
    if (said !== undefined) return outgoing.writeHead(404, { 'access-control-allow-origin': '*' }).end(said)
    const headers = { ...incoming.headers, host: new URL(road.server.url).host }
    const passed = httpRequest(new URL(incoming.url, road.server.url), { method: incoming.method, headers }, (response) => {
      outgoing.writeHead(response.statusCode, response.headers)
      response.pipe(outgoing)
    })
    incoming.pipe(passed)
  })
  await new Promise((done) => http.listen(0, '127.0.0.1', done))
  return Object.assign(road, {
    url: `http://127.0.0.1:${http.address().port}/v1`,
    taken: () => road.asked.splice(0),
    close: () => (http.closeAllConnections(), new Promise((done) => http.close(done))),
  })
}

/** A page with a shop, whose catalogue `fill` fills. */
async function openPage(name) {
  const page = await context.newPage()
  await page.goto(await site.origin())
  await page.evaluate(openShop, name)
  return page
}

/** Works with a server of so many products, and the way to it. */
async function withServer(count, work) {
  const server = await startServer({ products: products(count) })
  const road = await startRoad(server)
  try {
    await work(road, server)
  } finally {
    await road.close()
    await server.close()
  }
}

test('a catalogue comes in pieces, with turns for the page, and another store has them from the browser', () =>
  withServer(2500, async (road) => {
    const page = await openPage('first')
    const told = await page.evaluate(fill, { url: road.url })
    assert.deepEqual(told.progress, [{ done: 1000, of: 2500 }, { done: 2000, of: 2500 }, { done: 2500, of: 2500 }])
    assert.deepEqual([told.came, told.count, told.last.title], [2500, 2500, 'Cup 2499'])
    assert.ok(told.turns > 10, `the page had ${told.turns} turns`)
    const all = ['/v1/catalog', '/v1/catalog/H/0', `/v1/catalog/H/${PIECE}`, `/v1/catalog/H/${2 * PIECE}`]
    assert.deepEqual(road.taken(), all)
    // What is there is not asked for again.
    const again = await page.evaluate(fill, { url: road.url })
    assert.deepEqual([again.came, again.count], [0, 2500])
    assert.deepEqual(road.taken().filter((path) => path !== '/v1/catalog'), ['/v1/catalog/H/2500'])
    // A full piece never changes: the browser keeps it, and tells what it kept to any page.
    const other = await openPage('second')
    const second = await other.evaluate(fill, { url: road.url })
    assert.deepEqual([second.came, second.count], [2500, 2500])
    const full = road.taken().filter((path) => path === '/v1/catalog/H/0' || path === '/v1/catalog/H/1000')
    if (KEEPS) assert.deepEqual(full, [])
    await other.close()
    await page.close()
  }))

test('what broke off goes on where it was, in another page, and only what changed comes later', () =>
  withServer(2500, async (road, server) => {
    let page = await openPage('broken')
    road.isBroken = (path) => path.endsWith('/1000')
    const broken = await page.evaluate(fill, { url: road.url })
    assert.deepEqual([broken.error, broken.count], ['network', 1000])
    await page.close()
    road.isBroken = () => false
    road.taken()
    page = await openPage('broken')
    const rest = await page.evaluate(fill, { url: road.url, endAt: 2000 })
    assert.deepEqual([rest.error, rest.count], ['ended by the page', 2000])
    const last = await page.evaluate(fill, { url: road.url })
    assert.deepEqual([last.came, last.count], [500, 2500])
    const taken = road.taken()
    if (KEEPS) assert.ok(!taken.includes('/v1/catalog/H/0'))
    await server.importProducts([product(7, 2), product(9000, 2)])
    const changed = await page.evaluate(fill, { url: road.url })
    assert.deepEqual([changed.came, changed.count, changed.last.id], [2, 2501, 'P09000'])
    assert.equal((await page.evaluate(read, 'P00007')).price, 102)
    await page.close()
  }))

test('another database takes the place of what the first one had, also where its versions are older', () =>
  withServer(1200, async (road, server) => {
    await server.importProducts(products(3, 2))
    const page = await openPage('restored')
    assert.equal((await page.evaluate(fill, { url: road.url })).count, 1200)
    const restored = await startServer({ products: products(2, 3) })
    road.server = restored
    const told = await page.evaluate(fill, { url: road.url })
    assert.deepEqual([told.count, told.last.price], [2, 103])
    await page.close()
    await restored.close()
  }))

test('what is no piece is told, and nothing is stored', () =>
  withServer(1, async (road) => {
    const page = await openPage('nothing')
    for (const [path, said] of [['/v1/catalog', '<html>'], ['/v1/catalog/H/0', '{"code": "not_found"}']]) {
      road.proxy = (asked) => (asked === path ? said : undefined)
      const told = await page.evaluate(fill, { url: road.url })
      assert.deepEqual([told.error, told.count], ['bad_answer', 0])
    }
    await page.close()
  }))

// From here on: what runs in pages.

async function openShop(name) {
  const { open } = await import('/package/pannier.js')
  window.shop = await open({ name, collections: { pieces: {} } })
}

async function fill({ url, endAt }) {
  const { fillCatalog } = await import('/package/pieces.js')
  const { shop } = window
  const told = { progress: [], turns: 0 }
  const ending = new AbortController()
  let isOver = false
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    told.turns++
    if (!isOver) port2.postMessage(0)
  }
  port2.postMessage(0)
  const progress = (progress) => {
    told.progress.push(progress)
    if (progress.done === endAt) ending.abort('ended by the page')
  }
  try {
    told.came = await fillCatalog(shop, { url, collection: 'pieces', signal: ending.signal, progress })
  } catch (error) {
    told.error = error.code ?? error
  }
  isOver = true
  const last = (await shop.catalog.range({ reverse: true, limit: 1 }))[0]
  return { ...told, count: await shop.catalog.count(), last }
}

function read(id) {
  return window.shop.catalog.get(id)
}
