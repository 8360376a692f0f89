//! The table of `docs/RFC8867.md` is what `greenroom bench rfc8867 --markdown` prints.
//!
//! Case 5.1 is run here as the page was, and has to come to the same numbers; of the other cases, which take minutes without optimisation, every reading and limit has to be there.
//! `GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test rfc8867` runs all and writes the page anew. Of the variants one is run here, and the others have their lines.

use core::time::Duration;
use std::{
    fs,
    path::{Path, PathBuf},
};

use greenroom_sim::{
    bench::rfc8867::{self, Results, Settings, Verdict, case},
    entropy,
    media::Fidelity,
};

const BEGIN: &str = "<!-- table: greenroom bench rfc8867 --seeds 0..5 --markdown -->\n";
const BEGIN_VARIANTS: &str = "<!-- table: greenroom bench rfc8867 --variants --seeds 0..5 --markdown -->\n";
const END: &str = "<!-- end of table -->";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/RFC8867.md")
}

fn settings() -> Settings {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    Settings { media: Fidelity::WebRtc, seeds: 0..5, jobs }
}

#[test]
fn the_page_shows_what_the_command_prints() {
    let text = fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (printed, after) = rest.split_once(END).expect("the end of the table");
    let cases = case::all();
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        let table = rfc8867::markdown(&rfc8867::run(cases, settings(), &|_, _| {}));
        fs::write(page(), format!("{before}{BEGIN}{table}{END}{after}")).expect("the page can be written");
        return;
    }
    // Given what each case reads and is held against, whatever the numbers.
    let verdicts = cases.iter().map(|case| {
        let trace = (!case.pairs.is_empty()).then(|| rfc8867::simulate(case, Fidelity::WebRtcNull, 0, Duration::from_millis(200)));
        Verdict::new(case.clone(), &trace.iter().map(|trace| rfc8867::read(case, trace)).collect::<Vec<_>>())
    });
    let shape = Results { settings: settings(), verdicts: verdicts.collect(), traces: Vec::new() };
    let columns = |table: &str| -> Vec<[String; 3]> {
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            [1, 2, 5].map(|at| cells.get(at).copied().unwrap_or_default().to_owned())
        };
        table.lines().map(row).collect()
    };
    // Then the page has these rows, and no others.
    assert_eq!(
        columns(printed),
        columns(&rfc8867::markdown(&shape)),
        "GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test rfc8867"
    );
}

#[test]
fn the_page_has_a_line_for_each_variant_as_the_command_prints_it() {
    let text = fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(BEGIN_VARIANTS).expect("the beginning of the table");
    let (printed, after) = rest.split_once(END).expect("the end of the table");
    let run = |cases| rfc8867::brief(&rfc8867::run(cases, settings(), &|_, _| {}));
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        fs::write(page(), format!("{before}{BEGIN_VARIANTS}{}{END}{after}", run(case::variants()))).expect("the page can be written");
        return;
    }
    let names = |line: &str| line.split('|').skip(1).take(2).map(|cell| cell.trim().to_owned()).collect::<Vec<String>>();
    let expected: Vec<Vec<String>> = case::variants().into_iter().map(|case| vec![format!("**{}**", case.id), case.title]).collect();
    assert_eq!(printed.lines().skip(2).map(names).collect::<Vec<_>>(), expected);
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
        assert!(text.contains(&rfc8867::markdown(&results)), "{}", rfc8867::markdown(&results));
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
}
