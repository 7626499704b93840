// Which figures a system cannot have, and why: said instead of a figure that would mean something else.

import { OWN } from './options.mjs'

const NOT_COMPARED = 'a bound for Pannier, no comparison'
const NO_LIMIT = 'without a store, lists in memory are cut'

const REASONS = {
  'idb-keyval': { index_query_100: 'it has no indexes' },
  limit: {
    scan_1000: NO_LIMIT, scan_1000_cold: NO_LIMIT, scan_1000_disk: NO_LIMIT, index_query_100: NO_LIMIT, recent_50: NO_LIMIT,
  },
}

/** Why `system` has no figure for `workload`; undefined where it must have one. */
export function lacking(system, workload) {
  return REASONS[system]?.[workload] ?? (workload === 'memory_100k' && !OWN.includes(system) ? NOT_COMPARED : undefined)
}

/** A line for each reason among `workloads`, with the systems that share it. */
export function lacks(systems, workloads) {
  const found = new Map()
  for (const workload of workloads) {
    for (const system of systems) {
      const reason = lacking(system, workload)
      if (reason === undefined) continue
      const key = `${workload}: ${reason}`
      found.set(key, [...(found.get(key) ?? []), system])
    }
  }
  return [...found].map(([key, without]) => `no ${key} (${without.join(', ')})`)
}
