// The record stores that the package brings, against the answers that every record store must give.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { context, site } from './stage.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const STEPS = JSON.parse(await readFile(here('../fixtures/record-store.json'), 'utf8'))

/** Runs in the page: does the steps on a new record store and gives its answers in the file's own form. */
async function answers({ module, kind, steps }) {
  const { encrypt, IndexedDbRecords, MemoryRecords } = await import(module)
  const onDisk = (first) => new IndexedDbRecords(crypto.randomUUID(), kind, first)
  const encrypted = async () => {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
    kind = 'relaxed'
    return (await encrypt(key, 'name', onDisk, undefined))[0]
  }
  const records = kind === 'memory' ? new MemoryRecords() : kind === 'encrypted' ? await encrypted() : onDisk()
  const toBytes = (text) => (typeof text === 'number' ? new Uint8Array(text) : text === null ? undefined : new TextEncoder().encode(text))
  const toText = (bytes) => (bytes === undefined ? null : bytes.length > 100 && !bytes.some(Boolean) ? bytes.length : new TextDecoder().decode(bytes))
  const answer = async (asked) => {
    if ('open' in asked) {
      const { head, numbers, records: log } = await records.open(asked.open ?? undefined)
      return { head: toText(head), log: numbers.map((number, index) => [number, toText(log[index])]) }
    }
    if ('append' in asked && 'bytes' in asked) return records.append(asked.append, toBytes(asked.bytes), asked.checked)
    if ('read' in asked) return (await records.read(asked.read)).map(toText)
    return records.checkpoint({
      headBefore: toBytes(asked.headBefore),
      head: toBytes(asked.checkpoint),
      numbers: asked.segments.map(([number]) => number),
      segments: asked.segments.map(([, bytes]) => toBytes(bytes)),
      dropSegments: asked.dropSegments,
      dropLogBelow: asked.dropLogBelow,
      append: asked.append === null ? undefined : { seq: asked.append[0], bytes: toBytes(asked.append[1]) },
    })
  }
  const found = []
  for (const [asked] of steps) found.push([asked, await answer(asked)])
  records.close()
  return found
}

let page, module

before(async () => {
  const contents = `
    export { IndexedDbRecords } from './indexeddb.ts'
    export { MemoryRecords } from './memory.ts'
    export { encrypt } from '../encryption.ts'`
  const stdin = { contents, resolveDir: here('../../js/src/records'), loader: 'ts' }
  const bundle = await build({ stdin, bundle: true, format: 'esm', write: false })
  module = `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString('base64')}`
  page = await context.newPage()
  await page.goto(await site.origin())
  await page.evaluate(async (module) => void Object.assign(globalThis, await import(module)), module)
})

for (const kind of ['memory', 'relaxed', 'strict', 'encrypted']) {
  test(`${kind === 'memory' ? kind : `IndexedDB, ${kind},`} answers as every record store must`, async () => {
    const found = await page.evaluate(answers, { module, kind, steps: STEPS })
    for (const [number, step] of STEPS.entries()) assert.deepEqual(found[number], step, `step ${number}`)
    assert.ok(found.length > 20)
  })
}

test('a closed connection opens again', async () => {
  const log = await page.evaluate(async () => {
    const records = new IndexedDbRecords(crypto.randomUUID(), 'relaxed')
    await records.append(1, new Uint8Array([7]), true)
    records.close()
    const opened = await records.open(0)
    const again = await records.open(0)
    return [opened.numbers, again.numbers, [...again.records[0]]]
  })
  assert.deepEqual(log, [[0], [1], [7]], 'what was read ahead may be old, the next reading is not')
})

test('a database deleted under an open store does not wait for it, and is made anew', async () => {
  const found = await page.evaluate(async () => {
    const name = crypto.randomUUID()
    const records = new IndexedDbRecords(name, 'relaxed')
    await records.open(undefined)
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(`pannier:${name}`)
      request.onsuccess = resolve
      request.onblocked = () => reject(new Error('blocked'))
    })
    return (await records.open(undefined)).numbers
  })
  assert.deepEqual(found, [0])
})

test('a database that somebody has made anew under the same numbers takes no record of the old time', async () => {
  const found = await page.evaluate(async () => {
    const name = crypto.randomUUID()
    const records = new IndexedDbRecords(name, 'relaxed')
    await records.open(undefined)
    await new Promise((resolve) => (indexedDB.deleteDatabase(`pannier:${name}`).onsuccess = resolve))
    const other = new IndexedDbRecords(name, 'relaxed')
    await other.open(undefined)
    const refused = await Promise.all(
      [records.append(1, new Uint8Array([1]), true), records.open(0), records.read([1])].map((one) => one.catch(({ name }) => name)),
    )
    const { numbers } = await records.open(undefined)
    return { refused, numbers, isTaken: await records.append(1, new Uint8Array([2]), true) }
  })
  const refused = Array(3).fill('ReplacedError')
  assert.deepEqual(found, { refused, numbers: [0], isTaken: true })
})

test('two connections never take the same number', async () => {
  const found = await page.evaluate(async () => {
    const name = crypto.randomUUID()
    const [first, second] = [new IndexedDbRecords(name, 'relaxed'), new IndexedDbRecords(name, 'relaxed')]
    const append = (records, seq) => records.append(seq, new Uint8Array([seq]), true)
    return [await append(first, 1), await append(second, 1), await append(second, 2), await append(first, 2), await append(first, 3)]
  })
  assert.deepEqual(found, [true, false, true, false, true])
})

test('an unchecked append that comes too late is left under a later number', async () => {
  const found = await page.evaluate(async () => {
    const records = new IndexedDbRecords(crypto.randomUUID(), 'relaxed')
    await records.open(undefined)
    const append = (seq) => records.append(seq, new Uint8Array([seq]), false)
    const done = [await append(1), await append(1), await append(3)]
    const { numbers, records: log } = await records.open(undefined)
    return [done, numbers, log.map((bytes) => [...bytes])]
  })
  assert.deepEqual(found, [[true, false, true], [0, 1, 2, 3], [[], [1], [1], [3]]])
})

test('a request that throws half-way leaves nothing of its transaction', async () => {
  const found = await page.evaluate(async () => {
    const records = new IndexedDbRecords(crypto.randomUUID(), 'relaxed')
    await records.open(undefined)
    const checkpoint = { headBefore: undefined, head: () => {}, numbers: [1], segments: [new Uint8Array(1)] }
    const error = await records
      .checkpoint({ ...checkpoint, dropSegments: [], dropLogBelow: 0, append: undefined })
      .then(() => 'done', ({ name }) => name)
    return [error, await records.read([1])]
  })
  assert.deepEqual(found, ['DataCloneError', [undefined]])
})
