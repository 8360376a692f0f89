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
pub mod nat;
pub mod network;
pub mod octets;
pub mod pipe;
pub mod queue;
pub mod tcp;
pub mod trace;
pub mod traffic;

/// The server's place among the nodes. Clients follow, in the scenario's order.
pub const SERVER: u16 = 0;

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
    /// A datagram without bytes.
    pub fn empty(src: SocketAddrV4, dst: SocketAddrV4) -> Self {
        Self { src, dst, payload: Carried::default(), absent_bytes: 0 }
    }

    /// The datagram, in whose place an empty one stays.
    ///
    /// To be moved whole is not what happens to a datagram that comes out of an `Option`: whether there is one is told by a byte in its midst, and the compiler moves what is around that byte in
    /// pieces that overlap, which a processor does not read back before they are in its cache. Ten thousands of datagrams a simulated second deserve better.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = Self::empty(self.src, self.dst);
        core::mem::replace(self, empty)
    }

    /// Size on the wire above UDP, in bytes.
    #[inline]
    pub fn size_bytes(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(self.absent_bytes)
    }
}
