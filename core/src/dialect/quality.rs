//! Network quality in JSON: windows as a story or a recording has them, and the reasons as notices tell them. Both dialects read and write them alike, because neither vendor prints either.

use alloc::{format, string::String};
use core::time::Duration;

use serde_json::{Value, json};

use super::Refused;
use crate::{
    limits,
    quality::{Reading, Reason, Share, Verdict, Window, span_of_ms},
    session,
    stream::BitsPerSecond,
};

/// What a field of a window holds that it cannot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrongField {
    /// Its path from the window on; empty for the window itself.
    pub at: &'static str,
    /// What was expected there.
    pub expected: &'static str,
}

const MS: &str = "a number of milliseconds, not negative";
const BPS: &str = "a number of bits per second, not negative";
const FLAG: &str = "true or false";
/// Every field of a window.
const FIELDS: [&str; 9] = ["rtt_ms", "jitter_ms", "loss_pct", "target_bps", "actual_bps", "freeze_ms", "muted", "no_data", "disconnected"];

/// Reads one direction's window. What is absent or null is as in a clean one, and an actual rate that is absent is the target's; `muted` leaves out what media says, `no_data` and `disconnected` everything. Fields
/// that are not known are ignored. Loss is taken to the nearest of 0 and 100 per cent; other negative values are refused, and so is what is no number.
pub fn reading(value: &Value, span: Duration) -> Result<Reading, WrongField> {
    let object = value.as_object().ok_or(WrongField { at: "", expected: "an object" })?;
    let field = |name: &str| object.get(name).filter(|value| !value.is_null());
    let flag = |at| field(at).map_or(Ok(false), |value| value.as_bool().ok_or(WrongField { at, expected: FLAG }));
    let ms = |at| field(at).map_or(Ok(Duration::ZERO), |value| value.as_f64().and_then(span_of_ms).ok_or(WrongField { at, expected: MS }));
    let bps = |at| field(at).map(|value| rate(value).ok_or(WrongField { at, expected: BPS })).transpose();
    let loss = field("loss_pct").map(|value| value.as_f64().and_then(Share::from_percent));
    let loss = loss.map_or(Some(Share::NONE), |read| read).ok_or(WrongField { at: "loss_pct", expected: "a number of per cent" })?;
    let target_bps = bps("target_bps")?.unwrap_or(0);
    let window = Window {
        span,
        rtt: ms("rtt_ms")?,
        jitter: ms("jitter_ms")?,
        loss,
        target_bps,
        actual_bps: bps("actual_bps")?.unwrap_or(target_bps),
        freeze: ms("freeze_ms")?,
    };
    let (muted, no_data, disconnected) = (flag("muted")?, flag("no_data")?, flag("disconnected")?);
    Ok(match () {
        () if disconnected => Reading::Disconnected,
        () if no_data => Reading::Unmeasured,
        () if muted => Reading::Measured(window.without_media()),
        () => Reading::Measured(window),
    })
}

/// Reads the media input `window`: `{"up": {…}, "down": {…}}`, a window for each direction, clean where it is absent. Here, fields that are not known are refused: a story means what it says.
pub(super) fn window(args: &Value) -> Result<session::Input, Refused> {
    let bad = |at: String, expected| Refused::BadInput { name: "window".into(), at, expected };
    let object = args.as_object().ok_or_else(|| bad(String::new(), "an object"))?;
    if let Some(unknown) = object.keys().find(|name| !["up", "down"].contains(&name.as_str())) {
        return Err(bad(unknown.clone(), "up or down"));
    }
    let direction = |name: &'static str| {
        let Some(value) = object.get(name) else { return Ok(Reading::Measured(Window::CLEAN)) };
        let unknown = value.as_object().and_then(|fields| fields.keys().find(|field| !FIELDS.contains(&field.as_str())));
        if let Some(unknown) = unknown {
            let expected = "rtt_ms, jitter_ms, loss_pct, target_bps, actual_bps, freeze_ms, muted, no_data or disconnected";
            return Err(bad(format!("{name}.{unknown}"), expected));
        }
        reading(value, limits::QUALITY_WINDOW).map_err(|WrongField { at, expected }| {
            let at = if at.is_empty() { name.into() } else { format!("{name}.{at}") };
            bad(at, expected)
        })
    };
    Ok(session::Input::Window { up: direction("up")?, down: direction("down")? })
}

/// The reasons of both directions: `{"uplink": {"level": 4, "reason": "loss", "lossPpm": 200000}, "downlink": …}`.
pub(super) fn reasons(up: Verdict, down: Verdict) -> Value {
    json!({ "uplink": reason(up), "downlink": reason(down) })
}

fn reason(verdict: Verdict) -> Value {
    let mut told = json!({ "level": verdict.level.number(), "reason": verdict.reason.name() });
    match verdict.reason {
        Reason::Clear | Reason::Unmeasured | Reason::Disconnected => {}
        Reason::Loss(share) => told["lossPpm"] = share.millionths().into(),
        Reason::Delay { rtt_us } => told["rttUs"] = rtt_us.into(),
        Reason::Jitter { jitter_us } => told["jitterUs"] = jitter_us.into(),
        Reason::Rate(share) => told["ratePpm"] = share.millionths().into(),
        Reason::Freeze(share) => told["freezePpm"] = share.millionths().into(),
    }
    told
}

/// A rate, rounded down. One that a float writes, as `1e6`, counts as what it is.
fn rate(value: &Value) -> Option<BitsPerSecond> {
    let float = || value.as_f64().filter(|bps| *bps >= 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative, and `as` saturates")]
    value.as_u64().or_else(|| float().map(|bps| bps as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(args: Value) -> String {
        match window(&args) {
            Err(Refused::BadInput { name, at, expected }) if name == "window" && !expected.is_empty() => at,
            other => panic!("{args}: {other:?}"),
        }
    }

    #[test]
    fn what_is_absent_is_clean() {
        let clean = || Reading::Measured(Window::CLEAN);
        assert_eq!(window(&json!({})), Ok(session::Input::Window { up: clean(), down: clean() }));
        let args = json!({ "down": { "loss_pct": 20, "rtt_ms": 40.5, "target_bps": 1e6, "muted": null } });
        let lossy = Window {
            loss: Share::percent(20),
            rtt: Duration::from_micros(40_500),
            target_bps: 1_000_000,
            actual_bps: 1_000_000,
            ..Window::CLEAN
        };
        assert_eq!(window(&args), Ok(session::Input::Window { up: clean(), down: Reading::Measured(lossy) }));
        let muted = json!({ "up": { "muted": true, "loss_pct": 100, "target_bps": 9, "actual_bps": 0, "freeze_ms": 7 }, "down": { "no_data": true } });
        assert_eq!(window(&muted), Ok(session::Input::Window { up: clean(), down: Reading::Unmeasured }));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        assert_eq!(at(json!([])), "");
        assert_eq!(at(json!({ "left": {} })), "left");
        assert_eq!(at(json!({ "up": 3 })), "up");
        assert_eq!(at(json!({ "up": { "rtt": 3 } })), "up.rtt");
        assert_eq!(at(json!({ "down": { "rtt_ms": -1 } })), "down.rtt_ms");
        assert_eq!(at(json!({ "down": { "jitter_ms": "5" } })), "down.jitter_ms");
        assert_eq!(at(json!({ "down": { "loss_pct": "NaN" } })), "down.loss_pct");
        assert_eq!(at(json!({ "down": { "target_bps": -1 } })), "down.target_bps");
        assert_eq!(at(json!({ "down": { "muted": 1 } })), "down.muted");
    }

    #[test]
    fn what_is_beyond_all_bounds_counts_as_the_bound() {
        let args = json!({ "up": { "rtt_ms": 1e300, "loss_pct": 1000, "target_bps": 1e300, "actual_bps": 0 } });
        let Ok(session::Input::Window { up: Reading::Measured(window), .. }) = window(&args) else { panic!("it is a window") };
        assert_eq!((window.rtt, window.loss, window.target_bps), (limits::QUALITY_SPAN_MAX, Share::ALL, u64::MAX));
    }
}
