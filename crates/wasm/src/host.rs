//! What JavaScript does for the engine: `js/src/engine.ts` has the other side of these calls.
//!
//! Every call names the engine's number, so that it reaches its own record store
//! and listener. Addresses are good until the call returns. None of these may
//! call the engine.

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Hands bytes over, for `checkpoint` to take them in their order: when it is called, segments until it is
    /// answered.
    pub(crate) safe fn give(engine: u32, at: *const u8, length: usize);

    /// Starts `open`; a negative `log_after` asks for the whole log.
    pub(crate) safe fn open(engine: u32, id: u32, log_after: f64);

    /// Starts `append`.
    pub(crate) safe fn append(engine: u32, id: u32, seq: f64, at: *const u8, length: usize, checked: bool);

    /// Starts `read` of segments whose numbers lie at `at`.
    pub(crate) safe fn read(engine: u32, id: u32, at: *const u32, count: usize);

    /// Starts `checkpoint`. What was given: the head before, if it `has_before`;
    /// the head; the numbers of the segments and the segments; the numbers of
    /// those to drop; and a log record, if `seq` is not 0.
    pub(crate) safe fn checkpoint(engine: u32, id: u32, has_before: bool, drop_log_below: f64, seq: f64);

    /// Tells an event. Without bytes `at` is 0.
    pub(crate) safe fn notify(engine: u32, kind: u8, number: f64, at: *const u8, length: usize);
}
