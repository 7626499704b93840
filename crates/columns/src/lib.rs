//! Puts a wasm together whose opcodes and operands are stored apart, kind by
//! kind, because they compress better so. `crates/xtask/src/columns.rs` stores it.
//!
//! This is a wasm of its own, of a kilobyte, which travels before the columns:
//! JavaScript that runs once runs slowly, and took 8 ms and more in a page that
//! has just been loaded.

/// Columns, by number. What is not in a function: the sections before the code,
/// then those after it.
pub const REST: usize = 0;
/// Declarations of locals and operands of rare instructions, each behind its number of bytes.
pub const RARE: usize = 1;
/// The opcodes.
pub const OPCODES: usize = 2;
/// How many columns there are.
pub const COLUMNS: usize = 34;

/// Stands for the `end` of a function: no opcode.
pub const FUNCTION_END: u8 = 0xFF;
/// The opcode `end`.
pub const END: u8 = 0x0B;
/// Marks the column of an opcode whose column depends on what follows.
pub const BY_NEXT: u8 = 0x80;
/// Bytes of a function's length in the wasm that is put together.
pub const FUNCTION_LENGTH_BYTES: usize = 3;

/// Entries of a table by opcode.
const TABLE: usize = 256;

/// Reads columns and writes a wasm.
struct Assembly<'a> {
    columns: &'a [u8],
    /// How far each column has been read.
    places: [usize; COLUMNS],
    wasm: &'a mut [u8],
    /// How far the wasm has been written.
    length: usize,
}

/// Writes to `wasm`, which is as long as it will be, what `columns` hold.
///
/// # Panics
/// If the columns are damaged.
pub fn assemble(columns: &[u8], wasm: &mut [u8]) {
    let (kinds, rest) = columns.split_at(TABLE);
    // By opcode: its class as one that follows, and how what it reads or writes is aligned.
    let (traits, rest) = rest.split_at(TABLE);
    let mut at = 0;
    let mut number = || {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = rest[at];
            at += 1;
            value |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    };
    let (before, functions) = (number(), number());
    let mut places = [0; COLUMNS];
    for place in &mut places {
        *place = number();
    }
    for place in &mut places {
        at += core::mem::replace(place, at);
    }
    let mut assembly = Assembly { columns: rest, places, wasm, length: 0 };
    assembly.copy(REST, before);
    for _ in 0..functions {
        assembly.function(kinds, traits);
    }
    let after = assembly.wasm.len() - assembly.length;
    assembly.copy(REST, after);
}

impl Assembly<'_> {
    fn next(&mut self, column: usize) -> u8 {
        let byte = self.columns[self.places[column]];
        self.places[column] += 1;
        byte
    }

    fn push(&mut self, byte: u8) {
        self.wasm[self.length] = byte;
        self.length += 1;
    }

    fn copy(&mut self, column: usize, length: usize) {
        for _ in 0..length {
            let byte = self.next(column);
            self.push(byte);
        }
    }

    fn rare(&mut self) {
        let length = self.next(RARE);
        self.copy(RARE, length.into());
    }

    fn function(&mut self, kinds: &[u8], traits: &[u8]) {
        let start = self.length;
        self.length += FUNCTION_LENGTH_BYTES;
        self.rare();
        loop {
            let opcode = self.next(OPCODES);
            if opcode == FUNCTION_END {
                break;
            }
            self.push(opcode);
            let align = traits[usize::from(opcode)] >> 4;
            if align > 0 {
                self.push(align - 1);
            }
            let mut column = kinds[usize::from(opcode)];
            if column >= BY_NEXT {
                let next = self.columns[self.places[OPCODES]];
                column = column - BY_NEXT + (traits[usize::from(next)] & 15);
            }
            match usize::from(column) {
                0 => {}
                RARE => self.rare(),
                column => loop {
                    let byte = self.next(column);
                    self.push(byte);
                    if byte < 0x80 {
                        break;
                    }
                },
            }
        }
        self.push(END);
        let length = self.length - start - FUNCTION_LENGTH_BYTES;
        for place in 0..FUNCTION_LENGTH_BYTES {
            let more = if place + 1 < FUNCTION_LENGTH_BYTES { 0x80 } else { 0 };
            self.wasm[start + place] = (length >> (7 * place)) as u8 & 0x7F | more;
        }
    }
}

/// [`assemble`] for JavaScript: the wasm's bytes lie right behind the columns.
///
/// # Safety
/// All `length + wasm_length` bytes from `columns` on are the caller's.
#[cfg(target_family = "wasm")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn put_together(columns: *mut u8, length: usize, wasm_length: usize) {
    // SAFETY: as the caller promises.
    let (columns, wasm) =
        unsafe { core::slice::from_raw_parts_mut(columns, length + wasm_length) }.split_at_mut(length);
    assemble(columns, wasm);
}
