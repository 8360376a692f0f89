//! The laws that every machine keeps, each as a function that panics where it is broken. Their texts stand in the [crate's manual](crate#the-laws).

use alloc::vec::Vec;
use core::{fmt::Debug, time::Duration};

use super::{Machine, Step};
use crate::{rng::Rng, time::Instant};

/// What a machine is told and when: an input, or only the time.
type Schedule<I> = Vec<(Instant, Option<I>)>;

/// Deadlines that a schedule keeps between two steps. The rest of a long silence passes unheard, as it does for an engine that was suspended.
const DEADLINES_PER_STEP: usize = 40;
/// Deadlines that are followed one after another in search of a busy loop.
const DEADLINES_FOLLOWED: usize = 20;
/// Deadlines that a machine which is told nothing more may have within [`REST`]. A few members and streams have no more than some dozen timers a second.
const DEADLINES_AT_REST: usize = 200;
/// See [`DEADLINES_AT_REST`].
const REST: Duration = Duration::from_secs(1);

/// Checks every law on one history.
pub fn check_all<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    same_in_same_out(new, start, steps);
    outputs_are_due_at_once(new, start, steps);
    draining_changes_nothing(new, start, steps);
    no_busy_loop(new, start, steps);
    time_never_runs_backwards(new, start, steps);
    timers_fire_before_the_input(new, start, steps);
    outputs_are_bounded(new, start, steps);
}

/// L1: equal state and equal steps make equal outputs and equal state; a clone goes the way of its original.
pub fn same_in_same_out<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let schedule = schedule(new, start, steps);
    let middle = schedule.len() / 2;
    let (mut first, mut second) = (new.clone(), new.clone());
    let mut clone = None;
    for (at, (now, input)) in schedule.iter().enumerate() {
        if at == middle {
            clone = Some(first.clone());
        }
        let outputs = tell(&mut first, *now, input.clone());
        assert_eq!(outputs, tell(&mut second, *now, input.clone()), "L1: outputs differ at {now} after {input:?}");
        assert_eq!(first, second, "L1: states differ at {now} after {input:?}");
        if let Some(clone) = &mut clone {
            assert_eq!(outputs, tell(clone, *now, input.clone()), "L1: a clone's outputs differ at {now} after {input:?}");
            assert_eq!(first, *clone, "L1: a clone's state differs at {now} after {input:?}");
        }
    }
}

/// L2: while outputs wait, the machine wants to be called at once.
pub fn outputs_are_due_at_once<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let mut machine = new.clone();
    for (now, input) in schedule(new, start, steps) {
        deliver(&mut machine, now, input.clone());
        loop {
            let due = machine.poll_timeout();
            if machine.poll_output().is_none() {
                break;
            }
            assert_eq!(due, Some(now), "L2: outputs waited after {input:?} at {now}");
        }
    }
}

/// L3: whether outputs are taken at once, at random or at the end, they are the same, and so is the state they leave.
pub fn draining_changes_nothing<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let schedule = schedule(new, start, steps);
    let (mut eager, mut lazy, mut random) = (new.clone(), new.clone(), new.clone());
    let (mut at_once, mut in_between) = (Vec::new(), Vec::new());
    let mut rng = Rng::new(schedule.len() as u64);
    for (now, input) in schedule {
        at_once.extend(tell(&mut eager, now, input.clone()));
        deliver(&mut lazy, now, input.clone());
        deliver(&mut random, now, input);
        for _ in 0..rng.below(4) {
            in_between.extend(random.poll_output());
        }
    }
    let at_the_end = drain(&mut lazy);
    in_between.extend(drain(&mut random));
    assert_eq!(at_once, at_the_end, "L3: taken at the end, the outputs differ");
    assert_eq!(at_once, in_between, "L3: taken at random, the outputs differ");
    assert_eq!(eager, lazy, "L3: taking outputs at the end left another state");
    assert_eq!(eager, random, "L3: taking outputs at random left another state");
}

/// L4: a deadline that was kept does not come again, and a call before it does nothing. Told nothing more, a machine does not spin.
pub fn no_busy_loop<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let mut machine = new.clone();
    let mut last = start;
    for (now, input) in schedule(new, start, steps) {
        tell(&mut machine, now, input);
        last = now;
        let Some(deadline) = machine.poll_timeout() else { continue };
        let between = Instant::from_nanos(now.as_nanos().midpoint(deadline.as_nanos()));
        if between < deadline {
            let mut called_early = machine.clone();
            assert_eq!(tell(&mut called_early, between, None), [], "L4: called at {between}, before {deadline}, it had something to say");
            assert_eq!(called_early.poll_timeout(), Some(deadline), "L4: called early, it moved its deadline");
            let mut punctual = machine.clone();
            assert_eq!(
                tell(&mut called_early, deadline, None),
                tell(&mut punctual, deadline, None),
                "L4: called early, it did other things later"
            );
            assert_eq!(called_early, punctual, "L4: called early, it went another way");
        }
        follow(&mut machine.clone(), now, DEADLINES_FOLLOWED);
    }
    let rested = follow(&mut machine, last, DEADLINES_AT_REST);
    assert!(rested >= REST, "L4: told nothing for {rested:?}, it wanted to be called {DEADLINES_AT_REST} times");
}

/// Keeps that many deadlines one after another. Returns the time it took, or what could be waited for if no more came.
fn follow<M: Machine>(machine: &mut M, start: Instant, deadlines: usize) -> Duration {
    let mut last = start;
    for _ in 0..deadlines {
        let Some(deadline) = machine.poll_timeout() else {
            return Duration::MAX;
        };
        assert!(deadline > last, "L4: at {last} it wants to be called at {deadline} again");
        tell(machine, deadline, None);
        last = deadline;
    }
    last.saturating_since(start)
}

/// L5 and L7: an input from the past is refused and changes nothing; a timer call from the past is ignored.
pub fn time_never_runs_backwards<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let mut machine = new.clone();
    let mut last_input = None;
    for (now, input) in schedule(new, start, steps) {
        deliver(&mut machine, now, input.clone());
        last_input = input.or(last_input);
        let (Some(earlier), Some(input)) = (now.as_nanos().checked_sub(1).map(Instant::from_nanos), last_input.clone()) else {
            continue;
        };
        let before = machine.clone();
        assert!(machine.handle_input(earlier, input).is_err(), "L5: it took an input at {earlier} after {now}");
        assert_eq!(machine, before, "L7: a refused input left a trace");
        machine.handle_timeout(earlier);
        assert_eq!(machine, before, "L5: a timer call from the past left a trace");
        drain(&mut machine);
    }
}

/// L5: timers that are due fire before the input that comes at the same time.
pub fn timers_fire_before_the_input<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let mut machine = new.clone();
    for (now, input) in schedule(new, start, steps) {
        let mut timers_first = machine.clone();
        deliver(&mut timers_first, now, None);
        deliver(&mut timers_first, now, input.clone());
        deliver(&mut machine, now, input.clone());
        assert_eq!(drain(&mut timers_first), drain(&mut machine), "L5: at {now} timers came after {input:?}");
        assert_eq!(timers_first, machine, "L5: at {now} timers came after {input:?}");
    }
}

/// L6: one call makes a bounded number of outputs.
pub fn outputs_are_bounded<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) {
    let mut machine = new.clone();
    for (now, input) in schedule(new, start, steps) {
        let most = machine.outputs_max(None);
        let made = tell(&mut machine, now, None).len();
        assert!(made <= most, "L6: the timers made {made} outputs at {now}; at most {most} are allowed");
        if let Some(input) = input {
            let most = machine.outputs_max(Some(&input));
            let made = tell(&mut machine, now, Some(input.clone())).len();
            assert!(made <= most, "L6: {input:?} made {made} outputs; at most {most} are allowed");
        }
    }
}

/// The steps with the deadlines between them, as a machine that keeps them finds them. Every fourth step, the deadlines before it are missed.
fn schedule<M: Machine>(new: &M, start: Instant, steps: &[Step<M::Input>]) -> Schedule<M::Input> {
    let mut machine = new.clone();
    let mut now = start;
    let mut schedule = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let until = now.saturating_add(step.advance);
        if at % 4 != 3 {
            for _ in 0..DEADLINES_PER_STEP {
                let Some(deadline) = machine.poll_timeout().filter(|at| *at <= until) else {
                    break;
                };
                schedule.push((deadline, None));
                tell(&mut machine, deadline, None);
            }
        }
        now = until;
        schedule.push((now, Some(step.input.clone())));
        tell(&mut machine, now, Some(step.input.clone()));
    }
    let end = now.saturating_add(Duration::from_secs(1));
    schedule.push((end, None));
    schedule
}

fn tell<M: Machine>(machine: &mut M, now: Instant, input: Option<M::Input>) -> Vec<M::Output> {
    deliver(machine, now, input);
    drain(machine)
}

fn deliver<M: Machine>(machine: &mut M, now: Instant, input: Option<M::Input>) {
    match input {
        Some(input) => accept(machine.handle_input(now, input)),
        None => machine.handle_timeout(now),
    }
}

fn accept<E: Debug>(taken: Result<(), E>) {
    taken.expect("a schedule's times never fall");
}

fn drain<M: Machine>(machine: &mut M) -> Vec<M::Output> {
    core::iter::from_fn(|| machine.poll_output()).collect()
}
