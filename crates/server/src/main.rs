//! `pannierd`, the server of Pannier: the sync protocol of `docs/protocol.md` over one SQLite
//! database, the shop's catalogue, and if asked the shop's files.

mod admin;
mod auth;
mod body;
mod bounded;
mod call;
mod catalogue;
mod config;
mod files;
mod hook;
mod http;
mod keys;
mod limits;
mod logs;
mod metrics;
mod pieces;
mod poke;
mod reader;
mod serve;
mod store;
mod sync;
mod tx;
mod upkeep;
mod writer;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use auth::{Claims, Secret, Signers};
use config::{Backup, Command, NewEpoch, Restore, Serve, Token};
use hook::Hook;
use http::{App, Base};
use keys::KeySet;
use metrics::Metrics;
use reader::Reader;
use serve::Door;
use writer::Writer;

fn main() -> ExitCode {
    let cli = config::parse(std::env::args_os().collect()).unwrap_or_else(|e| e.exit());
    let done = match cli.command {
        Some(Command::Token(args)) => print_token(&args),
        Some(Command::Backup(args)) => backup(&args),
        Some(Command::Restore(args)) => restore(&args),
        Some(Command::NewEpoch(args)) => new_epoch(&args),
        None => serve(&cli.serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("pannierd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Seconds since 1970.
fn now_s() -> u64 {
    now().as_secs()
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    u64::try_from(now().as_millis()).unwrap_or(u64::MAX)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn print_token(args: &Token) -> Result<(), String> {
    let secret = Secret::load_or_create(&config::secret_path(&args.db, args.secret_file.as_deref()))?;
    let token = secret.sign(&Claims {
        sub: args.shopper.clone().unwrap_or_else(|| "admin".into()),
        exp: Some(now_s() + auth::days_s(args.days)),
        admin: args.admin,
    });
    println!("{token}");
    Ok(())
}

fn backup(args: &Backup) -> Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| format!("backup {}: {why}", args.to.display());
    if !args.db.is_file() {
        return Err(format!("database {}: no such file", args.db.display()));
    }
    if args.to.exists() {
        return Err(wrong(&"there is such a file already"));
    }
    store::backup(&args.db, &args.to).map_err(|e| wrong(&e))?;
    // A copy that is not on the disk yet is none.
    fs::File::open(&args.to).and_then(|file| file.sync_all()).map_err(|e| wrong(&e))
}

fn restore(args: &Restore) -> Result<(), String> {
    if !args.from.is_file() {
        return Err(format!("backup {}: no such file", args.from.display()));
    }
    let epoch = store::restore(&args.from, &args.db).map_err(|e| e.to_string())?;
    println!("epoch {epoch}");
    Ok(())
}

fn new_epoch(args: &NewEpoch) -> Result<(), String> {
    if !args.db.is_file() {
        return Err(format!("database {}: no such file", args.db.display()));
    }
    let connection = store::open(&args.db).map_err(|e| e.to_string())?;
    let epoch = store::new_epoch(&connection, &args.db).map_err(|e| e.to_string())?;
    println!("epoch {epoch}");
    Ok(())
}

fn serve(args: &Serve) -> Result<(), String> {
    if let Some(dir) = &args.static_dir
        && !dir.is_dir()
    {
        return Err(format!("static folder {}: no such folder", dir.display()));
    }
    logs::start(args.log, args.log_format);
    let mut connection = store::open(args.db()).map_err(|e| e.to_string())?;
    let secret = Secret::load_or_create(&config::secret_path(args.db(), args.secret_file.as_deref()))?;
    let load = |place: &String| KeySet::load(place, args.issuer.as_deref(), args.audience.as_deref());
    let keys = args.keys.as_ref().map(load).transpose()?;
    if let Some(file) = &args.catalog {
        import(&mut connection, file)?;
    }
    let metrics = Arc::new(Metrics::new());
    let (writer, thread) = Writer::start(connection, metrics.clone());
    let reader = Reader::open(args.db()).map_err(|e| format!("database: {e}"))?;
    let hook = args
        .hook
        .as_ref()
        .map(|url| Arc::new(Hook::new(url, Duration::from_millis(args.hook_wait_ms), metrics.clone())));
    let base = Base { writer, reader, hook, signers: Signers { secret, keys }, metrics };
    let app = Arc::new(App::new(base, &args.limits));
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("runtime: {e}"))?
        .block_on(listen(args, app));
    // The last request is done: the thread drains its queue and closes the database.
    thread.join().map_err(|_| "the database thread panicked")?;
    tracing::info!("stopped");
    served
}

fn import(connection: &mut Connection, file: &Path) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|e| format!("catalogue {}: {e}", file.display()))?;
    let parsed = catalogue::parse(&bytes);
    for bad in &parsed.bad {
        tracing::warn!(file = %file.display(), "catalogue: {bad}");
    }
    let transaction = connection.transaction().map_err(|e| format!("database: {e}"))?;
    let count = store::import(&transaction, &parsed.products).map_err(|e| e.to_string())?;
    transaction.commit().map_err(|e| format!("database: {e}"))?;
    let (written, unchanged, skipped) = (count.written, count.unchanged, parsed.bad.len());
    tracing::info!("catalogue: {written} products in, {unchanged} unchanged, {skipped} lines skipped");
    Ok(())
}

async fn listen(args: &Serve, app: Arc<App>) -> Result<(), String> {
    let wrong = |e| format!("listening on {}: {e}", args.listen);
    let listener = TcpListener::bind(args.listen).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt()).map_err(wrong)?, signal(SignalKind::terminate()).map_err(wrong)?);
    println!("listening on http://{address}");
    tracing::info!(%address, "listening");
    let door = Door {
        connections_max: args.limits.connections,
        proxies: args.limits.proxies,
        read_wait: app.read_wait,
        metrics: app.metrics.clone(),
    };
    let router = http::router(app.clone(), args.static_dir.as_deref());
    let keeping = keep(app.clone());
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = keeping => {}
        }
        tracing::info!("stopping");
        // Streams of pokes would keep their connections open for ever.
        app.stop();
    };
    serve::run(listener, router, door, stop).await;
    Ok(())
}

/// Keeps the key set fresh, where there is one, and the database tidy; never returns.
async fn keep(app: Arc<App>) {
    let keys = async {
        match &app.signers.keys {
            Some(keys) => keys.keep_fresh().await,
            None => std::future::pending().await,
        }
    };
    tokio::join!(keys, upkeep::run(app.clone()));
}
