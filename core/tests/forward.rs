//! What a subscriber sees, whatever the publisher sends, the network does and the selection wants.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{
    forward::{Config, DropReason, Forwarder, Incoming, Outgoing, Start, Verdict},
    id::{LayerId, TemporalId},
    select::Layer,
    time::Instant,
    vp8::{self, Descriptor, Picture},
};
use proptest::{collection::vec, option, prelude::*};

const LAYERS: u8 = 3;
const TEMPORAL_LAYERS: u8 = 3;
/// The temporal layer of each picture behind a key frame, over and over: libvpx's pattern of three layers.
const PATTERN: [u8; 4] = [0, 2, 1, 2];

fn layer((spatial, temporal): (u8, u8)) -> Layer {
    Layer { spatial: LayerId(spatial), temporal: TemporalId(temporal) }
}

/// What happens around a forwarder, in the order in which it happens at the publisher and the selection.
#[derive(Clone, Debug)]
enum Event {
    /// A layer's encoder makes a picture.
    Picture { layer: u8, key_frame: bool, sync: bool, packets: Vec<Fate> },
    /// The selection wants another layer, or none.
    Target(Option<Layer>),
    /// The publisher reconnects: every layer counts from somewhere else.
    Restart { seed: u32 },
    /// Nothing for a while.
    Wait { millis: u64 },
}

/// What the network does to a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Arrives,
    Lost,
    Doubled,
    /// Arrives after so many later happenings.
    Late(u8),
}

/// What reaches the forwarder.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Packet(Sent),
    Target(Option<Layer>),
}

/// A packet as its publisher sent it: besides what the forwarder is told, which picture it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sent {
    packet: Incoming,
    /// Among all pictures of all layers.
    picture: usize,
    /// The pictures that it rests on.
    rests_on: [Option<usize>; 3],
}

/// A forwarded packet, and the number of its run as an onlooker counts them: another layer, another source, or a pause in between make another run.
#[derive(Clone, Copy, Debug)]
struct Seen {
    run: usize,
    packet: Incoming,
    picture: usize,
    rests_on: [Option<usize>; 3],
    outgoing: Outgoing,
    /// The place of the packet among the happenings.
    at: usize,
}

fn event(fate: impl Strategy<Value = Fate> + Clone) -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => (0..LAYERS, prop::bool::weighted(0.15), prop::bool::weighted(0.4), vec(fate, 1..4))
            .prop_map(|(layer, key_frame, sync, packets)| Event::Picture { layer, key_frame, sync, packets }),
        2 => option::weighted(0.8, (0..LAYERS, 0..TEMPORAL_LAYERS)).prop_map(|target| Event::Target(target.map(layer))),
        1 => any::<u32>().prop_map(|seed| Event::Restart { seed }),
        1 => prop_oneof![Just(7_u64), Just(1000), Just(30 * 3_600_000)].prop_map(|millis| Event::Wait { millis }),
    ]
}

fn rough() -> impl Strategy<Value = Fate> + Clone {
    prop_oneof![6 => Just(Fate::Arrives), 1 => Just(Fate::Lost), 1 => Just(Fate::Doubled), 2 => (1_u8..12).prop_map(Fate::Late)]
}

/// Numbers near all their wraps: the first packets of a layer are never far from one.
fn config() -> impl Strategy<Value = Config> {
    (65_500_u16..=65_535, u32::MAX - 50_000..=u32::MAX, 0x7ff0_u16..0x8000, 250_u8..=255).prop_map(
        |(first_seq, first_timestamp, first_picture_id, first_tl0_pic_idx)| Config {
            first_seq,
            first_timestamp,
            first_picture_id,
            first_tl0_pic_idx,
            ..Config::VIDEO
        },
    )
}

/// One layer's encoder and packetizer.
#[derive(Clone, Copy)]
struct Encoder {
    seq: u64,
    timestamp: u32,
    picture_id: u16,
    tl0_pic_idx: u8,
    /// Pictures since the last key frame; the layer begins with one.
    since_key_frame: Option<usize>,
    /// The newest picture of each temporal layer.
    newest: [Option<usize>; TEMPORAL_LAYERS as usize],
}

impl Encoder {
    fn starting_at(seq: u64, timestamp: u32, picture_id: u16, tl0_pic_idx: u8) -> Self {
        Self { seq, timestamp, picture_id, tl0_pic_idx, since_key_frame: None, newest: [None; TEMPORAL_LAYERS as usize] }
    }

    /// The next picture: its temporal layer, whether it rests on the base alone, and what it rests on.
    fn encode(&mut self, picture: usize, key_frame: bool, sync: bool) -> (u8, bool, [Option<usize>; 3]) {
        let since = self.since_key_frame.filter(|_| !key_frame).map_or(0, |since| since + 1);
        self.since_key_frame = Some(since);
        self.timestamp = self.timestamp.wrapping_add(2970);
        self.picture_id = (self.picture_id + 1) % 0x8000;
        let temporal = PATTERN[since % PATTERN.len()];
        if since == 0 {
            self.newest = [None; TEMPORAL_LAYERS as usize];
        }
        let mut rests_on = [None; 3];
        // A key frame rests on nothing, a sync point on the base, any other on the newest of its own layer and of all below.
        let sync = sync && temporal > 0;
        let layers = if sync { 1 } else { usize::from(temporal) + 1 };
        rests_on[..layers].copy_from_slice(&self.newest[..layers]);
        self.newest[usize::from(temporal)] = Some(picture);
        if temporal == 0 {
            self.tl0_pic_idx = self.tl0_pic_idx.wrapping_add(1);
        }
        (temporal, sync, rests_on)
    }
}

/// Plays the events at the publisher and the network. Happenings come with the time at which they reach the forwarder.
fn play(events: &[Event]) -> Vec<(Instant, Happening)> {
    let mut encoders = [Encoder::starting_at(65_530, u32::MAX - 4000, 0x7ffe, 254); LAYERS as usize];
    let mut source = 0;
    let mut millis = 0;
    let mut pictures = 0;
    let mut arrivals: Vec<(usize, u64, Happening)> = Vec::new();
    for event in events {
        match event {
            Event::Picture { layer, key_frame, sync, packets } => {
                millis += 11;
                pictures += 1;
                let encoder = &mut encoders[usize::from(*layer)];
                let key_frame = *key_frame || encoder.since_key_frame.is_none();
                let (temporal, sync, rests_on) = encoder.encode(pictures, key_frame, *sync);
                let numbers = Picture { picture_id: encoder.picture_id, tl0_pic_idx: encoder.tl0_pic_idx };
                for (i, fate) in packets.iter().enumerate() {
                    encoder.seq += 1;
                    let head = vp8::layered_head(i == 0, key_frame, numbers, temporal, sync);
                    let packet = Incoming {
                        layer: LayerId(*layer),
                        source,
                        seq: encoder.seq,
                        timestamp: encoder.timestamp,
                        picture: Descriptor::parse(&head),
                    };
                    let sent = Happening::Packet(Sent { packet, picture: pictures, rests_on });
                    let slot = arrivals.len();
                    match fate {
                        Fate::Arrives => arrivals.push((slot, millis, sent)),
                        Fate::Lost => {}
                        Fate::Doubled => arrivals.extend([(slot, millis, sent); 2]),
                        Fate::Late(slots) => arrivals.push((slot + usize::from(*slots), millis, sent)),
                    }
                }
            }
            Event::Target(target) => arrivals.push((arrivals.len(), millis, Happening::Target(*target))),
            Event::Restart { seed } => {
                source += 1;
                let picture_id = u16::try_from(seed % 0x8000).expect("15 bits");
                let tl0_pic_idx = u8::try_from(seed % 256).expect("8 bits");
                encoders.fill(Encoder::starting_at(u64::from(seed % 70_000), *seed, picture_id, tl0_pic_idx));
            }
            Event::Wait { millis: more } => millis += more,
        }
    }
    arrivals.sort_by_key(|&(slot, _, _)| slot);
    let mut now = 0;
    arrivals
        .into_iter()
        .map(|(_, millis, happening)| {
            now = now.max(millis);
            (Instant::from_millis(now), happening)
        })
        .collect()
}

/// What a forwarder let through.
struct Watched {
    seen: Vec<Seen>,
    /// Numbers and timestamps that it filled in for, and in which run.
    filled: Vec<(usize, u64, u32)>,
    /// For each run where among the happenings it ended.
    ends: Vec<usize>,
}

/// Lets a forwarder decide on everything, and keeps what it let through.
fn watch(config: Config, happenings: &[(Instant, Happening)]) -> Watched {
    let mut forwarder = Forwarder::new(config);
    let mut watched = Watched { seen: Vec::new(), filled: Vec::new(), ends: Vec::new() };
    let mut paused = true;
    let mut told = None;
    for (at, &(now, happening)) in happenings.iter().enumerate() {
        match happening {
            Happening::Target(target) => {
                forwarder.set_target(target);
                if target.is_none() && !paused {
                    watched.ends.push(at);
                    (paused, told) = (true, None);
                }
            }
            Happening::Packet(Sent { packet, picture, rests_on }) => {
                let before = forwarder.current().map(|layer| layer.spatial);
                let target = forwarder.target().map(|layer| layer.spatial);
                let verdict = forwarder.handle_packet(now, &packet);
                let runs = watched.ends.len();
                let outgoing = match verdict {
                    Verdict::Drop(_) => continue,
                    Verdict::Fill { seq, timestamp } => {
                        watched.filled.push((runs, seq, timestamp));
                        continue;
                    }
                    Verdict::Forward(outgoing) => outgoing,
                };
                assert!(Some(packet.layer) == before || Some(packet.layer) == target, "{packet:?} is of a layer nobody wants");
                let current = forwarder.current().expect("something flows");
                assert_eq!(current.spatial, packet.layer);
                assert_eq!(outgoing.switched.map(|switch| (switch.from, switch.to)), (told != Some(current)).then_some((told, current)));
                told = Some(current);
                let last = watched.seen.last().filter(|_| !paused);
                let begins = last.is_some_and(|last| last.packet.layer != packet.layer || last.packet.source != packet.source);
                if begins {
                    watched.ends.push(at);
                }
                paused = false;
                watched.seen.push(Seen { run: watched.ends.len(), packet, picture, rests_on, outgoing, at });
            }
        }
    }
    watched.ends.push(happenings.len());
    watched
}

/// Those of the packets that reached the forwarder while the run of `seen` flowed, and belong to it.
fn arrived_in(seen: &[Seen], end: usize, happenings: &[(Instant, Happening)]) -> Vec<Sent> {
    let first = seen[0];
    let of_run = |sent: &Sent| {
        (sent.packet.layer, sent.packet.source) == (first.packet.layer, first.packet.source) && sent.packet.seq >= first.packet.seq
    };
    let packets = happenings[first.at..end].iter().filter_map(|(_, happening)| match happening {
        Happening::Packet(sent) => Some(*sent),
        Happening::Target(_) => None,
    });
    packets.filter(of_run).collect()
}

/// How far `b` is ahead of `a`, modulo 2^32; negative where it is behind.
fn ahead(a: u32, b: u32) -> i32 {
    b.wrapping_sub(a).cast_signed()
}

proptest! {
    #[test]
    fn every_run_begins_with_a_key_frame_right_behind_the_one_before(config in config(), events in vec(event(rough()), 0..200)) {
        let happenings = play(&events);
        let Watched { seen, filled, .. } = watch(config, &happenings);
        let mut highest = u64::from(config.first_seq) - 1;
        let mut newest_timestamp = None;
        for run in seen.chunk_by(|a, b| a.run == b.run) {
            let first = run[0];
            prop_assert!(first.packet.picture.expect("video").key_frame);
            prop_assert_eq!(first.outgoing.seq, highest + 1);
            if let Some(newest) = newest_timestamp {
                prop_assert!(ahead(newest, first.outgoing.timestamp) > 0);
            }
            for packet in run {
                prop_assert_eq!(ahead(first.outgoing.timestamp, packet.outgoing.timestamp), ahead(first.packet.timestamp, packet.packet.timestamp));
            }
            let sent = run.iter().map(|packet| (packet.outgoing.seq, packet.outgoing.timestamp));
            let filled = filled.iter().filter(|(of, ..)| *of == first.run).map(|(_, seq, timestamp)| (*seq, *timestamp));
            let newest = sent.chain(filled).max().expect("a run has packets");
            highest = newest.0;
            newest_timestamp = Some(newest.1);
        }
    }

    #[test]
    fn a_number_goes_out_once_and_a_gap_stands_for_a_packet_that_never_came(config in config(), events in vec(event(rough()), 0..200)) {
        let happenings = play(&events);
        let Watched { seen, filled, ends } = watch(config, &happenings);
        let numbers: BTreeSet<u64> = seen.iter().map(|seen| seen.outgoing.seq).chain(filled.iter().map(|(_, seq, _)| *seq)).collect();
        prop_assert_eq!(numbers.len(), seen.len() + filled.len(), "a number went out twice");
        for run in seen.chunk_by(|a, b| a.run == b.run) {
            let arrived: BTreeSet<u64> = arrived_in(run, ends[run[0].run], &happenings).iter().map(|sent| sent.packet.seq).collect();
            let highest = run.iter().max_by_key(|seen| seen.outgoing.seq).expect("a run has packets");
            let never_came = (run[0].packet.seq..highest.packet.seq).filter(|seq| !arrived.contains(seq)).count();
            let gaps = (run[0].outgoing.seq..highest.outgoing.seq).filter(|seq| !numbers.contains(seq)).count();
            prop_assert_eq!(gaps, never_came);
            // And in the order in which they were sent.
            let mut by_came: Vec<&Seen> = run.iter().collect();
            by_came.sort_by_key(|seen| seen.packet.seq);
            prop_assert!(by_came.windows(2).all(|pair| pair[0].outgoing.seq < pair[1].outgoing.seq));
        }
    }

    #[test]
    fn a_picture_goes_whole_and_with_all_that_it_rests_on(config in config(), events in vec(event(rough()), 0..200)) {
        let happenings = play(&events);
        let Watched { seen, ends, .. } = watch(config, &happenings);
        for run in seen.chunk_by(|a, b| a.run == b.run) {
            let sent: BTreeSet<usize> = run.iter().map(|seen| seen.picture).collect();
            let arrived = arrived_in(run, ends[run[0].run], &happenings);
            for packet in run {
                for needed in packet.rests_on.into_iter().flatten() {
                    let came = arrived.iter().any(|sent| sent.picture == needed);
                    prop_assert!(!came || sent.contains(&needed), "{} rests on {}, which came and was not sent", packet.picture, needed);
                }
            }
            let went: BTreeSet<u64> = run.iter().map(|seen| seen.packet.seq).collect();
            for part in arrived.iter().filter(|part| sent.contains(&part.picture)) {
                prop_assert!(went.contains(&part.packet.seq), "{part:?} is missing in its picture");
            }
        }
    }

    #[test]
    fn a_picture_id_stands_for_one_picture_in_the_order_of_pictures(config in config(), events in vec(event(rough()), 0..200)) {
        let Watched { seen, .. } = watch(config, &play(&events));
        let mut id_of: BTreeMap<(usize, usize), Picture> = BTreeMap::new();
        let mut of_id: BTreeMap<u16, usize> = BTreeMap::new();
        for packet in &seen {
            let went = packet.outgoing.picture.expect("video");
            prop_assert_eq!(*id_of.entry((packet.run, packet.picture)).or_insert(went), went);
            prop_assert_eq!(*of_id.entry(went.picture_id).or_insert(packet.picture), packet.picture);
        }
        for run in seen.chunk_by(|a, b| a.run == b.run) {
            let number = |seen: &Seen| (seen.packet.picture.expect("video"), seen.outgoing.picture.expect("video"));
            let (first_in, first_out) = number(&run[0]);
            let mut places: Vec<(u16, u16)> = Vec::new();
            for (came, went) in run.iter().map(number) {
                let place_in = (came.picture_id.expect("15 bits") + 0x8000 - first_in.picture_id.expect("15 bits")) % 0x8000;
                places.push((place_in, (went.picture_id + 0x8000 - first_out.picture_id) % 0x8000));
                let base = came.tl0_pic_idx.expect("set").wrapping_sub(first_in.tl0_pic_idx.expect("set"));
                prop_assert_eq!(went.tl0_pic_idx, first_out.tl0_pic_idx.wrapping_add(base));
            }
            places.sort_unstable();
            places.dedup();
            prop_assert!(places.windows(2).all(|pair| pair[0].1 < pair[1].1), "{places:?}");
        }
    }

    #[test]
    fn without_loss_pictures_and_packets_count_on_without_a_gap(config in config(), events in vec(event(Just(Fate::Arrives)), 0..200)) {
        let Watched { seen, filled, .. } = watch(config, &play(&events));
        let picture = |seen: &Seen| seen.outgoing.picture.expect("video");
        prop_assert!(filled.is_empty());
        prop_assert!(seen.windows(2).all(|pair| pair[1].outgoing.seq == pair[0].outgoing.seq + 1));
        let pictures: Vec<Seen> = seen.chunk_by(|a, b| a.outgoing.timestamp == b.outgoing.timestamp).map(|packets| packets[0]).collect();
        for pair in pictures.windows(2) {
            prop_assert!(ahead(pair[0].outgoing.timestamp, pair[1].outgoing.timestamp) > 0);
            prop_assert!(pair[1].packet.picture.expect("video").start_of_frame);
            prop_assert_eq!(picture(&pair[1]).picture_id, (picture(&pair[0]).picture_id + 1) % 0x8000);
            let bases = u8::from(pair[1].packet.picture.expect("video").temporal_id == Some(0));
            prop_assert_eq!(picture(&pair[1]).tl0_pic_idx, picture(&pair[0]).tl0_pic_idx.wrapping_add(bases));
        }
        for packets in seen.chunk_by(|a, b| a.outgoing.timestamp == b.outgoing.timestamp) {
            prop_assert!(packets.iter().all(|packet| packet.outgoing.picture == packets[0].outgoing.picture));
        }
    }

    #[test]
    fn no_packet_is_a_surprise(
        gated in any::<bool>(),
        clock_rate in any::<u32>(),
        first_picture_id in any::<u16>(),
        steps in vec((any::<u64>(), arbitrary_packet(), option::weighted(0.3, option::of((0..LAYERS, any::<u8>())))), 0..100),
    ) {
        let start = if gated { Start::KeyFrame } else { Start::AnyPacket };
        let mut forwarder = Forwarder::new(Config { clock_rate, start, first_picture_id, ..Config::VIDEO });
        let spatial = |forwarder: &Forwarder| forwarder.current().map(|current| current.spatial);
        for (nanos, packet, target) in steps {
            if let Some(target) = target {
                forwarder.set_target(target.map(layer));
            }
            let before = forwarder.clone();
            match forwarder.handle_packet(Instant::from_nanos(nanos), &packet) {
                Verdict::Drop(reason) => {
                    prop_assert_eq!(reason == DropReason::Paused, before.target().is_none());
                    prop_assert_eq!(spatial(&forwarder), spatial(&before));
                }
                Verdict::Fill { .. } => prop_assert_eq!(forwarder.current(), before.current()),
                Verdict::Forward(outgoing) => {
                    prop_assert_eq!(spatial(&forwarder), Some(packet.layer));
                    prop_assert!(outgoing.switched.is_some() || spatial(&before) == Some(packet.layer));
                    prop_assert!(outgoing.picture.is_none_or(|picture| picture.picture_id < 0x8000));
                    let begins = spatial(&before) != Some(packet.layer);
                    prop_assert!(!begins || !gated || packet.picture.is_some_and(|picture| picture.key_frame));
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_descriptor_or_none(mut payload in vec(any::<u8>(), 0..12), picture_id in 0_u16..0x8000, tl0_pic_idx in any::<u8>()) {
        let before = Descriptor::parse(&payload);
        prop_assert_eq!(vp8::rewrite(&mut payload, Picture { picture_id, tl0_pic_idx }), before.is_some());
        if let Some(before) = before {
            prop_assert!(before.start_of_frame || !before.key_frame);
            let written = if before.long_picture_id { picture_id } else { picture_id % 0x80 };
            let expected = Descriptor {
                picture_id: before.picture_id.map(|_| written),
                tl0_pic_idx: before.tl0_pic_idx.map(|_| tl0_pic_idx),
                ..before
            };
            prop_assert_eq!(Descriptor::parse(&payload), Some(expected));
        }
    }
}

/// Packets as nobody sends them, though often close to one another.
fn arbitrary_packet() -> impl Strategy<Value = Incoming> {
    let seq = prop_oneof![0_u64..40_000, u64::MAX - 3..=u64::MAX, any::<u64>()];
    (0..LAYERS, 0_u32..2, seq, any::<u32>(), vec(any::<u8>(), 0..8)).prop_map(|(layer, source, seq, timestamp, payload)| Incoming {
        layer: LayerId(layer),
        source,
        seq,
        timestamp,
        picture: Descriptor::parse(&payload),
    })
}
