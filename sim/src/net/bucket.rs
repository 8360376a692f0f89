//! Token buckets: how much may go at once, and how fast it comes back.
//!
//! A bucket holds up to `burst` bytes of tokens and fills at `rate`. A packet that takes its size out of it *conforms*. One that does not is dropped by a policer and waits at a shaper:
//! so a policer loses the share `1 − r/λ` of a steady excess, and a shaper lets `N` bytes go in `(N − burst) / r`. Both begin full.
//!
//! Tokens are counted in nanobits, as the transmitter counts: at `r` bits per second each nanosecond brings exactly `r`. Nothing is rounded but the instant at which a packet may go,
//! up to the whole nanosecond, and what that nanosecond brought too much stays in the bucket.

use core::time::Duration;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::capacity::NANOBITS_PER_BYTE;

/// What a token bucket is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// How fast tokens come back.
    pub rate_bps: BitsPerSecond,
    /// How many it holds, in bytes; a larger packet never conforms.
    pub burst_bytes: u32,
}

/// A token bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate_bps: u128,
    /// What it holds at most, and what it held at `at`, in nanobits.
    full: u128,
    level: u128,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(config: BucketConfig) -> Self {
        let full = nanobits(config.burst_bytes.into());
        Self { rate_bps: config.rate_bps.into(), full, level: full, at: Instant::ZERO }
    }

    /// What it holds at `now`. Earlier than what was taken last, it holds what it held then.
    fn level_at(&self, now: Instant) -> u128 {
        let gone = now.as_nanos().saturating_sub(self.at.as_nanos());
        self.full.min(self.level.saturating_add(u128::from(gone) * self.rate_bps))
    }

    /// The first instant from `now` on at which a packet of that size conforms; none when it never does.
    pub(super) fn conforms(&self, now: Instant, wire_bytes: u64) -> Option<Instant> {
        let now = now.max(self.at);
        let (need, level) = (nanobits(wire_bytes), self.level_at(now));
        if need <= level {
            return Some(now);
        }
        if need > self.full || self.rate_bps == 0 {
            return None;
        }
        let wait = (need - level).div_ceil(self.rate_bps);
        Some(now.saturating_add(Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))))
    }

    /// Takes a packet's tokens at an instant at which it conforms.
    pub(super) fn take(&mut self, now: Instant, wire_bytes: u64) {
        let now = now.max(self.at);
        self.level = self.level_at(now).saturating_sub(nanobits(wire_bytes));
        self.at = now;
    }

    /// Whether a packet conforms at `now`; if it does, its tokens are taken.
    pub(super) fn admits(&mut self, now: Instant, wire_bytes: u64) -> bool {
        let conforms = nanobits(wire_bytes) <= self.level_at(now);
        if conforms {
            self.take(now, wire_bytes);
        }
        conforms
    }

    /// How fast tokens come back.
    pub(super) fn rate_bps(&self) -> BitsPerSecond {
        u64::try_from(self.rate_bps).expect("it came as one")
    }

    /// Whether a packet of that size can ever conform.
    pub(super) fn holds(&self, wire_bytes: u64) -> bool {
        nanobits(wire_bytes) <= self.full
    }
}

fn nanobits(bytes: u64) -> u128 {
    u128::from(bytes) * u128::from(NANOBITS_PER_BYTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_full_and_never_holds_more() {
        let mut bucket = Bucket::new(BucketConfig { rate_bps: 8_000, burst_bytes: 100 });
        let at = |ms| Instant::from_millis(ms);
        assert!(bucket.admits(at(0), 100) && !bucket.admits(at(0), 1), "a thousand bytes a second are one a millisecond");
        assert!(!bucket.admits(at(9), 10) && bucket.admits(at(10), 10));
        assert!(!bucket.admits(at(1000), 101) && bucket.admits(at(1000), 100), "what ran over is gone");
        assert_eq!(bucket.conforms(at(1000), 30), Some(at(1030)));
        assert_eq!(bucket.conforms(at(1000), 101), None);
    }

    // At 7 bits per second a byte takes 1.142857142… s. The n-th goes at ⌈8n/7⌉ s: nothing accumulates.
    #[test]
    fn what_a_nanosecond_brought_too_much_stays() {
        let mut bucket = Bucket::new(BucketConfig { rate_bps: 7, burst_bytes: 2 });
        bucket.take(Instant::ZERO, 2);
        let mut now = Instant::ZERO;
        for n in 1..1000_u64 {
            now = bucket.conforms(now, 1).expect("it holds a byte");
            bucket.take(now, 1);
            assert_eq!(now.as_nanos(), (n * 8_000_000_000).div_ceil(7), "byte {n}");
        }
    }
}
