import { fromColumns } from './columns.ts'
import { hasFreed, host, use, useLater } from './engine.ts'
import type { OpenOptions } from './types.ts'

let loaded: Promise<WebAssembly.Memory> | undefined
let loadedLater: Promise<void> | undefined
let laterSource: OpenOptions['wasm']

/** Compiles the wasm once for all stores of the page. */
export function loadWasm(source: OpenOptions['wasm'], later: OpenOptions['wasm']): Promise<WebAssembly.Memory> {
  laterSource ??= later
  loaded ??= instantiate(source ?? new URL('./pannier_columns.wasm', import.meta.url), { host }).then(
    use,
    error => {
      // The next call may find the network back.
      loaded = undefined
      throw error
    },
  )
  if (hasFreed()) void loaded.then(loadLater).catch(() => {})
  return loaded
}

/** Loads what few pages need. */
export function loadLater(): Promise<void> {
  loadedLater ??= useLater(first =>
    instantiate(laterSource ?? new URL('./pannier_later.wasm', import.meta.url), { first }),
  ).catch(error => {
    loadedLater = undefined
    throw error
  })
  return loadedLater
}

async function instantiate(
  source: NonNullable<OpenOptions['wasm']>,
  imports: WebAssembly.Imports,
): Promise<WebAssembly.Instance> {
  if (source instanceof WebAssembly.Module) return WebAssembly.instantiate(source, imports)
  if (typeof source === 'string' || source instanceof URL) source = await fetch(source)
  const response = source instanceof Response ? source : new Response(source as BufferSource)
  const { ok, status, url } = response
  if (!ok) throw new Error(`status ${status} for ${url}`)
  const wasm = await fromColumns(new Uint8Array(await response.arrayBuffer()))
  return (await WebAssembly.instantiate(wasm, imports)).instance
}

export { Engine, FAULT } from './engine.ts'
