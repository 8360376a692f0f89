//! A page with a server made by hand: stories call it, answer for the server, and read what it returned, told and sent.

use core::time::Duration;

use greenroom_core::{
    code::Code,
    dialect::{HostOrder, Input, Output, Refused, Settings, StreamRef, VendorCall, agora::Client},
    id::{MemberId, RequestId, StreamId, UserId},
    role::Role,
    session::ConnectionId,
    stream::{StreamInfo, StreamKind, StreamOffer},
    time::Instant,
    wire::{Accepted, ClientFrame, ClientMessage, MemberInfo, ServerMessage, Version},
};
use serde_json::{Value, json};

pub(crate) struct Page {
    pub(crate) client: Client,
    pub(crate) now: Instant,
    pub(crate) connects: Vec<ConnectionId>,
    pub(crate) disconnects: Vec<ConnectionId>,
    pub(crate) sent: Vec<(ConnectionId, ClientFrame)>,
    pub(crate) orders: Vec<HostOrder>,
    lines: Vec<Value>,
}

pub(crate) fn settings() -> Settings {
    Settings { auto_capture: true, ..Settings::default() }
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let now = Instant::from_secs(1000);
        let client = Client::new(now, settings);
        Self { client, now, connects: vec![], disconnects: vec![], sent: vec![], orders: vec![], lines: vec![] }
    }

    /// A page whose client is ready.
    pub(crate) fn ready() -> Self {
        let mut page = Self::new();
        assert_eq!(page.call("init", json!({ "appId": "app1" })), [good("init", Value::Null)]);
        page
    }

    /// A page in the channel `c` as that user, with these others and their streams there. What led to it is forgotten.
    pub(crate) fn joined(uid: u32, members: &[u32], streams: Vec<StreamInfo>) -> Self {
        Self::joined_with(settings(), uid, members, streams)
    }

    pub(crate) fn joined_with(settings: Settings, uid: u32, members: &[u32], streams: Vec<StreamInfo>) -> Self {
        let mut page = Self::with(settings);
        page.call("init", json!({ "appId": "app1" }));
        page.call("join", json!({ "channelKey": null, "channelName": "c", "uid": uid }));
        page.open();
        page.grant(joined(None, members, streams, false));
        page.hush();
        page
    }

    /// Calls the client, and returns what that led to.
    pub(crate) fn call(&mut self, call: &str, args: Value) -> Vec<Value> {
        self.tell(Input::Call(VendorCall::new(call, object(args))));
        self.lines()
    }

    /// Calls a local stream.
    pub(crate) fn on(&mut self, local: &str, call: &str, args: Value) -> Vec<Value> {
        self.tell(Input::Call(VendorCall::on(StreamRef::Local(local.into()), call, object(args))));
        self.lines()
    }

    /// Calls a stream of somebody else.
    pub(crate) fn on_remote(&mut self, user: u32, call: &str, args: Value) -> Vec<Value> {
        let stream = StreamRef::Remote { user: user.to_string(), kind: StreamKind::Main };
        self.tell(Input::Call(VendorCall::on(stream, call, object(args))));
        self.lines()
    }

    /// Makes a local stream of that name, with sound and pictures, that captures.
    pub(crate) fn camera(&mut self, name: &str) {
        self.create(name, json!({ "streamID": 7, "local": true, "video": true }));
        assert_eq!(self.on(name, "init", json!({})), [good_on(name, "init", Value::Null)]);
    }

    pub(crate) fn create(&mut self, name: &str, spec: Value) -> Vec<Value> {
        let mut call = VendorCall::new("createStream", object(json!({ "spec": spec })));
        call.bind = Some(name.into());
        self.tell(Input::Call(call));
        self.lines()
    }

    /// Makes a camera of that name, and publishes it under that number.
    pub(crate) fn publish(&mut self, name: &str, stream: u32) {
        self.camera(name);
        self.call("publish", json!({ "stream": { "local": name } }));
        self.grant(Accepted::Published { stream: StreamId(stream) });
        assert_eq!(self.lines(), [good("publish", Value::Null)]);
    }

    pub(crate) fn host(&mut self, name: &str, args: Value) -> Vec<Value> {
        self.tell(Input::Host { name: name.into(), args });
        self.lines()
    }

    pub(crate) fn connection(&self) -> ConnectionId {
        *self.connects.last().expect("a connection was ordered")
    }

    /// The newest connection is looked up and opens.
    pub(crate) fn open(&mut self) {
        let connection = self.connection();
        self.tell(Input::Found { connection });
        self.tell(Input::Opened { connection });
    }

    pub(crate) fn close(&mut self) {
        let connection = self.connection();
        self.tell(Input::Closed { connection });
    }

    pub(crate) fn fail(&mut self, code: Code) {
        let connection = self.connection();
        self.tell(Input::Failed { connection, code });
    }

    pub(crate) fn receive(&mut self, message: ServerMessage) -> Vec<Value> {
        let connection = self.connection();
        self.tell(Input::Received { connection, message });
        self.lines()
    }

    /// The request that was sent last.
    pub(crate) fn newest(&self) -> &ClientMessage {
        &self.sent.last().expect("something was sent").1.message
    }

    fn newest_request(&self) -> RequestId {
        self.sent.last().expect("something was sent").1.request
    }

    /// Grants the newest request.
    pub(crate) fn grant(&mut self, accepted: Accepted) {
        let (connection, request) = (self.connection(), self.newest_request());
        self.tell(Input::Received { connection, message: ServerMessage::Accepted { request, accepted } });
    }

    /// Refuses the newest request.
    pub(crate) fn refuse(&mut self, code: Code) -> Vec<Value> {
        let request = self.newest_request();
        self.receive(ServerMessage::Refused { request, code })
    }

    /// Lets time pass; deadlines are kept.
    pub(crate) fn wait(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.client.handle_timeout(at);
            self.collect();
        }
        self.now = until;
        self.client.handle_timeout(until);
        self.collect();
    }

    /// Lets time pass until another connection is ordered.
    pub(crate) fn next_attempt(&mut self) {
        let before = self.connects.len();
        while self.connects.len() == before {
            self.wait(Duration::from_millis(10));
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.try_tell(input).expect("stories are understood");
    }

    pub(crate) fn try_tell(&mut self, input: Input) -> Result<(), Refused> {
        self.client.handle_input(self.now, input)?;
        self.collect();
        Ok(())
    }

    fn collect(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect { connection } => self.connects.push(connection),
                Output::Disconnect { connection } => self.disconnects.push(connection),
                Output::Send { connection, frame } => self.sent.push((connection, frame)),
                Output::Host(order) => self.orders.push(order),
                Output::Return { call, on, result } => {
                    let on = on.map(|on| match on {
                        StreamRef::Local(name) => json!(name),
                        StreamRef::Remote { user, .. } => json!(user),
                    });
                    self.lines.push(match result {
                        Ok(value) => json!({ "on": on, "return": call, "ok": value }),
                        Err(error) => json!({ "on": on, "return": call, "error": error.code }),
                    });
                }
                Output::Event { name, data, .. } => self.lines.push(json!({ "event": name, "data": data })),
                Output::Notice { name, data } => self.lines.push(json!({ "notice": name, "data": data })),
            }
        }
    }

    /// What the application has heard since the last time.
    pub(crate) fn lines(&mut self) -> Vec<Value> {
        core::mem::take(&mut self.lines)
    }

    /// Puts lines back, to be read later.
    pub(crate) fn keep(&mut self, lines: Vec<Value>) {
        self.lines.extend(lines);
    }

    pub(crate) fn hush(&mut self) {
        self.lines.clear();
    }
}

pub(crate) fn object(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("arguments are an object").clone()
}

pub(crate) fn good(call: &str, value: Value) -> Value {
    json!({ "on": null, "return": call, "ok": value })
}

pub(crate) fn good_on(on: &str, call: &str, value: Value) -> Value {
    json!({ "on": on, "return": call, "ok": value })
}

pub(crate) fn bad(call: &str, code: impl Into<Value>) -> Value {
    json!({ "on": null, "return": call, "error": code.into() })
}

pub(crate) fn bad_on(on: &str, call: &str, code: impl Into<Value>) -> Value {
    json!({ "on": on, "return": call, "error": code.into() })
}

pub(crate) fn event(name: &str, data: Value) -> Value {
    json!({ "event": name, "data": data })
}

/// What is told of the network while it is away, and when it is back.
pub(crate) fn network_is(away: bool) -> Value {
    let told = if away { json!({ "level": 6, "reason": "disconnected" }) } else { json!({ "level": 0, "reason": "unmeasured" }) };
    notice("network-quality", json!({ "uplink": told, "downlink": told }))
}

pub(crate) fn notice(name: &str, data: Value) -> Value {
    json!({ "notice": name, "data": data })
}

/// `init.onFailure` with that code.
pub(crate) fn fault(code: impl Into<Value>) -> Value {
    event("init.onFailure", json!({ "err": code.into() }))
}

/// The event for a link that is away.
pub(crate) fn link(reason: &str) -> Value {
    event("error", json!({ "msg": { "reason": reason } }))
}

pub(crate) fn user(uid: u32) -> UserId {
    UserId::new(&uid.to_string()).expect("digits")
}

/// The answer to a join: as that user where the server chose it, with these others there.
pub(crate) fn joined(chosen: Option<u32>, members: &[u32], streams: Vec<StreamInfo>, resumed: bool) -> Accepted {
    Accepted::Joined {
        member: MemberId(1),
        user: chosen.map(user),
        version: Version(1),
        role: Role::Joiner,
        resumed,
        members: members.iter().map(|uid| MemberInfo { user: user(*uid), name: None }).collect(),
        streams,
    }
}

/// A camera of somebody else's: sound and one picture.
pub(crate) fn stream_of(uid: u32, id: u32) -> StreamInfo {
    let layers = vec![greenroom_core::stream::Layer {
        rid: greenroom_core::id::Rid::new("video").expect("five letters"),
        width: Some(640),
        height: 480,
        max_bps: 460_800,
        temporal_layers: greenroom_core::stream::TemporalLayers::ONE,
    }];
    let offer = StreamOffer { kind: StreamKind::Main, audio_bps: Some(40_000), layers, on_demand: false };
    StreamInfo { id: StreamId(id), user: user(uid), offer, audio_muted: false, video_muted: false }
}

/// How that stream is handed over in events.
pub(crate) fn rendered(uid: u32) -> Value {
    json!({
        "userId": uid.to_string(),
        "uid": uid,
        "type": "main",
        "id": uid,
        "hasAudio": true,
        "hasVideo": true,
        "resolutions": [{ "resolutionId": "video", "width": 640, "height": 480 }],
    })
}
