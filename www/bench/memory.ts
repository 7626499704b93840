/** Watches the memory of the wasm that a page loads, which no interface of the browser tells. */

/**
 * From this call on remembers each memory that an instance exports. Gives what tells their bytes together;
 * that throws when there was none.
 */
export function watchMemory(): () => number {
  const memories = new Set<WebAssembly.Memory>()
  const remember = (instance: WebAssembly.Instance) => {
    for (const value of Object.values(instance.exports)) if (value instanceof WebAssembly.Memory) memories.add(value)
  }
  for (const name of ['instantiate', 'instantiateStreaming'] as const) {
    const original = WebAssembly[name] as (...args: unknown[]) => Promise<Instantiated>
    const watching = async (...args: unknown[]) => {
      const found = await original(...args)
      remember('instance' in found ? found.instance : found)
      return found
    }
    Object.assign(WebAssembly, { [name]: watching })
  }
  return () => {
    if (memories.size === 0) throw new Error('no instance of wasm exported a memory')
    return [...memories].reduce((total, { buffer }) => total + buffer.byteLength, 0)
  }
}

type Instantiated = WebAssembly.Instance | WebAssembly.WebAssemblyInstantiatedSource
