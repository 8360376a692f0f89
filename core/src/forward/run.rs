//! A run: a stretch of packets of one layer from one source, and how they are numbered.

use super::{
    DropReason, Incoming, Picture,
    window::{PICTURES_KEPT, Packets, Pictures, Slot},
};
use crate::{id::LayerId, select::Layer, vp8};

/// Farthest distance of two sequence numbers between which a receiver, who sees 16 bits, can tell which is the newer: half of them (RFC 3711 section 3.3.1, RFC 3550
/// appendix A.1).
const SEQ_REACH: u64 = 1 << 15;
/// Changes of the temporal layer that late pictures are judged by. A choice: the way up takes one for each layer, and a plan changes a few times a minute.
const LIMITS_KEPT: usize = 4;

/// A stretch of packets whose numbers are those that came plus an offset, less what was left out.
///
/// The fields stand in the order of need, the windows last: a server touches the runs of all its subscribers for each packet, and of each the first two cache lines and one of a window's have to come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub(super) struct Run {
    pictures: Pictures,
    layer: LayerId,
    /// Packets of the layer came that do not continue the run: only a key frame helps.
    broken: bool,
    /// What to add to a TL0PICIDX, modulo 2^8, and the newest that came out of it.
    tl0_offset: u8,
    went_tl0: u8,
    source: u32,
    /// The sequence number it began with, as it came and as it went out.
    first_seq: u64,
    first_sent_seq: u64,
    /// What to add to a timestamp, modulo 2^32.
    timestamp_offset: u32,
    /// The newest picture's timestamp and id, as they came.
    newest_timestamp: u32,
    came_id: u16,
    /// The id that the newest picture goes out with; if it is left out, that the next one can have. A pair with the above in place of an offset, because a 7-bit picture id
    /// means the nearest of those it may stand for.
    went_id: u16,
    /// The highest temporal layer that flows, and from which sequence number on, newest first.
    limits: [u8; LIMITS_KEPT],
    packets: Packets,
    limited_from: [u64; LIMITS_KEPT],
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    None(DropReason),
    At {
        seq: u64,
        timestamp: u32,
        picture: Picture,
    },
    /// Its number is needed, it is not.
    Blank {
        seq: u64,
        timestamp: u32,
    },
}

impl Run {
    /// The run that begins with `packet`, sent with these numbers.
    pub(super) fn new(packet: &Incoming, temporal: u8, seq: u64, timestamp: u32, went: Picture) -> Self {
        let picture = packet.picture.unwrap_or_default();
        let (mut limits, mut limited_from) = ([0; LIMITS_KEPT], [u64::MAX; LIMITS_KEPT]);
        (limits[0], limited_from[0]) = (temporal, packet.seq);
        Self {
            layer: packet.layer,
            source: packet.source,
            first_seq: packet.seq,
            first_sent_seq: seq,
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            packets: Packets::starting_with(packet.seq),
            pictures: Pictures::FIRST,
            newest_timestamp: packet.timestamp,
            came_id: picture.picture_id.unwrap_or(0),
            went_id: went.picture_id,
            tl0_offset: went.tl0_pic_idx.wrapping_sub(picture.tl0_pic_idx.unwrap_or(0)),
            went_tl0: went.tl0_pic_idx,
            limits,
            limited_from,
            broken: false,
        }
    }

    pub(super) const fn layer(&self) -> LayerId {
        self.layer
    }

    /// The highest temporal layer that flows.
    pub(super) const fn limit(&self) -> u8 {
        self.limits[0]
    }

    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes note of a packet that does not continue the run.
    pub(super) fn is_left_by(&mut self, packet: &Incoming) {
        self.broken |= packet.layer == self.layer;
    }

    /// Whether the packet belongs to the run's numbering. Numbers so far apart that 16 bits could not tell their order are a restart that nobody announced.
    pub(super) fn continues_with(&self, packet: &Incoming) -> bool {
        packet.layer == self.layer && packet.source == self.source && packet.seq.abs_diff(self.packets.newest()) < SEQ_REACH
    }

    /// Whether the packet is of a numbering that this one took the place of.
    pub(super) fn is_after(&self, packet: &Incoming) -> bool {
        packet.layer == self.layer && packet.source < self.source
    }

    /// Finds the place of a packet that continues the run.
    #[expect(clippy::inline_always, reason = "the answer is used in registers, as that of the forwarder; what is seldom stands apart")]
    #[inline(always)]
    pub(super) fn place(&mut self, packet: &Incoming, target: Layer) -> Place {
        if packet.seq < self.first_seq {
            return Place::None(DropReason::BeforeStart);
        }
        if packet.seq > self.packets.newest() {
            return self.place_next(packet, target);
        }
        match self.packets.slot(packet.seq) {
            Slot::Open => self.place_late(packet),
            Slot::LeftOut => Place::None(DropReason::AboveTemporalLayer),
            Slot::Taken => Place::None(DropReason::Duplicate),
            Slot::Forgotten => Place::None(DropReason::TooLate),
        }
    }

    /// A packet beyond all others: it may begin a picture, and with it another limit.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn place_next(&mut self, packet: &Incoming, target: Layer) -> Place {
        if let Some(picture) = &packet.picture {
            self.broken &= !picture.key_frame;
            let ahead = picture.picture_id.map(|id| id.wrapping_sub(self.came_id) % modulus(picture));
            if ahead.map_or(packet.timestamp != self.newest_timestamp, |ahead| ahead != 0) {
                self.begin_picture(packet, picture, ahead.unwrap_or(1), target);
            }
        }
        let leave_out = packet.picture.is_some() && self.pictures.newest_is_left_out();
        self.packets.advance(packet.seq, leave_out);
        if leave_out {
            return Place::None(DropReason::AboveTemporalLayer);
        }
        self.at(packet, self.newest_sent_id())
    }

    /// The id of the newest picture that went out.
    fn newest_sent_id(&self) -> u16 {
        let unused = u16::from(self.pictures.newest_is_left_out());
        self.went_id.wrapping_sub(unused) % vp8::PICTURE_IDS
    }

    #[inline(never)]
    fn begin_picture(&mut self, packet: &Incoming, picture: &vp8::Descriptor, ahead: u16, target: Layer) {
        let limit = self.next_limit(picture, target);
        if limit != self.limit() {
            self.limits.rotate_right(1);
            self.limited_from.rotate_right(1);
            (self.limits[0], self.limited_from[0]) = (limit, packet.seq);
        }
        self.went_id = self.newest_sent_id().wrapping_add(ahead) % vp8::PICTURE_IDS;
        self.came_id = picture.picture_id.unwrap_or(self.came_id);
        self.newest_timestamp = packet.timestamp;
        self.pictures.advance(ahead, temporal_id(picture) > limit);
        self.went_tl0 = self.tl0(picture);
    }

    /// The highest temporal layer that flows from this picture on.
    fn next_limit(&self, picture: &vp8::Descriptor, target: Layer) -> u8 {
        let (limit, wanted) = (self.limit(), target.temporal.0);
        if target.spatial != self.layer {
            // On the way to another layer: never up, and down if that is where it leads.
            return if target.spatial < self.layer { limit.min(wanted) } else { limit };
        }
        let opens_next = picture.layer_sync && temporal_id(picture) == limit.saturating_add(1);
        match () {
            () if wanted <= limit || picture.key_frame || picture.temporal_id.is_none() => wanted,
            () if opens_next => limit + 1,
            () => limit,
        }
    }

    /// A packet that was overtaken by others.
    #[inline(never)]
    fn place_late(&mut self, packet: &Incoming) -> Place {
        let Some(picture) = &packet.picture else {
            self.packets.take(packet.seq);
            return self.at(packet, self.newest_sent_id());
        };
        let by_limit = temporal_id(picture) <= self.limit_at(packet.seq);
        let Some(id) = picture.picture_id else {
            self.packets.take(packet.seq);
            return if by_limit { self.at(packet, self.newest_sent_id()) } else { self.blank(packet) };
        };
        let back = self.came_id.wrapping_sub(id) % modulus(picture);
        if back >= PICTURES_KEPT.min(modulus(picture) / 2) {
            return Place::None(DropReason::TooLate);
        }
        self.packets.take(packet.seq);
        // What was decided for the picture holds; one of which nothing came before is judged by what was wanted then.
        if !self.pictures.is_sent(back).unwrap_or(by_limit) {
            return self.blank(packet);
        }
        self.pictures.send(back);
        let went_id = self.went_id.wrapping_sub(back).wrapping_add(self.pictures.left_out_since(back)) % vp8::PICTURE_IDS;
        self.at(packet, went_id)
    }

    /// The highest temporal layer that flowed around that sequence number. What lies before the changes that are kept is taken to have had the base layer alone.
    fn limit_at(&self, seq: u64) -> u8 {
        self.limits.iter().zip(&self.limited_from).find(|(_, from)| **from <= seq).map_or(0, |(limit, _)| *limit)
    }

    #[inline]
    fn at(&self, packet: &Incoming, picture_id: u16) -> Place {
        let tl0_pic_idx = packet.picture.as_ref().map_or(self.went_tl0, |picture| self.tl0(picture));
        Place::At { seq: self.seq(packet), timestamp: self.timestamp(packet), picture: Picture { picture_id, tl0_pic_idx } }
    }

    fn blank(&self, packet: &Incoming) -> Place {
        Place::Blank { seq: self.seq(packet), timestamp: self.timestamp(packet) }
    }

    #[inline]
    fn seq(&self, packet: &Incoming) -> u64 {
        let since = packet.seq - self.first_seq - self.packets.left_out_before(packet.seq);
        self.first_sent_seq.saturating_add(since)
    }

    const fn timestamp(&self, packet: &Incoming) -> u32 {
        packet.timestamp.wrapping_add(self.timestamp_offset)
    }

    fn tl0(&self, picture: &vp8::Descriptor) -> u8 {
        picture.tl0_pic_idx.map_or(self.went_tl0, |index| index.wrapping_add(self.tl0_offset))
    }
}

/// How many picture ids there are before they begin again.
const fn modulus(picture: &vp8::Descriptor) -> u16 {
    if picture.long_picture_id { vp8::PICTURE_IDS } else { vp8::SHORT_PICTURE_IDS }
}

/// The temporal layer; a picture that names none belongs to the base.
fn temporal_id(picture: &vp8::Descriptor) -> u8 {
    picture.temporal_id.unwrap_or(0)
}
