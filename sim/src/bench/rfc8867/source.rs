//! What the senders encode: synthetic video after RFC 8593, and speech at a constant rate.
//!
//! RFC 8593 describes a live encoder by two random processes around what it was asked for: frames come every `t0` and have `B0 = R t0 / 8` bytes, both off by Laplacian noise; after an abrupt
//! change of the target one large frame (`K_B`) is followed by smaller ones, so that the mean over `K_d` frames is right. Figures are the document's, but for what RFC 8867 says otherwise: the
//! encoder reacts after 100 ms, and its rate over a second is within 5 % of the target. That bound is kept by a virtual buffer: what was encoded beyond the target, or short of it, never is more
//! than half of 5 % of a second, and of no window can then be more than the whole.
//!
//! Choices that the documents leave: the large frame scales with the rate (3.24 `B0`, the quotient of the document's example: 13.5 kB would be 700 ms of the lowest rate), and a change is
//! abrupt from a tenth of the rate on.

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use crate::random::Stream;

/// The encoder's lowest and highest rate (RFC 8867 section 4.3), of what it makes: headers come on top.
pub(super) const VIDEO_MIN_BPS: BitsPerSecond = 150_000;
/// See [`VIDEO_MIN_BPS`].
pub(super) const VIDEO_MAX_BPS: BitsPerSecond = 1_500_000;
/// How long the encoder takes to follow (RFC 8867 section 4.3).
const REACTION: Duration = Duration::from_millis(100);
/// Frames per second: the most of RFC 8867's range, and RFC 8593's.
pub(super) const FPS: u64 = 30;
/// Scale of both Laplacian distributions, as a share of the mean (RFC 8593 section 6).
const SCALE: f64 = 0.15;
/// Frames over which a burst is made good (RFC 8593's K_d).
const BURST_FRAMES: u32 = 8;
/// Size of a burst's first frame as a multiple of the usual one: 13,500 B by 4170 B (RFC 8593 section 6).
const BURST_FACTOR: f64 = 13_500.0 / 4170.0;
/// A change of the target that is abrupt. A choice: see above.
const ABRUPT: f64 = 0.10;
/// How far the virtual buffer may be off, as a share of what the target makes in a second: half of RFC 8867's variation of 5 %.
const SLACK: f64 = 0.025;

/// Speech: 20 kbps in packets of 20 ms (RFC 8867 section 4.3; the packet time is a choice: that of browsers).
pub(super) const AUDIO_BYTES: u32 = 50;
/// Time from one packet of speech to the next.
pub(super) const AUDIO_INTERVAL: Duration = Duration::from_millis(20);

/// A synthetic encoder.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    sizes: Stream,
    gaps: Stream,
    /// Targets that it was given and follows from some instant on.
    asked: VecDeque<(Instant, BitsPerSecond)>,
    target_bps: BitsPerSecond,
    next: Instant,
    last: Instant,
    /// Bytes encoded beyond the target.
    surplus: f64,
    /// Frames of a burst still to come, the large one included.
    burst: u32,
}

impl Encoder {
    /// An encoder whose first frame is at `now`, at the lowest rate.
    pub(super) fn new(now: Instant, seed: u64, name: &str) -> Self {
        Self {
            sizes: Stream::new(seed, name, "frame sizes"),
            gaps: Stream::new(seed, name, "frame intervals"),
            asked: VecDeque::new(),
            target_bps: VIDEO_MIN_BPS,
            next: now,
            last: now,
            surplus: 0.0,
            burst: 0,
        }
    }

    /// Asks for a rate. It is brought into the encoder's range, and followed in a while.
    pub(super) fn ask(&mut self, now: Instant, bps: BitsPerSecond) {
        self.asked.push_back((now.saturating_add(REACTION), bps.clamp(VIDEO_MIN_BPS, VIDEO_MAX_BPS)));
    }

    /// When the next frame is made.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// What it aims at.
    pub(super) fn target_bps(&self) -> BitsPerSecond {
        self.target_bps
    }

    /// After a rest: frames go on at `now`.
    pub(super) fn resume(&mut self, now: Instant) {
        self.next = now;
        self.last = now;
        self.surplus = 0.0;
    }

    /// Makes the frame that is due, and says how many bytes it has.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes of frames and times between them"
    )]
    pub(super) fn frame(&mut self, now: Instant) -> u32 {
        self.follow(now);
        let rate = self.target_bps as f64 / 8.0;
        let interval = 1.0 / FPS as f64;
        let usual = rate * interval;
        self.surplus -= rate * now.saturating_since(self.last).as_secs_f64();
        self.last = now;

        // Both draws are made for every frame, so that the n-th has the same luck whatever the target.
        let (size_noise, gap_noise) = (laplace(&mut self.sizes), laplace(&mut self.gaps));
        let wanted = match self.burst {
            0 => usual * (1.0 + SCALE * size_noise),
            BURST_FRAMES => usual * BURST_FACTOR,
            _ => usual * (f64::from(BURST_FRAMES) - BURST_FACTOR) / f64::from(BURST_FRAMES - 1),
        };
        let slack = SLACK * rate;
        let bytes = if self.burst > 0 { wanted } else { wanted.clamp(-slack - self.surplus, slack - self.surplus) }.max(MIN_FRAME);
        self.burst = self.burst.saturating_sub(1);
        let bytes = libm::round(bytes) as u32;
        self.surplus += f64::from(bytes);

        // No frame comes before half of the interval or after one and a half: a camera's clock is not that bad.
        let gap = interval * (1.0 + (SCALE * gap_noise).clamp(-0.5, 0.5));
        self.next = now.saturating_add(Duration::from_nanos(libm::round(gap * 1e9) as u64));
        bytes
    }

    #[expect(clippy::cast_precision_loss, reason = "rates far below 2^53")]
    fn follow(&mut self, now: Instant) {
        let before = self.target_bps;
        while self.asked.front().is_some_and(|(from, _)| *from <= now)
            && let Some((_, bps)) = self.asked.pop_front()
        {
            self.target_bps = bps;
        }
        let change = (self.target_bps as f64 - before as f64).abs() / before as f64;
        if change > ABRUPT && self.burst == 0 {
            self.burst = BURST_FRAMES;
            self.surplus = 0.0;
        }
    }
}

/// The smallest frame, in bytes: a descriptor and something behind it. A choice.
const MIN_FRAME: f64 = 40.0;

/// A number of the Laplacian distribution with mean 0 and scale 1.
fn laplace(stream: &mut Stream) -> f64 {
    let u = stream.unit() - 0.5;
    libm::copysign(libm::log(1.0 - 2.0 * u.abs()), u)
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "rates and counts far below 2^53")]
mod tests {
    use super::*;

    /// Frames of so many seconds: when, and how large.
    fn frames(encoder: &mut Encoder, until: Instant) -> Vec<(Instant, u32)> {
        let mut made = Vec::new();
        while encoder.next() < until {
            let now = encoder.next();
            made.push((now, encoder.frame(now)));
        }
        made
    }

    fn rate(frames: &[(Instant, u32)], from: u64, to: u64) -> f64 {
        let within = frames.iter().filter(|(at, _)| (Instant::from_secs(from)..Instant::from_secs(to)).contains(at));
        within.map(|(_, bytes)| f64::from(*bytes)).sum::<f64>() * 8.0 / (to - from) as f64
    }

    #[test]
    fn any_second_is_within_a_frame_of_five_percent_of_the_target() {
        for bps in [VIDEO_MIN_BPS, 600_000, VIDEO_MAX_BPS] {
            let mut encoder = Encoder::new(Instant::ZERO, 1, "s1");
            encoder.ask(Instant::ZERO, bps);
            let made = frames(&mut encoder, Instant::from_secs(60));
            for second in 2..59 {
                let off = rate(&made, second, second + 1) / bps as f64 - 1.0;
                // The window may hold one frame more or less than a second does.
                assert!(off.abs() <= 0.05 + 1.5 / FPS as f64, "{bps} at {second}: {off}");
            }
            let mean = rate(&made, 2, 60) / bps as f64;
            assert!((0.995..1.005).contains(&mean), "{bps}: {mean}");
        }
    }

    #[test]
    fn it_follows_a_tenth_of_a_second_later_with_a_burst_that_is_made_good() {
        let mut encoder = Encoder::new(Instant::ZERO, 3, "s1");
        frames(&mut encoder, Instant::from_secs(5));
        encoder.ask(Instant::from_secs(5), 1_000_000);
        assert_eq!(frames(&mut encoder, Instant::from_millis(5099)).last().map(|_| encoder.target_bps()), Some(VIDEO_MIN_BPS));
        let made = frames(&mut encoder, Instant::from_millis(5600));
        assert_eq!(encoder.target_bps(), 1_000_000);
        let large = made.iter().position(|(_, bytes)| *bytes > 12_000).expect("a burst");
        let burst = &made[large..large + 8];
        let bytes: u32 = burst.iter().map(|(_, bytes)| bytes).sum();
        assert!((33_300..33_400).contains(&bytes), "eight frames of 4167 bytes, not {bytes}");
    }

    #[test]
    fn what_is_asked_for_is_brought_into_the_range() {
        let mut encoder = Encoder::new(Instant::ZERO, 3, "s1");
        encoder.ask(Instant::ZERO, 9_000_000);
        frames(&mut encoder, Instant::from_secs(1));
        assert_eq!(encoder.target_bps(), VIDEO_MAX_BPS);
        encoder.ask(Instant::from_secs(1), 0);
        frames(&mut encoder, Instant::from_secs(2));
        assert_eq!(encoder.target_bps(), VIDEO_MIN_BPS);
    }
}
