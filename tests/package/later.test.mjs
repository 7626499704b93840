// What few pages need is a wasm of its own, loaded when it is first called for.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { shopFolder } from './package.mjs'

const folder = join(await shopFolder('later'), 'node_modules/pannier')
const [columns, later] = ['columns', 'later'].map(name => readFileSync(join(folder, `pannier_${name}.wasm`)))
let pages = 0

/** As a page of its own opens it: the wasm is loaded once a page. */
async function openShop(laterWasm) {
  const { open } = await import(`${pathToFileURL(join(folder, 'pannier.js'))}?${pages++}`)
  return open({ name: 'acme', store: 'memory', wasm: columns, laterWasm })
}

/** A source of bytes that tells how often it was asked, and fails as often as it is told to. */
function source(bytes, failures = 0) {
  const asked = { count: 0 }
  class Asked extends Response {
    async arrayBuffer() {
      asked.count++
      if (failures-- > 0) throw new TypeError('no network')
      return new Uint8Array(bytes).buffer
    }
  }
  return [new Asked(), asked]
}

test('cart, history and catalog load nothing more; a coupon, a snapshot and a count do, once', async () => {
  const [laterWasm, asked] = source(later)
  const shop = await openShop(laterWasm)
  await shop.cart.add({ sku: 'A1', qty: 2 }).durable
  await shop.history.visit({ sku: 'A1' }).durable
  await shop.catalog.putMany([{ id: 'A1', price: 1999 }]).durable
  await shop.cart.setQty('A1', 3).durable
  await shop.flush()
  assert.equal((await shop.cart.read()).lines[0].qty, 3)
  assert.equal(asked.count, 0)
  await shop.cart.redeem('SPRING').durable
  const snapshot = await shop.snapshot()
  await shop.cart.clear().durable
  assert.equal((await snapshot.cart.read()).lines[0].qty, 3)
  snapshot.release()
  assert.equal(await shop.catalog.count(), 1)
  assert.deepEqual((await shop.cart.read()).coupons.map(({ code }) => code), ['SPRING'])
  assert.equal(asked.count, 1)
  await shop.close()
})

test('where it cannot be loaded a write waits, a read fails by name, and both do when it can', async () => {
  const [laterWasm] = source(later, 2)
  const shop = await openShop(laterWasm)
  const errors = []
  shop.on('error', error => errors.push(error.code))
  const redeemed = shop.cart.redeem('SPRING')
  await assert.rejects(shop.snapshot(), { name: 'PannierError', code: 'code' })
  await redeemed.durable
  assert.ok(errors.length > 0 && errors.every(code => code === 'code'), errors.join())
  const snapshot = await shop.snapshot()
  assert.deepEqual((await snapshot.cart.read()).coupons.map(({ code }) => code), ['SPRING'])
  await shop.close()
})

for (const [what, begin] of [
  ['what is no edit', shop => shop.outcomes.acknowledge()],
  ['an edit that waits for it', shop => shop.cart.clear()],
]) {
  test(`${what} holds up no edit behind it where it cannot be loaded`, async () => {
    const [laterWasm] = source(later, Infinity)
    const shop = await openShop(laterWasm)
    const held = begin(shop)
    const added = shop.cart.add({ sku: 'A1' })
    await assert.rejects(held.durable, { name: 'PannierError', code: 'code' })
    await added.durable
    assert.equal((await shop.cart.read()).count, 1)
    await shop.close()
  })
}

test('what storage is said to be when it could not be loaded is over once it is', async () => {
  const [laterWasm] = source(later, 1)
  const shop = await openShop(laterWasm)
  await assert.rejects(shop.snapshot(), { code: 'code' })
  const failing = shop.storage.state.status
  const snapshot = await shop.snapshot()
  assert.deepEqual([failing, shop.storage.state.status], ['failing', 'memory'])
  snapshot.release()
  await shop.close()
})

test('that of another build does not link, instead of working on memory that it does not know', async () => {
  const other = Buffer.from(later)
  // The build is part of the name of what it imports.
  const at = other.indexOf('first\x08') + 'first\x08'.length
  assert.match(other.toString('latin1', at, at + 8), /^[0-9a-f]{8}$/)
  other[at] = other[at] === 0x30 ? 0x31 : 0x30
  const shop = await openShop(other)
  await shop.cart.add({ sku: 'A1' }).durable
  await assert.rejects(shop.snapshot(), { name: 'PannierError', code: 'code' })
  assert.equal((await shop.cart.read()).lines.length, 1)
  await shop.close()
})
