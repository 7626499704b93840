import type { CartLines } from './cart.ts'
import type { Rows } from './collection.ts'
import type { Refuse } from './encryption.ts'
import { Frame } from './frame.ts'
import type { Visits } from './history.ts'
import { CATALOG, type Store } from './store.ts'
import type { CatalogOptions, CollectionOptions, Document, Snapshot } from './types.ts'

/** What a shop declares of a collection, between its number and its full name. */
export type Declared = readonly [number, CollectionOptions, string]

/** What every page has loaded. */
export interface Parts {
  readonly CartLines: typeof CartLines
  readonly Visits: typeof Visits
  readonly Rows: typeof Rows
  readonly catalog: CatalogOptions
  readonly declared: (name: string) => Declared
  readonly refuse: Refuse
}

/** The collections of a frame. */
export class Held {
  readonly cart: CartLines<Promise<void>>
  readonly history: Visits<Promise<void>>
  readonly catalog: Rows<Document, Promise<void>>
  readonly #frame: Frame
  readonly #parts: Parts

  constructor(frame: Frame, parts: Parts) {
    const edited = () => {}
    this.#frame = frame
    this.#parts = parts
    this.cart = new parts.CartLines(frame, edited)
    this.history = new parts.Visits(frame, edited)
    this.catalog = new parts.Rows(frame, CATALOG, parts.catalog, 'catalog')
  }

  collection(name: string): Rows<Document, Promise<void>> {
    return new this.#parts.Rows(this.#frame, ...this.#parts.declared(name))
  }
}

/** Ends snapshots that the page has forgotten. */
const forgotten =
  typeof FinalizationRegistry === 'undefined'
    ? undefined
    : new FinalizationRegistry<Frame>(frame => frame.release())

/** Holds what the shopper sees now. */
export async function takeSnapshot(store: Store, parts: Parts): Promise<Snapshot> {
  const frame = await Frame.begin(store, false, parts.refuse)
  const held = new Held(frame, parts)
  const release = () => frame.release()
  const snapshot = { cart: held.cart, history: held.history, catalog: held.catalog, release } as object
  const found = Object.assign(snapshot, { collection: (name: string) => held.collection(name) }) as unknown as Snapshot
  // Older browsers have no such symbol, and no `using`.
  if (Symbol.dispose !== undefined) Object.assign(found, { [Symbol.dispose]: release })
  forgotten?.register(found, frame)
  return found
}
