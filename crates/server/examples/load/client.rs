//! One connection, and the shoppers who take turns on it: each adds to a cart and pulls what is new.

use std::net::SocketAddr;

use pannier::shop::cart;
use pannier::sync::mutation::{Id, Mutation};
use pannier::sync::rows::Collection;
use pannier::sync::wire::{self, Answer, PROTOCOL, SCHEMA, ScopeRequest, SyncRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

/// Products in a cart.
const SKUS: u64 = 10;

/// What one shopper's device knows.
struct Device {
    token: String,
    client: u128,
    seq: u64,
    epoch: Option<u64>,
    cookie: Option<u64>,
}

/// One connection.
pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    devices: Vec<Device>,
    turn: usize,
    answer: Vec<u8>,
}

impl Client {
    /// Connection `number`, with so many shoppers of its own.
    pub fn new(server: &Server, number: usize, shoppers: usize) -> Client {
        let device = |shopper: usize| {
            let shopper = number * shoppers + shopper;
            let client = shopper as u128 + 1;
            Device { token: server.token(shopper), client, seq: 0, epoch: None, cookie: None }
        };
        let devices = (0..shoppers).map(device).collect();
        Client { address: server.address, stream: None, devices, turn: 0, answer: Vec::new() }
    }

    /// One sync of the shopper whose turn it is.
    pub async fn sync(&mut self) -> Result<(), String> {
        self.turn += 1;
        let at = self.turn % self.devices.len();
        let device = &mut self.devices[at];
        let bytes = device.request();
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(TcpStream::connect(self.address).await.map_err(|e| e.to_string())?),
        };
        let exchanged = exchange(stream, &bytes, &mut self.answer).await;
        let taken = exchanged.and_then(|body| device.take(&self.answer[body..]));
        if taken.is_err() {
            self.stream = None;
        }
        taken
    }
}

impl Device {
    fn request(&mut self) -> Vec<u8> {
        let seq = self.seq + 1;
        let sku = format!("A{}", seq % SKUS);
        let args = cart::add_args(&sku, None, 1, None).expect("arguments");
        let id = Id((self.client << 64 | u128::from(seq)).to_be_bytes());
        let body = wire::encode_request(&SyncRequest {
            protocol: PROTOCOL,
            schema: SCHEMA,
            epoch: self.epoch,
            client: Id(self.client.to_be_bytes()),
            ack_to: self.seq,
            forget_before: 0,
            first_seq: 1,
            scopes: vec![ScopeRequest { name: Collection::Cart, cookie: self.cookie }],
            mutations: vec![Mutation::new(seq, id, cart::ADD, 1, args, 0)],
        });
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nhost: load\r\nauthorization: Bearer {}\r\ncontent-type: application/vnd.pannier.sync\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    fn take(&mut self, body: &[u8]) -> Result<(), String> {
        match wire::decode_answer(body).map_err(|e| e.to_string())? {
            Answer::Ok(answer) if answer.last_seq == self.seq + 1 => {
                self.seq = answer.last_seq;
                self.epoch = Some(answer.epoch);
                self.cookie = Some(answer.scopes[0].cookie);
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    }
}

/// Sends a request and reads an answer whole; where its body begins.
async fn exchange(stream: &mut TcpStream, request: &[u8], answer: &mut Vec<u8>) -> Result<usize, String> {
    stream.write_all(request).await.map_err(|e| e.to_string())?;
    answer.clear();
    loop {
        if stream.read_buf(answer).await.map_err(|e| e.to_string())? == 0 {
            return Err("the connection ended".into());
        }
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|length| length.parse().ok()).ok_or("no length")?;
        if answer.len() >= end + 4 + length {
            return Ok(end + 4);
        }
    }
}
