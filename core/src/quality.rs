//! How good a connection is, from 0 to 6, up and down apart, with the reason; usable alone.
//!
//! Every two seconds, whoever carries the media hands in a [`Window`] for each direction: round-trip time, jitter, loss, the rate against what it should be, and how long the picture stood
//! still. A [`Scorer`] turns windows into a [`Level`], and says so only when the level changes:
//!
//! ```
//! use core::time::Duration;
//! use greenroom_core::quality::{Level, Reading, Reason, Rules, Scorer, Share, Window};
//!
//! let rules = Rules::default();
//! let mut downlink = Scorer::default();
//! assert_eq!(downlink.verdict().level, Level::Unknown);
//!
//! let clean = Reading::Measured(Window::CLEAN);
//! assert_eq!(downlink.update(&rules, &clean).map(|verdict| verdict.level), Some(Level::Excellent));
//! assert_eq!(downlink.update(&rules, &clean), None, "nothing has changed");
//!
//! let lossy = Reading::Measured(Window { loss: Share::of(1, 5), ..Window::CLEAN });
//! let verdict = downlink.update(&rules, &lossy).expect("a fifth of the packets is missing");
//! assert_eq!((verdict.level, verdict.reason), (Level::Poor, Reason::Loss(Share::of(1, 5))));
//! ```
//!
//! # The rules
//!
//! - **Worse at once, better slowly.** A bad window counts with its full weight; a level rises only when three windows in a row allow it, so that a connection on the edge of two levels does not
//!   flap (R-166).
//! - **Worse is never better** (R-165): more loss, delay or jitter, or less of the wanted rate, never improves a level. Tests hold that against tens of thousands of pairs.
//! - **Unknown is not bad.** 0 until something was measured, 6 while there is no connection, 1 to 5 otherwise (R-164).
//! - **Silence on purpose is no fault.** Media that is muted, paused, not subscribed to or not yet published has no target and loses nothing: see [`Gauge`].
//! - **Nobody scores anybody else.** Neither a [`Window`] nor a [`Reading`] names a member. A report that arrives on a member's own transport goes into that member's own [`Gauge`], and no message of
//!   [`wire`](crate::wire) carries a score: whoever lies in a report lies about the path between himself and the server.
//! - **Whole numbers.** A score is kept in billionths of a point, so that every platform says the same.
//!
//! What the bars are and where they come from stands with [`Thresholds`], and in `docs/QUALITY.md` with the points at which levels change. [`emodel`] has the ITU's models, for comparison.

mod counters;
pub mod emodel;
mod scorer;
mod thresholds;
mod window;

use core::fmt;

pub use self::{
    counters::{Activity, Counted, Counters, Gauge, Meter, ReceiverReport, ReportMeter, jitter_of},
    scorer::{Appraisal, Reason, Scorer, Verdict, appraise},
    thresholds::{BadThresholds, HOLD_WINDOWS_MAX, Points, Rules, Thresholds},
    window::{Reading, Share, Window, span_of_ms},
};

/// How good one direction of a connection is, with SparkRTC's numbers (3.5.3 `network-quality`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Nothing has been measured yet.
    Unknown = 0,
    /// Excellent.
    Excellent = 1,
    /// Good.
    Good = 2,
    /// Fair: some notice.
    Fair = 3,
    /// Poor: most notice.
    Poor = 4,
    /// Very poor: hardly a conversation.
    VeryPoor = 5,
    /// There is no connection.
    Disconnected = 6,
}

impl Level {
    /// Every level, by number.
    pub const ALL: [Self; 7] = [Self::Unknown, Self::Excellent, Self::Good, Self::Fair, Self::Poor, Self::VeryPoor, Self::Disconnected];

    /// Its number, 0 to 6.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::VeryPoor => "very poor",
            Self::Disconnected => "disconnected",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

/// Both directions of one member's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quality {
    up: Scorer,
    down: Scorer,
}

/// What is said of both directions when one of them has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkQuality {
    /// From the member to the server.
    pub up: Verdict,
    /// From the server to the member.
    pub down: Verdict,
}

impl Quality {
    /// Takes in a window of each direction. Tells how both stand if the level of one has changed: once, however many have.
    pub fn update(&mut self, rules: &Rules, up: &Reading, down: &Reading) -> Option<NetworkQuality> {
        let changes = [self.up.update(rules, up), self.down.update(rules, down)];
        changes.iter().any(Option::is_some).then(|| self.now())
    }

    /// How both directions stand.
    pub fn now(&self) -> NetworkQuality {
        NetworkQuality { up: self.up.verdict(), down: self.down.verdict() }
    }
}
