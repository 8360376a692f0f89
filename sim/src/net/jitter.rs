//! Jitter: what is added to the delay of each packet, after the queue.
//!
//! It delays, and neither queues nor uses capacity. Whether packets may overtake each other is a choice:
//!
//! - *with reordering*: each packet is delayed for itself. Neighbours that were sent `g` apart with uniform jitter of range `J > g` change places with the chance `(1 − g/J)² / 2`;
//! - *without* (the NR-BPDV of RFC 8868 section 4.5.2): a packet that would overtake comes right behind the one before it. With `j(n)` the instant at which the packet's first bit comes,
//!   `j(n) ≥ j(n − 1) + serial(n − 1)`: no two packets come closer together than the transmitter sent them.
//!
//! The normal distributions come from [`Stream::normal`]; the draw is scaled and rounded down to the nanosecond.

use core::time::Duration;

use crate::random::Stream;

/// What is added to the delay of each packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    /// How it is distributed.
    pub spread: Spread,
    /// Whether packets may overtake each other.
    pub reorder: bool,
}

/// How jitter is distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// There is none.
    #[default]
    None,
    /// Uniform, both ends included. Below zero it is taken from the delay; a packet comes at the earliest when its last bit is sent.
    Uniform {
        /// The least.
        min_ns: i64,
        /// The most.
        max_ns: i64,
    },
    /// Normal around zero, cut at `± clip_ns`.
    Normal {
        /// Its standard deviation.
        std_ns: u64,
        /// Where it is cut, on both sides.
        clip_ns: u64,
    },
    /// The size of a normal number cut at `max_ns`: the distribution that RFC 8868 section 4.5.3 recommends, with 5 ms and three times that. Its mean there is 3.9856 ms.
    Rfc8868 {
        /// Its standard deviation.
        std_ns: u64,
        /// Where it is cut.
        max_ns: u64,
    },
}

impl Jitter {
    /// No jitter.
    pub const NONE: Self = Self { spread: Spread::None, reorder: false };

    /// Uniform from zero to `most`, without reordering.
    pub fn up_to(most: Duration) -> Self {
        match i64::try_from(most.as_nanos()).unwrap_or(i64::MAX) {
            0 => Self::NONE,
            max_ns => Self { spread: Spread::Uniform { min_ns: 0, max_ns }, reorder: false },
        }
    }

    /// The same, with packets overtaking each other.
    #[must_use]
    pub const fn reordering(self) -> Self {
        Self { reorder: true, ..self }
    }

    /// Whether there is any.
    pub const fn is_none(self) -> bool {
        matches!(self.spread, Spread::None)
    }
}

impl Spread {
    /// By how much a packet can come before its delay is over.
    pub fn most_early(self) -> Duration {
        let least_ns = match self {
            Self::None | Self::Rfc8868 { .. } => 0,
            Self::Uniform { min_ns, max_ns } => min_ns.min(max_ns),
            Self::Normal { clip_ns, .. } => i64::try_from(clip_ns).map_or(i64::MIN, |clip_ns| -clip_ns),
        };
        Duration::from_nanos(least_ns.min(0).unsigned_abs())
    }

    /// The next number. Each kind takes the same draws for every packet.
    #[inline]
    pub(super) fn draw(self, stream: &mut Stream) -> i64 {
        match self {
            Self::None => 0,
            Self::Uniform { min_ns, max_ns } => {
                let range = max_ns.abs_diff(min_ns.min(max_ns)).saturating_add(1);
                min_ns.min(max_ns).saturating_add_unsigned(stream.below(range))
            }
            Self::Normal { std_ns, clip_ns } => normal(stream, std_ns, clip_ns),
            Self::Rfc8868 { std_ns, max_ns } => normal(stream, std_ns, max_ns).saturating_abs(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a deviation above 104 days loses its last nanosecond")]
#[expect(clippy::cast_possible_truncation, reason = "a cast of a double saturates")]
fn normal(stream: &mut Stream, std_ns: u64, clip_ns: u64) -> i64 {
    let clip = i64::try_from(clip_ns).unwrap_or(i64::MAX);
    let drawn = libm::floor(stream.normal() * std_ns as f64) as i64;
    drawn.clamp(-clip, clip)
}
