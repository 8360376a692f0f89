//! One viewer's view of one stream over 100 ms: a row of `metrics.csv`.

use serde::Serialize;

/// A row of `metrics.csv`. Field names are the header, and other tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricRow {
    /// End of the interval, in nanoseconds of virtual time.
    pub t_ns: u64,
    /// The viewer.
    pub user: String,
    /// The stream, as `user/kind`.
    pub stream: String,
    /// Capacity of the viewer's downlink at `t_ns`, in bits per second; empty when it is not limited.
    pub capacity_bps: Option<u64>,
    /// The server's estimate of what the viewer can receive, in bits per second, all streams together; empty before the first estimate.
    pub estimate_bps: Option<u64>,
    /// RTP payload of this stream that the server sent to the viewer in the interval, as bits per second.
    pub sent_bps: u64,
    /// RTP payload of this stream that reached the viewer in the interval, as bits per second.
    pub received_bps: u64,
    /// Rid of the video layer that is being forwarded at `t_ns`; empty when none is.
    pub layer: String,
    /// Time that a packet offered at `t_ns` would wait in the queue of the viewer's downlink, in microseconds.
    pub queue_delay_us: u64,
    /// Packets of this stream missing at the viewer so far: expected minus received (RFC 3550 section 6.4.1), so repairs lower it again.
    pub lost_packets: u64,
}

impl MetricRow {
    /// The header of `metrics.csv`: the names of the fields, in their order.
    pub const HEADER: [&'static str; 10] =
        ["t_ns", "user", "stream", "capacity_bps", "estimate_bps", "sent_bps", "received_bps", "layer", "queue_delay_us", "lost_packets"];
}
