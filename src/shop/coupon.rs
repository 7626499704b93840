//! Coupons of a cart: `{coupon, terms?}` under `&` and the code. One without
//! `terms` waits for the server, which alone decides.

use super::args::text;
use super::decide::{Authority, Decision};
use super::line::{COUPON_PREFIX, is_coupon};
use super::verdict::{applied, noop, object, rejected, with};
use crate::format::document::{DocumentRef, Value};
use crate::stop::Stop;
use crate::sync::mutation::{Context, Verdict};
use crate::sync::rows::{Collection, Rows};
use alloc::string::String;
use alloc::vec::Vec;

/// `{code, remove?}`: redeems a coupon, or takes it back.
pub const COUPON: &str = "cart.coupon";

/// Most coupons of a cart: shops allow one or two.
pub const COUPONS_MAX: usize = 10;

pub(super) fn coupon(
    authority: Option<&dyn Authority>,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Verdict, Stop> {
    let code = text(args, "code")?;
    let mut key = String::from(COUPON_PREFIX);
    key.push_str(code);
    let detail = object(&[("coupon", Value::Str(code))]);
    let before = rows.get(Collection::Cart, &key)?;
    if args.bool("remove") == Some(true) {
        if before.is_none() {
            return Ok(noop("coupon_gone", detail));
        }
        rows.delete(Collection::Cart, &key)?;
        return Ok(applied(detail));
    }
    let mut redeemed = Vec::from([("coupon", Value::Str(code))]);
    if before.is_none() && is_full(rows)? {
        return Ok(rejected("coupons_full", with(&detail, &[("limit", Value::Int(COUPONS_MAX as i64))])));
    }
    let terms = match authority {
        // What the server has said of it before still shows.
        None if before.is_some() => return Ok(applied(detail)),
        None => None,
        Some(authority) => match authority.coupon(args, context, rows)? {
            Decision::Accepted(terms) => Some(terms),
            Decision::Refused { code, detail: why } => {
                return Ok(rejected(code, with(&why, &[("coupon", redeemed[0].1)])));
            }
        },
    };
    if let Some(terms) = &terms {
        redeemed.push(("terms", terms.as_ref().value()));
    }
    rows.put(Collection::Cart, &key, &object(&redeemed))?;
    Ok(applied(detail))
}

/// Whether a cart has as many coupons as it may have.
pub(super) fn is_full(rows: &mut dyn Rows) -> Result<bool, Stop> {
    let some = rows.scan(Collection::Cart, Some("&"), COUPONS_MAX)?;
    Ok(some.len() == COUPONS_MAX && some.iter().all(|(key, _)| is_coupon(key)))
}

// The text above is this.
const _: () = assert!(COUPON_PREFIX == '&');
