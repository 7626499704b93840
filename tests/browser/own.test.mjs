// Collections of the shop's own on two devices, through the package and a real server.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'

const COLLECTIONS = {
  wishes: { merge: 'add-wins', indexes: { byNote: ['note'] } },
  drafts: { merge: 'last-writer' },
  points: { merge: 'counter', key: ['name'] },
  offers: { merge: 'server-decides' },
}

let server

before(async () => {
  server = await startServer()
})

after(() => server?.close())

/** A page on a device of its own: an origin has a storage of its own. */
async function openDevice(name, collections = COLLECTIONS) {
  const page = await context.newPage()
  await page.goto(await site.origin())
  await page.evaluate(openShop, { name, url: `${server.url}/v1`, token: server.token, collections })
  return page
}

test('rows reach the other device, and merge by the rule of their collection', async () => {
  const [here, there] = [await openDevice('own'), await openDevice('own')]
  await here.evaluate(async () => {
    await shop.collection('wishes').putMany([{ id: 'A1', note: 'red' }, { id: 'B2', note: 'blue' }]).durable
    shop.collection('drafts').put({ id: 'd', text: 'mine' })
    shop.collection('points').add('visits', { count: 2, late: 1 })
    await exchange()
  })
  const found = await there.evaluate(async () => {
    await exchange()
    // What is done now the other device does not know.
    shop.collection('wishes').delete('A1')
    shop.collection('drafts').put({ id: 'd', text: 'theirs' })
    shop.collection('points').add('visits', { count: 40 })
    const blue = { gte: ['blue'], lte: ['blue'] }
    const [wish] = await shop.collection('wishes').query('byNote', blue)
    return { note: wish.note, count: await shop.collection('wishes').count(), draft: await shop.collection('drafts').get('d') }
  })
  assert.deepEqual(found, { note: 'blue', count: 1, draft: { id: 'd', text: 'theirs' } })
  await here.evaluate(async () => {
    shop.collection('wishes').put({ id: 'A1', note: 'green' })
    shop.collection('points').add('visits', { count: -3 })
    await exchange()
  })
  const outcomes = await there.evaluate(async () => {
    const said = []
    shop.on('outcome', ({ name, status, code }) => said.push([name, status, code]))
    await exchange()
    return said
  })
  assert.deepEqual(outcomes, [
    ['row.delete', 'noop', 'added_elsewhere'],
    ['row.put', 'applied', null],
    ['row.add', 'applied', null],
  ])
  await here.evaluate(() => exchange())
  for (const page of [here, there]) {
    const rows = await page.evaluate(async () => ({
      wishes: (await shop.collection('wishes').range()).map(({ id, note }) => [id, note]),
      drafts: await shop.collection('drafts').range(),
      points: await shop.collection('points').range(),
    }))
    assert.deepEqual(rows, {
      wishes: [['A1', 'green'], ['B2', 'blue']],
      drafts: [{ id: 'd', text: 'theirs' }],
      points: [{ name: 'visits', count: 39, late: 1 }],
    })
    await page.close()
  }
})

test('a live query shows what the server says, and an edit has its outcome', async () => {
  const page = await openDevice('live')
  const told = await page.evaluate(async () => {
    const seen = []
    await new Promise((done) => {
      shop.collection('offers').subscribe({}, ({ rows }) => done(void seen.push(rows.map(({ id }) => id))))
    })
    const { confirmed } = shop.collection('offers').put({ id: 'o' })
    const { status, code, detail } = await confirmed
    while (seen.length < 3) await new Promise((turn) => setTimeout(turn))
    return { seen, outcome: [status, code, detail.why] }
  })
  // No hook decides here.
  assert.deepEqual(told, { seen: [[], ['o'], []], outcome: ['rejected', 'refused', 'nobody decides'] })
  await page.close()
})

test('a transaction writes such rows too, and all or nothing', async () => {
  const page = await openDevice('transaction')
  const found = await page.evaluate(async () => {
    await shop.transaction(async (tx) => {
      await tx.collection('drafts').put({ id: 't1' })
      await tx.collection('points').add('t', { count: 1 })
    })
    const failed = await shop
      .transaction(async (tx) => {
        await tx.collection('drafts').put({ id: 't2' })
        throw new Error('no')
      })
      .catch(({ message }) => message)
    await exchange()
    return [failed, await shop.collection('drafts').get('t1'), await shop.collection('drafts').get('t2')]
  })
  assert.deepEqual(found, ['no', { id: 't1' }, undefined])
  await page.close()
})

test('rows from before a collection was shared go to the server', async () => {
  const page = await openDevice('before', { notes: {} })
  await page.evaluate(async () => {
    await shop.collection('notes').put({ id: 'old', text: 'kept' }).durable
    await shop.close()
  })
  const now = { name: 'before', url: `${server.url}/v1`, token: server.token, collections: { notes: { merge: 'last-writer' } } }
  await page.evaluate(openShop, now)
  const shown = await page.evaluate(async () => {
    const before = await shop.collection('notes').range()
    await exchange()
    return before
  })
  assert.deepEqual(shown, [{ id: 'old', text: 'kept' }])
  const other = await openDevice('before', now.collections)
  const pulled = await other.evaluate(async () => {
    await exchange()
    return shop.collection('notes').range()
  })
  assert.deepEqual(pulled, [{ id: 'old', text: 'kept' }])
  await page.close()
  await other.close()
})

test('what cannot be shared is refused where it is declared or written', async () => {
  const page = await openDevice('refused')
  const codes = await page.evaluate(async () => {
    const { open } = await import('/package/pannier.js')
    const declared = async (name, options) =>
      open({ name: 'declared', store: 'memory', collections: { [name]: options } }).then(() => 'taken', ({ code }) => code)
    const thrown = (work) => {
      try {
        return String(work())
      } catch ({ code }) {
        return code
      }
    }
    const merge = 'last-writer'
    return [
      await declared('a', { merge: 'sum' }),
      await declared('a b', { merge }),
      await declared('last-writer:a', {}),
      await declared('a', { merge, key: ['x', 'y'] }),
      await declared('a', { merge, expires: 'at' }),
      await declared('a', { merge, bytesMax: 1000 }),
      await declared('a', { merge, indexes: { by: { fields: ['x'], unique: true } } }),
      await declared('a', { merge, indexes: { by: { fields: ['x'], multi: true } } }),
      thrown(() => shop.collection('drafts').put({ id: 1 })),
      thrown(() => shop.collection('drafts').add('k', { n: 1 })),
      thrown(() => shop.collection('drafts').deleteRange({})),
      await shop.collection('drafts').put({ id: 'long', text: 'x'.repeat(65_536) }).durable.catch(({ code }) => code),
      await shop.collection('points').add('k', { n: 0.5 }).durable.catch(({ code }) => code),
    ]
  })
  assert.deepEqual(codes, Array(13).fill('bad_args'))
  await page.close()
})

// From here on: what runs in pages.

async function openShop({ name, url, token, collections }) {
  const { open } = await import('/package/pannier.js')
  globalThis.shop = await open({ name, collections, sync: { url, token: () => token, interval: 0 } })
  // Two devices exchange only when a test says so.
  if (name === 'own') shop.sync.pause()
  globalThis.exchange = async () => {
    shop.sync.resume()
    do await shop.sync.now()
    while (shop.sync.state.pending > 0)
    if (name === 'own') shop.sync.pause()
  }
}
