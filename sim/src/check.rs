//! What must hold in every run, whatever the scenario: one file for each property.
//!
//! | check | property | source | file |
//! |---|---|---|---|
//! | `allocation-within-estimate` | what is planned for a viewer never exceeds its estimate | the allocator's promise | `allocation_within_estimate.rs` |
//! | `subscribers-only` | no packet is forwarded to a member that did not subscribe | R-094 to R-101 | `subscribers_only.rs` |
//! | `players-never-publish` | no media is taken from a member while it is a player | R-075 | `players_never_publish.rs` |
//! | `contiguous-sequence` | sequence numbers at a viewer have no gap but those its link made | RFC 3550 section 5.1, and the forwarder's promise | `contiguous_sequence.rs` |
//! | `joins-answered` | every join is answered, for better or worse | R-020, R-026 | `joins_answered.rs` |
//! | `liveness` | viewers of a live stream receive again soon after every change of the network | R-023, and the point of it all | `liveness.rs` |
//! | `one-stay-per-user` | nobody sees a user twice in the room, nor itself among the others, nor a stream twice | R-064, R-065 | `one_stay_per_user.rs` |
//! | `recovery` | after the last fault everyone who should be there is, and receives what it watches | R-021 to R-029 | `recovery.rs` |
//! | `faults-struck` | what the scenario asks for befell somebody | a fault that hits nothing proves nothing | `faults_struck.rs` |
//! | `conservation` | every datagram sent was delivered, dropped for a cause that has a name, or under way at the end | the engines' promise | `conservation.rs` |
//! | `causality` | nothing arrives sooner than its link's delay after it was sent | physics | `causality.rs` |
//! | `order` | what a link carries in order arrives in order | the links' promise | `order.rs` |
//! | `fairness` | viewers of a stream over links of one kind receive alike: Jain's index is 0.9 or more | Jain, Chiu and Hawe, DEC-TR-301 (1984) | `fairness.rs` |
//!
//! Checks read the record and the network's counters; they know nothing of the machines that made them. Each says what it looked at, and on failure when, who and what.

mod allocation_within_estimate;
mod causality;
mod conservation;
mod contiguous_sequence;
mod fairness;
mod faults_struck;
mod joins_answered;
mod liveness;
mod one_stay_per_user;
mod order;
mod players_never_publish;
mod recovery;
mod subscribers_only;

use core::{fmt, time::Duration};

use greenroom_core::{id::UserId, time::Instant};

use crate::{
    net::{
        link::{Link, LinkConfig},
        network::Network,
    },
    record::{CheckResult, Direction, Entry, Ledger, Sample},
    scenario::{FaultKind, SERVER_NAME, Scenario, User},
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
    /// What became of every datagram.
    pub ledger: &'a Ledger,
    /// How often each of the scenario's faults struck, in their order.
    pub struck: &'a [u64],
}

/// How a property was violated.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    at: Instant,
    who: Who,
    what: String,
}

/// Who was violated: a user, the server's host, or a line that users share.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    User(UserId),
    Server,
    Line(String),
}

impl From<UserId> for Who {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "{user}"),
            Self::Server => f.write_str(SERVER_NAME),
            Self::Line(name) => write!(f, "the shared line {name}"),
        }
    }
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

const CHECKS: [Check; 13] = [
    ("allocation-within-estimate", allocation_within_estimate::check),
    ("subscribers-only", subscribers_only::check),
    ("players-never-publish", players_never_publish::check),
    ("contiguous-sequence", contiguous_sequence::check),
    ("joins-answered", joins_answered::check),
    ("liveness", liveness::check),
    ("one-stay-per-user", one_stay_per_user::check),
    ("recovery", recovery::check),
    ("faults-struck", faults_struck::check),
    ("conservation", conservation::check),
    ("causality", causality::check),
    ("order", order::check),
    ("fairness", fairness::check),
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

    /// When something that takes `by` from `from` on is over at the latest, for a user whose host and links suffer what the scenario says: every fault on the way may put it off by its own length.
    fn put_off(&self, user: &UserId, from: Instant, by: Duration) -> Instant {
        let place = (1_u16..).zip(&self.scenario.users).find(|(_, known)| known.id == *user).map_or(0, |(place, _)| place);
        let mut until = from.saturating_add(by);
        let mut faults: Vec<_> = self.scenario.faults.iter().filter(|fault| fault.kind.disturbs() && fault.is_of(place)).collect();
        faults.sort_by_key(|fault| fault.at);
        for fault in faults.into_iter().filter(|fault| fault.until.is_some()) {
            if fault.at < until && fault.over() > from {
                until = until.saturating_add(fault.over().saturating_since(fault.at));
            }
        }
        until
    }

    /// When a user's host crashed.
    fn crashes_of<'s>(&'s self, user: &'s UserId) -> impl Iterator<Item = Instant> + 's {
        let crashes = self.scenario.faults.iter().filter(|fault| matches!(fault.kind, FaultKind::Crash { .. }));
        crashes.filter(move |fault| self.user(fault.host).is_some_and(|known| known.id == *user)).map(|fault| fault.at)
    }

    /// The user at that place, counted from 1.
    fn user(&self, place: u16) -> Option<&User> {
        self.scenario.users.get(usize::from(place).checked_sub(1)?)
    }

    /// The host at that place, or the line that it shares out.
    fn who(&self, place: u16) -> Who {
        match self.user(place) {
            Some(user) => user.id.clone().into(),
            None if self.network.is_router(place) => Who::Line(self.scenario.host_name(place).to_owned()),
            None => Who::Server,
        }
    }

    /// A direction of the link of the client at that place, or of the line that is shared out there.
    fn link(&self, place: u16, direction: Direction) -> Option<&LinkConfig> {
        let link = match direction {
            Direction::Up => self.network.uplink(place),
            Direction::Down => self.network.downlink(place),
        };
        link.map(Link::config)
    }
}

/// The word for a direction.
const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}
