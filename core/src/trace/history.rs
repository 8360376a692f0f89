//! Histories of inputs made up from bytes: what machines meet in real rooms, and what they should never meet.

use alloc::{format, vec, vec::Vec};
use core::time::Duration;

use super::{Choices, Step};
use crate::{
    auth::Credential,
    code::Code,
    id::{LayerId, MemberId, RequestId, Rid, RoomId, SessionId, StreamId, UserId, UserName},
    role::Role,
    room::{self, MediaInput, MediaOutput, Room},
    session::{self, Call, CallId, ConnectionId, ConnectionState, JoinCall, Session},
    stream::{Layer, LayerSet, StreamInfo, StreamKind, StreamOffer, TemporalLayers},
    time::Instant,
    wire::{
        Accepted, ClientFrame, ClientMessage, LeaveReason, MediaDescription, MemberInfo, RefusedWish, ServerMessage, Version, Versions,
        VideoWish,
    },
};

/// The name of the room in all histories.
pub const ROOM: &str = "stage";
/// Longest history, so that a long string of bytes costs no more than it tells.
pub(super) const STEPS_MAX: usize = 300;
/// Users in a history. More than the rooms of tests hold, so that some are turned away.
const USERS: u8 = 6;
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

/// Settings to try sessions with: one that gives up at every bound, one that never does, and two between them.
pub fn session_configs() -> [session::Config; 4] {
    let gives_up = session::Config::default();
    let looks_up =
        session::Config { lookup_timeout: Some(Duration::from_secs(3)), lost_after: Some(Duration::from_secs(10)), ..gives_up.clone() };
    let keeps_trying = session::Config { after_window: session::AfterWindow::KeepTrying, ..gives_up.clone() };
    let never_gives_up = session::Config { retry_join: true, after_window: session::AfterWindow::KeepTrying, ..looks_up.clone() };
    [gives_up, looks_up, keeps_trying, never_gives_up]
}

/// A session's history. The server's side of it is made up as well: it mostly answers what it is asked, and sometimes anything else.
pub fn session_history(config: &session::Config, start: Instant, bytes: &[u8]) -> Vec<Step<session::Input>> {
    let mut choices = Choices::new(bytes);
    let mut server =
        Server { session: Session::new(start, config.clone()), connection: ConnectionId(1), unanswered: Vec::new(), next_call: 1 };
    let mut now = start;
    let mut steps = Vec::new();
    while !choices.is_over() && steps.len() < STEPS_MAX {
        // A session is lost by any long silence: without short ones between, none would get far.
        let advance = if choices.one_in(4) { span(&mut choices) } else { Duration::from_millis(1) };
        now = now.saturating_add(advance);
        server.session.handle_timeout(now);
        server.listen();
        let input = server.next_input(&mut choices);
        server.session.handle_input(now, input.clone()).expect("a sum of spans never falls");
        server.listen();
        steps.push(Step { advance, input });
    }
    steps
}

/// Time mostly stands still or moves a little, sometimes to just before or just at a timeout, and now and then it jumps.
pub(super) fn span(choices: &mut Choices<'_>) -> Duration {
    match choices.below(32) {
        0..=11 => Duration::ZERO,
        12..=15 => Duration::from_millis(1),
        16 | 17 => Duration::from_nanos(1),
        18..=20 => Duration::from_millis(100),
        21 | 22 => Duration::from_millis(300),
        23 | 24 => Duration::from_secs(1),
        25 | 26 => Duration::from_secs(2),
        27 => Duration::from_secs(6),
        28 => Duration::from_nanos(5_999_999_999),
        29 => Duration::from_secs(30),
        30 => Duration::from_secs(3600),
        _ if choices.one_in(8) => Duration::MAX,
        _ => Duration::from_secs(31),
    }
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
        match choices.below(28) {
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
                    .map(|_| VideoWish { stream: self.stream(choices), layers: layers(choices), min_height: min_height(choices), ..VideoWish::of(StreamId(0)) })
                    .collect(),
            },
            26 => ClientMessage::Rename { name: name(choices) },
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
        })
    }

    fn media_input(&self, choices: &mut Choices<'_>) -> MediaInput {
        let (member, stream) = (self.member(choices), self.stream(choices));
        match choices.below(12) {
            0 => MediaInput::Ready { member, description: description(choices) },
            1 => MediaInput::Connected { member },
            2..=6 => {
                let bps = bps(choices);
                MediaInput::Estimate { member, bps, application_limited: bps % 8 == 7 }
            }
            7 | 8 => MediaInput::LayerRate { stream, layer: layer(choices), bps: bps(choices) },
            9 => MediaInput::KeyFrame { stream, layer: layer(choices) },
            10 => MediaInput::KeyFrameNeeded { member, stream },
            _ => MediaInput::Switched { member, stream, layer: crate::select::Layer::whole(layer(choices)) },
        }
    }
}

/// What the other side of a session knows.
struct Server {
    /// A session that goes through the history as it is made up, so that answers can fit its requests.
    session: Session,
    connection: ConnectionId,
    unanswered: Vec<ClientFrame>,
    next_call: u32,
}

impl Server {
    /// Notes what the session said.
    fn listen(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                session::Output::Connect { connection } => {
                    self.connection = connection;
                    self.unanswered.clear();
                }
                session::Output::Send { frame, .. } => self.unanswered.push(frame),
                session::Output::Disconnect { .. } | session::Output::Event(_) => {}
            }
        }
    }

    fn next_input(&mut self, choices: &mut Choices<'_>) -> session::Input {
        // Left to chance alone, hardly a session would find its way in or back.
        let is_inside = self.session.state() == ConnectionState::Connected && self.session.member().is_some();
        if !is_inside && choices.flag() {
            return self.next_step_in(choices);
        }
        match choices.below(24) {
            0..=5 => {
                let call = self.call(choices);
                self.some_call(call)
            }
            6..=9 => session::Input::Opened { connection: self.some_connection(choices) },
            10 => session::Input::Closed { connection: self.some_connection(choices) },
            11 => session::Input::Found { connection: self.some_connection(choices) },
            12 => session::Input::Failed { connection: self.some_connection(choices), code: failure(choices) },
            _ => session::Input::Received { connection: self.some_connection(choices), message: self.server_message(choices) },
        }
    }

    /// The next step on the way in or back: a join, a connection, or an answer.
    fn next_step_in(&mut self, choices: &mut Choices<'_>) -> session::Input {
        let connection = self.connection;
        if self.session.state() == ConnectionState::Disconnected {
            self.some_call(join_call(choices))
        } else if self.unanswered.is_empty() {
            session::Input::Opened { connection }
        } else {
            session::Input::Received { connection, message: self.fitting_answer(choices) }
        }
    }

    fn some_call(&mut self, call: Call) -> session::Input {
        let id = CallId(self.next_call);
        self.next_call += 1;
        session::Input::Call { id, call }
    }

    /// What an application asks for: mostly to enter while it is outside, and of streams that are there.
    fn call(&self, choices: &mut Choices<'_>) -> Call {
        match choices.below(24) {
            0..=5 if self.session.member().is_none() || choices.one_in(8) => join_call(choices),
            6 if choices.one_in(2) => Call::Leave,
            0..=8 => Call::Publish { offer: offer(choices) },
            9 => Call::Update { stream: self.own_stream(choices), offer: offer(choices) },
            10 => Call::Unpublish { stream: self.own_stream(choices) },
            11..=13 => Call::Subscribe {
                stream: self.stream(choices),
                audio: choices.flag(),
                video: choices.flag(),
                layers: layers(choices),
                min_height: choices.flag().then_some(180),
            },
            14 => Call::SubscribeVideo { wanted: (0..choices.below(4)).map(|_| self.wish(choices)).collect() },
            15 | 16 => Call::Unsubscribe {
                stream: self.stream(choices),
                audio: choices.flag(),
                video: choices.flag(),
                layers: choices.flag().then(|| layers(choices)),
            },
            17 | 18 => Call::Mute { stream: self.own_stream(choices), audio: maybe_flag(choices), video: maybe_flag(choices) },
            19 => Call::SwitchRole { role: role(choices), credential: choices.flag().then(|| credential(choices)) },
            20 => Call::Renew { credential: credential(choices) },
            21 => Call::Rename { name: name(choices) },
            _ => Call::Media { description: description(choices) },
        }
    }

    fn wish(&self, choices: &mut Choices<'_>) -> VideoWish {
        VideoWish { stream: self.stream(choices), layers: layers(choices), ..VideoWish::of(StreamId(0)) }
    }

    /// Mostly a stream that the session sees.
    fn stream(&self, choices: &mut Choices<'_>) -> StreamId {
        self.seen(choices).map_or_else(|| stream(choices), |seen| seen.id)
    }

    fn seen(&self, choices: &mut Choices<'_>) -> Option<&StreamInfo> {
        let count = u8::try_from(self.session.streams().count()).unwrap_or(u8::MAX);
        self.session.streams().nth(usize::from(choices.below(count))).filter(|_| !choices.one_in(8))
    }

    /// Mostly a stream of the session's own.
    fn own_stream(&self, choices: &mut Choices<'_>) -> StreamId {
        let count = u8::try_from(self.session.own_streams().count()).unwrap_or(u8::MAX);
        let own = self.session.own_streams().nth(usize::from(choices.below(count))).filter(|_| !choices.one_in(8));
        own.map_or_else(|| stream(choices), |(id, _)| id)
    }

    /// A stream as it may be later.
    fn later(&self, choices: &mut Choices<'_>) -> StreamInfo {
        let made = stream_info(choices);
        match self.seen(choices).cloned() {
            Some(seen) => StreamInfo { offer: StreamOffer { kind: seen.offer.kind, ..made.offer }, ..seen },
            None => made,
        }
    }

    /// The streams of a snapshot: most that the session sees, some that it may not, and after a return its own.
    fn streams(&self, resumed: bool, choices: &mut Choices<'_>) -> Vec<StreamInfo> {
        let mut streams: Vec<_> = self.session.streams().filter(|_| !choices.one_in(4)).cloned().collect();
        streams.extend((0..choices.below(3)).map(|_| stream_info(choices)));
        if let Some(user) = self.session.user().filter(|_| resumed) {
            let own = self.session.own_streams().filter(|_| !choices.one_in(4));
            let info = |(id, offer): (StreamId, &StreamOffer)| StreamInfo {
                id,
                user: user.clone(),
                offer: offer.clone(),
                audio_muted: false,
                video_muted: false,
            };
            streams.extend(own.map(info));
        }
        streams
    }

    /// Mostly the newest connection, sometimes one before, seldom one to come.
    fn some_connection(&self, choices: &mut Choices<'_>) -> ConnectionId {
        match choices.below(16) {
            0 => ConnectionId(self.connection.0.saturating_sub(1)),
            1 => ConnectionId(self.connection.0.saturating_add(1)),
            _ => self.connection,
        }
    }

    fn server_message(&mut self, choices: &mut Choices<'_>) -> ServerMessage {
        match choices.below(28) {
            0..=14 => self.fitting_answer(choices),
            15 => ServerMessage::Accepted { request: RequestId(u32::from(choices.below(16))), accepted: accepted(choices) },
            16 => ServerMessage::Refused { request: RequestId(u32::from(choices.below(16))), code: Code(2001) },
            17 => ServerMessage::PeerJoined { user: user(choices), name: name(choices) },
            18 => ServerMessage::PeerLeft { user: user(choices), reason: LeaveReason(choices.below(12)) },
            19 => ServerMessage::PeerRenamed { user: user(choices), name: name(choices) },
            20 => ServerMessage::StreamAdded { stream: stream_info(choices) },
            21 => ServerMessage::StreamUpdated { stream: self.later(choices) },
            22 => ServerMessage::StreamRemoved { stream: self.stream(choices), user: user(choices) },
            23 => ServerMessage::StreamMuted {
                stream: self.stream(choices),
                user: user(choices),
                audio: choices.flag(),
                video: choices.flag(),
            },
            24 => ServerMessage::VideoNeeded { stream: self.own_stream(choices), needed: choices.flag() },
            25 => ServerMessage::KeyRefused { code: if choices.flag() { Code::KEY_EXPIRED } else { Code::KEY_INVALID } },
            26 if choices.one_in(2) => ServerMessage::Removed { code: Code::REPLACED },
            26 => ServerMessage::Media { description: description(choices) },
            _ if choices.flag() => ServerMessage::Pong,
            _ => ServerMessage::Unknown,
        }
    }

    /// The answer that the oldest open request calls for, or one that it may get.
    fn fitting_answer(&mut self, choices: &mut Choices<'_>) -> ServerMessage {
        if self.unanswered.is_empty() {
            return ServerMessage::Pong;
        }
        let ClientFrame { request, message } = self.unanswered.remove(0);
        if choices.one_in(8) {
            return ServerMessage::Refused { request, code: Code(u16::from(choices.below(6)) * 1000 + 1) };
        }
        if choices.one_in(16) {
            return ServerMessage::Accepted { request, accepted: accepted(choices) };
        }
        let accepted = match message {
            // The server keeps the stay no longer.
            ClientMessage::Join { resumes: Some(_), .. } if choices.one_in(3) => {
                return ServerMessage::Refused { request, code: Code::SESSION_GONE };
            }
            // What was received cannot be received again.
            ClientMessage::Subscribe { .. } if self.session.state() == ConnectionState::Reconnecting && choices.flag() => {
                return ServerMessage::Refused { request, code: Code::TOO_MANY_SUBSCRIPTIONS };
            }
            ClientMessage::Ping => return ServerMessage::Pong,
            ClientMessage::Unknown => {
                return ServerMessage::Refused { request, code: Code::UNKNOWN_MESSAGE };
            }
            ClientMessage::Join { user: asked, role, resumes, .. } => Accepted::Joined {
                member: resumes.unwrap_or(MemberId(1)),
                user: (asked.is_none() && !choices.one_in(8)).then(|| user(choices)),
                version: Version(1),
                role,
                resumed: resumes.is_some(),
                members: members(choices),
                streams: self.streams(resumes.is_some(), choices),
            },
            ClientMessage::Publish { .. } => Accepted::Published { stream: stream(choices) },
            ClientMessage::SubscribeVideo { wanted } => Accepted::Subscribed { refused: refused(&wanted, choices) },
            ClientMessage::Leave
            | ClientMessage::Unpublish { .. }
            | ClientMessage::Subscribe { .. }
            | ClientMessage::Unsubscribe { .. }
            | ClientMessage::Mute { .. }
            | ClientMessage::Update { .. }
            | ClientMessage::Renew { .. }
            | ClientMessage::Rename { .. }
            | ClientMessage::SwitchRole { .. }
            | ClientMessage::Media { .. } => Accepted::Done,
        };
        ServerMessage::Accepted { request, accepted }
    }
}

fn join_call(choices: &mut Choices<'_>) -> Call {
    Call::Join(JoinCall {
        user: (!choices.one_in(4)).then(|| user(choices)),
        name: name(choices),
        media: choices.flag().then(|| description(choices)),
        credential: choices.flag().then(|| credential(choices)),
        ..JoinCall::new(text(RoomId::new(ROOM)), user(choices), role(choices))
    })
}

/// Why a connection cannot be had.
fn failure(choices: &mut Choices<'_>) -> Code {
    match choices.below(5) {
        0 => Code::LOOKUP_REFUSED,
        1 => Code::NO_SERVER,
        2 => Code::OPEN_REFUSED,
        3 => Code::NO_CONFIGURATION,
        _ => Code::NO_ADDRESS,
    }
}

/// One in four of them.
fn refused(wanted: &[VideoWish], choices: &mut Choices<'_>) -> Vec<RefusedWish> {
    let refused = wanted.iter().filter(|_| choices.one_in(4));
    refused.map(|wish| RefusedWish { stream: wish.stream, code: Code::NO_SUCH_STREAM }).collect()
}

fn accepted(choices: &mut Choices<'_>) -> Accepted {
    match choices.below(5) {
        0 => Accepted::Published { stream: stream(choices) },
        1 => Accepted::Subscribed { refused: Vec::new() },
        2 => Accepted::Joined {
            member: member(choices),
            user: None,
            version: Version(1),
            role: role(choices),
            resumed: choices.flag(),
            members: members(choices),
            streams: vec![stream_info(choices)],
        },
        _ => Accepted::Done,
    }
}

fn members(choices: &mut Choices<'_>) -> Vec<MemberInfo> {
    (0..choices.below(4)).map(|_| MemberInfo { user: user(choices), name: name(choices) }).collect()
}

fn stream_info(choices: &mut Choices<'_>) -> StreamInfo {
    StreamInfo { id: stream(choices), user: user(choices), offer: offer(choices), audio_muted: choices.flag(), video_muted: choices.flag() }
}

/// An offer as cameras and screens make them, or one in eight that cannot be.
pub(super) fn offer(choices: &mut Choices<'_>) -> StreamOffer {
    let kind = if choices.one_in(3) { StreamKind::Aux } else { StreamKind::Main };
    let (first, on_demand) = (usize::from(choices.one_in(4)), choices.one_in(3)); // names and places that an update may move
    let ladder = |rates: &[u64]| -> Vec<Layer> {
        let rung = |((at, height), bps): ((usize, u16), &u64)| Layer {
            rid: text(Rid::new(&format!("r{at}"))),
            width: None,
            height,
            max_bps: *bps,
            temporal_layers: TemporalLayers::default(),
        };
        (first..).zip([180, 360, 720, 720, 1080, 1080, 2160]).zip(rates).map(rung).collect()
    };
    let (audio_bps, rates): (Option<u64>, &[u64]) = match choices.below(8) {
        0 => (Some(32_000), &[]),
        1 => (None, &[500_000]),
        2..=5 => (Some(32_000), &[150_000, 500_000, 1_500_000]),
        6 => (Some(u64::MAX), &[1, u64::MAX]),
        _ => match choices.below(4) {
            0 => (None, &[]),
            1 => (None, &[500_000, 150_000]),
            2 => (Some(1), &[1, 2, 3, 4, 5, 6, 7]),
            _ => (Some(0), &[0]),
        },
    };
    StreamOffer { kind, audio_bps, layers: ladder(rates), on_demand }
}

fn bps(choices: &mut Choices<'_>) -> u64 {
    match choices.below(8) {
        0 => 0,
        1 => 100_000,
        2 => 200_000,
        3 => 650_000,
        4 => 2_000_000,
        5 => 50_000_000,
        6 => u64::from(choices.bits()),
        _ => u64::MAX,
    }
}

fn user(choices: &mut Choices<'_>) -> UserId {
    text(UserId::new(&format!("user-{}", choices.below(USERS))))
}

fn session(choices: &mut Choices<'_>) -> SessionId {
    SessionId(u64::from(choices.below(SESSIONS)))
}

fn member(choices: &mut Choices<'_>) -> MemberId {
    MemberId(u32::from(choices.below(8)) + 1)
}

pub(super) fn stream(choices: &mut Choices<'_>) -> StreamId {
    StreamId(u32::from(choices.below(6)) + 1)
}

pub(super) fn layer(choices: &mut Choices<'_>) -> LayerId {
    LayerId(match choices.below(8) {
        0 => u8::MAX,
        n => n % 3,
    })
}

pub(super) fn layers(choices: &mut Choices<'_>) -> LayerSet {
    match choices.below(6) {
        0 => LayerSet::of(&[layer(choices)]).unwrap_or_default(),
        1 => LayerSet::of(&[layer(choices), layer(choices)]).unwrap_or_default(),
        2 => LayerSet::of(&[LayerId(2)]).unwrap_or_default(),
        _ => LayerSet::HIGHEST,
    }
}

fn min_height(choices: &mut Choices<'_>) -> Option<u16> {
    choices.one_in(3).then(|| [180, 360, 720, 1080][usize::from(choices.below(4))])
}

pub(super) fn name(choices: &mut Choices<'_>) -> Option<UserName> {
    choices.flag().then(|| text(UserName::new(if choices.flag() { "Ada L." } else { "A." })))
}

pub(super) fn role(choices: &mut Choices<'_>) -> Role {
    if choices.one_in(4) { Role::Player } else { Role::Joiner }
}

fn maybe_flag(choices: &mut Choices<'_>) -> Option<bool> {
    choices.flag().then(|| choices.flag())
}

pub(super) fn description(choices: &mut Choices<'_>) -> MediaDescription {
    MediaDescription::new(&format!("ice {}", choices.below(4))).expect("it is short")
}

fn credential(choices: &mut Choices<'_>) -> Credential {
    Credential::ChannelKey { key: format!("key {}", choices.below(4)).into() }
}

/// An identifier from a text written here.
pub(super) fn text<T, E: core::fmt::Debug>(made: Result<T, E>) -> T {
    made.expect("texts of histories are valid")
}
