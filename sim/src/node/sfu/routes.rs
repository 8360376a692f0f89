//! Where packets go: for each stream, who publishes it and who gets what of it.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    forward::{Config, Forwarder, Incoming, Outgoing, Verdict},
    id::{LayerId, MemberId, StreamId},
    select::Layer,
    stream::{BitsPerSecond, StreamInfo, TrackKind},
    time::Instant,
    vp8,
};

use crate::{
    media::{Copies, MediaPacket, Vp8Rewrite},
    record::Flow,
};

/// All routes of a room.
#[derive(Debug, Default)]
pub(super) struct Routes {
    streams: BTreeMap<StreamId, Route>,
    /// Grows whenever a publisher's numbering starts anew.
    sources: u32,
}

#[derive(Debug)]
struct Route {
    publisher: MemberId,
    source: u32,
    ingress: Flow,
    layers: Vec<LayerMeter>,
    /// By member, so that the order is nobody's accident.
    viewers: Vec<Viewer>,
}

/// Measurements in a row that find nothing of a layer until it counts as silent. At two a second these are a second and a half: pages that stand still are sent once a second.
const SILENT_MEASUREMENTS: u32 = 3;

/// What came of one layer lately.
#[derive(Clone, Copy, Debug, Default)]
struct LayerMeter {
    bytes: u64,
    packets: u64,
    flowing: bool,
    /// Measurements in a row in which nothing came.
    silent: u32,
}

/// What a packet needs of a viewer besides its forwarder is in one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
struct Viewer {
    member: MemberId,
    slot: usize,
    flow: Flow,
    audio: Option<Forwarder>,
    video: Option<Forwarder>,
}

/// What a change of forwarding starts and stops.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) started: Vec<TrackKind>,
    pub(super) stopped: Vec<TrackKind>,
}

/// What an arriving packet tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// A key frame begins with it.
    pub(super) key_frame: bool,
    /// Its layer did not flow before.
    pub(super) began_to_flow: bool,
    /// Tells its numbering from those of its publisher's other transports.
    pub(super) source: u32,
}

/// A packet for one viewer.
#[derive(Debug)]
pub(super) struct Forwarded<'a> {
    pub(super) slot: usize,
    pub(super) copy: &'a Copies,
    pub(super) rewrite: Option<Vp8Rewrite>,
    pub(super) switched: Option<Layer>,
}

impl Routes {
    /// A stream begins, or its publisher comes with a new transport: then its viewers stay.
    pub(super) fn open(&mut self, publisher: MemberId, stream: StreamInfo) {
        self.sources += 1;
        let source = self.sources;
        let layers = stream.offer.layers.len().max(1);
        let route = self.streams.entry(stream.id).or_insert_with(|| Route {
            publisher,
            source,
            ingress: Flow::default(),
            layers: vec![LayerMeter::default(); layers],
            viewers: Vec::new(),
        });
        route.source = source;
        route.layers.resize(layers, LayerMeter::default()); // an update may have changed the ladder
    }

    pub(super) fn close(&mut self, stream: StreamId) {
        self.streams.remove(&stream);
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.streams.keys().copied()
    }

    pub(super) fn viewers_of(&self, stream: StreamId) -> impl Iterator<Item = MemberId> + '_ {
        self.streams.get(&stream).into_iter().flat_map(|route| route.viewers.iter().map(|viewer| viewer.member))
    }

    /// Nothing is forwarded to the member any more: its transport is gone.
    pub(super) fn forget_viewer(&mut self, member: MemberId) {
        for route in self.streams.values_mut() {
            route.viewers.retain(|viewer| viewer.member != member);
        }
    }

    /// Forwards these parts of a stream to a member, and no others.
    pub(super) fn forward(&mut self, stream: StreamId, member: MemberId, slot: usize, audio: bool, video: bool) -> Change {
        let mut change = Change::default();
        let Some(route) = self.streams.get_mut(&stream) else {
            return change;
        };
        let at = match route.viewers.binary_search_by_key(&member, |viewer| viewer.member) {
            Ok(at) => at,
            Err(at) => {
                route.viewers.insert(at, Viewer { member, slot, audio: None, video: None, flow: Flow::default() });
                at
            }
        };
        let viewer = &mut route.viewers[at];
        let mut set = |part: &mut Option<Forwarder>, wanted: bool, kind: TrackKind, config: Config| match (wanted, part.is_some()) {
            (true, false) => {
                let mut forwarder = Forwarder::new(config);
                if kind == TrackKind::Audio {
                    forwarder.set_target(Some(Layer::whole(LayerId(0))));
                }
                *part = Some(forwarder);
                change.started.push(kind);
            }
            (false, true) => {
                *part = None;
                change.stopped.push(kind);
            }
            (true, true) | (false, false) => {}
        };
        set(&mut viewer.audio, audio, TrackKind::Audio, Config::AUDIO);
        set(&mut viewer.video, video, TrackKind::Video, Config::VIDEO);
        if !audio && !video {
            route.viewers.remove(at);
        }
        change
    }

    pub(super) fn set_target(&mut self, stream: StreamId, member: MemberId, target: Option<Layer>) {
        let viewer = self.streams.get_mut(&stream).and_then(|route| route.viewers.iter_mut().find(|viewer| viewer.member == member));
        if let Some(forwarder) = viewer.and_then(|viewer| viewer.video.as_mut()) {
            forwarder.set_target(target);
        }
    }

    /// Counts a packet in. None when it belongs to no stream of its sender.
    pub(super) fn arrived(&mut self, now: Instant, publisher: MemberId, packet: &MediaPacket) -> Option<Arrival> {
        let route = self.streams.get_mut(&packet.track.stream).filter(|route| route.publisher == publisher)?;
        route.ingress.count(now, packet.size_bytes());
        if packet.track.kind == TrackKind::Audio {
            return Some(Arrival { key_frame: false, began_to_flow: false, source: route.source });
        }
        let meter = route.layers.get_mut(usize::from(packet.layer.0))?;
        meter.bytes += u64::from(packet.size_bytes());
        meter.packets += 1;
        let began_to_flow = !core::mem::replace(&mut meter.flowing, true);
        let key_frame = vp8::Descriptor::parse(&packet.payload).is_some_and(|descriptor| descriptor.key_frame);
        Some(Arrival { key_frame, began_to_flow, source: route.source })
    }

    /// Offers a packet to every viewer's forwarder, and hands on what passes.
    pub(super) fn forward_packet(&mut self, now: Instant, packet: &MediaPacket, mut send: impl FnMut(Forwarded<'_>)) {
        let Some(route) = self.streams.get_mut(&packet.track.stream) else {
            return;
        };
        let video = packet.track.kind == TrackKind::Video;
        let incoming = Incoming {
            layer: packet.layer,
            source: route.source,
            seq: packet.seq,
            timestamp: packet.timestamp,
            picture: if video { vp8::Descriptor::parse(&packet.payload) } else { None },
        };
        // One copy for all viewers, numbered anew for each: the payload is shared, and so is the pointer to it.
        let size_bytes = packet.size_bytes();
        let mut copies = Copies::of(MediaPacket { layer: LayerId(0), ..packet.clone() });
        let blank = |seq, timestamp| MediaPacket {
            layer: LayerId(0),
            seq,
            timestamp,
            marker: false,
            payload: [].as_slice().into(),
            absent_bytes: 0,
            level: None,
            track: packet.track,
        };
        for viewer in &mut route.viewers {
            let Some(forwarder) = (if video { &mut viewer.video } else { &mut viewer.audio }) else {
                continue;
            };
            let filler;
            let (copy, size_bytes, rewrite, switched) = match forwarder.handle_packet(now, &incoming) {
                Verdict::Forward(Outgoing { seq, timestamp, picture, switched }) => {
                    copies.number(seq, timestamp);
                    let rewrite = picture.map(|picture| Vp8Rewrite { picture_id: picture.picture_id, tl0_pic_idx: picture.tl0_pic_idx });
                    (&copies, size_bytes, rewrite, switched.filter(|_| video).map(|switch| switch.to))
                }
                Verdict::Fill { seq, timestamp } => {
                    filler = Copies::of(blank(seq, timestamp));
                    (&filler, 0, None, None)
                }
                Verdict::Drop(_) => continue,
            };
            viewer.flow.count(now, size_bytes);
            send(Forwarded { slot: viewer.slot, copy, rewrite, switched });
        }
    }

    /// What came in of a stream since the last time, and from whom.
    pub(super) fn take_ingress(&mut self, stream: StreamId) -> Option<(MemberId, Flow)> {
        let route = self.streams.get_mut(&stream)?;
        Some((route.publisher, route.ingress.take()))
    }

    /// What went out of a stream since the last time, to whom, and the layer that flows.
    pub(super) fn take_egress(&mut self, stream: StreamId) -> Vec<(MemberId, Flow, Option<LayerId>)> {
        let Some(route) = self.streams.get_mut(&stream) else {
            return Vec::new();
        };
        let layer = |viewer: &Viewer| viewer.video.as_ref().and_then(Forwarder::current).map(|layer| layer.spatial);
        route.viewers.iter_mut().map(|viewer| (viewer.member, viewer.flow.take(), layer(viewer))).collect()
    }

    /// The rate of each layer over the last `interval`; layers that never flowed are left out.
    pub(super) fn measure(&mut self, interval: Duration) -> Vec<(StreamId, LayerId, BitsPerSecond)> {
        let mut rates = Vec::new();
        for (stream, route) in &mut self.streams {
            for (place, meter) in (0_u8..).zip(&mut route.layers) {
                if !meter.flowing {
                    continue;
                }
                let bits = u128::from(core::mem::take(&mut meter.bytes)) * 8;
                let bps = bits * 1_000_000_000 / interval.as_nanos().max(1);
                // Padding alone is a sign of life, and so is a picture a second: two measurements may find nothing.
                meter.silent = if core::mem::take(&mut meter.packets) > 0 { 0 } else { meter.silent + 1 };
                meter.flowing = meter.silent < SILENT_MEASUREMENTS;
                if meter.silent > 0 && meter.flowing {
                    continue;
                }
                let least = u64::from(meter.flowing);
                rates.push((*stream, LayerId(place), BitsPerSecond::try_from(bps).unwrap_or(BitsPerSecond::MAX).max(least)));
            }
        }
        rates
    }
}
