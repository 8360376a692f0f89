//! A host's clock: affine between the times at which something is done to it.
//!
//! Between two adjustments a clock shows `shown + d + ⌊d · drift⌋` when `d` nanoseconds of true time have passed: one multiplication and one division of integers, no float and no
//! accumulated error. It never runs backwards, as monotonic clocks do not: it drifts, and it may leap ahead (a machine that slept). The way back gives the first true instant at which the
//! clock shows a time or a later one, so a timer that is set by the clock fires when the clock says so, to the nanosecond.

use core::time::Duration;

use greenroom_core::time::Instant;

/// What a host's clock shows, as a function of true time.
///
/// ```
/// use core::time::Duration;
/// use greenroom_core::time::Instant;
/// use greenroom_sim::net::clock::Clock;
///
/// let mut clock = Clock::default();
/// clock.adjust(Instant::from_secs(10), 200_000, Duration::ZERO); // 200 ppm fast from 10 s on
/// assert_eq!(clock.shown_at(Instant::from_secs(5)), Instant::from_secs(5));
/// assert_eq!(clock.shown_at(Instant::from_secs(20)), Instant::from_millis(20_002));
/// assert_eq!(clock.first_shown(Instant::from_millis(20_002)), Instant::from_secs(20));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// In order of time; the first begins at zero.
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// From this true instant on ...
    from: Instant,
    /// ... at which the clock shows this ...
    shown: Instant,
    /// ... it gains so many nanoseconds a second.
    drift_ppb: i64,
}

const BILLION: i128 = 1_000_000_000;
/// A clock that loses this much stands still: less is what can be asked for.
const SLOWEST_PPB: i64 = -999_999_999;

impl Default for Clock {
    /// A clock that is right.
    fn default() -> Self {
        Self { pieces: vec![Piece { from: Instant::ZERO, shown: Instant::ZERO, drift_ppb: 0 }] }
    }
}

impl Clock {
    /// From the true instant `at` on the clock gains `drift_ppb` nanoseconds a second (loses them, if negative), having leapt ahead by `leap`. Adjustments come in order of time.
    pub fn adjust(&mut self, at: Instant, drift_ppb: i64, leap: Duration) {
        let piece = Piece { from: at, shown: self.shown_at(at).saturating_add(leap), drift_ppb: drift_ppb.max(SLOWEST_PPB) };
        match self.pieces.last_mut() {
            Some(last) if last.from >= at => *last = Piece { from: last.from, ..piece },
            Some(_) | None => self.pieces.push(piece),
        }
    }

    /// Whether it shows true time, always.
    pub fn is_right(&self) -> bool {
        self.pieces.iter().all(|piece| piece.shown == piece.from && piece.drift_ppb == 0)
    }

    /// What it shows at a true instant.
    pub fn shown_at(&self, now: Instant) -> Instant {
        let after = self.pieces.partition_point(|piece| piece.from <= now);
        let piece = self.pieces[after.saturating_sub(1)];
        let passed = i128::from(now.as_nanos()) - i128::from(piece.from.as_nanos());
        let shown = i128::from(piece.shown.as_nanos()) + (passed * (BILLION + i128::from(piece.drift_ppb))).div_euclid(BILLION);
        Instant::from_nanos(u64::try_from(shown).unwrap_or(u64::MAX))
    }

    /// The first true instant at which it shows `shown`, or more.
    pub fn first_shown(&self, shown: Instant) -> Instant {
        let after = self.pieces.partition_point(|piece| piece.shown <= shown);
        let piece = self.pieces[after.saturating_sub(1)];
        let wanted = i128::from(shown.as_nanos()) - i128::from(piece.shown.as_nanos());
        let rate = BILLION + i128::from(piece.drift_ppb);
        let passed = -(-wanted * BILLION).div_euclid(rate); // rounded up
        let at = i128::from(piece.from.as_nanos()) + passed.max(0);
        let at = Instant::from_nanos(u64::try_from(at).unwrap_or(u64::MAX));
        // A leap shows at once what lies within it.
        self.pieces.get(after).map_or(at, |next| at.min(next.from))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_that_is_right_says_so() {
        let clock = Clock::default();
        assert!(clock.is_right());
        for at in [0, 1, 7_000_000_007, u64::MAX].map(Instant::from_nanos) {
            assert_eq!((clock.shown_at(at), clock.first_shown(at)), (at, at));
        }
    }

    /// Theory: a clock of drift ρ is off by ρ·t, whatever t, and by no accumulated error.
    #[test]
    fn drift_is_exact_over_a_year() {
        let year = Instant::from_secs(365 * 86_400);
        for (ppm, off_ns) in [(200_i64, 6_307_200_000_000_i128), (-50, -1_576_800_000_000)] {
            let mut clock = Clock::default();
            clock.adjust(Instant::ZERO, ppm * 1000, Duration::ZERO);
            assert_eq!(i128::from(clock.shown_at(year).as_nanos()) - i128::from(year.as_nanos()), off_ns);
        }
    }

    #[test]
    fn a_leap_is_shown_at_once() {
        let mut clock = Clock::default();
        clock.adjust(Instant::from_secs(10), 0, Duration::from_secs(3));
        assert_eq!(clock.shown_at(Instant::from_nanos(9_999_999_999)), Instant::from_nanos(9_999_999_999));
        assert_eq!(clock.shown_at(Instant::from_secs(10)), Instant::from_secs(13));
        assert_eq!(clock.first_shown(Instant::from_secs(11)), Instant::from_secs(10), "a timer within the leap fires at its end");
        assert_eq!(clock.first_shown(Instant::from_secs(14)), Instant::from_secs(11));
    }

    proptest! {
        #[test]
        fn timers_fire_when_the_clock_says_so(
            adjustments in prop::collection::vec((0_u64..1 << 40, -100_000_000_i64..100_000_000, 0_u64..1 << 34), 0..4),
            shown in 0_u64..1 << 42,
            step in 1_u64..1 << 20,
        ) {
            let mut clock = Clock::default();
            let mut adjustments = adjustments;
            adjustments.sort_unstable();
            for (at, drift_ppb, leap) in adjustments {
                clock.adjust(Instant::from_nanos(at), drift_ppb, Duration::from_nanos(leap));
            }
            let shown = Instant::from_nanos(shown);
            let at = clock.first_shown(shown);
            prop_assert!(clock.shown_at(at) >= shown, "it shows it then");
            if at > Instant::ZERO {
                prop_assert!(clock.shown_at(Instant::from_nanos(at.as_nanos() - 1)) < shown, "and not before");
            }
            prop_assert!(clock.shown_at(at.saturating_add(Duration::from_nanos(step))) >= clock.shown_at(at), "it never runs backwards");
        }
    }
}
