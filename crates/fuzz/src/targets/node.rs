//! A single stored node. Input: the node's bytes.

use pannier::format::checksum::CHECKSUM_BYTES;
use pannier::format::head::NodeRef;
use pannier::format::node::View;
use pannier::tree::Tree;

use super::tree::{Shelf, exercise};
use crate::records::sealed;

pub(crate) fn run(bytes: &[u8]) {
    let Some(view) = View::parse(bytes) else {
        return;
    };
    for index in 0..view.count().min(bytes.len()) + 1 {
        let _ = (view.leaf_cell(index), view.stored_child(index), view.suffix(index));
    }
    // Keys around those that the node may hold.
    for end in [0, view.prefix.len() / 2, view.prefix.len()] {
        let key = [&view.prefix[..end], bytes.get(bytes.len().saturating_sub(3)..).unwrap_or_default()].concat();
        let _ = (view.search(&key), view.child_index(&key));
    }
    let root = NodeRef { segment: 0, offset: CHECKSUM_BYTES as u32, length: bytes.len() as u32 };
    exercise(Tree::stored(Some(root)), &Shelf::new(sealed(bytes)));
}
