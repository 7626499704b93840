//! Any server of the sync protocol, over HTTP in JSON.
//!
//! A case of a scenario needs a new server, and this one may have served
//! others. So each case gets a salt: it stands before the names of shoppers,
//! products, lines and orders on their way out, is mixed into the ids of
//! clients and mutations, and is taken out of what comes back.

use crate::server::{EXPIRED_TOKEN, NetworkError, Server};
use jsonwebtoken::{EncodingKey, Header};
use pannier::sync::mutation::Id;
use pannier::sync::wire::{self, Answer, SyncRequest};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const JSON_TYPE: &str = "application/json";

/// A request that takes longer has no answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Fields of arguments and products that name what all cases share.
const SHARED_NAMES: &[&str] = &["sku", "line", "orderId", "id"];

/// A server. See the module.
pub struct Remote {
    /// Such as `http://127.0.0.1:7070`.
    url: String,
    secret: Option<Vec<u8>>,
    salt: String,
    tokens: BTreeMap<String, String>,
    agent: ureq::Agent,
    /// What the last answer was that is none of the protocol.
    pub complaint: Option<String>,
}

impl Remote {
    /// The server at `url`, for one case. With the server's secret any shopper
    /// and an admin can sign in, without it only anonymous shoppers.
    pub fn new(url: &str, secret: Option<&[u8]>, salt: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Self {
            url: url.trim_end_matches('/').into(),
            secret: secret.map(<[u8]>::to_vec),
            salt: format!("{salt}-"),
            tokens: BTreeMap::new(),
            agent: config.timeout_global(Some(ANSWER_TIME_MAX)).build().into(),
            complaint: None,
        }
    }

    fn sign(&self, secret: &[u8], shopper: &str, is_admin: bool) -> String {
        let claims = json!({ "sub": salted_shopper(shopper, &self.salt), "admin": is_admin });
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).expect("claims are JSON")
    }

    fn token(&mut self, shopper: &str) -> Result<String, NetworkError> {
        if let Some(token) = self.tokens.get(shopper) {
            return Ok(token.clone());
        }
        let token = match &self.secret {
            Some(secret) => self.sign(secret, shopper, false),
            None => {
                let answer = self.send("/v1/anonymous", "", b"{}")?;
                let answer: Json = serde_json::from_slice(&answer).unwrap_or_default();
                let Some(token) = answer["token"].as_str() else {
                    return Err(self.complain(format!("/v1/anonymous answers {answer}, without a token")));
                };
                token.into()
            }
        };
        self.tokens.insert(shopper.into(), token.clone());
        Ok(token)
    }

    fn complain(&mut self, why: String) -> NetworkError {
        self.complaint = Some(why);
        NetworkError
    }

    fn send(&self, path: &str, token: &str, body: &[u8]) -> Result<Vec<u8>, NetworkError> {
        let request = self.agent.post(format!("{}{path}", self.url)).header("content-type", JSON_TYPE);
        let request = request.header("authorization", format!("Bearer {token}"));
        let mut response = request.send(body).map_err(|_| NetworkError)?;
        response.body_mut().read_to_vec().map_err(|_| NetworkError)
    }

    /// Ids of one case never are those of another.
    fn salted(&self, id: Id) -> Id {
        let mut bytes = id.0;
        for (byte, salt) in bytes.iter_mut().rev().zip(self.salt.bytes()) {
            *byte ^= salt;
        }
        Id(bytes)
    }

    /// The request in JSON, salted.
    fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut request: SyncRequest = wire::decode_request(body).expect("clients send requests");
        request.client = self.salted(request.client);
        for mutation in &mut request.mutations {
            mutation.id = self.salted(mutation.id);
        }
        let mut request = serde_json::to_value(&request).expect("a request makes JSON");
        for mutation in request["mutations"].as_array_mut().into_iter().flatten() {
            salt_names(&mut mutation["args"], &self.salt);
        }
        request.to_string().into_bytes()
    }

    /// The answer in postcard, without the salt.
    fn decode(&mut self, body: &[u8]) -> Result<Vec<u8>, NetworkError> {
        let text = String::from_utf8_lossy(body).replace(&self.salt, "");
        match serde_json::from_str::<Answer>(&text) {
            Ok(Answer::Ok(mut response)) => {
                for outcome in &mut response.outcomes {
                    outcome.id = self.salted(outcome.id);
                }
                // It holds for the names with their salt.
                response.scopes.iter_mut().for_each(|patch| patch.digest = None);
                Ok(wire::encode_answer(&Answer::Ok(response)))
            }
            Ok(refused) => Ok(wire::encode_answer(&refused)),
            Err(error) => Err(self.complain(format!("no answer of the protocol ({error}): {text}"))),
        }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

/// What an anonymous shopper's id begins with, and nobody else's.
const ANONYMOUS_PREFIX: &str = "anon-";

fn salted_shopper(shopper: &str, salt: &str) -> String {
    match shopper.strip_prefix(ANONYMOUS_PREFIX) {
        Some(rest) => format!("{ANONYMOUS_PREFIX}{salt}{rest}"),
        None => format!("{salt}{shopper}"),
    }
}

/// Puts the salt before all names that other cases may use too.
fn salt_names(value: &mut Json, salt: &str) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Json::String(text) if SHARED_NAMES.contains(&&name[..]) && !text.is_empty() => {
                        text.insert_str(0, salt);
                    }
                    Json::String(text) if name == "anonymous" => *text = salted_shopper(text, salt),
                    inner => salt_names(inner, salt),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| salt_names(item, salt)),
        _ => {}
    }
}

impl Server for Remote {
    fn post(&mut self, shopper: &str, body: Vec<u8>) -> Result<Vec<u8>, NetworkError> {
        let token = self.token(shopper)?;
        let answer = self.send("/v1/sync", &token, &self.encode(&body))?;
        self.decode(&answer)
    }

    fn post_expired(&mut self, body: Vec<u8>) -> Result<Vec<u8>, NetworkError> {
        let answer = self.send("/v1/sync", EXPIRED_TOKEN, &self.encode(&body))?;
        self.decode(&answer)
    }

    fn post_twice_at_once(&mut self, shopper: &str, body: Vec<u8>) -> Result<[Vec<u8>; 2], NetworkError> {
        let (token, body) = (self.token(shopper)?, self.encode(&body));
        let start = Barrier::new(2);
        let deliver = || {
            start.wait();
            self.send("/v1/sync", &token, &body)
        };
        let (first, second) = std::thread::scope(|scope| {
            let other = scope.spawn(deliver);
            (deliver(), other.join().expect("the other delivery ends"))
        });
        Ok([self.decode(&first?)?, self.decode(&second?)?])
    }

    fn post_cut(&mut self, shopper: &str, body: &[u8]) {
        let (Ok(token), body) = (self.token(shopper), self.encode(body)) else { return };
        let Ok(mut stream) = TcpStream::connect(self.address()) else { return };
        let head = format!(
            "POST /v1/sync HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: {JSON_TYPE}\r\n\
             content-length: {}\r\n\r\n",
            self.address(),
            body.len()
        );
        // A server may refuse it before it has come this far.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..body.len() / 2]));
        let _ = stream.shutdown(Shutdown::Write);
        // When the server has closed it too, it is done with the request.
        let _ = stream.set_read_timeout(Some(ANSWER_TIME_MAX));
        let _ = stream.read_to_end(&mut Vec::new());
    }

    fn put_products(&mut self, products: &[Json]) {
        if products.is_empty() {
            return;
        }
        let secret = self.secret.clone().expect("only who has the secret changes the catalogue");
        let mut products = Json::Array(products.to_vec());
        salt_names(&mut products, &self.salt);
        let lines: Vec<String> = products.as_array().into_iter().flatten().map(Json::to_string).collect();
        let token = self.sign(&secret, "admin", true);
        let answer = self.send("/v1/admin/catalog", &token, lines.join("\n").as_bytes()).unwrap_or_default();
        let count = serde_json::from_slice(&answer).ok().and_then(|answer: Json| answer["in"].as_u64());
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(count, Some(lines.len() as u64), "/v1/admin/catalog did not take all products: {text}");
    }

    fn secret(&mut self, anonymous: &str) -> String {
        self.token(anonymous).expect("the server is there")
    }

    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        u64::try_from(now.as_millis()).expect("it is before the year 500 million")
    }

    fn executed(&self) -> Option<u64> {
        None
    }
}
