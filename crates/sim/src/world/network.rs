//! Messages of a world: late, lost, doubled, cut and out of order.

use super::World;
use super::event::{At, Fate, TABS_MAX};
use crate::server::Server;
use crate::tab::Synced;
use pannier::sync::wire::{self, Answer};
use std::collections::{BTreeMap, BTreeSet};

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
    /// The exchange that a tab waits for.
    waiting: BTreeMap<At, u64>,
    messages: Vec<Message>,
    numbers: u64,
}

impl Network {
    pub(super) fn new(has_locks: bool) -> Self {
        let (offline, waiting) = (BTreeSet::new(), BTreeMap::new());
        Self { has_locks, offline, waiting, messages: Vec::new(), numbers: 0 }
    }

    /// Cuts a device off, or connects it again.
    pub(super) fn connect(&mut self, device: usize) {
        if !self.offline.remove(&device) {
            self.offline.insert(device);
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
        let answer = self.server.post(&self.devices[device].shopper, body).expect("the server is there");
        if let Ok(Answer::Error(error)) = wire::decode_answer(&answer) {
            self.counts.add(&format!("error {}", error.code()));
        }
        self.look();
        answer
    }

    /// The tab hears an answer, if it still waits for this one.
    fn answer(&mut self, message: &Message) {
        if !self.network.give_up(message) {
            return;
        }
        let now_ms = self.device_ms(message.at.device);
        self.devices[message.at.device].answer(message.at.tab, &message.body, now_ms);
    }

    /// Requests that are still on their way arrive, and nobody hears their answers.
    pub(super) fn deliver_what_is_late(&mut self) {
        while let Some(message) = self.network.messages.pop() {
            if !message.is_answer {
                self.post(message.at.device, message.body);
            }
        }
    }

    /// Exchanges without faults until neither side has more.
    ///
    /// # Panics
    /// When that takes too long.
    pub(super) fn sync(&mut self, at: At) {
        for _ in 0..super::EXCHANGES_MAX {
            let body = self.devices[at.device].request(at.tab).expect("the tab is open");
            let answer = self.post(at.device, body);
            let now_ms = self.device_ms(at.device);
            self.devices[at.device].answer(at.tab, &answer, now_ms);
            self.devices[at.device].settle();
            if self.devices[at.device].synced(at.tab) == Some(Synced::Done { more: false }) {
                return;
            }
        }
        panic!("device {} never has enough", at.device);
    }
}
