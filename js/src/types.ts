/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What can be stored: any JSON value, and dates, big integers and bytes. What the store hands out is frozen: treat it
 * as read-only. A `Date` and a `Uint8Array` cannot be frozen; rows that hold one are decoded for each caller.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value }

/** A document: an object of values. */
export type Document = { readonly [key: string]: Value }

/** A price in the minor unit of its currency: `{ price: 1999, currency: 'EUR' }` is 19.99 €. */
export interface Quote {
  readonly price: number
  readonly currency: string
  readonly title?: string
}

/** A cart line as the shopper sees it: what the server confirmed with the pending edits on top. */
export interface CartLine {
  /** Key of the line: made from `sku` and `options`. */
  readonly line: string
  readonly sku: string
  readonly options: { readonly [name: string]: string }
  readonly qty: number
  /** What the page showed when the line was added. A remembered quote, never the truth. */
  readonly quote: Quote | null
  /** Whether it is selected for an order, as each new line is. */
  readonly selected: boolean
  /** Whether it is put aside for later. */
  readonly saved: boolean
}

/** A coupon of the cart. Without terms it waits for the server, which alone decides. */
export interface Coupon {
  readonly code: string
  readonly terms: Document | null
}

export interface Cart {
  readonly lines: readonly CartLine[]
  /** Sum of the quantities, those put aside for later among them. */
  readonly count: number
  readonly coupons: readonly Coupon[]
}

/** What became of a mutation on the server. */
export type OutcomeStatus = 'applied' | 'adjusted' | 'noop' | 'rejected'

export interface Outcome {
  /** Sequence number of the mutation on this client. */
  readonly seq: number
  /** Id of the mutation, 32 hexadecimal digits. */
  readonly id: string
  /** Name of the mutation, such as `cart.add`. */
  readonly name: string
  readonly status: OutcomeStatus
  /** Why, for everything but a plain `applied`: `stock`, `line_gone`, `delisted`, … */
  readonly code: string | null
  /** For `adjusted`: `{ asked, got }`; for a `setQty` that met another quantity: `{ found }`; and `line`/`sku` where they apply. */
  readonly detail: Document
  /** The mutation had an outcome before, and was sent again to a server that had lost it. */
  readonly again?: true
}

/** Outcomes that the shopper has not seen, also of earlier visits of the page: the last 1,000 are kept. */
export interface OutcomesApi {
  /** The oldest first. */
  read(): Promise<readonly Outcome[]>
  /** The shopper has seen this one and all before it; without one, all that there are. */
  acknowledge(outcome?: Outcome): Write
}

/** Receipts of an edit. Neither promise needs to be awaited; the edit is visible at once. */
export interface Edit {
  /** Resolves when the edit is in the device's storage and survives a reload. */
  readonly durable: Promise<void>
  /** Resolves with the server's outcome, however much later that is. Without `sync` it never resolves. */
  readonly confirmed: Promise<Outcome>
}

/** Receipt of a write of rows. */
export interface Write {
  readonly durable: Promise<void>
  /** Of a collection that is synced (`merge`): as that of an edit, the last one where there are several rows. */
  readonly confirmed?: Promise<Outcome>
}

export interface AddToCart {
  readonly sku: string
  /** At least 1. Default 1. */
  readonly qty?: number
  /** Variant choices such as `{ size: 'M' }`; part of the line's identity. */
  readonly options?: { readonly [name: string]: string }
  readonly quote?: Quote
}

export interface CartApi {
  add(item: AddToCart): Edit
  /** Changes a line's quantity by `by`; never below 0, and at 0 the line goes. */
  adjust(line: string, by: number): Edit
  /** Sets a line's quantity; 0 removes it. */
  setQty(line: string, qty: number): Edit
  remove(line: string): Edit
  clear(): Edit
  /** Selects a line for an order, or not. */
  select(line: string, selected?: boolean): Edit
  /** Puts a line aside for later, or back. */
  saveForLater(line: string, saved?: boolean): Edit
  /** Redeems a coupon: `confirmed` tells whether the server has taken it. */
  redeem(code: string): Edit
  takeBack(code: string): Edit
  /**
   * Takes over the cart of an anonymous shopper, at sign-in: once for ever, however often it is called. `policy` tells
   * what becomes of a line that both carts have; default `max`. With `ask` nothing is done where they differ: the outcome
   * `noop`, `ask` names the lines, and the page claims again with what the shopper chose.
   */
  claim(guest: GuestCart, options?: { policy?: ClaimPolicy }): Edit
  /** The lines of an anonymous cart as `claim` takes them, with edits that were never sent. */
  handOver(): Promise<readonly Document[]>
  read(): Promise<Cart>
  /** Calls back with the cart now and after each change of it, in any tab. Returns what stops it. */
  subscribe(callback: (cart: Cart) => void): () => void
}

export type ClaimPolicy = 'max' | 'add' | 'guest' | 'user' | 'ask'

/** The cart of an anonymous shopper, to be claimed. */
export interface GuestCart {
  /** Id of the anonymous shopper, as `POST /v1/anonymous` gave it. */
  readonly shopper: string
  /** The token that came with it: it proves whose cart it is. */
  readonly token: string
  /** What `handOver` of that shopper's store gave. */
  readonly lines: readonly Document[]
}

export interface OrderLine {
  readonly sku: string
  readonly qty: number
  /** For each piece, in the minor unit of the currency: what the shopper has confirmed. */
  readonly price: number
  /** Version of the product that the shopper saw. */
  readonly version?: number
  /** The line of the cart that it comes from: `created` takes the pieces out of it. */
  readonly line?: string
}

export interface SubmitOrder {
  /** From `newId`, made once and kept with the page's form. */
  readonly orderId: string
  /** Counts the shopper's confirmations, from 1: another one after each rejection. */
  readonly attempt?: number
  readonly lines: readonly OrderLine[]
  /** Milliseconds after which the order is not to be placed any more; then it is rejected as `expired`. */
  readonly validFor?: number
}

export interface Order {
  readonly orderId: string
  readonly attempt: number
  /** `submitted` until the server has placed it. A rejected order is gone: its outcome tells why. */
  readonly state: 'submitted' | 'created' | 'cancelled'
  readonly version: number
  readonly lines: readonly OrderLine[]
  /** Milliseconds since 1970 of the server, once it is placed. */
  readonly at?: number
  /** What the shop had to say of it. */
  readonly decided?: Document
}

export interface OrdersApi {
  /** An id for a new order, to be made before it is submitted first. */
  newId(): string
  /**
   * Places an order, all or nothing: `confirmed` tells `created` or why not. The same order and attempt may be submitted
   * any number of times, in any tab; it is placed once. Throws `not_synced` without the scope `orders`.
   */
  submit(order: SubmitOrder): Edit
  /** Cancels an order of this version. */
  cancel(orderId: string, version: number): Edit
  get(orderId: string): Promise<Order | undefined>
  /** The newest first. */
  read(): Promise<readonly Order[]>
  /** Calls back after each change, in any tab. Returns what stops it. */
  subscribe(callback: () => void): () => void
}

export interface Visit {
  readonly id: string
  readonly sku: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** Milliseconds spent. */
  readonly dwell: number
}

export interface HistoryApi {
  visit(visit: { sku: string; dwell?: number }): Write
  /** Deletes the visits up to now, all or of one product: on every device, for ever, also what another brings later. */
  delete(what?: { sku?: string }): Write
  /** Newest first, one entry for each visit. `limit` defaults to 20. */
  recent(options?: { limit?: number }): Promise<readonly Visit[]>
  subscribe(callback: () => void): () => void
}

/** A product: any JSON object with an `id`. A higher `version` replaces a lower one, never the reverse. */
export type Product = Document & { readonly id: string; readonly version?: number }

/**
 * A part of a key: keys order as null < false < true < numbers < bigints < strings < bytes. Dates order among the
 * numbers, as their milliseconds; strings by code point.
 */
export type KeyPart = null | boolean | number | Date | bigint | string | Uint8Array

export interface Range<K> {
  readonly gte?: K
  readonly gt?: K
  readonly lte?: K
  readonly lt?: K
  /** Default 100. */
  readonly limit?: number
  /** Descending order. */
  readonly reverse?: boolean
}

/** The key of a row: one string, number or other scalar, or several. `'A1'` and `['A1']` are the same key. */
export type Key = Exclude<KeyPart, null> | readonly Exclude<KeyPart, null>[]

/** What can be read of a collection. Rows come back frozen. */
export interface CollectionReads<Row> {
  get(key: Key): Promise<Row | undefined>
  /** Rows in the order of their keys; bounds are prefixes of keys. */
  range(range?: Range<Key>): Promise<readonly Row[]>
  /** Rows by a declared index; bounds are prefixes of the index key: `{ gte: ['shoes', 0], lt: ['shoes', 5000] }`. */
  query(index: string, range?: Range<readonly KeyPart[]>): Promise<readonly Row[]>
  /** Number of rows in a range, without reading them. */
  count(range?: Range<Key>): Promise<number>
  /** Number of entries in a range of an index: of rows, but for an index with `multi`. */
  countBy(index: string, range?: Range<readonly KeyPart[]>): Promise<number>
}

/** What can be written of a collection; `W` is what a write returns. */
export interface CollectionWrites<Row, W> {
  put(row: Row): W
  /**
   * One atomic commit. A bad row fails the whole call with its place in the list. More than 256 rows are put in parts,
   * between which the page has its turn (event `progress`): they are seen once all are there, what else is written to the
   * collection comes after them, and until `durable` the rows are not to be changed.
   */
  putMany(rows: readonly Row[]): W
  /** No row is no error. */
  delete(key: Key): W
  /**
   * `deleteRange({})` deletes all rows, in one commit, `deleteRange({ limit })` the first of them. More than 65,536 at
   * once are refused with `too_large`.
   */
  deleteRange(range: Omit<Range<Key>, 'reverse'>): W
  /**
   * Adds to numbers of a row, in a collection with `merge: 'counter'`: whole numbers, or less than nothing. What several
   * devices add, adds up. Where there is no row, it begins with the key alone.
   */
  add(key: string, by: { readonly [field: string]: number }): W
}

/** What a live query asks: one key, a range of keys, or a range of a declared index. */
export type LiveQuery =
  | { readonly key: Key }
  | ({ readonly index?: undefined } & Range<Key>)
  | ({ readonly index: string } & Range<readonly KeyPart[]>)

/** A row of a result that has changed: without `before` it has come into the result, without `after` it has gone. */
export interface RowChange<Row> {
  readonly key: Key
  readonly before?: Row
  readonly after?: Row
}

export interface LiveResult<Row> {
  /** The rows as `get`, `range` or `query` gives them. */
  readonly rows: readonly Row[]
  /** How they differ from the result before; empty the first time. */
  readonly changes: readonly RowChange<Row>[]
}

export interface CollectionApi<Row = Document> extends CollectionReads<Row>, CollectionWrites<Row, Write> {
  /** Calls back after each change, in any tab. Returns what stops it. */
  subscribe(callback: () => void): () => void
  /**
   * Calls back with the result now, and once after each commit that changed it, in any tab; after no other. Commits
   * while rows are being loaded are told together. Returns what stops it.
   */
  subscribe(query: LiveQuery, callback: (result: LiveResult<Row>) => void): () => void
}

/**
 * The product cache. A product with a lower `version` than the stored one is ignored. One that was evicted (`bytesMax`)
 * is not there until it is put again, or the server sends it because it has changed.
 */
export type CatalogApi = CollectionApi<Product>

export interface IndexOptions {
  /** Dotted paths of the fields that make the key, in order. */
  readonly fields: readonly string[]
  /** Two rows with equal fields refuse each other with `unique`, unless one of the fields is missing or null. */
  readonly unique?: boolean
  /** A field that holds an array gives an entry for each of its items, at most 256 a row. */
  readonly multi?: boolean
}

export interface CatalogOptions {
  /** Secondary indexes by name. Short for `{ fields }`: the list of fields. */
  readonly indexes?: { readonly [name: string]: readonly string[] | IndexOptions }
  /**
   * When rows expire: the path of a field with milliseconds since 1970, or an age, which `put` adds to the time and
   * writes into `expiresAt` where a row has none.
   */
  readonly expires?: string | { readonly afterMs: number }
  /**
   * Most bytes of its rows and their keys, as they are stored. Above it, the rows that were read or written longest ago
   * are deleted, in the background and in small steps, down to 7/8. Default for the catalog 64 MiB, for other
   * collections none.
   */
  readonly bytesMax?: number
}

export interface CollectionOptions extends CatalogOptions {
  /** Paths of the fields that make the key. Default `['id']`. */
  readonly key?: readonly string[]
  /**
   * With it and `sync` the rows are the shopper's on every device, and this tells how they merge what several have
   * written, in the order in which it comes to the server: the row that was put last stands (`last-writer`); so, but a
   * row stays that another device has put anew meanwhile (`add-wins`); numbers add up (`counter`); the shop's own system
   * decides about each row (`server-decides`). The key is one string; another rule makes another collection.
   */
  readonly merge?: 'last-writer' | 'add-wins' | 'counter' | 'server-decides'
}

/** What the shopper saw at one moment, over all collections, whatever is written meanwhile. */
export interface Snapshot {
  readonly cart: Pick<CartApi, 'read'>
  readonly history: Pick<HistoryApi, 'recent'>
  readonly catalog: CollectionReads<Product>
  collection<Row extends Document = Document>(name: string): CollectionReads<Row>
  /** Lets go of what it holds; a snapshot that is forgotten is let go of some time later, and each after 10 minutes. */
  release(): void
  /** As `release`, for `using`. */
  [Symbol.dispose](): void
}

/**
 * A snapshot with its own writes on top. Each write resolves when the reads after it see it; whether it is awaited or
 * not, one that is refused makes the transaction fail.
 */
export interface Transaction {
  readonly cart: Pick<CartApi, 'read'> & {
    add(item: AddToCart): Promise<void>
    adjust(line: string, by: number): Promise<void>
    setQty(line: string, qty: number): Promise<void>
    remove(line: string): Promise<void>
    clear(): Promise<void>
    select(line: string, selected?: boolean): Promise<void>
    saveForLater(line: string, saved?: boolean): Promise<void>
  }
  readonly history: Pick<HistoryApi, 'recent'> & { visit(visit: { sku: string; dwell?: number }): Promise<void> }
  readonly catalog: CollectionReads<Product> & CollectionWrites<Product, Promise<void>>
  collection<Row extends Document = Document>(
    name: string,
  ): CollectionReads<Row> & CollectionWrites<Row, Promise<void>>
}

export interface SyncOptions {
  /** Base of the protocol's addresses, such as `/v1` or `https://shop.example/v1`. */
  readonly url: string
  /** The shopper's token, sent as `Authorization: Bearer …`. Called before each request. */
  readonly token: () => string | Promise<string>
  /** Scopes to pull. Default `['cart', 'catalog', 'orders']`; add `'history'` to sync visits too. */
  readonly scopes?: readonly ('cart' | 'history' | 'catalog' | 'orders')[]
  /** Milliseconds between pulls while the page is visible and hears no pokes. Default 15,000; 0 turns both off. */
  readonly interval?: number
}

export interface OpenOptions {
  /** Name of the store: one a shop and shopper. */
  readonly name: string
  /** Default `indexeddb` where there is one, else `memory`. */
  readonly store?: 'indexeddb' | 'memory'
  readonly sync?: SyncOptions
  /** The product cache. Default index: `{ byCategoryPrice: ['category', 'price'] }`. */
  readonly catalog?: CatalogOptions
  /** Collections of the shop's own, by name. Those without `merge` stay on the device. */
  readonly collections?: { readonly [name: string]: CollectionOptions }
  /** Bytes of stored records that are kept in memory for reading. Default 8 MiB. */
  readonly cacheBytes?: number
  /** When a commit counts as durable: handed to the system (`relaxed`, default) or flushed to the disk (`strict`). */
  readonly durability?: 'relaxed' | 'strict'
  /**
   * Encrypts all that is stored under this key of AES-GCM, which should not be extractable. Without it the store cannot
   * be opened again: `key_missing`, `wrong_key`. A store is encrypted from its beginning or not at all: `not_encrypted`.
   */
  readonly key?: CryptoKey | undefined
  /** Address of `pannier_columns.wasm` or `pannier_bg.wasm`, where a bundler moves it somewhere unusual, or the file. */
  readonly wasm?: string | URL | Response | BufferSource | WebAssembly.Module
  /** The same of `pannier_later.wasm`, which is loaded with what few pages need. `pannier_bg.wasm` holds it already. */
  readonly laterWasm?: OpenOptions['wasm']
  /** The same of `pannier_check.wasm`, which `check` and `export` load. */
  readonly checkWasm?: OpenOptions['wasm']
}

/** What `checkStore` and `exportStore` must know of a store. */
export interface StoredOptions {
  readonly name: string
  /** The key of an encrypted store. */
  readonly key?: CryptoKey | undefined
  /** Address of `pannier_check.wasm`, where a bundler moves it somewhere unusual, or the file. */
  readonly checkWasm?: OpenOptions['wasm']
}

/** Something stored that is not as it was written. */
export interface StoreFault {
  /** `head`, `log record`, `segment`, `node in segment`, `row`. */
  readonly place: string
  /** Number of the log record or segment. */
  readonly number?: number
  /** Bytes from the start of the segment. */
  readonly offset?: number
  readonly why: string
}

/** What a check of all that is stored has found. */
export interface CheckReport {
  readonly isSound: boolean
  /** Of head, log records and segments each that is wrong; of the tree in them the first alone. */
  readonly faults: readonly StoreFault[]
  readonly segments: number
  readonly logRecords: number
  /** Bytes of all records, and of those in segments that the tree reaches. */
  readonly bytesStored: number
  readonly bytesLive: number
  /** Rows of each collection as they are stored; none where they cannot be counted. */
  readonly rows: { readonly [collection: string]: number }
  /** Mutations without an outcome. */
  readonly pending: number
}

/** What a service worker's `sync` event has. */
export interface BackgroundEvent {
  readonly tag: string
  waitUntil(work: Promise<unknown>): void
}

export interface SyncState {
  readonly status: 'off' | 'idle' | 'syncing' | 'offline' | 'error'
  /** Mutations not confirmed yet. */
  readonly pending: number
  /** Milliseconds since 1970 of the last completed sync on this tab, or null. */
  readonly lastSyncAt: number | null
  readonly error: Error | null
}

export interface SyncApi {
  /** Syncs now. Resolves when this round is over, also when it failed: see `state`. */
  now(): Promise<void>
  readonly state: SyncState
  /** While paused nothing is sent or pulled: the shop's own offline switch. */
  pause(): void
  resume(): void
}

/**
 * How far an index has come that is built on rows which were there before it was declared; or a `putMany` of more than
 * 10,000 rows, which has no index and tells how many there are in all.
 */
export interface Progress {
  readonly collection: string
  readonly index?: string
  /** Rows so far. */
  readonly done: number
  /** Rows of a `putMany`. */
  readonly total?: number
  /**
   * `failed`: rows break its rule, and reads of it say so; it is tried again when the store is opened the next time.
   * `loaded`: all rows are there, and `durable` comes next.
   */
  readonly state: 'building' | 'ready' | 'failed' | 'dropped' | 'loading' | 'loaded'
}

/** How the client went on after the server or the device had lost something, or the browser profile was copied. */
export interface Recovery {
  /**
   * Of the server's refusal: `epoch_changed`, `unknown_client`, `seq_gap` or `op_mismatch`; `digest` when the rows of
   * `scope` were not what the server has, and are pulled again.
   */
  readonly code: string
  /** Acknowledged mutations that are sent again. */
  readonly again?: number
  /** Acknowledged mutations that may be lost, at most: they are older than the journal. */
  readonly lost?: number
  readonly scope?: string
}

/** How the device's storage is. */
export interface StorageState {
  /**
   * `stored`: what is durable outlives the page. `waiting`: the storage has not answered yet; the store looks empty, edits
   * show, and become durable once it answers. `memory`: there is no storage, or it refuses; all goes with the page.
   * `failing`: writes wait, and are tried again each second. `full`: as `failing`, since there is no room; the catalog is
   * given up for it, then the history. `deleted`: the database was deleted under the page; a new one takes its place, into
   * which goes what no server has confirmed, and then it is `stored` again. `broken`: nothing can be read or written; open the
   * store anew. `erasing`: the shopper is to be erased, and the server has not said yet that it has; edits are refused as
   * `erased`. `erased`: nothing is left; open the store anew for a new one.
   */
  readonly status: 'stored' | 'waiting' | 'memory' | 'failing' | 'full' | 'deleted' | 'broken' | 'erasing' | 'erased'
  /** Why it is not `stored`. */
  readonly error: Error | null
  /**
   * Whether this visit found the store empty though an earlier one has written to it, or the store was deleted in this
   * visit: the browser has cleared it.
   */
  readonly isCleared: boolean
  /** What was given up for room in this visit: `catalog`, `history`. */
  readonly evicted: readonly string[]
}

/** Bytes in use. */
export interface StorageUsage {
  /** Bytes of each collection's rows and keys. */
  readonly collections: { readonly [name: string]: number }
  /** Bytes of all that the shop's origin stores, and how many it may, as the browser estimates them; null where it does not. */
  readonly used: number | null
  readonly quota: number | null
  /** Whether the browser has promised not to clear it by itself; it is asked to at the first cart edit. */
  readonly isPersistent: boolean | null
}

export interface StorageApi {
  readonly state: StorageState
  usage(): Promise<StorageUsage>
}

export interface Events {
  outcome: Outcome
  storage: StorageState
  progress: Progress
  recovered: Recovery
  sync: SyncState
  error: Error
}

export interface Shop {
  readonly cart: CartApi
  readonly history: HistoryApi
  readonly orders: OrdersApi
  readonly outcomes: OutcomesApi
  readonly catalog: CatalogApi
  readonly sync: SyncApi
  readonly storage: StorageApi
  /** A collection that `open` was told of. */
  collection<Row extends Document = Document>(name: string): CollectionApi<Row>
  /** Holds what the shopper sees now. At most 64 snapshots and transactions at a time. */
  snapshot(): Promise<Snapshot>
  /**
   * Calls `work`, and commits what it wrote as one: all or nothing, over all collections. When something that it read
   * has changed meanwhile, in this tab or another, it is called again, up to 16 times in all; then the error is
   * `conflict`. What it throws is thrown, and nothing is written. Resolves when the commit is durable.
   */
  transaction<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<T>
  on<E extends keyof Events>(event: E, callback: (value: Events[E]) => void): () => void
  /** Checks all that is stored: as `checkStore` of `pannier/check`, which does it without an open shop. */
  check(): Promise<CheckReport | undefined>
  /** All that is stored as JSON: as `exportStore` of `pannier/check`, which does it without an open shop. */
  export(): Promise<Blob | undefined>
  /**
   * At sign-in, called on the shop of a visitor who was not signed in, with what `open` takes for the shopper's: opens that
   * and claims the visitor's cart (see `CartApi.claim`). Resolves when the claim is durable; this shop's store is deleted
   * when the server has merged the cart, and its edits are no longer taken.
   */
  signIn(options: OpenOptions, visitor: Omit<GuestCart, 'lines'>, claim?: { policy?: ClaimPolicy }): Promise<Shop>
  /**
   * Sends what is pending, deletes all that this store has on the device, in every tab, and closes it: true. False where
   * something could not be sent: then the store is only closed, and goes on when the shopper signs in again. Collections
   * that are not synced go too. Throws `not_synced` where there is no server that has the rest.
   */
  signOut(): Promise<boolean>
  /**
   * Erases the shopper: cart and history on the server and its other devices, and all that this store has on the device,
   * in every tab. What was not sent yet goes first, because an order may be among it. Resolves when nothing is left.
   * Once this is asked for edits are refused as `erased`; until the server has answered, also on later visits, the wish is
   * kept and sent again. Rejects when the server refuses it.
   */
  erase(): Promise<void>
  /** Resolves when all edits so far are durable and the log is folded into the tree. */
  flush(): Promise<void>
  close(): Promise<void>
}
