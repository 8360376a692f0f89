//! The chain: the steps of all streams in one order, and how far along it a budget goes. [`allocate`](super::allocate()) has the idea, this file the order.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::{
    cmp::Reverse,
    hash::{Hash, Hasher},
};

use super::{Allocation, Budget, Choice, Demand, Priority, Reason, Rung};
use crate::{id::StreamId, stream::BitsPerSecond};

/// Steps of lower priority that go ahead of a climb cost together at most this part of it. A choice: with a third, on the scene of a speaker and three thumbnails, the mean utilisation comes within
/// 0.2 points of the best that any chain reaches, and the speaker still goes first; with a quarter it misses 0.4.
const AHEAD_OF_CLIMB: BitsPerSecond = 3;
/// The same for floors. A choice: whoever overtakes a floor delays not a sharper picture but the first one, so that it must be small beside it: five thumbnails at 50 kbps go ahead of a speaker who is
/// of no use below 2 Mbps, and none goes ahead of one who begins at 360p.
const AHEAD_OF_FLOOR: BitsPerSecond = 8;
/// How many times its own size a step stands higher than where it leads. A choice: with none, small steps wait for large ones, which on scenes with ragged ladders costs up to 6 % of what the best
/// chain gives; with twice it costs less than 1 % (`docs/SELECTION.md`), and a stream's step waits for others only while they climb to rates that compare with its own.
const SETBACK: BitsPerSecond = 2;

/// Makes plans, and keeps the room to work in from one to the next, so that planning takes no memory from the heap once the largest plan was made.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// The streams: the highest priority first, then by id.
    climbers: Vec<Climber>,
    /// Their steps, one stream's behind the other's.
    steps: Vec<Step>,
    /// A queue for each priority, the highest first; those from `classes` on are empty.
    queues: Vec<Queue>,
    classes: usize,
    /// Where steps stand and what they take, while the level is sought up to which all fit.
    levels: Vec<(BitsPerSecond, BitsPerSecond)>,
    allocation: Allocation,
}

/// A stream on its way up its ladder.
#[derive(Clone, Copy, Debug)]
struct Climber {
    stream: StreamId,
    priority: Priority,
    insists: bool,
    /// The place of its priority among all.
    class: usize,
    /// Where its steps begin, and how many there are.
    first: usize,
    steps: usize,
    /// How many of them it had before.
    held: usize,
    /// How many of them it has taken.
    taken: usize,
}

/// One step of one stream, to a rung that costs less than all better ones.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// What the stream has after it.
    rung: Rung,
    /// What it takes.
    bps: BitsPerSecond,
    /// Where it stands among the climbs of its class: no lower than the one before it, though it may be smaller.
    level: BitsPerSecond,
}

/// The next steps of the streams of one priority.
#[derive(Clone, Debug, Default)]
struct Queue {
    waiting: BinaryHeap<Reverse<Turn>>,
    /// What may still go ahead of the first of them.
    ahead_bps: BitsPerSecond,
}

/// When a stream takes its next step: the level where that stands; among equals, the lower rung first; then the higher priority or the lower id. One number, since that compares at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u128);

impl Turn {
    fn of(level: BitsPerSecond, place: usize, climber: usize) -> Self {
        Self(u128::from(level) << 64 | (place as u128 & 0xffff_ffff) << 32 | climber as u128 & 0xffff_ffff)
    }

    fn level(self) -> BitsPerSecond {
        (self.0 >> 64) as BitsPerSecond
    }

    fn climber(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }
}

/// The step that ended the plan.
#[derive(Clone, Copy, Debug)]
struct Refused {
    climber: usize,
    needs_bps: BitsPerSecond,
    budget_bps: BitsPerSecond,
    /// Whether it could be kept, if only it were there.
    fits_keep: bool,
}

/// The two parts of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Floors,
    Climbs,
}

impl Planner {
    /// Chooses a layer for each stream, such that all of them together need no more than the budget.
    pub fn plan(&mut self, budget: Budget, demands: &[Demand<'_>]) -> &Allocation {
        let budget = Budget { keep_bps: budget.keep_bps, climb_bps: budget.climb_bps.min(budget.keep_bps) };
        self.read(demands);
        let mut used_bps = 0;
        let mut refused = None;
        // What fits as a whole needs no order.
        if let Some(all_bps) = self.total(<[Step]>::last).filter(|bps| *bps <= budget.climb_bps) {
            self.climbers.iter_mut().for_each(|climber| climber.taken = climber.steps);
            used_bps = all_bps;
        } else {
            if let Some(floors_bps) = self.total(<[Step]>::first).filter(|bps| *bps <= budget.climb_bps) {
                self.climbers.iter_mut().for_each(|climber| climber.taken = climber.steps.min(1));
                used_bps = floors_bps;
            } else {
                refused = self.take(Part::Floors, budget, &mut used_bps);
            }
            refused = refused.or_else(|| self.take(Part::Climbs, budget, &mut used_bps));
        }
        debug_assert!(used_bps <= budget.keep_bps, "{used_bps} bps used of {budget:?}");
        self.answer(used_bps, refused);
        &self.allocation
    }

    /// The last plan.
    pub fn into_allocation(self) -> Allocation {
        self.allocation
    }

    fn read(&mut self, demands: &[Demand<'_>]) {
        self.climbers.clear();
        self.steps.clear();
        for demand in demands {
            let first = self.steps.len();
            let held = self.read_ladder(demand);
            let steps = self.steps.len() - first;
            let Demand { stream, priority, insists, .. } = *demand;
            self.climbers.push(Climber { stream, priority, insists, class: 0, first, steps, held, taken: 0 });
        }
        self.climbers.sort_unstable_by_key(|climber| (Reverse(climber.priority), climber.stream));
        let mut class = 0;
        let mut above = self.climbers.first().map(|climber| climber.priority);
        for climber in &mut self.climbers {
            class += usize::from(above.replace(climber.priority) != Some(climber.priority));
            climber.class = class;
        }
        self.classes = class + 1;
        if self.queues.len() < self.classes {
            self.queues.resize_with(self.classes, Queue::default);
        }
        // Whatever the budget, the next plan like this one finds room.
        self.levels.clear();
        self.levels.reserve(self.steps.len());
        for queue in &mut self.queues {
            queue.waiting.clear();
            queue.waiting.reserve(self.climbers.len());
        }
    }

    /// Adds the steps of a stream, to the rungs that flow and cost less than all better ones. Returns how many of them it had: up to its current layer, or to what takes no more.
    fn read_ladder(&mut self, demand: &Demand<'_>) -> usize {
        let first = self.steps.len();
        let current = demand.current.and_then(|current| demand.rungs.iter().position(|rung| rung.layer == current));
        let had = |at: usize, rung: &Rung| match (demand.current, current) {
            (Some(_), Some(current)) => at <= current || rung.bps <= demand.rungs[current].bps,
            // The layer has vanished.
            (Some(gone), None) => rung.layer < gone,
            (None, _) => false,
        };
        let mut held = 0;
        for (at, rung) in demand.rungs.iter().enumerate().filter(|(_, rung)| rung.bps > 0) {
            while self.steps.len() > first && self.steps[self.steps.len() - 1].rung.bps >= rung.bps {
                self.steps.pop();
            }
            let below = self.steps[first..].last();
            let bps = rung.bps - below.map_or(0, |below| below.rung.bps);
            let stands = rung.bps.saturating_add(bps.saturating_mul(SETBACK));
            // The climbs of a stream begin with the second step.
            let is_second = self.steps.len() == first + 1;
            let level = below.map_or(rung.bps, |below| if is_second { stands } else { stands.max(below.level) });
            self.steps.push(Step { rung: *rung, bps, level });
            held = if had(at, rung) { self.steps.len() - first } else { held.min(self.steps.len() - first - 1) };
        }
        held
    }

    fn ladder(&self, climber: &Climber) -> &[Step] {
        &self.steps[climber.first..climber.first + climber.steps]
    }

    /// What one rung of each stream needs together, unless no number can tell.
    fn total(&self, step: impl Fn(&[Step]) -> Option<&Step>) -> Option<BitsPerSecond> {
        let needs = self.climbers.iter().filter_map(|climber| step(self.ladder(climber)));
        needs.map(|step| step.rung.bps).try_fold(0, BitsPerSecond::checked_add)
    }

    /// Takes the steps of one part in their order, as far as the budget goes. Returns the first that does not fit.
    fn take(&mut self, part: Part, budget: Budget, used_bps: &mut BitsPerSecond) -> Option<Refused> {
        self.line_up(part);
        let mut is_alone = false;
        loop {
            if part == Part::Climbs
                && !is_alone
                && let Some(class) = self.only_class()
            {
                self.rise(class, budget.climb_bps.saturating_sub(*used_bps), used_bps);
                is_alone = true;
            }
            let at = self.pop_first()?;
            let climber = &self.climbers[at];
            let step = self.ladder(climber)[climber.taken];
            let had = climber.taken < climber.held;
            let budget_bps = if had { budget.keep_bps } else { budget.climb_bps };
            match used_bps.checked_add(step.bps) {
                Some(needs_bps) if needs_bps <= budget_bps => *used_bps = needs_bps,
                needs_bps => {
                    let needs_bps = needs_bps.unwrap_or(BitsPerSecond::MAX);
                    return Some(Refused { climber: at, needs_bps, budget_bps, fits_keep: !had && needs_bps <= budget.keep_bps });
                }
            }
            let class = climber.class;
            self.climbers[at].taken += 1;
            if part == Part::Climbs {
                self.queue_next(at, part);
            }
            if !is_alone {
                self.set_credit(class, part);
            }
        }
    }

    /// Queues the next step of every stream.
    fn line_up(&mut self, part: Part) {
        for at in 0..self.climbers.len() {
            self.queue_next(at, part);
        }
        for class in 0..self.classes {
            self.set_credit(class, part);
        }
    }

    /// The class that waits, if it is the only one.
    fn only_class(&self) -> Option<usize> {
        let mut waiting = (0..self.classes).filter(|class| !self.queues[*class].waiting.is_empty());
        waiting.next().filter(|_| waiting.next().is_none())
    }

    /// Takes the climbs of the only class that waits below the highest level such that all of them fit: without an order, since that takes time.
    fn rise(&mut self, class: usize, left_bps: BitsPerSecond, used_bps: &mut BitsPerSecond) {
        let Self { climbers, steps, levels, queues, .. } = self;
        levels.clear();
        for climber in climbers.iter().filter(|climber| climber.class == class) {
            let ladder = &steps[climber.first..climber.first + climber.steps];
            levels.extend(ladder[climber.taken..].iter().map(|step| (step.level, step.bps)));
        }
        let level = level_reached(levels, left_bps);
        for climber in climbers.iter_mut().filter(|climber| climber.class == class) {
            let ladder = &steps[climber.first..climber.first + climber.steps];
            while let Some(step) = ladder.get(climber.taken).filter(|step| step.level < level) {
                climber.taken += 1;
                *used_bps += step.bps;
            }
        }
        queues[class].waiting.clear();
        for at in 0..self.climbers.len() {
            if self.climbers[at].class == class {
                self.queue_next(at, Part::Climbs);
            }
        }
    }

    /// Queues the next step of a stream, if it has one.
    fn queue_next(&mut self, at: usize, part: Part) {
        let climber = &self.climbers[at];
        let Some(Step { level, .. }) = self.ladder(climber).get(climber.taken).copied() else { return };
        // Of floors that cost the same, those go first below which nothing is of use.
        let place = if part == Part::Floors { usize::from(!climber.insists) } else { climber.taken };
        self.queues[climber.class].waiting.push(Reverse(Turn::of(level, place, at)));
    }

    /// Lets others go ahead of the step that is now the first of its class.
    fn set_credit(&mut self, class: usize, part: Part) {
        let share = match part {
            Part::Floors => AHEAD_OF_FLOOR,
            Part::Climbs => AHEAD_OF_CLIMB,
        };
        let ahead_bps = self.queues[class].waiting.peek().map_or(0, |first| self.next_bps(first.0) / share);
        self.queues[class].ahead_bps = ahead_bps;
    }

    fn next_bps(&self, turn: Turn) -> BitsPerSecond {
        let climber = &self.climbers[turn.climber()];
        self.ladder(climber)[climber.taken].bps
    }

    /// Takes the stream whose step comes next off its queue.
    ///
    /// The order of a class and all below it is made of two: the class's own, and that of all below. Before each step of its own as many of the latter go as may go ahead of it.
    fn pop_first(&mut self) -> Option<usize> {
        let mut first: Option<(usize, Turn)> = None;
        for class in (0..self.classes).rev() {
            let Some(Reverse(own)) = self.queues[class].waiting.peek() else { continue };
            let goes_ahead =
                first.is_some_and(|(_, below)| self.next_bps(below) <= self.queues[class].ahead_bps && below.level() < own.level());
            if !goes_ahead {
                first = Some((class, *own));
            }
        }
        let (class, turn) = first?;
        if class > 0 {
            let bps = self.next_bps(turn);
            // It goes ahead of all of these, or they have nothing to take.
            self.queues[..class].iter_mut().for_each(|queue| queue.ahead_bps = queue.ahead_bps.saturating_sub(bps));
        }
        self.queues[class].waiting.pop();
        Some(turn.climber())
    }

    fn answer(&mut self, used_bps: BitsPerSecond, refused: Option<Refused>) {
        let Self { climbers, steps, allocation, .. } = self;
        let next = refused.map(|refused| (refused, climbers[refused.climber].stream));
        allocation.choices.clear();
        let mut desired_bps: BitsPerSecond = 0;
        for climber in climbers.iter() {
            let ladder = &steps[climber.first..climber.first + climber.steps];
            desired_bps = desired_bps.saturating_add(ladder.last().map_or(0, |step| step.rung.bps));
            let layer = climber.taken.checked_sub(1).map(|at| ladder[at].rung.layer);
            let reason = match next {
                _ if ladder.is_empty() => Reason::NoLayer,
                Some((refused, first)) if climber.taken < climber.steps => refused.told(climber.stream, first),
                _ => Reason::Highest,
            };
            allocation.choices.push(Choice { stream: climber.stream, layer, reason });
        }
        if self.classes > 1 {
            allocation.choices.sort_unstable_by_key(|choice| choice.stream);
        }
        allocation.used_bps = used_bps;
        allocation.minimum_bps = refused.map_or(used_bps, |refused| refused.needs_bps);
        allocation.desired_bps = desired_bps;
    }
}

impl Refused {
    /// Why `stream` rose no higher, where the first step that did not fit was that of `first`.
    fn told(&self, stream: StreamId, first: StreamId) -> Reason {
        let Self { needs_bps, budget_bps, fits_keep, .. } = *self;
        match (stream == first, fits_keep) {
            (true, false) => Reason::Budget { needs_bps, budget_bps },
            (true, true) => Reason::Settling { needs_bps, budget_bps },
            (false, _) => Reason::Behind { stream: first, needs_bps, budget_bps },
        }
    }
}

/// The highest level such that all steps below it fit. Each is where a step stands, and what it takes; not all of them fit.
///
/// A search that halves: the lower half of the steps fits, and then the level is sought in the upper one; or it does not. So it looks at each step twice on average, and sorts none.
fn level_reached(steps: &mut [(BitsPerSecond, BitsPerSecond)], mut left_bps: BitsPerSecond) -> BitsPerSecond {
    let mut reached = BitsPerSecond::MAX;
    let mut steps = steps;
    while !steps.is_empty() {
        let (low, middle, high) = steps.select_nth_unstable_by_key(steps.len() / 2, |step| step.0);
        let needs_bps = low.iter().try_fold(middle.1, |sum: BitsPerSecond, step| sum.checked_add(step.1));
        if let Some(rest_bps) = needs_bps.and_then(|needs_bps| left_bps.checked_sub(needs_bps)) {
            (left_bps, steps) = (rest_bps, high);
        } else {
            (reached, steps) = (middle.0, low);
        }
    }
    reached
}

/// Planners differ in nothing but the memory they hold: whatever was planned before, the next plan is the same. So an owner that is compared need not leave its planner out.
impl PartialEq for Planner {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Planner {}

impl Hash for Planner {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
