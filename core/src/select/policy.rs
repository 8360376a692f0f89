//! Which rule shares a connection: ours, or another one to compare it with.

use core::{fmt, hash};

use super::{Allocation, Budget, Demand, Gate, Source, steady::allocate_steadily};
use crate::{limits, stream::BitsPerSecond};

/// How a connection is shared among streams over time: a function that is asked as [`allocate`](super::allocate()) is, again and again, and a name for it.
///
/// A room asks [`Policy::CHAIN`] unless it is told otherwise. What the machines promise of layers (never above the budget, nobody lowered because there is more) is what that one keeps; whoever
/// takes another one takes its promises.
///
/// Policies are equal if their names are: a function has no identity that holds from one build to the next.
#[derive(Clone, Copy)]
pub struct Policy {
    name: &'static str,
    allocate: fn(Budget, &[Demand<'_>]) -> Allocation,
    gate: Option<Gate>,
    screen_allowance_bps: BitsPerSecond,
}

impl Policy {
    /// Ours: the longest beginning of a fixed order of steps, less what is not worth its key frames now (`steady.rs`), with half of a screen ([`Policy::counted_bps`]).
    pub const CHAIN: Self = Self { screen_allowance_bps: limits::SCREEN_ALLOWANCE_BPS, ..Self::new("chain", allocate_steadily) };

    /// Another one. Its answers have a choice for each demand, in order of the streams' ids, each of a layer that flows.
    pub const fn new(name: &'static str, allocate: fn(Budget, &[Demand<'_>]) -> Allocation) -> Self {
        Self { name, allocate, gate: None, screen_allowance_bps: 0 }
    }

    /// With its own answer to the question when an estimate is acted on, in place of [`Trust`](super::Trust).
    #[must_use]
    pub const fn gated(self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// That answer, where it has one.
    pub const fn gate(&self) -> Option<Gate> {
        self.gate
    }

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What is counted of what a layer takes by its publisher's word, in all that is planned with this rule.
    ///
    /// A page that was turned takes that much for a moment, and nothing until the next. So ours does not count half of a screen, up to [`limits::SCREEN_ALLOWANCE_BPS`]: by so much a plan may exceed its budget, and by nothing
    /// else. The others' pictures come first all the same; and should the screen show a film, the queue tells ([`Trust::handle_delay`](super::Trust::handle_delay)).
    pub fn counted_bps(&self, source: Source, bps: BitsPerSecond) -> BitsPerSecond {
        match source {
            Source::Camera => bps,
            Source::Screen => bps - (bps / 2).min(self.screen_allowance_bps),
        }
    }

    /// Asks it.
    pub fn allocate(&self, budget: Budget, demands: &[Demand<'_>]) -> Allocation {
        (self.allocate)(budget, demands)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::CHAIN
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Policy {}

impl hash::Hash for Policy {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
