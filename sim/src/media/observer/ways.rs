//! In which direction packets wait.
//!
//! A round trip is two ways, and what waits in one of them must not lower the other one's level. Ends without a common clock cannot say how long a way takes, but they can say how much longer than at its best: each
//! direction's times are off by a constant ([`Delays`]). So, for each direction,
//!
//! ```text
//! floor = the least of its times in the last minute             up and down, each with its unknown constant
//! wait  = the mean of this window's times − floor               the constant is gone
//! K     = mean of (round trip − mean up − mean down)            a constant of the two clocks: queues, jitter, paths and drift cancel
//! round trip of a direction = K + floor up + floor down + wait  what it would be if the other direction made nobody wait
//! ```
//!
//! **When a path becomes longer**, both times rise at once and stay. That is nobody's queue: where the least times of both directions have risen by far more than the times of the window vary, both floors are set
//! anew. A queue varies with what comes in and goes out, and one that stands in a single direction is charged to that direction, as long as the better times are remembered.
//!
//! **Clocks drift.** 50 ppm are 3 ms in a minute, which is why floors are forgotten after that.
//!
//! **Round trips are few**, four or five in a window, and reports leave at even intervals, which may have the rhythm of what holds them up. So `K` is not known from one window. It never changes, and windows count by
//! the inverse of their variance: a calm one settles it, and many restless ones come near it.

use core::time::Duration;
use std::collections::VecDeque;

use crate::media::Delays;

/// Windows that a floor is remembered for: a minute, see above.
const REMEMBERED: usize = 30;

/// By how many times what varies in a window the least times must have risen for the path to be a longer one. A choice: a queue that is filled and drained thirty times a second varies by a third and more of what it holds.
const RISE_OF_SPREAD: i64 = 4;

/// And by how much: 5 ms, less than which moves no level.
const RISE_NS: i64 = 5_000_000;

/// Tells both directions' waits apart, window by window.
#[derive(Debug, Default)]
pub(super) struct Ways {
    up: Way,
    down: Way,
    round_trips_seen: u64,
    constant: Constant,
}

/// The mean of `K` over all windows, by their weights.
#[derive(Debug, Default)]
struct Constant {
    sum_ns: f64,
    weights: f64,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    seen: u64,
    /// The least time of each window.
    least_ns: VecDeque<Option<i64>>,
}

/// The times of one window.
#[derive(Clone, Copy, Debug)]
struct Times {
    least_ns: i64,
    mean_ns: i64,
}

impl Ways {
    /// Ends a window: the round trip of each direction, up first, where anything is known of it.
    pub(super) fn close(&mut self, delays: &Delays) -> Option<[Duration; 2]> {
        let trips: Vec<i64> = delays.round_trips.since(self.round_trips_seen).collect();
        self.round_trips_seen = delays.round_trips.count();
        let trip_ns = mean(&trips);
        let mut ways = [times(delays.up.since(self.up.seen)), times(delays.down.since(self.down.seen))];
        (self.up.seen, self.down.seen) = (delays.up.count(), delays.down.count());

        let is_longer = |way: &Way, times: Option<Times>| {
            let (floor_ns, times) = (way.floor_ns()?, times?);
            let rise_ns = times.least_ns - floor_ns;
            (rise_ns >= RISE_NS && rise_ns > RISE_OF_SPREAD * (times.mean_ns - times.least_ns)).then_some(())
        };
        if is_longer(&self.up, ways[0]).and(is_longer(&self.down, ways[1])).is_some() {
            (self.up.least_ns, self.down.least_ns) = (VecDeque::new(), VecDeque::new());
        }
        for (way, times) in [&mut self.up, &mut self.down].into_iter().zip(&ways) {
            remember(&mut way.least_ns, times.map(|times| times.least_ns));
        }
        if let ([Some(up), Some(down)], Some(trip_ns)) = (ways, trip_ns) {
            self.constant.weigh(trip_ns, trips.len(), up, down);
        }
        if let [None, None] = ways {
            // Nobody can tell whose it is.
            return trip_ns.map(|ns| [span(ns); 2]);
        }
        let (Some(constant_ns), Some(up_ns), Some(down_ns)) = (self.constant.ns(), self.up.floor_ns(), self.down.floor_ns()) else {
            return trip_ns.map(|ns| [span(ns); 2]);
        };
        // Of a direction in which nothing flowed, what the round trips say beyond the other one.
        for at in [0, 1] {
            if let (None, Some(other), Some(trip_ns)) = (ways[at], ways[1 - at], trip_ns) {
                let ns = trip_ns - constant_ns - other.mean_ns;
                ways[at] = Some(Times { least_ns: ns, mean_ns: ns });
            }
        }
        let wait_ns = |times: Option<Times>, floor_ns: i64| times.map_or(0, |times| (times.mean_ns - floor_ns).max(0));
        let base_ns = constant_ns + up_ns + down_ns;
        Some([span(base_ns + wait_ns(ways[0], up_ns)), span(base_ns + wait_ns(ways[1], down_ns))])
    }
}

impl Constant {
    #[expect(clippy::cast_precision_loss, reason = "the round trip of a day is exact to the nanosecond")]
    fn weigh(&mut self, trip_ns: i64, trips: usize, up: Times, down: Times) {
        let spread_ms = |times: Times| (times.mean_ns - times.least_ns) as f64 / 1e6;
        let (up_ms, down_ms) = (spread_ms(up), spread_ms(down));
        // A millisecond for what calm windows are off: they would weigh without end.
        let weight = trips as f64 / (1.0 + up_ms * up_ms + down_ms * down_ms);
        self.sum_ns += weight * (trip_ns - up.mean_ns - down.mean_ns) as f64;
        self.weights += weight;
    }

    #[expect(clippy::cast_possible_truncation, reason = "a mean of what was whole")]
    fn ns(&self) -> Option<i64> {
        (self.weights > 0.0).then(|| (self.sum_ns / self.weights) as i64)
    }
}

impl Way {
    fn floor_ns(&self) -> Option<i64> {
        self.least_ns.iter().flatten().min().copied()
    }
}

fn times(new: impl Iterator<Item = i64>) -> Option<Times> {
    let new: Vec<i64> = new.collect();
    Some(Times { least_ns: *new.iter().min()?, mean_ns: mean(&new)? })
}

fn remember<T>(windows: &mut VecDeque<T>, window: T) {
    if windows.len() == REMEMBERED {
        windows.pop_front();
    }
    windows.push_back(window);
}

fn mean(values_ns: &[i64]) -> Option<i64> {
    let sum: i128 = values_ns.iter().copied().map(i128::from).sum();
    sum.checked_div(i128::try_from(values_ns.len()).ok()?).and_then(|mean| i64::try_from(mean).ok())
}

fn span(ns: i64) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clocks that are two hours apart.
    const APART_MS: i64 = 7_200_000;

    /// Windows of a line whose ways take that long, packet by packet.
    struct Line {
        delays: Delays,
        ways: Ways,
    }

    impl Line {
        fn new() -> Self {
            Self { delays: Delays::default(), ways: Ways::default() }
        }

        fn window(&mut self, up_ms: impl Fn(i64) -> i64, down_ms: impl Fn(i64) -> i64) -> [u64; 2] {
            for packet in 0..100 {
                self.delays.up.push((up_ms(packet) + APART_MS) * 1_000_000);
                self.delays.down.push((down_ms(packet) - APART_MS) * 1_000_000);
                self.delays.round_trips.push((up_ms(packet) + down_ms(packet)) * 1_000_000);
            }
            self.close()
        }

        fn close(&mut self) -> [u64; 2] {
            let close = self.ways.close(&self.delays).expect("something was measured");
            close.map(|rtt| u64::try_from((rtt.as_nanos() + 500_000) / 1_000_000).unwrap())
        }
    }

    #[test]
    fn what_waits_in_one_direction_is_charged_to_that_one() {
        let mut line = Line::new();
        assert_eq!(line.window(|_| 20, |_| 30), [50, 50]);
        assert_eq!(line.window(|packet| 20 + packet % 50 * 4, |_| 30), [148, 50]);
        assert_eq!(line.window(|_| 20, |packet| 30 + packet % 50 * 2), [50, 99]);
        // A queue that never drains stays charged to its direction for a minute.
        for _ in 0..29 {
            assert_eq!(line.window(|packet| 100 + packet % 50, |_| 30)[1], 50);
        }
    }

    #[test]
    fn a_longer_path_is_longer_for_both_at_once() {
        let mut line = Line::new();
        line.window(|_| 20, |_| 20);
        assert_eq!(line.window(|packet| 150 + packet % 3, |packet| 160 + packet % 2), [311, 311]);
        assert_eq!(line.window(|_| 20, |_| 20), [40, 40], "and shorter again");
        // Queues in both directions vary, and are nobody's path.
        assert_eq!(line.window(|packet| 60 + packet % 50, |packet| 60 + packet % 50), [105, 105]);
    }

    #[test]
    fn where_nothing_flows_the_round_trips_tell_the_rest() {
        let mut line = Line::new();
        line.window(|_| 20, |_| 30);
        for _ in 0..50 {
            line.delays.down.push((30 - APART_MS) * 1_000_000);
        }
        line.delays.round_trips.push(110 * 1_000_000);
        assert_eq!(line.close(), [110, 50]);
        // Nothing flows either way: whose it is, nobody can tell.
        line.delays.round_trips.push(90 * 1_000_000);
        assert_eq!(line.close(), [90, 90]);
        assert_eq!(line.ways.close(&line.delays), None, "nothing was measured");
    }

    #[test]
    fn before_both_ways_were_measured_the_round_trip_is_all_there_is() {
        let mut line = Line::new();
        line.delays.round_trips.push(70 * 1_000_000);
        assert_eq!(line.close(), [70, 70]);
    }

    #[test]
    fn clocks_may_drift() {
        let mut line = Line::new();
        // 50 ppm, for five minutes: 0.1 ms a window.
        for window in 0..150 {
            for _ in 0..100 {
                line.delays.up.push(20_000_000 + window * 100_000);
                line.delays.down.push(20_000_000 - window * 100_000);
                line.delays.round_trips.push(40_000_000);
            }
            let [up, down] = line.close();
            assert!(up.abs_diff(40) <= 3 && down.abs_diff(40) <= 3, "{window}: {up}, {down}");
        }
    }
}
