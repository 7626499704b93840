// A shop's service worker that exchanges when the browser says so; its address tells where.
import { syncInBackground } from '/package/background.js'
import { keyOf } from './key.mjs'

const asked = new URL(location.href).searchParams
const sync = { url: asked.get('url'), token: () => asked.get('token') }

addEventListener('sync', (event) => syncInBackground(event, async () => ({ sync, ...(await keyOf(asked.get('secret'))) })))
