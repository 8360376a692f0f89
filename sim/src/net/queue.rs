//! What waits for the transmitter, and what is dropped there.
//!
//! Three disciplines. *Drop-tail* takes what fits and drops what does not as it comes; what it will do with a packet is known at once. [*CoDel*](super::codel) and
//! [*FQ-CoDel*](super::fq_codel) decide when a packet is taken out to be sent, by how long it waited, so the link tells later what became of it.
//!
//! A limit counts what waits. The packet in service waits no longer, and one that comes to an idle transmitter never did.

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::{
    capacity::span_of,
    codel::{CoDel, CoDelConfig},
    fq_codel::{FqCoDel, FqCoDelConfig},
    link::Luck,
};

/// How much may wait, and what decides about what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// First come, first served; what does not fit is dropped as it comes.
    DropTail(QueueLimit),
    /// First come, first served; drops to keep waits short (RFC 8289). What does not fit is dropped as it comes.
    CoDel(CoDelConfig, QueueLimit),
    /// Flows take turns, each a CoDel queue (RFC 8290). When too much waits, what waited longest in the longest queue is dropped.
    FqCoDel(FqCoDelConfig, QueueLimit),
}

/// How much may wait for the transmitter. The packet being transmitted does not count: it waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueLimit {
    /// As much as there is.
    Unlimited,
    /// So many bytes, as on the wire.
    Bytes(u64),
    /// So many packets.
    Packets(u32),
    /// A packet that would wait longer than this is dropped. Unlike a limit in bytes, it keeps its meaning when the rate changes. Drop-tail knows the wait exactly; with the other
    /// disciplines it is what waits, at the rate of the moment.
    Time(Duration),
}

/// A packet that waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Its place among all that were offered.
    pub(super) number: u64,
    pub(super) came: Instant,
    pub(super) wire_bytes: u64,
    pub(super) flow: u32,
    pub(super) luck: Luck,
}

/// Packets and bytes that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Backlog {
    pub(super) fn add(&mut self, wire_bytes: u64) {
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(wire_bytes);
    }

    pub(super) fn remove(&mut self, wire_bytes: u64) {
        self.packets -= 1;
        self.bytes = self.bytes.saturating_sub(wire_bytes);
    }
}

/// A queue that decides when a packet is taken out.
#[derive(Clone, Debug)]
pub(super) enum Managed {
    CoDel { codel: CoDel, waiting: VecDeque<Held>, backlog: Backlog },
    FqCoDel(FqCoDel),
}

impl Managed {
    pub(super) fn backlog(&self) -> Backlog {
        match self {
            Self::CoDel { backlog, .. } => *backlog,
            Self::FqCoDel(queue) => queue.backlog(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.backlog().packets == 0
    }

    /// Puts a packet behind the others of its flow; what has to go because of it goes into `dropped`. It may be the packet itself. `rate_bps` is that of the moment, and an `idle`
    /// transmitter takes the packet at once, whatever the limit.
    pub(super) fn push(&mut self, packet: Held, limit: QueueLimit, rate_bps: Option<BitsPerSecond>, idle: bool, dropped: &mut Vec<Held>) {
        match self {
            Self::CoDel { waiting, backlog, .. } => {
                let mut with = *backlog;
                with.add(packet.wire_bytes);
                // The wait is what is before it; the other limits count it.
                let fits = match limit {
                    QueueLimit::Time(longest) => span_of(backlog.bytes.saturating_mul(8), rate_bps) <= longest,
                    QueueLimit::Unlimited | QueueLimit::Bytes(_) | QueueLimit::Packets(_) => is_within(with, limit, rate_bps),
                };
                if idle || fits {
                    *backlog = with;
                    waiting.push_back(packet);
                } else {
                    dropped.push(packet);
                }
            }
            Self::FqCoDel(queue) => {
                queue.push(packet);
                while !idle && !is_within(queue.backlog(), limit, rate_bps) {
                    let Some(oldest) = queue.drop_of_the_longest() else { break };
                    dropped.push(oldest);
                }
            }
        }
    }

    /// Takes out the packet that is to be sent at `now`, if one is left; what is dropped on the way goes into `dropped`.
    pub(super) fn pop(&mut self, now: Instant, dropped: &mut Vec<Held>) -> Option<Held> {
        match self {
            Self::CoDel { codel, waiting, backlog } => codel.dequeue(now, waiting, backlog, dropped),
            Self::FqCoDel(queue) => queue.pop(now, dropped),
        }
    }
}

fn is_within(backlog: Backlog, limit: QueueLimit, rate_bps: Option<BitsPerSecond>) -> bool {
    match limit {
        QueueLimit::Unlimited => true,
        QueueLimit::Bytes(most) => backlog.bytes <= most,
        QueueLimit::Packets(most) => backlog.packets <= u64::from(most),
        QueueLimit::Time(longest) => span_of(backlog.bytes.saturating_mul(8), rate_bps) <= longest,
    }
}
