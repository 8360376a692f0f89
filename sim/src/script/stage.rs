//! The world of a story: a server, the clients, the links between them, and the one order in which things happen.
//!
//! At one instant, timers come first, the server's before the clients' by name; then what arrives; then the steps of the story. Each of these is one *cause*, and what it leads to is seen in
//! the order of causes.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    audio::AudioLevel,
    dialect::{self, Client, HostOrder, Refused, StreamRef, VendorCall},
    id::{MemberId, RequestId, SessionId, SourceId},
    member::MediaState,
    room::{self, MediaInput},
    select::Layer,
    service::{self, CallId, RoomKey, Service},
    session::{ConnectionId, ConnectionState},
    stream::BitsPerSecond,
    time::{Instant, UnixSeconds},
    wire::{ClientFrame, ClientMessage, MediaDescription, ServerMessage},
};
use serde_json::{Map, Value, json};

use super::{
    error::{StoryError, nearest},
    line,
    link::{Links, Parcel},
    server,
    sign::{Identity, Signer},
    story::{Deed, Net, ServerDeed, Setting, Step, Story, Target},
};

/// The number of requests that the stage makes in a client's place: no client gets so far.
const NOBODYS: RequestId = RequestId(u32::MAX);
/// A story without an end stops here at the latest: a client that keeps trying would go on for ever.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Stage {
    setting: Setting,
    steps: Vec<Step>,
    now: Instant,
    service: Service,
    parties: BTreeMap<String, Party>,
    /// Whose each connection of the server is, by the server's number.
    sessions: BTreeMap<SessionId, (String, ConnectionId)>,
    next_session: u64,
    links: Links,
    signer: Signer,
    /// How many things have happened.
    cause: u64,
    /// Stays whose end is only a matter of time: without a connection, or without a good key.
    expected: BTreeSet<(RoomKey, MemberId)>,
    /// The server's calls that wait for their answers.
    server_calls: BTreeMap<u32, &'static str>,
    next_server_call: u32,
    lines: Vec<String>,
}

/// A session object and whoever holds it.
#[derive(Debug)]
struct Party {
    client: Client,
    identity: Identity,
    /// The connections that stand or are being made, with the server's number for each.
    connections: BTreeMap<ConnectionId, SessionId>,
    /// Calls that wait for their answers.
    calls: usize,
}

impl Stage {
    pub(super) fn new(story: Story) -> Result<Self, StoryError> {
        let Story { setting, steps } = story;
        let now = Instant::ZERO;
        let service = Service::new(now, server::config(&setting).map_err(|problem| StoryError::new(1, problem))?);
        let links = Links::new(Duration::from_millis(setting.latency_ms));
        let signer = Signer::new(&setting.apps);
        let mut stage = Self {
            setting,
            steps,
            now,
            service,
            parties: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_session: 1,
            links,
            signer,
            cause: 0,
            expected: BTreeSet::new(),
            server_calls: BTreeMap::new(),
            next_server_call: 1,
            lines: Vec::new(),
        };
        // Everyone is there from the start: a name that is spelled differently once is a line of its own, not a stranger.
        let names: BTreeSet<String> = stage.steps.iter().filter_map(|step| caller(&step.deed)).collect();
        for who in names {
            let client = server::client(now, &stage.setting, stage.parties.len());
            stage.parties.insert(who, Party { client, identity: Identity::default(), connections: BTreeMap::new(), calls: 0 });
        }
        Ok(stage)
    }

    /// Plays the story to its end.
    pub(super) fn play(mut self) -> Result<Vec<String>, StoryError> {
        let mut steps = core::mem::take(&mut self.steps).into_iter().peekable();
        loop {
            let step_at = steps.peek().map(|step| Instant::ZERO.saturating_add(step.at));
            if step_at.is_none() && !self.is_anything_pending() {
                break;
            }
            let Some(next) = [step_at, self.links.next_arrival(), self.next_timer()].into_iter().flatten().min() else { break };
            if next > Instant::ZERO.saturating_add(LONGEST).max(self.now) && step_at.is_none() {
                break;
            }
            self.now = next.max(self.now);
            self.fire_timers();
            while let Some((who, parcel)) = self.links.take_arrival(self.now) {
                self.arrive(&who, parcel);
            }
            while let Some(step) = steps.next_if(|step| Instant::ZERO.saturating_add(step.at) <= self.now) {
                if step.deed == Deed::End {
                    return Ok(self.lines);
                }
                self.take_step(step)?;
            }
        }
        Ok(self.lines)
    }

    /// Whether something is still to come of what the story told: heartbeats and keys that will expire some day go on for ever, and do not count.
    fn is_anything_pending(&self) -> bool {
        let is_waiting = |party: &Party| party.calls > 0 || party.client.session().state() == ConnectionState::Reconnecting;
        self.links.are_busy() || !self.expected.is_empty() || self.parties.values().any(is_waiting)
    }

    fn next_timer(&self) -> Option<Instant> {
        let clients = self.parties.values().filter_map(|party| party.client.poll_timeout());
        clients.chain(self.service.poll_timeout()).min()
    }

    fn fire_timers(&mut self) {
        if self.service.poll_timeout().is_some_and(|at| at <= self.now) {
            self.cause += 1;
            self.service.handle_timeout(self.now);
            self.hear_service();
        }
        let due = |party: &Party| party.client.poll_timeout().is_some_and(|at| at <= self.now);
        let now = self.now;
        let due: Vec<String> = self.parties.iter().filter(|(_, party)| due(party)).map(|(who, _)| who.clone()).collect();
        for who in due {
            self.cause += 1;
            self.party(&who).client.handle_timeout(now);
            self.hear_client(&who);
        }
    }

    fn arrive(&mut self, who: &str, parcel: Parcel) {
        self.cause += 1;
        match parcel {
            Parcel::Found(connection) => self.tell_client(who, dialect::Input::Found { connection }),
            Parcel::Open { connection, session } => {
                self.tell_service(service::Input::Opened { session, source: source_of(who) });
                self.tell_client(who, dialect::Input::Opened { connection });
            }
            Parcel::Up { session, frame } => self.tell_service(service::Input::Message { session, frame }),
            Parcel::UpClosed { session } => {
                self.sessions.remove(&session);
                self.tell_service(service::Input::Disconnected { session });
            }
            Parcel::Down { connection, message } => self.tell_client(who, dialect::Input::Received { connection, message }),
            Parcel::DownClosed { connection } => {
                self.party(who).connections.remove(&connection);
                self.tell_client(who, dialect::Input::Closed { connection });
            }
        }
    }

    fn take_step(&mut self, step: Step) -> Result<(), StoryError> {
        self.cause += 1;
        let Step { line, deed, .. } = step;
        let taken = match deed {
            Deed::Call { who, on, call, mut args, bind } => {
                let clock = self.clock();
                let party = self.parties.get_mut(&who).expect("every caller has its party");
                self.signer.fill_in(&mut party.identity, &mut args, clock);
                let call = VendorCall { call, on: on.map(stream_ref), bind, args };
                party.calls += 1;
                let taken = party.client.handle_input(self.now, dialect::Input::Call(call));
                self.hear_client(&who);
                taken
            }
            Deed::Host { who, name, args } => self.tell(&who, dialect::Input::Host { name, args: Value::Object(args) }),
            Deed::Media { who, name, args } if name == "level" => {
                let level = level_of(&args).map_err(|problem| StoryError::new(line, problem))?;
                self.tell_of_member(&who, |member| MediaInput::Level { member, level });
                Ok(())
            }
            Deed::Media { who, name, args } if name == "estimate" => {
                let bps = estimate_of(&args).map_err(|problem| StoryError::new(line, problem))?;
                self.estimate(&who, bps);
                Ok(())
            }
            Deed::Media { who, name, args } => self.tell(&who, dialect::Input::Media { name, args: Value::Object(args) }),
            Deed::Server(deed) => {
                self.call_server(&deed).map_err(|problem| StoryError::new(line, problem))?;
                Ok(())
            }
            Deed::Net { who, net } => {
                self.net(line, &who, net)?;
                Ok(())
            }
            Deed::End => Ok(()),
        };
        taken.map_err(|refused| StoryError::new(line, refused.to_string()))
    }

    fn net(&mut self, line: usize, who: &str, net: Net) -> Result<(), StoryError> {
        let Some(party) = self.parties.get_mut(who) else {
            let known: Vec<&str> = self.parties.keys().map(String::as_str).collect();
            return Err(StoryError::new(line, format!("nobody is called {who:?}; {}", nearest(who, &known))));
        };
        match net {
            Net::Cut => self.links.cut(who),
            Net::Heal => self.links.heal(self.now, who),
            Net::Close => {
                for (connection, session) in core::mem::take(&mut party.connections) {
                    self.links.drop_connection(who, connection, session);
                    self.sessions.remove(&session);
                    self.tell_service(service::Input::Disconnected { session });
                    self.tell_client(who, dialect::Input::Closed { connection });
                }
            }
        }
        Ok(())
    }

    /// The server measured something of somebody. Of whoever is in no room, it measures nothing.
    fn tell_of_member(&mut self, who: &str, measured: impl Fn(MemberId) -> MediaInput) {
        let sessions: Vec<SessionId> = self.party(who).connections.values().copied().collect();
        for session in sessions {
            let Some(room) = self.service.room_of(session).cloned() else { continue };
            let members = || self.service.room(&room).into_iter().flat_map(room::Room::members);
            let member = members().find(|member| member.presence.session() == Some(session)).map(|member| member.id);
            if let Some(member) = member {
                self.tell_service(service::Input::Media { room, input: measured(member) });
            }
        }
    }

    /// What the server can send to somebody. A story has no media transports; whoever is estimated has one from then on.
    fn estimate(&mut self, who: &str, bps: BitsPerSecond) {
        let sessions: Vec<SessionId> = self.party(who).connections.values().copied().collect();
        for session in sessions {
            let Some(room) = self.service.room_of(session).and_then(|room| self.service.room(room)) else { continue };
            if room.members().any(|member| member.presence.session() == Some(session) && member.media == MediaState::Absent) {
                let message = ClientMessage::Media { description: MediaDescription::new("a story's").expect("it is short") };
                self.tell_service(service::Input::Message { session, frame: ClientFrame { request: NOBODYS, message } });
            }
        }
        self.tell_of_member(who, |member| MediaInput::Connected { member });
        self.tell_of_member(who, |member| MediaInput::Estimate { member, bps, application_limited: false });
    }

    /// Shows what was decided of a stream for one of its viewers, and why.
    fn show_decision(&mut self, room: &RoomKey, event: &room::Event) {
        let room::Event::LayerDecided { member, stream, from, to, reason, .. } = event else { return };
        let Some(known) = self.service.room(room) else { return };
        let session = known.member(*member).and_then(|member| member.presence.session());
        let (Some(session), Some(stream)) = (session, known.stream(*stream)) else { return };
        let Some((who, _)) = self.sessions.get(&session) else { return };
        let rid = |layer: &Option<Layer>| layer.and_then(|layer| stream.offer.rid_of(layer.spatial)).map(ToString::to_string);
        let data = json!({
            "user": stream.user.as_str(),
            "type": stream.offer.kind.name(),
            "from": rid(from),
            "to": rid(to),
            "reason": reason.to_string(),
        });
        self.lines.push(line::notice(self.now, who, "layer-decided", &data));
    }

    fn call_server(&mut self, deed: &ServerDeed) -> Result<(), String> {
        let id = self.next_server_call;
        self.next_server_call += 1;
        let (name, call) = server::call(deed)?;
        self.server_calls.insert(id, name);
        self.tell_service(service::Input::Server { id: CallId(id), call });
        Ok(())
    }

    fn tell(&mut self, who: &str, input: dialect::Input) -> Result<(), Refused> {
        let now = self.now;
        let taken = self.party(who).client.handle_input(now, input);
        self.hear_client(who);
        taken
    }

    fn tell_client(&mut self, who: &str, input: dialect::Input) {
        self.tell(who, input).expect("a connection's news are never refused, and time does not fall");
    }

    fn tell_service(&mut self, input: service::Input) {
        self.service.handle_input(self.now, input).expect("time does not fall, and no connection's number comes twice");
        self.hear_service();
    }

    /// Carries out what a client wants done, and shows what its application sees.
    fn hear_client(&mut self, who: &str) {
        while let Some(output) = self.party(who).client.poll_output() {
            match output {
                dialect::Output::Return { call, on, result } => {
                    let now = self.now;
                    let party = self.party(who);
                    party.calls = party.calls.saturating_sub(1);
                    if let ("join", Ok(Value::Number(uid))) = (call.as_str(), &result)
                        && let Some(uid) = uid.as_u64()
                    {
                        party.identity.is_now(uid);
                    }
                    self.lines.push(line::returned(now, who, &call, on.as_ref(), &result));
                }
                dialect::Output::Event { on, name, data } => self.lines.push(line::event(self.now, who, on.as_deref(), name, &data)),
                dialect::Output::Notice { name, data } if !self.setting.strict => self.lines.push(line::notice(self.now, who, name, &data)),
                dialect::Output::Host(HostOrder::SendVideo { stream, on, up_to }) if !self.setting.strict => {
                    let resolutions = up_to.map(|layer| layer.0 + 1);
                    let data = json!({ "stream": stream, "on": on, "resolutions": resolutions });
                    self.lines.push(line::notice(self.now, who, "send-video", &data));
                }
                dialect::Output::Notice { .. } | dialect::Output::Host(_) => {}
                dialect::Output::Connect { connection } => self.connect(who, connection),
                dialect::Output::Send { connection, frame } => {
                    if let Some(&session) = self.party(who).connections.get(&connection) {
                        self.links.send(self.now, self.cause, who, Parcel::Up { session, frame });
                    }
                }
                dialect::Output::Disconnect { connection } => {
                    if let Some(session) = self.party(who).connections.remove(&connection) {
                        self.links.send(self.now, self.cause, who, Parcel::UpClosed { session });
                    }
                }
            }
        }
    }

    fn connect(&mut self, who: &str, connection: ConnectionId) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        self.sessions.insert(session, (who.to_owned(), connection));
        self.party(who).connections.insert(connection, session);
        self.links.ask(self.now, self.cause, who, Parcel::Found(connection));
        self.links.ask(self.now, self.cause, who, Parcel::Open { connection, session });
    }

    /// Carries out what the server wants done.
    #[expect(clippy::match_same_arms, reason = "the first answer is told from others like it before they are sent")]
    fn hear_service(&mut self) {
        while let Some(output) = self.service.poll_output() {
            match output {
                // The answer to what the stage said in a client's place.
                service::Output::Send { message: ServerMessage::Accepted { request: NOBODYS, .. }, .. } => {}
                service::Output::Send { room, to, message } => {
                    let sessions: Vec<SessionId> = self.service.sessions_of(room.as_ref(), &to).collect();
                    for session in sessions {
                        if let Some((who, connection)) = self.sessions.get(&session) {
                            let parcel = Parcel::Down { connection: *connection, message: message.clone() };
                            self.links.send(self.now, self.cause, who, parcel);
                        }
                    }
                }
                service::Output::Snapshot { room, snapshot } => {
                    if let Some((who, connection)) = self.sessions.get(&snapshot.session) {
                        let message = self.service.snapshot(&room, &snapshot);
                        self.links.send(self.now, self.cause, who, Parcel::Down { connection: *connection, message });
                    }
                }
                service::Output::Close { session } => {
                    if let Some((who, connection)) = self.sessions.remove(&session) {
                        self.links.send(self.now, self.cause, &who, Parcel::DownClosed { connection });
                    }
                }
                service::Output::Event { room, event } => {
                    if !self.setting.strict {
                        self.show_decision(&room, &event);
                    }
                    self.expect(room, &event);
                }
                service::Output::ServerAnswer { id, result } => {
                    let call = self.server_calls.remove(&id.0).unwrap_or("call");
                    if let Err(code) = result {
                        self.lines.push(line::server_refused(self.now, call, code.0, code.text().unwrap_or_default()));
                    }
                }
                service::Output::Media { .. } => {} // a story has no media plane
            }
        }
    }

    /// Notes whose stay will end by itself.
    fn expect(&mut self, room: RoomKey, event: &room::Event) {
        match event {
            room::Event::Away { member, .. } => {
                self.expected.insert((room, *member));
            }
            room::Event::Back { member } | room::Event::Left { member, .. } => {
                self.expected.remove(&(room, *member));
            }
            _ => {}
        }
    }

    fn party(&mut self, who: &str) -> &mut Party {
        self.parties.get_mut(who).expect("names were gathered before the story began")
    }

    /// What the clocks of the world say, in whole seconds.
    fn clock(&self) -> UnixSeconds {
        UnixSeconds(self.setting.start_unix_s + self.now.as_nanos() / 1_000_000_000)
    }
}

/// Whose session object a step is about, where it may be the first of it.
fn caller(deed: &Deed) -> Option<String> {
    match deed {
        Deed::Call { who, .. } | Deed::Host { who, .. } | Deed::Media { who, .. } => Some(who.clone()),
        Deed::Net { .. } | Deed::Server(_) | Deed::End => None,
    }
}

/// The argument of `level`.
fn level_of(args: &Map<String, Value>) -> Result<AudioLevel, String> {
    const EXPECTED: &str = "{\"level\":30} says how loud, from 0 for full scale to 127 for silence";
    if let Some(other) = args.keys().find(|key| *key != "level") {
        return Err(format!("{other:?} has no place in a level; {EXPECTED}"));
    }
    let level = args.get("level").ok_or_else(|| format!("the level is missing; {EXPECTED}"))?;
    let db = level.as_u64().and_then(|db| u8::try_from(db).ok());
    db.and_then(AudioLevel::new).ok_or_else(|| format!("the level is {level}; {EXPECTED}"))
}

/// The argument of `estimate`.
fn estimate_of(args: &Map<String, Value>) -> Result<BitsPerSecond, String> {
    const EXPECTED: &str = "{\"bps\":1500000} says what can be sent there, in whole bits per second";
    if let Some(other) = args.keys().find(|key| *key != "bps") {
        return Err(format!("{other:?} has no place in an estimate; {EXPECTED}"));
    }
    let bps = args.get("bps").ok_or_else(|| format!("the rate is missing; {EXPECTED}"))?;
    bps.as_u64().ok_or_else(|| format!("the rate is {bps}; {EXPECTED}"))
}

/// Every session object connects from an address of its own.
fn source_of(who: &str) -> SourceId {
    SourceId(xxhash_rust::xxh3::xxh3_64(who.as_bytes()))
}

fn stream_ref(target: Target) -> StreamRef {
    match target {
        Target::Local(name) => StreamRef::Local(name),
        Target::Remote { user, kind } => StreamRef::Remote { user, kind },
    }
}
