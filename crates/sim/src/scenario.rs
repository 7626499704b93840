//! The format of `tests/scenarios/*.json`; the README there explains it.

use crate::network::Fault;
use crate::server::ServerEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The scenario's number.
    pub number: u32,
    /// What happens, in words.
    pub title: String,
    /// Whether it is run in real browsers too.
    #[serde(default)]
    pub browser: bool,
    /// Products in the shop at the start.
    #[serde(default)]
    pub catalog: Vec<Json>,
    /// Devices by name, each with its shopper.
    pub devices: BTreeMap<String, String>,
    /// What to run; each case starts from nothing.
    pub cases: Vec<Case>,
}

/// One way it can go.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// How it must end.
    pub end: End,
}

impl Case {
    /// Whether it is about large numbers, and takes its time.
    pub fn is_large(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Edit { times, .. } => *times > 1000,
            Step::Catalog { more, .. } => *more > 0,
            _ => false,
        })
    }

    /// Whether the server's clock must be put forward for it.
    pub fn needs_clock(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Wait { .. }))
    }
}

/// One thing that happens. `on` is a tab: the device's name for its first one,
/// `A.2` for its second.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Step {
    /// An edit: `{"do": "edit", "on": "A", "name": "cart.add", "args": {…}}`.
    Edit {
        /// Where.
        on: String,
        /// Name of the mutation.
        name: String,
        /// What the shopper asks for.
        #[serde(default)]
        args: Map<String, Json>,
        /// How often.
        #[serde(default = "once")]
        times: u32,
    },
    /// Edits in several tabs, none of which knows of the others yet.
    Together {
        /// The edits.
        edits: Vec<Step>,
    },
    /// The shopper signs in on the same browser: the tab claims what an anonymous
    /// shopper's device shows.
    Claim {
        /// Where.
        on: String,
        /// The anonymous shopper's device.
        from: String,
        /// What becomes of lines that both have.
        #[serde(default)]
        policy: Option<String>,
        /// The secret, where it is a wrong one.
        #[serde(default)]
        secret: Option<String>,
    },
    /// Exchanges with the server until neither side has more.
    Sync {
        /// Where.
        on: String,
        /// What befalls one of the requests.
        #[serde(default)]
        fault: Option<Fault>,
        /// How many requests go before that one.
        #[serde(default)]
        after: usize,
        /// How it must end, if not well: `network` or a code of the protocol.
        #[serde(default)]
        error: Option<String>,
    },
    /// The device loses its connection.
    Offline {
        /// Which device.
        on: String,
    },
    /// The device has a connection again.
    Online {
        /// Which device.
        on: String,
    },
    /// A tab is opened on what the device has stored.
    Open {
        /// Where.
        on: String,
    },
    /// A tab dies.
    Kill {
        /// Where.
        on: String,
        /// When.
        at: Moment,
    },
    /// The shop writes products.
    Catalog {
        /// The products.
        products: Vec<Json>,
        /// So many more: `P1`, `P2`, ….
        #[serde(default)]
        more: usize,
    },
    /// A page puts products into its cache.
    Cache {
        /// Where.
        on: String,
        /// The products, with their versions.
        products: Vec<Json>,
    },
    /// Time goes by on a device: its clock is ahead of the server's from then on.
    Later {
        /// Which device.
        on: String,
        /// Milliseconds.
        ms: u64,
    },
    /// Another shopper logs in on a device.
    Login {
        /// Which device.
        on: String,
        /// The shopper.
        shopper: String,
    },
    /// Time goes by, on devices and the server alike.
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Something befalls the server.
    Server {
        /// What.
        event: ServerEvent,
    },
    /// The browser profile of one device is copied over that of another.
    Clone {
        /// The device that is copied.
        on: String,
        /// The device that becomes like it; its first tab is open then.
        to: String,
    },
    /// A request made by hand.
    Request {
        /// Who sends it.
        shopper: String,
        /// Name of the client; equal names are one client.
        client: String,
        /// `{seq, name, args}`; id and hash are derived.
        mutations: Vec<RawMutation>,
        /// What the answer must hold at least.
        answer: Json,
    },
    /// What a tab must show now.
    Expect {
        /// Where.
        on: String,
        /// The cart.
        #[serde(default)]
        cart: BTreeMap<String, Json>,
        /// The orders.
        #[serde(default)]
        orders: BTreeMap<String, Json>,
        /// Products whose fields must be as given; null for one that is not there.
        #[serde(default)]
        catalog: BTreeMap<String, Json>,
        /// Number of mutations without an outcome.
        #[serde(default)]
        pending: usize,
    },
}

/// A mutation made by hand.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawMutation {
    /// Sequence number.
    pub seq: u64,
    /// Name.
    pub name: String,
    /// Arguments, complete.
    #[serde(default)]
    pub args: Json,
}

/// When a tab dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// When nothing is under way: what was done is stored and not sent.
    Idle,
    /// After its request reached the server, before the answer came.
    InFlight,
}

/// How it ends. What is not named is empty.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// What each shopper has on the server.
    pub server: BTreeMap<String, Holdings>,
    /// What each device shows, in each of its open tabs.
    pub devices: BTreeMap<String, Holdings>,
    /// The outcomes that each device told, in the order of the mutations.
    #[serde(default)]
    pub outcomes: BTreeMap<String, Vec<ToldOutcome>>,
    /// How devices went on after a refusal.
    #[serde(default)]
    pub recoveries: BTreeMap<String, Vec<Recovery>>,
    /// Mutations that the server executed.
    pub executed: u64,
    /// Requests that reached the server.
    pub requests: u64,
}

/// A cart, a history and orders.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Holdings {
    /// Lines: the quantity, or an object of fields that the line must have.
    #[serde(default)]
    pub cart: BTreeMap<String, Json>,
    /// The skus visited, sorted.
    #[serde(default)]
    pub history: Vec<String>,
    /// Orders: fields that each must have.
    #[serde(default)]
    pub orders: BTreeMap<String, Json>,
    /// Rows of the shop's own collections, by collection: fields that each must have.
    #[serde(default)]
    pub own: BTreeMap<String, BTreeMap<String, Json>>,
    /// Products whose fields must be as given; on devices only.
    #[serde(default)]
    pub catalog: BTreeMap<String, Json>,
    /// Mutations without an outcome; on devices only.
    #[serde(default)]
    pub pending: usize,
}

/// How a device went on after a refusal.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Code of the refusal.
    pub code: String,
    /// Acknowledged mutations that are sent again.
    #[serde(default)]
    pub again: u64,
    /// Acknowledged mutations that may be lost, older than the journal.
    #[serde(default)]
    pub lost: u64,
    /// For the code `digest`: the scope that is pulled again.
    #[serde(default)]
    pub scope: Option<String>,
}

/// An outcome as a shop hears it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ToldOutcome {
    /// Name of the mutation.
    pub name: String,
    /// `applied`, `adjusted`, `noop` or `rejected`.
    pub status: String,
    /// Why.
    #[serde(default)]
    pub code: Option<String>,
    /// Particulars.
    pub detail: Json,
    /// Whether the mutation had an outcome before, and was sent again.
    #[serde(default)]
    pub again: bool,
    /// How many equal ones follow each other.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// All files of the folder, by name.
///
/// # Panics
/// When a file is no scenario.
pub fn load() -> Vec<(PathBuf, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let entries = std::fs::read_dir(&folder).expect("the scenarios are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("the file reads");
        let scenario = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (file, scenario)
    };
    files.into_iter().map(read).collect()
}
