import { CartLines, CartView } from './cart.ts'
import { CatalogView } from './catalog.ts'
import { Collection, Rows } from './collection.ts'
import { HistoryView, Visits } from './history.ts'
import { OrdersView } from './orders.ts'
import { fullName } from './declare.ts'
import { check, guarded, PannierError } from './errors.ts'
import { IndexedDbRecords } from './records/indexeddb.ts'
import type { RecordStore } from './records/record-store.ts'
import type { Declared } from './snapshot.ts'
import { Erasure, type Listener, Store } from './store.ts'
import { Syncer } from './sync.ts'
import { type Channel, Tabs } from './tabs.ts'
import type { Document, Events, OpenOptions, Shop, StorageState, SyncApi, SyncState } from './types.ts'
import { loadWasm } from './wasm.ts'

/** For files of their own, whose class of errors would be another one. */
const refuse = (code: string, message: string, detail?: Document) => new PannierError(code, message, detail)

type Ahead = Pick<typeof import('./encryption.js'), 'encrypt'>

type Callbacks = { [E in keyof Events]: Set<(value: Events[E]) => void> }

const OFF: SyncState = Object.freeze({ status: 'off', pending: 0, lastSyncAt: null, error: null })

let frames: typeof import('./frames.js') | undefined

/** A shop without a server. */
const NO_SYNC: SyncApi = { now: async () => {}, state: OFF, pause() {}, resume() {} }

/**
 * Opens the store `options.name`, and creates it when it is missing. Several tabs may have it open.
 *
 * @throws PannierError `corrupt`, `newer_format`, `key_missing`, `wrong_key`, `not_encrypted` or `tampered` when what is
 * stored cannot be read: nothing of it is touched then. Without storage it is in memory: see
 * `shop.storage.state`.
 */
export function open(options: OpenOptions): Promise<Shop>
/** @internal With what a service worker could not import later. */
export function open(options: OpenOptions, ahead: Ahead): Promise<Shop>
export async function open(options: OpenOptions, ahead?: Ahead): Promise<Shop> {
  check(typeof options?.name === 'string' && options.name !== '', 'name', 'a non-empty string')
  const callbacks: Callbacks = {
    outcome: new Set(),
    progress: new Set(),
    recovered: new Set(),
    storage: new Set(),
    sync: new Set(),
    error: new Set(),
  }
  const emit = <E extends keyof Events>(event: E, value: Events[E]) => {
    for (const callback of [...callbacks[event]]) guarded(() => callback(value))
  }
  // What takes longest is started first.
  const loading = loadWasm(options.wasm, options.laterWasm)
  // Waited for later.
  loading.catch(() => {})
  let syncer: Syncer | undefined
  const isStored = options.store === 'indexeddb' || (options.store !== 'memory' && globalThis.indexedDB != null)
  // What others commit while this tab opens may come too late for its reading.
  const channel = isStored ? new Tabs(options.name) : undefined
  const status = isStored ? 'stored' : 'memory'
  let storage: StorageState = { status, error: null, isCleared: false, evicted: [] }
  const change = (changed: Partial<StorageState>) => emit('storage', (storage = { ...storage, ...changed }))
  let erasure = Erasure.None as Erasure
  const stored = () => change({ status: erasure === Erasure.Asked ? 'erasing' : status, error: null })
  // Another tab may have erased all.
  const endAs = (error: PannierError) => change({ status: error.code === 'erased' ? 'erased' : 'broken', error })
  // Where a mark and a reserve are there already, or cannot be.
  let isSettled = !isStored
  const settleNow = () => import('./settle.js').then(({ settle }) => (opened!.isOver() ? undefined : settle(options.name, records))).catch(() => {})
  let roomMaking: Promise<void> | undefined
  let opened: Store | undefined
  let ended: (() => Promise<void>) | undefined
  const listener: Listener = {
    outcome: outcome => emit('outcome', outcome),
    error(error) {
      if (!opened?.isOver()) change({ status: error.code === 'quota' ? 'full' : 'failing', error })
      if (error.code === 'quota') roomMaking ??= makeRoom().catch(() => {}).finally(() => (roomMaking = undefined))
      emit('error', error)
    },
    stored,
    broken(error) {
      endAs(error)
      syncer?.stop(error)
    },
    deleted(error) {
      change({ status: 'deleted', error, isCleared: true })
      emit('error', error)
      if (isSettled) void settleNow()
      // Pulls what the server has.
      syncer?.edited()
    },
    isNew() {
      if (isStored && isMarked(options.name)) change({ isCleared: true })
    },
    async instead(error, isLate) {
      // Who asks for storage by name is told that there is none.
      if (!isLate && options.store === 'indexeddb') throw error
      return (await import('./storage.js')).instead(records, isLate, error, change, stored)
    },
    synced: more => syncer?.synced(more),
    syncRefused: (error, retryAfterMs) => syncer?.refused(error, retryAfterMs),
    progress: progress => emit('progress', progress),
    recovered: recovery => emit('recovered', recovery),
    erasure(now) {
      erasure = now
      if (now === Erasure.Done) void ended?.()
      // A wish that another tab's commit came before is made anew: nothing to tell.
      else if (now === Erasure.Asked || storage.status === 'erasing') stored()
    },
    edited: () => syncer?.edited(),
    appended: (seq, record) => tabs?.tell(seq, record),
  }
  const onDisk = (first?: Uint8Array) => new IndexedDbRecords(options.name, options.durability ?? 'relaxed', first, () => opened?.catchUp())
  const encrypted = async (key: CryptoKey): Promise<[RecordStore, Channel]> => {
    // Where `open` is a callback, as of a list's `map`, something else may come second.
    const encrypt = ahead?.encrypt ?? (await import('./encryption.js')).encrypt
    return encrypt(key, options.name, onDisk, channel!, refuse)
  }
  const stores = async (): Promise<[RecordStore, Channel?]> => {
    if (channel === undefined) return [new (await import('./storage.js')).MemoryRecords()]
    return options.key === undefined ? [onDisk(), channel] : encrypted(options.key)
  }
  const [records, tabs] = await stores().catch(error => {
    channel?.close()
    throw error
  })
  const inMemory = isStored ? undefined : records
  const store = await loading
    .then(memory => Store.open(options, records, memory, listener))
    .catch(error => {
      tabs?.close()
      records.close()
      throw error
    })
  opened = store
  const deleteStore = async () => {
    const { deleteStore } = await import('./erase.js')
    await deleteStore(store, refuse, isStored && options.name, records, tabs)
  }
  if (erasure === Erasure.Done) {
    // Where the page ended before it came to this.
    await deleteStore()
    return open(options, ahead!)
  }
  tabs?.hear((seq, record) => store.offer(seq, record))
  if (options.sync !== undefined) {
    const place = { name: options.name, isShared: () => storage.status !== 'memory' }
    syncer = new Syncer(store, place, options.sync, state => emit('sync', state))
  }
  const stopFollowing = followPage(store)
  ended = async () => {
    syncer?.stop()
    await deleteStore().then(
      () => change({ status: 'erased', error: null }),
      // The next visit goes on with it.
      endAs,
    )
  }
  const makeRoom = async () => (await import('./storage.js')).makeRoom(records, catalog, store, change)
  const edited = () => syncer?.edited()
  const cartEdited = () => {
    edited()
    if (isSettled) return
    isSettled = true
    void settleNow()
  }
  const catalogOptions = options.catalog ?? {}
  const catalog = new CatalogView(store, catalogOptions)
  const collections = new Map<string, Collection<Document>>([['catalog', catalog as unknown as Collection<Document>]])
  const declared = (name: string): Declared => {
    const found = name === 'catalog' ? catalogOptions : options.collections?.[name]
    check(found !== undefined, 'name', 'the name of a declared collection')
    const full = fullName(name, found!)
    return [store.collection(full)!, found!, full]
  }
  const parts = { CartLines, Visits, Rows, catalog: catalogOptions, declared, refuse }
  const collection = (name: string): Collection<Document> => {
    let found = collections.get(name)
    if (found === undefined) collections.set(name, (found = new Collection(store, ...declared(name))))
    return found
  }
  const all = Object.entries({ catalog: catalogOptions, ...options.collections })
  const expiring = all.filter(([, one]) => one.expires).map(([name]) => declared(name))
  if (expiring.length > 0 || store.isUpkeepDue()) {
    void import('./frames.js').then(({ keepUp }) => keepUp(store, expiring, refuse)).catch(() => {})
  }
  const shop: Shop = {
    cart: new CartView(store, cartEdited),
    history: new HistoryView(store, edited),
    orders: new OrdersView(store, edited),
    outcomes: {
      read: () => store.outcomes(),
      acknowledge: outcome => store.acknowledge(outcome?.seq ?? Number.MAX_SAFE_INTEGER),
    },
    catalog,
    sync: syncer ?? NO_SYNC,
    storage: {
      get state() {
        return storage
      },
      async usage() {
        const { usage } = await import('./storage.js')
        return usage(store, options.collections, name => declared(name)[0])
      },
    },
    collection: <Row extends Document>(name: string) => collection(name) as unknown as Collection<Row>,
    snapshot: async () => (await import('./frames.js')).takeSnapshot(store, parts),
    async transaction(work) {
      // Without a wait inside another, which has loaded it: that is refused.
      const { transact } = (frames ??= await import('./frames.js'))
      const result = await transact(store, parts, work)
      edited()
      return result
    },
    async erase() {
      const { erase } = await import('./erase.js')
      await erase(shop, () => store.erase({}), edited, refuse)
    },
    async signIn(options, visitor, claim) {
      const { signIn } = await import('./erase.js')
      return signIn(shop, open(options), visitor, claim)
    },
    async signOut() {
      const { signOut } = await import('./erase.js')
      return signOut(shop, () => store.erase({ device: true }), refuse)
    },
    on(event, callback) {
      callbacks[event].add(callback)
      return () => void callbacks[event].delete(callback)
    },
    check: async () => (await import('./check.js')).checkStore(options, inMemory),
    export: async () => (await import('./check.js')).exportStore(options, inMemory),
    flush: () => store.flush(),
    async close() {
      syncer?.stop()
      stopFollowing()
      try {
        await store.close()
      } finally {
        tabs?.close()
      }
    },
  }
  return shop
}

/** Folds the log when the page hides, and catches up when it comes back from where it was frozen. Returns what ends it. */
function followPage(store: Store): () => void {
  const { document, addEventListener, removeEventListener } = globalThis
  if (addEventListener === undefined) return () => {}
  const fold = () => {
    if (document?.visibilityState !== 'hidden') return
    store.checkpoint()
    void store.keepCart()
  }
  // A page that the browser kept has heard nothing meanwhile; nor has its connection to the storage always lived on.
  const comeBack = ({ persisted }: PageTransitionEvent) => {
    if (persisted) store.catchUp()
  }
  // A worker is told by its page.
  document?.addEventListener('visibilitychange', fold)
  addEventListener('pagehide', fold)
  addEventListener('pageshow', comeBack)
  return () => {
    document?.removeEventListener('visibilitychange', fold)
    removeEventListener('pagehide', fold)
    removeEventListener('pageshow', comeBack)
  }
}

/** Whether an earlier visit of this device has written to the store: `settle.ts` leaves the mark. */
function isMarked(name: string): boolean {
  try {
    return globalThis.localStorage?.getItem(`pannier:${name}`) != null
  } catch {
    return false
  }
}
