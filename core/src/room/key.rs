//! Keys: they expire, are found invalid, and are renewed.
//!
//! A key that is good no longer does not end a stay at once: the member is told and has [`Config::key_grace`](super::Config::key_grace) to bring another
//! one that was found invalid is not mended by coming back with it. Without one the stay ends with [`LeaveReason::KEY_EXPIRED`].

use super::{Event, Room};
use crate::{
    code::Code,
    id::{MemberId, RequestId, SessionId, UserId},
    member::Key,
    time::Instant,
    wire::{Accepted, LeaveReason, ServerMessage},
};

impl Room {
    /// A member's new key takes the place of the one before. One that has expired already does not.
    pub(super) fn renewed(&mut self, session: SessionId, request: RequestId, key_until: Option<Instant>) {
        let Some(id) = self.sessions.get(&session).copied().filter(|_| !self.dissolved) else {
            return self.refuse(session, request, Code::NOT_IN_ROOM);
        };
        self.heard(id);
        if key_until.is_some_and(|until| until < self.now) {
            return self.refuse(session, request, Code::KEY_EXPIRED);
        }
        self.set_key(id, Key::good(key_until));
        self.send(session, ServerMessage::Accepted { request, accepted: Accepted::Done });
    }

    /// A user's key was found not to be valid after all.
    pub(super) fn key_invalid(&mut self, user: &UserId) {
        if let Some(id) = self.users.get(user).copied() {
            self.refuse_key(id, Code::KEY_INVALID);
        }
    }

    /// A key has expired, or patience with one that was refused is over.
    pub(super) fn key_deadline(&mut self, id: MemberId) {
        match self.members[&id].key {
            Key::Good { .. } => self.refuse_key(id, Code::KEY_EXPIRED),
            Key::Refused { code, .. } => self.end_stay(id, LeaveReason::KEY_EXPIRED, Some(code)),
            Key::Endless => unreachable!("what has no end has no deadline"),
        }
    }

    /// Tells a member that its key is good no longer, once for each reason there is. Patience is not begun anew.
    fn refuse_key(&mut self, id: MemberId, code: Code) {
        let until = match self.members[&id].key {
            Key::Refused { code: before, .. } if before == code => return,
            Key::Refused { until, .. } => until,
            Key::Endless | Key::Good { .. } => self.now.saturating_add(self.config.key_grace),
        };
        self.set_key(id, Key::Refused { code, until });
        self.tell_of_refused_key(id);
        self.event(Event::KeyRefused { member: id, code });
        if self.config.key_grace.is_zero() {
            self.end_stay(id, LeaveReason::KEY_EXPIRED, Some(code));
        }
    }

    /// Whether that is the user's stay, and goes on for a while though its key is good no longer.
    pub(crate) fn grace_runs(&self, stay: MemberId, user: &UserId) -> bool {
        let member = self.members.get(&stay).filter(|member| member.user == *user);
        member.is_some_and(|member| match member.key {
            Key::Endless => false,
            Key::Good { until } => until < self.now, // it is about to be told
            Key::Refused { .. } => true,
        })
    }

    /// A member who is away hears of it when it comes back, and so does one who has been told: the connection that is gone may have taken the message with it.
    pub(super) fn tell_of_refused_key(&mut self, id: MemberId) {
        let member = &self.members[&id];
        if let (Key::Refused { code, .. }, Some(session)) = (member.key, member.presence.session()) {
            self.send(session, ServerMessage::KeyRefused { code });
        }
    }

    pub(super) fn set_key(&mut self, id: MemberId, key: Key) {
        let member = self.members.get_mut(&id).expect("only members have keys");
        let before = core::mem::replace(&mut member.key, key);
        if let Some(at) = before.deadline() {
            self.keys.remove(&(at, id));
        }
        if let Some(at) = key.deadline() {
            self.keys.insert((at, id));
        }
    }
}
