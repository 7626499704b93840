//! The wasm in columns, which is how a page loads it.
//!
//! The bytes of a wasm function mix opcodes, numbers of locals, offsets and
//! constants. Each kind by itself compresses better: in brotli the whole is an
//! eighth less. The result is a wasm file still, with one section for tools to
//! skip, so that servers send it compressed and bundlers take it for what it is.
//! `crates/columns` puts the functions together again; as a wasm of its own it stands
//! before the columns.

use pannier_columns::{BY_NEXT, COLUMNS, END, FUNCTION_END, FUNCTION_LENGTH_BYTES, OPCODES, RARE, REST};

use crate::Failure;
use crate::leb::{number, push_number, push_padded, push_string, take, take_number};

pub const HEADER: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM_SECTION: u8 = 0;
const CODE_SECTION: u8 = 10;
/// The section's name, and the bytes of its length: the reader begins at a fixed place.
const NAME: &str = "columns";
const LENGTH_BYTES: usize = 4;

/// Where the section's content begins.
const CONTENT: usize = HEADER.len() + 1 + LENGTH_BYTES + 1 + NAME.len();

const CALL: usize = 6;
/// Each of these has a column for each class of what follows.
const I32_CONST: usize = 8;
const LOCAL_GET: usize = I32_CONST + CLASSES + 2;
const CLASSES: usize = 11;
const _: () = assert!(COLUMNS == LOCAL_GET + CLASSES + 2);

/// A wasm in both forms.
struct Columns {
    /// The wasm as the reader will put it together.
    plain: Vec<u8>,
    /// The same in columns.
    columns: Vec<u8>,
}

/// Writes a wasm in columns, behind the wasm of `crates/columns` that reads them.
pub fn write(wasm: &[u8], reader: &[u8]) -> Result<Vec<u8>, Failure> {
    let Columns { plain, columns } = both(wasm, reader)?;
    let mut read = vec![0; plain.len()];
    pannier_columns::assemble(&columns[CONTENT + 2 * size_of::<u32>() + reader.len()..], &mut read);
    if read == plain { Ok(columns) } else { Err("a wasm in columns reads as another".into()) }
}

fn both(wasm: &[u8], reader: &[u8]) -> Result<Columns, Failure> {
    let mut rest = wasm.strip_prefix(HEADER).ok_or("not a wasm of version 1")?;
    let mut columns = vec![Vec::new(); COLUMNS];
    let mut plain = HEADER.to_vec();
    let (mut before, mut functions) = (0, 0);
    columns[REST].extend(HEADER);
    while let Some((&section, after)) = rest.split_first() {
        rest = after;
        let length = number(&mut rest)?;
        let mut content = take(&mut rest, length)?;
        if section != CODE_SECTION {
            for out in [&mut plain, &mut columns[REST]] {
                out.push(section);
                push_number(out, length);
                out.extend(content);
            }
            continue;
        }
        functions = number(&mut content)?;
        let mut code = Vec::new();
        push_number(&mut code, functions);
        let mut start = vec![section];
        let bodies = bodies(functions, content, &mut columns)?;
        push_number(&mut start, code.len() + bodies.len());
        start.append(&mut code);
        columns[REST].extend(&start);
        before = columns[REST].len();
        plain.extend(start);
        plain.extend(bodies);
    }
    let mut content = Vec::new();
    for length in [plain.len(), reader.len()] {
        content.extend(u32::try_from(length).map_err(|_| "a wasm of more than 4 GiB")?.to_le_bytes());
    }
    content.extend(reader);
    content.extend(tables_and_columns(&columns, &[before, functions]));
    Ok(Columns { plain, columns: section(&content)? })
}

fn tables_and_columns(columns: &[Vec<u8>], numbers: &[usize]) -> Vec<u8> {
    let mut content = Vec::new();
    // Two tables for the reader: where operands stand; hints, and classes of what follows.
    content.extend((0..=u8::MAX).map(|opcode| {
        let operand = operand(opcode);
        operand.column as u8 | if operand.by_next { BY_NEXT } else { 0 }
    }));
    content
        .extend((0..=u8::MAX).map(|opcode| class(opcode) | operand(opcode).align.map_or(0, |align| (align + 1) << 4)));
    for number in numbers.iter().copied().chain(columns.iter().map(Vec::len)) {
        push_number(&mut content, number);
    }
    content.extend(columns.concat());
    content
}

fn section(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut name = Vec::new();
    push_string(&mut name, NAME);
    let mut out = HEADER.to_vec();
    out.push(CUSTOM_SECTION);
    push_padded(&mut out, name.len() + content.len(), LENGTH_BYTES)?;
    out.extend(name);
    out.extend(content);
    Ok(out)
}

/// Where the operand of an opcode stands.
struct Operand {
    /// 0 for none. Of one whose column depends on what follows, the first.
    column: usize,
    /// What follows tells much about a constant, and about which local is read.
    by_next: bool,
    /// Of what reads or writes memory, as the power of two. A hint, without meaning:
    /// all get the one that is natural.
    align: Option<u8>,
}

fn operand(opcode: u8) -> Operand {
    let column = match opcode {
        // br, br_if
        0x0C | 0x0D => 3 + usize::from(opcode - 0x0C),
        // block, loop, if
        0x02..=0x04 => 5,
        0x10 => CALL,
        // global.get, global.set
        0x23 | 0x24 => 7,
        // i32.const, i64.const
        0x41 => I32_CONST,
        0x42 => I32_CONST + CLASSES,
        // loads
        0x28..=0x35 => I32_CONST + CLASSES + 1,
        0x20 => LOCAL_GET,
        // local.set, local.tee
        0x21 | 0x22 => LOCAL_GET + CLASSES,
        // stores
        0x36..=0x3E => LOCAL_GET + CLASSES + 1,
        // br_table, call_indirect, select with a type, table.get, table.set, memory.size, memory.grow,
        // f32.const, f64.const, ref.null, ref.func, and those of two bytes
        0x0E | 0x11 | 0x1C | 0x25 | 0x26 | 0x3F | 0x40 | 0x43 | 0x44 | 0xD0 | 0xD2 | 0xFC => RARE,
        _ => 0,
    };
    let align = match opcode {
        0x2C | 0x2D | 0x30 | 0x31 | 0x3A | 0x3C => Some(0),
        0x2E | 0x2F | 0x32 | 0x33 | 0x3B | 0x3D => Some(1),
        0x28 | 0x2A | 0x34..=0x36 | 0x38 | 0x3E => Some(2),
        0x29 | 0x2B | 0x37 | 0x39 => Some(3),
        _ => None,
    };
    Operand { column, by_next: column == I32_CONST || column == LOCAL_GET, align }
}

/// The class of an opcode that follows.
fn class(next: u8) -> u8 {
    match next {
        // i32.add, i32.sub; other arithmetic; comparisons
        0x6A | 0x6B => 1,
        0x71..=0x78 => 2,
        0x45..=0x5A => 3,
        // br_if, if
        0x0D | 0x04 => 4,
        0x10 => 5,
        0x20 => 6,
        0x21 | 0x22 => 7,
        0x28..=0x35 => 8,
        0x36..=0x3E => 9,
        0x41 => 10,
        _ => 0,
    }
}

/// Deals functions to the columns, and returns them as the reader will write them.
fn bodies(functions: usize, mut content: &[u8], columns: &mut [Vec<u8>]) -> Result<Vec<u8>, Failure> {
    let mut plain = Vec::new();
    for _ in 0..functions {
        let length = number(&mut content)?;
        let body = body(take(&mut content, length)?, columns)?;
        push_padded(&mut plain, body.len(), FUNCTION_LENGTH_BYTES)?;
        plain.extend(body);
    }
    Ok(plain)
}

fn body(mut code: &[u8], columns: &mut [Vec<u8>]) -> Result<Vec<u8>, Failure> {
    let mut plain = Vec::new();
    let locals = take_locals(&mut code)?;
    push_rare(&mut columns[RARE], locals)?;
    plain.extend(locals);
    while let Some((&opcode, after)) = code.split_first() {
        code = after;
        plain.push(opcode);
        if code.is_empty() {
            columns[OPCODES].push(FUNCTION_END);
            return if opcode == END { Ok(plain) } else { Err("a function has no end".into()) };
        }
        columns[OPCODES].push(opcode);
        let Operand { column, by_next, align } = operand(opcode);
        if let Some(align) = align {
            take_number(&mut code)?;
            plain.push(align);
        }
        let operands = match column {
            0 => continue,
            RARE => bytes_of(&mut code, |rest| rare_operands(opcode, rest))?,
            _ => take_number(&mut code)?,
        };
        plain.extend(operands);
        match column {
            RARE => push_rare(&mut columns[RARE], operands)?,
            _ if by_next && code.len() > 1 => columns[column + usize::from(class(code[0]))].extend(operands),
            _ => columns[column].extend(operands),
        }
    }
    Err("a function is empty".into())
}

/// What a function's body begins with.
pub fn take_locals<'a>(code: &mut &'a [u8]) -> Result<&'a [u8], Failure> {
    bytes_of(code, |rest| {
        for _ in 0..number(rest)? {
            number(rest)?;
            take(rest, 1)?;
        }
        Ok(())
    })
}

/// What stands behind an opcode.
pub fn take_operands<'a>(opcode: u8, code: &mut &'a [u8]) -> Result<&'a [u8], Failure> {
    let Operand { column, align, .. } = operand(opcode);
    bytes_of(code, |rest| match column {
        0 => Ok(()),
        RARE => rare_operands(opcode, rest),
        _ => {
            if align.is_some() {
                take_number(rest)?;
            }
            take_number(rest).map(drop)
        }
    })
}

/// The bytes that `walk` passes over.
fn bytes_of<'a>(rest: &mut &'a [u8], walk: impl Fn(&mut &'a [u8]) -> Result<(), Failure>) -> Result<&'a [u8], Failure> {
    let start = *rest;
    walk(rest)?;
    Ok(&start[..start.len() - rest.len()])
}

/// `operands` behind their number, which takes a byte.
fn push_rare(column: &mut Vec<u8>, operands: &[u8]) -> Result<(), Failure> {
    let length = u8::try_from(operands.len()).map_err(|_| "an instruction of more than 255 bytes")?;
    column.push(length);
    column.extend(operands);
    Ok(())
}

fn rare_operands(opcode: u8, rest: &mut &[u8]) -> Result<(), Failure> {
    let numbers = match opcode {
        0x0E => number(rest)? + 1,
        0x1C => number(rest)?,
        0x43 => return take(rest, 4).map(drop),
        0x44 => return take(rest, 8).map(drop),
        0x11 => 2,
        0xFC => match number(rest)? {
            0..=7 => 0,
            // data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill
            9 | 11 | 13 | 15..=17 => 1,
            _ => 2,
        },
        _ => 1,
    };
    for _ in 0..numbers {
        take_number(rest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One section before the code and one after it; two functions, of which the
    /// first declares locals and reads memory under a hint that is not natural.
    fn wasm() -> Vec<u8> {
        let first = [1, 2, 0x7F, 0x20, 0, 0x28, 0, 0x84, 1, 0x41, 0xE5, 0, 0xFC, 10, 0, 0, END];
        let second = [0, 0x02, 0x40, 0x44, 1, 2, 3, 4, 5, 6, 7, 8, END, END];
        let mut wasm = HEADER.to_vec();
        wasm.extend([1, 1, 0, CODE_SECTION, (first.len() + second.len() + 3) as u8, 2]);
        for function in [&first[..], &second] {
            wasm.push(function.len() as u8);
            wasm.extend(function);
        }
        wasm.extend([11, 1, 0]);
        wasm
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let reader = b"reader";
        let Columns { plain, columns } = both(&wasm(), reader).unwrap();
        assert_eq!(columns[CONTENT..CONTENT + 8], [plain.len() as u8, 0, 0, 0, 6, 0, 0, 0]);
        assert_eq!(&columns[CONTENT + 8..CONTENT + 14], reader);
        let mut read = vec![0; plain.len()];
        pannier_columns::assemble(&columns[CONTENT + 14..], &mut read);
        assert_eq!(read, plain);
    }

    #[test]
    fn every_byte_has_a_column() {
        let Columns { plain, columns } = both(&wasm(), &[]).unwrap();
        // Two bytes more for the length of each function, and the natural hint.
        assert_eq!(plain.len(), wasm().len() + 4);
        assert!(plain.windows(5).any(|bytes| bytes == [0x28, 2, 0x84, 1, 0x41]));
        assert!(columns.starts_with(b"\0asm\x01\0\0\0\0"));
        for column in [&[0x20, 0x28, 0x41, 0xFC, FUNCTION_END, 0x02, 0x44, END, FUNCTION_END][..], &[0x84, 1]] {
            assert!(columns.windows(column.len()).any(|bytes| bytes == column), "{column:?}");
        }
    }

    #[test]
    fn what_is_cut_is_refused() {
        let whole = wasm();
        for length in 0..whole.len() - 4 {
            // Cut between two sections it is a wasm, with less in it.
            assert!(write(&whole[..length], &[]).is_err() || [8, 11].contains(&length), "{length}");
        }
    }
}
