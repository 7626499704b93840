import type { Shop } from 'pannier'
import type { Connection } from './connection'
import type { Notes } from './notes'
import type { Router } from './router'
import type { Toasts } from './toasts'

/** What every view gets. */
export interface Context {
  readonly shop: Shop
  readonly connection: Connection
  readonly toasts: Toasts
  readonly router: Router
  readonly notes: Notes
}
