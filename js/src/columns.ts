/** Where the columns begin: behind the header of a wasm file, and behind the start and the name of its one section. */
const START = 21

const FUNCTION_END = 0xff
const END = 0x0b

/** The columns that are read otherwise than by an opcode's operand. */
const REST = 0
const RARE = 1
const OPCODES = 2
const COLUMNS = 34

/** Marks an opcode whose operand stands in a column by what follows. */
const BY_NEXT = 128

/**
 * Puts a wasm together whose opcodes and operands are stored apart, kind by kind, because they compress better so.
 * `crates/xtask/src/columns.rs` writes it. A wasm that is not in columns stays as it is.
 */
export function fromColumns(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // Columns are a section for tools to skip, and stand where a plain wasm has its types.
  if (file[8] !== 0) return file
  const kinds = file.subarray(START, START + 256)
  let at = START + 512
  /** By opcode: its class as one that follows, and how what it reads or writes is aligned. */
  const traits = file.subarray(START + 256, at)
  const number = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = file[at++]!
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const wasm = new Uint8Array(number())
  const before = number()
  let functions = number()
  const lengths = Array.from({ length: COLUMNS }, number)
  // How far each column has been read.
  const places = new Uint32Array(lengths.map(length => (at += length) - length))
  wasm.set(file.subarray(places[REST]!, places[REST]! + before))
  let to = before
  const rare = (): void => {
    for (let left = file[places[RARE]!++]!; left > 0; left--) wasm[to++] = file[places[RARE]!++]!
  }
  for (; functions > 0; functions--) {
    const start = to
    to += 3
    rare()
    for (let opcode; (opcode = file[places[OPCODES]!++]!) !== FUNCTION_END; ) {
      let column = kinds[opcode]!
      const align = traits[opcode]! >> 4
      if (column >= BY_NEXT) column += (traits[file[places[OPCODES]!]!]! & 15) - BY_NEXT
      wasm[to++] = opcode
      if (align > 0) wasm[to++] = align - 1
      if (column === RARE) rare()
      else if (column !== 0) while ((wasm[to++] = file[places[column]!++]!) > 127);
    }
    wasm[to++] = END
    const length = to - start - 3
    wasm[start] = length | 128
    wasm[start + 1] = (length >> 7) | 128
    wasm[start + 2] = length >> 14
  }
  wasm.set(file.subarray(places[REST]! + before, places[REST]! + lengths[REST]!), to)
  return wasm
}
