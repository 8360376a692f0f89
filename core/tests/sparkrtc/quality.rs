//! network-quality: when it comes, and what it says.

use core::time::Duration;

use greenroom_core::dialect::{Input, Refused, Settings};
use serde_json::{Value, json};

use crate::theatre::{Theatre, settings};

/// Two seconds, and what was measured in them. Answers with what the client says to it.
fn window(theatre: &mut Theatre, args: Value) -> Vec<Value> {
    theatre.pass(Duration::from_secs(2));
    theatre.tell(0, Input::Media { name: "window".into(), args });
    theatre.lines(0)
}

fn quality(up: u8, down: u8) -> Value {
    json!({ "event": "network-quality", "data": { "uplinkNetworkQuality": up, "downlinkNetworkQuality": down } })
}

// R-163 R-164
#[test]
fn a_change_is_an_event_with_two_numbers_and_its_reasons_beside_it() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    let clear = json!({ "level": 1, "reason": "clear" });
    let reasons = json!({ "notice": "network-quality-reason", "data": { "uplink": clear, "downlink": clear } });
    assert_eq!(window(&mut theatre, json!({})), [quality(1, 1), reasons]);
    assert_eq!(window(&mut theatre, json!({ "up": { "rtt_ms": 100, "jitter_ms": 5 } })), [] as [Value; 0]);
    let lines = window(&mut theatre, json!({ "up": { "rtt_ms": 600 }, "down": { "target_bps": 1_000_000, "actual_bps": 550_000 } }));
    assert_eq!(lines[0], quality(4, 3));
    let worst = |level: u8, reason: &str, name: &str, value: u32| json!({ "level": level, "reason": reason, name: value });
    assert_eq!(
        lines[1]["data"],
        json!({ "uplink": worst(4, "delay", "rttUs", 600_000), "downlink": worst(3, "rate", "ratePpm", 550_000) })
    );
    let lines = window(&mut theatre, json!({ "up": { "jitter_ms": 400 }, "down": { "freeze_ms": 1900 } }));
    assert_eq!(lines[0], quality(5, 5));
    assert_eq!(
        lines[1]["data"],
        json!({ "uplink": worst(5, "jitter", "jitterUs", 400_000), "downlink": worst(5, "freeze", "freezePpm", 950_000) })
    );
    assert_eq!(theatre.lines(1), [] as [Value; 0], "nobody else hears of it");
}

//
#[test]
fn a_strict_client_tells_the_printed_event_alone() {
    let mut theatre = Theatre::with(1, &Settings { strict: true, ..settings() }, |_| {});
    theatre.join(0, "ada", 0);
    theatre.hush();
    assert_eq!(window(&mut theatre, json!({ "down": { "loss_pct": 3 } })), [quality(1, 2)]);
}

//
#[test]
fn what_is_muted_is_no_fault_and_what_is_unknown_is_not_bad() {
    let mut theatre = Theatre::joined(&["ada"]);
    assert_eq!(window(&mut theatre, json!({ "up": { "no_data": true }, "down": { "no_data": true } })), [] as [Value; 0]);
    let muted = json!({ "muted": true, "target_bps": 1_000_000, "actual_bps": 0, "loss_pct": 100 });
    assert_eq!(window(&mut theatre, json!({ "up": muted, "down": { "no_data": true } }))[0], quality(1, 0));
    assert_eq!(window(&mut theatre, json!({ "down": { "disconnected": true } }))[0], quality(1, 6));
}

#[test]
fn a_window_that_makes_no_sense_is_refused_and_changes_nothing() {
    let mut theatre = Theatre::joined(&["ada"]);
    for (args, at) in [
        (json!(null), ""),
        (json!({ "uplink": {} }), "uplink"),
        (json!({ "up": [] }), "up"),
        (json!({ "up": { "loss": 3 } }), "up.loss"),
        (json!({ "up": { "rtt_ms": -0.5 } }), "up.rtt_ms"),
        (json!({ "down": { "freeze_ms": "long" } }), "down.freeze_ms"),
        (json!({ "down": { "loss_pct": {} } }), "down.loss_pct"),
        (json!({ "down": { "actual_bps": -1 } }), "down.actual_bps"),
        (json!({ "down": { "no_data": "yes" } }), "down.no_data"),
    ] {
        match theatre.try_tell(0, Input::Media { name: "window".into(), args }) {
            Err(Refused::BadInput { name, at: there, expected }) => {
                assert!(name == "window" && there == at && !expected.is_empty(), "{there}");
            }
            other => panic!("{at}: {other:?}"),
        }
    }
    assert_eq!(theatre.lines(0), [] as [Value; 0]);
}
