//! The laboratory against theory: `greenroom selftest links`.
//!
//! An *oracle* is something that is known without simulating it: a closed form, an invariant, a number that a standard prints. `selftest/links.json` lists them, with the setting, the
//! formula, what is expected and how near to it a reading has to come; `measure` has for each what is done to get the readings. Exact ones are done once. Statistical ones are done for
//! three fixed seeds, and all three have to be near enough. What reads files that cannot come with the program is skipped, and said to be, unless somebody points at them. The page `docs/LINKS.md` prints the scorecard, and a test holds it against what the oracles say.

mod measure;

use core::fmt::{self, Write as _};
use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    net::trace::Trace,
    spread::{at_a_time, spread},
};

/// The seeds of statistical oracles.
pub const SEEDS: [u64; 3] = [1, 7, 2026];

/// Something that is known without simulating it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Oracle {
    /// Its name.
    pub id: String,
    /// What kind of knowledge it is.
    pub kind: Kind,
    /// What it says.
    pub about: String,
    /// What is measured.
    pub setup: String,
    /// The closed form, where there is one.
    pub formula: Option<String>,
    /// Who says so, where it is a document.
    pub source: Option<String>,
    /// Packets, for statistical ones.
    pub n: Option<u64>,
    /// Traces that it reads and that cannot come with the program.
    #[serde(default)]
    pub files: Vec<String>,
    /// What is read, and what has to be.
    pub readings: Vec<Expectation>,
}

/// A kind of knowledge.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// True to the last digit, or to a packet.
    Exact,
    /// True at every moment.
    Invariant,
    /// True in the long run, without chance.
    Asymptotic,
    /// True in the mean.
    Statistical,
}

/// What a reading has to be.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What is read, with its unit.
    pub what: String,
    /// What theory says.
    pub expected: f64,
    /// How near is near enough.
    pub tolerance: Tolerance,
}

/// How near a reading has to come.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// It is the number itself.
    Exact,
    /// Not further than this.
    Abs(f64),
    /// Not further than this share of what is expected.
    Rel(f64),
    /// Not below it.
    AtLeast,
    /// Not above it.
    AtMost,
}

impl Tolerance {
    /// How far off a reading is, as a multiple of what is allowed: above one is a miss.
    fn miss(self, expected: f64, got: f64) -> f64 {
        let of = |allowed: f64| if allowed > 0.0 { (got - expected).abs() / allowed } else { f64::INFINITY };
        let miss = match self {
            Self::Abs(allowed) => of(allowed),
            Self::Rel(share) => of(share * expected.abs()),
            Self::AtLeast if got >= expected => expected / got.max(f64::MIN_POSITIVE) - 1.0,
            Self::AtMost if got <= expected => got / expected.max(f64::MIN_POSITIVE) - 1.0,
            #[expect(clippy::float_cmp, reason = "exact means exact")]
            Self::Exact if got == expected => 0.0,
            Self::Exact | Self::AtLeast | Self::AtMost => f64::INFINITY,
        };
        if miss.is_nan() { f64::INFINITY } else { miss }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Abs(allowed) => write!(f, "± {allowed}"),
            Self::Rel(share) => write!(f, "± {} %", (share * 1e4).round() / 100.0),
            Self::AtLeast => f.write_str("at least"),
            Self::AtMost => f.write_str("at most"),
        }
    }
}

/// The oracles about links.
pub fn links() -> Vec<Oracle> {
    serde_json::from_str(include_str!("selftest/links.json")).expect("the list of oracles is read in a test")
}

/// Traces that somebody has, by the names of their files.
pub type Traces = BTreeMap<String, Trace>;

/// Reads the traces that oracles need from a folder.
pub fn traces(folder: &Path, oracles: &[Oracle]) -> Result<Traces, String> {
    let read = |name: &String| {
        let path = folder.join(name);
        let wrong = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| wrong(&error))?;
        Ok((name.clone(), text.parse().map_err(|error| wrong(&error))?))
    };
    oracles.iter().flat_map(|oracle| &oracle.files).map(read).collect()
}

/// What an oracle's readings came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The oracle.
    pub oracle: Oracle,
    /// For each seed, its readings; none where it was skipped.
    pub got: Vec<Vec<f64>>,
}

/// One line of the scorecard.
#[derive(Clone, Debug, Serialize)]
pub struct Line<'v> {
    /// The oracle's name.
    pub id: &'v str,
    /// Its kind.
    pub kind: Kind,
    /// What was read.
    pub what: &'v str,
    /// What theory says.
    pub expected: f64,
    /// The reading that is furthest off.
    pub got: f64,
    /// The readings of all seeds.
    pub readings: Vec<f64>,
    /// How near it has to be.
    pub tolerance: String,
    /// Whether it is.
    pub pass: bool,
}

impl Verdict {
    /// The lines of the scorecard that belong to this oracle.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.oracle.readings.iter().enumerate().map(|(at, expectation)| {
            let Expectation { what, expected, tolerance } = expectation;
            let readings: Vec<f64> = self.got.iter().map(|of_seed| of_seed.get(at).copied().unwrap_or(f64::NAN)).collect();
            let miss = |got: &f64| tolerance.miss(*expected, *got);
            let got = readings.iter().copied().max_by(|a, b| miss(a).total_cmp(&miss(b))).unwrap_or(f64::NAN);
            Line {
                id: &self.oracle.id,
                kind: self.oracle.kind,
                what,
                expected: *expected,
                got,
                pass: !readings.is_empty() && readings.iter().all(|got| miss(got) <= 1.0),
                readings,
                tolerance: tolerance.to_string(),
            }
        })
    }

    /// Whether all of its readings are near enough.
    pub fn passes(&self) -> bool {
        self.lines().all(|line| line.pass)
    }

    /// Whether it was not measured, for want of its files.
    pub fn is_skipped(&self) -> bool {
        self.got.is_empty() && !self.oracle.files.is_empty()
    }

    /// Whether it was measured and is wrong.
    pub fn misses(&self) -> bool {
        !self.is_skipped() && !self.passes()
    }
}

/// Measures these oracles on all cores, and calls `done` after each measurement with how many are done of how many. Those whose traces are not there are skipped.
pub fn run(oracles: &[Oracle], traces: &Traces, done: &(dyn Fn(usize, usize) + Sync)) -> Vec<Verdict> {
    let can_be_measured = |oracle: &Oracle| oracle.files.iter().all(|file| traces.contains_key(file));
    let seeds = |oracle: &Oracle| if oracle.kind == Kind::Statistical { &SEEDS[..] } else { &SEEDS[..1] };
    // The longest first: they would keep one core busy at the end.
    let mut jobs: Vec<(usize, u64)> = oracles
        .iter()
        .enumerate()
        .filter(|(_, oracle)| can_be_measured(oracle))
        .flat_map(|(at, oracle)| seeds(oracle).iter().map(move |seed| (at, *seed)))
        .collect();
    jobs.sort_by_key(|(at, _)| core::cmp::Reverse(oracles[*at].n));
    let results = spread(&jobs, at_a_time(None), done, |&(at, seed)| measure::measure(&oracles[at], seed, traces));
    let mut results: Vec<_> = jobs.into_iter().zip(results).collect();
    results.sort_by_key(|((at, seed), _)| (*at, SEEDS.iter().position(|s| s == seed)));
    oracles
        .iter()
        .enumerate()
        .map(|(at, oracle)| Verdict {
            oracle: oracle.clone(),
            got: results.iter().filter(|((of, _), _)| *of == at).map(|(_, got)| got.clone()).collect(),
        })
        .collect()
}

/// A number for people: up to six digits behind the point, none that say nothing.
pub fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The scorecard as a table of text.
pub fn scorecard(verdicts: &[Verdict]) -> String {
    let row = |line: Line<'_>, got: String, verdict: &str| -> [String; 6] {
        [line.id.to_owned(), line.what.to_owned(), number(line.expected), got, line.tolerance, verdict.to_owned()]
    };
    let mut rows = vec![["oracle", "reading", "expected", "got", "tolerance", "verdict"].map(str::to_owned)];
    let (mut readings, mut missed) = (0, 0);
    for verdict in verdicts {
        if verdict.is_skipped() {
            rows.extend(verdict.lines().map(|line| row(line, NOT_MEASURED.to_owned(), "SKIPPED")));
            continue;
        }
        for line in verdict.lines() {
            readings += 1;
            missed += usize::from(!line.pass);
            let (got, word) = (number(line.got), if line.pass { "pass" } else { "MISS" });
            rows.push(row(line, got, word));
        }
    }
    let widths: Vec<usize> = (0..6).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            // Numbers stand at the right.
            if column == 2 || column == 3 { line.extend([&pad, cell.as_str(), "  "]) } else { line.extend([cell.as_str(), &pad, "  "]) }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let passed = verdicts.iter().filter(|verdict| verdict.passes()).count();
    let skipped: Vec<&str> = verdicts.iter().filter(|verdict| verdict.is_skipped()).map(|verdict| verdict.oracle.id.as_str()).collect();
    let measured = verdicts.len() - skipped.len();
    let _infallible = writeln!(text, "\n{passed} of {measured} oracles pass; {missed} of {readings} readings miss");
    if !skipped.is_empty() {
        let _infallible = writeln!(text, "skipped, for want of the files that they read: {}", skipped.join(", "));
    }
    text
}

/// What stands in place of a number that nobody has.
const NOT_MEASURED: &str = "–";

/// The scorecard as a table of Markdown.
pub fn scorecard_markdown(verdicts: &[Verdict]) -> String {
    let mut text = "| oracle | setting | reading | expected | got | tolerance | verdict |\n|---|---|---|---:|---:|---|---|\n".to_owned();
    for verdict in verdicts {
        for (at, line) in verdict.lines().enumerate() {
            let (id, setup) = if at == 0 { (format!("`{}`", line.id), verdict.oracle.setup.as_str()) } else { (String::new(), "") };
            let (got, word) = match (verdict.is_skipped(), line.pass) {
                (true, _) => (NOT_MEASURED.to_owned(), "skipped"),
                (false, true) => (number(line.got), "pass"),
                (false, false) => (number(line.got), "**miss**"),
            };
            let expected = number(line.expected);
            let _infallible = writeln!(text, "| {id} | {setup} | {} | {expected} | {got} | {} | {word} |", line.what, line.tolerance);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_measured_and_what_is_measured_is_listed() {
        let oracles = links();
        let listed: std::collections::BTreeSet<&str> = oracles.iter().map(|oracle| oracle.id.as_str()).collect();
        assert_eq!(listed.len(), oracles.len(), "each once");
        let read: std::collections::BTreeSet<&str> =
            oracles.iter().filter(|oracle| !oracle.files.is_empty()).map(|oracle| oracle.id.as_str()).collect();
        assert_eq!(listed, &measure::names().collect() | &read);
        assert!(oracles.iter().all(|oracle| !oracle.readings.is_empty()));
    }

    #[test]
    fn a_miss_is_seen() {
        let misses = |tolerance: Tolerance, expected, got| tolerance.miss(expected, got) > 1.0;
        assert!(!misses(Tolerance::Exact, 60.0, 60.0) && misses(Tolerance::Exact, 60.0, 60.000_001));
        assert!(!misses(Tolerance::Abs(0.5), 0.0, -0.5) && misses(Tolerance::Abs(0.5), 0.0, 0.51));
        assert!(!misses(Tolerance::Rel(0.02), 100.0, 98.0) && misses(Tolerance::Rel(0.02), 100.0, 97.9));
        assert!(!misses(Tolerance::AtLeast, 0.85, 0.85) && misses(Tolerance::AtLeast, 0.85, 0.849));
        assert!(!misses(Tolerance::AtMost, 3.0, 0.0) && misses(Tolerance::AtMost, 3.0, 3.1));
        for tolerance in [Tolerance::Exact, Tolerance::Abs(9.0), Tolerance::Rel(9.0), Tolerance::AtLeast, Tolerance::AtMost] {
            assert!(misses(tolerance, 1.0, f64::NAN), "{tolerance}");
        }
    }

    #[test]
    fn all_seeds_have_to_be_near_enough_and_the_worst_is_shown() {
        let oracle = links().into_iter().find(|oracle| oracle.id == "iid").expect("it is listed");
        let verdict = Verdict { oracle, got: vec![vec![0.05, 0.05], vec![0.0501, 0.05], vec![0.06, 0.05]] };
        let lines: Vec<(f64, bool)> = verdict.lines().map(|line| (line.got, line.pass)).collect();
        assert_eq!(lines, [(0.06, false), (0.05, true)]);
        assert!(!verdict.passes() && scorecard(&[verdict]).contains("0 of 1 oracles pass; 1 of 2 readings miss"));
    }

    /// A trace with so many opportunities up to that time, spread as whole milliseconds allow.
    fn spread(opportunities: u64, last_ms: u64) -> Trace {
        let times = (1..=opportunities).map(|n| u32::try_from(n * last_ms / opportunities).expect("a time"));
        Trace::new(times.collect()).expect("a trace")
    }

    #[test]
    fn what_reads_files_is_skipped_without_them_and_measured_with_them() {
        let oracles: Vec<Oracle> = links().into_iter().filter(|oracle| !oracle.files.is_empty()).collect();
        let without = run(&oracles, &Traces::new(), &|_, _| {});
        assert!(without.iter().all(|verdict| verdict.is_skipped() && !verdict.passes() && !verdict.misses()));
        assert!(
            scorecard(&without)
                .ends_with("0 of 0 oracles pass; 0 of 0 readings miss\nskipped, for want of the files that they read: mahimahi-averages\n")
        );

        // Traces with as many lines and as long as Mahimahi's have their means.
        let shapes = [(69_367, 140_000), (194_846, 139_986), (45_604, 120_002), (156_262, 928_424), (46_065, 1_062_016)];
        let mut traces: Traces = oracles[0].files.iter().cloned().zip(shapes.map(|(lines, last_ms)| spread(lines, last_ms))).collect();
        assert!(run(&oracles, &traces, &|_, _| {}).iter().all(Verdict::passes));
        traces.insert("ATT-LTE-driving-2016.down".to_owned(), spread(45_604, 119_002));
        let verdict = run(&oracles, &traces, &|_, _| {}).remove(0);
        let wrong: Vec<&str> = verdict.lines().filter(|line| !line.pass).map(|line| line.what).collect();
        assert_eq!(wrong, ["ATT-LTE-driving-2016.down, last, ms", "ATT-LTE-driving-2016.down, mean, Mbps"]);
    }

    #[test]
    fn numbers_have_no_digits_that_say_nothing() {
        assert_eq!([60.0, 0.2, 2.0 / 9.0, 12e6, 0.0].map(number), ["60", "0.2", "0.222222", "12000000", "0"]);
    }
}
