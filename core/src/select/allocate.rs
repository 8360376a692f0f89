//! Sharing one connection among streams: as far along one fixed order of steps as the budget goes.
//!
//! Every stream has a ladder of rungs, and a *step* takes it from one rung to the next. The [`Planner`] puts the steps of all streams in one order, the **chain**, which depends on the demands
//! alone and not on the budget. The answer to a budget is the longest beginning of the chain that fits: the first step that does not fit ends it, even where a later one would. So of two budgets
//! the larger one's answer holds the smaller one's: nobody is ever lowered, paused or slowed because the budget rose. Allocators that fill what is left with whatever fits take it back again when the
//! step they passed over fits at last.
//!
//! How well a chain fills budgets hardly depends on its order, only on the sizes of its steps (`docs/SELECTION.md` has the proof); so the order is free to serve people:
//!
//! 1. **Live first.** The floor of each stream, which is the lowest rung worth having, goes before any climb, the higher priority's first, and among equals the cheapest first: no other choice makes
//!    more of them live.
//! 2. **Then fair.** Among equals the climb goes first that leads to the lowest rate, where a large step counts as if it led higher: three times where it leads, less twice where it starts.
//! 3. **Priority.** The climbs of a higher priority go first. But a large step does not hold up small ones: steps of lower priority that stand lower go ahead of it as long as they
//!    cost together no more than it does (of what leads to as much as a camera has already: than a third of it), and of a floor no more than an eighth.
//!
//! What stays idle is less than the next step of the chain, and [`Reason`] says whose that is and what it needs.
//!
//! **Up takes more than stay.** Steps that were taken before need to fit [`Budget::keep_bps`], new ones [`Budget::climb_bps`]. The answer lies between those to the two rates, and given back as
//! `current` it comes out again: an estimate that wavers between the two changes nothing. All of it is integer arithmetic on values; nothing depends on the order of the demands.
//!
//! A stream's rungs are its layers that flow, less those that cost as much as a better one: rates are measured, and for a moment a still 720p picture can cost less than a moving 360p one.

use alloc::vec::Vec;
use core::fmt;

use super::{Layer, Planner, Rung, Source};
use crate::{id::StreamId, stream::BitsPerSecond};

/// What the connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// What may be kept: layers that a stream has already need to fit this, in bits per second.
    pub keep_bps: BitsPerSecond,
    /// What may be climbed to: layers that a stream does not have yet need to fit this. No more than what may be kept; what is above counts as that.
    pub climb_bps: BitsPerSecond,
}

impl Budget {
    /// The same for what is kept and for what is new.
    pub const fn of(bps: BitsPerSecond) -> Self {
        Self { keep_bps: bps, climb_bps: bps }
    }
}

/// Whose steps go first: the higher number's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

/// What one subscriber wants of one stream, and what that would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand<'a> {
    /// The stream. Each occurs once in a call.
    pub stream: StreamId,
    /// What its pictures show.
    pub source: Source,
    /// Whose steps go first.
    pub priority: Priority,
    /// Whether the subscriber named the least that is worth having. Of two streams whose lowest rungs cost the same, the one that has no use for less goes first.
    pub insists: bool,
    /// The layers that are wanted and worth having, in the order in which they are, the least first ([`arrange`](super::arrange)). The first that flows is the floor: where it does not fit, the
    /// stream is paused.
    pub rungs: &'a [Rung],
    /// The layer that was chosen before.
    pub current: Option<Layer>,
}

/// The layer chosen for a stream, and why it is not a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The stream.
    pub stream: StreamId,
    /// The layer; none to send nothing.
    pub layer: Option<Layer>,
    /// Why.
    pub reason: Reason,
}

/// Why a choice is not a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is the best of the wanted layers that flow.
    Highest,
    /// Its next layer is the next step of all, and does not fit.
    Budget {
        /// What everything together would need with it, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is to keep.
        budget_bps: BitsPerSecond,
    },
    /// Its next layer is the next step of all, and could be kept, but is not to be climbed to yet.
    Settling {
        /// What everything together would need with it, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is to climb to.
        budget_bps: BitsPerSecond,
    },
    /// Another stream's next layer comes first.
    Behind {
        /// The other stream.
        stream: StreamId,
        /// What everything together would need with that one's next layer, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is: to keep, or to climb to.
        budget_bps: BitsPerSecond,
    },
    /// None of the layers that are wanted and worth having flows.
    NoLayer,
}

/// One layer for each stream, and the rates that sending and probing work towards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Allocation {
    /// One choice for each demand, in order of the streams' ids.
    pub choices: Vec<Choice>,
    /// What the chosen layers need together. Never more than what may be kept.
    pub used_bps: BitsPerSecond,
    /// What must be there to climb to for the next step to be taken: what to send at least, filled up with padding as far as the estimate allows. As much as is used where no step is left.
    pub minimum_bps: BitsPerSecond,
    /// What everything together needs at its best: what the bandwidth prober should look for. Never less than the minimum.
    pub desired_bps: BitsPerSecond,
}

impl Allocation {
    /// How many streams have a layer.
    pub fn live(&self) -> usize {
        self.choices.iter().filter(|choice| choice.layer.is_some()).count()
    }
}

/// Chooses a layer for each stream, such that all of them together need no more than the budget. A [`Planner`] does the same without taking memory each time.
pub fn allocate(budget: Budget, demands: &[Demand<'_>]) -> Allocation {
    let mut planner = Planner::default();
    planner.plan(budget, demands);
    planner.into_allocation()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Highest => f.write_str("it is the highest wanted layer that flows"),
            Self::Budget { needs_bps, budget_bps } => {
                write!(f, "the next layer needs {} kbps of {} kbps", needs_bps.div_ceil(1000), budget_bps / 1000)
            }
            Self::Settling { needs_bps, budget_bps } => {
                write!(
                    f,
                    "the next layer could be kept, but to climb takes {} kbps of {} kbps",
                    needs_bps.div_ceil(1000),
                    budget_bps / 1000
                )
            }
            Self::Behind { stream, needs_bps, budget_bps } => {
                write!(f, "{stream} goes first, and needs {} kbps of {} kbps", needs_bps.div_ceil(1000), budget_bps / 1000)
            }
            Self::NoLayer => f.write_str("no wanted layer flows"),
        }
    }
}
