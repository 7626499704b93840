//! The server's side of a sync, against a database in memory.

use pannier::format::document::{Document, Value};
use pannier::shop::{ShopRules, cart, history};
use pannier::stop::{Stop, Why};
use pannier::sync::mutation::{Context, Id, Mutation, Rules, Status, Verdict};
use pannier::sync::rows::{Collection, Rows};
use pannier::sync::server::{Limits, OUTCOME_KEPT_MS, ServeError, ServerTx};
use pannier::sync::wire::{Change, PROTOCOL, SCHEMA, ScopeRequest, SyncError, SyncRequest, SyncResponse};
use pannier_sim::memory_server::MemoryServer;

const NOW: u64 = 1_700_000_000_000;
const CLIENT: Id = Id([1; 16]);
const ANN: &str = "ann";

fn add(seq: u64, sku: &str, qty: u64) -> Mutation {
    let args = cart::add_args(sku, None, qty, None).unwrap();
    Mutation::new(seq, Id([seq as u8; 16]), cart::ADD, 1, args, NOW)
}

fn request(mutations: Vec<Mutation>) -> SyncRequest {
    SyncRequest {
        protocol: PROTOCOL,
        schema: SCHEMA,
        epoch: None,
        client: CLIENT,
        ack_to: 0,
        forget_before: 0,
        first_seq: 1,
        scopes: vec![ScopeRequest { name: Collection::Cart, cookie: None }],
        mutations,
    }
}

fn serve(server: &mut MemoryServer, request: &SyncRequest) -> Result<SyncResponse, ServeError> {
    server.serve(&ShopRules, ANN, request, NOW, &Limits::default())
}

fn ok(server: &mut MemoryServer, request: &SyncRequest) -> SyncResponse {
    serve(server, request).expect("served")
}

fn refused(error: SyncError) -> Result<SyncResponse, ServeError> {
    Err(ServeError::Refused(error))
}

fn qty(server: &MemoryServer, line: &str) -> Option<u64> {
    let rows = server.rows(ANN, Collection::Cart);
    rows.into_iter().find(|(key, _)| key == line)?.1.as_ref().u64("qty")
}

/// Rules that write a row and then find the database broken.
struct BreaksAfterWriting;

impl Rules for BreaksAfterWriting {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        let verdict = ShopRules.execute(name, v, args, context, rows)?;
        if args.as_ref().str("sku") == Some("broken") {
            return Err(Why::Backend("disk full".into()).into());
        }
        Ok(verdict)
    }
}

/// Rules that write where only the shop may.
struct WritesCatalog;

impl Rules for WritesCatalog {
    fn execute(&self, _: &str, _: u16, args: &Document, _: &Context, rows: &mut dyn Rows) -> Result<Verdict, Stop> {
        rows.put(Collection::Catalog, "A", args)?;
        Ok(Verdict { status: Status::Applied, code: None, detail: Document::default() })
    }
}

#[test]
fn effect_outcome_and_sequence_commit_together_or_not_at_all() {
    let mut server = MemoryServer::new(7);
    let failed = server.serve(
        &BreaksAfterWriting,
        ANN,
        &request(vec![add(1, "A", 1), add(2, "broken", 1)]),
        NOW,
        &Limits::default(),
    );
    assert_eq!(failed, Err(ServeError::Rows(Why::Backend("disk full".into()).into())));
    assert_eq!((qty(&server, "A"), server.outcomes_kept(CLIENT)), (None, 0));
    let response = ok(&mut server, &request(vec![add(1, "A", 1)]));
    assert_eq!((response.epoch, response.last_seq, response.outcomes[0].rev), (7, 1, 1));
    assert_eq!((qty(&server, "A"), server.outcomes_kept(CLIENT)), (Some(1), 1));
}

#[test]
fn a_resent_batch_is_applied_once_with_the_same_outcomes() {
    let mut server = MemoryServer::new(7);
    server.put_product("A", &Document::object(&[("stock", Value::Int(3))]).unwrap());
    let batch = request(vec![add(1, "A", 2), add(2, "A", 2), add(3, "A", 2)]);
    let first = ok(&mut server, &batch);
    let codes: Vec<_> = first.outcomes.iter().map(|outcome| outcome.code.as_deref()).collect();
    assert_eq!(codes, [None, Some("stock"), Some("stock")]);
    assert_eq!(ok(&mut server, &batch), first);
    assert_eq!(qty(&server, "A"), Some(3));
    // Old and new in one batch: only the new one runs.
    let longer = ok(&mut server, &request(vec![add(2, "A", 2), add(3, "A", 2), add(4, "B", 1)]));
    assert_eq!(longer.outcomes[..2], first.outcomes[1..]);
    assert_eq!((longer.last_seq, qty(&server, "B")), (4, Some(1)));
}

#[test]
fn a_batch_over_the_limit_is_applied_up_to_it_and_resumed() {
    let mut server = MemoryServer::new(7);
    let limits = Limits { mutations_per_sync: 2, ..Limits::default() };
    let batch = |from: u64| request((from..=5).map(|seq| add(seq, "A", 1)).collect());
    let mut next = 1;
    for (executed, last_seq) in [(2, 2), (2, 4), (1, 5)] {
        let response = server.serve(&ShopRules, ANN, &batch(next), NOW, &limits).expect("served");
        assert_eq!((response.outcomes.len(), response.last_seq), (executed, last_seq));
        assert_eq!(qty(&server, "A"), Some(last_seq));
        next = last_seq + 1;
    }
}

#[test]
fn a_gap_applies_nothing() {
    let mut server = MemoryServer::new(7);
    ok(&mut server, &request(vec![add(1, "A", 1)]));
    let gap = refused(SyncError::SeqGap { expected: 2 });
    assert_eq!(serve(&mut server, &request(vec![add(3, "A", 1)])), gap);
    assert_eq!(serve(&mut server, &request(vec![add(2, "A", 1), add(4, "A", 1)])), gap);
    assert_eq!(serve(&mut server, &request(vec![add(2, "A", 1), add(2, "A", 1)])), gap);
    assert_eq!(serve(&mut server, &request(vec![add(0, "A", 1)])), gap);
    assert_eq!(serve(&mut server, &request(vec![add(u64::MAX, "A", 1)])), gap);
    assert_eq!(qty(&server, "A"), Some(1));
    // A gap beyond what this request may execute counts too.
    let limits = Limits { mutations_per_sync: 1, ..Limits::default() };
    let far = request(vec![add(2, "A", 1), add(4, "A", 1)]);
    assert_eq!(server.serve(&ShopRules, ANN, &far, NOW, &limits), gap);
}

#[test]
fn poison_is_rejected_and_the_later_ones_run() {
    let mut server = MemoryServer::new(7);
    let nonsense = Mutation::new(2, Id([2; 16]), "cart.fly", 9, Document::default(), NOW);
    let bad = Mutation::new(3, Id([3; 16]), cart::ADD, 1, Document::default(), NOW);
    let response = ok(&mut server, &request(vec![add(1, "A", 1), nonsense, bad, add(4, "A", 1)]));
    let statuses: Vec<_> = response.outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses, [Status::Applied, Status::Rejected, Status::Rejected, Status::Applied]);
    assert_eq!((response.last_seq, qty(&server, "A")), (4, Some(2)));
    assert_eq!(response.outcomes[1].rev, 0);
}

#[test]
fn another_mutation_under_a_used_number_is_a_mismatch() {
    let mut server = MemoryServer::new(7);
    ok(&mut server, &request(vec![add(1, "A", 1)]));
    let mismatch = refused(SyncError::OpMismatch { seq: 1 });
    let other_args = Mutation { id: Id([1; 16]), ..add(1, "A", 2) };
    let other_id = Mutation { id: Id([9; 16]), ..add(1, "A", 1) };
    assert_eq!(serve(&mut server, &request(vec![other_args])), mismatch);
    assert_eq!(serve(&mut server, &request(vec![other_id, add(2, "A", 1)])), mismatch);
    assert_eq!(qty(&server, "A"), Some(1));
}

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Serves a request of Ann's so many days later, whose client has acknowledged so much and has no
/// journal up to there.
fn after(
    server: &mut MemoryServer,
    days: u64,
    [ack_to, forgotten]: [u64; 2],
    mutations: Vec<Mutation>,
) -> SyncResponse {
    let request = SyncRequest { ack_to, forget_before: forgotten + 1, ..request(mutations) };
    server.serve(&ShopRules, ANN, &request, NOW + days * DAY_MS, &Limits::default()).expect("served")
}

#[test]
fn outcomes_are_kept_until_they_are_in_no_journal() {
    let mut server = MemoryServer::new(7);
    after(&mut server, 0, [0, 0], vec![add(1, "A", 1), add(2, "A", 1)]);
    assert_eq!(OUTCOME_KEPT_MS, 60 * DAY_MS);
    after(&mut server, 60, [2, 2], vec![]);
    // Acknowledged, but in the journal.
    after(&mut server, 90, [2, 0], vec![add(3, "A", 1)]);
    assert_eq!(server.outcomes_kept(CLIENT), 3);
    // What is not acknowledged is kept, whatever a client says.
    after(&mut server, 90, [1, 9], vec![]);
    assert_eq!(server.outcomes_kept(CLIENT), 2);
    after(&mut server, 90, [3, 3], vec![]);
    assert_eq!(server.outcomes_kept(CLIENT), 1);
    // What cannot be compared any more counts as another mutation.
    assert_eq!(serve(&mut server, &request(vec![add(1, "A", 1)])), refused(SyncError::OpMismatch { seq: 1 }));
}

#[test]
fn an_outcome_that_is_told_late_is_kept_from_then_on() {
    let mut server = MemoryServer::new(7);
    after(&mut server, 0, [0, 0], vec![add(1, "A", 1)]);
    // The answer was lost, and the device away; a copy of its profile may have the same.
    after(&mut server, 59, [0, 0], vec![add(1, "A", 1)]);
    after(&mut server, 119, [1, 1], vec![]);
    assert_eq!(server.outcomes_kept(CLIENT), 1);
    after(&mut server, 120, [1, 1], vec![]);
    assert_eq!(server.outcomes_kept(CLIENT), 0);
}

#[test]
fn when_a_client_was_seen_is_known_to_a_day() {
    let mut server = MemoryServer::new(7);
    let seen_ms = |server: &mut MemoryServer, ms: u64, mutations| {
        let request = request(mutations);
        server.serve(&ShopRules, ANN, &request, NOW + ms, &Limits::default()).expect("served");
        server.client(CLIENT).expect("memory does not fail").expect("it is known").seen_ms - NOW
    };
    assert_eq!(seen_ms(&mut server, 0, vec![]), 0);
    assert_eq!(seen_ms(&mut server, DAY_MS - 1, vec![add(1, "A", 1)]), 0);
    assert_eq!(seen_ms(&mut server, DAY_MS, vec![]), DAY_MS);
    assert_eq!(seen_ms(&mut server, 9 * DAY_MS, vec![add(2, "A", 1)]), 9 * DAY_MS);
}

#[test]
fn only_who_cannot_come_back_is_forgotten() {
    let mut server = MemoryServer::new(7);
    let sync = |server: &mut MemoryServer, shopper: &str, client: u8, days: u64| {
        let id = Id([client; 16]);
        let mutation = Mutation { id, ..add(1, "A", 1) };
        let request = SyncRequest { client: id, ..request(vec![mutation]) };
        server.serve(&ShopRules, shopper, &request, NOW + days * DAY_MS, &Limits::default()).expect("served");
    };
    sync(&mut server, "anon-1", 1, 0);
    sync(&mut server, "anon-2", 2, 30);
    sync(&mut server, ANN, 3, 0);
    let identity_ms = 180 * DAY_MS;
    for (days, left) in [(181, [1, 1, 1]), (182, [0, 1, 1]), (1000, [0, 0, 1])] {
        server.forget_clients(identity_ms, NOW + days * DAY_MS);
        assert_eq!([1, 2, 3].map(|client| server.outcomes_kept(Id([client; 16]))), left, "{days} days");
    }
    // The mutation comes again, after three years: it is known.
    sync(&mut server, ANN, 3, 1000);
    assert_eq!(qty(&server, "A"), Some(1));
}

#[test]
fn a_client_belongs_to_one_shopper_and_starts_at_one() {
    let mut server = MemoryServer::new(7);
    let unknown = refused(SyncError::UnknownClient {});
    assert_eq!(serve(&mut server, &request(vec![add(2, "A", 1)])), unknown);
    assert_eq!(serve(&mut server, &SyncRequest { ack_to: 3, ..request(vec![]) }), unknown);
    let reader = SyncRequest { client: Id([7; 16]), ack_to: 3, first_seq: 4, ..request(vec![]) };
    ok(&mut server, &reader);
    let gap = refused(SyncError::SeqGap { expected: 4 });
    assert_eq!(serve(&mut server, &SyncRequest { ack_to: 4, ..reader }), gap, "what it acknowledged is gone");
    ok(&mut server, &request(vec![add(1, "A", 1)]));
    let other = server.serve(&ShopRules, "bob", &request(vec![add(2, "A", 1)]), NOW, &Limits::default());
    assert_eq!(other, refused(SyncError::PrincipalChanged {}));
    let reader = SyncRequest { client: Id([8; 16]), ..request(vec![]) };
    ok(&mut server, &reader);
    let other = server.serve(&ShopRules, "bob", &reader, NOW, &Limits::default());
    assert_eq!(other, refused(SyncError::PrincipalChanged {}), "a client that only pulled has its shopper too");
}

#[test]
fn epoch_and_versions_are_checked_first() {
    let mut server = MemoryServer::new(7);
    let old = SyncRequest { epoch: Some(6), ..request(vec![add(1, "A", 1)]) };
    assert_eq!(serve(&mut server, &old), refused(SyncError::EpochChanged { epoch: 7, last_seq: None }));
    let schema = refused(SyncError::Schema { min: SCHEMA, max: SCHEMA });
    assert_eq!(serve(&mut server, &SyncRequest { schema: 99, ..request(vec![]) }), schema);
    assert_eq!(serve(&mut server, &SyncRequest { protocol: 99, ..request(vec![]) }), schema);
    assert_eq!(qty(&server, "A"), None);
}

#[test]
fn a_pull_brings_what_changed_since_the_cookie() {
    let mut server = MemoryServer::new(7);
    let first = ok(&mut server, &request(vec![add(1, "A", 1), add(2, "B", 1)]));
    let scope = &first.scopes[0];
    assert_eq!((scope.cookie, scope.reset, scope.more, scope.changes.len()), (2, true, false, 2));
    let pull = |cookie| SyncRequest {
        scopes: vec![ScopeRequest { name: Collection::Cart, cookie: Some(cookie) }; 2],
        ..request(vec![add(3, "B", 1)])
    };
    let second = ok(&mut server, &pull(2));
    assert_eq!(second.scopes.len(), 1, "a scope named twice is answered once");
    assert_eq!((second.scopes[0].cookie, second.scopes[0].reset), (3, false));
    let keys: Vec<_> = second.scopes[0].changes.iter().map(Change::key).collect();
    assert_eq!(keys, ["B"]);
    let ahead = ok(&mut server, &pull(99));
    assert_eq!((ahead.scopes[0].cookie, ahead.scopes[0].reset, ahead.scopes[0].changes.len()), (3, true, 2));
}

#[test]
fn only_the_catalog_comes_in_pages() {
    let mut server = MemoryServer::new(7);
    for index in 0..5 {
        server.put_product(&format!("P{index}"), &Document::object(&[("version", Value::Int(1))]).unwrap());
    }
    ok(&mut server, &request((1..=5).map(|seq| add(seq, &format!("S{seq}"), 1)).collect()));
    let limits = Limits { changes_per_scope: 2, ..Limits::default() };
    let mut cookie = None;
    let mut pages = Vec::new();
    loop {
        let scopes = [Collection::Catalog, Collection::Cart].map(|name| ScopeRequest { name, cookie });
        let ask = SyncRequest { scopes: scopes.to_vec(), ..request(vec![]) };
        let response = server.serve(&ShopRules, ANN, &ask, NOW, &limits).expect("served");
        let [catalog, cart] = &response.scopes[..] else { panic!("two scopes") };
        assert!(!cart.more);
        pages.push((catalog.changes.len(), catalog.reset, catalog.cookie));
        cookie = Some(catalog.cookie);
        if !catalog.more {
            break;
        }
    }
    assert_eq!(pages, [(2, true, 2), (2, false, 4), (1, false, 5)]);
    let by_bytes = Limits { changes_bytes: 1, ..Limits::default() };
    let ask = SyncRequest { scopes: vec![ScopeRequest { name: Collection::Catalog, cookie: None }], ..request(vec![]) };
    let response =
        server.serve(&ShopRules, "bob", &SyncRequest { client: Id([5; 16]), ..ask }, NOW, &by_bytes).expect("served");
    assert_eq!(
        (response.scopes[0].changes.len(), response.scopes[0].more),
        (1, true),
        "every shopper sees the catalog"
    );
}

#[test]
fn mutations_never_write_the_catalog() {
    let mut server = MemoryServer::new(7);
    let failed = server.serve(&WritesCatalog, ANN, &request(vec![add(1, "A", 1)]), NOW, &Limits::default());
    assert_eq!(failed, Err(ServeError::Rows(Why::ReadOnly("catalog".into()).into())));
}

#[test]
fn a_delisted_product_is_refused_and_pulled() {
    let mut server = MemoryServer::new(7);
    let product = Document::object(&[("version", Value::Int(2)), ("delisted", Value::Bool(true))]).unwrap();
    server.put_product("A", &product);
    let ask = SyncRequest {
        scopes: vec![ScopeRequest { name: Collection::Catalog, cookie: Some(0) }],
        ..request(vec![add(1, "A", 1)])
    };
    let response = ok(&mut server, &ask);
    assert_eq!(response.outcomes[0].code.as_deref(), Some("delisted"));
    assert_eq!(response.scopes[0].changes, [Change::Put { key: "A".into(), rev: 1, value: product }]);
    assert_eq!(qty(&server, "A"), None);
}

#[test]
fn a_clock_two_years_ahead_changes_only_its_own_dates() {
    let mut server = MemoryServer::new(7);
    let future = NOW + 2 * 365 * 24 * 3600 * 1000;
    let args = history::visit_args("e1", "A", future, 1);
    let visit = Mutation::new(1, Id([1; 16]), history::VISIT, 1, args, future);
    ok(&mut server, &request(vec![visit]));
    assert_eq!(server.rows(ANN, Collection::History)[0].1.as_ref().u64("at"), Some(NOW));
}
