//! What must hold between any two calls, whatever happened.

use alloc::collections::BTreeSet;

use super::{RoomKey, Service, UserScope};
use crate::{id::RoomId, limits, member::Presence};

impl Service {
    /// Panics where the service's books do not agree with each other or with its rooms, which would be our bug. Costs a walk through everything, so only debug builds do it.
    pub(super) fn check_invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        self.connections.check_invariants();
        self.failures.check_invariants();
        assert!(self.connections.len() <= self.config.connections_max, "too many connections");
        assert!(self.rooms.hosted.len() <= self.config.rooms_max, "too many rooms");
        assert!(self.rooms.dissolved() <= limits::DISSOLVED_ROOMS, "too many rooms are remembered");

        let mut stays = BTreeSet::new();
        for (key, hosted) in &self.rooms.hosted {
            let due = hosted.due.is_none_or(|at| self.rooms.due.contains(&(at, key.clone())));
            assert!(due && hosted.due == hosted.room.poll_timeout(), "{key}: its deadline is another");
            let empty = hosted.room.members().next().is_none();
            assert_eq!(empty, hosted.idle_until.is_some(), "{key}: idle with members, or without members and not idle");
            assert!(hosted.idle_until.is_none_or(|at| self.rooms.idle.contains(&(at, key.clone()))), "{key}: its end is another");
            for member in hosted.room.members() {
                stays.insert((&key.app, &member.user, &key.room));
                if let Presence::Here { session, .. } = member.presence {
                    let seat = self.connections.get(session).and_then(|connection| connection.seat());
                    assert_eq!(seat, Some((key, member.id)), "{session} leads elsewhere than to {} of {key}", member.id);
                }
            }
        }
        assert_eq!(self.rooms.due.len(), self.rooms.hosted.values().filter(|hosted| hosted.due.is_some()).count(), "a deadline of no room");
        assert_eq!(
            self.rooms.idle.len(),
            self.rooms.hosted.values().filter(|hosted| hosted.idle_until.is_some()).count(),
            "an end of no room"
        );

        let mut present = BTreeSet::new();
        for (app, user, rooms) in self.presences.iter() {
            assert!(!rooms.is_empty(), "{user} of {app} is nowhere");
            present.extend(rooms.iter().map(|room| (app, user, room)));
            if self.config.apps[app].users == UserScope::Room {
                continue; // in each room it is another person
            }
            assert!(rooms.len() <= 1 + self.config.relay_rooms, "{user} of {app} is in {} rooms", rooms.len());
            let joins = |room: &&RoomId| {
                let key = RoomKey { app: app.clone(), room: (*room).clone() };
                self.rooms.get(&key).and_then(|room| room.member_of(user)).is_some_and(|member| member.role.may_publish())
            };
            // Where ids reach no further than a room, one id in two rooms is two users.
            if self.config.apps.get(app).is_some_and(|app| app.users == UserScope::App) {
                assert!(rooms.len() <= 1 + self.config.relay_rooms, "{user} of {app} is in {} rooms", rooms.len());
                assert!(rooms.iter().filter(joins).count() <= 1, "{user} of {app} is a joiner in two rooms");
            }
        }
        assert_eq!(present, stays, "users are elsewhere than their stays");

        for (session, connection) in self.connections.iter() {
            let Some((key, id)) = connection.seat() else { continue };
            let member = self.rooms.get(key).and_then(|room| room.member(id));
            assert_eq!(member.and_then(|member| member.presence.session()), Some(session), "{session} leads to a stay that is not its own");
        }
    }
}
