//! The link: lost, away, back.

use core::time::Duration;

use greenroom_core::{
    code::Code,
    dialect::{Input, Refused, Settings},
    id::{MemberId, StreamId},
    wire::{Accepted, ClientMessage},
};
use serde_json::{Value, json};

use crate::page::{Page, bad, event, good, good_on, joined, link, network_is, notice, rendered, settings, stream_of};

//
#[test]
fn a_lost_link_is_told_at_once_and_tried_again() {
    let mut page = Page::joined(7, &[], vec![]);
    page.close();
    assert_eq!(page.lines(), [link("CONNECTION_INTERRUPTED"), network_is(true)]);
    assert_eq!(page.connects.len(), 2);
}

//
#[test]
fn a_silent_link_is_lost_too() {
    let mut page = Page::joined(7, &[], vec![]);
    page.wait(Duration::from_secs(6));
    assert_eq!(page.lines(), [link("CONNECTION_INTERRUPTED"), network_is(true)]);
}

//
#[test]
fn after_ten_seconds_the_loss_is_told_once_and_attempts_go_on() {
    let mut page = Page::joined(7, &[], vec![]);
    page.close();
    page.hush();
    page.wait(Duration::from_millis(9_999));
    assert_eq!(page.lines(), Vec::<Value>::new());
    page.wait(Duration::from_millis(1));
    assert_eq!(page.lines(), [link("CONNECTION_LOST")]);
    let attempts = page.connects.len();
    page.wait(Duration::from_secs(3600));
    assert_eq!(page.lines(), Vec::<Value>::new(), "once");
    assert!(page.connects.len() > attempts + 100, "an hour later it still tries");
    page.next_attempt();
    page.open();
    page.grant(joined(None, &[], vec![], true));
    let [back, known] = &page.lines()[..] else { panic!("two lines") };
    assert_eq!(*known, network_is(false));
    assert_eq!(back["notice"], "restored");
}

// R-030 R-032
#[test]
fn a_link_that_is_back_in_time_is_not_lost_and_the_next_ten_seconds_are_new_ones() {
    let mut page = Page::joined(7, &[], vec![]);
    page.close();
    page.wait(Duration::from_secs(1));
    page.hush();
    page.open(); // the first attempt is under way
    page.grant(joined(None, &[], vec![], true));
    assert_eq!(page.lines(), [notice("restored", json!({ "afterMs": 1000 })), network_is(false)]);
    page.close();
    assert_eq!(page.lines(), [link("CONNECTION_INTERRUPTED"), network_is(true)]);
    page.wait(Duration::from_millis(9_999));
    assert_eq!(page.lines(), Vec::<Value>::new());
    page.wait(Duration::from_millis(1));
    assert_eq!(page.lines(), [link("CONNECTION_LOST")]);
}

//
#[test]
fn how_good_the_link_is_has_no_printed_interface_and_is_a_notice() {
    let window = || Input::Media { name: "window".into(), args: json!({ "down": { "loss_pct": 20 } }) };
    let mut page = Page::joined(7, &[], vec![]);
    page.tell(window());
    let lossy = json!({ "level": 5, "reason": "loss", "lossPpm": 200_000 });
    let told = json!({ "uplink": { "level": 1, "reason": "clear" }, "downlink": lossy });
    assert_eq!(page.lines(), [notice("network-quality", told)]);
    let mut strict = Page::joined_with(Settings { strict: true, ..settings() }, 7, &[], vec![]);
    strict.tell(window());
    assert_eq!(strict.lines(), Vec::<Value>::new());
    let bad = Input::Media { name: "window".into(), args: json!({ "down": { "loss_pct": "much" } }) };
    assert!(matches!(strict.try_tell(bad), Err(Refused::BadInput { at, .. }) if at == "down.loss_pct"));
}

//
#[test]
fn leaving_while_the_link_is_away_ends_the_attempts() {
    for away in [1, 11] {
        let mut page = Page::joined(7, &[], vec![]);
        page.close();
        page.wait(Duration::from_secs(away));
        page.hush();
        assert_eq!(page.call("leave", json!({})), [good("leave", Value::Null)]);
        let attempts = page.connects.len();
        page.wait(Duration::from_secs(600));
        assert_eq!((page.connects.len(), page.lines()), (attempts, vec![]));
        assert_eq!(page.call("leave", json!({})), [bad("leave", 18)]);
    }
}

//
#[test]
fn while_the_link_is_away_nothing_is_ready() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    page.publish("cam", 5);
    page.close();
    page.hush();
    assert_eq!(page.call("subscribe", json!({ "stream": { "user": 2 } })), [bad("subscribe", 3)]);
    assert_eq!(page.call("unpublish", json!({ "stream": { "local": "cam" } })), [bad("unpublish", 3)]);
    assert_eq!(page.call("join", json!({ "channelName": "c", "uid": 7 })), [bad("join", 17)], "the user is in the channel still");
}

//
#[test]
fn after_an_absence_too_long_for_the_server_the_page_goes_on_as_before() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    page.publish("cam", 5);
    page.close();
    page.wait(Duration::from_secs(60));
    page.next_attempt();
    page.open();
    page.hush();
    page.refuse(Code::SESSION_GONE);
    page.grant(Accepted::Joined {
        member: MemberId(9),
        user: None,
        version: greenroom_core::wire::Version(1),
        role: greenroom_core::role::Role::Joiner,
        resumed: false,
        members: vec![],
        streams: vec![],
    });
    assert!(matches!(page.newest(), ClientMessage::Publish { .. }), "it publishes again by itself");
    page.grant(Accepted::Published { stream: StreamId(31) });
    let lines = page.lines();
    assert!(lines.contains(&event("peer-leave", json!({ "uid": 2 }))), "what was missed is told: {lines:?}");
    assert!(lines.contains(&notice("stream-removed", json!({ "stream": rendered(2) }))));
    page.on("cam", "disableVideo", json!({}));
    assert!(matches!(page.newest(), ClientMessage::Mute { stream: StreamId(31), .. }), "the stream has a new number");
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), [good_on("cam", "disableVideo", Value::Null)]);
}
