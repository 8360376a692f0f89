//! What the application asks for, and how it becomes requests.

use super::{
    Answer, Call, CallId, Event, JoinCall, Session,
    phase::{OpenRequest, Phase},
};
use crate::{
    code::Code,
    id::MemberId,
    limits,
    wire::{ClientMessage, Versions},
};

impl Session {
    pub(super) fn handle_call(&mut self, id: CallId, call: Call) {
        let message = match call {
            Call::Join(join) => return self.call_join(id, join),
            Call::Leave => return self.call_leave(id),
            Call::Watch { interval } => return self.call_watch(id, interval),
            Call::Publish { offer } => ClientMessage::Publish { offer },
            Call::Update { stream, offer } => ClientMessage::Update { stream, offer },
            Call::Unpublish { stream } => ClientMessage::Unpublish { stream },
            Call::Subscribe { stream, audio, video, layers, min_height } => {
                ClientMessage::Subscribe { stream, audio, video, layers, min_height }
            }
            Call::SubscribeVideo { wanted } => ClientMessage::SubscribeVideo { wanted },
            Call::Unsubscribe { stream, audio, video, layers } => ClientMessage::Unsubscribe { stream, audio, video, layers },
            Call::Mute { stream, audio, video } => ClientMessage::Mute { stream, audio, video },
            Call::SwitchRole { role, credential } => ClientMessage::SwitchRole { role, credential },
            Call::Renew { credential } => ClientMessage::Renew { credential },
            Call::Rename { name } => ClientMessage::Rename { name },
            Call::LimitBandwidth { max_bps } => ClientMessage::LimitBandwidth { max_bps },
            Call::Audience => ClientMessage::Audience,
            Call::Media { description } => ClientMessage::Media { description },
        };
        self.request(id, message);
    }

    /// Leaving always works: in the room it is asked for and answered; on the way in or back it just ends the attempts.
    fn call_leave(&mut self, id: CallId) {
        match &self.phase {
            Phase::Idle | Phase::Leaving { .. } => self.answer(id, Err(Code::NOT_IN_ROOM)),
            Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Reconnecting { .. } => {
                self.walk_out();
                self.stop(Code::CUT_SHORT, Some(Event::Answered { id, result: Ok(Answer::Done) }));
            }
            Phase::Joined { link, .. } => {
                let (connection, calls) = (link.connection, link.calls());
                self.answer_all(calls, Code::CUT_SHORT);
                let request = self.send(connection, ClientMessage::Leave);
                let until = self.now.saturating_add(self.config.response_timeout);
                self.enter(Phase::Leaving { connection, request, call: id, until });
            }
        }
    }

    /// Sends a request of the application, if there is a room and a connection to send it on.
    fn request(&mut self, call: CallId, message: ClientMessage) {
        let (connection, open) = match &self.phase {
            Phase::Joined { link, .. } => (link.connection, link.open.len()),
            Phase::Reconnecting { .. } => return self.answer(call, Err(Code::NOT_CONNECTED)),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Leaving { .. } => {
                return self.answer(call, Err(Code::NOT_IN_ROOM)); // R-076 R-152
            }
        };
        if open >= limits::OPEN_REQUESTS {
            return self.answer(call, Err(Code::TOO_MANY_REQUESTS));
        }
        let request = self.send(connection, message.clone());
        let until = self.now.saturating_add(self.config.response_timeout);
        if let Phase::Joined { link, .. } = &mut self.phase {
            link.open.insert(request, OpenRequest { call, until, asked: message });
        }
    }
}

/// The message that enters a room, or goes on with a stay.
pub(super) fn join_message(join: &JoinCall, resumes: Option<MemberId>) -> ClientMessage {
    ClientMessage::Join {
        versions: Versions::SUPPORTED,
        app: join.app.clone(),
        room: join.room.clone(),
        user: join.user.clone(),
        name: join.name.clone(),
        role: join.role,
        resumes,
        media: join.media.clone(),
        credential: join.credential.clone(),
        relay: join.relay,
        audio_mode: join.audio_mode,
    }
}
