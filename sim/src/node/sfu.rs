//! The SFU: a [`Room`] with a media transport for each member, and a forwarder for each pair of track and viewer.

mod routes;
mod samples;
mod transports;
mod voices;

use core::net::SocketAddrV4;
use std::collections::{BTreeMap, VecDeque};

use greenroom_core::{
    id::{MemberId, RequestId, Rid, RoomId, SessionId, StreamId, UserId},
    room::{self, Event, MediaInput, MediaOutput, Numbers, Room},
    select::Layer,
    stream::{StreamInfo, TrackKind},
    time::Instant,
    wire::{ClientFrame, ClientMessage, MediaDescription},
};

use self::{
    routes::{Forwarded, Routes},
    transports::{Transport, Transports},
    voices::Voices,
};
use super::{Connection, Input, Message, Node, Output, Signal, send};
use crate::{
    media::{End, Fidelity, MediaPacket, Peer, PeerConfig, PeerOutput, TrackId, Written},
    net::Datagram,
    random::Stream,
    record::{Entry, StreamName, What, next_sample},
    scenario::SfuSettings,
};

/// What a server is made from.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// Its address.
    pub address: SocketAddrV4,
    /// The one room it has.
    pub room: RoomId,
    /// How it is set up.
    pub settings: SfuSettings,
    /// How real its media transport is.
    pub fidelity: Fidelity,
    /// The run's seed.
    pub seed: u64,
    /// How often it was started before.
    pub starts: u32,
}

/// Numbers of stays and streams that a server gives before its first restart, and then before each. A choice: no scenario needs as many, and a server may start four thousand times.
const NUMBERS_PER_START: u32 = 1 << 20;

/// The server node.
#[derive(Debug)]
pub struct SfuNode {
    config: SfuConfig,
    room: Room,
    transports: Transports,
    routes: Routes,
    voices: Voices,
    /// Names of all streams there have been: reports outlive streams.
    names: BTreeMap<StreamId, StreamName>,
    users: BTreeMap<MemberId, UserId>,
    transports_made: u64,
    next_sample: Instant,
    samples_taken: u64,
    outputs: VecDeque<Output>,
    /// What the packet at hand makes for its viewers, when it need not wait for their transports.
    fanned_out: Vec<Datagram>,
    now: Instant,
}

impl SfuNode {
    /// A server with an empty room.
    pub fn new(now: Instant, config: SfuConfig) -> Self {
        let mut room_config = room::Config::new(config.room.clone());
        room_config.reconnect_window = config.settings.reconnect_window;
        room_config.policy = config.settings.policy;
        room_config.start_estimate_bps = config.settings.start_estimate_bps;
        let first = config.starts.saturating_mul(NUMBERS_PER_START).saturating_add(1);
        Self {
            room: Room::new(now, room_config).numbered_from(Numbers { member: first, stream: first }),
            transports: Transports::default(),
            routes: Routes::default(),
            voices: Voices::default(),
            names: BTreeMap::new(),
            users: BTreeMap::new(),
            transports_made: 0,
            next_sample: next_sample(now),
            samples_taken: 0,
            outputs: VecDeque::new(),
            fanned_out: Vec::new(),
            now,
            config,
        }
    }

    /// Lets everything that follows happen, until nothing is left to do at this instant.
    fn settle(&mut self) {
        loop {
            while let Some(output) = self.room.poll_output() {
                self.obey(output);
            }
            let Some(slot) = self.transports.touched.pop() else { break };
            self.transports.is_touched[slot] = false;
            if let Some(Some(transport)) = self.transports.slots.get_mut(slot) {
                transport.peer.flush(self.now);
            }
            while let Some(Some(transport)) = self.transports.slots.get_mut(slot)
                && let Some(output) = transport.peer.poll_output()
            {
                let member = transport.member;
                self.media(member, output);
            }
            self.transports.arm(slot);
        }
        if !self.fanned_out.is_empty() {
            self.fanned_out.reverse(); // as it is with transports: the one written to last is heard first
            let as_many = Vec::with_capacity(self.fanned_out.len());
            self.outputs.push_back(Output::Datagrams(core::mem::replace(&mut self.fanned_out, as_many)));
        }
    }

    fn tell_room(&mut self, input: room::Input) {
        self.room.handle_input(self.now, input).expect("an engine's time never falls");
    }

    fn signal(&mut self, connection: Connection, signal: &Signal) {
        let session = SessionId(connection.0);
        match signal {
            Signal::Opened => {} // the room knows a connection from its first message on
            Signal::Closed => self.tell_room(room::Input::Disconnected { session }),
            Signal::Message(message) => self.tell_room(room::Input::Message { session, frame: read(message.bytes()) }),
        }
    }

    fn obey(&mut self, output: room::Output) {
        match output {
            room::Output::Send { to, message } => {
                let message = Message::of_server(message);
                for session in self.room.sessions_of(&to) {
                    self.outputs.push_back(Output::Message { connection: Connection(session.0), message: message.clone() });
                }
            }
            room::Output::Snapshot(snapshot) => {
                let message = Message::of_server(self.room.snapshot(&snapshot));
                self.outputs.push_back(Output::Message { connection: Connection(snapshot.session.0), message });
            }
            room::Output::Close { session } => self.outputs.push_back(Output::Close { connection: Connection(session.0) }),
            room::Output::Media(order) => self.order(order),
            room::Output::Event(event) => self.event(event),
        }
    }

    fn order(&mut self, order: MediaOutput) {
        let now = self.now;
        match order {
            MediaOutput::Open { member, description } => self.open(member, &description),
            MediaOutput::Close { member } => {
                self.transports.close(member);
                self.routes.forget_viewer(member);
                self.voices.forget_listener(member);
            }
            MediaOutput::Receive { member, stream } => {
                self.names.insert(stream.id, name(&stream));
                if let Some(peer) = self.transports.of(member) {
                    let rids: Vec<Rid> = stream.offer.layers.iter().map(|layer| layer.rid.clone()).collect();
                    if !rids.is_empty() {
                        peer.receive_track(now, TrackId { stream: stream.id, kind: TrackKind::Video }, &rids);
                    }
                    if stream.offer.audio_bps.is_some() {
                        peer.receive_track(now, TrackId { stream: stream.id, kind: TrackKind::Audio }, &[]);
                    }
                }
                let heard = self.voices.open(member, stream.id, stream.offer.audio_bps.is_some());
                self.routes.open(member, stream);
                self.open_voices(heard);
            }
            MediaOutput::StopReceiving { member, stream } => {
                let viewers: Vec<MemberId> = self.routes.viewers_of(stream).collect();
                for member in viewers.into_iter().chain(self.voices.close(stream)).chain([member]) {
                    if let Some(peer) = self.transports.of(member) {
                        for kind in [TrackKind::Audio, TrackKind::Video] {
                            peer.stop_track(now, TrackId { stream, kind });
                        }
                    }
                }
                self.sample_stream(stream); // what flowed since the last sample still counts
                self.routes.close(stream);
            }
            MediaOutput::Forward { member, stream, audio, video } => {
                let Some(&slot) = self.transports.of_member.get(&member) else {
                    return;
                };
                if !audio && !video {
                    self.sample_stream(stream);
                }
                let change = self.routes.forward(stream, member, slot, audio, video);
                let peer = self.transports.of(member).expect("its slot was just found");
                for kind in change.started {
                    peer.send_track(now, TrackId { stream, kind }, &[]);
                }
                for kind in change.stopped {
                    peer.stop_track(now, TrackId { stream, kind });
                }
                let heard = self.voices.subscribed(stream, member, audio);
                self.open_voices(heard);
            }
            MediaOutput::Layer { member, stream, target } => self.routes.set_target(stream, member, target),
            MediaOutput::Listen { member } => {
                if let Some(&slot) = self.transports.of_member.get(&member) {
                    let heard = self.voices.listen(member, slot);
                    self.open_voices(heard);
                }
            }
            MediaOutput::Loudest { speakers } => {
                let users = speakers.iter().filter_map(|member| self.users.get(member).cloned()).collect();
                self.entry(None, What::Loudest { speakers: users });
                let heard = self.voices.set_loudest(speakers);
                self.open_voices(heard);
            }
            MediaOutput::RequestKeyFrame { member, stream, layer } => {
                if let Some(peer) = self.transports.of(member) {
                    peer.request_key_frame(now, TrackId { stream, kind: TrackKind::Video }, layer);
                }
            }
            MediaOutput::Bandwidth { member, bandwidth } => {
                if let Some(peer) = self.transports.of(member) {
                    peer.set_bandwidth(now, bandwidth.minimum_bps, bandwidth.desired_bps);
                }
            }
        }
    }

    /// Opens the tracks of voices that are heard for the first time.
    fn open_voices(&mut self, heard: Vec<(MemberId, StreamId)>) {
        for (listener, stream) in heard {
            if let Some(peer) = self.transports.of(listener) {
                peer.send_track(self.now, TrackId { stream, kind: TrackKind::Audio }, &[]);
            }
        }
    }

    fn open(&mut self, member: MemberId, description: &MediaDescription) {
        let owner = match self.config.starts {
            0 => "sfu".to_owned(),
            again => format!("sfu#{again}"), // what is drawn anew is not what was drawn before
        };
        let seed = Stream::new(self.config.seed, &owner, &format!("peer/{}", self.transports_made)).below(u64::MAX);
        self.transports_made += 1;
        let mut peer = Peer::new(
            self.now,
            PeerConfig {
                fidelity: self.config.fidelity,
                local: self.config.address,
                end: End::Server,
                estimate_from: Some(self.config.settings.start_estimate_bps),
                report_every: None,
                estimate_every: None,
                seed,
            },
        );
        // A description that cannot be read is its member's own loss: there is no transport, and nobody else notices.
        if peer.set_remote(self.now, description.as_str()).is_err() {
            return;
        }
        let ours = MediaDescription::new(&peer.description());
        self.routes.forget_viewer(member);
        self.voices.forget_listener(member);
        self.transports.open(member, peer);
        if let Some(description) = ours {
            self.tell_room(room::Input::Media(MediaInput::Ready { member, description }));
        }
    }

    fn media(&mut self, member: MemberId, output: PeerOutput) {
        match output {
            PeerOutput::Datagram(datagram) => send(&mut self.outputs, datagram),
            PeerOutput::Connected => self.tell_room(room::Input::Media(MediaInput::Connected { member })),
            PeerOutput::Packet(packet) => self.forward(member, &packet),
            PeerOutput::KeyFrameRequested { track, .. } => {
                self.tell_room(room::Input::Media(MediaInput::KeyFrameNeeded { member, stream: track.stream }));
            }
            PeerOutput::Estimate { bps } => {
                self.tell_room(room::Input::Media(MediaInput::Estimate { member, bps, application_limited: false }));
            }
            PeerOutput::Delay { delay_ns } => self.tell_room(room::Input::Media(MediaInput::Delay { member, delay_ns })),
            // The member describes another transport when it has one; until then its media rests.
            PeerOutput::Disconnected => {}
        }
    }

    /// Sends a publisher's packet to everyone whose forwarder lets it pass.
    fn forward(&mut self, publisher: MemberId, packet: &MediaPacket) {
        let stream = packet.track.stream;
        let Some(arrival) = self.routes.arrived(self.now, publisher, packet) else {
            return;
        };
        if arrival.began_to_flow {
            self.tell_room(room::Input::Media(MediaInput::LayerRate { stream, layer: packet.layer, bps: 1 }));
        }
        if arrival.key_frame {
            self.tell_room(room::Input::Media(MediaInput::KeyFrame { stream, layer: packet.layer }));
        }
        if let Some(level) = packet.level {
            self.tell_room(room::Input::Media(MediaInput::Level { member: publisher, level }));
        }
        let Self { transports, fanned_out, now, .. } = self;
        if packet.track.kind == TrackKind::Audio {
            self.voices.forward_packet(*now, arrival.source, packet, |slot, copy| {
                let Some(Some(transport)) = transports.slots.get_mut(slot) else { return };
                if transport.peer.write_copy(*now, copy, None, fanned_out) == Written::ToFlush {
                    transports.touch(slot);
                }
            });
        }
        let mut switched = Vec::new();
        self.routes.forward_packet(*now, packet, |Forwarded { slot, copy, rewrite, switched: to }| {
            let Some(Some(transport)) = transports.slots.get_mut(slot) else { return };
            if let Some(layer) = to {
                switched.push(MediaInput::Switched { member: transport.member, stream, layer });
            }
            // Who has sent at once is not touched: sending puts its timers off and never brings one forward.
            if transport.peer.write_copy(*now, copy, rewrite, fanned_out) == Written::ToFlush {
                transports.touch(slot);
            }
        });
        for input in switched {
            self.tell_room(room::Input::Media(input));
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Joined { member, user, .. } => {
                self.users.insert(member, user);
            }
            Event::LayerDecided { member, stream, from, to, reason, estimate_bps, allocated_bps } => {
                let rid = |layer: Layer| self.rid(stream, layer.spatial);
                let (from, to) = (from.and_then(rid), to.and_then(rid));
                let reason = reason.to_string();
                let what = What::Layer { stream: self.name(stream), from, to, reason, estimate_bps: Some(estimate_bps), allocated_bps };
                self.entry(self.users.get(&member).cloned(), what);
            }
            Event::LayerSwitched { member, stream, from, to, waited } => {
                // More or fewer pictures a second of one layer is no switch that a viewer sees.
                let Some(to) = self.rid(stream, to.spatial).filter(|_| from.map(|layer| layer.spatial) != Some(to.spatial)) else { return };
                let from = from.and_then(|layer| self.rid(stream, layer.spatial));
                let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                let what = What::Switched { stream: self.name(stream), from, to, waited_ms };
                self.entry(self.users.get(&member).cloned(), what);
            }
            Event::KeyFrameRequested { stream, layer, waiting } => {
                let Some(layer) = self.rid(stream, layer) else { return };
                let reason = match waiting {
                    0 => "a viewer lost its picture".to_owned(),
                    1 => "a viewer waits to switch".to_owned(),
                    n => format!("{n} viewers wait to switch"),
                };
                let stream = self.name(stream);
                self.entry(Some(stream.user.clone()), What::KeyFrameRequested { stream, layer, reason });
            }
            // Who comes and goes is told by the clients, as they see it.
            Event::Left { .. } | Event::Away { .. } | Event::Back { .. } | _ => {}
        }
    }

    fn entry(&mut self, user: Option<UserId>, what: What) {
        self.outputs.push_back(Output::Entry(Box::new(Entry { at: self.now, user, what })));
    }

    fn name(&self, stream: StreamId) -> StreamName {
        self.names.get(&stream).cloned().expect("a stream is named before anything is decided about it")
    }

    fn rid(&self, stream: StreamId, layer: greenroom_core::id::LayerId) -> Option<Rid> {
        self.room.stream(stream)?.offer.rid_of(layer).cloned()
    }
}

impl Node for SfuNode {
    fn handle_input(&mut self, now: Instant, input: &Input) {
        debug_assert!(now >= self.now, "time fell from {} to {now}", self.now);
        self.now = now;
        match input {
            Input::Datagram(datagram) => {
                if let Some(slot) = self.transports.slot_for(datagram)
                    && let Some(Transport { member, peer, .. }) = self.transports.touch(slot)
                {
                    let member = *member;
                    if let Some(packet) = peer.handle_datagram(now, datagram) {
                        self.forward(member, &packet.to_owned());
                    }
                }
            }
            Input::Signal { connection, signal } => self.signal(*connection, signal),
            Input::Moved { .. } => {} // servers stay where they are
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Instant) {
        debug_assert!(now >= self.now, "time fell from {} to {now}", self.now);
        self.now = now;
        if self.room.poll_timeout().is_some_and(|at| at <= now) {
            self.room.handle_timeout(now);
        }
        while let Some(&(at, slot)) = self.transports.timers.first()
            && at <= now
        {
            self.transports.timers.pop_first();
            if let Some(transport) = self.transports.touch(slot) {
                transport.armed = Instant::MAX;
                transport.peer.handle_timeout(now);
            }
        }
        self.settle();
        self.take_samples();
        self.settle();
    }

    fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() {
            self.outputs.clear(); // the next ones are written where the last ones were: memory that is at hand
        }
        output
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if !self.outputs.is_empty() {
            return Some(self.now);
        }
        let transport = self.transports.timers.first().map(|(at, _)| *at);
        [transport, self.room.poll_timeout(), Some(self.next_sample)].into_iter().flatten().min()
    }
}

fn name(stream: &StreamInfo) -> StreamName {
    StreamName { user: stream.user.clone(), kind: stream.offer.kind }
}

/// A message from a client. One that cannot be read is one that is not known, and is answered so.
fn read(bytes: &[u8]) -> ClientFrame {
    #[derive(serde::Deserialize)]
    struct Numbered {
        request: RequestId,
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| {
        let request = serde_json::from_slice::<Numbered>(bytes).map_or(RequestId(0), |numbered| numbered.request);
        ClientFrame { request, message: ClientMessage::Unknown }
    })
}
