//! What happened in worlds, by name.

use std::collections::BTreeMap;

/// How often each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<String, u64>);

/// What must happen in some of many worlds, or it is not tested.
pub const REQUIRED: &[&str] = &[
    "answers cut",
    "answers lost",
    "conflicts between tabs",
    "device clocks set",
    "error epoch_changed",
    "error op_mismatch",
    "error retry",
    "failures of a record store",
    "kills",
    "kills in mid-commit",
    "mutations on what another device had changed",
    "mutations that a journal sent again",
    "mutations that a restore lost",
    "mutations that were known by their id",
    "mutations that were never durable",
    "profiles copied",
    "recoveries from epoch_changed",
    "recoveries from op_mismatch",
    "requests cut",
    "requests doubled",
    "requests lost",
    "restores",
    "cart.add adjusted limit",
    "cart.add adjusted stock",
    "cart.add applied",
    "cart.add rejected delisted",
    "cart.adjust adjusted below_zero",
    "cart.adjust adjusted stock",
    "cart.adjust applied",
    "cart.adjust noop line_gone",
    "cart.clear adjusted added_elsewhere",
    "cart.clear applied",
    "cart.clear noop line_gone",
    "cart.remove adjusted added_elsewhere",
    "cart.remove applied",
    "cart.remove noop line_gone",
    "cart.remove noop stale_gen",
    "cart.saveForLater applied",
    "cart.saveForLater noop line_gone",
    "cart.select applied",
    "cart.select noop line_gone",
    "cart.setQty adjusted stock",
    "cart.setQty applied",
    "cart.setQty noop line_gone",
    "cart.setQty noop stale_gen",
    "history.delete applied",
    "history.delete noop deleted",
    "history.visit applied",
    "history.visit noop deleted",
    "history.visit noop duplicate",
    "history.visit noop too_old",
    "cart.wave applied",
    "cart.wave rejected unknown_mutation",
    "row.add applied",
    "row.delete applied",
    "row.delete noop added_elsewhere",
    "row.delete noop row_gone",
    "row.put applied",
    "row.put rejected refused",
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
