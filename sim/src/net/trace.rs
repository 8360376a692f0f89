//! Capacity as it was recorded: a list of opportunities, each of which can carry 1500 bytes at its instant.
//!
//! That is how Mahimahi's traces tell what a cellular link could have carried (Netravali et al., "Mahimahi: Accurate Record-and-Replay for HTTP", USENIX ATC 2015; the recording method is
//! Saturator's, Winstein et al., NSDI 2013). A line of a trace is a time in whole milliseconds, never falling; several equal lines are several opportunities. The rules, as its link shell
//! follows them:
//!
//! - an opportunity carries up to 1500 bytes: several small packets, the rest of one that began earlier, or the beginning of one that goes on in the next;
//! - what it does not use is lost: there is no credit for later;
//! - a packet that comes at the instant of an opportunity has missed it;
//! - at its end the trace begins again, and its last line is at the same time the new zero.
//!
//! Mahimahi's own packets carry four bytes of its tunnel's header, so it counts 1504 bytes an opportunity in its logs; the payload is the same.

use std::sync::Arc;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

/// Bytes that an opportunity carries.
pub const OPPORTUNITY_BYTES: u32 = 1500;
/// Nanoseconds of a trace's unit.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// Most opportunities of a trace. A choice: 16 million are 24 GB carried, four hours at 13 Mbps, in 64 MB of memory.
pub const OPPORTUNITIES_MAX: usize = 1 << 24;

/// The opportunities of a trace, without end: it loops. Copies share the list.
///
/// ```
/// use greenroom_sim::net::trace::Trace;
///
/// let twelve_megabits: Trace = "1\n".parse()?;
/// assert_eq!(twelve_megabits.mean_bps(), 12_000_000);
/// assert_eq!("5\n3\n".parse::<Trace>().unwrap_err().to_string(), "line 2: 3 comes after 5; expected times that never fall");
/// # Ok::<(), greenroom_sim::net::trace::TraceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace(Arc<[u32]>);

/// Why a list is no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// There is nothing in it.
    #[error("the trace has no opportunity; expected one time in milliseconds a line")]
    Empty,
    /// It takes no time.
    #[error("the trace ends at 0 ms; expected a last time above zero, after which it begins again")]
    NoTime,
    /// A line is no number.
    #[error("line {line}: found {found:?}, expected a time in whole milliseconds below 2^32")]
    NotATime {
        /// Which, from 1.
        line: usize,
        /// Its beginning.
        found: String,
    },
    /// A time lies before the one before it.
    #[error("line {line}: {now} comes after {before}; expected times that never fall")]
    Falling {
        /// Which, from 1.
        line: usize,
        /// Its time.
        now: u32,
        /// The time before.
        before: u32,
    },
    /// It is longer than [`OPPORTUNITIES_MAX`].
    #[error("the trace has more than {OPPORTUNITIES_MAX} opportunities")]
    TooLong,
}

impl Trace {
    /// A trace with an opportunity at each of these times, in milliseconds.
    pub fn new(opportunities_ms: Vec<u32>) -> Result<Self, TraceError> {
        if let Some(at) = opportunities_ms.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(TraceError::Falling { line: at + 2, now: opportunities_ms[at + 1], before: opportunities_ms[at] });
        }
        match opportunities_ms.last() {
            None => Err(TraceError::Empty),
            Some(0) => Err(TraceError::NoTime),
            Some(_) if opportunities_ms.len() > OPPORTUNITIES_MAX => Err(TraceError::TooLong),
            Some(_) => Ok(Self(opportunities_ms.into())),
        }
    }

    /// The times of one round, in milliseconds.
    pub fn opportunities_ms(&self) -> &[u32] {
        &self.0
    }

    /// How long a round takes, in milliseconds.
    pub fn round_ms(&self) -> u32 {
        *self.0.last().expect("a trace has a last opportunity")
    }

    /// What it carries on average, in bits per second, rounded down.
    pub fn mean_bps(&self) -> BitsPerSecond {
        let bits = self.0.len() as u64 * u64::from(OPPORTUNITY_BYTES) * 8;
        bits * 1000 / u64::from(self.round_ms())
    }

    /// What it carries in the second that begins at `now`, in bits per second.
    pub fn second_bps(&self, now: Instant) -> BitsPerSecond {
        let until = now.as_nanos().saturating_add(1_000_000_000);
        (self.until(until) - self.until(now.as_nanos())) * u64::from(OPPORTUNITY_BYTES) * 8
    }

    /// When the n-th opportunity of all is, counted from 0, in nanoseconds; none past the end of time.
    fn nth_ns(&self, n: u64) -> Option<u64> {
        let (round, place) = (n / self.0.len() as u64, n % self.0.len() as u64);
        let place = self.0[usize::try_from(place).expect("below the length")];
        let ms = round.checked_mul(u64::from(self.round_ms()))?.checked_add(u64::from(place))?;
        ms.checked_mul(NANOS_PER_MILLI)
    }

    /// How many opportunities there are up to and with that time.
    fn until(&self, ns: u64) -> u64 {
        let (ms, round_ms) = (ns / NANOS_PER_MILLI, u64::from(self.round_ms()));
        // Rounds that ended by now are counted whole. The last line of a round and the zero of the next are one instant: a line of 0 belongs to the next round.
        let (rounds, within) = (ms / round_ms, ms % round_ms);
        rounds * self.0.len() as u64 + self.0.partition_point(|at| u64::from(*at) <= within) as u64
    }
}

impl core::str::FromStr for Trace {
    type Err = TraceError;

    /// Reads a trace file: one time in milliseconds a line. What stands after a number sign is for people.
    fn from_str(text: &str) -> Result<Self, TraceError> {
        let mut times = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let time = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
            let now = time.ok_or_else(|| TraceError::NotATime { line, found: text.chars().take(20).collect() })?;
            if let Some(&before) = times.last().filter(|before| **before > now) {
                return Err(TraceError::Falling { line, now, before });
            }
            times.push(now);
            if times.len() > OPPORTUNITIES_MAX {
                return Err(TraceError::TooLong);
            }
        }
        Self::new(times)
    }
}

/// Where a link stands in its trace.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    trace: Trace,
    /// The opportunity that something was last carried in, counted from 0, and when it is.
    at: Option<(u64, u64)>,
    /// Bytes that it has left.
    left_bytes: u32,
}

impl Cursor {
    pub(super) const fn new(trace: Trace) -> Self {
        Self { trace, at: None, left_bytes: 0 }
    }

    pub(super) const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The opportunity that carries the next byte, for a packet that came at `came`: its number, its time, and what it has left. None past the end of time.
    fn next(&self, came: Instant) -> Option<(u64, u64, u32)> {
        let missed = self.trace.until(came.as_nanos());
        match self.at {
            Some((n, at_ns)) if self.left_bytes > 0 && n >= missed => Some((n, at_ns, self.left_bytes)),
            Some((n, _)) => {
                let n = missed.max(n.checked_add(1)?);
                Some((n, self.trace.nth_ns(n)?, OPPORTUNITY_BYTES))
            }
            None => Some((missed, self.trace.nth_ns(missed)?, OPPORTUNITY_BYTES)),
        }
    }

    /// When a packet that came at `came`, with none before it, has its first byte carried.
    pub(super) fn begin(&self, came: Instant) -> Instant {
        self.next(came).map_or(Instant::MAX, |(_, at_ns, _)| Instant::from_nanos(at_ns))
    }

    /// Carries a packet: when its first byte is, and when its last. One that comes after the end of time stays.
    pub(super) fn carry(&mut self, came: Instant, wire_bytes: u64) -> (Instant, Instant) {
        let Some((mut n, mut at_ns, left)) = self.next(came) else { return (Instant::MAX, Instant::MAX) };
        let begin = Instant::from_nanos(at_ns);
        let beyond = wire_bytes.saturating_sub(u64::from(left));
        if beyond > 0 {
            let opportunities = beyond.div_ceil(u64::from(OPPORTUNITY_BYTES));
            let later = n.checked_add(opportunities).and_then(|n| Some((n, self.trace.nth_ns(n)?)));
            let Some(later) = later else {
                self.at = Some((u64::MAX, u64::MAX));
                self.left_bytes = 0;
                return (begin, Instant::MAX);
            };
            (n, at_ns) = later;
            let carried = opportunities * u64::from(OPPORTUNITY_BYTES);
            self.left_bytes = u32::try_from(carried - beyond).expect("less than one opportunity");
        } else {
            self.left_bytes = left - u32::try_from(wire_bytes).expect("not above what was left");
        }
        self.at = Some((n, at_ns));
        (begin, Instant::from_nanos(at_ns))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn departures_ms(trace: &[u32], packets: &[(u64, u64)]) -> Vec<u64> {
        let mut cursor = Cursor::new(Trace::new(trace.to_vec()).expect("a trace"));
        packets.iter().map(|(came_ms, bytes)| cursor.carry(Instant::from_millis(*came_ms), *bytes).1.as_nanos() / 1_000_000).collect()
    }

    #[test]
    fn an_opportunity_carries_several_packets_or_a_part_of_one() {
        assert_eq!(departures_ms(&[10, 10, 25], &[(0, 750); 3]), [10, 10, 10]);
        assert_eq!(departures_ms(&[10, 10, 25], &[(0, 1500); 7]), [10, 10, 25, 35, 35, 50, 60]);
        assert_eq!(
            departures_ms(&[10, 20], &[(0, 1600), (0, 1400), (0, 1)]),
            [20, 20, 30],
            "the rest of one, then another, then nothing is left"
        );
        assert_eq!(departures_ms(&[10], &[(0, 4501)]), [40]);
    }

    #[test]
    fn what_is_not_used_is_lost_and_who_comes_at_the_instant_is_late() {
        assert_eq!(departures_ms(&[10], &[(9, 100), (9, 100), (10, 100), (35, 100)]), [10, 10, 20, 40]);
        assert_eq!(departures_ms(&[0, 10], &[(0, 100), (10, 100)]), [10, 20], "the zero of the second round is the end of the first");
    }

    #[test]
    fn traces_are_read_and_refused_with_the_line() {
        let read = |text: &str| text.parse::<Trace>();
        assert_eq!(read("# a recording\n1\n\n1 # twice\n4\n").expect("a trace").opportunities_ms(), [1, 1, 4]);
        let refused = |text: &str| read(text).expect_err("no trace").to_string();
        assert_eq!(refused(""), "the trace has no opportunity; expected one time in milliseconds a line");
        assert_eq!(refused("0\n0\n"), "the trace ends at 0 ms; expected a last time above zero, after which it begins again");
        assert_eq!(refused("1\nx1\n"), "line 2: found \"x1\", expected a time in whole milliseconds below 2^32");
        assert_eq!(refused("1\n-1\n"), "line 2: found \"-1\", expected a time in whole milliseconds below 2^32");
        assert_eq!(Trace::new(vec![4, 3]).expect_err("no trace").to_string(), "line 2: 3 comes after 4; expected times that never fall");
    }

    #[test]
    fn capacity_is_counted_by_the_second() {
        let trace = Trace::new(vec![100, 1500]).expect("a trace");
        assert_eq!(trace.mean_bps(), 16_000);
        let counts = [0, 99, 100, 500, 1499, 1500].map(|ms| trace.second_bps(Instant::from_millis(ms)) / 12_000);
        assert_eq!(counts, [1, 1, 0, 1, 2, 1], "after the instant, up to a second later");
    }

    // The rules of the link shell as a loop over its opportunities, one after the other.
    fn walk(trace: &[u32], packets: &[(u64, u64)]) -> Vec<u64> {
        let mut waiting: std::collections::VecDeque<(usize, u64)> = std::collections::VecDeque::new();
        let mut left = vec![0; packets.len()];
        let (mut come, mut base) = (0, 0);
        while left.contains(&0) {
            for at in trace {
                let now = base + u64::from(*at);
                while come < packets.len() && packets[come].0 < now {
                    waiting.push_back((come, packets[come].1));
                    come += 1;
                }
                let mut bytes = 1500;
                while bytes > 0
                    && let Some(first) = waiting.front_mut()
                {
                    let taken = first.1.min(bytes);
                    first.1 -= taken;
                    bytes -= taken;
                    if first.1 == 0 {
                        left[first.0] = now;
                        waiting.pop_front();
                    }
                }
            }
            base += u64::from(trace[trace.len() - 1]);
        }
        left
    }

    proptest! {
        #[test]
        fn a_cursor_leaves_when_a_walk_over_every_opportunity_does(
            mut trace in prop::collection::vec(0_u32..30, 1..8), mut packets in prop::collection::vec((0_u64..200, 1_u64..4000), 1..30),
        ) {
            trace.sort_unstable();
            packets.sort_unstable();
            *trace.last_mut().expect("one") += 1;
            prop_assert_eq!(departures_ms(&trace, &packets), walk(&trace, &packets));
        }
    }
}
