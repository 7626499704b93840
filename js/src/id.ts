/** Bytes of an id of a mutation, a visit or a client. */
const ID_BYTES = 16

/** Random bytes drawn ahead: a call for each id costs more than the bytes. */
const random = new Uint8Array(64 * ID_BYTES)
let randomUsed = random.length

/** A new id. */
export function newId(): Uint8Array {
  if (randomUsed === random.length) {
    crypto.getRandomValues(random)
    randomUsed = 0
  }
  randomUsed += ID_BYTES
  return random.slice(randomUsed - ID_BYTES, randomUsed)
}

/** As text: hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** A new id as text. */
export function newTextId(): string {
  return hex(newId())
}
