//! What befalls hosts and links, and what follows: one story for each fault, the same on both engines.

use core::fmt::Write as _;

use greenroom_sim::{
    engine::Engine,
    media::Fidelity,
    record::{Record, What, rosters},
    scenario::Scenario,
};

#[path = "common/lab.rs"]
mod lab;

/// Ada publishes over fibre; Ben watches, and has a link of his own; `events` is what befalls whom.
fn call(seconds: u32, link: &str, events: &[&str]) -> Scenario {
    let mut text = format!(
        "title = \"faults\"\nduration = \"{seconds} s\"\n[link.fibre]\ndelay = \"10 ms\"\n[link.odd]\ndelay = \"20 ms\"\n{link}\n\
         [client]\nafter_window = \"keep_trying\"\n\
         [[user]]\nid = \"ada\"\nrole = \"joiner\"\nlink = \"fibre\"\npublish = true\n\
         [[user]]\nid = \"ben\"\nrole = \"player\"\nlink = \"odd\"\njoin = \"1 s\"\n"
    );
    for event in events {
        let mut words = event.splitn(3, ' ');
        let mut word = || words.next().expect("a time, a host and a fault");
        let _ = write!(text, "\n[[event]]\nat = \"{} ms\"\nhost = \"{}\"\n{}\n", word(), word(), word().replace(", ", "\n"));
    }
    lab::parse(&text)
}

/// Runs on both engines with modelled media: the same to the last datagram, and every check holds.
fn run(scenario: &Scenario) -> Record {
    let [turmoil, direct] = Engine::ALL.map(|engine| lab::run(scenario, engine, Fidelity::Model, 1));
    assert_eq!(lab::failures(&direct), [""; 0]);
    assert_eq!(turmoil.summary.trace_hash, direct.summary.trace_hash);
    assert_eq!(turmoil.entries, direct.entries);
    // And with WebRTC the same story, and the same end of it.
    for engine in Engine::ALL {
        let real = lab::run(scenario, engine, Fidelity::WebRtcNull, 1);
        assert_eq!(lab::failures(&real), [""; 0], "{engine} with WebRTC");
        assert_eq!(rosters(&real.entries), rosters(&direct.entries), "{engine} with WebRTC");
    }
    direct
}

/// What somebody hears of its connection and of the room from a time on.
fn heard(record: &Record, user: &str, from_ms: u64) -> Vec<String> {
    let detail = |what: &What| !what.is_story() && !matches!(what, What::Interrupted { .. } | What::Restored { .. } | What::JoinCalled);
    let lines = lab::story(record, user, detail).into_iter();
    lines.filter(|line| line.split(' ').next().and_then(|ms| ms.parse().ok()).is_some_and(|ms: u64| ms >= from_ms)).collect()
}

/// The words of those lines, without times.
fn words(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(' ').nth(1).expect("a time and a word")).collect()
}

fn struck(record: &Record, fault: &str) -> u64 {
    let struck = record.entries.iter().find_map(|entry| match &entry.what {
        What::FaultBegan { fault: word, struck, .. } if *word == fault => Some(*struck),
        _ => None,
    });
    struck.unwrap_or_else(|| panic!("no {fault} is told"))
}

/// The room is gone with the server: everybody enters anew, what was published is published again, and what was watched is watched again.
#[test]
fn after_a_crash_of_the_server_everybody_is_back() {
    let record = run(&call(50, "", &["10000 sfu do = \"crash\", for = \"2 s\""]));
    let ada = heard(&record, "ada", 10_000);
    assert_eq!(words(&ada[..2]), ["interrupted", "restored"]);
    assert!(ada[0].starts_with("10010 "), "the kernel closes the connection: {ada:?}");
    let ben = heard(&record, "ben", 10_000);
    assert!(words(&ben).contains(&"stream-added") && words(&ben).last() == Some(&"subscribed"), "{ben:?}");
    assert!(!words(&ada).contains(&"joined"), "nobody has to do anything for it");
}

/// The power is gone, and nobody says so: it is the server's silence that tells.
#[test]
fn a_silent_crash_is_noticed_by_its_silence() {
    let record = run(&call(60, "", &["10000 sfu do = \"crash\", silent = true, for = \"9 s\""]));
    let ada = heard(&record, "ada", 10_000);
    let at_ms: u64 = ada[0].split(' ').next().and_then(|ms| ms.parse().ok()).expect("a time");
    assert_eq!(words(&ada)[0], "interrupted");
    assert!((14_000..=16_100).contains(&at_ms), "six seconds after the last word: {ada:?}");
}

/// The machine that starts anew knows nothing of the connection that a client still believes in, and says so as soon as something comes on it.
#[test]
fn a_connection_from_before_a_short_silent_crash_is_reset() {
    let record = run(&call(50, "", &["10000 sfu do = \"crash\", silent = true, for = \"1 s\""]));
    let ada = heard(&record, "ada", 10_000);
    let at_ms: u64 = ada[0].split(' ').next().and_then(|ms| ms.parse().ok()).expect("a time");
    assert!((11_000..=13_100).contains(&at_ms), "at the first heartbeat after it: {ada:?}");
}

#[test]
fn a_client_that_crashes_enters_anew_as_itself() {
    let record = run(&call(60, "", &["10000 ada do = \"crash\", for = \"3 s\""]));
    assert_eq!(words(&heard(&record, "ada", 10_000)), ["join-called", "joined", "peer-joined", "published"]);
    let ben = heard(&record, "ben", 10_000);
    assert_eq!(ben.iter().filter(|line| line.contains("stream-removed")).count(), 1, "{ben:?}");
    assert_eq!(words(&ben).last(), Some(&"subscribed"), "{ben:?}");
}

#[test]
fn a_client_that_crashes_for_good_is_missed_after_its_time() {
    let record = run(&call(60, "", &["10000 ben do = \"crash\", silent = true"]));
    let ada = heard(&record, "ada", 10_000);
    assert_eq!(words(&ada), ["peer-left"]);
    let at_ms: u64 = ada[0].split(' ').next().and_then(|ms| ms.parse().ok()).expect("a time");
    assert!((40_000..=47_000).contains(&at_ms), "silence of six seconds, and half a minute of patience: {ada:?}");
}

/// A laptop that sleeps for two seconds has missed nothing that others would tell it; one that sleeps longer than a heartbeat's patience comes back by itself.
#[test]
fn whoever_stands_still_goes_on() {
    let record = run(&call(45, "", &["10000 ben do = \"pause\", for = \"2 s\""]));
    assert_eq!(heard(&record, "ben", 9000), [""; 0]);
    assert!(struck(&record, "pause") > 50, "packets waited");
    let record = run(&call(60, "", &["10000 ben do = \"pause\", for = \"8 s\""]));
    assert_eq!(words(&heard(&record, "ben", 9000)), ["interrupted", "restored"]);
}

/// Dia is deaf but not dumb: the server hears her and is not heard.
#[test]
fn a_partition_has_a_direction() {
    let record = run(&call(60, "", &["10000 ben do = \"partition\", direction = \"down\", for = \"8 s\""]));
    assert_eq!(words(&heard(&record, "ben", 9000)), ["interrupted", "restored"]);
    let lost = |direction: &str| {
        record.entries.iter().any(|entry| matches!(entry.what, What::FaultBegan { direction: Some(way), .. } if way == direction))
    };
    assert!(lost("down") && !lost("up"));
}

/// What is held comes at the end, in order and all of it: nothing is lost, and nobody is interrupted.
#[test]
fn what_is_held_is_let_go() {
    let record = run(&call(40, "", &["10000 ben do = \"hold\", for = \"1500 ms\""]));
    assert_eq!(heard(&record, "ben", 9000), [""; 0]);
    assert!(struck(&record, "hold") > 100);
    let lost: u64 = record.metrics.iter().filter(|row| row.user == "ben").map(|row| row.lost_packets).max().expect("Ben watches");
    assert_eq!(lost, 0);
}

#[test]
fn a_connection_that_the_server_closes_is_made_again() {
    let record = run(&call(50, "", &["10000 ben do = \"close\""]));
    let ben = heard(&record, "ben", 9000);
    assert_eq!(words(&ben), ["interrupted", "restored"]);
    assert!(ben[0].starts_with("10020 "), "one way after it was closed: {ben:?}");
    assert_eq!(struck(&record, "close"), 1);
}

#[test]
fn the_end_that_loses_a_connection_knows_and_the_other_finds_out() {
    let record = run(&call(60, "", &["10000 ben do = \"half_open\", believer = \"server\""]));
    let ben = heard(&record, "ben", 9000);
    assert!(words(&ben) == ["interrupted", "restored"] && ben[0].starts_with("10000 "), "its own socket says so: {ben:?}");
    let record = run(&call(60, "", &["10000 ben do = \"half_open\", believer = \"client\""]));
    let ben = heard(&record, "ben", 9000);
    let at_ms: u64 = ben[0].split(' ').next().and_then(|ms| ms.parse().ok()).expect("a time");
    assert!(words(&ben) == ["interrupted", "restored"] && (14_000..=16_100).contains(&at_ms), "only silence tells: {ben:?}");
}

/// A router forgets its mappings: the next packets come from another port. The server knows them by what they say, and signalling does not notice.
#[test]
fn a_client_whose_router_starts_anew_is_known_again() {
    let nat = "nat = { filtering = \"address_and_port_dependent\" }";
    let record = run(&call(60, nat, &["10000 ben do = \"rebind\""]));
    assert_eq!(heard(&record, "ben", 9000), [""; 0]);
    assert!(struck(&record, "rebind") >= 1);
}

/// Somebody who is watched is found at the new port, and reached there, by the next check of the path: those who watch miss what came meanwhile, for three seconds at the most.
#[test]
fn a_publisher_whose_router_starts_anew_is_seen_again_within_a_check() {
    for mapping in ["endpoint_independent", "address_and_port_dependent"] {
        let text = format!(
            "title = \"two who publish\"\nduration = \"40 s\"\n[link.fibre]\ndelay = \"10 ms\"\n\
             [link.odd]\ndelay = \"20 ms\"\nup.rate = \"3 Mbps\"\nnat = {{ mapping = \"{mapping}\" }}\n\
             [[user]]\nid = \"ada\"\nrole = \"joiner\"\nlink = \"fibre\"\npublish = true\n\
             [[user]]\nid = \"ben\"\nrole = \"joiner\"\nlink = \"odd\"\npublish = true\n\
             [[event]]\nat = \"12 s\"\nhost = \"ben\"\ndo = \"rebind\"\n"
        );
        let scenario = lab::parse(&text);
        for (engine, media) in
            Engine::ALL.into_iter().flat_map(|engine| [Fidelity::Model, Fidelity::WebRtcNull].map(|media| (engine, media)))
        {
            let record = lab::run(&scenario, engine, media, 1);
            assert_eq!(lab::failures(&record), [""; 0], "{mapping}, {engine}, {media}");
            let frozen: Vec<u64> = record.summary.viewers.iter().map(|viewer| viewer.freeze_ms).collect();
            assert!(frozen.len() == 2 && frozen.iter().all(|ms| (1..4000).contains(ms)), "{mapping}, {engine}, {media}: {frozen:?} ms");
        }
    }
}

/// Another network: another address, other connections, another transport (ICE restarts).
#[test]
fn a_client_that_moves_is_reached_where_it_went() {
    for link in ["", "nat = {}"] {
        let record = run(&call(60, link, &["10000 ben do = \"move\""]));
        assert_eq!(words(&heard(&record, "ben", 9000)), ["interrupted", "restored"]);
        let mut connected = record.entries.iter().filter(|entry| {
            matches!(entry.what, What::MediaConnected { .. }) && entry.user.as_ref().is_some_and(|user| user.as_str() == "ben")
        });
        let last_ms = connected.next_back().expect("it was connected").at.as_nanos() / 1_000_000;
        assert!((10_000..12_000).contains(&last_ms), "media is back within two seconds, at {last_ms} ms");
    }
}

/// Behind a translator that forgets what is silent for a minute, a call that is not silent stands.
#[test]
fn translators_of_every_kind_let_a_call_through() {
    for mapping in ["endpoint_independent", "address_dependent", "address_and_port_dependent"] {
        for filtering in ["endpoint_independent", "address_dependent", "address_and_port_dependent"] {
            let nat = format!("nat = {{ mapping = \"{mapping}\", filtering = \"{filtering}\", timeout = \"60 s\" }}");
            let record = lab::run(&call(20, &nat, &[]), Engine::Direct, Fidelity::WebRtcNull, 1);
            assert_eq!(lab::failures(&record), [""; 0], "{nat}");
            let ben = &record.summary.viewers[0];
            assert!(ben.first_frame_ms.is_some_and(|ms| ms < 1500) && ben.freeze_ms == 0, "{nat}: {ben:?}");
        }
    }
}

/// Clocks that drift change when things happen, and nothing of what does.
#[test]
fn clocks_that_are_wrong_tell_the_same_story() {
    let right = run(&call(40, "", &[]));
    let wrong =
        run(&call(40, "", &["0 sfu do = \"clock\", drift = \"200 ppm\"", "0 ben do = \"clock\", drift = \"-100 ppm\", leap = \"1 min\""]));
    assert_eq!(right.summary.story_hash, wrong.summary.story_hash);
    assert_ne!(right.summary.trace_hash, wrong.summary.trace_hash, "the server's timers fire at other times");
    let rows = |record: &Record| record.metrics.len();
    assert!(rows(&right).abs_diff(rows(&wrong)) <= 2, "{} and {} rows", rows(&right), rows(&wrong));
}

/// A few seeds of what `greenroom sweep scenarios/chaos.toml --seeds 0..200` runs, and one of `--media webrtc`.
#[test]
fn chaos_leaves_everyone_where_they_belong() {
    let scenario = lab::shipped("chaos");
    for seed in [0, 7, 100, 199] {
        let [turmoil, direct] = Engine::ALL.map(|engine| lab::run(&scenario, engine, Fidelity::Model, seed));
        assert_eq!(lab::failures(&direct), [""; 0], "seed {seed}");
        assert_eq!(turmoil.summary.trace_hash, direct.summary.trace_hash, "seed {seed}");
        assert_eq!(turmoil.summary.story_hash, direct.summary.story_hash, "seed {seed}");
    }
    let [turmoil, direct] = Engine::ALL.map(|engine| lab::run(&scenario, engine, Fidelity::WebRtc, 3));
    assert_eq!(lab::failures(&turmoil), [""; 0]);
    assert_eq!(lab::failures(&direct), [""; 0]);
    assert_eq!(rosters(&turmoil.entries), rosters(&direct.entries));
    let told = |word: &str| direct.entries.iter().any(|entry| matches!(&entry.what, What::FaultBegan { fault, .. } if *fault == word));
    for fault in ["crash", "partition", "hold", "rebind", "move", "clock", "close", "half_open", "pause"] {
        assert!(told(fault), "{fault} is told in the events");
    }
}
