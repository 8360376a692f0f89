//! Histories: what a machine is told and when, made up from bytes, replayed, and checked against the [laws].
//!
//! A *step* is a span of time and an input. A list of steps is all that is needed to reproduce what a machine does, whoever found it: a property test, a fuzzer or a bug
//! report. [`room_history`], [`service_history`] and [`session_history`] turn any bytes into steps, so a fuzzer's bytes and a property test's bytes mean the same.

mod choices;
mod history;
pub mod laws;
mod room_history;
mod service_history;
mod session_history;

use alloc::vec::Vec;
use core::{fmt::Debug, hash::Hash, time::Duration};

pub use self::{
    choices::Choices,
    history::ROOM,
    room_history::room_history,
    service_history::{service_config, service_history},
    session_history::{session_configs, session_history},
};
use crate::{
    dialect,
    room::{self, Room},
    service::{self, Service},
    session::{self, Session},
    time::Instant,
};

/// Time passes, then a machine is told something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step<I> {
    /// Time since the step before.
    pub advance: Duration,
    /// What the machine is told then.
    pub input: I,
}

/// The four verbs as a trait, for what is said about all machines: replay and laws. Whoever embeds a machine does not need it.
pub trait Machine: Clone + Debug + Eq + Hash {
    /// What it is told.
    type Input: Clone + Debug;
    /// What it wants done.
    type Output: Clone + Debug + Eq;
    /// What the caller can do wrong.
    type Misuse: Debug;

    /// Takes in one input.
    fn handle_input(&mut self, now: Instant, input: Self::Input) -> Result<(), Self::Misuse>;
    /// Fires the timers that are due.
    fn handle_timeout(&mut self, now: Instant);
    /// Takes the next output.
    fn poll_output(&mut self) -> Option<Self::Output>;
    /// When the timers are to be fired.
    fn poll_timeout(&self) -> Option<Instant>;
    /// The most outputs that one call makes: of `handle_input` with that input, or of `handle_timeout` without.
    fn outputs_max(&self, input: Option<&Self::Input>) -> usize;
}

/// Plays steps to a machine the way a good engine does: every deadline is kept, and outputs are taken at once. Returns the outputs with the time of each, and the time
/// at the end.
pub fn replay<M: Machine>(machine: &mut M, start: Instant, steps: &[Step<M::Input>]) -> (Vec<(Instant, M::Output)>, Instant) {
    let mut outputs = Vec::new();
    let mut now = start;
    for step in steps {
        let until = now.saturating_add(step.advance);
        run_until(machine, until, &mut outputs);
        now = until;
        machine.handle_input(now, step.input.clone()).expect("a sum of spans never falls");
        while let Some(output) = machine.poll_output() {
            outputs.push((now, output));
        }
    }
    (outputs, now)
}

/// Keeps a machine's deadlines up to `until`, and takes its outputs with the time of each.
pub fn run_until<M: Machine>(machine: &mut M, until: Instant, outputs: &mut Vec<(Instant, M::Output)>) {
    while let Some(at) = machine.poll_timeout().filter(|at| *at <= until) {
        machine.handle_timeout(at);
        while let Some(output) = machine.poll_output() {
            outputs.push((at, output));
        }
    }
}

/// Implements [`Machine`] by a machine's own verbs of the same names.
macro_rules! machine {
    ($machine:ty, $module:ident, $misuse:ty) => {
        impl Machine for $machine {
            type Input = $module::Input;
            type Output = $module::Output;
            type Misuse = $misuse;

            fn handle_input(&mut self, now: Instant, input: $module::Input) -> Result<(), $misuse> {
                self.handle_input(now, input)
            }
            fn handle_timeout(&mut self, now: Instant) {
                self.handle_timeout(now);
            }
            fn poll_output(&mut self) -> Option<$module::Output> {
                self.poll_output()
            }
            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }
            fn outputs_max(&self, input: Option<&$module::Input>) -> usize {
                self.outputs_max(input)
            }
        }
    };
}

machine!(Room, room, room::Misuse);
machine!(Service, service, service::Misuse);
machine!(Session, session, session::Misuse);
machine!(dialect::Client, dialect, dialect::Refused);
