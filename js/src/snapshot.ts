import { CartLines } from './cart.ts'
import { Rows } from './collection.ts'
import { Frame } from './frame.ts'
import { Visits } from './history.ts'
import { CATALOG, type Store } from './store.ts'
import type { CatalogOptions, CollectionOptions, Document, Snapshot } from './types.ts'

/** What a shop declares of a collection, between its number and its full name. */
export type Declared = readonly [number, CollectionOptions, string]

/** The collections of a frame. */
export class Held {
  readonly cart: CartLines<Promise<void>>
  readonly history: Visits<Promise<void>>
  readonly catalog: Rows<Document, Promise<void>>
  readonly #frame: Frame
  readonly #declared: (name: string) => Declared

  constructor(frame: Frame, catalog: CatalogOptions, declared: (name: string) => Declared) {
    const edited = () => {}
    this.#frame = frame
    this.#declared = declared
    this.cart = new CartLines(frame, edited)
    this.history = new Visits(frame, edited)
    this.catalog = new Rows(frame, CATALOG, catalog, 'catalog')
  }

  collection(name: string): Rows<Document, Promise<void>> {
    return new Rows(this.#frame, ...this.#declared(name))
  }
}

/** Ends snapshots that the page has forgotten. */
const forgotten =
  typeof FinalizationRegistry === 'undefined'
    ? undefined
    : new FinalizationRegistry<Frame>(frame => frame.release())

/** Holds what the shopper sees now. */
export async function takeSnapshot(
  store: Store,
  catalog: CatalogOptions,
  declared: (name: string) => Declared,
): Promise<Snapshot> {
  const frame = await Frame.begin(store, false)
  const held = new Held(frame, catalog, declared)
  const release = () => frame.release()
  const snapshot = { cart: held.cart, history: held.history, catalog: held.catalog, release } as object
  const found = Object.assign(snapshot, { collection: (name: string) => held.collection(name) }) as unknown as Snapshot
  // Older browsers have no such symbol, and no `using`.
  if (Symbol.dispose !== undefined) Object.assign(found, { [Symbol.dispose]: release })
  forgotten?.register(found, frame)
  return found
}
