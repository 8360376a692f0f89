//! The scorecard of `docs/LINKS.md` is what `greenroom selftest links` prints, and nothing on it is missed.
//!
//! Oracles of up to a million packets are measured here; of the longer ones, which an optimised build measures in seconds, the row has to be there and has to pass.
//! `GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test scorecard` measures all and writes the page anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use greenroom_sim::selftest::{self, Oracle, Traces};

const BEGIN: &str = "<!-- scorecard: greenroom selftest links --markdown -->\n";
const END: &str = "<!-- end of scorecard -->";

/// Packets of the longest oracle that is measured without optimisation.
const QUICK: u64 = 1_000_000;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/LINKS.md")
}

/// Whether an oracle is measured in a test.
fn is_quick(oracle: &Oracle) -> bool {
    oracle.n.is_none_or(|n| n <= QUICK) && oracle.id != "cubic-response"
}

#[test]
fn the_page_shows_the_scorecard() {
    let text = fs::read_to_string(page()).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the scorecard");
    let (printed, after) = rest.split_once(END).expect("the end of the scorecard");
    let oracles = selftest::links();
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        let table = selftest::scorecard_markdown(&selftest::run(&oracles, &Traces::new(), &|_, _| {}));
        fs::write(page(), format!("{before}{BEGIN}{table}{END}{after}")).expect("the page can be written");
        return;
    }
    let quick: Vec<Oracle> = oracles.iter().filter(|oracle| is_quick(oracle)).cloned().collect();
    let table = selftest::scorecard_markdown(&selftest::run(&quick, &Traces::new(), &|_, _| {}));
    for row in table.lines() {
        assert!(
            printed.contains(row),
            "docs/LINKS.md lacks this row; GREENROOM_UPDATE=1 cargo test --release -p greenroom-sim --test scorecard\n{row}"
        );
    }
    for oracle in oracles.iter().filter(|oracle| !is_quick(oracle)) {
        for (at, reading) in oracle.readings.iter().enumerate() {
            let head = if at == 0 { format!("| `{}` | {} |", oracle.id, oracle.setup) } else { "|  |  |".to_owned() };
            let row = format!("{head} {} | {} | ", reading.what, selftest::number(reading.expected));
            assert!(printed.lines().any(|line| line.starts_with(&row)), "docs/LINKS.md lacks a row that begins like this\n{row}");
        }
    }
    let readings: usize = oracles.iter().map(|oracle| oracle.readings.len()).sum();
    let rows: Vec<&str> = printed.lines().skip(2).collect();
    assert_eq!(rows.len(), readings, "a row for each reading");
    let skipped: usize = oracles.iter().filter(|oracle| !oracle.files.is_empty()).map(|oracle| oracle.readings.len()).sum();
    assert_eq!(
        rows.iter().filter(|row| row.ends_with("| skipped |")).count(),
        skipped,
        "what needs files of others is skipped, and nothing else"
    );
    assert_eq!(rows.iter().filter(|row| row.ends_with("| pass |")).count(), readings - skipped, "something is missed");
}
