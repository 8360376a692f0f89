//! What quality costs: one window of one direction, and the windows of a big room as a share of one core.
//!
//! `one window` is a scorer's update, for windows of each kind; `windows of 10,000 members` is one round of both directions of each, which comes every two seconds: its time divided by two seconds is
//! the share of a core. `counters` is a stream's look at its counters and a window made of them. Before that, `bounds` prints each bound with what was measured, so that nobody has to divide.

use core::{hint::black_box, time::Duration};
use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use greenroom_core::{
    quality::{Activity, Counters, Gauge, Meter, Quality, Reading, Rules, Scorer, Share, Window},
    rng::Rng,
    stream::TrackKind,
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

/// Prints what is promised of the scorer and what was measured here. Times are those of the best of many rounds: what else runs on the machine is not the scorer's.
fn bounds(_: &mut Criterion) {
    const ROUNDS: usize = 50;
    let rules = Rules::default();
    let best = |round: &mut dyn FnMut()| {
        let took = (0..ROUNDS).map(|_| {
            let began = Instant::now();
            round();
            began.elapsed()
        });
        took.min().expect("there are rounds")
    };
    let say = |what: &str, bound: &str, measured: String, holds: bool| {
        println!("quality/bounds: {what}: {measured} (at most {bound}): {}", if holds { "ok" } else { "OVER" });
    };

    let (scorer, gauge) = (size_of::<Scorer>(), size_of::<Gauge>());
    say(
        "state of a direction",
        "128 bytes",
        format!("{} bytes, {scorer} of scorer and {gauge} of gauge", scorer + gauge),
        scorer + gauge <= 128,
    );

    let readings = windows(4099);
    let mut one = Scorer::default();
    let all = best(&mut || {
        for reading in &readings {
            black_box(one.update(&rules, black_box(reading)));
        }
    });
    let tenths = all.as_nanos() * 10 / readings.len() as u128;
    say("one window of one direction", "50 ns", format!("{}.{} ns", tenths / 10, tenths % 10), tenths <= 500);

    let mut members = vec![Quality::default(); MEMBERS];
    let round = best(&mut || {
        for (at, member) in members.iter_mut().enumerate() {
            black_box(member.update(&rules, &readings[at % readings.len()], &readings[at * 7 % readings.len()]));
        }
    });
    let share_ppm = round.as_nanos() * 1_000_000 / Window::CLEAN.span.as_nanos();
    let share = format!("{} µs every 2 s, {}.{:03} %", round.as_micros(), share_ppm / 10_000, share_ppm / 10 % 1000);
    say("both directions of 10,000 members", "1 % of a core", share, share_ppm <= 10_000);
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
                gauge.stream(&rules, span, TrackKind::Video, &counted, Activity { target_bps: 800_000, active: span });
            }
            gauge.rtt(Duration::from_millis(40));
            black_box(gauge.close(&rules, span));
        });
    });
}

criterion_group!(benches, bounds, one_window, a_big_room, counters);
criterion_main!(benches);
