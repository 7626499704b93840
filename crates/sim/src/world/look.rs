//! What must hold on the server. The numbers are those of the invariants in the sync's design.

use super::{Numbers, World};
use crate::inspect::RowMap;
use crate::plain::{Asked, Plain, PlainLine, PlainOrder, PlainProduct};
use crate::server::{Executed, NEWER};
use crate::tab::scopes;
use pannier::format::document::{Document, DocumentRef};
use pannier::sync::mutation::{Id, UNKNOWN_MUTATION};
use pannier::sync::rows::Collection;
use pannier::sync::server::ServerTx;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A scope at one moment: its revision and its rows.
pub(super) type Moment = (u64, Rc<RowMap>);

/// What a shopper has on the server at one moment.
pub(super) struct Snapshot {
    pub(super) shopper: String,
    pub(super) epoch: u64,
    pub(super) scopes: BTreeMap<Collection, Moment>,
    pub(super) last_seqs: Rc<BTreeMap<Id, u64>>,
}

/// The last moment of each scope, by its shopper.
pub(super) type Latest = BTreeMap<(String, Collection), (u64, Moment)>;

impl World {
    /// After every request: what each shopper has on the server is what the log
    /// comes to, done one after the other, and each outcome is the plain one's
    /// (1, 5, 8); the numbers of each client have no gap (2).
    pub(super) fn look(&mut self) {
        while let Some(executed) = self.server.log.get(self.compared).cloned() {
            self.compared += 1;
            self.look_at(&executed);
        }
        let last_seqs = self.server.last_seqs().clone();
        for (client, last_seq) in &last_seqs {
            let known = self.server.database.client(*client).expect("memory does not fail");
            assert_eq!(known.map_or(0, |known| known.last_seq), *last_seq, "told and stored numbers differ");
            let executed = self.numbers.get(client).map_or(0, |numbers| numbers.last + 1 - numbers.first);
            let kept = self.server.database.outcomes_kept(*client) as u64;
            assert!(kept == executed || self.was_away && kept < executed, "an outcome is missing");
        }
        let epoch = self.server.database.epoch().expect("memory does not fail");
        let last_seqs = Rc::new(last_seqs);
        self.look_at_products();
        for shopper in self.plain.shoppers.keys() {
            let mut scopes_now = BTreeMap::new();
            for scope in scopes() {
                let owner = pannier::sync::server::owner(shopper, scope);
                let rev = self.server.database.rev(owner, scope).expect("memory does not fail");
                let place = (shopper.clone(), scope);
                let known = self.latest.get(&place).filter(|(of, (at, _))| (*of, *at) == (epoch, rev));
                let moment = known.map_or_else(
                    || (rev, Rc::new(self.server.database.rows(shopper, scope).into_iter().collect())),
                    |(_, moment)| moment.clone(),
                );
                self.latest.insert(place, (epoch, moment.clone()));
                scopes_now.insert(scope, moment);
            }
            let has = has(&scopes_now);
            assert_eq!(has, Has::from(&self.plain.shoppers[shopper]), "{shopper} has not what the log comes to");
            let (shopper, last_seqs) = (shopper.clone(), last_seqs.clone());
            self.snapshots.push(Snapshot { shopper, epoch, scopes: scopes_now, last_seqs });
        }
    }

    /// One mutation that was executed, after those before it.
    fn look_at(&mut self, executed: &Executed) {
        let (client, mutation, outcome) = (executed.client, &executed.mutation, &executed.outcome);
        let before = self.numbers.get(&client).copied();
        let first = before.map_or(mutation.seq, |before| before.first);
        assert!(before.is_none_or(|before| before.last + 1 == mutation.seq), "the numbers have a gap");
        self.numbers.insert(client, Numbers { first, last: mutation.seq });
        let asked = self.submitted.get(&mutation.id).expect("what nobody asked for was executed");
        assert_eq!(asked.shopper, executed.shopper, "it was executed for another shopper: {mutation:?}");
        if executed.again {
            return;
        }
        if !self.outcomes.contains_key(&mutation.id) {
            let before = self.met.insert(asked.at, mutation.id);
            assert!(before.is_none_or(|before| is_before(before, mutation.id)), "an edit has overtaken another");
        }
        let args = serde_json::to_value(&mutation.args).expect("JSON");
        let asked = Asked {
            shopper: &executed.shopper,
            name: &mutation.name,
            args: &args,
            tag: tag(mutation.id),
            is_over: mutation.valid_for == Some(0),
            now_ms: self.server.clock_ms,
        };
        let came = match (asked.name, self.server.is_newer) {
            (NEWER, true) => self.plain.wave(asked.shopper, &args),
            (NEWER, false) => ("rejected", Some(UNKNOWN_MUTATION)),
            _ => self.plain.apply(&asked),
        };
        // Those of a cart that was claimed are refused before anybody looks at their name.
        let is_claimed = outcome.code.as_deref() == Some("claimed") && asked.name == NEWER;
        assert!(
            is_claimed || (outcome.status.name(), outcome.code.as_deref()) == came,
            "{outcome:?} of {mutation:?} is not {came:?}"
        );
        self.outcomes.entry(mutation.id).or_default().push(outcome.clone());
    }

    fn look_at_products(&mut self) {
        let rows = self.server.database.rows("", Collection::Catalog);
        let product = |row: DocumentRef<'_>| PlainProduct {
            stock: row.u64("stock"),
            delisted: row.bool("delisted") == Some(true),
            price: row.u64("price").unwrap_or(0),
            prices_before: BTreeMap::new(),
        };
        let found: BTreeMap<_, _> = rows.iter().map(|(sku, row)| (sku, product(row.as_ref()))).collect();
        let plain = self.plain.products.iter();
        let plain: BTreeMap<_, _> =
            plain.map(|(sku, one)| (sku, PlainProduct { prices_before: BTreeMap::new(), ..one.clone() })).collect();
        assert_eq!(found, plain, "the catalog is not what the log comes to");
    }
}

/// What a row is known by that this mutation has put.
fn tag(id: Id) -> u64 {
    u64::from_le_bytes(id.0[..8].try_into().expect("8 bytes")) % (1 << 53)
}

/// Whether the same device has made this id before the other.
fn is_before(one: Id, other: Id) -> bool {
    one.0[8..] < other.0[8..]
}

/// What a shopper has, to be compared.
#[derive(Debug, Default, PartialEq)]
struct Has {
    lines: BTreeMap<String, PlainLine>,
    coupons: BTreeMap<String, Json>,
    orders: BTreeMap<String, PlainOrder>,
    visits: BTreeMap<String, (String, u64)>,
    cuts: BTreeMap<String, u64>,
    own: BTreeMap<(String, String), Json>,
}

impl From<&Plain> for Has {
    fn from(plain: &Plain) -> Self {
        let Plain { lines, coupons, orders, visits, cuts, own } = plain.clone();
        Self { lines, coupons, orders, visits, cuts, own }
    }
}

fn json(row: &Document) -> Json {
    json!(row)
}

fn has(scopes: &BTreeMap<Collection, Moment>) -> Has {
    let mut has = Has::default();
    for (scope, (_, rows)) in scopes {
        for (key, row) in rows.iter() {
            has.take(*scope, key, row);
        }
    }
    has
}

impl Has {
    fn take(&mut self, scope: Collection, key: &str, row: &Document) {
        let (key, fields) = (key.to_owned(), row.as_ref());
        let number = |name| fields.u64(name).unwrap_or(0);
        let text = |name| fields.str(name).unwrap_or_default().to_owned();
        match scope {
            Collection::Cart if fields.get("coupon").is_some() => {
                self.coupons.insert(text("coupon"), json(row)["terms"].clone());
            }
            Collection::Cart => {
                let line = PlainLine {
                    qty: number("qty"),
                    generation: number("gen"),
                    added: number("added"),
                    deselected: fields.bool("selected") == Some(false),
                    saved: fields.bool("saved") == Some(true),
                };
                assert_eq!(line.qty == 0, fields.bool("removed") == Some(true), "{row:?} is neither there nor gone");
                self.lines.insert(key, line);
            }
            Collection::Orders => {
                let order = PlainOrder {
                    version: number("version"),
                    is_cancelled: fields.str("state") == Some("cancelled"),
                    attempt: number("attempt"),
                    lines: json(row)["lines"].clone(),
                };
                self.orders.insert(key, order);
            }
            Collection::History => match fields.u64("cut") {
                Some(cut) => drop(self.cuts.insert(text("sku"), cut)),
                None => drop(self.visits.insert(key, (text("sku"), number("at")))),
            },
            Collection::Own(own) => drop(self.own.insert((own.name().to_owned(), key), json(row))),
            Collection::Catalog | Collection::Private => {}
        }
    }
}
