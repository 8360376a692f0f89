//! What quality costs: one window of one direction, and the windows of a big room as a share of one core.
//!
//! `one window` is a scorer's update, for windows of each kind; `windows of 10,000 members` is one round of both directions of each, which comes every two seconds: its time divided by two seconds is
//! the share of a core. `counters` is a stream's look at its counters and a window made of them.

use core::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_core::{
    quality::{Activity, Counters, Gauge, Meter, Quality, Reading, Rules, Scorer, Share, Window},
    rng::Rng,
};

const MEMBERS: usize = 10_000;

/// Windows as links make them: most are clean, and the others have something of everything.
fn windows(count: usize) -> Vec<Reading> {
    let mut rng = Rng::new(1);
    let mut window = |at: usize| {
        if at.is_multiple_of(2) {
            return Reading::Measured(Window {
                rtt: Duration::from_millis(40),
                target_bps: 1_500_000,
                actual_bps: 1_450_000,
                ..Window::CLEAN
            });
        }
        Reading::Measured(Window {
            rtt: Duration::from_micros(rng.below(800_000)),
            jitter: Duration::from_micros(rng.below(60_000)),
            loss: Share::of(rng.below(200), 1000),
            target_bps: 1_500_000,
            actual_bps: rng.below(1_500_000),
            freeze: Duration::from_millis(rng.below(600)),
            ..Window::CLEAN
        })
    };
    (0..count).map(&mut window).collect()
}

fn one_window(c: &mut Criterion) {
    let rules = Rules::default();
    let mut group = c.benchmark_group("quality/one window");
    for (what, every) in [("clean", 2), ("all kinds", 1)] {
        let readings: Vec<Reading> = windows(1024).into_iter().step_by(every).collect();
        group.throughput(Throughput::Elements(readings.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(what), |b| {
            let mut scorer = Scorer::default();
            b.iter(|| {
                for reading in &readings {
                    black_box(scorer.update(&rules, black_box(reading)));
                }
            });
        });
    }
}

fn a_big_room(c: &mut Criterion) {
    let rules = Rules::default();
    let readings = windows(4099);
    let mut members = vec![Quality::default(); MEMBERS];
    let mut group = c.benchmark_group("quality");
    group.throughput(Throughput::Elements(MEMBERS as u64));
    let mut round = 0;
    group.bench_function("windows of 10,000 members", |b| {
        b.iter(|| {
            for (at, member) in members.iter_mut().enumerate() {
                let (up, down) = (&readings[(at + round) % readings.len()], &readings[(at * 7 + round) % readings.len()]);
                black_box(member.update(&rules, up, down));
            }
            round += 1;
        });
    });
}

fn counters(c: &mut Criterion) {
    let (rules, span) = (Rules::default(), Window::CLEAN.span);
    let (mut meter, mut gauge, mut counters) = (Meter::default(), Gauge::default(), Counters::default());
    c.bench_function("quality/counters", |b| {
        b.iter(|| {
            counters.sequence = counters.sequence.wrapping_add(200);
            counters.received = counters.received.wrapping_add(197);
            counters.octets = counters.octets.wrapping_add(180_000);
            if let Some(counted) = meter.read(black_box(counters)) {
                gauge.stream(&rules, span, &counted, Activity { target_bps: 800_000, active: span });
            }
            gauge.rtt(Duration::from_millis(40));
            black_box(gauge.close(&rules, span));
        });
    });
}

criterion_group!(benches, one_window, a_big_room, counters);
criterion_main!(benches);
