//! How unevenly packets come: the estimate of RFC 3550 (section 6.4.1, appendix A.8), in whole numbers.

use core::time::Duration;

use greenroom_core::{stream::TrackKind, time::Instant};

/// Ticks of an Opus timestamp (RFC 7587 section 4.1) and of a video's (RFC 7741 section 4.1) in a second.
const AUDIO_HZ: i64 = 48_000;
const VIDEO_HZ: i64 = 90_000;

/// Most that one packet may count, in nanoseconds: a minute, far beyond what makes a difference.
const DEVIATION_NS_MAX: u64 = 60_000_000_000;

/// The jitter of one track.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    newest: Option<(Instant, u32)>,
    /// In sixteenths of a nanosecond.
    ns16: u64,
}

impl Jitter {
    /// A packet of the track came that says it was made at that tick of its clock.
    pub fn arrived(&mut self, now: Instant, kind: TrackKind, timestamp: u32) {
        let Some((at, ticks)) = self.newest.replace((now, timestamp)) else { return };
        let clock_hz = if kind == TrackKind::Audio { AUDIO_HZ } else { VIDEO_HZ };
        // Timestamps wrap, and a late packet's lies before its predecessor's. 2^31 ticks are half a day, and their nanoseconds fit.
        let made_ns = i64::from(timestamp.wrapping_sub(ticks).cast_signed()) * 1_000_000_000 / clock_hz;
        let apart_ns = i64::try_from(now.saturating_since(at).as_nanos()).unwrap_or(i64::MAX);
        let deviation_ns = apart_ns.abs_diff(made_ns).min(DEVIATION_NS_MAX);
        // J += (|D| - J) / 16, with J in sixteenths.
        self.ns16 = self.ns16 + deviation_ns - (self.ns16 + 8) / 16;
    }

    /// The estimate.
    pub const fn estimate(&self) -> Duration {
        Duration::from_nanos(self.ns16 / 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_packets_have_none_and_uneven_ones_come_near_their_deviation() {
        let mut jitter = Jitter::default();
        for packet in 0..100 {
            jitter.arrived(Instant::from_millis(u64::from(packet) * 20), TrackKind::Audio, (packet * 960).wrapping_sub(5000));
        }
        assert_eq!(jitter.estimate(), Duration::ZERO, "over the turn of the timestamps, too");
        for packet in 100..300 {
            let late_ms = u64::from(packet % 2) * 10;
            jitter.arrived(Instant::from_millis(u64::from(packet) * 20 + late_ms), TrackKind::Audio, (packet * 960).wrapping_sub(5000));
        }
        assert_eq!(jitter.estimate().as_micros() / 100, 99, "each is 10 ms off the one before: {:?}", jitter.estimate());
        jitter.arrived(Instant::MAX, TrackKind::Video, 0);
        assert!(jitter.estimate() < Duration::from_secs(4), "{:?}", jitter.estimate());
    }
}
