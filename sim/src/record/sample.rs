//! What nodes count, every 100 ms: the raw material of `metrics.csv` and of the checks.

use core::{iter::Flatten, slice, time::Duration};

use greenroom_core::{
    id::{Rid, UserId},
    stats::{Direction, Rates, Totals},
    stream::{BitsPerSecond, TrackKind},
    time::Instant,
};

use super::StreamName;

/// How often nodes tell what they counted.
pub const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// The end of the interval that begins at `now`, or in which `now` lies: intervals are everybody's, whenever a node began.
pub fn next_sample(now: Instant) -> Instant {
    let interval_ns = u64::try_from(SAMPLE_INTERVAL.as_nanos()).expect("a tenth of a second");
    Instant::from_nanos((now.as_nanos() / interval_ns + 1).saturating_mul(interval_ns))
}

/// What a node counted in one interval, or knows at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// End of the interval.
    pub at: Instant,
    /// Whose traffic.
    pub user: UserId,
    /// The stream.
    pub stream: StreamName,
    /// What was counted.
    pub what: Counted,
}

/// Everything that was counted in a run, in order of time.
///
/// It stays in the portions in which it was told, each of one time: of all that a run remembers it is the most, and to put it together would take as much memory again, which costs more to be had than
/// to be filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    portions: Vec<Vec<Sample>>,
}

impl Samples {
    /// What these portions hold, which are in order of time.
    pub const fn of(portions: Vec<Vec<Sample>>) -> Self {
        Self { portions }
    }

    /// All of them, in order of time.
    pub fn iter(&self) -> Flatten<slice::Iter<'_, Vec<Sample>>> {
        self.portions.iter().flatten()
    }

    /// All of them, to be changed. Their times stay in order.
    pub fn iter_mut(&mut self) -> Flatten<slice::IterMut<'_, Vec<Sample>>> {
        self.portions.iter_mut().flatten()
    }

    /// Puts in another one, behind all that are no later.
    pub fn insert(&mut self, sample: Sample) {
        let place = self.portions.partition_point(|portion| portion.first().is_none_or(|first| first.at <= sample.at));
        self.portions.insert(place, vec![sample]);
    }

    /// Takes out those that are not to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&Sample) -> bool) {
        for portion in &mut self.portions {
            portion.retain(&mut keep);
        }
    }
}

impl<'a> IntoIterator for &'a mut Samples {
    type Item = &'a mut Sample;
    type IntoIter = Flatten<slice::IterMut<'a, Vec<Sample>>>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<'a> IntoIterator for &'a Samples {
    type Item = &'a Sample;
    type IntoIter = Flatten<slice::Iter<'a, Vec<Sample>>>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// By the server: what it received from the user.
    Ingress(Flow),
    /// By the server: what it forwarded to the user.
    Sent {
        /// Packets and bytes of the interval.
        flow: Flow,
        /// The layer that flows.
        layer: Option<Rid>,
        /// The user's estimate, all streams together; none before the first one.
        estimate_bps: Option<BitsPerSecond>,
        /// What the plan for the user is made with: the estimate, or what is assumed before the first one.
        budget_bps: BitsPerSecond,
        /// What everything planned for the user needs by its publishers' declarations.
        planned_bps: BitsPerSecond,
        /// The part of it that is video.
        planned_video_bps: BitsPerSecond,
    },
    /// By the user: what arrived.
    Received {
        /// Packets and bytes of the interval.
        flow: Flow,
        /// Packets missing since the beginning: expected minus received.
        lost_packets: u64,
    },
    /// By a user who hears the loudest: what arrived of a voice.
    Heard(Flow),
    /// By the user: what its client's statistics say of a part of the stream, once a second.
    Part(Box<Part>),
    /// By the network: what it did to the server's datagrams for the user, all streams together, since the beginning.
    Downlink {
        /// Capacity at the end of the interval; none when it is not limited.
        capacity_bps: Option<BitsPerSecond>,
        /// What a packet would wait in the queue now.
        queue_delay: Duration,
    },
}

/// A part of a stream, as a client's statistics have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which way it goes.
    pub direction: Direction,
    /// Its sound or its pictures.
    pub kind: TrackKind,
    /// The layer, of pictures that are sent; which one is received is the server's affair.
    pub layer: Option<Rid>,
    /// What has come together so far.
    pub totals: Totals,
    /// What flows; none before the second reading.
    pub rates: Option<Rates>,
    /// Whether anybody tells what was lost of it.
    pub is_loss_known: bool,
    /// How unevenly it comes here, in microseconds; none where that is not asked.
    pub jitter_us: Option<u64>,
    /// To the server and back, in microseconds; none where the transport cannot tell.
    pub rtt_us: Option<u64>,
}

/// Packets over an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many.
    pub packets: u64,
    /// Their RTP payloads.
    pub bytes: u64,
    /// When the first and the last one went or came; none without any.
    pub span: Option<(Instant, Instant)>,
}

impl Flow {
    /// Counts a packet.
    pub fn count(&mut self, now: Instant, bytes: u32) {
        self.packets += 1;
        self.bytes += u64::from(bytes);
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
    }

    /// The flow so far; counting starts over.
    #[must_use]
    pub fn take(&mut self) -> Self {
        core::mem::take(self)
    }
}
