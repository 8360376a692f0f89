//! Subscribing and unsubscribing.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{MediaOutput, Room};
use crate::{
    code::Code,
    id::{MemberId, StreamId},
    limits,
    member::VideoPlan,
    stream::LayerSet,
    wire::{Accepted, RefusedWish, VideoWish},
};

impl Room {
    /// A member receives parts of a stream; they add to what it receives already. Any role may, but nobody subscribes to itself.
    pub(super) fn subscribe(&mut self, id: MemberId, stream: StreamId, audio: bool, wish: Option<&VideoWish>) -> Result<Accepted, Code> {
        if !audio && wish.is_none() {
            return Err(Code::BAD_REQUEST);
        }
        self.may_subscribe(id, stream, wish)?;
        self.streams.get_mut(&stream).expect("checked above").subscribers.insert(id);
        let subscription = self.members.get_mut(&id).expect("the caller is a member").subscriptions.entry(stream).or_default();
        subscription.audio |= audio;
        if let Some(wish) = wish {
            let counted = subscription.video.as_ref().and_then(|plan| plan.counted);
            match &mut subscription.video {
                Some(plan) => {
                    plan.layers = plan.layers.union(wish.layers);
                    plan.min_height = wish.min_height.or(plan.min_height);
                    plan.max_height = wish.max_height.or(plan.max_height);
                }
                video @ None => *video = Some(VideoPlan::of(wish)),
            }
            self.count_wish(id, stream, counted);
        }
        self.forward(id, stream);
        self.plan(id);
        Ok(Accepted::Done)
    }

    /// A member receives the video of these streams and of no others; its audio stays as it is. A list that names a stream twice, or one of the member's own,
    /// changes nothing. Streams that cannot be received are told and stop nobody else.
    pub(super) fn subscribe_video(&mut self, id: MemberId, wanted: &[VideoWish]) -> Result<Accepted, Code> {
        let streams: BTreeSet<StreamId> = wanted.iter().map(|wish| wish.stream).collect();
        let own = wanted.iter().any(|wish| self.streams.get(&wish.stream).is_some_and(|known| known.owner == id));
        if wanted.len() > limits::SUBSCRIPTIONS_PER_MEMBER || streams.len() < wanted.len() || own {
            return Err(Code::BAD_REQUEST);
        }
        // What is given up makes place for what is taken.
        let good: BTreeSet<StreamId> = wanted.iter().filter(|wish| self.fits(wish).is_ok()).map(|wish| wish.stream).collect();
        let subscriptions = &self.members[&id].subscriptions;
        let given_up = subscriptions.iter().filter(|(stream, subscription)| subscription.video.is_some() && !good.contains(stream));
        let given_up: Vec<StreamId> = given_up.map(|(stream, _)| *stream).collect();
        for stream in given_up {
            self.drop_video(id, stream);
        }
        let mut refused = Vec::new();
        for wish in wanted {
            if let Err(code) = self.want_video(id, wish) {
                refused.push(RefusedWish { stream: wish.stream, code });
            }
        }
        self.plan(id);
        Ok(Accepted::Subscribed { refused })
    }

    /// A member is to receive the video of a stream just so, whatever it received of it before.
    fn want_video(&mut self, id: MemberId, wish: &VideoWish) -> Result<(), Code> {
        let stream = wish.stream;
        self.may_subscribe(id, stream, Some(wish))?;
        self.streams.get_mut(&stream).expect("checked above").subscribers.insert(id);
        let subscription = self.members.get_mut(&id).expect("the caller is a member").subscriptions.entry(stream).or_default();
        let counted = subscription.video.as_ref().and_then(|plan| plan.counted);
        let is_new = subscription.video.is_none();
        subscription.video.get_or_insert_default().take_wish(wish);
        self.count_wish(id, stream, counted);
        if is_new {
            self.forward(id, stream);
        }
        Ok(())
    }

    fn may_subscribe(&self, id: MemberId, stream: StreamId, wish: Option<&VideoWish>) -> Result<(), Code> {
        let known = self.streams.get(&stream).ok_or(Code::NO_SUCH_STREAM)?;
        if known.owner == id {
            return Err(Code::OWN_STREAM);
        }
        wish.map_or(Ok(()), |wish| self.fits(wish))?;
        let subscriptions = &self.members[&id].subscriptions;
        if !subscriptions.contains_key(&stream) && subscriptions.len() >= limits::SUBSCRIPTIONS_PER_MEMBER {
            return Err(Code::TOO_MANY_SUBSCRIPTIONS);
        }
        Ok(())
    }

    /// Whether a wish is for layers that there are.
    fn fits(&self, wish: &VideoWish) -> Result<(), Code> {
        let ladder = self.streams.get(&wish.stream).ok_or(Code::NO_SUCH_STREAM)?.info.offer.layers.len();
        if wish.layers.is_empty() || !is_within(wish.layers, ladder) {
            return Err(Code::BAD_REQUEST);
        }
        Ok(())
    }

    /// A member receives parts of a stream no longer. Parts it did not receive are no error; a stream it did not subscribe to is, and so is a layer that there
    /// is not.
    pub(super) fn unsubscribe(
        &mut self,
        id: MemberId,
        stream: StreamId,
        audio: bool,
        video: bool,
        layers: Option<LayerSet>,
    ) -> Result<Accepted, Code> {
        let subscription = self.members[&id].subscriptions.get(&stream).ok_or(Code::NOT_SUBSCRIBED)?;
        let ladder = self.streams[&stream].info.offer.layers.len();
        if video && layers.is_some_and(|layers| !is_within(layers, ladder)) {
            return Err(Code::BAD_REQUEST);
        }
        let audio_left = subscription.audio && !audio;
        let layers_left = subscription.video.as_ref().map(|plan| match layers {
            _ if !video => plan.layers,
            Some(layers) => plan.layers.less(layers, ladder),
            None => LayerSet::EMPTY, // all of them
        });
        let subscription = self.members.get_mut(&id).and_then(|m| m.subscriptions.get_mut(&stream)).expect("looked up above");
        subscription.audio = audio_left;
        match (layers_left.filter(|layers| !layers.is_empty()), &mut subscription.video) {
            (Some(layers), Some(plan)) => {
                plan.layers = layers;
                let counted = plan.counted;
                self.count_wish(id, stream, counted);
                self.forward(id, stream);
            }
            (_, Some(_)) => self.drop_video(id, stream),
            (_, None) if audio_left => self.forward(id, stream),
            (_, None) => self.give_up(id, stream),
        }
        self.plan(id);
        Ok(Accepted::Done)
    }

    /// Takes the video out of a subscription; without audio, all of it.
    fn drop_video(&mut self, id: MemberId, stream: StreamId) {
        let subscription = self.members.get(&id).and_then(|m| m.subscriptions.get(&stream)).expect("only what is received is dropped");
        if !subscription.audio {
            return self.give_up(id, stream);
        }
        self.wait_no_longer(id, stream);
        let subscription = self.members.get_mut(&id).and_then(|m| m.subscriptions.get_mut(&stream)).expect("looked up above");
        let counted = subscription.video.take().and_then(|plan| plan.counted);
        self.count_wish(id, stream, counted);
        self.forward(id, stream);
    }

    fn give_up(&mut self, id: MemberId, stream: StreamId) {
        self.drop_subscription(id, stream);
        self.media(MediaOutput::Forward { member: id, stream, audio: false, video: false });
    }

    fn forward(&mut self, id: MemberId, stream: StreamId) {
        let subscription = &self.members[&id].subscriptions[&stream];
        let (audio, video) = (subscription.audio, subscription.video.is_some());
        self.media(MediaOutput::Forward { member: id, stream, audio, video });
    }

    /// Takes a subscription out of the books. The media plane is not told.
    pub(super) fn drop_subscription(&mut self, id: MemberId, stream: StreamId) {
        self.wait_no_longer(id, stream);
        let dropped = self.members.get_mut(&id).and_then(|member| member.subscriptions.remove(&stream));
        if let Some(known) = self.streams.get_mut(&stream) {
            known.subscribers.remove(&id);
            if let Some(counted) = dropped.and_then(|subscription| subscription.video).map(|plan| plan.counted) {
                self.count_wish(id, stream, counted);
            }
        }
    }
}

/// Whether a ladder of that many layers has all that are named.
fn is_within(layers: LayerSet, ladder: usize) -> bool {
    layers.named().all(|layer| usize::from(layer.0) < ladder)
}
