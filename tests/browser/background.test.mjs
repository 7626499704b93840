// Background Sync: what was pending when the connection was lost goes out without a page.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { after, before, test } from 'node:test'
import { ENGINE } from '../drive/index.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

let server

before(async () => {
  server = await startServer()
})

after(() => server?.close())

/** The way to the server, which may be broken. */
async function startRoad() {
  const road = { isBroken: true }
  const http = createServer((incoming, outgoing) => {
    if (road.isBroken) return outgoing.destroy()
    const headers = { ...incoming.headers, host: new URL(server.url).host }
    const target = new URL(incoming.url, server.url)
    const passed = httpRequest(target, { method: incoming.method, headers }, (response) => {
      outgoing.writeHead(response.statusCode, response.headers)
      response.pipe(outgoing).once('finish', () => http.emit('passed', incoming.method))
    })
    incoming.pipe(passed)
  })
  await new Promise((done) => http.listen(0, '127.0.0.1', done))
  return Object.assign(road, {
    http,
    url: `http://127.0.0.1:${http.address().port}/v1`,
    close: () => (http.closeAllConnections(), new Promise((done) => http.close(done))),
  })
}

// The others have no Background Sync.
const skip = ENGINE !== 'chromium'

for (const [what, sku, secret] of [['', 'A1', ''], [', under a key too', 'B1', 'c2VjcmV0IG9mIDE2IGJ5dA==']]) test(`edits of a page that is gone are sent by the service worker${what}`, { skip }, async () => {
  const [origin, road] = [await site.origin(), await startRoad()]
  const place = `${origin}pages/empty.html`
  const asked = { url: road.url, token: server.token, secret, sku }
  const worker = `/pages/background-worker.mjs?${new URLSearchParams(asked)}`
  const page = await context.newPage()
  await page.goto(place)
  await page.evaluate(registerWorker, worker)
  const tags = await page.evaluate(editOffline, asked)
  assert.deepEqual(tags, ['pannier:away'])
  // Another page of the origin, without the shop, through which the browser is told.
  const other = await context.newPage()
  await other.goto(place)
  await page.close()
  assert.equal((await server.cart())[sku], undefined)
  const session = await context.newCDPSession(other)
  const registered = new Promise((done) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find(({ scopeURL }) => scopeURL.startsWith(origin))
      if (found) done(found.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  const registrationId = await registered
  road.isBroken = false
  const passed = once(road.http, 'passed')
  const event = { origin: origin.slice(0, -1), registrationId, tag: 'pannier:away', lastChance: false }
  await session.send('ServiceWorker.dispatchSyncEvent', event)
  await passed
  while ((await server.cart())[sku] === undefined);
  assert.equal((await server.cart())[sku], 2)
  // What the worker was told is in the store: the next page has nothing to send.
  const pending = await other.evaluate(openAgain, asked)
  assert.equal(pending, 0)
  await other.close()
  await road.close()
})

// From here on: what runs in pages.

async function registerWorker(address) {
  await navigator.serviceWorker.register(address, { type: 'module', scope: '/pages/' })
  await navigator.serviceWorker.ready
}

async function editOffline({ url, token, secret, sku }) {
  const { open } = await import('/package/pannier.js')
  const { keyOf } = await import('/pages/key.mjs')
  globalThis.shop = await open({ name: 'away', ...(await keyOf(secret)), sync: { url, token: () => token, interval: 0 } })
  await shop.cart.add({ sku, qty: 2 }).durable
  const { sync } = await navigator.serviceWorker.ready
  for (;;) {
    await shop.sync.now()
    const tags = await sync.getTags()
    if (tags.length > 0) return tags
  }
}

async function openAgain({ url, token, secret }) {
  const { open } = await import('/package/pannier.js')
  const { keyOf } = await import('/pages/key.mjs')
  const shop = await open({ name: 'away', ...(await keyOf(secret)), sync: { url, token: () => token, interval: 0 } })
  shop.sync.pause()
  const { pending } = shop.sync.state
  await shop.close()
  return pending
}
