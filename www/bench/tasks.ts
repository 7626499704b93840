/** Work of Pannier's on the main thread, and how long it holds that: the browser tells of tasks of 50 ms and more. */
import { open } from 'pannier'
import type { Shop } from 'pannier'
import { fillCatalog } from 'pannier/pieces'
import { products } from './products.ts'

const LOADED = 50_000
const MUTATIONS = 10_000
const LINES = 100

/** Products of one commit where a page gives way in between. */
const AT_ONCE = 100

/** Collections that are filled in larger batches; each is new, with an index. */
const BATCHES = { thousand: 1_000, tenThousand: 10_000 } as const
const INDEXED = { indexes: { byCategory: { fields: ['category', 'price'] } } } as const

/** Tasks of 50 ms and more that a piece of work has made. */
export interface Tasks {
  readonly longestMs: number
  readonly count: number
  readonly totalMs: number
}

let shop: Shop
const loaded = () => products(0, LOADED)
const others = () => products(LOADED, LOADED)

async function watched(work: () => Promise<unknown>): Promise<Tasks> {
  const durations: number[] = []
  const take = (entries: PerformanceEntryList) => durations.push(...entries.map(({ duration }) => duration))
  const observer = new PerformanceObserver(list => void take(list.getEntries()))
  // What came before is told by now.
  await turn()
  observer.observe({ type: 'longtask' })
  const start = performance.now()
  await work()
  const totalMs = performance.now() - start
  await turn()
  take(observer.takeRecords())
  observer.disconnect()
  return { longestMs: Math.max(0, ...durations), count: durations.length, totalMs }
}

/** A task is told after its end, with the next frame. */
function turn(): Promise<void> {
  return new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve, 50)))
}

async function begin(): Promise<void> {
  // No server answers here: what is edited stays pending.
  const sync = { url: '/none', token: () => 'none', scopes: ['cart'] as const, interval: 0 }
  shop = await open({ name: 'tasks', sync, collections: { thousand: INDEXED, tenThousand: INDEXED } })
  shop.sync.pause()
}

async function putSlices(rows: readonly object[]): Promise<void> {
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    await shop.catalog.putMany(rows.slice(at, at + AT_ONCE) as never).durable
  }
}

function loadBatches(name: keyof typeof BATCHES): Promise<Tasks> {
  const rows = loaded()
  const collection = shop.collection(name)
  return watched(async () => {
    for (let at = 0; at < rows.length; at += BATCHES[name]) {
      await collection.putMany(rows.slice(at, at + BATCHES[name]) as never).durable
    }
  })
}

export const steps = {
  begin,
  async loadInSlices() {
    const rows = loaded()
    return watched(() => putSlices(rows))
  },
  async loadAtOnce() {
    const rows = others()
    return watched(() => shop.catalog.putMany(rows).durable)
  },
  /** The same products, one a line. */
  catalogue: () => loaded().map(row => JSON.stringify(row)).join('\n'),
  async pieces(url: string) {
    const name = 'pieces'
    const filled = await open({ name, collections: { [name]: {} } })
    const tasks = await watched(() => fillCatalog(filled, { url, collection: name }))
    if ((await filled.catalog.count()) !== LOADED) throw new Error('products are missing')
    await filled.close()
    return tasks
  },
  loadThousands: () => loadBatches('thousand'),
  loadTenThousands: () => loadBatches('tenThousand'),
  /** The log is as full as it gets. */
  async checkpoint() {
    for (let at = 0; at < 4; at++) await putSlices(products(2 * LOADED + 100 * at, 100))
    return watched(() => shop.flush())
  },
  /** Half of all that is stored has been written anew. */
  async compaction() {
    const rows = loaded().filter((_, at) => at % 2 === 0).map(row => ({ ...row, stock: row.stock + 1 }))
    return watched(async () => {
      await putSlices(rows)
      await shop.flush()
    })
  },
  async edits() {
    return watched(async () => {
      for (let at = 0; at < LINES; at++) await shop.cart.add({ sku: `s${at}`, qty: 50 }).durable
      for (let at = LINES; at < MUTATIONS; at += 20) {
        const edits = Array.from({ length: 20 }, (_, place) => shop.cart.adjust(lineOf(at + place), at % 2 === 0 ? 1 : -1))
        await edits.at(-1)!.durable
      }
      await shop.flush()
    })
  },
  /** Until what another tab has committed is shown, and with it the cart again. */
  async rebase() {
    return watched(async () => {
      while ((await shop.catalog.get('other')) === undefined) await new Promise(resolve => setTimeout(resolve))
      await shop.cart.read()
    })
  },
  async touch() {
    await shop.catalog.put({ id: 'other', category: 'hats', price: 1 }).durable
  },
  async lines() {
    return (await shop.cart.read()).count
  },
}

const lineOf = (at: number) => `s${at % LINES}`
