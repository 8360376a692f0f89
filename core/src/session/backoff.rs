//! How long to wait before trying again.

use core::time::Duration;

use crate::rng::Rng;

/// Waits that double, each spread over its upper half so that a thousand clients of one lost server do not come back as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    tries: u32,
    rng: Rng,
}

impl Backoff {
    /// Waits from `first`, doubling up to `max`.
    pub const fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self { first, max, tries: 0, rng: Rng::new(seed) }
    }

    /// The next wait: between half and the whole of what the doubling has come to.
    pub fn next_wait(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX));
        self.tries = self.tries.saturating_add(1);
        let whole = doubled.min(self.max);
        let half_ns = u64::try_from(whole.as_nanos() / 2).unwrap_or(u64::MAX);
        Duration::from_nanos(half_ns.saturating_add(self.rng.below(half_ns.saturating_add(1))))
    }

    /// It worked: the next trouble begins with the first wait again.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(300), Duration::from_secs(5), 7);
        for whole_ms in [300, 600, 1200, 2400, 4800, 5000, 5000] {
            let wait = backoff.next_wait();
            assert!(wait >= Duration::from_millis(whole_ms / 2) && wait <= Duration::from_millis(whole_ms), "{wait:?} of {whole_ms} ms");
        }
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX, 1);
        assert!((0..10).all(|_| endless.next_wait() >= Duration::from_nanos(u64::MAX)), "longer than can be told");
        for _ in 0..100 {
            assert!(backoff.next_wait() <= Duration::from_secs(5));
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(300));
    }
}
