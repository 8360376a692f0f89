//! Modelled media: what WebRTC would send, by number and size, without the bytes.
//!
//! A datagram carries a header and the head of the payload, and counts the rest ([`Datagram::absent_bytes`]). There is no cryptography, no pacing and no padding up to the minimum that the prober is
//! given; there is loss repair by one request for each lost packet of video, a check of life, and [a model](bandwidth) of bandwidth estimation. A packet costs some hundred nanoseconds where
//! str0m takes some three thousand.

mod bandwidth;
mod ways;
mod wire;

use core::{net::SocketAddrV4, time::Duration};
use std::collections::VecDeque;

use greenroom_core::{
    id::{LayerId, Rid, StreamId},
    limits::LAYERS_PER_STREAM,
    quality::ReceiverReport,
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};

use self::{
    bandwidth::{Estimator, Meter, PROBE_PACKETS, is_after},
    ways::{Checks, Told},
    wire::{BEGINNING_BYTES, Body, Head, Media, Message, Note, Numbers, Stamp, Stencil},
};
use super::{
    Counters, Description, End, Fidelity, MediaError, MediaPacket, PAYLOAD_BYTES, Passage, Payload, PeerConfig, PeerOutput, TrackId,
    Vp8Rewrite,
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
    receiving: Receiving,
    queue: VecDeque<PeerOutput>,
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
        let (sent, picture) = (Unacknowledged::of(&media, &body), PictureNumbers::in_descriptor(body.beginning));
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
struct Receiving {
    /// What datagrams for this end begin with.
    token: u32,
    tracks: Tracks,
    gaps: Gaps,
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
            body.beginning = rewrite.map_or(body.beginning, |rewrite| PictureNumbers::in_descriptor(body.beginning).with(rewrite));
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

/// As many packets can be sent again: a third of a second of a layer of 1.5 Mbps, several round trips. Twice as many would push two hundred viewers' histories out of a processor's
/// second-level cache.
const HISTORY_PACKETS: u32 = 64;

/// The last packets of video, by number, for whoever misses one.
///
/// A ring: a packet is written over the oldest one, and nobody reads that one first: of all there is in a peer it has lain longest, and is farthest from the processor. Hence plain numbers, which
/// need no dropping, and what is longer beside them.
#[derive(Debug, Default)]
#[repr(C)]
struct History {
    packets: Vec<Unacknowledged>,
    /// The place for the next one: that of the oldest, once there are [`HISTORY_PACKETS`].
    oldest: usize,
    /// Payloads that do not fit in there, the newest first: none where only their heads are carried. Boxed, so that what stands behind it is in the same cache line as what is above.
    #[expect(clippy::box_collection, reason = "what stands behind it is to be near, and it is seldom looked at")]
    longer: Box<VecDeque<(u32, Payload)>>,
}

/// A packet of video as it was sent, in half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Unacknowledged {
    /// The number by which it is missed.
    number: u32,
    stream: StreamId,
    seq: u64,
    timestamp: u32,
    layer: LayerId,
    /// Of the payload, where it is no longer than its beginning; and [`LAST_OF_PICTURE`].
    len_and_marker: u8,
    /// Less than [`PAYLOAD_BYTES`], or as many.
    absent_bytes: u16,
    beginning: u64,
}
const _: () = assert!(size_of::<Unacknowledged>() == 32 && PAYLOAD_BYTES <= u16::MAX as u32);

/// The bit that is set beside the length of what ends a picture.
const LAST_OF_PICTURE: u8 = 0x80;

impl Unacknowledged {
    /// What stands in a place that nothing was written to yet.
    const BLANK: Self =
        Self { number: 0, stream: StreamId(0), seq: 0, timestamp: 0, layer: LayerId(0), len_and_marker: 0, absent_bytes: 0, beginning: 0 };

    fn of(media: &Media, body: &Body<'_>) -> Self {
        let Head { track, layer, seq, timestamp, marker, level: _ } = media.head;
        let len = u8::try_from(body.payload.len()).unwrap_or(u8::MAX).min(LAST_OF_PICTURE - 1);
        Self {
            number: media.stamp.seq,
            stream: track.stream,
            seq,
            timestamp,
            layer,
            len_and_marker: if marker { len | LAST_OF_PICTURE } else { len },
            absent_bytes: u16::try_from(body.absent_bytes).unwrap_or(u16::MAX),
            beginning: body.beginning,
        }
    }

    const fn head(&self) -> Head {
        let Self { stream, layer, seq, timestamp, .. } = *self;
        Head {
            track: TrackId { stream, kind: TrackKind::Video },
            layer,
            seq,
            timestamp,
            marker: self.len_and_marker & LAST_OF_PICTURE != 0,
            level: None,
        }
    }

    /// Bytes of its payload, if they are all in its beginning; else more than that has.
    const fn len(&self) -> usize {
        (self.len_and_marker & !LAST_OF_PICTURE) as usize
    }
}

impl History {
    #[inline]
    fn push(&mut self, newest: Unacknowledged) {
        if self.oldest == self.packets.len() {
            self.make_place();
        }
        self.packets[self.oldest] = newest;
        self.oldest = (self.oldest + 1) % HISTORY_PACKETS as usize;
    }

    /// Where there is no old one yet. A newcomer is not handed over: each of its numbers is to be written where it will lie.
    #[cold]
    fn make_place(&mut self) {
        self.packets.push(Unacknowledged::BLANK);
    }

    /// Keeps the payload of the packet of that number as well, which is longer than its beginning.
    fn push_longer(&mut self, number: u32, payload: &Payload) {
        self.longer.truncate(HISTORY_PACKETS as usize - 1);
        self.longer.push_front((number, payload.clone()));
    }

    /// The packet of that number. It stays: what repairs it may be lost too, but nobody asks for a packet twice.
    fn find(&self, seq: u32) -> Option<&Unacknowledged> {
        self.packets.iter().find(|sent| sent.number == seq)
    }

    /// Its payload, if that is longer than what [`History::find`] finds.
    fn longer(&self, seq: u32) -> Option<&[u8]> {
        self.longer.iter().find(|(sent, _)| *sent == seq).map(|(_, payload)| &**payload)
    }
}

/// Which numbers have not come.
#[derive(Debug, Default)]
struct Gaps {
    highest: Option<u32>,
    /// Numbers below the highest that are missing, oldest first; at most [`HISTORY_PACKETS`].
    missing: VecDeque<u32>,
}

impl Gaps {
    /// Takes note of a number: none if it came before (or is too old to know), otherwise the gap that it opens, if it does.
    #[expect(clippy::option_option, reason = "whether it is new, and whether something is missing, are two questions")]
    #[inline]
    fn receive(&mut self, seq: u32) -> Option<Option<(u32, u32)>> {
        match self.highest {
            Some(highest) if seq == highest.wrapping_add(1) => {
                self.highest = Some(seq);
                Some(None)
            }
            _ => self.receive_out_of_order(seq),
        }
    }

    /// The same where the number is not the next one.
    #[expect(clippy::option_option, reason = "the same two questions")]
    #[inline(never)]
    fn receive_out_of_order(&mut self, seq: u32) -> Option<Option<(u32, u32)>> {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return Some(None);
        };
        if !is_after(seq, highest) {
            let at = self.missing.iter().position(|missing| *missing == seq)?;
            self.missing.remove(at);
            return Some(None);
        }
        self.highest = Some(seq);
        let (first, last) = (highest.wrapping_add(1), seq.wrapping_sub(1));
        let gap = seq.wrapping_sub(first);
        // Of a long gap, the end: the rest is out of the sender's history.
        let first = first.wrapping_add(gap.saturating_sub(HISTORY_PACKETS));
        let mut number = first;
        while number != seq {
            if self.missing.len() == HISTORY_PACKETS as usize {
                self.missing.pop_front();
            }
            self.missing.push_back(number);
            number = number.wrapping_add(1);
        }
        Some(Some((first, last)))
    }
}

/// The first eight bytes of a payload as a number that begins with the first one; as many as there are.
#[inline]
fn beginning(payload: &Payload) -> u64 {
    let mut bytes = [0; BEGINNING_BYTES];
    if let Some((few, _)) = payload.few() {
        bytes.copy_from_slice(&few[..BEGINNING_BYTES]);
    } else {
        let known = payload.len().min(BEGINNING_BYTES);
        bytes[..known].copy_from_slice(&payload[..known]);
    }
    u64::from_le_bytes(bytes)
}

/// Where a VP8 payload descriptor (RFC 7741 section 4.2) has a picture id and a TL0PICIDX, to put others there. They lie within the first five bytes.
#[derive(Clone, Copy, Debug)]
struct PictureNumbers {
    /// The beginning of the payload without them.
    rest: u64,
    /// Whether the picture id has 15 bits.
    is_long: bool,
    /// Where the fields are that there are, as bits of the whole.
    id_mask: u64,
    tl0_mask: u64,
    /// How far up the TL0PICIDX begins.
    tl0_shift: u32,
}

impl PictureNumbers {
    /// Bits below the picture id: two bytes are before it.
    const ID_SHIFT: u32 = 16;
    /// M: set before a picture id of 15 bits.
    const LONG: u16 = 0x8000;

    fn in_descriptor(beginning: u64) -> Self {
        const EXTENDED: u8 = 0x80; // X, of the first byte
        const HAS_PICTURE_ID: u8 = 0x80; // I, of the second
        const HAS_TL0_PIC_IDX: u8 = 0x40; // L
        const LONG: u8 = 0x80; // M, of a picture id of 15 bits

        let [first, flags, third, ..] = beginning.to_le_bytes();
        let is_extended = first & EXTENDED != 0;
        let has_id = is_extended && flags & HAS_PICTURE_ID != 0;
        let is_long = has_id && third & LONG != 0;
        let id_mask = match (has_id, is_long) {
            (false, _) => 0,
            (true, false) => 0xff << Self::ID_SHIFT,
            (true, true) => 0xffff << Self::ID_SHIFT,
        };
        let tl0_shift = Self::ID_SHIFT + 8 * (u32::from(has_id) + u32::from(is_long));
        let tl0_mask = if is_extended && flags & HAS_TL0_PIC_IDX != 0 { 0xff << tl0_shift } else { 0 };
        Self { rest: beginning & !(id_mask | tl0_mask), is_long, id_mask, tl0_mask, tl0_shift }
    }

    /// The beginning of the payload with these numbers, each where there is room for it.
    #[inline]
    fn with(&self, rewrite: Vp8Rewrite) -> u64 {
        let Vp8Rewrite { picture_id, tl0_pic_idx } = rewrite;
        // What comes first lies lowest, and the higher byte of a long picture id comes first.
        let id = if self.is_long { (picture_id | Self::LONG).swap_bytes() } else { picture_id & 0x7f };
        self.rest | u64::from(id) << Self::ID_SHIFT & self.id_mask | u64::from(tl0_pic_idx) << self.tl0_shift & self.tl0_mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_rewritten_where_it_has_fields() {
        let rewrite = Vp8Rewrite { picture_id: 0x1234, tl0_pic_idx: 9 };
        let rewritten = |payload: &[u8]| {
            let bytes = PictureNumbers::in_descriptor(beginning(&payload.into())).with(rewrite).to_le_bytes();
            bytes[..payload.len()].to_vec()
        };
        assert_eq!(rewritten(&[0x90, 0xE0, 0x80, 1, 2, 3]), [0x90, 0xE0, 0x92, 0x34, 9, 3], "long picture id and TL0PICIDX");
        assert_eq!(rewritten(&[0x90, 0xC0, 5, 2, 3]), [0x90, 0xC0, 0x34, 9, 3], "short picture id and TL0PICIDX");
        assert_eq!(rewritten(&[0x90, 0x40, 5, 3]), [0x90, 0x40, 9, 3], "TL0PICIDX alone");
        assert_eq!(rewritten(&[0x90, 0x20, 5, 3]), [0x90, 0x20, 5, 3], "neither");
        assert_eq!(rewritten(&[0x10, 0xE0, 0x80, 1]), [0x10, 0xE0, 0x80, 1], "no extension");
        for len in 0..3 {
            rewritten(&[0x90, 0xE0, 0x80][..len]);
        }
    }

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
