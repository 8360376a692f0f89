//! SparkRTC: the client object of its Web SDK, in its own words.
//!
//! A [`Client`] is what `HRTC.createClient` gives, and everything that hangs on it: the room, the local stream objects and the remote ones. It wraps one
//! [`Session`], tells it what the application calls, and tells the application what the session hears, in SparkRTC's names.
//!
//! # The order of checks
//!
//! Arguments come first: they are judged here, without state and without the network, so that a wrong call fails the same way wherever it is made, and changes nothing. Then the
//! state: outside a room, and while the link is not there. Then what the objects say: roles, streams. The server judges last.
//!
//! | state of the connection | a call that needs the room fails with |
//! |---|---|
//! | none (`DISCONNECTED`), or the room not entered yet | 90100007 |
//! | the first one is being opened (`CONNECTING`) | 90100014 |
//! | lost (`RECONNECTING`) | 90100008 |
//!
//! # Errors
//!
//! A wrong value is 90000005, a wrong order 90100001 (C-47). A refusal of the service rejects the call with the code's number, and is told by the event `Error` as text as well
//! . What was wrong with an argument, which a code cannot say, is told in a notice. So is an argument that is not printed: it does nothing, as in JavaScript.
//! A link that the server closes is told by `Error` as 90100016, though it may come back; one that falls silent is noted, and is an error when the window is over.
//!
//! # What is left open, and how it is filled
//!
//! - A call that waits for the server returns when it is answered, also where the vendor prints a plain value (`renewSignature`, `removeResolution`): a promise cannot be told from a value in a log.
//! - A change to a published stream holds at once on this side. Should the room not take it, the call fails, and the change is told again with the next one, or when the link is back.
//! - Events whose payload is printed as one plain value have it under its printed name: `{"roomId": …}`, `{"status": …}`. One that is printed as a list is the list.
//! - `leave` lets go of every device, as the documents say, and leaves streams initialised, as they say too: the next `publish` takes the devices again.

mod arguments;
mod calls;
mod capabilities;
mod capture;
pub mod codes;
mod events;
mod names;
mod network;
mod preset;
mod publishing;
mod statistics;
mod stream_calls;
mod streams;
mod subscribing;
mod voices;

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Value, json};

use self::{
    arguments::Wrong,
    capabilities::Capabilities,
    capture::{Job, Verdict},
    streams::{LocalStream, Remote},
    voices::TopThree,
};
pub use self::{
    names::check_call,
    preset::{room_config, service_config, session_config},
    statistics::{NativeCallback, NativeStats},
};
use super::{HostOrder, Input, Output, Refused, Settings, StreamRef, VendorCall};
use crate::{
    code::{sparkrtc::client, vendor::VendorCode},
    id::{AppId, RoomId, UserId, UserName},
    limits,
    region::Group,
    role::Role,
    session::{self, CallId, ConnectionState, Session},
    stream::{LayerSet, StreamKind, TrackKind},
    time::Instant,
};

/// A SparkRTC client: see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    settings: Settings,
    now: Instant,
    session: Session,
    /// What `createClient` was given, once it was called.
    object: Option<Object>,
    log: LogLevel,
    /// What the machine can do, as the platform said last.
    capabilities: Capabilities,
    state: ConnectionState,
    /// The room, while the client is in one.
    stay: Option<Stay>,
    streams: BTreeMap<String, LocalStream>,
    remotes: BTreeMap<(UserId, StreamKind), Remote>,
    /// The other users in the room, with the names to show.
    others: BTreeMap<UserId, Option<UserName>>,
    /// How many handlers are registered, by object and event.
    handlers: BTreeMap<(Option<StreamRef>, &'static str), u32>,
    /// Captures that are under way, by stream.
    jobs: BTreeMap<String, Job>,
    /// What the platform said ahead of a capture.
    verdicts: BTreeMap<(Option<String>, TrackKind), Verdict>,
    /// How the loudest three are played, while their mode is on.
    top_three: Option<TopThree>,
    bandwidth: network::Bandwidth,
    statistics: statistics::Statistics,
    /// What the session was asked and has not answered.
    open: BTreeMap<CallId, Open>,
    next_call: u32,
    outputs: VecDeque<Output>,
}

/// What `createClient` was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Object {
    app: AppId,
    region: Group,
}

/// Being in a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stay {
    room: RoomId,
    user: UserId,
    /// The name to show.
    name: Option<UserName>,
    role: Role,
}

/// How much is told in notices. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum LogLevel {
    None,
    Error,
    Warn,
    Info,
    Debug,
}

/// A call that the session has not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Open {
    /// Who is to hear of it; nobody where no call of the application's asked.
    caller: Option<Caller>,
    then: Then,
}

/// A call that waits for its return.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Caller {
    call: String,
    on: Option<StreamRef>,
}

impl Caller {
    fn of(call: &VendorCall) -> Self {
        Self { call: call.call.clone(), on: call.on.clone() }
    }
}

/// What the answer to a session's call means here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Then {
    Join {
        room: RoomId,
        name: Option<UserName>,
    },
    Leave,
    Publish {
        stream: String,
        on_demand: bool,
    },
    Unpublish {
        stream: String,
    },
    Republish {
        stream: String,
        value: Value,
    },
    Mute {
        stream: String,
    },
    Subscribe {
        of: (UserId, StreamKind),
        audio: bool,
        video: LayerSet,
    },
    Unsubscribe {
        of: (UserId, StreamKind),
        audio: bool,
        video: Option<LayerSet>,
    },
    /// The video of each stream that is wanted from now on.
    Batch {
        wanted: Vec<((UserId, StreamKind), LayerSet)>,
    },
    SwitchRole {
        role: Role,
    },
    Renew,
    Watch,
    Rename {
        name: UserName,
    },
    /// Statistics of what is sent, once it is known who receives it.
    LocalStats {
        medium: TrackKind,
    },
    /// The room is to know the cap on bandwidth.
    Bandwidth,
}

/// What becomes of a call at once.
enum Reply {
    /// It returns this.
    Now(Value),
    /// It returns later.
    Later,
}

/// Why a call fails at once.
enum Failure {
    Wrong(Wrong),
    Code(VendorCode<'static>),
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<VendorCode<'static>> for Failure {
    fn from(code: VendorCode<'static>) -> Self {
        Self::Code(code)
    }
}

impl Client {
    /// A client that nobody has called yet. The application's first call is `createClient`. The session is set up as [`session_config`] says, but for the spans, which are those of
    /// `settings`.
    pub fn new(now: Instant, settings: Settings) -> Self {
        let settings = Settings { session: session_config(settings.session), ..settings };
        Self {
            session: Session::new(now, settings.session.clone()),
            settings,
            now,
            object: None,
            log: LogLevel::Info,
            capabilities: Capabilities::default(),
            state: ConnectionState::Disconnected,
            stay: None,
            streams: BTreeMap::new(),
            remotes: BTreeMap::new(),
            others: BTreeMap::new(),
            handlers: BTreeMap::new(),
            jobs: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            top_three: None,
            bandwidth: network::Bandwidth::default(),
            statistics: statistics::Statistics::default(),
            open: BTreeMap::new(),
            next_call: 1,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in one input. After an `Err`, nothing has changed.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Refused> {
        if now < self.now {
            return Err(Refused::TimeWentBack { now, last: self.now });
        }
        let told = match input {
            Input::Call(call) => {
                self.understand(&call)?;
                self.handle_timeout(now);
                self.call(&call);
                return Ok(());
            }
            Input::Host { name, args } => {
                let word = names::host_input(&name, &args, self.capabilities)?;
                if let names::Host::Statistics(report) = &word {
                    self.check_report(report).map_err(|wrong| Refused::BadInput { name, at: wrong.at, expected: wrong.expected })?;
                }
                self.handle_timeout(now);
                self.host(word);
                self.drain();
                return Ok(());
            }
            Input::Media { name, args } => match names::media_input(name, &args)? {
                names::Media::Frame { user, kind } => {
                    self.handle_timeout(now);
                    self.frame(user, kind);
                    self.drain();
                    return Ok(());
                }
                names::Media::Window(input) => input,
            },
            Input::Found { connection } => session::Input::Found { connection },
            Input::Failed { connection, code } => session::Input::Failed { connection, code },
            Input::Opened { connection } => session::Input::Opened { connection },
            Input::Closed { connection } => session::Input::Closed { connection },
            Input::Received { connection, message } => session::Input::Received { connection, message },
        };
        self.handle_timeout(now);
        self.tell(told);
        self.drain();
        Ok(())
    }

    /// Fires the timers that are due. A `now` before the last one counts as that.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.session.handle_timeout(self.now);
        self.drain();
        self.beat();
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call again at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        self.session.poll_timeout().into_iter().chain(self.next_beat()).min()
    }

    /// The most outputs that one call makes: of [`Client::handle_input`] with that input, or of [`Client::handle_timeout`] without.
    ///
    /// Each output of the session becomes at most three of ours and, where it ends a stay, a few for each local stream and each kind of handler; a list of subscriptions is
    /// answered with an event for each, and muted ones with two more.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        let inner = match input {
            Some(Input::Received { connection, message }) => {
                self.session.outputs_max(Some(&session::Input::Received { connection: *connection, message: message.clone() }))
            }
            Some(_) | None => self.session.outputs_max(None),
        };
        let ignored = if let Some(Input::Call(call)) = input { arguments::ignored(call).len() } else { 0 };
        9 + ignored + 6 * inner + 8 * (self.streams.len() + 1) + 3 * self.remotes.len()
    }

    /// The session underneath.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The group of regions whose servers are to be used, once `createClient` was called.
    pub fn region(&self) -> Option<Group> {
        self.object.as_ref().map(|object| object.region)
    }

    /// Whether a call can be taken. A player is told that it may not stream live, which needs no streaming; who may is told that it is not offered.
    fn understand(&self, call: &VendorCall) -> Result<(), Refused> {
        let streams_live = call.on.is_none() && names::LIVE_STREAMING.contains(&call.call.as_str());
        let may = self.in_room().is_ok_and(|stay| stay.role.may_publish());
        if streams_live && !may { Ok(()) } else { check_call(call) }
    }

    fn call(&mut self, call: &VendorCall) {
        for at in arguments::ignored(call) {
            self.notice(LogLevel::Warn, "argument-ignored", json!({ "call": call.call, "at": at }));
        }
        let reply = match &call.on {
            None => self.client_call(call),
            Some(StreamRef::Local(name)) => self.local_call(name, call),
            Some(StreamRef::Remote { user, kind }) => self.remote_call(user, *kind, call),
        };
        // What the session says to a call that it could answer at once comes first: a refusal is this call's return.
        match reply {
            Ok(Reply::Later) => {}
            Ok(Reply::Now(value)) => self.returns(Some(Caller::of(call)), Ok(value)),
            Err(Failure::Code(code)) => self.returns(Some(Caller::of(call)), Err(code)),
            Err(Failure::Wrong(wrong)) => {
                let data = json!({ "call": call.call, "at": wrong.at, "expected": wrong.expected });
                self.notice(LogLevel::Warn, "argument-refused", data);
                self.returns(Some(Caller::of(call)), Err(client::INVALID_PARAMETER));
            }
        }
        self.drain();
    }

    /// Answers a call. What the service refused is told as an event, too.
    fn returns(&mut self, caller: Option<Caller>, result: Result<Value, VendorCode<'static>>) {
        let Some(Caller { call, on }) = caller else { return };
        if let Err(code) = result
            && codes::is_of_the_service(code)
        {
            self.event("Error", codes::error_info(code));
        }
        self.outputs.push_back(Output::Return { call, on, result: result.map_err(codes::error) });
    }

    fn event(&mut self, name: &'static str, data: Value) {
        self.outputs.push_back(Output::Event { on: None, name, data });
    }

    /// Tells something of ours, unless the client is strict or the application wants to hear less.
    fn notice(&mut self, level: LogLevel, name: &'static str, data: Value) {
        if !self.settings.strict && level <= self.log {
            self.outputs.push_back(Output::Notice { name, data });
        }
    }

    fn order(&mut self, order: HostOrder) {
        self.outputs.push_back(Output::Host(order));
    }

    /// Asks the session. Its answer comes back to [`Client::answered`], at once or later.
    fn ask(&mut self, caller: Option<Caller>, call: session::Call, then: Then) -> Reply {
        let id = CallId(self.next_call);
        self.next_call = self.next_call.wrapping_add(1);
        self.open.insert(id, Open { caller, then });
        self.tell(session::Input::Call { id, call });
        Reply::Later
    }

    fn tell(&mut self, input: session::Input) {
        self.session.handle_input(self.now, input).expect("the session's time is the client's, which never falls");
    }

    /// Takes what the session says, and what that makes it say.
    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                session::Output::Connect { connection } => self.outputs.push_back(Output::Connect { connection }),
                session::Output::Send { connection, frame } => self.outputs.push_back(Output::Send { connection, frame }),
                session::Output::Disconnect { connection } => self.outputs.push_back(Output::Disconnect { connection }),
                session::Output::Event(event) => self.heard(event),
            }
        }
        self.hold_back();
    }

    /// The room, for a call that needs it and the link to it.
    fn in_room(&self) -> Result<&Stay, VendorCode<'static>> {
        match self.state {
            ConnectionState::Disconnected => Err(client::STATUS_ERROR),
            ConnectionState::Connecting => Err(client::WEBSOCKET_NOT_OPEN),
            ConnectionState::Reconnecting => Err(client::WEBSOCKET_NOT_CONNECTED),
            ConnectionState::Connected => self.stay.as_ref().ok_or(client::STATUS_ERROR),
        }
    }

    /// A local stream for an argument.
    fn local(&mut self, name: &str, at: &str) -> Result<&mut LocalStream, Wrong> {
        self.streams.get_mut(name).ok_or_else(|| Wrong { at: at.to_string(), expected: "a stream that was created" })
    }
}

const _: () = assert!(limits::LOCAL_STREAMS > 0, "an application that can make no stream can publish none");
