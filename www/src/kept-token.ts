/** The shopper's token where the service worker finds it too, which has no `localStorage`. */

const CACHE = 'pannier-identity'
const ADDRESS = '/kept-token'

export async function keepToken(token: string): Promise<void> {
  await (await caches.open(CACHE)).put(ADDRESS, new Response(token))
}

export async function keptToken(): Promise<string> {
  const kept = await (await caches.open(CACHE)).match(ADDRESS)
  if (kept === undefined) throw new Error('no page of the shop has kept a token')
  return kept.text()
}
