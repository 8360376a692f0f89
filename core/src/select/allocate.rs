//! Sharing one connection among streams: the longest beginning of a fixed order of steps that the budget carries.

use alloc::vec::Vec;
use core::{cmp::Reverse, fmt};

use super::{Layer, Rung};
use crate::{id::StreamId, stream::BitsPerSecond};

/// What goes ahead of a climb of higher priority costs together at most this part of it.
const AHEAD_OF_CLIMB: u64 = 3;
/// What goes ahead of a floor of higher priority costs together at most this part of it.
const AHEAD_OF_FLOOR: u64 = 8;

/// What the connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// What may be kept: layers that a stream has already need to fit this, in bits per second.
    pub keep_bps: BitsPerSecond,
    /// What may be climbed to: layers that a stream does not have yet need to fit this. No more than what may be kept; what is above counts as that.
    pub climb_bps: BitsPerSecond,
}

impl Budget {
    /// The same for what is kept and for what is new.
    pub const fn of(bps: BitsPerSecond) -> Self {
        Self { keep_bps: bps, climb_bps: bps }
    }
}

/// Whose steps go first: the higher number's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

/// What one subscriber wants of one stream, and what that would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand<'a> {
    /// The stream. Each occurs once in a call.
    pub stream: StreamId,
    /// Whose steps go first.
    pub priority: Priority,
    /// Whether the subscriber named the least that is worth having. Of two streams whose lowest rungs cost the same, the one that has no use for less goes first.
    pub insists: bool,
    /// The layers that are wanted and worth having, in the order in which they are, the least first ([`arrange`](super::arrange)). The first that flows is the floor: where it does not fit, the
    /// stream is paused.
    pub rungs: &'a [Rung],
    /// The layer that was chosen before.
    pub current: Option<Layer>,
}

/// The layer chosen for a stream, and why it is not a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The stream.
    pub stream: StreamId,
    /// The layer; none to send nothing.
    pub layer: Option<Layer>,
    /// Why.
    pub reason: Reason,
}

/// Why a choice is not a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is the best of the wanted layers that flow.
    Highest,
    /// Its next layer is the next step of all, and does not fit.
    Budget {
        /// What everything together would need with it, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is to keep.
        budget_bps: BitsPerSecond,
    },
    /// Its next layer is the next step of all, and could be kept, but is not to be climbed to yet.
    Settling {
        /// What everything together would need with it, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is to climb to.
        budget_bps: BitsPerSecond,
    },
    /// Another stream's next layer comes first.
    Behind {
        /// The other stream.
        stream: StreamId,
        /// What everything together would need with that one's next layer, in bits per second.
        needs_bps: BitsPerSecond,
        /// What there is: to keep, or to climb to.
        budget_bps: BitsPerSecond,
    },
    /// None of the layers that are wanted and worth having flows.
    NoLayer,
}

/// One layer for each stream, and the rates that sending and probing work towards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Allocation {
    /// One choice for each demand, in order of the streams' ids.
    pub choices: Vec<Choice>,
    /// What the chosen layers need together. Never more than what may be kept.
    pub used_bps: BitsPerSecond,
    /// What must be there to climb to for the next step to be taken: what to send at least, filled up with padding as far as the estimate allows. As much as is used where no step is left.
    pub minimum_bps: BitsPerSecond,
    /// What everything together needs at its best: what the bandwidth prober should look for. Never less than the minimum.
    pub desired_bps: BitsPerSecond,
}

/// Chooses a layer for each stream, such that all of them together need no more than the budget. A [`Planner`] does the same without taking memory each time.
pub fn allocate(budget: Budget, demands: &[Demand<'_>]) -> Allocation {
    let mut planner = Planner::default();
    planner.plan(budget, demands);
    planner.allocation
}

/// Room to work in, kept from one plan to the next so that planning takes no memory from the heap.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// The streams: highest priority first, then by id.
    climbers: Vec<Climber>,
    /// Their rungs, one stream's behind the other's.
    rungs: Vec<Step>,
    classes: Vec<Class>,
    /// One heap for each class, in its own part: what each of its streams would take next.
    heaps: Vec<u128>,
    allocation: Allocation,
}

/// A rung that costs less than all above it.
#[derive(Clone, Copy, Debug)]
struct Step {
    bps: BitsPerSecond,
    layer: Layer,
}

/// A stream on its way up.
#[derive(Clone, Copy, Debug)]
struct Climber {
    stream: StreamId,
    priority: Priority,
    insists: bool,
    /// Where its rungs begin.
    first: usize,
    /// How many it has.
    rungs: usize,
    /// How many of them it had before.
    held: usize,
    /// How many of them it has taken.
    taken: usize,
}

/// The streams of one priority.
#[derive(Clone, Copy, Debug)]
struct Class {
    first: usize,
    end: usize,
    /// How many of its streams wait.
    waiting: usize,
    /// What may still go ahead of its next step.
    ahead_bps: BitsPerSecond,
}

/// The step that comes next, and does not fit.
#[derive(Clone, Copy, Debug)]
struct Next {
    climber: usize,
    needs_bps: BitsPerSecond,
    budget_bps: BitsPerSecond,
    settling: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Floors,
    Climbs,
}

impl Planner {
    /// Chooses a layer for each stream, such that all of them together need no more than the budget.
    pub fn plan(&mut self, budget: Budget, demands: &[Demand<'_>]) -> &Allocation {
        let budget = Budget { climb_bps: budget.climb_bps.min(budget.keep_bps), ..budget };
        self.read(demands);
        let mut used_bps = 0;
        let mut next = self.take(Phase::Floors, budget, &mut used_bps);
        if next.is_none() {
            next = self.take(Phase::Climbs, budget, &mut used_bps);
        }
        self.answer(used_bps, next);
        &self.allocation
    }

    fn read(&mut self, demands: &[Demand<'_>]) {
        self.climbers.clear();
        self.rungs.clear();
        self.classes.clear();
        for demand in demands {
            let first = self.rungs.len();
            let current = demand.current.and_then(|current| demand.rungs.iter().position(|rung| rung.layer == current));
            let held_bps = current.map_or(0, |at| demand.rungs[at].bps);
            let mut held = 0;
            let mut above_bps = BitsPerSecond::MAX;
            for (at, rung) in demand.rungs.iter().enumerate().rev() {
                if rung.bps == 0 || rung.bps >= above_bps {
                    continue;
                }
                above_bps = rung.bps;
                self.rungs.push(Step { bps: rung.bps, layer: rung.layer });
                let kept = match (current, demand.current) {
                    (Some(current), _) => at <= current || rung.bps <= held_bps,
                    (None, Some(gone)) => rung.layer <= gone,
                    (None, None) => false,
                };
                held += usize::from(kept);
            }
            self.rungs[first..].reverse();
            self.climbers.push(Climber {
                stream: demand.stream,
                priority: demand.priority,
                insists: demand.insists,
                first,
                rungs: self.rungs.len() - first,
                held,
                taken: 0,
            });
        }
        self.climbers.sort_unstable_by_key(|climber| (Reverse(climber.priority), climber.stream));
        for (at, climber) in self.climbers.iter().enumerate() {
            match self.classes.last_mut() {
                Some(class) if self.climbers[class.first].priority == climber.priority => class.end = at + 1,
                _ => self.classes.push(Class { first: at, end: at + 1, waiting: 0, ahead_bps: 0 }),
            }
        }
    }

    /// Takes the steps of one phase in their order, as far as the budget goes; the first that does not fit ends it.
    fn take(&mut self, phase: Phase, budget: Budget, used_bps: &mut BitsPerSecond) -> Option<Next> {
        self.line_up(phase);
        while let Some(class) = self.next_class(phase) {
            let at = self.head(class);
            let climber = self.climbers[at];
            let step_bps = self.step_bps(&climber);
            let needs_bps = used_bps.checked_add(step_bps);
            let held = climber.taken < climber.held;
            let budget_bps = if held { budget.keep_bps } else { budget.climb_bps };
            match needs_bps {
                Some(needs_bps) if needs_bps <= budget_bps => *used_bps = needs_bps,
                _ => {
                    let needs_bps = needs_bps.unwrap_or(BitsPerSecond::MAX);
                    return Some(Next { climber: at, needs_bps, budget_bps, settling: needs_bps <= budget.keep_bps });
                }
            }
            for above in &mut self.classes[..class] {
                if above.waiting > 0 {
                    above.ahead_bps -= step_bps;
                }
            }
            self.climbers[at].taken += 1;
            self.advance(class, phase);
        }
        None
    }

    /// Fills the heaps with the first step of each stream.
    fn line_up(&mut self, phase: Phase) {
        self.heaps.clear();
        self.heaps.resize(self.climbers.len(), 0);
        for class in 0..self.classes.len() {
            let Class { first, end, .. } = self.classes[class];
            let mut waiting = 0;
            for at in first..end {
                if let Some(key) = self.key(at, phase) {
                    self.heaps[first + waiting] = key;
                    waiting += 1;
                }
            }
            self.heaps[first..first + waiting].sort_unstable();
            self.classes[class].waiting = waiting;
            self.credit(class, phase);
        }
    }

    /// Where a stream's next step stands in its class: by what it leads to, then by id.
    fn key(&self, at: usize, phase: Phase) -> Option<u128> {
        let climber = &self.climbers[at];
        let open = match phase {
            Phase::Floors => climber.taken == 0 && climber.rungs > 0,
            Phase::Climbs => climber.taken < climber.rungs,
        };
        let later = u128::from(phase == Phase::Floors && !climber.insists);
        open.then(|| u128::from(self.rungs[climber.first + climber.taken].bps) << 64 | later << 63 | at as u128)
    }

    fn head(&self, class: usize) -> usize {
        (self.heaps[self.classes[class].first] & ((1 << 63) - 1)) as usize
    }

    fn step_bps(&self, climber: &Climber) -> BitsPerSecond {
        let to = self.rungs[climber.first + climber.taken].bps;
        let from = climber.taken.checked_sub(1).map_or(0, |below| self.rungs[climber.first + below].bps);
        to - from
    }

    fn credit(&mut self, class: usize, phase: Phase) {
        if self.classes[class].waiting > 0 {
            let step_bps = self.step_bps(&self.climbers[self.head(class)]);
            self.classes[class].ahead_bps = step_bps / if phase == Phase::Floors { AHEAD_OF_FLOOR } else { AHEAD_OF_CLIMB };
        }
    }

    /// The class whose step comes next.
    fn next_class(&self, _phase: Phase) -> Option<usize> {
        let mut next: Option<(usize, BitsPerSecond, u128)> = None;
        for class in (0..self.classes.len()).rev().filter(|class| self.classes[*class].waiting > 0) {
            let to_bps = self.heaps[self.classes[class].first] >> 64;
            let ahead = next.is_some_and(|(_, step_bps, below_bps)| step_bps <= self.classes[class].ahead_bps && below_bps < to_bps);
            if !ahead {
                next = Some((class, self.step_bps(&self.climbers[self.head(class)]), to_bps));
            }
        }
        next.map(|(class, ..)| class)
    }

    /// The head of a class has taken its step: its next one finds its place.
    fn advance(&mut self, class: usize, phase: Phase) {
        let key = self.key(self.head(class), phase);
        let Class { first, waiting, .. } = self.classes[class];
        let heap = &mut self.heaps[first..first + waiting];
        heap.rotate_left(1);
        match key {
            Some(key) => {
                let place = heap[..waiting - 1].partition_point(|other| *other < key);
                heap[place..].rotate_right(1);
                heap[place] = key;
            }
            None => self.classes[class].waiting -= 1,
        }
        self.credit(class, phase);
    }

    fn answer(&mut self, used_bps: BitsPerSecond, next: Option<Next>) {
        let blocker = next.map(|next| self.climbers[next.climber].stream);
        let choices = &mut self.allocation.choices;
        choices.clear();
        let mut desired_bps: BitsPerSecond = 0;
        for (at, climber) in self.climbers.iter().enumerate() {
            let rungs = &self.rungs[climber.first..climber.first + climber.rungs];
            desired_bps = desired_bps.saturating_add(rungs.last().map_or(0, |rung| rung.bps));
            let layer = climber.taken.checked_sub(1).map(|taken| rungs[taken].layer);
            let reason = match next {
                _ if rungs.is_empty() => Reason::NoLayer,
                _ if climber.taken == climber.rungs => Reason::Highest,
                Some(Next { climber, needs_bps, budget_bps, settling }) if climber == at => {
                    if settling {
                        Reason::Settling { needs_bps, budget_bps }
                    } else {
                        Reason::Budget { needs_bps, budget_bps }
                    }
                }
                Some(Next { needs_bps, budget_bps, .. }) => {
                    Reason::Behind { stream: blocker.expect("a blocked step is a stream's"), needs_bps, budget_bps }
                }
                None => Reason::Highest,
            };
            choices.push(Choice { stream: climber.stream, layer, reason });
        }
        choices.sort_unstable_by_key(|choice| choice.stream);
        self.allocation.used_bps = used_bps;
        self.allocation.minimum_bps = next.map_or(used_bps, |next| next.needs_bps);
        self.allocation.desired_bps = desired_bps;
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Highest => f.write_str("it is the highest wanted layer that flows"),
            Self::Budget { needs_bps, budget_bps } => {
                write!(f, "the next layer needs {} kbps of {} kbps", needs_bps.div_ceil(1000), budget_bps / 1000)
            }
            Self::Settling { needs_bps, budget_bps } => {
                write!(
                    f,
                    "the next layer could be kept, but to climb takes {} kbps of {} kbps",
                    needs_bps.div_ceil(1000),
                    budget_bps / 1000
                )
            }
            Self::Behind { stream, needs_bps, budget_bps } => {
                write!(f, "{stream} goes first, and needs {} kbps of {} kbps", needs_bps.div_ceil(1000), budget_bps / 1000)
            }
            Self::NoLayer => f.write_str("no wanted layer flows"),
        }
    }
}
