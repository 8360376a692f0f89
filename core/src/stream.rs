//! What a member publishes: a stream of audio, video, or both, the video in one or more layers.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    id::{LayerId, Rid, StreamId, UserId},
    limits,
};

/// Which of a member's streams this is. A member publishes at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// The camera and the microphone.
    Main,
    /// A shared screen.
    Aux,
}

impl StreamKind {
    /// The word for it in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Aux => "aux",
        }
    }
}

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// Layers that a subscriber wants of one stream. On the wire a list of layers; what is absent there stands for [`LayerSet::HIGHEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerSet(u8);

impl LayerSet {
    /// Nothing.
    pub const EMPTY: Self = Self(0);
    /// The highest layer there is, whichever that is at the time.
    pub const HIGHEST: Self = Self(1 << 7);

    /// These layers. None where one lies above every ladder ([`limits::LAYERS_PER_STREAM`]).
    pub fn of(layers: &[LayerId]) -> Option<Self> {
        layers
            .iter()
            .try_fold(Self::EMPTY, |set, layer| (usize::from(layer.0) < limits::LAYERS_PER_STREAM).then(|| Self(set.0 | 1 << layer.0)))
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All that is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the highest layer is wanted, whichever that is.
    pub const fn wants_highest(self) -> bool {
        self.0 & Self::HIGHEST.0 != 0
    }

    /// Whether the set is left out where it is written. A list cannot say the highest; what is named beside it makes no difference while it is wanted.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(crate) const fn is_left_out(&self) -> bool {
        self.wants_highest()
    }

    /// What is left without `taken`, of a ladder of that many layers. The highest layer there is and the one at the top of the ladder are the same when one of them is taken.
    #[must_use]
    pub(crate) fn less(self, taken: Self, ladder: usize) -> Self {
        let top = ladder.checked_sub(1).and_then(|top| u8::try_from(top).ok()).map(LayerId);
        let top = top.and_then(|top| Self::of(&[top])).unwrap_or(Self::EMPTY);
        let takes_top = taken.wants_highest() || taken.without(top) != taken;
        self.without(if takes_top { taken.union(top).union(Self::HIGHEST) } else { taken })
    }

    /// The layers where they stand after an update of the offer, found by their rids; where none is left, the highest there is.
    #[must_use]
    pub(crate) fn follow(self, before: &StreamOffer, after: &StreamOffer) -> Self {
        let named: Vec<LayerId> = self.named().filter_map(|layer| after.layer_of(before.rid_of(layer)?)).collect();
        let named = Self::of(&named).unwrap_or(Self::EMPTY);
        match (self.wants_highest(), named.is_empty()) {
            (false, false) => named,
            (true, false) => named.union(Self::HIGHEST),
            (_, true) => Self::HIGHEST,
        }
    }

    /// The layers that are named, lowest first.
    pub fn named(self) -> impl Iterator<Item = LayerId> {
        (0..7).filter(move |at| self.0 & 1 << at != 0).map(LayerId)
    }

    /// The highest layer wanted, of a ladder of that many. None where none of it is wanted.
    pub fn highest_of(self, layers: usize) -> Option<LayerId> {
        let top = u8::try_from(layers).ok()?.checked_sub(1).map(LayerId)?;
        if self.wants_highest() {
            return Some(top);
        }
        self.named().filter(|layer| *layer <= top).last()
    }
}

impl Default for LayerSet {
    fn default() -> Self {
        Self::HIGHEST
    }
}

impl Serialize for LayerSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.named())
    }
}

impl<'de> Deserialize<'de> for LayerSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let layers: Vec<LayerId> = Vec::deserialize(deserializer)?;
        Self::of(&layers).ok_or_else(|| serde::de::Error::custom("a layer lies above every ladder"))
    }
}

/// A rate in bits per second.
pub type BitsPerSecond = u64;

/// One simulcast encoding, as its publisher declares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layer {
    /// Its name in RTP header extensions.
    pub rid: Rid,
    /// Width of the picture, in pixels, where its publisher says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// Height of the picture, in pixels.
    pub height: u16,
    /// Most that the publisher means to send, in bits per second.
    pub max_bps: BitsPerSecond,
    /// How many temporal layers it has.
    #[serde(default, skip_serializing_if = "TemporalLayers::is_one")]
    pub temporal_layers: TemporalLayers,
}

/// How many temporal layers an encoding has: one, up to [`limits::TEMPORAL_LAYERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TemporalLayers(u8);

impl TemporalLayers {
    /// Every picture belongs to the base.
    pub const ONE: Self = Self(1);

    /// That many. None where there are none, or more than [`limits::TEMPORAL_LAYERS`].
    pub const fn new(count: u8) -> Option<Self> {
        if count >= 1 && count <= limits::TEMPORAL_LAYERS { Some(Self(count)) } else { None }
    }

    /// How many.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// What each takes of the whole rate with all those below it, in thousandths, the base first: until somebody measures it. Two layers at 6:4 and four at 25:15:20:40 are how libwebrtc divides a rate; three are evenly
    /// divided, as Jitsi Videobridge's tables have them.
    pub const fn shares_permille(self) -> &'static [u64] {
        match self.0 {
            1 => &[1000],
            2 => &[600, 1000],
            3 => &[330, 660, 1000],
            _ => &[250, 400, 600, 1000],
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    const fn is_one(&self) -> bool {
        self.0 == 1
    }
}

impl Default for TemporalLayers {
    fn default() -> Self {
        Self::ONE
    }
}

impl From<TemporalLayers> for u8 {
    fn from(layers: TemporalLayers) -> Self {
        layers.0
    }
}

impl TryFrom<u8> for TemporalLayers {
    type Error = &'static str;
    fn try_from(count: u8) -> Result<Self, Self::Error> {
        Self::new(count).ok_or("an encoding has one to four temporal layers")
    }
}

impl Layer {
    /// What its picture measures across its short side, in pixels: its height, unless it stands upright and its publisher says how wide it is.
    pub fn short_side(&self) -> u16 {
        self.width.map_or(self.height, |width| width.min(self.height))
    }
}

/// The parts of a stream that its publisher declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StreamOffer {
    /// Which of the member's streams.
    pub kind: StreamKind,
    /// What the audio needs, in bits per second; none without audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_bps: Option<BitsPerSecond>,
    /// The video's layers, lowest first; none without video.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// Whether the video is sent only while somebody receives it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub on_demand: bool,
}

/// Why an offer cannot be a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OfferError {
    /// There is neither audio nor video in it.
    #[error("the stream has neither audio nor video")]
    Empty,
    /// There are more layers than a stream may have.
    #[error("the stream has {given} layers; at most {max} are allowed")]
    TooManyLayers {
        /// How many were given.
        given: usize,
        /// How many are allowed.
        max: usize,
    },
    /// Two layers have one rid, or a layer needs no more than the one below it.
    #[error("layer {at} does not stand above the one below it: rids differ and rates rise from layer to layer")]
    NotALadder {
        /// The place of the offending layer.
        at: usize,
    },
}

impl StreamOffer {
    /// Checks that the offer can be a stream: not empty, at most [`limits::LAYERS_PER_STREAM`] layers, rids distinct and rates rising.
    pub fn check(&self) -> Result<(), OfferError> {
        if self.audio_bps.is_none() && self.layers.is_empty() {
            return Err(OfferError::Empty);
        }
        if self.layers.len() > limits::LAYERS_PER_STREAM {
            return Err(OfferError::TooManyLayers { given: self.layers.len(), max: limits::LAYERS_PER_STREAM });
        }
        for (at, layer) in self.layers.iter().enumerate() {
            let below = &self.layers[..at];
            if below.iter().any(|b| b.rid == layer.rid || b.max_bps >= layer.max_bps) {
                return Err(OfferError::NotALadder { at });
            }
        }
        Ok(())
    }

    /// The most that its publisher means to send at a time, in bits per second: the audio and every layer.
    pub fn max_bps(&self) -> BitsPerSecond {
        self.layers.iter().fold(self.audio_bps.unwrap_or(0), |sum, layer| sum.saturating_add(layer.max_bps))
    }

    /// Whether there is video that is sent only while somebody receives it.
    pub fn sends_video_on_demand(&self) -> bool {
        self.on_demand && !self.layers.is_empty()
    }

    /// The layer of that rid.
    pub fn layer_of(&self, rid: &Rid) -> Option<LayerId> {
        let at = self.layers.iter().position(|l| l.rid == *rid)?;
        u8::try_from(at).ok().map(LayerId)
    }

    /// The rid of that layer.
    pub fn rid_of(&self, layer: LayerId) -> Option<&Rid> {
        self.layers.get(usize::from(layer.0)).map(|l| &l.rid)
    }
}

/// A published stream, as everyone in the room knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StreamInfo {
    /// Its number in the room.
    pub id: StreamId,
    /// Who publishes it.
    pub user: UserId,
    /// What it holds.
    #[serde(flatten)]
    pub offer: StreamOffer,
    /// Whether its owner muted the audio.
    #[serde(default)]
    pub audio_muted: bool,
    /// Whether its owner muted the video.
    #[serde(default)]
    pub video_muted: bool,
}
