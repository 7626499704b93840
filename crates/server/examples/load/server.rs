//! The server under load.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Signs tokens; the load need not ask for each.
const SECRET: [u8; 32] = [7; 32];

/// A running `pannierd`; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it on a new database.
    pub fn start(program: &str, folder: &Path) -> Server {
        let secret = folder.join("secret");
        fs::write(&secret, SECRET).expect("a secret");
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--log", "warn", "--rate-shopper", "1000000", "--db"])
            .arg(folder.join("shop.db"))
            .arg("--secret-file")
            .arg(secret)
            .stdout(Stdio::piped())
            .spawn()
            .expect("pannierd starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its first line");
        let address = line.trim().strip_prefix("listening on http://").expect("where it listens");
        Server { child, address: address.parse().expect("an address") }
    }

    /// A token of a shopper.
    pub fn token(&self, shopper: usize) -> String {
        let claims = json!({ "sub": format!("shopper-{shopper}") });
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&SECRET)).expect("a token")
    }

    /// Memory that it has in use.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    }

    /// Opens streams of pokes, one for every `apart` shoppers.
    pub async fn listen(&self, count: usize, apart: usize) -> Streams {
        let heard = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for number in 0..count {
            let mut stream = TcpStream::connect(self.address).await.expect("a connection");
            let token = self.token(number * apart / 4);
            let request = format!("GET /v1/poke?token={token} HTTP/1.1\r\nhost: load\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("a request");
            let mut buffer = vec![0; 4096];
            let read = stream.read(&mut buffer).await.expect("an answer");
            assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "a stream was refused");
            let heard = heard.clone();
            tasks.push(tokio::spawn(async move {
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let pokes = buffer[..read].windows(11).filter(|part| part == b"event: poke").count();
                    heard.fetch_add(pokes, Ordering::Relaxed);
                }
            }));
        }
        Streams { heard, tasks }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Streams that are open.
pub struct Streams {
    heard: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Streams {
    /// Pokes that came; ends the streams.
    pub fn heard(self) -> usize {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.heard.load(Ordering::Relaxed)
    }
}
