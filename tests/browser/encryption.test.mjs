// Encryption at rest, through the package: what is stored tells nothing, and what was changed, moved or is of another key
// is named; nothing stored is lost by it.
import assert from 'node:assert/strict'
import { inPages } from './stage.mjs'

const inPage = inPages(prepare)

inPage('what was stored under a key is there with it, also the first cart', async () => {
  const key = await newKey()
  const before = await filled({ name: 'own', key })
  const shown = await held(before)
  await before.close()
  const peeked = await peekCart('own', key)
  const blind = [await peekCart('own'), await peekCart('own', await newKey())]
  const again = await open({ name: 'own', key })
  return { shown, again: await held(again), peeked: peeked.lines.map(({ sku }) => sku), blind, status: again.storage.state.status }
}, ({ shown, again, peeked, blind, status }) => {
  assert.deepEqual(again, shown)
  assert.deepEqual([shown.products, shown.lines, status], [3000, ['SKU-IN-THE-CART 2', 'SKU-LATER 1'], 'stored'])
  assert.deepEqual(peeked, ['SKU-IN-THE-CART', 'SKU-LATER'])
  assert.ok(blind.every((cart) => cart == null))
})

inPage('another key, no key, or a key for a store in clear is named, and nothing is lost', async () => {
  const key = await newKey()
  await (await filled({ name: 'own', key })).close()
  await (await filled({ name: 'clear' })).close()
  await (await open({ name: 'fresh', key })).close()
  await (await open({ name: 'fresh and clear' })).close()
  const codes = {
    wrong: await refusal({ name: 'own', key: await newKey() }),
    missing: await refusal({ name: 'own' }),
    clear: await refusal({ name: 'clear', key }),
    wrongFresh: await refusal({ name: 'fresh', key: await newKey() }),
    missingFresh: await refusal({ name: 'fresh' }),
    clearFresh: await refusal({ name: 'fresh and clear', key }),
    unfit: await refusal({ name: 'own', key: 'a password' }),
    signing: await refusal({ name: 'own', key: await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']) }),
  }
  const [own, clear] = [await open({ name: 'own', key }), await open({ name: 'clear' })]
  return { codes, own: await held(own), clear: await held(clear) }
}, ({ codes, own, clear }) => {
  assert.deepEqual(codes, {
    wrong: 'wrong_key', missing: 'key_missing', clear: 'not_encrypted',
    wrongFresh: 'wrong_key', missingFresh: 'key_missing', clearFresh: 'not_encrypted',
    unfit: 'bad_args', signing: 'bad_args',
  })
  assert.equal(own.products, 3000)
  assert.deepEqual(own, clear)
})

inPage('nothing of what was stored can be read in the database, in other storage or on the channel between tabs', async () => {
  const heard = []
  // As soon as another tab is heard of, each commit is told.
  const ear = new BroadcastChannel('pannier:own')
  ear.onmessage = ({ data }) => heard.push(data)
  const found = {}
  for (const [name, key] of [['own', await newKey()], ['clear', undefined]]) {
    const shop = await filled({ name, key })
    ear.postMessage([])
    for (let edit = 0; edit < 3; edit++) await shop.cart.add({ sku: 'SKU-TOLD' }).durable
    await until(() => localStorage.getItem(`pannier:${name}`), (mark) => mark !== null)
    const texts = ['SKU-IN-THE-CART', 'SKU-LATER', 'SKU-SEEN', 'a known product', 'a wish']
    // Both before the log is folded away and after it.
    const stored = [...(await everything(name))]
    await shop.close()
    stored.push(...(await everything(name)))
    found[name] = texts.filter((text) => stored.some((bytes) => holds(bytes, text)))
  }
  await until(() => heard.flat().length, (count) => count > 1)
  const told = heard.flat().some(([, bytes]) => holds(bytes, 'SKU-TOLD'))
  return { found, told, others: [Object.entries(localStorage), Object.keys(sessionStorage)] }
}, ({ found, told, others }) => {
  assert.deepEqual(found.own, [])
  assert.ok(found.clear.length === 5, `the search finds what is in clear: ${found.clear}`)
  assert.equal(told, false)
  assert.deepEqual(others, [[['pannier:clear', '1'], ['pannier:own', '1']].sort(), []])
})

inPage('an encrypted record has its fields where the page on the format says', async () => {
  await (await open({ name: 'fresh', key: await newKey() })).close()
  return [...(await stored('fresh', 'log', 'first'))[1]]
}, (first) => {
  const text = new TextDecoder().decode(Uint8Array.from(first.slice(0, 8)))
  assert.deepEqual([text, first.length], ['pannier\x01', 8 + 12 + 0 + 16], 'of log record 0, which is empty')
})

inPage('any flipped bit is named as tampering, in each kind of record, and undone all is there', async () => {
  const key = await newKey()
  const codes = {}
  const shop = await filled({ name: 'own', key })
  const shown = await held(shop)
  await shop.close()
  for (const [store, number] of [['log', 'last'], ['head', 0], ['segment', 'last'], ['segment', 'first']]) {
    const [at, before] = await stored('own', store, number)
    for (const place of [0, 7, 8, 19, 20, Math.floor(before.length / 2), before.length - 1]) {
      const changed = before.slice()
      changed[place] ^= 1 << (place % 8)
      await put('own', store, at, changed)
      codes[`${store} ${number} ${place}`] = await reading({ name: 'own', key })
    }
    await put('own', store, at, before)
  }
  const again = await open({ name: 'own', key })
  return { codes, shown, again: await held(again) }
}, ({ codes, shown, again }) => {
  assert.equal(Object.keys(codes).length, 28)
  for (const [place, code] of Object.entries(codes)) assert.equal(code, 'tampered', place)
  assert.deepEqual(again, shown)
})

inPage('records that were swapped, moved, or are of another store under the same key are named', async () => {
  const key = await newKey()
  for (const name of ['own', 'other']) await (await filled({ name, key })).close()
  const codes = {}
  const change = async (what, ...changed) => {
    const before = await Promise.all(changed.map(([store, number]) => stored('own', store, number)))
    for (const [index, [store, , bytes]] of changed.entries()) await put('own', store, before[index][0], bytes)
    codes[what] = await reading({ name: 'own', key })
    for (const [index, [store]] of changed.entries()) await put('own', store, ...before[index])
  }
  const [first, last] = [await stored('own', 'segment', 'first'), await stored('own', 'segment', 'last')]
  await change('segments', ['segment', 'first', last[1]], ['segment', 'last', first[1]])
  await change('copied segment', ['segment', 'first', last[1]])
  for (const store of ['log', 'head', 'segment']) {
    await change(`${store} of another store`, [store, 'last', (await stored('other', store, 'last'))[1]])
  }
  await change('a head in place of a log record', ['log', 'last', (await stored('own', 'head', 0))[1]])
  // Two commits in the log.
  const shop = await open({ name: 'own', key })
  await shop.cart.add({ sku: 'A' }).durable
  await shop.cart.add({ sku: 'B' }).durable
  const log = await all('own', 'log')
  const [[, one], [, two]] = log.slice(-2)
  await change('log records', ['log', 'before last', two], ['log', 'last', one])
  await change('copied log record', ['log', 'last', one])
  const again = await open({ name: 'own', key })
  return { codes, lines: (await held(again)).lines }
}, ({ codes, lines }) => {
  assert.equal(Object.keys(codes).length, 8)
  for (const [what, code] of Object.entries(codes)) assert.equal(code, 'tampered', what)
  assert.deepEqual(lines, ['A 1', 'B 1', 'SKU-IN-THE-CART 2', 'SKU-LATER 1'])
})

inPage('a segment that is changed while the store is open breaks it by name', async () => {
  const key = await newKey()
  await (await filled({ name: 'own', key })).close()
  const shop = await open({ name: 'own', key })
  const [at, before] = await stored('own', 'segment', 'first')
  await put('own', 'segment', at, before.map((byte, index) => (index === 40 ? byte ^ 1 : byte)))
  const read = await everyProduct(shop).then(() => 'read', ({ code }) => code)
  const edit = await (async () => shop.cart.add({ sku: 'A' }).durable)().then(() => 'durable', ({ code }) => code)
  const { status, error } = shop.storage.state
  await shop.close()
  await put('own', 'segment', at, before)
  const again = await open({ name: 'own', key })
  return { codes: [read, edit, status, error.code], products: (await held(again)).products }
}, ({ codes, products }) => {
  assert.deepEqual(codes, ['tampered', 'tampered', 'broken', 'tampered'])
  assert.equal(products, 3000)
})

inPage('storage that fails at first, or answers late, is not stood in for where the key is another', async () => {
  const key = await newKey()
  await (await filled({ name: 'own', key })).close()
  const codes = []
  for (const options of [{ name: 'own', key: await newKey() }, { name: 'own' }]) {
    const undo = faults.refuseToOpen('UnknownError', 2)
    codes.push(await refusal(options))
    undo()
    const release = faults.holdOpenings()
    const shop = await open(options)
    const edit = shop.cart.add({ sku: 'A' })
    const shown = (await shop.cart.read()).count
    release()
    codes.push(shown, await edit.durable.then(() => 'durable', ({ code }) => code), shop.storage.state.status)
  }
  return { codes, lines: (await held(await open({ name: 'own', key }))).lines }
}, ({ codes, lines }) => {
  assert.deepEqual(codes, ['wrong_key', 1, 'wrong_key', 'broken', 'key_missing', 1, 'key_missing', 'broken'])
  assert.deepEqual(lines, ['SKU-IN-THE-CART 2', 'SKU-LATER 1'])
})

inPage('of two that open a new store at once, with a key and without, one gets it', async () => {
  const key = await newKey()
  const results = []
  for (let round = 0; round < 10; round++) {
    const name = `new ${round}`
    const openings = [{ name, key }, { name }]
    if (round % 2) openings.reverse()
    const opened = await Promise.allSettled(openings.map(open))
    for (const [index, { value: shop, reason }] of opened.entries()) {
      const kind = openings[index].key ? 'with' : 'without'
      if (shop === undefined) results.push([round, kind, reason.code])
      else await shop.cart.add({ sku: 'A' }).durable
    }
  }
  return results
}, (results) => {
  assert.equal(results.length, 10, JSON.stringify(results))
  for (const [round, kind, code] of results) assert.equal(code, kind === 'with' ? 'not_encrypted' : 'key_missing', `round ${round}`)
})

inPage('two tabs under one key see and keep each other\'s commits, through checkpoints of both', async () => {
  const key = await newKey()
  const tabs = [await open({ name: 'own', key }), await open({ name: 'own', key })]
  let told = 0
  tabs[1].cart.subscribe(() => told++)
  await tabs[0].cart.add({ sku: 'TOLD' }).durable
  await until(() => tabs[1].cart.read(), ({ count }) => count === 1)
  for (let round = 0; round < 5; round++) {
    await Promise.all(tabs.flatMap((tab, who) => [
      ...Array.from({ length: 20 }, () => tab.cart.add({ sku: `tab ${who}` }).durable),
      tab.catalog.putMany(products(200, `${who}-${round}-`)).durable,
      tab.flush(),
    ]))
  }
  await until(async () => Promise.all(tabs.map(held)), ([one, other]) => JSON.stringify(one) === JSON.stringify(other))
  await Promise.all(tabs.map((tab) => tab.close()))
  return { told, again: await held(await open({ name: 'own', key })) }
}, ({ told, again }) => {
  assert.ok(told > 0)
  assert.deepEqual([again.lines, again.products], [['TOLD 1', 'tab 0 100', 'tab 1 100'], 2000])
})

// From here on: what runs in pages.

async function prepare() {
  const [{ open, peekCart }, faults] = await Promise.all([import('/package/pannier.js'), import('/pages/faults.mjs')])
  const tools = { open, peekCart, faults }
  tools.newKey = () => crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  tools.products = (count, prefix) =>
    Array.from({ length: count }, (_, number) => ({ id: `${prefix}${number}`, title: 'a known product', noise: `${Math.random()}`.repeat(3) }))
  /** A shop with something in each collection, stored in several segments. */
  tools.filled = async (options) => {
    const shop = await open({ ...options, collections: { wishes: {} } })
    await shop.cart.add({ sku: 'SKU-IN-THE-CART', qty: 2 }).durable
    await shop.history.visit({ sku: 'SKU-SEEN' }).durable
    await shop.collection('wishes').put({ id: 1, text: 'a wish' }).durable
    await shop.catalog.putMany(tools.products(3000, '')).durable
    await shop.cart.add({ sku: 'SKU-LATER' }).durable
    return shop
  }
  tools.everyProduct = async (shop) => {
    const rows = []
    for (let page; (page = await shop.catalog.range({ gt: rows.at(-1)?.id ?? '', limit: 500 })).length > 0; ) rows.push(...page)
    return rows
  }
  tools.held = async (shop) => ({
    lines: (await shop.cart.read()).lines.map(({ sku, qty }) => `${sku} ${qty}`).sort(),
    visits: (await shop.history.recent()).map(({ sku }) => sku),
    products: (await tools.everyProduct(shop)).length,
  })
  /** Why the store does not open. */
  tools.refusal = async (options) => {
    const shop = await open(options).catch((error) => error)
    return shop instanceof Error ? shop.code : `opened: ${shop.storage.state.status}`
  }
  /** Why the store does not open, or cannot be read whole. */
  tools.reading = async (options) => {
    let shop
    try {
      shop = await open(options)
      await tools.held(shop)
      return 'read'
    } catch ({ code }) {
      return code
    } finally {
      await shop?.close().catch(() => {})
    }
  }
  const database = (name) =>
    new Promise((resolve, reject) => {
      const request = indexedDB.open(`pannier:${name}`)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  /** The records of an object store with their keys. */
  tools.all = async (name, store) => {
    const connection = await database(name)
    const records = connection.transaction(store).objectStore(store)
    const [keys, values] = await Promise.all([done(records.getAllKeys()), done(records.getAll())])
    connection.close()
    return keys.map((key, index) => [key, values[index]])
  }
  tools.stored = async (name, store, which) => {
    const records = await tools.all(name, store)
    if (which === 'last' && store !== 'head') return records.at(-1)
    if (which === 'before last') return records.at(-2)
    return records[0]
  }
  tools.put = async (name, store, key, bytes) => {
    const connection = await database(name)
    await done(connection.transaction(store, 'readwrite').objectStore(store).put(bytes, key))
    connection.close()
  }
  /** Every value of the database, as bytes. */
  tools.everything = async (name) => {
    const values = []
    for (const store of ['log', 'segment', 'head']) {
      for (const [key, value] of await tools.all(name, store)) {
        for (const part of [key, ...(value instanceof Uint8Array ? [value] : Object.values(value))]) {
          values.push(part instanceof Uint8Array ? part : new TextEncoder().encode(String(part)))
        }
      }
    }
    return values
  }
  tools.holds = (bytes, text) => new TextDecoder('latin1').decode(bytes).includes(text)
  tools.until = async (ask, isSo) => {
    for (;;) {
      const answer = await ask()
      if (isSo(answer)) return answer
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  Object.assign(globalThis, tools)
}
