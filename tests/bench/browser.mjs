// One browser on one profile, with pages that must stay on the loopback address.
import { launch } from '../drive/index.mjs'

// A name that does not resolve cannot be reached, whatever a library tries.
const NO_NETWORK = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'

/** Workloads take seconds; past this something hangs. */
const TIMEOUT_MS_MAX = 120_000

/** Starts Chromium on `profile`, calls `use(open)` where `open()` gives a fresh page, and closes it cleanly. */
export async function withBrowser(profile, url, use) {
  const context = await launch({ profileDir: profile, args: [NO_NETWORK] })
  const faults = []
  context.on('request', request => {
    const { protocol, hostname } = new URL(request.url())
    if (!['data:', 'blob:'].includes(protocol) && hostname !== '127.0.0.1') faults.push(`the page asked for ${request.url()}`)
  })
  context.on('weberror', error => faults.push(String(error.error())))
  context.setDefaultTimeout(TIMEOUT_MS_MAX)
  try {
    const answer = await within(TIMEOUT_MS_MAX, use(() => freshPage(context, url)))
    if (faults.length > 0) throw new Error(faults.join('\n'))
    return answer
  } finally {
    await context.close()
  }
}

async function freshPage(context, url) {
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => 'bench' in window)
  return page
}

/** A promise that a page never settles would otherwise hold the run for ever: evaluation has no timeout of its own. */
async function within(ms, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from the page within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export async function browserVersion() {
  const context = await launch()
  try {
    return context.browser().version()
  } finally {
    await context.close()
  }
}
