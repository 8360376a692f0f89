//! How fast the laboratory runs whole scenarios: simulated seconds in a second of wall time, for each engine and fidelity of media that people use.
//!
//! A table to read and not a test to pass: the floors beside the results say below which a change deserves a look. Each row is run several times and the fastest counts, because whatever else
//! the machine does can only slow a run down; the slowest stands beside it to show how quiet the machine was. A speed is worth as much as the machine is quiet; the number of instructions for each
//! datagram hardly changes with what else it does. `perf stat` counts them where there is one with hardware counters, valgrind's callgrind where there is one and media is modelled (with str0m
//! it would take minutes); otherwise the column stays empty.
//!
//! `cargo bench -p greenroom-benches --bench first_call` measures. Without `--bench` among the arguments, as `cargo test --all-targets` calls it, every row is run once, to see that it runs.

use core::time::Duration;
use std::{
    path::Path,
    process::{Command, ExitCode},
};

use greenroom_sim::{
    engine::{Engine, Progress},
    media::Fidelity,
    record::Summary,
    run::{self, Settings},
    scenario::Scenario,
};

/// One line of the table.
struct Row {
    scenario: &'static str,
    engine: Engine,
    media: Fidelity,
    /// Simulated seconds per second that are expected at least; none where nobody waits for it.
    floor: Option<u32>,
}

const ROWS: [Row; 6] = [
    Row { scenario: "first-call", engine: Engine::Turmoil, media: Fidelity::WebRtc, floor: Some(30) },
    Row { scenario: "first-call", engine: Engine::Direct, media: Fidelity::WebRtc, floor: None },
    Row { scenario: "first-call", engine: Engine::Turmoil, media: Fidelity::WebRtcNull, floor: None },
    Row { scenario: "first-call", engine: Engine::Direct, media: Fidelity::WebRtcNull, floor: Some(100) },
    Row { scenario: "first-call", engine: Engine::Direct, media: Fidelity::Model, floor: None },
    Row { scenario: "audience-200", engine: Engine::Direct, media: Fidelity::Model, floor: Some(100) },
];

/// Runs of each row. The fastest of seven is within some per cent of the fastest of seventy on a quiet machine.
const RUNS: usize = 7;

/// What the bench calls itself with to play one row, which is how its instructions are counted.
const PLAY: &str = "--play";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != PLAY).skip(1);
    if let Some(row) = arguments.next().and_then(|row| ROWS.get(row.parse::<usize>().ok()?)) {
        return play(row);
    }
    let measured = std::env::args().any(|argument| argument == "--bench");
    let runs = if measured { RUNS } else { 1 };
    println!("simulated seconds per second of wall time, fastest and slowest of {runs}; instructions for each datagram\n");
    println!(
        "{:<14} {:<8} {:<12} {:>8} {:>8} {:>7} {:>8}  {:>12} {:>13}",
        "scenario", "engine", "media", "fastest", "slowest", "floor", "of floor", "datagrams/s", "instructions"
    );
    for (at, row) in ROWS.iter().enumerate() {
        let results: Result<Vec<Summary>, String> =
            load(row.scenario).and_then(|scenario| (0..runs).map(|_| once(&scenario, row)).collect());
        match results {
            Ok(results) => print(row, &results, measured.then(|| instructions(at, row)).flatten()),
            Err(error) => {
                eprintln!("{}, {}, {}: {error}", row.scenario, row.engine, row.media);
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn print(row: &Row, results: &[Summary], instructions: Option<u64>) {
    let Some(fastest) = results.iter().max_by(|a, b| a.speed.total_cmp(&b.speed)) else { return };
    let slowest = results.iter().map(|result| result.speed).fold(f64::INFINITY, f64::min);
    let floor = row.floor.map_or_else(String::new, |floor| format!("{floor}"));
    let of_floor = row.floor.map_or_else(String::new, |floor| format!("{:.2} x", fastest.speed / f64::from(floor)));
    let instructions = instructions.map_or_else(String::new, |all| format!("{}", all / fastest.datagrams.max(1)));
    let wall = Duration::from_secs_f64(fastest.wall_seconds);
    let datagrams_per_second = u128::from(fastest.datagrams) * 1_000_000 / wall.as_micros().max(1);
    let Row { scenario, engine, media, .. } = row;
    println!(
        "{scenario:<14} {engine:<8} {media:<12} {:>8.0} {slowest:>8.0} {floor:>7} {of_floor:>8}  {datagrams_per_second:>12} {instructions:>13}",
        fastest.speed
    );
}

/// The instructions that the process takes to play a row once.
fn instructions(at: usize, row: &Row) -> Option<u64> {
    let counted = |command: &mut Command| {
        let output = command.arg(std::env::current_exe().ok()?).args([PLAY, &at.to_string()]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let perf = counted(Command::new("perf").args(["stat", "-x", ",", "-e", "instructions:u", "--"]));
    let count = perf.and_then(|told| told.lines().find_map(|line| line.split(',').next()?.parse().ok()));
    if count.is_some() || row.media != Fidelity::Model {
        return count;
    }
    let valgrind = counted(Command::new("valgrind").args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]))?;
    valgrind.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// Plays a row and says what it came to, so that a faster run can be seen to be the same one. No more: what is told of the run takes instructions too.
fn play(row: &Row) -> ExitCode {
    let settings = Settings { engine: row.engine, media: row.media, seed: 1, processors: 1 };
    let played =
        load(row.scenario).and_then(|scenario| run::collect(&scenario, settings, &Progress::default()).map_err(|error| error.to_string()));
    match played {
        Ok(played) => {
            println!("{:016x}", played.network.trace_hash());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn once(scenario: &Scenario, row: &Row) -> Result<Summary, String> {
    let settings = Settings { engine: row.engine, media: row.media, seed: 1, ..Settings::default() };
    let record = run::run(scenario, settings, &Progress::default()).map_err(|error| error.to_string())?;
    match record.summary.checks.iter().find(|check| !check.ok) {
        Some(failed) => Err(format!("check {} failed: {}", failed.name, failed.detail)),
        None => Ok(record.summary),
    }
}

fn load(name: &str) -> Result<Scenario, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name).with_extension("toml");
    Scenario::load(&path, &[]).map_err(|error| error.to_string())
}
