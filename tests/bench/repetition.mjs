// One repetition of one system: a fresh profile, and the browser closed and started again between its parts.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
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
    await session(async open => {
      figures.bulk_load = (await run(await open(), system, ['bulkLoad'])).bulkLoad
    })
    // The browser is closed: what is there now is what the profile costs on the disk.
    figures.bytes_stored = directoryBytes(storage(profile))

    await session(async open => {
      const steps = ['verifyBulkLoad', 'fillCart']
      if (wanted('get_warm')) steps.push('getWarm')
      if (wanted('scan_1000')) steps.push('scan1000')
      if (wanted('index_query_100')) steps.push('indexQuery100')
      const measured = await run(await open(), system, steps)
      figures.get_warm = measured.getWarm
      figures.scan_1000 = measured.scan1000
      figures.index_query_100 = measured.indexQuery100
    })

    const writes = wanted('put_durable') || wanted('put_together')
    if (wanted('cold_first_cart') || writes) {
      await session(async open => {
        if (wanted('cold_first_cart')) figures.cold_first_cart = await coldFirstCart(open, system)
        if (!writes) return
        const measured = await run(await open(), system, ['putDurable', 'putTogether'])
        figures.put_durable = measured.putDurable
        figures.put_together = measured.putTogether
      })
    }
    if (writes) {
      await session(async open => run(await open(), system, ['verifyPutDurable', 'verifyPutTogether']))
    }
    return Object.fromEntries(workloads.map(name => [name, figures[name]]))
  } catch (error) {
    throw new Error(`${system}: ${error.message}`, { cause: error })
  } finally {
    // Chromium's last helper processes may still write while the directory goes, hence the retries.
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  }
}

function run(page, system, steps) {
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
