/**
 * Encryption at rest: a record store whose records are encrypted before another one stores them, and messages between
 * tabs likewise. Loaded when a page gives a key. It imports nothing that has a state, so that it stays a file of its own.
 */
import { isSame } from './bytes.ts'
import type { PannierError } from './errors.ts'
import type { Document } from './types.ts'
import type { Checkpoint, KeptCart, Opened, RecordStore } from './records/record-store.ts'
import type { Channel, Hear } from './tabs.ts'

/** What an encrypted record begins with: `bytes.ts` knows it too. Its last byte is the version of this form. */
const MAGIC = new TextEncoder().encode('pannier\x01')

/** A nonce is random, so one key may encrypt 2^32 records: NIST SP 800-38D, section 8.3. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

const HEADER_BYTES = MAGIC.length + NONCE_BYTES
const SEAL_BYTES = HEADER_BYTES + TAG_BYTES

/** Bytes before those of a kept cart: how many rows they are. */
const COUNT_BYTES = 4

export type Kind = 'log' | 'segment' | 'head' | 'cart'

/** Makes an error of the package: a class of this file's own would be another one. */
export type Refuse = (code: string, message: string, detail?: Document) => PannierError

/** Encrypts and decrypts what has a place in the store. */
class Sealer {
  readonly #key: CryptoKey
  readonly #name: string

  constructor(key: CryptoKey, name: string) {
    this.#key = key
    this.#name = name
  }

  async seal(kind: Kind, number: number, bytes: Uint8Array): Promise<Uint8Array> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
    const encrypted = await crypto.subtle.encrypt(this.#at(kind, number, nonce), this.#key, bytes as BufferSource)
    const sealed = new Uint8Array(HEADER_BYTES + encrypted.byteLength)
    sealed.set(MAGIC)
    sealed.set(nonce, MAGIC.length)
    sealed.set(new Uint8Array(encrypted), HEADER_BYTES)
    return sealed
  }

  /** Rejects where the bytes are not what was sealed under this key for this place. */
  async unseal(kind: Kind, number: number, sealed: Uint8Array): Promise<Uint8Array> {
    if (!isSealed(sealed)) throw new Error('not encrypted')
    const nonce = sealed.subarray(MAGIC.length, HEADER_BYTES)
    const encrypted = sealed.subarray(HEADER_BYTES) as BufferSource
    return new Uint8Array(await crypto.subtle.decrypt(this.#at(kind, number, nonce), this.#key, encrypted))
  }

  /** Its place is authenticated with a record, so that it is good nowhere else. */
  #at(kind: Kind, number: number, nonce: Uint8Array): AesGcmParams {
    const place = JSON.stringify([...MAGIC, this.#name, kind, number])
    return { name: 'AES-GCM', iv: nonce as BufferSource, additionalData: new TextEncoder().encode(place) }
  }
}

function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= SEAL_BYTES && MAGIC.every((byte, at) => byte === bytes[at])
}

/** A record store with a key in front of the one that `make` gives, and the messages to other tabs under the same key. */
export async function encrypt(
  key: CryptoKey,
  name: string,
  make: (first: Uint8Array) => RecordStore,
  channel: Channel,
  refuse: Refuse,
): Promise<[RecordStore, Channel]> {
  mustEncrypt(key, 'key', refuse)
  const sealer = new Sealer(key, name)
  // It tells whether a store is encrypted before there is a head, and is written with the object stores.
  const first = await sealer.seal('log', 0, new Uint8Array())
  const records = new EncryptedRecords(make(first), sealer, refuse)
  return [records, new EncryptedChannel(channel, sealer, records)]
}

function mustEncrypt(key: CryptoKey, field: string, refuse: Refuse): void {
  const { algorithm, usages } = (key ?? {}) as Partial<CryptoKey>
  if (algorithm?.name !== 'AES-GCM' || !usages?.includes('encrypt') || !usages.includes('decrypt')) {
    throw refuse('bad_args', `${field} must be a CryptoKey of AES-GCM that encrypts and decrypts`)
  }
}

/** All is encrypted before a transaction begins and decrypted after its end, since none outlives an await. */
class EncryptedRecords implements RecordStore {
  readonly recordBytesMax: number
  readonly #inner: RecordStore
  readonly #sealer: Sealer
  readonly #refuse: Refuse
  /** The head as it was last read or written, and as it is stored: a checkpoint is held against that. */
  #head: { readonly plain: Uint8Array; readonly sealed: Uint8Array } | undefined
  #last: readonly [seq: number, sealed: Uint8Array] = [0, new Uint8Array()]

  constructor(inner: RecordStore, sealer: Sealer, refuse: Refuse) {
    this.#inner = inner
    this.#sealer = sealer
    this.#refuse = refuse
    this.recordBytesMax = inner.recordBytesMax - SEAL_BYTES
  }

  async open(logAfter: number | undefined): Promise<Opened> {
    const { head, numbers, records, segment } = await this.#inner.open(logAfter)
    const found: [Kind, number, Uint8Array][] = numbers.map((number, index) => ['log', number, records[index]!])
    if (head !== undefined) found.push(['head', 0, head])
    if (segment !== undefined) found.push(['segment', segment.number, segment.bytes])
    const read = await Promise.allSettled(found.map(place => this.#sealer.unseal(...place)))
    const bad = read.findIndex(({ status }) => status === 'rejected')
    if (bad >= 0) throw this.#refusal(found, read.every(({ status }) => status === 'rejected'), found[bad]!)
    const plain = read.map(one => (one as PromiseFulfilledResult<Uint8Array>).value)
    const log = plain.splice(0, numbers.length)
    const plainHead = head && plain.shift()
    this.#head = head && { plain: plainHead!, sealed: head }
    return { head: plainHead, numbers, records: log, segment: segment && { number: segment.number, bytes: plain[0]! } }
  }

  /** Where nothing at all can be read, the key is another; where some can, the rest is not what was written. */
  #refusal(found: readonly [Kind, number, Uint8Array][], isAll: boolean, bad: readonly [Kind, number, Uint8Array]) {
    if (!isAll) return this.#tampered(bad[0], bad[1])
    if (found.some(([, , bytes]) => isSealed(bytes))) {
      return this.#refuse('wrong_key', 'the store is encrypted under another key')
    }
    return this.#refuse('not_encrypted', 'the store is not encrypted, and a key was given')
  }

  #tampered(kind: Kind, number: number): PannierError {
    return this.#refuse('tampered', `${kind} ${number} is not what was stored there`)
  }

  async append(seq: number, bytes: Uint8Array): Promise<boolean> {
    const sealed = await this.#sealer.seal('log', seq, bytes)
    // Checked always: a record under a later number than its own could as well have been put there.
    const done = await this.#inner.append(seq, sealed, true)
    if (done) this.#last = [seq, sealed]
    return done
  }

  async read(segments: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found = await this.#inner.read(segments)
    return Promise.all(
      found.map((bytes, index) => {
        const number = segments[index]!
        const failed = () => {
          throw this.#tampered('segment', number)
        }
        return bytes && this.#sealer.unseal('segment', number, bytes).catch(failed)
      }),
    )
  }

  async checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    const { headBefore, append } = checkpoint
    const known = this.#head
    // Another tab's checkpoint was read since.
    if (!isSame(known?.plain, headBefore)) return false
    const [head, record, ...segments] = await Promise.all([
      this.#sealer.seal('head', 0, checkpoint.head),
      append && this.#sealer.seal('log', append.seq, append.bytes),
      ...checkpoint.segments.map((bytes, index) => this.#sealer.seal('segment', checkpoint.numbers[index]!, bytes)),
    ])
    const done = await this.#inner.checkpoint({
      ...checkpoint,
      headBefore: known?.sealed,
      head,
      segments: segments as Uint8Array[],
      append: append && { seq: append.seq, bytes: record! },
    })
    if (!done) return false
    this.#head = { plain: checkpoint.head, sealed: head }
    if (append) this.#last = [append.seq, record!]
    return true
  }

  async keepCart({ seq, count, bytes }: KeptCart): Promise<void> {
    const plain = new Uint8Array(COUNT_BYTES + bytes.length)
    new DataView(plain.buffer).setUint32(0, count!, true)
    plain.set(bytes, COUNT_BYTES)
    const sealed = await this.#sealer.seal('cart', seq, plain)
    await this.#inner.keepCart?.({ seq, count: null, bytes: sealed })
  }

  async reserve(bytes: Uint8Array): Promise<void> {
    // Noise tells nothing.
    await this.#inner.reserve?.(bytes)
  }

  async noteErasure(): Promise<void> {
    await this.#inner.noteErasure?.()
  }

  close(): void {
    this.#inner.close()
  }

  /** A log record as this tab has just stored it. */
  stored(seq: number): Uint8Array | undefined {
    return this.#last[0] === seq ? this.#last[1] : undefined
  }
}

/** Log records cross between tabs as they are stored, one after another. */
class EncryptedChannel implements Channel {
  readonly #inner: Channel
  readonly #sealer: Sealer
  readonly #records: EncryptedRecords
  #told: Promise<unknown> = Promise.resolve()
  #heard: Promise<unknown> = Promise.resolve()

  constructor(inner: Channel, sealer: Sealer, records: EncryptedRecords) {
    this.#inner = inner
    this.#sealer = sealer
    this.#records = records
  }

  hear(hear: Hear): void {
    this.#inner.hear((seq, sealed) => {
      // What cannot be read is met at the next commit, where it is told.
      const record = this.#sealer.unseal('log', seq, sealed).catch(() => undefined)
      this.#heard = this.#heard.then(() => record).then(plain => plain && hear(seq, plain))
    })
  }

  tell(seq: number, record: Uint8Array): void {
    const sealed = this.#records.stored(seq) ?? this.#sealer.seal('log', seq, record)
    this.#told = this.#told.then(() => sealed).then(bytes => this.#inner.tell(seq, bytes))
  }

  close(): void {
    void this.#told.then(() => this.#inner.close())
  }
}

/** What takes a record that was stored under one key and encrypts it under another, for its own place or the one of `to`. */
export function resealer(key: CryptoKey, newKey: CryptoKey, name: string, refuse: Refuse) {
  mustEncrypt(newKey, 'newKey', refuse)
  const [from, under] = [new Sealer(key, name), new Sealer(newKey, name)]
  return async (kind: Kind, number: number, sealed: Uint8Array, to = number): Promise<Uint8Array> => {
    const plain = await from.unseal(kind, number, sealed).catch(() => {
      throw refuse('tampered', `${kind} ${number} is not what was stored there`)
    })
    return under.seal(kind, to, plain)
  }
}

/** What decrypts records one by one: undefined where one is not what was stored there under this key. */
export function unsealer(key: CryptoKey, name: string) {
  const sealer = new Sealer(key, name)
  return (kind: Kind, number: number, sealed: Uint8Array) => sealer.unseal(kind, number, sealed).catch(() => undefined)
}

/** A cart that was kept under a key; undefined where it cannot be read. */
export async function unsealCart(key: CryptoKey, name: string, kept: KeptCart): Promise<KeptCart | undefined> {
  const plain = await new Sealer(key, name).unseal('cart', kept.seq, kept.bytes).catch(() => undefined)
  if (plain === undefined) return undefined
  const count = new DataView(plain.buffer).getUint32(0, true)
  return { seq: kept.seq, count, bytes: plain.subarray(COUNT_BYTES) }
}
