//! Whatever an application says: no panic, each call answered once, and the laws of machines.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    code::Code,
    dialect::{Client, Input, Refused, Settings, StreamRef, VendorCall, sparkrtc},
    id::{MemberId, RequestId, StreamId, UserId},
    role::Role,
    session::ConnectionId,
    trace::{Step, laws},
    wire::{Accepted, MemberInfo, ServerMessage, Version},
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use crate::theatre::{START, Theatre, join_args, remote};

const CALLS: &[&str] = &[
    "VERSION",
    "batchSubscribe",
    "changeUserName",
    "checkSystemRequirements",
    "createClient",
    "createStream",
    "enableRtcStats",
    "getConnectionState",
    "getLocalAudioStats",
    "getLocalVideoStats",
    "getRemoteAudioStats",
    "getRemoteVideoStats",
    "getTransportStats",
    "join",
    "leave",
    "off",
    "on",
    "publish",
    "renewSignature",
    "setLogLevel",
    "setNetworkBandwidth",
    "setProxyServer",
    "setTurnServer",
    "startLiveStreaming",
    "subscribe",
    "switchRole",
    "unpublish",
    "unsubscribe",
];
const METHODS: &[&str] = &[
    "close",
    "getId",
    "getStreamInfo",
    "getType",
    "getUserId",
    "hasAudio",
    "hasVideo",
    "muteAudio",
    "muteVideo",
    "off",
    "on",
    "unmuteAudio",
    "unmuteVideo",
    "addAudioTrackCapture",
    "addResolution",
    "StreamInitializeResult.getMediaCaptureResult",
    "StreamInitializeResult.getMediaCaptureResultByType",
    "addTrack",
    "addVideoTrackCapture",
    "initialize",
    "removeResolution",
    "removeTrack",
    "replaceTrack",
    "setAudioProfile",
    "setScreenProfile",
    "setVideoProfile",
];
const NAMES: &[&str] = &[
    "config",
    "appId",
    "screen",
    "video",
    "audio",
    "videoSource",
    "options",
    "option",
    "roomId",
    "userId",
    "role",
    "signature",
    "ctime",
    "stream",
    "local",
    "user",
    "type",
    "track",
    "kind",
    "profile",
    "width",
    "maxBitrate",
    "resolutionId",
    "resolutionIds",
    "subscribeInfos",
    "event",
    "handler",
    "userName",
    "authorization",
    "level",
    "strictCheckBrowser",
    "enable",
    "interval",
    "server",
    "turnServerConfig",
    "turnServers",
    "udpPort",
    "bandwidthParam",
    "maxBandwidth",
    "direction",
];

/// Any JSON, made of words that calls know more often than not.
fn any_value() -> impl Strategy<Value = Value> {
    let words = &["cam", "ada", "bob", "main", "video", "audio", "m1", "good", "9000", "720p_1", "peer-join", "debug", "stage", "é", ""];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..3_u8).prop_map(Value::from),
        select(&words[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(NAMES), inner), 0..5).prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

fn any_args() -> impl Strategy<Value = Map<String, Value>> {
    vec((select(NAMES), any_value()), 0..4).prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Calls that mean something, so that made-up ones meet a client in every state.
fn sensible() -> impl Strategy<Value = VendorCall> {
    let call = |name: &str, args: Value| VendorCall::new(name, crate::theatre::map(args));
    let authorization = json!({ "signature": "good", "ctime": "9000" });
    let cam = json!({ "stream": { "local": "cam" } });
    select(vec![
        call("join", join_args("ada", 0)),
        call("leave", json!({})),
        VendorCall { bind: Some("cam".into()), ..call("createStream", json!({ "config": { "audio": true, "video": true } })) },
        VendorCall::on(StreamRef::Local("cam".into()), "initialize", Map::new()),
        call("publish", cam.clone()),
        call("unpublish", cam),
        call("subscribe", json!({ "stream": remote("bob") })),
        call("batchSubscribe", json!({ "subscribeInfos": [{ "userId": "bob" }] })),
        call("switchRole", json!({ "role": 2, "authorization": authorization })),
        call("switchRole", json!({ "role": 0, "authorization": authorization })),
        call("enableRtcStats", json!({ "enable": true, "interval": 700 })),
        call("setNetworkBandwidth", json!({ "bandwidthParam": { "maxBandwidth": 3072 } })),
        call("getLocalAudioStats", json!({})),
    ])
}

fn any_call() -> impl Strategy<Value = VendorCall> {
    let own = (select(CALLS), any_args(), any::<bool>())
        .prop_map(|(call, args, bind)| VendorCall { bind: bind.then(|| "cam".into()), ..VendorCall::new(call, args) });
    let method = (select(METHODS), any_args()).prop_map(|(call, args)| VendorCall::on(StreamRef::Local("cam".into()), call, args));
    prop_oneof![3 => sensible(), 2 => own, 2 => method]
}

#[derive(Clone, Debug)]
enum Deed {
    Call(VendorCall),
    Cut(bool),
    Close,
    Pass(u64),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => any_call().prop_map(Deed::Call),
        1 => any::<bool>().prop_map(Deed::Cut),
        1 => Just(Deed::Close),
        1 => (0..40_000_u64).prop_map(Deed::Pass),
    ]
}

/// What a client is told from outside, its calls included: what a server and a platform could say, and what none would.
fn any_input() -> impl Strategy<Value = Input> {
    let connection = (1..4_u32).prop_map(ConnectionId);
    let user = || UserId::new("ada").expect("valid");
    let joined = move |request| {
        let role = Role::Joiner;
        let accepted = Accepted::Joined {
            member: MemberId(1),
            user: Some(user()),
            version: Version(1),
            role,
            resumed: request > 2,
            members: vec![MemberInfo { user: UserId::new("bob").expect("valid"), name: None }],
            streams: Vec::new(),
        };
        ServerMessage::Accepted { request: RequestId(request), accepted }
    };
    let request = 1..8_u32;
    let message = prop_oneof![
        2 => request.clone().prop_map(joined),
        2 => request.clone().prop_map(|request| ServerMessage::Accepted { request: RequestId(request), accepted: Accepted::Done }),
        1 => request.clone().prop_map(|request| ServerMessage::Accepted { request: RequestId(request), accepted: Accepted::Published { stream: StreamId(1) } }),
        1 => (request, 0..6000_u16).prop_map(|(request, code)| ServerMessage::Refused { request: RequestId(request), code: Code(code) }),
        1 => (0..6000_u16).prop_map(|code| ServerMessage::Removed { code: Code(code) }),
    ];
    prop_oneof![
        6 => any_call().prop_map(Input::Call),
        2 => connection.clone().prop_map(|connection| Input::Opened { connection }),
        1 => connection.clone().prop_map(|connection| Input::Closed { connection }),
        4 => (connection, message).prop_map(|(connection, message)| Input::Received { connection, message }),
        1 => (0..3_u64, 0..10_000_u64).prop_map(|(ssrc, bytes)| {
            let sent = json!({ "stream": { "local": "cam" }, "media": "audio", "ssrc": ssrc, "bytesSent": bytes, "packetsSent": bytes });
            Input::Host { name: "statistics".into(), args: json!({ "rttMs": bytes, "streams": [sent] }) }
        }),
        1 => select(vec!["audio", "video"]).prop_map(|medium| Input::Host { name: "captureSucceeded".into(), args: json!({ "medium": medium }) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    // R-015 R-026
    #[test]
    fn every_call_is_answered_exactly_once_when_time_runs_on(deeds in vec(any_deed(), 1..40)) {
        let mut theatre = Theatre::new(2);
        theatre.join(1, "bob", 0);
        theatre.publish(1, "cam");
        let mut owed: BTreeMap<String, i64> = BTreeMap::new();
        let count = |lines: Vec<Value>| -> Vec<String> { lines.iter().filter_map(|line| Some(line["return"].as_str()?.to_owned())).collect() };
        let mut returned = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Call(call) => {
                    let name = call.call.clone();
                    match theatre.try_tell(0, Input::Call(call)) {
                        Ok(()) => *owed.entry(name).or_default() += 1,
                        Err(refused) => prop_assert_eq!(refused, Refused::NotOffered { call: "startLiveStreaming".into() }, "every other one is offered"),
                    }
                }
                Deed::Cut(cut) => theatre.set_cut(0, cut),
                Deed::Close => theatre.close(0),
                Deed::Pass(millis) => theatre.pass(Duration::from_millis(millis)),
            }
            returned.extend(count(theatre.lines(0)));
        }
        theatre.pass(Duration::from_secs(120));
        returned.extend(count(theatre.lines(0)));
        for call in returned {
            *owed.entry(call).or_default() -= 1;
        }
        prop_assert!(owed.values().all(|owed| *owed == 0), "{owed:?}");
    }

    #[test]
    fn the_laws_hold(steps in vec((0..8_000_u64, any_input()), 1..24), auto_capture in any::<bool>()) {
        let settings = Settings { auto_capture, ..crate::theatre::settings() };
        let mut client = sparkrtc::Client::new(START, settings);
        let create = VendorCall::new("createClient", crate::theatre::map(json!({ "config": { "appId": "app1" } })));
        client.handle_input(START, Input::Call(create)).expect("it is printed");
        while client.poll_output().is_some() {}
        let steps: Vec<Step<Input>> =
            steps.into_iter().map(|(millis, input)| Step { advance: Duration::from_millis(millis), input }).collect();
        laws::check_all(&Client::SparkRtc(Box::new(client)), START, &steps);
    }
}
