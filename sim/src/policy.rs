//! How other servers share a connection, restated, so that a run can be repeated with theirs in place of ours: `--set sfu.policy=jvb`.
//!
//! Each is what its server publishes of two things: the *order of steps* (which layer of which stream is tried next, and what happens when it does not fit), and its *gate* (which estimates it acts on, and when). Everything
//! around them (the estimate, key frames, forwarding, probing) is greenroom's for all of them, and links draw the same numbers; so what differs between two runs is the rule alone.
//!
//! Restated from what the projects publish (source text and documentation), in our own words, and held against tables of their answers (`sim/tests/policies.rs`). What one of them knows and we do
//! not tell it is said in its file.

mod jvb;
mod livekit;
mod mediasoup;

use greenroom_core::{
    select::{Allocation, Budget, Choice, Demand, Policy, Reason, Rung},
    stream::BitsPerSecond,
};

/// Jitsi Videobridge's.
pub const JVB: Policy = Policy::new("jvb", jvb::allocate).gated(jvb::GATE);
/// `LiveKit`'s, with pausing allowed.
pub const LIVEKIT: Policy = Policy::new("livekit", livekit::allocate).gated(livekit::GATE);
/// mediasoup's.
pub const MEDIASOUP: Policy = Policy::new("mediasoup", mediasoup::allocate).gated(mediasoup::GATE);

/// All of them, ours first.
pub const ALL: [Policy; 4] = [Policy::CHAIN, JVB, LIVEKIT, MEDIASOUP];

/// The policy of that name.
pub fn named(name: &str) -> Option<Policy> {
    ALL.into_iter().find(|policy| policy.name() == name)
}

/// A stream on its way up a list of candidates.
struct Climb<'a> {
    demand: &'a Demand<'a>,
    /// What it may be given, the least first.
    candidates: Vec<Rung>,
    /// How many of them it has got past: it has the last one.
    taken: usize,
}

impl<'a> Climb<'a> {
    /// Nothing taken, and those of the demand's rungs that flow as candidates.
    fn new(demand: &'a Demand<'a>, is_candidate: impl Fn(&Rung) -> bool) -> Self {
        let candidates = demand.rungs.iter().copied().filter(|rung| rung.bps > 0 && is_candidate(rung)).collect();
        Self { demand, candidates, taken: 0 }
    }

    fn held_bps(&self) -> BitsPerSecond {
        self.taken.checked_sub(1).map_or(0, |at| self.candidates[at].bps)
    }

    /// Whether the candidate is no news: the stream had it, or a better one, before.
    fn had(&self, rung: &Rung) -> bool {
        self.demand.current.is_some_and(|current| rung.layer <= current)
    }
}

/// What there is, and what is used of it.
struct Purse {
    budget: Budget,
    used_bps: BitsPerSecond,
}

impl Purse {
    fn new(budget: Budget) -> Self {
        Self { budget, used_bps: 0 }
    }

    /// Whether the stream can have that candidate in place of the one it has.
    fn affords(&self, climb: &Climb<'_>, at: usize) -> bool {
        let rung = climb.candidates[at];
        let total_bps = (self.used_bps - climb.held_bps()).saturating_add(rung.bps);
        total_bps <= if climb.had(&rung) { self.budget.keep_bps } else { self.budget.climb_bps.min(self.budget.keep_bps) }
    }

    /// Gives it that one.
    fn pay(&mut self, climb: &mut Climb<'_>, at: usize) {
        self.used_bps = (self.used_bps - climb.held_bps()).saturating_add(climb.candidates[at].bps);
        climb.taken = at + 1;
    }
}

/// What was taken, as an allocation: choices in order of the streams' ids.
fn allocation(purse: &Purse, mut climbs: Vec<Climb<'_>>) -> Allocation {
    climbs.sort_unstable_by_key(|climb| climb.demand.stream);
    let used_bps = purse.used_bps;
    let next_bps = |climb: &Climb<'_>| climb.candidates.get(climb.taken).map(|next| (used_bps - climb.held_bps()).saturating_add(next.bps));
    let minimum_bps = climbs.iter().filter_map(next_bps).filter(|total_bps| *total_bps > used_bps).min().unwrap_or(used_bps);
    let desired_bps =
        climbs.iter().filter_map(|climb| climb.candidates.last()).fold(0, |sum: BitsPerSecond, top| sum.saturating_add(top.bps));
    let choices = climbs.iter().map(|climb| Choice {
        stream: climb.demand.stream,
        layer: climb.taken.checked_sub(1).map(|at| climb.candidates[at].layer),
        reason: match next_bps(climb) {
            None if climb.candidates.is_empty() => Reason::NoLayer,
            None => Reason::Highest,
            Some(needs_bps) if needs_bps > purse.budget.keep_bps => Reason::Budget { needs_bps, budget_bps: purse.budget.keep_bps },
            Some(needs_bps) => Reason::Settling { needs_bps, budget_bps: purse.budget.climb_bps },
        },
    });
    Allocation { choices: choices.collect(), used_bps, minimum_bps, desired_bps: desired_bps.max(minimum_bps) }
}
