// Medians, ratios and the table.
import { lacking } from './lacking.mjs'
import { WORKLOADS } from './options.mjs'

/** Units of which less is better. */
const COSTS = ['ms', 'bytes']

export function median(values) {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Rows `{workload, system, unit, median, min, max}` from the repetitions `{system, figures}`, but for what a system lacks. */
export function rows(repetitions, workloads, systems) {
  return workloads.flatMap(workload =>
    systems.filter(system => lacking(system, workload) === undefined).map(system => {
      const values = repetitions.filter(one => one.system === system).map(one => one.figures[workload])
      if (values.length === 0 || !values.every(Number.isFinite)) throw new Error(`${system}: no figure for ${workload}`)
      return {
        workload,
        system,
        unit: WORKLOADS[workload],
        median: rounded(median(values)),
        min: rounded(Math.min(...values)),
        max: rounded(Math.max(...values)),
      }
    }),
  )
}

/** Four digits: more than the spread allows to trust, enough for a ratio. */
const rounded = value => Number(value.toPrecision(4))

/** Whether one amount of `unit` is better than another. */
export function better(unit, one, other) {
  return COSTS.includes(unit) ? one < other : one > other
}

/** How many times better `row` is than `other`: above 1 is faster or smaller. */
export function ratio(row, other) {
  return COSTS.includes(row.unit) ? other.median / row.median : row.median / other.median
}

const AGAINST = ['pannier', 'idb', 'limit']

/** The rows as aligned text, with how many times better each is than `pannier`, `idb` and `limit`. */
export function table(all) {
  const lines = [['workload', 'system', 'median', 'min – max', 'unit', ...AGAINST.map(system => `× ${system}`)]]
  for (const row of all) {
    const against = system => {
      const other = all.find(one => one.workload === row.workload && one.system === system)
      return other === undefined ? '' : times(ratio(row, other))
    }
    const spread = `${amount(row.min)} – ${amount(row.max)}`
    lines.push([row.workload, row.system, amount(row.median), spread, row.unit, ...AGAINST.map(against)])
  }
  return aligned(lines, [0, 1, 4])
}

export const amount = value => value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 2 : 0 })
const times = value => (value < 0.1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(0))

/** Lines of cells as text in columns, those of `left` aligned to the left. */
export function aligned(lines, left) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map(line => line[column].length)))
  const cell = (text, column) => (left.includes(column) ? text.padEnd(widths[column]) : text.padStart(widths[column]))
  return lines.map(line => line.map(cell).join('  ').trimEnd()).join('\n')
}
