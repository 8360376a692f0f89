//! What is exact: serialisation, drop-tail, token buckets, the queues that decide later, traces, holds, determinism.

use core::time::Duration;
use std::thread;

use greenroom_core::time::Instant;

use super::{MBPS, Measure, SIZE, arrival, as_ms, float, is_lost, millis, ms, nanos, plain, share, span, stepped, tail, wire};
use crate::{
    net::{
        clock::HostClock,
        codel::CoDelConfig,
        fq_codel::FqCoDelConfig,
        link::{BucketConfig, Capacity, Decision, DropReason, Jitter, Link, LinkConfig, Loss, Queue, QueueLimit, Reorder, Spread, Verdict},
        pipe::{Fate, Pipe},
        trace::Trace,
        traffic::{Dumbbell, Flow, FlowConfig},
    },
    random::Stream,
};

pub(super) const MEASURES: &[(&str, Measure)] = &[
    ("ser-1", |_, _| train(LinkConfig { delay: ms(50), ..plain(MBPS) }, 1)),
    ("ser-burst", |_, _| train(LinkConfig { delay: ms(50), ..plain(MBPS) }, 5)),
    ("ser-subms", |_, _| sub_millisecond()),
    ("ser-tandem", |_, _| tandem()),
    ("overhead", |_, _| overhead()),
    ("rate-change-mid-packet", |_, _| one(stepped(&[(0, 1000), (500, 10_000)]))),
    ("rate-zero-resume", |_, _| one(stepped(&[(0, 0), (500, 10_000), (510, 0), (610, 10_000)]))),
    ("rate-fluid", |_, seed| fluid(seed)),
    ("saturation", |_, _| saturation()),
    ("conservation", |_, seed| conservation(seed)),
    ("droptail-accept", |_, _| accepted_of_a_burst()),
    ("droptail-maxdelay", |_, _| longest_wait()),
    ("overload-loss", |_, _| overload()),
    ("buffer-not-bdp", |_, _| propagating_takes_no_room()),
    ("policer", |_, _| policer()),
    ("policer-burst", |_, _| policer_burst()),
    ("shaper", |_, _| shaper(Capacity::unlimited())),
    ("shaper-peak", |_, _| shaper(Capacity::constant(10 * MBPS))),
    ("codel-no-drop", |_, _| codel_without_drops()),
    ("codel-first-drop", |_, _| codel_first_drop()),
    ("codel-schedule", |_, _| codel_schedule()),
    ("codel-reentry", |_, _| codel_again(500)),
    ("codel-forget", |_, _| codel_again(3000)),
    ("fq-codel-drr", |_, _| two_saturating_flows()),
    ("fq-codel-many", |_, _| many_saturating_flows()),
    ("fq-codel-sparse", |_, _| a_sparse_flow()),
    ("mahimahi-constant", |_, _| opportunities_each_millisecond()),
    ("mahimahi-semantics", |_, _| opportunities()),
    ("mahimahi-mean", |_, _| mean_of_a_trace()),
    ("hold", |_, _| hold()),
    ("asymmetry", |_, _| asymmetry()),
    ("shared-uplink", |_, seed| shared_uplink(seed)),
    ("clock-drift", |_, _| drift()),
    ("determinism-same", |_, seed| same_twice(seed)),
    ("determinism-streams", |_, seed| streams_apart(seed)),
    ("replay", |_, seed| replayed(seed)),
];

/// The arrivals of a train that comes at once, in ms.
fn train(config: LinkConfig, packets: u64) -> Vec<f64> {
    let mut link = Link::new(config, 1, "link");
    (0..packets).filter_map(|_| arrival(&mut link, Instant::ZERO, SIZE)).map(as_ms).collect()
}

/// The arrival of one packet of 125 bytes, in ms.
fn one(config: LinkConfig) -> Vec<f64> {
    arrival(&mut Link::new(config, 1, "link"), Instant::ZERO, 125).map(as_ms).into_iter().collect()
}

fn sub_millisecond() -> Vec<f64> {
    let fifth = |rate| {
        let mut link = Link::new(plain(rate), 1, "link");
        (0..5).filter_map(|_| arrival(&mut link, Instant::ZERO, 1200)).last()
    };
    let small = arrival(&mut Link::new(plain(3 * MBPS), 1, "link"), Instant::ZERO, 100);
    [fifth(20 * MBPS), fifth(3 * MBPS), small].into_iter().flatten().map(|at| float(at.as_nanos())).collect()
}

fn tandem() -> Vec<f64> {
    let mut first = Link::new(LinkConfig { delay: ms(5), ..plain(10 * MBPS) }, 1, "first");
    let mut second = Link::new(LinkConfig { delay: ms(20), ..plain(MBPS) }, 1, "second");
    let between = (0..5).filter_map(|_| arrival(&mut first, Instant::ZERO, SIZE));
    between.filter_map(|between| arrival(&mut second, between, SIZE)).map(as_ms).collect()
}

fn overhead() -> Vec<f64> {
    one(LinkConfig { overhead_bytes: 125, ..plain(1000) }).iter().map(|ms| ms / 1000.0).collect()
}

/// The fluid answer, worked out in another way: integrate the schedule and look when the sum of the bits is reached.
fn fluid(seed: u64) -> Vec<f64> {
    let mut draws = Stream::new(seed, "fluid", "test");
    let mut at = 0;
    let mut steps = Vec::new();
    for _ in 0..200 {
        steps.push((at, draws.below(7_000_003)));
        at += 1 + draws.below(40);
    }
    steps.push((at, 1_234_567));
    let mut link = Link::new(stepped(&steps), seed, "link");
    let carried_until = |ns: u64| -> u128 {
        let ends = steps.iter().skip(1).map(|step| step.0 * 1_000_000).chain([u64::MAX]);
        let carried = |(step, end): (&(u64, u64), u64)| u128::from(end.min(ns).saturating_sub(step.0 * 1_000_000)) * u128::from(step.1);
        steps.iter().zip(ends).map(carried).sum()
    };
    let (mut sent_bits, mut off) = (0_u128, 0);
    for _ in 0..400 {
        let size = u32::try_from(40 + draws.below(1460)).expect("small");
        sent_bits += u128::from(size) * 8;
        let end = arrival(&mut link, Instant::ZERO, size).map_or(0, Instant::as_nanos);
        let is_first = carried_until(end) >= sent_bits * 1_000_000_000 && carried_until(end.saturating_sub(1)) < sent_bits * 1_000_000_000;
        off += u64::from(!is_first);
    }
    vec![float(off)]
}

fn saturation() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: tail(QueueLimit::Packets(10)), ..plain(MBPS) }, 1, "link");
    let arrivals = (0..20_000).filter_map(|n| arrival(&mut link, Instant::from_millis(5 * n), SIZE));
    vec![float(arrivals.filter(|at| *at <= Instant::from_secs(100)).count() as u64)]
}

/// A link with every effect that there is.
fn rough(queue: Queue) -> LinkConfig {
    LinkConfig {
        queue,
        shaper: Some(BucketConfig { rate_bps: 2 * MBPS, burst_bytes: 20_000 }),
        policer: Some(BucketConfig { rate_bps: 3 * MBPS, burst_bytes: 30_000 }),
        delay: ms(20),
        jitter: Jitter { spread: Spread::Normal { std_ns: 5_000_000, clip_ns: 15_000_000 }, reorder: true },
        loss: Loss::Gilbert { enter_ppb: 20_000_000, leave_ppb: 300_000_000 },
        reorder: Reorder { late_ppb: 10_000_000, by: ms(30) },
        mtu_bytes: Some(1400),
        outages: vec![span(3000, 3200)],
        holds: vec![span(5000, 5300)],
        ..stepped(&[(0, MBPS), (4000, 0), (4500, 3 * MBPS), (9000, MBPS)])
    }
}

fn queues() -> [Queue; 3] {
    let limit = QueueLimit::Bytes(30_000);
    [tail(limit), Queue::CoDel(CoDelConfig::default(), limit), Queue::FqCoDel(FqCoDelConfig::default(), limit)]
}

/// Packets of three flows and all sizes, 1.5 Mbps on average.
fn offers(seed: u64, packets: u64) -> impl Iterator<Item = (Instant, u32, u32)> {
    let mut draws = Stream::new(seed, "offers", "test");
    let mut now = 0;
    (0..packets).map(move |_| {
        now += draws.below(8_000_000);
        let size = u32::try_from(100 + draws.below(1350)).expect("small");
        (Instant::from_nanos(now), size, u32::try_from(draws.below(3)).expect("small"))
    })
}

fn conservation(seed: u64) -> Vec<f64> {
    let mut largest = 0;
    for queue in queues() {
        let mut pipe = Pipe::new(rough(queue), seed, "link");
        let (mut sent, mut arrived, mut dropped) = (0_u64, 0_u64, 0_u64);
        for (now, size, flow) in offers(seed, 20_000) {
            pipe.send(now, size, flow, ());
            sent += 1;
            if sent.is_multiple_of(100) {
                while let Some((_, fate)) = pipe.poll_output() {
                    match fate {
                        Fate::Arrived(()) => arrived += 1,
                        Fate::Dropped((), _) => dropped += 1,
                    }
                }
                largest = largest.max(sent.abs_diff(arrived + dropped + pipe.in_flight() as u64));
            }
        }
        largest = largest.max(pipe.link().drops().total().abs_diff(dropped));
    }
    vec![float(largest)]
}

fn accepted_of_a_burst() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: tail(QueueLimit::Bytes(37_500)), ..plain(MBPS) }, 1, "link");
    vec![float((0..100).filter_map(|_| arrival(&mut link, Instant::ZERO, SIZE)).count() as u64)]
}

fn longest_wait() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: tail(QueueLimit::Time(ms(300))), ..plain(MBPS) }, 1, "link");
    let waits = (0..20_000).filter_map(|n| {
        let now = Instant::from_millis(5 * n);
        arrival(&mut link, now, SIZE).map(|at| nanos(at.saturating_since(now)) - 10_000_000)
    });
    vec![millis(waits.max().unwrap_or(0))]
}

fn overload() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: tail(QueueLimit::Time(ms(300))), ..plain(MBPS) }, 1, "link");
    let arrived = (0..12_500).filter_map(|n| arrival(&mut link, Instant::from_millis(8 * n), SIZE)).count() as u64;
    vec![1.0 - share(arrived, 12_500)]
}

fn propagating_takes_no_room() -> Vec<f64> {
    let config = LinkConfig { queue: tail(QueueLimit::Bytes(30_000)), delay: ms(100), ..plain(10 * MBPS) };
    let mut link = Link::new(config, 1, "link");
    let arrived = (0..10_000).filter_map(|n| arrival(&mut link, Instant::from_micros(1250 * n), SIZE)).count() as u64;
    vec![float(10_000 - arrived)]
}

fn policer() -> Vec<f64> {
    let policer = Some(BucketConfig { rate_bps: 2 * MBPS, burst_bytes: 15_000 });
    let mut link = Link::new(LinkConfig { policer, ..wire(Duration::ZERO) }, 1, "link");
    let arrived = (0..25_000).filter_map(|n| arrival(&mut link, Instant::from_millis(4 * n), SIZE)).count() as u64;
    vec![1.0 - share(arrived, 25_000)]
}

fn policer_burst() -> Vec<f64> {
    let policer = Some(BucketConfig { rate_bps: MBPS, burst_bytes: 12_500 });
    let mut link = Link::new(LinkConfig { policer, ..wire(Duration::ZERO) }, 1, "link");
    let mut accepted = |at, packets: u64| (0..packets).filter_map(|_| arrival(&mut link, Instant::from_millis(at), SIZE)).count() as u64;
    vec![float(accepted(0, 100)), float(accepted(10, 10))]
}

fn shaper(capacity: Capacity) -> Vec<f64> {
    let shaper = Some(BucketConfig { rate_bps: MBPS, burst_bytes: 12_500 });
    let departures = train(LinkConfig { capacity, shaper, ..wire(Duration::ZERO) }, 100);
    [9, 10, 99].into_iter().filter_map(|n| departures.get(n).copied()).collect()
}

/// What a queue decided, packet by packet: the decision, when it came, its size and its flow.
fn decided(link: &mut Link, offers: impl Iterator<Item = (Instant, u32, u32)>) -> Vec<(Decision, Instant, u32, u32)> {
    let offers: Vec<_> = offers.collect();
    let mut decided = Vec::with_capacity(offers.len());
    let mut hear = |link: &mut Link| {
        while let Some(decision) = link.poll_output() {
            let (came, size, flow) = offers[usize::try_from(decision.packet).expect("an index")];
            decided.push((decision, came, size, flow));
        }
    };
    for (now, size, flow) in &offers {
        link.offer_in_flow(*now, *size, *flow);
        hear(link);
    }
    link.handle_timeout(Instant::from_secs(1_000_000));
    hear(link);
    decided
}

fn codel() -> Queue {
    Queue::CoDel(CoDelConfig::default(), QueueLimit::Unlimited)
}

fn steady(from: Duration, gap: Duration, packets: u32, size: u32) -> impl Iterator<Item = (Instant, u32, u32)> {
    (0..packets).map(move |n| (Instant::ZERO.saturating_add(from + gap * n), size, 0))
}

fn codel_without_drops() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: codel(), ..plain(10 * MBPS) }, 1, "link");
    decided(&mut link, steady(Duration::ZERO, Duration::from_nanos(1_052_632), 95_000, SIZE));
    vec![float(link.drops().total())]
}

fn is_aqm(decision: &Decision) -> bool {
    decision.verdict == Verdict::Drop(DropReason::Aqm)
}

fn codel_first_drop() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: codel(), ..plain(10 * MBPS) }, 1, "link");
    let decided = decided(&mut link, steady(Duration::ZERO, Duration::from_micros(500), 2000, SIZE));
    let above = decided.iter().find(|(decision, came, ..)| decision.at.saturating_since(*came) >= ms(5));
    let dropped = decided.iter().find(|(decision, ..)| is_aqm(decision));
    let (Some(above), Some(dropped)) = (above, dropped) else { return Vec::new() };
    vec![millis(nanos(dropped.0.at.saturating_since(above.0.at))); 2]
}

fn codel_schedule() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: codel(), ..plain(10 * MBPS) }, 1, "link");
    let decided = decided(&mut link, steady(Duration::ZERO, Duration::from_micros(50), 40_000, 125));
    let drops: Vec<Instant> = decided.iter().filter(|(decision, ..)| is_aqm(decision)).map(|(decision, ..)| decision.at).collect();
    drops.iter().skip(1).take(5).map(|at| millis(nanos(at.saturating_since(drops[0])))).collect()
}

/// The count with which the dropping state begins anew after a pause, from the time to its second drop; less the one expected, if it is to be remembered.
fn codel_again(pause_ms: u64) -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: codel(), ..plain(10 * MBPS) }, 1, "link");
    let burst = |from| steady(from, Duration::from_micros(50), 8000, 125);
    // The first overload of 400 ms is served by 800 ms at the latest.
    let again = ms(800 + pause_ms);
    let decided = decided(&mut link, burst(Duration::ZERO).chain(burst(again)));
    let since = Instant::ZERO.saturating_add(again);
    let drops = decided.iter().filter(|(decision, ..)| is_aqm(decision)).map(|(decision, ..)| decision.at);
    let (before, after): (Vec<Instant>, Vec<Instant>) = drops.partition(|at| *at < since);
    let [first, second, ..] = after.as_slice() else { return Vec::new() };
    let count = (100.0 / millis(nanos(second.saturating_since(*first)))).powi(2).round();
    // The first time it began with one; every further drop added one.
    vec![if pause_ms < 1600 { count - (float(before.len() as u64) - 1.0) } else { count }]
}

fn fq_codel() -> Queue {
    Queue::FqCoDel(FqCoDelConfig::default(), QueueLimit::Packets(10_240))
}

/// Bytes that each of these flows is served while all have work, at 10 Mbps, each `(size, gap in µs)`; and the largest difference between the first two on the way.
fn served_bytes(flows: &[(u32, u64)], secs: u64) -> (Vec<u64>, u64) {
    let offers_of = |(flow, (size, gap_us)): (u32, &(u32, u64))| {
        let (size, gap_us) = (*size, *gap_us);
        (0..secs * 1_000_000 / gap_us).map(move |n| (Instant::from_micros(n * gap_us), size, flow))
    };
    let mut offers: Vec<_> = (0..).zip(flows).flat_map(offers_of).collect();
    offers.sort_by_key(|(at, _, flow)| (*at, *flow));
    let mut link = Link::new(LinkConfig { queue: fq_codel(), ..plain(10 * MBPS) }, 1, "link");
    let (mut bytes, mut largest) = (vec![0; flows.len()], 0);
    for (decision, _, size, flow) in decided(&mut link, offers.into_iter()) {
        if matches!(decision.verdict, Verdict::Deliver { .. }) && decision.at < Instant::from_secs(secs) {
            bytes[flow as usize] += u64::from(size);
            largest = largest.max(bytes[0].abs_diff(*bytes.get(1).unwrap_or(&0)));
        }
    }
    (bytes, largest)
}

fn two_saturating_flows() -> Vec<f64> {
    let (bytes, largest) = served_bytes(&[(1500, 1200), (300, 240)], 10);
    vec![float(largest), share(bytes[0], bytes[0] + bytes[1])]
}

fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| float(*share)).sum();
    let squares: f64 = shares.iter().map(|share| float(*share).powi(2)).sum();
    sum * sum / (float(shares.len() as u64) * squares)
}

fn many_saturating_flows() -> Vec<f64> {
    // Each sends twice its thirtieth of the capacity.
    let flows: Vec<(u32, u64)> = (0..30).map(|n| 100 + 48 * n).map(|size| (size, u64::from(size) * 8 * 30 / 20)).collect();
    vec![jain(&served_bytes(&flows, 30).0)]
}

fn a_sparse_flow() -> Vec<f64> {
    let mut offers: Vec<_> = (0..8000).map(|n| (Instant::from_micros(n * 1000), 1500, 0)).collect();
    offers.extend((0..400).map(|n| (Instant::from_micros(n * 20_000 + 333), 100, 1)));
    offers.sort_by_key(|(at, ..)| *at);
    let mut link = Link::new(LinkConfig { queue: fq_codel(), ..plain(10 * MBPS) }, 1, "link");
    let decided = decided(&mut link, offers.into_iter());
    let sparse: Vec<_> = decided.iter().filter(|(_, _, _, flow)| *flow == 1).collect();
    let longest = sparse.iter().map(|(decision, came, ..)| nanos(decision.at.saturating_since(*came))).max().unwrap_or(u64::MAX);
    let lost = sparse.iter().filter(|(decision, ..)| matches!(decision.verdict, Verdict::Drop(_))).count() as u64;
    vec![millis(longest), float(lost + 400 - sparse.len() as u64)]
}

fn traced(opportunities_ms: &[u32]) -> LinkConfig {
    let trace = Trace::new(opportunities_ms.to_vec()).expect("a trace");
    LinkConfig { capacity: Capacity::Trace(trace), ..wire(Duration::ZERO) }
}

fn opportunities_each_millisecond() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { queue: tail(QueueLimit::Packets(50)), ..traced(&[1]) }, 1, "link");
    let arrivals = (0..20_000).filter_map(|n| arrival(&mut link, Instant::from_micros(500 * n), 1500));
    vec![float(arrivals.filter(|at| *at <= Instant::from_secs(10)).count() as u64 * 1500 * 8) / 10.0]
}

fn opportunities() -> Vec<f64> {
    let mut link = Link::new(traced(&[10, 10, 25]), 1, "link");
    let offers = [(0, 750), (0, 750), (0, 750), (26, 750), (40, 1500), (40, 1500)];
    offers.iter().filter_map(|(at, size)| arrival(&mut link, Instant::from_millis(*at), *size)).map(as_ms).collect()
}

fn mean_of_a_trace() -> Vec<f64> {
    // Spread over the time as whole milliseconds allow.
    let times = (1..=69_367_u64).map(|n| u32::try_from(n * 140_000 / 69_367).expect("a time")).collect();
    vec![float(Trace::new(times).expect("a trace").mean_bps())]
}

fn hold() -> Vec<f64> {
    let mut link = Link::new(LinkConfig { holds: vec![span(1000, 2000)], ..wire(ms(10)) }, 1, "link");
    let arrivals: Vec<Instant> = (0..300).filter_map(|n| arrival(&mut link, Instant::from_millis(10 * n), 100)).collect();
    let within = |at: &&Instant| **at >= Instant::from_secs(1) && **at < Instant::from_secs(2);
    let as_it_ends = arrivals.iter().filter(|at| **at == Instant::from_secs(2)).count() as u64;
    let inverted = arrivals.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
    // The packet that is due just as it ends is none of those that were held.
    let held = as_it_ends.saturating_sub(1);
    vec![float(arrivals.iter().filter(within).count() as u64), float(held), float(300 - arrivals.len() as u64), float(inverted)]
}

fn asymmetry() -> Vec<f64> {
    let there = LinkConfig { queue: tail(QueueLimit::Packets(20)), delay: ms(10), ..plain(MBPS) };
    let back = LinkConfig { queue: tail(QueueLimit::Packets(20)), delay: ms(80), ..plain(10 * MBPS) };
    let bps = |config: &LinkConfig, every_us: u64| {
        let mut link = Link::new(config.clone(), 1, "link");
        let end = Instant::from_secs(10).saturating_add(config.delay);
        let arrivals = (0..10_000_000 / every_us).filter_map(|n| arrival(&mut link, Instant::from_micros(n * every_us), SIZE));
        float(arrivals.filter(|at| *at <= end).count() as u64 * u64::from(SIZE) * 8) / 10.0
    };
    let turned = arrival(&mut Link::new(there.clone(), 1, "there"), Instant::ZERO, 0);
    let idle = turned.and_then(|turned| arrival(&mut Link::new(back.clone(), 1, "back"), turned, 0));
    vec![bps(&there, 5000), bps(&back, 500), idle.map_or(f64::NAN, as_ms)]
}

fn shared_uplink(seed: u64) -> Vec<f64> {
    let uplink = LinkConfig { queue: tail(QueueLimit::Time(ms(300))), ..plain(MBPS) };
    let client = |n| FlowConfig { flow: Flow::Poisson(MBPS / 2), begins: Instant::from_millis(n), packet_bytes: SIZE };
    let mut dumbbell = Dumbbell::new(uplink, wire(Duration::ZERO), &[client(0), client(1), client(2)], seed);
    dumbbell.run(Instant::from_secs(600));
    let (mut sent, mut arrived, mut longest) = (0, 0, Duration::ZERO);
    for report in dumbbell.reports() {
        (sent, arrived) = (sent + report.sent, arrived + report.arrived);
        longest = longest.max(report.delays.iter().copied().max().unwrap_or(Duration::ZERO));
    }
    vec![share(arrived, sent), millis(nanos(longest)) - 10.0]
}

fn drift() -> Vec<f64> {
    let hour = Instant::from_secs(3600);
    vec![millis(HostClock::drifting_ppm(50).shows(hour).as_nanos() - hour.as_nanos())]
}

/// Everything that became of packets on rough links.
fn story(seed: u64) -> Vec<(u64, Verdict)> {
    let mut story = Vec::new();
    for queue in queues() {
        let config = LinkConfig { duplicate_ppb: 10_000_000, ..rough(queue) };
        story.extend(tell(&mut Link::new(config, seed, "link"), seed));
    }
    story
}

/// Everything that becomes of packets on one link.
fn tell(link: &mut Link, seed: u64) -> Vec<(u64, Verdict)> {
    let mut told = Vec::new();
    for (number, (now, size, flow)) in (0..).zip(offers(seed, 5000)) {
        told.push((number, link.offer_in_flow(now, size, flow)));
        while let Some(decision) = link.poll_output() {
            told.push((decision.packet, decision.verdict));
        }
    }
    told
}

fn same_twice(seed: u64) -> Vec<f64> {
    let here = story(seed);
    let there = thread::spawn(move || story(seed)).join().unwrap_or_default();
    let differ = here.iter().zip(&there).filter(|(one, other)| one != other).count() + here.len().abs_diff(there.len());
    vec![float(differ as u64)]
}

/// What becomes of packets by the luck that was kept, under a seed that has another: none of it may be drawn.
fn replayed(seed: u64) -> Vec<f64> {
    let mut differ = 0;
    for queue in queues() {
        let config = LinkConfig { duplicate_ppb: 10_000_000, ..rough(queue) };
        let mut link = Link::new(config.clone(), seed, "link");
        link.keep_luck();
        let told = tell(&mut link, seed);
        let luck = link.take_luck();
        differ += told.iter().zip(tell(&mut Link::replaying(config.clone(), luck), seed)).filter(|(one, other)| *one != other).count();
        // Another seed tells another story, so there was something to keep.
        differ += usize::from(told == tell(&mut Link::new(config, seed + 1, "link"), seed)) * told.len();
    }
    vec![float(differ as u64)]
}

fn streams_apart(seed: u64) -> Vec<f64> {
    let lossy = LinkConfig { loss: Loss::independent(50_000_000), ..plain(MBPS) };
    let losses = |config: LinkConfig, neighbour: bool| -> Vec<bool> {
        let mut beside = neighbour.then(|| Link::new(lossy.clone(), seed, "another"));
        let mut link = Link::new(config, seed, "link");
        let mut lost = vec![false; 5000];
        let mut note = |number: u64, verdict| {
            if is_lost(verdict) {
                lost[usize::try_from(number).expect("an index")] = true;
            }
        };
        for n in 0..5000 {
            let now = Instant::from_millis(20 * n);
            if let Some(beside) = &mut beside {
                beside.offer(now, SIZE);
            }
            note(n, link.offer(now, SIZE));
            while let Some(decision) = link.poll_output() {
                note(decision.packet, decision.verdict);
            }
        }
        lost
    };
    let reference = losses(lossy.clone(), false);
    let jitter = Jitter { spread: Spread::Uniform { min_ns: 0, max_ns: 9_000_000 }, reorder: true };
    let reorder = Reorder { late_ppb: 500_000_000, by: ms(9) };
    let others = [
        losses(lossy.clone(), true),
        losses(LinkConfig { jitter, reorder, duplicate_ppb: 500_000_000, ..lossy.clone() }, false),
        losses(LinkConfig { queue: codel(), ..lossy.clone() }, false),
    ];
    let differ: usize = others.iter().map(|other| reference.iter().zip(other).filter(|(one, other)| one != other).count()).sum();
    // If nothing were ever lost, nothing would be shown.
    vec![if reference.contains(&true) { float(differ as u64) } else { f64::NAN }]
}
