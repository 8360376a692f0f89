//! Coming back after a lost connection.

use alloc::vec::Vec;
use core::time::Duration;

use super::{CallId, ConnectionId, Event, Link, OpenRequest, Phase, Purpose, RoomView, Session, join_message};
use crate::{code::Code, limits, stream::StreamInfo, time::Instant, wire::MemberInfo};

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
        if code == Code::HEARTBEAT_LOST
            && let Some(connection) = self.connection()
        {
            self.disconnect(connection);
        }
        self.cut_requests_short();
        let Phase::Joined { view, .. } = &self.phase else { return };
        let view = view.clone();
        self.backoff.reset();
        let attempt = self.attempt();
        let until = self.now.saturating_add(self.config.reconnect_window);
        self.event(Event::Interrupted { code });
        self.enter(Phase::Reconnecting { attempt, view, lost_at: self.now, until });
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
        if *until <= now {
            return self.removed(Code::RECONNECT_TIMEOUT);
        }
        if attempt.deadline() > now {
            return;
        }
        match attempt.connection() {
            Some(connection) => {
                self.disconnect(connection);
                self.attempt_failed(connection);
            }
            None => {
                let next = self.attempt();
                self.set_attempt(next);
            }
        }
    }

    pub(super) fn reopened(&mut self, opened: ConnectionId) {
        let Phase::Reconnecting { attempt, view, .. } = &self.phase else {
            return;
        };
        if !matches!(attempt, Attempt::Connecting { connection, .. } if *connection == opened) {
            return;
        }
        let message = join_message(&view.join, Some(view.member));
        let request = self.send(opened, message);
        let until = self.now.saturating_add(self.config.response_timeout);
        // Not a call of the application's: the number is never answered.
        self.open.insert(request, OpenRequest { call: CallId(0), until, purpose: Purpose::Join });
        self.set_attempt(Attempt::Resuming { connection: opened, until });
    }

    /// The attempt on that connection came to nothing: wait, then try again.
    pub(super) fn attempt_failed(&mut self, failed: ConnectionId) {
        let Phase::Reconnecting { attempt, .. } = &self.phase else { return };
        if attempt.connection() != Some(failed) {
            return;
        }
        self.open.clear(); // only the session's own join can be open here
        let until = self.now.saturating_add(self.backoff.next_wait());
        self.set_attempt(Attempt::Waiting { until });
    }

    /// The stay goes on. What changed meanwhile is told as if it had been heard.
    pub(super) fn restored(
        &mut self,
        link: Link,
        mut view: RoomView,
        lost_at: Instant,
        members: Vec<MemberInfo>,
        streams: Vec<StreamInfo>,
    ) {
        let news = view.catch_up(members, streams);
        let after: Duration = self.now.saturating_since(lost_at);
        self.event(Event::Restored { after });
        self.event(Event::StateChanged { from: super::ConnectionState::Reconnecting, to: super::ConnectionState::Connected });
        self.phase = Phase::Joined { link, view };
        self.events(news);
    }

    fn set_attempt(&mut self, next: Attempt) {
        if let Phase::Reconnecting { attempt, .. } = &mut self.phase {
            *attempt = next;
        }
    }
}
