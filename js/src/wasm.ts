import init, { Engine } from '../generated/pannier_wasm.js'
import type { OpenOptions } from './types.ts'

let loaded: Promise<WebAssembly.Memory> | undefined

/** Compiles the wasm once for all stores of the page. */
export function loadWasm(source: OpenOptions['wasm']): Promise<WebAssembly.Memory> {
  loaded ??= init({ module_or_path: source ?? new URL('./pannier_bg.wasm', import.meta.url) }).then(
    exports => exports.memory,
    error => {
      // The next call may find the network back.
      loaded = undefined
      throw error
    },
  )
  return loaded
}

export { Engine }
