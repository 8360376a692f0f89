//! What a stream can be had at: its layers, and in which order they are worth having.

use crate::{
    id::{LayerId, TemporalId},
    stream::BitsPerSecond,
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
