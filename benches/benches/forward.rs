//! What one packet costs: the decision that an SFU makes most often, for one of 500 subscribers, so that their state does not sit in one cache line.

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_core::{
    forward::{Config, Forwarder, Incoming},
    id::{LayerId, StreamId, TemporalId},
    select::{KeyFrameRequests, Layer},
    time::Instant,
    vp8::{self, Descriptor, Picture},
};

const SUBSCRIBERS: usize = 500;

/// A second of one layer: 30 pictures of four packets, the first of them a key frame, in three temporal layers.
fn second_of(layer: u8) -> Vec<Incoming> {
    (0_u16..120)
        .map(|i| {
            let picture = i / 4;
            let temporal = [0, 2, 1, 2][usize::from(picture % 4)];
            let numbers = Picture { picture_id: picture, tl0_pic_idx: 0 };
            let head = vp8::layered_head(i % 4 == 0, picture == 0, numbers, temporal, false);
            Incoming {
                layer: LayerId(layer),
                source: 0,
                seq: u64::from(i),
                timestamp: u32::from(picture) * 3000,
                picture: Descriptor::parse(&head),
            }
        })
        .collect()
}

fn forward(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward");
    group.throughput(Throughput::Elements(SUBSCRIBERS as u64 * 120));
    let packets = second_of(2);
    let fan_out = |subscribers: &mut [Forwarder]| {
        for packet in &packets {
            for subscriber in &mut *subscribers {
                black_box(subscriber.handle_packet(Instant::from_millis(packet.seq), black_box(packet)));
            }
        }
    };
    let thinned = Layer { spatial: LayerId(2), temporal: TemporalId(0) };
    for (what, target) in [("forwarded", Layer::whole(LayerId(2))), ("thinned_out", thinned), ("dropped", Layer::whole(LayerId(0)))] {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(target));
        let subscribers = vec![forwarder; SUBSCRIBERS];
        group.bench_function(what, |b| {
            b.iter_batched_ref(|| subscribers.clone(), |subscribers| fan_out(subscribers), BatchSize::LargeInput);
        });
    }
    let head = vp8::head(true, true, 1234, 56);
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse_descriptor", |b| b.iter(|| Descriptor::parse(black_box(&head))));
    group.finish();
}

fn key_frames(c: &mut Criterion) {
    let mut requests = KeyFrameRequests::default();
    for stream in 0..49 {
        requests.want(Instant::ZERO, StreamId(stream), LayerId(2));
    }
    c.bench_function("key_frames/want_again", |b| {
        b.iter(|| requests.want(black_box(Instant::from_millis(5)), StreamId(24), LayerId(2)));
    });
}

criterion_group!(benches, forward, key_frames);
criterion_main!(benches);
