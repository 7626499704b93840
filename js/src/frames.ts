/** What few pages need: loaded with the first snapshot or transaction. */
export { takeSnapshot } from './snapshot.ts'
export { transact } from './transaction.ts'
export { clearExpired } from './expiry.ts'
