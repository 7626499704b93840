//! Collections with a byte budget, against a list of what was used when.

use crate::world::*;
use pannier::collection::budget::SAVE_AFTER_MS;
use pannier::collection::schema::Declared;
use pannier::format::document::DocumentRef;
use pannier::sync::client::Operation;
use serde_json::json;

const BYTES_MAX: u64 = 60_000;

fn collections() -> Vec<Declared> {
    let goods = Declared { bytes_max: Some(BYTES_MAX), ..declared("goods", vec![index("byA", &["a"], 0)]) };
    vec![goods, declared("wishes", vec![])]
}

/// What a plain list knows.
struct Model {
    world: World,
    random: Random,
    tab: usize,
    /// Ids in the order of their last use, with the bytes of their rows.
    used: Vec<(u64, u64)>,
    wishes: u64,
    evicted: usize,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.open(collections(), &[]);
        world.settle();
        Self { world, random: Random(seed), tab: 0, used: Vec::new(), wishes: 0, evicted: 0 }
    }

    fn put(&mut self, ids: &[u64]) {
        let mut rows = Vec::new();
        for id in ids {
            let text = "x".repeat(150 + self.random.below(150) as usize);
            rows.push(json!({ "id": id, "a": id % 7, "text": text }));
            self.used.retain(|(other, _)| other != id);
            self.used.push((*id, text.len() as u64 + 40));
        }
        self.world.put(self.tab, "goods", json!(rows));
    }

    /// Reads rows, and writes nothing by it.
    fn read(&mut self, from: u64, by_index: bool) {
        self.world.settle();
        let (before, log) = (self.world.records.clone(), self.world.log.len());
        let index = if by_index { "byA" } else { "" };
        let (gte, lt) = if by_index { (from % 7, from % 7 + 1) } else { (from, from + 5) };
        let asked = json!({ "gte": [gte], "lt": [lt] });
        for row in self.world.rows(self.tab, "goods", index, asked) {
            let id = row["id"].as_u64().expect("an id");
            let place = self.used.iter().position(|(other, _)| *other == id).expect("a row that is there");
            let used = self.used.remove(place);
            self.used.push(used);
        }
        self.world.settle();
        assert!(self.world.records == before && self.world.log.len() == log, "a read has written");
    }

    fn wish(&mut self) {
        self.wishes += 1;
        self.world.put(self.tab, "wishes", json!([{ "id": self.wishes, "text": "y".repeat(500) }]));
    }

    fn upkeep(&mut self) {
        self.world.settle();
        for steps in 0.. {
            if !self.world.tab(self.tab).client.is_upkeep_due() {
                break;
            }
            assert!(steps < 100, "eviction does not end");
            let before = self.size();
            self.world.now(self.tab, Operation::Upkeep);
            assert!(before - self.size() < 256 * 400, "a step is bounded");
        }
    }

    fn size(&mut self) -> u64 {
        let tree = self.world.tree(self.tab, "goods");
        self.world.bytes(self.tab, tree)
    }

    /// The budget holds, and what was used last is there.
    fn check(&mut self) {
        assert!(self.size() <= BYTES_MAX, "{} bytes", self.size());
        // Past the client: that is no use.
        let tree = self.world.tree(self.tab, "goods");
        let there = self.world.entries(self.tab, &[tree.0], &[tree.0 + 1]);
        let id = |row: &[u8]| DocumentRef::from_bytes(row).expect("a row").u64("id").expect("an id");
        let there: Vec<u64> = there.iter().map(|(_, row)| id(row)).collect();
        let mut bytes = 0;
        for (place, (id, row_bytes)) in self.used.iter().rev().enumerate() {
            bytes += row_bytes;
            // Rows are counted by their mean size, and a pass goes down to 7/8.
            if bytes > BYTES_MAX * 3 / 4 {
                break;
            }
            assert!(there.contains(id), "the row used {place} uses ago is gone");
        }
        self.evicted += self.used.len() - there.len();
        self.used.retain(|(id, _)| there.contains(id));
        assert_eq!(self.used.len(), there.len());
        self.world.check(self.tab);
        assert_eq!(self.world.rows(self.tab, "wishes", "", json!({})).len() as u64, self.wishes);
    }

    /// Another page, that knows what the last commit took along.
    fn reload(&mut self) {
        self.world.settle();
        self.world.now_ms += SAVE_AFTER_MS;
        self.wish();
        self.world.settle();
        self.world.now_ms += 1;
        self.world.tabs[self.tab] = None;
        self.tab = self.world.open(collections(), &[]);
        self.world.settle();
    }
}

#[test]
fn what_was_used_last_stays_and_the_budget_holds() {
    for seed in 1..=4 {
        let mut model = Model::new(seed);
        let mut next = 0;
        for _ in 0..60 {
            match model.random.below(8) {
                0..=2 => {
                    let count = 1 + model.random.below(60);
                    let ids: Vec<u64> = (next..next + count).collect();
                    next += count;
                    model.put(&ids);
                }
                3..=4 => {
                    let from = model.random.below(next + 1);
                    model.read(from, false);
                }
                5 => {
                    let from = model.random.below(7);
                    model.read(from, true);
                }
                6 => model.wish(),
                _ => model.reload(),
            }
            model.upkeep();
            model.check();
        }
        assert!(model.evicted > 100, "{} evicted", model.evicted);
    }
}

#[test]
fn tabs_that_evict_at_once_and_die_leave_true_sizes_and_snapshots_read_on() {
    for calls in 1..=12 {
        let mut model = Model::new(calls);
        let ids: Vec<u64> = (0..400).collect();
        model.put(&ids);
        model.wish();
        model.world.settle();
        let frame = model.world.begin(0, false);
        let all = model.world.query(0, "goods", "", json!({}));
        let other = model.world.open(collections(), &[]);
        model.world.settle();
        (model.world.mortal, model.world.calls_left) = (Some(other), calls as usize);
        for _ in 0..10 {
            for tab in [0, other] {
                if model.world.tabs[tab].is_some() {
                    model.world.submit(tab, Operation::Upkeep);
                }
            }
            model.world.settle();
        }
        model.upkeep();
        let held = model.world.read(0, frame, &all).expect("what it holds");
        assert_eq!(held.len(), 400);
        assert!(model.size() <= BYTES_MAX && model.size() > BYTES_MAX / 2, "{} bytes", model.size());
        model.world.check(0);
        assert_eq!(model.world.rows(0, "wishes", "", json!({})).len(), 1);
    }
}

#[test]
fn rows_too_large_for_the_budget_go_and_the_use_log_stays_short() {
    let mut model = Model::new(1);
    let text = "x".repeat(BYTES_MAX as usize);
    model.world.put(0, "goods", json!([{ "id": 1, "text": text }]));
    model.upkeep();
    assert_eq!(model.size(), 0);
    // Many small ones, and then three that are too much alone.
    let small: Vec<_> = (10..900).map(|id| json!({ "id": id, "a": 1 })).collect();
    model.world.put(0, "goods", json!(small));
    for id in 2..5 {
        let text = "x".repeat(BYTES_MAX as usize * 2 / 5);
        model.world.put(0, "goods", json!([{ "id": id, "text": text }]));
    }
    model.upkeep();
    let left = model.world.rows(0, "goods", "", json!({ "lt": [10] }));
    assert_eq!(ids(&left), json!([3, 4]));
    model.world.check(0);
    let goods = model.world.tree(0, "goods");
    model.world.now(0, Operation::DeleteRange { rows_tree: goods, asked: document(json!({})) });
    let ids: Vec<u64> = (0..100).collect();
    model.put(&ids);
    for round in 0..200 {
        model.read(round % 100, false);
        model.world.now_ms += SAVE_AFTER_MS;
        model.wish();
        model.upkeep();
    }
    let tree = model.world.tree(0, "goods").0;
    let chunks = model.world.entries(0, &[1, 0, tree], &[1, 0, tree + 1]);
    let bytes: usize = chunks.iter().map(|(_, chunk)| chunk.len()).sum();
    // Joined one time in 64 on average, at times that are a hash's to choose.
    assert!(chunks.len() <= 200 && bytes <= 4 * (100 + 200 * 5), "{} chunks, {bytes} bytes", chunks.len());
    model.check();
}
