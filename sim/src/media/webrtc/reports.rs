//! What the other end says it received: the receiver reports of RTCP (RFC 3550 section 6.4.1), as they come.
//!
//! str0m reads them for its statistics, which it tells only where it is set to wake up for them; and then checks and feedback go at other times than without. But it shows decrypted packets as they
//! pass, which changes nothing.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    quality::{ReceiverReport, jitter_of},
    stream::TrackKind,
};
use str0m::rtp::{
    Ssrc,
    rtcp::{ReceptionReport, Rtcp},
};

use super::{super::Reported, naming::layer_id};
use crate::media::TrackId;

/// The newest report of each encoding that is sent.
#[derive(Debug, Default)]
pub(super) struct Reports {
    by_ssrc: BTreeMap<u32, Sent>,
}

#[derive(Debug)]
struct Sent {
    track: TrackId,
    layer: usize,
    /// Bytes of payload, wrapping.
    octets: u32,
    newest: Option<Reported>,
    count: u64,
}

/// Ticks of an Opus timestamp (RFC 7587 section 4.1) and of a video's (RFC 7741 section 4.1) in a second.
const AUDIO_HZ: u32 = 48_000;
const VIDEO_HZ: u32 = 90_000;

impl Reports {
    /// An encoding is sent from here on.
    pub(super) fn expect(&mut self, ssrc: Ssrc, track: TrackId, layer: usize) {
        self.by_ssrc.insert(*ssrc, Sent { track, layer, octets: 0, newest: None, count: 0 });
    }

    /// A track is sent no longer.
    pub(super) fn forget(&mut self, track: TrackId) {
        self.by_ssrc.retain(|_, sent| sent.track != track);
    }

    /// A packet of an encoding is sent.
    pub(super) fn sent(&mut self, ssrc: Ssrc, bytes: u32) {
        if let Some(sent) = self.by_ssrc.get_mut(&ssrc) {
            sent.octets = sent.octets.wrapping_add(bytes);
        }
    }

    /// RTCP came.
    pub(super) fn received(&mut self, rtcp: &Rtcp) {
        match rtcp {
            Rtcp::ReceiverReport(report) => report.reports.iter().for_each(|block| self.block(block)),
            Rtcp::SenderReport(report) => report.reports.iter().for_each(|block| self.block(block)),
            _ => {}
        }
    }

    fn block(&mut self, block: &ReceptionReport) {
        let Some(sent) = self.by_ssrc.get_mut(&*block.ssrc) else { return };
        let Some(layer) = layer_id(sent.layer) else { return };
        sent.count += 1;
        let clock_hz = if sent.track.kind == TrackKind::Audio { AUDIO_HZ } else { VIDEO_HZ };
        sent.newest = Some(Reported {
            track: sent.track,
            layer,
            // str0m counts what came by retransmission as received (it updates the register of the stream with it), so that nothing is left to make up for.
            report: ReceiverReport { sequence: block.max_seq, lost: block.packets_lost, repaired: 0, octets_sent: 0 },
            jitter: if block.jitter == 0 { Duration::ZERO } else { jitter_of(block.jitter, clock_hz) },
            count: sent.count,
        });
    }

    /// The newest report of each encoding that was reported. What was sent is as of now: a report that was lost on its way here would make the rate look lower than it is.
    pub(super) fn all(&self) -> Vec<Reported> {
        let as_of_now = |sent: &Sent| {
            sent.newest.map(|newest| Reported { report: ReceiverReport { octets_sent: sent.octets, ..newest.report }, ..newest })
        };
        self.by_ssrc.values().filter_map(as_of_now).collect()
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::id::{LayerId, StreamId};
    use str0m::rtp::rtcp::ReceiverReport as Message;

    use super::*;

    fn track(kind: TrackKind) -> TrackId {
        TrackId { stream: StreamId(1), kind }
    }

    /// A receiver report of one block.
    fn message(ssrc: u32, max_seq: u32, packets_lost: u32, jitter: u32) -> Rtcp {
        let block =
            ReceptionReport { ssrc: ssrc.into(), fraction_lost: 0, packets_lost, max_seq, jitter, last_sr_time: 0, last_sr_delay: 0 };
        Rtcp::ReceiverReport(Message { sender_ssrc: 9.into(), reports: block.into() })
    }

    fn reports() -> Reports {
        let mut reports = Reports::default();
        reports.expect(1.into(), track(TrackKind::Audio), 0);
        reports.expect(2.into(), track(TrackKind::Video), 0);
        reports.expect(3.into(), track(TrackKind::Video), 1);
        reports
    }

    #[test]
    fn the_newest_report_of_each_encoding_counts_with_what_was_sent_by_now() {
        let mut reports = reports();
        assert_eq!(reports.all(), [], "nothing was reported yet");
        reports.sent(1.into(), 100);
        reports.received(&message(1, 10, 1, 480));
        reports.received(&message(3, 20, 0, 900));
        reports.received(&message(1, 30, 4, 960));
        reports.sent(1.into(), 50);
        let told: Vec<_> =
            reports.all().into_iter().map(|told| (told.track.kind, told.layer, told.count, told.jitter, told.report)).collect();
        let report = |sequence, lost, octets_sent| ReceiverReport { sequence, lost, repaired: 0, octets_sent };
        assert_eq!(
            told,
            [
                (TrackKind::Audio, LayerId(0), 2, Duration::from_millis(20), report(30, 4, 150)),
                (TrackKind::Video, LayerId(1), 1, Duration::from_millis(10), report(20, 0, 0)),
            ],
            "each in ticks of its own clock"
        );
    }

    #[test]
    fn a_report_about_somebody_elses_stream_says_nothing() {
        let mut reports = reports();
        reports.received(&message(77, 1000, 900, 0));
        assert_eq!(reports.all(), []);
        reports.received(&message(2, 10, 0, 0));
        reports.forget(track(TrackKind::Video));
        assert_eq!(reports.all(), [], "nor does one about what is sent no longer");
    }

    #[test]
    fn what_is_sent_may_wrap() {
        let mut reports = reports();
        reports.received(&message(1, u32::MAX, 0, u32::MAX));
        reports.sent(1.into(), u32::MAX);
        reports.sent(1.into(), 11);
        assert_eq!((reports.all()[0].report.octets_sent, reports.all()[0].jitter.as_secs()), (10, u64::from(u32::MAX) / 48_000));
    }
}
