//! What the application's own server may ask for.

use super::{Output, RoomKey, Service};
use crate::{code::Code, id::UserId, room, wire::LeaveReason};

/// A call of the application's server, numbered by the application; its answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// What the application's server can ask for. A room that is not there is [`Code::NO_SUCH_ROOM`], a user who is not in it [`Code::NO_SUCH_USER`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerCall {
    /// Send everyone away. The room is over; a join after that begins another.
    DissolveRoom {
        /// Which room.
        room: RoomKey,
    },
    /// Send a user away.
    RemoveUser {
        /// From which room.
        room: RoomKey,
        /// Whom.
        user: UserId,
    },
    /// Let nobody publish until further notice.
    PauseRoom {
        /// Where.
        room: RoomKey,
    },
    /// Let publish again.
    ResumeRoom {
        /// Where.
        room: RoomKey,
    },
    /// Send a user away because of a fault, of which the others are told.
    Fault {
        /// From which room.
        room: RoomKey,
        /// Whom.
        user: UserId,
        /// What is at fault.
        reason: LeaveReason,
    },
    /// A user's credential was found not to be valid after all.
    KeyInvalid {
        /// In which room.
        room: RoomKey,
        /// Whose.
        user: UserId,
    },
}

impl ServerCall {
    /// The room that it is about, the user if it is about one, and what the room is to be told.
    fn into_parts(self) -> (RoomKey, Option<UserId>, room::Input) {
        match self {
            Self::DissolveRoom { room } => (room, None, room::Input::Dissolve),
            Self::RemoveUser { room, user } => (room, Some(user.clone()), room::Input::Remove { user, reason: LeaveReason::REMOVED }),
            Self::PauseRoom { room } => (room, None, room::Input::Pause { paused: true }),
            Self::ResumeRoom { room } => (room, None, room::Input::Pause { paused: false }),
            Self::Fault { room, user, reason } => (room, Some(user.clone()), room::Input::Remove { user, reason }),
            Self::KeyInvalid { room, user } => (room, Some(user.clone()), room::Input::KeyInvalid { user }),
        }
    }
}

impl Service {
    /// Does what a call asks for, and answers it.
    pub(super) fn handle_call(&mut self, id: CallId, call: ServerCall) {
        let result = self.call(call);
        self.outputs.push_back(Output::ServerAnswer { id, result });
    }

    fn call(&mut self, call: ServerCall) -> Result<(), Code> {
        let (key, user, input) = call.into_parts();
        let room = self.rooms.get(&key).ok_or(Code::NO_SUCH_ROOM)?;
        let session = match user {
            Some(user) => room.member_of(&user).ok_or(Code::NO_SUCH_USER)?.presence.session(),
            None => None,
        };
        self.tell_room(&key, input);
        if let Some(session) = session {
            self.unseat(session); // where its connection is not closed with the stay
        }
        Ok(())
    }
}
