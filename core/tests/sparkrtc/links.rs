//! Links that break, come back, or never come about.

use core::time::Duration;

use greenroom_core::{
    code::Code,
    dialect::{Input, Settings},
    session::ConnectionId,
};
use serde_json::{Value, json};

use crate::theatre::{Theatre, failed, join_args, ok, remote, settings};

//
#[test]
fn a_first_connection_that_takes_too_long_fails_the_join() {
    let mut theatre = Theatre::new(1);
    theatre.set_cut(0, true);
    theatre.call(0, "join", join_args("ada", 0));
    theatre.pass(Duration::from_secs(11));
    let lines = theatre.lines(0);
    assert_eq!(lines[0], failed("join", 90_100_012)[0]);
    assert_eq!(lines[1]["data"], json!({ "prevState": "CONNECTING", "curState": "DISCONNECTED" }));
}

// R-025 R-027
#[test]
fn a_connection_that_cannot_be_had_says_why() {
    for (code, number) in [
        (Code::NO_CONFIGURATION, 90_100_009),
        (Code::NO_ADDRESS, 90_100_011),
        (Code::OPEN_REFUSED, 90_100_016),
        (Code::LOOKUP_REFUSED, 90_100_009),
    ] {
        let mut theatre = Theatre::new(1);
        theatre.set_cut(0, true);
        theatre.call(0, "join", join_args("ada", 0));
        theatre.tell(0, Input::Failed { connection: ConnectionId(1), code });
        assert!(theatre.lines(0).contains(&failed("join", number)[0]), "{code}");
    }
}

// R-021 R-023 R-024 R-025
#[test]
fn a_short_outage_is_not_seen_by_others_and_nothing_is_lost() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(1, "cam");
    theatre.call(1, "join", json!({})); // refused: it is there only to show that nothing is left open
    theatre.hush();
    theatre.set_cut(1, true);
    theatre.pass(Duration::from_secs(10));
    let lines = theatre.lines(1);
    let state = json!({ "event": "connection-state-changed", "data": { "prevState": "CONNECTED", "curState": "RECONNECTING" } });
    let events: Vec<&Value> = lines.iter().filter(|line| !line["event"].is_null()).collect();
    let quality = json!({ "event": "network-quality", "data": { "uplinkNetworkQuality": 6, "downlinkNetworkQuality": 6 } });
    assert_eq!(events, [&state, &quality], "silence is no error yet");
    assert!(lines.iter().any(|line| line["notice"] == "link-interrupted" && line["data"]["errorCode"] == "90100016"), "{lines:?}");
    assert_eq!(theatre.call(1, "unpublish", json!({ "stream": { "local": "cam" } })), failed("unpublish", 90_100_008));
    // What needs no link goes on, and the room hears of it later.
    assert_eq!(theatre.on(1, "cam", "muteAudio", json!({})), ok("muteAudio", true.into()));
    theatre.set_cut(1, false);
    theatre.pass(Duration::from_secs(10));
    assert_eq!(theatre.events(1)[0].1, json!({ "prevState": "RECONNECTING", "curState": "CONNECTED" }));
    assert_eq!(theatre.names(0), ["mute-audio"]);
}

//
#[test]
fn a_long_outage_ends_the_stay() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.set_cut(1, true);
    theatre.pass(Duration::from_secs(60));
    let events = theatre.events(1);
    assert_eq!(events[2], ("Error".to_owned(), json!({ "errorCode": "90100013", "errorMsg": "websocket reconnect timeout" })));
    assert_eq!(events[3].1, json!({ "prevState": "RECONNECTING", "curState": "DISCONNECTED" }));
    assert_eq!(theatre.events(0)[0].1["reason"]["code"], 7);
    assert_eq!(theatre.call(1, "unpublish", json!({ "stream": { "local": "cam" } }))[0]["notice"], "argument-refused");
    theatre.set_cut(1, false);
    theatre.join(1, "bob", 0);
}

//
#[test]
fn what_a_leave_or_a_lost_link_cuts_short_returns_once() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    for cut_by_leave in [true, false] {
        theatre.set_silent(1, true);
        assert_eq!(theatre.call(1, "subscribe", json!({ "stream": remote("ada") })), [] as [Value; 0]);
        theatre.set_silent(1, false);
        let lines = if cut_by_leave {
            let lines = theatre.call(1, "leave", json!({}));
            theatre.join(1, "bob", 0);
            lines
        } else {
            theatre.close(1);
            theatre.lines(1)
        };
        let returns = lines.iter().filter(|line| line["return"] == "subscribe");
        assert_eq!(returns.collect::<Vec<_>>(), failed("subscribe", 90_100_015).iter().collect::<Vec<_>>());
    }
}

//
#[test]
fn a_link_that_the_server_closes_is_an_error_and_comes_back() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.close(0);
    let lines = theatre.lines(0);
    let told = json!({ "event": "Error", "data": { "errorCode": "90100016", "errorMsg": "websocket connect error" } });
    assert_eq!(lines.iter().filter(|line| line["event"] == "Error").collect::<Vec<_>>(), [&told], "{lines:?}");
    assert!(lines.iter().any(|line| line["notice"] == "link-interrupted" && line["data"]["errorCode"] == "90100016"), "{lines:?}");
    assert!(lines.iter().any(|line| line["notice"] == "link-restored"));
    let mut strict = Theatre::with(1, &Settings { strict: true, ..settings() }, |_| {});
    strict.join(0, "ada", 0);
    strict.hush();
    strict.close(0);
    assert!(strict.lines(0).contains(&told), "it is the vendor's own");
}

//
#[test]
fn a_request_without_an_answer_fails_in_time() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.make(0, "cam", json!({ "audio": true }));
    theatre.set_silent(0, true);
    theatre.call(0, "publish", json!({ "stream": { "local": "cam" } }));
    theatre.pass(Duration::from_millis(5100));
    assert!(theatre.lines(0).contains(&failed("publish", 90_000_004)[0]));
}

//
#[test]
fn while_the_first_connection_is_opened_the_socket_is_not_open() {
    let mut theatre = Theatre::new(1);
    theatre.set_cut(0, true);
    theatre.call(0, "join", join_args("ada", 0));
    assert_eq!(theatre.call(0, "changeUserName", json!({ "userName": "A" })), failed("changeUserName", 90_100_014));
    let lines = theatre.call(0, "leave", json!({}));
    assert!(lines.contains(&failed("join", 90_100_015)[0]) && lines.contains(&ok("leave", Value::Null)[0]), "{lines:?}");
}

//
#[test]
fn a_log_upload_tells_its_status() {
    let mut theatre = Theatre::new(1);
    let lines = theatre.host(0, "logUploaded", json!({ "status": 200 }));
    assert_eq!(lines, [json!({ "event": "log-upload-result", "data": { "status": 200 } })]);
}
