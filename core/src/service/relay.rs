//! Where users are: the rooms of one user at a time.
//!
//! Where a user id reaches through the app ([`UserScope::App`](super::UserScope::App)), a user may be in several rooms at once, which SparkRTC calls relaying (chapter 1.1): in one and in up to [`limits::RELAY_ROOMS`](crate::limits::RELAY_ROOMS) others, on a
//! connection for each, and in each as an ordinary member. So the streams of a joiner are seen where it is a joiner, and a player receives in every room. The reference wants
//! the joiner in one room only, and the text that says how to change rooms has it the wrong way round (C-04): whoever goes on stage elsewhere steps down first.
//!
//! What is kept here is which rooms, and it follows what rooms say of themselves ([`Event::Joined`](crate::room::Event::Joined), [`Event::Left`](crate::room::Event::Left)), however
//! a stay ends. Roles are not kept, because the rooms know them.

use alloc::collections::{BTreeMap, BTreeSet};

use super::RoomKey;
use crate::{
    auth::Credential,
    id::{AppId, RoomId, UserId},
};

/// The rooms that users are in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Presences(BTreeMap<(AppId, UserId), Presence>);

/// The rooms that one user is in; never none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Presence {
    rooms: BTreeSet<RoomId>,
    /// Where the service chose the user's id. That id in another room may be another person ([`UserScope::Room`](super::UserScope::Room)), or was asked for there.
    assigned: BTreeMap<RoomId, Assigned>,
}

/// The user's id was chosen by the service: what the user showed was made for nobody in particular, and it comes back by showing the same again. Anything else of that kind may be
/// somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Assigned {
    /// What was shown.
    pub(super) shown: Option<Credential>,
}

impl Presences {
    /// The rooms that the user is in.
    pub(super) fn rooms(&self, app: &AppId, user: &UserId) -> &BTreeSet<RoomId> {
        static NONE: BTreeSet<RoomId> = BTreeSet::new();
        self.get(app, user).map_or(&NONE, |presence| &presence.rooms)
    }

    /// Whether the user's id was chosen by the service when it entered that room, and what the user showed then.
    pub(super) fn assigned(&self, room: &RoomKey, user: &UserId) -> Option<&Assigned> {
        self.get(&room.app, user)?.assigned.get(&room.room)
    }

    /// Notes what a user whose id was chosen has shown last.
    pub(super) fn assign(&mut self, room: &RoomKey, user: &UserId, shown: Option<Credential>) {
        if let Some(presence) = self.0.get_mut(&(room.app.clone(), user.clone())) {
            presence.assigned.insert(room.room.clone(), Assigned { shown });
        }
    }

    /// A user entered a room.
    pub(super) fn entered(&mut self, room: &RoomKey, user: &UserId) {
        let presence = self.0.entry((room.app.clone(), user.clone())).or_default();
        presence.rooms.insert(room.room.clone());
    }

    /// A user's stay in a room ended.
    pub(super) fn left(&mut self, room: &RoomKey, user: &UserId) {
        let key = (room.app.clone(), user.clone());
        let Some(presence) = self.0.get_mut(&key) else { return };
        presence.rooms.remove(&room.room);
        presence.assigned.remove(&room.room);
        if presence.rooms.is_empty() {
            self.0.remove(&key);
        }
    }

    /// How many users are anywhere.
    pub(super) fn users(&self) -> usize {
        self.0.len()
    }

    /// Every user and the rooms it is in.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&AppId, &UserId, &BTreeSet<RoomId>)> {
        self.0.iter().map(|((app, user), presence)| (app, user, &presence.rooms))
    }

    fn get(&self, app: &AppId, user: &UserId) -> Option<&Presence> {
        self.0.get(&(app.clone(), user.clone()))
    }
}
