//! How long packets were on their way, each direction for itself, and how long round trips took: what an end writes down of its connection, so that somebody can tell in which direction packets wait.
//!
//! The ends have no common clock. A packet that comes says when it left by the clock of its sender (abs-send-time), and the other end says by its own when a packet came (transport-wide feedback). So all times of
//! one direction are off by the same, as long as both clocks run evenly, and no difference of two is off at all.

use std::collections::VecDeque;

/// What is known of both directions.
#[derive(Clone, Debug, Default)]
pub struct Delays {
    /// Of packets from this end to the other: arrival by the other end's clock, less departure by this one's.
    pub up: Log,
    /// Of packets from the other end to this one: arrival by this end's clock, less departure by the other's.
    pub down: Log,
    /// There and back: checks of the path, and reports that came of reports.
    pub round_trips: Log,
}

/// The newest numbers of a row that goes on, in nanoseconds, and how many there were in all.
#[derive(Clone, Debug, Default)]
pub struct Log {
    newest_ns: VecDeque<i64>,
    count: u64,
}

/// Most numbers that are kept. A choice: a window's, at four times the rate of a good video.
const KEPT: usize = 4096;

impl Log {
    /// One more.
    pub fn push(&mut self, ns: i64) {
        if self.newest_ns.len() == KEPT {
            self.newest_ns.pop_front();
        }
        self.newest_ns.push_back(ns);
        self.count += 1;
    }

    /// How many there were so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Those that have come since there were `count`, oldest first, as far as they are kept.
    pub fn since(&self, count: u64) -> impl ExactSizeIterator<Item = i64> + '_ {
        let new = usize::try_from(self.count.saturating_sub(count)).unwrap_or(usize::MAX);
        self.newest_ns.iter().skip(self.newest_ns.len().saturating_sub(new)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_now_and_then_sees_each_number_once() {
        let mut log = Log::default();
        (0..3).for_each(|ns| log.push(ns));
        let seen = log.count();
        assert_eq!(log.since(0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(log.since(seen).count(), 0);
        log.push(7);
        assert_eq!(log.since(seen).collect::<Vec<_>>(), [7]);
        (0..10_000).for_each(|ns| log.push(ns));
        assert_eq!((log.since(0).len(), log.since(0).last()), (KEPT, Some(9_999)), "the newest are kept");
    }
}
