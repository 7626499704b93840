//! Model test: a store against a `BTreeMap`, by the public interface alone.
//!
//! Commits small and large, reads, scans both ways, checkpoints, a cache of a
//! few segments, answers that come late, snapshots held over all of that, and
//! tabs that die at any moment. `PANNIER_MODEL_OPERATIONS` sets how many
//! operations run in all.

#[path = "../../src/testing.rs"]
mod testing;
mod world;

use std::thread;

use testing::Random;
use world::World;

const OPERATIONS: u64 = 2_000_000;
/// Each runs on its own thread, where there are as many, and each differently.
const SEEDS: u64 = 8;

fn operations() -> u64 {
    std::env::var("PANNIER_MODEL_OPERATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(OPERATIONS)
}

#[test]
fn a_store_behaves_as_a_map_whatever_happens() {
    let mut reached = world::Reached::default();
    let halves = [0, 1].map(|half| {
        thread::spawn(move || {
            let mut reached = world::Reached::default();
            for seed in (half..SEEDS).step_by(2) {
                reached += run(seed, operations() / SEEDS);
            }
            reached
        })
    });
    for half in halves {
        reached += half.join().expect("the reason is above");
    }
    println!("{reached:?}");
    // A test that no longer goes there tests nothing.
    let world::Reached { checkpoints, reopened, faults, snapshots_read, lost_answers } = reached;
    for count in [checkpoints, reopened, faults, snapshots_read, lost_answers] {
        assert!(count > operations() / 50_000);
    }
}

fn run(seed: u64, operations: u64) -> world::Reached {
    let mut random = Random(seed);
    // Few keys meet the same leaf again and again, many make a deep tree.
    let keys = [60, 800, 6_000][seed as usize % 3];
    let mut world = World::new(seed, keys);
    while world.operations < operations {
        match random.below(1000) {
            0..250 => world.commit(&mut random),
            250..255 => world.bulk_commit(&mut random),
            255..590 => world.get(&mut random),
            590..600 => world.count(&mut random),
            600..660 => world.scan(&mut random),
            660..900 => world.carry(&mut random),
            900..960 => world.settle(),
            960..965 => world.checkpoint(),
            965..975 => world.take_snapshot(),
            975..995 => world.read_snapshot(&mut random),
            995..996 => world.check(),
            996..999 => world.clear_range(&mut random),
            _ => world.reopen(&mut random),
        }
    }
    world.settle();
    world.check();
    world.compare_all();
    world.reached
}
