/** For record stores without a limit of their own: what one message between a page and its database surely takes. */
export const RECORD_BYTES_MAX = 32 * 1024 * 1024

/** The name of the error where other records are in the place of these. */
export const REPLACED = 'ReplacedError'

/** What a record store gives when it is opened, or is asked for what is new. */
export interface Opened {
  /** Undefined before the first checkpoint. */
  readonly head: Uint8Array | undefined
  /** Numbers of the log records, ascending, and the records in the same order. */
  readonly numbers: readonly number[]
  readonly records: readonly Uint8Array[]
  /** A segment that was read along the way, if any: the last one written holds the root. */
  readonly segment?: { readonly number: number; readonly bytes: Uint8Array } | undefined
}

/** One atomic change of head, segments and log. */
export interface Checkpoint {
  /** The stored head must be this one, byte for byte (undefined: none yet), else nothing changes. */
  readonly headBefore: Uint8Array | undefined
  readonly head: Uint8Array
  /** Segments to add: their numbers, and their bytes in the same order. */
  readonly numbers: readonly number[]
  readonly segments: readonly Uint8Array[]
  readonly dropSegments: readonly number[]
  /** Log records below this number are dropped. */
  readonly dropLogBelow: number
  /** A log record to add, as by a checked `append`. */
  readonly append: { readonly seq: number; readonly bytes: Uint8Array } | undefined
}

/** The cart as it stands, so that a page can show it before the engine is there. */
export interface KeptCart {
  /** The last log record that the cart reflects. Where the log goes on, only the engine knows the cart. */
  readonly seq: number
  /** Number of rows, and for each its key and itself, encoded; null where they are encrypted, and their number with them. */
  readonly count: number | null
  readonly bytes: Uint8Array
}

/**
 * Records of bytes under ascending numbers, in three groups: log, segments and the head. A new one holds one empty log
 * record, number 0, and nothing else. Every operation is atomic. Where it cannot be done it rejects, and nothing has
 * changed; with a `PannierError` where trying again is of no use, and with a `ReplacedError` where other records are in
 * the place of these, until `open(undefined)` has read those. `tests/fixtures/record-store.json` says what every record store must answer.
 */
export interface RecordStore {
  /** Longest record in bytes: at least 16 KiB. A longer value is stored in pieces, a longer commit in a checkpoint. */
  readonly recordBytesMax: number
  /** The head and the log records after `logAfter`, all when undefined, of one moment. */
  open(logAfter: number | undefined): Promise<Opened>
  /**
   * Adds log record `seq`; false when that is not the number after the last record ever added. Unless `checked`, the
   * record may then have been added under a later number: readers pass over one that does not stand under its own.
   */
  append(seq: number, bytes: Uint8Array, checked: boolean): Promise<boolean>
  /** The segments asked for, undefined for one that does not exist. */
  read(segments: readonly number[]): Promise<readonly (Uint8Array | undefined)[]>
  /** False when somebody else was first: then nothing has changed. */
  checkpoint(checkpoint: Checkpoint): Promise<boolean>
  /** Keeps the cart as it stands, for `peekCart`. Best effort; only where a later page can read it. */
  keepCart?(kept: KeptCart): Promise<void>
  /** Keeps bytes that mean nothing, in place of those before: room that can be given up when there is no other. */
  reserve?(bytes: Uint8Array): Promise<void>
  /** Notes that all is to be deleted, where the records are still at hand. Only where a later page can read it. */
  noteErasure?(): Promise<void>
  /** Lets go of everything. */
  close(): void
}
