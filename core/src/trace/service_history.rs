//! Histories for a service: several apps, rooms and users, on connections that come and go, with keys good and bad.

use alloc::{format, string::ToString, vec::Vec};
use core::time::Duration;

use super::{
    Choices, Step,
    history::{STEPS_MAX, description, layers, name, offer, role, span, stream, text},
};
use crate::{
    audio::AudioLevel,
    auth::{Authority, Credential, Secret, channel_key, signature},
    id::{AppId, MemberId, RequestId, RoomId, SessionId, SourceId, UserId},
    limits,
    role::Role,
    room::{MediaInput, MediaOutput, Room},
    service::{App, CallId, Config, Input, Output, RoomKey, ServerCall, Service},
    time::{Instant, UnixSeconds},
    wire::{AudioMode, ClientFrame, ClientMessage, LeaveReason, Version, Versions, VideoWish},
};

/// An app without keys.
const OPEN: &str = "open";
/// An app with signatures.
const SIGNED: &str = "signed";
const SIGNED_KEY: &[u8] = b"the key of an app that is none";
/// An app with channel keys. Its id is as long as they want it.
const CHANNEL: &str = "0123456789abcdef0123456789abcdef";
const CHANNEL_CERTIFICATE: &[u8] = b"a certificate of an app that is none";
/// Rooms of each app. More than a user may be in here, so that some relays are turned away.
const ROOMS: u8 = 4;
/// Users of each app. Few, so that they meet themselves.
const USERS: u8 = 5;
/// Sources of connections. Few, so that some are not heard any more.
const SOURCES: u8 = 3;
/// The date when histories begin.
const BEGIN: UnixSeconds = UnixSeconds(1_700_000_000);

/// The settings that [`service_history`] is made for: an app of each kind, and bounds small enough to be met.
pub fn service_config() -> Config {
    let mut config = Config::new(BEGIN);
    config.apps.insert(text(AppId::new(OPEN)), App::new(Authority::Open));
    let mut signed = App::new(Authority::Signature { key: Secret::new(SIGNED_KEY) });
    signed.roles.of.insert(user(0), Role::Player);
    config.apps.insert(text(AppId::new(SIGNED)), signed);
    config.apps.insert(text(AppId::new(CHANNEL)), App::new(Authority::ChannelKey { certificate: Secret::new(CHANNEL_CERTIFICATE) }));
    config.rooms_max = 5;
    config.relay_rooms = 1;
    config.connections_max = 12;
    config.room.members_max = 2;
    config
}

/// A service's history: users of several apps who enter rooms, come back, relay, renew and fail to; an application's server that calls; a media plane that answers.
///
/// Numbers of connections rise, as an embedder promises, so that none is opened twice.
pub fn service_history(config: &Config, start: Instant, bytes: &[u8]) -> Vec<Step<Input>> {
    let mut choices = Choices::new(bytes);
    let mut world = World { service: Service::new(start, config.clone()), now: start, opened: 0, calls: 0, media_news: Vec::new() };
    let mut steps = Vec::new();
    while !choices.is_over() && steps.len() < STEPS_MAX {
        // Mostly no time passes: people who are in are to meet before they are lost.
        let advance = if choices.one_in(3) { span(&mut choices) } else { Duration::ZERO };
        world.now = world.now.saturating_add(advance);
        world.service.handle_timeout(world.now);
        world.listen();
        let input = world.next_input(&mut choices);
        // Some say the same over and over.
        let times = if matches!(input, Input::Message { .. }) && choices.one_in(32) { 1 + choices.below(200) } else { 1 };
        for time in 0..times {
            let advance = if time == 0 { advance } else { Duration::ZERO };
            world.service.handle_input(world.now, input.clone()).expect("a sum of spans never falls, and no connection is opened twice");
            world.listen();
            steps.push(Step { advance, input: input.clone() });
        }
    }
    steps.truncate(STEPS_MAX);
    steps
}

/// What surrounds a service.
struct World {
    /// A service that goes through the history as it is made up, so that inputs can be about what is there.
    service: Service,
    now: Instant,
    opened: u64,
    calls: u32,
    media_news: Vec<(RoomKey, MediaInput)>,
}

impl World {
    /// Notes what the media plane was told.
    fn listen(&mut self) {
        while let Some(output) = self.service.poll_output() {
            let Output::Media { room, order } = output else { continue };
            match order {
                MediaOutput::Open { member, .. } => self.media_news.push((room, MediaInput::Connected { member })),
                MediaOutput::Layer { member, stream, target: Some(layer) } => {
                    self.media_news.push((room, MediaInput::Switched { member, stream, layer }));
                }
                _ => {}
            }
        }
        self.media_news.truncate(16);
    }

    fn next_input(&mut self, choices: &mut Choices<'_>) -> Input {
        match choices.below(24) {
            0..=2 => self.opened(choices),
            3 => Input::Disconnected { session: self.session(choices) },
            4 if choices.one_in(4) => Input::Overflowed { session: self.session(choices) },
            4 | 5 if !self.media_news.is_empty() => {
                let (room, input) = self.media_news.remove(0);
                Input::Media { room, input }
            }
            6 => {
                let (room, member) = (self.room(choices), MemberId(u32::from(choices.below(4)) + 1));
                let level = AudioLevel::from_extension(choices.byte());
                let input = match choices.below(4) {
                    0 | 1 => MediaInput::Level { member, level },
                    2 => MediaInput::Delay { member, delay_ns: i64::from(choices.bits()) },
                    _ => MediaInput::Estimate { member, bps: u64::from(choices.bits()), application_limited: false },
                };
                Input::Media { room, input }
            }
            7 => {
                self.calls += 1;
                Input::Server { id: CallId(self.calls), call: self.call(choices) }
            }
            _ => {
                let session = self.session(choices);
                let request = RequestId(u32::from(choices.below(8)));
                Input::Message { session, frame: ClientFrame { request, message: self.client_message(session, choices) } }
            }
        }
    }

    fn opened(&mut self, choices: &mut Choices<'_>) -> Input {
        self.opened += 1;
        Input::Opened { session: SessionId(self.opened), source: SourceId(u64::from(choices.below(SOURCES))) }
    }

    /// Mostly one of the newest connections, seldom one to come.
    fn session(&self, choices: &mut Choices<'_>) -> SessionId {
        let back = u64::from(choices.below(10));
        SessionId(if back == 9 { self.opened + 2 } else { self.opened.saturating_sub(back) })
    }

    /// A room that may be there.
    fn room(&self, choices: &mut Choices<'_>) -> RoomKey {
        let there = self.service.rooms().nth(usize::from(choices.below(6))).map(|(key, _)| key.clone());
        there.unwrap_or_else(|| RoomKey { app: app(choices), room: room(choices) })
    }

    fn call(&self, choices: &mut Choices<'_>) -> ServerCall {
        let room = self.room(choices);
        let there =
            self.service.room(&room).and_then(|room| room.members().nth(usize::from(choices.below(3))).map(|member| member.user.clone()));
        let user = there.unwrap_or_else(|| user(choices.below(USERS)));
        match choices.below(12) {
            0 => ServerCall::DissolveRoom { room },
            1 | 2 => ServerCall::RemoveUser { room, user },
            3 => ServerCall::Fault { room, user, reason: LeaveReason(choices.below(12)) },
            4 | 5 => ServerCall::PauseRoom { room },
            6..=8 => ServerCall::ResumeRoom { room },
            _ => ServerCall::KeyInvalid { room, user },
        }
    }

    fn client_message(&self, session: SessionId, choices: &mut Choices<'_>) -> ClientMessage {
        match choices.below(24) {
            0..=9 => self.join(choices),
            10 => ClientMessage::Leave,
            11 | 12 => ClientMessage::Publish { offer: offer(choices) },
            13 | 14 => {
                let (stream, audio, video) = (stream(choices), choices.flag(), choices.flag());
                ClientMessage::Subscribe { stream, audio, video, layers: layers(choices), min_height: None }
            }
            15 => {
                let wanted = (0..choices.byte()).map(|_| VideoWish::of(stream(choices)));
                ClientMessage::SubscribeVideo { wanted: wanted.collect() }
            }
            16..=18 => {
                let role = role(choices);
                ClientMessage::SwitchRole { role, credential: choices.flag().then(|| self.own_credential(session, choices)) }
            }
            19 | 20 => ClientMessage::Renew { credential: self.own_credential(session, choices) },
            21 => ClientMessage::Media { description: description(choices) },
            22 if choices.one_in(4) => ClientMessage::Audience,
            22 => ClientMessage::Ping,
            _ if choices.flag() => ClientMessage::Rename { name: name(choices) },
            _ => ClientMessage::Unknown,
        }
    }

    /// The join of a newcomer, or of somebody who is there.
    fn join(&self, choices: &mut Choices<'_>) -> ClientMessage {
        let app = if choices.one_in(16) { text(AppId::new("nobody")) } else { app(choices) };
        let mut key = RoomKey { app, room: room(choices) };
        let mut who = (!choices.one_in(6)).then(|| user(choices.below(USERS)));
        let mut resumes = choices.one_in(16).then_some(MemberId(1));
        let mut relays = false;
        if choices.one_in(4) {
            key = self.room(choices);
            if let Some(member) = self.service.room(&key).and_then(|room| room.members().nth(usize::from(choices.below(3)))) {
                who = Some(member.user.clone());
                resumes = choices.flag().then_some(member.id);
                if choices.one_in(3) {
                    (relays, resumes, key.room) = (true, None, room(choices));
                }
            }
        }
        let credential = (key.app.as_str() != OPEN || choices.flag()).then(|| self.credential(&key, who.as_ref(), choices));
        ClientMessage::Join {
            versions: if choices.one_in(16) { Versions { min: Version(8), max: Version(9) } } else { Versions::SUPPORTED },
            app: (!choices.one_in(16)).then(|| key.app.clone()),
            room: if choices.one_in(16) { text(RoomId::new("not | a / name")) } else { key.room },
            user: who,
            name: name(choices),
            role: if relays { Role::Player } else { role(choices) },
            resumes,
            media: choices.flag().then(|| description(choices)),
            credential,
            relay: choices.one_in(4),
            audio_mode: if choices.flag() { AudioMode::Loudest } else { AudioMode::Subscribed },
        }
    }

    /// What the user on that connection may show, wherever it is.
    fn own_credential(&self, session: SessionId, choices: &mut Choices<'_>) -> Credential {
        let key = self.service.room_of(session).cloned().unwrap_or_else(|| self.room(choices));
        let members = self.service.room(&key).into_iter().flat_map(Room::members);
        let user = members.filter(|member| member.presence.session() == Some(session)).map(|member| &member.user).next();
        self.credential(&key, user, choices)
    }

    /// A credential, mostly a good one.
    fn credential(&self, key: &RoomKey, user: Option<&UserId>, choices: &mut Choices<'_>) -> Credential {
        let date = BEGIN.saturating_add(self.now.saturating_since(Instant::ZERO)).0;
        let user = user.map_or("0", UserId::as_str);
        let room = if choices.one_in(12) { "elsewhere" } else { key.room.as_str() };
        let channel = if choices.one_in(12) { key.app.as_str() != CHANNEL } else { key.app.as_str() == CHANNEL };
        if channel {
            // Key dates have 32 bits. After the year 2106 no key is good.
            let issued = match choices.below(6) {
                0 => date.saturating_sub(limits::CHANNEL_KEY_WINDOW.as_secs() + 1),
                1 => date.saturating_add(1000),
                _ => date,
            };
            let expires = if choices.flag() { 0 } else { date.saturating_add(u64::from(choices.below(60))) };
            let key = channel_key::generate(&channel_key::Request {
                version: channel_key::Version::V004,
                service: channel_key::Service::Media,
                app_id: &text(AppId::new(CHANNEL)),
                certificate: &Secret::new(CHANNEL_CERTIFICATE),
                channel: room,
                issued: UnixSeconds(issued.min(u64::from(u32::MAX))),
                random: u32::from(choices.below(3)),
                uid: Some(user.parse().unwrap_or(7)),
                expires: Some(UnixSeconds(expires.min(u64::from(u32::MAX)))),
            });
            return Credential::ChannelKey { key: key.expect("its fields are as they should be").into() };
        }
        let until = match choices.below(8) {
            0 => date.saturating_sub(1),
            1 => date,
            2 => date.saturating_add(limits::SIGNATURE_AHEAD.as_secs()),
            3 | 4 => date.saturating_add(u64::from(choices.below(40))),
            _ => date.saturating_add(3600),
        };
        let ctime = until.to_string();
        let signature = signature::sign(&Secret::new(SIGNED_KEY), key.app.as_str(), room, user, &ctime);
        Credential::Signature { signature: signature.into(), ctime: ctime.into() }
    }
}

fn app(choices: &mut Choices<'_>) -> AppId {
    text(AppId::new([OPEN, SIGNED, CHANNEL][usize::from(choices.below(3))]))
}

fn room(choices: &mut Choices<'_>) -> RoomId {
    text(RoomId::new(&format!("room-{}", choices.below(ROOMS))))
}

/// Users have numbers, which are names in every app.
fn user(number: u8) -> UserId {
    text(UserId::new(&format!("{}", number + 1)))
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;
    use crate::{code::Code, rng::Rng, trace::replay, wire::ServerMessage};

    /// A generator that reaches nothing tests nothing.
    #[test]
    fn histories_reach_every_way_in_and_most_ways_to_be_turned_away() {
        let mut codes = BTreeSet::new();
        let (mut let_in, mut done) = (0, 0);
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let bytes: Vec<u8> = (0..3000).map(|_| u8::try_from(rng.below(256)).expect("a byte")).collect();
            let steps = service_history(&service_config(), Instant::ZERO, &bytes);
            let mut service = Service::new(Instant::ZERO, service_config());
            for (_, output) in replay(&mut service, Instant::ZERO, &steps).0 {
                match output {
                    Output::Send { message: ServerMessage::Refused { code, .. } | ServerMessage::Closing { code }, .. }
                    | Output::ServerAnswer { result: Err(code), .. } => {
                        codes.insert(code);
                    }
                    Output::Send { message: ServerMessage::Accepted { .. }, .. } | Output::ServerAnswer { result: Ok(()), .. } => done += 1,
                    Output::Snapshot { .. } => let_in += 1,
                    _ => {}
                }
            }
        }
        let expected = [
            Code::BAD_REQUEST,
            Code::UNKNOWN_MESSAGE,
            Code::NOT_IN_ROOM,
            Code::ALREADY_IN_ROOM,
            Code::TOO_FAST,
            Code::ROOM_FULL,
            Code::TOO_MANY_RELAYS,
            Code::RELAYED_ALREADY,
            Code::JOINER_ELSEWHERE,
            Code::NO_SUCH_ROOM,
            Code::NO_SUCH_USER,
            Code::ROOM_NAME_REFUSED,
            Code::TOO_MANY_ROOMS,
            Code::SESSION_GONE,
            Code::KEY_INVALID,
            Code::KEY_EXPIRED,
            Code::UNKNOWN_APP,
            Code::ROLE_REFUSED,
            Code::TOO_MANY_FAILURES,
            Code::TOO_SLOW,
        ];
        let missing: Vec<_> = expected.into_iter().filter(|code| !codes.contains(code)).collect();
        assert!(missing.is_empty(), "never met: {missing:?}; let in {let_in} times, done {done} times");
        assert!(let_in > 500 && done > 500, "let in {let_in} times, done {done} times");
    }
}
