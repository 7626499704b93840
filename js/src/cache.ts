import { isKeepable } from './codec.ts'
import type { Changed } from './changed.ts'
import type { Value } from './types.ts'

/** Rows kept decoded for each collection: about 10 MB at 1 kB each. */
const ROWS_MAX = 10_000

/** Values in the answers kept for each collection, half a megabyte of references: the lists of a shop's pages. */
const ANSWER_VALUES_MAX = 65_536

/** Names that are looked at first: where one of these rows is not decoded, the others need not be named. */
const NAMES_FIRST = 4

/** Longer answers are lists that are often read once: naming and keeping each of their rows costs as much as half its decoding. */
const ROWS_KEPT_SINGLY_MAX = 200

/** Questions with long answers that are remembered. */
const QUESTIONS_MAX = 1000

/** How the store answers a question. */
export interface Reads {
  /** The rows alone. */
  rows(): Promise<Value[]>
  /** The rows, each preceded by its name. */
  pairs(): Promise<Value[]>
  /** The names of the first `limit` rows, if they are in memory. */
  names(limit: number): Value[] | undefined
}

/** What was read of a collection, decoded: rows until they change, answers until any does. The oldest go first. */
export class ReadCache {
  readonly #rows = new Map<Value, Value>()
  /** Rows shown since the collection changed. */
  readonly #shown = new Set<string>()
  readonly #answers = new Map<string, readonly Value[]>()
  #answerValues = 0
  /** Those with long answers, since they were first asked: asked again after a change, most of their rows are the same. */
  readonly #asked = new Set<string>()
  #changes = 0

  /** Forgets what has changed: the rows under these keys, or any. */
  drop(changed: Changed): void {
    this.#changes++
    this.#shown.clear()
    if (changed === undefined) this.#rows.clear()
    else for (const key of changed) if (key.length === 1) this.#rows.delete(key[0]!)
    this.#answers.clear()
    this.#answerValues = 0
  }

  /** The row, if it is there; `used` is called where that is the first time since the collection changed. */
  row(name: string, used: () => void): Value | undefined {
    const row = this.#rows.get(name)
    if (row !== undefined && !this.#shown.has(name)) {
      this.#shown.add(name)
      used()
    }
    return row
  }

  async load(name: string, read: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const changes = this.#changes
    const row = await read()
    // A change since the read may have brought another one.
    if (row !== undefined && changes === this.#changes) this.keep(name, row)
    return row
  }

  /**
   * The rows that answer `question`, or with `isPairs` each row preceded by its name. Without a question the answer is
   * not kept, only its rows.
   */
  async answer(question: string | undefined, isPairs: boolean, limit: number, reads: Reads): Promise<readonly Value[]> {
    const known = question === undefined ? undefined : this.#answers.get(question)
    if (known !== undefined) return known
    const changes = this.#changes
    let found = isPairs ? undefined : this.#decoded(limit, reads)
    if (found === undefined && !isPairs && limit > ROWS_KEPT_SINGLY_MAX && this.#isNew(question)) found = await reads.rows()
    if (found === undefined) {
      found = await reads.pairs()
      if (!isPairs) found = this.#rowsOf(found, changes === this.#changes)
    }
    if (question !== undefined && changes === this.#changes) this.#keepAnswer(question, found)
    return found
  }

  #isNew(question: string | undefined): boolean {
    if (question === undefined) return true
    if (this.#asked.has(question)) return false
    if (this.#asked.size === QUESTIONS_MAX) this.#asked.clear()
    this.#asked.add(question)
    return true
  }

  /** The rows, where all of them are decoded. */
  #decoded(limit: number, reads: Reads): Value[] | undefined {
    if (this.#rows.size === 0) return undefined
    let rows: Value[] = []
    for (const count of limit > NAMES_FIRST ? [NAMES_FIRST, limit] : [limit]) {
      const names = reads.names(count)
      if (names === undefined) return undefined
      rows = new Array<Value>(names.length)
      for (let index = 0; index < names.length; index++) {
        const row = this.#rows.get(names[index]!)
        if (row === undefined) return undefined
        rows[index] = row
      }
    }
    return rows
  }

  /** The rows of pairs; one that was decoded before is the same object again. */
  #rowsOf(pairs: Value[], isCurrent: boolean): Value[] {
    const rows = new Array<Value>(pairs.length / 2)
    for (let index = 0; index < rows.length; index++) {
      const name = pairs[2 * index]!
      const row = pairs[2 * index + 1]!
      rows[index] = (isCurrent ? this.#rows.get(name) : undefined) ?? row
      if (isCurrent && rows[index] === row) this.keep(name, row)
    }
    return rows
  }

  keep(name: Value, row: Value): void {
    if (typeof name !== 'string' || !isKeepable(row)) return
    if (this.#rows.size >= ROWS_MAX) this.#rows.delete(oldest(this.#rows)!)
    this.#rows.set(name, row)
  }

  #keepAnswer(question: string, found: Value[]): void {
    if (found.length > ANSWER_VALUES_MAX || !found.every(isKeepable)) return
    this.#answerValues += found.length - (this.#answers.get(question)?.length ?? 0)
    this.#answers.set(question, Object.freeze(found))
    for (let first; this.#answerValues > ANSWER_VALUES_MAX; this.#answers.delete(first)) {
      first = oldest(this.#answers)!
      this.#answerValues -= this.#answers.get(first)!.length
    }
  }
}

/** A map iterates in the order of insertion. */
function oldest<K>(kept: ReadonlyMap<K, unknown>): K | undefined {
  return kept.keys().next().value
}
