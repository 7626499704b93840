//! The keys of the shop's identity provider: a JSON Web Key Set in a file or behind a URL.
//!
//! It is read again on a timer, and at once when a token names a key that is not there, so a key
//! that was changed works with its first token. A set that cannot be read leaves the last one in
//! place.

use std::io::Read;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{fs, time::Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use tokio::sync::Mutex;

use crate::auth::{AuthError, Claims, validation};
use crate::call;

/// A key that was withdrawn is good for no longer than this.
const READ_EVERY: Duration = Duration::from_secs(60);
/// Tokens that name unknown keys make the set be read again no more often than this.
const READ_AGAIN_MIN: Duration = Duration::from_secs(5);
/// How long an answer with the set may take.
const FETCH_WAIT: Duration = Duration::from_secs(5);
/// Keys in a set: a token without a `kid` is tried with each.
const KEYS_MAX: usize = 16;
/// Bytes of a set: as many keys of 8,192 bits with their certificates.
const SET_BYTES_MAX: u64 = 256 * 1024;
/// How far the clocks of the provider and of this machine may be apart.
const LEEWAY_S: u64 = 30;

/// One key of the set.
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    verifying: DecodingKey,
}

/// The keys, and how to read them.
pub struct KeySet {
    place: String,
    issuer: Option<String>,
    audience: Option<String>,
    keys: RwLock<Arc<Vec<Key>>>,
    /// When the set was last asked for because of an unknown key.
    asked: Mutex<Option<Instant>>,
}

impl KeySet {
    /// Reads the set for the first time.
    pub fn load(place: &str, issuer: Option<&str>, audience: Option<&str>) -> Result<KeySet, String> {
        let keys = RwLock::new(Arc::new(read(place)?));
        let [issuer, audience] = [issuer, audience].map(|name| name.map(str::to_owned));
        Ok(KeySet { place: place.to_owned(), issuer, audience, keys, asked: Mutex::new(None) })
    }

    /// Reads the set again and again; never returns.
    pub async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(READ_EVERY).await;
            self.read_again().await;
        }
    }

    /// The claims of a token that a key of the set signed.
    pub async fn verify(&self, token: &str, header: &Header) -> Result<Claims, AuthError> {
        let mut keys = self.current();
        if candidates(&keys, header).next().is_none() {
            self.ask(&keys).await;
            keys = self.current();
        }
        let mut wrong = AuthError::UnknownKey;
        for key in candidates(&keys, header) {
            match jsonwebtoken::decode::<Claims>(token, &key.verifying, &self.validation(key.algorithm)) {
                Ok(token) => return Ok(token.claims),
                Err(e) => wrong = e.into(),
            }
            if wrong != AuthError::Signature {
                break;
            }
        }
        Err(wrong)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = validation(algorithm, LEEWAY_S);
        let mut required = Vec::new();
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &self.audience {
            validation.validate_aud = true;
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn current(&self) -> Arc<Vec<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the set because of a key that `seen` lacks, unless that was done just now.
    async fn ask(&self, seen: &Arc<Vec<Key>>) {
        let mut asked = self.asked.lock().await;
        let is_stale = Arc::ptr_eq(seen, &self.current());
        if is_stale && asked.is_none_or(|at| at.elapsed() >= READ_AGAIN_MIN) {
            *asked = Some(Instant::now());
            self.read_again().await;
        }
    }

    async fn read_again(&self) {
        let place = self.place.clone();
        match tokio::task::spawn_blocking(move || read(&place)).await {
            Ok(Ok(keys)) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
            Ok(Err(why)) => tracing::warn!("{why}"),
            Err(e) => tracing::warn!("key set {}: {e}", self.place),
        }
    }
}

fn candidates<'a>(keys: &'a [Key], header: &'a Header) -> impl Iterator<Item = &'a Key> {
    keys.iter()
        .filter(|key| key.algorithm == header.alg)
        .filter(|key| header.kid.is_none() || key.id.is_none() || header.kid == key.id)
}

fn read(place: &str) -> Result<Vec<Key>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("key set {place}: {why}");
    let bytes = if place.starts_with("http://") || place.starts_with("https://") {
        fetch(place).map_err(|e| wrong(&e))?
    } else {
        fs::read(place).map_err(|e| wrong(&e))?
    };
    let set: JwkSet = serde_json::from_slice(&bytes).map_err(|e| wrong(&e))?;
    let keys: Vec<Key> = set.keys.iter().filter_map(key).collect();
    match keys.len() {
        0 => Err(wrong(&"it holds no key for EdDSA (Ed25519) or RS256")),
        1..=KEYS_MAX => Ok(keys),
        found => Err(wrong(&format_args!("{found} keys, the limit is {KEYS_MAX}"))),
    }
}

fn fetch(url: &str) -> Result<Vec<u8>, ureq::Error> {
    let mut bytes = Vec::new();
    let answer = call::agent(FETCH_WAIT).get(url).call()?;
    answer.into_body().into_with_config().limit(SET_BYTES_MAX).reader().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A key that signs tokens by an algorithm that is served; a set may hold others.
fn key(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return None,
    };
    let named = match jwk.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::EdDSA) => algorithm == Algorithm::EdDSA,
        Some(KeyAlgorithm::RS256) => algorithm == Algorithm::RS256,
        Some(_) => false,
    };
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    if !named || !signs {
        return None;
    }
    Some(Key { id: jwk.common.key_id.clone(), algorithm, verifying: DecodingKey::from_jwk(jwk).ok()? })
}
