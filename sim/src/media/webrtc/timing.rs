//! When packets left and came: what fills an end's [`Delays`] from what passes. Nothing is sent for it, and str0m is asked nothing.
//!
//! Down: each packet says when it left (abs-send-time, `draft-ietf-rmcat-gcc` section 2). Up: each packet has a number of the connection's, and transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01) says when that number came. Round trips: a receiver report tells which sender report it knows and for how long (RFC 3550 section 6.4.1, LSR and
//! DLSR), several times in a window; checks of the path come every few seconds.

use core::time::Duration;
use std::{collections::VecDeque, time::SystemTime};

use greenroom_core::time::Instant;
use str0m::rtp::{
    RawPacket, RtpHeader,
    rtcp::{ReceptionReport, Rtcp, Twcc},
};

use crate::{
    entropy::{self, std_instant},
    media::Delays,
};

/// Writes down what passes.
#[derive(Debug, Default)]
pub(super) struct Timing {
    delays: Delays,
    /// What left and was not told to have come: its number, and when. Numbers follow each other.
    under_way: VecDeque<(u16, Instant)>,
    /// Sender reports that left: the middle 32 bits of their NTP time, and when.
    reports: VecDeque<(u32, Instant)>,
    /// Of the packets that the newest feedback tells of, the quickest, until it is taken.
    quickest_ns: Option<i64>,
}

/// Most packets that are waited for: more than three seconds of the highest rate here, after which feedback on them does not come any more.
const UNDER_WAY: usize = 4096;

/// Most sender reports that are remembered: with several streams that report twice a second, some seconds.
const REPORTS: usize = 64;

/// Seconds from NTP's epoch to Unix's (RFC 5905 section 6).
const NTP_UNIX_S: u64 = 2_208_988_800;

impl Timing {
    pub(super) const fn delays(&self) -> &Delays {
        &self.delays
    }

    /// A check of the path was answered.
    pub(super) fn round_trip(&mut self, took: Duration) {
        self.delays.round_trips.push(nanos(took));
    }

    /// A packet passes, in the clear.
    pub(super) fn passed(&mut self, now: Instant, packet: &RawPacket) {
        match packet {
            RawPacket::RtpTx(header, _) => self.left(now, header),
            RawPacket::RtpRx(header, _) => {
                if let Some(left) = header.ext_vals.abs_send_time {
                    self.delays.down.push(difference(now, entropy::instant(left)));
                }
            }
            RawPacket::RtcpTx(Rtcp::SenderReport(report)) => {
                if self.reports.len() == REPORTS {
                    self.reports.pop_front();
                }
                self.reports.push_back((middle_of_ntp(report.sender_info.ntp_time), now));
            }
            RawPacket::RtcpRx(Rtcp::Twcc(feedback)) => self.came(feedback),
            RawPacket::RtcpRx(Rtcp::ReceiverReport(report)) => report.reports.iter().for_each(|block| self.known(now, block)),
            RawPacket::RtcpRx(Rtcp::SenderReport(report)) => report.reports.iter().for_each(|block| self.known(now, block)),
            RawPacket::RtcpTx(_) | RawPacket::RtcpRx(_) => {}
        }
    }

    fn left(&mut self, now: Instant, header: &RtpHeader) {
        let Some(number) = header.ext_vals.transport_cc else { return };
        if self.under_way.len() == UNDER_WAY {
            self.under_way.pop_front();
        }
        self.under_way.push_back((number, now));
    }

    /// The other end tells which packets came, and when by its clock.
    fn came(&mut self, feedback: &Twcc) {
        let first = feedback.base_seq;
        for (number, _, at) in feedback.clone().into_iter(std_instant(Instant::ZERO), u64::from(first).into()) {
            let Some(at) = at else { continue };
            #[expect(clippy::cast_possible_truncation, reason = "16 bits of it travel")]
            let number = *number as u16;
            // It may be told twice: when it is told again, it waits no longer.
            let Some(place) = self.under_way.iter().position(|(waits, _)| *waits == number) else { continue };
            let Some((_, left)) = self.under_way.remove(place) else { continue };
            let took_ns = difference(entropy::instant(at), left);
            self.delays.up.push(took_ns);
            self.quickest_ns = Some(self.quickest_ns.map_or(took_ns, |quickest| quickest.min(took_ns)));
        }
    }

    /// How long the quickest packet took of which feedback came since this was asked last: by the other end's clock, less this one's.
    pub(super) const fn take_quickest(&mut self) -> Option<i64> {
        self.quickest_ns.take()
    }

    /// The other end tells which of our reports it knows, and for how long.
    fn known(&mut self, now: Instant, block: &ReceptionReport) {
        // The same time in str0m's rounding there and ours here: a unit is 15 µs, and reports are far apart.
        let is_it = |ntp: u32| ntp.abs_diff(block.last_sr_time) <= 2;
        let Some((_, left)) = self.reports.iter().rev().find(|(ntp, _)| is_it(*ntp)) else { return };
        let held = Duration::from_nanos(u64::from(block.last_sr_delay) * 1_000_000_000 / 65_536);
        self.delays.round_trips.push(nanos(now.saturating_since(*left).saturating_sub(held)));
    }
}

/// Seconds in the upper 16 bits, and parts of one in the lower.
fn middle_of_ntp(time: SystemTime) -> u32 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let parts = u64::from(since.subsec_nanos()) * 65_536 / 1_000_000_000;
    #[expect(clippy::cast_possible_truncation, reason = "16 bits of the seconds count")]
    let seconds = (since.as_secs() + NTP_UNIX_S) as u32;
    (seconds << 16) | u32::try_from(parts).expect("less than a second is less than 65,536 parts")
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// `to` less `from`, either of which may be the later.
fn difference(to: Instant, from: Instant) -> i64 {
    nanos(to.saturating_since(from)) - nanos(from.saturating_since(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_ntp_time_is_sixteen_bits_of_seconds_and_of_parts() {
        // RFC 3550 section 6.4.1, figure 2: 10 November 1995, 11:33:25.125 UTC is 0xb44db705 and an eighth.
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis((0xb44d_b705 - NTP_UNIX_S) * 1000 + 125);
        assert_eq!(middle_of_ntp(time), 0xb705_2000);
    }

    #[test]
    fn a_report_on_a_report_tells_the_round_trip() {
        let mut timing = Timing::default();
        timing.reports.push_back((0xb705_2000, Instant::from_secs(100)));
        // The figure's numbers: it comes back 11.375 s later, of which the other end had it for 5.25 s.
        let mut block = ReceptionReport {
            ssrc: 1.into(),
            fraction_lost: 0,
            packets_lost: 0,
            max_seq: 0,
            jitter: 0,
            last_sr_time: 0xb705_2001,
            last_sr_delay: 0x0005_4000,
        };
        timing.known(Instant::from_millis(111_375), &block);
        assert_eq!(timing.delays.round_trips.since(0).collect::<Vec<_>>(), [6_125_000_000]);
        block.last_sr_time = 0;
        timing.known(Instant::from_secs(112), &block);
        assert_eq!(timing.delays.round_trips.count(), 1, "a report on none of ours tells nothing");
    }
}
