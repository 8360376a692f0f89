//! Statistics: counts of media that never fall, rates from two readings of them, and the names of a stream's parts.
//!
//! A media plane counts, and what it counts is read now and then. Three things keep such a reading from being a statistic. RTCP counts in 32 bits, and a busy video passes
//! their end within hours ([RFC 3550 section 6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)). A transport that is made anew begins again at zero, under another
//! SSRC. And what was lost may become less, because whatever comes twice counts as received twice (appendix A.3 there). A [`PartStats`] takes readings and answers with counts
//! that do none of this: they begin with the stream's life, go on over wraps and restarts, and never fall (R-162).
//!
//! # How a reading is taken
//!
//! | the reading | is taken as |
//! |---|---|
//! | another [`source`](Reading::source) than before | a fresh start: what it counts comes on top |
//! | no less than before | what came since is added |
//! | less than before, both within 32 bits, and less than half their range ahead when they wrap | a wrap |
//! | less than before otherwise | a mistake: [`Fell`], and nothing has changed |
//! | fewer packets lost than before, or fewer than none | no new loss |
//!
//! Half a range is how [RFC 1982](https://www.rfc-editor.org/rfc/rfc1982) tells ahead from behind. A source that counts in more bits and starts over near the end of 32 of them
//! cannot be told from one that wraps, unless it says that it is another one.
//!
//! # Rates
//!
//! A rate comes of the last two readings that were taken at different times: kilobits per second are `bytes * 8 / 1000` over seconds, pictures per second and lost parts per
//! million likewise, each rounded to the nearest whole number and half up. Before the second reading there is none: unknown is not zero.

use core::{fmt, time::Duration};

use crate::{limits, stream::StreamKind, time::Instant};

/// The statistics of one part of one stream, in one direction: its audio, or one layer of its video.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartStats {
    direction: Direction,
    source: Option<u32>,
    counters: Counters,
    size_px: Option<(u16, u16)>,
    jitter_us: Option<u64>,
    last: Option<Mark>,
    before: Option<Mark>,
}

/// Which way media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From here.
    Sent,
    /// To here.
    Received,
}

/// What a media plane has counted of a part, as WebRTC's statistics have it: `outbound-rtp` and its `remote-inbound-rtp`, or `inbound-rtp`. What it does not know is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reading {
    /// The SSRC, or any number that changes when the counting starts over. Left out, it is the one before.
    pub source: Option<u32>,
    /// Bytes of payload, sent or received.
    pub bytes: u64,
    /// Packets, sent or received.
    pub packets: u64,
    /// Packets lost, as the receiving end counts them. It may fall, and it may be negative.
    pub packets_lost: Option<i64>,
    /// Pictures encoded; of what is sent.
    pub frames_encoded: Option<u64>,
    /// Pictures sent, or decoded.
    pub frames: Option<u64>,
    /// Width and height of the pictures, in pixels.
    pub size_px: Option<(u16, u16)>,
    /// How much the packets' way varies, in microseconds.
    pub jitter_us: Option<u64>,
}

/// What has come together in a part's life. None of it ever falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    /// Bytes of payload, sent or received.
    pub bytes: u64,
    /// Packets, sent or received.
    pub packets: u64,
    /// Packets lost on this way.
    pub packets_lost: u64,
    /// Pictures encoded; of what is sent.
    pub frames_encoded: u64,
    /// Pictures sent, or decoded.
    pub frames: u64,
}

/// What flows at present. The [module](self) says how it is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rates {
    /// Kilobits per second.
    pub kbps: u64,
    /// Pictures per second, sent or decoded.
    pub frames_per_s: u64,
    /// Packets lost, of a million that were sent this way.
    pub loss_ppm: u64,
}

/// A count is less than it was, and has not wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the count of {count} fell from {from} to {to}; a source that starts over has another SSRC")]
pub struct Fell {
    /// Which.
    pub count: Count,
    /// What it was.
    pub from: u64,
    /// What it is said to be.
    pub to: u64,
}

/// One of the counts of a [`Reading`] that cannot fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Count {
    /// [`Reading::bytes`].
    Bytes,
    /// [`Reading::packets`].
    Packets,
    /// [`Reading::frames_encoded`].
    FramesEncoded,
    /// [`Reading::frames`].
    Frames,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::FramesEncoded => "encoded pictures",
            Self::Frames => "pictures",
        })
    }
}

/// The totals when a reading was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark {
    at: Instant,
    totals: Totals,
}

impl PartStats {
    /// Of a part of which nothing was read yet.
    pub fn new(direction: Direction) -> Self {
        Self { direction, source: None, counters: Counters::default(), size_px: None, jitter_us: None, last: None, before: None }
    }

    /// Takes in a reading, and says how many bytes came since the one before. After an `Err`, nothing has changed.
    ///
    /// A reading at the time of the one before (or ahead of it) counts as its correction: rates need a span.
    pub fn read(&mut self, at: Instant, reading: &Reading) -> Result<u64, Fell> {
        let starts_over = reading.source.is_some_and(|source| self.source.is_some_and(|before| before != source));
        let mut counters = if starts_over { self.counters.started_over() } else { self.counters };
        counters.read(reading)?;
        let bytes_before = self.counters.totals().bytes;
        let totals = counters.totals();
        let mark = Mark { at, totals };
        if let Some(last) = self.last.filter(|last| last.at < at) {
            self.before = Some(last);
            self.last = Some(mark);
        } else {
            self.last = Some(Mark { at: self.last.map_or(at, |last| last.at), totals });
        }
        self.counters = counters;
        self.source = reading.source.or(self.source);
        self.size_px = reading.size_px.or(self.size_px);
        self.jitter_us = reading.jitter_us.or(self.jitter_us);
        Ok(totals.bytes - bytes_before)
    }

    /// Which way it goes.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// What has come together so far.
    pub const fn totals(&self) -> Totals {
        self.counters.totals()
    }

    /// Width and height of the pictures, in pixels, as they were read last; none where no reading said.
    pub const fn size_px(&self) -> Option<(u16, u16)> {
        self.size_px
    }

    /// How much the packets' way varies, in microseconds, as it was read last; none where no reading said.
    pub const fn jitter_us(&self) -> Option<u64> {
        self.jitter_us
    }

    /// What flows at present; none before the second reading.
    pub fn rates(&self) -> Option<Rates> {
        let (Mark { at: began, totals: from }, Mark { at: ended, totals: to }) = (self.before?, self.last?);
        let span = ended.saturating_since(began);
        let (packets, lost) = (to.packets - from.packets, to.packets_lost - from.packets_lost);
        let sent = match self.direction {
            Direction::Sent => packets,
            Direction::Received => packets.saturating_add(lost),
        };
        Some(Rates {
            kbps: kbps(to.bytes - from.bytes, span)?,
            frames_per_s: per_second(to.frames - from.frames, span)?,
            // A receiver may report more than was sent since, because it reports later.
            loss_ppm: rounded(u128::from(lost.min(sent)) * 1_000_000, u128::from(sent)).unwrap_or(0),
        })
    }
}

/// A sum of bytes over time, whose parts may come and go; and its rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flow {
    bytes: u64,
    last: Option<(Instant, u64)>,
    before: Option<(Instant, u64)>,
}

impl Flow {
    /// Adds bytes. What is added at one time belongs together.
    pub fn add(&mut self, at: Instant, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        match self.last {
            Some((last, _)) if at <= last => self.last = Some((last, self.bytes)),
            last => {
                self.before = last;
                self.last = Some((at, self.bytes));
            }
        }
    }

    /// All bytes so far. It never falls.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Kilobits per second between the last two times; none before the second.
    pub fn kbps(&self) -> Option<u64> {
        let ((from, before), (to, last)) = (self.before?, self.last?);
        kbps(last - before, to.saturating_since(from))
    }
}

/// Kilobits per second, to the nearest whole number and half up; none for no time.
///
/// ```
/// use core::time::Duration;
/// use greenroom_core::stats::kbps;
///
/// assert_eq!(kbps(125_000, Duration::from_secs(1)), Some(1000));
/// assert_eq!(kbps(1, Duration::ZERO), None);
/// ```
pub fn kbps(bytes: u64, span: Duration) -> Option<u64> {
    rounded(u128::from(bytes) * 8 * 1_000_000, span.as_nanos())
}

/// How often a second, to the nearest whole number and half up; none for no time.
pub fn per_second(count: u64, span: Duration) -> Option<u64> {
    rounded(u128::from(count) * 1_000_000_000, span.as_nanos())
}

/// The nearest whole number to a quotient, half up.
fn rounded(dividend: u128, divisor: u128) -> Option<u64> {
    let doubled = (dividend * 2).checked_add(divisor)?.checked_div(divisor.checked_mul(2)?)?;
    Some(u64::try_from(doubled).unwrap_or(u64::MAX))
}

/// A count that never falls, made of readings of one that may wrap or start over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Counter {
    total: u64,
    last: u64,
}

/// Half the range of a count of 32 bits: what is less far ahead is ahead.
const HALF: u32 = 1 << 31;

impl Counter {
    fn read(&mut self, count: Count, reading: u64) -> Result<(), Fell> {
        let fell = Fell { count, from: self.last, to: reading };
        let more = if let Some(more) = reading.checked_sub(self.last) {
            more
        } else {
            let (Ok(last), Ok(now)) = (u32::try_from(self.last), u32::try_from(reading)) else { return Err(fell) };
            Some(now.wrapping_sub(last)).filter(|ahead| *ahead < HALF).ok_or(fell)?.into()
        };
        *self = Self { total: self.total.saturating_add(more), last: reading };
        Ok(())
    }

    const fn started_over(self) -> Self {
        Self { total: self.total, last: 0 }
    }
}

/// What was lost: the most that was ever said, because what is found again later (or comes twice) makes receivers say less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Losses {
    total: u64,
    most: u64,
}

impl Losses {
    fn read(&mut self, lost: i64) {
        let lost = u64::try_from(lost).unwrap_or(0);
        self.total = self.total.saturating_add(lost.saturating_sub(self.most));
        self.most = self.most.max(lost);
    }

    const fn started_over(self) -> Self {
        Self { total: self.total, most: 0 }
    }
}

/// Everything that is counted of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Counters {
    bytes: Counter,
    packets: Counter,
    frames_encoded: Counter,
    frames: Counter,
    lost: Losses,
}

impl Counters {
    fn read(&mut self, reading: &Reading) -> Result<(), Fell> {
        self.bytes.read(Count::Bytes, reading.bytes)?;
        self.packets.read(Count::Packets, reading.packets)?;
        if let Some(frames) = reading.frames_encoded {
            self.frames_encoded.read(Count::FramesEncoded, frames)?;
        }
        if let Some(frames) = reading.frames {
            self.frames.read(Count::Frames, frames)?;
        }
        if let Some(lost) = reading.packets_lost {
            self.lost.read(lost);
        }
        Ok(())
    }

    const fn started_over(self) -> Self {
        Self {
            bytes: self.bytes.started_over(),
            packets: self.packets.started_over(),
            frames_encoded: self.frames_encoded.started_over(),
            frames: self.frames.started_over(),
            lost: self.lost.started_over(),
        }
    }

    const fn totals(&self) -> Totals {
        Totals {
            bytes: self.bytes.total,
            packets: self.packets.total,
            packets_lost: self.lost.total,
            frames_encoded: self.frames_encoded.total,
            frames: self.frames.total,
        }
    }
}

/// What statistics call a part of a stream, in SparkRTC's words (R-120). There are names for as many layers as a stream may have, though SparkRTC publishes two (C-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentType {
    /// The highest layer of a camera, and what has no layers.
    Main,
    /// The first below it.
    Middle1,
    /// The second below it.
    Middle2,
    /// The third below it.
    Middle3,
    /// The fourth below it.
    Middle4,
    /// The lowest of several layers.
    Slides,
    /// A shared screen.
    Desktop,
}

impl ContentType {
    /// All of them: the layers of a camera by falling rate, then the share.
    pub const ALL: [Self; 7] = [Self::Main, Self::Middle1, Self::Middle2, Self::Middle3, Self::Middle4, Self::Slides, Self::Desktop];
    const MIDDLE: [Self; 4] = [Self::Middle1, Self::Middle2, Self::Middle3, Self::Middle4];

    /// The name of a layer: `below` layers of that stream's `layers` are higher.
    pub fn of(kind: StreamKind, below: usize, layers: usize) -> Self {
        match kind {
            StreamKind::Aux => Self::Desktop,
            StreamKind::Main if below == 0 => Self::Main,
            StreamKind::Main if below + 1 >= layers => Self::Slides,
            StreamKind::Main => Self::MIDDLE.get(below - 1).copied().unwrap_or(Self::Middle4),
        }
    }

    /// Which layer the name means, as the number of higher ones, in a stream of that kind with so many layers. None where no layer is called so.
    pub fn below(self, kind: StreamKind, layers: usize) -> Option<usize> {
        (0..layers).find(|below| Self::of(kind, *below, layers) == self)
    }

    /// The printed word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Middle1 => "middle1",
            Self::Middle2 => "middle2",
            Self::Middle3 => "middle3",
            Self::Middle4 => "middle4",
            Self::Slides => "slides",
            Self::Desktop => "desktop",
        }
    }

    /// The one of that printed word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|content| content.name() == word)
    }
}

const _: () = assert!(limits::LAYERS_PER_STREAM <= 2 + ContentType::MIDDLE.len(), "every layer has a name of its own");

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn part(direction: Direction, readings: &[(u64, Reading)]) -> PartStats {
        let mut part = PartStats::new(direction);
        for (millis, reading) in readings {
            part.read(at(*millis), reading).expect("it does not fall");
        }
        part
    }

    fn bytes(bytes: u64) -> Reading {
        Reading { bytes, ..Reading::default() }
    }

    // R-162
    #[test]
    fn a_count_of_32_bits_goes_on_past_its_end() {
        let end = u64::from(u32::MAX);
        let mut part = part(Direction::Sent, &[(0, bytes(end - 9))]);
        assert_eq!(part.read(at(1), &bytes(90)), Ok(100));
        assert_eq!(part.totals().bytes, end - 9 + 100);
        assert_eq!(part.read(at(2), &bytes(end + 1)), Ok(end + 1 - 90), "one of 64 bits goes on as it is");
    }

    // R-162
    #[test]
    fn another_source_counts_on_top_and_without_one_a_fall_is_a_mistake() {
        let mut part =
            part(Direction::Received, &[(0, Reading { source: Some(1), packets_lost: Some(7), frames: Some(30), ..bytes(1000) })]);
        let untouched = part.clone();
        let fell = part.read(at(1), &bytes(999)).expect_err("it fell");
        assert_eq!(fell, Fell { count: Count::Bytes, from: 1000, to: 999 });
        assert_eq!(part, untouched);
        assert_eq!(part.read(at(1), &Reading { source: Some(2), packets_lost: Some(1), frames: Some(2), ..bytes(10) }), Ok(10));
        assert_eq!(part.totals(), Totals { bytes: 1010, packets_lost: 8, frames: 32, ..Totals::default() });
    }

    // R-162
    #[test]
    fn what_was_lost_stays_lost_though_receivers_say_less_when_packets_come_twice() {
        let lost = |packets_lost| Reading { packets_lost: Some(packets_lost), ..Reading::default() };
        let part = part(Direction::Received, &[(0, lost(5)), (1, lost(3)), (2, lost(-1)), (3, lost(6))]);
        assert_eq!(part.totals().packets_lost, 6);
    }

    // R-155 R-160
    #[test]
    fn rates_come_of_two_readings_and_are_rounded_half_up() {
        let reading =
            |bytes, packets, lost, frames| Reading { bytes, packets, packets_lost: Some(lost), frames: Some(frames), ..Reading::default() };
        let mut received = part(Direction::Received, &[(0, reading(1000, 10, 0, 0))]);
        assert_eq!(received.rates(), None, "one reading is no rate");
        received.read(at(0), &reading(2000, 10, 0, 0)).expect("a correction");
        assert_eq!(received.rates(), None, "nor are two at once");
        received.read(at(2000), &reading(2000 + 125_125, 85, 25, 59)).expect("more");
        // 1,001,000 bits in 2 s; 59 pictures in 2 s; 25 of 100.
        assert_eq!(received.rates(), Some(Rates { kbps: 501, frames_per_s: 30, loss_ppm: 250_000 }));
        let sent = part(Direction::Sent, &[(0, reading(0, 0, 0, 0)), (1000, reading(0, 3, 1, 0))]);
        assert_eq!(sent.rates().map(|rates| rates.loss_ppm), Some(333_333), "of what was sent, which includes the lost ones");
        let late = part(Direction::Sent, &[(0, reading(0, 0, 0, 0)), (1000, reading(0, 3, 9, 0))]);
        assert_eq!(late.rates().map(|rates| rates.loss_ppm), Some(1_000_000));
    }

    // R-155
    #[test]
    fn a_flow_adds_what_comes_at_one_time_and_never_falls() {
        let mut flow = Flow::default();
        flow.add(at(0), 100);
        flow.add(at(1000), 60);
        flow.add(at(1000), 65);
        assert_eq!((flow.bytes(), flow.kbps()), (225, Some(1)));
        flow.add(at(2000), 0);
        assert_eq!((flow.bytes(), flow.kbps()), (225, Some(0)));
        flow.add(at(3000), u64::MAX);
        assert_eq!(flow.bytes(), u64::MAX);
    }

    // R-120
    #[test]
    fn every_layer_has_its_name_and_every_name_its_layer() {
        let names =
            |layers| (0..layers).map(|below| ContentType::of(StreamKind::Main, below, layers).name()).collect::<alloc::vec::Vec<_>>();
        assert_eq!(names(1), ["main"]);
        assert_eq!(names(2), ["main", "slides"]);
        assert_eq!(names(6), ["main", "middle1", "middle2", "middle3", "middle4", "slides"]);
        for layers in 1..=limits::LAYERS_PER_STREAM {
            for below in 0..layers {
                assert_eq!(ContentType::of(StreamKind::Main, below, layers).below(StreamKind::Main, layers), Some(below));
            }
        }
        assert_eq!(ContentType::Middle1.below(StreamKind::Main, 2), None);
        assert_eq!(ContentType::of(StreamKind::Aux, 0, 1), ContentType::Desktop);
        assert!(ContentType::ALL.into_iter().all(|content| ContentType::parse(content.name()) == Some(content)));
        assert_eq!(ContentType::parse("middle5"), None);
    }
}
