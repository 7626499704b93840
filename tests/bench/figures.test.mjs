import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, ratio, rows, table } from './figures.mjs'
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
