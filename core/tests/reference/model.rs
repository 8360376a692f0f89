//! What a service should do, written down as plainly as can be: lists, and loops over them. It is slow, and there is nothing clever to be wrong.
//!
//! It knows nothing of messages, batches or timers as the service has them; it knows who is where, and until when. What it leaves open is the order of what happens at one instant.

use core::time::Duration;
use std::collections::BTreeSet;

use greenroom_core::{code::Code, limits, role::Role, stream::StreamKind, time::Instant};

use super::history::Say;

const MINUTE: Duration = Duration::from_secs(60);

/// A room's name: app and room, as numbers of the history.
pub type Place = (u8, u8);

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub connections: Vec<Connection>,
    pub now: Instant,
    pub stays: Vec<Stay>,
    pub paused: Vec<Place>,
    /// Stays that the server ended: place, number, why, and until when that is told.
    ended: Vec<(Place, u32, Code, Instant)>,
    /// Every stay that there ever was.
    begun: Vec<(Place, u32)>,
    /// Rooms in which nobody is, and until when they are kept.
    idle: Vec<(Place, Instant)>,
}

/// An open connection.
#[derive(Clone, Debug)]
pub struct Connection {
    pub id: u64,
    /// When patience with it ends, while it leads to no stay.
    outside_until: Option<Instant>,
}

/// One user's stay in one room.
#[derive(Clone, Debug)]
pub struct Stay {
    pub place: Place,
    pub user: u8,
    pub name: u8,
    pub role: Role,
    /// The room's number for it, as the service told.
    pub number: u32,
    pub connection: Option<u64>,
    heard: Instant,
    away_until: Option<Instant>,
    takeovers: Vec<Instant>,
    pub streams: Vec<Stream>,
    pub received: Vec<Received>,
    /// Whether it hears the loudest.
    pub listens: bool,
    /// From when and until when it is heard, having spoken. There are fewer users than a room has places for voices.
    loud: Option<(Instant, Instant)>,
    /// The others and their names, as this one was told.
    pub told: Vec<(u8, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    /// The room's number for it, as the service told.
    pub number: u32,
    pub kind: StreamKind,
    pub audio_muted: bool,
    pub video_muted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub number: u32,
    pub audio: bool,
    pub video: bool,
}

/// What is to become of a request. Numbers that the service chooses come with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody is there to be answered.
    Nobody,
    Pong,
    Refused(Code),
    Granted,
}

impl Model {
    pub fn open(&mut self, now: Instant, id: u64) {
        self.connections.push(Connection { id, outside_until: Some(now.saturating_add(limits::JOIN_PATIENCE)) });
    }

    /// A connection ended: its stay is kept for a while.
    pub fn end(&mut self, now: Instant, id: u64) {
        self.connections.retain(|connection| connection.id != id);
        for stay in self.stays.iter_mut().filter(|stay| stay.connection == Some(id)) {
            stay.connection = None;
            stay.away_until = Some(now.saturating_add(limits::RECONNECT_WINDOW));
        }
    }

    /// The application's server sends a user away. Whether there was one.
    pub fn remove(&mut self, now: Instant, place: Place, user: u8) -> Result<(), Code> {
        if !self.room_exists(place) {
            return Err(Code::NO_SUCH_ROOM);
        }
        let number = self.stay_of(place, user).ok_or(Code::NO_SUCH_USER)?.number;
        self.remember(now, place, number, Code::REMOVED);
        self.end_stay(now, place, user, true);
        Ok(())
    }

    pub fn dissolve(&mut self, now: Instant, place: Place) -> Result<(), Code> {
        if !self.room_exists(place) {
            return Err(Code::NO_SUCH_ROOM);
        }
        // These rooms are small: all go at once.
        for stay in self.stays.clone().into_iter().filter(|stay| stay.place == place) {
            self.end_stay(now, place, stay.user, true);
        }
        for (_, number) in self.begun.clone().into_iter().filter(|(begun, _)| *begun == place) {
            self.remember(now, place, number, Code::DISSOLVED);
        }
        self.forget_room(place);
        Ok(())
    }

    /// A loud packet comes of somebody. It counts where somebody listens, if the speaker publishes sound that is not muted.
    pub fn speak(&mut self, now: Instant, place: Place, user: u8) {
        if !self.stays.iter().any(|stay| stay.place == place && stay.listens) {
            return;
        }
        let speakers = self.stays.iter_mut().filter(|stay| stay.place == place && stay.user == user && stay.sounds());
        for stay in speakers {
            let begun = stay.loud.filter(|(_, until)| now < *until).map(|(from, _)| from);
            stay.loud = Some((begun.unwrap_or(now.saturating_add(limits::VOICE_DECISION)), now.saturating_add(limits::VOICE_HOLD)));
        }
    }

    /// Who is heard in a room.
    pub fn voices(&self, place: Place) -> BTreeSet<u8> {
        let is_loud = |stay: &&Stay| stay.loud.is_some_and(|(from, until)| from <= self.now && self.now < until);
        self.stays.iter().filter(|stay| stay.place == place).filter(is_loud).map(|stay| stay.user).collect()
    }

    /// Who sends no sound any more is not heard, and where nobody listens, nobody is.
    fn hush(&mut self) {
        let listened: BTreeSet<Place> = self.stays.iter().filter(|stay| stay.listens).map(|stay| stay.place).collect();
        for stay in self.stays.iter_mut().filter(|stay| !stay.sounds() || !listened.contains(&stay.place)) {
            stay.loud = None;
        }
    }

    pub fn pause(&mut self, place: Place, paused: bool) -> Result<(), Code> {
        if !self.room_exists(place) {
            return Err(Code::NO_SUCH_ROOM);
        }
        self.paused.retain(|other| *other != place);
        if paused {
            self.paused.push(place);
        }
        Ok(())
    }

    /// Time passes: whoever is silent for too long is away, whoever is away for too long has left, and connections and rooms that lead nowhere go.
    pub fn pass(&mut self, now: Instant) {
        self.now = now;
        while let Some(at) = self.next_end().filter(|at| *at <= now) {
            let due = |until: Option<Instant>| until.is_some_and(|until| until <= at);
            let silent: Vec<u64> = self.stays.iter().filter(|stay| due(stay.silent_at())).filter_map(|stay| stay.connection).collect();
            for connection in silent {
                self.end(at, connection);
            }
            for stay in self.stays.clone().into_iter().filter(|stay| due(stay.away_until)) {
                self.end_stay(at, stay.place, stay.user, false);
            }
            self.connections.retain(|connection| !due(connection.outside_until));
            for (place, _) in self.idle.clone().into_iter().filter(|(_, until)| *until <= at) {
                self.forget_room(place);
            }
        }
    }

    fn next_end(&self) -> Option<Instant> {
        let stays = self.stays.iter().filter_map(|stay| stay.away_until.or(stay.silent_at()));
        let connections = self.connections.iter().filter_map(|connection| connection.outside_until);
        let rooms = self.idle.iter().map(|(_, until)| *until);
        stays.chain(connections).chain(rooms).min()
    }

    /// A request on a connection. `resumes` is the place, user and number of the stay to come back to; `granted` the number that the service gave what is new.
    pub fn request(&mut self, now: Instant, id: u64, say: &Say, resumes: Option<(Place, u8, u32)>, granted: u32) -> Verdict {
        if !self.connections.iter().any(|connection| connection.id == id) {
            return Verdict::Nobody;
        }
        let Some(at) = self.stays.iter().position(|stay| stay.connection == Some(id)) else {
            return match (say, resumes) {
                (Say::Join { app, room, user, role, name, listens }, _) => {
                    self.enter(now, id, (*app, *room), *user, *role, *name, *listens, granted)
                }
                (Say::ComeBack, Some((place, user, number))) => self.come_back(now, id, place, user, number),
                (Say::Ping, _) => Verdict::Pong,
                _ => Verdict::Refused(Code::NOT_IN_ROOM),
            };
        };
        match say {
            Say::Join { .. } | Say::ComeBack => return Verdict::Refused(Code::ALREADY_IN_ROOM),
            Say::SwitchRole { role: Role::Joiner } if self.joins_elsewhere(self.stays[at].place, self.stays[at].user) => {
                return Verdict::Refused(Code::JOINER_ELSEWHERE);
            }
            _ => {}
        }
        self.stays[at].heard = now;
        let verdict = self.inside(now, at, say, granted);
        self.hush();
        match verdict {
            Ok(verdict) => verdict,
            Err(code) => Verdict::Refused(code),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a join says so much")]
    fn enter(&mut self, now: Instant, id: u64, place: Place, user: u8, role: Role, name: u8, listens: bool, number: u32) -> Verdict {
        if role == Role::Joiner && self.joins_elsewhere(place, user) {
            return Verdict::Refused(Code::JOINER_ELSEWHERE);
        }
        let mut takeovers = Vec::new();
        if let Some(sitting) = self.stay_of(place, user) {
            takeovers.extend(sitting.takeovers.iter().copied().filter(|at| now.saturating_since(*at) < MINUTE));
            if sitting.connection.is_some() {
                if takeovers.len() >= limits::TAKEOVERS_PER_MINUTE {
                    return Verdict::Refused(Code::TOO_MANY_TAKEOVERS);
                }
                takeovers.push(now);
            }
            let displaced = sitting.number;
            self.remember(now, place, displaced, Code::REPLACED);
            self.end_stay(now, place, user, true);
        }
        self.idle.retain(|(room, _)| *room != place);
        let told = self.stays.iter().filter(|stay| stay.place == place).map(|stay| (stay.user, stay.name)).collect();
        for other in self.stays.iter_mut().filter(|stay| stay.place == place) {
            other.learn(user, name);
        }
        let (streams, received) = (Vec::new(), Vec::new());
        let connection = Some(id);
        self.begun.push((place, number));
        self.stays.push(Stay {
            place,
            user,
            name,
            role,
            number,
            connection,
            heard: now,
            away_until: None,
            takeovers,
            streams,
            received,
            listens,
            loud: None,
            told,
        });
        self.seat(id);
        Verdict::Granted
    }

    fn come_back(&mut self, now: Instant, id: u64, place: Place, user: u8, number: u32) -> Verdict {
        let names: Vec<(u8, u8)> =
            self.stays.iter().filter(|stay| stay.place == place && stay.user != user).map(|stay| (stay.user, stay.name)).collect();
        let ended = self.ended.iter().find(|(room, stay, _, until)| (*room, *stay) == (place, number) && now < *until);
        if let Some((_, _, code, _)) = ended {
            return Verdict::Refused(*code);
        }
        let Some(stay) = self.stays.iter_mut().find(|stay| stay.place == place && stay.user == user && stay.number == number) else {
            return Verdict::Refused(Code::SESSION_GONE);
        };
        let old = stay.connection.replace(id);
        stay.away_until = None;
        stay.heard = now;
        stay.told = names;
        self.connections.retain(|connection| Some(connection.id) != old);
        self.seat(id);
        Verdict::Granted
    }

    /// What a member asks for.
    fn inside(&mut self, now: Instant, at: usize, say: &Say, number: u32) -> Result<Verdict, Code> {
        let Stay { place, user, role, connection, .. } = self.stays[at].clone();
        let streams: Vec<(u8, u32)> = self.streams(place);
        let stream = |nth: u8| streams.get(usize::from(nth)).copied().ok_or(Code::NO_SUCH_STREAM);
        let own = |nth: u8| stream(nth).ok().filter(|(owner, _)| *owner == user).map(|(_, number)| number).ok_or(Code::NO_SUCH_STREAM);
        match say {
            Say::Join { .. } | Say::ComeBack => unreachable!("refused above"),
            Say::Ping => return Ok(Verdict::Pong),
            Say::Leave => {
                self.end_stay(now, place, user, false);
                let patience = now.saturating_add(limits::JOIN_PATIENCE);
                for left in self.connections.iter_mut().filter(|other| Some(other.id) == connection) {
                    left.outside_until = Some(patience);
                }
            }
            Say::Publish { aux } => {
                let kind = if *aux { StreamKind::Aux } else { StreamKind::Main };
                if role == Role::Player {
                    return Err(Code::ROLE_FORBIDS);
                }
                if self.stays[at].streams.iter().any(|stream| stream.kind == kind) {
                    return Err(Code::ALREADY_PUBLISHED);
                }
                if self.paused.contains(&place) {
                    return Err(Code::ROOM_PAUSED);
                }
                self.stays[at].streams.push(Stream { number, kind, audio_muted: false, video_muted: false });
            }
            Say::Unpublish { nth } => self.withdraw(place, own(*nth)?),
            Say::Subscribe { nth, audio, video } => {
                if !audio && !video {
                    return Err(Code::BAD_REQUEST);
                }
                let (owner, number) = stream(*nth)?;
                if owner == user {
                    return Err(Code::OWN_STREAM);
                }
                let received = &mut self.stays[at].received;
                if !received.iter().any(|known| known.number == number) {
                    received.push(Received { number, audio: false, video: false });
                }
                for known in received.iter_mut().filter(|known| known.number == number) {
                    known.audio |= audio;
                    known.video |= video;
                }
            }
            Say::Unsubscribe { nth, audio, video } => {
                let number = stream(*nth).map(|(_, number)| number).unwrap_or_default();
                let received = &mut self.stays[at].received;
                let known = received.iter_mut().find(|known| known.number == number).ok_or(Code::NOT_SUBSCRIBED)?;
                known.audio &= !audio;
                known.video &= !video;
                received.retain(|known| known.audio || known.video);
            }
            Say::Mute { nth, audio, video } => {
                let number = own(*nth)?;
                for stream in self.stays[at].streams.iter_mut().filter(|stream| stream.number == number) {
                    stream.audio_muted = audio.unwrap_or(stream.audio_muted);
                    stream.video_muted = video.unwrap_or(stream.video_muted);
                }
            }
            Say::SwitchRole { role } => {
                self.stays[at].role = *role;
                if *role == Role::Player {
                    for stream in self.stays[at].streams.clone() {
                        self.withdraw(place, stream.number);
                    }
                }
            }
            Say::Rename { name } => {
                self.stays[at].name = *name;
                // The others hear of a joiner's; a player's they learn when they enter.
                if role == Role::Joiner {
                    for other in self.stays.iter_mut().filter(|stay| stay.place == place && stay.user != user) {
                        other.learn(user, *name);
                    }
                }
            }
        }
        Ok(Verdict::Granted)
    }

    /// A stay ends, with all that it published; whoever received that receives it no longer. `closes` says whether its connection is closed with it.
    fn end_stay(&mut self, now: Instant, place: Place, user: u8, closes: bool) {
        let Some(at) = self.stays.iter().position(|stay| stay.place == place && stay.user == user) else { return };
        let stay = self.stays.remove(at);
        for stream in &stay.streams {
            self.withdraw(place, stream.number);
        }
        for other in self.stays.iter_mut().filter(|other| other.place == place && other.connection.is_some()) {
            other.told.retain(|(known, _)| *known != user);
        }
        if closes {
            self.connections.retain(|connection| Some(connection.id) != stay.connection);
        }
        self.hush();
        if !self.stays.iter().any(|other| other.place == place) {
            self.idle.push((place, now.saturating_add(limits::ROOM_IDLE)));
        }
    }

    /// A stay was ended by the server: whoever comes back to it hears why, for as long as it might have come back. What became of the room counts most.
    fn remember(&mut self, now: Instant, place: Place, number: u32, code: Code) {
        self.ended.retain(|(room, stay, ..)| (*room, *stay) != (place, number));
        self.ended.push((place, number, code, now.saturating_add(limits::RECONNECT_WINDOW)));
    }

    fn withdraw(&mut self, place: Place, number: u32) {
        for stay in self.stays.iter_mut().filter(|stay| stay.place == place) {
            stay.streams.retain(|stream| stream.number != number);
            stay.received.retain(|known| known.number != number);
        }
    }

    fn seat(&mut self, id: u64) {
        for connection in self.connections.iter_mut().filter(|connection| connection.id == id) {
            connection.outside_until = None;
        }
    }

    fn forget_room(&mut self, place: Place) {
        self.idle.retain(|(room, _)| *room != place);
        self.paused.retain(|room| *room != place);
    }

    /// Whether the user is on stage in another room of the same app.
    fn joins_elsewhere(&self, place: Place, user: u8) -> bool {
        self.stays.iter().any(|stay| stay.place.0 == place.0 && stay.place != place && stay.user == user && stay.role == Role::Joiner)
    }

    pub fn room_exists(&self, place: Place) -> bool {
        self.stays.iter().any(|stay| stay.place == place) || self.idle.iter().any(|(room, _)| *room == place)
    }

    fn stay_of(&self, place: Place, user: u8) -> Option<&Stay> {
        self.stays.iter().find(|stay| stay.place == place && stay.user == user)
    }

    /// The streams of a room by number, each with its publisher.
    pub fn streams(&self, place: Place) -> Vec<(u8, u32)> {
        let stays = self.stays.iter().filter(|stay| stay.place == place);
        let mut streams: Vec<(u8, u32)> = stays.flat_map(|stay| stay.streams.iter().map(|stream| (stay.user, stream.number))).collect();
        streams.sort_by_key(|(_, number)| *number);
        streams
    }
}

impl Stay {
    /// Whether it publishes sound that is not muted: here, every stream has sound.
    fn sounds(&self) -> bool {
        self.streams.iter().any(|stream| !stream.audio_muted)
    }

    /// When the connection counts as lost, if nothing more is heard.
    fn silent_at(&self) -> Option<Instant> {
        self.connection.map(|_| self.heard.saturating_add(limits::HEARTBEAT_TIMEOUT))
    }

    /// Is told a name, if there is a connection to be told on.
    fn learn(&mut self, user: u8, name: u8) {
        if self.connection.is_some() {
            self.told.retain(|(known, _)| *known != user);
            self.told.push((user, name));
        }
    }
}
