//! What the command line says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// pannierd, the server of Pannier: keeps shoppers' carts and history and the shop's catalogue in
/// one SQLite file, and reconciles what devices did offline.
#[derive(Parser)]
#[command(version, subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: Option<Serve>,
}

/// Options of the server itself.
#[derive(Args)]
pub struct Serve {
    /// The SQLite database; created when missing
    #[arg(long, value_name = "FILE")]
    pub db: PathBuf,
    /// Address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// Folder with the shop's files, served on every path outside /v1
    #[arg(long = "static", value_name = "DIR")]
    pub static_dir: Option<PathBuf>,
    /// Products to import at start, one JSON object a line
    #[arg(long, value_name = "FILE.ndjson")]
    pub catalog: Option<PathBuf>,
    /// Secret that signs the shoppers' tokens; created when missing [default: FILE.secret beside the database]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// How much to say on stderr
    #[arg(long, value_enum, default_value = "info")]
    pub log: LogLevel,
}

/// Commands that do not serve.
#[derive(Subcommand)]
pub enum Command {
    /// Print a token that the server of this database accepts
    Token(Token),
}

/// Options of `pannierd token`.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("who").required(true).multiple(true).args(["shopper", "admin"]))]
pub struct Token {
    /// The SQLite database whose secret signs the token
    #[arg(long, value_name = "FILE")]
    pub db: PathBuf,
    /// Secret that signs the token; created when missing [default: FILE.secret beside the database]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// The shopper whom the token names
    #[arg(long, value_name = "NAME")]
    pub shopper: Option<String>,
    /// Let the token change the catalogue
    #[arg(long)]
    pub admin: bool,
    /// Days until the token expires
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
}

/// How much the server says on stderr.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Nothing but what ends the server
    Error,
    /// Start, stop and what went wrong in a request
    Info,
    /// A line for each request
    Debug,
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
