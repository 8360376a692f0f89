//! One direction of an access link: a transmitter with a rate, a queue before it, and the way to the other end.
//!
//! ```text
//! offered ─▶ [outage?] ─▶ queue (drop-tail) ─▶ transmitter (rate over time) ─▶ [loss?] ─▶ propagation + jitter ─▶ arrives
//! ```
//!
//! The order is that of the real thing, and it decides what the numbers mean. Loss comes after the transmitter: a packet lost in the air has used its share of the capacity.
//! Jitter comes after it too: it delays, but it neither queues nor consumes capacity, so a link at 90 % load keeps the queue that theory gives it. An outage
//! closes the door: what comes while it lasts is gone, what is on its way arrives.
//!
//! Everything is known ahead: the rate is a schedule, and draws have fixed places in named streams. So [`Link::offer`] can say at once when a packet will arrive, and nobody has
//! to wake the link up. It is plain arithmetic: no events, no clock, and at most one division per packet.
//!
//! **Time is exact.** The transmitter counts in *nanobits*: at `r` bits per second each nanosecond carries exactly `r` of them, and a packet is its bits times 10⁹. A departure is
//! rounded up to the whole nanosecond in which it happens; the nanobits which that nanosecond has to spare go to the next packet if it was waiting. So a busy train of any length ends
//! within 1 ns of the fluid answer, through any number of rate steps: nothing accumulates, and nothing is a float.

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use crate::random::Stream;

/// One direction of an access link.
///
/// ```
/// use core::time::Duration;
/// use greenroom_core::time::Instant;
/// use greenroom_sim::net::link::{Link, LinkConfig, RateSchedule, Verdict};
///
/// // 1250 bytes at 1 Mbps take 10 ms, the way to the other end 50 ms.
/// let config = LinkConfig {
///     rate: RateSchedule::constant(1_000_000),
///     delay: Duration::from_millis(50),
///     overhead_bytes: 0,
///     ..LinkConfig::default()
/// };
/// let mut link = Link::new(config, 1, "ada/up");
/// assert_eq!(link.offer(Instant::ZERO, 1250), Verdict::Deliver { at: Instant::from_millis(60) });
/// assert_eq!(link.offer(Instant::ZERO, 1250), Verdict::Deliver { at: Instant::from_millis(70) });
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    transmitter: Transmitter,
    /// Packets that wait for the transmitter; kept only when the limit counts packets or bytes.
    waiting: VecDeque<Waiting>,
    waiting_bytes: u64,
    /// First outage that has not ended.
    next_outage: usize,
    last_offer: Instant,
    last_arrival: Instant,
    loss: Stream,
    jitter: Stream,
    jitter_ns: u64,
    drops: Drops,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives whole.
    Deliver {
        /// When its last bit arrives. [`Instant::MAX`] is never: the rate is zero for good.
        at: Instant,
    },
    /// It does not arrive.
    Drop(DropReason),
}

/// Why a packet does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The queue was full.
    Queue,
    /// It was lost on the way.
    Loss,
    /// It came during an outage.
    Outage,
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
}

impl Drops {
    /// All of them.
    pub const fn total(self) -> u64 {
        self.queue + self.loss + self.outage
    }
}

/// What a link is like. The default is a perfect link: no limit, no delay, no loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Capacity over time.
    pub rate: RateSchedule,
    /// How much may wait for the transmitter.
    pub queue: QueueLimit,
    /// Propagation: from the last bit's departure to its arrival.
    pub delay: Duration,
    /// Most that is added to the delay, uniform from zero. It never reorders packets: one that would overtake arrives right behind the one before it, its own transmission
    /// time later (the no-reordering model of RFC 8868 section 4.5.2).
    pub jitter: Duration,
    /// Chance of a packet to be lost, in parts per billion, each packet for itself.
    pub loss_ppb: u32,
    /// What each packet takes on the wire besides its own size, in bytes.
    pub overhead_bytes: u32,
    /// When the link takes nothing in.
    pub outages: Vec<Outage>,
}

/// Header bytes that a UDP payload travels with: 20 for IPv4 (RFC 791) and 8 for UDP (RFC 768).
pub const UDP_IPV4_OVERHEAD_BYTES: u32 = 28;

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            rate: RateSchedule::unlimited(),
            queue: QueueLimit::Unlimited,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss_ppb: 0,
            overhead_bytes: UDP_IPV4_OVERHEAD_BYTES,
            outages: Vec::new(),
        }
    }
}

/// How much may wait for the transmitter. What does not fit is dropped as it comes (drop-tail). The packet being transmitted does not count: it waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueLimit {
    /// As much as there is.
    Unlimited,
    /// So many bytes, as on the wire.
    Bytes(u64),
    /// So many packets.
    Packets(u32),
    /// A packet that would wait longer than this is dropped. Unlike a limit in bytes, it keeps its meaning when the rate changes.
    Time(Duration),
}

/// A time in which nothing that enters the link arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// First instant of it.
    pub from: Instant,
    /// First instant after it.
    pub to: Instant,
}

/// Capacity as a function of time: steps, the first at time zero, each lasting until the next and the last for good.
///
/// A rate of none is not limited; a rate of zero stands still until the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSchedule(Vec<(Instant, Option<BitsPerSecond>)>);

/// Why steps are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The beginning is left open.
    #[error("the first step must be at 0 s")]
    BeginningOpen,
    /// A step is not later than the one before it.
    #[error("step {at} is not later than the one before it")]
    NotRising {
        /// The place of the offending step.
        at: usize,
    },
}

impl RateSchedule {
    /// A schedule of these steps: from each time on, that rate.
    pub fn new(steps: Vec<(Instant, Option<BitsPerSecond>)>) -> Result<Self, ScheduleError> {
        if steps.first().is_none_or(|(at, _)| *at != Instant::ZERO) {
            return Err(ScheduleError::BeginningOpen);
        }
        match steps.windows(2).position(|pair| pair[1].0 <= pair[0].0) {
            Some(before) => Err(ScheduleError::NotRising { at: before + 1 }),
            None => Ok(Self(steps)),
        }
    }

    /// The same rate at all times.
    pub fn constant(rate_bps: BitsPerSecond) -> Self {
        Self(vec![(Instant::ZERO, Some(rate_bps))])
    }

    /// No limit at any time.
    pub fn unlimited() -> Self {
        Self(vec![(Instant::ZERO, None)])
    }

    /// The steps, in order of time.
    pub fn steps(&self) -> &[(Instant, Option<BitsPerSecond>)] {
        &self.0
    }

    /// The rate at `now`; none is not limited.
    pub fn at(&self, now: Instant) -> Option<BitsPerSecond> {
        let after = self.0.partition_point(|(at, _)| *at <= now);
        self.0[after.saturating_sub(1)].1
    }
}

impl Link {
    /// A link as `config` describes it. `name` tells its random streams from those of other links under the same seed.
    pub fn new(mut config: LinkConfig, seed: u64, name: &str) -> Self {
        config.outages = merged(config.outages);
        Self {
            transmitter: Transmitter::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            next_outage: 0,
            last_offer: Instant::ZERO,
            last_arrival: Instant::ZERO,
            loss: Stream::new(seed, name, "loss"),
            jitter: Stream::new(seed, name, "jitter"),
            jitter_ns: nanos(config.jitter),
            drops: Drops::default(),
            config,
        }
    }

    /// Hands the link a packet of `size_bytes`, the overhead not counted, and says what becomes of it. `now` never falls from call to call.
    pub fn offer(&mut self, now: Instant, size_bytes: u32) -> Verdict {
        debug_assert!(now >= self.last_offer, "time fell from {} to {now}", self.last_offer);
        let now = now.max(self.last_offer);
        self.last_offer = now;

        // Every packet draws, whatever becomes of it: the n-th packet has the same luck in two runs that differ in rate, queue or outages.
        let lost = self.config.loss_ppb > 0 && self.loss.chance(self.config.loss_ppb);
        let jitter_ns = if self.jitter_ns > 0 { self.jitter.below(self.jitter_ns.saturating_add(1)) } else { 0 };

        if self.in_outage(now) {
            self.drops.outage += 1;
            return Verdict::Drop(DropReason::Outage);
        }
        let wire_bytes = u64::from(size_bytes) + u64::from(self.config.overhead_bytes);
        if !self.has_room(now, wire_bytes) {
            self.drops.queue += 1;
            return Verdict::Drop(DropReason::Queue);
        }
        let start = now.max(self.transmitter.free_at());
        if start > now && self.counts_waiting() {
            self.waiting.push_back(Waiting { start, wire_bytes });
            self.waiting_bytes += wire_bytes;
        }
        let end = self.transmitter.transmit(&self.config.rate.0, now, wire_bytes);
        if lost {
            self.drops.loss += 1;
            return Verdict::Drop(DropReason::Loss);
        }

        let mut at = end.saturating_add(self.config.delay);
        if self.jitter_ns > 0 {
            let behind = self.last_arrival.saturating_add(end.saturating_since(start));
            at = at.saturating_add(Duration::from_nanos(jitter_ns)).max(behind);
            self.last_arrival = at;
        }
        Verdict::Deliver { at }
    }

    /// How long a packet offered at `now` would wait for the transmitter. `now` is not before the last offer.
    pub fn queue_delay(&self, now: Instant) -> Duration {
        self.transmitter.free_at().saturating_since(now)
    }

    /// Capacity at `now`, in bits per second: none when it is not limited, zero during an outage.
    pub fn capacity_bps(&self, now: Instant) -> Option<BitsPerSecond> {
        let after = self.config.outages.partition_point(|outage| outage.to <= now);
        if self.config.outages.get(after).is_some_and(|outage| outage.from <= now) {
            return Some(0);
        }
        self.config.rate.at(now)
    }

    /// How many packets did not arrive so far, by reason.
    pub const fn drops(&self) -> Drops {
        self.drops
    }

    /// What the link is like. Its outages are in order of time and do not overlap.
    pub const fn config(&self) -> &LinkConfig {
        &self.config
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

    /// Whether a packet may enter: the transmitter is free, or what would wait stays within the limit.
    fn has_room(&mut self, now: Instant, wire_bytes: u64) -> bool {
        let wait = self.queue_delay(now);
        if wait.is_zero() {
            self.waiting.clear();
            self.waiting_bytes = 0;
            return true;
        }
        match self.config.queue {
            QueueLimit::Unlimited => true,
            QueueLimit::Time(limit) => wait <= limit,
            QueueLimit::Bytes(limit) => {
                self.forget_started(now);
                self.waiting_bytes.saturating_add(wire_bytes) <= limit
            }
            QueueLimit::Packets(limit) => {
                self.forget_started(now);
                self.waiting.len() < limit as usize
            }
        }
    }

    fn forget_started(&mut self, now: Instant) {
        while self.waiting.front().is_some_and(|first| first.start <= now) {
            let first = self.waiting.pop_front().expect("there is a front");
            self.waiting_bytes -= first.wire_bytes;
        }
    }

    const fn counts_waiting(&self) -> bool {
        match self.config.queue {
            QueueLimit::Unlimited | QueueLimit::Time(_) => false,
            QueueLimit::Bytes(_) | QueueLimit::Packets(_) => true,
        }
    }
}

#[derive(Clone, Debug)]
struct Waiting {
    /// When its transmission begins.
    start: Instant,
    wire_bytes: u64,
}

/// The transmitter: one packet after the other, at the rate of the moment.
#[derive(Clone, Debug, Default)]
struct Transmitter {
    /// When it has sent all it was given, rounded up to the whole nanosecond.
    free_at_ns: u64,
    /// Nanobits that the last nanosecond before `free_at_ns` could still carry.
    spare: u64,
    /// The step of the schedule that `free_at_ns` lies in, or an earlier one.
    step: usize,
}

/// Nanobits of one byte.
const NANOBITS_PER_BYTE: u64 = 8 * 1_000_000_000;

impl Transmitter {
    const fn free_at(&self) -> Instant {
        Instant::from_nanos(self.free_at_ns)
    }

    /// Sends a packet that came at `now`, behind all earlier ones, and says when its last bit is out.
    fn transmit(&mut self, steps: &[(Instant, Option<BitsPerSecond>)], now: Instant, wire_bytes: u64) -> Instant {
        if self.free_at_ns <= now.as_nanos() {
            // It came to an idle transmitter; what a past nanosecond had to spare is past.
            self.free_at_ns = now.as_nanos();
            self.spare = 0;
        }
        let mut work = u128::from(wire_bytes) * u128::from(NANOBITS_PER_BYTE);
        if work <= u128::from(self.spare) {
            self.spare -= u64::try_from(work).expect("not above spare, which is a u64");
            return self.free_at();
        }
        work -= u128::from(self.spare);
        self.spare = 0;

        loop {
            let next_step_ns = steps.get(self.step + 1).map_or(u64::MAX, |(at, _)| at.as_nanos());
            if self.free_at_ns < next_step_ns {
                let Some(rate_bps) = steps[self.step].1 else {
                    return self.free_at();
                };
                let until_step = u128::from(next_step_ns - self.free_at_ns) * u128::from(rate_bps);
                if work <= until_step {
                    let (took_ns, spare) = divide_up(work, rate_bps);
                    self.free_at_ns += took_ns;
                    self.spare = spare;
                    return self.free_at();
                }
                work -= until_step;
                self.free_at_ns = next_step_ns;
            }
            if self.step + 1 == steps.len() {
                return self.free_at();
            }
            self.step += 1;
        }
    }
}

/// How many nanoseconds carry `work` nanobits, rounded up, and what the last of them has to spare. The rate is above zero and the answer known to fit.
fn divide_up(work: u128, rate_bps: u64) -> (u64, u64) {
    // Packets below 2 GiB take the short way: 128-bit division is a library call.
    if let Ok(work) = u64::try_from(work) {
        let took = work.div_ceil(rate_bps);
        // Modulo 2⁶⁴ the product may wrap; the difference is below the rate and comes out right.
        return (took, took.wrapping_mul(rate_bps).wrapping_sub(work));
    }
    let took = work.div_ceil(u128::from(rate_bps));
    let spare = took * u128::from(rate_bps) - work;
    (u64::try_from(took).unwrap_or(u64::MAX), u64::try_from(spare).expect("below the rate"))
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

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
