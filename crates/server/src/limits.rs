//! What one client may cost: names of the limits, and how often somebody may ask.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use axum::response::Response;

/// The header that names the limit for which a request was refused.
pub const LIMIT_HEADER: &str = "pannier-limit";
/// Buckets of a rate, each 8 bytes. Two shoppers who share one share its rate, which of them do is
/// random with each start; a table that grew with every name would be what a flood is after.
const BUCKETS: usize = 1 << 17;
/// Mutations that count as one request more: each is a few rows, where a request is a transaction.
pub const MUTATIONS_PER_REQUEST: usize = 10;

/// A limit that a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of a body.
    BodyBytes,
    /// Time that a head or a body takes.
    ReadWait,
    /// Open connections, of all or of one address.
    Connections,
    /// Imports of products at the same time.
    Imports,
    /// Requests that wait for the database.
    Queue,
    /// Requests of one address.
    RateAddress,
    /// Requests of one shopper.
    RateShopper,
    /// Open streams of pokes.
    Streams,
    /// Open streams of pokes of one shopper.
    StreamsShopper,
}

impl Limit {
    /// Its name in answers, metrics and the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Limit::BodyBytes => "body_bytes",
            Limit::ReadWait => "read_wait",
            Limit::Connections => "connections",
            Limit::Imports => "imports",
            Limit::Queue => "queue",
            Limit::RateAddress => "rate_address",
            Limit::RateShopper => "rate_shopper",
            Limit::Streams => "streams",
            Limit::StreamsShopper => "streams_shopper",
        }
    }

    /// Names the limit in an answer, and when to come back if that helps.
    pub fn mark(self, mut response: Response, wait: Option<Duration>) -> Response {
        let headers = response.headers_mut();
        headers.insert(LIMIT_HEADER, HeaderValue::from_static(self.name()));
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000) as u64));
        }
        response
    }
}

/// A token bucket for each of any number of askers, in constant memory.
///
/// A bucket is one number: the time at which it will be full again. Taking from it moves that time
/// on, and it is empty when that lies further ahead than filling it takes.
pub struct Rate {
    buckets: Box<[AtomicU64]>,
    hasher: RandomState,
    start: Instant,
    /// Nanoseconds in which one token comes back.
    token_ns: u64,
    /// Tokens in a full bucket.
    burst: u64,
}

impl Rate {
    /// `per_second` tokens come back, `burst` fill a bucket.
    pub fn new(per_second: u32, burst: u64) -> Rate {
        Rate {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            start: Instant::now(),
            token_ns: 1_000_000_000 / u64::from(per_second.max(1)),
            burst,
        }
    }

    /// Takes tokens of `who`, or tells how long until there are that many.
    pub fn take(&self, who: &impl std::hash::Hash, tokens: u64) -> Result<(), Duration> {
        let now_ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.take_at(who, tokens, now_ns)
    }

    fn take_at(&self, who: &impl std::hash::Hash, tokens: u64, now_ns: u64) -> Result<(), Duration> {
        let bucket = &self.buckets[self.hasher.hash_one(who) as usize % BUCKETS];
        let cost = self.token_ns.saturating_mul(tokens.min(self.burst));
        let most = now_ns.saturating_add(self.token_ns.saturating_mul(self.burst));
        let taken = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let full_at = full_at.max(now_ns).saturating_add(cost);
            (full_at <= most).then_some(full_at)
        });
        taken.map(drop).map_err(|full_at| Duration::from_nanos(full_at.saturating_add(cost).saturating_sub(most)))
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Whose rate a request counts to: what the last of `proxies` trusted proxies says, or the peer
/// itself. None for the loopback, where proxies and tools of the same machine ask.
pub fn address(headers: &HeaderMap, peer: IpAddr, proxies: u8) -> Option<IpAddr> {
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let said = hops.len().checked_sub(usize::from(proxies)).and_then(|i| hops.get(i)?.parse().ok());
    let address: IpAddr = if proxies == 0 { peer } else { said.unwrap_or(peer) };
    match address.to_canonical() {
        address if address.is_loopback() => None,
        // Whoever has one address of a /64 has all of them.
        IpAddr::V6(v6) => Some(IpAddr::V6((u128::from(v6) >> 64 << 64).into())),
        v4 => Some(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rate = Rate::new(2, 10);
        assert!((0..10).all(|_| rate.take_at(&"ada", 1, SECOND).is_ok()));
        assert_eq!(rate.take_at(&"ada", 1, SECOND), Err(Duration::from_millis(500)));
        assert_eq!(rate.take_at(&"ada", 4, SECOND), Err(Duration::from_secs(2)));
        assert_eq!(rate.take_at(&"bob", 1, SECOND), Ok(()), "another's is full");
        assert_eq!(rate.take_at(&"ada", 1, SECOND * 3 / 2), Ok(()));
        assert!(rate.take_at(&"ada", 1, SECOND * 3 / 2).is_err());
        // It never holds more than its burst, however long it rested, and more is never asked.
        assert_eq!(rate.take_at(&"ada", 1000, 1000 * SECOND), Ok(()));
        assert!(rate.take_at(&"ada", 1, 1000 * SECOND).is_err());
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("9.9.9.9, 1.1.1.1"));
        headers.append("x-forwarded-for", HeaderValue::from_static("2.2.2.2"));
        let at = |peer: &str, proxies| address(&headers, peer.parse().unwrap(), proxies).map(|a| a.to_string());
        let cases = [
            ("3.3.3.3", 0, Some("3.3.3.3")),
            ("3.3.3.3", 1, Some("2.2.2.2")),
            ("3.3.3.3", 2, Some("1.1.1.1")),
            ("3.3.3.3", 4, Some("3.3.3.3")),
            ("127.0.0.1", 0, None),
            ("127.0.0.1", 1, Some("2.2.2.2")),
            ("2001:db8:1:2:3:4:5:6", 0, Some("2001:db8:1:2::")),
            ("::ffff:3.3.3.3", 0, Some("3.3.3.3")),
        ];
        for (peer, proxies, expected) in cases {
            assert_eq!(at(peer, proxies).as_deref(), expected, "{peer} {proxies}");
        }
    }
}
