//! What befalls the network as a whole, as the scenario says: links that hold back what they carry, and a server that is not there to take a connection.
//!
//! (A partition is an outage of the links that it cuts: they drop what it swallows. Here is counted that it did.)

use greenroom_core::time::Instant;

use crate::{
    net::SERVER,
    record::Direction,
    scenario::{Fault, FaultKind, Ways},
};

/// The faults of a run, and how often each of them struck.
#[derive(Debug)]
pub(super) struct Weather {
    faults: Vec<Fault>,
    struck: Vec<u64>,
}

/// Who is there when somebody connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The server takes connections.
    Open,
    /// The process is dead, and its kernel says so.
    Refused,
    /// The machine is dead, and nobody says anything.
    Silent,
}

impl Weather {
    pub(super) fn new(faults: &[Fault]) -> Self {
        Self { struck: vec![0; faults.len()], faults: faults.to_vec() }
    }

    /// When something comes out of a client's link that would have at `at`. Holds put it off to their ends; so what comes later still comes later, or at the same time.
    pub(super) fn held(&mut self, client: u16, direction: Direction, at: Instant) -> Instant {
        let mut leaves = at;
        while let Some((n, until)) = self.holding(client, direction, leaves) {
            self.struck[n] += 1;
            leaves = until;
        }
        leaves
    }

    fn holding(&self, client: u16, direction: Direction, at: Instant) -> Option<(usize, Instant)> {
        let mut faults = self.faults.iter().enumerate();
        let (n, fault) = faults.find(|(_, fault)| match fault.kind {
            FaultKind::Hold(ways) => goes(ways, direction) && fault.is_of(client) && fault.covers(at),
            _ => false,
        })?;
        Some((n, fault.over()))
    }

    /// Something was sent into a link that drops or keeps it: if a partition made it so, it has struck.
    pub(super) fn swallowed(&mut self, client: u16, direction: Direction, now: Instant) {
        for (fault, struck) in self.faults.iter().zip(&mut self.struck) {
            if let FaultKind::Partition(ways) = fault.kind
                && goes(ways, direction)
                && fault.is_of(client)
                && fault.covers(now)
            {
                *struck += 1;
            }
        }
    }

    /// Whether the server's host takes a connection at `at`.
    pub(super) fn door(&mut self, at: Instant) -> Door {
        for (fault, struck) in self.faults.iter().zip(&mut self.struck) {
            if let FaultKind::Crash { silent } = fault.kind
                && fault.host == SERVER
                && fault.covers(at)
            {
                *struck += 1;
                return if silent { Door::Silent } else { Door::Refused };
            }
        }
        Door::Open
    }

    /// Adds what struck hosts, and says how often each fault struck, in the scenario's order.
    pub(super) fn tally(mut self, hosts: impl Iterator<Item = (usize, u64)>) -> Vec<u64> {
        for (fault, struck) in hosts {
            self.struck[fault] += struck;
        }
        self.struck
    }
}

const fn goes(ways: Ways, direction: Direction) -> bool {
    match direction {
        Direction::Up => ways.up,
        Direction::Down => ways.down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(from_s: u64, to_s: u64, host: u16, kind: FaultKind) -> Fault {
        Fault { at: Instant::from_secs(from_s), until: Some(Instant::from_secs(to_s)), host, kind }
    }

    #[test]
    fn a_hold_keeps_the_order_and_what_follows_another_waits_for_both() {
        let s = Instant::from_secs;
        let up = Ways { up: true, down: false };
        let mut weather = Weather::new(&[fault(10, 20, 1, FaultKind::Hold(up)), fault(18, 25, SERVER, FaultKind::Hold(Ways::BOTH))]);
        assert_eq!(weather.held(1, Direction::Up, s(9)), s(9));
        assert_eq!(weather.held(1, Direction::Up, s(10)), s(25), "from the first into the second");
        assert_eq!(weather.held(1, Direction::Down, s(10)), s(10));
        assert_eq!(weather.held(2, Direction::Down, s(19)), s(25));
        assert_eq!(weather.held(1, Direction::Up, s(25)), s(25));
        assert_eq!(weather.tally([(0, 5)].into_iter()), [6, 2]);
    }

    #[test]
    fn a_server_that_is_dead_takes_no_connection() {
        let crash = |silent| FaultKind::Crash { silent };
        let mut weather = Weather::new(&[fault(10, 12, SERVER, crash(false)), fault(20, 22, SERVER, crash(true)), fault(1, 9, 1, crash(false))]);
        let doors = [5, 10, 11, 12, 21].map(|at| weather.door(Instant::from_secs(at)));
        assert_eq!(doors, [Door::Open, Door::Refused, Door::Refused, Door::Open, Door::Silent]);
    }
}
