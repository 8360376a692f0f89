//! What holds for every link: laws, on links and traffic that nobody thought of, and agreement with a reference that is slow and obvious.

use core::time::Duration;

use greenroom_core::time::Instant;
use greenroom_sim::net::{
    codel::CoDelConfig,
    fq_codel::FqCoDelConfig,
    link::{
        BucketConfig, Capacity, Decision, DropReason, Jitter, Link, LinkConfig, Loss, Outage, Queue, QueueLimit, RateSchedule, Reorder,
        Spread, Verdict,
    },
    pipe::{Fate, Pipe},
    trace::Trace,
};
use proptest::prelude::*;

// ---- traffic and links ---------------------------------------------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
struct Offer {
    at: Instant,
    size_bytes: u32,
    flow: u32,
}

/// Packets in order of time, in bursts and far apart.
fn traffic(most: usize) -> impl Strategy<Value = Vec<Offer>> {
    let gap = prop_oneof![2 => Just(0_u64), 2 => 1_u64..2_000_000, 1 => 0_u64..80_000_000];
    prop::collection::vec((gap, 0_u32..1600, 0_u32..4), 1..most).prop_map(|offers| {
        let mut now = 0;
        let offer = |(gap, size_bytes, flow)| {
            now += gap;
            Offer { at: Instant::from_nanos(now), size_bytes, flow }
        };
        offers.into_iter().map(offer).collect()
    })
}

fn schedule() -> impl Strategy<Value = RateSchedule> {
    let rate = prop_oneof![6 => (1_u64..20_000_000).prop_map(Some), 1 => Just(Some(0)), 1 => Just(None)];
    let steps = prop::collection::vec((1_u64..90_000_000, rate), 0..6);
    (1_u64..20_000_000, steps).prop_map(|(first, steps)| {
        let mut at = 0;
        let later = steps.into_iter().map(|(gap, rate)| {
            at += gap;
            (Instant::from_nanos(at), rate)
        });
        let mut steps: Vec<_> = core::iter::once((Instant::ZERO, Some(first))).chain(later).collect();
        // What stands still for good has no answers to compare.
        steps.push((steps[steps.len() - 1].0.saturating_add(Duration::from_millis(50)), Some(3_000_000)));
        RateSchedule::new(steps).expect("steps rise from zero")
    })
}

fn limit() -> impl Strategy<Value = QueueLimit> {
    prop_oneof![
        Just(QueueLimit::Unlimited),
        (0_u64..9000).prop_map(QueueLimit::Bytes),
        (0_u32..9).prop_map(QueueLimit::Packets),
        (0_u64..90).prop_map(|ms| QueueLimit::Time(Duration::from_millis(ms))),
    ]
}

fn queue() -> impl Strategy<Value = Queue> {
    let impatient = CoDelConfig { target: Duration::from_micros(500), interval: Duration::from_millis(4), mtu_bytes: 500 };
    let fq_codel = FqCoDelConfig { codel: impatient, quantum_bytes: 600, flows: 3 };
    prop_oneof![
        limit().prop_map(Queue::DropTail),
        limit().prop_map(move |limit| Queue::CoDel(impatient, limit)),
        limit().prop_map(move |limit| Queue::FqCoDel(fq_codel, limit)),
    ]
}

fn capacity() -> impl Strategy<Value = Capacity> {
    let trace = prop::collection::vec(0_u32..40, 1..6).prop_map(|mut times| {
        times.sort_unstable();
        *times.last_mut().expect("one") += 1;
        Capacity::Trace(Trace::new(times).expect("a trace"))
    });
    prop_oneof![3 => schedule().prop_map(Capacity::Rate), 1 => trace]
}

fn span() -> impl Strategy<Value = Outage> {
    (0_u64..500, 0_u64..90).prop_map(|(from, ms)| Outage { from: Instant::from_millis(from), to: Instant::from_millis(from + ms) })
}

fn bucket() -> impl Strategy<Value = Option<BucketConfig>> {
    prop::option::of((1_u64..9_000_000, 1_u32..6000).prop_map(|(rate_bps, burst_bytes)| BucketConfig { rate_bps, burst_bytes }))
}

fn jitter() -> impl Strategy<Value = Jitter> {
    let spread = prop_oneof![
        Just(Spread::None),
        (-9_000_000_i64..0, 0_i64..9_000_000).prop_map(|(min_ns, max_ns)| Spread::Uniform { min_ns, max_ns }),
        (0_u64..5_000_000).prop_map(|std_ns| Spread::Normal { std_ns, clip_ns: 9_000_000 }),
        (0_u64..5_000_000).prop_map(|std_ns| Spread::Rfc8868 { std_ns, max_ns: 3 * std_ns }),
    ];
    (spread, any::<bool>()).prop_map(|(spread, reorder)| Jitter { spread, reorder })
}

/// Links with anything that a link can have.
fn link() -> impl Strategy<Value = LinkConfig> {
    let ways = (capacity(), queue(), bucket(), bucket(), jitter());
    let chances = (0_u32..500_000_000, 0_u32..500_000_000, 0_u32..500_000_000, 0_u64..20);
    let rest = (prop::option::of(200_u32..1500), prop::collection::vec(span(), 0..3), prop::collection::vec(span(), 0..3), 0_u64..30);
    (ways, chances, rest).prop_map(
        |((capacity, queue, shaper, policer, jitter), (lost, twice, late, by), (mtu_bytes, outages, holds, delay))| LinkConfig {
            capacity,
            shaper,
            policer,
            queue,
            delay: Duration::from_millis(delay),
            jitter,
            loss: Loss::Gilbert { enter_ppb: lost, leave_ppb: 500_000_000 },
            duplicate_ppb: twice,
            reorder: Reorder { late_ppb: late, by: Duration::from_millis(by) },
            overhead_bytes: 28,
            mtu_bytes,
            outages,
            holds,
        },
    )
}

/// Far behind everything that is sent here, and what any queue here takes to be served.
const LATE: Instant = Instant::from_secs(1_000_000);

/// What becomes of each packet, once everything is decided.
fn verdicts(config: &LinkConfig, offers: &[Offer]) -> Vec<Verdict> {
    let mut link = Link::new(config.clone(), 1, "link");
    let mut verdicts: Vec<Verdict> = Vec::new();
    for offer in offers {
        let verdict = link.offer_in_flow(offer.at, offer.size_bytes, offer.flow);
        verdicts.push(verdict);
        hear(&mut link, &mut verdicts);
    }
    link.handle_timeout(LATE);
    hear(&mut link, &mut verdicts);
    verdicts
}

fn hear(link: &mut Link, verdicts: &mut [Verdict]) {
    while let Some(Decision { packet, verdict, .. }) = link.poll_output() {
        let slot = &mut verdicts[usize::try_from(packet).expect("an index")];
        assert_eq!(*slot, Verdict::Waits, "packet {packet} was decided already");
        assert_ne!(verdict, Verdict::Waits, "packet {packet}");
        *slot = verdict;
    }
}

fn arrivals(verdict: Verdict) -> Vec<Instant> {
    match verdict {
        Verdict::Deliver { at } => vec![at],
        Verdict::DeliverTwice { at, again } => vec![at, again],
        Verdict::Drop(_) | Verdict::Waits => vec![],
    }
}

// ---- the reference -------------------------------------------------------------------------------------------------------------------------------------------------

/// A drop-tail link as one would explain it: what was accepted stands in a list; a busy time is a sum of bits, and ends where the integral of the rate reaches it.
struct Reference {
    schedule: RateSchedule,
    limit: QueueLimit,
    /// Start of service, end of service, bytes of each accepted packet.
    accepted: Vec<(u64, u64, u64)>,
    busy_since: u64,
    busy_bits: u128,
}

impl Reference {
    /// Nanobits from one time to another; without limit it is as much as anybody asks for.
    fn carried(&self, from: u64, to: u64) -> u128 {
        let steps = self.schedule.steps();
        let ends = steps.iter().skip(1).map(|(at, _)| at.as_nanos()).chain([u64::MAX]);
        let part = |((at, rate), end): (&(Instant, Option<u64>), u64)| {
            let span = u128::from(end.min(to).saturating_sub(at.as_nanos().max(from)));
            // The instant at which a step without limit begins is enough for everything.
            let unlimited = rate.is_none() && at.as_nanos() <= to && from < end;
            if unlimited { 1 << 100 } else { span * u128::from(rate.unwrap_or(0)) }
        };
        steps.iter().zip(ends).map(part).sum()
    }

    fn offer(&mut self, now: u64, bytes: u64) -> Option<u64> {
        let free_at = self.accepted.last().map_or(0, |last| last.1);
        let start = free_at.max(now);
        let waiting: Vec<u64> = self.accepted.iter().filter(|packet| packet.0 > now).map(|packet| packet.2).collect();
        let fits = match self.limit {
            QueueLimit::Unlimited => true,
            QueueLimit::Time(limit) => u128::from(start - now) <= limit.as_nanos(),
            QueueLimit::Bytes(limit) => waiting.iter().sum::<u64>() + bytes <= limit,
            QueueLimit::Packets(limit) => waiting.len() < limit as usize,
        };
        if start > now && !fits {
            return None;
        }
        if free_at <= now {
            (self.busy_since, self.busy_bits) = (now, 0);
        }
        self.busy_bits += u128::from(bytes) * 8_000_000_000;
        let (mut low, mut high) = (self.busy_since, 1 << 50);
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.carried(self.busy_since, middle) >= self.busy_bits { high = middle } else { low = middle + 1 }
        }
        self.accepted.push((start, low, bytes));
        Some(low)
    }
}

// ---- laws ----------------------------------------------------------------------------------------------------------------------------------------------------------

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_link_says_what_the_reference_says(schedule in schedule(), limit in limit(), offers in traffic(60)) {
        let mut reference = Reference { schedule: schedule.clone(), limit, accepted: vec![], busy_since: 0, busy_bits: 0 };
        let config = LinkConfig { capacity: schedule.into(), queue: Queue::DropTail(limit), overhead_bytes: 0, ..LinkConfig::default() };
        let mut link = Link::new(config, 1, "link");
        for (n, offer) in offers.iter().enumerate() {
            let expected = match reference.offer(offer.at.as_nanos(), offer.size_bytes.into()) {
                Some(at) => Verdict::Deliver { at: Instant::from_nanos(at) },
                None => Verdict::Drop(DropReason::Queue),
            };
            prop_assert_eq!(link.offer(offer.at, offer.size_bytes), expected, "packet {}", n);
        }
    }

    // A controller without end of patience is a plain queue; so is the scheduler with one flow. Both answer later, and must answer the same.
    #[test]
    fn queues_that_decide_later_say_the_same_where_there_is_nothing_to_decide(capacity in capacity(), shaper in bucket(), jitter in jitter(), mut offers in traffic(60)) {
        let patient = CoDelConfig { target: Duration::from_secs(1 << 30), ..CoDelConfig::default() };
        let with = |queue| LinkConfig { capacity: capacity.clone(), shaper, jitter, queue, overhead_bytes: 0, ..LinkConfig::default() };
        let plain = verdicts(&with(Queue::DropTail(QueueLimit::Unlimited)), &offers);
        prop_assert_eq!(&verdicts(&with(Queue::CoDel(patient, QueueLimit::Unlimited)), &offers), &plain);
        for offer in &mut offers {
            offer.flow = 7;
        }
        let fq_codel = FqCoDelConfig { codel: patient, ..FqCoDelConfig::default() };
        prop_assert_eq!(&verdicts(&with(Queue::FqCoDel(fq_codel, QueueLimit::Unlimited)), &offers), &plain);
    }

    #[test]
    fn one_flow_alone_has_a_codel_of_its_own(capacity in capacity(), mut offers in traffic(200)) {
        let codel = CoDelConfig { target: Duration::from_micros(500), interval: Duration::from_millis(4), mtu_bytes: 500 };
        let with = |queue| LinkConfig { capacity: capacity.clone(), queue, ..LinkConfig::default() };
        for offer in &mut offers {
            offer.flow = 2;
        }
        let fq_codel = FqCoDelConfig { codel, ..FqCoDelConfig::default() };
        prop_assert_eq!(
            verdicts(&with(Queue::FqCoDel(fq_codel, QueueLimit::Unlimited)), &offers),
            verdicts(&with(Queue::CoDel(codel, QueueLimit::Unlimited)), &offers)
        );
    }

    #[test]
    fn asking_more_often_changes_nothing(config in link(), offers in traffic(80), asks in prop::collection::vec(0_u64..2_000_000, 1..20)) {
        let mut asked = Link::new(config.clone(), 1, "link");
        let mut heard: Vec<Verdict> = Vec::new();
        let mut asks = asks.iter().cycle();
        let mut now = Instant::ZERO;
        for offer in &offers {
            while now < offer.at {
                asked.handle_timeout(now);
                hear(&mut asked, &mut heard);
                now = now.saturating_add(Duration::from_nanos(asks.next().copied().unwrap_or(1) + 100_000));
            }
            now = offer.at;
            let verdict = asked.offer_in_flow(offer.at, offer.size_bytes, offer.flow);
            heard.push(verdict);
            hear(&mut asked, &mut heard);
        }
        while let Some(at) = asked.poll_timeout().filter(|at| *at < LATE) {
            asked.handle_timeout(at);
            hear(&mut asked, &mut heard);
        }
        prop_assert_eq!(heard, verdicts(&config, &offers));
    }

    #[test]
    fn every_packet_arrives_or_is_dropped_and_is_counted_once(config in link(), offers in traffic(120)) {
        let verdicts = verdicts(&config, &offers);
        let mut link = Link::new(config, 1, "link");
        for offer in &offers {
            link.offer_in_flow(offer.at, offer.size_bytes, offer.flow);
        }
        link.handle_timeout(LATE);
        let dropped = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Drop(_))).count() as u64;
        prop_assert!(!verdicts.contains(&Verdict::Waits), "all are decided");
        prop_assert_eq!(link.drops().total(), dropped);
        prop_assert_eq!(link.offered(), offers.len() as u64);
    }

    #[test]
    fn nothing_arrives_before_it_can(config in link(), offers in traffic(120)) {
        for (offer, verdict) in offers.iter().zip(verdicts(&config, &offers)) {
            let earliest = offer.at.saturating_add(config.shortest_delay());
            for at in arrivals(verdict) {
                prop_assert!(at >= earliest, "sent at {}, arrived at {at}", offer.at);
                prop_assert!(config.holds.iter().all(|hold| at < hold.from || at >= hold.to), "{at} lies in a hold");
            }
            if config.outages.iter().any(|outage| outage.from <= offer.at && offer.at < outage.to) {
                prop_assert_eq!(verdict, Verdict::Drop(DropReason::Outage));
            }
        }
    }

    #[test]
    fn order_is_kept_where_nothing_breaks_it(mut config in link(), offers in traffic(120)) {
        config.jitter.reorder = false;
        config.reorder = Reorder::default();
        if config.tells_flows_apart() {
            config.queue = Queue::CoDel(CoDelConfig::default(), QueueLimit::Unlimited);
        }
        let arrivals: Vec<Instant> = verdicts(&config, &offers).into_iter().flat_map(arrivals).collect();
        prop_assert!(arrivals.is_sorted(), "{arrivals:?}");
    }

    // In an order of its own, each flow keeps its own.
    #[test]
    fn flows_keep_their_order_under_the_scheduler(capacity in capacity(), offers in traffic(120)) {
        let config = LinkConfig { capacity, queue: Queue::FqCoDel(FqCoDelConfig::default(), QueueLimit::Unlimited), ..LinkConfig::default() };
        let verdicts = verdicts(&config, &offers);
        for flow in 0..4 {
            let of_flow = offers.iter().zip(&verdicts).filter(|(offer, _)| offer.flow == flow);
            let arrivals: Vec<Instant> = of_flow.flat_map(|(_, verdict)| arrivals(*verdict)).collect();
            prop_assert!(arrivals.is_sorted(), "flow {flow}: {arrivals:?}");
        }
    }

    #[test]
    fn a_faster_transmitter_is_never_later(steps in schedule(), faster in 1_u64..1000, offers in traffic(60)) {
        let by = |extra: u64| {
            let steps = steps.steps().iter().map(|(at, rate)| (*at, rate.map(|rate| rate + extra))).collect();
            LinkConfig { capacity: RateSchedule::new(steps).expect("steps rise").into(), ..LinkConfig::default() }
        };
        for (slow, fast) in verdicts(&by(0), &offers).into_iter().zip(verdicts(&by(faster), &offers)) {
            prop_assert!(arrivals(fast) <= arrivals(slow), "{fast:?} after {slow:?}");
        }
    }

    // In every window: burst + r t, and no more. Tokens are spent when a packet begins to go; without a transmitter behind it that is when it arrives.
    #[test]
    fn buckets_let_through_what_they_hold_and_what_comes_in(rate_bps in 1_000_u64..9_000_000, burst_bytes in 1600_u32..9000, offers in traffic(60), drops in any::<bool>()) {
        let bucket = Some(BucketConfig { rate_bps, burst_bytes });
        let (shaper, policer) = if drops { (None, bucket) } else { (bucket, None) };
        let config = LinkConfig { shaper, policer, overhead_bytes: 0, ..LinkConfig::default() };
        let through: Vec<(u64, u64)> = offers
            .iter()
            .zip(verdicts(&config, &offers))
            .flat_map(|(offer, verdict)| arrivals(verdict).into_iter().map(|at| (at.as_nanos(), u64::from(offer.size_bytes))))
            .collect();
        prop_assert!(drops || through.len() == offers.len(), "a shaper loses nothing");
        for (n, (from, _)) in through.iter().enumerate() {
            let mut nanobits = 0_u128;
            for (to, bytes) in &through[n..] {
                nanobits += u128::from(*bytes) * 8_000_000_000;
                let most = u128::from(burst_bytes) * 8_000_000_000 + u128::from(to - from) * u128::from(rate_bps);
                // What the instant of the first had too much, less than a nanosecond's tokens, may be spent in the window.
                prop_assert!(nanobits <= most + u128::from(rate_bps), "from {from} to {to}");
            }
        }
    }

    #[test]
    fn a_pipe_delivers_what_the_link_promised_in_order_of_time(config in link(), offers in traffic(80)) {
        let mut pipe = Pipe::new(config.clone(), 1, "link");
        let mut outcomes: Vec<(Instant, Fate<usize>)> = Vec::new();
        for (n, offer) in offers.iter().enumerate() {
            pipe.send(offer.at, offer.size_bytes, offer.flow, n);
            prop_assert!(n % 7 != 0 || pipe.poll_timeout().is_none_or(|at| at >= Instant::ZERO));
        }
        while let Some(now) = pipe.poll_timeout() {
            pipe.handle_timeout(now);
            while let Some(outcome) = pipe.poll_output() {
                outcomes.push(outcome);
            }
        }
        prop_assert_eq!(pipe.in_flight(), 0);
        prop_assert!(outcomes.is_sorted_by_key(|(at, _)| *at), "{outcomes:?}");
        let promised: Vec<Vec<Instant>> = verdicts(&config, &offers).into_iter().map(|verdict| {
            let mut arrivals = arrivals(verdict);
            arrivals.sort_unstable();
            arrivals
        }).collect();
        for (n, promised) in promised.iter().enumerate() {
            let came: Vec<Instant> = outcomes.iter().filter(|(_, fate)| *fate == Fate::Arrived(n)).map(|(at, _)| *at).collect();
            prop_assert_eq!(&came, promised, "packet {}", n);
        }
    }
}
