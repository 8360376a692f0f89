//! Where a session is in its life, with what it needs there and nowhere else.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    CallId, Config, ConnectionId, ConnectionState, JoinCall,
    connect::Dial,
    reconnect::{Attempt, Away},
    room_view::RoomView,
};
use crate::{id::RequestId, limits, time::Instant, wire::ClientMessage};

/// Where the session is. Every call that waits for its answer stands in the phase that answers it, so that leaving a phase cannot forget one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Idle,
    /// The first connection is being made.
    Connecting {
        dial: Dial,
        call: CallId,
        join: JoinCall,
    },
    /// The join is on its way.
    Joining {
        connection: ConnectionId,
        request: RequestId,
        call: CallId,
        join: JoinCall,
        until: Instant,
    },
    /// In the room.
    Joined {
        link: Link,
        view: RoomView,
    },
    /// In the room, as far as the session knows; the connection is being restored.
    Reconnecting {
        attempt: Attempt,
        view: RoomView,
        away: Away,
    },
    /// The leave is on its way.
    Leaving {
        connection: ConnectionId,
        request: RequestId,
        call: CallId,
        until: Instant,
    },
}

/// A connection that stands, in a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) connection: ConnectionId,
    pub(super) last_heard: Instant,
    pub(super) next_ping: Instant,
    /// Requests that wait for their answers.
    pub(super) open: BTreeMap<RequestId, OpenRequest>,
    /// Requests whose calls have failed for want of an answer. The server may have granted them all the same; the newest are kept in mind, in case that it says so.
    late: BTreeMap<RequestId, ClientMessage>,
}

/// A request that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OpenRequest {
    pub(super) call: CallId,
    pub(super) until: Instant,
    /// What the view takes on, once it is granted.
    pub(super) asked: ClientMessage,
}

/// Whose answer has come.
pub(super) enum Answered {
    /// A call's that waits for it.
    InTime(OpenRequest),
    /// A call's that has failed meanwhile.
    Late(ClientMessage),
    /// Nobody's: nothing was asked, or so long ago that it is forgotten.
    Nobodys,
}

impl Phase {
    pub(super) fn state(&self) -> ConnectionState {
        match self {
            Self::Idle => ConnectionState::Disconnected,
            // Connected is who was let in: a link that stands, and a credential that is good.
            Self::Connecting { .. } | Self::Joining { .. } => ConnectionState::Connecting,
            Self::Joined { .. } | Self::Leaving { .. } => ConnectionState::Connected,
            Self::Reconnecting { .. } => ConnectionState::Reconnecting,
        }
    }

    /// The connection that is used or being made.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Idle => None,
            Self::Connecting { dial, .. } => dial.connection(),
            Self::Joining { connection, .. } | Self::Leaving { connection, .. } => Some(*connection),
            Self::Joined { link, .. } => Some(link.connection),
            Self::Reconnecting { attempt, .. } => attempt.connection(),
        }
    }

    /// The connection on which the server may have let the session in, without the application's being told.
    pub(super) fn joining_on(&self) -> Option<ConnectionId> {
        match self {
            Self::Joining { connection, .. } => Some(*connection),
            Self::Reconnecting { attempt, .. } => attempt.joining_on(),
            Self::Idle | Self::Connecting { .. } | Self::Joined { .. } | Self::Leaving { .. } => None,
        }
    }

    pub(super) fn view(&self) -> Option<&RoomView> {
        match self {
            Self::Joined { view, .. } | Self::Reconnecting { view, .. } => Some(view),
            Self::Idle | Self::Connecting { .. } | Self::Joining { .. } | Self::Leaving { .. } => None,
        }
    }

    pub(super) fn deadline(&self, config: &Config) -> Option<Instant> {
        match self {
            Self::Idle => None,
            Self::Connecting { dial, .. } => Some(dial.deadline()),
            Self::Joining { until, .. } | Self::Leaving { until, .. } => Some(*until),
            Self::Joined { link, .. } => {
                let silence = link.last_heard.saturating_add(config.heartbeat_timeout);
                let answer = link.open.values().map(|request| request.until).min();
                [Some(link.next_ping), Some(silence), answer].into_iter().flatten().min()
            }
            Self::Reconnecting { attempt, away, .. } => [Some(attempt.deadline()), away.deadline()].into_iter().flatten().min(),
        }
    }
}

impl Link {
    /// A connection that has just been let into the room.
    pub(super) fn new(now: Instant, connection: ConnectionId, config: &Config) -> Self {
        let next_ping = now.saturating_add(config.heartbeat_interval);
        Self { connection, last_heard: now, next_ping, open: BTreeMap::new(), late: BTreeMap::new() }
    }

    /// Takes out the requests that went without an answer for too long, and tells whose they were.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<CallId> {
        let mut overdue = Vec::new();
        let late = &mut self.late;
        self.open.retain(|id, request| {
            let due = request.until.is_due(now);
            if due {
                overdue.push(request.call);
                late.insert(*id, request.asked.clone());
            }
            !due
        });
        while self.late.len() > limits::OPEN_REQUESTS {
            self.late.pop_first();
        }
        overdue
    }

    /// Takes out the request of that number.
    pub(super) fn take(&mut self, request: RequestId) -> Answered {
        match (self.open.remove(&request), self.late.remove(&request)) {
            (Some(open), _) => Answered::InTime(open),
            (None, Some(asked)) => Answered::Late(asked),
            (None, None) => Answered::Nobodys,
        }
    }

    /// The calls that wait for their answers, in the order of asking.
    pub(super) fn calls(&self) -> Vec<CallId> {
        self.open.values().map(|request| request.call).collect()
    }
}
