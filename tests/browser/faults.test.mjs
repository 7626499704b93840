// What storage does to shops in each engine: every fault has a state with a name, an event and a recovery.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ENGINE } from '../drive/index.mjs'
import { startServer } from './server.mjs'
import { context, site } from './stage.mjs'
import { writeColumn } from './table.mjs'

const results = []
let server

before(async () => {
  server = await startServer({ products: Array.from({ length: 500 }, (_, id) => ({ id: `P${id}`, text: `${id} `.repeat(40) })) })
})

after(() => server?.close())

after(() => writeColumn(ENGINE, results))

/** A test in a page of its own with a storage of its own: `inPage` puts the fault in and gives what it found. */
function fault(name, states, inPage, verify) {
  const result = { name, states, isGood: undefined }
  results.push(result)
  test(name, async () => {
    result.isGood = false
    const page = await context.newPage()
    await page.goto(await site.origin())
    await page.evaluate(prepare)
    const found = await page.evaluate(inPage, { url: `${server.url}/v1`, token: server.token })
    assert.deepEqual(found.states, states, 'states that were told')
    await verify(found)
    await page.close()
    result.isGood = true
  })
}

fault('no IndexedDB', ['memory'], async () => {
  faults.noDatabases()
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  return { states: seen, skus: await skus(shop), usage: await shop.storage.usage() }
}, ({ skus, usage }) => {
  assert.deepEqual(skus, ['A1 1'])
  assert.ok(usage.collections.cart > 0)
})

fault('opening is refused, as in private windows', ['memory'], async () => {
  faults.refuseToOpen('SecurityError')
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.flush()
  const asked = await open({ name: 'asked', store: 'indexeddb' }).then(() => 'opened', ({ code }) => code)
  return { states: seen, skus: await skus(shop), why: shop.storage.state.error.name, asked }
}, ({ skus, why, asked }) => {
  assert.deepEqual(skus, ['A1 1'])
  assert.deepEqual([why, asked], ['SecurityError', 'storage_unavailable'])
})

fault('opening fails at first, as while a damaged database is replaced', [], async () => {
  const undo = faults.refuseToOpen('UnknownError', 2)
  const shop = await opened()
  undo()
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.close()
  return { states: seen, skus: await skus(await opened()) }
}, ({ skus }) => assert.deepEqual(skus, ['A1 1']))

fault('opening does not answer, and then does', ['waiting', 'stored'], async () => {
  const before = await opened()
  await before.cart.add({ sku: 'OLD', qty: 2 }).durable
  await before.catalog.putMany(Array.from({ length: 2000 }, (_, id) => ({ id: `${id}`, text: 'x'.repeat(200) }))).durable
  await before.close()
  seen.length = 0
  const release = faults.holdOpenings()
  const shop = await opened()
  const edit = shop.cart.add({ sku: 'NEW' })
  const transaction = shop.transaction(async ({ cart }) => cart.add({ sku: 'OLD' }))
  let isDurable = false
  edit.durable.then(() => (isDurable = true))
  const meanwhile = await until(() => skus(shop), (found) => found.length === 2)
  const early = isDurable
  release()
  await Promise.all([edit.durable, transaction])
  const adopted = await skus(shop)
  const count = await shop.catalog.count()
  await shop.close()
  return { states: seen, early, meanwhile, adopted, count, again: await skus(await opened()) }
}, ({ early, meanwhile, adopted, count, again }) => {
  assert.equal(early, false, 'durable before it was stored')
  assert.deepEqual(meanwhile, ['NEW 1', 'OLD 1'])
  assert.deepEqual(adopted, ['NEW 1', 'OLD 3'])
  assert.deepEqual(again, adopted)
  assert.equal(count, 2000)
})

fault('the connection is lost', [], async () => {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  const undo = faults.killConnections()
  await Promise.all(Array.from({ length: 20 }, () => shop.cart.add({ sku: 'A1' }).durable))
  await shop.flush()
  undo()
  await shop.close()
  return { states: seen.splice(0).filter((status) => status === 'memory'), skus: await skus(await opened()) }
}, ({ skus }) => assert.deepEqual(skus, ['A1 21']))

fault('the connection is lost, and stays so for a while', ['failing', 'stored'], async () => {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  const undo = [faults.killConnections(), faults.refuseToOpen('UnknownError')]
  const edit = shop.cart.add({ sku: 'A1' })
  await until(() => seen.join(), (states) => states === 'failing')
  const shown = await skus(shop)
  undo.forEach((one) => one())
  await edit.durable
  await shop.close()
  return { states: seen, shown, skus: await skus(await opened()) }
}, ({ shown, skus }) => assert.deepEqual([shown, skus], [['A1 2'], ['A1 2']]))

for (const [what, stores] of [['a commit', ['log']], ['a checkpoint', ['head', 'log', 'segment']]]) {
  const lost = what === 'a commit' ? loseCommit : loseCheckpoint
  fault(`the connection is lost with the answer to ${what}`, [], lost, ({ isLost, skus }) => {
    assert.ok(isLost, `no transaction on ${stores}`)
    assert.deepEqual(skus, ['A1 2'], 'neither lost nor doubled')
  })
}

async function loseCommit() {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  const undo = faults.loseAnswer(['log'])
  await shop.cart.add({ sku: 'A1' }).durable
  const isLost = undo()
  await shop.close()
  return { states: seen, isLost, skus: await skus(await opened()) }
}

async function loseCheckpoint() {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  const undo = faults.loseAnswer(['head', 'log', 'segment'])
  await shop.flush()
  const isLost = undo()
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.close()
  return { states: seen, isLost, skus: await skus(await opened()) }
}

fault('the browser has cleared the store between visits: `isCleared`', [], async () => {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  await until(() => localStorage.getItem('pannier:faults'), (mark) => mark !== null)
  await shop.close()
  await faults.deleteDatabase('faults')
  const again = await opened()
  await again.cart.add({ sku: 'B2' }).durable
  const cleared = [shop, again].map(({ storage }) => storage.state.isCleared)
  return { states: seen, cleared, skus: await skus(again) }
}, ({ cleared, skus }) => assert.deepEqual([cleared, skus], [[false, true], ['B2 1']]))

fault('cleared between visits, with a server: what that has comes back, once', [], async (at) => {
  const shop = await opened(at)
  await shop.cart.add({ sku: 'SENT', qty: 2 }).durable
  await shop.sync.now()
  shop.sync.pause()
  await shop.cart.add({ sku: 'SENT', qty: 5 }).durable
  await until(() => localStorage.getItem('pannier:faults'), (mark) => mark !== null)
  await shop.close()
  await faults.deleteDatabase('faults')
  const again = await opened(at)
  const { isCleared } = again.storage.state
  await again.cart.add({ sku: 'SENT', qty: 1 }).durable
  await again.sync.now()
  const products = await again.catalog.count()
  await again.sync.now()
  return { states: seen, isCleared, products, skus: await skus(again), pending: again.sync.state.pending }
}, async ({ isCleared, products, skus, pending }) => {
  assert.deepEqual([isCleared, products, skus, pending], [true, 500, ['SENT 3'], 0])
  assert.deepEqual(await server.cart(), { SENT: 3 })
})

fault('every other storage is blocked', [], async () => {
  faults.blockMarks()
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.close()
  return { states: seen, skus: await skus(await opened()) }
}, ({ skus }) => assert.deepEqual(skus, ['A1 1']))

fault('stored bytes are damaged: `open` says `corrupt`', [], async () => {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.close()
  await faults.damage('faults')
  const code = await opened().then((shop) => skus(shop)).then(String, (error) => error.code)
  const states = seen.splice(0)
  await faults.deleteDatabase('faults')
  const again = await opened()
  await again.cart.add({ sku: 'B2' }).durable
  return { states, code, skus: await skus(again) }
}, ({ code, skus }) => assert.deepEqual([code, skus], ['corrupt', ['B2 1']]))

const DELETED = ['deleted', 'stored']

fault('the database is deleted under an open page', [...DELETED, ...DELETED], async () => {
  const shop = await opened()
  const errors = []
  shop.on('error', ({ code }) => errors.push(code))
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.catalog.put({ id: 'P1' }).durable
  await until(() => localStorage.getItem('pannier:faults'), (mark) => mark !== null)
  const told = { cart: [], rows: [] }
  shop.cart.subscribe(({ count }) => told.cart.push(count))
  shop.catalog.subscribe({}, ({ rows }) => told.rows.push(rows.length))
  await until(() => told.cart.length * told.rows.length, (both) => both > 0)
  const snapshot = await shop.snapshot()
  let isBegun = false
  const transaction = shop.transaction(async ({ cart }) => {
    await cart.read()
    isBegun = true
    await until(() => seen.length, (states) => states === 2)
    await cart.add({ sku: 'IN' })
  })
  transaction.catch(() => {})
  await until(() => isBegun, (is) => is)
  localStorage.clear()
  await faults.deleteDatabase('faults')
  const codeOf = (promise) => promise.then(() => 'done', ({ code }) => code)
  const over = [await codeOf(transaction), await codeOf(snapshot.cart.read())]
  await until(() => localStorage.getItem('pannier:faults'), (mark) => mark !== null)
  const first = await skus(shop)
  await shop.cart.add({ sku: 'B2' }).durable
  await faults.deleteDatabase('faults')
  const edit = shop.cart.add({ sku: 'C3' })
  await edit.durable
  await until(() => seen.length, (states) => states === 4)
  await until(() => told.cart.at(-1), (count) => count === 1)
  const { isCleared, error } = shop.storage.state
  const { isSound } = await shop.check()
  await shop.close()
  const again = await opened()
  const kept = [await skus(again), await again.catalog.count()]
  await again.close()
  await faults.deleteDatabase('faults')
  const isMade = await faults.isThere('faults')
  return { states: seen, errors, told, over, first, isCleared, error, isSound, kept, isMade }
}, ({ errors, told, over, first, isCleared, error, isSound, kept, isMade }) => {
  assert.deepEqual(errors, ['deleted', 'deleted'])
  assert.deepEqual([told.cart[0], told.rows], [1, [1, 0]])
  assert.deepEqual(over, ['deleted', 'deleted'])
  assert.deepEqual([first, isCleared, error, isSound], [[], true, null, true])
  assert.deepEqual(kept, [['C3 1'], 0])
  assert.equal(isMade, false, 'a closed shop has made the database anew')
})

fault('deleted under an open page, with a server: what waited goes out once, the rest comes back', DELETED, async (at) => {
  const shop = await opened(at)
  await shop.cart.add({ sku: 'ANEW', qty: 2 }).durable
  await shop.sync.now()
  // The server has it, and the page does not hear so.
  const loseAnswers = faults.loseAnswers()
  const unheard = shop.cart.add({ sku: 'ANEW', qty: 3 })
  await unheard.durable
  await shop.sync.now()
  loseAnswers()
  shop.sync.pause()
  const unsent = shop.cart.add({ sku: 'ANEW', qty: 4 })
  await unsent.durable
  const deleting = faults.deleteDatabase('faults')
  const late = shop.cart.setQty((await shop.cart.read()).lines.find(({ sku }) => sku === 'ANEW').line, 20)
  await deleting
  await late.durable
  await until(() => seen.length, (states) => states === 2)
  const waiting = shop.sync.state.pending
  shop.sync.resume()
  const outcomes = (await Promise.all([unheard, unsent, late].map(({ confirmed }) => confirmed))).map(({ status }) => status)
  await shop.sync.now()
  const found = [await skus(shop), await shop.catalog.count(), shop.sync.state.pending]
  await shop.close()
  const again = await opened(at)
  return { states: seen, waiting, outcomes, found, kept: await skus(again) }
}, async ({ waiting, outcomes, found: [skus, products, pending], kept }) => {
  assert.deepEqual([waiting, outcomes], [3, ['applied', 'applied', 'applied']])
  assert.ok(skus.includes('ANEW 20'), `${skus}`)
  assert.deepEqual([products, pending, kept], [500, 0, skus])
  assert.equal((await server.cart()).ANEW, 20)
})

fault('deleted under two tabs, with a server: the edits of both go out once', DELETED, async (at) => {
  const tabs = [await opened(at), await opened(at)]
  await Promise.all(tabs.map(({ sync }) => sync.now()))
  for (const { sync } of tabs) sync.pause()
  const both = Promise.all(tabs.flatMap(({ cart }) => [cart.add({ sku: 'TABS' }).durable, cart.add({ sku: 'TABS' }).durable]))
  await both
  const deleting = faults.deleteDatabase('faults')
  const late = tabs.map(({ cart }) => cart.add({ sku: 'TABS' }))
  await deleting
  await Promise.all(late.map(({ durable }) => durable))
  await until(() => seen.length, (states) => states === 4)
  for (const { sync } of tabs) sync.resume()
  await Promise.all(late.map(({ confirmed }) => confirmed))
  for (const { sync } of [...tabs, ...tabs]) await sync.now()
  const found = await Promise.all(tabs.map(skus))
  const pending = tabs.map(({ sync }) => sync.state.pending)
  const { isSound } = await tabs[0].check()
  return { states: [...new Set(seen)], found, pending, isSound }
}, async ({ found: [one, other], pending, isSound }) => {
  assert.ok(one.includes('TABS 6'), `${one}`)
  assert.deepEqual([other, pending, isSound], [one, [0, 0], true])
  assert.equal((await server.cart()).TABS, 6)
})

fault('deleted under an open page, encrypted: so is the new one, under its key', DELETED, async () => {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const shop = await opened(undefined, { key })
  await shop.cart.add({ sku: 'A1' }).durable
  await faults.deleteDatabase('faults')
  await shop.cart.add({ sku: 'B2' }).durable
  await shop.flush()
  await until(() => seen.length, (states) => states === 2)
  await shop.close()
  const refused = await opened().catch(({ code }) => code)
  return { states: seen, refused, skus: await skus(await opened(undefined, { key })) }
}, ({ refused, skus }) => assert.deepEqual([refused, skus], ['key_missing', ['B2 1']]))

fault('deleted under a shop in a worker', DELETED, async () => {
  const { open } = await import('/package/worker.js')
  const shop = await open({ name: 'faults' })
  shop.on('storage', ({ status }) => void seen.push(status))
  await shop.cart.add({ sku: 'A1' }).durable
  await faults.deleteDatabase('faults')
  await until(() => seen.length, (states) => states === 2)
  await shop.cart.add({ sku: 'B2' }).durable
  await shop.close()
  return { states: seen, skus: await skus(await opened()) }
}, ({ skus }) => assert.deepEqual(skus, ['B2 1']))

fault('deleted because another tab has erased all: nothing comes back', ['erased'], async () => {
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  seen.length = 0
  // It hears nothing of the other tab but that the database goes.
  const undo = faults.noChannels()
  const deaf = await opened()
  undo()
  const eraser = await open({ name: 'faults' })
  await shop.close()
  await eraser.erase()
  await until(() => seen.length, (states) => states > 0)
  const code = await deaf.cart.read().then(() => 'read', ({ code }) => code)
  await deaf.close()
  return { states: seen, code, isMade: await faults.isThere('faults') }
}, ({ code, isMade }) => assert.deepEqual([code, isMade], ['erased', false]))

fault('the disk is full: the catalog goes, cart edits stay', ['full', 'stored'], async () => {
  const disk = faults.limitDisk(Infinity)
  const shop = await opened()
  await shop.cart.add({ sku: 'A1' }).durable
  await shop.history.visit({ sku: 'A1' }).durable
  // The reserve is there.
  await until(() => disk.used(), (bytes) => bytes > 256 * 1024)
  const products = Array.from({ length: 2000 }, (_, id) => ({ id: `${id}`, text: `${Math.random()}`.repeat(20) }))
  await shop.catalog.putMany(products).durable
  await shop.flush()
  disk.to(disk.used() + 10)
  const edits = Array.from({ length: 30 }, () => shop.cart.add({ sku: 'A1' }).durable)
  await Promise.all(edits)
  await until(() => shop.catalog.count(), (count) => count === 0)
  await until(() => shop.storage.state.status, (status) => status === 'stored')
  const { evicted } = shop.storage.state
  const visits = (await shop.history.recent()).length
  await until(() => disk.used(), (bytes) => bytes > 256 * 1024)
  await shop.close()
  disk.undo()
  const states = seen.splice(0).filter((status, index, all) => status !== all[index - 1])
  const again = await opened()
  return { states, evicted, visits, skus: await skus(again), products: await again.catalog.count() }
}, ({ evicted, visits, skus, products }) => {
  assert.deepEqual([evicted, visits, skus, products], [['catalog'], 1, ['A1 31'], 0])
})

fault('the disk is full, with a server: what waited goes out, once', ['full', 'stored'], async (at) => {
  const disk = faults.limitDisk(Infinity)
  const shop = await opened(at)
  await shop.cart.add({ sku: 'FULL' }).durable
  await shop.sync.now()
  const pulled = await shop.catalog.count()
  await until(() => disk.used(), (bytes) => bytes > 256 * 1024)
  const products = Array.from({ length: 2000 }, (_, id) => ({ id: `${id}`, text: `${Math.random()}`.repeat(20) }))
  await shop.catalog.putMany(products).durable
  await shop.flush()
  shop.sync.pause()
  disk.to(disk.used() + 10)
  await Promise.all(Array.from({ length: 30 }, () => shop.cart.add({ sku: 'FULL' }).durable))
  await until(() => shop.storage.state.status, (status) => status === 'stored')
  const waiting = shop.sync.state.pending
  shop.sync.resume()
  await shop.sync.now()
  const { evicted } = shop.storage.state
  const states = seen.splice(0).filter((status, index, all) => status !== all[index - 1])
  const left = shop.sync.state.pending
  await shop.close()
  disk.undo()
  const again = await opened(at)
  await again.sync.now()
  return { states, pulled, evicted, waiting, left, skus: await skus(again) }
}, async ({ pulled, evicted, waiting, left, skus }) => {
  assert.deepEqual([pulled, evicted, waiting, left], [500, ['catalog'], 30, 0])
  assert.ok(skus.includes('FULL 31'), `${skus}`)
  assert.equal((await server.cart()).FULL, 31)
})

// From here on: what runs in pages.

async function prepare() {
  const [{ open }, faults] = await Promise.all([import('/package/pannier.js'), import('/pages/faults.mjs')])
  /** The states that shops told. */
  const seen = []
  Object.assign(globalThis, { open, faults, seen })
  /** A shop, with a server where one is named. */
  globalThis.opened = async (at, more) => {
    const sync = at && { url: at.url, token: () => at.token, interval: 0 }
    const shop = await open({ name: 'faults', ...more, ...(sync && { sync }) })
    if (shop.storage.state.status !== 'stored') seen.push(shop.storage.state.status)
    shop.on('storage', ({ status }) => void seen.push(status))
    shop.on('error', () => {})
    return shop
  }
  globalThis.skus = async (shop) => (await shop.cart.read()).lines.map(({ sku, qty }) => `${sku} ${qty}`).sort()
  /** Asks until the answer is as it must be; the test's own time limit ends what never is. */
  globalThis.until = async (ask, holds) => {
    for (;;) {
      const answer = await ask()
      if (holds(answer)) return answer
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
