//! What is true of a line: the level that the scorer's thresholds give for what the line was set to do, which only a simulator knows.
//!
//! - **Loss** is the share that the line was set to lose, of the packets that nobody sends again: of sound, all that are lost; of pictures none, as they are repaired. It is the closed form of the model
//!   of loss, not what chance made of it.
//! - **The round trip** is the mean delay of both lines, jitter included.
//! - **Jitter** is RFC 3550's, of sound on that line alone, without any media transport: the line is asked about 20,000 packets, 20 ms apart.
//! - **The rate** is what the capacity lets through of what media needs on the wire.

use core::time::Duration;

use greenroom_core::{
    quality::{Level, Rules, Share, Window, appraise},
    stream::BitsPerSecond,
    time::Instant,
};

use super::case::{AUDIO_BPS, AUDIO_BYTES, AUDIO_PPS, Line, Phase, video_pps};
use crate::net::{
    capacity::Capacity,
    link::{Link, LinkConfig, Queue, QueueLimit, Verdict},
    loss::Loss,
};

/// Packets that a line is asked about: the mean of so many differences of two uniform delays is off by half a per cent.
const PROBES: u64 = 20_000;

/// The levels of both directions, up first.
pub(super) fn levels(rules: &Rules, phase: &Phase, video_bps: Option<BitsPerSecond>) -> [Level; 2] {
    let wanted = video_bps.map(|bps| bps * u64::from(phase.wanted_pct) / 100);
    let [(up_delay, up_jitter), (down_delay, down_jitter)] = [&phase.up, &phase.down].map(probe);
    let of = |line: &Line, jitter, silent: bool| {
        let mut window = Window { rtt: up_delay + down_delay, ..Window::CLEAN };
        if !silent {
            window.jitter = jitter;
            window.loss = lost_for_good(line, wanted);
            window.target_bps = AUDIO_BPS + wanted.unwrap_or(0);
            // What a line of 100 % carries was reckoned with the whole of the video.
            let carried = line.capacity_pct.map_or(100, |pct| u64::from(pct).min(100));
            window.actual_bps = window.target_bps * carried / 100;
        }
        appraise(rules, &window).level
    };
    [of(&phase.up, up_jitter, phase.up_muted), of(&phase.down, down_jitter, phase.down_paused)]
}

fn lost_for_good(line: &Line, video_bps: Option<BitsPerSecond>) -> Share {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a billion")]
    let lost_ppb = (line.loss.rate() * 1e9 + 0.5) as u64;
    let all = AUDIO_PPS + video_bps.map_or(0, video_pps);
    Share::of(lost_ppb * AUDIO_PPS, 1_000_000_000 * all)
}

/// The mean delay of packets of sound, and RFC 3550's jitter of them: the mean difference of two neighbours.
fn probe(line: &Line) -> (Duration, Duration) {
    let config = LinkConfig {
        loss: Loss::None,
        capacity: Capacity::unlimited(),
        queue: Queue::DropTail(QueueLimit::Unlimited),
        outages: Vec::new(),
        ..line.link(Instant::ZERO, None)
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
