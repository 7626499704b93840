//! What happened in worlds, by name.

use std::collections::BTreeMap;

/// How often each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

/// What must happen in some of many worlds, or it is not tested.
pub const REQUIRED: &[&str] = &[
    "answers cut",
    "answers lost",
    "changes lost",
    "clients forgotten",
    "conflicts between tabs",
    "device clocks set",
    "edits held back by what is parked",
    "edits refused as erased",
    "edits refused as pending",
    "error auth",
    "error epoch_changed",
    "error op_mismatch",
    "error principal_changed",
    "error retry",
    "error schema",
    "error seq_gap",
    "error unknown_client",
    "failures of a record store",
    "kills",
    "kills in mid-commit",
    "long absences",
    "mutations on what another device had changed",
    "mutations that a journal sent again",
    "mutations that a restore lost",
    "mutations that were known by their id",
    "mutations that were never durable",
    "profiles copied",
    "pulls in pages",
    "recoveries from digest",
    "recoveries from epoch_changed",
    "recoveries from op_mismatch",
    "recoveries from seq_gap",
    "recoveries from unknown_client",
    "requests cut",
    "requests doubled",
    "requests lost",
    "restores",
    "restores without a new epoch",
    "stores deleted",
    "syncs that what is parked has ended",
    "cart.add adjusted limit",
    "cart.add adjusted stock",
    "cart.add applied",
    "cart.add rejected claimed",
    "cart.add rejected delisted",
    "cart.adjust adjusted below_zero",
    "cart.adjust adjusted stock",
    "cart.adjust applied",
    "cart.adjust noop line_gone",
    "cart.adjust rejected claimed",
    "cart.claim adjusted held",
    "cart.claim applied",
    "cart.claim noop ask",
    "cart.claim rejected claimed",
    "cart.claim rejected wrong_secret",
    "cart.clear adjusted added_elsewhere",
    "cart.clear applied",
    "cart.clear noop line_gone",
    "cart.clear rejected claimed",
    "cart.coupon applied",
    "cart.coupon noop coupon_gone",
    "cart.coupon rejected claimed",
    "cart.coupon rejected coupon_expired",
    "cart.coupon rejected coupons_full",
    "cart.coupon rejected unknown_coupon",
    "cart.remove adjusted added_elsewhere",
    "cart.remove applied",
    "cart.remove noop line_gone",
    "cart.remove noop stale_gen",
    "cart.remove rejected claimed",
    "cart.saveForLater applied",
    "cart.saveForLater noop line_gone",
    "cart.saveForLater rejected claimed",
    "cart.select applied",
    "cart.select noop line_gone",
    "cart.select rejected claimed",
    "cart.setQty adjusted stock",
    "cart.setQty applied",
    "cart.setQty noop line_gone",
    "cart.setQty noop stale_gen",
    "cart.setQty rejected claimed",
    "cart.wave applied",
    "cart.wave noop line_gone",
    "cart.wave rejected claimed",
    "cart.wave rejected unknown_mutation",
    "history.delete applied",
    "history.delete noop deleted",
    "history.visit applied",
    "history.visit noop deleted",
    "history.visit noop duplicate",
    "history.visit noop too_old",
    "order.cancel applied",
    "order.cancel noop cancelled",
    "order.cancel noop unknown_order",
    "order.cancel rejected version",
    "order.submit applied created",
    "order.submit rejected already_created",
    "order.submit rejected delisted",
    "order.submit rejected expired",
    "order.submit rejected mismatch",
    "order.submit rejected old_attempt",
    "order.submit rejected out_of_stock",
    "order.submit rejected price_changed",
    "order.submit rejected unknown_product",
    "row.add applied",
    "row.delete applied",
    "row.delete noop added_elsewhere",
    "row.delete noop row_gone",
    "row.put applied",
    "row.put rejected refused",
    "shopper.erase applied",
];

impl Counts {
    /// It happened.
    pub fn add(&mut self, name: &str) {
        self.add_many(name, 1);
    }

    /// It may have happened.
    pub fn add_if(&mut self, happened: bool, name: &str) {
        if happened {
            self.add(name);
        }
    }

    /// It happened so often.
    pub fn add_many(&mut self, name: &str, count: u64) {
        match self.0.get_mut(name) {
            Some(sum) => *sum += count,
            None => drop(self.0.insert(name.into(), count)),
        }
    }

    /// Adds another world's.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            self.add_many(name, *count);
        }
    }

    /// Those of [`REQUIRED`] that never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        REQUIRED.iter().copied().filter(|name| self.0.get(*name).is_none_or(|count| *count == 0)).collect()
    }
}
