//! `greenroom selftest`.

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::{Exit, complain, say};
use crate::selftest::{self, SEEDS, Verdict};

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
    /// Print the scorecard as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the scorecard as the table of docs/LINKS.md
    #[arg(long)]
    markdown: bool,
}

/// Measures, prints, and says whether everything was met.
pub(super) fn selftest(arguments: &SelftestArguments) -> Exit {
    let What::Links(LinksArguments { only, json, markdown }) = &arguments.what;
    let mut oracles = selftest::links();
    if let Some(only) = only {
        let known: Vec<String> = oracles.iter().map(|oracle| oracle.id.clone()).collect();
        oracles.retain(|oracle| oracle.id.contains(only.as_str()));
        if oracles.is_empty() {
            complain(&format_args!("no oracle has {only:?} in its name; known: {}", known.join(", ")));
            return Exit::Usage;
        }
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("links {wide_bar:.green} {pos} of {len}  {elapsed}")
            .expect("the template is right")
            .progress_chars("━╸ "),
    );
    let verdicts = selftest::run(&oracles, &|done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();

    let missed: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.passes()).collect();
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
                "readings": verdict.lines().map(|line| json!({
                    "what": line.what, "expected": line.expected, "got": line.got, "readings": line.readings, "tolerance": line.tolerance, "pass": line.pass,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "seeds": SEEDS, "passed": passed, "failed": verdicts.len() - passed, "oracles": oracles })
}
