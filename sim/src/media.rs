//! Media transports: what turns packets of audio and video into datagrams and back.
//!
//! A [`Peer`] is one end of one connection. It is sans-IO, like everything below the engines: bytes and time go in, datagrams and events come out. Three back ends share its
//! interface: `webrtc` (str0m with real DTLS and SRTP), `webrtc-null` (str0m with null cryptography of the same sizes) and `model` (headers and lengths only).
//!
//! # Laws
//!
//! - `handle_datagram` and `handle_timeout` compute; `poll_output` pops; `poll_timeout` reads.
//! - The other methods that change a peer only take note, so that the packets of a picture cost one round of the back end and not one each; but for packets of modelled media, which
//!   [`Peer::write`] and [`Peer::handle_datagram`] hand through at once.
//!   **After the last of them, call [`Peer::flush`]; then poll.** Whoever forgets loses no packet: while something waits for a flush, `poll_timeout` answers with the
//!   present, and `handle_timeout` flushes.
//! - While outputs are queued, `poll_timeout` answers with the last `now` the peer was told. Otherwise it lies after it.
//! - No datagram makes a peer panic; one that cannot be read is counted in [`Counters`] and forgotten.
//!
//! # Who announces what
//!
//! The two ends exchange [descriptions](Peer::description) over signalling, once. Tracks are not described: their identifiers follow from [`TrackId`] (the RTP media id is
//! `v7` for the video of stream 7 and `a7` for its audio), and an SSRC is the sender's own affair, which the receiver learns from the media id and rid that packets
//! carry in header extensions, of audio until the receiver has reported (RFC 8843 section 9.2), of video always in this str0m. So nothing is to be agreed, and a track may stop and start again at any time.
//! Packets that arrive before their track is [expected](Peer::receive_track) are lost, and count as lost in the sender's estimate: expect first, then ask.
//!
//! # Silence
//!
//! A connection survives silence of twelve seconds and is given up within nineteen: the server end forgets a client that asked nothing for 15 s, the client a server that answered
//! none of its checks for 15.5 s, and checks are 3 s apart. Both say [`PeerOutput::Disconnected`] once, and nothing any more after it.

mod delays;
mod jitter;
mod model;
mod observer;
mod passage;
mod webrtc;

use core::{fmt, net::SocketAddrV4, ops::Deref, str::FromStr, time::Duration};

use greenroom_core::{
    audio::AudioLevel,
    id::{LayerId, Rid, StreamId},
    quality::ReceiverReport,
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};
use serde::{Deserialize, Serialize};

use crate::net::{Datagram, octets::Octets};

pub use self::{
    delays::{Delays, Log},
    jitter::Jitter,
    observer::{Arrived, Meant, Observer},
    passage::Passage,
};

/// One end of one connection.
#[derive(Debug)]
pub struct Peer(Back);

/// Which one it is stands in front, beside what a packet needs first. Left to itself, the compiler told it by a number that few packets touch, and it took a cache line more to know.
#[derive(Debug)]
#[repr(u8)]
#[expect(
    clippy::large_enum_variant,
    reason = "hundreds of modelled peers take turns, and one that lies where its holder is, is found without asking where it lies"
)]
enum Back {
    WebRtc(Box<webrtc::Peer>),
    Model(model::Peer),
}

/// Calls the back end, whichever it is.
macro_rules! back {
    ($self:expr, $peer:ident => $call:expr) => {
        match $self {
            Back::WebRtc($peer) => $call,
            Back::Model($peer) => $call,
        }
    };
}

impl Peer {
    /// A peer that knows nothing of the other end yet.
    pub fn new(now: Instant, config: PeerConfig) -> Self {
        Self(match config.fidelity {
            Fidelity::WebRtc | Fidelity::WebRtcNull => Back::WebRtc(Box::new(webrtc::Peer::new(now, config))),
            Fidelity::Model => Back::Model(model::Peer::new(now, config)),
        })
    }

    /// What the other end must know of this one, as compact JSON: address and credentials. The same at every call.
    pub fn description(&mut self) -> String {
        let description = back!(&mut self.0, peer => peer.description());
        serde_json::to_string(&description).expect("a description is text and numbers")
    }

    /// Tells this end of the other one, and starts connecting. To be flushed.
    pub fn set_remote(&mut self, now: Instant, description: &str) -> Result<(), MediaError> {
        let description = Description::parse(description)?;
        back!(&mut self.0, peer => peer.set_remote(now, description))
    }

    /// Where the other end is, once it is known.
    pub fn remote_address(&self) -> Option<SocketAddrV4> {
        back!(&self.0, peer => peer.remote_address())
    }

    /// Begins to send a track. With rids it has that many layers, the first rid being layer 0; without, it has one encoding (audio, or what a server forwards). To be flushed.
    pub fn send_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        back!(&mut self.0, peer => peer.send_track(now, track, rids));
    }

    /// Expects a track that the other end sends with the same rids. To be flushed.
    pub fn receive_track(&mut self, now: Instant, track: TrackId, rids: &[Rid]) {
        back!(&mut self.0, peer => peer.receive_track(now, track, rids));
    }

    /// Stops sending and expecting a track. To be flushed.
    pub fn stop_track(&mut self, now: Instant, track: TrackId) {
        back!(&mut self.0, peer => peer.stop_track(now, track));
    }

    /// Sends a packet of a track, with the sequence number and timestamp it says, the sequence numbers of each layer rising.
    ///
    /// Modelled media has no reason to wait: what it sends goes to `out` at once. Other media is to be flushed, which the answer says.
    ///
    /// Without a connection, or when the track is not one this end sends, the packet is dropped and [counted](Counters::unsent_packets).
    #[inline]
    pub fn write(&mut self, now: Instant, packet: &MediaPacket, rewrite: Option<Vp8Rewrite>, out: &mut Vec<Datagram>) -> Written {
        match &mut self.0 {
            Back::Model(peer) => {
                peer.write(now, packet, rewrite, out);
                Written::Out
            }
            Back::WebRtc(peer) => {
                peer.write(now, packet, rewrite);
                Written::ToFlush
            }
        }
    }

    /// Sends one of many copies of a packet, with the numbers that were last given to them. All else is as in [`Peer::write`].
    #[expect(clippy::inline_always, reason = "called at two places, for every packet that a server sends")]
    #[inline(always)]
    pub fn write_copy(&mut self, now: Instant, copies: &Copies, rewrite: Option<Vp8Rewrite>, out: &mut Vec<Datagram>) -> Written {
        match &mut self.0 {
            Back::Model(peer) => {
                peer.write_copy(now, &copies.packet, copies.common.as_ref(), rewrite, out);
                Written::Out
            }
            Back::WebRtc(peer) => {
                peer.write(now, &copies.packet, rewrite);
                Written::ToFlush
            }
        }
    }

    /// Asks the other end for a key frame of a layer it sends (PLI, RFC 4585 section 6.3.1). To be flushed.
    pub fn request_key_frame(&mut self, now: Instant, track: TrackId, layer: LayerId) {
        back!(&mut self.0, peer => peer.request_key_frame(now, track, layer));
    }

    /// Tells the estimator of an end that [estimates](PeerConfig::estimate_from) what is wanted of it: up to `minimum` it may fill the link with padding so as to know that it carries that
    /// much; up to `desired` it may probe. To be flushed.
    pub fn set_bandwidth(&mut self, now: Instant, minimum: BitsPerSecond, desired: BitsPerSecond) {
        back!(&mut self.0, peer => peer.set_bandwidth(now, minimum, desired));
    }

    /// Whether a datagram from an address that is not known to be the other end's comes of it all the same: one that only the other end could have made. So a server finds members behind a translator, and
    /// those that have moved.
    pub fn accepts(&self, datagram: &Datagram) -> bool {
        back!(&self.0, peer => peer.accepts(datagram))
    }

    /// Whether a datagram that this end sent carries a packet of media that it had sent before (RTX, RFC 4588). Of modelled media nothing is known.
    pub fn is_repeat(&self, datagram: &Datagram) -> bool {
        match &self.0 {
            Back::Model(_) => false,
            Back::WebRtc(_) => webrtc::is_repeat(&datagram.payload),
        }
    }

    /// Whether a datagram that this end sent carries RTCP: reports, feedback, requests. Of modelled media nothing is known.
    pub fn is_report(&self, datagram: &Datagram) -> bool {
        match &self.0 {
            Back::Model(_) => false,
            Back::WebRtc(_) => webrtc::is_report(&datagram.payload),
        }
    }

    /// Takes in a datagram. The packet of modelled media that it carries is at hand at once; all else is polled.
    #[expect(
        clippy::inline_always,
        reason = "called at two places, nearly always with a packet of media; through memory, who takes it waits until all of it is written"
    )]
    #[inline(always)]
    pub fn handle_datagram<'d>(&mut self, now: Instant, datagram: &'d Datagram) -> Option<MediaPacket<&'d [u8]>> {
        match &mut self.0 {
            Back::Model(peer) => peer.handle_datagram(now, datagram),
            Back::WebRtc(peer) => {
                peer.handle_datagram(now, datagram);
                None
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        back!(&mut self.0, peer => peer.handle_timeout(now));
    }

    /// Carries out what the calls since the last flush asked for. Costs next to nothing when they asked for nothing.
    pub fn flush(&mut self, now: Instant) {
        back!(&mut self.0, peer => peer.flush(now));
    }

    /// Whether there is surely nothing to flush and nothing to poll. What other media than modelled has to say is known by asking.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        match &self.0 {
            Back::Model(peer) => peer.is_quiet(),
            Back::WebRtc(_) => false,
        }
    }

    /// Whether the datagram that was taken in last surely brought the timer no further forward than it was. What other media than modelled waits for is known by asking.
    #[inline]
    pub fn timer_stands(&self) -> bool {
        match &self.0 {
            Back::Model(peer) => peer.timer_stands(),
            Back::WebRtc(_) => false,
        }
    }

    /// Takes the next output, oldest first.
    pub fn poll_output(&mut self) -> Option<PeerOutput> {
        back!(&mut self.0, peer => peer.poll_output())
    }

    /// When this peer wants to be told the time next.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        back!(&self.0, peer => peer.poll_timeout())
    }

    /// Whether media can flow.
    pub fn is_connected(&self) -> bool {
        back!(&self.0, peer => peer.is_connected())
    }

    /// To the other end and back, as the newest check of the path took; none before the first answer, and at a server's end, which checks nothing.
    pub fn rtt(&self) -> Option<Duration> {
        back!(&self.0, peer => peer.rtt())
    }

    /// How often [`Peer::rtt`] was measured so far: whoever reads it now and then can tell a new answer from one that is known.
    pub fn rtt_count(&self) -> u64 {
        back!(&self.0, peer => peer.rtt_count())
    }

    /// What came of everything that the other end sent here, by the connection's own numbers; at a client's end only.
    pub fn passage(&self) -> Passage {
        back!(&self.0, peer => peer.passage())
    }

    /// How long packets of each direction and round trips took, as far as this end can tell; at a client's end only, where packets are looked at. None where media is modelled.
    pub fn delays(&self) -> Option<&Delays> {
        match &self.0 {
            Back::WebRtc(peer) => Some(peer.delays()),
            Back::Model(_) => None,
        }
    }

    /// What the other end reported last of each encoding that this end sends: in receiver reports, and so at a client's end only, where they are listened to. None where media is modelled.
    pub fn reports(&self) -> Vec<Reported> {
        match &self.0 {
            Back::WebRtc(peer) => peer.reports(),
            Back::Model(_) => Vec::new(),
        }
    }

    /// What the other end reported so far of everything that this end sends together, and in how many reports: where media is modelled, and there is nothing finer.
    pub fn report_in_all(&self) -> Option<(ReceiverReport, u64)> {
        match &self.0 {
            Back::WebRtc(_) => None,
            Back::Model(peer) => Some(peer.report_in_all()),
        }
    }

    /// What went wrong without anyone being at fault, so far.
    pub fn counters(&self) -> Counters {
        back!(&self.0, peer => peer.counters())
    }
}

/// What the other end says it received of one encoding, and what was sent of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The track.
    pub track: TrackId,
    /// The layer of it.
    pub layer: LayerId,
    /// The report, with what was sent when it came.
    pub report: ReceiverReport,
    /// Interarrival jitter at the other end.
    pub jitter: Duration,
    /// How many reports there were so far.
    pub count: u64,
}

/// What a peer is made from.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// How real it is. Both ends must agree.
    pub fidelity: Fidelity,
    /// Its address: the source of what it sends, and the destination of what it is handed.
    pub local: SocketAddrV4,
    /// Which end of the connection it is. The two ends differ.
    pub end: End,
    /// Where its estimate of the way to the other end begins; none if it makes none and sends without pacing.
    pub estimate_from: Option<BitsPerSecond>,
    /// How often it reports to the other end what it receives; none for str0m's own habit, which is libwebrtc's: video every second and audio every five.
    pub report_every: Option<Duration>,
    /// How often it says what its controller believes, as it stands; none for str0m's own word, which is a mean of three seconds and comes when that has moved by a twentieth.
    pub estimate_every: Option<Duration>,
    /// Where its draws begin (credentials, keys, identifiers). Peers with one seed draw alike.
    pub seed: u64,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end that reaches out: it runs the ICE checks and opens DTLS.
    Client,
    /// The end at a known address: ICE-lite, and passive in DTLS.
    Server,
}

/// How real media transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// str0m with real DTLS 1.2 and SRTP.
    #[serde(rename = "webrtc")]
    WebRtc,
    /// str0m with null cryptography: the same datagrams by number and size, for half the time.
    #[serde(rename = "webrtc-null")]
    WebRtcNull,
    /// Headers and lengths, and a model of bandwidth estimation: thousands of viewers.
    #[serde(rename = "model")]
    Model,
}

impl Fidelity {
    /// All of them, the most real first.
    pub const ALL: [Self; 3] = [Self::WebRtc, Self::WebRtcNull, Self::Model];

    /// The word for it in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebRtc => "webrtc",
            Self::WebRtcNull => "webrtc-null",
            Self::Model => "model",
        }
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fidelity {
    type Err = MediaError;
    fn from_str(text: &str) -> Result<Self, MediaError> {
        let found = Self::ALL.into_iter().find(|fidelity| fidelity.name() == text);
        found.ok_or_else(|| MediaError::UnknownFidelity { given: text.to_owned() })
    }
}

/// What a peer dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets written without a connection, of a track or layer not sent, or too large for a datagram.
    pub unsent_packets: u64,
    /// Datagrams that could not be read.
    pub bad_datagrams: u64,
}

/// Why a text is not what media transport needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// There is no such fidelity.
    #[error("unknown media fidelity {given:?}; expected webrtc, webrtc-null or model")]
    UnknownFidelity {
        /// The text given.
        given: String,
    },
    /// The description is not JSON of the expected shape.
    #[error("the media description is not understood: {reason}; expected what the other end's Peer::description said")]
    Unreadable {
        /// What the JSON reader said.
        reason: String,
    },
    /// The other end is of another fidelity.
    #[error("the other end speaks {theirs} media and this one {ours}; give both the same fidelity")]
    OtherFidelity {
        /// Ours.
        ours: Fidelity,
        /// Theirs.
        theirs: Fidelity,
    },
    /// A field of the description holds something impossible.
    #[error("{field} of the media description is {given:?}; expected {expected}")]
    BadField {
        /// Its name.
        field: &'static str,
        /// What it holds.
        given: String,
        /// What it should.
        expected: &'static str,
    },
    /// The other end was described before.
    #[error("this peer already knows its other end; make a new peer for a new connection")]
    AlreadySet,
}

/// Largest RTP payload, in bytes. libwebrtc's packets have 1200 bytes (`kDefaultMaxPacketSize`), header and all; a forwarded one may grow by some extensions and must still fit the paths of the internet.
const PAYLOAD_BYTES: u32 = 1200;

/// What one end tells the other about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    fidelity: Fidelity,
    address: SocketAddrV4,
    /// ICE user name fragment and password (RFC 8445 section 5.3).
    ufrag: String,
    pwd: String,
    /// SHA-256 of the DTLS certificate, as hex digits; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    fingerprint: String,
}

impl Description {
    fn parse(text: &str) -> Result<Self, MediaError> {
        serde_json::from_str(text).map_err(|error| MediaError::Unreadable { reason: error.to_string() })
    }
}

/// A track of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Audio or video.
    pub kind: TrackKind,
}

/// An RTP payload, or the head of it. Modelled heads have at most 10 bytes and are in place; so many cost no more room than the pointer would.
pub type Payload = Octets<22>;

/// What became of a packet that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is on its way, or dropped.
    Out,
    /// It waits for [`Peer::flush`].
    ToFlush,
}

/// A packet of which many get a copy, each with numbers of its own. What modelled media has to find out about all of them, it finds out once.
#[derive(Clone, Debug)]
pub struct Copies {
    packet: MediaPacket,
    common: Option<model::Common>,
}

impl Copies {
    /// Copies of a packet.
    pub fn of(packet: MediaPacket) -> Self {
        Self { common: model::Common::of(&packet), packet }
    }

    /// Gives the next copy its sequence number and its timestamp.
    #[inline]
    pub fn number(&mut self, seq: u64, timestamp: u32) {
        (self.packet.seq, self.packet.timestamp) = (seq, timestamp);
    }

    /// The next copy.
    pub const fn packet(&self) -> &MediaPacket {
        &self.packet
    }
}

/// One RTP packet, as nodes see it: with a payload of its own, or one that it borrows.
#[derive(Clone, Copy, Debug)]
pub struct MediaPacket<P = Payload> {
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
    pub payload: P,
    /// Bytes of the payload that are counted but not carried (modelled media).
    pub absent_bytes: u32,
    /// How loud it is, where a packet of audio says so (RFC 6464).
    pub level: Option<AudioLevel>,
}

impl<P: Deref<Target = [u8]>> MediaPacket<P> {
    /// Size of the RTP payload, in bytes.
    #[inline]
    pub fn size_bytes(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX).saturating_add(self.absent_bytes)
    }

    /// The packet with a payload of its own.
    pub fn to_owned(&self) -> MediaPacket {
        let MediaPacket { track, layer, seq, timestamp, marker, ref payload, absent_bytes, level } = *self;
        MediaPacket { track, layer, seq, timestamp, marker, payload: (**payload).into(), absent_bytes, level }
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
    /// How long the quickest of some packets that this end sent took lately.
    Delay {
        /// In nanoseconds, by the other end's clock less this one's: both start where they like.
        delay_ns: i64,
    },
    /// The connection is given up: nothing of the other end was heard for [some 15 seconds](self#silence). This peer is over, and a new one is needed on both ends.
    Disconnected,
}
