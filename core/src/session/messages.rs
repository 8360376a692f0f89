//! What the server says, in each phase. What does not belong there is ignored: it is late, or the server is wrong.

use super::{
    Answer, ConnectionId, Event, Session,
    phase::{Link, OpenRequest, Phase, Purpose},
    reconnect::Attempt,
    room_view::RoomView,
};
use crate::{
    code::{Code, Retry},
    id::{RequestId, StreamId},
    wire::{Accepted, ClientMessage, ServerMessage},
};

impl Session {
    pub(super) fn received(&mut self, on: ConnectionId, message: ServerMessage) {
        match &mut self.phase {
            Phase::Joining { connection, request, .. } if *connection == on => {
                let request = *request;
                self.received_joining(request, message);
            }
            Phase::Joined { link, .. } if link.connection == on => {
                link.last_heard = self.now;
                self.received_joined(message);
            }
            Phase::Reconnecting { attempt: Attempt::Resuming { connection, request, .. }, .. } if *connection == on => {
                let request = *request;
                self.received_resuming(request, message);
            }
            Phase::Leaving { connection, request, .. } if *connection == on => {
                let request = *request;
                self.received_leaving(request, message);
            }
            Phase::Idle
            | Phase::Connecting { .. }
            | Phase::Joining { .. }
            | Phase::Joined { .. }
            | Phase::Reconnecting { .. }
            | Phase::Leaving { .. } => {}
        }
    }

    fn received_joining(&mut self, join: RequestId, message: ServerMessage) {
        match message {
            ServerMessage::Accepted { request, accepted } if request == join => self.let_in(accepted),
            ServerMessage::Refused { request, code } if request == join => {
                self.hang_up();
                self.stop(code, None);
            }
            ServerMessage::Removed { code } => {
                self.hang_up();
                self.stop(code, None);
            }
            ServerMessage::Accepted { .. }
            | ServerMessage::Refused { .. }
            | ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Media { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => {} // news from before the snapshot
        }
    }

    fn let_in(&mut self, accepted: Accepted) {
        let Accepted::Joined { member, user, role, members, streams, .. } = accepted else {
            // An answer of the wrong kind: the server broke the protocol, and the caller still needs an answer.
            self.walk_out();
            return self.stop(Code::INTERNAL, None);
        };
        let Phase::Joining { connection, call, join, .. } = &self.phase else {
            return;
        };
        let (connection, call) = (*connection, *call);
        let Some(user) = user.or_else(|| join.user.clone()) else {
            self.walk_out();
            return self.stop(Code::INTERNAL, None);
        };
        let (view, news) = RoomView::new(join.clone(), user.clone(), member, role, members, streams);
        let link = Link::new(self.now, connection, &self.config);
        self.enter(Phase::Joined { link, view });
        self.answer(call, Ok(Answer::Joined { user, role }));
        self.events(news);
    }

    fn received_joined(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Accepted { request, accepted } => self.accepted(request, accepted),
            ServerMessage::Refused { request, code } => {
                if let Some(open) = self.take_open(request) {
                    self.answer(open.call, Err(code));
                }
            }
            ServerMessage::Removed { code } => self.removed(code),
            ServerMessage::Closing { .. } | ServerMessage::Pong | ServerMessage::Unknown => {} // what closing means shows when it comes
            news @ (ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Media { .. }) => {
                if let Phase::Joined { view, .. } = &mut self.phase
                    && let Some(event) = view.apply(news)
                {
                    self.event(event);
                }
            }
        }
    }

    fn accepted(&mut self, request: RequestId, accepted: Accepted) {
        let Some(OpenRequest { call, purpose, .. }) = self.take_open(request) else {
            return self.granted_too_late(&accepted);
        };
        let Phase::Joined { view, .. } = &mut self.phase else { return };
        let answer = match (purpose, accepted) {
            (Purpose::Publish(offer), Accepted::Published { stream }) => {
                view.own.insert(stream, offer);
                Ok(Answer::Published { stream })
            }
            (Purpose::Unpublish(stream), Accepted::Done) => {
                view.own.remove(&stream);
                Ok(Answer::Done)
            }
            (Purpose::SwitchRole(role), Accepted::Done) => {
                view.take_role(role);
                Ok(Answer::Done)
            }
            (Purpose::Other, Accepted::Done) => Ok(Answer::Done),
            // An answer of the wrong kind: the server broke the protocol, and the caller still needs an answer.
            (_, Accepted::Joined { .. } | Accepted::Published { .. } | Accepted::Subscribed { .. } | Accepted::Done | Accepted::Unknown) => Err(Code::INTERNAL),
        };
        self.answer(call, answer);
    }

    /// A stream whose call has been answered with a failure meanwhile is published after all. The application does not know of it, so it is withdrawn.
    fn granted_too_late(&mut self, accepted: &Accepted) {
        if let (Accepted::Published { stream }, Phase::Joined { view, .. }) = (accepted, &self.phase)
            && !view.own.contains_key(stream)
        {
            self.withdraw(*stream);
        }
    }

    /// Withdraws a stream of one's own without anybody's asking. The answer matters to nobody.
    pub(super) fn withdraw(&mut self, stream: StreamId) {
        if let Some(connection) = self.phase.connection() {
            self.send(connection, ClientMessage::Unpublish { stream });
        }
    }

    fn take_open(&mut self, request: RequestId) -> Option<OpenRequest> {
        match &mut self.phase {
            Phase::Joined { link, .. } => link.open.remove(&request),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Reconnecting { .. } | Phase::Leaving { .. } => None,
        }
    }

    fn received_resuming(&mut self, resume: RequestId, message: ServerMessage) {
        match message {
            ServerMessage::Accepted { request, accepted } if request == resume => match accepted {
                Accepted::Joined { role, resumed: true, members, streams, .. } => self.restored(role, members, streams),
                // Let in anew, or something else: the server broke the protocol, and does not have this stay.
                Accepted::Joined { .. } | Accepted::Published { .. } | Accepted::Subscribed { .. } | Accepted::Done | Accepted::Unknown => {
                    self.walk_out();
                    self.stop(Code::CUT_SHORT, Some(Event::Removed { code: Code::INTERNAL }));
                }
            },
            ServerMessage::Refused { request, code } if request == resume => match code.retry() {
                Retry::Never => self.removed(code),
                Retry::Later | Retry::Reconnect => {
                    self.hang_up();
                    self.attempt_failed();
                }
            },
            ServerMessage::Removed { code } => self.removed(code),
            ServerMessage::Accepted { .. }
            | ServerMessage::Refused { .. }
            | ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Media { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => {} // news from before the snapshot
        }
    }

    /// Whatever the server says to a leave, the user is out: a refusal says that it was out already.
    fn received_leaving(&mut self, leave: RequestId, message: ServerMessage) {
        match message {
            ServerMessage::Accepted { request, .. } | ServerMessage::Refused { request, .. } if request != leave => {}
            ServerMessage::Accepted { .. } | ServerMessage::Refused { .. } | ServerMessage::Removed { .. } => {
                self.hang_up();
                self.finish_leaving();
            }
            ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Media { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => {}
        }
    }
}
