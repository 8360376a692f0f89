//! What one end of a connection can tell of its own: windows of two seconds for a [`Scorer`](greenroom_core::quality::Scorer), from what arrives and from what the other end reports, and from nothing else.
//!
//! Down is what is received: sequence numbers, arrival times and bytes of each track. Up is what is sent, by the other end's receiver reports. The round trip is that of the newest check of the path; checks
//! are further apart than windows are long, so that it stands until the next one, as long as anything at all comes. Jitter is measured as in RFC 3550 appendix A.8, on sound where there is some: the packets of
//! a picture leave together and are repaired when they are lost, which says more of the pacing and of the round trip than of the way.
//!
//! A window in which something was sent and no report has come says nothing of the way up, instead of saying that nothing was lost.

use core::{ops::Deref, time::Duration};
use std::collections::BTreeMap;

use greenroom_core::{
    id::LayerId,
    quality::{Activity, Counters, Gauge, Meter, Reading, ReportMeter, Rules},
    stream::TrackKind,
    time::Instant,
};

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
    /// What is reported of everything that is sent together.
    reported_in_all: Report,
    rtt_count: u64,
    heard: bool,
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
            down.stream(rules, span, &counted, meant.activity);
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
                up.stream(rules, span, &counted, activity);
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
                up.stream(rules, span, &counted, Activity { target_bps: 0, active });
            }
        }

        let is_new = core::mem::replace(&mut self.rtt_count, peer.rtt_count()) != peer.rtt_count();
        if core::mem::take(&mut self.heard) | is_new {
            let rtt = peer.rtt();
            for gauge in [&mut *up, &mut *down] {
                gauge.heard();
                if let Some(rtt) = rtt {
                    gauge.rtt(rtt);
                }
            }
        }
        let up = match up.close(rules, span) {
            Reading::Measured(_) if awaited && !came => Reading::Unmeasured,
            reading => reading,
        };
        (up, down.close(rules, span))
    }
}

fn worse(jitter: &mut [Option<Duration>; 2], kind: TrackKind, sample: Duration) {
    let place = &mut jitter[usize::from(kind == TrackKind::Video)];
    *place = Some(place.unwrap_or_default().max(sample));
}
