//! The way in: a server is looked up where there is a lookup, a connection opened, and the join sent on it.
//!
//! What fails on the way ends the join, or is tried again where [`Config::retry_join`](super::Config::retry_join) says so. Two things always end it: a refusal by the server,
//! whose word it is, and a failure that another attempt cannot mend ([`Retry::Never`]). A join that goes unanswered is no refusal: it is tried again like a connection that
//! does not open.

use super::{CallId, ConnectionId, Event, JoinCall, Session, calls::join_message, phase::Phase};
use crate::{
    code::{Code, Retry},
    time::Instant,
};

/// One attempt to make the first connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dial {
    /// The server is being looked up.
    LookingUp {
        /// The connection that it is for.
        connection: ConnectionId,
        /// How long it may take.
        until: Instant,
    },
    /// The connection is being opened.
    Opening {
        /// Which.
        connection: ConnectionId,
        /// How long it may take.
        until: Instant,
    },
    /// The last attempt failed; the next one comes after a while.
    Waiting {
        /// When.
        until: Instant,
    },
}

impl Dial {
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::LookingUp { connection, .. } | Self::Opening { connection, .. } => Some(*connection),
            Self::Waiting { .. } => None,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match self {
            Self::LookingUp { until, .. } | Self::Opening { until, .. } | Self::Waiting { until } => *until,
        }
    }
}

impl Session {
    pub(super) fn call_join(&mut self, call: CallId, join: JoinCall) {
        if !matches!(self.phase, Phase::Idle) {
            return self.answer(call, Err(Code::ALREADY_IN_ROOM));
        }
        self.backoff.reset();
        let dial = self.dial();
        self.enter(Phase::Connecting { dial, call, join });
    }

    fn dial(&mut self) -> Dial {
        let connection = self.connect();
        match self.config.lookup_timeout {
            Some(span) => Dial::LookingUp { connection, until: self.now.saturating_add(span) },
            None => Dial::Opening { connection, until: self.now.saturating_add(self.config.connect_timeout) },
        }
    }

    /// The server has been looked up. An attempt to come back has one bound for all its steps, and does not mind.
    pub(super) fn found(&mut self, found: ConnectionId) {
        if let Phase::Connecting { dial, .. } = &mut self.phase
            && let Dial::LookingUp { connection, .. } = *dial
            && connection == found
        {
            *dial = Dial::Opening { connection, until: self.now.saturating_add(self.config.connect_timeout) };
        }
    }

    /// Timers of the phase: a step took too long, or the next attempt is due.
    pub(super) fn connecting_timers(&mut self) {
        let Phase::Connecting { dial, .. } = &self.phase else { return };
        if !dial.deadline().is_due(self.now) {
            return;
        }
        let code = match dial {
            Dial::LookingUp { .. } => Code::LOOKUP_TIMEOUT,
            Dial::Opening { .. } => Code::CONNECT_TIMEOUT,
            Dial::Waiting { .. } => {
                let next = self.dial();
                if let Phase::Connecting { dial, .. } = &mut self.phase {
                    *dial = next;
                }
                return;
            }
        };
        self.hang_up();
        self.way_in_failed(code);
    }

    /// The first connection stands: the join goes out on it.
    pub(super) fn send_join(&mut self, connection: ConnectionId) {
        let Phase::Connecting { call, join, .. } = &self.phase else { return };
        let (call, join) = (*call, join.clone());
        let request = self.send(connection, join_message(&join, None));
        let until = self.now.saturating_add(self.config.response_timeout);
        self.enter(Phase::Joining { connection, request, call, join, until });
    }

    /// The attempt came to nothing: the join has failed, or is tried again after a while.
    pub(super) fn way_in_failed(&mut self, code: Code) {
        let (Phase::Connecting { call, join, .. } | Phase::Joining { call, join, .. }) = &self.phase else { return };
        if !self.config.retry_join || code.retry() == Retry::Never {
            return self.stop(code, None);
        }
        let (call, join) = (*call, join.clone());
        let until = self.now.saturating_add(self.backoff.next_wait());
        self.event(Event::Trouble { code });
        self.enter(Phase::Connecting { dial: Dial::Waiting { until }, call, join });
    }
}
