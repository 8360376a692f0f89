//! The stories of `docs/stories`: each is played, and what is seen is what its page says. `GREENROOM_UPDATE=1` writes the pages anew; then read what changed.
//!
//! The requirements that a story shows stand in [`STORIES`], beside its name.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use greenroom_sim::script;
use serde_json::Value;

/// Every story, and what it shows.
const STORIES: &[&str] = &[
    // R-003 R-013 R-017 R-018 R-059 R-061 R-062 R-063 R-083 R-089 R-094 R-099 R-104
    "sparkrtc/01-a-call",
    // R-075 R-076 R-077 R-078 R-079 R-080 R-081
    "sparkrtc/02-on-stage-and-back",
    // R-039 R-043 R-045 R-046 R-047
    "sparkrtc/03-a-signature-runs-out",
    // R-040 R-041 R-044
    "sparkrtc/04-a-signature-that-is-no-good",
    // R-015 R-021 R-023 R-024
    "sparkrtc/05-a-short-outage",
    // R-022
    "sparkrtc/06-an-outage-too-long",
    // R-025
    "sparkrtc/07-the-server-hangs-up",
    // R-064 R-065
    "sparkrtc/08-displaced",
    // R-066 R-070
    "sparkrtc/09-the-room-is-dissolved",
    // R-067 R-068
    "sparkrtc/10-sent-away",
    // R-088
    "sparkrtc/11-the-room-is-paused",
    // R-144 R-145 R-146 R-147 R-148
    "sparkrtc/12-muted",
    // R-095 R-096 R-097 R-098 R-100 R-101 R-111 R-112
    "sparkrtc/13-two-resolutions",
    // R-105 R-106 R-107 R-108 R-109
    "sparkrtc/14-many-at-once",
    // R-151 R-152 R-153 R-154
    "sparkrtc/15-names",
    // R-004 R-200 R-201 R-203 R-204 R-205
    "sparkrtc/16-in-several-rooms",
    // R-005
    "sparkrtc/17-two-apps",
    // R-070
    "sparkrtc/18-a-full-room",
    // R-086 R-190
    "sparkrtc/19-a-share",
    // R-060
    "sparkrtc/20-hidden-players",
    // R-015
    "sparkrtc/21-leaving-cuts-calls-short",
    // R-020
    "sparkrtc/22-nobody-answers",
    // R-259 R-260 R-261
    "sparkrtc/23-regions",
    // R-134 R-135 R-136 R-137 R-138 R-141
    "sparkrtc/24-the-three-loudest",
    // R-137 R-138 R-139 R-140
    "sparkrtc/25-how-loud-they-are",
    // R-128 R-129 R-130 R-131 R-132 R-133
    "sparkrtc/26-streams-that-die",
    // R-115 R-155 R-156 R-157 R-158 R-162
    "sparkrtc/28-statistics",
    // R-120 R-160 R-161 R-190
    "sparkrtc/29-rtc-stats",
    // R-241
    "sparkrtc/30-a-cap-on-bandwidth",
    // R-111 R-112 R-113 R-114 R-115 R-116 R-117 R-118 R-119 R-123 R-126
    "sparkrtc/31-two-sizes-and-a-floor",
    // R-238 R-239 R-240
    "sparkrtc/32-through-a-proxy",
    // R-163 R-164 R-166
    "sparkrtc/33-how-good-the-line-is",
    // R-163 R-164
    "sparkrtc/34-nobody-is-measured-outside",
    // R-084
    "sparkrtc/35-what-nobody-watches",
    // R-001
    "sparkrtc/bad-input/01-no-app-id",
    "sparkrtc/bad-input/02-app-id-too-long-by-one",
    // R-036
    "sparkrtc/bad-input/03-app-id-with-a-plus",
    // R-002
    "sparkrtc/bad-input/04-domain-too-long-by-one",
    // R-260
    "sparkrtc/bad-input/05-country-unknown",
    // R-056
    "sparkrtc/bad-input/06-room-id-empty",
    "sparkrtc/bad-input/07-room-id-too-long-by-one",
    "sparkrtc/bad-input/08-room-id-forbidden-byte",
    "sparkrtc/bad-input/09-user-id-with-a-plus",
    "sparkrtc/bad-input/10-user-id-not-a-text",
    // R-057
    "sparkrtc/bad-input/11-user-name-too-long-by-one-byte",
    // R-058
    "sparkrtc/bad-input/12-role-as-text",
    "sparkrtc/bad-input/13-role-one",
    "sparkrtc/bad-input/14-role-missing",
    // R-037
    "sparkrtc/bad-input/15-signature-too-long-by-one",
    // R-038
    "sparkrtc/bad-input/16-ctime-not-decimal",
    "sparkrtc/bad-input/17-ctime-a-number",
    // R-039
    "sparkrtc/bad-input/18-expired-by-one-second",
    "sparkrtc/bad-input/19-good-to-the-last-second",
    // R-040
    "sparkrtc/bad-input/20-twelve-hours-ahead",
    // R-041
    "sparkrtc/bad-input/21-forged",
    "sparkrtc/bad-input/22-forged-and-expired",
    "sparkrtc/bad-input/23-signature-in-upper-case",
    // R-003
    "sparkrtc/bad-input/24-joined-twice",
    // R-082
    "sparkrtc/bad-input/25-publish-outside",
    "sparkrtc/bad-input/26-publish-not-initialised",
    // R-085
    "sparkrtc/bad-input/27-publish-twice",
    // R-102
    "sparkrtc/bad-input/28-subscribe-to-nobody",
    // R-103
    "sparkrtc/bad-input/29-subscribe-to-oneself",
    // R-056 R-076 R-105
    "sparkrtc/bad-input/30-no-arguments",
    // R-241
    "sparkrtc/bad-input/31-bandwidth-too-low-by-one",
    "sparkrtc/bad-input/32-bandwidth-too-high-by-one",
    "sparkrtc/bad-input/33-bandwidth-not-given",
    // R-160
    "sparkrtc/bad-input/34-statistics-every-0-ms",
    "sparkrtc/bad-input/35-statistics-without-interval",
    // R-239
    "sparkrtc/bad-input/36-proxy-without-port",
    "sparkrtc/bad-input/37-proxy-of-another-scheme",
    // R-240
    "sparkrtc/bad-input/38-no-turn-server",
    "sparkrtc/bad-input/39-turn-port-too-high-by-one",
    "sparkrtc/bad-input/40-turn-port-zero",
    // R-155
    "sparkrtc/bad-input/41-transport-statistics-too-early",
    // R-113
    "sparkrtc/bad-input/42-no-such-capture-result",
    // R-134 R-139
    "sparkrtc/bad-input/43-top-three-too-late",
    // R-139
    "sparkrtc/bad-input/44-top-three-volume",
    // R-140
    "sparkrtc/bad-input/45-top-three-mute",
    // R-128
    "sparkrtc/bad-input/46-detection-interval",
    // R-007 R-063 R-074 R-093 R-110 R-149 R-150
    "agora/01-a-call",
    // R-072
    "agora/02-numbers-from-the-server",
    // R-028 R-029 R-030 R-032
    "agora/03-interrupted-and-lost",
    // R-029 R-031
    "agora/04-lost-for-good-until-leave",
    // R-048 R-053
    "agora/05-keys",
    // R-048
    "agora/06-a-static-app-id",
    // R-003 R-006 R-008
    "agora/07-out-of-order",
    // R-073
    "agora/08-a-number-that-is-taken",
    // R-071
    "agora/09-names-of-channels",
    // R-072
    "agora/10-bad-arguments",
    // R-167
    "agora/11-how-good-the-line-is",
];

#[test]
fn every_story_is_seen_as_its_page_says() {
    let update = env::var_os("GREENROOM_UPDATE").is_some();
    let mut wrong = Vec::new();
    for name in STORIES {
        let story = folder().join(format!("{name}.jsonl"));
        let page = folder().join(format!("{name}.out.jsonl"));
        let text = fs::read_to_string(&story).unwrap_or_else(|error| panic!("{}: {error}", story.display()));
        let seen = script::play(&text).map(|lines| lines.into_iter().map(|line| line + "\n").collect::<String>());
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        if update {
            fs::write(&page, &seen).expect("the page can be written");
            continue;
        }
        let expected = fs::read_to_string(&page).unwrap_or_default();
        if seen != expected {
            let difference = seen.lines().zip(expected.lines()).find(|(seen, expected)| seen != expected);
            wrong.push(match difference {
                Some((seen, expected)) => format!("{name}:\n  seen     {seen}\n  expected {expected}"),
                None => format!("{name}: {} lines are seen, {} expected", seen.lines().count(), expected.lines().count()),
            });
        }
    }
    assert!(wrong.is_empty(), "{} of {} stories went otherwise:\n{}", wrong.len(), STORIES.len(), wrong.join("\n"));
}

#[test]
fn every_file_among_the_stories_is_one_of_them() {
    let known: BTreeSet<PathBuf> =
        STORIES.iter().flat_map(|name| [format!("{name}.jsonl"), format!("{name}.out.jsonl")]).map(|name| folder().join(name)).collect();
    let mut found = BTreeSet::new();
    gather(&folder(), &mut found);
    found.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    assert_eq!(found, known);
}

#[test]
fn the_tutorial_leads_to_every_story() {
    let tutorial = fs::read_to_string(folder().join("README.md")).expect("the tutorial is there");
    let missing: Vec<_> =
        STORIES.iter().filter(|name| !name.contains("bad-input") && !tutorial.contains(&format!("({name}.jsonl)"))).collect();
    assert!(missing.is_empty(), "docs/stories/README.md does not lead to {missing:?}");
}

#[test]
fn the_same_story_gives_the_same_lines() {
    for name in STORIES {
        let text = fs::read_to_string(folder().join(format!("{name}.jsonl"))).expect("it is there");
        assert_eq!(script::play(&text), script::play(&text), "{name}");
    }
}

// R-016
#[test]
fn every_call_returns_exactly_once() {
    for name in STORIES {
        let text = fs::read_to_string(folder().join(format!("{name}.jsonl"))).expect("it is there");
        let calls = text.lines().filter(|line| field(line, "call").is_some()).count();
        let lines = script::play(&text).expect("it is a story");
        let returns = lines.iter().filter(|line| field(line, "return").is_some()).count();
        assert_eq!(returns, calls, "{name}");
    }
}

// R-032 R-093
#[test]
fn strict_stories_show_nothing_that_no_document_has() {
    for name in STORIES {
        let text = fs::read_to_string(folder().join(format!("{name}.jsonl"))).expect("it is there");
        let strict = text.replacen("\"latency_ms\"", "\"strict\":true,\"latency_ms\"", 1);
        let lines = script::play(&strict).expect("it is a story");
        assert!(lines.iter().all(|line| field(line, "notice").is_none()), "{name}");
    }
}

#[test]
fn a_story_that_is_not_understood_is_not_played_at_all() {
    let setting = r#"{"dialect":"sparkrtc","apps":[{"app_id":"app1","app_key":"k1"}]}"#;
    let created = r#"{"at_ms":0,"who":"a","call":"createClient","args":{"config":{"appId":"app1"}}}"#;
    let wrong = [
        (r#"{"at_ms":1,"who":"a","call":"jion","args":{}}"#, "did you mean \"join\"?"),
        (r#"{"at_ms":1,"who":"b","net":"cut"}"#, "nobody is called \"b\""),
        (r#"{"at_ms":1,"who":"a","host":"thunder"}"#, "thunder"),
        (r#"{"at_ms":1,"who":"a","media":"levle","args":{"level":30}}"#, "there is no media input \"levle\""),
        (r#"{"at_ms":1,"who":"a","media":"estimate","args":{}}"#, "the rate is missing; {\"bps\":1500000} says"),
        (r#"{"at_ms":1,"who":"a","media":"estimate","args":{"bps":-1}}"#, "the rate is -1; "),
        (r#"{"at_ms":1,"who":"a","media":"estimate","args":{"bps":1,"user":"bob"}}"#, "\"user\" has no place in an estimate"),
        (r#"{"at_ms":1,"who":"a","media":"level"}"#, "the level is missing; {\"level\":30} says how loud"),
        (r#"{"at_ms":1,"who":"a","media":"level","args":{"level":128}}"#, "the level is 128; "),
        (r#"{"at_ms":1,"who":"a","media":"level","args":{"level":"30"}}"#, "the level is \"30\"; "),
        (r#"{"at_ms":1,"who":"a","media":"level","args":{"level":30,"user":"bob"}}"#, "\"user\" has no place in a level"),
        (r#"{"at_ms":1,"who":"a","media":"frame","args":{}}"#, "not valid at \"user\": expected a user id"),
        (
            r#"{"at_ms":1,"who":"a","media":"frame","args":{"user":"bob","type":"aux"}}"#,
            "not valid at \"type\": expected \"main\" or \"auxiliary\"",
        ),
        (
            r#"{"at_ms":1,"who":"a","media":"window","args":{"up":{"rtt_ms":-1}}}"#,
            "\"up.rtt_ms\": expected a number of milliseconds, not negative",
        ),
        (r#"{"at_ms":1,"who":"a","media":"window","args":{"left":{}}}"#, "\"left\": expected up or down"),
    ];
    for (line, says) in wrong {
        let error = script::play(&format!("{setting}\n{created}\n{line}\n")).expect_err(line);
        assert_eq!(error.line, 3, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn an_estimate_decides_layers_and_a_notice_says_why() {
    // Given Bob, who watches Alice's camera of two resolutions,
    let opening = [
        r#"{"dialect":"sparkrtc","latency_ms":10,"apps":[{"app_id":"app1","app_key":"k1"}],"start_unix_s":1700000000}"#,
        r#"{"at_ms":0,"who":"a","call":"createClient","args":{"config":{"appId":"app1"}}}"#,
        r#"{"at_ms":0,"who":"b","call":"createClient","args":{"config":{"appId":"app1"}}}"#,
        r#"{"at_ms":0,"who":"a","call":"createStream","args":{"config":{"audio":true,"video":true}},"as":"cam"}"#,
        r#"{"at_ms":0,"who":"a","on":{"local":"cam"},"call":"initialize","args":{}}"#,
        r#"{"at_ms":5,"who":"a","on":{"local":"cam"},"call":"setVideoProfile","args":{"profile":"720p"}}"#,
        r#"{"at_ms":6,"who":"a","on":{"local":"cam"},"call":"addResolution","args":{"profile":"90p_1"}}"#,
        r#"{"at_ms":10,"who":"a","call":"join","args":{"roomId":"r1","options":{"userId":"alice","signature":"auto","ctime":"auto","role":0}}}"#,
        r#"{"at_ms":200,"who":"b","call":"join","args":{"roomId":"r1","options":{"userId":"bob","signature":"auto","ctime":"auto","role":2}}}"#,
        r#"{"at_ms":500,"who":"a","call":"publish","args":{"stream":{"local":"cam"}}}"#,
        r#"{"at_ms":1000,"who":"b","call":"subscribe","args":{"stream":{"user":"alice","type":"main"},"option":{"audio":true,"video":true}}}"#,
    ]
    .join("\n");
    // when the server can send him much, little, next to nothing and much,
    let estimates = [(2000, 10_000_000), (4000, 400_000), (6000, 10_000), (8000, 10_000_000)];
    let steps: Vec<String> =
        estimates.iter().map(|(at, bps)| format!(r#"{{"at_ms":{at},"who":"b","media":"estimate","args":{{"bps":{bps}}}}}"#)).collect();
    let story = format!("{opening}\n{}\n", steps.join("\n"));
    let lines = script::play(&story).expect("it is a story");
    // then he gets the large picture, the small one, none, and the large one, each at once and with a reason.
    let decided: Vec<Value> = lines
        .iter()
        .filter(|line| field(line, "notice") == Some("layer-decided".into()))
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    let at = |line: &Value| line["at_ms"].as_u64().expect("a time");
    assert_eq!(decided.iter().filter(|line| at(line) > 2000).map(at).collect::<Vec<_>>(), [4000, 6000, 8000], "{decided:?}");
    assert!(decided.iter().all(|line| line["who"] == "b" && line["data"]["user"] == "alice" && line["data"]["reason"].is_string()));
    let to: Vec<&Value> = decided.iter().map(|line| &line["data"]["to"]).collect();
    let [.., large, small, none, again] = to[..] else { panic!("{decided:?}") };
    assert!(large == again && large != small && none.is_null() && !small.is_null(), "{decided:?}");
    // The letter of the document knows nothing of it.
    let strict = story.replacen("\"latency_ms\"", "\"strict\":true,\"latency_ms\"", 1);
    let lines = script::play(&strict).expect("it is a story");
    assert!(!lines.is_empty() && lines.iter().all(|line| field(line, "notice").is_none()));
}

fn field(line: &str, key: &str) -> Option<Value> {
    serde_json::from_str::<Value>(line).expect("a line is JSON").get(key).cloned()
}

fn gather(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            gather(&path, found);
        } else {
            found.insert(path);
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/stories")
}
