//! Running scenarios in tests.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::Path;

use greenroom_core::{code::Code, id::UserId, stream::StreamKind, time::Instant};
use greenroom_sim::{
    engine::{Collected, Engine, Progress},
    media::Fidelity,
    record::{Entry, Record, StreamName, What},
    run::{self, Settings},
    scenario::Scenario,
};

/// The scenario in `text`.
pub(crate) fn parse(text: &str) -> Scenario {
    Scenario::parse("test", text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// The scenario of that name among those that come with the program.
pub(crate) fn shipped(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name).with_extension("toml");
    Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a scenario.
pub(crate) fn run(scenario: &Scenario, engine: Engine, media: Fidelity, seed: u64) -> Record {
    run::run(scenario, Settings { engine, media, seed, ..Settings::default() }, &Progress::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a scenario the short way: the direct engine with modelled media.
pub(crate) fn run_model(scenario: &Scenario) -> Record {
    run(scenario, Engine::Direct, Fidelity::Model, 1)
}

/// Runs a scenario the short way, for what it brought rather than what it comes to.
pub(crate) fn collect(scenario: &Scenario, media: Fidelity) -> Collected {
    let settings = Settings { engine: Engine::Direct, media, seed: 1, ..Settings::default() };
    run::collect(scenario, settings, &Progress::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// All checks that failed, with what they say.
pub(crate) fn failures(record: &Record) -> Vec<String> {
    let failed = record.summary.checks.iter().filter(|check| !check.ok);
    failed.map(|check| format!("{}: {}", check.name, check.detail)).collect()
}

/// What a user's story holds, one line for each entry of the story, with the times in milliseconds; `leave_out` says what is of no interest.
pub(crate) fn story(record: &Record, user: &str, leave_out: impl Fn(&What) -> bool) -> Vec<String> {
    let own = record.entries.iter().filter(|entry| entry.user.as_ref().is_some_and(|id| id.as_str() == user));
    own.filter(|entry| !leave_out(&entry.what)).map(line).collect()
}

/// An entry as `events.jsonl` has it, without the user and with its time in milliseconds.
fn line(entry: &Entry) -> String {
    let mut value = serde_json::to_value(&entry.what).expect("an entry is text and numbers");
    let fields = value.as_object_mut().expect("an entry is an object");
    let event = fields.remove("event").expect("an entry has its event");
    let fields: Vec<String> = fields.iter().map(|(_, value)| value.to_string().replace('"', "")).collect();
    let words = [vec![(entry.at.as_nanos() / 1_000_000).to_string(), event.as_str().expect("a word").to_owned()], fields].concat();
    words.join(" ")
}

pub(crate) fn user_id(id: &str) -> UserId {
    UserId::new(id).expect("a valid id")
}

pub(crate) fn main_of(id: &str) -> StreamName {
    StreamName { user: user_id(id), kind: StreamKind::Main }
}

pub(crate) fn entry(ms: u64, user: &str, what: What) -> Entry {
    Entry { at: Instant::from_millis(ms), user: Some(user_id(user)), what }
}

pub(crate) fn failed(call: &'static str, code: Code) -> What {
    What::Failed { call, code }
}
