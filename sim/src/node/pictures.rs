//! What a viewer sees of a stream: which packets arrived, when pictures were whole, how long none was.

use core::{ops::Deref, time::Duration};
use std::collections::BTreeMap;

use greenroom_core::{quality::Counters, stream::TrackKind, time::Instant, vp8};

use crate::{
    media::{Jitter, MediaPacket},
    record::Flow,
};

/// A gap that repairs have not closed after this long is given up, and a key frame is asked for. A choice: several round trips of NACK and RTX.
const GAP_PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait between two requests for a key frame.
const KEY_FRAME_PATIENCE: Duration = Duration::from_secs(1);
/// A picture is late when none was shown for three times the usual interval, or for the usual interval and this much more, whichever is longer: `freezeCount` of W3C's
/// webrtc-stats.
const FREEZE_MARGIN: Duration = Duration::from_millis(150);
/// Pictures over which the usual interval is taken, as in W3C's definition.
const USUAL_PICTURES: u32 = 30;

/// Counts the packets of one track.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// What came since it was last taken.
    pub(super) flow: Flow,
    /// How unevenly, where somebody asks: see [`Arrivals::count_timed`].
    pub(super) jitter: Jitter,
    /// Bytes of what was taken.
    octets: u64,
    first_seq: Option<u64>,
    highest_seq: u64,
    received: u64,
    /// Missing of what was numbered otherwise before.
    lost_before: u64,
}

impl Arrivals {
    /// Counts a packet. Media transport hands each over once, so repairs are counted and duplicates are not.
    #[inline]
    pub(super) fn count(&mut self, now: Instant, packet: &MediaPacket<impl Deref<Target = [u8]>>) {
        self.flow.count(now, packet.size_bytes());
        let first = *self.first_seq.get_or_insert(packet.seq);
        self.first_seq = Some(first.min(packet.seq));
        self.highest_seq = self.highest_seq.max(packet.seq);
        self.received += 1;
    }

    /// Counts a packet, and how evenly it came.
    #[inline]
    pub(super) fn count_timed(&mut self, now: Instant, packet: &MediaPacket<impl Deref<Target = [u8]>>) {
        // Of a picture's packet that comes after its successors, when says nothing of the way: it was repaired.
        if packet.seq > self.highest_seq || packet.track.kind == TrackKind::Audio {
            self.jitter.arrived(now, packet.track.kind, packet.timestamp);
        }
        self.count(now, packet);
    }

    /// Takes what came since it was last taken.
    pub(super) fn take(&mut self) -> Flow {
        let flow = self.flow.take();
        self.octets = self.octets.wrapping_add(flow.bytes);
        flow
    }

    /// What came so far, up to the last [`Arrivals::take`], as a scorer reads it: numbers that wrap.
    #[expect(clippy::cast_possible_truncation, reason = "they wrap")]
    pub(super) fn counters(&self) -> Counters {
        Counters { sequence: self.highest_seq as u16, received: self.received as u32, octets: self.octets as u32, ..Counters::default() }
    }

    /// What comes from now on is numbered anew.
    pub(super) fn restart(&mut self) {
        *self = Self { flow: self.flow, octets: self.octets, lost_before: self.lost_packets(), ..Self::default() };
    }

    /// Packets expected so far minus packets received (RFC 3550 section 6.4.1).
    pub(super) fn lost_packets(&self) -> u64 {
        self.lost_before + self.first_seq.map_or(0, |first| (self.highest_seq - first + 1).saturating_sub(self.received))
    }
}

/// Puts a video's packets together to pictures, as a decoder without error concealment would: in order, from a key frame on.
#[derive(Clone, Debug)]
pub(super) struct Pictures {
    /// The next packet that is needed; none until a key frame has begun.
    next_seq: Option<u64>,
    /// Packets beyond the next one.
    ahead: BTreeMap<u64, Ahead>,
    /// Since when a gap, or the lack of a key frame, holds pictures up.
    held_since: Option<Instant>,
    asked_at: Option<Instant>,
    first_shown: Option<Instant>,
    last_shown: Option<Instant>,
    usual_interval: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Ahead {
    key_frame: bool,
    marker: bool,
}

/// What a packet brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The first whole picture of all.
    pub(super) first: bool,
    /// A freeze ended.
    pub(super) freeze: Option<Duration>,
}

impl Pictures {
    pub(super) fn new(fps: u32) -> Self {
        Self {
            next_seq: None,
            ahead: BTreeMap::new(),
            held_since: None,
            asked_at: None,
            first_shown: None,
            last_shown: None,
            usual_interval: Duration::from_secs(1) / fps.max(1),
        }
    }

    /// Takes in a packet.
    #[inline]
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &MediaPacket<impl Deref<Target = [u8]>>) -> Shown {
        let MediaPacket { seq, marker, ref payload, .. } = *packet;
        // The usual case: the next packet, and nothing waits for it. Whether it is of a key frame makes no difference.
        if self.next_seq != Some(seq) || !self.ahead.is_empty() {
            return self.handle_packet_ahead(now, seq, marker, payload);
        }
        self.next_seq = Some(seq + 1);
        if marker { self.show_next(now) } else { Shown::default() }
    }

    #[inline(never)]
    fn show_next(&mut self, now: Instant) -> Shown {
        let mut shown = Shown::default();
        self.show(now, &mut shown);
        shown
    }

    /// Takes in any packet but the next one. Its parts are handed over one by one: of a packet that somebody asks to see, all would have to lie in memory.
    #[inline(never)]
    fn handle_packet_ahead(&mut self, now: Instant, seq: u64, marker: bool, payload: &[u8]) -> Shown {
        let mut shown = Shown::default();
        let key_frame = || vp8::Descriptor::parse(payload).is_some_and(|descriptor| descriptor.key_frame);
        match self.next_seq {
            Some(next) if seq < next => return shown,
            None if key_frame() => self.next_seq = Some(seq),
            Some(_) | None => {}
        }
        self.ahead.insert(seq, Ahead { key_frame: key_frame(), marker });
        self.advance(now, &mut shown);
        self.jump_to_key_frame(now, &mut shown);
        self.held_since = (!self.ahead.is_empty() || self.next_seq.is_none()).then(|| self.held_since.unwrap_or(now));
        shown
    }

    /// When to look whether a key frame is needed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let held = self.held_since?.saturating_add(GAP_PATIENCE);
        Some(self.asked_at.map_or(held, |asked| held.max(asked.saturating_add(KEY_FRAME_PATIENCE))))
    }

    /// Whether a key frame is to be asked for now.
    pub(super) fn take_key_frame_request(&mut self, now: Instant) -> bool {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if due {
            self.asked_at = Some(now);
        }
        due
    }

    /// Whether a whole picture was seen yet.
    #[cfg(test)]
    fn has_shown(&self) -> bool {
        self.first_shown.is_some()
    }

    /// What comes from now on is numbered anew, and begins with a key frame. The last picture stands until then.
    pub(super) fn restart(&mut self) {
        self.next_seq = None;
        self.ahead.clear();
        self.held_since = None;
        self.asked_at = None;
    }

    /// The pause that is going on is meant (the owner muted, the viewer is paused): it is no freeze.
    pub(super) fn excuse(&mut self) {
        self.last_shown = None;
        self.held_since = None;
    }

    /// For how long the picture has stood still up to now; not at all while the next one is not late.
    pub(super) fn standing_still(&self, now: Instant) -> Duration {
        let since = self.last_shown.map_or(Duration::ZERO, |last| now.saturating_since(last));
        if since > self.late() { since } else { Duration::ZERO }
    }

    /// After how long the next picture is late.
    fn late(&self) -> Duration {
        (self.usual_interval * 3).max(self.usual_interval + FREEZE_MARGIN)
    }

    fn advance(&mut self, now: Instant, shown: &mut Shown) {
        while let Some(next) = self.next_seq
            && let Some(packet) = self.ahead.remove(&next)
        {
            self.next_seq = Some(next + 1);
            if packet.marker {
                self.show(now, shown);
            }
        }
    }

    /// A whole key frame beyond a gap ends the wait for what is missing.
    fn jump_to_key_frame(&mut self, now: Instant, shown: &mut Shown) {
        let Some(start) = self.ahead.iter().rev().find(|(_, packet)| packet.key_frame).map(|(seq, _)| *seq) else {
            return;
        };
        let mut end = start;
        let whole = loop {
            match self.ahead.get(&end) {
                Some(packet) if packet.marker => break true,
                Some(_) => end += 1,
                None => break false,
            }
        };
        if whole {
            self.ahead = self.ahead.split_off(&start);
            self.next_seq = Some(start);
            self.advance(now, shown);
        }
    }

    fn show(&mut self, now: Instant, shown: &mut Shown) {
        shown.first |= self.first_shown.is_none();
        self.first_shown.get_or_insert(now);
        self.asked_at = None;
        if let Some(last) = self.last_shown.replace(now) {
            let interval = now.saturating_since(last);
            if interval > self.late() {
                shown.freeze = Some(interval);
            } else {
                self.usual_interval = (self.usual_interval * (USUAL_PICTURES - 1) + interval) / USUAL_PICTURES;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::id::{LayerId, StreamId};

    use super::*;
    use crate::media::TrackId;

    fn packet(seq: u64, key_frame: bool, marker: bool) -> MediaPacket {
        let payload = vp8::head(key_frame, key_frame, 1, 1).as_slice().into();
        let track = TrackId { stream: StreamId(1), kind: TrackKind::Video };
        MediaPacket { track, layer: LayerId(0), seq, timestamp: 0, marker, payload, absent_bytes: 0, level: None }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn the_first_picture_is_a_whole_key_frame() {
        let mut pictures = Pictures::new(30);
        assert_eq!(pictures.handle_packet(at(0), &packet(9, false, true)), Shown::default());
        assert_eq!(pictures.handle_packet(at(10), &packet(10, true, false)), Shown::default());
        assert!(!pictures.has_shown());
        assert_eq!(pictures.handle_packet(at(20), &packet(11, false, true)), Shown { first: true, freeze: None });
    }

    #[test]
    fn a_repair_within_the_margin_is_no_freeze_and_a_late_one_is() {
        let mut pictures = Pictures::new(30);
        pictures.handle_packet(at(0), &packet(1, true, true));
        pictures.handle_packet(at(66), &packet(3, false, true));
        assert_eq!(pictures.handle_packet(at(100), &packet(2, false, true)), Shown::default());
        pictures.handle_packet(at(133), &packet(5, false, true));
        let shown = pictures.handle_packet(at(400), &packet(4, false, true));
        assert_eq!(shown.freeze, Some(Duration::from_millis(300)));
    }

    #[test]
    fn a_gap_that_stays_asks_for_a_key_frame_and_jumps_to_it() {
        let mut pictures = Pictures::new(30);
        pictures.handle_packet(at(0), &packet(1, true, true));
        pictures.handle_packet(at(33), &packet(3, false, true));
        assert_eq!(pictures.poll_timeout(), Some(at(533)));
        assert!(!pictures.take_key_frame_request(at(532)));
        assert!(pictures.take_key_frame_request(at(533)));
        assert!(!pictures.take_key_frame_request(at(600)), "asked already");
        let shown = pictures.handle_packet(at(700), &packet(20, true, true));
        assert_eq!(shown.freeze, Some(Duration::from_millis(700)));
        assert_eq!(pictures.poll_timeout(), None);
    }

    #[test]
    fn over_another_transport_numbers_begin_anew_and_the_freeze_goes_on() {
        let mut pictures = Pictures::new(30);
        let mut arrivals = Arrivals::default();
        for seq in [900, 903] {
            pictures.handle_packet(at(seq), &packet(seq, true, true));
            arrivals.count(at(seq), &packet(seq, true, true));
        }
        pictures.restart();
        arrivals.restart();
        assert_eq!(pictures.handle_packet(at(5000), &packet(0, false, true)), Shown::default(), "a decoder cannot begin there");
        assert_eq!(pictures.handle_packet(at(5033), &packet(1, true, true)).freeze, Some(Duration::from_millis(5033 - 903)));
        for seq in [0, 1, 3] {
            arrivals.count(at(6000), &packet(seq, false, true));
        }
        assert_eq!(arrivals.lost_packets(), 2 + 1, "901 and 902 of the one, 2 of the other");
    }

    #[test]
    fn lost_is_expected_minus_received_so_repairs_lower_it() {
        let mut arrivals = Arrivals::default();
        for seq in [5, 6, 9] {
            arrivals.count(at(0), &packet(seq, false, false));
        }
        assert_eq!(arrivals.lost_packets(), 2);
        arrivals.count(at(1), &packet(8, false, false));
        assert_eq!(arrivals.lost_packets(), 1);
    }
}
