//! What the worlds of two threads say to each other.

use greenroom_core::time::Instant;

use super::inbox::{Arrival, Origin};
use crate::net::Datagram;

/// What is said to the other world: first what was sent, then what is asked.
#[derive(Debug, Default)]
pub(super) struct Letter {
    /// Datagrams for lines that are there, in the order of sending.
    pub(super) sent: Vec<Sent>,
    /// What will arrive there, and at whose place.
    pub(super) arrivals: Vec<(u16, Arrival)>,
    /// When, after all that was sent, and whose lines are to be looked at. Nothing is written behind a question.
    pub(super) question: Option<(Instant, Vec<u16>)>,
}

/// A datagram as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) origin: Origin,
    pub(super) datagram: Datagram,
}

impl Letter {
    pub(super) const fn is_empty(&self) -> bool {
        self.sent.is_empty() && self.arrivals.is_empty() && self.question.is_none()
    }

    /// Asks what a line is like at a moment.
    pub(super) fn ask(&mut self, at: Instant, line: u16) {
        self.question.get_or_insert_with(|| (at, Vec::new())).1.push(line);
    }
}
