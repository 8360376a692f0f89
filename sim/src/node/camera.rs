//! What a publisher sends: a simulated camera and microphone, or a screen that it shares.
//!
//! Pictures come at a fixed rate, every layer at the same times. Their sizes follow the statistical model of RFC 8593 section 5: a zero-mean Laplacian around the mean
//! size, with a relative scale of 0.15. Key frames come on request only, as browsers send them; one takes several times the mean, and the pictures after it are smaller until
//! that is paid back, so that each layer keeps its rate. Audio is one packet every 20 ms, all of one size, as Opus at a constant rate.
//!
//! A screen shows pages ([`scenario::Screen`]): one comes at once, at irregular times, the same for all layers; in between there is next to nothing.

use core::time::Duration;

use greenroom_core::{
    id::{LayerId, Rid, StreamId},
    stream::{BitsPerSecond, Layer, StreamKind, StreamOffer, TrackKind},
    time::Instant,
    vp8::{self, Picture},
};

use super::voice::Speech;
use crate::{
    media::{Fidelity, MediaPacket, Payload, TrackId},
    random::Stream,
    scenario,
};

/// Largest RTP payload, in bytes. With RTP header, extensions and SRTP tag it stays below the 1,200 bytes that libwebrtc keeps its packets under.
const PAYLOAD_BYTES_MAX: u32 = 1_100;
/// Smallest picture, in bytes: a descriptor, a header and a few macroblocks.
const PICTURE_BYTES_MIN: u32 = 64;
/// A key frame's size by the mean picture's. A choice: at 30 fps and these sizes, libvpx in real-time mode gives 3 to 6.
const KEY_FRAME_FACTOR: u32 = 4;
/// What a page that stands still takes, by the mean picture's size.
#[expect(clippy::cast_possible_truncation, reason = "it is twenty")]
const STILL_PART: u32 = scenario::Screen::STILL_PART as u32;
/// Relative scale of the Laplacian that picture sizes follow (RFC 8593 table 1, `SCALE_B`).
const SIZE_SCALE: f64 = 0.15;
/// Shortest time between two key frames of a layer: an encoder answers a burst of requests once.
const KEY_FRAME_SPACING: Duration = Duration::from_millis(200);
/// Audio in one packet (RFC 7587 section 4.2: 20 ms is Opus's default).
const AUDIO_FRAME: Duration = Duration::from_millis(20);
/// The temporal layers of the pictures behind a key frame, over and over, for one, two and three of them (libvpx's patterns), each with its size by the mean picture's in thousandths, so that the layers take the shares
/// that `TemporalLayers::shares_permille` promises, and whether the picture rests on the base alone.
const PATTERNS: [&[(u8, u32, bool)]; 3] =
    [&[(0, 1000, false)], &[(0, 1200, false), (1, 800, true)], &[(0, 1320, false), (2, 680, true), (1, 1320, true), (2, 680, false)]];
/// Ticks of an audio timestamp in 20 ms at 48 kHz.
const AUDIO_FRAME_TICKS: u32 = 960;

/// A camera and a microphone, publishing one stream.
#[derive(Debug)]
pub(super) struct Camera {
    stream: StreamId,
    rids: Vec<Rid>,
    layers: Vec<Encoder>,
    picture_interval_ns: u64,
    next_picture: Instant,
    pictures: u64,
    started: Instant,
    video_muted: bool,
    /// When pages are turned, of a screen.
    pages: Option<Pages>,
    /// How many layers anybody wants, from the lowest on.
    wanted_layers: usize,
    audio: Option<Microphone>,
    /// Whether payloads are carried in full.
    full_payloads: bool,
}

/// The pages of a screen.
#[derive(Debug)]
struct Pages {
    turn: Duration,
    draws: Stream,
    next: Instant,
}

impl Pages {
    /// Whether a page was turned up to now.
    fn have_turned(&mut self, now: Instant) -> bool {
        let turned = self.next <= now;
        if turned {
            let turn_ns = u64::try_from(self.turn.as_nanos()).unwrap_or(u64::MAX / 2);
            let wait = Duration::from_nanos(turn_ns / 2 + self.draws.below(turn_ns.max(1)));
            self.next = now.saturating_add(wait);
        }
        turned
    }
}

/// One layer's encoder.
#[derive(Debug)]
struct Encoder {
    mean_bytes: u32,
    /// What a page takes, of a screen.
    page_bytes: Option<u32>,
    sizes: Stream,
    /// Bytes by which key frames have exceeded the rate so far.
    debt_bytes: u32,
    key_frame_due: bool,
    last_key_frame: Option<Instant>,
    next_seq: u64,
    first_timestamp: u32,
    picture_id: u16,
    tl0_pic_idx: u8,
    pattern: &'static [(u8, u32, bool)],
    /// Pictures since the last key frame.
    since_key_frame: usize,
}

#[derive(Debug)]
struct Microphone {
    packet_bytes: u32,
    next_packet: Instant,
    next_seq: u64,
    timestamp: u32,
    muted: bool,
    /// What its packets say of their loudness.
    speech: Option<Speech>,
}

/// What a camera of that description publishes.
pub(super) fn offer(camera: &scenario::Camera) -> StreamOffer {
    StreamOffer {
        kind: StreamKind::Main,
        audio_bps: (camera.audio_bps > 0).then_some(camera.audio_bps),
        layers: camera.layers.clone(),
        on_demand: camera.on_demand,
    }
}

/// What is published of that screen.
pub(super) fn screen_offer(screen: &scenario::Screen) -> StreamOffer {
    StreamOffer { kind: StreamKind::Aux, audio_bps: None, layers: screen.layers.clone(), on_demand: screen.on_demand }
}

impl Camera {
    /// A camera that starts now. `owner` names its random streams.
    pub(super) fn new(now: Instant, config: &scenario::Camera, stream: StreamId, fidelity: Fidelity, seed: u64, owner: &str) -> Self {
        let fps = config.fps.max(1);
        let layers = config.layers.iter().map(|layer| Encoder::new(layer, fps, "video", seed, owner)).collect();
        let audio = (config.audio_bps > 0).then(|| Microphone::new(now, config.audio_bps, seed, owner));
        Self {
            stream,
            rids: config.layers.iter().map(|layer| layer.rid.clone()).collect(),
            layers,
            pages: None,
            picture_interval_ns: 1_000_000_000 / u64::from(fps),
            next_picture: now,
            pictures: 0,
            started: now,
            video_muted: false,
            wanted_layers: if config.on_demand { 0 } else { usize::MAX },
            audio,
            full_payloads: fidelity != Fidelity::Model,
        }
    }

    /// The same for a screen, which has no sound.
    pub(super) fn sharing(now: Instant, config: &scenario::Screen, stream: StreamId, fidelity: Fidelity, seed: u64, owner: &str) -> Self {
        let scenario::Screen { fps, turn, on_demand, ref layers } = *config;
        let silent = scenario::Camera { fps, audio_bps: 0, on_demand, layers: Vec::new() };
        let mut screen = Self::new(now, &silent, stream, fidelity, seed, owner);
        screen.rids = layers.iter().map(|layer| layer.rid.clone()).collect();
        let page_bytes = |layer: &Layer| u32::try_from(u128::from(layer.max_bps) * scenario::Screen::PAGE.as_nanos() / 8_000_000_000).ok();
        let encoder = |layer: &Layer| Encoder { page_bytes: page_bytes(layer), ..Encoder::new(layer, fps.max(1), "screen", seed, owner) };
        screen.layers = layers.iter().map(encoder).collect();
        let mut pages = Pages { turn, draws: Stream::new(seed, owner, "screen/turn"), next: now };
        pages.have_turned(now); // the first page is there: it comes with the first key frame
        screen.pages = Some(pages);
        screen
    }

    /// Lets packets of audio say how loud the user speaks.
    #[must_use]
    pub(super) fn with_speech(mut self, speech: Option<Speech>) -> Self {
        if let Some(microphone) = &mut self.audio {
            microphone.speech = speech;
        }
        self
    }

    /// The stream it publishes.
    pub(super) fn stream(&self) -> StreamId {
        self.stream
    }

    /// The stream has another number from here on.
    pub(super) fn set_stream(&mut self, stream: StreamId) {
        self.stream = stream;
    }

    /// The rids of its layers, lowest first.
    pub(super) fn rids(&self) -> &[Rid] {
        &self.rids
    }

    pub(super) fn has_audio(&self) -> bool {
        self.audio.is_some()
    }

    /// Mutes or unmutes. Video that comes back begins with key frames.
    pub(super) fn set_muted(&mut self, audio: Option<bool>, video: Option<bool>) {
        if let (Some(muted), Some(microphone)) = (audio, &mut self.audio) {
            microphone.muted = muted;
        }
        if let Some(muted) = video {
            if self.video_muted && !muted {
                self.layers.iter_mut().for_each(|encoder| encoder.key_frame_due = true);
            }
            self.video_muted = muted;
        }
    }

    /// Which layers are worth sending: all up to one, or all, or none. What comes back begins with a key frame.
    pub(super) fn set_needed(&mut self, needed: bool, up_to: Option<LayerId>) {
        let wanted = if needed { up_to.map_or(usize::MAX, |up_to| usize::from(up_to.0) + 1) } else { 0 };
        for encoder in self.layers.iter_mut().take(wanted).skip(self.wanted_layers) {
            encoder.key_frame_due = true;
        }
        self.wanted_layers = wanted;
    }

    /// Whether audio and video are muted.
    pub(super) fn muted(&self) -> (bool, bool) {
        (self.audio.as_ref().is_some_and(|microphone| microphone.muted), self.video_muted)
    }

    /// Somebody needs a key frame of a layer; the next picture is one.
    pub(super) fn request_key_frame(&mut self, layer: LayerId) {
        if let Some(encoder) = self.layers.get_mut(usize::from(layer.0)) {
            encoder.key_frame_due = true;
        }
    }

    /// A new transport starts with key frames, as a new encoder would.
    pub(super) fn restart(&mut self) {
        self.layers.iter_mut().for_each(|encoder| encoder.key_frame_due = true);
    }

    /// When the next picture or sound is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let picture = (!self.layers.is_empty()).then_some(self.next_picture);
        let sound = self.audio.as_ref().map(|microphone| microphone.next_packet);
        picture.into_iter().chain(sound).min()
    }

    /// Hands every packet that is due to `send`.
    pub(super) fn capture(&mut self, now: Instant, mut send: impl FnMut(MediaPacket)) {
        if let Some(microphone) = &mut self.audio {
            microphone.record(now, self.stream, self.full_payloads, &mut send);
        }
        while !self.layers.is_empty() && self.next_picture <= now {
            let at = self.next_picture;
            self.pictures += 1;
            // From the start each time: a third of a nanosecond a picture does not add up.
            self.next_picture = self.started.saturating_add(Duration::from_nanos(self.pictures.saturating_mul(self.picture_interval_ns)));
            if self.video_muted {
                continue;
            }
            let turned = self.pages.as_mut().is_some_and(|pages| pages.have_turned(at));
            let track = TrackId { stream: self.stream, kind: TrackKind::Video };
            for (place, encoder) in (0_u8..).zip(&mut self.layers).take(self.wanted_layers) {
                encoder.encode(at, turned, track, LayerId(place), self.full_payloads, &mut send);
            }
        }
    }
}

impl Encoder {
    fn new(layer: &Layer, fps: u32, what: &str, seed: u64, owner: &str) -> Self {
        let Layer { rid, max_bps: rate_bps, .. } = layer;
        let mut starts = Stream::new(seed, owner, &format!("{what}/{rid}/start"));
        let mean_bytes = u32::try_from(*rate_bps / 8 / u64::from(fps)).unwrap_or(u32::MAX).max(PICTURE_BYTES_MIN);
        Self {
            mean_bytes,
            page_bytes: None,
            sizes: Stream::new(seed, owner, &format!("{what}/{rid}/size")),
            debt_bytes: 0,
            key_frame_due: true,
            last_key_frame: None,
            // Below 2^15, so that the loss of the first packets cannot hide a wrap (RFC 3711 section 3.3.1).
            next_seq: starts.below(1 << 15),
            first_timestamp: low_u32(starts.below(1 << 32)),
            picture_id: low_u16(starts.below(1 << 15)),
            tl0_pic_idx: low_u8(starts.below(1 << 8)),
            pattern: PATTERNS[usize::from(layer.temporal_layers.get()).min(PATTERNS.len()) - 1],
            since_key_frame: 0,
        }
    }

    fn encode(
        &mut self,
        at: Instant,
        turned: bool,
        track: TrackId,
        layer: LayerId,
        full_payloads: bool,
        send: &mut impl FnMut(MediaPacket),
    ) {
        let recent = self.last_key_frame.is_some_and(|last| at.saturating_since(last) < KEY_FRAME_SPACING);
        let key_frame = self.key_frame_due && !recent;
        if key_frame {
            self.key_frame_due = false;
            self.last_key_frame = Some(at);
        }
        // A page is in the lowest temporal layer: who does not get it has nothing to add to.
        self.since_key_frame = if key_frame || turned { 0 } else { self.since_key_frame + 1 };
        let (temporal, size_permille, layer_sync) = self.pattern[self.since_key_frame % self.pattern.len()];
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(u8::from(temporal == 0));
        let timestamp = self.first_timestamp.wrapping_add(low_u32(at.as_nanos() / 1_000 * 90 / 1_000));
        let mut left = self.picture_bytes(key_frame, turned, size_permille);
        // Packets of a picture differ by a byte at most, as libwebrtc makes them: no tiny last one.
        let packets = left.div_ceil(PAYLOAD_BYTES_MAX);
        for packet in 0..packets {
            let size = left.div_ceil(packets - packet);
            left -= size;
            let numbers = Picture { picture_id: self.picture_id, tl0_pic_idx: self.tl0_pic_idx };
            let head = vp8::layered_head(packet == 0, key_frame, numbers, temporal, layer_sync);
            send(MediaPacket {
                track,
                layer,
                seq: self.next_seq,
                timestamp,
                marker: packet + 1 == packets,
                payload: payload(&head, size, full_payloads),
                absent_bytes: absent_bytes(head.len(), size, full_payloads),
                level: None,
            });
            self.next_seq += 1;
        }
    }

    fn picture_bytes(&mut self, key_frame: bool, turned: bool, permille: u32) -> u32 {
        let mean = match self.page_bytes {
            None => self.mean_bytes.saturating_mul(permille) / 1000,
            Some(page) if key_frame || turned => page,
            Some(_) => self.mean_bytes / STILL_PART,
        };
        let factor = 1.0 + SIZE_SCALE * laplacian(&mut self.sizes);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between a quarter and four times the mean")]
        let drawn = (f64::from(mean) * factor.clamp(0.25, 4.0)) as u32;
        if self.page_bytes.is_some() {
            return drawn.max(PICTURE_BYTES_MIN);
        }
        if key_frame {
            let size = drawn.saturating_mul(KEY_FRAME_FACTOR);
            self.debt_bytes = self.debt_bytes.saturating_add(size.saturating_sub(mean));
            return size.max(PICTURE_BYTES_MIN);
        }
        let paid = self.debt_bytes.min(drawn / 4);
        self.debt_bytes -= paid;
        (drawn - paid).max(PICTURE_BYTES_MIN)
    }
}

/// A draw from the Laplacian of mean 0 and scale 1, by its inverse distribution function. `libm`'s logarithm is the same on every platform; the standard library's is not.
fn laplacian(draws: &mut Stream) -> f64 {
    let at = draws.below(1 << 53);
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    let uniform = (at as f64 + 0.5) / (1_u64 << 53) as f64 - 0.5;
    -libm::copysign(1.0, uniform) * libm::log(1.0 - 2.0 * libm::fabs(uniform))
}

impl Microphone {
    fn new(now: Instant, rate_bps: BitsPerSecond, seed: u64, owner: &str) -> Self {
        let mut starts = Stream::new(seed, owner, "audio/start");
        let frames_per_second = 1_000_000_000 / AUDIO_FRAME.as_nanos();
        let packet_bytes = u128::from(rate_bps) / 8 / frames_per_second;
        Self {
            packet_bytes: u32::try_from(packet_bytes).unwrap_or(PAYLOAD_BYTES_MAX).clamp(1, PAYLOAD_BYTES_MAX),
            next_packet: now,
            next_seq: starts.below(1 << 15),
            timestamp: low_u32(starts.below(1 << 32)),
            muted: false,
            speech: None,
        }
    }

    fn record(&mut self, now: Instant, stream: StreamId, full_payloads: bool, send: &mut impl FnMut(MediaPacket)) {
        while self.next_packet <= now {
            self.next_packet = self.next_packet.saturating_add(AUDIO_FRAME);
            self.timestamp = self.timestamp.wrapping_add(AUDIO_FRAME_TICKS);
            let level = self.speech.as_mut().map(|speech| speech.next(AUDIO_FRAME));
            if self.muted {
                continue;
            }
            send(MediaPacket {
                track: TrackId { stream, kind: TrackKind::Audio },
                layer: LayerId(0),
                seq: self.next_seq,
                timestamp: self.timestamp,
                marker: false,
                payload: payload(&[], self.packet_bytes, full_payloads),
                absent_bytes: absent_bytes(0, self.packet_bytes, full_payloads),
                level,
            });
            self.next_seq += 1;
        }
    }
}

/// A payload of `size` bytes that begins with `head`; or `head` alone, where the rest is only counted.
fn payload(head: &[u8], size: u32, full: bool) -> Payload {
    if !full {
        return head.into();
    }
    let mut bytes = vec![0; (size as usize).max(head.len())];
    bytes[..head.len()].copy_from_slice(head);
    bytes.into()
}

fn absent_bytes(head_bytes: usize, size: u32, full: bool) -> u32 {
    if full { 0 } else { size.saturating_sub(u32::try_from(head_bytes).unwrap_or(u32::MAX)) }
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
const fn low_u32(n: u64) -> u32 {
    n as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
const fn low_u16(n: u64) -> u16 {
    n as u16
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
const fn low_u8(n: u64) -> u8 {
    n as u8
}

#[cfg(test)]
mod tests {
    use greenroom_core::stream::TemporalLayers;

    use super::*;

    fn camera(seed: u64) -> Camera {
        let layer = |rid: &str, height, max_bps| Layer {
            rid: Rid::new(rid).unwrap(),
            width: None,
            height,
            max_bps,
            temporal_layers: TemporalLayers::ONE,
        };
        let config = scenario::Camera {
            fps: 30,
            audio_bps: 32_000,
            on_demand: false,
            layers: vec![layer("q", 180, 150_000), layer("f", 720, 1_500_000)],
        };
        Camera::new(Instant::ZERO, &config, StreamId(1), Fidelity::WebRtc, seed, "ada")
    }

    fn record(camera: &mut Camera, seconds: u64) -> Vec<MediaPacket> {
        let mut packets = Vec::new();
        while let Some(at) = camera.poll_timeout().filter(|at| *at < Instant::from_secs(seconds)) {
            camera.capture(at, |packet| packets.push(packet));
        }
        packets
    }

    #[test]
    fn each_layer_and_the_audio_keep_their_rates() {
        let packets = record(&mut camera(1), 60);
        let bps = |kind, layer| {
            let of = packets.iter().filter(|p| p.track.kind == kind && p.layer == LayerId(layer));
            of.map(|p| u64::from(p.size_bytes())).sum::<u64>() * 8 / 60
        };
        assert_eq!(bps(TrackKind::Audio, 0), 32_000);
        // The standard error of a minute's mean is 0.15 * sqrt(2 / 1800) = 0.5 %: 2 % is four of them.
        assert!(bps(TrackKind::Video, 0).abs_diff(150_000) < 3_000, "{}", bps(TrackKind::Video, 0));
        assert!(bps(TrackKind::Video, 1).abs_diff(1_500_000) < 30_000, "{}", bps(TrackKind::Video, 1));
    }

    #[test]
    fn what_nobody_wants_is_not_sent_and_comes_back_with_a_key_frame() {
        let mut camera = camera(1);
        record(&mut camera, 1);
        camera.set_needed(true, Some(LayerId(0)));
        assert!(record(&mut camera, 2).iter().all(|p| p.layer == LayerId(0)));
        camera.set_needed(true, None);
        let back = record(&mut camera, 3);
        let first = |layer| back.iter().find(|p| p.track.kind == TrackKind::Video && p.layer == LayerId(layer)).unwrap();
        let key_frame = |layer| vp8::Descriptor::parse(&first(layer).payload).unwrap().key_frame;
        assert_eq!((key_frame(0), key_frame(1)), (false, true));
        camera.set_needed(false, None);
        assert!(record(&mut camera, 4).iter().all(|p| p.track.kind == TrackKind::Audio));
    }

    #[test]
    fn temporal_layers_take_their_shares() {
        for (count, shares) in [(2, vec![600, 1000]), (3, vec![330, 660, 1000])] {
            let temporal_layers = TemporalLayers::new(count).unwrap();
            let layer = Layer { rid: Rid::new("f").unwrap(), width: None, height: 720, max_bps: 1_500_000, temporal_layers };
            let config = scenario::Camera { fps: 30, audio_bps: 0, on_demand: false, layers: vec![layer] };
            let packets = record(&mut Camera::new(Instant::ZERO, &config, StreamId(1), Fidelity::WebRtc, 1, "ada"), 60);
            for (temporal, share) in (0_u8..).zip(shares) {
                let upto = |p: &&MediaPacket| vp8::Descriptor::parse(&p.payload).unwrap().temporal_id <= Some(temporal);
                let bps = packets.iter().filter(upto).map(|p| u64::from(p.size_bytes())).sum::<u64>() * 8 / 60;
                assert!(bps.abs_diff(1_500 * share) < 30_000, "{bps} bps up to temporal layer {temporal} of {count}");
            }
        }
    }

    #[test]
    fn a_screen_stands_still_until_a_page_is_turned() {
        // Given a screen of which a page is turned every five seconds,
        let layer =
            Layer { rid: Rid::new("l").unwrap(), width: None, height: 1080, max_bps: 1_500_000, temporal_layers: TemporalLayers::ONE };
        let config = scenario::Screen { fps: 5, turn: Duration::from_secs(5), on_demand: false, layers: vec![layer] };
        let mut screen = Camera::sharing(Instant::ZERO, &config, StreamId(1), Fidelity::WebRtc, 1, "ada");
        // when it is shown for ten minutes,
        let packets = record(&mut screen, 600);
        // then pages of a second's worth each come, the first as a key frame and the others as none,
        let mut pictures: Vec<u32> = Vec::new();
        for packet in &packets {
            match pictures.last_mut() {
                Some(bytes) if !vp8::Descriptor::parse(&packet.payload).unwrap().start_of_frame => *bytes += packet.size_bytes(),
                _ => pictures.push(packet.size_bytes()),
            }
        }
        let pages: Vec<u32> = pictures.iter().copied().filter(|bytes| *bytes > 40_000).collect();
        assert!((100..=140).contains(&pages.len()), "{} pages", pages.len());
        let mean = pages.iter().sum::<u32>() / u32::try_from(pages.len()).unwrap();
        assert!(mean.abs_diff(187_500) < 10_000, "{mean} bytes a page");
        // and what flows on average is what the scenario says.
        let bps = packets.iter().map(|packet| u64::from(packet.size_bytes())).sum::<u64>() * 8 / 600;
        assert!(bps.abs_diff(config.mean_bps(1_500_000)) < 40_000, "{bps} bps where {} are expected", config.mean_bps(1_500_000));
    }

    #[test]
    fn key_frames_come_first_and_on_request_alone() {
        let mut camera = camera(1);
        let keys = |packets: &[MediaPacket], layer| {
            let starts = packets.iter().filter(|p| p.track.kind == TrackKind::Video && p.layer == LayerId(layer));
            starts.filter(|p| vp8::Descriptor::parse(&p.payload).unwrap().key_frame).count()
        };
        let packets = record(&mut camera, 2);
        assert_eq!((keys(&packets, 0), keys(&packets, 1)), (1, 1));
        camera.request_key_frame(LayerId(1));
        camera.request_key_frame(LayerId(1));
        let packets = record(&mut camera, 4);
        assert_eq!((keys(&packets, 0), keys(&packets, 1)), (0, 1));
    }

    #[test]
    fn sequence_numbers_have_no_gap_and_pictures_end_with_a_marker() {
        let packets = record(&mut camera(3), 5);
        let top: Vec<_> = packets.iter().filter(|p| p.track.kind == TrackKind::Video && p.layer == LayerId(1)).collect();
        assert!(top.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
        assert!(top.windows(2).all(|pair| pair[0].marker == (pair[0].timestamp != pair[1].timestamp)));
        assert!(top.iter().all(|p| p.size_bytes() <= PAYLOAD_BYTES_MAX && p.size_bytes() >= 7));
    }

    #[test]
    fn a_muted_camera_sends_nothing_and_comes_back_with_key_frames() {
        let mut camera = camera(1);
        record(&mut camera, 1);
        camera.set_muted(Some(true), Some(true));
        assert!(record(&mut camera, 2).is_empty());
        camera.set_muted(Some(false), Some(false));
        let back = record(&mut camera, 3);
        let first = back.iter().find(|p| p.track.kind == TrackKind::Video).unwrap();
        assert!(vp8::Descriptor::parse(&first.payload).unwrap().key_frame);
    }
}
