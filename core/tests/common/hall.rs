//! A room with ears: stories tell it things and read what each connection, the media plane and the application heard.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    code::Code,
    id::{LayerId, MemberId, RequestId, Rid, RoomId, SessionId, StreamId, UserId},
    limits,
    role::Role,
    room::{Admission, Config, Event, Input, MediaInput, MediaOutput, Output, Recipients, Room},
    stream::{Layer, LayerSet, StreamKind, StreamOffer, TemporalLayers},
    time::Instant,
    trace::{Step, room_history},
    wire::{Accepted, AudioMode, ClientFrame, ClientMessage, MediaDescription, ServerMessage, Versions},
};

pub struct Hall {
    pub room: Room,
    config: Config,
    pub now: Instant,
    heard: BTreeMap<SessionId, Vec<ServerMessage>>,
    media: Vec<MediaOutput>,
    events: Vec<Event>,
    closed: Vec<SessionId>,
    next_request: u32,
    /// The most outputs that one call has made.
    pub most_outputs: usize,
}

impl Hall {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(RoomId::new("stage").expect("a valid id"));
        set(&mut config);
        let now = Instant::from_secs(1000);
        Self {
            room: Room::new(now, config.clone()),
            config,
            now,
            heard: BTreeMap::new(),
            media: Vec::new(),
            events: Vec::new(),
            closed: Vec::new(),
            next_request: 1,
            most_outputs: 0,
        }
    }

    /// A history for a room of these settings.
    pub fn history(&self, bytes: &[u8]) -> Vec<Step<Input>> {
        room_history(&self.config, self.now, bytes)
    }

    pub fn tell(&mut self, input: Input) {
        self.room.handle_input(self.now, input).expect("time stands still or passes");
        self.listen();
    }

    /// Sends a request, and returns its answer.
    pub fn ask(&mut self, from: u64, message: ClientMessage) -> Result<Accepted, Code> {
        let session = SessionId(from);
        self.ask_with(from, |request| Input::Message { session, frame: ClientFrame { request, message } })
    }

    /// Hands in a join that has been checked, and returns its answer.
    pub fn admit(&mut self, from: u64, admission: Admission) -> Result<Accepted, Code> {
        self.ask_with(from, |request| Input::Admit { session: SessionId(from), request, admission })
    }

    /// Hands in a new key that has been checked, and returns its answer.
    pub fn renew(&mut self, from: u64, key_until: Option<Instant>) -> Result<Accepted, Code> {
        self.ask_with(from, |request| Input::Renewed { session: SessionId(from), request, key_until })
    }

    fn ask_with(&mut self, from: u64, input: impl FnOnce(RequestId) -> Input) -> Result<Accepted, Code> {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        let session = SessionId(from);
        self.tell(input(request));
        let heard = self.heard.entry(session).or_default();
        let at = heard.iter().position(|message| match message {
            ServerMessage::Accepted { request: r, .. } | ServerMessage::Refused { request: r, .. } => *r == request,
            _ => false,
        });
        match at.map(|at| heard.remove(at)) {
            Some(ServerMessage::Accepted { accepted, .. }) => Ok(accepted),
            Some(ServerMessage::Refused { code, .. }) => Err(code),
            _ => panic!("no answer on {session}"),
        }
    }

    pub fn join_as(&mut self, session: u64, name: &str, role: Role) -> MemberId {
        match self.ask(session, join(name, role, None)) {
            Ok(Accepted::Joined { member, .. }) => member,
            other => panic!("{name} was to be let in: {other:?}"),
        }
    }

    pub fn join(&mut self, session: u64, name: &str) -> MemberId {
        self.join_as(session, name, Role::Joiner)
    }

    pub fn publish(&mut self, session: u64, offer: StreamOffer) -> StreamId {
        match self.ask(session, ClientMessage::Publish { offer }) {
            Ok(Accepted::Published { stream }) => stream,
            other => panic!("the offer was to be taken: {other:?}"),
        }
    }

    pub fn subscribe(&mut self, session: u64, stream: StreamId) {
        assert_eq!(self.ask(session, all_of(stream)), Ok(Accepted::Done));
    }

    pub fn disconnect(&mut self, session: u64) {
        self.tell(Input::Disconnected { session: SessionId(session) });
    }

    /// Gives a member a media transport that stands.
    pub fn connect_media(&mut self, session: u64, member: MemberId) {
        let answer = self.ask(session, ClientMessage::Media { description: description("client") });
        assert_eq!(answer, Ok(Accepted::Done));
        self.tell(Input::Media(MediaInput::Connected { member }));
    }

    pub fn estimate(&mut self, member: MemberId, bps: u64) {
        self.tell(Input::Media(MediaInput::Estimate { member, bps, application_limited: false }));
    }

    /// Lets time pass, keeping every deadline.
    pub fn pass(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        while let Some(at) = self.room.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.room.handle_timeout(at);
            self.listen();
        }
        self.now = until;
    }

    /// Lets time pass for the room while these connections say that they are there.
    pub fn pass_alive(&mut self, span: Duration, sessions: &[u64]) {
        let mut left = span;
        while !left.is_zero() {
            let part = left.min(limits::HEARTBEAT_INTERVAL);
            self.pass(part);
            left -= part;
            for session in sessions {
                self.tell(Input::Message {
                    session: SessionId(*session),
                    frame: ClientFrame { request: RequestId(0), message: ClientMessage::Ping },
                });
            }
        }
        for messages in self.heard.values_mut() {
            messages.retain(|message| *message != ServerMessage::Pong);
        }
    }

    /// What a connection heard since it was last asked.
    pub fn heard(&mut self, session: u64) -> Vec<ServerMessage> {
        self.heard.remove(&SessionId(session)).unwrap_or_default()
    }

    pub fn media(&mut self) -> Vec<MediaOutput> {
        core::mem::take(&mut self.media)
    }

    pub fn events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    pub fn closed(&mut self) -> Vec<SessionId> {
        core::mem::take(&mut self.closed)
    }

    /// Forgets what was heard so far.
    pub fn hush(&mut self) {
        self.heard.clear();
        self.media.clear();
        self.events.clear();
        self.closed.clear();
        self.most_outputs = 0;
    }

    fn listen(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.room.poll_output() {
            outputs += 1;
            match output {
                Output::Send { to, message } => {
                    for session in self.room.sessions_of(&to).collect::<Vec<_>>() {
                        self.heard.entry(session).or_default().push(message.clone());
                    }
                    assert!(!matches!(to, Recipients::Members { except: None }), "somebody always knows already");
                }
                Output::Snapshot(snapshot) => {
                    self.heard.entry(snapshot.session).or_default().push(self.room.snapshot(&snapshot));
                }
                Output::Close { session } => self.closed.push(session),
                Output::Media(order) => self.media.push(order),
                Output::Event(event) => self.events.push(event),
            }
        }
        self.most_outputs = self.most_outputs.max(outputs);
    }
}

pub fn join(name: &str, role: Role, resumes: Option<MemberId>) -> ClientMessage {
    ClientMessage::Join {
        versions: Versions::SUPPORTED,
        app: None,
        room: RoomId::new("stage").expect("a valid id"),
        user: Some(user(name)),
        name: None,
        role,
        resumes,
        media: None,
        credential: None,
        relay: false,
        audio_mode: AudioMode::Subscribed,
    }
}

/// A joiner's checked join, with a key that is good so long.
pub fn admission(name: &str, key_until: Option<Instant>) -> Admission {
    Admission {
        versions: Versions::SUPPORTED,
        user: user(name),
        assigned: false,
        name: None,
        role: Role::Joiner,
        resumes: None,
        media: None,
        audio_mode: AudioMode::Subscribed,
        key_until,
    }
}

/// The request for a stream's audio, and its video at its best.
pub fn all_of(stream: StreamId) -> ClientMessage {
    ClientMessage::Subscribe { stream, audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None }
}

/// The request for layers of a stream's video.
pub fn video_of(stream: StreamId, layers: &[LayerId]) -> ClientMessage {
    ClientMessage::Subscribe { stream, audio: false, video: true, layers: of(layers), min_height: None }
}

/// The set of these layers.
pub fn of(layers: &[LayerId]) -> LayerSet {
    LayerSet::of(layers).expect("ladders of stories are short")
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).expect("names of stories are valid ids")
}

pub fn description(text: &str) -> MediaDescription {
    MediaDescription::new(text).expect("it is short")
}

/// A camera with 180p at 150 kbps, 360p at 500 kbps, 720p at 1500 kbps, and sound at 30 kbps.
pub fn camera() -> StreamOffer {
    let layer = |rid: &str, height, kbps: u64| Layer {
        rid: Rid::new(rid).expect("a valid rid"),
        width: None,
        height,
        max_bps: kbps * 1000,
        temporal_layers: TemporalLayers::ONE,
    };
    StreamOffer {
        kind: StreamKind::Main,
        audio_bps: Some(30_000),
        layers: vec![layer("q", 180, 150), layer("h", 360, 500), layer("f", 720, 1500)],
        on_demand: false,
    }
}

/// A screen of one layer at 1000 kbps.
pub fn screen() -> StreamOffer {
    StreamOffer {
        kind: StreamKind::Aux,
        audio_bps: None,
        layers: vec![Layer {
            rid: Rid::new("s").expect("a valid rid"),
            width: None,
            height: 1080,
            max_bps: 1_000_000,
            temporal_layers: TemporalLayers::ONE,
        }],
        on_demand: false,
    }
}

pub const LOW: LayerId = LayerId(0);
pub const MIDDLE: LayerId = LayerId(1);
pub const HIGH: LayerId = LayerId(2);
