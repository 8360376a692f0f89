//! Subscribing, one stream or a whole list.

use serde_json::{Value, json};

use crate::theatre::{Theatre, code_of, failed, ok, remote, settings};

/// Ada watches; Bob and Eve publish, Bob in two resolutions.
fn watching() -> (Theatre, String, String) {
    let mut theatre = Theatre::joined(&["ada", "bob", "eve"]);
    theatre.publish(1, "cam");
    theatre.publish(2, "cam");
    theatre.on(1, "cam", "addResolution", json!({ "profile": "720p_1" }));
    let events = theatre.events(0);
    let id = |at: usize| events[0].1["resolutions"][at]["resolutionId"].as_str().expect("a text").to_owned();
    let (high, low) = (id(0), id(1));
    theatre.hush();
    (theatre, high, low)
}

fn subscribed(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line["event"] == "stream-subscribed").count()
}

// R-094 R-095 R-098 R-099
#[test]
fn each_subscription_is_told_once_and_to_the_subscriber_alone() {
    let (mut theatre, high, low) = watching();
    for option in [json!(null), json!({ "audio": true }), json!({ "video": true }), json!({ "video": true, "resolutionIds": [low, high] })]
    {
        let lines = theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": option }));
        assert_eq!(lines[0], ok("subscribe", Value::Null)[0]);
        assert_eq!((lines.len(), &lines[1]["event"], &lines[1]["data"]["userId"]), (2, &json!("stream-subscribed"), &json!("bob")));
    }
    assert_eq!(theatre.names(1), [""; 0]);
    for option in [json!({}), json!({ "audio": false }), json!({ "video": false, "resolutionIds": [low] })] {
        assert_eq!(code_of(&theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": option }))), 90_000_005);
    }
}

// R-097 R-103
#[test]
fn unknown_layers_and_one_s_own_stream_are_refused() {
    let (mut theatre, _, _) = watching();
    let option = json!({ "video": true, "resolutionIds": ["nix"] });
    assert_eq!(code_of(&theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": option }))), 90_000_005);
    let ignored = json!({ "audio": true, "resolutionIds": ["nix"] });
    assert_eq!(
        subscribed(&theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": ignored }))),
        1,
        "without video, ids mean nothing"
    );
    assert_eq!(code_of(&theatre.call(1, "subscribe", json!({ "stream": remote("bob") }))), 90_000_005);
    assert_eq!(code_of(&theatre.call(1, "subscribe", json!({ "stream": { "local": "cam" } }))), 90_000_005);
}

// R-096 R-100 R-101
#[test]
fn unsubscribing_ends_what_it_names_and_nothing_else_is_an_error() {
    let (mut theatre, high, low) = watching();
    let end = |theatre: &mut Theatre, option: Value| theatre.call(0, "unsubscribe", json!({ "stream": remote("bob"), "option": option }));
    assert_eq!(end(&mut theatre, json!(null)), failed("unsubscribe", 90_100_001), "never subscribed");
    theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": { "video": true, "resolutionIds": [high] } }));
    theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": { "video": true, "resolutionIds": [low] } }));
    assert_eq!(end(&mut theatre, json!({ "audio": true })), ok("unsubscribe", Value::Null), "there was no sound");
    assert_eq!(end(&mut theatre, json!({ "video": true, "resolutionIds": [high] })), ok("unsubscribe", Value::Null));
    assert_eq!(theatre.on_remote(0, "bob", "getStreamInfo")["value"]["videoProfiles"][0]["hasTrack"], true, "the lower one is left");
    assert_eq!(end(&mut theatre, json!({ "video": true })), ok("unsubscribe", Value::Null), "all of them");
    assert_eq!(theatre.on_remote(0, "bob", "getStreamInfo")["value"]["videoProfiles"][0]["hasTrack"], false);
    assert_eq!(end(&mut theatre, json!(null)), ok("unsubscribe", Value::Null), "nothing is left, and that is no error");
    // The highest, however it was asked for, is the top one.
    theatre.call(0, "subscribe", json!({ "stream": remote("bob"), "option": { "video": true } }));
    end(&mut theatre, json!({ "video": true, "resolutionIds": [high] }));
    assert_eq!(theatre.on_remote(0, "bob", "getStreamInfo")["value"]["videoProfiles"][0]["hasTrack"], false);
}

//
#[test]
fn who_and_what_has_gone_cannot_be_subscribed_to() {
    let (mut theatre, _, _) = watching();
    theatre.call(1, "unpublish", json!({ "stream": { "local": "cam" } }));
    theatre.call(2, "leave", json!({}));
    let lines = theatre.call(0, "subscribe", json!({ "stream": remote("bob") }));
    assert_eq!((lines[0]["data"]["errorCode"].as_str(), code_of(&lines)), (Some("RTC.32000010"), 32_000_010));
    assert_eq!(code_of(&theatre.call(0, "subscribe", json!({ "stream": remote("eve") }))), 34_000_006);
}

//
#[test]
fn a_player_subscribes_like_anybody() {
    let mut theatre = Theatre::new(2);
    theatre.join(0, "ada", 0);
    theatre.join(1, "bob", 2);
    theatre.publish(0, "cam");
    assert_eq!(subscribed(&theatre.call(1, "subscribe", json!({ "stream": remote("ada") }))), 1);
}

// R-105 R-106 R-109
#[test]
fn a_list_is_the_whole_of_the_video_and_leaves_sound_alone() {
    let (mut theatre, high, low) = watching();
    theatre.call(0, "subscribe", json!({ "stream": remote("eve") }));
    let infos = json!([{ "userId": "bob", "resolutionIds": [low, high], "minResolution": "SD" }, { "userId": "nobody" }]);
    let lines = theatre.call(0, "batchSubscribe", json!({ "subscribeInfos": infos }));
    assert_eq!((subscribed(&lines), &lines[0]), (1, &ok("batchSubscribe", Value::Null)[0]));
    assert_eq!(theatre.on_remote(0, "eve", "getStreamInfo")["value"]["videoProfiles"][0]["hasTrack"], false);
    let sound = theatre.call(0, "unsubscribe", json!({ "stream": remote("eve"), "option": { "audio": true } }));
    assert_eq!(sound, ok("unsubscribe", Value::Null));
    let both = json!([{ "userId": "eve" }, { "userId": "bob" }]);
    assert_eq!(subscribed(&theatre.call(0, "batchSubscribe", json!({ "subscribeInfos": both }))), 2);
    let gone = theatre.call(0, "batchSubscribe", json!({ "subscribeInfos": [{ "userId": "nobody" }] }));
    assert_eq!(code_of(&gone), 34_000_006);
    assert_eq!(theatre.on_remote(0, "bob", "getStreamInfo")["value"]["videoProfiles"][0]["hasTrack"], true, "nothing changed");
}

// R-107 C-10
#[test]
fn an_empty_list_ends_all_video_or_is_refused_by_a_strict_client() {
    let (mut theatre, _, _) = watching();
    theatre.call(0, "subscribe", json!({ "stream": remote("bob") }));
    assert_eq!(theatre.call(0, "batchSubscribe", json!({ "subscribeInfos": [] })), ok("batchSubscribe", Value::Null));
    assert_eq!(theatre.on_remote(0, "bob", "getStreamInfo")["value"]["videoProfiles"][0]["hasTrack"], false);
    let mut strict = Theatre::with(1, &greenroom_core::dialect::Settings { strict: true, ..settings() }, |_| {});
    strict.join(0, "ada", 0);
    let lines = strict.call(0, "batchSubscribe", json!({ "subscribeInfos": [] }));
    assert_eq!((lines[0]["data"]["errorCode"].as_str(), code_of(&lines)), (Some("RTC.32000012"), 32_000_012));
}

//
#[test]
fn a_list_names_each_user_once_and_others_only() {
    let (mut theatre, _, _) = watching();
    for infos in [
        json!([{ "userId": "bob" }, { "userId": "bob" }]),
        json!([{ "userId": "ada" }]),
        json!([{ "userId": "bob", "minResolution": "4K" }]),
        json!([{ "userId": "bob", "resolutionIds": ["nix"] }]),
        json!([{ "resolutionIds": [] }]),
        json!(["bob"]),
        json!("bob"),
    ] {
        assert_eq!(code_of(&theatre.call(0, "batchSubscribe", json!({ "subscribeInfos": infos }))), 90_000_005, "{infos}");
    }
}

// R-118 R-119 C-11
#[test]
fn the_lowest_resolution_worth_having_is_one_of_four() {
    let (mut theatre, _, _) = watching();
    let floor = |theatre: &Theatre| {
        let ada = theatre.room.members().find(|member| member.user.as_str() == "ada").expect("she is there");
        ada.subscriptions.values().find_map(|subscription| subscription.video.as_ref()).expect("she receives video").min_height
    };
    for (word, pixels) in [("FHD", Some(1080)), ("HD", Some(720)), ("SD", Some(360)), ("LD", None)] {
        theatre.call(0, "batchSubscribe", json!({ "subscribeInfos": [{ "userId": "bob", "minResolution": word }] }));
        assert_eq!(floor(&theatre), pixels, "{word}");
    }
}
