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
    time::Duration,
};
use std::collections::BinaryHeap;

use greenroom_core::{stream::TrackKind, time::Instant};

use super::{
    case::{Case, FLOOD_BYTES},
    ends::{Ends, Repeats, Sending},
    rival::{ACK_WIRE_BYTES, SEGMENT_WIRE_BYTES, Transfer},
    source::Encoder,
    trace::{BIN, Bin, HopTrace, PairTrace, QUEUE_SAMPLE, Trace},
};
use crate::{
    media::{Fidelity, PeerOutput},
    net::{
        Datagram,
        link::{Link, UDP_IPV4_OVERHEAD_BYTES, Verdict},
        tcp::{Ack, Segment},
    },
    random::Stream,
};

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

fn captured_at(timestamp: u32) -> Instant {
    Instant::from_nanos(u64::from(timestamp) * 100_000 / 9)
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}
