//! When another server's rule acts on an estimate, as data: for runs that put somebody else's pacing in place of [`Trust`](super::Trust).
//!
//! Left out is all that would be another machine: their estimators and what these call congestion, their own padding (here the room's prober pads, and whether a probe failed shows in the plan: raised, then lowered),
//! waits that are per stream, and what a new plan for another reason than an estimate does to their clocks.

use core::time::Duration;

use super::Budget;
use crate::{stream::BitsPerSecond, time::Instant};

/// When another server's rule acts on an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    /// What an estimate is compared with.
    pub against: Against,
    /// At once if it is above so many thousandths of that. 1000: whenever it is higher.
    pub rise_permille: u32,
    /// At once if it is below so many thousandths of that. 1000: whenever it is lower.
    pub fall_permille: u32,
    /// Otherwise so long after the last that was acted on; none: never. Zero: at once.
    pub every: Option<Duration>,
    /// How a plan that rose must wait until it rises again; none: not at all.
    pub retry: Option<Backoff>,
}

/// What an estimate is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Against {
    /// The last one that was acted on.
    Acted,
    /// The one before it, acted on or not: what creeps is no change.
    Previous,
}

/// The wait between two rises, from the first time on that the plan was lowered. A rise after which the plan is lowered before the wait is over has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The wait after a rise, unless the one before it failed.
    pub first: Duration,
    /// The wait is so many thousandths as long for each failure in a row.
    pub factor_permille: u32,
    /// It is never longer.
    pub most: Duration,
    /// The wait after a plan was lowered, whatever it had done before.
    pub hold: Duration,
}

/// What came of a gate for one connection. A plain value of fixed size, to be asked with the same gate always.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gated {
    estimate_bps: BitsPerSecond,
    acted_bps: BitsPerSecond,
    /// None before the first estimate, which is acted on at once.
    acted_at: Option<Instant>,
    rise: Option<Rise>,
    lowered_at: Option<Instant>,
    /// What was acted on when the plan was last raised or lowered: while a rise must wait, no more is climbed to.
    ceiling_bps: BitsPerSecond,
}

/// The last rise, and how long the next one waits after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Rise {
    at: Instant,
    wait: Duration,
    failed: bool,
}

impl Gated {
    /// Before the first estimate this is taken for one.
    pub const fn new(start_bps: BitsPerSecond) -> Self {
        Self { estimate_bps: start_bps, acted_bps: start_bps, acted_at: None, rise: None, lowered_at: None, ceiling_bps: start_bps }
    }

    /// Takes in an estimate. One that comes at the very end of [`Gate::every`] is the one acted on.
    pub fn handle_estimate(&mut self, now: Instant, gate: &Gate, bps: BitsPerSecond) {
        let acted = self.acted(now, gate);
        let against_bps = if gate.against == Against::Acted { acted.0 } else { self.estimate_bps };
        let [new, old] = [bps, against_bps].map(u128::from);
        let is_much = new * 1000 > old * u128::from(gate.rise_permille) || new * 1000 < old * u128::from(gate.fall_permille);
        let is_due = gate.every.is_some() && acted.1 == Some(now);
        (self.acted_bps, self.acted_at) = if self.acted_at.is_none() || is_due || is_much { (bps, Some(now)) } else { acted };
        self.estimate_bps = bps;
    }

    /// What was estimated last, acted on or not.
    pub const fn estimate_bps(&self) -> BitsPerSecond {
        self.estimate_bps
    }

    /// What the plan is to be made for.
    pub fn budget(&self, now: Instant, gate: &Gate) -> Budget {
        let keep_bps = self.acted(now, gate).0;
        let waits = self.free_at(gate).is_some_and(|at| at > now);
        Budget { keep_bps, climb_bps: if waits { keep_bps.min(self.ceiling_bps) } else { keep_bps } }
    }

    /// What must be estimated for that much to be climbed to: a prober that stops below a threshold never sees it crossed.
    pub fn estimate_needed(&self, gate: &Gate, bps: BitsPerSecond) -> BitsPerSecond {
        let is_stuck = gate.every.is_none() && bps > self.acted_bps;
        if is_stuck { bps.max(scaled(self.acted_bps, gate.rise_permille).saturating_add(1)) } else { bps }
    }

    /// Says that the plan was made higher. While a rise must wait, one within the budget is none.
    pub fn raised(&mut self, now: Instant, gate: &Gate) {
        let Some(retry) = gate.retry.filter(|_| self.free_at(gate).is_none_or(|at| at <= now)) else { return };
        let wait = self.rise.filter(|rise| rise.failed).map_or(retry.first, |rise| rise.wait);
        self.rise = Some(Rise { at: now, wait, failed: false });
        self.ceiling_bps = self.acted(now, gate).0;
    }

    /// Says that the plan did not fit any more and was lowered. Several times after one rise are one failure.
    pub fn lowered(&mut self, now: Instant, gate: &Gate) {
        let Some(retry) = gate.retry else { return };
        if let Some(rise) = self.rise.as_mut().filter(|rise| !rise.failed && now.saturating_since(rise.at) < rise.wait) {
            let wait_ms = rise.wait.as_millis().saturating_mul(u128::from(retry.factor_permille)) / 1000;
            *rise = Rise { wait: retry.most.min(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(u64::MAX))), failed: true, ..*rise };
        }
        self.lowered_at = Some(now);
        self.ceiling_bps = self.acted(now, gate).0;
    }

    /// When the budget changes next if no estimate comes, later than `now`.
    pub fn poll_timeout(&self, now: Instant, gate: &Gate) -> Option<Instant> {
        let acted = gate.every.and_then(|every| self.acted_at.map(|at| at.saturating_add(every)));
        let changes = |at: &Instant| *at > now && self.budget(*at, gate) != self.budget(now, gate);
        [acted, self.free_at(gate)].into_iter().flatten().filter(changes).min()
    }

    /// What is acted on by now, and since when: every so often it is the estimate.
    fn acted(&self, now: Instant, gate: &Gate) -> (BitsPerSecond, Option<Instant>) {
        let (Some(every), Some(at)) = (gate.every, self.acted_at) else { return (self.acted_bps, self.acted_at) };
        let since = now.saturating_since(at);
        let late = since.as_nanos().checked_rem(every.as_nanos()).and_then(|late| u64::try_from(late).ok()).unwrap_or(0);
        if since < every { (self.acted_bps, Some(at)) } else { (self.estimate_bps, Some(Instant::from_nanos(now.as_nanos() - late))) }
    }

    /// When the plan may rise above the ceiling.
    fn free_at(&self, gate: &Gate) -> Option<Instant> {
        let lowered = self.lowered_at.zip(gate.retry).map(|(at, retry)| at.saturating_add(retry.hold));
        let retry = self.rise.map(|rise| rise.at.saturating_add(rise.wait)).filter(|_| lowered.is_some());
        retry.max(lowered)
    }
}

fn scaled(bps: BitsPerSecond, permille: u32) -> BitsPerSecond {
    u64::try_from(u128::from(bps) * u128::from(permille) / 1000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::rng::Rng;

    /// Jitsi Videobridge's.
    const FAR: Gate = Gate { against: Against::Acted, rise_permille: 1150, fall_permille: 850, every: None, retry: None };
    const SECOND: Option<Duration> = Some(Duration::from_secs(1));
    /// mediasoup's.
    const OFTEN: Gate = Gate { against: Against::Previous, rise_permille: 1500, fall_permille: 750, every: SECOND, retry: None };
    const SECONDS: Duration = Duration::from_secs(3);
    const BACKOFF: Backoff = Backoff { first: SECONDS, factor_permille: 1500, most: Duration::from_secs(120), hold: SECONDS };
    /// `LiveKit`'s.
    const SLOW: Gate = Gate { against: Against::Acted, rise_permille: 1000, fall_permille: 1000, every: None, retry: Some(BACKOFF) };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// After a first estimate of 1 Mbps.
    fn gated(gate: &Gate) -> Gated {
        let mut gated = Gated::new(300_000);
        assert_eq!(gated.budget(at(0), gate), Budget::of(300_000));
        gated.handle_estimate(at(0), gate, 1_000_000);
        assert_eq!(gated.budget(at(0), gate), Budget::of(1_000_000), "the first is acted on at once");
        gated
    }

    #[test]
    fn what_differs_by_no_more_than_the_threshold_is_never_acted_on() {
        let mut gated = gated(&FAR);
        for (bps, acted_bps) in
            [(1_150_000, 1_000_000), (850_000, 1_000_000), (1_150_001, 1_150_001), (977_501, 1_150_001), (977_500, 977_500)]
        {
            gated.handle_estimate(at(100), &FAR, bps);
            assert_eq!(gated.budget(at(3_600_000), &FAR), Budget::of(acted_bps), "{bps}");
            assert_eq!((gated.poll_timeout(at(100), &FAR), gated.estimate_bps()), (None, bps));
        }
    }

    #[test]
    fn a_prober_is_told_how_far_the_threshold_is() {
        let mut gated = gated(&FAR);
        assert_eq!(
            [900_000, 1_000_000, 1_050_000, 2_000_000].map(|bps| gated.estimate_needed(&FAR, bps)),
            [900_000, 1_000_000, 1_150_001, 2_000_000]
        );
        gated.handle_estimate(at(100), &FAR, 1_150_001);
        assert_eq!(gated.budget(at(100), &FAR), Budget::of(1_150_001));
        assert_eq!([OFTEN, SLOW].map(|gate| gated.estimate_needed(&gate, 1_200_000)), [1_200_000; 2], "these come by without a leap");
    }

    #[test]
    fn what_creeps_waits_for_the_end_of_the_interval_and_what_leaps_does_not() {
        // Given estimates that rise by less than a half each, though by more than that together,
        let mut gated = gated(&OFTEN);
        for (ms, bps) in [(300, 1_200_000), (600, 1_400_000), (900, 1_600_000)] {
            gated.handle_estimate(at(ms), &OFTEN, bps);
            assert_eq!((gated.budget(at(ms), &OFTEN), gated.poll_timeout(at(ms), &OFTEN)), (Budget::of(1_000_000), Some(at(1000))));
        }
        // then the last of them is acted on after a second,
        assert_eq!([999, 1000].map(|ms| gated.budget(at(ms), &OFTEN).keep_bps), [1_000_000, 1_600_000]);
        // and when one falls by more than a quarter, at once: the next second begins there.
        gated.handle_estimate(at(1200), &OFTEN, 1_199_999);
        assert_eq!(gated.budget(at(1200), &OFTEN), Budget::of(1_199_999));
        gated.handle_estimate(at(1300), &OFTEN, 1_300_000);
        assert_eq!(gated.poll_timeout(at(1300), &OFTEN), Some(at(2200)));
        // Seconds go on while nothing is said; what comes at the end of one is not late for it.
        gated.handle_estimate(at(5250), &OFTEN, 1_400_000);
        assert_eq!((gated.budget(at(5250), &OFTEN), gated.poll_timeout(at(5250), &OFTEN)), (Budget::of(1_300_000), Some(at(6200))));
        gated.handle_estimate(at(6200), &OFTEN, 1_500_000);
        assert_eq!((gated.budget(at(6200), &OFTEN), gated.poll_timeout(at(6200), &OFTEN)), (Budget::of(1_500_000), None));
    }

    #[test]
    fn after_a_rise_more_is_kept_at_once_and_climbed_to_later() {
        let mut gated = gated(&SLOW);
        // As long as nothing failed, rises do not wait.
        gated.raised(at(0), &SLOW);
        gated.handle_estimate(at(1), &SLOW, 4_000_000);
        assert_eq!(gated.budget(at(1), &SLOW), Budget::of(4_000_000));
        // From the first time on that a plan was lowered they do.
        gated.handle_estimate(at(5000), &SLOW, 1_000_000);
        gated.lowered(at(5000), &SLOW);
        gated.raised(at(10_000), &SLOW);
        gated.handle_estimate(at(10_100), &SLOW, 2_000_000);
        assert_eq!(gated.budget(at(12_999), &SLOW), Budget { keep_bps: 2_000_000, climb_bps: 1_000_000 });
        // What rises within that is no other rise.
        gated.raised(at(12_000), &SLOW);
        assert_eq!((gated.poll_timeout(at(12_000), &SLOW), gated.budget(at(13_000), &SLOW)), (Some(at(13_000)), Budget::of(2_000_000)));
        gated.handle_estimate(at(12_500), &SLOW, 900_000);
        assert_eq!(gated.budget(at(12_500), &SLOW), Budget::of(900_000), "down at once");
    }

    #[test]
    fn rises_that_fail_wait_longer_each_time_until_one_succeeds() {
        let mut gated = gated(&SLOW);
        gated.handle_estimate(at(0), &SLOW, 1_000);
        let (mut now, mut waits) = (0, Vec::new());
        for fails in [[true; 10].as_slice(), &[false; 2]].concat() {
            gated.raised(at(now), &SLOW);
            if fails {
                gated.lowered(at(now + 900), &SLOW);
                gated.lowered(at(now + 1000), &SLOW); // still the same failure
            }
            gated.handle_estimate(at(now + 1000), &SLOW, gated.estimate_bps() + 1);
            let free = gated.poll_timeout(at(now + 1000), &SLOW).map(|free| free.as_nanos() / 1_000_000);
            waits.extend(free.map(|free| free - now));
            now = free.unwrap_or(now);
        }
        assert_eq!(waits, [4500, 6750, 10_125, 15_187, 22_780, 34_170, 51_255, 76_882, 115_323, 120_000, 120_000, 3000]);
    }

    #[test]
    fn a_fall_long_after_a_rise_is_no_failure_and_holds_all_the_same() {
        let mut gated = gated(&SLOW);
        gated.raised(at(0), &SLOW);
        gated.lowered(at(3000), &SLOW);
        gated.handle_estimate(at(3100), &SLOW, 1_500_000);
        assert_eq!(gated.poll_timeout(at(3100), &SLOW), Some(at(6000)));
        gated.raised(at(6000), &SLOW);
        gated.handle_estimate(at(6100), &SLOW, 1_600_000);
        assert_eq!(gated.poll_timeout(at(6100), &SLOW), Some(at(9000)), "the wait is the first one again");
    }

    #[test]
    fn no_budget_changes_between_inputs_but_when_it_was_said() {
        let mut rng = Rng::new(1);
        let often_and_slow = Gate { retry: SLOW.retry, ..OFTEN };
        for gate in [FAR, OFTEN, SLOW, often_and_slow, Gate { every: Some(Duration::ZERO), ..SLOW }] {
            let (mut gated, mut count) = (Gated::new(500_000), 0);
            for ms in 0..100_000 {
                if ms > 0 {
                    let changed = gated.budget(at(ms), &gate) != gated.budget(at(ms - 1), &gate);
                    assert_eq!(changed, gated.poll_timeout(at(ms - 1), &gate) == Some(at(ms)), "{gate:?} at {ms} ms");
                    count += u32::from(changed);
                }
                match rng.below(1000) {
                    0..4 => gated.handle_estimate(at(ms), &gate, 200_000 + rng.below(800_000)),
                    4 => gated.raised(at(ms), &gate),
                    5 if rng.below(4) == 0 => gated.lowered(at(ms), &gate),
                    _ => {}
                }
            }
            assert_eq!(count > 0, gate != FAR, "{gate:?}: {count}");
        }
    }
}
