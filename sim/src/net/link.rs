//! One direction of a link: a transmitter with a capacity, a queue before it, and the way to the other end.
//!
//! ```text
//! offered ─▶ [outage? too large? policer?] ─▶ queue ─▶ [shaper] ─▶ transmitter ─▶ [loss?] ─▶ delay + jitter ─▶ [duplicate?] ─▶ [hold] ─▶ arrives
//! ```
//!
//! The order is that of the real thing, and it decides what the numbers mean. Loss comes after the transmitter: a packet lost in the air has used its share of the capacity.
//! Jitter comes after it too: it delays, but it neither queues nor consumes capacity, so a link at 90 % load keeps the queue that theory gives it. An outage
//! closes the door: what comes while it lasts is gone, what is on its way arrives. A hold is at the other end: what would arrive while it lasts arrives when it is over, all at once and
//! in order.
//!
//! With a drop-tail queue everything is known ahead: the capacity is a schedule, and draws have fixed places in named streams. So [`Link::offer`] says at once when a packet will arrive, and
//! nobody has to wake the link up: plain arithmetic, no events, and at most one division per packet. The other queues decide when a packet's turn comes. `offer` then says
//! [`Verdict::Waits`], and the link speaks the habit of all machines here: [`Link::poll_timeout`] says when it has to decide next, [`Link::handle_timeout`] lets it, and
//! [`Link::poll_output`] takes what it decided. What is due at an instant is decided before what comes at it: with or without such a queue, a transmitter that gets free at the very
//! instant makes room for the newcomer.
//!
//! Each effect is told in its own file: [`capacity`](super::capacity) and [`trace`](super::trace), [`bucket`](super::bucket), [`queue`](super::queue), [`codel`](super::codel),
//! [`fq_codel`](super::fq_codel), [`loss`](super::loss), [`jitter`](super::jitter). `docs/LINKS.md` has the formulas, and the scorecard that holds the link against them.
//!
//! **Chance.** Every effect draws from a stream named by the run's seed, the link and the effect, once for every packet, whatever becomes of it. So the n-th packet has the same luck in
//! two runs that differ in rate, queue, outages or other effects, and another link in the run changes nothing.

mod line;
mod way;

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

pub use self::way::Luck;
use self::{
    line::{Line, ManagedLine, Tail},
    way::Way,
};
use super::{
    bucket::Bucket,
    capacity::{Server, span_of},
    codel::CoDel,
    fq_codel::FqCoDel,
    queue::{Held, Managed},
};
pub use super::{
    bucket::BucketConfig,
    capacity::{Capacity, RateSchedule, ScheduleError},
    jitter::{Jitter, Spread},
    loss::Loss,
    queue::{Queue, QueueLimit},
};

/// One direction of a link.
///
/// ```
/// use core::time::Duration;
/// use greenroom_core::time::Instant;
/// use greenroom_sim::net::link::{Capacity, Link, LinkConfig, Verdict};
///
/// // 1250 bytes at 1 Mbps take 10 ms, the way to the other end 50 ms.
/// let config = LinkConfig {
///     capacity: Capacity::constant(1_000_000),
///     delay: Duration::from_millis(50),
///     overhead_bytes: 0,
///     ..LinkConfig::default()
/// };
/// let mut link = Link::new(config, 1, "ada/up");
/// assert_eq!(link.offer(Instant::ZERO, 1250), Verdict::Deliver { at: Instant::from_millis(60) });
/// assert_eq!(link.offer(Instant::ZERO, 1250), Verdict::Deliver { at: Instant::from_millis(70) });
/// ```
// A server offers each packet to hundreds of links in turn, so that all it touches of a link comes from the second-level cache, line by line. Hence the fields stand in the order of need: three lines
// have all that most packets ask for. Where the compiler chose the places there were eleven.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Link {
    last_offer: Instant,
    offered: u64,
    overhead_bytes: u32,
    /// Nothing keeps a packet from entering: there are no outages, no largest size, no policer, and no shaper.
    is_open: bool,
    tells_flows_apart: bool,
    server: Server,
    way: Way,
    line: Line,
    drops: Drops,
    /// First outage that has not ended.
    next_outage: usize,
    policer: Option<Bucket>,
    config: Box<LinkConfig>,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives whole.
    Deliver {
        /// When its last bit arrives. [`Instant::MAX`] is never: the rate is zero for good.
        at: Instant,
    },
    /// It arrives whole, and a copy of it too.
    DeliverTwice {
        /// When it arrives.
        at: Instant,
        /// When the copy does. With jitter that reorders this may be the earlier one.
        again: Instant,
    },
    /// It does not arrive.
    Drop(DropReason),
    /// The queue decides when its turn comes; [`Link::poll_output`] tells.
    Waits,
}

/// What a queue decided about a packet that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which one: its place among all that were offered, from 0.
    pub packet: u64,
    /// When it was decided.
    pub at: Instant,
    /// What becomes of it. Never [`Verdict::Waits`].
    pub verdict: Verdict,
}

/// Why a packet does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The queue was full.
    Queue,
    /// It was lost on the way.
    Loss,
    /// It came during an outage.
    Outage,
    /// The queue's controller dropped it because packets waited too long.
    Aqm,
    /// The policer had no tokens left.
    Policer,
    /// It is larger than the link takes.
    TooLarge,
}

/// How many packets did not arrive, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// The queue was full.
    pub queue: u64,
    /// Lost on the way.
    pub loss: u64,
    /// Came during an outage.
    pub outage: u64,
    /// Dropped because packets waited too long.
    pub aqm: u64,
    /// Dropped by the policer.
    pub policer: u64,
    /// Larger than the link takes.
    pub too_large: u64,
}

impl Drops {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.queue + self.loss + self.outage + self.aqm + self.policer + self.too_large
    }

    const fn count(&mut self, reason: DropReason) {
        let of_its_kind = match reason {
            DropReason::Queue => &mut self.queue,
            DropReason::Loss => &mut self.loss,
            DropReason::Outage => &mut self.outage,
            DropReason::Aqm => &mut self.aqm,
            DropReason::Policer => &mut self.policer,
            DropReason::TooLarge => &mut self.too_large,
        };
        *of_its_kind += 1;
    }
}

/// What a link is like. The default is a perfect link: no limit, no delay, no loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Capacity over time.
    pub capacity: Capacity,
    /// A token bucket that delays what does not conform, behind the queue.
    pub shaper: Option<BucketConfig>,
    /// A token bucket that drops what does not conform, before the queue.
    pub policer: Option<BucketConfig>,
    /// What waits for the transmitter.
    pub queue: Queue,
    /// Propagation: from the last bit's departure to its arrival.
    pub delay: Duration,
    /// What is added to the delay of each packet.
    pub jitter: Jitter,
    /// How packets are lost.
    pub loss: Loss,
    /// Chance of a packet to arrive twice, in parts per billion. The copy has a jitter of its own and uses no capacity: it comes into being on the way.
    pub duplicate_ppb: u32,
    /// Packets that others overtake.
    pub reorder: Reorder,
    /// What each packet takes on the wire besides its own size, in bytes.
    pub overhead_bytes: u32,
    /// The largest packet that the link takes, overhead included, in bytes; none takes all.
    pub mtu_bytes: Option<u32>,
    /// When the link takes nothing in.
    pub outages: Vec<Outage>,
    /// When nothing arrives: what would, arrives afterwards.
    pub holds: Vec<Outage>,
}

/// Header bytes that a UDP payload travels with: 20 for IPv4 (RFC 791) and 8 for UDP (RFC 768).
pub const UDP_IPV4_OVERHEAD_BYTES: u32 = 28;

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            capacity: Capacity::unlimited(),
            shaper: None,
            policer: None,
            queue: Queue::DropTail(QueueLimit::Unlimited),
            delay: Duration::ZERO,
            jitter: Jitter::NONE,
            loss: Loss::None,
            duplicate_ppb: 0,
            reorder: Reorder::default(),
            overhead_bytes: UDP_IPV4_OVERHEAD_BYTES,
            mtu_bytes: None,
            outages: Vec::new(),
            holds: Vec::new(),
        }
    }
}

impl LinkConfig {
    /// The shortest time from a packet's last bit to its arrival that jitter can make of the delay.
    pub fn shortest_delay(&self) -> Duration {
        self.delay.saturating_sub(self.jitter.spread.most_early())
    }

    /// Whether the queue decides about a packet after it came.
    pub const fn decides_later(&self) -> bool {
        match self.queue {
            Queue::DropTail(_) => false,
            Queue::CoDel(..) | Queue::FqCoDel(..) => true,
        }
    }

    /// Whether it matters which flow a packet belongs to.
    pub const fn tells_flows_apart(&self) -> bool {
        matches!(self.queue, Queue::FqCoDel(..))
    }
}

/// Packets that come late, so that others overtake them. They do not make those behind them wait, even where jitter keeps the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reorder {
    /// The chance of a packet, in parts per billion.
    pub late_ppb: u32,
    /// By how much.
    pub by: Duration,
}

/// A time in which nothing that enters the link arrives; or, as a hold, in which nothing arrives yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// First instant of it.
    pub from: Instant,
    /// First instant after it.
    pub to: Instant,
}

impl Link {
    /// A link as `config` describes it. `name` tells its random streams from those of other links under the same seed.
    pub fn new(mut config: LinkConfig, seed: u64, name: &str) -> Self {
        config.outages = merged(config.outages);
        config.holds = merged(config.holds);
        let line = match config.queue {
            Queue::DropTail(limit) => Line::Tail(Tail::new(limit)),
            Queue::CoDel(codel, limit) => Line::Managed(Box::new(ManagedLine::new(
                Managed::CoDel { codel: CoDel::new(codel), waiting: VecDeque::new(), backlog: <_>::default() },
                limit,
            ))),
            Queue::FqCoDel(fq_codel, limit) => Line::Managed(Box::new(ManagedLine::new(Managed::FqCoDel(FqCoDel::new(fq_codel)), limit))),
        };
        Self {
            server: Server::new(config.capacity.clone(), config.shaper.map(Bucket::new)),
            line,
            next_outage: 0,
            policer: config.policer.map(Bucket::new),
            last_offer: Instant::ZERO,
            offered: 0,
            way: Way::new(&config, seed, name),
            drops: Drops::default(),
            overhead_bytes: config.overhead_bytes,
            is_open: config.outages.is_empty() && config.mtu_bytes.is_none() && config.policer.is_none() && config.shaper.is_none(),
            tells_flows_apart: config.tells_flows_apart(),
            config: Box::new(config),
        }
    }

    /// A link that draws nothing: the n-th packet has the n-th luck of the list, which another link has kept; those behind its end have neither loss nor jitter.
    pub fn replaying(config: LinkConfig, luck: Vec<Luck>) -> Self {
        let mut link = Self::new(config, 0, "replayed");
        link.way.replay(luck);
        link
    }

    /// From now on keeps the luck of each packet, for [`Link::take_luck`].
    pub fn keep_luck(&mut self) {
        self.way.keep_luck();
    }

    /// The luck of the packets since it began to be kept, or was taken before; nothing where it is not kept.
    pub fn take_luck(&mut self) -> Vec<Luck> {
        self.way.take_luck()
    }

    /// Hands the link a packet of `size_bytes`, the overhead not counted, and says what becomes of it. `now` never falls from call to call.
    pub fn offer(&mut self, now: Instant, size_bytes: u32) -> Verdict {
        self.offer_in_flow(now, size_bytes, 0)
    }

    /// The same for a packet of a flow; only [`Queue::FqCoDel`] asks which.
    #[expect(clippy::inline_always, reason = "for every packet of every link: through memory, its verdict would wait for itself")]
    #[inline(always)]
    pub fn offer_in_flow(&mut self, now: Instant, size_bytes: u32, flow: u32) -> Verdict {
        debug_assert!(now >= self.last_offer, "time fell from {} to {now}", self.last_offer);
        let now = now.max(self.last_offer);
        self.last_offer = now;
        let number = self.offered;
        self.offered += 1;

        // Every packet draws, whatever becomes of it: the n-th packet has the same luck in two runs that differ in rate, queue or outages.
        let luck = self.way.draw();
        let wire_bytes = u64::from(size_bytes) + u64::from(self.overhead_bytes);
        let refusal = if self.is_open { None } else { self.refusal(now, wire_bytes) };
        let verdict = match (refusal, &mut self.line) {
            (Some(reason), _) => Verdict::Drop(reason),
            (None, Line::Tail(tail)) => {
                if tail.admits(now, self.server.begin(now, wire_bytes), wire_bytes) {
                    self.way.leave(luck, self.server.serve(now, wire_bytes))
                } else {
                    Verdict::Drop(DropReason::Queue)
                }
            }
            (None, Line::Managed(line)) => {
                let packet = Held { number, came: now, wire_bytes, flow, luck };
                line.offer(packet, &mut self.server, &mut self.way, &mut self.drops)
            }
        };
        if let Verdict::Drop(reason) = verdict {
            self.drops.count(reason);
        }
        verdict
    }

    /// Lets the queue decide what it has to by `now`. A drop-tail queue has nothing to decide.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Line::Managed(line) = &mut self.line {
            line.serve_until(now, &mut self.server, &mut self.way, &mut self.drops);
        }
    }

    /// Takes the next decision about a packet that waited, oldest first.
    pub fn poll_output(&mut self) -> Option<Decision> {
        match &mut self.line {
            Line::Tail(_) => None,
            Line::Managed(line) => line.poll_decision(),
        }
    }

    /// When the queue has to decide next, or has decided and was not heard.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.line {
            Line::Tail(_) => None,
            Line::Managed(line) => line.next_decision(&self.server),
        }
    }

    /// How long a packet offered at `now` would wait for the transmitter; where the queue decides later, if it decides nothing. `now` is not before the last offer.
    pub fn queue_delay(&self, now: Instant) -> Duration {
        let ready = self.server.ready(now).saturating_since(now);
        match &self.line {
            Line::Tail(_) => ready,
            Line::Managed(line) => ready.saturating_add(span_of(line.backlog_bytes().saturating_mul(8), self.server.rate_at(now))),
        }
    }

    /// Capacity at `now`, in bits per second: none when it is not limited, zero during an outage.
    pub fn capacity_bps(&self, now: Instant) -> Option<BitsPerSecond> {
        if self.is_open
            && let Some(rate_bps) = self.server.rate_at_first(now)
        {
            return rate_bps; // asked for every viewer ten times a second, and mostly known without a look at the schedule
        }
        let after = self.config.outages.partition_point(|outage| outage.to <= now);
        if self.config.outages.get(after).is_some_and(|outage| outage.from <= now) {
            return Some(0);
        }
        let capacity = self.config.capacity.at(now);
        match self.config.shaper {
            Some(shaper) => Some(capacity.unwrap_or(u64::MAX).min(shaper.rate_bps)),
            None => capacity,
        }
    }

    /// How many packets were offered so far.
    pub const fn offered(&self) -> u64 {
        self.offered
    }

    /// How many packets did not arrive so far, by reason.
    pub const fn drops(&self) -> Drops {
        self.drops
    }

    /// Whether it matters which flow a packet belongs to.
    #[inline]
    pub const fn tells_flows_apart(&self) -> bool {
        self.tells_flows_apart
    }

    /// What the link is like. Its outages and holds are in order of time and do not overlap.
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Why a packet may not even enter, if it may not.
    #[inline(never)]
    fn refusal(&mut self, now: Instant, wire_bytes: u64) -> Option<DropReason> {
        if self.in_outage(now) {
            return Some(DropReason::Outage);
        }
        if self.config.mtu_bytes.is_some_and(|mtu_bytes| wire_bytes > u64::from(mtu_bytes)) {
            return Some(DropReason::TooLarge);
        }
        if self.policer.as_mut().is_some_and(|policer| !policer.admits(now, wire_bytes)) {
            return Some(DropReason::Policer);
        }
        // What a shaper can never let go would stand in everybody's way.
        (!self.server.takes(wire_bytes)).then_some(DropReason::Queue)
    }

    fn in_outage(&mut self, now: Instant) -> bool {
        while let Some(outage) = self.config.outages.get(self.next_outage) {
            if now < outage.to {
                return outage.from <= now;
            }
            self.next_outage += 1;
        }
        false
    }
}

/// Outages in order of time, overlapping ones made one, empty ones left out.
fn merged(mut outages: Vec<Outage>) -> Vec<Outage> {
    outages.retain(|outage| outage.from < outage.to);
    outages.sort_by_key(|outage| outage.from);
    let mut apart: Vec<Outage> = Vec::with_capacity(outages.len());
    for outage in outages {
        match apart.last_mut() {
            Some(last) if outage.from <= last.to => last.to = last.to.max(outage.to),
            Some(_) | None => apart.push(outage),
        }
    }
    apart
}
