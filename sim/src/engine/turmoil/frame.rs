//! How datagrams and signalling travel between turmoil's hosts: with the exact time at which they are due before them.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::io;

use bytes::Bytes;
use greenroom_core::time::Instant;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Arrival, Origin};
use crate::{
    net::Datagram,
    node::{Connection, Input, Message, Signal},
};

/// Due time, sender and sender's count.
const STAMP_BYTES: usize = 8 + 2 + 8;
/// The stamp, the addresses of both ends (which a translator may have changed), and the bytes that are counted but not carried.
const DATAGRAM_HEAD_BYTES: usize = STAMP_BYTES + 2 * 6 + 4;
/// The stamp, the connection, and what happens on it.
const SIGNAL_HEAD_BYTES: usize = STAMP_BYTES + 8 + 1;
/// Longest frame of signalling that is read. A snapshot of the largest room that one scenario can describe is far below.
const SIGNAL_BYTES_MAX: usize = 1 << 24;

fn write_stamp(out: &mut Vec<u8>, arrival: &Arrival) {
    out.extend_from_slice(&arrival.at.as_nanos().to_le_bytes());
    out.extend_from_slice(&arrival.origin.place().to_le_bytes());
    out.extend_from_slice(&arrival.origin.count().to_le_bytes());
}

/// Reads little-endian numbers off the front of a frame.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn address(&mut self) -> Option<SocketAddrV4> {
        Some(SocketAddrV4::new(Ipv4Addr::from(self.take::<4>()?), u16::from_le_bytes(self.take()?)))
    }

    fn stamp(&mut self) -> Option<(Instant, u16, u64)> {
        let at = Instant::from_nanos(u64::from_le_bytes(self.take()?));
        Some((at, u16::from_le_bytes(self.take()?), u64::from_le_bytes(self.take()?)))
    }
}

/// Puts a datagram into `out`, in place of what was there.
pub(super) fn write_datagram(out: &mut Vec<u8>, arrival: &Arrival, datagram: &Datagram) {
    out.clear();
    out.reserve(DATAGRAM_HEAD_BYTES + datagram.payload.len());
    write_stamp(out, arrival);
    for address in [datagram.src, datagram.dst] {
        out.extend_from_slice(&address.ip().octets());
        out.extend_from_slice(&address.port().to_le_bytes());
    }
    out.extend_from_slice(&datagram.absent_bytes.to_le_bytes());
    out.extend_from_slice(&datagram.payload);
}

/// Reads what [`write_datagram`] wrote.
pub(super) fn read_datagram(frame: &[u8]) -> Option<Arrival> {
    let mut reader = Reader(frame);
    let (at, from, count) = reader.stamp()?;
    let (src, dst) = (reader.address()?, reader.address()?);
    let absent_bytes = u32::from_le_bytes(reader.take()?);
    let datagram = Datagram { src, dst, payload: reader.0.into(), absent_bytes };
    Some(Arrival { at, origin: Origin::new(from, count), input: Input::Datagram(datagram) })
}

/// A frame of signalling, with its length before it.
pub(super) fn signal(connection: Connection, signal: &Signal, arrival: &Arrival) -> Vec<u8> {
    let (kind, payload): (u8, &[u8]) = match signal {
        Signal::Opened => (0, &[]),
        Signal::Message(message) => (1, message.bytes()),
        Signal::Closed => (2, &[]),
    };
    let length = SIGNAL_HEAD_BYTES + payload.len();
    let mut frame = Vec::with_capacity(4 + length);
    frame.extend_from_slice(&u32::try_from(length).expect("messages are far below 4 GiB").to_le_bytes());
    write_stamp(&mut frame, arrival);
    frame.extend_from_slice(&connection.0.to_le_bytes());
    frame.push(kind);
    frame.extend_from_slice(payload);
    frame
}

/// Reads the next frame of signalling.
pub(super) async fn read_signal(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Connection, Arrival)> {
    let length = stream.read_u32_le().await? as usize;
    if length > SIGNAL_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of signalling is too long"));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await?;
    parse_signal(&frame).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a frame of signalling cannot be read"))
}

fn parse_signal(frame: &[u8]) -> Option<(Connection, Arrival)> {
    let mut reader = Reader(frame);
    let (at, from, count) = reader.stamp()?;
    let connection = Connection(u64::from_le_bytes(reader.take()?));
    let [kind] = reader.take()?;
    let signal = match kind {
        0 => Signal::Opened,
        1 => Signal::Message(Message::new(Bytes::copy_from_slice(reader.0))),
        2 => Signal::Closed,
        _ => return None,
    };
    Some((connection, Arrival { at, origin: Origin::new(from, count), input: Input::Signal { connection, signal } }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::network::{address_of, address_on};

    #[test]
    fn what_is_written_is_read() {
        let datagram = Datagram { src: address_on(3, 7), dst: address_of(0), payload: (*b"media").into(), absent_bytes: 900 };
        let arrival = Arrival { at: Instant::from_nanos(7), origin: Origin::new(3, 9), input: Input::Datagram(datagram.clone()) };
        let mut out = vec![1, 2, 3];
        write_datagram(&mut out, &arrival, &datagram);
        let read = read_datagram(&out).expect("it was just written");
        assert_eq!(read.key(), arrival.key());
        assert!(matches!(read.input, Input::Datagram(read) if read == datagram));

        let connection = Connection::new(3, 1);
        let message = Signal::Message(Message::new(Bytes::from_static(b"{}")));
        let (which, read) = parse_signal(&signal(connection, &message, &arrival)[4..]).expect("it was just written");
        assert_eq!((which, read.key()), (connection, arrival.key()));
        assert!(matches!(read.input, Input::Signal { signal, .. } if signal == message));
    }

    #[test]
    fn a_frame_cut_short_is_none() {
        assert!(read_datagram(&[0; DATAGRAM_HEAD_BYTES - 1]).is_none());
        assert!(parse_signal(&[0; SIGNAL_HEAD_BYTES - 1]).is_none());
    }
}
