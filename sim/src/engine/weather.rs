//! What befalls the network as a whole, as the scenario says: how often partitions and holds struck, and whether a server is there to take a connection.
//!
//! (A partition is an outage of the links that it cuts, a hold a hold of theirs: they do it, here it is counted.)

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
    /// Faults befall the links of clients; no line that they share.
    clients: usize,
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
    pub(super) fn new(faults: &[Fault], clients: usize) -> Self {
        Self { struck: vec![0; faults.len()], faults: faults.to_vec(), clients }
    }

    /// Something comes out of a client's link at `at`. What does at the very end of a hold was held: links let go then, and not before.
    pub(super) fn carried(&mut self, client: u16, direction: Direction, at: Instant) {
        if usize::from(client) > self.clients {
            return;
        }
        for (fault, struck) in self.faults.iter().zip(&mut self.struck) {
            if let FaultKind::Hold(ways) = fault.kind
                && goes(ways, direction)
                && fault.is_of(client)
                && fault.over() == at
            {
                *struck += 1;
            }
        }
    }

    /// Something was sent into a link that drops or keeps it: if a partition made it so, it has struck.
    pub(super) fn swallowed(&mut self, client: u16, direction: Direction, now: Instant) {
        if usize::from(client) > self.clients {
            return;
        }
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
    fn what_comes_out_at_the_end_of_a_hold_was_held() {
        let s = Instant::from_secs;
        let up = Ways { up: true, down: false };
        let mut weather = Weather::new(&[fault(10, 20, 1, FaultKind::Hold(up)), fault(18, 25, SERVER, FaultKind::Hold(Ways::BOTH))], 2);
        for (client, direction, at) in
            [(1, Direction::Up, 9), (1, Direction::Up, 20), (2, Direction::Up, 20), (1, Direction::Down, 20), (2, Direction::Down, 25), (3, Direction::Up, 25)]
        {
            weather.carried(client, direction, s(at));
        }
        assert_eq!(weather.tally([(0, 5)].into_iter()), [6, 1]);
    }

    #[test]
    fn a_server_that_is_dead_takes_no_connection() {
        let crash = |silent| FaultKind::Crash { silent };
        let mut weather =
            Weather::new(&[fault(10, 12, SERVER, crash(false)), fault(20, 22, SERVER, crash(true)), fault(1, 9, 1, crash(false))], 1);
        let doors = [5, 10, 11, 12, 21].map(|at| weather.door(Instant::from_secs(at)));
        assert_eq!(doors, [Door::Open, Door::Refused, Door::Refused, Door::Open, Door::Silent]);
    }
}
