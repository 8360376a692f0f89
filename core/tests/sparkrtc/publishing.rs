//! Local streams, publishing them, and changing what was published.

use serde_json::{Value, json};

use crate::theatre::{Theatre, code_of, failed, ok, remote};

fn cam() -> Value {
    json!({ "stream": { "local": "cam" } })
}

// R-082 R-083 R-085 R-089 R-092
#[test]
fn a_stream_is_published_once_and_withdrawn_once() {
    let mut theatre = Theatre::new(2);
    theatre.make(1, "cam", json!({ "audio": true, "video": true }));
    assert_eq!(theatre.call(1, "publish", cam()), failed("publish", 90_100_007));
    theatre.join(0, "ada", 0);
    theatre.join(1, "bob", 0);
    theatre.hush();
    assert_eq!(theatre.on(1, "cam", "getId", json!({})), ok("getId", Value::Null), "it means nothing yet");
    assert_eq!(theatre.call(1, "unpublish", cam()), failed("unpublish", 90_100_001));
    assert_eq!(theatre.call(1, "publish", cam()), ok("publish", Value::Null));
    assert_eq!(theatre.names(0), ["stream-added"]);
    let id = theatre.on(1, "cam", "getId", json!({}))[0]["value"].clone();
    assert!(id.is_string());
    assert_eq!(theatre.on_remote(0, "bob", "getId")["value"], id);
    assert_eq!(theatre.call(1, "publish", cam()), failed("publish", 90_100_001));
    assert_eq!(theatre.call(1, "unpublish", cam()), ok("unpublish", Value::Null));
    assert_eq!(theatre.names(0), ["stream-removed"]);
    assert_eq!(theatre.call(1, "unpublish", cam()), failed("unpublish", 90_100_001));
    for no_stream in [json!({}), json!({ "stream": { "local": "nix" } }), json!({ "stream": remote("ada") }), json!({ "stream": "cam" })] {
        assert_eq!(code_of(&theatre.call(1, "publish", no_stream)), 90_000_005);
    }
}

//
#[test]
fn what_is_not_initialised_cannot_be_published() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.host(0, "captureFailed", json!({ "medium": "audio", "code": 90_100_017 }));
    theatre.make(0, "cam", json!({ "audio": true }));
    assert_eq!(theatre.call(0, "publish", cam()), failed("publish", 90_100_001));
}

//
#[test]
fn video_is_sent_when_somebody_watches_unless_it_is_to_be_pushed() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.make(0, "cam", json!({ "video": true }));
    assert_eq!(theatre.call(0, "publish", cam()), ok("publish", Value::Null));
    theatre.call(1, "subscribe", json!({ "stream": remote("ada") }));
    assert_eq!(theatre.lines(0), [json!({ "send_video": true, "stream": "cam" })]);
    theatre.call(1, "unsubscribe", json!({ "stream": remote("ada") }));
    assert_eq!(theatre.lines(0), [json!({ "send_video": false, "stream": "cam" })]);
    theatre.call(0, "unpublish", cam());
    let lines = theatre.call(0, "publish", json!({ "stream": { "local": "cam" }, "option": { "autoPushVideo": true } }));
    assert_eq!(lines, [ok("publish", Value::Null)[0].clone(), json!({ "send_video": true, "stream": "cam" })]);
}

//
#[test]
fn one_main_stream_for_each_user_and_one_share_for_the_room() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    theatre.make(0, "other", json!({ "audio": true }));
    assert_eq!(theatre.call(0, "publish", json!({ "stream": { "local": "other" } })), failed("publish", 90_100_001));
    for who in [0, 1] {
        theatre.make(who, "share", json!({ "screen": true }));
    }
    assert_eq!(theatre.call(0, "publish", json!({ "stream": { "local": "share" } })), ok("publish", Value::Null));
    assert_eq!(theatre.events(1).pop().map(|(_, data)| data["type"].clone()), Some(json!("auxiliary")));
    let lines = theatre.call(1, "publish", json!({ "stream": { "local": "share" } }));
    assert_eq!(lines[0]["data"]["errorCode"], "RTC.34000007");
    assert_eq!(lines[1..], failed("publish", 34_000_007));
}

//
#[test]
fn a_paused_room_takes_no_stream() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.make(0, "cam", json!({ "audio": true }));
    theatre.room_says(greenroom_core::room::Input::Pause { paused: true });
    assert_eq!(theatre.call(0, "publish", cam()), failed("publish", 90_100_029));
}

// R-090 R-112 R-111 R-114 R-115
#[test]
fn a_second_resolution_updates_the_stream_and_a_third_is_too_many() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    let lines = theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
    let record = &lines.last().expect("it returns")["value"];
    assert_eq!((&record["width"], &record["maxBitrate"], &record["hasTrack"]), (&json!(1280), &json!(1_500_000), &json!(true)));
    let events = theatre.events(1);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "stream-updated");
    let heights: Vec<&Value> =
        events[0].1["resolutions"].as_array().expect("a list").iter().map(|resolution| &resolution["height"]).collect();
    assert_eq!(heights, [&json!(720), &json!(360)]);
    assert_eq!(events[0].1["resolutions"][0]["resolutionId"], record["resolutionId"]);
    assert_eq!(theatre.on(0, "cam", "addResolution", json!({ "profile": "90p_1" })), failed("addResolution", 90_100_001));
    assert_eq!(code_of(&theatre.on(0, "cam", "removeResolution", json!({ "resolutionId": "nix" }))), 90_000_005);
    let top = json!({ "resolutionId": record["resolutionId"] });
    assert_eq!(theatre.on(0, "cam", "removeResolution", top), ok("removeResolution", Value::Null));
    assert_eq!(theatre.events(1)[0].1["resolutions"].as_array().map(Vec::len), Some(1));
}

// R-116 R-117 R-121
#[test]
fn profiles_keep_to_what_was_captured_and_to_who_made_the_tracks() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    assert_eq!(theatre.on(0, "cam", "setVideoProfile", json!({ "profile": "480p_1" })), ok("setVideoProfile", Value::Null));
    assert_eq!(theatre.names(1), ["stream-updated"]);
    assert_eq!(theatre.on(0, "cam", "setVideoProfile", json!({ "profile": "no such" })), ok("setVideoProfile", Value::Null));
    assert_eq!(theatre.on(0, "cam", "getStreamInfo", json!({}))[0]["value"]["videoProfiles"][0]["width"], 480, "the default");
    theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
    assert_eq!(code_of(&theatre.on(0, "cam", "setVideoProfile", json!({ "profile": "1080p_1" }))), 90_000_005);
    assert_eq!(theatre.on(0, "cam", "setVideoProfile", json!({ "profile": "540p_1" })), ok("setVideoProfile", Value::Null));
    theatre.make(0, "own", json!({ "videoSource": "a track" }));
    for (call, args) in [("addResolution", json!({ "profile": "90p_1" })), ("setVideoProfile", json!({ "profile": "90p_1" }))] {
        assert_eq!(theatre.on(0, "own", call, args), failed(call, 90_100_001));
    }
    assert_eq!(theatre.on(0, "cam", "setAudioProfile", json!({ "profile": "high" })), failed("setAudioProfile", 90_100_001));
}

// R-206 R-209 R-113
#[test]
fn what_the_platform_cannot_capture_is_told_for_each_medium() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.host(0, "captureFailed", json!({ "medium": "video", "code": 90_100_019 }));
    let create = greenroom_core::dialect::VendorCall {
        bind: Some("cam".into()),
        ..greenroom_core::dialect::VendorCall::new(
            "createStream",
            crate::theatre::map(json!({ "config": { "audio": true, "video": true } })),
        )
    };
    theatre.tell(0, greenroom_core::dialect::Input::Call(create));
    let lines = theatre.on(0, "cam", "initialize", json!({}));
    let result = &lines.last().expect("it returns")["value"];
    assert_eq!(result["code"], 90_100_019);
    assert_eq!(result["mediaCaptureResults"][0], json!({ "type": "audio", "track": { "kind": "audio", "id": "cam.microphone" } }));
    assert_eq!(result["mediaCaptureResults"][1]["error"]["code"], 90_100_019);
    assert_eq!(theatre.on(0, "cam", "hasVideo", json!({})), ok("hasVideo", false.into()));
    assert_eq!(theatre.call(0, "publish", cam()), ok("publish", Value::Null), "sound alone will do");
    theatre.host(0, "captureFailed", json!({ "medium": "video", "code": 90_100_020 }));
    let lines = theatre.on(0, "cam", "addVideoTrackCapture", json!({}));
    assert_eq!(code_of(&lines), 90_100_020);
    let lines = theatre.on(0, "cam", "addVideoTrackCapture", json!({}));
    assert_eq!(lines.last().map(|line| line["ok"].clone()), Some(json!(true)));
    assert_eq!(theatre.on(0, "cam", "addVideoTrackCapture", json!({})), failed("addVideoTrackCapture", 90_100_001));
}

#[test]
fn a_capture_that_takes_its_time_is_answered_when_it_is_there() {
    let settings = greenroom_core::dialect::Settings { auto_capture: false, ..crate::theatre::settings() };
    let mut theatre = Theatre::with(1, &settings, |_| {});
    theatre.make(0, "cam", json!({ "audio": true, "video": true }));
    assert_eq!(theatre.on(0, "cam", "initialize", json!({})), failed("initialize", 90_100_001), "one at a time");
    assert_eq!(theatre.host(0, "captureSucceeded", json!({ "medium": "video" })), [] as [Value; 0]);
    let lines = theatre.host(0, "captureSucceeded", json!({ "medium": "audio" }));
    assert_eq!((&lines[0]["return"], &lines[0]["value"]["code"]), (&json!("initialize"), &json!(0)));
}

// R-090 R-210
#[test]
fn tracks_come_and_go_and_others_see_one_stream_change() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    assert_eq!(theatre.on(0, "cam", "addTrack", json!({ "track": "video" })), failed("addTrack", 90_100_001));
    let lines = theatre.on(0, "cam", "removeTrack", json!({ "track": { "kind": "video", "id": "cam.camera" } }));
    assert_eq!(lines, [json!({ "release": "cam Camera" }), ok("removeTrack", Value::Null)[0].clone()]);
    assert_eq!(code_of(&theatre.on(0, "cam", "removeTrack", json!({ "track": "video" }))), 90_000_005);
    let lines = theatre.on(0, "cam", "addTrack", json!({ "track": { "kind": "video" } }));
    assert_eq!(lines, [json!({ "send_video": false, "stream": "cam" }), ok("addTrack", Value::Null)[0].clone()], "nobody watches");
    assert_eq!(theatre.names(1), ["stream-updated", "mute-video", "stream-updated"]);
    assert_eq!(theatre.on(0, "cam", "removeTrack", json!({ "track": "audio" })).last(), ok("removeTrack", Value::Null).last());
    assert_eq!(
        theatre.on(0, "cam", "removeTrack", json!({ "track": "video" })),
        failed("removeTrack", 90_100_001),
        "it would send nothing"
    );
}

//
#[test]
fn closing_a_stream_lets_go_of_its_devices_and_ends_its_publication() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    let lines = theatre.on(0, "cam", "close", json!({}));
    assert_eq!(lines, [json!({ "release": "cam Microphone" }), json!({ "release": "cam Camera" }), ok("close", Value::Null)[0].clone()]);
    assert_eq!(theatre.names(1), ["stream-removed"]);
    assert_eq!(theatre.on(0, "cam", "initialize", json!({})), failed("initialize", 90_100_001));
}

//
#[test]
fn an_initialize_result_is_asked_for_all_media_or_for_one() {
    let mut theatre = Theatre::joined(&["ada"]);
    let all = "StreamInitializeResult.getMediaCaptureResult";
    let by_type = "StreamInitializeResult.getMediaCaptureResultByType";
    theatre.publish(0, "cam");
    theatre.host(0, "captureFailed", json!({ "medium": "video", "code": 90_100_018 }));
    let lines = theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
    let result = lines.last().expect("it returns")["value"].clone();
    assert_eq!((&result["code"], result["mediaCaptureResults"].as_array().map(Vec::len)), (&json!(90_100_018), Some(1)));
    assert_eq!(theatre.on(0, "cam", all, json!({})), ok(all, result["mediaCaptureResults"].clone()));
    let video = theatre.on(0, "cam", by_type, json!({ "type": "video" }));
    assert_eq!(video[0]["value"]["error"]["code"], 90_100_018);
    assert_eq!(theatre.on(0, "cam", by_type, json!({ "type": "audio" })), ok(by_type, Value::Null), "it was not asked for");
    assert_eq!(code_of(&theatre.on(0, "cam", by_type, json!({ "type": "smell" }))), 90_000_005);
    theatre.tell(
        0,
        greenroom_core::dialect::Input::Call(greenroom_core::dialect::VendorCall {
            bind: Some("new".into()),
            ..greenroom_core::dialect::VendorCall::new("createStream", crate::theatre::map(json!({ "config": { "audio": true } })))
        }),
    );
    assert_eq!(theatre.on(0, "new", all, json!({})), failed(all, 90_100_001), "there is no result yet");
}

// R-123 C-34
#[test]
fn sound_and_share_keep_the_profile_they_were_initialised_with() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.make(0, "cam", json!({ "audio": true }));
    theatre.make(0, "share", json!({ "screen": true }));
    for (stream, call, profile) in [("cam", "setAudioProfile", "high"), ("share", "setScreenProfile", "1080p")] {
        let before = theatre.on(0, stream, "getStreamInfo", json!({}));
        assert_eq!(theatre.on(0, stream, call, json!({ "profile": profile })), failed(call, 90_100_001));
        assert_eq!(theatre.on(0, stream, "getStreamInfo", json!({})), before);
    }
}

//
#[test]
fn a_profile_s_own_rates_are_bits_per_second_like_those_of_its_table() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.publish(0, "cam");
    let rates = |theatre: &mut Theatre, profile: Value| {
        theatre.on(0, "cam", "setVideoProfile", json!({ "profile": profile }));
        let info = theatre.on(0, "cam", "getStreamInfo", json!({}))[0]["value"]["videoProfiles"][0].clone();
        (info["minBitrate"].clone(), info["maxBitrate"].clone())
    };
    let named = rates(&mut theatre, json!("480p_1"));
    assert_eq!(named, (json!(250_000), json!(900_000)));
    let fields = json!({ "width": 640, "height": 480, "frameRate": 15, "minBitrate": 250_000, "maxBitrate": 900_000 });
    assert_eq!(rates(&mut theatre, fields), named);
}

//
#[test]
fn what_a_camera_cannot_deliver_is_sent_as_it_is_captured() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.host(0, "captureSucceeded", json!({ "medium": "video", "width": 320, "height": 240 }));
    theatre.publish(0, "cam");
    let info = theatre.on(0, "cam", "getStreamInfo", json!({}));
    assert_eq!(
        (&info[0]["value"]["videoProfiles"][0]["width"], &info[0]["value"]["videoProfiles"][0]["height"]),
        (&json!(320), &json!(240))
    );
    assert_eq!(
        theatre.on_remote(1, "ada", "getStreamInfo")["value"]["videoProfiles"][0]["height"],
        240,
        "the others hear of the real size"
    );
    for wrong in [json!({ "medium": "video", "width": 320 }), json!({ "medium": "video", "width": 0, "height": 240 })] {
        let told = theatre.try_tell(0, greenroom_core::dialect::Input::Host { name: "captureSucceeded".into(), args: wrong });
        assert!(matches!(told, Err(greenroom_core::dialect::Refused::BadInput { .. })), "{told:?}");
    }
}
