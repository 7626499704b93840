/**
 * The anonymous shopper: a signed token from the server, kept on the device. It is fetched on first use
 * only, so that the shop opens and the cart works before there has ever been a connection.
 */

import { keepToken } from './kept-token'

const KEY = 'pannier-shop-identity'

interface Identity {
  readonly token: string
  readonly shopper: string
}

function kept(): Identity | null {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) ?? 'null') as Partial<Identity> | null
    return typeof value?.token === 'string' && typeof value.shopper === 'string' ? (value as Identity) : null
  } catch {
    return null
  }
}

async function fetchIdentity(): Promise<Identity> {
  const response = await fetch('/v1/anonymous', { method: 'POST' })
  if (!response.ok) throw new Error(`the shop's server answered ${response.status} when asked for an identity`)
  const identity = (await response.json()) as Partial<Identity>
  if (typeof identity.token !== 'string' || typeof identity.shopper !== 'string') {
    throw new Error("the shop's server gave an identity without a token")
  }
  localStorage.setItem(KEY, JSON.stringify(identity))
  return identity as Identity
}

/** The shopper's token. Two tabs that open at once must not become two shoppers, hence the lock. */
export async function token(): Promise<string> {
  const identity = kept()
  const get = async () => (kept() ?? (await fetchIdentity())).token
  const found = identity ? identity.token : await (navigator.locks ? navigator.locks.request(KEY, get) : get())
  // Without it, the service worker leaves what is pending to the next page.
  if (found !== told) keepToken((told = found)).catch(() => {})
  return found
}

/** The token that the service worker was given. */
let told = ''

/** Forgets the token, so that the next request asks for a new one. */
export function forget(): void {
  localStorage.removeItem(KEY)
}
