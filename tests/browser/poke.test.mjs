// Pokes: what one device does shows on another that does not ask, by one stream over all of its tabs.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ENGINE, startPannierd } from '../drive/index.mjs'
import { context, site } from './stage.mjs'

const PANNIERD = process.env.PANNIERD ?? fileURLToPath(new URL('../../target/release/pannierd', import.meta.url))

/** Nobody polls within a test. */
const NEVER_MS = 3_600_000

/** What shows by a poke takes some round trips on the loopback; a poll would take an hour. */
const SHOWN_MS_MAX = 10_000

let folder, db, server, token, admin

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pannier-poke-'))
  db = join(folder, 'shop.db')
  server = await startPannierd({ db })
  const sign = async (...args) => (await promisify(execFile)(PANNIERD, ['token', '--db', db, ...args])).stdout.trim()
  token = await sign('--shopper', 'ada')
  admin = await sign('--admin')
})

after(async () => {
  await server?.kill()
  await rm(folder, { recursive: true, force: true })
})

/** Streams that the server has open now. */
async function streams() {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${admin}` } })
  return Number(/^pannierd_streams (\d+)$/m.exec(await response.text())[1])
}

/**
 * The way of one device to the server. It counts exchanges, and tells the status of each answer to a poke's address;
 * `answer` may answer it instead.
 */
async function startRelay(answer = () => false) {
  const events = new EventEmitter()
  const relay = { exchanges: 0, pokes: [], open: 0 }
  const http = createServer((incoming, outgoing) => {
    const isPoke = incoming.url.startsWith('/v1/poke')
    if (incoming.method === 'POST') relay.exchanges++
    if (isPoke && incoming.method === 'GET' && answer(outgoing)) return told(404)
    const headers = { ...incoming.headers, host: new URL(server.url).host }
    const passed = httpRequest(new URL(incoming.url, server.url), { method: incoming.method, headers }, (response) => {
      outgoing.writeHead(response.statusCode, response.headers)
      outgoing.flushHeaders()
      response.pipe(outgoing)
      // A server that dies takes the connection with it.
      response.once('error', () => outgoing.destroy())
      if (isPoke && incoming.method === 'GET') told(response.statusCode)
    })
    passed.once('error', () => outgoing.destroy())
    outgoing.once('close', () => passed.destroy())
    incoming.pipe(passed)
  })
  const told = (status) => {
    relay.pokes.push(status)
    events.emit('poke')
  }
  await new Promise((done) => http.listen(0, '127.0.0.1', done))
  return Object.assign(relay, {
    url: `http://127.0.0.1:${http.address().port}/v1`,
    /** Resolves when the address of pokes has been answered so often. */
    async answered(times) {
      while (relay.pokes.length < times) await once(events, 'poke')
    },
    close: () =>
      new Promise((done) => {
        http.close(done)
        http.closeAllConnections()
      }),
  })
}

/** A device: an origin of its own, so a storage of its own, with a way to the server. */
async function startDevice(interval, answer) {
  const [origin, relay] = [await site.origin(), await startRelay(answer)]
  const pages = []
  return {
    relay,
    pages,
    /** Opens a tab, and resolves when it has synced. */
    async tab(tokens = [token]) {
      const page = await context.newPage()
      pages.push(page)
      await page.goto(origin)
      await page.evaluate(openShop, { url: relay.url, tokens, interval })
      return page
    },
    async close() {
      for (const page of pages) await page.close()
      await relay.close()
    },
  }
}

/** Adds a line on one device; resolves with the milliseconds from its confirmation until all `pages` have shown it. */
async function shown(from, pages, sku) {
  const shows = Promise.all(pages.map((page) => page.evaluate(showing, sku)))
  await from.evaluate((sku) => shop.cart.add({ sku }).confirmed, sku)
  const start = performance.now()
  await shows
  return performance.now() - start
}

test('an edit on one device shows on another without a poll, and costs each one exchange', async (t) => {
  const [ours, theirs] = [await startDevice(NEVER_MS), await startDevice(NEVER_MS)]
  try {
    const [here, there] = [await ours.tab(), await theirs.tab()]
    await Promise.all([ours.relay.answered(1), theirs.relay.answered(1)])
    assert.equal(await streams(), 2)
    const ms = await shown(here, [there], 'A1')
    t.diagnostic(`shown after ${ms.toFixed(0)} ms`)
    assert.ok(ms < SHOWN_MS_MAX, `${ms} ms`)
    // An echo of the first edit would stand before this in the stream.
    await shown(there, [here], 'A2')
    // The first one, one when the stream opened, the edit, the poke.
    assert.ok(ours.relay.exchanges <= 4, `${ours.relay.exchanges} exchanges`)
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
})

test('many tabs have one stream, and when its tab is killed another takes over', async () => {
  const [ours, theirs] = [await startDevice(NEVER_MS), await startDevice(0)]
  try {
    const first = await ours.tab()
    await ours.relay.answered(1)
    const others = [await ours.tab(), await ours.tab(), await ours.tab()]
    assert.deepEqual(await first.evaluate(waiting, 3), [1, 3])
    assert.deepEqual([ours.relay.pokes, await streams()], [[200], 1])
    const there = await theirs.tab()
    await shown(there, [first, ...others], 'B1')
    await context.crash(first)
    ours.pages.shift()
    await ours.relay.answered(2)
    await shown(there, others, 'B2')
    assert.deepEqual(ours.relay.pokes, [200, 200])
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
})

test('a server that starts again is heard again, and what moved meanwhile is pulled', async () => {
  const [ours, theirs] = [await startDevice(NEVER_MS), await startDevice(0)]
  try {
    const [here, there] = [await ours.tab(), await theirs.tab()]
    await ours.relay.answered(1)
    const { port } = new URL(server.url)
    await server.kill()
    server = await startPannierd({ db, port })
    const shows = here.evaluate(showing, 'C1')
    await there.evaluate(() => shop.cart.add({ sku: 'C1' }).confirmed)
    await shows
    await shown(there, [here], 'C2')
    assert.equal(ours.relay.pokes.at(-1), 200)
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
})

test('a server without pokes is polled, and asked for them once', async () => {
  const missing = (outgoing) => outgoing.writeHead(404, { 'access-control-allow-origin': '*' }).end('nothing here')
  const [ours, theirs] = [await startDevice(100, missing), await startDevice(0)]
  try {
    const [here, there] = [await ours.tab(), await theirs.tab()]
    await ours.relay.answered(1)
    await shown(there, [here], 'D1')
    await shown(there, [here], 'D2')
    assert.deepEqual(ours.relay.pokes, [404])
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
})

test('behind a proxy that holds back what the server says there are polls', async () => {
  // It answers, and says nothing.
  const buffer = (outgoing) => {
    outgoing.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'text/event-stream' })
    outgoing.flushHeaders()
    return true
  }
  const [ours, theirs] = [await startDevice(100, buffer), await startDevice(0)]
  try {
    const [here, there] = [await ours.tab(), await theirs.tab()]
    await ours.relay.answered(1)
    await shown(there, [here], 'E1')
    await shown(there, [here], 'E2')
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
})

test('a stream whose token has run out gets another', async () => {
  const [ours, theirs] = [await startDevice(NEVER_MS), await startDevice(0)]
  try {
    // The first exchange's, the stream's, and what there is from then on.
    const [here, there] = [await ours.tab([token, 'run out', token]), await theirs.tab()]
    await ours.relay.answered(2)
    assert.deepEqual(ours.relay.pokes, [401, 200])
    await shown(there, [here], 'F1')
  } finally {
    await Promise.all([ours.close(), theirs.close()])
  }
})

test('who pauses hears nothing, and closing ends the stream', async () => {
  const ours = await startDevice(NEVER_MS)
  try {
    const page = await ours.tab()
    await ours.relay.answered(1)
    assert.equal(await streams(), 1)
    await page.evaluate(() => shop.sync.pause())
    while ((await streams()) > 0);
    await page.evaluate(() => shop.sync.resume())
    await ours.relay.answered(2)
    await page.evaluate(() => shop.close())
    while ((await streams()) > 0);
  } finally {
    await ours.close()
  }
})

// From here on: what runs in pages.

async function openShop({ url, tokens, interval }) {
  const { open } = await import('/package/pannier.js')
  const token = () => (tokens.length > 1 ? tokens.shift() : tokens[0])
  globalThis.shop = await open({ name: 'poke', sync: { url, token, interval } })
  await shop.sync.now()
}

/** Resolves when a line shows. */
function showing(sku) {
  return new Promise((resolve) => {
    const stop = shop.cart.subscribe(({ lines }) => {
      if (!lines.some((line) => line.sku === sku)) return
      resolve()
      queueMicrotask(() => stop())
    })
  })
}

/** How many tabs have the stream's lock and wait for it, once so many wait. */
async function waiting(count) {
  for (;;) {
    const { held, pending } = await navigator.locks.query()
    const of = (locks) => locks.filter(({ name }) => name === 'pannier-poke:poke').length
    if (of(pending) >= count) return [of(held), of(pending)]
  }
}
