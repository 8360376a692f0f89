//! `greenroom bench quality`: what docs/QUALITY.md says of it is what is stored, what is stored is what the code does, and a small grid is scored right.

use std::{fs, path::PathBuf};

use greenroom_sim::{
    bench::quality::{self, Case, Codec, Heard, Outcome, Tally, Truth},
    media::Fidelity,
};

const DATA: &str = "sim/tests/data/bench-quality.json";
const PAGE: &str = "docs/QUALITY.md";
const PICTURE: &str = "docs/images/quality.svg";
const MARK: &str = "<!-- bench: quality --seeds 0..1 -->\n";
const HEARD_MARK: &str = "<!-- bench: quality --seeds 0..1, by ear -->\n";
const HOW: &str = "cargo run --release -- bench quality --json > sim/tests/data/bench-quality.json, then GREENROOM_UPDATE=1 cargo test -p greenroom-sim --test bench_quality";

fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap_or_else(|error| panic!("{path}: {error}; {HOW}"))
}

/// The whole grid, and what is stored of it.
fn stored() -> (Vec<Case>, Vec<Outcome>) {
    let cases = quality::grid();
    let outcomes = quality::read(&cases, &text(DATA)).unwrap_or_else(|error| panic!("{DATA}: {error}; {HOW}"));
    (cases, outcomes)
}

fn play(cases: &[Case]) -> Vec<Outcome> {
    quality::run(cases, 0..1, 2, Fidelity::WebRtcNull, &|_, _| {})
}

#[test]
fn the_page_and_the_picture_are_made_of_what_is_stored() {
    let (cases, outcomes) = stored();
    let order: Vec<usize> = outcomes.iter().map(|outcome| outcome.case).collect();
    assert_eq!(order, (0..cases.len()).collect::<Vec<_>>(), "every case of the grid, once; {HOW}");
    assert_eq!(quality::written(&cases, &outcomes), text(DATA), "{DATA} is as it would be written; {HOW}");
    let (table, picture) = (quality::markdown(&cases, &outcomes), quality::svg(&outcomes));
    let heard = quality::heard_markdown(&outcomes);
    let mut page = text(PAGE);
    let place = |page: &str, mark: &str| {
        let begin = page.find(mark).expect("the page has the mark") + mark.len();
        begin..begin + page[begin..].find("<!-- end -->").expect("the tables end")
    };
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        page.replace_range(place(&page, MARK), &table);
        page.replace_range(place(&page, HEARD_MARK), &heard);
        fs::write(in_repository(PAGE), page).unwrap();
        fs::write(in_repository(PICTURE), picture).unwrap();
        return;
    }
    assert_eq!(page[place(&page, MARK)], table, "{PAGE} is out of date; {HOW}");
    assert_eq!(page[place(&page, HEARD_MARK)], heard, "{PAGE} is out of date; {HOW}");
    assert_eq!(text(PICTURE), picture, "{PICTURE} is out of date; {HOW}");
}

#[test]
fn what_is_stored_meets_the_goals() {
    let (cases, outcomes) = stored();
    for (goal, came, met) in quality::goals(&cases, &outcomes) {
        assert!(met, "{goal}: {came}");
    }
}

#[test]
fn a_listener_agrees_with_ours_oftener_than_with_others_whatever_the_codec() {
    let (_, outcomes) = stored();
    for codec in Codec::ALL {
        let [ours, others @ ..] = [0, 1, 2, 3].map(|scorer| Heard::of(&outcomes, codec, scorer));
        assert!(ours.windows > 15_000 && ours.pairs > 100_000, "{ours:?}");
        assert_eq!(ours.exact + ours.stricter + ours.milder, ours.windows, "{ours:?}");
        for other in others {
            assert!(ours.exact > other.exact, "{codec:?}: {ours:?} {other:?}");
        }
    }
}

#[test]
fn what_is_stored_is_what_the_code_does() {
    let (cases, outcomes) = stored();
    // One of each family, spread over the grid, and each with a fault of its own.
    let names = [
        "voice: rtt 300 ms, up: loss 10 %, jitter 30 ms",
        "repair: rtt 200 ms, down: loss 10 %",
        "capacity: rtt 200 ms, up: 60 % of the demand",
        "burst: rtt 40 ms, down: loss 20 %, 8 at a time",
        "held back: rtt 40 ms, both: 500 ms of every 2 s",
        "silence: rtt 40 ms, muted, voice, and a fifth is lost",
        "outage: rtt 40 ms, up, voice",
        "handover: rtt 200 ms to 500 ms, nothing for 300 ms, voice",
    ];
    let chosen: Vec<Case> = names.iter().map(|name| cases.iter().find(|case| case.name == *name).expect(name).clone()).collect();
    for (name, outcome) in names.iter().zip(play(&chosen)) {
        let known = outcomes.iter().find(|known| cases[known.case].name == *name).expect("the whole grid is stored");
        assert_eq!(outcome.phases, known.phases, "{name}; {HOW}");
    }
}

#[test]
fn a_small_grid_is_scored_right_throughout() {
    let cases = quality::small();
    let outcomes = play(&cases);
    let ours = Tally::of(&cases, &outcomes, Truth::Did, 0, |_, _| true);
    assert_eq!((ours.exact, ours.late, ours.flapping), (ours.windows, 0, 0), "{}", quality::table(&cases, &outcomes));
    assert!(ours.windows > 40, "{}", ours.windows);
    assert_eq!(quality::leaks(&cases, &outcomes).0, 0);
    // What was played is what can be read again, and a table has a line for each scorer and family.
    assert_eq!(quality::read(&cases, &quality::written(&cases, &outcomes)).as_ref(), Ok(&outcomes));
    let twice = play(&cases);
    assert_eq!(twice, outcomes, "the same seed, the same call");
}

#[test]
fn what_nobody_played_is_neither_right_nor_wrong() {
    // Given calls that are muted and nothing else.
    let mut cases = quality::grid();
    cases.retain(|case| case.name == "silence: rtt 40 ms, muted, voice, and a fifth is lost");
    let outcomes = play(&cases);
    // Then the table has no line for other parts of the grid, and shares of nothing are no shares.
    let table = quality::table(&cases, &outcomes);
    assert!(table.contains("mute and pause") && !table.contains("outage") && !table.contains("handover"), "{table}");
    assert!(!table.contains("of 0 windows") && !table.lines().any(|line| line.split_whitespace().any(|cell| cell == "0")), "{table}");
    assert_eq!(Tally::default().exact_permille(), None);
}

#[test]
fn what_is_not_of_the_grid_is_refused_with_a_reason() {
    let cases = quality::small();
    let error = |text: &str| quality::read(&cases, text).expect_err("it is not right");
    assert!(error("{").starts_with("no JSON"));
    assert_eq!(error("{}"), "there are no calls");
    for call in [
        r#"{"case":"voice: nobody's","seed":0,"phases":[]}"#,
        r#"{"case":"voice: rtt 40 ms, up: loss 30 %, jitter 0 ms","seed":0,"phases":[{"up":{"truth":9}}]}"#,
        r#"{"case":"voice: rtt 40 ms, up: loss 30 %, jitter 0 ms","seed":0,"phases":[{"up":{"truth":1,"set":1,"rated":[1001,0]},"down":{"truth":1,"set":1}}]}"#,
        r#"{"case":"voice: rtt 40 ms, up: loss 30 %, jitter 0 ms","seed":-1,"phases":[]}"#,
    ] {
        let error = error(&format!("{{\"calls\":[{call}]}}"));
        assert!(error.starts_with("not a call of this grid"), "{error}");
    }
}
