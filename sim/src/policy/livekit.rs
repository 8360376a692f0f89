//! `LiveKit`'s order: layer by layer, and of each layer stream by stream, those of higher priority first. What does not fit is passed over, and the next is tried.
//!
//! Source: `allocateAllTracks` of `pkg/sfu/streamallocator` (788d4c35), pausing allowed, without the overshoot to a higher layer where none below the cap flows.

use core::time::Duration;

use greenroom_core::select::{Against, Allocation, Backoff, Budget, Demand, Gate};

use super::{Climb, Purse, allocation};

/// Down at once, and up after a probe: the first at once, then 3 s after one that succeeded and half as long again after each that failed, 120 s at most (`BaseInterval`, `BackoffFactor`, `MaxInterval` of
/// `DefaultProbeRegulatorConfig`, `pkg/sfu/ccutils/probe_regulator.go`, d0d97883, and the same in `pkg/sfu/bwe/remotebwe/probe_controller.go`, 283f258a). To the millisecond, as since d0d97883; before, 4.5 s were cut to 4.
/// After congestion that no probe made, none for 3 s (`CongestedHangoverDuration` of `pkg/sfu/bwe/remotebwe/remote_bwe.go`, 0ce9a616, from when the congestion ends; its estimator at the sender has no such wait, and
/// here it runs from when the plan was lowered).
///
/// Here a rise is the probe, and the wait after it the time in which it can fail. Choices, not in the source: there padding is sent first (200 ms to 20 s, 120 % of what the step needs), watched for 0.5 to 10 s more, and no
/// picture falls when it fails. Left out as well: its detectors of congestion, so every estimate below what is used counts as that, where it waits for a trend and an estimate below 95 % of what is used; and that
/// everybody has everything until there first is congestion.
pub(super) const GATE: Gate = Gate {
    against: Against::Acted,
    rise_permille: 1000,
    fall_permille: 1000,
    every: None,
    retry: Some(Backoff {
        first: Duration::from_secs(3),
        factor_permille: 1500,
        most: Duration::from_secs(120),
        hold: Duration::from_secs(3),
    }),
};

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
