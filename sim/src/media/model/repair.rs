//! What is sent again: the last packets of a sender, and which numbers a receiver misses.

use std::collections::VecDeque;

use greenroom_core::{
    id::{LayerId, StreamId},
    stream::TrackKind,
};

use super::{
    super::{PAYLOAD_BYTES, Payload, TrackId},
    bandwidth::is_after,
    wire::{Body, Head, Media},
};

/// As many packets can be sent again: a third of a second of a layer of 1.5 Mbps, several round trips. Twice as many would push two hundred viewers' histories out of a processor's
/// second-level cache.
pub(super) const HISTORY_PACKETS: u32 = 64;

/// The last packets of video, by number, for whoever misses one.
///
/// A ring: a packet is written over the oldest one, and nobody reads that one first: of all there is in a peer it has lain longest, and is farthest from the processor. Hence plain numbers, which
/// need no dropping, and what is longer beside them.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct History {
    packets: Vec<Unacknowledged>,
    /// The place for the next one: that of the oldest, once there are [`HISTORY_PACKETS`].
    oldest: usize,
    /// Payloads that do not fit in there, the newest first: none where only their heads are carried. Boxed, so that what stands behind it is in the same cache line as what is above.
    #[expect(clippy::box_collection, reason = "what stands behind it is to be near, and it is seldom looked at")]
    longer: Box<VecDeque<(u32, Payload)>>,
}

/// A packet of video as it was sent, in half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Unacknowledged {
    /// The number by which it is missed.
    pub(super) number: u32,
    pub(super) stream: StreamId,
    pub(super) seq: u64,
    pub(super) timestamp: u32,
    pub(super) layer: LayerId,
    /// Of the payload, where it is no longer than its beginning; and [`LAST_OF_PICTURE`].
    pub(super) len_and_marker: u8,
    /// Less than [`PAYLOAD_BYTES`], or as many.
    pub(super) absent_bytes: u16,
    pub(super) beginning: u64,
}
const _: () = assert!(size_of::<Unacknowledged>() == 32 && PAYLOAD_BYTES <= u16::MAX as u32);

/// The bit that is set beside the length of what ends a picture.
const LAST_OF_PICTURE: u8 = 0x80;

impl Unacknowledged {
    /// What stands in a place that nothing was written to yet.
    const BLANK: Self =
        Self { number: 0, stream: StreamId(0), seq: 0, timestamp: 0, layer: LayerId(0), len_and_marker: 0, absent_bytes: 0, beginning: 0 };

    pub(super) fn of(media: &Media, body: &Body<'_>) -> Self {
        let Head { track, layer, seq, timestamp, marker, level: _ } = media.head;
        let len = u8::try_from(body.payload.len()).unwrap_or(u8::MAX).min(LAST_OF_PICTURE - 1);
        Self {
            number: media.stamp.seq,
            stream: track.stream,
            seq,
            timestamp,
            layer,
            len_and_marker: if marker { len | LAST_OF_PICTURE } else { len },
            absent_bytes: u16::try_from(body.absent_bytes).unwrap_or(u16::MAX),
            beginning: body.beginning,
        }
    }

    pub(super) const fn head(&self) -> Head {
        let Self { stream, layer, seq, timestamp, .. } = *self;
        Head {
            track: TrackId { stream, kind: TrackKind::Video },
            layer,
            seq,
            timestamp,
            marker: self.len_and_marker & LAST_OF_PICTURE != 0,
            level: None,
        }
    }

    /// Bytes of its payload, if they are all in its beginning; else more than that has.
    pub(super) const fn len(&self) -> usize {
        (self.len_and_marker & !LAST_OF_PICTURE) as usize
    }
}

impl History {
    #[expect(
        clippy::inline_always,
        reason = "through memory, what is passed would be read in larger pieces than it was just written in: a thirteenth of the time of a run with 200 viewers"
    )]
    #[inline(always)]
    pub(super) fn push(&mut self, newest: Unacknowledged) {
        if self.oldest == self.packets.len() {
            self.make_place();
        }
        self.packets[self.oldest] = newest;
        self.oldest = (self.oldest + 1) % HISTORY_PACKETS as usize;
    }

    /// Where there is no old one yet. A newcomer is not handed over: each of its numbers is to be written where it will lie.
    #[cold]
    fn make_place(&mut self) {
        self.packets.push(Unacknowledged::BLANK);
    }

    /// Keeps the payload of the packet of that number as well, which is longer than its beginning.
    pub(super) fn push_longer(&mut self, number: u32, payload: &Payload) {
        self.longer.truncate(HISTORY_PACKETS as usize - 1);
        self.longer.push_front((number, payload.clone()));
    }

    /// The packet of that number. It stays: what repairs it may be lost too, but nobody asks for a packet twice.
    pub(super) fn find(&self, seq: u32) -> Option<&Unacknowledged> {
        self.packets.iter().find(|sent| sent.number == seq)
    }

    /// Its payload, if that is longer than what [`History::find`] finds.
    pub(super) fn longer(&self, seq: u32) -> Option<&[u8]> {
        self.longer.iter().find(|(sent, _)| *sent == seq).map(|(_, payload)| &**payload)
    }
}

/// Which numbers have not come.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Gaps {
    highest: Option<u32>,
    /// Numbers below the highest that are missing, oldest first; at most [`HISTORY_PACKETS`].
    missing: VecDeque<u32>,
}

impl Gaps {
    /// Takes note of a number: none if it came before (or is too old to know), otherwise the gap that it opens, if it does.
    #[expect(clippy::option_option, reason = "whether it is new, and whether something is missing, are two questions")]
    #[inline]
    pub(super) fn receive(&mut self, seq: u32) -> Option<Option<(u32, u32)>> {
        match self.highest {
            Some(highest) if seq == highest.wrapping_add(1) => {
                self.highest = Some(seq);
                Some(None)
            }
            _ => self.receive_out_of_order(seq),
        }
    }

    /// The same where the number is not the next one.
    #[expect(clippy::option_option, reason = "the same two questions")]
    #[inline(never)]
    fn receive_out_of_order(&mut self, seq: u32) -> Option<Option<(u32, u32)>> {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return Some(None);
        };
        if !is_after(seq, highest) {
            let at = self.missing.iter().position(|missing| *missing == seq)?;
            self.missing.remove(at);
            return Some(None);
        }
        self.highest = Some(seq);
        let (first, last) = (highest.wrapping_add(1), seq.wrapping_sub(1));
        let gap = seq.wrapping_sub(first);
        // Of a long gap, the end: the rest is out of the sender's history.
        let first = first.wrapping_add(gap.saturating_sub(HISTORY_PACKETS));
        let mut number = first;
        while number != seq {
            if self.missing.len() == HISTORY_PACKETS as usize {
                self.missing.pop_front();
            }
            self.missing.push_back(number);
            number = number.wrapping_add(1);
        }
        Some(Some((first, last)))
    }
}
