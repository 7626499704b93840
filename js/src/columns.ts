/** Where a wasm in columns tells its length: behind the header of a wasm file, and the start and name of its one section. */
const START = 21

interface Reader {
  readonly memory: WebAssembly.Memory
  put_together(columns: number, length: number, wasmLength: number): void
}

/**
 * Puts a wasm together whose opcodes and operands are stored apart, kind by kind, because they compress better so. A
 * small wasm that travels before them does it (`crates/columns`). A wasm that is not in columns stays as it is.
 */
export async function fromColumns(file: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  // Columns are a section for tools to skip, and stand where a plain wasm has its types.
  if (file[8] !== 0) return file
  const lengths = new DataView(file.buffer, file.byteOffset + START)
  const wasmLength = lengths.getUint32(0, true)
  const columns = file.subarray(START + 8 + lengths.getUint32(4, true))
  const { instance } = await WebAssembly.instantiate(file.subarray(START + 8, -columns.length))
  const { memory, put_together } = instance.exports as unknown as Reader
  const at = memory.buffer.byteLength
  memory.grow(((columns.length + wasmLength) >> 16) + 1)
  new Uint8Array(memory.buffer).set(columns, at)
  put_together(at, columns.length, wasmLength)
  return new Uint8Array(memory.buffer, at + columns.length, wasmLength)
}
