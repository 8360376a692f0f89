//! Agora, as its Native SDK for Web 1.7 prints it: `AgoraRTC`, `Client` and `Stream`.
//!
//! A [`Client`] is one user's page: the client object, the local stream objects that its names stand for, and what the page's machine says of itself. It wraps one
//! [`Session`] and speaks only in Agora's words.
//!
//! ```text
//!   Created ──init ok──▶ Ready ──join──▶ looking up ──▶ opening ──▶ in the channel ──leave──▶ Ready
//!      ▲ │                                    │ 103, 104, 105  │ 106, 107    │ ▲
//!      └─┘ CLOSE_BEFORE_OPEN,                 └── warning, again ──┘    lost: │ │ back
//!          INCOMPATIBLE_WEBAGENT, 19               CONNECTION_INTERRUPTED     ▼ │
//!   any ──close──▶ Closed: every call is 7        after 10 s CONNECTION_LOST, and goes on trying until leave
//! ```
//!
//! # How its words are read
//!
//! - **Callbacks.** `onSuccess` and `onFailure` of a call are its one [`Output::Return`]. `subscribe` and `unsubscribe` print a callback for failure alone: there, a good return
//!   stands for a callback that is not called, and the event `stream-subscribed` is the news (R-110, C-22). `init.onFailure` lives as long as the object: it is an event
//!   of that name, `{"err": code}`, for the failure of `init` itself and for every fault after it that no other call asked for (R-009), but for those of the link: those are
//!   the event `error`'s, once each (R-028, R-029).
//! - **Errors** are `{code, msg}`. Agora prints a symbol and no message, so `msg` is the symbol. The order of checks: 7 before all others, then 17, then arguments.
//! - **Not ready.** What cannot be done before the channel or while the link is away fails with 3. Nothing is parked, so warning 20 does not come up (R-006).
//! - **A uid** is a number in data and decimal text in messages. A stream renders as `{"userId","uid","type","id","hasAudio","hasVideo","resolutions"}`; `id` is what `getId`
//!   returns, the uid of the owner.
//! - **Who there is.** Agora prints no event for somebody who enters, a stream that is withdrawn, or a link that is back. [`Output::Notice`]s say so: `peer-join`, `stream-removed`,
//!   `stream-updated`, `restored`, and `removed` where the service ended the stay. A strict client has none of them (R-032, R-074, R-093, C-35).
//! - **How good the network is.** Agora's document lists it as a feature and prints neither a call nor an event for it. What the session knows is told in a notice, `network-quality`, with the level of each
//!   direction and its reason; no printed interface is made up for it (R-167).
//! - **A page makes its client** with `createRtcClient`, or with the first call on it. A second one is refused with 1 until the first is closed (R-007). A second
//!   page of one machine is the platform input `otherInstance`: its `init` is refused with 19 (R-011).
//! - **A local stream's `close`** frees its devices and takes it off the page. It stays published until `unpublish` or `leave`: no more is printed.
//!
//! # Platform inputs
//!
//! | name | arguments | what it says |
//! |---|---|---|
//! | `agentReachable` | | the local agent runs and is new enough: so it is at first |
//! | `agentUnreachable` | | it cannot be reached |
//! | `agentTooOld` | `url`, optional | it is too old, and where to get a newer one |
//! | `otherInstance` | `running` | whether another page of this machine uses the agent |
//! | `captureSucceeded` | `stream`, `medium`, `width` and `height`, all optional | the device delivers; all that are asked for where they are left out, and in the size that was asked for |
//! | `captureFailed` | the same, and `code`, optional | it does not, now or when it is asked next: 16, 1003, 1011, 1012 or 1501 |
//!
//! `medium` is `audio` or `video`. Media inputs are for what Agora's document does not describe.
//!
//! # Statistics
//!
//! The document advertises statistics of the network, tests, ratings and complaints, and prints no operation, event or field of any (R-167). So this dialect has none: a name that was made up here
//! would be mistaken for Agora's. Whoever embeds it counts with [`stats`](crate::stats), which is no vendor's.

mod args;
mod calls;
mod codes;
mod host;
mod news;
mod preset;
mod stream;

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    vec::Vec,
};

use serde_json::Value;

pub use self::{
    codes::{error_of, warning_of},
    preset::{app, room_config, service_config, session_config},
};
use self::{host::Host, news::Remote, stream::LocalStream};
use super::{Input, Output, Refused, Settings, StreamRef, VendorCall, nearest, quality};
use crate::{
    code::{Code, agora::error, vendor::VendorCode},
    id::{AppId, StreamId, UserId},
    session::{self, CallId, ConnectionId, Session},
    stream::TrackKind,
    time::Instant,
};

/// The events of the client object that `on` knows. `warning` is ours: warnings are printed, and not how they arrive.
pub const EVENTS: [&str; 7] = ["stream-added", "stream-subscribed", "peer-leave", "peer-mute-video", "peer-mute-audio", "error", "warning"];

/// A page that uses Agora: see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    settings: Settings,
    now: Instant,
    host: Host,
    life: Life,
    session: Session,
    connections: Connections,
    /// Who the user is, while in a channel.
    user: Option<UserId>,
    locals: BTreeMap<String, LocalStream>,
    remotes: BTreeMap<StreamId, Remote>,
    /// Which fault of the key was told last in this channel, and when, unless it was cured.
    key_refused: Option<(Code, Instant)>,
    pending: BTreeMap<CallId, Pending>,
    next_call: u32,
    next_serial: u32,
    outputs: VecDeque<Output>,
}

/// How far the client object has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Life {
    /// There is none yet.
    Unmade,
    /// It waits for `init`.
    Created,
    /// It can be used.
    Ready {
        /// For this app.
        app: AppId,
    },
    /// It cannot be used any more.
    Closed,
}

/// The numbers of connections as they are outside: an object's session counts from one, and after it comes that of the next object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Connections {
    /// The last one of the sessions before this one.
    before: u32,
    /// The last one.
    last: u32,
    /// The one that is open or being made.
    open: Option<ConnectionId>,
}

/// A call that the session has still to answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    call: String,
    on: Option<StreamRef>,
    effect: Effect,
}

/// What the answer to a call changes here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Effect {
    Join,
    Leave,
    Renew,
    Publish { local: Local },
    Unpublish { local: Local },
    Subscribe { stream: StreamId },
    Unsubscribe { stream: StreamId },
    Mute { local: Local, track: TrackKind, off: bool },
}

/// A local stream, and not another that has its name by now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Local {
    name: String,
    serial: u32,
}

/// An operation that this version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    CreateRtcClient,
    CreateStream,
    Client(ClientCall),
    Stream(StreamCall),
}

/// An operation of the client object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientCall {
    Init,
    Join,
    RenewChannelKey,
    Leave,
    Publish,
    Unpublish,
    Subscribe,
    Unsubscribe,
    Close,
    On,
    /// Printed, and not part of this version.
    Later,
}

/// An operation of a stream object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamCall {
    Init,
    Close,
    Switch { track: TrackKind, off: bool },
    GetId,
    SetVideoProfile,
}

/// Every operation that Agora prints for the page and for the client object.
const CLIENT_CALLS: [&str; 23] = [
    "createRtcClient",
    "createStream",
    "init",
    "join",
    "renewChannelKey",
    "leave",
    "publish",
    "unpublish",
    "subscribe",
    "unsubscribe",
    "close",
    "on",
    "getDevices",
    "setEncryptionSecret",
    "setEncryptionMode",
    "selectDevice",
    "startRecording",
    "stopRecording",
    "queryRecordingStatus",
    "getWindows",
    "startScreenSharing",
    "setScreenSharingWindow",
    "stopScreenSharing",
];

/// Every operation that Agora prints for a stream object.
const STREAM_CALLS: [&str; 10] =
    ["init", "close", "play", "stop", "enableAudio", "disableAudio", "enableVideo", "disableVideo", "getId", "setVideoProfile"];

impl Client {
    /// A page without a client object, on a machine whose agent runs. The session is set up as [`session_config`] says, but for the spans, which are those of `settings`.
    pub fn new(now: Instant, settings: Settings) -> Self {
        let settings = Settings { session: session_config(settings.session), ..settings };
        Self {
            session: Session::new(now, settings.session.clone()),
            settings,
            now,
            host: Host::default(),
            life: Life::Unmade,
            connections: Connections { before: 0, last: 0, open: None },
            user: None,
            locals: BTreeMap::new(),
            remotes: BTreeMap::new(),
            key_refused: None,
            pending: BTreeMap::new(),
            next_call: 0,
            next_serial: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in one input. Timers that are due fire first.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Refused> {
        if now < self.now {
            return Err(Refused::TimeWentBack { now, last: self.now });
        }
        // What is not understood changes nothing, so that is found out before the timers fire. No timer changes what is understood.
        match input {
            Input::Call(call) => {
                let operation = self.understand(&call)?;
                self.handle_timeout(now);
                self.obey(operation, call);
            }
            Input::Host { name, args } => {
                let news = self.read_host(name, &args)?;
                self.handle_timeout(now);
                self.heard_from_host(news);
            }
            Input::Media { name, args } => {
                let told = media_input(name, &args)?;
                self.handle_timeout(now);
                if let Some(told) = told {
                    self.tell(told);
                }
            }
            Input::Found { connection } => self.pass_on(now, connection, |connection| session::Input::Found { connection }),
            Input::Failed { connection, code } => self.pass_on(now, connection, |connection| session::Input::Failed { connection, code }),
            Input::Opened { connection } => self.pass_on(now, connection, |connection| session::Input::Opened { connection }),
            Input::Closed { connection } => {
                self.handle_timeout(now);
                if self.connections.open == Some(connection) {
                    self.connections.open = None;
                }
                self.pass_on(now, connection, |connection| session::Input::Closed { connection });
            }
            Input::Received { connection, message } => {
                self.pass_on(now, connection, |connection| session::Input::Received { connection, message });
            }
        }
        Ok(())
    }

    /// Fires the timers that are due. Early or late calls do no harm; a `now` before the last one is ignored.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.now {
            return;
        }
        self.now = now;
        self.session.handle_timeout(now);
        self.drain();
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Client::handle_timeout`] is to be called: at once while outputs wait, else at the session's next timer.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.outputs.is_empty() { self.session.poll_timeout() } else { Some(self.now) }
    }

    /// The most outputs that one call makes: of [`Client::handle_input`] with an input when no timer is due, of [`Client::handle_timeout`] without.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        let told = match input {
            Some(Input::Received { connection, message }) => {
                Some(session::Input::Received { connection: *connection, message: message.clone() })
            }
            Some(_) | None => None,
        };
        // Nothing that a session says takes more than three outputs (a picture that is back: the change, the stream again; and the call it may lead to). Then what streams
        // say that wait for their devices, and what `close` says.
        3 * self.session.outputs_max(told.as_ref()) + 2 * self.locals.len() + self.pending.len() + 4
    }

    /// The session underneath.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Which operation a call means, if this version has it. After `close`, and before `init`, the client's other printed ones are known too, to be answered with 7.
    fn understand(&self, call: &VendorCall) -> Result<Operation, Refused> {
        let name = call.call.as_str();
        let unknown = |object, known| Refused::UnknownCall { object, call: call.call.clone(), nearest: nearest(name, known) };
        let not_offered = || Refused::NotOffered { call: call.call.clone() };
        if call.on.is_some() {
            let switch = |track, off| Operation::Stream(StreamCall::Switch { track, off });
            return Ok(match name {
                "init" => Operation::Stream(StreamCall::Init),
                "close" => Operation::Stream(StreamCall::Close),
                "enableAudio" => switch(TrackKind::Audio, false),
                "disableAudio" => switch(TrackKind::Audio, true),
                "enableVideo" => switch(TrackKind::Video, false),
                "disableVideo" => switch(TrackKind::Video, true),
                "getId" => Operation::Stream(StreamCall::GetId),
                "setVideoProfile" => Operation::Stream(StreamCall::SetVideoProfile),
                printed if STREAM_CALLS.contains(&printed) => return Err(not_offered()),
                _ => return Err(unknown("an Agora stream", &STREAM_CALLS)),
            });
        }
        Ok(match name {
            "createRtcClient" => Operation::CreateRtcClient,
            "createStream" => Operation::CreateStream,
            "init" => Operation::Client(ClientCall::Init),
            "join" => Operation::Client(ClientCall::Join),
            "renewChannelKey" => Operation::Client(ClientCall::RenewChannelKey),
            "leave" => Operation::Client(ClientCall::Leave),
            "publish" => Operation::Client(ClientCall::Publish),
            "unpublish" => Operation::Client(ClientCall::Unpublish),
            "subscribe" => Operation::Client(ClientCall::Subscribe),
            "unsubscribe" => Operation::Client(ClientCall::Unsubscribe),
            "close" => Operation::Client(ClientCall::Close),
            "on" => Operation::Client(ClientCall::On),
            printed if CLIENT_CALLS.contains(&printed) => match self.life {
                Life::Ready { .. } => return Err(not_offered()),
                Life::Unmade | Life::Created | Life::Closed => Operation::Client(ClientCall::Later),
            },
            _ => return Err(unknown("an Agora client", &CLIENT_CALLS)),
        })
    }

    /// Gives the session news of a connection. Those of an object before this one come too late.
    fn pass_on(&mut self, now: Instant, outer: ConnectionId, input: impl FnOnce(ConnectionId) -> session::Input) {
        self.handle_timeout(now);
        if let Some(inner) = outer.0.checked_sub(self.connections.before).filter(|inner| *inner > 0) {
            self.tell(input(ConnectionId(inner)));
        }
    }

    /// Tells the session something, and takes what it says to it.
    fn tell(&mut self, input: session::Input) {
        self.session.handle_input(self.now, input).expect("the session is told each time that the client is told, and no other");
        self.drain();
    }

    /// Takes what the session says, and does what that leads to.
    fn drain(&mut self) {
        loop {
            let mut chores = Vec::new();
            while let Some(output) = self.session.poll_output() {
                match output {
                    session::Output::Connect { connection } => {
                        let connection = self.connections.made(connection);
                        self.outputs.push_back(Output::Connect { connection });
                    }
                    session::Output::Send { connection, frame } => {
                        let connection = self.connections.outer(connection);
                        self.outputs.push_back(Output::Send { connection, frame });
                    }
                    session::Output::Disconnect { connection } => {
                        let connection = self.connections.outer(connection);
                        self.hang_up(connection);
                    }
                    session::Output::Event(event) => chores.extend(self.hear(event)),
                }
            }
            if chores.is_empty() {
                return;
            }
            for call in chores {
                let id = self.number();
                let told = self.session.handle_input(self.now, session::Input::Call { id, call });
                told.expect("the session is told each time that the client is told, and no other");
            }
        }
    }

    fn hang_up(&mut self, connection: ConnectionId) {
        if self.connections.open == Some(connection) {
            self.connections.open = None;
        }
        self.outputs.push_back(Output::Disconnect { connection });
    }

    /// A number for a call to the session.
    fn number(&mut self) -> CallId {
        self.next_call = self.next_call.wrapping_add(1);
        CallId(self.next_call)
    }

    /// Answers a call.
    fn answer(&mut self, call: String, on: Option<StreamRef>, result: Result<Value, VendorCode<'_>>) {
        self.outputs.push_back(Output::Return { call, on, result: result.map_err(codes::error) });
    }

    fn event(&mut self, name: &'static str, data: Value) {
        self.outputs.push_back(Output::Event { on: None, name, data });
    }

    /// Says something that Agora has no words for, unless the client is strict.
    fn notice(&mut self, name: &'static str, data: Value) {
        if !self.settings.strict {
            self.outputs.push_back(Output::Notice { name, data });
        }
    }

    /// Whether the user is in no channel, nor on the way into or out of one.
    fn outside(&self) -> bool {
        self.session.state() == session::ConnectionState::Disconnected
    }

    /// The app, or what is said to a call that came too soon or too late (R-006, R-008).
    fn app(&self) -> Result<&AppId, VendorCode<'static>> {
        match &self.life {
            Life::Ready { app } => Ok(app),
            Life::Unmade | Life::Created | Life::Closed => Err(error::NOT_INITIALIZED),
        }
    }
}

impl Connections {
    /// How a connection of the present session is called outside.
    fn outer(&self, inner: ConnectionId) -> ConnectionId {
        ConnectionId(self.before.saturating_add(inner.0))
    }

    /// The session has ordered one.
    fn made(&mut self, inner: ConnectionId) -> ConnectionId {
        let outer = self.outer(inner);
        self.last = outer.0;
        self.open = Some(outer);
        outer
    }
}

/// Reads a media input. How loud somebody is, and what can be sent to whom, the server measures; and Agora prints nothing that watches over pictures, so that one changes nothing.
fn media_input(name: String, args: &Value) -> Result<Option<session::Input>, Refused> {
    match name.as_str() {
        "window" => quality::window(args).map(Some),
        "frame" => match args.get("user") {
            Some(Value::Number(_) | Value::String(_)) => Ok(None),
            _ => Err(Refused::BadInput { name, at: "user".into(), expected: "a user id" }),
        },
        _ => Err(Refused::UnknownInput { kind: "media", name, known: "frame, window" }),
    }
}
