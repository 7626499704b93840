//! Holds each shopper to what one may store.
//!
//! A mutation that would go beyond is undone and rejected as `shopper_full`. One that adds no row, and
//! no more to those that are there than a note, always runs: so a line can be taken out, which leaves
//! a word of it behind, and that is how a shopper gets on. So does an order that the shop's own system has
//! accepted: there it is placed, whatever is undone here.

use pannier::format::document::{Document, Value};
use pannier::shop::{order, own};
use pannier::stop::Stop;
use pannier::sync::mutation::{Context, Rules, Status, Verdict};
use pannier::sync::rows::Rows;
use rusqlite::Connection;

use crate::tx::{Tx, Usage, failed};

/// Collections of a shop's own that one shopper may write to: what is known of one never goes.
const SCOPES_MAX: u64 = 64;

/// Bytes of such a note: a removed line is its old row and the time.
const NOTE_BYTES_MAX: u64 = 256;

/// Rules within limits.
pub struct Bounded<'a> {
    /// What executes.
    pub rules: &'a dyn Rules,
    /// On which the transaction is open.
    pub connection: &'a Connection,
    /// Whose rows these are.
    pub shopper: &'a str,
    /// What the shopper may store.
    pub most: Usage,
    /// Whether an order that was placed stands whatever it takes.
    pub keeps_orders: bool,
}

impl Rules for Bounded<'_> {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        let execute = |sql| self.connection.prepare_cached(sql)?.execute([]);
        let before = Tx::new(self.connection).usage(self.shopper)?;
        execute("SAVEPOINT mutation").map_err(failed)?;
        let verdict = self.rules.execute(name, v, args, context, rows)?;
        let after = Tx::new(self.connection).usage(self.shopper)?;
        let scopes =
            if name == own::PUT || name == own::ADD { Tx::new(self.connection).own_scopes(self.shopper)? } else { 0 };
        let over = match scopes {
            _ if self.keeps_orders && name == order::SUBMIT => None,
            0..=SCOPES_MAX => self.over(&before, &after),
            _ => Some(full("shopper_collections", SCOPES_MAX)),
        };
        if over.is_some() {
            execute("ROLLBACK TO mutation").map_err(failed)?;
        }
        execute("RELEASE mutation").map_err(failed)?;
        Ok(over.unwrap_or(verdict))
    }
}

fn full(limit: &str, most: u64) -> Verdict {
    let most = Value::Int(i64::try_from(most).unwrap_or(i64::MAX));
    let detail = Document::object(&[("limit", Value::Str(limit)), ("most", most)]).unwrap_or_default();
    Verdict { status: Status::Rejected, code: Some("shopper_full"), detail }
}

impl Bounded<'_> {
    fn over(&self, before: &Usage, after: &Usage) -> Option<Verdict> {
        if after.rows > self.most.rows && after.rows > before.rows {
            Some(full("shopper_rows", self.most.rows))
        } else if after.bytes > self.most.bytes
            && (after.rows > before.rows || after.bytes > before.bytes + NOTE_BYTES_MAX)
        {
            Some(full("shopper_bytes", self.most.bytes))
        } else {
            None
        }
    }
}
