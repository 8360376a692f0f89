//! Who hears the loudest: their audio goes to members who listen, without anybody having subscribed to it.
//!
//! The room says who listens and who the loudest are; one rule follows for every listener ([`MediaOutput::Loudest`](greenroom_core::room::MediaOutput::Loudest)). A voice that was heard once keeps its track and its
//! forwarder, which rests while others are louder: so its numbers go on where they were, and nothing is set up twice when people take turns.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    forward::{Config, Forwarder, Incoming, Verdict},
    id::{LayerId, MemberId, StreamId},
    limits,
    select::Layer,
    time::Instant,
};

use crate::media::{Copies, MediaPacket};

/// Listeners, speakers, and what goes from these to those.
#[derive(Debug, Default)]
pub(super) struct Voices {
    /// Who listens, and where its transport is.
    listeners: BTreeMap<MemberId, usize>,
    /// Who may be heard, those who are heard by everyone first.
    loudest: Vec<MemberId>,
    /// Whose the streams with audio are.
    speakers: BTreeMap<StreamId, MemberId>,
    /// What a listener has subscribed to comes that way.
    subscribed: BTreeSet<(StreamId, MemberId)>,
    /// By stream and listener.
    forwarders: BTreeMap<StreamId, BTreeMap<MemberId, Forwarder>>,
}

impl Voices {
    pub(super) fn listen(&mut self, member: MemberId, slot: usize) -> Vec<(MemberId, StreamId)> {
        self.listeners.insert(member, slot);
        self.settle()
    }

    /// The transport of a listener is gone, and whatever it was sent.
    pub(super) fn forget_listener(&mut self, member: MemberId) {
        self.listeners.remove(&member);
        self.subscribed.retain(|(_, subscriber)| *subscriber != member);
        for listeners in self.forwarders.values_mut() {
            listeners.remove(&member);
        }
    }

    /// These are the loudest from here on.
    pub(super) fn set_loudest(&mut self, speakers: Vec<MemberId>) -> Vec<(MemberId, StreamId)> {
        self.loudest = speakers;
        self.settle()
    }

    /// A stream begins, or its publisher comes with a new transport.
    pub(super) fn open(&mut self, publisher: MemberId, stream: StreamId, has_audio: bool) -> Vec<(MemberId, StreamId)> {
        if !has_audio {
            self.close(stream);
            return Vec::new();
        }
        self.speakers.insert(stream, publisher);
        self.settle()
    }

    /// A stream has ended. Who had a track of it.
    pub(super) fn close(&mut self, stream: StreamId) -> Vec<MemberId> {
        self.speakers.remove(&stream);
        self.subscribed.retain(|(subscribed, _)| *subscribed != stream);
        self.forwarders.remove(&stream).map(|listeners| listeners.into_keys().collect()).unwrap_or_default()
    }

    /// A member has subscribed to a stream's audio, or has not any more: then its track was closed.
    pub(super) fn subscribed(&mut self, stream: StreamId, member: MemberId, audio: bool) -> Vec<(MemberId, StreamId)> {
        let changed = if audio { self.subscribed.insert((stream, member)) } else { self.subscribed.remove(&(stream, member)) };
        if !changed {
            return Vec::new();
        }
        if let Some(listeners) = self.forwarders.get_mut(&stream) {
            listeners.remove(&member);
        }
        self.settle()
    }

    /// Sends a packet of audio to everyone who hears its speaker.
    pub(super) fn forward_packet(&mut self, now: Instant, source: u32, packet: &MediaPacket, mut send: impl FnMut(usize, &Copies)) {
        let Some(listeners) = self.forwarders.get_mut(&packet.track.stream) else { return };
        let incoming = Incoming { layer: LayerId(0), source, seq: packet.seq, timestamp: packet.timestamp, picture: None };
        let mut copies = Copies::of(packet.clone());
        for (member, forwarder) in listeners {
            if let (Verdict::Forward(numbers), Some(slot)) = (forwarder.handle_packet(now, &incoming), self.listeners.get(member)) {
                copies.number(numbers.seq, numbers.timestamp);
                send(*slot, &copies);
            }
        }
    }

    /// Who hears whom is as it should be. Returns which tracks are to be opened for it.
    fn settle(&mut self) -> Vec<(MemberId, StreamId)> {
        let mut opened = Vec::new();
        for (stream, speaker) in &self.speakers {
            if !self.loudest.contains(speaker) && !self.forwarders.contains_key(stream) {
                continue; // whom nobody has ever heard
            }
            let forwarders = self.forwarders.entry(*stream).or_default();
            for member in self.listeners.keys() {
                // The first of them who are not itself.
                let mut others = self.loudest.iter().filter(|other| *other != member).take(limits::LOUDEST);
                let hears = speaker != member && others.any(|other| other == speaker) && !self.subscribed.contains(&(*stream, *member));
                if hears && !forwarders.contains_key(member) {
                    forwarders.insert(*member, Forwarder::new(Config::AUDIO));
                    opened.push((*member, *stream));
                }
                if let Some(forwarder) = forwarders.get_mut(member) {
                    forwarder.set_target(hears.then_some(Layer::whole(LayerId(0))));
                }
            }
        }
        opened
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::stream::TrackKind;

    use super::*;
    use crate::media::TrackId;

    const ADA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const CEM: MemberId = MemberId(3);
    const DIA: MemberId = MemberId(4);
    const EVA: MemberId = MemberId(5);
    const STREAMS: [(MemberId, StreamId); 4] = [(ADA, StreamId(1)), (BEN, StreamId(2)), (CEM, StreamId(3)), (DIA, StreamId(4))];

    /// Four who publish audio, of whom Ada listens, and Eva, who only listens.
    fn hall() -> Voices {
        let mut voices = Voices::default();
        for (member, stream) in STREAMS {
            assert_eq!(voices.open(member, stream, true), []);
        }
        assert_eq!((voices.listen(ADA, 1), voices.listen(EVA, 5)), (vec![], vec![]));
        voices
    }

    /// Whose n-th packet goes to which slots, with which numbers.
    fn heard(voices: &mut Voices, n: u64) -> Vec<(MemberId, usize, u64)> {
        let mut heard = Vec::new();
        for (member, stream) in STREAMS {
            let track = TrackId { stream, kind: TrackKind::Audio };
            let packet = MediaPacket {
                track,
                layer: LayerId(0),
                seq: 100 + n,
                timestamp: 0,
                marker: false,
                payload: [0].as_slice().into(),
                absent_bytes: 0,
                level: None,
            };
            voices.forward_packet(Instant::from_millis(20 * n), 0, &packet, |slot, copy| heard.push((member, slot, copy.packet().seq)));
        }
        heard
    }

    #[test]
    fn each_hears_the_first_three_who_are_not_itself() {
        let mut voices = hall();
        let opened = voices.set_loudest(vec![ADA, BEN, CEM, DIA]);
        assert_eq!(
            opened,
            [(EVA, StreamId(1)), (ADA, StreamId(2)), (EVA, StreamId(2)), (ADA, StreamId(3)), (EVA, StreamId(3)), (ADA, StreamId(4))]
        );
        assert_eq!(heard(&mut voices, 0), [(ADA, 5, 1), (BEN, 1, 1), (BEN, 5, 1), (CEM, 1, 1), (CEM, 5, 1), (DIA, 1, 1)]);
    }

    #[test]
    fn who_is_heard_again_goes_on_where_it_was() {
        let mut voices = hall();
        voices.set_loudest(vec![BEN]);
        heard(&mut voices, 0);
        assert_eq!(voices.set_loudest(vec![]), []);
        assert_eq!(heard(&mut voices, 1), []);
        // Nothing is opened again, and the listener sees no gap.
        assert_eq!(voices.set_loudest(vec![BEN]), []);
        assert_eq!(heard(&mut voices, 2), [(BEN, 1, 2), (BEN, 5, 2)]);
    }

    #[test]
    fn what_is_subscribed_to_does_not_come_twice() {
        let mut voices = hall();
        voices.set_loudest(vec![BEN]);
        assert_eq!(voices.subscribed(StreamId(2), EVA, true), []);
        assert_eq!(heard(&mut voices, 0), [(BEN, 1, 1)]);
        // Given back, it is heard as the others are, on a track of its own.
        assert_eq!(voices.subscribed(StreamId(2), EVA, false), [(EVA, StreamId(2))]);
        assert_eq!(heard(&mut voices, 1), [(BEN, 1, 2), (BEN, 5, 1)]);
    }

    #[test]
    fn what_ends_is_forgotten() {
        let mut voices = hall();
        voices.set_loudest(vec![BEN, CEM]);
        assert_eq!(voices.close(StreamId(2)), [ADA, EVA]);
        voices.forget_listener(ADA);
        assert_eq!(heard(&mut voices, 0), [(CEM, 5, 1)]);
        // Who comes with a new transport begins anew.
        assert_eq!(voices.listen(ADA, 7), [(ADA, StreamId(3))]);
        assert_eq!(heard(&mut voices, 1), [(CEM, 7, 1), (CEM, 5, 2)]);
    }
}
