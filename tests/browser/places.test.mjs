// The package in a window and in every kind of worker, all on one store.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { context, site } from './stage.mjs'

let page

before(async () => {
  page = await context.newPage()
  await page.goto(await site.origin())
  await page.evaluate(openWindow)
})

for (const place of ['window', 'dedicated', 'shared', 'service']) {
  test(`${place}: writes reach the page's live queries, and what it stored is read after it reopened`, async () => {
    const found = await page.evaluate(writeFrom, place)
    assert.deepEqual(found.told, { cart: true, product: [{ id: place, category: 'places', price: 1 }] })
    assert.deepEqual(found.read, found.expected)
    assert.deepEqual(found.product, { id: place, category: 'places', price: 1 })
  })
}

// From here on: what runs in the page.

async function openWindow() {
  const { open } = await import('/package/pannier.js')
  globalThis.shop = await open({ name: 'places' })
}

/** A function that has a place do things, by name. */
async function writeFrom(place) {
  const reach = {
    window: async () => {
      const frame = document.body.appendChild(document.createElement('iframe'))
      frame.src = '/pages/place.html'
      await new Promise((resolve) => (frame.onload = resolve))
      return (data, ports) => frame.contentWindow.postMessage(data, '*', ports)
    },
    dedicated: async () => {
      const worker = new Worker('/pages/place.mjs', { type: 'module' })
      return (data, ports) => worker.postMessage(data, ports)
    },
    shared: async () => {
      const { port } = new SharedWorker('/pages/place.mjs', { type: 'module' })
      return (data, ports) => port.postMessage(data, ports)
    },
    service: async () => {
      await navigator.serviceWorker.register('/pages/place.mjs', { type: 'module', scope: '/pages/' })
      const { active, installing, waiting } = await navigator.serviceWorker.getRegistration('/pages/')
      const worker = active ?? waiting ?? installing
      await new Promise((resolve) => {
        const look = () => worker.state === 'activated' && resolve()
        worker.onstatechange = look
        look()
      })
      return (data, ports) => worker.postMessage(data, ports)
    },
  }
  const post = await reach[place]()
  const ask = (...data) =>
    new Promise((resolve, reject) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data.value))
      post(data, [port2])
    })
  await ask('open')
  const inCart = new Promise((resolve) => {
    shop.cart.subscribe(({ lines }) => lines.some(({ sku }) => sku === place) && resolve(true))
  })
  const inCatalog = new Promise((resolve) => {
    shop.catalog.subscribe({ key: place }, ({ rows }) => rows.length > 0 && resolve(rows))
  })
  await ask('add', place)
  await ask('put', place)
  const told = { cart: await inCart, product: await inCatalog }
  await ask('close')
  await ask('open')
  const [read, product] = [await ask('read'), await ask('get', place)]
  await ask('close')
  const { lines } = await shop.cart.read()
  return { told, read, product, expected: lines.map(({ sku, qty }) => [sku, qty]).sort() }
}
