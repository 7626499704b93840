// The facade over an engine that does what a test says: storage that fails, answers that never come.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** The engine's calls, each of which a test may replace. */
const ENGINE = `
  export class Engine {
    constructor(records, options, id, notify) {
      this.notify = notify
      this.tickets = 0
      globalThis.engine = this
      globalThis.opening?.(this) ?? notify(0, 0)
    }
    /** Any row of these collections may have changed. */
    changed(bits) { this.notify(3, bits, globalThis.encoded([bits])) }
    write(frame, kind) {
      this.changed(kind < 13 ? 2 : 8)
      return ++this.tickets
    }
    /** As the engine, which takes each for itself. */
    writeAll(writes) {
      const first = this.tickets + 1
      for (let at = 0; at < writes.length; ) {
        const [kind, collection] = [writes[at++], writes[at++]]
        const varint = () => {
          let value = 0
          for (let scale = 1; ; scale *= 128) {
            const byte = writes[at++]
            value += (byte % 128) * scale
            if (byte < 128) return value
          }
        }
        const [, id, length] = [varint(), varint(), varint()]
        at += id + length
        this.write(0, kind, collection, writes.slice(at - length, at))
      }
      return first
    }
    isUpkeepDue() { return false }
    used() {}
    collection() { return 3 }
    get() { return 0 }
    scan() { return 0 }
    resultAt() { return 0 }
    resultLength() { return 0 }
    pending() { return this.pendingCount ?? 0 }
    checkpoint() {}
    isIdle() { return true }
    idle() {}
    retry() {}
    offer() {}
    syncRequest() { return this.body ?? new Uint8Array(1) }
    syncResponse() { this.notify(5, 0) }
    settledSeq() {}
    free() { this.isFreed = true }
  }
  globalThis.wasmMemory = new Uint8Array(256)
  export const FAULT = -2
  export const loadLater = async () => {}
  export const loadWasm = async () => ({ buffer: globalThis.wasmMemory.buffer })
`
const fake = {
  name: 'engine',
  setup(bundle) {
    bundle.onResolve({ filter: /\/wasm\.ts$/ }, () => ({ path: 'engine', namespace: 'fake' }))
    bundle.onLoad({ filter: /.*/, namespace: 'fake' }, () => ({ contents: ENGINE }))
  },
}
const load = async (entry) => {
  const options = { entryPoints: [here(entry)], bundle: true, format: 'esm', write: false, plugins: [fake] }
  const bundle = await build({ ...options, define: { 'import.meta.url': '"file:///pannier.js"' } })
  return import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`)
}
const { open } = await load('../src/pannier.ts')
const codec = await load('../src/codec.ts')

/** Kinds of events, as they stand in `js/src/store.ts`. */
const DURABLE = 1
const SYNCED = 5
const FAILED = 9
const CORRUPT = 11

/** A kind of write, as it stands there. */
const PUT = 17

/** Bits of the collections that changed. */
const HISTORY = 1 << 2
const CATALOG = 1 << 3

let reported
beforeEach(() => {
  // How long the page waits before it asks again.
  mock.method(Math, 'random', () => 0.5)
  reported = []
  globalThis.reportError = (error) => void reported.push(error)
})
afterEach(() => {
  delete globalThis.opening
  delete globalThis.document
  delete globalThis.reportError
  mock.timers.reset()
  mock.restoreAll()
})

/** All that can go on without timers. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

function bytes(value) {
  const out = new codec.Encoder()
  codec.encode(value, out)
  return out.written().slice()
}
globalThis.encoded = bytes
const problem = (code) => bytes({ code, message: 'a test', place: null, number: null })
const openMemory = (sync) => open({ name: 'shop', store: 'memory', ...(sync && { sync }) })
const answer = () => new Response(new Uint8Array(1), { headers: { 'content-type': 'application/vnd.pannier.sync' } })

/** A shop with a server; its timers stand still until a test moves them. */
async function openSynced(options, fetched = async () => answer()) {
  mock.timers.enable({ apis: ['setTimeout'] })
  const { mock: calls } = mock.method(globalThis, 'fetch', fetched)
  const shop = await openMemory({ url: 'http://127.0.0.1:1', token: () => 'token', interval: 0, ...options })
  return { shop, calls }
}

async function tick(ms) {
  mock.timers.tick(ms)
  await settled()
}

test('a watcher that throws is reported, and the events after it still arrive', async () => {
  const shop = await openMemory()
  const seen = []
  shop.catalog.subscribe(() => {
    throw new Error('a bad watcher')
  })
  shop.catalog.subscribe(() => seen.push('changed'))
  engine.write = () => {
    engine.changed(CATALOG)
    engine.notify(DURABLE, 1)
    return 1
  }
  await shop.catalog.put({ id: 'A1' }).durable
  assert.deepEqual(seen, ['changed'])
  assert.deepEqual(reported.map(({ message }) => message), ['a bad watcher'])
})

test('an edit made in a callback delivers what is left of the events before its own', async () => {
  const shop = await openMemory()
  const seen = []
  shop.history.subscribe(() => {
    if (seen.push('history') === 1) shop.catalog.put({ id: 'A1' })
  })
  shop.catalog.subscribe(() => seen.push('catalog'))
  engine.write = (frame, kind) => {
    engine.changed(HISTORY)
    if (kind !== PUT) engine.changed(CATALOG)
    return ++engine.tickets
  }
  shop.history.visit({ sku: 'A1' })
  assert.deepEqual(seen, ['history', 'catalog', 'history'])
})

test('a corrupt store rejects all that waits, and all later calls, but closes', async () => {
  const shop = await openMemory()
  const errors = []
  shop.on('error', (error) => errors.push(error.code))
  engine.isIdle = () => false
  engine.get = () => -2
  const edit = shop.cart.add({ sku: 'A1' })
  const waiting = [edit.durable, shop.flush(), shop.catalog.get('A1')]
  const settling = Promise.allSettled(waiting)
  engine.notify(CORRUPT, 0, problem('corrupt'))
  for (const { reason } of await settling) assert.equal(reason?.code, 'corrupt')
  assert.deepEqual(errors, ['corrupt'])
  assert.throws(() => shop.cart.clear(), { code: 'corrupt' })
  await assert.rejects(shop.cart.read(), { code: 'corrupt' })
  await assert.rejects(shop.flush(), { code: 'corrupt' })
  await shop.close()
  assert.ok(engine.isFreed)
})

test('a round under way ends when the store is corrupt, and no other follows', async () => {
  const { shop, calls } = await openSynced()
  engine.syncResponse = () => engine.notify(CORRUPT, 0, problem('corrupt'))
  await shop.sync.now()
  assert.equal(shop.sync.state.status, 'error')
  assert.equal(shop.sync.state.error.code, 'corrupt')
  await tick(600_000)
  assert.equal(calls.callCount(), 1)
})

test('a cart subscriber that throws, and a read that fails, are not the last', async () => {
  const shop = await openMemory()
  let called = 0
  shop.cart.subscribe(() => {
    called++
    throw new Error('a bad subscriber')
  })
  await settled()
  engine.scan = () => {
    throw new Error('a bad read')
  }
  shop.cart.clear()
  await settled()
  // One line under its key: the cart is another than before.
  const line = Buffer.concat([bytes('A1'), bytes({ sku: 'A1', qty: 1 })])
  engine.scan = () => 1
  engine.resultLength = () => line.length
  wasmMemory.set(line)
  shop.cart.clear()
  await settled()
  assert.equal(called, 2)
  assert.deepEqual(reported.map(({ message }) => message), ['a bad subscriber', 'a bad read', 'a bad subscriber'])
})

test('a product that was replaced while it was read is not kept', async () => {
  const shop = await openMemory()
  const hold = (product) => {
    const row = bytes(product)
    wasmMemory.set(row)
    engine.resultLength = () => row.length
    return 1
  }
  engine.get = () => hold({ id: 'A1', price: 1 })
  const early = shop.catalog.get('A1')
  shop.catalog.put({ id: 'A1', price: 2 })
  assert.equal((await early).price, 1)
  engine.get = () => hold({ id: 'A1', price: 2 })
  assert.equal((await shop.catalog.get('A1')).price, 2)
  engine.get = () => assert.fail('a product that was read is kept')
  assert.equal((await shop.catalog.get('A1')).price, 2)
})

test('the same question has the same answer until the collection changes, and its rows are the same objects', async () => {
  const shop = await openMemory()
  const names = ['A1', 'B2', 'C3', 'D4', 'E5', 'F6']
  const stored = new Map(names.map((id) => [id, { id, price: 1 }]))
  const asked = []
  engine.scan = (frame, collection, index, bounds, limit, reverse, what) => {
    asked.push(what)
    const found = [...stored.values()].slice(0, limit)
    const values = found.flatMap((row) => (what === 2 ? [row.id] : [row.id, row]))
    const all = Buffer.concat(values.map((value) => bytes(value)))
    wasmMemory.set(all)
    engine.resultLength = () => all.length
    return found.length
  }
  const range = { limit: 6 }
  const first = await shop.catalog.range(range)
  assert.deepEqual([first.length, asked], [6, [1]])
  assert.equal(await shop.catalog.range(range), first, 'not asked again')
  assert.throws(() => first.push(1), TypeError)
  const fewer = await shop.catalog.range({ limit: 5 })
  assert.deepEqual(asked, [1, 2, 2], 'names alone where all rows are decoded')
  assert.ok(fewer.every((row, index) => row === first[index]))
  stored.set('B2', { id: 'B2', price: 2 })
  shop.catalog.put({ id: 'B2', price: 2 })
  const later = await shop.catalog.range(range)
  assert.deepEqual([asked.at(-1), later[1].price], [1, 2])
  // A row that is not known yet is found by the first names, or by the last.
  stored.set('G7', { id: 'G7', price: 7 })
  assert.equal((await shop.catalog.range({ limit: 7 })).at(-1).price, 7)
  assert.deepEqual(asked.slice(-3), [2, 2, 1])
})

test('what a caller does to a date or to bytes is seen by no other caller', async () => {
  const shop = await openMemory()
  const row = bytes({ id: 'A1', at: new Date(5), blob: new Uint8Array([1]), tags: [{ since: new Date(7) }], count: 2n })
  wasmMemory.set(row)
  engine.resultLength = () => row.length
  engine.get = () => 1
  for (let round = 0; round < 3; round++) {
    const product = await shop.catalog.get('A1')
    assert.deepEqual([product.at, product.blob, product.tags[0].since, product.count], [new Date(5), new Uint8Array([1]), new Date(7), 2n])
    product.at.setTime(0)
    product.blob[0] = 9
    product.tags[0].since.setTime(0)
    assert.throws(() => Object.assign(product, { at: 1 }), TypeError)
  }
  assert.deepEqual([...wasmMemory.subarray(0, row.length)], [...row])
})

test('an argument whose getter calls the store is encoded as it is', async () => {
  const shop = await openMemory()
  const stored = []
  engine.write = (frame, kind, collection, rows) => {
    stored.push(codec.decode(rows))
    return ++engine.tickets
  }
  const inner = { id: 'B2', text: 'x'.repeat(100) }
  const outer = { id: 'A1', get price() { return shop.catalog.put(inner), 5 } }
  shop.catalog.put(outer)
  await settled()
  assert.deepEqual(stored, [[inner], [{ id: 'A1', price: 5 }]])
})

test('closing twice is closing once, and what waits is rejected', async () => {
  const { shop } = await openSynced({ token: () => new Promise(() => {}) })
  const { confirmed } = shop.cart.add({ sku: 'A1' })
  engine.get = () => -2
  const read = assert.rejects(shop.catalog.get('A1'), { code: 'closed' })
  await Promise.all([shop.close(), shop.close()])
  await assert.rejects(confirmed, { code: 'closed' })
  await read
  assert.throws(() => shop.cart.clear(), { code: 'closed' })
})

test('closing ends although storage keeps failing', async () => {
  const shop = await openMemory()
  engine.isIdle = () => false
  const { durable } = shop.cart.add({ sku: 'A1' })
  const closing = assert.rejects(shop.close(), { code: 'quota' })
  await settled()
  engine.notify(FAILED, 0, problem('quota'))
  await closing
  assert.ok(engine.isFreed)
  await assert.rejects(durable, { code: 'closed' })
})

test('opening that fails lets the engine go, and is not tried again', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  globalThis.opening = (engine) => {
    engine.retry = () => assert.fail('tried again')
    engine.notify(FAILED, 0, problem('storage_unavailable'))
    return true
  }
  await assert.rejects(openMemory(), { code: 'storage_unavailable' })
  assert.ok(engine.isFreed)
  await tick(10_000)
})

test('without a server no promise of an outcome is kept, not even until the end', async () => {
  const shop = await openMemory()
  let ended = false
  const { confirmed } = shop.cart.add({ sku: 'A1' })
  confirmed.finally(() => (ended = true)).catch(() => {})
  await shop.close()
  await settled()
  assert.equal(ended, false)
})

test('a token that never comes is given up, and a pause does not wait for it', async () => {
  const { shop, calls } = await openSynced({ token: () => new Promise(() => {}) })
  const late = shop.sync.now()
  await tick(30_000)
  await late
  assert.equal(shop.sync.state.error.code, 'auth')
  const paused = shop.sync.now()
  shop.sync.pause()
  await paused
  assert.equal(shop.sync.state.status, 'offline')
  assert.equal(calls.callCount(), 0)
})

test('a token that cannot be had is an error of its own', async () => {
  const token = () => Promise.reject(new TypeError('no login'))
  const { shop } = await openSynced({ token })
  await shop.sync.now()
  const { status, error } = shop.sync.state
  assert.deepEqual([status, error.code], ['error', 'auth'])
  assert.match(error.message, /no login/)
})

test('pausing and resuming at once asks again at once', async () => {
  let hangs = true
  const { shop, calls } = await openSynced({}, (url, { signal }) => {
    if (!hangs) return Promise.resolve(answer())
    return new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const seen = []
  shop.on('sync', ({ status, error }) => seen.push(error?.message ?? status))
  const round = shop.sync.now()
  await settled()
  hangs = false
  shop.sync.pause()
  shop.sync.resume()
  await round
  assert.deepEqual(seen, ['syncing', 'offline', 'idle', 'syncing', 'idle'])
  assert.equal(calls.callCount(), 2)
})

test('an edit near the end of a round is sent soon, not at the interval', async () => {
  const { shop, calls } = await openSynced({ interval: 15_000 })
  engine.syncResponse = () => {
    engine.syncResponse = () => {
      engine.pendingCount = 0
      engine.notify(SYNCED, 0)
    }
    engine.pendingCount = 1
    shop.cart.clear()
    engine.notify(SYNCED, 0)
  }
  await shop.sync.now()
  await tick(20)
  assert.equal(calls.callCount(), 2)
})

test('a server that always has more and sends nothing is not asked without end', async () => {
  const { shop, calls } = await openSynced()
  engine.syncResponse = () => engine.notify(SYNCED, 1)
  const round = shop.sync.now()
  for (let trips = 0; trips < 10; trips++) {
    await settled()
    await tick(20)
  }
  await round
  assert.ok(calls.callCount() <= 4, `${calls.callCount()} requests`)
  const before = calls.callCount()
  await tick(1000)
  assert.equal(calls.callCount(), before + 1)
})

test('a hidden page does not pull at the interval, but sends its edits', async () => {
  const { shop, calls } = await openSynced({ interval: 15_000 })
  globalThis.document = { visibilityState: 'visible', removeEventListener() {} }
  await shop.sync.now()
  document.visibilityState = 'hidden'
  await tick(15_000)
  assert.equal(calls.callCount(), 1)
  shop.cart.clear()
  await tick(20)
  assert.equal(calls.callCount(), 2)
})
