// The command line of the benchmark.
import { parseArgs } from 'node:util'

export const WORKLOADS = {
  bulk_load: 'ms',
  put_durable: 'ops/s',
  put_together: 'ops/s',
  get_warm: 'ops/s',
  scan_1000: 'rows/s',
  scan_1000_cold: 'rows/s',
  scan_1000_disk: 'rows/s',
  index_query_100: 'queries/s',
  recent_50: 'queries/s',
  cold_first_cart: 'ms',
  cold_open: 'ms',
  bytes_stored: 'bytes',
  memory_100k: 'bytes',
}

/** What a shop might take instead. */
export const PEERS = [
  'idb', 'idb-keyval', 'dexie', 'replicache', 'tinybase', 'tanstack-db', 'rxdb', 'pouchdb', 'sqlite-wasm', 'wa-sqlite',
]

/** Pannier's own, in clear and under a key. */
export const OWN = ['pannier', 'pannier-encrypted']

export const SYSTEMS = [...OWN, ...PEERS, 'limit']

/** Fewer repetitions say nothing about spread; only a partial run, for work on one thing, may have them. */
export const REPETITIONS_MIN = 3

/** Throws with a message for the user when an option is unknown or makes no sense. */
export function options(args) {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'string' },
      only: { type: 'string' },
      systems: { type: 'string' },
      reps: { type: 'string', default: String(REPETITIONS_MIN) },
    },
  })
  const repetitions = Number(values.reps)
  if (!Number.isInteger(repetitions) || repetitions < 1) throw new Error(`--reps ${values.reps}: not a whole number above 0`)
  const partial = values.only !== undefined || values.systems !== undefined
  if (!partial && repetitions < REPETITIONS_MIN) {
    throw new Error(`--reps ${repetitions}: a full run needs at least ${REPETITIONS_MIN}`)
  }
  return {
    json: values.json,
    workloads: chosen('--only', values.only, Object.keys(WORKLOADS)),
    systems: chosen('--systems', values.systems, SYSTEMS),
    repetitions,
  }
}

function chosen(flag, list, known) {
  if (list === undefined) return known
  const names = list.split(',')
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined) throw new Error(`${flag}: no ${unknown || 'empty name'}; there are ${known.join(', ')}`)
  return known.filter(name => names.includes(name))
}
