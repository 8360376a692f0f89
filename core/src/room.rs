//! A room on the server: who is in it, who sends what, who receives which layer.
//!
//! A [`Room`] is told messages, losses and measurements, and answers with messages to members, orders to the media plane, and events. It decides everything about the
//! room, the layer that each viewer gets included; whoever embeds it only obeys.
//!
//! ```text
//!   Message, Admit ───────▶ ┌──────┐ ──▶ Send { to, message }, Snapshot(…)   to members
//!   Disconnected ─────────▶ │ Room │ ──▶ Media(…)                            to the media plane
//!   Media ────────────────▶ └──────┘ ──▶ Event(…)                            to logs and reports
//! ```
//!
//! A *member* is one stay of one user. It survives lost connections for [`Config::reconnect_window`]; a user who enters again while a stay goes on takes its place, once
//! the newcomer has been accepted (R-064). Connections have numbers that never come back, so what arrives late for an old one finds nobody.
//!
//! # Whom it trusts
//!
//! A room checks no credentials. Whoever embeds it (a service, as a rule) checks a join and hands it in as [`Input::Admit`], checks a new key and hands in
//! [`Input::Renewed`], checks the credential of a role switch before it hands the message on. For rooms without keys the messages themselves will do: a join is then an
//! admission without a key, the credential of a switch is not looked at, and a renewal is granted and changes nothing.
//!
//! Concerns have their files: what goes in and out in `room/config.rs`, `room/input.rs` and `room/output.rs`; entering and leaving in `room/join.rs`, keys in
//! `room/key.rs`, `room/publish.rs`, `room/subscribe.rs`, roles, removal and the room's end in `room/moderate.rs`, layers in `room/plan.rs`, voices in `room/listen.rs`.

mod bandwidth;
mod config;
mod input;
mod invariants;
mod join;
mod key;
mod listen;
mod moderate;
mod needed;
mod output;
mod plan;
mod publish;
mod subscribe;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use self::listen::Listening;
use self::needed::Needed;
pub use self::{
    config::{Config, Duplicates},
    input::{Admission, Input, MediaInput},
    output::{Event, MediaOutput, Misuse, Output, Recipients, Snapshot},
};
use crate::{
    code::Code,
    id::{LayerId, MemberId, RequestId, SessionId, StreamId, UserId},
    limits,
    member::Member,
    recent::Recent,
    select::KeyFrameRequests,
    stream::{BitsPerSecond, StreamInfo},
    time::Instant,
    wire::{Accepted, ClientFrame, ClientMessage, ServerMessage, VideoWish},
};

/// A room: see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Room {
    config: Config,
    now: Instant,
    members: BTreeMap<MemberId, Member>,
    /// The one stay of each user.
    users: BTreeMap<UserId, MemberId>,
    /// The connection of each member that has one.
    sessions: BTreeMap<SessionId, MemberId>,
    streams: BTreeMap<StreamId, PublishedStream>,
    next_member: u32,
    next_stream: u32,
    key_frames: KeyFrameRequests,
    /// Who waits for a key frame of which layer: what keeps a request alive.
    waiting: BTreeSet<(StreamId, LayerId, MemberId)>,
    /// Members whose plan is to be made again, a batch at a time, because something about a stream changed.
    replan: BTreeSet<MemberId>,
    /// When the next of them is to be planned.
    replan_at: Option<Instant>,
    /// Publishers who will be told that less of a video will do, by when.
    lowerings: BTreeSet<(Instant, StreamId)>,
    /// Plans that are made again because more is believed of an estimate then, by when.
    replans: BTreeSet<(Instant, MemberId)>,
    /// Who hears the loudest, and who they are.
    listening: Listening,
    /// After a full batch of timers and plans, the next batch begins here.
    rest_until: Instant,
    /// One deadline for each member: the end of its patience or of its absence. It may lie too early, never too late.
    deadlines: BTreeSet<(Instant, MemberId)>,
    /// When each key that ends expires, and when patience with each that was refused does.
    keys: BTreeSet<(Instant, MemberId)>,
    /// What became of stays that the server ended, for whoever comes back to one.
    ended: Recent<MemberId, Ended, { limits::ENDED_STAYS }>,
    /// How many auxiliary streams there are.
    shares: usize,
    /// Whether nothing may be published at present.
    paused: bool,
    /// Whether everyone is being sent away, or has been.
    dissolved: bool,
    /// When the next of them are.
    dissolve_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// What was measured of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Measured {
    /// Nothing: what was declared is believed.
    #[default]
    Nothing,
    /// It does not flow.
    Silent,
    /// It flows as declared.
    AsDeclared,
    /// It flows with more than was declared.
    Excess {
        /// Since when.
        since: Instant,
        /// The least of that time, in bits per second.
        least_bps: BitsPerSecond,
        /// Whether it has gone on for so long that plans count with it.
        lasts: bool,
    },
}

/// What became of a stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ended {
    user: UserId,
    code: Code,
}

/// Where the numbers of stays and streams begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numbers {
    /// The number of the next stay.
    pub member: u32,
    /// The number of the next stream.
    pub stream: u32,
}

/// A stream and what the room knows of it beyond what everyone does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PublishedStream {
    owner: MemberId,
    info: StreamInfo,
    /// What was measured of each layer.
    measured: Vec<Measured>,
    /// Whoever receives any part of it.
    subscribers: BTreeSet<MemberId>,
    /// Up to which layer the video is worth sending.
    needed: Needed,
}

impl Room {
    /// An empty room.
    pub fn new(now: Instant, mut config: Config) -> Self {
        config.members_max = config.members_max.min(limits::ROOM_MEMBERS);
        Self {
            config,
            now,
            members: BTreeMap::new(),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            streams: BTreeMap::new(),
            next_member: 1,
            next_stream: 1,
            key_frames: KeyFrameRequests::default(),
            waiting: BTreeSet::new(),
            replan: BTreeSet::new(),
            replan_at: None,
            lowerings: BTreeSet::new(),
            replans: BTreeSet::new(),
            listening: Listening::new(),
            rest_until: now,
            deadlines: BTreeSet::new(),
            keys: BTreeSet::new(),
            ended: Recent::default(),
            shares: 0,
            paused: false,
            dissolved: false,
            dissolve_at: None,
            outputs: VecDeque::new(),
        }
    }

    /// How many stays there are whose end is remembered.
    pub(crate) fn ended_stays(&self) -> usize {
        self.ended.len()
    }

    /// The same room, with numbers of stays and streams that were never given in the rooms before it. A server that starts anew after a crash begins above the numbers that it may
    /// have given, so that nobody comes back to somebody else's stay; a high half that counts its starts will do.
    #[must_use]
    pub fn numbered_from(mut self, Numbers { member, stream }: Numbers) -> Self {
        (self.next_member, self.next_stream) = (member, stream);
        self
    }

    /// The numbers that the next stay and the next stream will get.
    pub(crate) fn numbers(&self) -> Numbers {
        Numbers { member: self.next_member, stream: self.next_stream }
    }

    /// Takes in one input. Timers that are due fire first.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Misuse> {
        if now < self.now {
            return Err(Misuse::TimeWentBack { now, last: self.now });
        }
        self.handle_timeout(now);
        match input {
            Input::Message { session, frame } => self.handle_frame(session, frame),
            Input::Disconnected { session } => self.disconnected(session, Code::CLOSED_BY_PEER),
            Input::Media(input) => self.handle_media(input),
            Input::Remove { user, reason } => self.remove_user(&user, reason),
            Input::Admit { session, request, admission } => self.admit(session, request, admission),
            Input::Renewed { session, request, key_until } => self.renewed(session, request, key_until),
            Input::KeyInvalid { user } => self.key_invalid(&user),
            Input::Dissolve => self.dissolve(),
            Input::Pause { paused } => self.paused = paused,
        }
        self.check_invariants();
        Ok(())
    }

    /// Fires the timers that are due, at most [`limits::ROOM_BATCH`] of them; if more are, the next deadline is [`limits::ROOM_BATCH_SPACING`] away. Early or late
    /// calls do no harm; a `now` before the last one is ignored.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.now {
            return;
        }
        self.now = now;
        self.ended.forget(now);
        if self.rest_until <= now {
            self.work_off();
        }
        self.check_invariants();
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Room::handle_timeout`] is to be called: at once while outputs wait, else at the next timer.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let first_of = |timers: &BTreeSet<(Instant, MemberId)>| timers.first().map(|(at, _)| *at);
        let (member, key, trust) = (first_of(&self.deadlines), first_of(&self.keys), first_of(&self.replans));
        let lowering = self.lowerings.first().map(|(at, _)| *at);
        let (key_frame, voices) = (self.key_frames.poll_timeout(), self.listening.poll_timeout());
        let first = [self.dissolve_at, member, key, key_frame, voices, trust, lowering, self.replan_at].into_iter().flatten().min();
        first.map(|at| at.max(self.rest_until)).filter(|at| *at < Instant::MAX)
    }

    /// The most outputs that one call makes: of [`Room::handle_input`] with an input when no timer is due, of [`Room::handle_timeout`] without. Neither depends on
    /// how many members there are. The end of the room begins with a batch, as timers come.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        match input {
            None | Some(Input::Dissolve) => limits::ROOM_BATCH * limits::ROOM_OUTPUTS,
            Some(_) => limits::ROOM_OUTPUTS,
        }
    }

    /// The connections that a message to `to` goes out on, in a fixed order.
    pub fn sessions_of<'a>(&'a self, to: &'a Recipients) -> impl Iterator<Item = SessionId> + 'a {
        let (one, except, listeners) = match to {
            Recipients::Session(session) => (Some(*session), None, None),
            Recipients::Members { except } => (None, Some(*except), None),
            Recipients::Listeners => (None, None, Some(&self.listening)),
        };
        let many = except.into_iter().flat_map(move |except| self.members.values().filter(move |m| Some(m.id) != except));
        let listeners = listeners.into_iter().flat_map(Listening::listeners).map(|id| &self.members[&id]);
        one.into_iter().chain(many.chain(listeners).filter_map(|member| member.presence.session()))
    }

    /// Everyone in the room, in the order of entering.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The member of that number.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// The stay of that user.
    pub fn member_of(&self, user: &UserId) -> Option<&Member> {
        self.members.get(self.users.get(user)?)
    }

    /// Every stream, in the order of publishing.
    pub fn streams(&self) -> impl Iterator<Item = &StreamInfo> {
        self.streams.values().map(|s| &s.info)
    }

    /// The stream of that number.
    pub fn stream(&self, id: StreamId) -> Option<&StreamInfo> {
        self.streams.get(&id).map(|s| &s.info)
    }

    /// Whether the room was dissolved: nobody enters it again.
    pub fn is_dissolved(&self) -> bool {
        self.dissolved
    }

    /// Whether the room was dissolved, everyone has gone, and nothing is left to be done: it can be dropped.
    pub fn is_over(&self) -> bool {
        self.dissolved && self.members.is_empty() && self.outputs.is_empty()
    }

    /// Does what is due, a batch at most: a network that takes ten thousand members away at once must not make one call that says so ten thousand times.
    fn work_off(&mut self) {
        for _ in 0..limits::ROOM_BATCH {
            if !self.do_next() {
                return;
            }
        }
        self.rest_until = self.now.saturating_add(limits::ROOM_BATCH_SPACING);
    }

    /// Does the first thing that is due. False: nothing is.
    fn do_next(&mut self) -> bool {
        if self.dissolve_at.is_some_and(|at| at.is_due(self.now)) {
            self.dissolve_next();
            return true;
        }
        if let Some(&(at, member)) = self.deadlines.first()
            && at.is_due(self.now)
        {
            self.deadlines.pop_first();
            self.member_deadline(member);
            return true;
        }
        if let Some(&(at, member)) = self.keys.first()
            && at.is_due(self.now)
        {
            self.keys.pop_first();
            self.key_deadline(member);
            return true;
        }
        if let Some((stream, layer)) = self.key_frames.take_due(self.now) {
            self.ask_again(stream, layer);
            return true;
        }
        if self.listening_timers() {
            return true;
        }
        if let Some(&(at, stream)) = self.lowerings.first()
            && at.is_due(self.now)
        {
            self.tell_video_needed(stream);
            return true;
        }
        if let Some(&(at, member)) = self.replans.first()
            && at.is_due(self.now)
        {
            self.replans.pop_first();
            self.members.get_mut(&member).expect("plans end with their members").replan_at = None;
            self.plan(member);
            return true;
        }
        if self.replan_at.is_some_and(|at| at.is_due(self.now)) {
            match self.replan.pop_first() {
                Some(member) => self.plan(member),
                None => self.replan_at = None,
            }
            return true;
        }
        false
    }

    fn handle_frame(&mut self, session: SessionId, frame: ClientFrame) {
        let ClientFrame { request, message } = frame;
        // Whoever is about to be sent away is treated as gone.
        let member = self.sessions.get(&session).copied().filter(|_| !self.dissolved);
        if let Some(member) = member {
            self.heard(member);
        }
        let message = match (message, member) {
            (join @ ClientMessage::Join { .. }, _) => return self.join(session, request, join),
            (ClientMessage::Ping, _) => return self.send(session, ServerMessage::Pong),
            (ClientMessage::Unknown, _) => return self.refuse(session, request, Code::UNKNOWN_MESSAGE),
            (other, _) => other,
        };
        let Some(member) = member else {
            return self.refuse(session, request, Code::NOT_IN_ROOM);
        };
        let shifts_share = matches!(
            message,
            ClientMessage::Publish { .. }
                | ClientMessage::Update { .. }
                | ClientMessage::Unpublish { .. }
                | ClientMessage::SwitchRole { .. }
        );
        let result = match message {
            ClientMessage::Leave => Ok(self.leave(member)),
            ClientMessage::Publish { offer } => self.publish(member, offer),
            ClientMessage::Unpublish { stream } => self.unpublish(member, stream),
            ClientMessage::Update { stream, offer } => self.update(member, stream, offer),
            ClientMessage::Subscribe { stream, audio, video, layers, min_height } => {
                let wish = VideoWish { layers, min_height, ..VideoWish::of(stream) };
                self.subscribe(member, stream, audio, video.then_some(&wish))
            }
            ClientMessage::SubscribeVideo { wanted } => self.subscribe_video(member, &wanted),
            ClientMessage::Unsubscribe { stream, audio, video, layers } => self.unsubscribe(member, stream, audio, video, layers),
            ClientMessage::Mute { stream, audio, video } => self.mute(member, stream, audio, video),
            ClientMessage::SwitchRole { role, credential: _ } => Ok(self.switch_role(member, role)),
            ClientMessage::Media { description } => Ok(self.open_media(member, description)),
            ClientMessage::Rename { name } => Ok(self.rename(member, name)),
            ClientMessage::LimitBandwidth { max_bps } => Ok(self.limit_bandwidth(member, max_bps)),
            ClientMessage::Audience => Ok(self.audience(member)),
            ClientMessage::Renew { credential: _ } => Ok(Accepted::Done), // who checks credentials says Renewed instead
            ClientMessage::Join { .. } | ClientMessage::Ping | ClientMessage::Unknown => unreachable!("answered above"),
        };
        if shifts_share {
            self.share_anew(member);
        }
        match result {
            Ok(accepted) => self.send(session, ServerMessage::Accepted { request, accepted }),
            Err(code) => self.refuse(session, request, code),
        }
    }

    fn send(&mut self, session: SessionId, message: ServerMessage) {
        self.outputs.push_back(Output::Send { to: Recipients::Session(session), message });
    }

    fn refuse(&mut self, session: SessionId, request: RequestId, code: Code) {
        self.send(session, ServerMessage::Refused { request, code });
    }

    /// Tells everyone else. Of what happens while the room is dissolved nobody is told: all go.
    fn send_to_others(&mut self, except: MemberId, message: ServerMessage) {
        if self.dissolved {
            return;
        }
        self.outputs.push_back(Output::Send { to: Recipients::Members { except: Some(except) }, message });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn media(&mut self, order: MediaOutput) {
        self.outputs.push_back(Output::Media(order));
    }
}
