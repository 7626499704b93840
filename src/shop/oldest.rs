//! Keeping a collection within its bounds.

use crate::stop::Stop;
use crate::sync::rows::{Collection, Rows};
use alloc::string::String;
use alloc::vec::Vec;

/// Deletes the `count` oldest of `dated`, times with keys, and all from before
/// `before`; of equal times the first key goes first.
///
/// It looks for the oldest again and again: a hundred of a thousand rows, once
/// in a hundred writes. A sort would cost every page some kilobytes of code.
pub(super) fn delete_oldest(
    rows: &mut dyn Rows,
    collection: Collection,
    mut dated: Vec<(u64, String)>,
    mut count: usize,
    before: u64,
) -> Result<(), Stop> {
    while let Some(oldest) = (0..dated.len()).min_by(|a, b| dated[*a].cmp(&dated[*b])) {
        let (at, key) = dated.swap_remove(oldest);
        if count == 0 && at >= before {
            break;
        }
        rows.delete(collection, &key)?;
        count = count.saturating_sub(1);
    }
    Ok(())
}
