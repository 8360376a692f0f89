//! mediasoup's order: in rounds, those of higher priority first. In the first round each stream takes one step, later as many as its priority says. A step that does not fit is waited for by its
//! own stream and by no other.
//!
//! Source: `Transport::DistributeAvailableOutgoingBitrate` and `SimulcastConsumer::IncreaseLayer` (a82dba89, 3.14.16), which goes through the temporal layers of a spatial layer before the next. Its
//! order among equals is that of a hash map; here it is that of the ids. Its priorities run from 1 to 255 with 1 as default; ours begin with 0, so one is added.

use greenroom_core::select::{Allocation, Budget, Demand};

use super::{Climb, Purse, allocation};

pub(super) fn allocate(budget: Budget, demands: &[Demand<'_>]) -> Allocation {
    let mut climbs: Vec<Climb<'_>> = demands.iter().map(|demand| Climb::new(demand, |_| true)).collect();
    for climb in &mut climbs {
        climb.candidates.sort_unstable_by_key(|rung| rung.layer);
    }
    climbs.sort_by_key(|climb| (core::cmp::Reverse(climb.demand.priority), climb.demand.stream));
    let mut purse = Purse::new(budget);
    for round in 0_u32.. {
        let mut climbed = false;
        for climb in &mut climbs {
            let steps = if round == 0 { 1 } else { u32::from(climb.demand.priority.0) + 1 };
            for _ in 0..steps {
                let next = climb.taken;
                if next == climb.candidates.len() || !purse.affords(climb, next) {
                    break;
                }
                purse.pay(climb, next);
                climbed = true;
            }
        }
        if !climbed {
            break;
        }
    }
    allocation(&purse, climbs)
}
