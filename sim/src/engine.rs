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
//!
//! Faults are known before a run begins. What befalls a host happens in its node's own order of events (`host`), what befalls links where things enter them (`weather`): both lie in what engines
//! share, so that both do the same at the same nanosecond.

mod direct;
mod driver;
mod host;
mod inbox;
mod last_mile;
mod letter;
mod machine;
mod schedule;
mod tap;
mod turmoil;
mod weather;
mod world;

use core::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use greenroom_core::{id::RoomId, time::Instant};

use self::{driver::Driver, host::Blueprint, world::World};
use crate::{
    media::Fidelity,
    net::network::{Network, SERVER, address_of, inside_of},
    node::{ClientConfig, SfuConfig},
    record::{Captured, Entry, Ledger, Samples},
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
    pub samples: Samples,
    /// The network, with its counters.
    pub network: Network,
    /// What became of every datagram.
    pub ledger: Ledger,
    /// How often each of the scenario's faults struck, in their order.
    pub struck: Vec<u64>,
    /// Every datagram, in order of time, then of sender, where that was asked for.
    pub captured: Vec<Captured>,
}

/// Runs a scenario to its end on as many processors at most, which changes nothing in it, and keeps every datagram if `captures` says so. To be called on a thread of its own that
/// [`entropy`](crate::entropy) rules.
pub fn run(
    scenario: &Scenario,
    engine: Engine,
    fidelity: Fidelity,
    seed: u64,
    processors: usize,
    captures: bool,
    progress: &Progress,
) -> Result<Collected, EngineError> {
    let plan = Plan { scenario, fidelity, seed, captures };
    match engine {
        Engine::Turmoil => turmoil::run(plan, progress),
        Engine::Direct => direct::run(plan, processors, progress).map_err(|error| *error),
    }
}

/// What is to be run: nodes and worlds are made of it, by the thread that plays them.
#[derive(Clone, Copy, Debug)]
struct Plan<'s> {
    scenario: &'s Scenario,
    fidelity: Fidelity,
    seed: u64,
    captures: bool,
}

impl Plan<'_> {
    fn end(&self) -> Instant {
        Instant::ZERO.saturating_add(self.scenario.duration)
    }

    fn world(&self) -> World {
        World::new(self.scenario, self.seed, self.captures)
    }

    /// All nodes, by place: the server, the clients, and the routers of shared lines. Where `lives_here` says no, there is nobody.
    fn nodes(&self, lives_here: impl Fn(u16) -> bool) -> Vec<Driver> {
        let scenario = self.scenario;
        let places = SERVER..=u16::try_from(scenario.users.len() + scenario.shared.len()).expect("places have 16 bits");
        places.map(|place| if lives_here(place) { self.node(place) } else { Driver::nobody(place) }).collect()
    }

    fn node(&self, place: u16) -> Driver {
        let Self { scenario, fidelity, seed, .. } = *self;
        let room = RoomId::new("stage").expect("five printable characters");
        let Some(at) = usize::from(place).checked_sub(1) else {
            let sfu = SfuConfig { address: address_of(SERVER), room, settings: scenario.sfu.clone(), fidelity, seed, starts: 0 };
            return Driver::new(SERVER, Blueprint::Sfu(sfu), scenario);
        };
        let Some(user) = scenario.users.get(at).cloned() else { return Driver::router(place, scenario) };
        let (camera, screen, after_window) = (scenario.camera.clone(), scenario.screen.clone(), scenario.client.after_window);
        let address = if user.nat.is_some() { inside_of(place) } else { address_of(place) };
        let config = ClientConfig { node: place, address, room, user, camera, screen, fidelity, seed, after_window, starts: 0 };
        Driver::new(place, Blueprint::Client(Box::new(config)), scenario)
    }
}

/// What comes of carrying. An error is boxed: this is the answer to every datagram, and hardly ever one.
type Carrying<T = ()> = Result<T, Box<EngineError>>;
