// One repetition of one system: a fresh profile, and the browser closed and started again between its parts.
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { withBrowser } from './browser.mjs'
import { median } from './figures.mjs'
import { lacking } from './lacking.mjs'

/** Fresh pages a repetition; its figure is their median, since one page start varies by several milliseconds. */
const COLD_PAGES = 5

/** The workloads that read what a step of the same open store can measure. */
const READS = { get_warm: 'getWarm', scan_1000: 'scan1000', index_query_100: 'indexQuery100' }

/** Gives a figure for each of `workloads` that the system does not lack. Throws when an answer is wrong. */
export async function repetition({ system, workloads, url, directory }) {
  const names = workloads.filter(name => lacking(system, name) === undefined)
  const wanted = (...some) => some.some(name => names.includes(name))
  const figures = {}
  if (names.some(name => name !== 'memory_100k')) {
    Object.assign(figures, await withProfile(directory, profile => catalogue({ system, url, directory, profile, wanted })))
  }
  if (wanted('memory_100k')) {
    figures.memory_100k = await withProfile(directory, profile => memory({ system, url, profile }))
  }
  return Object.fromEntries(names.map(name => [name, figures[name]]))
}

async function catalogue({ system, url, directory, profile, wanted }) {
  const session = use => withBrowser(profile, url, use)
  const figures = {}
  const load = await session(open => run(open, system, ['bulkLoad']))
  figures.bulk_load = load.bulkLoad

  const reads = Object.keys(READS).filter(name => wanted(name))
  const measured = await session(open => run(open, system, ['verifyBulkLoad', ...reads.map(name => READS[name])]))
  for (const name of reads) figures[name] = measured[READS[name]]

  if (wanted('bytes_stored', 'scan_1000_disk')) {
    await session(async open => {
      // The browser was closed, opened and closed: by then its storage has deleted what a first close leaves to chance.
      figures.bytes_stored = (await fresh(open, () => window.bench.storedBytes())) + originPrivateBytes(profile)
      if (wanted('scan_1000_disk')) figures.scan_1000_disk = await scanFromDisk(open, system)
    })
  }
  if (wanted('scan_1000_cold')) {
    // It stores more products, on a copy of the profile.
    const scan = open => fresh(open, name => window.bench.scan1000Cold(name), system)
    figures.scan_1000_cold = await onCopy(directory, profile, copy => withBrowser(copy, url, scan))
  }
  if (wanted('put_durable', 'put_together', 'recent_50')) {
    Object.assign(figures, await writes({ system, url, profile, directory, wanted }))
  }
  if (wanted('cold_first_cart', 'cold_open')) {
    await session(open => run(open, system, ['fillCart']))
    figures.cold_first_cart = await session(open => coldFirstCart(open, system))
    figures.cold_open = await session(open => coldOpen(open, system))
  }
  return figures
}

/** On a copy of the profile: the lines written here are as many as a cart may have, and a cold start reads 20. */
async function writes({ system, url, profile, directory, wanted }) {
  return onCopy(directory, profile, async copy => {
    const steps = names => withBrowser(copy, url, open => run(open, system, names))
    const puts = wanted('put_durable', 'put_together')
    const visits = wanted('recent_50')
    const { putDurable, putTogether } = await steps([
      ...(puts ? ['putDurable', 'putTogether'] : []),
      ...(visits ? ['fillVisits'] : []),
    ])
    const { recent50 } = await steps([
      ...(puts ? ['verifyPutDurable', 'verifyPutTogether'] : []),
      ...(visits ? ['recent50'] : []),
    ])
    return { put_durable: putDurable, put_together: putTogether, recent_50: recent50 }
  })
}

function onCopy(directory, profile, use) {
  return withProfile(directory, async copy => {
    cpSync(profile, copy, { recursive: true })
    return use(copy)
  })
}

async function memory({ system, url, profile }) {
  const session = use => withBrowser(profile, url, use)
  await session(open => run(open, system, ['fillMany']))
  return session(open => fresh(open, name => window.bench.memory100k(name), system))
}

async function withProfile(directory, use) {
  const profile = mkdtempSync(join(directory, 'profile-'))
  try {
    return await use(profile)
  } finally {
    // Chromium's last helper processes may still write while the directory goes, hence the retries.
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  }
}

/**
 * Files of the origin private file system. Chromium's estimate, which counts IndexedDB to the byte, forgets
 * after a restart what was written through access handles.
 */
function originPrivateBytes(profile) {
  const directory = join(profile, 'Default', 'File System')
  if (!existsSync(directory)) return 0
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  return files.reduce((total, file) => total + statSync(join(file.parentPath ?? file.path, file.name)).size, 0)
}

/** What `evaluate` gives on a page of its own. */
async function fresh(open, evaluate, argument) {
  const page = await open()
  const answer = await page.evaluate(evaluate, argument)
  await page.close()
  return answer
}

function run(open, system, steps) {
  return fresh(open, ([name, names]) => window.bench.run(name, names), [system, steps])
}

function scanFromDisk(open, system) {
  return overPages(() => fresh(open, name => window.bench.scan1000Disk(name), system))
}

function coldFirstCart(open, system) {
  return overPages(() => fresh(open, name => window.bench.coldFirstCart(name), system))
}

function coldOpen(open, system) {
  return overPages(() => fresh(open, name => window.bench.coldOpen(name), system))
}

async function overPages(sample) {
  const samples = []
  for (let number = 0; number < COLD_PAGES; number++) samples.push(await sample())
  return median(samples)
}
