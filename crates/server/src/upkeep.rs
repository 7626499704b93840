//! What is done from time to time: tombstones that are old go, a log that is outdated is written
//! anew.

use std::sync::Arc;
use std::time::Duration;

use pannier::sync::rows::Collection;
use pannier::sync::server::TOMBSTONE_KEPT_MS;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::http::App;
use crate::{now_ms, pieces};

/// How often old tombstones are looked for.
const EVERY: Duration = Duration::from_secs(3600);
/// Tombstones in one transaction: shoppers' requests go in between.
const TOMBSTONES_PER_TRANSACTION: usize = 500;

/// Does it again and again; never returns.
pub async fn run(app: Arc<App>) {
    loop {
        once(&app).await;
        tokio::time::sleep(EVERY).await;
    }
}

async fn once(app: &App) {
    let before_ms = now_ms().saturating_sub(TOMBSTONE_KEPT_MS);
    let mut pruned = 0;
    loop {
        match app.writer.run(move |connection| prune(connection, before_ms)).await {
            Ok(Ok(some)) => {
                pruned += some;
                if some < TOMBSTONES_PER_TRANSACTION {
                    break;
                }
            }
            Ok(Err(e)) => return tracing::warn!("tombstones: {e}"),
            Err(e) => return tracing::warn!("tombstones: {e}"),
        }
    }
    if pruned > 0 {
        tracing::info!(pruned, "old tombstones are gone");
    }
    match app.writer.run(pieces::fold).await {
        Ok(Ok(true)) => tracing::info!("the catalogue's log was written anew"),
        Ok(Ok(false)) => {}
        Ok(Err(e)) => tracing::warn!("the catalogue's log: {e}"),
        Err(e) => tracing::warn!("the catalogue's log: {e}"),
    }
}

/// Drops some tombstones from before this time. Their scopes remember it: a cookie from before them
/// gets a reset. Not those of the catalog, which comes in pages, between which it must not.
fn prune(connection: &Connection, before_ms: u64) -> rusqlite::Result<usize> {
    let mut old = connection.prepare_cached(
        "SELECT owner, collection, key, rev FROM row WHERE dead_ms < ?1 AND collection != ?2 LIMIT ?3",
    )?;
    let old = old
        .query_map(params![before_ms, Collection::Catalog.number(), TOMBSTONES_PER_TRANSACTION as i64], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Value>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (owner, collection, key, rev) in &old {
        connection
            .prepare_cached("DELETE FROM row WHERE owner = ?1 AND collection = ?2 AND key = ?3")?
            .execute(params![owner, collection, key])?;
        connection
            .prepare_cached(
                "UPDATE scope SET rows = rows - 1, bytes = bytes - ?3, pruned = max(pruned, ?4)
                 WHERE owner = ?1 AND collection = ?2",
            )?
            .execute(params![owner, collection, key.len() as i64, rev])?;
    }
    Ok(old.len())
}
