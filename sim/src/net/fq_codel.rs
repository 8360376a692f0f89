//! FQ-CoDel: flows take turns, and each has its own CoDel (RFC 8290).
//!
//! Every flow has a queue of its own. The scheduler is deficit round robin: a queue may send `quantum` bytes a turn, and what it sends too much is taken from its next ones. So two flows
//! that always have something to send get the same number of bytes, whatever the size of their packets, up to two quanta. Queues that were empty come before those that were not: a flow
//! that sends less than its share waits for one packet at most of each other such flow.
//!
//! A packet's flow is a number, and its queue that number modulo [`FqCoDelConfig::flows`]. Who has addresses rather than numbers makes one with [`flow_of`]; flows that fall into one
//! queue share it, as in every router.

use core::net::SocketAddrV4;
use std::collections::VecDeque;

use greenroom_core::time::Instant;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    codel::{CoDel, CoDelConfig},
    queue::{Backlog, Held},
};

/// How flows take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FqCoDelConfig {
    /// What decides within each queue.
    pub codel: CoDelConfig,
    /// Bytes that a queue may send a turn.
    pub quantum_bytes: u32,
    /// How many queues there are; at least one.
    pub flows: u32,
}

impl Default for FqCoDelConfig {
    /// 1514 bytes, a full Ethernet frame, and 1024 queues (RFC 8290 section 5.2).
    fn default() -> Self {
        Self { codel: CoDelConfig::default(), quantum_bytes: 1514, flows: 1024 }
    }
}

/// Packets that may wait where nothing else is said (RFC 8290 section 5.2.3).
pub const LIMIT_PACKETS: u32 = 10_240;
/// Most queues of one link. A choice: what Linux allows.
pub const FLOWS_MAX: u32 = 65_536;

/// A flow's number from its addresses, which differ from run to run as the perturbation of a router does.
pub fn flow_of(src: SocketAddrV4, dst: SocketAddrV4, seed: u64) -> u32 {
    let mut name = [0; 12];
    name[..4].copy_from_slice(&src.ip().octets());
    name[4..6].copy_from_slice(&src.port().to_be_bytes());
    name[6..10].copy_from_slice(&dst.ip().octets());
    name[10..].copy_from_slice(&dst.port().to_be_bytes());
    let [low @ .., _, _, _, _] = xxh3_64_with_seed(&name, seed).to_le_bytes();
    u32::from_le_bytes(low)
}

/// The queues of one link.
#[derive(Clone, Debug)]
pub(super) struct FqCoDel {
    config: FqCoDelConfig,
    queues: Vec<FlowQueue>,
    /// Queues that were empty, and those that have had a turn, in the order of their turns.
    new: VecDeque<u32>,
    old: VecDeque<u32>,
    backlog: Backlog,
}

#[derive(Clone, Debug)]
struct FlowQueue {
    codel: CoDel,
    waiting: VecDeque<Held>,
    backlog: Backlog,
    /// Bytes that it may still send this turn.
    credit: i64,
    /// Whether it stands in one of the lists.
    listed: bool,
}

impl FqCoDel {
    pub(super) fn new(config: FqCoDelConfig) -> Self {
        // A queue without credit never has a turn, and no queue takes no packet.
        let config = FqCoDelConfig { quantum_bytes: config.quantum_bytes.max(1), flows: config.flows.clamp(1, FLOWS_MAX), ..config };
        Self { config, queues: Vec::new(), new: VecDeque::new(), old: VecDeque::new(), backlog: Backlog::default() }
    }

    pub(super) const fn backlog(&self) -> Backlog {
        self.backlog
    }

    pub(super) fn push(&mut self, packet: Held) {
        let place = packet.flow % self.config.flows;
        let at = place as usize;
        if self.queues.len() <= at {
            let empty = FlowQueue {
                codel: CoDel::new(self.config.codel),
                waiting: VecDeque::new(),
                backlog: Backlog::default(),
                credit: 0,
                listed: false,
            };
            self.queues.resize(at + 1, empty);
        }
        let queue = &mut self.queues[at];
        if !queue.listed {
            queue.listed = true;
            queue.credit = self.config.quantum_bytes.into();
            self.new.push_back(place);
        }
        queue.backlog.add(packet.wire_bytes);
        self.backlog.add(packet.wire_bytes);
        queue.waiting.push_back(packet);
    }

    /// Takes the oldest packet out of the queue with the most bytes (RFC 8290 section 4.1): who fills the memory pays. Of equal queues it is the one with the lowest number.
    pub(super) fn drop_of_the_longest(&mut self) -> Option<Held> {
        let longest = self.queues.iter_mut().rev().filter(|queue| !queue.waiting.is_empty()).max_by_key(|queue| queue.backlog.bytes)?;
        let oldest = longest.waiting.pop_front()?;
        longest.backlog.remove(oldest.wire_bytes);
        self.backlog.remove(oldest.wire_bytes);
        Some(oldest)
    }

    /// Takes out the packet whose turn it is at `now` (RFC 8290 section 4.2).
    pub(super) fn pop(&mut self, now: Instant, dropped: &mut Vec<Held>) -> Option<Held> {
        loop {
            let is_new = !self.new.is_empty();
            let place = *if is_new { self.new.front() } else { self.old.front() }?;
            let queue = &mut self.queues[place as usize];
            if queue.credit <= 0 {
                queue.credit += i64::from(self.config.quantum_bytes);
                self.move_to_the_end(is_new, place);
                continue;
            }
            let before = queue.backlog;
            let packet = queue.codel.dequeue(now, &mut queue.waiting, &mut queue.backlog, dropped);
            self.backlog.packets -= before.packets - queue.backlog.packets;
            self.backlog.bytes -= before.bytes - queue.backlog.bytes;
            if let Some(packet) = packet {
                queue.credit -= i64::try_from(packet.wire_bytes).unwrap_or(i64::MAX);
                return Some(packet);
            }
            // An empty new queue has a round to wait, or one packet at a time would always come first; an empty old one is done.
            if is_new {
                self.move_to_the_end(is_new, place);
            } else {
                queue.listed = false;
                self.old.pop_front();
            }
        }
    }

    /// Moves the queue at the front of its list to the end of the old ones.
    fn move_to_the_end(&mut self, is_new: bool, place: u32) {
        let list = if is_new { &mut self.new } else { &mut self.old };
        list.pop_front();
        self.old.push_back(place);
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::net::link::Luck;

    fn packet(flow: u32, number: u64, wire_bytes: u64) -> Held {
        Held { number, came: Instant::ZERO, wire_bytes, flow, luck: Luck::default() }
    }

    fn served(queue: &mut FqCoDel, packets: usize) -> Vec<u32> {
        (0..packets).filter_map(|_| queue.pop(Instant::ZERO, &mut Vec::new())).map(|packet| packet.flow).collect()
    }

    #[test]
    fn a_new_flow_comes_before_those_that_had_their_turn() {
        let mut queue = FqCoDel::new(FqCoDelConfig::default());
        (0..20).for_each(|n| queue.push(packet(1, n, 1000)));
        assert_eq!(served(&mut queue, 4), [1, 1, 1, 1], "alone");
        queue.push(packet(2, 0, 200));
        assert_eq!(served(&mut queue, 2), [2, 1]);
        queue.push(packet(2, 1, 200));
        assert_eq!(served(&mut queue, 3), [2, 1, 1], "an old one now, it has its turn while the other pays for what it sent too much");
        assert_eq!(queue.backlog(), Backlog { packets: 13, bytes: 13_000 });
    }

    #[test]
    fn a_large_packet_is_paid_for_in_later_turns() {
        let mut queue = FqCoDel::new(FqCoDelConfig { quantum_bytes: 500, ..FqCoDelConfig::default() });
        (0..10).for_each(|n| queue.push(packet(1, n, 1500)));
        (0..30).for_each(|n| queue.push(packet(2, n, 500)));
        let flows = served(&mut queue, 24);
        let bytes = |flow: u32, size: usize| flows.iter().filter(|f| **f == flow).count() * size;
        assert!(bytes(1, 1500).abs_diff(bytes(2, 500)) <= 1500, "{flows:?}");
    }

    #[test]
    fn the_longest_queue_pays_for_a_full_memory() {
        let mut queue = FqCoDel::new(FqCoDelConfig::default());
        queue.push(packet(1, 0, 100));
        (0..3).for_each(|n| queue.push(packet(2, n, 1000)));
        let gone: Vec<_> = (0..4).filter_map(|_| queue.drop_of_the_longest()).map(|gone| (gone.flow, gone.number)).collect();
        assert_eq!(gone, [(2, 0), (2, 1), (2, 2), (1, 0)]);
        assert!(queue.drop_of_the_longest().is_none() && queue.pop(Instant::ZERO, &mut Vec::new()).is_none());
    }

    #[test]
    fn addresses_make_flows_that_differ_from_run_to_run() {
        let at = |last| SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, last), 5000);
        assert_eq!(flow_of(at(1), at(2), 7), flow_of(at(1), at(2), 7));
        assert_ne!(flow_of(at(1), at(2), 7), flow_of(at(2), at(1), 7));
        assert_ne!(flow_of(at(1), at(2), 7), flow_of(at(1), at(2), 8));
    }
}
