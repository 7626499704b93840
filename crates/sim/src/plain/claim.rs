//! Taking over the cart of an anonymous shopper.

use super::cart::{COUPONS_MAX, LINES_MAX, room};
use super::{APPLIED, Asked, Came, PlainLine, PlainShop, number, text};
use crate::server::secret;
use serde_json::Value as Json;

/// Who has claimed a cart, and what was said.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    by: String,
    came: Came,
}

fn read(line: &Json) -> (String, PlainLine) {
    let read = PlainLine {
        qty: number(line, "qty"),
        generation: number(line, "gen"),
        added: number(line, "added"),
        deselected: line["selected"] == false,
        saved: line["saved"] == true,
    };
    (text(line, "line").into(), read)
}

impl PlainShop {
    pub(super) fn claim(&mut self, asked: &Asked<'_>) -> Came {
        let anonymous = text(asked.args, "anonymous");
        if let Some(claim) = self.claims.get(anonymous) {
            return if claim.by == asked.shopper { claim.came } else { ("rejected", Some("claimed")) };
        }
        let is_another = anonymous.starts_with("anon-") && anonymous != asked.shopper;
        if !is_another || text(asked.args, "secret") != secret(anonymous) {
            return ("rejected", Some("wrong_secret"));
        }
        let guest = self.guest_lines(anonymous, &asked.args["lines"]);
        let policy = asked.args["policy"].as_str().unwrap_or("max");
        let own = self.shoppers.entry(asked.shopper.into()).or_default();
        let mut differ = guest.iter().filter_map(|(key, line)| Some((own.live(key)?.qty, line.qty)));
        if policy == "ask" && differ.any(|(own, guest)| own != guest) {
            return ("noop", Some("ask"));
        }
        let mut came = APPLIED;
        for (key, line) in &guest {
            if self.merge(asked.shopper, policy, key, line) {
                came = ("adjusted", Some("held"));
            }
        }
        let source = self.shoppers.entry(anonymous.into()).or_default();
        source.lines.clear();
        let coupons = std::mem::take(&mut source.coupons);
        let own = self.shoppers.entry(asked.shopper.into()).or_default();
        for (code, terms) in coupons {
            if own.coupons.len() < COUPONS_MAX {
                own.coupons.entry(code).or_insert(terms);
            }
        }
        self.claims.insert(anonymous.into(), Claim { by: asked.shopper.into(), came });
        came
    }

    /// The lines to take over: what the page has seen, but where the shop knows more.
    fn guest_lines(&mut self, anonymous: &str, seen: &Json) -> Vec<(String, PlainLine)> {
        let mut guest: Vec<_> = seen.as_array().expect("lines").iter().map(read).collect();
        for (key, line) in &self.shoppers.entry(anonymous.into()).or_default().lines {
            match guest.iter_mut().find(|(other, _)| other == key) {
                Some((_, seen)) if seen.added >= line.added => {}
                Some((_, seen)) => *seen = line.clone(),
                None => guest.push((key.clone(), line.clone())),
            }
        }
        guest.retain(|(_, line)| line.qty > 0);
        guest
    }

    /// Merges a line. Returns whether it was held to a limit.
    fn merge(&mut self, shopper: &str, policy: &str, key: &str, guest: &PlainLine) -> bool {
        let own = self.shoppers.entry(shopper.into()).or_default();
        let before = own.live(key).map_or(0, |line| line.qty);
        let asked = match policy {
            _ if before == 0 => guest.qty,
            "add" => before + guest.qty,
            "guest" => guest.qty,
            "user" => before,
            _ => before.max(guest.qty),
        };
        let is_out = self.products.get(key).is_some_and(|product| product.delisted)
            || (before == 0 && own.live_count() >= LINES_MAX);
        let got = if is_out { before } else { asked.min(room(&self.products, key).0.max(before)) };
        if got != before {
            let line = own.lines.entry(key.into()).or_default();
            if before == 0 {
                line.generation += 1;
                (line.deselected, line.saved) = (guest.deselected, guest.saved);
            }
            line.added += got.saturating_sub(before);
            line.qty = got;
        }
        got < asked
    }
}
