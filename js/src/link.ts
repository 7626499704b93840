/** The page's end of the worker with its shops. */
import { guarded, PannierError } from './errors.ts'
import {
  type Asked,
  type Callback,
  failed,
  type FromPage,
  type FromWorker,
  type Handle,
  MARK,
  type Packed,
  type States,
  type StatesOf,
  type Step,
  type Thrown,
} from './messages.ts'
import { EditReceipt, Receipt } from './receipt.ts'
import type { OpenOptions } from './types.ts'

/** A call that the worker has. */
interface Call {
  told(step: Step, value: unknown): void
  failed(error: Error, step: Step): void
}

export class Link {
  readonly #worker: Worker
  #last = 0
  readonly #calls = new Map<number, Call>()
  readonly #callbacks = new Map<number, (value: unknown, answer: number) => void>()
  readonly #shops = new Map<number, Remote>()
  #ended: Error | undefined

  constructor() {
    this.#worker = new Worker(new URL('./worker-host.js', import.meta.url), { type: 'module', name: 'pannier' })
    const { document } = globalThis
    document?.addEventListener('visibilitychange', this.#follow)
    for (const event of ['pagehide', 'pageshow']) globalThis.addEventListener?.(event, this.#follow)
    this.post({ page: { visibilityState: document?.visibilityState ?? 'visible', marks: marks() } })
    let isStarted = false
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      isStarted = true
      this.#hear(data)
    }
    this.#worker.onerror = event => {
      // What fails in a call is told by that. What nobody waits for, as a live query's read, is uncaught here as in a page.
      if (isStarted) return
      // A script that cannot be loaded.
      event.preventDefault()
      this.#end(new PannierError('worker_failed', event.message || 'the worker does not start'))
    }
  }

  async open(options: OpenOptions): Promise<Remote> {
    return (await this.call(0, ['open'], [await this.#packed(options)])) as Remote
  }

  async signIn(on: Remote, options: OpenOptions, ...words: unknown[]): Promise<Remote> {
    return (await this.call(on.handle, ['signIn'], [await this.#packed(options), ...words])) as Remote
  }

  /** A shop is closed. With the last one the worker ends. */
  close(shop: Remote): void {
    this.#shops.delete(shop.handle)
    if (this.#shops.size === 0) this.end()
  }

  end(): void {
    this.#end(new PannierError('closed', 'the store is closed'))
    this.#worker.terminate()
    globalThis.document?.removeEventListener('visibilitychange', this.#follow)
    for (const event of ['pagehide', 'pageshow']) globalThis.removeEventListener?.(event, this.#follow)
  }

  /** A worker hears nothing of its page: when that hides the log is folded, and when it comes back all is caught up with. */
  readonly #follow = ({ type, persisted }: Event & { persisted?: boolean }): void => {
    this.post({ page: { type, persisted: persisted === true, visibilityState: globalThis.document?.visibilityState ?? 'visible' } })
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const call of this.#calls.values()) call.failed(error, 'done')
    this.#calls.clear()
  }

  /** Options as they can cross: what is called is called from there, an address is one of the page's. */
  async #packed(options: OpenOptions): Promise<object> {
    const { sync, wasm, laterWasm, checkWasm } = options
    const [first, later, check] = await Promise.all([wasm, laterWasm, checkWasm].map(movable))
    const addresses = { wasm: first, laterWasm: later, checkWasm: check }
    if (sync === undefined) return { ...options, ...addresses }
    const token = this.callback((_, answer) => this.answer(answer, () => sync.token()))
    return { ...options, ...addresses, sync: { ...sync, url: absolute(sync.url), token } }
  }

  callback(called: (value: unknown, answer: number) => void): Callback {
    this.#callbacks.set(++this.#last, called)
    return { callback: this.#last }
  }

  forget({ callback }: Callback): void {
    this.#callbacks.delete(callback)
  }

  /** Tells the worker what a callback came to. */
  answer(answer: number, work: () => unknown): void {
    void Promise.resolve()
      .then(work)
      .then(value => ({ value }), failed)
      .then(told => this.post({ answer, ...told }))
  }

  post(told: FromPage): void {
    if (this.#ended === undefined) this.#worker.postMessage(told)
  }

  call(on: number, path: Asked['path'], words: Asked['words']): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.send(on, path, words, { told: (_, value) => resolve(value), failed: reject })
    })
  }

  send(on: number, path: Asked['path'], words: Asked['words'], call: Call, callback?: Callback): void {
    if (this.#ended !== undefined) return call.failed(this.#ended, 'done')
    const id = ++this.#last
    try {
      this.post({ id, on, path, words, ...callback })
      this.#calls.set(id, call)
    } catch (error) {
      // What no message can hold, such as a function, no row can.
      call.failed(new PannierError('bad_args', (error as Error).message), 'done')
    }
  }

  #hear(told: FromWorker): void {
    if ('mark' in told) return keepMark(told.mark, told.isMade)
    const shop = told.states && this.#shops.get(told.states[0])
    if (shop !== undefined) shop.states = statesOf(told.states!)
    const value = this.#received(told)
    if ('callback' in told) {
      return guarded(() => this.#callbacks.get(told.callback)?.(value, told.answer ?? 0))
    }
    const call = this.#calls.get(told.id)
    if (told.step !== 'durable' || told.value !== true) this.#calls.delete(told.id)
    if (told.is === 'thrown') call?.failed(value as Error, told.step)
    else call?.told(told.step, value)
  }

  #received(told: Packed): unknown {
    if (told.is !== 'handle') return unpacked(told)
    const { handle, states } = told.value as Handle
    const remote = new Remote(this, handle)
    if (states !== undefined) {
      remote.states = statesOf(states)
      this.#shops.set(handle, remote)
    }
    return remote
  }
}

/** What has a handle. */
export class Remote {
  readonly handle: number
  /** Of a shop: as the worker has told them last. */
  states!: States
  readonly #link: Link

  constructor(link: Link, handle: number) {
    this.#link = link
    this.handle = handle
  }

  call(path: Asked['path'], words: Asked['words']): Promise<unknown> {
    return this.#link.call(this.handle, path, words)
  }

  write(path: Asked['path'], words: Asked['words']): Receipt {
    const receipt = new Receipt()
    this.#link.send(this.handle, path, words, {
      told: () => receipt.resolve(),
      failed: error => receipt.reject(error),
    })
    return receipt
  }

  edit(path: Asked['path'], words: Asked['words']): EditReceipt {
    const receipt = new EditReceipt()
    this.#link.send(this.handle, path, words, {
      told: (step, value) => (step === 'confirmed' ? receipt.outcome.resolve(value as never) : receipt.resolve()),
      failed(error, step) {
        if (step !== 'confirmed') receipt.reject(error)
        receipt.outcome.reject(error)
      },
    })
    return receipt
  }

  /** Has the last of `words`, a function, called back. Returns what stops it. */
  listen(path: Asked['path'], words: Asked['words']): () => void {
    const told = words.at(-1)
    if (typeof told !== 'function') {
      throw new PannierError('bad_args', 'callback must be a function', { field: 'callback' })
    }
    const callback = this.#link.callback(value => told(value))
    const call = { told() {}, failed: (error: Error) => guarded(() => { throw error }) }
    this.#link.send(this.handle, path, words.slice(0, -1), call, callback)
    return () => {
      this.#link.forget(callback)
      this.#link.post({ stop: callback.callback })
    }
  }

  /** Has `work` done in a transaction there: with it, as often as that asks for. */
  async transact<T>(work: (held: Remote) => T | Promise<T>): Promise<T> {
    let result: T
    let last: { error: unknown } | undefined
    const callback = this.#link.callback((held, answer) => {
      last = undefined
      this.#link.answer(answer, async () => {
        try {
          result = await work(held as Remote)
        } catch (error) {
          last = { error }
          throw error
        }
      })
    })
    try {
      await this.call(['transaction'], [callback])
      return result!
    } catch (error) {
      // What the page has thrown is thrown, not a copy.
      throw last === undefined ? error : last.error
    } finally {
      this.#link.forget(callback)
    }
  }

  release(): void {
    this.#link.post({ release: this.handle })
  }
}

/** The marks of stores in `localStorage`, where that is not blocked. */
function marks(): string[] {
  try {
    return Object.keys(localStorage).filter(name => name.startsWith(MARK))
  } catch {
    return []
  }
}

/** Keeps a mark that a store was written to, and has the browser keep the store, which no worker can ask for; or drops the mark. */
function keepMark(name: string, isMade: boolean): void {
  try {
    if (isMade) localStorage.setItem(name, '1')
    else localStorage.removeItem(name)
  } catch {
    // Blocked: then nobody can tell later that the store was cleared.
  }
  if (isMade) void globalThis.navigator?.storage?.persist?.().catch(() => false)
}

function unpacked({ value, is }: Packed): unknown {
  if (is === 'thrown') return revived(value as Thrown)
  if (is === 'state') return Object.freeze({ ...(value as object), error: revived((value as { error: Thrown }).error) })
  return frozen(value)
}

function revived({ name, message, code, detail }: Thrown): Error {
  if (code !== undefined) return new PannierError(code, message, detail as never)
  return Object.assign(new Error(message), { name })
}

function statesOf([, sync, storage]: StatesOf): States {
  return { sync: unpacked(sync), storage: unpacked(storage) } as States
}

const absolute = (address: string | URL) => new URL(address, location.href).href

async function movable(source: OpenOptions['wasm']): Promise<OpenOptions['wasm']> {
  if (source instanceof Response) return source.arrayBuffer()
  return typeof source === 'string' || source instanceof URL ? absolute(source) : source
}

/** As rows come where there is no worker between. */
function frozen(value: unknown): unknown {
  if (Array.isArray(value)) value.forEach(frozen)
  else if (value instanceof Object && Object.getPrototypeOf(value) === Object.prototype) Object.values(value).forEach(frozen)
  else return value
  return Object.freeze(value)
}
