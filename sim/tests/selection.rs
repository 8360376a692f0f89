//! The end-to-end table of `docs/SELECTION.md` is what `greenroom bench selection --markdown` prints.
//!
//! Running all of it takes half an hour, so it is made of stored results; two runs are made anew to see that they are what runs give, and one scene is run for what must hold whatever the numbers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use greenroom_core::select::Policy;
use greenroom_sim::{
    bench::selection::{self, Outcome, Reading, Results, Settings},
    media::Fidelity,
    policy,
};

const BEGIN: &str = "<!-- end to end: greenroom bench selection --seeds 0..20 --markdown -->\n";
const END: &str = "<!-- end of table -->";

const DATA: &str = "sim/tests/data/bench-selection.json";
const PAGE: &str = "docs/SELECTION.md";
const HOW: &str = "cargo run --release -- bench selection --json > sim/tests/data/bench-selection.json, then GREENROOM_UPDATE=1 cargo test -p greenroom-sim --test selection";

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn settings() -> Settings {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    Settings { scenes: selection::scenes(), policies: selection::policies(), seeds: 0..20, media: Fidelity::WebRtc, jobs }
}

/// One scene, two seeds, null cryptography: what can be run in a moment.
fn short(policies: &[Policy]) -> Settings {
    let mut scenes = selection::scenes();
    scenes.retain(|scene| scene.name == "commute");
    Settings { scenes, policies: policies.to_vec(), seeds: 0..2, media: Fidelity::WebRtcNull, ..settings() }
}

/// What is stored of the whole run.
fn results() -> Results {
    selection::stored(settings(), &text(DATA)).unwrap_or_else(|error| panic!("{DATA}: {error}; {HOW}"))
}

fn text(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap_or_else(|error| panic!("{path}: {error}; {HOW}"))
}

#[test]
fn the_page_shows_what_is_stored() {
    let results = results();
    let page = text(PAGE);
    let (before, rest) = page.split_once(BEGIN).expect("the beginning of the table");
    let (printed, after) = rest.split_once(END).expect("the end of the table");
    let table = selection::markdown(&results);
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        fs::write(in_repository(PAGE), format!("{before}{BEGIN}{table}{END}{after}")).expect("the page can be written");
        return;
    }
    assert_eq!(printed, table, "{PAGE} is out of date; {HOW}");
}

/// Equal, but for what digits that are written and read again may differ by.
fn is_same(one: &Reading, other: &Reading) -> bool {
    let numbers = |reading: &Reading| [reading.delivered, reading.still_ms, reading.dark_ms, reading.switches, reading.lost];
    numbers(one).iter().zip(numbers(other)).all(|(one, other)| (one - other).abs() <= 1e-12 * one.abs())
}

#[test]
fn what_is_stored_is_what_runs_give() {
    // All of it takes half an hour: two runs of one scene stand for the others.
    let (results, last) = (results(), settings().scenes.len() - 1);
    for (policy, rule) in policy::ALL.into_iter().enumerate().take(2) {
        let scene = &results.settings.scenes[last];
        let played = selection::play(scene, rule, results.settings.media, 0).expect("engines keep their promises");
        let stored = results.readings[last][policy][0];
        assert!(is_same(&played, &stored), "{}, {}: {played:?}, stored is {stored:?}; {HOW}", scene.name, rule.name());
    }
}

#[test]
fn nowhere_is_ours_worse_and_on_most_scenes_it_is_better() {
    let missed: Vec<_> = selection::goals(&results()).into_iter().filter(|(.., met)| !met).collect();
    assert_eq!(missed, []);
}

#[test]
fn a_rule_against_itself_is_even_and_runs_repeat() {
    // Given our rule in both corners,
    let results = selection::run(short(&[Policy::CHAIN, Policy::CHAIN]), &|_, _| {}).expect("engines keep their promises");
    // then runs with one seed are the same, so that nothing is better or worse,
    assert_eq!(results.readings[0][0], results.readings[0][1]);
    let duels = selection::duels(&results);
    assert_eq!(duels.len(), 2);
    assert!(duels.iter().all(|duel| duel.outcome() == Outcome::Even && duel.gain == 0.0));
    let met: Vec<bool> = selection::goals(&results).iter().map(|(.., met)| *met).collect();
    assert_eq!(met, [true, false], "nowhere worse, and nowhere better");
    // and seeds are not.
    assert_ne!(results.readings[0][0][0], results.readings[0][0][1]);
}

#[test]
fn readings_are_what_they_can_be() {
    let results = selection::run(short(&[Policy::CHAIN, policy::JVB]), &|_, _| {}).expect("engines keep their promises");
    for reading in results.readings.iter().flatten().flatten() {
        let Reading { delivered, arrived, still_ms, dark_ms, switches, lost } = *reading;
        assert!(delivered > 0.2 && delivered <= arrived && arrived < 1.1, "{reading:?}");
        // The tunnel takes two seconds of each video.
        assert!((1_500.0..60_000.0).contains(&still_ms) && dark_ms <= still_ms, "{reading:?}");
        assert!((0.0..60.0).contains(&switches) && lost > 0.0 && lost < 0.5, "{reading:?}");
    }
    // What is printed is one line for each, a head, and the goals.
    let text = selection::text(&results);
    assert_eq!(text.lines().filter(|line| line.contains(" % ")).count(), 2, "{text}");
    let json = selection::json(&results);
    assert_eq!(json["scenes"][0]["rules"][1]["policy"], "jvb");
    assert_eq!(json["comparisons"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["scenes"][0]["rules"][0]["by_seed"].as_array().map(Vec::len), Some(2));
}
