//! Where a session is in its life, with what it needs there and nowhere else.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{CallId, Config, ConnectionId, ConnectionState, JoinCall, reconnect::Attempt, room_view::RoomView};
use crate::{
    id::{RequestId, StreamId},
    role::Role,
    stream::StreamOffer,
    time::Instant,
};

/// Where the session is. Every call that waits for its answer stands in the phase that answers it, so that leaving a phase cannot forget one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Idle,
    /// The first connection is being made.
    Connecting {
        connection: ConnectionId,
        call: CallId,
        join: JoinCall,
        until: Instant,
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
    /// In the room, as far as the server knows; the connection is being restored.
    Reconnecting {
        attempt: Attempt,
        view: RoomView,
        lost_at: Instant,
        until: Instant,
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
}

/// A request that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OpenRequest {
    pub(super) call: CallId,
    pub(super) until: Instant,
    pub(super) purpose: Purpose,
}

/// What the session's view of the room takes from a request, once it is granted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    Publish(StreamOffer),
    Unpublish(StreamId),
    SwitchRole(Role),
    Other,
}

impl Phase {
    pub(super) fn state(&self) -> ConnectionState {
        match self {
            Self::Idle => ConnectionState::Disconnected,
            Self::Connecting { .. } => ConnectionState::Connecting,
            Self::Joining { .. } | Self::Joined { .. } | Self::Leaving { .. } => ConnectionState::Connected,
            Self::Reconnecting { .. } => ConnectionState::Reconnecting,
        }
    }

    /// The connection that is used or being made.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Idle => None,
            Self::Connecting { connection, .. } | Self::Joining { connection, .. } | Self::Leaving { connection, .. } => Some(*connection),
            Self::Joined { link, .. } => Some(link.connection),
            Self::Reconnecting { attempt, .. } => attempt.connection(),
        }
    }

    /// The connection on which a join is on its way.
    pub(super) fn joining_on(&self) -> Option<ConnectionId> {
        match self {
            Self::Joining { connection, .. } | Self::Reconnecting { attempt: Attempt::Resuming { connection, .. }, .. } => {
                Some(*connection)
            }
            Self::Idle | Self::Connecting { .. } | Self::Joined { .. } | Self::Reconnecting { .. } | Self::Leaving { .. } => None,
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
            Self::Connecting { until, .. } | Self::Joining { until, .. } | Self::Leaving { until, .. } => Some(*until),
            Self::Joined { link, .. } => {
                let silence = link.last_heard.saturating_add(config.heartbeat_timeout);
                let answer = link.open.values().map(|request| request.until).min();
                [Some(link.next_ping), Some(silence), answer].into_iter().flatten().min()
            }
            Self::Reconnecting { attempt, until, .. } => Some(attempt.deadline().min(*until)),
        }
    }
}

impl Link {
    /// A connection that has just been let into the room.
    pub(super) fn new(now: Instant, connection: ConnectionId, config: &Config) -> Self {
        Self { connection, last_heard: now, next_ping: now.saturating_add(config.heartbeat_interval), open: BTreeMap::new() }
    }

    /// Takes out the requests that went without an answer for too long.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<CallId> {
        let mut overdue = Vec::new();
        self.open.retain(|_, request| {
            let due = request.until.is_due(now);
            if due {
                overdue.push(request.call);
            }
            !due
        });
        overdue
    }

    /// The calls that wait for their answers, in the order of asking.
    pub(super) fn into_calls(self) -> Vec<CallId> {
        self.open.into_values().map(|request| request.call).collect()
    }
}
