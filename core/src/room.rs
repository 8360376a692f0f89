//! A room on the server: who is in it, who sends what, who receives which layer.
//!
//! A [`Room`] is told messages, losses and measurements, and answers with messages to members, orders to the media plane, and events. It decides everything about the
//! room, the layer that each viewer gets included; whoever embeds it only obeys.
//!
//! ```text
//!   ClientFrame ──────────▶ ┌──────┐ ──▶ Send { to, message }      to members
//!   Disconnected ─────────▶ │ Room │ ──▶ Media(…)                  to the media plane
//!   MediaInput ───────────▶ └──────┘ ──▶ Event(…)                  to logs and reports
//! ```
//!
//! A *member* is one stay of one user. It survives lost connections for [`Config::reconnect_window`]; a user who enters again while a stay goes on takes its place, once
//! the newcomer has been accepted (R-064). Connections have numbers that never come back, so what arrives late for an old one finds nobody.
//!
//! Concerns have their files: [`join`](self) and leaving in `room/join.rs`, `room/publish.rs`, `room/subscribe.rs`, removal in `room/moderate.rs`, layers in `room/plan.rs`.

mod invariants;
mod join;
mod moderate;
mod plan;
mod publish;
mod subscribe;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::time::Duration;

use crate::{
    code::Code,
    id::{LayerId, MemberId, RequestId, RoomId, SessionId, StreamId, UserId, UserName},
    limits,
    member::{Bandwidth, Member},
    role::Role,
    select::{KeyFrameRequests, Reason},
    stream::{BitsPerSecond, StreamInfo},
    time::Instant,
    wire::{ClientFrame, ClientMessage, LeaveReason, MediaDescription, ServerMessage, Versions},
};

/// How a room behaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Config {
    /// The room's name.
    pub id: RoomId,
    /// Most members at a time; more than [`limits::ROOM_MEMBERS`] are taken as that.
    pub members_max: usize,
    /// How long a member's place is kept while its connection is away.
    pub reconnect_window: Duration,
    /// Silence after which a connection counts as lost.
    pub heartbeat_timeout: Duration,
    /// How long a member may stay after its key expired, waiting for a new one (R-047).
    pub key_grace: Duration,
    /// What becomes of a user's stay when the user enters again from elsewhere.
    pub duplicates: Duplicates,
    /// Whether nobody is told of players: neither that they enter nor that they leave (R-060).
    pub hide_players: bool,
    /// Whether only one member at a time may publish an auxiliary stream (R-086).
    pub one_share: bool,
    /// What a member is assumed to be able to receive before its media transport has an estimate, in bits per second.
    pub start_estimate_bps: BitsPerSecond,
}

impl Config {
    /// The recommended settings, for a room of that name.
    pub fn new(id: RoomId) -> Self {
        Self {
            id,
            members_max: limits::ROOM_MEMBERS,
            reconnect_window: limits::RECONNECT_WINDOW,
            heartbeat_timeout: limits::HEARTBEAT_TIMEOUT,
            key_grace: limits::KEY_GRACE,
            duplicates: Duplicates::NewestStays,
            hide_players: false,
            one_share: false,
            // Where libwebrtc's congestion control starts: 300 kbps.
            start_estimate_bps: 300_000,
        }
    }
}

/// What becomes of a user's stay when the user enters again from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// The newcomer takes its place (R-064).
    NewestStays,
    /// The newcomer is refused with [`Code::USER_PRESENT`] (R-073).
    OldestStays,
}

/// A join whose credential and policy have been checked, by a service or by whoever embeds the room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Admission {
    /// Protocol versions the client speaks.
    pub versions: Versions,
    /// Who enters.
    pub user: UserId,
    /// Whether the server chose the user's id, so that the client is to be told.
    pub assigned: bool,
    /// The name to show to others.
    pub name: Option<UserName>,
    /// What the user is to be.
    pub role: Role,
    /// The stay to go on with, after a lost connection.
    pub resumes: Option<MemberId>,
    /// How the client's media transport is reached.
    pub media: Option<MediaDescription>,
    /// Until when its key is good; none without end.
    pub key_until: Option<Instant>,
}

/// What a room is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A message arrived on a connection.
    Message {
        /// The connection.
        session: SessionId,
        /// The message.
        frame: ClientFrame,
    },
    /// A join that has been checked. A [`ClientMessage::Join`] that comes as a message is taken as one without a key.
    Admit {
        /// The connection.
        session: SessionId,
        /// The number that the answer carries.
        request: RequestId,
        /// The join.
        admission: Admission,
    },
    /// A member's new credential has been checked and is good (R-045).
    Renewed {
        /// The connection.
        session: SessionId,
        /// The number that the answer carries.
        request: RequestId,
        /// Until when it is good; none without end.
        key_until: Option<Instant>,
    },
    /// A user's credential was found not to be valid after all (R-044).
    KeyInvalid {
        /// Who.
        user: UserId,
    },
    /// A connection ended, whoever ended it.
    Disconnected {
        /// The connection.
        session: SessionId,
    },
    /// The media plane has news.
    Media(MediaInput),
    /// The application removes a user (R-067), or a fault of the server does (R-068).
    Remove {
        /// Who.
        user: UserId,
        /// What the others are told.
        reason: LeaveReason,
    },
    /// Everyone is sent away, and nobody enters again (R-066).
    Dissolve,
    /// Nothing may be published from now on, or again (R-088).
    Pause {
        /// Whether it is paused.
        paused: bool,
    },
}

/// News from the media plane. News about members or streams that have gone meanwhile are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaInput {
    /// A transport that the room ordered can be reached so.
    Ready {
        /// Whose transport.
        member: MemberId,
        /// How it is reached.
        description: MediaDescription,
    },
    /// A transport stands: media can flow.
    Connected {
        /// Whose transport.
        member: MemberId,
    },
    /// What can be sent to a member, all streams together.
    Estimate {
        /// To whom.
        member: MemberId,
        /// In bits per second.
        bps: BitsPerSecond,
    },
    /// What a layer was measured to need lately; zero when nothing came.
    LayerRate {
        /// The stream.
        stream: StreamId,
        /// The layer.
        layer: LayerId,
        /// In bits per second.
        bps: BitsPerSecond,
    },
    /// A key frame of a layer begins to arrive.
    KeyFrame {
        /// The stream.
        stream: StreamId,
        /// The layer.
        layer: LayerId,
    },
    /// A viewer cannot go on without a key frame.
    KeyFrameNeeded {
        /// Who.
        member: MemberId,
        /// Of which stream.
        stream: StreamId,
    },
    /// Forwarding of a video went over to another layer.
    Switched {
        /// To whom.
        member: MemberId,
        /// Of which stream.
        stream: StreamId,
        /// The layer that flows now.
        layer: LayerId,
    },
}

/// What a room wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// Send a message. [`Room::sessions_of`] tells on which connections.
    Send {
        /// To whom.
        to: Recipients,
        /// The message.
        message: ServerMessage,
    },
    /// Close a connection, after what was sent on it.
    Close {
        /// The connection.
        session: SessionId,
    },
    /// Order the media plane.
    Media(MediaOutput),
    /// Something worth knowing happened.
    Event(Event),
}

/// Whom a message goes to: described, so that a join in a room of ten thousand is one output.
///
/// Who that is shows when the output is taken. A connection that was let in meanwhile then hears of what came before, but ahead of its [`Accepted`](crate::wire::Accepted),
/// and what comes ahead of that a client ignores: the snapshot in it is newer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Recipients {
    /// One connection.
    Session(SessionId),
    /// Every member that has a connection, but one.
    Members {
        /// The one left out.
        except: Option<MemberId>,
    },
}

/// An order to the media plane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaOutput {
    /// Set up a transport to a member, in place of one it may have; answer with [`MediaInput::Ready`] and, in time, [`MediaInput::Connected`].
    Open {
        /// To whom.
        member: MemberId,
        /// How its end is reached.
        description: MediaDescription,
    },
    /// Take a member's transport down, with all that is received and forwarded over it.
    Close {
        /// Whose.
        member: MemberId,
    },
    /// Receive a stream from its publisher.
    Receive {
        /// From whom.
        member: MemberId,
        /// The stream.
        stream: StreamInfo,
    },
    /// Receive a stream no longer, and forward it to nobody.
    StopReceiving {
        /// From whom.
        member: MemberId,
        /// The stream.
        stream: StreamId,
    },
    /// Forward these parts of a stream to a member, and no others. Video flows from the first [`MediaOutput::Layer`] on.
    Forward {
        /// To whom.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// Whether its audio is forwarded.
        audio: bool,
        /// Whether its video is.
        video: bool,
    },
    /// Forward this layer of a video from its next key frame on; none stops at once.
    Layer {
        /// To whom.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// The layer.
        target: Option<LayerId>,
    },
    /// Ask a publisher for a key frame.
    RequestKeyFrame {
        /// Whom.
        member: MemberId,
        /// Of which stream.
        stream: StreamId,
        /// Of which layer.
        layer: LayerId,
    },
    /// What a transport's bandwidth estimator is to aim at.
    Bandwidth {
        /// Whose transport.
        member: MemberId,
        /// Floor and aim.
        bandwidth: Bandwidth,
    },
}

/// Something worth knowing, for applications, logs and reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A user entered.
    Joined {
        /// The stay.
        member: MemberId,
        /// Who.
        user: UserId,
        /// As what.
        role: Role,
    },
    /// A user's stay ended.
    Left {
        /// The stay.
        member: MemberId,
        /// Who.
        user: UserId,
        /// Why.
        reason: LeaveReason,
    },
    /// A member's connection was lost; its place is kept.
    Away {
        /// The stay.
        member: MemberId,
        /// How the loss was noticed.
        code: Code,
    },
    /// A member's connection is back.
    Back {
        /// The stay.
        member: MemberId,
    },
    /// A member is to get another layer of a stream, or none.
    LayerDecided {
        /// The stay.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// What was decided before.
        from: Option<LayerId>,
        /// What is decided now.
        to: Option<LayerId>,
        /// Why.
        reason: Reason,
        /// What the member can receive, in bits per second: its estimate, or what is assumed before the first one.
        estimate_bps: BitsPerSecond,
        /// What all that it is to receive needs, in bits per second.
        allocated_bps: BitsPerSecond,
    },
    /// A member's stream went over to the decided layer.
    LayerSwitched {
        /// The stay.
        member: MemberId,
        /// The stream.
        stream: StreamId,
        /// The layer before.
        from: Option<LayerId>,
        /// The layer now.
        to: LayerId,
        /// Time since the decision.
        waited: Duration,
    },
    /// A publisher was asked for a key frame.
    KeyFrameRequested {
        /// The stream.
        stream: StreamId,
        /// The layer.
        layer: LayerId,
        /// How many viewers wait to switch to it; none when a viewer of it lost its picture.
        waiting: u32,
    },
}

/// A mistake of the embedder. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Time may stand still but not run backwards.
    #[error("the room was told {now} after {last}: hand in instants that never fall")]
    TimeWentBack {
        /// What it was told.
        now: Instant,
        /// What it had been told before.
        last: Instant,
    },
}

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
    /// Plans that may not rise, by when they may again.
    holds: BTreeSet<(Instant, MemberId)>,
    /// After a full batch of timers and plans, the next batch begins here.
    rest_until: Instant,
    /// One deadline for each member: the end of its patience or of its absence. It may lie too early, never too late.
    deadlines: BTreeSet<(Instant, MemberId)>,
    outputs: VecDeque<Output>,
}

/// A stream and what the room knows of it beyond what everyone does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PublishedStream {
    owner: MemberId,
    info: StreamInfo,
    /// What each layer was last measured to need, in bits per second.
    measured_bps: Vec<Option<BitsPerSecond>>,
    /// Whoever receives any part of it.
    subscribers: BTreeSet<MemberId>,
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
            holds: BTreeSet::new(),
            rest_until: now,
            deadlines: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
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
            Input::Admit { .. } | Input::Renewed { .. } | Input::KeyInvalid { .. } | Input::Dissolve | Input::Pause { .. } => todo!(),
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
        let member = self.deadlines.first().map(|(at, _)| *at);
        let hold = self.holds.first().map(|(at, _)| *at);
        let first = [member, self.key_frames.poll_timeout(), hold, self.replan_at].into_iter().flatten().min();
        first.map(|at| at.max(self.rest_until)).filter(|at| *at < Instant::MAX)
    }

    /// The most outputs that one call makes: of [`Room::handle_input`] with an input when no timer is due, of [`Room::handle_timeout`] without. Neither depends on
    /// how many members there are.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        match input {
            Some(_) => limits::ROOM_OUTPUTS,
            None => limits::ROOM_BATCH * limits::ROOM_OUTPUTS,
        }
    }

    /// The connections that a message to `to` goes out on, in a fixed order.
    pub fn sessions_of<'a>(&'a self, to: &'a Recipients) -> impl Iterator<Item = SessionId> + 'a {
        let (one, except) = match to {
            Recipients::Session(session) => (Some(*session), None),
            Recipients::Members { except } => (None, Some(*except)),
        };
        let many = except
            .into_iter()
            .flat_map(move |except| self.members.values().filter(move |m| Some(m.id) != except).filter_map(|m| m.presence.session()));
        one.into_iter().chain(many)
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
        if let Some(&(at, member)) = self.deadlines.first()
            && at.is_due(self.now)
        {
            self.deadlines.pop_first();
            self.member_deadline(member);
            return true;
        }
        if let Some((stream, layer)) = self.key_frames.take_due(self.now) {
            self.ask_again(stream, layer);
            return true;
        }
        if let Some(&(at, member)) = self.holds.first()
            && at.is_due(self.now)
        {
            self.holds.pop_first();
            self.release(member);
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
        let member = self.sessions.get(&session).copied();
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
        let result = match message {
            ClientMessage::Leave => Ok(self.leave(member)),
            ClientMessage::Publish { offer } => self.publish(member, offer),
            ClientMessage::Unpublish { stream } => self.unpublish(member, stream),
            ClientMessage::Subscribe { stream, audio, video, layers, min_height: _ } => self.subscribe(member, stream, audio, video, layers),
            ClientMessage::Unsubscribe { stream, audio, video, layers: _ } => self.unsubscribe(member, stream, audio, video),
            ClientMessage::Mute { stream, audio, video } => self.mute(member, stream, audio, video),
            ClientMessage::SwitchRole { role, credential: _ } => Ok(self.switch_role(member, role)),
            ClientMessage::Media { description } => Ok(self.open_media(member, description)),
            ClientMessage::Update { .. }
            | ClientMessage::SubscribeVideo { .. }
            | ClientMessage::Renew { .. }
            | ClientMessage::Rename { .. } => todo!(),
            ClientMessage::Join { .. } | ClientMessage::Ping | ClientMessage::Unknown => unreachable!("answered above"),
        };
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

    fn send_to_others(&mut self, except: MemberId, message: ServerMessage) {
        self.outputs.push_back(Output::Send { to: Recipients::Members { except: Some(except) }, message });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn media(&mut self, order: MediaOutput) {
        self.outputs.push_back(Output::Media(order));
    }
}
