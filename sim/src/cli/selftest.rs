//! `greenroom selftest`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Exit, complain, many::watched, say};
use crate::selftest::{self, SEEDS, Traces, Verdict};

#[derive(Debug, Args)]
pub(super) struct SelftestArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Hold the links against closed forms, and print the scorecard
    Links(LinksArguments),
}

#[derive(Debug, Args)]
struct LinksArguments {
    /// Only oracles whose names contain this
    #[arg(value_name = "NAME")]
    only: Option<String>,
    /// The folder of traces of Mahimahi, <https://github.com/ravinet/mahimahi>: without it, what is known of them is skipped
    #[arg(long, value_name = "DIR")]
    traces: Option<PathBuf>,
    /// Print the scorecard as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the scorecard as the table of docs/LINKS.md
    #[arg(long)]
    markdown: bool,
}

/// Measures, prints, and says whether everything was met.
pub(super) fn selftest(arguments: &SelftestArguments) -> Exit {
    let What::Links(LinksArguments { only, traces, json, markdown }) = &arguments.what;
    let mut oracles = selftest::links();
    if let Some(only) = only {
        let known: Vec<String> = oracles.iter().map(|oracle| oracle.id.clone()).collect();
        oracles.retain(|oracle| oracle.id.contains(only.as_str()));
        if oracles.is_empty() {
            complain(&format_args!("no oracle has {only:?} in its name; known: {}", known.join(", ")));
            return Exit::Usage;
        }
    }
    let traces = match traces.as_deref().map_or_else(|| Ok(Traces::new()), |folder| selftest::traces(folder, &oracles)) {
        Ok(traces) => traces,
        Err(error) => {
            complain(&format_args!("{error}; expected a trace of Mahimahi there, as its sources have them in the folder traces"));
            return Exit::Usage;
        }
    };
    let verdicts = watched("links", |progress| selftest::run(&oracles, &traces, progress));

    let missed: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.misses()).collect();
    if *json {
        say(&format!("{:#}\n", as_json(&verdicts)));
    } else if *markdown {
        say(&selftest::scorecard_markdown(&verdicts));
    } else {
        say(&selftest::scorecard(&verdicts));
    }
    for verdict in &missed {
        let oracle = &verdict.oracle;
        let formula = oracle.formula.as_deref().or(oracle.source.as_deref()).unwrap_or("true at every moment");
        complain(&format_args!("{} missed: {} ({}): {formula}", oracle.id, oracle.about, oracle.setup));
    }
    if missed.is_empty() { Exit::Passed } else { Exit::CheckFailed }
}

fn as_json(verdicts: &[Verdict]) -> serde_json::Value {
    let passed = verdicts.iter().filter(|verdict| verdict.passes()).count();
    let skipped = verdicts.iter().filter(|verdict| verdict.is_skipped()).count();
    let oracles: Vec<_> = verdicts
        .iter()
        .map(|verdict| {
            let oracle = &verdict.oracle;
            json!({
                "id": oracle.id,
                "kind": oracle.kind,
                "about": oracle.about,
                "setup": oracle.setup,
                "formula": oracle.formula,
                "source": oracle.source,
                "n": oracle.n,
                "pass": verdict.passes(),
                "skipped": verdict.is_skipped(),
                "readings": verdict.lines().map(|line| json!({
                    "what": line.what, "expected": line.expected, "got": line.got, "readings": line.readings, "tolerance": line.tolerance, "pass": line.pass,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "seeds": SEEDS, "passed": passed, "failed": verdicts.len() - passed - skipped, "skipped": skipped, "oracles": oracles })
}
