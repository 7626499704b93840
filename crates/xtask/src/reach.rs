//! What in a compiled wasm only what is loaded later reaches, as its linker tells: it notes
//! each place that names a function or data (`--emit-relocs`, the sections `linking` and
//! `reloc.*` of <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>).

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::Failure;
use crate::columns::HEADER;
use crate::leb::{number, take, take_number};
use crate::split::{LATER, LATER_EXPORT, byte, expect, text};

/// Kinds of symbols.
const FUNCTION: u8 = 0;
const DATA: u8 = 1;
const SECTION: u8 = 3;
const EVENT: u8 = 4;
/// Flags of a symbol.
const UNDEFINED: usize = 0x10;
const EXPLICIT_NAME: usize = 0x40;

/// What only code that is loaded later reaches.
pub struct OnlyLater {
    /// Names of functions.
    pub functions: HashSet<String>,
    /// Addresses of data.
    pub data: Vec<Range<usize>>,
}

/// A function by its number, or data by its symbol's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Thing {
    Function(usize),
    Data(usize),
}

enum Symbol {
    Function(usize),
    /// Address and bytes.
    Data(Range<usize>),
    Other,
}

#[derive(Default)]
struct Linked<'a> {
    imported: usize,
    names: HashMap<usize, &'a str>,
    exported: Vec<usize>,
    /// Where each body stands in its section.
    bodies: Vec<Range<usize>>,
    /// Where each segment stands in its section, and its address.
    segments: Vec<(Range<usize>, usize)>,
    symbols: Vec<Symbol>,
    /// Places in code and in data, and the symbol that each names.
    in_code: Vec<(usize, usize)>,
    in_data: Vec<(usize, usize)>,
}

/// Reads what the linker has noted.
pub fn only_later(wasm: &[u8]) -> Result<OnlyLater, Failure> {
    let linked = Linked::read(wasm)?;
    let uses = linked.uses()?;
    let is_gate = |function: &usize| linked.names.get(function).is_some_and(|name| name.contains(LATER));
    let mut reached = HashSet::new();
    let mut left: Vec<Thing> = linked.exported.iter().map(|function| Thing::Function(*function)).collect();
    while let Some(thing) = left.pop() {
        if reached.insert(thing) && !matches!(thing, Thing::Function(function) if is_gate(&function)) {
            left.extend(uses.get(&thing).into_iter().flatten());
        }
    }
    let functions = linked.imported..linked.imported + linked.bodies.len();
    let functions = functions.filter(|function| !reached.contains(&Thing::Function(*function)));
    let functions = functions.filter_map(|function| linked.names.get(&function)).map(|name| (*name).to_owned());
    let (mut kept, mut data) = (Vec::new(), Vec::new());
    for (number, symbol) in linked.symbols.iter().enumerate() {
        if let Symbol::Data(range) = symbol {
            let of = if reached.contains(&Thing::Data(number)) { &mut kept } else { &mut data };
            of.push(range.clone());
        }
    }
    // What lies in something that is kept is kept.
    data.retain(|range| kept.iter().all(|kept| kept.end <= range.start || range.end <= kept.start));
    data.sort_by_key(|range| range.start);
    data.dedup();
    Ok(OnlyLater { functions: functions.collect(), data })
}

impl<'a> Linked<'a> {
    fn read(wasm: &'a [u8]) -> Result<Self, Failure> {
        let mut linked = Self::default();
        let mut rest = wasm.strip_prefix(HEADER).ok_or("not a wasm of version 1")?;
        while let Some((&section, after)) = rest.split_first() {
            rest = after;
            let length = number(&mut rest)?;
            linked.section(section, take(&mut rest, length)?)?;
        }
        Ok(linked)
    }

    fn section(&mut self, section: u8, content: &'a [u8]) -> Result<(), Failure> {
        let mut rest = content;
        match section {
            0 => match text(&mut rest)? {
                "name" => self.take_names(rest),
                "linking" => self.take_symbols(rest),
                "reloc.CODE" => places(rest).map(|places| self.in_code = places),
                "reloc.DATA" => places(rest).map(|places| self.in_data = places),
                _ => Ok(()),
            },
            2 => {
                for _ in 0..number(&mut rest)? {
                    (_, _) = (text(&mut rest)?, text(&mut rest)?);
                    expect(byte(&mut rest)? == 0, "it imports more than functions")?;
                    number(&mut rest)?;
                    self.imported += 1;
                }
                Ok(())
            }
            7 => {
                for _ in 0..number(&mut rest)? {
                    let (name, kind, of) = (text(&mut rest)?, byte(&mut rest)?, number(&mut rest)?);
                    if kind == 0 && !name.starts_with(LATER_EXPORT) {
                        self.exported.push(of);
                    }
                }
                Ok(())
            }
            10 => {
                for _ in 0..number(&mut rest)? {
                    let length = number(&mut rest)?;
                    let start = content.len() - rest.len();
                    take(&mut rest, length)?;
                    self.bodies.push(start..start + length);
                }
                Ok(())
            }
            11 => {
                for _ in 0..number(&mut rest)? {
                    expect(number(&mut rest)? == 0 && byte(&mut rest)? == 0x41, "its data has no fixed place")?;
                    let address = number(&mut rest)?;
                    byte(&mut rest)?;
                    let length = number(&mut rest)?;
                    let start = content.len() - rest.len();
                    take(&mut rest, length)?;
                    self.segments.push((start..start + length, address));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_names(&mut self, mut rest: &'a [u8]) -> Result<(), Failure> {
        while !rest.is_empty() {
            let kind = byte(&mut rest)?;
            let length = number(&mut rest)?;
            let mut content = take(&mut rest, length)?;
            for _ in 0..if kind == 1 { number(&mut content)? } else { 0 } {
                self.names.insert(number(&mut content)?, text(&mut content)?);
            }
        }
        Ok(())
    }

    fn take_symbols(&mut self, mut rest: &'a [u8]) -> Result<(), Failure> {
        expect(number(&mut rest)? == 2, "its linker is of another version")?;
        while !rest.is_empty() {
            let kind = byte(&mut rest)?;
            let length = number(&mut rest)?;
            let mut content = take(&mut rest, length)?;
            for _ in 0..if kind == 8 { number(&mut content)? } else { 0 } {
                let symbol = self.symbol(&mut content)?;
                self.symbols.push(symbol);
            }
        }
        Ok(())
    }

    fn symbol(&self, rest: &mut &'a [u8]) -> Result<Symbol, Failure> {
        let (kind, flags) = (byte(rest)?, number(rest)?);
        if kind == DATA {
            text(rest)?;
            if flags & UNDEFINED != 0 {
                return Ok(Symbol::Other);
            }
            let (segment, offset, length) = (number(rest)?, number(rest)?, number(rest)?);
            // The segments come before, in the order of sections.
            let (_, address) = self.segments.get(segment).ok_or("a symbol is in no segment")?;
            return Ok(Symbol::Data(address + offset..address + offset + length));
        }
        let of = number(rest)?;
        expect(kind != EVENT, "it has exceptions")?;
        if kind != SECTION && (flags & UNDEFINED == 0 || flags & EXPLICIT_NAME != 0) {
            text(rest)?;
        }
        Ok(if kind == FUNCTION { Symbol::Function(of) } else { Symbol::Other })
    }

    /// What each function and each piece of data names.
    fn uses(&self) -> Result<HashMap<Thing, Vec<Thing>>, Failure> {
        expect(!self.in_code.is_empty(), "its linker has noted no places")?;
        let mut uses: HashMap<Thing, Vec<Thing>> = HashMap::new();
        let thing = |symbol: usize| match self.symbols.get(symbol) {
            Some(Symbol::Function(function)) => Some(Thing::Function(*function)),
            Some(Symbol::Data(_)) => Some(Thing::Data(symbol)),
            _ => None,
        };
        for (place, symbol) in &self.in_code {
            let body = self.bodies.partition_point(|body| body.end <= *place);
            uses.entry(Thing::Function(self.imported + body)).or_default().extend(thing(*symbol));
        }
        for (place, symbol) in &self.in_data {
            let segment = self.segments.iter().find(|(range, _)| range.contains(place));
            let (range, address) = segment.ok_or("a place is in no segment")?;
            let at = place - range.start + address;
            for (number, owner) in self.symbols.iter().enumerate() {
                if matches!(owner, Symbol::Data(range) if range.contains(&at)) {
                    uses.entry(Thing::Data(number)).or_default().extend(thing(*symbol));
                }
            }
        }
        Ok(uses)
    }
}

/// Places in a section, each with the symbol that stands there.
fn places(mut rest: &[u8]) -> Result<Vec<(usize, usize)>, Failure> {
    number(&mut rest)?;
    let mut places = Vec::new();
    for _ in 0..number(&mut rest)? {
        let (kind, place, symbol) = (byte(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        match kind {
            // Functions and their places in the table.
            0..=2 => places.push((place, symbol)),
            // Addresses, each with what is added to it.
            3..=5 => {
                take_number(&mut rest)?;
                places.push((place, symbol));
            }
            // Types, globals and tables, which both parts share.
            6 | 7 | 20 => {}
            _ => return Err(format!("the linker's notes have a place of unknown kind {kind}")),
        }
    }
    Ok(places)
}
