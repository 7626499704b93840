// What is stored is checked and exported in each engine: while tabs write, and with every kind of record damaged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { context, site } from './stage.mjs'

/** A page with a storage of its own. */
async function newPage(origin) {
  const page = await context.newPage()
  await page.goto(origin ?? (await site.origin()))
  await page.evaluate(prepare)
  return page
}

test('a sound store is told sound, with what it holds, by a shop and without one', async () => {
  const page = await newPage()
  const found = await page.evaluate(async () => {
    const shop = await filled()
    const reports = [await shop.check(), await checkStore({ name: 'checked' })]
    await shop.close()
    reports.push(await checkStore({ name: 'checked' }))
    const memory = await open({ name: 'checked', store: 'memory' })
    await memory.cart.add({ sku: 'A1' }).durable
    reports.push(await memory.check())
    return reports
  })
  for (const report of found.slice(0, 3)) {
    assert.deepEqual([report.faults, report.isSound, report.pending], [[], true, 1])
    assert.deepEqual(report.rows, { cart: 3, history: 1, catalog: 3000, notes: 40 })
    assert.ok(report.segments > 5 && report.bytesStored > report.bytesLive && report.bytesLive > 100_000, JSON.stringify(report))
  }
  assert.deepEqual([found[3].isSound, found[3].rows], [true, { cart: 1 }])
  await page.close()
})

test('a store that is not there is not made', async () => {
  const page = await newPage()
  const found = await page.evaluate(async () => [
    (await checkStore({ name: 'absent' })) === undefined,
    (await exportStore({ name: 'absent' })) === undefined,
    ((await indexedDB.databases?.()) ?? []).filter(({ name }) => name === 'pannier:absent').length,
  ])
  assert.deepEqual(found, [true, true, 0])
  await page.close()
})

test('an export holds everything, exactly', async () => {
  const page = await newPage()
  const { text, type } = await page.evaluate(async () => {
    const shop = await filled()
    const row = { id: 'odd', date: new Date(-5), big: -(2n ** 70n), bytes: new Uint8Array([0, 255]), zero: -0, half: 0.1, none: null }
    await shop.collection('notes').put({ ...row, nested: [{ $date: 5 }, { $$bytes: 'x' }, { $date: 5, other: 1 }], ['__proto__x']: 'ü\u2028' }).durable
    await shop.collection('pairs').put({ a: 1.5, b: 'two', c: 3 }).durable
    const blob = await shop.export()
    return { text: await blob.text(), type: blob.type }
  })
  assert.equal(type, 'application/json')
  const found = JSON.parse(text)
  assert.deepEqual([found.pannierExport, found.store, found.faults, found.lost], [1, 'checked', [], []])
  assert.ok(Math.abs(Date.now() - Date.parse(found.at)) < 60_000)
  const { cart, history, catalog, notes, pairs } = found.collections
  assert.deepEqual(cart.map(({ row }) => [row.sku, row.qty]).sort(), [['A1', 2], ['B2', 1], ['C3', 1]])
  assert.equal(history[0].row.sku, 'A1')
  assert.equal(catalog.length, 3000)
  assert.deepEqual(catalog[17].row, product(17))
  assert.equal(catalog[17].key, product(17).id)
  assert.equal(notes.length, 41)
  const odd = notes.find(({ key }) => key === 'odd').row
  assert.deepEqual([odd.date, odd.big, odd.bytes], [{ $date: -5 }, { $bigint: `${-(2n ** 70n)}` }, { $bytes: 'AP8=' }])
  assert.ok(Object.is(odd.zero, -0))
  assert.deepEqual(odd.nested, [{ $$date: 5 }, { $$$bytes: 'x' }, { $date: 5, other: 1 }])
  assert.deepEqual([odd.half, odd.none, odd.__proto__x], [0.1, null, 'ü\u2028'])
  assert.deepEqual(pairs, [{ key: [1.5, 'two'], row: { a: 1.5, b: 'two', c: 3 } }])
  assert.deepEqual(found.pending.map(({ name, args }) => [name, args.orderId]), [['order.submit', 'O1']])
  assert.ok(found.state.some(({ key }) => key === 'client'))
  await page.close()
})

test('no fault is told while others write', async () => {
  const origin = await site.origin()
  const [page, writer] = [await newPage(origin), await newPage(origin)]
  await page.evaluate(async () => void (await filled()).close())
  await writer.evaluate(async () => {
    const shop = await open({ name: 'checked', ...OPTIONS })
    const write = async (round) => {
      for (let at = 0; at < 40; at++) {
        const changed = (_, place) => ({ ...product((round * 977 + at * 71 + place) % 3000), round })
        await shop.catalog.putMany(Array.from({ length: 20 }, changed)).durable
      }
      await shop.flush()
    }
    globalThis.writing = (async () => {
      let round = 1
      while (!globalThis.isOver) await write(round++)
      await shop.close()
      return round
    })()
  })
  const found = await page.evaluate(async () => {
    const faults = []
    for (let time = 0; time < 15; time++) {
      const report = await checkStore({ name: 'checked' })
      faults.push(...report.faults)
      if (report.rows.catalog !== 3000) faults.push({ why: `${report.rows.catalog} rows` })
      const exported = JSON.parse(await (await exportStore({ name: 'checked' })).text())
      faults.push(...exported.faults, ...exported.lost)
      if (exported.collections.catalog.length !== 3000) faults.push({ why: `${exported.collections.catalog.length} exported` })
    }
    return faults
  })
  const rounds = await writer.evaluate(() => {
    globalThis.isOver = true
    return globalThis.writing
  })
  assert.deepEqual(found, [])
  assert.ok(rounds > 2, `${rounds} rounds were written meanwhile`)
  await Promise.all([page.close(), writer.close()])
})

test('an encrypted store is checked and exported under its key alone', async () => {
  const page = await newPage()
  const found = await page.evaluate(async () => {
    const keyOf = (byte) => crypto.subtle.importKey('raw', new Uint8Array(32).fill(byte), 'AES-GCM', false, ['encrypt', 'decrypt'])
    const [key, other] = [await keyOf(1), await keyOf(2)]
    const asked = { name: 'checked', key }
    const shop = await filled(key)
    const [byShop, byKey] = [await shop.check(), await checkStore(asked)]
    const whole = JSON.parse(await (await shop.export()).text())
    await shop.close()
    const codes = []
    for (const given of [{ name: 'checked' }, { name: 'checked', key: other }]) codes.push(await checkStore(given).catch(({ code }) => code))
    // No bytes of a record are good where one is changed: its rows are gone, and all others there.
    const segments = await faults.recordKeys('checked', 'segment')
    const bytes = (await faults.readRecord('checked', 'segment', segments[1])).slice()
    bytes[100] ^= 1
    await faults.writeRecord('checked', 'segment', segments[1], bytes)
    const report = await checkStore(asked)
    const rest = JSON.parse(await (await exportStore(asked)).text())
    await (await open({ name: 'plain' })).cart.add({ sku: 'A1' }).durable
    codes.push(await exportStore({ name: 'plain', key }).catch(({ code }) => code))
    return { byShop, byKey, whole, codes, report, rest, number: segments[1] }
  })
  assert.deepEqual(found.codes, ['key_missing', 'wrong_key', 'not_encrypted'])
  assert.deepEqual([found.byShop.faults, found.byShop.rows], [[], { cart: 3, history: 1, catalog: 3000, notes: 40 }])
  assert.deepEqual(found.byKey, found.byShop)
  assert.deepEqual([found.whole.faults, found.whole.collections.catalog.length], [[], 3000])
  assert.deepEqual(found.report.faults.map(({ place, number }) => [place, number]), [['segment', found.number]])
  const { catalog, notes, cart } = found.rest.collections
  assert.ok(catalog.length < 3000 && catalog.length > 2000, `${catalog.length} products`)
  assert.deepEqual([notes.length, cart.length], [40, 3])
  assert.ok(found.rest.lost.length > 0)
  await page.close()
})

/** The products that a record holds are told by damage to it alone: none else may be missing. */
for (const kind of ['head', 'log', 'segment']) {
  for (const how of ['flipped', 'cut', 'gone']) {
    test(`a ${kind} record that is ${how} is named, and takes nothing else along`, async () => {
      const page = await newPage()
      const places = await page.evaluate(async (kind) => {
        await (await filled()).close()
        // No pause is used to fold the log.
        faults.holdTimers(1000)
        const shop = await open({ name: 'checked', ...OPTIONS })
        for (const id of ['x', 'y', 'z']) await shop.collection('notes').put({ id, text: id }).durable
        return (await faults.recordKeys('checked', kind)).length
      }, kind)
      // Of many three: the first, one in the middle, and the last, which of segments has the root.
      const chosen = new Set([0, places >> 1, places - 1])
      for (const place of chosen) {
        const { report, found, before, wholes } = await page.evaluate(damaged, { kind, how, place })
        const where = `${kind} ${place} of ${places}`
        // A log whose last record is gone is as one that ended before.
        const isUnseen = kind === 'log' && how === 'gone' && place === places - 1
        assert.equal(report.isSound, isUnseen, `${where}: ${JSON.stringify(report)}`)
        if (!isUnseen) assert.ok(found.faults.some((fault) => fault.place.startsWith(kind)), `${where}: ${JSON.stringify(found.faults)}`)
        const { missing, wrong } = compared(found, before)
        assert.deepEqual(wrong, [], `${where}: rows that are not what was stored, and not told doubtful`)
        const may = kind === 'head' ? [] : wholes
        assert.deepEqual(missing.filter((key) => !may.includes(key)), [], `${where}: rows gone that were not in it`)
        if (kind === 'segment' && missing.length > 0) assert.ok(found.lost.length > 0, where)
        if (kind === 'head') assert.equal(found.collections.catalog.length, 3000)
      }
      await page.close()
    })
  }
}

/** Holds an export against one of the store as it was. */
function compared(found, before) {
  const rowsOf = ({ collections }) => Object.entries(collections).flatMap(([name, rows]) => rows.map((row) => [`${name} ${JSON.stringify(row.key)}`, row]))
  const there = new Map()
  const truth = new Map(rowsOf(before))
  const wrong = []
  for (const [key, row] of rowsOf(found)) {
    there.set(key, true)
    const text = JSON.stringify(row.row)
    if (!row.doubtful && text !== JSON.stringify(truth.get(key)?.row)) wrong.push(key)
  }
  return { missing: [...truth.keys()].filter((key) => !there.has(key)), wrong }
}

function product(id) {
  return { id: `p${`${id}`.padStart(5, '0')}`, category: 'shoes', price: id, text: `${id} `.repeat(30) }
}

// From here on: what runs in pages.

async function prepare() {
  const [{ open }, { checkStore, exportStore }, faults] = await Promise.all([
    import('/package/pannier.js'),
    import('/package/check.js'),
    import('/pages/faults.mjs'),
  ])
  const OPTIONS = { collections: { notes: { indexes: { byText: ['text'] } }, pairs: { key: ['a', 'b'] } } }
  const product = (id) => ({ id: `p${`${id}`.padStart(5, '0')}`, category: 'shoes', price: id, text: `${id} `.repeat(30) })
  Object.assign(globalThis, { open, checkStore, exportStore, faults, OPTIONS, product })
  /** A store with some of everything: several segments, a log, and a mutation that no server has. */
  globalThis.filled = async (key) => {
    const plain = await open({ name: 'checked', key, ...OPTIONS })
    await plain.cart.add({ sku: 'A1', qty: 2 }).durable
    await plain.cart.add({ sku: 'B2' }).durable
    await plain.cart.add({ sku: 'C3' }).durable
    await plain.history.visit({ sku: 'A1' }).durable
    for (let part = 0; part < 3; part++) {
      await plain.catalog.putMany(Array.from({ length: 1000 }, (_, id) => product(1000 * part + id))).durable
    }
    for (let id = 0; id < 40; id++) await plain.collection('notes').put({ id: `${id}`, text: 'n'.repeat(id) }).durable
    await plain.flush()
    await plain.close()
    const url = 'http://127.0.0.1:9/v1'
    const shop = await open({ name: 'checked', key, ...OPTIONS, sync: { url, token: () => 'none', scopes: ['orders'] } })
    shop.sync.pause()
    await shop.orders.submit({ orderId: 'O1', lines: [{ sku: 'D4', qty: 1, price: 5 }] }).durable
    return shop
  }
}

/** Damages one record, tells what is found then, and puts it back. */
async function damaged({ kind, how, place }) {
  const read = async () => JSON.parse(await (await exportStore({ name: 'checked' })).text())
  const before = await read()
  const key = (await faults.recordKeys('checked', kind))[place]
  const bytes = await faults.readRecord('checked', kind, key)
  const flipped = bytes.slice()
  flipped[bytes.length >> 1] ^= 0xff
  const changed = { flipped, cut: bytes.slice(0, bytes.length >> 1), gone: undefined }[how]
  await faults.writeRecord('checked', kind, key, changed)
  const [report, found] = [await checkStore({ name: 'checked' }), await read()]
  await faults.writeRecord('checked', kind, key, bytes)
  // Of the rows, those whose bytes are in the record.
  const text = new TextDecoder('latin1').decode(bytes)
  const rows = Object.entries(before.collections).flatMap(([name, rows]) => rows.map((row) => [`${name} ${JSON.stringify(row.key)}`, row.row]))
  const wholes = rows.filter(([key, row]) => !key.startsWith('catalog') || text.includes(row.text)).map(([key]) => key)
  return { report, found, before, wholes }
}
