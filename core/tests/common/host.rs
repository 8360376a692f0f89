//! A service, or one with a planted fault: what shows that the model check, the reference model and the fuzzing harness find what they are there to find.

use core::{fmt::Debug, hash::Hash};
use std::collections::BTreeMap;

use greenroom_core::{
    id::{SessionId, UserId},
    service::{CallId, Input, Output, RoomKey, ServerCall, Service},
    time::Instant,
    wire::ClientMessage,
};

/// What tests tell and ask. Inputs never come from the past.
pub trait Host: Clone + Debug + Eq + Hash + Send + Sync {
    fn handle_input(&mut self, now: Instant, input: Input);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_output(&mut self) -> Option<Output>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn service(&self) -> &Service;
}

impl Host for Service {
    fn handle_input(&mut self, now: Instant, input: Input) {
        Self::handle_input(self, now, input).expect("tests open no connection twice, and their time never falls");
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        Self::poll_output(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn service(&self) -> &Service {
        self
    }
}

/// A service in which a late leave removes the successor: it remembers which user each connection was for, and when a connection that was displaced leaves or ends, sends
/// away whoever that user is by now. A server that finds members by their user, not by their stay, has this fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Planted {
    service: Service,
    users: BTreeMap<SessionId, (RoomKey, UserId)>,
}

/// The number of the fault's own server calls, whose answers nobody sees.
const OWN: CallId = CallId(u32::MAX);

impl Planted {
    pub fn new(service: Service) -> Self {
        Self { service, users: BTreeMap::new() }
    }

    fn note_users(&mut self) {
        for (key, room) in self.service.rooms() {
            for member in room.members() {
                if let Some(session) = member.presence.session() {
                    self.users.insert(session, (key.clone(), member.user.clone()));
                }
            }
        }
    }
}

impl Host for Planted {
    fn handle_input(&mut self, now: Instant, input: Input) {
        Host::handle_timeout(self, now);
        let going = match &input {
            Input::Message { session, frame } if frame.message == ClientMessage::Leave => Some(*session),
            Input::Disconnected { session } => Some(*session),
            _ => None,
        };
        let remembered = going.and_then(|session| self.users.remove(&session));
        let displaced = going.is_some_and(|session| self.service.room_of(session).is_none());
        Host::handle_input(&mut self.service, now, input);
        if let Some((room, user)) = remembered.filter(|_| displaced) {
            Host::handle_input(&mut self.service, now, Input::Server { id: OWN, call: ServerCall::RemoveUser { room, user } });
        }
        self.note_users();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.service.handle_timeout(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = self.service.poll_output()?;
        match output {
            Output::ServerAnswer { id: OWN, .. } => Host::poll_output(self),
            output => Some(output),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.service.poll_timeout()
    }

    fn service(&self) -> &Service {
        &self.service
    }
}
