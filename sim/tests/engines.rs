//! Two engines, one story: what happens in a room does not hang on what lets time pass.

use std::{collections::BTreeSet, fs, path::Path};

use greenroom_sim::{engine::Engine, media::Fidelity, record::Record, scenario::Scenario};

#[path = "common/lab.rs"]
mod lab;

/// Runs on both engines.
fn on_both(scenario: &Scenario, media: Fidelity) -> [Record; 2] {
    Engine::ALL.map(|engine| lab::run(scenario, engine, media, 1))
}

/// Modelled media draw nothing but from streams of their own, so engines agree on every datagram, and on all that is measured.
fn assert_same_datagrams(name: &str, [one, other]: &[Record; 2]) {
    assert_eq!(one.summary.story_hash, other.summary.story_hash, "{name}");
    assert_eq!(one.summary.trace_hash, other.summary.trace_hash, "{name}");
    assert_eq!(one.entries, other.entries, "{name}");
    assert_eq!(one.metrics, other.metrics, "{name}");
}

#[test]
fn scenarios_that_come_with_the_program_pass_on_both_engines() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut names = BTreeSet::new();
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "toml") || !names.insert(name.clone()) {
            continue;
        }
        let scenario = lab::shipped(&name);
        let runs = on_both(&scenario, Fidelity::Model);
        assert_same_datagrams(&name, &runs);
        let mut runs = runs.to_vec();
        // More than a handful of real transports is too slow for a test.
        if scenario.users.len() <= 10 {
            runs.extend(on_both(&scenario, Fidelity::WebRtcNull));
        }
        for run in &runs {
            let (summary, first) = (&run.summary, &runs[0].summary);
            assert_eq!(lab::failures(run), [""; 0], "{name} on {} with {}", summary.engine, summary.media);
            assert_eq!(summary.story_hash, first.story_hash, "{name} on {} with {}", summary.engine, summary.media);
        }
    }
    for name in ["audience-200", "chaos", "first-call", "small-stage", "train-tunnel"] {
        assert!(names.contains(name), "{name} is gone");
    }
}

#[test]
fn real_media_tells_the_story_that_modelled_media_tells() {
    let scenario = lab::shipped("first-call");
    let [turmoil, direct] = on_both(&scenario, Fidelity::WebRtc);
    assert_eq!(lab::failures(&turmoil), [""; 0]);
    assert_eq!(lab::failures(&direct), [""; 0]);
    assert_eq!(turmoil.summary.story_hash, direct.summary.story_hash);
    assert_eq!(turmoil.summary.story_hash, lab::run_model(&scenario).summary.story_hash);
}

const HEAD: &str = r#"
title = "odd"
[link.fibre]
rate = "50 Mbps"
delay = "10 ms"
"#;

/// A scenario of ada, who publishes, and ben, who watches, over the links that they are given; `rest` is what else there is.
fn two(seconds: u32, ada: &str, ben: &str, rest: &str) -> String {
    format!(
        r#"
duration = "{seconds} s"
{HEAD}
[link.odd]
delay = "20 ms"
{rest}
[[user]]
id = "ada"
role = "joiner"
link = "{ada}"
publish = true
[[user]]
id = "ben"
role = "player"
link = "{ben}"
join = "1 s"
"#
    )
}

/// Oddities under which every check must hold all the same.
fn oddities() -> Vec<(&'static str, String)> {
    let alone =
        |role: &str, rest: &str| format!("duration = \"8 s\"\n{HEAD}\n[[user]]\nid = \"ada\"\nrole = \"{role}\"\nlink = \"fibre\"\n{rest}");
    let crowd = format!(
        "duration = \"6 s\"\n{HEAD}\n[[user]]\nid = \"ada\"\nrole = \"joiner\"\nlink = \"fibre\"\npublish = true\n\
         [[user]]\nid = \"hall\"\ncount = 100\nrole = \"player\"\nlink = \"fibre\"\njoin = \"200 ms\"\nevery = \"10 ms\""
    );
    let stage = format!(
        "duration = \"14 s\"\n{HEAD}\n[[user]]\nid = \"stage\"\ncount = 4\nrole = \"joiner\"\nlink = \"fibre\"\npublish = true\n\
         [[user]]\nid = \"hall\"\ncount = 3\nrole = \"player\"\nlink = \"fibre\""
    );
    vec![
        ("a publisher alone", alone("joiner", "publish = true")),
        ("a player alone", alone("player", "")),
        ("over before it began", alone("joiner", "publish = true").replace("8 s", "50 ms")),
        ("the shortest delay", two(14, "odd", "odd", "").replace("20 ms", "3 ms")),
        ("seconds of delay", two(40, "odd", "fibre", "").replace("20 ms", "2 s")),
        ("too much delay to enter", two(30, "odd", "fibre", "").replace("20 ms", "4 s")),
        ("much jitter", two(14, "odd", "odd", "jitter = \"100 ms\"")),
        ("every second packet lost on the way down", two(20, "fibre", "odd", "loss = \"50 %\"")),
        ("every second packet lost on the way up", two(20, "odd", "fibre", "loss = \"50 %\"")),
        ("room for audio alone", two(20, "fibre", "odd", "rate = \"60 kbps\"")),
        ("hardly a queue", two(14, "fibre", "odd", "rate = \"2 Mbps\"\nqueue = \"2 packets\"")),
        ("an endless queue", two(25, "fibre", "odd", "rate = \"400 kbps\"\nqueue = \"unlimited\"")),
        (
            "a line that stands still",
            two(
                40,
                "fibre",
                "odd",
                "rate = [{ at = \"0 s\", is = \"5 Mbps\" }, { at = \"10 s\", is = \"0 bps\" }, { at = \"16 s\", is = \"5 Mbps\" }]",
            ),
        ),
        (
            "a line that stands still to the end",
            two(
                30,
                "fibre",
                "odd",
                "rate = [{ at = \"0 s\", is = \"5 Mbps\" }, { at = \"10 s\", is = \"0 bps\" }, { at = \"60 s\", is = \"5 Mbps\" }]",
            ),
        ),
        ("outage over the publisher's join", two(20, "odd", "fibre", "outages = [{ from = \"0 s\", to = \"5 s\" }]")),
        ("outage over the join, too long", two(25, "odd", "fibre", "outages = [{ from = \"0 s\", to = \"12 s\" }]")),
        ("outage to the end", two(30, "fibre", "odd", "outages = [{ from = \"15 s\", to = \"90 s\" }]")),
        (
            "one outage after the other",
            two(
                60,
                "odd",
                "fibre",
                "outages = [{ from = \"5 s\", to = \"8 s\" }, { from = \"10 s\", to = \"17 s\" }, { from = \"19 s\", to = \"22 s\" }]",
            ),
        ),
        ("publisher away for 20 s", two(45, "odd", "fibre", "outages = [{ from = \"5 s\", to = \"25 s\" }]")),
        ("viewer away for 20 s", two(45, "fibre", "odd", "outages = [{ from = \"5 s\", to = \"25 s\" }]")),
        ("publisher away for 40 s", two(60, "odd", "fibre", "outages = [{ from = \"5 s\", to = \"45 s\" }]")),
        ("viewer away for 40 s", two(60, "fibre", "odd", "outages = [{ from = \"5 s\", to = \"45 s\" }]")),
        ("deaf for 40 s", two(60, "fibre", "odd", "down.outages = [{ from = \"5 s\", to = \"45 s\" }]")),
        ("dumb for 40 s", two(60, "odd", "fibre", "up.outages = [{ from = \"5 s\", to = \"45 s\" }]")),
        (
            "deaf, then dumb as well",
            two(70, "fibre", "odd", "down.outages = [{ from = \"5 s\", to = \"60 s\" }]\nup.outages = [{ from = \"9 s\", to = \"40 s\" }]"),
        ),
        ("a hundred viewers in a second", crowd),
        ("four on stage", stage),
    ]
}

#[test]
fn whatever_the_network_engines_agree_and_checks_hold() {
    for (name, text) in oddities() {
        let runs = on_both(&lab::parse(&text), Fidelity::Model);
        assert_same_datagrams(name, &runs);
        assert_eq!(lab::failures(&runs[0]), [""; 0], "{name}");
    }
}

#[test]
fn with_real_transports_engines_agree_on_the_story() {
    // Those that take seconds of handshakes are left out: with them liveness has a right to complain.
    let slow = [
        "seconds of delay",
        "every second packet lost on the way down",
        "every second packet lost on the way up",
        "a hundred viewers in a second",
    ];
    for (name, text) in oddities().into_iter().filter(|(name, _)| !slow.contains(name)) {
        let [turmoil, direct] = on_both(&lab::parse(&text), Fidelity::WebRtcNull);
        assert_eq!(turmoil.summary.story_hash, direct.summary.story_hash, "{name}");
        assert_eq!(lab::failures(&turmoil), [""; 0], "{name}");
        assert_eq!(lab::failures(&direct), [""; 0], "{name}");
    }
}
