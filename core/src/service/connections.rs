//! The connections of a service: which room each leads to, what it may ask for, and when patience with it ends.

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Guard, Output, RoomKey, Service, guard::Shares};
use crate::{
    code::Code,
    id::{MemberId, SessionId, SourceId},
    room::{self, Recipients},
    time::Instant,
    wire::ServerMessage,
};

/// An open connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Connection {
    pub(super) source: SourceId,
    pub(super) shares: Shares,
    place: Place,
}

/// Where a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Nowhere yet, or nowhere any more.
    Outside {
        /// It is closed then.
        until: Instant,
    },
    /// To a user's stay in a room.
    Inside {
        /// The room.
        room: RoomKey,
        /// The stay.
        member: MemberId,
    },
}

impl Connection {
    /// The room it leads to, and the stay there.
    pub(super) fn seat(&self) -> Option<(&RoomKey, MemberId)> {
        match &self.place {
            Place::Outside { .. } => None,
            Place::Inside { room, member } => Some((room, *member)),
        }
    }
}

/// Open connections by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Connections {
    open: BTreeMap<SessionId, Connection>,
    /// When patience ends with those outside.
    outside: BTreeSet<(Instant, SessionId)>,
}

impl Connections {
    pub(super) fn get(&self, session: SessionId) -> Option<&Connection> {
        self.open.get(&session)
    }

    pub(super) fn get_mut(&mut self, session: SessionId) -> Option<&mut Connection> {
        self.open.get_mut(&session)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self, session: SessionId, source: SourceId, until: Instant) {
        self.open.insert(session, Connection { source, shares: Shares::default(), place: Place::Outside { until } });
        self.outside.insert((until, session));
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Connection> {
        let connection = self.open.remove(&session)?;
        if let Place::Outside { until } = connection.place {
            self.outside.remove(&(until, session));
        }
        Some(connection)
    }

    /// A connection leads to a stay from now on.
    pub(super) fn seat(&mut self, session: SessionId, room: RoomKey, member: MemberId) {
        let Some(connection) = self.open.get_mut(&session) else { return };
        if let Place::Outside { until } = core::mem::replace(&mut connection.place, Place::Inside { room, member }) {
            self.outside.remove(&(until, session));
        }
    }

    /// A connection leads nowhere any more.
    fn unseat(&mut self, session: SessionId, until: Instant) {
        let Some(connection) = self.open.get_mut(&session) else { return };
        if let Place::Inside { .. } = connection.place {
            connection.place = Place::Outside { until };
            self.outside.insert((until, session));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.outside.first().map(|(at, _)| *at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Connection)> {
        self.open.iter().map(|(session, connection)| (*session, connection))
    }

    pub(super) fn check_invariants(&self) {
        let outside = self.open.iter().filter_map(|(session, connection)| match connection.place {
            Place::Outside { until } => Some((until, *session)),
            Place::Inside { .. } => None,
        });
        assert_eq!(outside.collect::<BTreeSet<_>>(), self.outside, "connections outside and their timers differ");
    }
}

impl Service {
    /// A connection is open. Where there are too many, it is closed.
    pub(super) fn opened(&mut self, session: SessionId, source: SourceId) {
        if self.connections.len() >= self.config.connections_max {
            return self.outputs.push_back(Output::Close { session });
        }
        self.connections.open(session, source, self.patience());
    }

    /// A connection ended. The stay that it led to is kept for a while.
    pub(super) fn disconnected(&mut self, session: SessionId) {
        let Some(connection) = self.connections.remove(session) else { return };
        if let Some((room, _)) = connection.seat() {
            self.tell_room(room, room::Input::Disconnected { session });
        }
    }

    /// Closes a connection and says why. The stay that it led to is kept, as for one that was lost.
    pub(super) fn hang_up(&mut self, session: SessionId, code: Code) {
        if self.connections.get(session).is_none() {
            return;
        }
        self.send(session, ServerMessage::Closing { code });
        self.outputs.push_back(Output::Close { session });
        self.disconnected(session);
    }

    /// The first connection that has led nowhere for too long is closed. False: none has.
    pub(super) fn next_outside(&mut self) -> bool {
        match self.connections.outside.first() {
            Some(&(at, session)) if at.is_due(self.now) => {
                self.hang_up(session, Code::NOT_IN_ROOM);
                true
            }
            _ => false,
        }
    }

    /// Notes that a connection's stay has ended, if it has.
    pub(super) fn unseat(&mut self, session: SessionId) {
        let seated = self.seat(session).is_some_and(|(_, member)| member.presence.session() == Some(session));
        if !seated {
            self.connections.unseat(session, self.patience());
        }
    }

    /// Notes that a connection was refused for haste or for a bad key. Whoever goes on all the same is sent away.
    pub(super) fn strike(&mut self, session: SessionId, code: Code) {
        let now = self.now;
        if self.config.guard == Guard::Enforced
            && self.connections.get_mut(session).is_some_and(|connection| !connection.shares.forgive(now))
        {
            self.hang_up(session, code);
        }
    }

    pub(super) fn send(&mut self, session: SessionId, message: ServerMessage) {
        self.outputs.push_back(Output::Send { room: None, to: Recipients::Session(session), message });
    }

    fn patience(&self) -> Instant {
        match self.config.guard {
            Guard::Enforced => self.now.saturating_add(self.config.join_patience),
            Guard::Off => Instant::MAX,
        }
    }
}
