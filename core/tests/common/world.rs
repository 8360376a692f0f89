//! Sessions and one room, joined by connections in memory: in order and reliable until they break. What was under way when one broke is lost or comes late.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use greenroom_core::{
    code::Code,
    id::{RoomId, SessionId, UserId},
    role::Role,
    room::{self, Room},
    session::{self, Answer, Call, CallId, ConnectionId, ConnectionState, JoinCall, Session},
    stream::{StreamInfo, StreamKind, StreamOffer},
    time::Instant,
    wire::{ClientFrame, ServerMessage},
};

/// Time from one end of a connection to the other.
pub const LATENCY: Duration = Duration::from_millis(20);

pub struct World {
    pub now: Instant,
    pub room: Room,
    pub clients: Vec<Client>,
    /// Whether new connections can be made.
    pub network: bool,
    connections: BTreeMap<SessionId, Connection>,
    next_session: u64,
    /// What is under way, by the time of its arrival; equal times keep their order.
    under_way: BTreeMap<(Instant, u64), Arrival>,
    next_arrival: u64,
    /// What the room told of itself.
    pub room_events: Vec<room::Event>,
}

pub struct Client {
    pub session: Session,
    /// The server's name for each connection of this client.
    pub connections: BTreeMap<ConnectionId, SessionId>,
    pub events: Vec<session::Event>,
    pub calls: Vec<CallId>,
}

struct Connection {
    client: usize,
    id: ConnectionId,
    /// When each end has heard the last of what is under way to it: nothing overtakes.
    up_until: Instant,
    down_until: Instant,
    /// Nothing more is taken.
    broken: bool,
}

enum Arrival {
    Opened(SessionId),
    Refused(usize, ConnectionId),
    ToServer(SessionId, ClientFrame),
    ServerClosed(SessionId),
    ToClient(SessionId, ServerMessage),
    ClientClosed(SessionId),
}

impl World {
    pub fn new(clients: usize) -> Self {
        let now = Instant::from_secs(1000);
        let client = |seed| Client {
            session: Session::new(now, session_config(seed)),
            connections: BTreeMap::new(),
            events: Vec::new(),
            calls: Vec::new(),
        };
        Self {
            now,
            room: Room::new(now, room::Config::new(RoomId::new("stage").expect("a valid id"))),
            clients: (0..clients).map(client).collect(),
            network: true,
            connections: BTreeMap::new(),
            next_session: 1,
            under_way: BTreeMap::new(),
            next_arrival: 0,
            room_events: Vec::new(),
        }
    }

    /// Clients of these names, all in the room.
    pub fn of(names: &[&str]) -> Self {
        let mut world = Self::new(names.len());
        for (client, name) in names.iter().enumerate() {
            world.call(client, join(name, Role::Joiner));
        }
        world.pass(Duration::from_secs(1));
        for client in 0..names.len() {
            assert_eq!(world.state(client), ConnectionState::Connected);
        }
        world.hush();
        world
    }

    pub fn call(&mut self, client: usize, call: Call) -> CallId {
        let id = CallId(u32::try_from(self.clients[client].calls.len()).expect("few calls") + 1);
        self.clients[client].calls.push(id);
        self.tell_session(client, session::Input::Call { id, call });
        id
    }

    pub fn state(&self, client: usize) -> ConnectionState {
        self.clients[client].session.state()
    }

    pub fn events(&mut self, client: usize) -> Vec<session::Event> {
        core::mem::take(&mut self.clients[client].events)
    }

    /// How often each call of a client was answered, as long as its events were not taken.
    pub fn answers(&self, client: usize) -> BTreeMap<CallId, usize> {
        let mut answers = BTreeMap::new();
        for event in &self.clients[client].events {
            if let session::Event::Answered { id, .. } = event {
                *answers.entry(*id).or_insert(0) += 1;
            }
        }
        answers
    }

    /// The answer to a call.
    pub fn answer(&self, client: usize, call: CallId) -> Option<Result<Answer, Code>> {
        self.clients[client].events.iter().find_map(|event| match event {
            session::Event::Answered { id, result } if *id == call => Some(result.clone()),
            _ => None,
        })
    }

    pub fn hush(&mut self) {
        for client in &mut self.clients {
            client.events.clear();
        }
        self.room_events.clear();
    }

    /// Breaks a client's newest connection. Each end hears of it after its own delay, or never; what is under way to the server comes late by `late`, or never.
    pub fn break_connection(
        &mut self,
        client: usize,
        server_hears: Option<Duration>,
        client_hears: Option<Duration>,
        late: Option<Duration>,
    ) {
        let Some((&id, &session)) = self.clients[client].connections.last_key_value() else {
            return;
        };
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&session).filter(|c| !c.broken) else {
            return;
        };
        connection.broken = true;
        let of_session = |arrival: &Arrival| match arrival {
            Arrival::ToServer(of, _)
            | Arrival::ServerClosed(of)
            | Arrival::ToClient(of, _)
            | Arrival::ClientClosed(of)
            | Arrival::Opened(of) => *of == session,
            Arrival::Refused(..) => false,
        };
        let keys: Vec<_> = self.under_way.iter().filter(|(_, arrival)| of_session(arrival)).map(|(key, _)| *key).collect();
        for key in keys {
            let arrival = self.under_way.remove(&key).expect("it was just found");
            if let (Arrival::ToServer(..), Some(late)) = (&arrival, late) {
                self.under_way.insert((key.0.saturating_add(late), key.1), arrival);
            }
        }
        if let Some(after) = server_hears {
            self.arrive(now.saturating_add(after), Arrival::ServerClosed(session));
        }
        if let Some(after) = client_hears {
            self.arrive(now.saturating_add(after), Arrival::ClientClosed(session));
        }
        let _ = id;
    }

    /// Lets time pass: what is under way arrives, and every deadline is kept.
    pub fn pass(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        loop {
            let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let timers = self.clients.iter().map(|client| client.session.poll_timeout()).chain([self.room.poll_timeout()]).flatten().min();
            let Some(at) = [arrival, timers].into_iter().flatten().min().filter(|at| *at <= until) else {
                break;
            };
            self.now = at.max(self.now);
            self.room.handle_timeout(self.now);
            self.listen_to_room();
            for client in 0..self.clients.len() {
                self.clients[client].session.handle_timeout(self.now);
                self.listen_to_session(client);
            }
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let arrival = entry.remove();
                self.deliver(arrival);
            }
        }
        self.now = until;
    }

    /// What a client knows of the others, next to what the room knows.
    pub fn views_agree(&self) -> Result<(), String> {
        for (number, client) in self.clients.iter().enumerate() {
            let Some(member) = client.session.member() else { continue };
            let Some(stay) = self.room.member(member) else {
                return Err(format!("client {number} believes to be {member}, which is not there"));
            };
            let own = &stay.user;
            let seen: Vec<&UserId> = client.session.peers().map(|(user, _)| user).collect();
            let mut there: Vec<&UserId> = self.room.members().map(|m| &m.user).filter(|user| *user != own).collect();
            there.sort();
            if seen != there {
                return Err(format!("client {number} sees {seen:?} where {there:?} are"));
            }
            let seen: Vec<&StreamInfo> = client.session.streams().collect();
            let there: Vec<&StreamInfo> = self.room.streams().filter(|s| s.user != *own).collect();
            if seen != there {
                return Err(format!("client {number} sees {seen:?} where {there:?} are published"));
            }
            let own_seen: Vec<_> = client.session.own_streams().map(|(id, offer)| (id, offer.clone())).collect();
            let own_there: Vec<_> = self.room.streams().filter(|s| s.user == *own).map(|s| (s.id, s.offer.clone())).collect();
            if own_seen != own_there {
                return Err(format!("client {number} publishes {own_there:?} and knows of {own_seen:?}"));
            }
            if client.session.role() != Some(stay.role) {
                return Err(format!("client {number} is {:?} and believes to be {:?}", stay.role, client.session.role()));
            }
        }
        let connected = self.clients.iter().filter(|client| client.session.member().is_some()).count();
        if self.room.members().count() != connected {
            return Err(format!("{connected} sessions are in a room of {}", self.room.members().count()));
        }
        Ok(())
    }

    fn tell_session(&mut self, client: usize, input: session::Input) {
        self.clients[client].session.handle_input(self.now, input).expect("time stands still or passes");
        self.listen_to_session(client);
    }

    fn tell_room(&mut self, input: room::Input) {
        self.room.handle_input(self.now, input).expect("time stands still or passes");
        self.listen_to_room();
    }

    fn listen_to_session(&mut self, client: usize) {
        while let Some(output) = self.clients[client].session.poll_output() {
            match output {
                session::Output::Connect { connection } => self.connect(client, connection),
                session::Output::Send { connection, frame } => {
                    let session = self.clients[client].connections.get(&connection).copied();
                    self.send_up(session, |session| Arrival::ToServer(session, frame));
                }
                session::Output::Disconnect { connection } => {
                    let session = self.clients[client].connections.get(&connection).copied();
                    self.send_up(session, Arrival::ServerClosed);
                    if let Some(connection) = session.and_then(|session| self.connections.get_mut(&session)) {
                        connection.broken = true;
                    }
                }
                session::Output::Event(event) => self.clients[client].events.push(event),
            }
        }
    }

    fn listen_to_room(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                room::Output::Send { to, message } => {
                    let sessions: VecDeque<_> = self.room.sessions_of(&to).collect();
                    for session in sessions {
                        let message = message.clone();
                        self.send_down(session, |session| Arrival::ToClient(session, message));
                    }
                }
                room::Output::Snapshot(snapshot) => {
                    let message = self.room.snapshot(&snapshot);
                    self.send_down(snapshot.session, |session| Arrival::ToClient(session, message));
                }
                room::Output::Close { session } => {
                    self.send_down(session, Arrival::ClientClosed);
                    if let Some(connection) = self.connections.get_mut(&session) {
                        connection.broken = true;
                    }
                }
                room::Output::Media(_) => {}
                room::Output::Event(event) => self.room_events.push(event),
            }
        }
    }

    fn connect(&mut self, client: usize, id: ConnectionId) {
        let arrival = self.now.saturating_add(2 * LATENCY);
        if !self.network {
            return self.arrive(arrival, Arrival::Refused(client, id));
        }
        let session = SessionId(self.next_session);
        self.next_session += 1;
        self.clients[client].connections.insert(id, session);
        self.connections.insert(session, Connection { client, id, up_until: self.now, down_until: arrival, broken: false });
        self.arrive(arrival, Arrival::Opened(session));
    }

    fn send_up(&mut self, session: Option<SessionId>, arrival: impl FnOnce(SessionId) -> Arrival) {
        let Some(session) = session else { return };
        let Some(connection) = self.connections.get_mut(&session).filter(|c| !c.broken) else {
            return;
        };
        connection.up_until = connection.up_until.max(self.now.saturating_add(LATENCY));
        let at = connection.up_until;
        self.arrive(at, arrival(session));
    }

    fn send_down(&mut self, session: SessionId, arrival: impl FnOnce(SessionId) -> Arrival) {
        let Some(connection) = self.connections.get_mut(&session).filter(|c| !c.broken) else {
            return;
        };
        connection.down_until = connection.down_until.max(self.now.saturating_add(LATENCY));
        let at = connection.down_until;
        self.arrive(at, arrival(session));
    }

    fn arrive(&mut self, at: Instant, arrival: Arrival) {
        self.under_way.insert((at, self.next_arrival), arrival);
        self.next_arrival += 1;
    }

    fn deliver(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Opened(session) => {
                let Connection { client, id, .. } = self.connections[&session];
                self.tell_session(client, session::Input::Opened { connection: id });
            }
            Arrival::Refused(client, connection) => self.tell_session(client, session::Input::Closed { connection }),
            Arrival::ToServer(session, frame) => self.tell_room(room::Input::Message { session, frame }),
            Arrival::ServerClosed(session) => self.tell_room(room::Input::Disconnected { session }),
            Arrival::ToClient(session, message) => {
                let Connection { client, id, .. } = self.connections[&session];
                self.tell_session(client, session::Input::Received { connection: id, message });
            }
            Arrival::ClientClosed(session) => {
                let Connection { client, id, .. } = self.connections[&session];
                self.tell_session(client, session::Input::Closed { connection: id });
            }
        }
    }
}

/// The third client keeps trying; the others give up.
fn session_config(seed: usize) -> session::Config {
    let mut config = session::Config::default();
    config.seed = seed as u64;
    if seed == 2 {
        config.after_window = session::AfterWindow::KeepTrying;
        config.retry_join = true;
    }
    config
}

pub fn join(name: &str, role: Role) -> Call {
    Call::Join(JoinCall::new(RoomId::new("stage").expect("a valid id"), UserId::new(name).expect("names of stories are valid ids"), role))
}

pub fn sound(kind: StreamKind) -> StreamOffer {
    StreamOffer { kind, audio_bps: Some(32_000), layers: Vec::new(), on_demand: false }
}
