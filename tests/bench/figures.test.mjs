import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, ratio, rows, table } from './figures.mjs'
import { lacking, lacks } from './lacking.mjs'
import { measure } from './measure.mjs'
import { judged, musts } from './musts.mjs'
import { USED } from './notes.mjs'
import { options, SYSTEMS, WORKLOADS } from './options.mjs'

test('median of odd and even counts, whatever the order', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 3, 2]), 2.5)
})

const repetitions = [30, 10, 20].flatMap(ms => [
  { system: 'pannier', figures: { bulk_load: ms } },
  { system: 'idb', figures: { bulk_load: 4 * ms } },
])

test('rows carry median and spread', () => {
  assert.deepEqual(rows(repetitions, ['bulk_load'], ['pannier', 'idb']), [
    { workload: 'bulk_load', system: 'pannier', unit: 'ms', median: 20, min: 10, max: 30 },
    { workload: 'bulk_load', system: 'idb', unit: 'ms', median: 80, min: 40, max: 120 },
  ])
})

test('a missing figure is an error, not a hole in the table', () => {
  assert.throws(() => rows(repetitions, ['get_warm'], ['idb']), /idb: no figure for get_warm/)
})

test('a ratio above 1 is better, for costs and for rates', () => {
  assert.equal(ratio({ unit: 'ms', median: 20 }, { unit: 'ms', median: 80 }), 4)
  assert.equal(ratio({ unit: 'ops/s', median: 20 }, { unit: 'ops/s', median: 80 }), 0.25)
})

test('the table leaves a ratio out where the other system was not measured', () => {
  const [, line] = table(rows(repetitions, ['bulk_load'], ['idb'])).split('\n')
  assert.match(line, /^bulk_load {2}idb .* 1\.00$/)
})

test('the table compares with Pannier, idb and the limit', () => {
  const all = [row('bulk_load', 'pannier', 60), row('bulk_load', 'idb', 240), row('bulk_load', 'limit', 30)]
  const lines = table(all).split('\n')
  assert.match(lines[0], /× pannier +× idb +× limit$/)
  assert.match(lines[1], / 1\.00 +4\.00 +0\.50$/)
})

test('what a system lacks has no row and a reason; nothing else may be missing', () => {
  const figures = { memory_100k: 1, index_query_100: 2 }
  const done = ['pannier', 'idb-keyval'].map(system => ({ system, figures }))
  const found = rows(done, ['index_query_100', 'memory_100k'], ['pannier', 'idb-keyval'])
  assert.deepEqual(found.map(({ workload, system }) => [workload, system]), [['index_query_100', 'pannier'], ['memory_100k', 'pannier']])
  for (const workload of Object.keys(WORKLOADS)) assert.equal(lacking('pannier', workload), undefined)
  assert.deepEqual(lacks(['pannier', 'idb', 'dexie'], ['bulk_load', 'memory_100k']), [
    'no memory_100k: a bound for Pannier, no comparison (idb, dexie)',
  ])
})

test('a system that fails loses its own figures alone', async () => {
  const tried = []
  const lines = []
  const take = async system => {
    tried.push(system)
    if (system === 'dexie') throw new Error('a row is missing')
    return { bulk_load: 1 }
  }
  const { done, failures } = await measure({ systems: ['pannier', 'dexie', 'idb'], repetitions: 2 }, take, line => lines.push(line))
  assert.deepEqual(tried.toSorted(), ['dexie', 'idb', 'idb', 'pannier', 'pannier'])
  assert.deepEqual(done.map(one => one.system).toSorted(), ['idb', 'idb', 'pannier', 'pannier'])
  assert.deepEqual([...failures], [['dexie', 'a row is missing']])
  assert.match(lines[1], /^repetition 1 of 2: dexie, \d+ s, FAILED: a row is missing$/)
})

const row = (workload, system, median) => ({ workload, system, unit: WORKLOADS[workload], median, min: median, max: median })

const outcome = all => judged(all).map(({ workload, met }) => [workload, met])

test('a must is met at its bound, for costs and for rates', () => {
  assert.deepEqual(outcome([row('put_together', 'pannier', 60_000)]), [['put_together', true]])
  assert.deepEqual(outcome([row('put_together', 'pannier', 59_990)]), [['put_together', false]])
  assert.deepEqual(outcome([row('bytes_stored', 'pannier', 1_800_000)]), [['bytes_stored', true]])
  assert.deepEqual(outcome([row('bytes_stored', 'pannier', 1_801_000)]), [['bytes_stored', false]])
  assert.deepEqual(outcome([row('memory_100k', 'pannier', 16 * 2 ** 20)]), [['memory_100k', false]])
})

test('a must against the limit and the peers', () => {
  const bulk = (own, idb, limit) => [row('bulk_load', 'pannier', own), row('bulk_load', 'idb', idb), row('bulk_load', 'limit', limit)]
  assert.deepEqual(outcome(bulk(90, 91, 30)), [['bulk_load', true], ['bulk_load', true]])
  assert.deepEqual(outcome(bulk(91, 90, 30)), [['bulk_load', false], ['bulk_load', false]])
  const cart = (own, idb) => [row('cold_first_cart', 'pannier', own), row('cold_first_cart', 'idb', idb)]
  assert.deepEqual(outcome(cart(15, 10)), [['cold_first_cart', true]])
  assert.deepEqual(outcome(cart(15.1, 10)), [['cold_first_cart', false]])
})

test('a must is not judged where the other side was not measured', () => {
  assert.deepEqual(outcome([row('bulk_load', 'pannier', 90)]), [['bulk_load', undefined], ['bulk_load', undefined]])
  assert.equal(musts([row('bulk_load', 'idb', 90)]), '')
})

test('the musts as text', () => {
  assert.equal(
    musts([row('put_together', 'pannier', 59_000), row('bytes_stored', 'pannier', 1_575_000)]),
    [
      'must                 pannier                   wanted',
      'put_together  SHORT  59,000 ops/s              at least: 60,000',
      'bytes_stored  met    1,575,000 bytes (35.0 %)  at most 40 % of their JSON: 1,800,000',
    ].join('\n'),
  )
})

test('every system tells how it was used', () => {
  assert.deepEqual(Object.keys(USED), SYSTEMS)
})

test('options', () => {
  assert.deepEqual(options([]), {
    json: undefined,
    workloads: Object.keys(WORKLOADS),
    systems: SYSTEMS,
    repetitions: 3,
  })
  assert.deepEqual(options(['--systems', 'idb,pannier']).systems, ['pannier', 'idb'])
  assert.throws(() => options(['--only', 'get_cold']), /--only: no get_cold; there are bulk_load,/)
  assert.throws(() => options(['--reps', '2']), /a full run needs at least 3/)
  assert.throws(() => options(['--reps', '0', '--only', 'get_warm']), /not a whole number/)
})
