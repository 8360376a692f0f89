//! Jitsi Videobridge's order: whoever is on stage climbs to a preferred layer first, and while that does not fit the others get nothing; then everyone climbs a step a round, the stage first.
//!
//! Source: `BandwidthAllocator` and `SingleSourceAllocation` (a29d97d1) with `doc/allocation.md`. Of a camera it considers all frame rates of the smallest picture and only the full one of larger
//! pictures; of a screen share, everything, the full ladder preferred. It may oversend a share on stage by 500 kbps. A first step of the stage may use all there is; later ones must leave something.
//!
//! What it knows and is not told here are heights and frame rates: the preferred picture of 360 lines is taken to be the second spatial layer, and a full frame rate to be all temporal layers. A
//! stream is on stage if its viewer gave it any priority.

use greenroom_core::{
    id::LayerId,
    select::{Against, Allocation, Budget, Demand, Gate, Priority, Source},
    stream::BitsPerSecond,
};

use super::{Climb, Purse, allocation};

/// An estimate is acted on when it differs by more than 15 % from the one acted on last (`bwe-change-threshold = 0.15` of `reference.conf`; `bweChangeIsLargerThanThreshold` of `BandwidthAllocator.kt`, 7df20296), the first at once.
///
/// What differs by less is never acted on. There is a periodic run, five seconds after the last (`max-time-between-calculations = 5 seconds` of `reference.conf`, 005d85e8), and a comment in the source says that
/// what is ignored is ignored for a few seconds; but `bandwidthChanged` does not store what it ignores, and that run shares the estimate acted on before. So it makes no difference here, where plans are made anew with
/// whatever else changes.
///
/// Left out: its estimator, its probing towards the ideal, and that estimates are not heeded at all for the first seconds of media (`initial-ignore-bwe-period`: 10 s with its older estimator, read in a port of its defaults only).
pub(super) const GATE: Gate = Gate { against: Against::Acted, rise_permille: 1150, fall_permille: 850, every: None, retry: None };

/// By how much a share on stage may exceed the estimate (`videobridge.cc.max-oversend-bitrate`).
const OVERSEND_BPS: BitsPerSecond = 500_000;
/// The preferred camera layer.
const PREFERRED: LayerId = LayerId(1);

pub(super) fn allocate(budget: Budget, demands: &[Demand<'_>]) -> Allocation {
    let mut climbs: Vec<Climb<'_>> = demands.iter().map(considered).collect();
    climbs.sort_by_key(|climb| (core::cmp::Reverse(climb.demand.priority), climb.demand.stream));
    let mut purse = Purse::new(budget);
    let strictly = |purse: &Purse, climb: &Climb<'_>, at: usize| {
        let slack = |bps: BitsPerSecond| bps.saturating_sub(1);
        let tighter = Budget { keep_bps: slack(purse.budget.keep_bps), climb_bps: slack(purse.budget.climb_bps) };
        Purse { budget: tighter, used_bps: purse.used_bps }.affords(climb, at)
    };
    for round in 0_u32.. {
        let mut climbed = false;
        for climb in &mut climbs {
            let on_stage = is_on_stage(climb.demand);
            if round == 0 && on_stage {
                let preferred = preferred(climb);
                while climb.taken < preferred && purse.affords(climb, climb.taken) {
                    let next = climb.taken;
                    purse.pay(climb, next);
                    climbed = true;
                }
                if climb.demand.source == Source::Screen {
                    oversend(&mut purse, climb);
                }
                if climb.taken < preferred {
                    return allocation(&purse, climbs);
                }
            } else if climb.taken < climb.candidates.len() && strictly(&purse, climb, climb.taken) {
                let next = climb.taken;
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

fn is_on_stage(demand: &Demand<'_>) -> bool {
    demand.priority > Priority::default()
}

/// The layers that are considered for a stream, the least preferred first.
fn considered<'a>(demand: &'a Demand<'a>) -> Climb<'a> {
    let flowing = || demand.rungs.iter().filter(|rung| rung.bps > 0).map(|rung| rung.layer);
    let smallest = flowing().map(|layer| layer.spatial).min();
    let fullest = flowing().map(|layer| layer.temporal).max();
    let mut climb = Climb::new(demand, |rung| {
        demand.source == Source::Screen || Some(rung.layer.spatial) == smallest || Some(rung.layer.temporal) == fullest
    });
    climb.candidates.sort_unstable_by_key(|rung| rung.layer);
    if demand.source == Source::Screen {
        // Size before motion: what costs more than a larger picture is not considered.
        let best = climb.candidates.clone();
        climb.candidates.retain(|rung| best.iter().all(|other| other.layer <= rung.layer || other.bps > rung.bps));
    }
    climb
}

/// How many steps the stage takes ahead of everyone.
fn preferred(climb: &Climb<'_>) -> usize {
    match climb.demand.source {
        Source::Screen => climb.candidates.len(),
        Source::Camera => {
            climb.candidates.iter().filter(|rung| rung.layer.spatial <= PREFERRED).count().max(usize::from(!climb.candidates.is_empty()))
        }
    }
}

/// Raises a share as far as its least good picture of full size, a bounded amount over the budget.
fn oversend(purse: &mut Purse, climb: &mut Climb<'_>) {
    let Some(full) = climb.candidates.last().map(|rung| rung.layer.spatial) else { return };
    let Some(top) = climb.candidates.iter().position(|rung| rung.layer.spatial == full) else { return };
    let allowed = Purse { budget: Budget::of(purse.budget.keep_bps.saturating_add(OVERSEND_BPS)), used_bps: purse.used_bps };
    if let Some(at) = (climb.taken..=top).rev().find(|at| allowed.affords(climb, *at)) {
        purse.pay(climb, at);
    }
}
