//! The chain over time: what makes a picture larger takes a key frame, and key frames are the dearest pictures there are.
//!
//! [`allocate`](super::allocate()) answers for one moment. Whoever asks again with every estimate pays for the way between its answers, too: a stream that gets a larger picture, or a smaller one, begins with a key frame, which
//! is several times an ordinary picture, and many at once are a burst that fills a queue. A bandwidth estimator sees that queue, and takes back what the burst was sent for. So two things are left out here that a moment
//! would take:
//!
//! 1. **Rungs that are not worth a key frame.** A larger picture that brings less than a quarter more bits than the smaller one (150 kbps at 30 pictures a second, then 165 kbps at 7.5 pictures of four times the size), and one
//!    that the way up would lead back from (495 kbps of 720 lines, then 500 kbps of 360). The floor and the highest rung stay.
//! 2. **Key frames that would come all at once.** Of the streams that are to have larger pictures only as many go ahead as their key frames take a twentieth of a second of the line, but one always: the highest
//!    priority first, then the smallest. The others wait for the next plan, and move up within their size meanwhile. What goes down goes at once.
//!
//! What is promised of the chain holds of its answers here, with the rungs that are left: nobody is lowered because the budget rose, as waiting is for the next plan what was there before, and less is needed than was
//! allowed.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Allocation, Budget, Choice, Demand, Priority, Reason, Rung, Source, allocate};
use crate::{id::LayerId, stream::BitsPerSecond};

/// A larger picture brings at least this part more. A choice: less is within what the same pictures take from one second to the next (RFC 8593 table 1 has a scale of 15 %).
const WORTH: BitsPerSecond = 4;
/// What key frames of one plan may take of the line together, as a part of what their layers take in a second: an eighth of a second's worth each (four pictures of thirty), in a twentieth of a second of the line.
const BURST: (BitsPerSecond, BitsPerSecond) = (2, 5);

/// What [`allocate`](super::allocate()) gives, less what is not worth its key frames now.
pub(super) fn allocate_steadily(budget: Budget, demands: &[Demand<'_>]) -> Allocation {
    let ladders: Vec<Vec<Rung>> = demands.iter().map(worthwhile).collect();
    let steady: Vec<Demand<'_>> = demands.iter().zip(&ladders).map(|(demand, rungs)| Demand { rungs, ..*demand }).collect();
    let mut allocation = allocate(budget, &steady);
    hold_back(budget, &steady, &mut allocation);
    allocation
}

/// The rungs that are worth their key frames.
fn worthwhile(demand: &Demand<'_>) -> Vec<Rung> {
    let flowing = demand.rungs.iter().copied().filter(|rung| rung.bps > 0);
    if demand.source == Source::Screen {
        return flowing.collect();
    }
    let mut kept: Vec<Rung> = Vec::with_capacity(demand.rungs.len());
    let mut top = None;
    for rung in flowing {
        top = Some(rung);
        while kept.len() > 1 && kept.last().is_some_and(|last| last.layer.spatial > rung.layer.spatial) {
            kept.pop();
        }
        let is_worth_it = kept.last().is_none_or(|last| match rung.layer.spatial {
            spatial if spatial < last.layer.spatial => false, // the floor is the larger picture, and costs less
            spatial if spatial == last.layer.spatial => true,
            _ => rung.bps >= last.bps.saturating_add(last.bps / WORTH),
        });
        if is_worth_it {
            kept.push(rung);
        }
    }
    if kept.last() != top.as_ref() {
        kept.extend(top);
    }
    kept
}

/// Leaves those that are to have larger pictures, but for the first few, at the size that they have.
fn hold_back(budget: Budget, demands: &[Demand<'_>], allocation: &mut Allocation) {
    let demand_of = |choice: &Choice| demands.iter().find(|demand| demand.stream == choice.stream);
    let mut growing: Vec<(Reverse<Priority>, LayerId, usize, BitsPerSecond)> = Vec::new();
    for (at, choice) in allocation.choices.iter().enumerate() {
        let (Some(demand), Some(to)) = (demand_of(choice), choice.layer) else { continue };
        let Some(from) = demand.current.filter(|from| from.spatial < to.spatial) else { continue };
        let whole_bps = demand.rungs.iter().filter(|rung| rung.layer.spatial == to.spatial).map(|rung| rung.bps).max().unwrap_or(0);
        growing.push((Reverse(demand.priority), from.spatial, at, whole_bps));
    }
    growing.sort_unstable();
    let allowed_bps = budget.keep_bps / BURST.1 * BURST.0;
    let needs_bps = allocation.used_bps;
    let mut burst_bps: BitsPerSecond = 0;
    for (place, (_, size, at, whole_bps)) in growing.into_iter().enumerate() {
        burst_bps = burst_bps.saturating_add(whole_bps);
        if place == 0 || burst_bps <= allowed_bps {
            continue;
        }
        let choice = &mut allocation.choices[at];
        let Some(demand) = demand_of(choice) else { continue };
        let chosen_bps = demand.rungs.iter().find(|rung| Some(rung.layer) == choice.layer).map_or(0, |rung| rung.bps);
        // The best that it can have without a key frame: rungs stand in the order of their sizes, so it costs less than what was chosen.
        let Some(stays) = demand.rungs.iter().rfind(|rung| rung.layer.spatial <= size && rung.bps < chosen_bps) else { continue };
        allocation.used_bps = allocation.used_bps - chosen_bps + stays.bps;
        choice.layer = Some(stays.layer);
        choice.reason = Reason::Settling { needs_bps, budget_bps: budget.climb_bps };
    }
    if allocation.used_bps < needs_bps {
        allocation.minimum_bps = needs_bps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{StreamId, TemporalId},
        select::Layer,
    };

    /// What browsers send, with three temporal layers each: 50, 99 and 150 kbps of 180 lines, 165, 330 and 500 of 360, 495, 990 and 1500 of 720.
    fn camera() -> Vec<Rung> {
        let mut rungs = Vec::new();
        for (spatial, kbps) in [(0, [50, 99, 150]), (1, [165, 330, 500]), (2, [495, 990, 1500])] {
            rungs.extend((0..).zip(kbps).map(|(temporal, kbps)| rung(spatial, temporal, kbps)));
        }
        crate::select::arrange(Source::Camera, &mut rungs);
        rungs
    }

    fn rung(spatial: u8, temporal: u8, kbps: u64) -> Rung {
        Rung { layer: layer(spatial, temporal), bps: kbps * 1000 }
    }

    fn layer(spatial: u8, temporal: u8) -> Layer {
        Layer { spatial: LayerId(spatial), temporal: TemporalId(temporal) }
    }

    fn demand(stream: u32, rungs: &[Rung], current: Option<Layer>) -> Demand<'_> {
        Demand { stream: StreamId(stream), source: Source::Camera, priority: Priority(0), insists: false, rungs, current }
    }

    fn kbps(rungs: &[Rung]) -> Vec<u64> {
        rungs.iter().map(|rung| rung.bps / 1000).collect()
    }

    #[test]
    fn the_way_up_has_no_detour_and_no_key_frame_for_next_to_nothing() {
        let rungs = camera();
        assert_eq!(kbps(&worthwhile(&demand(1, &rungs, None))), [50, 99, 150, 330, 500, 990, 1500]);
        // A screen is read, so its size is worth a key frame whatever its rate.
        let screen = Demand { source: Source::Screen, ..demand(1, &rungs, None) };
        assert_eq!(worthwhile(&screen), rungs);
    }

    #[test]
    fn the_floor_and_the_highest_rung_stay() {
        // Given a top that is hardly more than what is below it, and a floor that is the larger picture,
        let close = [rung(0, 0, 100), rung(1, 0, 110)];
        let upside_down = [rung(1, 0, 100), rung(0, 0, 150), rung(1, 1, 300)];
        // then both are kept, and the smaller picture that costs more is not.
        assert_eq!(kbps(&worthwhile(&demand(1, &close, None))), [100, 110]);
        assert_eq!(kbps(&worthwhile(&demand(1, &upside_down, None))), [100, 300]);
        assert_eq!(worthwhile(&demand(1, &[], None)), []);
    }

    #[test]
    fn larger_pictures_come_a_few_at_a_time_and_all_in_the_end() {
        // Given nine streams at 180 lines, and a line on which all could have 360,
        let rungs = camera();
        let budget = Budget::of(3_000_000);
        let mut current = [Some(layer(0, 2)); 9];
        let mut grown = 0;
        for plan in 1.. {
            let demands: Vec<_> = (1..).zip(&current).map(|(stream, current)| demand(stream, &rungs, *current)).collect();
            // when plans are made, each with what the one before gave,
            let allocation = allocate_steadily(budget, &demands);
            // then each makes two larger, whose key frames take less than a twentieth of a second, lowers nobody, stays within the budget, and leaves the rest in sight of the prober,
            let before = grown;
            grown = allocation.choices.iter().filter(|choice| choice.layer.is_some_and(|layer| layer.spatial == LayerId(1))).count();
            assert!(allocation.used_bps <= budget.keep_bps && allocation.minimum_bps >= allocation.used_bps);
            assert!(allocation.choices.iter().zip(&current).all(|(choice, before)| choice.layer >= *before), "{allocation:?}");
            assert!(grown - before <= 2, "{} at once", grown - before);
            let now = allocation.choices.iter().map(|choice| choice.layer);
            if now.clone().eq(current) {
                // and after five of them it is what one moment would have given.
                assert_eq!((plan, grown), (6, 9));
                assert_eq!(
                    allocation.used_bps,
                    allocate(budget, &demands.iter().map(|d| Demand { current: None, ..*d }).collect::<Vec<_>>()).used_bps.min(9 * 330_000)
                );
                return;
            }
            current.iter_mut().zip(now).for_each(|(current, now)| *current = now);
        }
    }

    #[test]
    fn what_goes_down_goes_at_once_and_a_beginning_is_no_burst() {
        let rungs = camera();
        let small = Budget::of(450_000);
        let at = |current| (1..=9).map(|stream| demand(stream, &rungs, current)).collect::<Vec<_>>();
        let lowered = allocate_steadily(small, &at(Some(layer(1, 1))));
        assert!(lowered.choices.iter().all(|choice| choice.layer == Some(layer(0, 0))), "{lowered:?}");
        let begun = allocate_steadily(Budget::of(3_000_000), &at(None));
        assert!(begun.choices.iter().all(|choice| choice.layer == Some(layer(1, 1))), "{begun:?}");
    }
}
