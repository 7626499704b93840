//! What the server counts, in the text format of Prometheus.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// One label each.
type By = Family<[(&'static str, String); 1], Counter>;

/// Bounds in seconds: around the time of one flush to the disk, where answers ought to be.
const SECONDS: [f64; 12] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Bounds of the requests in one transaction.
const JOBS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Everything that is counted. No label tells of a shopper.
pub struct Metrics {
    registry: Registry,
    requests: Family<[(&'static str, String); 2], Counter>,
    request_seconds: Family<[(&'static str, String); 1], Histogram>,
    hook_calls: By,
    limited: By,
    mutations: By,
    pruned: By,
    /// Connections that are open.
    pub connections: Gauge,
    /// Streams of pokes that are open.
    pub streams: Gauge,
    commit_jobs: Histogram,
    commit_seconds: Histogram,
    /// Transactions that failed.
    pub commits_failed: Counter<u64, AtomicU64>,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("pannierd"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            hook_calls: Family::default(),
            limited: Family::default(),
            mutations: Family::default(),
            pruned: Family::default(),
            connections: Gauge::default(),
            streams: Gauge::default(),
            commit_jobs: Histogram::new(JOBS),
            commit_seconds: Histogram::new(SECONDS),
            commits_failed: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("request_seconds", "Time until the head of the answer", metrics.request_seconds.clone());
        registry.register("hook_calls", "Calls of the hook, by what came of them", metrics.hook_calls.clone());
        registry.register("limited", "Requests refused, by limit", metrics.limited.clone());
        registry.register("mutations", "Mutations executed, by what became of them", metrics.mutations.clone());
        registry.register("pruned", "Rows dropped because nobody can need them, by kind", metrics.pruned.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register("streams", "Open streams of pokes", metrics.streams.clone());
        registry.register("commit_jobs", "Requests in a transaction", metrics.commit_jobs.clone());
        registry.register("commit_seconds", "Time of a transaction with its flush", metrics.commit_seconds.clone());
        registry.register("commits_failed", "Transactions that failed", metrics.commits_failed.clone());
        metrics
    }

    /// Counts an answered request of a route.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&[("route", route.to_owned())]).observe(took.as_secs_f64());
    }

    /// Counts a call of the hook.
    pub fn hook_call(&self, result: &str) {
        self.hook_calls.get_or_create(&[("result", result.to_owned())]).inc();
    }

    /// Counts a request that met a limit.
    pub fn limited(&self, limit: &str) {
        self.limited.get_or_create(&[("limit", limit.to_owned())]).inc();
    }

    /// Counts a mutation.
    pub fn mutation(&self, status: &str) {
        self.mutations.get_or_create(&[("status", status.to_owned())]).inc();
    }

    /// Counts rows that were dropped.
    pub fn pruned(&self, kind: &str, rows: usize) {
        self.pruned.get_or_create(&[("kind", kind.to_owned())]).inc_by(rows as u64);
    }

    /// Counts a transaction.
    pub fn commit(&self, jobs: usize, took: Duration) {
        self.commit_jobs.observe(jobs as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // It fails only when writing does, and writing to memory does not.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
