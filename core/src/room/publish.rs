//! Publishing, changing, withdrawing, muting.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{Measured, MediaOutput, Needed, PublishedStream, Room};
use crate::{
    code::Code,
    id::{LayerId, MemberId, StreamId},
    select::Layer,
    stream::{StreamInfo, StreamKind, StreamOffer},
    wire::{Accepted, ServerMessage},
};

impl Room {
    /// A member publishes a stream: joiners only, one of each kind, and every other member hears of it once.
    pub(super) fn publish(&mut self, id: MemberId, offer: StreamOffer) -> Result<Accepted, Code> {
        let member = &self.members[&id];
        if !member.role.may_publish() {
            return Err(Code::ROLE_FORBIDS);
        }
        offer.check().map_err(|_| Code::BAD_REQUEST)?;
        if member.published.contains_key(&offer.kind) {
            return Err(Code::ALREADY_PUBLISHED);
        }
        if self.paused {
            return Err(Code::ROOM_PAUSED);
        }
        let shares = usize::from(offer.kind == StreamKind::Aux);
        if self.config.one_share && shares + self.shares > 1 {
            return Err(Code::SHARED_ALREADY);
        }
        let next = self.next_stream.checked_add(1).ok_or(Code::OUT_OF_STREAMS)?;
        let stream = StreamId(self.next_stream);
        self.next_stream = next;

        let info = StreamInfo { id: stream, user: member.user.clone(), offer, audio_muted: false, video_muted: false };
        let measured = vec![Measured::Nothing; info.offer.layers.len()];
        self.members.get_mut(&id).expect("checked above").published.insert(info.offer.kind, stream);
        self.shares += shares;
        self.streams.insert(
            stream,
            PublishedStream { owner: id, info: info.clone(), measured, subscribers: BTreeSet::new(), needed: Needed::default() },
        );
        self.media(MediaOutput::Receive { member: id, stream: info.clone() });
        self.send_to_others(id, ServerMessage::StreamAdded { stream: info });
        Ok(Accepted::Published { stream })
    }

    /// A member changes what one of its streams holds. It stays the same stream, and subscriptions to it persist. Nothing is said where nothing changes.
    pub(super) fn update(&mut self, id: MemberId, stream: StreamId, offer: StreamOffer) -> Result<Accepted, Code> {
        let info = self.own_stream(id, stream)?;
        offer.check().map_err(|_| Code::BAD_REQUEST)?;
        if offer.kind != info.offer.kind {
            return Err(Code::BAD_REQUEST);
        }
        if offer == info.offer {
            return Ok(Accepted::Done);
        }
        if self.paused {
            return Err(Code::ROOM_PAUSED);
        }
        let known = self.streams.get_mut(&stream).expect("looked up above");
        let before = core::mem::replace(&mut known.info.offer, offer.clone());
        known.measured = vec![Measured::Nothing; offer.layers.len()];
        let (info, subscribers) = (known.info.clone(), known.subscribers.iter().copied().collect::<Vec<_>>());
        self.media(MediaOutput::Receive { member: id, stream: info.clone() });
        self.send_to_others(id, ServerMessage::StreamUpdated { stream: info });
        for subscriber in subscribers {
            self.follow_update(subscriber, stream, &before, &offer);
        }
        for layer in (0..u8::MAX).map(LayerId).take(before.layers.len()).filter(|layer| !stays(*layer, &before, &offer)) {
            self.key_frames.forget_layer(stream, layer);
        }
        self.count_anew(stream);
        let stale = before.layers.len() != offer.layers.len() || !before.sends_video_on_demand() || self.streams[&stream].needed.is_stale();
        if offer.sends_video_on_demand() && stale {
            self.tell_video_needed(stream);
        }
        self.hush(id);
        Ok(Accepted::Done)
    }

    /// A subscriber's wishes follow their layers to where these stand now. What it received of a layer that is gone or stands elsewhere has ended.
    fn follow_update(&mut self, id: MemberId, stream: StreamId, before: &StreamOffer, after: &StreamOffer) {
        let gone = |layer: Option<Layer>| layer.is_some_and(|layer| !stays(layer.spatial, before, after));
        if let Some(plan) = self.video_plan(id, stream) {
            let (target_gone, current_gone) = (gone(plan.target), gone(plan.current));
            if target_gone {
                self.wait_no_longer(id, stream);
            }
            let plan = self.video_plan_mut(id, stream).expect("looked up above");
            plan.layers = plan.layers.follow(before, after);
            if target_gone {
                plan.target = None;
            }
            if target_gone || current_gone {
                plan.current = None;
            }
        }
        self.plan_later(id);
    }

    /// A member withdraws one of its streams.
    pub(super) fn unpublish(&mut self, id: MemberId, stream: StreamId) -> Result<Accepted, Code> {
        self.own_stream(id, stream)?;
        self.withdraw(stream);
        Ok(Accepted::Done)
    }

    /// A member mutes or unmutes parts of one of its streams. Nothing is said where nothing changes.
    pub(super) fn mute(&mut self, id: MemberId, stream: StreamId, audio: Option<bool>, video: Option<bool>) -> Result<Accepted, Code> {
        let user = self.members[&id].user.clone();
        let info = self.own_stream(id, stream)?;
        let before = (info.audio_muted, info.video_muted);
        info.audio_muted = audio.unwrap_or(info.audio_muted);
        info.video_muted = video.unwrap_or(info.video_muted);
        let after = (info.audio_muted, info.video_muted);
        if after != before {
            self.send_to_others(id, ServerMessage::StreamMuted { stream, user, audio: after.0, video: after.1 });
            self.hush(id);
        }
        if after.1 != before.1 {
            // A muted video takes nothing of anybody's budget, and what it left is there for others.
            let viewers: Vec<MemberId> = self.streams[&stream].subscribers.iter().copied().collect();
            for viewer in viewers {
                self.plan_later(viewer);
            }
        }
        Ok(Accepted::Done)
    }

    fn own_stream(&mut self, id: MemberId, stream: StreamId) -> Result<&mut StreamInfo, Code> {
        match self.streams.get_mut(&stream) {
            Some(known) if known.owner == id => Ok(&mut known.info),
            _ => Err(Code::NO_SUCH_STREAM),
        }
    }

    /// Ends a stream: for its publisher, for the media plane, for every subscriber.
    pub(super) fn withdraw(&mut self, stream: StreamId) {
        let Some(gone) = self.streams.remove(&stream) else { return };
        let owner = gone.owner;
        for subscriber in gone.subscribers {
            let member = self.members.get_mut(&subscriber).expect("who subscribes is a member");
            member.subscriptions.remove(&stream);
            self.plan_later(subscriber);
        }
        let all = (stream, LayerId(0), MemberId(0))..=(stream, LayerId(u8::MAX), MemberId(u32::MAX));
        let waiting: Vec<_> = self.waiting.range(all).copied().collect();
        for entry in waiting {
            self.waiting.remove(&entry);
        }
        self.key_frames.forget_stream(stream);
        if let Some(at) = gone.needed.lower_at {
            self.lowerings.remove(&(at, stream));
        }
        self.shares -= usize::from(gone.info.offer.kind == StreamKind::Aux);
        let member = self.members.get_mut(&owner).expect("a stream has its publisher");
        member.published.remove(&gone.info.offer.kind);
        let user = member.user.clone();
        self.media(MediaOutput::StopReceiving { member: owner, stream });
        self.send_to_others(owner, ServerMessage::StreamRemoved { stream, user });
        self.hush(owner);
    }
}

/// Whether a layer is the same one after an update: its rid stands where it stood.
fn stays(layer: LayerId, before: &StreamOffer, after: &StreamOffer) -> bool {
    before.rid_of(layer).is_some() && before.rid_of(layer) == after.rid_of(layer)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{
        id::{RequestId, RoomId, SessionId, UserId},
        role::Role,
        room::{Config, Input, Output},
        time::Instant,
        wire::{AudioMode, ClientFrame, ClientMessage, Versions},
    };

    //
    #[test]
    fn a_room_that_has_used_up_its_numbers_refuses_streams() {
        // Given a room that has one number left, and Ada,
        let name = RoomId::new("stage").expect("a valid id");
        let mut room = Room::new(Instant::ZERO, Config::new(name.clone()));
        room.next_stream = u32::MAX - 1;
        let user = Some(UserId::new("ada").expect("a valid id"));
        let (versions, role) = (Versions::SUPPORTED, Role::Joiner);
        let join = ClientMessage::Join {
            versions,
            app: None,
            room: name,
            user,
            name: None,
            role,
            resumes: None,
            media: None,
            credential: None,
            relay: false,
            audio_mode: AudioMode::Subscribed,
        };
        let publish =
            |kind| ClientMessage::Publish { offer: StreamOffer { kind, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false } };
        // when she publishes twice,
        for (request, message) in (1..).map(RequestId).zip([join, publish(StreamKind::Main), publish(StreamKind::Aux)]) {
            let frame = ClientFrame { request, message };
            room.handle_input(Instant::ZERO, Input::Message { session: SessionId(1), frame }).expect("time stands still");
        }
        // then the first stream has the last number, and the second none.
        let refused = |output| match output {
            Output::Send { message: ServerMessage::Refused { request, code }, .. } => Some((request, code)),
            _ => None,
        };
        let outputs: Vec<_> = core::iter::from_fn(|| room.poll_output()).collect();
        assert_eq!(outputs.into_iter().filter_map(refused).collect::<Vec<_>>(), [(RequestId(3), Code::OUT_OF_STREAMS)]);
        assert_eq!(room.streams().count(), 1);
    }
}
