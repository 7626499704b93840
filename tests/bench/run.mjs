// Compares Pannier with raw IndexedDB, Dexie and Replicache in headless Chromium:
// node tests/bench/run.mjs [--json FILE] [--only WORKLOAD,…] [--systems NAME,…] [--reps N]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserVersion } from './browser.mjs'
import { rows, table } from './figures.mjs'
import { TAKEN, USED } from './notes.mjs'
import { options } from './options.mjs'
import { repetition } from './repetition.mjs'
import { buildPage, pannierVersion, servePage } from './site.mjs'

const work = fileURLToPath(new URL('../../target/bench', import.meta.url))

/** The systems in another order each repetition, so that none always follows the same one or runs on a fresher machine. */
function turned(systems, number) {
  const place = number % systems.length
  const order = [...systems.slice(place), ...systems.slice(0, place)]
  return number % 2 === 0 ? order : order.reverse()
}

async function measure({ systems, workloads, repetitions }, url) {
  const directory = mkdtempSync(join(work, 'profiles-'))
  const done = []
  try {
    for (let number = 0; number < repetitions; number++) {
      for (const system of turned(systems, number)) {
        const start = Date.now()
        done.push({ system, figures: await repetition({ system, workloads, url, directory }) })
        console.error(`repetition ${number + 1} of ${repetitions}: ${system}, ${((Date.now() - start) / 1000).toFixed(0)} s`)
      }
    }
    return done
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

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

function versioned(system) {
  if (system === 'limit') return system
  return `${system} ${system === 'pannier' ? pannierVersion() : installed(system)}`
}

async function main() {
  const chosen = options(process.argv.slice(2))
  mkdirSync(work, { recursive: true })
  if (chosen.systems.includes('pannier') && pannierVersion() === null) {
    throw new Error('no packed package: run `cargo xtask pack` first, or leave pannier out with --systems')
  }
  await buildPage()
  const load = [loadavg()[0]]
  const site = await servePage()
  let all
  try {
    all = rows(await measure(chosen, site.url), chosen.workloads, chosen.systems)
  } finally {
    await site.close()
  }
  load.push(loadavg()[0])
  console.log(table(all))
  console.log(`\nChromium ${await browserVersion()}, ${chosen.repetitions} repetitions, ${cpus().length} cores, load average ${load.map(one => one.toFixed(1)).join(' at the start, ')} at the end`)
  for (const system of chosen.systems) console.log(`${versioned(system)}: ${USED[system]}`)
  for (const line of TAKEN) console.log(`- ${line}`)
  if (chosen.json !== undefined) writeFileSync(chosen.json, `${JSON.stringify(all, null, 2)}\n`)
}

main().catch(error => {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
})
