import { PannierError } from './errors.ts'
import type { Carrier } from './records/carrier.ts'

/** What the wasm exports: `crates/wasm` has the other side. An engine's address comes first. */
interface Exports {
  readonly memory: WebAssembly.Memory
  _room(length: number): number
  _create(number: number): number
  _done(engine: number, id: number, done: boolean): void
  _record(engine: number, number: number, isThere: boolean): void
  _opened(engine: number, id: number, hasHead: boolean, segment: number): void
  _segments(engine: number, id: number): void
  _failed(engine: number, id: number, kind: number): void
  get(engine: number, from: number): number
  scan(
    engine: number,
    frame: number,
    from: number,
    limit: number,
    reverse: boolean,
    what: number,
    nowMs: number,
  ): number
  _result_at(engine: number): number
  _result_length(engine: number): number
  _sync_request(engine: number, nowMs: number): number
  _sync_response(engine: number, nowMs: number): void
  _offer(engine: number, seq: number): void
  _pending(engine: number): number
  _checkpoint(engine: number): void
  _idle(engine: number): void
  _work(engine: number): void
  _settled_seq(engine: number): number
  _is_idle(engine: number): number
  _retry(engine: number): void
  _code_failed(engine: number): void
  _collection(engine: number): number
  _write(engine: number, frame: number, kind: number, into: number, nowMs: number): number
  _write_all(engine: number, nowMs: number): number
  _used(engine: number, of: number): void
  _upkeep(engine: number, nowMs: number): number
  _is_upkeep_due(engine: number): number
  _acknowledge(engine: number, seq: number, nowMs: number): number
  /** Tells that the rest is there. */
  _loaded(): void
}

/** What is loaded later. */
interface Later {
  _later_destroy(engine: number): void
  _later_outcomes(engine: number): number
  _later_begin(engine: number, writes: boolean, nowMs: number): number
  _later_release(engine: number, frame: number): void
  _later_commit(engine: number, frame: number, nowMs: number): number
  _later_count(engine: number, frame: number, from: number, nowMs: number): number
  _later_add_to_load(engine: number, into: number): void
  _later_end_load(engine: number, nowMs: number): number
  _later_give_up_load(engine: number): number
}

/** A read needs something that is now being loaded: the same numbers stand in `crates/wasm/src`. */
export const FAULT = -2
const CODE_WANTED = 17

/** What is stored cannot be read, or what crosses: the result tells why. The same number stands in `crates/wasm/src/engine.rs`. */
const FAILED = -4

type Notify = (kind: number, number: number, bytes: Uint8Array | undefined) => void

/** Where calls from within the wasm go, by the number of the engine. */
const hosts: Host[] = []

/** Bytes of the wasm that are copied when they are called for. */
type Given = () => Uint8Array

interface Host {
  readonly records: Carrier
  readonly notify: Notify
  /** What was given for the next checkpoint. */
  given: Given[]
}

let wasm: Exports
let later: Later | undefined
/** Engines whose memory is given back once what does it is there. */
let freed: number[] = []

/** Bytes of wasm memory: the view is good until the engine is called again. */
function view(at: number, length: number): Uint8Array {
  return new Uint8Array(wasm.memory.buffer, at, length)
}

/** Numbers of segments: the view is as good as that of bytes. */
function numbers(at: number, count: number): Uint32Array {
  return new Uint32Array(wasm.memory.buffer, at, count)
}

/** What the wasm imports. None of it calls the engine. */
export const host = {
  give(engine: number, at: number, length: number): void {
    // Throws where there is no such engine any more.
    hosts[engine]!.given.push(() => hosts[engine]!.given && view(at, length).slice())
  },
  open(engine: number, id: number, logAfter: number): void {
    hosts[engine]!.records.open(id, logAfter < 0 ? undefined : logAfter)
  },
  append(engine: number, id: number, seq: number, at: number, length: number, checked: number): void {
    hosts[engine]!.records.append(id, seq, view(at, length), checked === 1)
  },
  read(engine: number, id: number, at: number, count: number): void {
    hosts[engine]!.records.read(id, numbers(at, count))
  },
  checkpoint(engine: number, id: number, hasBefore: number, dropLogBelow: number, seq: number): void {
    const { records, given } = hosts[engine]!
    hosts[engine]!.given = []
    const headBefore = hasBefore ? given.shift()!() : undefined
    const [head, added, ...segments] = given as [Given, Given, ...Given[]]
    const append = seq > 0 ? { seq, bytes: segments.pop()!() } : undefined
    const dropped = segments.pop()!
    const list = (given: Given) => [...new Uint32Array(given().buffer)]
    const [numbers, dropSegments] = [list(added), list(dropped)]
    records.checkpoint(id, { headBefore, head: head(), numbers, segments, dropSegments, dropLogBelow, append })
  },
  notify(engine: number, kind: number, number: number, at: number, length: number): void {
    hosts[engine]!.notify(kind, number, at === 0 ? undefined : view(at, length).slice())
  },
}

/** Takes the instance that all engines run in. */
export function use(instance: WebAssembly.Instance): WebAssembly.Memory {
  wasm = instance.exports as unknown as Exports
  // The plain wasm is all in one.
  if ('_later_begin' in wasm) takeLater(wasm)
  return wasm.memory
}

/** Takes what is loaded later, which is given what it shares with the first. */
export async function useLater(load: (first: WebAssembly.ModuleImports) => Promise<WebAssembly.Instance>): Promise<void> {
  const { exports } = await load(wasm as unknown as WebAssembly.ModuleImports)
  takeLater(exports)
}

function takeLater(exports: object): void {
  later = exports as Later
  wasm._loaded()
  giveBack(later)
}

/** Whether a closed store still has its memory: a page that opens another one would have more and more. */
export const hasFreed = () => freed.length > 0

function giveBack({ _later_destroy }: Later): void {
  for (const at of freed) _later_destroy(at)
  freed = []
}

const encoder = new TextEncoder()

/** Writes bytes or a string for the call that comes next. */
function give(bytes: Uint8Array | string): void {
  if (typeof bytes === 'string') bytes = encoder.encode(bytes)
  const at = wasm._room(bytes.length)
  view(at, bytes.length).set(bytes)
}

/** A store with its client, in wasm. Documents cross as bytes. */
export class Engine {
  readonly #at: number
  readonly #number: number

  constructor(records: Carrier, options: Uint8Array, newId: Uint8Array, notify: Notify) {
    this.#number = hosts.push({ records, notify, given: [] }) - 1
    give(options)
    give(newId)
    this.#at = wasm._create(this.#number)
  }

  free(): void {
    freed.push(this.#at)
    if (later !== undefined) giveBack(later)
    delete hosts[this.#number]
  }

  done(id: number, done: boolean): void {
    wasm._done(this.#at, id, done)
  }

  opened(
    id: number,
    head: Uint8Array | undefined,
    numbers: ArrayLike<number>,
    log: readonly Uint8Array[],
    segment?: number,
    bytes?: Uint8Array,
  ): void {
    log.forEach((record, index) => this.#record(numbers[index]!, record))
    if (head !== undefined) give(head)
    if (bytes !== undefined) give(bytes)
    wasm._opened(this.#at, id, head !== undefined, bytes === undefined ? -1 : segment!)
  }

  segments(id: number, numbers: ArrayLike<number>, found: readonly (Uint8Array | undefined)[]): void {
    found.forEach((segment, index) => this.#record(numbers[index]!, segment))
    wasm._segments(this.#at, id)
  }

  #record(number: number, bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) give(bytes)
    wasm._record(this.#at, number, bytes !== undefined)
  }

  failed(id: number, kind: number, message: string): void {
    give(message)
    wasm._failed(this.#at, id, kind)
  }

  /** What a call returned. */
  #told(found: number): number {
    if (found === FAILED) throw new PannierError('corrupt', new TextDecoder().decode(view(this.resultAt(), this.resultLength())))
    return found
  }

  /** Calls what is loaded later, or asks for it. */
  #later(call: (later: Later) => number): number {
    if (later !== undefined) return this.#told(call(later))
    hosts[this.#number]!.notify(CODE_WANTED, 0, undefined)
    return FAULT
  }

  get(from: number, key: string): number {
    give(key)
    return this.#told(wasm.get(this.#at, from))
  }

  scan(
    frame: number,
    from: number,
    index: string,
    asked: Uint8Array,
    limit: number,
    reverse: boolean,
    what: number,
    nowMs: number,
  ): number {
    give(index)
    give(asked)
    return this.#told(wasm.scan(this.#at, frame, from, limit, reverse, what, nowMs))
  }

  resultAt(): number {
    return wasm._result_at(this.#at)
  }

  resultLength(): number {
    return wasm._result_length(this.#at)
  }

  syncRequest(nowMs: number): Uint8Array | undefined {
    if (!wasm._sync_request(this.#at, nowMs)) return undefined
    return view(this.resultAt(), this.resultLength()).slice()
  }

  syncResponse(body: Uint8Array, nowMs: number): void {
    give(body)
    wasm._sync_response(this.#at, nowMs)
  }

  offer(seq: number, record: Uint8Array): void {
    give(record)
    wasm._offer(this.#at, seq)
  }

  pending(): number {
    return wasm._pending(this.#at)
  }

  checkpoint(): void {
    wasm._checkpoint(this.#at)
  }

  idle(): void {
    wasm._idle(this.#at)
  }

  work(): void {
    wasm._work(this.#at)
  }

  settledSeq(): number | undefined {
    const seq = wasm._settled_seq(this.#at)
    return seq < 0 ? undefined : seq
  }

  isIdle(): boolean {
    return wasm._is_idle(this.#at) === 1
  }

  retry(): void {
    wasm._retry(this.#at)
  }

  codeFailed(): void {
    wasm._code_failed(this.#at)
  }

  collection(name: string): number | undefined {
    give(name)
    const number = wasm._collection(this.#at)
    return number < 0 ? undefined : number
  }

  begin(writes: boolean, nowMs: number): number {
    return this.#later(later => later._later_begin(this.#at, writes, nowMs))
  }

  release(frame: number): void {
    this.#later(later => (later._later_release(this.#at, frame), 0))
  }

  commit(frame: number, nowMs: number): number {
    return this.#later(later => later._later_commit(this.#at, frame, nowMs))
  }

  write(frame: number, kind: number, into: number, document: Uint8Array, id: Uint8Array, nowMs: number): number {
    give(document)
    give(id)
    return this.#told(wasm._write(this.#at, frame, kind, into, nowMs))
  }

  writeAll(writes: Uint8Array, nowMs: number): number {
    give(writes)
    return this.#told(wasm._write_all(this.#at, nowMs))
  }

  addToLoad(into: number, rows: Uint8Array): number {
    return this.#later(later => {
      give(rows)
      later._later_add_to_load(this.#at, into)
      return 0
    })
  }

  endLoad(nowMs: number): number {
    return this.#later(later => later._later_end_load(this.#at, nowMs))
  }

  giveUpLoad(): number {
    return this.#later(later => later._later_give_up_load(this.#at))
  }

  count(frame: number, from: number, index: string, asked: Uint8Array, nowMs: number): number {
    return this.#later(later => {
      give(index)
      give(asked)
      return later._later_count(this.#at, frame, from, nowMs)
    })
  }

  used(of: number, key: string): void {
    give(key)
    wasm._used(this.#at, of)
  }

  upkeep(nowMs: number): number {
    return wasm._upkeep(this.#at, nowMs)
  }

  outcomes(): number {
    return this.#later(later => later._later_outcomes(this.#at))
  }

  acknowledge(seq: number, nowMs: number): number {
    return wasm._acknowledge(this.#at, seq, nowMs)
  }

  isUpkeepDue(): boolean {
    return wasm._is_upkeep_due(this.#at) === 1
  }
}
