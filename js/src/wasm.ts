import * as glue from '../generated/pannier_wasm_bg.js'
import { fromColumns } from './columns.ts'
import type { OpenOptions } from './types.ts'

interface Exports {
  readonly memory: WebAssembly.Memory
  __wbindgen_start(): void
}

let loaded: Promise<WebAssembly.Memory> | undefined

/** Compiles the wasm once for all stores of the page. */
export function loadWasm(source: OpenOptions['wasm']): Promise<WebAssembly.Memory> {
  loaded ??= instantiate(source ?? new URL('./pannier_columns.wasm', import.meta.url)).then(
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
  if (source instanceof WebAssembly.Module) return WebAssembly.instantiate(source, imports)
  if (typeof source === 'string' || source instanceof URL) source = await fetch(source)
  const response = source instanceof Response ? source : new Response(source as BufferSource)
  const { ok, status, url } = response
  if (!ok) throw new Error(`status ${status} for ${url}`)
  const wasm = fromColumns(new Uint8Array(await response.arrayBuffer()))
  return (await WebAssembly.instantiate(wasm, imports)).instance
}

export { Engine } from '../generated/pannier_wasm_bg.js'
