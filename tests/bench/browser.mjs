// One browser on one profile, with a page that must stay on the loopback address.
import { chromium } from 'playwright-core'

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
]

/** Workloads take seconds; past this something hangs. */
const TIMEOUT_MS = 120_000

/** Starts Chromium on `profile`, calls `use(open)` where `open()` gives a fresh page, and closes it cleanly. */
export async function withBrowser(profile, origin, use) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    args: ARGUMENTS,
  })
  const faults = []
  context.on('request', request => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(`${origin}/`)) {
      faults.push(`the page asked for ${request.url()}`)
    }
  })
  context.on('weberror', error => faults.push(String(error.error())))
  context.setDefaultTimeout(TIMEOUT_MS)
  try {
    const answer = await use(() => freshPage(context, origin))
    if (faults.length > 0) throw new Error(faults.join('\n'))
    return answer
  } finally {
    await context.close()
  }
}

async function freshPage(context, origin) {
  const page = await context.newPage()
  await page.goto(`${origin}/`)
  await page.waitForFunction(() => 'bench' in window)
  return page
}

export async function browserVersion() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS })
  try {
    return browser.version()
  } finally {
    await browser.close()
  }
}
