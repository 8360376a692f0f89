//! The test cases of RFC 8867 ("Test Cases for Evaluating Congestion Control for Interactive Real-Time Media", January 2021), sections 5.1 to 5.8 and 6.1 to 6.3: `greenroom bench rfc8867`.
//!
//! A sender and a receiver are two real peers, str0m with its Google congestion control, ICE, DTLS and SRTP; between them are links as the document wants them. The sender's encoder is synthetic and
//! follows what its peer estimates. Every case is simulated once for each seed, each simulation on a fresh thread; a case is judged by the median of each reading.
//!
//! From the outside in: [`run`] spreads simulations over threads; `world` is one simulation, with `source` (what is encoded) and `rival` (TCP) in it; [`case`] is what is simulated, read from
//! `cases.json`; `trace` is what a simulation leaves, `reading` and `flow` what is read from it, `verdict` what is made of that; `table` and `page` show it. The method in words,
//! with its choices and the results, is `docs/RFC8867.md`.

pub mod case;
mod ends;
mod flow;
mod page;
mod reading;
mod rival;
mod source;
mod table;
mod trace;
mod verdict;
mod world;

use core::{ops::Range, time::Duration};

pub use self::{
    case::Case,
    page::html,
    reading::{Kind, Reading, all as read},
    table::{brief, flows, json, markdown, text},
    trace::{Bin, HopTrace, PairBin, PairTrace, Trace},
    verdict::{Bound, Comparator, LIMITS, Limit, Line, Outcome, Verdict},
};
use crate::{entropy, media::Fidelity, spread::spread};

/// How to run the cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How real media are: `webrtc` or `webrtc-null`. What is modelled has no congestion control to be tested.
    pub media: Fidelity,
    /// The seeds.
    pub seeds: Range<u64>,
    /// How many simulations go on at a time.
    pub jobs: usize,
}

/// What came of the cases.
#[derive(Clone, Debug)]
pub struct Results {
    /// How they were run.
    pub settings: Settings,
    /// A verdict on each, in the document's order.
    pub verdicts: Vec<Verdict>,
    /// What the first seed left of each case, to be drawn; none where there is nothing to simulate.
    pub traces: Vec<Option<Trace>>,
}

impl Results {
    /// Whether no case missed a limit.
    pub fn pass(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.outcome() != Outcome::Miss)
    }
}

/// Stack of a simulation's thread: str0m keeps packets on the stack.
const STACK_BYTES: usize = 64 << 20;

/// Simulates a case on a thread of its own, to its end or until `until`.
pub fn simulate(case: &Case, media: Fidelity, seed: u64, until: Duration) -> Trace {
    entropy::isolated(seed, STACK_BYTES, || world::simulate(case, media, seed, until))
}

/// Runs cases, and calls `done` after each simulation with how many are done of how many.
pub fn run(cases: Vec<Case>, settings: Settings, done: &(dyn Fn(usize, usize) + Sync)) -> Results {
    let mut cells: Vec<(usize, u64)> = (0..cases.len())
        .filter(|case| !cases[*case].pairs.is_empty())
        .flat_map(|case| settings.seeds.clone().map(move |seed| (case, seed)))
        .collect();
    // The longest first: they would keep one core busy at the end.
    let work_of = |case: &Case| case.duration * u32::try_from(case.pairs.len()).unwrap_or(u32::MAX);
    cells.sort_by_key(|(case, seed)| (core::cmp::Reverse(work_of(&cases[*case])), *case, *seed));

    let results = spread(&cells, settings.jobs, done, |&(at, seed)| {
        let case = &cases[at];
        let trace = simulate(case, settings.media, seed, case.duration);
        // One trace of each case is drawn; the others are not kept, they are large.
        (reading::all(case, &trace), (seed == settings.seeds.start).then_some(trace))
    });
    let mut results: Vec<_> = cells.into_iter().zip(results).collect();
    results.sort_by_key(|(cell, _)| *cell);

    let mut traces: Vec<Option<Trace>> = vec![None; cases.len()];
    let mut by_case: Vec<Vec<Vec<Reading>>> = vec![Vec::new(); cases.len()];
    for ((at, _), (readings, drawn)) in results {
        by_case[at].push(readings);
        traces[at] = traces[at].take().or(drawn);
    }
    let mut verdicts: Vec<Verdict> = cases.into_iter().zip(&by_case).map(|(case, by_seed)| Verdict::new(case, by_seed)).collect();
    let clear: Vec<Verdict> = verdicts.iter().filter(|verdict| verdict.case.clear_of.is_some()).cloned().collect();
    for verdict in &mut verdicts {
        if let Some(clear) = clear.iter().find(|clear| clear.case.clear_of.as_ref() == Some(&verdict.case.id)) {
            verdict.compare(clear);
        }
    }
    Results { settings, verdicts, traces }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(id: &str, seed: u64) -> Trace {
        first(6, id, seed)
    }

    fn first(seconds: u64, id: &str, seed: u64) -> Trace {
        let case = case::numbered(id);
        simulate(&case, Fidelity::WebRtcNull, seed, Duration::from_secs(seconds))
    }

    #[test]
    fn the_same_case_and_seed_leave_the_same_trace_and_another_seed_another() {
        let first = short("5.1", 1);
        assert_eq!(first, short("5.1", 1));
        assert_ne!(first, short("5.1", 2));
    }

    #[test]
    fn media_flow_within_the_capacity_and_no_sooner_than_light() {
        let trace = short("5.1", 1);
        assert!(trace.bins.len() == 30 && !trace.pairs[0].disconnected);
        let bytes: u64 = trace.bins.iter().skip(15).map(|bin| bin.pairs[0].media_bytes).sum();
        let rate_bps = bytes * 8 / 3;
        assert!((150_000..=1_000_000).contains(&rate_bps), "{rate_bps}");
        let delays = &trace.pairs[0].delays_us;
        assert!(delays.len() > 200 && delays.iter().all(|us| (50_000..50_000 + 315_000 + 15_000).contains(us)));
        assert!(trace.hops[0].bytes <= 6 * 1_000_000 / 8, "the bottleneck carries what it carries");
    }

    #[test]
    fn what_media_take_on_the_wire_is_what_is_reckoned_with() {
        let trace = short("5.1", 3);
        let sum = |of: fn(&PairBin) -> u64| reading::float(trace.bins.iter().map(|bin| of(&bin.pairs[0])).sum());
        let (media, video) = (sum(|pair| pair.media_bytes), sum(|pair| pair.video_bytes));
        let packets = reading::float(trace.pairs[0].delays_us.len() as u64);
        // Audio comes every 20 ms from when the first bin has media on, to a bin's length.
        let first = trace.bins.iter().position(|bin| bin.pairs[0].media_bytes > 0).expect("media flow");
        let audio_packets = 10.0 * reading::float((trace.bins.len() - first) as u64);
        let headers = (media - video - f64::from(source::AUDIO_BYTES) * audio_packets) / packets;
        assert!((headers - f64::from(ends::HEADERS_BYTES)).abs() < 1.0, "{headers} bytes in each of {packets} packets");
    }

    #[test]
    fn every_packet_is_accounted_for() {
        // Given media beside TCP, which fills the queue.
        let trace = first(30, "5.6", 1);
        let pair = &trace.pairs[0];
        let under_way = pair.sent - pair.dropped - pair.received;
        assert!(pair.dropped > 0 && under_way < 100, "{under_way} of {pair:?}");
        let lost = pair.media_made - pair.media_brought;
        assert!(lost < pair.media_made / 10 && pair.media_brought <= pair.received, "{lost} of {} of media", pair.media_made);
        let sum = |of: fn(&PairBin) -> u64| trace.bins.iter().map(|bin| of(&bin.pairs[0])).sum::<u64>();
        let (sent, received, media) = (sum(|pair| pair.sent_bytes), sum(|pair| pair.received_bytes), sum(|pair| pair.media_bytes));
        assert!(sent > received && received > media && media > sum(|pair| pair.video_bytes + pair.audio_bytes));
    }

    #[test]
    fn feedback_comes_as_often_as_str0m_sends_it() {
        // Given transport-wide feedback every 50 ms while packets come (and no ICE checks, which a server's end does not make).
        let trace = short("5.1", 1);
        for bin in trace.bins.iter().skip(10) {
            // Then there are four of them in each bin, or three: at least the headers of IPv4, UDP and RTCP, the feedback's own (16 bytes) and the tag of SRTCP (14), at most 200 bytes.
            let bytes = bin.pairs[0].feedback_bytes;
            assert!((3 * 70..=5 * 200).contains(&bytes), "{bytes} bytes up to {:?}", bin.ends);
        }
    }

    #[test]
    fn transfers_share_the_bottleneck() {
        let trace = short("5.6", 1);
        assert!(trace.tcp_sent > 300 && trace.bins.iter().map(|bin| bin.tcp_bytes).sum::<u64>() > 400_000, "{}", trace.tcp_sent);
    }
}
