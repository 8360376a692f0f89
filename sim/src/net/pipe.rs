//! A link with what travels on it: packets in at one end, out at the other when their time has come.
//!
//! A [`Link`] answers when something arrives; a `Pipe` keeps it until then. It speaks the four verbs of all machines here: tell it what is sent ([`Pipe::send`]) and that time has passed
//! ([`Pipe::handle_timeout`]), take what came of it ([`Pipe::poll_output`]), and ask when it wants to be told again ([`Pipe::poll_timeout`]). Nothing is known before it is certain, so
//! several senders may share one pipe: a bottleneck behind which clients stand, or the middle of a dumbbell.
//!
//! ```
//! use core::time::Duration;
//! use greenroom_core::time::Instant;
//! use greenroom_sim::net::{capacity::Capacity, link::LinkConfig, pipe::{Fate, Pipe}};
//!
//! let config = LinkConfig { capacity: Capacity::constant(1_000_000), delay: Duration::from_millis(50), overhead_bytes: 0, ..LinkConfig::default() };
//! let mut uplink = Pipe::new(config, 1, "uplink");
//! uplink.send(Instant::ZERO, 1250, 1, "from ada");
//! uplink.send(Instant::ZERO, 1250, 2, "from ben");
//!
//! let mut arrivals = Vec::new();
//! while let Some(now) = uplink.poll_timeout() {
//!     uplink.handle_timeout(now);
//!     while let Some((at, fate)) = uplink.poll_output() {
//!         let Fate::Arrived(what) = fate else { panic!("nothing is dropped here") };
//!         arrivals.push((at.as_nanos() / 1_000_000, what));
//!     }
//! }
//! assert_eq!(arrivals, [(60, "from ada"), (70, "from ben")]);
//! ```

use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use greenroom_core::time::Instant;

use super::link::{DropReason, Link, LinkConfig, Verdict};

/// A link with what travels on it.
#[derive(Clone, Debug)]
pub struct Pipe<T> {
    link: Link,
    /// What waits for the link's word, by its number.
    waiting: BTreeMap<u64, T>,
    /// What has been told when it arrives, by that time and then by who was told first.
    under_way: BinaryHeap<Reverse<(Instant, u64)>>,
    items: BTreeMap<u64, T>,
    told: u64,
    output: VecDeque<(Instant, Fate<T>)>,
    sent: u64,
    now: Instant,
}

/// What became of something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate<T> {
    /// It arrived.
    Arrived(T),
    /// It did not.
    Dropped(T, DropReason),
}

impl<T: Clone> Pipe<T> {
    /// An empty link as `config` describes it; see [`Link::new`].
    pub fn new(config: LinkConfig, seed: u64, name: &str) -> Self {
        Self {
            link: Link::new(config, seed, name),
            waiting: BTreeMap::new(),
            under_way: BinaryHeap::new(),
            items: BTreeMap::new(),
            told: 0,
            output: VecDeque::new(),
            sent: 0,
            now: Instant::ZERO,
        }
    }

    /// Sends something of `size_bytes` that belongs to a flow. `now` never falls from call to call.
    pub fn send(&mut self, now: Instant, size_bytes: u32, flow: u32, item: T) {
        self.handle_timeout(now);
        let number = self.sent;
        self.sent += 1;
        match self.link.offer_in_flow(now, size_bytes, flow) {
            Verdict::Waits => {
                self.waiting.insert(number, item);
            }
            verdict => self.tell(now, verdict, item),
        }
        self.hear();
    }

    /// Lets time pass until `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        // One thing after the other, however far time went: outputs are in order of time.
        while let Some(at) = self.next().filter(|at| *at <= now) {
            self.link.handle_timeout(at);
            self.hear();
            while let Some(Reverse((at, told))) = self.under_way.peek().copied().filter(|first| first.0.0 <= at) {
                self.under_way.pop();
                if let Some(item) = self.items.remove(&told) {
                    self.output.push_back((at, Fate::Arrived(item)));
                }
            }
        }
    }

    /// Takes the next thing that became of something: when, and what.
    pub fn poll_output(&mut self) -> Option<(Instant, Fate<T>)> {
        self.output.pop_front()
    }

    /// When something happens next: at once while there is output, else when something arrives or the queue has to decide.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.output.is_empty() {
            return Some(self.now);
        }
        self.next()
    }

    fn next(&self) -> Option<Instant> {
        let arrival = self.under_way.peek().map(|first| first.0.0).filter(|at| *at < Instant::MAX);
        [arrival, self.link.poll_timeout()].into_iter().flatten().min()
    }

    /// How many are neither arrived nor dropped; a duplicate under way is one more.
    pub fn in_flight(&self) -> usize {
        self.waiting.len() + self.items.len()
    }

    /// The link itself.
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Takes what the link has decided by now.
    fn hear(&mut self) {
        while let Some(decision) = self.link.poll_output() {
            if let Some(item) = self.waiting.remove(&decision.packet) {
                self.tell(decision.at, decision.verdict, item);
            }
        }
    }

    fn tell(&mut self, now: Instant, verdict: Verdict, item: T) {
        match verdict {
            Verdict::Deliver { at } => self.expect(at, item),
            Verdict::DeliverTwice { at, again } => {
                self.expect(at, item.clone());
                self.expect(again, item);
            }
            Verdict::Drop(reason) => self.output.push_back((now, Fate::Dropped(item, reason))),
            Verdict::Waits => unreachable!("it was heard of"),
        }
    }

    fn expect(&mut self, at: Instant, item: T) {
        self.under_way.push(Reverse((at, self.told)));
        self.items.insert(self.told, item);
        self.told += 1;
    }
}
