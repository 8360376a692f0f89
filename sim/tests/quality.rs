//! What clients say of their own connections in a run, held against what the links did.

#[path = "common/lab.rs"]
mod lab;

use greenroom_core::quality::{Level, Reason, Verdict};
use greenroom_sim::{
    engine::Engine,
    media::Fidelity,
    record::{Record, What},
    scenario::Scenario,
};

/// Both engines, with media that is real but for its ciphers and with media that is modelled.
const WORLDS: [(Engine, Fidelity); 4] = [
    (Engine::Direct, Fidelity::WebRtcNull),
    (Engine::Turmoil, Fidelity::WebRtcNull),
    (Engine::Direct, Fidelity::Model),
    (Engine::Turmoil, Fidelity::Model),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// What a user's client said of one way: when, in seconds, and what; repetitions because of the other way left out.
fn told(record: &Record, user: &str, way: Way) -> Vec<(f64, Verdict)> {
    let own = record.entries.iter().filter(|entry| entry.user == Some(lab::user_id(user)));
    let mut told: Vec<(f64, Verdict)> = own
        .filter_map(|entry| match entry.what {
            What::NetworkQuality { up, down } => Some((entry.at.as_nanos(), if way == Way::Up { up } else { down })),
            _ => None,
        })
        .map(|(at_ns, verdict)| {
            #[expect(clippy::cast_precision_loss, reason = "a call is short")]
            (at_ns as f64 / 1e9, verdict)
        })
        .collect();
    told.dedup_by_key(|(_, verdict)| verdict.level);
    told
}

/// The level that a user's client had told last at that time.
fn level(told: &[(f64, Verdict)], at: f64) -> Level {
    told.iter().rev().find(|(told_at, _)| *told_at <= at).map_or(Level::Unknown, |(_, verdict)| verdict.level)
}

/// Whether nothing bad was ever said of a way, and something was said.
fn never_bad(told: &[(f64, Verdict)]) -> bool {
    !told.is_empty() && told.iter().all(|(_, verdict)| verdict.level <= Level::Excellent)
}

/// Runs in every world, for what holds in each.
fn in_every_world(scenario: &Scenario, holds: impl Fn(&Record, &str)) {
    for (engine, media) in WORLDS {
        let record = lab::run(scenario, engine, media, 1);
        assert_eq!(lab::failures(&record), [""; 0], "{engine:?}, {media}");
        holds(&record, &format!("{engine:?}, {media}"));
    }
}

// R-163 R-164
#[test]
fn dias_way_down_is_told_as_bad_while_it_is_and_bens_never() {
    let seen_to_end = core::cell::Cell::new(0);
    in_every_world(&lab::shipped("first-call"), |record, world| {
        // given a line that falls to a quarter at 20 s, under a large picture
        let dia = told(record, "dia", Way::Down);
        assert_eq!(level(&dia, 1.5), Level::Unknown, "{world}: nothing was measured yet");
        assert_eq!(level(&dia, 20.0), Level::Excellent, "{world}: {dia:?}");

        // then it is told within two windows, with a reason, and as long as it lasts
        let (at, fall) = dia.iter().find(|(at, _)| *at > 20.0).expect("the fall is told");
        assert!(*at <= 24.0 && fall.level >= Level::Poor, "{world}: {dia:?}");
        assert!(matches!(fall.reason, Reason::Freeze(_) | Reason::Loss(_) | Reason::Rate(_) | Reason::Delay { .. }), "{world}: {dia:?}");
        assert!((24..=40).all(|at| level(&dia, at.into()) >= Level::Poor), "{world}: {dia:?}");

        // and the way is good again within ten seconds after the large picture is back for good
        let small = record.metrics.iter().filter(|row| row.user == "dia" && row.layer != "f");
        let last_small_ns = small.map(|row| row.t_ns).max().expect("it was not large all the time");
        if last_small_ns <= 48_000_000_000 {
            assert_eq!(level(&dia, 58.0), Level::Excellent, "{world}: {dia:?}");
            seen_to_end.set(seen_to_end.get() + 1);
        }

        // and her way up, on which little goes, is never told as worse than fair: the round trip is all that is known of it
        assert!(told(record, "dia", Way::Up).iter().all(|(_, verdict)| verdict.level <= Level::Fair), "{world}");

        // and Ben's line is as good as any, watching and on stage
        for way in [Way::Up, Way::Down] {
            assert!(never_bad(&told(record, "ben", way)), "{world}: {way:?} {:?}", told(record, "ben", way));
        }
    });
    assert!(seen_to_end.get() >= 2, "that was seen in few worlds");
}

const STAGE: &str = r#"
title = "A stage"
duration = "44 s"
[link.good]
rate = "50 Mbps"
delay = "15 ms"
[[user]]
id = "ada"
role = "joiner"
link = "good"
publish = true
[[user]]
id = "ben"
role = "player"
link = "good"
join = "300 ms"
[[user]]
id = "cem"
role = "player"
link = "good"
join = "500 ms"
watch = []
"#;

fn stage(events: &[(&str, &str)]) -> Scenario {
    let event = |(at, what): &(&str, &str)| format!("[[event]]\nat = \"{at}\"\nuser = \"ada\"\n{what}\n");
    lab::parse(&format!("{STAGE}{}", events.iter().map(event).collect::<String>()))
}

// R-164
#[test]
fn what_is_meant_to_be_silent_is_nobodys_fault() {
    // given a publisher that mutes everything, then the picture alone, and withdraws for a while; one viewer, and one that watches nothing
    let scenario = stage(&[
        ("9 s", "do = \"mute\"\naudio = true\nvideo = true"),
        ("18500 ms", "do = \"unmute\"\naudio = true\nvideo = true"),
        ("23 s", "do = \"mute\"\nvideo = true"),
        ("29 s", "do = \"unmute\"\nvideo = true"),
        ("32 s", "do = \"unpublish\""),
        ("37 s", "do = \"publish\""),
    ]);
    in_every_world(&scenario, |record, world| {
        for user in ["ada", "ben", "cem"] {
            for way in [Way::Up, Way::Down] {
                let told = told(record, user, way);
                assert!(never_bad(&told), "{world}: {user} {way:?} {told:?}");
                assert_eq!(level(&told, 44.0), Level::Excellent, "{world}: {user} {way:?}");
            }
        }
    });
}

// R-164
#[test]
fn a_publishers_bad_line_is_hers_and_not_her_viewers() {
    // given a publisher whose way up loses a tenth of its packets
    let lossy = STAGE.replacen("[[user]]", "[link.bad]\nrate = \"50 Mbps\"\ndelay = \"15 ms\"\nup.loss = \"10 %\"\n[[user]]", 1);
    let scenario = lab::parse(&lossy.replacen("link = \"good\"", "link = \"bad\"", 1));
    for engine in [Engine::Direct, Engine::Turmoil] {
        for media in [Fidelity::WebRtcNull, Fidelity::Model] {
            let record = lab::run(&scenario, engine, media, 1);
            // then her own client says so of her way up, for losses that were not all repaired, and of no other
            let ada = told(&record, "ada", Way::Up);
            assert!(
                ada.iter().all(|(_, verdict)| matches!(verdict.reason, Reason::Loss(_) | Reason::Clear | Reason::Unmeasured)),
                "{ada:?}"
            );
            assert!(never_bad(&told(&record, "ada", Way::Down)), "{engine:?}, {media}");
            // and her viewer, to whom some of it never comes, does not blame a line that lost nothing
            assert!(never_bad(&told(&record, "ben", Way::Down)), "{engine:?}, {media}: {:?}", told(&record, "ben", Way::Down));
        }
    }
}

// R-164
#[test]
fn who_is_in_the_tunnel_is_disconnected_and_who_watches_is_not() {
    in_every_world(&lab::shipped("train-tunnel"), |record, world| {
        // given a train in a tunnel from 15 s to 23 s
        for way in [Way::Up, Way::Down] {
            let nia = told(record, "nia", way);
            assert_eq!(level(&nia, 14.9), Level::Excellent, "{world}: {nia:?}");
            assert!(nia.iter().any(|(at, verdict)| (15.0..23.5).contains(at) && verdict.level == Level::Disconnected), "{world}: {nia:?}");
            // nothing is known of the connection that comes back until it was measured
            let back = nia.iter().find(|(at, verdict)| *at > 20.5 && verdict.level != Level::Disconnected);
            assert!(back.is_some_and(|(_, verdict)| verdict.level == Level::Unknown), "{world}: {nia:?}");
            assert!(level(&nia, 45.0) <= Level::Good, "{world}: {nia:?}");
        }
        for user in ["omar", "pim"] {
            for way in [Way::Up, Way::Down] {
                assert!(never_bad(&told(record, user, way)), "{world}: {user} {way:?} {:?}", told(record, user, way));
            }
        }
    });
}

#[test]
fn every_line_has_its_numbers() {
    let record = lab::run_model(&lab::shipped("first-call"));
    let mut reasons = 0;
    for entry in record.entries.iter().filter(|entry| matches!(entry.what, What::NetworkQuality { .. })) {
        let line = serde_json::to_value(&entry.what).expect("an entry is text and numbers");
        for way in ["up", "down"] {
            assert!(line[way]["level"].as_u64().is_some_and(|level| level <= 6), "{line}");
            let value = match line[way]["reason"].as_str().expect("a word") {
                "clear" | "unmeasured" | "disconnected" => continue,
                "loss" => "loss_ppm",
                "delay" => "rtt_us",
                "jitter" => "jitter_us",
                "rate" => "rate_ppm",
                "freeze" => "freeze_ppm",
                other => panic!("{other} is no reason"),
            };
            assert!(line[way][value].as_u64().is_some_and(|value| value > 0), "{line}");
            reasons += 1;
        }
    }
    assert!(reasons > 0);
}
