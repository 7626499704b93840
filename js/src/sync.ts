import { isSame } from './bytes.ts'
import { PannierError } from './errors.ts'
import type { Turn } from './poke.ts'
import type { Store } from './store.ts'
import type { SyncApi, SyncOptions, SyncState } from './types.ts'

const CONTENT_TYPE = 'application/vnd.pannier.sync'

/** Milliseconds in which further edits join a request. */
const GATHER_MS = 20

/** Milliseconds between pulls, unless the shop says otherwise. */
const INTERVAL_MS = 15_000

/** Milliseconds for which a stream of pokes counts as alive after it was heard. */
const HEARD_MS = 40_000

/** Pulls in a row that a living stream makes needless. The next one finds what no poke has told. */
const NEEDLESS_MAX = 20

/** A request that takes longer is given up: a dead connection must not hold the queue. */
const TIMEOUT_MS = 30_000

/** A tab whose storage is stuck must not hold the others up for longer. */
const STUCK_MS = 5000

/** The first wait after a failure; it doubles up to the last. */
const BACK_OFF_MS = 1000
const BACK_OFF_MS_MAX = 60_000

/** The longest wait that a server may ask for: its clock, or this one, may be wrong. */
const ASKED_MS_MAX = 3_600_000

/** Round trips of one round that may leave everything as it was: an edit that is not durable yet needs a few. */
const USELESS_TRIPS_MAX = 3

/** Begins the tags of background syncs; the store's name follows. */
export const BACKGROUND_TAG = 'pannier:'

/** Why a request is given up when the shop pauses or stops. */
const INTERRUPTED = 'interrupted'

/** What it needs of Web Locks. */
interface Locks {
  request<T>(name: string, options: { signal: AbortSignal }, work: () => Promise<T>): Promise<T>
}

/** What TypeScript does not know of a service worker's registration. */
interface WithSync {
  readonly sync?: { register(tag: string): Promise<void> }
}

/** The store's name, and whether tabs share what is in it. */
interface Place {
  readonly name: string
  isShared(): boolean
}

/** How an answer was taken in. */
type Taken = { more: boolean } | { error: PannierError; retryAfterMs: number }

/** Runs exchanges with the server, one at a time over all tabs. */
export class Syncer implements SyncApi {
  readonly #store: Store
  readonly #place: Place
  readonly #options: SyncOptions
  readonly #changed: (state: SyncState) => void
  #state: SyncState = { status: 'idle', pending: 0, lastSyncAt: null, error: null }
  #answered: ((taken: Taken) => void) | undefined
  #round: Promise<void> | undefined
  #again = false
  /** Whether there were edits since the last request was put together. */
  #isEdited = false
  #lastBody: Uint8Array | undefined
  #paused = false
  #stopped = false
  #failures = 0
  #pokes: Promise<Turn | undefined> | undefined
  #heardAt = -HEARD_MS
  /** Pulls left out since the last exchange. */
  #needless = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #request: AbortController | undefined

  constructor(store: Store, place: Place, options: SyncOptions, changed: (state: SyncState) => void) {
    this.#store = store
    this.#place = place
    this.#options = options
    this.#changed = changed
    globalThis.addEventListener?.('online', this.#wake)
    globalThis.document?.addEventListener('visibilitychange', this.#wake)
    this.#schedule(0)
  }

  get state(): SyncState {
    const pending = this.#store.pending
    if (pending !== this.#state.pending) this.#state = { ...this.#state, pending }
    return this.#state
  }

  /** The engine has taken an answer in. */
  synced(more: boolean): void {
    this.#answered?.({ more })
  }

  /** The engine or the server has refused an exchange. */
  refused(error: PannierError, retryAfterMs: number): void {
    this.#answered?.({ error, retryAfterMs })
  }

  /** Something is to be sent. */
  edited(): void {
    this.#isEdited = true
    this.#set({})
    if (this.#failures === 0) this.#schedule(GATHER_MS)
  }

  async now(): Promise<void> {
    if (this.#paused || this.#stopped) return
    if (this.#round !== undefined) {
      // The round under way may have read the outbox before the last edit.
      this.#again = true
      return this.#round
    }
    clearTimeout(this.#timer)
    this.#round = this.#exchangeAll()
    try {
      await this.#round
    } finally {
      this.#round = undefined
    }
  }

  pause(): void {
    this.#paused = true
    clearTimeout(this.#timer)
    this.#request?.abort(INTERRUPTED)
    void this.#pokes?.then(turn => turn?.(false))
    this.#set({ status: 'offline' })
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#failures = 0
    void this.#pokes?.then(turn => turn?.(true))
    this.#set({ status: 'idle' })
    this.#schedule(0)
  }

  /** Ends syncing for good: the store closes, or is broken by `error`. */
  stop(error?: PannierError): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#request?.abort(INTERRUPTED)
    void this.#pokes?.then(turn => turn?.())
    this.#answered?.({ more: false })
    globalThis.removeEventListener?.('online', this.#wake)
    globalThis.document?.removeEventListener('visibilitychange', this.#wake)
    if (error !== undefined) this.#set({ status: 'error', error })
  }

  readonly #wake = () => {
    if (isHidden()) return
    this.#failures = 0
    this.#schedule(0)
  }

  /** A pull alone waits until somebody sees the page: then it is woken. */
  #schedule(afterMs: number, isPull = false): void {
    clearTimeout(this.#timer)
    if (this.#paused || this.#stopped) return
    this.#timer = setTimeout(() => {
      if (isPull && this.#store.pending === 0) {
        if (isHidden()) return
        const isNeedless = this.#failures === 0 && performance.now() - this.#heardAt < HEARD_MS
        if (isNeedless && this.#needless++ < NEEDLESS_MAX) return this.#schedule(afterMs, true)
      }
      void this.now()
    }, afterMs)
  }

  /** Listens for pokes, where tabs can agree on who does. Without, or until then, there are pulls. */
  async #listen(): Promise<Turn | undefined> {
    try {
      const { listen } = await import('./poke.js')
      if (this.#stopped) return undefined
      return listen({
        name: this.#place.name,
        url: this.#options.url,
        heard: () => void (this.#heardAt = performance.now()),
        poked: () => void this.now(),
        body: () => this.#lastBody!,
        token: request => this.#token(request),
        backOffMs,
      })
    } catch {
      return undefined
    }
  }

  #set(change: Partial<SyncState>): void {
    this.#state = { ...this.#state, ...change, pending: this.#store.pending }
    this.#changed(this.#state)
  }

  async #exchangeAll(): Promise<void> {
    const before = this.#store.pending
    try {
      const isStuck = await this.#exchangeRest()
      if (this.#stopped) return
      this.#set({ status: this.#paused ? 'offline' : 'idle', lastSyncAt: Date.now(), error: null })
      if (isStuck) return this.#backOff(0)
      this.#failures = this.#needless = 0
      const { pending } = this.#state
      const interval = this.#options.interval ?? INTERVAL_MS
      if (interval > 0 && this.#place.isShared() && globalThis.navigator?.locks) this.#pokes ??= this.#listen()
      if (pending > 0 && (this.#isEdited || pending < before)) this.#schedule(GATHER_MS)
      else if (interval > 0) this.#schedule(interval, true)
    } catch (error) {
      if (error !== INTERRUPTED) this.#failed(error as Error)
      else if (!this.#paused && !this.#stopped) return this.#exchangeAll()
    }
  }

  /** Exchanges until nothing is left to do. Returns whether that led nowhere. */
  async #exchangeRest(): Promise<boolean> {
    this.#set({ status: 'syncing' })
    let useless = 0
    let more: boolean
    do {
      this.#again = false
      const last = this.#lastBody
      more = await this.#exchange()
      useless = more && isSame(last, this.#lastBody) ? useless + 1 : 0
      if (useless === USELESS_TRIPS_MAX) return true
      if (useless > 0) await gathering()
    } while ((more || this.#again) && !this.#paused && !this.#stopped)
    return false
  }

  #failed(error: Error): void {
    if (this.#stopped) return
    const { code, detail } = error instanceof PannierError ? error : new PannierError('network', '')
    if (code === 'corrupt' || code === 'newer_format') return this.stop(error as PannierError)
    this.#set({ status: this.#paused || code === 'network' ? 'offline' : 'error', error: this.#paused ? null : error })
    this.#backOff(Number(detail['retryAfterMs'] ?? 0))
    if (code === 'network' && this.#place.isShared() && this.#store.pending > 0) this.#askBrowser()
  }

  /** Asks the browser to sync once there is a connection, also when this page is gone by then: Chromium can. */
  #askBrowser(): void {
    const tag = BACKGROUND_TAG + this.#place.name
    const ready = globalThis.navigator?.serviceWorker?.ready as Promise<WithSync> | undefined
    // Refused or not, this page tries on.
    ready?.then(({ sync }) => sync?.register(tag)).catch(() => {})
  }

  #backOff(askedMs: number): void {
    this.#schedule(backOffMs(this.#failures++, undefined, askedMs), true)
  }

  /** One round trip. Returns whether there is more to do. */
  async #exchange(): Promise<boolean> {
    const request = (this.#request = new AbortController())
    const token = await this.#token(request)
    try {
      return await this.#exchangeWith(token, request)
    } catch (error) {
      if (!(error instanceof PannierError) || error.code !== 'auth') throw error
      // A token runs out while a page sleeps. The shop may have another by now; the same again would be refused again.
      const fresh = await this.#token(request)
      if (fresh === token) throw error
      return this.#exchangeWith(fresh, request)
    }
  }

  async #exchangeWith(token: string, request: AbortController): Promise<boolean> {
    const { signal } = request
    let taken: Promise<Taken> | undefined
    const work = async () => {
      taken = (await this.#exchangeAlone(token, request)).taken
      // Who is next then sends nothing that the server has answered; but storage that is stuck must not hold them up.
      await Promise.race([taken, new Promise(resolve => setTimeout(resolve, STUCK_MS))])
    }
    // One tab at a time; the lock goes with a tab that dies.
    const locks = globalThis.navigator?.locks ?? (await this.#leases())
    try {
      await (locks === undefined ? work() : locks.request(`pannier-sync:${this.#place.name}`, { signal }, work))
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
    const outcome = await taken!
    this.#answered = undefined
    if ('more' in outcome) return outcome.more
    const { error, retryAfterMs } = outcome
    throw new PannierError(error.code, error.message, { retryAfterMs })
  }

  /** Stands for Web Locks where a browser has none. Without either, two tabs may send the same: that is only waste. */
  async #leases(): Promise<Locks | undefined> {
    if (globalThis.indexedDB == null) return undefined
    return import('./storage.js').then(({ Leases }) => new Leases(this.#place.name), () => undefined)
  }

  /** Asked for outside the lock: a token that takes long must not hold the other tabs up. */
  #token(request: AbortController): Promise<string> {
    return limited(request, TIMEOUT_MS, new PannierError('auth', 'token() did not settle'), async () => {
      try {
        return await this.#options.token()
      } catch (error) {
        throw new PannierError('auth', `token() failed: ${error}`)
      }
    })
  }

  /** Sends and receives. Gives how the answer was taken in, once it is. */
  async #exchangeAlone(token: string, request: AbortController): Promise<{ taken: Promise<Taken> }> {
    const { signal } = request
    // While the store is busy with another tab's commits there is none.
    const body = await limited(request, STUCK_MS, new PannierError('storage', 'the store is stuck'), async () => {
      this.#isEdited = false
      for (let body; ; await gathering()) {
        signal.throwIfAborted()
        if ((body = this.#store.syncRequest()) !== undefined) return body
      }
    })
    this.#lastBody = body
    const late = new PannierError('network', 'no answer in time')
    const answer = await limited(request, TIMEOUT_MS, late, () => this.#post(body, token, signal))
    const taken = new Promise<Taken>(resolve => (this.#answered = resolve))
    this.#store.syncResponse(answer)
    return { taken }
  }

  async #post(body: Uint8Array, token: string, signal: AbortSignal): Promise<Uint8Array> {
    const response = await fetch(`${this.#options.url}/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': CONTENT_TYPE },
      body: body as Uint8Array<ArrayBuffer>,
      signal,
    })
    const type = response.headers.get('content-type') ?? 'nothing'
    if (!type.startsWith(CONTENT_TYPE)) {
      const message = `the server answered ${response.status} with ${type}, not with a sync answer`
      throw new PannierError('bad_answer', message, { retryAfterMs: askedOf(response) })
    }
    return new Uint8Array(await response.arrayBuffer())
  }
}

/** Milliseconds to wait after `failures` in a row before the last, which had this answer, or asked for `askedMs`. */
function backOffMs(failures: number, response?: Response, askedMs = askedOf(response)): number {
  const doubled = BACK_OFF_MS * 2 ** Math.min(failures, 10)
  // Jitter keeps a shop's pages from coming back all at once after an outage.
  return Math.max(Math.min(askedMs, ASKED_MS_MAX), Math.min(doubled, BACK_OFF_MS_MAX) * Math.random())
}

/** Milliseconds that an answer asks to wait: in seconds, or until a time of the sender's clock. */
function askedOf(response: Response | undefined): number {
  const time = (name: string) => Date.parse(response?.headers.get(name) ?? '')
  return 1000 * Number(response?.headers.get('retry-after')) || time('retry-after') - (time('date') || Date.now()) || 0
}

/** Does `work`, which is given up when `request` is aborted, or with `late` when it takes too long. */
async function limited<T>(
  request: AbortController,
  ms: number,
  late: PannierError,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => request.abort(late), ms)
  const { signal } = request
  try {
    return await new Promise<T>((resolve, reject) => {
      signal.throwIfAborted()
      signal.addEventListener('abort', () => reject(signal.reason))
      work().then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
  }
}

function gathering(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, GATHER_MS))
}

function isHidden(): boolean {
  return globalThis.document?.visibilityState === 'hidden'
}
