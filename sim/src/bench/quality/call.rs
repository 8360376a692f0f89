//! One call of the grid: a client and a server with real media transport, a line each way; windows as the client sees them, and what really became of each packet, which neither end knows.

use core::time::Duration;

use greenroom_core::{
    id::{LayerId, StreamId},
    quality::{Activity, Reading},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};

use super::{
    case::{AUDIO_BPS, AUDIO_BYTES, Case, FPS, SPAN, VIDEO_BYTES},
    screen::Screen,
    truth::Did,
};
use crate::{
    media::{End, Fidelity, Meant, MediaPacket, Observer, Peer, PeerConfig, PeerOutput, TrackId},
    net::{
        Datagram,
        network::address_of,
        pipe::{Fate, Pipe},
    },
};

/// Windows from the first datagram to the first that is judged: connections are made, and estimates settle. The line is what it is in the first phase, but loses nothing.
const SETTLING_WINDOWS: usize = 4;
/// From the last window to the end, so that what was sent in it can come.
const DRAINING: Duration = Duration::from_secs(2);
/// How often the ends report what they receive: RFC 3550 section 6.2 would have a call of this rate report several times a second; twice is enough for four reports in a window.
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// Where estimates of what a line carries begin: above what any call here needs, so that none is held back by its own beginning.
const START_BPS: BitsPerSecond = 2_500_000;
/// The share of an estimate that an encoder uses, in per cent: what is left is for headers and repairs.
const USED_PCT: u64 = 90;
const AUDIO_EVERY: Duration = Duration::from_millis(20);
/// Descriptors without extensions (RFC 7741 section 4.2): whether a picture begins here, and nothing else.
const BEGINS: [u8; 4] = [0x10, 0, 0, 0];
const GOES_ON: [u8; 4] = [0; 4];

/// One window: what the client saw in it, and what the lines did to what was sent in it. Up first.
pub(super) struct Lived {
    pub(super) seen: [Reading; 2],
    pub(super) did: [Did; 2],
}

/// The call while it goes on.
struct Call {
    now: Instant,
    /// The client, and the server.
    sides: [Side; 2],
    observer: Observer,
    screen: Screen,
    /// Whether an end has given the connection up.
    is_over: bool,
}

/// One end, and what becomes of what it sends.
struct Side {
    peer: Peer,
    source: Source,
    /// The ways to the other end: the newest is used, the others drain.
    ways: Vec<Way>,
    /// By window, from the beginning.
    did: Vec<Did>,
    /// The newest packet of sound at the other end: when it came and was made.
    newest_sound: Option<(Instant, u32)>,
}

/// A line with what travels on it, and since when.
struct Way {
    pipe: Pipe<(Instant, Datagram)>,
    delay: Duration,
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
    /// When each packet was written, by its number: of sound, and of pictures.
    written: [Vec<Instant>; 2],
}

impl Source {
    fn track(&self, kind: TrackKind) -> TrackId {
        TrackId { stream: self.stream, kind }
    }

    fn next(&self) -> Instant {
        self.next_audio.min(self.next_video)
    }

    /// Writes what is due.
    fn send(&mut self, now: Instant, peer: &mut Peer, did: &mut [Did]) {
        let mut out = Vec::new();
        let window = window_of(now);
        let mut write = |written: &mut [Vec<Instant>; 2], track: TrackId, head: &[u8], bytes: u32, timestamp: u32, marker: bool| {
            let kind = usize::from(track.kind == TrackKind::Video);
            let (seq, payload, absent_bytes) = (written[kind].len() as u64, head.into(), bytes.saturating_sub(low(head.len() as u64)));
            written[kind].push(now);
            did[window].sent[kind] += 1;
            if track.kind == TrackKind::Audio {
                did[window].sound.push(None);
            }
            let packet = MediaPacket { track, layer: LayerId(0), seq, timestamp, marker, payload, absent_bytes, level: None };
            peer.write(now, &packet, None, &mut out);
        };
        if self.next_audio <= now {
            self.next_audio = self.next_audio.saturating_add(AUDIO_EVERY);
            if !self.silent {
                let track = self.track(TrackKind::Audio);
                write(&mut self.written, track, &[0; 8], AUDIO_BYTES, low(now.as_nanos() * 48 / 1_000_000), false);
            }
        }
        if self.next_video <= now {
            self.next_video = self.next_video.saturating_add(Duration::from_nanos(1_000_000_000 / FPS));
            let track = self.track(TrackKind::Video);
            let bps = self.wanted_bps.min(self.allowed_bps);
            let mut left = if self.silent { 0 } else { u32::try_from(bps / 8 / FPS).unwrap_or(u32::MAX) };
            let mut head = BEGINS;
            while left > 0 {
                let bytes = left.min(VIDEO_BYTES);
                left -= bytes;
                write(&mut self.written, track, &head, bytes, low(now.as_nanos() * 9 / 100_000), left == 0);
                head = GOES_ON;
            }
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

#[expect(clippy::cast_possible_truncation, reason = "timestamps wrap, and calls are short")]
const fn low(number: u64) -> u32 {
    number as u32
}

/// Windows follow each other from the beginning of the call.
fn window_of(now: Instant) -> usize {
    usize::try_from(now.as_nanos() / 1_000_000_000 / SPAN.as_secs()).expect("a call is short")
}

/// Plays a call, and tells of each window of each phase. A call that an end gives up ends before the window in which it does.
pub(super) fn play(case: &Case, fidelity: Fidelity, seed: u64) -> Vec<Vec<Lived>> {
    let mut call = Call::new(case, fidelity, seed);
    let mut phases: Vec<Vec<[Reading; 2]>> = Vec::new();
    for _ in 0..SETTLING_WINDOWS {
        // What was seen while the connection was made is not judged.
        call.window();
    }
    'call: for (number, phase) in case.phases.iter().enumerate() {
        call.enter(case, seed, number);
        phases.push(Vec::new());
        for _ in 0..phase.windows {
            let window = call.window();
            if call.is_over {
                break 'call;
            }
            phases.last_mut().expect("it was pushed above").push(window);
        }
    }
    call.run(call.now.saturating_add(DRAINING));
    let [up, down] = call.sides.map(|side| side.did);
    let mut did = up.into_iter().zip(down).skip(SETTLING_WINDOWS);
    let mut lived = |seen: [Reading; 2]| {
        let (up, down) = did.next().expect("every window has its place");
        Lived { seen, did: [up, down] }
    };
    phases.into_iter().map(|windows| windows.into_iter().map(&mut lived).collect()).collect()
}

impl Call {
    /// A call that is about to connect.
    fn new(case: &Case, fidelity: Fidelity, seed: u64) -> Self {
        let now = Instant::ZERO;
        let windows = SETTLING_WINDOWS + case.phases.iter().map(|phase| phase.windows as usize).sum::<usize>() + 2;
        let mut sides = [End::Client, End::Server].map(|end| Side::new(now, case, fidelity, seed, end, windows));
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
        Self { now, sides, observer: Observer::default(), screen: Screen::default(), is_over: false }
    }

    /// A phase of the case begins.
    fn enter(&mut self, case: &Case, seed: u64, number: usize) {
        let phase = &case.phases[number];
        for (side, (line, name, silent)) in
            self.sides.iter_mut().zip([(&phase.up, "up", phase.up_muted), (&phase.down, "down", phase.down_paused)])
        {
            let link = line.link(self.now, phase.windows, case.video_bps);
            side.ways.push(Way { delay: link.delay, pipe: Pipe::new(link, seed, &format!("{name}/{number}")) });
            side.source.silent = silent;
            side.source.wanted_bps = case.video_bps.unwrap_or(0) * u64::from(phase.wanted_pct) / 100;
        }
        if phase.down_paused {
            self.screen.excuse();
        }
    }

    /// Lets a window pass, and tells what the client saw in it.
    fn window(&mut self) -> [Reading; 2] {
        self.run(self.now.saturating_add(SPAN));
        let [client, server] = &self.sides;
        if let Some(freeze) = self.screen.still(self.now) {
            self.observer.froze(server.source.track(TrackKind::Video), freeze);
        }
        let (up, down) = self.observer.close(SPAN, &client.peer, &client.source.meant(), &server.source.meant());
        [up, down]
    }

    /// Lets time pass.
    fn run(&mut self, until: Instant) {
        loop {
            for at in [0, 1] {
                self.settle(at);
            }
            let next = self.sides.iter().map(Side::due).fold(Instant::MAX, Instant::min).max(self.now);
            if next >= until {
                self.now = until;
                return;
            }
            self.now = next;
            for at in [0, 1] {
                self.arrive(at);
                let side = &mut self.sides[at];
                side.source.send(self.now, &mut side.peer, &mut side.did);
                if side.peer.poll_timeout().is_some_and(|due| due <= self.now) {
                    side.peer.handle_timeout(self.now);
                }
            }
        }
    }

    /// What has come to the end of that side's ways is handed to the other side.
    fn arrive(&mut self, from: usize) {
        let mut arrived = Vec::new();
        let Side { ways, did, .. } = &mut self.sides[from];
        for Way { pipe, delay } in ways {
            pipe.handle_timeout(self.now);
            while let Some((at, fate)) = pipe.poll_output() {
                if let Fate::Arrived((sent, datagram)) = fate {
                    did[window_of(sent)].arrived(at.saturating_since(sent).saturating_sub(*delay));
                    arrived.push(datagram);
                }
            }
        }
        for datagram in arrived {
            let _modelled = self.sides[1 - from].peer.handle_datagram(self.now, &datagram);
            self.settle(1 - from);
        }
    }

    /// Takes everything a side has to say.
    fn settle(&mut self, at: usize) {
        self.sides[at].peer.flush(self.now);
        while let Some(output) = self.sides[at].peer.poll_output() {
            match output {
                PeerOutput::Datagram(datagram) => {
                    let bytes = u32::try_from(datagram.payload.len()).unwrap_or(u32::MAX).saturating_add(datagram.absent_bytes);
                    let way = self.sides[at].ways.last_mut().expect("there is one from the beginning");
                    way.pipe.send(self.now, bytes, 0, (self.now, datagram));
                }
                PeerOutput::Packet(packet) => {
                    self.sides[1 - at].came(self.now, &packet);
                    if at == 0 {
                        self.see(&packet);
                    }
                }
                PeerOutput::Estimate { bps } => {
                    self.sides[at].source.allowed_bps = (bps * USED_PCT / 100).saturating_sub(AUDIO_BPS);
                }
                PeerOutput::Disconnected => self.is_over = true,
                PeerOutput::Connected | PeerOutput::Delay { .. } | PeerOutput::KeyFrameRequested { .. } => {}
            }
        }
    }

    /// The client got a packet.
    fn see(&mut self, packet: &MediaPacket) {
        self.observer.received(self.now, packet);
        if packet.track.kind == TrackKind::Video {
            let begins = packet.payload.first() == BEGINS.first();
            if let Some(freeze) = self.screen.came(self.now, packet.seq, packet.timestamp, begins, packet.marker) {
                self.observer.froze(packet.track, freeze);
            }
        }
    }
}

impl Side {
    fn new(now: Instant, case: &Case, fidelity: Fidelity, seed: u64, end: End, windows: usize) -> Self {
        let first = &case.phases[0];
        let (line, name, number) = if end == End::Client { (&first.up, "up", 1_u16) } else { (&first.down, "down", 2) };
        let config = PeerConfig {
            fidelity,
            local: address_of(number),
            end,
            estimate_from: case.video_bps.map(|_| START_BPS),
            report_every: Some(REPORT_EVERY),
            estimate_every: None,
            seed: seed.wrapping_mul(2).wrapping_add(number.into()),
        };
        let mut peer = Peer::new(now, config);
        let wanted_bps = case.video_bps.unwrap_or(0);
        if let Some(bps) = case.video_bps {
            peer.set_bandwidth(now, 0, bps + AUDIO_BPS);
        }
        let source = Source {
            stream: StreamId(number.into()),
            video_bps: case.video_bps,
            wanted_bps,
            allowed_bps: wanted_bps,
            silent: false,
            next_audio: now,
            next_video: if case.video_bps.is_some() { now } else { Instant::MAX },
            written: [Vec::new(), Vec::new()],
        };
        let settling = line.settling().link(now, 0, case.video_bps);
        let way = Way { delay: settling.delay, pipe: Pipe::new(settling, seed, &format!("{name}/settling")) };
        Self { peer, source, ways: vec![way], did: vec![Did::default(); windows], newest_sound: None }
    }

    /// When something is to be done for it.
    fn due(&self) -> Instant {
        let ways = self.ways.iter().filter_map(|way| way.pipe.poll_timeout());
        ways.chain(self.peer.poll_timeout()).fold(self.source.next(), Instant::min)
    }

    /// A packet of its came to the other end.
    fn came(&mut self, now: Instant, packet: &MediaPacket) {
        let kind = usize::from(packet.track.kind == TrackKind::Video);
        let written = &self.source.written[kind];
        let seq = usize::try_from(packet.seq).ok().filter(|seq| *seq < written.len()).expect("nobody else makes packets");
        let window = window_of(written[seq]);
        let did = &mut self.did[window];
        did.came[kind] += 1;
        did.bits += u64::from(packet.size_bytes()) * 8;
        if packet.track.kind == TrackKind::Audio {
            let first = written.partition_point(|at| window_of(*at) < window);
            did.sound[seq - first] = Some(now.saturating_since(written[seq]));
        }
        if packet.track.kind == TrackKind::Audio
            && let Some((at, timestamp)) = self.newest_sound.replace((now, packet.timestamp))
        {
            // RFC 3550 section 6.4.1: the difference of what lies between two packets where they come and where they were made.
            let made_ns = i64::from(packet.timestamp.wrapping_sub(timestamp).cast_signed()) * 1_000_000 / 48;
            let apart_ns = i64::try_from(now.saturating_since(at).as_nanos()).unwrap_or(i64::MAX);
            did.deviations_ns += apart_ns.abs_diff(made_ns);
            did.deviations += 1;
        }
    }
}
