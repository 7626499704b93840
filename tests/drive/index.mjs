// What browser tests share: a Chromium, a static file server and a `pannierd`, each on 127.0.0.1.
export { launch } from './chromium.mjs'
export { serve } from './serve.mjs'
export { startPannierd } from './pannierd.mjs'
