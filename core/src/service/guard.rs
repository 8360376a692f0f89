//! What keeps hostile peers within bounds: shares of requests, and memory of failures.
//!
//! A share is a *token bucket*, kept as the generic cell rate algorithm keeps it (ITU-T I.371): not as a count of tokens that somebody must refill, but as the one instant at which
//! it will be full again. Taking moves the instant into the future; time fills the bucket by passing. It needs no timer and eight bytes.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::{id::SourceId, limits, time::Instant, wire::ClientMessage};

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// The time in which one more may be taken.
    interval: Duration,
    /// How many may be taken at once when it is full.
    burst: u32,
}

pub(super) const COMMANDS: Rate = Rate { interval: limits::COMMAND_INTERVAL, burst: limits::COMMAND_BURST };
const SUBSCRIBES: Rate = Rate { interval: limits::SUBSCRIBE_INTERVAL, burst: limits::SUBSCRIBE_BURST };
const FAILED_JOINS: Rate = Rate { interval: limits::FAILED_JOIN_INTERVAL, burst: limits::FAILED_JOIN_BURST };
const REFUSALS: Rate = Rate { interval: limits::REFUSAL_INTERVAL, burst: limits::REFUSAL_BURST };

/// A token bucket: when it will be full. The default is full since ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// Takes that many, if there are as many.
    pub(super) fn take(&mut self, now: Instant, rate: Rate, count: u32) -> bool {
        let full_at = self.full_at.max(now).saturating_add(rate.interval * count);
        let fits = full_at.saturating_since(now) <= rate.interval * rate.burst;
        if fits {
            self.full_at = full_at;
        }
        fits
    }
}

/// The shares of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shares {
    commands: Bucket,
    subscribes: Bucket,
    pings: Bucket,
    refusals: Bucket,
}

impl Shares {
    /// Whether a message is within its share. Each kind has its own, so that turning pages costs no heartbeat and heartbeats cost no command.
    pub(super) fn allow(&mut self, now: Instant, message: &ClientMessage) -> bool {
        match message {
            ClientMessage::Subscribe { .. } | ClientMessage::Unsubscribe { .. } => self.subscribes.take(now, SUBSCRIBES, 1),
            // A list costs as much as what it lists. A room takes no longer list than counts here.
            ClientMessage::SubscribeVideo { wanted } => {
                let wishes = wanted.len().clamp(1, limits::SUBSCRIPTIONS_PER_MEMBER);
                self.subscribes.take(now, SUBSCRIBES, u32::try_from(wishes).unwrap_or(u32::MAX))
            }
            ClientMessage::Ping => self.pings.take(now, COMMANDS, 1),
            ClientMessage::Join { .. }
            | ClientMessage::Leave
            | ClientMessage::Publish { .. }
            | ClientMessage::Update { .. }
            | ClientMessage::Unpublish { .. }
            | ClientMessage::Mute { .. }
            | ClientMessage::SwitchRole { .. }
            | ClientMessage::Renew { .. }
            | ClientMessage::Rename { .. }
            | ClientMessage::LimitBandwidth { .. }
            | ClientMessage::Audience
            | ClientMessage::Media { .. }
            | ClientMessage::Unknown => self.commands.take(now, COMMANDS, 1),
        }
    }

    /// Notes a refusal. False: it was one too many.
    pub(super) fn forgive(&mut self, now: Instant) -> bool {
        self.refusals.take(now, REFUSALS, 1)
    }
}

/// Sources whose joins failed lately, a bounded number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Failures {
    by_source: BTreeMap<SourceId, Bucket>,
    /// When each will be forgiven, first to last.
    by_end: BTreeSet<(Instant, SourceId)>,
}

impl Failures {
    /// Whether joins from there are not looked at for now.
    pub(super) fn block(&self, now: Instant, source: SourceId) -> bool {
        self.by_source.get(&source).is_some_and(|bucket| !bucket.clone().take(now, FAILED_JOINS, 1))
    }

    /// Notes a failed join.
    pub(super) fn note(&mut self, now: Instant, source: SourceId) {
        let mut bucket = self.by_source.remove(&source).unwrap_or_default();
        self.by_end.remove(&(bucket.full_at, source));
        bucket.take(now, FAILED_JOINS, 1);
        // Two go for each that comes, so that those forgiven are forgotten in time.
        for _ in 0..2 {
            let full = self.by_end.len() >= limits::FAILED_JOIN_SOURCES;
            if let Some(&(end, first)) = self.by_end.first()
                && (end <= now || full)
            {
                self.by_end.pop_first();
                self.by_source.remove(&first);
            }
        }
        self.by_source.insert(source, bucket);
        self.by_end.insert((bucket.full_at, source));
    }

    /// How many sources are remembered.
    pub(super) fn len(&self) -> usize {
        self.by_source.len()
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.by_source.len() <= limits::FAILED_JOIN_SOURCES, "too many sources are remembered");
        let listed = self.by_source.iter().all(|(source, bucket)| self.by_end.contains(&(bucket.full_at, *source)));
        assert!(listed && self.by_end.len() == self.by_source.len(), "sources and their ends differ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { interval: Duration::from_millis(50), burst: 3 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_in_each_interval() {
        let mut bucket = Bucket::default();
        let at = Instant::from_millis;
        let taken = |bucket: &mut Bucket, now| core::iter::repeat_with(|| bucket.take(now, RATE, 1)).take_while(|taken| *taken).count();
        assert_eq!(taken(&mut bucket, at(1000)), 3);
        assert_eq!(taken(&mut bucket, at(1049)), 0);
        assert_eq!(taken(&mut bucket, at(1050)), 1);
        assert_eq!(taken(&mut bucket, at(1150)), 2);
        assert_eq!(taken(&mut bucket, at(9000)), 3, "no more than it holds");
    }

    #[test]
    fn a_bucket_gives_all_of_a_lot_or_nothing_of_it() {
        let mut bucket = Bucket::default();
        let now = Instant::from_secs(1);
        assert!(!bucket.take(now, RATE, 4));
        assert!(bucket.take(now, RATE, 2) && !bucket.take(now, RATE, 2) && bucket.take(now, RATE, 1));
    }

    #[test]
    fn a_bucket_at_the_end_of_time_gives_what_is_asked() {
        let mut bucket = Bucket::default();
        assert!((0..10).all(|_| bucket.take(Instant::MAX, RATE, 1)), "nothing can be told there any more");
    }

    #[test]
    fn ten_failures_block_a_source_and_time_forgives_them() {
        let mut failures = Failures::default();
        let (now, source, other) = (Instant::from_secs(5), SourceId(1), SourceId(2));
        for _ in 0..limits::FAILED_JOIN_BURST {
            assert!(!failures.block(now, source));
            failures.note(now, source);
        }
        assert!(failures.block(now, source) && !failures.block(now, other));
        assert!(!failures.block(now.saturating_add(limits::FAILED_JOIN_INTERVAL), source));
    }

    #[test]
    fn memory_of_sources_is_bounded_and_the_forgiven_go_first() {
        let mut failures = Failures::default();
        let now = Instant::from_secs(1);
        (0..10).for_each(|_| failures.note(now, SourceId(0)));
        for source in 1..30_000 {
            failures.note(now, SourceId(source));
        }
        failures.check_invariants();
        assert_eq!(failures.len(), limits::FAILED_JOIN_SOURCES);
        assert!(failures.block(now, SourceId(0)), "others will be forgiven sooner");
        // A minute later nobody needs to be remembered, and what comes then drives out twice as many.
        let later = Instant::from_secs(100);
        for source in 40_000..60_000 {
            failures.note(later, SourceId(source));
        }
        failures.note(Instant::from_secs(200), SourceId(0));
        assert!(failures.len() <= limits::FAILED_JOIN_SOURCES);
        failures.check_invariants();
    }
}
