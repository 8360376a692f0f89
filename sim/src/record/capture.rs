//! Datagrams as a packet analyser reads them: a pcapng file of synthetic Ethernet, IPv4 and UDP frames, in virtual time.
//!
//! Format: draft-ietf-opsawg-pcapng. Each direction of each client's link and of each shared line is an interface, named `ada/up`; a frame stands there at the instant at which it was offered to the link, to the nanosecond. What
//! did not arrive has a comment that says why. Bytes that modelled media counts and does not carry are missing at a frame's end, as in a capture that was cut short: its captured length is shorter
//! than its own. Ethernet addresses are made of the IP addresses; the UDP checksum is 0, none (RFC 768).

use core::net::SocketAddrV4;

use greenroom_core::time::Instant;

use super::Direction;

/// A datagram, as it was offered to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When.
    pub at: Instant,
    /// Whose link: the client's place, from 1; behind the clients, the shared lines'.
    pub client: u16,
    /// Which direction of it.
    pub direction: Direction,
    /// Where it came from, as the link sees it.
    pub src: SocketAddrV4,
    /// Where it went.
    pub dst: SocketAddrV4,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Bytes that counted and were not carried.
    pub absent_bytes: u32,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Arrived,
    /// It arrived twice.
    ArrivedTwice,
    /// The link dropped it, for this cause.
    Dropped(&'static str),
    /// It waited in a queue that decides later, and did not come out of it.
    Waited,
}

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const ETHERNET: u16 = 1;
/// Options: the end of the list, a comment (of any block), the program (of a section), a name and a resolution (of an interface).
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const PROGRAM: u16 = 4;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
/// Timestamps in units of 10⁻⁹ s.
const NANOSECONDS: u8 = 9;

const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: u16 = 20;
const UDP_BYTES: u16 = 8;

/// The file. `names` are those of the clients and of the shared lines, in order of their places.
pub fn pcapng(captured: &[Captured], names: &[&str]) -> Vec<u8> {
    let mut file = Vec::with_capacity(captured.iter().map(|packet| packet.bytes.len() + 100).sum());
    let mut header = Vec::new();
    header.extend_from_slice(&BYTE_ORDER.to_le_bytes());
    header.extend_from_slice(&1_u16.to_le_bytes());
    header.extend_from_slice(&0_u16.to_le_bytes());
    header.extend_from_slice(&(-1_i64).to_le_bytes()); // the section's length: to the end of the file
    option(&mut header, PROGRAM, concat!("greenroom ", env!("CARGO_PKG_VERSION")).as_bytes());
    block(&mut file, SECTION_HEADER, header, true);
    for name in names {
        for way in ["up", "down"] {
            let mut interface = Vec::new();
            interface.extend_from_slice(&ETHERNET.to_le_bytes());
            interface.extend_from_slice(&0_u16.to_le_bytes());
            interface.extend_from_slice(&0_u32.to_le_bytes()); // frames may have any length
            option(&mut interface, NAME, format!("{name}/{way}").as_bytes());
            option(&mut interface, RESOLUTION, &[NANOSECONDS]);
            block(&mut file, INTERFACE, interface, true);
        }
    }
    for packet in captured {
        block(&mut file, ENHANCED_PACKET, enhanced(packet), packet.comment().is_some());
    }
    file
}

impl Captured {
    fn comment(&self) -> Option<String> {
        match self.fate {
            Fate::Arrived => None,
            Fate::ArrivedTwice => Some("arrives twice".to_owned()),
            Fate::Dropped(cause) => Some(format!("dropped: {cause}")),
            Fate::Waited => Some("dropped: did not leave its queue".to_owned()),
        }
    }
}

fn enhanced(packet: &Captured) -> Vec<u8> {
    let interface = (u32::from(packet.client).saturating_sub(1)) * 2 + u32::from(packet.direction == Direction::Down);
    let frame = frame(packet);
    let captured = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    let nanos = packet.at.as_nanos();
    let mut body = Vec::with_capacity(frame.len() + 40);
    body.extend_from_slice(&interface.to_le_bytes());
    body.extend_from_slice(&u32::try_from(nanos >> 32).unwrap_or(u32::MAX).to_le_bytes());
    body.extend_from_slice(&u32::try_from(nanos & 0xFFFF_FFFF).unwrap_or(u32::MAX).to_le_bytes());
    body.extend_from_slice(&captured.to_le_bytes());
    body.extend_from_slice(&captured.saturating_add(packet.absent_bytes).to_le_bytes());
    body.extend_from_slice(&frame);
    pad(&mut body);
    if let Some(comment) = packet.comment() {
        option(&mut body, COMMENT, comment.as_bytes());
    }
    body
}

/// The frame, as far as its bytes are carried.
fn frame(packet: &Captured) -> Vec<u8> {
    let payload_bytes = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX).saturating_add(packet.absent_bytes);
    let payload_bytes = u16::try_from(payload_bytes).unwrap_or(u16::MAX - IPV4_BYTES - UDP_BYTES);
    let (udp_bytes, ip_bytes) = (payload_bytes.saturating_add(UDP_BYTES), payload_bytes.saturating_add(UDP_BYTES + IPV4_BYTES));
    let mut frame = Vec::with_capacity(ETHERNET_BYTES + usize::from(IPV4_BYTES + UDP_BYTES) + packet.bytes.len());
    for address in [packet.dst, packet.src] {
        frame.extend_from_slice(&[0x02, 0]); // locally administered
        frame.extend_from_slice(&address.ip().octets());
    }
    frame.extend_from_slice(&0x0800_u16.to_be_bytes());
    let mut ip = [0; IPV4_BYTES as usize];
    ip[0] = 0x45; // version 4, five words
    ip[2..4].copy_from_slice(&ip_bytes.to_be_bytes());
    ip[6] = 0x40; // not to be fragmented
    ip[8] = 64; // hops
    ip[9] = 17; // UDP
    ip[12..16].copy_from_slice(&packet.src.ip().octets());
    ip[16..20].copy_from_slice(&packet.dst.ip().octets());
    let checksum = internet_checksum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame.extend_from_slice(&ip);
    for field in [packet.src.port(), packet.dst.port(), udp_bytes, 0] {
        frame.extend_from_slice(&field.to_be_bytes());
    }
    frame.extend_from_slice(&packet.bytes);
    frame
}

/// RFC 1071.
fn internet_checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to sixteen bits")
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

/// A block: its type, its length, its body, and its length again.
fn block(file: &mut Vec<u8>, kind: u32, mut body: Vec<u8>, has_options: bool) {
    if has_options {
        option(&mut body, END_OF_OPTIONS, &[]);
    }
    let length = u32::try_from(body.len() + 12).expect("a block is far below 4 GiB");
    file.extend_from_slice(&kind.to_le_bytes());
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&body);
    file.extend_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1071 section 3: the words 0001, f203, f4f5 and f6f7 sum up to ddf2.
    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        assert_eq!(internet_checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }
}
