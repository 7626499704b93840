// When the page asks the server again: after failures, as the server asks, and with another token. The clock, chance,
// the network and the engine are the test's.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const CODE = `export { Syncer } from './sync.ts'; export { PannierError } from './errors.ts'`
const resolveDir = fileURLToPath(new URL('../src', import.meta.url))
const options = { bundle: true, format: 'esm', write: false, external: ['./storage.js', './poke.js'] }
const bundle = await build({ ...options, stdin: { contents: CODE, resolveDir, loader: 'ts' } })
const { Syncer, PannierError } = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`
)

const SYNC = { 'content-type': 'application/vnd.pannier.sync' }
const refusal = (code, afterMs = 0) => (syncer) => syncer.refused(new PannierError(code, code), afterMs)
const DONE = (syncer) => syncer.synced(false)

const real = { fetch: globalThis.fetch, navigator: Object.getOwnPropertyDescriptor(globalThis, 'navigator') }
let syncer

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  // One tab alone, of a browser that claims to be online whatever happens.
  Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true })
})

afterEach(() => {
  syncer.stop()
  mock.timers.reset()
  mock.restoreAll()
  globalThis.fetch = real.fetch
  delete globalThis.navigator
  if (real.navigator !== undefined) Object.defineProperty(globalThis, 'navigator', real.navigator)
})

/** All that follows from what has happened, without the clock. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function tick(ms) {
  mock.timers.tick(ms)
  await settled()
}

/**
 * A page with the server's answers: a function is what the engine makes of a sync answer, a Response is one that is
 * none, and null a connection that breaks. After them all is well. `sent` gets the tokens of the requests.
 */
function page(answers, tokens = ['one']) {
  const sent = []
  const asked = []
  let take
  const store = {
    pending: 1,
    syncRequest: () => new Uint8Array(1),
    syncResponse: () => take(syncer),
  }
  globalThis.fetch = async (_url, { headers }) => {
    sent.push(headers.authorization.replace('Bearer ', ''))
    const answer = answers.length > 0 ? answers.shift() : DONE
    if (answer === null) throw new TypeError('failed to fetch')
    if (answer instanceof Response) return answer
    take = answer
    if (answer === DONE) store.pending = 0
    return new Response('', { headers: SYNC })
  }
  const token = async () => {
    asked.push(Date.now())
    return tokens.length > 1 ? tokens.shift() : tokens[0]
  }
  syncer = new Syncer(store, { name: 'shop', isShared: () => true }, { url: 'http://shop/v1', token, interval: 0 }, () => {})
  return { sent, asked, store }
}

/** That the next request leaves after exactly so long. */
async function leavesAfter(sent, ms) {
  const before = sent.length
  if (ms > 1) await tick(ms - 1)
  assert.equal(sent.length, before, `a request before ${ms} ms`)
  await tick(1)
  assert.equal(sent.length, before + 1, `no request after ${ms} ms`)
}

test('the wait after failures is a random part of a time that doubles up to a minute', async () => {
  let part = 0.5
  mock.method(Math, 'random', () => part)
  const { sent } = page(Array(10).fill(null))
  await tick(0)
  for (const seconds of [1, 2, 4, 8, 16, 32, 60]) await leavesAfter(sent, seconds * 500)
  // Each wait is drawn anew, and this one when the request before it fails.
  part = 0.25
  await leavesAfter(sent, 30_000)
  await leavesAfter(sent, 15_000)
})

test('a failed request means offline, whatever the browser says, and the next success ends it', async () => {
  mock.method(Math, 'random', () => 0.5)
  const { sent } = page([null])
  await tick(0)
  assert.equal(syncer.state.status, 'offline')
  assert.equal(syncer.state.pending, 1)
  await leavesAfter(sent, 500)
  assert.deepEqual(syncer.state, { status: 'idle', pending: 0, lastSyncAt: Date.now(), error: null })
})

test('an edit does not cut a wait short', async () => {
  mock.method(Math, 'random', () => 0.5)
  const { sent } = page([null])
  await tick(0)
  syncer.edited()
  await leavesAfter(sent, 500)
})

test('the server and what stands before it may ask for a longer wait', async () => {
  mock.method(Math, 'random', () => 0.5)
  const busy = new Response('busy', { status: 503, headers: { 'retry-after': '7' } })
  const { sent } = page([refusal('retry', 5000), busy, refusal('retry', 1)])
  await tick(0)
  await leavesAfter(sent, 5000)
  await leavesAfter(sent, 7000)
  // Shorter than the page's own wait, which has doubled twice.
  await leavesAfter(sent, 2000)
})

test('a wait until a time is measured by the clock of who asks for it, and bounded', async () => {
  mock.method(Math, 'random', () => 0.5)
  const until = (text, headers) => new Response('busy', { status: 503, headers: { 'retry-after': text, ...headers } })
  const date = 'Wed, 21 Oct 2026 07:28:00 GMT'
  const past = until('Wed, 21 Oct 2026 07:27:00 GMT', { date })
  const { sent } = page([until('Wed, 21 Oct 2026 07:28:09 GMT', { date }), past, until('in a while'), refusal('retry', 2 ** 40)])
  await tick(0)
  await leavesAfter(sent, 9000)
  await leavesAfter(sent, 1000)
  await leavesAfter(sent, 2000)
  await leavesAfter(sent, 3_600_000)
})

test('a refused token is asked for anew, and another is sent at once', async () => {
  const { sent } = page([refusal('auth')], ['old', 'new'])
  await tick(0)
  assert.deepEqual(sent, ['old', 'new'])
  assert.equal(syncer.state.status, 'idle')
  assert.equal(syncer.state.pending, 0)
})

test('the same token again is not sent at once, and what is pending waits for another', async () => {
  mock.method(Math, 'random', () => 0.5)
  const { sent, asked } = page([refusal('auth')], ['old', 'old', 'new'])
  await tick(0)
  assert.deepEqual([sent, asked.length], [['old'], 2])
  assert.equal(syncer.state.error.code, 'auth')
  assert.equal(syncer.state.pending, 1)
  await leavesAfter(sent, 500)
  assert.deepEqual(sent, ['old', 'new'])
  assert.equal(syncer.state.pending, 0)
})

test('two tokens refused in a row wait like any failure', async () => {
  mock.method(Math, 'random', () => 0.5)
  const { sent } = page([refusal('auth'), refusal('auth')], ['a', 'b', 'c'])
  await tick(0)
  assert.deepEqual(sent, ['a', 'b'])
  await leavesAfter(sent, 500)
  assert.deepEqual(sent, ['a', 'b', 'c'])
})
