//! Wrong arguments: the vendor's error, and nothing else.

use greenroom_core::dialect::{Input, Refused, StreamRef, VendorCall};
use serde_json::{Map, Value, json};

use crate::theatre::{Theatre, code_of, failed, join_args, map, ok, settings};

const INVALID: u64 = 90_000_005;

/// The arguments with one value replaced, at a path of fields.
fn with(mut args: Value, path: &[&str], value: Value) -> Value {
    let mut place = &mut args;
    for field in path {
        place = &mut place[*field];
    }
    *place = value;
    args
}

#[track_caller]
fn refused_silently(theatre: &mut Theatre, call: &str, args: Value) {
    let lines = theatre.call(0, call, args.clone());
    assert_eq!(code_of(&lines), INVALID, "{args}");
    assert!(lines[..lines.len() - 1].iter().all(|line| line["notice"] == "argument-refused"), "{lines:?}");
    assert_eq!(theatre.room.members().count(), 0);
    assert_eq!(theatre.call(0, "getConnectionState", json!({})), ok("getConnectionState", "DISCONNECTED".into()));
}

// R-001 R-002 R-036
#[test]
fn an_app_id_has_1_to_128_characters_and_no_plus_and_a_domain_at_most_128() {
    let create = |config: Value| {
        let mut client = greenroom_core::dialect::sparkrtc::Client::new(crate::theatre::START, settings());
        let call = VendorCall::new("createClient", map(json!({ "config": config })));
        client.handle_input(crate::theatre::START, Input::Call(call)).expect("it is a printed call");
        core::iter::from_fn(|| client.poll_output()).last().map(|output| format!("{output:?}")).expect("it is answered")
    };
    assert!(create(json!({ "appId": "a".repeat(128), "domain": "日".repeat(128) })).contains("Ok(Null)"));
    assert!(create(json!({ "appId": "a" })).contains("Ok(Null)"), "the domain may be missing");
    for config in [
        json!({ "appId": "" }),
        json!({ "appId": "a".repeat(129) }),
        json!({ "appId": "a+b" }),
        json!({ "appId": 1 }),
        json!({}),
        json!({ "appId": "a", "domain": "d".repeat(129) }),
    ] {
        assert!(create(config.clone()).contains("90000005"), "{config}");
    }
}

// R-260 R-261
#[test]
fn a_country_is_one_of_the_table_and_its_letters_are_capitals_or_raised() {
    use greenroom_core::{dialect::sparkrtc::Client, region::Group};
    let region = |country: Value, strict: bool| {
        let mut client = Client::new(crate::theatre::START, greenroom_core::dialect::Settings { strict, ..settings() });
        let call = VendorCall::new("createClient", map(json!({ "config": { "appId": "a", "countryCode": country } })));
        client.handle_input(crate::theatre::START, Input::Call(call)).expect("it is a printed call");
        client.region()
    };
    assert_eq!(region(json!("DE"), true), Some(Group::Dr3));
    assert_eq!(region(json!(null), true), Some(Group::Dr1), "the configured default");
    assert_eq!((region(json!("sg"), false), region(json!("sg"), true)), (Some(Group::Dr2), None));
    for no_country in [json!("RU"), json!("CHN"), json!(""), json!(86)] {
        assert_eq!(region(no_country, false), None);
    }
}

// R-056 R-057 R-058 R-037 R-038
#[test]
fn join_checks_every_argument_before_anything_happens() {
    let mut theatre = Theatre::new(1);
    let (good, long) = (join_args("ada", 0), "a".repeat(65));
    for (path, values) in [
        (&["roomId"][..], vec![json!(""), json!(long), json!("a b"), json!("a:b"), json!("é"), json!(7), json!(null)]),
        (&["options", "userId"], vec![json!(""), json!(long), json!("a.b"), json!(7), json!(null)]),
        (&["options", "userName"], vec![json!("é".repeat(129)), json!(7)]),
        (&["options", "signature"], vec![json!(""), json!("a".repeat(513)), json!(7), json!(null)]),
        (&["options", "ctime"], vec![json!(""), json!("+1"), json!("1.5"), json!("soon"), json!(9000), json!(null), json!("9".repeat(21))]),
        (&["options", "role"], vec![json!("0"), json!(1), json!(3), json!(-1), json!(true), json!(null)]),
        (&["options"], vec![json!([]), json!("x"), json!(null)]),
    ] {
        for value in values {
            refused_silently(&mut theatre, "join", with(good.clone(), path, value));
        }
    }
    // Just good enough: 64 letters, 256 bytes, the name equal to the id, a number written as a fraction.
    let mut args = with(good.clone(), &["options", "userName"], json!("é".repeat(128)));
    args = with(args, &["options", "userId"], json!("a".repeat(64)));
    args = with(args, &["options", "role"], json!(2.0));
    let lines = theatre.call(0, "join", args);
    assert!(lines.contains(&ok("join", Value::Null)[0]), "{lines:?}");
}

#[test]
fn what_was_wrong_is_told_in_a_notice_and_a_strict_client_says_none() {
    let mut theatre = Theatre::new(1);
    let lines = theatre.call(0, "join", with(join_args("ada", 0), &["options", "role"], json!("0")));
    let told = json!({ "notice": "argument-refused", "data": { "call": "join", "at": "options.role", "expected": "the number 0 or 2" } });
    assert_eq!(lines[0], told);
    let mut strict = Theatre::with(1, &greenroom_core::dialect::Settings { strict: true, ..settings() }, |_| {});
    assert_eq!(strict.call(0, "join", json!({})), failed("join", 90_000_005));
}

#[test]
fn an_argument_that_is_not_printed_does_nothing_and_is_told_in_a_notice() {
    let mut theatre = Theatre::new(1);
    let args = with(with(join_args("ada", 0), &["room"], json!("stage")), &["options", "rolle"], json!(2));
    let lines = theatre.call(0, "join", args.clone());
    let ignored = |at: &str| json!({ "notice": "argument-ignored", "data": { "call": "join", "at": at } });
    assert_eq!(lines[..2], [ignored("options.rolle"), ignored("room")]);
    assert!(lines.contains(&ok("join", Value::Null)[0]), "{lines:?}");
    let mut strict = Theatre::with(1, &greenroom_core::dialect::Settings { strict: true, ..settings() }, |_| {});
    let lines = strict.call(0, "join", args);
    assert!(lines.contains(&ok("join", Value::Null)[0]) && lines.iter().all(|line| line["notice"].is_null()), "{lines:?}");
    // A misspelt one that has to be there is both: ignored, and missing.
    let lines = strict.call(0, "createStream", json!({ "cfg": {} }));
    assert_eq!(code_of(&lines), INVALID);
}

// R-234 C-09
#[test]
fn the_check_before_joining_resolves_with_true_or_with_what_is_missing() {
    let mut theatre = Theatre::new(1);
    let check = |theatre: &mut Theatre, args: Value| {
        let mut lines = theatre.call(0, "checkSystemRequirements", args);
        assert_eq!((lines.len(), &lines[0]["ok"]), (1, &json!(true)), "it resolves: {lines:?}");
        lines.remove(0)["value"].take()
    };
    let either = json!({ "strictCheckBrowser": false, "direction": "sendrecv" });
    assert_eq!((check(&mut theatre, json!({})), check(&mut theatre, either)), (json!(true), json!(true)));
    theatre.host(0, "capabilities", json!({ "avcDecode": false }));
    let decoder = json!({ "code": 90_100_036, "msg": "RTCPeerConnection unsupport AVC decoders." });
    for (direction, told) in [("sendrecv", &decoder), ("recvonly", &decoder), ("sendonly", &json!(true))] {
        assert_eq!(check(&mut theatre, json!({ "direction": direction })), *told, "{direction}");
    }
    theatre.host(0, "capabilities", json!({ "avcEncode": false, "avcDecode": true }));
    assert_eq!(check(&mut theatre, json!({ "direction": "sendonly" }))["code"], 90_100_035);
    assert_eq!(check(&mut theatre, json!({ "direction": "recvonly" })), true);
    // What is missing nearer to the page is told first.
    let codes = [("upstream", 90_100_024), ("websocket", 90_100_034), ("allowListed", 90_100_037)];
    for (what, code) in codes {
        theatre.host(0, "capabilities", json!({ what: false }));
        assert_eq!(check(&mut theatre, json!({}))["code"], code);
    }
    assert_eq!(check(&mut theatre, json!({ "strictCheckBrowser": false }))["code"], 90_100_034, "the list does not count");
    theatre.host(0, "capabilities", json!({ "chromeVersion": 66 }));
    assert_eq!(check(&mut theatre, json!({}))["code"], 90_100_033);
    theatre.host(0, "capabilities", json!({ "chromeVersion": 67 }));
    assert_eq!(check(&mut theatre, json!({}))["code"], 90_100_037);
    theatre.host(0, "capabilities", json!({ "navigator": false }));
    assert_eq!(check(&mut theatre, json!({}))["code"], 90_100_032);
}

//
#[test]
fn the_check_s_arguments_are_judged_and_so_is_what_the_platform_says() {
    let mut theatre = Theatre::new(1);
    for args in [json!({ "strictCheckBrowser": "no" }), json!({ "direction": "both" }), json!({ "direction": 1 })] {
        assert_eq!(code_of(&theatre.call(0, "checkSystemRequirements", args)), INVALID);
    }
    for (args, place) in
        [(json!({ "websocket": 1 }), "websocket"), (json!({ "flash": true }), "flash"), (json!({ "chromeVersion": -1 }), "chromeVersion")]
    {
        let host = Input::Host { name: "capabilities".into(), args };
        assert!(matches!(theatre.try_tell(0, host), Err(Refused::BadInput { at, .. }) if at == place), "{place}");
    }
}

#[test]
fn calls_that_are_not_printed_or_not_offered_are_not_taken() {
    let mut theatre = Theatre::new(1);
    let mut told = |call: VendorCall| theatre.try_tell(0, Input::Call(call)).expect_err("it is not taken");
    assert_eq!(
        told(VendorCall::new("subscibe", Map::new())).to_string(),
        "the client has no operation \"subscibe\"; did you mean \"subscribe\"?"
    );
    let cam = || StreamRef::Local("cam".into());
    assert!(matches!(told(VendorCall::on(cam(), "join", Map::new())), Refused::UnknownCall { .. }));
    assert_eq!(told(VendorCall::on(cam(), "play", Map::new())), Refused::NotOffered { call: "play".into() });
    assert_eq!(told(VendorCall::new("getSpeakers", Map::new())), Refused::NotOffered { call: "getSpeakers".into() });
    let host = Input::Host { name: "captureFailed".into(), args: json!({ "medium": "audio", "code": 5 }) };
    assert!(matches!(theatre.try_tell(0, host), Err(Refused::BadInput { at, .. }) if at == "code"));
}

//
#[test]
fn a_log_level_is_one_of_five_and_none_silences_all() {
    let mut theatre = Theatre::new(1);
    assert_eq!(code_of(&theatre.call(0, "setLogLevel", json!({ "level": "loud" }))), INVALID);
    assert_eq!(theatre.call(0, "setLogLevel", json!({ "level": "error" })), ok("setLogLevel", Value::Null));
    assert_eq!(theatre.call(0, "join", json!({})), failed("join", 90_000_005), "a warning is more than errors");
    theatre.call(0, "setLogLevel", json!({ "level": "warn" }));
    assert_eq!(theatre.call(0, "join", json!({})).len(), 2);
    theatre.call(0, "setLogLevel", json!({ "level": "none" }));
    assert_eq!(theatre.call(0, "join", json!({})).len(), 1);
}

// R-013 R-017
#[test]
fn the_version_is_a_text_and_the_state_is_disconnected_before_join() {
    let mut theatre = Theatre::new(1);
    assert!(theatre.call(0, "VERSION", json!({}))[0]["value"].as_str().is_some_and(|version| !version.is_empty()));
    assert_eq!(theatre.call(0, "getConnectionState", json!({})), ok("getConnectionState", "DISCONNECTED".into()));
}
