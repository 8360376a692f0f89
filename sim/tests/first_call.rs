//! The calls that come with the program, told as their files promise them.

use std::{fs, path::PathBuf};

use greenroom_core::{id::Rid, role::Role, time::Instant};
use greenroom_sim::{
    engine::Engine,
    media::Fidelity,
    record::{Direction, MetricRow, Record, What, files},
    report,
};
use serde_json::Value;

#[path = "common/lab.rs"]
mod lab;

/// Rows of one viewer's view of a stream, by the second at which their interval ends.
fn rows<'r>(record: &'r Record, user: &str, stream: &str) -> Vec<(f64, &'r MetricRow)> {
    let own = record.metrics.iter().filter(|row| row.user == user && row.stream == stream);
    #[expect(clippy::cast_precision_loss, reason = "a call is short")]
    own.map(|row| (row.t_ns as f64 / 1e9, row)).collect()
}

#[test]
fn dias_line_falls_to_a_quarter_and_she_keeps_a_picture_that_fits() {
    let scenario = lab::shipped("first-call");
    for seed in 1..=3 {
        let record = lab::run(&scenario, Engine::Direct, Fidelity::WebRtcNull, seed);
        assert_eq!(lab::failures(&record), [""; 0], "seed {seed}");
        let dia = rows(&record, "dia", "ada/main");
        let between = |from: f64, to: f64| dia.iter().filter(move |(at, _)| from < *at && *at <= to).map(|(_, row)| *row);

        // given the large picture before the fall
        assert_eq!(between(19.0, 20.0).map(|row| row.layer.as_str()).collect::<Vec<_>>(), ["f"; 10], "seed {seed}");

        // then three seconds after it both the estimate and the layer have followed, and stay down
        let followed = |row: &MetricRow| row.estimate_bps.is_some_and(|bps| bps < 700_000) && ["q", "h"].contains(&row.layer.as_str());
        assert!(between(20.0, 23.0).any(followed), "seed {seed}");
        assert!(between(23.0, 40.0).all(|row| ["q", "h"].contains(&row.layer.as_str())), "seed {seed}");
        assert!(between(23.0, 40.0).all(|row| row.received_bps > 0), "seed {seed}: a picture that fits keeps coming");

        // and ten seconds after the rise the large picture is back
        assert!(between(40.0, 50.0).any(|row| row.layer == "f"), "seed {seed}");

        // and each change of layer has a reason, with the numbers that it was made with
        let decided: Vec<_> = (record.entries.iter())
            .filter(|entry| entry.user == Some(lab::user_id("dia")))
            .filter_map(|entry| match &entry.what {
                What::Layer { to, reason, estimate_bps, allocated_bps, .. } => Some((entry.at, to, reason, estimate_bps, allocated_bps)),
                _ => None,
            })
            .collect();
        let fall = decided.iter().find(|(at, ..)| *at >= Instant::from_secs(20)).expect("the fall was answered");
        assert!(fall.1.as_ref().map(Rid::as_str).is_some_and(|rid| ["q", "h"].contains(&rid)), "seed {seed}: {:?}", fall.1);
        assert!(fall.2.starts_with("the next layer needs 1500 kbps of "), "seed {seed}: {}", fall.2);
        assert!(fall.3.is_some_and(|estimate| estimate >= *fall.4), "seed {seed}");
    }
}

#[test]
fn ben_on_a_thick_line_never_leaves_the_large_picture() {
    let scenario = lab::shipped("first-call");
    for seed in 1..=3 {
        let record = lab::run(&scenario, Engine::Direct, Fidelity::WebRtcNull, seed);
        let ben = rows(&record, "ben", "ada/main");
        let settled: Vec<_> = ben.iter().filter(|(at, _)| *at > 5.0).collect();
        assert!(settled.iter().all(|(_, row)| row.layer == "f"), "seed {seed}");
        assert_eq!(settled.last().map(|(at, _)| *at), Some(50.0), "seed {seed}: he watches until he leaves the room");
        let frozen =
            record.entries.iter().any(|entry| entry.user == Some(lab::user_id("ben")) && matches!(entry.what, What::Freeze { .. }));
        assert!(!frozen, "seed {seed}");
    }
}

#[test]
fn ben_comes_on_stage_and_goes_and_everybody_hears_of_it_in_order() {
    let record = lab::run_model(&lab::shipped("first-call"));
    let other = |what: &What| !what.is_story();
    let ben = lab::story(&record, "ben", |what| other(what) || matches!(what, What::PeerJoined { .. } | What::PeerLeft { .. }));
    let expected = [
        "340 joined player",
        "340 stream-added ada/main",
        "360 subscribed ada/main",
        "30020 role-changed joiner",
        "30020 published ben/main",
        "50020 left",
    ];
    assert_eq!(ben, expected);
    let ada = lab::story(&record, "ada", other);
    assert_eq!(
        ada[ada.len() - 4..],
        ["30020 stream-added ben/main", "30040 subscribed ben/main", "50020 stream-removed ben/main", "50020 peer-left ben 0"]
    );
    // Dia watches Ada alone: she hears of Ben's stream, and gets nothing of it.
    assert!(lab::story(&record, "dia", other).contains(&"30030 stream-added ben/main".to_owned()));
    assert!(rows(&record, "dia", "ben/main").is_empty());
}

#[test]
fn a_tunnel_of_eight_seconds_is_no_farewell() {
    let record = lab::run(&lab::shipped("train-tunnel"), Engine::Direct, Fidelity::WebRtcNull, 1);
    let at = |user: &str, found: &dyn Fn(&What) -> bool| {
        let own = record.entries.iter().filter(|entry| entry.user == Some(lab::user_id(user)));
        own.filter(|entry| found(&entry.what)).map(|entry| entry.at).collect::<Vec<_>>()
    };
    let (began, ended) = (Instant::from_secs(15), Instant::from_secs(23));

    let interrupted = at("nia", &|what| matches!(what, What::Interrupted { .. }));
    let restored = at("nia", &|what| matches!(what, What::Restored { .. }));
    assert!(matches!(interrupted[..], [only] if began < only && only < ended), "{interrupted:?}");
    assert!(matches!(restored[..], [only] if ended <= only && only < Instant::from_secs(25)), "{restored:?}");

    for other in ["omar", "pim"] {
        assert!(at(other, &|what| matches!(what, What::PeerLeft { .. } | What::StreamRemoved { .. })).is_empty(), "{other} saw her leave");
        assert!(at(other, &|what| matches!(what, What::Interrupted { .. })).is_empty(), "{other} has a line of its own");
    }

    // Nobody looks at a frozen picture for longer than the tunnel and the time that it takes to find the way out.
    for (viewer, stream) in [("nia", "omar"), ("omar", "nia"), ("pim", "nia")] {
        let thawed = at(
            viewer,
            &|what| matches!(what, What::Freeze { stream: of, duration_ms } if *of == lab::main_of(stream) && *duration_ms > 8000),
        );
        assert!(matches!(thawed[..], [only] if ended < only && only < Instant::from_secs(26)), "{viewer}: {thawed:?}");
    }
    let pause = at("pim", &|what| matches!(what, What::Freeze { stream, .. } if *stream == lab::main_of("omar")));
    assert!(pause.is_empty(), "the tunnel is between neither Omar nor Pim and the server");
}

#[test]
fn a_guest_comes_on_stage_and_steps_down() {
    let record = lab::run(&lab::shipped("small-stage"), Engine::Direct, Fidelity::WebRtcNull, 1);
    let roles: Vec<Role> = (record.entries.iter())
        .filter(|entry| entry.user == Some(lab::user_id("eva")))
        .filter_map(|entry| match entry.what {
            What::Joined { role } | What::RoleChanged { role } => Some(role),
            _ => None,
        })
        .collect();
    assert_eq!(roles, [Role::Player, Role::Joiner, Role::Player]);

    // What the others see of her: microphone off, on, all off, all on, gone.
    let of_eva = |what: &What| !matches!(what, What::StreamAdded { stream } | What::StreamMuted { stream, .. } | What::StreamRemoved { stream } if *stream == lab::main_of("eva"));
    let expected = [
        "10565 stream-added eva/main",
        "11065 stream-muted true eva/main false",
        "14065 stream-muted false eva/main false",
        "20065 stream-muted true eva/main true",
        "25065 stream-muted false eva/main false",
        "30065 stream-removed eva/main",
    ];
    assert_eq!(lab::story(&record, "kai", of_eva), expected);

    // While all of her is off nothing comes; she is shown again when she is back.
    let lin = rows(&record, "lin", "eva/main");
    assert!(lin.iter().filter(|(at, _)| 20.2 < *at && *at <= 25.0).all(|(_, row)| row.received_bps == 0));
    assert!(lin.iter().filter(|(at, _)| 25.2 < *at && *at <= 29.9).all(|(_, row)| row.received_bps > 0));
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn what_a_run_writes_has_the_names_that_tools_read() {
    let record = lab::run_model(&lab::shipped("first-call"));
    let directory: PathBuf = std::env::temp_dir().join(format!("greenroom-first-call-{}", std::process::id()));
    files::write(&directory, &record).unwrap();
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();

    let text = read("summary.json");
    let summary: Value = serde_json::from_str(&text).unwrap();
    // serde_json sorts keys; what stands in the file has the order of the documentation.
    let expected = [
        "scenario",
        "seed",
        "engine",
        "media",
        "version",
        "sim_seconds",
        "wall_seconds",
        "speed",
        "datagrams",
        "trace_hash",
        "story_hash",
        "checks",
        "viewers",
    ];
    assert_eq!(in_file_order(&text, &keys(&summary)), expected);
    let check = &summary["checks"][0];
    assert_eq!(in_file_order(&text, &keys(check)), ["name", "ok", "detail"]);
    let expected = [
        "user",
        "stream",
        "link",
        "capacity_bps_mean",
        "received_bps_mean",
        "utilisation",
        "layer_switches",
        "freeze_ms",
        "first_frame_ms",
    ];
    for viewer in summary["viewers"].as_array().unwrap() {
        let mut names = keys(viewer);
        names.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
    let names: Vec<&str> = summary["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    let checks = [
        "allocation-within-estimate",
        "subscribers-only",
        "players-never-publish",
        "contiguous-sequence",
        "joins-answered",
        "liveness",
        "one-stay-per-user",
        "recovery",
        "faults-struck",
        "conservation",
        "causality",
        "order",
        "key-frame-requests",
        "loudest-only",
        "fairness",
    ];
    assert_eq!(names, checks);
    assert_eq!((&summary["scenario"], &summary["engine"], &summary["media"]), (&"first-call".into(), &"direct".into(), &"model".into()));
    assert_eq!(
        (&summary["seed"], &summary["sim_seconds"], &summary["version"]),
        (&1.into(), &60.0.into(), &env!("CARGO_PKG_VERSION").into())
    );
    for hash in ["trace_hash", "story_hash"] {
        let text = summary[hash].as_str().unwrap();
        assert!(text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}: {text}");
    }

    let metrics = read("metrics.csv");
    let mut lines = metrics.lines();
    let header = "t_ns,user,stream,capacity_bps,estimate_bps,sent_bps,received_bps,layer,queue_delay_us,lost_packets";
    assert_eq!(lines.next(), Some(header));
    let times: Vec<u64> = lines.map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert!(times.len() > 1000 && times.is_sorted(), "in order of time");

    let events: Vec<Value> = read("events.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["t_ns"].is_u64() && event["event"].is_string()));
    assert!(events.iter().map(|event| event["t_ns"].as_u64()).is_sorted(), "in order of time");
    fs::remove_dir_all(&directory).unwrap();

    let page = report::html(&record);
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"), "{}", &page[..60]);
    assert!(page.contains("The first call") && page.contains("dia"));
}

/// `names` in the order in which they first stand in the text as keys.
fn in_file_order<'n>(text: &str, names: &[&'n str]) -> Vec<&'n str> {
    let mut names = names.to_vec();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":")).expect("it is a key of the file"));
    names
}

#[test]
fn capacities_of_the_scenario_stand_among_the_events() {
    let record = lab::run_model(&lab::shipped("first-call"));
    let steps: Vec<_> = (record.entries.iter())
        .filter_map(|entry| match entry.what {
            What::Capacity { direction, rate_bps } => Some((entry.at, direction, rate_bps)),
            _ => None,
        })
        .collect();
    let expected = [(Instant::from_secs(20), Direction::Down, Some(600_000)), (Instant::from_secs(40), Direction::Down, Some(2_500_000))];
    assert_eq!(steps, expected);
}
