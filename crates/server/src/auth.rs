//! Who is asking: tokens are JWTs, signed by this server's secret (HS256), which a shop's own
//! backend can hold too, or by a key of the shop's identity provider (EdDSA, RS256).
//!
//! The algorithm in a token's header chooses only between the two; a key is never used with an
//! algorithm that is not its own. Only the secret makes an admin.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::keys::KeySet;
use crate::now_s;

/// How long an anonymous identity lasts, and a token printed by the command line by default.
pub const ANONYMOUS_DAYS: u32 = 90;
/// A secret shorter than the hash could be searched for.
const SECRET_BYTES_MIN: usize = 32;
/// Tokens travel in a header or an address; both are commonly cut at 8 KiB.
const TOKEN_BYTES_MAX: usize = 4096;
/// Shopper ids are part of every key of the database.
const SHOPPER_BYTES_MAX: usize = 128;

/// What a token says.
#[derive(Serialize, Deserialize)]
pub struct Claims {
    /// The shopper.
    pub sub: String,
    /// Seconds since 1970 after which the token is worthless; never, when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// Whether the token may change the catalogue and read the metrics.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
}

/// Why a request is nobody's.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// No `Authorization: Bearer` header.
    Missing,
    /// Not a JWT, or one of an algorithm for which there is no key, or claims that are none.
    Malformed,
    /// Signed with another secret or key.
    Signature,
    /// Names a key that the key set does not hold.
    UnknownKey,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf`.
    TooEarly,
    /// Its `iss` or `aud` is not what this server was told.
    Claim(&'static str),
    /// `sub` is empty or too long.
    Shopper,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Missing => f.write_str("no token: send `authorization: bearer <jwt>`"),
            AuthError::Malformed => f.write_str("the token is not a jwt of an algorithm that is served"),
            AuthError::Signature => f.write_str("the token is signed with another secret or key"),
            AuthError::UnknownKey => f.write_str("the token names a key that is not in the key set"),
            AuthError::Expired => f.write_str("the token has expired"),
            AuthError::TooEarly => f.write_str("the token is not valid yet"),
            AuthError::Claim(name) => write!(f, "the token's {name} is not the one of this server"),
            AuthError::Shopper => {
                write!(f, "the token's sub is not 1 to {SHOPPER_BYTES_MAX} bytes long")
            }
        }
    }
}

impl From<jsonwebtoken::errors::Error> for AuthError {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidSignature => AuthError::Signature,
            ErrorKind::ExpiredSignature => AuthError::Expired,
            ErrorKind::ImmatureSignature => AuthError::TooEarly,
            ErrorKind::InvalidIssuer => AuthError::Claim("iss"),
            ErrorKind::InvalidAudience => AuthError::Claim("aud"),
            ErrorKind::MissingRequiredClaim(name) if name == "iss" => AuthError::Claim("iss"),
            ErrorKind::MissingRequiredClaim(name) if name == "aud" => AuthError::Claim("aud"),
            _ => AuthError::Malformed,
        }
    }
}

/// All that tells who asks.
pub struct Signers {
    /// This server's own.
    pub secret: Secret,
    /// The identity provider's, where there is one.
    pub keys: Option<KeySet>,
}

impl Signers {
    /// The claims of a token that one of the signers signed and that is valid now.
    pub async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token)?;
        let claims = match (header.alg, &self.keys) {
            (Algorithm::HS256, _) => self.secret.verify(token)?,
            (_, Some(keys)) => Claims { admin: false, ..keys.verify(token, &header).await? },
            (_, None) => return Err(AuthError::Malformed),
        };
        if claims.sub.is_empty() || claims.sub.len() > SHOPPER_BYTES_MAX {
            return Err(AuthError::Shopper);
        }
        Ok(claims)
    }
}

/// What is asked of every token: that it is valid now. A token without an end has none.
pub fn validation(algorithm: Algorithm, leeway_s: u64) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.leeway = leeway_s;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation
}

/// The secret that signs tokens.
pub struct Secret {
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl Secret {
    /// Reads the secret, and makes one first where there is none.
    pub fn load_or_create(path: &Path) -> Result<Secret, String> {
        let wrap = |e: io::Error| format!("secret file {}: {e}", path.display());
        if !path.exists() {
            create(path).map_err(wrap)?;
        }
        let bytes = fs::read(path).map_err(wrap)?;
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(format!(
                "secret file {}: {} bytes, at least {SECRET_BYTES_MIN} are needed",
                path.display(),
                bytes.len()
            ));
        }
        Ok(Secret::new(&bytes))
    }

    fn new(bytes: &[u8]) -> Secret {
        Secret { signing: EncodingKey::from_secret(bytes), verifying: DecodingKey::from_secret(bytes) }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(&header, claims, &self.signing).expect("claims are plain data, the key is a secret")
    }

    fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        Ok(jsonwebtoken::decode(token, &self.verifying, &validation(Algorithm::HS256, 0))?.claims)
    }

    /// Whether it signed this token for `shopper`, however long ago.
    pub fn has_signed(&self, token: &str, shopper: &str) -> bool {
        let mut validation = validation(Algorithm::HS256, 0);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &validation);
        token.len() <= TOKEN_BYTES_MAX && claims.is_ok_and(|token| token.claims.sub == shopper)
    }
}

/// Claims of a shopper who is nobody yet.
pub fn anonymous() -> io::Result<Claims> {
    let id = u128::from_le_bytes(random()?);
    Ok(Claims { sub: format!("anon-{id:032x}"), exp: Some(now_s() + days_s(ANONYMOUS_DAYS)), admin: false })
}

/// Days in seconds.
pub fn days_s(days: u32) -> u64 {
    u64::from(days) * 24 * 60 * 60
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(bytes)
}

/// Writes the secret aside and links it into place, so that no other process ever reads half of
/// it, and of two that start together one wins.
fn create(path: &Path) -> io::Result<()> {
    let aside = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let written = random::<SECRET_BYTES_MIN>()
        .and_then(|bytes| file.write_all(&bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&aside, path));
    fs::remove_file(&aside)?;
    match written {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn signers() -> Signers {
        Signers { secret: Secret::new(&[7; 32]), keys: None }
    }

    fn token(exp: Option<u64>) -> String {
        signers().secret.sign(&Claims { sub: "ada".into(), exp, admin: false })
    }

    async fn verify(token: &str) -> Result<String, AuthError> {
        signers().verify(token).await.map(|claims| claims.sub)
    }

    #[tokio::test]
    async fn a_token_is_accepted_until_it_expires() {
        assert_eq!(verify(&token(Some(now_s() + 60))).await, Ok("ada".into()));
        assert_eq!(verify(&token(Some(now_s() - 1))).await, Err(AuthError::Expired));
    }

    #[test]
    fn a_token_proves_whose_cart_is_claimed_also_when_it_has_expired() {
        let secret = signers().secret;
        let old = token(Some(now_s() - 1000));
        assert!(secret.has_signed(&old, "ada") && !secret.has_signed(&old, "bob"));
        assert!(!secret.has_signed(&format!("{old}x"), "ada") && !secret.has_signed("", "ada"));
    }

    #[tokio::test]
    async fn a_known_token_of_another_maker_is_accepted() {
        // Made with Python: hmac.new(b'\x07' * 32, b'<header>.<payload>', 'sha256').
        let token =
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.-Zxa56jTl6sDDD-J0lU56BIRc7Rx6uN4XfnnlhdgAC0";
        assert_eq!(verify(token).await, Ok("ada".into()));
    }

    #[tokio::test]
    async fn what_is_not_ours_is_refused() {
        let good = token(None);
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let with_header = |header: &str| {
            format!("{}.{}.{signature}", URL_SAFE_NO_PAD.encode(header), signed.split_once('.').unwrap().1)
        };
        let named = |sub: &str| signers().secret.sign(&Claims { sub: sub.into(), exp: None, admin: false });
        let cases = [
            (Secret::new(&[8; 32]).sign(&Claims { sub: "ada".into(), exp: None, admin: false }), AuthError::Signature),
            (format!("{signed}x.{signature}"), AuthError::Signature),
            (format!("{signed}."), AuthError::Signature),
            (with_header(r#"{"alg":"none"}"#), AuthError::Malformed),
            (with_header(r#"{"alg":"RS256"}"#), AuthError::Malformed),
            (with_header(r#"{"alg":"EdDSA"}"#), AuthError::Malformed),
            (String::new(), AuthError::Malformed),
            ("a.b.c".into(), AuthError::Malformed),
            ("x".repeat(TOKEN_BYTES_MAX + 1), AuthError::Malformed),
            (named(""), AuthError::Shopper),
            (named(&"x".repeat(SHOPPER_BYTES_MAX + 1)), AuthError::Shopper),
        ];
        for (token, expected) in cases {
            assert_eq!(verify(&token).await, Err(expected), "{token}");
        }
    }
}
