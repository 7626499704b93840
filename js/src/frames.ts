/** What few pages need: loaded with the first snapshot or transaction, and where upkeep is due. */
export { takeSnapshot } from './snapshot.ts'
export { transact } from './transaction.ts'
export { keepUp } from './expiry.ts'
