//! Divides the wasm in two: what every page loads, and what is loaded later.
//!
//! The core calls what few pages need through `tree::later::run`, so it stands
//! behind functions named [`LATER`]; and the bindings mark exports that are only
//! called once all is loaded, by a name that begins with [`LATER_EXPORT`]. What
//! nothing else reaches goes into the second wasm, functions and data. Both share
//! memory and table: each function that one calls in the other has a place in the table.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::Failure;
use crate::columns::{HEADER, take_locals, take_operands};
use crate::leb::{number, push_number, push_string, take};
use crate::reach::OnlyLater;

/// Part of the name of each function that stands before what is loaded later.
pub const LATER: &str = "call_later";
/// How an export begins that is loaded later.
pub const LATER_EXPORT: &str = "_later_";

/// How an export begins that ships under a letter; tests count calls of those that do not.
const SHORT: char = '_';
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

const END: u8 = 0x0B;
const CALL: u8 = 0x10;
const CALL_INDIRECT: u8 = 0x11;
const LOCAL_GET: u8 = 0x20;
const I32_CONST: u8 = 0x41;
const REF_FUNC: u8 = 0xD2;
const FUNCTION: u8 = 0;
const TABLE: u8 = 1;
const MEMORY: u8 = 2;
const GLOBAL: u8 = 3;
const I32: u8 = 0x7F;
const FUNCREF: u8 = 0x70;

/// The two parts.
pub struct Split {
    /// Both in one, for places that compile what they load themselves.
    pub whole: Vec<u8>,
    /// What every page loads.
    pub first: Vec<u8>,
    /// The rest. It imports memory, table and stack of the first.
    pub later: Vec<u8>,
    /// What exports are called in the sources and as they ship: names cost each page, in wasm and in JavaScript.
    pub names: Vec<(String, String)>,
}

/// Divides a wasm that has its functions' names. What its table and its data hold only for the second part
/// cannot be seen in it: the linker has told.
pub fn split(wasm: &[u8], only_later: &OnlyLater) -> Result<Split, Failure> {
    let module = Module::read(wasm)?;
    let mut hasher = DefaultHasher::new();
    wasm.hash(&mut hasher);
    // The parts of two builds do not fit together, and linking them must fail.
    let build = format!("{:08x}", hasher.finish() as u32);
    let parts = module.parts(only_later)?;
    let whole = module.whole()?;
    let data = |is_later| module.data(only_later, is_later);
    Ok(Split {
        whole,
        first: module.first(&parts, &build, data(false))?,
        later: module.later(&parts, &build, data(true))?,
        names: module.names(),
    })
}

/// A wasm without what only tools read, but for sections of these names.
pub fn bare(wasm: &[u8], kept: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut rest = wasm.strip_prefix(HEADER).ok_or("not a wasm of version 1")?;
    let mut bare = HEADER.to_vec();
    while let Some((&section, after)) = rest.split_first() {
        rest = after;
        let length = number(&mut rest)?;
        let content = take(&mut rest, length)?;
        if section != 0 || kept.contains(&text(&mut &content[..])?) {
            push_section(&mut bare, section, content);
        }
    }
    Ok(bare)
}

/// Writes a call of a function by its number in the whole.
type WriteCall<'a> = &'a dyn Fn(usize, &mut Vec<u8>) -> Result<(), Failure>;

/// What is to be known of a wasm.
struct Module<'a> {
    sections: Vec<(u8, &'a [u8])>,
    imported: usize,
    /// The type of each function.
    types: Vec<usize>,
    /// Numbers of parameters of each type.
    parameters: Vec<usize>,
    bodies: Vec<&'a [u8]>,
    /// Functions that each body calls.
    calls: Vec<Vec<usize>>,
    exports: Vec<(&'a str, u8, usize)>,
    /// Functions in the table, the first of which has place 1.
    table: Vec<usize>,
    names: HashMap<usize, &'a str>,
    /// Addresses and bytes.
    segments: Vec<(usize, &'a [u8])>,
}

/// Which function goes where, by its number in the whole.
struct Parts {
    /// Whether it is loaded later.
    is_later: Vec<bool>,
    /// Before what is loaded later: the first part keeps their numbers, and calls them through the table.
    gates: Vec<usize>,
    /// Of the first part, called by the second: their places in the table follow those that have one already.
    shared: Vec<usize>,
}

pub fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Failure> {
    let length = number(rest)?;
    std::str::from_utf8(take(rest, length)?).map_err(|_| "a name in the wasm is no UTF-8".into())
}

pub fn byte(rest: &mut &[u8]) -> Result<u8, Failure> {
    Ok(take(rest, 1)?[0])
}

pub fn expect(is_so: bool, what: &str) -> Result<(), Failure> {
    if is_so { Ok(()) } else { Err(format!("the wasm cannot be divided: {what}")) }
}

impl<'a> Module<'a> {
    fn read(wasm: &'a [u8]) -> Result<Self, Failure> {
        let mut rest = wasm.strip_prefix(HEADER).ok_or("not a wasm of version 1")?;
        let mut module = Self {
            sections: Vec::new(),
            imported: 0,
            types: Vec::new(),
            parameters: Vec::new(),
            bodies: Vec::new(),
            calls: Vec::new(),
            exports: Vec::new(),
            table: Vec::new(),
            names: HashMap::new(),
            segments: Vec::new(),
        };
        while let Some((&section, after)) = rest.split_first() {
            rest = after;
            let length = number(&mut rest)?;
            let content = take(&mut rest, length)?;
            module.sections.push((section, content));
            module.section(section, content)?;
        }
        Ok(module)
    }

    fn section(&mut self, section: u8, mut rest: &'a [u8]) -> Result<(), Failure> {
        if section == 0 {
            return if text(&mut rest)? == "name" { self.take_names(rest) } else { Ok(()) };
        }
        let count = number(&mut rest)?;
        for _ in 0..count {
            match section {
                1 => {
                    expect(byte(&mut rest)? == 0x60, "a type is of no function")?;
                    let parameters = number(&mut rest)?;
                    take(&mut rest, parameters)?;
                    let results = number(&mut rest)?;
                    take(&mut rest, results)?;
                    self.parameters.push(parameters);
                }
                2 => {
                    for _ in ["module", "name"] {
                        text(&mut rest)?;
                    }
                    expect(byte(&mut rest)? == FUNCTION, "it imports more than functions")?;
                    self.types.push(number(&mut rest)?);
                    self.imported += 1;
                }
                3 => self.types.push(number(&mut rest)?),
                7 => self.exports.push((text(&mut rest)?, byte(&mut rest)?, number(&mut rest)?)),
                9 => {
                    let start =
                        [number(&mut rest)?, byte(&mut rest)?.into(), number(&mut rest)?, byte(&mut rest)?.into()];
                    let is_plain = start == [0, I32_CONST.into(), 1, END.into()];
                    expect(is_plain && count == 1, "its table is not filled from 1 on")?;
                    for _ in 0..number(&mut rest)? {
                        self.table.push(number(&mut rest)?);
                    }
                }
                10 => {
                    let length = number(&mut rest)?;
                    let body = take(&mut rest, length)?;
                    self.bodies.push(body);
                    let mut calls = Vec::new();
                    each_call(body, &mut Vec::new(), &mut |_, function| calls.push(function))?;
                    self.calls.push(calls);
                }
                11 => {
                    let is_fixed = number(&mut rest)? == 0 && byte(&mut rest)? == I32_CONST;
                    expect(is_fixed, "its data has no fixed place")?;
                    let address = number(&mut rest)?;
                    byte(&mut rest)?;
                    let length = number(&mut rest)?;
                    self.segments.push((address, take(&mut rest, length)?));
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn take_names(&mut self, mut rest: &'a [u8]) -> Result<(), Failure> {
        while !rest.is_empty() {
            let kind = byte(&mut rest)?;
            let length = number(&mut rest)?;
            let mut content = take(&mut rest, length)?;
            // Of functions.
            if kind == 1 {
                for _ in 0..number(&mut content)? {
                    self.names.insert(number(&mut content)?, text(&mut content)?);
                }
            }
        }
        Ok(())
    }

    fn parts(&self, only_later: &OnlyLater) -> Result<Parts, Failure> {
        // One that has taken in another of the same code has two places, and may be the first part's.
        let is_twice = |function| self.table.iter().filter(|other| **other == function).count() > 1;
        let is_only_later = |function: usize| {
            let name = self.names.get(&function);
            name.is_some_and(|name| only_later.functions.contains(*name)) && !is_twice(function)
        };
        let is_gate = |function: usize| self.names.get(&function).is_some_and(|name| name.contains(LATER));
        let mut is_first = vec![false; self.types.len()];
        let exported =
            self.exports.iter().filter(|(name, kind, _)| *kind == FUNCTION && !name.starts_with(LATER_EXPORT));
        let mut left: Vec<usize> = exported
            .map(|(_, _, function)| *function)
            .chain(self.table.iter().copied().filter(|function| !is_only_later(*function)))
            .collect();
        left.extend(0..self.imported);
        while let Some(function) = left.pop() {
            if is_gate(function) || std::mem::replace(&mut is_first[function], true) {
                continue;
            }
            if let Some(body) = function.checked_sub(self.imported) {
                left.extend(&self.calls[body]);
            }
        }
        let is_later: Vec<bool> = is_first.iter().map(|is_first| !is_first).collect();
        let later = || (0..self.types.len()).filter(|function| is_later[*function]);
        let gates: Vec<usize> = later().filter(|function| is_gate(*function)).collect();
        expect(!gates.is_empty(), "nothing is called later")?;
        let mut shared: Vec<usize> =
            later().flat_map(|function| &self.calls[function - self.imported]).copied().collect();
        shared.retain(|function| !is_later[*function]);
        shared.sort_unstable();
        shared.dedup();
        Ok(Parts { is_later, gates, shared })
    }

    /// The place of a function in the table.
    fn place(&self, parts: &Parts, function: usize) -> usize {
        let shared = parts.shared.binary_search(&function);
        let gate = parts.gates.binary_search(&function);
        match (shared, gate) {
            (Ok(at), _) => 1 + self.table.len() + at,
            (_, Ok(at)) => 1 + self.table.len() + parts.shared.len() + at,
            _ => unreachable!("only what both parts call has a place"),
        }
    }

    fn call_by_table(&self, parts: &Parts, function: usize, out: &mut Vec<u8>) {
        out.push(I32_CONST);
        push_signed(out, self.place(parts, function));
        out.push(CALL_INDIRECT);
        push_number(out, self.types[function]);
        out.push(0);
    }

    /// The data of one part, by address. What is the other's is left empty, in the first part as zeros.
    fn data(&self, only_later: &OnlyLater, is_later: bool) -> Vec<(usize, Vec<u8>)> {
        if !is_later {
            let without = |(address, bytes): &(usize, &[u8])| {
                let mut bytes = bytes.to_vec();
                for range in only_later.data.iter().filter(|range| range.start >= *address) {
                    if let Some(gone) = bytes.get_mut(range.start - address..range.end - address) {
                        gone.fill(0);
                    }
                }
                (*address, bytes)
            };
            return self.segments.iter().map(without).collect();
        }
        let bytes_at = |range: &Range<usize>| {
            let held = self.segments.iter().filter(|(address, _)| *address <= range.start);
            held.filter_map(|(address, bytes)| bytes.get(range.start - address..range.end - address)).next()
        };
        only_later.data.iter().filter_map(|range| Some((range.start, bytes_at(range)?.to_vec()))).collect()
    }

    /// The places of the functions of the table that one part holds, without those that only calls between the parts
    /// need: runs of them, each from its place on.
    fn table_of(&self, parts: &Parts, is_later: bool) -> Vec<(usize, Vec<usize>)> {
        let mut runs: Vec<(usize, Vec<usize>)> = Vec::new();
        for (place, &function) in (1..).zip(&self.table) {
            if parts.is_later[function] != is_later {
                continue;
            }
            match runs.last_mut() {
                Some((start, run)) if *start + run.len() == place => run.push(function),
                _ => runs.push((place, vec![function])),
            }
        }
        runs
    }

    fn first(&self, parts: &Parts, build: &str, data: Vec<(usize, Vec<u8>)>) -> Result<Vec<u8>, Failure> {
        let keeps = |function: usize| !parts.is_later[function] || parts.gates.binary_search(&function).is_ok();
        let kept: Vec<usize> = (0..self.types.len()).filter(|function| keeps(*function)).collect();
        let number_of = |function: usize| kept.binary_search(&function).map_err(|_| "a function has gone".to_owned());
        let mut out = HEADER.to_vec();
        for (section, content) in &self.sections {
            let mut new = Vec::new();
            match section {
                0 => continue,
                3 => numbers(&mut new, kept[self.imported..].iter().map(|function| self.types[*function])),
                4 => self.table_type(parts, &mut new),
                7 => {
                    let exports = self.exports.iter().filter(|(name, ..)| !name.starts_with(LATER_EXPORT));
                    let exports: Vec<_> = exports.copied().chain([(build, TABLE, 0), ("stack", GLOBAL, 0)]).collect();
                    self.push_exports(&mut new, &exports, &number_of)?;
                }
                9 => {
                    let mut runs = self.table_of(parts, false);
                    runs.push((1 + self.table.len(), parts.shared.clone()));
                    elements(&mut new, runs, &number_of)?;
                }
                10 => {
                    push_number(&mut new, kept.len() - self.imported);
                    for &function in &kept[self.imported..] {
                        let body = if parts.is_later[function] {
                            self.gate(parts, function)
                        } else {
                            self.body(function, &|callee, out| {
                                out.push(CALL);
                                push_number(out, number_of(callee)?);
                                Ok(())
                            })?
                        };
                        push_number(&mut new, body.len());
                        new.extend(body);
                    }
                }
                11 => push_data(&mut new, &data),
                _ => new.extend(*content),
            }
            push_section(&mut out, *section, &new);
        }
        Ok(out)
    }

    fn later(&self, parts: &Parts, build: &str, data: Vec<(usize, Vec<u8>)>) -> Result<Vec<u8>, Failure> {
        let kept: Vec<usize> = (0..self.types.len()).filter(|function| parts.is_later[*function]).collect();
        let mut out = HEADER.to_vec();
        for (section, content) in &self.sections {
            let mut new = Vec::new();
            match section {
                1 => {
                    push_section(&mut out, 1, content);
                    // It has no section of imports of its own to take the place of.
                    let mut imports = vec![3];
                    for (name, kind) in [("memory", MEMORY), (build, TABLE), ("stack", GLOBAL)] {
                        push_string(&mut imports, "first");
                        push_string(&mut imports, name);
                        imports.push(kind);
                        match kind {
                            MEMORY => imports.extend([0, 1]),
                            TABLE => {
                                imports.extend([FUNCREF, 0]);
                                push_number(&mut imports, self.table_size(parts));
                            }
                            _ => imports.extend([I32, 1]),
                        }
                    }
                    push_section(&mut out, 2, &imports);
                    continue;
                }
                3 => numbers(&mut new, kept.iter().map(|function| self.types[*function])),
                7 => {
                    let exports = self.exports.iter().filter(|(name, ..)| name.starts_with(LATER_EXPORT));
                    let exports: Vec<_> = exports.copied().collect();
                    let called = |function| {
                        kept.binary_search(&function).map_err(|_| "an export is called too early".to_owned())
                    };
                    self.push_exports(&mut new, &exports, &called)?;
                }
                9 => {
                    let mut runs = self.table_of(parts, true);
                    runs.push((self.place(parts, parts.gates[0]), parts.gates.clone()));
                    let number_of =
                        |function| kept.binary_search(&function).map_err(|_| "a function has gone".to_owned());
                    elements(&mut new, runs, &number_of)?;
                }
                10 => {
                    push_number(&mut new, kept.len());
                    for &function in &kept {
                        let body = self.body(function, &|callee, out| {
                            match kept.binary_search(&callee) {
                                Ok(at) => {
                                    out.push(CALL);
                                    push_number(out, at);
                                }
                                Err(_) => self.call_by_table(parts, callee, out),
                            }
                            Ok(())
                        })?;
                        push_number(&mut new, body.len());
                        new.extend(body);
                    }
                }
                11 => push_data(&mut new, &data),
                _ => continue,
            }
            push_section(&mut out, *section, &new);
        }
        Ok(out)
    }

    /// Both parts as the one wasm that they were.
    fn whole(&self) -> Result<Vec<u8>, Failure> {
        let mut out = HEADER.to_vec();
        for (section, content) in self.sections.iter().filter(|(section, _)| *section != 0) {
            let mut new = Vec::new();
            match section {
                7 => self.push_exports(&mut new, &self.exports, &Ok)?,
                _ => new.extend(*content),
            }
            push_section(&mut out, *section, &new);
        }
        Ok(out)
    }

    fn push_exports(
        &self,
        out: &mut Vec<u8>,
        exports: &[(&str, u8, usize)],
        number_of: &dyn Fn(usize) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        push_number(out, exports.len());
        for &(name, kind, at) in exports {
            push_string(out, &self.short(name));
            out.push(kind);
            push_number(out, if kind == FUNCTION { number_of(at)? } else { at });
        }
        Ok(())
    }

    /// The name by which an export ships.
    fn short(&self, name: &str) -> String {
        let place = self.exports.iter().position(|(other, ..)| *other == name);
        let letter = place.and_then(|place| LETTERS.chars().nth(place));
        match letter.filter(|_| name.starts_with(SHORT)) {
            Some(letter) => letter.into(),
            None => name.into(),
        }
    }

    fn names(&self) -> Vec<(String, String)> {
        let named = self.exports.iter().filter(|(name, ..)| name.starts_with(SHORT));
        named.map(|(name, ..)| ((*name).to_owned(), self.short(name))).collect()
    }

    fn table_size(&self, parts: &Parts) -> usize {
        1 + self.table.len() + parts.shared.len() + parts.gates.len()
    }

    fn table_type(&self, parts: &Parts, out: &mut Vec<u8>) {
        out.extend([1, FUNCREF, 0]);
        push_number(out, self.table_size(parts));
    }

    /// What stands in the first part for a function before what is loaded later.
    fn gate(&self, parts: &Parts, function: usize) -> Vec<u8> {
        let mut body = vec![0];
        for parameter in 0..self.parameters[self.types[function]] {
            body.push(LOCAL_GET);
            push_number(&mut body, parameter);
        }
        self.call_by_table(parts, function, &mut body);
        body.push(END);
        body
    }

    /// The body of a function with its calls written anew.
    fn body(&self, function: usize, call: WriteCall<'_>) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        let mut failed = Ok(());
        each_call(self.bodies[function - self.imported], &mut out, &mut |out, callee| {
            if let Err(why) = call(callee, out) {
                failed = Err(why);
            }
        })?;
        failed.map(|()| out)
    }
}

/// Copies a function's body to `out` without its calls, which `call` writes.
fn each_call(mut code: &[u8], out: &mut Vec<u8>, call: &mut dyn FnMut(&mut Vec<u8>, usize)) -> Result<(), Failure> {
    out.extend(take_locals(&mut code)?);
    while let Some((&opcode, after)) = code.split_first() {
        code = after;
        let mut operands = take_operands(opcode, &mut code)?;
        expect(opcode != REF_FUNC, "it refers to a function")?;
        if opcode == CALL {
            call(out, number(&mut operands)?);
        } else {
            out.push(opcode);
            out.extend(operands);
        }
    }
    Ok(())
}

fn numbers(out: &mut Vec<u8>, list: impl ExactSizeIterator<Item = usize>) {
    push_number(out, list.len());
    list.for_each(|value| push_number(out, value));
}

/// Functions for the table: runs, each from its place on.
fn elements(
    out: &mut Vec<u8>,
    runs: Vec<(usize, Vec<usize>)>,
    number_of: &dyn Fn(usize) -> Result<usize, Failure>,
) -> Result<(), Failure> {
    push_number(out, runs.len());
    for (place, functions) in runs {
        out.extend([0, I32_CONST]);
        push_signed(out, place);
        out.push(END);
        let functions: Vec<usize> = functions.into_iter().map(number_of).collect::<Result<_, _>>()?;
        numbers(out, functions.into_iter());
    }
    Ok(())
}

/// Bytes for the memory, each from its address on.
fn push_data(out: &mut Vec<u8>, data: &[(usize, Vec<u8>)]) {
    push_number(out, data.len());
    for (address, bytes) in data {
        out.extend([0, I32_CONST]);
        push_signed(out, *address);
        out.push(END);
        push_number(out, bytes.len());
        out.extend(bytes);
    }
}

/// As constants are written: the last byte's second bit is a sign.
fn push_signed(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x40 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn push_section(out: &mut Vec<u8>, section: u8, content: &[u8]) {
    out.push(section);
    push_number(out, content.len());
    out.extend(content);
}
