/**
 * A shop in a dedicated worker, with the API that it has in the page: its work holds up no frame. `open` starts the worker,
 * `worker-host.js`, which loads the rest.
 */
import { check } from './errors.ts'
import { newTextId } from './id.ts'
import { Link, type Remote } from './link.ts'
import type {
  CartApi,
  CollectionApi,
  CollectionReads,
  CollectionWrites,
  Document,
  Events,
  HistoryApi,
  OpenOptions,
  OrdersApi,
  OutcomesApi,
  Shop,
  Snapshot,
  Transaction,
} from './types.ts'

export { PannierError } from './errors.ts'
export type * from './types.ts'

/** How a method crosses: its answer is waited for, it gives a receipt with an outcome or without, or it calls back. */
type Kind = 'call' | 'edit' | 'write' | 'listen'

type Methods<Api> = { readonly [name in keyof Api]: Kind }

/** What is done in the page itself is left out. */
const CART: Methods<CartApi> = {
  add: 'edit',
  adjust: 'edit',
  setQty: 'edit',
  remove: 'edit',
  clear: 'edit',
  select: 'edit',
  saveForLater: 'edit',
  redeem: 'edit',
  takeBack: 'edit',
  claim: 'edit',
  handOver: 'call',
  read: 'call',
  subscribe: 'listen',
}
const HISTORY: Methods<HistoryApi> = { visit: 'write', delete: 'write', recent: 'call', subscribe: 'listen' }
const ORDERS: Methods<Omit<OrdersApi, 'newId'>> = {
  submit: 'edit',
  cancel: 'edit',
  get: 'call',
  read: 'call',
  subscribe: 'listen',
}
const OUTCOMES: Methods<OutcomesApi> = { read: 'call', acknowledge: 'write' }
const READS: Methods<CollectionReads<Document>> = {
  get: 'call',
  range: 'call',
  query: 'call',
  count: 'call',
  countBy: 'call',
}
const COLLECTION: Methods<CollectionApi> = {
  ...READS,
  put: 'write',
  putMany: 'write',
  delete: 'write',
  deleteRange: 'write',
  add: 'write',
  subscribe: 'listen',
}
/** A collection with `merge`. */
const MERGED: Methods<CollectionApi> = {
  ...COLLECTION,
  put: 'edit',
  putMany: 'edit',
  delete: 'edit',
  deleteRange: 'edit',
  add: 'edit',
}
const HELD_CART: Methods<Snapshot['cart']> = { read: 'call' }
const HELD_HISTORY: Methods<Snapshot['history']> = { recent: 'call' }
/** What a write of a transaction gives is a promise. */
const OWN_CART: Methods<Transaction['cart']> = {
  ...HELD_CART,
  add: 'call',
  adjust: 'call',
  setQty: 'call',
  remove: 'call',
  clear: 'call',
  select: 'call',
  saveForLater: 'call',
}
const OWN_HISTORY: Methods<Transaction['history']> = { ...HELD_HISTORY, visit: 'call' }
const OWN_COLLECTION: Methods<CollectionReads<Document> & CollectionWrites<Document, Promise<void>>> = {
  ...READS,
  put: 'call',
  putMany: 'call',
  delete: 'call',
  deleteRange: 'call',
  add: 'call',
}

/** Lets go of snapshots that the page has forgotten. */
const forgotten =
  typeof FinalizationRegistry === 'undefined'
    ? undefined
    : new FinalizationRegistry<() => void>(release => release())

/**
 * As `open` of `pannier`, in a worker of its own. What would be thrown at once there, as for arguments of a wrong type,
 * rejects the promise here.
 *
 * @throws PannierError as there, and `worker_failed` where the worker does not start.
 */
export async function open(options: OpenOptions): Promise<Shop> {
  check(typeof options?.name === 'string' && options.name !== '', 'name', 'a non-empty string')
  const link = new Link()
  try {
    return shopOf(link, options, await link.open(options))
  } catch (error) {
    link.end()
    throw error
  }
}

function methods<Api>(remote: Remote, path: readonly string[], kinds: Methods<Api>): Api {
  const made: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(kinds) as [string, Kind][]) {
    const at = [...path, name]
    made[name] = (...words: unknown[]) => remote[kind](at, words)
  }
  return made as Api
}

function shopOf(link: Link, options: OpenOptions, remote: Remote): Shop {
  const collections = new Map<string, CollectionApi>()
  const declared = (name: string) => declaredBy(options, name)
  const collection = (name: string): CollectionApi => {
    let found = collections.get(name)
    if (found === undefined) {
      const kinds = declared(name).merge === undefined ? COLLECTION : MERGED
      collections.set(name, (found = methods(remote, ['collection', name], kinds)))
    }
    return found
  }
  const call = (name: string, ...words: unknown[]) => remote.call([name], words)
  const ended = () => link.close(remote)
  let closing: Promise<void> | undefined
  const shop: Shop = {
    cart: methods(remote, ['cart'], CART),
    history: methods(remote, ['history'], HISTORY),
    orders: { ...methods(remote, ['orders'], ORDERS), newId: newTextId },
    outcomes: methods(remote, ['outcomes'], OUTCOMES),
    catalog: collection('catalog') as Shop['catalog'],
    sync: {
      get state() {
        return remote.states.sync
      },
      now: () => remote.call(['sync', 'now'], []) as Promise<void>,
      pause: () => void remote.call(['sync', 'pause'], []).catch(() => {}),
      resume: () => void remote.call(['sync', 'resume'], []).catch(() => {}),
    },
    storage: {
      get state() {
        return remote.states.storage
      },
      usage: () => remote.call(['storage', 'usage'], []) as ReturnType<Shop['storage']['usage']>,
    },
    collection: <Row extends Document>(name: string) => collection(name) as unknown as CollectionApi<Row>,
    snapshot: async () => snapshotOf((await call('snapshot')) as Remote, declared),
    transaction: work => remote.transact(held => work(transactionOf(held, declared))),
    on: <E extends keyof Events>(event: E, callback: (value: Events[E]) => void) => remote.listen(['on'], [event, callback]),
    check: () => call('check') as ReturnType<Shop['check']>,
    export: () => call('export') as ReturnType<Shop['export']>,
    async signIn(options, visitor, claim) {
      // The visitor's store goes by itself, and holds up the worker's end no more.
      const stop = shop.on('storage', ({ status }) => status === 'erased' && ended())
      try {
        return shopOf(link, options, await link.signIn(remote, options, visitor, claim))
      } catch (error) {
        stop()
        throw error
      }
    },
    async signOut() {
      const isSent = (await call('signOut')) as boolean
      closing ??= Promise.resolve(ended())
      return isSent
    },
    erase: () => call('erase') as Promise<void>,
    flush: () => call('flush') as Promise<void>,
    close: () => (closing ??= (call('close') as Promise<void>).finally(ended)),
  }
  return shop
}

function declaredBy(options: OpenOptions, name: string): { readonly merge?: string } {
  const found = name === 'catalog' ? {} : options.collections?.[name]
  check(found !== undefined, 'name', 'the name of a declared collection')
  return found!
}

function snapshotOf(remote: Remote, declared: (name: string) => unknown): Snapshot {
  const release = () => remote.release()
  const reads = (name: string) => methods(remote, ['collection', name], READS)
  const snapshot = {
    cart: methods(remote, ['cart'], HELD_CART),
    history: methods(remote, ['history'], HELD_HISTORY),
    catalog: methods(remote, ['catalog'], READS),
    collection: (name: string) => (declared(name), reads(name)),
    release,
  } as object
  // Older browsers have no such symbol, and no `using`.
  if (Symbol.dispose !== undefined) Object.assign(snapshot, { [Symbol.dispose]: release })
  forgotten?.register(snapshot, release)
  return snapshot as Snapshot
}

function transactionOf(remote: Remote, declared: (name: string) => unknown): Transaction {
  const transaction = {
    cart: methods(remote, ['cart'], OWN_CART),
    history: methods(remote, ['history'], OWN_HISTORY),
    catalog: methods(remote, ['catalog'], OWN_COLLECTION),
    collection: (name: string) => (declared(name), methods(remote, ['collection', name], OWN_COLLECTION)),
  }
  return transaction as unknown as Transaction
}
