//! What a session knows of its room, and how it catches up after an absence.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Event, JoinCall};
use crate::{
    id::{MemberId, StreamId, UserId, UserName},
    limits,
    role::Role,
    stream::{StreamInfo, StreamOffer},
    wire::{LeaveReason, MediaDescription, MemberInfo, ServerMessage},
};

/// Most streams of others that are kept in mind: what goes beyond comes from no honest server.
const STREAMS: usize = limits::ROOM_MEMBERS * limits::STREAMS_PER_MEMBER;

/// The room as one session sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomView {
    /// How the session entered: what it says again when it comes back. The role is the present one.
    pub(super) join: JoinCall,
    /// Who the session is.
    pub(super) user: UserId,
    pub(super) member: MemberId,
    members: BTreeMap<UserId, Option<UserName>>,
    /// Streams of others.
    pub(super) streams: BTreeMap<StreamId, StreamInfo>,
    /// Streams of one's own.
    pub(super) own: BTreeMap<StreamId, StreamOffer>,
    /// How the server's media transport is reached, as it was told last.
    pub(super) media: Option<MediaDescription>,
}

impl RoomView {
    /// The room on entering, and the events that tell of who and what is there already.
    pub(super) fn new(
        join: JoinCall,
        user: UserId,
        member: MemberId,
        role: Role,
        members: Vec<MemberInfo>,
        streams: Vec<StreamInfo>,
    ) -> (Self, Vec<Event>) {
        let join = JoinCall { role, ..join };
        let mut view = Self { join, user, member, members: BTreeMap::new(), streams: BTreeMap::new(), own: BTreeMap::new(), media: None };
        let news = view.catch_up(members, streams);
        (view, news)
    }

    /// The others, by user id, with the names to show.
    pub(super) fn members(&self) -> impl Iterator<Item = (&UserId, Option<&UserName>)> {
        self.members.iter().map(|(user, name)| (user, name.as_ref()))
    }

    /// How many members and streams it holds.
    pub(super) fn len(&self) -> usize {
        self.members.len() + self.streams.len()
    }

    /// Takes the role on; stepping down ends one's own streams.
    pub(super) fn take_role(&mut self, role: Role) {
        self.join.role = role;
        if !role.may_publish() {
            self.own.clear();
        }
    }

    /// Brings the view up to the server's snapshot, and tells the difference: who left, what ended, who entered, what began, what was muted.
    pub(super) fn catch_up(&mut self, members: Vec<MemberInfo>, streams: Vec<StreamInfo>) -> Vec<Event> {
        let mut news = Vec::new();
        let (own, others): (Vec<_>, Vec<_>) = streams.into_iter().partition(|stream| stream.user == self.user);
        self.own = own.into_iter().map(|stream| (stream.id, stream.offer)).collect();
        let streams: BTreeMap<_, _> = others.into_iter().take(STREAMS).map(|stream| (stream.id, stream)).collect();
        let members: BTreeMap<_, _> = members.into_iter().take(limits::ROOM_MEMBERS).map(|member| (member.user, member.name)).collect();

        for (id, stream) in &self.streams {
            if !streams.contains_key(id) {
                news.push(Event::StreamRemoved { stream: stream.clone() });
            }
        }
        for (user, name) in &self.members {
            if !members.contains_key(user) {
                news.push(Event::PeerLeft { user: user.clone(), name: name.clone(), reason: LeaveReason::LEFT });
            }
        }
        for (user, name) in &members {
            if !self.members.contains_key(user) {
                news.push(Event::PeerJoined { user: user.clone(), name: name.clone() });
            }
        }
        let mut added: Vec<&StreamInfo> = streams.values().filter(|s| !self.streams.contains_key(&s.id)).collect();
        added.sort_by(|a, b| (&a.user, a.offer.kind).cmp(&(&b.user, b.offer.kind)));
        news.extend(added.into_iter().map(|stream| Event::StreamAdded { stream: stream.clone() }));
        for (id, stream) in &streams {
            if self.streams.get(id).is_some_and(|before| before != stream) {
                news.push(Event::StreamMuted { stream: stream.clone() });
            }
        }
        self.members = members;
        self.streams = streams;
        news
    }

    /// Takes in one piece of news, and tells it unless it is none.
    pub(super) fn apply(&mut self, news: ServerMessage) -> Option<Event> {
        match news {
            ServerMessage::PeerJoined { user, name } => {
                let has_room = self.members.len() < limits::ROOM_MEMBERS || self.members.contains_key(&user);
                let before = has_room.then(|| self.members.insert(user.clone(), name.clone()))?;
                before.is_none().then_some(Event::PeerJoined { user, name })
            }
            ServerMessage::PeerLeft { user, reason } => {
                let name = self.members.remove(&user)?;
                Some(Event::PeerLeft { user, name, reason })
            }
            ServerMessage::StreamAdded { stream } => {
                let has_room = self.streams.len() < STREAMS || self.streams.contains_key(&stream.id);
                let before = has_room.then(|| self.streams.insert(stream.id, stream.clone()))?;
                before.is_none().then_some(Event::StreamAdded { stream })
            }
            ServerMessage::StreamRemoved { stream, .. } => {
                let stream = self.streams.remove(&stream)?;
                Some(Event::StreamRemoved { stream })
            }
            ServerMessage::StreamMuted { stream, audio, video, .. } => {
                let known = self.streams.get_mut(&stream)?;
                known.audio_muted = audio;
                known.video_muted = video;
                Some(Event::StreamMuted { stream: known.clone() })
            }
            // Said again after a lost connection, it is no news.
            ServerMessage::Media { description } => {
                let before = self.media.replace(description.clone());
                (before.as_ref() != Some(&description)).then_some(Event::Media { description })
            }
            ServerMessage::Accepted { .. }
            | ServerMessage::Refused { .. }
            | ServerMessage::Removed { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => None,
        }
    }
}
