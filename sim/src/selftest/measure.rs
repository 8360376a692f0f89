//! What is done to get the readings of each oracle.

mod chance;
mod exact;
mod queueing;
mod transfer;

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{Oracle, Traces};
use crate::net::{
    link::{Capacity, DropReason, Link, LinkConfig, Outage, Queue, QueueLimit, RateSchedule, Verdict},
    trace::Trace,
};

/// What an oracle is measured by: from the number of packets and a seed to its readings, in the order in which they are listed.
type Measure = fn(u64, u64) -> Vec<f64>;

/// All of them, by name.
const MEASURES: &[&[(&str, Measure)]] = &[exact::MEASURES, queueing::MEASURES, chance::MEASURES, transfer::MEASURES];

/// The names of all that can be measured.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MEASURES.iter().copied().flatten().map(|(name, _)| *name)
}

/// The readings of an oracle under a seed. One that nobody knows how to measure has none, and misses.
pub(super) fn measure(oracle: &Oracle, seed: u64, traces: &Traces) -> Vec<f64> {
    if !oracle.files.is_empty() {
        return oracle.files.iter().filter_map(|file| traces.get(file)).flat_map(averages).collect();
    }
    let found = MEASURES.iter().copied().flatten().find(|(name, _)| *name == oracle.id);
    found.map_or_else(Vec::new, |(_, measure)| measure(oracle.n.unwrap_or(0), seed))
}

/// Bytes of an opportunity in Mahimahi's logs: with its tunnel's header.
const LOGGED_BYTES: u64 = 1504;

/// Lines of a trace, its last time in ms, and its mean in Mbps as Mahimahi logs it.
fn averages(trace: &Trace) -> [f64; 3] {
    let (lines, last_ms) = (trace.opportunities_ms().len() as u64, u64::from(trace.round_ms()));
    [float(lines), float(last_ms), float(lines * LOGGED_BYTES * 8) / float(last_ms) / 1000.0]
}

/// 1250 bytes are 10,000 bits: 10 ms at 1 Mbps.
const SIZE: u32 = 1250;
const MBPS: u64 = 1_000_000;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A link of that rate, and nothing else.
fn plain(rate_bps: u64) -> LinkConfig {
    LinkConfig { capacity: Capacity::constant(rate_bps), overhead_bytes: 0, ..LinkConfig::default() }
}

fn stepped(steps: &[(u64, u64)]) -> LinkConfig {
    let steps = steps.iter().map(|(ms, rate)| (Instant::from_millis(*ms), Some(*rate))).collect();
    LinkConfig { capacity: RateSchedule::new(steps).expect("steps rise from zero").into(), overhead_bytes: 0, ..LinkConfig::default() }
}

/// A link that only delays.
fn wire(delay: Duration) -> LinkConfig {
    LinkConfig { delay, overhead_bytes: 0, ..LinkConfig::default() }
}

fn tail(limit: QueueLimit) -> Queue {
    Queue::DropTail(limit)
}

fn span(from_ms: u64, to_ms: u64) -> Outage {
    Outage { from: Instant::from_millis(from_ms), to: Instant::from_millis(to_ms) }
}

/// When a packet arrives that is offered to a link that decides at once; none when it is dropped.
fn arrival(link: &mut Link, now: Instant, size_bytes: u32) -> Option<Instant> {
    match link.offer(now, size_bytes) {
        Verdict::Deliver { at } | Verdict::DeliverTwice { at, .. } => Some(at),
        Verdict::Drop(_) | Verdict::Waits => None,
    }
}

fn is_lost(verdict: Verdict) -> bool {
    verdict == Verdict::Drop(DropReason::Loss)
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn millis(nanos: u64) -> f64 {
    float(nanos) / 1e6
}

fn as_ms(at: Instant) -> f64 {
    millis(at.as_nanos())
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn share(part: u64, whole: u64) -> f64 {
    float(part) / float(whole)
}
