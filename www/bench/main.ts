/** What the runner calls in the page: one function for a series of steps on one open store, others for fresh pages. */
import type { SystemModule } from './system.ts'
import { steps as tasks } from './tasks.ts'
import * as workloads from './workloads.ts'

// By dynamic import, so that a page loads no system but the one under measurement.
const systems: { readonly [name: string]: () => Promise<SystemModule> } = {
  pannier: () => import('./systems/pannier.ts'),
  'pannier-encrypted': () => import('./systems/pannier-encrypted.ts'),
  idb: () => import('./systems/idb.ts'),
  'idb-keyval': () => import('./systems/idb-keyval.ts'),
  dexie: () => import('./systems/dexie.ts'),
  replicache: () => import('./systems/replicache.ts'),
  tinybase: () => import('./systems/tinybase.ts'),
  'tanstack-db': () => import('./systems/tanstack-db.ts'),
  rxdb: () => import('./systems/rxdb.ts'),
  pouchdb: () => import('./systems/pouchdb.ts'),
  'sqlite-wasm': () => import('./systems/sqlite-wasm.ts'),
  'wa-sqlite': () => import('./systems/wa-sqlite.ts'),
  limit: () => import('./systems/limit.ts'),
}

const { coldFirstCart, coldOpen, memory100k, scan1000Cold, scan1000Disk, ...steps } = workloads

type Step = keyof typeof steps

/** Opens the store, runs the steps in order, closes it, and gives what each step measured. */
async function run(name: string, names: readonly Step[]): Promise<{ [step: string]: number | void }> {
  const system = await (await systems[name]!()).open()
  const measured: { [step: string]: number | void } = {}
  for (const step of names) measured[step] = await steps[step](system)
  await system.close()
  return measured
}

/** Bytes that the page's origin has in IndexedDB, by the browser's own count. */
async function storedBytes(): Promise<number> {
  // Until a page asks something of IndexedDB, Chromium counts none of it.
  await indexedDB.databases()
  const { usageDetails } = (await navigator.storage.estimate()) as { usageDetails: { indexedDB?: number } }
  return usageDetails.indexedDB ?? 0
}

Object.assign(window, {
  bench: {
    run,
    storedBytes,
    coldFirstCart: (name: string) => coldFirstCart(systems[name]!),
    coldOpen: (name: string) => coldOpen(systems[name]!),
    scan1000Cold: (name: string) => scan1000Cold(systems[name]!),
    scan1000Disk: (name: string) => scan1000Disk(systems[name]!),
    tasks,
    memory100k: (name: string) => memory100k(systems[name]!),
  },
})
