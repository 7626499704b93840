//! Bytes on their way into the engine.

use std::cell::RefCell;

thread_local! {
    /// What JavaScript has written for the next call, the last on top.
    static WRITTEN: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for bytes that a call takes, and returns the address to write them to.
#[unsafe(no_mangle)]
pub extern "C" fn _room(length: usize) -> *mut u8 {
    let mut bytes = vec![0; length];
    let at = bytes.as_mut_ptr();
    WRITTEN.with_borrow_mut(|written| written.push(bytes));
    at
}

/// Takes what was written last.
pub(crate) fn take() -> Vec<u8> {
    WRITTEN.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Takes a string that was written last.
pub(crate) fn take_string() -> String {
    String::from_utf8(take()).unwrap_or_default()
}
