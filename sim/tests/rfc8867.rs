//! The tables of `docs/RFC8867.md` are what `greenroom bench rfc8867 --markdown` prints.
//!
//! Case 5.1 is run here as the page was, and has to come to the same numbers; of the other cases, which take minutes without optimisation, every reading and limit has to be there.
//! `GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test rfc8867` runs all and writes the page anew. Of the variants one is run here, and the others have their lines.

use core::time::Duration;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use greenroom_sim::{
    bench::rfc8867::{self, Results, Settings, Verdict, case},
    entropy,
    media::Fidelity,
};

const BEGIN: &str = "<!-- table: greenroom bench rfc8867 --seeds 0..5 --markdown -->\n";
const BEGIN_FLOWS: &str = "<!-- flows: greenroom bench rfc8867 --seeds 0..5 --markdown -->\n";
const BEGIN_VARIANTS: &str = "<!-- table: greenroom bench rfc8867 --variants --seeds 0..5 --markdown -->\n";
const END: &str = "<!-- end of table -->";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/RFC8867.md")
}

/// The table that stands on the page after its beginning.
fn printed<'t>(text: &'t str, begin: &str) -> &'t str {
    text.split_once(begin).and_then(|(_, rest)| rest.split_once(END)).expect("the beginning and the end of the table").0
}

/// Puts a new table there. The page is read now: another test may have written it meanwhile.
fn update(tables: &[(&str, String)]) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().expect("nobody panics while writing");
    let mut text = fs::read_to_string(page()).expect("the page");
    for (begin, table) in tables {
        text = text.replace(&format!("{begin}{}{END}", printed(&text, begin)), &format!("{begin}{table}{END}"));
    }
    fs::write(page(), text).expect("the page can be written");
}

fn settings() -> Settings {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    Settings { media: Fidelity::WebRtc, seeds: 0..5, jobs }
}

#[test]
fn the_page_shows_what_the_command_prints() {
    let text = fs::read_to_string(page()).expect("the page");
    let cases = case::all();
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        let results = rfc8867::run(cases, settings(), &|_, _| {});
        return update(&[(BEGIN, rfc8867::markdown(&results)), (BEGIN_FLOWS, rfc8867::flows(&results))]);
    }
    // Given what each case reads and is held against, whatever the numbers.
    let verdicts = cases.iter().map(|case| {
        let trace = (!case.pairs.is_empty()).then(|| rfc8867::simulate(case, Fidelity::WebRtcNull, 0, Duration::from_millis(200)));
        Verdict::new(case.clone(), &trace.iter().map(|trace| rfc8867::read(case, trace)).collect::<Vec<_>>())
    });
    let shape = Results { settings: settings(), verdicts: verdicts.collect(), traces: Vec::new() };
    // Then the page has these rows, and no others.
    let update = "GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test rfc8867";
    assert_eq!(columns(printed(&text, BEGIN), [1, 2, 5]), columns(&rfc8867::markdown(&shape), [1, 2, 5]), "{update}");
    let (flows, expected) = (printed(&text, BEGIN_FLOWS), rfc8867::flows(&shape));
    assert_eq!(flows.lines().next(), expected.lines().next(), "{update}");
    assert_eq!(columns(flows, [1, 2]), columns(&expected, [1, 2]), "{update}");
}

/// Some cells of each row.
fn columns<const N: usize>(table: &str, which: [usize; N]) -> Vec<[String; N]> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        which.map(|at| cells.get(at).copied().unwrap_or_default().to_owned())
    };
    table.lines().map(row).collect()
}

#[test]
fn the_page_has_a_line_for_each_variant_as_the_command_prints_it() {
    let text = fs::read_to_string(page()).expect("the page");
    let printed = printed(&text, BEGIN_VARIANTS);
    let run = |cases| rfc8867::brief(&rfc8867::run(cases, settings(), &|_, _| {}));
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        return update(&[(BEGIN_VARIANTS, run(case::variants()))]);
    }
    let expected: Vec<[String; 2]> = case::variants().into_iter().map(|case| [format!("**{}**", case.id), case.title]).collect();
    assert_eq!(columns(printed, [1, 2])[2..], expected);
    // The numbers of one of them.
    let mut cases = case::variants();
    cases.retain(|case| case.id == "5.1-udp");
    let (table, head) = (run(cases), printed.lines().take(2).count());
    if entropy::IN_FORCE {
        let row = table.lines().nth(head).expect("a line for the case");
        assert!(printed.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn case_5_1_comes_to_the_numbers_of_the_page() {
    let text = fs::read_to_string(page()).expect("the page");
    let mut cases = case::all();
    cases.retain(|case| case.id == "5.1");
    let results = rfc8867::run(cases, settings(), &|_, _| {});
    if entropy::IN_FORCE && std::env::var_os("GREENROOM_UPDATE").is_none() {
        for table in [rfc8867::markdown(&results), rfc8867::flows(&results)] {
            assert!(text.contains(&table), "{table}");
        }
    }
    // One flow uses what there is.
    let utilisation = results.verdicts[0].lines.iter().filter(|line| line.kind == rfc8867::Kind::Utilisation);
    assert!(utilisation.clone().count() == 4 && utilisation.clone().all(rfc8867::Line::passes));
}

#[test]
fn the_report_is_whole_and_fetches_nothing() {
    let mut cases = case::all();
    cases.retain(|case| case.id == "5.3" || case.id == "6.2");
    let results = rfc8867::run(cases, Settings { media: Fidelity::WebRtcNull, seeds: 0..1, jobs: 2 }, &|_, _| {});
    let html = rfc8867::html(&results);
    assert_eq!(html.matches("<svg class=\"rfc\"").count(), 2, "a plot for each bottleneck of 5.3, and none of what was not simulated");
    assert!(html.contains("not applicable") && html.ends_with("</html>\n"));
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"));
    let json = rfc8867::json(&results);
    assert_eq!((&json["cases"][1]["verdict"], &json["cases"][0]["id"]), (&"not_applicable".into(), &"5.3".into()));
    // What is read of each flow stands in both, with its unit and who asks for it.
    let readings = json["cases"][0]["readings"].as_array().expect("a list");
    for (what, unit, source) in [
        ("feedback by media", "%", "RFC 8867 section 4.1"),
        ("oscillations, 4x in 500 ms", "/min", "RFC 8868 section 3, 9"),
        ("lost after repair", "%", "RFC 8868 section 3, 6"),
    ] {
        let of: Vec<_> = readings.iter().filter(|reading| reading["what"] == what).collect();
        assert_eq!(of.iter().map(|reading| &reading["flow"]).collect::<Vec<_>>(), ["S1", "S2"]);
        assert!(of.iter().all(|reading| reading["unit"] == unit && reading["source"] == source && reading["median"].is_f64()), "{of:?}");
        assert_eq!(html.matches(&format!("<th scope=\"row\">{what}, {unit}</th>")).count(), 1);
    }
}
