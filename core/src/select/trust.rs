//! How far an estimate is believed: from what a bandwidth estimator says over time, what may be kept and what may be climbed to.
//!
//! An estimator says a number several times a second, and means "about". A plan that followed each number would flap; one that took the same margin off all of them would waste what it takes off. So the number
//! itself is what may be *kept*, in both directions and at once; and what may be *climbed to* depends on what was seen lately:
//!
//! | lately | climbing is allowed up to |
//! |---|---|
//! | it only rose | the estimate: a clean rise is believed at once |
//! | a plan was raised, within [`limits::UP_SPACING`] | the estimate that it was raised with, unless this one is half as large again |
//! | it fell, within [`limits::UP_HOLD`] | the lowest that it fell to within that time |
//! | a plan was lowered, and the line has not been calm since | that, less a margin of 15 % |
//! | a plan was lowered within [`limits::UP_RETRY`] after it had risen: the rise failed, and neither [`limits::UP_RETRY`] is over, nor [`limits::UP_RETRY_FIRST`] (twice as long for each failure before on this line) and the line calm as long as that | no more than was there when it failed |
//!
//! A line is calm while no estimate is lower by a twentieth than the highest of [`limits::UP_HOLD`]; for a margin to fall away it must be so for [`limits::UP_RETRY`]. And all of this is forgotten when the estimate is half as large again as the lowest within
//! [`limits::UP_HOLD`] after the lowering, or stays two fifths above what it was at the lowering itself for as long: that is another line.
//!
//! A plan that is lowered on a line whose estimates waver, or that nobody knows yet, is made for two thirds of the highest estimate of [`limits::UP_HOLD`]: a line whose estimates waver by ±20 % has its lowest
//! there, and what must be lowered is lowered once. On a line that is steady a lowering costs a margin. A line wavers when it turns up by a tenth more often than once a second, which no congestion control does that probes as slowly as GCC (8 % a second).
//!
//! # What follows
//!
//! - **Down at once.** What may be kept is the estimate of this instant.
//! - **Constant input, no switch.** Nothing above moves by itself but upwards to the estimate.
//! - **No flapping.** However an estimate wavers by up to ±20 %, ten times a second, and wherever the rungs lie in it, a stream switches at most twice in any minute. Measured for every rung of the ladders of a camera and
//!   of four of them, by `core/tests/trust.rs`. What comes and goes in waves of seconds looks like one clean rise after another; of such a line a stream begins to
//!   rise once a minute at most, as soon as it has failed three times.
//! - **Up in time.** When a line gets better, the best that it carries is back at once if it is half as large again as the lowest that it fell to; within [`limits::UP_HOLD`], or once it is calm for [`limits::UP_RETRY_FIRST`] after a rise
//!   that failed ([`limits::UP_RETRY`] after the fourth), if it has 15 % to spare; and if it has less than that, [`limits::UP_RETRY`] after the last estimate that fell.
//! - **Nothing is trapped.** All memory ends with time, [`Trust::poll_timeout`] says when, and while anything is wanted the plan asks the prober for more than it uses.
//!
//! # Queues that stand
//!
//! What GCC is not told by delays that do not change, [`Trust::handle_delay`] is: a queue that has stood for [`limits::QUEUE_PATIENCE`] is drained (`queue.rs`), and nothing is added to it meanwhile.
//!
//! # Application-limited estimates
//!
//! An estimator that sees little sent knows little: GCC, when it finds a queue while 150 kbps flow, says 0.85 times that, whatever the line carries. Such an estimate is marked by whoever knows what was sent, and is
//! no news of the line, neither up nor down. Only climbing heeds it, since the pacer behind it would hold back what is above.

use core::time::Duration;

use super::{Budget, queue::Queue};
use crate::{limits, stream::BitsPerSecond, time::Instant};

/// What climbing takes off after a plan was lowered, in thousandths of what it is allowed: 15 % is the change of estimate that Jitsi Videobridge waits for before it allocates anew.
const MARGIN_PERMILLE: u64 = 1150;
/// What estimates must be for a while, in thousandths of what they were at a lowering, for this to be another line: the highest of a line that wavers by ±20 % are half as large again as its lowest, and no such line stays
/// up there for [`limits::UP_HOLD`].
const MUCH_PERMILLE: u64 = 1400;
/// Estimates that differ by less than this part say the same.
const GRAIN: BitsPerSecond = 20;
/// Estimates turn when they differ by this part from the highest, or the lowest, since they turned last. Twice the grain, a choice: GCC takes more than a second to rise as far.
const TURN: BitsPerSecond = 10;
/// So many turns upwards, one a second forgiven, are often; and so many are remembered. Choices: estimates that are spread evenly over ±20 %, ten times a second, turn two to three times a second.
const TURNS_OFTEN: u8 = 3;
const TURNS_MAX: u8 = 8;
/// How long a line must be known before it may be said not to waver: such estimates have turned often by then.
const KNOWN_AFTER: Duration = Duration::from_secs(2);
/// Parts that [`limits::UP_HOLD`] is cut into, so as to forget estimates a part at a time.
const PARTS: usize = 6;
#[expect(clippy::cast_possible_truncation, reason = "half a second")]
const PART_NS: u64 = (limits::UP_HOLD.as_nanos() / PARTS as u128) as u64;

/// Turns a stream of estimates into budgets: what has fallen lately is believed for climbing only as far as it fell. A plain value of fixed size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trust {
    estimate_bps: BitsPerSecond,
    /// The last estimate, where it was application-limited.
    limited_bps: Option<BitsPerSecond>,
    recent: Recent,
    waver: Waver,
    /// When the estimate was last below the highest of those remembered by more than its grain.
    fell_at: Option<Instant>,
    raised: Option<Raised>,
    lowered: Option<Lowered>,
    queue: Queue,
}

/// The last time that a plan was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Raised {
    at: Instant,
    /// What the estimate was then.
    bps: BitsPerSecond,
}

/// The last time that a plan was lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lowered {
    at: Instant,
    /// What the estimate was then.
    bps: BitsPerSecond,
    /// What the lower plan was made for, where it was soon after a rise.
    failed_bps: Option<BitsPerSecond>,
    /// How many rises failed one after the other.
    failures: u32,
    /// The lowest estimate since, within [`limits::UP_HOLD`]: a plan is lowered in the middle of a fall.
    trough_bps: BitsPerSecond,
    /// Since when every estimate was so much above it that this may be another line.
    much_since: Option<Instant>,
}

/// An estimate, and what is known about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Estimate {
    /// In bits per second.
    pub bps: BitsPerSecond,
    /// Whether too little was sent for the estimator to know.
    pub application_limited: bool,
}

impl Trust {
    /// Before the first estimate this is taken for one.
    pub const fn new(start_bps: BitsPerSecond) -> Self {
        Self {
            estimate_bps: start_bps,
            limited_bps: None,
            recent: Recent::NONE,
            waver: Waver::NONE,
            fell_at: None,
            raised: None,
            lowered: None,
            queue: Queue::NONE,
        }
    }

    /// Takes in how long packets took lately, the quickest of some, in nanoseconds by clocks that need not agree: a round trip, or one way. Answers whether that changes what may be sent.
    pub fn handle_delay(&mut self, now: Instant, delay_ns: i64) -> bool {
        self.queue.handle_delay(now, delay_ns)
    }

    /// Takes in an estimate.
    pub fn handle_estimate(&mut self, now: Instant, estimate: Estimate) {
        let Estimate { bps, application_limited } = estimate;
        if application_limited {
            self.limited_bps = Some(bps);
            return;
        }
        self.limited_bps = None;
        if let Some(lowered) = &mut self.lowered {
            let much = bps > scaled(lowered.bps, MUCH_PERMILLE, 1000);
            lowered.much_since = lowered.much_since.filter(|_| much).or(much.then_some(now));
            if now.saturating_since(lowered.at) < limits::UP_HOLD {
                lowered.trough_bps = lowered.trough_bps.min(bps);
            }
            if exceeds_by_half(bps, lowered.trough_bps.saturating_add(lowered.trough_bps / 100)) {
                (self.lowered, self.recent) = (None, Recent::NONE);
            }
        }
        self.recent.note(now, bps, self.estimate_bps);
        self.waver.note(now, bps);
        let highest_bps = self.recent.highest(now).unwrap_or(bps);
        if bps < highest_bps - highest_bps / GRAIN {
            self.fell_at = Some(now);
        }
        self.estimate_bps = bps;
    }

    /// Says that the plan was made higher.
    pub const fn raised(&mut self, now: Instant) {
        self.raised = Some(Raised { at: now, bps: self.estimate_bps });
    }

    /// Says that the plan does not fit any more. Answers what the lower one is to be made for.
    pub fn lowered(&mut self, now: Instant) -> Budget {
        let rose_within = |span: Duration| self.raised.is_some_and(|raised| now.saturating_since(raised.at) < span);
        let highest_bps =
            self.recent.highest(now).filter(|_| self.waver.is_often(now) || (rose_within(limits::UP_HOLD) && !self.waver.is_known(now)));
        let least_bps = highest_bps.map_or(self.estimate_bps, two_thirds).min(self.estimate_bps);
        let keep_bps = if rose_within(limits::UP_HOLD) { least_bps } else { self.estimate_bps };
        let failed_before = self.failed_bps(now);
        let failed_now = rose_within(limits::UP_RETRY).then_some(less_margin(least_bps));
        // Several falls after one rise are one failure; and who has not fallen for long has done with those before.
        let before = self.remembered(now).filter(|lowered| now.saturating_since(lowered.at) < limits::UP_RETRY * 2);
        let is_another = before.is_none_or(|lowered| self.raised.is_some_and(|raised| raised.at > lowered.at));
        let failures = before.map_or(0, |lowered| lowered.failures).saturating_add(u32::from(is_another && failed_now.is_some()));
        let bps = self
            .remembered(now)
            .filter(|_| failed_before.is_some())
            .map_or(self.estimate_bps, |lowered| lowered.bps.min(self.estimate_bps));
        let failed_bps = failed_before.into_iter().chain(failed_now).min();
        self.lowered = Some(Lowered { at: now, bps, failed_bps, failures, trough_bps: bps, much_since: None });
        Budget { keep_bps, ..self.budget(now) }
    }

    /// What is believed of the line: the last estimate that says something of it.
    pub const fn estimate_bps(&self) -> BitsPerSecond {
        self.estimate_bps
    }

    /// What may be kept, and what may be climbed to.
    pub fn budget(&self, now: Instant) -> Budget {
        let keep_bps = self.estimate_bps;
        let mut climb_bps = self.recent.trough(now).map_or(keep_bps, |trough| trough.min(keep_bps));
        if self.is_cautious(now) {
            climb_bps = less_margin(climb_bps);
        }
        let spaced = |raised: &Raised| now.saturating_since(raised.at) < limits::UP_SPACING && !exceeds_by_half(keep_bps, raised.bps);
        if let Some(raised) = self.raised.filter(spaced) {
            climb_bps = climb_bps.min(raised.bps);
        }
        climb_bps = climb_bps.min(self.failed_bps(now).unwrap_or(climb_bps));
        Budget { keep_bps, climb_bps: climb_bps.min(self.limited_bps.unwrap_or(climb_bps)) }
    }

    /// That budget, less what a line needs so that its queue drains, where so much is planned now and every picture that there is takes so much at least: for whoever loses no picture by it. None while there is nothing to drain, or it has stood for less than `patience`.
    pub fn to_drain(
        &mut self,
        now: Instant,
        budget: Budget,
        planned_bps: BitsPerSecond,
        floor_bps: BitsPerSecond,
        patience: Duration,
    ) -> Option<Budget> {
        let after_fall = self.is_draining(now).then(|| {
            let less_bps = less_margin(budget.keep_bps);
            self.failed_bps(now).map_or(less_bps, |failed| failed.min(less_bps))
        });
        let relief = self.queue.relief(now, planned_bps, patience).map(|relief| relief.max(floor_bps));
        let keep_bps = after_fall.into_iter().chain(relief).min()?.min(budget.keep_bps);
        Some(Budget { keep_bps, climb_bps: budget.climb_bps.min(keep_bps) })
    }

    /// What must be estimated for that much to be climbed to.
    pub fn estimate_needed(&self, now: Instant, bps: BitsPerSecond) -> BitsPerSecond {
        if self.is_cautious(now) { with_margin(bps) } else { bps }
    }

    /// Whether packets wait so long that no more should be sent than now.
    pub fn is_full(&self, now: Instant) -> bool {
        self.queue.is_full(now)
    }

    /// Whether a plan was lowered so lately that the line should drain rather than be filled up.
    pub fn is_draining(&self, now: Instant) -> bool {
        self.remembered(now).is_some_and(|lowered| now.saturating_since(lowered.at) < limits::UP_HOLD)
    }

    /// When the budget changes next if no estimate comes, later than `now`.
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let lowered = |span| self.lowered.map(|lowered| lowered.at.saturating_add(span));
        let retry = self.lowered.map(|lowered| lowered.at.saturating_add(lowered.retry_after()));
        let calm = |span| self.fell_at.filter(|_| self.lowered.is_some()).map(|fell| fell.saturating_add(span));
        let raised = self.raised.map(|raised| raised.at.saturating_add(limits::UP_SPACING));
        let much = self.lowered.and_then(|lowered| lowered.much_since).map(|since| since.saturating_add(limits::UP_HOLD));
        let changes = [
            raised,
            lowered(limits::UP_HOLD),
            retry,
            lowered(limits::UP_RETRY),
            much,
            calm(limits::UP_RETRY_FIRST),
            calm(limits::UP_RETRY),
            self.recent.next_change(now),
            self.queue.poll_timeout(),
        ];
        changes.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Whether a plan was lowered and the line has not been calm since.
    fn is_cautious(&self, now: Instant) -> bool {
        let last = self.remembered(now).map(|lowered| self.fell_at.map_or(lowered.at, |fell| fell.max(lowered.at)));
        last.is_some_and(|last| now.saturating_since(last) < limits::UP_RETRY)
    }

    /// What a rise that failed left, while it is not tried again.
    fn failed_bps(&self, now: Instant) -> Option<BitsPerSecond> {
        let lowered = self.remembered(now)?;
        let (waited, calm) = (now.saturating_since(lowered.at), self.fell_at.map_or(Duration::MAX, |fell| now.saturating_since(fell)));
        let is_over = waited >= limits::UP_RETRY || (waited >= lowered.retry_after() && calm >= limits::UP_RETRY_FIRST);
        lowered.failed_bps.filter(|_| !is_over)
    }

    /// The last time that a plan was lowered, unless this is another line meanwhile.
    fn remembered(&self, now: Instant) -> Option<Lowered> {
        self.lowered.filter(|lowered| lowered.much_since.is_none_or(|since| now.saturating_since(since) < limits::UP_HOLD))
    }
}

impl Lowered {
    /// How long the rise that failed is not tried again: twice as long each time.
    fn retry_after(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX);
        limits::UP_RETRY_FIRST.saturating_mul(doubled).min(limits::UP_RETRY)
    }
}

/// How often estimates turn up again after they fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Waver {
    /// The highest since they turned up, or the lowest since they turned down.
    extreme_bps: BitsPerSecond,
    falls: bool,
    /// Since when there are estimates.
    since: Option<Instant>,
    /// Turns upwards that are not forgiven yet, and until when they are counted.
    turns: u8,
    counted: Instant,
}

impl Waver {
    const NONE: Self = Self { extreme_bps: 0, falls: false, since: None, turns: 0, counted: Instant::ZERO };

    fn note(&mut self, now: Instant, bps: BitsPerSecond) {
        self.since.get_or_insert(now);
        let turns = if self.falls {
            bps > self.extreme_bps.saturating_add(self.extreme_bps / TURN)
        } else {
            bps < self.extreme_bps - self.extreme_bps / TURN
        };
        if turns {
            if self.falls {
                (self.turns, self.counted) = (self.turns_left(now).saturating_add(1).min(TURNS_MAX), now);
            }
            self.falls = !self.falls;
            self.extreme_bps = bps;
        } else {
            self.extreme_bps = if self.falls { self.extreme_bps.min(bps) } else { self.extreme_bps.max(bps) };
        }
    }

    /// Whether there were estimates for long enough to tell.
    fn is_known(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_since(since) >= KNOWN_AFTER)
    }

    fn is_often(&self, now: Instant) -> bool {
        self.turns_left(now) >= TURNS_OFTEN
    }

    /// Less one a second.
    fn turns_left(&self, now: Instant) -> u8 {
        self.turns.saturating_sub(u8::try_from(now.saturating_since(self.counted).as_secs()).unwrap_or(u8::MAX))
    }
}

/// The estimates of the last [`limits::UP_HOLD`], part by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Recent {
    parts: [Part; PARTS],
    /// The newest part, counted from the beginning of time.
    newest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Part {
    /// The lowest of those that fell.
    trough_bps: Option<BitsPerSecond>,
    highest_bps: BitsPerSecond,
}

impl Recent {
    const NONE: Self = Self { parts: [Part { trough_bps: None, highest_bps: 0 }; PARTS], newest: 0 };

    /// An estimate comes in place of one that stood until now: estimators are silent while nothing changes.
    fn note(&mut self, now: Instant, bps: BitsPerSecond, stood_bps: BitsPerSecond) {
        let part = part_of(now);
        if part.saturating_sub(self.newest) >= PARTS as u64 {
            *self = Self::NONE;
        } else {
            for passed in self.newest + 1..=part {
                self.parts[place(passed)] = Self::NONE.parts[0];
            }
        }
        self.newest = self.newest.max(part);
        let part = &mut self.parts[place(self.newest)];
        part.highest_bps = part.highest_bps.max(bps).max(stood_bps);
        if bps < stood_bps {
            part.trough_bps = Some(part.trough_bps.map_or(bps, |trough| trough.min(bps)));
        }
    }

    fn trough(&self, now: Instant) -> Option<BitsPerSecond> {
        self.kept(now).filter_map(|part| self.parts[place(part)].trough_bps).min()
    }

    fn highest(&self, now: Instant) -> Option<BitsPerSecond> {
        self.kept(now).map(|part| self.parts[place(part)].highest_bps).max()
    }

    /// When the oldest trough is forgotten.
    fn next_change(&self, now: Instant) -> Option<Instant> {
        let oldest = self.kept(now).find(|part| self.parts[place(*part)].trough_bps.is_some())?;
        Some(Instant::from_nanos((oldest + PARTS as u64).saturating_mul(PART_NS)))
    }

    /// The parts that count now, oldest first.
    fn kept(&self, now: Instant) -> impl Iterator<Item = u64> + use<> {
        let first = |newest: u64| (newest + 1).saturating_sub(PARTS as u64);
        first(part_of(now)).max(first(self.newest))..=self.newest
    }
}

/// The place of a part in the ring.
#[expect(clippy::cast_possible_truncation, reason = "a remainder of six")]
const fn place(part: u64) -> usize {
    (part % PARTS as u64) as usize
}

const fn part_of(now: Instant) -> u64 {
    now.as_nanos() / PART_NS
}

fn less_margin(bps: BitsPerSecond) -> BitsPerSecond {
    scaled(bps, 1000, MARGIN_PERMILLE)
}

/// Whether the one is more than half as large again as the other: more than a line that wavers by ±20 % shows.
const fn exceeds_by_half(bps: BitsPerSecond, other_bps: BitsPerSecond) -> bool {
    bps > other_bps.saturating_add(other_bps / 2)
}

/// Rounded so that taking the margin off again leaves no less.
fn with_margin(bps: BitsPerSecond) -> BitsPerSecond {
    scaled(bps, MARGIN_PERMILLE, 1000).saturating_add(2)
}

fn two_thirds(bps: BitsPerSecond) -> BitsPerSecond {
    scaled(bps, 2, 3)
}

fn scaled(bps: BitsPerSecond, times: u64, parts: u64) -> BitsPerSecond {
    u64::try_from(u128::from(bps) * u128::from(times) / u128::from(parts)).unwrap_or(u64::MAX)
}
