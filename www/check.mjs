// Walks through the shop as a shopper does, on a phone and on a desktop, and asks the server
// independently whether it holds what the page shows. `cargo xtask demo --check` runs it with
// PANNIER_URL (the shop) and PANNIER_OUT (a folder for pictures).
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from '../tests/drive/index.mjs'
import { choose, lineKey } from './check/goods.mjs'
import * as on from './check/page.mjs'
import { anonymousToken, serverCart, serverProducts } from './check/server.mjs'
import { equal, step, until } from './check/steps.mjs'

// Without motion, so that no picture shows something half faded in.
const SIZES = {
  phone: {
    reducedMotion: 'reduce',
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  },
  desktop: { reducedMotion: 'reduce', viewport: { width: 1280, height: 800 } },
}
const PAGE = 24 // Products the list shows at first.

const url = process.env.PANNIER_URL
const out = process.env.PANNIER_OUT
if (!url || !out) {
  console.log('FAILED start: set PANNIER_URL to the shop and PANNIER_OUT to a folder for pictures')
  process.exit(1)
}
mkdirSync(out, { recursive: true })

/** One walk: `walk.goods` says what to buy, `walk.cart` what the cart must hold. */
class Walk {
  constructor(size, context, goods) {
    Object.assign(this, { size, context, goods, page: context.pages()[0], cart: {}, errors: [] })
    this.page.on('pageerror', (error) => this.errors.push(error.message))
  }

  step(what, run) {
    return step(this.size, what, () => run())
  }

  picture(name) {
    return this.page.screenshot({ path: join(out, `${this.size}-${name}.png`) })
  }

  async token() {
    return this.page.evaluate(() => JSON.parse(localStorage.getItem('pannier-shop-identity')).token)
  }

  /** The server must come to hold what the walk expects. */
  async serverHolds() {
    const token = await this.token()
    await until(() => serverCart(url, token), this.cart, 'the server’s cart')
  }
}

async function arrive(walk) {
  const { page, goods } = walk
  await walk.step('the shop opens and fetches the catalogue', async () => {
    await page.goto(url)
    await page.waitForSelector('.tiles .tile')
    await walk.picture('home')
  })
  await walk.step('a category is listed by price', async () => {
    await page.goto(new URL(`/c/${encodeURIComponent(goods.category.name).replaceAll('.', '%2E')}`, url).href)
    await page.waitForSelector('.results .card')
    const shown = await listed(page)
    equal(
      shown.map(({ price }) => price),
      goods.category.members.slice(0, PAGE).map(({ price }) => price),
      'prices listed',
    )
    await walk.picture('list')
    return `${shown.length} of ${goods.category.members.length} products of ${goods.category.name}`
  })
  await walk.step('the price filter keeps exactly what is within it', () => filter(walk))
}

const listed = (page) =>
  page.$$eval('.results .card', (cards) =>
    cards.map((card) => ({ id: card.dataset.sku, price: Number(card.dataset.price) })),
  )

async function filter({ page, goods }) {
  const { members } = goods.category
  const max = members[Math.floor(members.length / 4)].price
  const wanted = members.filter(({ price }) => price <= max)
  const digits = new Intl.NumberFormat('en', { style: 'currency', currency: members[0].currency }).resolvedOptions()
    .maximumFractionDigits
  await page.fill('.filter [name="max"]', (max / 10 ** digits).toFixed(digits))
  const first = wanted
    .slice(0, PAGE)
    .map(({ id }) => id)
    .sort()
  await page.waitForFunction((count) => document.querySelectorAll('.results .card').length === count, first.length)
  const shown = await listed(page)
  if (wanted.length <= PAGE) equal(shown.map(({ id }) => id).sort(), first, 'products within the price')
  if (shown.some(({ price }) => price > max)) throw new Error(`a product above ${max} is shown`)
  return `${wanted.length} products up to ${max}`
}

async function buy(walk) {
  const { page, goods, cart } = walk
  await walk.step('two of a product go into the cart and are confirmed', async () => {
    await on.openProduct(page, goods.first.id)
    await walk.picture('product')
    await on.addToCart(page, 2)
    cart[lineKey(goods.first)] = 2
    await on.openCart(page)
    await on.cartShows(page, cart)
    await walk.serverHolds()
    await on.allSent(page)
  })
  await walk.step('more than there is in stock: the outcome says so in words', async () => {
    const { stock } = goods.short
    await on.openProduct(page, goods.short.id)
    await on.addToCart(page, stock + 2)
    const toast = page.locator('.toast-outcome')
    await toast.waitFor()
    const text = await toast.locator('p').innerText()
    if (!text.includes(`You asked for ${stock + 2}, ${stock} ${stock === 1 ? 'is' : 'are'} in stock`))
      throw new Error(`the message is "${text}"`)
    await walk.picture('outcome')
    await on.closeToasts(page)
    cart[lineKey(goods.short)] = stock
    await walk.serverHolds()
    return text.replaceAll(/[\u2068\u2069]/g, '')
  })
}

async function offline(walk) {
  const { page, context, goods, cart } = walk
  await walk.step('the connection is cut and the page says so', async () => {
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
    await context.setOffline(true)
    await on.connection(page, 'offline')
    await page.waitForSelector('.banner')
  })
  await walk.step('a second product is added without a connection', async () => {
    const response = await on.openProduct(page, goods.second.id)
    if (!response.fromServiceWorker()) throw new Error('the page did not come from the service worker')
    await on.addToCart(page, 3)
    cart[lineKey(goods.second)] = 3
    await on.openCart(page)
    await on.cartShows(page, cart)
  })
  await walk.step('a quantity is changed and a line removed without a connection', async () => {
    await on.setQty(page, lineKey(goods.first), 5)
    await on.removeLine(page, lineKey(goods.short))
    cart[lineKey(goods.first)] = 5
    delete cart[lineKey(goods.short)]
    await on.cartShows(page, cart)
    await on.waiting(page, 3)
    await on.closeToasts(page)
    await walk.picture('offline')
  })
  await walk.step('the page is reloaded from its service worker and shows the cart', async () => {
    const response = await page.reload()
    if (!response.fromServiceWorker()) throw new Error('the page did not come from the service worker')
    await on.cartShows(page, cart)
    await on.waiting(page, 3)
  })
}

async function online(walk) {
  const { page, context, goods, cart } = walk
  await walk.step('the connection is back: all is sent, and the server holds what the page shows', async () => {
    await context.setOffline(false)
    await on.allSent(page)
    equal(await on.cartShown(page), cart, 'the page’s cart')
    equal(await serverCart(url, await walk.token()), cart, 'the server’s cart')
    await walk.picture('cart')
    return JSON.stringify(cart)
  })
  await walk.step('the shop’s own switch holds edits back and lets them go', async () => {
    await page.click('[role="switch"]')
    await on.connection(page, 'paused')
    await on.setQty(page, lineKey(goods.second), 4)
    await on.waiting(page, 1)
    equal(await serverCart(url, await walk.token()), cart, 'the server’s cart while switched off')
    cart[lineKey(goods.second)] = 4
    await page.click('[role="switch"]')
    await on.allSent(page)
    await on.cartShows(page, cart)
    await walk.serverHolds()
  })
}

async function dark(walk) {
  const { page, goods } = walk
  await walk.step('dark mode', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await walk.picture('cart-dark')
    await on.openProduct(page, goods.third.id)
    await walk.picture('product-dark')
    await page.goto(url)
    await page.waitForSelector('.tiles .tile')
    await walk.picture('home-dark')
  })
  await walk.step('no page threw an error or is wider than the screen', async () => {
    equal(walk.errors, [], 'errors')
    const [page_px, screen_px] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth])
    if (page_px > screen_px) throw new Error(`the page is ${page_px} px wide on a screen of ${screen_px}`)
  })
}

async function walkThrough(size, goods) {
  const context = await launch(SIZES[size])
  try {
    const walk = new Walk(size, context, goods)
    for (const part of [arrive, buy, offline, online, dark]) await part(walk)
  } finally {
    await context.close()
  }
}

try {
  let goods
  await step('server', 'products for the walk', async () => {
    const products = await serverProducts(url, await anonymousToken(url))
    goods = choose(products)
    return `${products.length} products`
  })
  for (const size of Object.keys(SIZES)) await walkThrough(size, goods)
  console.log(`ok pictures are in ${out}`)
} catch {
  // The step that failed has said so.
  process.exitCode = 1
}
