import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { descendants, kill, processes } from './processes.mjs'

/**
 * Opens a Playwright context on a profile, and gives it what tests ask of every engine beside what Playwright has:
 * `killBrowser()` and `killPages()` by SIGKILL. Without `profileDir` the profile is new and is removed on close.
 *
 * `isBrowser(command, dir)` tells the browser's own process, `isPage(command)` those that run pages.
 */
export async function onProfile(profileDir, open, { isBrowser, isPage }) {
  const dir = profileDir ?? (await mkdtemp(join(tmpdir(), 'pannier-profile-')))
  const context = await open(dir)
  const browserPid = async () => (await processes()).find(({ command }) => isBrowser(command, dir)).pid
  const close = context.close.bind(context)
  return Object.assign(context, {
    async close(...rest) {
      await close(...rest)
      // The browser's last helper processes may still write while the folder goes, hence the retries.
      if (profileDir === undefined) await rm(dir, { recursive: true, force: true, maxRetries: 10 })
    },
    /** As by a power cut, but that the system goes on. */
    async killBrowser() {
      const pid = await browserPid()
      const rest = await descendants(pid)
      const closed = new Promise((done) => context.once('close', done))
      kill([pid, ...rest.map((one) => one.pid)])
      await closed
    },
    /** Kills every process that runs a page, without a last word to any. */
    async killPages() {
      const pages = (await descendants(await browserPid())).filter(({ command }) => isPage(command))
      kill(pages.map((one) => one.pid))
      return pages.length
    },
  })
}
