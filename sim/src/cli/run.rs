//! `greenroom run`.

use core::time::Duration;
use std::{
    path::{Path, PathBuf},
    thread,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Exit, complain, say, table};
use crate::{
    engine::{Engine, EngineError, Progress},
    media::Fidelity,
    record::{Captured, Record, files, pcapng},
    report,
    run::{self, Settings},
    scenario::{Override, Scenario},
};

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The scenario file, for example scenarios/first-call.toml
    scenario: PathBuf,
    /// Seed of everything that is left to chance
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// What lets time pass and carries bytes: turmoil or direct
    #[arg(long, default_value_t = Engine::Turmoil)]
    engine: Engine,
    /// How real media transport is: webrtc, webrtc-null or model
    #[arg(long, default_value_t = Fidelity::WebRtc)]
    media: Fidelity,
    /// Change a value of the scenario, for example link.dsl.down.rate="1 Mbps"; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where to write summary.json, events.jsonl, metrics.csv, statistics.csv and report.html [default: out/SCENARIO]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write every datagram into this pcapng file, for Wireshark and its kin
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Run twice and compare every datagram and every event
    #[arg(long)]
    verify: bool,
    /// Print summary.json in place of the table
    #[arg(long)]
    json: bool,
    /// Print neither table nor progress
    #[arg(long)]
    quiet: bool,
}

/// Runs a scenario, writes its files, and tells how it went.
pub(super) fn run(arguments: &RunArguments) -> Exit {
    let scenario = match load(arguments) {
        Ok(scenario) => scenario,
        Err(error) => {
            complain(&error);
            return Exit::Usage;
        }
    };
    let settings = Settings { engine: arguments.engine, media: arguments.media, seed: arguments.seed, ..Settings::default() };
    let directory = arguments.out.clone().unwrap_or_else(|| Path::new("out").join(&scenario.name));
    // Before the run: who waits a minute for a report wants to know now that it cannot be written.
    if let Err(error) = files::prepare(&directory) {
        complain(&error);
        return Exit::Usage;
    }
    if let Some(file) = &arguments.pcap
        && let Err(error) = files::write_file(file, &[])
    {
        complain(&error);
        return Exit::Usage;
    }
    let (record, captured) = match watched(&scenario, settings, arguments.pcap.is_some(), arguments.quiet, "") {
        Ok(ran) => ran,
        Err(error) => return broken(&error),
    };
    let names: Vec<&str> = scenario.hosts().skip(1).collect();
    let written = files::write(&directory, &record)
        .and_then(|()| files::write_file(&directory.join("report.html"), report::html(&record).as_bytes()))
        .and_then(|()| arguments.pcap.as_ref().map_or(Ok(()), |file| files::write_file(file, &pcapng(&captured, &names))));
    if let Err(error) = written {
        complain(&error);
        return Exit::Internal;
    }
    if arguments.json {
        say(&files::summary_json(&record.summary));
    } else if !arguments.quiet {
        say(&table::of(&record, &directory));
    }
    if arguments.verify {
        match watched(&scenario, settings, false, arguments.quiet, "again, ") {
            Ok((again, _)) => {
                if let Some(difference) = difference(&record, &again) {
                    complain(&difference);
                    return Exit::NotDeterministic;
                }
                if !arguments.json && !arguments.quiet {
                    say("the second run was the same, datagram by datagram\n");
                }
            }
            Err(error) => return broken(&error),
        }
    }
    let failed: Vec<_> = record.summary.checks.iter().filter(|check| !check.ok).collect();
    for check in &failed {
        complain(&format_args!("check {} failed: {}", check.name, check.detail));
    }
    if failed.is_empty() { Exit::Passed } else { Exit::CheckFailed }
}

fn load(arguments: &RunArguments) -> Result<Scenario, crate::scenario::ScenarioError> {
    let overrides = arguments.overrides.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>()?;
    Scenario::load(&arguments.scenario, &overrides)
}

pub(super) fn broken(error: &EngineError) -> Exit {
    complain(&format_args!("{error}\nThis is a bug in greenroom, not in the scenario. Please report it with the scenario and the seed."));
    Exit::Internal
}

fn difference(one: &Record, other: &Record) -> Option<String> {
    let (one, other) = (&one.summary, &other.summary);
    let pairs = [("trace_hash", &one.trace_hash, &other.trace_hash), ("story_hash", &one.story_hash, &other.story_hash)];
    let differing: Vec<String> = pairs
        .iter()
        .filter(|(_, first, second)| first != second)
        .map(|(name, first, second)| format!("{name} was {first}, then {second}"))
        .collect();
    (!differing.is_empty()).then(|| format!("two runs of seed {} differ: {}", one.seed, differing.join("; ")))
}

fn style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{prefix}{msg} {wide_bar:.green} {percent:>3} %  {elapsed} of {duration}");
    style.expect("the template is right").progress_chars("━╸ ")
}

/// Runs a scenario on another thread, while this one shows how far it is.
fn watched(
    scenario: &Scenario,
    settings: Settings,
    captures: bool,
    quiet: bool,
    prefix: &'static str,
) -> Result<(Record, Vec<Captured>), EngineError> {
    let progress = Progress::default();
    // Hidden by itself where standard error is no terminal.
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let millis = u64::try_from(scenario.duration.as_millis()).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(millis), target).with_prefix(prefix);
    bar.set_style(style());
    bar.set_message(scenario.name.clone());
    let result = thread::scope(|scope| {
        let running = scope.spawn(|| {
            if captures {
                run::run_captured(scenario, settings, &progress)
            } else {
                run::run(scenario, settings, &progress).map(|record| (record, Vec::new()))
            }
        });
        while !running.is_finished() {
            bar.set_position(progress.now().as_nanos() / 1_000_000);
            thread::sleep(Duration::from_millis(20));
        }
        running.join()
    });
    bar.finish_and_clear();
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Summary;

    fn record(trace_hash: &str, story_hash: &str) -> Record {
        let summary = Summary {
            scenario: "call".into(),
            seed: 7,
            engine: "direct".into(),
            media: "model".into(),
            version: "0".into(),
            sim_seconds: 1.0,
            wall_seconds: 1.0,
            speed: 1.0,
            datagrams: 1,
            trace_hash: trace_hash.into(),
            story_hash: story_hash.into(),
            checks: Vec::new(),
            viewers: Vec::new(),
        };
        Record { title: String::new(), about: String::new(), summary, entries: Vec::new(), metrics: Vec::new(), statistics: Vec::new() }
    }

    #[test]
    fn verifying_names_every_hash_that_differs() {
        assert_eq!(difference(&record("a", "b"), &record("a", "b")), None);
        assert_eq!(
            difference(&record("a", "b"), &record("c", "b")).as_deref(),
            Some("two runs of seed 7 differ: trace_hash was a, then c")
        );
        let both = difference(&record("a", "b"), &record("c", "d")).expect("both differ");
        assert!(both.ends_with("trace_hash was a, then c; story_hash was b, then d"), "{both}");
    }
}
