//! The direct engine: whoever is due first does what is due, in integer nanoseconds.
//!
//! Nothing that a node sends arrives sooner than the shortest delay of any link. So the node that is due first may go on for that long before anyone else is asked, without
//! missing anything: conservative lookahead (Chandy and Misra 1979). Each node sees its events in the same order as if all took turns, and its memory stays warm for several of
//! them; the record is put in order afterwards, as after any engine.

use core::time::Duration;

use greenroom_core::time::Instant;

use super::{Collected, Driver, EngineError, Progress, World, schedule::Schedule};

/// Runs until nothing is due before `end`.
pub(super) fn run(mut nodes: Vec<Driver>, mut world: World, end: Instant, progress: &Progress) -> Result<Collected, EngineError> {
    let mut schedule = Schedule::new(nodes.len());
    for node in &nodes {
        schedule.set(node.place, node.next());
    }
    let lookahead = world.network.shortest_delay();
    let mut deliveries = Vec::new();
    while let Some((at, place)) = schedule.first().filter(|(at, _)| *at < end) {
        progress.set(at);
        // At least what is due now: with links of no delay the turn ends there.
        let until = at.saturating_add(lookahead).min(end).max(at.saturating_add(Duration::from_nanos(1)));
        let node = &mut nodes[usize::from(place)];
        while let Some(now) = node.next().filter(|now| *now < until) {
            node.step(now)?;
            while let Some((count, output)) = node.poll_output() {
                world.dispatch(now, place, count, output, |delivery| deliveries.push(delivery));
            }
        }
        schedule.set(place, node.next());
        for delivery in deliveries.drain(..) {
            if let Some(node) = nodes.get_mut(usize::from(delivery.to)) {
                node.expect(delivery.arrival)?;
                schedule.set(delivery.to, node.next());
            }
        }
    }
    progress.set(end);
    Ok(world.collect())
}
