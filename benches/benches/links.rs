//! How many packets a link decides about in a second, on one core, beside what a heap of events costs: the least that a simulator with an event for each arrival pays.
//!
//! A table to read and not a test to pass. Each row is run several times and the fastest counts; the ratio is to a push and a pop of a `BinaryHeap` that holds as much as the link has under way, in the
//! same run, so it travels between machines. `cargo bench -p greenroom-benches --bench links` measures; without `--bench` among the arguments each row is run once and short, to see that it runs.

use core::{cmp::Reverse, hint::black_box, time::Duration};
use std::{collections::BinaryHeap, process::ExitCode, time};

use greenroom_core::time::Instant;
use greenroom_sim::net::{
    codel::CoDelConfig,
    fq_codel::FqCoDelConfig,
    link::{Capacity, Jitter, Link, LinkConfig, Loss, Queue, QueueLimit, Spread},
    pipe::Pipe,
    trace::Trace,
};

/// Packets under way in the heap that is compared with: 100 ms at 10,000 packets a second.
const UNDER_WAY: u64 = 1000;
const RUNS: usize = 7;

/// A name, and what is done with so many packets; it answers with a number that hangs on all of them, so that nothing is left out.
type Row = (&'static str, fn(u64) -> u64);

const ROWS: [Row; 8] = [
    ("drop-tail by time", |n| offered(config(), n)),
    ("drop-tail by bytes", |n| offered(LinkConfig { queue: Queue::DropTail(QueueLimit::Bytes(64_000)), ..config() }, n)),
    ("with loss and jitter", |n| {
        let jitter = Jitter::up_to(Duration::from_millis(5));
        offered(LinkConfig { loss: Loss::independent(10_000_000), jitter, ..config() }, n)
    }),
    ("with bursts and normal jitter", |n| {
        let jitter = Jitter { spread: Spread::Normal { std_ns: 5_000_000, clip_ns: 15_000_000 }, reorder: true };
        offered(LinkConfig { loss: Loss::Gilbert { enter_ppb: 10_000_000, leave_ppb: 250_000_000 }, jitter, ..config() }, n)
    }),
    ("recorded capacity", |n| {
        let trace = Trace::new((1..=1000).collect()).expect("a trace");
        offered(LinkConfig { capacity: Capacity::Trace(trace), ..config() }, n)
    }),
    ("CoDel", |n| offered(LinkConfig { queue: Queue::CoDel(CoDelConfig::default(), QueueLimit::Packets(1000)), ..config() }, n)),
    ("FQ-CoDel, 16 flows", |n| {
        offered(LinkConfig { queue: Queue::FqCoDel(FqCoDelConfig::default(), QueueLimit::Packets(1000)), ..config() }, n)
    }),
    ("a pipe with drop-tail", |n| {
        let mut pipe = Pipe::new(config(), 1, "link");
        let mut sum = 0;
        for packet in 0..n {
            pipe.send(at(packet), 1200, 0, packet);
            while let Some((at, _)) = pipe.poll_output() {
                sum ^= at.as_nanos();
            }
        }
        sum
    }),
];

/// 100 Mbps over 20 ms; packets of 1200 bytes come at just about that.
fn config() -> LinkConfig {
    LinkConfig {
        capacity: Capacity::constant(100_000_000),
        queue: Queue::DropTail(QueueLimit::Time(Duration::from_millis(300))),
        delay: Duration::from_millis(20),
        ..LinkConfig::default()
    }
}

/// When packets come: two at once, every 200 µs on average.
fn at(packet: u64) -> Instant {
    Instant::from_nanos(packet / 2 * 197_003)
}

fn offered(config: LinkConfig, packets: u64) -> u64 {
    let mut link = Link::new(config, 1, "link");
    let mut sum = 0;
    for packet in 0..packets {
        let flow = u32::try_from(packet % 16).expect("small");
        black_box(link.offer_in_flow(at(packet), 1200, flow));
        while let Some(decision) = link.poll_output() {
            sum ^= decision.packet;
        }
    }
    sum
}

fn heap(packets: u64) -> u64 {
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = (0..UNDER_WAY).map(|packet| Reverse((at(packet).as_nanos(), packet))).collect();
    let mut sum = 0;
    for packet in UNDER_WAY..UNDER_WAY + packets {
        // Arrivals are nearly in the order of sending, as on a link.
        heap.push(Reverse((at(packet).as_nanos() + packet % 7 * 1_000_000, packet)));
        if let Some(Reverse((now, _))) = heap.pop() {
            sum ^= now;
        }
    }
    sum
}

/// The shortest time that a run of so many packets takes.
fn fastest(row: fn(u64) -> u64, packets: u64, runs: usize) -> Duration {
    let once = || {
        let begin = time::Instant::now();
        black_box(row(black_box(packets)));
        begin.elapsed()
    };
    (0..runs).map(|_| once()).min().unwrap_or(Duration::MAX)
}

fn main() -> ExitCode {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (packets, runs) = if measured { (2_000_000, RUNS) } else { (2_000, 1) };
    let per_second = |took: Duration| u128::from(packets) * 1_000_000_000 / took.as_nanos().max(1);
    let heap = fastest(heap, packets, runs);
    println!("packets per second, one core, fastest of {runs}\n");
    println!("{:<32} {:>12} {:>22}", "", "packets/s", "of a heap's push, pop");
    println!("{:<32} {:>12} {:>22}", "a heap's push and pop", per_second(heap), "1.00");
    for (name, row) in ROWS {
        let took = fastest(row, packets, runs);
        let ratio = heap.as_secs_f64() / took.as_secs_f64();
        println!("{name:<32} {:>12} {ratio:>22.2}", per_second(took));
    }
    ExitCode::SUCCESS
}
