//! The others in a room and their streams, and how two views of them differ.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::Event;
use crate::{
    id::{StreamId, UserId, UserName},
    limits,
    stream::StreamInfo,
    wire::{LeaveReason, MemberInfo},
};

/// Most streams of others that are kept in mind: what goes beyond comes from no honest server.
const STREAMS: usize = limits::ROOM_MEMBERS * limits::STREAMS_PER_MEMBER;

/// Who else is in the room, and what they publish.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Others {
    members: BTreeMap<UserId, Option<UserName>>,
    streams: BTreeMap<StreamId, StreamInfo>,
}

impl Others {
    /// As a snapshot lists them.
    pub(super) fn of(members: Vec<MemberInfo>, streams: impl Iterator<Item = StreamInfo>) -> Self {
        Self {
            members: members.into_iter().take(limits::ROOM_MEMBERS).map(|member| (member.user, member.name)).collect(),
            streams: streams.take(STREAMS).map(|stream| (stream.id, stream)).collect(),
        }
    }

    /// By user id, with the names to show.
    pub(super) fn members(&self) -> impl Iterator<Item = (&UserId, Option<&UserName>)> {
        self.members.iter().map(|(user, name)| (user, name.as_ref()))
    }

    /// By number.
    pub(super) fn streams(&self) -> impl Iterator<Item = &StreamInfo> {
        self.streams.values()
    }

    pub(super) fn stream(&self, id: StreamId) -> Option<&StreamInfo> {
        self.streams.get(&id)
    }

    /// Whether the stream of that number is the same in both. A server that lost its memory begins to number anew.
    pub(super) fn share(&self, other: &Self, id: StreamId) -> bool {
        self.stream(id).zip(other.stream(id)).is_some_and(|(one, another)| are_one(one, another))
    }

    /// How many members and streams there are.
    pub(super) fn len(&self) -> usize {
        self.members.len() + self.streams.len()
    }

    /// What somebody who knew `before` has missed: what ended, who left, who entered, who shows another name, what began, what changed, what was muted.
    pub(super) fn news_since(&self, before: &Self) -> Vec<Event> {
        let mut news = Vec::new();
        let ended = before.streams.values().filter(|stream| !self.share(before, stream.id));
        news.extend(ended.map(|stream| Event::StreamRemoved { stream: stream.clone() }));
        let left = before.members.iter().filter(|(user, _)| !self.members.contains_key(*user));
        news.extend(left.map(|(user, name)| Event::PeerLeft { user: user.clone(), name: name.clone(), reason: LeaveReason::LEFT }));
        for (user, name) in &self.members {
            match before.members.get(user) {
                None => news.push(Event::PeerJoined { user: user.clone(), name: name.clone() }),
                Some(known) if known != name => news.push(Event::PeerRenamed { user: user.clone(), name: name.clone() }),
                Some(_) => {}
            }
        }
        let mut began: Vec<_> = self.streams.values().filter(|stream| !self.share(before, stream.id)).collect();
        began.sort_by(|a, b| (&a.user, a.offer.kind).cmp(&(&b.user, b.offer.kind)));
        news.extend(began.into_iter().map(|stream| Event::StreamAdded { stream: stream.clone() }));
        let went_on = self.streams.values().filter_map(|now| before.stream(now.id).filter(|known| are_one(known, now)).zip(Some(now)));
        news.extend(went_on.flat_map(|(known, now)| changes(known, now)));
        news
    }

    /// Somebody entered. Said of one who is there, it may tell another name.
    pub(super) fn enter(&mut self, user: UserId, name: Option<UserName>) -> Vec<Event> {
        if self.members.contains_key(&user) {
            return self.rename(user, name);
        }
        if self.members.len() >= limits::ROOM_MEMBERS {
            return Vec::new();
        }
        self.members.insert(user.clone(), name.clone());
        vec![Event::PeerJoined { user, name }]
    }

    pub(super) fn leave(&mut self, user: UserId, reason: LeaveReason) -> Vec<Event> {
        let left = self.members.remove(&user);
        left.map(|name| Event::PeerLeft { user, name, reason }).into_iter().collect()
    }

    pub(super) fn rename(&mut self, user: UserId, name: Option<UserName>) -> Vec<Event> {
        match self.members.get_mut(&user) {
            Some(known) if *known != name => {
                known.clone_from(&name);
                vec![Event::PeerRenamed { user, name }]
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// A stream began. Said of one that is there, it may tell that it changed, or that it is another one of that number.
    pub(super) fn add(&mut self, stream: StreamInfo) -> Vec<Event> {
        let known = self.streams.get(&stream.id);
        if known.is_some_and(|known| are_one(known, &stream)) {
            return self.change(stream);
        }
        if known.is_none() && self.streams.len() >= STREAMS {
            return Vec::new();
        }
        let replaced = self.streams.insert(stream.id, stream.clone());
        let ended = replaced.map(|stream| Event::StreamRemoved { stream });
        ended.into_iter().chain([Event::StreamAdded { stream }]).collect()
    }

    /// A stream holds something else now.
    pub(super) fn change(&mut self, stream: StreamInfo) -> Vec<Event> {
        let Some(known) = self.streams.get_mut(&stream.id).filter(|known| are_one(known, &stream)) else {
            return Vec::new();
        };
        let news = changes(known, &stream).collect();
        *known = stream;
        news
    }

    pub(super) fn mute(&mut self, id: StreamId, audio: bool, video: bool) -> Vec<Event> {
        match self.streams.get(&id).cloned() {
            Some(known) => self.change(StreamInfo { audio_muted: audio, video_muted: video, ..known }),
            None => Vec::new(),
        }
    }

    pub(super) fn remove(&mut self, id: StreamId) -> Vec<Event> {
        self.streams.remove(&id).map(|stream| Event::StreamRemoved { stream }).into_iter().collect()
    }
}

/// Whether both are the same stream, whatever it holds by now.
fn are_one(one: &StreamInfo, another: &StreamInfo) -> bool {
    (one.id, &one.user, one.offer.kind) == (another.id, &another.user, another.offer.kind)
}

/// What happened to a stream that goes on.
fn changes(before: &StreamInfo, now: &StreamInfo) -> impl Iterator<Item = Event> + use<> {
    let muted = |stream: &StreamInfo| (stream.audio_muted, stream.video_muted);
    let updated = (before.offer != now.offer).then(|| Event::StreamUpdated { stream: now.clone() });
    let muted = (muted(before) != muted(now)).then(|| Event::StreamMuted { stream: now.clone() });
    updated.into_iter().chain(muted)
}
