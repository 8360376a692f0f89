//! One call of the grid: a client and a server with real media transport, a line each way, and windows as the client sees them.

use core::{net::SocketAddrV4, time::Duration};

use greenroom_core::{
    id::{LayerId, StreamId},
    quality::{Activity, Reading},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};

use super::case::{AUDIO_BPS, AUDIO_BYTES, Case, FPS, VIDEO_BYTES};
use crate::{
    media::{End, Fidelity, Meant, MediaPacket, Observer, Peer, PeerConfig, PeerOutput, TrackId},
    net::{
        Datagram,
        network::address_of,
        pipe::{Fate, Pipe},
    },
};

/// A window of every scorer.
pub(super) const SPAN: Duration = Duration::from_secs(2);
/// From the first datagram to the first window: connections are made, and estimates settle. The line is what it is in the first phase, but loses nothing.
const SETTLING: Duration = Duration::from_secs(8);
/// How often the ends report what they receive: RFC 3550 section 6.2 would have a call of this rate report several times a second; twice is enough for four reports in a window.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// Where estimates of what a line carries begin: above what any call here needs, so that none is held back by its own beginning.
const START_BPS: BitsPerSecond = 2_500_000;
/// The share of an estimate that an encoder uses, in per cent: what is left is for headers and repairs.
const USED_PCT: u64 = 90;
const AUDIO_EVERY: Duration = Duration::from_millis(20);

/// What the client saw in one window, up first.
pub(super) type Seen = (Reading, Reading);

/// One end.
struct Side {
    peer: Peer,
    source: Source,
    /// The ways to the other end: the newest is used, the others drain.
    ways: Vec<Pipe<Datagram>>,
}

/// What an end publishes.
struct Source {
    stream: StreamId,
    video_bps: Option<BitsPerSecond>,
    /// What the encoder has use for, and what it may use.
    wanted_bps: BitsPerSecond,
    allowed_bps: BitsPerSecond,
    silent: bool,
    next_audio: Instant,
    next_video: Instant,
    audio_count: u32,
    video_seq: u64,
    pictures: u32,
}

impl Source {
    fn track(&self, kind: TrackKind) -> TrackId {
        TrackId { stream: self.stream, kind }
    }

    fn next(&self) -> Instant {
        self.next_audio.min(self.next_video)
    }

    fn send(&mut self, now: Instant, peer: &mut Peer) {
        let mut out = Vec::new();
        let mut write = |packet: &MediaPacket| {
            peer.write(now, packet, None, &mut out);
        };
        if self.next_audio <= now {
            self.next_audio = self.next_audio.saturating_add(AUDIO_EVERY);
            if !self.silent {
                write(&MediaPacket {
                    track: self.track(TrackKind::Audio),
                    layer: LayerId(0),
                    seq: u64::from(self.audio_count),
                    timestamp: low(now.as_nanos() * 48 / 1_000_000),
                    marker: false,
                    payload: [0; 8].as_slice().into(),
                    absent_bytes: AUDIO_BYTES - 8,
                });
                self.audio_count += 1;
            }
        }
        if self.next_video <= now {
            self.next_video = self.next_video.saturating_add(Duration::from_nanos(1_000_000_000 / FPS));
            let bps = self.wanted_bps.min(self.allowed_bps);
            let mut left = u32::try_from(bps / 8 / FPS).unwrap_or(u32::MAX);
            let timestamp = low(now.as_nanos() * 9 / 100_000);
            while left > 0 && !self.silent {
                let bytes = left.min(VIDEO_BYTES);
                left -= bytes;
                // A descriptor without extensions (RFC 7741 section 4.2): whether a picture begins here, and nothing else.
                let payload = [0x10, 0, 0, 0].as_slice().into();
                let track = self.track(TrackKind::Video);
                let (seq, marker, absent_bytes) = (self.video_seq, left == 0, bytes.saturating_sub(4));
                write(&MediaPacket { track, layer: LayerId(0), seq, timestamp, marker, payload, absent_bytes });
                self.video_seq += 1;
            }
            self.pictures += 1;
        }
    }

    /// What is meant to flow of it.
    fn meant(&self) -> Vec<Meant> {
        let active = if self.silent { Duration::ZERO } else { SPAN };
        let audio = Meant { track: self.track(TrackKind::Audio), activity: Activity { target_bps: AUDIO_BPS, active } };
        let video = self
            .video_bps
            .map(|_| Meant { track: self.track(TrackKind::Video), activity: Activity { target_bps: self.wanted_bps, active } });
        [Some(audio), video].into_iter().flatten().collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
const fn low(ticks: u64) -> u32 {
    ticks as u32
}

/// Plays a call, and tells what the client saw in each window of each phase.
pub(super) fn play(case: &Case, fidelity: Fidelity, seed: u64) -> Vec<Vec<Seen>> {
    let mut now = Instant::ZERO;
    let addresses = [address_of(1), address_of(2)];
    let mut sides = [End::Client, End::Server].map(|end| side(now, case, fidelity, seed, end, addresses[usize::from(end == End::Server)]));
    let mut descriptions = sides.each_mut().map(|side| side.peer.description());
    descriptions.reverse();
    for (at, description) in descriptions.iter().enumerate() {
        sides[at].peer.set_remote(now, description).expect("each is told what the other one says");
        let other = sides[1 - at].source.stream;
        for kind in [TrackKind::Audio, TrackKind::Video] {
            let stream = sides[at].source.stream;
            if kind == TrackKind::Audio || case.video_bps.is_some() {
                sides[at].peer.send_track(now, TrackId { stream, kind }, &[]);
                sides[at].peer.receive_track(now, TrackId { stream: other, kind }, &[]);
            }
        }
        sides[at].peer.flush(now);
    }

    let mut observer = Observer::default();
    let mut lived = Vec::new();
    let mut until = now.saturating_add(SETTLING);
    run(&mut sides, &mut observer, &mut now, until);
    // What was seen while the connection was made is no window.
    let [client, server] = &sides;
    observer.close(SPAN, &client.peer, &client.source.meant(), &server.source.meant());
    for (number, phase) in case.phases.iter().enumerate() {
        let lines = [&phase.up, &phase.down];
        for (at, side) in sides.iter_mut().enumerate() {
            let name = format!("{}/{number}", if at == 0 { "up" } else { "down" });
            side.ways.push(Pipe::new(lines[at].link(now, case.video_bps), seed, &name));
            side.source.silent = if at == 0 { phase.up_muted } else { phase.down_paused };
            side.source.wanted_bps = case.video_bps.unwrap_or(0) * u64::from(phase.wanted_pct) / 100;
        }
        let mut windows = Vec::new();
        for _ in 0..phase.windows {
            until = until.saturating_add(SPAN);
            run(&mut sides, &mut observer, &mut now, until);
            let [client, server] = &sides;
            windows.push(observer.close(SPAN, &client.peer, &client.source.meant(), &server.source.meant()));
        }
        lived.push(windows);
    }
    lived
}

fn side(now: Instant, case: &Case, fidelity: Fidelity, seed: u64, end: End, local: SocketAddrV4) -> Side {
    let first = &case.phases[0];
    let (line, name, number) = if end == End::Client { (&first.up, "up", 1_u32) } else { (&first.down, "down", 2) };
    let settling = super::case::Line { loss: crate::net::loss::Loss::None, capacity_pct: None, gap_ms: 0, ..*line };
    let config = PeerConfig {
        fidelity,
        local,
        end,
        estimate_from: case.video_bps.map(|_| START_BPS),
        report_every: Some(REPORT_EVERY),
        seed: seed.wrapping_mul(2).wrapping_add(number.into()),
    };
    let mut peer = Peer::new(now, config);
    let wanted_bps = case.video_bps.unwrap_or(0);
    if let Some(bps) = case.video_bps {
        peer.set_bandwidth(now, 0, bps + AUDIO_BPS);
    }
    let source = Source {
        stream: StreamId(number),
        video_bps: case.video_bps,
        wanted_bps,
        allowed_bps: wanted_bps,
        silent: false,
        next_audio: now,
        next_video: if case.video_bps.is_some() { now } else { Instant::MAX },
        audio_count: 0,
        video_seq: 0,
        pictures: 0,
    };
    Side { peer, source, ways: vec![Pipe::new(settling.link(now, case.video_bps), seed, &format!("{name}/settling"))] }
}

/// Lets time pass.
fn run(sides: &mut [Side; 2], observer: &mut Observer, now: &mut Instant, until: Instant) {
    loop {
        for at in [0, 1] {
            settle(sides, observer, *now, at);
        }
        let due = |side: &Side| {
            let ways = side.ways.iter().filter_map(Pipe::poll_timeout);
            ways.chain(side.peer.poll_timeout()).fold(side.source.next(), Instant::min)
        };
        let next = due(&sides[0]).min(due(&sides[1])).max(*now);
        if next > until {
            *now = until;
            return;
        }
        *now = next;
        for at in [0, 1] {
            arrive(sides, observer, *now, at);
            let side = &mut sides[at];
            side.source.send(*now, &mut side.peer);
            if side.peer.poll_timeout().is_some_and(|due| due <= *now) {
                side.peer.handle_timeout(*now);
            }
        }
    }
}

/// What has come to the end of that side's ways is handed to the other side.
fn arrive(sides: &mut [Side; 2], observer: &mut Observer, now: Instant, from: usize) {
    let mut arrived = Vec::new();
    for way in &mut sides[from].ways {
        way.handle_timeout(now);
        while let Some((_, fate)) = way.poll_output() {
            if let Fate::Arrived(datagram) = fate {
                arrived.push(datagram);
            }
        }
    }
    for datagram in arrived {
        let _modelled = sides[1 - from].peer.handle_datagram(now, &datagram);
        settle(sides, observer, now, 1 - from);
    }
}

/// Takes everything a side has to say.
fn settle(sides: &mut [Side; 2], observer: &mut Observer, now: Instant, at: usize) {
    let side = &mut sides[at];
    side.peer.flush(now);
    while let Some(output) = side.peer.poll_output() {
        match output {
            PeerOutput::Datagram(datagram) => {
                let bytes = u32::try_from(datagram.payload.len()).unwrap_or(u32::MAX).saturating_add(datagram.absent_bytes);
                side.ways.last_mut().expect("there is one from the beginning").send(now, bytes, 0, datagram);
            }
            PeerOutput::Packet(packet) if at == 0 => observer.received(now, &packet),
            PeerOutput::Estimate { bps } => {
                side.source.allowed_bps = (bps * USED_PCT / 100).saturating_sub(AUDIO_BPS);
            }
            PeerOutput::Packet(_) | PeerOutput::Connected | PeerOutput::KeyFrameRequested { .. } | PeerOutput::Disconnected => {}
        }
    }
}
