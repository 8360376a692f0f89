//! Time as the core is told it: nanoseconds since an epoch that the caller chose ([`Instant`]), and the date where credentials need it ([`UnixSeconds`]).
//!
//! The core never reads a clock. `std::time::Instant` cannot be built from a number, has no zero, and does not exist without `std`; this one is eight bytes that
//! order, hash and serialise. A `u64` of nanoseconds lasts 584 years, and arithmetic saturates there: time never wraps.

use core::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A point in time, in nanoseconds since an epoch of the caller's choice. The epoch is usually the start of the process or of the simulation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// The last instant that can be told, some 584 years after the epoch.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The instant `secs` seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant and `span` later, or [`Instant::MAX`] where that cannot be told.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Whether a timer set to this instant fires at `now`. One at the end of time never does: it stands for a time that cannot be told.
    pub const fn is_due(self, now: Self) -> bool {
        self.0 <= now.0 && self.0 < Self::MAX.0
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Seconds with nanosecond digits: `12.000000034s`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A date: whole seconds since 1970-01-01 UTC, leap seconds not counted. Credentials carry dates, because whoever issues them knows no other clock; machines run on [`Instant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// Reads decimal digits: no sign, no blank, nothing else. Zeros in front are allowed, for fields of fixed width.
    pub fn parse(text: &str) -> Option<Self> {
        // `str::parse` would allow a plus sign.
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Self)).flatten()
    }

    /// This date and `span` later, whole seconds only, or the last date there is.
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_secs()))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn adding_past_the_end_of_time_stays_there() {
        assert_eq!(Instant::MAX.saturating_add(Duration::from_secs(1)), Instant::MAX);
        assert_eq!(Instant::ZERO.saturating_add(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::from_secs(u64::MAX), Instant::MAX);
    }

    #[test]
    fn since_a_later_instant_is_zero() {
        assert_eq!(Instant::from_millis(1).saturating_since(Instant::from_millis(2)), Duration::ZERO);
        assert_eq!(Instant::from_millis(5).saturating_since(Instant::from_millis(2)), Duration::from_millis(3));
    }

    #[test]
    fn prints_every_nanosecond() {
        assert_eq!(format!("{}", Instant::from_nanos(12_000_000_034)), "12.000000034s");
    }

    #[test]
    fn a_date_is_digits_and_nothing_else() {
        assert_eq!(UnixSeconds::parse("1700000000"), Some(UnixSeconds(1_700_000_000)));
        assert_eq!(UnixSeconds::parse("0000000007"), Some(UnixSeconds(7)));
        assert_eq!(UnixSeconds::parse("18446744073709551615"), Some(UnixSeconds(u64::MAX)));
        for not_a_date in ["", "+1", "-1", " 1", "1 ", "1.0", "0x1", "1e3", "١", "18446744073709551616"] {
            assert_eq!(UnixSeconds::parse(not_a_date), None, "{not_a_date:?}");
        }
    }
}
