//! Two profiles, a server, and all that can happen to them.

use stateright::{Model, Property};

use crate::protocol::{Answer, Client, FORGOTTEN, Guard, Op, Request, Server};

/// Most messages on their way at a time.
const MESSAGES_MAX: usize = 2;

/// Exchanges of each client within which all must converge once faults stop:
/// an epoch change, a new name, and a batch for each two of its mutations.
const ROUNDS_MAX: usize = 8;

/// What can happen only where the server is restored.
pub const LOSES: &str = "a restore loses what was acknowledged";

/// What can happen only where journals age.
pub const FORGETS: &str = "the server forgets what cannot come again";

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Mutations of both clients together.
    pub mutations: u8,
    /// Messages that arrive twice.
    pub duplicates: u8,
    /// Crashes of a client.
    pub crashes: u8,
    /// Restores of the server.
    pub restores: u8,
    /// Restores of the server that get no new epoch.
    pub relapses: u8,
    /// Mutations that become too old for a journal.
    pub ages: u8,
    /// Copies of the first profile in place of the second.
    pub clones: u8,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// How much may happen.
    pub bounds: Bounds,
    /// The guard that is taken away.
    pub without: Option<Guard>,
}

/// A message on its way. Which is delivered next is open: that is reordering.
/// One that is never delivered is lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    client: usize,
    request: Request,
    answer: Option<Answer>,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    server: Server,
    backup: Option<Server>,
    clients: [Client; 2],
    /// In order, so that equal sets are equal states.
    messages: Vec<Message>,
    names: u8,
    made: u8,
    /// Whether a restore got no new epoch: cookies and rows mean little then.
    has_relapsed: bool,
    left: [u8; 6],
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The shopper does something in a profile.
    Edit(usize),
    /// It is durable.
    Store(usize),
    /// A tab of a profile sends; what it had sent before may still arrive.
    Send(usize),
    /// A message arrives.
    Deliver(usize),
    /// A message arrives, and will arrive once more.
    DeliverTwice(usize),
    /// A message is lost.
    Drop(usize),
    /// A profile's tabs die.
    Crash(usize),
    /// A backup is made of the server.
    Backup,
    /// The server is restored from its backup.
    Restore,
    /// The server is restored from its backup, and nobody thinks of a new epoch.
    Relapse,
    /// The oldest mutation of a profile's journal leaves it.
    Age(usize),
    /// The second profile becomes a copy of the first.
    Clone,
}

const DUPLICATES: usize = 0;
const CRASHES: usize = 1;
const RESTORES: usize = 2;
const CLONES: usize = 3;
const RELAPSES: usize = 4;
const AGES: usize = 5;

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let Bounds { duplicates, crashes, restores, relapses, ages, clones, .. } = self.bounds;
        let server = Server { epoch: 0, log: Vec::new(), clients: Vec::new() };
        vec![State {
            server,
            backup: None,
            clients: [Client::new(0), Client::new(1)],
            messages: Vec::new(),
            names: 2,
            made: 0,
            has_relapsed: false,
            left: [duplicates, crashes, restores, clones, relapses, ages],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for at in 0..2 {
            let client = &state.clients[at];
            match client.staged {
                Some(_) => actions.push(Action::Store(at)),
                // Without a copy the two are alike: the first to do something is the first one.
                None if state.made < self.bounds.mutations && (at == 0 || state.made > 0) => {
                    actions.push(Action::Edit(at));
                }
                None => {}
            }
            if state.messages.len() < MESSAGES_MAX {
                actions.push(Action::Send(at));
            }
            let has_memory = client.staged.is_some() || state.messages.iter().any(|message| message.client == at);
            if state.left[CRASHES] > 0 && has_memory {
                actions.push(Action::Crash(at));
            }
            if state.left[AGES] > 0 && !client.journal.is_empty() {
                actions.push(Action::Age(at));
            }
        }
        for at in 0..state.messages.len() {
            actions.extend([Action::Deliver(at), Action::Drop(at)]);
            if state.left[DUPLICATES] > 0 && state.messages[at].answer.is_none() {
                actions.push(Action::DeliverTwice(at));
            }
        }
        let may_go_back = state.left[RESTORES] + state.left[RELAPSES] > 0;
        // Of several backups only the last would matter.
        if may_go_back && state.backup.is_none() {
            actions.push(Action::Backup);
        }
        if state.left[RESTORES] > 0 {
            actions.push(Action::Restore);
        }
        // An empty database has always a new epoch.
        if state.left[RELAPSES] > 0 && state.backup.is_some() {
            actions.push(Action::Relapse);
        }
        if state.left[CLONES] > 0 && state.clients[1] == Client::new(1) {
            actions.push(Action::Clone);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Edit(at) => {
                state.made += 1;
                if self.bounds.crashes > 0 {
                    state.clients[at].staged = Some(state.made);
                } else {
                    state.clients[at].outbox.push(state.made);
                }
            }
            Action::Store(at) => {
                let client = &mut state.clients[at];
                client.outbox.extend(client.staged.take());
            }
            Action::Send(at) => {
                let request = state.clients[at].request();
                state.send(Message { client: at, request, answer: None });
            }
            Action::Deliver(at) => {
                let message = state.messages.remove(at);
                state.deliver(message, self.without);
            }
            Action::DeliverTwice(at) => {
                state.left[DUPLICATES] -= 1;
                let message = state.messages[at].clone();
                if state.messages.len() == MESSAGES_MAX {
                    return None;
                }
                state.deliver(message, self.without);
            }
            Action::Drop(at) => drop(state.messages.remove(at)),
            Action::Crash(at) => {
                state.left[CRASHES] -= 1;
                state.clients[at].staged = None;
                // Requests go on without their tab; nobody hears their answers.
                state.messages.retain(|message| message.client != at || message.answer.is_none());
            }
            Action::Backup => state.backup = Some(state.server.clone()),
            Action::Restore => {
                state.left[RESTORES] -= 1;
                let epoch = state.server.epoch + 1;
                let wiped = Server { epoch, log: Vec::new(), clients: Vec::new() };
                state.server = state.backup.take().map_or(wiped, |backup| Server { epoch, ..backup });
            }
            Action::Relapse => {
                state.left[RELAPSES] -= 1;
                state.has_relapsed = true;
                state.server = state.backup.take()?;
            }
            Action::Age(at) => {
                state.left[AGES] -= 1;
                // That takes a month, and no message so long.
                state.messages.clear();
                state.clients[at].journal.remove(0);
            }
            Action::Clone => {
                state.left[CLONES] -= 1;
                state.messages.retain(|message| message.client != 1);
                state.clients[1] = Client { staged: None, ..state.clients[0].clone() };
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing is done twice", |_, state: &State| is_set(&state.server.log)),
            Property::always("nothing is lost, and all converge, once faults stop", |world: &World, state: &State| {
                state.clone().converges(world.without)
            }),
            Property::always("a base is what the server confirmed", |_, state: &State| {
                state.has_relapsed || state.clients.iter().all(|client| state.is_confirmed(client))
            }),
            Property::always("what was acknowledged shows", |_, state: &State| {
                state.has_relapsed || state.clients.iter().all(|client| state.shows_acknowledged(client))
            }),
            Property::always("no cookie goes back within an epoch", |_, state: &State| {
                state.has_relapsed || state.clients.iter().all(|client| !client.went_back)
            }),
            Property::sometimes(LOSES, |_, state: &State| {
                let acknowledged = |client: &Client| client.journal.iter().any(|op| !state.server.log.contains(op));
                state.clients.iter().any(acknowledged)
            }),
            Property::sometimes(FORGETS, |_, state: &State| {
                state.server.clients.iter().any(|(_, executed)| executed.contains(&FORGOTTEN))
            }),
            Property::sometimes("both clients are through", |world: &World, state: &State| {
                state.made == world.bounds.mutations && state.clients.iter().all(|client| client.base.len() > 1)
            }),
        ]
    }
}

fn is_set(ops: &[Op]) -> bool {
    (1..ops.len()).all(|at| !ops[..at].contains(&ops[at]))
}

impl State {
    fn send(&mut self, message: Message) {
        let place = self.messages.binary_search(&message).unwrap_or_else(|place| place);
        self.messages.insert(place, message);
    }

    fn deliver(&mut self, message: Message, without: Option<Guard>) {
        let Message { client, request, answer } = message;
        match answer {
            None => {
                let answer = self.server.serve(&request, without);
                self.send(Message { client, request, answer: Some(answer) });
            }
            Some(answer) => self.take(client, &request, &answer, without),
        }
    }

    fn take(&mut self, client: usize, request: &Request, answer: &Answer, without: Option<Guard>) {
        let is_renamed = self.clients[client].take(request, answer, self.names, without);
        self.names += u8::from(is_renamed);
    }

    /// Lets the clients exchange without faults, and tells whether all hold the same in the end.
    fn converges(mut self, without: Option<Guard>) -> bool {
        let durable: Vec<Op> =
            self.clients.iter().flat_map(|client| [&client.outbox, &client.journal]).flatten().copied().collect();
        self.messages.clear();
        for _ in 0..ROUNDS_MAX {
            for at in 0..2 {
                let request = self.clients[at].request();
                let answer = self.server.serve(&request, without);
                self.take(at, &request, &answer, without);
            }
        }
        let log = &self.server.log;
        let is_through = |client: &Client| client.outbox.is_empty() && client.base == *log;
        is_set(log) && durable.iter().all(|op| log.contains(op)) && self.clients.iter().all(is_through)
    }

    fn is_confirmed(&self, client: &Client) -> bool {
        let cookie = usize::from(client.stand.cookie.unwrap_or(0));
        let is_current = client.stand.epoch == Some(self.server.epoch) && client.stand.cookie.is_some();
        !is_current || self.server.log.get(..cookie) == Some(&client.base[..])
    }

    fn shows_acknowledged(&self, client: &Client) -> bool {
        let is_current = client.stand.epoch == Some(self.server.epoch) && client.stand.cookie.is_some();
        let shown = |op: &Op| client.base.contains(op) || client.outbox.contains(op);
        !is_current || client.journal.iter().all(shown)
    }
}
