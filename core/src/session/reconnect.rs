//! Coming back after a lost connection.

use alloc::vec::Vec;

use super::{
    ConnectionId, Event, Session,
    calls::join_message,
    phase::{Link, Phase},
};
use crate::{code::Code, id::RequestId, limits, role::Role, stream::StreamInfo, time::Instant, wire::MemberInfo};

/// One attempt to come back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Attempt {
    /// The last one failed; the next one comes after a while.
    Waiting {
        /// When.
        until: Instant,
    },
    /// A connection is being made.
    Connecting {
        /// Which.
        connection: ConnectionId,
        /// How long it may take.
        until: Instant,
    },
    /// The connection stands, and the server was asked to go on with the stay.
    Resuming {
        /// Which.
        connection: ConnectionId,
        /// The question.
        request: RequestId,
        /// How long the answer may take.
        until: Instant,
    },
}

impl Attempt {
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Waiting { .. } => None,
            Self::Connecting { connection, .. } | Self::Resuming { connection, .. } => Some(*connection),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match self {
            Self::Waiting { until } | Self::Connecting { until, .. } | Self::Resuming { until, .. } => *until,
        }
    }
}

impl Session {
    /// The connection of a stay was lost: what was asked for is cut short, and the first attempt starts at once.
    pub(super) fn begin_reconnecting(&mut self, code: Code) {
        let Phase::Joined { link, view } = &self.phase else { return };
        let (calls, view) = (link.clone().into_calls(), view.clone());
        self.answer_all(calls, Code::CUT_SHORT);
        self.backoff.reset();
        let attempt = self.attempt();
        self.event(Event::Interrupted { code });
        self.enter(Phase::Reconnecting { attempt, view, lost_at: self.now, until: self.now.saturating_add(self.config.reconnect_window) });
    }

    fn attempt(&mut self) -> Attempt {
        let connection = self.connect();
        Attempt::Connecting { connection, until: self.now.saturating_add(limits::RECONNECT_ATTEMPT) }
    }

    /// Timers of the phase: the window is over, an attempt took too long, or the next one is due.
    pub(super) fn reconnect_timers(&mut self) {
        let now = self.now;
        let Phase::Reconnecting { attempt, until, .. } = &self.phase else {
            return;
        };
        if until.is_due(now) {
            self.walk_out();
            let over = Event::Removed {
                code: Code::RECONNECT_TIMEOUT,
            };
            return self.stop(Code::CUT_SHORT, Some(over));
        }
        if !attempt.deadline().is_due(now) {
            return;
        }
        match attempt {
            Attempt::Waiting { .. } => {
                let next = self.attempt();
                self.set_attempt(next);
            }
            Attempt::Connecting { .. } | Attempt::Resuming { .. } => {
                self.hang_up();
                self.attempt_failed();
            }
        }
    }

    /// An attempt's connection is open: the server is asked to go on with the stay.
    pub(super) fn reopened(&mut self, opened: ConnectionId) {
        let Phase::Reconnecting { attempt: Attempt::Connecting { connection, .. }, view, .. } = &self.phase else {
            return;
        };
        if *connection != opened {
            return;
        }
        let message = join_message(&view.join, Some(view.member));
        let request = self.send(opened, message);
        let until = self.now.saturating_add(self.config.response_timeout);
        self.set_attempt(Attempt::Resuming { connection: opened, request, until });
    }

    /// The attempt came to nothing: wait, then try again.
    pub(super) fn attempt_failed(&mut self) {
        let until = self.now.saturating_add(self.backoff.next_wait());
        self.set_attempt(Attempt::Waiting { until });
    }

    /// The stay goes on. What changed meanwhile is told as if it had been heard; a stream whose call was cut short, and which the server has all the same, is withdrawn.
    pub(super) fn restored(&mut self, role: Role, members: Vec<MemberInfo>, streams: Vec<StreamInfo>) {
        let Phase::Reconnecting { attempt: Attempt::Resuming { connection, .. }, view, lost_at, .. } = &self.phase else {
            return;
        };
        let (connection, mut view) = (*connection, view.clone());
        let after = self.now.saturating_since(*lost_at);
        view.take_role(role);
        let known = view.own.clone();
        let news = view.catch_up(members, streams);
        let unknown: Vec<_> = view.own.keys().filter(|id| !known.contains_key(id)).copied().collect();
        view.own.retain(|id, _| known.contains_key(id));
        let link = Link::new(self.now, connection, &self.config);
        self.event(Event::Restored { after });
        self.enter(Phase::Joined { link, view });
        self.events(news);
        for stream in unknown {
            self.withdraw(stream);
        }
    }

    fn set_attempt(&mut self, next: Attempt) {
        if let Phase::Reconnecting { attempt, .. } = &mut self.phase {
            *attempt = next;
        }
    }
}
