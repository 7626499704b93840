//! What is done in small steps when nothing else is: indexes are filled or
//! cleared away. Each step is one commit, so one that was cut off is simply the
//! next one to be done, by whichever tab.

use super::index::{ENTRIES_PER_ROW_MAX, Index, State};
use super::{META, Schema, Workspace, row_key};
use crate::bytes::copied;
use crate::format::document::{Document, DocumentRef};
use crate::stop::Stop;
use crate::store::{Reader, Scan};
use alloc::vec::Vec;

/// Name of the schema's row among what the store knows of itself.
pub const SCHEMA_ROW: &str = "schema";

/// Rows or entries that one step touches: a small part of a frame's time.
pub const STEP_ROWS_MAX: usize = 256;

/// Bytes of rows that one step reads, where rows are long.
pub const STEP_BYTES_MAX: usize = 256 * 1024;

/// Brings the first index that is not ready a step further. Returns the writes
/// and the index's progress; `None` when there is nothing to do.
pub fn step<'a>(
    reader: Reader<'a>,
    schema: &'a Schema,
    now_ms: u64,
) -> Result<Option<(Workspace<'a>, Document)>, Stop> {
    let Some(index) = schema.indexes().iter().find(|index| index.needs_upkeep()) else {
        return Ok(None);
    };
    let mut workspace = Workspace::new(reader, schema, now_ms);
    let advanced = advance(&mut workspace, index);
    let next = match advanced.and_then(|next| workspace.check_indexes().map(|()| next)) {
        Err(stop) if stop.code().is_some() => {
            workspace = Workspace::new(reader, schema, now_ms);
            Some(State::Failed)
        }
        next => next?,
    };
    let mut after = schema.copy();
    let told = after.advance(index.tree, next);
    workspace.write(&row_key(META, SCHEMA_ROW), Some(after.to_document().as_bytes()));
    Ok(Some((workspace, told)))
}

/// Brings an index a step further; `None` when nothing is left of it.
fn advance(workspace: &mut Workspace<'_>, index: &Index) -> Result<Option<State>, Stop> {
    Ok(match &index.state {
        State::Building { after, done } if !after.is_empty() => Some(fill(workspace, index, after, *done)?),
        State::Building { .. } => {
            let after = if clear(workspace, index)? { alloc::vec![index.rows.0] } else { Vec::new() };
            Some(State::Building { after, done: 0 })
        }
        _ => (!clear(workspace, index)?).then_some(State::Dropped),
    })
}

/// Deletes entries of an index; tells whether none is left.
fn clear(workspace: &mut Workspace<'_>, index: &Index) -> Result<bool, Stop> {
    let to = index.tree.end();
    let keys = workspace.keys(&[index.tree.0], &to, STEP_ROWS_MAX)?;
    for key in &keys {
        workspace.write(key, None);
    }
    Ok(keys.len() < STEP_ROWS_MAX)
}

/// Adds the entries of the next rows to an index. What was written since it was
/// declared has its entries already: they are written once more as they are.
fn fill(workspace: &mut Workspace<'_>, index: &Index, after: &[u8], done: u64) -> Result<State, Stop> {
    let from = [after, &[0]].concat();
    let to = index.rows.end();
    let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut bytes_left = STEP_BYTES_MAX;
    let mut more = false;
    workspace.reader().scan(Scan::ascending(&from, &to), &mut |key, row| {
        more = rows.len() == STEP_ROWS_MAX || bytes_left == 0;
        if !more {
            bytes_left = bytes_left.saturating_sub(row.len());
            rows.push((copied(key), copied(row)));
        }
        !more
    })?;
    for (key, row) in &rows {
        let row = DocumentRef::from_stored(row);
        let entries = index.entries(key, row);
        if entries.len() > ENTRIES_PER_ROW_MAX {
            return Err(workspace.schema().too_many(index, row));
        }
        for entry in entries {
            workspace.write_entry(index, &entry, key);
        }
    }
    Ok(match rows.pop() {
        Some((after, _)) if more => State::Building { after, done: done + rows.len() as u64 + 1 },
        _ => State::Ready,
    })
}
