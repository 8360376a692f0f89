//! What one end of a connection can tell of its own: windows of two seconds for a [`Scorer`](greenroom_core::quality::Scorer), from what arrives and from what the other end reports, and from nothing else.
//!
//! Down is what is received: sequence numbers, arrival times and bytes of each track. Up is what is sent, by the other end's receiver reports. Jitter is measured as in RFC 3550 appendix A.8, on sound where there is
//! some: the packets of a picture leave together and are repaired when they are lost, which says more of the pacing and of the round trip than of the way. The round trip of each direction is without what waits in
//! the other one; how that is told apart stands with [`ways`]. Where it cannot be, it is that of the newest check of the path.
//!
//! A window in which something was sent and no report has come says nothing of the way up, instead of saying that nothing was lost. After five seconds it says that the way up is gone, whatever comes down; but where
//! nothing comes down, both are: nobody could tell us that something went up.

mod ways;

use core::{ops::Deref, time::Duration};
use std::collections::BTreeMap;

use greenroom_core::{
    id::LayerId,
    quality::{Activity, Counters, Gauge, Meter, Reading, ReportMeter, Rules},
    stream::TrackKind,
    time::Instant,
};

use self::ways::Ways;
use super::{Jitter, MediaPacket, Peer, TrackId};

/// What an end has seen of its connection.
#[derive(Debug, Default)]
pub struct Observer {
    rules: Rules,
    up: Gauge,
    down: Gauge,
    received: BTreeMap<TrackId, Received>,
    meters: BTreeMap<TrackId, Meter>,
    reported: BTreeMap<(TrackId, LayerId), Report>,
    ways: Ways,
    delays_up: u64,
    /// What is reported of everything that is sent together.
    reported_in_all: Report,
    rtt_count: u64,
    heard: bool,
    /// Whether there was a connection at all.
    connected: bool,
}

/// What is meant to flow of a track that is sent, or of one that is received, and for how long of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant {
    /// The track; its layers together.
    pub track: TrackId,
    /// The rate, and for how long.
    pub activity: Activity,
}

/// What was counted of a track that is received, since it began.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// What was meant to flow.
    pub meant: Meant,
    /// What came.
    pub counters: Counters,
    /// Its jitter, where it is known.
    pub jitter: Option<Duration>,
}

/// A track that is received.
#[derive(Debug, Default)]
struct Received {
    counters: Counters,
    highest: Option<u64>,
    jitter: Jitter,
}

/// An encoding that is sent.
#[derive(Debug, Default)]
struct Report {
    meter: ReportMeter,
    count: u64,
}

impl Observer {
    /// A packet arrived.
    pub fn received(&mut self, now: Instant, packet: &MediaPacket<impl Deref<Target = [u8]>>) {
        self.heard = true;
        let track = self.received.entry(packet.track).or_default();
        track.counters.received = track.counters.received.wrapping_add(1);
        track.counters.octets = track.counters.octets.wrapping_add(packet.size_bytes());
        let is_newest = track.highest.is_none_or(|highest| packet.seq > highest);
        if is_newest {
            track.highest = Some(packet.seq);
            #[expect(clippy::cast_possible_truncation, reason = "16 bits of a sequence number travel")]
            let sequence = packet.seq as u16;
            track.counters.sequence = sequence;
        }
        // What comes after its successors was repaired, if it is of a picture: when, is no matter of the way.
        if is_newest || packet.track.kind == TrackKind::Audio {
            track.jitter.arrived(now, packet.track.kind, packet.timestamp);
        }
    }

    /// The picture of a track stood still, up to now.
    pub fn froze(&mut self, track: TrackId, freeze: Duration) {
        let counters = &mut self.received.entry(track).or_default().counters;
        counters.freeze_ms = counters.freeze_ms.wrapping_add(u32::try_from(freeze.as_millis()).unwrap_or(u32::MAX >> 1));
    }

    /// The connection is another one from here on: what is counted begins anew, and nothing that was seen of the one before counts.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Ends the window: what was seen of the way up and of the way down. `sent` and `received` say what was meant to flow; what is in neither list is nobody's fault.
    pub fn close(&mut self, span: Duration, peer: &Peer, sent: &[Meant], received: &[Meant]) -> (Reading, Reading) {
        let counted = |(track, seen): (&TrackId, &Received)| {
            let meant = received.iter().find(|meant| meant.track == *track);
            let nothing = Meant { track: *track, activity: Activity { target_bps: 0, active: Duration::ZERO } };
            let jitter = meant.map(|_| seen.jitter.estimate());
            Arrived { meant: meant.copied().unwrap_or(nothing), counters: seen.counters, jitter }
        };
        let arrived: Vec<_> = self.received.iter().map(counted).collect();
        self.close_counted(span, peer, sent, &arrived, None)
    }

    /// The same for whoever counts what arrives himself, and need not tell each packet. Of the streams' packets, no more than `lost_most` are taken for lost on the way down, where that is known: others were lost
    /// before they came to it. A freeze is the way's only where it lost something.
    pub fn close_counted(
        &mut self,
        span: Duration,
        peer: &Peer,
        sent: &[Meant],
        arrived: &[Arrived],
        lost_most: Option<u32>,
    ) -> (Reading, Reading) {
        let (rules, up, down) = (&self.rules, &mut self.up, &mut self.down);
        let mut jitter = [None::<Duration>; 2]; // of sound, of pictures
        let mut lost_left = lost_most;
        for Arrived { meant, counters, jitter: of_track } in arrived {
            let Some(mut counted) = self.meters.entry(meant.track).or_default().read(*counters) else { continue };
            if let Some(left) = &mut lost_left {
                counted.missing = counted.missing.min(*left);
                *left -= counted.missing;
            }
            if lost_most == Some(0) {
                counted.freeze = Duration::ZERO;
            }
            self.heard |= counted.expected > counted.missing;
            down.stream(rules, span, meant.track.kind, &counted, meant.activity);
            if let Some(sample) = of_track.filter(|_| counted.expected > 0) {
                worse(&mut jitter, meant.track.kind, sample);
            }
        }
        if let Some(jitter) = jitter[0].or(jitter[1]) {
            down.jitter(jitter);
        }

        let (mut awaited, mut came, mut jitter) = (false, false, [None::<Duration>; 2]);
        let reports = peer.reports();
        for meant in sent {
            awaited |= !meant.activity.active.is_zero();
            let layers = reports.iter().filter(|reported| reported.track == meant.track).count().max(1) as u64;
            for reported in reports.iter().filter(|reported| reported.track == meant.track) {
                let known = self.reported.entry((reported.track, reported.layer)).or_default();
                let is_new = core::mem::replace(&mut known.count, reported.count) != reported.count;
                if !is_new {
                    continue;
                }
                self.heard = true;
                let Some(counted) = known.meter.read(reported.report) else { continue };
                came |= counted.expected > 0;
                // The rates of layers add up to the track's; which of them has how much is the encoder's affair.
                let activity = Activity { target_bps: meant.activity.target_bps / layers, ..meant.activity };
                up.stream(rules, span, reported.track.kind, &counted, activity);
                worse(&mut jitter, reported.track.kind, reported.jitter);
            }
        }
        if let Some(jitter) = jitter[0].or(jitter[1]) {
            up.jitter(jitter);
        }
        if let Some((report, count)) = peer.report_in_all()
            && core::mem::replace(&mut self.reported_in_all.count, count) != count
        {
            self.heard = true;
            if let Some(counted) = self.reported_in_all.meter.read(report) {
                came |= counted.expected > 0;
                let active = sent.iter().map(|meant| meant.activity.active).max().unwrap_or_default();
                up.stream(rules, span, TrackKind::Video, &counted, Activity { target_bps: 0, active });
            }
        }

        let answered = core::mem::replace(&mut self.rtt_count, peer.rtt_count()) != peer.rtt_count();
        let heard = core::mem::take(&mut self.heard) | answered;
        let mut arrived = came || answered;
        let rtts = match peer.delays() {
            Some(delays) => {
                arrived |= core::mem::replace(&mut self.delays_up, delays.up.count()) != delays.up.count();
                self.ways.close(delays)
            }
            None => peer.rtt().map(|rtt| [rtt; 2]),
        };
        // What comes from the other end says that the way down is there. That something went up, only what answers it does; where nothing was sent, nothing is missed.
        let alive = [arrived || (heard && !awaited), heard];
        for ((gauge, alive), at) in [&mut *up, &mut *down].into_iter().zip(alive).zip(0..) {
            if alive {
                gauge.heard();
                if let Some(rtts) = rtts {
                    gauge.rtt(rtts[at]);
                }
            }
        }
        let up = match up.close(rules, span) {
            Reading::Measured(_) if awaited && !came => Reading::Unmeasured,
            reading => reading,
        };
        let down = down.close(rules, span);
        self.connected |= peer.is_connected();
        let is_over = self.connected && !peer.is_connected();
        if is_over { (Reading::Disconnected, Reading::Disconnected) } else { (up, down) }
    }
}

fn worse(jitter: &mut [Option<Duration>; 2], kind: TrackKind, sample: Duration) {
    let place = &mut jitter[usize::from(kind == TrackKind::Video)];
    *place = Some(place.unwrap_or_default().max(sample));
}

#[cfg(test)]
mod tests {
    use greenroom_core::{
        id::StreamId,
        quality::{Share, Window},
    };

    use super::*;
    use crate::{
        media::{End, Fidelity, PeerConfig},
        net::network::address_of,
    };

    const SPAN: Duration = Duration::from_secs(2);

    /// A viewer of one stream, over a peer that reports nothing and knows no round trip: what is seen is what is told here.
    struct Viewer {
        observer: Observer,
        peer: Peer,
        now: Instant,
        next: [u64; 2],
    }

    impl Viewer {
        fn new() -> Self {
            let config = PeerConfig {
                fidelity: Fidelity::Model,
                local: address_of(1),
                end: End::Client,
                estimate_from: None,
                report_every: None,
                estimate_every: None,
                seed: 1,
            };
            Self { observer: Observer::default(), peer: Peer::new(Instant::ZERO, config), now: Instant::ZERO, next: [0; 2] }
        }

        fn track(kind: TrackKind) -> TrackId {
            TrackId { stream: StreamId(2), kind }
        }

        /// A packet of a stream that is numbered and made in that place, 20 ms after the one before, and comes so much late.
        fn packet(&mut self, kind: TrackKind, seq: u64, late: Duration) {
            let clock_khz = if kind == TrackKind::Audio { 48 } else { 90 };
            let timestamp = u32::try_from(seq * 20 * clock_khz).unwrap();
            let packet = MediaPacket {
                track: Self::track(kind),
                layer: LayerId(0),
                seq,
                timestamp,
                marker: true,
                payload: &[0_u8; 8][..],
                absent_bytes: 72,
                level: None,
            };
            self.observer.received(Instant::from_millis(seq * 20).saturating_add(late), &packet);
        }

        /// A window of a hundred packets, of which every so many-th is lost.
        fn packets(&mut self, kind: TrackKind, lost_every: u64) {
            let place = usize::from(kind == TrackKind::Video);
            let first = self.next[place];
            self.next[place] += 100;
            for seq in (first..first + 100).filter(|seq| lost_every == 0 || seq % lost_every != 0) {
                self.packet(kind, seq, Duration::ZERO);
            }
        }

        fn close(&mut self, sent: bool, received: &[TrackKind]) -> (Reading, Reading) {
            self.now = self.now.saturating_add(SPAN);
            let meant = |track| Meant { track, activity: Activity { target_bps: 32_000, active: SPAN } };
            let ours = TrackId { stream: StreamId(1), kind: TrackKind::Audio };
            let sent: Vec<_> = sent.then(|| meant(ours)).into_iter().collect();
            let received: Vec<_> = received.iter().map(|kind| meant(Self::track(*kind))).collect();
            self.observer.close(SPAN, &self.peer, &sent, &received)
        }
    }

    fn window(reading: &Reading) -> Window {
        let Reading::Measured(window) = reading else { panic!("{reading:?}") };
        *window
    }

    #[test]
    fn what_is_missing_of_a_track_that_is_wanted_is_lost_and_nothing_else_is() {
        let mut viewer = Viewer::new();
        viewer.packets(TrackKind::Audio, 0);
        viewer.packets(TrackKind::Video, 0);
        assert_eq!(viewer.close(false, &[TrackKind::Audio]).1, Reading::Unmeasured, "a first look has nothing to compare with");
        viewer.packets(TrackKind::Audio, 10);
        viewer.packets(TrackKind::Video, 2);
        let seen = window(&viewer.close(false, &[TrackKind::Audio]).1);
        // The first of each hundred is among the lost, so that 90 came; the highest number is the last one's.
        assert_eq!((seen.loss, seen.target_bps, seen.actual_bps), (Share::percent(10), 32_000, 90 * 80 * 8 / 2));
        viewer.packets(TrackKind::Audio, 10);
        viewer.packets(TrackKind::Video, 2);
        let seen = window(&viewer.close(false, &[TrackKind::Audio, TrackKind::Video]).1);
        assert_eq!(seen.loss, Share::percent(50), "of the pictures, once they are wanted");
    }

    #[test]
    fn late_sound_is_uneven_and_a_late_picture_was_repaired() {
        for (kind, is_uneven) in [(TrackKind::Audio, true), (TrackKind::Video, false)] {
            let mut viewer = Viewer::new();
            viewer.packets(kind, 0);
            viewer.close(false, &[kind]);
            for seq in (100..200).filter(|seq| seq % 10 != 0) {
                viewer.packet(kind, seq, Duration::ZERO);
                if seq % 10 == 9 {
                    viewer.packet(kind, seq - 9, Duration::from_millis(190));
                }
            }
            let seen = window(&viewer.close(false, &[kind]).1);
            assert_eq!((seen.loss, seen.jitter > Duration::from_millis(10)), (Share::NONE, is_uneven), "{kind:?}: {:?}", seen.jitter);
        }
    }

    #[test]
    fn a_picture_that_stood_still_counts_where_it_is_wanted() {
        let mut viewer = Viewer::new();
        for freeze_ms in [0, 500] {
            viewer.packets(TrackKind::Video, 0);
            viewer.observer.froze(Viewer::track(TrackKind::Video), Duration::from_millis(freeze_ms));
            viewer.close(false, &[]);
        }
        viewer.packets(TrackKind::Video, 0);
        viewer.observer.froze(Viewer::track(TrackKind::Video), Duration::from_millis(300));
        let seen = window(&viewer.close(false, &[TrackKind::Video]).1);
        assert_eq!(seen.freeze, Duration::from_millis(300));
    }

    //
    #[test]
    fn a_way_up_that_nothing_answers_is_gone_after_five_seconds_and_the_way_down_is_not() {
        let mut viewer = Viewer::new();
        let mut seen = Vec::new();
        for _ in 0..4 {
            viewer.packets(TrackKind::Audio, 0);
            seen.push(viewer.close(true, &[TrackKind::Audio]));
        }
        let ups: Vec<_> = seen.iter().map(|(up, _)| up.clone()).collect();
        assert_eq!(ups, [Reading::Unmeasured, Reading::Unmeasured, Reading::Disconnected, Reading::Disconnected]);
        assert!(seen[1..].iter().all(|(_, down)| window(down).loss == Share::NONE));
        // Who sends nothing misses no answer.
        viewer.packets(TrackKind::Audio, 0);
        assert_eq!(viewer.close(false, &[TrackKind::Audio]).0, Reading::Unmeasured);
    }

    //
    #[test]
    fn where_nothing_comes_at_all_both_ways_are_gone() {
        let mut viewer = Viewer::new();
        viewer.packets(TrackKind::Audio, 0);
        viewer.close(true, &[TrackKind::Audio]);
        for _ in 0..2 {
            assert_eq!(viewer.close(true, &[TrackKind::Audio]).1, Reading::Unmeasured);
        }
        assert_eq!(viewer.close(true, &[TrackKind::Audio]), (Reading::Disconnected, Reading::Disconnected));
        viewer.observer.restart();
        assert_eq!(viewer.close(true, &[TrackKind::Audio]), (Reading::Unmeasured, Reading::Unmeasured), "another connection");
    }
}
