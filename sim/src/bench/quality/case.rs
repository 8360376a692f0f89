//! The grid: what is wrong with the lines of each call, and when.

use core::time::Duration;

use crate::net::{
    capacity::Capacity,
    jitter::Jitter,
    link::{LinkConfig, Outage, Queue, QueueLimit, UDP_IPV4_OVERHEAD_BYTES},
    loss::Loss,
};
use greenroom_core::{stream::BitsPerSecond, time::Instant};

/// One call of the grid.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name: the family, and what is wrong.
    pub name: String,
    /// Which part of the grid it belongs to.
    pub family: Family,
    /// In which directions something is wrong.
    pub fault: Fault,
    /// The rate of the video that both ends publish; none for a call of voices alone.
    pub video_bps: Option<BitsPerSecond>,
    /// What happens, one after the other.
    pub phases: Vec<Phase>,
}

/// A part of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Loss, round trip and jitter of a call of voices.
    Voice,
    /// The same loss where video is repaired beside the voice.
    Repair,
    /// Capacity against demand.
    Capacity,
    /// Loss in bursts.
    Burst,
    /// A line that holds everything back now and then, and loses nothing.
    Freeze,
    /// An encoder that needs less than it may.
    Limited,
    /// Media that is muted, or paused by its receiver.
    Silence,
    /// From one network to another.
    Handover,
    /// A line that carries nothing at all for a while.
    Outage,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::Voice, Self::Repair, Self::Capacity, Self::Burst, Self::Freeze, Self::Limited, Self::Silence, Self::Handover, Self::Outage];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voice => "loss, round trip, jitter",
            Self::Repair => "loss that is repaired",
            Self::Capacity => "capacity",
            Self::Burst => "bursts of loss",
            Self::Limited => "application-limited",
            Self::Silence => "mute and pause",
            Self::Freeze => "held back",
            Self::Handover => "handover",
            Self::Outage => "outage",
        }
    }
}

/// The directions in which something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
    /// In both.
    Both,
}

impl Fault {
    const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Both];

    const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
        }
    }
}

/// A stretch of a call in which nothing changes.
#[derive(Clone, Debug)]
pub struct Phase {
    /// How many windows it lasts.
    pub windows: u32,
    /// The way to the server.
    pub up: Line,
    /// The way from it.
    pub down: Line,
    /// Whether what the client sends is muted.
    pub up_muted: bool,
    /// Whether what it receives is paused.
    pub down_paused: bool,
    /// The share of the video's rate that encoders have use for, in per cent.
    pub wanted_pct: u8,
}

/// One direction of the line, as it is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// How packets are lost.
    pub loss: Loss,
    /// One way, in milliseconds.
    pub delay_ms: u64,
    /// At most this much is added to each packet's delay, all values alike.
    pub jitter_ms: u64,
    /// What it carries, of what media and its headers need, in per cent; none is no limit.
    pub capacity_pct: Option<u8>,
    /// How long it carries nothing at the beginning.
    pub gap_ms: u64,
    /// How long it holds everything back in each window.
    pub hold_ms: u64,
    /// Whether it carries nothing at all.
    pub dead: bool,
}

/// Twenty windows of two seconds: enough to see seventeen once a level had time to be right.
const WINDOWS: u32 = 20;
/// A window of every scorer.
pub(super) const SPAN: Duration = Duration::from_secs(2);
/// From the beginning of a window to when the line holds back, so that a hold ends in the window in which it began.
const HOLD_AFTER: Duration = Duration::from_millis(500);
/// Windows of an outage: ten seconds, which a connection survives whenever its last check was.
const OUTAGE_WINDOWS: u32 = 5;
/// Bytes of one packet of sound's payload: 20 ms at 32 kbit/s.
pub(super) const AUDIO_BYTES: u32 = 80;
/// How many a second.
pub(super) const AUDIO_PPS: u64 = 50;
/// The rate of sound.
pub(super) const AUDIO_BPS: BitsPerSecond = AUDIO_BYTES as u64 * 8 * AUDIO_PPS;
/// Pictures a second.
pub(super) const FPS: u64 = 30;
/// Most bytes of a packet of video's payload.
pub(super) const VIDEO_BYTES: u32 = 1_100;
/// What SRTP and its header extensions add to a packet of sound and to one of video, and UDP and IP to both.
const AUDIO_OVERHEAD: u64 = 40 + UDP_IPV4_OVERHEAD_BYTES as u64;
const VIDEO_OVERHEAD: u64 = 44 + UDP_IPV4_OVERHEAD_BYTES as u64;
/// The rate of the video in calls that have one.
const VIDEO_BPS: BitsPerSecond = 1_000_000;

/// What media of that video rate needs on the wire.
pub(super) fn wire_bps(video_bps: Option<BitsPerSecond>) -> BitsPerSecond {
    let audio = (u64::from(AUDIO_BYTES) + AUDIO_OVERHEAD) * 8 * AUDIO_PPS;
    let video = video_bps.map_or(0, |bps| bps + video_pps(bps) * VIDEO_OVERHEAD * 8);
    audio + video
}

/// Packets a second of video at that rate.
pub(super) fn video_pps(bps: BitsPerSecond) -> u64 {
    let picture_bytes = bps / 8 / FPS;
    picture_bytes.div_ceil(VIDEO_BYTES.into()) * FPS
}

impl Line {
    const fn clean(delay_ms: u64) -> Self {
        Self { loss: Loss::None, delay_ms, jitter_ms: 0, capacity_pct: None, gap_ms: 0, hold_ms: 0, dead: false }
    }

    /// The same before anything is wrong with it but its length and its jitter.
    pub(super) fn settling(&self) -> Self {
        Self { delay_ms: self.delay_ms, jitter_ms: self.jitter_ms, ..Self::clean(0) }
    }

    /// The link that is such a line from `start` on for so many windows, under that media.
    pub(super) fn link(&self, start: Instant, windows: u32, video_bps: Option<BitsPerSecond>) -> LinkConfig {
        let capacity = self.capacity_pct.map(|pct| wire_bps(video_bps) * u64::from(pct) / 100);
        let end = start.saturating_add(SPAN * windows);
        let none_until = if self.dead { end } else { start.saturating_add(Duration::from_millis(self.gap_ms)) };
        let outages = if none_until > start { vec![Outage { from: start, to: none_until }] } else { Vec::new() };
        let hold = |window: u32| {
            let from = start.saturating_add(SPAN * window + HOLD_AFTER);
            Outage { from, to: from.saturating_add(Duration::from_millis(self.hold_ms)) }
        };
        LinkConfig {
            capacity: capacity.map_or_else(Capacity::unlimited, Capacity::constant),
            // A tenth of a second at the capacity: room for a picture, and no bufferbloat, which would be another fault than the one that is tried.
            queue: Queue::DropTail(capacity.map_or(QueueLimit::Unlimited, |bps| QueueLimit::Bytes(bps / 80))),
            delay: Duration::from_millis(self.delay_ms),
            jitter: Jitter::up_to(Duration::from_millis(self.jitter_ms)),
            loss: self.loss,
            outages,
            holds: if self.hold_ms == 0 { Vec::new() } else { (0..windows).map(hold).collect() },
            ..LinkConfig::default()
        }
    }
}

impl Phase {
    fn clean(rtt_ms: u64) -> Self {
        let line = Line::clean(rtt_ms / 2);
        Self { windows: WINDOWS, up: line, down: line, up_muted: false, down_paused: false, wanted_pct: 100 }
    }

    /// The same with something wrong.
    fn with(rtt_ms: u64, fault: Fault, wrong: impl Fn(&mut Line)) -> Self {
        let mut phase = Self::clean(rtt_ms);
        if fault != Fault::Down {
            wrong(&mut phase.up);
        }
        if fault != Fault::Up {
            wrong(&mut phase.down);
        }
        phase
    }
}

fn percent(pct: u32) -> Loss {
    if pct == 0 { Loss::None } else { Loss::independent(pct * 10_000_000) }
}

/// The whole grid.
pub fn grid() -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in Fault::ALL {
        for rtt in [40, 200, 300, 400, 500, 600] {
            for loss in [0, 1, 3, 6, 10, 20, 30] {
                for jitter in [0, 30, 100] {
                    // Without loss and jitter nothing is wrong in one direction only.
                    if loss == 0 && jitter == 0 && fault != Fault::Both {
                        continue;
                    }
                    let phase = Phase::with(rtt, fault, |line| (line.loss, line.jitter_ms) = (percent(loss), jitter));
                    let name = format!("voice: rtt {rtt} ms, {}: loss {loss} %, jitter {jitter} ms", fault.name());
                    cases.push(Case { name, family: Family::Voice, fault, video_bps: None, phases: vec![phase] });
                }
            }
        }
        for rtt in [40, 200] {
            for loss in [3, 10, 20] {
                let phase = Phase::with(rtt, fault, |line| line.loss = percent(loss));
                let name = format!("repair: rtt {rtt} ms, {}: loss {loss} %", fault.name());
                cases.push(Case { name, family: Family::Repair, fault, video_bps: Some(VIDEO_BPS), phases: vec![phase] });
            }
            for capacity in [150, 85, 70, 60, 50, 30] {
                let phase = Phase::with(rtt, fault, |line| line.capacity_pct = Some(capacity));
                let name = format!("capacity: rtt {rtt} ms, {}: {capacity} % of the demand", fault.name());
                let phases = vec![Phase::clean(rtt), phase];
                cases.push(Case { name, family: Family::Capacity, fault, video_bps: Some(VIDEO_BPS), phases });
            }
            for (loss, burst) in [(3, 4), (6, 2), (10, 4), (15, 4), (20, 8), (30, 8)] {
                // Gilbert's chain with that share of losses, and runs of that mean.
                let leave_ppb = 1_000_000_000 / burst;
                let gilbert = Loss::Gilbert { enter_ppb: leave_ppb * loss / (100 - loss), leave_ppb };
                let phase = Phase::with(rtt, fault, |line| line.loss = gilbert);
                let name = format!("burst: rtt {rtt} ms, {}: loss {loss} %, {burst} at a time", fault.name());
                cases.push(Case { name, family: Family::Burst, fault, video_bps: None, phases: vec![phase] });
            }
            for hold in [100, 250, 350, 500, 1_000] {
                let phase = Phase::with(rtt, fault, |line| line.hold_ms = hold);
                let name = format!("held back: rtt {rtt} ms, {}: {hold} ms of every 2 s", fault.name());
                let phases = vec![Phase::clean(rtt), phase];
                cases.push(Case { name, family: Family::Freeze, fault, video_bps: Some(VIDEO_BPS), phases });
            }
            for (wanted_pct, capacity) in [(50, 75), (20, 45)] {
                let phase = Phase { wanted_pct, ..Phase::with(rtt, fault, |line| line.capacity_pct = Some(capacity)) };
                let name = format!("limited: rtt {rtt} ms, {}: encoders need {wanted_pct} %, the line has {capacity} %", fault.name());
                let phases = vec![Phase { wanted_pct, ..Phase::clean(rtt) }, phase];
                cases.push(Case { name, family: Family::Limited, fault, video_bps: Some(VIDEO_BPS), phases });
            }
        }
    }
    for rtt in [40, 300] {
        for wanted_pct in [50, 20, 5] {
            let phases = vec![Phase::clean(rtt), Phase { wanted_pct, ..Phase::clean(rtt) }, Phase::clean(rtt)];
            let name = format!("limited: rtt {rtt} ms, encoders need {wanted_pct} %");
            cases.push(Case { name, family: Family::Limited, fault: Fault::Both, video_bps: Some(VIDEO_BPS), phases });
        }
        for (up_muted, down_paused, what) in [(true, false, "muted"), (false, true, "paused"), (true, true, "muted and paused")] {
            for video_bps in [None, Some(VIDEO_BPS)] {
                let media = if video_bps.is_some() { "video" } else { "voice" };
                let silent = Phase { up_muted, down_paused, ..Phase::clean(rtt) };
                let name = format!("silence: rtt {rtt} ms, {what}, {media}");
                let phases = vec![Phase::clean(rtt), silent, Phase::clean(rtt)];
                cases.push(Case { name, family: Family::Silence, fault: Fault::Both, video_bps, phases });
                // What is silent loses nothing, whatever the line does.
                let lossy = Phase { up_muted, down_paused, ..Phase::with(rtt, Fault::Both, |line| line.loss = percent(20)) };
                let name = format!("silence: rtt {rtt} ms, {what}, {media}, and a fifth is lost");
                cases.push(Case { name, family: Family::Silence, fault: Fault::Both, video_bps, phases: vec![Phase::clean(rtt), lossy] });
            }
        }
        for (up, down, what) in [(true, false, "up"), (true, true, "both")] {
            for video_bps in [None, Some(VIDEO_BPS)] {
                let mut dead = Phase { windows: OUTAGE_WINDOWS, ..Phase::clean(rtt) };
                (dead.up.dead, dead.down.dead) = (up, down);
                let name = format!("outage: rtt {rtt} ms, {what}, {}", if video_bps.is_some() { "video" } else { "voice" });
                let phases = vec![Phase::clean(rtt), dead, Phase::clean(rtt)];
                let fault = if down { Fault::Both } else { Fault::Up };
                cases.push(Case { name, family: Family::Outage, fault, video_bps, phases });
            }
        }
        // Of a line that brings nothing, nobody knows whether it takes anything: both directions are gone.
        let mut dead = Phase { windows: OUTAGE_WINDOWS, ..Phase::clean(rtt) };
        dead.down.dead = true;
        let phases = vec![Phase::clean(rtt), dead, Phase::clean(rtt)];
        let name = format!("outage: rtt {rtt} ms, down, video");
        cases.push(Case { name, family: Family::Outage, fault: Fault::Both, video_bps: Some(VIDEO_BPS), phases });
    }
    for (from_rtt, to_rtt, gap_ms) in
        [(40, 80, 300), (40, 200, 0), (40, 300, 1_000), (40, 400, 2_000), (40, 600, 1_000), (200, 40, 500), (200, 500, 300), (400, 40, 0)]
    {
        for video_bps in [None, Some(VIDEO_BPS)] {
            let after = Phase::with(to_rtt, Fault::Both, |line| line.gap_ms = gap_ms);
            let media = if video_bps.is_some() { "video" } else { "voice" };
            let name = format!("handover: rtt {from_rtt} ms to {to_rtt} ms, nothing for {gap_ms} ms, {media}");
            let phases = vec![Phase::clean(from_rtt), after, Phase::clean(from_rtt)];
            cases.push(Case { name, family: Family::Handover, fault: Fault::Both, video_bps, phases });
        }
    }
    cases
}

/// A small grid, for a test that runs it whole.
pub fn small() -> Vec<Case> {
    let mut cases = Vec::new();
    for (fault, loss) in [(Fault::Up, 30), (Fault::Down, 30), (Fault::Both, 0)] {
        let phase = Phase { windows: 8, ..Phase::with(40, fault, |line| line.loss = percent(loss)) };
        let name = format!("voice: rtt 40 ms, {}: loss {loss} %, jitter 0 ms", fault.name());
        cases.push(Case { name, family: Family::Voice, fault, video_bps: None, phases: vec![phase] });
    }
    let silent = Phase { windows: 6, up_muted: true, ..Phase::clean(300) };
    let phases = vec![Phase { windows: 6, ..Phase::clean(300) }, silent];
    cases.push(Case {
        name: "silence: rtt 300 ms, muted, voice".to_owned(),
        family: Family::Silence,
        fault: Fault::Both,
        video_bps: None,
        phases,
    });
    cases
}
