//! Named random streams: every source of chance in the laboratory has its own, found by name.
//!
//! A stream belongs to an owner ("the downlink of dia") and a purpose ("loss"). Its key is a hash of the run's seed and those two names, so a stream's draws depend on
//! nothing else: one more client, one more purpose, or another order of calls shifts nobody's luck. Two runs that differ in one thing stay comparable draw by draw
//! (common random numbers), which a single shared generator cannot offer.
//!
//! The generator is ChaCha with 8 rounds: its output is fixed by its specification, so it is the same on every platform and in every version of the crate (`StdRng` and
//! `SmallRng` promise neither), and streams under different keys are independent. The hash is XXH3-128, whose output its specification fixes as well.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Parts per billion that make a certainty.
pub const CERTAIN_PPB: u32 = 1_000_000_000;

/// A random stream with a name.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream that `owner` draws from for `purpose` in the run of that seed.
    ///
    /// ```
    /// use greenroom_sim::random::Stream;
    ///
    /// let mut loss = Stream::new(7, "dia/down", "loss");
    /// let mut jitter = Stream::new(7, "dia/down", "jitter");
    /// assert_ne!(loss.below(u64::MAX), jitter.below(u64::MAX));
    /// assert_eq!(Stream::new(7, "dia/down", "loss").below(6), Stream::new(7, "dia/down", "loss").below(6));
    /// ```
    pub fn new(seed: u64, owner: &str, purpose: &str) -> Self {
        // The owner's length stands before it, so that ("ab", "c") and ("a", "bc") are two names.
        let mut name = Vec::with_capacity(16 + owner.len() + purpose.len());
        name.extend_from_slice(&seed.to_le_bytes());
        name.extend_from_slice(&(owner.len() as u64).to_le_bytes());
        name.extend_from_slice(owner.as_bytes());
        name.extend_from_slice(purpose.as_bytes());

        // Two lanes of 128 bits fill the key.
        let mut key = [0; 32];
        key[..16].copy_from_slice(&xxh3_128_with_seed(&name, 0).to_le_bytes());
        key[16..].copy_from_slice(&xxh3_128_with_seed(&name, 1).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number from 0 to `n - 1`, each as likely as any other. `n` is at least 1; for 0 the answer is 0.
    ///
    /// Lemire's method ("Fast Random Integer Generation in an Interval", 2019): the high half of a product is the answer, and the few products that would favour some
    /// answers are drawn again. A division is needed only when that may be the case.
    pub fn below(&mut self, n: u64) -> u64 {
        debug_assert!(n > 0, "there is no number below 0");
        let mut product = u128::from(self.0.next_u64()) * u128::from(n);
        if low(product) < n {
            let unfair = n.wrapping_neg().checked_rem(n).unwrap_or(0);
            while low(product) < unfair {
                product = u128::from(self.0.next_u64()) * u128::from(n);
            }
        }
        high(product)
    }

    /// Whether something happens that has a chance of `ppb` in a billion. [`CERTAIN_PPB`] and more always happens.
    pub fn chance(&mut self, ppb: u32) -> bool {
        self.below(u64::from(CERTAIN_PPB)) < u64::from(ppb)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
const fn low(product: u128) -> u64 {
    product as u64
}

const fn high(product: u128) -> u64 {
    (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_draws(seed: u64, owner: &str, purpose: &str) -> [u64; 3] {
        let mut stream = Stream::new(seed, owner, purpose);
        [stream.below(u64::MAX), stream.below(u64::MAX), stream.below(1000)]
    }

    // These numbers are part of every trace hash. They change only on purpose, and then the commit says so.
    #[test]
    fn draws_are_pinned() {
        assert_eq!(first_draws(0, "", ""), [11_942_604_074_896_693_228, 2_214_546_487_004_364_209, 653]);
        assert_eq!(first_draws(7, "dia/down", "loss"), [9_499_604_015_609_214_124, 7_548_313_088_822_084_258, 816]);
        assert_eq!(first_draws(7, "dia/down", "jitter"), [15_188_124_324_552_638_524, 16_180_749_591_209_773_119, 660]);
        assert_eq!(first_draws(8, "dia/down", "loss"), [619_915_137_249_519_120, 9_336_578_151_503_807_822, 508]);
    }

    #[test]
    fn a_name_is_owner_and_purpose_not_their_concatenation() {
        assert_ne!(first_draws(1, "ab", "c"), first_draws(1, "a", "bc"));
        assert_ne!(first_draws(1, "a", ""), first_draws(1, "", "a"));
    }

    #[test]
    fn every_number_below_n_is_equally_likely() {
        const DRAWS: u32 = 600_000;
        let mut stream = Stream::new(1, "die", "throw");
        let mut counts = [0_u32; 6];
        for _ in 0..DRAWS {
            counts[usize::try_from(stream.below(6)).expect("below 6")] += 1;
        }
        // Chi-square with 5 degrees of freedom: 20.5 is exceeded once in a thousand.
        let expected = f64::from(DRAWS) / 6.0;
        let chi_square: f64 = counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert!(chi_square < 20.5, "{counts:?} gives {chi_square}");
    }

    #[test]
    fn below_one_and_the_certain_and_the_impossible_are_no_matter_of_luck() {
        let mut stream = Stream::new(1, "fate", "test");
        for _ in 0..1000 {
            assert_eq!(stream.below(1), 0);
            assert!(stream.chance(CERTAIN_PPB));
            assert!(!stream.chance(0));
        }
    }

    // A range just above half of 2^64 is where a careless method is off by a factor of two: nearly half of all draws must be repeated.
    #[test]
    fn a_range_that_does_not_divide_the_generators_stays_fair() {
        let n = (1 << 63) + (1 << 62);
        let mut stream = Stream::new(1, "wide", "test");
        let thirds = (0..30_000).fold([0_u32; 3], |mut counts, _| {
            counts[usize::try_from(stream.below(n) / (n / 3)).expect("below 3")] += 1;
            counts
        });
        // Standard deviation of a third of 30,000 is 82; four of them.
        assert!(thirds.iter().all(|&c| c.abs_diff(10_000) < 330), "{thirds:?}");
    }
}
