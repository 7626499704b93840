//! Transactions of three tabs against the same ones done one after another.

use crate::world::*;
use pannier::collection::index::UNIQUE;
use pannier::collection::schema::Declared;
use pannier::collection::{Query, TreeId};
use pannier::key::{Part, decode};
use pannier::sync::client::Operation;
use pannier::sync::mutation::Id;
use serde_json::{Value, json};

fn collections() -> Vec<Declared> {
    vec![
        declared("catalog", vec![index("byPrice", &["price"], 0)]),
        declared("wishes", vec![index("byA", &["a"], 0), index("bySku", &["sku"], UNIQUE)]),
        declared("done", vec![]),
    ]
}

/// A transaction as its function would do it: a number tells all that it does,
/// and what it reads goes into what it writes.
struct Running {
    number: u64,
    frame: u32,
    steps_left: u64,
    random: Random,
    seen: Vec<Value>,
    tries: u64,
    ticket: Option<u64>,
}

impl Running {
    fn begin(world: &mut World, at: usize, number: u64) -> Self {
        let mut random = Random(number * 7919);
        let steps_left = 2 + random.below(5);
        let frame = world.begin(at, true);
        Self { number, frame, steps_left, random, seen: Vec::new(), tries: 1, ticket: None }
    }

    fn step(&mut self, world: &mut World, at: usize) {
        self.steps_left -= 1;
        let key = self.random.below(12);
        if self.steps_left == 0 {
            let rows_tree = world.tree(at, "done");
            let row = json!([{ "id": self.number, "seen": self.seen }]);
            return self.write(world, at, || Operation::Put { rows_tree, rows: document(row.clone()) });
        }
        let sum = self.seen.iter().map(|seen| seen.to_string().len() as u64).sum::<u64>();
        let wishes = world.tree(at, "wishes");
        match self.random.below(9) {
            0 => {
                let query = world.query(at, "wishes", "", json!({ "is": [key] }));
                self.read(world, at, query);
            }
            1 => {
                let query = world.query(at, "wishes", "byA", json!({ "gte": [key], "lt": [key + 3] }));
                self.read(world, at, query);
            }
            2 => {
                let query = Query { limit: 2, ..world.query(at, "wishes", "", json!({ "gt": [key] })) };
                self.read(world, at, query);
            }
            3 => {
                let query = world.query(at, "wishes", "", json!({ "gte": [key] }));
                let count = world.count(at, self.frame, &query);
                self.seen.push(json!(count));
            }
            4 => {
                let cart = Query { rows: TreeId(0x11), ..world.query(at, "wishes", "", json!({})) };
                self.read(world, at, cart);
            }
            5 => {
                let asked = json!({ "sku": format!("P{}", key % 3), "qty": 1 + sum % 3 });
                let mut id = [0; 16];
                id[..8].copy_from_slice(&(self.number * 100 + self.steps_left).to_be_bytes());
                let mutate =
                    || Operation::Mutate { name: "cart.add", asked: document(asked.clone()), id: Id(id), at: 5 };
                self.write(world, at, mutate);
            }
            6 => self.write(world, at, || Operation::Delete { rows_tree: wishes, keys: document(json!([[key]])) }),
            _ => {
                let row = json!([{ "id": key, "a": (key + sum) % 12, "sku": sum % 40, "by": self.number }]);
                self.write(world, at, || Operation::Put { rows_tree: wishes, rows: document(row.clone()) });
            }
        }
    }

    fn read(&mut self, world: &mut World, at: usize, query: Query) {
        let rows = world.read(at, self.frame, &query).expect("rows");
        self.seen.push(json!(rows));
    }

    fn write(&mut self, world: &mut World, at: usize, operation: impl Fn() -> Operation) {
        world.write(at, self.frame, operation).expect("a write");
    }
}

/// The numbers of transactions as they were committed.
fn order(world: &World, done: TreeId) -> Vec<u64> {
    let number = |key: &[u8]| match decode(&key[1..])?.pop()? {
        Part::Number(number) => Some(number as u64),
        _ => None,
    };
    let entries = world.log.values().flat_map(|record| &record.entries);
    entries.filter(|entry| entry.key[0] == done.0).filter_map(|entry| number(&entry.key)).collect()
}

#[test]
fn what_three_tabs_commit_could_have_been_done_one_after_another() {
    let (mut conflicts, mut uniques) = (0, 0);
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut world = World::new();
        for _ in 0..3 {
            world.open(collections(), &[]);
        }
        world.settle();
        let mut next = 1000 * seed + 1;
        let mut running: [Option<Running>; 3] = [None, None, None];
        for round in 0.. {
            let at = random.below(3) as usize;
            let may_begin = next < 1000 * seed + 40;
            if !may_begin && running.iter().all(Option::is_none) {
                break;
            }
            assert!(round < 100_000, "the transactions do not end");
            match &mut running[at] {
                None if may_begin => {
                    running[at] = Some(Running::begin(&mut world, at, next));
                    next += 1;
                }
                Some(run) if run.ticket.is_none() && run.steps_left > 0 && random.below(3) == 0 => {
                    run.step(&mut world, at);
                }
                Some(run) if run.ticket.is_none() && run.steps_left == 0 => {
                    let now_ms = world.now_ms;
                    run.ticket = Some(world.tab(at).client.commit_frame(run.frame, now_ms).expect("a ticket"));
                    world.take_events(at);
                }
                Some(run) => match run.ticket.and_then(|ticket| world.tab(at).told(ticket)) {
                    None => {}
                    Some(Told::Durable) => running[at] = None,
                    Some(Told::Refused(code, _)) if code == "conflict" => {
                        conflicts += 1;
                        let tries = run.tries + 1;
                        let run = Running { tries, ..Running::begin(&mut world, at, run.number) };
                        running[at] = Some(run);
                    }
                    Some(Told::Refused(code, _)) => {
                        assert_eq!(code, "unique");
                        uniques += 1;
                        running[at] = None;
                    }
                },
                None => {}
            }
            for _ in 0..random.below(4) {
                let (at, what) = (random.below(3) as usize, random.below(4));
                world.step(at, what);
            }
        }
        world.settle();
        let mut serial = World::new();
        serial.open(collections(), &[]);
        serial.settle();
        let done = world.tree(0, "done");
        let order = order(&world, done);
        assert!(order.len() > 20, "seed {seed}: {order:?}");
        for number in order {
            let mut run = Running::begin(&mut serial, 0, number);
            while run.steps_left > 0 {
                run.step(&mut serial, 0);
            }
            let now_ms = serial.now_ms;
            let ticket = serial.tab(0).client.commit_frame(run.frame, now_ms).expect("a ticket");
            serial.settle();
            assert_eq!(serial.tab(0).told(ticket), Some(Told::Durable), "seed {seed}, transaction {number}");
        }
        for name in ["done", "wishes"] {
            let wanted = serial.rows(0, name, "", json!({}));
            for at in 0..3 {
                assert_eq!(world.rows(at, name, "", json!({})), wanted, "seed {seed}: {name} in tab {at}");
            }
        }
        let cart = serial.entries(0, &[0x11], &[0x12]);
        for at in 0..3 {
            assert_eq!(world.entries(at, &[0x11], &[0x12]), cart, "seed {seed}: the cart in tab {at}");
            world.check(at);
        }
    }
    assert!(conflicts > 50 && uniques > 2, "{conflicts} conflicts, {uniques} unique");
}

#[test]
fn a_transaction_reads_its_own_writes_and_nobody_else_does_before_its_commit() {
    let mut world = World::new();
    world.open(collections(), &[]);
    world.settle();
    world.put(0, "wishes", json!([{ "id": 1, "a": 1 }]));
    world.settle();
    let frame = world.begin(0, true);
    let rows_tree = world.tree(0, "wishes");
    let put = |rows: Value| move || Operation::Put { rows_tree, rows: document(rows.clone()) };
    world.write(0, frame, put(json!([{ "id": 1, "a": 3 }, { "id": 2, "a": 2 }]))).expect("a write");
    let query = world.query(0, "wishes", "byA", json!({}));
    assert_eq!(ids(&world.read(0, frame, &query).expect("rows")), json!([2, 1]));
    assert_eq!(ids(&world.read(0, 0, &query).expect("rows")), json!([1]));
    world.tab(0).client.release(frame);
    world.settle();
    assert_eq!(ids(&world.read(0, 0, &query).expect("rows")), json!([1]), "nothing is left of it");
    assert_eq!(world.write(0, frame, put(json!([]))).err().and_then(|stop| stop.code()), Some("snapshot_gone"));
}

#[test]
fn a_range_that_gained_a_row_is_a_conflict_and_another_one_is_none() {
    for (id, is_conflict) in [(5, true), (15, false)] {
        let mut world = World::new();
        world.open(collections(), &[]);
        world.settle();
        let frame = world.begin(0, true);
        let query = world.query(0, "wishes", "", json!({ "lt": [10] }));
        assert_eq!(world.read(0, frame, &query).expect("rows").len(), 0);
        let rows_tree = world.tree(0, "done");
        let put = || Operation::Put { rows_tree, rows: document(json!([{ "id": 1 }])) };
        world.write(0, frame, put).expect("a write");
        world.put(0, "wishes", json!([{ "id": id }]));
        world.settle();
        let now_ms = world.now_ms;
        let ticket = world.tab(0).client.commit_frame(frame, now_ms).expect("a ticket");
        world.settle();
        assert_eq!(refused("conflict")(&world.tab(0).told(ticket).expect("an answer")), is_conflict);
        assert_eq!(world.rows(0, "done", "", json!({})).is_empty(), is_conflict);
    }
}
