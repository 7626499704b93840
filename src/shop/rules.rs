//! Which rule executes which mutation.

use super::decide::Authority;
use super::verdict::{object, rejected};
use super::{cart, claim, coupon, erase, history, order, own, remove};
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::{Stop, Why};
use crate::sync::mutation::{Context, ERASE, Rules, UNKNOWN_MUTATION, Verdict};
use crate::sync::rows::Rows;
use crate::tree::later;

/// The rules of carts, histories and orders where nothing is decided, only
/// predicted: on a client. A server has [`super::decide::ServerRules`].
///
/// Bad arguments are rejected as `bad_args` with `{field, why}`, a mutation or
/// version that is not known as `unknown_mutation`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShopRules;

impl Rules for ShopRules {
    fn execute(
        &self,
        name: &str,
        v: u16,
        args: &Document,
        context: &Context,
        rows: &mut dyn Rows,
    ) -> Result<Verdict, Stop> {
        let args = args.as_ref();
        execute(name, v, args, context, rows, |rows| execute_rare(None, name, v, args, context, rows))
    }
}

/// Executes what most pages do; `rare` does the rest.
pub(super) fn execute(
    name: &str,
    v: u16,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
    rare: impl FnOnce(&mut dyn Rows) -> Result<Verdict, Stop>,
) -> Result<Verdict, Stop> {
    let verdict = match (name, v) {
        (cart::ADD, 1) => cart::add(args, rows),
        (cart::ADJUST, 1) => cart::adjust(args, context, rows),
        (cart::SET_QTY, 1) => cart::set_qty(args, context, rows),
        (cart::REMOVE, 1) => remove::remove(args, context, rows),
        (history::VISIT, 1) => history::visit(args, context, rows),
        _ => later::run(|| rare(rows)),
    };
    match verdict {
        Err(stop) if let Why::BadArg { field, why } = *stop.why() => {
            Ok(rejected("bad_args", object(&[("field", Value::Str(field)), ("why", Value::Str(why))])))
        }
        verdict => verdict,
    }
}

/// What most pages do not do: see [`later`].
pub(super) fn execute_rare(
    authority: Option<&dyn Authority>,
    name: &str,
    v: u16,
    args: DocumentRef<'_>,
    context: &Context,
    rows: &mut dyn Rows,
) -> Result<Verdict, Stop> {
    match (name, v) {
        (cart::SELECT, 1) => cart::mark(args, "selected", rows, |line| &mut line.selected),
        (cart::SAVE_FOR_LATER, 1) => cart::mark(args, "saved", rows, |line| &mut line.saved),
        (cart::CLEAR, 1) => remove::clear(args, context, rows),
        (claim::CLAIM, 1) => claim::claim(authority, args, context, rows),
        (coupon::COUPON, 1) => coupon::coupon(authority, args, context, rows),
        (history::DELETE, 1) => history::delete(args, context, rows),
        (order::SUBMIT, 1) => order::submit(authority, args, context, rows),
        (order::CANCEL, 1) => order::cancel(authority, args, context, rows),
        (ERASE, 1) => erase::erase(context, rows),
        (own::PUT | own::DELETE | own::ADD, 1) => own::write(authority, name, args, context, rows),
        _ => Ok(rejected(UNKNOWN_MUTATION, object(&[]))),
    }
}
