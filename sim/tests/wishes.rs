//! What viewers wish is what they get: sizes, priorities, screens, and changes of all of it at once.

#[path = "common/lab.rs"]
mod lab;

use greenroom_core::{id::UserId, stream::StreamKind, time::Instant};
use greenroom_sim::{
    engine::Engine,
    media::Fidelity,
    record::{Counted, Entry, Record, StreamName, What},
};

use lab::{collect, parse, run};

/// Three guests, one of whom shares a screen, and Eva, who watches them by `watch` until 10 s and by `then` after that.
fn scene(watch: &str, then: &str) -> String {
    format!(
        r#"
        title = "wishes"
        duration = "20 s"
        [link.fibre]
        delay = "10 ms"
        [screen]
        turn = "3 s"
        [[user]]
        id = "ada"
        role = "joiner"
        link = "fibre"
        publish = true
        share = true
        watch = []
        [[user]]
        id = "guest"
        count = 2
        role = "joiner"
        link = "fibre"
        publish = true
        watch = []
        [[user]]
        id = "eva"
        role = "player"
        link = "fibre"
        join = "500 ms"
        watch = {watch}
        [[event]]
        at = "10 s"
        user = "eva"
        do = "watch"
        watch = {then}
        "#
    )
}

fn stream(user: &str, kind: StreamKind) -> StreamName {
    StreamName { user: UserId::new(user).expect("an id"), kind }
}

/// The layers that were decided for a stream of Eva's: when, and which.
fn decided(entries: &[Entry], of: &StreamName) -> Vec<(Instant, Option<String>)> {
    let layer = |entry: &Entry| match &entry.what {
        What::Layer { stream, to, .. } if stream == of => Some((entry.at, to.as_ref().map(ToString::to_string))),
        _ => None,
    };
    entries.iter().filter_map(layer).collect()
}

fn passed(record: &Record) {
    for check in &record.summary.checks {
        assert!(check.ok, "{}: {}", check.name, check.detail);
    }
}

#[test]
fn no_picture_is_larger_than_its_room_and_a_change_is_one_plan() {
    // Given a viewer with room for one large picture and small ones, who puts another one into the large place,
    let of = |large: &str| format!(r#"[{{ user = "guest", max_height = 180 }}, {{ user = "{large}", priority = 1, max_height = 360 }}]"#);
    let scenario = parse(&scene(&of("guest-1"), &of("guest-2")));
    for media in [Fidelity::Model, Fidelity::WebRtcNull] {
        // when it is played,
        let record = run(&scenario, Engine::Direct, media, 1);
        passed(&record);
        // then the first is large until the change and small from then on, the second the other way round,
        let (one, other) = ["guest-1", "guest-2"].map(|user| decided(&record.entries, &stream(user, StreamKind::Main))).into();
        let last = |decided: &[(Instant, Option<String>)], before: Instant| {
            decided.iter().rfind(|(at, _)| *at < before).and_then(|(_, to)| to.clone())
        };
        let (change, end) = (Instant::from_secs(10), Instant::from_secs(20));
        assert_eq!((last(&one, change).as_deref(), last(&other, change).as_deref()), (Some("h"), Some("q")));
        assert_eq!((last(&one, end).as_deref(), last(&other, end).as_deref()), (Some("q"), Some("h")));
        assert!(one.iter().chain(&other).all(|(_, to)| to.as_deref() != Some("f")), "nobody has room for 720 lines");
        // both at one instant.
        let changed = |decided: &[(Instant, Option<String>)]| decided.iter().find(|(at, _)| *at >= change).map(|(at, _)| *at);
        assert_eq!(changed(&one), changed(&other));
        assert!(changed(&one).is_some_and(|at| at < Instant::from_millis(10_100)), "a signalling message later");
        // Ada is not watched at all.
        assert!(decided(&record.entries, &stream("ada", StreamKind::Main)).is_empty());
    }
}

#[test]
fn a_screen_is_seen_and_put_away_and_what_is_not_heard_is_not_sent() {
    // Given a viewer of a screen who hears nobody but one guest, and later watches that guest alone,
    let watch = r#"[{ user = "ada", source = "screen" }, { user = "ada", audio = false }, { user = "guest-1" }]"#;
    let scenario = parse(&scene(watch, r#"[{ user = "guest-1" }]"#));
    // when it is played,
    let record = run(&scenario, Engine::Direct, Fidelity::WebRtcNull, 1);
    passed(&record);
    // then the screen's pages are seen at full size,
    let screen = stream("ada", StreamKind::Aux);
    assert_eq!(decided(&record.entries, &screen).last().and_then(|(_, to)| to.clone()).as_deref(), Some("l"));
    let eva = || record.entries.iter().filter(|entry| entry.user.as_ref().is_some_and(|user| user.as_str() == "eva"));
    assert!(eva().any(|entry| matches!(&entry.what, What::FirstFrame { stream, .. } if stream == &screen)));
    // both of Ada's streams end with the change, as Eva is told,
    let ended: Vec<&StreamName> = eva()
        .filter(|entry| entry.at > Instant::from_secs(10))
        .filter_map(|entry| if let What::Unsubscribed { stream } = &entry.what { Some(stream) } else { None })
        .collect();
    assert_eq!(ended, [&stream("ada", StreamKind::Main), &screen]);
    // nothing of them is sent any more,
    let collected = collect(&scenario, Fidelity::WebRtcNull);
    let sent = |of: &StreamName, from: Instant| -> u64 {
        let flows = collected.samples.iter().filter(|sample| sample.user.as_str() == "eva" && sample.stream == *of && sample.at > from);
        flows.map(|sample| if let Counted::Sent { flow, .. } = &sample.what { flow.packets } else { 0 }).sum()
    };
    assert_eq!(sent(&screen, Instant::from_millis(10_200)), 0);
    assert!(sent(&stream("guest-1", StreamKind::Main), Instant::from_millis(10_200)) > 0);
    // and of Ada's camera only pictures ever came: without sound a second has 30 of them and not 50 packets more.
    let heard = |user: &str| {
        let parts =
            collected.samples.iter().filter(|sample| sample.user.as_str() == "eva" && sample.stream == stream(user, StreamKind::Main));
        parts.filter(|sample| matches!(&sample.what, Counted::Part(part) if part.kind == greenroom_core::stream::TrackKind::Audio && part.totals.packets > 0)).count()
    };
    assert_eq!(heard("ada"), 0);
    assert!(heard("guest-1") > 0);
}
