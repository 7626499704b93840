import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

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
export async function launch({ profileDir, args = [], ...options } = {}) {
  const dir = profileDir ?? (await mkdtemp(join(tmpdir(), 'pannier-profile-')))
  const context = await chromium.launchPersistentContext(dir, {
    executablePath: EXECUTABLE,
    headless: true,
    args: [...ARGS, ...args],
    ...options,
  })
  if (profileDir === undefined) {
    // Chromium's last helper processes may still write while the folder goes, hence the retries.
    const remove = () => rm(dir, { recursive: true, force: true, maxRetries: 10 })
    const close = context.close.bind(context)
    context.close = async (...rest) => {
      await close(...rest)
      await remove()
    }
  }
  return context
}
