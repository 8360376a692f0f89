//! The best there is, found by looking at everything: small scenes only.

use greenroom_core::stream::BitsPerSecond;

use crate::scene::Wanted;

/// The budgets that an allocator is held against.
pub(crate) struct Grid {
    budgets_bps: Vec<BitsPerSecond>,
    /// For each budget, the sum of what one bit is of it and of all above.
    shares: Vec<f64>,
}

impl Grid {
    /// Budgets from `step_bps` to `most_bps`.
    pub(crate) fn new(step_bps: BitsPerSecond, most_bps: BitsPerSecond) -> Self {
        let budgets_bps: Vec<BitsPerSecond> = (1..=most_bps / step_bps).map(|times| times * step_bps).collect();
        let mut shares = vec![0.0; budgets_bps.len() + 1];
        for at in (0..budgets_bps.len()).rev() {
            shares[at] = shares[at + 1] + 1.0 / float(budgets_bps[at]);
        }
        Self { budgets_bps, shares }
    }

    pub(crate) fn budgets_bps(&self) -> &[BitsPerSecond] {
        &self.budgets_bps
    }

    /// What it adds to the mean utilisation to use `used_bps` of all budgets from `from_bps` to below `to_bps`.
    fn gain(&self, used_bps: BitsPerSecond, from_bps: BitsPerSecond, to_bps: Option<BitsPerSecond>) -> f64 {
        let place = |bps: BitsPerSecond| self.budgets_bps.partition_point(|budget_bps| *budget_bps < bps);
        let to = to_bps.map_or(self.budgets_bps.len(), place);
        float(used_bps) * (self.shares[place(from_bps)] - self.shares[to]) / float(self.budgets_bps.len() as u64)
    }

    /// The mean utilisation of a chain, given what is used after each of its steps.
    pub(crate) fn of_chain(&self, totals_bps: &[BitsPerSecond]) -> f64 {
        let next = totals_bps[1..].iter().copied().map(Some).chain([None]);
        totals_bps.iter().zip(next).map(|(total_bps, next_bps)| self.gain(*total_bps, *total_bps, next_bps)).sum()
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates of less than 2^53 bits per second")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// All ways to give each stream a rung or none, numbered such that every step up leads to a higher number.
struct States {
    ladders_bps: Vec<Vec<BitsPerSecond>>,
}

impl States {
    fn of(scene: &[Wanted]) -> Self {
        Self { ladders_bps: scene.iter().map(Wanted::ladder_bps).collect() }
    }

    fn count(&self) -> usize {
        self.ladders_bps.iter().map(|ladder| ladder.len() + 1).product()
    }

    /// How many rungs each stream has.
    fn rungs(&self, mut state: usize) -> Vec<usize> {
        let digit = |ladder: &Vec<BitsPerSecond>| {
            let rungs = state % (ladder.len() + 1);
            state /= ladder.len() + 1;
            rungs
        };
        self.ladders_bps.iter().map(digit).collect()
    }

    fn total_bps(&self, rungs: &[usize]) -> BitsPerSecond {
        self.ladders_bps.iter().zip(rungs).map(|(ladder, rungs)| rungs.checked_sub(1).map_or(0, |at| ladder[at])).sum()
    }
}

/// The mean utilisation of the best chain: of all allocators that never lower anybody, and where they are to be live first, that make as many live as can be.
pub(crate) fn best_chain(scene: &[Wanted], grid: &Grid, live_first: bool) -> f64 {
    let states = States::of(scene);
    let mut best: Vec<f64> = vec![0.0; states.count()];
    for state in (0..states.count()).rev() {
        let rungs = states.rungs(state);
        let total_bps = states.total_bps(&rungs);
        let floors = states.ladders_bps.iter().zip(&rungs).filter(|(_, rungs)| **rungs == 0).filter_map(|(ladder, _)| ladder.first());
        let next_floor_bps = floors.min().filter(|_| live_first);
        let mut place = 1;
        let mut most: Option<f64> = None;
        for (ladder, rungs) in states.ladders_bps.iter().zip(&rungs) {
            // While somebody waits for a floor, the cheapest of those is the step.
            let may_step = next_floor_bps.is_none_or(|floor_bps| *rungs == 0 && ladder.first() == Some(floor_bps));
            if may_step && *rungs < ladder.len() {
                let next_bps = total_bps + ladder[*rungs] - rungs.checked_sub(1).map_or(0, |at| ladder[at]);
                let value = grid.gain(total_bps, total_bps, Some(next_bps)) + best[state + place];
                most = Some(most.map_or(value, |most| most.max(value)));
            }
            place *= ladder.len() + 1;
        }
        best[state] = most.unwrap_or_else(|| grid.gain(total_bps, total_bps, None));
    }
    best[0]
}

/// The mean utilisation of the best choices, each made for its budget alone: the most live streams, and with those the most bits.
pub(crate) fn best_choices(scene: &[Wanted], grid: &Grid) -> f64 {
    let states = States::of(scene);
    let of_state = |state| {
        let rungs = states.rungs(state);
        (states.total_bps(&rungs), rungs.iter().filter(|rungs| **rungs > 0).count())
    };
    let mut choices: Vec<(BitsPerSecond, usize)> = (0..states.count()).map(of_state).collect();
    choices.sort_unstable();
    let mut choices = choices.into_iter().peekable();
    let (mut best, mut sum) = ((0, 0), 0.0);
    for budget_bps in &grid.budgets_bps {
        while let Some((total_bps, live)) = choices.next_if(|(total_bps, _)| total_bps <= budget_bps) {
            best = best.max((live, total_bps));
        }
        sum += float(best.1) / float(*budget_bps);
    }
    sum / float(grid.budgets_bps.len() as u64)
}
