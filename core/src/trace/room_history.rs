//! Histories for a room: what it meets in real life, and what it should never meet.

use alloc::vec::Vec;
use core::time::Duration;

use super::{
    Choices, Step,
    history::{
        ROOM, STEPS_MAX, bps, description, layer, layers, max_bps, maybe_flag, member, min_height, name, offer, role, span, stream, text,
        user,
    },
};
use crate::{
    audio::AudioLevel,
    id::{MemberId, RequestId, RoomId, SessionId, StreamId},
    room::{self, MediaInput, MediaOutput, Room},
    select::Layer,
    time::Instant,
    wire::{AudioMode, ClientFrame, ClientMessage, LeaveReason, Version, Versions, VideoWish},
};

/// Connections in a room's history. More than users, so that some users have an old one and a new one.
const SESSIONS: u8 = 9;

/// A room's history: several users and their connections, old ones included, with a media plane that mostly does as it is told, and sometimes is late or wrong.
pub fn room_history(config: &room::Config, start: Instant, bytes: &[u8]) -> Vec<Step<room::Input>> {
    let mut choices = Choices::new(bytes);
    let mut world = RoomWorld { room: Room::new(start, config.clone()), now: start, media_news: Vec::new() };
    let mut steps = Vec::new();
    while !choices.is_over() && steps.len() < STEPS_MAX {
        let advance = span(&mut choices);
        world.now = world.now.saturating_add(advance);
        world.room.handle_timeout(world.now);
        world.listen();
        let input = world.next_input(&mut choices);
        world.room.handle_input(world.now, input.clone()).expect("a sum of spans never falls");
        world.listen();
        steps.push(Step { advance, input });
    }
    steps
}

/// What surrounds a room.
struct RoomWorld {
    /// A room that goes through the history as it is made up, so that inputs can be about those who are there.
    room: Room,
    /// The time there.
    now: Instant,
    /// What the media plane has to say about the orders it was given, oldest first.
    media_news: Vec<MediaInput>,
}

impl RoomWorld {
    /// Notes what the media plane was told.
    fn listen(&mut self) {
        while let Some(output) = self.room.poll_output() {
            let room::Output::Media(order) = output else { continue };
            match order {
                MediaOutput::Open { member, description } => {
                    self.media_news.extend([MediaInput::Ready { member, description }, MediaInput::Connected { member }]);
                }
                MediaOutput::RequestKeyFrame { stream, layer, .. } => self.media_news.push(MediaInput::KeyFrame { stream, layer }),
                MediaOutput::Layer { member, stream, target: Some(layer) } => {
                    self.media_news.push(MediaInput::Switched { member, stream, layer });
                }
                MediaOutput::Layer { target: None, .. }
                | MediaOutput::Close { .. }
                | MediaOutput::Receive { .. }
                | MediaOutput::StopReceiving { .. }
                | MediaOutput::Forward { .. }
                | MediaOutput::Listen { .. }
                | MediaOutput::Loudest { .. }
                | MediaOutput::Bandwidth { .. } => {}
            }
        }
        self.media_news.truncate(32);
    }

    fn next_input(&mut self, choices: &mut Choices<'_>) -> room::Input {
        match choices.below(16) {
            0 => room::Input::Disconnected { session: session(choices) },
            1 if choices.one_in(3) => self.application_input(choices),
            2 if choices.one_in(2) => room::Input::Admit {
                session: session(choices),
                request: RequestId(u32::from(choices.below(8))),
                admission: self.admission(choices),
            },
            1..=3 => room::Input::Media(self.media_input(choices)),
            4..=6 if !self.media_news.is_empty() => room::Input::Media(self.media_news.remove(0)),
            _ => room::Input::Message {
                session: session(choices),
                frame: ClientFrame { request: RequestId(u32::from(choices.below(8))), message: self.client_message(choices) },
            },
        }
    }

    /// What an application and those who check keys tell a room.
    fn application_input(&self, choices: &mut Choices<'_>) -> room::Input {
        match choices.below(16) {
            0..=5 => room::Input::Renewed {
                session: session(choices),
                request: RequestId(u32::from(choices.below(8))),
                key_until: self.key_until(choices),
            },
            6..=8 => room::Input::KeyInvalid { user: user(choices) },
            9..=11 => room::Input::Remove { user: user(choices), reason: LeaveReason(choices.below(12)) },
            12..=14 => room::Input::Pause { paused: choices.one_in(3) },
            _ if choices.one_in(4) => room::Input::Dissolve,
            _ => room::Input::Pause { paused: false },
        }
    }

    /// A checked join: of somebody new, or of somebody who is there and comes back with another key.
    fn admission(&self, choices: &mut Choices<'_>) -> room::Admission {
        let back = choices.one_in(3).then(|| self.room.members().nth(usize::from(choices.below(4)))).flatten();
        room::Admission {
            versions: if choices.one_in(16) { Versions { min: Version(8), max: Version(9) } } else { Versions::SUPPORTED },
            user: back.map_or_else(|| user(choices), |member| member.user.clone()),
            assigned: choices.one_in(4),
            name: name(choices),
            role: role(choices),
            resumes: back.map(|member| member.id),
            media: choices.one_in(4).then(|| description(choices)),
            audio_mode: AudioMode::Loudest,
            key_until: self.key_until(choices),
        }
    }

    /// A key's end: none, soon, just now or a moment ago.
    fn key_until(&self, choices: &mut Choices<'_>) -> Option<Instant> {
        let now = self.now;
        match choices.below(8) {
            0 | 1 => None,
            2 => Some(now),
            3 => Some(now.saturating_add(Duration::from_millis(100))),
            4 | 5 => Some(now.saturating_add(Duration::from_secs(2))),
            6 => Some(Instant::MAX),
            _ => Some(Instant::from_nanos(now.as_nanos().saturating_sub(1))),
        }
    }

    /// Mostly a member who is there.
    fn member(&self, choices: &mut Choices<'_>) -> MemberId {
        let there = self.room.members().nth(usize::from(choices.below(5)));
        there.map_or_else(|| member(choices), |member| member.id)
    }

    /// Mostly a stream that is there.
    fn stream(&self, choices: &mut Choices<'_>) -> StreamId {
        let there = self.room.streams().nth(usize::from(choices.below(4)));
        there.map_or_else(|| stream(choices), |stream| stream.id)
    }

    fn client_message(&self, choices: &mut Choices<'_>) -> ClientMessage {
        match choices.below(30) {
            0..=4 => ClientMessage::Join {
                versions: if choices.one_in(16) { Versions { min: Version(8), max: Version(9) } } else { Versions::SUPPORTED },
                app: None,
                room: if choices.one_in(16) { text(RoomId::new("elsewhere")) } else { text(RoomId::new(ROOM)) },
                user: (!choices.one_in(16)).then(|| user(choices)),
                name: name(choices),
                role: role(choices),
                resumes: choices.one_in(4).then(|| self.member(choices)),
                media: choices.flag().then(|| description(choices)),
                credential: None,
                relay: false,
                audio_mode: audio_mode(choices),
            },
            5 => self.come_back(choices),
            6 if choices.flag() => ClientMessage::Leave,
            6..=9 => ClientMessage::Publish { offer: offer(choices) },
            10 => ClientMessage::Unpublish { stream: self.stream(choices) },
            11..=15 => ClientMessage::Subscribe {
                stream: self.stream(choices),
                audio: choices.flag(),
                video: !choices.one_in(3),
                layers: layers(choices),
                min_height: min_height(choices),
            },
            16 => ClientMessage::Unsubscribe {
                stream: self.stream(choices),
                audio: choices.flag(),
                video: choices.flag(),
                layers: choices.flag().then(|| layers(choices)),
            },
            17 | 18 => ClientMessage::Mute { stream: self.stream(choices), audio: maybe_flag(choices), video: maybe_flag(choices) },
            19 => ClientMessage::SwitchRole { role: role(choices), credential: None },
            20 | 21 => ClientMessage::Media { description: description(choices) },
            22 | 23 => ClientMessage::Update { stream: self.stream(choices), offer: offer(choices) },
            24 | 25 => ClientMessage::SubscribeVideo {
                wanted: (0..choices.below(4))
                    .map(|_| VideoWish {
                        stream: self.stream(choices),
                        layers: layers(choices),
                        min_height: min_height(choices),
                        ..VideoWish::of(StreamId(0))
                    })
                    .collect(),
            },
            26 => ClientMessage::Rename { name: name(choices) },
            27 => ClientMessage::LimitBandwidth { max_bps: max_bps(choices) },
            28 => ClientMessage::Audience,
            _ if choices.flag() => ClientMessage::Ping,
            _ => ClientMessage::Unknown,
        }
    }

    /// The join of somebody who is there or was there a moment ago.
    fn come_back(&self, choices: &mut Choices<'_>) -> ClientMessage {
        let member = self.room.members().nth(usize::from(choices.below(4)));
        member.map_or(ClientMessage::Ping, |member| ClientMessage::Join {
            versions: Versions::SUPPORTED,
            app: None,
            room: text(RoomId::new(ROOM)),
            user: Some(member.user.clone()),
            name: None,
            role: member.role,
            resumes: Some(member.id),
            media: None,
            credential: None,
            relay: false,
            audio_mode: AudioMode::Subscribed,
        })
    }

    fn media_input(&self, choices: &mut Choices<'_>) -> MediaInput {
        let (member, stream) = (self.member(choices), self.stream(choices));
        match choices.below(16) {
            0 => MediaInput::Ready { member, description: description(choices) },
            1 => MediaInput::Connected { member },
            2..=6 => {
                let bps = bps(choices);
                MediaInput::Estimate { member, bps, application_limited: bps % 8 == 7 }
            }
            7 | 8 => MediaInput::LayerRate { stream, layer: layer(choices), bps: bps(choices) },
            9 => MediaInput::KeyFrame { stream, layer: layer(choices) },
            10 => MediaInput::KeyFrameNeeded { member, stream },
            11..=13 => MediaInput::Level { member, level: level(choices) },
            14 => MediaInput::Delay { member, delay_ns: (i64::from(choices.byte()) - 64) << 22 }, // about 4 ms, up to 800
            _ => MediaInput::Switched { member, stream, layer: Layer::whole(layer(choices)) },
        }
    }
}

fn session(choices: &mut Choices<'_>) -> SessionId {
    SessionId(u64::from(choices.below(SESSIONS)))
}

/// Whose audio: mostly that of the loudest, because that is where most can happen.
fn audio_mode(choices: &mut Choices<'_>) -> AudioMode {
    match choices.below(4) {
        0 => AudioMode::Subscribed,
        1 => AudioMode::Unknown,
        _ => AudioMode::Loudest,
    }
}

/// Quiet and loud, and levels just apart.
fn level(choices: &mut Choices<'_>) -> AudioLevel {
    text([127, 71, 70, 40, 34, 30, 20, 0].get(usize::from(choices.below(8))).copied().and_then(AudioLevel::new).ok_or("beyond 127 dB"))
}
