//! What client and server do, without anything that is not the protocol: a row
//! is the list of mutations executed on it, and a mutation is a number.

/// Identity of a mutation.
pub type Op = u8;

/// Stands where the server has forgotten which mutation it executed.
pub const FORGOTTEN: Op = 0;

/// Most mutations in one request: less than a client may have, so that a
/// backlog takes several.
const BATCH_MAX: usize = 2;

/// What keeps the protocol right. Each can be taken away, and the checker must
/// then find what goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The server executes a sequence number once.
    SequenceOnce,
    /// The server compares the mutation with the one it executed under its number.
    SameMutation,
    /// The server executes an id once, under whatever client and number it comes.
    IdOnce,
    /// The server refuses another epoch than its own.
    Epoch,
    /// The server refuses who has acknowledged more than it has executed.
    Acknowledged,
    /// The server forgets no mutation but those that the client cannot send again.
    ForgetBefore,
    /// The client pulls all anew where its rows are not the server's.
    Digest,
    /// The client takes an answer in only where it still stands where it asked.
    StillThere,
    /// The client keeps what was acknowledged, and pushes it again in a new epoch.
    Journal,
    /// The server takes outcomes and changes from one snapshot.
    OneSnapshot,
}

/// The server's database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Names the database; a restore gives it a new one.
    pub epoch: u8,
    /// All that was executed, in order. Its length is the scope's revision.
    pub log: Vec<Op>,
    /// For each client, which mutation has which sequence number, from 1 on, or [`FORGOTTEN`].
    pub clients: Vec<(u8, Vec<Op>)>,
}

/// Where a client stood when it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stand {
    /// Its name at the server.
    pub name: u8,
    /// The epoch of its cookie; `None` before the first answer.
    pub epoch: Option<u8>,
    /// The revision up to which it has pulled.
    pub cookie: Option<u8>,
    /// The last sequence number of which it has the outcome.
    pub confirmed: u8,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// Where the client stands.
    pub stand: Stand,
    /// Pending mutations, numbered from the confirmed number on.
    pub ops: Vec<Op>,
    /// No mutation up to this number can come again.
    pub forget_to: u8,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// The request was served.
    Ok {
        /// The server's epoch.
        epoch: u8,
        /// The last mutation of the request that is executed.
        last_seq: u8,
        /// Whether the changes start from nothing.
        reset: bool,
        /// What changed since the cookie; the new cookie is where they end.
        changes: Vec<Op>,
        /// What the client's rows must come to then: a sum over rows tells as much.
        digest: Vec<Op>,
    },
    /// The server was restored.
    EpochChanged {
        /// Its epoch.
        epoch: u8,
        /// How many mutations of the client it has; `None` where it does not know the client.
        last_seq: Option<u8>,
    },
    /// The server has lost what it had executed, or the client.
    Lost,
    /// Another mutation was executed under a number.
    Mismatch,
}

impl Server {
    /// Serves a request in one transaction.
    pub fn serve(&mut self, request: &Request, without: Option<Guard>) -> Answer {
        let Stand { name, epoch, cookie, confirmed } = request.stand;
        let known = self.clients.iter().position(|(other, _)| *other == name);
        if without != Some(Guard::Epoch) && epoch.is_some_and(|epoch| epoch != self.epoch) {
            let last_seq = known.map(|at| self.clients[at].1.len() as u8);
            return Answer::EpochChanged { epoch: self.epoch, last_seq };
        }
        let before = self.clone();
        let at = match known {
            Some(at) if usize::from(confirmed) <= self.clients[at].1.len() => at,
            Some(at) if without == Some(Guard::Acknowledged) => at,
            Some(_) => return Answer::Lost,
            None if confirmed > 0 => return Answer::Lost,
            None => {
                self.clients.push((name, Vec::new()));
                self.clients.len() - 1
            }
        };
        for (seq, op) in (usize::from(confirmed)..).zip(&request.ops) {
            let executed = &self.clients[at].1;
            match executed.get(seq) {
                Some(other) if other != op && without != Some(Guard::SameMutation) => {
                    *self = before;
                    return Answer::Mismatch;
                }
                Some(_) if without != Some(Guard::SequenceOnce) => continue,
                None if executed.len() < seq => {
                    *self = before;
                    return Answer::Lost;
                }
                _ => {}
            }
            let is_known = self.clients.iter().any(|(_, executed)| executed.contains(op));
            if !is_known || without == Some(Guard::IdOnce) || without == Some(Guard::SequenceOnce) {
                self.log.push(*op);
            }
            self.clients[at].1.push(*op);
        }
        let forget_to = if without == Some(Guard::ForgetBefore) { confirmed } else { request.forget_to.min(confirmed) };
        let executed = &mut self.clients[at].1;
        let forget_to = usize::from(forget_to).min(executed.len());
        executed[..forget_to].fill(FORGOTTEN);
        let log = if without == Some(Guard::OneSnapshot) { &before.log } else { &self.log };
        let after = cookie.map(usize::from).filter(|cookie| *cookie <= log.len());
        Answer::Ok {
            epoch: self.epoch,
            last_seq: confirmed + request.ops.len() as u8,
            reset: after.is_none(),
            changes: log[after.unwrap_or(0)..].to_vec(),
            digest: log.clone(),
        }
    }
}

/// A browser profile: what its store holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Where it stands.
    pub stand: Stand,
    /// What the server has confirmed.
    pub base: Vec<Op>,
    /// Pending mutations, numbered from the confirmed number on.
    pub outbox: Vec<Op>,
    /// Mutations that the server has acknowledged.
    pub journal: Vec<Op>,
    /// What the shopper did and the store has not yet: a crash loses it.
    pub staged: Option<Op>,
    /// Whether a cookie ever went back within an epoch.
    pub went_back: bool,
}

impl Client {
    /// A new profile.
    pub fn new(name: u8) -> Self {
        let stand = Stand { name, epoch: None, cookie: None, confirmed: 0 };
        let (base, outbox, journal) = (Vec::new(), Vec::new(), Vec::new());
        Self { stand, base, outbox, journal, staged: None, went_back: false }
    }

    /// Its next request.
    pub fn request(&self) -> Request {
        let batch = self.outbox.len().min(BATCH_MAX);
        // What the journal holds are the last of those that were confirmed.
        let forget_to = self.stand.confirmed.saturating_sub(self.journal.len() as u8);
        let forget_to = if self.outbox.is_empty() { forget_to } else { 0 };
        Request { stand: self.stand, ops: self.outbox[..batch].to_vec(), forget_to }
    }

    /// Takes an answer in. `new_name` becomes its name where it must start over.
    /// Returns whether it took the new name.
    pub fn take(&mut self, sent: &Request, answer: &Answer, new_name: u8, without: Option<Guard>) -> bool {
        if sent.stand != self.stand && without != Some(Guard::StillThere) {
            return false;
        }
        match answer {
            Answer::Ok { epoch, last_seq, reset, changes, digest } => {
                let done = usize::from(last_seq.saturating_sub(self.stand.confirmed)).min(self.outbox.len());
                if *reset {
                    self.base.clear();
                }
                let from = if *reset { 0 } else { sent.stand.cookie.unwrap_or(0) };
                let cookie = from + changes.len() as u8;
                let is_same_epoch = self.stand.epoch == Some(*epoch);
                self.went_back |= is_same_epoch && self.stand.cookie.is_some_and(|before| cookie < before);
                self.base.extend(changes);
                self.journal.extend(self.outbox.drain(..done));
                let confirmed = self.stand.confirmed + done as u8;
                let is_right = *reset || self.base == *digest || without == Some(Guard::Digest);
                let cookie = is_right.then_some(cookie);
                self.stand = Stand { epoch: Some(*epoch), cookie, confirmed, ..self.stand };
                false
            }
            Answer::EpochChanged { epoch, last_seq } => {
                self.stand.epoch = Some(*epoch);
                let is_whole = self.journal.is_empty() && *last_seq == Some(self.stand.confirmed);
                self.push_again(without);
                !is_whole && self.begin_anew(new_name)
            }
            Answer::Lost => {
                self.push_again(without);
                self.begin_anew(new_name)
            }
            Answer::Mismatch => self.begin_anew(new_name),
        }
    }

    /// What the server may have lost comes again, and all is pulled anew.
    fn push_again(&mut self, without: Option<Guard>) {
        self.stand.cookie = None;
        if without != Some(Guard::Journal) {
            self.outbox.splice(..0, self.journal.drain(..));
        }
    }

    /// Goes on under a new name. In the model its numbers begin at 1 again.
    fn begin_anew(&mut self, name: u8) -> bool {
        self.stand = Stand { name, confirmed: 0, ..self.stand };
        true
    }
}
