//! Entering a channel, and leaving it.

use core::time::Duration;

use greenroom_core::{
    code::Code,
    id::{AppId, RoomId},
    wire::{Accepted, ClientMessage, LeaveReason, ServerMessage},
};
use serde_json::{Value, json};

use crate::page::{Page, bad, event, good, joined, link, notice, rendered, settings, stream_of, user};

fn warning(code: u32) -> Value {
    event("warning", json!({ "code": code }))
}

//
#[test]
fn who_is_in_is_refused_with_17_and_stays() {
    let mut page = Page::joined(7, &[], vec![]);
    let sent = page.sent.len();
    assert_eq!(page.call("join", json!({ "channelName": "other", "uid": 8 })), [bad("join", 17)]);
    assert_eq!((page.sent.len(), page.connects.len()), (sent, 1));
    assert_eq!(page.receive(ServerMessage::PeerLeft { user: user(7), reason: LeaveReason::LEFT }), Vec::<Value>::new());
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 7 }));
    assert_eq!(page.call("join", json!({ "channelName": "c", "uid": 7 })), [bad("join", 17)], "on the way in, too");
}

// R-005 R-048
#[test]
fn a_join_says_which_app_it_is_for_and_needs_no_key() {
    let mut page = Page::ready();
    page.call("join", json!({ "channelKey": null, "channelName": "1024", "uid": 1 }));
    page.open();
    let ClientMessage::Join { app, room, user, credential, .. } = page.newest() else { panic!("{:?}", page.newest()) };
    assert_eq!((app, room), (&Some(AppId::new("app1").expect("valid")), &RoomId::new("1024").expect("valid")));
    assert_eq!((user, credential), (&Some(crate::page::user(1)), &None));
}

//
#[test]
fn an_app_that_nobody_knows_is_101() {
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 1 }));
    page.open();
    assert_eq!(page.refuse(Code::UNKNOWN_APP), [bad("join", 101)]);
    assert_eq!(page.call("leave", json!({})), [bad("leave", 18)], "the user is in no channel");
}

//
#[test]
fn a_name_out_of_the_set_is_2_here_and_102_there() {
    let mut page = Page::ready();
    for wrong in [json!(""), json!("a/b"), json!("x".repeat(65)), json!(5), json!(null)] {
        assert_eq!(page.call("join", json!({ "channelName": wrong, "uid": 1 })), [bad("join", 2)]);
    }
    assert!(page.connects.is_empty());
    page.call("join", json!({ "channelName": "a b", "uid": 1 }));
    page.open();
    assert_eq!(page.refuse(Code::ROOM_NAME_REFUSED), [bad("join", 102)]);
}

//
#[test]
fn without_a_uid_the_server_chooses_one() {
    for nobody in [json!({ "uid": 0 }), json!({ "uid": 0.0 }), json!({ "uid": null }), json!({})] {
        let mut page = Page::ready();
        let mut args = json!({ "channelName": "c" });
        args.as_object_mut().expect("an object").extend(crate::page::object(nobody));
        page.call("join", args);
        page.open();
        assert!(matches!(page.newest(), ClientMessage::Join { user: None, .. }));
        page.grant(joined(Some(4_000_000_000), &[], vec![], false));
        assert_eq!(page.lines(), [good("join", json!(4_000_000_000_u32))]);
    }
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 9 }));
    page.open();
    page.grant(joined(None, &[], vec![], false));
    assert_eq!(page.lines(), [good("join", json!(9))]);
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 1.0 }));
    page.open();
    assert!(matches!(page.newest(), ClientMessage::Join { user: Some(uid), .. } if *uid == user(1)), "JavaScript has one type of number");
    let mut page = Page::ready();
    for wrong in [json!(-1), json!("1"), json!(1.5), json!(4_294_967_296_u64)] {
        assert_eq!(page.call("join", json!({ "channelName": "c", "uid": wrong })), [bad("join", 2)]);
    }
}

//
#[test]
fn a_uid_that_is_present_is_refused_with_17() {
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 9 }));
    page.open();
    assert_eq!(page.refuse(Code::USER_PRESENT), [bad("join", 17)]);
}

//
#[test]
fn others_are_told_when_they_go_and_noted_when_they_come() {
    let mut page = Page::joined(7, &[], vec![]);
    assert_eq!(page.receive(ServerMessage::PeerJoined { user: user(2), name: None }), [notice("peer-join", json!({ "uid": 2 }))]);
    for reason in [LeaveReason::LEFT, LeaveReason::CONNECTION_LOST] {
        page.receive(ServerMessage::PeerJoined { user: user(2), name: None });
        page.hush();
        assert_eq!(page.receive(ServerMessage::PeerLeft { user: user(2), reason }), [event("peer-leave", json!({ "uid": 2 }))]);
    }
}

// R-074 R-032 R-093
#[test]
fn a_strict_client_has_no_words_that_agora_does_not_print() {
    let mut strict = settings();
    strict.strict = true;
    let mut page = Page::joined_with(strict, 7, &[], vec![]);
    assert_eq!(page.receive(ServerMessage::PeerJoined { user: user(2), name: None }), Vec::<Value>::new());
    assert_eq!(
        page.receive(ServerMessage::StreamAdded { stream: stream_of(2, 1) }),
        [event("stream-added", json!({ "stream": rendered(2) }))]
    );
    let gone = ServerMessage::StreamRemoved { stream: stream_of(2, 1).id, user: user(2) };
    assert_eq!(page.receive(gone), Vec::<Value>::new());
    page.close();
    assert_eq!(page.lines(), [link("CONNECTION_INTERRUPTED")]);
    page.open();
    page.grant(joined(None, &[2], vec![], true));
    assert_eq!(page.lines(), Vec::<Value>::new());
}

// R-033 R-252
#[test]
fn a_way_in_that_fails_is_a_warning_and_is_tried_again() {
    let mut page = Page::ready();
    assert_eq!(page.call("join", json!({ "channelName": "c", "uid": 7 })), Vec::<Value>::new());
    for (code, told) in [(Code::LOOKUP_REFUSED, 105), (Code::NO_SERVER, 103), (Code::OPEN_REFUSED, 107)] {
        page.fail(code);
        assert_eq!(page.lines(), [warning(told)]);
        let attempts = page.connects.len();
        page.wait(Duration::from_secs(5));
        assert_eq!((page.connects.len(), page.lines()), (attempts + 1, vec![]));
    }
    page.wait(Duration::from_secs(10));
    assert_eq!(page.lines(), [warning(104)], "the lookup takes too long");
    page.wait(Duration::from_secs(5));
    let connection = page.connection();
    page.tell(greenroom_core::dialect::Input::Found { connection });
    page.wait(Duration::from_secs(10));
    assert_eq!(page.lines(), [warning(106)], "the opening does");
    page.wait(Duration::from_secs(5));
    page.open();
    page.grant(joined(None, &[], vec![], false));
    assert_eq!(page.lines(), [good("join", json!(7))], "in the end it works");
}

//
#[test]
fn leaving_ends_the_attempts_to_enter() {
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 7 }));
    page.fail(Code::OPEN_REFUSED);
    page.hush();
    assert_eq!(page.call("leave", json!({})), [bad("join", 1), good("leave", Value::Null)]);
    let attempts = page.connects.len();
    page.wait(Duration::from_secs(600));
    assert_eq!((page.connects.len(), page.lines()), (attempts, vec![]));
}

//
#[test]
fn leaving_from_outside_is_18() {
    let mut page = Page::ready();
    assert_eq!(page.call("leave", json!({})), [bad("leave", 18)]);
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    page.call("leave", json!({}));
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), [good("leave", Value::Null)]);
    assert_eq!(page.call("leave", json!({})), [bad("leave", 18)]);
    assert_eq!(page.call("subscribe", json!({ "stream": { "user": 2 } })), [bad("subscribe", 2)], "its streams are gone with it");
    page.call("join", json!({ "channelName": "c", "uid": 7 }));
    page.open();
    page.grant(joined(None, &[], vec![], false));
    assert_eq!(page.lines(), [good("join", json!(7))]);
}

//
#[test]
fn a_request_without_an_answer_is_10() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    page.call("subscribe", json!({ "stream": { "user": 2 } }));
    page.wait(Duration::from_millis(4_999));
    assert_eq!(page.lines(), Vec::<Value>::new());
    page.wait(Duration::from_millis(1));
    assert_eq!(page.lines(), [bad("subscribe", 10)]);
}

//
#[test]
fn a_fault_of_the_server_is_1() {
    let mut page = Page::joined(7, &[], vec![]);
    page.camera("cam");
    page.call("publish", json!({ "stream": { "local": "cam" } }));
    assert_eq!(page.refuse(Code::INTERNAL), [bad("publish", 1)]);
}
