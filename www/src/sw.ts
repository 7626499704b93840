/**
 * The shop's service worker: the pages and their assets, offline. The goods and the cart are not its
 * business; Pannier keeps those, and nothing under `/v1` is ever touched or cached here.
 */
import type { BackgroundEvent } from 'pannier'
import { syncInBackground } from 'pannier/background'
import { keptToken } from './kept-token'

declare const self: ServiceWorkerGlobalScope

interface Precached {
  readonly url: string
  readonly hash: string
}

/** The build replaces the mark by the list of files. */
const MANIFEST = JSON.parse('PRECACHE_MANIFEST') as readonly Precached[]
const CACHE_PREFIX = 'pannier-shop-'
const CACHE = CACHE_PREFIX + digest(MANIFEST.map((file) => `${file.url} ${file.hash}`).join('\n'))
const SHELL = '/index.html'

/** A connection that answers nothing for this long counts as none: the shopper waits for a page. */
const NAVIGATION_WAIT_MS = 3000

/** FNV-1a, enough to name a cache after its content. */
function digest(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

async function precache(): Promise<void> {
  const cache = await caches.open(CACHE)
  await Promise.all(
    MANIFEST.map(async ({ url }) => {
      // Names under /assets/ carry their content's hash, so a copy of an earlier version is the same file.
      const kept = url.startsWith('/assets/') ? await caches.match(url) : undefined
      if (kept) await cache.put(url, kept)
      else await cache.add(new Request(url, { cache: 'reload' }))
    }),
  )
}

async function dropOldCaches(): Promise<void> {
  const names = await caches.keys()
  await Promise.all(
    names.filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE).map((name) => caches.delete(name)),
  )
}

async function shell(): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(SHELL)
  return kept ?? Response.error()
}

/** Every route of the shop is the same page: the server's newest when it answers, else the kept one. */
async function page(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(NAVIGATION_WAIT_MS) })
    return response.ok ? response : await shell()
  } catch {
    return shell()
  }
}

async function asset(request: Request): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(request, { ignoreSearch: true })
  return kept ?? fetch(request)
}

// A new version waits until the pages of the old one are gone: they load some of their code when they first need it, and
// the old cache goes with the old version.
self.addEventListener('install', (event) => event.waitUntil(precache()))

self.addEventListener('activate', (event) => {
  event.waitUntil(dropOldCaches().then(() => self.clients.claim()))
})

// What is still pending when the connection was lost goes out once it is back, though no page is open any more.
self.addEventListener('sync' as 'message', (event) => {
  syncInBackground(event as unknown as BackgroundEvent, () => ({ sync: { url: '/v1', token: keptToken } }))
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (url.pathname === '/v1' || url.pathname.startsWith('/v1/')) return
  if (request.mode === 'navigate') event.respondWith(page(request))
  else event.respondWith(asset(request))
})
