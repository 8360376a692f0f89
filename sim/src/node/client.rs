//! A client: a [`Session`], a media transport, a camera, and a script of what its user does when.

mod actions;
mod asks;
mod quality;
mod statistics;
mod views;
mod voices;

use core::net::SocketAddrV4;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use greenroom_core::{
    id::{MemberId, RoomId, StreamId},
    role::Role,
    session::{self, AfterWindow, Call, CallId, ConnectionId, Session},
    stream::{StreamInfo, StreamKind, TrackKind},
    time::Instant,
    wire::MediaDescription,
};

use self::{
    actions::first_action,
    asks::{Asked, Owed},
    quality::Quality,
    statistics::Statistics,
    views::{Views, expect_tracks},
    voices::Voices,
};
use super::{Connection, Input, Message, Node, Output, Signal, camera::Camera, send};
use crate::{
    media::{End, Fidelity, Peer, PeerConfig, PeerOutput, TrackId},
    record::{Entry, StreamName, What, next_sample},
    scenario::{Action, Camera as CameraSettings, Screen, User, Watch},
};

/// What a client is made from.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Its place among the nodes.
    pub node: u16,
    /// Its address.
    pub address: SocketAddrV4,
    /// The room it enters.
    pub room: RoomId,
    /// Whose client it is, and what the user does.
    pub user: User,
    /// What it publishes.
    pub camera: CameraSettings,
    /// What it shares.
    pub screen: Screen,
    /// How real its media transport is.
    pub fidelity: Fidelity,
    /// The run's seed.
    pub seed: u64,
    /// What it does when the place that was kept for it is gone.
    pub after_window: AfterWindow,
    /// How often it was started before.
    pub starts: u32,
}

/// Connections that a client may open before its first restart, and then before each: numbers of connections tell those of a process from those of the one before.
const CONNECTIONS_PER_START: u32 = 1 << 20;
/// The same for media transports, of which each draws from a stream of its own.
const PEERS_PER_START: u64 = 1 << 20;

/// A client node. What a packet of media needs of it stands in front: hundreds of clients take turns in a processor's cache.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct ClientNode {
    now: Instant,
    /// When anything but the media transport wants to be told the time next ...
    next_due: Instant,
    /// ... which is asked anew once something happened: most of what comes is packets, which concern nobody else.
    stirred: bool,
    /// Whether what was taken in last brought no timer forward.
    timer_stands: bool,
    outputs: VecDeque<Output>,
    next_sample: Instant,
    views: Views,
    voices: Voices,
    session_due: Option<Instant>,
    peer: Option<Peer>,
    /// What is looked at ten times a second follows here.
    statistics: Statistics,
    quality: Quality,
    /// What it publishes: a camera, a screen, or both.
    cameras: BTreeMap<StreamKind, Camera>,
    /// Actions not yet taken, the next one first, and when that is to be taken.
    script: VecDeque<(Instant, Action)>,
    next_action: Instant,
    config: ClientConfig,
    session: Session,
    /// Peers made so far: each draws from a stream of its own.
    peers_made: u64,
    /// The number of the stay that the transport was made for.
    stay: Option<MemberId>,
    /// Whom it watches at present.
    watch: Watch,
    /// Videos are asked for as one list: what is watched says more than whose, or has changed.
    by_list: bool,
    /// That list is to be sent again.
    list_due: bool,
    /// Streams whose videos that list ends.
    gone: Vec<StreamName>,
    /// Actions that wait for the answer to one before.
    parked: VecDeque<Action>,
    calls: BTreeMap<CallId, Asked>,
    next_call: u32,
    join_called: Instant,
    standing: Standing,
    owed: BTreeSet<Owed>,
}

/// Where the user stands, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Outside,
    /// The join is not answered yet.
    Entering,
    Inside {
        role: Role,
    },
    /// The leave is not answered yet.
    Leaving,
}

impl ClientNode {
    /// A client that does nothing until its script says so.
    pub fn new(now: Instant, config: ClientConfig) -> Self {
        let mut session_config = session::Config::default();
        session_config.seed = config.seed ^ u64::from(config.node) ^ (u64::from(config.starts) << 32);
        session_config.after_window = config.after_window;
        let script: VecDeque<_> = config.user.actions.iter().cloned().collect();
        Self {
            session: Session::new(now, session_config),
            session_due: None,
            next_due: now,
            stirred: true,
            timer_stands: false,
            peer: None,
            peers_made: u64::from(config.starts) * PEERS_PER_START,
            stay: None,
            cameras: BTreeMap::new(),
            by_list: matches!(config.user.watch, Watch::Wishes(_)),
            list_due: false,
            gone: Vec::new(),
            watch: config.user.watch.clone(),
            views: Views::default(),
            voices: Voices::default(),
            next_action: first_action(&script),
            script,
            parked: VecDeque::new(),
            calls: BTreeMap::new(),
            next_call: 1,
            join_called: now,
            standing: Standing::Outside,
            owed: BTreeSet::new(),
            statistics: Statistics::new(now),
            quality: Quality::new(now),
            next_sample: next_sample(now),
            outputs: VecDeque::new(),
            now,
            config,
        }
    }

    /// Whether there is no output.
    #[inline]
    pub fn is_silent(&self) -> bool {
        self.outputs.is_empty()
    }

    /// Whether what was taken in last surely brought no timer forward, so that the one that was told stands: who keeps to it calls too early at worst, and then nothing is due.
    #[inline]
    pub fn timer_stands(&self) -> bool {
        self.timer_stands
    }

    /// Lets everything that is due happen, until nothing is left to do at this instant.
    fn settle(&mut self) {
        loop {
            // A session that nothing was told has nothing to say.
            while self.stirred
                && let Some(output) = self.session.poll_output()
            {
                self.obey(output);
            }
            if let Some(peer) = &mut self.peer {
                peer.flush(self.now);
            }
            if let Some(output) = self.peer.as_mut().and_then(Peer::poll_output) {
                self.media(output);
            } else if core::mem::take(&mut self.list_due) {
                self.ask_for_videos(); // once for all streams that came at this instant
            } else {
                break;
            }
        }
        if core::mem::take(&mut self.stirred) {
            self.session_due = self.session.poll_timeout();
            self.look_ahead();
        }
    }

    /// Finds out when something other than the media transport is due next.
    fn look_ahead(&mut self) {
        let cameras = self.cameras.values().filter(|_| self.peer.is_some()).filter_map(Camera::poll_timeout);
        let pictures = self.views.iter().filter(|view| !view.info.video_muted).filter_map(|view| view.pictures.poll_timeout());
        let others = self.session_due.into_iter().chain(cameras).chain(pictures);
        self.next_due = others.fold(self.next_sample.min(self.next_action), Instant::min);
    }

    fn call(&mut self, call: Call, asked: Asked) {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.calls.insert(id, asked);
        self.tell_session(session::Input::Call { id, call });
    }

    fn tell_session(&mut self, input: session::Input) {
        self.stirred = true;
        self.session.handle_input(self.now, input).expect("an engine's time never falls");
    }

    /// A media transport that knows nothing of the server yet, and what the server must know of it.
    fn fresh_peer(&mut self) -> Option<MediaDescription> {
        let seed = crate::random::Stream::new(self.config.seed, self.config.user.id.as_str(), &format!("peer/{}", self.peers_made))
            .below(u64::MAX);
        self.peers_made += 1;
        let config = PeerConfig {
            fidelity: self.config.fidelity,
            local: self.config.address,
            end: End::Client,
            estimate_from: None,
            report_every: None,
            estimate_every: None,
            seed,
        };
        let mut peer = Peer::new(self.now, config);
        let description = MediaDescription::new(&peer.description());
        for view in self.views.iter_mut() {
            expect_tracks(&mut peer, self.now, &view.info);
            view.restart();
        }
        self.voices.expect(self.now, &mut peer);
        self.peer = Some(peer);
        self.quality.restart(self.now);
        self.statistics.restart();
        self.cameras.values_mut().for_each(Camera::restart);
        self.send_tracks();
        description
    }

    fn obey(&mut self, output: session::Output) {
        match output {
            session::Output::Connect { connection } => {
                self.outputs.push_back(Output::Connect { connection: self.connection(connection) });
            }
            session::Output::Send { connection, frame } => {
                let message = Message::new(serde_json::to_vec(&frame).expect("a message is text and numbers"));
                self.outputs.push_back(Output::Message { connection: self.connection(connection), message });
            }
            session::Output::Disconnect { connection } => {
                self.outputs.push_back(Output::Close { connection: self.connection(connection) });
            }
            session::Output::Event(event) => self.event(event),
        }
    }

    fn event(&mut self, event: session::Event) {
        match event {
            session::Event::Answered { id, result } => self.answered(id, result),
            session::Event::PeerJoined { user, .. } => self.entry(What::PeerJoined { peer: user }),
            session::Event::PeerLeft { user, reason, .. } => self.entry(What::PeerLeft { peer: user, reason: reason.0 }),
            session::Event::StreamAdded { stream } => self.stream_added(stream),
            session::Event::StreamRemoved { stream } => {
                self.entry(What::StreamRemoved { stream: name(&stream) });
                self.drop_view(stream.id);
                self.drop_voice(stream.id);
            }
            session::Event::StreamMuted { stream } => {
                let muted = What::StreamMuted { stream: name(&stream), audio: stream.audio_muted, video: stream.video_muted };
                self.entry(muted);
                if let Some(view) = self.views.get_mut(stream.id) {
                    view.muted(self.now, stream);
                }
            }
            session::Event::Media { description } => {
                // A description that does not fit was meant for an earlier transport of ours; the one for this transport follows.
                if let Some(peer) = &mut self.peer {
                    let _meant_for_another = peer.set_remote(self.now, description.as_str());
                }
            }
            session::Event::Interrupted { code } => self.entry(What::Interrupted { code }),
            session::Event::Restored { after } => {
                self.entry(What::Restored { after_ms: millis(after) });
                if self.session.member() == self.stay {
                    self.catch_up();
                } else {
                    self.begin_anew();
                }
                for owed in core::mem::take(&mut self.owed) {
                    self.ask_again(owed);
                }
            }
            session::Event::Removed { code } => {
                self.entry(What::Removed { code });
                if self.standing != Standing::Leaving {
                    self.out_of_room();
                }
            }
            session::Event::Volumes { voices } => self.entry(What::Volumes { voices }),
            session::Event::NetworkQuality { up, down } => self.entry(What::NetworkQuality { up, down }),
            session::Event::Republished { before, now } => self.republished(before, now),
            session::Event::VideoNeeded { stream, needed, up_to } => {
                if let Some(camera) = self.camera_of(stream) {
                    camera.set_needed(needed, up_to);
                }
            }
            session::Event::Unsubscribed { stream, .. } => {
                if let Some(view) = self.views.get(stream) {
                    let stream_name = name(&view.info);
                    self.entry(What::Unsubscribed { stream: stream_name });
                    self.drop_view(stream);
                }
            }
            // The states are told by the entries above, and a newer core's events are not ours to tell.
            session::Event::StateChanged { .. } | _ => {}
        }
    }

    /// The camera or screen whose stream it is.
    fn camera_of(&mut self, stream: StreamId) -> Option<&mut Camera> {
        self.cameras.values_mut().find(|camera| camera.stream() == stream)
    }

    fn stop_cameras(&mut self) {
        for kind in [StreamKind::Main, StreamKind::Aux] {
            self.stop_camera(kind);
        }
    }

    fn stop_camera(&mut self, kind: StreamKind) {
        let Some(camera) = self.cameras.remove(&kind) else { return };
        if let Some(peer) = &mut self.peer {
            for kind in [TrackKind::Audio, TrackKind::Video] {
                peer.stop_track(self.now, TrackId { stream: camera.stream(), kind });
            }
        }
    }

    /// The stay is over: no media, nothing to watch.
    fn out_of_room(&mut self) {
        self.standing = Standing::Outside;
        self.owed.clear();
        self.stop_cameras();
        for stream in self.views.streams().collect::<Vec<_>>() {
            self.drop_view(stream);
        }
        self.voices.clear();
        self.peer = None;
        self.take_parked();
    }

    fn send_tracks(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        for camera in self.cameras.values() {
            let stream = camera.stream();
            if !camera.rids().is_empty() {
                peer.send_track(self.now, TrackId { stream, kind: TrackKind::Video }, camera.rids());
            }
            if camera.has_audio() {
                peer.send_track(self.now, TrackId { stream, kind: TrackKind::Audio }, &[]);
            }
        }
    }

    fn media(&mut self, output: PeerOutput) {
        match output {
            PeerOutput::Datagram(datagram) => send(&mut self.outputs, datagram),
            PeerOutput::Connected => {
                self.stirred = true;
                self.quality.connected(self.now);
                let after_ms = millis(self.now.saturating_since(self.join_called));
                self.entry(What::MediaConnected { after_ms });
                self.cameras.values_mut().for_each(Camera::restart);
            }
            PeerOutput::Packet(packet) => self.packet(&packet),
            PeerOutput::KeyFrameRequested { track, layer } => {
                if let Some((&kind, camera)) = self.cameras.iter_mut().find(|(_, camera)| camera.stream() == track.stream) {
                    camera.request_key_frame(layer);
                    if let Some(layer) = camera.rids().get(usize::from(layer.0)).cloned() {
                        self.entry(What::KeyFrameAsked { stream: self.own_stream(kind), layer });
                    }
                }
            }
            PeerOutput::Estimate { .. } | PeerOutput::Delay { .. } => {} // clients send what they are asked for: adapting the camera is the publisher's own business
            PeerOutput::Disconnected => self.replace_transport(),
        }
    }

    fn replace_transport(&mut self) {
        if matches!(self.standing, Standing::Inside { .. })
            && let Some(description) = self.fresh_peer()
        {
            self.call(Call::Media { description }, Asked::Media);
        }
    }

    fn capture(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        let (now, statistics, is_connected) = (self.now, &mut self.statistics, peer.is_connected());
        let mut sent = Vec::new();
        for camera in self.cameras.values_mut() {
            camera.capture(now, |packet| {
                if is_connected {
                    statistics.sent(&packet);
                }
                peer.write(now, &packet, None, &mut sent); // flushed when all is settled
            });
        }
        if !sent.is_empty() {
            self.outputs.push_back(Output::Datagrams(sent));
        }
    }

    fn entry(&mut self, what: What) {
        let entry = Entry { at: self.now, user: Some(self.config.user.id.clone()), what };
        self.outputs.push_back(Output::Entry(Box::new(entry)));
    }

    fn own_stream(&self, kind: StreamKind) -> StreamName {
        StreamName { user: self.config.user.id.clone(), kind }
    }

    fn connection(&self, id: ConnectionId) -> Connection {
        Connection::new(self.config.node, self.first_connection().wrapping_add(id.0))
    }

    const fn first_connection(&self) -> u32 {
        self.config.starts.wrapping_mul(CONNECTIONS_PER_START)
    }
}

impl Node for ClientNode {
    fn handle_input(&mut self, now: Instant, input: &Input) {
        debug_assert!(now >= self.now, "time fell from {} to {now}", self.now);
        self.now = now;
        self.timer_stands = false;
        match input {
            Input::Datagram(datagram) => {
                if let Some(packet) = self.peer.as_mut().and_then(|peer| peer.handle_datagram(now, datagram)) {
                    self.packet(&packet);
                }
                // Nearly all that comes is packets of media that concern nobody else.
                if !self.stirred && self.peer.as_ref().is_none_or(Peer::is_quiet) {
                    self.timer_stands = self.peer.as_ref().is_none_or(Peer::timer_stands);
                    return;
                }
            }
            Input::Signal { connection, signal } => {
                // One of the process before this one comes out as a number that is far from being given.
                let connection = ConnectionId(connection.attempt().wrapping_sub(self.first_connection()));
                match signal {
                    Signal::Opened => self.tell_session(session::Input::Opened { connection }),
                    Signal::Closed => self.tell_session(session::Input::Closed { connection }),
                    Signal::Message(message) => {
                        if let Some(message) = message.from_server().cloned() {
                            self.tell_session(session::Input::Received { connection, message });
                        }
                    }
                }
            }
            Input::Moved { address } => {
                self.config.address = *address;
                self.replace_transport();
            }
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Instant) {
        debug_assert!(now >= self.now, "time fell from {} to {now}", self.now);
        self.now = now;
        self.timer_stands = false;
        let is_due = |peer: &Peer| peer.poll_timeout().is_some_and(|at| at <= now);
        if self.next_due > now {
            // Every other time it is the media transport alone that has something to do.
            if let Some(peer) = self.peer.as_mut().filter(|peer| is_due(peer)) {
                peer.handle_timeout(now);
            }
            return self.settle();
        }
        self.take_actions();
        if self.session_due.is_some_and(|at| at <= now) {
            self.stirred = true;
            self.session.handle_timeout(now);
        }
        let was_due = self.peer.as_ref().is_some_and(is_due); // asked first: who has sent something wants to be woken after that
        self.capture();
        if let Some(peer) = self.peer.as_mut().filter(|peer| was_due || is_due(peer)) {
            peer.handle_timeout(now);
        }
        self.ask_for_key_frames();
        self.settle();
        if self.take_samples() {
            self.settle();
        }
        self.look_ahead();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let media = self.peer.as_ref().and_then(Peer::poll_timeout).unwrap_or(Instant::MAX);
        Some(self.next_due.min(media))
    }
}

fn name(stream: &StreamInfo) -> StreamName {
    StreamName { user: stream.user.clone(), kind: stream.offer.kind }
}

fn millis(span: core::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
