//! Roles, and removal by the application.

use alloc::vec::Vec;

use super::Room;
use crate::{
    code::Code,
    id::{MemberId, UserId},
    role::Role,
    wire::{Accepted, LeaveReason},
};

impl Room {
    /// A member takes another role. Stepping down withdraws its streams; what it receives stays; nobody is told of the role itself.
    pub(super) fn switch_role(&mut self, id: MemberId, role: Role) -> Accepted {
        let member = self.members.get_mut(&id).expect("the caller is a member");
        member.role = role;
        if !role.may_publish() {
            let own: Vec<_> = member.published.values().copied().collect();
            for stream in own {
                self.withdraw(stream);
            }
        }
        Accepted::Done
    }

    /// The application removes a user. A user who is not there is no error: removal asks for absence.
    pub(super) fn remove_user(&mut self, user: &UserId, reason: LeaveReason) {
        if let Some(id) = self.users.get(user).copied() {
            self.end_stay(id, reason, Some(Code::REMOVED));
        }
    }
}
