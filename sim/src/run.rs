//! One run of a scenario, from the file to the record.

mod story;
mod tables;

use core::num::NonZero;
use std::{thread::available_parallelism, time::Instant as WallInstant};

use crate::{
    check,
    engine::{self, Collected, Engine, EngineError, Progress},
    entropy,
    media::Fidelity,
    record::{Captured, Record, StatisticsRow, Summary},
    scenario::Scenario,
};

/// How to run a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The engine.
    pub engine: Engine,
    /// How real media is.
    pub media: Fidelity,
    /// The seed of everything that is left to chance.
    pub seed: u64,
    /// Processors that the run may take up, at least one. It changes no result: a large room with modelled media takes two, everything else one.
    pub processors: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { engine: Engine::default(), media: Fidelity::WebRtc, seed: 1, processors: available_parallelism().map_or(1, NonZero::get) }
    }
}

/// Stack of a simulation's thread. str0m keeps packets on the stack, and debug builds do not overlap them.
const STACK_BYTES: usize = 64 << 20;

/// Runs a scenario on a thread of its own, checks what happened, and sums it up.
pub fn run(scenario: &Scenario, settings: Settings, progress: &Progress) -> Result<Record, EngineError> {
    let started = WallInstant::now();
    let collected = collect(scenario, settings, progress)?;
    Ok(record(scenario, settings, started, collected))
}

/// The same, with every datagram in the order in which they were sent, for [`record::pcapng`](crate::record::pcapng).
pub fn run_captured(scenario: &Scenario, settings: Settings, progress: &Progress) -> Result<(Record, Vec<Captured>), EngineError> {
    let started = WallInstant::now();
    let mut collected = gather(scenario, settings, true, progress)?;
    let captured = core::mem::take(&mut collected.captured);
    Ok((record(scenario, settings, started, collected), captured))
}

fn record(scenario: &Scenario, settings: Settings, started: WallInstant, collected: Collected) -> Record {
    let Settings { engine, media, seed, .. } = settings;
    let wall_seconds = started.elapsed().as_secs_f64();

    let checks = check::all(&check::Evidence {
        scenario,
        entries: &collected.entries,
        samples: &collected.samples,
        network: &collected.network,
        ledger: &collected.ledger,
        struck: &collected.struck,
    });
    let mut entries = tables::network_entries(scenario);
    entries.extend(tables::fault_entries(scenario, &collected.struck));
    entries.extend(collected.entries);
    entries.sort_by_key(|entry| entry.at);
    let metrics = tables::metrics(scenario, &collected.samples);
    let statistics = collected.samples.iter().filter_map(StatisticsRow::of).collect();
    let viewers = tables::viewers(scenario, &entries, &metrics);
    let sim_seconds = scenario.duration.as_secs_f64();
    let summary = Summary {
        scenario: scenario.name.clone(),
        seed,
        engine: engine.name().to_owned(),
        media: media.name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sim_seconds,
        wall_seconds,
        speed: sim_seconds / wall_seconds,
        datagrams: collected.network.datagrams(),
        trace_hash: format!("{:016x}", collected.network.trace_hash()),
        story_hash: format!("{:016x}", story::hash(&entries)),
        checks,
        viewers,
    };
    Record { title: scenario.title.clone(), about: scenario.about.clone(), summary, entries, metrics, statistics }
}

/// Runs a scenario on a thread of its own, and leaves what it brought as it came: what [`run`] makes its record of.
pub fn collect(scenario: &Scenario, settings: Settings, progress: &Progress) -> Result<Collected, EngineError> {
    gather(scenario, settings, false, progress)
}

fn gather(scenario: &Scenario, settings: Settings, captures: bool, progress: &Progress) -> Result<Collected, EngineError> {
    let Settings { engine, media, seed, processors } = settings;
    entropy::isolated(seed, STACK_BYTES, || {
        entropy::take_room();
        engine::run(scenario, engine, media, seed, processors, captures, progress)
    })
}
