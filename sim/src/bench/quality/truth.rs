//! What is true of a line, which only a simulator knows. There are two truths in the scorer's own thresholds, and scores are held against both; a third one, which has nothing of them, is the [listener](super::listener)'s.
//!
//! **What the line did** ([`did`]) is the level that the scorer's thresholds give for what really became of everything that was sent over it in the windows that are judged, by the clock of the simulation and with both ends
//! in view; a scorer sits at one end and has to find out. It is this one that goals are about.
//!
//! - **Loss**: packets that were written at one end and never handed over at the other, repaired or not; of sound or of pictures, whichever fared worse.
//! - **The round trip** of a direction: the constant delay of both lines, and what packets of this direction waited on top (queue, jitter, serialization), each known to the nanosecond. What waits in the other direction is that
//!   one's.
//! - **Jitter**: the mean difference of RFC 3550 over packets of sound.
//! - **The rate**: bits of media that came, against what encoders would have sent.
//! - **Freezes**: the share of the time that the line was set to hold everything back, where that is longer than what W3C calls a freeze.
//! - **No connection**, where not one datagram came.
//!
//! **What the line was set to do** ([`set`]) is the same from the settings alone, without what chance, queues and congestion control made of them: loss is the closed form of the model of loss, of packets that nobody
//! sends again; the rate is what the capacity would let through; jitter is that of 20,000 packets over the line alone. Where a line is too narrow, that is not the whole truth, because what waits and what is dropped
//! there is the senders' doing as well.

use core::time::Duration;

use greenroom_core::{
    quality::{Level, Rules, Share, Window, appraise},
    stream::BitsPerSecond,
    time::Instant,
};

use super::case::{AUDIO_BPS, AUDIO_BYTES, Line, Phase, SPAN};
use crate::net::{
    capacity::Capacity,
    link::{Link, LinkConfig, Queue, QueueLimit, Verdict},
    loss::Loss,
};

/// Packets that a line is asked about: the mean of so many differences of two uniform delays is off by half a per cent.
const PROBES: u64 = 20_000;

/// What became of what was sent in one direction in one window.
#[derive(Clone, Debug, Default)]
pub(super) struct Did {
    /// Packets that were written: of sound, and of pictures.
    pub(super) sent: [u64; 2],
    /// Those of them that were handed over at the other end, whenever.
    pub(super) came: [u64; 2],
    /// What those weigh.
    pub(super) bits: u64,
    /// How long datagrams waited beyond the line's constant delay, and how many arrived.
    pub(super) waits_ns: u64,
    pub(super) datagrams: u64,
    /// Differences of RFC 3550, and how many.
    pub(super) deviations_ns: u64,
    pub(super) deviations: u64,
    /// How long each packet of sound took, in the order of writing; none that never came.
    pub(super) sound: Vec<Option<Duration>>,
}

impl Did {
    /// A datagram arrived that had waited so long.
    pub(super) fn arrived(&mut self, wait: Duration) {
        self.waits_ns += u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.datagrams += 1;
    }

    /// The sums of both; packets one by one are left out.
    fn and(self, other: &Self) -> Self {
        Self {
            sent: [self.sent[0] + other.sent[0], self.sent[1] + other.sent[1]],
            came: [self.came[0] + other.came[0], self.came[1] + other.came[1]],
            bits: self.bits + other.bits,
            waits_ns: self.waits_ns + other.waits_ns,
            datagrams: self.datagrams + other.datagrams,
            deviations_ns: self.deviations_ns + other.deviations_ns,
            deviations: self.deviations + other.deviations,
            sound: Vec::new(),
        }
    }

    fn wait(&self) -> Duration {
        Duration::from_nanos(self.waits_ns.checked_div(self.datagrams).unwrap_or_default())
    }

    fn jitter(&self) -> Duration {
        Duration::from_nanos(self.deviations_ns.checked_div(self.deviations).unwrap_or_default())
    }

    fn loss(&self) -> Share {
        let of_kind = |kind: usize| Share::of(self.sent[kind].saturating_sub(self.came[kind]), self.sent[kind]);
        of_kind(0).max(of_kind(1))
    }
}

/// The levels for what lines did in a phase, up first. `windows` are those that are judged, of each direction.
pub(super) fn did<'a>(
    rules: &Rules,
    phase: &Phase,
    video_bps: Option<BitsPerSecond>,
    windows: impl Iterator<Item = &'a [Did; 2]> + Clone,
) -> [Level; 2] {
    let count = windows.clone().count() as u64;
    let sum = |way: usize| windows.clone().fold(Did::default(), |sum, window| sum.and(&window[way]));
    let lines = [&phase.up, &phase.down];
    let base = Duration::from_millis(phase.up.delay_ms + phase.down.delay_ms);
    let sums = [sum(0), sum(1)];
    let is_dead = sums.each_ref().map(|sum| sum.datagrams == 0);
    let of = |way: usize, silent: bool| {
        // Where nothing comes down, nobody can say that anything went up.
        if is_dead[way] || is_dead[1] {
            return Level::Disconnected;
        }
        let mut window = Window { rtt: base + sums[way].wait(), ..Window::CLEAN };
        if !silent && count > 0 {
            window.jitter = sums[way].jitter();
            window.loss = sums[way].loss();
            window.target_bps = AUDIO_BPS + wanted(phase, video_bps);
            window.actual_bps = sums[way].bits / (SPAN.as_secs() * count);
            window.freeze = if way == 1 { freeze(lines[way], video_bps) } else { Duration::ZERO };
        }
        appraise(rules, &window).level
    };
    [of(0, phase.up_muted), of(1, phase.down_paused)]
}

/// The levels for what lines were set to do in a phase, up first.
pub(super) fn set(rules: &Rules, phase: &Phase, video_bps: Option<BitsPerSecond>) -> [Level; 2] {
    let base = Duration::from_millis(phase.up.delay_ms + phase.down.delay_ms);
    let of = |line: &Line, way: usize, silent: bool| {
        if line.dead || phase.down.dead {
            return Level::Disconnected;
        }
        let (delay, jitter) = probe(line);
        let hold_ms = line.hold_ms;
        // Whatever comes during a hold waits for half of it.
        let held = Duration::from_micros(hold_ms * hold_ms * 500) / 2000;
        let mut window = Window { rtt: (base + delay + held).saturating_sub(Duration::from_millis(line.delay_ms)), ..Window::CLEAN };
        if !silent {
            window.jitter = jitter;
            window.loss = lost_for_good(line);
            window.target_bps = AUDIO_BPS + wanted(phase, video_bps);
            // What a line of 100 % carries was reckoned with the whole of the video.
            let carried = line.capacity_pct.map_or(100, |pct| (u64::from(pct) * 100 / u64::from(phase.wanted_pct)).min(100));
            window.actual_bps = window.target_bps * carried / 100;
            window.freeze = if way == 1 { freeze(line, video_bps) } else { Duration::ZERO };
        }
        appraise(rules, &window).level
    };
    [of(&phase.up, 0, phase.up_muted), of(&phase.down, 1, phase.down_paused)]
}

/// The level of a direction without any fault of its own.
pub(super) fn clean(rules: &Rules, phase: &Phase) -> Level {
    let rtt = Duration::from_millis(phase.up.delay_ms + phase.down.delay_ms);
    appraise(rules, &Window { rtt, ..Window::CLEAN }).level
}

fn wanted(phase: &Phase, video_bps: Option<BitsPerSecond>) -> BitsPerSecond {
    video_bps.map_or(0, |bps| bps * u64::from(phase.wanted_pct) / 100)
}

/// How long pictures stand still in each window. From the last picture before a hold to the first one after it, up to a picture's time more than the hold, is a freeze if it is 150 ms more than usual.
fn freeze(line: &Line, video_bps: Option<BitsPerSecond>) -> Duration {
    if video_bps.is_some() && line.hold_ms > 150 { Duration::from_millis(line.hold_ms) } else { Duration::ZERO }
}

/// Of sound, which fares worst: pictures are repaired.
fn lost_for_good(line: &Line) -> Share {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a billion")]
    let lost_ppb = (line.loss.rate() * 1e9 + 0.5) as u64;
    Share::of(lost_ppb, 1_000_000_000)
}

/// The mean delay of packets of sound, and RFC 3550's jitter of them: the mean difference of two neighbours.
fn probe(line: &Line) -> (Duration, Duration) {
    let config = LinkConfig {
        loss: Loss::None,
        capacity: Capacity::unlimited(),
        queue: Queue::DropTail(QueueLimit::Unlimited),
        outages: Vec::new(),
        holds: Vec::new(),
        ..line.link(Instant::ZERO, 0, None)
    };
    if config.jitter.is_none() {
        return (config.delay, Duration::ZERO);
    }
    let mut probe = Link::new(config, 0, "probe");
    let (mut sum, mut deviations, mut before) = (Duration::ZERO, Duration::ZERO, None::<Duration>);
    for packet in 0..PROBES {
        let sent = Instant::from_millis(packet * 20);
        let Verdict::Deliver { at } = probe.offer(sent, AUDIO_BYTES) else { unreachable!("nothing is lost on it") };
        let took = at.saturating_since(sent);
        sum += took;
        deviations += before.replace(took).map_or(Duration::ZERO, |before| before.abs_diff(took));
    }
    let count = u32::try_from(PROBES).expect("few enough");
    (sum / count, deviations / (count - 1))
}
