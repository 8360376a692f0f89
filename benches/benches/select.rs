//! What one plan costs: a new estimate of one subscriber, for 1, 10 and 49 streams of nine layers each.
//!
//! `half` has a budget for about half of what is wanted, so that the order of steps matters; `all` has enough for everything; `stage` is `half` with one stream of higher priority; `panel` is `half` with every other one
//! of higher priority, which fill the budget, so that steps are merged one by one: the worst case; `alone` is `half` without a planner that is kept, so that each plan takes its memory anew.

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_core::{
    id::{LayerId, StreamId, TemporalId},
    select::{Budget, Demand, Layer, Planner, Priority, Rung, Source, allocate},
    stream::BitsPerSecond,
};

/// Three simulcast encodings (180p, 360p, 720p) at 7.5, 15 and 30 pictures a second: the ladder of Jitsi Videobridge's tests.
const LADDER_BPS: [BitsPerSecond; 9] = [49_500, 99_000, 150_000, 165_000, 330_000, 500_000, 660_000, 1_320_000, 2_000_000];

fn rungs(stretch_bps: BitsPerSecond) -> Vec<Rung> {
    let layers = (0..9).map(|at| Layer { spatial: LayerId(at / 3), temporal: TemporalId(at % 3) });
    layers.zip(LADDER_BPS).map(|(layer, bps)| Rung { layer, bps: bps + stretch_bps }).collect()
}

fn plan(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    for streams in [1_u32, 10, 49] {
        // No two streams have the same rates, as none have that are measured.
        let ladders: Vec<Vec<Rung>> = (0..streams).map(|at| rungs(u64::from(at) * 7919 % 10_000)).collect();
        let demands = |on_stage: fn(u32) -> bool| -> Vec<Demand<'_>> {
            let priority = |at| Priority(u8::from(on_stage(at)));
            (0..streams)
                .zip(&ladders)
                .map(|(at, rungs)| Demand {
                    stream: StreamId(at),
                    source: Source::Camera,
                    priority: priority(at),
                    insists: false,
                    rungs,
                    current: Some(rungs[4].layer),
                })
                .collect()
        };
        let (tile, stage, panel) = (demands(|_| false), demands(|at| at == 0), demands(|at| at % 2 == 0));
        let half = Budget { keep_bps: u64::from(streams) * 1_100_000, climb_bps: u64::from(streams) * 1_000_000 };
        group.throughput(Throughput::Elements(u64::from(streams)));
        let cases = [("half", half, &tile), ("all", Budget::of(u64::MAX), &tile), ("stage", half, &stage), ("panel", half, &panel)];
        for (name, budget, demands) in cases {
            let mut planner = Planner::default();
            group.bench_with_input(BenchmarkId::new(name, streams), demands, |b, demands| {
                b.iter(|| planner.plan(black_box(budget), black_box(demands)).used_bps);
            });
        }
        group.bench_with_input(BenchmarkId::new("alone", streams), &tile, |b, demands| {
            b.iter(|| allocate(black_box(half), black_box(demands)));
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
