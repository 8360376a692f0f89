//! A service: many rooms behind one door.
//!
//! A [`Service`] is told what arrives on connections, and which of the application's own server calls came. It checks who may enter and as what, brings each message to its room, and
//! passes on what the rooms say. A [`Room`] believes what it is told of its members; this is where it is found out.
//!
//! ```text
//!                                        ┌─────────────────────────── Service ──┐
//!   Opened, Message, Disconnected ─────▶ │ shares ▶ credential ▶ role ▶ relays  │ ──▶ Send { room, to, message }    to connections
//!   Overflowed                           │                              │       │ ──▶ Close { session }
//!   Media { room, … } ─────────────────▶ │        ┌──────┐ ┌──────┐ ┌───▼──┐    │ ──▶ Media { room, … }             to the media plane
//!   Server { id, call } ───────────────▶ │        │ Room │ │ Room │ │ Room │    │ ──▶ Event { room, … }             to logs and reports
//!                                        │        └──────┘ └──────┘ └──────┘    │ ──▶ ServerAnswer { id, result }   to the application
//!                                        └──────────────────────────────────────┘
//! ```
//!
//! # Rooms
//!
//! A room is its app and its name ([`RoomKey`]): two apps that use one name have two rooms, and neither ever hears of the other (R-005). A room begins with the first who is let in, and
//! is kept for [`limits::ROOM_IDLE`] after the last one left; then it is gone, with its pause if it had one. One that was dissolved is gone with its last member, and a join after
//! that begins another. Whoever was in it and comes back for its stay hears of the end, for as long as it might have come back.
//!
//! # The way in
//!
//! A join is let in after all of this was found to be in order, and only then is anybody displaced:
//!
//! 1. the connection is in no room, and asks no faster than it may;
//! 2. its source has not failed too often lately ([`Code::TOO_MANY_FAILURES`]; whoever comes back to a stay that goes on is heard all the same);
//! 3. the app exists ([`Code::UNKNOWN_APP`], after as much work as for one that does, R-048) and uses such names for rooms ([`Code::ROOM_NAME_REFUSED`]);
//! 4. the user has an id, or the app finds one for it (R-072);
//! 5. the credential is good for app, room and user ([`Code::KEY_INVALID`], [`Code::KEY_EXPIRED`]);
//! 6. the app lets the user take that role, which no credential says ([`Code::ROLE_REFUSED`]);
//! 7. the user is in no more rooms than it may, and a joiner in one only ([`Code::TOO_MANY_RELAYS`], [`Code::RELAYED_ALREADY`], [`Code::JOINER_ELSEWHERE`]);
//! 8. the room has place for it, and there is place for the room ([`Code::ROOM_FULL`], [`Code::TOO_MANY_ROOMS`]).
//!
//! Coming back to a stay takes the same credential check; while the stay goes on by the grace for keys that ended, one that has just ended will do. A role is switched with a fresh credential where the app has any (R-077), and that one then takes the place of the one before, as
//! if it had been renewed: an application that fetched a new key for the stage need not send it twice. A credential that is renewed never shortens a stay.
//!
//! # A connection's life
//!
//! ```text
//!   Opened ──▶ outside ──── let in ────▶ inside ──── Disconnected, Overflowed, closed ──▶ gone; the stay is kept for a while
//!                │  ▲                      │  │
//!                │  └──────── leave ───────┘  └──── removed, displaced ──▶ closed
//!                └── too long without a room, too many refusals ──▶ closed
//! ```
//!
//! A number of a connection never comes back, so that what arrives late on one that is gone is for nobody: it is ignored.
//!
//! # What a hostile peer can do
//!
//! Fill its own share: commands, wishes for streams and heartbeats each have one for every connection, and beyond it a request is answered with [`Code::TOO_FAST`] and not looked at
//! (a heartbeat is not even answered). Whoever goes on is sent away. ([`Config::guard`] can be switched off, for tests.) [`Service::usage`] counts everything that could grow; each count has its bound in [`limits`] or in [`Config`].
//! What waits to be sent lies with the embedder; an [`Outbox`](crate::outbox::Outbox) bounds it, and [`Input::Overflowed`] says that it did.
//!
//! Concerns have their files: `service/admission.rs` the way in, `service/relay.rs` who is where, `service/guard.rs` shares, `service/connections.rs`, `service/rooms.rs`,
//! `service/server_api.rs`.

mod admission;
mod config;
mod connections;
mod guard;
mod invariants;
mod relay;
mod rooms;
mod server_api;

use alloc::collections::VecDeque;
use core::fmt;

pub use self::{
    config::{App, Config, Guard, Roles, RoomNames, UserScope},
    server_api::{CallId, ServerCall},
};
use self::{connections::Connections, guard::Failures, relay::Presences, rooms::Rooms};
use crate::{
    code::Code,
    id::{AppId, RequestId, RoomId, SessionId, SourceId},
    limits,
    room::{self, MediaInput, MediaOutput, Recipients, Room, Snapshot},
    time::Instant,
    wire::{ClientFrame, ClientMessage, ServerMessage},
};

/// A room's full name: its app and its name there (R-005).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey {
    /// Whose room it is.
    pub app: AppId,
    /// What the app calls it.
    pub room: RoomId,
}

impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.room)
    }
}

impl fmt::Debug for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a service is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A connection is open. Its number has never been used before.
    Opened {
        /// The connection.
        session: SessionId,
        /// Where it comes from.
        source: SourceId,
    },
    /// A message arrived on a connection.
    Message {
        /// The connection.
        session: SessionId,
        /// The message.
        frame: ClientFrame,
    },
    /// A connection ended, whoever ended it.
    Disconnected {
        /// The connection.
        session: SessionId,
    },
    /// More waits to be sent on a connection than may (see [`Outbox`](crate::outbox::Outbox)). It is closed, and the stay is kept as for one that was lost.
    Overflowed {
        /// The connection.
        session: SessionId,
    },
    /// The media plane has news. News for a room that is gone are ignored.
    Media {
        /// For which room.
        room: RoomKey,
        /// The news.
        input: MediaInput,
    },
    /// The application's server asks for something. It is answered exactly once, by [`Output::ServerAnswer`].
    Server {
        /// The application's number for it.
        id: CallId,
        /// What it asks for.
        call: ServerCall,
    },
}

/// What a service wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send a message. [`Service::sessions_of`] tells on which connections.
    Send {
        /// The room that speaks; none where the service itself does.
        room: Option<RoomKey>,
        /// To whom.
        to: Recipients,
        /// The message.
        message: ServerMessage,
    },
    /// Answer a join. [`Service::snapshot`] writes the message when it is sent.
    Snapshot {
        /// The room that was entered.
        room: RoomKey,
        /// What the answer is to tell.
        snapshot: Snapshot,
    },
    /// Close a connection, after what was sent on it.
    Close {
        /// The connection.
        session: SessionId,
    },
    /// Order the media plane of a room.
    Media {
        /// Which room.
        room: RoomKey,
        /// The order.
        order: MediaOutput,
    },
    /// Something worth knowing happened in a room.
    Event {
        /// Which room.
        room: RoomKey,
        /// What.
        event: room::Event,
    },
    /// The answer to a call of the application's server.
    ServerAnswer {
        /// Its number.
        id: CallId,
        /// What became of it.
        result: Result<(), Code>,
    },
}

/// A mistake of the embedder. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Time may stand still but not run backwards.
    #[error("the service was told {now} after {last}: hand in instants that never fall")]
    TimeWentBack {
        /// What it was told.
        now: Instant,
        /// What it had been told before.
        last: Instant,
    },
    /// A connection that is open was opened again.
    #[error("{session} is open already: give each connection a number that was never used before")]
    OpenAlready {
        /// Which.
        session: SessionId,
    },
}

/// How much of everything that peers can make more of there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Open connections, at most [`Config::connections_max`].
    pub connections: usize,
    /// Rooms, at most [`Config::rooms_max`].
    pub rooms: usize,
    /// Rooms among them that nobody is in.
    pub idle_rooms: usize,
    /// Stays in all rooms, those whose connection is away included: in each room at most its [`room::Config::members_max`].
    pub stays: usize,
    /// Published streams in all rooms, at most [`limits::STREAMS_PER_MEMBER`] for each stay.
    pub streams: usize,
    /// Streams received by members of all rooms, at most [`limits::SUBSCRIPTIONS_PER_MEMBER`] for each stay.
    pub subscriptions: usize,
    /// Users who are in any room, at most one for each stay.
    pub users: usize,
    /// Sources whose failed joins are remembered, at most [`limits::FAILED_JOIN_SOURCES`].
    pub sources: usize,
    /// Stays that were ended whose end is remembered, in each room at most [`limits::ENDED_STAYS`].
    pub ended_stays: usize,
    /// Dissolved rooms that are remembered, at most [`limits::DISSOLVED_ROOMS`].
    pub dissolved_rooms: usize,
}

/// A service: see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    config: Config,
    now: Instant,
    rooms: Rooms,
    connections: Connections,
    presences: Presences,
    failures: Failures,
    /// The number that the next user without an id gets, if nobody has it.
    next_user: u32,
    /// After a full batch of timers, the next batch begins here.
    rest_until: Instant,
    outputs: VecDeque<Output>,
}

impl Service {
    /// A service without rooms or connections.
    pub fn new(now: Instant, mut config: Config) -> Self {
        config.relay_rooms = config.relay_rooms.min(limits::RELAY_ROOMS);
        config.join_patience = config.join_patience.max(limits::SPAN_MIN);
        Self {
            config,
            now,
            rooms: Rooms::default(),
            connections: Connections::default(),
            presences: Presences::default(),
            failures: Failures::default(),
            next_user: 1,
            rest_until: now,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in one input. Timers that are due fire first.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Misuse> {
        if now < self.now {
            return Err(Misuse::TimeWentBack { now, last: self.now });
        }
        if let Input::Opened { session, .. } = input
            && self.connections.get(session).is_some()
        {
            return Err(Misuse::OpenAlready { session });
        }
        self.handle_timeout(now);
        match input {
            Input::Opened { session, source } => self.opened(session, source),
            Input::Message { session, frame } => self.handle_frame(session, frame),
            Input::Disconnected { session } => self.disconnected(session),
            Input::Overflowed { session } => self.hang_up(session, Code::TOO_SLOW),
            Input::Media { room, input } => {
                self.tell_room(&room, room::Input::Media(input));
            }
            Input::Server { id, call } => self.handle_call(id, call),
        }
        self.check_invariants();
        Ok(())
    }

    /// Fires the timers that are due, a batch at most: [`limits::ROOM_BATCH`] rooms and connections, and no more once rooms have said as much as one room may in a batch of its own. If
    /// more are due, the next deadline is [`limits::ROOM_BATCH_SPACING`] away. Early or late calls do no harm; a `now` before the last one is ignored.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.now {
            return;
        }
        self.now = now;
        self.rooms.forget(now);
        if self.rest_until <= now {
            self.work_off();
        }
        self.check_invariants();
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Service::handle_timeout`] is to be called: at once while outputs wait, else at the next timer.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let (room, idle) = (self.rooms.due.first().map(|(at, _)| *at), self.rooms.idle.first().map(|(at, _)| *at));
        let first = [room, idle, self.connections.poll_timeout()].into_iter().flatten().min();
        first.map(|at| at.max(self.rest_until)).filter(|at| *at < Instant::MAX)
    }

    /// The most outputs that one call makes: of [`Service::handle_input`] with an input when no timer is due, of [`Service::handle_timeout`] without. Neither depends on how many rooms,
    /// connections or members there are.
    ///
    /// An input for a room that waits for its turn among very many fires that room's timers first.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        match input {
            Some(Input::Server { call: ServerCall::DissolveRoom { .. }, .. }) => 2 * TIMER_OUTPUTS + limits::ROOM_OUTPUTS,
            Some(_) => TIMER_OUTPUTS + 3 * limits::ROOM_OUTPUTS,
            None => 2 * TIMER_OUTPUTS,
        }
    }

    /// The connections that a message of that room goes out on, in a fixed order. Nobody, for a room that is gone.
    pub fn sessions_of<'a>(&'a self, room: Option<&RoomKey>, to: &'a Recipients) -> impl Iterator<Item = SessionId> + 'a {
        let (one, many) = match to {
            Recipients::Session(session) => (Some(*session), None),
            Recipients::Members { .. } | Recipients::Listeners => (None, room.and_then(|key| self.rooms.get(key))),
        };
        one.into_iter().chain(many.into_iter().flat_map(move |room| room.sessions_of(to)))
    }

    /// The answer to a join, as the room stands now: an ended one has nobody in it any more.
    pub fn snapshot(&self, room: &RoomKey, snapshot: &Snapshot) -> ServerMessage {
        match self.rooms.get(room) {
            Some(room) => room.snapshot(snapshot),
            None => Room::new(self.now, self.config.room.clone()).snapshot(snapshot),
        }
    }

    /// Every room, by app and name.
    pub fn rooms(&self) -> impl Iterator<Item = (&RoomKey, &Room)> {
        self.rooms.hosted.iter().map(|(key, hosted)| (key, &hosted.room))
    }

    /// The room of that app and name.
    pub fn room(&self, key: &RoomKey) -> Option<&Room> {
        self.rooms.get(key)
    }

    /// The room that a connection leads to.
    pub fn room_of(&self, session: SessionId) -> Option<&RoomKey> {
        self.seat(session).map(|(key, _)| key)
    }

    /// How much of everything there is. Takes a walk through all rooms.
    pub fn usage(&self) -> Usage {
        let members = || self.rooms().flat_map(|(_, room)| room.members());
        Usage {
            connections: self.connections.len(),
            rooms: self.rooms.hosted.len(),
            idle_rooms: self.rooms.idle.len(),
            stays: members().count(),
            streams: members().map(|member| member.published.len()).sum(),
            subscriptions: members().map(|member| member.subscriptions.len()).sum(),
            users: self.presences.users(),
            sources: self.failures.len(),
            ended_stays: self.rooms().map(|(_, room)| room.ended_stays()).sum(),
            dissolved_rooms: self.rooms.dissolved(),
        }
    }

    /// Does what is due, a batch at most.
    fn work_off(&mut self) {
        let waiting = self.outputs.len();
        for _ in 0..limits::ROOM_BATCH {
            if self.outputs.len() - waiting >= TIMER_OUTPUTS {
                break;
            }
            if !self.next_room() && !self.next_outside() && !self.next_idle() {
                return;
            }
        }
        self.rest_until = self.now.saturating_add(limits::ROOM_BATCH_SPACING);
    }

    fn handle_frame(&mut self, session: SessionId, frame: ClientFrame) {
        let now = self.now;
        let ClientFrame { request, message } = frame;
        let Some(connection) = self.connections.get_mut(session) else { return };
        if self.config.guard == Guard::Enforced && !connection.shares.allow(now, &message) {
            if message != ClientMessage::Ping {
                self.refuse(session, request, Code::TOO_FAST);
            }
            return self.strike(session, Code::TOO_FAST);
        }
        let inside = self.seat(session).is_some();
        match message {
            join @ ClientMessage::Join { .. } => self.join(session, request, join),
            ClientMessage::SwitchRole { role, credential } => self.switch_role(session, request, role, credential),
            ClientMessage::Renew { credential } => self.renew(session, request, &credential),
            ClientMessage::Ping if !inside => self.send(session, ServerMessage::Pong),
            ClientMessage::Unknown if !inside => self.refuse(session, request, Code::UNKNOWN_MESSAGE),
            other => self.pass_on(session, ClientFrame { request, message: other }),
        }
    }

    /// Brings a message to the room that its connection leads to.
    fn pass_on(&mut self, session: SessionId, frame: ClientFrame) {
        let Some((key, _)) = self.seat(session) else {
            return self.refuse(session, frame.request, Code::NOT_IN_ROOM);
        };
        let key = key.clone();
        self.tell_room(&key, room::Input::Message { session, frame });
        self.unseat(session); // if it has left
    }

    fn refuse(&mut self, session: SessionId, request: RequestId, code: Code) {
        self.send(session, ServerMessage::Refused { request, code });
    }
}

/// Most outputs of one room's batch of timers.
const TIMER_OUTPUTS: usize = limits::ROOM_BATCH * limits::ROOM_OUTPUTS;
