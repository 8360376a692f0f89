//! Results as text, as Markdown and as JSON.

use core::{fmt::Write as _, ops::Range};

use serde_json::{Value, json};

use super::{
    Results, case,
    reading::Kind,
    verdict::{Bound, Comparator, Line, Verdict},
};

/// Flows that a terminal has room for, side by side.
const ABREAST: usize = 8;

/// A table for a terminal.
pub fn text(results: &Results) -> String {
    let mut text = head(results);
    for verdict in &results.verdicts {
        let case = &verdict.case;
        let _infallible = writeln!(text, "\n{} {} · {}", case.id, case.title, verdict.outcome().name());
        if let Some(why) = case.not_applicable {
            let _infallible = writeln!(text, "    {why}");
        }
        put_rows(&mut text, &verdict.whole().map(|line| row(line).to_vec()).collect::<Vec<_>>(), 1..2);
        for flows in verdict.flows().chunks(ABREAST) {
            text.push('\n');
            put_rows(&mut text, &by_flow(flows), 1..flows.len() + 1);
        }
    }
    let _infallible = writeln!(text, "\n{}", sum(results));
    text
}

/// Rows of a table for a terminal. The columns of numbers stand at the right.
fn put_rows(text: &mut String, rows: &[Vec<String>], numbers: Range<usize>) {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = "    ".to_owned();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            if numbers.contains(&at) { line.extend([&pad, cell.as_str(), "  "]) } else { line.extend([cell.as_str(), &pad, "  "]) }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The medians of the flows of a case: a row for each reading, under one of their names; who asks for it comes last.
pub(super) fn by_flow(flows: &[&[Line]]) -> Vec<Vec<String>> {
    let row = |what: &str, cells: Vec<String>, source: &str| [vec![what.to_owned()], cells, vec![source.to_owned()]].concat();
    let head = row("each flow", flows.iter().map(|lines| lines[0].flow.clone().unwrap_or_default()).collect(), "source");
    let rows = flows.first().into_iter().flat_map(|first| first.iter().enumerate()).map(|(at, line)| {
        let medians = flows.iter().map(|lines| with_unit(lines[at].median, ""));
        row(&what_in_unit(line), medians.collect(), line.kind.source())
    });
    [head].into_iter().chain(rows).collect()
}

/// The table of `docs/RFC8867.md`.
pub fn markdown(results: &Results) -> String {
    let mut text = "| case | reading | median | seeds | limit | comparator | verdict |\n|---|---|---:|---|---|---|---|\n".to_owned();
    for verdict in &results.verdicts {
        let name = format!("**{}** {}", verdict.case.id, verdict.case.title);
        let outcome = if verdict.outcome() == super::Outcome::Miss { "**miss**" } else { verdict.outcome().name() };
        let why = verdict.case.not_applicable.unwrap_or_default();
        let _infallible = writeln!(text, "| {name} | {why} |  |  |  |  | {outcome} |");
        for line in verdict.whole() {
            let [what, median, seeds, limit, comparator] = row(line);
            let comparator = comparator.trim_start_matches("SCReAM V2 ");
            let word = match (line.limit, line.passes()) {
                (None, _) => "",
                (Some(_), true) => "pass",
                (Some(_), false) => "**miss**",
            };
            let limit = limit.trim_end_matches(" MISS");
            let _infallible = writeln!(text, "|  | {what} | {median} | {seeds} | {limit} | {comparator} | {word} |");
        }
    }
    text
}

/// The table of the flows in `docs/RFC8867.md`: a line for each, with the medians.
pub fn flows(results: &Results) -> String {
    let mut text = String::new();
    for verdict in &results.verdicts {
        for lines in verdict.flows() {
            if text.is_empty() {
                let names: Vec<String> = lines.iter().map(what_in_unit).collect();
                let _infallible = writeln!(text, "| case | flow | {} |", names.join(" | "));
                let _infallible = writeln!(text, "|---|---|{}", "---:|".repeat(lines.len()));
            }
            let cells: Vec<String> = lines.iter().map(|line| with_unit(line.median, "")).collect();
            let name = lines[0].flow.as_deref().unwrap_or_default();
            let _infallible = writeln!(text, "| **{}** | {name} | {} |", verdict.case.id, cells.join(" | "));
        }
    }
    text
}

/// The table of the variants in `docs/RFC8867.md`: a line for each, with what tells most.
pub fn brief(results: &Results) -> String {
    let mut text = "| case | | utilisation | largest by smallest | loss | packets, 95 % | queue, settled | verdict |\n|---|---|---|---:|---:|---:|---:|---|\n".to_owned();
    for verdict in &results.verdicts {
        let medians = |kind: Kind| verdict.lines.iter().filter(move |line| line.kind == kind).map(|line| line.median);
        let worst = |kind: Kind| medians(kind).reduce(f64::max);
        let cell = |value: Option<f64>, kind: Kind| match value {
            Some(value) if value.is_finite() => format!("{} {}", rounded(value), kind.unit()).trim_end().to_owned(),
            Some(_) => "never".to_owned(),
            None => String::new(),
        };
        let (least, most) = (medians(Kind::Utilisation).reduce(f64::min), worst(Kind::Utilisation));
        let utilisation = match (least, most) {
            (Some(least), Some(most)) if least < most => format!("{} to {} %", rounded(least), rounded(most)),
            (least, _) => cell(least, Kind::Utilisation),
        };
        let missed: Vec<&str> = verdict.lines.iter().filter(|line| !line.passes()).map(|line| line.what.as_str()).collect();
        let word = if missed.is_empty() { "pass".to_owned() } else { format!("**miss**: {}", missed.join("; ")) };
        let cells = [
            format!("**{}**", verdict.case.id),
            verdict.case.title.clone(),
            utilisation,
            cell(worst(Kind::Ratio), Kind::Ratio),
            cell(worst(Kind::Loss), Kind::Loss),
            cell(worst(Kind::Delay95), Kind::Delay95),
            cell(worst(Kind::SettledQueue95), Kind::SettledQueue95),
            word,
        ];
        let _infallible = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Everything, for programs.
pub fn json(results: &Results) -> Value {
    let settings = &results.settings;
    json!({
        "bench": "rfc8867",
        "version": env!("CARGO_PKG_VERSION"),
        "media": settings.media.name(),
        "seeds": settings.seeds.clone().collect::<Vec<_>>(),
        "judged_by": "the median over the seeds",
        "pass": results.pass(),
        "cases": results.verdicts.iter().map(case_json).collect::<Vec<_>>(),
        "limits_are": "ours: RFC 8867 gives none",
        "published_comparators": case::comparators(),
    })
}

fn case_json(verdict: &Verdict) -> Value {
    let case = &verdict.case;
    let number = |value: f64| if value.is_finite() { json!(rounded(value)) } else { Value::Null };
    let readings = verdict.lines.iter().map(|line| {
        json!({
            "what": line.what,
            "flow": line.flow,
            "unit": line.kind.unit(),
            "source": line.kind.source(),
            "median": number(line.median),
            "by_seed": line.values.iter().copied().map(number).collect::<Vec<_>>(),
            "limit": line.limit.map(|limit| limit.bound),
            "limit_from": line.limit.map(|limit| limit.why),
            "pass": line.limit.map(|_| line.passes()),
            "scream_v2": match line.comparator { Some(Comparator::ScreamV2(value)) => Some(number(value)), _ => None },
            "unimpaired": match line.comparator { Some(Comparator::Unimpaired(value)) => Some(number(value)), _ => None },
        })
    });
    json!({
        "id": case.id,
        "title": case.title,
        "section": case.section,
        "expected": case.expected,
        "verdict": verdict.outcome(),
        "reason": case.not_applicable,
        "readings": readings.collect::<Vec<_>>(),
    })
}

pub(super) fn head(results: &Results) -> String {
    let settings = &results.settings;
    format!(
        "RFC 8867, str0m's congestion control, {} media, median of seeds {}..{}\n",
        settings.media, settings.seeds.start, settings.seeds.end
    )
}

/// How many cases went how.
pub(super) fn sum(results: &Results) -> String {
    let count = |outcome| results.verdicts.iter().filter(|verdict| verdict.outcome() == outcome).count();
    let (pass, miss, none) = (count(super::Outcome::Pass), count(super::Outcome::Miss), count(super::Outcome::NotApplicable));
    format!("{pass} of {} cases pass, {miss} miss, {none} not applicable; limits are ours", results.verdicts.len())
}

/// What, median, spread, limit and comparator.
pub(super) fn row(line: &Line) -> [String; 5] {
    let with_unit = |value: f64| with_unit(value, line.kind.unit());
    let (least, most) = line.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |ends, value| (ends.0.min(*value), ends.1.max(*value)));
    let bare = |value: f64| if value.is_finite() { rounded(value).to_string() } else { "never".to_owned() };
    let spread = if line.values.len() > 1 { format!("{} to {}", bare(least), bare(most)) } else { String::new() };
    let limit = line.limit.map_or_else(String::new, |limit| {
        let bound = match limit.bound {
            Bound::AtLeast(least) => format!("at least {}", with_unit(least)),
            Bound::AtMost(most) => format!("at most {}", with_unit(most)),
        };
        if line.passes() { bound } else { format!("{bound} MISS") }
    });
    let comparator = match line.comparator {
        Some(Comparator::ScreamV2(value)) => format!("SCReAM V2 {}", with_unit(value)),
        Some(Comparator::Unimpaired(value)) => format!("unimpaired {}", with_unit(value)),
        None => String::new(),
    };
    [line.what.clone(), with_unit(line.median), spread, limit, comparator]
}

/// What was read, and the unit, where numbers stand without it.
fn what_in_unit(line: &Line) -> String {
    match line.kind.unit() {
        "" => line.what.clone(),
        unit => format!("{}, {unit}", line.what),
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    match (value.is_finite(), unit) {
        (false, _) if value.is_nan() => "none".to_owned(),
        (false, _) => "never".to_owned(),
        (true, "") => format!("{}", rounded(value)),
        (true, unit) => format!("{} {unit}", rounded(value)),
    }
}

/// Three digits are enough.
pub(super) fn rounded(value: f64) -> f64 {
    let scale = match value.abs() {
        size if size >= 100.0 => 1.0,
        size if size >= 10.0 => 10.0,
        _ => 100.0,
    };
    libm::round(value * scale) / scale
}
