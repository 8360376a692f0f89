//! Plays a history to a service and to the model, and compares after every step: who is where, and what everyone was told.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    audio::AudioLevel,
    auth::Authority,
    code::Code,
    id::{AppId, MemberId, RequestId, RoomId, SessionId, SourceId, StreamId, UserId, UserName},
    member::Member,
    role::Role,
    room::{MediaInput, Room},
    service::{App, CallId, Config, Input, Output, RoomKey, ServerCall, Service},
    stream::{LayerSet, StreamInfo, StreamKind, StreamOffer},
    time::{Instant, UnixSeconds},
    wire::{Accepted, AudioMode, ClientFrame, ClientMessage, ServerMessage, Versions},
};

use super::{
    history::{APPS, MOMENT, NAMES, ROOMS, SLOTS, Say, Step, USERS},
    host::Host,
    model::{Model, Place, Stay, Verdict},
};

/// A service for histories, with nobody in it. Everyone may enter; shares and keys have tests of their own.
pub fn service() -> Service {
    let mut config = Config::new(UnixSeconds(1_700_000_000));
    for app in APPS {
        config.apps.insert(AppId::new(app).expect("a valid id"), App::new(Authority::Open));
    }
    Service::new(START, config)
}

const START: Instant = Instant::from_secs(1);

/// What a history met.
#[derive(Clone, Debug, Default)]
pub struct Met {
    pub granted: usize,
    pub refused: BTreeSet<Code>,
    /// Most stays at a time.
    pub stays: usize,
    /// Most who are heard in a room at a time.
    pub heard: usize,
}

/// Plays a history. The error says at which step service and model part, and how.
pub fn play<H: Host>(host: H, steps: &[Step]) -> Result<Met, String> {
    let (slots, views) = (vec![Slot::default(); usize::from(SLOTS)], BTreeMap::new());
    let mut run = Run { now: START, host, model: Model::default(), slots, opened: 0, views, answers: Vec::new(), met: Met::default() };
    for (at, step) in steps.iter().enumerate() {
        run.step(step).and_then(|()| run.compare()).map_err(|why| {
            let list: Vec<String> = steps[..=at].iter().enumerate().map(|(at, step)| format!("{:>3}. {step:?}", at + 1)).collect();
            format!("service and model part after\n{}\n     {why}", list.join("\n"))
        })?;
        run.met.stays = run.met.stays.max(run.model.stays.len());
        run.met.heard = run.met.heard.max(run.model.voices((0, 0)).len());
    }
    Ok(run.met)
}

struct Run<H> {
    met: Met,
    now: Instant,
    host: H,
    model: Model,
    slots: Vec<Slot>,
    opened: u64,
    /// What was told on each connection, folded.
    views: BTreeMap<u64, View>,
    /// Answers since the last request.
    answers: Vec<(u64, Answer)>,
}

#[derive(Clone, Default)]
struct Slot {
    present: Option<u64>,
    before: Option<u64>,
    /// The stay that it was told of last.
    stay: Option<(Place, u8, u32)>,
}

/// A room as one connection was told.
#[derive(Default)]
struct View {
    user: u8,
    members: BTreeMap<String, Option<String>>,
    streams: BTreeMap<StreamId, StreamInfo>,
    /// Whom it hears, itself included.
    voices: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Pong,
    Refused(Code),
    Granted,
    /// A join: the stay's number.
    Joined(u32),
    /// The stream's number.
    Published(u32),
}

impl<H: Host> Run<H> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.pass(MOMENT);
        match step {
            Step::Open { slot } => {
                self.open(*slot);
                Ok(())
            }
            Step::End { slot, late } => {
                if let Some(id) = self.connection(*slot, *late) {
                    self.model.end(self.now, id);
                    self.tell(Input::Disconnected { session: SessionId(id) });
                }
                Ok(())
            }
            Step::Say { slot, late, what } => {
                // Whoever has something to say opens a connection first, if there is none.
                let there = |id| self.model.connections.iter().any(|connection| connection.id == id);
                if !late && !self.connection(*slot, false).is_some_and(there) {
                    self.open(*slot);
                }
                self.say(*slot, *late, what)
            }
            Step::Remove { app, room, user } => {
                let expected = self.model.remove(self.now, (*app, *room), *user);
                self.server_call(ServerCall::RemoveUser { room: key((*app, *room)), user: user_id(*user) }, expected)
            }
            Step::Dissolve { app, room } => {
                let expected = self.model.dissolve(self.now, (*app, *room));
                self.server_call(ServerCall::DissolveRoom { room: key((*app, *room)) }, expected)
            }
            Step::Pause { app, room, paused } => {
                let expected = self.model.pause((*app, *room), *paused);
                let room = key((*app, *room));
                self.server_call(if *paused { ServerCall::PauseRoom { room } } else { ServerCall::ResumeRoom { room } }, expected)
            }
            Step::Speak { app, room, user } => {
                let place = (*app, *room);
                let member = self.host.service().room(&key(place)).and_then(|room| room.member_of(&user_id(*user))).map(|member| member.id);
                // Levels of somebody who has left come late.
                let input =
                    MediaInput::Level { member: member.unwrap_or(MemberId(u32::MAX)), level: AudioLevel::new(30).expect("within 127 dB") };
                self.model.speak(self.now, place, *user);
                self.tell(Input::Media { room: key(place), input });
                Ok(())
            }
            Step::Pass { ms } => {
                self.pass(Duration::from_millis(u64::from(*ms)));
                Ok(())
            }
        }
    }

    fn open(&mut self, slot: u8) {
        self.opened += 1;
        let slot = &mut self.slots[usize::from(slot)];
        slot.before = slot.present.replace(self.opened);
        self.model.open(self.now, self.opened);
        self.tell(Input::Opened { session: SessionId(self.opened), source: SourceId(0) });
    }

    fn connection(&self, slot: u8, late: bool) -> Option<u64> {
        let slot = &self.slots[usize::from(slot)];
        if late { slot.before } else { slot.present }
    }

    /// Time passes, and every deadline is kept.
    fn pass(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        while let Some(at) = self.host.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.host.handle_timeout(at);
            self.listen();
        }
        self.now = until;
        self.model.pass(until);
    }

    fn tell(&mut self, input: Input) {
        self.host.handle_input(self.now, input);
        self.listen();
    }

    fn server_call(&mut self, call: ServerCall, expected: Result<(), Code>) -> Result<(), String> {
        let id = CallId(7);
        self.host.handle_input(self.now, Input::Server { id, call });
        let mut results = Vec::new();
        while let Some(output) = self.host.poll_output() {
            match output {
                Output::ServerAnswer { id: of, result } if of == id => results.push(result),
                output => self.hear(output),
            }
        }
        if results == [expected] {
            Ok(())
        } else {
            Err(format!("the application's server was answered {results:?}, and expected {expected:?}"))
        }
    }

    fn say(&mut self, slot: u8, late: bool, what: &Say) -> Result<(), String> {
        let Some(id) = self.connection(slot, late) else { return Ok(()) };
        let resumes = self.slots[usize::from(slot)].stay;
        let Some(message) = self.message(id, what, resumes) else { return Ok(()) };
        self.answers.clear();
        self.tell(Input::Message { session: SessionId(id), frame: ClientFrame { request: RequestId(9), message } });
        let answers: Vec<Answer> = self.answers.iter().filter(|(of, _)| *of == id).map(|(_, answer)| answer.clone()).collect();
        let granted = match answers[..] {
            [Answer::Joined(number) | Answer::Published(number)] => number,
            _ => 0,
        };
        let verdict = self.model.request(self.now, id, what, resumes, granted);
        let agree = match (&verdict, &answers[..]) {
            (Verdict::Nobody, []) | (Verdict::Pong, [Answer::Pong]) => true,
            (Verdict::Refused(expected), [Answer::Refused(code)]) => expected == code,
            (Verdict::Granted, [Answer::Joined(_)]) => matches!(what, Say::Join { .. } | Say::ComeBack),
            (Verdict::Granted, [Answer::Published(_)]) => matches!(what, Say::Publish { .. }),
            (Verdict::Granted, [Answer::Granted]) => !matches!(what, Say::Join { .. } | Say::ComeBack | Say::Publish { .. }),
            _ => false,
        };
        if !agree {
            return Err(format!("the service answered {answers:?}, and the model says {verdict:?}"));
        }
        match verdict {
            Verdict::Nobody | Verdict::Pong => {}
            Verdict::Refused(code) => drop(self.met.refused.insert(code)),
            Verdict::Granted => self.met.granted += 1,
        }
        if let [Answer::Joined(number)] = answers[..] {
            let (place, user) = match (what, resumes) {
                (Say::Join { app, room, user, .. }, _) => ((*app, *room), *user),
                (_, Some((place, user, _))) => (place, user),
                (_, None) => unreachable!("nobody comes back to nothing"),
            };
            self.slots[usize::from(slot)].stay = Some((place, user, number));
            self.views.get_mut(&id).expect("the answer made it").user = user;
        }
        Ok(())
    }

    /// What a client says, in the protocol's words; nothing, where it has nothing to come back to.
    fn message(&self, id: u64, what: &Say, resumes: Option<(Place, u8, u32)>) -> Option<ClientMessage> {
        let place = self.model.stays.iter().find(|stay| stay.connection == Some(id)).map(|stay| stay.place);
        let streams = place.map(|place| self.model.streams(place)).unwrap_or_default();
        let stream = |nth: u8| StreamId(streams.get(usize::from(nth)).map_or(9999, |(_, number)| *number));
        let join = |(app, room): Place, user: u8, role, name: u8, resumes, audio_mode| ClientMessage::Join {
            versions: Versions::SUPPORTED,
            app: Some(key((app, room)).app),
            room: key((app, room)).room,
            user: Some(user_id(user)),
            name: user_name(name),
            role,
            resumes,
            media: None,
            credential: None,
            relay: false,
            audio_mode,
        };
        let layers = LayerSet::HIGHEST;
        Some(match what {
            Say::Join { app, room, user, role, name, listens } => {
                let audio_mode = if *listens { AudioMode::Loudest } else { AudioMode::Subscribed };
                join((*app, *room), *user, *role, *name, None, audio_mode)
            }
            Say::ComeBack => {
                resumes.map(|(place, user, number)| join(place, user, Role::Joiner, 0, Some(MemberId(number)), AudioMode::Subscribed))?
            }
            Say::Leave => ClientMessage::Leave,
            Say::Publish { aux } => ClientMessage::Publish { offer: offer(if *aux { StreamKind::Aux } else { StreamKind::Main }) },
            Say::Unpublish { nth } => ClientMessage::Unpublish { stream: stream(*nth) },
            Say::Subscribe { nth, audio, video } => {
                ClientMessage::Subscribe { stream: stream(*nth), audio: *audio, video: *video, layers, min_height: None }
            }
            Say::Unsubscribe { nth, audio, video } => {
                ClientMessage::Unsubscribe { stream: stream(*nth), audio: *audio, video: *video, layers: None }
            }
            Say::Mute { nth, audio, video } => ClientMessage::Mute { stream: stream(*nth), audio: *audio, video: *video },
            Say::SwitchRole { role } => ClientMessage::SwitchRole { role: *role, credential: None },
            Say::Rename { name } => ClientMessage::Rename { name: user_name(*name) },
            Say::Ping => ClientMessage::Ping,
        })
    }

    fn listen(&mut self) {
        while let Some(output) = self.host.poll_output() {
            self.hear(output);
        }
    }

    fn hear(&mut self, output: Output) {
        match output {
            Output::Send { room, to, message } => {
                let sessions: Vec<u64> = self.host.service().sessions_of(room.as_ref(), &to).map(|session| session.0).collect();
                for session in sessions {
                    self.hear_message(session, message.clone());
                }
            }
            Output::Snapshot { room, snapshot } => {
                let message = self.host.service().snapshot(&room, &snapshot);
                self.hear_message(snapshot.session.0, message);
            }
            Output::Close { .. } | Output::Media { .. } | Output::Event { .. } | Output::ServerAnswer { .. } => {}
        }
    }

    fn hear_message(&mut self, session: u64, message: ServerMessage) {
        let text = |name: Option<UserName>| name.map(|name| name.to_string());
        if let Some(answer) = self.answer(session, &message) {
            self.answers.push((session, answer));
        }
        let view = self.views.entry(session).or_default();
        match message {
            ServerMessage::PeerJoined { user, name } | ServerMessage::PeerRenamed { user, name } => {
                view.members.insert(user.to_string(), text(name));
            }
            ServerMessage::PeerLeft { user, .. } => drop(view.members.remove(user.as_str())),
            ServerMessage::StreamAdded { stream } | ServerMessage::StreamUpdated { stream } => drop(view.streams.insert(stream.id, stream)),
            ServerMessage::StreamRemoved { stream, .. } => drop(view.streams.remove(&stream)),
            ServerMessage::StreamMuted { stream, audio, video, .. } => {
                if let Some(known) = view.streams.get_mut(&stream) {
                    (known.audio_muted, known.video_muted) = (audio, video);
                }
            }
            ServerMessage::Volumes { voices } => view.voices = voices.into_iter().map(|voice| voice.user.to_string()).collect(),
            _ => {}
        }
    }

    fn answer(&mut self, session: u64, message: &ServerMessage) -> Option<Answer> {
        Some(match message {
            ServerMessage::Pong => Answer::Pong,
            ServerMessage::Refused { code, .. } => Answer::Refused(*code),
            ServerMessage::Accepted { accepted, .. } => match accepted {
                Accepted::Joined { member, members, streams, .. } => {
                    let view = View {
                        user: 0,
                        voices: BTreeSet::new(),
                        members: members.iter().map(|m| (m.user.to_string(), m.name.as_ref().map(UserName::to_string))).collect(),
                        streams: streams.iter().map(|stream| (stream.id, stream.clone())).collect(),
                    };
                    self.views.insert(session, view);
                    Answer::Joined(member.0)
                }
                Accepted::Published { stream } => Answer::Published(stream.0),
                _ => Answer::Granted,
            },
            _ => return None,
        })
    }

    /// Whether the service has what the model has, and everyone was told what the model says.
    fn compare(&self) -> Result<(), String> {
        let (open, expected): (usize, usize) = (self.host.service().usage().connections, self.model.connections.len());
        if open != expected {
            return Err(format!("{open} connections are open, and the model has {expected}"));
        }
        for app in 0..numbers(&APPS) {
            for room in 0..numbers(&ROOMS) {
                self.compare_room((app, room))?;
            }
        }
        Ok(())
    }

    fn compare_room(&self, place: Place) -> Result<(), String> {
        let room = self.host.service().room(&key(place));
        let (there, expected) = (room.is_some(), self.model.room_exists(place));
        if there != expected {
            return Err(format!("{}: whether there is such a room: {there}, and the model says {expected}", key(place)));
        }
        let stays: Vec<&Stay> = self.model.stays.iter().filter(|stay| stay.place == place).collect();
        let found: BTreeSet<String> =
            room.into_iter().flat_map(Room::members).map(|member| describe(room.expect("it has members"), member)).collect();
        let wanted: BTreeSet<String> = stays.iter().map(|stay| describe_stay(stay)).collect();
        if found != wanted {
            return Err(format!("{}: there are {found:#?}, and the model has {wanted:#?}", key(place)));
        }
        for stay in &stays {
            let Some(view) = stay.connection.and_then(|connection| self.views.get(&connection)) else { continue };
            let told: BTreeMap<String, Option<String>> = stay
                .told
                .iter()
                .map(|(user, name)| (USERS[usize::from(*user)].to_string(), NAMES[usize::from(*name)].map(str::to_string)))
                .collect();
            if view.members != told {
                return Err(format!(
                    "{}: {} was told of {:?}, and the model says {told:?}",
                    key(place),
                    USERS[usize::from(stay.user)],
                    view.members
                ));
            }
            let heard = if stay.listens { self.model.voices(place) } else { BTreeSet::new() };
            let heard: BTreeSet<String> = heard.into_iter().map(|user| USERS[usize::from(user)].to_string()).collect();
            if view.voices != heard {
                return Err(format!(
                    "{}: {} hears {:?}, and the model says {heard:?}",
                    key(place),
                    USERS[usize::from(stay.user)],
                    view.voices
                ));
            }
            let others = stays.iter().filter(|other| other.user != stay.user);
            let streams: BTreeSet<String> = others
                .flat_map(|other| other.streams.iter().map(|stream| format!("{} {stream:?}", USERS[usize::from(other.user)])))
                .collect();
            let own = USERS[usize::from(view.user)];
            let told: BTreeSet<String> = view
                .streams
                .values()
                .filter(|stream| stream.user.as_str() != own)
                .map(|stream| format!("{} {:?}", stream.user, plain(stream)))
                .collect();
            if told != streams {
                return Err(format!("{}: {own} was told of {told:#?}, and the model says {streams:#?}", key(place)));
            }
        }
        Ok(())
    }
}

/// How many there are: their numbers in histories go up to that.
fn numbers(names: &[&str]) -> u8 {
    u8::try_from(names.len()).expect("there are few")
}

/// A member in words that can be compared.
fn describe(room: &Room, member: &Member) -> String {
    let streams: Vec<_> = member.published.values().filter_map(|id| room.stream(*id)).map(plain).collect();
    let received: Vec<_> = member.subscriptions.iter().map(|(id, received)| (id.0, received.audio, received.video.is_some())).collect();
    let (user, name, role) = (member.user.as_str(), member.name.as_ref().map(UserName::as_str), member.role);
    let connection = member.presence.session().map(|session| session.0);
    format!(
        "{user} {name:?} {role:?} number {} on {connection:?} publishes {:?} receives {:?}",
        member.id.0,
        sorted(streams),
        sorted(received)
    )
}

fn describe_stay(stay: &Stay) -> String {
    let (user, name, role) = (USERS[usize::from(stay.user)], NAMES[usize::from(stay.name)], stay.role);
    let received: Vec<_> = stay.received.iter().map(|received| (received.number, received.audio, received.video)).collect();
    format!(
        "{user} {name:?} {role:?} number {} on {:?} publishes {:?} receives {:?}",
        stay.number,
        stay.connection,
        sorted(stay.streams.clone()),
        sorted(received)
    )
}

fn plain(stream: &StreamInfo) -> super::model::Stream {
    super::model::Stream { number: stream.id.0, kind: stream.offer.kind, audio_muted: stream.audio_muted, video_muted: stream.video_muted }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

fn key((app, room): Place) -> RoomKey {
    RoomKey {
        app: AppId::new(APPS[usize::from(app)]).expect("a valid id"),
        room: RoomId::new(ROOMS[usize::from(room)]).expect("a valid id"),
    }
}

fn user_id(user: u8) -> UserId {
    UserId::new(USERS[usize::from(user)]).expect("a valid id")
}

fn user_name(name: u8) -> Option<UserName> {
    NAMES[usize::from(name)].map(|name| UserName::new(name).expect("a valid name"))
}

fn offer(kind: StreamKind) -> StreamOffer {
    let text = format!(r#"{{"kind":"{}","audio_bps":32000,"layers":[{{"rid":"q","height":180,"max_bps":150000}}]}}"#, kind.name());
    serde_json::from_str(&text).expect("a valid offer")
}
