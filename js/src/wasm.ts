import * as glue from '../generated/pannier_wasm_bg.js'
import type { OpenOptions } from './types.ts'

interface Exports {
  readonly memory: WebAssembly.Memory
  __wbindgen_start(): void
}

let loaded: Promise<WebAssembly.Memory> | undefined

/** Compiles the wasm once for all stores of the page. */
export function loadWasm(source: OpenOptions['wasm']): Promise<WebAssembly.Memory> {
  loaded ??= instantiate(source ?? new URL('./pannier_bg.wasm', import.meta.url)).then(
    instance => {
      const exports = instance.exports as unknown as Exports
      glue.__wbg_set_wasm(exports)
      exports.__wbindgen_start()
      return exports.memory
    },
    error => {
      // The next call may find the network back.
      loaded = undefined
      throw error
    },
  )
  return loaded
}

async function instantiate(source: NonNullable<OpenOptions['wasm']>): Promise<WebAssembly.Instance> {
  const imports = { './pannier_wasm_bg.js': glue as unknown as WebAssembly.ModuleImports }
  if (typeof source === 'string' || source instanceof URL) source = await fetch(source)
  if (source instanceof Response) {
    const { ok, status, url, headers } = source
    if (!ok) throw new Error(`status ${status} for ${url}`)
    // Under any other type it is compiled once it is there as a whole.
    if (headers.get('content-type') === 'application/wasm') {
      return (await WebAssembly.instantiateStreaming(source, imports)).instance
    }
    source = await source.arrayBuffer()
  }
  if (source instanceof WebAssembly.Module) return WebAssembly.instantiate(source, imports)
  return (await WebAssembly.instantiate(source, imports)).instance
}

export { Engine } from '../generated/pannier_wasm_bg.js'
