//! Entering, coming back, and leaving.

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use super::{Admission, Duplicates, Ended, Event, MediaOutput, Output, Room, Snapshot};
use crate::{
    code::{Code, Retry},
    id::{MemberId, RequestId, SessionId, UserId},
    limits,
    member::{Bandwidth, Key, MediaState, Member, Presence},
    select::Pace,
    time::Instant,
    wire::{Accepted, ClientMessage, LeaveReason, MediaDescription, MemberInfo, ServerMessage, Version, Versions},
};

/// The span in which [`limits::TAKEOVERS_PER_MINUTE`] are counted.
const MINUTE: Duration = Duration::from_secs(60);

impl Room {
    /// A join that comes as a message is an admission without a key. It must say who enters: to find a free id is a service's business.
    pub(super) fn join(&mut self, session: SessionId, request: RequestId, message: ClientMessage) {
        let ClientMessage::Join { versions, room, user, name, role, resumes, media, audio_mode, .. } = message else {
            unreachable!("only joins come here");
        };
        let Some(user) = user.filter(|_| room == self.config.id) else {
            return self.refuse(session, request, Code::BAD_REQUEST);
        };
        let admission = Admission { versions, user, assigned: false, name, role, resumes, media, audio_mode, key_until: None };
        self.let_in(session, request, admission, None);
    }

    /// Lets a user in whose credential was checked.
    pub(super) fn admit(&mut self, session: SessionId, request: RequestId, admission: Admission) {
        let key = Key::good(admission.key_until);
        self.let_in(session, request, admission, Some(key));
    }

    /// Lets a user in, as a newcomer or back; without a key, what is known of an earlier one stays. A newcomer's join is checked in full before a stay of the same user is
    /// ended: one that is refused moves nobody.
    fn let_in(&mut self, session: SessionId, request: RequestId, admission: Admission, key: Option<Key>) {
        let result = self.may_enter(session, &admission).and_then(|version| {
            let sitting = self.users.get(&admission.user).copied();
            match admission.resumes {
                Some(stay) if sitting == Some(stay) => {
                    self.come_back(session, request, stay, &admission, version, key);
                    Ok(())
                }
                Some(stay) => Err(self.what_became_of(stay, &admission.user)),
                None => self.newcomer(session, request, sitting, admission, version, key),
            }
        });
        if let Err(code) = result {
            self.refuse(session, request, code);
        }
    }

    /// What whoever comes back to a stay is told that is not the user's any more.
    fn what_became_of(&self, stay: MemberId, user: &UserId) -> Code {
        self.ended.get(&stay).filter(|ended| ended.user == *user).map_or(Code::SESSION_GONE, |ended| ended.code)
    }

    /// What must hold of every join. Returns the version of the protocol that both sides speak.
    fn may_enter(&self, session: SessionId, admission: &Admission) -> Result<Version, Code> {
        if self.dissolved {
            return Err(Code::DISSOLVED);
        }
        if self.sessions.contains_key(&session) {
            return Err(Code::ALREADY_IN_ROOM);
        }
        let version = admission.versions.agree(Versions::SUPPORTED).ok_or(Code::BAD_REQUEST)?;
        let in_grace = || admission.resumes.is_some_and(|stay| self.grace_runs(stay, &admission.user));
        if admission.key_until.is_some_and(|until| until < self.now) && !in_grace() {
            return Err(Code::KEY_EXPIRED);
        }
        Ok(version)
    }

    fn newcomer(
        &mut self,
        session: SessionId,
        request: RequestId,
        sitting: Option<MemberId>,
        admission: Admission,
        version: Version,
        key: Option<Key>,
    ) -> Result<(), Code> {
        if sitting.is_none() && self.members.len() >= self.config.members_max {
            return Err(Code::ROOM_FULL);
        }
        let takeovers = sitting.map_or(Ok(Vec::new()), |member| self.may_take_over(member))?;
        let next = self.next_member.checked_add(1).ok_or(Code::INTERNAL)?;
        let id = MemberId(core::mem::replace(&mut self.next_member, next));
        if let Some(member) = sitting {
            self.end_stay(member, LeaveReason::REPLACED, Some(Code::REPLACED));
        }
        self.enter(session, request, id, admission, version);
        self.members.get_mut(&id).expect("it has just entered").takeovers = takeovers;
        self.set_key(id, key.unwrap_or(Key::Endless));
        Ok(())
    }

    /// Whether a newcomer may take the place of a stay. Returns when the user's sessions have displaced each other within the last minute, this time included. To take the
    /// place of a stay whose connection is gone displaces nobody, and is not counted.
    fn may_take_over(&self, sitting: MemberId) -> Result<Vec<Instant>, Code> {
        match self.config.duplicates {
            Duplicates::OldestStays => return Err(Code::USER_PRESENT), // R-073; a place that is kept is taken
            Duplicates::NewestStays => {}
        }
        let sitting = &self.members[&sitting];
        let mut takeovers: Vec<Instant> = sitting.takeovers.iter().copied().filter(|at| self.now.saturating_since(*at) < MINUTE).collect();
        if sitting.presence.session().is_some() {
            if takeovers.len() >= limits::TAKEOVERS_PER_MINUTE {
                return Err(Code::TOO_MANY_TAKEOVERS);
            }
            takeovers.push(self.now);
        }
        Ok(takeovers)
    }

    fn enter(&mut self, session: SessionId, request: RequestId, id: MemberId, admission: Admission, version: Version) {
        let Admission { user, assigned, name, role, media, audio_mode, .. } = admission;
        self.members.insert(
            id,
            Member {
                id,
                user: user.clone(),
                name: name.clone(),
                role,
                audio_mode,
                presence: Presence::Here { session, last_heard: self.now },
                deadline: self.now,
                key: Key::Endless,
                takeovers: Vec::new(),
                media: MediaState::Absent,
                media_answer: None,
                published: BTreeMap::new(),
                subscriptions: BTreeMap::new(),
                estimate_bps: None,
                pace: Pace::new(&self.config.policy, self.config.start_estimate_bps),
                replan_at: None,
                cap: None,
                bandwidth: Bandwidth::default(),
            },
        );
        self.users.insert(user.clone(), id);
        self.sessions.insert(session, id);
        self.set_deadline(id, self.now.saturating_add(self.config.heartbeat_timeout));

        let assigned = assigned.then(|| user.clone());
        self.outputs.push_back(Output::Snapshot(Snapshot { session, request, member: id, user: assigned, version, role, resumed: false }));
        self.begin_to_listen(id, session);
        if self.shows(role) {
            self.send_to_others(id, ServerMessage::PeerJoined { user: user.clone(), name });
        }
        self.event(Event::Joined { member: id, user, role });
        if let Some(description) = media {
            self.order_transport(id, description);
        }
    }

    fn come_back(
        &mut self,
        session: SessionId,
        request: RequestId,
        id: MemberId,
        admission: &Admission,
        version: Version,
        key: Option<Key>,
    ) {
        let member = self.members.get_mut(&id).expect("the room knows every user's stay");
        let before = core::mem::replace(&mut member.presence, Presence::Here { session, last_heard: self.now });
        let (role, user) = (member.role, admission.assigned.then(|| member.user.clone()));
        self.sessions.insert(session, id);
        if let Some(old) = before.session() {
            // The client gave this connection up before the room noticed.
            self.sessions.remove(&old);
            self.outputs.push_back(Output::Close { session: old });
        }
        self.set_deadline(id, self.now.saturating_add(self.config.heartbeat_timeout));
        // What is shown on coming back is what was shown before. If that was found invalid although it looks good, it is no better now: a renewal is asked for. One that has ended
        // was let in because the grace runs, and begins no other.
        let invalid = matches!(self.members[&id].key, Key::Refused { code: Code::KEY_INVALID, .. });
        if let Some(key) = key.filter(|key| !invalid && key.deadline().is_none_or(|at| at > self.now)) {
            self.set_key(id, key);
        }
        self.outputs.push_back(Output::Snapshot(Snapshot { session, request, member: id, user, version, role, resumed: true }));
        self.event(Event::Back { member: id });
        self.begin_to_listen(id, session);
        // What the lost connection may have taken with it, and the snapshot does not tell.
        let member = &self.members[&id];
        if let (MediaState::Opening, Some(description)) = (member.media, member.media_answer.clone()) {
            self.send(session, ServerMessage::Media { description });
        }
        let own: Vec<_> = self.members[&id].published.values().copied().collect();
        for stream in own {
            self.tell_video_needed(stream);
        }
        self.tell_of_refused_key(id);
    }

    /// Writes the answer to a join: everything a member needs to know of the room as it is now, by user id and kind of stream.
    pub fn snapshot(&self, snapshot: &Snapshot) -> ServerMessage {
        let &Snapshot { request, member: id, ref user, version, role, resumed, .. } = snapshot;
        let everyone = || self.users.values().map(|other| &self.members[other]);
        let others = everyone().filter(|m| m.id != id && self.shows(m.role));
        let members = others.map(|m| MemberInfo { user: m.user.clone(), name: m.name.clone() }).collect();
        let publishers = everyone().filter(|m| resumed || m.id != id);
        let streams = publishers.flat_map(|m| m.published.values()).map(|stream| self.streams[stream].info.clone()).collect();
        ServerMessage::Accepted {
            request,
            accepted: Accepted::Joined { member: id, user: user.clone(), version, role, resumed, members, streams },
        }
    }

    /// The member leaves of its own will.
    pub(super) fn leave(&mut self, id: MemberId) -> Accepted {
        self.end_stay(id, LeaveReason::LEFT, None);
        Accepted::Done
    }

    /// Ends a stay: withdraws what the member publishes, ends what it receives, tells the others, and the member itself if `tell` says what. The end of a probe is told to
    /// nobody; its connection is closed all the same.
    pub(super) fn end_stay(&mut self, id: MemberId, reason: LeaveReason, tell: Option<Code>) {
        let own: Vec<_> = self.members[&id].published.values().copied().collect();
        for stream in own {
            self.withdraw(stream);
        }
        let received: Vec<_> = self.members[&id].subscriptions.keys().copied().collect();
        for stream in received {
            self.drop_subscription(id, stream);
        }
        self.listen_no_longer(id);
        let member = self.members.remove(&id).expect("only stays that go on are ended");
        self.users.remove(&member.user);
        if self.members.is_empty() {
            self.dissolve_at = None;
        }
        self.replan.remove(&id);
        self.deadlines.remove(&(member.deadline, id));
        if let Some(at) = member.replan_at {
            self.replans.remove(&(at, id));
        }
        if let Some(at) = member.key.deadline() {
            self.keys.remove(&(at, id));
        }
        // Whoever is away hears of it on return; and so does whoever is told, because the connection may be gone without anyone having noticed. Where to enter anew would mend it, to be
        // told that the stay is gone does.
        if let Some(code) = tell.filter(|code| code.retry() == Retry::Never && !self.dissolved) {
            self.ended.note(id, Ended { user: member.user.clone(), code }, self.now.saturating_add(self.config.reconnect_window));
        }
        if let Some(session) = member.presence.session() {
            self.sessions.remove(&session);
            if let Some(code) = tell {
                self.send(session, ServerMessage::Removed { code });
            }
            if reason != LeaveReason::LEFT {
                self.outputs.push_back(Output::Close { session });
            }
        }
        if member.media != MediaState::Absent {
            self.media(MediaOutput::Close { member: id });
        }
        if reason != LeaveReason::PROBE && self.shows(member.role) {
            self.send_to_others(id, ServerMessage::PeerLeft { user: member.user.clone(), reason });
        }
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
        member.pace = Pace::new(&self.config.policy, self.config.start_estimate_bps);
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
        self.attach_listener(id);
    }
}
