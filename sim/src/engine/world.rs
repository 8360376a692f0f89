//! The world: the network and the record. What nodes say goes here, and what arrives of it is handed to the engine, which carries it.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use greenroom_core::{id::UserId, stream::BitsPerSecond, time::Instant};

use super::{
    Carrying, Collected,
    driver::{Driver, NEVER},
    host::Host,
    inbox::Origin,
    last_mile::LastMiles,
    letter::{Letter, Sent},
    schedule::Schedule,
    tap::{Tap, drops_of},
    weather::{Door, Weather},
};
use crate::{
    net::{
        Datagram,
        link::{Drops, Link, Verdict},
        network::{Carried, Network, SERVER, node_at},
    },
    node::{Connection, Input, Output, Signal},
    record::{Account, Captured, Counted, Direction, Entry, Ledger, Sample, Samples},
    scenario::Scenario,
};

/// The network and the record: what all nodes share, and no node sees.
#[derive(Debug)]
pub(super) struct World {
    pub(super) network: Network,
    places: BTreeMap<UserId, u16>,
    /// Whose samples the server told last, in its order, and their places: it tells of the same users in the same order ten times a second.
    told_of: Vec<(UserId, u16)>,
    /// What each node told, in order of time.
    told: Vec<Told>,
    ledger: Ledger,
    tap: Option<Box<Tap>>,
    last_miles: LastMiles,
    /// Samples that lack the state of a line which is in another world: the portion among those that the server told, and the place in it.
    wanted: Vec<(usize, usize)>,
    /// What the other world asked of lines that are here, in the order of asking.
    looked: Vec<Look>,
    /// What befalls links, where anything does.
    weather: Option<Box<Weather>>,
    /// How often each fault struck, when the books are closed.
    struck: Vec<u64>,
    end: Instant,
}

/// The state of a link at a moment: its capacity, and what a packet would wait.
type Look = (Option<BitsPerSecond>, Duration);

/// What one node told.
#[derive(Debug, Default)]
struct Told {
    /// Side by side: each would be far away otherwise when all is told and they are put in order.
    entries: VecDeque<Entry>,
    /// As they were told, each portion at one time, which stands beside it: to look for it in there would mean to fetch what was written long ago.
    samples: VecDeque<(Instant, Vec<Sample>)>,
}

/// Who takes to a node what comes out of a link for it: an engine.
///
/// It is told whereto, when and whose one by one, and puts an arrival together where it is to lie: of a value that is put together first and moved then, two numbers of eight bytes that were just written
/// are read as one of sixteen, for which a processor waits until they are in the cache. That took a twentieth of the time of a run with two hundred viewers.
pub(super) trait Carrier {
    /// What is said to the world that has the line of that place; none where it is this one.
    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn letter_for(&mut self, _line: u16) -> Option<&mut Letter> {
        None
    }
    /// Takes a datagram. It is lent, and moves once: from where it was written to where it waits.
    fn take_datagram(&mut self, to: u16, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying;
    /// Takes what happens on a signalling connection.
    fn take_signal(&mut self, to: u16, at: Instant, origin: Origin, connection: Connection, signal: Signal) -> Carrying;
}

impl World {
    pub(super) fn new(scenario: &Scenario, seed: u64, captures: bool) -> Self {
        Self {
            network: Network::new(scenario, seed),
            told_of: Vec::new(),
            places: (1_u16..).zip(&scenario.users).map(|(place, user)| (user.id.clone(), place)).collect(),
            told: (0..=scenario.users.len()).map(|_| Told::default()).collect(),
            ledger: Ledger::new(scenario.users.len() + scenario.shared.len()),
            tap: captures.then(|| Box::new(Tap::default())),
            last_miles: LastMiles::default(),
            wanted: Vec::new(),
            looked: Vec::new(),
            weather: (!scenario.faults.is_empty()).then(|| Box::new(Weather::new(&scenario.faults, scenario.users.len()))),
            struck: Vec::new(),
            end: Instant::ZERO.saturating_add(scenario.duration),
        }
    }

    /// Does what a node wants done: hands `carrier` what is to be carried, and keeps the rest.
    pub(super) fn dispatch(&mut self, now: Instant, from: u16, count: u64, output: Output, carrier: &mut impl Carrier) -> Carrying {
        let origin = Origin::new(from, count);
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
                    return carrier.take_signal(from, syn_ack, origin, connection, Signal::Closed);
                }
                let ack = self.signal(syn_ack, from, from);
                carrier.take_signal(from, syn_ack, origin, connection, Signal::Opened)?;
                carrier.take_signal(SERVER, ack, origin, connection, Signal::Opened)
            }
            Output::Message { connection, message } => {
                let (to, at) = self.other_end(now, from, connection);
                carrier.take_signal(to, at, origin, connection, Signal::Message(message))
            }
            Output::Close { connection } => {
                let (to, at) = self.other_end(now, from, connection);
                carrier.take_signal(to, at, origin, connection, Signal::Closed)
            }
            Output::Entry(entry) => {
                self.told[usize::from(from)].entries.push_back(*entry);
                Ok(())
            }
            Output::Samples(samples) => {
                self.keep(from, samples, carrier);
                Ok(())
            }
        }
    }

    /// Sends a datagram into its link, hands `carrier` what comes out of it, and enters it into the books.
    #[expect(clippy::inline_always, reason = "called at two places, for every datagram")]
    #[inline(always)]
    pub(super) fn send(&mut self, now: Instant, from: u16, count: u64, datagram: &mut Datagram, carrier: &mut impl Carrier) -> Carrying {
        let Some(to) = node_at(datagram.dst) else {
            self.ledger.nowhere += 1;
            return Ok(());
        };
        let hop = self.network.hop(from, to);
        if let Some(letter) = carrier.letter_for(hop.line) {
            letter.sent.push(Sent { at: now, origin: Origin::new(from, count), datagram: datagram.take() });
            return Ok(());
        }
        let (to, client, direction) = (hop.to, hop.line, if hop.goes_down { Direction::Down } else { Direction::Up });
        let Some(account) = self.ledger.account(client, direction) else { return Ok(()) };
        account.sent += 1;
        let is_watched = self.tap.is_some() || self.weather.is_some() || from != SERVER && direction == Direction::Down;
        let tapped = if is_watched && self.tap.is_some() { Some(tapped(&self.network, now, client, direction, datagram)) } else { None };
        let verdict = self.network.carry(now, hop, count, datagram);
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
    pub(super) fn decide(&mut self, now: Instant, from: u16, carrier: &mut impl Carrier) -> Carrying<Instant> {
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
    fn keep(&mut self, from: u16, samples: Vec<Sample>, carrier: &mut impl Carrier) {
        let mut downlinks = Vec::new();
        let portion = self.told[usize::from(from)].samples.len();
        if from == SERVER {
            downlinks.reserve_exact(samples.len()); // one for each but the first, and no more: it is kept as it is
        }
        for sample in samples.iter().filter(|sample| from == SERVER && matches!(sample.what, Counted::Sent { .. })) {
            let Some(place) = place_of(&self.places, &mut self.told_of, downlinks.len(), &sample.user) else { continue };
            if let Some(letter) = carrier.letter_for(place) {
                letter.ask(sample.at, place);
                self.wanted.push((portion, downlinks.len()));
            }
            let Some(link) = self.network.downlink(place) else { continue };
            let (mut capacity_bps, mut queue_delay) = look(link, sample.at);
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

    /// Takes down the state of lines that are here, for the samples of another world.
    pub(super) fn look(&mut self, at: Instant, lines: &[u16]) {
        let Self { network, looked, .. } = self;
        looked.extend(lines.iter().filter_map(|line| network.downlink(*line)).map(|link| look(link, at)));
    }

    /// Makes a whole of this world and the other one, which has the lines of those that are `theirs`.
    pub(super) fn join(&mut self, other: Self, theirs: impl Fn(u16) -> bool) {
        let Self { network, ledger, told, looked, .. } = other;
        self.network.join(network, &theirs);
        self.ledger.join(ledger, &theirs);
        for ((at, ours), told) in (SERVER..).zip(&mut self.told).zip(told) {
            if theirs(at) {
                *ours = told;
            }
        }
        let samples = &mut self.told[usize::from(SERVER)].samples;
        for ((portion, sample), (capacity_bps, queue_delay)) in self.wanted.drain(..).zip(looked) {
            samples[portion].1[sample].what = Counted::Downlink { capacity_bps, queue_delay };
        }
    }

    /// Closes the books when all that nodes do is done.
    pub(super) fn close(&mut self, nodes: &[Driver]) {
        self.balance(nodes);
        let hosts = nodes.iter().filter_map(|node| node.host.as_deref());
        self.struck = self.weather.take().map_or_else(Vec::new, |weather| weather.tally(hosts.flat_map(Host::struck)));
    }

    /// The record, in order of time, then of node; what one node told at one time stays in its order. The books are closed.
    pub(super) fn collect(mut self) -> Collected {
        let told = &mut self.told[usize::from(SERVER)].samples;
        self.last_miles.complete(told);
        let (entries, samples) = self.told.into_iter().map(|told| (told.entries, told.samples)).unzip();
        let entries = merged(entries, |entry| entry.at);
        let samples = Samples::of(merged(samples, |(at, _)| *at).into_iter().map(|(_, portion)| portion).collect());
        let captured = self.tap.map_or_else(Vec::new, |tap| tap.captured());
        Collected { entries, samples, network: self.network, ledger: self.ledger, struck: self.struck, captured }
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

fn look(link: &Link, at: Instant) -> Look {
    (link.capacity_bps(at), link.queue_delay(at))
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
