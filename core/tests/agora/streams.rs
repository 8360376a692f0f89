//! Streams: one's own and those of others.

use greenroom_core::{
    code::Code,
    dialect::{HostOrder, Settings, Source},
    id::StreamId,
    wire::{Accepted, ClientMessage, ServerMessage},
};
use serde_json::{Value, json};

use crate::page::{Page, bad, bad_on, event, good, good_on, joined, notice, rendered, settings, stream_of, user};

fn muted(id: u32, audio: bool, video: bool) -> ServerMessage {
    ServerMessage::StreamMuted { stream: StreamId(id), user: user(2), audio, video }
}

//
#[test]
fn a_stream_is_published_once_and_withdrawn() {
    let mut page = Page::joined(7, &[], vec![]);
    page.publish("cam", 5);
    assert_eq!(page.call("publish", json!({ "stream": { "local": "cam" } })), [bad("publish", 19)]);
    page.call("unpublish", json!({ "stream": { "local": "cam" } }));
    assert!(matches!(page.newest(), ClientMessage::Unpublish { stream: StreamId(5) }));
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), [good("unpublish", Value::Null)]);
    assert_eq!(page.call("unpublish", json!({ "stream": { "local": "cam" } })), [bad("unpublish", 2)]);
    page.call("publish", json!({ "stream": { "local": "cam" } }));
    page.grant(Accepted::Published { stream: StreamId(6) });
    assert_eq!(page.lines(), [good("publish", Value::Null)]);
}

//
#[test]
fn a_stream_of_somebody_else_is_told_when_it_comes_and_noted_when_it_goes() {
    let mut page = Page::joined(7, &[2], vec![]);
    let added = event("stream-added", json!({ "stream": rendered(2) }));
    let told = page.receive(ServerMessage::StreamAdded { stream: stream_of(2, 1) });
    assert_eq!(told, core::slice::from_ref(&added));
    let removed = notice("stream-removed", json!({ "stream": rendered(2) }));
    assert_eq!(page.receive(ServerMessage::StreamRemoved { stream: StreamId(1), user: user(2) }), [removed]);
    let mut page = Page::ready();
    page.call("join", json!({ "channelName": "c", "uid": 7 }));
    page.open();
    page.grant(joined(None, &[2], vec![stream_of(2, 1)], false));
    assert_eq!(page.lines(), [good("join", json!(7)), notice("peer-join", json!({ "uid": 2 })), added], "whoever comes later learns of it");
}

//
#[test]
fn a_subscription_that_works_is_an_event_and_one_that_does_not_a_failure() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    assert_eq!(page.call("subscribe", json!({ "stream": { "user": 2, "type": "main" } })), Vec::<Value>::new());
    assert!(matches!(page.newest(), ClientMessage::Subscribe { stream: StreamId(1), audio: true, video: true, .. }));
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), [good("subscribe", Value::Null), event("stream-subscribed", json!({ "stream": rendered(2) }))]);
    page.call("unsubscribe", json!({ "stream": { "user": "2" } }));
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), [good("unsubscribe", Value::Null)]);
    page.call("unsubscribe", json!({ "stream": { "user": 2 } }));
    assert_eq!(page.refuse(Code::NOT_SUBSCRIBED), [bad("unsubscribe", 2)]);
    page.call("subscribe", json!({ "stream": { "user": 2 } }));
    assert_eq!(page.refuse(Code::NO_SUCH_STREAM), [bad("subscribe", 2)]);
}

//
#[test]
fn only_a_stream_of_somebody_else_can_be_subscribed_to() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    page.camera("cam");
    for wrong in
        [json!({ "local": "cam" }), json!({ "user": 3 }), json!({ "user": 2, "type": "auxiliary" }), json!({}), json!(2), json!(null)]
    {
        for call in ["subscribe", "unsubscribe"] {
            assert_eq!(page.call(call, json!({ "stream": wrong })), [bad(call, 2)]);
        }
    }
    for call in ["publish", "unpublish"] {
        assert_eq!(page.call(call, json!({ "stream": { "user": 2 } })), [bad(call, 2)]);
        assert_eq!(page.call(call, json!({ "stream": { "local": "no such stream" } })), [bad(call, 2)]);
    }
}

//
#[test]
fn disabling_a_part_is_done_when_the_server_says_so() {
    let mut page = Page::joined(7, &[2], vec![]);
    page.publish("cam", 5);
    for (call, audio, video) in [
        ("disableAudio", Some(true), None),
        ("enableAudio", Some(false), None),
        ("disableVideo", None, Some(true)),
        ("enableVideo", None, Some(false)),
    ] {
        assert_eq!(page.on("cam", call, json!({})), Vec::<Value>::new());
        assert!(matches!(page.newest(), ClientMessage::Mute { stream: StreamId(5), audio: a, video: v } if (*a, *v) == (audio, video)));
        page.grant(Accepted::Done);
        assert_eq!(page.lines(), [good_on("cam", call, Value::Null)]);
    }
}

//
#[test]
fn what_was_disabled_before_it_is_published_is_disabled_then() {
    let mut page = Page::joined(7, &[2], vec![]);
    page.camera("cam");
    assert_eq!(page.on("cam", "disableAudio", json!({})), [good_on("cam", "disableAudio", Value::Null)]);
    page.call("publish", json!({ "stream": { "local": "cam" } }));
    page.grant(Accepted::Published { stream: StreamId(5) });
    assert_eq!(page.lines(), [good("publish", Value::Null)]);
    assert!(matches!(page.newest(), ClientMessage::Mute { stream: StreamId(5), audio: Some(true), video: None }));
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), Vec::<Value>::new(), "nobody asked for that");
    page.create("mic", json!({ "local": true, "video": false }));
    assert_eq!(page.on("mic", "disableVideo", json!({})), [bad_on("mic", "disableVideo", 2)], "it has no pictures");
}

//
#[test]
fn others_hear_what_was_disabled_each_part_by_itself() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    let audio = |muted: bool| event("peer-mute-audio", json!({ "msg": { "uid": 2, "muted": muted } }));
    let video = |muted: bool| event("peer-mute-video", json!({ "msg": { "uid": 2, "muted": muted } }));
    assert_eq!(page.receive(muted(1, true, false)), [audio(true)]);
    assert_eq!(page.receive(muted(1, true, true)), [video(true)]);
    assert_eq!(page.receive(muted(1, true, true)), Vec::<Value>::new(), "which is no news");
    assert_eq!(page.receive(muted(1, false, false)), [audio(false), video(false)]);
    let mut silent = stream_of(3, 2);
    silent.audio_muted = true;
    let told = page.receive(ServerMessage::StreamAdded { stream: silent });
    let muted = event("peer-mute-audio", json!({ "msg": { "uid": 3, "muted": true } }));
    assert_eq!(told, [event("stream-added", json!({ "stream": rendered(3) })), muted], "of one that was silent before");
}

//
#[test]
fn pictures_that_are_back_are_a_stream_added_again_to_whoever_receives_it() {
    let mut page = Page::joined(7, &[2], vec![stream_of(2, 1)]);
    let video = |muted: bool| event("peer-mute-video", json!({ "msg": { "uid": 2, "muted": muted } }));
    page.receive(muted(1, false, true));
    assert_eq!(page.receive(muted(1, false, false)), [video(false)], "nobody receives it");
    page.call("subscribe", json!({ "stream": { "user": 2 } }));
    page.grant(Accepted::Done);
    page.hush();
    page.receive(muted(1, true, true));
    let audio = event("peer-mute-audio", json!({ "msg": { "uid": 2, "muted": false } }));
    let again = event("stream-added", json!({ "stream": rendered(2) }));
    assert_eq!(page.receive(muted(1, false, true)), [audio], "sound that is back is no stream");
    assert_eq!(page.receive(muted(1, false, false)), [video(false), again]);
    page.call("unsubscribe", json!({ "stream": { "user": 2 } }));
    page.grant(Accepted::Done);
    page.hush();
    page.receive(muted(1, false, true));
    assert_eq!(page.receive(muted(1, false, false)), [video(false)]);
}

//
#[test]
fn the_id_of_a_stream_is_its_owners_uid() {
    let mut page = Page::joined(9, &[2], vec![stream_of(2, 1)]);
    page.create("named", json!({ "streamID": 5, "local": true, "video": true }));
    page.create("nameless", json!({ "local": true, "video": true }));
    assert_eq!(page.on("named", "getId", json!({})), [good_on("named", "getId", json!(5))]);
    assert_eq!(page.on("nameless", "getId", json!({})), [good_on("nameless", "getId", json!(9))]);
    assert_eq!(page.on_remote(2, "getId", json!({})), [good_on("2", "getId", json!(2))]);
    assert_eq!(page.on_remote(3, "getId", json!({})), [bad_on("3", "getId", 2)]);
    assert_eq!(page.on_remote(2, "disableAudio", json!({})), [bad_on("2", "disableAudio", 4)], "one's own media only");
    assert_eq!(page.on_remote(2, "init", json!({})), [good_on("2", "init", Value::Null)], "the SDK did it");
}

//
#[test]
fn a_device_that_fails_fails_init_and_can_be_tried_again() {
    let mut page = Page::with(Settings { auto_capture: false, ..settings() });
    page.create("cam", json!({ "local": true, "video": true }));
    assert_eq!(page.on("cam", "init", json!({})), Vec::<Value>::new());
    let order = |source| HostOrder::Capture { stream: "cam".into(), source, device: None };
    assert_eq!(page.orders, [order(Source::Microphone), order(Source::Camera)]);
    assert_eq!(page.host("captureSucceeded", json!({ "stream": "cam", "medium": "audio" })), Vec::<Value>::new());
    assert_eq!(page.host("captureFailed", json!({ "medium": "video", "code": 1501 })), [bad_on("cam", "init", 1501)]);
    assert_eq!(page.orders.pop(), Some(HostOrder::Release { stream: "cam".into(), source: Source::Microphone }));
    page.on("cam", "init", json!({}));
    assert_eq!(page.on("cam", "init", json!({})), [bad_on("cam", "init", 3)], "one at a time");
    assert_eq!(page.host("captureSucceeded", json!({})), [good_on("cam", "init", Value::Null)]);
    assert_eq!(page.on("cam", "close", json!({})), [good_on("cam", "close", Value::Null)]);
    assert_eq!(page.on("cam", "init", json!({})), [bad_on("cam", "init", 2)]);
    for (medium, code) in [("audio", 1011), ("video", 1003)] {
        page.create("again", json!({ "local": true, "video": true }));
        page.on("again", "init", json!({}));
        assert_eq!(page.host("captureFailed", json!({ "medium": medium })), [bad_on("again", "init", code)]);
    }
}

//
#[test]
fn a_device_that_failed_before_fails_a_capture_that_is_taken_for_granted() {
    let mut page = Page::ready();
    page.host("captureFailed", json!({ "medium": "video", "code": 16 }));
    page.create("cam", json!({ "local": true, "video": true }));
    assert_eq!(page.on("cam", "init", json!({})), [bad_on("cam", "init", 16)]);
    page.host("captureSucceeded", json!({ "medium": "video" }));
    assert_eq!(page.on("cam", "init", json!({})), [good_on("cam", "init", Value::Null)]);
    for wrong in [json!({ "local": false, "video": true }), json!({ "audio": false }), json!({ "streamID": "x" }), json!({ "video": 1 })] {
        assert_eq!(page.create("cam", wrong), [bad("createStream", 2)]);
    }
}

//
#[test]
fn a_profile_is_set_before_the_join() {
    let mut page = Page::ready();
    page.create("cam", json!({ "local": true, "video": true }));
    assert_eq!(page.on("cam", "setVideoProfile", json!({ "profile": "480p" })), [bad_on("cam", "setVideoProfile", 2)]);
    page.on("cam", "setVideoProfile", json!({ "profile": { "profile": "720P", "swapWidthAndHeight": true } }));
    page.on("cam", "init", json!({}));
    page.call("join", json!({ "channelName": "c", "uid": 7 }));
    page.hush();
    assert_eq!(
        page.on("cam", "setVideoProfile", json!({ "profile": "480P" })),
        [bad_on("cam", "setVideoProfile", 2)],
        "on the way in, too"
    );
    page.open();
    page.grant(joined(None, &[], vec![], false));
    page.call("publish", json!({ "stream": { "local": "cam" } }));
    let ClientMessage::Publish { offer } = page.newest() else { panic!("{:?}", page.newest()) };
    assert_eq!((offer.layers[0].width, offer.layers[0].height), (Some(720), 1280));
}

#[test]
fn a_name_that_is_given_again_lets_go_of_what_it_named() {
    let mut page = Page::joined(7, &[], vec![]);
    page.publish("cam", 5);
    page.orders.clear();
    page.create("cam", json!({ "local": true, "video": false }));
    assert!(matches!(page.newest(), ClientMessage::Unpublish { stream: StreamId(5) }));
    assert_eq!(page.orders.len(), 2, "both devices are let go");
    assert_eq!(page.call("publish", json!({ "stream": { "local": "cam" } })), [bad("publish", 3)], "the new one does not capture");
}

#[test]
fn a_stream_whose_name_was_given_away_meanwhile_is_withdrawn() {
    let mut page = Page::joined(7, &[], vec![]);
    page.camera("cam");
    page.call("publish", json!({ "stream": { "local": "cam" } }));
    page.create("cam", json!({ "local": true, "video": false }));
    page.hush();
    page.grant(Accepted::Published { stream: StreamId(5) });
    assert_eq!(page.lines(), [good("publish", Value::Null)]);
    assert!(matches!(page.newest(), ClientMessage::Unpublish { stream: StreamId(5) }));
}

//
#[test]
fn what_a_camera_cannot_deliver_is_sent_in_the_size_that_was_set() {
    let mut page = Page::with(Settings { auto_capture: false, ..settings() });
    page.call("init", json!({ "appId": "app1" }));
    page.create("cam", json!({ "local": true, "audio": false, "video": true }));
    page.on("cam", "setVideoProfile", json!({ "profile": "720P" }));
    page.on("cam", "init", json!({}));
    let data = json!({ "stream": "cam", "width": 640, "height": 480, "encodedWidth": 1280, "encodedHeight": 720 });
    let told = page.host("captureSucceeded", json!({ "medium": "video", "width": 640, "height": 480 }));
    assert_eq!(told, [notice("capture-fell-back", data), good_on("cam", "init", Value::Null)]);
    let mut page = Page::joined(7, &[], vec![]);
    page.publish("cam", 5);
    let before = page.newest().clone();
    page.host("captureSucceeded", json!({ "medium": "video", "width": 640, "height": 480 }));
    assert_eq!(*page.newest(), before, "the room is told nothing");
}

//
#[test]
fn a_profile_beyond_what_is_recommended_is_taken_with_a_word_about_it() {
    let mut page = Page::ready();
    page.create("cam", json!({ "local": true, "audio": true, "video": true }));
    let done = good_on("cam", "setVideoProfile", Value::Null);
    let told = page.on("cam", "setVideoProfile", json!({ "profile": "720P_3" }));
    assert_eq!(told, [notice("beyond-recommendation", json!({ "profile": "720P_3" })), done.clone()]);
    assert_eq!(page.on("cam", "setVideoProfile", json!({ "profile": "480P_7" })), [done]);
}
