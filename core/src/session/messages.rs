//! What the server says, in each phase. What does not belong there is ignored: it is late, or the server is wrong.

use super::{
    Answer, ConnectionId, Session,
    phase::{Answered, Link, Phase},
    reconnect::Attempt,
    room_view::RoomView,
};
use crate::{
    code::Code,
    id::RequestId,
    wire::{Accepted, ClientMessage, ServerMessage},
};

impl Session {
    pub(super) fn received(&mut self, on: ConnectionId, message: ServerMessage) {
        if self.phase.connection() != Some(on) {
            return;
        }
        match &mut self.phase {
            Phase::Joining { request, .. } => {
                let request = *request;
                self.received_joining(request, message);
            }
            Phase::Joined { link, .. } => {
                link.last_heard = self.now;
                self.received_joined(message);
            }
            Phase::Reconnecting { attempt, .. } => match attempt {
                Attempt::Waiting { .. } | Attempt::Connecting { .. } => {}
                Attempt::Resuming { request, .. } => {
                    let request = *request;
                    self.received_returning(request, true, message);
                }
                Attempt::Entering { request, .. } => {
                    let request = *request;
                    self.received_returning(request, false, message);
                }
                Attempt::Rebuilding(_) => self.received_rebuilding(message),
            },
            Phase::Leaving { request, .. } => {
                let request = *request;
                self.received_leaving(request, message);
            }
            Phase::Idle | Phase::Connecting { .. } => {}
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
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Volumes { .. }
            | ServerMessage::Media { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => {} // news from before the snapshot
        }
    }

    fn let_in(&mut self, accepted: Accepted) {
        let Phase::Joining { connection, call, join, .. } = &self.phase else { return };
        let (connection, call, join) = (*connection, *call, join.clone());
        // The server says who the client is where it chose that, though an id was asked for: one that stands for none, as Agora's 0.
        let (Accepted::Joined { member, user: chosen, role, members, streams, .. }, asked) = (accepted, join.user.clone()) else {
            return self.let_in_with_nonsense();
        };
        let Some(user) = chosen.or(asked) else {
            return self.let_in_with_nonsense();
        };
        let view = RoomView::new(join, user.clone(), member, role, members, streams);
        let news = view.arrival();
        let link = Link::new(self.now, connection, &self.config);
        self.enter(Phase::Joined { link, view });
        self.answer(call, Ok(Answer::Joined { user, role }));
        self.events(news);
    }

    /// An answer of the wrong kind: the server broke the protocol, and the caller still needs an answer.
    fn let_in_with_nonsense(&mut self) {
        self.walk_out();
        self.stop(Code::INTERNAL, None);
    }

    fn received_joined(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Accepted { request, accepted } => self.accepted(request, accepted),
            ServerMessage::Refused { request, code } => {
                if let Answered::InTime(open) = self.take_request(request) {
                    self.answer(open.call, Err(code));
                }
            }
            ServerMessage::Removed { code } => self.removed(code),
            ServerMessage::Closing { .. } | ServerMessage::Pong | ServerMessage::Unknown => {} // what closing means shows when it comes
            news @ (ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Volumes { .. }
            | ServerMessage::Media { .. }) => {
                if let Phase::Joined { view, .. } = &mut self.phase {
                    let events = view.apply(news);
                    self.events(events);
                }
            }
        }
    }

    fn accepted(&mut self, request: RequestId, accepted: Accepted) {
        let answered = self.take_request(request);
        let Phase::Joined { link, view } = &mut self.phase else { return };
        let connection = link.connection;
        match (answered, accepted) {
            (Answered::InTime(open), accepted) => {
                let result = view.grant(open.asked, accepted);
                self.answer(open.call, result);
            }
            // Published after all, though the call has failed. The application does not know of the stream, so it is withdrawn.
            (Answered::Late(_) | Answered::Nobodys, Accepted::Published { stream }) => {
                if !view.own.contains_key(&stream) {
                    self.send(connection, ClientMessage::Unpublish { stream });
                }
            }
            // Granted after all: the call has failed, and still the view is to be true.
            (Answered::Late(asked), accepted) => drop(view.grant(asked, accepted)),
            (Answered::Nobodys, _) => {}
        }
    }

    fn take_request(&mut self, request: RequestId) -> Answered {
        match &mut self.phase {
            Phase::Joined { link, .. } => link.take(request),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Reconnecting { .. } | Phase::Leaving { .. } => {
                Answered::Nobodys
            }
        }
    }

    /// What the server says to the wish to come back: to go on with a stay, or to enter anew.
    fn received_returning(&mut self, join: RequestId, resumes: bool, message: ServerMessage) {
        match message {
            ServerMessage::Accepted { request, accepted } if request == join => match accepted {
                Accepted::Joined { member, role, resumed, members, streams, .. } if resumed == resumes => {
                    self.let_back_in(member, role, members, streams);
                }
                // Let in as somebody else, or something else.
                Accepted::Joined { .. }
                | Accepted::Published { .. }
                | Accepted::Subscribed { .. }
                | Accepted::Audience { .. }
                | Accepted::Done
                | Accepted::Unknown => {
                    self.answered_with_nonsense();
                }
            },
            ServerMessage::Refused { request, code } if request == join => self.turned_away(code),
            ServerMessage::Removed { code } => self.removed(code),
            ServerMessage::Accepted { .. }
            | ServerMessage::Refused { .. }
            | ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Volumes { .. }
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
            | ServerMessage::PeerRenamed { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamUpdated { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }
            | ServerMessage::VideoNeeded { .. }
            | ServerMessage::KeyRefused { .. }
            | ServerMessage::Volumes { .. }
            | ServerMessage::Media { .. }
            | ServerMessage::Closing { .. }
            | ServerMessage::Pong
            | ServerMessage::Unknown => {}
        }
    }
}
