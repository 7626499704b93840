// A store that a newer version of the package has written to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { launch } from '../drive/index.mjs'
import { makeSite } from './package.mjs'

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

/** A log record of another version: its checksum, then what that version may mean by the rest. */
function record(version, rest) {
  const content = Buffer.from([version, rest, 0, 0])
  const bytes = Buffer.alloc(12)
  bytes.writeBigUInt64LE(checksum(content))
  content.copy(bytes, 8)
  return bytes
}

/** XXH64 with seed 0 of four bytes: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
function checksum(bytes) {
  const [one, two, three, five] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x27d4eb2f165667c5n]
  const wrap = (value) => BigInt.asUintN(64, value)
  let sum = wrap(five + 4n)
  sum ^= wrap(BigInt(bytes.readUInt32LE()) * one)
  sum = wrap(wrap((sum << 23n) | (sum >> 41n)) * two + three)
  sum = wrap((sum ^ (sum >> 33n)) * two)
  sum = wrap((sum ^ (sum >> 29n)) * three)
  return sum ^ (sum >> 32n)
}
