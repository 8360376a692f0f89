//! What is read of each flow, which is one sender's media and the feedback on them. RFC 8868 section 3 and RFC 8867 section 4.1 list it for reports; nothing of it is judged.
//!
//! Rates are means over the time in which a flow is on, and so are bytes, but for that time. Whatever is sent counts in the rates of sending and receiving: media, repairs, probes, padding, reports.
//!
//! | reading | is |
//! |---|---|
//! | goodput | audio and video that arrived for the first time, without headers |
//! | lost after repair | packets of media that never arrived, however often they were sent, of those made |
//! | feedback | packets of RTCP that the receiver sends, with all that they have on the wire; also by the bytes of media that arrived |
//! | sending rate varies | the standard deviation of its means over a second, by its mean |
//! | oscillations | how often it goes from one watermark to the other; see [`Watermarks`] |
//!
//! Variation and oscillations are of *calm* times: what is 10 s and more into a stretch, each with a mean of its own. A change of capacity is no oscillation.

use greenroom_core::time::Instant;

use super::{
    case::Case,
    reading::{Kind, Reading, SETTLING, float, is_bottleneck, percentile_ms, sends, sorted, stretches},
    trace::{BIN, BIN_NS, PairBin, Trace},
};

/// Bins in a second.
const PER_SECOND: usize = 5;

/// Everything that is read of the flows of a case.
pub(super) fn all(case: &Case, trace: &Trace) -> Vec<Reading> {
    (0..case.pairs.len()).flat_map(|at| of(case, trace, at)).collect()
}

fn of(case: &Case, trace: &Trace, at: usize) -> impl Iterator<Item = Reading> {
    let (pair, counted) = (&case.pairs[at], &trace.pairs[at]);
    // A bin's middle is in the flow's time, or all of it is not.
    let on = |ends: Instant| sends(pair, Instant::from_nanos(ends.as_nanos() - BIN_NS / 2));
    let bins: Vec<&PairBin> = trace.bins.iter().filter(|bin| on(bin.ends)).map(|bin| &bin.pairs[at]).collect();
    let sum = |bytes: fn(&PairBin) -> u64| float(bins.iter().map(|bin| bytes(bin)).sum());
    let kbps = |bytes| sum(bytes) * 8.0 / (float(bins.len() as u64) * BIN.as_secs_f64()) / 1e3;
    let percent = |part: f64, of: f64| 100.0 * part / of;
    let calm = calm_bytes(case, trace, at);
    let readings = [
        (Kind::Rate, "sending rate", kbps(|bin| bin.sent_bytes)),
        (Kind::Rate, "receiver rate", kbps(|bin| bin.received_bytes)),
        (Kind::Rate, "goodput", kbps(|bin| bin.audio_bytes + bin.video_bytes)),
        (Kind::Packets, "packets sent", float(counted.sent)),
        (Kind::Packets, "packets received", float(counted.received)),
        (Kind::PacketsLost, "packets lost", percent(float(counted.dropped), float(counted.sent))),
        (Kind::LostAfterRepair, "lost after repair", percent(float(counted.media_made - counted.media_brought), float(counted.media_made))),
        (Kind::PacketDelay95, "packet delay, 95 %", percentile_ms(&sorted(counted.delays_us.iter()), 95)),
        (Kind::Feedback, "feedback", kbps(|bin| bin.feedback_bytes)),
        (Kind::FeedbackShare, "feedback by media", percent(sum(|bin| bin.feedback_bytes), sum(|bin| bin.media_bytes))),
        (Kind::Variation, "sending rate varies", 100.0 * variation(&calm)),
        (Kind::Oscillations, "oscillations, ±10 %", per_minute(&calm, OURS)),
        (Kind::Oscillations, "oscillations, 4x in 500 ms", per_minute(&calm, OF_RFC_8868)),
    ];
    readings.into_iter().map(|(kind, what, value)| Reading { kind, flow: Some(pair.name.clone()), what: what.to_owned(), value })
}

/// What a sender sent in each bin of its calm times, one list for each: by the first link on its way that is judged.
fn calm_bytes(case: &Case, trace: &Trace, at: usize) -> Vec<Vec<u64>> {
    let judged = case.pairs[at].route.iter().find(|hop| is_bottleneck(case, **hop));
    let stretches = judged.into_iter().flat_map(|hop| stretches(case, *hop)).filter(|stretch| stretch.pairs.contains(&at));
    let sent = |from, to| trace.within(from, to).map(|bin| bin.pairs[at].sent_bytes).collect();
    stretches.map(|stretch| sent(stretch.from.saturating_add(SETTLING), stretch.to)).collect()
}

/// Two levels of a rate, and how soon it gets from one to the other in what counts as an oscillation (RFC 8868 section 3, 9).
#[derive(Clone, Copy, Debug)]
struct Watermarks {
    /// The low one and the high one, in percent of the mean.
    percent: (u64, u64),
    /// Over how many bins the rate is taken.
    bins: usize,
    /// Such rates from one level to the other, at the most.
    within: usize,
}

/// RFC 8868's example: four times as much, 500 kbps and 2 Mbps, within 500 ms. Media here have less than 2 Mbps, so that it is half of the mean and twice the mean; and rates are taken every 200 ms.
const OF_RFC_8868: Watermarks = Watermarks { percent: (50, 200), bins: 1, within: 2 };

/// Finer, so that what a controller does shows: a tenth to each side, whenever. An encoder alone does not come there: any second of it is within 5 % of its target.
const OURS: Watermarks = Watermarks { percent: (90, 110), bins: PER_SECOND, within: usize::MAX };

/// How often in a minute.
fn per_minute(calm: &[Vec<u64>], watermarks: Watermarks) -> f64 {
    let times: u64 = calm.iter().map(|bytes| oscillations(bytes, watermarks)).sum();
    let minutes = float(calm.iter().map(|bytes| bytes.len() as u64).sum()) * BIN.as_secs_f64() / 60.0;
    float(times) / minutes
}

/// How often a rate goes from one watermark to the other.
fn oscillations(bytes: &[u64], watermarks: Watermarks) -> u64 {
    let Watermarks { percent: (low, high), bins, within } = watermarks;
    let (whole, n) = (bytes.iter().sum::<u64>(), bytes.len() as u64);
    let (mut times, mut last) = (0, None);
    for (at, some) in bytes.chunks_exact(bins).enumerate() {
        // By the mean of all: in whole numbers, which leave no doubt of what is on the line.
        let (own, mean) = (some.iter().sum::<u64>() * n * 100, whole * bins as u64);
        let is_high = own >= mean * high;
        if !is_high && own > mean * low {
            continue;
        }
        times += u64::from(last.is_some_and(|(was_high, when)| was_high != is_high && at - when <= within));
        last = Some((is_high, at));
    }
    times
}

/// The standard deviation of the means over a second, as a share of the mean of each calm time.
fn variation(calm: &[Vec<u64>]) -> f64 {
    let squares: Vec<f64> = calm
        .iter()
        .flat_map(|bytes| {
            let mean = float(bytes.iter().sum()) / float(bytes.len() as u64);
            bytes.chunks_exact(PER_SECOND).map(move |second| {
                let off = float(second.iter().sum()) / float(PER_SECOND as u64) / mean - 1.0;
                off * off
            })
        })
        .collect();
    libm::sqrt(squares.iter().sum::<f64>() / float(squares.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{case::numbered, trace::PairTrace},
        *,
    };

    fn read(case: &Case, trace: &Trace, flow: &str, what: &str) -> f64 {
        let of = |reading: &Reading| reading.flow.as_deref() == Some(flow) && reading.what == what;
        all(case, trace).iter().find(|reading| of(reading)).expect("it is read").value
    }

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "{got}, not {expected}");
    }

    #[test]
    fn rates_and_overhead_are_those_of_what_was_counted() {
        // Given five times a second, of 25,000 bytes sent and 24,000 received, 20,000 of media with 16,000 of video and 250 of audio in them, and 260 of feedback on them.
        let (case, bin) = (
            numbered("5.8"),
            PairBin {
                sent_bytes: 25_000,
                received_bytes: 24_000,
                media_bytes: 20_000,
                video_bytes: 16_000,
                audio_bytes: 250,
                feedback_bytes: 260,
                ..PairBin::default()
            },
        );
        // And nothing while S2 rests, from 40 s to 60 s.
        let pause = Instant::from_secs(40)..Instant::from_secs(60);
        let trace = Trace::of(&case, PairTrace::default(), |_, ends| {
            let begins = Instant::from_nanos(ends.as_nanos() - BIN_NS);
            if pause.contains(&begins) { PairBin::default() } else { bin }
        });
        let s2 = |what| read(&case, &trace, "S2", what);
        near(s2("sending rate"), 1000.0);
        near(s2("receiver rate"), 960.0);
        near(s2("goodput"), 650.0);
        near(s2("feedback"), 10.4);
        near(s2("feedback by media"), 1.3);
        // The others' time goes on in the pause.
        near(read(&case, &trace, "S1", "sending rate"), 1000.0 * 99.0 / 119.0);
    }

    #[test]
    fn what_was_dropped_on_the_way_may_still_arrive_in_the_end() {
        let case = numbered("5.1");
        let counted = PairTrace { sent: 1000, received: 940, dropped: 50, media_made: 900, media_brought: 891, ..PairTrace::default() };
        let trace = Trace::of(&case, counted, |_, _| PairBin::default());
        let s1 = |what| read(&case, &trace, "S1", what);
        near(s1("packets sent"), 1000.0);
        near(s1("packets received"), 940.0);
        near(s1("packets lost"), 5.0);
        near(s1("lost after repair"), 1.0);
    }

    #[test]
    fn a_rate_that_goes_to_and_fro_every_second_oscillates_every_second() {
        let wave: Vec<u64> = (0..50).map(|bin| if bin / 5 % 2 == 0 { 1200 } else { 800 }).collect();
        assert_eq!(oscillations(&wave, OURS), 9, "ten seconds, nine changes");
        near(per_minute(&[wave.clone(), wave.clone()], OURS), 54.0);
        near(variation(core::slice::from_ref(&wave)), 0.2);
        assert_eq!(oscillations(&wave, OF_RFC_8868), 0, "far from half and twice");
        // What stays this side of a tenth never arrives, and what is on the line is there.
        let within = |low, high| (0..50).map(|bin| if bin / 5 % 2 == 0 { high } else { low }).collect::<Vec<u64>>();
        assert_eq!((oscillations(&within(901, 1099), OURS), oscillations(&within(900, 1100), OURS)), (0, 9));
        assert!(per_minute(&[], OURS).is_nan() && variation(&[]).is_nan(), "no calm time, no answer");
    }

    #[test]
    fn by_the_example_of_rfc_8868_only_what_is_sudden_counts() {
        // Given peaks of 900 out of 50: the mean is 135.
        let sudden = [vec![50; 9], vec![900]].concat().repeat(3);
        assert_eq!(oscillations(&sudden, OF_RFC_8868), 5, "up, down, up, down, up");
        // 400 ms from one level to the other are sudden, 600 ms are not.
        let slower = |steps: usize| [vec![50; 20], vec![150; steps], vec![600; 4]].concat();
        assert_eq!([0, 1, 2].map(|steps| oscillations(&slower(steps), OF_RFC_8868)), [1, 1, 0]);
    }

    #[test]
    fn a_rate_that_follows_the_capacity_does_not_oscillate() {
        let case = numbered("5.1");
        let steps = case.links[0].capacity.clone().expect("5.1 has one");
        // It takes nine seconds to settle.
        let target = |ends: Instant| steps.iter().rfind(|step| step.0 < ends).map_or(0, |step| step.1);
        let settled = |ends: Instant| steps.iter().all(|step| ends <= step.0 || ends.saturating_since(step.0).as_secs() >= 9);
        let rate = |ends: Instant| if settled(ends) { target(ends) / 40 } else { 1 };
        let trace = Trace::of(&case, PairTrace::default(), |_, ends| PairBin { sent_bytes: rate(ends), ..PairBin::default() });
        let s1 = |what| read(&case, &trace, "S1", what);
        near(s1("sending rate varies"), 0.0);
        near(s1("oscillations, ±10 %"), 0.0);
    }
}
