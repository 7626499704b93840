import { Batch } from './batch.ts'
import { ReadCache } from './cache.ts'
import { type Changed, changedRows, hasBit } from './changed.ts'
import { decode, decodeAll, encode, Encoder } from './codec.ts'
import { guarded, PannierError, quiet } from './errors.ts'
import { type Declaration, declarations, fullName, SCOPES } from './declare.ts'
import { hex, newId } from './id.ts'
import { EditReceipt, Receipt } from './receipt.ts'
import { Carrier, type Opening } from './records/carrier.ts'
import type { RecordStore } from './records/record-store.ts'
import { closed, refusal, told } from './refusal.ts'
import { inTask } from './task.ts'
import type { Document, Edit, KeyPart, OpenOptions, Outcome, Progress, Recovery, Value, Write } from './types.ts'
import { Engine, FAULT, loadLater } from './wasm.ts'

/** Collections by their numbers in the core. */
export const CART = 1
export const HISTORY = 2
export const CATALOG = 3
export const ORDERS = 4

/** Above the most lines that a cart may have, removed ones included. */
export const CART_ROWS_MAX = 100_000

/** Writes: mutations by their places in the engine's list, then those of rows. */
export const enum Name {
  Add,
  Adjust,
  SetQty,
  Remove,
  Clear,
  Select,
  SaveForLater,
  Coupon,
  Claim,
  Visit,
  DeleteVisits,
  SubmitOrder,
  CancelOrder,
  Erase,
  PutRow,
  DeleteRow,
  AddToRow,
  Put,
  Delete,
  DeleteRange,
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
  Failed = 9,
  ReadFailed,
  Corrupt,
  MoreWork = 13,
  Progress,
  Recovered,
  Erasure,
  CodeWanted,
  Replaced,
}

/** How far it has come that all of the shopper's is deleted: the same numbers stand in `src/sync/client/mod.rs`. */
export const enum Erasure {
  None,
  Asked,
  Done,
}

/** What a scan gives: the same numbers stand in `crates/wasm/src/engine.rs`. */
const enum What {
  Rows,
  Pairs,
  Names,
}

/** Longer bounds make a question of their own each time. */
const QUESTION_BYTES_MAX = 256

/** More rows at once are put in parts, between which the page has its turn: so many take a slow one some 15 ms. */
const ROWS_AT_ONCE_MAX = 256

/** An empty object: bounds that leave nothing out. */
const NO_BOUNDS = new Uint8Array([0xc0])

/** Writes of one task cross before it ends when they are more than this: the engine must hold a copy of all. */
const BATCH_BYTES_MAX = 2 ** 16

/** A larger write crosses by itself, without a copy of its bytes. */
const BATCHED_BYTES_MAX = 2 ** 16

/** Of writes that are no mutations. */
const NO_ID = new Uint8Array(0)

/** Milliseconds after which a failed write is tried again. */
const RETRY_AFTER_MS = 1000

/** Milliseconds without a commit after which the log may be folded into the tree. */
const IDLE_AFTER_MS = 3000

/** Milliseconds from a commit that makes upkeep due, as one that goes over a byte budget, to its first step. */
const UPKEEP_AFTER_MS = 500

interface Waiter<T> {
  resolve(value: T): void
  reject(error: Error): void
}

/** Where the store tells what happened. */
export interface Listener extends Opening {
  outcome(outcome: Outcome): void
  error(error: PannierError): void
  /** Storage that failed has taken a write or given what was asked for. */
  stored(): void
  /** Nothing can be read or written any more. */
  broken(error: PannierError): void
  synced(more: boolean): void
  syncRefused(error: PannierError, retryAfterMs: number): void
  appended(seq: number, record: Uint8Array): void
  progress(progress: Progress): void
  recovered(recovery: Recovery): void
  erasure(erasure: Erasure): void
  /** The database was deleted; what is known here goes into a new one. */
  deleted(error: PannierError): void
  /** A row was edited that is synced by a mutation. */
  edited(): void
}

/** Where collections read and write: the store, or a snapshot or transaction of it. */
export interface Source<W, E = W> {
  mutate(name: Name, asked: object, collection?: number): E
  write(name: Name, collection: number, value: unknown, what: string): W
  scan(
    collection: number,
    index: string,
    bounds: object,
    limit: number,
    reverse: boolean,
    keys: boolean,
  ): Promise<readonly Value[]>
  count(collection: number, index: string, bounds: object): Promise<number>
}

/** The engine with promises in place of tickets and faults. */
export class Store implements Source<Write, Edit> {
  readonly #engine: Engine
  readonly #carrier: Carrier
  readonly #records: RecordStore
  #keptSeq: number | undefined
  readonly #memory: WebAssembly.Memory
  readonly #listener: Listener
  /** Taken away while in use: a getter in what is encoded may call back into the store. */
  #encoder: Encoder | undefined
  /** Writes of this task: they cross together when it ends, or before anything else is asked of the engine. */
  readonly #batch = new Batch()
  /** Of writes that the engine has, by their tickets. */
  readonly #durable: Receipt[] = []
  readonly #confirmed = new Map<string, EditReceipt>()
  readonly #subscribers = new Map<number, Set<(changed: Changed) => void>>()
  /** Reads that faulted. */
  readonly #loads: Waiter<void>[] = []
  /** Collections that rows are put into in parts: what is written there meanwhile comes after them. */
  readonly #parts = new Map<number, Promise<void>>()
  readonly #idle: Waiter<void>[] = []
  readonly #scopes: readonly string[]
  readonly #caches = new Map<number, ReadCache>()
  /** Collections whose rows expire. */
  readonly #expiring = new Set<number>()
  #opened: Waiter<void> | undefined
  /** Collections by number. */
  readonly #names = ['', 'cart', 'history', 'catalog', 'orders']
  #upkeep: Promise<void> | undefined
  readonly #events: [Kind, number, Uint8Array | undefined][] = []
  #calls = 0
  #scheduled = false
  #broken: PannierError | undefined
  #closing: Promise<void> | undefined
  #closed = false
  #idleTimer: ReturnType<typeof setTimeout> | undefined
  #durableAt = 0
  #isFailing = false
  #upkeepTimer: ReturnType<typeof setTimeout> | undefined

  private constructor(options: OpenOptions, records: RecordStore, memory: WebAssembly.Memory, listener: Listener) {
    this.#records = records
    this.#memory = memory
    this.#listener = listener
    const own = Object.entries(options.collections ?? {}).filter(([, { merge }]) => merge)
    const names = own.map(([name, declared]) => fullName(name, declared))
    const scopes: readonly string[] = options.sync === undefined ? [] : [...(options.sync.scopes ?? SCOPES), ...names]
    this.#scopes = scopes
    const collections: Declaration[] = declarations(options)
    const { recordBytesMax: recordBytes } = records
    const setup = { scopes, collections, now: Date.now(), recordBytes, cacheBytes: options.cacheBytes }
    this.#calls = 1
    const notify = (kind: Kind, number: number, bytes?: Uint8Array) => this.#notify(kind, number, bytes)
    const appended = (seq: number, record: Uint8Array) => this.#listener.appended(seq, record)
    this.#carrier = new Carrier(records, listener, this.#answered, appended, this.#corrupt)
    this.#engine = new Engine(this.#carrier, this.encode(setup, 'options'), newId(), notify)
    this.#calls = 0
  }

  static async open(
    options: OpenOptions,
    records: RecordStore,
    memory: WebAssembly.Memory,
    listener: Listener,
  ): Promise<Store> {
    const store = new Store(options, records, memory, listener)
    const opened = new Promise<void>((resolve, reject) => (store.#opened = { resolve, reject }))
    store.#deliver()
    try {
      await opened
      for (const [name, declared] of Object.entries({ catalog: options.catalog ?? {}, ...options.collections })) {
        const full = fullName(name, declared)
        const number = store.collection(full)!
        store.#names[number] = full
        if (declared.expires !== undefined) store.#expiring.add(number)
      }
    } catch (error) {
      store.#free()
      throw error
    }
    return store
  }

  get pending(): number {
    if (this.#closed) return 0
    this.#cross()
    return this.#engine.pending()
  }

  mutate(
    name: Name,
    asked: object,
    collection = name < Name.Visit ? CART : name < Name.SubmitOrder ? HISTORY : ORDERS,
  ): Edit {
    const id = newId()
    const edit = new EditReceipt()
    this.#write(name, collection, this.encode(asked, ''), id, edit)
    // Kept where there is no outcome to come, they would pile up.
    if (this.isSynced(collection) && name !== Name.Visit) this.#confirmed.set((edit.id = hex(id)), edit)
    if (name >= Name.PutRow) this.#listener.edited()
    return edit
  }

  /**
   * Asks for the shopper's erasure; with `device` only here, and refused as `pending` where something was not sent. It has
   * an outcome, which this receipt does not tell.
   */
  erase(asked: { device?: true }): Write {
    const receipt = new Receipt()
    this.#write(Name.Erase, CART, this.encode(asked, ''), newId(), receipt)
    return receipt
  }

  isSynced(collection: number): boolean {
    return this.#scopes.includes(this.#names[collection]!)
  }

  write(name: Name, collection: number, value: unknown, what: string): Write {
    const receipt = new Receipt()
    if (name === Name.Put && (value as unknown[]).length > ROWS_AT_ONCE_MAX) {
      this.#putInParts(collection, [...(value as Document[])], what, receipt)
    } else {
      this.#write(name, collection, this.encode(value, what), NO_ID, receipt)
    }
    return receipt
  }

  #putInParts(collection: number, rows: readonly Document[], what: string, receipt: Receipt): void {
    this.#mustBeOpen()
    this.#afterParts(collection, receipt, async () => {
      const { putInParts } = await import('./parts.js')
      await putInParts(this, collection, rows, what, receipt, ticket => this.#expect(receipt, ticket))
    })
  }

  /** Does something with a collection once what is put into it in parts is there. */
  #afterParts(collection: number, receipt: Receipt, work: () => void | Promise<void>): void {
    const done: Promise<void> = Promise.resolve(this.#parts.get(collection))
      .then(work)
      .catch(error => receipt.reject(error))
      .then(() => {
        if (this.#parts.get(collection) === done) this.#parts.delete(collection)
      })
    this.#parts.set(collection, done)
  }

  #write(name: Name, collection: number, bytes: Uint8Array, id: Uint8Array, receipt: Receipt): void {
    if (!this.#parts.has(collection)) return this.#writeNow(name, collection, bytes, id, receipt)
    const copy = bytes.slice()
    this.#afterParts(collection, receipt, () => this.#writeNow(name, collection, copy, id, receipt))
  }

  #writeNow(name: Name, collection: number, bytes: Uint8Array, id: Uint8Array, receipt: Receipt): void {
    if (bytes.length > BATCHED_BYTES_MAX) {
      return void this.submit(engine => engine.write(0, name, collection, bytes, id, Date.now()), receipt)
    }
    this.#mustBeOpen()
    // Chromium's queueMicrotask takes some 5 µs longer in a page that has just loaded.
    if (this.#batch.bytes === 0) void Promise.resolve().then(this.#cross)
    this.#batch.add(name, collection, id, bytes, receipt)
    // Who watches is told of each commit by itself.
    if (this.#batch.bytes > BATCH_BYTES_MAX || this.#subscribers.get(collection)?.size) this.#cross()
  }

  /** Hands over what has gathered, and tells what came of it. */
  readonly #cross = (): void => {
    if (this.#batch.bytes === 0 || this.isOver()) return
    const [writes, receipts] = this.#batch.take()
    this.#calls++
    try {
      let ticket = this.#engine.writeAll(writes, Date.now())
      for (const receipt of receipts) this.#expect(receipt, ticket++)
    } finally {
      this.#calls--
    }
    this.#deliver()
  }

  /** Asks the engine for something that is durable when its ticket is. */
  submit(work: (engine: Engine) => number, receipt = new Receipt()): Write {
    this.#expect(receipt, this.#call(work))
    this.#deliver()
    return receipt
  }

  #expect(receipt: Receipt, ticket: number): void {
    receipt.ticket = ticket
    this.#durable.push(receipt)
  }

  /** Ends a transaction; resolves when it is durable. */
  async commit(frame: number): Promise<void> {
    const receipt = new Receipt()
    await this.step(
      engine => engine.commit(frame, Date.now()),
      ticket => this.#expect(receipt, ticket),
    )
    await receipt.durable
  }

  /** As `read`, of what may change something, and tells what came of it. */
  async step<T>(work: (engine: Engine) => number, take: (found: number) => T): Promise<T> {
    const found = await this.read(work, take)
    this.#deliver()
    return found
  }

  /** How far the rows have come that are put in parts. */
  tellProgress(collection: number, done: number, total: number): void {
    const state = done < total ? 'loading' : 'loaded'
    this.#listener.progress(this.#named({ collection, done, total, state }) as unknown as Progress)
  }

  /** Ends a frame without its writes. */
  release(frame: number): void {
    this.#call(engine => engine.release(frame))
  }

  /** One row under a string, frozen, if it is decoded already. */
  decoded(collection: number, key: string): Value | undefined {
    this.#cross()
    return this.#cache(collection).row(key, () => this.#call(engine => engine.used(collection, key)))
  }

  /** One row under a string, frozen. */
  get(collection: number, key: string): Promise<Value | undefined> {
    const read = () => this.read(engine => engine.get(collection, key), count => this.result(count)[0])
    return this.#cache(collection).load(key, read)
  }

  /**
   * Rows in order, frozen; with `keys` each is preceded by its key. Until the collection changes, the same question has
   * the same answer.
   */
  async scan(
    collection: number,
    index: string,
    bounds: object,
    limit: number,
    reverse: boolean,
    keys: boolean,
    frame = 0,
    now = Date.now(),
  ): Promise<readonly Value[]> {
    const asked = this.encode(bounds, 'range').slice()
    this.#cross()
    const scan = (what: What, rows: number) => (engine: Engine) =>
      engine.scan(frame, collection, index, asked, rows, reverse, what, now)
    if (frame !== 0) {
      return this.read(scan(keys ? What.Pairs : What.Rows, limit), count => this.result(keys ? 2 * count : count))
    }
    // Rows that expire leave an answer without any change.
    const isKept = asked.length <= QUESTION_BYTES_MAX && !this.#expiring.has(collection)
    const question = isKept ? `${index}/${limit}/${reverse}/${keys}/${String.fromCharCode(...asked)}` : undefined
    return this.#cache(collection).answer(question, keys, limit, {
      rows: () => this.read(scan(What.Rows, limit), count => this.result(count)),
      pairs: () => this.read(scan(What.Pairs, limit), count => this.result(2 * count)),
      names: first => {
        const count = this.#call(scan(What.Names, first))
        return count >= 0 ? this.result(count) : undefined
      },
    })
  }

  /** One row as it is now, frozen; `null` where it is not in memory. */
  rowNow(collection: number, key: readonly KeyPart[]): Value | undefined {
    const asked = this.encode({ is: key }, 'key')
    const count = this.#call(engine => engine.scan(0, collection, '', asked, 1, false, What.Rows, Date.now()))
    if (count < 0) return null
    const [row] = this.result(count)
    // Those who ask again now find it here.
    if (row !== undefined && key.length === 1) this.#cache(collection).keep(key[0]!, row)
    return row
  }

  #cache(collection: number): ReadCache {
    let cache = this.#caches.get(collection)
    if (cache === undefined) this.#caches.set(collection, (cache = new ReadCache()))
    return cache
  }

  async count(collection: number, index: string, bounds: object, frame = 0): Promise<number> {
    const asked = this.encode(bounds, 'range').slice()
    return this.read(engine => engine.count(frame, collection, index, asked, Date.now()))
  }

  /** Asks the engine until nothing that it needs is missing. What it finds is taken at once: its memory is used again. */
  async read<T = number>(
    work: (engine: Engine) => number,
    take: (found: number) => T = found => found as T,
  ): Promise<T> {
    for (;;) {
      const found = this.#call(work)
      if (found >= 0) return take(found)
      if (found === FAULT) {
        await this.#load()
        continue
      }
      const error = this.#refusal(this.#resultBytes())
      if (error.code !== 'index_building') throw error
      await this.upkeep()
    }
  }

  /** The result of the engine's last read: so many values. */
  result(count: number): Value[] {
    const at = this.#engine.resultAt()
    return decodeAll(new Uint8Array(this.#memory.buffer), at, at + this.#engine.resultLength(), count, true)
  }

  #resultBytes(): Uint8Array {
    return new Uint8Array(this.#memory.buffer, this.#engine.resultAt(), this.#engine.resultLength())
  }

  /** Outcomes that were not acknowledged, frozen. */
  outcomes(): Promise<readonly Outcome[]> {
    return this.read(engine => engine.outcomes(), count => this.result(count) as unknown as readonly Outcome[])
  }

  acknowledge(seq: number): Write {
    return this.submit(engine => engine.acknowledge(seq, Date.now()))
  }

  /** The number of a collection. */
  collection(name: string): number | undefined {
    return this.#call(engine => engine.collection(name))
  }

  /** Does what is due a step at a time, with room for the page between the steps. */
  upkeep(): Promise<void> {
    return (this.#upkeep ??= quiet(this.#steps().finally(() => (this.#upkeep = undefined))))
  }

  async #steps(): Promise<void> {
    do {
      await this.submit(engine => engine.upkeep(Date.now())).durable
      await new Promise(resolve => setTimeout(resolve))
    } while (this.isUpkeepDue())
  }

  isUpkeepDue(): boolean {
    return this.#call(engine => engine.isUpkeepDue())
  }

  /** Calls back after each change of a collection. */
  watch(collection: number, callback: (changed: Changed) => void): () => void {
    let watching = this.#subscribers.get(collection)
    if (watching === undefined) this.#subscribers.set(collection, (watching = new Set()))
    watching.add(callback)
    return () => void watching.delete(callback)
  }

  syncRequest(): Uint8Array | undefined {
    return this.#call(engine => engine.syncRequest(Date.now()))
  }

  syncResponse(body: Uint8Array): void {
    this.#call(engine => engine.syncResponse(body, Date.now()))
    this.#deliver()
  }

  offer(seq: number, record: Uint8Array): void {
    this.#use(engine => engine.offer(seq, record))
  }

  /** Reads what others have written, in whatever way that was missed: a record far ahead says that there is some. */
  catchUp(): void {
    this.offer(Number.MAX_SAFE_INTEGER, new Uint8Array())
  }

  checkpoint(): void {
    this.#use(engine => engine.checkpoint())
  }

  /** Calls the engine, if it is still there, and tells what came of it. */
  #use(work: (engine: Engine) => void): void {
    if (this.isOver()) return
    this.#call(work)
    this.#deliver()
  }

  /** Resolves when all is durable and the log is folded into the tree. */
  async flush(): Promise<void> {
    await Promise.all(this.#parts.values())
    this.checkpoint()
    if (!this.#call(engine => engine.isIdle())) {
      await new Promise<void>((resolve, reject) => this.#idle.push({ resolve, reject }))
    }
    await this.keepCart()
  }

  /** Keeps the cart as it stands for `peekCart`. A convenience: where it fails, the engine will tell the cart. */
  async keepCart(): Promise<void> {
    if (this.isOver()) return
    const seq = this.#call(engine => engine.settledSeq())
    if (seq === undefined || seq === this.#keptSeq) return
    const count = this.#call(engine => engine.scan(0, CART, '', NO_BOUNDS, CART_ROWS_MAX, false, What.Pairs, 0))
    if (count === FAULT) return
    this.#keptSeq = seq
    const at = this.#engine.resultAt()
    const bytes = new Uint8Array(this.#memory.buffer).slice(at, at + this.#engine.resultLength())
    await this.#records.keepCart?.({ seq, count, bytes }).catch(() => {})
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    try {
      if (this.#broken === undefined) await this.flush()
    } finally {
      this.#free()
    }
  }

  #free(): void {
    this.#closed = true
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#upkeepTimer)
    this.#carrier.close()
    this.#engine.free()
    this.#end(closed())
  }

  encode(value: unknown, name: string): Uint8Array {
    const encoder = this.#encoder ?? new Encoder()
    this.#encoder = undefined
    encoder.at = 0
    encode(value, encoder, name)
    this.#encoder = encoder
    return encoder.written()
  }

  isOver(): boolean {
    return this.#closed || this.#broken !== undefined
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closed()
    if (this.#broken !== undefined) throw this.#broken
  }

  /** Calls the engine. What it tells meanwhile waits: it cannot be called from within. */
  #call<T>(work: (engine: Engine) => T): T {
    this.#cross()
    this.#mustBeOpen()
    this.#calls++
    try {
      return work(this.#engine)
    } finally {
      this.#calls--
    }
  }

  /** Hands an answer of the record store, or a turn, to the engine. */
  readonly #answered = (take: (engine: Engine) => void): void => {
    this.#use(take)
    if (this.#idle.length > 0 && !this.isOver() && this.#call(engine => engine.isIdle())) settle(this.#idle)
  }

  #load(): Promise<void> {
    const loaded = new Promise<void>((resolve, reject) => this.#loads.push({ resolve, reject }))
    this.#deliver()
    return loaded
  }

  #notify(kind: Kind, number: number, bytes: Uint8Array | undefined): void {
    if (this.#closed) return
    this.#events.push([kind, number, bytes])
    if (this.#calls > 0 || this.#scheduled) return
    this.#scheduled = true
    // Callbacks of the page run outside the engine's own frames.
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  /** A callback may call the store, and so deliver what is left, in its order. */
  #deliver(): void {
    for (let event; (event = this.#events.shift()) !== undefined; ) this.#happened(...event)
  }

  #happened(kind: Kind, number: number, bytes: Uint8Array | undefined): void {
    switch (kind) {
      case Kind.Opened:
        return this.#opened?.resolve()
      case Kind.Durable:
        this.#works()
        this.#madeDurable(number)
        this.#durableAt = performance.now()
        this.#idleTimer ??= setTimeout(this.#pause, IDLE_AFTER_MS)
        if (!this.isOver() && this.#engine.isUpkeepDue()) this.#upkeepTimer ??= setTimeout(this.#tidy, UPKEEP_AFTER_MS)
        return
      case Kind.Refused:
        return this.#refused(number, this.#refusal(bytes!))
      case Kind.Changed:
        return this.#changed(number, bytes!)
      case Kind.Outcome: {
        const outcome = decode(bytes!, 0, bytes!.length, true) as unknown as Outcome
        this.#confirmed.get(outcome.id)?.outcome.resolve(outcome)
        this.#confirmed.delete(outcome.id)
        return this.#listener.outcome(outcome)
      }
      case Kind.Synced:
        return this.#listener.synced(number === 1)
      case Kind.SyncRefused:
        return this.#listener.syncRefused(told(bytes!), number)
      case Kind.Loaded:
        this.#works()
        return settle(this.#loads)
      case Kind.Failed:
        return this.#failed(told(bytes!))
      case Kind.ReadFailed:
        return settle(this.#loads, told(bytes!))
      case Kind.Corrupt:
        return this.#corrupt(told(bytes!))
      case Kind.Progress:
        return this.#listener.progress(this.#named(decode(bytes!) as Document) as unknown as Progress)
      case Kind.Recovered:
        return this.#listener.recovered(decode(bytes!) as unknown as Recovery)
      case Kind.Erasure:
        return this.#listener.erasure(number)
      case Kind.CodeWanted:
        return void this.#loadCode()
      case Kind.Replaced:
        this.#isFailing = true
        this.#keptSeq = undefined
        return this.#listener.deleted(refusal('deleted', {}))
      case Kind.MoreWork:
        return inTask(() => this.#answered(engine => engine.work()))
    }
  }

  async #loadCode(): Promise<void> {
    try {
      await loadLater()
      this.#works()
      this.#use(engine => engine.retry())
      settle(this.#loads)
    } catch (error) {
      // Tried again like what storage did not do.
      const failed = new PannierError('code', `pannier_later.wasm: ${(error as Error).message}`)
      settle(this.#loads, failed)
      this.#use(engine => engine.codeFailed())
      this.#failed(failed)
    }
  }

  #madeDurable(ticket: number): void {
    let count = 0
    while (count < this.#durable.length && this.#durable[count]!.ticket <= ticket) count++
    settle(this.#durable.splice(0, count))
  }

  #changed(collections: number, bytes: Uint8Array): void {
    let told: ((collection: number) => Changed) | undefined
    // Nobody may want to know.
    const changed = (collection: number) => (told ??= changedRows(bytes))(collection)
    for (const [collection, cache] of this.#caches) {
      if (hasBit(collections, collection)) cache.drop(changed(collection))
    }
    for (const [collection, watching] of this.#subscribers) {
      if (!hasBit(collections, collection)) continue
      for (const callback of [...watching]) guarded(() => callback(changed(collection)))
    }
  }

  #named(detail: Document): Document {
    const collection = this.#names[detail['collection'] as number]
    return collection === undefined ? detail : { ...detail, collection: collection.replace(/.*:/, '') }
  }

  #refusal(bytes: Uint8Array): PannierError {
    const { code, detail } = decode(bytes) as { code: string; detail: Document }
    return refusal(code, this.#named(detail))
  }

  /** Uses a pause, if it is one by now. A timer for each commit would cost as much as its encoding. */
  readonly #pause = (): void => {
    const restMs = this.#durableAt + IDLE_AFTER_MS - performance.now()
    this.#idleTimer = restMs > 1 ? setTimeout(this.#pause, restMs) : undefined
    if (this.#idleTimer !== undefined) return
    this.#use(engine => engine.idle())
    void this.keepCart()
  }

  readonly #tidy = async (): Promise<void> => {
    // What fails here fails the same way where somebody waits for it; the next commit tries again.
    if (!this.isOver()) await this.upkeep().catch(() => {})
    this.#upkeepTimer = undefined
  }

  #refused(ticket: number, error: PannierError): void {
    // What is declared cannot be.
    if (ticket === 1) this.#opened?.reject(error)
    const index = this.#durable.findIndex(receipt => receipt.ticket === ticket)
    // An answer that cannot be taken in has no ticket of the page's.
    if (index < 0) return this.#listener.syncRefused(error, 0)
    const receipt = this.#durable.splice(index, 1)[0]!
    receipt.reject(error)
    if (!(receipt instanceof EditReceipt)) return
    receipt.outcome.reject(error)
    this.#confirmed.delete(receipt.id ?? '')
  }

  #works(): void {
    if (!this.#isFailing) return
    this.#isFailing = false
    this.#listener.stored()
  }

  #failed(error: PannierError): void {
    this.#isFailing = true
    this.#opened?.reject(error)
    this.#listener.error(error)
    // Storage that keeps failing must not keep the store from closing.
    if (this.#closing !== undefined) settle(this.#idle, error)
    setTimeout(() => this.#use(engine => engine.retry()), RETRY_AFTER_MS)
  }

  readonly #corrupt = (error: PannierError): void => {
    if (this.isOver()) return
    this.#broken = error
    this.#end(error)
    this.#listener.broken(error)
    this.#listener.error(error)
  }

  /** Nothing can be read or written any more, by the page's own wish. */
  end(error: PannierError): void {
    this.#broken = error
    this.#end(error)
  }

  /** Nothing that is waited for will happen any more. */
  #end(error: PannierError): void {
    this.#opened?.reject(error)
    for (const waiters of [this.#durable, this.#batch.take()[1], this.#loads, this.#idle]) settle(waiters, error)
    for (const { outcome } of this.#confirmed.values()) outcome.reject(error)
    this.#confirmed.clear()
  }
}

function settle(waiters: Pick<Waiter<void>, 'resolve' | 'reject'>[], error?: PannierError): void {
  for (const waiter of waiters.splice(0)) error === undefined ? waiter.resolve() : waiter.reject(error)
}
