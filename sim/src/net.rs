//! The simulated network: what carries datagrams, what they carry, and where randomness for it comes from.

use core::net::SocketAddrV4;

use self::octets::Octets;

pub mod bucket;
pub mod capacity;
pub mod clock;
pub mod codel;
pub mod fq_codel;
pub mod jitter;
pub mod link;
pub mod loss;
pub mod network;
pub mod octets;
pub mod pipe;
pub mod queue;
pub mod tcp;
pub mod trace;
pub mod traffic;

/// The bytes of a datagram. Modelled media carries 44 of a packet of video; with up to 46 in place, a datagram is 64 bytes, one cache line.
pub type Carried = Octets<CARRIED_IN_PLACE>;
/// Bytes of a datagram that need no allocation.
pub const CARRIED_IN_PLACE: usize = 46;
const _: () = assert!(size_of::<Datagram>() == 64);

/// A datagram between two nodes.
///
/// Addresses are the laboratory's own: every engine uses the same ones, so that traces can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where it comes from.
    pub src: SocketAddrV4,
    /// Where it goes.
    pub dst: SocketAddrV4,
    /// Its bytes.
    pub payload: Carried,
    /// Bytes that count on the wire but are not carried: modelled media sends headers and a length.
    pub absent_bytes: u32,
}

impl Datagram {
    /// Size on the wire above UDP, in bytes.
    pub fn size_bytes(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(self.absent_bytes)
    }
}
