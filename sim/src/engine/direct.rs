//! The direct engine: one queue of what is due where, in integer nanoseconds.

use std::{cmp::Reverse, collections::BinaryHeap};

use greenroom_core::time::Instant;

use super::{Collected, Driver, EngineError, Progress, World};

/// Runs until nothing is due before `end`.
pub(super) fn run(mut nodes: Vec<Driver>, mut world: World, end: Instant, progress: &Progress) -> Result<Collected, EngineError> {
    // When each node is due. An entry may be out of date: then the node's own word counts.
    let mut due: BinaryHeap<Reverse<(Instant, u16)>> = BinaryHeap::with_capacity(nodes.len() * 2);
    let mut scheduled: Vec<Option<Instant>> = vec![None; nodes.len()];
    let mut deliveries = Vec::new();
    for node in &nodes {
        if let Some(at) = node.next() {
            due.push(Reverse((at, node.place)));
            scheduled[usize::from(node.place)] = Some(at);
        }
    }
    while let Some(Reverse((at, place))) = due.pop() {
        if at >= end {
            break;
        }
        if scheduled[usize::from(place)] != Some(at) {
            continue;
        }
        progress.set(at);
        let node = &mut nodes[usize::from(place)];
        node.step(at)?;
        while let Some((count, output)) = node.poll_output() {
            world.dispatch(at, place, count, output, |delivery| deliveries.push(delivery));
        }
        let next = node.next();
        scheduled[usize::from(place)] = next;
        due.extend(next.map(|at| Reverse((at, place))));
        for delivery in deliveries.drain(..) {
            let to = usize::from(delivery.to);
            let Some(node) = nodes.get_mut(to) else { continue };
            node.expect(delivery.arrival)?;
            let next = node.next();
            if next != scheduled[to] {
                scheduled[to] = next;
                due.extend(next.map(|at| Reverse((at, delivery.to))));
            }
        }
    }
    progress.set(end);
    Ok(world.collect())
}
