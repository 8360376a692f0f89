//! One part of one stream, as a client's statistics have it: a row of `statistics.csv`.

use greenroom_core::{
    stats::{Direction, Rates},
    stream::TrackKind,
};
use serde::Serialize;

use super::{Counted, Sample};

/// A row of `statistics.csv`. Field names are the header, and other tools read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatisticsRow {
    /// When they were read, in nanoseconds of virtual time.
    pub t_ns: u64,
    /// Whose client.
    pub user: String,
    /// The stream, as `user/kind`.
    pub stream: String,
    /// `sent` or `received`.
    pub direction: &'static str,
    /// `audio` or `video`.
    pub media: &'static str,
    /// Rid of the layer, of video that is sent; empty otherwise.
    pub layer: String,
    /// Bytes of RTP payload so far.
    pub bytes: u64,
    /// Packets so far.
    pub packets: u64,
    /// Packets lost so far on their way. It never falls. Empty where nobody tells: of what is sent, before the other end's first report, and where media is modelled.
    pub lost_packets: Option<u64>,
    /// Kilobits per second since the reading before; empty before the second one.
    pub kbps: Option<u64>,
    /// Packets lost, of a million since the reading before; empty before the second one, and where nobody tells.
    pub loss_ppm: Option<u64>,
    /// How unevenly it comes here (RFC 3550 section 6.4.1), in microseconds: of sound, and of pictures without sound; empty otherwise.
    pub jitter_us: Option<u64>,
    /// To the server and back, in microseconds; empty where the transport does not measure it.
    pub rtt_us: Option<u64>,
}

impl StatisticsRow {
    /// The header of `statistics.csv`: the names of the fields, in their order.
    pub const HEADER: [&'static str; 13] = [
        "t_ns",
        "user",
        "stream",
        "direction",
        "media",
        "layer",
        "bytes",
        "packets",
        "lost_packets",
        "kbps",
        "loss_ppm",
        "jitter_us",
        "rtt_us",
    ];

    /// The row of a sample, if it is one of statistics.
    pub fn of(sample: &Sample) -> Option<Self> {
        let Counted::Part(part) = &sample.what else { return None };
        let rates: Option<Rates> = part.rates;
        Some(Self {
            t_ns: sample.at.as_nanos(),
            user: sample.user.to_string(),
            stream: sample.stream.to_string(),
            direction: match part.direction {
                Direction::Sent => "sent",
                Direction::Received => "received",
            },
            media: match part.kind {
                TrackKind::Audio => "audio",
                TrackKind::Video => "video",
            },
            layer: part.layer.as_ref().map(ToString::to_string).unwrap_or_default(),
            bytes: part.totals.bytes,
            packets: part.totals.packets,
            lost_packets: part.is_loss_known.then_some(part.totals.packets_lost),
            kbps: rates.map(|rates| rates.kbps),
            loss_ppm: rates.filter(|_| part.is_loss_known).map(|rates| rates.loss_ppm),
            jitter_us: part.jitter_us,
            rtt_us: part.rtt_us,
        })
    }
}
