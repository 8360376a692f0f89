//! The network of one run: an access link for each client, with the server at the other end of all of them.
//!
//! Both engines ask the same [`Network`] when a datagram arrives; they differ only in how they let that time pass.

use core::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use greenroom_core::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use super::{
    CARRIED_IN_PLACE, Datagram,
    link::{Link, Verdict},
};
use crate::scenario::User;

/// The server's place among the nodes. Clients follow, in the scenario's order.
pub const SERVER: u16 = 0;
/// The port of every node.
const PORT: u16 = 5000;

/// The address of the node at that place: `10.1.x.y`, the same in every engine.
pub const fn address_of(node: u16) -> SocketAddrV4 {
    let [high, low] = node.to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(10, 1, high, low), PORT)
}

/// The place of the node with that address.
pub const fn node_at(address: SocketAddrV4) -> Option<u16> {
    match address.ip().octets() {
        [10, 1, high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

/// The links of a run, and a hash over everything that was sent.
#[derive(Debug)]
pub struct Network {
    /// By client, the first one at place 1.
    access: Vec<Access>,
    /// By sender, so that the hash does not depend on how an engine interleaves nodes.
    sent: Vec<Sent>,
}

#[derive(Debug)]
struct Access {
    up: Link,
    down: Link,
}

#[derive(Default)]
struct Sent {
    datagrams: u64,
    hash: Xxh3,
    /// What is to be hashed, in the first `pending_bytes`: a kilobyte at once takes a fraction of the time that its datagrams take one by one.
    pending: Vec<u8>,
    pending_bytes: usize,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").field("datagrams", &self.datagrams).finish_non_exhaustive()
    }
}

impl Network {
    /// The network that these users have, in this order.
    pub fn new(users: &[User], seed: u64) -> Self {
        let access = |user: &User| Access {
            up: Link::new(user.up.clone(), seed, &format!("{}/up", user.id)),
            down: Link::new(user.down.clone(), seed, &format!("{}/down", user.id)),
        };
        Self { access: users.iter().map(access).collect(), sent: (0..=users.len()).map(|_| Sent::default()).collect() }
    }

    /// Sends a datagram: who gets it, and when; none when nobody does.
    pub fn carry(&mut self, now: Instant, from: u16, datagram: &Datagram) -> Option<(u16, Instant)> {
        let to = node_at(datagram.dst)?;
        if let Some(sent) = self.sent.get_mut(usize::from(from)) {
            sent.record(now, from, to, datagram);
        }
        let client = if from == SERVER { to } else { from };
        let access = self.access.get_mut(usize::from(client).checked_sub(1)?)?;
        let link = if from == SERVER { &mut access.down } else { &mut access.up };
        match link.offer(now, datagram.size_bytes()) {
            Verdict::Deliver { at } => Some((to, at)),
            Verdict::Drop(_) => None,
        }
    }

    /// When a byte of signalling sent by `from` arrives at the other end of its connection to or from `client`.
    ///
    /// Signalling is reliable and small, so it neither queues nor is lost: TCP sends again what an outage swallowed, and what is sent last during one arrives first after it.
    pub fn signalling_arrival(&self, now: Instant, from: u16, client: u16) -> Instant {
        let Some(access) = usize::from(client).checked_sub(1).and_then(|at| self.access.get(at)) else {
            return Instant::MAX;
        };
        let config = if from == SERVER { access.down.config() } else { access.up.config() };
        let mut leaves = now;
        for outage in &config.outages {
            if outage.from <= leaves && leaves < outage.to {
                leaves = outage.to;
            }
        }
        leaves.saturating_add(config.delay)
    }

    /// The link from the server to the client at that place.
    pub fn downlink(&self, client: u16) -> Option<&Link> {
        Some(&self.access.get(usize::from(client).checked_sub(1)?)?.down)
    }

    /// The link from the client at that place to the server.
    pub fn uplink(&self, client: u16) -> Option<&Link> {
        Some(&self.access.get(usize::from(client).checked_sub(1)?)?.up)
    }

    /// The shortest one-way delay of all links: nothing arrives sooner after it was sent. The longest time there is, where there are no links.
    pub fn shortest_delay(&self) -> Duration {
        let delays = self.access.iter().flat_map(|access| [access.up.config().delay, access.down.config().delay]);
        delays.min().unwrap_or(Duration::MAX)
    }

    /// Datagrams sent by all nodes.
    pub fn datagrams(&self) -> u64 {
        self.sent.iter().map(|sent| sent.datagrams).sum()
    }

    /// A hash over every datagram: its time in ns, source, destination and bytes, in order of time for each sender.
    pub fn trace_hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        for sent in &self.sent {
            let mut whole = sent.hash.clone();
            whole.update(&sent.pending[..sent.pending_bytes]);
            hash.update(&whole.digest().to_le_bytes());
        }
        hash.digest()
    }
}

/// Bytes that are hashed before those of a datagram: time, places of sender and receiver, size.
const HASH_HEAD_BYTES: usize = 16;
/// Bytes that wait to be hashed together, in the first-level cache. A choice.
const PENDING_BYTES: usize = 1024;

impl Sent {
    fn record(&mut self, now: Instant, from: u16, to: u16, datagram: &Datagram) {
        self.datagrams += 1;
        if PENDING_BYTES - self.pending_bytes < HASH_HEAD_BYTES + CARRIED_IN_PLACE {
            self.hash_pending();
        }
        if self.pending.is_empty() {
            self.pending.resize(PENDING_BYTES, 0); // at the first datagram: not everybody sends
        }
        let place = self.pending[self.pending_bytes..].first_chunk_mut::<{ HASH_HEAD_BYTES + CARRIED_IN_PLACE }>();
        let place = place.expect("room was made above");
        place[..8].copy_from_slice(&now.as_nanos().to_le_bytes());
        place[8..10].copy_from_slice(&from.to_le_bytes());
        place[10..12].copy_from_slice(&to.to_le_bytes());
        place[12..HASH_HEAD_BYTES].copy_from_slice(&datagram.size_bytes().to_le_bytes());
        self.pending_bytes += HASH_HEAD_BYTES;
        if let Some((few, len)) = datagram.payload.few() {
            place[HASH_HEAD_BYTES..].copy_from_slice(few); // what is beyond its length is written over by the next
            self.pending_bytes += len;
        } else {
            self.hash_pending();
            self.hash.update(&datagram.payload);
        }
    }

    fn hash_pending(&mut self) {
        self.hash.update(&self.pending[..self.pending_bytes]);
        self.pending_bytes = 0;
    }
}
