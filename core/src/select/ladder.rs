//! What a stream can be had at: which of its layers are wanted, and in which order they are worth having.

use alloc::vec::Vec;

use crate::{
    id::{LayerId, TemporalId},
    stream::{BitsPerSecond, StreamKind},
};

/// What flows when it is chosen: one spatial layer, with its temporal layers up to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer {
    /// The encoding: how large the picture is.
    pub spatial: LayerId,
    /// The highest temporal layer of it: how many pictures a second.
    pub temporal: TemporalId,
}

impl Layer {
    /// A spatial layer with all its temporal layers.
    pub const fn whole(spatial: LayerId) -> Self {
        Self { spatial, temporal: TemporalId::TOP }
    }
}

/// A layer that can be chosen, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rung {
    /// The layer.
    pub layer: Layer,
    /// What it needs in all, the temporal layers below it included, in bits per second. Zero for a layer that does not flow.
    pub bps: BitsPerSecond,
}

/// What the pictures of a stream show, which decides what its viewers miss first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// People who move.
    Camera,
    /// Text that stands still.
    Screen,
}

impl From<StreamKind> for Source {
    fn from(kind: StreamKind) -> Self {
        match kind {
            StreamKind::Main => Self::Camera,
            StreamKind::Aux => Self::Screen,
        }
    }
}

/// Puts the layers of a stream in the order in which they are worth having, the least first.
///
/// - Of a **camera** the one that takes more bits is the better one: its encoder had them for size or for motion, and which of the two a viewer misses more depends on the picture. Every layer is
///   then a step on the way up, and the steps are as small as they can be.
/// - Of a **screen** the larger picture is the better one, whatever its rate: text that is too small cannot be read however often it is sent, and a page that stands still loses nothing at
///   seven pictures a second. Motion comes second.
pub fn arrange(source: Source, rungs: &mut [Rung]) {
    match source {
        Source::Camera => rungs.sort_unstable_by_key(|rung| (rung.bps, rung.layer)),
        Source::Screen => rungs.sort_unstable_by_key(|rung| rung.layer),
    }
}

/// A layer as it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offer {
    /// The layer, and what it needs.
    pub rung: Rung,
    /// What its picture measures across its short side, in pixels.
    pub short_side: u16,
}

/// What a subscriber wants of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// What its pictures show.
    pub source: Source,
    /// The short side of the smallest picture worth having, in pixels; none where any is.
    pub min_short_side: Option<u16>,
    /// The short side of the largest picture wanted, in pixels: what the subscriber has room for. Zero to have nothing at present; none for no limit.
    pub max_short_side: Option<u16>,
}

impl Wish {
    /// Writes the rungs that are wanted of what is offered into `rungs`, in the order in which they are worth having.
    ///
    /// Only what flows counts. Where nothing is small enough, the smallest picture there is stands for it: a picture that is scaled down is better than none. Where nothing of that is large enough, the
    /// largest is kept.
    pub fn ladder(&self, offers: &[Offer], rungs: &mut Vec<Rung>) {
        rungs.clear();
        if self.max_short_side == Some(0) {
            return;
        }
        let flowing = offers.iter().filter(|offer| offer.rung.bps > 0);
        let Some(smallest) = flowing.clone().map(|offer| offer.short_side).min() else { return };
        let most = self.max_short_side.map_or(u16::MAX, |most| most.max(smallest));
        let largest = flowing.clone().map(|offer| offer.short_side).filter(|side| *side <= most).max().unwrap_or(smallest);
        let least = self.min_short_side.map_or(0, |least| least.min(largest));
        rungs.extend(flowing.filter(|offer| (least..=most).contains(&offer.short_side)).map(|offer| offer.rung));
        arrange(self.source, rungs);
    }
}
