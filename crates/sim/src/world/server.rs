//! What happens to the server: backups and restores, and what the shop writes.

use super::World;
use super::event::Terms;
use super::intent::coupon_code;
use crate::server::Server;
use pannier::shop::stock;
use pannier::sync::server::ServerTx;
use serde_json::json;

impl World {
    pub(super) fn back_up(&mut self) {
        let (server, plain) = (self.server.clone(), self.plain.clone());
        self.backup = super::Backup { server, plain, numbers: self.numbers.clone() };
    }

    /// The backup takes the server's place, under an epoch that never was, or without one.
    pub(super) fn restore(&mut self, is_told: bool) {
        let lost = self.server.log.len().saturating_sub(self.backup.server.log.len()) as u64;
        let (clock_ms, backup, is_newer) = (self.server.clock_ms, self.backup.clone(), self.server.is_newer);
        let epoch = self.server.database.epoch().expect("memory does not fail");
        self.server = backup.server;
        (self.server.clock_ms, self.server.is_newer) = (clock_ms, is_newer);
        (self.plain, self.numbers) = (backup.plain, backup.numbers);
        self.compared = self.server.log.len();
        self.latest.clear();
        self.devices.iter_mut().for_each(|device| device.told.may_differ = true);
        if is_told {
            self.begin_epoch();
        } else {
            self.server.database.set_epoch(epoch);
            self.relapsed.insert(epoch);
        }
        self.counts.add(if is_told { "restores" } else { "restores without a new epoch" });
        self.counts.add_many("mutations that a restore lost", lost);
        self.look();
    }

    /// Somebody thinks of the new epoch that a restore has not been given.
    pub(super) fn end_relapse(&mut self) {
        if self.relapsed.contains(&self.server.database.epoch().expect("memory does not fail")) {
            self.begin_epoch();
        }
    }

    pub(super) fn begin_epoch(&mut self) {
        self.epoch += 1;
        self.server.database.set_epoch(self.epoch);
    }

    pub(super) fn change_product(&mut self, sku: usize, stock: Option<u8>, is_delisted: bool, price: u8) {
        let sku = &self.skus[sku];
        let mut row = json!({ "id": sku, "delisted": is_delisted, "price": price });
        if let Some(stock) = stock {
            row["stock"] = json!(stock);
        }
        self.server.put_products(&[row]);
        let stock = stock.map(u64::from);
        self.plain.change_product(sku, stock, is_delisted, price.into(), self.server.clock_ms);
    }

    pub(super) fn change_coupon(&mut self, which: usize, terms: Terms) {
        let code = coupon_code(which);
        let row = match terms {
            Terms::Holds => Some(json!({ "percent": 10 })),
            Terms::HoldsFor(ms) => Some(json!({ "until": self.server.clock_ms + ms })),
            Terms::Withdrawn => None,
        };
        let document = row.as_ref().map(|row| serde_json::from_value(row.clone()).expect("a document"));
        stock::put_coupon(&mut self.server.database, &code, document.as_ref()).expect("memory does not fail");
        match row {
            Some(row) => drop(self.plain.coupons.insert(code, row)),
            None => drop(self.plain.coupons.remove(&code)),
        }
    }
}
