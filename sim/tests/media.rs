//! Two peers over a wire: the stories that every fidelity of media must tell, and what each promises of its own.

#![allow(clippy::cast_possible_truncation)] // counters fold into bytes on purpose here

use core::{hash::Hasher, net::SocketAddrV4, time::Duration};
use std::{
    collections::{BTreeMap, HashSet},
    thread,
};

use greenroom_core::{
    id::{LayerId, Rid, StreamId},
    stream::TrackKind,
    time::Instant,
};
use greenroom_sim::{
    entropy::{self, isolated},
    media::{End, Fidelity, MediaError, MediaPacket, Peer, PeerConfig, PeerOutput, TrackId, Vp8Rewrite},
    net::Datagram,
};
use xxhash_rust::xxh3::Xxh3;

const STACK_BYTES: usize = 4 << 20;
const CLIENT: usize = 0;
const SERVER: usize = 1;
const VIDEO: TrackId = TrackId { stream: StreamId(7), kind: TrackKind::Video };
const AUDIO: TrackId = TrackId { stream: StreamId(7), kind: TrackKind::Audio };
/// 30 pictures a second.
const PICTURE: Duration = Duration::from_nanos(33_333_333);
/// Bytes of one picture of each layer: 150, 500 and 1500 kbps.
const PICTURE_BYTES: [u32; 3] = [625, 2083, 6250];

/// A client and a server, and the network between them.
struct Pair {
    now: Instant,
    peers: [Peer; 2],
    delay: Duration,
    /// A bottleneck from the server to the client.
    downlink: Option<Bottleneck>,
    /// Whether nothing gets through.
    cut: bool,
    flying: BTreeMap<(Instant, u64), (usize, Datagram)>,
    sent: u64,
    /// Size of every datagram that each end sent.
    sizes_bytes: [Vec<u32>; 2],
    /// What each end said, but for datagrams.
    said: [Vec<(Instant, PeerOutput)>; 2],
    hash: Xxh3,
}

/// A rate, and a drop-tail queue before it.
struct Bottleneck {
    rate_bps: u64,
    queue_bytes: u64,
    free_at: Instant,
}

impl Bottleneck {
    fn new(rate_bps: u64) -> Self {
        Self { rate_bps, queue_bytes: 60_000, free_at: Instant::ZERO }
    }

    fn offer(&mut self, now: Instant, size_bytes: u32) -> Option<Instant> {
        let begin = self.free_at.max(now);
        let nanos = |bytes: u64| bytes * 8_000_000_000 / self.rate_bps;
        if begin.saturating_since(now) > Duration::from_nanos(nanos(self.queue_bytes)) {
            return None;
        }
        self.free_at = begin.saturating_add(Duration::from_nanos(nanos(u64::from(size_bytes) + 28)));
        Some(self.free_at)
    }
}

fn config(fidelity: Fidelity, end: End, seed: u64) -> PeerConfig {
    let (local, estimate_from) = match end {
        End::Client => (SocketAddrV4::new([10, 0, 0, 2].into(), 5000), None),
        End::Server => (SocketAddrV4::new([10, 0, 0, 1].into(), 5000), Some(300_000)),
    };
    PeerConfig { fidelity, local, end, estimate_from, report_every: None, estimate_every: None, seed }
}

impl Pair {
    fn new(fidelity: Fidelity, seed: u64) -> Self {
        let now = Instant::from_millis(5);
        let mut peers = [(End::Client, 1), (End::Server, 2)].map(|(end, n)| Peer::new(now, config(fidelity, end, seed * 10 + n)));
        let [of_client, of_server] = [CLIENT, SERVER].map(|end| peers[end].description());
        peers[CLIENT].set_remote(now, &of_server).unwrap();
        peers[SERVER].set_remote(now, &of_client).unwrap();
        let mut pair = Self {
            now,
            peers,
            delay: Duration::from_millis(10),
            downlink: None,
            cut: false,
            flying: BTreeMap::new(),
            sent: 0,
            sizes_bytes: [vec![], vec![]],
            said: [vec![], vec![]],
            hash: Xxh3::new(),
        };
        pair.flush(CLIENT);
        pair.flush(SERVER);
        pair
    }

    fn connected(fidelity: Fidelity, seed: u64) -> Self {
        let mut pair = Self::new(fidelity, seed);
        pair.run_for(Duration::from_secs(1));
        assert!(pair.peers.iter().all(Peer::is_connected), "{fidelity}: not connected within a second");
        pair
    }

    /// Begins a track from one end to the other.
    fn begin(&mut self, from: usize, track: TrackId, rids: &[&str]) {
        let rids: Vec<_> = rids.iter().map(|rid| Rid::new(rid).unwrap()).collect();
        self.peers[1 - from].receive_track(self.now, track, &rids);
        self.peers[from].send_track(self.now, track, &rids);
        self.flush(CLIENT);
        self.flush(SERVER);
    }

    fn write(&mut self, from: usize, packet: &MediaPacket) {
        self.write_rewritten(from, packet, None);
    }

    fn write_rewritten(&mut self, from: usize, packet: &MediaPacket, rewrite: Option<Vp8Rewrite>) {
        let mut sent = Vec::new();
        self.peers[from].write(self.now, packet, rewrite, &mut sent);
        for datagram in sent {
            self.carry(from, datagram);
        }
    }

    fn flush(&mut self, end: usize) {
        self.peers[end].flush(self.now);
        self.collect(end);
    }

    fn collect(&mut self, end: usize) {
        while let Some(output) = self.peers[end].poll_output() {
            match output {
                PeerOutput::Datagram(datagram) => self.carry(end, datagram),
                output => self.said[end].push((self.now, output)),
            }
        }
    }

    fn carry(&mut self, end: usize, datagram: Datagram) {
        self.hash.write_u64(self.now.as_nanos());
        self.hash.write(&datagram.payload);
        self.hash.write_u32(datagram.absent_bytes);
        self.sizes_bytes[end].push(datagram.size_bytes());
        let mut arrival = Some(self.now);
        if let (SERVER, Some(downlink)) = (end, &mut self.downlink) {
            arrival = downlink.offer(self.now, datagram.size_bytes());
        }
        if let (Some(arrival), false) = (arrival, self.cut) {
            self.sent += 1;
            self.flying.insert((arrival.saturating_add(self.delay), self.sent), (1 - end, datagram));
        }
    }

    /// Hands a datagram to the peer at its other end, and keeps the packet that came with it.
    fn hand(&mut self, to: usize, datagram: &Datagram) {
        if let Some(packet) = self.peers[to].handle_datagram(self.now, datagram) {
            self.said[to].push((self.now, PeerOutput::Packet(packet.to_owned())));
        }
    }

    fn run_for(&mut self, span: Duration) {
        self.run_until(self.now.saturating_add(span));
    }

    fn run_until(&mut self, end: Instant) {
        loop {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timers = [CLIENT, SERVER].map(|at| self.peers[at].poll_timeout());
            let next = timers.into_iter().flatten().chain(arrival).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for (at, timer) in timers.into_iter().enumerate() {
                if timer.is_some_and(|timer| timer <= self.now) {
                    self.peers[at].handle_timeout(self.now);
                    self.collect(at);
                    assert!(self.peers[at].poll_timeout().is_none_or(|timer| timer > self.now), "a busy loop");
                }
            }
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (to, datagram) = entry.remove();
                self.hand(to, &datagram);
                self.collect(to);
            }
        }
        self.now = end;
    }

    fn packets(&self, end: usize) -> impl Iterator<Item = (Instant, &MediaPacket)> {
        self.said[end].iter().filter_map(|(at, output)| if let PeerOutput::Packet(packet) = output { Some((*at, packet)) } else { None })
    }

    fn estimates(&self, end: usize) -> impl DoubleEndedIterator<Item = (Instant, u64)> {
        self.said[end].iter().filter_map(|(at, output)| if let PeerOutput::Estimate { bps } = output { Some((*at, *bps)) } else { None })
    }

    /// The estimate that `end` had at `at`.
    fn estimate_at(&self, end: usize, at: Instant) -> u64 {
        self.estimates(end).rfind(|(then, _)| *then <= at).map_or(0, |(_, bps)| bps)
    }
}

/// A picture's packets: as many as its size needs, the head of each saying what it is.
#[derive(Default)]
struct Camera {
    pictures: u32,
    next_seq: [u64; 3],
}

impl Camera {
    fn picture(&mut self, track: TrackId, layers: usize) -> Vec<MediaPacket> {
        self.pictures += 1;
        let mut packets = vec![];
        for (layer, mut left) in PICTURE_BYTES.into_iter().take(layers).enumerate() {
            while left > 0 {
                let size_bytes = left.min(1100);
                left -= size_bytes;
                let mut payload = vec![0x90, 0xE0, 0x80 | (self.pictures >> 8) as u8 & 0x7F, self.pictures as u8, 1, 0, layer as u8]; // RFC 7741: X S, I L T, 15-bit picture id, TL0PICIDX, TID
                payload.resize(size_bytes.max(20) as usize, self.pictures as u8);
                packets.push(MediaPacket {
                    track,
                    layer: LayerId(layer as u8),
                    seq: self.next_seq[layer] + 100,
                    timestamp: self.pictures * 3000,
                    marker: left == 0,
                    payload: payload.into(),
                    absent_bytes: 0,
                    level: None,
                });
                self.next_seq[layer] += 1;
            }
        }
        packets
    }

    /// Films for so long, `layers` of them.
    fn film(&mut self, pair: &mut Pair, from: usize, layers: usize, span: Duration) {
        let end = pair.now.saturating_add(span);
        while pair.now < end {
            for packet in self.picture(VIDEO, layers) {
                pair.write(from, &packet);
            }
            pair.flush(from);
            pair.run_for(PICTURE);
        }
    }
}

fn simulated<T: Send>(story: impl FnOnce() -> T + Send) -> T {
    isolated(1, STACK_BYTES, story)
}

/// Tells a story once for each fidelity.
fn each(story: impl Fn(Fidelity) + Sync) {
    for fidelity in Fidelity::ALL {
        simulated(|| story(fidelity));
    }
}

const LADDER: [&str; 3] = ["q", "h", "f"];

#[test]
fn each_layer_arrives_as_it_was_sent() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, VIDEO, &LADDER);
        let mut camera = Camera::default();
        let mut sent = vec![];
        for _ in 0..60 {
            let picture = camera.picture(VIDEO, 3);
            for packet in &picture {
                pair.write(CLIENT, packet);
            }
            sent.extend(picture);
            pair.flush(CLIENT);
            pair.run_for(PICTURE);
        }
        pair.run_for(Duration::from_millis(100));
        let tell =
            |packet: &MediaPacket| (packet.layer, packet.seq, packet.timestamp, packet.marker, packet.payload.clone(), packet.absent_bytes);
        let mut sent: Vec<_> = sent.iter().map(tell).collect();
        let mut received: Vec<_> = pair.packets(SERVER).map(|(_, packet)| tell(packet)).collect();
        sent.sort();
        received.sort();
        assert_eq!(received.len(), 60 * 9, "{fidelity}");
        assert!(sent == received, "{fidelity}: packets changed on the way");
        assert!(pair.packets(SERVER).all(|(_, packet)| packet.track == VIDEO), "{fidelity}");
    });
}

#[test]
fn audio_arrives_beside_video_and_at_once() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, AUDIO, &[]);
        pair.begin(CLIENT, VIDEO, &LADDER);
        let mut camera = Camera::default();
        for n in 0..50 {
            let payload = vec![n as u8; 80].into();
            let packet = MediaPacket {
                track: AUDIO,
                layer: LayerId(0),
                seq: n,
                timestamp: n as u32 * 960,
                marker: false,
                payload,
                absent_bytes: 0,
                level: None,
            };
            pair.write(CLIENT, &packet);
            for packet in camera.picture(VIDEO, 3) {
                pair.write(CLIENT, &packet);
            }
            pair.flush(CLIENT);
            let sent_at = pair.now;
            pair.run_for(Duration::from_millis(20));
            let (at, heard) =
                pair.packets(SERVER).filter(|(_, packet)| packet.track == AUDIO).last().unwrap_or_else(|| panic!("{fidelity}: no audio"));
            assert_eq!((heard.seq, heard.timestamp, heard.payload[0]), (n, n as u32 * 960, n as u8), "{fidelity}");
            assert!(at.saturating_since(sent_at) <= Duration::from_millis(11), "{fidelity}: audio took {:?}", at.saturating_since(sent_at));
        }
    });
}

#[test]
fn a_key_frame_request_names_the_layer() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, VIDEO, &LADDER);
        Camera::default().film(&mut pair, CLIENT, 3, Duration::from_secs(1));
        for layer in [2, 0, 1].map(LayerId) {
            pair.said[CLIENT].clear();
            pair.peers[SERVER].request_key_frame(pair.now, VIDEO, layer);
            pair.flush(SERVER);
            pair.run_for(Duration::from_millis(50));
            let asked: Vec<_> = pair.said[CLIENT]
                .iter()
                .filter_map(
                    |(_, output)| {
                        if let PeerOutput::KeyFrameRequested { track, layer } = output { Some((*track, *layer)) } else { None }
                    },
                )
                .collect();
            assert_eq!(asked, [(VIDEO, layer)], "{fidelity}");
        }
    });
}

#[test]
fn a_rewritten_packet_shows_its_new_ids_and_nothing_else_new() {
    let long = Camera::default().picture(VIDEO, 1).remove(0);
    let mut short_head = vec![0x90, 0xE0, 0x05, 1, 0]; // RFC 7741: X S, I L T, 7-bit picture id, TL0PICIDX, TID
    short_head.resize(100, 9);
    let short = MediaPacket { seq: long.seq + 1, payload: short_head.into(), ..long.clone() };
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(SERVER, VIDEO, &[]);
        for packet in [&long, &short] {
            pair.write_rewritten(SERVER, packet, Some(Vp8Rewrite { picture_id: 0x1234, tl0_pic_idx: 77 }));
            pair.flush(SERVER);
        }
        pair.run_for(Duration::from_millis(50));
        let received: Vec<_> = pair.packets(CLIENT).map(|(_, packet)| packet.payload.to_vec()).collect();
        let mut expected = [long.payload.to_vec(), short.payload.to_vec()];
        expected[0][2..5].copy_from_slice(&[0x92, 0x34, 77]);
        expected[1][2..4].copy_from_slice(&[0x34, 77]);
        assert_eq!(received, expected, "{fidelity}");
    });
}

#[test]
fn a_sequence_that_began_high_is_told_by_its_lower_bits() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(SERVER, VIDEO, &[]);
        let mut packet = Camera::default().picture(VIDEO, 1).remove(0);
        for seq in [(5 << 16) - 2, (5 << 16) - 1, 5 << 16, (5 << 16) + 1] {
            packet.seq = seq;
            pair.write(SERVER, &packet);
            pair.flush(SERVER);
            pair.run_for(PICTURE);
        }
        let received: Vec<_> = pair.packets(CLIENT).map(|(_, packet)| packet.seq).collect();
        assert_eq!(received.iter().map(|seq| seq & 0xFFFF).collect::<Vec<_>>(), [65534, 65535, 0, 1], "{fidelity}");
        assert!(received.is_sorted(), "{fidelity}");
    });
}

#[test]
fn a_track_that_starts_again_may_count_again() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        for life in 0..3 {
            pair.begin(CLIENT, VIDEO, &LADDER);
            pair.said[SERVER].clear();
            Camera::default().film(&mut pair, CLIENT, 3, Duration::from_secs(3));
            pair.run_for(Duration::from_millis(50));
            let lowest = pair.packets(SERVER).filter(|(_, packet)| packet.layer == LayerId(0)).count();
            assert_eq!(lowest, 91, "{fidelity}: packets of the lowest layer in life {life}");
            pair.peers[CLIENT].stop_track(pair.now, VIDEO);
            pair.peers[SERVER].stop_track(pair.now, VIDEO);
            pair.flush(CLIENT);
            pair.flush(SERVER);
            pair.run_for(Duration::from_millis(500));
        }
    });
}

#[test]
fn what_cannot_be_sent_is_counted() {
    each(|fidelity| {
        let mut camera = Camera::default();
        let packet = camera.picture(VIDEO, 1).remove(0);
        let mut early = Pair::new(fidelity, 1);
        early.begin(CLIENT, VIDEO, &LADDER);
        early.write(CLIENT, &packet);
        assert_eq!(early.peers[CLIENT].counters().unsent_packets, 1, "{fidelity}: not connected");

        let mut pair = Pair::connected(fidelity, 1);
        pair.write(CLIENT, &packet);
        assert_eq!(pair.peers[CLIENT].counters().unsent_packets, 1, "{fidelity}: not a track of ours");
        pair.begin(CLIENT, VIDEO, &LADDER);
        pair.write(CLIENT, &MediaPacket { layer: LayerId(3), ..packet.clone() });
        assert_eq!(pair.peers[CLIENT].counters().unsent_packets, 2, "{fidelity}: no such layer");
        pair.write(CLIENT, &MediaPacket { absent_bytes: 5000, ..packet });
        assert_eq!(pair.peers[CLIENT].counters().unsent_packets, 3, "{fidelity}: too large for a datagram");
    });
}

#[test]
fn lost_video_is_repaired() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, VIDEO, &LADDER);
        let mut camera = Camera::default();
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(1));
        for _ in 0..30 {
            // The fourth packet of a picture, one of the highest layer, is lost.
            for (at, packet) in camera.picture(VIDEO, 3).iter().enumerate() {
                pair.cut = at == 3;
                pair.write(CLIENT, packet);
                pair.flush(CLIENT);
            }
            pair.run_for(PICTURE);
        }
        pair.run_for(Duration::from_millis(300));
        let mut highest: Vec<_> =
            pair.packets(SERVER).filter(|(_, packet)| packet.layer == LayerId(2)).map(|(_, packet)| packet.seq).collect();
        let arrived_in_order = highest.is_sorted();
        highest.sort_unstable();
        assert!(!arrived_in_order, "{fidelity}: nothing was lost");
        assert_eq!(highest, (100..100 + camera.next_seq[2]).collect::<Vec<_>>(), "{fidelity}: each packet once");
    });
}

#[test]
fn an_estimate_appears_and_grows_to_what_the_link_carries() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.downlink = Some(Bottleneck::new(2_500_000));
        pair.begin(SERVER, VIDEO, &[]);
        pair.peers[SERVER].set_bandwidth(pair.now, 0, 2_500_000);
        let begun = pair.now;
        let mut camera = Forwarded { layer: 2, ..Forwarded::default() };
        camera.film(&mut pair, Duration::from_secs(12));
        let estimates: Vec<_> = (1..=12).map(|s| pair.estimate_at(SERVER, begun.saturating_add(Duration::from_secs(s))) / 1000).collect();
        assert!(estimates[4..].iter().all(|kbps| (1200..=2800).contains(kbps)), "{fidelity}: {estimates:?} kbps");
    });
}

/// What a server forwards: one layer as one encoding, chosen by the estimate if `adaptive`.
#[derive(Default)]
struct Forwarded {
    camera: Camera,
    layer: usize,
    adaptive: bool,
    seq: u64,
}

impl Forwarded {
    fn film(&mut self, pair: &mut Pair, span: Duration) {
        let end = pair.now.saturating_add(span);
        while pair.now < end {
            if self.adaptive {
                let kbps = pair.estimate_at(SERVER, pair.now) / 1000;
                let layer = [550, 1600].iter().filter(|needed| kbps >= **needed).count();
                if self.layer != layer {
                    // Padding up to what the next layer needs: without it, an estimator that sees 500 kbps go out will not believe in more than half again as much.
                    pair.peers[SERVER].set_bandwidth(pair.now, [550_000, 1_600_000, 1_600_000][layer], 2_500_000);
                    self.layer = layer;
                }
            }
            for mut packet in self.camera.picture(VIDEO, 3).into_iter().filter(|packet| usize::from(packet.layer.0) == self.layer) {
                packet.layer = LayerId(0);
                packet.seq = self.seq;
                self.seq += 1;
                pair.write(SERVER, &packet);
            }
            pair.flush(SERVER);
            pair.run_for(PICTURE);
        }
    }
}

/// 2500, then 600, then 2500 kbps: what the estimate is at each second of it.
fn capacity_step(fidelity: Fidelity, adaptive: bool) -> Vec<u64> {
    simulated(|| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.downlink = Some(Bottleneck::new(2_500_000));
        pair.begin(SERVER, VIDEO, &[]);
        pair.peers[SERVER].set_bandwidth(pair.now, 500_000, 2_500_000);
        let mut forwarded = Forwarded { layer: 2, adaptive, ..Forwarded::default() };
        let mut estimates_kbps = vec![];
        for second in 0..30 {
            pair.downlink.as_mut().unwrap().rate_bps = if (10..20).contains(&second) { 600_000 } else { 2_500_000 };
            forwarded.film(&mut pair, Duration::from_secs(1));
            estimates_kbps.push(pair.estimate_at(SERVER, pair.now) / 1000);
        }
        estimates_kbps
    })
}

#[test]
fn a_model_estimate_follows_the_link_down_within_one_second_and_up_within_three() {
    for adaptive in [true, false] {
        let estimates_kbps = capacity_step(Fidelity::Model, adaptive);
        assert!(estimates_kbps[9] > 2000, "before: {estimates_kbps:?}");
        assert!(estimates_kbps[10..20].iter().all(|kbps| *kbps < 700), "during: {estimates_kbps:?}");
        assert!(estimates_kbps[10..20].iter().all(|kbps| *kbps > 350), "during: {estimates_kbps:?}");
        assert!(estimates_kbps[22..].iter().all(|kbps| *kbps > 2000), "after: {estimates_kbps:?}");
    }
}

#[test]
fn a_real_estimate_follows_the_link_too() {
    let estimates_kbps = capacity_step(Fidelity::WebRtcNull, true);
    assert!(estimates_kbps[9] > 1500, "before: {estimates_kbps:?}");
    assert!(estimates_kbps[14..20].iter().all(|kbps| *kbps < 700), "during: {estimates_kbps:?}");
    assert!(estimates_kbps[29] > 1500, "after: {estimates_kbps:?}");
}

#[test]
fn a_model_estimate_finds_its_way_up_from_a_trickle() {
    simulated(|| {
        let mut pair = Pair::connected(Fidelity::Model, 1);
        pair.downlink = Some(Bottleneck::new(2_500_000));
        pair.begin(SERVER, VIDEO, &[]);
        pair.peers[SERVER].set_bandwidth(pair.now, 0, 2_000_000);
        let begun = pair.now;
        Forwarded::default().film(&mut pair, Duration::from_secs(5)); // the lowest layer, one packet for each picture
        assert!(
            pair.estimate_at(SERVER, begun.saturating_add(Duration::from_secs(4))) > 1_900_000,
            "{:?}",
            pair.estimates(SERVER).collect::<Vec<_>>()
        );
        let probes = pair.sizes_bytes[SERVER].iter().filter(|bytes| **bytes == 1200).count();
        assert!((5..=25).contains(&probes), "{probes} probe packets in five seconds");
    });
}

#[test]
fn eight_seconds_of_silence_are_survived() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, VIDEO, &LADDER);
        pair.begin(SERVER, AUDIO, &[]);
        let mut camera = Camera::default();
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(2));
        pair.cut = true;
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(8));
        pair.cut = false;
        pair.said[SERVER].clear();
        let back = pair.now;
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(3));
        let (first, _) = pair.packets(SERVER).next().unwrap_or_else(|| panic!("{fidelity}: media does not come back"));
        assert!(first.saturating_since(back) < Duration::from_secs(1), "{fidelity}: {:?}", first.saturating_since(back));
        let last_second = back.saturating_add(Duration::from_secs(2));
        assert!(pair.packets(SERVER).filter(|(at, packet)| *at > last_second && packet.layer == LayerId(2)).count() >= 150, "{fidelity}");
        assert!(pair.peers.iter().all(Peer::is_connected), "{fidelity}");
    });
}

#[test]
fn longer_silence_ends_the_connection_on_both_ends_once() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, VIDEO, &LADDER);
        let mut camera = Camera::default();
        camera.film(&mut pair, CLIENT, 3, Duration::from_millis(4321));
        let cut_at = pair.now;
        pair.cut = true;
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(11));
        assert!(pair.peers.iter().all(Peer::is_connected), "{fidelity}: given up too early");
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(9));
        for end in [CLIENT, SERVER] {
            let ends: Vec<_> = pair.said[end]
                .iter()
                .filter(|(_, output)| matches!(output, PeerOutput::Disconnected))
                .map(|(at, _)| at.saturating_since(cut_at))
                .collect();
            assert_eq!(ends.len(), 1, "{fidelity}");
            assert!(!pair.peers[end].is_connected() && pair.peers[end].poll_timeout().is_none(), "{fidelity}");
        }
        let sent = pair.sent;
        pair.cut = false;
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(3));
        assert_eq!(pair.sent, sent, "{fidelity}: a peer that is over is silent");
    });
}

#[test]
fn an_end_whose_other_never_comes_gives_up() {
    each(|fidelity| {
        let mut pair = Pair::new(fidelity, 1);
        pair.cut = true;
        pair.flying.clear();
        pair.run_for(Duration::from_secs(60));
        for end in [CLIENT, SERVER] {
            assert!(matches!(pair.said[end][..], [(_, PeerOutput::Disconnected)]), "{fidelity}: {:?}", pair.said[end]);
        }
    });
}

#[test]
fn garbage_is_counted_and_harms_nothing() {
    each(|fidelity| {
        let mut pair = Pair::connected(fidelity, 1);
        pair.begin(CLIENT, VIDEO, &LADDER);
        pair.begin(SERVER, VIDEO, &[]);
        let mut camera = Camera::default();
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..60 {
            camera.film(&mut pair, CLIENT, 3, PICTURE);
            // Real datagrams with some bytes wrong, and bytes without sense.
            let flying: Vec<_> = pair.flying.values().cloned().collect();
            for (to, mut datagram) in flying {
                let mut bytes = datagram.payload.to_vec();
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(..bytes.len());
                    bytes[at] ^= rng.u8(1..);
                }
                bytes.truncate(rng.usize(..=bytes.len()));
                datagram.payload = bytes.into();
                pair.hand(to, &datagram);
                pair.collect(to);
            }
            for end in [CLIENT, SERVER] {
                let mut bytes = vec![0; rng.usize(..300)];
                rng.fill(&mut bytes);
                // Each of the kinds that RFC 7983 tells apart by the first byte.
                if let Some(first) = bytes.first_mut() {
                    *first = [0, 1, 20, 21, 22, 23, 63, 128, 191, 255][rng.usize(..10)];
                }
                let datagram = Datagram {
                    src: pair.peers[end].remote_address().unwrap(),
                    dst: config(fidelity, [End::Client, End::Server][end], 0).local,
                    payload: bytes.into(),
                    absent_bytes: rng.u32(..2000),
                };
                pair.hand(end, &datagram);
                pair.collect(end);
            }
        }
        assert!(pair.peers.iter().all(|peer| peer.is_connected() && peer.counters().bad_datagrams > 0), "{fidelity}");
        pair.said[SERVER].clear();
        camera.film(&mut pair, CLIENT, 3, Duration::from_secs(1));
        assert!(pair.packets(SERVER).count() >= 29 * 9, "{fidelity}: {} packets in a second", pair.packets(SERVER).count());
    });
}

/// A short call in both directions; the hash of every datagram with its time.
fn call(fidelity: Fidelity, seed: u64) -> (u64, [Vec<u32>; 2]) {
    isolated(seed, STACK_BYTES, || {
        let mut pair = Pair::connected(fidelity, seed);
        pair.downlink = Some(Bottleneck::new(2_500_000));
        pair.begin(CLIENT, VIDEO, &LADDER);
        pair.begin(SERVER, TrackId { stream: StreamId(9), ..VIDEO }, &[]);
        pair.peers[SERVER].set_bandwidth(pair.now, 0, 2_500_000);
        Camera::default().film(&mut pair, CLIENT, 3, Duration::from_secs(10));
        (pair.hash.finish(), pair.sizes_bytes)
    })
}

#[test]
fn one_seed_makes_one_call_and_another_another() {
    for fidelity in Fidelity::ALL {
        let seeds = [1, 1, 2, 1];
        let calls = thread::scope(|scope| seeds.map(|seed| scope.spawn(move || call(fidelity, seed).0)).map(|call| call.join().unwrap()));
        if entropy::IN_FORCE {
            assert!(calls[0] == calls[1] && calls[0] == calls[3], "{fidelity}: {calls:x?}");
            assert_eq!(calls[0], call(fidelity, 1).0, "{fidelity}: again, alone");
        }
        assert_ne!(calls[0], calls[2], "{fidelity}");
    }
}

#[test]
fn null_cryptography_keeps_number_and_size() {
    let ((_, real), (_, null)) = (call(Fidelity::WebRtc, 1), call(Fidelity::WebRtcNull, 1));
    for end in [CLIENT, SERVER] {
        assert_eq!(real[end].len(), null[end].len());
        let [real, null] = [&real, &null].map(|sizes| sizes[end].iter().map(|bytes| u64::from(*bytes)).sum::<u64>());
        assert!(real.abs_diff(null) * 100 <= real, "{real} and {null} bytes");
    }
}

#[test]
fn a_modelled_packet_is_as_large_as_a_real_one() {
    let sizes = [Fidelity::WebRtc, Fidelity::Model].map(|fidelity| {
        simulated(|| {
            let mut pair = Pair::connected(fidelity, 1);
            pair.begin(CLIENT, VIDEO, &LADDER);
            pair.begin(CLIENT, AUDIO, &[]);
            // str0m names the media id of audio until the first report about it, which may take five seconds; the model never does.
            let mut camera = Camera::default();
            let mut counted: BTreeMap<u32, u32> = BTreeMap::new();
            for n in 0..240 {
                let before = pair.sizes_bytes[CLIENT].len();
                let payload = vec![0; 80].into();
                pair.write(
                    CLIENT,
                    &MediaPacket {
                        track: AUDIO,
                        layer: LayerId(0),
                        seq: n,
                        timestamp: 0,
                        marker: false,
                        payload,
                        absent_bytes: 0,
                        level: None,
                    },
                );
                camera.film(&mut pair, CLIENT, 3, PICTURE);
                if n >= 210 {
                    pair.sizes_bytes[CLIENT][before..].iter().for_each(|bytes| *counted.entry(*bytes).or_default() += 1);
                }
            }
            counted.retain(|_, times| *times >= 25);
            counted
        })
    });
    assert_eq!(sizes[0], sizes[1]);
}

#[test]
fn a_description_that_is_none_is_refused_with_a_reason() {
    each(|fidelity| {
        let mut peer = Peer::new(Instant::ZERO, config(fidelity, End::Client, 1));
        let good = Peer::new(Instant::ZERO, config(fidelity, End::Server, 2)).description();
        let refusal = |peer: &mut Peer, text: &str| peer.set_remote(Instant::ZERO, text).unwrap_err().to_string();

        assert!(refusal(&mut peer, "").starts_with("the media description is not understood: EOF while parsing"), "{fidelity}");
        assert!(refusal(&mut peer, &good.replace("address", "adress")).contains("unknown field `adress`"), "{fidelity}");
        for other in Fidelity::ALL.into_iter().filter(|other| *other != fidelity) {
            let theirs = Peer::new(Instant::ZERO, config(other, End::Server, 2)).description();
            assert_eq!(peer.set_remote(Instant::ZERO, &theirs), Err(MediaError::OtherFidelity { ours: fidelity, theirs: other }));
        }
        let field = |name: &str| good.split(&format!("\"{name}\":\"")).nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        for name in ["ufrag", "pwd", "fingerprint"] {
            if let Some(value) = field(name).filter(|_| fidelity != Fidelity::Model || name == "pwd") {
                assert!(
                    refusal(&mut peer, &good.replace(&value, "x y"))
                        .starts_with(&format!("{name} of the media description is \"x y\"; expected ")),
                    "{fidelity}"
                );
            }
        }
        assert_eq!(peer.remote_address(), None);
        assert_eq!(peer.set_remote(Instant::ZERO, &good), Ok(()));
        assert_eq!(peer.remote_address(), Some(config(fidelity, End::Server, 2).local));
        assert_eq!(peer.set_remote(Instant::ZERO, &good), Err(MediaError::AlreadySet));
    });
}

#[test]
fn a_false_certificate_ends_the_connection() {
    simulated(|| {
        let now = Instant::ZERO;
        let mut pair = Pair::new(Fidelity::WebRtc, 1);
        let [mut client, mut server] = [End::Client, End::Server].map(|end| Peer::new(now, config(Fidelity::WebRtc, end, 5)));
        let (of_client, of_server) = (client.description(), server.description());
        let hex = of_server.split("fingerprint\":\"").nth(1).unwrap()[..64].to_owned();
        client.set_remote(now, &of_server.replace(&hex, &"00".repeat(32))).unwrap();
        server.set_remote(now, &of_client).unwrap();
        pair.peers = [client, server];
        pair.flying.clear();
        pair.run_for(Duration::from_secs(2));
        assert!(matches!(pair.said[CLIENT][..], [(_, PeerOutput::Disconnected)]), "{:?}", pair.said[CLIENT]);
    });
}

#[test]
fn fidelities_are_written_as_they_are_read() {
    for fidelity in Fidelity::ALL {
        assert_eq!(fidelity.to_string().parse(), Ok(fidelity));
        assert_eq!(serde_json::to_string(&fidelity).unwrap(), format!("\"{fidelity}\""));
    }
    let error = "real".parse::<Fidelity>().unwrap_err();
    assert_eq!(error.to_string(), "unknown media fidelity \"real\"; expected webrtc, webrtc-null or model");
}

/// The library's own tests show what happens on a simulation thread; that it happens in this program as well shows that the linker took the library's symbols.
#[test]
fn the_overrides_reach_programs_that_link_the_library() {
    let order = || (0..100).collect::<HashSet<u32>>().into_iter().collect::<Vec<_>>();
    if entropy::IN_FORCE {
        assert_eq!(isolated(5, STACK_BYTES, order), isolated(5, STACK_BYTES, order));
        let elapsed = simulated(|| {
            let begun = std::time::Instant::now();
            thread::sleep(Duration::from_millis(2));
            begun.elapsed()
        });
        assert_eq!(elapsed, Duration::ZERO);
    }
    let begun = std::time::Instant::now();
    thread::sleep(Duration::from_millis(2));
    assert!(begun.elapsed() >= Duration::from_millis(2), "the clock of an ordinary thread goes on");
}
