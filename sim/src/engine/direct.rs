//! The direct engine: whoever is due first does what is due, in integer nanoseconds.
//!
//! Nothing that is sent to a node arrives sooner than the shortest delay of the links that end there. So the node that is due first may go on for that long before anyone else is asked, without
//! missing anything: conservative lookahead (Chandy and Misra 1979). Each node sees its events in the same order as if all took turns, and its memory stays warm for several of
//! them; the record is put in order afterwards, as after any engine.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{Collected, Driver, EngineError, Load, Origin, Progress, World, schedule::Schedule};

/// Runs until nothing is due before `end`.
pub(super) fn run(mut nodes: Vec<Driver>, mut world: World, end: Instant, progress: &Progress) -> Result<Collected, EngineError> {
    let mut schedule = Schedule::new(nodes.len());
    for node in &nodes {
        schedule.set(node.place, node.next());
    }
    let lookaheads: Vec<Duration> = nodes.iter().map(|node| world.network.shortest_delay_to(node.place)).collect();
    while let Some((at, place)) = schedule.first().filter(|(at, _)| *at < end) {
        progress.set(at);
        // At least what is due now: with links of no delay the turn ends there.
        let until = at.saturating_add(lookaheads[usize::from(place)]).min(end).max(at.saturating_add(Duration::from_nanos(1)));
        let here = usize::from(place);
        while let Some(now) = nodes[here].next().filter(|now| *now < until) {
            nodes[here].step(now)?;
            while let Some((count, output)) = nodes[here].poll_output() {
                world.dispatch(now, place, count, output, |to, at, origin, load| {
                    hand_over(&mut nodes, &mut schedule, to, place, at, origin, load)
                })?;
            }
            if world.network.decides_later() {
                nodes[here].queue =
                    world.decide(now, place, |to, at, origin, load| hand_over(&mut nodes, &mut schedule, to, place, at, origin, load))?;
            }
        }
        schedule.set(place, nodes[here].next());
    }
    progress.set(end);
    Ok(world.collect(nodes))
}

/// Lays what is carried into the inbox of its receiver, who may be due sooner for it. Who is at work now is asked afterwards.
#[expect(clippy::inline_always, reason = "for every datagram; with as many arguments some would go through memory")]
#[inline(always)]
fn hand_over(
    nodes: &mut [Driver],
    schedule: &mut Schedule,
    to: u16,
    at_work: u16,
    at: Instant,
    origin: Origin,
    load: Load<'_>,
) -> Result<(), EngineError> {
    let Some(node) = nodes.get_mut(usize::from(to)) else { return Ok(()) };
    // Behind something that arrives sooner, it makes nobody due sooner.
    if node.take_in(at, origin, load)? && to != at_work {
        schedule.set(to, node.next());
    }
    Ok(())
}
