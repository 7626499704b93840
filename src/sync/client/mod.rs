//! The client: what the server confirmed, what is pending, and the view.
//!
//! Only the confirmed state (`base`) and the outbox are stored. The view is the
//! base with every pending mutation executed on top, kept as a root in memory
//! and computed anew whenever the base changes: that is the rebase, which is
//! done in slices where many are pending. All work is done by operations that
//! wait in a queue until they are durable, and that are executed again when
//! another tab was first.
//!
//! Invariants:
//! - Sequence numbers are gapless: one past the last in the outbox, which is
//!   read in the transaction that adds to it.
//! - A mutation is sent only when it is durable here; its number never comes
//!   to mean another one.
//! - An answer is applied only on the very cookies that it was asked for.
//! - Until a rebase is through, reads see the view as it was, whole; operations
//!   wait, and nothing is told of what the new view will show.

mod caches;
mod changes;
mod edit;
mod exchange;
mod frame;
mod journal;
mod load;
mod operation;
mod rebase;
mod recovery;
mod restore;
mod staging;
mod state;

pub use changes::CHANGED_ROWS_MAX;
pub use frame::{FRAME_AGE_MS_MAX, FRAMES_MAX, TRANSACTION_OPERATIONS_MAX};
pub use load::Load;
pub use operation::{OUTCOMES_MAX, Operation, PARKED_MS};

use crate::collection::budget::Budget;
use crate::collection::index::{Definition, UNIQUE};
use crate::collection::schema::{COLLECTIONS_MAX, Declared};
use crate::collection::{Counts, ROWS, Schema, TreeId};
use crate::format::Corrupt;
use crate::format::document::{Document, DocumentRef, Value};
use crate::stop::{Stop, Why};
use crate::store::{self, Failure, Reader, RequestId, Response, Store};
use crate::sync::mutation::{Id, Mutation, Outcome, Rules};
use crate::sync::rows::{Collection, Rows};
use crate::sync::wire::{SCHEMA, SyncError};
use crate::tree::{Fault, Tree, later};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use changes::{Changes, Written};
use exchange::Sent;
use frame::Frame;
use rebase::Rebase;
use restore::Restore;
use staging::Staging;
use state::SyncState;

/// What a client needs of the rules beyond their execution.
pub trait ClientRules: Rules {
    /// Completes what a shopper asks for into a mutation's arguments, from what
    /// the shopper sees: such as the quantity that a new one replaces.
    fn prepare(&self, name: &str, asked: &Document, rows: &mut dyn Rows) -> Result<Document, Stop>;

    /// Whether `row` can be a row of `collection`: nothing else is taken from a server.
    fn is_row(&self, collection: Collection, row: &Document) -> bool;

    /// The mutation, name and arguments, that brings `row` about on a server
    /// that has nothing yet. `None` where there is nothing to bring about.
    fn recreate(&self, collection: Collection, key: &str, row: &Document) -> Option<(&'static str, Document)>;

    /// Whether `incoming` may take the place of `existing`.
    fn replaces(&self, collection: Collection, existing: DocumentRef<'_>, incoming: DocumentRef<'_>) -> bool;
}

/// How a client is set up.
pub struct ClientOptions {
    /// Limits of the store.
    pub store: store::Options,
    /// Collections beside the commerce ones, and the catalog with its indexes.
    pub collections: Vec<Declared>,
    /// Collections that are synced. Mutations of others take effect here alone.
    pub scopes: Vec<Collection>,
    /// Becomes the client's id if the store has none yet: 16 random bytes.
    pub new_id: Id,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// The store is open and the view can be read.
    Opened,
    /// Operations up to this ticket are durable, but for those refused.
    Durable {
        /// Ticket that `submit` returned.
        ticket: u64,
    },
    /// An operation was refused and changed nothing.
    Refused {
        /// Ticket that `submit` returned.
        ticket: u64,
        /// Why: code, and what the rule found.
        code: String,
        /// Particulars.
        detail: Document,
    },
    /// What collections show has changed: bit `n` stands for tree [`ROWS`]` + n`.
    Changed {
        /// The bits.
        collections: u64,
        /// Bits of those of which any row may have changed.
        unknown: u64,
        /// Encoded keys of the rows of the others, ascending, at most [`CHANGED_ROWS_MAX`].
        /// A row that was written and looks the same may be among them.
        rows: Vec<Box<[u8]>>,
    },
    /// An index has come further: see [`crate::collection::Index::told`].
    Progress(Document),
    /// A mutation has its outcome: `{seq, id, name, status, code, detail}`, and
    /// `again` where it had one before and was sent again.
    Outcome(Document),
    /// An answer was taken in.
    Synced {
        /// Whether more waits on the server.
        more: bool,
    },
    /// The client has gone on after a refusal, and further exchanges are due:
    /// `{code, again, lost}`, see [`Operation::Recover`]. With code `digest`, the
    /// rows of `scope` were not what the server has: they are pulled again.
    Recovered(Document),
    /// The server refused the request as a whole; or, with `Schema`, has answered it, and knows so
    /// few of the mutations that the pending ones wait.
    SyncRefused(SyncError),
    /// Repeat the reads that faulted.
    Loaded,
    /// A log record for the other tabs.
    Appended {
        /// Its number.
        seq: u64,
        /// Its bytes.
        bytes: Arc<[u8]>,
    },
    /// The record store failed; `retry` tries again.
    Failed(Failure),
    /// Reads that faulted cannot go on.
    ReadFailed(Failure),
    /// Code that is loaded later is needed: load it, call `retry` and repeat the reads that faulted.
    CodeWanted,
    /// Stored bytes are bad; nothing more is written.
    Corrupt(Corrupt),
    /// It has come further, in whichever tab, that all of the shopper's is deleted.
    Erasure(Erasure),
    /// The store was deleted, and another is where it was. What is known here goes into that.
    Replaced,
}

/// How far it has come that all of the shopper's is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Erasure {
    /// The shopper has not asked for it, or the server has refused it.
    #[default]
    None,
    /// The outbox holds it; no edit is taken any more (`erased`).
    Asked,
    /// The server has done it: the store is to be deleted.
    Done,
}

struct Queued {
    ticket: u64,
    operation: Operation,
    commit: u64,
}

/// The client. See the module.
pub struct Client {
    store: Store,
    rules: Box<dyn ClientRules>,
    schema: Arc<Schema>,
    declared: Vec<Declared>,
    upkeep_due: bool,
    budgets: Vec<Budget>,
    /// Rows with a budget were written since it was last looked at.
    has_grown: bool,
    frames: Vec<Frame>,
    frame_last: u32,
    /// A load in the making.
    load: Option<Box<Load>>,
    scopes: Vec<Collection>,
    state: SyncState,
    pending: Vec<Mutation>,
    /// What the view is an overlay of: the store's base, unless the view is stale.
    view_base: Tree,
    view: Tree,
    view_counts: Counts,
    /// Staged, not durable.
    staged: VecDeque<Queued>,
    /// Not executed: an operation before waits for a segment.
    waiting: VecDeque<Queued>,
    tickets: u64,
    is_open: bool,
    is_set_up: bool,
    opened_told: bool,
    reload: bool,
    /// What goes into the store that has taken the place of one that was deleted.
    restoring: Option<Box<Restore>>,
    /// Frames up to this one were of a store that was deleted.
    frames_deleted: u32,
    /// Of the outbox that is being read again, what has been so far.
    loading: Vec<Mutation>,
    view_stale: bool,
    /// The view that is being computed.
    rebase: Option<Rebase>,
    /// State and view are brought up by the next `work`.
    turn_due: bool,
    /// A reader waits for the next view.
    view_awaited: bool,
    outcomes_told_to: u64,
    erasure_told: Erasure,
    sent: Option<Sent>,
    /// Outcomes of the first pending mutations, until those of all that the server has
    /// executed have come.
    outcomes: Vec<Outcome>,
    /// What was parked has come back into the outbox by an answer that may not be durable yet.
    is_unparking: bool,
    /// Code that was asked for cannot be loaded: see [`Client::code_failed`].
    without_code: bool,
    /// The last mutation that the server has executed, as its last answer tells.
    executed: u64,
    /// Pages of a pull, until the last has come.
    staging: Option<Staging>,
    /// Recoveries since the last answer that was none of them.
    recoveries: u32,
    /// What the last one came to, until it is durable.
    recovered: Option<Document>,
    /// The client's next id comes from these random bytes.
    next_id: Id,
    now_ms: u64,
    /// What pending mutations have written in the view.
    written: Written,
    /// What is to be told.
    changes: Changes,
    events: Vec<ClientEvent>,
}

/// The tree that holds the rows of a collection of every shop.
pub fn rows_tree(collection: Collection) -> TreeId {
    TreeId(ROWS + collection.number())
}

/// The tree that holds the rows of any collection. What the store has never heard of is in a tree
/// that nobody reads.
pub fn tree_of(schema: &Schema, collection: Collection) -> TreeId {
    match collection {
        Collection::Own(own) => schema.named(own.name()).map_or(TreeId(ROWS), |known| known.tree),
        one => rows_tree(one),
    }
}

fn tree_bit(rows_tree: TreeId) -> u64 {
    1 << (rows_tree.0 - ROWS)
}

/// No more than a number in JavaScript holds exactly.
const ALL_BITS: u64 = (1 << COLLECTIONS_MAX) - 1;

/// Wait before another exchange after an answer that found no room: the shopper
/// may free some meanwhile.
const RETRY_AFTER_NO_ROOM_MS: u64 = 60_000;

impl Client {
    /// A client whose store is not open yet.
    pub fn new(options: ClientOptions, rules: Box<dyn ClientRules>) -> Self {
        let mut declared = options.collections;
        for collection in &mut declared {
            let known = Collection::ALL.into_iter().find(|known| known.name() == collection.name);
            collection.tree = known.map(rows_tree);
        }
        let by_at = Definition { name: "byAt".into(), fields: alloc::vec!["at".into()], flags: 0 };
        let history = Some(rows_tree(Collection::History));
        declared.push(Declared { tree: history, indexes: alloc::vec![by_at], ..Declared::default() });
        let mut client = Self {
            store: Store::new(options.store),
            rules,
            schema: Arc::default(),
            declared,
            upkeep_due: false,
            budgets: Vec::new(),
            has_grown: false,
            frames: Vec::new(),
            frame_last: 0,
            load: None,
            scopes: options.scopes,
            state: SyncState::default(),
            pending: Vec::new(),
            view_base: Tree::default(),
            view: Tree::default(),
            view_counts: Counts::default(),
            staged: VecDeque::new(),
            waiting: VecDeque::new(),
            tickets: 0,
            is_open: false,
            is_set_up: false,
            opened_told: false,
            reload: true,
            restoring: None,
            frames_deleted: 0,
            loading: Vec::new(),
            view_stale: true,
            rebase: None,
            turn_due: false,
            view_awaited: false,
            outcomes_told_to: 0,
            erasure_told: Erasure::None,
            sent: None,
            outcomes: Vec::new(),
            is_unparking: false,
            without_code: false,
            executed: 0,
            staging: None,
            recoveries: 0,
            recovered: None,
            next_id: options.new_id,
            now_ms: 0,
            written: Written::default(),
            changes: Changes::default(),
            events: Vec::new(),
        };
        client.submit(Operation::SetUp { new_id: options.new_id }, options.now_ms);
        client
    }

    /// Does `operation`, at once where what it reads is in memory. Returns its
    /// ticket. `now_ms` is the time in milliseconds since 1970.
    pub fn submit(&mut self, operation: Operation, now_ms: u64) -> u64 {
        self.submit_all(alloc::vec![operation], now_ms)
    }

    /// As `submit` for several, in order, each for itself; what all of them
    /// have changed is told at once. Returns the ticket of the last: each has
    /// one more than the one before.
    pub fn submit_all(&mut self, operations: Vec<Operation>, now_ms: u64) -> u64 {
        self.now_ms = self.now_ms.max(now_ms);
        for operation in operations {
            self.tickets += 1;
            self.waiting.push_back(Queued { ticket: self.tickets, operation, commit: 0 });
        }
        self.run();
        self.tickets
    }

    /// What the shopper sees.
    pub fn view(&self) -> Reader<'_> {
        self.store.reader_at(&self.view_base, &self.view)
    }

    /// What the store holds, with what is declared marked.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether the last step of [`Operation::Upkeep`] may not have been the last.
    pub fn is_upkeep_due(&self) -> bool {
        self.upkeep_due
    }

    /// Number of mutations without an outcome.
    pub fn pending_count(&self) -> usize {
        self.pending.len() + self.waiting.iter().map(|queued| queued.operation.mutations()).sum::<usize>()
    }

    /// The client's id, once the store is open.
    pub fn id(&self) -> Option<Id> {
        self.state.client
    }

    /// The store under the client.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Asks for what a read faulted on. For code that cannot be loaded the shell asks again after a while.
    pub fn want(&mut self, fault: Fault) {
        if fault != Fault::CODE {
            self.store.want(fault);
        } else if !self.without_code {
            self.events.push(ClientEvent::CodeWanted);
        }
    }

    /// Asks for a checkpoint. Who does may be about to go: edits that wait for
    /// the view do so no longer.
    pub fn checkpoint(&mut self) {
        while self.turn_due && !self.waiting.is_empty() {
            self.work_on_view();
        }
        self.store.checkpoint();
    }

    /// Nothing has happened for a while: see [`Store::idle`].
    pub fn idle(&mut self) {
        self.store.idle();
    }

    /// Whether `work` has something to do.
    pub fn has_work(&self) -> bool {
        self.turn_due || self.store.has_work()
    }

    /// Does a slice of the rebase or of the checkpoint under way: see [`Store::work`].
    pub fn work(&mut self) {
        if self.turn_due {
            return self.work_on_view();
        }
        self.store.work();
        self.take_events();
    }

    /// Whether everything submitted is durable and no checkpoint is under way.
    pub fn is_idle(&self) -> bool {
        let is_done = !self.reload && self.waiting.is_empty() && self.staged.is_empty();
        is_done && self.store.is_durable() && !self.store.is_checkpointing()
    }

    /// Number of the last log record, when the view shows the log up to it and
    /// nothing else.
    pub fn settled_seq(&self) -> Option<u64> {
        let shown = self.opened_told && !self.view_stale && !self.reload && self.waiting.is_empty();
        self.store.settled_seq().filter(|_| shown)
    }

    /// Tries again what failed.
    pub fn retry(&mut self) {
        self.store.retry();
        self.run();
    }

    /// Code that was asked for cannot be loaded for now. What waits for it is refused (`code`) where it holds up others,
    /// and where it is no edit, since that can be done another time.
    pub fn code_failed(&mut self) {
        self.without_code = true;
        self.run();
        self.without_code = false;
    }

    /// Whether what is first is refused for `stop`, a wait for code that cannot be loaded.
    fn is_without_code(&self, stop: &Stop) -> bool {
        use Operation::{Acknowledge, Apply, Recover, Upkeep};
        let waits = self.without_code && matches!(stop.why(), Why::Fault(Fault::CODE));
        let is_no_edit = |queued: &Queued| matches!(queued.operation, Apply(_) | Recover(_) | Upkeep | Acknowledge(_));
        waits && (self.waiting.len() > 1 || self.waiting.front().is_some_and(is_no_edit))
    }

    /// Takes in a log record from another tab.
    pub fn offer(&mut self, seq: u64, bytes: &[u8]) {
        self.store.offer(seq, bytes);
        self.take_events();
    }

    /// The next operation for the record store; `None` until something happens.
    pub fn next_request(&mut self) -> Option<(RequestId, store::Request)> {
        let request = self.store.next_request();
        if request.is_none() && self.waiting.is_empty() && !self.view_stale {
            self.store.trim();
        }
        request
    }

    /// Takes the record store's answer in.
    pub fn complete(&mut self, id: RequestId, response: Response) {
        self.store.complete(id, response);
        self.take_events();
    }

    /// What happened since the last call.
    pub fn next_event(&mut self) -> Option<ClientEvent> {
        // Few wait at a time.
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.store.next_event() {
            match event {
                store::Event::Opened => self.is_open = true,
                store::Event::Durable { commit } => self.made_durable(commit),
                store::Event::Appended { seq, bytes } => self.events.push(ClientEvent::Appended { seq, bytes }),
                store::Event::Rebased { lost, foreign, keys } => self.rebased(lost, foreign, keys.as_deref()),
                store::Event::Loaded => self.events.push(ClientEvent::Loaded),
                store::Event::NoRoom(failure) => self.refuse_large(&failure),
                store::Event::Failed(failure) => self.events.push(ClientEvent::Failed(failure)),
                store::Event::CodeWanted => self.events.push(ClientEvent::CodeWanted),
                store::Event::ReadFailed(failure) => self.events.push(ClientEvent::ReadFailed(failure)),
                store::Event::Corrupt(corrupt) => self.events.push(ClientEvent::Corrupt(corrupt)),
            }
        }
        self.run();
    }

    fn made_durable(&mut self, commit: u64) {
        let mut ticket = None;
        while self.staged.front().is_some_and(|queued| queued.commit <= commit) {
            if let Some(queued) = self.staged.pop_front() {
                ticket = Some(queued.ticket);
                match queued.operation {
                    Operation::Apply(answer) => {
                        self.is_unparking = false;
                        let more = answer.more(&self.pending) || self.recovered.is_some();
                        self.events.extend(self.recovered.take().map(ClientEvent::Recovered));
                        // As where the server is too old for all of it.
                        let older = ClientEvent::SyncRefused(SyncError::Schema { min: SCHEMA, max: SCHEMA });
                        let holds_back = self.holds_back();
                        self.events.push(if holds_back { older } else { ClientEvent::Synced { more } });
                    }
                    Operation::Recover(_) => {
                        self.events.extend(self.recovered.take().map(ClientEvent::Recovered));
                        self.events.push(ClientEvent::Synced { more: true });
                    }
                    _ => {}
                }
            }
        }
        match (ticket, self.events.last_mut()) {
            (None, _) => {}
            (Some(ticket), Some(ClientEvent::Durable { ticket: last })) => *last = ticket,
            (Some(ticket), _) => self.events.push(ClientEvent::Durable { ticket }),
        }
    }

    /// There is no room for a large commit. What the shop can fetch again is
    /// refused; the shopper's own edits are staged anew without it.
    fn refuse_large(&mut self, failure: &Failure) {
        let staged = core::mem::take(&mut self.staged);
        for queued in staged {
            match queued.operation {
                Operation::SetUp { .. } | Operation::Mutate { .. } | Operation::Carry(_) | Operation::Restore(_) => {
                    self.staged.push_back(queued);
                }
                Operation::Apply(_) | Operation::Recover(_) => {
                    self.is_unparking = false;
                    let after_ms = RETRY_AFTER_NO_ROOM_MS;
                    self.events.push(ClientEvent::SyncRefused(SyncError::Retry { after_ms }));
                }
                _ => {
                    let detail = Document::of(&[("why", Value::Str(&failure.message))]);
                    self.events.push(ClientEvent::Refused { ticket: queued.ticket, code: "quota".into(), detail });
                }
            }
        }
    }

    fn rebased(&mut self, lost: bool, foreign: bool, keys: Option<&[Box<[u8]>]>) {
        if !foreign && !lost {
            return self.rest_on_base();
        }
        self.view_stale = true;
        self.rebase = None;
        self.reload = true;
        self.loading.clear();
        let waiting = self.waiting.iter_mut().filter_map(|queued| match &mut queued.operation {
            Operation::Load(load) => Some(load),
            _ => None,
        });
        waiting.chain(&mut self.load).for_each(|load| load.begin_anew());
        if lost {
            while let Some(queued) = self.staged.pop_back() {
                self.waiting.push_front(queued);
            }
        }
        match keys {
            Some(keys) => keys.iter().for_each(|key| self.changes.add(key)),
            // What is executed again may be refused this time.
            None => self.changes.add_all(),
        }
    }

    /// Does what can be done with what is in memory.
    fn run(&mut self) {
        if self.store.is_replaced()
            && let Err(fault) = later::run(|| self.replaced())
        {
            self.want(fault);
        }
        if !self.is_open || self.turn_due {
            return;
        }
        let ran = self.try_run();
        // Once the view shows them, also where an operation then waits for a segment.
        if !self.reload && !self.view_stale {
            self.events.extend(self.changes.take());
            if core::mem::take(&mut self.view_awaited) {
                self.events.push(ClientEvent::Loaded);
            }
        }
        match ran {
            Ok(()) => {}
            Err(error) => match error.into_why() {
                Why::Fault(fault) => self.want(fault),
                // Mutations write no collection whose indexes refuse rows.
                why => self.events.push(ClientEvent::Corrupt(why.into_corrupt())),
            },
        }
    }

    fn try_run(&mut self) -> Result<(), Stop> {
        let mut together_max = usize::MAX;
        loop {
            if !self.refresh()? {
                self.turn_due = true;
                return Ok(());
            }
            let mut waiting = core::mem::take(&mut self.waiting);
            let Some(first) = waiting.front_mut() else {
                return Ok(());
            };
            let mut together = 0;
            let executed = if let Operation::Load(load) = &mut first.operation {
                later::run(|| self.execute_load(load))
            } else {
                let operation = |index| waiting.get(index).map(|queued: &Queued| &queued.operation);
                while together < together_max && operation(together).is_some_and(|next| self.joins(next)) {
                    together += 1;
                }
                together = together.max(1);
                let edits = |index| operation(index).filter(|_| index < together);
                operation(0).map_or(Ok(None), |first| self.execute(first, &edits).map(Some))
            };
            self.waiting = waiting;
            match executed {
                Ok(None) => {
                    self.turn_due = true;
                    return Ok(());
                }
                Ok(Some(commit)) => {
                    for _ in 0..together.max(1) {
                        let Some(queued) = self.waiting.pop_front() else { break };
                        self.enqueue(Queued { commit, ..queued });
                    }
                    together_max = together_max.saturating_mul(2);
                }
                // What one of them waits for, or is refused for, is not the others'.
                Err(_) if together > 1 => together_max = together / 2,
                Err(stop) => {
                    let without_code = self.is_without_code(&stop);
                    let why = [("why", Value::Str("it cannot be loaded"))];
                    let stop = if without_code { Stop::refused("code", &why) } else { stop };
                    let (code, detail) = stop.into_refusal()?;
                    if let Some(Queued { ticket, .. }) = self.waiting.pop_front() {
                        self.events.push(ClientEvent::Refused { ticket, code: code.into(), detail });
                    }
                }
            }
        }
    }

    /// Whether an operation may be one commit with its neighbours: where it does no harm to execute
    /// those before it in the same workspace. A unique index is checked at the end of a commit.
    fn joins(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Put { rows_tree, .. } => self.schema.of(*rows_tree).all(|index| !index.is(UNIQUE)),
            _ => false,
        }
    }

    /// An operation that wrote nothing is durable with the one before it.
    fn enqueue(&mut self, mut queued: Queued) {
        if queued.commit == 0 {
            queued.commit = self.staged.back().map_or(0, |last| last.commit);
        }
        let commit = queued.commit;
        self.staged.push_back(queued);
        if commit == 0 {
            self.made_durable(0);
        }
    }
}
