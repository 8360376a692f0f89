//! Counting who was right, and telling it.

use core::fmt::Write as _;

use greenroom_core::quality::Level;

use super::{Case, Codec, GRACE, Judged, Outcome, SCORERS, case::Family, leaks, listener};

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

    /// The share of windows that were exact, in tenths of a per cent; none of no windows.
    pub fn exact_permille(self) -> Option<usize> {
        permille(self.exact, self.windows)
    }

    /// The share that was at most one off.
    pub fn near_permille(self) -> Option<usize> {
        permille(self.near, self.windows)
    }
}

/// A share of nothing is none: neither all of it nor nothing of it.
fn permille(part: usize, whole: usize) -> Option<usize> {
    (part * 1000).checked_div(whole)
}

fn percent(permille: Option<usize>) -> String {
    permille.map_or_else(|| "–".to_owned(), |permille| format!("{}.{} %", permille / 10, permille % 10))
}

/// The true levels that occur in the grid.
pub(super) const LEVELS: [Level; 6] = [Level::Excellent, Level::Good, Level::Fair, Level::Poor, Level::VeryPoor, Level::Disconnected];

/// How one scorer stands to what a listener would say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Windows that were judged.
    pub windows: usize,
    /// Those whose level is the category of the rating.
    pub exact: usize,
    /// Those with that level or a neighbour.
    pub near: usize,
    /// Those with a worse level.
    pub stricter: usize,
    /// Those with a better one.
    pub milder: usize,
    /// Pairs of calls of which one rates at least `APART` more than the other.
    pub pairs: usize,
    /// Those of them in which it has the better level on average.
    pub in_order: usize,
    /// Those in which it has the worse one.
    pub upside_down: usize,
}

/// Ratings that lie so far apart, in tenths, are a category of G.109 apart.
const APART: u16 = 100;

impl Heard {
    /// One scorer's, of all directions that were rated.
    pub fn of(outcomes: &[Outcome], codec: Codec, scorer: usize) -> Self {
        let mut heard = Self::default();
        // The rating of each direction, with the sum of its levels and how many there are.
        let mut directions: Vec<(u16, usize, usize)> = Vec::new();
        for judged in outcomes.iter().flat_map(|outcome| &outcome.phases) {
            for (rated, said) in judged.rated.iter().zip(&judged.said) {
                let (Some(ratings), Some(levels)) = (rated, said[scorer].get(GRACE..)) else { continue };
                let rating = ratings[codec as usize];
                let truth = listener::level(rating);
                heard.windows += levels.len();
                heard.exact += levels.iter().filter(|level| **level == truth).count();
                heard.near += levels.iter().filter(|level| level.number().abs_diff(truth.number()) <= 1).count();
                heard.stricter += levels.iter().filter(|level| **level > truth).count();
                heard.milder += levels.iter().filter(|level| **level < truth).count();
                directions.push((rating, levels.iter().map(|level| usize::from(level.number())).sum(), levels.len()));
            }
        }
        for (at, (rating, sum, count)) in directions.iter().enumerate() {
            for (other_rating, other_sum, other_count) in directions[..at].iter().filter(|(other, ..)| other.abs_diff(*rating) >= APART) {
                // Means compared as products. A higher rating wants a lower level.
                let level = (sum * other_count).cmp(&(other_sum * count));
                heard.pairs += 1;
                heard.in_order += usize::from(level == other_rating.cmp(rating));
                heard.upside_down += usize::from(level == rating.cmp(other_rating));
            }
        }
        heard
    }
}

/// Each goal: what it asks, what came, and whether it was met.
pub fn goals(cases: &[Case], outcomes: &[Outcome]) -> Vec<(String, String, bool)> {
    let all: Vec<Tally> = (0..SCORERS.len()).map(|scorer| Tally::of(cases, outcomes, Truth::Did, scorer, |_, _| true)).collect();
    let (leaked, of) = leaks(cases, outcomes);
    let best = all[1..].iter().map(|other| other.exact_permille()).max().flatten();
    let ours = all[0];
    let mut goals = vec![
        ("exact in 90 % of windows".into(), percent(ours.exact_permille()), ours.exact_permille() >= Some(900)),
        ("at most one off in 99 %".into(), percent(ours.near_permille()), ours.near_permille() >= Some(990)),
        ("more often exact than every other scorer".into(), format!("the next best: {}", percent(best)), ours.exact_permille() > best),
    ];
    // Where no case has a fault in one direction alone, there is nothing to be said of it.
    if of > 0 {
        goals.push(("a fault of one direction never changes the other".into(), format!("{leaked} of {of} windows"), leaked == 0));
    }
    goals
}

/// Rows of cells: scorers by level, then by part of the grid.
fn rows(cases: &[Case], outcomes: &[Outcome]) -> Vec<[String; 8]> {
    let mut rows = Vec::new();
    // What did not occur, in a part of the grid, has no row.
    let mut row = |what: String, scorer: usize, tally: Tally| {
        if tally.windows == 0 {
            return;
        }
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

/// Rows of cells: every scorer by what a listener would say, for each codec.
fn heard_rows(outcomes: &[Outcome]) -> Vec<[String; 8]> {
    let mut rows = Vec::new();
    for codec in Codec::ALL {
        for (scorer, name) in SCORERS.iter().enumerate() {
            let heard = Heard::of(outcomes, codec, scorer);
            if heard.windows == 0 {
                continue;
            }
            let share = |part| percent(permille(part, heard.windows));
            rows.push([
                codec.name().to_owned(),
                (*name).to_owned(),
                share(heard.exact),
                share(heard.near),
                share(heard.stricter),
                share(heard.milder),
                percent(permille(heard.in_order, heard.pairs)),
                percent(permille(heard.upside_down, heard.pairs)),
            ]);
        }
    }
    rows
}

const HEARD_COLUMNS: [&str; 8] = ["a listener to", "scorer", "exact", "within one", "stricter", "milder", "in order", "upside down"];
const COLUMNS: [&str; 8] = ["truth", "scorer", "windows", "exact", "within one", "phases", "late", "flapping"];

/// The tables for a terminal, and the goals.
pub fn table(cases: &[Case], outcomes: &[Outcome]) -> String {
    let mut text = aligned(&COLUMNS, &rows(cases, outcomes));
    text.push('\n');
    let heard = heard_rows(outcomes);
    if !heard.is_empty() {
        text.push_str(&aligned(&HEARD_COLUMNS, &heard));
        text.push('\n');
    }
    for (goal, came, met) in goals(cases, outcomes) {
        let _ = writeln!(text, "{}  {goal}: {came}", if met { "ok    " } else { "MISSED" });
    }
    text
}

fn aligned(columns: &[&str; 8], rows: &[[String; 8]]) -> String {
    let widths: Vec<usize> =
        (0..columns.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).chain([columns[at].len()]).max().unwrap_or(0)).collect();
    let mut text = String::new();
    let mut line = |cells: &[String; 8]| {
        for (at, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let _ = if at < 2 { write!(text, "{cell:<width$}  ") } else { write!(text, "{cell:>width$}  ") };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    };
    line(&columns.map(str::to_owned));
    rows.iter().for_each(line);
    text
}

/// The table of docs/QUALITY.md, and the goals.
pub fn markdown(cases: &[Case], outcomes: &[Outcome]) -> String {
    let mut text = marked(&COLUMNS, &rows(cases, outcomes));
    text.push_str("\n| goal | came | |\n|---|---|---|\n");
    for (goal, came, met) in goals(cases, outcomes) {
        let _ = writeln!(text, "| {goal} | {came} | {} |", if met { "met" } else { "missed" });
    }
    text
}

/// The table of docs/QUALITY.md about what a listener would say.
pub fn heard_markdown(outcomes: &[Outcome]) -> String {
    marked(&HEARD_COLUMNS, &heard_rows(outcomes))
}

fn marked(columns: &[&str; 8], rows: &[[String; 8]]) -> String {
    let mut text = format!("| {} |\n|---|---|{}\n", columns.join(" | "), "--:|".repeat(columns.len() - 2));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}
