//! The streams that a user watches: asking for them, taking their packets in, and counting what came.

use core::ops::Deref;

use greenroom_core::{
    id::{LayerId, StreamId},
    session::Call,
    stream::{LayerSet, StreamInfo, TrackKind},
    time::Instant,
};

use super::{ClientNode, Output, asks::Asked, millis, name, quality::Flowing};
use crate::{
    media::{MediaPacket, Peer, TrackId},
    node::pictures::{Arrivals, Pictures},
    record::{Counted, Flow, SAMPLE_INTERVAL, Sample, What},
};

/// A stream that the user watches.
#[derive(Debug)]
pub(super) struct View {
    pub(super) info: StreamInfo,
    subscribed_at: Instant,
    pub(super) audio: Arrivals,
    pub(super) video: Arrivals,
    pub(super) pictures: Pictures,
    pub(super) flowing: Flowing,
    /// For how long the picture stood still for the connection's sake, so far.
    pub(super) freeze_ms: u32,
}

impl View {
    /// The stream's owner muted or unmuted a part of it: what stands still or is silent from now on is meant to be.
    pub(super) fn muted(&mut self, now: Instant, stream: StreamInfo) {
        self.flowing.froze(self.pictures.standing_still(now));
        self.pictures.excuse();
        self.flowing.begin(now, stream.video_muted);
        self.info = stream;
    }

    /// What comes from now on is numbered anew: it comes over another transport.
    pub(super) fn restart(&mut self) {
        self.audio.restart();
        self.video.restart();
        self.pictures.restart();
    }
}

impl ClientNode {
    pub(super) fn subscribe(&mut self, stream: StreamId) {
        let Some(view) = self.views.get(&stream) else { return };
        let name = name(&view.info);
        let (audio, video) = (view.info.offer.audio_bps.is_some(), !view.info.offer.layers.is_empty());
        self.call(Call::Subscribe { stream, audio, video, layers: LayerSet::HIGHEST, min_height: None }, Asked::Subscribe(stream, name));
    }

    pub(super) fn stream_added(&mut self, stream: StreamInfo) {
        let name = name(&stream);
        self.entry(What::StreamAdded { stream: name.clone() });
        if stream.audio_muted || stream.video_muted {
            self.entry(What::StreamMuted { stream: name.clone(), audio: stream.audio_muted, video: stream.video_muted });
        }
        if !self.config.user.watch.holds(&stream.user) {
            return;
        }
        let id = stream.id;
        if let Some(peer) = &mut self.peer {
            expect_tracks(peer, self.now, &stream); // before asking: what comes unexpected is lost
        }
        let view = View {
            flowing: Flowing::new(self.now, stream.video_muted),
            freeze_ms: 0,
            info: stream,
            subscribed_at: self.now,
            audio: Arrivals::default(),
            video: Arrivals::default(),
            pictures: Pictures::new(self.config.camera.fps),
        };
        self.views.insert(id, view);
        self.entry(What::SubscribeCalled { stream: name });
        self.subscribe(id);
    }

    pub(super) fn drop_view(&mut self, stream: StreamId) {
        let Some(mut view) = self.views.remove(&stream) else { return };
        self.sample(&mut view); // what came since the last sample still counts
        if let Some(peer) = &mut self.peer {
            for kind in [TrackKind::Audio, TrackKind::Video] {
                peer.stop_track(self.now, TrackId { stream, kind });
            }
        }
    }

    pub(super) fn packet(&mut self, packet: &MediaPacket<impl Deref<Target = [u8]>>) {
        let now = self.now;
        let Some(view) = self.views.get_mut(&packet.track.stream) else {
            return;
        };
        match packet.track.kind {
            TrackKind::Audio => view.audio.count_timed(now, packet),
            TrackKind::Video => {
                if view.info.offer.audio_bps.is_some() {
                    view.video.count(now, packet);
                } else {
                    view.video.count_timed(now, packet);
                }
                let due = view.pictures.poll_timeout();
                let shown = view.pictures.handle_packet(now, packet);
                self.stirred |= view.pictures.poll_timeout() != due;
                let what = if shown.first {
                    What::FirstFrame { stream: name(&view.info), after_ms: millis(now.saturating_since(view.subscribed_at)) }
                } else if let Some(freeze) = shown.freeze {
                    view.flowing.froze(freeze);
                    What::Freeze { stream: name(&view.info), duration_ms: millis(freeze) }
                } else {
                    return;
                };
                self.entry(what);
            }
        }
    }

    pub(super) fn ask_for_key_frames(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        for (stream, view) in &mut self.views {
            if !view.info.video_muted && view.pictures.take_key_frame_request(self.now) {
                peer.request_key_frame(self.now, TrackId { stream: *stream, kind: TrackKind::Video }, LayerId(0));
            }
        }
    }

    /// Tells what was counted if it is time, and whether it was.
    pub(super) fn take_samples(&mut self) -> bool {
        if self.next_sample > self.now {
            return false;
        }
        self.next_sample = self.next_sample.saturating_add(SAMPLE_INTERVAL);
        let mut views = core::mem::take(&mut self.views);
        for view in views.values_mut() {
            self.sample(view);
        }
        self.views = views;
        self.take_statistics();
        self.take_window();
        true
    }

    fn sample(&mut self, view: &mut View) {
        let (audio, video) = (view.audio.take(), view.video.take());
        view.flowing.sampled(audio.packets + video.packets);
        self.statistics.received(view.info.id, TrackKind::Audio, audio, view.audio.lost_packets());
        self.statistics.received(view.info.id, TrackKind::Video, video, view.video.lost_packets());
        let flow = Flow {
            packets: audio.packets + video.packets,
            bytes: audio.bytes + video.bytes,
            span: match (audio.span, video.span) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, other) => one.or(other),
            },
        };
        let lost_packets = view.audio.lost_packets() + view.video.lost_packets();
        let what = Counted::Received { flow, lost_packets };
        let sample = Sample { at: self.now, user: self.config.user.id.clone(), stream: name(&view.info), what };
        self.outputs.push_back(Output::Samples(vec![sample]));
    }
}

pub(super) fn expect_tracks(peer: &mut Peer, now: Instant, stream: &StreamInfo) {
    if stream.offer.audio_bps.is_some() {
        peer.receive_track(now, TrackId { stream: stream.id, kind: TrackKind::Audio }, &[]);
    }
    if !stream.offer.layers.is_empty() {
        peer.receive_track(now, TrackId { stream: stream.id, kind: TrackKind::Video }, &[]);
    }
}
