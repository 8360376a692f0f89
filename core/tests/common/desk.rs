//! A session with a server made by hand: stories call it, answer for the server, and read what it sent and told.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use core::time::Duration;

use greenroom_core::{
    auth::Credential,
    code::Code,
    id::{MemberId, RequestId, RoomId, StreamId, UserId, UserName},
    quality::{Level, Reason, Verdict},
    role::Role,
    session::{AfterWindow, Answer, Call, CallId, Config, ConnectionId, ConnectionState, Event, Input, JoinCall, Output, Session},
    stream::{LayerSet, StreamInfo, StreamKind, StreamOffer},
    time::Instant,
    wire::{Accepted, ClientFrame, ClientMessage, MemberInfo, ServerMessage, Version},
};

pub struct Desk {
    pub session: Session,
    pub now: Instant,
    pub sent: Vec<(ConnectionId, ClientFrame)>,
    pub connects: Vec<ConnectionId>,
    pub disconnects: Vec<ConnectionId>,
    events: Vec<Event>,
    next_call: u32,
    last_request: Option<RequestId>,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let now = Instant::from_secs(1000);
        Self {
            session: Session::new(now, config),
            now,
            sent: Vec::new(),
            connects: Vec::new(),
            disconnects: Vec::new(),
            events: Vec::new(),
            next_call: 1,
            last_request: None,
        }
    }

    /// A session of Ada's that is in the room with these others and their streams. What led there is forgotten.
    pub fn joined(members: &[&str], streams: Vec<StreamInfo>) -> Self {
        Self::joined_with(Config::default(), members, streams)
    }

    pub fn joined_with(config: Config, members: &[&str], streams: Vec<StreamInfo>) -> Self {
        let mut desk = Self::with(config);
        desk.call(join_call("ada", Role::Joiner));
        desk.open();
        desk.grant(joined(members, streams, false));
        desk.hush();
        desk
    }

    pub fn call(&mut self, call: Call) -> CallId {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.tell(Input::Call { id, call });
        id
    }

    /// The newest connection that was ordered.
    pub fn connection(&self) -> ConnectionId {
        *self.connects.last().expect("a connection was ordered")
    }

    pub fn find(&mut self) {
        let connection = self.connection();
        self.tell(Input::Found { connection });
    }

    pub fn fail(&mut self, code: Code) {
        let connection = self.connection();
        self.tell(Input::Failed { connection, code });
    }

    pub fn open(&mut self) {
        let connection = self.connection();
        self.tell(Input::Opened { connection });
    }

    pub fn close(&mut self) {
        let connection = self.connection();
        self.tell(Input::Closed { connection });
    }

    pub fn receive(&mut self, message: ServerMessage) {
        let connection = self.connection();
        self.tell(Input::Received { connection, message });
    }

    /// Grants the newest request.
    pub fn grant(&mut self, accepted: Accepted) {
        let request = self.newest_request();
        self.receive(ServerMessage::Accepted { request, accepted });
    }

    /// Grants the request that such a message was, and that was sent last of those.
    pub fn grant_of(&mut self, of: impl Fn(&ClientMessage) -> bool, accepted: Accepted) {
        let request = self.request_of(of);
        self.receive(ServerMessage::Accepted { request, accepted });
    }

    /// Refuses the newest request.
    pub fn refuse(&mut self, code: Code) {
        let request = self.newest_request();
        self.receive(ServerMessage::Refused { request, code });
    }

    /// Lets the attempt of the moment fail, and waits for the next one.
    pub fn next_attempt(&mut self) {
        self.close();
        let attempts = self.connects.len();
        while self.connects.len() == attempts {
            self.pass(Duration::from_millis(10));
        }
    }

    pub fn newest_request(&self) -> RequestId {
        self.last_request.expect("a request was sent")
    }

    pub fn request_of(&self, of: impl Fn(&ClientMessage) -> bool) -> RequestId {
        self.sent.iter().rev().find(|(_, frame)| of(&frame.message)).expect("such a request was sent").1.request
    }

    /// Messages sent since last asked.
    pub fn messages(&mut self) -> Vec<ClientMessage> {
        self.sent.drain(..).map(|(_, frame)| frame.message).collect()
    }

    /// Lets time pass, keeping every deadline.
    pub fn pass(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        while let Some(at) = self.session.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.session.handle_timeout(at);
            self.listen();
        }
        self.now = until;
    }

    pub fn events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// The answers among the events since last asked, in order.
    pub fn answers(&mut self) -> Vec<(CallId, Result<Answer, Code>)> {
        let events = self.events();
        let answer = |event| match event {
            Event::Answered { id, result } => Some((id, result)),
            _ => None,
        };
        events.into_iter().filter_map(answer).collect()
    }

    /// Forgets the events so far.
    pub fn hush_events(&mut self) {
        self.events.clear();
    }

    /// Forgets what was heard so far, the numbers of connections excepted.
    pub fn hush(&mut self) {
        self.sent.clear();
        self.disconnects.clear();
        self.events.clear();
    }

    pub fn tell(&mut self, input: Input) {
        self.session.handle_input(self.now, input).expect("time stands still or passes");
        self.listen();
    }

    fn listen(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect { connection } => self.connects.push(connection),
                Output::Send { connection, frame } => {
                    self.last_request = Some(frame.request);
                    self.sent.push((connection, frame));
                }
                Output::Disconnect { connection } => self.disconnects.push(connection),
                Output::Event(event) => self.events.push(event),
            }
        }
    }
}

/// Never gives up, and calls the connection lost after ten seconds.
pub fn persistent() -> Config {
    let mut config = Config::default();
    config.after_window = AfterWindow::KeepTrying;
    config.lost_after = Some(Duration::from_secs(10));
    config
}

/// Something that happens in a story.
pub type Act = fn(&mut Desk);

pub fn join_call(name: &str, role: Role) -> Call {
    Call::Join(JoinCall::new(RoomId::new("stage").expect("a valid id"), user(name), role))
}

pub fn joined(members: &[&str], streams: Vec<StreamInfo>, resumed: bool) -> Accepted {
    Accepted::Joined {
        member: MemberId(1),
        user: None,
        version: Version(1),
        role: Role::Joiner,
        resumed,
        members: members.iter().map(|name| MemberInfo { user: user(name), name: None }).collect(),
        streams,
    }
}

/// What is told of both directions when the connection goes or comes back.
pub fn network_is(level: Level) -> Event {
    let reason = if level == Level::Disconnected { Reason::Disconnected } else { Reason::Unmeasured };
    let verdict = Verdict { level, reason };
    Event::NetworkQuality { up: verdict, down: verdict }
}

pub fn changed(from: ConnectionState, to: ConnectionState) -> Event {
    Event::StateChanged { from, to }
}

pub fn answered(id: CallId, result: Result<Answer, Code>) -> Event {
    Event::Answered { id, result }
}

pub fn sound(kind: StreamKind) -> StreamOffer {
    StreamOffer { kind, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false }
}

pub fn stream(id: u32, name: &str) -> StreamInfo {
    StreamInfo { id: StreamId(id), user: user(name), offer: sound(StreamKind::Main), audio_muted: false, video_muted: false }
}

pub fn subscribe(id: u32) -> Call {
    Call::Subscribe { stream: StreamId(id), audio: true, video: true, layers: LayerSet::HIGHEST, min_height: None }
}

pub fn publish(kind: StreamKind) -> Call {
    Call::Publish { offer: sound(kind) }
}

/// The stays that joins among these messages go on with.
pub fn resumed(messages: &[ClientMessage]) -> Vec<MemberId> {
    let stay = |message: &ClientMessage| match message {
        ClientMessage::Join { resumes, .. } => *resumes,
        _ => None,
    };
    messages.iter().filter_map(stay).collect()
}

/// The join that was sent last.
pub fn last_join(desk: &Desk) -> &ClientMessage {
    let (_, frame) = desk.sent.last().expect("a message was sent");
    assert!(matches!(frame.message, ClientMessage::Join { .. }), "not a join: {frame:?}");
    &frame.message
}

pub fn name(text: &str) -> Option<UserName> {
    let name = UserName::new(text);
    assert!(name.is_ok(), "names of stories are short");
    name.ok()
}

pub fn key(text: &str) -> Credential {
    Credential::ChannelKey { key: text.into() }
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).expect("names of stories are valid ids")
}
