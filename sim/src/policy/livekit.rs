//! `LiveKit`'s order: layer by layer, and of each layer stream by stream, those of higher priority first. What does not fit is passed over, and the next is tried.
//!
//! Source: `allocateAllTracks` of `pkg/sfu/streamallocator` (788d4c35), pausing allowed, without the overshoot to a higher layer where none below the cap flows.

use greenroom_core::select::{Allocation, Budget, Demand};

use super::{Climb, Purse, allocation};

pub(super) fn allocate(budget: Budget, demands: &[Demand<'_>]) -> Allocation {
    let mut climbs: Vec<Climb<'_>> = demands.iter().map(|demand| Climb::new(demand, |_| true)).collect();
    climbs.sort_by_key(|climb| (core::cmp::Reverse(climb.demand.priority), climb.demand.stream));
    // The layers of all streams, size before motion.
    let mut layers: Vec<_> = climbs.iter().flat_map(|climb| climb.candidates.iter().map(|rung| rung.layer)).collect();
    layers.sort_unstable();
    layers.dedup();
    let mut purse = Purse::new(budget);
    for layer in layers {
        for climb in &mut climbs {
            if let Some(at) = climb.candidates.iter().position(|rung| rung.layer == layer)
                && purse.affords(climb, at)
            {
                purse.pay(climb, at);
            }
        }
    }
    allocation(&purse, climbs)
}
