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
        (r#"{"id":7,"kind":"link"}"#, "kind: \"link\" is not offered by this version, which offers code, profile, region"),
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
    assert_eq!(text(&output.stderr), "greenroom: 13 of 15 lines could not be used; their answers say why\n");
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
    ]
}

proptest! {
    #[test]
    fn whatever_is_asked_there_is_one_answer(
        kind in proptest::sample::select(eval::kinds().collect::<Vec<_>>()),
        fields in proptest::collection::btree_map(proptest::sample::select(vec![
            "vendor", "domain", "code", "profile_kind", "name", "enum_value", "country", "app_key", "app_id", "room_id", "user_id", "ctime", "signature", "now_s",
            "version", "service", "app_certificate", "channel", "unix_ts", "random", "uid", "expired_ts", "key", "event", "budget_bps", "budgets_bps", "streams",
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
