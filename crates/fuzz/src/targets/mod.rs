//! One module a target.

pub(crate) mod document;
pub(crate) mod head;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod store;
pub(crate) mod tree;
pub(crate) mod wire;
