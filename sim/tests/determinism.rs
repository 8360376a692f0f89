//! One seed, one run: twice in a process, side by side, in another process, in debug and in release.

use std::{process::Command, thread};

use greenroom_core::time::Instant;
use greenroom_sim::{
    engine::{Collected, Engine, Progress},
    entropy,
    media::Fidelity,
    record::{Captured, Entry, Fate, MetricRow, Record, What},
    run::{self, Settings},
    scenario::Scenario,
};

#[path = "common/lab.rs"]
mod lab;

/// Five seconds with all that draws lots: loss, jitter and a queue that overflows; somebody comes on stage, somebody goes.
const SHORT: &str = r#"
title = "short"
duration = "5 s"
[link.fibre]
rate = "50 Mbps"
delay = "8 ms"
[link.radio]
delay = "15 ms"
jitter = "6 ms"
loss = "2 %"
queue = "60 ms"
up.rate = "3 Mbps"
down.rate = [{ at = "0 s", is = "4 Mbps" }, { at = "3 s", is = "700 kbps" }]
[[user]]
id = "ada"
role = "joiner"
link = "radio"
publish = true
[[user]]
id = "ben"
role = "player"
link = "radio"
join = "300 ms"
[[user]]
id = "cem"
role = "player"
link = "fibre"
join = "700 ms"
[[event]]
at = "1500 ms"
user = "cem"
do = "switch_role"
role = "joiner"
[[event]]
at = "1500 ms"
user = "cem"
do = "publish"
[[event]]
at = "4 s"
user = "ada"
do = "leave"
"#;

/// Hashes over every datagram of [`SHORT`] with seed 1.
///
/// Debug and release builds must agree on them, and so must every machine. A change of what is sent, or when, changes them: then look at what changed, and when it is meant,
/// take over the hashes that the failing test prints, in the same commit.
const GOLDEN_TRACES: [(Engine, Fidelity, &str); 6] = [
    (Engine::Turmoil, Fidelity::WebRtc, "eec3d8b5f446ebbc"),
    (Engine::Turmoil, Fidelity::WebRtcNull, "6c1cea73a4406961"),
    (Engine::Turmoil, Fidelity::Model, "c96eb7447d991a5d"),
    (Engine::Direct, Fidelity::WebRtc, "d47a59e044a2689c"),
    (Engine::Direct, Fidelity::WebRtcNull, "12ee82bfd883534b"),
    (Engine::Direct, Fidelity::Model, "c96eb7447d991a5d"),
];

/// The hash over the story of [`SHORT`]: the same for every engine, whatever carries the media.
const GOLDEN_STORY: &str = "21819ac977fdfb31";

/// Every engine with every media that repeats on this machine: what str0m draws is only in our hands where the C library is.
fn each_way() -> impl Iterator<Item = (Engine, Fidelity)> + Clone {
    let ways = Engine::ALL.into_iter().flat_map(|engine| Fidelity::ALL.map(|media| (engine, media)));
    ways.filter(|(_, media)| entropy::IN_FORCE || *media == Fidelity::Model)
}

/// All that a run leaves behind, but for how long it took.
fn everything(record: &Record) -> (String, String, u64, &[Entry], &[MetricRow]) {
    let summary = &record.summary;
    (summary.trace_hash.clone(), summary.story_hash.clone(), summary.datagrams, &record.entries, &record.metrics)
}

#[test]
fn a_run_is_what_it_was() {
    let scenario = lab::parse(SHORT);
    let golden: Vec<_> = GOLDEN_TRACES.into_iter().filter(|(engine, media, _)| each_way().any(|way| way == (*engine, *media))).collect();
    let now: Vec<_> = each_way()
        .map(|(engine, media)| {
            let summary = lab::run(&scenario, engine, media, 1).summary;
            assert_eq!(summary.story_hash, GOLDEN_STORY, "the story changed: {engine}, {media}");
            (engine, media, summary.trace_hash)
        })
        .collect();
    let now: Vec<_> = now.iter().map(|(engine, media, trace)| (*engine, *media, trace.as_str())).collect();
    assert_eq!(now, golden, "runs changed");
}

#[test]
fn one_seed_is_one_run_and_another_seed_another() {
    let scenario = lab::parse(SHORT);
    for (engine, media) in each_way() {
        let first = lab::run(&scenario, engine, media, 7);
        let second = lab::run(&scenario, engine, media, 7);
        assert_eq!(everything(&first), everything(&second), "{engine}, {media}");
        let other = lab::run(&scenario, engine, media, 8);
        assert_ne!(first.summary.trace_hash, other.summary.trace_hash, "{engine}, {media}");
        assert_eq!(first.summary.story_hash, other.summary.story_hash, "the story does not hang on chance: {engine}, {media}");
    }
}

#[test]
fn runs_side_by_side_do_not_touch_each_other() {
    let scenario = lab::parse(SHORT);
    let alone: Vec<_> = each_way().map(|(engine, media)| lab::run(&scenario, engine, media, 7)).collect();
    // Four threads, each with all of them in another order, so that unlike runs are side by side.
    thread::scope(|scope| {
        let (scenario, alone) = (&scenario, &alone);
        for first in 0..4 {
            scope.spawn(move || {
                let order = alone.iter().zip(each_way()).cycle().skip(first).take(alone.len());
                for (alone, (engine, media)) in order {
                    let beside = lab::run(scenario, engine, media, 7);
                    assert_eq!(everything(&beside), everything(alone), "{engine}, {media}");
                }
            });
        }
    });
}

#[test]
fn another_process_sees_the_same() {
    let directory = std::env::temp_dir().join(format!("greenroom-determinism-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("short.toml");
    std::fs::write(&file, SHORT).unwrap();
    let scenario = Scenario::load(&file, &[]).unwrap();
    for (engine, media) in each_way() {
        let output = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(["run", file.to_str().unwrap(), "--engine", engine.name(), "--media", media.name(), "--seed", "7", "--json"])
            .args(["--out", directory.join("out").to_str().unwrap()])
            .output()
            .unwrap();
        let theirs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let ours = lab::run(&scenario, engine, media, 7).summary;
        assert_eq!(theirs["trace_hash"], ours.trace_hash, "{engine}, {media}");
        assert_eq!(theirs["story_hash"], ours.story_hash, "{engine}, {media}");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

/// Every link draws its own lots: whoever comes besides, and sees and sends nothing, changes nothing for the others.
#[test]
fn a_bystander_changes_nobody_elses_network() {
    let with = format!("{SHORT}\n[[user]]\nid = \"dan\"\nrole = \"player\"\nlink = \"radio\"\njoin = \"1 s\"\nwatch = []\n");
    let (without, with) = (lab::parse(SHORT), lab::parse(&with));
    for (engine, media) in [(Engine::Direct, Fidelity::WebRtcNull), (Engine::Direct, Fidelity::Model), (Engine::Turmoil, Fidelity::Model)] {
        let collect =
            |scenario| run::collect(scenario, Settings { engine, media, seed: 1, ..Settings::default() }, &Progress::default()).unwrap();
        let (alone, beside) = (collect(&without), collect(&with));
        for place in 1..=3 {
            let drops = |run: &Collected| (run.network.uplink(place).unwrap().drops(), run.network.downlink(place).unwrap().drops());
            assert!(drops(&alone).0.total() + drops(&alone).1.total() > 0 || place == 3, "there is something to compare");
            assert_eq!(drops(&alone), drops(&beside), "{engine}, {media}, user {place}");
        }
        let dan = lab::user_id("dan");
        let others = |entries: &[Entry]| -> Vec<Entry> {
            let tells_of_dan = |what: &What| matches!(what, What::PeerJoined { peer } | What::PeerLeft { peer, .. } if *peer == dan);
            entries.iter().filter(|entry| entry.user.as_ref() != Some(&dan) && !tells_of_dan(&entry.what)).cloned().collect()
        };
        assert_eq!(others(&alone.entries), others(&beside.entries), "{engine}, {media}");
        assert!(beside.entries.iter().any(|entry| entry.user.as_ref() == Some(&dan) && entry.at > Instant::from_secs(1)));
    }
}

/// The same, packet by packet: what each link did with each datagram, lost ones and late ones, is what it did without Dan, on his kind of link and on a line that he shares with nobody.
#[test]
fn a_bystander_behind_a_line_of_his_own_changes_no_datagrams_fate() {
    let dan = "[shared.cellar]\ndelay = \"4 ms\"\nloss = \"5 %\"\n[link.cable]\ndelay = \"5 ms\"\nloss = \"3 %\"\nbehind = \"cellar\"\n";
    let dan = format!("{SHORT}\n{dan}[[user]]\nid = \"dan\"\nrole = \"player\"\nlink = \"cable\"\njoin = \"1 s\"\nwatch = []\n");
    for engine in Engine::ALL {
        let fates = |text: &str| -> Vec<Captured> {
            let settings = Settings { engine, media: Fidelity::Model, seed: 1, ..Settings::default() };
            let (_, captured) = run::run_captured(&lab::parse(text), settings, &Progress::default()).unwrap();
            captured.into_iter().filter(|packet| packet.client <= 3).collect()
        };
        let (without, with) = (fates(SHORT), fates(&dan));
        let lost = without.iter().filter(|packet| packet.fate == Fate::Dropped("lost on the way")).count();
        assert!(lost > 40, "{engine}: there is something to compare: {lost}");
        assert_eq!(without, with, "{engine}");
    }
}

/// A bench of many simulations brings the same whatever the number that go on at a time.
#[test]
fn a_bench_brings_the_same_on_one_thread_and_on_four() {
    let bench = |jobs: &str| {
        let arguments = ["bench", "rfc8867", "--case", "5.4", "--seeds", "0..2", "--media", "webrtc-null", "--json", "--jobs", jobs];
        let output = Command::new(env!("CARGO_BIN_EXE_greenroom")).args(arguments).output().unwrap();
        let results: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert!(results["cases"].as_array().is_some_and(|cases| cases.len() == 1), "{results}");
        results
    };
    assert_eq!(bench("1"), bench("4"));
}
