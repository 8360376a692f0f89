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
///
/// The generator makes 32 numbers at a time, of four cache lines, and says in another one how far it is. Who draws for hundreds of links in turn has none of them at hand: so some numbers wait in a line of
/// their own, with the count of those that were taken.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Stream {
    ready: [u64; READY],
    taken: usize,
    generator: ChaCha8Rng,
}

/// Numbers that wait: as many as fit into a cache line of 64 bytes beside their count.
const READY: usize = 7;

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
        Self { ready: [0; READY], taken: READY, generator: ChaCha8Rng::from_seed(key) }
    }

    /// The next number of the generator.
    #[inline]
    fn next(&mut self) -> u64 {
        if self.taken == READY {
            self.refill();
        }
        let next = self.ready[self.taken];
        self.taken += 1;
        next
    }

    #[inline(never)]
    fn refill(&mut self) {
        for number in &mut self.ready {
            *number = self.generator.next_u64();
        }
        self.taken = 0;
    }

    /// A number from 0 to `n - 1`, each as likely as any other. `n` is at least 1; for 0 the answer is 0.
    ///
    /// Lemire's method ("Fast Random Integer Generation in an Interval", 2019): the high half of a product is the answer, and the few products that would favour some
    /// answers are drawn again. A division is needed only when that may be the case.
    pub fn below(&mut self, n: u64) -> u64 {
        debug_assert!(n > 0, "there is no number below 0");
        let mut product = u128::from(self.next()) * u128::from(n);
        if low(product) < n {
            let unfair = n.wrapping_neg().checked_rem(n).unwrap_or(0);
            while low(product) < unfair {
                product = u128::from(self.next()) * u128::from(n);
            }
        }
        high(product)
    }

    /// Whether something happens that has a chance of `ppb` in a billion. [`CERTAIN_PPB`] and more always happens.
    pub fn chance(&mut self, ppb: u32) -> bool {
        self.below(u64::from(CERTAIN_PPB)) < u64::from(ppb)
    }

    /// A number between 0 and 1, neither of them: the middle of one of 2^53 equal parts. It takes exactly one draw.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A number of the normal distribution with mean 0 and standard deviation 1. It takes exactly one draw, so the n-th number stands at the n-th place of the stream.
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.unit())
    }

    /// A number of the exponential distribution with mean 1: times between events that do not know of each other. It takes exactly one draw.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }
}

/// The value below which a share `p` of the standard normal distribution lies, to about 16 digits.
///
/// Wichura's algorithm AS 241 ("The Percentage Points of the Normal Distribution", Applied Statistics 37, 1988): quotients of two polynomials, and a logarithm and a root in the tails.
/// Sums, products and quotients of doubles are the same on every machine (IEEE 754, and Rust never fuses them); the logarithm and the root are `libm`'s, which is plain Rust. So are
/// therefore the results: bit by bit, on every platform.
fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTRE.0, r) / polynomial(&CENTRE.1, r);
    }
    let r = libm::sqrt(-libm::log(if q < 0.0 { p } else { 1.0 - p }));
    let beyond = if r <= 5.0 {
        polynomial(&TAIL.0, r - 1.6) / polynomial(&TAIL.1, r - 1.6)
    } else {
        polynomial(&FAR.0, r - 5.0) / polynomial(&FAR.1, r - 5.0)
    };
    if q < 0.0 { -beyond } else { beyond }
}

/// A polynomial with these coefficients, the lowest power first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    // Horner's rule, in separate steps on purpose: a fused one would round differently.
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Numerator and denominator near the centre, of AS 241's PPND16.
#[expect(clippy::excessive_precision, reason = "as they were published")]
const CENTRE: ([f64; 8], [f64; 8]) = (
    [
        3.387_132_872_796_366_608_0,
        133.141_667_891_784_377_45,
        1_971.590_950_306_551_442_7,
        13_731.693_765_509_461_125,
        45_921.953_931_549_871_457,
        67_265.770_927_008_700_853,
        33_430.575_583_588_128_105,
        2_509.080_928_730_122_672_7,
    ],
    [
        1.0,
        42.313_330_701_600_911_252,
        687.187_007_492_057_908_30,
        5_394.196_021_424_751_107_7,
        21_213.794_301_586_595_867,
        39_307.895_800_092_710_610,
        28_729.085_735_721_942_674,
        5_226.495_278_852_854_561_0,
    ],
);
/// Numerator and denominator in the tails.
#[expect(clippy::excessive_precision, reason = "as they were published")]
const TAIL: ([f64; 8], [f64; 8]) = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);
/// Numerator and denominator far out, where one in a hundred thousand million falls.
#[expect(clippy::excessive_precision, reason = "as they were published")]
const FAR: ([f64; 8], [f64; 8]) = (
    [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

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
