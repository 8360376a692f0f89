//! `greenroom sweep`: one scenario, many seeds, both engines; what held, what did not, and whether engines agree.

use core::{fmt::Write as _, ops::Range};
use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use serde::Serialize;

use super::{
    Exit, complain,
    many::{JobsArgument, seeds, watched},
    run::broken,
    say,
};
use crate::{
    engine::{Engine, EngineError, Progress},
    media::Fidelity,
    record::{CheckResult, roster_hash},
    run::{self, Settings},
    scenario::{Override, Scenario},
    spread::spread,
};

#[derive(Debug, Args)]
pub(super) struct SweepArguments {
    /// The scenario file, for example scenarios/chaos.toml
    scenario: PathBuf,
    /// Which seeds: from A up to, and without, B
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Range<u64>,
    /// What lets time pass and carries bytes: turmoil or direct [default: both]
    #[arg(long)]
    engine: Option<Engine>,
    /// How real media transport is: webrtc, webrtc-null or model
    #[arg(long, default_value_t = Fidelity::Model)]
    media: Fidelity,
    #[command(flatten)]
    jobs: JobsArgument,
    /// Change a value of the scenario, for example link.dsl.down.rate="1 Mbps"; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print one JSON object for each run, in order of seeds, in place of the table
    #[arg(long)]
    json: bool,
}

/// What one run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Outcome {
    seed: u64,
    engine: &'static str,
    media: &'static str,
    ok: bool,
    trace_hash: String,
    story_hash: String,
    /// Over who was where at the end, as each user saw it.
    roster_hash: String,
    checks: Vec<CheckResult>,
}

/// Runs a scenario on all the seeds and engines, and tells what held.
pub(super) fn run(arguments: &SweepArguments) -> Exit {
    let overrides = arguments.overrides.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>();
    let scenario = match overrides.and_then(|overrides| Scenario::load(&arguments.scenario, &overrides)) {
        Ok(scenario) => scenario,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let engines: Vec<Engine> = arguments.engine.map_or_else(|| Engine::ALL.to_vec(), |engine| vec![engine]);
    let jobs = arguments.jobs.count();
    let processors = (Settings::default().processors / jobs.max(1)).max(1);
    let cells: Vec<Settings> = arguments
        .seeds
        .clone()
        .flat_map(|seed| engines.iter().map(move |engine| Settings { engine: *engine, media: arguments.media, seed, processors }))
        .collect();
    let outcomes = watched(&scenario.name, |progress| {
        spread(&cells, jobs, progress, |settings| outcome(&scenario, *settings)).into_iter().collect::<Result<Vec<_>, _>>()
    });
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(error) => return broken(&error),
    };
    let disagreements = disagreements(&outcomes);
    if arguments.json {
        for outcome in &outcomes {
            say(&format!("{}\n", serde_json::to_string(outcome).expect("an outcome is text and numbers")));
        }
    } else {
        say(&table(&scenario.name, arguments, &engines, &outcomes, &disagreements));
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.ok);
    for outcome in failed.clone() {
        for check in outcome.checks.iter().filter(|check| !check.ok) {
            complain(&format_args!("{}, seed {}: check {} failed: {}", outcome.engine, outcome.seed, check.name, check.detail));
        }
    }
    for disagreement in &disagreements {
        complain(disagreement);
    }
    if failed.count() == 0 && disagreements.is_empty() { Exit::Passed } else { Exit::CheckFailed }
}

fn outcome(scenario: &Scenario, settings: Settings) -> Result<Outcome, EngineError> {
    let record = run::run(scenario, settings, &Progress::default())?;
    Ok(Outcome {
        seed: settings.seed,
        engine: settings.engine.name(),
        media: settings.media.name(),
        ok: record.summary.checks.iter().all(|check| check.ok),
        trace_hash: record.summary.trace_hash,
        story_hash: record.summary.story_hash,
        roster_hash: format!("{:016x}", roster_hash(&record.entries)),
        checks: record.summary.checks,
    })
}

/// Seeds on which engines come to other verdicts, or leave the room in another state.
fn disagreements(outcomes: &[Outcome]) -> Vec<String> {
    let mut by_seed: BTreeMap<u64, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_seed.entry(outcome.seed).or_default().push(outcome);
    }
    let verdicts =
        |outcome: &Outcome| -> Vec<(String, bool)> { outcome.checks.iter().map(|check| (check.name.clone(), check.ok)).collect() };
    let mut told = Vec::new();
    for (seed, outcomes) in by_seed {
        let [first, rest @ ..] = &outcomes[..] else { continue };
        for other in rest {
            let differing = [("verdicts", verdicts(first) == verdicts(other)), ("final rosters", first.roster_hash == other.roster_hash)];
            for (what, _) in differing.iter().filter(|(_, same)| !same) {
                told.push(format!("seed {seed}: {} and {} differ in their {what}", first.engine, other.engine));
            }
        }
    }
    told
}

fn table(name: &str, arguments: &SweepArguments, engines: &[Engine], outcomes: &[Outcome], disagreements: &[String]) -> String {
    let Range { start, end } = arguments.seeds;
    let mut text = format!("{name}, {} media, seeds {start}..{end}\n\n", arguments.media);
    let names: Vec<&str> =
        outcomes.first().map_or_else(Vec::new, |outcome| outcome.checks.iter().map(|check| check.name.as_str()).collect());
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let _ = write!(text, "{:width$}", "check");
    for engine in engines {
        let _ = write!(text, "  {:>11}", engine.name());
    }
    text.push('\n');
    let of = |engine: Engine| outcomes.iter().filter(move |outcome| outcome.engine == engine.name());
    for (at, name) in names.iter().enumerate() {
        let _ = write!(text, "{name:width$}");
        for engine in engines {
            let held = of(*engine).filter(|outcome| outcome.checks.get(at).is_some_and(|check| check.ok)).count();
            let _ = write!(text, "  {:>11}", format!("{held} of {}", of(*engine).count()));
        }
        text.push('\n');
    }
    let passed = outcomes.iter().filter(|outcome| outcome.ok).count();
    let _ = write!(text, "\n{passed} of {} runs passed", outcomes.len());
    if engines.len() > 1 {
        let _ = write!(text, "; engines differ on {} seeds", disagreements.len());
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(seed: u64, engine: &'static str, ok: bool, roster: &str) -> Outcome {
        let checks = vec![CheckResult { name: "liveness".into(), ok, detail: String::new() }];
        let hash = || "0".to_owned();
        Outcome { seed, engine, media: "model", ok, trace_hash: hash(), story_hash: hash(), roster_hash: roster.into(), checks }
    }

    #[test]
    fn engines_that_differ_are_told() {
        let same = [outcome(1, "turmoil", true, "a"), outcome(1, "direct", true, "a")];
        assert!(disagreements(&same).is_empty());
        let differ = [outcome(1, "turmoil", true, "a"), outcome(1, "direct", false, "b"), outcome(2, "turmoil", true, "c")];
        let told = disagreements(&differ);
        assert_eq!(
            told,
            ["seed 1: turmoil and direct differ in their verdicts", "seed 1: turmoil and direct differ in their final rosters"]
        );
    }
}
