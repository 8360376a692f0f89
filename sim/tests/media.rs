//! Two peers over a wire: the stories that every fidelity of media must tell, and what each promises of its own.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hasher,
    thread,
    time::Duration,
};

use bytes::Bytes;
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
const VIDEO: TrackId = TrackId {
    stream: StreamId(7),
    kind: TrackKind::Video,
};
const AUDIO: TrackId = TrackId {
    stream: StreamId(7),
    kind: TrackKind::Audio,
};
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
        Self {
            rate_bps,
            queue_bytes: 60_000,
            free_at: Instant::ZERO,
        }
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
        End::Client => (([10, 0, 0, 2], 5000).into(), None),
        End::Server => (([10, 0, 0, 1], 5000).into(), Some(300_000)),
    };
    PeerConfig {
        fidelity,
        local,
        end,
        estimate_from,
        seed,
    }
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
        assert!(
            pair.peers.iter().all(Peer::is_connected),
            "{fidelity}: not connected within a second"
        );
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
        self.peers[from].write(self.now, packet, None);
    }

    fn flush(&mut self, end: usize) {
        self.peers[end].flush(self.now);
        self.collect(end);
    }

    fn collect(&mut self, end: usize) {
        while let Some(output) = self.peers[end].poll_output() {
            let PeerOutput::Datagram(datagram) = output else {
                self.said[end].push((self.now, output));
                continue;
            };
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
                self.flying
                    .insert((arrival.saturating_add(self.delay), self.sent), (1 - end, datagram));
            }
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
                self.peers[to].handle_datagram(self.now, &datagram);
                self.collect(to);
            }
        }
        self.now = end;
    }

    fn packets(&self, end: usize) -> impl Iterator<Item = (Instant, &MediaPacket)> {
        self.said[end].iter().filter_map(|(at, output)| {
            if let PeerOutput::Packet(packet) = output {
                Some((*at, packet))
            } else {
                None
            }
        })
    }

    fn estimates(&self, end: usize) -> impl DoubleEndedIterator<Item = (Instant, u64)> {
        self.said[end].iter().filter_map(|(at, output)| {
            if let PeerOutput::Estimate { bps } = output {
                Some((*at, *bps))
            } else {
                None
            }
        })
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
        for layer in 0..layers {
            let mut left = PICTURE_BYTES[layer];
            while left > 0 {
                let size_bytes = left.min(1100);
                left -= size_bytes;
                let mut payload = vec![
                    0x90,
                    0xE0,
                    0x80 | (self.pictures >> 8) as u8 & 0x7F,
                    self.pictures as u8,
                    1,
                    0,
                    layer as u8,
                ]; // RFC 7741: X S, I L T, 15-bit picture id, TL0PICIDX, TID
                payload.resize(size_bytes.max(20) as usize, self.pictures as u8);
                packets.push(MediaPacket {
                    track,
                    layer: LayerId(layer as u8),
                    seq: self.next_seq[layer] + 100,
                    timestamp: self.pictures * 3000,
                    marker: left == 0,
                    payload: payload.into(),
                    absent_bytes: 0,
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

#[test]
fn dtls_sizes() {
    for f in [Fidelity::WebRtc, Fidelity::WebRtcNull] {
        simulated(|| {
            let mut pair = Pair::connected(f, 1);
            println!("{f} {:?}", pair.sizes_bytes);
            println!("{:?}", pair.said);
            pair.begin(CLIENT, VIDEO, &["q", "h", "f"]);
            Camera::default().film(&mut pair, CLIENT, 3, Duration::from_secs(2));
            println!(
                "{} {:?} {:?}",
                pair.packets(SERVER).count(),
                pair.peers.each_ref().map(Peer::counters),
                pair.sizes_bytes.each_ref().map(Vec::len)
            );
        });
    }
}
