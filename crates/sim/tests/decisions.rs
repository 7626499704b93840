//! What the built-in decisions say of coupons and prices, and that nobody reads what the server keeps for itself.

use pannier::format::document::Document;
use pannier::shop::decide::{DECIDED_BYTES_MAX, Decision, Decisions, ServerRules, is_decided};
use pannier::shop::stock::{CatalogDecisions, PRICE_GRACE_MS, PRICE_GRACE_MS_MAX, put_coupon};
use pannier::stop::{Stop, Why};
use pannier::sync::mutation::{Context, Id, Mutation, Outcome};
use pannier::sync::rows::Collection;
use pannier::sync::server::{Limits, SHARED, ServeError, ServerTx};
use pannier::sync::wire::{self, PROTOCOL, SCHEMA, ScopeRequest, SyncRequest};
use pannier_sim::memory_server::MemoryServer;
use serde_json::{Value as Json, json};

const NOW: u64 = 1_795_000_000_000;

fn document(value: Json) -> Document {
    serde_json::from_value(value).expect("a document")
}

/// A shopper's client and the server.
struct World {
    server: MemoryServer,
    now_ms: u64,
    seq: u64,
}

impl World {
    fn new() -> Self {
        Self { server: MemoryServer::new(7), now_ms: NOW, seq: 0 }
    }

    fn ask(&mut self, decisions: &dyn Decisions, name: &str, args: Json) -> Result<Outcome, ServeError> {
        let id = Id([self.seq as u8 + 1; 16]);
        let mutation = Mutation::new(self.seq + 1, id, name, 1, document(args), 0);
        let request = SyncRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            epoch: None,
            client: Id([1; 16]),
            ack_to: 0,
            forget_before: 0,
            first_seq: 1,
            scopes: Vec::new(),
            mutations: vec![mutation],
        };
        let rules = ServerRules { decisions, is_secret: &|_, _| false };
        let served = self.server.serve(&rules, "ann", &request, self.now_ms, &Limits::default())?;
        self.seq += 1;
        Ok(served.outcomes.into_iter().next().expect("an outcome"))
    }

    /// Status, code and detail, by the built-in decisions.
    fn told(&mut self, name: &str, args: Json) -> Json {
        let outcome = self.ask(&CatalogDecisions::default(), name, args).expect("served");
        json!([outcome.status.name(), outcome.code, serde_json::to_value(&outcome.detail).expect("JSON")])
    }

    fn cart(&self) -> Json {
        self.server.rows("ann", Collection::Cart).into_iter().map(|(key, row)| (key, json!(row))).collect()
    }
}

#[test]
fn a_coupon_holds_as_the_shop_says_and_until_its_end() {
    let mut world = World::new();
    let (ten, none) = (json!({"percent": 10, "until": NOW + 1000}), json!({"code": "NONE"}));
    put_coupon(&mut world.server, "TEN", Some(&document(ten.clone()))).expect("memory");
    let code = |code: &str| json!({"code": code});
    let unknown = json!(["rejected", "unknown_coupon", {"coupon": "NONE"}]);
    assert_eq!(world.told("cart.coupon", none), unknown);
    assert_eq!(world.cart(), json!({}));
    let applied = json!(["applied", null, {"coupon": "TEN"}]);
    assert_eq!(world.told("cart.coupon", code("TEN")), applied);
    assert_eq!(world.cart(), json!({"&TEN": {"coupon": "TEN", "terms": ten}}));
    assert_eq!(world.told("cart.coupon", json!({"code": "TEN", "remove": true})), applied);
    assert_eq!(world.cart(), json!({}));
    world.now_ms = NOW + 1000;
    let expired = json!(["rejected", "coupon_expired", {"coupon": "TEN", "until": NOW + 1000}]);
    assert_eq!(world.told("cart.coupon", code("TEN")), expired);
    put_coupon(&mut world.server, "TEN", None).expect("memory");
    assert_eq!(world.told("cart.coupon", code("TEN"))[1], "unknown_coupon");
}

#[test]
fn a_replaced_price_holds_for_its_grace_and_no_longer() {
    let prices = |world: &mut World, price: u64| {
        world.server.put_product_at("X", &document(json!({"id": "X", "price": price})), world.now_ms);
    };
    let order =
        |id: &str, price: u64| json!({"orderId": id, "attempt": 1, "lines": [{"sku": "X", "qty": 1, "price": price}]});
    for (later_ms, code) in [(0, "created"), (PRICE_GRACE_MS - 1, "created"), (PRICE_GRACE_MS, "price_changed")] {
        let mut world = World::new();
        prices(&mut world, 900);
        world.now_ms += 10 * PRICE_GRACE_MS_MAX;
        prices(&mut world, 1000);
        world.now_ms += later_ms;
        assert_eq!(world.told("order.submit", order("o1", 900))[1], code, "{later_ms} ms after");
        assert_eq!(world.told("order.submit", order("o2", 1000))[1], "created");
    }
    let mut world = World::new();
    for price in 1..=20 {
        prices(&mut world, price);
    }
    assert_eq!(world.told("order.submit", order("o1", 19))[1], "created");
    assert_eq!(world.told("order.submit", order("o2", 1))[1], "price_changed", "only the last ones are kept");
}

/// A shop that says always the same.
struct Says(Decision);

impl Decisions for Says {
    fn coupon(
        &self,
        _: pannier::format::document::DocumentRef<'_>,
        _: &Context,
        _: &mut dyn pannier::sync::rows::Rows,
    ) -> Result<Decision, Stop> {
        Ok(self.0.clone())
    }

    fn submit(
        &self,
        args: pannier::format::document::DocumentRef<'_>,
        context: &Context,
        rows: &mut dyn pannier::sync::rows::Rows,
    ) -> Result<Decision, Stop> {
        self.coupon(args, context, rows)
    }

    fn cancel(
        &self,
        args: pannier::format::document::DocumentRef<'_>,
        _: &Document,
        context: &Context,
        rows: &mut dyn pannier::sync::rows::Rows,
    ) -> Result<Decision, Stop> {
        self.coupon(args, context, rows)
    }

    fn row(
        &self,
        args: pannier::format::document::DocumentRef<'_>,
        context: &Context,
        rows: &mut dyn pannier::sync::rows::Rows,
    ) -> Result<Decision, Stop> {
        self.coupon(args, context, rows)
    }
}

#[test]
fn a_shop_decides_in_its_own_words_and_within_bounds() {
    let mut world = World::new();
    let submit = || json!({"orderId": "o1", "attempt": 1, "lines": [{"sku": "X", "qty": 1, "price": 5}]});
    let no = Says(Decision::refused("too far away", &document(json!({"km": 9}))));
    let outcome = world.ask(&no, "order.submit", submit()).expect("served");
    let detail = json!({"orderId": "o1", "attempt": 1, "km": 9, "why": "too far away"});
    assert_eq!((outcome.code.as_deref(), json!(outcome.detail)), (Some("refused"), detail));
    let known = Decision::refused("out_of_stock", &Document::default());
    assert_eq!(known, Decision::Refused { code: "out_of_stock", detail: Document::default() });
    // Said once, it stays said.
    let yes = Says(Decision::Accepted(document(json!({"number": 17}))));
    assert_eq!(world.ask(&yes, "order.submit", submit()).expect("served").code.as_deref(), Some("refused"));
    let mut second = submit();
    second["attempt"] = json!(2);
    assert_eq!(world.ask(&yes, "order.submit", second).expect("served").code.as_deref(), Some("created"));
    let order = &world.server.rows("ann", Collection::Orders)[0].1;
    assert_eq!(json!(order)["decided"], json!({"number": 17}));
    let nested = (0..64).fold(json!(1), |inner, _| json!([inner]));
    for bad in [json!([1]), json!({"long": "x".repeat(DECIDED_BYTES_MAX)}), json!({"deep": nested})] {
        let Ok(bad) = serde_json::from_value(bad) else { continue };
        let failed = world.ask(&Says(Decision::Accepted(bad)), "cart.coupon", json!({"code": "A"}));
        assert!(matches!(&failed, Err(ServeError::Rows(stop)) if matches!(stop.why(), Why::Backend(_))), "{failed:?}");
    }
    assert_eq!(
        ["cart.coupon", "order.submit", "order.cancel", "cart.add", "cart.claim"]
            .map(|name| is_decided(name, Document::default().as_ref())),
        [true, true, true, false, false]
    );
}

#[test]
fn a_shop_decides_about_rows_of_the_collections_that_are_its_to_decide() {
    let mut world = World::new();
    let args = |collection: &str| json!({"collection": collection, "key": "k", "row": {"id": "k", "price": 1}});
    let nobody = world.told("row.put", args("server-decides:offers"));
    assert_eq!((&nobody[1], &nobody[2]), (&json!("refused"), &json!({"why": "nobody decides"})));
    let says = |decision: Json| Says(Decision::Accepted(serde_json::from_value(decision).unwrap()));
    world.ask(&says(json!({"price": 9})), "row.put", args("server-decides:offers")).unwrap();
    let row = |world: &World, name: &str| {
        let collection = pannier::sync::rows::Collection::from_name(name).unwrap();
        world.server.rows("ann", collection).first().map(|(_, row)| json!(row))
    };
    assert_eq!(row(&world, "server-decides:offers"), Some(json!({"id": "k", "price": 9})));
    let refuses = Says(Decision::Refused { code: "refused", detail: Document::default() });
    let gone = json!({"collection": "server-decides:offers", "key": "k"});
    world.ask(&refuses, "row.delete", gone.clone()).unwrap();
    assert!(row(&world, "server-decides:offers").is_some());
    world.ask(&says(json!({})), "row.delete", gone).unwrap();
    assert_eq!(row(&world, "server-decides:offers"), None);
    // The others ask nobody.
    world.ask(&refuses, "row.put", args("last-writer:drafts")).unwrap();
    assert_eq!(row(&world, "last-writer:drafts"), Some(json!({"id": "k", "price": 1})));
}

#[test]
fn what_the_server_keeps_for_itself_is_on_no_wire() {
    let mut world = World::new();
    put_coupon(&mut world.server, "TEN", Some(&Document::default())).expect("memory");
    assert_eq!(ServerTx::count(&mut world.server, SHARED, Collection::Private), Ok(1));
    let request = |scopes: Json| json!({"protocol": 1, "schema": 1, "client": "00".repeat(16), "scopes": scopes});
    let read = |scopes: Json| serde_json::from_value::<SyncRequest>(request(scopes));
    let named = read(json!([{"name": "orders"}])).expect("a request");
    for name in ["private", "Private", "shop"] {
        assert!(read(json!([{"name": name}])).is_err(), "{name}");
    }
    // In postcard a scope is a number: none stands for it.
    let mut bytes = wire::encode_request(&named);
    let place = bytes.iter().rposition(|byte| *byte == 3).expect("the scope's number");
    assert_eq!(
        wire::decode_request(&bytes).expect("ours").scopes,
        [ScopeRequest { name: Collection::Orders, cookie: None }]
    );
    for number in 4..=127 {
        bytes[place] = number;
        assert!(wire::decode_request(&bytes).is_err(), "{number}");
    }
}
