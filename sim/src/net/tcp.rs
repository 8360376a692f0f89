//! TCP as cross traffic: one bulk transfer with a real window, sans-IO.
//!
//! What competes with media on a bottleneck is mostly TCP, and what matters of TCP there is its window. This is a sender and a receiver that exchange segments and acknowledgements through
//! whatever carries them (two [`Pipe`](super::pipe::Pipe)s, usually), with
//!
//! - Reno (RFC 5681): slow start, one segment more per round trip, half the window after a loss;
//! - CUBIC (RFC 9438): `W(t) = C (t − K)³ + W_max` with `C = 0.4` and `K = ∛(W_max (1 − β) / C)`, `β = 0.7`, never below what Reno would have;
//! - selective acknowledgements: the receiver tells what it has (RFC 2018), the sender counts what is in flight and repairs what is missing (RFC 6675). What was sent before three
//!   transmissions that arrived counts as lost, which finds lost repairs as well;
//! - a retransmission timer (RFC 6298), with the 200 ms as its least that common stacks use in place of a second.
//!
//! Data are counted in segments of one size; there is no handshake, no receiver limit and no delayed acknowledgement. All arithmetic is in integers: windows in thousandths of a segment,
//! times in nanoseconds, so a transfer is the same on every machine.
//!
//! Validated by closed forms in the scorecard (`docs/LINKS.md`): Mathis, Semke, Mahdavi and Ott's `√(3/2) MSS / (RTT √p)`, the sawtooth of AIMD between half a window and a whole, and fair
//! shares of flows with equal round trips.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use greenroom_core::time::Instant;

/// Which rule moves the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RFC 5681.
    #[default]
    Reno,
    /// RFC 9438, what most servers run.
    Cubic,
}

/// What a sender is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// Which rule moves the window.
    pub algorithm: Algorithm,
    /// How much there is to send, in segments; none is without end.
    pub segments: Option<u64>,
    /// The window to begin with, in segments.
    pub initial_window: u32,
}

impl Default for SenderConfig {
    /// Reno, without end, beginning with ten segments (RFC 6928).
    fn default() -> Self {
        Self { algorithm: Algorithm::Reno, segments: None, initial_window: 10 }
    }
}

/// A segment on its way to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which: its place in the data, from 0.
    pub number: u64,
    /// Which transmission of all it is.
    pub transmission: u64,
    /// When it was sent.
    pub sent_at: Instant,
}

/// Ranges that an acknowledgement has room for (RFC 2018 section 3, with a timestamp beside them).
const SACK_RANGES: usize = 3;

/// An acknowledgement on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// All segments below it have come.
    pub below: u64,
    /// Ranges above it that have come, the newest first: from, and up to but not with.
    pub ranges: [Option<(u64, u64)>; SACK_RANGES],
    /// The transmission that it answers, and when that was sent.
    pub transmission: u64,
    /// When the transmission that it answers was sent.
    pub sent_at: Instant,
}

/// The receiving end.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    below: u64,
    /// What came above it: from → up to but not with.
    ranges: BTreeMap<u64, u64>,
    received: u64,
}

impl Receiver {
    /// Takes a segment and answers it.
    pub fn take(&mut self, segment: Segment) -> Ack {
        let number = segment.number;
        let known = number < self.below || self.ranges.range(..=number).next_back().is_some_and(|(_, to)| number < *to);
        let mut newest = None;
        if !known {
            self.received += 1;
            let (mut from, mut to) = (number, number + 1);
            if let Some((&before, &end)) = self.ranges.range(..number).next_back().filter(|(_, end)| **end == number) {
                self.ranges.remove(&before);
                (from, _) = (before, end);
            }
            if let Some(end) = self.ranges.remove(&(number + 1)) {
                to = end;
            }
            if from == self.below {
                self.below = to;
            } else {
                self.ranges.insert(from, to);
                newest = Some((from, to));
            }
        }
        let mut ranges = [None; SACK_RANGES];
        let others = self.ranges.iter().rev().map(|(from, to)| (*from, *to)).filter(|range| Some(*range) != newest);
        for (place, range) in ranges.iter_mut().zip(newest.into_iter().chain(others)) {
            *place = Some(range);
        }
        Ack { below: self.below, ranges, transmission: segment.transmission, sent_at: segment.sent_at }
    }

    /// How many different segments have come.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// How many have come without a gap before them.
    pub const fn in_order(&self) -> u64 {
        self.below
    }
}

/// A thousandth of a segment is the unit of windows.
const SEGMENT: u64 = 1000;
/// The smallest threshold and window after a loss: two segments (RFC 5681 section 3.1).
const WINDOW_MIN: u64 = 2 * SEGMENT;
/// Later transmissions that arrived before one counts as lost (RFC 6675's DupThresh).
const OVERTAKEN_BY: u64 = 3;
/// The least and the most that the retransmission timer waits.
const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_MAX: Duration = Duration::from_secs(60);
/// Before the first measurement (RFC 6298 section 2.1).
const RTO_FIRST: Duration = Duration::from_secs(1);

/// The sending end.
#[derive(Clone, Debug)]
pub struct Sender {
    config: SenderConfig,
    /// Window and threshold, in thousandths of a segment.
    window: u64,
    threshold: u64,
    /// The next segment that was never sent, and the first that is not acknowledged.
    next: u64,
    below: u64,
    /// Segments that were sent and are not acknowledged, from `below` on.
    outstanding: VecDeque<Sent>,
    /// How many of them are on the way, as far as is known, and how many are known to be lost and were not sent again.
    in_flight: u64,
    lost: u64,
    /// Where to look for the next one to be sent again.
    repair_from: u64,
    transmissions: u64,
    newest_arrived: Option<u64>,
    /// In recovery: until that is acknowledged.
    recovery: Option<u64>,
    /// The first repair goes whatever the window (RFC 6675 section 5, step 4.3).
    repair_now: bool,
    cubic: Cubic,
    rtt: RoundTrip,
    timer: Option<Instant>,
    backoff: u32,
    output: VecDeque<Segment>,
    now: Instant,
    losses: u64,
    timeouts: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    transmission: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    Arrived,
    Lost,
}

impl Sender {
    /// A sender that begins at `now`.
    pub fn new(now: Instant, config: SenderConfig) -> Self {
        let mut sender = Self {
            config,
            window: u64::from(config.initial_window.max(1)) * SEGMENT,
            threshold: u64::MAX,
            next: 0,
            below: 0,
            outstanding: VecDeque::new(),
            in_flight: 0,
            lost: 0,
            repair_from: 0,
            transmissions: 0,
            newest_arrived: None,
            recovery: None,
            repair_now: false,
            cubic: Cubic::default(),
            rtt: RoundTrip::default(),
            timer: None,
            backoff: 0,
            output: VecDeque::new(),
            now,
            losses: 0,
            timeouts: 0,
        };
        sender.send(now);
        sender
    }

    /// Takes an acknowledgement.
    pub fn handle_input(&mut self, now: Instant, ack: Ack) {
        self.now = now;
        self.rtt.note(now.saturating_since(ack.sent_at));
        self.newest_arrived = self.newest_arrived.max(Some(ack.transmission));
        let mut delivered = 0;
        while self.below < ack.below
            && let Some(sent) = self.outstanding.pop_front()
        {
            self.below += 1;
            delivered += u64::from(self.leave(sent.state));
        }
        for (from, to) in ack.ranges.into_iter().flatten() {
            for number in from.max(self.below)..to {
                let Some(sent) = usize::try_from(number - self.below).ok().and_then(|at| self.outstanding.get_mut(at)) else { break };
                let state = core::mem::replace(&mut sent.state, State::Arrived);
                delivered += u64::from(self.leave(state));
            }
        }
        if self.recovery.is_some_and(|until| self.below >= until) {
            self.recovery = None;
        }
        self.find_lost();
        if delivered > 0 {
            self.backoff = 0;
            if self.recovery.is_none() {
                self.grow(now, delivered);
            }
            self.timer = None;
        }
        self.send(now);
    }

    /// Lets time pass: the retransmission timer may fire.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.timer.is_none_or(|at| at > now) {
            return;
        }
        self.timeouts += 1;
        self.threshold = (self.in_flight * SEGMENT / 2).max(WINDOW_MIN);
        self.window = SEGMENT;
        self.cubic.forget();
        self.recovery = None;
        for sent in &mut self.outstanding {
            if sent.state == State::InFlight {
                sent.state = State::Lost;
            }
        }
        self.lost += core::mem::take(&mut self.in_flight);
        self.repair_from = self.below;
        self.backoff += 1;
        self.timer = None;
        self.send(now);
    }

    /// Takes the next segment that is to be sent, now.
    pub fn poll_output(&mut self) -> Option<Segment> {
        self.output.pop_front()
    }

    /// When the retransmission timer fires; at once while there is something to send.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.output.is_empty() { self.timer } else { Some(self.now) }
    }

    /// Whether everything was sent and has arrived.
    pub fn is_done(&self) -> bool {
        self.config.segments.is_some_and(|segments| self.below >= segments)
    }

    /// The window, in thousandths of a segment.
    pub const fn window_millis(&self) -> u64 {
        self.window
    }

    /// How many segments have counted as lost, and how often the timer fired.
    pub const fn losses_and_timeouts(&self) -> (u64, u64) {
        (self.losses, self.timeouts)
    }

    /// Notes that something is no longer waited for, and says whether that is news.
    fn leave(&mut self, state: State) -> bool {
        match state {
            State::InFlight => self.in_flight -= 1,
            State::Lost => self.lost -= 1,
            State::Arrived => return false,
        }
        true
    }

    /// Marks what was overtaken, and shrinks the window once a round trip if anything was.
    fn find_lost(&mut self) {
        let Some(limit) = self.newest_arrived.and_then(|newest| newest.checked_sub(OVERTAKEN_BY)) else { return };
        let mut found = false;
        for (number, sent) in (self.below..).zip(&mut self.outstanding) {
            if sent.state == State::InFlight && sent.transmission <= limit {
                sent.state = State::Lost;
                self.in_flight -= 1;
                self.lost += 1;
                self.losses += 1;
                self.repair_from = self.repair_from.min(number);
                found = true;
            }
            // Segments are first sent in their order: behind one that was sent too late to be overtaken there are only repairs, and those are before `next`.
            if sent.state == State::InFlight && sent.transmission > limit && number >= self.repair_from.max(self.recovery.unwrap_or(0)) {
                break;
            }
        }
        if found && self.recovery.is_none() {
            self.recovery = Some(self.next);
            self.repair_now = true;
            let before = self.window.min((self.in_flight + self.lost) * SEGMENT).max(WINDOW_MIN);
            self.window = match self.config.algorithm {
                Algorithm::Reno => before / 2,
                Algorithm::Cubic => self.cubic.shrink(before),
            }
            .max(WINDOW_MIN);
            self.threshold = self.window;
        }
    }

    fn grow(&mut self, now: Instant, delivered: u64) {
        if self.window < self.threshold {
            self.window = (self.window + delivered * SEGMENT).min(self.threshold.max(self.window + SEGMENT));
            return;
        }
        let reno = self.window + delivered * SEGMENT * SEGMENT / self.window.max(1);
        self.window = match self.config.algorithm {
            Algorithm::Reno => reno,
            Algorithm::Cubic => self.cubic.grow(now, self.window, delivered, self.rtt.smoothed()),
        };
    }

    /// Sends what the window allows: repairs first.
    fn send(&mut self, now: Instant) {
        while core::mem::take(&mut self.repair_now) || self.in_flight * SEGMENT + SEGMENT <= self.window.max(SEGMENT) {
            let number = if self.lost > 0 {
                let Some(number) = self.next_lost() else { break };
                self.lost -= 1;
                self.repair_from = number + 1;
                number
            } else if self.config.segments.is_none_or(|segments| self.next < segments) {
                self.next += 1;
                self.outstanding.push_back(Sent { transmission: 0, state: State::InFlight });
                self.next - 1
            } else {
                break;
            };
            let transmission = self.transmissions;
            self.transmissions += 1;
            let at = usize::try_from(number - self.below).expect("outstanding segments fit in memory");
            self.outstanding[at] = Sent { transmission, state: State::InFlight };
            self.in_flight += 1;
            self.output.push_back(Segment { number, transmission, sent_at: now });
        }
        if self.outstanding.is_empty() {
            self.timer = None;
        } else if self.timer.is_none() {
            let wait = self.rtt.timeout().saturating_mul(1 << self.backoff.min(6)).min(RTO_MAX);
            self.timer = Some(now.saturating_add(wait));
        }
    }

    fn next_lost(&self) -> Option<u64> {
        let from = self.repair_from.max(self.below);
        let skip = usize::try_from(from - self.below).ok()?;
        let found = self.outstanding.iter().skip(skip).position(|sent| sent.state == State::Lost);
        found.map(|at| from + at as u64)
    }
}

/// The round trip, as RFC 6298 smooths it.
#[derive(Clone, Copy, Debug, Default)]
struct RoundTrip {
    smoothed_ns: Option<u64>,
    variation_ns: u64,
}

impl RoundTrip {
    fn note(&mut self, measured: Duration) {
        let measured = u64::try_from(measured.as_nanos()).unwrap_or(u64::MAX);
        match self.smoothed_ns {
            None => (self.smoothed_ns, self.variation_ns) = (Some(measured), measured / 2),
            Some(smoothed) => {
                self.variation_ns = self.variation_ns / 4 * 3 + smoothed.abs_diff(measured) / 4;
                self.smoothed_ns = Some(smoothed / 8 * 7 + measured / 8);
            }
        }
    }

    fn smoothed(self) -> Duration {
        Duration::from_nanos(self.smoothed_ns.unwrap_or(0))
    }

    fn timeout(self) -> Duration {
        match self.smoothed_ns {
            None => RTO_FIRST,
            Some(smoothed) => Duration::from_nanos(smoothed.saturating_add(self.variation_ns.saturating_mul(4))).clamp(RTO_MIN, RTO_MAX),
        }
    }
}

/// CUBIC's memory of the last loss.
#[derive(Clone, Copy, Debug, Default)]
struct Cubic {
    /// The window at the last loss, in thousandths of a segment; with fast convergence a little less.
    most: u64,
    epoch: Option<Epoch>,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    began: Instant,
    /// Time until the window is where it was, in microseconds.
    back_at_us: u64,
    origin: u64,
    /// What Reno would have with CUBIC's factor.
    friendly: u64,
}

impl Cubic {
    fn forget(&mut self) {
        *self = Self::default();
    }

    /// The window after a loss: β = 0.7 of it.
    fn shrink(&mut self, window: u64) -> u64 {
        // Fast convergence (RFC 9438 section 4.7): who lost before getting back leaves room for others.
        self.most = if window < self.most { window * 17 / 20 } else { window };
        self.epoch = None;
        window * 7 / 10
    }

    /// The window after `delivered` more segments arrived.
    fn grow(&mut self, now: Instant, window: u64, delivered: u64, rtt: Duration) -> u64 {
        let most = self.most;
        let epoch = self.epoch.get_or_insert_with(|| {
            let behind = most.saturating_sub(window);
            // K = ∛(behind / C) s: with C = 0.4, behind in thousandths and K in millionths, K³ = behind · 2.5 · 10¹⁵.
            Epoch {
                began: now,
                back_at_us: cube_root(u128::from(behind) * 2_500_000_000_000_000),
                origin: most.max(window),
                friendly: window,
            }
        });
        // Where the curve will be a round trip from now.
        let t_us = now.saturating_since(epoch.began).saturating_add(rtt).as_micros();
        let from_back = i128::try_from(t_us).unwrap_or(i128::MAX) - i128::from(epoch.back_at_us);
        let from_back = from_back.clamp(-1_000_000_000_000, 1_000_000_000_000);
        // C t³ = 0.4 (µs · 10⁻⁶)³ segments = 400 µs³ / 10¹⁸ thousandths.
        let target = i128::from(epoch.origin) + 400 * from_back * from_back * from_back / 1_000_000_000_000_000_000;
        let target = u64::try_from(target.max(0)).unwrap_or(u64::MAX).min(window.saturating_mul(3) / 2);
        let cubic = if target > window { window + (target - window) * delivered * SEGMENT / window.max(1) } else { window };
        // α = 3 (1 − β) / (1 + β) = 9/17 of a segment a round trip, a whole one once Reno would be back.
        let (a, b) = if epoch.friendly < most { (9, 17) } else { (1, 1) };
        epoch.friendly += delivered * SEGMENT * SEGMENT * a / (b * window.max(1));
        cubic.max(epoch.friendly)
    }
}

/// The whole cube root.
fn cube_root(n: u128) -> u64 {
    let (mut low, mut high) = (0_u128, 1 << 42);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if middle * middle * middle <= n { low = middle } else { high = middle - 1 }
    }
    u64::try_from(low).expect("below 2^42")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn sent(sender: &mut Sender) -> Vec<Segment> {
        core::iter::from_fn(|| sender.poll_output()).collect()
    }

    fn numbers(segments: &[Segment]) -> Vec<u64> {
        segments.iter().map(|segment| segment.number).collect()
    }

    #[test]
    fn slow_start_doubles_the_window_each_round_trip() {
        let (mut sender, mut receiver) = (Sender::new(at(0), SenderConfig::default()), Receiver::default());
        let mut counts = Vec::new();
        for round in 0..5 {
            let flight = sent(&mut sender);
            counts.push(flight.len());
            for segment in flight {
                sender.handle_input(at(100 * (round + 1)), receiver.take(segment));
            }
        }
        assert_eq!(counts, [10, 20, 40, 80, 160]);
        assert_eq!((receiver.received(), receiver.in_order()), (310, 310));
    }

    #[test]
    fn a_hole_is_repaired_once_and_halves_the_window() {
        let (mut sender, mut receiver) = (Sender::new(at(0), SenderConfig::default()), Receiver::default());
        let flight = sent(&mut sender);
        assert_eq!(numbers(&flight), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for segment in flight.into_iter().filter(|segment| segment.number != 2) {
            let ack = receiver.take(segment);
            sender.handle_input(at(100), ack);
        }
        let again = sent(&mut sender);
        assert_eq!(again.iter().filter(|segment| segment.number == 2).count(), 1, "{:?}", numbers(&again));
        assert_eq!(sender.losses_and_timeouts(), (1, 0));
        let window = sender.window_millis();
        assert!((6000..=8000).contains(&window), "half of what was out: {window}");
        for segment in again {
            sender.handle_input(at(200), receiver.take(segment));
        }
        assert!(receiver.in_order() > 10 && sender.window_millis() >= window);
    }

    #[test]
    fn when_nothing_comes_back_the_timer_begins_again_with_one() {
        let mut sender = Sender::new(at(0), SenderConfig { segments: Some(3), ..SenderConfig::default() });
        assert_eq!(numbers(&sent(&mut sender)), [0, 1, 2]);
        assert_eq!(sender.poll_timeout(), Some(at(1000)));
        sender.handle_timeout(at(1000));
        assert_eq!(numbers(&sent(&mut sender)), [0]);
        assert_eq!(sender.poll_timeout(), Some(at(3000)), "twice as long");
        let mut receiver = Receiver::default();
        let ack = receiver.take(Segment { number: 0, transmission: 3, sent_at: at(1000) });
        sender.handle_input(at(1100), ack);
        assert_eq!(numbers(&sent(&mut sender)), [1, 2]);
        assert!(!sender.is_done());
    }

    #[test]
    fn the_receiver_tells_ranges_the_newest_first() {
        let mut receiver = Receiver::default();
        let mut take = |number| receiver.take(Segment { number, transmission: 0, sent_at: at(0) });
        assert_eq!((take(0).below, take(2).ranges), (1, [Some((2, 3)), None, None]));
        assert_eq!(take(5).ranges, [Some((5, 6)), Some((2, 3)), None]);
        assert_eq!(take(3).ranges, [Some((2, 4)), Some((5, 6)), None]);
        let filled = take(1);
        assert_eq!((filled.below, filled.ranges[0]), (4, Some((5, 6))));
        assert_eq!(take(4).below, 6);
    }

    // RFC 9438's own example: with W_max = 100 and β = 0.7, K = ∛(100 · 0.3 / 0.4) = 4.217 s.
    #[test]
    fn cubic_is_back_where_it_was_after_k() {
        let mut cubic = Cubic::default();
        let mut window = cubic.shrink(100 * SEGMENT);
        assert_eq!(window, 70 * SEGMENT);
        for ms in (0..4300).step_by(10) {
            window = cubic.grow(at(ms), window, window / SEGMENT / 10, Duration::from_millis(100));
            if ms == 2000 {
                assert!((94 * SEGMENT..99 * SEGMENT).contains(&window), "{window}");
            }
        }
        assert!((99 * SEGMENT..102 * SEGMENT).contains(&window), "{window}");
        assert_eq!([0, 7, 8, 26, 27, 1_000_000_000_000].map(cube_root), [0, 1, 2, 2, 3, 10_000]);
    }
}
