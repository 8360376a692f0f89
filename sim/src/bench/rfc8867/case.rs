//! The cases as data: who sends over which links from when to when, read from `cases.json`.
//!
//! The file has what RFC 8867 says in tables, with its units in the names. Here it becomes links and pairs of peers: a *pair* is one sender and one receiver with a track of video and one of
//! audio between them; its *route* is the links that its media cross, and the way back those that feedback does. Links without a limit still have the jitter that the document asks for.

mod variant;

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{stream::BitsPerSecond, time::Instant};
use serde::Deserialize;

pub use self::variant::variants;
use crate::net::{
    capacity::{Capacity, RateSchedule},
    jitter::{Jitter, Spread},
    link::LinkConfig,
    queue::{Queue, QueueLimit},
    tcp::Algorithm,
};

/// The file, as text.
pub(super) const JSON: &str = include_str!("cases.json");

/// One case, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its number in the document: `5.1`. `5.3-clear` is what 5.3 is to be compared with.
    pub id: String,
    /// What it is called there.
    pub title: String,
    /// The section.
    pub section: String,
    /// What the document expects, in short.
    pub expected: String,
    /// How long it takes.
    pub duration: Duration,
    /// The links, each one direction of one.
    pub links: Vec<Hop>,
    /// Senders of media with their receivers.
    pub pairs: Vec<Pair>,
    /// TCP beside them.
    pub rivals: Vec<Rival>,
    /// UDP that listens to nothing.
    pub floods: Vec<Flood>,
    /// Why it cannot be judged, where it cannot.
    pub not_applicable: Option<&'static str>,
    /// The case that this one stands beside: the same, with nothing in the way of the feedback.
    pub clear_of: Option<String>,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Hop {
    /// What it is called: `A→B`.
    pub name: &'static str,
    /// Its capacity from each instant on; none is without limit.
    pub capacity: Option<Vec<(Instant, BitsPerSecond)>>,
    config: LinkConfig,
}

/// A sender of media and its receiver.
#[derive(Clone, Debug)]
pub struct Pair {
    /// What it is called: `S1`.
    pub name: String,
    /// When the two begin to connect.
    pub starts: Instant,
    /// When the media end.
    pub stops: Instant,
    /// When they rest: from, and up to but not with.
    pub rests: Option<(Instant, Instant)>,
    /// Propagation on the way of the media.
    pub delay: Duration,
    /// Propagation on the way of the feedback.
    pub delay_back: Duration,
    /// The links that media cross, by their places in [`Case::links`].
    pub route: Vec<usize>,
    /// The links that feedback crosses.
    pub back: Vec<usize>,
}

/// A sender of TCP and its receiver.
#[derive(Clone, Debug)]
pub struct Rival {
    /// The links that its segments cross.
    pub route: Vec<usize>,
    /// The links that acknowledgements cross.
    pub back: Vec<usize>,
    /// When it begins, or has its first pause.
    pub starts: Instant,
    /// When it ends.
    pub stops: Instant,
    /// Which rule moves its window.
    pub algorithm: Algorithm,
    /// How much it sends.
    pub load: Load,
}

/// How much a TCP sender has to send.
#[derive(Clone, Debug)]
pub enum Load {
    /// Without end.
    Endless,
    /// One file after the other, with pauses.
    Files {
        /// The least and the most of a file, each size between as likely.
        bytes: (u64, u64),
        /// The mean of the pauses, which are exponential.
        pause_mean: Duration,
        /// Whether it begins with a file.
        begins_on: bool,
    },
}

/// Datagrams at equal distances (RFC 8868 section 5.3), whatever becomes of them.
#[derive(Clone, Debug)]
pub struct Flood {
    /// Its rate from each instant on.
    pub steps: Vec<(Instant, BitsPerSecond)>,
    /// The links that it crosses.
    pub route: Vec<usize>,
}

/// What a datagram of a flood is on the wire: the default of RFC 8868 section 5.3.
pub(super) const FLOOD_BYTES: u32 = 1500;

impl Flood {
    /// When the first datagram goes.
    pub(super) fn first(&self) -> Option<Instant> {
        self.steps.iter().find(|step| step.1 > 0).map(|step| step.0)
    }

    /// When the next one goes after one at `now`.
    pub(super) fn after(&self, now: Instant) -> Option<Instant> {
        let bps = self.steps.iter().rfind(|step| step.0 <= now)?.1;
        match (u64::from(FLOOD_BYTES) * 8 * 1_000_000_000).checked_div(bps) {
            Some(ns) => {
                Some(now.saturating_add(Duration::from_nanos(ns))).filter(|next| self.rate(*next) > 0).or_else(|| self.next_step(now))
            }
            None => self.next_step(now),
        }
    }

    fn rate(&self, at: Instant) -> BitsPerSecond {
        self.steps.iter().rfind(|step| step.0 <= at).map_or(0, |step| step.1)
    }

    fn next_step(&self, now: Instant) -> Option<Instant> {
        self.steps.iter().find(|step| step.0 > now && step.1 > 0).map(|step| step.0)
    }
}

impl Case {
    /// The case of the document that this one is, or is a variant of: limits are given for that.
    pub fn base(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }
}

impl Hop {
    /// What packets wait at the most, in milliseconds.
    pub(super) fn queue_ms(&self) -> u64 {
        match self.config.queue {
            Queue::DropTail(QueueLimit::Time(most)) => u64::try_from(most.as_millis()).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    /// What the simulation makes a link of.
    pub(super) fn config(&self) -> LinkConfig {
        self.config.clone()
    }

    /// The stretches of constant capacity up to `end`, with their capacity.
    pub fn phases(&self, end: Instant) -> Vec<(Instant, Instant, BitsPerSecond)> {
        let Some(steps) = &self.capacity else { return Vec::new() };
        let ends = steps.iter().skip(1).map(|step| step.0).chain([end]);
        steps.iter().zip(ends).map(|((from, bps), to)| (*from, to.min(end), *bps)).filter(|(from, to, _)| from < to).collect()
    }
}

/// The case of that number.
#[cfg(test)]
pub(super) fn numbered(id: &str) -> Case {
    all().into_iter().find(|case| case.id == id).expect("it is in the file")
}

/// All cases, in the document's order.
pub fn all() -> Vec<Case> {
    let file: File = serde_json::from_str(JSON).expect("the cases are read in a test");
    let by_id: BTreeMap<&str, &Raw> = file.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let cases = file.cases.iter().flat_map(|raw| {
        let case = built(&file.defaults, raw, raw.based_on.as_deref().and_then(|id| by_id.get(id).copied()));
        let clear = raw.compare_with.is_some().then(|| clear(&case));
        [Some(case), clear]
    });
    cases.flatten().collect()
}

/// The same case with a way back that has no limit: RFC 8867 section 5.3 wants to see what the limit costs.
fn clear(case: &Case) -> Case {
    let mut clear = case.clone();
    if let Some(back) = clear.links.last_mut() {
        back.capacity = None;
        back.config.capacity = Capacity::unlimited();
    }
    clear.id = format!("{}-clear", case.id);
    clear.title = format!("As {}, with an unimpaired way back", case.id);
    clear.clear_of = Some(case.id.clone());
    clear
}

/// What the published comparators are, as the file has them.
pub(super) fn comparators() -> serde_json::Value {
    let file: serde_json::Value = serde_json::from_str(JSON).expect("the cases are read in a test");
    file["published_comparators"].clone()
}

/// str0m 0.25 has no word for congestion marks: neither `Receive` nor `Transmit` carries the two bits, and its feedback (transport-wide, 2015) has no room for them.
const NO_ECN: &str = "str0m neither sends nor reads ECN marks, and transport-wide feedback has no room for them; nothing to measure";
/// Each sender has a controller of its own, and none of them takes a weight.
const NO_PRIORITY: &str = "str0m's controller takes no priority, and the three senders are three hosts; measured without, for the record";

fn built(defaults: &Defaults, raw: &Raw, base: Option<&Raw>) -> Case {
    let of = base.unwrap_or(raw);
    let jitter = &defaults.path.jitter_model;
    let mut links = Vec::new();
    // The parking lot has jitter on the two bottlenecks that the long flow crosses: half of it on each.
    let share = if of.links.is_empty() { 1 } else { 2 };
    let mut hop = |name: &'static str, steps: Option<Vec<(Instant, BitsPerSecond)>>, jitters: bool| {
        let std_ns = jitter.std_ms * 1_000_000 / share;
        let spread = Spread::Rfc8868 { std_ns, max_ns: std_ns * jitter.n_std };
        let schedule = steps.as_ref().map(|steps| steps.iter().map(|(at, bps)| (*at, Some(*bps))).collect());
        let schedule =
            schedule.map(|steps| RateSchedule::new(steps).expect("capacities come in order of time: the cases are read in a test"));
        let config = LinkConfig {
            capacity: schedule.map_or_else(Capacity::unlimited, Capacity::Rate),
            queue: Queue::DropTail(QueueLimit::Time(Duration::from_millis(defaults.path.queue.size_ms))),
            jitter: if jitters { Jitter { spread, reorder: false } } else { Jitter::NONE },
            overhead_bytes: 0,
            ..LinkConfig::default()
        };
        links.push(Hop { name, capacity: steps, config });
        links.len() - 1
    };
    let forward = match &of.forward {
        Some(way) => vec![hop("A→B", way.steps(), true)],
        None => of
            .links
            .iter()
            .zip(["A→B", "B→C", "C→D"])
            .map(|(link, name)| hop(name, Some(vec![(Instant::ZERO, link.bps)]), name != "B→C"))
            .collect(),
    };
    let backward = hop("B→A", of.backward.as_ref().and_then(Way::steps), true);
    let ecn = raw.change.is_some();
    Case {
        id: raw.id.clone(),
        title: raw.title.clone(),
        section: raw.section.clone(),
        expected: raw.expected.clone(),
        duration: Duration::from_secs(of.duration_s.unwrap_or(0)),
        links,
        pairs: pairs(defaults, of, &forward, backward),
        rivals: of.competing.iter().map(|rival| rival.built(of.duration_s.unwrap_or(0), &forward, backward)).collect(),
        floods: Vec::new(),
        not_applicable: match (ecn, raw.priority.is_empty()) {
            (true, _) => Some(NO_ECN),
            (_, false) => Some(NO_PRIORITY),
            (false, true) => None,
        },
        clear_of: None,
    }
}

fn pairs(defaults: &Defaults, of: &Raw, forward: &[usize], backward: usize) -> Vec<Pair> {
    let videos = of.flows.iter().filter(|flow| flow.media == "video");
    videos
        .enumerate()
        .map(|(at, flow)| {
            let route = match (forward, at) {
                // RFC 8867 section 6.3: the first flow crosses all links, the second the first and the third the last.
                ([first, _, _], 1) => vec![*first],
                ([_, _, last], 2) => vec![*last],
                _ => forward.to_vec(),
            };
            let (route, back) = if flow.direction == "forward" { (route, vec![backward]) } else { (vec![backward], route) };
            Pair {
                name: flow.pair.split('-').next().unwrap_or_default().to_owned(),
                starts: Instant::from_secs(flow.start_s),
                stops: Instant::from_secs(flow.stop_s),
                rests: flow.pause_s.zip(flow.resume_s).map(|(from, to)| (Instant::from_secs(from), Instant::from_secs(to))),
                delay: Duration::from_millis(flow.owd_ms.unwrap_or(defaults.path.owd_ms)),
                delay_back: Duration::from_millis(flow.owd_ms.unwrap_or(defaults.path.owd_ms)),
                route,
                back,
            }
        })
        .collect()
}

#[derive(Deserialize)]
struct File {
    defaults: Defaults,
    cases: Vec<Raw>,
}

#[derive(Deserialize)]
struct Defaults {
    path: Path,
}

#[derive(Deserialize)]
struct Path {
    owd_ms: u64,
    jitter_model: JitterModel,
    queue: QueueSize,
}

#[derive(Deserialize)]
struct JitterModel {
    std_ms: u64,
    n_std: u64,
}

#[derive(Deserialize)]
struct QueueSize {
    size_ms: u64,
}

/// A case as the file has it. What is for readers alone is skipped.
#[derive(Deserialize)]
struct Raw {
    id: String,
    title: String,
    section: String,
    expected: String,
    based_on: Option<String>,
    compare_with: Option<String>,
    change: Option<String>,
    #[serde(default)]
    priority: BTreeMap<String, u32>,
    duration_s: Option<u64>,
    forward: Option<Way>,
    backward: Option<Way>,
    #[serde(default)]
    links: Vec<RawLink>,
    #[serde(default)]
    flows: Vec<RawFlow>,
    #[serde(default)]
    competing: Vec<RawRival>,
}

#[derive(Deserialize)]
struct Way {
    capacity: RawCapacity,
}

/// Steps, or the word for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawCapacity {
    Steps(Vec<Step>),
    #[expect(dead_code, reason = "there is one word, and it is in the file for readers")]
    Word(String),
}

#[derive(Deserialize)]
struct Step {
    t_s: u64,
    bps: BitsPerSecond,
}

impl Way {
    fn steps(&self) -> Option<Vec<(Instant, BitsPerSecond)>> {
        match &self.capacity {
            RawCapacity::Steps(steps) => Some(steps.iter().map(|step| (Instant::from_secs(step.t_s), step.bps)).collect()),
            RawCapacity::Word(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct RawLink {
    bps: BitsPerSecond,
}

#[derive(Deserialize)]
struct RawFlow {
    pair: String,
    media: String,
    direction: String,
    start_s: u64,
    stop_s: u64,
    pause_s: Option<u64>,
    resume_s: Option<u64>,
    owd_ms: Option<u64>,
}

#[derive(Deserialize)]
struct RawRival {
    cc: String,
    start_s: Option<u64>,
    stop_s: Option<u64>,
    initial_state: Option<String>,
    file_bytes: Option<(u64, u64)>,
    idle: Option<Idle>,
}

#[derive(Deserialize)]
struct Idle {
    mean_s: u64,
}

impl RawRival {
    fn built(&self, duration_s: u64, forward: &[usize], backward: usize) -> Rival {
        Rival {
            route: forward.to_vec(),
            back: vec![backward],
            starts: Instant::from_secs(self.start_s.unwrap_or(0)),
            stops: Instant::from_secs(self.stop_s.unwrap_or(duration_s.saturating_sub(1))),
            algorithm: if self.cc == "cubic" { Algorithm::Cubic } else { Algorithm::Reno },
            load: match (self.file_bytes, &self.idle) {
                (Some(bytes), Some(idle)) => Load::Files {
                    bytes,
                    pause_mean: Duration::from_secs(idle.mean_s),
                    begins_on: self.initial_state.as_deref() == Some("ON"),
                },
                _ => Load::Endless,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cases_of_sections_5_and_6_are_there() {
        let ids: Vec<String> = all().into_iter().map(|case| case.id).collect();
        assert_eq!(ids, ["5.1", "5.2", "5.3", "5.3-clear", "5.4", "5.5", "5.6", "5.7", "5.8", "6.1", "6.2", "6.3"]);
    }

    #[test]
    fn case_5_1_has_the_capacities_of_table_2() {
        let case = numbered("5.1");
        let phases = case.links[0].phases(Instant::from_secs(99));
        let read: Vec<(u64, u64, u64)> =
            phases.iter().map(|(from, to, bps)| (from.as_nanos() / 1_000_000_000, to.as_nanos() / 1_000_000_000, *bps)).collect();
        assert_eq!(read, [(0, 40, 1_000_000), (40, 60, 2_500_000), (60, 80, 600_000), (80, 99, 1_000_000)]);
        assert_eq!((case.pairs.len(), case.pairs[0].delay), (1, Duration::from_millis(50)));
        assert!(case.links[1].capacity.is_none());
    }

    #[test]
    fn media_of_case_5_3_go_both_ways_and_share_the_links_with_the_feedback() {
        let case = numbered("5.3");
        let ways: Vec<(&[usize], &[usize])> = case.pairs.iter().map(|pair| (&pair.route[..], &pair.back[..])).collect();
        assert_eq!(ways, [(&[0][..], &[1][..]), (&[1][..], &[0][..])]);
    }

    #[test]
    fn case_5_3_stands_beside_one_whose_feedback_is_not_held_up() {
        let (limited, clear) = (numbered("5.3"), numbered("5.3-clear"));
        assert_eq!(clear.clear_of.as_deref(), Some("5.3"));
        assert!(limited.links[1].capacity.is_some() && clear.links[1].capacity.is_none());
        assert_eq!((&limited.links[0].capacity, limited.pairs.len()), (&clear.links[0].capacity, clear.pairs.len()));
    }

    #[test]
    fn the_parking_lot_has_one_long_flow_and_two_short_ones() {
        let case = numbered("6.3");
        assert_eq!(case.pairs.iter().map(|pair| pair.route.clone()).collect::<Vec<_>>(), [vec![0, 1, 2], vec![0], vec![2]]);
    }

    #[test]
    fn two_of_the_ten_short_transfers_begin_at_once() {
        let rivals = numbered("5.7").rivals;
        let on = rivals.iter().filter(|rival| matches!(rival.load, Load::Files { begins_on: true, .. })).count();
        assert_eq!((rivals.len(), on), (10, 2));
    }

    #[test]
    fn what_is_based_on_another_case_has_its_flows_and_says_why_it_is_not_judged() {
        let priority = numbered("6.1");
        assert_eq!((priority.pairs.len(), priority.duration), (3, Duration::from_secs(120)));
        assert!(priority.not_applicable.is_some() && numbered("6.2").pairs.is_empty() && numbered("6.2").not_applicable.is_some());
        assert!(all().iter().filter(|case| case.not_applicable.is_some()).count() == 2);
    }
}
