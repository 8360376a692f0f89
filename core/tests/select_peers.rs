//! What other servers' tests expect of a plan, where that is fair to ask of any: LiveKit's and PulseBeam's cases, read from `data/` (each file's `source` names theirs).
//!
//! Left out is what is one server's own policy, and the files say what: PulseBeam keeps a layer that exceeds the budget by up to a third and rounds sizes up, LiveKit measures distances to the best layer and goes above
//! what a subscriber asked for. A plan of ours never exceeds its budget, and of two sizes takes the smaller one.

use greenroom_core::{
    id::{LayerId, StreamId, TemporalId},
    select::{Allocation, Budget, Demand, Layer, Offer, Planner, Priority, Reason, Rung, Source, Wish, allocate},
    stream::BitsPerSecond,
};
use serde_json::Value;

const KBPS: BitsPerSecond = 1000;
/// Small, middle and large: the rates that lie between PulseBeam's boundary budgets.
const RUNGS: [(&str, u16, BitsPerSecond); 3] = [("low", 180, 150 * KBPS), ("medium", 360, 400 * KBPS), ("high", 720, 1250 * KBPS)];

fn cases(file: &str) -> Value {
    let text = match file {
        "pulsebeam" => include_str!("data/pulsebeam_allocation_cases.json"),
        _ => include_str!("data/livekit_forwarder_cases.json"),
    };
    serde_json::from_str(text).expect("it is JSON")
}

fn layer(spatial: usize, temporal: usize) -> Layer {
    let small = |at: usize| u8::try_from(at).expect("a few layers");
    Layer { spatial: LayerId(small(spatial)), temporal: TemporalId(small(temporal)) }
}

/// A camera, and what its subscriber wants of it.
#[derive(Clone)]
struct Wanted {
    rungs: Vec<Rung>,
    insists: bool,
    priority: u8,
    current: Option<Layer>,
}

impl Wanted {
    /// As a test of PulseBeam's says it: in words for sizes, or with the rates and pictures a second of one size.
    fn read(case: &Value) -> Self {
        let number = |key: &str| case[key].as_u64();
        let height = |name: &Value| RUNGS.iter().find(|rung| name == rung.0).map(|rung| rung.1);
        let priority = u8::try_from(number("prio").unwrap_or(0)).expect("at most 255");
        if let Some(rates_kbps) = case["temporal_kbps"].as_array() {
            let fps = |at: usize| case["fps"][at].as_u64().unwrap_or([7, 15, 30][at]);
            let enough = |at: &usize| fps(*at) >= number("min_fps").unwrap_or(0);
            let rungs = (0..rates_kbps.len()).filter(enough);
            let rungs = rungs.map(|at| Rung { layer: layer(0, at), bps: rates_kbps[at].as_u64().expect("a rate") * KBPS }).collect();
            return Self { rungs, insists: false, priority, current: None };
        }
        let offers = RUNGS.iter().enumerate().map(|(at, (_, short_side, bps))| {
            let rung = Rung { layer: layer(at, 0), bps: *bps };
            Offer { rung, short_side: *short_side }
        });
        let wish = Wish { source: Source::Camera, min_short_side: height(&case["floor"]), max_short_side: None };
        let mut rungs = Vec::new();
        wish.ladder(&offers.collect::<Vec<_>>(), &mut rungs);
        let current = RUNGS.iter().position(|rung| case["held"] == rung.0).map(|at| layer(at, 0));
        Self { rungs, insists: wish.min_short_side.is_some(), priority, current }
    }

    fn demand(&self, stream: u32) -> Demand<'_> {
        let Self { ref rungs, insists, priority, current } = *self;
        Demand { stream: StreamId(stream), source: Source::Camera, priority: Priority(priority), insists, rungs, current }
    }
}

fn plan(budget_bps: BitsPerSecond, wanted: &[Wanted]) -> Allocation {
    let demands: Vec<Demand<'_>> = (0..).zip(wanted).map(|(stream, wanted)| wanted.demand(stream)).collect();
    allocate(Budget::of(budget_bps), &demands)
}

/// `4*H`, `L+5kbps`, `0.5*L`, `0`, or a number of kilobits.
fn budget_of(case: &Value) -> BitsPerSecond {
    if let Some(kbps) = case["budget_kbps"].as_u64() {
        return kbps * KBPS;
    }
    let Some(text) = case["budget"].as_str() else { return case["budget"].as_u64().expect("a number") };
    let rate = |letter: &str| RUNGS.iter().find(|rung| rung.0.starts_with(&letter.to_lowercase())).expect("L, M or H").2;
    if let Some((factor, letter)) = text.split_once('*') {
        let (whole, part) = factor.split_once('.').unwrap_or((factor, ""));
        let number = |text: &str| text.parse::<BitsPerSecond>().expect("a number");
        return rate(letter) * (number(whole) * 100 + number(&format!("{part:0<2}"))) / 100;
    }
    let (letter, more) = text.split_once('+').expect("a sum");
    rate(letter) + more.trim_end_matches("kbps").parse::<BitsPerSecond>().expect("a number") * KBPS
}

#[test]
fn what_pulsebeam_expects_comes_out() {
    let file = cases("pulsebeam");
    let mut held = 0;
    for case in file["cases"].as_array().expect("a list") {
        let name = case["name"].as_str().expect("a text");
        let (Some(streams), Some(expected)) = (case["streams"].as_array(), case["expect"].as_array()) else { continue };
        // Kept above the budget, by up to a third: its own policy.
        if name.starts_with("held") {
            continue;
        }
        let wanted: Vec<Wanted> = streams.iter().map(Wanted::read).collect();
        let allocation = plan(budget_of(case), &wanted);
        for (choice, expected) in allocation.choices.iter().zip(expected) {
            let expected = expected.as_str().expect("a text");
            let chosen = choice.layer.map(|layer| layer.spatial.0);
            match expected {
                "paused" => assert_eq!(choice.layer, None, "{name}"),
                "forwarded" => assert!(choice.layer.is_some(), "{name}: {}", choice.reason),
                "any" => {}
                "temporal target 1" => assert_eq!(choice.layer, Some(layer(0, 1)), "{name}"),
                size => assert_eq!(chosen.map(|at| RUNGS[usize::from(at)].0), Some(size), "{name}: {}", choice.reason),
            }
        }
        held += 1;
    }
    assert_eq!(held, 8, "the cases that are read and fair");
}

#[test]
fn with_nothing_to_spend_all_pause_and_it_is_said_what_would_resume_them() {
    let wanted = vec![Wanted::read(&Value::Null); 3];
    let allocation = plan(0, &wanted);
    assert!(allocation.choices.iter().all(|choice| choice.layer.is_none()));
    assert_eq!(allocation.choices[0].reason, Reason::Budget { needs_bps: RUNGS[0].2, budget_bps: 0 });
    let behind = Reason::Behind { stream: StreamId(0), needs_bps: RUNGS[0].2, budget_bps: 0 };
    assert!(allocation.choices[1..].iter().all(|choice| choice.reason == behind));
    // What probing has to find for the first of them to come back.
    assert_eq!(allocation.minimum_bps, RUNGS[0].2);
}

/// LiveKit's tables are by spatial layer, then temporal; zero is a layer that does not flow.
fn ladder(table: &Value) -> Vec<Rung> {
    let row = |(spatial, row): (usize, &Value)| {
        let rates = row.as_array().expect("a row").clone();
        rates
            .into_iter()
            .enumerate()
            .map(move |(temporal, bps)| Rung { layer: layer(spatial, temporal), bps: bps.as_u64().expect("a rate") })
    };
    let mut rungs: Vec<Rung> = table.as_array().expect("rows").iter().enumerate().flat_map(row).collect();
    greenroom_core::select::arrange(Source::Camera, &mut rungs);
    rungs
}

fn alone(planner: &mut Planner, budget: Budget, rungs: &[Rung], current: Option<Layer>) -> Option<Layer> {
    let demand = Demand { stream: StreamId(1), source: Source::Camera, priority: Priority(0), insists: false, rungs, current };
    planner.plan(budget, &[demand]).choices[0].layer
}

/// A layer as LiveKit writes it; `[-1, -1]` is none.
fn pair(value: &Value) -> Option<Layer> {
    let at = |index: usize| value[index].as_u64().and_then(|at| usize::try_from(at).ok());
    Some(layer(at(0)?, at(1)?))
}

#[test]
fn boosts_walk_up_livekits_sparse_ladder_as_its_tests_say() {
    let file = cases("livekit");
    let rungs = ladder(&file["ladder_sparse"]);
    let mut planner = Planner::default();
    let mut steps = 0;
    for step in file["next_higher"]["trace"].as_array().expect("a list") {
        let (from, to) = (pair(&step["from"]), pair(&step["to"]));
        let bps_of =
            |layer: Option<Layer>| layer.map_or(0, |layer| rungs.iter().find(|rung| rung.layer == layer).expect("it is there").bps);
        // A boost is what the next layer takes, and no more: the one that is had, and the budget of the smallest step.
        let is_boost = step["boosted"].as_bool() != Some(false);
        let budget_bps = if is_boost { bps_of(to) } else { bps_of(from) };
        assert_eq!(alone(&mut planner, Budget::of(budget_bps), &rungs, from), to, "{step}");
        // With a bit less nothing is raised.
        if is_boost {
            assert_eq!(alone(&mut planner, Budget::of(budget_bps - 1), &rungs, from), from, "{step}");
            steps += 1;
        }
    }
    assert_eq!(steps, 5);
    assert_eq!(alone(&mut planner, Budget::of(100_000_000), &rungs, None), Some(layer(2, 1)), "the ideal");
}

#[test]
fn what_fits_is_taken_and_what_does_not_is_not() {
    let file = cases("livekit");
    let rungs = ladder(&file["ladder_full"]);
    let mut planner = Planner::default();
    let fit = &file["provisional_fit"];
    for step in fit["trace"].as_array().expect("a list") {
        let tried = pair(&step["try"]).expect("a layer");
        let rung = *rungs.iter().find(|rung| rung.layer == tried).expect("it flows");
        let taken = alone(&mut planner, Budget::of(step["budget"].as_u64().expect("a rate")), &[rung], None);
        assert_eq!(taken.is_some(), step["taken"].as_bool().expect("yes or no"), "{step}");
    }
    // What it settles for, of what it was left with, is what fits that.
    let commit = &fit["commit"];
    let requested_bps = commit["requested"].as_u64().expect("a rate");
    assert_eq!(alone(&mut planner, Budget::of(requested_bps), &rungs, None), pair(&commit["target"]));
    let needed_bps = commit["needed"].as_u64().expect("a rate");
    assert_eq!(alone(&mut planner, Budget::of(needed_bps), &rungs, None), Some(layer(2, 3)), "what it needs for the best");
}

#[test]
fn a_layer_that_vanished_is_left_for_the_next_lower_one() {
    let file = cases("livekit");
    let rungs = ladder(&file["cooperative"]["ladder"]);
    let mut planner = Planner::default();
    for case in file["cooperative"]["cases"].as_array().expect("a list") {
        if case["muted"].as_bool() == Some(true) {
            continue; // a muted stream is not planned at all: a room's matter
        }
        // What was had may be kept, and nothing is there for more: but of a stream that waits its first layer.
        let from = pair(&case["from"]);
        let kept = rungs.iter().filter(|rung| Some(rung.layer) <= from).map(|rung| rung.bps).max();
        let budget = Budget { keep_bps: kept.unwrap_or(1), climb_bps: u64::from(from.is_none()) };
        assert_eq!(alone(&mut planner, budget, &rungs, from), pair(&case["to"]), "{case}");
    }
}
