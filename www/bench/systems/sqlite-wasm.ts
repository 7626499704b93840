import { Sqlite } from './sqlite.ts'

export function open() {
  return Sqlite.open(new Worker(new URL('./sqlite-wasm.worker.ts', import.meta.url), { type: 'module' }))
}
