//! Who is asking: tokens are JWTs signed with HS256, so a shop's own backend can mint them too.
//!
//! Only HS256 is accepted whatever the token's header says, and a signature is compared in
//! constant time.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

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
    /// Whether the token may change the catalogue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// Why a request is nobody's.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// No `Authorization: Bearer` header.
    Missing,
    /// Not a JWT signed with HS256, or claims that are none.
    Malformed,
    /// Signed with another secret.
    Signature,
    /// Past its `exp`.
    Expired,
    /// `sub` is empty or too long.
    Shopper,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Missing => f.write_str("no token: send `authorization: bearer <jwt>`"),
            AuthError::Malformed => f.write_str("the token is not a jwt signed with HS256"),
            AuthError::Signature => f.write_str("the token is signed with another secret"),
            AuthError::Expired => f.write_str("the token has expired"),
            AuthError::Shopper => {
                write!(f, "the token's sub is not 1 to {SHOPPER_BYTES_MAX} bytes long")
            }
        }
    }
}

/// The secret that signs tokens.
pub struct Secret(Vec<u8>);

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
        Ok(Secret(bytes))
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Claims) -> String {
        let payload = serde_json::to_vec(claims).expect("claims are plain data");
        let mut token = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.mac(token.as_bytes()).finalize().into_bytes();
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// The claims of a token that this secret signed and that has not expired at `now_s`.
    pub fn verify(&self, token: &str, now_s: u64) -> Result<Claims, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(AuthError::Malformed)?;
        let decode = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthError::Malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| AuthError::Malformed)?;
        if header.alg != "HS256" {
            return Err(AuthError::Malformed);
        }
        self.mac(signed.as_bytes()).verify_slice(&decode(signature)?).map_err(|_| AuthError::Signature)?;
        let claims: Claims = serde_json::from_slice(&decode(payload)?).map_err(|_| AuthError::Malformed)?;
        if claims.exp.is_some_and(|exp| exp <= now_s) {
            return Err(AuthError::Expired);
        }
        if claims.sub.is_empty() || claims.sub.len() > SHOPPER_BYTES_MAX {
            return Err(AuthError::Shopper);
        }
        Ok(claims)
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("hmac takes any key length");
        mac.update(message);
        mac
    }
}

/// Claims of a shopper who is nobody yet.
pub fn anonymous(now_s: u64) -> io::Result<Claims> {
    let id = u128::from_le_bytes(random()?);
    Ok(Claims { sub: format!("anon-{id:032x}"), exp: Some(now_s + days_s(ANONYMOUS_DAYS)), admin: false })
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
    use super::*;

    fn secret() -> Secret {
        Secret(vec![7; 32])
    }

    fn claims(exp: Option<u64>) -> Claims {
        Claims { sub: "ada".into(), exp, admin: false }
    }

    #[test]
    fn a_token_is_accepted_until_it_expires() {
        let token = secret().sign(&claims(Some(100)));
        assert_eq!(secret().verify(&token, 99).map(|c| c.sub), Ok("ada".into()));
        assert_eq!(secret().verify(&token, 100).err(), Some(AuthError::Expired));
    }

    #[test]
    fn a_known_token_of_another_maker_is_accepted() {
        // Made with Python: hmac.new(b'\x07' * 32, b'<header>.<payload>', 'sha256').
        let token =
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.-Zxa56jTl6sDDD-J0lU56BIRc7Rx6uN4XfnnlhdgAC0";
        assert_eq!(secret().verify(token, 0).map(|c| c.sub), Ok("ada".into()));
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let token = secret().sign(&claims(None));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let unsigned =
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#), signed.split_once('.').unwrap().1);
        let cases = [
            (Secret(vec![8; 32]).sign(&claims(None)), AuthError::Signature),
            (format!("{signed}x.{signature}"), AuthError::Signature),
            (format!("{signed}."), AuthError::Signature),
            (unsigned, AuthError::Malformed),
            (String::new(), AuthError::Malformed),
            ("a.b.c".into(), AuthError::Malformed),
            ("x".repeat(TOKEN_BYTES_MAX + 1), AuthError::Malformed),
            (secret().sign(&Claims { sub: String::new(), exp: None, admin: false }), AuthError::Shopper),
        ];
        for (token, expected) in cases {
            assert_eq!(secret().verify(&token, 0).err(), Some(expected), "{token}");
        }
    }
}
