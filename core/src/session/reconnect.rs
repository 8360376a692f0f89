//! Coming back after a lost connection.

use alloc::{boxed::Box, vec::Vec};

use super::{
    AfterWindow, Config, ConnectionId, Event, Session,
    calls::join_message,
    phase::{Link, Phase},
    rebuild::Rebuild,
};
use crate::{
    code::{Code, Retry},
    id::{MemberId, RequestId},
    limits,
    role::Role,
    stream::StreamInfo,
    time::Instant,
    wire::{ClientMessage, MemberInfo},
};

/// One attempt to come back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Attempt {
    /// The last one failed; the next one comes after a while.
    Waiting {
        /// When.
        until: Instant,
    },
    /// A connection is being made. One bound holds for all its steps.
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
    /// The server has the stay no longer, and was asked to let the session in anew.
    Entering {
        /// The connection.
        connection: ConnectionId,
        /// The question.
        request: RequestId,
        /// How long the answer may take.
        until: Instant,
    },
    /// Let in anew; what stood before is being asked for again.
    Rebuilding(Box<Rebuild>),
}

/// One interruption.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Away {
    /// When the connection was lost.
    pub(super) since: Instant,
    /// When the stay is given up; never where the session keeps trying.
    until: Option<Instant>,
    /// When the application is to be told that the connection is lost. Not any more, once it was told.
    tell: Option<Instant>,
    /// Whether the stay to go on with began during the interruption: then what stood before may be missing in it.
    pub(super) anew: bool,
}

impl Attempt {
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Waiting { .. } => None,
            Self::Connecting { connection, .. } | Self::Resuming { connection, .. } | Self::Entering { connection, .. } => {
                Some(*connection)
            }
            Self::Rebuilding(rebuild) => Some(rebuild.connection),
        }
    }

    /// The connection on which the server may have let the session in.
    pub(super) fn joining_on(&self) -> Option<ConnectionId> {
        match self {
            Self::Waiting { .. } | Self::Connecting { .. } => None,
            Self::Resuming { .. } | Self::Entering { .. } | Self::Rebuilding(_) => self.connection(),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        match self {
            Self::Waiting { until } | Self::Connecting { until, .. } | Self::Resuming { until, .. } | Self::Entering { until, .. } => {
                *until
            }
            Self::Rebuilding(rebuild) => rebuild.until,
        }
    }
}

impl Away {
    fn new(now: Instant, config: &Config) -> Self {
        let until = match config.after_window {
            AfterWindow::GiveUp => Some(now.saturating_add(config.reconnect_window)),
            AfterWindow::KeepTrying => None,
        };
        Self { since: now, until, tell: config.lost_after.map(|span| now.saturating_add(span)), anew: false }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.until, self.tell].into_iter().flatten().min()
    }
}

impl Session {
    /// The connection of a stay was lost: what was asked for is cut short, and the first attempt starts at once.
    pub(super) fn begin_reconnecting(&mut self, code: Code) {
        let Phase::Joined { link, view } = &self.phase else { return };
        let (calls, view) = (link.calls(), view.clone());
        self.answer_all(calls, Code::CUT_SHORT);
        self.backoff.reset();
        let attempt = self.attempt();
        self.event(Event::Interrupted { code });
        self.enter(Phase::Reconnecting { attempt, view, away: Away::new(self.now, &self.config) });
    }

    fn attempt(&mut self) -> Attempt {
        let connection = self.connect();
        Attempt::Connecting { connection, until: self.now.saturating_add(limits::RECONNECT_ATTEMPT) }
    }

    /// Timers of the phase: the application is to be told, the window is over, an attempt took too long, or the next one is due.
    pub(super) fn reconnect_timers(&mut self) {
        let now = self.now;
        let Phase::Reconnecting { attempt, away, .. } = &mut self.phase else { return };
        let (attempt_is_due, window_is_over) = (attempt.deadline().is_due(now), away.until.is_some_and(|until| until.is_due(now)));
        if away.tell.take_if(|tell| tell.is_due(now)).is_some() {
            self.event(Event::StillAway);
        }
        if window_is_over {
            self.walk_out();
            let over = Event::Removed { code: Code::RECONNECT_TIMEOUT };
            self.stop(Code::CUT_SHORT, Some(over));
        } else if attempt_is_due {
            self.attempt_is_due();
        }
    }

    fn attempt_is_due(&mut self) {
        let Phase::Reconnecting { attempt, .. } = &self.phase else { return };
        match attempt {
            Attempt::Waiting { .. } => {
                let next = self.attempt();
                return self.set_attempt(next);
            }
            // The stay that may have begun is not the one that the next attempt goes on with.
            Attempt::Entering { .. } => self.walk_out(),
            Attempt::Connecting { .. } | Attempt::Resuming { .. } | Attempt::Rebuilding(_) => self.hang_up(),
        }
        self.attempt_failed();
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

    /// The server does not go on with the stay, or lets nobody in.
    pub(super) fn turned_away(&mut self, code: Code) {
        let Phase::Reconnecting { attempt, .. } = &self.phase else { return };
        match (attempt, code, code.retry()) {
            (Attempt::Resuming { connection, .. }, Code::SESSION_GONE, _) if self.config.after_window == AfterWindow::KeepTrying => {
                self.enter_anew(*connection);
            }
            (_, _, Retry::Never) => self.removed(code),
            (_, _, Retry::Later | Retry::Reconnect) => {
                self.hang_up();
                self.attempt_failed();
            }
        }
    }

    fn enter_anew(&mut self, connection: ConnectionId) {
        let Phase::Reconnecting { view, .. } = &self.phase else { return };
        let message = join_message(&view.join, None);
        let request = self.send(connection, message);
        let until = self.now.saturating_add(self.config.response_timeout);
        self.set_attempt(Attempt::Entering { connection, request, until });
    }

    /// The server broke the protocol on the way back, and does not have this stay.
    pub(super) fn answered_with_nonsense(&mut self) {
        self.walk_out();
        self.stop(Code::CUT_SHORT, Some(Event::Removed { code: Code::INTERNAL }));
    }

    /// Let in again, into the stay that was asked for or into a new one.
    pub(super) fn let_back_in(&mut self, member: MemberId, role: Role, members: Vec<MemberInfo>, streams: Vec<StreamInfo>) {
        let Phase::Reconnecting { attempt, view, away } = &mut self.phase else { return };
        if let Attempt::Entering { .. } = attempt {
            view.member = member;
            away.anew = true;
        }
        if away.anew { self.rebuild(role, members, streams) } else { self.restored(role, members, streams) }
    }

    /// The stay goes on. What changed meanwhile is told as if it had been heard; a stream whose call was cut short, and which the server has all the same, is withdrawn.
    fn restored(&mut self, role: Role, members: Vec<MemberInfo>, streams: Vec<StreamInfo>) {
        let Phase::Reconnecting { attempt: Attempt::Resuming { connection, .. }, view, away } = &self.phase else {
            return;
        };
        let (connection, mut view, after) = (*connection, view.clone(), self.now.saturating_since(away.since));
        let caught_up = view.catch_up(role, members, streams);
        let link = Link::new(self.now, connection, &self.config);
        self.event(Event::Restored { after });
        self.enter(Phase::Joined { link, view });
        self.events(caught_up.news);
        for stream in caught_up.unknown {
            self.send(connection, ClientMessage::Unpublish { stream });
        }
    }

    pub(super) fn set_attempt(&mut self, next: Attempt) {
        if let Phase::Reconnecting { attempt, .. } = &mut self.phase {
            *attempt = next;
        }
    }
}
