export { open } from './shop.ts'
export { PannierError } from './errors.ts'
export { DocumentError } from './codec.ts'
export type * from './types.ts'
