import { CartView } from './cart.ts'
import { CatalogView } from './catalog.ts'
import { HistoryView } from './history.ts'
import { check, guarded } from './errors.ts'
import { IndexedDbRecords } from './records/indexeddb.ts'
import { MemoryRecords } from './records/memory.ts'
import { type Listener, Store } from './store.ts'
import { Syncer } from './sync.ts'
import { Tabs } from './tabs.ts'
import type { Events, OpenOptions, Shop, SyncApi, SyncState } from './types.ts'
import { loadWasm } from './wasm.ts'

type Callbacks = { [E in keyof Events]: Set<(value: Events[E]) => void> }

const OFF: SyncState = Object.freeze({ status: 'off', pending: 0, lastSyncAt: null, error: null })

/** A shop without a server. */
const NO_SYNC: SyncApi = { now: async () => {}, state: OFF, pause() {}, resume() {} }

/**
 * Opens the store `options.name`, and creates it when it is missing. Several tabs may have it open.
 *
 * @throws PannierError `storage_unavailable` or `corrupt` when the storage cannot be opened.
 */
export async function open(options: OpenOptions): Promise<Shop> {
  check(typeof options?.name === 'string' && options.name !== '', 'name', 'a non-empty string')
  const callbacks: Callbacks = { outcome: new Set(), sync: new Set(), error: new Set() }
  const emit = <E extends keyof Events>(event: E, value: Events[E]) => {
    for (const callback of [...callbacks[event]]) guarded(() => callback(value))
  }
  // What takes longest is started first.
  const loading = loadWasm(options.wasm)
  let syncer: Syncer | undefined
  const isStored = options.store === 'indexeddb' || (options.store !== 'memory' && globalThis.indexedDB != null)
  // What others commit while this tab opens may come too late for its reading.
  const tabs = isStored ? new Tabs(options.name) : undefined
  const listener: Listener = {
    outcome: outcome => emit('outcome', outcome),
    error: error => emit('error', error),
    broken: error => syncer?.stop(error),
    synced: more => syncer?.synced(more),
    syncRefused: (error, retryAfterMs) => syncer?.refused(error, retryAfterMs),
    appended: (seq, record) => tabs?.tell(seq, record),
  }
  const records = isStored ? new IndexedDbRecords(options.name, options.durability ?? 'relaxed') : new MemoryRecords()
  const store = await loading
    .then(memory => Store.open(options, records, memory, listener))
    .catch(error => {
      tabs?.close()
      records.close()
      throw error
    })
  tabs?.hear((seq, record) => store.offer(seq, record))
  if (options.sync !== undefined) {
    syncer = new Syncer(store, options.name, options.sync, state => emit('sync', state))
  }
  const fold = () => {
    if (document.visibilityState !== 'hidden') return
    store.checkpoint()
    void store.keepCart()
  }
  globalThis.document?.addEventListener('visibilitychange', fold)
  const edited = () => syncer?.edited()
  return {
    cart: new CartView(store, edited),
    history: new HistoryView(store, edited),
    catalog: new CatalogView(store),
    sync: syncer ?? NO_SYNC,
    on(event, callback) {
      callbacks[event].add(callback)
      return () => void callbacks[event].delete(callback)
    },
    flush: () => store.flush(),
    async close() {
      syncer?.stop()
      globalThis.document?.removeEventListener('visibilitychange', fold)
      try {
        await store.close()
      } finally {
        tabs?.close()
      }
    },
  }
}
