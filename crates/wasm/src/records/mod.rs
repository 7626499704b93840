//! Record stores of the browser.

pub mod indexeddb;
pub mod memory;

use pannier::store::{Request, Response};

/// Takes the answer to a request.
pub type Answer = Box<dyn FnOnce(Response)>;

/// A record store that answers later.
pub trait Records {
    /// Starts `request`; `answer` is called once, never before this returns.
    fn start(&self, request: Request, answer: Answer);

    /// Lets go of everything.
    fn close(&self);
}
