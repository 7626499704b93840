//! Every record of a store damaged in turn: a check tells it, and an export loses nothing that is not in it.

use pannier::collection::{TreeId, row_key};
use pannier::format::head::{Head, NodeRef};
use pannier::format::log::Entry;
use pannier::format::node::{Kind, View};
use pannier::store::memory::MemoryRecords;
use pannier::store::{Options, Request, Response, Store};
use pannier_check::{Checking, Exporting, Fault, Found, Held, Lost, Next, Opened, Row};
use std::collections::{BTreeMap, BTreeSet};

type Truth = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Head,
    Log,
    Segment,
}

/// The records of a store.
type Records = Vec<(Group, u64, Vec<u8>)>;

fn key(number: u32) -> Vec<u8> {
    row_key(TreeId(0x13), &format!("{number:06}"))
}

fn value(number: u32, round: u32) -> Vec<u8> {
    let length: u64 = if number == 777 { 200_000 } else { 200 };
    let (number, round) = (u64::from(number), u64::from(round));
    (0..length).map(|at| (number * 31 + round * 7 + at * at) as u8).collect()
}

/// A store of several segments, with stale nodes in them, a large value and a log; and what it holds.
fn store() -> (Records, Truth) {
    let (mut store, mut records, mut truth) = (Store::new(Options::default()), MemoryRecords::default(), Truth::new());
    let mut commit = |store: &mut Store, entries: Vec<(Vec<u8>, Option<Vec<u8>>)>| {
        for (key, value) in &entries {
            match value {
                Some(value) => truth.insert(key.clone(), value.clone()),
                None => truth.remove(key),
            };
        }
        let entry = |(key, value): (Vec<u8>, Option<Vec<u8>>)| Entry { key: key.into(), value: value.map(Into::into) };
        store.stage(entries.into_iter().map(entry).collect());
        pump(store, &mut records);
    };
    commit(&mut store, (0..3_000).map(|number| (key(number), Some(value(number, 0)))).collect());
    for round in 1..4 {
        let changed = (0..3_000).filter(|number| number % 97 == round);
        commit(&mut store, changed.map(|number| (key(number), Some(value(number, round)))).collect());
        commit(&mut store, vec![(key(round * 500), None)]);
        store.checkpoint();
        commit(&mut store, vec![(key(4_000 + round), Some(value(1, round)))]);
    }
    commit(&mut store, vec![(key(10), Some(value(10, 9))), (key(11), None)]);
    commit(&mut store, vec![(key(5_000), Some(value(10, 9)))]);
    (all(&mut records), truth)
}

fn pump(store: &mut Store, records: &mut MemoryRecords) {
    while let Some((id, request)) = store.next_request_worked() {
        store.complete(id, records.execute(&request));
    }
}

fn all(records: &mut MemoryRecords) -> Records {
    let Response::Opened { head, log, .. } = records.execute(&Request::Open { log_after: None }) else {
        panic!("not opened")
    };
    let head = head.unwrap();
    let segments = Head::decode(&head).unwrap().segments.iter().map(|info| info.segment).collect();
    let Response::Segments(segments) = records.execute(&Request::Read { segments }) else { panic!("not read") };
    let mut all = vec![(Group::Head, 0, head)];
    all.extend(log.into_iter().map(|(seq, record)| (Group::Log, seq, record)));
    all.extend(segments.into_iter().map(|(number, record)| (Group::Segment, u64::from(number), record.unwrap())));
    all
}

fn of(all: &Records, group: Group) -> impl Iterator<Item = &(Group, u64, Vec<u8>)> {
    all.iter().filter(move |record| record.0 == group)
}

fn opened(all: &Records) -> Opened {
    let head = of(all, Group::Head).next().map(|(_, _, head)| &head[..]);
    let log: Vec<_> = of(all, Group::Log).map(|(_, seq, record)| (*seq, record.clone())).collect();
    Opened::new(head, &log, of(all, Group::Segment).map(|(_, number, _)| *number as u32).max())
}

fn give(held: &mut Held, all: &Records, numbers: Vec<u32>) {
    for number in numbers {
        let found = of(all, Group::Segment).find(|(_, other, _)| *other == u64::from(number));
        held.give(number, found.map(|(_, _, record)| record.clone()));
    }
}

fn check(all: &Records) -> pannier_check::Report {
    let (mut checking, mut held) = (Checking::new(opened(all)), Held::default());
    loop {
        match checking.step(&held) {
            needed if needed.is_empty() => return checking.report().clone(),
            needed => give(&mut held, all, needed),
        }
    }
}

fn export(all: &Records) -> (Vec<Row>, Vec<Lost>, Vec<Fault>) {
    let (mut exporting, mut held) = (Exporting::new(opened(all)), Held::default());
    let (mut rows, mut lost, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match exporting.next(&held) {
            Next::Found(Found::Row(row)) => rows.push(row),
            Next::Found(Found::Lost(one)) => lost.push(one),
            Next::Found(Found::Fault(fault)) => faults.push(fault),
            Next::Need(needed) => give(&mut held, all, needed),
            Next::End => return (rows, lost, faults),
        }
    }
}

/// The segments that hold each row of the tree.
fn places(all: &Records) -> BTreeMap<Vec<u8>, BTreeSet<u64>> {
    fn visit(all: &Records, at: NodeRef, places: &mut BTreeMap<Vec<u8>, BTreeSet<u64>>) {
        let (_, _, record) = of(all, Group::Segment).find(|(_, number, _)| *number == u64::from(at.segment)).unwrap();
        let view = View::parse(&record[at.offset as usize..][..at.length as usize]).unwrap();
        for index in 0..view.count() {
            if view.kind == Kind::Branch {
                visit(all, view.stored_child(index).unwrap().at, places);
                continue;
            }
            let segments = places.entry(view.key(index).unwrap()).or_default();
            segments.insert(u64::from(at.segment));
            let cell = view.leaf_cell(index).unwrap();
            if cell.value.is_none() {
                let large = pannier::format::head::LargeRef::from_bytes(cell.rest.first_chunk().unwrap()).unwrap();
                segments.extend(large.pieces().map(|piece| u64::from(piece.segment)));
            }
        }
    }
    let head = &all[0];
    let mut places = BTreeMap::new();
    visit(all, Head::decode(&head.2).unwrap().root.unwrap(), &mut places);
    places
}

#[test]
fn a_sound_store_is_told_sound_and_exported_whole() {
    let (all, truth) = store();
    let report = check(&all);
    assert_eq!(report.faults, []);
    assert!(report.segments.len() > 10 && report.log_records > 1, "{} segments", report.segments.len());
    assert_eq!(report.rows().collect::<Vec<_>>(), [("catalog".to_owned(), truth.len() as u64)]);
    let (rows, lost, faults) = export(&all);
    assert_eq!((lost, faults), (vec![], vec![]));
    assert!(rows.iter().all(|row| !row.is_doubtful));
    assert_eq!(rows.len(), truth.len());
    assert!(rows.into_iter().map(|row| (row.key, row.value)).collect::<Truth>() == truth);
}

/// What must hold of any store with one damaged record.
fn verify(what: &str, all: &Records, truth: &Truth, in_damaged: impl Fn(&[u8]) -> bool, may_be_old: bool) -> usize {
    let report = check(all);
    assert!(!report.is_sound(), "{what}: told sound");
    let (rows, lost, faults) = export(all);
    assert!(!faults.is_empty(), "{what}: nothing told");
    let is_told =
        |key: &[u8]| lost.iter().any(|lost| *key >= *lost.from && lost.to.as_ref().is_none_or(|to| *key < **to));
    let mut found: BTreeMap<&[u8], Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        found.entry(&row.key).or_default().push(row);
        let is_true = truth.get(&row.key) == Some(&row.value);
        assert!(row.is_doubtful || is_true || may_be_old, "{what}: a row that is not so, {:?}", row.key);
    }
    // A row may be there under a key that was damaged.
    let is_misnamed = found.keys().any(|key| !truth.contains_key(*key));
    for (key, value) in truth {
        let is_there = found.get(&key[..]).is_some_and(|rows| rows.iter().any(|row| row.value == *value));
        assert!(is_there || in_damaged(key), "{what}: lost {key:?}");
        assert!(
            is_there || may_be_old || found.contains_key(&key[..]) || is_misnamed || is_told(key),
            "{what}: {key:?} not told"
        );
    }
    truth.keys().filter(|key| !found.contains_key(&key[..])).count()
}

/// Whether a row may be in a record.
fn may_hold(places: &BTreeMap<Vec<u8>, BTreeSet<u64>>, (group, number): (Group, u64), key: &[u8]) -> bool {
    match group {
        Group::Head => false,
        // Which rows it has is not known.
        Group::Log => true,
        Group::Segment => places.get(key).is_some_and(|segments| segments.contains(&number)),
    }
}

#[test]
fn a_record_that_is_gone_takes_nothing_else_along() {
    let (all, truth) = store();
    let places = places(&all);
    // The last log record is as if it had never been.
    let last = of(&all, Group::Log).map(|(_, seq, _)| *seq).max().unwrap();
    for (place, (group, number, _)) in all.iter().enumerate().filter(|(_, one)| (one.0, one.1) != (Group::Log, last)) {
        let mut rest = all.clone();
        rest.remove(place);
        let of = (*group, *number);
        verify(&format!("{of:?} gone"), &rest, &truth, |key| may_hold(&places, of, key), *group == Group::Log);
    }
}

#[test]
fn a_damaged_byte_costs_a_few_rows_at_most() {
    let (all, truth) = store();
    let places = places(&all);
    let mut most = 0;
    for (place, (group, number, bytes)) in all.iter().enumerate() {
        let of = (*group, *number);
        // So few that the sweep takes seconds.
        let step = if *group == Group::Segment { 4_999 } else { 17 };
        for at in (0..bytes.len()).step_by(step) {
            let mut damaged = all.clone();
            damaged[place].2[at] ^= 0xFF;
            let what = format!("{of:?}, byte {at}");
            let gone = verify(&what, &damaged, &truth, |key| may_hold(&places, of, key), *group == Group::Log);
            most = most.max(gone);
        }
    }
    assert!(most < 60, "{most} rows gone by one byte");
}
