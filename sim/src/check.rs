//! What must hold in every run, whatever the scenario: one file for each property.
//!
//! | check | property | source |
//! |---|---|---|
//! | `allocation-within-estimate` | what is planned for a viewer never exceeds its estimate | the allocator's promise |
//! | `subscribers-only` | no packet is forwarded to a member that did not subscribe | R-094 to R-101 |
//! | `players-never-publish` | no media is taken from a member while it is a player | R-075 |
//! | `contiguous-sequence` | sequence numbers at a viewer have no gap but those its link made | RFC 3550 section 5.1, and the forwarder's promise |
//! | `joins-answered` | every join is answered, for better or worse | R-020, R-026 |
//! | `liveness` | viewers of a live stream receive again soon after every change of the network | R-023, and the point of it all |
//!
//! Checks read the record and the network's counters; they know nothing of the machines that made them. Each says what it looked at, and on failure when, who and what.

mod allocation_within_estimate;
mod contiguous_sequence;
mod joins_answered;
mod liveness;
mod players_never_publish;
mod subscribers_only;

use core::fmt;

use greenroom_core::{id::UserId, time::Instant};

use crate::{
    net::network::Network,
    record::{CheckResult, Entry, Sample},
    scenario::Scenario,
};

/// What checks look at.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What was to be run.
    pub scenario: &'a Scenario,
    /// What happened, in order of time.
    pub entries: &'a [Entry],
    /// What was counted, in order of time.
    pub samples: &'a [Sample],
    /// The links, with what they dropped.
    pub network: &'a Network,
}

/// How a property was violated.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    at: Instant,
    who: UserId,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.at.as_nanos() / 1_000_000;
        write!(f, "at {}.{:03} s, {}: {}", ms / 1000, ms % 1000, self.who, self.what)
    }
}

/// What a check says: what it looked at, or the first violation it met.
type Verdict = Result<String, Violation>;

type Check = (&'static str, fn(&Evidence<'_>) -> Verdict);

const CHECKS: [Check; 6] = [
    ("allocation-within-estimate", allocation_within_estimate::check),
    ("subscribers-only", subscribers_only::check),
    ("players-never-publish", players_never_publish::check),
    ("contiguous-sequence", contiguous_sequence::check),
    ("joins-answered", joins_answered::check),
    ("liveness", liveness::check),
];

/// Every check's verdict, in the order of the table above.
pub fn all(evidence: &Evidence<'_>) -> Vec<CheckResult> {
    let result = |(name, check): &Check| match check(evidence) {
        Ok(detail) => CheckResult { name: (*name).to_owned(), ok: true, detail },
        Err(violation) => CheckResult { name: (*name).to_owned(), ok: false, detail: violation.to_string() },
    };
    CHECKS.iter().map(result).collect()
}

impl Evidence<'_> {
    /// When the run ended.
    fn end(&self) -> Instant {
        Instant::ZERO.saturating_add(self.scenario.duration)
    }
}
