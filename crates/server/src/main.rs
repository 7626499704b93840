//! `pannierd`, the server of Pannier: the sync protocol of `docs/protocol.md` over one SQLite
//! database, the shop's catalogue, and if asked the shop's files.

mod auth;
mod body;
mod catalogue;
mod config;
mod files;
mod http;
mod poke;
mod store;
mod sync;
mod tx;
mod writer;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::serve::ListenerExt;
use clap::Parser;
use clap::error::ErrorKind;
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use auth::{Claims, Secret};
use config::{Cli, Command, LogLevel, Serve, Token};
use http::App;
use poke::Pokes;
use writer::Writer;

/// After a signal to stop, how long requests under way may take to finish.
const STOP_WAIT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match (cli.command, cli.serve) {
        (Some(Command::Token(args)), _) => print_token(&args),
        (None, Some(args)) => serve(&args),
        (None, None) => clap::Error::new(ErrorKind::MissingRequiredArgument).exit(),
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

fn serve(args: &Serve) -> Result<(), String> {
    if let Some(dir) = &args.static_dir
        && !dir.is_dir()
    {
        return Err(format!("static folder {}: no such folder", dir.display()));
    }
    let mut connection = store::open(&args.db).map_err(|e| e.to_string())?;
    let secret = Secret::load_or_create(&config::secret_path(&args.db, args.secret_file.as_deref()))?;
    if let Some(file) = &args.catalog {
        import(&mut connection, file)?;
    }
    let (writer, thread) = Writer::start(connection);
    let app = Arc::new(App { writer, pokes: Pokes::new(), secret, log: args.log });
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("runtime: {e}"))?
        .block_on(listen(args, app));
    // The last request is done: the thread drains its queue and closes the database.
    thread.join().map_err(|_| "the database thread panicked")?;
    if args.log >= LogLevel::Info {
        eprintln!("pannierd: stopped");
    }
    served
}

fn import(connection: &mut Connection, file: &Path) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|e| format!("catalogue {}: {e}", file.display()))?;
    let parsed = catalogue::parse(&bytes);
    for bad in &parsed.bad {
        eprintln!("catalogue: {}: {bad}", file.display());
    }
    let transaction = connection.transaction().map_err(|e| format!("database: {e}"))?;
    let count = store::import(&transaction, &parsed.products).map_err(|e| e.to_string())?;
    transaction.commit().map_err(|e| format!("database: {e}"))?;
    eprintln!(
        "catalogue: {} products in, {} unchanged, {} lines skipped",
        count.written,
        count.unchanged,
        parsed.bad.len()
    );
    Ok(())
}

async fn listen(args: &Serve, app: Arc<App>) -> Result<(), String> {
    let wrong = |e| format!("listening on {}: {e}", args.listen);
    let listener = TcpListener::bind(args.listen).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    // The last piece of an answer must not wait until the client has acknowledged the one before.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt()).map_err(wrong)?, signal(SignalKind::terminate()).map_err(wrong)?);
    println!("listening on http://{address}");
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let router = http::router(app.clone(), args.static_dir.as_deref());
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Streams of pokes would keep their connections open for ever.
        app.pokes.close();
        stopping.send_replace(true);
    });
    let late = async {
        let _ = stopped.wait_for(|stopped| *stopped).await;
        tokio::time::sleep(STOP_WAIT).await;
    };
    tokio::select! {
        served = server => served.map_err(|e| format!("serving: {e}")),
        () = late => Ok(()),
    }
}
