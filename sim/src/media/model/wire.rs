//! What modelled peers say to each other: a few bytes that are carried, and the size of what WebRTC would have sent.
//!
//! Every datagram begins with its kind and the token that its receiver put into its description; what lacks the token is garbage. Numbers are big-endian.

use core::{
    iter,
    net::{Ipv4Addr, SocketAddrV4},
};

use greenroom_core::{
    audio::AudioLevel,
    id::{LayerId, StreamId},
    stream::TrackKind,
    time::Instant,
};

use super::bandwidth::Report;
use crate::{
    media::TrackId,
    net::{CARRIED_IN_PLACE, Carried, Datagram},
};

/// One datagram's meaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A packet of media; its payload is what follows.
    Media(Media),
    /// Anything else.
    Note(Note),
}

/// A packet of media, without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) stamp: Stamp,
    /// The packet that it is sent again for.
    pub(super) repairs: Option<u32>,
    pub(super) head: Head,
}

/// What peers say beside media.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Are you there? From the client, at first and every few seconds.
    Check,
    /// I am. From the server.
    Answer,
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
    /// Of audio, which has no layers.
    pub(super) level: Option<AudioLevel>,
}

/// Bytes that SRTP adds to a payload of audio: header 12, extensions 12 (absolute send time and transport sequence number, padded), tag 16.
const AUDIO_OVERHEAD_BYTES: u32 = 40;
/// Bytes that it adds to one of video. str0m repeats the media id, and a rid if there is one, in every packet of a stream that has retransmissions; 4 is right for three characters, such as `v7` and `q`,
/// or `v42`.
const VIDEO_OVERHEAD_BYTES: u32 = 44;
/// Bytes that the level adds to a payload of audio: two in the extension (RFC 6464 section 3), which is padded to words.
const LEVEL_BYTES: u32 = 4;
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
/// Where a video's layer is named, the level of audio stands.
const LEVEL: u8 = 8;

/// Bytes of a media datagram's head: kind 1, token 4, stamp 14, track 6, sequence number 8, timestamp 4. A repair's has the number of what it repairs behind that.
const HEAD_BYTES: usize = 37;
const REPAIR_HEAD_BYTES: usize = HEAD_BYTES + 4;

/// A payload to be written: its first eight bytes as a number that begins with the first one, and all of it. Where the two differ, the number is right: it is how a payload is changed on its way
/// without being copied first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) beginning: u64,
    pub(super) payload: &'a [u8],
    /// Bytes that count, and are not carried.
    pub(super) absent_bytes: u32,
}

/// A packet of media of which many get a copy. What the copies have in common was written once; each has its own numbers written over it.
#[derive(Clone, Debug)]
pub(super) struct Stencil {
    bytes: [u8; CARRIED_IN_PLACE],
    len: usize,
    absent_bytes: u32,
}

/// The numbers that are a copy's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) stamp: Stamp,
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    /// Of its payload; see [`Body::beginning`].
    pub(super) beginning: u64,
}

/// Where a media datagram has its token, and where the sequence number of its track, which the timestamp and the payload follow.
const TOKEN_AT: usize = 1;
const SEQ_AT: usize = 25;

impl Stencil {
    /// Of packets with that head and that body; none where a payload is longer than its beginning.
    pub(super) fn of(head: Head, body: Body<'_>) -> Option<Self> {
        if body.payload.len() > BEGINNING_BYTES {
            return None;
        }
        let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let mut datagram = Datagram::empty(nowhere, nowhere);
        let stamp = Stamp { seq: 0, sent_at: Instant::ZERO, train: 0 };
        write_media(&mut datagram, 0, &Media { stamp, repairs: None, head }, body);
        let (bytes, len) = datagram.payload.few()?;
        Some(Self { bytes: *bytes, len, absent_bytes: datagram.absent_bytes })
    }

    /// Puts a copy behind other datagrams, for the holder of `token`.
    #[expect(clippy::inline_always, reason = "called at one place, for every packet that a server sends")]
    #[inline(always)]
    pub(super) fn copy(&self, out: &mut Vec<Datagram>, [src, dst]: [SocketAddrV4; 2], token: u32, numbers: Numbers) {
        // All is written where it is to lie: see [`Carried::place`].
        out.extend(iter::once(Datagram::empty(src, dst))); // which the compiler makes in its place, where `push` has it made elsewhere and moved
        let datagram = out.last_mut().expect("it was just put there");
        datagram.absent_bytes = self.absent_bytes;
        let place = datagram.payload.place(self.len);
        *place = self.bytes;
        let mut writer = Writer { bytes: place, len: TOKEN_AT };
        let Numbers { stamp, seq, timestamp, beginning } = numbers;
        writer.put(token.to_be_bytes());
        write_stamp(&mut writer, stamp);
        writer.len = SEQ_AT;
        writer.put(seq.to_be_bytes());
        writer.put(timestamp.to_be_bytes());
        writer.put(beginning.to_le_bytes());
    }
}

/// Bytes of [`Body::beginning`].
pub(super) const BEGINNING_BYTES: usize = 8;
const _: () = assert!(HEAD_BYTES + BEGINNING_BYTES <= CARRIED_IN_PLACE, "a short payload is carried in place");

/// Writes a packet of media into a datagram that has its addresses already.
///
/// Nearly all that is written is media, so every number of it goes to its place at once, and the place is known when this is compiled. Put together one by one in an array that is moved
/// afterwards, which was tried first, they made two hundred viewers' packets take a tenth longer: what was just written in small pieces cannot be read in large ones until it is in the cache.
#[expect(clippy::inline_always, reason = "through memory, what is passed would be read in larger pieces than it was just written in")]
#[inline(always)]
pub(super) fn write_media(out: &mut Datagram, token: u32, media: &Media, body: Body<'_>) {
    let Media { stamp, repairs, head } = media;
    let payload_bytes = body.payload.len();
    let marker = if head.marker { MARKER } else { 0 };
    let repair = if repairs.is_some() { REPAIR } else { 0 };
    let place = out.payload.place(HEAD_BYTES + payload_bytes);
    let mut writer = Writer { bytes: place, len: 0 };
    writer.put([MEDIA]);
    writer.put(token.to_be_bytes());
    write_stamp(&mut writer, *stamp);
    let (octet, level) = head.level.map_or((head.layer.0, 0), |level| (level.below_full_scale_db(), LEVEL));
    write_track(&mut writer, head.track, LayerId(octet), marker | repair | level);
    // The whole sequence number travels: 64 bits where RTP has 16, out of the 40 bytes there are.
    writer.put(head.seq.to_be_bytes());
    writer.put(head.timestamp.to_be_bytes());
    writer.put(body.beginning.to_le_bytes());
    if repairs.is_some() || payload_bytes > BEGINNING_BYTES {
        lengthen(&mut out.payload, *repairs, body);
    }
    let size_bytes = u32::try_from(payload_bytes)
        .unwrap_or(u32::MAX)
        .saturating_add(body.absent_bytes)
        .saturating_add(overhead_bytes(head, repairs.is_some()));
    out.absent_bytes = size_bytes.saturating_sub(u32::try_from(out.payload.len()).unwrap_or(u32::MAX));
}

/// Puts behind a head what does not always fit: the number of what is repaired, and a longer payload.
#[cold]
fn lengthen(carried: &mut Carried, repairs: Option<u32>, body: Body<'_>) {
    let place = carried.place(HEAD_BYTES);
    let mut head = place[..HEAD_BYTES].to_vec();
    if let Some(seq) = repairs {
        head.extend(seq.to_be_bytes());
    }
    let known = body.payload.len().min(BEGINNING_BYTES);
    head.extend(&body.beginning.to_le_bytes()[..known]);
    *carried = Carried::joined(&head, &body.payload[known..]);
}

/// Writes anything but media into a datagram that has its addresses already.
pub(super) fn write(datagram: &mut Datagram, token: u32, note: &Note) {
    let (kind, size_bytes) = match note {
        Note::Check => (CHECK, CHECK_BYTES),
        Note::Answer => (ANSWER, ANSWER_BYTES),
        Note::Probe { .. } => (PROBE, PROBE_BYTES),
        Note::Report(_) => (REPORT, REPORT_BYTES),
        Note::KeyFrame { .. } => (KEY_FRAME, FEEDBACK_BYTES),
        Note::Missing { .. } => (MISSING, FEEDBACK_BYTES),
    };
    let mut out = Writer { bytes: datagram.payload.place(CARRIED_IN_PLACE), len: 0 };
    out.put([kind]);
    out.put(token.to_be_bytes());
    match note {
        Note::Check | Note::Answer => {}
        Note::Probe { stamp } => write_stamp(&mut out, *stamp),
        Note::Report(report) => {
            out.put(report.capacity_bps.unwrap_or(0).to_be_bytes());
            out.put(report.floor_bps.to_be_bytes());
            out.put(report.received_bps.to_be_bytes());
            out.put(report.queue_us.to_be_bytes());
            out.put(report.expected.to_be_bytes());
            out.put(report.received.to_be_bytes());
        }
        Note::KeyFrame { track, layer } => write_track(&mut out, *track, *layer, 0),
        Note::Missing { first, last } => {
            out.put(first.to_be_bytes());
            out.put(last.to_be_bytes());
        }
    }
    let len = out.len;
    datagram.payload.place(len);
    datagram.absent_bytes = size_bytes.saturating_sub(u32::try_from(len).unwrap_or(u32::MAX));
}

#[expect(clippy::inline_always, reason = "the places are known where this is called, and each number takes an instruction then")]
#[inline(always)]
fn write_stamp(out: &mut Writer<'_>, Stamp { seq, sent_at, train }: Stamp) {
    out.put(seq.to_be_bytes());
    out.put(sent_at.as_nanos().to_be_bytes());
    out.put(train.to_be_bytes());
}

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn write_track(out: &mut Writer<'_>, track: TrackId, layer: LayerId, flags: u8) {
    let audio = if track.kind == TrackKind::Audio { AUDIO } else { 0 };
    out.put([flags | audio]);
    out.put(track.stream.0.to_be_bytes());
    out.put([layer.0]);
}

/// Reads a datagram: the message, and a payload after it. None if it is not for the holder of `token`, or garbage.
///
/// Nearly every one is media, and what is read of it is used where this is called: there it stays in registers.
#[expect(clippy::inline_always, reason = "through memory, what is read would be written and read once more")]
#[inline(always)]
pub(super) fn read(token: u32, bytes: &[u8]) -> Option<(Message, &[u8])> {
    let mut rest = Reader(bytes);
    let kind = rest.u8()?;
    if rest.u32()? != token {
        return None;
    }
    if kind != MEDIA {
        return Some((Message::Note(read_note(kind, rest)?), &[]));
    }
    // One look whether the head is whole, and none at each number.
    let (head, mut payload) = rest.0.split_first_chunk::<{ HEAD_BYTES - 5 }>()?;
    let mut rest = Reader(head);
    let stamp = rest.stamp()?;
    let (track, layer, flags) = rest.track()?;
    let (seq, timestamp) = (rest.u64()?, rest.u32()?);
    let mut repairs = None;
    if flags & REPAIR != 0 {
        let mut rest = Reader(payload);
        repairs = Some(rest.u32()?);
        payload = rest.0;
    }
    let (layer, level) = if flags & LEVEL == 0 { (layer, None) } else { (LayerId(0), Some(AudioLevel::new(layer.0)?)) };
    let head = Head { track, layer, seq, timestamp, marker: flags & MARKER != 0, level };
    Some((Message::Media(Media { stamp, repairs, head }), payload))
}

fn read_note(kind: u8, mut rest: Reader<'_>) -> Option<Note> {
    Some(match kind {
        CHECK => Note::Check,
        ANSWER => Note::Answer,
        PROBE => Note::Probe { stamp: rest.stamp()? },
        REPORT => Note::Report(Report {
            capacity_bps: Some(rest.u64()?).filter(|bps| *bps > 0),
            floor_bps: rest.u64()?,
            received_bps: rest.u64()?,
            queue_us: rest.u32()?,
            expected: rest.u16()?,
            received: rest.u16()?,
        }),
        KEY_FRAME => {
            let (track, layer, _) = rest.track()?;
            Note::KeyFrame { track, layer }
        }
        MISSING => Note::Missing { first: rest.u32()?, last: rest.u32()? },
        _ => return None,
    })
}

fn overhead_bytes(head: &Head, is_repair: bool) -> u32 {
    let retransmission = if is_repair { RTX_BYTES } else { 0 };
    let level = if head.level.is_some() { LEVEL_BYTES } else { 0 };
    retransmission
        + level
        + match head.track.kind {
            TrackKind::Audio => AUDIO_OVERHEAD_BYTES,
            TrackKind::Video => VIDEO_OVERHEAD_BYTES,
        }
}

/// Bytes of a media datagram's overhead that are not carried.
pub(super) fn absent_overhead_bytes(head: &Head, is_repair: bool) -> u32 {
    let carried_bytes = if is_repair { REPAIR_HEAD_BYTES } else { HEAD_BYTES };
    overhead_bytes(head, is_repair) - u32::try_from(carried_bytes).expect("some forty")
}

/// Puts numbers behind each other.
struct Writer<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, number: [u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(&number);
        self.len += N;
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
    use crate::net::network::address_of;

    fn media() -> [Media; 3] {
        let stamp = Stamp { seq: 1, sent_at: Instant::from_millis(2), train: 3 };
        let track = TrackId { stream: StreamId(4), kind: TrackKind::Audio };
        let head = Head { track, layer: LayerId(5), seq: 1 << 40, timestamp: 6, marker: true, level: None };
        let loud = Head { layer: LayerId(0), level: AudioLevel::new(42), ..head };
        [
            Media { stamp, repairs: None, head },
            Media { stamp, repairs: Some(12), head: Head { marker: false, ..head } },
            Media { stamp, repairs: None, head: loud },
        ]
    }

    fn notes() -> Vec<Note> {
        let stamp = Stamp { seq: 1, sent_at: Instant::from_millis(2), train: 3 };
        let track = TrackId { stream: StreamId(4), kind: TrackKind::Audio };
        let report = Report { capacity_bps: None, floor_bps: 7, received_bps: 8, queue_us: 9, expected: 10, received: 11 };
        vec![
            Note::Check,
            Note::Answer,
            Note::Probe { stamp },
            Note::Report(report),
            Note::Report(Report { capacity_bps: Some(13), ..report }),
            Note::KeyFrame { track, layer: LayerId(1) },
            Note::Missing { first: 14, last: 15 },
        ]
    }

    fn blank() -> Datagram {
        Datagram { src: address_of(0), dst: address_of(1), payload: Carried::default(), absent_bytes: 0 }
    }

    fn media_datagram(media: &Media, payload: &[u8]) -> Datagram {
        let mut beginning = [0; BEGINNING_BYTES];
        let known = payload.len().min(BEGINNING_BYTES);
        beginning[..known].copy_from_slice(&payload[..known]);
        let mut datagram = blank();
        write_media(&mut datagram, 99, media, Body { beginning: u64::from_le_bytes(beginning), payload, absent_bytes: 1000 });
        datagram
    }

    fn note_datagram(note: &Note) -> Datagram {
        let mut datagram = blank();
        write(&mut datagram, 99, note);
        datagram
    }

    #[test]
    fn what_is_written_is_read() {
        for payload in [&b""[..], b"head", b"headhead", b"a longer payload that is shared", &[7; 1200]] {
            for media in media() {
                assert_eq!(read(99, &media_datagram(&media, payload).payload), Some((Message::Media(media), payload)));
            }
        }
        for note in notes() {
            assert_eq!(read(99, &note_datagram(&note).payload), Some((Message::Note(note), &b""[..])));
        }
    }

    #[test]
    fn a_payload_goes_out_with_the_beginning_that_it_is_given() {
        for payload in [&b"head"[..], b"headhead", b"a longer payload that is shared"] {
            let mut datagram = blank();
            let beginning = u64::from_le_bytes(*b"HEADhead");
            write_media(&mut datagram, 99, &media()[0], Body { beginning, payload, absent_bytes: 0 });
            let (_, written) = read(99, &datagram.payload).expect("it is whole");
            assert_eq!((&written[..4], &written[8.min(payload.len())..]), (&b"HEAD"[..], &payload[8.min(payload.len())..]));
        }
    }

    #[test]
    fn a_copy_is_what_would_have_been_written_for_its_receiver_alone() {
        for Media { head, .. } in media() {
            let stamp = Stamp { seq: 77, sent_at: Instant::from_millis(78), train: 79 };
            let own = Head { seq: 80, timestamp: 81, ..head };
            let beginning = u64::from_le_bytes(*b"otherone");
            for payload in [&b""[..], b"head", b"headhead"] {
                let body = Body { beginning: 0, payload, absent_bytes: 1000 };
                let stencil = Stencil::of(head, body).expect("it is short");
                let mut copies = Vec::new();
                stencil.copy(&mut copies, [address_of(0), address_of(1)], 99, Numbers { stamp, seq: 80, timestamp: 81, beginning });
                let mut alone = blank();
                write_media(&mut alone, 99, &Media { stamp, repairs: None, head: own }, Body { beginning, ..body });
                assert_eq!(copies, [alone]);
            }
            assert!(Stencil::of(head, Body { beginning: 0, payload: b"headheadh", absent_bytes: 0 }).is_none(), "it does not fit");
        }
    }

    #[test]
    fn a_strangers_datagram_and_a_short_one_are_refused() {
        for datagram in media().iter().map(|media| media_datagram(media, b"")).chain(notes().iter().map(note_datagram)) {
            let bytes = &datagram.payload;
            assert_eq!(read(98, bytes), None);
            for len in 0..bytes.len() {
                assert_eq!(read(99, &bytes[..len]), None, "{bytes:?} cut to {len}");
            }
        }
    }

    #[test]
    fn a_media_datagram_is_as_large_as_an_rtp_packet() {
        for media in media() {
            let datagram = media_datagram(&media, b"head");
            let more = if media.repairs.is_some() { 2 } else { 0 } + if media.head.level.is_some() { 4 } else { 0 };
            assert_eq!(datagram.size_bytes(), 1004 + 40 + more);
            assert_eq!(datagram.absent_bytes - absent_overhead_bytes(&media.head, media.repairs.is_some()), 1000);
        }
    }
}
