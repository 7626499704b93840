/** The order of bytes. */
export function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return one[at]! - other[at]!
  return one.length - other.length
}

/** Whether a record was encrypted: `encryption.ts` writes what it begins with, as does one checksum in 2^56. */
export function isSealed(record: Uint8Array | undefined): boolean {
  return record !== undefined && String.fromCharCode(...record.subarray(0, 7)) === 'pannier'
}

/** Whether two hold the same bytes, or both are missing. */
export function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one === undefined || other === undefined ? one === other : compareBytes(one, other) === 0
}
