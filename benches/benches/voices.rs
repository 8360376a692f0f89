//! What a level costs, with ten speakers and with a thousand: what is heard and what is decided, each speaker sending a packet every 20 ms.
//!
//! Under 100 ns is asked for a thousand. A level has to find its speaker among all of them, and its share of the decisions is the same however many there are.

use core::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_core::{
    audio::{AudioLevel, Loudest},
    id::{MemberId, UserId},
    limits,
    rng::Rng,
    time::Instant,
};

const SIZES: [u32; 2] = [10, 1_000];
const PACKET: Duration = Duration::from_millis(20);

/// Speakers, and levels that waver as those of speech do, drawn beforehand.
fn levels(c: &mut Criterion) {
    let mut group = c.benchmark_group("loudest");
    group.throughput(Throughput::Elements(1));
    for size in SIZES {
        let users: Vec<(MemberId, UserId)> =
            (1..=size).map(|number| (MemberId(number), UserId::new(&format!("user-{number}")).expect("a valid id"))).collect();
        let mut rng = Rng::new(1);
        let levels: Vec<AudioLevel> =
            (0..65_536).filter_map(|_| AudioLevel::new(u8::try_from(25 + rng.below(30)).expect("a small number"))).collect();
        group.bench_function(BenchmarkId::new("level", size), |b| {
            let mut loudest: Loudest<MemberId, UserId> = Loudest::new(limits::LOUDEST, 1);
            let (mut now, mut packet) = (Instant::ZERO, 0);
            b.iter(|| {
                let who = packet % users.len();
                if who == 0 {
                    now = now.saturating_add(PACKET);
                    black_box(loudest.handle_timeout(now));
                }
                let (member, user) = &users[who];
                loudest.hear(now, *member, user, black_box(levels[packet % levels.len()]));
                packet += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, levels);
criterion_main!(benches);
