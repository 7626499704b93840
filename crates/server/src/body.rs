//! Reads a request's body within limits of size and time.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::limits::Limit;

/// Most clients read no answer before they have sent their body, so what is over the limit is read
/// and thrown away up to here; then the connection is cut.
const DISCARD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why there is no whole body.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// More bytes than this.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The connection ended before the whole body was there.
    Cut {
        /// Bytes that came.
        got: usize,
    },
    /// It took longer than a body may.
    Slow {
        /// Bytes that came.
        got: usize,
    },
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::TooLarge { limit } => write!(f, "the body is over {limit} bytes"),
            BodyError::Cut { got } => write!(f, "the body was cut after {got} bytes"),
            BodyError::Slow { got } => write!(f, "the body took too long: {got} bytes came"),
        }
    }
}

impl BodyError {
    /// What to answer.
    pub fn status(&self) -> StatusCode {
        match self {
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Cut { .. } | BodyError::Slow { .. } => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The limit that it met.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            BodyError::TooLarge { .. } => Some(Limit::BodyBytes),
            BodyError::Slow { .. } => Some(Limit::ReadWait),
            BodyError::Cut { .. } => None,
        }
    }
}

/// The whole body, of at most `limit` bytes, if it comes within `wait`.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize, wait: Duration) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > DISCARD_BYTES_MAX.max(limit) as u64) {
        return Err(BodyError::TooLarge { limit });
    }
    let mut whole = Vec::new();
    let mut got = 0;
    let gather = async {
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let Ok(piece) = piece else { return Err(BodyError::Cut { got }) };
            got += piece.len();
            if got <= limit {
                whole.extend_from_slice(&piece);
            } else if got > DISCARD_BYTES_MAX {
                break;
            }
        }
        if got > limit { Err(BodyError::TooLarge { limit }) } else { Ok(()) }
    };
    match timeout(wait, gather).await {
        Ok(read) => read.map(|()| Bytes::from(whole)),
        Err(_) => Err(BodyError::Slow { got }),
    }
}
