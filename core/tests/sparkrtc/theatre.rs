//! A room and SparkRTC clients, joined by links in memory that take no time. What each client's application and platform hear is kept as lines of JSON, as stories print them.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    auth::Credential,
    code::Code,
    dialect::{
        HostOrder, Input, Output, Refused, Settings, StreamRef, VendorCall,
        sparkrtc::{self, Client},
    },
    id::{RoomId, SessionId},
    room::{self, Admission, Room},
    session::ConnectionId,
    stream::StreamKind,
    time::Instant,
    wire::{ClientFrame, ClientMessage, ServerMessage},
};
use serde_json::{Map, Value, json};

/// When every story begins; credentials of stories name seconds on the same clock.
pub(crate) const START: Instant = Instant::from_secs(1000);

pub(crate) struct Theatre {
    pub(crate) now: Instant,
    pub(crate) room: Room,
    guests: Vec<Guest>,
    next_session: u64,
}

struct Guest {
    client: Client,
    lines: Vec<Value>,
    /// The link: cut, nothing passes either way and nobody is told.
    cut: bool,
    connections: BTreeMap<ConnectionId, SessionId>,
    /// What waits for an answer of the server by hand.
    silent: bool,
}

pub(crate) fn settings() -> Settings {
    Settings { auto_capture: true, ..Settings::default() }
}

pub(crate) fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("arguments are an object: {value}") };
    map
}

pub(crate) fn remote(user: &str) -> Value {
    json!({ "user": user, "type": "main" })
}

pub(crate) fn join_args(user: &str, role: u8) -> Value {
    json!({ "roomId": "stage", "options": { "userId": user, "signature": "good", "ctime": "9000", "role": role } })
}

impl Theatre {
    /// That many clients, created and nowhere.
    pub(crate) fn new(guests: usize) -> Self {
        Self::with(guests, &settings(), |_| {})
    }

    pub(crate) fn with(guests: usize, settings: &Settings, config: impl FnOnce(&mut room::Config)) -> Self {
        let mut room = sparkrtc::room_config(RoomId::new("stage").expect("a valid id"));
        config(&mut room);
        let guest = |_| Guest {
            client: Client::new(START, settings.clone()),
            lines: Vec::new(),
            cut: false,
            connections: BTreeMap::new(),
            silent: false,
        };
        let mut theatre = Self { now: START, room: Room::new(START, room), guests: (0..guests).map(guest).collect(), next_session: 1 };
        for who in 0..guests {
            assert_eq!(theatre.call(who, "createClient", json!({ "config": { "appId": "app1" } })), ok("createClient", Value::Null));
        }
        theatre
    }

    /// Clients of these users in the room, all joiners. What led there is forgotten.
    pub(crate) fn joined(users: &[&str]) -> Self {
        let mut theatre = Self::new(users.len());
        for (who, user) in users.iter().enumerate() {
            theatre.join(who, user, 0);
        }
        theatre.hush();
        theatre
    }

    pub(crate) fn join(&mut self, who: usize, user: &str, role: u8) {
        let lines = self.call(who, "join", join_args(user, role));
        assert!(lines.contains(&ok("join", Value::Null)[0]), "{lines:?}");
    }

    /// A camera of that client's, published at once.
    pub(crate) fn publish(&mut self, who: usize, name: &str) {
        self.make(who, name, json!({ "audio": true, "video": true }));
        let lines = self.call(who, "publish", json!({ "stream": { "local": name } }));
        assert!(lines.contains(&ok("publish", Value::Null)[0]), "{lines:?}");
        self.hush();
    }

    /// A local stream, created and initialised.
    pub(crate) fn make(&mut self, who: usize, name: &str, config: Value) {
        self.tell(
            who,
            Input::Call(VendorCall { bind: Some(name.into()), ..VendorCall::new("createStream", map(json!({ "config": config }))) }),
        );
        self.on(who, name, "initialize", json!({}));
        self.lines(who);
    }

    /// Calls, and returns what this client heard because of it.
    pub(crate) fn call(&mut self, who: usize, call: &str, args: Value) -> Vec<Value> {
        self.lines(who);
        self.tell(who, Input::Call(VendorCall::new(call, map(args))));
        self.lines(who)
    }

    pub(crate) fn on(&mut self, who: usize, stream: &str, call: &str, args: Value) -> Vec<Value> {
        self.lines(who);
        self.tell(who, Input::Call(VendorCall::on(StreamRef::Local(stream.into()), call, map(args))));
        self.lines(who)
    }

    pub(crate) fn on_remote(&mut self, who: usize, user: &str, call: &str) -> Value {
        let stream = StreamRef::Remote { user: user.into(), kind: StreamKind::Main };
        self.lines(who);
        self.tell(who, Input::Call(VendorCall::on(stream, call, Map::new())));
        self.lines(who).pop().expect("every call is answered")
    }

    pub(crate) fn host(&mut self, who: usize, name: &str, args: Value) -> Vec<Value> {
        self.lines(who);
        self.tell(who, Input::Host { name: name.into(), args });
        self.lines(who)
    }

    pub(crate) fn tell(&mut self, who: usize, input: Input) {
        self.try_tell(who, input).expect("the input is understood");
    }

    pub(crate) fn try_tell(&mut self, who: usize, input: Input) -> Result<(), Refused> {
        let told = self.guests[who].client.handle_input(self.now, input);
        self.pump();
        told
    }

    pub(crate) fn client(&self, who: usize) -> &Client {
        &self.guests[who].client
    }

    pub(crate) fn room_says(&mut self, input: room::Input) {
        self.room.handle_input(self.now, input).expect("time stands still");
        self.pump();
    }

    pub(crate) fn set_cut(&mut self, who: usize, cut: bool) {
        self.guests[who].cut = cut;
    }

    /// The server takes what this client sends and does not answer.
    pub(crate) fn set_silent(&mut self, who: usize, silent: bool) {
        self.guests[who].silent = silent;
    }

    /// The server closes the link in an orderly way.
    pub(crate) fn close(&mut self, who: usize) {
        let Some((connection, session)) = self.guests[who].connections.pop_last() else { return };
        self.tell(who, Input::Closed { connection });
        self.room_says(room::Input::Disconnected { session });
    }

    /// Lets time pass, keeping every deadline.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        loop {
            let deadlines = self.guests.iter().filter_map(|guest| guest.client.poll_timeout()).chain(self.room.poll_timeout());
            let Some(at) = deadlines.min().filter(|at| *at <= until) else { break };
            self.now = at;
            for guest in &mut self.guests {
                guest.client.handle_timeout(at);
            }
            self.room.handle_timeout(at);
            self.pump();
        }
        self.now = until;
    }

    /// What a client heard since last asked.
    pub(crate) fn lines(&mut self, who: usize) -> Vec<Value> {
        core::mem::take(&mut self.guests[who].lines)
    }

    /// The events among them, each with its payload.
    pub(crate) fn events(&mut self, who: usize) -> Vec<(String, Value)> {
        let event = |line: Value| Some((line["event"].as_str()?.to_owned(), line["data"].clone()));
        self.lines(who).into_iter().filter_map(event).collect()
    }

    /// The names of the events.
    pub(crate) fn names(&mut self, who: usize) -> Vec<String> {
        self.events(who).into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) fn hush(&mut self) {
        for guest in &mut self.guests {
            guest.lines.clear();
        }
    }

    /// Carries whatever is to be carried until everything is said.
    fn pump(&mut self) {
        loop {
            let mut moved = false;
            for who in 0..self.guests.len() {
                while let Some(output) = self.guests[who].client.poll_output() {
                    moved = true;
                    self.obey(who, output);
                }
            }
            while let Some(output) = self.room.poll_output() {
                moved = true;
                match output {
                    room::Output::Send { to, message } => {
                        let sessions: Vec<SessionId> = self.room.sessions_of(&to).collect();
                        for session in sessions {
                            self.say(session, message.clone());
                        }
                    }
                    room::Output::Snapshot(snapshot) => {
                        let answer = self.room.snapshot(&snapshot);
                        self.say(snapshot.session, answer);
                    }
                    room::Output::Close { session } => self.closed_by_server(session),
                    _ => {}
                }
            }
            if !moved {
                return;
            }
        }
    }

    fn obey(&mut self, who: usize, output: Output) {
        let now = self.now;
        let guest = &mut self.guests[who];
        match output {
            Output::Return { call, result: Ok(value), .. } => guest.lines.push(json!({ "return": call, "ok": true, "value": value })),
            Output::Return { call, result: Err(error), .. } => {
                guest.lines.push(json!({ "return": call, "ok": false, "error": error.code }));
            }
            Output::Event { on: None, name, data } => guest.lines.push(json!({ "event": name, "data": data })),
            Output::Event { on: Some(on), name, data } => guest.lines.push(json!({ "on": on, "event": name, "data": data })),
            Output::Notice { name, data } => guest.lines.push(json!({ "notice": name, "data": data })),
            Output::Host(HostOrder::Capture { stream, source, .. }) => {
                guest.lines.push(json!({ "capture": format!("{stream} {source:?}") }));
            }
            Output::Host(HostOrder::Release { stream, source }) => guest.lines.push(json!({ "release": format!("{stream} {source:?}") })),
            Output::Host(HostOrder::SendVideo { stream, on, .. }) => guest.lines.push(json!({ "send_video": on, "stream": stream })),
            Output::Host(HostOrder::PlayVoices { volume_percent, muted }) => {
                guest.lines.push(json!({ "play_voices": volume_percent, "muted": muted }));
            }
            Output::Host(HostOrder::LimitSending { stream, max_bps }) => {
                guest.lines.push(json!({ "limit_sending": max_bps, "stream": stream }));
            }
            Output::Host(_) => {}
            Output::Connect { connection } => {
                if !guest.cut {
                    guest.connections.insert(connection, SessionId(self.next_session));
                    self.next_session += 1;
                    guest.client.handle_input(now, Input::Opened { connection }).expect("time stands still");
                }
            }
            Output::Send { connection, frame } => {
                if let Some(session) = guest.connections.get(&connection).copied().filter(|_| !guest.cut && !guest.silent) {
                    self.ask(session, frame);
                }
            }
            Output::Disconnect { connection } => {
                if let Some(session) = guest.connections.remove(&connection) {
                    self.room.handle_input(now, room::Input::Disconnected { session }).expect("time stands still");
                }
            }
        }
    }

    /// A service in small: credentials are checked, joins admitted, the rest is the room's.
    fn ask(&mut self, session: SessionId, frame: ClientFrame) {
        let ClientFrame { request, message } = frame.clone();
        let credential = match &message {
            ClientMessage::Join { credential, .. } | ClientMessage::SwitchRole { credential, .. } => credential.clone(),
            ClientMessage::Renew { credential } => Some(credential.clone()),
            _ => None,
        };
        let mut key_until = None;
        if let Some(Credential::Signature { signature, ctime }) = credential {
            let until = Instant::from_secs(ctime.parse().expect("clients check the form"));
            let refusal = if &*signature == "good" { (until < self.now).then_some(Code::KEY_EXPIRED) } else { Some(Code::KEY_INVALID) };
            if let Some(code) = refusal {
                return self.say(session, ServerMessage::Refused { request, code });
            }
            key_until = Some(until);
        }
        let input = match message {
            ClientMessage::Join { versions, user: Some(user), name, role, resumes, media, audio_mode, .. } => {
                let admission = Admission { versions, user, assigned: false, name, role, resumes, media, audio_mode, key_until };
                room::Input::Admit { session, request, admission }
            }
            ClientMessage::Renew { .. } => room::Input::Renewed { session, request, key_until },
            _ => room::Input::Message { session, frame },
        };
        self.room.handle_input(self.now, input).expect("time stands still");
    }

    fn guest_of(&self, session: SessionId) -> Option<(usize, ConnectionId)> {
        let of = |(who, guest): (usize, &Guest)| {
            guest.connections.iter().find(|(_, s)| **s == session).map(|(connection, _)| (who, *connection))
        };
        self.guests.iter().enumerate().find_map(of)
    }

    fn say(&mut self, session: SessionId, message: ServerMessage) {
        let Some((who, connection)) = self.guest_of(session) else { return };
        if !self.guests[who].cut {
            self.guests[who].client.handle_input(self.now, Input::Received { connection, message }).expect("time stands still");
        }
    }

    fn closed_by_server(&mut self, session: SessionId) {
        let Some((who, connection)) = self.guest_of(session) else { return };
        self.guests[who].connections.remove(&connection);
        if !self.guests[who].cut {
            self.guests[who].client.handle_input(self.now, Input::Closed { connection }).expect("time stands still");
        }
    }
}

/// The lines of a call that brought this.
pub(crate) fn ok(call: &str, value: Value) -> Vec<Value> {
    vec![json!({ "return": call, "ok": true, "value": value })]
}

/// The lines of a call that failed with this code, and said so alone.
pub(crate) fn failed(call: &str, code: u32) -> Vec<Value> {
    vec![json!({ "return": call, "ok": false, "error": code })]
}

/// The code of the last line, which is a call that failed.
pub(crate) fn code_of(lines: &[Value]) -> u64 {
    let last = lines.last().expect("every call is answered");
    assert_eq!(last["ok"], false, "{lines:?}");
    last["error"].as_u64().expect("codes are numbers")
}
