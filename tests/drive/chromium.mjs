import { chromium } from 'playwright-core'
import { onProfile } from './profile.mjs'

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium'

// No sandbox: tests run as root in containers. The rest keeps Chromium from the network and from
// work of its own that would disturb measurements.
const ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
  '--disable-gpu',
]

/**
 * Starts Chromium with a persistent profile and returns Playwright's browser context; `close()` ends it.
 *
 * Pass the same `profileDir` again to reopen a profile with its storage. Without one the profile is
 * new and is removed on close. `args` adds flags, all else goes to Playwright's
 * `launchPersistentContext` (`viewport`, `locale`, …).
 */
export async function launchChromium({ profileDir, args = [], ...options } = {}) {
  const open = (dir) =>
    chromium.launchPersistentContext(dir, {
      executablePath: EXECUTABLE,
      headless: true,
      args: [...ARGS, ...args],
      ...options,
    })
  const context = await onProfile(profileDir, open, {
    isBrowser: (command, dir) => command.includes(`--user-data-dir=${dir}`) && !command.includes('--type='),
    isPage: (command) => command.includes('--type=renderer'),
  })
  return Object.assign(context, {
    /** Ends the process of a page without a last word, and the page with it. */
    async crash(page) {
      const crashed = page.waitForEvent('crash')
      const session = await context.newCDPSession(page)
      session.send('Page.crash').catch(() => {})
      await crashed
      await page.close()
    },
  })
}
