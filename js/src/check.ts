/**
 * Checking and exporting what a store keeps, without opening the store: a module of its own, `pannier/check`, with a wasm
 * of its own. Nothing that is stored is changed, and a store that does not open is read as far as it can be.
 */
import { exported } from './export.ts'
import { inspect, refuseNewer } from './inspect.ts'
import type { RecordReads } from './stored.ts'
import type { CheckReport, StoredOptions, StoreFault } from './types.ts'

export type { CheckReport, StoredOptions, StoreFault } from './types.ts'

/** As `reported` in `crates/check-wasm/src/lib.rs` writes it. */
type Reported = readonly [
  faults: readonly StoreFault[],
  segments: number,
  logRecords: number,
  bytesStored: number,
  bytesLive: number,
  rows: { readonly [collection: string]: number },
  pending: number,
]

/**
 * Checks the whole store `options.name`, also while it is open in this or other tabs: each record by its checksum, order,
 * fill, separators and reachability of the tree, and its live bytes. Undefined where there is no such store.
 *
 * @throws PannierError `newer_format` where a newer version of the package has written it, `busy` where others write so
 * fast that no moment of it can be read, `storage_unavailable`, `key_missing`, `wrong_key`, `not_encrypted`.
 */
export function checkStore(options: StoredOptions): Promise<CheckReport | undefined>
/** @internal Of a shop in memory. */
export function checkStore(options: StoredOptions, inMemory: RecordReads | undefined): Promise<CheckReport | undefined>
export async function checkStore(options: StoredOptions, inMemory?: RecordReads): Promise<CheckReport | undefined> {
  const found = await inspect(options, inMemory, false, () => () => {})
  if (found === undefined) return undefined
  const [faults, segments, logRecords, bytesStored, bytesLive, rows, pending] = found as unknown as Reported
  refuseNewer(faults)
  return { isSound: faults.length === 0, faults, segments, logRecords, bytesStored, bytesLive, rows, pending }
}

/**
 * Everything that the store `options.name` keeps, as one JSON document; of a damaged one what can still be read, with a
 * list of what cannot. docs/export.md tells its form. Undefined where there is no such store.
 *
 * @throws PannierError as `checkStore`.
 */
export function exportStore(options: StoredOptions): Promise<Blob | undefined>
/** @internal Of a shop in memory. */
export function exportStore(options: StoredOptions, inMemory: RecordReads | undefined): Promise<Blob | undefined>
export async function exportStore(options: StoredOptions, inMemory?: RecordReads): Promise<Blob | undefined> {
  return exported(options, inMemory)
}
