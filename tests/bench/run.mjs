// Compares Pannier with what a shop would pick instead, and with the platform's limits, in headless Chromium:
// node tests/bench/run.mjs [--json FILE] [--only WORKLOAD,…] [--systems NAME,…] [--reps N]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserVersion } from './browser.mjs'
import { rows, table } from './figures.mjs'
import { lacks } from './lacking.mjs'
import { measure } from './measure.mjs'
import { musts } from './musts.mjs'
import { TAKEN, USED } from './notes.mjs'
import { options, OWN } from './options.mjs'
import { repetition } from './repetition.mjs'
import { buildPage, pannierVersion, servePage } from './site.mjs'

const work = fileURLToPath(new URL('../../target/bench', import.meta.url))

/** The installed version of a package that does not export its manifest. */
function installed(name) {
  let directory = dirname(fileURLToPath(import.meta.resolve(name)))
  for (;;) {
    try {
      const { name: found, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
      if (found === name) return version
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
    if (directory === dirname(directory)) throw new Error(`no manifest of ${name}`)
    directory = dirname(directory)
  }
}

/** Where a system's package has another name than the system. */
const PACKAGES = {
  'tanstack-db': '@tanstack/db',
  pouchdb: 'pouchdb-browser',
  'sqlite-wasm': '@sqlite.org/sqlite-wasm',
  'wa-sqlite': '@journeyapps/wa-sqlite',
}

function versioned(system) {
  if (system === 'limit') return system
  return `${system} ${OWN.includes(system) ? pannierVersion() : installed(PACKAGES[system] ?? system)}`
}

async function measured({ systems, workloads, repetitions }) {
  const site = await servePage()
  const directory = mkdtempSync(join(work, 'profiles-'))
  try {
    const take = system => repetition({ system, workloads, url: site.url, directory })
    return await measure({ systems, repetitions }, take, line => console.error(line))
  } finally {
    rmSync(directory, { recursive: true, force: true })
    await site.close()
  }
}

async function main() {
  const chosen = options(process.argv.slice(2))
  mkdirSync(work, { recursive: true })
  if (chosen.systems.some(system => OWN.includes(system)) && pannierVersion() === null) {
    throw new Error('no packed package: run `cargo xtask pack` first, or leave pannier out with --systems')
  }
  await buildPage()
  const start = Date.now()
  const load = [loadavg()[0]]
  const { done, failures } = await measured(chosen)
  load.push(loadavg()[0])
  const systems = chosen.systems.filter(system => !failures.has(system))
  const all = rows(done, chosen.workloads, systems)
  if (chosen.json !== undefined) writeFileSync(chosen.json, `${JSON.stringify(all, null, 2)}\n`)
  for (const text of [table(all), musts(all)].filter(text => text !== '')) console.log(`${text}\n`)
  const minutes = ((Date.now() - start) / 60_000).toFixed(1)
  console.log(`Chromium ${await browserVersion()}, ${chosen.repetitions} repetitions in ${minutes} minutes, ${cpus().length} cores, load average ${load.map(one => one.toFixed(1)).join(' at the start, ')} at the end`)
  for (const system of systems) console.log(`${versioned(system)}: ${USED[system]}`)
  for (const line of [...lacks(systems, chosen.workloads), ...TAKEN]) console.log(`- ${line}`)
  for (const [system, message] of failures) console.error(`bench: ${system} failed, and has no figures: ${message.split('\n', 1)[0]}`)
  if (failures.size > 0) process.exitCode = 1
}

main().catch(error => {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
})
