//! Who hears whom in a room where the loudest are heard, end to end: levels in packets, the room's choice, and what arrives.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{id::UserId, limits};
use greenroom_sim::{
    engine::{Collected, Engine, Progress},
    media::Fidelity,
    record::{Counted, Entry, What},
    run::{self, Settings},
    scenario::Scenario,
};

#[path = "common/lab.rs"]
mod lab;

fn collect(scenario: &Scenario, engine: Engine, media: Fidelity) -> Collected {
    run::collect(scenario, Settings { engine, media, seed: 1, ..Settings::default() }, &Progress::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Whom each user heard between two times.
fn heard(collected: &Collected, from_ms: u64, to_ms: u64) -> BTreeMap<String, BTreeSet<String>> {
    let mut heard: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in &collected.samples {
        if let Counted::Heard(_) = sample.what
            && (from_ms * 1_000_000..to_ms * 1_000_000).contains(&sample.at.as_nanos())
        {
            heard.entry(sample.user.to_string()).or_default().insert(sample.stream.user.to_string());
        }
    }
    heard
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// What was said of voices, by time.
fn news(collected: &Collected) -> impl Iterator<Item = &Entry> {
    collected.entries.iter().filter(|entry| matches!(entry.what, What::Loudest { .. } | What::Volumes { .. }))
}

/// Five who never stop talking, each softer than the one before, and two who listen: one of the five, and one in the audience.
const STEADY: &str = r#"
title = "five at once"
duration = "12 s"
[link.fibre]
rate = "50 Mbps"
delay = "10 ms"
[camera]
layers = [{ rid = "q", height = 180, rate = "150 kbps" }]
[[user]]
id = "ada"
role = "joiner"
link = "fibre"
publish = true
voice = { pause = "0 s", level = 10 }
hear = "loudest"
[[user]]
id = "ben"
role = "joiner"
link = "fibre"
publish = true
voice = { pause = "0 s", level = 22 }
watch = []
[[user]]
id = "cem"
role = "joiner"
link = "fibre"
publish = true
voice = { pause = "0 s", level = 34 }
watch = []
[[user]]
id = "dia"
role = "joiner"
link = "fibre"
publish = true
voice = { pause = "0 s", level = 46 }
watch = []
[[user]]
id = "eva"
role = "joiner"
link = "fibre"
publish = true
voice = { pause = "0 s", level = 58 }
watch = []
[[user]]
id = "fay"
role = "player"
link = "fibre"
hear = "loudest"
watch = ["eva"]
[[event]]
at = "8 s"
user = "ben"
do = "mute"
audio = true
"#;

// R-135 R-136 R-137 R-141
#[test]
fn a_listener_gets_the_three_loudest_others_and_nobody_else() {
    let scenario = lab::parse(STEADY);
    for (engine, media) in [(Engine::Direct, Fidelity::Model), (Engine::Turmoil, Fidelity::Model), (Engine::Direct, Fidelity::WebRtcNull)] {
        let collected = collect(&scenario, engine, media);
        // Once all are there and have been compared, Fay hears the loudest three, and Ada, who is one of them, the three behind her.
        let (three, others) = (names(&["ada", "ben", "cem"]), names(&["ben", "cem", "dia"]));
        assert_eq!(
            heard(&collected, 4_000, 8_000),
            BTreeMap::from([("fay".to_owned(), three), ("ada".to_owned(), others)]),
            "{engine} {media}"
        );
        // Ben is muted, and the next takes his place.
        let (three, others) = (names(&["ada", "cem", "dia"]), names(&["cem", "dia", "eva"]));
        assert_eq!(
            heard(&collected, 9_000, 12_000),
            BTreeMap::from([("fay".to_owned(), three), ("ada".to_owned(), others)]),
            "{engine} {media}"
        );
        // What Fay watches comes without its voice; and she is told how loud those are whom she hears.
        let volumes = collected.entries.iter().rev().find_map(|entry| match &entry.what {
            What::Volumes { voices } if entry.user == Some(lab::user_id("fay")) => Some(voices),
            _ => None,
        });
        let told: Vec<(&UserId, u8)> = volumes.expect("she listens").iter().map(|voice| (&voice.user, voice.volume.get())).collect();
        assert_eq!(told.len(), limits::LOUDEST, "{told:?}");
        assert!(told.windows(2).all(|pair| pair[0].1 > pair[1].1), "each is softer than the one before: {told:?}");
        let listeners: BTreeSet<_> = news(&collected).filter_map(|entry| entry.user.as_ref()).map(ToString::to_string).collect();
        assert_eq!(listeners, names(&["ada", "fay"]), "nobody else is told");
    }
}

#[test]
fn both_engines_tell_the_same_panel() {
    let scenario = lab::shipped("panel");
    let [direct, turmoil] = [Engine::Direct, Engine::Turmoil].map(|engine| lab::run(&scenario, engine, Fidelity::Model, 1));
    assert_eq!(lab::failures(&direct), [""; 0]);
    assert_eq!((direct.summary.trace_hash, &direct.entries), (turmoil.summary.trace_hash, &turmoil.entries));
    let turns = direct.entries.iter().filter(|entry| matches!(entry.what, What::Loudest { .. })).count();
    assert!(turns > 20, "people take turns: {turns}");
}

#[test]
fn another_seed_is_another_conversation_and_the_same_seed_the_same() {
    let scenario = lab::shipped("panel");
    let run = |seed| lab::run(&scenario, Engine::Direct, Fidelity::Model, seed);
    let turns = |seed| run(seed).entries.into_iter().filter(|entry| matches!(entry.what, What::Loudest { .. })).collect::<Vec<_>>();
    assert_eq!(turns(1), turns(1));
    assert_ne!(turns(1), turns(2));
}
