//! A session: one user's side of a room.
//!
//! A [`Session`] is told what the application calls and what the connection does, and answers with what to send, when to connect, and events for the application. It
//! survives lost connections: it reconnects, comes back as the same stay, and tells the application what it missed.
//!
//! ```text
//!            join                  opened                  accepted
//!   Idle ───────────▶ Connecting ─────────▶ Joining ──────────────────▶ Joined ◀────────────┐
//!    ▲  ▲              │ ▲    │ too long       │ refused                │  │              │ accepted, and
//!    │  │              └─┘    │ or left        │ or left                │  │              │ all stands again
//!    │  └──────────── again ──┴────────────────┘                  leave │  │ lost         │
//!    │                                                                   ▼  ▼              │
//!    └────────────────────────────────────────────────────────── Leaving  Reconnecting ────┘
//!                                  answered, or too long               └──▶ Idle: window over, refused, or left
//! ```
//!
//! # Every state has its end
//!
//! Every call is answered exactly once. A failure is told at the latest after:
//!
//! | what | the longest time | and then |
//! |---|---|---|
//! | join | `lookup_timeout` + `connect_timeout` + `response_timeout` | it fails with the code of the step that took too long |
//! | join with `retry_join` | none: each attempt takes no longer than a join, and the wait after it no longer than [`limits::BACKOFF_MAX`] | [`Event::Trouble`] each time; it ends by an answer or by leaving |
//! | leave | `response_timeout` | it succeeds |
//! | any other call | `response_timeout` | it fails with [`Code::RESPONSE_TIMEOUT`], or earlier with [`Code::CUT_SHORT`] when the connection is lost |
//! | any call while reconnecting | none | it fails at once with [`Code::NOT_CONNECTED`]; to leave succeeds at once |
//! | a connection that fell silent | `heartbeat_timeout` | [`Event::Interrupted`] |
//! | an interruption, [`AfterWindow::GiveUp`] | `reconnect_window` | [`Event::Removed`] with [`Code::RECONNECT_TIMEOUT`] |
//! | an interruption, [`AfterWindow::KeepTrying`] | none: it ends by coming back, by refusal or by leaving | [`Event::StillAway`] once, after `lost_after` |
//! | one attempt to come back | [`limits::RECONNECT_ATTEMPT`] and three times `response_timeout`: to resume, to enter anew, to build up | another one, no later than [`limits::BACKOFF_MAX`] after it |

mod backoff;
mod calls;
mod config;
mod connect;
mod health;
mod input;
mod messages;
mod others;
mod output;
mod phase;
mod rebuild;
mod reconnect;
mod room_view;
mod watching;

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

pub use self::{
    backoff::Backoff,
    config::{AfterWindow, Config},
    input::{Call, CallId, ConnectionId, Input, JoinCall},
    output::{Answer, ConnectionState, Event, Misuse, Output},
};
use self::{others::Others, phase::Phase, reconnect::Attempt};
use crate::{
    code::Code,
    id::{MemberId, RequestId, StreamId, UserId, UserName},
    limits,
    quality::NetworkQuality,
    role::Role,
    stream::{StreamInfo, StreamOffer},
    time::Instant,
    watch::Watch,
    wire::{Accepted, ClientFrame, ClientMessage, ServerMessage},
};

/// A session: see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    config: Config,
    now: Instant,
    phase: Phase,
    backoff: Backoff,
    /// Over the videos that are received, while the application wants to know which of them died (R-128).
    watch: Option<Watch<StreamId>>,
    next_connection: u32,
    next_request: u32,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A session that is nowhere.
    pub fn new(now: Instant, config: Config) -> Self {
        let at_least = |span: Duration| span.max(limits::SPAN_MIN);
        let config = Config {
            connect_timeout: at_least(config.connect_timeout),
            response_timeout: at_least(config.response_timeout),
            heartbeat_interval: at_least(config.heartbeat_interval),
            heartbeat_timeout: at_least(config.heartbeat_timeout),
            reconnect_window: at_least(config.reconnect_window),
            lost_after: config.lost_after.map(at_least),
            lookup_timeout: config.lookup_timeout.map(at_least),
            ..config
        };
        let backoff = Backoff::new(limits::BACKOFF_FIRST, limits::BACKOFF_MAX, config.seed);
        Self { config, now, phase: Phase::Idle, backoff, watch: None, next_connection: 1, next_request: 1, outputs: VecDeque::new() }
    }

    /// Takes in one input. Timers that are due fire first.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Misuse> {
        if now < self.now {
            return Err(Misuse::TimeWentBack { now, last: self.now });
        }
        self.handle_timeout(now);
        match input {
            Input::Call { id, call } => self.handle_call(id, call),
            Input::Opened { connection } => self.opened(connection),
            Input::Found { connection } => self.found(connection),
            Input::Failed { connection, code } => self.closed(connection, Some(code)),
            Input::Closed { connection } => self.closed(connection, None),
            Input::Received { connection, message } => self.received(connection, message),
            Input::Window { up, down } => self.measured(&up, &down),
            Input::Picture { stream } => self.picture(stream),
        }
        self.watch_what_is_received();
        Ok(())
    }

    /// Fires the timers that are due. Early or late calls do no harm; a `now` before the last one is ignored.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.now {
            return;
        }
        self.now = now;
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Connecting { .. } => self.connecting_timers(),
            Phase::Joining { until, .. } => {
                if until.is_due(now) {
                    self.walk_out();
                    self.way_in_failed(Code::RESPONSE_TIMEOUT);
                }
            }
            Phase::Joined { .. } => self.joined_timers(),
            Phase::Reconnecting { .. } => self.reconnect_timers(),
            Phase::Leaving { until, .. } => {
                if until.is_due(now) {
                    self.hang_up();
                    self.finish_leaving();
                }
            }
        }
        self.watch_what_is_received();
        self.look_for_the_dead();
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Session::handle_timeout`] is to be called: at once while outputs wait, else at the next timer.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let check = self.watch.as_ref().and_then(Watch::poll_timeout);
        [self.phase.deadline(&self.config), check].into_iter().flatten().min().filter(|at| *at < Instant::MAX)
    }

    /// The most outputs that one call makes: of [`Session::handle_input`] with an input when no timer is due, of [`Session::handle_timeout`] without. A snapshot of the
    /// room makes an event for each thing that it lists or no longer lists, and so does the end of building up again, which looks back at a snapshot; nothing else makes more
    /// than the open requests and a few.
    pub fn outputs_max(&self, input: Option<&Input>) -> usize {
        let known = self.phase.view().map_or(0, |view| view.others.len());
        let news = match (input, &self.phase) {
            (
                Some(Input::Received {
                    message: ServerMessage::Accepted { accepted: Accepted::Joined { members, streams, .. }, .. }, ..
                }),
                _,
            ) => members.len() + streams.len() + known,
            (Some(Input::Received { .. }), Phase::Reconnecting { attempt: Attempt::Rebuilding(rebuild), .. }) => rebuild.len() + known,
            (Some(_) | None, _) => 0,
        };
        limits::OPEN_REQUESTS + 5 + news
    }

    /// How the connection stands.
    pub fn state(&self) -> ConnectionState {
        self.phase.state()
    }

    /// How good the connection is, up and down, while in a room.
    pub fn quality(&self) -> Option<NetworkQuality> {
        self.phase.view().map(|view| view.quality.now())
    }

    /// The number of the stay, while in a room.
    pub fn member(&self) -> Option<MemberId> {
        self.phase.view().map(|view| view.member)
    }

    /// Who the session is, while in a room.
    pub fn user(&self) -> Option<&UserId> {
        self.phase.view().map(|view| &view.user)
    }

    /// The present role, while in a room.
    pub fn role(&self) -> Option<Role> {
        self.phase.view().map(|view| view.join.role)
    }

    /// The others in the room, by user id, with the names to show.
    pub fn peers(&self) -> impl Iterator<Item = (&UserId, Option<&UserName>)> {
        self.phase.view().map(|view| &view.others).into_iter().flat_map(Others::members)
    }

    /// The streams of others in the room, by number.
    pub fn streams(&self) -> impl Iterator<Item = &StreamInfo> {
        self.phase.view().map(|view| &view.others).into_iter().flat_map(Others::streams)
    }

    /// The session's own streams, by number, as the server confirmed them.
    pub fn own_streams(&self) -> impl Iterator<Item = (StreamId, &StreamOffer)> {
        self.phase.view().into_iter().flat_map(|view| view.own.iter().map(|(id, stream)| (*id, &stream.offer)))
    }

    /// A connection that was ordered is open; so its server was found.
    fn opened(&mut self, opened: ConnectionId) {
        match &self.phase {
            Phase::Connecting { dial, .. } if dial.connection() == Some(opened) => self.send_join(opened),
            Phase::Reconnecting { .. } => self.reopened(opened),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Joined { .. } | Phase::Leaving { .. } => {}
        }
    }

    /// A connection ended, or could not be had.
    fn closed(&mut self, closed: ConnectionId, code: Option<Code>) {
        if self.phase.connection() != Some(closed) {
            return;
        }
        match &self.phase {
            Phase::Idle => {}
            Phase::Connecting { .. } => self.way_in_failed(code.unwrap_or(Code::NOT_CONNECTED)),
            Phase::Joining { .. } => self.way_in_failed(code.unwrap_or(Code::CLOSED_BY_PEER)),
            Phase::Joined { .. } => self.begin_reconnecting(code.unwrap_or(Code::CLOSED_BY_PEER)), // R-025
            Phase::Reconnecting { .. } => self.attempt_failed(),
            Phase::Leaving { .. } => self.finish_leaving(), // whether the server heard of it or not, the user has left
        }
    }

    /// Timers of the room: an answer that does not come, a server that fell silent, the next heartbeat.
    fn joined_timers(&mut self) {
        let now = self.now;
        let Phase::Joined { link, .. } = &mut self.phase else { return };
        let overdue = link.take_overdue(now);
        let connection = link.connection;
        let silent = link.last_heard.saturating_add(self.config.heartbeat_timeout).is_due(now);
        let ping = !silent && link.next_ping.is_due(now);
        if ping {
            link.next_ping = now.saturating_add(self.config.heartbeat_interval);
        }
        for call in overdue {
            self.answer(call, Err(Code::RESPONSE_TIMEOUT)); // R-026
        }
        if silent {
            self.hang_up();
            self.begin_reconnecting(Code::HEARTBEAT_LOST);
        } else if ping {
            self.send(connection, ClientMessage::Ping);
        }
    }

    /// Ends whatever goes on: every call that waits is answered with `code`, then `event` is told, then the state.
    fn stop(&mut self, code: Code, event: Option<Event>) {
        let from = self.state();
        match core::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::Reconnecting { .. } => {}
            Phase::Connecting { call, .. } | Phase::Joining { call, .. } | Phase::Leaving { call, .. } => self.answer(call, Err(code)),
            Phase::Joined { link, .. } => self.answer_all(link.calls(), code),
        }
        self.outputs.extend(event.map(Output::Event));
        self.note_state(from);
    }

    /// The stay is over without the application's doing.
    fn removed(&mut self, code: Code) {
        self.hang_up();
        self.stop(Code::CUT_SHORT, Some(Event::Removed { code }));
    }

    fn finish_leaving(&mut self) {
        let from = self.state();
        if let Phase::Leaving { call, .. } = core::mem::replace(&mut self.phase, Phase::Idle) {
            self.answer(call, Ok(Answer::Done));
        }
        self.note_state(from);
    }

    /// Closes the connection, if there is one.
    fn hang_up(&mut self) {
        if let Some(connection) = self.phase.connection() {
            self.outputs.push_back(Output::Disconnect { connection });
        }
    }

    /// Closes the connection, and says goodbye first where the server may have let the session in: it is not to keep a place for somebody who will not come.
    fn walk_out(&mut self) {
        if let Some(connection) = self.phase.joining_on() {
            self.send(connection, ClientMessage::Leave);
        }
        self.hang_up();
    }

    fn connect(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection = self.next_connection.wrapping_add(1);
        self.outputs.push_back(Output::Connect { connection });
        connection
    }

    fn send(&mut self, connection: ConnectionId, message: ClientMessage) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        self.outputs.push_back(Output::Send { connection, frame: ClientFrame { request, message } });
        request
    }

    fn answer(&mut self, id: CallId, result: Result<Answer, Code>) {
        self.event(Event::Answered { id, result });
    }

    fn answer_all(&mut self, calls: Vec<CallId>, code: Code) {
        for call in calls {
            self.answer(call, Err(code));
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn events(&mut self, events: Vec<Event>) {
        self.outputs.extend(events.into_iter().map(Output::Event));
    }

    /// Goes over to another phase, and says so where that changes the connection's state (R-019).
    fn enter(&mut self, phase: Phase) {
        let from = self.state();
        self.phase = phase;
        self.note_state(from);
    }

    fn note_state(&mut self, from: ConnectionState) {
        let to = self.state();
        if from != to {
            self.event(Event::StateChanged { from, to });
            self.follow_state(to);
        }
    }
}
