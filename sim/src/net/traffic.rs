//! Traffic that shares a bottleneck: TCP transfers and datagrams, over one link there and one back. A dumbbell.
//!
//! Each flow begins at its own time; all of them queue before the same transmitter. What arrives is counted by flow, with the time it took.

use core::time::Duration;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::{
    link::{Link, LinkConfig},
    pipe::{Fate, Pipe},
    tcp::{Ack, Receiver, Segment, Sender, SenderConfig},
};
use crate::random::Stream;

/// What a flow sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// A TCP transfer.
    Tcp(SenderConfig),
    /// Datagrams at equal distances.
    Constant(BitsPerSecond),
    /// Datagrams that do not know of each other: a Poisson process of that mean rate.
    Poisson(BitsPerSecond),
}

/// A flow, and when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowConfig {
    /// What it sends.
    pub flow: Flow,
    /// The first instant at which it sends.
    pub begins: Instant,
    /// Bytes of each packet, the link's overhead not counted.
    pub packet_bytes: u32,
}

/// What came of a flow so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowReport {
    /// Packets sent, those sent again included.
    pub sent: u64,
    /// Packets that arrived; of a transfer, different ones.
    pub arrived: u64,
    /// Packets that were dropped.
    pub dropped: u64,
    /// What each arrival took from sending, in order of arrival.
    pub delays: Vec<Duration>,
}

/// Bytes of an acknowledgement: the headers of IPv4 and TCP without a timestamp (RFC 791, RFC 9293).
const ACK_BYTES: u32 = 40;

/// Flows over a shared link and the way back.
#[derive(Clone, Debug)]
pub struct Dumbbell {
    forward: Pipe<(u32, Crossing)>,
    back: Pipe<(u32, Ack)>,
    flows: Vec<Running>,
}

#[derive(Clone, Copy, Debug)]
enum Crossing {
    Segment(Segment),
    Datagram(Instant),
}

#[derive(Clone, Debug)]
struct Running {
    config: FlowConfig,
    source: Source,
    gaps: Stream,
    report: FlowReport,
}

#[derive(Clone, Debug)]
enum Source {
    NotYet,
    Tcp(Box<(Sender, Receiver)>),
    Datagrams { next: Instant },
}

impl Dumbbell {
    /// Flows that share `forward`, and whose acknowledgements share `back`.
    pub fn new(forward: LinkConfig, back: LinkConfig, flows: &[FlowConfig], seed: u64) -> Self {
        let running = |(n, config): (usize, &FlowConfig)| Running {
            config: *config,
            source: Source::NotYet,
            gaps: Stream::new(seed, "dumbbell", &format!("gaps of flow {n}")),
            report: FlowReport::default(),
        };
        Self {
            forward: Pipe::new(forward, seed, "dumbbell/forward"),
            back: Pipe::new(back, seed, "dumbbell/back"),
            flows: flows.iter().enumerate().map(running).collect(),
        }
    }

    /// Lets time pass until `until`.
    pub fn run(&mut self, until: Instant) {
        while let Some(now) = self.next().filter(|now| *now <= until) {
            self.forward.handle_timeout(now);
            self.back.handle_timeout(now);
            while let Some((at, fate)) = self.forward.poll_output() {
                self.crossed(at, fate);
            }
            while let Some((at, fate)) = self.back.poll_output() {
                if let Fate::Arrived((flow, ack)) = fate
                    && let Source::Tcp(ends) = &mut self.flows[flow as usize].source
                {
                    ends.0.handle_input(at, ack);
                }
            }
            for n in (0..).take(self.flows.len()) {
                self.serve(n, now);
            }
        }
    }

    /// What came of each flow.
    pub fn reports(&self) -> impl Iterator<Item = &FlowReport> {
        self.flows.iter().map(|flow| &flow.report)
    }

    /// The sender of a transfer that has begun.
    pub fn sender(&self, flow: usize) -> Option<&Sender> {
        match &self.flows.get(flow)?.source {
            Source::Tcp(ends) => Some(&ends.0),
            Source::NotYet | Source::Datagrams { .. } => None,
        }
    }

    /// The shared link.
    pub const fn forward(&self) -> &Link {
        self.forward.link()
    }

    fn next(&self) -> Option<Instant> {
        let sources = self.flows.iter().filter_map(|flow| match &flow.source {
            Source::NotYet => Some(flow.config.begins),
            Source::Tcp(ends) => ends.0.poll_timeout(),
            Source::Datagrams { next } => Some(*next),
        });
        [self.forward.poll_timeout(), self.back.poll_timeout()].into_iter().flatten().chain(sources).min()
    }

    /// Something came out of the shared link, or did not.
    fn crossed(&mut self, at: Instant, fate: Fate<(u32, Crossing)>) {
        let (n, crossing) = match fate {
            Fate::Arrived(arrived) => arrived,
            Fate::Dropped((n, _), _) => {
                self.flows[n as usize].report.dropped += 1;
                return;
            }
        };
        let Running { source, report, .. } = &mut self.flows[n as usize];
        match (crossing, source) {
            (Crossing::Segment(segment), Source::Tcp(ends)) => {
                report.delays.push(at.saturating_since(segment.sent_at));
                let ack = ends.1.take(segment);
                report.arrived = ends.1.received();
                self.back.send(at, ACK_BYTES, n, (n, ack));
            }
            (Crossing::Datagram(sent_at), _) => {
                report.delays.push(at.saturating_since(sent_at));
                report.arrived += 1;
            }
            (Crossing::Segment(_), Source::NotYet | Source::Datagrams { .. }) => {}
        }
    }

    /// Lets a flow do what it has to at `now`.
    fn serve(&mut self, n: u32, now: Instant) {
        let Running { config, source, gaps, report } = &mut self.flows[n as usize];
        if matches!(source, Source::NotYet) && config.begins <= now {
            *source = match config.flow {
                Flow::Tcp(sender) => Source::Tcp(Box::new((Sender::new(now, sender), Receiver::default()))),
                Flow::Constant(_) | Flow::Poisson(_) => Source::Datagrams { next: now },
            };
        }
        match source {
            Source::NotYet => {}
            Source::Tcp(ends) => {
                ends.0.handle_timeout(now);
                while let Some(segment) = ends.0.poll_output() {
                    report.sent += 1;
                    self.forward.send(now, config.packet_bytes, n, (n, Crossing::Segment(segment)));
                }
            }
            Source::Datagrams { next } => {
                while *next <= now {
                    report.sent += 1;
                    self.forward.send(now, config.packet_bytes, n, (n, Crossing::Datagram(now)));
                    *next = next.saturating_add(gap(config, gaps)).max(now.saturating_add(Duration::from_nanos(1)));
                }
            }
        }
    }
}

/// Time from one datagram to the next.
fn gap(config: &FlowConfig, gaps: &mut Stream) -> Duration {
    let mean_ns = |rate_bps: BitsPerSecond| u64::from(config.packet_bytes) * 8 * 1_000_000_000 / rate_bps.max(1);
    match config.flow {
        Flow::Constant(rate_bps) => Duration::from_nanos(mean_ns(rate_bps)),
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a gap of days would round; a cast of a double saturates"
        )]
        Flow::Poisson(rate_bps) => Duration::from_nanos((gaps.exponential() * mean_ns(rate_bps) as f64) as u64),
        Flow::Tcp(_) => Duration::MAX,
    }
}
