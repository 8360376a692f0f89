//! Engines: what lets time pass and carries bytes between nodes.
//!
//! An engine moves bytes and time and nothing else. It asks each node when it wants to be woken, wakes it, hands it what arrived, and gives what it says to the
//! world, which knows the links and keeps the record. Two engines run the very same nodes over the very same links:
//!
//! - `direct`: whoever is due first does what is due, in integer nanoseconds;
//! - `turmoil`: hosts, sockets and tasks, TCP for signalling, UDP for media, on turmoil's virtual network.
//!
//! turmoil delivers on whole milliseconds, which makes congestion control collapse. So its datagrams carry the exact time at which they are due, travel faster than that, and
//! every node replays its arrivals and timers in exact order within each tick (*windowed exact*). The order of events at one node is therefore the same in both engines: by
//! time, timers first, then by sender, then by the sender's own count.

mod direct;
mod schedule;
mod turmoil;

use core::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use std::collections::{BTreeMap, VecDeque};

use greenroom_core::{
    id::{RoomId, UserId},
    time::Instant,
};

use self::schedule::Schedule;
use crate::{
    media::Fidelity,
    net::network::{Carried, Network, SERVER, address_of},
    node::{ClientConfig, ClientNode, Connection, Input, Node, Output, SfuConfig, SfuNode, Signal},
    record::{Counted, Entry, Sample},
    scenario::Scenario,
};

/// Which engine runs a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Hosts, sockets and tasks on turmoil's virtual network.
    #[default]
    Turmoil,
    /// One queue of events.
    Direct,
}

impl Engine {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Turmoil, Self::Direct];

    /// The word for it in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Turmoil => "turmoil",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|engine| engine.name() == text);
        found.ok_or_else(|| format!("unknown engine {text:?}; expected turmoil or direct"))
    }
}

/// How far a run is, for whoever watches from another thread.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    /// Virtual time so far.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Relaxed))
    }

    fn set(&self, now: Instant) {
        self.0.store(now.as_nanos(), Relaxed);
    }
}

/// An engine broke its own promise. That is a bug of the laboratory, not of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Something came after the time it was due.
    #[error("node {node} got something due at {due} when it was {now} there already: the engine's lookahead is too short")]
    Late {
        /// The node's place.
        node: u16,
        /// When it was due.
        due: Instant,
        /// The time at the node.
        now: Instant,
    },
    /// A node asked to be woken over and over at one instant.
    #[error("node {node} does not let time pass at {now}")]
    Spinning {
        /// The node's place.
        node: u16,
        /// When.
        now: Instant,
    },
    /// turmoil itself gave up.
    #[error("turmoil stopped: {0}")]
    Turmoil(String),
}

/// What a run brought, as it came.
#[derive(Debug)]
pub struct Collected {
    /// What happened, in order of time, then of node.
    pub entries: Vec<Entry>,
    /// What was counted, in order of time, then of node.
    pub samples: Vec<Sample>,
    /// The network, with its counters.
    pub network: Network,
}

/// Runs a scenario to its end. To be called on a thread of its own that [`entropy`](crate::entropy) rules.
pub fn run(scenario: &Scenario, engine: Engine, fidelity: Fidelity, seed: u64, progress: &Progress) -> Result<Collected, EngineError> {
    let nodes = nodes(scenario, fidelity, seed);
    let world = World::new(scenario, seed);
    let end = Instant::ZERO.saturating_add(scenario.duration);
    match engine {
        Engine::Turmoil => turmoil::run(nodes, world, end, seed, progress),
        Engine::Direct => direct::run(nodes, world, end, progress),
    }
}

fn nodes(scenario: &Scenario, fidelity: Fidelity, seed: u64) -> Vec<Driver> {
    let room = RoomId::new("stage").expect("five printable characters");
    let sfu = SfuConfig { address: address_of(SERVER), room: room.clone(), settings: scenario.sfu.clone(), fidelity, seed };
    let mut nodes = vec![Driver::new(SERVER, Machine::Sfu(Box::new(SfuNode::new(Instant::ZERO, sfu))))];
    for (place, user) in (1_u16..).zip(&scenario.users) {
        let (user, room, camera) = (user.clone(), room.clone(), scenario.camera.clone());
        let config = ClientConfig { node: place, address: address_of(place), room, user, camera, fidelity, seed };
        nodes.push(Driver::new(place, Machine::Client(Box::new(ClientNode::new(Instant::ZERO, config)))));
    }
    nodes
}

/// A node of either kind.
#[derive(Debug)]
enum Machine {
    Sfu(Box<SfuNode>),
    Client(Box<ClientNode>),
}

impl Machine {
    fn handle_input(&mut self, now: Instant, input: Input) {
        match self {
            Self::Sfu(node) => node.handle_input(now, input),
            Self::Client(node) => node.handle_input(now, input),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Sfu(node) => node.handle_timeout(now),
            Self::Client(node) => node.handle_timeout(now),
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Sfu(node) => node.poll_output(),
            Self::Client(node) => node.poll_output(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Sfu(node) => node.poll_timeout(),
            Self::Client(node) => node.poll_timeout(),
        }
    }
}

/// A node with what is on its way to it.
#[derive(Debug)]
struct Driver {
    place: u16,
    machine: Machine,
    /// In order of arrival. A sorted queue and no heap: what one sender sends mostly arrives in the order of sending, so the place of a newcomer is at or near the end.
    inbox: VecDeque<Arrival>,
    now: Instant,
    /// The node's next timer, asked once after each step.
    timer: Option<Instant>,
    /// When a queue that the node sends into has to decide next.
    queue: Option<Instant>,
    /// Steps at one instant, to notice a node that spins.
    steps_now: u32,
    sent: u64,
}

/// Steps of one node at one instant that no honest node needs: ten thousand datagrams can arrive at once, a hundred thousand cannot.
const STEPS_AT_ONE_INSTANT: u32 = 100_000;

/// Something on its way to a node.
#[derive(Debug)]
struct Arrival {
    at: Instant,
    from: u16,
    /// The sender's own count, so that what it sent first arrives first.
    count: u64,
    input: Input,
}

impl Arrival {
    const fn key(&self) -> (Instant, u16, u64) {
        (self.at, self.from, self.count)
    }
}

impl Driver {
    fn new(place: u16, machine: Machine) -> Self {
        let timer = machine.poll_timeout();
        Self { place, machine, inbox: VecDeque::new(), now: Instant::ZERO, timer, queue: None, steps_now: 0, sent: 0 }
    }

    /// When the node has something to do.
    fn next(&self) -> Option<Instant> {
        let arrival = self.inbox.front().map(|arrival| arrival.at);
        let own = match (self.timer, arrival) {
            (Some(timer), Some(arrival)) => Some(timer.min(arrival).max(self.now)),
            (one, other) => one.or(other).map(|at| at.max(self.now)),
        };
        match (own, self.queue) {
            (own, None) => own,
            (None, Some(queue)) => Some(queue.max(self.now)),
            (Some(own), Some(queue)) => Some(own.min(queue.max(self.now))),
        }
    }

    /// Hands the node something that is on its way, and says whether that is what arrives first.
    fn expect(&mut self, arrival: Arrival) -> Result<bool, EngineError> {
        if arrival.at < self.now {
            return Err(EngineError::Late { node: self.place, due: arrival.at, now: self.now });
        }
        let key = arrival.key();
        let place = self.inbox.iter().rposition(|other| other.key() < key).map_or(0, |before| before + 1);
        if place == self.inbox.len() {
            self.inbox.push_back(arrival);
        } else {
            self.inbox.insert(place, arrival);
        }
        Ok(place == 0)
    }

    /// Lets the node do the one thing that is due next, at the time that [`Driver::next`] said: timers before arrivals.
    fn step(&mut self, at: Instant) -> Result<(), EngineError> {
        self.steps_now = if at == self.now { self.steps_now + 1 } else { 0 };
        if self.steps_now > STEPS_AT_ONE_INSTANT {
            return Err(EngineError::Spinning { node: self.place, now: at });
        }
        self.now = at;
        if self.timer.is_some_and(|timer| timer <= at) {
            self.machine.handle_timeout(at);
        } else if self.queue.is_some() && self.inbox.front().is_none_or(|arrival| arrival.at > at) {
            // A queue of its links is due; the world sees to that after each step.
        } else if let Some(arrival) = self.inbox.pop_front() {
            self.machine.handle_input(at, arrival.input);
        }
        Ok(())
    }

    /// Takes what the node wants done, and counts it.
    fn poll_output(&mut self) -> Option<(u64, Output)> {
        let Some(output) = self.machine.poll_output() else {
            self.timer = self.machine.poll_timeout();
            return None;
        };
        self.sent += 1;
        Some((self.sent, output))
    }
}

/// The network and the record: what all nodes share, and no node sees.
#[derive(Debug)]
struct World {
    network: Network,
    places: BTreeMap<UserId, u16>,
    /// What each node told, in order of time.
    told: Vec<Told>,
}

/// What one node told.
#[derive(Debug, Default)]
struct Told {
    entries: VecDeque<Entry>,
    samples: VecDeque<Sample>,
}

/// Something to be carried to a node.
#[derive(Debug)]
struct Delivery {
    to: u16,
    arrival: Arrival,
}

impl World {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        Self {
            network: Network::new(&scenario.users, seed),
            places: (1_u16..).zip(&scenario.users).map(|(place, user)| (user.id.clone(), place)).collect(),
            told: (0..=scenario.users.len()).map(|_| Told::default()).collect(),
        }
    }

    /// Does what a node wants done: hands what is to be carried to `carry`, and keeps the rest.
    fn dispatch(
        &mut self,
        now: Instant,
        from: u16,
        count: u64,
        output: Output,
        mut carry: impl FnMut(Delivery) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut deliver = |to: u16, at: Instant, input: Input| carry(Delivery { to, arrival: Arrival { at, from, count, input } });
        match output {
            Output::Datagram(datagram) => {
                let mut delivered = Ok(());
                self.network.carry(now, from, count, datagram, |carried| {
                    if delivered.is_ok() && carried.at < Instant::MAX {
                        delivered = deliver(carried.to, carried.at, Input::Datagram(carried.datagram));
                    }
                });
                delivered
            }
            Output::Connect { connection } => {
                // TCP's three-way handshake (RFC 9293 section 3.5): the client is connected when the answer to its SYN comes, the server when its own is acknowledged.
                let syn = self.network.signalling_arrival(now, from, from);
                let syn_ack = self.network.signalling_arrival(syn, SERVER, from);
                let ack = self.network.signalling_arrival(syn_ack, from, from);
                deliver(from, syn_ack, Input::Signal { connection, signal: Signal::Opened })?;
                deliver(SERVER, ack, Input::Signal { connection, signal: Signal::Opened })
            }
            Output::Message { connection, bytes } => {
                let (to, at) = self.other_end(now, from, connection);
                deliver(to, at, Input::Signal { connection, signal: Signal::Message(bytes) })
            }
            Output::Close { connection } => {
                let (to, at) = self.other_end(now, from, connection);
                deliver(to, at, Input::Signal { connection, signal: Signal::Closed })
            }
            Output::Entry(entry) => {
                self.told[usize::from(from)].entries.push_back(*entry);
                Ok(())
            }
            Output::Samples(samples) => {
                for sample in samples {
                    self.keep(from, sample);
                }
                Ok(())
            }
        }
    }

    /// Lets the queues that a node sends into decide what they have to by `now`, hands what arrives to `carry`, and says when they have to decide next.
    fn decide(
        &mut self,
        now: Instant,
        from: u16,
        mut carry: impl FnMut(Delivery) -> Result<(), EngineError>,
    ) -> Result<Option<Instant>, EngineError> {
        let mut carried = Ok(());
        self.network.decide(now, from, |Carried { to, at, count, datagram }| {
            if carried.is_ok() && at < Instant::MAX {
                carried = carry(Delivery { to, arrival: Arrival { at, from, count, input: Input::Datagram(datagram) } });
            }
        });
        carried.map(|()| self.network.next_decision(from))
    }

    fn other_end(&self, now: Instant, from: u16, connection: Connection) -> (u16, Instant) {
        let client = connection.client();
        let to = if from == SERVER { client } else { SERVER };
        (to, self.network.signalling_arrival(now, from, client))
    }

    /// Keeps a sample; beside each that tells what the server sent goes one that tells the state of the link it went into.
    fn keep(&mut self, from: u16, sample: Sample) {
        let link = matches!(sample.what, Counted::Sent { .. })
            .then(|| self.places.get(&sample.user).and_then(|place| self.network.downlink(*place)))
            .flatten();
        let samples = &mut self.told[usize::from(from)].samples;
        if let Some(link) = link {
            let what = Counted::Downlink { capacity_bps: link.capacity_bps(sample.at), queue_delay: link.queue_delay(sample.at) };
            let downlink = Sample { at: sample.at, user: sample.user.clone(), stream: sample.stream.clone(), what };
            samples.push_back(downlink);
        }
        samples.push_back(sample);
    }

    /// The record, in order of time, then of node; what one node told at one time stays in its order.
    fn collect(self) -> Collected {
        let (entries, samples) = self.told.into_iter().map(|told| (told.entries, told.samples)).unzip();
        Collected { entries: merged(entries, |entry| entry.at), samples: merged(samples, |sample| sample.at), network: self.network }
    }
}

/// Puts together what nodes told, each in order of time. Nobody sorts: the same tree that says which node is due says which one has told the next thing.
fn merged<T>(mut told: Vec<VecDeque<T>>, at: impl Fn(&T) -> Instant) -> Vec<T> {
    let mut merged = Vec::with_capacity(told.iter().map(VecDeque::len).sum());
    let mut schedule = Schedule::new(told.len());
    for (place, queue) in (0..).zip(&told) {
        schedule.set(place, queue.front().map(&at));
    }
    while let Some((now, place)) = schedule.first() {
        let queue = &mut told[usize::from(place)];
        while queue.front().is_some_and(|first| at(first) <= now)
            && let Some(first) = queue.pop_front()
        {
            merged.push(first);
        }
        schedule.set(place, queue.front().map(&at));
    }
    merged
}
