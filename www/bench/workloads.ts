import { watchMemory } from './memory.ts'
import { CATEGORIES, lineOf, products, random, shuffled, visitOf } from './products.ts'
import type { CartLine, Product, Visit } from './products.ts'
import type { OpenOptions, PriceRange, System, SystemModule } from './system.ts'
import { sameLines, sameRows, sameVisits } from './verify.ts'

const PRODUCTS = 10_000
const TOGETHER = 2_000
const DURABLE_PUTS = 500
const CART_LINES = 20
const SCAN_ROWS = 1_000
const SCANS = 50
const QUERY_ROWS = 100
const QUERIES = 200
const VISITS = 400
const VISIT_GAP_MS = 2
const RECENT_VISITS = 50
const RECENTS = 500
const MANY_PRODUCTS = 100_000
const CACHE_BYTES = 4 * 2 ** 20
const SEED = 20_261

const TIMED_MS_MIN = 100

/** Each pass is verified, which takes longer than a very fast pass itself. */
const PASSES_MAX = 10

/** Wide enough to hold more than QUERY_ROWS products of one category, from any start below its end. */
const QUERY_PRICES = 8_000

const cartLines = products(0, CART_LINES).map(lineOf)
const durableLines = products(0, DURABLE_PUTS).map(lineOf)
const later = lazily(() => products(PRODUCTS, TOGETHER))
const visits = lazily(() => products(0, VISITS).map(visitOf))

// A page that measures a cold start has no use for these, and should not share its time with making them.
const catalogue = lazily(() => products(0, PRODUCTS))

function lazily<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** Milliseconds that `work` takes. */
async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const aSecond = (count: number, ms: number) => (count * 1000) / ms

/** `bulk_load` in milliseconds. The store is open before the clock starts. */
export async function bulkLoad(system: System): Promise<number> {
  const rows = catalogue()
  system.prepareBulkLoad?.(rows)
  const ms = await timed(() => system.bulkLoad(rows))
  await verifyRows(system, 'bulk_load', rows)
  return ms
}

/** Every stored product by scans, and a missing id. */
async function verifyRows(system: System, where: string, expected: readonly Product[]): Promise<void> {
  for (let from = 0; from < expected.length; from += SCAN_ROWS) {
    const wanted = expected.slice(from, from + SCAN_ROWS)
    sameProducts(system, `${where}, scan from ${wanted[0]!.id}`, await system.scan(wanted[0]!.id, wanted.length), wanted)
  }
  const beyond = await system.scan(expected[0]!.id, expected.length + 1)
  if (beyond.length !== expected.length) throw new Error(`${where}: ${beyond.length} rows in all, expected ${expected.length}`)
  if ((await system.get('p-none')) !== undefined) throw new Error(`${where}: get of an unknown id gave a row`)
}

function sameProducts(
  system: System,
  where: string,
  found: readonly (Product | undefined)[],
  expected: readonly Product[],
): void {
  const plain = (row: Product | undefined) => (row !== undefined && system.plain ? system.plain(row) : row)
  sameRows(where, found.map(plain), expected)
}

/** All products after the browser was closed: the proof that the bulk load was durable. Also warms the caches. */
export function verifyBulkLoad(system: System): Promise<void> {
  return verifyRows(system, 'bulk_load, reopened', catalogue())
}

/**
 * Work a second of `pass`, which does `count` units and gives its milliseconds. The first pass warms
 * up; the others are repeated until they make up a time that the page's clock, which ticks every
 * 0.1 ms, resolves well.
 */
async function rate(count: number, pass: () => Promise<number>): Promise<number> {
  await pass()
  let passes = 0
  let ms = 0
  for (; ms < TIMED_MS_MIN && passes < PASSES_MAX; passes++) ms += await pass()
  return aSecond(count * passes, ms)
}

/** `get_warm` in operations a second: each get awaited by itself, in random order. */
export async function getWarm(system: System): Promise<number> {
  const wanted = shuffled(catalogue(), SEED)
  return rate(wanted.length, async () => {
    const found: (Product | undefined)[] = []
    let prices = 0
    const ms = await timed(async () => {
      for (const { id } of wanted) {
        const row = await system.get(id)
        prices += row!.price
        found.push(row)
      }
    })
    sameProducts(system, 'get_warm', found, wanted)
    samePrices('get_warm', prices, wanted)
    return ms
  })
}

// Reading a field inside the timed part keeps a system from handing out rows it has yet to decode.
function samePrices(where: string, prices: number, rows: readonly Product[]): void {
  const expected = sum(rows)
  if (prices !== expected) throw new Error(`${where}: prices add up to ${prices}, expected ${expected}`)
}

const sum = (rows: readonly Product[]) => rows.reduce((total, row) => total + row.price, 0)

/** `scan_1000` in rows a second, over ranges at random places. */
export async function scan1000(system: System): Promise<number> {
  const below = random(SEED)
  const starts = Array.from({ length: SCANS }, () => below(PRODUCTS - SCAN_ROWS))
  const expected = starts.map(start => catalogue().slice(start, start + SCAN_ROWS))
  const scan = (place: number) => system.scan(expected[place]![0]!.id, SCAN_ROWS)
  return rate(SCANS * SCAN_ROWS, () => lists(system, 'scan_1000', expected, scan))
}

/** Of the ranges that the stored products fall into, those that only warm the code up; others are timed. */
const WARMING_RANGES = 5
const WARMING_PASSES = 2

/** A store that keeps decoded rows decodes a range again only when it is opened again. */
const WARMING_OPENINGS = 3

/** Number of the first of the products that are stored to be scanned once, above those of all other workloads. */
const NEVER_READ = 2 * PRODUCTS

/** Products as ranges of 1,000, at random places. */
function ranges(all: readonly Product[]): readonly (readonly Product[])[] {
  const starts = Array.from({ length: all.length / SCAN_ROWS }, (_, number) => number * SCAN_ROWS)
  return shuffled(starts, SEED).map(start => all.slice(start, start + SCAN_ROWS))
}

/**
 * Rows a second of a scan of ranges that `prepare` names, on a page on which no other range was read before than those
 * that warm the code up.
 */
async function scanned(
  where: string,
  load: () => Promise<SystemModule>,
  prepare: (system: System) => Promise<readonly (readonly Product[])[]>,
): Promise<number> {
  const warming = ranges(catalogue()).slice(0, WARMING_RANGES)
  const { open } = await load()
  const scan = (system: System, expected: readonly (readonly Product[])[]) =>
    lists(system, where, expected, place => system.scan(expected[place]![0]!.id, SCAN_ROWS))
  for (let opening = 1; ; opening++) {
    const system = await open()
    for (let pass = 0; pass < WARMING_PASSES; pass++) await scan(system, warming)
    let figure: number | undefined
    if (opening === WARMING_OPENINGS) {
      const timed = await prepare(system)
      figure = aSecond(timed.length * SCAN_ROWS, await scan(system, timed))
    }
    await system.close()
    if (figure !== undefined) return figure
  }
}

/** `scan_1000_disk` in rows a second: the other ranges, each read for the first time, from the storage. */
export function scan1000Disk(load: () => Promise<SystemModule>): Promise<number> {
  return scanned('scan_1000_disk', load, async () => ranges(catalogue()).slice(WARMING_RANGES))
}

/**
 * `scan_1000_cold` in rows a second: ranges of products that were stored on the page just before and never read, so
 * that a system which keeps stored bytes in memory has them there, and has decoded none.
 */
export function scan1000Cold(load: () => Promise<SystemModule>): Promise<number> {
  return scanned('scan_1000_cold', load, async system => {
    const rows = products(NEVER_READ, WARMING_RANGES * SCAN_ROWS)
    await system.bulkLoad(rows)
    return ranges(rows)
  })
}

/** `index_query_100` in queries a second. */
export async function indexQuery100(system: System): Promise<number> {
  const below = random(SEED)
  const ranges = Array.from({ length: QUERIES }, (_, number): PriceRange => {
    const gte = 500 + below(20_000 - QUERY_PRICES)
    return { category: CATEGORIES[number % CATEGORIES.length]!, gte, lt: gte + QUERY_PRICES, limit: QUERY_ROWS }
  })
  const expected = ranges.map(answer)
  const query = (place: number) => system.query!(ranges[place]!)
  return rate(QUERIES, () => lists(system, 'index_query_100', expected, query))
}

/** What a query must give, found without any index. */
function answer({ category, gte, lt, limit }: PriceRange): readonly Product[] {
  const found = catalogue()
    .filter(row => row.category === category && row.price >= gte && row.price < lt)
    .sort((left, right) => left.price - right.price)
    .slice(0, limit)
  if (found.length !== limit) throw new Error(`index_query_100: only ${found.length} products in a price range`)
  return found
}

/** Milliseconds that all the queries take, one after another; every row of every answer is compared. */
async function lists(
  system: System,
  where: string,
  expected: readonly (readonly Product[])[],
  query: (place: number) => Promise<readonly Product[]>,
): Promise<number> {
  const found: (readonly Product[])[] = []
  let prices = 0
  const ms = await timed(async () => {
    for (let place = 0; place < expected.length; place++) {
      const rows = await query(place)
      prices += sum(rows)
      found.push(rows)
    }
  })
  expected.forEach((rows, place) => sameProducts(system, where, found[place]!, rows))
  samePrices(where, prices, expected.flat())
  return ms
}

/** The visits that `recent50` reads. */
export async function fillVisits(system: System): Promise<void> {
  for (const visit of visits()) {
    await system.visit!(visit)
    // Two visits at the same millisecond would have no order, where the store takes the time itself.
    await new Promise(done => setTimeout(done, VISIT_GAP_MS))
  }
}

/** `recent_50` in queries a second. */
export async function recent50(system: System): Promise<number> {
  const expected = visits().slice(-RECENT_VISITS).reverse()
  const dwelled = expected.reduce((total, { dwell }) => total + dwell, 0)
  return rate(RECENTS, async () => {
    const found: (readonly Visit[])[] = []
    let dwell = 0
    const ms = await timed(async () => {
      for (let query = 0; query < RECENTS; query++) {
        const recent = await system.recent!(RECENT_VISITS)
        for (const visit of recent) dwell += visit.dwell
        found.push(recent)
      }
    })
    for (const recent of found) sameVisits('recent_50', recent, expected)
    if (dwell !== dwelled * RECENTS) throw new Error(`recent_50: ${dwell} ms spent, expected ${dwelled * RECENTS}`)
    return ms
  })
}

/** The cart that `coldFirstCart` reads. */
export async function fillCart(system: System): Promise<void> {
  for (const line of cartLines) await system.putLine(line)
  sameLines('cart', await system.cart(), cartLines)
}

/** `cold_first_cart` in milliseconds: from the start of loading the system's module to the cart in hand. */
export function coldFirstCart(load: () => Promise<SystemModule>): Promise<number> {
  return coldStart('cold_first_cart', load, { cartOnly: true })
}

/** `cold_open` in milliseconds: as `cold_first_cart`, with all open that the other workloads use. */
export function coldOpen(load: () => Promise<SystemModule>): Promise<number> {
  return coldStart('cold_open', load, {})
}

async function coldStart(where: string, load: () => Promise<SystemModule>, options: OpenOptions): Promise<number> {
  let system: System | undefined
  let lines: readonly CartLine[] = []
  const ms = await timed(async () => {
    system = await (await load()).open(options)
    lines = await system.cart()
  })
  sameLines(where, lines, cartLines)
  await system!.close()
  return ms
}

/** `put_durable` in operations a second: each put awaited before the next is issued. */
export async function putDurable(system: System): Promise<number> {
  const ms = await timed(async () => {
    for (const line of durableLines) await system.putLine(line)
  })
  sameLines('put_durable', await system.cart(), durableLines)
  return aSecond(durableLines.length, ms)
}

/** `put_together` in operations a second. */
export async function putTogether(system: System): Promise<number> {
  const rows = later()
  const ms = await timed(() => system.putTogether(rows))
  await verifyRows(system, 'put_together', [...catalogue(), ...later()])
  return aSecond(rows.length, ms)
}

export async function verifyPutDurable(system: System): Promise<void> {
  sameLines('put_durable, reopened', await system.cart(), durableLines)
}

export function verifyPutTogether(system: System): Promise<void> {
  return verifyRows(system, 'put_together, reopened', [...catalogue(), ...later()])
}

/** The store that `memory100k` reads. */
export async function fillMany(system: System): Promise<void> {
  for (let from = 0; from < MANY_PRODUCTS; from += PRODUCTS) await system.bulkLoad(products(from, PRODUCTS))
}

/**
 * `memory_100k` in bytes: the page's wasm memory, which never shrinks, after a scan of 100,000 products in
 * pages through a cache of 4 MiB.
 */
export async function memory100k(load: () => Promise<SystemModule>): Promise<number> {
  const memory = watchMemory()
  const system = await (await load()).open({ cacheBytes: CACHE_BYTES })
  for (let from = 0; from < MANY_PRODUCTS; from += SCAN_ROWS) {
    const expected = products(from, SCAN_ROWS)
    sameProducts(system, 'memory_100k', await system.scan(expected[0]!.id, SCAN_ROWS), expected)
  }
  const bytes = memory()
  await system.close()
  return bytes
}
