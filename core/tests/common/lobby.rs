//! A service with ears: stories tell it things and read what each connection, the application and the media plane heard.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    auth::{Authority, Credential, Secret, channel_key, signature},
    code::Code,
    id::{AppId, MemberId, RequestId, RoomId, SessionId, SourceId, StreamId, UserId},
    limits,
    role::Role,
    room::{Event, MediaOutput},
    service::{App, CallId, Config, Input, Output, RoomKey, ServerCall, Service},
    stream::{StreamKind, StreamOffer},
    time::{Instant, UnixSeconds},
    wire::{Accepted, AudioMode, ClientFrame, ClientMessage, ServerMessage, Versions},
};

/// The date when stories begin.
pub const BEGIN: u64 = 1_700_001_000;
/// An app that checks nothing.
pub const OPEN: &str = "open";
/// An app with SparkRTC's signatures.
pub const SPARK: &str = "5f8d0c3a";
pub const SPARK_KEY: &[u8] = b"the app key of spark";
/// An app with Agora's channel keys.
pub const AGORA: &str = "970ca35de60c44645bbae8a215061b33";
pub const AGORA_CERTIFICATE: &[u8] = b"5cfd2fd1755d40ecb72977518be15d3b";

pub struct Lobby {
    pub service: Service,
    pub now: Instant,
    heard: BTreeMap<SessionId, Vec<ServerMessage>>,
    events: Vec<(RoomKey, Event)>,
    media: Vec<(RoomKey, MediaOutput)>,
    closed: Vec<SessionId>,
    answers: Vec<(CallId, Result<(), Code>)>,
    next_request: u32,
    /// The most outputs that one call has made.
    pub most_outputs: usize,
}

impl Lobby {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(set: impl FnOnce(&mut Config)) -> Self {
        let now = Instant::from_secs(1000);
        let mut config = Config::new(UnixSeconds(BEGIN - 1000));
        config.apps.insert(app(OPEN), App::new(Authority::Open));
        config.apps.insert(app(SPARK), App::new(Authority::Signature { key: Secret::new(SPARK_KEY) }));
        config.apps.insert(app(AGORA), App::new(Authority::ChannelKey { certificate: Secret::new(AGORA_CERTIFICATE) }));
        set(&mut config);
        Self {
            service: Service::new(now, config),
            now,
            heard: BTreeMap::new(),
            events: Vec::new(),
            media: Vec::new(),
            closed: Vec::new(),
            answers: Vec::new(),
            next_request: 1,
            most_outputs: 0,
        }
    }

    /// The date.
    pub fn date(&self) -> u64 {
        BEGIN - 1000 + self.now.as_nanos() / 1_000_000_000
    }

    pub fn tell(&mut self, input: Input) {
        self.service.handle_input(self.now, input).expect("time stands still or passes, and numbers are fresh");
        self.listen();
    }

    /// Opens a connection from a source of its own.
    pub fn open(&mut self, session: u64) {
        self.open_from(session, session);
    }

    pub fn open_from(&mut self, session: u64, source: u64) {
        self.tell(Input::Opened { session: SessionId(session), source: SourceId(source) });
    }

    pub fn say(&mut self, session: u64, message: ClientMessage) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        self.tell(Input::Message { session: SessionId(session), frame: ClientFrame { request, message } });
        request
    }

    /// Sends a request, and returns its one answer.
    pub fn ask(&mut self, session: u64, message: ClientMessage) -> Result<Accepted, Code> {
        let request = self.say(session, message);
        let heard = self.heard.entry(SessionId(session)).or_default();
        let answers = |message: &ServerMessage| match message {
            ServerMessage::Accepted { request: to, .. } | ServerMessage::Refused { request: to, .. } => *to == request,
            _ => false,
        };
        let at: Vec<usize> = heard.iter().enumerate().filter(|(_, message)| answers(message)).map(|(at, _)| at).collect();
        assert_eq!(at.len(), 1, "session {session} was to hear one answer: {heard:?}");
        match heard.remove(at[0]) {
            ServerMessage::Accepted { accepted, .. } => Ok(accepted),
            ServerMessage::Refused { code, .. } => Err(code),
            other => panic!("no answer: {other:?}"),
        }
    }

    /// Opens a connection and joins on it.
    pub fn enter(&mut self, session: u64, join: Join) -> Result<MemberId, Code> {
        self.open(session);
        self.join(session, join)
    }

    pub fn join(&mut self, session: u64, join: Join) -> Result<MemberId, Code> {
        self.ask(session, join.message()).map(|accepted| match accepted {
            Accepted::Joined { member, .. } => member,
            other => panic!("not the answer to a join: {other:?}"),
        })
    }

    pub fn publish(&mut self, session: u64) -> StreamId {
        let offer = StreamOffer { kind: StreamKind::Main, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false };
        match self.ask(session, ClientMessage::Publish { offer }) {
            Ok(Accepted::Published { stream }) => stream,
            other => panic!("the offer was to be taken: {other:?}"),
        }
    }

    pub fn switch(&mut self, session: u64, role: Role, credential: Option<Credential>) -> Result<Accepted, Code> {
        self.ask(session, ClientMessage::SwitchRole { role, credential })
    }

    pub fn disconnect(&mut self, session: u64) {
        self.tell(Input::Disconnected { session: SessionId(session) });
    }

    /// A call of the application's server, and its one answer.
    pub fn call(&mut self, call: ServerCall) -> Result<(), Code> {
        let id = CallId(self.next_request);
        self.next_request += 1;
        self.tell(Input::Server { id, call });
        let answers: Vec<_> = core::mem::take(&mut self.answers).into_iter().filter(|(to, _)| *to == id).collect();
        assert_eq!(answers.len(), 1, "every call is answered once");
        answers[0].1
    }

    /// The role of a user in a room.
    pub fn role(&self, key: &RoomKey, name: &str) -> Option<Role> {
        Some(self.service.room(key)?.member_of(&user(name))?.role)
    }

    /// Lets time pass, keeping every deadline.
    pub fn pass(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        while let Some(at) = self.service.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.service.handle_timeout(at);
            self.listen();
        }
        self.now = until;
    }

    /// Lets time pass while these connections say that they are there.
    pub fn pass_alive(&mut self, span: Duration, sessions: &[u64]) {
        let mut left = span;
        while !left.is_zero() {
            let part = left.min(limits::HEARTBEAT_INTERVAL);
            self.pass(part);
            left -= part;
            for session in sessions {
                self.say(*session, ClientMessage::Ping);
            }
        }
        for messages in self.heard.values_mut() {
            messages.retain(|message| *message != ServerMessage::Pong);
        }
    }

    pub fn heard(&mut self, session: u64) -> Vec<ServerMessage> {
        self.heard.remove(&SessionId(session)).unwrap_or_default()
    }

    pub fn closed(&mut self) -> Vec<SessionId> {
        core::mem::take(&mut self.closed)
    }

    pub fn events(&mut self) -> Vec<(RoomKey, Event)> {
        core::mem::take(&mut self.events)
    }

    pub fn media(&mut self) -> Vec<(RoomKey, MediaOutput)> {
        core::mem::take(&mut self.media)
    }

    pub fn hush(&mut self) {
        self.heard.clear();
        self.events.clear();
        self.media.clear();
        self.closed.clear();
    }

    fn listen(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.service.poll_output() {
            outputs += 1;
            match output {
                Output::Send { room, to, message } => {
                    for session in self.service.sessions_of(room.as_ref(), &to).collect::<Vec<_>>() {
                        self.heard.entry(session).or_default().push(message.clone());
                    }
                }
                Output::Snapshot { room, snapshot } => {
                    let message = self.service.snapshot(&room, &snapshot);
                    self.heard.entry(snapshot.session).or_default().push(message);
                }
                Output::Close { session } => self.closed.push(session),
                Output::Media { room, order } => self.media.push((room, order)),
                Output::Event { room, event } => self.events.push((room, event)),
                Output::ServerAnswer { id, result } => self.answers.push((id, result)),
            }
        }
        self.most_outputs = self.most_outputs.max(outputs);
    }
}

/// A join, as a story needs it.
#[derive(Clone, Debug)]
pub struct Join {
    pub app: Option<AppId>,
    pub room: RoomId,
    pub user: Option<UserId>,
    pub role: Role,
    pub resumes: Option<MemberId>,
    pub credential: Option<Credential>,
    pub relay: bool,
}

impl Join {
    pub fn new(app_id: &str, room: &str, name: &str) -> Self {
        Self {
            app: Some(app(app_id)),
            room: room_id(room),
            user: Some(user(name)),
            role: Role::Joiner,
            resumes: None,
            credential: None,
            relay: false,
        }
    }

    pub fn open(room: &str, name: &str) -> Self {
        Self::new(OPEN, room, name)
    }

    /// With a signature that is good until that date.
    pub fn signed(room: &str, name: &str, until: u64) -> Self {
        Self { credential: Some(signed(room, name, until)), ..Self::new(SPARK, room, name) }
    }

    pub fn player(self) -> Self {
        Self { role: Role::Player, ..self }
    }

    pub fn relay(self) -> Self {
        Self { relay: true, ..self }
    }

    pub fn resumes(self, member: MemberId) -> Self {
        Self { resumes: Some(member), ..self }
    }

    pub fn showing(self, credential: Credential) -> Self {
        Self { credential: Some(credential), ..self }
    }

    pub fn message(self) -> ClientMessage {
        let Self { app, room, user, role, resumes, credential, relay } = self;
        ClientMessage::Join {
            versions: Versions::SUPPORTED,
            app,
            room,
            user,
            name: None,
            role,
            resumes,
            media: None,
            credential,
            relay,
            audio_mode: AudioMode::Subscribed,
        }
    }
}

/// A signature of [`SPARK`] that is good until that date.
pub fn signed(room: &str, name: &str, until: u64) -> Credential {
    let ctime = until.to_string();
    let signature = signature::sign(&Secret::new(SPARK_KEY), SPARK, room, name, &ctime);
    Credential::Signature { signature: signature.into(), ctime: ctime.into() }
}

/// A channel key of [`AGORA`] that was issued and whose service ends at those dates; 0 is no end.
pub fn channel_key(channel: &str, uid: u32, issued: u64, expires: u64) -> Credential {
    let key = channel_key::generate(&channel_key::Request {
        version: channel_key::Version::V004,
        service: channel_key::Service::Media,
        app_id: &app(AGORA),
        certificate: &Secret::new(AGORA_CERTIFICATE),
        channel,
        issued: UnixSeconds(issued),
        random: uid ^ 0x5eed,
        uid: Some(uid),
        expires: Some(UnixSeconds(expires)),
    });
    Credential::ChannelKey { key: key.expect("the fields are as they should be").into() }
}

pub fn app(name: &str) -> AppId {
    AppId::new(name).expect("a valid id")
}

pub fn room_id(name: &str) -> RoomId {
    RoomId::new(name).expect("a valid id")
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid id")
}

pub fn key(app_id: &str, room: &str) -> RoomKey {
    RoomKey { app: app(app_id), room: room_id(room) }
}
