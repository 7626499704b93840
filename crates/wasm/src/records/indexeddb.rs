//! The record store on IndexedDB.
//!
//! Three object stores: `log`, `segment` and `head`, with numbers as keys. An
//! operation is one transaction; its conditions are requests in it whose
//! results abort it. The same listeners serve every transaction, so that an
//! append costs no new closure.
//!
//! The numbers of the log come from the key generator of its object store: it
//! never gives a number twice, even when the record is long deleted, so a tab
//! that slept through others' commits cannot take a number of theirs.

use super::{Answer, Records};
use js_sys::{Array, Object, Reflect, Uint8Array};
use pannier::store::{Checkpoint, Failure, FailureKind, Request, Response};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use web_sys::{
    DomException, Event, IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbObjectStoreParameters,
    IdbOpenDbRequest, IdbRequest, IdbTransaction,
};

/// Version of the database: of its object stores, not of what is in them.
const DATABASE_VERSION: u32 = 1;
const LOG: &str = "log";
const SEGMENT: &str = "segment";
const HEAD: &str = "head";
const READ: &str = "readonly";
const WRITE: &str = "readwrite";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = indexedDB)]
    static INDEXED_DB: Option<IdbFactory>;

    /// `IDBDatabase` with the third argument of `transaction`, which web-sys
    /// has among its unstable interfaces only.
    type Database;

    /// What `js/src/ahead.ts` has read while the wasm was loading.
    pub type Ahead;

    #[wasm_bindgen(method, getter)]
    fn database(this: &Ahead) -> IdbDatabase;

    #[wasm_bindgen(method, getter)]
    fn head(this: &Ahead) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn numbers(this: &Ahead) -> Array;

    #[wasm_bindgen(method, getter)]
    fn records(this: &Ahead) -> Array;

    #[wasm_bindgen(method, getter)]
    fn segment(this: &Ahead) -> Option<f64>;

    #[wasm_bindgen(method, getter, js_name = segmentBytes)]
    fn segment_bytes(this: &Ahead) -> JsValue;

    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(task: JsValue);

    /// `IDBTransaction.commit`, which web-sys has marked as deprecated.
    type Transaction;

    #[wasm_bindgen(method, catch)]
    fn commit(this: &Transaction) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    fn transaction(this: &Database, stores: &Array, mode: &str, options: &Object) -> Result<IdbTransaction, JsValue>;
}

/// Whether this place has IndexedDB.
pub fn is_available() -> bool {
    INDEXED_DB.with(Option::is_some)
}

/// The record store on IndexedDB.
pub struct IndexedDb(Rc<Inner>);

struct Inner {
    name: String,
    /// `{durability}`, the same for every transaction.
    options: Object,
    database: RefCell<Option<IdbDatabase>>,
    /// Started before the database was open.
    waiting: RefCell<Vec<(Request, Answer)>>,
    running: RefCell<Vec<Running>>,
    listeners: RefCell<Option<Listeners>>,
    /// Answers the first request, which opens the store.
    ahead: RefCell<Option<Response>>,
}

/// A transaction that has not ended.
struct Running {
    transaction: IdbTransaction,
    answer: Answer,
    conditions: Vec<(IdbRequest, Condition)>,
    results: Results,
}

/// What a request must find, or its transaction is aborted as a conflict.
enum Condition {
    /// The record was added under this number.
    Number(u64),
    /// The head is this one.
    Bytes(Option<Vec<u8>>),
}

/// The requests whose results make the answer.
enum Results {
    None,
    Number { request: IdbRequest, expected: u64 },
    Opened { head: IdbRequest, numbers: IdbRequest, records: IdbRequest },
    Segments(Vec<(u32, IdbRequest)>),
}

struct Listeners {
    condition: Closure<dyn FnMut(Event)>,
    complete: Closure<dyn FnMut(Event)>,
    abort: Closure<dyn FnMut(Event)>,
    opening: Vec<Closure<dyn FnMut(Event)>>,
}

impl IndexedDb {
    /// The record store of this name. `strict` waits for the disk at each commit.
    /// `ahead` is the database, opened already, with what was read of it.
    pub fn new(name: &str, strict: bool, ahead: Option<Ahead>) -> Self {
        let options = Object::new();
        let durability = if strict { "strict" } else { "relaxed" };
        // Setting a field of an object of our own cannot fail.
        let _ = Reflect::set(&options, &"durability".into(), &durability.into());
        let inner = Rc::new(Inner {
            name: name.into(),
            options,
            database: RefCell::default(),
            waiting: RefCell::default(),
            running: RefCell::default(),
            listeners: RefCell::default(),
            ahead: RefCell::default(),
        });
        let listeners = Listeners {
            condition: listener(&inner, Inner::check_condition),
            complete: listener(&inner, |inner, event| inner.ended(&event, true)),
            abort: listener(&inner, |inner, event| inner.ended(&event, false)),
            opening: Vec::new(),
        };
        inner.listeners.replace(Some(listeners));
        if let Some(ahead) = ahead {
            let segment = ahead.segment().zip(to_bytes(&ahead.segment_bytes()));
            let segments = segment.into_iter().map(|(segment, bytes)| (segment as u32, bytes)).collect();
            inner.ahead.replace(Some(opened(&ahead.head(), &ahead.numbers(), &ahead.records(), segments)));
            inner.adopt(ahead.database());
        }
        Self(inner)
    }
}

/// A listener that does not keep the record store alive.
fn listener(inner: &Rc<Inner>, call: impl Fn(&Rc<Inner>, Event) + 'static) -> Closure<dyn FnMut(Event)> {
    let inner = Rc::downgrade(inner);
    Closure::new(move |event| {
        if let Some(inner) = inner.upgrade() {
            call(&inner, event);
        }
    })
}

impl Records for IndexedDb {
    fn start(&self, request: Request, answer: Answer) {
        // Others may have written since: as with any read, the next append finds out.
        if let Some(response) = self.0.ahead.take() {
            queue_microtask(Closure::once_into_js(move || answer(response)));
            return;
        }
        if self.0.database.borrow().is_some() {
            self.0.run(request, answer);
            return;
        }
        self.0.waiting.borrow_mut().push((request, answer));
        if self.0.waiting.borrow().len() == 1 {
            self.0.open();
        }
    }

    fn close(&self) {
        if let Some(database) = self.0.database.take() {
            database.close();
        }
    }
}

impl Inner {
    fn open(self: &Rc<Self>) {
        let opened = INDEXED_DB.with(|factory| {
            let factory = factory.as_ref().ok_or(JsValue::NULL)?;
            factory.open_with_u32(&self.name, DATABASE_VERSION)
        });
        let request = match opened {
            Ok(request) => request,
            Err(error) => return self.open_failed(failure(&error)),
        };
        let upgrade = listener(self, |_, event| {
            if create(&event).is_none() {
                // Without its stores the database is of no use: the upgrade is undone.
                target::<IdbOpenDbRequest>(&event).and_then(|request| request.transaction()).map(|tx| tx.abort());
            }
        });
        let success = listener(self, |inner, event| inner.opened(&event));
        let error = listener(self, |inner, event| {
            let error = target::<IdbRequest>(&event).and_then(|request| request.error().ok().flatten());
            inner.open_failed(failure(&error.map_or(JsValue::NULL, Into::into)));
        });
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        request.set_onsuccess(Some(success.as_ref().unchecked_ref()));
        request.set_onerror(Some(error.as_ref().unchecked_ref()));
        self.keep(vec![upgrade, success, error]);
    }

    /// Keeps the listeners of opening until the next time.
    fn keep(&self, closures: Vec<Closure<dyn FnMut(Event)>>) {
        if let Some(listeners) = &mut *self.listeners.borrow_mut() {
            listeners.opening.extend(closures);
        }
    }

    fn opened(self: &Rc<Self>, event: &Event) {
        let Some(database) = target::<IdbRequest>(event)
            .and_then(|request| request.result().ok())
            .and_then(|result| result.dyn_into::<IdbDatabase>().ok())
        else {
            return;
        };
        self.adopt(database);
        for (request, answer) in self.waiting.take() {
            self.run(request, answer);
        }
    }

    fn adopt(self: &Rc<Self>, database: IdbDatabase) {
        // A newer version of the page or a deletion must not wait for this one.
        let version_change = listener(self, |inner, _| {
            if let Some(database) = inner.database.take() {
                database.close();
            }
        });
        let close = listener(self, |inner, _| drop(inner.database.take()));
        database.set_onversionchange(Some(version_change.as_ref().unchecked_ref()));
        database.set_onclose(Some(close.as_ref().unchecked_ref()));
        self.keep(vec![version_change, close]);
        self.database.replace(Some(database));
    }

    fn open_failed(&self, failure: Failure) {
        for (_, answer) in self.waiting.take() {
            answer(Response::Failed(failure.clone()));
        }
    }

    fn run(&self, request: Request, answer: Answer) {
        let begun = self.begin(&request).and_then(|transaction| {
            let filled = self.fill(&transaction, &request);
            if filled.is_err() {
                // Left alone, it would commit the part that was asked for.
                let _ = transaction.abort();
            }
            let (conditions, results) = filled?;
            self.listen(&transaction, &conditions);
            Ok((transaction, conditions, results))
        });
        match begun {
            Ok((transaction, conditions, results)) => {
                self.running.borrow_mut().push(Running { transaction, answer, conditions, results });
            }
            Err(error) => {
                // The connection may be dead: the next request opens a new one.
                if let Some(database) = self.database.take() {
                    database.close();
                }
                answer(Response::Failed(failure(&error)));
            }
        }
    }

    fn begin(&self, request: &Request) -> Result<IdbTransaction, JsValue> {
        let (stores, mode): (&[&str], _) = match request {
            Request::Open { .. } => (&[HEAD, LOG], READ),
            Request::Append { .. } => (&[LOG], WRITE),
            Request::Read { .. } => (&[SEGMENT], READ),
            Request::Checkpoint(_) => (&[HEAD, LOG, SEGMENT], WRITE),
        };
        self.transaction(stores, mode)
    }

    /// Puts the requests of an operation into its transaction.
    fn fill(
        &self,
        transaction: &IdbTransaction,
        request: &Request,
    ) -> Result<(Vec<(IdbRequest, Condition)>, Results), JsValue> {
        let store = |name| transaction.object_store(name);
        let mut conditions = Vec::new();
        let mut results = Results::None;
        match request {
            Request::Open { log_after } => {
                let log = store(LOG)?;
                let from = IdbKeyRange::lower_bound_with_open(&number(log_after.unwrap_or(0)), log_after.is_some())?;
                results = Results::Opened {
                    head: store(HEAD)?.get(&number(0))?,
                    numbers: log.get_all_keys_with_key(&from)?,
                    records: log.get_all_with_key(&from)?,
                };
            }
            Request::Append { seq, bytes, checked: true } => conditions.push(append(&store(LOG)?, *seq, bytes)?),
            Request::Append { seq, bytes, checked: false } => {
                let (request, _) = append(&store(LOG)?, *seq, bytes)?;
                results = Results::Number { request, expected: *seq };
                // Saves a round trip between the page and the database. Without it, in
                // browsers from before 2021, the transaction commits a little later.
                let _ = transaction.unchecked_ref::<Transaction>().commit();
            }
            Request::Read { segments } => {
                let store = store(SEGMENT)?;
                let get = |segment: &u32| Ok((*segment, store.get(&number(u64::from(*segment)))?));
                results = Results::Segments(segments.iter().map(get).collect::<Result<_, JsValue>>()?);
            }
            Request::Checkpoint(checkpoint) => {
                conditions = write(checkpoint, &store(HEAD)?, &store(LOG)?, &store(SEGMENT)?)?;
            }
        }
        Ok((conditions, results))
    }

    fn transaction(&self, stores: &[&str], mode: &str) -> Result<IdbTransaction, JsValue> {
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let database = self.database.borrow();
        let database = database.as_ref().ok_or(JsValue::NULL)?;
        database.unchecked_ref::<Database>().transaction(&names, mode, &self.options)
    }

    fn listen(&self, transaction: &IdbTransaction, conditions: &[(IdbRequest, Condition)]) {
        let listeners = self.listeners.borrow();
        let Some(listeners) = &*listeners else { return };
        transaction.set_oncomplete(Some(listeners.complete.as_ref().unchecked_ref()));
        transaction.set_onabort(Some(listeners.abort.as_ref().unchecked_ref()));
        for (request, _) in conditions {
            request.set_onsuccess(Some(listeners.condition.as_ref().unchecked_ref()));
        }
    }

    fn check_condition(self: &Rc<Self>, event: Event) {
        let Some(request) = target::<IdbRequest>(&event) else {
            return;
        };
        let running = self.running.borrow();
        let conditions =
            running.iter().flat_map(|running| running.conditions.iter().map(|it| (&running.transaction, it)));
        let found = conditions.into_iter().find(|(_, (other, _))| *other == request);
        let Some((transaction, (_, condition))) = found else {
            return;
        };
        let result = request.result().unwrap_or(JsValue::UNDEFINED);
        let holds = match condition {
            Condition::Number(number) => result.as_f64() == Some(*number as f64),
            Condition::Bytes(bytes) => to_bytes(&result) == *bytes,
        };
        if !holds {
            // It cannot fail while a request of the transaction calls back.
            let _ = transaction.abort();
        }
    }

    fn ended(&self, event: &Event, complete: bool) {
        let Some(transaction) = target::<IdbTransaction>(event) else {
            return;
        };
        let position = self.running.borrow().iter().position(|running| running.transaction == transaction);
        let Some(position) = position else { return };
        let running = self.running.borrow_mut().swap_remove(position);
        let response = if complete { running.results.response() } else { aborted(&running) };
        (running.answer)(response);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(database) = self.database.take() {
            database.close();
        }
    }
}

impl Results {
    fn response(&self) -> Response {
        let result = |request: &IdbRequest| request.result().unwrap_or(JsValue::UNDEFINED);
        match self {
            Self::None => Response::Done,
            Self::Number { request, expected } => match result(request).as_f64() {
                Some(number) if number == *expected as f64 => Response::Done,
                _ => Response::Conflict,
            },
            Self::Opened { head, numbers, records } => {
                let (numbers, records) = (Array::from(&result(numbers)), Array::from(&result(records)));
                opened(&result(head), &numbers, &records, Vec::new())
            }
            Self::Segments(requests) => {
                let read = requests.iter().map(|(segment, request)| (*segment, to_bytes(&result(request))));
                Response::Segments(read.collect())
            }
        }
    }
}

fn opened(head: &JsValue, numbers: &Array, records: &Array, segments: Vec<(u32, Vec<u8>)>) -> Response {
    let numbers = numbers.iter().map(|number| number.as_f64().unwrap_or(0.0) as u64);
    let records = records.iter().map(|record| to_bytes(&record).unwrap_or_default());
    Response::Opened { head: to_bytes(head), log: numbers.zip(records).collect(), segments }
}

/// Creates the object stores of a new database, with log record 0.
fn create(event: &Event) -> Option<()> {
    let request = target::<IdbOpenDbRequest>(event)?;
    let database: IdbDatabase = request.result().ok()?.dyn_into().ok()?;
    database.create_object_store(HEAD).ok()?;
    database.create_object_store(SEGMENT).ok()?;
    let parameters = IdbObjectStoreParameters::new();
    parameters.set_auto_increment(true);
    let log = database.create_object_store_with_optional_parameters(LOG, &parameters).ok()?;
    log.add_with_key(&Uint8Array::new_with_length(0), &number(0)).ok()?;
    Some(())
}

/// Adds a log record. Its number is given by the key generator and must be `seq`.
fn append(log: &IdbObjectStore, seq: u64, bytes: &[u8]) -> Result<(IdbRequest, Condition), JsValue> {
    Ok((log.add(&to_js(bytes))?, Condition::Number(seq)))
}

fn write(
    checkpoint: &Checkpoint,
    head: &IdbObjectStore,
    log: &IdbObjectStore,
    segment: &IdbObjectStore,
) -> Result<Vec<(IdbRequest, Condition)>, JsValue> {
    let head_before = checkpoint.head_before.as_ref().map(|bytes| bytes.to_vec());
    let mut conditions = vec![(head.get(&number(0))?, Condition::Bytes(head_before))];
    if let Some((seq, bytes)) = &checkpoint.append {
        conditions.push(append(log, *seq, bytes)?);
    }
    for (at, bytes) in &checkpoint.segments {
        segment.put_with_key(&to_js(bytes), &number(u64::from(*at)))?;
    }
    for at in &checkpoint.drop_segments {
        segment.delete(&number(u64::from(*at)))?;
    }
    let superseded = IdbKeyRange::upper_bound_with_open(&number(checkpoint.drop_log_below), true)?;
    log.delete(&superseded)?;
    head.put_with_key(&to_js(&checkpoint.head), &number(0))?;
    Ok(conditions)
}

/// A transaction aborts by our own conditions or by a failure.
fn aborted(running: &Running) -> Response {
    match running.transaction.error() {
        None => Response::Conflict,
        Some(error) => Response::Failed(failure(&error.into())),
    }
}

fn failure(error: &JsValue) -> Failure {
    let Some(error) = error.dyn_ref::<DomException>() else {
        return Failure { kind: FailureKind::Unavailable, message: "there is no IndexedDB here".into() };
    };
    let kind = match error.name().as_str() {
        "QuotaExceededError" => FailureKind::Quota,
        "InvalidStateError" | "SecurityError" | "VersionError" | "UnknownError" => FailureKind::Unavailable,
        _ => FailureKind::Other,
    };
    Failure { kind, message: error.name() + ": " + &error.message() }
}

fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}

/// A copy outside wasm memory: a view would be cloned with the whole memory.
fn to_js(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

fn to_bytes(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

fn target<T: JsCast>(event: &Event) -> Option<T> {
    event.target()?.dyn_into().ok()
}
