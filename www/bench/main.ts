/** What the runner calls in the page: one function for a series of steps on one open store, one for a cold start. */
import type { SystemModule } from './system.ts'
import * as workloads from './workloads.ts'

const systems: { readonly [name: string]: () => Promise<SystemModule> } = {
  pannier: () => import('./systems/pannier.ts'),
  idb: () => import('./systems/idb.ts'),
  dexie: () => import('./systems/dexie.ts'),
  replicache: () => import('./systems/replicache.ts'),
  limit: () => import('./systems/limit.ts'),
}

const { coldFirstCart, ...steps } = workloads

type Step = keyof typeof steps

/** Opens the store, runs the steps in order, closes it, and gives what each step measured. */
async function run(name: string, names: readonly Step[]): Promise<{ [step: string]: number | void }> {
  const system = await (await systems[name]!()).open()
  const measured: { [step: string]: number | void } = {}
  for (const step of names) measured[step] = await steps[step](system)
  await system.close()
  return measured
}

Object.assign(window, { bench: { run, coldFirstCart: (name: string) => coldFirstCart(systems[name]!) } })
