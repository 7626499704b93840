import { check } from './errors.ts'
import type { CatalogOptions, CollectionOptions, IndexOptions, OpenOptions } from './types.ts'

/** What the core reads of a collection: name, key, each index with its fields and properties, and its byte budget. */
export type Declaration = readonly [
  string,
  readonly string[],
  readonly (readonly [string, readonly string[], number])[],
  number | null,
]

/** Properties of an index, as bits. */
const UNIQUE = 1
const MULTI = 2
const EXPIRES = 4

/** The index of the times when rows expire. */
export const EXPIRY = '$expires'

/** Where a row's end is kept when only its age is declared. */
const EXPIRES_FIELD = 'expiresAt'

/** Byte budget of a catalog that declares none: some 150,000 products of 400 bytes. */
const CATALOG_BYTES_MAX = 64 * 1024 * 1024

/** The indexes of a catalog that declares none. */
export const CATALOG_INDEXES = { byCategoryPrice: ['category', 'price'] }

/** What is synced where the shop does not say. */
export const SCOPES = ['cart', 'catalog', 'orders']

const TAKEN = ['', 'cart', 'history', 'catalog', 'orders']

/** The collections that a shop declares, as the core reads them. */
export function declarations({ catalog = {}, collections = {} }: OpenOptions): Declaration[] {
  const all: Declaration[] = [declaration('catalog', { indexes: CATALOG_INDEXES, bytesMax: CATALOG_BYTES_MAX, ...catalog })]
  for (const [name, options] of Object.entries(collections)) {
    check(!TAKEN.includes(name), `collections.${name}`, 'named otherwise')
    all.push(declaration(name, options))
  }
  return all
}

/** How a collection is called by the store: one that is synced with its rule before its name. */
export function fullName(name: string, { merge }: CollectionOptions): string {
  return merge === undefined ? name : `${merge}:${name}`
}

const MERGES = ['last-writer', 'add-wins', 'counter', 'server-decides']

function declaration(name: string, { key = ['id'], indexes = {}, merge, ...options }: CollectionOptions): Declaration {
  checkFields(key, `${name}.key`)
  if (merge === undefined) check(!name.includes(':'), `collections.${name}`, 'named without a colon')
  else {
    check(/^[\w-]{1,32}$/.test(name), `collections.${name}`, 'named by up to 32 letters, digits, - and _')
    check(MERGES.includes(merge), `${name}.merge`, 'one of the rules')
    // What one device refuses or drops another has already.
    const isPlain = key.length === 1 && options.expires === undefined && options.bytesMax === undefined
    check(isPlain, name, 'of one key field, without expires and bytesMax, where rows merge')
  }
  const declared = Object.entries(indexes).map(([index, options]) => {
    const { fields, unique, multi } = indexOptions(options)
    check(/^[^$]/.test(index), `${name}.indexes`, 'named, and not with a $')
    checkFields(fields, `${name}.indexes.${index}`)
    check(merge === undefined || !(unique || multi), `${name}.indexes.${index}`, 'neither unique nor multi where rows merge')
    return [index, fields, (unique ? UNIQUE : 0) | (multi ? MULTI : 0)] as const
  })
  const expires = expiresBy(options)
  if (expires !== undefined) declared.push([EXPIRY, [expires], EXPIRES])
  const { bytesMax = null } = options
  check(bytesMax === null || (Number.isSafeInteger(bytesMax) && bytesMax > 0), `${name}.bytesMax`, 'a number of bytes')
  return [fullName(name, { merge }), key, declared, bytesMax]
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
