//! A sender and a receiver of media: what the one makes and sends, by what its estimator allows.

use core::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};
use std::collections::VecDeque;

use greenroom_core::{
    id::{LayerId, StreamId},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
    vp8,
};

use super::{
    case::Pair,
    reading::float,
    source::{AUDIO_BYTES, AUDIO_INTERVAL, Encoder, VIDEO_MAX_BPS, VIDEO_MIN_BPS},
};
use crate::{
    media::{End, Fidelity, MediaPacket, Payload, Peer, PeerConfig, TrackId},
    net::link::UDP_IPV4_OVERHEAD_BYTES,
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

/// A sender and a receiver of media.
pub(super) struct Ends<'c> {
    pub(super) pair: &'c Pair,
    pub(super) seed: u64,
    /// None before they begin.
    pub(super) peers: Option<(Peer, Peer)>,
    pub(super) encoder: Encoder,
    pub(super) sending: Sending,
    pub(super) next_audio: Instant,
    pub(super) video_seq: u64,
    pub(super) audio_seq: u64,
    pub(super) picture: u16,
    pub(super) estimate_bps: BitsPerSecond,
    pub(super) repeats: Repeats,
}

/// What a sender sent lately, and how much of it for the second time.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    sent: VecDeque<(Instant, u32, bool)>,
    bytes: u64,
    repeated_bytes: u64,
}

impl Repeats {
    pub(super) fn sent(&mut self, now: Instant, bytes: u32, is_repeat: bool) {
        self.sent.push_back((now, bytes, is_repeat));
        self.bytes += u64::from(bytes);
        self.repeated_bytes += if is_repeat { u64::from(bytes) } else { 0 };
    }

    /// The share of retransmissions, as far as room is made for them.
    pub(super) fn share(&mut self, now: Instant) -> f64 {
        while let Some((_, bytes, is_repeat)) = self.sent.front().copied().filter(|(at, ..)| at.saturating_add(REPEATS_WINDOW) <= now) {
            self.sent.pop_front();
            self.bytes -= u64::from(bytes);
            self.repeated_bytes -= if is_repeat { u64::from(bytes) } else { 0 };
        }
        (float(self.repeated_bytes) / float(self.bytes.max(1))).min(REPEATS_MAX)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Not,
    Yes,
    Resting,
}

impl Ends<'_> {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let Some((sender, receiver)) = &self.peers else { return Some(self.pair.starts) };
        let media = match self.sending {
            Sending::Not => None,
            Sending::Yes => Some(self.encoder.next().min(self.next_audio)),
            Sending::Resting => self.pair.rests.map(|(_, to)| to),
        };
        [sender.poll_timeout(), receiver.poll_timeout(), media].into_iter().flatten().min()
    }

    pub(super) fn connect(&mut self, now: Instant, at: usize, fidelity: Fidelity) {
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
    pub(super) fn begin(&mut self, now: Instant) {
        self.sending = Sending::Yes;
        self.encoder.resume(now);
        self.next_audio = now;
    }

    pub(super) fn estimated(&mut self, now: Instant, bps: BitsPerSecond) {
        self.estimate_bps = bps;
        self.encoder.ask(now, share_of(encoder_bps(bps), 1.0 - self.repeats.share(now)));
    }

    /// Writes the frames and the packets of audio that are due, and begins and ends rests.
    pub(super) fn write_what_is_due(&mut self, now: Instant) {
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
