import { PannierError } from './errors.ts'
import type { Store } from './store.ts'
import type { SyncApi, SyncOptions, SyncState } from './types.ts'

const CONTENT_TYPE = 'application/vnd.pannier.sync'

/** Milliseconds in which further edits join a request. */
const GATHER_MS = 20

/** Milliseconds between pulls, unless the shop says otherwise. */
const INTERVAL_MS = 15_000

/** A request that takes longer is given up: a dead connection must not hold the queue. */
const TIMEOUT_MS = 30_000

/** The first wait after a failure; it doubles up to the last. */
const BACK_OFF_MS = 1000
const BACK_OFF_MS_MAX = 60_000

/** How an answer was taken in. */
type Taken = { more: boolean } | { error: PannierError; retryAfterMs: number }

/** Runs exchanges with the server, one at a time over all tabs. */
export class Syncer implements SyncApi {
  readonly #store: Store
  readonly #name: string
  readonly #options: SyncOptions
  readonly #changed: (state: SyncState) => void
  #state: SyncState = { status: 'idle', pending: 0, lastSyncAt: null, error: null }
  #answered: ((taken: Taken) => void) | undefined
  #round: Promise<void> | undefined
  #again = false
  #paused = false
  #stopped = false
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #request: AbortController | undefined

  constructor(store: Store, name: string, options: SyncOptions, changed: (state: SyncState) => void) {
    this.#store = store
    this.#name = name
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
    this.#request?.abort()
    this.#set({ status: 'offline' })
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#failures = 0
    this.#set({ status: 'idle' })
    this.#schedule(0)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#request?.abort()
    globalThis.removeEventListener?.('online', this.#wake)
    globalThis.document?.removeEventListener('visibilitychange', this.#wake)
  }

  readonly #wake = () => {
    if (globalThis.document?.visibilityState === 'hidden') return
    this.#failures = 0
    this.#schedule(0)
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer)
    if (this.#paused || this.#stopped) return
    this.#timer = setTimeout(() => void this.now(), afterMs)
  }

  #set(change: Partial<SyncState>): void {
    this.#state = { ...this.#state, ...change, pending: this.#store.pending }
    this.#changed(this.#state)
  }

  async #exchangeAll(): Promise<void> {
    this.#set({ status: 'syncing' })
    try {
      let more: boolean
      do {
        this.#again = false
        more = await this.#exclusively(() => this.#exchange())
      } while ((more || this.#again) && !this.#paused && !this.#stopped)
      this.#failures = 0
      this.#set({ status: this.#paused ? 'offline' : 'idle', lastSyncAt: Date.now(), error: null })
      const interval = this.#options.interval ?? INTERVAL_MS
      if (interval > 0) this.#schedule(interval)
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  #failed(error: Error): void {
    if (this.#stopped) return
    const code = error instanceof PannierError ? error.code : 'network'
    this.#set({ status: this.#paused || code === 'network' ? 'offline' : 'error', error: this.#paused ? null : error })
    const doubled = BACK_OFF_MS * 2 ** Math.min(this.#failures++, 10)
    const asked = error instanceof PannierError ? Number(error.detail['retryAfterMs'] ?? 0) : 0
    // Jitter keeps a shop's pages from coming back all at once after an outage.
    this.#schedule(Math.max(asked, Math.min(doubled, BACK_OFF_MS_MAX) * (0.5 + Math.random() / 2)))
  }

  /** One tab at a time; the lock goes with a tab that dies. */
  #exclusively(work: () => Promise<boolean>): Promise<boolean> {
    const locks = globalThis.navigator?.locks
    return locks === undefined ? work() : locks.request(`pannier-sync:${this.#name}`, work)
  }

  /** One round trip. Returns whether there is more to do. */
  async #exchange(): Promise<boolean> {
    const body = this.#store.syncRequest()
    // The store is busy with another tab's commits, and asks again after them.
    if (body === undefined) return new Promise(resolve => setTimeout(() => resolve(true), GATHER_MS))
    const answer = await this.#post(body)
    const answered = new Promise<Taken>(resolve => (this.#answered = resolve))
    this.#store.syncResponse(answer)
    const outcome = await answered
    this.#answered = undefined
    if ('more' in outcome) return outcome.more
    const { error, retryAfterMs } = outcome
    throw new PannierError(error.code, error.message, { retryAfterMs })
  }

  async #post(body: Uint8Array): Promise<Uint8Array> {
    const token = await this.#options.token()
    const request = (this.#request = new AbortController())
    const timer = setTimeout(() => request.abort(), TIMEOUT_MS)
    try {
      const response = await fetch(`${this.#options.url}/sync`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': CONTENT_TYPE },
        body: body as Uint8Array<ArrayBuffer>,
        signal: request.signal,
      })
      const type = response.headers.get('content-type') ?? 'nothing'
      if (!type.startsWith(CONTENT_TYPE)) {
        const message = `the server answered ${response.status} with ${type}, not with a sync answer`
        throw new PannierError('bad_answer', message)
      }
      return new Uint8Array(await response.arrayBuffer())
    } finally {
      clearTimeout(timer)
    }
  }
}
