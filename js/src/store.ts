import { type Ahead, databaseName } from './ahead.ts'
import { decode, decodeAll, encode, Encoder } from './codec.ts'
import { PannierError } from './errors.ts'
import type { Document, Edit, Json, OpenOptions, Outcome, Write } from './types.ts'
import { Engine } from './wasm.ts'

/** Collections by their numbers in the core. */
export const CART = 1
export const HISTORY = 2
export const CATALOG = 3

/** Mutations by their places in the engine's list. */
export const enum Name {
  Add,
  Adjust,
  SetQty,
  Remove,
  Clear,
  Visit,
}

/** Kinds of events: the same numbers stand in `crates/wasm/src/events.rs`. */
const enum Kind {
  Opened,
  Durable,
  Refused,
  Changed,
  Outcome,
  Synced,
  SyncRefused,
  Loaded,
  Appended,
  Failed,
  ReadFailed,
  Corrupt,
  Idle,
}

const ABSENT = -1
const FAULT = -2

/** Milliseconds after which a failed write is tried again. */
const RETRY_AFTER_MS = 1000

/** Bytes of an id of a mutation, a visit or a client. */
const ID_BYTES = 16

interface Waiter<T> {
  resolve(value: T): void
  reject(error: Error): void
}

/** Where the store tells what happened. */
export interface Listener {
  outcome(outcome: Outcome): void
  error(error: PannierError): void
  synced(more: boolean): void
  syncRefused(error: PannierError, retryAfterMs: number): void
  appended(seq: number, record: Uint8Array): void
}

/** The engine with promises in place of tickets and faults. */
export class Store {
  readonly #engine: Engine
  readonly #memory: WebAssembly.Memory
  readonly #listener: Listener
  readonly #encoder = new Encoder()
  readonly #durable: (Waiter<void> & { ticket: number })[] = []
  readonly #confirmed = new Map<string, Waiter<Outcome>>()
  readonly #subscribers = new Map<number, Set<() => void>>()
  #loads: Waiter<void>[] = []
  #idle: Waiter<void>[] = []
  #opened: Waiter<void> | undefined
  #events: [Kind, number, Uint8Array | undefined][] = []
  #calls = 0
  #scheduled = false
  #closed = false

  private constructor(options: OpenOptions, memory: WebAssembly.Memory, listener: Listener, ahead?: Ahead) {
    this.#memory = memory
    this.#listener = listener
    const store = options.store ?? (Engine.hasIndexedDb() ? 'indexeddb' : 'memory')
    const scopes = options.sync === undefined ? [] : (options.sync.scopes ?? ['cart', 'catalog'])
    const indexes = options.catalog?.indexes ?? { byCategoryPrice: ['category', 'price'] }
    const setup = { store, strict: options.durability === 'strict', scopes, indexes }
    this.#calls = 1
    const notify = (kind: Kind, number: number, bytes?: Uint8Array) => this.#notify(kind, number, bytes)
    this.#engine = new Engine(databaseName(options.name), this.#encode(setup, 'options'), newId(), notify, ahead)
    this.#calls = 0
  }

  static async open(
    options: OpenOptions,
    memory: WebAssembly.Memory,
    listener: Listener,
    ahead?: Ahead,
  ): Promise<Store> {
    const store = new Store(options, memory, listener, ahead)
    const opened = new Promise<void>((resolve, reject) => (store.#opened = { resolve, reject }))
    store.#deliver()
    await opened
    return store
  }

  get pending(): number {
    return this.#closed ? 0 : this.#engine.pending()
  }

  mutate(name: Name, asked: object): Edit {
    const id = newId()
    const ticket = this.#call(engine => engine.mutate(name, this.#encode(asked, ''), id, Date.now()))
    const key = hex(id)
    const confirmed = quiet(new Promise<Outcome>((resolve, reject) => this.#confirmed.set(key, { resolve, reject })))
    const durable = this.#ticket(ticket)
    durable.catch(error => this.#confirmed.get(key)?.reject(error))
    this.#deliver()
    return { durable, confirmed }
  }

  put(collection: number, rows: readonly unknown[], name: string): Write {
    const bytes = this.#encode(rows, name)
    const durable = this.#ticket(this.#call(engine => engine.put(collection, bytes, Date.now())))
    this.#deliver()
    return { durable }
  }

  /** One row, frozen. */
  async get(collection: number, key: string): Promise<Json | undefined> {
    for (;;) {
      const length = this.#call(engine => engine.get(collection, key))
      if (length >= 0) {
        const at = this.#engine.resultAt()
        return decode(new Uint8Array(this.#memory.buffer), at, at + length, true)
      }
      if (length === ABSENT) return undefined
      await this.#load()
    }
  }

  /** Rows in order, frozen; with `keys` each is preceded by its key. */
  async scan(
    collection: number,
    index: string,
    bounds: object,
    limit: number,
    reverse: boolean,
    keys: boolean,
  ): Promise<Json[]> {
    const asked = this.#encode(bounds, 'range').slice()
    for (;;) {
      const count = this.#call(engine => engine.scan(collection, index, asked, limit, reverse, keys))
      if (count !== FAULT) {
        const at = this.#engine.resultAt()
        const end = at + this.#engine.resultLength()
        return decodeAll(new Uint8Array(this.#memory.buffer), at, end, keys ? 2 * count : count, true)
      }
      await this.#load()
    }
  }

  /** Calls back after each change of a collection. */
  watch(collection: number, callback: () => void): () => void {
    let watching = this.#subscribers.get(collection)
    if (watching === undefined) this.#subscribers.set(collection, (watching = new Set()))
    watching.add(callback)
    return () => void watching.delete(callback)
  }

  syncRequest(): Uint8Array | undefined {
    return this.#call(engine => engine.syncRequest())
  }

  syncResponse(body: Uint8Array): void {
    this.#call(engine => engine.syncResponse(body, Date.now()))
    this.#deliver()
  }

  offer(seq: number, record: Uint8Array): void {
    if (this.#closed) return
    this.#call(engine => engine.offer(seq, record))
    this.#deliver()
  }

  checkpoint(): void {
    if (this.#closed) return
    this.#call(engine => engine.checkpoint())
    this.#deliver()
  }

  /** Resolves when all is durable and the log is folded into the tree. */
  async flush(): Promise<void> {
    this.checkpoint()
    if (!this.#call(engine => engine.isIdle())) {
      await new Promise<void>((resolve, reject) => this.#idle.push({ resolve, reject }))
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.flush()
    this.#closed = true
    this.#engine.close()
    this.#engine.free()
  }

  #encode(value: unknown, name: string): Uint8Array {
    this.#encoder.at = 0
    encode(value, this.#encoder, name)
    return this.#encoder.written()
  }

  /** Calls the engine. What it tells meanwhile waits: it cannot be called from within. */
  #call<T>(work: (engine: Engine) => T): T {
    if (this.#closed) throw new PannierError('closed', 'the store is closed')
    this.#calls++
    try {
      return work(this.#engine)
    } finally {
      this.#calls--
    }
  }

  #ticket(ticket: number): Promise<void> {
    return quiet(new Promise<void>((resolve, reject) => this.#durable.push({ ticket, resolve, reject })))
  }

  #load(): Promise<void> {
    const loaded = new Promise<void>((resolve, reject) => this.#loads.push({ resolve, reject }))
    this.#deliver()
    return loaded
  }

  #notify(kind: Kind, number: number, bytes: Uint8Array | undefined): void {
    this.#events.push([kind, number, bytes])
    if (this.#calls > 0 || this.#scheduled) return
    this.#scheduled = true
    // Callbacks of the page run outside the engine's own frames.
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  #deliver(): void {
    while (this.#events.length > 0) {
      const events = this.#events
      this.#events = []
      for (const [kind, number, bytes] of events) this.#happened(kind, number, bytes)
    }
  }

  #happened(kind: Kind, number: number, bytes: Uint8Array | undefined): void {
    switch (kind) {
      case Kind.Opened:
        return this.#opened?.resolve()
      case Kind.Durable:
        while (this.#durable.length > 0 && this.#durable[0]!.ticket <= number) this.#durable.shift()!.resolve()
        return
      case Kind.Refused:
        return this.#refused(number, refusal(bytes!))
      case Kind.Changed:
        for (const [collection, watching] of this.#subscribers) {
          if (number & (1 << collection)) for (const callback of [...watching]) callback()
        }
        return
      case Kind.Outcome: {
        const outcome = decode(bytes!, 0, bytes!.length, true) as unknown as Outcome
        this.#confirmed.get(outcome.id)?.resolve(outcome)
        this.#confirmed.delete(outcome.id)
        return this.#listener.outcome(outcome)
      }
      case Kind.Synced:
        return this.#listener.synced(number === 1)
      case Kind.SyncRefused:
        return this.#listener.syncRefused(told(bytes!), number)
      case Kind.Loaded:
        return this.#settle('loads', undefined)
      case Kind.Appended:
        return this.#listener.appended(number, bytes!)
      case Kind.Failed:
        return this.#failed(told(bytes!))
      case Kind.ReadFailed:
        return this.#settle('loads', told(bytes!))
      case Kind.Corrupt:
        return this.#corrupt(told(bytes!))
      case Kind.Idle:
        return this.#settle('idle', undefined)
    }
  }

  #refused(ticket: number, error: PannierError): void {
    const index = this.#durable.findIndex(waiter => waiter.ticket === ticket)
    if (index >= 0) this.#durable.splice(index, 1)[0]!.reject(error)
    // An answer that cannot be taken in has no ticket of the page's.
    else this.#listener.syncRefused(error, 0)
  }

  #failed(error: PannierError): void {
    if (this.#opened !== undefined) this.#opened.reject(error)
    this.#listener.error(error)
    setTimeout(() => {
      if (this.#closed) return
      this.#call(engine => engine.retry())
      this.#deliver()
    }, RETRY_AFTER_MS)
  }

  #corrupt(error: PannierError): void {
    this.#opened?.reject(error)
    this.#settle('loads', error)
    this.#settle('idle', error)
    this.#listener.error(error)
  }

  #settle(which: 'loads' | 'idle', error: PannierError | undefined): void {
    const waiters = which === 'loads' ? this.#loads : this.#idle
    if (which === 'loads') this.#loads = []
    else this.#idle = []
    for (const waiter of waiters) error === undefined ? waiter.resolve() : waiter.reject(error)
  }
}

/** A promise whose rejection nobody has to take: the same error is told elsewhere. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** An error of the engine. Its words are put together here, where that takes fewer bytes. */
function told(bytes: Uint8Array): PannierError {
  const detail = decode(bytes) as Document
  const { code, message, place, number } = detail as { [key: string]: string | number | null | undefined }
  const where = [place, number].filter(part => part != null).join(' ')
  return new PannierError(code as string, `${code}: ${where && `${where}: `}${message}`, detail)
}

function refusal(bytes: Uint8Array): PannierError {
  const { code, detail } = decode(bytes) as { code: string; detail: Document }
  const place = detail['field'] ?? (detail['index'] === undefined ? '' : `row ${detail['index']}`)
  const size = detail['limit'] === undefined ? '' : ` (${detail['bytes']} bytes, at most ${detail['limit']})`
  return new PannierError(code, `${code}: ${place} ${detail['why'] ?? ''}${size}`, detail)
}

/** Random bytes drawn ahead: a call for each id costs more than the bytes. */
const random = new Uint8Array(64 * ID_BYTES)
let randomUsed = random.length

function newId(): Uint8Array {
  if (randomUsed === random.length) {
    crypto.getRandomValues(random)
    randomUsed = 0
  }
  randomUsed += ID_BYTES
  return random.slice(randomUsed - ID_BYTES, randomUsed)
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** A new id as text. */
export function newTextId(): string {
  return hex(newId())
}
