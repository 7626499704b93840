//! A real `pannierd` on a free port of the loopback.

use crate::server::{EXPIRED_TOKEN, NetworkError, Server, ServerEvent};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{SystemTime, UNIX_EPOCH};

const POSTCARD_TYPE: &str = "application/vnd.pannier.sync";

/// The program to run: what `PANNIERD` names, else what cargo builds here.
///
/// # Errors
/// When cargo cannot build it.
pub fn binary() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("PANNIERD") {
        return Ok(path.into());
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(workspace).args(["build", "--quiet", "--package", "pannier-server"]);
    let built = build.args(["--message-format", "json"]).stderr(Stdio::inherit()).output();
    let built = built.map_err(|error| format!("cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut executables = messages.lines().filter_map(|line| {
        let message: Json = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executables.next_back().ok_or_else(|| "cargo built no pannierd".into())
}

/// A running `pannierd` with a new database; killed, and the database removed,
/// when dropped.
pub struct Pannierd {
    program: PathBuf,
    child: Child,
    folder: PathBuf,
    address: String,
    tokens: BTreeMap<String, String>,
    admin: String,
    products: Vec<Json>,
    agent: ureq::Agent,
}

impl Pannierd {
    /// Starts one; `name` tells its folder apart from others'.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path, name: &str) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("pannier-sim-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let (child, address) = serve(program, &folder)?;
        let mut server = Self {
            program: program.into(),
            child,
            folder,
            address,
            tokens: BTreeMap::new(),
            admin: String::new(),
            products: Vec::new(),
            agent: ureq::Agent::config_builder().http_status_as_error(false).build().into(),
        };
        server.admin = server.new_token(&["--admin"])?;
        Ok(server)
    }

    fn new_token(&self, who: &[&str]) -> Result<String, String> {
        self.run("token", who)
    }

    /// Runs a command that does not serve; what it prints.
    fn run(&self, name: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.arg(name).arg("--db").arg(self.folder.join("shop.db")).args(args);
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().into())
    }

    /// Kills the server, does `work` with the folder of its database, and starts it again.
    fn stopped(&mut self, work: impl FnOnce(&Self) -> Result<(), String>) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(|error| error.to_string())?;
        work(self)?;
        (self.child, self.address) = serve(&self.program, &self.folder)?;
        Ok(())
    }

    /// Removes the database.
    fn wipe(&self) -> Result<(), String> {
        for suffix in ["", "-wal", "-shm"] {
            let file = self.folder.join(format!("shop.db{suffix}"));
            if file.exists() {
                std::fs::remove_file(file).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    fn token(&mut self, shopper: &str) -> String {
        if !self.tokens.contains_key(shopper) {
            let token = self.new_token(&["--shopper", shopper]).expect("pannierd makes tokens");
            self.tokens.insert(shopper.into(), token);
        }
        self.tokens[shopper].clone()
    }

    fn send(&self, path: &str, token: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, NetworkError> {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        let request = request.header("authorization", format!("Bearer {token}")).header("content-type", kind);
        let mut response = request.send(body).map_err(|_| NetworkError)?;
        response.body_mut().read_to_vec().map_err(|_| NetworkError)
    }
}

/// Starts the program; where it listens.
fn serve(program: &Path, folder: &Path) -> Result<(Child, String), String> {
    let mut child = Command::new(program)
        .args(["--listen", "127.0.0.1:0", "--log", "error", "--db"])
        .arg(folder.join("shop.db"))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("no output")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
    let address = line.trim().strip_prefix("listening on http://").ok_or("it does not say where it listens")?;
    Ok((child, address.into()))
}

impl Drop for Pannierd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Server for Pannierd {
    fn post(&mut self, shopper: &str, body: Vec<u8>) -> Result<Vec<u8>, NetworkError> {
        let token = self.token(shopper);
        self.send("/v1/sync", &token, POSTCARD_TYPE, &body)
    }

    fn post_expired(&mut self, body: Vec<u8>) -> Result<Vec<u8>, NetworkError> {
        self.send("/v1/sync", EXPIRED_TOKEN, POSTCARD_TYPE, &body)
    }

    fn post_twice_at_once(&mut self, shopper: &str, body: Vec<u8>) -> Result<[Vec<u8>; 2], NetworkError> {
        let token = self.token(shopper);
        let start = Barrier::new(2);
        let deliver = || {
            start.wait();
            self.send("/v1/sync", &token, POSTCARD_TYPE, &body)
        };
        let (first, second) = std::thread::scope(|scope| {
            let other = scope.spawn(deliver);
            (deliver(), other.join().expect("the other delivery ends"))
        });
        Ok([first?, second?])
    }

    fn post_cut(&mut self, shopper: &str, body: &[u8]) {
        let token = self.token(shopper);
        let mut stream = TcpStream::connect(&self.address).expect("pannierd listens");
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: {POSTCARD_TYPE}\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("the head goes out");
        stream.write_all(&body[..body.len() / 2]).expect("half the body goes out");
        stream.shutdown(Shutdown::Write).expect("the connection breaks off");
        // When the server has closed it too, it is done with the request.
        let _ = stream.read_to_end(&mut Vec::new());
    }

    fn put_products(&mut self, products: &[Json]) {
        // As they are now: an import takes each id once.
        let is_same = |old: &Json, new: &Json| (&new["id"], &new["coupon"]) == (&old["id"], &old["coupon"]);
        self.products.retain(|old| !products.iter().any(|new| is_same(old, new)));
        self.products.extend_from_slice(products);
        let lines: Vec<String> = products.iter().map(Json::to_string).collect();
        let answer = self.send("/v1/admin/catalog", &self.admin, "application/x-ndjson", lines.join("\n").as_bytes());
        let answer: Json = serde_json::from_slice(&answer.expect("pannierd answers")).expect("JSON");
        assert_eq!(answer["in"], products.len(), "pannierd did not take all products: {answer}");
    }

    fn secret(&mut self, anonymous: &str) -> String {
        self.token(anonymous)
    }

    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        u64::try_from(now.as_millis()).expect("it is before the year 500 million")
    }

    fn befall(&mut self, event: ServerEvent) -> bool {
        let backup = self.folder.join("backup.db");
        let done = self.stopped(|server| match event {
            ServerEvent::Backup => {
                // A backup replaces no file.
                let _ = std::fs::remove_file(&backup);
                server.run("backup", &["--to", &backup.to_string_lossy()]).map(drop)
            }
            ServerEvent::Restore => server.run("restore", &["--from", &backup.to_string_lossy()]).map(drop),
            ServerEvent::Rollback => {
                server.wipe()?;
                let copied = std::fs::copy(&backup, server.folder.join("shop.db"));
                copied.map(drop).map_err(|error| error.to_string())
            }
            ServerEvent::Wipe => server.wipe(),
        });
        done.expect("pannierd starts again");
        if event == ServerEvent::Wipe {
            let products = std::mem::take(&mut self.products);
            self.put_products(&products);
        }
        true
    }

    fn executed(&self) -> Option<u64> {
        None
    }
}
