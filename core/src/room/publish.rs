//! Publishing, withdrawing, muting.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{MediaOutput, PublishedStream, Room};
use crate::{
    code::Code,
    id::{LayerId, MemberId, StreamId},
    stream::{StreamInfo, StreamOffer},
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
        let next = self.next_stream.checked_add(1).ok_or(Code::OUT_OF_STREAMS)?;
        let stream = StreamId(self.next_stream);
        self.next_stream = next;

        let info = StreamInfo { id: stream, user: member.user.clone(), offer, audio_muted: false, video_muted: false };
        let measured_bps = vec![None; info.offer.layers.len()];
        self.members.get_mut(&id).expect("checked above").published.insert(info.offer.kind, stream);
        self.streams.insert(stream, PublishedStream { owner: id, info: info.clone(), measured_bps, subscribers: BTreeSet::new() });
        self.media(MediaOutput::Receive { member: id, stream: info.clone() });
        self.send_to_others(id, ServerMessage::StreamAdded { stream: info });
        Ok(Accepted::Published { stream })
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
        let member = self.members.get_mut(&owner).expect("a stream has its publisher");
        member.published.remove(&gone.info.offer.kind);
        let user = member.user.clone();
        self.media(MediaOutput::StopReceiving { member: owner, stream });
        self.send_to_others(owner, ServerMessage::StreamRemoved { stream, user });
    }
}
