//! Roles and names, removal by the application, and the end of a room.

use alloc::vec::Vec;

use super::Room;
use crate::{
    code::Code,
    id::{MemberId, UserId, UserName},
    role::Role,
    wire::{Accepted, LeaveReason, ServerMessage},
};

impl Room {
    /// A member takes another role. Stepping down withdraws its streams; what it receives stays. Nobody is told of the role itself; only where
    /// players are hidden does a member appear to the others by taking the stage, and leave them by leaving it.
    pub(super) fn switch_role(&mut self, id: MemberId, role: Role) -> Accepted {
        let member = self.members.get_mut(&id).expect("the caller is a member");
        if member.role == role {
            return Accepted::Done;
        }
        let before = core::mem::replace(&mut member.role, role);
        let (user, name) = (member.user.clone(), member.name.clone());
        if !role.may_publish() {
            let own: Vec<_> = member.published.values().copied().collect();
            for stream in own {
                self.withdraw(stream);
            }
        }
        match (self.shows(before), self.shows(role)) {
            (false, true) => self.send_to_others(id, ServerMessage::PeerJoined { user, name }),
            (true, false) => self.send_to_others(id, ServerMessage::PeerLeft { user, reason: LeaveReason::LEFT }),
            (true, true) | (false, false) => {}
        }
        Accepted::Done
    }

    /// Whether others are told of members of that role.
    pub(super) fn shows(&self, role: Role) -> bool {
        !self.config.hide_players || role.may_publish()
    }

    /// A member takes another name. The others hear of a joiner's; a player's they learn when they enter.
    pub(super) fn rename(&mut self, id: MemberId, name: Option<UserName>) -> Accepted {
        let member = self.members.get_mut(&id).expect("the caller is a member");
        if member.name != name {
            member.name.clone_from(&name);
            if member.role.may_publish() {
                let user = member.user.clone();
                self.send_to_others(id, ServerMessage::PeerRenamed { user, name });
            }
        }
        Accepted::Done
    }

    /// The application removes a user, or a fault does.
    pub(super) fn remove_user(&mut self, user: &UserId, reason: LeaveReason) {
        if let Some(id) = self.users.get(user).copied() {
            self.end_stay(id, reason, code_of(reason));
        }
    }

    /// Everyone is to be sent away. That takes a few outputs for each, so it is done in batches, the first of them at once.
    pub(super) fn dissolve(&mut self) {
        if !self.dissolved {
            self.dissolved = true;
            self.replan.clear();
            self.replan_at = None;
            self.listening.clear();
            self.dissolve_at = (!self.members.is_empty()).then_some(self.now);
            if self.rest_until <= self.now {
                self.work_off();
            }
        }
    }

    /// Sends the next one away.
    pub(super) fn dissolve_next(&mut self) {
        if let Some((&id, _)) = self.members.first_key_value() {
            self.end_stay(id, LeaveReason::DISSOLVED, Some(Code::DISSOLVED));
        }
    }
}

/// What a member is told whose stay ends for that reason: nothing of a probe of the server's own.
fn code_of(reason: LeaveReason) -> Option<Code> {
    match reason {
        LeaveReason::SERVER_EXCEPTION | LeaveReason::MEDIA_FAULT | LeaveReason::UNREACHABLE | LeaveReason::INTERNAL => Some(Code::INTERNAL),
        LeaveReason::REPLACED => Some(Code::REPLACED),
        LeaveReason::KEY_EXPIRED => Some(Code::KEY_EXPIRED),
        LeaveReason::CONNECTION_LOST => Some(Code::RECONNECT_TIMEOUT),
        LeaveReason::PROBE => None,
        LeaveReason::DISSOLVED => Some(Code::DISSOLVED),
        _ => Some(Code::REMOVED),
    }
}
