//! A local stream object of Agora's: what it is made of, whether it captures, and whether it is published.

use alloc::vec;

use super::args::Spec;
use crate::{
    dialect::Source,
    id::{Rid, StreamId},
    profile::{self, VideoProfile},
    session::CallId,
    stream::{BitsPerSecond, Layer, StreamKind, StreamOffer, TemporalLayers, TrackKind},
};

/// What the sound of a stream is declared to need, in bits per second. Agora prints no figure; this is what SparkRTC's standard profile takes.
const AUDIO_BPS: BitsPerSecond = profile::sparkrtc::AUDIO_DEFAULT.bps as BitsPerSecond;
/// Pixels that one bit is spent on, for want of printed rates: 640 x 480 at 15 frames then takes 460 kbit/s, in the middle of what SparkRTC prints for that size.
const PIXELS_PER_BIT: u64 = 10;
/// The least that a picture is declared to need, in bits per second: the least that SparkRTC prints.
const VIDEO_BPS_MIN: BitsPerSecond = 64_000;

/// A local stream object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LocalStream {
    /// Tells it from another that had its name before.
    pub(super) serial: u32,
    pub(super) spec: Spec,
    pub(super) profile: VideoProfile,
    pub(super) capture: Capture,
    pub(super) publication: Publication,
    /// What its owner has disabled.
    pub(super) audio_off: bool,
    pub(super) video_off: bool,
}

/// Whether a stream captures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Capture {
    /// Not yet.
    Created,
    /// The platform was asked, and still has to say something about these.
    Running {
        /// The microphone.
        audio: bool,
        /// The camera.
        video: bool,
    },
    /// All that was asked for.
    Initialised,
    /// Its devices are free, and it is of no more use.
    Closed,
}

/// Whether a stream is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Publication {
    /// No.
    None,
    /// It was asked for.
    Asked {
        /// By that call.
        call: CallId,
    },
    /// Yes.
    Published {
        /// Under that number.
        stream: StreamId,
    },
}

impl LocalStream {
    pub(super) fn new(serial: u32, spec: Spec) -> Self {
        Self {
            serial,
            spec,
            profile: profile::agora::CAMERA_DEFAULT,
            capture: Capture::Created,
            publication: Publication::None,
            audio_off: false,
            video_off: false,
        }
    }

    /// What it offers to the room: one picture of the profile's size.
    pub(super) fn offer(&self) -> StreamOffer {
        let layers = if self.spec.video {
            let VideoProfile { width_px, height_px, fps, .. } = self.profile;
            let pixels_per_second = u64::from(width_px) * u64::from(height_px) * u64::from(fps);
            let rid = Rid::new("video").expect("five letters");
            vec![Layer {
                rid,
                width: Some(width_px),
                height: height_px,
                max_bps: (pixels_per_second / PIXELS_PER_BIT).max(VIDEO_BPS_MIN),
                temporal_layers: TemporalLayers::ONE,
            }]
        } else {
            vec![]
        };
        StreamOffer { kind: StreamKind::Main, audio_bps: self.spec.audio.then_some(AUDIO_BPS), layers, on_demand: false }
    }

    /// Whether it has sound, or pictures.
    pub(super) fn has(&self, track: TrackKind) -> bool {
        match track {
            TrackKind::Audio => self.spec.audio,
            TrackKind::Video => self.spec.video,
        }
    }

    /// Notes that its owner disabled or enabled a part of it.
    pub(super) fn set_off(&mut self, track: TrackKind, off: bool) {
        match track {
            TrackKind::Audio => self.audio_off = off,
            TrackKind::Video => self.video_off = off,
        }
    }

    /// Its number in the room.
    pub(super) fn published(&self) -> Option<StreamId> {
        match self.publication {
            Publication::Published { stream } => Some(stream),
            Publication::None | Publication::Asked { .. } => None,
        }
    }

    /// The devices that it uses, in the order in which they are asked for.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source> + use<> {
        let (audio, video) = (self.spec.audio, self.spec.video);
        [(audio, Source::Microphone), (video, Source::Camera)].into_iter().filter_map(|(used, source)| used.then_some(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_has_one_picture_of_the_size_that_was_set() {
        let mut stream = LocalStream::new(1, Spec { id: Some(7), audio: true, video: true });
        stream.profile = profile::agora::named("720P_2").expect("it is printed");
        let offer = stream.offer();
        assert_eq!((offer.layers[0].width, offer.layers[0].height, offer.layers[0].max_bps), (Some(720), 1280, 1_382_400));
        assert_eq!(offer.check(), Ok(()));
        for profile in profile::agora::CAMERAS {
            stream.profile = *profile;
            assert!((VIDEO_BPS_MIN..=2_800_000).contains(&stream.offer().layers[0].max_bps), "{}", profile.name);
        }
    }
}
