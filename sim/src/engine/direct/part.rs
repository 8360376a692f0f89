//! A part of the nodes, with their lines: what one thread plays.

use core::time::Duration;

use greenroom_core::time::Instant;

use crate::{
    engine::{
        Carrying, Plan,
        driver::Driver,
        inbox::{Arrival, Origin},
        letter::{Letter, Sent},
        schedule::Schedule,
        world::{Carrier, World},
    },
    net::Datagram,
    node::{Connection, Input, Signal},
};

/// Some of a run's nodes, or all of them. A client's line is where the client is, and so is its account; a shared line, and the record of whoever tells something, are where the server is.
#[derive(Debug)]
pub(super) struct Part {
    /// By place. In the places of those who are elsewhere there is nobody.
    nodes: Vec<Driver>,
    schedule: Schedule,
    /// By place, how far a node sees.
    lookaheads: Vec<Lookahead>,
    /// How long nothing can arrive anywhere here that is sent elsewhere, after what is known of that.
    window: Duration,
    world: World,
    end: Instant,
    /// By place, who is elsewhere.
    elsewhere: Vec<bool>,
    /// What is said to those.
    pub(super) letter: Letter,
}

/// How far a node sees: how long nothing can arrive there.
#[derive(Clone, Copy, Debug)]
struct Lookahead {
    /// Of what is sent here, after whoever is due first.
    here: Duration,
    /// Of what is sent elsewhere, after what is known of that; or of what is sent here because of it.
    elsewhere: Duration,
}

impl Part {
    /// The part of those who live here.
    pub(super) fn new(plan: Plan<'_>, lives_here: impl Fn(u16) -> bool) -> Self {
        let (nodes, world) = (plan.nodes(&lives_here), plan.world());
        let mut schedule = Schedule::new(nodes.len());
        for node in &nodes {
            schedule.set(node.place, node.next());
        }
        let delay_to = |node: &Driver, is_here: bool| world.network.shortest_delay_to(node.place, |from| lives_here(from) == is_here);
        let window = nodes.iter().map(|node| delay_to(node, false)).min().unwrap_or(Duration::MAX);
        let lookahead = |node: &Driver| {
            let here = delay_to(node, true);
            Lookahead { here, elsewhere: delay_to(node, false).min(window.saturating_add(here)) }
        };
        let lookaheads = nodes.iter().map(lookahead).collect();
        let elsewhere = nodes.iter().map(|node| !lives_here(node.place)).collect();
        Self { nodes, schedule, lookaheads, window, world, end: plan.end(), elsewhere, letter: Letter::default() }
    }

    /// When the first of them has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        self.schedule.first().map(|(at, _)| at)
    }

    /// Before when nothing more is said here, where all is known that was said elsewhere before `heard`.
    pub(super) fn silent_until(&self, heard: Instant) -> Instant {
        // What arrives from there may be sooner than what is due.
        self.next().unwrap_or(self.end).min(heard.saturating_add(self.window)).min(self.end)
    }

    /// Whether that one may go on, where all is known that was said elsewhere before `heard`.
    pub(super) fn may_go_on(&self, heard: Instant) -> bool {
        self.schedule
            .first()
            .is_some_and(|(at, place)| at < heard.saturating_add(self.lookaheads[usize::from(place)].elsewhere).min(self.end))
    }

    /// Lets the node that is due first do all that it can before anyone could reach it, where all is known that was said elsewhere before `heard`. After each step `post` may take what was said to those who
    /// are elsewhere, and takes a letter that ends with a question.
    pub(super) fn turn(&mut self, heard: Instant, mut post: impl FnMut(&mut Letter)) -> Carrying {
        let Some((at, place)) = self.schedule.first() else { return Ok(()) };
        let here = usize::from(place);
        // At least what is due now: with links of no delay the turn ends there.
        let sees = self.lookaheads[here];
        let until = at.saturating_add(sees.here).min(heard.saturating_add(sees.elsewhere)).min(self.end);
        let until = until.max(at.saturating_add(Duration::from_nanos(1)));
        while let Some(now) = self.nodes[here].go_on(until)? {
            while let Some((count, output)) = self.nodes[here].poll_output() {
                let Self { nodes, schedule, world, elsewhere, letter, .. } = self;
                world.dispatch(now, place, count, output, &mut Neighbours { nodes, schedule, elsewhere, letter, at_work: Some(place) })?;
                if letter.question.is_some() {
                    post(letter); // before anything else is sent
                }
            }
            if self.world.network.decides_later() {
                let Self { nodes, schedule, world, elsewhere, letter, .. } = self;
                let queue = world.decide(now, place, &mut Neighbours { nodes, schedule, elsewhere, letter, at_work: Some(place) })?;
                self.nodes[here].queue = queue;
            }
            post(&mut self.letter);
        }
        self.schedule.set(place, self.nodes[here].next());
        Ok(())
    }

    /// Takes in what was said elsewhere. The letter is empty afterwards.
    pub(super) fn receive(&mut self, said: &mut Letter) -> Carrying {
        let Self { nodes, schedule, world, elsewhere, letter, .. } = self;
        let mut neighbours = Neighbours { nodes, schedule, elsewhere, letter, at_work: None };
        for Sent { at, origin, mut datagram } in said.sent.drain(..) {
            world.send(at, origin.place(), origin.count(), &mut datagram, &mut neighbours)?;
        }
        for (to, arrival) in said.arrivals.drain(..) {
            neighbours.take(to, arrival)?;
        }
        if let Some((at, lines)) = said.question.take() {
            world.look(at, &lines);
        }
        Ok(())
    }

    /// The world that they leave when all is over.
    pub(super) fn into_world(mut self) -> World {
        self.world.close(&self.nodes);
        self.world
    }

    /// How long nothing can arrive here that is sent elsewhere.
    pub(super) const fn window(&self) -> Duration {
        self.window
    }

    /// When the run is over.
    pub(super) const fn end(&self) -> Instant {
        self.end
    }
}

/// All nodes, who may be due sooner for what is carried to them.
struct Neighbours<'n> {
    nodes: &'n mut [Driver],
    schedule: &'n mut Schedule,
    elsewhere: &'n [bool],
    letter: &'n mut Letter,
    /// Who is at work now is asked afterwards.
    at_work: Option<u16>,
}

impl Neighbours<'_> {
    #[inline]
    fn is_elsewhere(&self, place: u16) -> bool {
        self.elsewhere.get(usize::from(place)).copied().unwrap_or(false)
    }

    /// Something lies in a node's inbox. Behind something that arrives sooner, it makes nobody due sooner.
    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn handed_over(&mut self, to: u16, is_first: bool) {
        if is_first && Some(to) != self.at_work {
            self.put_forward(to);
        }
    }

    #[inline(never)]
    fn put_forward(&mut self, to: u16) {
        self.schedule.set(to, self.nodes[usize::from(to)].next());
    }

    fn take(&mut self, to: u16, arrival: Arrival) -> Carrying {
        if self.is_elsewhere(to) {
            self.letter.arrivals.push((to, arrival));
            return Ok(());
        }
        let Some(node) = self.nodes.get_mut(usize::from(to)) else { return Ok(()) };
        let is_first = node.expect(arrival)?;
        self.handed_over(to, is_first);
        Ok(())
    }
}

impl Carrier for Neighbours<'_> {
    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn letter_for(&mut self, line: u16) -> Option<&mut Letter> {
        if self.is_elsewhere(line) { Some(self.letter) } else { None }
    }

    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn take_datagram(&mut self, to: u16, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying {
        if self.is_elsewhere(to) {
            self.letter.arrivals.push((to, Arrival { at, origin, input: Input::Datagram(datagram.take()) }));
            return Ok(());
        }
        let Some(node) = self.nodes.get_mut(usize::from(to)) else { return Ok(()) };
        let is_first = node.take_in(at, origin, datagram)?;
        self.handed_over(to, is_first);
        Ok(())
    }

    fn take_signal(&mut self, to: u16, at: Instant, origin: Origin, connection: Connection, signal: Signal) -> Carrying {
        self.take(to, Arrival { at, origin, input: Input::Signal { connection, signal } })
    }
}
