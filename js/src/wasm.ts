import { fromColumns } from './columns.ts'
import { host, use } from './engine.ts'
import type { OpenOptions } from './types.ts'

let loaded: Promise<WebAssembly.Memory> | undefined

/** Compiles the wasm once for all stores of the page. */
export function loadWasm(source: OpenOptions['wasm']): Promise<WebAssembly.Memory> {
  loaded ??= instantiate(source ?? new URL('./pannier_columns.wasm', import.meta.url)).then(
    use,
    error => {
      // The next call may find the network back.
      loaded = undefined
      throw error
    },
  )
  return loaded
}

async function instantiate(source: NonNullable<OpenOptions['wasm']>): Promise<WebAssembly.Instance> {
  const imports = { host }
  if (source instanceof WebAssembly.Module) return WebAssembly.instantiate(source, imports)
  if (typeof source === 'string' || source instanceof URL) source = await fetch(source)
  const response = source instanceof Response ? source : new Response(source as BufferSource)
  const { ok, status, url } = response
  if (!ok) throw new Error(`status ${status} for ${url}`)
  const wasm = await fromColumns(new Uint8Array(await response.arrayBuffer()))
  return (await WebAssembly.instantiate(wasm, imports)).instance
}

export { Engine } from './engine.ts'
