use core::time::Duration;

use greenroom_core::time::Instant;

use super::{
    Carrying, Collected, Progress,
    driver::Driver,
    inbox::{Arrival, Origin},
    schedule::Schedule,
    world::{Carrier, World},
};
use crate::{
    net::Datagram,
    node::{Connection, Input, Signal},
};

/// Runs until nothing is due before `end`.
pub(super) fn run(mut nodes: Vec<Driver>, mut world: World, end: Instant, progress: &Progress) -> Carrying<Collected> {
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
        while let Some(now) = nodes[here].go_on(until)? {
            while let Some((count, output)) = nodes[here].poll_output() {
                let mut neighbours = Neighbours { nodes: &mut nodes, schedule: &mut schedule, at_work: place };
                world.dispatch(now, place, count, output, &mut neighbours)?;
            }
            if world.network.decides_later() {
                let mut neighbours = Neighbours { nodes: &mut nodes, schedule: &mut schedule, at_work: place };
                nodes[here].queue = world.decide(now, place, &mut neighbours)?;
            }
        }
        schedule.set(place, nodes[here].next());
    }
    progress.set(end);
    Ok(world.collect(nodes))
}

/// All nodes, who may be due sooner for what is carried to them.
struct Neighbours<'n> {
    nodes: &'n mut [Driver],
    schedule: &'n mut Schedule,
    /// Who is at work now is asked afterwards.
    at_work: u16,
}

impl Neighbours<'_> {
    /// Something lies in a node's inbox. Behind something that arrives sooner, it makes nobody due sooner.
    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn handed_over(&mut self, to: u16, is_first: bool) {
        if is_first && to != self.at_work {
            self.put_forward(to);
        }
    }

    #[inline(never)]
    fn put_forward(&mut self, to: u16) {
        self.schedule.set(to, self.nodes[usize::from(to)].next());
    }
}

impl Carrier for Neighbours<'_> {
    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn take_datagram(&mut self, to: u16, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying {
        let Some(node) = self.nodes.get_mut(usize::from(to)) else { return Ok(()) };
        let is_first = node.take_in(at, origin, datagram)?;
        self.handed_over(to, is_first);
        Ok(())
    }

    fn take_signal(&mut self, to: u16, at: Instant, origin: Origin, connection: Connection, signal: Signal) -> Carrying {
        let Some(node) = self.nodes.get_mut(usize::from(to)) else { return Ok(()) };
        let is_first = node.expect(Arrival { at, origin, input: Input::Signal { connection, signal } })?;
        self.handed_over(to, is_first);
        Ok(())
    }
}
