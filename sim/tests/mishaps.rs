//! What goes wrong in a call, and what follows: each story here once went another way.

use core::fmt::Write as _;

use greenroom_sim::{
    engine::Engine,
    media::Fidelity,
    record::{Record, What},
    scenario::Scenario,
};

#[path = "common/lab.rs"]
mod lab;

/// Ada publishes and Ben watches, both from a place with a good line; `link` is another one, `events` is what happens.
fn call(seconds: u32, link: &str, users: &str, events: &[&str]) -> Scenario {
    let mut text = format!(
        "title = \"mishap\"\nduration = \"{seconds} s\"\n[link.fibre]\ndelay = \"10 ms\"\n[link.odd]\ndelay = \"20 ms\"\n{link}\n{users}"
    );
    for event in events {
        let mut words = event.splitn(3, ' ');
        let mut word = || words.next().expect("a time, a user and a deed");
        let _ = write!(text, "\n[[event]]\nat = \"{} ms\"\nuser = \"{}\"\n{}", word(), word(), word().replace(", ", "\n"));
    }
    lab::parse(&text)
}

const ADA: &str = "[[user]]\nid = \"ada\"\nrole = \"joiner\"\nlink = \"fibre\"\npublish = true\n";
const BEN: &str = "[[user]]\nid = \"ben\"\nrole = \"player\"\nlink = \"fibre\"\njoin = \"1 s\"\n";

fn users(ada: &str, ben: &str) -> String {
    ADA.replace("fibre", ada) + &BEN.replace("fibre", ben)
}

/// Runs the scenario with modelled media on both engines, which must agree, and with every check holding.
fn run(scenario: &Scenario) -> Record {
    let [turmoil, direct] = Engine::ALL.map(|engine| lab::run(scenario, engine, Fidelity::Model, 1));
    assert_eq!(lab::failures(&direct), [""; 0]);
    assert_eq!(turmoil.entries, direct.entries);
    direct
}

/// What somebody sees of the room and of its own connection from a time on.
fn seen(record: &Record, user: &str, from_ms: u64) -> Vec<String> {
    let detail = |what: &What| {
        let connection = matches!(
            what,
            What::Interrupted { .. } | What::Restored { .. } | What::JoinCalled | What::FirstFrame { .. } | What::Freeze { .. }
        );
        !what.is_story() && !connection
    };
    let lines = lab::story(record, user, detail).into_iter();
    lines.filter(|line| line.split(' ').next().and_then(|ms| ms.parse().ok()).is_some_and(|ms: u64| ms >= from_ms)).collect()
}

/// A new transport numbers its packets from the beginning. A viewer that waited for its old numbers would see nothing for as long as it had watched before.
#[test]
fn the_picture_is_back_as_soon_as_a_new_transport_stands() {
    let scenario = call(45, "outages = [{ from = \"10 s\", to = \"30 s\" }]", &users("fibre", "odd"), &[]);
    for media in [Fidelity::Model, Fidelity::WebRtcNull, Fidelity::WebRtc] {
        let record = lab::run(&scenario, Engine::Direct, media, 1);
        assert_eq!(lab::failures(&record), [""; 0], "{media}");
        let thawed = record.entries.iter().find_map(|entry| match entry.what {
            What::Freeze { duration_ms, .. } if duration_ms > 10_000 => Some(entry.at.as_nanos() / 1_000_000),
            _ => None,
        });
        let connected = record
            .entries
            .iter()
            .rev()
            .find(|entry| matches!(entry.what, What::MediaConnected { .. }))
            .map(|entry| entry.at.as_nanos() / 1_000_000);
        let (thawed, connected) = (thawed.expect("the outage froze the picture"), connected.expect("it came back"));
        assert!(connected > 30_000 && thawed < connected + 1000, "{media}: connected at {connected} ms, a picture at {thawed} ms");
    }
}

/// Who comes back at once waits for the leave to be answered, as people do, instead of being told that they are in the room already.
#[test]
fn a_join_waits_for_the_leave_before_it() {
    let record = run(&call(6, "", &users("fibre", "fibre"), &["4000 ada do = \"leave\"", "4001 ada do = \"join\""]));
    let expected = ["4020 left", "4020 join-called", "4060 joined joiner", "4060 peer-joined ben", "4080 published ada/main"];
    assert_eq!(seen(&record, "ada", 4000), expected);
    let ben = seen(&record, "ben", 4000);
    assert_eq!(
        ben[..5],
        [
            "4020 stream-removed ada/main",
            "4020 peer-left ada 0",
            "4060 peer-joined ada",
            "4080 stream-added ada/main",
            "4100 subscribed ada/main"
        ]
    );
    assert!(ben[5].contains("first-frame"), "{ben:?}");
}

#[test]
fn a_leave_takes_back_a_join_that_waits() {
    let events = [
        "4000 ada do = \"leave\"",
        "4001 ada do = \"join\"",
        "4002 ada do = \"leave\"",
        "4003 ada do = \"join\"",
        "4004 ada do = \"leave\"",
    ];
    let record = run(&call(6, "", &users("fibre", "fibre"), &events));
    assert_eq!(seen(&record, "ada", 4000), ["4020 left"]);
}

/// Nobody can mute a stream that has no name yet: what comes on the heels of a publish waits for its answer.
#[test]
fn a_mute_on_the_heels_of_a_publish_holds() {
    let events =
        ["1 ada do = \"mute\", video = true", "2 ada do = \"unpublish\"", "3 ada do = \"publish\"", "3 ada do = \"mute\", audio = true"];
    let record = run(&call(16, "", &users("fibre", "fibre"), &events));
    let expected = ["0 join-called", "40 joined joiner", "60 published ada/main", "80 unpublished ada/main", "80 published ada/main"];
    assert_eq!(seen(&record, "ada", 0)[..5], expected);
    let ben = seen(&record, "ben", 0);
    assert!(ben.contains(&"1040 stream-muted true ada/main false".to_owned()), "{ben:?}");
}

/// In and out again before the connection stands: with the shortest delay, in both engines.
#[test]
fn comings_and_goings_within_a_millisecond() {
    let events = ["1001 ben do = \"leave\"", "1002 ben do = \"join\"", "1003 ben do = \"leave\"", "1005 ben do = \"join\""];
    let record = run(&call(4, "up.delay = \"3 ms\"\ndown.delay = \"3 ms\"", &users("odd", "odd"), &events));
    let ben = seen(&record, "ben", 0);
    let expected = [
        "1000 join-called",
        "1001 failed join 4005",
        "1001 left",
        "1002 join-called",
        "1003 failed join 4005",
        "1003 left",
        "1005 join-called",
        "1017 joined player",
    ];
    assert_eq!(ben[..8], expected);
}

/// The camera obeys a mute at once; the room hears of it when the connection is back. Before, the others waited for a picture that was not meant to come.
#[test]
fn a_mute_in_a_tunnel_is_told_after_it() {
    let events = ["11000 ada do = \"mute\", audio = true, video = true", "30000 ada do = \"unmute\", video = true"];
    let record = run(&call(45, "outages = [{ from = \"10 s\", to = \"18 s\" }]", &users("odd", "fibre"), &events));
    assert_eq!(seen(&record, "ada", 5000), ["14120 interrupted 4006", "18080 restored 3960"]);
    let ben = seen(&record, "ben", 5000);
    assert_eq!(ben[..2], ["18110 stream-muted true ada/main true", "30030 stream-muted true ada/main false"]);
    assert_eq!(ben.len(), 2, "and what was muted is no freeze: {ben:?}");
}

/// A subscription whose answer is lost is asked for again.
#[test]
fn a_stream_that_begins_in_a_tunnel_is_seen_after_it() {
    let ada = users("fibre", "odd").replace("publish = true\n", "");
    // Deaf: the stream is heard of in time, the answer is not. Dumb: the question does not arrive.
    for (deaf, publish_ms) in [("down", 9980), ("up", 10_100)] {
        let event = format!("{publish_ms} ada do = \"publish\"");
        let record = run(&call(30, &format!("{deaf}.outages = [{{ from = \"10 s\", to = \"18 s\" }}]"), &ada, &[&event]));
        let ben = seen(&record, "ben", 9000);
        let kinds: Vec<&str> = ben.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(kinds, ["stream-added", "interrupted", "restored", "subscribed", "first-frame"], "{deaf}: {ben:?}");
    }
}

/// The server switched the role, its answer was lost: the user hears of it with the connection.
#[test]
fn a_role_that_was_granted_unheard_is_told_after_the_tunnel() {
    let deaf = "down.outages = [{ from = \"10 s\", to = \"18 s\" }]";
    let events = ["10500 ben do = \"switch_role\", role = \"joiner\"", "20000 ben do = \"publish\""];
    let record = run(&call(35, deaf, &users("fibre", "odd"), &events));
    let ben: Vec<String> = seen(&record, "ben", 9000).into_iter().filter(|line| !line.contains("freeze")).collect();
    let expected = [
        "15120 failed switch_role 4005",
        "15120 interrupted 4006",
        "18060 restored 2940",
        "18060 role-changed joiner",
        "20040 published ben/main",
    ];
    assert_eq!(ben, expected);

    let record = run(&call(35, deaf, &users("odd", "fibre"), &["10500 ada do = \"switch_role\", role = \"player\""]));
    assert_eq!(
        seen(&record, "ada", 9000),
        ["14120 failed switch_role 4005", "14120 interrupted 4006", "18060 restored 3940", "18060 role-changed player"]
    );
    assert_eq!(seen(&record, "ben", 9000), ["10530 stream-removed ada/main"]);
}

#[test]
fn a_stream_that_was_taken_down_unheard_is_told_after_the_tunnel() {
    let events = ["10500 ada do = \"unpublish\"", "25000 ada do = \"publish\""];
    let record = run(&call(40, "down.outages = [{ from = \"10 s\", to = \"18 s\" }]", &users("odd", "fibre"), &events));
    let expected = [
        "14120 failed unpublish 4005",
        "14120 interrupted 4006",
        "18060 restored 3940",
        "18060 unpublished ada/main",
        "25040 published ada/main",
    ];
    assert_eq!(seen(&record, "ada", 9000), expected);
}

/// A stay that never was: what it was for is refused, and does not lie in wait for the next one.
#[test]
fn what_was_meant_for_a_stay_that_failed_is_not_kept_for_the_next() {
    let entering = "[[user]]\nid = \"ben\"\nrole = \"joiner\"\nlink = \"odd\"\njoin = \"12 s\"\npublish = true\n";
    let events = ["30000 ben do = \"mute\", audio = true", "35000 ben do = \"leave\"", "36000 ben do = \"join\""];
    let record = run(&call(50, "outages = [{ from = \"10 s\", to = \"25 s\" }]", &format!("{ADA}{entering}"), &events));
    let ben = seen(&record, "ben", 0);
    let expected = [
        "12000 join-called",
        "22000 failed join 4001",
        "22000 failed publish 1003",
        "30000 failed mute 2002",
        "35000 failed leave 1003",
        "36000 join-called",
    ];
    assert_eq!(ben[..6], expected);
    assert_eq!(ben.iter().filter(|line| line.contains("published")).count(), 1, "{ben:?}");
    assert!(!ben[6..].iter().any(|line| line.contains("failed")), "{ben:?}");
}

/// Who comes when all is muted is told so. Before, nobody could tell such a stream from a dead one.
#[test]
fn a_latecomer_hears_what_is_muted() {
    let late = format!("{ADA}{BEN}{}", BEN.replace("\"ben\"", "\"eve\"").replace("1 s", "8 s"));
    let record = run(&call(30, "", &late, &["5000 ada do = \"mute\", audio = true, video = true"]));
    let eve = seen(&record, "eve", 0);
    assert_eq!(
        eve[2..],
        [
            "8040 peer-joined ada",
            "8040 peer-joined ben",
            "8040 stream-added ada/main",
            "8040 stream-muted true ada/main true",
            "8060 subscribed ada/main"
        ]
    );
}

/// Ben and Ada take turns on stage, three times.
#[test]
fn two_swap_places() {
    let mut events = Vec::new();
    for (ms, up, down) in [(4000, "ben", "ada"), (8000, "ada", "ben"), (12_000, "ben", "ada")] {
        events.push(format!("{ms} {down} do = \"switch_role\", role = \"player\""));
        events.push(format!("{ms} {up} do = \"switch_role\", role = \"joiner\""));
        events.push(format!("{ms} {up} do = \"publish\""));
    }
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    let record = run(&call(30, "", &users("fibre", "odd"), &events));
    let count = |user: &str, word: &str| seen(&record, user, 0).iter().filter(|line| line.contains(word)).count();
    assert_eq!((count("ada", "published"), count("ben", "published")), (2, 2));
    assert_eq!((count("ada", "first-frame"), count("ben", "first-frame")), (2, 2));
    assert_eq!((count("ada", "failed"), count("ben", "failed")), (0, 0));
}

/// 30 s is how long a place is kept: after 29 s somebody is back unnoticed, after 40 s gone, and everybody knows.
#[test]
fn a_place_is_kept_for_half_a_minute() {
    let away = |to_s: u32| run(&call(70, &format!("outages = [{{ from = \"10 s\", to = \"{to_s} s\" }}]"), &users("odd", "fibre"), &[]));
    let record = away(42);
    assert!(seen(&record, "ada", 10_000).iter().any(|line| line.contains("restored")));
    assert!(!seen(&record, "ben", 10_000).iter().any(|line| line.contains("peer-left") || line.contains("stream-removed")));
    let record = away(50);
    assert_eq!(seen(&record, "ada", 10_000), ["14120 interrupted 4006", "44120 removed 4002"]);
    assert_eq!(seen(&record, "ben", 10_000), ["44110 stream-removed ada/main", "44110 peer-left ada 7"]);
}
