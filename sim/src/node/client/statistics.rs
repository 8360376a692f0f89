//! What a user could read in its client's statistics: once a second, for each part that it sends or receives, the counts so far and what flows.
//!
//! Bytes, packets, jitter and what is missing on the way here are counted by the node, so that they are the same whatever carries the media. The round trip is the transport's. What is missing of what was sent
//! is told by the other end's reports, where there is one for each part: modelled media has none.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    id::{LayerId, StreamId},
    stats::{Direction, PartStats, Reading},
    stream::TrackKind,
    time::Instant,
};

use super::{ClientNode, Output, name};
use crate::{
    media::{MediaPacket, Peer, Reported, TrackId},
    record::{Counted, Flow, Part, Sample},
};

/// How often the statistics are read. Browsers count as often.
const INTERVAL: Duration = Duration::from_secs(1);

/// A client's counts.
#[derive(Debug)]
pub(super) struct Statistics {
    /// In order of their keys. A sorted list: there are few, and two hundred clients look them up ten times a second.
    parts: Vec<(Key, Counts)>,
    next: Instant,
}

/// A part: of what is received, the layer is the server's choice, and counts as the lowest.
type Key = (TrackId, LayerId, Direction);

/// What is counted of a part, and what came of reading that.
#[derive(Debug)]
struct Counts {
    reading: Reading,
    stats: PartStats,
    /// Lost of what was sent over the transports before this one.
    lost_before: i64,
}

impl Statistics {
    pub(super) fn new(now: Instant) -> Self {
        Self { parts: Vec::new(), next: now.saturating_add(INTERVAL) }
    }

    /// A packet is sent.
    pub(super) fn sent(&mut self, packet: &MediaPacket) {
        let reading = self.reading((packet.track, packet.layer, Direction::Sent));
        reading.bytes += u64::from(packet.size_bytes());
        reading.packets += 1;
        if packet.track.kind == TrackKind::Video {
            *reading.frames.get_or_insert(0) += u64::from(packet.marker);
        }
    }

    /// This has arrived since last told, that much is missing, and so unevenly it came, where that is known.
    pub(super) fn received(&mut self, stream: StreamId, kind: TrackKind, flow: Flow, lost_packets: u64, jitter: Option<Duration>) {
        let key = (TrackId { stream, kind }, LayerId(0), Direction::Received);
        let reading = match self.find(key) {
            Ok(at) => &mut self.parts[at].1.reading,
            Err(_) if flow.packets == 0 => return, // a part that was never there
            Err(_) => self.reading(key),
        };
        reading.bytes += flow.bytes;
        reading.packets += flow.packets;
        reading.packets_lost = i64::try_from(lost_packets).ok();
        reading.jitter_us = jitter.map(micros);
    }

    /// This was reported of what is sent.
    fn reported(&mut self, reported: &Reported) {
        let key = (reported.track, reported.layer, Direction::Sent);
        if let Ok(at) = self.find(key) {
            let counts = &mut self.parts[at].1;
            // 24 bits with a sign: more may have come than was sent, where packets came twice.
            let lost = i64::from((reported.report.lost << 8).cast_signed() >> 8);
            counts.reading.packets_lost = Some(counts.lost_before.saturating_add(lost));
        }
    }

    /// The transport is another one from here on: the other end's counts begin anew.
    pub(super) fn restart(&mut self) {
        for (_, counts) in &mut self.parts {
            counts.lost_before = counts.reading.packets_lost.unwrap_or(0);
        }
    }

    fn reading(&mut self, key: Key) -> &mut Reading {
        let at = self.find(key).unwrap_or_else(|at| {
            self.parts.insert(at, (key, Counts { reading: Reading::default(), stats: PartStats::new(key.2), lost_before: 0 }));
            at
        });
        &mut self.parts[at].1.reading
    }

    /// Where the part is, or where it would be.
    fn find(&self, key: Key) -> Result<usize, usize> {
        self.parts.binary_search_by_key(&key, |(known, _)| *known)
    }
}

impl ClientNode {
    /// Reads the statistics if it is time, and tells them.
    pub(super) fn take_statistics(&mut self) {
        let now = self.now;
        if self.statistics.next > now {
            return;
        }
        self.statistics.next = self.statistics.next.saturating_add(INTERVAL);
        let own = self.cameras.iter().map(|(kind, camera)| (camera.stream(), self.own_stream(*kind)));
        let views = self.views.iter().map(|view| (view.info.id, name(&view.info)));
        let names: BTreeMap<_, _> = views.chain(self.voices.names()).chain(own).collect();
        let rtt_us = self.peer.as_ref().and_then(Peer::rtt).map(micros);
        for reported in self.peer.as_ref().map(Peer::reports).unwrap_or_default() {
            self.statistics.reported(&reported);
        }
        let rids: BTreeMap<_, _> = self.cameras.values().map(|camera| (camera.stream(), camera.rids())).collect();
        // What was a part of a stream that has ended is no part of the one that follows it.
        self.statistics.parts.retain(|((track, ..), _)| names.contains_key(&track.stream));
        let mut samples = Vec::new();
        for ((track, layer, direction), Counts { reading, stats, .. }) in &mut self.statistics.parts {
            stats.read(now, reading).expect("what a node counts does not fall");
            let is_layer = *direction == Direction::Sent && track.kind == TrackKind::Video;
            let part = Part {
                direction: *direction,
                kind: track.kind,
                layer: rids.get(&track.stream).and_then(|rids| rids.get(usize::from(layer.0))).filter(|_| is_layer).cloned(),
                totals: stats.totals(),
                rates: stats.rates(),
                is_loss_known: reading.packets_lost.is_some(),
                jitter_us: stats.jitter_us(),
                rtt_us,
            };
            let stream = names[&track.stream].clone();
            samples.push(Sample { at: now, user: self.config.user.id.clone(), stream, what: Counted::Part(Box::new(part)) });
        }
        if !samples.is_empty() {
            self.outputs.push_back(Output::Samples(samples));
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
