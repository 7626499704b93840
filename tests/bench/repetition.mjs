// One repetition of one system: a fresh profile, and the browser closed and started again between its parts.
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { withBrowser } from './browser.mjs'
import { median } from './figures.mjs'

/** Fresh pages a repetition; its figure is their median, since one page start varies by several milliseconds. */
const COLD_PAGES = 5

/** Gives a figure for each of `workloads`. Throws when an answer is wrong. */
export async function repetition({ system, workloads, url, directory }) {
  const wanted = name => workloads.includes(name)
  const profile = mkdtempSync(join(directory, `${system}-`))
  const session = use => withBrowser(profile, url, use)
  try {
    const figures = {}
    const load = await session(open => run(open, system, ['bulkLoad']))
    figures.bulk_load = load.bulkLoad

    const reads = await session(open => run(open, system, ['verifyBulkLoad', ...readSteps(wanted)]))
    figures.get_warm = reads.getWarm
    figures.scan_1000 = reads.scan1000
    figures.index_query_100 = reads.indexQuery100
    // The browser was closed, opened and closed: by then its storage has deleted what a first close leaves to chance.
    figures.bytes_stored = directoryBytes(storage(profile))

    if (wanted('put_durable') || wanted('put_together')) {
      Object.assign(figures, await writes({ system, url, profile, directory }))
    }
    if (wanted('cold_first_cart')) {
      await session(open => run(open, system, ['fillCart']))
      figures.cold_first_cart = await session(open => coldFirstCart(open, system))
    }
    return Object.fromEntries(workloads.map(name => [name, figures[name]]))
  } catch (error) {
    throw new Error(`${system}: ${error.message}`, { cause: error })
  } finally {
    removeProfile(profile)
  }
}

/** On a copy of the profile: the lines written here are as many as a cart may have, and a cold start reads 20. */
async function writes({ system, url, profile, directory }) {
  const copy = mkdtempSync(join(directory, `${system}-writes-`))
  try {
    cpSync(profile, copy, { recursive: true })
    const steps = names => withBrowser(copy, url, open => run(open, system, names))
    const { putDurable, putTogether } = await steps(['putDurable', 'putTogether'])
    await steps(['verifyPutDurable', 'verifyPutTogether'])
    return { put_durable: putDurable, put_together: putTogether }
  } finally {
    removeProfile(copy)
  }
}

function removeProfile(profile) {
  // Chromium's last helper processes may still write while the directory goes, hence the retries.
  rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
}

function readSteps(wanted) {
  const steps = { get_warm: 'getWarm', scan_1000: 'scan1000', index_query_100: 'indexQuery100' }
  return Object.keys(steps).filter(wanted).map(name => steps[name])
}

async function run(open, system, steps) {
  const page = await open()
  return page.evaluate(([name, names]) => window.bench.run(name, names), [system, steps])
}

async function coldFirstCart(open, system) {
  const samples = []
  for (let number = 0; number < COLD_PAGES; number++) {
    const page = await open()
    samples.push(await page.evaluate(name => window.bench.coldFirstCart(name), system))
    await page.close()
  }
  return median(samples)
}

const storage = profile => join(profile, 'Default', 'IndexedDB')

function directoryBytes(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  return files.reduce((total, file) => total + statSync(join(file.parentPath ?? file.path, file.name)).size, 0)
}
