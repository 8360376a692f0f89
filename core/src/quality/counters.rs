//! From counters to windows: what a media plane counts, read now and then, becomes what a [`Scorer`](super::Scorer) is told.
//!
//! A [`Meter`] or [`ReportMeter`] for each stream turns its ever-growing counters into what has come since the last look. A [`Gauge`] for each direction gathers that, with samples of round-trip time
//! and jitter, and closes a window every two seconds.
//!
//! ```
//! use core::time::Duration;
//! use greenroom_core::quality::{Activity, Counters, Gauge, Meter, Rules, Reading};
//! use greenroom_core::stream::TrackKind;
//!
//! let (rules, span) = (Rules::default(), Duration::from_secs(2));
//! let (mut meter, mut downlink) = (Meter::default(), Gauge::default());
//! let before = Counters { sequence: 65_500, received: u32::MAX, ..Counters::default() };
//! meter.read(before);
//! // Two seconds later 100 packets more were numbered, of which 95 came and 2 were repaired: both counters have wrapped.
//! let counted = meter.read(Counters { sequence: 64, received: 94, repaired: 2, octets: 250_000, ..before }).expect("there was a look before");
//! downlink.stream(&rules, span, TrackKind::Video, &counted, Activity { target_bps: 1_000_000, active: span });
//! let Reading::Measured(window) = downlink.close(&rules, span) else { panic!("a hundred packets say something") };
//! assert_eq!((window.loss.to_string(), window.actual_bps), ("3 %".into(), 1_000_000));
//! ```
//!
//! # What is loss
//!
//! As in RFC 3550 (appendix A.3), what was expected less what came, in each window for itself. A packet that was repaired by retransmission or error correction came. So did one that was late: if it crosses
//! the border of two windows it is missing in the one and surplus in the other, and surplus is not missing. Packets that came twice can hide as many losses, as they do in RTCP.
//!
//! Packets of all sound are counted together, and so are those of all pictures; the worse of the two is the window's loss. Pictures are repaired and sound is not, so that one sum of both would hide behind a thousand
//! repaired packets that a fifth of the speech is missing. To take the worst single stream, as LiveKit does for a participant, would be too nervous here: they all go the same way, and the worst of twenty-five
//! small samples is bad by chance.
//!
//! # What is not the network's fault
//!
//! Only time in which media was meant to flow counts ([`Activity`]): a stream that was muted, paused, not subscribed to or not yet published for half of the window or more tells nothing, whatever its
//! counters say.
//!
//! Counters may wrap; RTP's sequence numbers do so every few minutes. One that runs backwards, or leaps by half of its range, belongs to a stream that began anew or to somebody who lies: the
//! look is not used, and the next one starts from there.

use core::time::Duration;

use super::{Reading, Rules, Share, Window};
use crate::stream::{BitsPerSecond, TrackKind};

/// What a receiver has counted of one RTP stream. Each counter may wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Counters {
    /// The highest sequence number so far, in the order of RFC 3550: the 16 bits of the header.
    pub sequence: u16,
    /// Packets that came, late ones included, repaired ones not.
    pub received: u32,
    /// Packets that were lost and came back, by retransmission or error correction.
    pub repaired: u32,
    /// Bytes that came.
    pub octets: u32,
    /// How long the picture has stood still, in milliseconds.
    pub freeze_ms: u32,
}

/// What the other end reports of one RTP stream that is sent to it: a report block of RFC 3550 section 6.4.1, and what was sent. It is a claim of that end about the path to it, and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ReceiverReport {
    /// The highest sequence number that came, with its wraps counted in the upper 16 bits.
    pub sequence: u32,
    /// Packets lost since the stream began, as 24 bits of two's complement in the lower bits: negative where packets came twice. What was
    /// lost and came by retransmission counts as lost here; [`ReceiverReport::repaired`] makes up for that.
    pub lost: u32,
    /// Packets that were sent again because the other end asked for them.
    pub repaired: u32,
    /// Bytes that were sent.
    pub octets_sent: u32,
}

/// What has happened on one stream since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Counted {
    /// Packets that were numbered.
    pub expected: u32,
    /// Those of them that neither came nor were repaired.
    pub missing: u32,
    /// Bytes that flowed.
    pub octets: u32,
    /// How long the picture stood still.
    pub freeze: Duration,
}

/// Looks at one stream's [`Counters`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Meter(Option<Counters>);

impl Meter {
    /// What has come since the last look; nothing on the first one, or where a counter ran backwards.
    pub fn read(&mut self, now: Counters) -> Option<Counted> {
        let before = self.0.replace(now)?;
        // A highest number that is lower than before was a late packet's, taken for the highest.
        let ahead = now.sequence.wrapping_sub(before.sequence);
        let expected = if ahead < 1 << 15 { u32::from(ahead) } else { 0 };
        let came = gain(before.received, now.received)?.saturating_add(gain(before.repaired, now.repaired)?);
        let freeze = Duration::from_millis(gain(before.freeze_ms, now.freeze_ms)?.into());
        Some(Counted { expected, missing: expected.saturating_sub(came), octets: gain(before.octets, now.octets)?, freeze })
    }
}

/// Looks at the reports about one stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct ReportMeter(Option<ReceiverReport>);

impl ReportMeter {
    /// What has happened since the last report; nothing on the first one, or where a counter ran backwards. More packets lost than there were is all of them.
    pub fn read(&mut self, now: ReceiverReport) -> Option<Counted> {
        let before = self.0.replace(now)?;
        let expected = gain(before.sequence, now.sequence)?;
        // The difference of two 24-bit numbers, with its sign: negative is none.
        let lost = now.lost.wrapping_sub(before.lost) & 0x00ff_ffff;
        let lost = if lost < 1 << 23 { lost } else { 0 };
        let missing = lost.saturating_sub(gain(before.repaired, now.repaired)?).min(expected);
        Some(Counted { expected, missing, octets: gain(before.octets_sent, now.octets_sent)?, freeze: Duration::ZERO })
    }
}

/// How far a counter of 32 bits has come, across its wrap. None if it ran backwards.
fn gain(before: u32, now: u32) -> Option<u32> {
    Some(now.wrapping_sub(before)).filter(|gain| *gain < 1 << 31)
}

/// RTCP's jitter, which counts in ticks of the media's clock, as a span.
pub fn jitter_of(ticks: u32, clock_hz: u32) -> Duration {
    let nanos = u64::from(ticks) * 1_000_000_000 / u64::from(clock_hz.max(1));
    Duration::from_nanos(nanos)
}

/// What was meant to flow of a stream in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Activity {
    /// The rate at which it was meant to, while it was.
    pub target_bps: BitsPerSecond,
    /// For how long it was: published, subscribed to, not muted and not paused. [`Duration::ZERO`] for what is muted.
    pub active: Duration,
}

/// Gathers one window of one direction after another. It belongs to one member's transport, and everything that is put in came over it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Gauge {
    /// Of all streams of sound, and of all of pictures.
    packets: [Packets; 2],
    target_bits: u64,
    actual_bits: u64,
    rtt_sum_us: u64,
    rtt_samples: u32,
    jitter_us: u32,
    freeze_us: u32,
    /// How long nothing at all has come.
    silent_us: u32,
    heard: bool,
}

/// Packets of streams, and how many of them are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
struct Packets {
    expected: u32,
    missing: u32,
}

impl Packets {
    fn add(&mut self, expected: u32, missing: u32) {
        self.expected = self.expected.saturating_add(expected);
        self.missing = self.missing.saturating_add(missing.min(expected));
    }

    fn lost(self) -> Share {
        Share::of(self.missing.into(), self.expected.into())
    }
}

impl Gauge {
    /// Something came over the transport: media, a report, an answer to a STUN check.
    pub fn heard(&mut self) {
        self.heard = true;
    }

    /// A sample of the round-trip time.
    pub fn rtt(&mut self, sample: Duration) {
        self.rtt_sum_us = self.rtt_sum_us.saturating_add(micros(sample).into());
        self.rtt_samples = self.rtt_samples.saturating_add(1);
        self.heard = true;
    }

    /// A sample of one stream's jitter; the worst of a window counts.
    pub fn jitter(&mut self, sample: Duration) {
        self.jitter_us = self.jitter_us.max(micros(sample));
    }

    /// What happened on one stream since the window of that span began.
    pub fn stream(&mut self, rules: &Rules, span: Duration, kind: TrackKind, counted: &Counted, activity: Activity) {
        self.heard |= counted.expected > counted.missing;
        let active = activity.active.min(span);
        if Share::of(nanos(active), nanos(span)) <= rules.thresholds().active_min {
            return;
        }
        self.packets[usize::from(kind == TrackKind::Video)].add(counted.expected, counted.missing);
        self.target_bits = self.target_bits.saturating_add(over(activity.target_bps, active));
        self.actual_bits = self.actual_bits.saturating_add(u64::from(counted.octets) * 8);
        self.freeze_us = self.freeze_us.max(micros(counted.freeze));
    }

    /// Ends the window, and begins the next one.
    pub fn close(&mut self, rules: &Rules, span: Duration) -> Reading {
        let silent_us = if self.heard { 0 } else { self.silent_us.saturating_add(micros(span)) };
        let gathered = core::mem::replace(self, Self { silent_us, ..Self::default() });
        if silent_us >= micros(rules.thresholds().silence) {
            return Reading::Disconnected;
        }
        let [sound, pictures] = gathered.packets;
        let mut all = sound;
        all.add(pictures.expected, pictures.missing);
        let packets_min = rules.thresholds().packets_min;
        if gathered.rtt_samples == 0 && all.expected < packets_min {
            return Reading::Unmeasured;
        }
        // Of a kind with few packets, one that is missing is a large share of nothing much: both kinds together.
        let loss = match [sound, pictures].map(|packets| packets.expected >= packets_min) {
            [true, true] => sound.lost().max(pictures.lost()),
            _ => all.lost(),
        };
        let mean = |sum: u64, count: u32| sum.checked_div(count.into()).unwrap_or_default();
        Reading::Measured(Window {
            span,
            rtt: Duration::from_micros(mean(gathered.rtt_sum_us, gathered.rtt_samples)),
            jitter: Duration::from_micros(gathered.jitter_us.into()),
            loss,
            target_bps: rate(gathered.target_bits, span),
            actual_bps: rate(gathered.actual_bits, span),
            freeze: Duration::from_micros(gathered.freeze_us.into()),
        })
    }
}

/// Bits that flow at a rate over a span.
fn over(bps: BitsPerSecond, span: Duration) -> u64 {
    let bits = u128::from(bps) * u128::from(nanos(span)) / 1_000_000_000;
    u64::try_from(bits).unwrap_or(u64::MAX)
}

/// The rate of bits over a span; none over no time.
fn rate(bits: u64, span: Duration) -> BitsPerSecond {
    let bps = (u128::from(bits) * 1_000_000_000).checked_div(nanos(span).into()).unwrap_or_default();
    u64::try_from(bps).unwrap_or(u64::MAX)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Up to 71 minutes, which is far beyond what makes a difference.
fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(2);

    fn measured(gauge: &mut Gauge) -> Window {
        match gauge.close(&Rules::default(), SPAN) {
            Reading::Measured(window) => window,
            other => panic!("{other:?}"),
        }
    }

    fn all_the_time(target_bps: u64) -> Activity {
        Activity { target_bps, active: SPAN }
    }

    #[test]
    fn a_first_look_tells_nothing_and_later_ones_what_is_new() {
        let mut meter = Meter::default();
        let first = Counters { sequence: 10, received: 10, ..Counters::default() };
        assert_eq!(meter.read(first), None);
        let counted = meter.read(Counters { sequence: 110, received: 100, freeze_ms: 40, ..first });
        assert_eq!(counted, Some(Counted { expected: 100, missing: 10, octets: 0, freeze: Duration::from_millis(40) }));
        assert_eq!(meter.read(Counters { sequence: 110, received: 100, freeze_ms: 40, ..first }), Some(Counted::default()));
    }

    #[test]
    fn what_came_late_or_was_repaired_is_not_lost() {
        let mut meter = Meter::default();
        meter.read(Counters { sequence: 100, received: 100, ..Counters::default() });
        // Ten are on their way still, five of a hundred were sent again.
        let first = meter.read(Counters { sequence: 200, received: 185, repaired: 5, ..Counters::default() });
        assert_eq!(first.map(|counted| counted.missing), Some(10));
        // They come with the next hundred: a surplus, which is no loss and stays none.
        let second = meter.read(Counters { sequence: 300, received: 295, repaired: 5, ..Counters::default() });
        assert_eq!(second.map(|counted| counted.missing), Some(0));
        // One that came late is not taken for a leap forward.
        let third = meter.read(Counters { sequence: 299, received: 296, repaired: 5, ..Counters::default() });
        assert_eq!(third.map(|counted| (counted.expected, counted.missing)), Some((0, 0)));
    }

    #[test]
    fn every_counter_may_wrap() {
        let mut meter = Meter::default();
        meter.read(Counters { sequence: 65_000, received: u32::MAX - 10, repaired: u32::MAX, octets: u32::MAX - 99, freeze_ms: u32::MAX });
        let counted = meter.read(Counters { sequence: 464, received: 900, repaired: 4, octets: 900, freeze_ms: 19 });
        assert_eq!(counted, Some(Counted { expected: 1000, missing: 84, octets: 1000, freeze: Duration::from_millis(20) }));
        let mut reports = ReportMeter::default();
        reports.read(ReceiverReport { sequence: u32::MAX - 49, lost: 0x00ff_ffff, ..ReceiverReport::default() });
        let counted = reports.read(ReceiverReport { sequence: 50, lost: 9, ..ReceiverReport::default() });
        assert_eq!(counted.map(|counted| (counted.expected, counted.missing)), Some((100, 10)), "from -1 to 9");
    }

    #[test]
    fn a_counter_that_runs_backwards_is_not_believed() {
        let mut meter = Meter::default();
        let good = Counters { sequence: 100, received: 1000, repaired: 10, octets: 5000, freeze_ms: 100 };
        for lie in [
            Counters { received: 999, ..good },
            Counters { repaired: 0, ..good },
            Counters { octets: 4999, ..good },
            Counters { freeze_ms: 99, ..good },
        ] {
            meter.read(good);
            assert_eq!(meter.read(lie), None, "{lie:?}");
        }
        let mut reports = ReportMeter::default();
        reports.read(ReceiverReport { sequence: 1000, lost: 100, ..ReceiverReport::default() });
        assert_eq!(reports.read(ReceiverReport { sequence: 900, lost: 100, ..ReceiverReport::default() }), None);
        // What was sent again is not lost.
        reports.read(ReceiverReport { sequence: 900, lost: 100, ..ReceiverReport::default() });
        let repaired = reports.read(ReceiverReport { sequence: 1000, lost: 130, repaired: 25, ..ReceiverReport::default() });
        assert_eq!(repaired.map(|counted| counted.missing), Some(5));
        reports.read(ReceiverReport { sequence: 900, lost: 100, ..ReceiverReport::default() });
        // More were lost than there were, and fewer than before.
        let more = reports.read(ReceiverReport { sequence: 950, lost: 1000, ..ReceiverReport::default() });
        assert_eq!(more.map(|counted| counted.missing), Some(50));
        let fewer = reports.read(ReceiverReport { sequence: 1000, lost: 10, ..ReceiverReport::default() });
        assert_eq!(fewer.map(|counted| counted.missing), Some(0));
    }

    // R-164
    #[test]
    fn a_window_says_something_with_one_round_trip_or_ten_packets() {
        let rules = Rules::default();
        let mut gauge = Gauge::default();
        gauge.heard();
        assert_eq!(gauge.close(&rules, SPAN), Reading::Unmeasured);
        gauge.stream(&rules, SPAN, TrackKind::Audio, &Counted { expected: 9, ..Counted::default() }, all_the_time(0));
        assert_eq!(gauge.close(&rules, SPAN), Reading::Unmeasured, "nine packets are a fifth of a second of speech");
        gauge.stream(&rules, SPAN, TrackKind::Audio, &Counted { expected: 10, missing: 1, ..Counted::default() }, all_the_time(0));
        assert_eq!(measured(&mut gauge).loss, Share::percent(10));
        gauge.rtt(Duration::from_millis(30));
        gauge.rtt(Duration::from_millis(50));
        gauge.jitter(jitter_of(900, 90_000));
        gauge.jitter(jitter_of(48, 48_000));
        let window = measured(&mut gauge);
        assert_eq!((window.rtt, window.jitter, window.loss), (Duration::from_millis(40), Duration::from_millis(10), Share::NONE));
    }

    #[test]
    fn media_that_was_meant_to_be_still_is_not_counted() {
        let rules = Rules::default();
        let lost = Counted { expected: 100, missing: 100, octets: 0, freeze: SPAN };
        for (active, counts) in [(Duration::ZERO, false), (SPAN / 2, false), (SPAN / 2 + Duration::from_millis(1), true), (SPAN * 9, true)]
        {
            let mut gauge = Gauge::default();
            gauge.rtt(Duration::from_millis(20));
            gauge.stream(&rules, SPAN, TrackKind::Audio, &lost, Activity { target_bps: 1_000_000, active });
            let window = measured(&mut gauge);
            assert_eq!(
                (window.loss, window.target_bps > 0, window.freeze),
                if counts { (Share::ALL, true, SPAN) } else { (Share::NONE, false, Duration::ZERO) }
            );
        }
    }

    #[test]
    fn repaired_pictures_do_not_hide_what_is_missing_of_speech() {
        let rules = Rules::default();
        let counted = |expected, missing| Counted { expected, missing, ..Counted::default() };
        let loss = |sound: [(u32, u32); 2], pictures: (u32, u32)| {
            let mut gauge = Gauge::default();
            for (expected, missing) in sound {
                gauge.stream(&rules, SPAN, TrackKind::Audio, &counted(expected, missing), all_the_time(0));
            }
            gauge.stream(&rules, SPAN, TrackKind::Video, &counted(pictures.0, pictures.1), all_the_time(0));
            measured(&mut gauge).loss
        };
        assert_eq!(loss([(50, 10), (50, 10)], (900, 0)), Share::percent(20));
        assert_eq!(loss([(50, 0), (50, 1)], (900, 90)), Share::percent(10));
        assert_eq!(loss([(90, 0), (10, 10)], (0, 0)), Share::percent(10), "streams of a kind go the same way, and count together");
        assert_eq!(loss([(4, 4), (0, 0)], (96, 0)), Share::percent(4), "four packets of a stream that just began say little by themselves");
    }

    #[test]
    fn a_target_is_what_was_meant_while_it_was_meant() {
        let rules = Rules::default();
        let mut gauge = Gauge::default();
        let counted = Counted { expected: 100, missing: 0, octets: 150_000, freeze: Duration::ZERO };
        gauge.stream(&rules, SPAN, TrackKind::Audio, &counted, Activity { target_bps: 1_000_000, active: Duration::from_millis(1500) });
        let window = measured(&mut gauge);
        assert_eq!((window.target_bps, window.actual_bps), (750_000, 600_000));
    }

    // R-164
    #[test]
    fn silence_becomes_a_lost_connection_after_five_seconds() {
        let rules = Rules::default();
        let mut gauge = Gauge::default();
        gauge.rtt(Duration::from_millis(20));
        gauge.close(&rules, SPAN);
        let readings = [0; 3].map(|_| gauge.close(&rules, SPAN));
        assert_eq!(readings, [Reading::Unmeasured, Reading::Unmeasured, Reading::Disconnected]);
        gauge.heard();
        assert_eq!(gauge.close(&rules, SPAN), Reading::Unmeasured, "a muted call is not a lost one");
    }

    #[test]
    fn nothing_overflows() {
        let rules = Rules::default();
        let mut gauge = Gauge::default();
        let most = Counted { expected: u32::MAX, missing: u32::MAX, octets: u32::MAX, freeze: Duration::MAX };
        for _ in 0..3 {
            gauge.rtt(Duration::MAX);
            gauge.jitter(Duration::MAX);
            gauge.stream(&rules, Duration::MAX, TrackKind::Video, &most, Activity { target_bps: u64::MAX, active: Duration::MAX });
        }
        let Reading::Measured(window) = gauge.close(&rules, Duration::MAX) else { panic!("it was measured") };
        assert_eq!(window.loss, Share::ALL);
        assert_eq!(gauge.close(&rules, Duration::ZERO), Reading::Unmeasured);
        assert_eq!((jitter_of(u32::MAX, 0), jitter_of(0, 0)), (Duration::from_secs(u32::MAX.into()), Duration::ZERO));
    }
}
