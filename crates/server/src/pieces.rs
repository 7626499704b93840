//! The catalogue's change log in pieces, for caches between the shop and its shoppers.
//!
//! Each revision of the catalogue is an entry, and each entry belongs to one piece. A piece that is
//! full never changes, so a cache may keep it for ever; the last one grows. When too much of the log
//! is outdated it is written anew from the catalogue's rows under another handle, and who asks for
//! the old one is told to fetch again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use pannier::format::document::Document;
use pannier::sync::rows::Collection;
use pannier::sync::server::SHARED;
use pannier::sync::wire::Change;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::json;

use crate::auth;
use crate::http::{App, unavailable};

/// Entries of a full piece, as many as a page of a sync holds.
const PIECE_ENTRIES_MAX: i64 = 1000;
/// Bytes of keys and values after which a piece is full.
const PIECE_BYTES_MAX: i64 = 512 * 1024;
/// The log is written anew when it has so many entries for each row, and [`FOLD_ENTRIES_MIN`] besides.
const FOLD_ENTRIES_PER_ROW: i64 = 4;
/// Below this the log is short enough whatever it holds.
const FOLD_ENTRIES_MIN: i64 = 4000;
/// A piece that is full.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What grows: so many seconds may an answer be late.
const A_MOMENT: &str = "public, max-age=5";

/// The tables of the log.
pub const SCHEMA: &str = "
    -- One row: names the log, and tells how full its last piece is.
    CREATE TABLE catalog_log_head (
        generation INTEGER NOT NULL,
        piece INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    );
    -- An entry without a value is a deletion.
    CREATE TABLE catalog_log (
        rev INTEGER PRIMARY KEY,
        piece INTEGER NOT NULL,
        key TEXT NOT NULL,
        value BLOB
    );
";

/// Makes a log of what the catalogue holds, under a new name.
pub fn create(connection: &Connection) -> rusqlite::Result<()> {
    let random = auth::random::<8>().map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    let generation = i64::from_le_bytes(random) & i64::MAX;
    connection.execute_batch("DELETE FROM catalog_log; DELETE FROM catalog_log_head")?;
    connection.execute("INSERT INTO catalog_log_head VALUES (?1, 0, 0, 0)", [generation])?;
    let mut rows = connection.prepare(
        "SELECT rev, key, value FROM row WHERE owner = ?1 AND collection = ?2 AND value IS NOT NULL ORDER BY rev",
    )?;
    let mut rows = rows.query(params![SHARED, Collection::Catalog.number()])?;
    while let Some(row) = rows.next()? {
        let value: Vec<u8> = row.get(2)?;
        append(connection, row.get(0)?, &row.get::<_, String>(1)?, Some(&value))?;
    }
    Ok(())
}

/// Adds what revision `rev` of the catalogue did.
pub fn append(connection: &Connection, rev: i64, key: &str, value: Option<&[u8]>) -> rusqlite::Result<()> {
    let bytes = (key.len() + value.map_or(0, <[u8]>::len)) as i64;
    let piece: i64 = connection
        .prepare_cached(
            "UPDATE catalog_log_head SET
                piece = iif(entries >= ?1 OR bytes >= ?2, piece + 1, piece),
                entries = iif(entries >= ?1 OR bytes >= ?2, 1, entries + 1),
                bytes = iif(entries >= ?1 OR bytes >= ?2, ?3, bytes + ?3)
             RETURNING piece",
        )?
        .query_row([PIECE_ENTRIES_MAX, PIECE_BYTES_MAX, bytes], |row| row.get(0))?;
    connection
        .prepare_cached("INSERT INTO catalog_log (rev, piece, key, value) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![rev, piece, key, value])?;
    Ok(())
}

/// Writes the log anew where most of it is outdated; tells whether it did.
pub fn fold(connection: &Connection) -> rusqlite::Result<bool> {
    let entries: i64 = connection.query_row("SELECT count(*) FROM catalog_log", [], |row| row.get(0))?;
    let live: i64 = connection.query_row(
        "SELECT coalesce(max(live), 0) FROM scope WHERE owner = ?1 AND collection = ?2",
        params![SHARED, Collection::Catalog.number()],
        |row| row.get(0),
    )?;
    let is_outdated = entries > FOLD_ENTRIES_MIN + FOLD_ENTRIES_PER_ROW * live;
    if is_outdated {
        create(connection)?;
    }
    Ok(is_outdated)
}

/// Where the log stands.
struct Head {
    epoch: u64,
    handle: String,
    /// The last revision.
    offset: u64,
    /// The last piece, and whether it is full.
    last: (i64, bool),
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let rev = connection
        .prepare_cached("SELECT coalesce(max(rev), 0) FROM scope WHERE owner = ?1 AND collection = ?2")?
        .query_row(params![SHARED, Collection::Catalog.number()], |row| row.get(0))?;
    connection
        .prepare_cached("SELECT epoch, generation, piece, entries >= ?1 OR bytes >= ?2 FROM meta, catalog_log_head")?
        .query_row([PIECE_ENTRIES_MAX, PIECE_BYTES_MAX], |row| {
            let (epoch, generation): (u64, u64) = (row.get(0)?, row.get(1)?);
            let handle = format!("{epoch:x}-{generation:x}");
            Ok(Head { epoch, handle, offset: rev, last: (row.get(2)?, row.get(3)?) })
        })
}

/// A piece from some offset on.
struct Piece {
    changes: Vec<Change>,
    is_full: bool,
}

/// The entries after `offset` that share a piece.
fn piece(connection: &Connection, head: &Head, offset: u64) -> rusqlite::Result<Piece> {
    let mut entries = connection.prepare_cached(
        "SELECT rev, key, value, piece FROM catalog_log WHERE rev > ?1
         AND piece = (SELECT piece FROM catalog_log WHERE rev > ?1 ORDER BY rev LIMIT 1) ORDER BY rev",
    )?;
    let mut entries = entries.query([offset])?;
    let mut piece = Piece { changes: Vec::new(), is_full: false };
    while let Some(entry) = entries.next()? {
        let (rev, key) = (entry.get(0)?, entry.get(1)?);
        let number: i64 = entry.get(3)?;
        piece.is_full = number < head.last.0 || head.last.1;
        piece.changes.push(match entry.get::<_, Option<Vec<u8>>>(2)? {
            Some(bytes) => {
                let corrupt = |_| rusqlite::types::FromSqlError::Other(format!("corrupt row {key}").into());
                Change::Put { value: Document::from_bytes(bytes).map_err(corrupt)?, key, rev }
            }
            None => Change::Del { key, rev },
        });
    }
    Ok(piece)
}

#[derive(Serialize)]
struct Body<'a> {
    epoch: u64,
    handle: &'a str,
    offset: u64,
    more: bool,
    changes: &'a [Change],
}

/// `GET /v1/catalog`: where the log begins and how far it goes.
pub async fn log(State(app): State<Arc<App>>) -> Response {
    match app.reader.run(head).await {
        Ok(Head { epoch, handle, offset, .. }) => {
            let body = json!({ "epoch": epoch, "handle": handle, "offset": offset });
            ([(CACHE_CONTROL, A_MOMENT)], Json(body)).into_response()
        }
        Err(why) => unavailable("catalogue", &why),
    }
}

/// `GET /v1/catalog/{handle}/{offset}`: the piece that follows.
pub async fn answer(
    State(app): State<Arc<App>>,
    Path((handle, offset)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Response {
    let read = app.reader.run(move |connection| {
        let transaction = connection.unchecked_transaction()?;
        let head = head(&transaction)?;
        let is_known = head.handle == handle && offset <= head.offset;
        let piece = if is_known { Some(piece(&transaction, &head, offset)?) } else { None };
        Ok((head, piece))
    });
    let (head, piece) = match read.await {
        Ok((head, Some(piece))) => (head, piece),
        Ok((head, None)) => return must_refetch(&head),
        Err(why) => return unavailable("catalogue", &why),
    };
    let next = piece.changes.last().map_or(head.offset, Change::rev);
    let tag = format!("\"{}-{offset}-{next}\"", head.handle);
    let kept = if piece.is_full { FOR_EVER } else { A_MOMENT };
    let known = headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, [(CACHE_CONTROL, kept.to_owned()), (ETAG, tag)]).into_response();
    }
    let body = Body {
        epoch: head.epoch,
        handle: &head.handle,
        offset: next,
        more: next < head.offset,
        changes: &piece.changes,
    };
    // A full piece must be the same bytes whenever it is asked for, so it does not tell how far the
    // log goes by then: behind a full piece there may always be another.
    let body = Body { more: body.more || piece.is_full, ..body };
    ([(CACHE_CONTROL, kept.to_owned()), (ETAG, tag)], Json(body)).into_response()
}

fn must_refetch(head: &Head) -> Response {
    let body = json!({
        "code": "must_refetch",
        "message": "the log was written anew: begin with this handle at offset 0",
        "handle": head.handle,
    });
    (StatusCode::CONFLICT, [(CACHE_CONTROL, A_MOMENT)], Json(body)).into_response()
}
