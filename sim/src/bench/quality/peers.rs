//! Other products' scores, restated from their sources, so that ours can be held against them on the same windows. Each is mapped to levels 1 to 5 by its own categories.
//!
//! - **LiveKit** (livekit/livekit, `pkg/sfu/connectionquality/scorer.go`): the least of a score for packets and one for the rate; a worse one counts with 80 %, a better one with 40 %, and it falls no lower than
//!   30. Above 80 is excellent, above 40 good, above 20 poor, the rest lost: levels 1, 2, 4 and 5.
//! - **Jitsi** (jitsi/lib-jitsi-meet, `modules/connectivity/ConnectionQuality.ts`): a table of loss, falling at once and rising by two points a second; with video, the rate against its target too. Its five
//!   steps are levels 1 to 5.
//! - **Twilio** (twilio/twilio-video.js, `lib/preflight/mos.ts` and the network quality level): a mean opinion score of one sample, 5 above 4.2, 4 above 4.0, 3 above 3.6, 2 above 3: level 1 for its 5.

use greenroom_core::quality::{Level, Reading, Window};

/// A score of somebody else's, over time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Other {
    /// With its score.
    LiveKit(f64),
    /// With its percentage.
    Jitsi(f64),
    Twilio,
}

/// LiveKit's weight of loss: Opus without error correction, and video.
const OPUS_WEIGHT: f64 = 8.0;
const VIDEO_WEIGHT: f64 = 10.0;
/// Its factors, and the floor.
const FALL: f64 = 0.8;
const RISE: f64 = 0.4;
const FLOOR: f64 = 30.0;
/// By how many points Jitsi's percentage rises in a second.
const JITSI_RISE: f64 = 2.0;

impl Other {
    /// The level after one more window; the one before where nothing was measured.
    pub(super) fn update(&mut self, before: Level, reading: &Reading, has_video: bool) -> Level {
        let window = match reading {
            Reading::Measured(window) => window,
            Reading::Unmeasured => return before,
            Reading::Disconnected => return Level::Disconnected,
        };
        match self {
            Self::LiveKit(score) => {
                let weight = if has_video { VIDEO_WEIGHT } else { OPUS_WEIGHT };
                let packets = livekit_packets(loss_pct(window), ms(window.rtt), ms(window.jitter), weight);
                let now = packets.min(livekit_rate(window.target_bps, window.actual_bps));
                let factor = if now < *score { FALL } else { RISE };
                *score = (factor * now + (1.0 - factor) * *score).max(FLOOR);
                livekit_level(*score)
            }
            Self::Jitsi(percent) => {
                let mut now = jitsi_loss(loss_pct(window));
                if has_video && window.target_bps > 0 {
                    #[expect(clippy::cast_precision_loss, reason = "rates")]
                    let share = window.actual_bps as f64 / window.target_bps as f64;
                    let by_rate = (100.0 * share).min(100.0);
                    now = if loss_pct(window) >= 10.0 { by_rate.min(30.0) } else { by_rate };
                }
                *percent = now.min(*percent + JITSI_RISE * window.span.as_secs_f64());
                jitsi_level(*percent)
            }
            Self::Twilio => twilio_level(twilio_mos(ms(window.rtt), ms(window.jitter), loss_pct(window))),
        }
    }
}

fn loss_pct(window: &Window) -> f64 {
    f64::from(window.loss.billionths()) / 1e7
}

fn ms(span: core::time::Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// 100 less the cost of delay and loss.
fn livekit_packets(loss_pct: f64, rtt_ms: f64, jitter_ms: f64, weight: f64) -> f64 {
    let delay_ms = rtt_ms / 2.0 + 2.0 * jitter_ms;
    let by_delay = if delay_ms > 160.0 { (delay_ms - 120.0) / 10.0 } else { delay_ms / 40.0 };
    (100.0 - by_delay - loss_pct * weight).max(0.0)
}

/// 100 less 20 for each time that the rate is e times too low.
#[expect(clippy::cast_precision_loss, reason = "rates")]
fn livekit_rate(expected: u64, actual: u64) -> f64 {
    match (expected, actual) {
        (0, _) => 100.0,
        (_, 0) => 0.0,
        (expected, actual) => (100.0 - 20.0 * libm::log(expected as f64 / actual as f64)).clamp(0.0, 100.0),
    }
}

fn livekit_level(score: f64) -> Level {
    match score {
        score if score > 80.0 => Level::Excellent,
        score if score > 40.0 => Level::Good,
        score if score > 20.0 => Level::Poor,
        _ => Level::VeryPoor,
    }
}

fn jitsi_loss(loss_pct: f64) -> f64 {
    let steps = [(2.0, 100.0), (4.0, 70.0), (6.0, 50.0), (8.0, 30.0), (12.0, 10.0)];
    steps.iter().find(|(most, _)| loss_pct <= *most).map_or(0.0, |(_, percent)| *percent)
}

/// The steps of the table are the levels; what lies between two of them counts as the one that it has reached.
fn jitsi_level(percent: f64) -> Level {
    match percent {
        percent if percent > 70.0 => Level::Excellent,
        percent if percent > 50.0 => Level::Good,
        percent if percent > 30.0 => Level::Fair,
        percent if percent > 10.0 => Level::Poor,
        _ => Level::VeryPoor,
    }
}

fn twilio_mos(rtt_ms: f64, jitter_ms: f64, loss_pct: f64) -> f64 {
    let latency_ms = rtt_ms + 2.0 * jitter_ms + 10.0;
    let by_delay = match latency_ms {
        ms if ms < 160.0 => ms / 40.0,
        ms if ms < 1000.0 => (ms - 120.0) / 10.0,
        _ => 94.768,
    };
    let r = 94.768 - by_delay;
    let r = if loss_pct <= r / 2.5 { (r - 2.5 * loss_pct).max(6.52) } else { 6.52 };
    1.0 + 0.035 * r + 0.000_007 * r * (r - 60.0) * (100.0 - r)
}

fn twilio_level(mos: f64) -> Level {
    match mos {
        mos if mos > 4.2 => Level::Excellent,
        mos if mos > 4.0 => Level::Good,
        mos if mos > 3.6 => Level::Fair,
        mos if mos > 3.0 => Level::Poor,
        _ => Level::VeryPoor,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The cases that the core's tests have, of other products.
    fn cases(kind: &str) -> Vec<Value> {
        let all: Value = serde_json::from_str(include_str!("../../../../core/tests/data/quality.json")).unwrap();
        let of_kind: Vec<Value> = all["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == kind).cloned().collect();
        assert!(!of_kind.is_empty(), "no case of {kind}");
        of_kind
    }

    fn number(value: &Value) -> f64 {
        value.as_f64().unwrap_or(0.0)
    }

    #[test]
    fn twilio_scores_as_in_its_own_tests() {
        for case in cases("twilio_mos") {
            let mos = twilio_mos(number(&case["rtt_ms"]), number(&case["jitter_ms"]), number(&case["loss_pct"]));
            assert!((mos - number(&case["mos"])).abs() < 1e-5, "{mos} {case}");
            assert_eq!(u64::from(6 - twilio_level(mos).number()), case["score"].as_u64().unwrap(), "{case}");
        }
    }

    #[test]
    fn jitsi_has_its_table() {
        for case in cases("jitsi_loss_only") {
            assert!((jitsi_loss(number(&case["loss_pct"])) - number(&case["quality_pct"])).abs() < 1e-9, "{case}");
        }
    }

    #[test]
    fn livekit_scores_packets_and_rates() {
        for case in cases("livekit_packet_score") {
            let stat = &case["stat"];
            let loss_pct = 100.0 * number(&stat["lost"]) / number(&stat["packets"]);
            let score = livekit_packets(loss_pct, number(&stat["rtt_ms"]), number(&stat["jitter_us"]) / 1e3, number(&case["loss_weight"]));
            assert!((score - number(&case["score"])).abs() < 1e-6, "{score} {case}");
        }
        for case in cases("livekit_bitrate_score") {
            let score = livekit_rate(case["expected_bits"].as_u64().unwrap(), case["bytes"].as_u64().unwrap() * 8);
            assert!((score - number(&case["score"])).abs() < 1e-5, "{score} {case}");
        }
    }

    #[test]
    fn livekit_smooths_as_in_its_own_tests() {
        for case in cases("livekit_loss").iter().filter(|case| case["codec"] == "opus" && case["fec"] == false) {
            let (mut other, mut level) = (Other::LiveKit(100.0), Level::Unknown);
            for step in case["steps"].as_array().unwrap() {
                let loss = greenroom_core::quality::Share::of(step["lost"].as_u64().unwrap(), step["packets"].as_u64().unwrap());
                level = other.update(level, &Reading::Measured(Window { loss, ..Window::CLEAN }), false);
                let Other::LiveKit(score) = other else { unreachable!("it stays LiveKit's") };
                assert!((score - number(&step["score"])).abs() < 1e-6, "{score} {step}");
                let named = match step["quality"].as_str().unwrap() {
                    "EXCELLENT" => Level::Excellent,
                    "GOOD" => Level::Good,
                    "POOR" => Level::Poor,
                    _ => Level::VeryPoor,
                };
                assert_eq!(level, named, "{step}");
            }
        }
    }
}
