//! Lines that several users share: bottlenecks that clients stand behind together.

use greenroom_core::time::Instant;
use greenroom_sim::{
    engine::{Collected, Engine},
    media::Fidelity,
    record::{Account, Counted, Direction},
    scenario::Scenario,
};

#[path = "common/lab.rs"]
mod lab;

/// Ada and Ben publish from behind one uplink, which carries one of them well and not both; Eva watches from elsewhere.
const UPLINK: &str = r#"
title = "One uplink"
duration = "12 s"
[shared.office]
delay = "6 ms"
up = { rate = "3 Mbps", queue = "100 ms" }
[link.desk]
delay = "3 ms"
rate = "100 Mbps"
behind = "office"
[link.fibre]
delay = "10 ms"
[[user]]
id = "ada"
role = "joiner"
link = "desk"
publish = true
watch = []
[[user]]
id = "ben"
role = "joiner"
link = "desk"
publish = true
watch = []
[[user]]
id = "eva"
role = "player"
link = "fibre"
"#;

const ADA: u16 = 1;
const BEN: u16 = 2;
const EVA: u16 = 3;
/// Behind the users.
const OFFICE: u16 = 4;

fn account(run: &Collected, place: u16, direction: Direction) -> Account {
    let found = run.ledger.accounts().find(|(of, way, _)| (*of, *way) == (place, direction));
    found.map(|(_, _, account)| account.clone()).expect("every line has an account")
}

#[test]
fn what_is_sent_behind_a_line_crosses_it_and_what_does_not_fit_is_dropped_there() {
    let run = lab::collect(&lab::parse(UPLINK), Fidelity::Model);
    let (ada, ben, office) = (account(&run, ADA, Direction::Up), account(&run, BEN, Direction::Up), account(&run, OFFICE, Direction::Up));
    assert_eq!(ada.dropped.values().sum::<u64>() + ben.dropped.values().sum::<u64>(), 0, "their own links are wide");
    assert_eq!(office.sent, ada.delivered + ben.delivered, "all that comes to the router goes on");
    assert!(office.dropped["queue full"] > 500, "{office:?}");
    let alone = lab::collect(
        &lab::parse(&UPLINK.replace(
            "link = \"desk\"\npublish = true\nwatch = []\n[[user]]\nid = \"eva\"",
            "link = \"fibre\"\npublish = true\nwatch = []\n[[user]]\nid = \"eva\"",
        )),
        Fidelity::Model,
    );
    assert_eq!(account(&alone, OFFICE, Direction::Up).dropped.values().sum::<u64>(), 0, "for one of them there is room");
    assert_eq!(account(&alone, OFFICE, Direction::Up).sent, account(&alone, ADA, Direction::Up).delivered);
}

#[test]
fn a_way_over_two_lines_takes_as_long_as_both() {
    let run = lab::collect(&lab::parse(&UPLINK.replace("rate = \"3 Mbps\", ", "")), Fidelity::Model);
    let shortest_ms = |place, direction| account(&run, place, direction).shortest().expect("something went").as_secs_f64() * 1e3;
    assert!((6.0..6.01).contains(&shortest_ms(OFFICE, Direction::Up)), "the line alone: {}", shortest_ms(OFFICE, Direction::Up));
    assert!((6.0..6.01).contains(&shortest_ms(OFFICE, Direction::Down)));
    assert!((3.0..3.1).contains(&shortest_ms(ADA, Direction::Up)));
    assert!((3.0..3.1).contains(&shortest_ms(ADA, Direction::Down)), "what the server sends to ada comes out of the router last");
    // Signalling takes the whole way: its round trip is twice 9 ms behind the office, twice 10 ms over the fibre.
    let now = Instant::from_secs(1);
    let there = |place| run.network.signalling_arrival(now, place, place).saturating_since(now).as_millis();
    let back = |place| run.network.signalling_arrival(now, 0, place).saturating_since(now).as_millis();
    assert_eq!([there(ADA), back(ADA), there(EVA), back(EVA)], [9, 9, 10, 10]);
}

#[test]
fn both_engines_carry_the_same_over_shared_lines_whatever_queue_they_have() {
    for queue in ["\"100 ms\"", "{ kind = \"codel\" }", "{ kind = \"fq_codel\" }"] {
        let text = UPLINK.replace("queue = \"100 ms\"", &format!("queue = {queue}")).replace(
            "delay = \"6 ms\"",
            "delay = \"6 ms\"\njitter = { kind = \"uniform\", most = \"4 ms\", reorder = true }\nloss = \"0.5 %\"\nduplicate = \"0.5 %\"\ndown = { rate = \"4 Mbps\", queue = { kind = \"codel\" } }",
        );
        let scenario = lab::parse(&text);
        let [turmoil, direct] = Engine::ALL.map(|engine| lab::run(&scenario, engine, Fidelity::Model, 1));
        assert_eq!(turmoil.summary.trace_hash, direct.summary.trace_hash, "{queue}");
        assert_eq!(turmoil.entries, direct.entries, "{queue}");
        assert_eq!(turmoil.metrics, direct.metrics, "{queue}");
        for check in direct.summary.checks.iter().filter(|check| ["conservation", "causality", "order"].contains(&check.name.as_str())) {
            assert!(check.ok, "{queue}: {}: {}", check.name, check.detail);
        }
    }
}

/// A queue that serves flows in turn shares a line among users, whatever each of them sends: Ben's sound comes through beside Ada's pictures, which are more than the line carries.
#[test]
fn turns_are_fair_to_the_one_who_sends_little() {
    let lost = |queue: &str| {
        let text = UPLINK.replace("queue = \"100 ms\"", &format!("queue = {queue}")).replace("rate = \"3 Mbps\"", "rate = \"1 Mbps\"");
        let text = format!("{text}[[event]]\nat = \"1 s\"\nuser = \"ben\"\ndo = \"mute\"\nvideo = true\n");
        let run = lab::collect(&lab::parse(&text), Fidelity::Model);
        // What was missing at 4 s, when the mute has long taken hold, and at the end.
        let missing: Vec<u64> = run
            .samples
            .iter()
            .filter(|sample| sample.stream.user.as_str() == "ben" && sample.at >= Instant::from_secs(4))
            .filter_map(|sample| match sample.what {
                Counted::Received { lost_packets, .. } => Some(lost_packets),
                _ => None,
            })
            .collect();
        missing[missing.len() - 1] - missing[0]
    };
    assert_eq!(lost("{ kind = \"fq_codel\" }"), 0);
    assert!(lost("\"100 ms\"") > 40, "of some 400 packets a tenth at least: {}", lost("\"100 ms\""));
}

#[test]
fn what_cannot_be_shared_is_refused_with_its_place() {
    let refused =
        |from: &str, to: &str| Scenario::parse("office.toml", &UPLINK.replacen(from, to, 1), &[]).expect_err("refused").to_string();
    let says = |text: String, parts: &[&str]| parts.iter().for_each(|part| assert!(text.contains(part), "{text}\nlacks {part}"));
    says(
        refused("behind = \"office\"", "behind = \"offce\""),
        &["link.desk.behind", "no shared line is called \"offce\"", "did you mean \"office\"?"],
    );
    says(refused("[shared.office]", "[link.office]"), &["link.desk.behind", "no line is shared; expected a table [shared.office]"]);
    says(refused("delay = \"6 ms\"", "delay = \"1 ms\""), &["shared.office.delay", "expected at least 3 ms"]);
    says(refused("delay = \"6 ms\"", ""), &["shared.office", "delay is missing"]);
    says(refused("delay = \"6 ms\"", "delay = \"6 ms\"\nnat = {}"), &["shared.office.nat", "no such key"]);
    says(refused("delay = \"6 ms\"", "delay = \"6 ms\"\nbehind = \"office\""), &["shared.office.behind", "no such key"]);
    says(refused("link = \"desk\"", "link = \"office\""), &["user.ada.link", "no link is called \"office\""]);
}
