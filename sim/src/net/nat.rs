//! A network address translator, by the behaviours of RFC 4787.
//!
//! A NAT gives what leaves an inside address a *mapping*: an address and port of its own on the outside. Two questions tell NATs apart (sections 4.1 and 5):
//!
//! | question | endpoint independent | address dependent | address and port dependent |
//! |---|---|---|---|
//! | *mapping*: when is an inside address's mapping used again? | always | towards the same outside address | towards the same outside address and port |
//! | *filtering*: who may send to a mapping? | everybody | addresses it has sent to | addresses and ports it has sent to |
//!
//! "Full cone" is independent in both, "port restricted cone" independent in mapping and dependent in filtering, "symmetric" dependent in both. A mapping that is not used for the
//! binding timeout is forgotten (section 4.3); what leaves always counts as use (REQ-6), what enters where [`NatConfig::inbound_refreshes`] says so.
//!
//! Not here: hairpinning (nobody in the laboratory sends to its own outside), port preservation and parity (REQ-3 and 4 are for applications that derive ports from ports), fragments, and
//! sharing: each client has a NAT of its own, as a home has.
//!
//! It is told the time and draws nothing: outside ports are counted up, so that a forgotten mapping is not given again soon.

use core::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};
use std::collections::BTreeMap;

use greenroom_core::time::Instant;

/// A translator with one outside address.
///
/// ```
/// use core::net::{Ipv4Addr, SocketAddrV4};
/// use greenroom_core::time::Instant;
/// use greenroom_sim::net::nat::{Nat, NatConfig, Refusal};
///
/// let inside = SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 2), 5000);
/// let server = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 0), 5000);
/// let mut nat = Nat::new(NatConfig::default(), Ipv4Addr::new(10, 1, 0, 1));
///
/// let outside = nat.outbound(Instant::ZERO, inside, server)?;
/// assert_ne!(outside, inside);
/// assert_eq!(nat.inbound(Instant::from_secs(1), server, outside), Ok(inside));
/// assert_eq!(nat.inbound(Instant::from_secs(200), server, outside), Err(Refusal::NoMapping), "forgotten");
/// # Ok::<(), Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    config: NatConfig,
    outside: Ipv4Addr,
    next_port: u16,
    mappings: BTreeMap<MappingKey, Mapping>,
    of_port: BTreeMap<u16, MappingKey>,
}

/// How a NAT behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// What decides whether a mapping is used again.
    pub mapping: Dependence,
    /// Who may send to a mapping.
    pub filtering: Dependence,
    /// How long a mapping that is not used is kept.
    pub timeout: Duration,
    /// Whether what enters keeps a mapping alive, as what leaves does.
    pub inbound_refreshes: bool,
}

/// What of the outside endpoint a behaviour depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// Nothing.
    EndpointIndependent,
    /// Its address.
    AddressDependent,
    /// Its address and port.
    AddressAndPortDependent,
}

/// Why a datagram does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is mapped to the port it came for, or no longer.
    #[error("nothing is mapped to that port")]
    NoMapping,
    /// It came from somebody to whom nothing was sent.
    #[error("the mapping takes nothing from there")]
    Filtered,
    /// Every outside port is in use.
    #[error("no port is left")]
    OutOfPorts,
}

impl Default for NatConfig {
    /// What RFC 4787 asks of a NAT that also protects: independent mapping (REQ-1), address dependent filtering (REQ-8), and the shortest timeout that it allows (REQ-5: two minutes).
    fn default() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressDependent,
            timeout: Duration::from_secs(120),
            inbound_refreshes: false,
        }
    }
}

/// The first outside port. A choice: above the registered ports' crowded half, and far from the laboratory's own.
const FIRST_PORT: u16 = 40_000;

/// What a mapping is found by: the inside endpoint, and as much of the outside one as mapping depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct MappingKey {
    inside: SocketAddrV4,
    address: Option<Ipv4Addr>,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    port: u16,
    used_at: Instant,
    /// Whom it has sent to, and when last.
    sent_to: BTreeMap<SocketAddrV4, Instant>,
}

impl Nat {
    /// A translator that has sent nothing yet.
    pub const fn new(config: NatConfig, outside: Ipv4Addr) -> Self {
        Self { config, outside, next_port: FIRST_PORT, mappings: BTreeMap::new(), of_port: BTreeMap::new() }
    }

    /// How it behaves.
    pub const fn config(&self) -> NatConfig {
        self.config
    }

    /// The outside address.
    pub const fn outside(&self) -> Ipv4Addr {
        self.outside
    }

    /// How many mappings it has in mind, forgotten ones that nobody has asked for since among them.
    pub fn mappings(&self) -> usize {
        self.mappings.len()
    }

    /// Lets a datagram out: where it seems to come from.
    pub fn outbound(&mut self, now: Instant, src: SocketAddrV4, dst: SocketAddrV4) -> Result<SocketAddrV4, Refusal> {
        let key = MappingKey {
            inside: src,
            address: (self.config.mapping != Dependence::EndpointIndependent).then_some(*dst.ip()),
            port: (self.config.mapping == Dependence::AddressAndPortDependent).then_some(dst.port()),
        };
        if self.mappings.get(&key).is_none_or(|mapping| self.is_over(now, mapping.used_at)) {
            self.forget(key);
            let port = self.free_port(now)?;
            self.of_port.insert(port, key);
            self.mappings.insert(key, Mapping { port, used_at: now, sent_to: BTreeMap::new() });
        }
        let mapping = self.mappings.get_mut(&key).expect("it was found, or just made");
        mapping.used_at = now;
        mapping.sent_to.insert(dst, now);
        Ok(SocketAddrV4::new(self.outside, mapping.port))
    }

    /// Lets a datagram in: whom it is for.
    pub fn inbound(&mut self, now: Instant, src: SocketAddrV4, dst: SocketAddrV4) -> Result<SocketAddrV4, Refusal> {
        let key = *self.of_port.get(&dst.port()).filter(|_| *dst.ip() == self.outside).ok_or(Refusal::NoMapping)?;
        let mapping = &self.mappings[&key];
        if self.is_over(now, mapping.used_at) {
            self.forget(key);
            return Err(Refusal::NoMapping);
        }
        let known = |known: &SocketAddrV4| match self.config.filtering {
            Dependence::EndpointIndependent => true,
            Dependence::AddressDependent => known.ip() == src.ip(),
            Dependence::AddressAndPortDependent => *known == src,
        };
        if !mapping.sent_to.iter().any(|(endpoint, at)| known(endpoint) && (self.config.inbound_refreshes || !self.is_over(now, *at))) {
            return Err(Refusal::Filtered);
        }
        if self.config.inbound_refreshes
            && let Some(mapping) = self.mappings.get_mut(&key)
        {
            mapping.used_at = now;
        }
        Ok(key.inside)
    }

    /// Forgets everything, as a NAT that starts anew does: what leaves next leaves from other ports, and what comes for the old ones is refused.
    pub fn rebind(&mut self) {
        self.mappings.clear();
        self.of_port.clear();
    }

    fn is_over(&self, now: Instant, used_at: Instant) -> bool {
        now.saturating_since(used_at) >= self.config.timeout
    }

    fn forget(&mut self, key: MappingKey) {
        if let Some(mapping) = self.mappings.remove(&key) {
            self.of_port.remove(&mapping.port);
        }
    }

    /// The next port that no mapping has; the one after it comes next time.
    fn free_port(&mut self, now: Instant) -> Result<u16, Refusal> {
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = if port == u16::MAX { FIRST_PORT } else { port + 1 };
            match self.of_port.get(&port).copied() {
                None => return Ok(port),
                Some(key) if self.is_over(now, self.mappings[&key].used_at) => {
                    self.forget(key);
                    return Ok(port);
                }
                Some(_) => {}
            }
        }
        Err(Refusal::OutOfPorts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 2), 5000);
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

    const fn endpoint(host: u8, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, host), port)
    }

    fn nat(mapping: Dependence, filtering: Dependence) -> Nat {
        Nat::new(NatConfig { mapping, filtering, ..NatConfig::default() }, OUTSIDE)
    }

    const ALL: [Dependence; 3] = [Dependence::EndpointIndependent, Dependence::AddressDependent, Dependence::AddressAndPortDependent];

    /// RFC 4787 section 4.1: X:x to Y1:y1, to Y1:y2 and to Y2:y2.
    #[test]
    fn mappings_are_used_again_as_their_behaviour_says() {
        for (mapping, [same_host, other_host]) in ALL.into_iter().zip([[true, true], [true, false], [false, false]]) {
            let mut nat = nat(mapping, Dependence::EndpointIndependent);
            let mut out = |dst| nat.outbound(Instant::ZERO, INSIDE, dst).expect("ports are plenty");
            let first = out(endpoint(1, 1));
            assert_eq!(*first.ip(), OUTSIDE);
            assert_eq!(out(endpoint(1, 1)), first, "{mapping:?}");
            assert_eq!(out(endpoint(1, 2)) == first, same_host, "{mapping:?}");
            assert_eq!(out(endpoint(2, 2)) == first, other_host, "{mapping:?}");
        }
    }

    /// RFC 4787 section 5: who may answer, when X:x has sent to Y1:y1.
    #[test]
    fn filters_let_in_whom_their_behaviour_says() {
        for (filtering, [same_host, other_host]) in ALL.into_iter().zip([[true, true], [true, false], [false, false]]) {
            let mut nat = nat(Dependence::EndpointIndependent, filtering);
            let mapped = nat.outbound(Instant::ZERO, INSIDE, endpoint(1, 1)).unwrap();
            let mut enters = |src| match nat.inbound(Instant::ZERO, src, mapped) {
                Ok(to) => to == INSIDE,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Filtered);
                    false
                }
            };
            assert!(enters(endpoint(1, 1)), "{filtering:?}");
            assert_eq!(enters(endpoint(1, 2)), same_host, "{filtering:?}");
            assert_eq!(enters(endpoint(2, 1)), other_host, "{filtering:?}");
        }
    }

    /// REQ-5 and REQ-6: what leaves refreshes, and after the timeout the mapping is another one.
    #[test]
    fn a_mapping_that_is_not_used_is_forgotten() {
        let mut nat = nat(Dependence::EndpointIndependent, Dependence::EndpointIndependent);
        let (s, server) = (Instant::from_secs, endpoint(1, 1));
        let first = nat.outbound(s(0), INSIDE, server).unwrap();
        assert_eq!(nat.outbound(s(100), INSIDE, server), Ok(first));
        assert_eq!(nat.inbound(s(219), server, first), Ok(INSIDE), "119 s after the last that left");
        assert_eq!(nat.inbound(s(220), server, first), Err(Refusal::NoMapping), "and what entered counts for nothing");
        let second = nat.outbound(s(221), INSIDE, server).unwrap();
        assert_ne!(second, first, "another port");
        assert_eq!(nat.inbound(s(222), server, first), Err(Refusal::NoMapping));

        let config = NatConfig { inbound_refreshes: true, ..NatConfig::default() };
        let mut kind = Nat::new(config, OUTSIDE);
        let first = kind.outbound(s(0), INSIDE, server).unwrap();
        assert_eq!(kind.inbound(s(119), server, first), Ok(INSIDE));
        assert_eq!(kind.inbound(s(238), server, first), Ok(INSIDE), "kept alive from outside");
    }

    #[test]
    fn rebinding_changes_the_port_and_closes_the_old_one() {
        let mut nat = nat(Dependence::EndpointIndependent, Dependence::AddressDependent);
        let server = endpoint(1, 1);
        let before = nat.outbound(Instant::ZERO, INSIDE, server).unwrap();
        nat.rebind();
        assert_eq!(nat.inbound(Instant::ZERO, server, before), Err(Refusal::NoMapping));
        let after = nat.outbound(Instant::ZERO, INSIDE, server).unwrap();
        assert_ne!(after, before);
        assert_eq!(nat.inbound(Instant::ZERO, server, after), Ok(INSIDE));
    }

    #[test]
    fn ports_run_out_and_come_back() {
        let mut nat = nat(Dependence::AddressAndPortDependent, Dependence::EndpointIndependent);
        let ports = u16::MAX - FIRST_PORT + 1;
        for port in 0..ports {
            nat.outbound(Instant::ZERO, INSIDE, endpoint(1, port)).unwrap();
        }
        assert_eq!(nat.mappings(), usize::from(ports));
        assert_eq!(nat.outbound(Instant::ZERO, INSIDE, endpoint(2, 1)), Err(Refusal::OutOfPorts));
        assert!(nat.outbound(Instant::from_secs(120), INSIDE, endpoint(2, 1)).is_ok(), "all others are forgotten by now");
    }

    #[test]
    fn what_comes_for_another_address_is_nobodys() {
        let mut nat = nat(Dependence::EndpointIndependent, Dependence::EndpointIndependent);
        let mapped = nat.outbound(Instant::ZERO, INSIDE, endpoint(1, 1)).unwrap();
        let elsewhere = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), mapped.port());
        assert_eq!(nat.inbound(Instant::ZERO, endpoint(1, 1), elsewhere), Err(Refusal::NoMapping));
    }
}
