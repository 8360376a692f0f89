//! The restated policies of other servers give the answers that their servers give.
//!
//! Two tables: answers of Jitsi Videobridge as its own tests have them, and answers of three servers on two scenes computed from their sources. A policy that is restated wrongly would make every
//! comparison with it worthless.

use greenroom_core::{
    id::{LayerId, StreamId, TemporalId},
    select::{Budget, Demand, Layer, Policy, Priority, Rung, Source, arrange},
};
use greenroom_sim::policy;
use serde_json::Value;

const CURVES: &str = include_str!("data/peer_allocation_curves.json");
const JVB: &str = include_str!("data/jvb_allocation_tables.json");

/// The names of the ladder's rungs, by picture and by pictures a second.
const PICTURES: [(&str, u64); 3] = [("ld", 180), ("sd", 360), ("hd", 720)];
const RATES: [&str; 3] = ["7_5", "15", "30"];

/// A stream of a scene: its ladder up to a height.
struct Stream {
    name: &'static str,
    source: Source,
    priority: Priority,
    rungs: Vec<Rung>,
}

fn stream(name: &'static str, ladder: &Value, max_height: u64, source: Source, priority: u8) -> Stream {
    let ladder = ladder.as_array().expect("a ladder is a list");
    let mut rungs: Vec<Rung> = ladder.iter().filter(|rung| rung["height"].as_u64() <= Some(max_height)).map(rung).collect();
    arrange(source, &mut rungs);
    Stream { name, source, priority: Priority(priority), rungs }
}

fn rung(entry: &Value) -> Rung {
    let (layer, bps) = (layer(entry["id"].as_str().expect("rungs have names")), entry["cumulative_bps"].as_u64().expect("and whole rates"));
    Rung { layer, bps }
}

fn layer(name: &str) -> Layer {
    let (picture, rate) = name.split_at(2);
    let spatial = PICTURES.iter().position(|(known, _)| *known == picture).expect("a known picture");
    let temporal = RATES.iter().position(|known| *known == rate).expect("a known rate");
    Layer { spatial: LayerId(u8::try_from(spatial).expect("three")), temporal: TemporalId(u8::try_from(temporal).expect("three")) }
}

/// What a policy gives each stream of a scene.
fn ask(policy: Policy, budget_bps: u64, scene: &[Stream]) -> Vec<Option<Layer>> {
    let demands: Vec<Demand<'_>> = (0_u32..)
        .zip(scene)
        .map(|(at, stream)| Demand {
            stream: StreamId(at),
            source: stream.source,
            priority: stream.priority,
            insists: false,
            rungs: &stream.rungs,
            current: None,
        })
        .collect();
    policy.allocate(Budget::of(budget_bps), &demands).choices.iter().map(|choice| choice.layer).collect()
}

fn expected(layers: &Value, scene: &[Stream]) -> Vec<Option<Layer>> {
    scene.iter().map(|stream| layers[stream.name].as_str().map(layer)).collect()
}

#[test]
fn three_servers_answer_as_their_sources_do() {
    let curves: Value = serde_json::from_str(CURVES).expect("it is JSON");
    let tile = |name| stream(name, &curves["ladder"], 720, Source::Camera, 0);
    let thumbnail = |name| stream(name, &curves["ladder"], 180, Source::Camera, 0);
    let scenes = [
        ("tile720_equal", ["A", "B", "C", "D"].map(tile)),
        ("stage", [stream("A", &curves["ladder"], 720, Source::Camera, 1), thumbnail("B"), thumbnail("C"), thumbnail("D")]),
    ];
    let mut answers = 0;
    for (name, scene) in &scenes {
        for row in curves["scenarios"][name]["rows"].as_array().expect("rows") {
            let budget_bps = row["bwe_bps"].as_u64().expect("a whole rate");
            for policy in [policy::JVB, policy::LIVEKIT, policy::MEDIASOUP] {
                let answer = ask(policy, budget_bps, scene);
                assert_eq!(answer, expected(&row[policy.name()]["layers"], scene), "{policy:?}, {name}, {budget_bps} bps");
                answers += 1;
            }
        }
    }
    assert_eq!(answers, 2 * 24 * 3);
}

#[test]
fn the_videobridge_answers_as_its_own_tests_say() {
    let tables: Value = serde_json::from_str(JVB).expect("it is JSON");
    let mut steps = 0;
    for scenario in tables["scenarios"].as_array().expect("scenarios") {
        if scenario.get("last_n").is_some() {
            continue; // how many videos there are is decided before a connection is shared
        }
        let scene: Vec<Stream> = scenario["sources"]
            .as_array()
            .expect("sources")
            .iter()
            .zip(["A", "B", "C", "D"])
            .map(|(source, name)| {
                let kind = if source["kind"] == "screenshare" { Source::Screen } else { Source::Camera };
                let priority = u8::from(source["on_stage"] == true);
                stream(name, &tables["ladder"], source["max_height"].as_u64().expect("a height"), kind, priority)
            })
            .collect();
        let table = scenario["steps"].as_array().expect("steps");
        for (at, step) in table.iter().enumerate() {
            let from_bps = step["from_bwe_bps"].as_u64().expect("a whole rate");
            // It holds from here until the next one, on the table's grid of 10 kbps.
            let last_bps = table.get(at + 1).map_or(5_000_000, |next| next["from_bwe_bps"].as_u64().expect("a whole rate") - 10_000);
            for budget_bps in [from_bps, last_bps] {
                assert_eq!(
                    ask(policy::JVB, budget_bps, &scene),
                    expected(&step["target"], &scene),
                    "{}, {budget_bps} bps",
                    scenario["name"]
                );
            }
            steps += 1;
        }
    }
    assert!(steps >= 45, "{steps}");
}
