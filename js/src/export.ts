import { decode } from './codec.ts'
import { inspect, refuseNewer } from './inspect.ts'
import { toJson } from './json.ts'
import type { RecordReads } from './stored.ts'
import type { Document, StoredOptions, StoreFault, Value } from './types.ts'

/** Version of the exported document. */
const EXPORT_VERSION = 1

/** Characters that are gathered before they are handed to the browser, which need not keep a blob in memory. */
const PIECE_LENGTH = 2 ** 20

/** Trees that hold no rows of a collection, and what they are called in the document: see docs/format.md. */
const LISTS: { readonly [tree: number]: string } = { 1: 'state', 2: 'pending', 3: 'outcomes', 4: 'journal', 5: 'parked' }

/** Whether a tree's values are told with their keys: the others have a number in them. */
const hasKey = (tree: number) => tree === 1 || !(tree in LISTS)

type Row = readonly [tree: number, key: readonly Value[] | null, value: Uint8Array, isDoubtful: boolean]
type End = readonly [tree: number, key: readonly Value[] | null]
type Lost = readonly [fault: StoreFault, from: End, to: End, entries: number | null]

/** A list of JSON values that is written piece by piece. */
class List {
  readonly #pieces: Blob[] = []
  #text = ''
  #separator = ''

  add(json: string): void {
    this.#text += this.#separator + json
    this.#separator = ',\n'
    if (this.#text.length < PIECE_LENGTH) return
    this.#pieces.push(new Blob([this.#text]))
    this.#text = ''
  }

  /** As a JSON array. */
  written(): BlobPart[] {
    return ['[', ...this.#pieces, this.#text, ']']
  }
}

/** What was found so far, by tree. */
class Gathered {
  readonly lists = new Map<number, List>()
  readonly faults: StoreFault[] = []
  readonly lost: Lost[] = []

  take(found: readonly Value[]): void {
    for (const one of found as unknown as readonly (Row | Lost | StoreFault)[]) {
      if (!Array.isArray(one)) this.faults.push(one as StoreFault)
      else if (typeof one[0] === 'number') this.#row(one as unknown as Row)
      else this.lost.push(one as unknown as Lost)
    }
    refuseNewer(this.faults)
  }

  list(tree: number): List {
    let list = this.lists.get(tree)
    if (list === undefined) this.lists.set(tree, (list = new List()))
    return list
  }

  #row([tree, key, value, isDoubtful]: Row): void {
    // Sizes of collections, and which rows were used: they say nothing by themselves.
    if (tree === 1 && key === null) return
    try {
      const decoded = decode(value)
      const row = hasKey(tree) ? { key: plainKey(key), row: decoded } : objectOf(decoded)
      this.list(tree).add(toJson(isDoubtful ? { ...row, doubtful: true } : row))
    } catch {
      const end: End = [tree, key]
      this.lost.push([{ place: 'row', why: 'is no document' }, end, end, 1])
    }
  }
}

export async function exported(options: StoredOptions, records: RecordReads | undefined): Promise<Blob | undefined> {
  let gathered = new Gathered()
  const names = await inspect(options, records, true, () => {
    gathered = new Gathered()
    return found => gathered.take(found)
  })
  if (names === undefined) return undefined
  return written(options.name, gathered, names as readonly (number | string)[])
}

/** `told`: for each collection the tree of its rows and its name. */
function written(store: string, { lists, faults, lost, ...gathered }: Gathered, told: readonly (number | string)[]): Blob {
  const names = new Map<number, string>()
  for (let at = 0; at < told.length; at += 2) names.set(told[at] as number, told[at + 1] as string)
  const at = new Date().toISOString()
  const parts: BlobPart[] = [`{"pannierExport":${EXPORT_VERSION},"store":${JSON.stringify(store)},"at":"${at}"`]
  for (const [tree, name] of Object.entries(LISTS)) {
    parts.push(`,\n"${name}":`, ...(lists.get(Number(tree)) ?? new List()).written())
  }
  // One whose name is lost with the schema is called by its number.
  for (const tree of lists.keys()) if (!(tree in LISTS) && !names.has(tree)) names.set(tree, `tree ${tree}`)
  parts.push(',\n"collections":{')
  let separator = ''
  for (const [tree, name] of names) {
    const list = lists.get(tree)
    if (list === undefined) continue
    parts.push(`${separator}${JSON.stringify(name)}:`, ...list.written())
    separator = ',\n'
  }
  const missing = lost.map(([fault, [from, fromKey], [to, toKey], entries]) => {
    const isOf = (tree: number) => tree >= from && tree <= to
    const collections = [...names].filter(([tree]) => isOf(tree)).map(([, name]) => name)
    const others = Object.entries(LISTS).filter(([tree]) => isOf(Number(tree))).map(([, name]) => name)
    const keys = { from: plainKey(fromKey), to: plainKey(toKey) }
    return toJson({ ...fault, of: [...others, ...collections], ...keys, entries } as unknown as Value)
  })
  parts.push(`},\n"faults":${toJson(faults as unknown as Value)},\n"lost":[${missing.join(',\n')}]}\n`)
  return new Blob(parts, { type: 'application/json' })
}

/** Damaged bytes may be any document. */
function objectOf(value: Value): Document {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object')
  return value as Document
}

/** A key as a page writes it; null for what is none. */
function plainKey(key: readonly Value[] | null): Value {
  return key?.length === 1 ? key[0]! : key?.length === 0 ? null : key
}
