//! Subscribing and unsubscribing.

use super::{MediaOutput, Room};
use crate::{
    code::Code,
    id::{MemberId, StreamId},
    limits,
    member::VideoPlan,
    stream::LayerSet,
    wire::Accepted,
};

impl Room {
    /// A member receives parts of a stream; they add to what it receives already. Any role may, but nobody subscribes to itself.
    pub(super) fn subscribe(
        &mut self,
        id: MemberId,
        stream: StreamId,
        audio: bool,
        video: bool,
        layers: LayerSet,
    ) -> Result<Accepted, Code> {
        if !audio && !video {
            return Err(Code::BAD_REQUEST);
        }
        let known = self.streams.get_mut(&stream).ok_or(Code::NO_SUCH_STREAM)?;
        if known.owner == id {
            return Err(Code::OWN_STREAM);
        }
        let member = self.members.get_mut(&id).expect("the caller is a member");
        if !member.subscriptions.contains_key(&stream) && member.subscriptions.len() >= limits::SUBSCRIPTIONS_PER_MEMBER {
            return Err(Code::TOO_MANY_SUBSCRIPTIONS);
        }
        known.subscribers.insert(id);
        let subscription = member.subscriptions.entry(stream).or_default();
        subscription.audio |= audio;
        if video {
            subscription.video.get_or_insert_with(VideoPlan::default).layers = layers;
        }
        self.forward_and_plan(id, stream);
        Ok(Accepted::Done)
    }

    /// A member receives parts of a stream no longer. Parts it did not receive are no error; a stream it did not subscribe to is.
    pub(super) fn unsubscribe(&mut self, id: MemberId, stream: StreamId, audio: bool, video: bool) -> Result<Accepted, Code> {
        let member = self.members.get_mut(&id).expect("the caller is a member");
        let subscription = member.subscriptions.get_mut(&stream).ok_or(Code::NOT_SUBSCRIBED)?;
        let audio_left = subscription.audio && !audio;
        let video_left = subscription.video.is_some() && !video;
        if !audio_left && !video_left {
            self.drop_subscription(id, stream);
            self.media(MediaOutput::Forward { member: id, stream, audio: false, video: false });
            self.plan(id);
            return Ok(Accepted::Done);
        }
        subscription.audio = audio_left;
        if !video_left {
            self.wait_no_longer(id, stream);
            self.members.get_mut(&id).and_then(|m| m.subscriptions.get_mut(&stream)).expect("looked up above").video = None;
        }
        self.forward_and_plan(id, stream);
        Ok(Accepted::Done)
    }

    fn forward_and_plan(&mut self, id: MemberId, stream: StreamId) {
        let subscription = &self.members[&id].subscriptions[&stream];
        let (audio, video) = (subscription.audio, subscription.video.is_some());
        self.media(MediaOutput::Forward { member: id, stream, audio, video });
        self.plan(id);
    }

    /// Takes a subscription out of the books. The media plane is not told.
    pub(super) fn drop_subscription(&mut self, id: MemberId, stream: StreamId) {
        self.wait_no_longer(id, stream);
        if let Some(member) = self.members.get_mut(&id) {
            member.subscriptions.remove(&stream);
        }
        if let Some(known) = self.streams.get_mut(&stream) {
            known.subscribers.remove(&id);
        }
    }
}
