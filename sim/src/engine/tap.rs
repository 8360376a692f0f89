//! What a capture takes note of as datagrams enter links.

use std::collections::BTreeMap;

use greenroom_core::time::Instant;

use crate::{
    net::{
        Datagram,
        link::{Drops, Link},
        network::Network,
    },
    record::{Captured, Direction, Fate},
};

/// Every datagram of a run, by sender, each in order of time.
#[derive(Debug, Default)]
pub(super) struct Tap {
    packets: BTreeMap<u16, Vec<Captured>>,
    /// Those that wait in queues that decide later: by sender and its count, the place among the sender's.
    waiting: BTreeMap<(u16, u64), usize>,
}

impl Captured {
    /// A datagram as it enters a link; what becomes of it is not known yet.
    pub(super) fn of(now: Instant, client: u16, direction: Direction, datagram: &Datagram) -> Self {
        let Datagram { src, dst, ref payload, absent_bytes } = *datagram;
        Self { at: now, client, direction, src, dst, bytes: payload.to_vec(), absent_bytes, fate: Fate::Waited }
    }
}

/// What a client's link has dropped so far.
pub(super) fn drops_of(network: &Network, client: u16, direction: Direction) -> Drops {
    let link = match direction {
        Direction::Up => network.uplink(client),
        Direction::Down => network.downlink(client),
    };
    link.map(Link::drops).unwrap_or_default()
}

impl Tap {
    /// Takes note of a datagram, which is told by how often it came out at once and what its link had dropped before and after it what became of it.
    pub(super) fn take(&mut self, from: u16, count: u64, packet: Captured, copies: usize, before: Drops, after: Drops) {
        let fate = match copies {
            0 => dropped(before, after).map_or(Fate::Waited, Fate::Dropped),
            1 => Fate::Arrived,
            _ => Fate::ArrivedTwice,
        };
        let packets = self.packets.entry(from).or_default();
        if fate == Fate::Waited {
            self.waiting.insert((from, count), packets.len());
        }
        packets.push(Captured { fate, ..packet });
    }

    /// One that waited has come out of its queue, once or twice.
    pub(super) fn came_out(&mut self, from: u16, count: u64) {
        if let Some(packet) = self.waiting.get(&(from, count)).and_then(|at| self.packets.get_mut(&from)?.get_mut(*at)) {
            packet.fate = if packet.fate == Fate::Waited { Fate::Arrived } else { Fate::ArrivedTwice };
        }
    }

    /// All of them, in order of time, then of sender.
    pub(super) fn captured(self) -> Vec<Captured> {
        let mut all: Vec<(u16, Captured)> =
            self.packets.into_iter().flat_map(|(from, packets)| packets.into_iter().map(move |packet| (from, packet))).collect();
        all.sort_by_key(|(from, packet)| (packet.at, *from)); // stable: each sender's own order stays
        all.into_iter().map(|(_, packet)| packet).collect()
    }
}

/// What it was dropped for, if it was.
fn dropped(before: Drops, after: Drops) -> Option<&'static str> {
    let causes = [
        ("the queue was full", before.queue, after.queue),
        ("lost on the way", before.loss, after.loss),
        ("the link carried nothing", before.outage, after.outage),
        ("it waited too long", before.aqm, after.aqm),
        ("above the policed rate", before.policer, after.policer),
        ("larger than the link takes", before.too_large, after.too_large),
    ];
    causes.into_iter().find(|(_, before, after)| after > before).map(|(cause, _, _)| cause)
}
