// What browser tests share: a browser, a static file server and a `pannierd`, each on 127.0.0.1.
import { launchChromium } from './chromium.mjs'
import { launchFirefox } from './firefox.mjs'
import { launchWebkit } from './webkit.mjs'

const LAUNCH = { chromium: launchChromium, firefox: launchFirefox, webkit: launchWebkit }

/** The engine that tests run in. */
export const ENGINE = process.env.PANNIER_ENGINE ?? 'chromium'

/** Starts the browser of that engine. Beside what `launchChromium` says, a context can `crash(page)`. */
export const launch = LAUNCH[ENGINE]

export { serve } from './serve.mjs'
export { startPannierd } from './pannierd.mjs'
