//! Takes connections, and lets go of them.
//!
//! A connection costs a bounded amount: its buffers, the time its head may take, and its place
//! among all and among those of its address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::limits::{Limit, Peer};
use crate::metrics::Metrics;

/// After a signal to stop, how long requests under way may take to finish.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// Bytes of a request's head; also what a connection buffers.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// When the system has no more file descriptors, how long to wait for one.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// Of all connections, one address may hold one in so many; not where a proxy holds them all.
const SHARE_OF_ADDRESS: u32 = 4;

/// How connections are taken.
pub struct Door {
    /// Most of them.
    pub connections_max: u32,
    /// Proxies in front.
    pub proxies: u8,
    /// How long a head may take, and an answer that nobody reads.
    pub read_wait: Duration,
    /// Counts them.
    pub metrics: Arc<Metrics>,
}

/// Serves until `stop`, then until the requests under way are answered.
pub async fn run(listener: TcpListener, router: Router, door: Door, stop: impl Future<Output = ()>) {
    let door = Arc::new(door);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Places::default());
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
                Err(e) => {
                    tracing::warn!("accepting: {e}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            }
        };
        match Places::take(&places, &door, peer) {
            Some(place) => {
                let serving = connection(stream, peer, router.clone(), &door, graceful.watcher());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            None => refuse(&stream, &door.metrics),
        }
    }
    drop(listener);
    if tokio::time::timeout(STOP_WAIT, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off that took over {} s to finish", STOP_WAIT.as_secs());
    }
}

fn connection(
    stream: TcpStream,
    peer: IpAddr,
    router: Router,
    door: &Door,
    watcher: Watcher,
) -> impl Future<Output = ()> + Send + use<> {
    // The last piece of an answer must not wait until the client has acknowledged the one before,
    // and who reads no answer does not hold it for ever. A socket without these serves all the same.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(door.read_wait));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(door.read_wait)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let serving = watcher.watch(serving);
    async move {
        // It fails when the client goes away or speaks no HTTP: nothing that we could mend.
        let _ = serving.await;
    }
}

/// Tells a client that there is no place, as far as its socket takes that at once.
fn refuse(stream: &TcpStream, metrics: &Metrics) {
    let limit = Limit::Connections.name();
    metrics.limited(limit);
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\npannier-limit: {limit}\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let _ = stream.try_write(answer.as_bytes());
}

/// The connections that are open.
#[derive(Default)]
struct Places {
    by_address: Mutex<(u32, HashMap<IpAddr, u32>)>,
}

/// One connection's place; free again when it is dropped.
struct Place {
    places: Arc<Places>,
    metrics: Arc<Metrics>,
    address: IpAddr,
}

impl Places {
    fn take(places: &Arc<Places>, door: &Door, address: IpAddr) -> Option<Place> {
        let mut open = places.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = open.1.get(&address).copied().unwrap_or(0);
        let share = if door.proxies > 0 { u32::MAX } else { (door.connections_max / SHARE_OF_ADDRESS).max(1) };
        if open.0 >= door.connections_max || of_address >= share {
            return None;
        }
        open.0 += 1;
        open.1.insert(address, of_address + 1);
        door.metrics.connections.set(i64::from(open.0));
        Some(Place { places: places.clone(), metrics: door.metrics.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 -= 1;
        self.metrics.connections.set(i64::from(open.0));
        if let Some(of_address) = open.1.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.1.remove(&self.address);
            }
        }
    }
}
