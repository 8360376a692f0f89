//! Streams that somebody wants, and what is made of them at each budget.

use std::collections::BTreeMap;

use greenroom_core::{
    id::{LayerId, StreamId, TemporalId},
    select::{Allocation, Budget, Demand, Layer, Planner, Priority, Rung, Source},
    stream::BitsPerSecond,
};

/// A demand that owns its ladder.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) stream: u32,
    pub(crate) priority: u8,
    pub(crate) insists: bool,
    pub(crate) source: Source,
    pub(crate) rungs: Vec<Rung>,
    pub(crate) current: Option<Layer>,
}

/// What somebody wants.
pub(crate) type Scene = Vec<Wanted>;

/// A layer, by its place in the ladder.
pub(crate) fn layer(at: usize) -> Layer {
    let at = u8::try_from(at).expect("ladders are short");
    Layer { spatial: LayerId(at / 3), temporal: TemporalId(at % 3) }
}

/// A stream with these layers, lowest first; zero for one that does not flow.
pub(crate) fn wanted(stream: u32, priority: u8, ladder_bps: &[BitsPerSecond]) -> Wanted {
    let rungs = ladder_bps.iter().enumerate().map(|(at, bps)| Rung { layer: layer(at), bps: *bps }).collect();
    Wanted { stream, priority, insists: false, source: Source::Camera, rungs, current: None }
}

impl Wanted {
    pub(crate) fn demand(&self) -> Demand<'_> {
        let Self { stream, priority, insists, source, ref rungs, current } = *self;
        Demand { stream: StreamId(stream), source, priority: Priority(priority), insists, rungs, current }
    }

    /// The rates that flow and are less than those of all better layers, lowest first: what there is to climb.
    pub(crate) fn ladder_bps(&self) -> Vec<BitsPerSecond> {
        let costs_less = |at: usize, bps: BitsPerSecond| self.rungs[at + 1..].iter().all(|better| better.bps == 0 || better.bps > bps);
        let flowing = self.rungs.iter().enumerate().filter(|(_, rung)| rung.bps > 0);
        flowing.filter(|(at, rung)| costs_less(*at, rung.bps)).map(|(_, rung)| rung.bps).collect()
    }

    /// What a layer needs.
    pub(crate) fn bps(&self, layer: Option<Layer>) -> BitsPerSecond {
        layer.map_or(0, |layer| self.rungs.iter().find(|rung| rung.layer == layer).expect("a layer of the ladder").bps)
    }
}

/// The plan for a budget.
pub(crate) fn plan(budget: Budget, scene: &[Wanted]) -> Allocation {
    let demands: Vec<Demand<'_>> = scene.iter().map(Wanted::demand).collect();
    let mut planner = Planner::default();
    planner.plan(budget, &demands);
    planner.into_allocation()
}

/// What each stream gets, in bits per second, by its id.
pub(crate) fn rates(scene: &[Wanted], allocation: &Allocation) -> BTreeMap<u32, BitsPerSecond> {
    let rate = |wanted: &Wanted| {
        let choice = allocation.choices.iter().find(|choice| choice.stream.0 == wanted.stream).expect("every demand is answered");
        (wanted.stream, wanted.bps(choice.layer))
    };
    scene.iter().map(rate).collect()
}

/// How many streams flow.
pub(crate) fn live(allocation: &Allocation) -> usize {
    allocation.choices.iter().filter(|choice| choice.layer.is_some()).count()
}

/// All plans for rising budgets, each with the least budget that gives it: from nothing to everything, as the plans themselves say what the next one takes.
pub(crate) fn chain(scene: &[Wanted]) -> Vec<(BitsPerSecond, Allocation)> {
    let mut plans = vec![(0, plan(Budget::of(0), scene))];
    loop {
        let (budget_bps, last) = plans.last().expect("there is a first");
        if last.minimum_bps <= last.used_bps {
            return plans;
        }
        let next_bps = last.minimum_bps;
        assert!(next_bps > *budget_bps, "a step that the budget allows was not taken: {last:?}");
        assert!(plans.len() < 100_000, "no end of steps");
        plans.push((next_bps, plan(Budget::of(next_bps), scene)));
    }
}
