//! What is done from time to time: what nobody can need any more goes, a log that is outdated is
//! written anew.

use std::sync::Arc;
use std::time::Duration;

use pannier::sync::rows::Collection;
use pannier::sync::server::{TOMBSTONE_KEPT_MS, forgettable_before};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::http::App;
use crate::{now_ms, pieces};

/// How often it is done.
const EVERY: Duration = Duration::from_secs(3600);
/// Rows dropped in one transaction: shoppers' requests go in between.
const ROWS_PER_TRANSACTION: usize = 500;

/// Drops some rows that are from before a time, and tells how many.
type Prune = fn(&Connection, u64) -> rusqlite::Result<usize>;

/// Does it again and again; never returns.
pub async fn run(app: Arc<App>) {
    loop {
        once(&app).await;
        tokio::time::sleep(EVERY).await;
    }
}

async fn once(app: &App) {
    let now_ms = now_ms();
    prune(app, "tombstones", tombstones, now_ms.saturating_sub(TOMBSTONE_KEPT_MS)).await;
    let before_ms = forgettable_before(app.anonymous_kept_ms, now_ms);
    // A client is the last of what is kept of it.
    prune(app, "outcomes", outcomes, before_ms).await;
    prune(app, "clients", clients, before_ms).await;
    match app.writer.run(pieces::fold).await {
        Ok(Ok(true)) => tracing::info!("the catalogue's log was written anew"),
        Ok(Ok(false)) => {}
        Ok(Err(e)) => tracing::warn!("the catalogue's log: {e}"),
        Err(e) => tracing::warn!("the catalogue's log: {e}"),
    }
}

/// Drops all that is from before a time, a few rows in each transaction.
async fn prune(app: &App, kind: &'static str, some: Prune, before_ms: u64) {
    let mut pruned = 0;
    loop {
        match app.writer.run(move |connection| some(connection, before_ms)).await {
            Ok(Ok(rows)) => {
                app.metrics.pruned(kind, rows);
                pruned += rows;
                if rows < ROWS_PER_TRANSACTION {
                    break;
                }
            }
            Ok(Err(e)) => return tracing::warn!("{kind}: {e}"),
            Err(e) => return tracing::warn!("{kind}: {e}"),
        }
    }
    if pruned > 0 {
        tracing::info!(pruned, "old {kind} are gone");
    }
}

/// Tombstones. Their scopes remember it: a cookie from before them gets a reset. The catalog comes in
/// pages, between which it must not, and has none: its products are never deleted.
fn tombstones(connection: &Connection, before_ms: u64) -> rusqlite::Result<usize> {
    let mut old = connection.prepare_cached(
        "SELECT owner, collection, key, rev FROM row WHERE dead_ms < ?1 AND collection != ?2 LIMIT ?3",
    )?;
    let old = old
        .query_map(params![before_ms, Collection::Catalog.number(), ROWS_PER_TRANSACTION as i64], |row| {
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

/// Outcomes of anonymous shoppers' clients that can be forgotten.
fn outcomes(connection: &Connection, before_ms: u64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM outcome WHERE (client, seq) IN (
                SELECT client, seq FROM client JOIN outcome ON outcome.client = client.id
                WHERE shopper GLOB 'anon-*' AND seen_ms < ?1 LIMIT ?2
             )",
        )?
        .execute(params![before_ms, ROWS_PER_TRANSACTION as i64])
}

/// Those clients, once they have no outcomes.
fn clients(connection: &Connection, before_ms: u64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM client WHERE id IN (
                SELECT id FROM client WHERE shopper GLOB 'anon-*' AND seen_ms < ?1
                AND NOT EXISTS (SELECT 1 FROM outcome WHERE outcome.client = client.id) LIMIT ?2
             )",
        )?
        .execute(params![before_ms, ROWS_PER_TRANSACTION as i64])
}

#[cfg(test)]
mod tests {
    use pannier::shop::claim::ANONYMOUS_PREFIX;

    use super::*;
    use crate::store::SCHEMA;

    /// Clients by their number: whose, how many outcomes, when last seen.
    fn connection(clients: &[(u8, &str, u64, u64)]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        for (id, shopper, outcomes, seen_ms) in clients {
            let values = params![[*id; 16], shopper, outcomes, seen_ms];
            connection.execute("INSERT INTO client VALUES (?1, ?2, ?3, ?4)", values).unwrap();
            for seq in 1..=*outcomes {
                let values = params![[*id; 16], seq];
                connection
                    .execute("INSERT INTO outcome VALUES (?1, ?2, zeroblob(16), 0, 0, 'applied', NULL, 0, x'')", values)
                    .unwrap();
            }
        }
        connection
    }

    fn left(connection: &Connection) -> Vec<(u8, u64)> {
        let mut left = connection
            .prepare(
                "SELECT id, (SELECT count(*) FROM outcome WHERE outcome.client = client.id) FROM client ORDER BY id",
            )
            .unwrap();
        left.query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?[0], row.get(1)?)))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap()
    }

    #[test]
    fn only_who_cannot_come_back_is_forgotten_and_in_steps() {
        let clients_of = [
            (1, "anon-old", 700, 10),
            (2, "anon-old", 600, 99),
            (3, "anon-new", 3, 100),
            (4, "ada", 3, 10),
            (5, "anonymous", 1, 10),
            (6, "anon-idle", 0, 10),
        ];
        let connection = connection(&clients_of);
        assert_eq!([500, 500, 300, 0], [0; 4].map(|_| outcomes(&connection, 100).unwrap()));
        assert_eq!(left(&connection), [(1, 0), (2, 0), (3, 3), (4, 3), (5, 1), (6, 0)]);
        assert_eq!(clients(&connection, 100).unwrap(), 3);
        assert_eq!(left(&connection), [(3, 3), (4, 3), (5, 1)]);
    }

    #[test]
    fn a_client_with_outcomes_stays() {
        let connection = connection(&[(1, "anon-old", 2, 10)]);
        assert_eq!(clients(&connection, 100).unwrap(), 0);
        assert_eq!(left(&connection), [(1, 2)]);
    }

    #[test]
    fn looking_for_them_reads_no_others() {
        let connection = connection(&[]);
        assert_eq!(ANONYMOUS_PREFIX, "anon-", "the index and the statements name it");
        for (what, statement) in [
            ("clients", "SELECT id FROM client WHERE shopper GLOB 'anon-*' AND seen_ms < ?1"),
            (
                "outcomes",
                "SELECT client, seq FROM client JOIN outcome ON outcome.client = client.id
                 WHERE shopper GLOB 'anon-*' AND seen_ms < ?1",
            ),
        ] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let plan: Vec<String> =
                plan.query_map([0], |row| row.get(3)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
            assert!(plan[0].contains("INDEX client_by_seen (seen_ms<?)"), "{what}: {plan:?}");
        }
    }
}
