//! TCP over the links: responses to loss, sawtooths, shares.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{MBPS, Measure, SIZE, float, millis, ms, nanos, plain, share, tail, wire};
use crate::net::{
    codel::CoDelConfig,
    fq_codel::FqCoDelConfig,
    link::{LinkConfig, Loss, Queue, QueueLimit},
    tcp::{Algorithm, SenderConfig},
    traffic::{Dumbbell, Flow, FlowConfig},
};

pub(super) const MEASURES: &[(&str, Measure)] = &[
    ("mathis", |_, seed| {
        let segments = under_random_loss(Algorithm::Reno, 10_000_000, 600, seed);
        vec![float(segments * 1200 * 8) / 600.0]
    }),
    ("cubic-response", |_, seed| {
        let segments = under_random_loss(Algorithm::Cubic, 100_000, 3000, seed);
        vec![float(segments) / 3000.0 * 0.1]
    }),
    ("aimd-buffer-5", |_, _| sawtooth(5)),
    ("aimd-buffer-25", |_, _| sawtooth(25)),
    ("aimd-buffer-100", |_, _| sawtooth(100)),
    ("aimd-fair", |_, seed| {
        let fq_codel = Queue::FqCoDel(FqCoDelConfig::default(), QueueLimit::Packets(10_240));
        vec![four_flows(fq_codel, seed), four_flows(tail(QueueLimit::Bytes(125_000)), seed)]
    }),
    ("codel-tcp", |_, _| {
        let (reno, cubic) = (over_codel(Algorithm::Reno, 20, 320), over_codel(Algorithm::Cubic, 0, 60));
        vec![cubic[0], reno[0], reno[1], cubic[1]]
    }),
];

fn transfer(algorithm: Algorithm, begins: Instant, packet_bytes: u32) -> FlowConfig {
    FlowConfig { flow: Flow::Tcp(SenderConfig { algorithm, ..SenderConfig::default() }), begins, packet_bytes }
}

fn arrived(dumbbell: &Dumbbell) -> u64 {
    dumbbell.reports().map(|report| report.arrived).sum()
}

/// How many segments a transfer gets through in so many seconds, over 50 ms each way with random loss there.
fn under_random_loss(algorithm: Algorithm, loss_ppb: u32, secs: u64, seed: u64) -> u64 {
    let there = LinkConfig { loss: Loss::independent(loss_ppb), ..wire(ms(50)) };
    let mut dumbbell = Dumbbell::new(there, wire(ms(50)), &[transfer(algorithm, Instant::ZERO, 1200)], seed);
    dumbbell.run(Instant::from_secs(secs));
    arrived(&dumbbell)
}

/// How much of 20 Mbps a Reno flow uses over 100 ms, with a buffer of so many parts of a hundred of what is under way: 200 packets of 1250 bytes.
fn sawtooth(buffer_percent: u32) -> Vec<f64> {
    let there = LinkConfig { queue: tail(QueueLimit::Packets(2 * buffer_percent)), delay: ms(50), ..plain(20 * MBPS) };
    let mut dumbbell = Dumbbell::new(there, wire(ms(50)), &[transfer(Algorithm::Reno, Instant::ZERO, SIZE)], 1);
    // Slow start overshoots and loses much at once; two minutes later it is forgotten.
    dumbbell.run(Instant::from_secs(120));
    let before = arrived(&dumbbell);
    dumbbell.run(Instant::from_secs(720));
    vec![share((arrived(&dumbbell) - before) * u64::from(SIZE) * 8, 600 * 20 * MBPS)]
}

/// Jain's index of four flows that share 20 Mbps.
fn four_flows(queue: Queue, seed: u64) -> f64 {
    let there = LinkConfig { queue, delay: ms(25), ..plain(20 * MBPS) };
    let begins = |n: u64| Instant::from_millis(n * 137 + seed % 100);
    let flows: Vec<FlowConfig> = (0..4).map(|n| transfer(Algorithm::Reno, begins(n), SIZE)).collect();
    let mut dumbbell = Dumbbell::new(there, wire(ms(25)), &flows, seed);
    dumbbell.run(Instant::from_secs(200));
    let shares: Vec<f64> = dumbbell.reports().map(|report| float(report.arrived)).collect();
    let (sum, squares) = (shares.iter().sum::<f64>(), shares.iter().map(|share| share * share).sum::<f64>());
    sum * sum / (4.0 * squares)
}

/// How much of 10 Mbps a flow uses over 100 ms behind CoDel between two times, and the median of what its packets took beyond propagation, in ms.
fn over_codel(algorithm: Algorithm, from_s: u64, to_s: u64) -> [f64; 2] {
    let queue = Queue::CoDel(CoDelConfig::default(), QueueLimit::Unlimited);
    let there = LinkConfig { queue, delay: ms(50), ..plain(10 * MBPS) };
    let mut dumbbell = Dumbbell::new(there, wire(ms(50)), &[transfer(algorithm, Instant::ZERO, SIZE)], 1);
    dumbbell.run(Instant::from_secs(from_s));
    let before = arrived(&dumbbell);
    dumbbell.run(Instant::from_secs(to_s));
    let mut sojourns: Vec<Duration> =
        dumbbell.reports().flat_map(|report| &report.delays).map(|delay| delay.saturating_sub(ms(50))).collect();
    sojourns.sort_unstable();
    let median = sojourns.get(sojourns.len() / 2).map_or(f64::NAN, |sojourn| millis(nanos(*sojourn)));
    [share((arrived(&dumbbell) - before) * u64::from(SIZE) * 8, (to_s - from_s) * 10 * MBPS), median]
}
