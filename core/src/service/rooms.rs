//! The rooms of a service: beginning, being told, saying, falling idle, ending.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::{Output, RoomKey, Service};
use crate::{
    id::{MemberId, SessionId, UserId},
    limits,
    member::Member,
    recent::Recent,
    room::{self, Numbers, Room},
    time::Instant,
};

/// A room, and what the service notes about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hosted {
    pub(super) room: Room,
    /// When the room wants to be called: its entry among the deadlines.
    pub(super) due: Option<Instant>,
    /// Until when it is kept though nobody is there.
    pub(super) idle_until: Option<Instant>,
    /// Whether anybody has ever entered.
    entered: bool,
}

/// Rooms by name, and when they want to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rooms {
    pub(super) hosted: BTreeMap<RoomKey, Hosted>,
    /// One deadline for each room that has any.
    pub(super) due: BTreeSet<(Instant, RoomKey)>,
    /// Until when each room without members is kept.
    pub(super) idle: BTreeSet<(Instant, RoomKey)>,
    /// Rooms that were dissolved and are gone: every stay there had a number below that.
    dissolved: Recent<RoomKey, u32, { limits::DISSOLVED_ROOMS }>,
    /// No room that is gone has given these numbers or later ones. The next room counts on from them: a client that is still on its way back to a stay in a room that is gone, and late
    /// news from the media plane, must not find another stay of that number in a room of the same name.
    numbers: Numbers,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { member: 1, stream: 1 }
    }
}

/// The number to count on from, after one room that would go on with `used` and others that came to `before`. After half of all numbers it starts over, so that a room always has as many
/// left; by then nobody comes back to the first ones any more.
const fn count_on(before: u32, used: u32) -> u32 {
    match (used > before, used > u32::MAX / 2) {
        (_, true) => 1,
        (true, false) => used,
        (false, false) => before,
    }
}

impl Rooms {
    pub(super) fn get(&self, key: &RoomKey) -> Option<&Room> {
        self.hosted.get(key).map(|hosted| &hosted.room)
    }

    /// Whether that stay was in a room that was dissolved lately.
    pub(super) fn was_dissolved(&self, key: &RoomKey, stay: MemberId) -> bool {
        self.dissolved.get(key).is_some_and(|below| stay.0 < *below)
    }

    /// How many dissolved rooms are remembered.
    pub(super) fn dissolved(&self) -> usize {
        self.dissolved.len()
    }

    /// Forgets what nobody comes back to any more.
    pub(super) fn forget(&mut self, now: Instant) {
        self.dissolved.forget(now);
    }

    fn remove(&mut self, key: &RoomKey) {
        let Some(hosted) = self.hosted.remove(key) else { return };
        let used = hosted.room.numbers();
        self.numbers = Numbers { member: count_on(self.numbers.member, used.member), stream: count_on(self.numbers.stream, used.stream) };
        if let Some(at) = hosted.due {
            self.due.remove(&(at, key.clone()));
        }
        if let Some(at) = hosted.idle_until {
            self.idle.remove(&(at, key.clone()));
        }
    }

    /// Brings the notes about a room up to date, or ends it. One that was dissolved is remembered for as long as its members may try to come back.
    fn settle(&mut self, now: Instant, key: &RoomKey, reconnect_window: Duration) {
        let Some(hosted) = self.hosted.get_mut(key) else { return };
        let empty = hosted.room.members().next().is_none();
        if empty && (hosted.room.is_dissolved() || !hosted.entered) {
            if hosted.room.is_dissolved() {
                self.dissolved.note(key.clone(), hosted.room.numbers().member, now.saturating_add(reconnect_window));
            }
            return self.remove(key);
        }
        let due = hosted.room.poll_timeout();
        let before = core::mem::replace(&mut hosted.due, due);
        let idle_until = empty.then(|| hosted.idle_until.unwrap_or_else(|| now.saturating_add(limits::ROOM_IDLE)));
        let idle_before = core::mem::replace(&mut hosted.idle_until, idle_until);
        move_entry(&mut self.due, key, before, due);
        move_entry(&mut self.idle, key, idle_before, idle_until);
    }
}

/// Moves a room's entry in a timetable.
fn move_entry(table: &mut BTreeSet<(Instant, RoomKey)>, key: &RoomKey, from: Option<Instant>, to: Option<Instant>) {
    if from == to {
        return;
    }
    if let Some(at) = from {
        table.remove(&(at, key.clone()));
    }
    if let Some(at) = to {
        table.insert((at, key.clone()));
    }
}

impl Service {
    /// The stay that a connection is good for, if its user is in a room.
    pub(super) fn seat(&self, session: SessionId) -> Option<(&RoomKey, &Member)> {
        let (key, member) = self.connections.get(session)?.seat()?;
        Some((key, self.rooms.get(key)?.member(member)?))
    }

    /// Begins a room, unless there is one of that name. An idle one makes place for it if need be. False: there is no place.
    pub(super) fn begin_room(&mut self, key: &RoomKey) -> bool {
        if self.rooms.hosted.contains_key(key) {
            return true;
        }
        let Some(app) = self.config.apps.get(&key.app) else { return false };
        if self.rooms.hosted.len() >= self.config.rooms_max {
            let Some((_, idle)) = self.rooms.idle.first().cloned() else { return false };
            self.rooms.remove(&idle);
        }
        let room = Room::new(self.now, self.config.room(app, key.room.clone())).numbered_from(self.rooms.numbers);
        let hosted = Hosted { room, due: None, idle_until: None, entered: false };
        self.rooms.hosted.insert(key.clone(), hosted);
        true
    }

    /// Tells a room something, and passes on what it says. False: there is no such room.
    pub(super) fn tell_room(&mut self, key: &RoomKey, input: room::Input) -> bool {
        self.tell_room_quietly(key, input, |_| false)
    }

    /// As [`tell_room`](Self::tell_room), but what is `silenced` is not passed on.
    pub(super) fn tell_room_quietly(&mut self, key: &RoomKey, input: room::Input, silenced: impl Fn(&room::Output) -> bool) -> bool {
        let Some(hosted) = self.rooms.hosted.get_mut(key) else { return false };
        hosted.room.handle_input(self.now, input).expect("a room is told no earlier time than the service");
        self.listen_to(key, silenced);
        true
    }

    /// The first room that is due is told the time. False: none is due.
    pub(super) fn next_room(&mut self) -> bool {
        let Some((at, key)) = self.rooms.due.first() else { return false };
        if !at.is_due(self.now) {
            return false;
        }
        let key = key.clone();
        let hosted = self.rooms.hosted.get_mut(&key).expect("deadlines end with their rooms");
        hosted.room.handle_timeout(self.now);
        self.listen_to(&key, |_| false);
        true
    }

    /// The first room that has been idle for long ends. False: none has.
    pub(super) fn next_idle(&mut self) -> bool {
        let Some((at, key)) = self.rooms.idle.first() else { return false };
        if !at.is_due(self.now) {
            return false;
        }
        let key = key.clone();
        self.rooms.remove(&key);
        true
    }

    /// Takes a room's outputs, notes what they mean for the service, and passes them on.
    fn listen_to(&mut self, key: &RoomKey, silenced: impl Fn(&room::Output) -> bool) {
        let Some(hosted) = self.rooms.hosted.get_mut(key) else { return };
        while let Some(output) = hosted.room.poll_output() {
            if silenced(&output) {
                continue;
            }
            self.outputs.push_back(match output {
                room::Output::Send { to, message } => Output::Send { room: Some(key.clone()), to, message },
                room::Output::Snapshot(snapshot) => Output::Snapshot { room: key.clone(), snapshot },
                room::Output::Media(order) => Output::Media { room: key.clone(), order },
                room::Output::Close { session } => {
                    self.connections.remove(session);
                    Output::Close { session }
                }
                room::Output::Event(event) => {
                    match &event {
                        room::Event::Joined { user, .. } => {
                            hosted.entered = true;
                            self.presences.entered(key, user);
                        }
                        room::Event::Left { user, .. } => self.presences.left(key, user),
                        _ => {}
                    }
                    Output::Event { room: key.clone(), event }
                }
            });
        }
        self.rooms.settle(self.now, key, self.config.room.reconnect_window);
    }

    /// Whether the user is a joiner in a room other than that one.
    pub(super) fn joins_elsewhere(&self, here: &RoomKey, user: &UserId) -> bool {
        self.presences.rooms(&here.app, user).iter().filter(|room| **room != here.room).any(|room| {
            let key = RoomKey { app: here.app.clone(), room: room.clone() };
            self.rooms.get(&key).and_then(|room| room.member_of(user)).is_some_and(|member| member.role.may_publish())
        })
    }

    /// Whether that is a stay of that user which goes on.
    pub(super) fn stays(&self, key: &RoomKey, user: &UserId, member: MemberId) -> bool {
        self.rooms.get(key).and_then(|room| room.member_of(user)).is_some_and(|stay| stay.id == member)
    }
}
