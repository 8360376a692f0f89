//! What stands between an engine and a node: what is on its way to it, when it is due next, and its one next step.

use greenroom_core::time::Instant;

use super::{
    Carrying, EngineError,
    host::{Blueprint, Host},
    inbox::{Arrival, Inbox, Origin},
    machine::Machine,
};
use crate::{
    net::{
        Datagram,
        clock::Clock,
        nat::Nat,
        network::{SERVER, outside_of},
    },
    node::{Input, Output},
    scenario::Scenario,
};

/// A node with what is on its way to it. Who sends to hundreds of nodes in turn touches one cache line of each, and a packet that arrives one more: hence the order of the fields.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Driver {
    pub(super) inbox: Inbox,
    /// The latest arrival that was ever expected: what comes later still goes to the end of the queue, which need not be looked at.
    latest: Instant,
    now: Instant,
    /// The node's next timer, asked once after each step; [`NEVER`] where there is none.
    timer: Instant,
    /// When a queue that the node sends into has to decide next, or [`NEVER`].
    pub(super) queue: Instant,
    machine: Machine,
    /// What stands between the node and the world, where there is anything: nothing, in a run without faults and translators.
    pub(super) host: Option<Box<Host>>,
    pub(super) place: u16,
    /// Steps at one instant, to notice a node that spins.
    steps_now: u32,
    /// Datagrams that the node took in, by sender.
    pub(super) delivered: Delivered,
    sent: u64,
}

/// The time of what does not happen: where all times are numbers, the first of them takes no branches.
pub(super) const NEVER: Instant = Instant::MAX;
const _: () = assert!(core::mem::offset_of!(Driver, machine) == 64 && core::mem::offset_of!(Driver, delivered.by_client) <= 128);

/// Datagrams that a node took in, by sender.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Delivered {
    /// All that a client takes in comes from one node, the server or a router before it, and is counted in place.
    by_server: u64,
    by_client: Vec<u64>,
}

impl Delivered {
    #[inline]
    fn count(&mut self, from: u16, input: &Input) {
        if let Input::Datagram(_) = input {
            match usize::from(from).checked_sub(1).and_then(|at| self.by_client.get_mut(at)) {
                None => self.by_server += 1,
                Some(by_client) => *by_client += 1,
            }
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u16, u64)> {
        (SERVER..).zip(core::iter::once(self.by_server).chain(self.by_client.iter().copied()))
    }
}

/// Steps of one node at one instant that no honest node needs: ten thousand datagrams can arrive at once, a hundred thousand cannot.
const STEPS_AT_ONE_INSTANT: u32 = 100_000;

impl Driver {
    pub(super) fn new(place: u16, blueprint: Blueprint, scenario: &Scenario) -> Self {
        let nat = usize::from(place).checked_sub(1).and_then(|at| scenario.users[at].nat).map(|nat| Nat::new(nat, outside_of(place, 0)));
        let is_plain = scenario.faults.is_empty() && nat.is_none();
        let senders = if place == SERVER { scenario.users.len() + scenario.shared.len() } else { 0 };
        let machine = blueprint.build(Instant::ZERO, &Clock::default());
        let mut driver = Self::plain(place, machine, senders);
        if !is_plain {
            let host = Host::new(place, blueprint, nat, &scenario.faults);
            driver.machine = host.first_process();
            driver.host = Some(Box::new(host));
        }
        driver.timer = driver.fires_at();
        driver
    }

    /// The router of a shared line. Nothing befalls it.
    pub(super) fn router(place: u16, scenario: &Scenario) -> Self {
        Self::plain(place, Machine::Router(Box::default()), scenario.users.len())
    }

    /// Nobody: whoever has this place is elsewhere.
    pub(super) fn nobody(place: u16) -> Self {
        Self::plain(place, Machine::Down, 0)
    }

    /// A node that nothing stands before, and that hears from so many others besides the one that all hear from.
    fn plain(place: u16, machine: Machine, senders: usize) -> Self {
        Self {
            place,
            machine,
            inbox: Inbox::default(),
            latest: Instant::ZERO,
            now: Instant::ZERO,
            timer: NEVER,
            queue: NEVER,
            steps_now: 0,
            sent: 0,
            delivered: Delivered { by_server: 0, by_client: vec![0; senders] },
            host: None,
        }
    }

    /// When the node's timer fires, in true time.
    fn fires_at(&self) -> Instant {
        let timer = self.machine.poll_timeout();
        let timer = self.host.as_ref().map_or(timer, |host| host.fires_at(timer));
        timer.unwrap_or(NEVER)
    }

    /// When the node has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        Some(self.due()).filter(|due| *due < NEVER)
    }

    /// The same, or [`NEVER`].
    #[inline]
    fn due(&self) -> Instant {
        let arrival = self.inbox.first().map_or(NEVER, |arrival| arrival.at);
        let mut due = self.timer.min(arrival).max(self.now);
        if let Some(host) = &self.host {
            due = host.next(Some(due).filter(|at| *at < NEVER)).unwrap_or(NEVER);
        }
        due.min(self.queue.max(self.now))
    }

    /// Hands the node a datagram that is on its way, and says whether that is what arrives first.
    #[expect(
        clippy::inline_always,
        reason = "for every datagram: it moves from where it was written to where it waits, and nowhere between"
    )]
    #[inline(always)]
    pub(super) fn take_in(&mut self, at: Instant, origin: Origin, datagram: &mut Datagram) -> Carrying<bool> {
        if at > self.latest && at >= self.now {
            self.latest = at; // nearly always
            return Ok(self.inbox.push_datagram(at, origin, datagram));
        }
        self.expect(Arrival { at, origin, input: Input::Datagram(datagram.take()) })
    }

    /// The same for anything that has come to the node's host already.
    pub(super) fn expect(&mut self, arrival: Arrival) -> Carrying<bool> {
        if arrival.at < self.now {
            return Err(Box::new(EngineError::Late { node: self.place, due: arrival.at, now: self.now }));
        }
        if arrival.at > self.latest {
            self.latest = arrival.at;
            return Ok(self.inbox.push(arrival));
        }
        Ok(self.inbox.insert(arrival))
    }

    /// Lets the node do what is due before `until`, one thing after the other, until it has something to say or a queue of its links has to decide: when that was. None where nothing more is due.
    pub(super) fn go_on(&mut self, until: Instant) -> Carrying<Option<Instant>> {
        loop {
            let now = self.due();
            if now >= until {
                return Ok(None);
            }
            self.step(now)?;
            // The usual case after a packet has come: the node has nothing to say.
            if self.host.is_some() || !self.machine.is_silent() || self.queue <= now {
                return Ok(Some(now));
            }
            if !self.machine.timer_stands() {
                self.timer = self.machine.poll_timeout().unwrap_or(NEVER);
            }
        }
    }

    /// Lets the node do the one thing that is due next, at the time that [`Driver::next`] said: timers before arrivals.
    #[expect(clippy::inline_always, reason = "hundreds of times in a row where packets come")]
    #[inline(always)]
    pub(super) fn step(&mut self, at: Instant) -> Carrying {
        self.steps_now = if at == self.now { self.steps_now + 1 } else { 0 };
        if self.steps_now > STEPS_AT_ONE_INSTANT {
            return Err(Box::new(EngineError::Spinning { node: self.place, now: at }));
        }
        self.now = at;
        if self.host.is_some() {
            self.step_on_host(at);
        } else if self.timer <= at {
            self.machine.handle_timeout(at);
        } else if let Some(arrival) = self.inbox.first().filter(|arrival| arrival.at <= at) {
            self.delivered.count(arrival.origin.place(), &arrival.input);
            self.machine.handle_input(at, &arrival.input);
            self.inbox.forget_first();
        } else {
            // A queue of its links is due; the world sees to that after each step.
        }
        Ok(())
    }

    /// The same where the world is not let through as it is; what befalls the host comes before timers.
    fn step_on_host(&mut self, at: Instant) {
        let Some(host) = &mut self.host else { return };
        let timer_is_due = self.timer <= at;
        let waiting = self.inbox.iter().take_while(|arrival| arrival.at <= at).count() + usize::from(timer_is_due);
        if host.befall(at, &mut self.machine, waiting) {
            return;
        }
        if host.stands_still(at) {
            return; // a queue of its links is due, and nothing else
        }
        let shown = host.shown_at(at);
        if timer_is_due {
            return self.machine.handle_timeout(shown);
        }
        if self.inbox.first().is_none_or(|arrival| arrival.at > at) {
            return;
        }
        let Some(arrival) = self.inbox.take_first() else { return };
        self.steps_now = 0; // a process that stood still has a long queue to work through, and every arrival was sent by somebody
        let from = arrival.origin.place();
        if let Some(input) = host.receive(at, arrival) {
            self.delivered.count(from, &input);
            self.machine.handle_input(shown, &input);
        }
    }

    /// Takes what the node wants done, with the count of it: of the first datagram, where there are several.
    pub(super) fn poll_output(&mut self) -> Option<(u64, Output)> {
        let output = if self.host.is_some() { self.poll_output_on_host() } else { self.machine.poll_output() };
        let Some(output) = output else {
            self.timer = self.fires_at();
            return None;
        };
        let count = self.sent + 1;
        self.sent += if let Output::Datagrams(datagrams) = &output { datagrams.len() as u64 } else { 1 };
        Some((count, output))
    }

    fn poll_output_on_host(&mut self) -> Option<Output> {
        let host = self.host.as_mut()?;
        if let Some(output) = host.poll_output() {
            return Some(output);
        }
        loop {
            let output = self.machine.poll_output()?;
            if let Some(output) = host.send(self.now, output) {
                return Some(output);
            }
        }
    }
}
