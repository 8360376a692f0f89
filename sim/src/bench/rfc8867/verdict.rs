//! Verdicts: the median of each reading over the seeds, held against limits.
//!
//! RFC 8867 gives no limits, only what it expects in words. Those here are ours, and were set before the first run; each says where it comes from.

use serde::Serialize;

use super::{
    case::Case,
    reading::{Kind, Reading},
};

/// What a median has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "bound", content = "value")]
pub enum Bound {
    /// Not below.
    AtLeast(f64),
    /// Not above.
    AtMost(f64),
}

impl Bound {
    /// Whether a value is within it. One that was not measured is not.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// A limit of ours.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The cases that it is for, and whose variants; none for all of them.
    pub cases: &'static [&'static str],
    /// The readings.
    pub kind: Kind,
    /// What they have to be.
    pub bound: Bound,
    /// Where it comes from.
    pub why: &'static str,
}

/// The limits. The first one that fits a case and a reading counts.
pub const LIMITS: &[Limit] = &[
    Limit {
        cases: &["5.1"],
        kind: Kind::Utilisation,
        bound: Bound::AtLeast(85.0),
        why: "one flow, 10 s to settle: what SCReAM V2 did on this case, less a little",
    },
    Limit {
        cases: &[],
        kind: Kind::Utilisation,
        bound: Bound::AtLeast(60.0),
        why: "the share that libwebrtc's own tests ask for, loosely: 350 to 550 of 500 kbps",
    },
    Limit { cases: &["5.1"], kind: Kind::Settles, bound: Bound::AtMost(20.0), why: "the shortest phase" },
    Limit {
        cases: &[],
        kind: Kind::Loss,
        bound: Bound::AtMost(5.0),
        why: "SCReAM V2 lost 4 % at its worst; the drop of case 5.1 at 60 s cannot be met without loss",
    },
    Limit { cases: &["5.1"], kind: Kind::SettledQueue95, bound: Bound::AtMost(150.0), why: "half of the queue of 300 ms" },
    Limit {
        cases: &["5.2", "5.4", "5.5", "5.8", "6.3", "wifi"],
        kind: Kind::Ratio,
        bound: Bound::AtMost(3.0),
        why: "RFC 8868's guideline for flows of one kind in static periods",
    },
    Limit {
        cases: &["5.6", "5.7", "6.3", "wifi"],
        kind: Kind::LowestVideo,
        bound: Bound::AtLeast(135.0),
        why: "the lowest rate of the encoder less 10 % for loss: RFC 8867 wants no starvation",
    },
    Limit { cases: &[], kind: Kind::Disconnected, bound: Bound::AtMost(0.0), why: "a call survives congestion" },
];

/// A reading over all seeds, and the limit that it is held against.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose: the pair's name, where it is of one flow.
    pub flow: Option<String>,
    /// What was read.
    pub what: String,
    /// The kind of it.
    pub kind: Kind,
    /// The median.
    pub median: f64,
    /// What was read for each seed, in their order.
    pub values: Vec<f64>,
    /// The limit, where there is one.
    pub limit: Option<&'static Limit>,
    /// What something else has for it.
    pub comparator: Option<Comparator>,
}

/// Something to compare with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparator {
    /// Another controller on this case, as measured and kept in the data file.
    ScreamV2(f64),
    /// This one on the same case without impairment, in this run: the median.
    Unimpaired(f64),
}

impl Line {
    /// Whether it is within its limit; true where there is none.
    pub fn passes(&self) -> bool {
        self.limit.is_none_or(|limit| limit.bound.holds(self.median))
    }
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All limits are met.
    Pass,
    /// One is not.
    Miss,
    /// It cannot be judged.
    NotApplicable,
}

impl Outcome {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Miss => "MISS",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// A case with its readings over the seeds.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The case.
    pub case: Case,
    /// Its readings.
    pub lines: Vec<Line>,
}

impl Verdict {
    /// Judges a case by what was read for each seed.
    pub fn new(case: Case, by_seed: &[Vec<Reading>]) -> Self {
        let comparators = comparators(&case);
        let lines = by_seed.first().map_or(&[][..], |first| first).iter().enumerate().map(|(at, reading)| {
            let values: Vec<f64> = by_seed.iter().filter_map(|readings| readings.get(at)).map(|reading| reading.value).collect();
            let judged = case.not_applicable.is_none();
            let limit = LIMITS
                .iter()
                .find(|limit| judged && limit.kind == reading.kind && (limit.cases.is_empty() || limit.cases.contains(&case.base())));
            let comparator = comparators.iter().find(|(what, _)| *what == reading.what).map(|(_, value)| Comparator::ScreamV2(*value));
            let Reading { kind, flow, what, .. } = reading.clone();
            Line { flow, what, kind, median: median(&values), values, limit, comparator }
        });
        Self { lines: lines.collect(), case }
    }

    /// Puts beside its readings of the first link and the first pair what the same case came to without impairment. Those of both ways together are left: nothing holds up the other one there.
    pub(super) fn compare(&mut self, clear: &Self) {
        let (Some(link), Some(pair)) = (self.case.links.first(), self.case.pairs.first()) else { return };
        let is_of = |line: &Line| line.flow.as_ref() == Some(&pair.name) || line.what.contains(link.name) || line.what.contains(&pair.name);
        for line in self.lines.iter_mut().filter(|line| is_of(line)) {
            // Where one link alone is judged, readings do not name it.
            let unnamed = line.what.replace(&format!(" {}", link.name), "");
            let same = clear.lines.iter().find(|other| other.flow == line.flow && other.what == unnamed);
            line.comparator = same.map(|other| Comparator::Unimpaired(other.median));
        }
    }

    /// The readings of the case as a whole.
    pub fn whole(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.flow.is_none())
    }

    /// The readings of each flow.
    pub fn flows(&self) -> Vec<&[Line]> {
        self.lines.chunk_by(|line, next| line.flow == next.flow).filter(|lines| lines[0].flow.is_some()).collect()
    }

    /// What became of it.
    pub fn outcome(&self) -> Outcome {
        match self.case.not_applicable {
            Some(_) => Outcome::NotApplicable,
            None if !self.lines.is_empty() && self.lines.iter().all(Line::passes) => Outcome::Pass,
            None => Outcome::Miss,
        }
    }
}

/// What SCReAM V2 read on case 5.1, by the names of our readings: the row of the data file with a variable encoder and 50 ms.
fn comparators(case: &Case) -> Vec<(String, f64)> {
    /// The most that SCReAM's source could send there: 1.5 Mbps and its headers.
    const SCREAM_MAX_MBPS: f64 = 1.542;
    if case.id != "5.1" {
        return Vec::new();
    }
    let file = super::case::comparators();
    let rows = file["scream_v2_our_run_case_5.1"]["rows"].as_array().cloned().unwrap_or_default();
    let Some(row) = rows.iter().find(|row| row["owd_ms"] == 50 && row["trace"].as_str().is_some_and(|trace| trace.contains("VBR"))) else {
        return Vec::new();
    };
    let mut values = Vec::new();
    let phases = row["phases"].as_array().cloned().unwrap_or_default();
    for (phase, times) in phases.iter().zip(["0–40 s", "40–60 s", "60–80 s", "80–99 s"]) {
        if let (Some(cap), Some(delivered)) = (phase["cap"].as_f64(), phase["deliv_mbps"].as_f64()) {
            values.push((format!("utilisation, {times}"), 100.0 * delivered / cap.min(SCREAM_MAX_MBPS)));
        }
        values.extend(phase["t80_s"].as_f64().map(|seconds| (format!("t80, {times}"), seconds)));
    }
    values.extend(row["loss_pct"].as_f64().map(|percent| ("loss of media packets".to_owned(), percent)));
    values.extend(row["qdelay_ms"]["p95"].as_f64().map(|ms| ("queue, 95 %".to_owned(), ms)));
    values
}

/// The one in the middle; of two, their mean.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rfc8867::case;

    fn verdict(id: &str, values: &[f64]) -> Verdict {
        let case = case::numbered(id);
        let readings: Vec<Vec<Reading>> = values
            .iter()
            .map(|value| vec![Reading { kind: Kind::Utilisation, flow: None, what: "utilisation, 0–40 s".to_owned(), value: *value }])
            .collect();
        Verdict::new(case, &readings)
    }

    #[test]
    fn the_median_counts_and_a_miss_is_seen() {
        assert_eq!(verdict("5.1", &[84.0, 85.0, 99.0]).outcome(), Outcome::Pass);
        assert_eq!(verdict("5.1", &[84.0, 84.9, 99.0]).outcome(), Outcome::Miss);
        assert_eq!(verdict("5.4", &[61.0]).outcome(), Outcome::Pass, "another limit");
        assert_eq!(verdict("5.4", &[f64::NAN]).outcome(), Outcome::Miss, "what was not measured passes nothing");
        assert_eq!(verdict("5.4", &[]).outcome(), Outcome::Miss);
    }

    #[test]
    fn what_cannot_be_judged_has_no_limits() {
        let verdict = verdict("6.1", &[1.0]);
        assert_eq!(verdict.outcome(), Outcome::NotApplicable);
        assert!(verdict.lines.iter().all(|line| line.limit.is_none()));
    }

    #[test]
    fn comparators_stand_beside_the_readings_they_compare_with() {
        let verdict = verdict("5.1", &[90.0]);
        let Some(Comparator::ScreamV2(percent)) = verdict.lines[0].comparator else { panic!("the data file has it") };
        assert!((percent - 92.3).abs() < 1e-9, "{percent}");
    }

    #[test]
    fn readings_of_the_impaired_way_stand_beside_those_of_the_clear_one() {
        let line = |what: &str, median: f64| Line {
            flow: what.strip_suffix(" sends").map(str::to_owned),
            what: if what.ends_with(" sends") { "sending rate".to_owned() } else { what.to_owned() },
            kind: Kind::Utilisation,
            median,
            values: vec![median],
            limit: None,
            comparator: None,
        };
        let mut limited = verdict("5.3", &[1.0]);
        limited.lines = vec![
            line("utilisation A→B, 0–20 s", 80.0),
            line("utilisation B→A, 0–35 s", 70.0),
            line("loss of media packets", 2.0),
            line("lowest video of S1, 10 s", 300.0),
            line("S1 sends", 500.0),
            line("S2 sends", 700.0),
        ];
        let mut clear = verdict("5.3-clear", &[1.0]);
        clear.lines = vec![
            line("utilisation, 0–20 s", 90.0),
            line("utilisation, 0–35 s", 50.0),
            line("loss of media packets", 1.0),
            line("lowest video of S1, 10 s", 400.0),
            line("S2 sends", 800.0),
            line("S1 sends", 600.0),
        ];
        limited.compare(&clear);
        let beside: Vec<Option<Comparator>> = limited.lines.iter().map(|line| line.comparator).collect();
        let unimpaired = |value| Some(Comparator::Unimpaired(value));
        assert_eq!(beside, [unimpaired(90.0), None, None, unimpaired(400.0), unimpaired(600.0), None]);
        assert_eq!((limited.whole().count(), limited.flows().len()), (4, 2), "what is of one flow stands apart");
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "medians are values, or sums of two by two")]
    fn medians_are_in_the_middle() {
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), median(&[f64::INFINITY, 1.0, 2.0])], [2.0, 2.5, 2.0]);
        assert!(median(&[]).is_nan());
    }
}
