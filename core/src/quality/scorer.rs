//! From windows to levels, for one direction.
//!
//! ```text
//! d      = rtt + 2 · jitter + 10 ms                      the E-model's delay, as Twilio estimates it
//! Id     = 0.024 · d + 0.11 · max(0, d − 177.3 ms)       Cole and Rosenbluth's fit to ITU-T G.107
//! Ie     = 95 · p / (p + 10 %)                           the loss term of G.107 clause 7.5
//! points = min(100 − Id − Ie,  100 · (actual / target) / 0.9,  100 − 200 · freeze / window)
//! score  = the first points, then 0.8 · points + 0.2 · score on the way down, 0.4 and 0.6 on the way up; 20 at least
//! level  = the worst of three windows, with bars at 80, 70, 60 and 45
//! ```
//!
//! Only sums, products and quotients of whole numbers: points are kept in billionths, delays in nanoseconds. Products are exact; every quotient is rounded to the nearest, halves up. Each step keeps the order
//! of its arguments, and so does rounding: that is why a worse window can never lead to a better level.

use super::{
    Level, Reading, Share, Window,
    thresholds::{HOLD_WINDOWS_MAX, Points, Rules, Thresholds, nanos},
};

/// The level of one direction over time. At most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Scorer(State);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
enum State {
    /// Nothing was measured, or nothing since the connection came.
    #[default]
    Unmeasured,
    /// There is no connection.
    Disconnected,
    /// Something was.
    Measured {
        score: Points,
        /// The windows that decide, newest first; excellent where there have not been so many. A window that says nothing new has no place here.
        recent: [Verdict; HOLD_WINDOWS_MAX as usize],
    },
}

/// A level, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// The level.
    pub level: Level,
    /// Of what is wrong, the worst; as it was in the window that brought the level about.
    pub reason: Reason,
}

/// What decided a level, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing is wrong that would cost a level.
    Clear,
    /// Nothing has been measured.
    Unmeasured,
    /// There is no connection.
    Disconnected,
    /// Packets that did not come.
    Loss(Share),
    /// The round-trip time.
    Delay {
        /// In microseconds.
        rtt_us: u32,
    },
    /// Packets that came unevenly.
    Jitter {
        /// In microseconds.
        jitter_us: u32,
    },
    /// How much of the target rate there was.
    Rate(Share),
    /// How much of the window the picture stood still.
    Freeze(Share),
}

impl Reason {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Unmeasured => "unmeasured",
            Self::Disconnected => "disconnected",
            Self::Loss(_) => "loss",
            Self::Delay { .. } => "delay",
            Self::Jitter { .. } => "jitter",
            Self::Rate(_) => "rate",
            Self::Freeze(_) => "freeze",
        }
    }
}

impl Verdict {
    const UNKNOWN: Self = Self { level: Level::Unknown, reason: Reason::Unmeasured };
    const EXCELLENT: Self = Self { level: Level::Excellent, reason: Reason::Clear };
    const DISCONNECTED: Self = Self { level: Level::Disconnected, reason: Reason::Disconnected };
}

/// What one window is worth by itself, without those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Appraisal {
    /// Its points.
    pub points: Points,
    /// The level they stand for.
    pub level: Level,
    /// What cost the most; [`Reason::Clear`] only where it is excellent.
    pub reason: Reason,
}

impl Scorer {
    /// Takes in one window. Tells the level and its reason if the level has changed.
    pub fn update(&mut self, rules: &Rules, reading: &Reading) -> Option<Verdict> {
        let before = self.verdict().level;
        match (reading, &mut self.0) {
            (Reading::Disconnected, state) => *state = State::Disconnected,
            (Reading::Unmeasured, state @ State::Disconnected) => *state = State::Unmeasured,
            (Reading::Unmeasured, State::Unmeasured | State::Measured { .. }) => {}
            (Reading::Measured(window), State::Measured { score, recent }) => {
                let t = rules.thresholds();
                let now = appraise(rules, window);
                *score = smooth(t, *score, now.points);
                let level = level_of(t, *score);
                let verdict = explain(level, now, recent[0]);
                recent.rotate_right(1);
                recent[0] = verdict;
                recent[usize::from(t.hold_windows)..].fill(Verdict::EXCELLENT);
            }
            (Reading::Measured(window), state @ (State::Unmeasured | State::Disconnected)) => {
                let t = rules.thresholds();
                let now = appraise(rules, window);
                let score = now.points.max(t.floor);
                let mut recent = [Verdict::EXCELLENT; HOLD_WINDOWS_MAX as usize];
                recent[0] = explain(level_of(t, score), now, Verdict::EXCELLENT);
                *state = State::Measured { score, recent };
            }
        }
        let verdict = self.verdict();
        (verdict.level != before).then_some(verdict)
    }

    /// The level as it stands, and its reason: of several windows that are as bad, the newest one's.
    pub fn verdict(&self) -> Verdict {
        match &self.0 {
            State::Unmeasured => Verdict::UNKNOWN,
            State::Disconnected => Verdict::DISCONNECTED,
            State::Measured { recent, .. } => {
                let [first, others @ ..] = recent;
                others.iter().fold(*first, |worst, next| if next.level > worst.level { *next } else { worst })
            }
        }
    }

    /// The smoothed score behind the level, where there is one.
    pub fn score(&self) -> Option<Points> {
        match &self.0 {
            State::Measured { score, .. } => Some(*score),
            State::Unmeasured | State::Disconnected => None,
        }
    }
}

/// What one window is worth by itself.
pub fn appraise(rules: &Rules, window: &Window) -> Appraisal {
    let t = rules.thresholds();
    let (rtt, jitter) = (nanos(window.rtt), nanos(window.jitter));
    let unavoidable = nanos(t.processing);
    let near = delay_cost(t, unavoidable);
    let far = delay_cost(t, unavoidable + rtt);
    let all = delay_cost(t, unavoidable + rtt + u64::from(t.jitter_weight) * jitter);
    let loss = loss_cost(t, window.loss);
    let network = Points::FULL.less(Points::from_billionths(all.saturating_add(loss)));
    let (mut points, mut reason) = (network, Reason::Loss(window.loss));
    if far - near > loss.max(all - far) {
        reason = Reason::Delay { rtt_us: micros(rtt) };
    } else if all - far > loss {
        reason = Reason::Jitter { jitter_us: micros(jitter) };
    }
    // Most windows have enough; comparing products spares them two divisions.
    let billionths = |bps: u64, share: Share| u128::from(bps) * u128::from(share.billionths());
    if billionths(window.actual_bps, Share::ALL) < billionths(window.target_bps, t.rate_enough) {
        let by_rate = rate_points(t, window);
        if by_rate < points {
            (points, reason) = (by_rate, Reason::Rate(Share::of(window.actual_bps, window.target_bps)));
        }
    }
    if !window.freeze.is_zero() {
        let span = nanos(if window.span.is_zero() { Window::CLEAN.span } else { window.span });
        let freeze = nanos(window.freeze).min(span);
        let by_freeze = Points::FULL.less(Points::from_billionths(scale(t.freeze_cost.billionths(), freeze, span)));
        if by_freeze < points {
            (points, reason) = (by_freeze, Reason::Freeze(Share::of(freeze, span)));
        }
    }
    let level = level_of(t, points);
    Appraisal { points, level, reason: if level == Level::Excellent { Reason::Clear } else { reason } }
}

/// `Id` in billionths of a point. A thousandth of a point for each millisecond is a billionth for each nanosecond, so that nothing is rounded.
pub(super) fn delay_cost(t: &Thresholds, delay_ns: u64) -> u64 {
    let late = delay_ns.saturating_sub(nanos(t.delay_knee));
    delay_ns * u64::from(t.delay_cost_millipoints_per_ms) + late * u64::from(t.late_cost_millipoints_per_ms)
}

/// `Ie` in billionths of a point.
fn loss_cost(t: &Thresholds, loss: Share) -> u64 {
    let (loss, robustness) = (u64::from(loss.billionths()), u64::from(t.loss_robustness.billionths()));
    if loss == 0 { 0 } else { scale(t.loss_cost.billionths(), loss, loss + robustness) }
}

/// The points of a rate below what is enough: 100 · (actual / target) / enough.
fn rate_points(t: &Thresholds, window: &Window) -> Points {
    // So that the product below fits: of rates beyond 72 petabit a second, the last eight bits do not count.
    let unused_bits = if window.target_bps >> 56 == 0 { 0 } else { 8 };
    let (actual, target) = (u128::from(window.actual_bps >> unused_bits), u128::from(window.target_bps >> unused_bits));
    let whole = target * u128::from(t.rate_enough.billionths());
    let product = u128::from(Points::FULL.billionths()) * actual * u128::from(Share::ALL.billionths());
    u64::try_from((product + whole / 2) / whole).map_or(Points::FULL, |points| Points::from_billionths(points).min(Points::FULL))
}

/// `value` · `part` / `whole` to the nearest, halves up, for a part that is no more than the whole.
fn scale(value: u64, part: u64, whole: u64) -> u64 {
    let scaled = (u128::from(value) * u128::from(part) + u128::from(whole) / 2) / u128::from(whole);
    u64::try_from(scaled).expect("part of a value is no more than the value")
}

/// The score after one more window.
fn smooth(t: &Thresholds, score: Points, points: Points) -> Points {
    let weight = u64::from(if points < score { t.fall_pct } else { t.rise_pct });
    let sum = weight * points.billionths() + (100 - weight) * score.billionths();
    Points::from_billionths((sum + 50) / 100).max(t.floor)
}

fn level_of(t: &Thresholds, points: Points) -> Level {
    let [excellent, good, fair, poor] = t.bars;
    match points {
        points if points >= excellent => Level::Excellent,
        points if points >= good => Level::Good,
        points if points >= fair => Level::Fair,
        points if points >= poor => Level::Poor,
        _ => Level::VeryPoor,
    }
}

/// Why the smoothed score stands at `level`: because of this window where it is as bad by itself, else because of what was before and is not forgotten yet.
fn explain(level: Level, now: Appraisal, before: Verdict) -> Verdict {
    let reason = match level {
        Level::Excellent => Reason::Clear,
        level if now.level >= level || before.reason == Reason::Clear => now.reason,
        _ => before.reason,
    };
    Verdict { level, reason }
}

fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::quality::Gauge;

    fn lossy(percent: u8) -> Reading {
        Reading::Measured(Window { loss: Share::percent(percent), ..Window::CLEAN })
    }

    #[test]
    fn a_direction_takes_few_bytes() {
        assert!(size_of::<Scorer>() <= 64, "{}", size_of::<Scorer>());
        assert!(size_of::<Scorer>() + size_of::<Gauge>() <= 128, "{}", size_of::<Gauge>());
    }

    #[test]
    fn the_reason_is_the_worst_of_what_is_wrong() {
        let rules = Rules::default();
        let ms = Duration::from_millis;
        let reason = |window| appraise(&rules, &window).reason;
        assert_eq!(reason(Window { rtt: ms(100), jitter: ms(5), ..Window::CLEAN }), Reason::Clear);
        assert_eq!(reason(Window { rtt: ms(400), loss: Share::percent(1), ..Window::CLEAN }), Reason::Delay { rtt_us: 400_000 });
        assert_eq!(reason(Window { rtt: ms(100), jitter: ms(200), ..Window::CLEAN }), Reason::Jitter { jitter_us: 200_000 });
        assert_eq!(reason(Window { rtt: ms(300), loss: Share::percent(10), ..Window::CLEAN }), Reason::Loss(Share::percent(10)));
        let starved = Window { target_bps: 1_000_000, actual_bps: 400_000, loss: Share::percent(3), ..Window::CLEAN };
        assert_eq!(reason(starved), Reason::Rate(Share::percent(40)));
        assert_eq!(reason(Window { freeze: ms(1000), ..starved }), Reason::Freeze(Share::percent(50)));
    }

    #[test]
    fn what_is_not_forgotten_yet_keeps_its_reason() {
        let rules = Rules::default();
        let mut scorer = Scorer::default();
        for _ in 0..3 {
            scorer.update(&rules, &lossy(20));
        }
        let late = Reading::Measured(Window { rtt: Duration::from_millis(250), ..Window::CLEAN });
        let mut told = alloc::vec::Vec::new();
        for _ in 0..8 {
            told.extend(scorer.update(&rules, &late));
        }
        // The round trip alone is good or excellent; what was lost explains the levels until then.
        assert!(
            told.len() >= 2 && told[..told.len() - 1].iter().all(|verdict| verdict.reason == Reason::Loss(Share::percent(20))),
            "{told:?}"
        );
        assert_eq!(
            told.last().map(|verdict| verdict.level),
            Some(appraise(&rules, &Window { rtt: Duration::from_millis(250), ..Window::CLEAN }).level)
        );
    }

    #[test]
    fn rates_that_no_link_has_are_scored_all_the_same() {
        let rules = Rules::default();
        let window = |actual_bps, target_bps| appraise(&rules, &Window { target_bps, actual_bps, ..Window::CLEAN }).points;
        assert_eq!(window(0, u64::MAX), Points::ZERO);
        assert_eq!(window(u64::MAX, 1), appraise(&rules, &Window::CLEAN).points);
        let half = window(u64::MAX / 2, u64::MAX);
        assert!(half > Points::whole(55) && half < Points::whole(56), "{half}");
        assert_eq!(window(1, u64::MAX), Points::ZERO);
    }

    #[test]
    fn a_clean_window_reaches_excellent_within_ten_seconds_from_the_bottom() {
        let rules = Rules::default();
        let mut scorer = Scorer::default();
        for _ in 0..50 {
            scorer.update(&rules, &lossy(100));
        }
        assert_eq!((scorer.verdict().level, scorer.score()), (Level::VeryPoor, Some(Points::whole(20))));
        for _ in 0..5 {
            scorer.update(&rules, &lossy(0));
        }
        assert_eq!(scorer.verdict(), Verdict::EXCELLENT);
    }
}
