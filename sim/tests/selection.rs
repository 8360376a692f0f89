//! The end-to-end table of `docs/SELECTION.md` is what `greenroom bench selection --markdown` prints.
//!
//! Running all of it takes minutes, so its rows and columns are compared here, and one scene is run for what must hold whatever the numbers.
//! `GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test selection` runs all and writes the table anew.

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

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SELECTION.md")
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

#[test]
fn the_page_shows_what_the_command_prints() {
    let text = fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (printed, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        let results = selection::run(settings(), &|_, _| {}).expect("engines keep their promises");
        fs::write(page(), format!("{before}{BEGIN}{}{END}{after}", selection::markdown(&results))).expect("the page can be written");
        return;
    }
    // Given a table of the same scenes, rules and goals, with no numbers in it,
    let blank = settings();
    let readings = vec![vec![vec![Reading::default(); 20]; blank.policies.len()]; blank.scenes.len()];
    let blank = selection::markdown(&Results { settings: blank, readings });
    // then the page's has these rows with these columns, and these goals.
    let shape = |table: &str| -> Vec<String> {
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('*')).collect();
            match cells[..] {
                [_, scene, rule, .., against, _] => format!("{} {scene} {rule} {}", cells.len(), against.matches('±').count()),
                // A goal without what came of it.
                _ => line.split(" (").next().unwrap_or_default().replace("**Missed**", "Met"),
            }
        };
        table.lines().map(row).collect()
    };
    assert_eq!(shape(printed), shape(&blank), "GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test selection");
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
        let Reading { delivered, still_ms, dark_ms, switches, lost } = *reading;
        assert!(delivered > 0.2 && delivered < 1.1, "{reading:?}");
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
