//! The direct engine: whoever is due first does what is due, in integer nanoseconds.

use greenroom_core::time::Instant;

use super::{Collected, Driver, EngineError, Progress, World, schedule::Schedule};

/// Runs until nothing is due before `end`.
pub(super) fn run(mut nodes: Vec<Driver>, mut world: World, end: Instant, progress: &Progress) -> Result<Collected, EngineError> {
    let mut schedule = Schedule::new(nodes.len());
    for node in &nodes {
        schedule.set(node.place, node.next());
    }
    let mut deliveries = Vec::new();
    while let Some((at, place)) = schedule.first().filter(|(at, _)| *at < end) {
        progress.set(at);
        let node = &mut nodes[usize::from(place)];
        node.step(at)?;
        while let Some((count, output)) = node.poll_output() {
            world.dispatch(at, place, count, output, |delivery| deliveries.push(delivery));
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
