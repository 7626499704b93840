// Streams of pokes over time: when one counts as dead, when the next is tried, and when none is. The clock, chance, locks
// and the network are the test's; tests/browser/poke.test.mjs has real ones.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = fileURLToPath(new URL('../src/poke.ts', import.meta.url))
const bundle = await build({ entryPoints: [source], bundle: true, format: 'esm', write: false })
const { listen } = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`
)

const SSE = { 'content-type': 'text/event-stream' }
const real = { fetch: globalThis.fetch, navigator: Object.getOwnPropertyDescriptor(globalThis, 'navigator') }
let turn

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const locks = { request: async (_name, _options, work) => work() }
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true })
})

afterEach(() => {
  turn()
  mock.timers.reset()
  globalThis.fetch = real.fetch
  delete globalThis.navigator
  delete globalThis.document
  delete globalThis.addEventListener
  if (real.navigator !== undefined) Object.defineProperty(globalThis, 'navigator', real.navigator)
})

/** All that follows from what has happened, without the clock. */
const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function tick(ms) {
  mock.timers.tick(ms)
  await settled()
}

/** A tab whose streams are answered by `answer(number)`. What a stream says goes through `say`. */
async function tab(answer) {
  const told = { tokens: 0, asked: [], poked: 0, heard: 0, say: undefined, end: undefined, waits: [] }
  globalThis.fetch = async (url, { signal }) => {
    told.asked.push(url)
    const given = answer(told.asked.length)
    if (given instanceof Response) return given
    if (given === null) throw new TypeError('failed to fetch')
    const body = new ReadableStream({
      start(controller) {
        told.say = (text) => controller.enqueue(new TextEncoder().encode(text))
        told.end = () => controller.close()
        signal.addEventListener('abort', () => controller.error(signal.reason))
      },
    })
    return new Response(body, { headers: SSE })
  }
  turn = listen({
    name: 'shop',
    url: 'http://shop/v1',
    heard: () => told.heard++,
    poked: () => told.poked++,
    // Protocol, schema, an epoch of two bytes, the client.
    body: () => new Uint8Array([1, 1, 1, 0x80, 1, ...Array(16).fill(0xab), 9, 9]),
    token: async () => `token ${told.tokens++}`,
    backOffMs: (failures, response) => {
      told.waits.push([failures, response?.status])
      return 1000
    },
  })
  await settled()
  return told
}

test('a stream that falls silent is dead, and another is opened', async () => {
  const told = await tab(() => 'stream')
  assert.deepEqual(told.asked, [`http://shop/v1/poke?client=${'ab'.repeat(16)}`])
  told.say(':\n\n')
  await settled()
  await tick(39_999)
  told.say(':\n\n')
  await settled()
  await tick(39_999)
  assert.deepEqual([told.asked.length, told.heard], [1, 2])
  await tick(1)
  await tick(1000)
  assert.equal(told.asked.length, 2)
  // What moved meanwhile is asked for with each stream.
  assert.equal(told.poked, 2)
})

test('an event counts once, however it is cut; comments count as none', async () => {
  const told = await tab(() => 'stream')
  for (const piece of [':\n\nevent: po', 'ke\ndata: cart', '\n', '\n:\n\n', 'event:poke\r\ndata: *\r\n\r\n', ':\n\n']) {
    told.say(piece)
    await settled()
  }
  assert.equal(told.poked, 1 + 2)
})

test('three streams that never say anything are the last', async () => {
  const told = await tab(() => 'stream')
  for (let number = 1; number <= 3; number++) {
    assert.equal(told.asked.length, number)
    await tick(40_000)
    await tick(1000)
  }
  await tick(3_600_000)
  assert.equal(told.asked.length, 3)
})

for (const [what, answer] of [
  ['has no such address', () => new Response('', { status: 404 })],
  ['answers with its page', () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } })],
]) {
  test(`a server that ${what} is asked once`, async () => {
    const told = await tab(answer)
    await tick(3_600_000)
    assert.deepEqual([told.asked.length, told.poked], [1, 0])
  })
}

test('a token that has run out is asked for anew with the next try', async () => {
  const told = await tab((number) => (number === 1 ? new Response('', { status: 401 }) : 'stream'))
  await tick(1000)
  assert.deepEqual([told.asked.length, told.tokens, told.poked], [2, 2, 1])
})

test('failures in a row are counted, and what the server says of the wait is passed on', async () => {
  const told = await tab((number) => [null, new Response('', { status: 503 }), 'stream', null][number - 1])
  await tick(1000)
  await tick(1000)
  told.say(':\n\n')
  await settled()
  told.end()
  await settled()
  await tick(1000)
  assert.deepEqual(told.waits, [[0, undefined], [1, 503], [0, 200], [1, undefined]])
})

test('a page that is hidden for a minute leaves the stream, and takes it again when it is seen', async () => {
  globalThis.document = { visibilityState: 'visible' }
  const listeners = new Map()
  globalThis.addEventListener = (name, listener) => listeners.set(name, listener)
  const told = await tab(() => 'stream')
  const hide = (state) => {
    globalThis.document.visibilityState = state
    listeners.get('visibilitychange')()
  }
  const pass = async (ms) => {
    await tick(ms)
    told.say(':\n\n')
    await settled()
  }
  hide('hidden')
  await pass(30_000)
  await pass(29_999)
  hide('visible')
  hide('hidden')
  await pass(30_000)
  await pass(29_999)
  assert.equal(told.asked.length, 1)
  await tick(1)
  hide('visible')
  await settled()
  assert.equal(told.asked.length, 2)
})
