import { fileURLToPath } from 'node:url'
import { firefox } from 'playwright-core'
import { onProfile } from './profile.mjs'

const EXECUTABLE = fileURLToPath(new URL('./firefox.sh', import.meta.url))

/** Starts Firefox as `launchChromium` does Chromium, by WebDriver BiDi. */
export async function launchFirefox({ profileDir, ...options } = {}) {
  const open = (dir) =>
    firefox.launchPersistentContext(dir, {
      channel: 'moz-firefox',
      executablePath: EXECUTABLE,
      headless: true,
      ...options,
    })
  const context = await onProfile(profileDir, open, {
    isBrowser: (command, dir) => command.includes(`--profile ${dir}`) && !command.includes('-contentproc'),
    isPage: (command) => command.includes('-isForBrowser'),
  })
  return Object.assign(context, {
    /** The pages of a site share a process in Firefox, so one that must die alone is closed. */
    crash: (page) => page.close(),
  })
}
