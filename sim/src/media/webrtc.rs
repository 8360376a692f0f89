//! Real WebRTC: str0m in RTP mode, without SDP.
//!
//! What str0m does here: ICE, DTLS, SRTP, RTCP reports, NACK and RTX, transport-wide feedback, and on the sending side pacing and Google congestion control. What is done beside it: tracks for
//! media ids, one time for another, and an order of polling. VP8 and Opus only.
//!
//! Every call into str0m runs on the peer's own [`Draws`]. What it takes from the process (hash order, the time of day) is seen to by [`entropy`]; hash order alone
//! hangs together between the peers of a thread: it changes when peers before are added or left out.

mod cert;
mod checks;
mod crypto;
mod dtls;
mod naming;
mod null;
mod reports;
mod setup;
mod timing;

use core::{
    fmt::Write as _,
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use greenroom_core::{
    audio::AudioLevel,
    id::{LayerId, Rid},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};
use str0m::{
    Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcError,
    bwe::{Bitrate, BweKind},
    config::Fingerprint,
    format::Codec,
    media::{KeyframeRequestKind, MediaKind, Mid, Pt},
    net::{Protocol, Receive, Transmit},
    rtp::{ExtensionValues, RawPacket, RtpPacket, RtpWrite, Ssrc, Vp8Descriptor, Vp8Patch},
};

pub(super) use self::naming::{is_repeat, is_report};
use self::{
    checks::Checks,
    naming::{WireRid, layer_id, mid_of, retransmission_of, ssrc, track_of, wire_rids},
    reports::Reports,
    setup::{rtc, settle_clocks},
    timing::Timing,
};
use super::{
    Counters, Delays, Description, End, MediaError, MediaPacket, PAYLOAD_BYTES, Passage, PeerConfig, PeerOutput, Reported, TrackId,
    Vp8Rewrite, passage::Numbers,
};
use crate::{
    entropy::{self, Draws, std_instant},
    net::Datagram,
};

/// One end of a WebRTC connection.
#[derive(Debug)]
pub(super) struct Peer {
    draws: Draws,
    inner: Inner,
}

/// All of a peer but its draws, so that what draws can be borrowed beside them.
#[derive(Debug)]
struct Inner {
    rtc: Rtc,
    config: PeerConfig,
    payload_types: PayloadTypes,
    state: State,
    remote: Option<SocketAddrV4>,
    /// Where the newest check of the path came from that was in order, at a server's end.
    reached_at: Option<SocketAddrV4>,
    now: Instant,
    /// When str0m wants to be told the time.
    deadline: Option<Instant>,
    /// Whether str0m was told of something that it has not acted on.
    dirty: bool,
    queue: VecDeque<PeerOutput>,
    sent: BTreeMap<TrackId, Sent>,
    /// How many tracks this end ever sent: SSRCs are counted up.
    tracks_sent: u32,
    received: BTreeMap<TrackId, Vec<WireRid>>,
    /// What an SSRC of the other end belongs to. str0m knows, but its answer costs a full round of polling.
    origins: BTreeMap<u32, (TrackId, LayerId)>,
    estimate: Option<BitsPerSecond>,
    checks: Checks,
    reports: Reports,
    timing: Timing,
    numbers: Numbers,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Connected,
    /// Given up. Nothing comes of this peer any more.
    Over,
}

#[derive(Clone, Copy, Debug)]
struct PayloadTypes {
    vp8: Pt,
    opus: Pt,
}

/// A track this end sends.
#[derive(Debug)]
struct Sent {
    rids: Vec<WireRid>,
    /// One for each layer.
    encodings: Vec<Encoding>,
}

#[derive(Clone, Copy, Debug)]
struct Encoding {
    ssrc: Ssrc,
    /// Taken off every sequence number, a multiple of 2^16. SRTP counts the turns of the 16 bits that travel and both ends begin at none (RFC 3711 section 3.3.1), so the first packet must lie
    /// below 2^16 wherever its writer counts from.
    rollover: Option<u64>,
}

/// How long to wait where str0m asks for the present. It does so when its pacer has an interval shorter than the clock's, and once is enough.
const SOONEST: Duration = Duration::from_micros(100);

/// Where str0m's deadlines mean never (it says a hundred years).
const NEVER: Duration = Duration::from_secs(86_400 * 365);

impl Peer {
    pub(super) fn new(now: Instant, config: PeerConfig) -> Self {
        settle_clocks();
        let mut draws = Draws::new(config.seed);
        let rtc = draws.scope(|| rtc(now, &config));
        let payload_type = |codec| rtc.codec_config().find(|params| params.spec().codec == codec).expect("the codec was enabled").pt();
        let inner = Inner {
            payload_types: PayloadTypes { vp8: payload_type(Codec::Vp8), opus: payload_type(Codec::Opus) },
            rtc,
            config,
            state: State::Connecting,
            remote: None,
            reached_at: None,
            now,
            deadline: None,
            dirty: false,
            queue: VecDeque::new(),
            sent: BTreeMap::new(),
            tracks_sent: 0,
            received: BTreeMap::new(),
            origins: BTreeMap::new(),
            estimate: None,
            checks: Checks::default(),
            reports: Reports::default(),
            timing: Timing::default(),
            numbers: Numbers::default(),
            counters: Counters::default(),
        };
        Self { draws, inner }
    }

    pub(super) fn description(&mut self) -> Description {
        let api = self.inner.rtc.direct_api();
        let IceCreds { ufrag, pass } = api.local_ice_credentials();
        let mut fingerprint = String::new();
        for byte in &api.local_dtls_fingerprint().bytes {
            write!(fingerprint, "{byte:02x}").expect("a string takes any text");
        }
        Description { fidelity: self.inner.config.fidelity, address: self.inner.config.local, ufrag, pwd: pass, fingerprint }
    }

    pub(super) fn set_remote(&mut self, now: Instant, description: Description) -> Result<(), MediaError> {
        self.draws.scope(|| self.inner.set_remote(now, description))
    }

    pub(super) fn remote_address(&self) -> Option<SocketAddrV4> {
        self.inner.remote
    }

    pub(super) fn send_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        self.draws.scope(|| self.inner.send_track(now, track, rids));
    }

    pub(super) fn receive_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        self.draws.scope(|| self.inner.receive_track(now, track, rids));
    }

    pub(super) fn stop_track(&mut self, now: Instant, track: TrackId) {
        self.inner.stop_track(now, track);
    }

    pub(super) fn write(&mut self, now: Instant, packet: &MediaPacket, rewrite: Option<Vp8Rewrite>) {
        if self.inner.write(now, packet, rewrite).is_none() {
            self.inner.counters.unsent_packets += 1;
        }
    }

    pub(super) fn request_key_frame(&mut self, now: Instant, track: TrackId, layer: LayerId) {
        self.inner.request_key_frame(now, track, layer);
    }

    pub(super) fn set_bandwidth(&mut self, now: Instant, minimum: BitsPerSecond, desired: BitsPerSecond) {
        self.inner.rtc.bwe().set_bitrate(Bitrate::bps(minimum), Bitrate::bps(desired));
        self.inner.changed(now);
    }

    pub(super) fn accepts(&self, datagram: &Datagram) -> bool {
        Receive::new(Protocol::Udp, datagram.src.into(), datagram.dst.into(), &datagram.payload)
            .is_ok_and(|receive| self.inner.rtc.accepts(&Input::Receive(std_instant(self.inner.now), receive)))
    }

    pub(super) fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        self.draws.scope(|| self.inner.handle_datagram(now, datagram));
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.inner.now = self.inner.now.max(now);
        if self.inner.dirty || self.inner.deadline.is_some_and(|deadline| deadline <= now) {
            self.draws.scope(|| self.inner.advance());
        }
    }

    pub(super) fn flush(&mut self, now: Instant) {
        self.inner.now = self.inner.now.max(now);
        if self.inner.dirty {
            self.draws.scope(|| self.inner.advance());
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<PeerOutput> {
        self.inner.queue.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.inner.queue.is_empty() && !self.inner.dirty { self.inner.deadline } else { Some(self.inner.now) }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.inner.state == State::Connected
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.inner.checks.rtt()
    }

    pub(super) fn rtt_count(&self) -> u64 {
        self.inner.checks.answers()
    }

    pub(super) fn delays(&self) -> &Delays {
        self.inner.timing.delays()
    }

    pub(super) fn passage(&self) -> Passage {
        self.inner.numbers.passage()
    }

    pub(super) fn reports(&self) -> Vec<Reported> {
        self.inner.reports.all()
    }

    pub(super) fn counters(&self) -> Counters {
        self.inner.counters
    }
}

impl Inner {
    fn set_remote(&mut self, now: Instant, description: Description) -> Result<(), MediaError> {
        let Description { fidelity, address, ufrag, pwd, fingerprint } = description;
        if self.remote.is_some() {
            return Err(MediaError::AlreadySet);
        }
        if fidelity != self.config.fidelity {
            return Err(MediaError::OtherFidelity { ours: self.config.fidelity, theirs: fidelity });
        }
        check_ice_text("ufrag", &ufrag, 4, "4 to 256 letters, digits, + or /")?;
        check_ice_text("pwd", &pwd, 22, "22 to 256 letters, digits, + or /")?;
        let bytes = sha256_of_hex(&fingerprint).ok_or_else(|| MediaError::BadField {
            field: "fingerprint",
            given: fingerprint.clone(),
            expected: "a SHA-256 of 64 hex digits",
        })?;
        let candidate = Candidate::host(address.into(), "udp").map_err(|_| MediaError::BadField {
            field: "address",
            given: address.to_string(),
            expected: "the address and port of one host",
        })?;

        let is_client = self.config.end == End::Client;
        self.rtc.add_remote_candidate(candidate);
        let mut api = self.rtc.direct_api();
        api.set_remote_ice_credentials(IceCreds { ufrag, pass: pwd });
        api.set_remote_fingerprint(Fingerprint { hash_func: "sha-256".to_owned(), bytes });
        api.set_ice_controlling(is_client);
        api.enable_twcc_feedback();
        let started = api.start_dtls(is_client);
        self.remote = Some(address);
        self.changed(now);
        self.fail_on(started);
        Ok(())
    }

    /// Declares the media of a track, unless that was done for the other direction.
    fn declare(&mut self, track: TrackId) -> Mid {
        let mid = mid_of(track);
        if self.rtc.media(mid).is_none() {
            let kind = match track.kind {
                TrackKind::Audio => MediaKind::Audio,
                TrackKind::Video => MediaKind::Video,
            };
            self.rtc.direct_api().declare_media(mid, kind);
        }
        mid
    }

    fn send_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        if self.sent.contains_key(&track) {
            return;
        }
        let mid = self.declare(track);
        let rids = wire_rids(rids);
        self.tracks_sent += 1;
        let mut encodings = Vec::new();
        for layer in 0..rids.len().max(1) {
            let ssrc = ssrc(self.config.end, self.tracks_sent, layer);
            // Opus conceals a lost packet before a retransmission would come; browsers negotiate none for it either.
            let retransmits = (track.kind == TrackKind::Video).then(|| retransmission_of(ssrc));
            self.rtc.direct_api().declare_stream_tx(ssrc, retransmits, mid, rids.get(layer).copied());
            if self.config.end == End::Client {
                self.reports.expect(ssrc, track, layer);
            }
            encodings.push(Encoding { ssrc, rollover: None });
        }
        self.sent.insert(track, Sent { rids, encodings });
        self.changed(now);
    }

    fn receive_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        if self.received.contains_key(&track) {
            return;
        }
        self.declare(track); // and str0m learns SSRCs from the media id, and any rid, of what comes
        self.received.insert(track, wire_rids(rids));
        self.changed(now);
    }

    fn stop_track(&mut self, now: Instant, track: TrackId) {
        let was_sent = self.sent.remove(&track).is_some();
        let was_received = self.received.remove(&track).is_some();
        if was_sent || was_received {
            self.rtc.direct_api().remove_media(mid_of(track));
            self.origins.retain(|_, (of, _)| *of != track);
            self.reports.forget(track);
            self.changed(now);
        }
    }

    /// None if the packet cannot be sent.
    fn write(&mut self, now: Instant, packet: &MediaPacket, rewrite: Option<Vp8Rewrite>) -> Option<()> {
        let encoding = self.sent.get_mut(&packet.track)?.encodings.get_mut(usize::from(packet.layer.0))?;
        if self.state != State::Connected || packet.size_bytes() > PAYLOAD_BYTES {
            return None;
        }
        let rollover = *encoding.rollover.get_or_insert(packet.seq & !0xFFFF);
        let seq = packet.seq.checked_sub(rollover)?;
        let is_video = packet.track.kind == TrackKind::Video;
        let payload_type = if is_video { self.payload_types.vp8 } else { self.payload_types.opus };
        self.reports.sent(encoding.ssrc, packet.size_bytes());
        let mut rtp = RtpWrite::new(payload_type, seq.into(), packet.timestamp, std_instant(now), whole_payload(packet))
            .marker(packet.marker)
            .nackable(is_video);
        if let Some(level) = packet.level {
            rtp = rtp.ext_vals(level_extension(level));
        }
        if let Some(rewrite) = rewrite.filter(|_| is_video) {
            rtp = rtp.vp8_patch(vp8_patch(&packet.payload, rewrite)?);
        }
        self.rtc.direct_api().stream_tx(&encoding.ssrc)?.write_rtp(rtp);
        self.changed(now);
        Some(())
    }

    fn request_key_frame(&mut self, now: Instant, track: TrackId, layer: LayerId) {
        let Some(rids) = self.received.get(&track) else { return };
        let rid = rids.get(usize::from(layer.0)).copied();
        // A layer of which nothing has come yet has no SSRC to ask by; its first packet will be of a key frame.
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(mid_of(track), rid) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            self.changed(now);
        }
    }

    fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) {
        self.now = self.now.max(now);
        if self.state == State::Over {
            return;
        }
        if let Some(took) = self.checks.received(self.now, &datagram.payload) {
            self.timing.round_trip(took);
        }
        let read = Receive::new(Protocol::Udp, datagram.src.into(), datagram.dst.into(), &datagram.payload)
            .ok()
            .and_then(|receive| self.rtc.handle_input(Input::Receive(std_instant(self.now), receive)).ok());
        match read {
            Some(()) => self.dirty = false, // str0m was told the time with it
            None => self.counters.bad_datagrams += 1,
        }
        self.drain();
    }

    /// Takes note that str0m has something to act on.
    fn changed(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.dirty = self.state != State::Over;
    }

    /// Tells str0m the time, so that it acts on what it was told before.
    fn advance(&mut self) {
        self.dirty = false;
        if self.state != State::Over {
            let told = self.rtc.handle_input(Input::Timeout(std_instant(self.now)));
            self.drain();
            self.fail_on(told);
        }
    }

    /// Takes everything str0m has to say, up to its next deadline.
    fn drain(&mut self) {
        while self.state != State::Over {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    let at = entropy::instant(at).max(self.now.saturating_add(SOONEST));
                    self.deadline = (at < self.now.saturating_add(NEVER)).then_some(at);
                    return;
                }
                Ok(Output::Transmit(Transmit { source, destination, contents, .. })) => {
                    self.checks.sent(self.now, &contents);
                    let (src, dst) = (of_network(source), of_network(destination));
                    let dst = if self.config.end == End::Server { self.reached(dst, &contents) } else { dst };
                    let payload = Vec::from(contents).into();
                    self.queue.push_back(PeerOutput::Datagram(Datagram { src, dst, payload, absent_bytes: 0 }));
                }
                Ok(Output::Event(event)) => self.handle_event(event),
                Err(error) => self.fail_on(Err(error)),
            }
        }
    }

    /// Where what str0m sends to an address has to go: to where the newest check came from that it answered. A client whose router was rebound checks from another port from then on, with the same
    /// priority, and among equals str0m keeps to the path that it took first until that has been silent for a quarter of a minute; other servers follow at once, as here.
    fn reached(&mut self, destination: SocketAddrV4, payload: &[u8]) -> SocketAddrV4 {
        if checks::is_answer(payload) {
            self.reached_at = Some(destination);
            return destination;
        }
        self.reached_at.unwrap_or(destination)
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Connected => {
                self.state = State::Connected;
                self.queue.push_back(PeerOutput::Connected);
            }
            Event::RtpPacket(packet) => self.receive(packet),
            Event::KeyframeRequest(request) => {
                let Some((track, sent)) = track_of(request.mid).and_then(|track| self.sent.get_key_value(&track)) else {
                    return;
                };
                let layer = request.rid.map_or(Some(0), |rid| sent.rids.iter().position(|known| *known == rid));
                self.queue.extend(layer.and_then(layer_id).map(|layer| PeerOutput::KeyFrameRequested { track: *track, layer }));
            }
            Event::PeerStats(stats) => {
                // Asked for by `estimate_every`, and said whether or not it moved: an encoder follows it.
                self.queue.extend(stats.bwe_tx.map(|estimate| PeerOutput::Estimate { bps: estimate.as_u64() }));
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) if self.config.estimate_every.is_none() => {
                let bps = estimate.as_u64();
                if self.estimate.replace(bps) != Some(bps) {
                    self.queue.push_back(PeerOutput::Estimate { bps });
                }
            }
            Event::RawPacket(raw) => {
                self.timing.passed(self.now, &raw);
                match &*raw {
                    RawPacket::RtcpRx(rtcp) => {
                        self.reports.received(rtcp);
                        let quickest = self.timing.take_quickest().filter(|_| self.config.end == End::Server);
                        self.queue.extend(quickest.map(|delay_ns| PeerOutput::Delay { delay_ns }));
                    }
                    // Padding and what is sent again for probing among them: what str0m hands over as a packet is less than what came.
                    RawPacket::RtpRx(header, _) => {
                        if let Some(number) = header.ext_vals.transport_cc {
                            self.numbers.came(number);
                        }
                    }
                    RawPacket::RtcpTx(_) | RawPacket::RtpTx(..) => {}
                }
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed => self.give_up(),
            _ => {} // reports, statistics, and what later versions may say
        }
    }

    fn receive(&mut self, packet: RtpPacket) {
        let Some((track, layer)) = self.origin_of(packet.header.ssrc) else {
            return;
        };
        self.queue.push_back(PeerOutput::Packet(MediaPacket {
            track,
            layer,
            seq: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload.into(),
            absent_bytes: 0,
            level: packet.header.ext_vals.audio_level.and_then(|db| AudioLevel::new(db.unsigned_abs())),
        }));
    }

    /// The track and layer that the other end sends as `ssrc`.
    fn origin_of(&mut self, ssrc: Ssrc) -> Option<(TrackId, LayerId)> {
        if let Some(origin) = self.origins.get(&ssrc) {
            return Some(*origin);
        }
        let (mid, rid) = self.rtc.direct_api().stream_rx(&ssrc).map(|stream| (stream.mid(), stream.rid()))?;
        let track = track_of(mid)?;
        let rids = self.received.get(&track)?;
        let layer = rid.map_or(Some(0), |rid| rids.iter().position(|known| *known == rid))?;
        let origin = (track, layer_id(layer)?);
        self.origins.retain(|_, known| *known != origin); // the SSRC it had before the other end started it anew
        self.origins.insert(*ssrc, origin);
        Some(origin)
    }

    /// DTLS failures are for good: keys were refused, or a flight went unanswered to the end.
    fn fail_on(&mut self, result: Result<(), RtcError>) {
        if result.is_err() {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        if self.state != State::Over {
            self.state = State::Over;
            self.rtc.disconnect();
            self.deadline = None;
            self.dirty = false;
            self.queue.push_back(PeerOutput::Disconnected);
        }
    }
}

/// An address of the laboratory's network, from str0m, which knows those that it was told: an end's own, the other end's by its description, and those that datagrams came from.
fn of_network(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => unreachable!("{address} was never told to str0m: the network is IPv4"),
    }
}

/// The payload with zeros for the bytes that only count.
fn whole_payload(packet: &MediaPacket) -> Arc<[u8]> {
    if packet.absent_bytes == 0 {
        return packet.payload.to_shared();
    }
    let zeros = core::iter::repeat_n(0, packet.absent_bytes as usize);
    packet.payload.iter().copied().chain(zeros).collect()
}

/// The header extension that says how loud a packet is. Whether it is speech is left to whoever reads it, as RFC 6464 allows.
fn level_extension(level: AudioLevel) -> ExtensionValues {
    let audio_level = i8::try_from(level.below_full_scale_db()).ok().map(|db| -db);
    ExtensionValues { audio_level, voice_activity: Some(false), ..ExtensionValues::default() }
}

/// The bytes to replace in a payload; none if its descriptor cannot be read. What a descriptor has no field for is left out.
fn vp8_patch(payload: &[u8], rewrite: Vp8Rewrite) -> Option<Vp8Patch> {
    let descriptor = Vp8Descriptor::parse(payload).ok()?;
    let mut patch = descriptor.patch();
    if descriptor.tl0_pic_idx().is_some() {
        patch = patch.tl0_pic_idx(rewrite.tl0_pic_idx);
    }
    if descriptor.picture_id().is_none() {
        return patch.build().ok();
    }
    // The field has 15 bits or 7; which, shows only in what it takes.
    let [long, short] = [0x7FFF, 0x7F].map(|mask| patch.picture_id(rewrite.picture_id & mask).build());
    long.or(short).ok()
}

/// Checks an ICE user name fragment or password: at most 256 characters of a small set (RFC 8839 section 5.4).
fn check_ice_text(field: &'static str, text: &str, min_bytes: usize, expected: &'static str) -> Result<(), MediaError> {
    let fits =
        (min_bytes..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if fits { Ok(()) } else { Err(MediaError::BadField { field, given: text.to_owned(), expected }) }
}

fn sha256_of_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
