//! A clock that something is done to: drifting at one rate until a time, at another from there on, and leaping ahead now and then.
//!
//! Piece by piece it is a [`HostClock`]; each begins where the one before it was, or a leap further. It never runs backwards, as monotonic clocks do not. The way back gives the first true instant at
//! which it shows a time or a later one, so a timer that is set by it fires when the clock says so, to the nanosecond.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::HostClock;

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

/// From this true instant on, that clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    from: Instant,
    clock: HostClock,
}

impl Default for Clock {
    /// A clock that is right.
    fn default() -> Self {
        Self { pieces: vec![Piece { from: Instant::ZERO, clock: HostClock::default() }] }
    }
}

impl Clock {
    /// From the true instant `at` on the clock gains `drift_ppb` nanoseconds a second (loses them, if negative), having leapt ahead by `leap`. Adjustments come in order of time.
    pub fn adjust(&mut self, at: Instant, drift_ppb: i32, leap: Duration) {
        let shown = self.shown_at(at).saturating_add(leap);
        let unset = HostClock { offset_ns: 0, drift_ppb };
        let offset_ns = i128::from(shown.as_nanos()) - i128::from(unset.shows(at).as_nanos());
        let clock = HostClock { offset_ns: i64::try_from(offset_ns).unwrap_or(i64::MAX), drift_ppb };
        match self.pieces.last_mut() {
            Some(last) if last.from >= at => last.clock = clock,
            Some(_) | None => self.pieces.push(Piece { from: at, clock }),
        }
    }

    /// Whether it shows true time, always.
    pub fn is_right(&self) -> bool {
        self.pieces.iter().all(|piece| piece.clock == HostClock::default())
    }

    /// What it shows at a true instant.
    pub fn shown_at(&self, now: Instant) -> Instant {
        let after = self.pieces.partition_point(|piece| piece.from <= now);
        self.pieces[after.saturating_sub(1)].clock.shows(now)
    }

    /// The first true instant at which it shows `shown`, or more.
    pub fn first_shown(&self, shown: Instant) -> Instant {
        let after = self.pieces.partition_point(|piece| piece.clock.shows(piece.from) <= shown);
        let piece = self.pieces[after.saturating_sub(1)];
        let at = piece.clock.reaches(shown).max(piece.from);
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
        for at in [0, 1, 7_000_000_007, u64::MAX / 4].map(Instant::from_nanos) {
            assert_eq!((clock.shown_at(at), clock.first_shown(at)), (at, at));
        }
    }

    /// Theory: a clock of drift ρ is off by ρ·t, whatever t, and by no accumulated error.
    #[test]
    fn drift_is_exact_over_a_year() {
        let year = Instant::from_secs(365 * 86_400);
        for (ppm, off_ns) in [(200_i32, 6_307_200_000_000_i128), (-50, -1_576_800_000_000)] {
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
            adjustments in prop::collection::vec((0_u64..1 << 40, -100_000_000_i32..100_000_000, 0_u64..1 << 34), 0..4),
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
