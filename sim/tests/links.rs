//! The link against theory: every answer here is a closed form, not a recording.
//!
//! Exact ones must be met to the nanosecond. Statistical ones are met for three fixed seeds each, within four standard deviations or the tolerance that stands beside them.

use core::time::Duration;

use greenroom_core::time::Instant;
use greenroom_sim::{
    net::link::{Capacity, DropReason, Jitter, Link, LinkConfig, Loss, Outage, Queue, QueueLimit, RateSchedule, Verdict},
    random::Stream,
};

const SEEDS: [u64; 3] = [1, 7, 2026];
/// 1250 bytes are 10,000 bits: 10 ms at 1 Mbps.
const SIZE: u32 = 1250;
const MBPS: u64 = 1_000_000;

fn plain(rate_bps: u64) -> LinkConfig {
    LinkConfig { capacity: Capacity::constant(rate_bps), overhead_bytes: 0, ..LinkConfig::default() }
}

fn stepped(steps: &[(u64, Option<u64>)]) -> LinkConfig {
    let steps = steps.iter().map(|&(ms, rate)| (Instant::from_millis(ms), rate)).collect();
    LinkConfig { capacity: RateSchedule::new(steps).expect("steps rise from zero").into(), overhead_bytes: 0, ..LinkConfig::default() }
}

fn arrival(verdict: Verdict) -> Option<Instant> {
    match verdict {
        Verdict::Deliver { at } => Some(at),
        Verdict::Drop(_) => None,
        Verdict::DeliverTwice { .. } | Verdict::Waits => panic!("neither duplicates nor waits: {verdict:?}"),
    }
}

fn arrives(link: &mut Link, now: Instant, size_bytes: u32) -> Instant {
    arrival(link.offer(now, size_bytes)).expect("the packet is delivered")
}

fn millis(instants: &[Instant]) -> Vec<f64> {
    instants.iter().map(|at| as_ms(at.as_nanos())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ns, 104 days")]
fn as_ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

// ---- serialisation -------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_packet_takes_its_bits_by_the_rate_and_then_the_delay() {
    let mut link = Link::new(LinkConfig { delay: Duration::from_millis(50), ..plain(MBPS) }, 1, "link");
    assert_eq!(arrives(&mut link, Instant::ZERO, SIZE), Instant::from_millis(60));
}

#[test]
fn a_train_leaves_one_behind_the_other() {
    let mut link = Link::new(LinkConfig { delay: Duration::from_millis(50), ..plain(MBPS) }, 1, "link");
    let train: Vec<_> = (0..5).map(|_| arrives(&mut link, Instant::ZERO, SIZE)).collect();
    assert_eq!(millis(&train), [60.0, 70.0, 80.0, 90.0, 100.0]);
}

// P1 + P2 + S/C1 + S/C2 + (k - 1) S/min(C1, C2)
#[test]
fn two_hops_store_and_forward() {
    let mut first = Link::new(LinkConfig { delay: Duration::from_millis(5), ..plain(10 * MBPS) }, 1, "first");
    let mut second = Link::new(LinkConfig { delay: Duration::from_millis(20), ..plain(MBPS) }, 1, "second");
    let train: Vec<_> = (0..5)
        .map(|_| {
            let between = arrives(&mut first, Instant::ZERO, SIZE);
            arrives(&mut second, between, SIZE)
        })
        .collect();
    assert_eq!(millis(&train), [36.0, 46.0, 56.0, 66.0, 76.0]);
}

#[test]
fn overhead_travels_with_each_packet() {
    let mut link = Link::new(LinkConfig { overhead_bytes: 125, ..plain(1000) }, 1, "link");
    assert_eq!(arrives(&mut link, Instant::ZERO, 125), Instant::from_secs(2));
}

// 3 Mbps carries a byte in 2666.6… ns: every single departure is rounded, the train is not.
#[test]
fn rounding_does_not_accumulate() {
    let mut link = Link::new(plain(3 * MBPS), 1, "link");
    for packet in 1..=30_000_u64 {
        let exact_ns = (packet * 100 * 8 * 1000).div_ceil(3);
        assert_eq!(arrives(&mut link, Instant::ZERO, 100).as_nanos(), exact_ns, "packet {packet}");
    }
}

// A packet to an idle transmitter owes nothing to the one before it, however little they are apart.
#[test]
fn spare_nanobits_are_for_those_who_waited() {
    let mut link = Link::new(plain(3 * MBPS), 1, "link");
    let first = arrives(&mut link, Instant::ZERO, 2);
    assert_eq!(first.as_nanos(), 5334, "5333.3… ns");
    assert_eq!(arrives(&mut link, first, 2).as_nanos(), 5334 + 5334);
    assert_eq!(arrives(&mut link, first, 2).as_nanos(), 5334 + 10_667, "who waited for it gets what it left");
}

#[test]
fn an_unlimited_link_only_delays() {
    let mut link = Link::new(LinkConfig { delay: Duration::from_millis(5), ..LinkConfig::default() }, 1, "link");
    let burst: Vec<_> = (0..3).map(|_| arrives(&mut link, Instant::ZERO, 65_000)).collect();
    assert_eq!(millis(&burst), [5.0, 5.0, 5.0]);
    assert_eq!(link.capacity_bps(Instant::ZERO), None);
}

// The largest size there is: no overflow, at one bit per second more than a thousand years.
#[test]
fn sizes_and_rates_at_the_edge_saturate() {
    let mut slow = Link::new(plain(1), 1, "link");
    assert_eq!(arrives(&mut slow, Instant::ZERO, u32::MAX), Instant::MAX);
    let mut fast = Link::new(plain(u64::MAX), 1, "link");
    assert_eq!(arrives(&mut fast, Instant::ZERO, u32::MAX).as_nanos(), 2, "34 Gbit at 18 Ebps");
    let mut large = Link::new(plain(1000 * MBPS), 1, "link");
    assert_eq!(arrives(&mut large, Instant::ZERO, u32::MAX).as_nanos(), u64::from(u32::MAX) * 8);
}

// ---- rate over time ------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn a_rate_step_applies_to_the_rest_of_the_packet_in_service() {
    let mut link = Link::new(stepped(&[(0, Some(1000)), (500, Some(10_000))]), 1, "link");
    assert_eq!(arrives(&mut link, Instant::ZERO, 125), Instant::from_millis(550));
}

#[test]
fn a_rate_of_zero_holds_a_packet_and_lets_it_go_on_with_what_remains() {
    let mut link = Link::new(stepped(&[(0, Some(0)), (500, Some(10_000)), (510, Some(0)), (610, Some(10_000))]), 1, "link");
    assert_eq!(arrives(&mut link, Instant::ZERO, 125), Instant::from_millis(700));
}

#[test]
fn a_step_to_unlimited_releases_everything_at_once() {
    let mut link = Link::new(stepped(&[(0, Some(1000)), (100, None), (200, Some(1000))]), 1, "link");
    let burst: Vec<_> = (0..3).map(|_| arrives(&mut link, Instant::ZERO, 125)).collect();
    assert_eq!(millis(&burst), [100.0, 100.0, 100.0]);
    assert_eq!(millis(&[arrives(&mut link, Instant::from_millis(200), 125)]), [1200.0]);
}

#[test]
fn a_rate_of_zero_for_good_is_never() {
    let mut link =
        Link::new(LinkConfig { queue: Queue::DropTail(QueueLimit::Packets(1)), ..stepped(&[(0, Some(1000)), (100, Some(0))]) }, 1, "link");
    assert_eq!(arrives(&mut link, Instant::ZERO, 125), Instant::MAX);
    assert_eq!(arrives(&mut link, Instant::from_secs(9), 125), Instant::MAX);
    assert_eq!(link.offer(Instant::from_secs(10), 125), Verdict::Drop(DropReason::Queue));
}

// The fluid answer, worked out in another way: integrate the schedule forward and look when the sum of the bits is reached.
#[test]
fn a_train_through_many_steps_ends_when_the_integral_of_the_rate_says() {
    let mut draws = Stream::new(5, "steps", "test");
    let mut at_ms = 0;
    let steps: Vec<_> = (0..200)
        .map(|_| {
            let step = (at_ms, Some(draws.below(7_000_003)));
            at_ms += 1 + draws.below(40);
            step
        })
        .chain([(10_000, Some(1_234_567))])
        .collect();
    let mut link = Link::new(stepped(&steps), 1, "link");
    let mut sent_bits = 0_u128;
    for _ in 0..400 {
        let size = u32::try_from(40 + draws.below(1460)).expect("small");
        sent_bits += u128::from(size) * 8;
        let end_ns = arrives(&mut link, Instant::ZERO, size).as_nanos();
        let carried_until = |ns: u64| -> u128 {
            let ends = steps.iter().skip(1).map(|step| step.0 * 1_000_000).chain([u64::MAX]);
            steps
                .iter()
                .zip(ends)
                .map(|(step, end)| u128::from(end.min(ns).saturating_sub(step.0 * 1_000_000)) * u128::from(step.1.unwrap_or(0)))
                .sum()
        };
        assert!(carried_until(end_ns) >= sent_bits * 1_000_000_000, "not before the last bit is out");
        assert!(carried_until(end_ns - 1) < sent_bits * 1_000_000_000, "and not a nanosecond later");
    }
}

#[test]
fn capacity_is_what_the_schedule_says_and_nothing_in_an_outage() {
    let outages = vec![Outage { from: Instant::from_millis(600), to: Instant::from_millis(700) }];
    let link = Link::new(LinkConfig { outages, ..stepped(&[(0, Some(1000)), (500, None)]) }, 1, "link");
    let at = |ms| link.capacity_bps(Instant::from_millis(ms));
    assert_eq!([at(0), at(499), at(500), at(600), at(699), at(700)], [Some(1000), Some(1000), None, Some(0), Some(0), None]);
}

#[test]
fn steps_that_are_no_schedule_are_refused() {
    let second = Instant::from_secs(1);
    let refused = |steps| RateSchedule::new(steps).map_err(|e| e.to_string()).expect_err("refused");
    assert_eq!(refused(vec![]), "the first step must be at 0 s");
    assert_eq!(refused(vec![(second, None)]), "the first step must be at 0 s");
    assert_eq!(refused(vec![(Instant::ZERO, None), (second, None), (second, Some(1))]), "step 2 is not later than the one before it");
}

// ---- the queue -----------------------------------------------------------------------------------------------------------------------------------------------------

// Twice the capacity for 100 s: what gets through is the capacity, to the packet.
#[test]
fn a_saturated_transmitter_never_rests() {
    let mut link = Link::new(LinkConfig { queue: Queue::DropTail(QueueLimit::Packets(10)), ..plain(MBPS) }, 1, "link");
    let delivered = (0..20_000)
        .filter_map(|n| arrival(link.offer(Instant::from_millis(5 * n), SIZE)))
        .filter(|at| *at <= Instant::from_secs(100))
        .count();
    assert_eq!(delivered, 10_000);
}

#[test]
fn a_burst_fills_the_queue_and_the_rest_is_dropped() {
    let accepted = |queue| {
        let mut link = Link::new(LinkConfig { queue: Queue::DropTail(queue), ..plain(MBPS) }, 1, "link");
        let accepted = (0..100).filter_map(|_| arrival(link.offer(Instant::ZERO, SIZE))).count();
        assert_eq!(accepted as u64 + link.drops().queue, 100);
        accepted
    };
    assert_eq!(accepted(QueueLimit::Bytes(37_500)), 31, "one in service and floor(37500 / 1250) that wait");
    assert_eq!(accepted(QueueLimit::Bytes(37_499)), 30);
    assert_eq!(accepted(QueueLimit::Packets(30)), 31);
    assert_eq!(accepted(QueueLimit::Time(Duration::from_millis(300))), 31, "waits of 0, 10 … 300 ms");
    assert_eq!(accepted(QueueLimit::Packets(0)), 1);
    assert_eq!(accepted(QueueLimit::Unlimited), 100);
}

#[test]
fn the_queue_counts_overhead_and_only_what_still_waits() {
    let config = LinkConfig { queue: Queue::DropTail(QueueLimit::Bytes(2 * 1278)), overhead_bytes: 28, ..plain(MBPS) };
    let mut link = Link::new(config, 1, "link");
    let burst: Vec<_> = (0..4).map(|_| arrival(link.offer(Instant::ZERO, SIZE)).is_some()).collect();
    assert_eq!(burst, [true, true, true, false]);
    // 1278 bytes take 10.224 ms. Then the second packet enters service and makes room for one more; a nanosecond earlier it has not.
    assert_eq!(link.offer(Instant::from_nanos(10_223_999), SIZE), Verdict::Drop(DropReason::Queue));
    assert!(arrival(link.offer(Instant::from_nanos(10_224_000), SIZE)).is_some());
    assert_eq!(link.offer(Instant::from_nanos(10_224_000), SIZE), Verdict::Drop(DropReason::Queue));
}

#[test]
fn a_queue_that_emptied_has_all_of_its_room_again() {
    for queue in [QueueLimit::Bytes(2500), QueueLimit::Packets(2), QueueLimit::Time(Duration::from_millis(20))] {
        let mut link = Link::new(LinkConfig { queue: Queue::DropTail(queue), ..plain(MBPS) }, 1, "link");
        for second in 0..3 {
            let accepted = (0..5).filter_map(|_| arrival(link.offer(Instant::from_secs(second), SIZE))).count();
            assert_eq!(accepted, 3, "{queue:?}, burst {second}");
        }
    }
}

#[test]
fn queue_delay_is_the_wait_that_a_packet_would_have() {
    let mut link = Link::new(LinkConfig { delay: Duration::from_millis(50), ..plain(MBPS) }, 1, "link");
    for _ in 0..3 {
        link.offer(Instant::ZERO, SIZE);
    }
    assert_eq!(link.queue_delay(Instant::ZERO), Duration::from_millis(30));
    assert_eq!(link.queue_delay(Instant::from_millis(29)), Duration::from_millis(1));
    assert_eq!(link.queue_delay(Instant::from_millis(31)), Duration::ZERO);
}

#[test]
fn no_wait_is_longer_than_the_limit_even_across_a_rate_step() {
    let limit = Duration::from_millis(300);
    let mut link = Link::new(
        LinkConfig {
            queue: Queue::DropTail(QueueLimit::Time(limit)),
            ..stepped(&[(0, Some(MBPS)), (2000, Some(MBPS / 4)), (6000, Some(MBPS))])
        },
        1,
        "link",
    );
    let mut longest = Duration::ZERO;
    for n in 0..2000 {
        let now = Instant::from_millis(5 * n);
        let wait = link.queue_delay(now);
        if arrival(link.offer(now, SIZE)).is_some() {
            longest = longest.max(wait);
        }
    }
    assert!(longest <= limit && longest > Duration::from_millis(255), "{longest:?}");
}

// 1 - C / λ
#[test]
fn a_constant_overload_loses_what_exceeds_the_capacity() {
    let mut link = Link::new(LinkConfig { queue: Queue::DropTail(QueueLimit::Time(Duration::from_millis(300))), ..plain(MBPS) }, 1, "link");
    let lost = (0..12_500).filter(|n| arrival(link.offer(Instant::from_millis(8 * n), SIZE)).is_none()).count();
    assert!(lost.abs_diff(2500) < 63, "{lost} of 12500; theory says 2500 and the fill of the queue");
}

// ---- queueing theory -----------------------------------------------------------------------------------------------------------------------------------------------

/// Exponentially distributed with that mean.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test input; positive and far below 2^53"
)]
fn exponential(draws: &mut Stream, mean: f64) -> u64 {
    let unit = (draws.below(1 << 53) + 1) as f64 / (1_u64 << 53) as f64;
    (-unit.ln() * mean).round() as u64
}

struct Queueing {
    mean_wait_ms: f64,
    waited: f64,
    lost: f64,
}

/// Offers `packets` in a Poisson process of that load to a 1 Mbps link; sizes have a mean of 1250 bytes, that is 10 ms.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn poisson(load: f64, queue: QueueLimit, exponential_sizes: bool, packets: u32, seed: u64) -> Queueing {
    let mut link = Link::new(LinkConfig { queue: Queue::DropTail(queue), ..plain(MBPS) }, seed, "link");
    let (mut gaps, mut sizes) = (Stream::new(seed, "source", "gaps"), Stream::new(seed, "source", "sizes"));
    let (mut now_ns, mut wait_ns, mut waited, mut delivered) = (0, 0, 0_u32, 0_u32);
    for _ in 0..packets {
        now_ns += exponential(&mut gaps, 1e7 / load);
        let now = Instant::from_nanos(now_ns);
        let size = if exponential_sizes { u32::try_from(exponential(&mut sizes, f64::from(SIZE))).expect("small") } else { SIZE };
        let wait = link.queue_delay(now);
        if arrival(link.offer(now, size)).is_some() {
            delivered += 1;
            waited += u32::from(!wait.is_zero());
            wait_ns += u64::try_from(wait.as_nanos()).expect("short");
        }
    }
    assert_eq!(u64::from(delivered) + link.drops().total(), u64::from(packets), "every packet arrives or is counted as dropped");
    Queueing {
        mean_wait_ms: as_ms(wait_ns) / f64::from(delivered),
        waited: f64::from(waited) / f64::from(delivered),
        lost: link.drops().queue as f64 / f64::from(packets),
    }
}

fn assert_near(what: &str, measured: f64, theory: f64, relative: f64) {
    assert!((measured / theory - 1.0).abs() < relative, "{what}: measured {measured}, theory {theory}");
}

// Pollaczek–Khinchine for constant service s at load ρ: ρ s / (2 (1 - ρ))
#[test]
fn m_d_1_waits_as_long_as_theory_says() {
    for seed in SEEDS {
        assert_near("wait at load 0.5, ms", poisson(0.5, QueueLimit::Unlimited, false, 1_000_000, seed).mean_wait_ms, 5.0, 0.02);
        assert_near("wait at load 0.8, ms", poisson(0.8, QueueLimit::Unlimited, false, 1_000_000, seed).mean_wait_ms, 20.0, 0.03);
    }
}

// ρ s / (1 - ρ), and the chance to wait at all is ρ: Poisson arrivals see time averages.
#[test]
fn m_m_1_waits_as_long_as_theory_says() {
    for seed in SEEDS {
        let measured = poisson(0.8, QueueLimit::Unlimited, true, 1_500_000, seed);
        assert_near("wait, ms", measured.mean_wait_ms, 40.0, 0.03);
        assert_near("chance to wait", measured.waited, 0.8, 0.01);
    }
}

// (1 - ρ) ρ^K / (1 - ρ^(K+1)), K with the packet in service
#[test]
fn m_m_1_k_loses_as_much_as_theory_says() {
    for seed in SEEDS {
        assert_near("loss at load 0.8, K = 5", poisson(0.8, QueueLimit::Packets(4), true, 800_000, seed).lost, 0.088_819, 0.03);
        assert_near("loss at load 1.2, K = 10", poisson(1.2, QueueLimit::Packets(9), true, 800_000, seed).lost, 0.192_586, 0.03);
    }
}

// ---- loss ----------------------------------------------------------------------------------------------------------------------------------------------------------

fn losses(config: LinkConfig, seed: u64, gap_us: u64, packets: u64) -> Vec<bool> {
    let mut link = Link::new(config, seed, "link");
    let lost: Vec<_> = (0..packets).map(|n| link.offer(Instant::from_micros(gap_us * n), 100) == Verdict::Drop(DropReason::Loss)).collect();
    assert_eq!(lost.iter().filter(|lost| **lost).count() as u64, link.drops().loss);
    lost
}

fn count(losses: &[bool]) -> usize {
    losses.iter().filter(|lost| **lost).count()
}

// Binomial: n = 1,000,000, p = 0.01 has a standard deviation of 99.5.
#[test]
fn loss_happens_as_often_as_it_should() {
    for seed in SEEDS {
        let lost = count(&losses(LinkConfig { loss: Loss::independent(10_000_000), ..LinkConfig::default() }, seed, 1000, 1_000_000));
        assert!(lost.abs_diff(10_000) < 398, "seed {seed}: {lost}");
    }
}

// P(lost | the one before lost) is p: pairs are binomial with p² and a standard deviation of 49.9.
#[test]
fn losses_do_not_know_of_each_other() {
    for seed in SEEDS {
        let lost = losses(LinkConfig { loss: Loss::independent(50_000_000), ..LinkConfig::default() }, seed, 1000, 1_000_000);
        let pairs = lost.windows(2).filter(|pair| pair[0] && pair[1]).count();
        assert!(pairs.abs_diff(2500) < 210, "seed {seed}: {pairs}");
    }
}

#[test]
fn the_same_packets_are_lost_whatever_the_rate_the_pace_and_the_delay() {
    let lossy = LinkConfig { loss: Loss::independent(10_000_000), ..LinkConfig::default() };
    let reference = losses(lossy.clone(), 1, 10_000, 60_000);
    assert_eq!(
        reference,
        losses(LinkConfig { delay: Duration::from_millis(50), ..lossy.clone() }, 1, 1000, 60_000),
        "100 and 1000 packets a second"
    );
    assert_eq!(
        reference,
        losses(
            LinkConfig { capacity: Capacity::constant(MBPS), jitter: Jitter::up_to(Duration::from_millis(9)), ..lossy },
            1,
            10_000,
            60_000
        )
    );
    assert!(count(&reference).abs_diff(600) < 98, "{}", count(&reference));
}

#[test]
fn a_lost_packet_has_used_its_capacity() {
    let mut link = Link::new(LinkConfig { loss: Loss::independent(1_000_000_000), ..plain(MBPS) }, 1, "link");
    assert_eq!(link.offer(Instant::ZERO, SIZE), Verdict::Drop(DropReason::Loss));
    assert_eq!(link.queue_delay(Instant::ZERO), Duration::from_millis(10));
}

#[test]
fn two_links_of_one_run_lose_different_packets() {
    let lossy = LinkConfig { loss: Loss::independent(500_000_000), ..LinkConfig::default() };
    let (mut one, mut other) = (Link::new(lossy.clone(), 1, "ada/up"), Link::new(lossy, 1, "ada/down"));
    let differ = (0..1000).filter(|_| one.offer(Instant::ZERO, 1) != other.offer(Instant::ZERO, 1)).count();
    assert!(differ.abs_diff(500) < 64, "{differ} of 1000 differ");
}

// ---- jitter --------------------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn jitter_is_bounded_and_never_reorders() {
    for seed in SEEDS {
        let (delay, jitter) = (Duration::from_millis(20), Duration::from_millis(30));
        let smooth_config = LinkConfig { delay, ..plain(2 * MBPS) };
        let mut smooth = Link::new(smooth_config.clone(), seed, "link");
        let mut rough = Link::new(LinkConfig { jitter: Jitter::up_to(jitter), ..smooth_config }, seed, "link");
        let mut draws = Stream::new(seed, "source", "gaps");
        let (mut now_ns, mut last) = (0, Instant::ZERO);
        for n in 0..50_000 {
            now_ns += draws.below(12_000_000);
            let size = u32::try_from(100 + draws.below(1100)).expect("small");
            let base = arrives(&mut smooth, Instant::from_nanos(now_ns), size);
            let at = arrives(&mut rough, Instant::from_nanos(now_ns), size);
            assert!(at >= base && at <= base.saturating_add(jitter), "packet {n}: {at} is not within {jitter:?} of {base}");
            let own_transmission = Duration::from_nanos(u64::from(size) * 4000);
            assert!(at >= last.saturating_add(own_transmission), "packet {n} arrives with the one before it");
            last = at;
        }
    }
}

// Gaps longer than the jitter: no packet can catch up with another, so the mean is that of the uniform distribution. n = 100,000, standard error 27 µs.
#[test]
fn jitter_is_uniform_where_packets_are_far_apart() {
    for seed in SEEDS {
        let mut link = Link::new(LinkConfig { jitter: Jitter::up_to(Duration::from_millis(30)), ..LinkConfig::default() }, seed, "link");
        let mut quarters = [0_u32; 4];
        let mut sum_ns = 0;
        for n in 0..100_000 {
            let now = Instant::from_millis(40 * n);
            let extra = arrives(&mut link, now, 100).saturating_since(now);
            quarters[usize::try_from(extra.as_micros() / 7501).expect("small")] += 1;
            sum_ns += u64::try_from(extra.as_nanos()).expect("short");
        }
        assert!((as_ms(sum_ns) / 1e5 - 15.0).abs() < 0.11, "seed {seed}: mean {} ms", as_ms(sum_ns) / 1e5);
        assert!(quarters.iter().all(|&q| q.abs_diff(25_000) < 550), "seed {seed}: {quarters:?}");
    }
}

// Jitter before a queue would make one: at 90 % load a link whose jitter sits in the wrong place waits 12.5 ms on average. Here the queue must not even notice.
#[test]
fn jitter_makes_no_queue() {
    let mut link = Link::new(LinkConfig { jitter: Jitter::up_to(Duration::from_millis(40)), ..plain(MBPS) }, 1, "link");
    for n in 0..20_000 {
        let now = Instant::from_nanos(11_111_111 * n);
        assert_eq!(link.queue_delay(now), Duration::ZERO, "packet {n}");
        link.offer(now, SIZE);
    }
}

// ---- outages and the whole -----------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn an_outage_takes_what_enters_and_leaves_what_is_on_its_way() {
    let second = Duration::from_secs(1);
    let outages = vec![
        Outage { from: Instant::from_secs(30), to: Instant::from_secs(31) },
        Outage { from: Instant::from_millis(11_500), to: Instant::from_secs(13) },
        Outage { from: Instant::from_secs(10), to: Instant::from_secs(12) },
    ];
    let mut link = Link::new(LinkConfig { delay: second, outages, ..plain(MBPS) }, 1, "link");
    let mut offer = |ms| arrival(link.offer(Instant::from_millis(ms), SIZE));
    assert_eq!(offer(9_999), Some(Instant::from_millis(11_009)), "entered before, arrives during");
    assert_eq!([offer(10_000), offer(11_999), offer(12_000), offer(12_999)], [None; 4], "overlapping outages are one");
    assert_eq!(offer(13_000), Some(Instant::from_millis(14_010)), "and used no capacity");
    assert_eq!([offer(30_500), offer(31_000)], [None, Some(Instant::from_millis(32_010))]);
    assert_eq!((link.drops().outage, link.drops().total()), (5, 5));
    assert_eq!(link.config().outages.len(), 2);
}

#[test]
fn every_packet_arrives_or_is_counted_once() {
    for seed in SEEDS {
        let config = LinkConfig {
            queue: Queue::DropTail(QueueLimit::Bytes(20_000)),
            jitter: Jitter::up_to(Duration::from_millis(5)),
            loss: Loss::independent(50_000_000),
            outages: vec![Outage { from: Instant::from_secs(3), to: Instant::from_secs(4) }],
            ..stepped(&[(0, Some(MBPS)), (5000, Some(0)), (6000, Some(3 * MBPS))])
        };
        let mut link = Link::new(config, seed, "link");
        let mut counted = [0_u64; 4];
        for n in 0..10_000 {
            let slot = match link.offer(Instant::from_millis(n), 200) {
                Verdict::Deliver { .. } => 0,
                Verdict::Drop(DropReason::Queue) => 1,
                Verdict::Drop(DropReason::Loss) => 2,
                Verdict::Drop(DropReason::Outage) => 3,
                other => panic!("{other:?} was not asked for"),
            };
            counted[slot] += 1;
        }
        assert_eq!(counted.iter().sum::<u64>(), 10_000);
        assert_eq!(counted[1..], [link.drops().queue, link.drops().loss, link.drops().outage]);
        assert!(counted.iter().all(|&n| n > 0), "each thing happened: {counted:?}");
    }
}

#[test]
fn the_same_seed_and_name_make_the_same_link() {
    let rough = LinkConfig { jitter: Jitter::up_to(Duration::from_millis(5)), loss: Loss::independent(100_000_000), ..plain(MBPS) };
    let run = |seed, name| {
        let mut link = Link::new(rough.clone(), seed, name);
        (0..500).map(|n| link.offer(Instant::from_millis(9 * n), 1000)).collect::<Vec<_>>()
    };
    assert_eq!(run(1, "a"), run(1, "a"));
    assert_ne!(run(1, "a"), run(2, "a"));
    assert_ne!(run(1, "a"), run(1, "b"));
}
