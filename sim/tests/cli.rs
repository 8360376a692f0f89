//! The program as a shell sees it: exit codes, what is said where, and what is left behind.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// A directory that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("greenroom-cli-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

const CALL: &str = r#"
title = "A short call"
duration = "3 s"

[link.dsl]
delay = "20 ms"
rate = "2 Mbps"

[[user]]
id = "ada"
role = "joiner"
link = "dsl"
publish = true

[[user]]
id = "ben"
role = "player"
link = "dsl"
join = "300 ms"

[[event]]
at = "2 s"
user = "ada"
do = "mute"
video = true
"#;

/// Runs the program in `scratch`.
fn greenroom(scratch: &Scratch, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenroom")).args(arguments).current_dir(&scratch.0).output().unwrap()
}

/// Runs the scenario in `text` the short way, with more arguments.
fn run(scratch: &Scratch, text: &str, arguments: &[&str]) -> Output {
    scratch.write("call.toml", text);
    greenroom(scratch, &[&["run", "call.toml", "--engine", "direct", "--media", "model"], arguments].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it writes UTF-8")
}

/// It ended with that code, and said nothing anywhere but, on standard error, these words.
#[track_caller]
fn assert_refused(output: &Output, words: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(text(&output.stdout), "");
    for word in words {
        assert!(error.contains(word), "{word:?} is not said in\n{error}");
    }
    assert!(!error.contains("panicked"), "{error}");
    let messages = error.lines().filter(|line| line.starts_with("greenroom: ") || line.starts_with("error: ")).count();
    assert_eq!(messages, 1, "one message\n{error}");
}

#[test]
fn a_wrong_scenario_is_refused_where_it_is_wrong() {
    let scratch = Scratch::new();
    let wrong = [
        ("[link.dsl]", "[link.dsl]\ndealy = \"1 s\"", &["call.toml:6:1", "link.dsl.dealy", "did you mean \"delay\""][..]),
        ("2 Mbps", "-2 Mbps", &["call.toml:7:8", "link.dsl.rate", "-2 Mbps"]),
        ("user = \"ada\"", "user = \"adda\"", &["call.toml:23:8", "event.0.user", "no user is called \"adda\"", "ada"]),
        ("title", "title title", &["call.toml:2:7", "not TOML"]),
        ("20 ms", "1 ms", &["link.dsl.delay", "at least 3 ms"]),
    ];
    for (right, instead, words) in wrong {
        let output = run(&scratch, &CALL.replacen(right, instead, 1), &[]);
        assert_refused(&output, words);
    }
    let nobody = CALL.split("[[user]]").next().unwrap();
    assert_refused(&run(&scratch, nobody, &[]), &["nobody takes part"]);
    assert_refused(&run(&scratch, "", &[]), &["call.toml"]);
    assert!(!scratch.0.join("out").exists(), "what does not run leaves nothing behind");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    assert_refused(&greenroom(&scratch, &["run", "missing.toml"]), &["missing.toml", "No such file"]);
    assert_refused(&greenroom(&scratch, &["run", "."]), &["directory"]);
    fs::write(scratch.0.join("binary.toml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_refused(&greenroom(&scratch, &["run", "binary.toml"]), &["binary.toml", "UTF-8"]);
}

#[test]
fn wrong_arguments_are_refused() {
    let scratch = Scratch::new();
    scratch.write("call.toml", CALL);
    for (arguments, words) in [
        (&["--engine", "warp"][..], &["warp", "turmoil or direct"][..]),
        (&["--media", "vhs"], &["vhs", "webrtc-null"]),
        (&["--seed", "-1"], &["--seed", "-1"]),
        (&["--seed", "many"], &["--seed", "many"]),
        (&["--seed", "18446744073709551616"], &["--seed"]),
        (&["--set", "nonsense"], &["nonsense"]),
        (&["--set", "=1"], &["=1"]),
        (&["--set", "link.dls.rate=1 Mbps"], &["link.dls.rate=1 Mbps", "dls", "dsl"]),
        (&["--set", "link.dsl.rate=fast"], &["fast"]),
        (&["--set", "user.zoe.role=player"], &["zoe"]),
        (&["--frobnicate"], &["--frobnicate"]),
    ] {
        let output = greenroom(&scratch, &[&["run", "call.toml"], arguments].concat());
        assert_refused(&output, words);
    }
    assert_refused(&greenroom(&scratch, &["run"]), &["SCENARIO"]);
    assert_refused(&greenroom(&scratch, &["rnu"]), &["rnu"]);
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_the_run() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    assert_refused(&run(&scratch, CALL, &["--out", "file/below"]), &["cannot write", "file/below"]);
    assert_refused(&run(&scratch, CALL, &["--out", "file"]), &["cannot write", "file"]);
    // What stands in the way of one of the four files is found as well.
    fs::create_dir_all(scratch.0.join("taken/metrics.csv")).unwrap();
    let hours = CALL.replace("duration = \"3 s\"", "duration = \"2880 min\"");
    assert_refused(&run(&scratch, &hours, &["--out", "taken"]), &["cannot write", "metrics.csv"]);
}

#[test]
fn a_run_leaves_four_files_and_a_table() {
    let scratch = Scratch::new();
    let output = run(&scratch, CALL, &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "", "no progress where nobody looks");
    let table = text(&output.stdout);
    for word in ["A short call", "viewer", "ben", "ada/main", "ok     liveness", "out/call/report.html", "direct, model, seed 1"] {
        assert!(table.contains(word), "{word:?} is not in\n{table}");
    }
    let mut files: Vec<_> = fs::read_dir(scratch.0.join("out/call")).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["events.jsonl", "metrics.csv", "report.html", "statistics.csv", "summary.json"]);
    for file in files {
        assert!(fs::metadata(scratch.0.join("out/call").join(&file)).unwrap().len() > 0, "{file:?} is empty");
    }
}

#[test]
fn a_second_run_takes_the_place_of_the_first() {
    let scratch = Scratch::new();
    run(&scratch, CALL, &["--quiet", "--out", "here"]);
    let first = fs::read(scratch.0.join("here/metrics.csv")).unwrap();
    run(&scratch, &CALL.replace("3 s", "1 s").replace("2 s", "900 ms"), &["--quiet", "--out", "here"]);
    let second = fs::read(scratch.0.join("here/metrics.csv")).unwrap();
    assert!(second.len() < first.len() && first.starts_with(&second[..200]), "nothing of the longer one is left");
}

#[test]
fn json_is_the_summary_and_nothing_else() {
    let scratch = Scratch::new();
    let output = run(&scratch, CALL, &["--json", "--seed", "5"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.stdout, fs::read(scratch.0.join("out/call/summary.json")).unwrap());
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["seed"], &summary["scenario"]), (&5.into(), &"call".into()));
}

#[test]
fn another_servers_rule_is_not_held_to_our_promise() {
    let scratch = Scratch::new();
    let printed = |policy: &str| {
        let run = run(&scratch, CALL, &["--set", &format!("sfu.policy={policy}")]);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        text(&run.stdout)
    };
    assert!(printed("jvb").contains("not promised by jvb"));
    assert!(printed("chain").contains(" decisions and "));
}

#[test]
fn quiet_is_silent() {
    let scratch = Scratch::new();
    let output = run(&scratch, CALL, &["--quiet"]);
    assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(0), String::new(), String::new()));
    let output = run(&scratch, CALL, &["--quiet", "--verify"]);
    assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(0), String::new(), String::new()));
}

#[test]
fn verify_runs_again_and_says_so() {
    let scratch = Scratch::new();
    scratch.write("call.toml", CALL);
    for (engine, media) in [("direct", "webrtc"), ("turmoil", "webrtc-null")] {
        let verify = ["run", "call.toml", "--engine", engine, "--media", media, "--verify"];
        let output = greenroom(&scratch, &verify);
        assert_eq!(output.status.code(), Some(0), "{engine}, {media}");
        assert!(text(&output.stdout).ends_with("the second run was the same, datagram by datagram\n"), "{engine}, {media}");
        let json = greenroom(&scratch, &[&verify[..], &["--json"]].concat());
        assert_eq!(json.status.code(), Some(0), "{engine}, {media}");
        let _summary: Value = serde_json::from_slice(&json.stdout).expect("and nothing besides");
    }
}

#[test]
fn overrides_change_the_run() {
    let scratch = Scratch::new();
    let rate = |set: &[&str]| -> Value {
        let output = run(&scratch, CALL, &[&["--json"], set].concat());
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["viewers"][0]["capacity_bps_mean"].clone()
    };
    assert_eq!(rate(&[]), 2_000_000);
    assert_eq!(rate(&["--set", "link.dsl.down.rate=1 Mbps"]), 1_000_000);
    assert_eq!(rate(&["--set", "link.dsl.rate=\"1 Mbps\"", "--set", "link.dsl.down.rate=\"3 Mbps\""]), 3_000_000);
}

/// 300 bps carry no voice: the viewer hears nothing, and that is no fault of the program's but it is told.
#[test]
fn a_failed_check_is_exit_code_one_and_told_in_every_mode() {
    let scratch = Scratch::new();
    let thin = CALL.replace("duration = \"3 s\"", "duration = \"20 s\"").replace("2 Mbps", "300 bps");
    let told = |output: &Output| {
        assert_eq!(output.status.code(), Some(1));
        let error = text(&output.stderr);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with("greenroom: check liveness failed: at 1") && error.contains("ben: nothing of ada/main came"), "{error}");
    };
    let plain = run(&scratch, &thin, &[]);
    told(&plain);
    assert!(text(&plain.stdout).contains("FAILED liveness"));
    let json = run(&scratch, &thin, &["--json"]);
    told(&json);
    let summary: Value = serde_json::from_slice(&json.stdout).unwrap();
    let failed: Vec<&Value> = summary["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["name"], "liveness");
    let quiet = run(&scratch, &thin, &["--quiet", "--verify"]);
    told(&quiet);
    assert!(quiet.stdout.is_empty());
    let checks = summary["checks"].as_array().unwrap().len();
    let report = fs::read_to_string(scratch.0.join("out/call/report.html")).unwrap();
    assert!(report.contains(&format!("1 of {checks} checks failed")));
}

#[test]
fn the_schema_is_json() {
    let scratch = Scratch::new();
    let output = greenroom(&scratch, &["schema"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["title"], "greenroom scenario");
    assert!(schema["properties"]["link"].is_object());
    assert!(output.stdout.ends_with(b"}\n"));
}

#[test]
fn help_and_version_go_to_standard_output() {
    let scratch = Scratch::new();
    for (argument, word) in [("--help", "run"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = greenroom(&scratch, &[argument]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
        assert!(text(&output.stdout).contains(word));
    }
    let help = text(&greenroom(&scratch, &["run", "--help"]).stdout);
    for option in ["--seed", "--engine", "--media", "--set", "--out", "--verify", "--json", "--quiet"] {
        assert!(help.contains(option), "{option} is not explained");
    }
}

/// `greenroom schema | head -c 1`: whoever has seen enough closes the pipe.
#[test]
fn a_reader_who_has_seen_enough_does_no_harm() {
    let scratch = Scratch::new();
    scratch.write("call.toml", CALL);
    let run = ["run", "call.toml", "--engine", "direct", "--media", "model"];
    for (arguments, code) in [(&["schema"][..], 0), (&["--help"], 0), (&run, 0), (&[&run[..], &["--json"]].concat(), 0)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .args(arguments)
            .current_dir(&scratch.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(code), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_scenario_may_stand_anywhere_and_be_called_anything() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.0.join("my scenarios")).unwrap();
    let path = scratch.write("my scenarios/ein anruf.v2.toml", CALL);
    let output = greenroom(&scratch, &["run", path.to_str().unwrap(), "--engine", "direct", "--media", "model", "--quiet"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(Path::new(&scratch.0).join("out/ein anruf.v2/summary.json").exists());
}

#[test]
fn a_sweep_tells_what_held_on_how_many_seeds() {
    let scratch = Scratch::new();
    let call = scratch.write("call.toml", CALL);
    let sweep = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_greenroom")).arg("sweep").arg(&call).args(arguments).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, table, complaints) = sweep(&["--seeds", "0..3", "--jobs", "2"]);
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    assert!(table.starts_with("call, model media, seeds 0..3\n") && table.contains("liveness"), "{table}");
    assert!(table.ends_with("6 of 6 runs passed; engines differ on 0 seeds\n"), "{table}");

    // The same runs, whatever the number of jobs.
    let (_, one, _) = sweep(&["--seeds", "0..3", "--jobs", "1", "--json"]);
    let (_, four, _) = sweep(&["--seeds", "0..3", "--jobs", "4", "--json"]);
    assert_eq!(one, four);
    let runs: Vec<Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs.len(), 6);
    assert!(runs.iter().all(|run| run["ok"] == true && run["trace_hash"].as_str().is_some_and(|hash| hash.len() == 16)));
    assert_eq!(runs[0]["trace_hash"], runs[1]["trace_hash"], "both engines");
    assert_ne!(runs[0]["trace_hash"], runs[2]["trace_hash"], "another seed");

    let (code, _, complaints) = sweep(&["--seeds", "3..3"]);
    assert_eq!(code, Some(2));
    assert!(complaints.contains("expected a range that is not empty, such as 0..200"), "{complaints}");
}

/// A scenario that asks for a fault which hits nothing.
#[test]
fn a_sweep_with_a_failed_check_says_which_seed_and_ends_with_1() {
    let scratch = Scratch::new();
    let call = scratch.write(
        "call.toml",
        &format!("{CALL}\n[[event]]\nat = \"2500 ms\"\nhost = \"ben\"\ndo = \"hold\"\ndirection = \"up\"\nfor = \"1 us\"\n"),
    );
    let output = Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .arg("sweep")
        .arg(&call)
        .args(["--seeds", "7..8", "--engine", "direct"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaints.contains("direct, seed 7: check faults-struck failed: at 2.500 s, ben: the hold that the scenario asks for hit nothing"),
        "{complaints}"
    );
}

/// Reads a pcapng file block by block, as little as is needed: type and body of each.
fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut blocks, mut at) = (Vec::new(), 0);
    while at < file.len() {
        let length = word(at + 4) as usize;
        assert_eq!((length % 4, word(at + length - 4) as usize), (0, length), "both lengths of a block, at {at}");
        blocks.push((word(at), &file[at + 8..at + length - 4]));
        at += length;
    }
    blocks
}

#[test]
fn a_capture_holds_every_datagram_in_virtual_time() {
    let scratch = Scratch::new();
    let call = scratch.write("call.toml", &CALL.replace("delay = \"20 ms\"", "delay = \"20 ms\"\nloss = \"5 %\""));
    let (pcap, out) = (scratch.0.join("call.pcapng"), scratch.0.join("out"));
    let run = |media: &str| {
        let arguments =
            ["--engine", "direct", "--media", media, "--json", "--out", out.to_str().unwrap(), "--pcap", pcap.to_str().unwrap()];
        let output = Command::new(env!("CARGO_BIN_EXE_greenroom")).arg("run").arg(&call).args(arguments).output().unwrap();
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["datagrams"].as_u64().unwrap()
    };
    let datagrams = run("model");
    let file = fs::read(&pcap).unwrap();
    let blocks = blocks(&file);
    assert_eq!(blocks.iter().filter(|(kind, _)| *kind == 0x0A0D_0D0A).count(), 1);
    assert_eq!(blocks.iter().filter(|(kind, _)| *kind == 1).count(), 4, "an interface for each direction of two links");
    let packets: Vec<&[u8]> = blocks.iter().filter(|(kind, _)| *kind == 6).map(|(_, body)| *body).collect();
    assert_eq!(packets.len() as u64, datagrams);
    let word = |packet: &[u8], at: usize| u32::from_le_bytes(packet[at..at + 4].try_into().unwrap());
    let times: Vec<u64> = packets.iter().map(|packet| u64::from(word(packet, 4)) << 32 | u64::from(word(packet, 8))).collect();
    assert!(
        times.is_sorted() && times.last().is_some_and(|last| (2_900_000_000..3_000_000_000).contains(last)),
        "nanoseconds of three seconds"
    );
    for packet in &packets {
        let (captured, original) = (word(packet, 12) as usize, word(packet, 16));
        let frame = &packet[20..20 + captured];
        assert_eq!(frame[12..15], [8, 0, 0x45], "IPv4");
        assert_eq!(u32::from(u16::from_be_bytes([frame[16], frame[17]])) + 14, original, "the IP packet's length is the whole one");
    }
    let dropped = packets.iter().filter(|packet| packet.windows(25).any(|bytes| bytes == b"dropped: lost on the way\0")).count();
    assert!((packets.len() / 40..packets.len() / 10).contains(&dropped), "{dropped} of {} have a comment, with 5 % lost", packets.len());

    // Wireshark's own reader, where it is installed.
    if let Ok(version) = Command::new("tshark").arg("-v").output()
        && version.status.success()
    {
        let datagrams = run("webrtc-null");
        let tshark = |arguments: &[&str]| {
            let output = Command::new("tshark").args(["-r", pcap.to_str().unwrap()]).args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let all = tshark(&[
            "-T",
            "fields",
            "-e",
            "frame.interface_name",
            "-e",
            "udp.length",
            "-e",
            "ip.checksum.status",
            "-o",
            "ip.check_checksum:TRUE",
        ]);
        assert_eq!(all.lines().count() as u64, datagrams);
        assert!(all.lines().all(|line| line.ends_with("\t1")), "every header's checksum is good");
        let names: std::collections::BTreeSet<&str> = all.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(names, ["ada/down", "ada/up", "ben/down", "ben/up"].into());
        assert!(tshark(&["-Y", "stun"]).lines().count() > 3, "ICE's checks are read as STUN");
        let comments = tshark(&["-Y", "frame.comment", "-T", "fields", "-e", "frame.comment"]);
        // With real media the server's prober may find out where the queue ends.
        let known = ["dropped: lost on the way", "dropped: the queue was full"];
        assert!(
            comments.lines().filter(|comment| *comment == known[0]).count() > 10
                && comments.lines().all(|comment| known.contains(&comment)),
            "{comments}"
        );
        let video = tshark(&["-d", "udp.port==5000,rtp", "-Y", "rtp.p_type == 96", "-T", "fields", "-e", "rtp.ssrc", "-e", "rtp.seq"]);
        assert!(video.lines().count() > 100, "nothing is encrypted, and RTP is read as such");
    }
}

#[test]
fn selftest_prints_a_scorecard_and_says_whether_all_is_met() {
    let scratch = Scratch::new();
    let output = greenroom(&scratch, &["selftest", "links", "ser-"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("oracle      reading"), "{text}");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1], ["ser-1", "arrival,", "ms", "60", "60", "exact", "pass"]);
    assert!(text.ends_with("\n4 of 4 oracles pass; 0 of 14 readings miss\n"), "{text}");

    let output = greenroom(&scratch, &["selftest", "links", "gilbert", "--json"]);
    let card: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((card["passed"].as_u64(), card["failed"].as_u64(), output.status.code()), (Some(3), Some(0), Some(0)));
    let reading = &card["oracles"][0]["readings"][1];
    assert_eq!(
        (reading["what"].as_str(), reading["expected"].as_f64(), reading["readings"].as_array().map(Vec::len)),
        (Some("mean burst"), Some(4.0), Some(3))
    );

    // What reads files that do not come along is skipped aloud, and a folder that has none of them is wrong.
    let output = greenroom(&scratch, &["selftest", "links", "mahimahi"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.ends_with("\n3 of 3 oracles pass; 0 of 8 readings miss\nskipped, for want of the files that they read: mahimahi-averages\n"),
        "{text}"
    );
    let output = greenroom(&scratch, &["selftest", "links", "mahimahi", "--traces", "nowhere"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("Verizon-LTE-short.up") && error.contains("expected a trace of Mahimahi there"), "{error}");

    let output = greenroom(&scratch, &["selftest", "links", "nothing-like-that"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no oracle has \"nothing-like-that\" in its name; known: ser-1, "));
}

#[test]
fn a_bench_that_could_not_leave_what_it_was_asked_for_does_not_begin() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    for arguments in [
        ["bench", "rfc8867", "--out", "file/report"],
        ["bench", "quality", "--picture", "file/picture.svg"],
        ["bench", "rfc8867", "--case", "5.9"],
    ] {
        // Both take half a minute and more if they do begin.
        let output = greenroom(&scratch, &arguments);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).starts_with("greenroom: "), "{}", text(&output.stderr));
    }
}
