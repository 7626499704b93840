//! What only a server decides: coupons and orders, by its own shop.
//!
//! A client predicts with [`super::ShopRules`]. A server executes the same rules
//! as [`ServerRules`], which hold its [`Decisions`]. The built-in ones are
//! [`super::stock::CatalogDecisions`], on the imported catalog. A shop that decides
//! elsewhere asks there *before* it opens the transaction, for each mutation
//! whose name [`is_decided`] tells, and hands the answers in as its own
//! `Decisions`: those look up what was answered to these very arguments, and fail
//! with [`Why::Backend`] where nothing was, so that the request is tried
//! again. A mutation that was executed before is not decided again.
//!
//! What the rules remember so that an order is placed once for ever stands in
//! [`Collection::Private`]: `order/<id>` holds shopper, attempt, hash of the lines
//! and what was said; `claim/<id>` of an anonymous shopper, who has claimed the
//! cart and what was said.

use super::args::number;
use super::cart::CART_ROWS_MAX;
use super::claim::{self, ANONYMOUS_PREFIX};
use super::coupon::{self, COUPONS_MAX};
use super::line::{Line, is_coupon};
use super::order::{self, created};
use super::own;
use super::rules;
use super::verdict::{adjusted, applied, object, rejected};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::{Stop, Why};
use crate::sync::mutation::{Context, Rules, Verdict};
use crate::sync::rows::{Collection, Merge, Own, Rows};
use crate::sync::server::{SHARED, ServerTx};
use alloc::string::String;
use alloc::vec::Vec;
use xxhash_rust::xxh64::xxh64;

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It holds. An object of at most [`DECIDED_BYTES_MAX`] bytes: the terms of a
    /// coupon, or what is to stand in the order as `decided`.
    Accepted(Document),
    /// It does not.
    Refused {
        /// Why: one of [`REFUSALS`].
        code: &'static str,
        /// Particulars, an object.
        detail: Document,
    },
}

/// Most bytes of what is decided: it is part of a row that is pulled again and again.
pub const DECIDED_BYTES_MAX: usize = 4096;

/// The codes of refusals. `refused` is for whatever the others do not say, with
/// the shop's own word as `why`.
pub const REFUSALS: [&str; 8] = [
    "unknown_coupon",
    "coupon_expired",
    "price_changed",
    "out_of_stock",
    "delisted",
    "unknown_product",
    "expired",
    "refused",
];

impl Decision {
    /// A refusal by its code, in the words of whoever decided.
    pub fn refused(code: &str, detail: &Document) -> Self {
        match REFUSALS.into_iter().find(|known| *known == code) {
            Some(code) => Self::Refused { code, detail: detail.clone() },
            None => {
                Self::Refused { code: "refused", detail: super::verdict::with(detail, &[("why", Value::Str(code))]) }
            }
        }
    }

    /// What was decided, where it fits into a row.
    ///
    /// # Errors
    /// [`Why::Backend`] where it is no object, or too large.
    pub fn checked(self) -> Result<Self, Stop> {
        let (Self::Accepted(document) | Self::Refused { detail: document, .. }) = &self;
        let is_object = matches!(document.as_ref().value(), Value::Object(_));
        let fits = document.as_bytes().len() <= DECIDED_BYTES_MAX
            && Document::object(&[("decided", document.as_ref().value())]).is_ok();
        if is_object && fits {
            Ok(self)
        } else {
            Err(Why::Backend("a decision is no object, too long or nested too deep".into()).into())
        }
    }
}

/// Whether a mutation asks for a decision.
pub fn is_decided(mutation: &str, args: DocumentRef<'_>) -> bool {
    match mutation {
        coupon::COUPON | order::SUBMIT | order::CANCEL => true,
        own::PUT | own::DELETE => {
            let own = args.str("collection").and_then(Own::parse);
            own.is_some_and(|own| own.merge() == Merge::ServerDecides)
        }
        _ => false,
    }
}

/// The decisions of a shop. They are taken in the transaction that executes the
/// mutation, so what they write through [`Rows::database`] stands with its effect
/// or not at all. `args` are the arguments of the mutation.
pub trait Decisions {
    /// Whether a coupon `{code}` holds; accepted with its terms.
    fn coupon(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop>;

    /// Whether an order `{orderId, attempt, lines}` is placed: see [`order::order_lines`].
    fn submit(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop>;

    /// Whether `order`, the row of an order, is cancelled: `{orderId, version}`.
    fn cancel(
        &self,
        args: DocumentRef<'_>,
        order: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Decision, Stop>;

    /// Whether a row of a collection whose rule is [`Merge::ServerDecides`] is written,
    /// `{collection, key, row}`, or deleted, `{collection, key}`. The fields of what is
    /// accepted take the place of those of the row.
    fn row(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop>;
}

/// The rules on a server.
pub struct ServerRules<'a> {
    /// Who decides.
    pub decisions: &'a dyn Decisions,
    /// Whether the second is the secret of the anonymous shopper who is the first:
    /// the token with which that shopper synced, also where it has expired.
    pub is_secret: &'a dyn Fn(&str, &str) -> bool,
}

impl Rules for ServerRules<'_> {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        // What is still on its way was handed over with the claim.
        if name.starts_with("cart.") && is_claimed(rows)? {
            return Ok(claim::refused("claimed"));
        }
        let args = args.as_ref();
        let rare = |rows: &mut dyn Rows| rules::execute_rare(Some(self), name, v, args, context, rows);
        rules::execute(name, v, args, context, rows, rare)
    }
}

/// What the rules ask of a server. On a client there is none, and nothing of it
/// in what a page loads.
pub(super) trait Authority {
    fn coupon(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop>;

    /// What to keep of a placed order, or the verdict where none is to be placed now.
    fn submit(
        &self,
        args: DocumentRef<'_>,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Result<Document, Verdict>, Stop>;

    fn cancel(
        &self,
        args: DocumentRef<'_>,
        order: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Decision, Stop>;

    fn row(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop>;

    /// The lines to merge, or the verdict where none are to be merged now.
    fn claimable(
        &self,
        anonymous: &str,
        secret: &str,
        seen: Vec<(String, Line)>,
        rows: &mut dyn Rows,
    ) -> Result<Result<Vec<(String, Line)>, Verdict>, Stop>;

    /// Empties the source of a claim, and remembers what became of it.
    fn claimed(&self, anonymous: &str, verdict: &Verdict, rows: &mut dyn Rows) -> Result<(), Stop>;
}

impl Authority for ServerRules<'_> {
    fn coupon(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop> {
        self.decisions.coupon(args, context, rows)?.checked()
    }

    fn submit(
        &self,
        args: DocumentRef<'_>,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Result<Document, Verdict>, Stop> {
        let submitted = Submitted::read(args, rows)?;
        if let Some(verdict) = submitted.before(rows)? {
            return Ok(Err(verdict));
        }
        let decision = if context.valid_for == Some(0) {
            Decision::Refused { code: "expired", detail: Document::default() }
        } else {
            self.decisions.submit(args, context, rows)?.checked()?
        };
        submitted.remember(&decision, rows)?;
        Ok(match decision {
            Decision::Accepted(decided) => Ok(decided),
            Decision::Refused { code, detail } => Err(rejected(code, detail)),
        })
    }

    fn cancel(
        &self,
        args: DocumentRef<'_>,
        order: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Decision, Stop> {
        self.decisions.cancel(args, order, context, rows)?.checked()
    }

    fn row(&self, args: DocumentRef<'_>, context: &Context, rows: &mut dyn Rows) -> Result<Decision, Stop> {
        self.decisions.row(args, context, rows)?.checked()
    }

    fn claimable(
        &self,
        anonymous: &str,
        secret: &str,
        mut seen: Vec<(String, Line)>,
        rows: &mut dyn Rows,
    ) -> Result<Result<Vec<(String, Line)>, Verdict>, Stop> {
        let (tx, shopper) = database(rows)?;
        if let Some(known) = tx.get(SHARED, Collection::Private, &claim_key(anonymous))? {
            let known = known.as_ref();
            let is_own = known.str("shopper") == Some(shopper);
            return Ok(Err(if is_own { said(known) } else { claim::refused("claimed") }));
        }
        let is_anonymous = anonymous.starts_with(ANONYMOUS_PREFIX) && anonymous != shopper;
        if !is_anonymous || !(self.is_secret)(anonymous, secret) {
            return Ok(Err(claim::refused("wrong_secret")));
        }
        for (key, row) in cart_of(anonymous, rows)? {
            let Some(line) = Line::from_document(row.as_ref()) else { continue };
            match seen.iter_mut().find(|(other, _)| *other == key) {
                Some((_, seen)) if seen.added >= line.added => {}
                Some((_, seen)) => *seen = line,
                None => seen.push((key, line)),
            }
        }
        Ok(Ok(seen))
    }

    fn claimed(&self, anonymous: &str, verdict: &Verdict, rows: &mut dyn Rows) -> Result<(), Stop> {
        for (key, row) in cart_of(anonymous, rows)? {
            if is_coupon(&key) && rows.get(Collection::Cart, &key)?.is_none() && !coupon::is_full(rows)? {
                rows.put(Collection::Cart, &key, &row)?;
            }
            database(rows)?.0.delete(anonymous, Collection::Cart, &key)?;
        }
        let (tx, shopper) = database(rows)?;
        let said = object(&[
            ("shopper", Value::Str(shopper)),
            ("code", verdict.code.map_or(Value::Null, Value::Str)),
            ("detail", verdict.detail.as_ref().value()),
        ]);
        tx.put(SHARED, Collection::Private, &claim_key(anonymous), &said).map(drop)
    }
}

/// Whether the cart of the shopper, who is anonymous, was claimed.
fn is_claimed(rows: &mut dyn Rows) -> Result<bool, Stop> {
    let (tx, shopper) = database(rows)?;
    if !shopper.starts_with(ANONYMOUS_PREFIX) {
        return Ok(false);
    }
    let key = claim_key(shopper);
    Ok(tx.get(SHARED, Collection::Private, &key)?.is_some())
}

fn claim_key(anonymous: &str) -> String {
    let mut key = String::from("claim/");
    key.push_str(anonymous);
    key
}

/// All rows of a cart.
fn cart_of(shopper: &str, rows: &mut dyn Rows) -> Result<Vec<(String, Document)>, Stop> {
    database(rows)?.0.scan(shopper, Collection::Cart, None, CART_ROWS_MAX + COUPONS_MAX)
}

/// The transaction, and whose mutation is executed in it.
pub(super) fn database(rows: &mut dyn Rows) -> Result<(&mut dyn ServerTx, &str), Stop> {
    rows.database().ok_or_else(|| Why::Backend("nothing is decided on a client".into()).into())
}

/// An attempt at an order.
struct Submitted {
    key: String,
    shopper: String,
    attempt: u64,
    hash: u64,
}

impl Submitted {
    fn read(args: DocumentRef<'_>, rows: &mut dyn Rows) -> Result<Self, Stop> {
        let mut key = String::from("order/");
        key.push_str(args.str("orderId").unwrap_or_default());
        let lines = match args.get("lines") {
            Some(Value::Array(lines)) => lines.as_bytes(),
            _ => &[],
        };
        let shopper = database(rows)?.1.into();
        // 53 bits, as an integer of a document has.
        Ok(Self { key, shopper, attempt: args.u64("attempt").unwrap_or(0), hash: xxh64(lines, 0) >> 11 })
    }

    /// What is said without a decision: the same as the last time, or why not.
    fn before(&self, rows: &mut dyn Rows) -> Result<Option<Verdict>, Stop> {
        let Some(known) = database(rows)?.0.get(SHARED, Collection::Private, &self.key)? else {
            return Ok(None);
        };
        let known = known.as_ref();
        let attempt = known.u64("attempt").unwrap_or(0);
        let is_created = known.str("code") == Some("created");
        let detail = object(&[("placed", number(attempt))]);
        let is_other = known.str("shopper") != Some(&self.shopper)
            || (attempt == self.attempt && known.u64("hash") != Some(self.hash));
        Ok(if is_other {
            Some(rejected("mismatch", object(&[])))
        } else if attempt == self.attempt {
            Some(said(known))
        } else if is_created {
            Some(rejected("already_created", detail))
        } else if self.attempt < attempt {
            Some(rejected("old_attempt", detail))
        } else {
            None
        })
    }

    fn remember(&self, decision: &Decision, rows: &mut dyn Rows) -> Result<(), Stop> {
        let nothing = Document::default();
        let (code, detail) = match decision {
            Decision::Accepted(_) => ("created", &nothing),
            Decision::Refused { code, detail } => (*code, detail),
        };
        let row = object(&[
            ("shopper", Value::Str(&self.shopper)),
            ("attempt", number(self.attempt)),
            ("hash", number(self.hash)),
            ("code", Value::Str(code)),
            ("detail", detail.as_ref().value()),
        ]);
        database(rows)?.0.put(SHARED, Collection::Private, &self.key, &row).map(drop)
    }
}

fn said(known: DocumentRef<'_>) -> Verdict {
    let detail = known.object("detail").map(DocumentRef::to_document).unwrap_or_default();
    match known.str("code") {
        None => applied(detail),
        Some("created") => created(detail),
        Some("held") => adjusted("held", detail),
        Some(code) => rejected(REFUSALS.into_iter().find(|known| *known == code).unwrap_or("refused"), detail),
    }
}
