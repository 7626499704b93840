//! A rebase: rows of the server come in under 10,000 pending mutations, which
//! are then executed on top of them.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use pannier::store::Options;
use pannier::store::memory::MemoryRecords;
use pannier::sync::rows::Collection;
use pannier_sim::device::Device;
use pannier_sim::server::{InProcess, Server};
use serde_json::json;

const SHOPPER: &str = "ann";
const PENDING: usize = 10_000;
/// Lines that they are about.
const LINES: usize = 200;
const NOW: u64 = 1_795_000_000_000;

fn open(number: u8, records: MemoryRecords) -> Device {
    let mut device = Device::new(number, SHOPPER, Options::default());
    device.records = records;
    device.open(0);
    device.settle();
    device
}

fn add(device: &mut Device, line: usize) {
    let id = device.new_id();
    let asked = json!({ "sku": format!("sku-{line}"), "qty": 1, "quote": { "price": 1999, "currency": "EUR" } });
    device.tab(0).mutate("cart.add", serde_json::from_value(asked).expect("a document"), id, NOW);
    device.take_events(0);
}

fn answer(device: &mut Device, server: &mut InProcess) -> Vec<u8> {
    let request = device.request(0).expect("the tab is open");
    server.post(SHOPPER, request).expect("the server is there")
}

/// The records of a device with the mutations, and the server with a change that it does not have.
fn backlog() -> (MemoryRecords, InProcess) {
    let mut server = InProcess::default();
    let mut other = open(2, MemoryRecords::default());
    add(&mut other, 0);
    other.settle();
    answer(&mut other, &mut server);
    let mut device = open(1, MemoryRecords::default());
    for number in 0..PENDING {
        add(&mut device, number % LINES);
        if number % 100 == 0 {
            device.settle();
        }
    }
    device.settle();
    (device.records, server)
}

pub fn measure(criterion: &mut Criterion) {
    let (records, server) = backlog();
    criterion.benchmark_group("rebase").bench_function(BenchmarkId::new("pannier", PENDING), |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let (mut device, mut server) = (open(1, records.clone()), server.clone());
                let answer = answer(&mut device, &mut server);
                let start = Instant::now();
                device.answer(0, &answer, NOW);
                device.settle();
                spent += start.elapsed();
                let cart = device.view(0, Collection::Cart);
                let pieces: u64 = cart.iter().filter_map(|(_, line)| line.as_ref().u64("qty")).sum();
                assert_eq!(pieces, PENDING as u64 + 1);
            }
            spent
        });
    });
}
