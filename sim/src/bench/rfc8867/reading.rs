//! What is read from a simulation: utilisation, delay, loss, fairness and how soon rates settle.
//!
//! A *stretch* is a time in which nothing changes: neither a link's capacity nor who is on it. Stretches shorter than 15 s are not judged.
//!
//! | reading | over | is |
//! |---|---|---|
//! | utilisation | a stretch, 10 s after its beginning | bytes of media and TCP that arrived, by what the link carries or media can make, whichever is less |
//! | t80 | a stretch | the first second that starts three of at least 80 % of that; `never` if there is none |
//! | fairness | the second half of a stretch with several pairs | the largest media rate by the smallest, and Jain's index `(Σx)² / (n Σx²)` |
//! | loss | the run | packets of media senders that a link dropped, of those sent |
//! | delay | the run | of packets of media through the network, and of frames from the camera to their last packet |
//! | queue | the run, and what is 10 s and more into a stretch | what a packet would have waited, every 10 ms |
//! | lowest video | 10 s, the lowest of all of them from 10 s after its beginning | video that arrived, without headers |
//! | media by TCP | as TCP | the rate of all media that arrived by that of TCP |
//!
//! What is read of each flow stands in `flow`.

use core::time::Duration;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::{
    case::{Case, Load, Pair},
    ends::MEDIA_MAX_BPS,
    flow,
    trace::{BIN, BIN_NS, QUEUE_SAMPLE_NS, Trace},
};

/// How long rates have to settle before utilisation is read.
pub(super) const SETTLING: Duration = Duration::from_secs(10);
/// The shortest stretch that is judged: half as long again.
const SHORTEST: Duration = Duration::from_secs(15);
/// Over how long video may be at its lowest.
const WINDOW: Duration = Duration::from_secs(10);

/// What kind of reading it is: limits are given by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Share of what could have been used, in percent.
    Utilisation,
    /// Seconds until 80 % are used for three seconds.
    Settles,
    /// The largest rate by the smallest.
    Ratio,
    /// Jain's index.
    Jain,
    /// Lost packets, in percent.
    Loss,
    /// Delay of packets, the median, in milliseconds.
    DelayMedian,
    /// Delay of packets that 95 % do not exceed, in milliseconds.
    Delay95,
    /// The same of frames.
    Frame95,
    /// What packets wait in the queue at the most in 95 % of the time, in milliseconds.
    Queue95,
    /// The same in settled times.
    SettledQueue95,
    /// Video that arrived in the worst ten seconds, in kilobits per second.
    LowestVideo,
    /// What TCP got, in kilobits per second.
    Tcp,
    /// The rate of all media by that of TCP.
    MediaByTcp,
    /// The rate of the first sender by the mean of the others.
    Preference,
    /// Pairs whose connection was given up.
    Disconnected,
    /// A flow's rate, in kilobits per second.
    Rate,
    /// A flow's packets.
    Packets,
    /// Those of them that a link dropped, in percent.
    PacketsLost,
    /// Packets of a flow's media that never arrived, in percent.
    LostAfterRepair,
    /// Delay that 95 % of a flow's packets of media do not exceed, in milliseconds.
    PacketDelay95,
    /// What a flow's receiver sends in feedback, in kilobits per second.
    Feedback,
    /// The same by the media that it got, in percent.
    FeedbackShare,
    /// How much a flow's sending rate is off its mean, in percent.
    Variation,
    /// How often it goes from one watermark to the other, in a minute.
    Oscillations,
}

impl Kind {
    /// The unit that its values are in.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Utilisation | Self::Loss | Self::PacketsLost | Self::LostAfterRepair | Self::FeedbackShare | Self::Variation => "%",
            Self::Settles => "s",
            Self::Ratio | Self::Jain | Self::MediaByTcp | Self::Preference | Self::Disconnected | Self::Packets => "",
            Self::DelayMedian | Self::Delay95 | Self::Frame95 | Self::Queue95 | Self::SettledQueue95 | Self::PacketDelay95 => "ms",
            Self::LowestVideo | Self::Tcp | Self::Rate | Self::Feedback => "kbps",
            Self::Oscillations => "/min",
        }
    }

    /// Who asks for it. RFC 8868 numbers its metrics; how exactly they are read is ours.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Rate => "RFC 8868 section 3, 1",
            Self::Packets => "RFC 8868 section 3, 2",
            Self::DelayMedian | Self::Delay95 | Self::PacketDelay95 => "RFC 8868 section 3, 4",
            Self::Loss | Self::PacketsLost => "RFC 8868 section 3, 5",
            Self::LostAfterRepair => "RFC 8868 section 3, 6",
            Self::Ratio | Self::Tcp | Self::MediaByTcp => "RFC 8868 section 3, 7",
            Self::Settles => "RFC 8868 section 3, 8",
            Self::Oscillations => "RFC 8868 section 3, 9",
            Self::Utilisation => "RFC 8868 section 3, 10",
            Self::Frame95 | Self::Queue95 | Self::SettledQueue95 | Self::Feedback | Self::FeedbackShare | Self::Variation => {
                "RFC 8867 section 4.1"
            }
            Self::LowestVideo => "RFC 8867 section 5.6",
            Self::Preference => "RFC 8867 section 6.1",
            Self::Jain => "Jain, Chiu and Hawe (1984)",
            Self::Disconnected => "ours",
        }
    }
}

/// Something that was read from one simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What kind.
    pub kind: Kind,
    /// Whose: the pair's name, where it is of one flow.
    pub flow: Option<String>,
    /// What, and of which time.
    pub what: String,
    /// The value; infinite where it never came about.
    pub value: f64,
}

/// A time in which nothing changes on a link.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) from: Instant,
    pub(super) to: Instant,
    /// The most that can be used.
    pub(super) useful_bps: BitsPerSecond,
    /// Pairs whose media are on it.
    pub(super) pairs: Vec<usize>,
}

/// Everything that is read of a case.
pub fn all(case: &Case, trace: &Trace) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut put = |kind: Kind, what: String, value: f64| readings.push(Reading { kind, flow: None, what, value });
    let judged: Vec<usize> = (0..case.links.len()).filter(|hop| is_bottleneck(case, *hop)).collect();
    let of = |hop: usize| if judged.len() > 1 { format!(" {}", case.links[hop].name) } else { String::new() };
    let stretches: Vec<(usize, Stretch)> =
        judged.iter().flat_map(|hop| stretches(case, *hop).into_iter().map(move |stretch| (*hop, stretch))).collect();

    for (hop, stretch) in &stretches {
        put(
            Kind::Utilisation,
            format!("utilisation{}, {}", of(*hop), times(stretch.from, stretch.to)),
            utilisation(case, trace, *hop, stretch),
        );
    }
    for (hop, stretch) in &stretches {
        put(Kind::Settles, format!("t80{}, {}", of(*hop), times(stretch.from, stretch.to)), settles(case, trace, *hop, stretch));
    }
    for (hop, stretch) in stretches.iter().filter(|(_, stretch)| stretch.pairs.len() > 1) {
        let half = middle(stretch);
        let rates: Vec<f64> =
            stretch.pairs.iter().map(|pair| rate_bps(trace, half, stretch.to, |bin| bin.pairs[*pair].media_bytes)).collect();
        put(Kind::Ratio, format!("largest by smallest rate{}, {}", of(*hop), times(half, stretch.to)), ratio(&rates));
        put(Kind::Jain, format!("Jain's index{}, {}", of(*hop), times(half, stretch.to)), jain(&rates));
        if case.id == "6.1" && rates.len() == 3 {
            put(
                Kind::Preference,
                format!("S1 by the mean of S2 and S3, {}", times(half, stretch.to)),
                rates[0] * 2.0 / (rates[1] + rates[2]),
            );
        }
    }
    let (sent, dropped) = trace.pairs.iter().fold((0, 0), |sum, pair| (sum.0 + pair.sent, sum.1 + pair.dropped));
    put(Kind::Loss, "loss of media packets".to_owned(), 100.0 * float(dropped) / float(sent.max(1)));
    let delays = sorted(trace.pairs.iter().flat_map(|pair| &pair.delays_us));
    put(Kind::DelayMedian, "one-way delay, median".to_owned(), percentile_ms(&delays, 50));
    put(Kind::Delay95, "one-way delay, 95 %".to_owned(), percentile_ms(&delays, 95));
    put(
        Kind::Frame95,
        "camera to last packet, 95 %".to_owned(),
        percentile_ms(&sorted(trace.pairs.iter().flat_map(|pair| &pair.frames_us)), 95),
    );
    for hop in &judged {
        put(Kind::Queue95, format!("queue{}, 95 %", of(*hop)), percentile_ms(&sorted(trace.hops[*hop].queue_us.iter()), 95));
        let settled = stretches.iter().filter(|(of, _)| of == hop).flat_map(|(_, stretch)| {
            let place = |at: Instant| usize::try_from(at.as_nanos() / QUEUE_SAMPLE_NS).unwrap_or(usize::MAX);
            let samples = &trace.hops[*hop].queue_us;
            let (from, to) = (place(stretch.from.saturating_add(SETTLING)).min(samples.len()), place(stretch.to).min(samples.len()));
            &samples[from..to]
        });
        put(Kind::SettledQueue95, format!("queue{} when settled, 95 %", of(*hop)), percentile_ms(&sorted(settled), 95));
    }
    for (at, pair) in case.pairs.iter().enumerate().filter(|(_, pair)| pair.rests.is_none()) {
        put(Kind::LowestVideo, format!("lowest video of {}, 10 s", pair.name), lowest_video_kbps(trace, at, pair));
    }
    if !case.rivals.is_empty() {
        let from = case.pairs.first().map_or(Instant::ZERO, |pair| pair.starts).saturating_add(SETTLING);
        let rate = |bytes: &dyn Fn(&super::trace::Bin) -> u64| rate_bps(trace, from, end(case), bytes);
        let (tcp, media) = (rate(&|bin| bin.tcp_bytes), rate(&|bin| bin.pairs.iter().map(|pair| pair.media_bytes).sum()));
        put(Kind::Tcp, format!("TCP, {}", times(from, end(case))), tcp / 1e3);
        put(Kind::MediaByTcp, format!("media by TCP, {}", times(from, end(case))), media / tcp);
    }
    let given_up = trace.pairs.iter().filter(|pair| pair.disconnected).count();
    put(Kind::Disconnected, "connections given up".to_owned(), float(given_up as u64));
    readings.extend(flow::all(case, trace));
    readings
}

/// When the media end.
fn end(case: &Case) -> Instant {
    case.pairs.iter().map(|pair| pair.stops).max().unwrap_or(Instant::ZERO)
}

/// Whether some pair has no narrower link on its way.
pub(super) fn is_bottleneck(case: &Case, hop: usize) -> bool {
    let lowest = |hop: usize| case.links[hop].capacity.as_ref().and_then(|steps| steps.iter().map(|step| step.1).min());
    let Some(own) = lowest(hop) else { return false };
    case.pairs
        .iter()
        .any(|pair| pair.route.contains(&hop) && pair.route.iter().filter_map(|other| lowest(*other)).all(|other| other >= own))
}

/// The stretches of a link that are long enough.
pub(super) fn stretches(case: &Case, hop: usize) -> Vec<Stretch> {
    let users: Vec<(usize, &Pair)> = case.pairs.iter().enumerate().filter(|(_, pair)| pair.route.contains(&hop)).collect();
    let end = users.iter().map(|(_, pair)| pair.stops).max().unwrap_or(Instant::ZERO);
    let phases = case.links[hop].phases(end);
    let mut changes: Vec<Instant> = phases.iter().map(|phase| phase.0).chain([end]).collect();
    changes.extend(
        users
            .iter()
            .flat_map(|(_, pair)| [Some(pair.starts), Some(pair.stops), pair.rests.map(|rest| rest.0), pair.rests.map(|rest| rest.1)])
            .flatten(),
    );
    // Files come and go: they are weather, not a change.
    let transfers = case.rivals.iter().filter(|rival| matches!(rival.load, Load::Endless) && rival.route.contains(&hop));
    changes.extend(transfers.clone().flat_map(|rival| [rival.starts, rival.stops]).filter(|at| *at < end));
    changes.sort();
    changes.dedup();
    changes
        .windows(2)
        .filter_map(|ends| {
            let (from, to) = (ends[0], ends[1]);
            let pairs: Vec<usize> = users.iter().filter(|(_, pair)| sends(pair, from)).map(|(at, _)| *at).collect();
            let capacity = phases.iter().rfind(|phase| phase.0 <= from)?.2;
            let tcp = transfers.clone().any(|rival| rival.starts <= from && from < rival.stops);
            let useful_bps = if tcp { capacity } else { capacity.min(MEDIA_MAX_BPS * pairs.len() as u64) };
            (!pairs.is_empty() && to.saturating_since(from) >= SHORTEST).then_some(Stretch { from, to, useful_bps, pairs })
        })
        .collect()
}

pub(super) fn sends(pair: &Pair, at: Instant) -> bool {
    pair.starts <= at && at < pair.stops && pair.rests.is_none_or(|(from, to)| at < from || to <= at)
}

/// Bytes of media and TCP on a link: who is on it at all, so that none is left out that comes late.
fn used_bytes(case: &Case, hop: usize, bin: &super::trace::Bin) -> u64 {
    let media = case.pairs.iter().zip(&bin.pairs).filter(|(pair, _)| pair.route.contains(&hop)).map(|(_, bin)| bin.media_bytes);
    let tcp = case.rivals.iter().any(|rival| rival.route.contains(&hop));
    media.sum::<u64>() + if tcp { bin.tcp_bytes } else { 0 }
}

fn utilisation(case: &Case, trace: &Trace, hop: usize, stretch: &Stretch) -> f64 {
    let used = rate_bps(trace, stretch.from.saturating_add(SETTLING), stretch.to, |bin| used_bytes(case, hop, bin));
    100.0 * used / float(stretch.useful_bps)
}

fn settles(case: &Case, trace: &Trace, hop: usize, stretch: &Stretch) -> f64 {
    let bins: Vec<u64> = trace.within(stretch.from, stretch.to).map(|bin| used_bytes(case, hop, bin)).collect();
    let per_second = 5;
    let enough = |bins: &[u64]| float(bins.iter().sum::<u64>()) * 8.0 >= 0.8 * float(stretch.useful_bps);
    let seconds: Vec<bool> = bins.chunks_exact(per_second).map(enough).collect();
    seconds.windows(3).position(|three| three.iter().all(|enough| *enough)).map_or(f64::INFINITY, |second| float(second as u64))
}

fn lowest_video_kbps(trace: &Trace, at: usize, pair: &Pair) -> f64 {
    let bytes: Vec<u64> = trace.within(pair.starts.saturating_add(SETTLING), pair.stops).map(|bin| bin.pairs[at].video_bytes).collect();
    let bins = usize::try_from(WINDOW.as_nanos() / BIN.as_nanos()).unwrap_or(1);
    let lowest = bytes.windows(bins).map(|window| window.iter().sum::<u64>()).min();
    lowest.map_or(f64::NAN, |bytes| float(bytes) * 8.0 / WINDOW.as_secs_f64() / 1e3)
}

fn rate_bps(trace: &Trace, from: Instant, to: Instant, bytes: impl Fn(&super::trace::Bin) -> u64) -> f64 {
    let (sum, bins) = trace.within(from, to).fold((0, 0_u64), |(sum, bins), bin| (sum + bytes(bin), bins + 1));
    if bins == 0 { f64::NAN } else { float(sum) * 8.0 / (float(bins) * BIN.as_secs_f64()) }
}

fn middle(stretch: &Stretch) -> Instant {
    let half = stretch.to.saturating_since(stretch.from) / 2;
    stretch.from.saturating_add(half)
}

fn ratio(rates: &[f64]) -> f64 {
    let (least, most) = rates.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), rate| (least.min(*rate), most.max(*rate)));
    if least > 0.0 { most / least } else { f64::INFINITY }
}

fn jain(rates: &[f64]) -> f64 {
    let (sum, squares) = rates.iter().fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
    if squares > 0.0 { sum * sum / (float(rates.len() as u64) * squares) } else { f64::NAN }
}

pub(super) fn sorted<'a>(values: impl Iterator<Item = &'a u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.copied().collect();
    values.sort_unstable();
    values
}

/// The smallest value that so many percent of all do not exceed.
pub(super) fn percentile_ms(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |us| f64::from(*us) / 1e3)
}

fn times(from: Instant, to: Instant) -> String {
    let seconds = |at: Instant| float(at.as_nanos() / 100_000_000) / 10.0;
    format!("{}–{} s", seconds(from), seconds(to))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// The rate of a bin's bytes.
pub(super) fn bin_bps(bytes: u64) -> u64 {
    bytes * 8 * 1_000_000_000 / BIN_NS
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            case::numbered,
            trace::{PairBin, PairTrace},
        },
        *,
    };

    /// A run in which each pair got so many bytes of pictures in each bin.
    fn trace(case: &Case, bytes: impl Fn(usize, Instant) -> u64) -> Trace {
        Trace::of(case, PairTrace { sent: 100, dropped: 2, ..PairTrace::default() }, |at, ends| PairBin {
            media_bytes: bytes(at, ends),
            video_bytes: bytes(at, ends),
            ..PairBin::default()
        })
    }

    fn read(case: &Case, trace: &Trace, kind: Kind) -> Vec<(String, f64)> {
        all(case, trace).into_iter().filter(|reading| reading.kind == kind).map(|reading| (reading.what, reading.value)).collect()
    }

    #[test]
    fn utilisation_leaves_the_settling_out_and_is_of_what_media_can_use() {
        let case = numbered("5.1");
        // 800 kbps but for the first ten seconds: 80 % of 1 Mbps, less of what media can make, more than 600 kbps.
        let trace = trace(&case, |_, ends| if ends <= Instant::from_secs(10) { 0 } else { 20_000 });
        let read = read(&case, &trace, Kind::Utilisation);
        let expected = [80.0, 100.0 * 800_000.0 / float(MEDIA_MAX_BPS), 100.0 * 8.0 / 6.0, 80.0];
        assert_eq!(read.len(), 4);
        for ((what, got), expected) in read.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-9, "{what}: {got}, not {expected}");
        }
        assert_eq!(read[1].0, "utilisation, 40–60 s");
    }

    #[test]
    fn t80_is_the_first_of_three_seconds_and_may_never_come() {
        let case = numbered("5.1");
        let trace = trace(&case, |_, ends| if ends <= Instant::from_secs(7) { 15_000 } else { 20_000 });
        let settles: Vec<f64> = read(&case, &trace, Kind::Settles).into_iter().map(|read| read.1).collect();
        assert_eq!(settles, [7.0, f64::INFINITY, 0.0, 0.0]);
    }

    #[test]
    fn fairness_is_of_the_second_half_of_each_stretch() {
        let case = numbered("5.8");
        let trace = trace(&case, |pair, ends| if pair == 1 && ends > Instant::from_secs(60) { 10_000 } else { 20_000 });
        let ratios = read(&case, &trace, Kind::Ratio);
        assert_eq!(ratios.iter().map(|read| read.1).collect::<Vec<_>>(), [1.0, 1.0, 2.0]);
        assert_eq!(ratios[2].0, "largest by smallest rate, 89.5–119 s");
        let jain = read(&case, &trace, Kind::Jain);
        assert!((jain[2].1 - 25.0 / 27.0).abs() < 1e-9, "(2+1+2)² / 3 (4+1+4)");
    }

    #[test]
    fn only_links_that_are_somebodys_narrowest_are_judged() {
        let case = numbered("6.3");
        assert_eq!((0..4).map(|hop| is_bottleneck(&case, hop)).collect::<Vec<_>>(), [true, false, true, false]);
        let pairs = |hop| stretches(&case, hop)[0].pairs.clone();
        assert_eq!((pairs(0), pairs(2)), (vec![0, 1], vec![0, 2]));
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=100).map(|n| n * 1000).collect();
        assert_eq!((percentile_ms(&values, 50), percentile_ms(&values, 95)), (50.0, 95.0));
        assert!(percentile_ms(&[], 95).is_nan());
    }
}
