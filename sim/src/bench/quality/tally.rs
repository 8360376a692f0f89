//! Counting who was right, and telling it.

use core::fmt::Write as _;

use greenroom_core::quality::Level;

use super::{Case, GRACE, Judged, Outcome, SCORERS, case::Family, leaks};

/// How often one scorer was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Windows that were judged.
    pub windows: usize,
    /// Those with the level that was true.
    pub exact: usize,
    /// Those with that level or a neighbour.
    pub near: usize,
    /// Directions of phases that were judged.
    pub phases: usize,
    /// Those in which the level was never right up to the first window that is judged.
    pub late: usize,
    /// Those in which the level changed from then on.
    pub flapping: usize,
}

/// Which of the two truths scores are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// What the lines did.
    Did,
    /// What they were set to do.
    Set,
}

impl Truth {
    const fn of(self, judged: &Judged) -> [Level; 2] {
        match self {
            Self::Did => judged.truth,
            Self::Set => judged.set,
        }
    }
}

impl Tally {
    /// Of the outcomes that are wanted, by case and true level, one scorer's.
    pub fn of(cases: &[Case], outcomes: &[Outcome], truth: Truth, scorer: usize, wanted: impl Fn(&Case, Level) -> bool) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            for judged in &outcome.phases {
                for (way, truth) in truth.of(judged).into_iter().enumerate() {
                    if wanted(&cases[outcome.case], truth) {
                        tally.count(truth, &judged.said[way][scorer]);
                    }
                }
            }
        }
        tally
    }

    fn count(&mut self, truth: Level, said: &[Level]) {
        let Some(judged) = said.get(GRACE..) else { return };
        self.windows += judged.len();
        self.exact += judged.iter().filter(|level| **level == truth).count();
        self.near += judged.iter().filter(|level| level.number().abs_diff(truth.number()) <= 1).count();
        self.phases += 1;
        self.late += usize::from(!said.iter().take(GRACE + 1).any(|level| *level == truth));
        self.flapping += usize::from(judged.windows(2).any(|pair| pair[0] != pair[1]));
    }

    /// The share of windows that were exact, in tenths of a per cent.
    pub fn exact_permille(self) -> usize {
        permille(self.exact, self.windows)
    }

    /// The share that was at most one off.
    pub fn near_permille(self) -> usize {
        permille(self.near, self.windows)
    }
}

fn permille(part: usize, whole: usize) -> usize {
    (part * 1000).checked_div(whole).unwrap_or(1000)
}

fn percent(permille: usize) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// The true levels that occur in the grid.
pub(super) const LEVELS: [Level; 6] = [Level::Excellent, Level::Good, Level::Fair, Level::Poor, Level::VeryPoor, Level::Disconnected];

/// Each goal: what it asks, what came, and whether it was met.
pub fn goals(cases: &[Case], outcomes: &[Outcome]) -> Vec<(String, String, bool)> {
    let all: Vec<Tally> = (0..SCORERS.len()).map(|scorer| Tally::of(cases, outcomes, Truth::Did, scorer, |_, _| true)).collect();
    let (leaked, of) = leaks(cases, outcomes);
    let best = all[1..].iter().map(|other| other.exact_permille()).max().unwrap_or(0);
    let ours = all[0];
    vec![
        ("exact in 90 % of windows".into(), percent(ours.exact_permille()), ours.exact_permille() >= 900),
        ("at most one off in 99 %".into(), percent(ours.near_permille()), ours.near_permille() >= 990),
        ("more often exact than every other scorer".into(), format!("the next best: {}", percent(best)), ours.exact_permille() > best),
        ("a fault of one direction never changes the other".into(), format!("{leaked} of {of} windows"), leaked == 0),
    ]
}

/// Rows of cells: scorers by level, then by part of the grid.
fn rows(cases: &[Case], outcomes: &[Outcome]) -> Vec<[String; 8]> {
    let mut rows = Vec::new();
    let mut row = |what: String, scorer: usize, tally: Tally| {
        rows.push([
            what,
            SCORERS[scorer].to_owned(),
            tally.windows.to_string(),
            percent(tally.exact_permille()),
            percent(tally.near_permille()),
            tally.phases.to_string(),
            percent(permille(tally.late, tally.phases)),
            percent(permille(tally.flapping, tally.phases)),
        ]);
    };
    for (scorer, _) in SCORERS.iter().enumerate() {
        row("all".into(), scorer, Tally::of(cases, outcomes, Truth::Did, scorer, |_, _| true));
    }
    for level in LEVELS {
        for (scorer, _) in SCORERS.iter().enumerate() {
            row(level.to_string(), scorer, Tally::of(cases, outcomes, Truth::Did, scorer, |_, truth| truth == level));
        }
    }
    row("what lines were set to do".into(), 0, Tally::of(cases, outcomes, Truth::Set, 0, |_, _| true));
    for family in Family::ALL {
        row(family.name().into(), 0, Tally::of(cases, outcomes, Truth::Did, 0, |case, _| case.family == family));
    }
    rows
}

const COLUMNS: [&str; 8] = ["truth", "scorer", "windows", "exact", "within one", "phases", "late", "flapping"];

/// The table for a terminal, and the goals.
pub fn table(cases: &[Case], outcomes: &[Outcome]) -> String {
    let rows = rows(cases, outcomes);
    let widths: Vec<usize> =
        (0..COLUMNS.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).chain([COLUMNS[at].len()]).max().unwrap_or(0)).collect();
    let mut text = String::new();
    let mut line = |cells: &[String; 8]| {
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let _ = if at < 2 { write!(text, "{cell:<width$}  ") } else { write!(text, "{cell:>width$}  ") };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    line(&COLUMNS.map(str::to_owned));
    rows.iter().for_each(line);
    text.push('\n');
    for (goal, came, met) in goals(cases, outcomes) {
        let _ = writeln!(text, "{}  {goal}: {came}", if met { "ok    " } else { "MISSED" });
    }
    text
}

/// The table of docs/QUALITY.md.
pub fn markdown(cases: &[Case], outcomes: &[Outcome]) -> String {
    let mut text = format!("| {} |\n|---|---|{}\n", COLUMNS.join(" | "), "--:|".repeat(COLUMNS.len() - 2));
    for row in rows(cases, outcomes) {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push_str("\n| goal | came | |\n|---|---|---|\n");
    for (goal, came, met) in goals(cases, outcomes) {
        let _ = writeln!(text, "| {goal} | {came} | {} |", if met { "met" } else { "missed" });
    }
    text
}
