/**
 * Rows that are put in parts, between which the page has its turn, and are one commit all the same. Loaded with the first
 * `putMany` that is large enough.
 */
import type { PannierError } from './errors.ts'
import type { Receipt } from './receipt.ts'
import type { Store } from './store.ts'
import { inTask } from './task.ts'
import type { Document } from './types.ts'

/** Milliseconds after which the page has its turn: a slow one measures them too, and so does fewer rows in them. */
const SLICE_MS = 10

/** Rows of the first part: few, since the browser has only just compiled what puts them. */
const FIRST_ROWS = 64

/** Where the page's clock stands still for longer. */
const PART_ROWS_MAX = 2048

/** The engine has one load at a time, and keeps one in memory until it is stored. */
const last = new WeakMap<Store, Promise<void>>()

export function putInParts(
  store: Store,
  collection: number,
  rows: readonly Document[],
  what: string,
  receipt: Receipt,
  expect: (ticket: number) => void,
): Promise<void> {
  const put = (last.get(store) ?? Promise.resolve()).then(() => putNow(store, collection, rows, what, expect))
  last.set(
    store,
    put.then(() => receipt.durable).catch(() => {}),
  )
  return put
}

async function putNow(
  store: Store,
  collection: number,
  rows: readonly Document[],
  what: string,
  expect: (ticket: number) => void,
): Promise<void> {
  const starts: number[] = []
  // What loads the code for it; a part that waited for that would be encoded over.
  await store.read(engine => engine.giveUpLoad())
  try {
    let count = FIRST_ROWS
    for (let at = 0; at < rows.length; ) {
      const start = performance.now()
      starts.push(at)
      const part = encoded(store, rows, at, at + count, what)
      await store.step(engine => engine.addToLoad(collection, part), () => {})
      at = Math.min(at + count, rows.length)
      if (at < rows.length) store.tellProgress(collection, at, rows.length)
      const times = Math.min(2, SLICE_MS / (performance.now() - start))
      count = Math.max(1, Math.min(PART_ROWS_MAX, Math.floor(count * times)))
      await turn()
    }
    const end = () => store.step(engine => engine.endLoad(Date.now()), ticket => ticket > 0 && (expect(ticket), true))
    for (let start = performance.now(); !(await end()); ) {
      if (performance.now() - start < SLICE_MS) continue
      await turn()
      start = performance.now()
    }
    store.tellProgress(collection, rows.length, rows.length)
  } catch (error) {
    // Of a store that has been closed there is nothing to give up.
    if (store.isOver()) throw error
    const done = await store.read(engine => engine.giveUpLoad())
    place(error as PannierError, starts[done] ?? 0)
    throw error
  }
}

/** Some of the rows; what cannot be encoded is told with its place among all. */
function encoded(store: Store, rows: readonly Document[], from: number, to: number, what: string): Uint8Array {
  const part = rows.slice(from, to)
  try {
    return store.encode(part, what)
  } catch (error) {
    part.forEach((row, index) => store.encode(row, `${what}[${from + index}]`))
    throw error
  }
}

/** Tells what a part was refused for with the row's place among all. The error is of the class that the page knows. */
function place(error: PannierError, start: number): void {
  const { index } = error.detail ?? {}
  if (typeof index !== 'number') return
  const message = error.message.replace(`row ${index}`, `row ${start + index}`)
  Object.assign(error, { message, detail: { ...error.detail, index: start + index } })
}

function turn(): Promise<void> {
  return new Promise(inTask)
}
