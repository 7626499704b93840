// Medians, ratios and the table.
import { WORKLOADS } from './options.mjs'

/** Units of which less is better. */
const COSTS = ['ms', 'bytes']

export function median(values) {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Rows `{workload, system, unit, median, min, max}` from the repetitions `{system, figures}`. */
export function rows(repetitions, workloads, systems) {
  return workloads.flatMap(workload =>
    systems.map(system => {
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

/** How many times better `row` is than `other`: above 1 is faster or smaller. */
export function ratio(row, other) {
  return COSTS.includes(row.unit) ? other.median / row.median : row.median / other.median
}

/** The rows as aligned text, with how many times better each is than `pannier` and than `idb`. */
export function table(all) {
  const lines = [['workload', 'system', 'median', 'min – max', 'unit', '× pannier', '× idb']]
  for (const row of all) {
    const against = system => {
      const other = all.find(one => one.workload === row.workload && one.system === system)
      return other === undefined ? '' : times(ratio(row, other))
    }
    const spread = `${number(row.min)} – ${number(row.max)}`
    lines.push([row.workload, row.system, number(row.median), spread, row.unit, against('pannier'), against('idb')])
  }
  return aligned(lines)
}

const number = value => value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 2 : 0 })
const times = value => (value < 0.1 ? value.toFixed(3) : value < 10 ? value.toFixed(2) : value.toFixed(0))

const LEFT = [0, 1, 4]

function aligned(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map(line => line[column].length)))
  const cell = (text, column) => (LEFT.includes(column) ? text.padEnd(widths[column]) : text.padStart(widths[column]))
  return lines.map(line => line.map(cell).join('  ').trimEnd()).join('\n')
}
