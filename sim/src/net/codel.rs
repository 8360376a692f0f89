//! CoDel, "controlled delay": drops when the shortest wait of an interval was above a target (RFC 8289).
//!
//! A queue that empties now and then absorbs bursts, which is what queues are for. One whose every packet waits longer than `target` for a whole `interval` only adds delay. CoDel then
//! drops a packet, and another after `interval / √1`, `interval / √2`, `interval / √3` … more, until a packet waited less than `target`. TCP's rate falls with the root of its losses,
//! so the square root makes the pressure rise in a straight line. With the standard numbers drops come 0, 100, 170.7, 228.4, 278.4 … ms after the first.
//!
//! This is section 5 of the RFC in integers: the square root is the whole root of `interval² / count`, so nothing depends on how a machine rounds. Coming back into the dropping state
//! within 16 intervals goes on near the rate at which it was left, as in the RFC's own version, which is that of Linux.

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::time::Instant;

use super::queue::{Backlog, Held};

/// How patient CoDel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoDelConfig {
    /// A wait that is always fine.
    pub target: Duration,
    /// How long waits may be above it. It should be about the longest round trip of those who use the link.
    pub interval: Duration,
    /// With no more than this left waiting nothing is dropped, in bytes: a transmitter must have something to send.
    pub mtu_bytes: u32,
}

impl Default for CoDelConfig {
    /// 5 ms and 100 ms (RFC 8289 section 4), and the 1500 bytes of Ethernet.
    fn default() -> Self {
        Self { target: Duration::from_millis(5), interval: Duration::from_millis(100), mtu_bytes: 1500 }
    }
}

/// Left that many intervals ago or less, the dropping state is taken up again where it was (RFC 8289 section 5.5).
const REMEMBERED_INTERVALS: u32 = 16;

/// The state of one queue's controller.
#[derive(Clone, Debug)]
pub(super) struct CoDel {
    config: CoDelConfig,
    /// When waits will have been above the target for an interval; none while they are not.
    first_above: Option<Instant>,
    /// In the dropping state: when the next drop is due.
    dropping: bool,
    drop_next: Instant,
    /// Drops in this dropping state, and what the count was as it began.
    count: u64,
    last_count: u64,
}

impl CoDel {
    pub(super) const fn new(config: CoDelConfig) -> Self {
        Self { config, first_above: None, dropping: false, drop_next: Instant::ZERO, count: 0, last_count: 0 }
    }

    /// Takes the next packet to be sent out of the queue, and drops on the way what has to go.
    pub(super) fn dequeue(
        &mut self,
        now: Instant,
        queue: &mut VecDeque<Held>,
        backlog: &mut Backlog,
        dropped: &mut Vec<Held>,
    ) -> Option<Held> {
        let (mut packet, mut above) = self.next(now, queue, backlog);
        if self.dropping {
            if !above {
                self.dropping = false;
            }
            // A long queue can be due for several drops at once.
            while self.dropping && now >= self.drop_next {
                let Some(gone) = packet.take() else { break };
                dropped.push(gone);
                self.count += 1;
                (packet, above) = self.next(now, queue, backlog);
                if above {
                    self.drop_next = self.drop_next.saturating_add(self.pause());
                } else {
                    self.dropping = false;
                }
            }
        } else if above && let Some(gone) = packet.take() {
            dropped.push(gone);
            (packet, _) = self.next(now, queue, backlog);
            self.dropping = true;
            let since_last_count = self.count.saturating_sub(self.last_count);
            let lately = now.saturating_since(self.drop_next) < self.config.interval.saturating_mul(REMEMBERED_INTERVALS);
            self.count = if since_last_count > 1 && lately { since_last_count } else { 1 };
            self.drop_next = now.saturating_add(self.pause());
            self.last_count = self.count;
        }
        packet
    }

    /// The packet at the front, and whether waits have been above the target long enough to drop it.
    fn next(&mut self, now: Instant, queue: &mut VecDeque<Held>, backlog: &mut Backlog) -> (Option<Held>, bool) {
        let Some(packet) = queue.pop_front() else {
            self.first_above = None;
            return (None, false);
        };
        backlog.remove(packet.wire_bytes);
        let waited = now.saturating_since(packet.came);
        if waited < self.config.target || backlog.bytes <= u64::from(self.config.mtu_bytes) {
            self.first_above = None;
            return (Some(packet), false);
        }
        let since = *self.first_above.get_or_insert(now.saturating_add(self.config.interval));
        (Some(packet), now >= since)
    }

    /// Time from one drop to the next: `interval / √count`, rounded down to the nanosecond.
    fn pause(&self) -> Duration {
        let interval = self.config.interval.as_nanos().min(u128::from(u64::MAX));
        let pause = (interval * interval / u128::from(self.count.max(1))).isqrt();
        Duration::from_nanos(u64::try_from(pause).expect("not above the interval"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::Luck;

    const MS: u64 = 1_000_000;

    fn full_queue(packets: u64) -> (VecDeque<Held>, Backlog) {
        let mut backlog = Backlog::default();
        let queue = (0..packets).map(|number| {
            backlog.add(1000);
            Held { number, came: Instant::ZERO, wire_bytes: 1000, flow: 0, luck: Luck::default() }
        });
        (queue.collect(), backlog)
    }

    // A packet every 0.1 ms out of a queue that never gets short: the drops follow the control law.
    #[test]
    fn drops_come_at_the_interval_by_the_root_of_their_count() {
        let (mut queue, mut backlog) = full_queue(100_000);
        let mut codel = CoDel::new(CoDelConfig::default());
        let mut drops_us = Vec::new();
        for tick in 0..6000 {
            let now = Instant::from_nanos(10 * MS + tick * MS / 10);
            let mut dropped = Vec::new();
            codel.dequeue(now, &mut queue, &mut backlog, &mut dropped);
            drops_us.extend(dropped.iter().map(|_| now.as_nanos() / 1000));
        }
        let first = drops_us[0];
        assert_eq!(first, 110_000, "an interval after the first wait above the target");
        let since: Vec<_> = drops_us.iter().take(7).map(|at| at - first).collect();
        assert_eq!(
            since,
            [0, 100_000, 170_800, 228_500, 278_500, 323_200, 364_000],
            "100, 170.71, 228.45, 278.45, 323.17, 363.99 ms, on the next tick"
        );
    }

    // Left with a count of c and entered again within 16 intervals, it begins with the drops that came since the state was entered before.
    #[test]
    fn coming_back_soon_it_goes_on_where_it_was() {
        let again_after = |pause_ms: u64| {
            let mut codel = CoDel::new(CoDelConfig::default());
            let mut now = 10;
            let overload = |codel: &mut CoDel, mut ms: u64, for_ms: u64| {
                let (mut queue, mut backlog) = full_queue(100_000);
                for held in &mut queue {
                    held.came = Instant::from_millis(ms - 10);
                }
                let end = ms + for_ms;
                while ms < end {
                    codel.dequeue(Instant::from_millis(ms), &mut queue, &mut backlog, &mut Vec::new());
                    ms += 1;
                }
                ms
            };
            now = overload(&mut codel, now, 500);
            assert!(codel.dropping && codel.count > 4, "{}", codel.count);
            let (count, before) = (codel.count, codel.last_count);
            let (mut short, mut backlog) = full_queue(1);
            codel.dequeue(Instant::from_millis(now), &mut short, &mut backlog, &mut Vec::new());
            assert!(!codel.dropping);
            overload(&mut codel, now + pause_ms, 102);
            assert!(codel.dropping);
            (codel.count, count - before)
        };
        let (count, delta) = again_after(500);
        assert_eq!(count, delta);
        assert_eq!(again_after(1800).0, 1, "long ago is forgotten");
    }

    #[test]
    fn what_is_short_in_time_or_in_bytes_is_left_alone() {
        let drops = |packets, bytes: u64, every_ms: u64| {
            let mut codel = CoDel::new(CoDelConfig::default());
            let (mut queue, mut backlog) = (VecDeque::new(), Backlog::default());
            let mut dropped = Vec::new();
            for tick in 0..5000_u64 {
                while backlog.packets < packets {
                    backlog.add(bytes);
                    queue.push_back(Held {
                        number: 0,
                        came: Instant::from_millis(tick),
                        wire_bytes: bytes,
                        flow: 0,
                        luck: Luck::default(),
                    });
                }
                codel.dequeue(Instant::from_millis(tick + every_ms), &mut queue, &mut backlog, &mut dropped);
            }
            dropped.len()
        };
        assert_eq!(drops(4, 1000, 0), 0, "waits of 3 ms");
        assert_eq!(drops(2, 1500, 90), 0, "one full packet left");
        assert!(drops(5, 1500, 90) > 500);
    }
}
