import type { CartLine, Visit } from './products.ts'

/** Equality of JSON values. The order of an object's fields is no part of its value. */
export function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (Array.isArray(left) !== Array.isArray(right)) return false
  const names = Object.keys(left)
  return (
    names.length === Object.keys(right).length &&
    names.every(name => Object.hasOwn(right, name) && equal(Reflect.get(left, name), Reflect.get(right, name)))
  )
}

/** Throws unless `found` holds exactly the rows of `expected`, in that order. */
export function sameRows(where: string, found: readonly unknown[], expected: readonly unknown[]): void {
  if (found.length !== expected.length) {
    throw new Error(`${where}: ${found.length} rows, expected ${expected.length}`)
  }
  const wrong = expected.findIndex((row, place) => !equal(row, found[place]))
  if (wrong >= 0) {
    throw new Error(
      `${where}: row ${wrong} is ${JSON.stringify(found[wrong])}, expected ${JSON.stringify(expected[wrong])}`,
    )
  }
}

/** As `sameRows` for cart lines, whose order each system chooses for itself. */
export function sameLines(where: string, found: readonly CartLine[], expected: readonly CartLine[]): void {
  sameRows(where, bySku(found), bySku(expected))
}

/** As `sameRows` for visits, without what a store gives itself, and newest first by whichever times they have. */
export function sameVisits(where: string, found: readonly Visit[], expected: readonly Visit[]): void {
  const given = ({ sku, dwell }: Visit) => ({ sku, dwell })
  sameRows(where, found.map(given), expected.map(given))
  const late = found.findIndex((visit, place) => place > 0 && visit.at > found[place - 1]!.at)
  if (late >= 0) throw new Error(`${where}: visit ${late} is newer than the one before it`)
}

function bySku(lines: readonly CartLine[]): CartLine[] {
  return lines
    .map(({ sku, options, qty, quote }) => ({ sku, options, qty, quote }))
    .sort((left, right) => (left.sku < right.sku ? -1 : 1))
}
