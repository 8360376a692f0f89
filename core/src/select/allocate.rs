//! Sharing one connection among streams: the highest layers that fit, fairly, and without flapping.
//!
//! The rule has three steps.
//!
//! 1. **Live first.** Each stream gets its lowest layer, the cheapest first, as long as they fit. Cheapest first gives the largest number of live streams that any
//!    choice gives, so that more budget never means fewer of them.
//! 2. **Then fair.** In rounds over the streams in order of their ids, each goes up by one rung if it fits: the shares are max-min fair, counted in rungs.
//! 3. **Up takes more than stay.** A step to a layer that costs more than the one the stream had before must leave a margin ([`UP_MARGIN_PERMILLE`]). Keeping a layer
//!    or going down takes none. So an estimate that wavers within the margin changes nothing.
//!
//! The result is a fixpoint: given back as `current` with the same budget it comes out again, because every step that was taken is now free of the margin, and every
//! step that was refused still takes it. All of it is integer arithmetic on values; nothing depends on the order of the demands.
//!
//! A stream's **rungs** are its layers that flow, from the lowest worth having up to the wanted one, less those that cost as much as a higher one: rates are measured, and for a moment a still 720p
//! picture can cost less than a moving 360p one. On rungs cost rises strictly.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    id::{LayerId, StreamId},
    stream::BitsPerSecond,
};

/// What going up takes of the budget, in thousandths of the need. 15 % is the change of estimate that Jitsi Videobridge waits for before it allocates anew: less than
/// that is taken for noise.
pub const UP_MARGIN_PERMILLE: u64 = 1150;
/// What the prober should look for, in thousandths of the need. It must exceed [`UP_MARGIN_PERMILLE`], since an estimate comes out a little below the rate that was
/// probed. LiveKit probes at 120 % as well.
pub const DESIRED_PERMILLE: u64 = 1200;

/// What one subscriber wants of one stream, and what that would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand<'a> {
    /// The stream. Each occurs once in a call.
    pub stream: StreamId,
    /// The lowest layer worth having; none where any is. Where it does not fit, the stream is paused: what lies below it would cost bits that others can use, for a
    /// picture that was said to be of no use.
    pub min_layer: Option<LayerId>,
    /// The highest layer wanted; none to have nothing at present (paused, not on screen). Higher than the ladder is as good as its top.
    pub max_layer: Option<LayerId>,
    /// What each layer needs, in bits per second, lowest layer first. Zero for a layer that does not flow.
    pub layer_bps: &'a [BitsPerSecond],
    /// The layer that was chosen before.
    pub current: Option<LayerId>,
}

/// The layer chosen for a stream, and why it is not a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The stream.
    pub stream: StreamId,
    /// The layer; none to send nothing.
    pub layer: Option<LayerId>,
    /// Why.
    pub reason: Reason,
}

/// Why a choice is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is the highest wanted layer that flows.
    Highest,
    /// The next layer up does not fit.
    Budget {
        /// What everything together would need with it, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is.
        budget_bps: BitsPerSecond,
    },
    /// The next layer up fits, but not by the margin that going up takes.
    Settling {
        /// What everything together would need with it and the margin, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is.
        budget_bps: BitsPerSecond,
    },
    /// None of the layers that are wanted and worth having flows.
    NoLayer,
    /// The subscriber wants nothing of it at present.
    NotWanted,
}

/// One layer for each stream, and the rates that sending and probing work towards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Allocation {
    /// One choice for each demand, in order of the streams' ids.
    pub choices: Vec<Choice>,
    /// What the chosen layers need together. Never more than the budget.
    pub used_bps: BitsPerSecond,
    /// What to send at least, filled up with padding as far as the estimate allows: what must be seen to flow before the cheapest next step up is taken, margin
    /// included. As much as is used where no step is left.
    pub minimum_bps: BitsPerSecond,
    /// What the bandwidth prober should look for: every stream at its highest rung, and [`DESIRED_PERMILLE`] of that. Never less than the minimum.
    pub desired_bps: BitsPerSecond,
}

/// Chooses a layer for each stream, such that all of them together need no more than `budget_bps`.
pub fn allocate(budget_bps: BitsPerSecond, demands: &[Demand<'_>]) -> Allocation {
    let mut shares: Vec<Share<'_>> = demands.iter().map(|demand| Share { demand, rung: None, next: next_rung(demand, None) }).collect();
    let mut used_bps: BitsPerSecond = 0;

    shares.sort_unstable_by_key(|share| (share.next.map(|rung| rung.bps), share.demand.stream));
    climb_once(&mut shares, &mut used_bps, budget_bps);
    shares.sort_unstable_by_key(|share| share.demand.stream);
    while climb_once(&mut shares, &mut used_bps, budget_bps) {}
    debug_assert!(used_bps <= budget_bps, "{used_bps} bps used of {budget_bps}");

    let next_step_bps = shares.iter().filter_map(|share| Some(share.total_after(share.next?, used_bps))).min();
    let highest_bps = shares.iter().fold(0, |sum: BitsPerSecond, share| sum.saturating_add(top_rung_bps(share.demand)));
    Allocation {
        choices: shares.iter().map(|share| share.choice(used_bps, budget_bps)).collect(),
        used_bps,
        minimum_bps: next_step_bps.map_or(used_bps, |bps| permille(bps, UP_MARGIN_PERMILLE)),
        desired_bps: permille(highest_bps, DESIRED_PERMILLE),
    }
}

/// A layer that can be chosen, and what it needs.
#[derive(Clone, Copy)]
struct Rung {
    layer: LayerId,
    bps: BitsPerSecond,
}

/// A stream on its way up.
struct Share<'a> {
    demand: &'a Demand<'a>,
    rung: Option<Rung>,
    next: Option<Rung>,
}

impl Share<'_> {
    /// What everything together needs with `rung` in place of this stream's present one.
    fn total_after(&self, rung: Rung, used_bps: BitsPerSecond) -> BitsPerSecond {
        used_bps.saturating_sub(self.rung.map_or(0, |held| held.bps)).saturating_add(rung.bps)
    }

    /// What a step to `rung`, which needs `total_bps` of all, must find in the budget.
    fn asks(&self, rung: Rung, total_bps: BitsPerSecond) -> BitsPerSecond {
        let kept = self.demand.current.is_some_and(|current| rung.layer <= current || rung.bps <= layer_bps(self.demand, current));
        if kept { total_bps } else { permille(total_bps, UP_MARGIN_PERMILLE) }
    }

    fn choice(&self, used_bps: BitsPerSecond, budget_bps: BitsPerSecond) -> Choice {
        let reason = match self.next {
            None if self.demand.max_layer.is_none() => Reason::NotWanted,
            None if self.rung.is_none() => Reason::NoLayer,
            None => Reason::Highest,
            Some(next) => match self.total_after(next, used_bps) {
                needs_bps if needs_bps > budget_bps => Reason::Budget { needs_bps, budget_bps },
                total_bps => Reason::Settling { needs_bps: self.asks(next, total_bps), budget_bps },
            },
        };
        Choice { stream: self.demand.stream, layer: self.rung.map(|rung| rung.layer), reason }
    }
}

/// One round: every stream goes up by one rung if the budget has what that asks for. False if none did.
fn climb_once(shares: &mut [Share<'_>], used_bps: &mut BitsPerSecond, budget_bps: BitsPerSecond) -> bool {
    let mut climbed = false;
    for share in shares {
        let Some(next) = share.next else { continue };
        let total_bps = share.total_after(next, *used_bps);
        if share.asks(next, total_bps) <= budget_bps {
            *used_bps = total_bps;
            share.rung = Some(next);
            share.next = next_rung(share.demand, Some(next.layer));
            climbed = true;
        }
    }
    climbed
}

/// The lowest rung of the demand above `layer`, or the lowest of all.
fn next_rung(demand: &Demand<'_>, layer: Option<LayerId>) -> Option<Rung> {
    let above = |rung: &Rung| layer.is_none_or(|layer| rung.layer > layer);
    flowing(demand).filter(above).find(|rung| flowing(demand).all(|other| other.layer <= rung.layer || other.bps > rung.bps))
}

/// What the highest rung needs; zero without any.
fn top_rung_bps(demand: &Demand<'_>) -> BitsPerSecond {
    flowing(demand).last().map_or(0, |rung| rung.bps)
}

/// The wanted layers that flow, lowest first.
fn flowing<'a>(demand: &Demand<'a>) -> impl Iterator<Item = Rung> + use<'a> {
    let wanted = demand.max_layer.map_or(0, |max| usize::from(max.0) + 1);
    let unwanted = demand.min_layer.map_or(0, |min| usize::from(min.0));
    (0..=u8::MAX)
        .zip(demand.layer_bps)
        .take(wanted)
        .skip(unwanted)
        .filter(|(_, bps)| **bps > 0)
        .map(|(layer, bps)| Rung { layer: LayerId(layer), bps: *bps })
}

fn layer_bps(demand: &Demand<'_>, layer: LayerId) -> BitsPerSecond {
    demand.layer_bps.get(usize::from(layer.0)).copied().unwrap_or(0)
}

/// `permille` thousandths of `bps`, rounded up.
fn permille(bps: BitsPerSecond, permille: u64) -> BitsPerSecond {
    u64::try_from((u128::from(bps) * u128::from(permille)).div_ceil(1000)).unwrap_or(u64::MAX)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Highest => f.write_str("it is the highest wanted layer that flows"),
            Self::Budget { needs_bps, budget_bps } => {
                write!(f, "the next layer needs {} kbps of {} kbps", needs_bps.div_ceil(1000), budget_bps / 1000)
            }
            Self::Settling { needs_bps, budget_bps } => {
                write!(f, "the next layer fits, but going up takes {} kbps of {} kbps", needs_bps.div_ceil(1000), budget_bps / 1000)
            }
            Self::NoLayer => f.write_str("no wanted layer flows"),
            Self::NotWanted => f.write_str("nothing of it is wanted at present"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec, vec::Vec};

    use super::*;

    const CAMERA: &[BitsPerSecond] = &[150_000, 500_000, 1_500_000];
    const TOP: Option<LayerId> = Some(LayerId(2));

    fn demand(stream: u32, layer_bps: &[BitsPerSecond], current: Option<u8>) -> Demand<'_> {
        Demand { stream: StreamId(stream), min_layer: None, max_layer: TOP, layer_bps, current: current.map(LayerId) }
    }

    fn layers(allocation: &Allocation) -> Vec<Option<u8>> {
        allocation.choices.iter().map(|choice| choice.layer.map(|layer| layer.0)).collect()
    }

    #[test]
    fn everything_gets_its_highest_layer_when_there_is_plenty() {
        let allocation = allocate(10_000_000, &[demand(1, CAMERA, None), demand(2, CAMERA, None)]);
        assert_eq!(layers(&allocation), [Some(2), Some(2)]);
        assert!(allocation.choices.iter().all(|choice| choice.reason == Reason::Highest));
        assert_eq!((allocation.used_bps, allocation.minimum_bps, allocation.desired_bps), (3_000_000, 3_000_000, 3_600_000));
    }

    #[test]
    fn all_are_live_before_one_is_sharp() {
        let demands: Vec<_> = (1..=4).map(|stream| demand(stream, CAMERA, None)).collect();
        let allocation = allocate(1_200_000, &demands);
        assert_eq!(layers(&allocation), [Some(1), Some(0), Some(0), Some(0)]);
        assert_eq!(allocation.used_bps, 950_000);
        let expected = Reason::Budget { needs_bps: 1_950_000, budget_bps: 1_200_000 };
        assert_eq!(allocation.choices[0].reason, expected);
        assert_eq!(expected.to_string(), "the next layer needs 1950 kbps of 1200 kbps");
        // The cheapest step up from here is to give stream 2 its middle layer: 1300 kbps, and the margin.
        assert_eq!(allocation.minimum_bps, 1_495_000);
    }

    #[test]
    fn a_waver_within_the_margin_changes_nothing() {
        let going_up = |budget_bps| layers(&allocate(budget_bps, &[demand(1, CAMERA, Some(1))]))[0];
        let staying = |budget_bps| layers(&allocate(budget_bps, &[demand(1, CAMERA, Some(2))]))[0];
        assert_eq!((going_up(1_724_999), going_up(1_725_000)), (Some(1), Some(2)));
        assert_eq!((staying(1_500_000), staying(1_499_999)), (Some(2), Some(1)));
        let settling = allocate(1_600_000, &[demand(1, CAMERA, Some(1))]).choices[0].reason;
        assert_eq!(settling.to_string(), "the next layer fits, but going up takes 1725 kbps of 1600 kbps");
    }

    #[test]
    fn a_vanished_layer_is_passed_over() {
        // The middle layer is missing: the way up leads over it.
        assert_eq!(layers(&allocate(10_000_000, &[demand(1, &[150_000, 0, 1_500_000], None)])), [Some(2)]);
        // The current layer vanished: the next lower one needs no margin.
        assert_eq!(layers(&allocate(500_000, &[demand(1, &[150_000, 500_000, 0], Some(2))])), [Some(1)]);
        // The lowest is missing.
        assert_eq!(layers(&allocate(600_000, &[demand(1, &[0, 500_000, 0], None)])), [Some(1)]);
        let gone = allocate(600_000, &[demand(1, &[0, 0, 0], Some(1)), demand(2, &[], None)]);
        assert_eq!(gone.choices.iter().map(|choice| (choice.layer, choice.reason)).collect::<Vec<_>>(), vec![(None, Reason::NoLayer); 2]);
    }

    #[test]
    fn a_layer_that_costs_no_less_than_a_higher_one_is_no_rung() {
        let still_picture = &[150_000, 500_000, 400_000];
        assert_eq!(layers(&allocate(460_000, &[demand(1, still_picture, Some(0))])), [Some(2)]);
        // Going over to it from the dearer layer takes no margin.
        assert_eq!(layers(&allocate(400_000, &[demand(1, still_picture, Some(1))])), [Some(2)]);
    }

    #[test]
    fn what_is_not_wanted_costs_nothing() {
        let off_screen = Demand { max_layer: None, ..demand(1, CAMERA, Some(2)) };
        let small = Demand { max_layer: Some(LayerId(0)), ..demand(2, CAMERA, Some(2)) };
        let allocation = allocate(10_000_000, &[off_screen, small]);
        assert_eq!(layers(&allocation), [None, Some(0)]);
        assert_eq!(allocation.choices[0].reason, Reason::NotWanted);
        assert_eq!((allocation.used_bps, allocation.desired_bps), (150_000, 180_000));
    }

    //
    #[test]
    fn what_lies_below_the_lowest_worth_having_is_not_given() {
        let demands = [Demand { min_layer: Some(LayerId(1)), ..demand(1, CAMERA, Some(2)) }, demand(2, CAMERA, Some(2))];
        assert_eq!(layers(&allocate(2_000_000, &demands)), [Some(2), Some(1)]);
        assert_eq!(layers(&allocate(700_000, &demands)), [Some(1), Some(0)]);
        let tight = allocate(600_000, &demands);
        assert_eq!(layers(&tight), [None, Some(1)], "what one does without, the other can use");
        assert_eq!(tight.choices[0].reason, Reason::Budget { needs_bps: 1_000_000, budget_bps: 600_000 });
        let above_all = Demand { min_layer: Some(LayerId(9)), ..demand(1, CAMERA, None) };
        assert_eq!(allocate(9_000_000, &[above_all]).choices[0].reason, Reason::NoLayer);
    }

    #[test]
    fn nothing_fits_into_nothing() {
        let allocation = allocate(0, &[demand(1, CAMERA, Some(2))]);
        assert_eq!(layers(&allocation), [None]);
        assert_eq!(allocation.choices[0].reason, Reason::Budget { needs_bps: 150_000, budget_bps: 0 });
        assert_eq!(allocation.minimum_bps, 172_500);
    }
}
