//! What is measured: one direction of a connection, over one window of time.

use core::{fmt, time::Duration};

use crate::{limits, stream::BitsPerSecond};

/// What one window of one direction says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Something was measured.
    Measured(Window),
    /// Too little happened to tell anything: the level stays as it is, or is not known yet.
    Unmeasured,
    /// There is no connection, or nothing at all came over it for [`Thresholds::silence`](super::Thresholds::silence).
    Disconnected,
}

/// One direction over one window.
///
/// Values beyond [`limits::QUALITY_SPAN_MAX`] count as that, and a freeze longer than the window as all of it: no input is too wild to be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// How long it lasted; a window without length counts as [`Window::CLEAN`]'s.
    pub span: Duration,
    /// Round-trip time to the server: the mean of the samples, zero where there are none. Who can tell in which direction packets wait leaves out what waits in the other one.
    pub rtt: Duration,
    /// Interarrival jitter (RFC 3550 section 6.4.1): of the worst stream.
    pub jitter: Duration,
    /// Packets that were expected and neither came nor were repaired: of sound or of pictures, whichever fares worse. Late ones came.
    pub loss: Share,
    /// What should flow of the media that is published, wanted and not muted; zero where nothing should.
    pub target_bps: BitsPerSecond,
    /// What did flow.
    pub actual_bps: BitsPerSecond,
    /// How long the picture stood still.
    pub freeze: Duration,
}

impl Window {
    /// Two seconds with nothing wrong.
    pub const CLEAN: Self = Self {
        span: limits::QUALITY_WINDOW,
        rtt: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: Share::NONE,
        target_bps: 0,
        actual_bps: 0,
        freeze: Duration::ZERO,
    };

    /// The window with what its media says left out, because none was meant to flow: it tells of delay and jitter alone.
    #[must_use]
    pub fn without_media(self) -> Self {
        Self { loss: Share::NONE, target_bps: 0, actual_bps: 0, freeze: Duration::ZERO, ..self }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::CLEAN
    }
}

/// A part of a whole, from none to all, in parts per billion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Share(u32);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(1_000_000_000);

    /// `part` of `whole`, to the nearest billionth. More than the whole is all of it; of nothing, any part is none.
    pub fn of(part: u64, whole: u64) -> Self {
        if whole == 0 {
            return Self::NONE;
        }
        if part >= whole {
            return Self::ALL;
        }
        let billionths = (u128::from(part) * 1_000_000_000 + u128::from(whole) / 2) / u128::from(whole);
        Self(u32::try_from(billionths).expect("a part smaller than the whole is at most a billion billionths"))
    }

    /// That many whole per cent, at most all.
    pub const fn percent(percent: u8) -> Self {
        if percent >= 100 { Self::ALL } else { Self(percent as u32 * 10_000_000) }
    }

    /// A number of per cent as a float: below none is none, as a count of losses that is negative because packets came twice; above all is all. What is no number is no share.
    pub fn from_percent(percent: f64) -> Option<Self> {
        if percent.is_nan() {
            return None;
        }
        let billionths = percent.clamp(0.0, 100.0) * 1e7 + 0.5;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and a billion")]
        Some(Self(billionths as u32))
    }

    /// In parts per billion.
    pub const fn billionths(self) -> u32 {
        self.0
    }

    /// In parts per million, to the nearest.
    pub const fn millionths(self) -> u32 {
        (self.0 + 500) / 1000
    }
}

/// In per cent: `12.5 %`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000_000, self.0 % 10_000_000);
        if rest == 0 {
            return write!(f, "{whole} %");
        }
        let (mut digits, mut width) = (rest, 7);
        while digits % 10 == 0 {
            (digits, width) = (digits / 10, width - 1);
        }
        write!(f, "{whole}.{digits:0width$} %")
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A float of milliseconds as a span, to the nearest nanosecond and at most [`limits::QUALITY_SPAN_MAX`]. What is negative or no number is no span.
pub fn span_of_ms(ms: f64) -> Option<Duration> {
    if ms.is_nan() || ms < 0.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a minute is 60,000 ms, which a float has")]
    let most = limits::QUALITY_SPAN_MAX.as_millis() as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and a minute of nanoseconds")]
    let nanos = (ms.min(most) * 1e6 + 0.5) as u64;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn shares_are_parts_of_wholes_and_nothing_else() {
        assert_eq!(Share::of(1, 3).billionths(), 333_333_333);
        assert_eq!(Share::of(2, 3).billionths(), 666_666_667);
        assert_eq!((Share::of(5, 0), Share::of(7, 5), Share::of(u64::MAX - 1, u64::MAX)), (Share::NONE, Share::ALL, Share::ALL));
        assert_eq!((Share::percent(20), Share::percent(250)), (Share::of(1, 5), Share::ALL));
        assert_eq!(["20 %", "12.5 %", "0.0000001 %"], [Share::of(1, 5), Share::of(1, 8), Share(1)].map(|share| format!("{share}")));
    }

    #[test]
    fn floats_at_the_edge_are_clamped_or_refused() {
        assert_eq!(Share::from_percent(3.0), Some(Share::percent(3)));
        assert_eq!((Share::from_percent(-1.0), Share::from_percent(f64::INFINITY)), (Some(Share::NONE), Some(Share::ALL)));
        assert_eq!((Share::from_percent(f64::NAN), span_of_ms(f64::NAN), span_of_ms(-0.001)), (None, None, None));
        assert_eq!(span_of_ms(177.3), Some(Duration::from_micros(177_300)));
        assert_eq!((span_of_ms(1e300), span_of_ms(-0.0)), (Some(limits::QUALITY_SPAN_MAX), Some(Duration::ZERO)));
    }
}
