//! How a member's estimates become budgets: as far as they are trusted, or through another server's gate.

use alloc::boxed::Box;
use core::time::Duration;

use super::{Budget, Estimate, Gate, Policy, Trust, gate::Gated};
use crate::{stream::BitsPerSecond, time::Instant};

/// Our pace, or that of the server whose rule shares the connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    trust: Trust,
    /// In the heap, as few need it.
    gated: Option<Box<(Gate, Gated)>>,
}

impl Pace {
    /// Before the first estimate.
    pub fn new(policy: &Policy, start_bps: BitsPerSecond) -> Self {
        Self { trust: Trust::new(start_bps), gated: policy.gate().map(|gate| Box::new((gate, Gated::new(start_bps)))) }
    }

    /// Takes in an estimate.
    pub fn handle_estimate(&mut self, now: Instant, estimate: Estimate) {
        self.trust.handle_estimate(now, estimate);
        if let Some((gate, gated)) = self.gated.as_deref_mut() {
            gated.handle_estimate(now, gate, estimate.bps);
        }
    }

    /// See [`Trust::handle_delay`]. Whoever has a gate takes its estimator's word.
    pub fn handle_delay(&mut self, now: Instant, delay_ns: i64) -> bool {
        self.gated.is_none() && self.trust.handle_delay(now, delay_ns)
    }

    /// What was estimated last.
    pub const fn estimate_bps(&self) -> BitsPerSecond {
        self.trust.estimate_bps()
    }

    /// What may be kept, and what may be climbed to.
    pub fn budget(&self, now: Instant) -> Budget {
        self.gated.as_deref().map_or_else(|| self.trust.budget(now), |(gate, gated)| gated.budget(now, gate))
    }

    /// What must be estimated for that much to be climbed to.
    pub fn estimate_needed(&self, now: Instant, bps: BitsPerSecond) -> BitsPerSecond {
        self.gated.as_deref().map_or_else(|| self.trust.estimate_needed(now, bps), |(gate, gated)| gated.estimate_needed(gate, bps))
    }

    /// Says that the plan was made higher.
    pub fn raised(&mut self, now: Instant) {
        match self.gated.as_deref_mut() {
            None => self.trust.raised(now),
            Some((gate, gated)) => gated.raised(now, gate),
        }
    }

    /// Says that the plan does not fit any more. Answers what the lower one is to be made for.
    pub fn lowered(&mut self, now: Instant) -> Budget {
        match self.gated.as_deref_mut() {
            None => self.trust.lowered(now),
            Some((gate, gated)) => {
                gated.lowered(now, gate);
                gated.budget(now, gate)
            }
        }
    }

    /// See [`Trust::to_drain`].
    pub fn to_drain(
        &mut self,
        now: Instant,
        budget: Budget,
        planned_bps: BitsPerSecond,
        floor_bps: BitsPerSecond,
        patience: Duration,
    ) -> Option<Budget> {
        if self.gated.is_some() { None } else { self.trust.to_drain(now, budget, planned_bps, floor_bps, patience) }
    }

    /// See [`Trust::is_full`].
    pub fn is_full(&self, now: Instant) -> bool {
        self.gated.is_none() && self.trust.is_full(now)
    }

    /// See [`Trust::is_draining`].
    pub fn is_draining(&self, now: Instant) -> bool {
        self.gated.is_none() && self.trust.is_draining(now)
    }

    /// When the plan may change without an input: where trust grows with time, only if more is wanted.
    pub fn poll_timeout(&self, now: Instant, wants_more: bool) -> Option<Instant> {
        match self.gated.as_deref() {
            None => self.trust.poll_timeout(now).filter(|_| wants_more),
            Some((gate, gated)) => gated.poll_timeout(now, gate),
        }
    }
}
