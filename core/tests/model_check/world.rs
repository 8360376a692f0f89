//! The world that is searched: a service, sessions, and what is under way between them.
//!
//! *What is modelled.* Each connection carries messages in both directions, in order and without loss until it breaks, as TCP does; nothing else is in order. Every message waits until
//! the search delivers it, so it may be late by any time, and connections overtake each other at will. A connection that breaks takes what is under way to the client with it; what
//! is under way to the server is lost, or comes late all the same. Each end hears of the break when the search says so: the server may learn of it long after the client is back on
//! another connection. What repeats is a client that had no answer: it comes back and asks again for what the server has granted.
//!
//! *What bounds it.* Each session may make so many calls, and so many times a connection may break, the application's server may send somebody away, and time may pass. Within
//! that, everything is searched. Time passes to the next deadline of any machine, and messages may be under way all the while.
//!
//! *What is left out.* Connections that nobody hears breaking (heartbeats find those; stories of `both.rs` do), more than one room, keys.

use core::{fmt, hash::Hash, time::Duration};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use greenroom_core::{
    auth::Authority,
    id::{AppId, MemberId, RoomId, SessionId, SourceId, UserId},
    role::Role,
    room::{Recipients, Room},
    service::{self, App, RoomKey, ServerCall, Service},
    session::{self, Call, CallId, ConnectionId, ConnectionState, Event, JoinCall, Session},
    stream::{StreamInfo, StreamKind, StreamOffer},
    time::{Instant, UnixSeconds},
    wire::{ClientFrame, ClientMessage, ServerMessage},
};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::{host::Host, search::State};

/// How long the server keeps a place. Longer than [`SESSION_WINDOW`], so that the session gives up first; as short as it is, a few deadlines lead there.
const ROOM_WINDOW: Duration = Duration::from_secs(3);
/// How long a session tries to come back: less than one attempt may take, so that the next deadline after a loss is its end.
const SESSION_WINDOW: Duration = Duration::from_secs(2);
/// Longer than anything else: heartbeats only would multiply the states.
const HEARTBEAT: Duration = Duration::from_secs(100);

pub const NAMES: [&str; 3] = ["ada", "bob", "eve"];

/// How often each thing may happen yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Calls of each session.
    pub calls: [u8; 3],
    pub cuts: u8,
    pub removals: u8,
    /// Steps in time.
    pub ticks: u8,
}

/// What a session may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Enter as that user.
    Join(u8),
    Leave,
    Publish,
    Unpublish,
    StepDown,
    StepUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Call { client: u8, ask: Ask },
    ToServer(SessionId),
    ToClient(SessionId),
    Cut { session: SessionId, late: bool },
    Remove(u8),
    Tick,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { client, ask: Ask::Join(user) } => write!(f, "session {client} is asked to join as {}", NAMES[usize::from(*user)]),
            Self::Call { client, ask } => write!(f, "session {client} is asked to {ask:?}"),
            Self::ToServer(session) => write!(f, "the server hears the next thing on {session}"),
            Self::ToClient(session) => write!(f, "the client hears the next thing on {session}"),
            Self::Cut { session, late: false } => write!(f, "{session} breaks, and what was under way is lost"),
            Self::Cut { session, late: true } => write!(f, "{session} breaks, and what was under way to the server comes late"),
            Self::Remove(user) => write!(f, "the application's server sends {} away", NAMES[usize::from(*user)]),
            Self::Tick => write!(f, "time passes to the next deadline"),
        }
    }
}

/// A part of the world, shared by all states in which it is the same, with its hash: a step pays for what it changes only.
#[derive(Clone, Debug)]
struct Part<T> {
    value: Arc<T>,
    hash: u128,
}

impl<T: Clone + Hash> Part<T> {
    fn new(value: T) -> Self {
        let mut hasher = Xxh3::new();
        value.hash(&mut hasher);
        Self { hash: hasher.digest128(), value: Arc::new(value) }
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = T::clone(&self.value);
        let result = change(&mut value);
        *self = Self::new(value);
        result
    }
}

#[derive(Clone, Debug)]
pub struct World<H> {
    now: Instant,
    budget: Budget,
    host: Part<H>,
    clients: Vec<Part<Client>>,
    connections: Vec<Part<Connection>>,
}

/// A session, and its calls as bits: which were made, which were answered.
#[derive(Clone, Debug, Hash)]
struct Client {
    session: Session,
    calls: u32,
    asked: u64,
    answered: u64,
}

#[derive(Clone, Debug, Hash)]
struct Connection {
    /// The server's number: the client's, and which client.
    session: SessionId,
    client: usize,
    id: ConnectionId,
    up: VecDeque<Up>,
    down: VecDeque<Down>,
    /// Nothing more is taken in.
    broken: bool,
    /// The end has heard that it is over, or has ended it.
    server_done: bool,
    client_done: bool,
}

#[derive(Clone, Debug, Hash)]
enum Up {
    Opened,
    Frame(ClientFrame),
    Closed,
}

#[derive(Clone, Debug, Hash)]
enum Down {
    Opened,
    Message(Arc<ServerMessage>),
    Closed,
}

impl<H: Host> World<H> {
    pub fn new(clients: usize, budget: Budget, host: impl FnOnce(Service) -> H) -> Self {
        let now = Instant::from_secs(1000);
        let mut config = service::Config::new(UnixSeconds(1_700_000_000));
        config.apps.insert(AppId::new("app").expect("a valid id"), App::new(Authority::Open));
        config.join_patience = 3 * HEARTBEAT;
        config.room.reconnect_window = ROOM_WINDOW;
        config.room.heartbeat_timeout = 3 * HEARTBEAT;
        let client = |seed: usize| {
            let mut config = session::Config::default();
            config.seed = seed as u64;
            config.reconnect_window = SESSION_WINDOW;
            config.heartbeat_interval = HEARTBEAT;
            config.heartbeat_timeout = 3 * HEARTBEAT;
            Part::new(Client { session: Session::new(now, config), calls: 0, asked: 0, answered: 0 })
        };
        let host = Part::new(host(Service::new(now, config)));
        Self { now, budget, host, clients: (0..clients).map(client).collect(), connections: Vec::new() }
    }

    fn room(&self) -> Option<&Room> {
        self.host.value.service().room(&key())
    }

    fn call(&mut self, client: u8, ask: Ask) -> Result<(), String> {
        let client = usize::from(client);
        self.budget.calls[client] -= 1;
        let now = self.now;
        let outputs = self.clients[client].change(|client| {
            let stream = client.session.own_streams().next().map(|(id, _)| id);
            let call = match ask {
                Ask::Join(user) => Call::Join(JoinCall::new(key().room, user_of(user), Role::Joiner)),
                Ask::Leave => Call::Leave,
                Ask::Publish => Call::Publish { offer: sound() },
                Ask::Unpublish => Call::Unpublish { stream: stream.expect("asked of those who publish only") },
                Ask::StepDown => Call::SwitchRole { role: Role::Player, credential: None },
                Ask::StepUp => Call::SwitchRole { role: Role::Joiner, credential: None },
            };
            let id = CallId(client.calls);
            client.asked |= 1 << client.calls;
            client.calls += 1;
            client.tell(now, session::Input::Call { id, call })
        });
        self.obey_client(client, outputs)
    }

    fn server_hears(&mut self, at: usize) -> Result<(), String> {
        let (session, client) = (self.connections[at].value.session, self.connections[at].value.client);
        let up = self.connections[at].change(|connection| {
            let up = connection.up.pop_front().expect("asked where something is under way only");
            connection.server_done |= matches!(up, Up::Closed);
            up
        });
        let seated: BTreeSet<MemberId> =
            self.room().into_iter().flat_map(Room::members).filter(|m| m.presence.session() == Some(session)).map(|m| m.id).collect();
        let joins = match &up {
            Up::Frame(ClientFrame { message: ClientMessage::Join { user, .. }, .. }) => user.clone(),
            _ => None,
        };
        let leaves = matches!(&up, Up::Frame(ClientFrame { message: ClientMessage::Leave, .. }));
        let before: Vec<(MemberId, UserId)> = self.room().into_iter().flat_map(Room::members).map(|m| (m.id, m.user.clone())).collect();
        let what = format!("{up:?}");
        self.tell_host(match up {
            Up::Opened => service::Input::Opened { session, source: SourceId(client as u64) },
            Up::Frame(frame) => service::Input::Message { session, frame },
            Up::Closed => service::Input::Disconnected { session },
        });
        for (stay, user) in before {
            let ended = self.room().is_none_or(|room| room.member(stay).is_none());
            let own = seated.contains(&stay) && leaves;
            if ended && !own && joins.as_ref() != Some(&user) {
                return Err(format!("{what} on {session} ended the stay {stay} of {user}, which is not its own"));
            }
        }
        Ok(())
    }

    fn client_hears(&mut self, at: usize) -> Result<(), String> {
        let (client, connection) = (self.connections[at].value.client, self.connections[at].value.id);
        let down = self.connections[at].change(|connection| {
            let down = connection.down.pop_front().expect("asked where something is under way only");
            connection.client_done |= matches!(down, Down::Closed);
            down
        });
        let now = self.now;
        let outputs = self.clients[client].change(|client| {
            client.tell(
                now,
                match down {
                    Down::Opened => session::Input::Opened { connection },
                    Down::Message(message) => session::Input::Received { connection, message: ServerMessage::clone(&message) },
                    Down::Closed => session::Input::Closed { connection },
                },
            )
        });
        self.obey_client(client, outputs)
    }

    fn tick(&mut self) -> Result<(), String> {
        self.budget.ticks -= 1;
        self.now = self.next_deadline().expect("asked where there is one only");
        let now = self.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.host.value.poll_timeout()) {
            let told = self.host.change(|host| {
                host.handle_timeout(now);
                listen(host)
            });
            self.pass_on(told);
        }
        for client in 0..self.clients.len() {
            if due(self.clients[client].value.session.poll_timeout()) {
                let outputs = self.clients[client].change(|client| {
                    client.session.handle_timeout(now);
                    client.listen()
                });
                self.obey_client(client, outputs)?;
            }
        }
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let sessions = self.clients.iter().filter_map(|client| client.value.session.poll_timeout());
        sessions.chain(self.host.value.poll_timeout()).min()
    }

    fn tell_host(&mut self, input: service::Input) {
        let now = self.now;
        let told = self.host.change(|host| {
            host.handle_input(now, input);
            listen(host)
        });
        self.pass_on(told);
    }

    fn pass_on(&mut self, told: Vec<(SessionId, Down)>) {
        for (session, down) in told {
            if let Some(connection) = self.connections.iter_mut().find(|connection| connection.value.session == session) {
                connection.change(|connection| {
                    connection.server_done |= matches!(down, Down::Closed);
                    if !connection.broken && !connection.client_done {
                        connection.down.push_back(down);
                    }
                });
            }
        }
    }

    fn obey_client(&mut self, client: usize, outputs: Result<Vec<session::Output>, String>) -> Result<(), String> {
        for output in outputs? {
            match output {
                session::Output::Connect { connection } => {
                    let session = SessionId(100 * (client as u64 + 1) + u64::from(connection.0));
                    let (up, down) = (VecDeque::from([Up::Opened]), VecDeque::from([Down::Opened]));
                    let new =
                        Connection { session, client, id: connection, up, down, broken: false, server_done: false, client_done: false };
                    if self.connections.iter().any(|other| other.value.session == session) {
                        return Err(format!("session {client} orders {connection:?} a second time"));
                    }
                    let place = self.connections.partition_point(|other| other.value.session < session);
                    self.connections.insert(place, Part::new(new));
                }
                session::Output::Send { connection, frame } => self.on_connection(client, connection, |connection| {
                    if !connection.broken {
                        connection.up.push_back(Up::Frame(frame));
                    }
                }),
                session::Output::Disconnect { connection } => self.on_connection(client, connection, |connection| {
                    connection.client_done = true;
                    connection.down.clear();
                    if !connection.broken {
                        connection.up.push_back(Up::Closed);
                    }
                }),
                session::Output::Event(_) => {}
            }
        }
        Ok(())
    }

    fn on_connection(&mut self, client: usize, id: ConnectionId, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) =
            self.connections.iter_mut().find(|connection| connection.value.client == client && connection.value.id == id)
        {
            connection.change(change);
        }
    }

    /// What holds in every state of the room.
    fn check_room(&self) -> Result<(), String> {
        let Some(room) = self.room() else { return Ok(()) };
        let mut users = BTreeSet::new();
        for member in room.members() {
            if !users.insert(&member.user) {
                return Err(format!("{} is there twice", member.user));
            }
            if member.role == Role::Player && !member.published.is_empty() {
                return Err(format!("{} is a player and publishes", member.user));
            }
        }
        for stream in room.streams() {
            if !room.member_of(&stream.user).is_some_and(|owner| owner.published.values().any(|id| *id == stream.id)) {
                return Err(format!("{} of {} has no publisher", stream.id, stream.user));
            }
        }
        Ok(())
    }

    /// What holds once nothing is under way and nobody is away: every call has its answer, and everyone sees what is there.
    fn check_rest(&self) -> Result<(), String> {
        let under_way = self.connections.iter().any(|connection| !connection.value.up.is_empty() || !connection.value.down.is_empty());
        let settled = |state| matches!(state, ConnectionState::Disconnected | ConnectionState::Connected);
        let away = self.room().into_iter().flat_map(Room::members).any(|member| member.presence.session().is_none());
        if under_way || away || !self.clients.iter().all(|client| settled(client.value.session.state())) {
            return Ok(());
        }
        for (number, client) in self.clients.iter().enumerate() {
            if client.value.asked != client.value.answered {
                return Err(format!("all is quiet, and calls of session {number} have no answer"));
            }
            self.check_view(number, &client.value.session)?;
        }
        let (inside, there) = (
            self.clients.iter().filter(|client| client.value.session.member().is_some()).count(),
            self.room().map_or(0, |room| room.members().count()),
        );
        if inside != there {
            return Err(format!("all is quiet, and {inside} sessions are in a room of {there}"));
        }
        Ok(())
    }

    fn check_view(&self, number: usize, session: &Session) -> Result<(), String> {
        let Some(member) = session.member() else { return Ok(()) };
        let Some((room, stay)) = self.room().and_then(|room| Some((room, room.member(member)?))) else {
            return Err(format!("all is quiet, and session {number} believes to be {member}, which is not there"));
        };
        let mut others: Vec<_> = room.members().filter(|m| m.id != member).map(|m| (&m.user, m.name.as_ref())).collect();
        others.sort();
        let seen: Vec<_> = session.peers().collect();
        if seen != others {
            return Err(format!("all is quiet, and session {number} sees {seen:?} where {others:?} are"));
        }
        let streams: Vec<&StreamInfo> = room.streams().filter(|stream| stream.user != stay.user).collect();
        let seen: Vec<_> = session.streams().collect();
        if seen != streams {
            return Err(format!("all is quiet, and session {number} sees {seen:?} where {streams:?} are published"));
        }
        let own: Vec<_> = room.streams().filter(|stream| stream.user == stay.user).map(|stream| stream.id).collect();
        let seen: Vec<_> = session.own_streams().map(|(id, _)| id).collect();
        if seen != own || session.role() != Some(stay.role) {
            return Err(format!(
                "all is quiet, and session {number} is {:?} with {seen:?}, in truth {:?} with {own:?}",
                session.role(),
                stay.role
            ));
        }
        Ok(())
    }

    fn asks(&self, client: usize) -> Vec<Ask> {
        let session = &self.clients[client].value.session;
        let own = u8::try_from(client).expect("there are few");
        if session.state() == ConnectionState::Disconnected {
            // The second may take the first one's place.
            return if client == 1 { vec![Ask::Join(1), Ask::Join(0)] } else { vec![Ask::Join(own)] };
        }
        let mut asks = vec![Ask::Leave];
        if session.state() == ConnectionState::Connected && session.member().is_some() {
            asks.push(if session.own_streams().next().is_some() { Ask::Unpublish } else { Ask::Publish });
            asks.push(if session.role() == Some(Role::Joiner) { Ask::StepDown } else { Ask::StepUp });
        }
        asks
    }
}

impl<H: Host> State for World<H> {
    type Step = Step;

    fn key(&self) -> u128 {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(self.now.as_nanos().to_le_bytes());
        let Budget { calls, cuts, removals, ticks } = self.budget;
        bytes.extend(calls.into_iter().chain([cuts, removals, ticks]));
        bytes.extend(self.host.hash.to_le_bytes());
        bytes.extend(self.clients.iter().flat_map(|client| client.hash.to_le_bytes()));
        bytes.extend(self.connections.iter().flat_map(|connection| connection.hash.to_le_bytes()));
        xxh3_128(&bytes)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for client in 0..self.clients.len() {
            if self.budget.calls[client] > 0 {
                let number = u8::try_from(client).expect("there are few");
                steps.extend(self.asks(client).into_iter().map(|ask| Step::Call { client: number, ask }));
            }
        }
        for connection in &self.connections {
            let connection = &connection.value;
            let session = connection.session;
            if !connection.up.is_empty() {
                steps.push(Step::ToServer(session));
            }
            if !connection.down.is_empty() {
                steps.push(Step::ToClient(session));
            }
            if self.budget.cuts > 0 && !connection.broken && !connection.client_done && !connection.server_done {
                steps.push(Step::Cut { session, late: false });
                if !connection.up.is_empty() {
                    steps.push(Step::Cut { session, late: true });
                }
            }
        }
        if self.budget.removals > 0 && self.room().is_some_and(|room| room.member_of(&user_of(0)).is_some()) {
            steps.push(Step::Remove(0));
        }
        if self.budget.ticks > 0 && self.next_deadline().is_some() {
            steps.push(Step::Tick);
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        let find = |world: &Self, session| {
            world
                .connections
                .iter()
                .position(|connection| connection.value.session == session)
                .expect("steps are of connections that are there")
        };
        match step {
            Step::Call { client, ask } => self.call(client, ask)?,
            Step::ToServer(session) => self.server_hears(find(self, session))?,
            Step::ToClient(session) => self.client_hears(find(self, session))?,
            Step::Cut { session, late } => {
                self.budget.cuts -= 1;
                let at = find(self, session);
                self.connections[at].change(|connection| {
                    connection.broken = true;
                    // Where the server has not heard of the connection it never will.
                    let heard_of = !matches!(connection.up.front(), Some(Up::Opened));
                    if !late {
                        connection.up.clear();
                    }
                    if late || heard_of {
                        connection.up.push_back(Up::Closed);
                    } else {
                        connection.server_done = true;
                    }
                    connection.down = VecDeque::from([Down::Closed]);
                });
            }
            Step::Remove(user) => {
                self.budget.removals -= 1;
                let call = ServerCall::RemoveUser { room: key(), user: user_of(user) };
                self.tell_host(service::Input::Server { id: service::CallId(1), call });
            }
            Step::Tick => self.tick()?,
        }
        self.connections.retain(|connection| {
            let connection = &connection.value;
            !(connection.server_done && connection.client_done && connection.up.is_empty())
        });
        self.check_room()?;
        self.check_rest()
    }
}

impl Client {
    #[expect(clippy::unwrap_in_result, reason = "the world's time never falls")]
    fn tell(&mut self, now: Instant, input: session::Input) -> Result<Vec<session::Output>, String> {
        self.session.handle_input(now, input).expect("time stands still or passes");
        self.listen()
    }

    /// Takes the session's outputs, and the answers among them off the list.
    fn listen(&mut self) -> Result<Vec<session::Output>, String> {
        let outputs: Vec<_> = core::iter::from_fn(|| self.session.poll_output()).collect();
        for output in &outputs {
            if let session::Output::Event(Event::Answered { id, result }) = output {
                let bit = 1 << id.0;
                if self.asked & bit == 0 || self.answered & bit != 0 {
                    return Err(format!("call {} is answered once more, with {result:?}", id.0));
                }
                self.answered |= bit;
            }
        }
        Ok(outputs)
    }
}

/// Takes a service's outputs: what goes down which connection.
fn listen<H: Host>(host: &mut H) -> Vec<(SessionId, Down)> {
    let mut told = Vec::new();
    while let Some(output) = host.poll_output() {
        match output {
            service::Output::Send { room, to, message } => {
                let message = Arc::new(message);
                let to: &Recipients = &to;
                told.extend(host.service().sessions_of(room.as_ref(), to).map(|session| (session, Down::Message(Arc::clone(&message)))));
            }
            service::Output::Snapshot { room, snapshot } => {
                told.push((snapshot.session, Down::Message(Arc::new(host.service().snapshot(&room, &snapshot)))));
            }
            service::Output::Close { session } => told.push((session, Down::Closed)),
            service::Output::Media { .. } | service::Output::Event { .. } | service::Output::ServerAnswer { .. } => {}
        }
    }
    told
}

fn key() -> RoomKey {
    RoomKey { app: AppId::new("app").expect("a valid id"), room: RoomId::new("stage").expect("a valid id") }
}

fn user_of(number: u8) -> UserId {
    UserId::new(NAMES[usize::from(number)]).expect("a valid id")
}

fn sound() -> StreamOffer {
    StreamOffer { kind: StreamKind::Main, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false }
}
