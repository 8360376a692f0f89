//! What became of every datagram, by client and direction: the books that the checks of conservation, causality and order audit.
//!
//! The two sides of an account come from different hands. What was sent, when it is due and what links dropped is noted where datagrams enter links; what was delivered is counted where nodes
//! take them in. An engine that loses a datagram on the way between the two cannot balance them.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::time::Instant;

use super::Direction;

/// The books of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// By client in the scenario's order, then by shared line; up before down.
    accounts: Vec<Account>,
    /// Datagrams sent to addresses that nobody has.
    pub nowhere: u64,
}

/// One direction of one client's link, or of a shared line. What a datagram changes stands in front, in one cache line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Account {
    /// Datagrams that were offered to the link.
    pub sent: u64,
    /// Datagrams that were due after the run's end, or waited then for a process that stood still.
    pub in_flight: u64,
    /// The shortest time that one took, in nanoseconds; more than any before the first.
    pub shortest_ns: u64,
    /// When that one was sent.
    pub shortest_at: Instant,
    last_arrival: Instant,
    /// How many arrived before one that was sent earlier.
    pub overtakings: u64,
    /// When the first of those was sent.
    pub overtaken_at: Option<Instant>,
    /// Copies that the link made of them.
    pub copied: u64,
    /// Datagrams that the node at the other end took in.
    pub delivered: u64,
    /// Datagrams that did not arrive, by cause.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            sent: 0,
            copied: 0,
            delivered: 0,
            in_flight: 0,
            dropped: BTreeMap::new(),
            shortest_ns: u64::MAX,
            shortest_at: Instant::ZERO,
            overtakings: 0,
            overtaken_at: None,
            last_arrival: Instant::ZERO,
        }
    }
}

impl Account {
    /// Takes note of a datagram, or a copy of one, sent at `now` (or taken out of a queue then) that is due at `at`, in a run that ends at `end`.
    #[inline]
    pub fn due(&mut self, now: Instant, at: Instant, end: Instant, is_copy: bool) {
        let took_ns = at.as_nanos().saturating_sub(now.as_nanos());
        if took_ns < self.shortest_ns {
            (self.shortest_ns, self.shortest_at) = (took_ns, now);
        }
        // A copy comes when it comes.
        if is_copy {
            self.copied += 1;
        } else if at < self.last_arrival {
            self.overtakings += 1;
            self.overtaken_at.get_or_insert(now);
        } else {
            self.last_arrival = at;
        }
        self.in_flight += u64::from(at >= end);
    }

    /// The shortest time that a datagram took; none before the first.
    pub fn shortest(&self) -> Option<Duration> {
        (self.shortest_ns < u64::MAX).then(|| Duration::from_nanos(self.shortest_ns))
    }

    fn come_to_the_end(&mut self, delivered: u64, in_flight: u64, dropped: BTreeMap<&'static str, u64>) {
        self.delivered += delivered;
        self.in_flight += in_flight;
        for (cause, datagrams) in dropped {
            self.drop(cause, datagrams);
        }
    }

    /// Enters datagrams that did not arrive.
    pub fn drop(&mut self, cause: &'static str, datagrams: u64) {
        if datagrams > 0 {
            *self.dropped.entry(cause).or_default() += datagrams;
        }
    }
}

impl Ledger {
    /// Empty books for so many clients and shared lines.
    pub fn new(clients: usize) -> Self {
        Self { accounts: vec![Account::default(); clients * 2], nowhere: 0 }
    }

    /// The account of the client at that place, counted from 1.
    #[inline]
    pub fn account(&mut self, client: u16, direction: Direction) -> Option<&mut Account> {
        let client = usize::from(client).checked_sub(1)?;
        self.accounts.get_mut(client * 2 + usize::from(direction == Direction::Down))
    }

    /// Makes one set of books of two: this one gets the accounts of the other one's that are `theirs`. What came of their datagrams at the other end may stand in either.
    pub fn join(&mut self, other: Self, theirs: impl Fn(u16) -> bool) {
        self.nowhere += other.nowhere;
        for (at, account) in other.accounts.into_iter().enumerate() {
            if u16::try_from(at / 2 + 1).is_ok_and(&theirs) {
                let Account { delivered, in_flight, dropped, .. } = core::mem::replace(&mut self.accounts[at], account);
                self.accounts[at].come_to_the_end(delivered, in_flight, dropped);
            }
        }
    }

    /// Every account, with the client's place and the direction.
    pub fn accounts(&self) -> impl Iterator<Item = (u16, Direction, &Account)> {
        let ways = (1_u16..).flat_map(|client| [(client, Direction::Up), (client, Direction::Down)]);
        ways.zip(&self.accounts).map(|((client, direction), account)| (client, direction, account))
    }
}
