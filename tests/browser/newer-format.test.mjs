// A store that a newer version of the package has written to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'
import { record } from './record.mjs'

test('a newer format is refused by name, and nothing is written over it', async () => {
  const [context, site] = await Promise.all([launch(), makeSite()])
  try {
    const page = await context.newPage()
    await page.goto(await site.origin())
    const found = await page.evaluate(newer, [...record(3, 99)])
    assert.equal(found.code, 'newer_format')
    assert.match(found.message, /format version 3.*newer/)
    assert.deepEqual(found.after, found.before)
    assert.ok(found.before > 1)
  } finally {
    await context.close()
    await site.close()
  }
})

/** Runs in the page: a store is made, gets a record of another version, and is opened again. */
async function newer(bytes) {
  const { open } = await import('/package/pannier.js')
  const shop = await open({ name: 'newer' })
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.close()
  const request = indexedDB.open('pannier:newer')
  const database = await new Promise((resolve) => (request.onsuccess = () => resolve(request.result)))
  const inLog = (use) =>
    new Promise((resolve) => {
      const transaction = database.transaction('log', 'readwrite')
      const asked = use(transaction.objectStore('log'))
      transaction.oncomplete = () => resolve(asked.result)
    })
  await inLog((log) => log.add(new Uint8Array(bytes)))
  const before = await inLog((log) => log.count())
  const { code, message } = await open({ name: 'newer' }).then(() => ({ code: 'opened' }), (error) => error)
  return { code, message, before, after: await inLog((log) => log.count()) }
}
