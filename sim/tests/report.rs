//! The report, read as a browser and as a hostile scenario would.

use std::{collections::BTreeSet, fs, path::Path};

use greenroom_core::{
    code::Code,
    id::{Rid, UserId},
    quality::{Level, Reason, Share, Verdict},
    role::Role,
    stream::StreamKind,
    time::Instant,
};
use greenroom_sim::{
    record::{CheckResult, Direction, Entry, MetricRow, Record, StreamName, Summary, Viewer, What},
    report,
};

#[test]
fn a_call_is_told_viewer_by_viewer() {
    // given a call of ada, who publishes, and ben, cem and dia, who watch
    let record = first_call();

    // when it is reported
    let page = report::html(&record);

    // then the page is whole, names everyone, and tells what happened to dia and why
    keep(&page, "first-call.html");
    check_well_formed(&page);
    for viewer in ["ben", "cem", "dia"] {
        assert!(page.contains(&format!("\">{viewer} <span class=\"link\">link ")), "{viewer} has a timeline");
    }
    let dia = story_of(&page, "dia");
    assert!(dia.starts_with("Capacity was 2.5 Mbps at first, fell to 600 kbps at 20 s and rose to 2.5 Mbps at 40 s."), "{dia}");
    assert!(dia.contains("Of ada/main it got f from 1.4 s, h from 20.7 s, q from 21.4 s, h from 24 s and f from 44.1 s."), "{dia}");
    assert!(dia.contains("The queue was longest at 20.6 s, with 300 ms."), "{dia}");
    assert!(dia.contains("The picture froze once, for 420 ms."), "{dia}");
    assert!(plain(&page).contains("estimate 540 kbps does not hold f (1.7 Mbps)"));
    assert!(plain(&page).contains("ben joined as player at 0.3 s, became joiner at 30 s and left at 50 s."));
    assert!(plain(&page).contains("ada&#39;s stream main was audio muted from 36 s to 39.5 s."));
    assert!(plain(&page).contains("capacity 100 Mbps, off the scale"));
    assert!(page.contains("All 3 checks passed."));
}

#[test]
fn an_outage_and_a_failed_check_are_in_plain_sight() {
    let page = report::html(&outage());
    keep(&page, "outage.html");
    check_well_formed(&page);
    assert!(page.contains("1 of 2 checks failed."));
    assert!(page.contains("class=\"stretch outage\"") && page.contains("class=\"stretch interrupted\""));
    let ids: BTreeSet<&str> = attribute_values(&page, "id").into_iter().collect();
    let restored = page.find("signalling restored after 6.2").expect("the end of the interruption is told");
    assert!(ids.contains("room-story") && restored > 0);
    assert!(story_of(&page, "cem").contains("The picture froze once, for 8.3 s."), "{}", story_of(&page, "cem"));
}

// R-163 R-164
#[test]
fn the_quality_of_each_way_is_a_band_with_its_reasons() {
    // given a call in which dia's way down was very poor for half a minute
    let page = report::html(&first_call());

    // then it is told in a sentence for each way
    let dia = story_of(&page, "dia");
    assert!(dia.contains("The way up was excellent at first, good from 22 s (round trip 340 ms) and excellent from 26 s."), "{dia}");
    assert!(dia.contains("The way down was excellent at first, very poor from 22 s (32 % of the wanted rate), poor from 48 s, good from 50 s and excellent from 52 s."), "{dia}");
    assert!(story_of(&page, "ben").contains("The way up was excellent throughout. The way down was excellent throughout."));

    // and drawn as bands whose stretches can be focused, say why, and lead to their events
    let marks: Vec<_> = tags(&page).into_iter().filter(|tag| attribute(tag, "class").starts_with("mark scored")).collect();
    assert_eq!(marks.len(), 2 + 2 + 3 + 5, "ben's, cem's and dia's ways, a mark for each stretch");
    let labels: Vec<String> = marks.iter().map(|mark| plain(attribute(mark, "aria-label"))).collect();
    assert!(labels.contains(&"22 s way down until 48 s: 5 very poor (at first 32 % of the wanted rate)".to_owned()), "{labels:?}");
    assert!(labels.contains(&"2 s way down until 50 s: 1 excellent".to_owned()), "ben's ends when he leaves: {labels:?}");
    assert!(plain(&page).contains("network up 1 excellent, down 5 very poor (32 % of the wanted rate)"), "and the events have them");

    // and the values have a column for each way
    assert!(page.contains("<th scope=\"col\" class=\"word\">quality up</th><th scope=\"col\" class=\"word\">quality down</th>"));
    assert_eq!(
        plain(&page).matches("<td class=\"word\">5 very poor (32 % of the wanted rate)</td>").count(),
        1,
        "a reason where its level begins"
    );
    assert!(plain(&page).contains("<td class=\"word\">5 very poor</td>"), "and the level for as long as it lasts");

    // while a record without scores has no bands
    let mut record = first_call();
    record.entries.retain(|entry| !matches!(entry.what, What::NetworkQuality { .. }));
    let page = report::html(&record);
    check_well_formed(&page);
    assert!(!page.contains("mark scored") && !page.contains("quality up"));
}

#[test]
fn a_link_that_never_rests_is_told_in_sums() {
    // given a link that follows a trace, and a viewer that is switched all the time
    let mut record = empty();
    for n in 0..600 {
        let capacity = 800_000 + n * 37 % 50 * 60_000;
        let layer = ["q", "h", "f"][(n / 4 % 3) as usize];
        record.metrics.push(row((n + 1) * 100, "eve", "ada/main", Some(capacity), Some(capacity - 100_000), capacity / 2, layer, n * 100));
        if n % 4 == 0 {
            let what = self::layer("ada", Some("q"), Some(layer), "the estimate moved", Some(capacity - 100_000), 400_000);
            record.entries.push(entry(n * 100, "eve", what));
        }
        if n % 9 == 0 {
            let muted = What::StreamMuted { stream: stream("ada"), audio: n % 2 == 0, video: false };
            record.entries.push(entry(n * 100 + 50, "eve", muted));
        }
    }
    record.summary.viewers = vec![viewer("eve", "ada/main", "train", Some(2_000_000), 900_000, (149, 0, 300))];

    // then its story is short, and marks that would overlap are one
    let page = report::html(&record);
    keep(&page, "restless.html");
    check_well_formed(&page);
    let story = story_of(&page, "eve");
    assert!(story.starts_with("Capacity changed 599 times between 800 kbps and 3.74 Mbps."), "{story}");
    assert!(
        story.contains("The layer of ada/main changed 149 times; it got q for 33 %, h for 33 % and f for 33 % of the time."),
        "{story}"
    );
    let marks = attribute_values(&page, "class").into_iter().filter(|class| class.starts_with("mark decision")).count();
    assert!((20..=54).contains(&marks), "{marks} marks for 150 decisions in 640 px");
}

#[test]
fn hostile_words_stay_words() {
    // given a scenario whose every free text tries to become markup
    let attack = "<script>alert(1)</script><img src=x onerror=alert(1)>\" onload='alert(1)' --><!-- ]]> &amp; \u{0}";
    let mut record = first_call();
    record.title = attack.into();
    record.about = attack.into();
    record.summary.scenario = attack.into();
    record.summary.engine = attack.into();
    record.summary.media = attack.into();
    record.summary.version = attack.into();
    record.summary.trace_hash = attack.into();
    record.summary.checks.push(CheckResult { name: attack.into(), ok: false, detail: attack.into() });
    for viewer in &mut record.summary.viewers {
        (viewer.user, viewer.stream, viewer.link) = (attack.into(), attack.into(), attack.into());
    }
    for row in record.metrics.iter_mut().filter(|row| row.user == "dia") {
        (row.user, row.stream, row.layer) = (attack.into(), attack.into(), attack.into());
    }
    for entry in &mut record.entries {
        if let What::Layer { reason, .. } | What::KeyFrameRequested { reason, .. } = &mut entry.what {
            *reason = attack.into();
        }
    }

    // when it is reported, then the page has the elements and attributes it has without
    let page = report::html(&record);
    check_well_formed(&page);
    let elements = |page: &str| tags(page).into_iter().map(|tag| tag.name.to_owned()).collect::<BTreeSet<_>>();
    let harmless = elements(&report::html(&first_call()));
    let surplus: Vec<_> = elements(&page).difference(&harmless).cloned().collect();
    assert!(surplus.iter().all(|name| ["ul", "li"].contains(&name.as_str())), "the list of failed checks and nothing else: {surplus:?}");
    assert!(!page.contains('\0'));
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn a_record_has_one_report() {
    assert_eq!(report::html(&first_call()), report::html(&first_call()));
}

#[test]
fn the_report_of_a_minute_with_four_viewers_is_small() {
    let page = report::html(&first_call());
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert!(page.len() > 50_000, "{} bytes: where are the curves?", page.len());
}

#[test]
fn a_record_of_a_thousand_viewers_draws_those_that_fared_worst() {
    // given a thousand viewers of whom one froze
    let mut record = empty();
    for n in 0..1_000 {
        let user = format!("viewer-{n:04}");
        for t in 1..=3 {
            record.metrics.push(row(t * 100, &user, "ada/main", Some(2_000_000), Some(1_500_000), 150_000, "q", 0));
        }
        let freeze_ms = if n == 700 { 900 } else { 0 };
        record.summary.viewers.push(viewer(&user, "ada/main", "wifi", Some(2_000_000), 150_000, (0, freeze_ms, 300)));
    }
    record.metrics.sort_by(|a, b| (a.t_ns, &a.user).cmp(&(b.t_ns, &b.user)));

    // then the report says whom it leaves out, shows the one, and stays small
    let page = report::html(&record);
    check_well_formed(&page);
    assert!(page.contains("16 of 1\u{202f}000 viewers are drawn"));
    assert!(!story_of(&page, "viewer-0700").is_empty());
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
}

#[test]
fn a_run_in_which_nothing_happened_has_a_report_too() {
    let page = report::html(&empty());
    check_well_formed(&page);
    assert!(page.contains("Nobody entered the room.") && page.contains("Nobody watched anything"));
}

#[test]
fn odd_numbers_make_no_panic() {
    let mut record = first_call();
    record.summary.sim_seconds = f64::NAN;
    record.summary.speed = f64::INFINITY;
    for (n, row) in record.metrics.iter_mut().enumerate() {
        match n % 7 {
            0 => row.received_bps = u64::MAX,
            1 => row.t_ns = u64::MAX - n as u64,
            2 => row.queue_delay_us = u64::MAX,
            3 => row.capacity_bps = Some(u64::MAX),
            4 => row.estimate_bps = Some(0),
            5 => row.sent_bps = u64::MAX,
            _ => row.t_ns = 0,
        }
    }
    check_well_formed(&report::html(&record));
}

// What a browser would see.

/// A tag as it stands in the page.
struct Tag<'a> {
    name: &'a str,
    closes: bool,
    closes_itself: bool,
    attributes: Vec<(&'a str, &'a str)>,
}

/// All tags, in order. The content of scripts and styles is skipped as a browser skips it: up to the closing tag.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('!') {
            assert!(after.starts_with("doctype html>"), "no comments, no other declarations: {after:.40}");
            continue;
        }
        let closes = rest.starts_with('/');
        rest = rest.strip_prefix('/').unwrap_or(rest);
        let name_len = rest.find(|c: char| !c.is_ascii_alphanumeric()).expect("a tag ends");
        let (name, mut inside) = rest.split_at(name_len);
        assert!(!name.is_empty(), "a bare < at {rest:.60}");
        let mut attributes = Vec::new();
        let closes_itself = loop {
            inside = inside.trim_start();
            if let Some(after) = inside.strip_prefix("/>") {
                rest = after;
                break true;
            }
            if let Some(after) = inside.strip_prefix('>') {
                rest = after;
                break false;
            }
            let (key, after) =
                inside.split_once("=\"").unwrap_or_else(|| panic!("an attribute without a quoted value in <{name}: {inside:.60}"));
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "a strange attribute {key:.60} in <{name}>");
            let (value, after) = after.split_once('"').expect("a value ends");
            assert!(!value.contains('<'), "markup in {key}");
            attributes.push((key, value));
            inside = after;
        };
        if !closes && ["script", "style"].contains(&name) {
            let end = rest.find(&format!("</{name}")).expect("scripts and styles end");
            rest = &rest[end..];
        }
        tags.push(Tag { name, closes, closes_itself, attributes });
    }
    tags
}

/// Every element ends where it should, ids are unique, links lead somewhere within the page, and nothing is fetched.
fn check_well_formed(page: &str) {
    const VOID: [&str; 2] = ["meta", "input"];
    let mut open = Vec::new();
    let mut headings = Vec::new();
    for tag in tags(page) {
        if tag.closes {
            assert_eq!(open.pop(), Some(tag.name), "elements nest");
        } else if !tag.closes_itself && !VOID.contains(&tag.name) {
            open.push(tag.name);
        }
        if let (false, Some(level)) = (tag.closes, tag.name.strip_prefix('h').and_then(|level| level.parse::<u8>().ok())) {
            headings.push(level);
        }
        for (key, value) in tag.attributes {
            assert!(!["src", "srcset", "data", "action", "ping", "background"].contains(&key), "<{} {key}={value:?}>", tag.name);
            assert!(!key.starts_with("on"), "<{} {key}>: no handlers in markup", tag.name);
            assert!(key != "href" || value.starts_with('#'), "a link out of the page: {value}");
        }
        assert!(!["link", "iframe", "img", "object", "embed", "base", "image", "use"].contains(&tag.name), "<{}> fetches", tag.name);
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert_eq!(headings.first(), Some(&1));
    assert!(headings.windows(2).all(|pair| pair[1] <= pair[0] + 1), "headings skip a level: {headings:?}");
    for fetch in ["url(", "@import", "http://", "https://", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(fetch), "{fetch} in the page");
    }

    let ids = attribute_values(page, "id");
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "ids are unique");
    for link in attribute_values(page, "href") {
        assert!(known.contains(&link[1..]), "{link} leads nowhere");
    }
    for names in attribute_values(page, "aria-labelledby") {
        assert!(names.split(' ').all(|name| known.contains(name)), "{names}: no such name");
    }
}

fn attribute_values<'a>(page: &'a str, key: &str) -> Vec<&'a str> {
    tags(page).into_iter().flat_map(|tag| tag.attributes).filter(|(k, _)| *k == key).map(|(_, value)| value).collect()
}

/// The value of a tag's attribute; empty where it has none.
fn attribute<'a>(tag: &Tag<'a>, key: &str) -> &'a str {
    tag.attributes.iter().find(|(k, _)| *k == key).map_or("", |(_, value)| value)
}

/// The page with its unbreakable spaces made plain.
fn plain(page: &str) -> String {
    page.replace(['\u{a0}', '\u{202f}'], " ")
}

/// The paragraph below a viewer's heading; empty when there is none.
fn story_of(page: &str, user: &str) -> String {
    let Some((_, after)) = page.split_once(&format!("\">{user} <span class=\"link\">")) else {
        return String::new();
    };
    let (_, after) = after.split_once("class=\"story\">").expect("a story follows the heading");
    plain(after.split_once("</p>").expect("a paragraph ends").0)
}

/// Leaves the page where it can be looked at.
fn keep(page: &str, name: &str) {
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), page).expect("the target directory can be written to");
}

// The calls.

#[expect(clippy::too_many_lines, reason = "a call told event by event, then row by row")]
/// A minute: ada publishes; ben comes on stage from 30 s to 50 s; cem's Wi-Fi loses packets; dia's link narrows to 600 kbps between 20 s and 40 s.
fn first_call() -> Record {
    let mut record = empty();
    record.title = "A first call".into();
    record.about = "Ada publishes her camera in three layers. Ben watches on fibre and comes on stage for twenty seconds, Cem watches over Wi-Fi that \
                    loses packets, and Dia's link narrows to 600 kbps between 20 s and 40 s."
        .into();
    let say = &mut record.entries;
    let mut at = |ms: u64, who: &str, what: What| say.push(entry(ms, who, what));

    at(0, "dia", What::Capacity { direction: Direction::Down, rate_bps: Some(2_500_000) });
    at(0, "ada", What::JoinCalled);
    at(62, "ada", What::Joined { role: Role::Joiner });
    at(240, "ada", What::MediaConnected { after_ms: 240 });
    at(260, "ada", What::Published { stream: stream("ada") });
    for (who, joined, picture) in [("ben", 310, 690), ("cem", 420, 1_050), ("dia", 520, 1_410)] {
        at(joined - 60, who, What::JoinCalled);
        at(joined, who, What::Joined { role: Role::Player });
        at(joined + 2, who, What::StreamAdded { stream: stream("ada") });
        at(joined + 3, who, What::Subscribed { stream: stream("ada") });
        at(joined + 180, who, What::MediaConnected { after_ms: 240 });
        at(joined + 200, who, layer("ada", None, Some("f"), "first subscription: the start estimate holds f", None, 1_700_000));
        at(joined + 210, "ada", What::KeyFrameRequested { stream: stream("ada"), layer: rid("f"), reason: format!("{who} is to get it") });
        at(picture - 20, who, What::Switched { stream: stream("ada"), from: None, to: rid("f"), waited_ms: picture - joined - 220 });
        at(picture, who, What::FirstFrame { stream: stream("ada"), after_ms: picture - joined });
    }
    at(20_000, "dia", What::Capacity { direction: Direction::Down, rate_bps: Some(600_000) });
    for (ms, from, to, reason, estimate, needs, waited) in [
        (20_640, "f", "h", "estimate 1.2 Mbps does not hold f (1.7 Mbps)", 1_200_000, 500_000, 90),
        (21_310, "h", "q", "estimate 540 kbps does not hold f (1.7 Mbps) or h (500 kbps) with audio and reserve", 540_000, 150_000, 60),
        (23_900, "q", "h", "estimate 590 kbps has held h (500 kbps) for 2 s", 590_000, 500_000, 110),
        (43_980, "h", "f", "estimate 2.1 Mbps has held f (1.7 Mbps) for 2 s", 2_100_000, 1_700_000, 130),
    ] {
        at(ms, "dia", layer("ada", Some(from), Some(to), reason, Some(estimate), needs));
        at(ms + waited, "dia", What::Switched { stream: stream("ada"), from: Some(rid(from)), to: rid(to), waited_ms: waited });
    }
    at(21_050, "dia", What::Freeze { stream: stream("ada"), duration_ms: 420 });
    at(30_000, "ben", What::RoleChanged { role: Role::Joiner });
    at(30_240, "ben", What::Published { stream: stream("ben") });
    at(30_260, "cem", What::StreamAdded { stream: stream("ben") });
    at(30_270, "cem", What::Subscribed { stream: stream("ben") });
    at(30_300, "cem", layer("ben", None, Some("h"), "estimate 2.4 Mbps holds f of ada/main and h of ben/main", Some(2_400_000), 2_200_000));
    at(30_480, "cem", What::Switched { stream: stream("ben"), from: None, to: rid("h"), waited_ms: 180 });
    at(30_520, "cem", What::FirstFrame { stream: stream("ben"), after_ms: 250 });
    at(36_000, "cem", What::StreamMuted { stream: stream("ada"), audio: true, video: false });
    at(39_500, "cem", What::StreamMuted { stream: stream("ada"), audio: false, video: false });
    at(40_000, "dia", What::Capacity { direction: Direction::Down, rate_bps: Some(2_500_000) });
    for who in ["ben", "cem", "dia"] {
        at(2_000, who, quality((Level::Excellent, Reason::Clear), (Level::Excellent, Reason::Clear)));
    }
    let rate = Reason::Rate(Share::percent(32));
    at(22_000, "dia", quality((Level::Good, Reason::Delay { rtt_us: 340_000 }), (Level::VeryPoor, rate)));
    at(26_000, "dia", quality((Level::Excellent, Reason::Clear), (Level::VeryPoor, rate)));
    at(48_000, "dia", quality((Level::Excellent, Reason::Clear), (Level::Poor, rate)));
    at(50_000, "dia", quality((Level::Excellent, Reason::Clear), (Level::Good, rate)));
    at(52_000, "dia", quality((Level::Excellent, Reason::Clear), (Level::Excellent, Reason::Clear)));
    at(50_000, "ben", What::Left);
    at(50_030, "cem", What::StreamRemoved { stream: stream("ben") });
    at(50_031, "cem", What::PeerLeft { peer: user("ben"), reason: 1 });
    record.entries.sort_by_key(|entry| entry.at);

    for t in 1..=600_u64 {
        let ms = t * 100;
        let wobble = |salt: u64| (t * 7_919 + salt * 104_729) % 97; // plain arithmetic: the fixture must not change from run to run
        let take = |bps: u64, salt: u64| bps * (70 + wobble(salt) * 60 / 96) / 100;
        let ramp = |from: u64, to: u64, begin: u64, len: u64| match ms.saturating_sub(begin).min(len) {
            done if to > from => from + (to - from) * done / len,
            done => from - (from - to) * done / len,
        };
        if (500..=50_000).contains(&ms) {
            let estimate = (ms > 800).then(|| ramp(1_900_000, 5_800_000, 800, 9_000));
            let received = if ms > 690 { take(1_740_000, 1) } else { 0 };
            record.metrics.push(row(ms, "ben", "ada/main", Some(100_000_000), estimate, received, if ms > 690 { "f" } else { "" }, 80));
        }
        if ms >= 600 {
            let estimate = (ms > 900).then(|| ramp(1_700_000, 3_300_000, 900, 14_000) - wobble(5) * 2_000);
            let received = if ms > 1_050 { take(1_700_000, 2) } else { 0 };
            let mut first =
                row(ms, "cem", "ada/main", Some(20_000_000), estimate, received, if ms > 1_050 { "f" } else { "" }, 900 + wobble(3) * 60);
            first.lost_packets = t / 60;
            record.metrics.push(first);
            if (30_300..=50_000).contains(&ms) {
                let received = if ms > 30_480 { take(520_000, 4) } else { 0 };
                record.metrics.push(row(
                    ms,
                    "cem",
                    "ben/main",
                    Some(20_000_000),
                    estimate,
                    received,
                    if ms > 30_480 { "h" } else { "" },
                    900,
                ));
            }
        }
        if ms >= 700 {
            let capacity = if (20_000..40_000).contains(&ms) { 600_000 } else { 2_500_000 };
            let estimate = match ms {
                0..=1_000 => None,
                1_001..=20_300 => Some(ramp(1_500_000, 2_380_000, 1_000, 6_000) - wobble(6) * 800),
                20_301..=21_900 => Some(ramp(2_300_000, 470_000, 20_300, 1_200)),
                21_901..=40_200 => Some(ramp(470_000, 585_000, 21_900, 2_000) - wobble(7) * 300),
                _ => Some(ramp(585_000, 2_390_000, 40_200, 5_500)),
            };
            let layer = match ms {
                1_400..=20_730 | 44_111.. => "f",
                20_731..=21_370 | 24_011..=44_110 => "h",
                21_371..=24_010 => "q",
                _ => "",
            };
            let received = match (layer, ms) {
                ("", _) => 0,
                (_, 20_000..=21_500) => 570_000 + wobble(8) * 300, // the queue drains at the link's rate
                ("f", _) => take(1_700_000, 9),
                ("h", _) => take(500_000, 10),
                _ => take(150_000, 11),
            };
            let queue_us = match ms {
                20_001..=20_600 => (ms - 20_000) * 500,
                20_601..=21_800 => 300_000 - (ms - 20_600) * 240,
                24_000..=40_000 => 4_000 + wobble(12) * 120,
                _ => 900 + wobble(12) * 25,
            };
            record.metrics.push(row(ms, "dia", "ada/main", Some(capacity), estimate, received, layer, queue_us));
        }
    }

    record.summary.checks = vec![
        passed("conservation", "every datagram was delivered, lost or dropped: 48 211 = 47 903 + 262 + 46"),
        passed("one-story", "4 members saw the same 23 room events in the same order"),
        passed("no-long-freeze", "the longest freeze was 420 ms (dia, ada/main, at 20.63 s); at most 1 s is allowed"),
    ];
    record.summary.viewers = vec![
        viewer("ben", "ada/main", "fibre", Some(100_000_000), 1_740_000, (0, 0, 380)),
        viewer("cem", "ada/main", "wifi", Some(20_000_000), 1_693_000, (0, 0, 630)),
        viewer("cem", "ben/main", "wifi", Some(20_000_000), 517_000, (0, 0, 250)),
        viewer("dia", "ada/main", "narrowing", Some(1_866_000), 1_223_000, (4, 420, 890)),
    ];
    record
}

/// Half a minute in which cem's link is down from 10 s to 17 s, and a check fails for it.
fn outage() -> Record {
    let mut record = empty();
    record.title = "A tunnel".into();
    record.about = "Cem's train goes through a tunnel.".into();
    record.summary.sim_seconds = 30.0;
    let say = &mut record.entries;
    let mut at = |ms: u64, who: &str, what: What| say.push(entry(ms, who, what));
    at(0, "ada", What::JoinCalled);
    at(60, "ada", What::Joined { role: Role::Joiner });
    at(200, "ada", What::Published { stream: stream("ada") });
    at(300, "cem", What::JoinCalled);
    at(400, "cem", What::Joined { role: Role::Player });
    at(402, "cem", What::Subscribed { stream: stream("ada") });
    at(700, "cem", What::MediaConnected { after_ms: 400 });
    at(900, "cem", What::FirstFrame { stream: stream("ada"), after_ms: 498 });
    at(10_000, "cem", What::OutageBegan);
    at(2_000, "cem", quality((Level::Excellent, Reason::Clear), (Level::Fair, Reason::Loss(Share::percent(6)))));
    at(12_500, "cem", What::Interrupted { code: Code::HEARTBEAT_LOST });
    at(12_500, "cem", quality((Level::Disconnected, Reason::Disconnected), (Level::Disconnected, Reason::Disconnected)));
    at(18_700, "cem", quality((Level::Unknown, Reason::Unmeasured), (Level::Unknown, Reason::Unmeasured)));
    at(20_000, "cem", quality((Level::Excellent, Reason::Clear), (Level::Good, Reason::Jitter { jitter_us: 160_000 })));
    at(13_000, "ada", What::PeerLeft { peer: user("cem"), reason: 2 });
    at(17_000, "cem", What::OutageEnded);
    at(18_400, "cem", What::Freeze { stream: stream("ada"), duration_ms: 8_300 });
    at(18_700, "cem", What::Restored { after_ms: 6_200 });
    at(22_000, "dot", What::JoinCalled);
    at(22_100, "dot", What::Failed { call: "join", code: Code::ROOM_FULL });
    for t in 9..=300 {
        let ms = t * 100;
        let down = (10_000..18_100).contains(&ms);
        let mut row =
            row(ms, "cem", "ada/main", None, Some(if down { 300_000 } else { 900_000 }), if down { 0 } else { 480_000 }, "h", 2_000);
        row.lost_packets = if ms > 10_000 { 131 } else { 0 };
        record.metrics.push(row);
    }
    record.summary.checks = vec![
        passed("one-story", "2 members saw the same events"),
        CheckResult {
            name: "no-long-freeze".into(),
            ok: false,
            detail: "cem, ada/main: 8.3 s from 10.1 s on; at most 1 s is allowed".into(),
        },
    ];
    record.summary.viewers = vec![viewer("cem", "ada/main", "train", None, 351_000, (0, 8_300, 498))];
    record
}

fn empty() -> Record {
    Record {
        title: "Nothing".into(),
        about: String::new(),
        summary: Summary {
            scenario: "first-call".into(),
            seed: 7,
            engine: "turmoil".into(),
            media: "webrtc".into(),
            version: "0.1.0".into(),
            sim_seconds: 60.0,
            wall_seconds: 1.92,
            speed: 31.25,
            datagrams: 48_211,
            trace_hash: "6f1c0a8e24d97b35".into(),
            story_hash: "a0417c22be9f5d10".into(),
            checks: Vec::new(),
            viewers: Vec::new(),
        },
        entries: Vec::new(),
        metrics: Vec::new(),
        statistics: Vec::new(),
    }
}

fn entry(ms: u64, who: &str, what: What) -> Entry {
    Entry { at: Instant::from_millis(ms), user: Some(user(who)), what }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn rid(name: &str) -> Rid {
    Rid::new(name).unwrap()
}

fn stream(of: &str) -> StreamName {
    StreamName { user: user(of), kind: StreamKind::Main }
}

fn quality(up: (Level, Reason), down: (Level, Reason)) -> What {
    let verdict = |(level, reason)| Verdict { level, reason };
    What::NetworkQuality { up: verdict(up), down: verdict(down) }
}

fn layer(of: &str, from: Option<&str>, to: Option<&str>, reason: &str, estimate_bps: Option<u64>, allocated_bps: u64) -> What {
    What::Layer { stream: stream(of), from: from.map(rid), to: to.map(rid), reason: reason.into(), estimate_bps, allocated_bps }
}

#[expect(clippy::too_many_arguments, reason = "a row of a table, column by column")]
fn row(
    ms: u64,
    user: &str,
    stream: &str,
    capacity: Option<u64>,
    estimate: Option<u64>,
    received: u64,
    layer: &str,
    queue_us: u64,
) -> MetricRow {
    MetricRow {
        t_ns: ms * 1_000_000,
        user: user.into(),
        stream: stream.into(),
        capacity_bps: capacity,
        estimate_bps: estimate,
        sent_bps: received,
        received_bps: received,
        layer: layer.into(),
        queue_delay_us: queue_us,
        lost_packets: 0,
    }
}

fn passed(name: &str, detail: &str) -> CheckResult {
    CheckResult { name: name.into(), ok: true, detail: detail.into() }
}

fn viewer(
    user: &str,
    stream: &str,
    link: &str,
    capacity: Option<u64>,
    received: u64,
    (switches, freeze_ms, first_ms): (u32, u64, u64),
) -> Viewer {
    Viewer {
        user: user.into(),
        stream: stream.into(),
        link: link.into(),
        capacity_bps_mean: capacity,
        received_bps_mean: received,
        utilisation: 0.93,
        layer_switches: switches,
        freeze_ms,
        first_frame_ms: Some(first_ms),
    }
}
