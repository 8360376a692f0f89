//! The host of a node: what befalls it, and what its kernel and its router do for or against the process.
//!
//! Nodes know nothing of this. A host tells its node the time by its own clock, translates addresses, keeps the list of its TCP connections, and lets the process crash, stand still and start anew. All
//! of it happens at the node's own place in the order of events (faults before timers before arrivals of one instant), so engines need not know of it either.
//!
//! - **Crash**: the process is gone with all it knew. Its kernel closes its connections, refuses new ones and answers what comes on old ones with a reset (RFC 9293 section 3.5.1 and 3.5.2). A *silent*
//!   crash takes the kernel along: nobody hears of it until something is sent to the machine that started anew.
//! - **Pause**: timers and arrivals wait for its end, then come in their order, all at that instant.
//! - **Half open**: one end loses a connection; what the other one sends on it is swallowed, as by a firewall that has lost its state.
//! - **Move**: another network. The node learns its new address; connections from the old one are lost at this end, half open at the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use greenroom_core::time::Instant;

use super::{inbox::Arrival, machine::Machine};
use crate::{
    net::{
        Datagram, SERVER,
        clock::Clock,
        nat::Nat,
        network::{address_on, outside_of},
    },
    node::{ClientConfig, ClientNode, Connection, Input, Output, SfuConfig, SfuNode, Signal},
    record::{Counted, SAMPLE_INTERVAL, Sample},
    scenario::{Believer, Fault, FaultKind},
};

/// What a node is made from, at first and after each crash.
#[derive(Clone, Debug)]
pub(super) enum Blueprint {
    Sfu(SfuConfig),
    Client(Box<ClientConfig>),
}

impl Blueprint {
    /// A fresh process, at that true instant, by that clock.
    pub(super) fn build(&self, now: Instant, clock: &Clock) -> Machine {
        let shown = clock.shown_at(now);
        match self {
            Self::Sfu(config) => Machine::Sfu(Box::new(SfuNode::new(shown, config.clone()))),
            Self::Client(config) => {
                let mut config = (**config).clone();
                config.user.actions.retain(|(at, _)| *at >= now);
                for (at, _) in &mut config.user.actions {
                    *at = clock.shown_at(*at);
                }
                Machine::Client(Box::new(ClientNode::new(shown, config)))
            }
        }
    }

    fn start_again(&mut self) {
        match self {
            Self::Sfu(config) => config.starts += 1,
            Self::Client(config) => config.starts += 1,
        }
    }
}

/// A node's host: see the [module](self).
#[derive(Debug)]
pub(super) struct Host {
    place: u16,
    blueprint: Blueprint,
    clock: Clock,
    clock_is_right: bool,
    /// What is still to come, the next one first.
    ahead: VecDeque<Due>,
    state: State,
    /// The process does nothing before this.
    resumes_at: Instant,
    /// Connections that this end has, or is making.
    connections: BTreeSet<Connection>,
    /// Connections that this end has lost without the other's knowledge.
    lost: BTreeSet<Connection>,
    has_crashed: bool,
    /// How often it has gone over to another network.
    networks: u8,
    nat: Option<Nat>,
    outputs: VecDeque<Output>,
    /// How often each fault struck, by its place in the scenario.
    struck: BTreeMap<usize, u64>,
    drops: Drops,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down { silent: bool, fault: usize },
}

/// Something that is to befall the host.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    fault: usize,
    deed: Deed,
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Crash {
        silent: bool,
    },
    Start,
    Pause {
        until: Instant,
    },
    Resume,
    /// Connections of this client, or of all, are closed.
    Close {
        client: Option<u16>,
    },
    /// Connections of this client, or of all, are lost at this end.
    Lose {
        client: Option<u16>,
    },
    Rebind,
    Move,
    Adjust,
}

/// Datagrams that came to the host and did not reach the process, by sender.
#[derive(Debug, Default)]
pub(super) struct Drops {
    pub(super) by_cause: BTreeMap<(u16, &'static str), u64>,
}

impl Drops {
    fn count(&mut self, from: u16, cause: &'static str) {
        *self.by_cause.entry((from, cause)).or_default() += 1;
    }
}

impl Host {
    /// The host of the node at that place, to which these faults happen.
    pub(super) fn new(place: u16, blueprint: Blueprint, nat: Option<Nat>, faults: &[Fault]) -> Self {
        let mut clock = Clock::default();
        let mut adjustments: Vec<&Fault> = faults.iter().filter(|fault| fault.host == place).collect();
        adjustments.sort_by_key(|fault| fault.at);
        for fault in adjustments {
            if let FaultKind::Clock { drift_ppb, leap } = fault.kind {
                clock.adjust(fault.at, drift_ppb, leap);
            }
        }
        let mut ahead: Vec<Due> = faults.iter().enumerate().flat_map(|(n, fault)| deeds(place, n, fault)).collect();
        ahead.sort_by_key(|due| (due.at, due.fault));
        Self {
            place,
            clock_is_right: clock.is_right(),
            clock,
            ahead: ahead.into(),
            state: State::Up,
            resumes_at: Instant::ZERO,
            connections: BTreeSet::new(),
            lost: BTreeSet::new(),
            has_crashed: false,
            networks: 0,
            nat,
            outputs: VecDeque::new(),
            struck: BTreeMap::new(),
            drops: Drops::default(),
            blueprint,
        }
    }

    /// The process as it starts at first.
    pub(super) fn first_process(&self) -> Machine {
        self.blueprint.build(Instant::ZERO, &self.clock)
    }

    /// When there is something to do, if the process would have something to do at `due`.
    pub(super) fn next(&self, due: Option<Instant>) -> Option<Instant> {
        let due = due.map(|at| at.max(self.resumes_at));
        match (due, self.ahead.front()) {
            (Some(due), Some(ahead)) => Some(due.min(ahead.at)),
            (None, Some(ahead)) => Some(ahead.at),
            (due, None) => due,
        }
    }

    /// Whether the process does nothing at `now`, whatever is due.
    pub(super) fn stands_still(&self, now: Instant) -> bool {
        now < self.resumes_at
    }

    /// What the process's clock shows.
    pub(super) fn shown_at(&self, now: Instant) -> Instant {
        if self.clock_is_right { now } else { self.clock.shown_at(now) }
    }

    /// When the process's timer fires.
    pub(super) fn fires_at(&self, timer: Option<Instant>) -> Option<Instant> {
        if self.clock_is_right { timer } else { timer.map(|at| self.clock.first_shown(at)) }
    }

    /// Lets the next thing happen, if one is due. `waiting` is how much waits for the process.
    pub(super) fn befall(&mut self, now: Instant, machine: &mut Machine, waiting: usize) -> bool {
        let Some(Due { fault, deed, .. }) = self.ahead.front().copied().filter(|due| due.at <= now) else { return false };
        self.ahead.pop_front();
        let struck = match deed {
            Deed::Crash { silent } => {
                *machine = Machine::Down;
                (self.state, self.has_crashed) = (State::Down { silent, fault }, true);
                let connections = core::mem::take(&mut self.connections);
                if !silent {
                    self.outputs.extend(connections.iter().map(|connection| Output::Close { connection: *connection }));
                }
                1 + connections.len()
            }
            Deed::Start => {
                self.blueprint.start_again();
                *machine = self.blueprint.build(now, &self.clock);
                self.state = State::Up;
                0
            }
            Deed::Pause { until } => {
                self.resumes_at = until;
                0
            }
            Deed::Resume => waiting,
            Deed::Close { client } => {
                let connections = self.connections_of(client);
                for connection in &connections {
                    self.outputs.push_back(Output::Close { connection: *connection });
                    self.hang_up(now, machine, *connection);
                }
                connections.len()
            }
            Deed::Lose { client } => self.lose(now, machine, client),
            Deed::Rebind => self.nat.as_mut().map_or(0, |nat| {
                let mappings = nat.mappings();
                nat.rebind();
                mappings
            }),
            Deed::Move => {
                self.networks += 1;
                let lost = self.lose(now, machine, None);
                self.take_address();
                if let Blueprint::Client(config) = &self.blueprint {
                    machine.handle_input(self.shown_at(now), &Input::Moved { address: config.address });
                }
                1 + lost
            }
            Deed::Adjust => 1,
        };
        *self.struck.entry(fault).or_default() += u64::try_from(struck).unwrap_or(u64::MAX);
        true
    }

    fn connections_of(&self, client: Option<u16>) -> Vec<Connection> {
        self.connections.iter().copied().filter(|connection| client.is_none_or(|client| connection.client() == client)).collect()
    }

    /// The process hears that a connection has ended.
    fn hang_up(&mut self, now: Instant, machine: &mut Machine, connection: Connection) {
        self.connections.remove(&connection);
        machine.handle_input(self.shown_at(now), &Input::Signal { connection, signal: Signal::Closed });
    }

    fn lose(&mut self, now: Instant, machine: &mut Machine, client: Option<u16>) -> usize {
        let connections = self.connections_of(client);
        for connection in &connections {
            self.lost.insert(*connection);
            self.hang_up(now, machine, *connection);
        }
        connections.len()
    }

    /// In another network the host, or what translates for it, has another address.
    fn take_address(&mut self) {
        if let Some(nat) = &mut self.nat {
            *nat = Nat::new(nat.config(), outside_of(self.place, self.networks));
        } else if let Blueprint::Client(config) = &mut self.blueprint {
            config.address = address_on(self.place, self.networks);
        }
    }

    /// Takes in what arrived: what of it reaches the process, if anything does.
    pub(super) fn receive(&mut self, now: Instant, arrival: Arrival) -> Option<Input> {
        match arrival.input {
            Input::Datagram(datagram) => self.receive_datagram(now, arrival.origin.place(), datagram),
            Input::Signal { connection, signal } => self.receive_signal(connection, signal),
            moved @ Input::Moved { .. } => Some(moved),
        }
    }

    fn receive_datagram(&mut self, now: Instant, from: u16, mut datagram: Datagram) -> Option<Input> {
        if let State::Down { fault, .. } = self.state {
            *self.struck.entry(fault).or_default() += 1;
            self.drops.count(from, "host down");
            return None;
        }
        match (&mut self.nat, &self.blueprint) {
            (Some(nat), _) => {
                let Ok(inside) = nat.inbound(now, datagram.src, datagram.dst) else {
                    self.drops.count(from, "refused by NAT");
                    return None;
                };
                datagram.dst = inside;
            }
            (None, Blueprint::Client(config)) if config.address != datagram.dst => {
                self.drops.count(from, "sent to an old address");
                return None;
            }
            (None, _) => {}
        }
        Some(Input::Datagram(datagram))
    }

    fn receive_signal(&mut self, connection: Connection, signal: Signal) -> Option<Input> {
        if self.lost.contains(&connection) {
            return None;
        }
        let is_known = self.connections.contains(&connection);
        match (self.state, &signal) {
            (State::Down { silent: true, .. }, _) | (State::Down { .. }, Signal::Closed) => return None,
            (State::Down { silent: false, .. }, Signal::Opened | Signal::Message(_)) => {
                self.outputs.push_back(Output::Close { connection });
                return None;
            }
            (State::Up, Signal::Opened) if self.place == SERVER => {
                self.connections.insert(connection);
            }
            (State::Up, Signal::Message(_)) if !is_known && self.has_crashed => {
                self.outputs.push_back(Output::Close { connection });
                return None;
            }
            (State::Up, Signal::Closed) => {
                self.connections.remove(&connection);
            }
            (State::Up, Signal::Opened | Signal::Message(_)) => {}
        }
        Some(Input::Signal { connection, signal })
    }

    /// Takes what the host itself wants done.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What of an output of the process leaves the host.
    pub(super) fn send(&mut self, now: Instant, mut output: Output) -> Option<Output> {
        match &mut output {
            Output::Datagrams(datagrams) => {
                if let Some(nat) = &mut self.nat {
                    datagrams.retain_mut(|datagram| {
                        let outside = nat.outbound(now, datagram.src, datagram.dst);
                        datagram.src = outside.unwrap_or(datagram.src);
                        outside.is_ok()
                    });
                }
            }
            Output::Connect { connection } => {
                self.connections.insert(*connection);
            }
            // A connection that ended here is not written to. (What the process closes in turn is gone already.)
            Output::Message { connection, .. } if !self.connections.contains(connection) => return None,
            Output::Close { connection } if !self.connections.remove(connection) => return None,
            Output::Message { .. } | Output::Close { .. } => {}
            Output::Entry(entry) => entry.at = now,
            Output::Samples(samples) => {
                if !self.clock_is_right {
                    for sample in samples {
                        self.set_right(now, sample);
                    }
                }
            }
        }
        Some(output)
    }

    /// A sample is told in true time. What was counted by a clock that is wrong belongs to the laboratory's interval that it lies closest to.
    fn set_right(&self, now: Instant, sample: &mut Sample) {
        let interval_ns = u64::try_from(SAMPLE_INTERVAL.as_nanos()).expect("a tenth of a second");
        let is_whole = sample.at.as_nanos().is_multiple_of(interval_ns);
        let nearest = (now.as_nanos() + interval_ns / 2) / interval_ns * interval_ns;
        sample.at = if is_whole { Instant::from_nanos(nearest) } else { now };
        if let Counted::Ingress(flow) | Counted::Sent { flow, .. } | Counted::Received { flow, .. } | Counted::Heard(flow) =
            &mut sample.what
        {
            flow.span = flow.span.map(|(first, last)| (self.clock.first_shown(first), self.clock.first_shown(last)));
        }
    }

    /// How often each fault struck here.
    pub(super) fn struck(&self) -> impl Iterator<Item = (usize, u64)> {
        self.struck.iter().map(|(fault, struck)| (*fault, *struck))
    }

    /// What came and did not reach the process.
    pub(super) const fn drops(&self) -> &Drops {
        &self.drops
    }
}

/// What a fault does to the host at that place.
fn deeds(place: u16, n: usize, fault: &Fault) -> Vec<Due> {
    let (here, at_server) = (fault.host == place, place == SERVER);
    let due = |at, deed| Due { at, fault: n, deed };
    let client = (fault.host != SERVER).then_some(fault.host);
    match fault.kind {
        FaultKind::Crash { silent } if here => {
            let crash = due(fault.at, Deed::Crash { silent });
            [crash].into_iter().chain(fault.until.map(|until| due(until, Deed::Start))).collect()
        }
        FaultKind::Pause if here => vec![due(fault.at, Deed::Pause { until: fault.over() }), due(fault.over(), Deed::Resume)],
        FaultKind::Close if at_server => vec![due(fault.at, Deed::Close { client })],
        FaultKind::HalfOpen { believer: Believer::Client } if at_server => vec![due(fault.at, Deed::Lose { client })],
        FaultKind::HalfOpen { believer: Believer::Server } if here => vec![due(fault.at, Deed::Lose { client: None })],
        FaultKind::Rebind if here => vec![due(fault.at, Deed::Rebind)],
        FaultKind::Move if here => vec![due(fault.at, Deed::Move)],
        FaultKind::Clock { .. } if here => vec![due(fault.at, Deed::Adjust)],
        FaultKind::Crash { .. }
        | FaultKind::Pause
        | FaultKind::Partition(_)
        | FaultKind::Hold(_)
        | FaultKind::Close
        | FaultKind::HalfOpen { .. }
        | FaultKind::Rebind
        | FaultKind::Move
        | FaultKind::Clock { .. } => Vec::new(),
    }
}
