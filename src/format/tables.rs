//! The tables of `docs/format.md` with offsets, held against what the code writes.

use super::FORMAT_VERSION;
use super::checksum::CHECKSUM_BYTES;
use super::head::{Head, LARGE_REF_BYTES, LargeRef, NODE_REF_BYTES, NodeRef};
use super::log::LogRecord;
use super::node::{NODE_COUNT_AT, NODE_HEADER_BYTES, NODE_KIND_AT, NODE_LEVEL_AT, NODE_PREFIX_LENGTH_AT};
use alloc::vec;
use alloc::vec::Vec;

const PAGE: &str = include_str!("../../docs/format.md");

/// The rows of the table with offsets under `heading`: offset and bytes, 0 where it gives none.
fn rows(heading: &str) -> Vec<(usize, usize)> {
    let section = PAGE.split("\n## ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let table = section.lines().skip_while(|line| *line != "| offset | field | bytes |").skip(2);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        Some((cells[1].parse().ok()?, cells[3].parse().unwrap_or(0)))
    };
    table.take_while(|line| line.starts_with('|')).filter_map(row).collect()
}

/// The little-endian integer that a row names.
fn value(bytes: &[u8], (offset, length): (usize, usize)) -> u64 {
    bytes[offset..offset + length].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[test]
fn tables_name_the_offsets_of_the_code() {
    let record = vec![(0, CHECKSUM_BYTES), (CHECKSUM_BYTES, 1)];
    let widths = [NODE_LEVEL_AT, NODE_PREFIX_LENGTH_AT, NODE_COUNT_AT, NODE_HEADER_BYTES];
    let starts = [NODE_KIND_AT, NODE_LEVEL_AT, NODE_PREFIX_LENGTH_AT, NODE_COUNT_AT];
    let mut node: Vec<_> = starts.into_iter().zip(widths).map(|(start, end)| (start, end - start)).collect();
    node.push((NODE_HEADER_BYTES, 0));
    let expected = [
        ("Log record", record.clone()),
        ("Head", record),
        ("Segment", vec![(0, CHECKSUM_BYTES), (CHECKSUM_BYTES, 0)]),
        ("Node reference", vec![(0, 4), (4, 4), (8, 4)]),
        ("Large value reference", vec![(0, NODE_REF_BYTES), (NODE_REF_BYTES, LARGE_REF_BYTES - NODE_REF_BYTES)]),
        ("Node", node),
    ];
    for (heading, expected) in &expected {
        assert_eq!(rows(heading), *expected, "{heading}");
    }
    assert_eq!(PAGE.matches("| offset | field | bytes |").count(), expected.len(), "a table that is not tested");
}

#[test]
fn records_have_their_fields_where_the_tables_say() {
    let version = u64::from(FORMAT_VERSION);
    assert!(PAGE.starts_with(&alloc::format!("# The stored format, version {version}\n")));
    let log = LogRecord { seq: 1, in_checkpoint: false, entries: vec![] }.encode();
    assert_eq!(value(&log, rows("Log record")[1]), version);
    assert_eq!(value(&Head::default().encode(), rows("Head")[1]), version);
    let first = NodeRef { segment: 0x0102_0304, offset: 0x0506_0708, length: 0x0004_0506 };
    let bytes = first.to_bytes();
    let fields = rows("Node reference").into_iter().map(|row| value(&bytes, row));
    assert!(fields.eq([first.segment, first.offset, first.length].map(u64::from)));
    let large = LargeRef { first, bytes: 0x0009_0A0B };
    let table = rows("Large value reference");
    assert_eq!(large.to_bytes()[..table[0].1], first.to_bytes());
    assert_eq!(value(&large.to_bytes(), table[1]), u64::from(large.bytes));
}
