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
}

export interface Cart {
  readonly lines: readonly CartLine[]
  /** Sum of the quantities. */
  readonly count: number
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
}

/** Receipts of an edit. Neither promise needs to be awaited; the edit is visible at once. */
export interface Edit {
  /** Resolves when the edit is in the device's storage and survives a reload. */
  readonly durable: Promise<void>
  /** Resolves with the server's outcome, however much later that is. Without `sync` it never resolves. */
  readonly confirmed: Promise<Outcome>
}

/** Receipt of a write that is not synced. */
export interface Write {
  readonly durable: Promise<void>
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
  read(): Promise<Cart>
  /** Calls back with the cart now and after each change of it, in any tab. Returns what stops it. */
  subscribe(callback: (cart: Cart) => void): () => void
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

export interface CatalogApi {
  put(product: Product): Write
  /** One atomic commit. A bad product fails the whole call with its place in the list. */
  putMany(products: readonly Product[]): Write
  get(id: string): Promise<Product | undefined>
  /** Products by id. */
  range(range?: Range<string>): Promise<readonly Product[]>
  /** Products by a declared index; bounds are prefixes of the index key: `{ gte: ['shoes', 0], lt: ['shoes', 5000] }`. */
  query(index: string, range?: Range<readonly KeyPart[]>): Promise<readonly Product[]>
  subscribe(callback: () => void): () => void
}

export interface SyncOptions {
  /** Base of the protocol's addresses, such as `/v1` or `https://shop.example/v1`. */
  readonly url: string
  /** The shopper's token, sent as `Authorization: Bearer …`. Called before each request. */
  readonly token: () => string | Promise<string>
  /** Scopes to pull. Default `['cart', 'catalog']`; add `'history'` to sync visits too. */
  readonly scopes?: readonly ('cart' | 'history' | 'catalog')[]
  /** Milliseconds between pulls while the page is visible. Default 15,000; 0 turns them off. */
  readonly interval?: number
}

export interface OpenOptions {
  /** Name of the store: one a shop and shopper. */
  readonly name: string
  /** Default `indexeddb` where there is one, else `memory`. */
  readonly store?: 'indexeddb' | 'memory'
  readonly sync?: SyncOptions
  readonly catalog?: {
    /** Secondary indexes: name to the product fields that make the key. Default `{ byCategoryPrice: ['category', 'price'] }`. */
    readonly indexes?: { readonly [name: string]: readonly string[] }
  }
  /** Bytes of stored records that are kept in memory for reading. Default 8 MiB. */
  readonly cacheBytes?: number
  /** When a commit counts as durable: handed to the system (`relaxed`, default) or flushed to the disk (`strict`). */
  readonly durability?: 'relaxed' | 'strict'
  /** Address of the wasm file, where a bundler moves it somewhere unusual. */
  readonly wasm?: string | URL | Response | BufferSource | WebAssembly.Module
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

export interface Events {
  outcome: Outcome
  sync: SyncState
  error: Error
}

export interface Shop {
  readonly cart: CartApi
  readonly history: HistoryApi
  readonly catalog: CatalogApi
  readonly sync: SyncApi
  on<E extends keyof Events>(event: E, callback: (value: Events[E]) => void): () => void
  /** Resolves when all edits so far are durable and the log is folded into the tree. */
  flush(): Promise<void>
  close(): Promise<void>
}
