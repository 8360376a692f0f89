//! What a simulation leaves: rates in bins, and every delay.

use core::time::Duration;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

#[cfg(test)]
use super::case::Case;
use crate::media::Fidelity;

/// How long a bin is: RFC 8868 section 3 samples rates every 200 ms.
pub(super) const BIN: Duration = Duration::from_nanos(BIN_NS);
/// The same, in nanoseconds.
pub(super) const BIN_NS: u64 = 200_000_000;
/// How often queues are looked at. A choice: several times per frame.
pub(super) const QUEUE_SAMPLE: Duration = Duration::from_nanos(QUEUE_SAMPLE_NS);
/// The same, in nanoseconds.
pub(super) const QUEUE_SAMPLE_NS: u64 = 10_000_000;

/// What a simulation leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// How real media were.
    pub media: Fidelity,
    /// For each pair.
    pub pairs: Vec<PairTrace>,
    /// For each link.
    pub hops: Vec<HopTrace>,
    /// The run in pieces of 200 ms.
    pub bins: Vec<Bin>,
    /// Segments of TCP that were sent, those sent again included.
    pub tcp_sent: u64,
    /// Segments that were dropped.
    pub tcp_dropped: u64,
}

/// What came of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairTrace {
    /// Packets that the sender sent, of whatever kind.
    pub sent: u64,
    /// Those of them that were dropped.
    pub dropped: u64,
    /// Those of them that arrived.
    pub received: u64,
    /// Packets of audio and video that the sender made, those sent again not counted anew.
    pub media_made: u64,
    /// Those of them that the receiver has in the end, whether or not they had to be sent again.
    pub media_brought: u64,
    /// One-way delays of packets of media, in microseconds.
    pub delays_us: Vec<u32>,
    /// From the camera to the last packet of each frame, in microseconds.
    pub frames_us: Vec<u32>,
    /// Whether the connection was given up.
    pub disconnected: bool,
}

/// What came of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopTrace {
    /// Bytes of what got through.
    pub bytes: u64,
    /// Packets that did not.
    pub dropped: u64,
    /// What a packet would have waited, every 10 ms, in microseconds.
    pub queue_us: Vec<u32>,
}

/// A piece of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    /// The instant at which it ends.
    pub ends: Instant,
    /// For each pair.
    pub pairs: Vec<PairBin>,
    /// Bytes of segments that arrived.
    pub tcp_bytes: u64,
    /// For each link the longest wait, in microseconds.
    pub queue_us: Vec<u32>,
}

/// A pair in a piece of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairBin {
    /// Bytes that the sender sent, of whatever kind.
    pub sent_bytes: u64,
    /// Bytes of what arrived, of whatever kind.
    pub received_bytes: u64,
    /// Bytes of packets of media that arrived.
    pub media_bytes: u64,
    /// Bytes of video in them, without headers.
    pub video_bytes: u64,
    /// Bytes of audio in them, without headers.
    pub audio_bytes: u64,
    /// Bytes of RTCP that the receiver sent.
    pub feedback_bytes: u64,
    /// What the sender believed at its end.
    pub estimate_bps: BitsPerSecond,
    /// What the encoder aimed at.
    pub target_bps: BitsPerSecond,
}

impl Bin {
    pub(super) fn new(pairs: usize, hops: usize) -> Self {
        Self { ends: Instant::ZERO, pairs: vec![PairBin::default(); pairs], tcp_bytes: 0, queue_us: vec![0; hops] }
    }
}

#[cfg(test)]
impl Trace {
    /// A run of a case in which each pair came to `pair`, and its bins to what `bin` makes of the pair's place and the instant at which they end.
    pub(super) fn of(case: &Case, pair: PairTrace, bin: impl Fn(usize, Instant) -> PairBin) -> Self {
        let bins = (1..=case.duration.as_secs() * 5).map(|n| {
            let ends = Instant::from_millis(n * 200);
            Bin { ends, pairs: (0..case.pairs.len()).map(|at| bin(at, ends)).collect(), ..Bin::new(0, case.links.len()) }
        });
        Self {
            media: Fidelity::WebRtcNull,
            bins: bins.collect(),
            pairs: vec![pair; case.pairs.len()],
            hops: vec![HopTrace::default(); case.links.len()],
            tcp_sent: 0,
            tcp_dropped: 0,
        }
    }
}

impl Trace {
    /// The bins that lie within a time.
    pub fn within(&self, from: Instant, to: Instant) -> impl Iterator<Item = &Bin> {
        let begins = from.saturating_add(BIN);
        self.bins.iter().filter(move |bin| bin.ends >= begins && bin.ends <= to)
    }
}
