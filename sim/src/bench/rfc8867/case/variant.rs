//! Variants of the cases: what RFC 8867 leaves to choose, and a Wi-Fi in front of the bottleneck.
//!
//! | variant | is | from |
//! |---|---|---|
//! | `-far` | media take 100 ms, feedback still 50 | RFC 8867 sections 5.1 and 5.2: one-way delay of 50 or 100 ms |
//! | `-udp` | the line has 4 Mbps, and datagrams at a constant rate take what the case takes away | RFC 8867 sections 5.1 to 5.3: the other way to change capacity |
//! | `-bloat` | a queue of 1 s | RFC 8867 section 5.6: a queue of 300 or 1000 ms |
//! | `-cubic` | TCP with CUBIC's window | RFC 8867 section 5.6, encouraged |
//! | `wifi-` | a surrogate of a Wi-Fi's access point | below |
//!
//! **The surrogate.** RFC 8869 wants a radio to be simulated, with ns-3 for example. Without one, the access point is one server that carries both directions, one
//! frame at a time: what a frame carries goes at the 52 Mbps of 802.11n's MCS 11, after 295.4 µs of everything else that the air is taken for. That is 20 Mbps in
//! packets of 1200 bytes, which RFC 8869 section 3.2 has for sixteen stations. Both numbers make a link of 52 Mbps with 1920 bytes on top of each packet. A packet of
//! sound takes nearly as much of the air as one of video, so that of the 20 Mbps stations that speak can have less ([`air_bps`]). There is no contention, no range and
//! no retransmission in it: what comes of these cases says what a shared half-duplex line with a cost for each packet does, and nothing of Wi-Fi proper. Their letters,
//! flows and times are those of RFC 8869 section 3; the rates of UDP are choices, as it names none. Its cellular cases (section 2) hang on the scheduler of a base
//! station and on how radios fade, and have no surrogate.

use core::{iter, time::Duration};

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::{Capacity, Case, Flood, Hop, Jitter, LinkConfig, Load, Pair, Queue, QueueLimit, Rival, Spread};
use crate::{bench::rfc8867::ends::AUDIO_WIRE_BPS, net::tcp::Algorithm};

/// RFC 8867 sections 5.1 and 5.2: the other delay of media.
const FAR: Duration = Duration::from_millis(100);
/// RFC 8867 sections 5.1 to 5.3: what the line has where datagrams take the rest.
const PHYSICAL_BPS: BitsPerSecond = 4_000_000;
/// RFC 8867 section 5.6: the other queue.
const BLOAT: Duration = Duration::from_secs(1);

/// 802.11n's MCS 11: 16-QAM, rate 1/2, two streams (RFC 8869 section 3.2.2).
const AIR_BPS: BitsPerSecond = 52_000_000;
/// 295.4 µs at that rate: what makes 20 Mbps of packets of 1200 bytes.
const AIR_OVERHEAD_BYTES: u32 = 1920;
/// What the air carries in packets of 1200 bytes.
const AIR_VIDEO_BPS: u64 = 20_000_000;
/// What else a station has on the air: packets of sound and feedback in a second, and their bytes. Those of feedback are str0m's, roughly.
const SOUND: (u64, u64) = (50, (AUDIO_WIRE_BPS / 8 / 50));
const FEEDBACK: (u64, u64) = (20, 100);
/// RFC 8869 section 3.1: the wired bottleneck; and section 3.2: a wire that is none.
const NARROW_BPS: BitsPerSecond = 1_000_000;
const WIDE_BPS: BitsPerSecond = 100_000_000;
/// Datagrams on the wired bottleneck. A choice: half of it.
const NARROW_FLOOD_BPS: BitsPerSecond = NARROW_BPS / 2;
/// Each of five floods through the air. A choice: together a fifth of the air.
const AIR_FLOOD_BPS: BitsPerSecond = 1_000_000;
/// RFC 8869 section 3: how long a case takes, when media end, and when datagrams come or go.
const DURATION: Duration = Duration::from_secs(120);
const STOPS: Instant = Instant::from_secs(119);
const HALF: Instant = Instant::from_secs(60);
/// The delay and the queue of the wire (RFC 8869 section 3, as RFC 8867 has them).
const WIRE_DELAY: Duration = Duration::from_millis(50);
const WIRE_QUEUE: Duration = Duration::from_millis(300);
/// The jitter of the wire (RFC 8868 section 4.5).
const WIRE_JITTER: Spread = Spread::Rfc8868 { std_ns: 5_000_000, max_ns: 15_000_000 };

/// The links of a Wi-Fi case, by their places.
const AIR: usize = 0;
const UP: usize = 1;
const DOWN: usize = 2;

/// All variants: of the cases in their order, and then the surrogates.
pub fn variants() -> Vec<Case> {
    let cases = super::all();
    let of = |id: &str| cases.iter().find(|case| case.id == id).cloned().expect("it is in the file");
    let mut variants = vec![far(of("5.1")), crowded(of("5.1")), far(of("5.2")), crowded(of("5.2")), crowded(of("5.3"))];
    variants.extend([bloated(of("5.6")), cubic(of("5.6"))]);
    variants.extend(wired_bottleneck());
    variants.extend(air_bottleneck());
    variants
}

fn varied(mut case: Case, suffix: &str, what: &str) -> Case {
    case.title = format!("As {}, {what}", case.id);
    case.id = format!("{}-{suffix}", case.id);
    case
}

fn far(case: Case) -> Case {
    let mut case = varied(case, "far", "media take 100 ms");
    case.pairs.iter_mut().for_each(|pair| pair.delay = FAR);
    case
}

/// Datagrams take what the line has beyond the case's capacity, which stays what is to be used.
fn crowded(case: Case) -> Case {
    let mut case = varied(case, "udp", "UDP takes the rest of 4 Mbps");
    for (at, hop) in case.links.iter_mut().enumerate() {
        if let Some(steps) = &hop.capacity {
            let rest = steps.iter().map(|(from, bps)| (*from, PHYSICAL_BPS.saturating_sub(*bps)));
            case.floods.push(Flood { steps: rest.collect(), route: vec![at] });
            hop.config.capacity = Capacity::constant(PHYSICAL_BPS);
        }
    }
    case
}

fn bloated(case: Case) -> Case {
    let mut case = varied(case, "bloat", "a queue of 1 s");
    case.links[0].config.queue = Queue::DropTail(QueueLimit::Time(BLOAT));
    case
}

fn cubic(case: Case) -> Case {
    let mut case = varied(case, "cubic", "CUBIC in place of Reno");
    case.rivals.iter_mut().for_each(|rival| rival.algorithm = Algorithm::Cubic);
    case
}

/// RFC 8869 section 3.1: stations on a Wi-Fi whose wire is narrow.
fn wired_bottleneck() -> Vec<Case> {
    let (up, pair) = (|| pairs(1, 0), || pairs(1, 1));
    let first_half = vec![(Instant::ZERO, NARROW_FLOOD_BPS), (HALF, 0)];
    let second_half = vec![(HALF, NARROW_FLOOD_BPS)];
    let left = |steps: &[(Instant, BitsPerSecond)]| [Instant::ZERO, HALF].map(|at| (at, NARROW_BPS - rate(steps, at))).to_vec();
    let flood = |steps: &[(Instant, BitsPerSecond)]| vec![Flood { steps: steps.to_vec(), route: vec![AIR, UP] }];
    let narrow = |letter, title, pairs| wifi(&format!("3.1{letter}"), title, NARROW_BPS, pairs);
    let mut cases = vec![
        narrow('a', "narrow wire, one up", up()),
        narrow('b', "narrow wire, one up and one down", pair()),
        narrow('c', "narrow wire, both ways, UDP up until 60 s", pair()),
        narrow('d', "narrow wire, both ways, UDP up from 60 s on", pair()),
        narrow('e', "narrow wire, one up beside TCP", up()),
    ];
    for (at, steps) in [(2, first_half), (3, second_half)] {
        cases[at].links[UP].capacity = Some(left(&steps));
        cases[at].floods = flood(&steps);
    }
    cases[4].rivals = vec![tcp_up(Instant::ZERO, STOPS)];
    cases
}

/// RFC 8869 section 3.2: stations that share the air, and a wire that is wide enough.
fn air_bottleneck() -> Vec<Case> {
    let wide = |letter: &str, title: &str, pairs| wifi(&format!("3.2{letter}"), title, WIDE_BPS, pairs);
    let mut cases = vec![
        wide("a", "full air, 16 down", pairs(0, 16)),
        wide("b", "full air, 16 up", pairs(16, 0)),
        wide("c", "full air, 8 up and 8 down", pairs(8, 8)),
        wide("d", "full air, 8 up and 8 down, UDP up until 60 s", pairs(8, 8)),
        wide("e", "full air, 8 up and 8 down, UDP up from 60 s on", pairs(8, 8)),
        wide("f", "full air, 8 up and 8 down, five TCP up from 40 s to 80 s", pairs(8, 8)),
    ];
    for (at, from, to) in [(3, Instant::ZERO, HALF), (4, HALF, STOPS)] {
        // Five stations are not in step: they send one after the other.
        let gap = Duration::from_nanos(u64::from(super::FLOOD_BYTES) * 8 * 1_000_000_000 / AIR_FLOOD_BPS);
        let starts = (0..5).map(|station| from.saturating_add(gap / 5 * station));
        cases[at].floods = starts.map(|start| Flood { steps: vec![(start, AIR_FLOOD_BPS), (to, 0)], route: vec![AIR, UP] }).collect();
        let useful = |at: Instant| air_bps(16, if from <= at && at < to { 5 * AIR_FLOOD_BPS } else { 0 });
        cases[at].links[AIR].capacity = Some([Instant::ZERO, HALF].map(|at| (at, useful(at))).to_vec());
    }
    cases[5].rivals = iter::repeat_with(|| tcp_up(Instant::from_secs(40), Instant::from_secs(80))).take(5).collect();
    // The letter g: so many stations, which come within ten seconds and go within ten. RFC 8869 draws the times; here they are spread evenly.
    cases.extend([4_u32, 8, 12, 16, 20].map(|stations| {
        let mut pairs = pairs(stations, 0);
        for (pair, n) in pairs.iter_mut().zip(0..) {
            let late = Duration::from_secs(10) * n / stations;
            pair.starts = Instant::ZERO.saturating_add(late);
            pair.stops = Instant::from_secs(110).saturating_add(late);
        }
        wide(&format!("g-{stations}"), &format!("full air, {stations} up, which come and go"), pairs)
    }));
    cases
}

/// What media of so many stations can have of the air, beside datagrams at such a rate: their sound, and video in what sound, feedback and datagrams leave.
fn air_bps(stations: u64, flood_bps: BitsPerSecond) -> BitsPerSecond {
    let frame_ns = |bytes: u64| (bytes + u64::from(AIR_OVERHEAD_BYTES)) * 8 * 1_000_000_000 / AIR_BPS;
    let station_ns = SOUND.0 * frame_ns(SOUND.1) + FEEDBACK.0 * frame_ns(FEEDBACK.1);
    let flood_ns = flood_bps * frame_ns(u64::from(super::FLOOD_BYTES)) / (u64::from(super::FLOOD_BYTES) * 8);
    let left_ns = 1_000_000_000_u64.saturating_sub(stations * station_ns + flood_ns);
    stations * AUDIO_WIRE_BPS + AIR_VIDEO_BPS * (left_ns / 1000) / 1_000_000
}

fn rate(steps: &[(Instant, BitsPerSecond)], at: Instant) -> BitsPerSecond {
    steps.iter().rfind(|step| step.0 <= at).map_or(0, |step| step.1)
}

fn tcp_up(starts: Instant, stops: Instant) -> Rival {
    Rival { route: vec![AIR, UP], back: vec![DOWN, AIR], starts, stops, algorithm: Algorithm::Reno, load: Load::Endless }
}

/// Stations that send up, and stations that are sent to.
fn pairs(up: u32, down: u32) -> Vec<Pair> {
    let pair = |name: String, route: [usize; 2], back: [usize; 2]| Pair {
        name,
        starts: Instant::ZERO,
        stops: STOPS,
        rests: None,
        delay: WIRE_DELAY,
        delay_back: WIRE_DELAY,
        route: route.to_vec(),
        back: back.to_vec(),
    };
    let up = (1..=up).map(|n| pair(format!("up {n}"), [AIR, UP], [DOWN, AIR]));
    let down = (1..=down).map(|n| pair(format!("down {n}"), [DOWN, AIR], [AIR, UP]));
    up.chain(down).collect()
}

fn wifi(id: &str, title: &str, wire_bps: BitsPerSecond, pairs: Vec<Pair>) -> Case {
    let link = |bps| LinkConfig {
        capacity: Capacity::constant(bps),
        queue: Queue::DropTail(QueueLimit::Time(WIRE_QUEUE)),
        overhead_bytes: 0,
        ..LinkConfig::default()
    };
    let constant = |bps| Some(vec![(Instant::ZERO, bps)]);
    let wire = |name| {
        let config = LinkConfig { jitter: Jitter { spread: WIRE_JITTER, reorder: false }, ..link(wire_bps) };
        Hop { name, capacity: constant(wire_bps), config }
    };
    let air = LinkConfig { overhead_bytes: AIR_OVERHEAD_BYTES, ..link(AIR_BPS) };
    Case {
        id: format!("wifi-{id}"),
        title: format!("Surrogate: {title}"),
        section: "Who made the surrogate".to_owned(),
        expected: "what is there is used, shared fairly and without starving anybody".to_owned(),
        duration: DURATION,
        links: vec![Hop { name: "air", capacity: constant(air_bps(pairs.len() as u64, 0)), config: air }, wire("up"), wire("down")],
        pairs,
        rivals: Vec::new(),
        floods: Vec::new(),
        not_applicable: None,
        clear_of: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::{Link, Verdict};

    fn variant(id: &str) -> Case {
        variants().into_iter().find(|case| case.id == id).expect("there is one")
    }

    #[test]
    fn every_choice_of_the_document_and_every_letter_of_the_surrogate_is_there_once() {
        let mut ids: Vec<String> = variants().into_iter().chain(super::super::all()).map(|case| case.id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "no two have one name");
        assert_eq!(variants().iter().filter(|case| case.base() == "wifi").count(), 5 + 6 + 5);
        assert_eq!(variants().iter().filter(|case| case.base() != "wifi").count(), 7);
    }

    #[test]
    fn datagrams_take_what_the_case_takes_away() {
        let case = variant("5.1-udp");
        let flood = &case.floods[0];
        assert_eq!(
            flood.steps,
            [(0, 3_000_000), (40, 1_500_000), (60, 3_400_000), (80, 3_000_000)].map(|(s, bps)| (Instant::from_secs(s), bps))
        );
        // Given the first phase, then 3 Mbps of 1500 bytes are 250 a second.
        let sent = iter::successors(flood.first(), |at| flood.after(*at)).take_while(|at| *at < Instant::from_secs(10)).count();
        assert_eq!(sent, 2500);
        assert_eq!(variant("5.3-udp").floods.len(), 2, "both directions");
        assert_eq!(variant("5.2-udp").floods[0].first(), Some(Instant::from_secs(25)), "at first nothing is taken away");
    }

    #[test]
    fn a_flood_rests_where_its_rate_is_nothing() {
        let flood = variant("wifi-3.1c").floods.remove(0);
        let last = iter::successors(flood.first(), |at| flood.after(*at)).last().expect("it sends");
        assert!(last < HALF && HALF.saturating_since(last) <= Duration::from_millis(24));
    }

    #[test]
    fn the_air_carries_20_mbps_of_packets_of_1200_bytes_in_both_directions_together() {
        let case = variant("wifi-3.2c");
        let mut air = Link::new(case.links[AIR].config(), 1, "air");
        let mut last = Instant::ZERO;
        for _ in 0..100 {
            let Verdict::Deliver { at } = air.offer(Instant::ZERO, 1200) else { panic!("48 ms are less than 300") };
            last = at;
        }
        assert!(last.as_nanos().abs_diff(48_000_000) < 5_000, "{last:?}");
        let crosses = |pair: &Pair| pair.route.contains(&AIR) && pair.back.contains(&AIR);
        assert!(case.pairs.len() == 16 && case.pairs.iter().all(crosses));
    }

    #[test]
    fn the_more_stations_speak_the_less_of_the_air_is_left() {
        // By hand: 50 packets of 120 bytes take 15.7 ms, 20 of 100 bytes 6.2 ms: sixteen stations 350 ms; and 5 Mbps of 1500 bytes 219 ms.
        let close = |bps: u64, mbps: u64| bps.abs_diff(mbps * 100_000) < 100_000;
        assert!(close(air_bps(16, 0), 138), "{}", air_bps(16, 0));
        assert!(close(air_bps(16, 5_000_000), 94), "{}", air_bps(16, 5_000_000));
        assert_eq!(air_bps(0, 0), AIR_VIDEO_BPS);
        let phases: Vec<u64> = variant("wifi-3.2d").links[AIR].phases(STOPS).into_iter().map(|phase| phase.2).collect();
        assert_eq!(phases, [air_bps(16, 5_000_000), air_bps(16, 0)]);
    }

    #[test]
    fn media_that_go_far_have_their_feedback_as_soon_as_ever() {
        let pair = variant("5.2-far").pairs.remove(1);
        assert_eq!((pair.delay, pair.delay_back), (FAR, Duration::from_millis(50)));
    }
}
