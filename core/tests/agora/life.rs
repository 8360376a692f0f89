//! The client object: made, initialised, closed.

use greenroom_core::{
    code::Code,
    dialect::{Input, Refused, VendorCall},
    wire::{ClientMessage, ServerMessage},
};
use serde_json::{Value, json};

use crate::page::{Page, bad, event, fault, good, joined, link, network_is, object};

//
#[test]
fn before_init_every_call_is_7() {
    let calls = ["join", "renewChannelKey", "leave", "publish", "unpublish", "subscribe", "unsubscribe", "startRecording", "getWindows"];
    let mut page = Page::new();
    for call in calls {
        assert_eq!(page.call(call, json!({})), [bad(call, 7)]);
    }
    assert!(page.connects.is_empty(), "nothing reached the network");
}

//
#[test]
fn what_needs_the_channel_is_not_ready_before_it() {
    let mut page = Page::ready();
    page.create("cam", json!({ "local": true, "video": true }));
    assert_eq!(page.call("publish", json!({ "stream": { "local": "cam" } })), [bad("publish", 3)], "the stream does not capture");
    page.on("cam", "init", json!({}));
    assert_eq!(page.call("publish", json!({ "stream": { "local": "cam" } })), [bad("publish", 3)], "the user is in no channel");
    assert_eq!(page.call("renewChannelKey", json!({ "channelKey": "k" })), [bad("renewChannelKey", 3)]);
}

//
#[test]
fn a_second_client_object_is_refused_and_the_first_goes_on() {
    let mut page = Page::new();
    assert_eq!(page.call("createRtcClient", json!({})), [good("createRtcClient", Value::Null)]);
    assert_eq!(page.call("createRtcClient", json!({})), [bad("createRtcClient", 1)]);
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [good("init", Value::Null)]);
    assert_eq!(page.call("createRtcClient", json!({})), [bad("createRtcClient", 1)]);
}

//
#[test]
fn the_first_call_makes_the_client_object_where_nobody_did() {
    let mut page = Page::ready();
    assert_eq!(page.call("createRtcClient", json!({})), [bad("createRtcClient", 1)]);
}

//
#[test]
fn after_close_every_call_is_7_and_nothing_is_told() {
    let mut page = Page::joined(7, &[2], vec![]);
    assert_eq!(page.call("close", json!({})), [good("close", Value::Null)]);
    assert!(matches!(page.newest(), ClientMessage::Leave), "the others hear at once that the user left");
    assert_eq!(page.disconnects, page.connects);
    for call in ["init", "join", "leave", "publish", "subscribe", "startRecording", "on", "close"] {
        assert_eq!(page.call(call, json!({ "appId": "app1", "event": "error" })), [bad(call, 7)]);
    }
    page.close();
    assert_eq!(page.host("agentUnreachable", json!({})), Vec::<Value>::new());
    page.wait(core::time::Duration::from_secs(60));
    assert_eq!(page.lines(), Vec::<Value>::new());
}

//
#[test]
fn a_new_object_works_from_init_on_and_hears_nothing_of_the_old_one() {
    let mut page = Page::joined(7, &[2], vec![]);
    let old = page.connection();
    page.call("close", json!({}));
    assert_eq!(page.call("createRtcClient", json!({})), [good("createRtcClient", Value::Null)]);
    assert_eq!(page.call("join", json!({ "channelName": "c", "uid": 7 })), [bad("join", 7)]);
    page.call("init", json!({ "appId": "app2" }));
    page.call("join", json!({ "channelName": "c", "uid": 7 }));
    assert_ne!(page.connection(), old, "its connections have numbers of their own");
    page.tell(Input::Closed { connection: old });
    page.open();
    page.grant(joined(None, &[], vec![], false));
    assert_eq!(page.lines(), [good("join", json!(7))]);
}

//
#[test]
fn close_answers_what_was_still_open() {
    let mut page = Page::joined(7, &[], vec![]);
    page.camera("cam");
    page.call("publish", json!({ "stream": { "local": "cam" } }));
    assert_eq!(page.call("close", json!({})), [bad("publish", 1), good("close", Value::Null)]);

    let mut page = Page::joined(7, &[], vec![]);
    page.call("leave", json!({}));
    assert_eq!(page.call("close", json!({})), [good("leave", Value::Null), good("close", Value::Null)]);
}

//
#[test]
fn the_failure_callback_of_init_lives_as_long_as_the_object() {
    let mut page = Page::joined(7, &[], vec![]);
    assert_eq!(page.host("agentUnreachable", json!({})), [fault("CLOSE_BEFORE_OPEN")], "a helper that went away");
    assert_eq!(page.host("agentUnreachable", json!({})), Vec::<Value>::new(), "which is no news");
    assert_eq!(page.host("agentReachable", json!({})), Vec::<Value>::new());
    assert_eq!(page.receive(ServerMessage::KeyRefused { code: Code::KEY_INVALID }), [fault(110)], "a key that is good no longer");
    // what the link does is told by an event of its own, and by nothing else.
    page.close();
    page.wait(core::time::Duration::from_secs(11));
    assert_eq!(page.lines(), [link("CONNECTION_INTERRUPTED"), network_is(true), link("CONNECTION_LOST")]);
}

//
#[test]
fn an_agent_that_cannot_be_reached_fails_init_which_can_be_tried_again() {
    let mut page = Page::new();
    page.host("agentUnreachable", json!({}));
    for _ in 0..2 {
        assert_eq!(page.call("init", json!({ "appId": "app1" })), [fault("CLOSE_BEFORE_OPEN"), bad("init", "CLOSE_BEFORE_OPEN")]);
    }
    assert_eq!(page.call("join", json!({ "channelName": "c" })), [bad("join", 7)]);
    page.host("agentReachable", json!({}));
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [good("init", Value::Null)]);
}

//
#[test]
fn an_agent_that_is_too_old_says_where_to_get_a_newer_one() {
    let mut page = Page::new();
    page.host("agentTooOld", json!({ "url": "https://example.org/agent" }));
    let told = event("init.onFailure", json!({ "err": "INCOMPATIBLE_WEBAGENT", "url": "https://example.org/agent" }));
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [told, bad("init", "INCOMPATIBLE_WEBAGENT")]);
    page.host("agentTooOld", json!({}));
    let told = event("init.onFailure", json!({ "err": "INCOMPATIBLE_WEBAGENT", "url": "http://cn.agora.io/download/" }));
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [told, bad("init", "INCOMPATIBLE_WEBAGENT")]);
}

// R-011 R-253
#[test]
fn a_second_page_of_one_machine_finds_the_agent_taken() {
    let mut page = Page::new();
    page.host("otherInstance", json!({ "running": true }));
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [fault(19), bad("init", 19)]);
    page.host("otherInstance", json!({ "running": false }));
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [good("init", Value::Null)]);
}

#[test]
fn an_app_id_is_a_text_that_could_be_one() {
    let mut page = Page::new();
    assert_eq!(page.call("init", json!({})), [bad("init", 2)]);
    assert_eq!(page.call("init", json!({ "appId": 5 })), [bad("init", 2)]);
    assert_eq!(page.call("init", json!({ "appId": "" })), [bad("init", 101)]);
    assert_eq!(page.call("init", json!({ "appId": "a+b" })), [bad("init", 101)]);
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [good("init", Value::Null)]);
    assert_eq!(page.call("init", json!({ "appId": "app2" })), [bad("init", 1)], "one App ID for one object");
}

#[test]
fn handlers_may_be_registered_before_init_for_printed_events() {
    let mut page = Page::new();
    assert_eq!(page.call("on", json!({ "event": "stream-added" })), [good("on", Value::Null)]);
    assert_eq!(page.call("on", json!({ "event": "peer-join" })), [bad("on", 2)]);
    assert_eq!(page.call("init", json!({ "appId": "app1" })), [good("init", Value::Null)]);
}

#[test]
fn what_is_not_printed_is_not_understood_and_what_is_not_built_is_not_offered() {
    let mut page = Page::ready();
    let before = page.client.clone();
    let call = |name: &str| Input::Call(VendorCall::new(name, object(json!({}))));
    let unknown = page.try_tell(call("subscibe")).expect_err("it is misspelt");
    assert_eq!(unknown.to_string(), "an Agora client has no operation \"subscibe\"; did you mean \"subscribe\"?");
    for later in ["getDevices", "setEncryptionSecret", "startRecording", "getWindows", "startScreenSharing", "stopScreenSharing"] {
        assert_eq!(page.try_tell(call(later)), Err(Refused::NotOffered { call: later.into() }));
    }
    // A picture that came means nothing here, but it must be somebody's.
    let frame = |args| Input::Media { name: "frame".into(), args };
    assert_eq!(page.try_tell(frame(json!({ "user": 7 }))), Ok(()));
    let nobodys = Refused::BadInput { name: "frame".into(), at: "user".into(), expected: "a user id" };
    assert_eq!(page.try_tell(frame(json!({}))), Err(nobodys));
    let host = Input::Host { name: "agentTooOld".into(), args: json!({ "url": 5 }) };
    assert!(matches!(page.try_tell(host), Err(Refused::BadInput { .. })));
    assert_eq!(page.client, before, "nothing has changed");
}
