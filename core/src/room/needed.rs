//! Whether a video is worth sending, and up to which layer: what its viewers wish, counted for each layer, and told to a publisher who sends on demand.
//!
//! More is told at once, since somebody waits for it. Less is told after [`limits::LAYER_LINGER`], because what is switched off must begin with a key frame again; but the last viewer's going is told at once.
//! What counts is what viewers wish, not what their lines carry at present: a layer that is off could not be climbed to.

use alloc::vec::Vec;

use super::{Measured, Room};
use crate::{
    id::{LayerId, MemberId, StreamId},
    limits,
    member::VideoPlan,
    stream::{Layer, StreamOffer},
    time::Instant,
    wire::ServerMessage,
};

/// What the viewers of a video wish of it, and what its publisher was told of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Needed {
    /// How many viewers wish each layer at most.
    tops: [u32; limits::LAYERS_PER_STREAM],
    /// The highest layer that the publisher was told of; none while nobody receives the video.
    told: Option<LayerId>,
    /// When the publisher is told that less will do.
    pub(super) lower_at: Option<Instant>,
}

impl Needed {
    /// How many receive the video.
    pub(super) fn viewers(&self) -> usize {
        self.tops.iter().map(|count| *count as usize).sum()
    }

    /// The highest layer that anybody wishes; none where nobody receives the video.
    fn top(&self) -> Option<LayerId> {
        (0..).map(LayerId).zip(&self.tops).filter(|(_, count)| **count > 0).map(|(layer, _)| layer).last()
    }

    /// Whether the publisher was told something else than what is wished.
    pub(super) fn is_stale(&self) -> bool {
        self.told != self.top()
    }

    /// Whether a publisher on demand may have switched the layer off.
    pub(super) fn is_off(&self, layer: LayerId) -> bool {
        self.told.is_none_or(|told| layer > told)
    }

    fn count(&mut self, before: Option<LayerId>, after: Option<LayerId>) {
        if let Some(count) = before.and_then(|layer| self.tops.get_mut(usize::from(layer.0))) {
            *count -= 1;
        }
        if let Some(count) = after.and_then(|layer| self.tops.get_mut(usize::from(layer.0))) {
            *count += 1;
        }
    }
}

/// The highest layer that a wish can ever be met with: the highest named, no larger than there is room for, or the smallest there is.
pub(super) fn top_of(offer: &StreamOffer, plan: &VideoPlan) -> LayerId {
    let named = plan.layers.highest_of(offer.layers.len()).unwrap_or(LayerId(0));
    let sides = || (0..=named.0).map(LayerId).zip(offer.layers.iter().map(Layer::short_side));
    let Some(smallest) = sides().map(|(_, side)| side).min() else { return LayerId(0) };
    let most = plan.max_height.map_or(u16::MAX, |most| most.max(smallest));
    sides().filter(|(_, side)| *side <= most).map(|(layer, _)| layer).max().unwrap_or(LayerId(0))
}

impl Room {
    /// What a member wishes of a video is as it is now: it came, went, or changed its mind. `before` is what it was counted with.
    pub(super) fn count_wish(&mut self, id: MemberId, stream: StreamId, before: Option<LayerId>) {
        let Some(offer) = self.streams.get(&stream).map(|known| &known.info.offer) else { return };
        let after = self.video_plan(id, stream).map(|plan| top_of(offer, plan));
        if let Some(plan) = self.video_plan_mut(id, stream) {
            plan.counted = after;
        }
        let known = self.streams.get_mut(&stream).expect("looked up above");
        known.needed.count(before, after);
        self.follow_wishes(stream);
    }

    /// The ladder of a video is another one: all wishes are counted anew.
    pub(super) fn count_anew(&mut self, stream: StreamId) {
        let known = self.streams.get_mut(&stream).expect("the caller has it");
        known.needed.tops = [0; limits::LAYERS_PER_STREAM];
        let subscribers: Vec<MemberId> = known.subscribers.iter().copied().collect();
        for id in subscribers {
            let offer = &self.streams[&stream].info.offer;
            let after = self.video_plan(id, stream).map(|plan| top_of(offer, plan));
            if let Some(plan) = self.video_plan_mut(id, stream) {
                plan.counted = after;
            }
            self.streams.get_mut(&stream).expect("looked up above").needed.count(None, after);
        }
    }

    /// Tells the publisher what follows from the wishes as they are now.
    fn follow_wishes(&mut self, stream: StreamId) {
        let now = self.now;
        let known = self.streams.get_mut(&stream).expect("only what is published is wished");
        let (top, told) = (known.needed.top(), known.needed.told);
        match (told, top) {
            (Some(_), None) => {
                // What was measured is forgotten, so that the next viewer's plan does not rest on silence.
                if known.info.offer.on_demand {
                    known.measured.fill(Measured::Nothing);
                }
                self.tell_video_needed(stream);
            }
            (told, Some(top)) if told < Some(top) => self.tell_video_needed(stream),
            (told, top) if told == top => self.lower_later(stream, None),
            _ if known.needed.lower_at.is_none() && known.info.offer.sends_video_on_demand() => {
                self.lower_later(stream, Some(now.saturating_add(limits::LAYER_LINGER)));
            }
            _ => {}
        }
    }

    /// Sets the time at which a publisher is told that less will do.
    pub(super) fn lower_later(&mut self, stream: StreamId, at: Option<Instant>) {
        let Some(known) = self.streams.get_mut(&stream) else { return };
        if let Some(before) = core::mem::replace(&mut known.needed.lower_at, at) {
            self.lowerings.remove(&(before, stream));
        }
        self.lowerings.extend(at.map(|at| (at, stream)));
    }

    /// Tells the publisher of a video on demand whether anybody receives it, and up to which layer.
    pub(super) fn tell_video_needed(&mut self, stream: StreamId) {
        self.lower_later(stream, None);
        let known = self.streams.get_mut(&stream).expect("only what is published is needed");
        let top = known.needed.top();
        known.needed.told = top;
        if !known.info.offer.sends_video_on_demand() || self.dissolved {
            return;
        }
        // A layer that is off is silent for that reason; once it is wanted again, it counts as what was declared.
        for (layer, measured) in (0..).map(LayerId).zip(&mut known.measured) {
            if top.is_none_or(|top| layer > top) {
                *measured = Measured::Nothing;
            }
        }
        let highest = known.info.offer.layers.len() - 1;
        let up_to = top.filter(|top| usize::from(top.0) < highest);
        let owner = known.owner;
        if let Some(session) = self.members[&owner].presence.session() {
            self.send(session, ServerMessage::VideoNeeded { stream, needed: top.is_some(), up_to });
        }
    }
}
