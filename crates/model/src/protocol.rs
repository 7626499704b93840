//! What client and server do, without anything that is not the protocol: a row
//! is the list of mutations executed on it, and a mutation is a number.

/// Identity of a mutation.
pub type Op = u8;

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
    /// For each client, which mutation has which sequence number, from 1 on.
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
    },
    /// The server was restored.
    EpochChanged(u8),
    /// The numbers do not fit: the client goes on under a new name.
    StartOver,
}

impl Server {
    /// Serves a request in one transaction.
    pub fn serve(&mut self, request: &Request, without: Option<Guard>) -> Answer {
        let Stand { name, epoch, cookie, confirmed } = request.stand;
        if without != Some(Guard::Epoch) && epoch.is_some_and(|epoch| epoch != self.epoch) {
            return Answer::EpochChanged(self.epoch);
        }
        let before = self.clone();
        let at = match self.clients.iter().position(|(other, _)| *other == name) {
            Some(at) => at,
            None if confirmed > 0 => return Answer::StartOver,
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
                    return Answer::StartOver;
                }
                Some(_) if without != Some(Guard::SequenceOnce) => continue,
                None if executed.len() < seq => {
                    *self = before;
                    return Answer::StartOver;
                }
                _ => {}
            }
            let is_known = self.clients.iter().any(|(_, executed)| executed.contains(op));
            if !is_known || without == Some(Guard::IdOnce) || without == Some(Guard::SequenceOnce) {
                self.log.push(*op);
            }
            self.clients[at].1.push(*op);
        }
        let log = if without == Some(Guard::OneSnapshot) { &before.log } else { &self.log };
        let after = cookie.map(usize::from).filter(|cookie| *cookie <= log.len());
        Answer::Ok {
            epoch: self.epoch,
            last_seq: confirmed + request.ops.len() as u8,
            reset: after.is_none(),
            changes: log[after.unwrap_or(0)..].to_vec(),
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
        Request { stand: self.stand, ops: self.outbox[..batch].to_vec() }
    }

    /// Takes an answer in. `new_name` becomes its name where it must start over.
    /// Returns whether it took the new name.
    pub fn take(&mut self, sent: &Request, answer: &Answer, new_name: u8, without: Option<Guard>) -> bool {
        if sent.stand != self.stand && without != Some(Guard::StillThere) {
            return false;
        }
        match answer {
            Answer::Ok { epoch, last_seq, reset, changes } => {
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
                self.stand = Stand { epoch: Some(*epoch), cookie: Some(cookie), confirmed, ..self.stand };
                false
            }
            Answer::EpochChanged(epoch) => {
                self.stand = Stand { epoch: Some(*epoch), cookie: None, ..self.stand };
                if without != Some(Guard::Journal) {
                    // From number 1 again: what the restored server still has under these
                    // numbers, it finds to be the same.
                    self.stand.confirmed = 0;
                    self.outbox.splice(..0, self.journal.drain(..));
                }
                false
            }
            Answer::StartOver => {
                if without != Some(Guard::Journal) {
                    self.outbox.splice(..0, self.journal.drain(..));
                }
                self.stand = Stand { name: new_name, confirmed: 0, ..self.stand };
                true
            }
        }
    }
}
