//! The network of one run: an access link for each client, with the server at the other end of all of them, or the router of a line that several clients share.
//!
//! ```text
//! ada ──┐                                  A datagram of ada's crosses two lines. The router between them is a node like others, so each line
//! ben ──┴─ router ═══ shared ═══╗          is a hop: what arrives at its end is told when it is offered, and nothing is known before its time.
//! cor ───────────────────────── server
//! ```
//!
//! Places count the server, then the clients, then the routers; a router's place stands for the line that it shares out.
//!
//! Both engines ask the same [`Network`] when a datagram arrives; they differ only in how they let that time pass.

use core::{
    net::{Ipv4Addr, SocketAddrV4},
    ops::RangeInclusive,
    time::Duration,
};
use std::collections::BTreeMap;

use greenroom_core::time::Instant;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{
    Datagram, fq_codel,
    link::{DropReason, Link, LinkConfig, Verdict},
};
use crate::scenario::Scenario;

pub use super::SERVER;

/// The port of every node.
const PORT: u16 = 5000;

/// The address of the node at that place: `10.1.x.y`, the same in every engine.
pub const fn address_of(node: u16) -> SocketAddrV4 {
    let [high, low] = node.to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(10, 1, high, low), PORT)
}

/// The outside address of the node at that place, in the `network`-th network that it is in: `10.1.x.y` at first.
pub const fn outside_of(node: u16, network: u8) -> Ipv4Addr {
    let [high, low] = node.to_be_bytes();
    Ipv4Addr::new(10, network.saturating_add(1), high, low)
}

/// The address of a node that no NAT hides, in the `network`-th network that it is in.
pub const fn address_on(node: u16, network: u8) -> SocketAddrV4 {
    SocketAddrV4::new(outside_of(node, network), PORT)
}

/// The address behind its NAT of the node at that place: nobody outside reaches it.
pub const fn inside_of(node: u16) -> SocketAddrV4 {
    let [high, low] = node.to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(192, 168, high, low), PORT)
}

/// The place of the node with that address, or behind it, whichever network it is in.
pub const fn node_at(address: SocketAddrV4) -> Option<u16> {
    match address.ip().octets() {
        [10, network, high, low] if network > 0 => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

/// The links of a run, and a hash over everything that was sent.
#[derive(Debug)]
pub struct Network {
    /// By client, the first one at place 1; behind them the shared lines, by router.
    access: Vec<Access>,
    /// By client, the router that its link ends at, if it does not end at the server. Empty where no line is shared.
    routers: Vec<Option<u16>>,
    clients: usize,
    /// By line, like `access`, those up before those down.
    traces: Vec<[Trace; 2]>,
    /// What waits in queues that decide later, by link and by its place among all that were offered to it.
    waiting: BTreeMap<(Way, u64), Waiting>,
    /// By sender, the links with such a queue that it sends into.
    deciding: Vec<Vec<Way>>,
    any_decides_later: bool,
    seed: u64,
}

#[derive(Debug)]
struct Access {
    up: Link,
    down: Link,
}

/// A line on the way of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The node at the other end.
    pub to: u16,
    /// The client whose link it is, or the router of a shared line.
    pub line: u16,
    /// Whether it leads away from the server.
    pub goes_down: bool,
}

/// Which of a client's two links, or of a shared line's directions.
type Way = (u16, Direction);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Up,
    Down,
}

/// A datagram that waits, and its sender's count of it.
#[derive(Debug)]
struct Waiting {
    count: u64,
    datagram: Datagram,
}

/// A datagram that will arrive.
#[derive(Debug)]
pub struct Carried {
    /// At whose place.
    pub to: u16,
    /// When.
    pub at: Instant,
    /// Its sender's count of it.
    pub count: u64,
    /// The datagram.
    pub datagram: Datagram,
}

/// What was sent into one line in one direction, so that the hash does not depend on how an engine interleaves nodes.
#[derive(Clone, Copy, Debug, Default)]
struct Trace {
    datagrams: u64,
    hash: u64,
}

impl Network {
    /// The network of a scenario.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let links = scenario.users.iter().map(|user| (user.id.as_str(), &user.up, &user.down));
        // A shared line and a user of one name are two owners of chance.
        let shared = scenario.shared.iter().map(|line| (format!("shared {}", line.name), &line.up, &line.down));
        let access = links.map(|(id, up, down)| (id.to_owned(), up, down)).chain(shared).map(|(name, up, down)| Access {
            up: Link::new(up.clone(), seed, &format!("{name}/up")),
            down: Link::new(down.clone(), seed, &format!("{name}/down")),
        });
        let access: Vec<Access> = access.collect();
        let first_router = scenario.users.len() + 1;
        let router = |line: usize| u16::try_from(first_router + line).expect("a scenario has fewer users and lines than there are places");
        let routers: Vec<Option<u16>> =
            if scenario.shared.is_empty() { Vec::new() } else { scenario.users.iter().map(|user| user.behind.map(router)).collect() };
        let mut deciding = vec![Vec::new(); access.len() + 1];
        for (place, links) in (1_u16..).zip(&access) {
            let router = routers.get(usize::from(place) - 1).copied().flatten();
            if links.up.config().decides_later() {
                deciding[usize::from(place)].push((place, Direction::Up));
            }
            if links.down.config().decides_later() {
                deciding[usize::from(router.unwrap_or(SERVER))].push((place, Direction::Down));
            }
        }
        Self {
            traces: vec![<_>::default(); access.len()],
            any_decides_later: deciding.iter().any(|ways| !ways.is_empty()),
            access,
            routers,
            clients: scenario.users.len(),
            waiting: BTreeMap::new(),
            deciding,
            seed,
        }
    }

    /// The node at the other end of the line that something goes into which `from` sends to the node at `to`: that node, or a router on the way.
    #[inline]
    pub fn next_hop(&self, from: u16, to: u16) -> u16 {
        let client = if to == SERVER { from } else { to };
        match usize::from(client).checked_sub(1).and_then(|at| self.routers.get(at)) {
            Some(Some(router)) if *router != from => *router,
            _ => to,
        }
    }

    /// The next line on the way of something that `from` sends to the node at `to`.
    #[inline]
    pub fn hop(&self, from: u16, to: u16) -> Hop {
        let to = self.next_hop(from, to);
        let goes_down = self.goes_down(from, to);
        Hop { to, line: if goes_down { to } else { from }, goes_down }
    }

    /// Sends a datagram, the `count`-th thing that its sender does, over its next line, and says what becomes of it. What waits in a queue that decides later is kept here until [`Network::decide`] hands
    /// it over.
    #[expect(
        clippy::inline_always,
        reason = "called at one place; through memory, its verdict waited for itself in every twentieth nanosecond of a large room"
    )]
    #[inline(always)]
    pub fn carry(&mut self, now: Instant, hop: Hop, count: u64, datagram: &Datagram) -> Verdict {
        let Hop { line, goes_down, .. } = hop;
        let at = usize::from(line).wrapping_sub(1);
        let (Some(access), Some(traces)) = (self.access.get_mut(at), self.traces.get_mut(at)) else {
            return Verdict::Drop(DropReason::Outage);
        };
        traces[usize::from(goes_down)].record(now, datagram);
        let link = if goes_down { &mut access.down } else { &mut access.up };
        let flow = if link.tells_flows_apart() { fq_codel::flow_of(datagram.src, datagram.dst, self.seed) } else { 0 };
        let verdict = link.offer_in_flow(now, datagram.size_bytes(), flow);
        if matches!(verdict, Verdict::Waits) {
            let (way, number) = ((line, if goes_down { Direction::Down } else { Direction::Up }), link.offered() - 1);
            self.waiting.insert((way, number), Waiting { count, datagram: datagram.clone() });
        }
        verdict
    }

    /// Whether any link has a queue that decides later.
    pub const fn decides_later(&self) -> bool {
        self.any_decides_later
    }

    /// When a queue that `from` sends into has to decide next.
    pub fn next_decision(&self, from: u16) -> Option<Instant> {
        let ways = self.deciding.get(usize::from(from))?;
        ways.iter().filter_map(|way| self.link(*way)?.poll_timeout()).min()
    }

    /// Lets the queues that `from` sends into decide what they have to by `now`, and hands `arrive` what will arrive.
    pub fn decide(&mut self, now: Instant, from: u16, mut arrive: impl FnMut(Carried)) {
        for n in 0..self.deciding.get(usize::from(from)).map_or(0, Vec::len) {
            self.decide_on(self.deciding[usize::from(from)][n], now, &mut arrive);
        }
    }

    fn decide_on(&mut self, way: Way, now: Instant, arrive: &mut impl FnMut(Carried)) {
        let Some(link) = self.link_mut(way).filter(|link| link.poll_timeout().is_some_and(|at| at <= now)) else { return };
        link.handle_timeout(now);
        while let Some(decision) = self.link_mut(way).and_then(Link::poll_output) {
            let Some(Waiting { count, datagram }) = self.waiting.remove(&(way, decision.packet)) else { continue };
            let Some(to) = self.other_end(way, &datagram) else { continue };
            match decision.verdict {
                Verdict::Deliver { at } => arrive(Carried { to, at, count, datagram }),
                Verdict::DeliverTwice { at, again } => {
                    arrive(Carried { to, at, count, datagram: datagram.clone() });
                    arrive(Carried { to, at: again, count, datagram });
                }
                Verdict::Drop(_) | Verdict::Waits => {}
            }
        }
    }

    /// Datagrams that wait in a client's queue that decides later.
    pub fn waiting(&self, client: u16, down: bool) -> u64 {
        let direction = if down { Direction::Down } else { Direction::Up };
        self.waiting.keys().filter(|(way, _)| *way == (client, direction)).count() as u64
    }

    /// Whether what goes from a node to its next hop goes away from the server.
    #[inline]
    pub fn goes_down(&self, from: u16, to: u16) -> bool {
        from == SERVER || to != SERVER && self.is_router(from)
    }

    /// Whether the node at that place is the router of a shared line.
    #[inline]
    pub const fn is_router(&self, place: u16) -> bool {
        place as usize > self.clients
    }

    /// The node at the end of a link that a datagram comes out of.
    fn other_end(&self, (place, direction): Way, datagram: &Datagram) -> Option<u16> {
        match direction {
            Direction::Down => Some(place),
            Direction::Up => node_at(datagram.dst).map(|to| self.next_hop(place, to)),
        }
    }

    fn link(&self, (client, direction): Way) -> Option<&Link> {
        match direction {
            Direction::Up => self.uplink(client),
            Direction::Down => self.downlink(client),
        }
    }

    fn link_mut(&mut self, (client, direction): Way) -> Option<&mut Link> {
        let access = self.access.get_mut(usize::from(client).checked_sub(1)?)?;
        Some(match direction {
            Direction::Up => &mut access.up,
            Direction::Down => &mut access.down,
        })
    }

    /// When a byte of signalling sent by `from` arrives at the other end of its connection to or from `client`.
    ///
    /// Signalling is reliable and small, so it neither queues nor is lost: TCP sends again what an outage swallowed, and what is sent last during one arrives first after it.
    pub fn signalling_arrival(&self, now: Instant, from: u16, client: u16) -> Instant {
        let (direction, to) = if from == SERVER { (Direction::Down, client) } else { (Direction::Up, SERVER) };
        let router = self.next_hop(from, to);
        let hops = match direction {
            Direction::Up => [client, router],
            Direction::Down => [router, client],
        };
        let hops = if router == to { &[client][..] } else { &hops[..] };
        hops.iter().fold(now, |now, place| match self.link((*place, direction)) {
            Some(link) => across(link.config(), now),
            None => Instant::MAX,
        })
    }

    /// The link from the server to the client at that place, or to the router at that place.
    pub fn downlink(&self, client: u16) -> Option<&Link> {
        Some(&self.access.get(usize::from(client).checked_sub(1)?)?.down)
    }

    /// The link from the client at that place to the server, or from the router at that place.
    pub fn uplink(&self, client: u16) -> Option<&Link> {
        Some(&self.access.get(usize::from(client).checked_sub(1)?)?.up)
    }

    /// The shortest delay of the links that end at the node at that place: nothing that others send arrives there sooner. The longest time there is, where no link does.
    pub fn shortest_delay_to(&self, place: u16, counts: impl Fn(u16) -> bool) -> Duration {
        let ends_here = |way: &Way| match way {
            (client, Direction::Down) => *client == place,
            (client, Direction::Up) => self.next_hop(*client, SERVER) == place,
        };
        let links = (1_u16..)
            .zip(&self.access)
            .flat_map(|(client, access)| [((client, Direction::Up), &access.up), ((client, Direction::Down), &access.down)]);
        links
            .filter(|(way, _)| ends_here(way) && counts(self.begins(*way)))
            .map(|(_, link)| link.config().shortest_delay())
            .min()
            .unwrap_or(Duration::MAX)
    }

    fn begins(&self, (line, direction): Way) -> u16 {
        match direction {
            Direction::Up => line,
            Direction::Down => self.router_of(line).unwrap_or(SERVER),
        }
    }

    /// The places of the routers.
    pub fn routers(&self) -> RangeInclusive<u16> {
        let place = |at: usize| u16::try_from(at).expect("places have 16 bits");
        place(self.clients + 1)..=place(self.access.len())
    }

    /// The shared line between the link of the client at that place and the server, by its router's place.
    pub fn router_of(&self, client: u16) -> Option<u16> {
        *self.routers.get(usize::from(client).checked_sub(1)?)?
    }

    /// Makes one network of two that carried on different lines: this one gets those of the other one's that are `theirs`.
    pub fn join(&mut self, other: Self, theirs: impl Fn(u16) -> bool) {
        let Self { access, traces, .. } = other;
        for (at, (line, trace)) in access.into_iter().zip(traces).enumerate() {
            if u16::try_from(at + 1).is_ok_and(&theirs) {
                (self.access[at], self.traces[at]) = (line, trace);
            }
        }
    }

    /// Datagrams sent by all nodes; one that crosses two lines was sent twice.
    pub fn datagrams(&self) -> u64 {
        self.traces.iter().flatten().map(|trace| trace.datagrams).sum()
    }

    /// A hash over every datagram: when it was sent in ns, source, destination, size and bytes, in order of time for each line and direction.
    pub fn trace_hash(&self) -> u64 {
        let lines: Vec<u8> = self.traces.iter().flatten().flat_map(|trace| trace.hash.to_le_bytes()).collect();
        xxh3_64(&lines)
    }
}

/// When a byte of signalling that is sent into a link at `now` comes out of it.
fn across(config: &LinkConfig, now: Instant) -> Instant {
    let mut leaves = now;
    for outage in &config.outages {
        if outage.from <= leaves && leaves < outage.to {
            leaves = outage.to;
        }
    }
    let arrives = leaves.saturating_add(config.delay);
    config.holds.iter().find(|hold| hold.from <= arrives && arrives < hold.to).map_or(arrives, |hold| hold.to)
}

impl Trace {
    /// Chains a datagram to those before it, by taking their hash for its seed.
    #[expect(clippy::inline_always, reason = "called at one place, for every datagram")]
    #[inline(always)]
    fn record(&mut self, now: Instant, datagram: &Datagram) {
        let Datagram { src, dst, payload, .. } = datagram;
        let addresses = u64::from(src.ip().to_bits()) << 32 | u64::from(dst.ip().to_bits());
        let ports_and_size = u64::from(src.port()) << 48 | u64::from(dst.port()) << 32 | u64::from(datagram.size_bytes());
        let mut head = [0; 24];
        for (place, number) in head.as_chunks_mut().0.iter_mut().zip([now.as_nanos(), addresses, ports_and_size]) {
            *place = number.to_le_bytes();
        }
        self.datagrams += 1;
        self.hash = xxh3_64_with_seed(payload, xxh3_64_with_seed(&head, self.hash));
    }
}
