//! Modelled media: what WebRTC would send, by number and size, without the bytes.
//!
//! A datagram carries a header and the head of the payload, and counts the rest ([`Datagram::absent_bytes`]). There is no cryptography, no pacing and no padding up to the minimum that the prober is
//! given; there is loss repair by one request for each lost packet of video, a check of life, and [a model](bandwidth) of bandwidth estimation. A packet costs some hundred nanoseconds where
//! str0m takes some three thousand.

mod bandwidth;
mod picture;
mod repair;
mod ways;
mod wire;

use core::{net::SocketAddrV4, time::Duration};
use std::collections::VecDeque;

use greenroom_core::{
    id::{LayerId, Rid},
    limits::LAYERS_PER_STREAM,
    quality::ReceiverReport,
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};

use self::{
    bandwidth::{Estimator, Meter, PROBE_PACKETS},
    picture::{PictureNumbers, beginning},
    repair::{Gaps, HISTORY_PACKETS, History, Unacknowledged},
    ways::{Checks, Told},
    wire::{BEGINNING_BYTES, Body, Head, Media, Message, Note, Numbers, Stamp, Stencil},
};
use super::{
    Counters, Description, End, Fidelity, MediaError, MediaPacket, PAYLOAD_BYTES, Passage, PeerConfig, PeerOutput, TrackId, Vp8Rewrite,
};
use crate::net::Datagram;

/// One end of a modelled connection.
///
/// What a packet that is sent needs stands together, in the order of need, and so does what one that arrives needs: a server touches the one part of hundreds of peers for each packet, and no memory is
/// slower than that which is not in the cache.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Peer {
    state: State,
    now: Instant,
    sending: Sending,
    /// What a packet that has come asks first is whether there is something to say: it stands beside what is received.
    queue: VecDeque<PeerOutput>,
    receiving: Receiving,
    config: PeerConfig,
    estimate_said: Option<BitsPerSecond>,
    checks: Checks,
    told: Told,
    counters: Counters,
}

/// What copies of a packet have in common: how they look on the wire, and what is kept of them.
#[derive(Clone, Debug)]
pub(super) struct Common {
    stencil: Stencil,
    sent: Unacknowledged,
    picture: PictureNumbers,
}

impl Common {
    /// Of the copies of a packet; none where they have to be written one by one.
    pub(super) fn of(packet: &MediaPacket) -> Option<Self> {
        let MediaPacket { track, layer, seq, timestamp, marker, ref payload, absent_bytes, level } = *packet;
        if packet.size_bytes() > PAYLOAD_BYTES {
            return None;
        }
        let head = Head { track, layer, seq, timestamp, marker, level };
        let body = Body { beginning: beginning(payload), payload, absent_bytes };
        let media = Media { stamp: Stamp { seq: 0, sent_at: Instant::ZERO, train: 0 }, repairs: None, head };
        let (sent, picture) = (Unacknowledged::of(&media, &body), PictureNumbers::of(payload, body.beginning));
        Some(Self { stencil: Stencil::of(head, body)?, sent, picture })
    }
}

#[derive(Debug)]
#[repr(C)]
struct Sending {
    remote: Option<Remote>,
    tracks: Tracks,
    history: History,
    /// Last: what a packet needs of it stands in its front.
    estimator: Estimator,
}

#[derive(Debug)]
#[repr(C)]
struct Receiving {
    /// What datagrams for this end begin with.
    token: u32,
    gaps: Gaps,
    tracks: Tracks,
    /// Last: what a packet needs of it stands in its front.
    meter: Meter,
}

/// Where datagrams go, where from, and what they begin with.
#[derive(Clone, Copy, Debug)]
struct Remote {
    address: SocketAddrV4,
    local: SocketAddrV4,
    token: u32,
}

impl Remote {
    /// A datagram with nothing in it yet.
    fn datagram(self) -> Datagram {
        Datagram::empty(self.local, self.address)
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The other end is not known yet.
    Idle,
    /// It is, and has not answered. A client checks at `check_at`, and waits `wait` after that.
    Connecting {
        since: Instant,
        check_at: Instant,
        wait: Duration,
    },
    Connected {
        heard_at: Instant,
        check_at: Instant,
    },
    /// Given up.
    Over,
}

/// Wait after the first check; it doubles up to [`CHECK_INTERVAL`]. Both are str0m's for ICE.
const CHECK_FIRST: Duration = Duration::from_millis(250);
/// Time between checks of a connection that stands.
const CHECK_INTERVAL: Duration = Duration::from_secs(3);
/// Silence after which a connection is given up; that of str0m's ICE-lite end.
const SILENCE: Duration = Duration::from_secs(15);

impl Peer {
    pub(super) fn new(now: Instant, config: PeerConfig) -> Self {
        let token = fastrand::Rng::with_seed(config.seed).u32(..);
        let estimator = Estimator::new(now, config.estimate_from);
        Self {
            state: State::Idle,
            now,
            queue: VecDeque::new(),
            sending: Sending { remote: None, tracks: Tracks::default(), estimator, history: History::default() },
            receiving: Receiving { token, tracks: Tracks::default(), gaps: Gaps::default(), meter: Meter::new(now) },
            estimate_said: None,
            checks: Checks::default(),
            told: Told::default(),
            counters: Counters::default(),
            config,
        }
    }

    pub(super) fn description(&mut self) -> Description {
        Description {
            fidelity: Fidelity::Model,
            address: self.config.local,
            ufrag: "model".to_owned(),
            pwd: format!("{:08x}", self.receiving.token),
            fingerprint: String::new(),
        }
    }

    pub(super) fn set_remote(&mut self, now: Instant, description: Description) -> Result<(), MediaError> {
        let Description { fidelity, address, pwd, .. } = description;
        if self.sending.remote.is_some() {
            return Err(MediaError::AlreadySet);
        }
        if fidelity != Fidelity::Model {
            return Err(MediaError::OtherFidelity { ours: Fidelity::Model, theirs: fidelity });
        }
        let token = u32::from_str_radix(&pwd, 16).map_err(|_| MediaError::BadField {
            field: "pwd",
            given: pwd,
            expected: "a token of eight hex digits",
        })?;
        self.sending.remote = Some(Remote { address, local: self.config.local, token });
        self.state = State::Connecting { since: now, check_at: now, wait: CHECK_FIRST };
        self.handle_timeout(now);
        Ok(())
    }

    pub(super) fn remote_address(&self) -> Option<SocketAddrV4> {
        self.sending.remote.map(|remote| remote.address)
    }

    pub(super) fn send_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        self.flush(now);
        let layers = u8::try_from(rids.len().clamp(1, LAYERS_PER_STREAM)).expect("a stream has few layers");
        self.sending.tracks.add(track, layers);
    }

    pub(super) fn receive_track(&mut self, now: Instant, track: TrackId, _rids: &[Rid]) {
        self.flush(now);
        self.receiving.tracks.add(track, 1);
    }

    pub(super) fn stop_track(&mut self, now: Instant, track: TrackId) {
        self.flush(now);
        self.sending.tracks.remove(track);
        self.receiving.tracks.remove(track);
    }

    /// Whether this end sends that layer of a track.
    fn sends(&self, track: TrackId, layer: LayerId) -> bool {
        self.sending.tracks.layers_of(track).is_some_and(|layers| layer.0 < layers)
    }

    fn expects(&self, track: TrackId) -> bool {
        self.receiving.tracks.layers_of(track).is_some()
    }

    pub(super) fn write(&mut self, now: Instant, packet: &MediaPacket, rewrite: Option<Vp8Rewrite>, out: &mut Vec<Datagram>) {
        self.flush(now);
        let MediaPacket { track, layer, seq, timestamp, marker, ref payload, absent_bytes, level } = *packet;
        let Some(remote) = self.sending.remote else { return self.counters.unsent_packets += 1 };
        if !self.is_connected() || !self.sends(track, layer) || packet.size_bytes() > PAYLOAD_BYTES {
            return self.counters.unsent_packets += 1;
        }
        let media = Media {
            stamp: self.sending.estimator.stamp(self.now),
            repairs: None,
            head: Head { track, layer, seq, timestamp, marker, level },
        };
        let mut body = Body { beginning: beginning(payload), payload, absent_bytes };
        if track.kind == TrackKind::Video {
            body.beginning = rewrite.map_or(body.beginning, |rewrite| PictureNumbers::of(payload, body.beginning).with(rewrite));
            self.sending.history.push(Unacknowledged::of(&media, &body));
            if payload.len() > BEGINNING_BYTES {
                self.sending.history.push_longer(media.stamp.seq, payload);
            }
        }
        out.push(remote.datagram());
        let datagram = out.last_mut().expect("it was just put there");
        wire::write_media(datagram, remote.token, &media, body);
    }

    /// Sends a copy of `packet`, which has the numbers for it already.
    #[expect(clippy::inline_always, reason = "as it says where this is called")]
    #[inline(always)]
    pub(super) fn write_copy(
        &mut self,
        now: Instant,
        packet: &MediaPacket,
        common: Option<&Common>,
        rewrite: Option<Vp8Rewrite>,
        out: &mut Vec<Datagram>,
    ) {
        let Some(Common { stencil, sent, picture }) = common else { return self.write(now, packet, rewrite, out) };
        self.flush(now);
        let MediaPacket { track, layer, seq, timestamp, .. } = *packet;
        let Some(remote) = self.sending.remote else { return self.counters.unsent_packets += 1 };
        if !self.is_connected() || !self.sends(track, layer) {
            return self.counters.unsent_packets += 1;
        }
        let stamp = self.sending.estimator.stamp(self.now);
        let mut beginning = sent.beginning;
        if track.kind == TrackKind::Video {
            beginning = rewrite.map_or(beginning, |rewrite| picture.with(rewrite));
            self.sending.history.push(Unacknowledged { number: stamp.seq, seq, timestamp, beginning, ..*sent });
        }
        stencil.copy(out, [remote.local, remote.address], remote.token, Numbers { stamp, seq, timestamp, beginning });
    }

    pub(super) fn request_key_frame(&mut self, now: Instant, track: TrackId, layer: LayerId) {
        self.flush(now);
        if self.is_connected() && self.expects(track) {
            self.send(&Note::KeyFrame { track, layer });
        }
    }

    pub(super) fn set_bandwidth(&mut self, now: Instant, _minimum: BitsPerSecond, desired: BitsPerSecond) {
        self.flush(now);
        self.sending.estimator.set_desired(desired);
    }

    /// A check with this end's token, as an ICE agent knows its own user name fragment. Media from where no check has come is not taken, in WebRTC either.
    pub(super) fn accepts(&self, datagram: &Datagram) -> bool {
        !matches!(self.state, State::Over)
            && matches!(wire::read(self.receiving.token, &datagram.payload), Some((Message::Note(Note::Check), _)))
    }

    #[expect(clippy::inline_always, reason = "as it says where this is called")]
    #[inline(always)]
    pub(super) fn handle_datagram<'d>(&mut self, now: Instant, datagram: &'d Datagram) -> Option<MediaPacket<&'d [u8]>> {
        self.flush(now);
        if matches!(self.state, State::Over) {
            return None;
        }
        match wire::read(self.receiving.token, &datagram.payload) {
            Some((Message::Media(Media { stamp, repairs, head }), payload)) => {
                self.heard();
                let Head { track, layer, seq, timestamp, marker, level } = head;
                let expected = self.accept(stamp, repairs, datagram) && self.expects(track);
                let absent_bytes = datagram.absent_bytes.saturating_sub(wire::absent_overhead_bytes(&head, repairs.is_some()));
                expected.then_some(MediaPacket { track, layer, seq, timestamp, marker, payload, absent_bytes, level })
            }
            Some((Message::Note(note), _)) => {
                self.heard();
                self.handle_note(note, datagram);
                None
            }
            None => {
                self.counters.bad_datagrams += 1;
                None
            }
        }
    }

    fn handle_note(&mut self, note: Note, datagram: &Datagram) {
        match note {
            Note::Check => {
                // Where the other end's last check came from is where it is.
                if let Some(remote) = &mut self.sending.remote {
                    remote.address = datagram.src;
                }
                self.send(&Note::Answer);
            }
            Note::Answer => self.checks.answered(self.now),
            Note::Probe { stamp } => {
                self.accept(stamp, None, datagram);
            }
            Note::Report(report) => {
                self.told.hear(report);
                self.sending.estimator.reported(report);
                self.say_estimate();
            }
            Note::KeyFrame { track, layer } => {
                if self.sends(track, layer) {
                    self.queue.push_back(PeerOutput::KeyFrameRequested { track, layer });
                }
            }
            Note::Missing { first, last } => self.repair(first, last),
        }
    }

    /// Measures a packet, and says whether it is a new one.
    #[expect(clippy::inline_always, reason = "for every packet of media; what is seldom stands apart")]
    #[inline(always)]
    fn accept(&mut self, stamp: Stamp, repairs: Option<u32>, datagram: &Datagram) -> bool {
        let Some(gap) = self.receiving.gaps.receive(stamp.seq) else { return false };
        self.receiving.meter.arrived(self.now, stamp, datagram.size_bytes());
        if let Some((first, last)) = gap {
            self.miss(first, last);
        }
        repairs.is_none_or(|seq| self.receiving.gaps.receive(seq).is_some())
    }

    #[cold]
    fn miss(&mut self, first: u32, last: u32) {
        self.send(&Note::Missing { first, last });
    }

    fn repair(&mut self, first: u32, last: u32) {
        let Some(remote) = self.sending.remote else { return };
        for at in 0..last.wrapping_sub(first).saturating_add(1).min(HISTORY_PACKETS) {
            let seq = first.wrapping_add(at);
            let Some(sent) = self.sending.history.find(seq).copied() else { continue };
            let head = sent.head();
            if self.sends(head.track, head.layer) {
                let media = Media { stamp: self.sending.estimator.stamp(self.now), repairs: Some(seq), head };
                let mut datagram = remote.datagram();
                let few = sent.beginning.to_le_bytes();
                let Some(payload) = self.sending.history.longer(seq).or_else(|| few.get(..sent.len())) else { continue };
                let body = Body { beginning: sent.beginning, payload, absent_bytes: sent.absent_bytes.into() };
                wire::write_media(&mut datagram, remote.token, &media, body);
                self.queue.push_back(PeerOutput::Datagram(datagram));
                self.told.repaired();
            }
        }
    }

    /// The other end is there.
    #[inline]
    fn heard(&mut self) {
        match &mut self.state {
            State::Connected { heard_at, .. } => *heard_at = self.now,
            State::Connecting { .. } => self.connected(),
            State::Idle | State::Over => {}
        }
    }

    #[cold]
    fn connected(&mut self) {
        self.state = State::Connected { heard_at: self.now, check_at: self.now.saturating_add(CHECK_INTERVAL) };
        self.queue.push_back(PeerOutput::Connected);
        self.say_estimate();
    }

    /// Says the estimate when it has moved by a hundredth: it moves with every report, and nobody acts on less.
    fn say_estimate(&mut self) {
        let Some(bps) = self.sending.estimator.estimate_bps() else { return };
        if self.estimate_said.is_none_or(|said| said.abs_diff(bps) * 100 > said) {
            self.estimate_said = Some(bps);
            self.queue.push_back(PeerOutput::Estimate { bps });
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.flush(now);
        let now = self.now;
        match &mut self.state {
            State::Connecting { since, .. } if now.saturating_since(*since) >= SILENCE => self.give_up(),
            State::Connected { heard_at, .. } if now.saturating_since(*heard_at) >= SILENCE => self.give_up(),
            State::Connecting { check_at, wait, .. } if *check_at <= now => {
                *check_at = now.saturating_add(*wait);
                *wait = (*wait * 2).min(CHECK_INTERVAL);
                self.check();
            }
            State::Connected { check_at, .. } if *check_at <= now => {
                *check_at = now.saturating_add(CHECK_INTERVAL);
                self.check();
            }
            State::Idle | State::Connecting { .. } | State::Connected { .. } | State::Over => {}
        }
        if !self.is_connected() {
            return;
        }
        if self.receiving.meter.report_due().is_some_and(|due| due <= now) {
            let report = self.receiving.meter.report(now);
            self.send(&Note::Report(report));
        }
        if self.sending.estimator.probe_due().is_some_and(|due| due <= now) {
            self.sending.estimator.begin_probe(now);
            for _ in 0..PROBE_PACKETS {
                let stamp = self.sending.estimator.stamp(now);
                self.send(&Note::Probe { stamp });
            }
        }
    }

    fn check(&mut self) {
        if self.config.end == End::Client {
            self.checks.asked(self.now);
            self.send(&Note::Check);
        }
    }

    fn give_up(&mut self) {
        self.state = State::Over;
        self.queue.push_back(PeerOutput::Disconnected);
    }

    fn send(&mut self, note: &Note) {
        let Some(remote) = self.sending.remote else { return };
        let mut datagram = remote.datagram();
        wire::write(&mut datagram, remote.token, note);
        self.queue.push_back(PeerOutput::Datagram(datagram));
    }

    /// There is nothing to put off: what is written is sent.
    pub(super) fn flush(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.queue.is_empty()
    }

    /// A packet puts off the end of patience. It brings forward nothing but the report, and that only if it is the first to be reported.
    pub(super) fn timer_stands(&self) -> bool {
        self.queue.is_empty() && self.receiving.meter.had_to_report()
    }

    pub(super) fn poll_output(&mut self) -> Option<PeerOutput> {
        self.queue.pop_front()
    }

    #[inline]
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if !self.queue.is_empty() {
            return Some(self.now);
        }
        match self.state {
            State::Idle | State::Over => None,
            State::Connecting { since, check_at, .. } => Some(check_at.min(since.saturating_add(SILENCE))),
            State::Connected { heard_at, check_at } => {
                let report_at = self.receiving.meter.report_due().unwrap_or(Instant::MAX);
                let probe_at = self.sending.estimator.probe_due().unwrap_or(Instant::MAX);
                let due = heard_at.saturating_add(SILENCE).min(check_at).min(report_at).min(probe_at);
                // A report or a probe may have come due while there was no reason to make it.
                Some(due.max(self.now.saturating_add(Duration::from_nanos(1))))
            }
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.checks.rtt()
    }

    pub(super) fn rtt_count(&self) -> u64 {
        self.checks.answers()
    }

    pub(super) fn passage(&self) -> Passage {
        self.receiving.meter.passage()
    }

    pub(super) fn report_in_all(&self) -> (ReceiverReport, u64) {
        self.told.in_all()
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }
}

/// The tracks that flow one way, with their numbers of layers. They change seldom and are looked up for every packet.
///
/// The first of them are in place, where a viewer has all it needs: sound and picture of a stream.
#[derive(Debug, Default)]
#[repr(C)]
struct Tracks {
    first: [Option<(TrackId, u8)>; 2],
    others: Vec<(TrackId, u8)>,
}

impl Tracks {
    #[inline]
    fn layers_of(&self, track: TrackId) -> Option<u8> {
        for (known, layers) in self.first.iter().flatten() {
            if *known == track {
                return Some(*layers);
            }
        }
        self.others.iter().find(|(known, _)| *known == track).map(|(_, layers)| *layers)
    }

    /// Adds a track; one that is there stays as it is.
    fn add(&mut self, track: TrackId, layers: u8) {
        if self.layers_of(track).is_some() {
            return;
        }
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some((track, layers)),
            None => self.others.push((track, layers)),
        }
    }

    fn remove(&mut self, track: TrackId) {
        for place in &mut self.first {
            place.take_if(|(known, _)| *known == track);
        }
        self.others.retain(|(known, _)| *known != track);
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::id::StreamId;

    use super::*;

    #[test]
    fn tracks_come_and_go() {
        let track = |stream| TrackId { stream: StreamId(stream), kind: TrackKind::Video };
        let mut tracks = Tracks::default();
        for stream in 0..5 {
            tracks.add(track(stream), 3);
            tracks.add(track(stream), 1);
        }
        assert!((0..5).all(|stream| tracks.layers_of(track(stream)) == Some(3)), "the first word counts");
        for stream in [1, 4] {
            tracks.remove(track(stream));
        }
        assert_eq!((0..5).filter(|stream| tracks.layers_of(track(*stream)).is_some()).collect::<Vec<_>>(), [0, 2, 3]);
        tracks.add(track(1), 2);
        assert_eq!(tracks.layers_of(track(1)), Some(2));
    }

    #[test]
    fn a_number_is_new_once() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.receive(u32::MAX - 1), Some(None));
        assert_eq!(gaps.receive(2), Some(Some((u32::MAX, 1))), "over the turn of the numbers");
        assert_eq!(gaps.receive(0), Some(None), "late");
        assert_eq!(gaps.receive(0), None, "twice");
        assert_eq!(gaps.receive(2), None, "twice");
        assert_eq!(gaps.receive(u32::MAX - 1), None, "twice");
        assert_eq!(gaps.receive(3), Some(None));
        assert_eq!(gaps.receive(10_000), Some(Some((10_000 - HISTORY_PACKETS, 9_999))), "a long gap is cut to what can be repaired");
        assert_eq!(gaps.receive(1), None, "and what is older is forgotten");
    }
}
