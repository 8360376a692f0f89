//! mediasoup's order: in rounds, those of higher priority first. In the first round each stream takes one step, later as many as its priority says. A step that does not fit is waited for by its
//! own stream and by no other.
//!
//! Source: `Transport::DistributeAvailableOutgoingBitrate` and `SimulcastConsumer::IncreaseLayer` (a82dba89, 3.14.16), which goes through the temporal layers of a spatial layer before the next. Its
//! order among equals is that of a hash map; here it is that of the ids. Its priorities run from 1 to 255 with 1 as default; ours begin with 0, so one is added.

use core::time::Duration;

use greenroom_core::select::{Against, Allocation, Budget, Demand, Gate};

use super::{Climb, Purse, allocation};

/// An estimate is acted on when it is the first, when a second has passed since the last that was (`AvailableBitrateEventInterval`, 1000 ms; 2000 in early versions), and at once when it is below 0.75 or above 1.50 times
/// the estimate *before it*, be that acted on or not: `MayEmitAvailableBitrateEvent` of `worker/src/RTC/TransportCongestionControlClient.cpp` (4238786), all numbers read there.
///
/// Its timer looks whether the second has passed every 25 ms at most; here it passes exactly. Left out: libwebrtc's GCC and its probes; that estimates equal to the initial one are dropped as spurious; that a new plan for
/// another reason takes the newest estimate and begins the second anew (`RescheduleNextAvailableBitrateEvent` in `Transport::DistributeAvailableOutgoingBitrate`); and what is per stream and not per connection: no larger
/// picture for 10 s after the estimate made a stream smaller that had been on for 8 s, and none that has flowed for less than 2 s (`BweDowngradeConservativeMs`, `BweDowngradeMinActiveMs`, `StreamMinActiveMs` of
/// `SimulcastConsumer.cpp`). So it is livelier here than there.
pub(super) const GATE: Gate =
    Gate { against: Against::Previous, rise_permille: 1500, fall_permille: 750, every: Some(Duration::from_secs(1)), retry: None };

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
