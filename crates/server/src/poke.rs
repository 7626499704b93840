//! Tells listening shoppers that a scope of theirs moved, and nothing more: what it holds now
//! they ask for themselves, so a poke that is lost or doubled costs at most a round trip.
//!
//! A movement wakes its shopper's streams alone, however many others are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pannier::sync::mutation::Id;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use crate::limits::Limit;

/// Streams of one shopper: one for each browser profile, and some that died without a word.
const STREAMS_PER_SHOPPER_MAX: usize = 16;
/// Names that wait for a slow listener; one further behind is told that all scopes moved.
const WAITING_MAX: usize = 16;

/// Why nobody can listen.
#[derive(Debug, PartialEq, Eq)]
pub enum ListenError {
    /// As many streams are open as may be.
    Limit(Limit),
    /// The server is stopping.
    Stopping,
}

/// Where movements are told and heard.
pub struct Pokes {
    streams_max: usize,
    open: Gauge,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    is_closed: bool,
    streams: usize,
    by_shopper: HashMap<Arc<str>, Vec<Arc<Ear>>>,
}

/// What one stream has yet to say.
#[derive(Default)]
struct Ear {
    /// The client that listens, if it has told: what it moves itself it knows.
    client: Option<Id>,
    waiting: Mutex<Waiting>,
    notify: Notify,
}

#[derive(Default)]
struct Waiting {
    scopes: Vec<Arc<str>>,
    is_closed: bool,
}

impl Ear {
    fn tell(&self, scope: &Arc<str>) {
        let mut waiting = lock(&self.waiting);
        if waiting.scopes.len() >= WAITING_MAX {
            waiting.scopes = vec![Arc::from("*")];
        } else if !waiting.scopes.contains(scope) {
            waiting.scopes.push(scope.clone());
        }
        self.notify.notify_one();
    }

    fn close(&self) {
        lock(&self.waiting).is_closed = true;
        self.notify.notify_one();
    }
}

impl Pokes {
    /// A place without listeners, for at most `streams_max` of them, which `open` counts.
    pub fn new(streams_max: usize, open: Gauge) -> Pokes {
        Pokes { streams_max, open, places: Mutex::default() }
    }

    /// Tells all but client `by` that a scope moved: a shopper's, or one that all share.
    pub fn moved(&self, shopper: Option<&str>, scope: &str, by: Option<Id>) {
        let scope = Arc::from(scope);
        let tell = |ear: &Arc<Ear>| {
            if by.is_none() || ear.client != by {
                ear.tell(&scope);
            }
        };
        let places = lock(&self.places);
        match shopper {
            Some(shopper) => places.by_shopper.get(shopper).into_iter().flatten().for_each(tell),
            None => places.by_shopper.values().flatten().for_each(tell),
        }
    }

    /// Listens for one shopper, on behalf of a client if it has told which it is.
    pub fn listen(self: &Arc<Self>, shopper: &str, client: Option<Id>) -> Result<Listener, ListenError> {
        let mut places = lock(&self.places);
        if places.is_closed {
            return Err(ListenError::Stopping);
        }
        if places.streams >= self.streams_max {
            return Err(ListenError::Limit(Limit::Streams));
        }
        if places.by_shopper.get(shopper).is_some_and(|ears| ears.len() >= STREAMS_PER_SHOPPER_MAX) {
            return Err(ListenError::Limit(Limit::StreamsShopper));
        }
        let (shopper, ear) = (Arc::<str>::from(shopper), Arc::new(Ear { client, ..Ear::default() }));
        places.by_shopper.entry(shopper.clone()).or_default().push(ear.clone());
        places.streams += 1;
        self.open.set(places.streams as i64);
        Ok(Listener { pokes: self.clone(), shopper, ear })
    }

    /// Ends every listener, so that the server can stop.
    pub fn close(&self) {
        let mut places = lock(&self.places);
        places.is_closed = true;
        places.by_shopper.values().flatten().for_each(|ear| ear.close());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One stream of a shopper; its place is free again when it is dropped.
pub struct Listener {
    pokes: Arc<Pokes>,
    shopper: Arc<str>,
    ear: Arc<Ear>,
}

impl Listener {
    /// The next scope of this shopper that moved, `*` when some were missed, none at the end.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        loop {
            {
                let mut waiting = lock(&self.ear.waiting);
                if waiting.is_closed {
                    return None;
                }
                if !waiting.scopes.is_empty() {
                    return Some(waiting.scopes.remove(0));
                }
            }
            self.ear.notify.notified().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut places = lock(&self.pokes.places);
        if let Some(ears) = places.by_shopper.get_mut(&self.shopper) {
            ears.retain(|ear| !Arc::ptr_eq(ear, &self.ear));
            if ears.is_empty() {
                places.by_shopper.remove(&self.shopper);
            }
        }
        places.streams -= 1;
        self.pokes.open.set(places.streams as i64);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn pokes() -> Arc<Pokes> {
        Arc::new(Pokes::new(20, Gauge::default()))
    }

    fn listen(pokes: &Arc<Pokes>, shopper: &str) -> Listener {
        pokes.listen(shopper, None).unwrap()
    }

    fn heard(listener: &mut Listener) -> Option<Arc<str>> {
        listener.next().now_or_never().flatten()
    }

    #[test]
    fn a_scope_that_moved_often_is_told_once_and_to_its_shopper_alone() {
        let pokes = pokes();
        let (mut ada, mut bob) = (listen(&pokes, "ada"), listen(&pokes, "bob"));
        for _ in 0..1000 {
            pokes.moved(Some("ada"), "cart", None);
        }
        pokes.moved(None, "catalog", None);
        assert_eq!(heard(&mut ada).as_deref(), Some("cart"));
        assert_eq!(heard(&mut ada).as_deref(), Some("catalog"));
        assert_eq!(heard(&mut ada), None);
        assert_eq!(heard(&mut bob).as_deref(), Some("catalog"));
        assert_eq!(heard(&mut bob), None);
    }

    #[test]
    fn a_client_is_not_told_of_what_it_did_itself() {
        let pokes = pokes();
        let mut ears = [Some(Id([1; 16])), Some(Id([2; 16])), None].map(|id| pokes.listen("ada", id).unwrap());
        pokes.moved(Some("ada"), "cart", Some(Id([1; 16])));
        assert_eq!(ears.each_mut().map(|ear| heard(ear).is_some()), [false, true, true]);
        pokes.moved(Some("ada"), "cart", None);
        assert_eq!(ears.each_mut().map(|ear| heard(ear).is_some()), [true, true, true]);
    }

    #[test]
    fn who_is_far_behind_is_told_that_all_moved() {
        let pokes = pokes();
        let mut ada = listen(&pokes, "ada");
        for number in 0..=WAITING_MAX {
            pokes.moved(Some("ada"), &number.to_string(), None);
        }
        assert_eq!(heard(&mut ada).as_deref(), Some("*"));
        assert_eq!(heard(&mut ada), None);
    }

    #[test]
    fn places_are_bounded_and_come_free() {
        let pokes = pokes();
        let ada: Vec<_> = (0..STREAMS_PER_SHOPPER_MAX).map(|_| listen(&pokes, "ada")).collect();
        assert_eq!(pokes.listen("ada", None).err(), Some(ListenError::Limit(Limit::StreamsShopper)));
        let bob: Vec<_> = (0..4).map(|_| listen(&pokes, "bob")).collect();
        assert_eq!(pokes.listen("cy", None).err(), Some(ListenError::Limit(Limit::Streams)));
        drop((ada, bob));
        assert!(lock(&pokes.places).by_shopper.is_empty());
        let mut ada = listen(&pokes, "ada");
        pokes.close();
        assert_eq!(ada.next().now_or_never(), Some(None));
        assert_eq!(pokes.listen("ada", None).err(), Some(ListenError::Stopping));
    }
}
