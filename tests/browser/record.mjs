/** A log record of another version: its checksum, then what that version may mean by the rest. */
export function record(version, rest) {
  const content = Buffer.from([version, rest, 0, 0])
  const bytes = Buffer.alloc(12)
  bytes.writeBigUInt64LE(checksum(content))
  content.copy(bytes, 8)
  return bytes
}

/** XXH64 with seed 0 of four bytes: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
function checksum(bytes) {
  const [one, two, three, five] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x27d4eb2f165667c5n]
  const wrap = (value) => BigInt.asUintN(64, value)
  let sum = wrap(five + 4n)
  sum ^= wrap(BigInt(bytes.readUInt32LE()) * one)
  sum = wrap(wrap((sum << 23n) | (sum >> 41n)) * two + three)
  sum = wrap((sum ^ (sum >> 33n)) * two)
  sum = wrap((sum ^ (sum >> 29n)) * three)
  return sum ^ (sum >> 32n)
}
