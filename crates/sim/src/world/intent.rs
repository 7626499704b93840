//! What shoppers do, and what their pages ask for then.

use super::event::{At, COUPONS, PRICE_MAX};
use super::{Submitted, World};
use crate::rng::Rng;
use crate::server::{NEWER, Server};
use crate::tab::OWN;
use pannier::format::document::Document;
use pannier::shop::{cart, claim, coupon, history, order, own};
use pannier::sync::mutation::{ERASE, Id};
use pannier::sync::rows::Collection;
use pannier::sync::wire::JOURNAL_BYTES_MAX;
use serde_json::{Value as Json, json};

/// More than half of what a line may hold.
const MANY: u32 = 6000;

/// Orders that shoppers' pages have made ids for.
const ORDERS: usize = 5;

/// Milliseconds for which an order that is urgent stands.
const URGENT_MS: u64 = 600_000;

/// How often a shopper does at once what is too much to park where a server does not know it: one
/// of them waits.
const WAVES: u64 = 2 + JOURNAL_BYTES_MAX / NOTE_BYTES as u64;

/// What each of them says. A request holds one of them.
const NOTE_BYTES: usize = 250_000;

/// A line that no cart has.
const NO_LINE: &str = "none";

/// What becomes of a line that both carts of a claim have.
const POLICIES: [&str; 5] = ["max", "add", "guest", "user", "ask"];

/// What a shopper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Adds pieces.
    Add(u32),
    /// Changes the quantity.
    Adjust(i32),
    /// Sets the quantity.
    SetQty(u8),
    /// Removes the line.
    Remove,
    /// Removes all lines.
    Clear,
    /// Selects the line, or not.
    Select(bool),
    /// Puts the line aside for later, or back.
    Save(bool),
    /// Redeems a coupon.
    Redeem(u8),
    /// Tries all coupons that there are.
    RedeemAll,
    /// Takes a coupon back.
    TakeBack(u8),
    /// Takes over the cart that the device of an anonymous shopper shows, by a policy; with the
    /// right secret or a wrong one.
    Claim(usize, u8, bool),
    /// Orders this product, or two, at the shop's price or at this one.
    Submit {
        /// Which order.
        order: u8,
        /// Which confirmation of it.
        attempt: u8,
        /// How much of each.
        qty: u8,
        /// What the shopper has confirmed to pay for the product.
        price: Option<u8>,
        /// Whether it stands only for a while.
        is_urgent: bool,
    },
    /// Cancels an order of this version.
    Cancel(u8, u8),
    /// Looks at the product; visits of one number are one event.
    Visit(Option<u8>),
    /// Deletes the visits of the product, or all.
    Forget(bool),
    /// Writes a row of one of the shop's own collections.
    Put(u8),
    /// Deletes such a row.
    Delete(u8),
    /// Adds to one that counts.
    Count(i8),
    /// Does what older servers do not know.
    Wave,
    /// Does it more than may be parked, and syncs, if online.
    WaveMuch,
    /// Wants to be forgotten everywhere.
    Erase,
    /// Leaves nothing on the device.
    SignOut,
}

impl Intent {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let small = 1 + rng.below(4) as u8;
        match rng.below(1000) {
            0..190 => Self::Add(if rng.chance(6) { MANY } else { u32::from(small) }),
            190..280 => Self::Adjust(i32::from(small) - 3),
            280..350 => Self::SetQty(small - 1),
            350..390 => Self::Remove,
            390..410 => Self::Clear,
            410..440 => Self::Select(small > 2),
            440..470 => Self::Save(small > 2),
            470..475 => Self::RedeemAll,
            475..590 => Self::Redeem(rng.below(COUPONS + 1) as u8),
            590..600 => Self::TakeBack(rng.below(COUPONS) as u8),
            600..625 => Self::Claim(rng.below(3), rng.below(POLICIES.len()) as u8, rng.chance(80)),
            625..700 => Self::Submit {
                order: rng.below(ORDERS) as u8,
                attempt: 1 + rng.below(3) as u8,
                qty: small,
                price: rng.chance(25).then(|| 1 + rng.below(PRICE_MAX.into()) as u8),
                is_urgent: rng.chance(30),
            },
            700..730 => Self::Cancel(rng.below(ORDERS) as u8, 1 + rng.below(2) as u8),
            730..800 => Self::Visit((small == 1).then(|| rng.below(3) as u8)),
            800..820 => Self::Forget(small == 1),
            820..890 => Self::Put(rng.below(OWN.len()) as u8),
            890..930 => Self::Delete(rng.below(OWN.len()) as u8),
            930..970 => Self::Count(small as i8 - 2),
            970..993 => Self::Wave,
            993..994 => Self::WaveMuch,
            994..996 => Self::Erase,
            _ => Self::SignOut,
        }
    }
}

impl Intent {
    /// What is plainer than this, and may do as well.
    pub(super) fn plainer(self) -> Vec<Self> {
        match self {
            Self::Add(qty) if qty > 1 => vec![Self::Add(1), Self::Add(qty / 2)],
            Self::RedeemAll => vec![Self::Redeem(0)],
            Self::WaveMuch => vec![Self::Wave],
            Self::Submit { order, attempt, qty, price, is_urgent } => {
                let plainer = [
                    Self::Submit { order: 0, attempt, qty, price, is_urgent },
                    Self::Submit { order, attempt: 1, qty, price, is_urgent },
                    Self::Submit { order, attempt, qty: 1, price, is_urgent },
                    Self::Submit { order, attempt, qty, price: None, is_urgent },
                    Self::Submit { order, attempt, qty, price, is_urgent: false },
                ];
                plainer.into_iter().filter(|plainer| *plainer != self).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl World {
    /// A shopper does something.
    pub(super) fn edit(&mut self, at: At, sku: usize, intent: Intent) {
        match intent {
            Intent::RedeemAll => (0..=COUPONS).for_each(|which| self.edit_once(at, sku, Intent::Redeem(which as u8))),
            Intent::WaveMuch => {
                (0..WAVES).for_each(|_| self.edit_once(at, sku, intent));
                // It takes many exchanges: among faults few worlds come so far.
                self.sync_online(at);
            }
            _ => self.edit_once(at, sku, intent),
        }
    }

    fn edit_once(&mut self, at: At, sku: usize, intent: Intent) {
        if !self.is_open(at) {
            return;
        }
        let now_ms = self.device_ms(at.device);
        let id = self.devices[at.device].new_id();
        let Some((name, asked)) = self.asked(at, sku, intent, id, now_ms) else { return };
        let asked: Document = serde_json::from_value(asked).expect("a document");
        let device = &mut self.devices[at.device];
        device.tab(at.tab).mutate(name, asked, id, now_ms);
        device.take_events(at.tab);
        if intent != Intent::SignOut {
            self.submitted.insert(id, Submitted { shopper: device.shopper.clone(), at });
            self.large += usize::from(intent == Intent::WaveMuch);
        }
        self.hear(at.device);
    }

    /// What the page asks for.
    fn asked(&mut self, at: At, sku: usize, intent: Intent, id: Id, now_ms: u64) -> Option<(&'static str, Json)> {
        let line = &self.skus[sku];
        Some(match intent {
            Intent::Add(qty) => (cart::ADD, json!({ "sku": line, "qty": qty })),
            Intent::Adjust(by) => (cart::ADJUST, json!({ "line": line, "by": by })),
            Intent::SetQty(to) => (cart::SET_QTY, json!({ "line": line, "to": to })),
            Intent::Remove => (cart::REMOVE, json!({ "line": line })),
            Intent::Clear => (cart::CLEAR, json!({})),
            Intent::Select(selected) => (cart::SELECT, json!({ "line": line, "selected": selected })),
            Intent::Save(saved) => (cart::SAVE_FOR_LATER, json!({ "line": line, "saved": saved })),
            Intent::RedeemAll => unreachable!("it is done one by one"),
            Intent::Redeem(which) => (coupon::COUPON, json!({ "code": coupon_code(which.into()) })),
            Intent::TakeBack(which) => (coupon::COUPON, json!({ "code": coupon_code(which.into()), "remove": true })),
            Intent::Claim(from, policy, is_right) => return self.claim(at, from, policy, is_right),
            Intent::Submit { order, attempt, qty, price, is_urgent } => {
                // Every other order is of two products, the second at the shop's price.
                let next = &self.skus[(sku + 1) % self.skus.len()];
                let item = |sku: &String, price: Option<u8>| {
                    let current = || self.plain.products.get(sku).map_or(1, |product| product.price);
                    json!({ "sku": sku, "qty": qty, "price": price.map_or_else(current, u64::from), "line": sku })
                };
                let mut lines = vec![item(line, price)];
                lines.extend((order % 2 == 1).then(|| item(next, None)));
                let mut asked = json!({ "orderId": order_id(order), "attempt": attempt, "lines": lines });
                if is_urgent {
                    asked["validFor"] = json!(URGENT_MS);
                }
                (order::SUBMIT, asked)
            }
            Intent::Cancel(order, version) => {
                (order::CANCEL, json!({ "orderId": order_id(order), "version": version }))
            }
            Intent::Visit(event) => {
                let event = event.map_or_else(|| id.to_string(), |event| event.to_string());
                (history::VISIT, json!({ "eventId": event, "sku": line, "at": now_ms }))
            }
            Intent::Forget(true) => (history::DELETE, json!({ "until": now_ms })),
            Intent::Forget(false) => (history::DELETE, json!({ "until": now_ms, "sku": line })),
            Intent::Put(which) => {
                let row = json!({ "id": line, "note": id.to_string() });
                (own::PUT, json!({ "collection": OWN[usize::from(which)], "key": line, "row": row }))
            }
            Intent::Delete(which) => (own::DELETE, json!({ "collection": OWN[usize::from(which)], "key": line })),
            Intent::Count(by) => {
                (own::ADD, json!({ "collection": OWN[2], "key": line, "row": { "id": line }, "by": { "n": by } }))
            }
            Intent::Wave => (NEWER, json!({ "line": line })),
            // One in so many has an effect: what has one goes into the journal, which drops what is too much.
            Intent::WaveMuch => {
                let line = if (self.large as u64 + 1).is_multiple_of(WAVES) { line } else { NO_LINE };
                (NEWER, json!({ "line": line, "note": "x".repeat(NOTE_BYTES) }))
            }
            Intent::Erase => (ERASE, json!({})),
            Intent::SignOut => (ERASE, json!({ "device": true })),
        })
    }

    /// The claim of what a tab of another device shows, if that is open.
    fn claim(&mut self, at: At, from: usize, policy: u8, is_right: bool) -> Option<(&'static str, Json)> {
        let is_source = |device: &usize| {
            let is_anonymous = self.devices[*device].shopper.starts_with(claim::ANONYMOUS_PREFIX);
            is_anonymous && self.is_open(At { device: *device, tab: 0 })
        };
        let sources: Vec<usize> = (0..self.devices.len()).filter(is_source).collect();
        let from = *sources.get(from % sources.len().max(1)).filter(|from| **from != at.device)?;
        let source = At { device: from, tab: 0 };
        self.settle(from);
        if !self.is_open(source) {
            return None;
        }
        let anonymous = self.devices[from].shopper.clone();
        let lines = self.devices[from].view(0, Collection::Cart).into_iter().filter_map(|(key, row)| {
            let mut line = serde_json::to_value(&row).expect("JSON");
            line["line"] = json!(key);
            line["coupon"].is_null().then_some(line)
        });
        let lines: Vec<Json> = lines.collect();
        let secret = if is_right { self.server.secret(&anonymous) } else { "guessed".into() };
        let policy = POLICIES[usize::from(policy)];
        Some((claim::CLAIM, json!({ "anonymous": anonymous, "secret": secret, "policy": policy, "lines": lines })))
    }
}

/// The code of a coupon.
pub(super) fn coupon_code(which: usize) -> String {
    format!("C{which}")
}

fn order_id(which: u8) -> String {
    format!("o{which}")
}
