// Which figures a system cannot have, and why: said instead of a figure that would mean something else.

const NO_BUDGET = 'it has no budget for what it keeps in memory'

const REASONS = {
  'idb-keyval': { index_query_100: 'it has no indexes' },
  limit: {
    scan_1000_cold: 'it decodes everything at its first read',
    memory_100k: 'it uses no wasm',
  },
}

/** Why `system` has no figure for `workload`; undefined where it must have one. */
export function lacking(system, workload) {
  return REASONS[system]?.[workload] ?? (workload === 'memory_100k' && system !== 'pannier' ? NO_BUDGET : undefined)
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
