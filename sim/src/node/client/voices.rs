//! The voices that a user hears without subscribing: those of the loudest, whoever they are.

use core::ops::Deref;
use std::collections::BTreeMap;

use greenroom_core::{
    id::StreamId,
    limits,
    quality::Activity,
    stream::{StreamInfo, TrackKind},
    time::Instant,
};

use super::{ClientNode, Output, name};
use crate::{
    media::{Arrived, Meant, MediaPacket, Peer, TrackId},
    node::pictures::Arrivals,
    record::{Counted, Sample, StreamName},
    scenario::Hear,
};

/// Everyone who may be heard, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Voices(BTreeMap<StreamId, Voice>);

#[derive(Debug)]
struct Voice {
    name: StreamName,
    arrivals: Arrivals,
}

impl Voices {
    /// The streams, by number.
    pub(super) fn names(&self) -> impl Iterator<Item = (StreamId, StreamName)> + '_ {
        self.0.iter().map(|(stream, voice)| (*stream, voice.name.clone()))
    }

    /// What came of each, for the window of quality that ends now. Who is not among the loudest is not sent, and nothing is missing of it.
    pub(super) fn arrived(&self) -> impl Iterator<Item = Arrived> + '_ {
        let activity = Activity { target_bps: 0, active: limits::QUALITY_WINDOW };
        self.0.iter().map(move |(stream, Voice { arrivals, .. })| Arrived {
            meant: Meant { track: audio_of(*stream), activity },
            counters: arrivals.counters(),
            jitter: Some(arrivals.jitter.estimate()),
        })
    }

    /// Expects all of them over another transport.
    pub(super) fn expect(&mut self, now: Instant, peer: &mut Peer) {
        for (stream, voice) in &mut self.0 {
            peer.receive_track(now, audio_of(*stream), &[]);
            voice.arrivals.restart();
        }
    }

    /// Takes in a packet of audio. Whether it was one of these.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &MediaPacket<impl Deref<Target = [u8]>>) -> bool {
        if packet.track.kind != TrackKind::Audio || self.0.is_empty() {
            return false;
        }
        let stream = packet.track.stream; // of a packet that a search is shown, all would have to lie in memory
        self.0.get_mut(&stream).map(|voice| voice.arrivals.count_timed(now, packet)).is_some()
    }

    /// The stay is over.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl ClientNode {
    /// Whether the user hears the loudest, in place of whom it watches.
    pub(super) fn listens(&self) -> bool {
        self.config.user.hear == Hear::Loudest
    }

    /// Somebody publishes a stream that may be heard from now on.
    pub(super) fn expect_voice(&mut self, stream: &StreamInfo) {
        if !self.listens() || stream.offer.audio_bps.is_none() {
            return;
        }
        if let Some(peer) = &mut self.peer {
            peer.receive_track(self.now, audio_of(stream.id), &[]);
        }
        self.voices.0.insert(stream.id, Voice { name: name(stream), arrivals: Arrivals::default() });
    }

    /// A stream is heard no longer.
    pub(super) fn drop_voice(&mut self, stream: StreamId) {
        if self.voices.0.contains_key(&stream) {
            self.sample_voices(); // what came since the last sample still counts
            self.voices.0.remove(&stream);
            if let Some(peer) = &mut self.peer {
                peer.stop_track(self.now, audio_of(stream));
            }
        }
    }

    /// Tells who was heard since the last time.
    pub(super) fn sample_voices(&mut self) {
        let mut samples = Vec::new();
        for (stream, Voice { name, arrivals }) in &mut self.voices.0 {
            let flow = arrivals.take();
            self.statistics.received(*stream, TrackKind::Audio, flow, arrivals.lost_packets(), Some(arrivals.jitter.estimate()));
            if flow.packets > 0 {
                samples.push(Sample { at: self.now, user: self.config.user.id.clone(), stream: name.clone(), what: Counted::Heard(flow) });
            }
        }
        if !samples.is_empty() {
            self.outputs.push_back(Output::Samples(samples));
        }
    }
}

const fn audio_of(stream: StreamId) -> TrackId {
    TrackId { stream, kind: TrackKind::Audio }
}
