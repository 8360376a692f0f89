//! Statistics: what the platform counts, what calls tell of it, and the event that tells it by itself.

use core::time::Duration;

use greenroom_core::{
    dialect::{
        Input, Refused, Settings, VendorCall,
        sparkrtc::{Client, NativeCallback},
    },
    id::UserId,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::theatre::{START, Theatre, code_of, failed, map, ok, remote, settings};

const SECOND: Duration = Duration::from_secs(1);

/// Ada publishes a camera of two resolutions, m1 with 360 lines and m2 with 720; Bob receives all of it.
fn ada_and_bob() -> Theatre {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
    theatre.call(1, "subscribe", json!({ "stream": remote("ada") }));
    theatre.hush();
    theatre
}

fn sent(media: &str, id: Option<&str>, bytes: u64, packets: u64) -> Value {
    let mut part = json!({ "stream": { "local": "cam" }, "media": media, "bytesSent": bytes, "packetsSent": packets });
    if let Some(id) = id {
        part["resolutionId"] = id.into();
    }
    part
}

fn received(user: &str, media: &str, bytes: u64, packets: u64, lost: i64) -> Value {
    json!({ "stream": remote(user), "media": media, "bytesReceived": bytes, "packetsReceived": packets, "packetsLost": lost })
}

fn report(theatre: &mut Theatre, who: usize, parts: &[Value]) {
    let lines = theatre.host(who, "statistics", json!({ "rttMs": 40, "streams": parts }));
    assert_eq!(lines, Vec::<Value>::new());
}

/// What a getter brings.
fn got(theatre: &mut Theatre, who: usize, call: &str) -> Value {
    let lines = theatre.call(who, call, json!({}));
    assert_eq!(lines[0]["ok"], true, "{lines:?}");
    lines[0]["value"].clone()
}

/// The events `rtc-stats` that somebody has heard.
fn beats(theatre: &mut Theatre, who: usize) -> Vec<Value> {
    theatre.events(who).into_iter().filter(|(name, _)| name == "rtc-stats").map(|(_, data)| data).collect()
}

// R-155 R-115
#[test]
fn transport_statistics_are_those_of_the_top_main_layer_and_come_after_publishing() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    assert_eq!(theatre.call(0, "getTransportStats", json!({})), failed("getTransportStats", 90_100_001));
    theatre.publish(0, "cam");
    let nothing = json!({ "bytesSent": 0, "bytesReceived": 0, "sendBitrate": 0, "recvBitrate": 0 });
    assert_eq!(got(&mut theatre, 0, "getTransportStats"), nothing, "no round trip was measured yet");
    theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
    theatre.publish(1, "cam");
    theatre.call(0, "subscribe", json!({ "stream": remote("bob") }));
    theatre.hush();
    let parts = |bytes: u64| {
        [
            sent("audio", None, 7, 1),
            sent("video", Some("m1"), 70, 1),
            sent("video", None, bytes, 9),
            received("bob", "video", bytes / 2, 9, 0),
        ]
    };
    report(&mut theatre, 0, &parts(10_000));
    theatre.pass(SECOND);
    report(&mut theatre, 0, &parts(135_000));
    let stats = got(&mut theatre, 0, "getTransportStats");
    assert_eq!(stats, json!({ "bytesSent": 135_000, "bytesReceived": 67_500, "sendBitrate": 1000, "recvBitrate": 500, "rtt": 40 }));
    theatre.pass(SECOND);
    theatre.host(0, "statistics", json!({ "rttMs": 12.345 }));
    let stats = got(&mut theatre, 0, "getTransportStats");
    assert_eq!((&stats["sendBitrate"], &stats["bytesSent"], &stats["rtt"]), (&json!(0), &json!(135_000), &json!(12.345)));
    theatre.call(0, "unpublish", json!({ "stream": { "local": "cam" } }));
    assert_eq!(theatre.call(0, "getTransportStats", json!({})), failed("getTransportStats", 90_100_001));
}

// R-155 C-43
#[test]
fn a_player_may_ask_for_transport_statistics_unless_the_client_is_strict() {
    for strict in [false, true] {
        let mut theatre = Theatre::with(2, &Settings { strict, ..settings() }, |_| {});
        theatre.join(0, "ada", 0);
        theatre.join(1, "bob", 2);
        theatre.publish(0, "cam");
        theatre.call(1, "subscribe", json!({ "stream": remote("ada") }));
        let report = json!({ "streams": [received("ada", "audio", 500, 5, 0)] });
        theatre.host(1, "statistics", report);
        if strict {
            assert_eq!(theatre.call(1, "getTransportStats", json!({})), failed("getTransportStats", 90_100_001));
        } else {
            assert_eq!(got(&mut theatre, 1, "getTransportStats")["bytesReceived"], 500);
        }
    }
}

//
#[test]
fn what_nobody_receives_has_no_local_statistics() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    assert_eq!(got(&mut theatre, 0, "getLocalAudioStats"), json!({}), "not published");
    theatre.publish(0, "cam");
    report(&mut theatre, 0, &[sent("audio", None, 100, 2), sent("video", None, 900, 3)]);
    for call in ["getLocalAudioStats", "getLocalVideoStats"] {
        assert_eq!(got(&mut theatre, 0, call), json!({}), "published, and subscribed to by nobody");
    }
    theatre.call(1, "subscribe", json!({ "stream": remote("ada"), "option": { "audio": true } }));
    theatre.hush();
    assert_eq!(got(&mut theatre, 0, "getLocalAudioStats"), json!({ "ada": { "bytesSent": 100, "packetsSent": 2 } }));
    assert_eq!(got(&mut theatre, 0, "getLocalVideoStats"), json!({}), "her sound alone");
    theatre.call(1, "subscribe", json!({ "stream": remote("ada"), "option": { "video": true } }));
    theatre.hush();
    assert_eq!(got(&mut theatre, 0, "getLocalVideoStats")["ada"]["mainStream"][0]["bytesSent"], 900);
    theatre.call(1, "unsubscribe", json!({ "stream": remote("ada") }));
    theatre.hush();
    assert_eq!(got(&mut theatre, 0, "getLocalVideoStats"), json!({}));
}

// R-024 R-156
#[test]
fn local_statistics_need_the_server_and_say_so_where_it_is_away() {
    let mut theatre = ada_and_bob();
    theatre.set_cut(0, true);
    theatre.pass(8 * SECOND);
    theatre.hush();
    assert_eq!(theatre.call(0, "getLocalAudioStats", json!({})), failed("getLocalAudioStats", 90_100_008));
    assert_eq!(got(&mut theatre, 0, "getRemoteAudioStats"), json!({}), "what is known here is told");
}

//
#[test]
fn local_video_has_an_entry_for_each_resolution_and_one_for_the_share() {
    let mut theatre = ada_and_bob();
    let mut top = sent("video", Some("m2"), 5000, 50);
    for (field, value) in [("framesEncoded", 30), ("framesSent", 29), ("frameWidth", 960), ("frameHeight", 540)] {
        top[field] = value.into();
    }
    report(&mut theatre, 0, &[top, sent("video", Some("m1"), 1000, 10)]);
    let large =
        json!({ "bytesSent": 5000, "packetsSent": 50, "framesEncoded": 30, "framesSent": 29, "frameWidth": 960, "frameHeight": 540 });
    let small = json!({ "bytesSent": 1000, "packetsSent": 10, "framesEncoded": 0, "framesSent": 0, "frameWidth": 480, "frameHeight": 360 });
    assert_eq!(got(&mut theatre, 0, "getLocalVideoStats"), json!({ "ada": { "mainStream": [large, small] } }));
    theatre.make(0, "share", json!({ "screen": true }));
    theatre.call(0, "publish", json!({ "stream": { "local": "share" } }));
    theatre.call(1, "subscribe", json!({ "stream": { "user": "ada", "type": "auxiliary" } }));
    theatre.hush();
    report(&mut theatre, 0, &[json!({ "stream": { "local": "share" }, "media": "video", "bytesSent": 77, "packetsSent": 7 })]);
    let stats = got(&mut theatre, 0, "getLocalVideoStats");
    assert_eq!((&stats["ada"]["subStream"]["bytesSent"], stats["ada"]["mainStream"].as_array().map(Vec::len)), (&json!(77), Some(2)));
}

//
#[test]
fn remote_statistics_are_by_user_and_leave_out_a_size_that_nobody_can_tell() {
    let mut theatre = ada_and_bob();
    assert_eq!(
        got(&mut theatre, 1, "getRemoteAudioStats"),
        json!({ "ada": { "bytesReceived": 0, "packetsReceived": 0, "packetsLost": 0 } })
    );
    let mut video = received("ada", "video", 9000, 90, 3);
    video["framesDecoded"] = 25.into();
    report(&mut theatre, 1, &[received("ada", "audio", 300, 30, 1), video.clone()]);
    assert_eq!(
        got(&mut theatre, 1, "getRemoteAudioStats"),
        json!({ "ada": { "bytesReceived": 300, "packetsReceived": 30, "packetsLost": 1 } })
    );
    let entry = json!({ "bytesReceived": 9000, "packetsReceived": 90, "packetsLost": 3, "framesDecoded": 25 });
    assert_eq!(got(&mut theatre, 1, "getRemoteVideoStats"), json!({ "ada": { "mainStream": [entry] } }));
    (video["frameWidth"], video["frameHeight"]) = (1280.into(), 720.into());
    report(&mut theatre, 1, &[video]);
    assert_eq!(got(&mut theatre, 1, "getRemoteVideoStats")["ada"]["mainStream"][0]["frameWidth"], 1280);
    theatre.call(1, "unsubscribe", json!({ "stream": remote("ada"), "option": { "video": true } }));
    assert_eq!(got(&mut theatre, 1, "getRemoteVideoStats"), json!({}));
    assert_eq!(got(&mut theatre, 0, "getRemoteVideoStats"), json!({}), "she receives nothing");
}

//
#[test]
fn a_native_callback_is_handed_what_there_is_and_none_for_the_rest() {
    let mut theatre = ada_and_bob();
    report(&mut theatre, 0, &[sent("video", None, 5000, 50)]);
    report(&mut theatre, 1, &[received("ada", "audio", 300, 30, 1)]);
    let ada = UserId::new("ada").expect("valid");
    let bytes = |who: usize, callback| {
        let stats = theatre.client(who).native_stats(callback, Some(&ada));
        (stats.local.map(|stats| stats.totals().bytes), stats.remote.map(|stats| stats.totals().bytes))
    };
    assert_eq!(bytes(0, NativeCallback::Video), (Some(5000), None));
    assert_eq!(bytes(0, NativeCallback::Audio), (None, None));
    assert_eq!(bytes(1, NativeCallback::Audio), (None, Some(300)));
    assert_eq!(bytes(1, NativeCallback::AuxiliaryStream), (None, None));
    let names = [NativeCallback::Video, NativeCallback::Audio, NativeCallback::AuxiliaryStream].map(NativeCallback::name);
    assert_eq!(names, ["onVideoStats", "onAudioStatus", "onAuxiliaryStreamStatsNotify"]);
}

//
#[test]
fn rtc_stats_comes_every_interval_until_it_is_disabled() {
    let mut theatre = ada_and_bob();
    assert_eq!(theatre.call(1, "enableRtcStats", json!({ "enable": true, "interval": 250 })), ok("enableRtcStats", Value::Null));
    theatre.pass(Duration::from_millis(249));
    assert_eq!(beats(&mut theatre, 1).len(), 0);
    theatre.pass(Duration::from_millis(1));
    assert_eq!(beats(&mut theatre, 1).len(), 1);
    theatre.pass(SECOND);
    assert_eq!(beats(&mut theatre, 1).len(), 4);
    theatre.call(1, "enableRtcStats", json!({ "enable": true, "interval": 500 }));
    theatre.pass(SECOND);
    assert_eq!(beats(&mut theatre, 1).len(), 2, "the newer interval holds");
    for ignored in [json!(0), json!("soon"), Value::Null] {
        let lines = theatre.call(1, "enableRtcStats", json!({ "enable": false, "interval": ignored }));
        assert_eq!(lines, ok("enableRtcStats", Value::Null), "the interval is ignored");
    }
    theatre.pass(5 * SECOND);
    assert_eq!(beats(&mut theatre, 1).len(), 0);
}

//
#[test]
fn an_interval_is_whole_milliseconds_and_the_event_is_told_in_rooms_alone() {
    let mut theatre = Theatre::new(1);
    for args in [
        json!({ "enable": true }),
        json!({ "enable": true, "interval": 0 }),
        json!({ "enable": true, "interval": -5 }),
        json!({ "enable": true, "interval": 0.5 }),
        json!({ "enable": true, "interval": "1000" }),
        json!({ "enable": 1, "interval": 1000 }),
        json!({ "interval": 1000 }),
    ] {
        assert_eq!(code_of(&theatre.call(0, "enableRtcStats", args.clone())), 90_000_005, "{args}");
    }
    assert_eq!(theatre.call(0, "enableRtcStats", json!({ "enable": true, "interval": 1000.0 })), ok("enableRtcStats", Value::Null));
    theatre.pass(5 * SECOND);
    theatre.join(0, "ada", 0);
    assert_eq!(beats(&mut theatre, 0).len(), 0, "there was no room");
    theatre.pass(2 * SECOND);
    assert_eq!(beats(&mut theatre, 0), [json!([]), json!([])], "nothing is sent or received, and it comes all the same");
    theatre.call(0, "leave", json!({}));
    theatre.pass(5 * SECOND);
    assert_eq!(beats(&mut theatre, 0).len(), 0);
    theatre.call(0, "enableRtcStats", json!({ "enable": true, "interval": u64::MAX }));
    theatre.join(0, "ada", 0);
    theatre.pass(SECOND);
    assert_eq!(beats(&mut theatre, 0).len(), 0, "what never comes does no harm");
}

// R-160 R-161 R-120 C-32
#[test]
fn rtc_stats_has_a_record_for_each_part_with_the_round_trip_of_ones_own_alone() {
    let mut theatre = Theatre::new(2);
    theatre.call(
        0,
        "join",
        json!({ "roomId": "stage", "options": { "userId": "ada", "userName": "Ada", "signature": "good", "ctime": "9000", "role": 0 } }),
    );
    theatre.join(1, "bob", 0);
    theatre.publish(0, "cam");
    theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
    theatre.publish(1, "cam");
    theatre.call(0, "subscribe", json!({ "stream": remote("bob") }));
    theatre.call(0, "enableRtcStats", json!({ "enable": true, "interval": 1000 }));
    theatre.hush();
    let parts = |bytes: u64, packets: u64, frames: u64, lost: i64| {
        let mut top = sent("video", None, bytes, packets);
        top["framesSent"] = frames.into();
        top["packetsLost"] = lost.into();
        let mut audio = received("bob", "audio", bytes, packets, lost);
        audio["jitterMs"] = json!(2.5);
        [top, audio]
    };
    report(&mut theatre, 0, &parts(0, 0, 0, 0));
    theatre.pass(Duration::from_millis(500));
    report(&mut theatre, 0, &parts(62_500, 75, 15, 25));
    theatre.pass(Duration::from_millis(500));
    let told = beats(&mut theatre, 0).pop().expect("it is time");
    let record = |user: (&str, &str), remote: bool, content: &str, media: &str| {
        let mut record = json!({
            "userName": user.1, "userId": user.0, "isRemote": remote, "streamType": content, "mediaType": media,
            "bitrate": 0, "frameRate": 0, "jitter": 0, "pktLossRate": 0,
        });
        if !remote {
            record["rtt"] = 40.into();
        }
        record
    };
    let (ada, bob) = (("ada", "Ada"), ("bob", ""));
    let mut top = record(ada, false, "main", "video");
    (top["bitrate"], top["frameRate"], top["pktLossRate"]) = (json!(1000), json!(30), json!(0.333_333));
    let mut sound = record(bob, true, "main", "audio");
    (sound["bitrate"], sound["jitter"], sound["pktLossRate"]) = (json!(1000), json!(2.5), json!(0.25));
    let expected =
        [record(ada, false, "main", "audio"), top, record(ada, false, "slides", "video"), sound, record(bob, true, "main", "video")];
    assert_eq!(told, Value::from(expected.to_vec()));
    assert!(told[3].get("rtt").is_none() && told[4].get("rtt").is_none());
    theatre.call(0, "changeUserName", json!({ "userName": "Countess" }));
    theatre.make(0, "share", json!({ "screen": true }));
    theatre.call(0, "publish", json!({ "stream": { "local": "share" } }));
    theatre.pass(SECOND);
    let told = beats(&mut theatre, 0).pop().expect("it is time");
    assert_eq!(
        (&told[0]["userName"], &told[3]["streamType"]),
        (&json!("Countess"), &json!("desktop")),
        "and a share is the desktop (R-190)"
    );
}

//
#[test]
fn a_layer_may_be_named_by_its_content() {
    let mut theatre = ada_and_bob();
    let named = |content: &str, bytes: u64| json!({ "stream": { "local": "cam" }, "media": "video", "streamType": content, "bytesSent": bytes, "packetsSent": 1 });
    report(&mut theatre, 0, &[named("slides", 10), named("main", 20)]);
    let stats = got(&mut theatre, 0, "getLocalVideoStats");
    assert_eq!((&stats["ada"]["mainStream"][0]["bytesSent"], &stats["ada"]["mainStream"][1]["bytesSent"]), (&json!(20), &json!(10)));
    let lines = theatre.host(0, "statistics", json!({ "streams": [named("middle1", 7)] }));
    assert_eq!(lines, [json!({ "notice": "statistics-ignored", "data": { "at": "streams[0]" } })], "there is none between two");
}

#[track_caller]
fn refused(theatre: &mut Theatre, args: Value, at: &str) {
    let before = theatre.client(0).clone();
    match theatre.try_tell(0, Input::Host { name: "statistics".into(), args: args.clone() }) {
        Err(Refused::BadInput { at: found, .. }) => assert_eq!(found, at, "{args}"),
        other => panic!("{args} was to be refused: {other:?}"),
    }
    assert_eq!(*theatre.client(0), before, "nothing has changed");
}

//
#[test]
fn a_report_that_cannot_be_is_refused_with_its_place() {
    let mut theatre = ada_and_bob();
    report(&mut theatre, 0, &[sent("audio", None, 1000, 10)]);
    let one = |field: &str, value: Value| {
        let mut part = sent("audio", None, 2000, 20);
        part[field] = value;
        json!({ "streams": [sent("audio", None, 1500, 15), part] })
    };
    refused(&mut theatre, one("bytesSent", json!(-1)), "streams[1].bytesSent");
    refused(&mut theatre, one("bytesSent", json!(1499)), "streams[1].bytesSent");
    refused(&mut theatre, one("bytesSent", json!(1.5)), "streams[1].bytesSent");
    refused(&mut theatre, one("bytesSent", Value::Null), "streams[1].bytesSent");
    refused(&mut theatre, one("packetsSent", json!(14)), "streams[1].packetsSent");
    refused(&mut theatre, one("packetsSent", json!("20")), "streams[1].packetsSent");
    refused(&mut theatre, one("packetsLost", json!(0.5)), "streams[1].packetsLost");
    refused(&mut theatre, one("bytesReceived", json!(1)), "streams[1].bytesReceived");
    refused(&mut theatre, one("framesSent", json!(1)), "streams[1].framesSent");
    refused(&mut theatre, one("jitterMs", json!(-0.1)), "streams[1].jitterMs");
    refused(&mut theatre, one("ssrc", json!(4_294_967_296_u64)), "streams[1].ssrc");
    refused(&mut theatre, one("media", json!("smell")), "streams[1].media");
    refused(&mut theatre, one("stream", json!("cam")), "streams[1].stream");
    let video = |field: &str, value: Value| {
        let mut part = sent("video", None, 1, 1);
        part[field] = value;
        json!({ "streams": [part] })
    };
    refused(&mut theatre, video("frameWidth", json!(640)), "streams[0].frameHeight");
    refused(&mut theatre, video("streamType", json!("middle5")), "streams[0].streamType");
    refused(&mut theatre, video("framesDecoded", json!(1)), "streams[0].framesDecoded");
    let mut both = video("streamType", json!("main"));
    both["streams"][0]["resolutionId"] = "m1".into();
    refused(&mut theatre, both, "streams[0].streamType");
    refused(&mut theatre, json!({ "rttMs": -1 }), "rttMs");
    refused(&mut theatre, json!({ "rttMs": 1e12 }), "rttMs");
    refused(&mut theatre, json!({ "rtt": 1 }), "rtt");
    refused(&mut theatre, json!({ "streams": {} }), "streams");
    refused(&mut theatre, json!([]), "");
    report(
        &mut theatre,
        0,
        &[{
            let mut part = sent("audio", None, 5, 1);
            part["ssrc"] = 1.into();
            part["packetsLost"] = json!(-2);
            part["bytesSent"] = 1000.into();
            part["packetsSent"] = 10.into();
            part
        }],
    );
    assert_eq!(got(&mut theatre, 0, "getLocalAudioStats")["ada"]["bytesSent"], 1000, "a receiver may have more than was sent");
}

//
#[test]
fn a_stream_s_counts_begin_with_its_life_and_outlast_a_transport() {
    let mut theatre = ada_and_bob();
    let with_ssrc = |bytes: u64, ssrc: u64| {
        let mut part = sent("audio", None, bytes, 1);
        part["ssrc"] = ssrc.into();
        part
    };
    report(&mut theatre, 0, &[with_ssrc(4_294_967_290, 1)]);
    report(&mut theatre, 0, &[with_ssrc(4, 1)]);
    assert_eq!(got(&mut theatre, 0, "getLocalAudioStats")["ada"]["bytesSent"], 4_294_967_300_u64, "32 bits went round");
    report(&mut theatre, 0, &[with_ssrc(2, 7)]);
    assert_eq!(got(&mut theatre, 0, "getLocalAudioStats")["ada"]["bytesSent"], 4_294_967_302_u64, "a new transport");
    report(&mut theatre, 1, &[received("ada", "video", 50, 5, 0)]);
    theatre.call(1, "unsubscribe", json!({ "stream": remote("ada") }));
    theatre.call(1, "subscribe", json!({ "stream": remote("ada") }));
    assert_eq!(got(&mut theatre, 1, "getRemoteVideoStats")["ada"]["mainStream"][0]["bytesReceived"], 50, "the stream is the same");
    theatre.call(0, "unpublish", json!({ "stream": { "local": "cam" } }));
    theatre.call(0, "publish", json!({ "stream": { "local": "cam" } }));
    theatre.call(1, "subscribe", json!({ "stream": remote("ada") }));
    theatre.hush();
    assert_eq!(got(&mut theatre, 0, "getLocalAudioStats")["ada"]["bytesSent"], 0, "a life begins");
    assert_eq!(got(&mut theatre, 1, "getRemoteVideoStats")["ada"]["mainStream"][0]["bytesReceived"], 0);
}

//
#[test]
fn agora_prints_no_statistics_and_none_are_made_up() {
    use greenroom_core::dialect::agora;
    let mut client = agora::Client::new(START, settings());
    for call in ["getTransportStats", "getLocalAudioStats", "getRemoteVideoStats", "enableRtcStats", "getStats", "getSessionStats"] {
        let told = client.handle_input(START, Input::Call(VendorCall::new(call, map(json!({})))));
        assert!(matches!(told, Err(Refused::UnknownCall { .. })), "{call}: {told:?}");
    }
    let told = client.handle_input(START, Input::Host { name: "statistics".into(), args: json!({}) });
    assert!(matches!(told, Err(Refused::UnknownInput { .. })), "{told:?}");
}

/// A report that may be right or wrong in every way: wraps, restarts, falls, parts that are not there.
fn any_report() -> impl Strategy<Value = Value> {
    let count = || {
        prop_oneof![
            4 => (0..5000_u64).prop_map(Value::from),
            2 => (u64::from(u32::MAX) - 2000..u64::from(u32::MAX)).prop_map(Value::from),
            1 => any::<u64>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
        ]
    };
    let names = || select(vec!["m1", "m2", "nix"]);
    let part = (any::<bool>(), any::<bool>(), names(), count(), count(), count(), prop::option::of(0..3_u32)).prop_map(
        |(local, video, id, bytes, packets, lost, ssrc)| {
            let (stream, ends) = if local { (json!({ "local": "cam" }), "Sent") } else { (remote("bob"), "Received") };
            let mut part = json!({ "stream": stream, "media": if video { "video" } else { "audio" }, "packetsLost": lost });
            (part[format!("bytes{ends}")], part[format!("packets{ends}")]) = (bytes, packets);
            if video {
                part["resolutionId"] = id.into();
            }
            if let Some(ssrc) = ssrc {
                part["ssrc"] = ssrc.into();
            }
            part
        },
    );
    vec(part, 0..4).prop_map(|parts| json!({ "streams": parts }))
}

/// Every count in a value, by where it stands; rates and sizes aside.
fn counts(value: &Value, at: &str, found: &mut std::collections::BTreeMap<String, u64>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| counts(value, &format!("{at}.{name}"), found)),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| counts(value, &format!("{at}[{index}]"), found)),
        Value::Number(number) if !["itrate", "rtt", "frameWidth", "frameHeight"].iter().any(|rate| at.ends_with(rate)) => {
            found.insert(at.to_owned(), number.as_u64().expect("a count"));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    //
    #[test]
    fn no_count_ever_falls_whatever_is_reported(reports in vec((0..3000_u64, any_report()), 1..24)) {
        let mut theatre = Theatre::joined(&["ada", "bob"]);
        theatre.publish(0, "cam");
        theatre.on(0, "cam", "addResolution", json!({ "profile": "720p_1" }));
        theatre.publish(1, "cam");
        theatre.call(0, "subscribe", json!({ "stream": remote("bob") }));
        theatre.call(1, "subscribe", json!({ "stream": remote("ada") }));
        let mut before = std::collections::BTreeMap::new();
        for (millis, report) in reports {
            theatre.pass(Duration::from_millis(millis));
            let _refused_or_not = theatre.try_tell(0, Input::Host { name: "statistics".into(), args: report });
            theatre.hush();
            let mut now = std::collections::BTreeMap::new();
            for call in ["getTransportStats", "getLocalAudioStats", "getLocalVideoStats", "getRemoteAudioStats", "getRemoteVideoStats"] {
                counts(&got(&mut theatre, 0, call), call, &mut now);
            }
            for (at, count) in &before {
                prop_assert!(now.get(at) >= Some(count), "{at} fell from {count} to {:?}", now.get(at));
            }
            before = now;
        }
    }
}

#[test]
fn a_client_that_reports_before_it_is_anywhere_is_told_that_nothing_is_there() {
    let mut client = Client::new(START, settings());
    let args = json!({ "streams": [sent("audio", None, 1, 1)] });
    client.handle_input(START, Input::Host { name: "statistics".into(), args }).expect("it is a report");
    let told = core::iter::from_fn(|| client.poll_output()).count();
    assert_eq!(told, 1, "a notice");
}
