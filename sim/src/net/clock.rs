//! A host's clock: what it shows when the laboratory's clock shows the truth.
//!
//! Oscillators are off by a constant share, clocks by a constant: `local = true + offset + true · drift`. Quartz in consumer devices is within 50 to 100 parts per million; at 50 ppm an
//! hour is wrong by 180 ms. Everything is integer arithmetic, rounded down, so a clock never runs backwards and both directions of the translation agree.

mod adjusted;

use core::time::Duration;

use greenroom_core::time::Instant;

pub use self::adjusted::Clock;

/// A clock with a constant offset and a constant drift. The default is right.
///
/// ```
/// use core::time::Duration;
/// use greenroom_core::time::Instant;
/// use greenroom_sim::net::clock::HostClock;
///
/// let clock = HostClock { offset_ns: 0, drift_ppb: 50_000 }; // 50 parts per million fast
/// assert_eq!(clock.shows(Instant::from_secs(3600)), Instant::from_secs(3600).saturating_add(Duration::from_millis(180)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HostClock {
    /// What it shows at time zero, in nanoseconds; below zero it shows zero until it gets there.
    pub offset_ns: i64,
    /// By how much it is fast, in parts per billion; below zero it is slow. At −1,000,000,000 it stands still.
    pub drift_ppb: i32,
}

/// Parts of a billion.
const BILLION: i128 = 1_000_000_000;

impl HostClock {
    /// A clock that is fast by so many parts per million; slow, if negative.
    pub const fn drifting_ppm(ppm: i16) -> Self {
        Self { offset_ns: 0, drift_ppb: ppm as i32 * 1000 }
    }

    /// What the clock shows at a true time.
    pub fn shows(self, truth: Instant) -> Instant {
        let truth = i128::from(truth.as_nanos());
        let rate = (BILLION + i128::from(self.drift_ppb)).max(0);
        instant((truth * rate).div_euclid(BILLION) + i128::from(self.offset_ns))
    }

    /// The first true time at which the clock shows `local` or later: when a timer set on this host fires. [`Instant::MAX`] on a clock that never gets there.
    pub fn reaches(self, local: Instant) -> Instant {
        let rate = (BILLION + i128::from(self.drift_ppb)).max(0);
        let ahead = i128::from(local.as_nanos()) - i128::from(self.offset_ns);
        if local == Instant::ZERO || ahead <= 0 {
            return Instant::ZERO;
        }
        if rate == 0 {
            return Instant::MAX;
        }
        // floor(t · rate / B) ≥ ahead exactly when t · rate ≥ ahead · B.
        instant((ahead * BILLION + rate - 1).div_euclid(rate))
    }

    /// How long a true `span` is on this clock.
    pub fn measures(self, span: Duration) -> Duration {
        let span = Self { offset_ns: 0, ..self }.shows(Instant::ZERO.saturating_add(span));
        span.saturating_since(Instant::ZERO)
    }
}

fn instant(nanos: i128) -> Instant {
    Instant::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fifty_parts_per_million_are_180_ms_an_hour() {
        let hour = Instant::from_secs(3600);
        assert_eq!(HostClock::drifting_ppm(50).shows(hour).as_nanos(), 3_600_180_000_000);
        assert_eq!(HostClock::drifting_ppm(-50).shows(hour).as_nanos(), 3_599_820_000_000);
        assert_eq!(HostClock::drifting_ppm(200).measures(Duration::from_secs(10)), Duration::from_millis(10_002));
    }

    #[test]
    fn a_clock_behind_shows_zero_until_it_gets_there_and_one_that_stands_never_does() {
        let behind = HostClock { offset_ns: -1_000, drift_ppb: 0 };
        assert_eq!([999, 1000, 1001].map(|ns| behind.shows(Instant::from_nanos(ns)).as_nanos()), [0, 0, 1]);
        let standing = HostClock { offset_ns: 7, drift_ppb: -1_000_000_000 };
        assert_eq!(standing.shows(Instant::MAX).as_nanos(), 7);
        assert_eq!([standing.reaches(Instant::from_nanos(7)), standing.reaches(Instant::from_nanos(8))], [Instant::ZERO, Instant::MAX]);
    }

    proptest! {
        #[test]
        fn a_timer_fires_at_the_first_instant_at_which_it_is_due(at in 0_u64..1 << 60, offset_ns in -1_i64 << 40..1 << 40, drift_ppb in -900_000_000..=900_000_000) {
            let clock = HostClock { offset_ns, drift_ppb };
            let local = Instant::from_nanos(at);
            let fires = clock.reaches(local);
            prop_assert!(clock.shows(fires) >= local);
            if fires > Instant::ZERO {
                prop_assert!(clock.shows(Instant::from_nanos(fires.as_nanos() - 1)) < local);
            }
        }
    }
}
