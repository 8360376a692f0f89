//! The streams that a user watches: asking for them, taking their packets in, and counting what came.

use core::{ops::Deref, slice, time::Duration};

use greenroom_core::{
    id::{LayerId, StreamId},
    session::Call,
    stream::{Layer, LayerSet, StreamInfo, StreamKind, TrackKind},
    time::Instant,
    wire::VideoWish,
};

use super::{ClientNode, Output, Standing, asks::Asked, millis, name, quality::Flowing};
use crate::{
    media::{MediaPacket, Peer, TrackId},
    node::pictures::{Arrivals, Pictures},
    record::{Counted, Flow, SAMPLE_INTERVAL, Sample, What},
    scenario::{Watch, Wish},
};

/// A stream that the user watches.
#[derive(Debug)]
pub(super) struct View {
    pub(super) info: StreamInfo,
    wish: Wish,
    /// Whether the server was asked for its audio, and for its video.
    asked: Parts,
    subscribed_at: Instant,
    pub(super) audio: Arrivals,
    pub(super) video: Arrivals,
    pub(super) pictures: Pictures,
    pub(super) flowing: Flowing,
    /// For how long the picture stood still for the connection's sake, so far.
    pub(super) freeze_ms: u32,
}

/// The streams that are watched, in order of their numbers. A sorted list: most users watch a few, and every packet looks one up.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<View>);

impl Views {
    fn find(&self, stream: StreamId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&stream, |view| view.info.id)
    }

    pub(super) fn get(&self, stream: StreamId) -> Option<&View> {
        self.find(stream).ok().map(|at| &self.0[at])
    }

    #[inline]
    pub(super) fn get_mut(&mut self, stream: StreamId) -> Option<&mut View> {
        self.find(stream).ok().map(|at| &mut self.0[at])
    }

    /// Adds a view, in place of one of the same stream.
    fn insert(&mut self, view: View) {
        match self.find(view.info.id) {
            Ok(at) => self.0[at] = view,
            Err(at) => self.0.insert(at, view),
        }
    }

    fn remove(&mut self, stream: StreamId) -> Option<View> {
        self.find(stream).ok().map(|at| self.0.remove(at))
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.0.iter().map(|view| view.info.id)
    }

    pub(super) fn iter(&self) -> slice::Iter<'_, View> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> slice::IterMut<'_, View> {
        self.0.iter_mut()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    audio: bool,
    video: bool,
}

impl View {
    /// The highest layer that the viewer has use for.
    pub(super) fn highest_wished(&self) -> Option<&Layer> {
        let layers = &self.info.offer.layers;
        let fits = |layer: &&Layer| self.wish.max_height.is_none_or(|most| layer.short_side() <= most);
        layers.iter().rfind(fits).or(layers.first())
    }

    /// The stream's owner muted or unmuted a part of it: what stands still or is silent from now on is meant to be.
    pub(super) fn muted(&mut self, now: Instant, stream: StreamInfo) {
        self.flowing.froze(self.pictures.standing_still(now));
        self.pictures.excuse();
        self.flowing.begin(now, stream.video_muted);
        self.info = stream;
    }

    /// How unevenly its sound and its pictures come. Pictures leave in bursts, so that they are asked only where there is no sound.
    pub(super) fn jitters(&self) -> [Option<Duration>; 2] {
        match self.info.offer.audio_bps {
            Some(_) => [Some(self.audio.jitter.estimate()), None],
            None => [None, Some(self.video.jitter.estimate())],
        }
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
        let (by_list, hears) = (self.by_list, !self.listens());
        let Some(view) = self.views.get_mut(stream) else { return };
        if by_list {
            self.list_due = true;
            if view.wish.audio && view.info.offer.audio_bps.is_some() && hears {
                view.asked.audio = true;
                let audio = Call::Subscribe { stream, audio: true, video: false, layers: LayerSet::HIGHEST, min_height: None };
                self.call(audio, Asked::Hear(stream));
            }
            return;
        }
        view.asked = Parts { audio: true, video: true };
        let name = name(&view.info);
        // Who hears the loudest asks for nobody's voice.
        let (audio, video) = (view.info.offer.audio_bps.is_some() && hears, !view.info.offer.layers.is_empty());
        self.call(Call::Subscribe { stream, audio, video, layers: LayerSet::HIGHEST, min_height: None }, Asked::Subscribe(stream, name));
    }

    pub(super) fn stream_added(&mut self, stream: StreamInfo) {
        let name = name(&stream);
        self.entry(What::StreamAdded { stream: name.clone() });
        if stream.audio_muted || stream.video_muted {
            self.entry(What::StreamMuted { stream: name.clone(), audio: stream.audio_muted, video: stream.video_muted });
        }
        self.expect_voice(&stream);
        self.view(stream);
    }

    /// Begins to watch a stream, if it is one of those that are watched.
    fn view(&mut self, stream: StreamInfo) {
        let Some(wish) = self.watch.wish(&stream.user, stream.offer.kind) else { return };
        if self.listens() && stream.offer.layers.is_empty() {
            return;
        }
        let name = name(&stream);
        let fps = match stream.offer.kind {
            StreamKind::Main => self.config.camera.fps,
            StreamKind::Aux => self.config.screen.fps,
        };
        let id = stream.id;
        if let Some(peer) = &mut self.peer {
            expect_tracks(peer, self.now, &stream); // before asking: what comes unexpected is lost
        }
        let view = View {
            flowing: Flowing::new(self.now, stream.video_muted),
            freeze_ms: 0,
            info: stream,
            wish,
            asked: Parts::default(),
            subscribed_at: self.now,
            audio: Arrivals::default(),
            video: Arrivals::default(),
            pictures: Pictures::new(fps),
        };
        self.views.insert(view);
        self.entry(What::SubscribeCalled { stream: name });
        self.subscribe(id);
    }

    /// Watches something else from now on. The server hears of the videos in one list, so that it plans once.
    pub(super) fn watch_instead(&mut self, watch: Watch) {
        self.watch = watch;
        (self.by_list, self.list_due) = (true, true);
        let hears = !self.listens(); // who hears the loudest asks for nobody's voice
        let known: Vec<StreamInfo> = self.session.streams().cloned().collect();
        for stream in known {
            let (id, wish) = (stream.id, self.watch.wish(&stream.user, stream.offer.kind));
            match (self.views.get_mut(id), wish) {
                (None, Some(_)) => self.view(stream),
                (Some(view), Some(wish)) => {
                    view.wish = wish;
                    let was_heard = core::mem::replace(&mut view.asked.audio, wish.audio && hears && view.info.offer.audio_bps.is_some());
                    match (was_heard, view.asked.audio) {
                        (false, true) => self.subscribe(id),
                        (true, false) => self.unhear(id),
                        (true, true) | (false, false) => {}
                    }
                }
                (Some(view), None) => {
                    // Its video ends with the list, which says so when it is answered.
                    let (name, audio) = (name(&view.info), view.asked.audio && view.info.offer.audio_bps.is_some());
                    self.gone.push(name);
                    if audio {
                        self.unhear(id);
                    }
                    self.drop_view(id);
                }
                (None, None) => {}
            }
        }
    }

    fn unhear(&mut self, stream: StreamId) {
        self.call(Call::Unsubscribe { stream, audio: true, video: false, layers: None }, Asked::Unhear);
    }

    /// Sends the list of videos.
    pub(super) fn ask_for_videos(&mut self) {
        if !matches!(self.standing, Standing::Inside { .. }) {
            return;
        }
        let (mut wanted, mut new) = (Vec::new(), Vec::new());
        for view in self.views.iter_mut().filter(|view| !view.info.offer.layers.is_empty()) {
            let Wish { priority, max_height, min_height, audio: _ } = view.wish;
            wanted.push(VideoWish { priority, max_height, min_height, ..VideoWish::of(view.info.id) });
            if !core::mem::replace(&mut view.asked.video, true) {
                new.push(name(&view.info));
            }
        }
        let gone = core::mem::take(&mut self.gone);
        self.call(Call::SubscribeVideo { wanted }, Asked::Videos { new, gone });
    }

    pub(super) fn drop_view(&mut self, stream: StreamId) {
        let Some(mut view) = self.views.remove(stream) else { return };
        self.sample(&mut view); // what came since the last sample still counts
        let listens = self.listens();
        if let Some(peer) = &mut self.peer {
            let kinds: &[TrackKind] = if listens { &[TrackKind::Video] } else { &[TrackKind::Audio, TrackKind::Video] };
            for kind in kinds {
                peer.stop_track(self.now, TrackId { stream, kind: *kind });
            }
        }
    }

    pub(super) fn packet(&mut self, packet: &MediaPacket<impl Deref<Target = [u8]>>) {
        let now = self.now;
        if self.voices.handle_packet(now, packet) {
            return;
        }
        let Some(view) = self.views.get_mut(packet.track.stream) else {
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
        for view in self.views.iter_mut() {
            if !view.info.video_muted && view.pictures.take_key_frame_request(self.now) {
                peer.request_key_frame(self.now, TrackId { stream: view.info.id, kind: TrackKind::Video }, LayerId(0));
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
        for view in views.iter_mut() {
            self.sample(view);
        }
        self.views = views;
        self.sample_voices();
        self.take_statistics();
        self.take_window();
        true
    }

    fn sample(&mut self, view: &mut View) {
        let (audio, video) = (view.audio.take(), view.video.take());
        view.flowing.sampled(audio.packets + video.packets);
        let [audio_jitter, video_jitter] = view.jitters();
        self.statistics.received(view.info.id, TrackKind::Audio, audio, view.audio.lost_packets(), audio_jitter);
        self.statistics.received(view.info.id, TrackKind::Video, video, view.video.lost_packets(), video_jitter);
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
