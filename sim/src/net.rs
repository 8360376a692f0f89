//! The simulated network: what carries datagrams, what they carry, and where randomness for it comes from.

use core::net::SocketAddr;

use bytes::Bytes;

pub mod link;
pub mod network;

/// A datagram between two nodes.
///
/// Addresses are the laboratory's own: every engine uses the same ones, so that traces can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where it comes from.
    pub src: SocketAddr,
    /// Where it goes.
    pub dst: SocketAddr,
    /// Its bytes.
    pub payload: Bytes,
    /// Bytes that count on the wire but are not carried: modelled media sends headers and a length.
    pub absent_bytes: u32,
}

impl Datagram {
    /// Size on the wire above UDP, in bytes.
    pub fn size_bytes(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(self.absent_bytes)
    }
}
