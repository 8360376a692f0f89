//! A model of bandwidth estimation: not Google's algorithm, but what can be known from the same packets, by simpler means.
//!
//! The idea is the packet pair (Keshav, "A control-theoretic approach to flow control", SIGCOMM 1991): packets that meet at a bottleneck together leave it spaced by its rate. Pictures are sent as
//! bursts, so nearly every picture measures the link; longer trains are what Dovrolis, Ramanathan and Moore ("Packet-dispersion techniques and a capacity-estimation methodology",
//! IEEE/ACM ToN 2004) prefer to pairs. A train that comes out no longer than it went in says that the link is at least that fast. Two more signs keep the sender honest where others share the
//! link, or where the estimate is wrong: a queue that does not drain (the least delay of an interval, as CoDel takes it, RFC 8289 section 3.1), and loss, with the thresholds of Google congestion
//! control (draft-ietf-rmcat-gcc-02 section 6).
//!
//! The [`Meter`] stands at the receiver and reports ten times a second; the [`Estimator`] stands at the sender. Integers only.
//!
//! What it is not: fair against other flows as GCC is or is not, or confused by what confuses GCC. Single bursts of cross traffic and jitter blur a train; the median of half a second's trains is taken.
//! A way that becomes longer for good looks like a queue for ten seconds.

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::wire::Stamp;
use crate::media::Passage;

/// How often a receiver reports. A choice: feedback twice in a usual round trip; str0m sends its own every 50 ms, with less in it.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_millis(100);
/// Packets further apart are of different trains. A choice: pictures are 16 or 33 ms apart, and the packets of one come from a fast uplink within this.
pub(super) const TRAIN_GAP: Duration = Duration::from_millis(5);
/// Most packets of one train: enough to average over, short enough to see the link change.
const TRAIN_PACKETS: u32 = 16;
/// Trains younger than this speak for the link ...
const FRESH: Duration = Duration::from_millis(500);
/// ... and if they are fewer than [`SAMPLES_LEAST`], older ones up to this age do, too.
const STALE: Duration = Duration::from_secs(3);
/// As few samples make a median.
const SAMPLES_LEAST: usize = 3;
/// As many samples are kept: half a second of four layers at 30 pictures a second would be 60, and every second of them will do.
const SAMPLES_MOST: usize = 32;
/// The least delay is remembered between this long and twice as long.
const BASE_SPAN: Duration = Duration::from_secs(5);

/// What a receiver found in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// The rate by which the link spaced trains; none if it did not.
    pub(super) capacity_bps: Option<BitsPerSecond>,
    /// The fastest rate at which a train came through unstretched; 0 if none did.
    pub(super) floor_bps: BitsPerSecond,
    /// What arrived.
    pub(super) received_bps: BitsPerSecond,
    /// The standing queue: the least delay of any packet, over the least of the last seconds.
    pub(super) queue_us: u32,
    /// How many packets should have come by their numbers ...
    pub(super) expected: u16,
    /// ... and how many did.
    pub(super) received: u16,
}

/// The receiver's part: measures what arrives. What each packet needs stands in front, and what its trains and reports need behind that.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Meter {
    bytes: u64,
    /// Least delay in this interval.
    least_ns: Option<i64>,
    base: LeastDelay,
    /// Highest packet number, and what it was at the last report.
    highest: Option<u32>,
    received: u32,
    reported: u32,
    train: Option<Train>,
    reported_at: Instant,
    floor_bps: BitsPerSecond,
    /// Rates of stretched trains, oldest first.
    samples: VecDeque<(Instant, BitsPerSecond)>,
    /// All that the reports said.
    passage: Passage,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            train: None,
            samples: VecDeque::new(),
            floor_bps: 0,
            base: LeastDelay { current_ns: i64::MAX, previous_ns: i64::MAX, turned_at: now },
            least_ns: None,
            bytes: 0,
            received: 0,
            highest: None,
            reported: 0,
            reported_at: now,
            passage: Passage::default(),
        }
    }

    /// Takes note of a packet.
    #[inline]
    pub(super) fn arrived(&mut self, now: Instant, stamp: Stamp, size_bytes: u32) {
        self.bytes += u64::from(size_bytes);
        self.received += 1;
        match self.highest {
            None => self.reported = stamp.seq.wrapping_sub(1),
            Some(highest) if !is_after(stamp.seq, highest) => return, // reordered: it says nothing about spacing
            Some(_) => {}
        }
        self.highest = Some(stamp.seq);

        let delay_ns = now.as_nanos().wrapping_sub(stamp.sent_at.as_nanos()).cast_signed(); // clocks may differ; differences of delays do not care
        self.least_ns = Some(self.least_ns.map_or(delay_ns, |least| least.min(delay_ns)));
        self.base.saw(now, delay_ns);

        match &mut self.train {
            Some(train) if train.number == stamp.train => train.extend(now, stamp, size_bytes),
            _ => self.begin_train(now, stamp),
        }
    }

    #[inline(never)]
    fn begin_train(&mut self, now: Instant, stamp: Stamp) {
        self.end_train();
        self.train = Some(Train::begin(now, stamp));
    }

    /// When the next report is due; none while there is nothing to report.
    pub(super) fn report_due(&self) -> Option<Instant> {
        (self.received > 0).then(|| self.reported_at.saturating_add(REPORT_INTERVAL))
    }

    /// Whether there was something to report before the last packet came.
    pub(super) const fn had_to_report(&self) -> bool {
        self.received > 1
    }

    pub(super) fn report(&mut self, now: Instant) -> Report {
        if self.train.as_ref().is_some_and(|train| now.saturating_since(train.last_arrival) > TRAIN_GAP) {
            self.end_train();
        }
        let span_ns = u64::try_from(now.saturating_since(self.reported_at).as_nanos()).unwrap_or(u64::MAX).max(1);
        let highest = self.highest.unwrap_or(self.reported);
        let queue_ns = self.least_ns.map_or(0, |least| least.saturating_sub(self.base.least_ns()).max(0));
        let report = Report {
            capacity_bps: self.capacity(now),
            floor_bps: self.floor_bps,
            received_bps: rate_bps(self.bytes, span_ns),
            queue_us: u32::try_from(queue_ns / 1000).unwrap_or(u32::MAX),
            expected: u16::try_from(highest.wrapping_sub(self.reported)).unwrap_or(u16::MAX),
            received: u16::try_from(self.received).unwrap_or(u16::MAX),
        };
        self.passage.numbered = self.passage.numbered.wrapping_add(report.expected.into());
        self.passage.came = self.passage.came.wrapping_add(report.received.into());
        (self.bytes, self.received, self.floor_bps, self.least_ns) = (0, 0, 0, None);
        (self.reported, self.reported_at) = (highest, now);
        report
    }

    /// What came so far, up to the last report.
    pub(super) const fn passage(&self) -> Passage {
        self.passage
    }

    fn end_train(&mut self) {
        match self.train.take().and_then(|train| Some((train.last_arrival, train.verdict()?))) {
            Some((at, Verdict::Stretched { rate_bps })) => {
                if self.samples.len() == SAMPLES_MOST {
                    self.samples.pop_front();
                }
                self.samples.push_back((at, rate_bps));
            }
            Some((_, Verdict::Unstretched { rate_bps })) => self.floor_bps = self.floor_bps.max(rate_bps),
            None => {}
        }
    }

    /// The median of the samples that still speak for the link.
    fn capacity(&mut self, now: Instant) -> Option<BitsPerSecond> {
        let age = |at: Instant| now.saturating_since(at);
        while self.samples.front().is_some_and(|(at, _)| age(*at) > STALE || (self.samples.len() > SAMPLES_LEAST && age(*at) > FRESH)) {
            self.samples.pop_front();
        }
        let mut rates = [0; SAMPLES_MOST];
        let rates = &mut rates[..self.samples.len()];
        for (rate, (_, sample)) in rates.iter_mut().zip(&self.samples) {
            *rate = *sample;
        }
        rates.sort_unstable();
        rates.get(rates.len() / 2).copied()
    }
}

/// Whether number `a` comes after `b`, in a circle of 2^32.
pub(super) fn is_after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

fn rate_bps(bytes: u64, span_ns: u64) -> BitsPerSecond {
    let span_ns = span_ns.max(1);
    match bytes.checked_mul(8_000_000_000) {
        Some(nanobits) => nanobits / span_ns,
        // Beyond two gigabytes the long way: a division of 128 bits is a library call.
        None => u64::try_from(u128::from(bytes) * 8_000_000_000 / u128::from(span_ns)).unwrap_or(u64::MAX),
    }
}

/// Packets sent close together, as they arrive.
#[derive(Debug)]
struct Train {
    number: u16,
    first_sent: Instant,
    last_sent: Instant,
    first_arrival: Instant,
    last_arrival: Instant,
    /// Without the first packet: the spacing is what the others took to pass.
    bytes: u64,
}

/// What a train says about the link.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The link spaced it, at this rate.
    Stretched { rate_bps: BitsPerSecond },
    /// It came through as it was sent, at this rate.
    Unstretched { rate_bps: BitsPerSecond },
}

impl Train {
    fn begin(now: Instant, stamp: Stamp) -> Self {
        Self { number: stamp.train, first_sent: stamp.sent_at, last_sent: stamp.sent_at, first_arrival: now, last_arrival: now, bytes: 0 }
    }

    fn extend(&mut self, now: Instant, stamp: Stamp, size_bytes: u32) {
        self.last_sent = stamp.sent_at;
        self.last_arrival = now;
        self.bytes += u64::from(size_bytes);
    }

    /// None of a single packet. A train counts as stretched from a tenth on: less is jitter.
    fn verdict(&self) -> Option<Verdict> {
        let ns = |from: Instant, to: Instant| u64::try_from(to.saturating_since(from).as_nanos()).unwrap_or(u64::MAX);
        let sent_ns = ns(self.first_sent, self.last_sent);
        let arrived_ns = ns(self.first_arrival, self.last_arrival);
        if self.bytes == 0 {
            None
        } else if arrived_ns > sent_ns.saturating_add(sent_ns / 10) {
            Some(Verdict::Stretched { rate_bps: rate_bps(self.bytes, arrived_ns) })
        } else {
            Some(Verdict::Unstretched { rate_bps: rate_bps(self.bytes, sent_ns) })
        }
    }
}

/// The least delay of the last [`BASE_SPAN`] or two.
#[derive(Debug)]
struct LeastDelay {
    current_ns: i64,
    previous_ns: i64,
    turned_at: Instant,
}

impl LeastDelay {
    fn saw(&mut self, now: Instant, delay_ns: i64) {
        if now >= self.turned_at.saturating_add(BASE_SPAN) {
            self.previous_ns = self.current_ns;
            self.current_ns = delay_ns;
            self.turned_at = now;
        }
        self.current_ns = self.current_ns.min(delay_ns);
    }

    fn least_ns(&self) -> i64 {
        self.current_ns.min(self.previous_ns)
    }
}

/// What of a measured capacity is used. The rest lets a queue drain; GCC's steady state lies between 85 % and 95 % as well.
const USE_PERCENT: u64 = 95;
/// Most that the estimate grows by from one report to the next: tenfold in 1.3 s. A choice: GCC jumps when a probe succeeds, and here every picture is one.
const GROW_PERCENT: u64 = 120;
/// What is left when a queue stands; GCC's decrease factor (draft-ietf-rmcat-gcc-02 section 5.5).
const SHRINK_PERCENT: u64 = 85;
/// A queue this long does not drain by itself. A choice: a picture at 30 Hz and half another one.
const QUEUE_US: u32 = 50_000;
/// Loss from which the estimate sinks, and below which it may rise, in thousandths (draft-ietf-rmcat-gcc-02 section 6).
const LOSS_SINK_PERMILLE: u64 = 100;
const LOSS_RISE_PERMILLE: u64 = 20;
/// The estimate never sinks below this; what it takes to keep audio and a thumbnail alive.
const LEAST_BPS: BitsPerSecond = 30_000;
/// Without a burst for so long, a probe train is sent.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Packets of a probe train.
pub(super) const PROBE_PACKETS: u32 = 5;

/// The sender's part: stamps packets, decides when to probe, and makes an estimate of the reports. What a stamp needs stands in front.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Estimator {
    last_sent: Instant,
    /// When two packets were last sent at once.
    last_burst: Instant,
    next_seq: u32,
    train_packets: u32,
    train: u16,
    /// None if this end does not estimate.
    estimate_bps: Option<BitsPerSecond>,
    desired_bps: BitsPerSecond,
    /// Smoothed: each report halves the weight of those before it. In millionths.
    loss_millionths: u64,
}

impl Estimator {
    pub(super) fn new(now: Instant, estimate_bps: Option<BitsPerSecond>) -> Self {
        Self { estimate_bps, desired_bps: 0, loss_millionths: 0, next_seq: 0, train: 0, train_packets: 0, last_sent: now, last_burst: now }
    }

    pub(super) fn estimate_bps(&self) -> Option<BitsPerSecond> {
        self.estimate_bps
    }

    pub(super) fn set_desired(&mut self, desired_bps: BitsPerSecond) {
        self.desired_bps = desired_bps;
    }

    /// The stamp of the next packet.
    #[inline]
    pub(super) fn stamp(&mut self, now: Instant) -> Stamp {
        if now > self.last_sent.saturating_add(TRAIN_GAP) || self.train_packets == TRAIN_PACKETS {
            self.train = self.train.wrapping_add(1);
            self.train_packets = 0;
        } else if now == self.last_sent && self.train_packets > 0 {
            self.last_burst = now;
        }
        self.train_packets += 1;
        self.last_sent = now;
        let stamp = Stamp { seq: self.next_seq, sent_at: now, train: self.train };
        self.next_seq = self.next_seq.wrapping_add(1);
        stamp
    }

    /// When a probe train is due: only while there is something to find out, and no bursts that would.
    pub(super) fn probe_due(&self) -> Option<Instant> {
        (self.estimate_bps? < self.desired_bps).then(|| self.last_burst.saturating_add(PROBE_INTERVAL))
    }

    /// Makes the packets that follow a train of their own.
    pub(super) fn begin_probe(&mut self, now: Instant) {
        self.train = self.train.wrapping_add(1);
        self.train_packets = 0;
        self.last_burst = now;
    }

    /// Takes in a report.
    pub(super) fn reported(&mut self, report: Report) {
        let Some(estimate) = self.estimate_bps else { return };
        let lost = u64::from(report.expected.saturating_sub(report.received));
        let loss_millionths = lost * 1_000_000 / u64::from(report.expected).max(1);
        self.loss_millionths = self.loss_millionths.midpoint(loss_millionths);
        let loss_permille = self.loss_millionths / 1000;

        let grown = (estimate / 100 * GROW_PERCENT).min(self.desired_bps.max(estimate));
        let may_rise = loss_permille < LOSS_RISE_PERMILLE && report.queue_us < QUEUE_US;
        let mut next = match report.capacity_bps.map(|bps| bps / 100 * USE_PERCENT) {
            Some(usable) if usable < estimate => usable,
            Some(usable) if may_rise => grown.min(usable),
            None if may_rise && report.floor_bps > estimate => grown,
            _ => estimate,
        };
        // Neither sign takes more away than what did arrive shows to be there.
        let arrives = report.received_bps / 100 * SHRINK_PERCENT;
        if report.queue_us >= QUEUE_US {
            next = next.min(arrives.max(estimate / 100 * SHRINK_PERCENT));
        }
        if loss_permille > LOSS_SINK_PERMILLE {
            // Half the loss for each second, and so a twentieth for each report.
            next = next.min(arrives.max(estimate - estimate / 20_000 * loss_permille));
        }
        self.estimate_bps = Some(next.max(LEAST_BPS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seq: u32, sent_ms: u64, train: u16) -> Stamp {
        Stamp { seq, sent_at: Instant::from_millis(sent_ms), train }
    }

    /// Trains of six packets of 1000 bytes, 33 ms apart, over a link of 1 Mbps: 8 ms for each packet.
    #[test]
    fn a_burst_comes_out_spaced_by_the_bottleneck() {
        let mut meter = Meter::new(Instant::ZERO);
        for train in 0..4 {
            for packet in 0..6 {
                let arrival = Instant::from_millis(u64::from(train) * 100 + 10 + u64::from(packet) * 8);
                meter.arrived(arrival, stamp(u32::from(train) * 6 + packet, u64::from(train) * 100, train), 1000);
            }
        }
        let report = meter.report(Instant::from_millis(400));
        assert_eq!(report.capacity_bps, Some(1_000_000));
        assert_eq!((report.expected, report.received), (24, 24));
        assert_eq!(report.received_bps, 480_000);
        assert_eq!(report.queue_us, 0);
    }

    #[test]
    fn a_burst_that_comes_through_whole_says_at_least() {
        let mut meter = Meter::new(Instant::ZERO);
        for packet in 0..3 {
            meter.arrived(Instant::from_millis(10 + packet), stamp(u32::try_from(packet).unwrap(), packet, 1), 1000);
        }
        let report = meter.report(Instant::from_millis(100));
        assert_eq!((report.capacity_bps, report.floor_bps), (None, 8_000_000));
    }

    #[test]
    fn a_packet_out_of_order_is_received_but_not_measured() {
        let mut meter = Meter::new(Instant::ZERO);
        for (seq, arrival) in [(0, 10), (2, 11), (1, 50), (3, 51)] {
            meter.arrived(Instant::from_millis(arrival), stamp(seq, u64::from(seq), 1), 1000);
        }
        let report = meter.report(Instant::from_millis(100));
        assert_eq!((report.expected, report.received), (4, 4));
    }

    #[test]
    fn a_standing_queue_is_the_least_delay_over_the_base() {
        let mut meter = Meter::new(Instant::ZERO);
        meter.arrived(Instant::from_millis(10), stamp(0, 0, 0), 1000);
        meter.report(Instant::from_millis(100));
        meter.arrived(Instant::from_millis(290), stamp(1, 200, 1), 1000);
        meter.arrived(Instant::from_millis(310), stamp(2, 240, 2), 1000);
        assert_eq!(meter.report(Instant::from_millis(320)).queue_us, 60_000);
    }

    #[test]
    fn the_numbers_may_turn_over() {
        assert!(is_after(0, u32::MAX) && !is_after(u32::MAX, 0) && !is_after(5, 5));
    }

    const CALM: Report = Report { capacity_bps: None, floor_bps: 0, received_bps: 500_000, queue_us: 0, expected: 10, received: 10 };

    fn estimator(bps: u64) -> Estimator {
        let mut estimator = Estimator::new(Instant::ZERO, Some(bps));
        estimator.set_desired(2_500_000);
        estimator
    }

    #[test]
    fn a_measured_capacity_is_taken_at_once_downwards_and_by_steps_upwards() {
        let mut estimator = estimator(1_000_000);
        estimator.reported(Report { capacity_bps: Some(600_000), ..CALM });
        assert_eq!(estimator.estimate_bps(), Some(570_000));
        estimator.reported(Report { capacity_bps: Some(2_500_000), ..CALM });
        assert_eq!(estimator.estimate_bps(), Some(684_000));
    }

    #[test]
    fn without_a_limit_in_sight_it_climbs_as_far_as_desired() {
        let mut estimator = estimator(1_000_000);
        for _ in 0..100 {
            estimator.reported(Report { floor_bps: u64::MAX, ..CALM });
        }
        assert_eq!(estimator.estimate_bps(), Some(2_500_000));
        estimator.set_desired(0);
        estimator.reported(Report { floor_bps: u64::MAX, ..CALM });
        assert_eq!(estimator.estimate_bps(), Some(2_500_000), "wanting less does not make the link slower");
    }

    #[test]
    fn without_trains_it_stays_and_probes() {
        let mut estimator = estimator(1_000_000);
        estimator.reported(CALM);
        assert_eq!(estimator.estimate_bps(), Some(1_000_000));
        assert_eq!(estimator.probe_due(), Some(Instant::from_secs(1)));
        estimator.stamp(Instant::from_millis(900));
        assert_eq!(estimator.probe_due(), Some(Instant::from_secs(1)), "one packet is no burst");
        estimator.stamp(Instant::from_millis(900));
        assert_eq!(estimator.probe_due(), Some(Instant::from_millis(1900)), "two are");
        estimator.set_desired(0);
        assert_eq!(estimator.probe_due(), None);
    }

    #[test]
    fn queue_and_loss_bring_it_down() {
        let mut queued = estimator(1_000_000);
        queued.reported(Report { queue_us: QUEUE_US, received_bps: 900_000, ..CALM });
        assert_eq!(queued.estimate_bps(), Some(850_000));

        let mut lossy = estimator(1_000_000);
        for _ in 0..30 {
            lossy.reported(Report { expected: 10, received: 7, floor_bps: u64::MAX, ..CALM });
        }
        let after = lossy.estimate_bps().unwrap();
        assert!((500_000..800_000).contains(&after), "three seconds of 30 % loss leave {after}");
    }
}
