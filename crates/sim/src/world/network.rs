//! Messages of a world: late, lost, doubled, cut and out of order.

use super::World;
use super::event::{At, Fate, TABS_MAX};
use crate::server::Server;
use crate::tab::Synced;
use pannier::sync::rows::Collection;
use pannier::sync::server::ServerTx;
use pannier::sync::wire::{self, Answer, SyncError};
use std::collections::{BTreeMap, BTreeSet};

/// Who signs in where another shopper's store is: nobody whose device this is.
const VISITOR: &str = "zoe";

/// A request or an answer on its way.
#[derive(Clone)]
struct Message {
    at: At,
    /// Of the exchange; 0 where nobody waits for it any more.
    number: u64,
    body: Vec<u8>,
    is_answer: bool,
}

/// What is on its way, and who waits for it.
pub(super) struct Network {
    has_locks: bool,
    offline: BTreeSet<usize>,
    /// Devices whose token has expired.
    expired: BTreeSet<usize>,
    /// Devices whose requests are another shopper's.
    visited: BTreeSet<usize>,
    /// The exchange that a tab waits for.
    waiting: BTreeMap<At, u64>,
    messages: Vec<Message>,
    numbers: u64,
}

impl Network {
    pub(super) fn new(has_locks: bool) -> Self {
        let (offline, expired, visited) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { has_locks, offline, expired, visited, waiting: BTreeMap::new(), messages: Vec::new(), numbers: 0 }
    }

    /// Cuts a device off, or connects it again.
    pub(super) fn connect(&mut self, device: usize) {
        if !self.offline.remove(&device) {
            self.offline.insert(device);
        }
    }

    /// A device's token expires.
    pub(super) fn expire(&mut self, device: usize) {
        self.expired.insert(device);
    }

    /// Another shopper signs in on a device, or its own again.
    pub(super) fn log_in(&mut self, device: usize) {
        if !self.visited.remove(&device) {
            self.visited.insert(device);
        }
    }

    /// A tab is no more.
    pub(super) fn forget(&mut self, at: At) {
        self.waiting.remove(&at);
    }

    pub(super) fn reset(&mut self) {
        *self = Self { numbers: self.numbers, ..Self::new(self.has_locks) };
    }

    fn may_send(&self, at: At) -> bool {
        let is_waiting = |tab: usize| self.waiting.contains_key(&At { tab, ..at });
        let is_busy = if self.has_locks { (0..TABS_MAX).any(is_waiting) } else { is_waiting(at.tab) };
        !is_busy && !self.offline.contains(&at.device)
    }

    fn give_up(&mut self, message: &Message) -> bool {
        let is_awaited = self.waiting.get(&message.at) == Some(&message.number);
        if is_awaited {
            self.waiting.remove(&message.at);
        }
        is_awaited
    }
}

impl World {
    pub(super) fn send(&mut self, at: At) {
        if !self.is_open(at) || !self.network.may_send(at) {
            return;
        }
        self.devices[at.device].now_ms = self.device_ms(at.device);
        if let Some(body) = self.devices[at.device].request(at.tab) {
            let network = &mut self.network;
            network.numbers += 1;
            network.waiting.insert(at, network.numbers);
            network.messages.push(Message { at, number: network.numbers, body, is_answer: false });
        }
    }

    /// One message arrives, or is lost, or arrives and is left to come again.
    pub(super) fn carry(&mut self, which: usize, fate: Fate) {
        if self.network.messages.is_empty() {
            return;
        }
        let index = which % self.network.messages.len();
        let message = self.network.messages.swap_remove(index);
        let fate = if self.network.offline.contains(&message.at.device) { Fate::Lost } else { fate };
        match (message.is_answer, fate) {
            (true, Fate::LosesAChange) => {
                let body = self.without_a_change(&message.body);
                self.answer(&Message { body, ..message });
            }
            (true, Fate::Lost) => {
                self.counts.add("answers lost");
                self.network.give_up(&message);
            }
            (true, Fate::Cut) => {
                let half = message.body.len() / 2;
                self.counts.add("answers cut");
                self.answer(&Message { body: message.body[..half].to_vec(), ..message });
            }
            (true, _) => self.answer(&message),
            (false, Fate::Lost) => {
                self.counts.add("requests lost");
                self.network.give_up(&message);
            }
            (false, Fate::Cut) => {
                self.counts.add("requests cut");
                self.server.post_cut(&self.devices[message.at.device].shopper, &message.body);
                self.look();
                self.network.give_up(&message);
            }
            (false, Fate::MeetsAnotherSchema) => {
                // The protocol's number stands first.
                let mut body = message.body;
                body[0] += 1;
                self.deliver(Message { body, ..message }, false);
            }
            (false, _) => self.deliver(message, fate == Fate::ArrivesTwice),
        }
    }

    fn deliver(&mut self, message: Message, is_doubled: bool) {
        let answer = self.post(message.at.device, message.body.clone());
        self.network.messages.push(Message { body: answer, is_answer: true, ..message });
        if is_doubled {
            // The same request will arrive again, perhaps after newer ones.
            self.counts.add("requests doubled");
            self.network.messages.push(Message { number: 0, ..message });
        }
    }

    fn post(&mut self, device: usize, body: Vec<u8>) -> Vec<u8> {
        let own = self.devices[device].shopper.clone();
        let answer = if self.network.expired.contains(&device) {
            self.server.post_expired(body)
        } else if self.network.visited.contains(&device) && self.knows(&own, &body) {
            self.server.post(VISITOR, body)
        } else {
            self.server.post(&own, body)
        };
        let answer = answer.expect("the server is there");
        match wire::decode_answer(&answer) {
            Ok(Answer::Error(error)) => self.counts.add(&format!("error {}", error.code())),
            Ok(Answer::Ok(response)) => {
                let has_more = response.scopes.iter().any(|scope| scope.more);
                self.counts.add_if(has_more, "pulls in pages");
            }
            Err(why) => panic!("the server has sent what is no answer: {why}"),
        }
        self.look();
        answer
    }

    /// Whether the server knows whose client has sent this. One that does not cannot tell who is
    /// signed in where: that is why each shopper has a store of their own.
    fn knows(&mut self, shopper: &str, body: &[u8]) -> bool {
        let Ok(request) = wire::decode_request(body) else { return false };
        let known = self.server.database.client(request.client).expect("memory does not fail");
        known.is_some_and(|known| known.shopper == shopper)
    }

    /// An answer, less the first change of a scope that has a digest to tell by. Whoever pulls
    /// all anew believes what comes.
    fn without_a_change(&mut self, body: &[u8]) -> Vec<u8> {
        let Ok(Answer::Ok(mut response)) = wire::decode_answer(body) else { return body.to_vec() };
        let is_told = |name| !matches!(name, Collection::Catalog | Collection::History);
        let mut scopes = response.scopes.iter_mut();
        if let Some(scope) = scopes.find(|scope| is_told(scope.name) && !scope.reset && !scope.changes.is_empty()) {
            scope.changes.remove(0);
            self.counts.add("changes lost");
        }
        wire::encode_answer(&Answer::Ok(response))
    }

    /// The tab hears an answer, if it still waits for this one.
    fn answer(&mut self, message: &Message) {
        let device = message.at.device;
        if !self.network.give_up(message) || !self.is_open(message.at) {
            return;
        }
        if wire::decode_answer(&message.body) == Ok(Answer::Error(SyncError::Auth {})) {
            // The page gets another token.
            self.network.expired.remove(&device);
        }
        let now_ms = self.device_ms(device);
        self.devices[device].answer(message.at.tab, &message.body, now_ms);
        self.hear(device);
    }

    /// Requests that are still on their way arrive, and nobody hears their answers.
    pub(super) fn deliver_what_is_late(&mut self) {
        while let Some(message) = self.network.messages.pop() {
            if !message.is_answer {
                self.post(message.at.device, message.body);
            }
        }
    }

    /// A page that is online, and has a token of its own shopper, syncs.
    pub(super) fn sync_online(&mut self, at: At) {
        if !self.network.offline.contains(&at.device) && self.is_open(at) {
            self.network.expired.remove(&at.device);
            self.network.visited.remove(&at.device);
            self.settle(at.device);
            if self.is_open(at) {
                self.sync(at);
            }
        }
    }

    /// Exchanges without faults until neither side has more, or all that is left waits for what is
    /// parked.
    ///
    /// # Panics
    /// When that takes too long.
    pub(super) fn sync(&mut self, at: At) {
        let few = self.batch.map_or(0, |batch| 2 * self.submitted.len() / batch);
        for _ in 0..super::EXCHANGES_MAX + few + 2 * self.large {
            self.devices[at.device].now_ms = self.device_ms(at.device);
            let body = self.devices[at.device].request(at.tab).expect("the tab is open");
            self.check_held_back(at, &body);
            let answer = self.post(at.device, body);
            let now_ms = self.device_ms(at.device);
            self.devices[at.device].answer(at.tab, &answer, now_ms);
            self.settle(at.device);
            // A shopper who was erased has no store any more.
            if !self.is_open(at) {
                return;
            }
            match self.devices[at.device].synced(at.tab) {
                Some(Synced::Done { more: false }) => return,
                // Of this server's own schema: so the client says where it holds something back.
                Some(Synced::Refused(SyncError::Schema { .. })) => {
                    assert!(self.devices[at.device].holds_back(at.tab), "it has no reason to wait");
                    self.counts.add("syncs that what is parked has ended");
                    return;
                }
                _ => {}
            }
        }
        panic!("device {} never has enough", at.device);
    }

    /// A client that has come to rest sends what is pending, unless that waits for what is parked and
    /// the server has not executed it for a copy of this profile.
    fn check_held_back(&mut self, at: At, body: &[u8]) {
        let request = wire::decode_request(body).expect("a client's request");
        if self.devices[at.device].holds_back(at.tab) {
            let executed = self.server.last_seqs().get(&request.client).copied().unwrap_or(0);
            assert!(request.mutations.iter().all(|one| one.seq <= executed), "it sends what must wait");
        } else {
            let is_pending = self.devices[at.device].tab(at.tab).client.pending_count() > 0;
            assert_eq!(!request.mutations.is_empty(), is_pending, "it waits without need");
        }
    }
}
