//! The simulation: peers, links and transfers in one order of events.
//!
//! A binary heap of what is under way, by the instant at which it is due and then by who was sent first; beside it, whoever has a timer of its own is asked for it. Time is in integer nanoseconds and
//! goes to whatever is due next. Everything in here is sans-IO: nothing waits, and no clock is read. One simulation has one thread, which is fresh
//! ([`entropy::isolated`](crate::entropy::isolated)), so what a run comes to hangs on the case, the seed and the media alone.
//!
//! What is measured, and where: rates are bytes of IP packets. *Media* are the packets that brought the receiver a packet of audio or video it did not have: neither padding and
//! probes nor reports count, which also use the link. Delay is that of the network, from the socket of the sender to that of the receiver: the sender's pacer waits before it, and shows in the delay of
//! frames, from the camera to the arrival of their last packet.

use core::{
    cmp::{Ordering, Reverse},
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};
use std::collections::{BinaryHeap, VecDeque};

use greenroom_core::{
    id::{LayerId, StreamId},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
    vp8,
};

use super::{
    case::{Case, FLOOD_BYTES, Pair},
    reading::float,
    rival::{ACK_WIRE_BYTES, SEGMENT_WIRE_BYTES, Transfer},
    source::{AUDIO_BYTES, AUDIO_INTERVAL, Encoder, VIDEO_MAX_BPS, VIDEO_MIN_BPS},
    trace::{BIN, Bin, HopTrace, PairTrace, QUEUE_SAMPLE, Trace},
};
use crate::{
    media::{End, Fidelity, MediaPacket, Payload, Peer, PeerConfig, PeerOutput, TrackId},
    net::{
        Datagram,
        link::{Link, UDP_IPV4_OVERHEAD_BYTES, Verdict},
        tcp::{Ack, Segment},
    },
    random::Stream,
};

/// What travels with each packet of media: IPv4 and UDP (28), RTP (12), str0m's header extensions and the SRTP tag. The mean of a run, to a byte: extensions come and
/// go. A test measures it.
pub(super) const HEADERS_BYTES: u32 = UDP_IPV4_OVERHEAD_BYTES + RTP_HEADERS_BYTES;
/// The same above UDP, which is what an estimate counts.
const RTP_HEADERS_BYTES: u32 = 42;
/// The most payload in a packet of video. A choice: libwebrtc's 1200 bytes less the headers.
const PAYLOAD_BYTES: u32 = 1140;

/// How often encoders hear what their controllers believe: as often as str0m's feedback comes. RFC 8867 section 4.3 wants them to react within 100 ms, and libwebrtc's hear it with all feedback.
const ESTIMATE_EVERY: Duration = Duration::from_millis(50);
/// Over how long retransmissions are counted, and the largest share of the rate that is set aside for them: those of libwebrtc (`rtp_sender_egress.h`, `fec_controller_default.cc`).
const REPEATS_WINDOW: Duration = Duration::from_secs(1);
/// See [`REPEATS_WINDOW`].
const REPEATS_MAX: f64 = 0.5;

/// The track and the stream of every pair: they are in rooms of their own.
const VIDEO: TrackId = TrackId { stream: StreamId(1), kind: TrackKind::Video };
const AUDIO: TrackId = TrackId { stream: StreamId(1), kind: TrackKind::Audio };

/// What audio takes on the wire.
#[expect(clippy::cast_possible_truncation, reason = "20 ms")]
pub(super) const AUDIO_WIRE_BPS: BitsPerSecond = (AUDIO_BYTES + HEADERS_BYTES) as u64 * 8 * 1000 / AUDIO_INTERVAL.as_millis() as u64;

/// What video at `bps` takes on the wire, headers and all.
pub(super) const fn video_wire_bps(bps: BitsPerSecond) -> BitsPerSecond {
    with_headers(bps, HEADERS_BYTES)
}

/// The most that one pair sends in media, on the wire.
pub(super) const MEDIA_MAX_BPS: BitsPerSecond = video_wire_bps(VIDEO_MAX_BPS) + AUDIO_WIRE_BPS;

const fn with_headers(bps: BitsPerSecond, headers_bytes: u32) -> BitsPerSecond {
    let frame_bytes = bps / 8 / super::source::FPS;
    let packets = frame_bytes.div_ceil(PAYLOAD_BYTES as u64);
    bps + packets * super::source::FPS * headers_bytes as u64 * 8
}

/// The rate to encode at so that video, audio and their headers fit an estimate.
fn encoder_bps(estimate_bps: BitsPerSecond) -> BitsPerSecond {
    let audio = u64::from(AUDIO_BYTES + RTP_HEADERS_BYTES) * 8 * 50;
    let room = estimate_bps.saturating_sub(audio);
    // Full packets first; where frames end, one is not full. Two steps come within a packet of the answer.
    let first = room.saturating_mul(u64::from(PAYLOAD_BYTES)) / u64::from(PAYLOAD_BYTES + RTP_HEADERS_BYTES);
    let over = with_headers(first, RTP_HEADERS_BYTES).saturating_sub(room);
    first.saturating_sub(over)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a rate")]
fn share_of(bps: BitsPerSecond, share: f64) -> BitsPerSecond {
    (float(bps) * share) as BitsPerSecond
}

/// Simulates a case, or the beginning of it up to `until`.
pub(super) fn simulate(case: &Case, media: Fidelity, seed: u64, until: Duration) -> Trace {
    let mut world = World::new(case, media, seed);
    world.run(Instant::ZERO.saturating_add(until.min(case.duration)));
    world.trace
}

struct World<'c> {
    case: &'c Case,
    links: Vec<Link>,
    under_way: BinaryHeap<Reverse<Flight>>,
    sent: u64,
    pairs: Vec<Ends<'c>>,
    transfers: Vec<Transfer>,
    /// When each of the case's floods sends next.
    floods: Vec<Option<Instant>>,
    trace: Trace,
    /// The bin that is being filled, and when it ends.
    bin: Bin,
    bin_ends: Instant,
    queue_sample: Instant,
}

/// Something on its way. Ordered by when it is due, and then by when it was sent.
struct Flight {
    due: Instant,
    number: u64,
    cargo: Cargo,
    /// Links that it has crossed.
    crossed: usize,
}

struct Cargo {
    /// Which pair, transfer or flood it belongs to.
    owner: usize,
    /// Whether it goes the way of the media, or back.
    outward: bool,
    sent_at: Instant,
    wire_bytes: u32,
    load: Load,
}

enum Load {
    Datagram(Datagram),
    Segment(u64, Segment),
    Ack(u64, Ack),
    /// A datagram of a flood: nobody reads it.
    Filler,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// A sender and a receiver of media.
struct Ends<'c> {
    pair: &'c Pair,
    seed: u64,
    /// None before they begin.
    peers: Option<(Peer, Peer)>,
    encoder: Encoder,
    sending: Sending,
    next_audio: Instant,
    video_seq: u64,
    audio_seq: u64,
    picture: u16,
    estimate_bps: BitsPerSecond,
    repeats: Repeats,
}

/// What a sender sent lately, and how much of it for the second time.
#[derive(Debug, Default)]
struct Repeats {
    sent: VecDeque<(Instant, u32, bool)>,
    bytes: u64,
    repeated_bytes: u64,
}

impl Repeats {
    fn sent(&mut self, now: Instant, bytes: u32, is_repeat: bool) {
        self.sent.push_back((now, bytes, is_repeat));
        self.bytes += u64::from(bytes);
        self.repeated_bytes += if is_repeat { u64::from(bytes) } else { 0 };
    }

    /// The share of retransmissions, as far as room is made for them.
    fn share(&mut self, now: Instant) -> f64 {
        while let Some((_, bytes, is_repeat)) = self.sent.front().copied().filter(|(at, ..)| at.saturating_add(REPEATS_WINDOW) <= now) {
            self.sent.pop_front();
            self.bytes -= u64::from(bytes);
            self.repeated_bytes -= if is_repeat { u64::from(bytes) } else { 0 };
        }
        (float(self.repeated_bytes) / float(self.bytes.max(1))).min(REPEATS_MAX)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Not,
    Yes,
    Resting,
}

impl<'c> World<'c> {
    fn new(case: &'c Case, media: Fidelity, seed: u64) -> Self {
        let links = case.links.iter().map(|hop| Link::new(hop.config(), seed, hop.name)).collect();
        let pairs: Vec<Ends<'_>> = case
            .pairs
            .iter()
            .map(|pair| Ends {
                pair,
                seed: Stream::new(seed, &pair.name, "peers").below(u64::MAX),
                peers: None,
                encoder: Encoder::new(pair.starts, seed, &pair.name),
                sending: Sending::Not,
                next_audio: pair.starts,
                video_seq: 0,
                audio_seq: 0,
                picture: 0,
                estimate_bps: 0,
                repeats: Repeats::default(),
            })
            .collect();
        let trace = Trace {
            media,
            pairs: vec![PairTrace::default(); pairs.len()],
            hops: vec![HopTrace::default(); case.links.len()],
            bins: Vec::new(),
            tcp_sent: 0,
            tcp_dropped: 0,
        };
        let bin = Bin::new(pairs.len(), case.links.len());
        Self {
            case,
            links,
            under_way: BinaryHeap::new(),
            sent: 0,
            pairs,
            floods: case.floods.iter().map(super::case::Flood::first).collect(),
            transfers: case.rivals.iter().enumerate().map(|(at, rival)| Transfer::new(rival, seed, at + 1)).collect(),
            trace,
            bin,
            bin_ends: Instant::ZERO.saturating_add(BIN),
            queue_sample: Instant::ZERO.saturating_add(QUEUE_SAMPLE),
        }
    }

    fn run(&mut self, end: Instant) {
        while let Some(now) = self.next().filter(|now| *now <= end) {
            self.measure(now);
            while self.under_way.peek().is_some_and(|first| first.0.due <= now)
                && let Some(Reverse(flight)) = self.under_way.pop()
            {
                self.arrive(flight);
            }
            for at in 0..self.pairs.len() {
                self.serve_pair(at, now);
            }
            for at in 0..self.transfers.len() {
                self.serve_transfer(at, now);
            }
            for at in 0..self.floods.len() {
                self.serve_flood(at, now);
            }
        }
        self.measure(end);
        for (ends, pair) in self.pairs.iter().zip(&mut self.trace.pairs) {
            pair.media_made = ends.video_seq + ends.audio_seq;
        }
    }

    fn next(&self) -> Option<Instant> {
        let flight = self.under_way.peek().map(|first| first.0.due);
        let pairs = self.pairs.iter().filter_map(Ends::poll_timeout);
        let transfers = self.transfers.iter().filter_map(Transfer::poll_timeout);
        let floods = self.floods.iter().flatten().copied();
        flight.into_iter().chain(pairs).chain(transfers).chain(floods).chain([self.queue_sample]).min()
    }

    /// Takes the samples that are due by `now`.
    fn measure(&mut self, now: Instant) {
        while self.queue_sample <= now {
            let at = self.queue_sample;
            for ((link, hop), longest) in self.links.iter().zip(&mut self.trace.hops).zip(&mut self.bin.queue_us) {
                let waits_us = micros(link.queue_delay(at));
                hop.queue_us.push(waits_us);
                *longest = waits_us.max(*longest);
            }
            if at >= self.bin_ends {
                let empty = Bin::new(self.pairs.len(), self.links.len());
                let mut full = core::mem::replace(&mut self.bin, empty);
                full.ends = self.bin_ends;
                for (ends, pair) in self.pairs.iter().zip(&mut full.pairs) {
                    pair.estimate_bps = ends.estimate_bps;
                    pair.target_bps = if ends.sending == Sending::Yes { ends.encoder.target_bps() } else { 0 };
                }
                self.trace.bins.push(full);
                self.bin_ends = self.bin_ends.saturating_add(BIN);
            }
            self.queue_sample = at.saturating_add(QUEUE_SAMPLE);
        }
    }

    fn send(&mut self, now: Instant, cargo: Cargo) {
        if let (Load::Datagram(_), true) = (&cargo.load, cargo.outward) {
            self.trace.pairs[cargo.owner].sent += 1;
            self.bin.pairs[cargo.owner].sent_bytes += u64::from(cargo.wire_bytes);
        }
        let number = self.sent;
        self.sent += 1;
        self.cross(Flight { due: now, number, cargo, crossed: 0 });
    }

    /// The links that something crosses.
    fn route(&self, cargo: &Cargo) -> &'c [usize] {
        match (&cargo.load, cargo.outward) {
            (Load::Datagram(_), true) => &self.case.pairs[cargo.owner].route,
            (Load::Datagram(_), false) => &self.case.pairs[cargo.owner].back,
            (Load::Segment(..) | Load::Ack(..), true) => &self.case.rivals[cargo.owner].route,
            (Load::Segment(..) | Load::Ack(..), false) => &self.case.rivals[cargo.owner].back,
            (Load::Filler, _) => &self.case.floods[cargo.owner].route,
        }
    }

    /// Offers something to the next link on its way; after the last one only distance is left.
    fn cross(&mut self, mut flight: Flight) {
        let now = flight.due;
        if let Some(&link) = self.route(&flight.cargo).get(flight.crossed) {
            flight.crossed += 1;
            match self.links[link].offer(now, flight.cargo.wire_bytes) {
                Verdict::Deliver { at } | Verdict::DeliverTwice { at, .. } => flight.due = at,
                Verdict::Drop(_) | Verdict::Waits => {
                    self.dropped(&flight.cargo, link);
                    return;
                }
            }
            self.trace.hops[link].bytes += u64::from(flight.cargo.wire_bytes);
            if flight.crossed == self.route(&flight.cargo).len() {
                flight.due = flight.due.saturating_add(self.distance(&flight.cargo));
            }
        }
        self.under_way.push(Reverse(flight));
    }

    fn distance(&self, cargo: &Cargo) -> Duration {
        match cargo.load {
            Load::Datagram(_) if cargo.outward => self.case.pairs[cargo.owner].delay,
            Load::Datagram(_) => self.case.pairs[cargo.owner].delay_back,
            // As far as the media go: RFC 8867 has one path for all.
            Load::Segment(..) | Load::Ack(..) => self.case.pairs.first().map_or(Duration::ZERO, |pair| pair.delay),
            Load::Filler => Duration::ZERO,
        }
    }

    fn dropped(&mut self, cargo: &Cargo, link: usize) {
        self.trace.hops[link].dropped += 1;
        match cargo.load {
            Load::Datagram(_) if cargo.outward => self.trace.pairs[cargo.owner].dropped += 1,
            Load::Segment(..) => self.trace.tcp_dropped += 1,
            Load::Datagram(_) | Load::Ack(..) | Load::Filler => {}
        }
    }

    fn arrive(&mut self, flight: Flight) {
        if flight.crossed < self.route(&flight.cargo).len() {
            return self.cross(flight);
        }
        let Flight { due: now, cargo, .. } = flight;
        let Cargo { owner, outward, sent_at, wire_bytes, load } = cargo;
        match load {
            Load::Datagram(datagram) => {
                let Some((sender, receiver)) = &mut self.pairs[owner].peers else { return };
                if outward {
                    self.trace.pairs[owner].received += 1;
                    self.bin.pairs[owner].received_bytes += u64::from(wire_bytes);
                }
                let peer = if outward { receiver } else { sender };
                // What is modelled comes at once; of real media, all is polled.
                peer.handle_datagram(now, &datagram);
                let brought = self.pump(owner, now);
                if outward && brought {
                    self.bin.pairs[owner].media_bytes += u64::from(wire_bytes);
                    self.trace.pairs[owner].delays_us.push(micros(now.saturating_since(sent_at)));
                }
            }
            Load::Segment(connection, segment) => {
                self.bin.tcp_bytes += u64::from(wire_bytes);
                if let Some(ack) = self.transfers[owner].take(connection, segment) {
                    let load = Load::Ack(connection, ack);
                    self.send(now, Cargo { owner, outward: false, sent_at: now, wire_bytes: ACK_WIRE_BYTES, load });
                }
            }
            Load::Ack(connection, ack) => self.transfers[owner].acknowledged(now, connection, ack),
            Load::Filler => {}
        }
    }

    fn serve_flood(&mut self, owner: usize, now: Instant) {
        if self.floods[owner].is_some_and(|due| due <= now) {
            self.floods[owner] = self.case.floods[owner].after(now);
            self.send(now, Cargo { owner, outward: true, sent_at: now, wire_bytes: FLOOD_BYTES, load: Load::Filler });
        }
    }

    fn serve_transfer(&mut self, owner: usize, now: Instant) {
        if self.transfers[owner].poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        self.transfers[owner].handle_timeout(now);
        while let Some((connection, segment)) = self.transfers[owner].poll_output() {
            self.trace.tcp_sent += 1;
            let load = Load::Segment(connection, segment);
            self.send(now, Cargo { owner, outward: true, sent_at: now, wire_bytes: SEGMENT_WIRE_BYTES, load });
        }
    }

    fn serve_pair(&mut self, at: usize, now: Instant) {
        let ends = &mut self.pairs[at];
        if ends.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        if ends.peers.is_none() && ends.pair.starts <= now {
            ends.connect(now, at, self.trace.media);
        }
        ends.write_what_is_due(now);
        if let Some((sender, receiver)) = &mut ends.peers {
            sender.handle_timeout(now);
            receiver.handle_timeout(now);
        }
        self.pump(at, now);
    }

    /// Takes what both ends of a pair have to say. True if the receiver got a packet of media.
    fn pump(&mut self, at: usize, now: Instant) -> bool {
        let mut brought = false;
        loop {
            let ends = &mut self.pairs[at];
            let Some((sender, receiver)) = &mut ends.peers else { return brought };
            sender.flush(now);
            receiver.flush(now);
            let (outward, output) = match sender.poll_output() {
                Some(output) => (true, output),
                None => match receiver.poll_output() {
                    Some(output) => (false, output),
                    None => return brought,
                },
            };
            match output {
                PeerOutput::Datagram(datagram) => {
                    let wire_bytes = datagram.size_bytes() + UDP_IPV4_OVERHEAD_BYTES;
                    if outward {
                        ends.repeats.sent(now, wire_bytes, sender.is_repeat(&datagram));
                    } else if receiver.is_report(&datagram) {
                        self.bin.pairs[at].feedback_bytes += u64::from(wire_bytes);
                    }
                    self.send(now, Cargo { owner: at, outward, sent_at: now, wire_bytes, load: Load::Datagram(datagram) });
                }
                PeerOutput::Connected if outward => ends.begin(now),
                PeerOutput::Estimate { bps } if outward => ends.estimated(now, bps),
                PeerOutput::Packet(packet) => {
                    brought = true;
                    self.trace.pairs[at].media_brought += 1;
                    let bytes = u64::from(packet.size_bytes());
                    match packet.track.kind {
                        TrackKind::Audio => self.bin.pairs[at].audio_bytes += bytes,
                        TrackKind::Video => self.bin.pairs[at].video_bytes += bytes,
                    }
                    if packet.track.kind == TrackKind::Video && packet.marker {
                        self.trace.pairs[at].frames_us.push(micros(now.saturating_since(captured_at(packet.timestamp))));
                    }
                }
                PeerOutput::Disconnected => self.trace.pairs[at].disconnected = true,
                // The encoder makes large frames when its target jumps; a decoder that is lost is not part of these cases.
                PeerOutput::Connected | PeerOutput::Estimate { .. } | PeerOutput::Delay { .. } | PeerOutput::KeyFrameRequested { .. } => {}
            }
        }
    }
}

impl Ends<'_> {
    fn poll_timeout(&self) -> Option<Instant> {
        let Some((sender, receiver)) = &self.peers else { return Some(self.pair.starts) };
        let media = match self.sending {
            Sending::Not => None,
            Sending::Yes => Some(self.encoder.next().min(self.next_audio)),
            Sending::Resting => self.pair.rests.map(|(_, to)| to),
        };
        [sender.poll_timeout(), receiver.poll_timeout(), media].into_iter().flatten().min()
    }

    fn connect(&mut self, now: Instant, at: usize, fidelity: Fidelity) {
        let address = |host: u8| {
            let subnet = u8::try_from(at).expect("a case has a handful of pairs");
            SocketAddrV4::new(Ipv4Addr::new(10, 0, subnet, host), 5000)
        };
        let peer = |host: u8, end: End, estimate_from: Option<BitsPerSecond>| {
            let seed = self.seed.wrapping_add(u64::from(host));
            Peer::new(
                now,
                PeerConfig {
                    fidelity,
                    local: address(host),
                    end,
                    estimate_from,
                    seed,
                    report_every: None,
                    estimate_every: Some(ESTIMATE_EVERY),
                },
            )
        };
        // RFC 8867's encoder starts at its lowest rate, and so does the estimate: at what that takes with audio.
        let first_bps = video_wire_bps(VIDEO_MIN_BPS) + AUDIO_WIRE_BPS;
        let (mut sender, mut receiver) = (peer(1, End::Client, Some(first_bps)), peer(2, End::Server, None));
        let (theirs, ours) = (receiver.description(), sender.description());
        sender.set_remote(now, &theirs).expect("it was said by a peer of the same kind");
        receiver.set_remote(now, &ours).expect("it was said by a peer of the same kind");
        for track in [VIDEO, AUDIO] {
            sender.send_track(now, track, &[]);
            receiver.receive_track(now, track, &[]);
        }
        sender.set_bandwidth(now, 0, MEDIA_MAX_BPS);
        self.peers = Some((sender, receiver));
    }

    /// The connection stands: media begin.
    fn begin(&mut self, now: Instant) {
        self.sending = Sending::Yes;
        self.encoder.resume(now);
        self.next_audio = now;
    }

    fn estimated(&mut self, now: Instant, bps: BitsPerSecond) {
        self.estimate_bps = bps;
        self.encoder.ask(now, share_of(encoder_bps(bps), 1.0 - self.repeats.share(now)));
    }

    /// Writes the frames and the packets of audio that are due, and begins and ends rests.
    fn write_what_is_due(&mut self, now: Instant) {
        let Some((sender, _)) = &mut self.peers else { return };
        if let (Sending::Resting, Some((_, to))) = (self.sending, self.pair.rests)
            && to <= now
        {
            self.sending = Sending::Yes;
            self.encoder.resume(now);
            self.next_audio = now;
            sender.set_bandwidth(now, 0, MEDIA_MAX_BPS);
        }
        if self.sending == Sending::Yes && self.pair.rests.is_some_and(|(from, to)| from <= now && now < to) {
            self.sending = Sending::Resting;
            sender.set_bandwidth(now, 0, 0);
        }
        if self.sending == Sending::Yes && self.pair.stops <= now {
            self.sending = Sending::Not;
            sender.set_bandwidth(now, 0, 0);
        }
        while self.sending == Sending::Yes && self.encoder.next() <= now {
            let bytes = self.encoder.frame(now);
            let packets = bytes.div_ceil(PAYLOAD_BYTES).max(1);
            for n in 0..packets {
                // Equal parts, as libwebrtc splits frames; the first ones take what is left over.
                let size = bytes / packets + u32::from(n < bytes % packets);
                let head = vp8::head(n == 0, false, self.picture & 0x7FFF, 0);
                let absent_bytes = size.saturating_sub(u32::try_from(head.len()).unwrap_or(u32::MAX));
                let packet = media_packet(VIDEO, self.video_seq, timestamp(now), n + 1 == packets, head.as_slice().into(), absent_bytes);
                sender.write(now, &packet, None, &mut Vec::new());
                self.video_seq += 1;
            }
            self.picture = self.picture.wrapping_add(1);
        }
        while self.sending == Sending::Yes && self.next_audio <= now {
            let samples = u32::try_from(self.audio_seq).unwrap_or(u32::MAX).wrapping_mul(960);
            let packet = media_packet(AUDIO, self.audio_seq, samples, false, Payload::default(), AUDIO_BYTES);
            sender.write(now, &packet, None, &mut Vec::new());
            self.audio_seq += 1;
            self.next_audio = self.next_audio.saturating_add(AUDIO_INTERVAL);
        }
    }
}

fn media_packet(track: TrackId, seq: u64, timestamp: u32, marker: bool, payload: Payload, absent_bytes: u32) -> MediaPacket {
    MediaPacket { track, layer: LayerId(0), seq, timestamp, marker, payload, absent_bytes, level: None }
}

/// The instant as a time of video's clock of 90 kHz. It turns after thirteen hours; no case is that long.
#[expect(clippy::cast_possible_truncation, reason = "thirteen hours")]
fn timestamp(at: Instant) -> u32 {
    (at.as_nanos() * 9 / 100_000) as u32
}

fn captured_at(timestamp: u32) -> Instant {
    Instant::from_nanos(u64::from(timestamp) * 100_000 / 9)
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}
