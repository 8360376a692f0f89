//! Entering, coming back, and leaving.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Event, MediaOutput, Output, Room};
use crate::{
    code::Code,
    id::{MemberId, RequestId, SessionId, UserId, UserName},
    member::{Bandwidth, MediaState, Member, Presence},
    role::Role,
    time::Instant,
    wire::{Accepted, ClientMessage, LeaveReason, MediaDescription, MemberInfo, ServerMessage, Version, Versions},
};

/// A join that asks for nothing impossible.
struct Newcomer {
    user: UserId,
    name: Option<UserName>,
    role: Role,
    media: Option<MediaDescription>,
    version: Version,
}

impl Room {
    /// Lets a user in, as a newcomer or back. A newcomer is accepted in full before a stay of the same user is ended: a join that is refused moves nobody.
    pub(super) fn join(&mut self, session: SessionId, request: RequestId, message: ClientMessage) {
        let ClientMessage::Join { versions, room, user: Some(user), name, role, resumes, media, .. } = message else {
            unreachable!("only joins come here");
        };
        if self.sessions.contains_key(&session) {
            return self.refuse(session, request, Code::ALREADY_IN_ROOM);
        }
        let (Some(version), true) = (versions.agree(Versions::SUPPORTED), room == self.config.id) else {
            return self.refuse(session, request, Code::BAD_REQUEST);
        };
        let sitting = self.users.get(&user).copied();
        if let Some(stay) = resumes {
            return match sitting {
                Some(member) if member == stay => self.come_back(session, request, member, version),
                _ => self.refuse(session, request, Code::SESSION_GONE),
            };
        }
        if sitting.is_none() && self.members.len() >= self.config.members_max {
            return self.refuse(session, request, Code::ROOM_FULL);
        }
        let Some(next) = self.next_member.checked_add(1) else {
            return self.refuse(session, request, Code::INTERNAL);
        };
        let id = MemberId(core::mem::replace(&mut self.next_member, next));
        if let Some(member) = sitting {
            self.end_stay(member, LeaveReason::REPLACED, Some(Code::REPLACED));
        }
        self.enter(session, request, id, Newcomer { user, name, role, media, version });
    }

    fn enter(&mut self, session: SessionId, request: RequestId, id: MemberId, newcomer: Newcomer) {
        let Newcomer { user, name, role, media, version } = newcomer;
        self.members.insert(
            id,
            Member {
                id,
                user: user.clone(),
                name: name.clone(),
                role,
                presence: Presence::Here { session, last_heard: self.now },
                deadline: self.now,
                media: MediaState::Absent,
                media_answer: None,
                published: BTreeMap::new(),
                subscriptions: BTreeMap::new(),
                estimate_bps: None,
                held_until: None,
                bandwidth: Bandwidth::default(),
            },
        );
        self.users.insert(user.clone(), id);
        self.sessions.insert(session, id);
        self.set_deadline(id, self.now.saturating_add(self.config.heartbeat_timeout));

        let accepted = self.snapshot_for(id, version, false);
        self.send(session, ServerMessage::Accepted { request, accepted });
        self.send_to_others(id, ServerMessage::PeerJoined { user: user.clone(), name });
        self.event(Event::Joined { member: id, user, role });
        if let Some(description) = media {
            self.order_transport(id, description);
        }
    }

    fn come_back(&mut self, session: SessionId, request: RequestId, id: MemberId, version: Version) {
        let member = self.members.get_mut(&id).expect("the room knows every user's stay");
        let before = core::mem::replace(&mut member.presence, Presence::Here { session, last_heard: self.now });
        self.sessions.insert(session, id);
        if let Some(old) = before.session() {
            // The client gave this connection up before the room noticed.
            self.sessions.remove(&old);
            self.outputs.push_back(Output::Close { session: old });
        }
        self.set_deadline(id, self.now.saturating_add(self.config.heartbeat_timeout));
        let accepted = self.snapshot_for(id, version, true);
        self.send(session, ServerMessage::Accepted { request, accepted });
        self.event(Event::Back { member: id });
        // Where the transport does not stand yet, the client may have missed how to reach it.
        let member = &self.members[&id];
        if let (MediaState::Opening, Some(description)) = (member.media, member.media_answer.clone()) {
            self.send(session, ServerMessage::Media { description });
        }
    }

    /// Everything a member needs to know of the room, by user id and kind of stream.
    fn snapshot_for(&self, id: MemberId, version: Version, resumed: bool) -> Accepted {
        let others = || self.users.values().filter(|other| resumed || **other != id).map(|other| &self.members[other]);
        let members = others().filter(|m| m.id != id).map(|m| MemberInfo { user: m.user.clone(), name: m.name.clone() }).collect();
        let streams: Vec<_> = others().flat_map(|m| m.published.values()).map(|stream| self.streams[stream].info.clone()).collect();
        Accepted::Joined { member: id, user: None, version, role: self.members[&id].role, resumed, members, streams }
    }

    /// The member leaves of its own will.
    pub(super) fn leave(&mut self, id: MemberId) -> Accepted {
        self.end_stay(id, LeaveReason::LEFT, None);
        Accepted::Done
    }

    /// Ends a stay: withdraws what the member publishes, ends what it receives, tells the others, and the member itself if `tell` says what.
    pub(super) fn end_stay(&mut self, id: MemberId, reason: LeaveReason, tell: Option<Code>) {
        let own: Vec<_> = self.members[&id].published.values().copied().collect();
        for stream in own {
            self.withdraw(stream);
        }
        let received: Vec<_> = self.members[&id].subscriptions.keys().copied().collect();
        for stream in received {
            self.drop_subscription(id, stream);
        }
        let member = self.members.remove(&id).expect("only stays that go on are ended");
        self.users.remove(&member.user);
        self.replan.remove(&id);
        self.deadlines.remove(&(member.deadline, id));
        if let Some(until) = member.held_until {
            self.holds.remove(&(until, id));
        }
        if let Some(session) = member.presence.session() {
            self.sessions.remove(&session);
            if let Some(code) = tell {
                self.send(session, ServerMessage::Removed { code });
                self.outputs.push_back(Output::Close { session });
            }
        }
        if member.media != MediaState::Absent {
            self.media(MediaOutput::Close { member: id });
        }
        self.send_to_others(id, ServerMessage::PeerLeft { user: member.user.clone(), reason });
        self.event(Event::Left { member: id, user: member.user, reason });
    }

    /// A connection ended. Its member's place is kept for the reconnect window, and the others hear nothing of it.
    pub(super) fn disconnected(&mut self, session: SessionId, code: Code) {
        let Some(id) = self.sessions.remove(&session) else { return };
        let until = self.now.saturating_add(self.config.reconnect_window);
        self.members.get_mut(&id).expect("a connection has its member").presence = Presence::Away { until };
        self.set_deadline(id, until);
        self.event(Event::Away { member: id, code });
    }

    /// Something was heard of a member. Its deadline stays where it is and is moved when it falls due: a message costs no timer.
    pub(super) fn heard(&mut self, id: MemberId) {
        let now = self.now;
        if let Some(Presence::Here { last_heard, .. }) = self.members.get_mut(&id).map(|m| &mut m.presence) {
            *last_heard = now;
        }
    }

    /// A member's deadline is due: its connection fell silent, its absence was too long, or there was news meanwhile.
    pub(super) fn member_deadline(&mut self, id: MemberId) {
        match self.members[&id].presence {
            Presence::Here { session, last_heard } => {
                let due = last_heard.saturating_add(self.config.heartbeat_timeout);
                if due > self.now {
                    return self.set_deadline(id, due);
                }
                self.outputs.push_back(Output::Close { session });
                self.disconnected(session, Code::HEARTBEAT_LOST);
            }
            Presence::Away { .. } => self.end_stay(id, LeaveReason::CONNECTION_LOST, None),
        }
    }

    fn set_deadline(&mut self, id: MemberId, at: Instant) {
        let member = self.members.get_mut(&id).expect("only members have deadlines");
        let before = core::mem::replace(&mut member.deadline, at);
        self.deadlines.remove(&(before, id));
        self.deadlines.insert((at, id));
    }

    /// The member describes its media transport, for the first time or anew.
    pub(super) fn open_media(&mut self, id: MemberId, description: MediaDescription) -> Accepted {
        self.order_transport(id, description);
        Accepted::Done
    }

    fn order_transport(&mut self, id: MemberId, description: MediaDescription) {
        let member = self.members.get_mut(&id).expect("only members order transports");
        member.media = MediaState::Opening;
        member.media_answer = None;
        member.estimate_bps = None;
        member.bandwidth = Bandwidth::default();
        self.media(MediaOutput::Open { member: id, description });
        self.pause_all(id);
        self.attach_media(id);
    }

    /// Tells a fresh transport what it is to receive and to forward.
    fn attach_media(&mut self, id: MemberId) {
        let own: Vec<_> = self.members[&id].published.values().copied().collect();
        for stream in own {
            let stream = self.streams[&stream].info.clone();
            self.media(MediaOutput::Receive { member: id, stream });
        }
        let received: Vec<_> = self.members[&id].subscriptions.iter().map(|(s, sub)| (*s, sub.audio, sub.video.is_some())).collect();
        for (stream, audio, video) in received {
            self.media(MediaOutput::Forward { member: id, stream, audio, video });
        }
    }
}
