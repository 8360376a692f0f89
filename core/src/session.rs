//! A session: one user's side of a room.
//!
//! A [`Session`] is told what the application calls and what the connection does, and answers with what to send, when to connect, and events for the application. It
//! survives lost connections: it reconnects, comes back as the same stay, and tells the application what it missed.
//!
//! ```text
//!            join                  opened                  accepted
//!   Idle ───────────▶ Connecting ─────────▶ Joining ──────────────────▶ Joined ◀────────────┐
//!    ▲  ▲                 │ too long            │ refused                │  │              │ accepted
//!    │  └─────────────────┴─────────────────────┘                  leave │  │ lost         │
//!    │                                                                   ▼  ▼              │
//!    └────────────────────────────────────────────────────────── Leaving  Reconnecting ────┘
//!                                  answered, or too long               └──▶ Idle: window over, refused, or left
//! ```

mod backoff;
mod reconnect;
mod room_view;

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::time::Duration;

pub use self::backoff::Backoff;
use self::{reconnect::Attempt, room_view::RoomView};
use crate::{
    code::Code,
    id::{LayerId, MemberId, RequestId, RoomId, StreamId, UserId, UserName},
    limits,
    role::Role,
    stream::{StreamInfo, StreamOffer},
    time::Instant,
    wire::{Accepted, ClientFrame, ClientMessage, LeaveReason, MediaDescription, ServerMessage, Versions},
};

/// How a session behaves.
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
    /// How long to try to come back.
    pub reconnect_window: Duration,
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
            seed: 0,
        }
    }
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
        /// The highest layer wanted; the highest there is when absent.
        max_layer: Option<LayerId>,
    },
    /// Receive parts of a stream no longer.
    Unsubscribe {
        /// The stream.
        stream: StreamId,
        /// Its audio.
        audio: bool,
        /// Its video.
        video: bool,
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
            Self::Unpublish { .. } => "unpublish",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Mute { .. } => "mute",
            Self::SwitchRole { .. } => "switch_role",
            Self::Media { .. } => "media",
        }
    }
}

/// Which room to enter, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JoinCall {
    /// The room.
    pub room: RoomId,
    /// The user.
    pub user: UserId,
    /// The name to show to others.
    pub name: Option<UserName>,
    /// What the user means to do there.
    pub role: Role,
    /// How the user's media transport is reached.
    pub media: Option<MediaDescription>,
}

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Open a connection to the server, and say [`Input::Opened`] or [`Input::Closed`].
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
    /// The connection is back, and the stay goes on. What was missed follows.
    Restored {
        /// How long it was away.
        after: Duration,
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
    /// Somebody else left.
    PeerLeft {
        /// Who.
        user: UserId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody else publishes a stream.
    StreamAdded {
        /// The stream.
        stream: StreamInfo,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// In the room.
    Joined {
        /// The role that was granted.
        role: Role,
    },
    /// Publishing.
    Published {
        /// The stream's number.
        stream: StreamId,
    },
    /// Done; there is nothing to add.
    Done,
}

/// How the connection stands, in SparkRTC's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// There is none, and none is wanted.
    Disconnected,
    /// The first one is being made.
    Connecting,
    /// It stands.
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
    /// Requests that wait for their answers.
    open: BTreeMap<RequestId, OpenRequest>,
    outputs: VecDeque<Output>,
}

/// Where the session is in its life, with what it needs there and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// The first connection is being made.
    Connecting {
        connection: ConnectionId,
        call: CallId,
        join: JoinCall,
        until: Instant,
    },
    /// The join is on its way; its request watches the time.
    Joining {
        connection: ConnectionId,
        join: JoinCall,
    },
    /// In the room.
    Joined {
        link: Link,
        view: RoomView,
    },
    /// In the room, as far as the server knows; the connection is being restored.
    Reconnecting {
        attempt: Attempt,
        view: RoomView,
        lost_at: Instant,
        until: Instant,
    },
    /// The leave is on its way; its request watches the time.
    Leaving {
        connection: ConnectionId,
    },
}

/// A connection that stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link {
    connection: ConnectionId,
    last_heard: Instant,
    next_ping: Instant,
}

/// A request that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OpenRequest {
    call: CallId,
    until: Instant,
    purpose: Purpose,
}

/// What a request's answer means for the session itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Purpose {
    Join,
    Leave,
    /// A change that the session's view of the room follows, once it is granted.
    Publish(StreamOffer),
    Unpublish(StreamId),
    SwitchRole(Role),
    Other,
}

impl Session {
    /// A session that is nowhere.
    pub fn new(now: Instant, config: Config) -> Self {
        let backoff = Backoff::new(limits::BACKOFF_FIRST, limits::BACKOFF_MAX, config.seed);
        Self {
            config,
            now,
            phase: Phase::Idle,
            backoff,
            next_connection: 1,
            next_request: 1,
            open: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
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
            Input::Closed { connection } => self.lost(connection, Code::CLOSED_BY_PEER),
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
        self.expire_requests();
        match &mut self.phase {
            Phase::Idle | Phase::Joining { .. } | Phase::Leaving { .. } => {}
            Phase::Connecting {
                connection, call, until, ..
            } => {
                if *until <= now {
                    let (connection, call) = (*connection, *call);
                    self.disconnect(connection);
                    self.answer(call, Err(Code::CONNECT_TIMEOUT));
                    self.enter(Phase::Idle);
                }
            }
            Phase::Joined { link, .. } => {
                if link.last_heard.saturating_add(self.config.heartbeat_timeout) <= now {
                    let connection = link.connection;
                    self.lost(connection, Code::HEARTBEAT_LOST);
                } else if link.next_ping <= now {
                    link.next_ping = now.saturating_add(self.config.heartbeat_interval);
                    let connection = link.connection;
                    self.send(connection, ClientMessage::Ping);
                }
            }
            Phase::Reconnecting { .. } => self.reconnect_timers(),
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
        let request = self.open.values().map(|r| r.until).min();
        let phase = match &self.phase {
            Phase::Idle | Phase::Joining { .. } | Phase::Leaving { .. } => None,
            Phase::Connecting { until, .. } => Some(*until),
            Phase::Joined { link, .. } => Some(link.next_ping.min(link.last_heard.saturating_add(self.config.heartbeat_timeout))),
            Phase::Reconnecting { attempt, until, .. } => Some(attempt.deadline().min(*until)),
        };
        [request, phase].into_iter().flatten().min()
    }

    /// The most outputs that one call makes: of [`Session::handle_input`] with an input when no timer is due, of [`Session::handle_timeout`] without. A snapshot of the
    /// room makes an event for each thing it lists or no longer lists; nothing else makes more than the open requests and a few.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        let snapshot = match input {
            Some(Input::Received {
                message:
                    ServerMessage::Accepted {
                        accepted: Accepted::Joined { members, streams, .. },
                        ..
                    },
                ..
            }) => members.len() + streams.len() + self.view().map_or(0, RoomView::len),
            Some(_) | None => 0,
        };
        limits::OPEN_REQUESTS + 4 + snapshot
    }

    /// How the connection stands.
    pub fn state(&self) -> ConnectionState {
        match self.phase {
            Phase::Idle => ConnectionState::Disconnected,
            Phase::Connecting { .. } => ConnectionState::Connecting,
            Phase::Joining { .. } | Phase::Joined { .. } | Phase::Leaving { .. } => ConnectionState::Connected,
            Phase::Reconnecting { .. } => ConnectionState::Reconnecting,
        }
    }

    /// The number of the stay, while in a room.
    pub fn member(&self) -> Option<MemberId> {
        self.view().map(|view| view.member)
    }

    /// The streams of others in the room, by number.
    pub fn streams(&self) -> impl Iterator<Item = &StreamInfo> {
        self.view().into_iter().flat_map(|view| view.streams.values())
    }

    fn view(&self) -> Option<&RoomView> {
        match &self.phase {
            Phase::Joined { view, .. } | Phase::Reconnecting { view, .. } => Some(view),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Leaving { .. } => None,
        }
    }

    fn handle_call(&mut self, id: CallId, call: Call) {
        match call {
            Call::Join(join) => self.call_join(id, join),
            Call::Leave => self.call_leave(id),
            Call::Publish { offer } => {
                let message = ClientMessage::Publish { offer: offer.clone() };
                self.request(id, message, Purpose::Publish(offer));
            }
            Call::Unpublish { stream } => self.request(id, ClientMessage::Unpublish { stream }, Purpose::Unpublish(stream)),
            Call::Subscribe {
                stream,
                audio,
                video,
                max_layer,
            } => {
                self.request(
                    id,
                    ClientMessage::Subscribe {
                        stream,
                        audio,
                        video,
                        max_layer,
                    },
                    Purpose::Other,
                );
            }
            Call::Unsubscribe { stream, audio, video } => {
                self.request(id, ClientMessage::Unsubscribe { stream, audio, video }, Purpose::Other);
            }
            Call::Mute { stream, audio, video } => self.request(id, ClientMessage::Mute { stream, audio, video }, Purpose::Other),
            Call::SwitchRole { role } => self.request(id, ClientMessage::SwitchRole { role }, Purpose::SwitchRole(role)),
            Call::Media { description } => self.request(id, ClientMessage::Media { description }, Purpose::Other),
        }
    }

    fn call_join(&mut self, id: CallId, join: JoinCall) {
        if !matches!(self.phase, Phase::Idle) {
            return self.answer(id, Err(Code::ALREADY_IN_ROOM)); // R-003
        }
        let connection = self.connect();
        let until = self.now.saturating_add(self.config.connect_timeout);
        self.enter(Phase::Connecting {
            connection,
            call: id,
            join,
            until,
        });
    }

    /// Leaving always works: in the room it is asked for and answered; on the way in or back it just ends the attempts (R-031).
    fn call_leave(&mut self, id: CallId) {
        match &self.phase {
            Phase::Idle | Phase::Leaving { .. } => self.answer(id, Err(Code::NOT_IN_ROOM)), // R-063
            Phase::Connecting { connection, call, .. } => {
                let (connection, join) = (*connection, *call);
                self.disconnect(connection);
                self.answer(join, Err(Code::CUT_SHORT));
                self.answer(id, Ok(Answer::Done));
                self.enter(Phase::Idle);
            }
            Phase::Joining { connection, .. } => {
                let connection = *connection;
                self.disconnect(connection);
                self.cut_requests_short();
                self.answer(id, Ok(Answer::Done));
                self.enter(Phase::Idle);
            }
            Phase::Reconnecting { attempt, .. } => {
                if let Some(connection) = attempt.connection() {
                    self.disconnect(connection);
                }
                self.cut_requests_short();
                self.answer(id, Ok(Answer::Done));
                self.enter(Phase::Idle);
            }
            Phase::Joined { link, .. } => {
                let connection = link.connection;
                self.cut_requests_short(); // R-015
                self.send_request(connection, id, ClientMessage::Leave, Purpose::Leave);
                self.enter(Phase::Leaving { connection });
            }
        }
    }

    /// Sends a request of the application, if there is a room and a connection to send it on.
    fn request(&mut self, id: CallId, message: ClientMessage, purpose: Purpose) {
        match &self.phase {
            Phase::Joined { link, .. } => {
                let connection = link.connection;
                if self.open.len() >= limits::OPEN_REQUESTS {
                    return self.answer(id, Err(Code::TOO_MANY_REQUESTS));
                }
                self.send_request(connection, id, message, purpose);
            }
            Phase::Reconnecting { .. } => self.answer(id, Err(Code::NOT_CONNECTED)), // R-024
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Leaving { .. } => {
                self.answer(id, Err(Code::NOT_IN_ROOM));
            }
        }
    }

    fn send_request(&mut self, connection: ConnectionId, call: CallId, message: ClientMessage, purpose: Purpose) {
        let request = self.send(connection, message);
        let until = self.now.saturating_add(self.config.response_timeout);
        self.open.insert(request, OpenRequest { call, until, purpose });
    }

    fn send(&mut self, connection: ConnectionId, message: ClientMessage) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        self.outputs.push_back(Output::Send {
            connection,
            frame: ClientFrame { request, message },
        });
        request
    }

    fn opened(&mut self, opened: ConnectionId) {
        match &self.phase {
            Phase::Connecting {
                connection, call, join, ..
            } if *connection == opened => {
                let (call, join) = (*call, join.clone());
                self.send_request(opened, call, join_message(&join, None), Purpose::Join);
                self.enter(Phase::Joining { connection: opened, join });
            }
            Phase::Reconnecting { .. } => self.reopened(opened),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Joined { .. } | Phase::Leaving { .. } => {}
        }
    }

    /// A connection ended, or fell silent.
    fn lost(&mut self, lost: ConnectionId, code: Code) {
        match &self.phase {
            Phase::Connecting { connection, call, .. } if *connection == lost => {
                let call = *call;
                self.answer(call, Err(Code::NOT_CONNECTED));
                self.enter(Phase::Idle);
            }
            Phase::Joining { connection, .. } if *connection == lost => {
                self.fail_requests(code);
                self.enter(Phase::Idle);
            }
            Phase::Leaving { connection } if *connection == lost => {
                // Whether the server heard of it or not, the user has left.
                self.finish_leaving();
            }
            Phase::Joined { link, .. } if link.connection == lost => self.begin_reconnecting(code),
            Phase::Reconnecting { .. } => self.attempt_failed(lost),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Joined { .. } | Phase::Leaving { .. } => {}
        }
    }

    fn received(&mut self, connection: ConnectionId, message: ServerMessage) {
        if self.connection() != Some(connection) {
            return;
        }
        if let Phase::Joined { link, .. } = &mut self.phase {
            link.last_heard = self.now;
        }
        match message {
            ServerMessage::Accepted { request, accepted } => self.accepted(connection, request, accepted),
            ServerMessage::Refused { request, code } => self.refused(request, code),
            ServerMessage::Removed { code } => self.removed(code),
            ServerMessage::Media { description } => self.event(Event::Media { description }),
            ServerMessage::Pong | ServerMessage::Unknown => {}
            news @ (ServerMessage::PeerJoined { .. }
            | ServerMessage::PeerLeft { .. }
            | ServerMessage::StreamAdded { .. }
            | ServerMessage::StreamRemoved { .. }
            | ServerMessage::StreamMuted { .. }) => {
                if let Phase::Joined { view, .. } = &mut self.phase
                    && let Some(event) = view.apply(news)
                {
                    self.event(event);
                }
            }
        }
    }

    fn accepted(&mut self, connection: ConnectionId, request: RequestId, accepted: Accepted) {
        let Some(OpenRequest { call, purpose, .. }) = self.open.remove(&request) else {
            return;
        };
        match (purpose, accepted) {
            (
                Purpose::Join,
                Accepted::Joined {
                    member,
                    role,
                    members,
                    streams,
                    resumed,
                    ..
                },
            ) => {
                let link = self.fresh_link(connection);
                match core::mem::replace(&mut self.phase, Phase::Idle) {
                    Phase::Joining { join, .. } => {
                        let (view, news) = RoomView::new(join, member, role, members, streams);
                        self.phase = Phase::Joined { link, view };
                        self.answer(call, Ok(Answer::Joined { role }));
                        self.events(news);
                    }
                    Phase::Reconnecting { mut view, lost_at, .. } if resumed => {
                        view.take_role(role);
                        self.restored(link, view, lost_at, members, streams);
                    }
                    other => self.phase = other,
                }
            }
            (Purpose::Publish(offer), Accepted::Published { stream }) => {
                self.note_own(|view| view.own.insert(stream, offer));
                self.answer(call, Ok(Answer::Published { stream }));
            }
            (Purpose::Leave, Accepted::Done) => {
                self.answer(call, Ok(Answer::Done));
                self.finish_leaving();
            }
            (Purpose::Unpublish(stream), Accepted::Done) => {
                self.note_own(|view| view.own.remove(&stream));
                self.answer(call, Ok(Answer::Done));
            }
            (Purpose::SwitchRole(role), Accepted::Done) => {
                self.note_own(|view| view.take_role(role));
                self.answer(call, Ok(Answer::Done));
            }
            (Purpose::Other, Accepted::Done) => self.answer(call, Ok(Answer::Done)),
            // An answer of the wrong kind: the server broke the protocol, and the caller still needs an answer.
            (_, Accepted::Joined { .. } | Accepted::Published { .. } | Accepted::Done) => self.answer(call, Err(Code::INTERNAL)),
        }
    }

    fn refused(&mut self, request: RequestId, code: Code) {
        let Some(OpenRequest { call, purpose, .. }) = self.open.remove(&request) else {
            return;
        };
        match (&self.phase, purpose) {
            (Phase::Joining { connection, .. }, Purpose::Join) => {
                let connection = *connection;
                self.disconnect(connection);
                self.answer(call, Err(code));
                self.enter(Phase::Idle);
            }
            (Phase::Reconnecting { .. }, Purpose::Join) => self.removed(code),
            (Phase::Leaving { .. }, Purpose::Leave) => {
                self.answer(call, Ok(Answer::Done)); // the server says the user is not there: that was the wish
                self.finish_leaving();
            }
            (_, _) => self.answer(call, Err(code)),
        }
    }

    /// The stay is over without the application's doing.
    fn removed(&mut self, code: Code) {
        if let Some(connection) = self.connection() {
            self.disconnect(connection);
        }
        self.cut_requests_short();
        self.event(Event::Removed { code });
        self.enter(Phase::Idle);
    }

    fn finish_leaving(&mut self) {
        if let Phase::Leaving { connection } = self.phase {
            self.disconnect(connection);
        }
        let open = core::mem::take(&mut self.open);
        for request in open.into_values() {
            self.answer(request.call, Ok(Answer::Done)); // only the leave itself can be open here
        }
        self.enter(Phase::Idle);
    }

    fn expire_requests(&mut self) {
        let now = self.now;
        while let Some(request) = self.open.iter().find(|(_, r)| r.until <= now).map(|(id, _)| *id) {
            let OpenRequest { call, purpose, .. } = self.open.remove(&request).expect("found above");
            match (purpose, &self.phase) {
                (Purpose::Leave, _) => {
                    self.answer(call, Ok(Answer::Done));
                    self.finish_leaving();
                }
                (Purpose::Join, Phase::Joining { connection, .. }) => {
                    let connection = *connection;
                    self.disconnect(connection);
                    self.answer(call, Err(Code::RESPONSE_TIMEOUT));
                    self.enter(Phase::Idle);
                }
                (Purpose::Join, Phase::Reconnecting { attempt, .. }) => {
                    if let Some(connection) = attempt.connection() {
                        self.disconnect(connection);
                        self.attempt_failed(connection);
                    }
                }
                (_, _) => self.answer(call, Err(Code::RESPONSE_TIMEOUT)),
            }
        }
    }

    /// Requests that a leave or a lost connection cuts short finish now, exactly once (R-015).
    fn cut_requests_short(&mut self) {
        self.fail_requests(Code::CUT_SHORT);
    }

    fn fail_requests(&mut self, code: Code) {
        let open = core::mem::take(&mut self.open);
        let reconnecting = matches!(self.phase, Phase::Reconnecting { .. });
        for request in open.into_values() {
            // While reconnecting, an open join is the session's own.
            if !(reconnecting && request.purpose == Purpose::Join) {
                self.answer(request.call, Err(code));
            }
        }
    }

    fn note_own<R>(&mut self, change: impl FnOnce(&mut RoomView) -> R) {
        if let Phase::Joined { view, .. } = &mut self.phase {
            change(view);
        }
    }

    fn connection(&self) -> Option<ConnectionId> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Connecting { connection, .. } | Phase::Joining { connection, .. } | Phase::Leaving { connection } => Some(*connection),
            Phase::Joined { link, .. } => Some(link.connection),
            Phase::Reconnecting { attempt, .. } => attempt.connection(),
        }
    }

    fn fresh_link(&self, connection: ConnectionId) -> Link {
        Link {
            connection,
            last_heard: self.now,
            next_ping: self.now.saturating_add(self.config.heartbeat_interval),
        }
    }

    fn connect(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.outputs.push_back(Output::Connect { connection });
        connection
    }

    fn disconnect(&mut self, connection: ConnectionId) {
        self.outputs.push_back(Output::Disconnect { connection });
    }

    fn answer(&mut self, id: CallId, result: Result<Answer, Code>) {
        self.event(Event::Answered { id, result });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn events(&mut self, events: Vec<Event>) {
        self.outputs.extend(events.into_iter().map(Output::Event));
    }

    /// Goes over to another phase, and says so where that changes the connection's state.
    fn enter(&mut self, phase: Phase) {
        let from = self.state();
        self.phase = phase;
        let to = self.state();
        if from != to {
            self.event(Event::StateChanged { from, to });
        }
    }
}

/// The message that enters a room, or goes on with a stay.
fn join_message(join: &JoinCall, resumes: Option<MemberId>) -> ClientMessage {
    ClientMessage::Join {
        versions: Versions::SUPPORTED,
        room: join.room.clone(),
        user: join.user.clone(),
        name: join.name.clone(),
        role: join.role,
        resumes,
        media: join.media.clone(),
    }
}
