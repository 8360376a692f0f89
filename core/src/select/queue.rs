//! What stands in the queues of a viewer's line, and how little to send so that it goes away.
//!
//! An estimator that looks at how delays *change* (GCC) is told nothing by a queue that has filled and stands. Then every picture comes late by all that stands there, and whatever comes in a burst is lost. So a room is told
//! how long packets took lately, and compares that with the least of the last minute or two, as LEDBAT does (RFC 6817 section 2.4.2): what is more has waited.
//!
//! | the queue | what is sent |
//! |---|---|
//! | holds less than [`limits::QUEUE_TARGET`] | what the plan says |
//! | has held more | no more than now |
//! | has held more for [`limits::QUEUE_PATIENCE`], beside a screen for [`limits::SCREEN_QUEUE_PATIENCE`] | 0.85 of what was planned, the cut of GCC after overuse (draft-ietf-rmcat-gcc-02 section 5.5) |
//! | after a second of that is not shorter by an eighth | 0.85 of that, and so on |
//! | is no shorter after six such cuts | what the plan says: it is not ours, or the way has become longer |
//! | holds less than half of the target, or was not heard of for [`limits::UP_HOLD`] | what the plan says |

use core::time::Duration;

use crate::{limits, stream::BitsPerSecond, time::Instant};

/// What is sent of what was planned while a queue drains, in thousandths (draft-ietf-rmcat-gcc-02 section 5.5, β).
const CUT_PERMILLE: u64 = 850;
/// How long a cut has to show. A choice: several round trips of a bad line, and at 0.85 a seventh of a second's worth has drained.
const PROOF: Duration = Duration::from_secs(1);
/// By which part of itself a queue must have become shorter for the cut to be enough. A choice.
const SHORTER: u64 = 8;
/// So many cuts that show nothing are in vain: they leave three eighths of what was planned. A queue that is full stays full for as long as more is sent than the line carries, so that a line which fell to a half takes four.
const VAIN: u8 = 6;
/// The least delay is that of one to two of these. RFC 6817 section 3.4.1 suggests ten minutes' worth; clocks that drift by 200 ppm are 24 ms apart after two.
const BASE: Duration = Duration::from_secs(60);

/// A line's queue, as far as delays tell. A plain value of fixed size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    /// The least delay of this stretch of [`BASE`] and of the one before, in nanoseconds.
    least_ns: [Option<i64>; 2],
    stretch: u64,
    /// What packets waited, by the last delay, and when that was told.
    waited_ns: u64,
    heard_at: Instant,
    above_since: Option<Instant>,
    drain: Option<Drain>,
    /// A cut is due, as soon as it is known what is sent.
    is_due: bool,
}

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Drain {
    cut_at: Instant,
    bps: BitsPerSecond,
    /// What packets waited then.
    waited_ns: u64,
    in_vain: u8,
}

impl Queue {
    /// Before anything is known.
    pub(super) const NONE: Self =
        Self { least_ns: [None; 2], stretch: 0, waited_ns: 0, heard_at: Instant::ZERO, above_since: None, drain: None, is_due: false };

    /// Packets took so long lately, the quickest of them, by clocks that need not agree. Answers whether that changes what may be sent.
    pub(super) fn handle_delay(&mut self, now: Instant, delay_ns: i64) -> bool {
        self.forget_if_unheard(now);
        self.heard_at = now;
        let stretch = now.as_nanos() / nanos(BASE);
        if stretch != self.stretch {
            self.least_ns = [None, self.least_ns[0].filter(|_| stretch == self.stretch + 1)];
            self.stretch = stretch;
        }
        let least_ns = self.least_ns[0].map_or(delay_ns, |least| least.min(delay_ns));
        self.least_ns[0] = Some(least_ns);
        let base_ns = self.least_ns[1].map_or(least_ns, |before| before.min(least_ns));
        self.waited_ns = delay_ns.abs_diff(base_ns);

        let before = (self.above_since.is_some(), self.drain.is_some());
        let is_above = self.waited_ns >= nanos(limits::QUEUE_TARGET);
        self.above_since = self.above_since.filter(|_| is_above).or(is_above.then_some(now));
        if self.waited_ns < nanos(limits::QUEUE_TARGET) / 2 {
            self.drain = None;
        }
        let stands = self.above_since.is_some_and(|since| now.saturating_since(since) >= limits::QUEUE_PATIENCE);
        self.is_due = stands && self.drain.is_none_or(|drain| now.saturating_since(drain.cut_at) >= PROOF);
        self.is_due || before != (self.above_since.is_some(), self.drain.is_some())
    }

    /// Whether it holds so much that nothing should be added.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.above_since.is_some() && !self.is_unheard(now)
    }

    /// When it is forgotten unless a delay is told before: whoever falls silent says nothing of a queue.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (self.above_since.is_some() || self.drain.is_some()).then(|| self.heard_at.saturating_add(limits::UP_HOLD))
    }

    fn is_unheard(&self, now: Instant) -> bool {
        self.poll_timeout().is_some_and(|at| at <= now)
    }

    fn forget_if_unheard(&mut self, now: Instant) {
        if self.is_unheard(now) {
            (self.above_since, self.drain, self.is_due) = (None, None, false);
        }
    }

    /// What may be sent so that it drains, where `planned_bps` are planned now. None while nothing needs to drain: what has stood for less than `patience`, and no less than [`limits::QUEUE_PATIENCE`], may go by itself.
    pub(super) fn relief(&mut self, now: Instant, planned_bps: BitsPerSecond, patience: Duration) -> Option<BitsPerSecond> {
        self.forget_if_unheard(now);
        if core::mem::take(&mut self.is_due) && self.above_since.is_some_and(|since| now.saturating_since(since) >= patience) {
            self.cut(now, planned_bps);
        }
        self.drain.map(|drain| drain.bps)
    }

    fn cut(&mut self, now: Instant, planned_bps: BitsPerSecond) {
        let cut = |bps: BitsPerSecond, in_vain| Drain { cut_at: now, bps: less(bps), waited_ns: self.waited_ns, in_vain };
        self.drain = match self.drain {
            None => Some(cut(planned_bps, 0)),
            // It drains, or what was cut could not be kept to: nobody's picture ends for a queue.
            Some(drain) if self.waited_ns <= drain.waited_ns - drain.waited_ns / SHORTER || planned_bps > drain.bps => {
                Some(Drain { cut_at: now, waited_ns: self.waited_ns, ..drain })
            }
            Some(drain) if drain.in_vain + 1 < VAIN => Some(cut(drain.bps.min(planned_bps), drain.in_vain + 1)),
            Some(_) => {
                *self = Self { stretch: self.stretch, heard_at: now, ..Self::NONE };
                None
            }
        };
    }
}

fn less(bps: BitsPerSecond) -> BitsPerSecond {
    u64::try_from(u128::from(bps) * u128::from(CUT_PERMILLE) / 1000).unwrap_or(u64::MAX)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const MBPS: BitsPerSecond = 1_000_000;

    /// Tells a queue of a delay ten times a second, and answers what may be sent of what was planned each time.
    fn play(queue: &mut Queue, from_ms: u64, delays_ms: &[i64], planned_bps: BitsPerSecond) -> Vec<Option<BitsPerSecond>> {
        let mut planned_bps = planned_bps;
        let mut allowed = Vec::new();
        for (at, delay_ms) in (0..).map(|step| Instant::from_millis(from_ms + 100 * step)).zip(delays_ms) {
            let changes = queue.handle_delay(at, delay_ms * 1_000_000);
            let before = queue.drain;
            let relief = queue.relief(at, planned_bps, limits::QUEUE_PATIENCE);
            assert!(changes || before == queue.drain, "nothing is cut without a word");
            planned_bps = relief.map_or(planned_bps, |bps| bps.min(planned_bps));
            allowed.push(relief);
        }
        allowed
    }

    #[test]
    fn what_stands_half_a_second_is_drained_by_a_cut_and_then_left_alone() {
        // Given a line of 5 s ahead by somebody's clock, whose packets begin to wait 200 ms,
        let mut queue = Queue::NONE;
        assert_eq!(play(&mut queue, 0, &[-5000; 10], MBPS), [None; 10]);
        let waits = play(&mut queue, 1000, &[-4800; 7], MBPS);
        // then nothing happens for half a second but that no more may be sent, and then a cut is made, once.
        assert_eq!(waits, [None, None, None, None, None, Some(850_000), Some(850_000)]);
        assert!(queue.is_full(Instant::from_millis(1600)));
        // When it drains, the cut holds until half of the target is left, and no other one is made.
        let drains: Vec<i64> = (0..20).map(|step| -4800 - 10 * step).collect();
        let allowed = play(&mut queue, 1700, &drains, 850_000);
        assert_eq!(allowed.iter().filter(|bps| **bps == Some(850_000)).count(), 16, "{allowed:?}");
        assert_eq!(allowed.last(), Some(&None));
        assert!(!queue.is_full(Instant::from_millis(3600)));
    }

    #[test]
    fn a_burst_is_no_standing_queue() {
        let mut queue = Queue::NONE;
        let bursts: Vec<i64> = (0..100).map(|step| if step % 6 < 4 { 300 } else { 20 }).collect();
        let allowed = play(&mut queue, 0, &bursts, MBPS);
        assert_eq!(allowed[6..], [None; 94]);
    }

    #[test]
    fn what_no_cut_makes_shorter_is_the_way_itself() {
        // Given a way that becomes longer by 150 ms for good,
        let mut queue = Queue::NONE;
        play(&mut queue, 0, &[40; 10], MBPS);
        let allowed = play(&mut queue, 1000, &[190; 90], MBPS);
        // then six cuts are made, a second apart, and then it is the way as it is: everything is allowed.
        let cuts: Vec<_> = allowed.iter().copied().fold(Vec::new(), |mut cuts, bps| {
            if cuts.last() != Some(&bps) {
                cuts.push(bps);
            }
            cuts
        });
        assert_eq!(cuts, [None, Some(850_000), Some(722_500), Some(614_125), Some(522_006), Some(443_705), Some(377_149), None]);
        assert!(!queue.is_full(Instant::from_secs(10)));
    }

    #[test]
    fn what_cannot_be_cut_is_cut_no_further() {
        // Given a queue that stands, and a plan that stays what it is, since nobody's picture ends for a queue,
        let mut queue = Queue::NONE;
        queue.handle_delay(Instant::ZERO, 0);
        for step in 1..100 {
            let at = Instant::from_millis(100 * step);
            queue.handle_delay(at, 900_000_000);
            let relief = queue.relief(at, MBPS, limits::QUEUE_PATIENCE);
            // then what it is told to be stays what it was first.
            assert!(relief.is_none_or(|bps| bps == 850_000), "{relief:?}");
        }
    }

    #[test]
    fn who_falls_silent_says_nothing_of_a_queue() {
        // Given a queue that is drained, and then no word of it,
        let mut queue = Queue::NONE;
        play(&mut queue, 0, &[40; 5], MBPS);
        play(&mut queue, 500, &[300; 10], MBPS);
        let last = Instant::from_millis(1400);
        let until = queue.poll_timeout().expect("it stands");
        assert_eq!(until, last.saturating_add(limits::UP_HOLD));
        let before = Instant::from_nanos(until.as_nanos() - 1);
        // then it stands until then, and no longer, and there is nothing to wait for.
        assert!(queue.is_full(before) && queue.relief(before, MBPS, limits::QUEUE_PATIENCE).is_some());
        assert!(!queue.is_full(until) && queue.relief(until, MBPS, limits::QUEUE_PATIENCE).is_none());
        assert_eq!(queue.poll_timeout(), None);
    }

    #[test]
    fn clocks_that_drift_apart_are_no_queue() {
        // 200 ppm for an hour: 720 ms.
        let mut queue = Queue::NONE;
        for second in 0..3600 {
            assert!(!queue.handle_delay(Instant::from_secs(second), i64::try_from(second).unwrap() * 200_000));
        }
        assert!(!queue.is_full(Instant::from_secs(3600)));
    }
}
