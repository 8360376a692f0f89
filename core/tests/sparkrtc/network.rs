//! Proxies, relays, and the cap on bandwidth.

use core::time::Duration;

use greenroom_core::{
    dialect::{HostOrder, Input, Output, TurnServers, VendorCall, sparkrtc::Client},
    limits,
    member::Cap,
};
use serde_json::{Value, json};

use crate::theatre::{START, Theatre, code_of, failed, map, ok, settings};

const INVALID: u64 = 90_000_005;

fn turn(config: Value) -> Value {
    json!({ "turnServerConfig": config })
}

fn bandwidth(kbps: impl Into<Value>) -> Value {
    json!({ "bandwidthParam": { "maxBandwidth": kbps.into() } })
}

/// What a client that was just created orders for a call.
fn orders(call: &str, args: Value) -> Vec<HostOrder> {
    let mut client = Client::new(START, settings());
    for call in [VendorCall::new("createClient", map(json!({ "config": { "appId": "app1" } }))), VendorCall::new(call, map(args))] {
        client.handle_input(START, Input::Call(call)).expect("it is printed");
    }
    core::iter::from_fn(|| client.poll_output())
        .filter_map(|output| match output {
            Output::Host(order) => Some(order),
            _ => None,
        })
        .collect()
}

// R-239
#[test]
fn proxies_are_urls_of_scheme_host_and_port_with_commas_between() {
    let servers = orders("setProxyServer", json!({ "server": "http://10.0.0.1:8080, https://proxy.example.org:443" }));
    let both = vec!["http://10.0.0.1:8080".to_owned(), "https://proxy.example.org:443".to_owned()];
    assert_eq!(servers, [HostOrder::UseProxies { servers: both }]);
    let mut theatre = Theatre::new(1);
    let many = vec!["http://a:1"; limits::RELAY_SERVERS + 1].join(",");
    for server in
        [json!(""), json!("10.0.0.1:80"), json!("http://a:80,"), json!("http://a"), json!(many), json!(["http://a:80"]), Value::Null]
    {
        assert_eq!(code_of(&theatre.call(0, "setProxyServer", json!({ "server": server }))), INVALID, "{server}");
    }
}

// R-240
#[test]
fn relays_are_one_or_more_and_a_port_is_one_of_65535() {
    let order = orders(
        "setTurnServer",
        turn(json!({ "turnServers": ["relay.example.org"], "udpPort": 3478.0, "userName": "ada", "credential": "s3cret" })),
    );
    let servers = TurnServers {
        servers: vec!["relay.example.org".into()],
        udp_port: Some(3478),
        user_name: Some("ada".into()),
        credential: Some("s3cret".into()),
    };
    assert_eq!(order, [HostOrder::UseTurn(servers)]);
    let mut theatre = Theatre::new(1);
    assert_eq!(
        theatre.call(0, "setTurnServer", turn(json!({ "turnServers": ["relay"] }))),
        ok("setTurnServer", Value::Null),
        "the rest is optional"
    );
    for config in [
        Value::Null,
        json!({}),
        json!({ "turnServers": [] }),
        json!({ "turnServers": [""] }),
        json!({ "turnServers": [7] }),
        json!({ "turnServers": "relay" }),
        json!({ "turnServers": vec!["relay"; limits::RELAY_SERVERS + 1] }),
        json!({ "turnServers": ["r".repeat(limits::SERVER_ADDRESS_BYTES + 1)] }),
        json!({ "turnServers": ["relay"], "udpPort": 0 }),
        json!({ "turnServers": ["relay"], "udpPort": 65_536 }),
        json!({ "turnServers": ["relay"], "udpPort": "3478" }),
        json!({ "turnServers": ["relay"], "userName": 7 }),
        json!({ "turnServers": ["relay"], "credential": "c".repeat(limits::TURN_CREDENTIAL_BYTES + 1) }),
    ] {
        assert_eq!(code_of(&theatre.call(0, "setTurnServer", turn(config.clone()))), INVALID, "{config}");
    }
}

// R-240
#[test]
fn neither_the_name_nor_the_password_of_a_relay_is_ever_shown() {
    let call =
        VendorCall::new("setTurnServer", map(turn(json!({ "turnServers": ["relay"], "userName": "h1dden", "credential": "s3cret" }))));
    let mut client = Client::new(START, settings());
    let create = VendorCall::new("createClient", map(json!({ "config": { "appId": "app1" } })));
    let mut shown = vec![format!("{call:?}")];
    for call in [create, call] {
        client.handle_input(START, Input::Call(call)).expect("it is printed");
        shown.push(format!("{client:?}"));
        shown.extend(core::iter::from_fn(|| client.poll_output()).map(|output| format!("{output:?}")));
    }
    let shown = shown.concat();
    assert!(shown.contains("UseTurn") && shown.contains("relay"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("h1dden"), "{shown}");
}

// R-238 C-34
#[test]
fn proxies_and_relays_come_before_joining() {
    let mut theatre = Theatre::joined(&["ada"]);
    let calls = [("setProxyServer", json!({ "server": "http://a:80" })), ("setTurnServer", turn(json!({ "turnServers": ["relay"] })))];
    for (call, args) in &calls {
        assert_eq!(theatre.call(0, call, args.clone()), failed(call, 90_100_001));
    }
    theatre.call(0, "leave", json!({}));
    for (call, args) in &calls {
        assert_eq!(theatre.call(0, call, args.clone()), ok(call, Value::Null), "before the next one");
    }
    theatre.set_silent(0, true);
    theatre.call(0, "join", crate::theatre::join_args("ada", 0));
    assert_eq!(theatre.call(0, calls[0].0, calls[0].1.clone()), failed("setProxyServer", 90_100_001), "on the way in it is too late");
}

// R-241 C-42
#[test]
fn bandwidth_is_capped_between_3072_and_51200_kbps_at_any_time() {
    let mut theatre = Theatre::new(1);
    for kbps in [json!(3071), json!(51_201), json!(0), json!(-1), json!("4000"), json!(3072.5), Value::Null] {
        assert_eq!(code_of(&theatre.call(0, "setNetworkBandwidth", bandwidth(kbps.clone()))), INVALID, "{kbps}");
    }
    assert_eq!(code_of(&theatre.call(0, "setNetworkBandwidth", json!({}))), INVALID);
    let cap = |theatre: &Theatre| theatre.room.members().next().and_then(|member| member.cap);
    for kbps in [3072_u64, 51_200] {
        assert_eq!(theatre.call(0, "setNetworkBandwidth", bandwidth(kbps)), ok("setNetworkBandwidth", Value::Null));
    }
    theatre.join(0, "ada", 0);
    assert_eq!(cap(&theatre), Some(Cap(51_200_000)), "what was set before joining is told on joining");
    theatre.call(0, "setNetworkBandwidth", bandwidth(4000));
    assert_eq!(cap(&theatre), Some(Cap(4_000_000)));
    theatre.call(0, "leave", json!({}));
    theatre.join(0, "ada", 0);
    assert_eq!(cap(&theatre), Some(Cap(4_000_000)), "it is the object's, whatever room it is in");
}

// R-241
#[test]
fn a_cap_that_was_cut_short_is_told_again() {
    let mut theatre = Theatre::joined(&["ada"]);
    theatre.set_cut(0, true);
    theatre.call(0, "setNetworkBandwidth", bandwidth(4000));
    theatre.pass(Duration::from_secs(8));
    theatre.call(0, "setNetworkBandwidth", bandwidth(5000));
    theatre.set_cut(0, false);
    theatre.pass(Duration::from_secs(10));
    assert_eq!(theatre.room.members().next().and_then(|member| member.cap), Some(Cap(5_000_000)));
}

// R-241
#[test]
fn what_is_sent_is_held_back_where_it_would_take_more_than_its_part() {
    let mut theatre = Theatre::joined(&["ada", "bob"]);
    let held_back = |lines: Vec<Value>| lines.into_iter().filter(|line| line.get("limit_sending").is_some()).collect::<Vec<_>>();
    theatre.make(0, "cam", json!({ "audio": true, "video": true }));
    theatre.on(0, "cam", "setVideoProfile", json!({ "profile": "1080p_1" }));
    theatre.call(0, "publish", json!({ "stream": { "local": "cam" } }));
    // 2000 and 40 kbps are more than half of 3072.
    let lines = theatre.call(0, "setNetworkBandwidth", bandwidth(3072));
    assert_eq!(held_back(lines), [json!({ "limit_sending": 1_536_000, "stream": "cam" })]);
    theatre.make(0, "share", json!({ "screen": true }));
    theatre.on(0, "share", "initialize", json!({}));
    let lines = theatre.call(0, "publish", json!({ "stream": { "local": "share" } }));
    let limits = held_back(lines).iter().map(|line| line["limit_sending"].as_u64().expect("a rate")).collect::<Vec<_>>();
    assert_eq!(limits.len(), 2, "both have their share");
    assert!((1_535_998..=1_536_000).contains(&limits.iter().sum::<u64>()), "{limits:?}");
    theatre.call(0, "unpublish", json!({ "stream": { "local": "share" } }));
    let lines = theatre.call(0, "setNetworkBandwidth", bandwidth(51_200));
    assert_eq!(held_back(lines), [json!({ "limit_sending": null, "stream": "cam" })]);
}
