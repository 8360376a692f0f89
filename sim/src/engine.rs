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
mod host;
mod inbox;
mod last_mile;
mod schedule;
mod tap;
mod turmoil;
mod weather;

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

use self::{
    host::{Blueprint, Host},
    inbox::{Arrival, Inbox, Origin},
    last_mile::LastMiles,
    schedule::Schedule,
    tap::{Tap, drops_of},
    weather::{Door, Weather},
};
use crate::{
    media::Fidelity,
    net::{
        Datagram,
        clock::Clock,
        link::{Drops, Verdict},
        nat::Nat,
        network::{Carried, Network, SERVER, address_of, inside_of, node_at, outside_of},
    },
    node::{ClientConfig, ClientNode, Connection, Input, Node, Output, Router, SfuConfig, SfuNode, Signal},
    record::{Account, Captured, Counted, Direction, Entry, Ledger, Sample, Samples},
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

/// Runs a scenario to its end, and keeps every datagram if `captures` says so. To be called on a thread of its own that [`entropy`](crate::entropy) rules.
pub fn run(
    scenario: &Scenario,
    engine: Engine,
    fidelity: Fidelity,
    seed: u64,
    captures: bool,
    progress: &Progress,
) -> Result<Collected, EngineError> {
    let nodes = nodes(scenario, fidelity, seed);
    let mut world = World::new(scenario, seed);
    world.tap = captures.then(|| Box::new(Tap::default()));
    let end = Instant::ZERO.saturating_add(scenario.duration);
    match engine {
        Engine::Turmoil => turmoil::run(nodes, world, end, seed, progress),
        Engine::Direct => direct::run(nodes, world, end, progress).map_err(|error| *error),
    }
}

fn nodes(scenario: &Scenario, fidelity: Fidelity, seed: u64) -> Vec<Driver> {
    let room = RoomId::new("stage").expect("five printable characters");
    let sfu = SfuConfig { address: address_of(SERVER), room: room.clone(), settings: scenario.sfu.clone(), fidelity, seed, starts: 0 };
    let mut nodes = vec![Driver::new(SERVER, Blueprint::Sfu(sfu), scenario)];
    for (place, user) in (1_u16..).zip(&scenario.users) {
        let (user, room, camera, screen) = (user.clone(), room.clone(), scenario.camera.clone(), scenario.screen.clone());
        let address = if user.nat.is_some() { inside_of(place) } else { address_of(place) };
        let after_window = scenario.client.after_window;
        let config = ClientConfig { node: place, address, room, user, camera, screen, fidelity, seed, after_window, starts: 0 };
        nodes.push(Driver::new(place, Blueprint::Client(Box::new(config)), scenario));
    }
    let first_router = u16::try_from(nodes.len()).expect("places have 16 bits");
    nodes.extend((first_router..).zip(&scenario.shared).map(|(place, _)| Driver::router(place, scenario)));
    nodes
}

/// A node of any kind, or what a crash has left of it.
#[derive(Debug)]
enum Machine {
    Sfu(Box<SfuNode>),
    Client(Box<ClientNode>),
    Router(Box<Router>),
    Down,
}

impl Machine {
    fn handle_input(&mut self, now: Instant, input: &Input) {
        match self {
            Self::Sfu(node) => node.handle_input(now, input),
            Self::Client(node) => node.handle_input(now, input),
            Self::Router(node) => node.handle_input(now, input),
            Self::Down => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Sfu(node) => node.handle_timeout(now),
            Self::Client(node) => node.handle_timeout(now),
            Self::Router(node) => node.handle_timeout(now),
            Self::Down => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Sfu(node) => node.poll_output(),
            Self::Client(node) => node.poll_output(),
            Self::Router(node) => node.poll_output(),
            Self::Down => None,
        }
    }

    /// Whether there is surely no output; of other nodes than clients it is known by asking.
    #[inline]
    fn is_silent(&self) -> bool {
        matches!(self, Self::Client(node) if node.is_silent())
    }

    /// Whether what was taken in last surely brought no timer forward; of other nodes than clients it is known by asking.
    #[inline]
    fn timer_stands(&self) -> bool {
        matches!(self, Self::Client(node) if node.timer_stands())
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Sfu(node) => node.poll_timeout(),
            Self::Client(node) => node.poll_timeout(),
            Self::Router(node) => node.poll_timeout(),
            Self::Down => None,
        }
    }
}

/// A node with what is on its way to it. Who sends to hundreds of nodes in turn touches one cache line of each, and a packet that arrives one more: hence the order of the fields.
#[derive(Debug)]
#[repr(C, align(64))]
struct Driver {
    inbox: Inbox,
    /// The latest arrival that was ever expected: what comes later still goes to the end of the queue, which need not be looked at.
    latest: Instant,
    now: Instant,
    /// The node's next timer, asked once after each step; [`NEVER`] where there is none.
    timer: Instant,
    /// When a queue that the node sends into has to decide next, or [`NEVER`].
    queue: Instant,
    machine: Machine,
    /// What stands between the node and the world, where there is anything: nothing, in a run without faults and translators.
    host: Option<Box<Host>>,
    place: u16,
    /// Steps at one instant, to notice a node that spins.
    steps_now: u32,
    /// Datagrams that the node took in, by sender.
    delivered: Delivered,
    sent: u64,
}
/// The time of what does not happen: where all times are numbers, the first of them takes no branches.
const NEVER: Instant = Instant::MAX;
const _: () = assert!(core::mem::offset_of!(Driver, machine) == 64 && core::mem::offset_of!(Driver, delivered.by_client) <= 128);

/// Datagrams that a node took in, by sender.
#[derive(Debug)]
#[repr(C)]
struct Delivered {
    /// All that a client takes in comes from one node, the server or a router before it, and is counted in place.
    by_server: u64,
    by_client: Vec<u64>,
}

impl Delivered {
    #[inline]
    fn count(&mut self, from: u16, input: &Input) {
        if let Input::Datagram(_) = input {
            match usize::from(from).checked_sub(1).and_then(|at| self.by_client.get_mut(at)) {
                None => self.by_server += 1,
                Some(by_client) => *by_client += 1,
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (u16, u64)> {
        (SERVER..).zip(core::iter::once(self.by_server).chain(self.by_client.iter().copied()))
    }
}

/// Steps of one node at one instant that no honest node needs: ten thousand datagrams can arrive at once, a hundred thousand cannot.
const STEPS_AT_ONE_INSTANT: u32 = 100_000;

impl Driver {
    fn new(place: u16, blueprint: Blueprint, scenario: &Scenario) -> Self {
        let nat = usize::from(place).checked_sub(1).and_then(|at| scenario.users[at].nat).map(|nat| Nat::new(nat, outside_of(place, 0)));
        let is_plain = scenario.faults.is_empty() && nat.is_none();
        let senders = if place == SERVER { scenario.users.len() + scenario.shared.len() } else { 0 };
        let machine = blueprint.build(Instant::ZERO, &Clock::default());
        let mut driver = Self::plain(place, machine, senders);
        if !is_plain {
            let host = Host::new(place, blueprint, nat, &scenario.faults);
            driver.machine = host.first_process();
            driver.host = Some(Box::new(host));
        }
        driver.timer = driver.fires_at();
        driver
    }

    /// The router of a shared line. Nothing befalls it.
    fn router(place: u16, scenario: &Scenario) -> Self {
        Self::plain(place, Machine::Router(Box::default()), scenario.users.len())
    }

    /// A node that nothing stands before, and that hears from so many others besides the one that all hear from.
    fn plain(place: u16, machine: Machine, senders: usize) -> Self {
        Self {
            place,
            machine,
            inbox: Inbox::default(),
            latest: Instant::ZERO,
            now: Instant::ZERO,
            timer: NEVER,
            queue: NEVER,
            steps_now: 0,
            sent: 0,
            delivered: Delivered { by_server: 0, by_client: vec![0; senders] },
            host: None,
        }
    }

    /// When the node's timer fires, in true time.
    fn fires_at(&self) -> Instant {
        let timer = self.machine.poll_timeout();
        let timer = self.host.as_ref().map_or(timer, |host| host.fires_at(timer));
        timer.unwrap_or(NEVER)
    }

    /// When the node has something to do.
    fn next(&self) -> Option<Instant> {
        Some(self.due()).filter(|due| *due < NEVER)
    }

    /// The same, or [`NEVER`].
    #[inline]
    fn due(&self) -> Instant {
        let arrival = self.inbox.first().map_or(NEVER, |arrival| arrival.at);
        let mut due = self.timer.min(arrival).max(self.now);
        if let Some(host) = &self.host {
            due = host.next(Some(due).filter(|at| *at < NEVER)).unwrap_or(NEVER);
        }
        due.min(self.queue.max(self.now))
    }

    /// Hands the node a datagram that is on its way, and says whether that is what arrives first.
    #[expect(
        clippy::inline_always,
        reason = "for every datagram: it moves from where it was written to where it waits, and nowhere between"
    )]
    #[inline(always)]
    fn take_in(&mut self, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying<bool> {
        if at > self.latest && at >= self.now {
            self.latest = at; // nearly always
            return Ok(self.inbox.push_datagram(at, origin, datagram));
        }
        self.expect(Arrival { at, origin, input: Input::Datagram(datagram.take()) })
    }

    /// The same for anything that has come to the node's host already.
    fn expect(&mut self, arrival: Arrival) -> Carrying<bool> {
        if arrival.at < self.now {
            return Err(Box::new(EngineError::Late { node: self.place, due: arrival.at, now: self.now }));
        }
        if arrival.at > self.latest {
            self.latest = arrival.at;
            return Ok(self.inbox.push(arrival));
        }
        Ok(self.inbox.insert(arrival))
    }

    /// Lets the node do what is due before `until`, one thing after the other, until it has something to say or a queue of its links has to decide: when that was. None where nothing more is due.
    fn go_on(&mut self, until: Instant) -> Carrying<Option<Instant>> {
        loop {
            let now = self.due();
            if now >= until {
                return Ok(None);
            }
            self.step(now)?;
            // The usual case after a packet has come: the node has nothing to say.
            if self.host.is_some() || !self.machine.is_silent() || self.queue <= now {
                return Ok(Some(now));
            }
            if !self.machine.timer_stands() {
                self.timer = self.machine.poll_timeout().unwrap_or(NEVER);
            }
        }
    }

    /// Lets the node do the one thing that is due next, at the time that [`Driver::next`] said: timers before arrivals.
    #[expect(clippy::inline_always, reason = "hundreds of times in a row where packets come")]
    #[inline(always)]
    fn step(&mut self, at: Instant) -> Carrying {
        self.steps_now = if at == self.now { self.steps_now + 1 } else { 0 };
        if self.steps_now > STEPS_AT_ONE_INSTANT {
            return Err(Box::new(EngineError::Spinning { node: self.place, now: at }));
        }
        self.now = at;
        if self.host.is_some() {
            self.step_on_host(at);
        } else if self.timer <= at {
            self.machine.handle_timeout(at);
        } else if let Some(arrival) = self.inbox.first().filter(|arrival| arrival.at <= at) {
            self.delivered.count(arrival.origin.place(), &arrival.input);
            self.machine.handle_input(at, &arrival.input);
            self.inbox.forget_first();
        } else {
            // A queue of its links is due; the world sees to that after each step.
        }
        Ok(())
    }

    /// The same where the world is not let through as it is; what befalls the host comes before timers.
    fn step_on_host(&mut self, at: Instant) {
        let Some(host) = &mut self.host else { return };
        let timer_is_due = self.timer <= at;
        let waiting = self.inbox.iter().take_while(|arrival| arrival.at <= at).count() + usize::from(timer_is_due);
        if host.befall(at, &mut self.machine, waiting) {
            return;
        }
        if host.stands_still(at) {
            return; // a queue of its links is due, and nothing else
        }
        let shown = host.shown_at(at);
        if timer_is_due {
            return self.machine.handle_timeout(shown);
        }
        if self.inbox.first().is_none_or(|arrival| arrival.at > at) {
            return;
        }
        let Some(arrival) = self.inbox.take_first() else { return };
        self.steps_now = 0; // a process that stood still has a long queue to work through, and every arrival was sent by somebody
        let from = arrival.origin.place();
        if let Some(input) = host.receive(at, arrival) {
            self.delivered.count(from, &input);
            self.machine.handle_input(shown, &input);
        }
    }

    /// Takes what the node wants done, with the count of it: of the first datagram, where there are several.
    fn poll_output(&mut self) -> Option<(u64, Output)> {
        let output = if self.host.is_some() { self.poll_output_on_host() } else { self.machine.poll_output() };
        let Some(output) = output else {
            self.timer = self.fires_at();
            return None;
        };
        let count = self.sent + 1;
        self.sent += if let Output::Datagrams(datagrams) = &output { datagrams.len() as u64 } else { 1 };
        Some((count, output))
    }

    fn poll_output_on_host(&mut self) -> Option<Output> {
        let host = self.host.as_mut()?;
        if let Some(output) = host.poll_output() {
            return Some(output);
        }
        loop {
            let output = self.machine.poll_output()?;
            if let Some(output) = host.send(self.now, output) {
                return Some(output);
            }
        }
    }
}

/// The network and the record: what all nodes share, and no node sees.
#[derive(Debug)]
struct World {
    network: Network,
    places: BTreeMap<UserId, u16>,
    /// Whose samples the server told last, in its order, and their places: it tells of the same users in the same order ten times a second.
    told_of: Vec<(UserId, u16)>,
    /// What each node told, in order of time.
    told: Vec<Told>,
    ledger: Ledger,
    tap: Option<Box<Tap>>,
    last_miles: LastMiles,
    /// What befalls links, where anything does.
    weather: Option<Box<Weather>>,
    end: Instant,
}

/// What one node told.
#[derive(Debug, Default)]
struct Told {
    entries: VecDeque<Entry>,
    /// As they were told, each portion at one time, which stands beside it: to look for it in there would mean to fetch what was written long ago.
    samples: VecDeque<(Instant, Vec<Sample>)>,
}

/// Who takes to a node what comes out of a link for it: an engine.
///
/// It is told whereto, when and whose one by one, and puts an arrival together where it is to lie: of a value that is put together first and moved then, two numbers of eight bytes that were just written
/// are read as one of sixteen, for which a processor waits until they are in the cache. That took a twentieth of the time of a run with two hundred viewers.
trait Carrier {
    /// Takes a datagram. It is lent, and moves once: from where it was written to where it waits.
    fn take_datagram(&mut self, to: u16, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying;
    /// Takes what happens on a signalling connection.
    fn take_signal(&mut self, to: u16, at: Instant, origin: Origin, connection: Connection, signal: Signal) -> Carrying;
}

/// What comes of carrying. An error is boxed: this is the answer to every datagram, and hardly ever one.
type Carrying<T = ()> = Result<T, Box<EngineError>>;

impl World {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        Self {
            network: Network::new(scenario, seed),
            told_of: Vec::new(),
            places: (1_u16..).zip(&scenario.users).map(|(place, user)| (user.id.clone(), place)).collect(),
            told: (0..=scenario.users.len()).map(|_| Told::default()).collect(),
            ledger: Ledger::new(scenario.users.len() + scenario.shared.len()),
            tap: None,
            last_miles: LastMiles::default(),
            weather: (!scenario.faults.is_empty()).then(|| Box::new(Weather::new(&scenario.faults, scenario.users.len()))),
            end: Instant::ZERO.saturating_add(scenario.duration),
        }
    }

    /// Does what a node wants done: hands `carrier` what is to be carried, and keeps the rest.
    fn dispatch(&mut self, now: Instant, from: u16, count: u64, output: Output, carrier: &mut impl Carrier) -> Carrying {
        let mut deliver = |to: u16, at: Instant, connection: Connection, signal: Signal| {
            carrier.take_signal(to, at, Origin::new(from, count), connection, signal)
        };
        match output {
            Output::Datagrams(mut datagrams) => {
                for (count, datagram) in (count..).zip(&mut datagrams) {
                    self.send(now, from, count, datagram, carrier)?;
                }
                Ok(())
            }
            Output::Connect { connection } => {
                // TCP's three-way handshake (RFC 9293 section 3.5): the client is connected when the answer to its SYN comes, the server when its own is acknowledged.
                let syn = self.signal(now, from, from);
                let door = self.weather.as_mut().map_or(Door::Open, |weather| weather.door(syn));
                if door == Door::Silent {
                    return Ok(());
                }
                let syn_ack = self.signal(syn, SERVER, from);
                if door == Door::Refused {
                    return deliver(from, syn_ack, connection, Signal::Closed);
                }
                let ack = self.signal(syn_ack, from, from);
                deliver(from, syn_ack, connection, Signal::Opened)?;
                deliver(SERVER, ack, connection, Signal::Opened)
            }
            Output::Message { connection, message } => {
                let (to, at) = self.other_end(now, from, connection);
                deliver(to, at, connection, Signal::Message(message))
            }
            Output::Close { connection } => {
                let (to, at) = self.other_end(now, from, connection);
                deliver(to, at, connection, Signal::Closed)
            }
            Output::Entry(entry) => {
                self.told[usize::from(from)].entries.push_back(*entry);
                Ok(())
            }
            Output::Samples(samples) => {
                self.keep(from, samples);
                Ok(())
            }
        }
    }

    /// Sends a datagram into its link, hands `carrier` what comes out of it, and enters it into the books.
    #[expect(clippy::inline_always, reason = "called at one place, for every datagram")]
    #[inline(always)]
    fn send(&mut self, now: Instant, from: u16, count: u64, datagram: &mut Datagram, carrier: &mut impl Carrier) -> Carrying {
        let Some(to) = node_at(datagram.dst) else {
            self.ledger.nowhere += 1;
            return Ok(());
        };
        let hop = self.network.hop(from, to);
        let (to, client, direction) = (hop.to, hop.line, if hop.goes_down { Direction::Down } else { Direction::Up });
        let Some(account) = self.ledger.account(client, direction) else { return Ok(()) };
        account.sent += 1;
        let is_watched = self.tap.is_some() || self.weather.is_some() || from != SERVER && direction == Direction::Down;
        let tapped = if is_watched && self.tap.is_some() { Some(tapped(&self.network, now, client, direction, datagram)) } else { None };
        let verdict = self.network.carry(now, from, hop, count, datagram);
        let (end, origin) = (self.end, Origin::new(from, count));
        let delivered = match verdict {
            Verdict::Deliver { at } => {
                account.due(now, at, end, false);
                if at == Instant::MAX { Ok(()) } else { carrier.take_datagram(to, at, origin, datagram) }
            }
            Verdict::DeliverTwice { at, again } => {
                account.due(now, at, end, false);
                account.due(now, again, end, true);
                deliver_twice(to, [at, again], origin, datagram, carrier)
            }
            Verdict::Drop(_) | Verdict::Waits => Ok(()),
        };
        if is_watched {
            self.watch(now, from, count, (client, direction), verdict, tapped);
        }
        delivered
    }

    /// Tells whoever watches the links what came of a datagram that a node sent into one.
    #[cold]
    fn watch(
        &mut self,
        now: Instant,
        from: u16,
        count: u64,
        (client, direction): (u16, Direction),
        verdict: Verdict,
        tapped: Option<Box<Tapped>>,
    ) {
        let arrivals = match verdict {
            Verdict::Deliver { at } => [Some(at), None],
            Verdict::DeliverTwice { at, again } => [Some(at), Some(again)],
            Verdict::Drop(_) | Verdict::Waits => [None, None],
        };
        if let Some(weather) = &mut self.weather {
            arrivals.iter().flatten().for_each(|at| weather.carried(client, direction, *at));
            if arrivals == [None, None] {
                weather.swallowed(client, direction, now);
            }
        }
        if from != SERVER
            && direction == Direction::Down
            && let Some(link) = self.network.downlink(client)
        {
            self.last_miles.entered(client, now, link.queue_delay(now));
        }
        if let (Some(tap), Some(tapped)) = (&mut self.tap, tapped) {
            let (packet, before) = *tapped;
            let copies = arrivals.iter().flatten().count();
            tap.take(from, count, packet, copies, before, drops_of(&self.network, client, direction));
        }
    }

    /// Lets the queues that a node sends into decide what they have to by `now`, hands what arrives to `carrier`, and says when they have to decide next.
    fn decide(&mut self, now: Instant, from: u16, carrier: &mut impl Carrier) -> Carrying<Instant> {
        let (end, ledger, mut weather, mut last, mut done) = (self.end, &mut self.ledger, self.weather.as_deref_mut(), None, Ok(()));
        let is_router = self.network.is_router(from);
        self.network.decide(now, from, |Carried { to, at, count, mut datagram }| {
            let goes_down = from == SERVER || is_router && to != SERVER;
            let (client, direction) = if goes_down { (to, Direction::Down) } else { (from, Direction::Up) };
            let is_copy = last.replace((to, count)) == Some((to, count));
            ledger.account(client, direction).into_iter().for_each(|account| account.due(now, at, end, is_copy));
            if let Some(weather) = &mut weather {
                weather.carried(client, direction, at);
            }
            if let Some(tap) = &mut self.tap {
                tap.came_out(from, count);
            }
            if done.is_ok() && at < Instant::MAX {
                done = carrier.take_datagram(to, at, Origin::new(from, count), &mut datagram);
            }
        });
        done.map(|()| self.network.next_decision(from).unwrap_or(NEVER))
    }

    /// When signalling that `from` sends arrives at the other end of its connection to or from `client`.
    fn signal(&mut self, now: Instant, from: u16, client: u16) -> Instant {
        let at = self.network.signalling_arrival(now, from, client);
        let Some(weather) = &mut self.weather else { return at };
        let direction = if from == SERVER { Direction::Down } else { Direction::Up };
        weather.swallowed(client, direction, now); // TCP sends again what a partition swallows
        weather.carried(client, direction, at);
        at
    }

    fn other_end(&mut self, now: Instant, from: u16, connection: Connection) -> (u16, Instant) {
        let client = connection.client();
        let to = if from == SERVER { client } else { SERVER };
        (to, self.signal(now, from, client))
    }

    /// Keeps samples; before those that tell what the server sent go some that tell the state of the links it went into.
    fn keep(&mut self, from: u16, samples: Vec<Sample>) {
        let mut downlinks = Vec::new();
        let portion = self.told[usize::from(from)].samples.len();
        if from == SERVER {
            downlinks.reserve_exact(samples.len()); // one for each but the first, and no more: it is kept as it is
        }
        for sample in samples.iter().filter(|sample| from == SERVER && matches!(sample.what, Counted::Sent { .. })) {
            let Some(place) = place_of(&self.places, &mut self.told_of, downlinks.len(), &sample.user) else { continue };
            let Some(link) = self.network.downlink(place) else { continue };
            let (mut capacity_bps, mut queue_delay) = (link.capacity_bps(sample.at), link.queue_delay(sample.at));
            if let Some(shared) = self.network.router_of(place).and_then(|router| self.network.downlink(router)) {
                capacity_bps = [capacity_bps, shared.capacity_bps(sample.at)].into_iter().flatten().min();
                queue_delay = shared.queue_delay(sample.at);
                self.last_miles.want(place, portion, downlinks.len());
            }
            let what = Counted::Downlink { capacity_bps, queue_delay };
            downlinks.push(Sample { at: sample.at, user: sample.user.clone(), stream: sample.stream.clone(), what });
        }
        let told = &mut self.told[usize::from(from)].samples;
        told.extend([downlinks, samples].into_iter().filter_map(|portion| Some((portion.first()?.at, portion))));
    }

    /// The record, in order of time, then of node; what one node told at one time stays in its order.
    fn collect(mut self, nodes: Vec<Driver>) -> Collected {
        self.balance(&nodes);
        let hosts = nodes.iter().filter_map(|node| node.host.as_deref());
        let struck = self.weather.map_or_else(Vec::new, |weather| weather.tally(hosts.flat_map(Host::struck)));
        let told = &mut self.told[usize::from(SERVER)].samples;
        self.last_miles.complete(told);
        let (entries, samples) = self.told.into_iter().map(|told| (told.entries, told.samples)).unzip();
        let entries = merged(entries, |entry| entry.at);
        let samples = Samples::of(merged(samples, |(at, _)| *at).into_iter().map(|(_, portion)| portion).collect());
        let captured = self.tap.map_or_else(Vec::new, |tap| tap.captured());
        Collected { entries, samples, network: self.network, ledger: self.ledger, struck, captured }
    }

    /// Enters into the books what links dropped, and what came of the rest at the other end.
    fn balance(&mut self, nodes: &[Driver]) {
        for node in nodes.iter().skip(1) {
            for (direction, link) in
                [(Direction::Up, self.network.uplink(node.place)), (Direction::Down, self.network.downlink(node.place))]
            {
                let (Some(account), Some(link)) = (self.ledger.account(node.place, direction), link) else { continue };
                let drops = link.drops();
                let Drops { queue, loss, outage, aqm, policer, too_large } = drops;
                let causes = [
                    ("queue full", queue),
                    ("lost", loss),
                    ("outage", outage),
                    ("waited too long", aqm),
                    ("policed", policer),
                    ("too large", too_large),
                ];
                for (cause, datagrams) in causes {
                    account.drop(cause, datagrams);
                }
                account.in_flight += self.network.waiting(node.place, direction == Direction::Down);
            }
        }
        let routers = self.network.routers();
        for node in nodes {
            let end = self.end;
            let mut enter = |from: u16, change: &dyn Fn(&mut Account)| {
                let is_client = node.place != SERVER && !routers.contains(&node.place);
                let comes_down = is_client || node.place != SERVER && from == SERVER;
                let (client, direction) = if comes_down { (node.place, Direction::Down) } else { (from, Direction::Up) };
                self.ledger.account(client, direction).into_iter().for_each(change);
            };
            for (from, delivered) in node.delivered.all() {
                enter(from, &|account| account.delivered += delivered);
            }
            for arrival in node.inbox.iter().filter(|arrival| arrival.at < end && matches!(arrival.input, Input::Datagram(_))) {
                enter(arrival.origin.place(), &|account| account.in_flight += 1);
            }
            for ((from, cause), datagrams) in node.host.iter().flat_map(|host| &host.drops().by_cause) {
                enter(*from, &|account| account.drop(cause, *datagrams));
            }
        }
    }
}

/// Hands `carrier` a datagram and a copy of it.
#[cold]
fn deliver_twice(to: u16, ats: [Instant; 2], origin: Origin, datagram: &Datagram, carrier: &mut impl Carrier) -> Carrying {
    let mut arrivals = ats.into_iter().filter(|at| *at < Instant::MAX);
    arrivals.try_for_each(|at| carrier.take_datagram(to, at, origin, &mut datagram.clone()))
}

/// What a capture takes note of before a datagram goes into its link: the datagram, and what that has dropped so far.
type Tapped = (Captured, Drops);

#[cold]
#[expect(clippy::unnecessary_box_returns, reason = "where nothing is captured, room for one is not to be kept at every datagram")]
fn tapped(network: &Network, now: Instant, client: u16, direction: Direction, datagram: &Datagram) -> Box<Tapped> {
    Box::new((Captured::of(now, client, direction, datagram), drops_of(network, client, direction)))
}

/// The place of the user who is the `at`-th of an order, which is looked at first and kept up to date.
fn place_of(places: &BTreeMap<UserId, u16>, order: &mut Vec<(UserId, u16)>, at: usize, user: &UserId) -> Option<u16> {
    if let Some((known, place)) = order.get(at)
        && known == user
    {
        return Some(*place);
    }
    let place = *places.get(user)?;
    order.truncate(at);
    order.push((user.clone(), place));
    Some(place)
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
