//! Histories for a session: an application that calls, connections that come and go, and a server that mostly answers what it is asked.

use alloc::{format, vec, vec::Vec};
use core::time::Duration;

use super::{
    Choices, Step,
    history::{
        ROOM, STEPS_MAX, bps, description, layers, max_bps, maybe_flag, member, name, offer, role, span, stream, stream_info, text, user,
    },
};
use crate::{
    audio::Volume,
    auth::Credential,
    code::Code,
    id::{MemberId, RequestId, RoomId, StreamId},
    quality::{Reading, Share, Window},
    session::{self, Call, CallId, ConnectionId, ConnectionState, Event, JoinCall, Session},
    stream::{StreamInfo, StreamOffer},
    time::Instant,
    watch::WatchInterval,
    wire::{
        Accepted, Audience, AudioMode, ClientFrame, ClientMessage, LeaveReason, MemberInfo, RefusedWish, ServerMessage, Version, VideoWish,
        Voice,
    },
};

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
    let mut server = Server {
        session: Session::new(start, config.clone()),
        connection: ConnectionId(1),
        unanswered: Vec::new(),
        next_call: 1,
        dead: None,
    };
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

/// What the other side of a session knows.
struct Server {
    /// A session that goes through the history as it is made up, so that answers can fit its requests.
    session: Session,
    connection: ConnectionId,
    unanswered: Vec<ClientFrame>,
    next_call: u32,
    /// A stream that was told as interrupted, and may come back.
    dead: Option<StreamId>,
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
                session::Output::Event(Event::StreamsInterrupted { streams }) => self.dead = streams.first().map(|stream| stream.id),
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
        if let Some(stream) = self.dead.take_if(|_| choices.one_in(3)) {
            return session::Input::Picture { stream };
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
            13 => session::Input::Window { up: reading(choices), down: reading(choices) },
            14 => session::Input::Picture { stream: self.stream(choices) },
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
        match choices.below(25) {
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
            22 if choices.flag() => Call::LimitBandwidth { max_bps: max_bps(choices) },
            22 => Call::Audience,
            23 => Call::Watch { interval: WatchInterval::new(u64::from(choices.below(4))) },
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
            24 if choices.flag() => ServerMessage::Volumes { voices: voices(choices) },
            24 => ServerMessage::VideoNeeded { stream: self.own_stream(choices), needed: choices.flag(), up_to: None },
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
            ClientMessage::Audience => {
                let mut received = |stream| Audience { stream, audio: choices.flag(), video: choices.flag() };
                Accepted::Audience { streams: self.session.own_streams().map(|(stream, _)| received(stream)).collect() }
            }
            ClientMessage::Leave
            | ClientMessage::LimitBandwidth { .. }
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
        audio_mode: if choices.one_in(4) { AudioMode::Subscribed } else { AudioMode::Loudest },
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

fn credential(choices: &mut Choices<'_>) -> Credential {
    Credential::ChannelKey { key: format!("key {}", choices.below(4)).into() }
}

/// More than a server should tell, oneself among them, and some twice.
fn voices(choices: &mut Choices<'_>) -> Vec<Voice> {
    (0..choices.below(6)).map(|_| Voice { user: user(choices), volume: Volume::clamped(choices.byte().into()) }).collect()
}

/// A window as links make them, or one that no link makes.
fn reading(choices: &mut Choices<'_>) -> Reading {
    let span =
        |choices: &mut Choices<'_>| Duration::from_millis([0, 40, 200, 350, 500, 900, 2000, u64::MAX][usize::from(choices.below(8))]);
    match choices.below(8) {
        0 => Reading::Disconnected,
        1 => Reading::Unmeasured,
        2 | 3 => Reading::Measured(Window::CLEAN),
        _ => Reading::Measured(Window {
            rtt: span(choices),
            jitter: span(choices),
            loss: Share::percent([0, 3, 8, 20, 100][usize::from(choices.below(5))]),
            target_bps: bps(choices),
            actual_bps: bps(choices),
            freeze: span(choices),
            ..Window::CLEAN
        }),
    }
}
