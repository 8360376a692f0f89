//! What a run leaves behind: what happened ([`Entry`]), what was measured ([`MetricRow`]), and what it comes to ([`Summary`]).
//!
//! Everything that reads a run (checks, report, files) reads these types and nothing else.

mod capture;
mod entry;
pub mod files;
mod ledger;
mod metric;
mod roster;
mod sample;
mod statistics;
mod summary;

pub use self::{
    capture::{Captured, Fate, pcapng},
    entry::{Direction, Entry, StreamName, What},
    ledger::{Account, Ledger},
    metric::MetricRow,
    roster::{Roster, roster_hash, rosters},
    sample::{Counted, Flow, Part, SAMPLE_INTERVAL, Sample, Samples, next_sample},
    statistics::StatisticsRow,
    summary::{CheckResult, Summary, Viewer},
};

/// The whole record of one run.
#[derive(Clone, Debug)]
pub struct Record {
    /// The scenario's title.
    pub title: String,
    /// The scenario's own words about itself.
    pub about: String,
    /// What it comes to.
    pub summary: Summary,
    /// What happened, in order of time.
    pub entries: Vec<Entry>,
    /// What was measured, in order of time, then viewer, then stream.
    pub metrics: Vec<MetricRow>,
    /// What clients' statistics said, in order of time, then user, then stream and part.
    pub statistics: Vec<StatisticsRow>,
}
