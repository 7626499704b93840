// What Pannier's figures must reach, and whether they do.
import { aligned, amount, better } from './figures.mjs'
import { PEERS } from './options.mjs'

/** The 10,000 products as JSON, each of 450 bytes. */
const JSON_BYTES = 10_000 * 450

// `bound` is given the median of a system for the same workload, NaN where there is none.
const MUSTS = [
  { workload: 'bulk_load', wanted: 'at most 3 × limit', bound: of => 3 * of('limit') },
  { workload: 'bulk_load', wanted: 'better than every peer', bound: of => Math.min(...measured(PEERS.map(of))), strictly: true },
  { workload: 'put_durable', wanted: 'at least 0.9 × limit', bound: of => 0.9 * of('limit') },
  { workload: 'put_together', wanted: 'at least', bound: () => 60_000 },
  { workload: 'get_warm', wanted: 'at least', bound: () => 700_000 },
  { workload: 'scan_1000', wanted: 'at least', bound: () => 2_500_000 },
  { workload: 'scan_1000_cold', wanted: 'at least', bound: () => 800_000 },
  { workload: 'index_query_100', wanted: 'at least', bound: () => 8_000 },
  { workload: 'recent_50', wanted: 'at least', bound: () => 40_000 },
  { workload: 'cold_first_cart', wanted: 'at most idb + 5 ms', bound: of => of('idb') + 5 },
  { workload: 'bytes_stored', wanted: 'at most 40 % of their JSON', bound: () => 0.4 * JSON_BYTES, found: share },
  { workload: 'memory_100k', wanted: 'under 16 MiB', bound: () => 16 * 2 ** 20, strictly: true },
]

function measured(medians) {
  const found = medians.filter(Number.isFinite)
  return found.length > 0 ? found : [NaN]
}

function share({ median }) {
  return `${((100 * median) / JSON_BYTES).toFixed(1)} %`
}

/** Each must of a workload that Pannier has a figure for: `met` is undefined where the other side was not measured. */
export function judged(all) {
  return MUSTS.flatMap(must => {
    const own = all.find(row => row.system === 'pannier' && row.workload === must.workload)
    if (own === undefined) return []
    const of = system => all.find(row => row.system === system && row.workload === must.workload)?.median ?? NaN
    const bound = must.bound(of)
    const met = Number.isNaN(bound) ? undefined : better(own.unit, own.median, bound) || (own.median === bound && !must.strictly)
    return [{ ...must, own, bound, met }]
  })
}

/** The musts as aligned text. */
export function musts(all) {
  const lines = judged(all).map(({ workload, wanted, own, bound, met, found }) => [
    workload,
    met === undefined ? 'not judged' : met ? 'met' : 'SHORT',
    `${amount(own.median)} ${own.unit}${found === undefined ? '' : ` (${found(own)})`}`,
    `${wanted}${Number.isNaN(bound) ? '' : `: ${amount(bound)}`}`,
  ])
  return lines.length === 0 ? '' : aligned([['must', '', 'pannier', 'wanted'], ...lines], [0, 1, 2, 3])
}
