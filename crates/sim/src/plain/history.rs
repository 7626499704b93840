//! What was looked at.

use super::{APPLIED, Came, Plain, number, text};
use serde_json::Value as Json;

/// Milliseconds after which a visit is too old.
const VISIT_AGE_MS_MAX: u64 = 90 * 24 * 3600 * 1000;

impl Plain {
    pub(super) fn visit(&mut self, args: &Json, now_ms: u64) -> Came {
        let event = text(args, "eventId");
        let at = number(args, "at").min(now_ms);
        if at < now_ms.saturating_sub(VISIT_AGE_MS_MAX) {
            return ("noop", Some("too_old"));
        }
        if self.visits.contains_key(event) {
            return ("noop", Some("duplicate"));
        }
        let sku = text(args, "sku");
        if at <= self.cut("").max(self.cut(sku)) {
            return ("noop", Some("deleted"));
        }
        self.visits.insert(event.into(), (sku.into(), at));
        APPLIED
    }

    fn cut(&self, sku: &str) -> u64 {
        self.cuts.get(sku).copied().unwrap_or(0)
    }

    pub(super) fn forget(&mut self, args: &Json, now_ms: u64) -> Came {
        let sku = args["sku"].as_str().unwrap_or("");
        let until = number(args, "until").min(now_ms);
        if until <= self.cut(sku) {
            return ("noop", Some("deleted"));
        }
        self.cuts.insert(sku.into(), until);
        let oldest = now_ms.saturating_sub(VISIT_AGE_MS_MAX);
        let is_its = |other: &str| sku.is_empty() || sku == other;
        self.visits.retain(|_, (other, at)| *at >= oldest && !(*at <= until && is_its(other)));
        self.cuts.retain(|_, cut| *cut >= oldest);
        APPLIED
    }
}
