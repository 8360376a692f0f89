//! The chain: the steps of all streams in one order, and how far along it a budget goes. [`allocate`](super::allocate()) has the idea, this file the order.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use super::{Allocation, Budget, Choice, Demand, Priority, Reason, Rung, Source};
use crate::{id::StreamId, stream::BitsPerSecond};

/// What goes ahead of a climb costs together no more than the climb, so that whoever goes first waits at most until the line carries its step twice. Of what goes ahead of a camera's climb, that which leads to as much as the
/// camera has already, or more, goes only while all costs no more than this part of it. A choice: thumbnails get sharp before the speaker gets sharper, but no other camera comes level with the speaker while it waits; with a
/// third, on the scene of a speaker and three thumbnails, the mean utilisation comes within 0.2 points of the best that any chain reaches, with a quarter it misses 0.4. A screen is declared for the moment in which a page is
/// turned and takes a tenth of that otherwise, so what its step holds up lies idle nearly all of the time: ahead of it goes whatever costs no more.
const LEVEL_WITH_CAMERA: BitsPerSecond = 3;
/// What goes ahead of a floor costs together at most this part of it. A choice: whoever overtakes a floor delays not a sharper picture but the first one, so that it must be small beside it: five thumbnails at 50 kbps go ahead of a speaker who is
/// of no use below 2 Mbps, and none goes ahead of one who begins at 360p.
const AHEAD_OF_FLOOR: BitsPerSecond = 8;
/// How many times its own size a step stands higher than where it leads. A choice: with none, small steps wait for large ones, which on scenes with ragged ladders costs up to 6 % of what the best
/// chain gives; with twice it costs less than 1 % (`docs/SELECTION.md`), and a stream's step waits for others only while they climb to rates that compare with its own.
const SETBACK: BitsPerSecond = 2;

/// Makes plans, and keeps the room to work in from one to the next, so that planning takes no memory from the heap once the largest plan was made.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// The streams, by id.
    climbers: Vec<Climber>,
    /// Their steps, one stream's behind the other's.
    steps: Vec<Step>,
    /// A queue for each priority, the highest first; those from `classes` on are empty.
    queues: Vec<Queue>,
    classes: usize,
    /// Where the level is sought up to which all steps fit.
    windows: Vec<Window>,
    allocation: Allocation,
}

/// A stream on its way up its ladder.
#[derive(Clone, Copy, Debug)]
struct Climber {
    stream: StreamId,
    priority: Priority,
    insists: bool,
    source: Source,
    /// The place of its priority among all, the highest first.
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

/// The steps of one stream that a search is still about: those before are taken, and those behind do not fit.
#[derive(Clone, Copy, Debug)]
struct Window {
    climber: usize,
    from: usize,
    to: usize,
    /// What the stream has before them.
    bps: BitsPerSecond,
    /// Where the level that is tried cuts them.
    cut: usize,
}

/// The steps of the streams of one priority, in their order.
#[derive(Clone, Debug, Default)]
struct Queue {
    turns: Vec<Turn>,
    /// How many of them are taken.
    taken: usize,
    /// The first that waits.
    first: Option<Head>,
    /// What may still go ahead of it ...
    ahead_bps: BitsPerSecond,
    /// ... and how much of that only what leads to less than its stream has.
    for_lesser_bps: BitsPerSecond,
}

/// The first step of a queue.
#[derive(Clone, Copy, Debug)]
struct Head {
    level: BitsPerSecond,
    bps: BitsPerSecond,
    /// Where it leads.
    to_bps: BitsPerSecond,
    climber: usize,
}

/// When a stream takes a step: the level where that stands; among equals, the lower rung first; then the lower id. One number, since that compares at once. Each stream's own turns come one after the other in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u128);

impl Turn {
    fn of(level: BitsPerSecond, place: usize, climber: usize) -> Self {
        Self(u128::from(level) << 64 | (place as u128 & 0xffff_ffff) << 32 | climber as u128 & 0xffff_ffff)
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

/// What all streams need together: sums that no number of streams makes too large.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    floors_bps: u128,
    all_bps: u128,
}

impl Planner {
    /// Chooses a layer for each stream, such that all of them together need no more than the budget.
    pub fn plan(&mut self, budget: Budget, demands: &[Demand<'_>]) -> &Allocation {
        let budget = Budget { keep_bps: budget.keep_bps, climb_bps: budget.climb_bps.min(budget.keep_bps) };
        let Totals { floors_bps, all_bps } = self.read(demands);
        let fits = |bps: u128| BitsPerSecond::try_from(bps).ok().filter(|bps| *bps <= budget.climb_bps);
        let mut used_bps = 0;
        let mut refused = None;
        // What fits as a whole needs no order.
        if let Some(all_bps) = fits(all_bps) {
            self.climbers.iter_mut().for_each(|climber| climber.taken = climber.steps);
            used_bps = all_bps;
        } else {
            if let Some(floors_bps) = fits(floors_bps) {
                self.climbers.iter_mut().for_each(|climber| climber.taken = climber.steps.min(1));
                used_bps = floors_bps;
            } else {
                refused = self.merge(Part::Floors, 0, budget, &mut used_bps);
            }
            refused = refused.or_else(|| self.climb(budget, &mut used_bps));
        }
        debug_assert!(used_bps <= budget.keep_bps, "{used_bps} bps used of {budget:?}");
        self.answer(used_bps, refused);
        &self.allocation
    }

    /// The last plan.
    pub fn into_allocation(self) -> Allocation {
        self.allocation
    }

    fn read(&mut self, demands: &[Demand<'_>]) -> Totals {
        self.climbers.clear();
        self.steps.clear();
        let mut totals = Totals::default();
        // One bit for each priority that occurs.
        let mut priorities = [0_u128; 2];
        for demand in demands {
            let first = self.steps.len();
            read_ladder(demand.rungs, &mut self.steps);
            let ladder = &self.steps[first..];
            totals.floors_bps += u128::from(ladder.first().map_or(0, |step| step.rung.bps));
            totals.all_bps += u128::from(ladder.last().map_or(0, |step| step.rung.bps));
            let (held, steps) = (held(demand, ladder), ladder.len());
            let Demand { stream, priority, insists, source, .. } = *demand;
            priorities[usize::from(priority.0 >> 7)] |= 1 << (priority.0 & 127);
            self.climbers.push(Climber { stream, priority, insists, source, class: 0, first, steps, held, taken: 0 });
        }
        self.climbers.sort_unstable_by_key(|climber| climber.stream);
        self.classes = priorities.iter().map(|bits| bits.count_ones() as usize).sum();
        if self.classes > 1 {
            for climber in &mut self.climbers {
                let Priority(own) = climber.priority;
                let higher = |half: u8, from: u8| priorities[usize::from(half)].checked_shr(from.into()).unwrap_or(0).count_ones() as usize;
                climber.class = if own < 128 { higher(0, own + 1) + higher(1, 0) } else { higher(1, own - 127) };
            }
        }
        // Whatever the budget, the next plan like this one finds room.
        self.windows.clear();
        self.windows.reserve(self.climbers.len());
        if self.queues.len() < self.classes {
            self.queues.resize_with(self.classes, Queue::default);
        }
        for queue in &mut self.queues {
            queue.turns.clear();
            queue.turns.reserve(self.steps.len());
        }
        totals
    }

    fn ladder(&self, climber: &Climber) -> &[Step] {
        &self.steps[climber.first..climber.first + climber.steps]
    }

    /// Takes the climbs in their order, as far as the budget goes. Returns the first that does not fit.
    ///
    /// As long as a whole class fits with all that may go ahead of it, it does not matter when which of them goes: those below come to the same in the end.
    fn climb(&mut self, budget: Budget, used_bps: &mut BitsPerSecond) -> Option<Refused> {
        let mut class = 0;
        while class + 1 < self.classes {
            let climbers = self.climbers.iter().filter(|climber| climber.class == class);
            let above = |climber: &Climber| {
                let ladder = self.ladder(climber);
                ladder.last().map_or(0, |top| top.rung.bps) - climber.taken.checked_sub(1).map_or(0, |at| ladder[at].rung.bps)
            };
            let (mut whole_bps, mut at_most_bps): (BitsPerSecond, BitsPerSecond) = (0, *used_bps);
            for climber in climbers {
                let above_bps = above(climber);
                whole_bps = whole_bps.saturating_add(above_bps);
                at_most_bps = at_most_bps.saturating_add(above_bps).saturating_add(above_bps);
            }
            if at_most_bps > budget.climb_bps || at_most_bps == BitsPerSecond::MAX {
                return self.merge(Part::Climbs, class, budget, used_bps);
            }
            *used_bps += whole_bps;
            self.climbers.iter_mut().filter(|climber| climber.class == class).for_each(|climber| climber.taken = climber.steps);
            class += 1;
        }
        self.climb_alone(class, budget, used_bps)
    }

    /// Takes the climbs of the only class that waits. The order of all of them is not needed for that, only what stands below the level that the budget reaches.
    fn climb_alone(&mut self, class: usize, budget: Budget, used_bps: &mut BitsPerSecond) -> Option<Refused> {
        self.rise(class, |_, climber| climber.steps, budget.climb_bps, used_bps);
        // From there on only what was had before can be taken: up to the first that was not.
        let of_class = || self.climbers.iter().filter(|climber| climber.class == class);
        if of_class().any(|climber| climber.taken < climber.held) {
            let first_new = |climber: &Climber| self.ladder(climber).get(climber.taken.max(climber.held)).map(|step| step.level);
            let level = of_class().filter_map(first_new).min().unwrap_or(BitsPerSecond::MAX);
            let until = |steps: &[Step], climber: &Climber| {
                let ladder = &steps[climber.first..climber.first + climber.held];
                ladder.partition_point(|step| step.level < level).max(climber.taken)
            };
            self.rise(class, until, budget.keep_bps, used_bps);
        }
        // What is left are steps that stand on one level: the lower rungs go first, then the lower ids, which is the order of the climbers.
        let next = |steps: &[Step], climber: &Climber| {
            let ladder = &steps[climber.first..climber.first + climber.steps];
            ladder.get(climber.taken).map(|step| (step.level, climber.taken))
        };
        loop {
            let of_class = self.climbers.iter().filter(|climber| climber.class == class);
            let turn = of_class.filter_map(|climber| next(&self.steps, climber)).min()?;
            for at in 0..self.climbers.len() {
                let climber = &self.climbers[at];
                if climber.class == class
                    && next(&self.steps, climber) == Some(turn)
                    && let Err(refused) = self.step(at, budget, used_bps)
                {
                    return Some(refused);
                }
            }
        }
    }

    /// Takes the climbs of a class, each stream's up to one, that stand below the highest level such that all of them fit.
    ///
    /// A search that halves: of what is in question the middle step is tried, and all that stand no higher fit together and are taken, or else nothing from there on is in question any more. Ladders are in order, so
    /// each cut finds its place in a ladder by halving too, and nothing is moved.
    fn rise(&mut self, class: usize, until: impl Fn(&[Step], &Climber) -> usize, budget_bps: BitsPerSecond, used_bps: &mut BitsPerSecond) {
        let Self { climbers, steps, windows, .. } = self;
        windows.clear();
        let mut open = 0;
        for (at, climber) in climbers.iter().enumerate().filter(|(_, climber)| climber.class == class) {
            let (from, to) = (climber.first + climber.taken, climber.first + until(steps, climber));
            let bps = climber.taken.checked_sub(1).map_or(0, |at| steps[climber.first + at].rung.bps);
            if from < to {
                open += to - from;
                windows.push(Window { climber: at, from, to, bps, cut: from });
            }
        }
        while open > 0 {
            let mut before = open / 2;
            let in_window = |window: &&Window| {
                let width = window.to - window.from;
                let is_here = before < width;
                before -= if is_here { 0 } else { width };
                is_here
            };
            let middle = windows.iter().find(in_window).map_or(0, |window| window.from);
            let level = steps[middle + before].level;
            let mut needs_bps = u128::from(*used_bps);
            for window in &mut *windows {
                window.cut = window.from + steps[window.from..window.to].partition_point(|step| step.level <= level);
                if window.cut > window.from {
                    needs_bps += u128::from(steps[window.cut - 1].rung.bps - window.bps);
                }
            }
            let fits = BitsPerSecond::try_from(needs_bps).ok().filter(|bps| *bps <= budget_bps);
            open = 0;
            for window in &mut *windows {
                if fits.is_none() {
                    window.to = window.cut;
                    while window.to > window.from && steps[window.to - 1].level == level {
                        window.to -= 1;
                    }
                } else if window.cut > window.from {
                    (window.from, window.bps) = (window.cut, steps[window.cut - 1].rung.bps);
                }
                open += window.to - window.from;
            }
            *used_bps = fits.unwrap_or(*used_bps);
        }
        for window in windows {
            let climber = &mut climbers[window.climber];
            climber.taken = window.from - climber.first;
        }
    }

    /// Takes the next step of a stream, or says why not.
    fn step(&mut self, at: usize, budget: Budget, used_bps: &mut BitsPerSecond) -> Result<(), Refused> {
        let climber = &self.climbers[at];
        let step = self.ladder(climber)[climber.taken];
        let had = climber.taken < climber.held;
        let budget_bps = if had { budget.keep_bps } else { budget.climb_bps };
        match used_bps.checked_add(step.bps) {
            Some(needs_bps) if needs_bps <= budget_bps => {
                *used_bps = needs_bps;
                self.climbers[at].taken += 1;
                Ok(())
            }
            needs_bps => {
                let needs_bps = needs_bps.unwrap_or(BitsPerSecond::MAX);
                Err(Refused { climber: at, needs_bps, budget_bps, fits_keep: !had && needs_bps <= budget.keep_bps })
            }
        }
    }

    /// Takes the steps of one part, of one class and all below it, in their order, as far as the budget goes. Returns the first that does not fit.
    fn merge(&mut self, part: Part, first_class: usize, budget: Budget, used_bps: &mut BitsPerSecond) -> Option<Refused> {
        self.line_up(part, first_class);
        for class in first_class..self.classes {
            self.advance(class, part);
        }
        loop {
            let (class, at, is_alone) = self.first()?;
            if is_alone && part == Part::Climbs {
                return self.climb_alone(class, budget, used_bps);
            }
            if let Err(refused) = self.step(at, budget, used_bps) {
                return Some(refused);
            }
            self.queues[class].taken += 1;
            self.advance(class, part);
        }
    }

    /// Puts the steps of a class and all below it in order: of climbs all of them, of floors the one that each stream has.
    fn line_up(&mut self, part: Part, first_class: usize) {
        let Self { climbers, steps, queues, .. } = self;
        for queue in &mut *queues {
            queue.turns.clear();
            queue.taken = 0;
            queue.first = None;
        }
        for (at, climber) in climbers.iter().enumerate().filter(|(_, climber)| climber.class >= first_class) {
            let ladder = &steps[climber.first..climber.first + climber.steps];
            let turns = &mut queues[climber.class].turns;
            match part {
                // Of floors that cost the same, those go first below which nothing is of use.
                Part::Floors => turns.extend(ladder.first().map(|floor| Turn::of(floor.level, usize::from(!climber.insists), at))),
                Part::Climbs => {
                    let waiting = (climber.taken..).zip(&ladder[climber.taken..]);
                    turns.extend(waiting.map(|(place, step)| Turn::of(step.level, place, at)));
                }
            }
        }
        for queue in queues {
            queue.turns.sort_unstable();
        }
    }

    /// Looks up the step that is now the first of its class, and lets others go ahead of it.
    fn advance(&mut self, class: usize, part: Part) {
        let Self { climbers, steps, queues, .. } = self;
        let queue = &mut queues[class];
        queue.first = queue.turns.get(queue.taken).map(|turn| {
            let climber = turn.climber();
            let Step { level, bps, rung } = steps[climbers[climber].first + climbers[climber].taken];
            Head { level, bps, to_bps: rung.bps, climber }
        });
        (queue.ahead_bps, queue.for_lesser_bps) = match (queue.first, part) {
            (None, _) => (0, 0),
            (Some(Head { bps, .. }), Part::Floors) => (bps / AHEAD_OF_FLOOR, 0),
            (Some(Head { bps, climber, .. }), Part::Climbs) => match climbers[climber].source {
                Source::Camera => (bps, bps - bps / LEVEL_WITH_CAMERA),
                Source::Screen => (bps, 0),
            },
        };
    }

    /// The class and the stream whose step comes next, and whether no other class has any left.
    ///
    /// The order of a class and all below it is made of two: the class's own, and that of all below. Before each step of its own as many of the latter go as may go ahead of it.
    fn first(&mut self) -> Option<(usize, usize, bool)> {
        let queues = &mut self.queues[..self.classes];
        let mut first: Option<(usize, Head)> = None;
        let mut is_alone = true;
        for (class, queue) in queues.iter().enumerate().rev() {
            let Some(own) = queue.first else { continue };
            is_alone &= first.is_none();
            let goes_ahead = first.is_some_and(|(_, below)| {
                let not_for_it_bps = if below.to_bps < own.to_bps - own.bps { 0 } else { queue.for_lesser_bps };
                below.bps <= queue.ahead_bps.saturating_sub(not_for_it_bps) && below.level < own.level
            });
            if !goes_ahead {
                first = Some((class, own));
            }
        }
        let (class, Head { bps, climber, .. }) = first?;
        // It goes ahead of all of these, or they have nothing to take.
        for queue in &mut queues[..class] {
            queue.ahead_bps = queue.ahead_bps.saturating_sub(bps);
        }
        Some((class, climber, is_alone))
    }

    fn answer(&mut self, used_bps: BitsPerSecond, refused: Option<Refused>) {
        let Self { climbers, steps, allocation, .. } = self;
        let next = refused.map(|refused| (refused, climbers[refused.climber].stream));
        allocation.choices.clear();
        let mut desired_bps: BitsPerSecond = 0;
        allocation.choices.extend(climbers.iter().map(|climber| {
            let ladder = &steps[climber.first..climber.first + climber.steps];
            desired_bps = desired_bps.saturating_add(ladder.last().map_or(0, |step| step.rung.bps));
            let layer = climber.taken.checked_sub(1).map(|at| ladder[at].rung.layer);
            let reason = match next {
                _ if ladder.is_empty() => Reason::NoLayer,
                Some((refused, first)) if climber.taken < climber.steps => refused.told(climber.stream, first),
                _ => Reason::Highest,
            };
            Choice { stream: climber.stream, layer, reason }
        }));
        allocation.used_bps = used_bps;
        allocation.minimum_bps = refused.map_or(used_bps, |refused| refused.needs_bps);
        allocation.desired_bps = desired_bps;
    }
}

/// Adds the steps of a ladder: to the rungs that flow and cost less than all better ones.
fn read_ladder(rungs: &[Rung], steps: &mut Vec<Step>) {
    let first = steps.len();
    steps.reserve(rungs.len());
    let (mut below_bps, mut below_level) = (0, 0);
    for rung in rungs.iter().filter(|rung| rung.bps > 0) {
        if rung.bps <= below_bps {
            while steps[first..].last().is_some_and(|step| step.rung.bps >= rung.bps) {
                steps.pop();
            }
            below_bps = steps[first..].last().map_or(0, |step| step.rung.bps);
            below_level = if steps.len() > first + 1 { steps[steps.len() - 1].level } else { 0 };
        }
        let bps = rung.bps - below_bps;
        // A floor stands where it leads. The climbs of a stream begin with the second step, and a climb stands no lower than the one before it.
        let is_floor = steps.len() == first;
        let level = if is_floor { rung.bps } else { rung.bps.saturating_add(bps.saturating_mul(SETBACK)).max(below_level) };
        steps.push(Step { rung: *rung, bps, level });
        (below_bps, below_level) = (rung.bps, if is_floor { 0 } else { level });
    }
}

/// How many of the steps the stream had: up to its current layer, or to what takes no more; where that layer flows no longer, up to the next lower one.
fn held(demand: &Demand<'_>, ladder: &[Step]) -> usize {
    let Some(current) = demand.current else { return 0 };
    match demand.rungs.iter().find(|rung| rung.layer == current).filter(|rung| rung.bps > 0) {
        Some(had) => ladder.iter().take_while(|step| step.rung.bps <= had.bps).count(),
        // Where a layer that does not flow stands among the others says nothing: they are in order of their rates.
        None => ladder.iter().rposition(|step| step.rung.layer < current).map_or(0, |at| at + 1),
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
