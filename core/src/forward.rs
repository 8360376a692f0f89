//! Per-packet forwarding: which of a track's packets one subscriber gets, and which numbers they carry.
//!
//! A publisher sends each simulcast layer as an RTP stream of its own, with its own sequence numbers, timestamps and picture ids, and within each of them pictures of several
//! temporal layers. A subscriber must see *one* stream that an ordinary receiver can decode, whatever is switched, thinned out, paused or restarted behind it. The trick all
//! selective forwarders share: cut what flows into *runs*, and number each run by offsets.
//!
//! A **run** is a stretch of packets of one layer from one source (a numbering that did not restart). It begins with the first packet of a key frame, since a decoder
//! can begin nowhere else; a track that every packet can begin (audio) is the easy case. At the beginning the offsets are chosen so that the run joins on to what went
//! out before:
//!
//! | number | at the beginning of a run | within the run |
//! |---|---|---|
//! | sequence number | highest sent + 1 | + constant − packets left out before it |
//! | timestamp | newest sent + the time since, in ticks; at least one | + constant |
//! | VP8 picture id | newest sent + 1 | + constant − pictures left out before it |
//! | TL0PICIDX | newest sent + 1 | + constant |
//!
//! Offsets that only packets left out change are what makes the rest come out right by itself: reordered packets keep their order, a gap upstream stays a gap (so the
//! subscriber asks for the packet again and gets it under its number). And because a run's first packet has the lowest number that the run may use, and everything before it
//! is dropped, no two runs share a number.
//!
//! The old layer keeps flowing until the new one's key frame begins, so a switch never freezes the picture; from that packet on the old one is dropped.
//!
//! The time between two runs is taken from arrival, because timestamps of different layers need not share an offset (RFC 3550 section 5.1). The error is the key
//! frame's queuing delay, some tens of milliseconds, once per switch. Sender reports could remove it.
//!
//! # Temporal layers
//!
//! A picture above the wanted temporal layer is left out and leaves no gap, neither in sequence numbers nor in picture ids. The decision is made for whole pictures, when the
//! first of their packets comes:
//!
//! - The way down is open at any picture: nothing below rests on what is above.
//! - The way up leads one layer at a time, at a picture that says it rests on the base layer alone (Y, RFC 7741 section 4.2): from there on the receiver has all that later
//!   pictures of that layer rest on. A key frame opens all layers at once. Where a publisher never sets Y, only its next key frame raises the layer.
//! - While the key frame of another layer is awaited, the flowing one does not rise; on the way to a lower layer it is thinned out to the wanted temporal layer, which eases the
//!   line sooner than the key frame can.
//!
//! What comes late finds its place through two short windows: which of the last [`PACKETS_KEPT`] sequence numbers and of the last [`PICTURES_KEPT`] pictures were left out. What
//! comes later than that is of no use to a call and is dropped. One case is left: a packet that was overtaken by its successors, and turns out to be of a picture that is not wanted. Its
//! number is in the gap that the subscriber saw and asks for again; so the verdict is [`Verdict::Fill`], a packet without payload under that number, which receivers take for
//! padding. **A number never stands for two different packets**, which matters beyond tidiness: SRTP derives its key stream from it (RFC 3711 section 9.1). That is why a
//! duplicate is not forwarded.
//!
//! # Other codecs
//!
//! The forwarder asks seven facts of a picture, those of [`vp8::Descriptor`], and writes two numbers. VP9's payload descriptor (RFC 9628 section 4.2) has the same under nearly the same names
//! (picture id, TL0PICIDX, TID, and U, the switching-up point, for Y); the AV1 dependency descriptor has frame number, temporal id and a switch indication for each decode target, and H.264 in
//! RTP has no numbers to rewrite at all, with its temporal ids in a header extension. Each plugs in as another reader of these facts into [`Incoming::picture`] and another
//! writer of [`Outgoing::picture`]; runs, windows and the rules above stay as they are.

mod run;
mod window;

use core::time::Duration;

use self::run::{Place, Run};
pub use self::window::{PACKETS_KEPT, PICTURES_KEPT};
pub use crate::vp8::Picture;
use crate::{
    id::{LayerId, TemporalId},
    select::Layer,
    time::Instant,
    vp8,
};

/// Decides for one track and one subscriber what is forwarded, and renumbers it. A plain value without any allocation: one exists for every pair of track and subscriber.
///
/// A packet touches four cache lines of each (one is all but the run), which the order of the fields sees to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(C, align(64))]
pub struct Forwarder {
    target: Option<Layer>,
    /// What was flowing when that was last told.
    told: Option<Layer>,
    config: Config,
    /// The newest of what went out. None before the first packet.
    sent: Option<Sent>,
    run: Option<Run>,
}

/// How a track's packets are numbered for the subscriber, and where its decoder can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Ticks of the RTP timestamp in a second.
    pub clock_rate: u32,
    /// Which packets can begin a run.
    pub start: Start,
    /// The first sequence number. It has 16 bits, because a receiver takes SRTP's rollover counter to be 0 at first (RFC 3711 section 3.3.1). Stay below 2^15: if the
    /// first packets before a wrap are lost, the receiver cannot know that there was one.
    pub first_seq: u16,
    /// The first timestamp.
    pub first_timestamp: u32,
    /// The first VP8 picture id, 15 bits.
    pub first_picture_id: u16,
    /// The first TL0PICIDX.
    pub first_tl0_pic_idx: u8,
}

/// Which packets a decoder can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// Any: audio.
    AnyPacket,
    /// The first packet of a key frame. A packet without a picture descriptor is none: it may be padding.
    KeyFrame,
}

/// A packet from the publisher, as far as forwarding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incoming {
    /// The layer it belongs to; the lowest for a track without layers.
    pub layer: LayerId,
    /// Tells the layer's numberings apart: a greater value where numbers start anew, as after a reconnect. What comes late of an earlier one is not let in again.
    pub source: u32,
    /// The extended sequence number: 16 bits of it travelled.
    pub seq: u64,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The VP8 payload descriptor. None for audio, and for a packet that has none.
    pub picture: Option<vp8::Descriptor>,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Not for this subscriber.
    Drop(DropReason),
    /// Send it, with these numbers.
    Forward(Outgoing),
    /// Send a packet without payload in its place: the subscriber saw a gap there, and nothing of it is wanted.
    Fill {
        /// The extended sequence number.
        seq: u64,
        /// The RTP timestamp.
        timestamp: u32,
    },
}

/// Why a packet is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// There is no target: nothing flows.
    Paused,
    /// It belongs to a layer that neither flows nor is to flow.
    OtherLayer,
    /// Its layer is to flow, and it does not begin a key frame.
    AwaitingKeyFrame,
    /// It lies before the key frame that its layer began to flow with.
    BeforeStart,
    /// Its picture is above the wanted temporal layer, or above what can be decoded yet.
    AboveTemporalLayer,
    /// It came before.
    Duplicate,
    /// It comes so late that its place is forgotten.
    TooLate,
}

/// The numbers a forwarded packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outgoing {
    /// The extended sequence number.
    pub seq: u64,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The picture's numbers, for a packet with a picture descriptor. Where the descriptor lacks one of the two, that one means nothing ([`vp8::rewrite`] skips it).
    pub picture: Option<Picture>,
    /// Set on the first packet that is forwarded of another layer than before, spatial or temporal, and on the first after nothing flowed.
    pub switched: Option<Switch>,
}

/// A change of layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Switch {
    /// The layer that flowed until now; none at the start and after a pause.
    pub from: Option<Layer>,
    /// The layer that flows from now on.
    pub to: Layer,
}

/// Longest step between two timestamps, in ticks: a longer one would look like a step back modulo 2^32. A pause of 6.6 hours at 90 kHz reaches it.
const MAX_STEP_TICKS: u32 = u32::MAX / 2;

/// The newest of what went out: the highest sequence number with its timestamp, and the newest picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sent {
    seq: u64,
    timestamp: u32,
    picture: Picture,
    /// When the first packet of that timestamp was forwarded.
    at: Instant,
}

impl Config {
    /// A 90 kHz track that key frames gate (RFC 7741 section 4.1), numbered from 1.
    pub const VIDEO: Self =
        Self { clock_rate: 90_000, start: Start::KeyFrame, first_seq: 1, first_timestamp: 1, first_picture_id: 1, first_tl0_pic_idx: 1 };
    /// A 48 kHz track that any packet can begin (Opus, RFC 7587 section 4.1), numbered from 1.
    pub const AUDIO: Self = Self { clock_rate: 48_000, start: Start::AnyPacket, ..Self::VIDEO };
}

impl DropReason {
    /// The word for it in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::OtherLayer => "other_layer",
            Self::AwaitingKeyFrame => "awaiting_key_frame",
            Self::BeforeStart => "before_start",
            Self::AboveTemporalLayer => "above_temporal_layer",
            Self::Duplicate => "duplicate",
            Self::TooLate => "too_late",
        }
    }
}

impl Forwarder {
    /// A forwarder of which nothing is wanted yet.
    pub const fn new(config: Config) -> Self {
        Self { config, target: None, run: None, told: None, sent: None }
    }

    /// Says which layer is to flow. Another spatial layer than the current one takes over with its next key frame, another temporal one as the [module](self) says; none
    /// stops the flow at once. Of a track without layers, any target is all of it.
    pub fn set_target(&mut self, target: Option<Layer>) {
        self.target = target;
        if target.is_none() {
            self.run = None;
            self.told = None;
        }
    }

    /// The layer that is to flow.
    pub const fn target(&self) -> Option<Layer> {
        self.target
    }

    /// The layer that flows. It differs from the target while a picture is awaited at which that can be reached.
    pub fn current(&self) -> Option<Layer> {
        self.run.as_ref().map(|run| Layer { spatial: run.layer(), temporal: TemporalId(run.limit()) })
    }

    /// The layer whose key frame is awaited, and so worth asking for. None while the target's spatial layer flows, or nothing is wanted.
    pub fn awaited(&self) -> Option<LayerId> {
        let target = self.target?.spatial;
        let flows = self.run.as_ref().is_some_and(|run| run.layer() == target && !run.is_broken());
        (self.config.start == Start::KeyFrame && !flows).then_some(target)
    }

    /// Decides on a packet that arrived at `now`.
    #[expect(
        clippy::inline_always,
        reason = "inlined, it answers in registers; through memory, whoever asked waited for the answer's smallest fields to get there: an eighth of the time of a run with 200 viewers"
    )]
    #[inline(always)]
    pub fn handle_packet(&mut self, now: Instant, packet: &Incoming) -> Verdict {
        let Some(target) = self.target else {
            return Verdict::Drop(DropReason::Paused);
        };
        if packet.layer != target.spatial && self.run.as_ref().is_none_or(|run| run.layer() != packet.layer) {
            return Verdict::Drop(DropReason::OtherLayer);
        }
        let begins_key_frame = packet.picture.is_some_and(|picture| picture.key_frame);
        let place = match &mut self.run {
            Some(run) if run.continues_with(packet) => run.place(packet, target),
            Some(run) if run.is_after(packet) => return Verdict::Drop(DropReason::BeforeStart),
            _ if begins_key_frame || self.config.start == Start::AnyPacket => {
                let (run, place) = self.join(now, packet, target);
                self.run = Some(run);
                place
            }
            stalled => {
                if let Some(run) = stalled {
                    run.is_left_by(packet);
                }
                return Verdict::Drop(DropReason::AwaitingKeyFrame);
            }
        };
        match place {
            Place::None(reason) => Verdict::Drop(reason),
            Place::Blank { seq, timestamp } => {
                self.note_sent(now, seq, timestamp, None);
                Verdict::Fill { seq, timestamp }
            }
            Place::At { seq, timestamp, picture } => {
                self.note_sent(now, seq, timestamp, Some(picture));
                let flows = self.current();
                let from = core::mem::replace(&mut self.told, flows);
                let switched = flows.filter(|_| from != flows).map(|to| Switch { from, to });
                Verdict::Forward(Outgoing { seq, timestamp, picture: packet.picture.map(|_| picture), switched })
            }
        }
    }

    /// The run that begins with `packet`, joined on to what was sent before, and the packet's place in it.
    fn join(&self, now: Instant, packet: &Incoming, target: Layer) -> (Run, Place) {
        let (seq, timestamp, picture) = match self.sent {
            None => {
                let Config { first_seq, first_timestamp, first_picture_id, first_tl0_pic_idx, .. } = self.config;
                let picture = Picture { picture_id: first_picture_id % vp8::PICTURE_IDS, tl0_pic_idx: first_tl0_pic_idx };
                (u64::from(first_seq), first_timestamp, picture)
            }
            Some(sent) => {
                let step = ticks(now.saturating_since(sent.at), self.config.clock_rate).clamp(1, MAX_STEP_TICKS);
                let picture = Picture {
                    picture_id: (sent.picture.picture_id + 1) % vp8::PICTURE_IDS,
                    tl0_pic_idx: sent.picture.tl0_pic_idx.wrapping_add(1),
                };
                (sent.seq.saturating_add(1), sent.timestamp.wrapping_add(step), picture)
            }
        };
        (Run::new(packet, target.temporal.0, seq, timestamp, picture), Place::At { seq, timestamp, picture })
    }

    /// Keeps what the next run joins on to. Of what goes out late only the picture may be newer than what is known: the packets behind it were fillers.
    fn note_sent(&mut self, now: Instant, seq: u64, timestamp: u32, picture: Option<Picture>) {
        let Some(sent) = &mut self.sent else {
            self.sent = Some(Sent { seq, timestamp, picture: picture.unwrap_or_default(), at: now });
            return;
        };
        if seq > sent.seq {
            sent.seq = seq;
            if timestamp != sent.timestamp {
                (sent.timestamp, sent.at) = (timestamp, now);
            }
        }
        if let Some(picture) = picture {
            sent.picture = sent.picture.or_newer(picture);
        }
    }
}

/// `span` in whole ticks of a clock.
fn ticks(span: Duration, clock_rate: u32) -> u32 {
    u32::try_from(span.as_nanos().saturating_mul(u128::from(clock_rate)) / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const LOW: LayerId = LayerId(0);
    const HIGH: LayerId = LayerId(2);
    /// All of a layer.
    const fn all(spatial: LayerId) -> Layer {
        Layer { spatial, temporal: TemporalId(0) }
    }

    /// One packet of 3000 ticks (a thirtieth of a second) per picture.
    fn picture(layer: LayerId, source: u32, seq: u64, key_frame: bool) -> Incoming {
        let [high, low] = u16::try_from(seq % 0x8000).expect("15 bits").to_be_bytes();
        let tl0_pic_idx = u8::try_from(seq % 256).expect("8 bits");
        let head = vp8::head(true, key_frame, u16::from_be_bytes([high, low]), tl0_pic_idx);
        let timestamp = u32::try_from(seq * 3000 % (1 << 32)).expect("32 bits").wrapping_add(u32::from(layer.0) << 20);
        Incoming { layer, source, seq, timestamp, picture: vp8::Descriptor::parse(&head) }
    }

    fn sound(seq: u64, timestamp: u32) -> Incoming {
        Incoming { layer: LOW, source: 0, seq, timestamp, picture: None }
    }

    #[track_caller]
    fn forwarded(verdict: Verdict) -> Outgoing {
        match verdict {
            Verdict::Forward(outgoing) => outgoing,
            other => panic!("not forwarded: {other:?}"),
        }
    }

    fn numbers(outgoing: Outgoing) -> (u64, u32, u16, u8) {
        let picture = outgoing.picture.expect("a video packet");
        (outgoing.seq, outgoing.timestamp, picture.picture_id, picture.tl0_pic_idx)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn the_old_layer_flows_until_the_new_ones_key_frame_and_not_after() {
        // Given a subscriber who watches the low layer,
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        assert_eq!(forwarder.awaited(), Some(LOW));
        assert_eq!(forwarder.handle_packet(at(0), &picture(LOW, 0, 99, false)), Verdict::Drop(DropReason::AwaitingKeyFrame));
        let first = forwarded(forwarder.handle_packet(at(33), &picture(LOW, 0, 100, true)));
        assert_eq!((numbers(first), first.switched), ((1, 1, 1, 1), Some(Switch { from: None, to: all(LOW) })));
        assert_eq!(forwarder.awaited(), None);
        // when the high layer is wanted,
        forwarder.set_target(Some(all(HIGH)));
        // then the low one goes on,
        let second = forwarded(forwarder.handle_packet(at(66), &picture(LOW, 0, 101, false)));
        assert_eq!((numbers(second), second.switched), ((2, 3001, 2, 2), None));
        assert_eq!(forwarder.handle_packet(at(67), &picture(HIGH, 0, 7, false)), Verdict::Drop(DropReason::AwaitingKeyFrame));
        assert_eq!((forwarder.current(), forwarder.awaited()), (Some(all(LOW)), Some(HIGH)));
        // until a key frame of the high one begins, 34 ms and 3060 ticks after the last picture.
        let third = forwarded(forwarder.handle_packet(at(100), &picture(HIGH, 0, 8, true)));
        assert_eq!((numbers(third), third.switched), ((3, 6061, 3, 3), Some(Switch { from: Some(all(LOW)), to: all(HIGH) })));
        assert_eq!(forwarder.handle_packet(at(101), &picture(LOW, 0, 102, true)), Verdict::Drop(DropReason::OtherLayer));
    }

    #[test]
    fn late_and_lost_packets_keep_their_places_and_a_doubled_one_goes_once() {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        let mut next = |seq| forwarder.handle_packet(at(0), &picture(LOW, 0, seq, seq == 50));
        let seqs: Vec<u64> = [50, 53, 51].into_iter().map(|seq| forwarded(next(seq)).seq).collect();
        assert_eq!(seqs, [1, 4, 2]);
        assert_eq!([next(53), next(50), next(51)], [Verdict::Drop(DropReason::Duplicate); 3]);
        assert_eq!(forwarded(next(54)).seq, 5);
        assert_eq!(forwarder.handle_packet(at(0), &picture(LOW, 0, 49, true)), Verdict::Drop(DropReason::BeforeStart));
    }

    #[test]
    fn a_pause_stops_at_once_and_ends_with_a_key_frame() {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        forwarded(forwarder.handle_packet(at(0), &picture(LOW, 0, 100, true)));
        forwarder.set_target(None);
        assert_eq!(forwarder.handle_packet(at(33), &picture(LOW, 0, 101, false)), Verdict::Drop(DropReason::Paused));
        assert_eq!((forwarder.current(), forwarder.awaited()), (None, None));
        forwarder.set_target(Some(all(LOW)));
        assert_eq!(forwarder.handle_packet(at(66), &picture(LOW, 0, 102, false)), Verdict::Drop(DropReason::AwaitingKeyFrame));
        // The subscriber sees no gap for what was held back, and a second passed.
        let resumed = forwarded(forwarder.handle_packet(at(1000), &picture(LOW, 0, 130, true)));
        assert_eq!((numbers(resumed), resumed.switched), ((2, 90_001, 2, 2), Some(Switch { from: None, to: all(LOW) })));
    }

    #[test]
    fn a_pause_of_many_hours_still_steps_forward() {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        let before = forwarded(forwarder.handle_packet(at(0), &picture(LOW, 0, 1, true)));
        forwarder.set_target(None);
        forwarder.set_target(Some(all(LOW)));
        let after = forwarded(forwarder.handle_packet(Instant::from_secs(100 * 3600), &picture(LOW, 1, 1, true)));
        assert!((1..=MAX_STEP_TICKS).contains(&after.timestamp.wrapping_sub(before.timestamp)));
    }

    #[test]
    fn a_reconnected_publisher_goes_on_with_its_next_key_frame() {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        forwarded(forwarder.handle_packet(at(0), &picture(LOW, 0, 70_000, true)));
        // Given that the publisher's numbers restart,
        assert_eq!(forwarder.handle_packet(at(500), &picture(LOW, 1, 3, false)), Verdict::Drop(DropReason::AwaitingKeyFrame));
        assert_eq!(forwarder.awaited(), Some(LOW));
        // when a straggler of the old numbering comes, it still finds its place;
        assert_eq!(forwarded(forwarder.handle_packet(at(501), &picture(LOW, 0, 70_001, false))).seq, 2);
        // then the new key frame joins on, and nobody calls it a switch.
        let restarted = forwarded(forwarder.handle_packet(at(511), &picture(LOW, 1, 4, true)));
        assert_eq!((restarted.seq, restarted.timestamp, restarted.switched), (3, 3001 + 900, None));
        assert_eq!(forwarder.awaited(), None);
    }

    #[test]
    fn a_jump_that_16_bits_cannot_tell_counts_as_a_restart() {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        forwarded(forwarder.handle_packet(at(0), &picture(LOW, 0, 10, true)));
        assert_eq!(forwarder.handle_packet(at(1), &picture(LOW, 0, 10 + (1 << 15), false)), Verdict::Drop(DropReason::AwaitingKeyFrame));
        assert_eq!(forwarded(forwarder.handle_packet(at(2), &picture(LOW, 0, 9 + (1 << 15), false))).seq, 1 << 15);
        assert_eq!(forwarded(forwarder.handle_packet(at(3), &picture(LOW, 0, 100_000, true))).seq, (1 << 15) + 1);
    }

    #[test]
    fn seven_bit_picture_ids_go_on_over_their_wrap_and_over_a_change_of_width() {
        let mut forwarder = Forwarder::new(Config { first_picture_id: 0x7fff, ..Config::VIDEO });
        forwarder.set_target(Some(all(LOW)));
        let mut next = |seq: u64, picture_id: u16, long_picture_id: bool| {
            let mut packet = picture(LOW, 0, seq, seq == 1);
            let descriptor = packet.picture.as_mut().expect("a video packet");
            (descriptor.picture_id, descriptor.long_picture_id) = (Some(picture_id), long_picture_id);
            numbers(forwarded(forwarder.handle_packet(at(seq), &packet))).2
        };
        assert_eq!([next(1, 126, false), next(2, 127, false), next(3, 0, false), next(4, 1, false)], [0x7fff, 0, 1, 2]);
        assert_eq!(next(7, 4, false), 5, "two are late");
        assert_eq!([next(6, 3, false), next(5, 2, false)], [4, 3]);
        assert_eq!([next(8, 5, true), next(9, 6, true)], [6, 7]);
    }

    #[test]
    fn padding_without_a_descriptor_fills_its_place_and_begins_nothing() {
        let mut forwarder = Forwarder::new(Config::VIDEO);
        forwarder.set_target(Some(all(LOW)));
        assert_eq!(forwarder.handle_packet(at(0), &sound(4, 0)), Verdict::Drop(DropReason::AwaitingKeyFrame));
        forwarded(forwarder.handle_packet(at(0), &picture(LOW, 0, 5, true)));
        let padding = forwarded(forwarder.handle_packet(at(1), &sound(6, 15_000)));
        assert_eq!((padding.seq, padding.picture), (2, None));
        let next = forwarded(forwarder.handle_packet(at(33), &picture(LOW, 0, 7, false)));
        assert_eq!((next.seq, next.picture.map(|p| p.picture_id)), (3, Some(3)));
    }

    #[test]
    fn sound_begins_with_any_packet_and_asks_for_nothing() {
        let mut forwarder = Forwarder::new(Config { first_seq: u16::MAX, first_timestamp: u32::MAX, ..Config::AUDIO });
        forwarder.set_target(Some(all(LOW)));
        assert_eq!(forwarder.awaited(), None);
        let first = forwarded(forwarder.handle_packet(at(0), &sound(10, 5)));
        let second = forwarded(forwarder.handle_packet(at(20), &sound(11, 965)));
        assert_eq!((first.seq, first.timestamp, first.picture), (65_535, u32::MAX, None));
        assert_eq!((second.seq, second.timestamp), (65_536, 959));
        // Another source takes over at once.
        let other = forwarded(forwarder.handle_packet(at(40), &Incoming { source: 9, ..sound(500_000, 77) }));
        assert_eq!((other.seq, other.timestamp, other.switched), (65_537, 959 + 960, None));
    }
}
