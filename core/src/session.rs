//! A session: one user's side of a room.
//!
//! A [`Session`] is told what the application calls and what the connection does, and answers with what to send, when to connect, and events for the application. It
//! survives lost connections: it reconnects, comes back as the same stay, and tells the application what it missed.
//!
//! ```text
//!            join                  opened                  accepted
//!   Idle ───────────▶ Connecting ─────────▶ Joining ──────────────────▶ Joined ◀────────────┐
//!    ▲  ▲              │ ▲    │ too long       │ refused                │  │              │ accepted, and
//!    │  │              └─┘    │ or left        │ or left                │  │              │ all stands again
//!    │  └──────────── again ──┴────────────────┘                  leave │  │ lost         │
//!    │                                                                   ▼  ▼              │
//!    └────────────────────────────────────────────────────────── Leaving  Reconnecting ────┘
//!                                  answered, or too long               └──▶ Idle: window over, refused, or left
//! ```
//!
//! # Every state has its end
//!
//! Every call is answered exactly once. A failure is told at the latest after:
//!
//! | what | the longest time | and then |
//! |---|---|---|
//! | join | `lookup_timeout` + `connect_timeout` + `response_timeout` | it fails with the code of the step that took too long |
//! | join with `retry_join` | none: each attempt takes no longer than a join, and the wait after it no longer than [`limits::BACKOFF_MAX`] | [`Event::Trouble`] each time; it ends by an answer or by leaving |
//! | leave | `response_timeout` | it succeeds |
//! | any other call | `response_timeout` | it fails with [`Code::RESPONSE_TIMEOUT`], or earlier with [`Code::CUT_SHORT`] when the connection is lost |
//! | any call while reconnecting | none | it fails at once with [`Code::NOT_CONNECTED`]; to leave succeeds at once |
//! | a connection that fell silent | `heartbeat_timeout` | [`Event::Interrupted`] |
//! | an interruption, [`AfterWindow::GiveUp`] | `reconnect_window` | [`Event::Removed`] with [`Code::RECONNECT_TIMEOUT`] |
//! | an interruption, [`AfterWindow::KeepTrying`] | none: it ends by coming back, by refusal or by leaving | [`Event::StillAway`] once, after `lost_after` |
//! | one attempt to come back | [`limits::RECONNECT_ATTEMPT`] and three times `response_timeout`: to resume, to enter anew, to build up | another one, no later than [`limits::BACKOFF_MAX`] after it |

mod backoff;
mod calls;
mod connect;
mod messages;
mod others;
mod phase;
mod rebuild;
mod reconnect;
mod room_view;

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

pub use self::backoff::Backoff;
use self::{others::Others, phase::Phase, reconnect::Attempt};
use crate::{
    auth::Credential,
    code::Code,
    id::{AppId, MemberId, RequestId, RoomId, StreamId, UserId, UserName},
    limits,
    role::Role,
    stream::{LayerSet, StreamInfo, StreamOffer},
    time::Instant,
    wire::{Accepted, ClientFrame, ClientMessage, LeaveReason, MediaDescription, RefusedWish, ServerMessage, VideoWish},
};

/// How a session behaves. Spans below [`limits::SPAN_MIN`] are taken as that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// How long the first connection may take.
    pub connect_timeout: Duration,
    /// How long a request may go without its answer.
    pub response_timeout: Duration,
    /// How often the session says it is there.
    pub heartbeat_interval: Duration,
    /// Silence after which the connection counts as lost.
    pub heartbeat_timeout: Duration,
    /// How long to try to come back, where that has an end.
    pub reconnect_window: Duration,
    /// Whether it has one, and what then.
    pub after_window: AfterWindow,
    /// How long an interruption may last before the application is told that the connection is lost ([`Event::StillAway`], R-029); never when absent.
    pub lost_after: Option<Duration>,
    /// How long looking the server up may take before the first connection is opened (R-033); no lookup when absent.
    pub lookup_timeout: Option<Duration>,
    /// Whether a first connection that fails, or on which the join goes unanswered, is tried again, with a warning ([`Event::Trouble`], R-033), until the application leaves.
    /// What the server refuses, and what no other attempt can mend, ends the join all the same.
    pub retry_join: bool,
    /// For spreading retries over time; two sessions of one seed wait alike.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: limits::CONNECT_TIMEOUT,
            response_timeout: limits::RESPONSE_TIMEOUT,
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            reconnect_window: limits::RECONNECT_WINDOW,
            after_window: AfterWindow::GiveUp,
            lost_after: None,
            lookup_timeout: None,
            retry_join: false,
            seed: 0,
        }
    }
}

/// What a session does when the reconnect window is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterWindow {
    /// The stay is over (R-022).
    GiveUp,
    /// It goes on trying until the application leaves or the server refuses; where the server keeps the stay no longer, it enters anew, publishes and subscribes again (R-029).
    KeepTrying,
}

/// A connection, as a session numbers its attempts: news of an earlier one are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// A call of the application, numbered by the application; its answer carries the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);

/// What a session is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The application asks for something. Every call is answered exactly once, by [`Event::Answered`].
    Call {
        /// The application's number for it.
        id: CallId,
        /// What it asks for.
        call: Call,
    },
    /// The server of a connection that was ordered has been looked up (see [`Config::lookup_timeout`]).
    Found {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection that was ordered cannot be had, and why: [`Code::LOOKUP_REFUSED`], [`Code::NO_SERVER`], [`Code::OPEN_REFUSED`], [`Code::NO_CONFIGURATION`],
    /// [`Code::NO_ADDRESS`]. Said of one that is open, it is [`Input::Closed`] with a reason.
    Failed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        code: Code,
    },
    /// A connection that was ordered is open.
    Opened {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection ended or could not be opened.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
    /// A message arrived.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        message: ServerMessage,
    },
}

/// What an application can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Enter a room.
    Join(JoinCall),
    /// Leave it.
    Leave,
    /// Publish a stream.
    Publish {
        /// What it holds.
        offer: StreamOffer,
    },
    /// Change what a published stream holds (R-090).
    Update {
        /// The stream.
        stream: StreamId,
        /// What it holds from now on.
        offer: StreamOffer,
    },
    /// Publish it no longer.
    Unpublish {
        /// The stream.
        stream: StreamId,
    },
    /// Receive parts of a stream.
    Subscribe {
        /// The stream.
        stream: StreamId,
        /// Its audio.
        audio: bool,
        /// Its video.
        video: bool,
        /// The layers wanted.
        layers: LayerSet,
        /// The lowest picture worth having, in pixels of height.
        min_height: Option<u16>,
    },
    /// Receive the video of these streams and of no others (R-105).
    SubscribeVideo {
        /// What is wanted.
        wanted: Vec<VideoWish>,
    },
    /// Receive parts of a stream no longer.
    Unsubscribe {
        /// The stream.
        stream: StreamId,
        /// Its audio.
        audio: bool,
        /// Its video.
        video: bool,
        /// Which of the layers; all when absent.
        layers: Option<LayerSet>,
    },
    /// Mute or unmute parts of a stream of one's own.
    Mute {
        /// The stream.
        stream: StreamId,
        /// Whether the audio is to be muted; absent leaves it.
        audio: Option<bool>,
        /// Whether the video is to be muted; absent leaves it.
        video: Option<bool>,
    },
    /// Take another role.
    SwitchRole {
        /// The role.
        role: Role,
        /// What shows afresh that the user may.
        credential: Option<Credential>,
    },
    /// Put a new credential in the place of the one before; later reconnects use it (R-045).
    Renew {
        /// The new one.
        credential: Credential,
    },
    /// Take another name to show to others.
    Rename {
        /// The name.
        name: Option<UserName>,
    },
    /// Describe a media transport that takes the place of the one before.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
}

impl Call {
    /// The word for it in logs and reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Join(_) => "join",
            Self::Leave => "leave",
            Self::Publish { .. } => "publish",
            Self::Update { .. } => "update",
            Self::Unpublish { .. } => "unpublish",
            Self::Subscribe { .. } => "subscribe",
            Self::SubscribeVideo { .. } => "subscribe_video",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Mute { .. } => "mute",
            Self::SwitchRole { .. } => "switch_role",
            Self::Renew { .. } => "renew",
            Self::Rename { .. } => "rename",
            Self::Media { .. } => "media",
        }
    }
}

/// Which room to enter, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinCall {
    /// The app whose room it is; the server's only one when absent.
    pub app: Option<AppId>,
    /// The room.
    pub room: RoomId,
    /// The user; the server finds a number that nobody in the room has when absent (R-072).
    pub user: Option<UserId>,
    /// The name to show to others.
    pub name: Option<UserName>,
    /// What the user means to do there.
    pub role: Role,
    /// How the user's media transport is reached.
    pub media: Option<MediaDescription>,
    /// What shows that the user may.
    pub credential: Option<Credential>,
    /// Whether the user is in another room and relays into this one.
    pub relay: bool,
}

impl JoinCall {
    /// A join of that user, and nothing more than it takes.
    pub fn new(room: RoomId, user: UserId, role: Role) -> Self {
        Self { app: None, room, user: Some(user), name: None, role, media: None, credential: None, relay: false }
    }
}

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Open a connection to the server, and say [`Input::Opened`], [`Input::Failed`] or [`Input::Closed`]; [`Input::Found`] first where there is a lookup.
    Connect {
        /// The number for it.
        connection: ConnectionId,
    },
    /// Send a message.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The message.
        frame: ClientFrame,
    },
    /// Close a connection, after what was sent on it.
    Disconnect {
        /// Which.
        connection: ConnectionId,
    },
    /// Tell the application.
    Event(Event),
}

/// What an application hears.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A call was answered.
    Answered {
        /// The application's number for it.
        id: CallId,
        /// What it brought, or why it failed.
        result: Result<Answer, Code>,
    },
    /// The connection's state changed. The two always differ (R-019).
    StateChanged {
        /// The state before.
        from: ConnectionState,
        /// The state now.
        to: ConnectionState,
    },
    /// The connection was lost; attempts to come back begin.
    Interrupted {
        /// How the loss was noticed.
        code: Code,
    },
    /// The connection is back, and the session in its room. What was missed follows.
    Restored {
        /// How long it was away.
        after: Duration,
    },
    /// A stream of the session's own was published again, in a stay that began anew (see [`AfterWindow::KeepTrying`]).
    Republished {
        /// The number that it had.
        before: StreamId,
        /// The number that it has now, or why it is published no longer.
        now: Result<StreamId, Code>,
    },
    /// A stream that is still there could not be subscribed to again, in a stay that began anew: nothing of it is received any more.
    Unsubscribed {
        /// The stream.
        stream: StreamId,
        /// Why.
        code: Code,
    },
    /// The stay ended without the application's doing.
    Removed {
        /// Why.
        code: Code,
    },
    /// Somebody else entered.
    PeerJoined {
        /// Who.
        user: UserId,
        /// The name to show.
        name: Option<UserName>,
    },
    /// Somebody else shows another name.
    PeerRenamed {
        /// Who.
        user: UserId,
        /// The name to show.
        name: Option<UserName>,
    },
    /// Somebody else left.
    PeerLeft {
        /// Who.
        user: UserId,
        /// The name shown last (R-153).
        name: Option<UserName>,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody else publishes a stream.
    StreamAdded {
        /// The stream.
        stream: StreamInfo,
    },
    /// A stream of somebody else holds something else now (R-090).
    StreamUpdated {
        /// The stream, as it is now.
        stream: StreamInfo,
    },
    /// Whether the video of one of the session's own streams is worth sending (R-084).
    VideoNeeded {
        /// The stream.
        stream: StreamId,
        /// Whether somebody receives it.
        needed: bool,
    },
    /// The session's key is good no longer; a new one is to come soon (R-043, R-044).
    KeyRefused {
        /// [`Code::KEY_EXPIRED`] or [`Code::KEY_INVALID`].
        code: Code,
    },
    /// The connection has been away for [`Config::lost_after`]; attempts go on (R-029). Told once for each interruption.
    StillAway,
    /// An attempt to enter failed and is made again after a while (R-033).
    Trouble {
        /// What failed.
        code: Code,
    },
    /// A stream of somebody else is published no longer.
    StreamRemoved {
        /// The stream.
        stream: StreamInfo,
    },
    /// Somebody else muted or unmuted a part of a stream.
    StreamMuted {
        /// The stream, as it is now.
        stream: StreamInfo,
    },
    /// How the server's media transport is reached.
    Media {
        /// How it is reached.
        description: MediaDescription,
    },
}

/// What a granted call brought.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// In the room.
    Joined {
        /// Who the session is there: as it asked, or as the server chose.
        user: UserId,
        /// The role that was granted.
        role: Role,
    },
    /// Publishing.
    Published {
        /// The stream's number.
        stream: StreamId,
    },
    /// Receiving the video that was wanted, but for what is listed.
    Subscribed {
        /// What is not received, and why.
        refused: Vec<RefusedWish>,
    },
    /// Done; there is nothing to add.
    Done,
}

/// How the connection stands, in SparkRTC's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// There is none, and none is wanted.
    Disconnected,
    /// The first one is being made, and the server is asked to let the user in.
    Connecting,
    /// It stands, and the user was let in.
    Connected,
    /// It was lost and is being restored.
    Reconnecting,
}

/// A mistake of the embedder. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Time may stand still but not run backwards.
    #[error("the session was told {now} after {last}: hand in instants that never fall")]
    TimeWentBack {
        /// What it was told.
        now: Instant,
        /// What it had been told before.
        last: Instant,
    },
}

/// A session: see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    config: Config,
    now: Instant,
    phase: Phase,
    backoff: Backoff,
    next_connection: u32,
    next_request: u32,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A session that is nowhere.
    pub fn new(now: Instant, config: Config) -> Self {
        let at_least = |span: Duration| span.max(limits::SPAN_MIN);
        let config = Config {
            connect_timeout: at_least(config.connect_timeout),
            response_timeout: at_least(config.response_timeout),
            heartbeat_interval: at_least(config.heartbeat_interval),
            heartbeat_timeout: at_least(config.heartbeat_timeout),
            reconnect_window: at_least(config.reconnect_window),
            lost_after: config.lost_after.map(at_least),
            lookup_timeout: config.lookup_timeout.map(at_least),
            ..config
        };
        let backoff = Backoff::new(limits::BACKOFF_FIRST, limits::BACKOFF_MAX, config.seed);
        Self { config, now, phase: Phase::Idle, backoff, next_connection: 1, next_request: 1, outputs: VecDeque::new() }
    }

    /// Takes in one input. Timers that are due fire first.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Misuse> {
        if now < self.now {
            return Err(Misuse::TimeWentBack { now, last: self.now });
        }
        self.handle_timeout(now);
        match input {
            Input::Call { id, call } => self.handle_call(id, call),
            Input::Opened { connection } => self.opened(connection),
            Input::Found { connection } => self.found(connection),
            Input::Failed { connection, code } => self.closed(connection, Some(code)),
            Input::Closed { connection } => self.closed(connection, None),
            Input::Received { connection, message } => self.received(connection, message),
        }
        Ok(())
    }

    /// Fires the timers that are due. Early or late calls do no harm; a `now` before the last one is ignored.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.now {
            return;
        }
        self.now = now;
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Connecting { .. } => self.connecting_timers(),
            Phase::Joining { until, .. } => {
                if until.is_due(now) {
                    self.walk_out();
                    self.way_in_failed(Code::RESPONSE_TIMEOUT);
                }
            }
            Phase::Joined { .. } => self.joined_timers(),
            Phase::Reconnecting { .. } => self.reconnect_timers(),
            Phase::Leaving { until, .. } => {
                if until.is_due(now) {
                    self.hang_up();
                    self.finish_leaving();
                }
            }
        }
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] is to be called: at once while outputs wait, else at the next timer.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        self.phase.deadline(&self.config).filter(|at| *at < Instant::MAX)
    }

    /// The most outputs that one call makes: of [`Session::handle_input`] with an input when no timer is due, of [`Session::handle_timeout`] without. A snapshot of the
    /// room makes an event for each thing that it lists or no longer lists, and so does the end of building up again, which looks back at a snapshot; nothing else makes more
    /// than the open requests and a few.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        let known = self.phase.view().map_or(0, |view| view.others.len());
        let news = match (input, &self.phase) {
            (
                Some(Input::Received {
                    message: ServerMessage::Accepted { accepted: Accepted::Joined { members, streams, .. }, .. }, ..
                }),
                _,
            ) => members.len() + streams.len() + known,
            (Some(Input::Received { .. }), Phase::Reconnecting { attempt: Attempt::Rebuilding(rebuild), .. }) => rebuild.len() + known,
            (Some(_) | None, _) => 0,
        };
        limits::OPEN_REQUESTS + 4 + news
    }

    /// How the connection stands.
    pub fn state(&self) -> ConnectionState {
        self.phase.state()
    }

    /// The number of the stay, while in a room.
    pub fn member(&self) -> Option<MemberId> {
        self.phase.view().map(|view| view.member)
    }

    /// Who the session is, while in a room.
    pub fn user(&self) -> Option<&UserId> {
        self.phase.view().map(|view| &view.user)
    }

    /// The present role, while in a room.
    pub fn role(&self) -> Option<Role> {
        self.phase.view().map(|view| view.join.role)
    }

    /// The others in the room, by user id, with the names to show.
    pub fn peers(&self) -> impl Iterator<Item = (&UserId, Option<&UserName>)> {
        self.phase.view().map(|view| &view.others).into_iter().flat_map(Others::members)
    }

    /// The streams of others in the room, by number.
    pub fn streams(&self) -> impl Iterator<Item = &StreamInfo> {
        self.phase.view().map(|view| &view.others).into_iter().flat_map(Others::streams)
    }

    /// The session's own streams, by number, as the server confirmed them.
    pub fn own_streams(&self) -> impl Iterator<Item = (StreamId, &StreamOffer)> {
        self.phase.view().into_iter().flat_map(|view| view.own.iter().map(|(id, stream)| (*id, &stream.offer)))
    }

    /// A connection that was ordered is open; so its server was found.
    fn opened(&mut self, opened: ConnectionId) {
        match &self.phase {
            Phase::Connecting { dial, .. } if dial.connection() == Some(opened) => self.send_join(opened),
            Phase::Reconnecting { .. } => self.reopened(opened),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Joined { .. } | Phase::Leaving { .. } => {}
        }
    }

    /// A connection ended, or could not be had.
    fn closed(&mut self, closed: ConnectionId, code: Option<Code>) {
        if self.phase.connection() != Some(closed) {
            return;
        }
        match &self.phase {
            Phase::Idle => {}
            Phase::Connecting { .. } => self.way_in_failed(code.unwrap_or(Code::NOT_CONNECTED)),
            Phase::Joining { .. } => self.way_in_failed(code.unwrap_or(Code::CLOSED_BY_PEER)),
            Phase::Joined { .. } => self.begin_reconnecting(code.unwrap_or(Code::CLOSED_BY_PEER)), // R-025
            Phase::Reconnecting { .. } => self.attempt_failed(),
            Phase::Leaving { .. } => self.finish_leaving(), // whether the server heard of it or not, the user has left
        }
    }

    /// Timers of the room: an answer that does not come, a server that fell silent, the next heartbeat.
    fn joined_timers(&mut self) {
        let now = self.now;
        let Phase::Joined { link, .. } = &mut self.phase else { return };
        let overdue = link.take_overdue(now);
        let connection = link.connection;
        let silent = link.last_heard.saturating_add(self.config.heartbeat_timeout).is_due(now);
        let ping = !silent && link.next_ping.is_due(now);
        if ping {
            link.next_ping = now.saturating_add(self.config.heartbeat_interval);
        }
        for call in overdue {
            self.answer(call, Err(Code::RESPONSE_TIMEOUT)); // R-026
        }
        if silent {
            self.hang_up();
            self.begin_reconnecting(Code::HEARTBEAT_LOST);
        } else if ping {
            self.send(connection, ClientMessage::Ping);
        }
    }

    /// Ends whatever goes on: every call that waits is answered with `code`, then `event` is told, then the state.
    fn stop(&mut self, code: Code, event: Option<Event>) {
        let from = self.state();
        match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::Reconnecting { .. } => {}
            Phase::Connecting { call, .. } | Phase::Joining { call, .. } | Phase::Leaving { call, .. } => self.answer(call, Err(code)),
            Phase::Joined { link, .. } => self.answer_all(link.calls(), code),
        }
        self.outputs.extend(event.map(Output::Event));
        self.note_state(from);
    }

    /// The stay is over without the application's doing.
    fn removed(&mut self, code: Code) {
        self.hang_up();
        self.stop(Code::CUT_SHORT, Some(Event::Removed { code }));
    }

    fn finish_leaving(&mut self) {
        let from = self.state();
        if let Phase::Leaving { call, .. } = core::mem::replace(&mut self.phase, Phase::Idle) {
            self.answer(call, Ok(Answer::Done));
        }
        self.note_state(from);
    }

    /// Closes the connection, if there is one.
    fn hang_up(&mut self) {
        if let Some(connection) = self.phase.connection() {
            self.outputs.push_back(Output::Disconnect { connection });
        }
    }

    /// Closes the connection, and says goodbye first where the server may have let the session in: it is not to keep a place for somebody who will not come.
    fn walk_out(&mut self) {
        if let Some(connection) = self.phase.joining_on() {
            self.send(connection, ClientMessage::Leave);
        }
        self.hang_up();
    }

    fn connect(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.outputs.push_back(Output::Connect { connection });
        connection
    }

    fn send(&mut self, connection: ConnectionId, message: ClientMessage) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        self.outputs.push_back(Output::Send { connection, frame: ClientFrame { request, message } });
        request
    }

    fn answer(&mut self, id: CallId, result: Result<Answer, Code>) {
        self.event(Event::Answered { id, result });
    }

    fn answer_all(&mut self, calls: Vec<CallId>, code: Code) {
        for call in calls {
            self.answer(call, Err(code));
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn events(&mut self, events: Vec<Event>) {
        self.outputs.extend(events.into_iter().map(Output::Event));
    }

    /// Goes over to another phase, and says so where that changes the connection's state (R-019).
    fn enter(&mut self, phase: Phase) {
        let from = self.state();
        self.phase = phase;
        self.note_state(from);
    }

    fn note_state(&mut self, from: ConnectionState) {
        let to = self.state();
        if from != to {
            self.event(Event::StateChanged { from, to });
        }
    }
}
