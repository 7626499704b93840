//! Tells listening shoppers that a scope of theirs moved, and nothing more: what it holds now
//! they ask for themselves, so a poke that is lost or doubled costs at most a round trip.

use std::sync::{Arc, Mutex};

use tokio::sync::broadcast::{Receiver, Sender, channel, error::RecvError};

/// Pokes that a slow listener may be behind; one further behind is told that all scopes moved.
const BACKLOG_MAX: usize = 256;

/// One scope that moved.
#[derive(Clone)]
struct Moved {
    /// Whose scope; everybody's, when none.
    shopper: Option<Arc<str>>,
    scope: Arc<str>,
}

/// Where movements are told and heard.
pub struct Pokes {
    sender: Mutex<Option<Sender<Moved>>>,
}

impl Pokes {
    /// A place without listeners.
    pub fn new() -> Pokes {
        Pokes { sender: Mutex::new(Some(channel(BACKLOG_MAX).0)) }
    }

    /// Tells that a scope moved: a shopper's, or one that all share.
    pub fn moved(&self, shopper: Option<&str>, scope: &str) {
        if let Some(sender) = self.lock().as_ref() {
            // It fails when nobody listens, which is no fault.
            let _ = sender.send(Moved { shopper: shopper.map(Arc::from), scope: Arc::from(scope) });
        }
    }

    /// Listens for one shopper; none once the server is stopping.
    pub fn listen(&self, shopper: &str) -> Option<Listener> {
        let receiver = self.lock().as_ref()?.subscribe();
        Some(Listener { shopper: Arc::from(shopper), receiver })
    }

    /// Ends every listener, so that the server can stop.
    pub fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Sender<Moved>>> {
        self.sender.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// One shopper's ear.
pub struct Listener {
    shopper: Arc<str>,
    receiver: Receiver<Moved>,
}

impl Listener {
    /// The next scope of this shopper that moved, `*` when some were missed, none at the end.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        loop {
            match self.receiver.recv().await {
                Ok(moved) if moved.shopper.as_ref().is_none_or(|s| *s == self.shopper) => {
                    return Some(moved.scope);
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Some(Arc::from("*")),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
