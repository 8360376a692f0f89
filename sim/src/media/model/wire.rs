//! What modelled peers say to each other: a few bytes that are carried, and the size of what WebRTC would have sent.
//!
//! Every datagram begins with its kind and the token that its receiver put into its description; what lacks the token is garbage. Numbers are big-endian.

use greenroom_core::{
    id::{LayerId, StreamId},
    stream::TrackKind,
    time::Instant,
};

use super::bandwidth::Report;
use crate::{
    media::TrackId,
    net::{CARRIED_IN_PLACE, Carried},
};

/// One datagram's meaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Are you there? From the client, at first and every few seconds.
    Check,
    /// I am. From the server.
    Answer,
    /// A packet of media; its payload is what follows.
    Media { stamp: Stamp, repairs: Option<u32>, head: Head },
    /// A packet of a probe train.
    Probe { stamp: Stamp },
    /// What a receiver found.
    Report(Report),
    /// Please send a key frame.
    KeyFrame { track: TrackId, layer: LayerId },
    /// Packets `first` to `last` did not come.
    Missing { first: u32, last: u32 },
}

/// What a sender stamps on every packet that counts for bandwidth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Counts every such packet of a connection.
    pub(super) seq: u32,
    /// When it was sent, by the sender's clock.
    pub(super) sent_at: Instant,
    /// Packets sent close together share a number.
    pub(super) train: u16,
}

/// The RTP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) track: TrackId,
    pub(super) layer: LayerId,
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
}

/// Bytes that SRTP adds to a payload of audio: header 12, extensions 12 (absolute send time and transport sequence number, padded), tag 16.
const AUDIO_OVERHEAD_BYTES: u32 = 40;
/// Bytes that it adds to one of video. str0m repeats the media id, and a rid if there is one, in every packet of a stream that has retransmissions; 4 is right for three characters, such as `v7` and `q`,
/// or `v42`.
const VIDEO_OVERHEAD_BYTES: u32 = 44;
/// Bytes that a retransmission adds to that: the original sequence number (RFC 4588 section 4).
const RTX_BYTES: u32 = 2;
/// Size of a probe packet; as large as media's.
const PROBE_BYTES: u32 = 1200;
/// Sizes of what else is sent, as str0m sends it: a STUN request and its answer; transport-wide feedback with receiver reports; an SRTCP compound with a PLI, or with a NACK.
const CHECK_BYTES: u32 = 116;
const ANSWER_BYTES: u32 = 64;
const REPORT_BYTES: u32 = 100;
const FEEDBACK_BYTES: u32 = 60;

const CHECK: u8 = 0;
const ANSWER: u8 = 1;
const MEDIA: u8 = 2;
const PROBE: u8 = 3;
const REPORT: u8 = 4;
const KEY_FRAME: u8 = 5;
const MISSING: u8 = 6;

const MARKER: u8 = 1;
const AUDIO: u8 = 2;
const REPAIR: u8 = 4;

/// Longest of what is carried before a payload, in bytes: the head of a repair.
const HEAD_BYTES: usize = 41;
const _: () = assert!(HEAD_BYTES <= CARRIED_IN_PLACE, "what is written is written in place");

/// Writes a datagram: what is carried of it, and how many bytes are not.
pub(super) fn write(token: u32, message: &Message, payload: &[u8], absent_bytes: u32) -> (Carried, u32) {
    let (kind, size_bytes) = match message {
        Message::Check => (CHECK, CHECK_BYTES),
        Message::Answer => (ANSWER, ANSWER_BYTES),
        Message::Media { repairs, head, .. } => {
            let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX).saturating_add(absent_bytes);
            (MEDIA, payload_bytes.saturating_add(overhead_bytes(head.track.kind, repairs.is_some())))
        }
        Message::Probe { .. } => (PROBE, PROBE_BYTES),
        Message::Report(_) => (REPORT, REPORT_BYTES),
        Message::KeyFrame { .. } => (KEY_FRAME, FEEDBACK_BYTES),
        Message::Missing { .. } => (MISSING, FEEDBACK_BYTES),
    };
    let mut out = Writer { bytes: [0; CARRIED_IN_PLACE], len: 0 };
    out.put([kind]);
    out.put(token.to_be_bytes());
    match message {
        Message::Check | Message::Answer => {}
        Message::Media { stamp, repairs, head } => {
            write_stamp(&mut out, *stamp);
            let marker = if head.marker { MARKER } else { 0 };
            let repair = if repairs.is_some() { REPAIR } else { 0 };
            write_track(&mut out, head.track, head.layer, marker | repair);
            // The whole sequence number travels: 64 bits where RTP has 16, out of the 40 bytes there are.
            out.put(head.seq.to_be_bytes());
            out.put(head.timestamp.to_be_bytes());
            if let Some(seq) = repairs {
                out.put(seq.to_be_bytes());
            }
        }
        Message::Probe { stamp } => write_stamp(&mut out, *stamp),
        Message::Report(report) => {
            out.put(report.capacity_bps.unwrap_or(0).to_be_bytes());
            out.put(report.floor_bps.to_be_bytes());
            out.put(report.received_bps.to_be_bytes());
            out.put(report.queue_us.to_be_bytes());
            out.put(report.expected.to_be_bytes());
            out.put(report.received.to_be_bytes());
        }
        Message::KeyFrame { track, layer } => write_track(&mut out, *track, *layer, 0),
        Message::Missing { first, last } => {
            out.put(first.to_be_bytes());
            out.put(last.to_be_bytes());
        }
    }
    let carried = out.finish(payload);
    let absent_bytes = size_bytes.saturating_sub(u32::try_from(carried.len()).unwrap_or(u32::MAX));
    (carried, absent_bytes)
}

fn write_stamp(out: &mut Writer, Stamp { seq, sent_at, train }: Stamp) {
    out.put(seq.to_be_bytes());
    out.put(sent_at.as_nanos().to_be_bytes());
    out.put(train.to_be_bytes());
}

fn write_track(out: &mut Writer, track: TrackId, layer: LayerId, flags: u8) {
    let audio = if track.kind == TrackKind::Audio { AUDIO } else { 0 };
    out.put([flags | audio]);
    out.put(track.stream.0.to_be_bytes());
    out.put([layer.0]);
}

/// Reads a datagram: the message, and a payload after it. None if it is not for the holder of `token`, or garbage.
pub(super) fn read(token: u32, bytes: &[u8]) -> Option<(Message, &[u8])> {
    let mut rest = Reader(bytes);
    let kind = rest.u8()?;
    if rest.u32()? != token {
        return None;
    }
    let message = match kind {
        CHECK => Message::Check,
        ANSWER => Message::Answer,
        MEDIA => {
            let stamp = rest.stamp()?;
            let (track, layer, flags) = rest.track()?;
            let (seq, timestamp) = (rest.u64()?, rest.u32()?);
            let repairs = if flags & REPAIR == 0 { None } else { Some(rest.u32()?) };
            Message::Media { stamp, repairs, head: Head { track, layer, seq, timestamp, marker: flags & MARKER != 0 } }
        }
        PROBE => Message::Probe { stamp: rest.stamp()? },
        REPORT => Message::Report(Report {
            capacity_bps: Some(rest.u64()?).filter(|bps| *bps > 0),
            floor_bps: rest.u64()?,
            received_bps: rest.u64()?,
            queue_us: rest.u32()?,
            expected: rest.u16()?,
            received: rest.u16()?,
        }),
        KEY_FRAME => {
            let (track, layer, _) = rest.track()?;
            Message::KeyFrame { track, layer }
        }
        MISSING => Message::Missing { first: rest.u32()?, last: rest.u32()? },
        _ => return None,
    };
    Some((message, rest.0))
}

fn overhead_bytes(kind: TrackKind, is_repair: bool) -> u32 {
    let retransmission = if is_repair { RTX_BYTES } else { 0 };
    retransmission
        + match kind {
            TrackKind::Audio => AUDIO_OVERHEAD_BYTES,
            TrackKind::Video => VIDEO_OVERHEAD_BYTES,
        }
}

/// Bytes of a media datagram's overhead that are not carried.
pub(super) fn absent_overhead_bytes(kind: TrackKind, is_repair: bool) -> u32 {
    // Carried are: kind 1, token 4, stamp 14, track 6, sequence number 8, timestamp 4, and the number of what is repaired.
    overhead_bytes(kind, is_repair) - if is_repair { 41 } else { 37 }
}

/// Puts numbers behind each other.
struct Writer {
    bytes: [u8; CARRIED_IN_PLACE],
    len: usize,
}

impl Writer {
    fn put<const N: usize>(&mut self, number: [u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(&number);
        self.len += N;
    }

    /// All of it with `tail` behind it.
    fn finish(mut self, tail: &[u8]) -> Carried {
        let Some(place) = self.bytes.get_mut(self.len..self.len + tail.len()) else {
            return Carried::joined(&self.bytes[..self.len], tail);
        };
        place.copy_from_slice(tail);
        Carried::in_place(self.bytes, self.len + tail.len())
    }
}

/// Takes numbers off the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }
    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp { seq: self.u32()?, sent_at: Instant::from_nanos(self.u64()?), train: self.u16()? })
    }
    fn track(&mut self) -> Option<(TrackId, LayerId, u8)> {
        let flags = self.u8()?;
        let kind = if flags & AUDIO == 0 { TrackKind::Video } else { TrackKind::Audio };
        Some((TrackId { stream: StreamId(self.u32()?), kind }, LayerId(self.u8()?), flags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Message> {
        let stamp = Stamp { seq: 1, sent_at: Instant::from_millis(2), train: 3 };
        let track = TrackId { stream: StreamId(4), kind: TrackKind::Audio };
        let head = Head { track, layer: LayerId(5), seq: 1 << 40, timestamp: 6, marker: true };
        let report = Report { capacity_bps: None, floor_bps: 7, received_bps: 8, queue_us: 9, expected: 10, received: 11 };
        vec![
            Message::Check,
            Message::Answer,
            Message::Media { stamp, repairs: None, head },
            Message::Media { stamp, repairs: Some(12), head: Head { marker: false, ..head } },
            Message::Probe { stamp },
            Message::Report(report),
            Message::Report(Report { capacity_bps: Some(13), ..report }),
            Message::KeyFrame { track, layer: LayerId(1) },
            Message::Missing { first: 14, last: 15 },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for message in messages() {
            let is_media = matches!(message, Message::Media { .. });
            let payload: &[u8] = if is_media { b"head" } else { b"" };
            let (bytes, _) = write(99, &message, payload, 1000);
            assert_eq!(read(99, &bytes), Some((message, payload)));
        }
    }

    #[test]
    fn a_strangers_datagram_and_a_short_one_are_refused() {
        for message in messages() {
            let (bytes, _) = write(99, &message, b"", 0);
            assert_eq!(read(98, &bytes), None);
            for len in 0..bytes.len() {
                assert_eq!(read(99, &bytes[..len]), None, "{message:?} cut to {len}");
            }
        }
    }

    #[test]
    fn a_media_datagram_is_as_large_as_an_rtp_packet() {
        for message in messages() {
            if let Message::Media { repairs, head, .. } = message {
                let (bytes, absent) = write(99, &message, b"head", 1000);
                assert_eq!(u32::try_from(bytes.len()).unwrap() + absent, 1004 + 40 + if repairs.is_some() { 2 } else { 0 });
                assert_eq!(absent - absent_overhead_bytes(head.track.kind, repairs.is_some()), 1000);
            }
        }
    }
}
