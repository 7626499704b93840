// Signing in and out as the guide tells: each shopper's data apart on one device, nothing lost on the way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLink } from './link.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

/** A page of a shop with a visitor who has a cart, and what a second tab needs. */
function signing(name, work) {
  test(name, async () => {
    const server = await startServer()
    const link = await startLink(server.url)
    const origin = await site.origin()
    const visitor = await (await fetch(`${server.url}/v1/anonymous`, { method: 'POST' })).json()
    const pages = []
    const openPage = async () => {
      const page = await context.newPage()
      pages.push(page)
      await page.goto(origin)
      await page.evaluate(prepare, { url: link.url, token: server.token, visitor })
      return page
    }
    try {
      link.expect()
      const page = await openPage()
      await page.evaluate(() => browse())
      await work({ server, link, page, openPage })
    } finally {
      for (const page of pages) await page.close()
      await link.close()
      await server.close()
    }
  })
}

signing('in: the cart comes along with what was not sent, and the visitor\'s store goes; out: the shopper\'s goes', async ({ server, link, page, openPage }) => {
  link.shut()
  const offline = await page.evaluate(async () => {
    await shop.cart.add({ sku: 'UNSENT' }).durable
    globalThis.guest = shop
    shop = await guest.signIn(options('4711'), visitor)
    return { cart: await cart(), stores: await stores() }
  })
  assert.deepEqual(offline, { cart: ['UNSENT 1', 'VISITED 2'], stores: ['acme-4711', 'acme-visitor'] })
  link.expect()
  const online = await page.evaluate(async () => {
    await shop.sync.now()
    await until(() => guest.storage.state.status, (status) => status === 'erased')
    return { cart: await cart(), stores: await stores(), marks: Object.keys(localStorage).filter((mark) => mark.includes('visitor')) }
  })
  assert.deepEqual(online, { cart: ['UNSENT 1', 'VISITED 2'], stores: ['acme-4711'], marks: [] })
  assert.deepEqual(await server.cart(), { VISITED: 2, UNSENT: 1 })

  const other = await openPage()
  await other.evaluate(async () => (shop = await open(options('4711'))))
  const out = await page.evaluate(async () => {
    shop.cart.add({ sku: 'LAST' })
    const isDeleted = await shop.signOut()
    return { isDeleted, stores: await stores(), edit: await codeOf(() => shop.cart.add({ sku: 'B' }).durable) }
  })
  assert.deepEqual(out, { isDeleted: true, stores: [], edit: 'closed' })
  const told = await other.evaluate(async () => {
    await until(() => shop.storage.state.status, (status) => status === 'erased')
    return codeOf(() => shop.cart.add({ sku: 'B' }).durable)
  })
  assert.equal(told, 'erased')
  assert.deepEqual(await server.cart(), { VISITED: 2, UNSENT: 1, LAST: 1 }, 'the server keeps all')
  // The next one on this device sees nothing of it, and the shopper all.
  const apart = await page.evaluate(async () => {
    await browse({ add: false })
    const visitors = await cart()
    shop = await open(options('4711'))
    await shop.sync.now()
    return { visitors, shoppers: await cart() }
  })
  assert.deepEqual(apart, { visitors: [], shoppers: ['LAST 1', 'UNSENT 1', 'VISITED 2'] })
})

signing('out without a network: what was not sent stays, and goes on when the shopper returns', async ({ server, link, page }) => {
  const out = await page.evaluate(async () => {
    shop = await open(options('4711'))
    await shop.sync.now()
    shop.sync.pause()
    await shop.cart.add({ sku: 'UNSENT' }).durable
    const isDeleted = await shop.signOut()
    return { isDeleted, edit: await codeOf(() => shop.cart.add({ sku: 'B' }).durable), stores: await stores() }
  })
  assert.deepEqual(out, { isDeleted: false, edit: 'closed', stores: ['acme-4711', 'acme-visitor'] })
  const back = await page.evaluate(async () => {
    shop = await open(options('4711'))
    await shop.sync.now()
    return cart()
  })
  assert.deepEqual([back, await server.cart()], [['UNSENT 1'], { UNSENT: 1 }])
})

signing('a cart that the server does not merge stays the visitor\'s', async ({ page }) => {
  const found = await page.evaluate(async () => {
    globalThis.guest = shop
    shop = await guest.signIn(options('4711'), { ...visitor, token: 'another' })
    const outcome = await until(() => shop.outcomes.read(), (outcomes) => outcomes.length > 0)
    await shop.flush()
    return { code: outcome[0].code, status: guest.storage.state.status, lines: (await guest.cart.read()).count }
  })
  assert.deepEqual(found, { code: 'wrong_secret', status: 'stored', lines: 2 })
})

signing('in, in a worker: with the shopper\'s store the worker ends, the visitor\'s is gone by then', async ({ page }) => {
  const found = await page.evaluate(async () => {
    await shop.close()
    const { open } = await import('/package/worker.js')
    const ended = []
    const { Worker } = globalThis
    globalThis.Worker = class extends Worker {
      terminate() {
        ended.push('worker')
        super.terminate()
      }
    }
    const sync = { ...options('').sync, token: () => visitor.token }
    const guest = await open({ name: 'acme-visitor', sync })
    const erased = new Promise((resolve) => guest.on('storage', ({ status }) => status === 'erased' && resolve()))
    shop = await guest.signIn(options('4711'), visitor)
    await erased
    const lines = await cart()
    await shop.close()
    return { lines, ended }
  })
  assert.deepEqual(found, { lines: ['VISITED 2'], ended: ['worker'] })
})

signing('in, of a visitor without a server: the cart comes along, and the visitor\'s store stays', async ({ page }) => {
  const found = await page.evaluate(async () => {
    await shop.close()
    const unhandled = []
    addEventListener('unhandledrejection', ({ reason }) => unhandled.push(reason.code))
    const guest = await open({ name: 'alone' })
    await guest.cart.add({ sku: 'ALONE' }).durable
    const refused = await codeOf(() => guest.signIn(options('4711'), { ...visitor, token: 5 }))
    shop = await guest.signIn(options('4711'), visitor)
    await until(() => shop.outcomes.read(), (outcomes) => outcomes.length > 0)
    await shop.sync.now()
    const lines = await cart()
    await Promise.all([shop.close(), guest.close()])
    return { refused, lines, unhandled, stores: await stores() }
  })
  assert.deepEqual(found, {
    refused: 'bad_args',
    lines: ['ALONE 1', 'VISITED 2'],
    unhandled: [],
    stores: ['acme-4711', 'acme-visitor', 'alone'],
  })
})

signing('without a server nothing is thrown away by signing out', async ({ page }) => {
  const found = await page.evaluate(async () => {
    shop = await open({ name: 'alone' })
    await shop.cart.add({ sku: 'A' }).durable
    return [await codeOf(() => shop.signOut()), await cart()]
  })
  assert.deepEqual(found, ['not_synced', ['A 1']])
})

// From here on: what runs in pages.

async function prepare({ url, token, visitor }) {
  const { open } = await import('/package/pannier.js')
  Object.assign(globalThis, { open, visitor })
  globalThis.shop = undefined
  globalThis.options = (shopper) => ({ name: `acme-${shopper}`, sync: { url, token: () => token, scopes: ['cart'], interval: 0 } })
  /** A visitor who is not signed in. */
  globalThis.browse = async ({ add = true } = {}) => {
    const sync = { ...options('').sync, token: () => visitor.token }
    shop = await open({ name: 'acme-visitor', sync })
    if (!add) return
    await shop.cart.add({ sku: 'VISITED', qty: 2 }).durable
    await shop.sync.now()
  }
  globalThis.cart = async () => (await shop.cart.read()).lines.map(({ sku, qty }) => `${sku} ${qty}`).sort()
  globalThis.stores = async () =>
    (await indexedDB.databases()).map(({ name }) => name.replace('pannier:', '')).sort()
  globalThis.codeOf = async (work) => {
    try {
      await work()
      return 'done'
    } catch ({ code, message }) {
      return code ?? message
    }
  }
  globalThis.until = async (ask, holds) => {
    for (;;) {
      const answer = await ask()
      if (holds(answer)) return answer
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
