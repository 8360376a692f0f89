//! Muting: who hears what, and when.

use greenroom_core::{
    dialect::{Input, StreamRef, VendorCall},
    stream::StreamKind,
};
use serde_json::{Map, Value, json};

use crate::theatre::{Theatre, failed, ok, remote};

fn status(event: &str, status: u8, reason: u8) -> (String, Value) {
    (event.to_owned(), json!({ "roomId": "stage", "userId": "ada", "status": status, "reason": reason }))
}

// R-144 R-145 R-147 R-148
#[test]
fn muting_is_told_once_and_the_stream_stays_what_it_is() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    assert_eq!(theatre.on(0, "cam", "muteAudio", json!({})), ok("muteAudio", true.into()));
    assert_eq!(theatre.on(0, "cam", "muteAudio", json!({})), ok("muteAudio", true.into()), "again, and nobody hears");
    theatre.on(0, "cam", "muteVideo", json!({}));
    theatre.on(0, "cam", "unmuteAudio", json!({}));
    theatre.on(0, "cam", "unmuteVideo", json!({}));
    let told = [status("mute-audio", 2, 1), status("mute-video", 2, 1), status("unmute-audio", 1, 2), status("unmute-video", 1, 2)];
    assert_eq!(theatre.events(1), told);
    theatre.on(0, "cam", "muteAudio", json!({}));
    assert_eq!(theatre.on(0, "cam", "hasAudio", json!({})), ok("hasAudio", true.into()));
    assert_eq!(theatre.on_remote(1, "ada", "hasAudio")["value"], true);
}

//
#[test]
fn a_part_that_is_not_there_cannot_be_muted() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.make(0, "voice", json!({ "audio": true }));
    theatre.call(0, "publish", json!({ "stream": { "local": "voice" } }));
    theatre.hush();
    assert_eq!(theatre.on(0, "voice", "muteVideo", json!({})), ok("muteVideo", false.into()));
    assert_eq!(theatre.names(1), [""; 0]);
}

//
#[test]
fn who_subscribes_to_a_muted_stream_learns_it_at_once() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    theatre.on(0, "cam", "muteAudio", json!({}));
    theatre.hush();
    // Whichever part it subscribes to: the other one's changes are told to it, too.
    let (muted_audio, muted_video) = (status("mute-audio", 2, 1), status("mute-video", 2, 1));
    let subscribed = |theatre: &mut Theatre, option: Value| {
        theatre.tell(1, crate_call("subscribe", json!({ "stream": remote("ada"), "option": option })));
        let events = theatre.events(1);
        assert_eq!(events[0].0, "stream-subscribed");
        events[1..].to_vec()
    };
    for option in [json!({ "audio": true }), json!({ "video": true }), json!(null)] {
        assert_eq!(subscribed(&mut theatre, option.clone()), core::slice::from_ref(&muted_audio), "{option}");
    }
    theatre.on(0, "cam", "muteVideo", json!({}));
    theatre.hush();
    for option in [json!({ "audio": true }), json!({ "video": true }), json!(null)] {
        assert_eq!(subscribed(&mut theatre, option.clone()), [muted_audio.clone(), muted_video.clone()], "{option}");
    }
    theatre.tell(1, crate_call("batchSubscribe", json!({ "subscribeInfos": [{ "userId": "ada" }] })));
    assert_eq!(theatre.events(1)[1..], [muted_audio, muted_video]);
}

fn crate_call(call: &str, args: Value) -> Input {
    Input::Call(VendorCall::new(call, crate::theatre::map(args)))
}

//
#[test]
fn muting_what_is_not_there_is_a_plain_no_and_no_server_s_error() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    for call in ["muteAudio", "muteVideo", "unmuteAudio", "unmuteVideo"] {
        assert_eq!(theatre.on(0, "nix", call, json!({})), ok(call, false.into()), "no local stream of that name");
        for user in ["bob", "nobody"] {
            let stream = StreamRef::Remote { user: user.into(), kind: StreamKind::Main };
            theatre.tell(0, Input::Call(VendorCall::on(stream, call, Map::new())));
            assert_eq!(theatre.lines(0), ok(call, false.into()), "{user} publishes nothing");
        }
    }
    let stream = StreamRef::Remote { user: "bob".into(), kind: StreamKind::Main };
    theatre.tell(0, Input::Call(VendorCall::on(stream, "getId", Map::new())));
    assert_eq!(theatre.lines(0), failed("getId", 90_100_001), "nor does any other method make up a refusal of the server's");
}

//
#[test]
fn what_is_muted_stays_so_when_it_is_published_again() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    theatre.on(0, "cam", "muteVideo", json!({}));
    theatre.call(0, "unpublish", json!({ "stream": { "local": "cam" } }));
    theatre.hush();
    theatre.call(0, "publish", json!({ "stream": { "local": "cam" } }));
    assert_eq!(theatre.names(1), ["stream-added", "mute-video"]);
}

//
#[test]
fn media_that_is_taken_out_of_a_stream_is_offline() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    assert_eq!(theatre.on(0, "cam", "removeTrack", json!({ "track": "audio" })).last(), ok("removeTrack", Value::Null).last());
    let events = theatre.events(1);
    assert_eq!((events[0].0.as_str(), &events[1]), ("stream-updated", &status("mute-audio", 2, 0)));
    assert_eq!(events[0].1["hasAudio"], false);
}
