//! Queueing theory: Poisson arrivals at a transmitter.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{MBPS, Measure, SIZE, arrival, float, millis, ms, nanos, plain, share, tail, wire};
use crate::{
    net::link::{Link, LinkConfig, QueueLimit},
    random::Stream,
};

pub(super) const MEASURES: &[(&str, Measure)] = &[
    ("md1-0.5", |n, seed| md1(0.5, n, seed)),
    ("md1-0.8", |n, seed| md1(0.8, n, seed)),
    ("md1-0.9", |n, seed| md1(0.9, n, seed)),
    ("mm1-0.8", |n, seed| {
        let seen = poisson(0.8, QueueLimit::Unlimited, Sizes::Exponential, n, seed);
        vec![seen.mean_wait_ms, seen.waited]
    }),
    ("mm1k-0.8-5", |n, seed| vec![poisson(0.8, QueueLimit::Packets(4), Sizes::Exponential, n, seed).lost]),
    ("mm1k-1.2-10", |n, seed| vec![poisson(1.2, QueueLimit::Packets(9), Sizes::Exponential, n, seed).lost]),
    ("md1k-0.8-3", |n, seed| vec![poisson(0.8, QueueLimit::Packets(2), Sizes::Equal, n, seed).lost]),
    ("md1k-1.1-6", |n, seed| vec![poisson(1.1, QueueLimit::Packets(5), Sizes::Equal, n, seed).lost]),
    ("mginf", no_limit),
];

/// How large packets are; 1250 bytes on average.
#[derive(Clone, Copy, PartialEq)]
enum Sizes {
    Equal,
    Exponential,
}

struct Seen {
    mean_wait_ms: f64,
    mean_sojourn_ms: f64,
    waited: f64,
    lost: f64,
}

fn md1(load: f64, n: u64, seed: u64) -> Vec<f64> {
    let queue = poisson(load, QueueLimit::Unlimited, Sizes::Equal, n, seed);
    vec![queue.mean_wait_ms, queue.mean_sojourn_ms]
}

fn no_limit(n: u64, seed: u64) -> Vec<f64> {
    let mut link = Link::new(wire(ms(50)), seed, "link");
    let mut gaps = Stream::new(seed, "source", "gaps");
    let mut now = Instant::ZERO;
    let beyond = (0..n).filter_map(|_| {
        now = now.saturating_add(Duration::from_nanos(exponential(&mut gaps, 1e5)));
        arrival(&mut link, now, SIZE).map(|at| nanos(at.saturating_since(now)) - 50_000_000)
    });
    vec![float(beyond.max().unwrap_or(u64::MAX))]
}

/// A whole number from an exponential distribution of that mean.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^53")]
fn exponential(draws: &mut Stream, mean: f64) -> u64 {
    (draws.exponential() * mean).round() as u64
}

/// Offers packets in a Poisson process of that load to 1 Mbps, which takes 10 ms for 1250 bytes.
fn poisson(load: f64, limit: QueueLimit, sizes: Sizes, packets: u64, seed: u64) -> Seen {
    let mut link = Link::new(LinkConfig { queue: tail(limit), ..plain(MBPS) }, seed, "link");
    let (mut gaps, mut draws) = (Stream::new(seed, "source", "gaps"), Stream::new(seed, "source", "sizes"));
    let (mut now_ns, mut wait_ns, mut sojourn_ns, mut waited, mut delivered) = (0, 0, 0, 0, 0);
    for _ in 0..packets {
        now_ns += exponential(&mut gaps, 1e7 / load);
        let now = Instant::from_nanos(now_ns);
        let size = match sizes {
            Sizes::Equal => SIZE,
            Sizes::Exponential => u32::try_from(exponential(&mut draws, f64::from(SIZE))).unwrap_or(u32::MAX),
        };
        let wait = nanos(link.queue_delay(now));
        if let Some(at) = arrival(&mut link, now, size) {
            delivered += 1;
            waited += u64::from(wait > 0);
            wait_ns += wait;
            sojourn_ns += nanos(at.saturating_since(now));
        }
    }
    Seen {
        mean_wait_ms: millis(wait_ns) / float(delivered),
        mean_sojourn_ms: millis(sojourn_ns) / float(delivered),
        waited: share(waited, delivered),
        lost: share(link.drops().queue, packets),
    }
}
