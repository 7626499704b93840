// The table in docs/browsers.md: a row for each fault, a column for each engine, written by the tests.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const PAGE = fileURLToPath(new URL('../../docs/browsers.md', import.meta.url))
const ENGINES = { chromium: 'Chromium', firefox: 'Firefox', webkit: 'WebKitGTK' }
const BEGIN = '<!-- written by tests/browser -->'

/** Writes what came of the faults in one engine, where they were put in; the other columns stay. */
export async function writeColumn(engine, results) {
  const page = await readFile(PAGE, 'utf8')
  const at = page.indexOf(BEGIN) + BEGIN.length
  const before = read(page.slice(at))
  const rows = new Map()
  for (const { name, states, isGood } of results) {
    const row = { ...before.get(name), states: states.join(', then ') || 'none' }
    if (isGood !== undefined) row[engine] = isGood ? 'holds' : '**fails**'
    rows.set(name, row)
  }
  const heads = ['fault', 'states told', ...Object.values(ENGINES)]
  const lines = [heads, heads.map(() => '---')]
  for (const [name, row] of rows) {
    lines.push([name, row.states, ...Object.keys(ENGINES).map((engine) => row[engine] ?? 'not run')])
  }
  const table = lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
  await writeFile(PAGE, `${page.slice(0, at)}\n\n${table}`)
}

function read(table) {
  const rows = new Map()
  for (const line of table.split('\n').filter((line) => line.startsWith('|')).slice(2)) {
    const [name, states, ...cells] = line.slice(2, -2).split(' | ')
    rows.set(name, { states, ...Object.fromEntries(Object.keys(ENGINES).map((engine, index) => [engine, cells[index]])) })
  }
  return rows
}
