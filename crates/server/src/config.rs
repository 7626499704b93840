//! What the command line, the environment and the settings file say, in this order of precedence.
//!
//! A setting has one name everywhere: `--rate-shopper`, `PANNIERD_RATE_SHOPPER`, `rate-shopper`.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::auth::ANONYMOUS_DAYS;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, Error, FromArgMatches, Parser, Subcommand, ValueEnum};

/// pannierd, the server of Pannier: keeps shoppers' carts and history and the shop's catalogue in
/// one SQLite file, and reconciles what devices did offline.
///
/// Every option may stand in the environment and, except for --config, in the settings file. The
/// command line goes before the environment, that before the file.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: Serve,
}

/// Options of the server itself.
#[derive(Args)]
pub struct Serve {
    /// Settings in TOML, each under its option's name without dashes before it
    #[arg(long, value_name = "FILE.toml", env = "PANNIERD_CONFIG")]
    pub config: Option<PathBuf>,
    /// The SQLite database; created when missing
    #[arg(long, value_name = "FILE", env = "PANNIERD_DB")]
    db: Option<PathBuf>,
    /// Address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", env = "PANNIERD_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// Folder with the shop's files, served on every path outside /v1
    #[arg(long = "static", value_name = "DIR", env = "PANNIERD_STATIC")]
    pub static_dir: Option<PathBuf>,
    /// Products to import at start, one JSON object a line
    #[arg(long, value_name = "FILE.ndjson", env = "PANNIERD_CATALOG")]
    pub catalog: Option<PathBuf>,
    /// Secret that signs tokens (HS256); created when missing [default: FILE.secret beside the database]
    #[arg(long, value_name = "FILE", env = "PANNIERD_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
    /// JSON Web Key Set whose keys sign shoppers' tokens (EdDSA, RS256); read again when it changes
    #[arg(long, value_name = "FILE or URL", env = "PANNIERD_KEYS")]
    pub keys: Option<String>,
    /// What `iss` must be in tokens signed with those keys
    #[arg(long, value_name = "NAME", env = "PANNIERD_ISSUER", requires = "keys")]
    pub issuer: Option<String>,
    /// What `aud` must hold in tokens signed with those keys
    #[arg(long, value_name = "NAME", env = "PANNIERD_AUDIENCE", requires = "keys")]
    pub audience: Option<String>,
    /// The shop's own system, which is asked about coupons and orders in place of the catalogue
    #[arg(long, value_name = "URL", env = "PANNIERD_HOOK")]
    pub hook: Option<String>,
    /// Milliseconds that an answer of the hook may take
    #[arg(long, value_name = "MS", env = "PANNIERD_HOOK_WAIT_MS", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub hook_wait_ms: u64,
    /// How much to say on stderr
    #[arg(long, value_enum, value_name = "LEVEL", env = "PANNIERD_LOG", default_value = "info")]
    pub log: LogLevel,
    /// How to say it
    #[arg(long, value_enum, value_name = "FORMAT", env = "PANNIERD_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    #[command(flatten)]
    pub limits: Limits,
}

/// Limits that depend on the shop and on the machine; the others are constants.
#[derive(Args, Clone)]
pub struct Limits {
    /// Trusted proxies in front, each of which adds to X-Forwarded-For
    #[arg(long, value_name = "N", env = "PANNIERD_PROXIES", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=8))]
    pub proxies: u8,
    /// Requests a second of one shopper, 60 times as many at once; ten mutations count as one more
    #[arg(long, value_name = "N", env = "PANNIERD_RATE_SHOPPER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_shopper: u32,
    /// Requests a second of one address, 10 times as many at once; the loopback has no limit
    #[arg(long, value_name = "N", env = "PANNIERD_RATE_ADDRESS", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_address: u32,
    /// Rows that one shopper may store, tombstones among them
    #[arg(long, value_name = "N", env = "PANNIERD_SHOPPER_ROWS", default_value_t = 20_000)]
    pub shopper_rows: u64,
    /// Bytes of keys and values that one shopper may store
    #[arg(long, value_name = "N", env = "PANNIERD_SHOPPER_BYTES", default_value_t = 16 * 1024 * 1024)]
    pub shopper_bytes: u64,
    /// Days after which the clients of an anonymous shopper who was not seen since are forgotten: longer than any token signed for one lasts
    #[arg(long, value_name = "DAYS", env = "PANNIERD_ANONYMOUS_KEPT_DAYS", default_value_t = 180, value_parser = clap::value_parser!(u32).range(i64::from(ANONYMOUS_DAYS)..=3650))]
    pub anonymous_kept_days: u32,
    /// Open connections
    #[arg(long, value_name = "N", env = "PANNIERD_CONNECTIONS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,
    /// Milliseconds that the head and the body of a request may each take
    #[arg(long, value_name = "MS", env = "PANNIERD_READ_WAIT_MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub read_wait_ms: u64,
    /// Open streams of pokes, 16 of them of one shopper
    #[arg(long, value_name = "N", env = "PANNIERD_STREAMS", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub streams: u32,
}

/// Commands that do not serve.
#[derive(Subcommand)]
pub enum Command {
    /// Print a token that the server of this database accepts
    Token(Token),
    /// Copy a database as it is at this moment, also while it is served
    Backup(Backup),
    /// Put a backup in the place of a database, under a new epoch: the clients then send again what
    /// the backup does not have
    Restore(Restore),
    /// Give a database a new epoch, after a snapshot of its disk or machine was restored
    NewEpoch(NewEpoch),
}

/// Options of `pannierd restore`.
#[derive(Args)]
pub struct Restore {
    /// The SQLite database, made where there is none; no pannierd may be serving it
    #[arg(long, value_name = "FILE", env = "PANNIERD_DB")]
    pub db: PathBuf,
    /// What `pannierd backup` wrote; it stays as it is
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
}

/// Options of `pannierd new-epoch`.
#[derive(Args)]
pub struct NewEpoch {
    /// The SQLite database; no pannierd may be serving it
    #[arg(long, value_name = "FILE", env = "PANNIERD_DB")]
    pub db: PathBuf,
}

/// Options of `pannierd backup`.
#[derive(Args)]
pub struct Backup {
    /// The SQLite database
    #[arg(long, value_name = "FILE", env = "PANNIERD_DB")]
    pub db: PathBuf,
    /// Where the copy goes; a file that is there already is left alone
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Options of `pannierd token`.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("who").required(true).multiple(true).args(["shopper", "admin"]))]
pub struct Token {
    /// The SQLite database whose secret signs the token
    #[arg(long, value_name = "FILE", env = "PANNIERD_DB")]
    pub db: PathBuf,
    /// Secret that signs the token; created when missing [default: FILE.secret beside the database]
    #[arg(long, value_name = "FILE", env = "PANNIERD_SECRET_FILE")]
    pub secret_file: Option<PathBuf>,
    /// The shopper whom the token names
    #[arg(long, value_name = "NAME")]
    pub shopper: Option<String>,
    /// Let the token change the catalogue and read the metrics
    #[arg(long)]
    pub admin: bool,
    /// Days until the token expires
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
}

/// How much the server says on stderr.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Nothing but what ends the server
    Error,
    /// What went wrong in a request too
    Warn,
    /// Start, stop and imports too
    Info,
    /// A line for each request too
    Debug,
}

/// How a line of the log is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl Serve {
    /// The database, which [`parse`] has made sure of.
    pub fn db(&self) -> &Path {
        self.db.as_deref().unwrap_or(Path::new(""))
    }
}

/// Reads what the process was started with.
pub fn parse(mut words: Vec<OsString>) -> Result<Cli, Error> {
    let command = Cli::command();
    let mut matches = command.clone().try_get_matches_from(&words)?;
    if let Some(path) = matches.get_one::<PathBuf>("config").cloned() {
        words.extend(from_file(&command, &matches, &path)?);
        let of_file = |e: Error| in_file(&path, e.kind(), e.to_string().trim_start_matches("error: "));
        matches = command.clone().try_get_matches_from(words).map_err(of_file)?;
    }
    let cli = Cli::from_arg_matches(&matches)?;
    if cli.command.is_none() && cli.serve.db.is_none() {
        let why = "the following required argument was not provided: --db <FILE>";
        return Err(command.clone().error(ErrorKind::MissingRequiredArgument, why));
    }
    Ok(cli)
}

/// The settings of a file, as words of the command line, but for those that the command line and
/// the environment have settled.
fn from_file(command: &clap::Command, matches: &ArgMatches, path: &Path) -> Result<Vec<OsString>, Error> {
    let wrong = |why: &dyn std::fmt::Display| in_file(path, ErrorKind::Io, why);
    let text = fs::read_to_string(path).map_err(|e| wrong(&e))?;
    let settings: toml::Table = text.parse().map_err(|e| wrong(&e))?;
    let mut words = Vec::new();
    for (name, value) in settings {
        let known = command.get_arguments().find(|arg| arg.get_long() == Some(name.as_str()) && name != "config");
        let Some(known) = known else {
            return Err(wrong(&format_args!("{name} is no setting")));
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            other => return Err(wrong(&format_args!("{name} is a {}, not a string or an integer", other.type_str()))),
        };
        let source = matches.value_source(known.get_id().as_str());
        if !matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            words.push(format!("--{name}={text}").into());
        }
    }
    Ok(words)
}

fn in_file(path: &Path, kind: ErrorKind, why: impl std::fmt::Display) -> Error {
    Error::raw(kind, format!("settings file {}: {why}\n", path.display()))
}

/// Where the secret of a database is kept when the command line does not say.
pub fn secret_path(db: &Path, secret_file: Option<&Path>) -> PathBuf {
    match secret_file {
        Some(path) => path.to_owned(),
        None => {
            let mut name = db.as_os_str().to_owned();
            name.push(".secret");
            PathBuf::from(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../../docs/server.md");

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
        for arg in Cli::command().get_arguments() {
            let Some(name) = arg.get_long().filter(|name| !["help", "version"].contains(name)) else { continue };
            let variable = format!("PANNIERD_{}", name.replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env(), Some(variable.as_ref()), "{name}");
            assert!(MANUAL.contains(&format!("| `--{name}` |")), "docs/server.md does not tell of --{name}");
        }
    }
}
