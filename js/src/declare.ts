import { check } from './errors.ts'
import type { CatalogOptions, CollectionOptions, IndexOptions, OpenOptions } from './types.ts'

/** What the core reads of a collection: name, key, and each index with its fields and properties. */
export type Declaration = readonly [string, readonly string[], readonly (readonly [string, readonly string[], number])[]]

/** Properties of an index, as bits. */
const UNIQUE = 1
const MULTI = 2
const EXPIRES = 4

/** The index of the times when rows expire. */
export const EXPIRY = '$expires'

/** Where a row's end is kept when only its age is declared. */
const EXPIRES_FIELD = 'expiresAt'

/** The indexes of a catalog that declares none. */
export const CATALOG_INDEXES = { byCategoryPrice: ['category', 'price'] }

const TAKEN = ['', 'cart', 'history', 'catalog', 'orders']

/** The collections that a shop declares, as the core reads them. */
export function declarations({ catalog = {}, collections = {} }: OpenOptions): Declaration[] {
  const all: Declaration[] = [declaration('catalog', { indexes: CATALOG_INDEXES, ...catalog })]
  for (const [name, options] of Object.entries(collections)) {
    check(!TAKEN.includes(name), `collections.${name}`, 'named otherwise')
    all.push(declaration(name, options))
  }
  return all
}

function declaration(name: string, { key = ['id'], indexes = {}, ...options }: CollectionOptions): Declaration {
  checkFields(key, `${name}.key`)
  const declared = Object.entries(indexes).map(([index, options]) => {
    const { fields, unique, multi } = indexOptions(options)
    check(/^[^$]/.test(index), `${name}.indexes`, 'named, and not with a $')
    checkFields(fields, `${name}.indexes.${index}`)
    return [index, fields, (unique ? UNIQUE : 0) | (multi ? MULTI : 0)] as const
  })
  const expires = expiresBy(options)
  if (expires !== undefined) declared.push([EXPIRY, [expires], EXPIRES])
  return [name, key, declared]
}

/** The field that tells when a row expires. */
export function expiresBy({ expires }: CatalogOptions): string | undefined {
  return typeof expires === 'object' ? EXPIRES_FIELD : expires
}

export function indexOptions(options: readonly string[] | IndexOptions): IndexOptions {
  return 'fields' in options ? options : { fields: options }
}

function checkFields(fields: readonly string[], what: string): void {
  const holds = Array.isArray(fields) && fields.length > 0 && fields.every(field => typeof field === 'string')
  check(holds, what, 'a list of field names')
}
