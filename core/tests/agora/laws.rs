//! Whatever a page calls, with whatever arguments, and whatever the server says: no panic, one answer for each call, and the laws of machines.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{
    code::Code,
    dialect::{Input, Output, Refused, StreamRef, VendorCall, agora::Client},
    id::{RequestId, StreamId},
    session::ConnectionId,
    stream::StreamKind,
    time::Instant,
    trace::{Machine, Step, laws, run_until},
    wire::{Accepted, LeaveReason, ServerMessage},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::page::{joined, settings, stream_of, user};

const START: Instant = Instant::from_secs(1);

const CALLS: [&str; 23] = [
    "createRtcClient",
    "createStream",
    "init",
    "join",
    "renewChannelKey",
    "leave",
    "publish",
    "unpublish",
    "subscribe",
    "unsubscribe",
    "close",
    "on",
    "getDevices",
    "setEncryptionSecret",
    "setEncryptionMode",
    "selectDevice",
    "startRecording",
    "stopRecording",
    "queryRecordingStatus",
    "getWindows",
    "startScreenSharing",
    "setScreenSharingWindow",
    "stopScreenSharing",
];

const STREAM_CALLS: [&str; 10] =
    ["init", "close", "play", "stop", "enableAudio", "disableAudio", "enableVideo", "disableVideo", "getId", "setVideoProfile"];

/// A page for the laws: what it does not understand leaves it as it is, so that only a time that runs backwards counts as misuse.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Told(Client);

impl Machine for Told {
    type Input = Input;
    type Output = Output;
    type Misuse = Refused;

    fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), Refused> {
        let before = self.0.clone();
        match self.0.handle_input(now, input) {
            Err(refused @ Refused::TimeWentBack { .. }) => Err(refused),
            Err(_) => {
                assert_eq!(self.0, before, "L7: what was refused left a trace");
                self.0.handle_timeout(now);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }
    fn poll_output(&mut self) -> Option<Output> {
        self.0.poll_output()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }
    fn outputs_max(&self, input: Option<&Input>) -> usize {
        self.0.outputs_max(input)
    }
}

fn a_page() -> Told {
    Told(Client::new(START, settings()))
}

/// Any JSON, small.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,70}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(a_field(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn a_field() -> impl Strategy<Value = String> {
    let known = [
        "appId",
        "channelKey",
        "channelName",
        "uid",
        "stream",
        "spec",
        "streamID",
        "local",
        "audio",
        "video",
        "user",
        "type",
        "event",
        "profile",
        "swapWidthAndHeight",
        "url",
        "running",
        "medium",
        "code",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(String::from), 1 => "[a-z]{1,6}"]
}

fn a_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["cam", "mic", "none"]).prop_map(String::from)
}

/// Arguments that make sense now and then.
fn arguments() -> impl Strategy<Value = Map<String, Value>> {
    let sensible = prop::sample::select(vec![
        json!({ "appId": "app1" }),
        json!({ "channelName": "c", "uid": 7 }),
        json!({ "channelKey": "k", "channelName": "c", "uid": 0 }),
        json!({ "channelKey": "k" }),
        json!({ "stream": { "local": "cam" } }),
        json!({ "stream": { "local": "mic" } }),
        json!({ "stream": { "user": 2 } }),
        json!({ "spec": { "streamID": 7, "local": true, "video": true } }),
        json!({ "local": true, "video": false }),
        json!({ "profile": "480P" }),
        json!({}),
    ]);
    let wild = prop::collection::btree_map(a_field(), anything(), 0..4).prop_map(|map| map.into_iter().collect());
    prop_oneof![4 => sensible.prop_map(|value| value.as_object().expect("an object").clone()), 1 => wild]
}

fn a_call() -> impl Strategy<Value = Input> {
    let own = (prop::sample::select(CALLS.to_vec()), arguments(), prop::option::of(a_name())).prop_map(|(call, args, bind)| {
        let mut call = VendorCall::new(call, args);
        call.bind = bind;
        call
    });
    // The way into a channel, so that what is only possible there comes up often.
    let usual = prop::sample::select(vec![
        ("init", json!({ "appId": "app1" })),
        ("join", json!({ "channelName": "c", "uid": 7 })),
        ("publish", json!({ "stream": { "local": "cam" } })),
        ("subscribe", json!({ "stream": { "user": 2 } })),
    ]);
    let usual = usual.prop_map(|(call, args)| VendorCall::new(call, args.as_object().expect("an object").clone()));
    let made = Just(()).prop_map(|()| {
        let mut call = VendorCall::new("createStream", json!({ "video": true }).as_object().expect("an object").clone());
        call.bind = Some("cam".into());
        call
    });
    let local = (a_name(), prop::sample::select(STREAM_CALLS.to_vec()), arguments())
        .prop_map(|(name, call, args)| VendorCall::on(StreamRef::Local(name), call, args));
    let remote = (prop::sample::select(STREAM_CALLS.to_vec()), arguments())
        .prop_map(|(call, args)| VendorCall::on(StreamRef::Remote { user: "2".into(), kind: StreamKind::Main }, call, args));
    prop_oneof![3 => usual, 1 => made, 3 => own, 2 => local, 1 => remote].prop_map(Input::Call)
}

fn a_message() -> impl Strategy<Value = ServerMessage> {
    let request = (0..12_u32).prop_map(RequestId);
    let stream = (0..3_u32).prop_map(StreamId);
    let accepted = prop_oneof![
        3 => any::<bool>().prop_map(|resumed| joined(None, &[2], vec![stream_of(2, 1)], resumed)),
        1 => stream.clone().prop_map(|stream| Accepted::Published { stream }),
        1 => Just(Accepted::Done),
    ];
    let code = prop::sample::select(Code::ALL.to_vec());
    prop_oneof![
        6 => (request.clone(), accepted).prop_map(|(request, accepted)| ServerMessage::Accepted { request, accepted }),
        1 => (request, code.clone()).prop_map(|(request, code)| ServerMessage::Refused { request, code }),
        1 => (0..4_u32).prop_map(|uid| ServerMessage::PeerJoined { user: user(uid), name: None }),
        1 => (0..4_u32).prop_map(|uid| ServerMessage::PeerLeft { user: user(uid), reason: LeaveReason::LEFT }),
        1 => (1..4_u32, 0..4_u32).prop_map(|(uid, id)| ServerMessage::StreamAdded { stream: stream_of(uid, id) }),
        1 => (stream.clone(), any::<(bool, bool)>())
            .prop_map(|(stream, (audio, video))| ServerMessage::StreamMuted { stream, user: user(2), audio, video }),
        1 => stream.prop_map(|stream| ServerMessage::StreamRemoved { stream, user: user(2) }),
        1 => code.prop_map(|code| ServerMessage::KeyRefused { code }),
        1 => Just(ServerMessage::Removed { code: Code::REMOVED }),
        2 => Just(ServerMessage::Pong),
    ]
}

fn an_input() -> impl Strategy<Value = Input> {
    let connection = (1..6_u32).prop_map(ConnectionId);
    let host = (
        prop::sample::select(vec![
            "agentReachable",
            "agentUnreachable",
            "agentTooOld",
            "otherInstance",
            "captureSucceeded",
            "captureFailed",
            "sunshine",
        ]),
        arguments().prop_map(Value::Object),
    );
    prop_oneof![
        8 => a_call(),
        1 => host.prop_map(|(name, args)| Input::Host { name: name.into(), args }),
        3 => connection.clone().prop_map(|connection| Input::Found { connection }),
        3 => connection.clone().prop_map(|connection| Input::Opened { connection }),
        1 => connection.clone().prop_map(|connection| Input::Closed { connection }),
        1 => (connection.clone(), prop::sample::select(Code::ALL.to_vec())).prop_map(|(connection, code)| Input::Failed { connection, code }),
        6 => (connection, a_message()).prop_map(|(connection, message)| Input::Received { connection, message }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step<Input>>> {
    let span = prop_oneof![6 => 0..50_u64, 1 => 0..8_000_u64].prop_map(Duration::from_millis);
    prop::collection::vec((span, an_input()).prop_map(|(advance, input)| Step { advance, input }), 0..60)
}

/// Which call of which object.
type Called = (String, Option<StreamRef>);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_page_keeps_the_laws(steps in steps()) {
        laws::check_all(&a_page(), START, &steps);
    }

    // R-243 R-016
    #[test]
    fn every_call_is_answered_once_and_never_with_a_code_that_stays_inside(steps in steps()) {
        let mut page = a_page();
        let mut asked: BTreeMap<Called, usize> = BTreeMap::new();
        let mut outputs = Vec::new();
        let mut now = START;
        for step in steps {
            now = now.saturating_add(step.advance);
            run_until(&mut page, now, &mut outputs);
            if let Input::Call(call) = &step.input {
                let called = (call.call.clone(), call.on.clone());
                let before = page.0.clone();
                if page.0.handle_input(now, step.input.clone()).is_ok() {
                    *asked.entry(called).or_default() += 1;
                }
                page.0 = before;
            }
            page.handle_input(now, step.input).expect("time does not run backwards");
            outputs.extend(core::iter::from_fn(|| page.poll_output()).map(|output| (now, output)));
        }
        // A join goes on for ever, unless somebody leaves; all else comes to an end by itself.
        for last in ["leave", "close"] {
            page.handle_input(now, Input::Call(VendorCall::new(last, Map::new()))).expect("time stands still");
            *asked.entry((last.into(), None)).or_default() += 1;
            outputs.extend(core::iter::from_fn(|| page.poll_output()).map(|output| (now, output)));
            now = now.saturating_add(Duration::from_secs(60));
            run_until(&mut page, now, &mut outputs);
        }
        let mut answered: BTreeMap<Called, usize> = BTreeMap::new();
        for (_, output) in outputs {
            let code = match output {
                Output::Return { call, on, result } => {
                    *answered.entry((call, on)).or_default() += 1;
                    result.err().map(|error| error.code)
                }
                Output::Event { name: "init.onFailure", data, .. } => Some(data["err"].clone()),
                _ => None,
            };
            let internal = [5, 9, 11, 12, 13, 14, 15, 20, 0];
            prop_assert!(code.as_ref().and_then(Value::as_u64).is_none_or(|code| !internal.contains(&code)), "told: {code:?}");
        }
        prop_assert_eq!(asked, answered);
    }
}
