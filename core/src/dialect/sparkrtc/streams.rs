//! Stream objects: local ones, which the application makes, and remote ones, which events bring.
//!
//! ```text
//!  Created ──initialize──▶ Capturing ──any medium came about──▶ Initialised ──publish──▶ Asked ──accepted──▶ Published
//!     ▲                        │ none did                          ▲  ▲                    │ refused            │
//!     └────────────────────────┘                                   │  └────────────────────┘                    │
//!  any ──close──▶ Closed                                           └─── unpublish, leave, role lost, removed ───┘
//! ```
//!
//! What a local stream holds and what the server knows of it are kept apart ([`Published::Yes`]): a change is made here first, and the server is told when it can be. So a change
//! that was cut short by a lost connection is told again when it is back. Muting is kept the same way, and outlives being published (R-144).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Value, json};

use crate::{
    dialect::Source,
    id::{LayerId, Rid, StreamId},
    limits,
    profile::{AudioProfile, Bitrate, VideoProfile, sparkrtc as profiles},
    stream::{Layer, LayerSet, StreamInfo, StreamKind, StreamOffer, TemporalLayers, TrackKind},
};

/// Most resolutions of a local stream (SparkRTC 3.5.5, addResolution).
pub(super) const RESOLUTIONS: usize = 2;

/// A stream of the application's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalStream {
    /// What it was made for.
    pub(super) sources: Sources,
    pub(super) phase: Phase,
    pub(super) audio: Option<Track>,
    pub(super) audio_profile: AudioProfile,
    /// What the first resolution has, while there is none.
    pub(super) video_profile: VideoProfile,
    /// In the order in which they came.
    pub(super) resolutions: Vec<Resolution>,
    next_resolution: u32,
    pub(super) muted: Muted,
    pub(super) published: Published,
    /// What the last capture of it brought, for `StreamInitializeResult`'s methods.
    pub(super) captures: Option<Vec<Value>>,
    /// Whether its devices were let go of on leaving; they are taken again for the next publication.
    pub(super) released: bool,
}

/// What a local stream is to be made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sources {
    pub(super) kind: StreamKind,
    pub(super) audio: Option<Origin>,
    pub(super) video: Option<Origin>,
    /// The camera and the microphone asked for; the platform's choice when absent.
    pub(super) camera: Option<String>,
    pub(super) microphone: Option<String>,
    /// Whose it is, where the application says.
    pub(super) user: Option<String>,
}

/// Where a track is to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// The platform captures it.
    Capture(Source),
    /// The application brings it (`audioSource`, `videoSource`).
    Given,
}

/// Where a local stream is in its life, its publication aside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Created,
    Initialised,
    Closed,
}

/// A track: captured from a source, or brought by the application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Track {
    pub(super) id: String,
    pub(super) source: Option<Source>,
}

/// One resolution of a local stream's video.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Resolution {
    pub(super) id: Rid,
    pub(super) profile: VideoProfile,
    /// How many pixels were captured for it, beyond which no profile may go while there are two (R-116).
    pub(super) captured_px: u32,
    pub(super) track: Option<Track>,
}

/// Which parts are muted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Muted {
    pub(super) audio: bool,
    pub(super) video: bool,
}

/// A local stream and the room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Published {
    No,
    /// The server was asked.
    Asked {
        sent: StreamOffer,
    },
    /// It is.
    Yes {
        stream: StreamId,
        on_demand: bool,
        /// What the server was told that it holds; none where that came to nothing.
        sent: Option<StreamOffer>,
        /// What the server was told that is muted; none where that came to nothing.
        told: Option<Muted>,
        /// Whether the server was asked to end it.
        ending: bool,
    },
}

impl LocalStream {
    pub(super) fn new(sources: Sources) -> Self {
        let screen = sources.kind == StreamKind::Aux;
        let mut stream = Self {
            phase: Phase::Created,
            audio: None,
            audio_profile: profiles::AUDIO_DEFAULT,
            video_profile: if screen { profiles::SCREEN_DEFAULT } else { profiles::CAMERA_DEFAULT },
            resolutions: Vec::new(),
            next_resolution: 1,
            muted: Muted::default(),
            published: Published::No,
            captures: None,
            released: false,
            sources,
        };
        if stream.sources.video.is_some() {
            stream.add_resolution(stream.video_profile);
        }
        stream
    }

    /// A new resolution without a track. Its id is a rid, too, and tells main from shared: one list may name both (R-109).
    pub(super) fn add_resolution(&mut self, profile: VideoProfile) -> Rid {
        let letter = if self.sources.kind == StreamKind::Main { 'm' } else { 's' };
        let id = Rid::new(&format!("{letter}{}", self.next_resolution)).expect("a letter and at most ten digits are a rid");
        self.next_resolution = self.next_resolution.saturating_add(1);
        self.resolutions.push(Resolution { id: id.clone(), profile, captured_px: 0, track: None });
        id
    }

    /// Whether the application brings the tracks, which rules out a second resolution and later profiles (R-117).
    pub(super) fn is_custom(&self) -> bool {
        self.sources.audio == Some(Origin::Given) || self.sources.video == Some(Origin::Given)
    }

    pub(super) fn has(&self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Audio => self.audio.is_some(),
            TrackKind::Video => self.resolutions.iter().any(|resolution| resolution.track.is_some()),
        }
    }

    pub(super) fn resolution(&mut self, id: &str) -> Option<&mut Resolution> {
        self.resolutions.iter_mut().find(|resolution| resolution.id.as_str() == id)
    }

    /// The one meant where none is named: the largest picture, ties by the highest rate (R-115), then the older one.
    pub(super) fn highest(&mut self) -> Option<&mut Resolution> {
        self.resolutions.iter_mut().rev().max_by_key(|resolution| resolution.rank())
    }

    /// That one, or the highest.
    pub(super) fn resolution_or_highest(&mut self, id: Option<&str>) -> Option<&mut Resolution> {
        match id {
            Some(id) => self.resolution(id),
            None => self.highest(),
        }
    }

    /// The resolutions that have a track, lowest first: the last is what [`LocalStream::highest`] is among them.
    pub(super) fn playing(&self) -> Vec<&Resolution> {
        let mut playing: Vec<&Resolution> = self.resolutions.iter().rev().filter(|resolution| resolution.track.is_some()).collect();
        playing.sort_by_key(|resolution| resolution.rank());
        playing
    }

    /// What the room is told that the stream holds. None when it holds nothing.
    pub(super) fn offer(&self, on_demand: bool) -> Option<StreamOffer> {
        let mut below = 0;
        let layers = self.playing().into_iter().map(|resolution| {
            // Rates rise along a ladder, whatever profiles say: the larger picture may need one bit more than the smaller one.
            below = u64::from(resolution.rate().1).max(below + 1);
            let profile = &resolution.profile;
            Layer {
                rid: resolution.id.clone(),
                width: Some(profile.width_px),
                height: profile.height_px,
                max_bps: below,
                temporal_layers: TemporalLayers::ONE,
            }
        });
        let layers: Vec<Layer> = layers.collect();
        let audio_bps = self.audio.is_some().then(|| self.audio_profile.bps.into());
        let offer = StreamOffer { kind: self.sources.kind, audio_bps, on_demand: on_demand && !layers.is_empty(), layers };
        (self.audio.is_some() || !offer.layers.is_empty()).then_some(offer)
    }

    /// Its number in the room, where that means something: published, and with video (R-092).
    pub(super) fn id(&self) -> Option<StreamId> {
        match &self.published {
            Published::Yes { stream, .. } if self.has(TrackKind::Video) => Some(*stream),
            Published::Yes { .. } | Published::Asked { .. } | Published::No => None,
        }
    }

    /// Every source that is captured for it, each once.
    pub(super) fn captured(&self) -> Vec<Source> {
        let videos = self.resolutions.iter().filter_map(|resolution| resolution.track.as_ref());
        let mut sources: Vec<Source> = self.audio.iter().chain(videos).filter_map(|track| track.source).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// `getStreamInfo`, with the rates in bits per second (R-122).
    pub(super) fn info(&self) -> Value {
        let mut resolutions: Vec<&Resolution> = self.resolutions.iter().collect();
        resolutions.sort_by_key(|resolution| core::cmp::Reverse(resolution.rank()));
        let profiles: Vec<Value> = resolutions.into_iter().map(Resolution::record).collect();
        let audio = &self.audio_profile;
        json!({
            "videoProfiles": profiles,
            "audioProfile": { "sampleRate": audio.sample_rate_hz, "channelCount": audio.channels, "bitrate": audio.bps },
        })
    }
}

impl Resolution {
    pub(super) fn pixels(&self) -> u32 {
        u32::from(self.profile.width_px) * u32::from(self.profile.height_px)
    }

    fn rank(&self) -> (u32, u32) {
        (self.pixels(), self.rate().1)
    }

    /// The least and the highest rate, in bits per second.
    fn rate(&self) -> (u32, u32) {
        match self.profile.bitrate {
            Bitrate::Between { min_bps, max_bps } => (min_bps, max_bps),
            Bitrate::Single { bps } => (bps, bps),
            Bitrate::NotSaid => (0, 0),
        }
    }

    /// `RTCVideoProfileInfo`.
    pub(super) fn record(&self) -> Value {
        let (min, max) = self.rate();
        json!({
            "resolutionId": self.id.as_str(), "hasTrack": self.track.is_some(), "width": self.profile.width_px, "height": self.profile.height_px,
            "frameRate": self.profile.fps, "minBitrate": min, "maxBitrate": max,
        })
    }
}

impl Track {
    /// The handle that stands for a `MediaStreamTrack`.
    pub(super) fn handle(&self, kind: TrackKind) -> Value {
        json!({ "kind": track_word(kind), "id": self.id })
    }
}

/// SparkRTC's word for a kind of track.
pub(super) const fn track_word(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
    }
}

/// SparkRTC's word for somebody else's stream of that kind.
const fn kind_word(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Main => "main",
        StreamKind::Aux => "auxiliary",
    }
}

/// A stream of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Remote {
    pub(super) info: StreamInfo,
    /// What is subscribed of it.
    pub(super) audio: bool,
    pub(super) video: LayerSet,
    /// Whether anything ever was (R-101).
    pub(super) was_subscribed: bool,
}

impl Remote {
    pub(super) const fn new(info: StreamInfo) -> Self {
        Self { info, audio: false, video: LayerSet::EMPTY, was_subscribed: false }
    }

    /// As events show it.
    pub(super) fn render(&self) -> Value {
        render(&self.info)
    }

    pub(super) fn kind_word(&self) -> &'static str {
        kind_word(self.info.offer.kind)
    }

    /// The layers of those ids. None where one is not there.
    pub(super) fn layers(&self, ids: &[&str]) -> Option<LayerSet> {
        let layer = |id: &&str| Rid::new(id).ok().and_then(|rid| self.info.offer.layer_of(&rid));
        LayerSet::of(&ids.iter().map(layer).collect::<Option<Vec<LayerId>>>()?)
    }

    /// `getStreamInfo`, with what the room tells of somebody else's stream.
    pub(super) fn stream_info(&self) -> Value {
        let has_track = !self.video.is_empty();
        let profile = |layer: &Layer| {
            let mut record = resolution(layer);
            record["hasTrack"] = has_track.into();
            record
        };
        let audio = self.info.offer.audio_bps.map_or_else(|| json!({}), |bps| json!({ "bitrate": bps }));
        json!({ "videoProfiles": self.info.offer.layers.iter().rev().map(profile).collect::<Vec<_>>(), "audioProfile": audio })
    }
}

/// A remote stream as events show it. Its id means nothing without video, and is `null` then (R-092).
pub(super) fn render(info: &StreamInfo) -> Value {
    let has_video = !info.offer.layers.is_empty();
    json!({
        "userId": info.user.as_str(), "type": kind_word(info.offer.kind), "id": has_video.then(|| info.id.0.to_string()),
        "hasAudio": info.offer.audio_bps.is_some(), "hasVideo": has_video,
        "resolutions": info.offer.layers.iter().rev().map(resolution).collect::<Vec<_>>(),
    })
}

/// What is known of a layer of somebody else's, the highest first in every list.
fn resolution(layer: &Layer) -> Value {
    let mut record = json!({ "resolutionId": layer.rid.as_str(), "height": layer.height, "maxBitrate": layer.max_bps });
    if let Some(width) = layer.width {
        record["width"] = width.into();
    }
    record
}

const _: () = assert!(RESOLUTIONS <= limits::LAYERS_PER_STREAM, "every resolution is a layer");
