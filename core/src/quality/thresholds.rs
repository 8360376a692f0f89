//! The bars: what counts as how bad, as data.

use core::{fmt, time::Duration};

use super::{Share, scorer::delay_cost};
use crate::limits;

/// Most windows that a level can be held for before it improves. A choice: eight seconds is longer than anybody waits for a bar to recover, and bounds a scorer's memory.
pub const HOLD_WINDOWS_MAX: u8 = 4;

/// Points of quality, from 0 to 100, in billionths. They are meant as points of the E-model's R, and end at a hundred.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Points(u64);

impl Points {
    /// None.
    pub const ZERO: Self = Self(0);
    /// A hundred: nothing is wrong.
    pub const FULL: Self = Self::whole(100);

    /// Whole points.
    pub const fn whole(points: u32) -> Self {
        Self(points as u64 * 1_000_000_000)
    }

    /// Billionths of a point.
    pub const fn from_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    /// In billionths of a point.
    pub const fn billionths(self) -> u64 {
        self.0
    }

    /// What is left after a loss of points, none at least.
    #[must_use]
    pub const fn less(self, cost: Self) -> Self {
        Self(self.0.saturating_sub(cost.0))
    }
}

/// With three digits: `99.760`.
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.0.saturating_add(500_000) / 1_000_000;
        write!(f, "{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What counts as how bad. No vendor publishes its own; each default says where it comes from.
///
/// A window's points are the least of three: what delay, jitter and loss leave of a hundred, the rate against its target, and how little the picture stood still.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Thresholds {
    /// The least points for excellent, good, fair and poor, falling. 80, 70 and 60 are the lower bounds of "satisfied", "some users dissatisfied" and "many users dissatisfied" in ITU-T G.109
    /// Table 1; 45, with "nearly all dissatisfied" from 60 to 50 and "not recommended" below, is a choice: there, ten per cent of loss are still poor and fifteen very poor, as Jitsi's table
    /// has them.
    pub bars: [Points; 4],
    /// Loss at which half of [`Thresholds::loss_cost`] is taken: the codec's robustness `Bpl` of ITU-T G.107 clause 7.5. 10 %, as in rtcscore, between G.711's 4.3 bare and 25.1 with concealment. G.113 has no figure for Opus.
    pub loss_robustness: Share,
    /// What loss can take: the 95 of the same clause.
    pub loss_cost: Points,
    /// What each millisecond of delay takes, in thousandths of a point: 24, the slope of Cole and Rosenbluth's fit to G.107.
    pub delay_cost_millipoints_per_ms: u16,
    /// From where on a conversation suffers from delay: 177.3 ms, the kink of the same fit.
    pub delay_knee: Duration,
    /// What each millisecond beyond it takes on top: 110, likewise.
    pub late_cost_millipoints_per_ms: u16,
    /// What coding and playing add to the delay: 10 ms, as in Twilio's formula. The round trip stands for the one-way delay, because the far leg is assumed to be like the near one.
    pub processing: Duration,
    /// How much of the delay a jitter buffer adds, as a multiple of the jitter: 2, as in Twilio's and LiveKit's formulas.
    pub jitter_weight: u8,
    /// The share of the target rate that is enough: 90 %, because encoders do not meet a rate to the bit.
    pub rate_enough: Share,
    /// What a picture that stands still throughout would take: 200, so that half of the window is as bad as can be. A choice: a picture that moves half of the time is none.
    pub freeze_cost: Points,
    /// The weight of a window that is worse than the score so far, in per cent: 80, as in LiveKit.
    pub fall_pct: u8,
    /// And of one that is better: 40, likewise. From the bottom, three clean windows are enough for the highest bar.
    pub rise_pct: u8,
    /// The score falls no lower, so that the way back is not longer than the trouble: 20. LiveKit's is 30.
    pub floor: Points,
    /// A level is the worst of this many windows: 3, six seconds, and at most [`HOLD_WINDOWS_MAX`].
    pub hold_windows: u8,
    /// Packets that must have been expected for a window without a sample of the round-trip time to say anything: 10. Fewer are a fifth of a second of speech.
    pub packets_min: u32,
    /// The least share of a window in which media must have been meant to flow for it to be counted: more than half, as in LiveKit.
    pub active_min: Share,
    /// Silence after which there is no connection: 5 s, ten RTCP intervals of a video call.
    pub silence: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            bars: [Points::whole(80), Points::whole(70), Points::whole(60), Points::whole(45)],
            loss_robustness: Share::percent(10),
            loss_cost: Points::whole(95),
            delay_cost_millipoints_per_ms: 24,
            delay_knee: Duration::from_micros(177_300),
            late_cost_millipoints_per_ms: 110,
            processing: Duration::from_millis(10),
            jitter_weight: 2,
            rate_enough: Share::percent(90),
            freeze_cost: Points::whole(200),
            fall_pct: 80,
            rise_pct: 40,
            floor: Points::whole(20),
            hold_windows: 3,
            packets_min: 10,
            active_min: Share::percent(50),
            silence: Duration::from_secs(5),
        }
    }
}

/// Thresholds that make sense together: with them, worse is never better, and the best level can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Rules(Thresholds);

impl Rules {
    /// Checks thresholds.
    pub fn new(thresholds: Thresholds) -> Result<Self, BadThresholds> {
        let t = &thresholds;
        let bad = |field, expected| Err(BadThresholds { field, expected });
        if t.bars[0] > Points::FULL || !t.bars.windows(2).all(|pair| pair[0] > pair[1]) {
            return bad("bars", "four falling numbers of points, at most 100");
        }
        let untouched = Points::FULL.less(Points::from_billionths(delay_cost(t, nanos(t.processing))));
        if t.bars[0] > untouched {
            return bad("processing", "a delay that leaves a clean window above the highest bar");
        }
        if t.loss_robustness == Share::NONE {
            return bad("loss_robustness", "more than none");
        }
        if t.loss_cost > Points::whole(1000) {
            return bad("loss_cost", "at most 1000 points");
        }
        if t.rate_enough == Share::NONE {
            return bad("rate_enough", "more than none");
        }
        if t.freeze_cost > Points::whole(1000) {
            return bad("freeze_cost", "at most 1000 points");
        }
        if !(1..=100).contains(&t.fall_pct) {
            return bad("fall_pct", "1 to 100");
        }
        if !(1..=100).contains(&t.rise_pct) {
            return bad("rise_pct", "1 to 100");
        }
        if t.floor >= t.bars[3] {
            return bad("floor", "less than the lowest bar, or nothing could be very poor");
        }
        if !(1..=HOLD_WINDOWS_MAX).contains(&t.hold_windows) {
            return bad("hold_windows", "1 to 4");
        }
        Ok(Self(thresholds))
    }

    /// The thresholds.
    pub const fn thresholds(&self) -> &Thresholds {
        &self.0
    }
}

/// Why thresholds make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct BadThresholds {
    /// Which of them.
    pub field: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

/// A span as it is calculated with: at most [`limits::QUALITY_SPAN_MAX`], whose costs fit a `u64` with room.
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.min(limits::QUALITY_SPAN_MAX).as_nanos()).expect("a minute of nanoseconds fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense() {
        assert_eq!(Rules::new(Thresholds::default()), Ok(Rules::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let refused = |change: fn(&mut Thresholds)| {
            let mut thresholds = Thresholds::default();
            change(&mut thresholds);
            Rules::new(thresholds).expect_err("it makes no sense").field
        };
        assert_eq!(refused(|t| t.bars[1] = t.bars[0]), "bars");
        assert_eq!(refused(|t| t.bars[0] = Points::whole(101)), "bars");
        assert_eq!(refused(|t| t.processing = Duration::MAX), "processing");
        assert_eq!(refused(|t| t.loss_robustness = Share::NONE), "loss_robustness");
        assert_eq!(refused(|t| t.loss_cost = Points::from_billionths(u64::MAX)), "loss_cost");
        assert_eq!(refused(|t| t.rate_enough = Share::NONE), "rate_enough");
        assert_eq!(refused(|t| t.freeze_cost = Points::whole(1001)), "freeze_cost");
        assert_eq!(refused(|t| t.fall_pct = 0), "fall_pct");
        assert_eq!(refused(|t| t.rise_pct = 101), "rise_pct");
        assert_eq!(refused(|t| t.floor = t.bars[3]), "floor");
        assert_eq!(refused(|t| t.hold_windows = 0), "hold_windows");
        assert_eq!(refused(|t| t.hold_windows = 5), "hold_windows");
    }
}
