// How long Pannier holds the main thread, with the processor throttled to a quarter, in headless Chromium:
// node tests/bench/tasks.mjs
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPannierd } from '../drive/index.mjs'
import { withBrowser } from './browser.mjs'
import { buildPage, servePage } from './site.mjs'

const work = fileURLToPath(new URL('../../target/bench', import.meta.url))

const THROTTLE = 4
const TASK_MS_MAX = 50

const WORK = [
  ['loadInSlices', '50,000 products, 100 a commit'],
  ['loadThousands', '50,000 rows, 1,000 by a putMany'],
  ['loadTenThousands', '50,000 rows, 10,000 by a putMany'],
  ['loadAtOnce', '50,000 products by one putMany'],
  ['pieces', "50,000 products from the catalogue's pieces"],
  ['checkpoint', 'a checkpoint of 400 products'],
  ['compaction', '25,000 products written anew, and compaction'],
  ['edits', '10,000 cart edits, 20 at a time'],
  ['rebase', 'a rebase of 10,000 mutations'],
]

async function measured(url, profile) {
  return withBrowser(profile, url, async (open) => {
    const [page, other] = [await open(), await open()]
    const step = (on, name, asked) => on.evaluate(([name, asked]) => window.bench.tasks[name](asked), [name, asked])
    await Promise.all([step(page, 'begin'), step(other, 'begin')])
    const server = await startServer(profile, await page.evaluate(() => window.bench.tasks.catalogue()))
    const session = await page.context().newCDPSession(page)
    await session.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE })
    const found = []
    for (const [name, what] of WORK) {
      if (name === 'rebase') await step(other, 'lines')
      const taken = step(page, name, `${server.url}/v1`)
      if (name === 'rebase') await step(other, 'touch')
      found.push({ what, ...(await taken) })
      console.error(`${what}: ${JSON.stringify(found.at(-1))}`)
    }
    await server.stop()
    return found
  })
}

/** A server of these products, one a line. */
function startServer(folder, catalogue) {
  const catalog = join(folder, 'products.ndjson')
  writeFileSync(catalog, catalogue)
  return startPannierd({ db: join(folder, 'shop.db'), catalog })
}

async function main() {
  mkdirSync(work, { recursive: true })
  await buildPage()
  const site = await servePage()
  const profile = mkdtempSync(join(work, 'tasks-'))
  try {
    const found = await measured(site.url, profile)
    console.log(`longest task, tasks of ${TASK_MS_MAX} ms and more, and all of the work, throttled ${THROTTLE} times:`)
    for (const { what, longestMs, count, totalMs } of found) {
      const longest = count === 0 ? `under ${TASK_MS_MAX} ms` : `${longestMs.toFixed(0)} ms`
      console.log(`${what.padEnd(48)} ${longest.padStart(12)} ${String(count).padStart(6)} ${totalMs.toFixed(0).padStart(8)} ms`)
    }
  } finally {
    await site.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  }
}

main().catch((error) => {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
})
