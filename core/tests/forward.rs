//! What a subscriber sees, whatever the publisher sends, the network does and the selection wants.

use greenroom_core::{
    forward::{Config, DropReason, Forwarder, Incoming, Outgoing, Start, Verdict},
    id::LayerId,
    time::Instant,
    vp8::{self, Descriptor, Picture},
};
use proptest::{collection::vec, option, prelude::*};

const LAYERS: u8 = 3;

/// What happens around a forwarder, in the order in which it happens at the publisher and the selection.
#[derive(Clone, Debug)]
enum Event {
    /// A layer's encoder makes a picture.
    Picture { layer: u8, key_frame: bool, packets: Vec<Fate> },
    /// The selection wants another layer, or none.
    Target(Option<u8>),
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
    Packet(Incoming),
    Target(Option<LayerId>),
}

/// A forwarded packet, and the number of its run as an onlooker counts them: another layer, another source, or a pause in between make another run.
#[derive(Clone, Copy, Debug)]
struct Seen {
    run: usize,
    packet: Incoming,
    outgoing: Outgoing,
    /// The place of the packet among the happenings.
    at: usize,
}

fn event(fate: impl Strategy<Value = Fate> + Clone) -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..LAYERS, prop::bool::weighted(0.25), vec(fate, 1..4)).prop_map(|(layer, key_frame, packets)| Event::Picture { layer, key_frame, packets }),
        2 => option::weighted(0.8, 0..LAYERS).prop_map(Event::Target),
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
}

/// Plays the events at the publisher and the network. Happenings come with the time at which they reach the forwarder.
fn play(events: &[Event]) -> Vec<(Instant, Happening)> {
    let mut encoders = [Encoder { seq: 65_530, timestamp: u32::MAX - 4000, picture_id: 0x7ffe, tl0_pic_idx: 254 }; LAYERS as usize];
    let mut source = 0;
    let mut millis = 0;
    let mut arrivals: Vec<(usize, u64, Happening)> = Vec::new();
    for event in events {
        match event {
            Event::Picture { layer, key_frame, packets } => {
                millis += 11;
                let encoder = &mut encoders[usize::from(*layer)];
                encoder.timestamp = encoder.timestamp.wrapping_add(2970);
                encoder.picture_id = (encoder.picture_id + 1) % 0x8000;
                encoder.tl0_pic_idx = encoder.tl0_pic_idx.wrapping_add(1);
                for (i, fate) in packets.iter().enumerate() {
                    encoder.seq += 1;
                    let head = vp8::head(i == 0, *key_frame, encoder.picture_id, encoder.tl0_pic_idx);
                    let packet = Incoming {
                        layer: LayerId(*layer),
                        source,
                        seq: encoder.seq,
                        timestamp: encoder.timestamp,
                        picture: Descriptor::parse(&head),
                    };
                    let slot = arrivals.len();
                    match fate {
                        Fate::Arrives => arrivals.push((slot, millis, Happening::Packet(packet))),
                        Fate::Lost => {}
                        Fate::Doubled => arrivals.extend([(slot, millis, Happening::Packet(packet)); 2]),
                        Fate::Late(slots) => arrivals.push((slot + usize::from(*slots), millis, Happening::Packet(packet))),
                    }
                }
            }
            Event::Target(target) => arrivals.push((arrivals.len(), millis, Happening::Target(target.map(LayerId)))),
            Event::Restart { seed } => {
                source += 1;
                for encoder in &mut encoders {
                    *encoder = Encoder {
                        seq: u64::from(seed % 70_000),
                        timestamp: *seed,
                        picture_id: u16::try_from(seed % 0x8000).expect("15 bits"),
                        tl0_pic_idx: u8::try_from(seed % 256).expect("8 bits"),
                    };
                }
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

/// Lets a forwarder decide on everything, and keeps what it let through.
fn watch(config: Config, happenings: &[(Instant, Happening)]) -> Vec<Seen> {
    let mut forwarder = Forwarder::new(config);
    let mut seen: Vec<Seen> = Vec::new();
    let mut paused = false;
    for (at, &(now, happening)) in happenings.iter().enumerate() {
        match happening {
            Happening::Target(target) => {
                forwarder.set_target(target);
                paused |= target.is_none();
            }
            Happening::Packet(packet) => {
                let before = forwarder.current();
                let Verdict::Forward(outgoing) = forwarder.handle_packet(now, &packet) else {
                    continue;
                };
                assert!(Some(packet.layer) == before || Some(packet.layer) == forwarder.target(), "{packet:?} is of a layer nobody wants");
                assert_eq!(forwarder.current(), Some(packet.layer));
                let run = match seen.last() {
                    None => 0,
                    Some(last) if paused || last.packet.layer != packet.layer || last.packet.source != packet.source => last.run + 1,
                    Some(last) => last.run,
                };
                paused = false;
                let new_layer = before != Some(packet.layer);
                assert_eq!(outgoing.switched.map(|switch| (switch.from, switch.to)), new_layer.then_some((before, packet.layer)));
                seen.push(Seen { run, packet, outgoing, at });
            }
        }
    }
    seen
}

/// How far `b` is ahead of `a`, modulo 2^32; negative where it is behind.
fn ahead(a: u32, b: u32) -> i32 {
    b.wrapping_sub(a).cast_signed()
}

proptest! {
    #[test]
    fn every_run_begins_with_a_key_frame_right_behind_the_one_before(config in config(), events in vec(event(rough()), 0..200)) {
        let happenings = play(&events);
        let seen = watch(config, &happenings);
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
                prop_assert_eq!(packet.outgoing.seq - first.outgoing.seq, packet.packet.seq - first.packet.seq);
                prop_assert_eq!(ahead(first.outgoing.timestamp, packet.outgoing.timestamp), ahead(first.packet.timestamp, packet.packet.timestamp));
            }
            let newest = run.iter().max_by_key(|packet| packet.outgoing.seq).expect("a run has packets");
            highest = newest.outgoing.seq;
            newest_timestamp = Some(newest.outgoing.timestamp);
        }
    }

    #[test]
    fn a_number_stands_for_one_packet_and_a_gap_for_a_lost_one(config in config(), events in vec(event(rough()), 0..200)) {
        let happenings = play(&events);
        let seen = watch(config, &happenings);
        for (i, a) in seen.iter().enumerate() {
            for b in &seen[i + 1..] {
                if a.outgoing.seq == b.outgoing.seq {
                    prop_assert_eq!((a.run, a.packet), (b.run, b.packet));
                    prop_assert_eq!((a.outgoing.timestamp, a.outgoing.picture), (b.outgoing.timestamp, b.outgoing.picture));
                }
            }
        }
        // Whatever came while its run flowed, and belongs behind its beginning, was let through.
        for run in seen.chunk_by(|a, b| a.run == b.run) {
            let (first, last) = (run[0], run[run.len() - 1]);
            for (at, (_, happening)) in happenings.iter().enumerate().take(last.at).skip(first.at) {
                let Happening::Packet(packet) = happening else { continue };
                if packet.layer == first.packet.layer && packet.source == first.packet.source && packet.seq >= first.packet.seq {
                    prop_assert!(run.iter().any(|seen| seen.at == at), "{packet:?} was withheld");
                }
            }
        }
    }

    #[test]
    fn pictures_count_on_without_a_gap(config in config(), events in vec(event(Just(Fate::Arrives)), 0..200)) {
        let seen = watch(config, &play(&events));
        let picture = |seen: &Seen| seen.outgoing.picture.expect("video");
        prop_assert!(seen.windows(2).all(|pair| pair[1].outgoing.seq == pair[0].outgoing.seq + 1));
        let pictures: Vec<Seen> = seen.chunk_by(|a, b| a.outgoing.timestamp == b.outgoing.timestamp).map(|packets| packets[0]).collect();
        for pair in pictures.windows(2) {
            prop_assert!(ahead(pair[0].outgoing.timestamp, pair[1].outgoing.timestamp) > 0);
            prop_assert!(pair[1].packet.picture.expect("video").start_of_frame);
            prop_assert_eq!(picture(&pair[1]).picture_id, (picture(&pair[0]).picture_id + 1) % 0x8000);
            prop_assert_eq!(picture(&pair[1]).tl0_pic_idx, picture(&pair[0]).tl0_pic_idx.wrapping_add(1));
        }
        for packets in seen.chunk_by(|a, b| a.outgoing.timestamp == b.outgoing.timestamp) {
            prop_assert!(packets.iter().all(|packet| packet.outgoing.picture == packets[0].outgoing.picture));
        }
    }

    #[test]
    fn within_a_run_late_pictures_keep_their_numbers(config in config(), events in vec(event(rough()), 0..200)) {
        let seen = watch(config, &play(&events));
        for run in seen.chunk_by(|a, b| a.run == b.run) {
            let number = |seen: &Seen| (seen.packet.picture.expect("video"), seen.outgoing.picture.expect("video"));
            let (first_in, first_out) = number(&run[0]);
            for (came, went) in run.iter().map(number) {
                let pictures = (came.picture_id.expect("15 bits") + 0x8000 - first_in.picture_id.expect("15 bits")) % 0x8000;
                prop_assert_eq!(went.picture_id, (first_out.picture_id + pictures) % 0x8000);
                let base = came.tl0_pic_idx.expect("set").wrapping_sub(first_in.tl0_pic_idx.expect("set"));
                prop_assert_eq!(went.tl0_pic_idx, first_out.tl0_pic_idx.wrapping_add(base));
            }
        }
    }

    #[test]
    fn no_packet_is_a_surprise(
        gated in any::<bool>(),
        clock_rate in any::<u32>(),
        first_picture_id in any::<u16>(),
        steps in vec((any::<u64>(), arbitrary_packet(), option::weighted(0.3, option::of(0..LAYERS))), 0..100),
    ) {
        let start = if gated { Start::KeyFrame } else { Start::AnyPacket };
        let mut forwarder = Forwarder::new(Config { clock_rate, start, first_picture_id, ..Config::VIDEO });
        for (nanos, packet, target) in steps {
            if let Some(target) = target {
                forwarder.set_target(target.map(LayerId));
            }
            let before = forwarder.clone();
            match forwarder.handle_packet(Instant::from_nanos(nanos), &packet) {
                Verdict::Drop(reason) => {
                    prop_assert_eq!(reason == DropReason::Paused, before.target().is_none());
                    prop_assert_eq!(forwarder.current(), before.current());
                }
                Verdict::Forward(outgoing) => {
                    prop_assert_eq!(forwarder.current(), Some(packet.layer));
                    prop_assert_eq!(outgoing.switched.is_some(), before.current() != Some(packet.layer));
                    prop_assert!(outgoing.picture.is_none_or(|picture| picture.picture_id < 0x8000));
                    prop_assert!(outgoing.switched.is_none() || !gated || packet.picture.is_some_and(|picture| picture.key_frame));
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
