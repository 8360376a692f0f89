//! Media transports: what turns packets of audio and video into datagrams and back.
//!
//! A [`Peer`] is one end of one connection. It is sans-IO, like everything below the engines: bytes and time go in, datagrams and events come out. Three back ends share its
//! interface: `webrtc` (str0m with real DTLS and SRTP), `webrtc-null` (str0m with null cryptography of the same sizes) and `model` (headers and lengths only).

use std::sync::Arc;

use greenroom_core::{
    id::{LayerId, Rid, StreamId},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};

use crate::net::Datagram;

/// A track of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Audio or video.
    pub kind: TrackKind,
}

/// One RTP packet, as nodes see it.
#[derive(Clone, Debug)]
pub struct MediaPacket {
    /// The track it belongs to.
    pub track: TrackId,
    /// The layer it belongs to; the lowest for a track without layers.
    pub layer: LayerId,
    /// Extended sequence number (RFC 3711 section 3.3.1): 16 bits of it travel.
    pub seq: u64,
    /// RTP timestamp, in units of the codec's clock.
    pub timestamp: u32,
    /// Last packet of a picture.
    pub marker: bool,
    /// The RTP payload, or the head of it.
    pub payload: Arc<[u8]>,
    /// Bytes of the payload that are counted but not carried (modelled media).
    pub absent_bytes: u32,
}

impl MediaPacket {
    /// Size of the RTP payload, in bytes.
    pub fn size_bytes(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(self.absent_bytes)
    }
}

/// Replacements in a VP8 payload descriptor (RFC 7741 section 4.2), made when a forwarded packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Rewrite {
    /// The 15-bit picture id.
    pub picture_id: u16,
    /// The index of the last base temporal layer picture.
    pub tl0_pic_idx: u8,
}

/// What a peer has to say.
#[derive(Clone, Debug)]
pub enum PeerOutput {
    /// Send this.
    Datagram(Datagram),
    /// The connection stands: media can flow.
    Connected,
    /// A media packet arrived.
    Packet(MediaPacket),
    /// The other end asks for a key frame of one of our tracks; of one layer of it if it names one.
    KeyFrameRequested {
        /// The track, one of those this end sends.
        track: TrackId,
        /// The layer.
        layer: LayerId,
    },
    /// What this end believes it can send, all tracks together.
    Estimate {
        /// In bits per second.
        bps: BitsPerSecond,
    },
}
