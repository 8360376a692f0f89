//! `greenroom eval` and `greenroom codes` as a shell sees them: what is asked, what is answered, exit codes, and the pages about both.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use greenroom_sim::eval;
use proptest::prelude::*;
use serde_json::{Value, json};

fn greenroom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ask(input: &[u8]) -> Output {
    let mut program = greenroom(&["eval"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut pipe, input) = (program.stdin.take().unwrap(), input.to_vec());
    // From another thread: both pipes may fill up.
    let writer = thread::spawn(move || pipe.write_all(&input).unwrap());
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it writes UTF-8")
}

fn answers(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/EVAL.md")
}

#[test]
fn the_page_shows_what_the_program_answers() {
    let mut page_text = fs::read_to_string(page()).unwrap();
    let (asked, answered) = ("```json asked\n", "```json answered\n");
    let block = |text: &str, from: usize, mark: &str| -> Option<(usize, usize)> {
        let begin = from + text[from..].find(mark)? + mark.len();
        Some((begin, begin + text[begin..].find("```").expect("a block ends")))
    };
    let (mut at, mut compared) = (0, 0);
    while let Some((begin, end)) = block(&page_text, at, asked) {
        let output = ask(&page_text.as_bytes()[begin..end]);
        let (begin, end) = block(&page_text, end, answered).expect("what is asked is answered");
        let printed = text(&output.stdout);
        if std::env::var_os("GREENROOM_UPDATE").is_some() {
            page_text.replace_range(begin..end, &printed);
        } else {
            assert_eq!(
                &page_text[begin..end],
                printed,
                "docs/EVAL.md is out of date: GREENROOM_UPDATE=1 cargo test -p greenroom-sim --test eval"
            );
        }
        (at, compared) = (begin, compared + 1);
    }
    assert_eq!(compared, eval::kinds().count(), "one example for each kind");
    if std::env::var_os("GREENROOM_UPDATE").is_some() {
        fs::write(page(), page_text).unwrap();
    }
}

#[test]
fn the_page_lists_the_kinds_and_no_other() {
    let page = fs::read_to_string(page()).unwrap();
    let listed: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(listed, eval::kinds().collect::<Vec<_>>());
}

#[test]
fn every_line_is_answered_in_order_and_wrong_ones_say_what_is_wrong() {
    let lines = [
        (r#"{"id":"a","kind":"region","country":"CN"}"#, ""),
        (
            r#"{"id":"b","kind":"region","country":"cn"}"#,
            "country: found \"cn\", expected a country of the table: a country is two capital letters",
        ),
        ("not JSON", "not JSON at column 2: expected ident; expected one object on a line"),
        (r#"{"id":7,"kind":"weather"}"#, "kind: \"weather\" is not offered by this version, which offers code, profile, region"),
        (r#"{"id":8,"kind":"code","vendor":"zoom"}"#, "vendor: found \"zoom\", expected sparkrtc or agora"),
        (
            r#"{"id":9,"kind":"code","vendor":"agora","domain":"client","code":1}"#,
            "domain: found \"client\", expected a table of agora: error, warning",
        ),
        (r#"{"id":10,"kind":"code","vendor":"agora","domain":"error","code":true}"#, "code: found true, expected a whole number or a text"),
        (
            r#"{"id":11,"kind":"code","vendor":"agora","domain":"warning","code":-20}"#,
            "code: found -20, expected a number of up to 32 bits",
        ),
        (
            r#"{"id":12,"kind":"profile","vendor":"agora","profile_kind":"camera","enum_value":3}"#,
            "enum_value: found 3, expected one of the 26 numbers",
        ),
        (
            r#"{"id":13,"kind":"profile","vendor":"agora","profile_kind":"camera","name":"480P","enum_value":46}"#,
            "name and enum_value: found \"480P\" and that of \"480P_7\", expected the same",
        ),
        (r#"{"id":14,"kind":"profile","vendor":"sparkrtc","profile_kind":"microphone","name":"x"}"#, "expected camera, screen or audio"),
        (r#"{"id":15,"kind":"profile","vendor":"sparkrtc","profile_kind":"camera"}"#, "name: found nothing, expected a text"),
        (
            r#"{"id":16,"kind":"agora_time","unix_ts":-1,"expired_ts":0,"now_s":0,"event":"join"}"#,
            "unix_ts: found -1, expected a whole number of 64 bits, not negative",
        ),
        (
            r#"{"id":17,"kind":"agora_time","unix_ts":1,"expired_ts":0,"now_s":0,"event":"leave"}"#,
            "event: found \"leave\", expected join, rejoin",
        ),
        (r#"{"id":19,"kind":"g107_mos","R":"93"}"#, "R: found \"93\", expected a number"),
        (r#"{"id":20,"kind":"g107_full","inputs":{"Tb":1}}"#, "inputs.Tb: found 1, expected one of SLR, RLR"),
        (r#"{"id":21,"kind":"g107_full","inputs":{"Ta":"1"}}"#, "inputs.Ta: found \"1\", expected a number from 0 to 500"),
        (r#"{"id":22,"kind":"g107_full","inputs":{"qdu":-1}}"#, "inputs: found values that have no rating, expected qdu from 1 to 14"),
        (r#"{"id":23,"kind":"emodel_simplified","one_way_ms":-1}"#, "one_way_ms: found -1, expected a number, not negative"),
        (r#"{"id":24,"kind":"g107_2_fb","Ie_fb":7,"loss_pct":3}"#, "Bpl_fb: found nothing, expected a number"),
        (r#"{"id":25,"kind":"g107_1_wb","Ie_wb":7,"loss_pct":101}"#, "loss_pct: found 101, expected a number of per cent, 0 to 100"),
        (
            r#"{"id":26,"kind":"design_instant","window":{"rtt_ms":-1}}"#,
            "window.rtt_ms: found -1, expected a number of milliseconds, not negative",
        ),
        (r#"{"id":27,"kind":"design_instant","window":{"no_data":true}}"#, "window: found one without a measurement"),
        (
            r#"{"id":28,"kind":"design_sequence","windows":[{},{"loss_pct":"x"}]}"#,
            "windows[1].loss_pct: found \"x\", expected a number of per cent",
        ),
        (r#"{"id":29,"kind":"design_sequence","windows":[3]}"#, "windows[0]: found 3, expected an object"),
        (r#"{"id":30,"kind":"design_sequence","windows":[],"window_s":0}"#, "window_s: found 0, expected a number of seconds, more than 0"),
        (r#"{"id":18,"kind":"region","country":"DE","later":{"versions":"may add fields"},"lenient":null}"#, ""),
    ];
    let input = lines.map(|(line, _)| line).join("\n\n");
    let output = ask(input.as_bytes());
    let answers = answers(&output);
    assert_eq!(answers.len(), lines.len(), "blank lines have no answer");
    for ((line, words), answer) in lines.iter().zip(&answers) {
        let asked: Value = serde_json::from_str(line).unwrap_or_default();
        assert_eq!(answer["id"], asked["id"], "{line}");
        match answer["error"].as_str() {
            Some(error) => assert!(!words.is_empty() && error.contains(words), "{line}\n{error}"),
            None => assert_eq!(*words, "", "{answer}"),
        }
    }
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "greenroom: 25 of 27 lines could not be used; their answers say why\n");
}

#[test]
fn good_lines_end_well_and_quietly() {
    for input in [&b""[..], b"\n\n", b"{\"kind\":\"region\",\"country\":\"US\"}"] {
        let output = ask(input);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    }
}

#[cfg(unix)]
#[test]
fn input_that_cannot_be_read_is_wrong_usage() {
    let output = greenroom(&["eval"]).stdin(File::open(env!("CARGO_MANIFEST_DIR")).unwrap()).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    assert!(text(&output.stderr).starts_with("greenroom: cannot read standard input: "), "{}", text(&output.stderr));
}

#[test]
fn an_answer_comes_before_the_next_question() {
    use std::io::{BufRead as _, BufReader};
    let mut program = greenroom(&["eval"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut questions, mut answers) = (program.stdin.take().unwrap(), BufReader::new(program.stdout.take().unwrap()));
    for country in ["SG", "FR"] {
        writeln!(questions, r#"{{"kind":"region","country":"{country}"}}"#).unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(line.contains("DR"), "{line}");
    }
    drop(questions);
    assert_eq!(program.wait().unwrap().code(), Some(0));
}

// R-257
#[test]
fn what_a_secret_field_holds_is_never_shown() {
    for field in ["app_key", "signature", "app_certificate", "key"] {
        for kind in ["huawei_sign", "huawei_verify", "agora_key", "agora_parse_verify"] {
            for secret in [json!(["s3cret"]), json!({"s3cret": 1}), json!("s3cret"), json!("s3cret".repeat(9))] {
                let mut case = json!({
                    "kind": kind, "app_key": "k", "app_id": "a", "room_id": "r", "user_id": "u", "ctime": "1", "signature": "s", "now_s": 1,
                    "version": "005", "app_certificate": "c", "channel": "c", "unix_ts": 1, "random": 1, "uid": 1, "expired_ts": 1, "key": "k",
                });
                case[field] = secret;
                let reply = serde_json::to_string(&eval::answer(case.to_string().as_bytes())).unwrap();
                assert!(!reply.contains("s3cret"), "{kind}, {field}: {reply}");
            }
        }
    }
}

/// Values of every sort, for fields that expect some.
fn values() -> impl Strategy<Value = Value> {
    let words = [
        "sparkrtc",
        "agora",
        "client",
        "server",
        "error",
        "reason_string",
        "camera",
        "480P",
        "RTC.1",
        "001",
        "005",
        "ACS",
        "join",
        "CN",
        "é",
        "",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,80}".prop_map(Value::from),
        "[0-9a-f]{0,110}".prop_map(Value::from),
        proptest::sample::select(words.to_vec()).prop_map(Value::from),
        Just(json!([1])),
        Just(json!({"a": 1})),
        Just(
            json!([{"id": "a", "source": "screen", "priority": -1, "max_height": 720, "layers": [{"id": "l", "height": 720, "fps": 30, "bps": 9_007_199_254_740_991_u64}]}])
        ),
        Just(json!({"Ta": 1e300, "T": -1e300})),
        Just(json!([{}, {"loss_pct": 1e300, "rtt_ms": 1e300, "target_bps": 1e300, "freeze_ms": 1e300}])),
    ]
}

proptest! {
    #[test]
    fn whatever_is_asked_there_is_one_answer(
        kind in proptest::sample::select(eval::kinds().collect::<Vec<_>>()),
        fields in proptest::collection::btree_map(proptest::sample::select(vec![
            "vendor", "domain", "code", "profile_kind", "name", "enum_value", "country", "app_key", "app_id", "room_id", "user_id", "ctime", "signature", "now_s",
            "version", "service", "app_certificate", "channel", "unix_ts", "random", "uid", "expired_ts", "key", "event", "budget_bps", "budgets_bps", "streams", "R",
            "inputs", "one_way_ms", "loss_pct", "Ie", "Bpl", "Ie_wb", "Bpl_wb", "Ie_fb", "Bpl_fb", "A", "window", "windows", "window_s", "link", "seed", "packets",
        ]), values(), 0..24),
    ) {
        let mut case: serde_json::Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        case.insert("kind".into(), kind.into());
        case.insert("id".into(), json!([kind]));
        let reply = serde_json::to_string(&eval::answer(Value::Object(case).to_string().as_bytes())).unwrap();
        let reply: Value = serde_json::from_str(&reply).expect("a reply is JSON");
        prop_assert_eq!(&reply["id"], &json!([kind]));
        prop_assert!(reply.as_object().is_some_and(|reply| reply.len() > 1));
    }

    #[test]
    fn whatever_the_line_there_is_one_answer(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let reply = serde_json::to_string(&eval::answer(&line)).unwrap();
        prop_assert!(!reply.contains('\n'));
    }
}

#[test]
fn codes_are_tables_that_people_can_read() {
    let output = greenroom(&["codes"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let tables = text(&output.stdout);
    for line in [
        "greenroom code · what rooms and sessions answer, ",
        "2001  ROOM_FULL",
        "sparkrtc client · what the SDK reports, 43 codes",
        "RTC.34000001  resource_exhausted  backoff    user         room full",
        "agora warning · what the application may ignore, 12 codes",
        "network probe; not shown to UI nor exposed (stays inside)",
        "CLOSE_BEFORE_OPEN  ",
    ] {
        assert!(tables.lines().any(|row| row.starts_with(line) || row.ends_with(line)), "{line:?} is not in\n{tables}");
    }
    assert!(tables.lines().all(|line| line.trim_end() == line));
}

#[test]
fn codes_as_json_are_one_array_and_every_row_can_be_asked() {
    let rows = |arguments: &[&str]| -> Vec<Value> {
        let output = greenroom(&[&["codes", "--json"], arguments].concat()).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        serde_json::from_slice(&output.stdout).expect("one array and nothing else")
    };
    let of = |vendor| rows(&["--vendor", vendor]);
    let (ours, sparkrtc, agora) = (of("greenroom"), of("sparkrtc"), of("agora"));
    assert_eq!(rows(&[]), [&ours[..], &sparkrtc, &agora].concat());
    assert!(ours.iter().all(|row| row["vendor"] == "greenroom"));
    assert_eq!(ours.len(), greenroom_core::code::Code::ALL.len());
    for row in sparkrtc.iter().chain(&agora) {
        let case = json!({"kind": "code", "vendor": row["vendor"], "domain": row["domain"], "code": row["code"]});
        let reply = serde_json::to_value(eval::answer(case.to_string().as_bytes())).unwrap();
        assert_eq!(reply["code"], row["printed"]);
        for field in ["symbol", "message", "meaning", "kind", "retry", "fault", "internal_only"] {
            assert_eq!(reply[field], row[field], "{case}");
        }
    }
}

#[test]
fn codes_of_somebody_else_are_wrong_usage() {
    let output = greenroom(&["codes", "--vendor", "zoom"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    for word in ["zoom", "greenroom", "sparkrtc", "agora"] {
        assert!(text(&output.stderr).contains(word), "{}", text(&output.stderr));
    }
}

/// The kinds of `core/tests/data/quality.json` that are asked here, and how many cases of each there are. The others restate the scores of other products.
const QUALITY_CASES: [(&str, usize); 7] = [
    ("g107_mos", 14),
    ("g107_full", 6),
    ("emodel_simplified", 8),
    ("g107_1_wb", 4),
    ("g107_2_fb", 3),
    ("design_instant", 15),
    ("design_sequence", 5),
];

// R-165 R-166
#[test]
fn published_cases_of_quality_are_met() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/quality.json");
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 91);
    for (kind, count) in QUALITY_CASES {
        let of_kind: Vec<&Value> = cases.iter().filter(|case| case["kind"] == kind).collect();
        assert_eq!(of_kind.len(), count, "{kind}");
        for case in of_kind {
            let answer = serde_json::to_value(eval::answer(case.to_string().as_bytes())).unwrap();
            // Twice the tolerance where it is no more than the rounding of six printed digits.
            let tolerance = case["tol"].as_f64().unwrap_or(1e-9) + 5e-7;
            let expected = ["R", "mos", "Id", "Ie_eff", "R_wb", "R_fb", "score", "level", "levels", "events", "parts"];
            let asked = if kind == "g107_mos" { "R" } else { "" };
            for field in expected.into_iter().filter(|field| !case[*field].is_null() && *field != asked) {
                assert!(
                    alike(&answer[field], &case[field], tolerance),
                    "{}: {field} is {}, expected {}",
                    case["id"],
                    answer[field],
                    case[field]
                );
            }
        }
    }
}

fn alike(one: &Value, other: &Value, tolerance: f64) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => (one.as_f64().unwrap() - other.as_f64().unwrap()).abs() <= tolerance,
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(name, value)| alike(value, &other[name], tolerance))
        }
        _ => one == other,
    }
}

/// The reply about these packets on this link.
fn on_link(link: Value, packets: Value) -> Value {
    let case = json!({"id": 1, "kind": "link", "seed": 7, "link": link, "packets": packets});
    serde_json::to_value(eval::answer(case.to_string().as_bytes())).unwrap()
}

#[test]
fn a_link_answers_what_theory_says() {
    let arrivals = |link: Value, packets: Value| on_link(link, packets)["arrivals"].clone();
    let burst = json!([[0, 1250], [0, 1250], [0, 1250]]);
    let mbps = json!({"rate_bps": 1e6, "delay_ns": 50_000_000});
    assert_eq!(arrivals(mbps, burst.clone()), json!([[0, 60_000_000], [1, 70_000_000], [2, 80_000_000]]));
    assert_eq!(arrivals(json!({"rate_bps": 1000, "overhead_bytes": 125}), json!([[0, 125]])), json!([[0, 2_000_000_000]]));
    let steps = json!([[0, 0], [500_000_000, 10_000], [510_000_000, 0], [610_000_000, 10_000]]);
    assert_eq!(arrivals(json!({"rate_steps": steps}), json!([[0, 125]])), json!([[0, 700_000_000]]));
    assert_eq!(arrivals(json!({"rate_steps": [[0, 1000], [1000, null]]}), json!([[0, 125]])), json!([[0, 1000]]));
    assert_eq!(
        arrivals(json!({"mahimahi": [10, 10, 25]}), json!([[0, 1500], [0, 1500], [0, 1500], [0, 1500]])),
        json!([[0, 10_000_000], [1, 10_000_000], [2, 25_000_000], [3, 35_000_000]])
    );
    assert_eq!(
        arrivals(json!({"shaper": {"rate_bps": 1_000_000, "burst_bytes": 2500}}), burst.clone()),
        json!([[0, 0], [1, 0], [2, 10_000_000]])
    );
    assert_eq!(arrivals(json!({"hold": [[0, 9]]}), json!([[0, 1], [8, 1], [9, 1]])), json!([[0, 9], [1, 9], [2, 9]]));
    assert_eq!(arrivals(json!({"duplicate": 1}), json!([[5, 1]])), json!([[0, 5], [0, 5]]));
    assert_eq!(
        arrivals(json!({"delay_ns": 5, "jitter": {"kind": "uniform", "min_ns": -5, "max_ns": -5}}), json!([[0, 1]])),
        json!([[0, 0]])
    );
    assert_eq!(arrivals(json!({}), json!([])), json!([]));

    let reply = on_link(json!({"policer": {"rate_bps": 1000, "burst_bytes": 1250}}), burst.clone());
    assert_eq!((reply["arrivals"].clone(), reply["dropped"].clone()), (json!([[0, 0]]), json!([[1, "queue"], [2, "queue"]])));
    assert_eq!(on_link(json!({"loss": {"kind": "iid", "p": 1}}), json!([[0, 1]]))["dropped"], json!([[0, "loss"]]));
    let reply = on_link(json!({"rate_steps": [[0, 1_000_000], [15_000_000, 0]]}), burst);
    assert_eq!(reply, json!({"id": 1, "arrivals": [[0, 10_000_000]], "dropped": [], "never": [1, 2]}));
}

#[test]
fn codel_and_flows_can_be_asked() {
    let packets: Vec<Value> = (0..3000).map(|n| json!([n * 500_000, 1250])).collect();
    let reply = on_link(json!({"rate_bps": 10_000_000, "queue": {"kind": "codel"}}), packets.into());
    let dropped = reply["dropped"].as_array().unwrap();
    assert!(dropped.iter().all(|drop| drop[1] == "aqm") && dropped.len() > 20, "{dropped:?}");
    assert_eq!(reply["arrivals"].as_array().unwrap().len() + dropped.len(), 3000);

    // A small flow that comes last is served after one packet of the large one.
    let packets = json!([[0, 1500, 1], [0, 1500, 1], [0, 1500, 1], [0, 200, 2]]);
    let reply = on_link(json!({"rate_bps": 12_000_000, "queue": {"kind": "fq_codel", "flows": 8}}), packets);
    let order: Vec<u64> = reply["arrivals"].as_array().unwrap().iter().map(|arrival| arrival[0].as_u64().unwrap()).collect();
    assert_eq!(order, [0, 1, 3, 2]);
}

#[test]
fn what_a_link_cannot_be_is_named_by_its_field() {
    let packet = || json!([[0, 1]]);
    for (link, packets, said) in [
        (json!(3), packet(), "link: found 3, expected an object that describes a link"),
        (json!(null), packet(), "link: found nothing, expected an object that describes a link"),
        (json!({"rate_bps": 0}), packet(), "link.rate_bps: found 0, expected a whole number from 1 to 18446744073709551615"),
        (json!({"rate_bps": -1}), packet(), "link.rate_bps: found -1, expected a whole number from 1 to 18446744073709551615"),
        (json!({"rate_bps": 1e30}), packet(), "link.rate_bps: found 1e+30, expected a whole number from 1 to 18446744073709551615"),
        (json!({"rate_bps": 1, "mahimahi": [1]}), packet(), "link.mahimahi: found an array, expected none beside link.rate_bps"),
        (json!({"rate_steps": [[5, 1]]}), packet(), "link.rate_steps: found an array, expected a first step at 0"),
        (
            json!({"rate_steps": [[0, 1], [0, 2]]}),
            packet(),
            "link.rate_steps[1][0]: found 0, expected a time later than that of the step before",
        ),
        (json!({"rate_steps": [[0]]}), packet(), "link.rate_steps[0]: found an array, expected [t_ns, bps]"),
        (json!({"mahimahi": [3, 2]}), packet(), "link.mahimahi: line 2: 2 comes after 3; expected times that never fall"),
        (
            json!({"delay_ns": u64::MAX}),
            packet(),
            "link.delay_ns: found 18446744073709551615, expected a whole number from 0 to 9223372036854775807",
        ),
        (json!({"queue": {"kind": "red"}}), packet(), "link.queue.kind: found \"red\", expected droptail, codel, fq_codel or infinite"),
        (
            json!({"queue": {"kind": "droptail", "limit_ns": 1, "limit_bytes": 1}}),
            packet(),
            "link.queue.limit_ns: found 1, expected none beside link.queue.limit_bytes",
        ),
        (
            json!({"queue": {"kind": "fq_codel", "flows": 0}}),
            packet(),
            "link.queue.flows: found 0, expected a whole number from 1 to 65536",
        ),
        (
            json!({"jitter": {"kind": "uniform", "min_ns": 2, "max_ns": 1}}),
            packet(),
            "link.jitter.max_ns: found 1, expected at least min_ns, 2",
        ),
        (
            json!({"jitter": {"kind": "normal", "std_ns": 2}}),
            packet(),
            "link.jitter.clip_ns: found nothing, expected a whole number from 0 to 9223372036854775807",
        ),
        (json!({"loss": {"kind": "iid", "p": 1.5}}), packet(), "link.loss.p: found 1.5, expected a number from 0 to 1"),
        (json!({"loss": {"kind": "gilbert", "p": 0.5}}), packet(), "link.loss.r: found nothing, expected a number from 0 to 1"),
        (
            json!({"loss": {"kind": "four_state", "p13": 0.6, "p31": 0, "p32": 0, "p23": 0, "p14": 0.6}}),
            packet(),
            "link.loss: p13 and p14 are together above 1; they are two ways out of one state",
        ),
        (
            json!({"shaper": {"rate_bps": 1}}),
            packet(),
            "link.shaper.burst_bytes: found nothing, expected a whole number from 1 to 4294967295",
        ),
        (json!({"hold": [[2, 1]]}), packet(), "link.hold[0][1]: found 1, expected a time not before 2, where the hold begins"),
        (json!({}), json!({}), "packets: found an object, expected an array of packets, each [t_ns, bytes] or [t_ns, bytes, flow]"),
        (
            json!({}),
            json!([[5, 1], [4, 1]]),
            "packets[1][0]: found 4, expected a time not before that of the packet before, 5: packets are in order of time",
        ),
        (json!({}), json!([[5, 1, 2, 3]]), "packets[0]: found an array, expected [t_ns, bytes] or [t_ns, bytes, flow]"),
        (json!({}), json!([[5, 4_294_967_296_u64]]), "packets[0][1]: found 4294967296, expected a whole number from 0 to 4294967295"),
    ] {
        let reply = on_link(link.clone(), packets);
        assert_eq!(reply, json!({"id": 1, "error": said}), "{link}");
    }
}

// Times and sizes at the edge of what can be told: nothing panics, and what cannot arrive in time never does.
#[test]
fn the_largest_numbers_there_are_have_answers() {
    let edge = i64::MAX;
    let packets = json!([[0, u32::MAX], [edge, u32::MAX, u32::MAX], [edge, 0]]);
    for link in [
        json!({"rate_bps": 1, "delay_ns": edge}),
        json!({"rate_bps": u64::MAX, "delay_ns": edge, "jitter": {"kind": "normal", "std_ns": edge, "clip_ns": edge}}),
        json!({"rate_bps": 1, "queue": {"kind": "codel", "target_ns": edge, "interval_ns": edge, "limit_ns": edge}, "overhead_bytes": u32::MAX}),
        json!({"mahimahi": [u32::MAX], "queue": {"kind": "fq_codel", "quantum_bytes": u32::MAX, "limit_bytes": u64::MAX}}),
        json!({"mahimahi": [1], "shaper": {"rate_bps": u64::MAX, "burst_bytes": u32::MAX}, "hold": [[0, edge]]}),
        json!({"jitter": {"kind": "uniform", "min_ns": i64::MIN, "max_ns": edge, "reorder": true}, "policer": {"rate_bps": 1, "burst_bytes": u32::MAX}}),
        json!({"rate_steps": [[0, 0], [edge, u64::MAX]]}),
    ] {
        let reply = on_link(link.clone(), packets.clone());
        assert!(reply["error"].is_null(), "{link}: {reply}");
        let of = |name: &str| reply[name].as_array().map_or(0, Vec::len);
        assert_eq!(of("arrivals") + of("dropped") + of("never"), 3, "{link}: {reply}");
    }
}
