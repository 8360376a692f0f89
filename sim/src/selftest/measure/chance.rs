//! What is left to chance: loss, jitter, duplicates, reordering.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{MBPS, Measure, SIZE, arrival, float, is_lost, millis, ms, nanos, plain, share, wire};
use crate::{
    net::link::{Jitter, Link, LinkConfig, Loss, Reorder, Spread, Verdict},
    random::Stream,
};

pub(super) const MEASURES: &[(&str, Measure)] = &[
    ("jitter-decoupled", jitter_makes_no_queue),
    ("jitter-noreorder", order_is_kept),
    ("jitter-rfc8868", recommended_jitter),
    ("jitter-normal", normal_jitter),
    ("reorder-adjacent", neighbours_change_places),
    ("loss-independent-of-rate", whatever_the_pace),
    ("iid", |n, seed| {
        let lost = losses(Loss::independent(50_000_000), n, seed);
        vec![rate(&lost), after_a_loss(&lost)]
    }),
    ("gilbert", |n, seed| {
        let lost = losses(GILBERT, n, seed);
        vec![rate(&lost), mean(&runs(&lost, true)), mean(&runs(&lost, false))]
    }),
    ("gilbert-runs", |n, seed| {
        let runs = runs(&losses(GILBERT, n, seed), true);
        let with = |of: fn(u64) -> bool| share(runs.iter().filter(|run| of(**run)).count() as u64, runs.len() as u64);
        vec![with(|run| run == 1), with(|run| run > 4)]
    }),
    ("gilbert-elliott", |n, seed| {
        let lost = losses(ELLIOTT, n, seed);
        vec![rate(&lost), mean(&runs(&lost, true)), after_a_loss(&lost)]
    }),
    ("netem-4state", |n, seed| vec![rate(&losses(FOUR_STATES, n, seed))]),
    ("corr-marginal", |n, seed| {
        let lost = losses(Loss::Correlated { loss_ppb: 50_000_000, correlation_ppb: 500_000_000 }, n, seed);
        let (rate, after) = (rate(&lost), after_a_loss(&lost));
        vec![rate, (after - rate) / (1.0 - rate)]
    }),
    ("duplicate", duplicates),
    ("reorder-late", late_ones),
];

const GILBERT: Loss = Loss::Gilbert { enter_ppb: 10_000_000, leave_ppb: 250_000_000 };
const ELLIOTT: Loss =
    Loss::GilbertElliott { enter_ppb: 20_000_000, leave_ppb: 200_000_000, good_loss_ppb: 1_000_000, bad_loss_ppb: 700_000_000 };
const FOUR_STATES: Loss =
    Loss::FourState { p13_ppb: 10_000_000, p31_ppb: 200_000_000, p32_ppb: 300_000_000, p23_ppb: 500_000_000, p14_ppb: 5_000_000 };

/// Which packets are lost, one a millisecond.
fn losses(loss: Loss, packets: u64, seed: u64) -> Vec<bool> {
    let mut link = Link::new(LinkConfig { loss, ..wire(Duration::ZERO) }, seed, "link");
    (0..packets).map(|n| is_lost(link.offer(Instant::from_millis(n), 100))).collect()
}

fn rate(lost: &[bool]) -> f64 {
    share(lost.iter().filter(|lost| **lost).count() as u64, lost.len() as u64)
}

fn after_a_loss(lost: &[bool]) -> f64 {
    let both = lost.windows(2).filter(|pair| pair[0] && pair[1]).count() as u64;
    let first = lost.split_last().map_or(&[][..], |(_, before)| before);
    share(both, first.iter().filter(|lost| **lost).count() as u64)
}

/// The lengths of runs of losses, or of what arrived. The first and the last are left out: they may be cut short.
fn runs(lost: &[bool], of: bool) -> Vec<u64> {
    let all: Vec<_> = lost.chunk_by(|one, next| one == next).collect();
    let whole = all.get(1..all.len().saturating_sub(1)).unwrap_or_default();
    whole.iter().filter(|run| run[0] == of).map(|run| run.len() as u64).collect()
}

fn mean(numbers: &[u64]) -> f64 {
    share(numbers.iter().sum(), numbers.len() as u64)
}

fn whatever_the_pace(n: u64, seed: u64) -> Vec<f64> {
    let lost = |gap_ms| -> Vec<bool> {
        let mut link = Link::new(LinkConfig { loss: Loss::independent(10_000_000), ..wire(ms(50)) }, seed, "link");
        (0..n).map(|packet| is_lost(link.offer(Instant::from_millis(gap_ms * packet), 100))).collect()
    };
    let (slow, fast) = (lost(10), lost(1));
    let differ = slow.iter().zip(&fast).filter(|(slow, fast)| slow != fast).count() as u64;
    vec![rate(&slow), rate(&fast), float(differ)]
}

fn jitter_makes_no_queue(n: u64, seed: u64) -> Vec<f64> {
    let jitter = Jitter { spread: Spread::Uniform { min_ns: -20_000_000, max_ns: 20_000_000 }, reorder: true };
    let mut link = Link::new(LinkConfig { jitter, delay: ms(50), ..plain(MBPS) }, seed, "link");
    let delays: Vec<u64> = (0..n)
        .filter_map(|packet| {
            let now = Instant::from_nanos(11_111_111 * packet);
            arrival(&mut link, now, SIZE).map(|at| nanos(at.saturating_since(now)))
        })
        .collect();
    vec![millis(delays.iter().sum()) / float(delays.len() as u64), share(delays.len() as u64, n)]
}

fn order_is_kept(n: u64, seed: u64) -> Vec<f64> {
    let spreads = [
        Spread::Uniform { min_ns: -20_000_000, max_ns: 30_000_000 },
        Spread::Normal { std_ns: 8_000_000, clip_ns: 24_000_000 },
        Spread::Rfc8868 { std_ns: 5_000_000, max_ns: 15_000_000 },
    ];
    let mut early = 0;
    for spread in spreads {
        let config = LinkConfig { delay: ms(30), jitter: Jitter { spread, reorder: false }, ..plain(2 * MBPS) };
        let mut link = Link::new(config, seed, "link");
        let mut draws = Stream::new(seed, "source", "gaps");
        let (mut now_ns, mut last) = (0, Instant::ZERO);
        for _ in 0..n {
            now_ns += draws.below(12_000_000);
            let size = u32::try_from(100 + draws.below(1100)).expect("small");
            // The last bit of a packet comes a transmission after its first; so much behind the one before.
            let serial = Duration::from_nanos(u64::from(size) * 4000);
            let at = arrival(&mut link, Instant::from_nanos(now_ns), size).unwrap_or(Instant::ZERO);
            early += u64::from(at < last.saturating_add(serial));
            last = at;
        }
    }
    vec![float(early)]
}

/// What jitter makes of a delay, in ms, for packets that are a second apart.
fn delays(spread: Spread, delay: Duration, n: u64, seed: u64) -> Vec<f64> {
    let mut link = Link::new(LinkConfig { jitter: Jitter { spread, reorder: false }, ..wire(delay) }, seed, "link");
    let delays = (0..n).filter_map(|packet| {
        let now = Instant::from_secs(packet);
        arrival(&mut link, now, 0).map(|at| millis(nanos(at.saturating_since(now))))
    });
    delays.collect()
}

fn recommended_jitter(n: u64, seed: u64) -> Vec<f64> {
    let delays = delays(Spread::Rfc8868 { std_ns: 5_000_000, max_ns: 15_000_000 }, Duration::ZERO, n, seed);
    vec![delays.iter().sum::<f64>() / float(n), delays.iter().copied().fold(0.0, f64::max)]
}

fn normal_jitter(n: u64, seed: u64) -> Vec<f64> {
    let delays = delays(Spread::Normal { std_ns: 5_000_000, clip_ns: 50_000_000 }, ms(50), n, seed);
    let mean = delays.iter().sum::<f64>() / float(n);
    let variance = delays.iter().map(|ms| (ms - mean).powi(2)).sum::<f64>() / float(n);
    let beyond = delays.iter().filter(|ms| (**ms - 50.0).abs() > 10.0).count() as u64;
    vec![mean, variance.sqrt(), share(beyond, n)]
}

fn neighbours_change_places(n: u64, seed: u64) -> Vec<f64> {
    let mut link = Link::new(LinkConfig { jitter: Jitter::up_to(ms(30)).reordering(), ..wire(ms(50)) }, seed, "link");
    let arrivals: Vec<Instant> = (0..n).filter_map(|packet| arrival(&mut link, Instant::from_millis(10 * packet), 100)).collect();
    vec![share(arrivals.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64, n - 1)]
}

fn duplicates(n: u64, seed: u64) -> Vec<f64> {
    let mut link = Link::new(LinkConfig { duplicate_ppb: 20_000_000, ..wire(ms(50)) }, seed, "link");
    let twice = (0..n).filter(|packet| matches!(link.offer(Instant::from_millis(*packet), 100), Verdict::DeliverTwice { .. }));
    vec![share(twice.count() as u64, n)]
}

fn late_ones(n: u64, seed: u64) -> Vec<f64> {
    let mut link = Link::new(LinkConfig { reorder: Reorder { late_ppb: 50_000_000, by: ms(25) }, ..wire(ms(50)) }, seed, "link");
    let delays = (0..n).filter_map(|packet| {
        let now = Instant::from_millis(10 * packet);
        arrival(&mut link, now, 100).map(|at| nanos(at.saturating_since(now)) - 50_000_000)
    });
    let late: Vec<u64> = delays.filter(|delay| *delay > 0).collect();
    let (least, most) = (late.iter().min().copied().unwrap_or(0), late.iter().max().copied().unwrap_or(0));
    vec![share(late.len() as u64, n), if least == most { millis(most) } else { f64::NAN }]
}
