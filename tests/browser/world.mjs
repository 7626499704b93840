import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startLink } from './link.mjs'

const PANNIERD = process.env.PANNIERD ?? fileURLToPath(new URL('../../target/release/pannierd', import.meta.url))

// What one tab does may show in another a moment later. Far above any wait seen.
const SHOW_MS_MAX = 10_000

/** Devices, tabs and a `pannierd`, in which a case of a scenario is run. */
export class World {
  #devices = new Map()
  #context
  #site
  #server
  #db

  constructor({ context, site, server, db }) {
    this.#context = context
    this.#site = site
    this.#server = server
    this.#db = db
  }

  async run(devices, { steps, end }) {
    for (const [name, shopper] of Object.entries(devices)) {
      const token = await this.#token(shopper)
      const [origin, link] = await Promise.all([this.#site.origin(), startLink(this.#server.url)])
      this.#devices.set(name, { shopper, token, origin, link, tabs: new Map(), outcomes: new Map() })
      await this.#open(name)
    }
    for (const [index, step] of steps.entries()) {
      await this.#step(step).catch((error) => {
        error.message = `step ${index + 1}, ${JSON.stringify(step)}: ${error.message}`
        throw error
      })
    }
    await this.#end(end)
  }

  async close() {
    for (const { tabs, link } of this.#devices.values()) {
      for (const page of tabs.values()) await page.close()
      await link.close()
    }
  }

  /** From now on the device's requests are another shopper's. */
  async #login(on, shopper) {
    const device = this.#device(on)
    Object.assign(device, { shopper, token: await this.#token(shopper) })
    for (const page of device.tabs.values()) await page.evaluate((token) => void (globalThis.token = token), device.token)
  }

  async #token(shopper) {
    const { stdout } = await promisify(execFile)(PANNIERD, ['token', '--db', this.#db, '--shopper', shopper])
    return stdout.trim()
  }

  #device(on) {
    return this.#devices.get(on.split('.')[0])
  }

  #page(on) {
    return this.#device(on).tabs.get(on)
  }

  async #open(on) {
    const { origin, link, token, tabs } = this.#device(on)
    const page = await this.#context.newPage()
    await page.goto(origin)
    await page.evaluate(openShop, { url: link.url, token })
    tabs.set(on, page)
  }

  async #step(step) {
    const { on } = step
    switch (step.do) {
      case 'edit':
        return this.#page(on).evaluate(edit, step)
      case 'claim':
        return this.#page(on).evaluate(edit, await this.#claim(step))
      case 'together': {
        const all = await Promise.all(step.edits.map((one) => (one.do === 'claim' ? this.#claim(one) : one)))
        return Promise.all(all.map((one, index) => this.#page(step.edits[index].on).evaluate(edit, one)))
      }
      case 'sync':
        return assert.equal(await this.#sync(on, step.fault), step.error ?? null, 'how the sync ended')
      case 'offline':
      case 'online':
        this.#device(on).link.offline = step.do === 'offline'
        return
      case 'open':
        return this.#open(on)
      case 'login':
        return this.#login(on, step.shopper)
      case 'kill':
        return this.#kill(on, step.at)
      case 'expect':
        return shows(this.#page(on), { cart: step.cart ?? {}, orders: step.orders ?? {}, pending: step.pending ?? 0 })
      default:
        throw new Error(`no browser does ${step.do}`)
    }
  }

  /** The edit that claims what an anonymous shopper's page shows. */
  async #claim({ from, policy, secret }) {
    const { shopper, token } = this.#device(from)
    const lines = await this.#page(from).evaluate(() => shop.cart.handOver())
    return { name: 'cart.claim', args: { shopper, token: secret ?? token, lines, policy } }
  }

  async #sync(on, fault) {
    const { link } = this.#device(on)
    link.expect(fault)
    const ended = await this.#page(on).evaluate(sync)
    link.shut()
    return ended
  }

  async #kill(on, at) {
    const { link, tabs } = this.#device(on)
    const page = tabs.get(on)
    if (at === 'inFlight') {
      link.expect('stall')
      await page.evaluate(() => {
        shop.sync.resume()
        void shop.sync.now()
      })
      await link.stalled
      link.shut()
    }
    await this.#hear(on)
    // A crash runs none of the page's handlers for leaving, as a close would.
    await this.#context.crash(page)
    tabs.delete(on)
  }

  /** Notes the outcomes that a page was told so far. */
  async #hear(on) {
    const { outcomes } = this.#device(on)
    for (const outcome of await this.#page(on).evaluate(() => told)) outcomes.set(outcome.seq, outcome)
  }

  async #end({ server, devices, outcomes = {}, executed }) {
    const nothing = { cart: {}, history: [], orders: {} }
    for (const shopper of new Set([...this.#devices.values()].map((device) => device.shopper))) {
      const found = await this.#pull(shopper)
      assertHoldings(found, { ...nothing, ...server[shopper] }, `${shopper} on the server`)
    }
    let told = 0
    for (const [name, { tabs, link, outcomes: heard }] of this.#devices) {
      const expected = { ...nothing, pending: 0, ...devices[name] }
      for (const [on, page] of tabs) {
        await shows(page, expected)
        await this.#hear(on)
      }
      const list = [...heard.values()].sort((a, b) => a.seq - b.seq)
      const plain = list.map(({ name, status, code, detail }) => ({ name, status, code, detail }))
      assert.deepEqual(plain, unrolled(outcomes[name] ?? []), `outcomes told on ${name}`)
      for (const lastSeq of link.lastSeqs.values()) told += lastSeq
    }
    assert.equal(told, executed, 'mutations executed')
  }

  /** What a device that was never there would pull. */
  async #pull(shopper) {
    const scopes = ['cart', 'history', 'orders'].map((name) => ({ name }))
    const response = await fetch(`${this.#server.url}/v1/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await this.#token(shopper)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ protocol: 1, schema: 1, client: idOf(shopper), scopes }),
    })
    const { ok } = await response.json()
    const [cart, visits, orders] = ok.scopes.map(({ changes }) => changes.flatMap((change) => change.put ?? []))
    const live = cart.filter(({ value }) => value.removed !== true)
    return {
      cart: Object.fromEntries(live.map(({ key, value }) => [key, value])),
      history: visits.filter(({ value }) => value.cut === undefined).map(({ value }) => value.sku).sort(),
      orders: Object.fromEntries(orders.map(({ key, value }) => [key, value])),
    }
  }
}

/** Of a client that only pulls: one has one shopper for ever. */
function idOf(shopper) {
  return Buffer.from(shopper).toString('hex').padEnd(32, 'e').slice(0, 32)
}

function unrolled(outcomes) {
  return outcomes.flatMap(({ times = 1, code = null, ...rest }) => Array(times).fill({ code, ...rest }))
}

/** Waits until a page shows what is expected; else tells what it shows. */
async function shows(page, expected) {
  const deadline = Date.now() + SHOW_MS_MAX
  for (;;) {
    const found = await page.evaluate(() => look())
    try {
      return assertHoldings(found, expected, 'the page')
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
    await page.evaluate(nextChange, { seen: JSON.stringify(found), waitMs: deadline - Date.now() })
  }
}

function assertHoldings(found, expected, where) {
  for (const [field, value] of Object.entries(expected)) {
    if (field === 'cart' || field === 'orders') assertRows(found[field], value, `${field} of ${where}`)
    else if (field === 'catalog') assertRows(pick(found.catalog, Object.keys(value)), value, `catalog of ${where}`)
    else assert.deepEqual(found[field], value, `${field} of ${where}`)
  }
}

function pick(found, keys) {
  return Object.fromEntries(keys.map((key) => [key, found[key] ?? {}]))
}

function assertRows(found, expected, where) {
  const picked = Object.fromEntries(
    Object.entries(found).map(([key, line]) => {
      const wanted = expected[key]
      if (typeof wanted !== 'object') return [key, line.qty]
      return [key, Object.fromEntries(Object.keys(wanted).map((field) => [field, line[field]]))]
    }),
  )
  assert.deepEqual(picked, expected, where)
}

// From here on: what runs in pages.

async function openShop({ url, token }) {
  const { open } = await import('/package/pannier.js')
  const scopes = ['cart', 'history', 'catalog', 'orders']
  globalThis.token = token
  const sync = { url, token: () => globalThis.token, scopes, interval: 0 }
  globalThis.shop = await open({ name: 'scenario', sync })
  // Before its first timer runs: it syncs when a step says so.
  shop.sync.pause()
  globalThis.told = []
  shop.on('outcome', (outcome) => void told.push(outcome))
  globalThis.look = async () => {
    const { lines } = await shop.cart.read()
    const visits = await shop.history.recent({ limit: 1000 })
    return {
      cart: Object.fromEntries(lines.map((line) => [line.line, line])),
      history: visits.map((visit) => visit.sku).sort(),
      orders: Object.fromEntries((await shop.orders.read()).map((order) => [order.orderId, order])),
      catalog: Object.fromEntries((await shop.catalog.range({ limit: 1000 })).map((product) => [product.id, product])),
      pending: shop.sync.state.pending,
    }
  }
}

async function edit({ name, args = {}, times = 1 }) {
  const edits = {
    'cart.add': () => shop.cart.add(args),
    'cart.adjust': () => shop.cart.adjust(args.line, args.by),
    'cart.setQty': () => shop.cart.setQty(args.line, args.to),
    'cart.remove': () => shop.cart.remove(args.line),
    'cart.clear': () => shop.cart.clear(),
    'cart.claim': () => shop.cart.claim(args, args),
    'history.visit': () => shop.history.visit(args),
    'order.submit': () => shop.orders.submit(args),
  }
  const all = Array.from({ length: times }, () => edits[name]().durable)
  await Promise.all(all)
}

/** Resolves to null, `network`, or the code of the error with which the sync ended. */
async function sync() {
  shop.sync.resume()
  await shop.sync.now()
  const { error, status } = shop.sync.state
  shop.sync.pause()
  if (error === null) return null
  return status === 'offline' ? 'network' : error.code
}

/** Waits until the page shows something else than `seen`, and at most `waitMs`. */
function nextChange({ seen, waitMs }) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stops.forEach((stop) => stop())
      resolve()
    }
    const compare = () => void look().then((found) => JSON.stringify(found) !== seen && done())
    const timer = setTimeout(done, Math.max(waitMs, 0))
    // The cart calls back at once too: so a change since `seen` is not waited for.
    const stops = [shop.cart.subscribe(compare), shop.on('sync', compare), shop.on('outcome', compare)]
  })
}
