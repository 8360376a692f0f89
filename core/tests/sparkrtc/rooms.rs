//! Entering and leaving, who is there, roles, names, credentials.

use core::time::Duration;

use greenroom_core::{
    auth::Credential,
    dialect::{Input, Output, Refused, VendorCall, sparkrtc::Client},
    id::UserId,
    room,
    wire::{ClientMessage, LeaveReason},
};
use serde_json::{Value, json};

use crate::theatre::{START, Theatre, code_of, failed, join_args, map, ok, remote, settings};

fn authorization(signature: &str, ctime: &str) -> Value {
    json!({ "signature": signature, "ctime": ctime })
}

// R-018 R-019 R-059 R-061
#[test]
fn a_newcomer_hears_of_its_link_then_of_who_and_what_is_there() {
    let mut theatre = Theatre::new(2);
    theatre.join(0, "ada", 0);
    theatre.publish(0, "cam");
    let mut args = join_args("bob", 2);
    args["options"]["userName"] = "Bob".into();
    let lines = theatre.call(1, "join", args);
    let state = |prev, cur| json!({ "event": "connection-state-changed", "data": { "prevState": prev, "curState": cur } });
    assert_eq!(lines[0], state("DISCONNECTED", "CONNECTING"));
    assert_eq!(lines[1], state("CONNECTING", "CONNECTED"));
    assert_eq!(lines[2], ok("join", Value::Null)[0]);
    assert_eq!(lines[3], json!({ "event": "peer-join", "data": { "userId": "ada" } }));
    assert_eq!(lines[4]["event"], "stream-added");
    let data = &lines[4]["data"];
    assert_eq!(
        (&data["userId"], &data["type"], &data["hasAudio"], &data["hasVideo"]),
        (&json!("ada"), &json!("main"), &json!(true), &json!(true))
    );
    assert!(data["id"].is_string() && data["resolutions"][0]["height"] == 360);
    assert_eq!(lines.len(), 5);
    assert_eq!(theatre.events(0), [("peer-join".to_owned(), json!({ "userId": "bob", "userName": "Bob" }))]);
}

//
#[test]
fn joining_twice_is_out_of_order_and_changes_nothing() {
    let mut theatre = Theatre::joined(&["ada"]);
    assert_eq!(theatre.call(0, "join", join_args("eve", 0)), failed("join", 90_100_001));
    assert_eq!(theatre.room.members().count(), 1);
}

// R-062 R-063
#[test]
fn who_leaves_takes_its_streams_along_first() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(1, "cam");
    let lines = theatre.call(1, "leave", json!({}));
    assert_eq!(lines[0], ok("leave", Value::Null)[0]);
    let state = json!({ "event": "connection-state-changed", "data": { "prevState": "CONNECTED", "curState": "DISCONNECTED" } });
    assert_eq!(lines.last(), Some(&state));
    let events = theatre.events(0);
    assert_eq!(events.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["stream-removed", "peer-leave"]);
    assert_eq!(events[1].1["reason"], json!({ "code": 0, "msg": "user left on its own" }));
    assert_eq!(theatre.call(1, "leave", json!({})), failed("leave", 90_100_007));
}

// R-064 R-065
#[test]
fn the_newer_session_of_a_user_takes_the_older_one_s_place() {
    let mut theatre = Theatre::new(3);
    theatre.join(0, "ada", 0);
    theatre.join(1, "bob", 0);
    theatre.hush();
    theatre.join(2, "bob", 0);
    let events = theatre.events(1);
    assert_eq!(events[0].0, "client-banned");
    assert_eq!(events[0].1["userId"], "bob");
    assert!(events[0].1["reason"].is_string());
    let told = theatre.events(0);
    assert_eq!((told[0].0.as_str(), &told[0].1["reason"]["code"]), ("peer-leave", &json!(5)));
    assert_eq!(told[1].0, "peer-join");
    assert_eq!(theatre.call(1, "leave", json!({})), failed("leave", 90_100_007));
}

// R-066 R-067
#[test]
fn the_server_removes_one_and_dissolves_the_room() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(0, "cam");
    theatre.room_says(room::Input::Remove { user: UserId::new("bob").expect("valid"), reason: LeaveReason::REMOVED });
    assert_eq!(theatre.names(1), ["client-banned", "connection-state-changed"]);
    assert_eq!(theatre.events(0)[0].1["reason"]["code"], 9);
    theatre.room_says(room::Input::Dissolve);
    theatre.pass(Duration::from_secs(1));
    assert_eq!(theatre.events(0)[0], ("kick-room".to_owned(), json!({ "roomId": "stage" })));
    assert_eq!(theatre.call(0, "publish", json!({ "stream": { "local": "cam" } })), failed("publish", 90_100_007));
}

// R-070 R-244 R-251
#[test]
fn a_full_room_is_refused_with_the_service_s_code_as_number_and_as_text() {
    let mut theatre = Theatre::with(2, &settings(), |config| config.members_max = 1);
    theatre.join(0, "ada", 0);
    let lines = theatre.call(1, "join", join_args("bob", 0));
    assert!(lines.contains(&json!({ "event": "Error", "data": { "errorCode": "RTC.34000001", "errorMsg": "room full" } })), "{lines:?}");
    assert!(lines.contains(&failed("join", 34_000_001)[0]));
    assert_eq!(theatre.call(1, "getConnectionState", json!({})), ok("getConnectionState", "DISCONNECTED".into()));
}

// R-041 R-039
#[test]
fn a_bad_or_old_signature_does_not_enter() {
    let mut theatre = Theatre::new(1);
    let mut args = join_args("ada", 0);
    args["options"]["signature"] = "forged".into();
    assert!(theatre.call(0, "join", args).contains(&failed("join", 90_100_031)[0]));
    let mut args = join_args("ada", 0);
    args["options"]["ctime"] = "999".into();
    assert!(theatre.call(0, "join", args).contains(&failed("join", 90_100_030)[0]));
    assert_eq!(theatre.room.members().count(), 0);
}

// R-043 R-045 R-046 R-047
#[test]
fn a_signature_that_expires_is_told_once_and_a_renewed_one_keeps_the_member() {
    let mut theatre = Theatre::new(2);
    theatre.join(0, "ada", 0);
    let mut args = join_args("bob", 0);
    args["options"]["ctime"] = "1010".into();
    theatre.call(1, "join", args);
    theatre.hush();
    theatre.pass(Duration::from_secs(15));
    let told = [("signature-expired".to_owned(), json!({ "errorCode": "90100030", "errorMsg": "signature expired" }))];
    assert_eq!(theatre.events(1), told);
    assert_eq!(theatre.call(1, "renewSignature", authorization("good", "1011")), ok("renewSignature", false.into()), "it is past, too");
    assert_eq!(theatre.call(1, "renewSignature", authorization("forged", "2000")), ok("renewSignature", false.into()));
    assert_eq!(theatre.call(1, "renewSignature", authorization("good", "1060")), ok("renewSignature", true.into()));
    theatre.pass(Duration::from_secs(25));
    assert_eq!(theatre.names(0), [""; 0], "bob is still there");
    // Nothing comes this time: the grace passes, too.
    theatre.pass(Duration::from_secs(60));
    let events = theatre.events(1);
    assert_eq!(
        events.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["signature-expired", "Error", "connection-state-changed"]
    );
    assert_eq!(theatre.events(0)[0].1["reason"]["code"], 6);
}

// R-037 R-038
#[test]
fn authorizations_have_the_form_of_signatures_wherever_they_are_given() {
    let mut theatre = Theatre::joined(&["ada"]);
    for bad in [authorization(&"a".repeat(513), "9000"), authorization("good", "soon"), json!({ "signature": "good" })] {
        assert_eq!(code_of(&theatre.call(0, "renewSignature", bad.clone())), 90_000_005);
        assert_eq!(code_of(&theatre.call(0, "switchRole", json!({ "role": 2, "authorization": bad }))), 90_000_005);
    }
    assert_eq!(code_of(&theatre.call(0, "switchRole", json!({ "role": 2 }))), 90_000_005);
}

// R-076 R-077 R-078 R-080 R-081
#[test]
fn a_role_changes_with_a_good_authorization_and_nobody_else_hears() {
    let switch = |role: Value, signature: &str| json!({ "role": role, "authorization": authorization(signature, "9000") });
    let mut theatre = Theatre::new(2);
    assert_eq!(theatre.call(0, "switchRole", switch(json!(0), "good")), failed("switchRole", 90_100_007));
    theatre.join(0, "ada", 0);
    theatre.join(1, "bob", 2);
    theatre.publish(0, "cam");
    assert!(theatre.call(1, "subscribe", json!({ "stream": remote("ada") })).contains(&ok("subscribe", Value::Null)[0]));
    theatre.hush();
    assert_eq!(code_of(&theatre.call(1, "switchRole", switch(json!("0"), "good"))), 90_000_005);
    assert_eq!(theatre.call(1, "switchRole", switch(json!(0), "forged")), failed("switchRole", 90_100_031));
    theatre.make(1, "cam", json!({ "audio": true }));
    assert_eq!(theatre.call(1, "publish", json!({ "stream": { "local": "cam" } })), failed("publish", 90_100_022), "still a player");
    assert_eq!(theatre.call(1, "switchRole", switch(json!(2), "good")), ok("switchRole", Value::Null), "the same role");
    assert_eq!(theatre.call(1, "switchRole", switch(json!(0), "good")), ok("switchRole", Value::Null));
    assert_eq!(theatre.names(0), [""; 0]);
    assert!(theatre.call(1, "publish", json!({ "stream": { "local": "cam" } })).contains(&ok("publish", Value::Null)[0]));
    assert_eq!(theatre.names(0), ["stream-added"]);
    assert_eq!(theatre.call(1, "unsubscribe", json!({ "stream": remote("ada") })), ok("unsubscribe", Value::Null), "it was kept");
}

//
#[test]
fn stepping_down_withdraws_what_was_published_and_the_stream_can_be_published_again() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    theatre.publish(1, "cam");
    let down = json!({ "role": 2, "authorization": authorization("good", "9000") });
    assert_eq!(theatre.call(1, "switchRole", down), ok("switchRole", Value::Null));
    assert_eq!(theatre.names(0), ["stream-removed"]);
    assert_eq!(theatre.on(1, "cam", "getId", json!({})), ok("getId", Value::Null));
    let up = json!({ "role": 0, "authorization": authorization("good", "9000") });
    assert_eq!(theatre.call(1, "switchRole", up), ok("switchRole", Value::Null));
    assert!(theatre.call(1, "publish", json!({ "stream": { "local": "cam" } })).contains(&ok("publish", Value::Null)[0]));
}

// R-151 R-152 R-153
#[test]
fn a_joiner_s_new_name_is_told_and_shown_from_then_on() {
    let mut theatre = Theatre::new(2);
    assert_eq!(theatre.call(1, "changeUserName", json!({ "userName": "B" })), failed("changeUserName", 90_100_007));
    theatre.join(0, "ada", 0);
    theatre.join(1, "bob", 0);
    theatre.publish(1, "cam");
    assert_eq!(theatre.on_remote(0, "bob", "getUserName")["value"], Value::Null);
    assert_eq!(theatre.call(1, "changeUserName", json!({ "userName": "Bobby" })), ok("changeUserName", true.into()));
    let told = [("remote-user-name-changed".to_owned(), json!({ "roomId": "stage", "userId": "bob", "userName": "Bobby" }))];
    assert_eq!(theatre.events(0), told);
    assert_eq!(theatre.on_remote(0, "bob", "getUserName")["value"], "Bobby");
    assert_eq!(theatre.call(1, "changeUserName", json!({ "userName": "é".repeat(129) })), ok("changeUserName", false.into()));
    assert_eq!(theatre.names(0), [""; 0]);
    theatre.call(1, "leave", json!({}));
    assert_eq!(theatre.events(0).last().map(|(_, data)| data["userName"].clone()), Some(json!("Bobby")));
}

// R-151 R-154
#[test]
fn a_player_s_new_name_is_not_told_until_somebody_enters() {
    let mut theatre = Theatre::new(3);
    theatre.join(0, "ada", 0);
    theatre.join(1, "bob", 2);
    theatre.hush();
    assert_eq!(theatre.call(1, "changeUserName", json!({ "userName": "Bobby" })), ok("changeUserName", true.into()));
    let up = json!({ "role": 0, "authorization": authorization("good", "9000") });
    assert_eq!(theatre.call(1, "switchRole", up), ok("switchRole", Value::Null));
    assert_eq!(theatre.names(0), [""; 0]);
    let lines = theatre.call(2, "join", join_args("eve", 0));
    assert!(lines.contains(&json!({ "event": "peer-join", "data": { "userId": "bob", "userName": "Bobby" } })), "{lines:?}");
}

//
#[test]
fn handlers_that_are_left_over_are_listed_when_the_stay_ends() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.call(0, "setLogLevel", json!({ "level": "debug" }));
    assert_eq!(code_of(&theatre.call(0, "on", json!({ "event": "peer-joined", "handler": "h" }))), 90_000_005);
    for call in ["on", "on"] {
        assert_eq!(theatre.call(0, call, json!({ "event": "peer-join", "handler": "h" })), ok(call, Value::Null));
    }
    theatre.call(0, "on", json!({ "event": "peer-leave", "handler": "h" }));
    theatre.call(0, "off", json!({ "event": "peer-leave", "handler": "h" }));
    let lines = theatre.call(0, "leave", json!({}));
    assert!(lines.contains(&json!({ "notice": "handlers-leaked", "data": [{ "event": "peer-join", "handlers": 2 }] })), "{lines:?}");
}

//
#[test]
fn leaving_lets_go_of_devices_and_the_next_publication_takes_them_again() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.publish(0, "cam");
    let lines = theatre.call(0, "leave", json!({}));
    assert!(lines.contains(&json!({ "release": "cam Microphone" })) && lines.contains(&json!({ "release": "cam Camera" })), "{lines:?}");
    theatre.join(0, "ada", 0);
    let lines = theatre.call(0, "publish", json!({ "stream": { "local": "cam" } }));
    assert_eq!(lines[..2], [json!({ "capture": "cam Microphone" }), json!({ "capture": "cam Camera" })]);
    assert_eq!(lines[2], ok("publish", Value::Null)[0]);
}

//
#[test]
fn a_player_may_not_stream_live_and_to_a_joiner_it_is_not_offered() {
    let mut theatre = Theatre::new(2);
    theatre.join(1, "bob", 0);
    for call in ["startLiveStreaming", "updateLiveStreaming"] {
        let args = json!({ "taskId": "t", "urls": ["rtmp://example"], "publishConfig": {}, "userConfigs": [] });
        assert_eq!(theatre.call(0, call, args.clone()), failed(call, 90_100_007), "outside a room");
        theatre.join(0, "ada", 2);
        assert_eq!(theatre.call(0, call, args.clone()), failed(call, 90_100_022));
        theatre.call(0, "leave", json!({}));
        let joiner = theatre.try_tell(1, Input::Call(VendorCall::new(call, map(args))));
        assert_eq!(joiner, Err(Refused::NotOffered { call: call.into() }));
    }
}

// R-037 R-038
#[test]
fn a_ctime_goes_to_the_server_as_the_text_that_it_is() {
    let mut client = Client::new(START, settings());
    let call = |client: &mut Client, call: &str, args: Value| {
        client.handle_input(START, Input::Call(VendorCall::new(call, map(args)))).expect("it is printed");
    };
    call(&mut client, "createClient", json!({ "config": { "appId": "app1" } }));
    let mut args = join_args("ada", 0);
    args["options"]["ctime"] = "0009000".into();
    call(&mut client, "join", args);
    let mut sent = None;
    while let Some(output) = client.poll_output() {
        match output {
            Output::Connect { connection } => client.handle_input(START, Input::Opened { connection }).expect("time stands still"),
            Output::Send { frame, .. } => sent = Some(frame.message),
            _ => {}
        }
    }
    let Some(ClientMessage::Join { credential, .. }) = sent else { panic!("a join is sent: {sent:?}") };
    assert_eq!(credential, Some(Credential::Signature { signature: "good".into(), ctime: "0009000".into() }), "it is what was signed");
}
