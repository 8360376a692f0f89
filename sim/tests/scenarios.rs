//! Scenario files: what they come to, and what is said about those that come to nothing.

use core::time::Duration;
use std::{collections::BTreeSet, fs, path::Path};

use greenroom_core::{
    id::{Rid, UserId},
    role::Role,
    select::Policy,
    session::AfterWindow,
    stream::{Layer, StreamKind, TemporalLayers},
    time::Instant,
};
use greenroom_sim::{
    net::{
        codel::CoDelConfig,
        fq_codel::FqCoDelConfig,
        link::{BucketConfig, Capacity, Jitter, LinkConfig, Loss, Outage, Queue, QueueLimit, RateSchedule, Reorder, Spread},
        trace::Trace,
    },
    random::Stream,
    scenario::{
        Action, Camera, ClientSettings, Fault, FaultKind, Hear, Override, Scenario, Screen, SfuSettings, User, Voice, Watch, Ways, Wish,
        schema,
    },
};
use serde_json::Value;

fn user_id(id: &str) -> UserId {
    UserId::new(id).expect("a valid id")
}

fn parse(text: &str) -> Scenario {
    Scenario::parse("test", text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn user<'s>(scenario: &'s Scenario, id: &str) -> &'s User {
    scenario.users.iter().find(|user| user.id.as_str() == id).unwrap_or_else(|| panic!("there is no {id}"))
}

const MINIMAL: &str = r#"
title = "t"
duration = "10 s"
[link.fibre]
delay = "10 ms"
[[user]]
id = "ada"
role = "joiner"
link = "fibre"
"#;

// ---- what a file comes to ------------------------------------------------------------------------------------------------------------------------------------------

#[test]
fn what_is_left_out_has_its_documented_default() {
    let link = LinkConfig {
        queue: Queue::DropTail(QueueLimit::Time(Duration::from_millis(300))),
        delay: Duration::from_millis(10),
        overhead_bytes: 28,
        ..LinkConfig::default()
    };
    let layer = |rid, height, max_bps| Layer {
        rid: Rid::new(rid).expect("a rid"),
        width: None,
        height,
        max_bps,
        temporal_layers: TemporalLayers::ONE,
    };
    let expected = Scenario {
        name: "test".to_string(),
        title: "t".to_string(),
        about: String::new(),
        duration: Duration::from_secs(10),
        users: vec![User {
            id: user_id("ada"),
            name: None,
            role: Role::Joiner,
            link: "fibre".to_string(),
            up: link.clone(),
            down: link,
            behind: None,
            nat: None,
            watch: Watch::All,
            voice: None,
            hear: Hear::Subscribed,
            actions: vec![(Instant::ZERO, Action::Join)],
        }],
        shared: vec![],
        camera: Camera {
            on_demand: false,
            fps: 30,
            audio_bps: 32_000,
            layers: vec![layer("q", 180, 150_000), layer("h", 360, 500_000), layer("f", 720, 1_500_000)],
        },
        screen: Screen {
            fps: 5,
            turn: Duration::from_secs(10),
            on_demand: false,
            layers: vec![layer("s", 360, 150_000), layer("m", 720, 500_000), layer("l", 1080, 1_500_000)],
        },
        sfu: SfuSettings { reconnect_window: Duration::from_secs(30), start_estimate_bps: 300_000, policy: Policy::CHAIN },
        client: ClientSettings { after_window: AfterWindow::GiveUp },
        faults: vec![],
    };
    assert_eq!(parse(MINIMAL), expected);
}

#[test]
fn a_voice_is_that_of_a_conversation_unless_the_file_says_otherwise() {
    let with = |voice: &str| parse(&MINIMAL.replacen("id = \"ada\"", &format!("id = \"ada\"\n{voice}"), 1));
    let voice = |text: &str| with(text).users[0].voice;
    let usual = Voice { talk: Duration::from_millis(1004), pause: Duration::from_millis(1587), level_db: 26 };
    assert_eq!((voice("voice = {}"), Voice::default()), (Some(usual), usual));
    let own = Voice { pause: Duration::ZERO, level_db: 40, ..usual };
    assert_eq!(voice("voice = { pause = \"0 s\", level = 40 }"), Some(own));
    assert_eq!(with("hear = \"loudest\"").users[0].hear, Hear::Loudest);
}

#[test]
fn a_direction_has_its_own_keys_and_the_common_ones() {
    let scenario = parse(
        r#"
        title = "t"
        duration = "10 s"
        [link.mobile]
        delay = "35 ms"
        jitter = "8 ms"
        loss = "0.3 %"
        queue = "200 ms"
        overhead = "48 B"
        outages = [{ from = "4 s", to = "6 s" }]
        rate = "5 Mbps"
        up = { rate = "2 Mbps", loss = "1 %", queue = "20 packets", outages = [] }
        down.rate = [{ at = "0 s", is = "unlimited" }, { at = "3 s", is = "0 bps" }, { at = "4 s", is = "1 Mbps" }]
        down.delay = "3 ms"
        [[user]]
        id = "ada"
        role = "player"
        link = "mobile"
        "#,
    );
    let ada = user(&scenario, "ada");
    let steps = vec![(Instant::ZERO, None), (Instant::from_secs(3), Some(0)), (Instant::from_secs(4), Some(1_000_000))];
    let down = LinkConfig {
        capacity: RateSchedule::new(steps).expect("a schedule").into(),
        queue: Queue::DropTail(QueueLimit::Time(Duration::from_millis(200))),
        delay: Duration::from_millis(3),
        jitter: Jitter::up_to(Duration::from_millis(8)),
        loss: Loss::independent(3_000_000),
        overhead_bytes: 48,
        outages: vec![Outage { from: Instant::from_secs(4), to: Instant::from_secs(6) }],
        ..LinkConfig::default()
    };
    assert_eq!(ada.down, down);
    let up = LinkConfig {
        capacity: Capacity::constant(2_000_000),
        queue: Queue::DropTail(QueueLimit::Packets(20)),
        delay: Duration::from_millis(35),
        loss: Loss::independent(10_000_000),
        outages: vec![],
        ..down
    };
    assert_eq!(ada.up, up);
}

#[test]
fn a_group_is_spelled_out_and_its_id_stands_for_all_of_it() {
    let text = format!(
        "{MINIMAL}watch = [\"viewer\"]\n[[user]]\nid = \"viewer\"\ncount = 3\nevery = \"5 ms\"\njoin = \"1 s\"\nrole = \"player\"\nlink = \"fibre\"\nwatch = []\n\
         [[event]]\nat = \"5 s\"\nuser = \"viewer\"\ndo = \"leave\"\n[[event]]\nat = \"6 s\"\nuser = \"viewer-2\"\ndo = \"join\"\n"
    );
    let scenario = parse(&text);
    assert_eq!(scenario.users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["ada", "viewer-1", "viewer-2", "viewer-3"]);
    assert_eq!(user(&scenario, "ada").watch, Watch::Users(["viewer-1", "viewer-2", "viewer-3"].map(user_id).into()));
    let second = user(&scenario, "viewer-2");
    let leave = (Instant::from_secs(5), Action::Leave);
    assert_eq!(second.actions, [(Instant::from_millis(1005), Action::Join), leave.clone(), (Instant::from_secs(6), Action::Join)]);
    assert_eq!(user(&scenario, "viewer-3").actions, [(Instant::from_millis(1010), Action::Join), leave]);
    assert!(!second.watch.holds(&user_id("ada")));
}

#[test]
fn who_publishes_at_once_does_so_each_time_and_order_at_one_time_is_the_files() {
    let event = |at: &str, what: &str| format!("[[event]]\nat = \"{at}\"\nuser = \"ada\"\ndo = {what}\n");
    let events = [
        event("8 s", "\"mute\"\nvideo = true"),
        event("4 s", "\"leave\""),
        event("2 s", "\"unpublish\""),
        event("2 s", "\"publish\""),
        event("6 s", "\"join\""),
    ];
    let scenario = parse(&format!("{MINIMAL}publish = true\n{}", events.concat()));
    let seconds = |s, action| (Instant::from_secs(s), action);
    let expected = [
        seconds(0, Action::Join),
        seconds(0, Action::Publish),
        seconds(2, Action::Unpublish),
        seconds(2, Action::Publish),
        seconds(4, Action::Leave),
        seconds(6, Action::Join),
        seconds(6, Action::Publish),
        seconds(8, Action::Mute { audio: false, video: true }),
    ];
    assert_eq!(user(&scenario, "ada").actions, expected);
}

// ---- the files in scenarios/ ---------------------------------------------------------------------------------------------------------------------------------------

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in the workspace")
}

fn load(name: &str) -> Scenario {
    Scenario::load(&repository().join("scenarios").join(name), &[]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_scenario_file_is_a_scenario() {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(repository().join("scenarios")).expect("the directory") {
        let entry = entry.expect("an entry");
        // Beside the scenarios lie the traces that some of them play.
        if entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().expect("a plain name");
        let scenario = load(&name);
        assert_eq!(format!("{}.toml", scenario.name), name);
        assert!(!scenario.about.is_empty(), "{name} says what it is about");
        names.insert(name);
    }
    let known = ["audience-200.toml", "first-call.toml", "one-line.toml", "small-stage.toml", "train-tunnel.toml", "two-routers.toml"]
        .map(str::to_string);
    assert!(names.is_superset(&known.into()), "{names:?}");
}

#[test]
fn every_scene_is_a_scenario() {
    let scenes = fs::read_dir(repository().join("scenarios/scenes")).expect("the directory");
    let mut names: Vec<String> = scenes
        .map(|entry| {
            let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
            assert!(!load(&format!("scenes/{name}")).about.is_empty(), "{name} says what it is about");
            name
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["commute.toml", "meeting-49.toml", "screen.toml", "stage.toml", "tile.toml"]);
}

#[test]
fn a_table_says_how_a_stream_is_wanted_and_what_is_said_of_one_holds_against_its_group() {
    let scenario = parse(
        r#"
        title = "t"
        duration = "10 s"
        [link.fibre]
        delay = "10 ms"
        [[user]]
        id = "ada"
        role = "joiner"
        link = "fibre"
        publish = true
        share = true
        [[user]]
        id = "guest"
        count = 2
        role = "joiner"
        link = "fibre"
        [[user]]
        id = "eva"
        role = "player"
        link = "fibre"
        watch = [
            "ada",
            { user = "guest-2", priority = 1, max_height = 720, min_height = 360 },
            { user = "guest", max_height = 180, audio = false },
            { user = "ada", source = "screen", priority = 2 },
        ]
        [[event]]
        at = "3 s"
        user = "eva"
        do = "watch"
        watch = ["guest-1"]
        [[event]]
        at = "4 s"
        user = "ada"
        do = "unshare"
        "#,
    );
    let stream = |id, kind| (user_id(id), kind);
    let wishes = [
        (stream("ada", StreamKind::Main), Wish::ALL),
        (stream("ada", StreamKind::Aux), Wish { priority: 2, ..Wish::ALL }),
        (stream("guest-1", StreamKind::Main), Wish { max_height: Some(180), audio: false, ..Wish::ALL }),
        (stream("guest-2", StreamKind::Main), Wish { priority: 1, max_height: Some(720), min_height: Some(360), ..Wish::ALL }),
    ];
    let eva = user(&scenario, "eva");
    assert_eq!(eva.watch, Watch::Wishes(wishes.into()));
    let change = Action::Watch(Watch::Users([user_id("guest-1")].into()));
    assert_eq!(eva.actions, [(Instant::ZERO, Action::Join), (Instant::from_secs(3), change)]);
    let does = [Action::Join, Action::Publish, Action::Share].map(|action| (Instant::ZERO, action));
    let ada = user(&scenario, "ada");
    assert_eq!(ada.actions, [does.to_vec(), vec![(Instant::from_secs(4), Action::Unshare)]].concat());
}

#[test]
fn wishes_that_cannot_be() {
    let said = |watch: &str| {
        let file = MINIMAL.replace("role = \"joiner\"", &format!("role = \"joiner\"\nwatch = {watch}"));
        let message = Scenario::parse("call.toml", &file, &[]).expect_err("refused").to_string();
        first_line(&message).to_owned()
    };
    assert_eq!(said("[{ user = \"eva\" }]"), "call.toml:9:19: user.ada.watch.0.user: no user is called \"eva\"; known: ada");
    assert_eq!(
        said("[{ user = \"ada\" }, { user = \"ada\", source = \"camera\" }]"),
        "call.toml:9:37: user.ada.watch.1.user: the camera of ada is in the list already; expected each stream once"
    );
    assert_eq!(
        said("[{ user = \"ada\", max_height = 180, min_height = 360 }]"),
        "call.toml:9:57: user.ada.watch.0.min_height: no picture has 360 lines at least and 180 at most; expected no more than max_height"
    );
    assert_eq!(
        said("[{ user = \"ada\", source = \"scren\" }]"),
        "call.toml:9:35: user.ada.watch.0.source: expected \"camera\" or \"screen\", found \"scren\"; did you mean \"screen\"?"
    );
    assert_eq!(
        said("[{ user = \"ada\", max_hight = 180 }]"),
        "call.toml:9:26: user.ada.watch.0.max_hight: no such key; did you mean \"max_height\"?"
    );
    assert_eq!(
        said("[{ user = \"ada\", priority = 256 }]"),
        "call.toml:9:37: user.ada.watch.0.priority: expected a whole number from 0 to 255, found 256"
    );
    assert_eq!(said("[7]"), "call.toml:9:10: user.ada.watch.0: expected a user id such as \"ada\" or a table, found the number 7");
    assert_eq!(said("[{ max_height = 7 }]"), "call.toml:9:10: user.ada.watch.0: user is missing; expected a text in quotes");
    let screen = |lines: &str| {
        let message = Scenario::parse("call.toml", &format!("{MINIMAL}[screen]\n{lines}\n"), &[]).expect_err("refused").to_string();
        first_line(&message).to_owned()
    };
    assert_eq!(screen("turn = \"500 ms\""), "call.toml:11:8: screen.turn: a page takes 1 s to come; expected a turn no shorter");
    assert_eq!(
        screen("layers = []"),
        "call.toml:11:10: screen.layers: a screen without pictures shows nothing; expected at least one layer"
    );
}

#[test]
fn the_first_call_is_as_its_file_says() {
    let scenario = load("first-call.toml");
    assert_eq!(
        (scenario.name.as_str(), scenario.title.as_str(), scenario.duration),
        ("first-call", "The first call", Duration::from_secs(60))
    );
    let steps = [(0, 2_500_000), (20, 600_000), (40, 2_500_000)].map(|(at, rate)| (Instant::from_secs(at), Some(rate)));
    assert_eq!(user(&scenario, "dia").down.capacity.steps(), steps);
    assert_eq!(user(&scenario, "dia").watch, Watch::Users([user_id("ada")].into()));
    assert_eq!(
        user(&scenario, "ben").actions,
        [
            (Instant::from_millis(300), Action::Join),
            (Instant::from_secs(30), Action::SwitchRole(Role::Joiner)),
            (Instant::from_secs(30), Action::Publish),
            (Instant::from_secs(50), Action::Leave),
        ]
    );
}

#[test]
fn the_audience_is_two_hundred() {
    let scenario = load("audience-200.toml");
    assert_eq!(scenario.users.iter().filter(|user| user.role == Role::Player).count(), 200);
}

// ---- what is refused -----------------------------------------------------------------------------------------------------------------------------------------------

/// A scenario with nothing wrong in it, to put something wrong into.
const SOUND: &str = r#"title = "t"
duration = "10 s"

[link.fibre]
rate = "100 Mbps"
delay = "10 ms"

[link.dsl]
delay = "20 ms"
down.rate = [{ at = "0 s", is = "2 Mbps" }, { at = "5 s", is = "1 Mbps" }]
outages = [{ from = "4 s", to = "6 s" }]

[[user]]
id = "ada"
role = "joiner"
link = "fibre"
publish = true

[[user]]
id = "dia"
role = "player"
link = "dsl"
join = "1 s"
watch = ["ada"]

[camera]
fps = 30
layers = [{ rid = "q", height = 180, rate = "150 kbps" }, { rid = "f", height = 720, rate = "1500 kbps" }]

[[event]]
at = "3 s"
user = "dia"
do = "leave"
"#;

/// What is said when `with` stands in the place of `sound`.
fn refusal(sound: &str, with: &str) -> String {
    assert_eq!(SOUND.matches(sound).count(), 1, "{sound} stands once in the sound scenario");
    refused(&SOUND.replace(sound, with))
}

fn refused(text: &str) -> String {
    Scenario::parse("call.toml", text, &[]).map_or_else(|error| error.to_string(), |scenario| panic!("accepted: {scenario:?}"))
}

/// The first line of it: where and what.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// Compares whole messages, line by line.
macro_rules! assert_says {
    ($message:expr, $($line:literal)+) => { assert_eq!($message.lines().collect::<Vec<_>>(), [$($line),+]) };
}

#[test]
fn the_sound_scenario_is_sound() {
    parse(SOUND);
}

#[test]
fn a_file_that_is_not_there() {
    let error = Scenario::load(Path::new("no/such.toml"), &[]).expect_err("there is none").to_string();
    assert!(error.starts_with("no/such.toml: cannot be read: "), "{error}");
}

#[test]
fn a_text_that_is_not_toml() {
    assert_says!(refusal("rate = \"100 Mbps\"", "rate = 100 Mbps"),
        "call.toml:5:8: this is not TOML: string values must be quoted, expected literal string"
        "    5 | rate = 100 Mbps"
        "      |        ^^^^^^^^");
    assert_says!(refusal("title = \"t\"", "title"),
        "call.toml:1:6: this is not TOML: key with no value, expected `=`"
        "    1 | title"
        "      |      ^");
}

#[test]
fn an_unknown_key() {
    assert_says!(refusal("\nrate = \"100 Mbps\"", "\nrte = \"100 Mbps\""),
        "call.toml:5:1: link.fibre.rte: no such key; did you mean \"rate\"?"
        "    5 | rte = \"100 Mbps\""
        "      | ^^^");
    assert_says!(refusal("down.rate", "down.colour"),
        "call.toml:10:6: link.dsl.down.colour: no such key; known: delay, duplicate, holds, jitter, loss, mtu, outages, overhead, policer, queue, rate, reorder and 2 more"
        "   10 | down.colour = [{ at = \"0 s\", is = \"2 Mbps\" }, { at = \"5 s\", is = \"1 Mbps\" }]"
        "      |      ^^^^^^");
    assert_says!(refusal("watch = [\"ada\"]", "wacth = [\"ada\"]"),
        "call.toml:24:1: user.dia.wacth: no such key; did you mean \"watch\"?"
        "   24 | wacth = [\"ada\"]"
        "      | ^^^^^");
    assert_says!(refusal("[camera]", "[camera.lens]"),
        "call.toml:26:9: camera.lens: no such key; known: audio, fps, layers, on_demand"
        "   26 | [camera.lens]"
        "      |         ^^^^");
}

#[test]
fn a_missing_key() {
    assert_says!(refusal("role = \"player\"\n", ""),
        "call.toml:19:1: user.dia: role is missing; expected \"joiner\" or \"player\""
        "   19 | [[user]]"
        "      | ^^^^^^^^");
    assert_says!(refusal("title = \"t\"\n", ""),
        "call.toml:1:1: title is missing; expected a text in quotes"
        "    1 | duration = \"10 s\""
        "      | ^");
    assert_says!(refusal("delay = \"10 ms\"\n", ""),
        "call.toml:4:1: link.fibre: delay is missing; expected a time of at least 3 ms, such as \"20 ms\""
        "    4 | [link.fibre]"
        "      | ^^^^^^^^^^^^");
}

#[test]
fn a_value_of_the_wrong_kind() {
    assert_says!(refusal("delay = \"10 ms\"", "delay = 10"),
        "call.toml:6:9: link.fibre.delay: expected a time such as \"20 ms\", found the number 10"
        "    6 | delay = 10"
        "      |         ^^");
    let kinds = [
        ("publish = true", "publish = \"yes\""),
        ("fps = 30", "fps = \"many\""),
        ("watch = [\"ada\"]", "watch = true"),
        ("rate = \"100 Mbps\"", "rate = { at = \"0 s\" }"),
        ("[camera]\nfps = 30\nlayers", "camera = 5\n[sfu]\nlayers"),
        ("title = \"t\"", "title = 2026-11-21"),
        ("\"dsl\"\njoin", "[\"dsl\"]\njoin"),
        ("fps = 30", "fps = 29.97"),
    ]
    .map(|(sound, with)| first_line(&refusal(sound, with)).to_string());
    assert_eq!(
        kinds,
        [
            "call.toml:17:11: user.ada.publish: expected true or false, found the text \"yes\"",
            "call.toml:27:7: camera.fps: expected a whole number, found the text \"many\"",
            "call.toml:24:9: user.dia.watch: expected \"all\" or a list of user ids and tables, found true",
            "call.toml:5:8: link.fibre.rate: expected a rate such as \"2.5 Mbps\", \"unlimited\" or a list of steps, found a table",
            "call.toml:26:1: user.dia.camera: no such key; known: count, every, hear, id, join, link, name, publish, role, share, voice, watch",
            "call.toml:1:9: title: expected a text in quotes, found the date 2026-11-21",
            "call.toml:22:8: user.dia.link: expected a text in quotes, found a list",
            "call.toml:27:7: camera.fps: expected a whole number, found the number 29.97",
        ]
    );
}

#[test]
fn a_number_out_of_range() {
    assert_says!(refusal("fps = 30", "fps = 0"),
        "call.toml:27:7: camera.fps: expected a whole number from 1 to 240, found 0"
        "   27 | fps = 0"
        "      |       ^");
    assert_eq!(
        first_line(&refusal("height = 180", "height = 70000")),
        "call.toml:28:33: camera.layers.q.height: expected a whole number from 1 to 65535, found 70000"
    );
    assert_eq!(
        first_line(&refusal("join = \"1 s\"", "count = 99999999999999999999")),
        "call.toml:23:9: user.dia.count: expected a whole number from 1 to 10000, found 99999999999999999999"
    );
}

#[test]
fn an_unknown_word() {
    assert_says!(refusal("role = \"player\"", "role = \"plyer\""),
        "call.toml:21:8: user.dia.role: expected \"joiner\" or \"player\", found \"plyer\"; did you mean \"player\"?"
        "   21 | role = \"plyer\""
        "      |        ^^^^^^^");
    assert_says!(refusal("do = \"leave\"", "do = \"dance\""),
        "call.toml:33:6: event.0.do: expected \"publish\", \"unpublish\", \"share\", \"unshare\", \"watch\", \"switch_role\", \"mute\", \"unmute\", \"leave\", \"join\", \"crash\", \"pause\", \"partition\", \"hold\", \"close\", \"half_open\", \"rebind\", \"move\" or \"clock\", found \"dance\""
        "   33 | do = \"dance\""
        "      |      ^^^^^^^");
}

#[test]
fn a_text_that_is_no_quantity() {
    assert_says!(refusal("is = \"1 Mbps\"", "is = \"1 mbps\""),
        "call.toml:10:64: link.dsl.down.rate.1.is: expected a rate such as \"2.5 Mbps\", found \"1 mbps\": no unit is called \"mbps\"; did you mean \"Mbps\"?"
        "   10 | down.rate = [{ at = \"0 s\", is = \"2 Mbps\" }, { at = \"5 s\", is = \"1 mbps\" }]"
        "      |                                                                ^^^^^^^^");
    assert_eq!(
        first_line(&refusal("duration = \"10 s\"", "duration = \"ten seconds\"")),
        "call.toml:2:12: duration: expected a time such as \"20 ms\", found \"ten seconds\": it does not begin with a number"
    );
}

#[test]
fn a_rate_that_carries_nothing() {
    assert_says!(refusal("rate = \"100 Mbps\"", "rate = \"-1 Mbps\""),
        "call.toml:5:8: link.fibre.rate: expected a rate such as \"2.5 Mbps\", found \"-1 Mbps\": it cannot be negative"
        "    5 | rate = \"-1 Mbps\""
        "      |        ^^^^^^^^^");
    assert_says!(refusal("rate = \"100 Mbps\"", "rate = \"0 Mbps\""),
        "call.toml:5:8: link.fibre.rate: a link without capacity carries nothing; expected a rate above zero, or outages"
        "    5 | rate = \"0 Mbps\""
        "      |        ^^^^^^^^");
    assert_eq!(
        first_line(&refusal("is = \"1 Mbps\"", "is = \"0 bps\"")),
        "call.toml:10:64: link.dsl.down.rate.1.is: the link would stand still for good; expected a rate above zero in the last step"
    );
    assert_eq!(
        first_line(&refusal("rate = \"150 kbps\"", "rate = \"0 kbps\"")),
        "call.toml:28:45: camera.layers.q.rate: expected a rate above zero"
    );
}

#[test]
fn steps_that_are_no_schedule() {
    let down = "down.rate = [{ at = \"0 s\", is = \"2 Mbps\" }, { at = \"5 s\", is = \"1 Mbps\" }]";
    assert_says!(refusal("at = \"0 s\"", "at = \"1 s\""),
        "call.toml:10:21: link.dsl.down.rate.0.at: the first step must be at \"0 s\""
        "   10 | down.rate = [{ at = \"1 s\", is = \"2 Mbps\" }, { at = \"5 s\", is = \"1 Mbps\" }]"
        "      |                     ^^^^^");
    assert_eq!(
        first_line(&refusal("at = \"5 s\"", "at = \"0 s\"")),
        "call.toml:10:52: link.dsl.down.rate.1.at: expected a time after that of the step before, 0 s; found 0 s"
    );
    assert_eq!(
        first_line(&refusal(down, "down.rate = []")),
        "call.toml:10:13: link.dsl.down.rate: expected a rate or a list of steps, found an empty list"
    );
}

#[test]
fn a_delay_too_short_for_engines() {
    assert_says!(refusal("delay = \"20 ms\"", "delay = \"20 ms\"\nup.delay = \"2999 us\""),
        "call.toml:10:12: link.dsl.up.delay: expected at least 3 ms: engines need that much to look ahead; found 2999 us"
        "   10 | up.delay = \"2999 us\""
        "      |            ^^^^^^^^^");
    assert_eq!(
        first_line(&refusal("delay = \"10 ms\"", "delay = \"0 s\"")),
        "call.toml:6:9: link.fibre.delay: expected at least 3 ms: engines need that much to look ahead; found 0 s"
    );
    parse(&SOUND.replace("delay = \"10 ms\"", "delay = \"3 ms\""));
}

#[test]
fn an_outage_that_ends_before_it_begins() {
    assert_says!(refusal("to = \"6 s\"", "to = \"4 s\""),
        "call.toml:11:33: link.dsl.outages.0.to: the outage ends at 4 s, not after its beginning at 4 s"
        "   11 | outages = [{ from = \"4 s\", to = \"4 s\" }]"
        "      |                                 ^^^^^");
}

#[test]
fn names_of_what_does_not_exist() {
    assert_says!(refusal("link = \"dsl\"", "link = \"dls\""),
        "call.toml:22:8: user.dia.link: no link is called \"dls\"; did you mean \"dsl\"?"
        "   22 | link = \"dls\""
        "      |        ^^^^^");
    assert_says!(refusal("user = \"dia\"", "user = \"dai\""),
        "call.toml:32:8: event.0.user: no user is called \"dai\"; did you mean \"dia\"?"
        "   32 | user = \"dai\""
        "      |        ^^^^^");
    assert_says!(refusal("watch = [\"ada\"]", "watch = [\"ada\", \"bob\"]"),
        "call.toml:24:17: user.dia.watch.1: no user is called \"bob\"; known: ada, dia"
        "   24 | watch = [\"ada\", \"bob\"]"
        "      |                 ^^^^^");
    assert_eq!(
        first_line(&refused("title = \"t\"\nduration = \"1 s\"\n[[user]]\nid = \"a\"\nrole = \"player\"\nlink = \"x\"\n")),
        "call.toml:6:8: user.a.link: no link is called \"x\"; there is none"
    );
}

#[test]
fn users_that_cannot_be() {
    assert_says!(refusal("id = \"dia\"", "id = \"ada\""),
        "call.toml:20:6: user.ada.id: the id \"ada\" is taken; each user needs its own"
        "   20 | id = \"ada\""
        "      |      ^^^^^");
    assert_says!(refusal("id = \"dia\"", "id = \"dia!\""),
        "call.toml:20:6: user.dia!.id: user id holds '!' at byte 3; allowed are a-z, A-Z, 0-9, - and _"
        "   20 | id = \"dia!\""
        "      |      ^^^^^^");
    assert_says!(refusal("join = \"1 s\"", "publish = true"),
        "call.toml:23:11: user.dia.publish: a player only watches; expected role = \"joiner\", or no publish"
        "   23 | publish = true"
        "      |           ^^^^");
    let messages = [
        ("join = \"1 s\"", "join = \"10 s\""),
        ("join = \"1 s\"", "every = \"1 s\""),
        ("join = \"1 s\"", "count = 11\nevery = \"1 s\""),
        ("join = \"1 s\"", "count = 10000"),
        ("join = \"1 s\"", "name = \"a\\u0007b\""),
    ]
    .map(|(sound, with)| first_line(&refusal(sound, with)).to_string());
    assert_eq!(
        messages,
        [
            "call.toml:23:8: user.dia.join: 10 s is after the end; the scenario lasts 10 s",
            "call.toml:23:9: user.dia.every: is for groups; expected a count beside it",
            "call.toml:24:9: user.dia.every: the last of the group would enter at 10 s, after the end; the scenario lasts 10 s",
            "call.toml:23:9: user.dia.count: with this there are 10001 users; a room has at most 10000",
            "call.toml:23:8: user.dia.name: user name holds '\\u{7}' at byte 1; allowed are all but control characters",
        ]
    );
    let group = SOUND.replace("id = \"ada\"", "id = \"dia-2\"").replace("join = \"1 s\"", "count = 2");
    assert_eq!(first_line(&refused(&group)), "call.toml:20:6: user.dia.id: the id \"dia-2\" is taken; each user needs its own");
    assert_eq!(
        first_line(&refused("title = \"t\"\nduration = \"1 s\"\n")),
        "call.toml:1:1: nobody takes part; expected at least one [[user]]"
    );
    assert_eq!(first_line(&refusal("duration = \"10 s\"", "duration = \"0 s\"")), "call.toml:2:12: duration: expected more than nothing");
}

#[test]
fn events_that_cannot_be() {
    assert_says!(refusal("at = \"3 s\"", "at = \"500 ms\""),
        "call.toml:31:6: event.0.at: dia can do nothing at 500 ms, before entering at 1 s"
        "   31 | at = \"500 ms\""
        "      |      ^^^^^^^^");
    assert_says!(refusal("at = \"3 s\"", "at = \"10 s\""),
        "call.toml:31:6: event.0.at: 10 s is after the end; the scenario lasts 10 s"
        "   31 | at = \"10 s\""
        "      |      ^^^^^^");
    let messages = [
        "\"publish\"",
        "\"join\"",
        "\"unpublish\"",
        "\"mute\"\naudio = true",
        "\"mute\"",
        "\"unmute\"\naudio = false",
        "\"switch_role\"",
        "\"leave\"\nrole = \"joiner\"",
        "\"leave\"\nvideo = true",
        "\"leave\"\nwatch = []",
        "\"watch\"",
        "\"share\"",
        "\"unshare\"",
        "\"leave\"\n[[event]]\nat = \"4 s\"\nuser = \"dia\"\ndo = \"leave\"",
        "\"leave\"\n[[event]]\nat = \"4 s\"\nuser = \"ada\"\ndo = \"publish\"",
        "\"leave\"\n[[event]]\nat = \"4 s\"\nuser = \"ada\"\ndo = \"switch_role\"\nrole = \"player\"\n[[event]]\nat = \"4 s\"\nuser = \"ada\"\ndo = \"unpublish\"",
    ]
    .map(|what| first_line(&refusal("do = \"leave\"", &format!("do = {what}"))).to_string());
    assert_eq!(
        messages,
        [
            "call.toml:33:6: event.0.do: dia is a player at 3 s and only watches; expected a switch_role to \"joiner\" before",
            "call.toml:33:6: event.0.do: dia is in the room already, since 1 s",
            "call.toml:33:6: event.0.do: dia publishes nothing at 3 s",
            "call.toml:33:6: event.0.do: dia publishes nothing at 3 s",
            "call.toml:33:6: event.0.do: mute what? expected audio = true, video = true, or both",
            "call.toml:33:6: event.0.do: unmute what? expected audio = true, video = true, or both",
            "call.toml:33:6: event.0.do: to which role? expected role = \"joiner\" or \"player\" beside it",
            "call.toml:34:8: event.0.role: belongs to switch_role; leave has no role",
            "call.toml:34:9: event.0.video: belongs to mute and unmute; leave has no video",
            "call.toml:34:9: event.0.watch: belongs to watch; leave has no watch",
            "call.toml:33:6: event.0.do: whom? expected watch = \"all\" or a list beside it",
            "call.toml:33:6: event.0.do: dia is a player at 3 s and only watches; expected a switch_role to \"joiner\" before",
            "call.toml:33:6: event.0.do: dia shares no screen at 3 s",
            "call.toml:37:6: event.1.do: dia is not in the room at 4 s, having left at 3 s",
            "call.toml:37:6: event.1.do: ada publishes already at 4 s",
            "call.toml:42:6: event.2.do: ada publishes nothing at 4 s",
        ]
    );
}

#[test]
fn layers_that_are_no_ladder() {
    assert_says!(refusal("rate = \"1500 kbps\"", "rate = \"100 kbps\""),
        "call.toml:28:59: camera.layers.f: each layer needs its own rid and a higher rate than the one before it"
        "   28 | layers = [{ rid = \"q\", height = 180, rate = \"150 kbps\" }, { rid = \"f\", height = 720, rate = \"100 kbps\" }]"
        "      |                                                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^");
    assert_eq!(
        first_line(&refusal("rid = \"f\"", "rid = \"q\"")),
        "call.toml:28:59: camera.layers.q: each layer needs its own rid and a higher rate than the one before it"
    );
    assert_eq!(
        first_line(&refusal("rid = \"f\"", "rid = \"hi-res\"")),
        "call.toml:28:67: camera.layers.hi-res.rid: rid holds '-' at byte 2; allowed are a-z, A-Z and 0-9"
    );
    let seven: Vec<_> = (1..=7).map(|n| format!("{{ rid = \"l{n}\", height = 180, rate = \"{n} kbps\" }}")).collect();
    let with_seven = SOUND.replace("layers = [", &format!("layers = [{},", seven.join(", ")));
    assert_eq!(first_line(&refused(&with_seven)), "call.toml:28:10: camera.layers: the stream has 9 layers; at most 6 are allowed");
}

// Files with a few characters taken out, put in or swapped: most are refused, and none may do more than that.
#[test]
fn a_spoiled_file_is_refused_not_stumbled_over() {
    const SCRAPS: [&str; 16] = ["\"", "[", "]", "{", "}", "=", "\n", ".", ",", "0", "-", "e9", "é", "🚆", "\u{0}", "'''"];
    let mut draws = Stream::new(1, "spoiler", "test");
    let mut below = |n: usize| usize::try_from(draws.below(n as u64)).expect("below a usize");
    let (mut accepted, mut refused) = (0, 0);
    for sound in ["first-call.toml", "one-line.toml", "small-stage.toml", "train-tunnel.toml"] {
        let sound = fs::read_to_string(repository().join("scenarios").join(sound)).expect("the file");
        for _ in 0..700 {
            let mut text: Vec<char> = sound.chars().collect();
            for _ in 0..=below(3) {
                let at = below(text.len());
                match below(4) {
                    0 => drop(text.splice(at..at, SCRAPS[below(SCRAPS.len())].chars())),
                    1 => drop(text.drain(at..text.len().min(at + 1 + below(20)))),
                    2 => text[at] = char::from(u8::try_from(32 + below(95)).expect("ASCII")),
                    _ => text.truncate(at + 1),
                }
            }
            match Scenario::parse("spoiled", &text.iter().collect::<String>(), &[]) {
                Ok(_) => accepted += 1,
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().starts_with("spoiled:"), "{error}");
                }
            }
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} {refused}");
}

// ---- overrides -----------------------------------------------------------------------------------------------------------------------------------------------------

fn with(overrides: &[&str]) -> Result<Scenario, String> {
    let overrides = overrides.iter().map(|text| Override::parse(text)).collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    Scenario::parse("call.toml", SOUND, &overrides).map_err(|error| error.to_string())
}

#[test]
fn an_override_sets_a_value_by_name_or_by_place() {
    let scenario = with(&[
        "link.dsl.down.rate=1 Mbps",
        "link.fibre.up.loss = 2 %",
        "user.dia.watch=all",
        "user.0.name=\"Ada\"",
        "user.ada.link=dsl",
        "camera.layers.f.rate=2 Mbps",
        "camera.layers.0.height=90",
        "sfu.start_estimate=1 Mbps",
        "event.0.at=7 s",
        "title=2026",
        "link.dsl.outages=[{ from = \"1 s\", to = \"2 s\" }]",
    ])
    .expect("a scenario");
    let (ada, dia) = (user(&scenario, "ada"), user(&scenario, "dia"));
    assert_eq!(dia.down.capacity, Capacity::constant(1_000_000));
    assert_eq!(dia.down.outages, [Outage { from: Instant::from_secs(1), to: Instant::from_secs(2) }]);
    assert_eq!(dia.watch, Watch::All);
    assert_eq!(dia.actions.last(), Some(&(Instant::from_secs(7), Action::Leave)));
    assert_eq!((ada.name.as_ref().map(greenroom_core::id::UserName::as_str), ada.link.as_str()), (Some("Ada"), "dsl"));
    assert_eq!((scenario.camera.layers[0].height, scenario.camera.layers[1].max_bps), (90, 2_000_000));
    assert_eq!((scenario.sfu.start_estimate_bps, scenario.title.as_str()), (1_000_000, "2026"));
    let fibre = with(&["link.fibre.up.loss=2 %"]).expect("a scenario");
    assert_eq!((user(&fibre, "ada").up.loss, user(&fibre, "ada").down.loss), (Loss::independent(20_000_000), Loss::None));
}

#[test]
fn of_two_overrides_of_one_key_the_later_holds() {
    assert_eq!(with(&["duration=20 s", "duration=30 s"]).map(|scenario| scenario.duration), Ok(Duration::from_secs(30)));
}

#[test]
fn an_override_that_leads_nowhere_names_the_nearest() {
    let said = |text| with(&[text]).expect_err("refused");
    assert_eq!(said("link.dls.rate=1 Mbps"), "--set link.dls.rate=1 Mbps: link: none is called \"dls\"; did you mean \"dsl\"?");
    assert_eq!(
        said("link.new={ delay = \"5 ms\" }"),
        "--set link.new={ delay = \"5 ms\" }: link: none is called \"new\"; known: dsl, fibre"
    );
    assert_eq!(
        said("link.dsl.down.rte=1 Mbps"),
        "--set link.dsl.down.rte=1 Mbps: link.dsl.down: no such key as \"rte\"; did you mean \"rate\"?"
    );
    assert_eq!(said("usr.dia.link=fibre"), "--set usr.dia.link=fibre: no such key as \"usr\"; did you mean \"user\"?");
    assert_eq!(said("user.dai.link=fibre"), "--set user.dai.link=fibre: user: none is called \"dai\"; did you mean \"dia\"?");
    assert_eq!(said("user.2.link=fibre"), "--set user.2.link=fibre: user: there is no element 2; the list has 2, counted from 0");
    assert_eq!(said("title.size=5"), "--set title.size=5: title: is a single value, with nothing below it to set");
    assert_eq!(said("user.dia.every.much=1 s"), "--set user.dia.every.much=1 s: user.dia: the file has no every; set the whole of it");
}

#[test]
fn an_override_that_makes_the_scenario_wrong_is_named() {
    let said = |text| with(&[text]).expect_err("refused");
    assert_eq!(
        said("link.dsl.down.rate=1 mbps"),
        "--set link.dsl.down.rate=1 mbps: link.dsl.down.rate: expected a rate such as \"2.5 Mbps\", found \"1 mbps\": no unit is called \"mbps\"; did you mean \"Mbps\"?"
    );
    assert_eq!(
        said("link.dsl.delay=20"),
        "--set link.dsl.delay=20: link.dsl.delay: expected a time such as \"20 ms\", found \"20\": the unit is missing; known: us, ms, s, min"
    );
    assert_eq!(
        said("link.fibre.up.delay=1 ms"),
        "--set link.fibre.up.delay=1 ms: link.fibre.up.delay: expected at least 3 ms: engines need that much to look ahead; found 1 ms"
    );
    assert_eq!(said("user.dia.link=dls"), "--set user.dia.link=dls: user.dia.link: no link is called \"dls\"; did you mean \"dsl\"?");
    assert_eq!(
        said("user.dia.publish=maybe"),
        "--set user.dia.publish=maybe: user.dia.publish: expected true or false, found the text \"maybe\""
    );
    assert_eq!(said("camera.fps=0"), "--set camera.fps=0: camera.fps: expected a whole number from 1 to 240, found 0");
    assert_eq!(
        said("link.dsl.outages=[{ from = \"2 s\", to = \"1 s\" }]"),
        "--set link.dsl.outages=[{ from = \"2 s\", to = \"1 s\" }]: link.dsl.outages.0.to: the outage ends at 1 s, not after its beginning at 2 s"
    );
    // The override is sound in itself; the event it makes wrong stands in the file.
    assert!(said("duration=2 s").starts_with("call.toml:31:6: event.0.at: 3 s is after the end; the scenario lasts 2 s\n"));
}

#[test]
fn an_override_that_is_none() {
    let said = |text| Override::parse(text).expect_err("refused").to_string();
    assert_eq!(said("verbose"), "--set verbose: expected a key, \"=\" and a value, such as link.dsl.down.rate=\"1 Mbps\"");
    assert_eq!(said("=5"), "--set =5: expected keys with dots between them before the \"=\", such as link.dsl.down.rate");
    assert_eq!(
        said("link..rate=5"),
        "--set link..rate=5: expected keys with dots between them before the \"=\", such as link.dsl.down.rate"
    );
}

// ---- kinds of queue, jitter and loss -------------------------------------------------------------------------------------------------------------------------------

/// The link of one user whose link has these lines.
fn link_with(lines: &str) -> Result<LinkConfig, String> {
    let text = MINIMAL.replace("delay = \"10 ms\"", &format!("delay = \"10 ms\"\n{lines}"));
    Scenario::parse("t", &text, &[]).map(|scenario| user(&scenario, "ada").down.clone()).map_err(|error| error.to_string())
}

#[test]
fn a_table_says_what_kind_of_queue_jitter_and_loss_it_is() {
    let link = |lines: &str| link_with(lines).unwrap_or_else(|error| panic!("{error}"));
    let codel = CoDelConfig { interval: Duration::from_millis(50), ..CoDelConfig::default() };
    let limit = QueueLimit::Time(Duration::from_secs(1));
    assert_eq!(link("queue = { kind = \"codel\", limit = \"1 s\", interval = \"50 ms\" }").queue, Queue::CoDel(codel, limit));
    assert_eq!(link("queue = { kind = \"codel\" }").queue, Queue::CoDel(CoDelConfig::default(), QueueLimit::Unlimited));
    let fq_codel = FqCoDelConfig { quantum_bytes: 300, flows: 16, ..FqCoDelConfig::default() };
    assert_eq!(
        link("queue = { kind = \"fq_codel\", quantum = \"300 B\", flows = 16 }").queue,
        Queue::FqCoDel(fq_codel, QueueLimit::Packets(10_240))
    );
    assert_eq!(link("queue = { kind = \"drop_tail\", limit = \"9 packets\" }").queue, Queue::DropTail(QueueLimit::Packets(9)));

    assert_eq!(
        link("jitter = { kind = \"rfc8868\" }").jitter,
        Jitter { spread: Spread::Rfc8868 { std_ns: 5_000_000, max_ns: 15_000_000 }, reorder: false }
    );
    let normal = Spread::Normal { std_ns: 2_000_000, clip_ns: 6_000_000 };
    assert_eq!(
        link("jitter = { kind = \"normal\", deviation = \"2 ms\", reorder = true }").jitter,
        Jitter { spread: normal, reorder: true }
    );
    let uniform = Spread::Uniform { min_ns: 1_000_000, max_ns: 4_000_000 };
    assert_eq!(
        link("jitter = { kind = \"uniform\", least = \"1 ms\", most = \"4 ms\" }").jitter,
        Jitter { spread: uniform, reorder: false }
    );

    assert_eq!(
        link("loss = { kind = \"gilbert\", enter = \"1 %\", leave = \"25 %\" }").loss,
        Loss::Gilbert { enter_ppb: 10_000_000, leave_ppb: 250_000_000 }
    );
    let elliott = Loss::GilbertElliott { enter_ppb: 10_000_000, leave_ppb: 250_000_000, good_loss_ppb: 0, bad_loss_ppb: 500_000_000 };
    assert_eq!(link("loss = { kind = \"gilbert_elliott\", enter = \"1 %\", leave = \"25 %\", bad = \"50 %\" }").loss, elliott);
    let correlated = Loss::Correlated { loss_ppb: 10_000_000, correlation_ppb: 500_000_000 };
    assert_eq!(link("loss = { kind = \"correlated\", share = \"1 %\", correlation = \"50 %\" }").loss, correlated);

    let all = link(
        "duplicate = \"1 %\"\nmtu = \"1500 B\"\nreorder = { share = \"2 %\", by = \"9 ms\" }\nholds = [{ from = \"1 s\", to = \"2 s\" }]\nshaper = { rate = \"1 Mbps\", burst = \"9 kB\" }",
    );
    assert_eq!((all.duplicate_ppb, all.mtu_bytes), (10_000_000, Some(1500)));
    assert_eq!(all.reorder, Reorder { late_ppb: 20_000_000, by: Duration::from_millis(9) });
    assert_eq!(all.holds, [Outage { from: Instant::from_secs(1), to: Instant::from_secs(2) }]);
    assert_eq!((all.shaper, all.policer), (Some(BucketConfig { rate_bps: 1_000_000, burst_bytes: 9000 }), None));
}

#[test]
fn a_trace_lies_beside_the_scenario_and_a_direction_has_its_own_or_a_rate() {
    let folder = std::env::temp_dir().join(format!("greenroom-traces-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let load = |lines: &str| {
        let path = folder.join("test.toml");
        fs::write(&path, MINIMAL.replace("delay = \"10 ms\"", &format!("delay = \"10 ms\"\n{lines}"))).expect("written");
        Scenario::load(&path, &[]).map(|scenario| user(&scenario, "ada").clone()).map_err(|error| error.to_string())
    };
    fs::write(folder.join("cell.down"), "10\n10\n25\n").expect("written");
    fs::write(folder.join("broken"), "10\nten\n").expect("written");
    let ada = load("trace = \"cell.down\"\nup.rate = \"1 Mbps\"").expect("a scenario");
    let said = [load("trace = \"cell.down\"\nrate = \"1 Mbps\""), load("trace = \"broken\""), load("trace = \"nowhere\"")]
        .map(|result| result.expect_err("refused"));
    fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(
        (ada.up.capacity, ada.down.capacity),
        (Capacity::constant(1_000_000), Capacity::Trace(Trace::new(vec![10, 10, 25]).expect("a trace")))
    );
    assert!(said[0].contains(":6:9: link.fibre.trace: a link has a rate or a trace, not both"), "{}", said[0]);
    assert!(
        said[1].contains("link.fibre.trace: ") && said[1].contains("line 2: found \"ten\", expected a time in whole milliseconds"),
        "{}",
        said[1]
    );
    assert!(said[2].contains("link.fibre.trace: ") && said[2].contains("nowhere cannot be read: "), "{}", said[2]);
}

#[test]
fn what_a_kind_cannot_use_or_cannot_do_without_is_told() {
    for (lines, said) in [
        ("queue = { kind = \"red\" }", "t:6:18: link.fibre.queue.kind: expected \"drop_tail\", \"codel\" or \"fq_codel\", found \"red\""),
        ("queue = { limit = \"1 s\" }", "t:6:9: link.fibre.queue: kind is missing; expected \"drop_tail\", \"codel\" or \"fq_codel\""),
        ("queue = { kind = \"drop_tail\", target = \"5 ms\" }", "t:6:31: link.fibre.queue.target: drop_tail has no such key"),
        ("queue = { kind = \"codel\", quantum = \"5 B\" }", "t:6:27: link.fibre.queue.quantum: codel has no such key"),
        ("queue = { kind = \"codel\", interval = \"0 s\" }", "t:6:38: link.fibre.queue.interval: expected more than nothing"),
        ("queue = { kind = \"fq_codel\", flows = 0 }", "t:6:38: link.fibre.queue.flows: expected a whole number from 1 to 65536, found 0"),
        (
            "queue = { kind = \"fq_codel\", quantum = \"0 B\" }",
            "t:6:40: link.fibre.queue.quantum: expected a size above zero: without it no flow has a turn",
        ),
        ("jitter = { kind = \"uniform\" }", "t:6:10: link.fibre.jitter: most is missing; uniform needs a time such as \"8 ms\""),
        (
            "jitter = { kind = \"uniform\", least = \"9 ms\", most = \"8 ms\" }",
            "t:6:53: link.fibre.jitter.most: expected at least 9 ms, which is the least; found 8 ms",
        ),
        ("jitter = { kind = \"normal\" }", "t:6:10: link.fibre.jitter: deviation is missing; normal needs a time such as \"5 ms\""),
        ("jitter = { kind = \"rfc8868\", least = \"5 ms\" }", "t:6:30: link.fibre.jitter.least: rfc8868 has no such key"),
        (
            "jitter = { kind = \"normal\", deviation = \"3 ms\" }",
            "t:6:10: link.fibre.jitter: a packet could come 9 ms early, which leaves less than 3 ms of the delay of 10 ms; expected a smaller most",
        ),
        (
            "loss = { kind = \"gilbert\", enter = \"1 %\" }",
            "t:6:8: link.fibre.loss: leave is missing; gilbert needs a share such as \"1 %\"",
        ),
        (
            "loss = { kind = \"gilbert\", enter = \"1 %\", leave = \"1 %\", bad = \"1 %\" }",
            "t:6:58: link.fibre.loss.bad: gilbert has no such key",
        ),
        (
            "loss = { kind = \"independent\", share = \"101 %\" }",
            "t:6:40: link.fibre.loss.share: expected a share such as \"0.1 %\", found \"101 %\": it is too large",
        ),
        (
            "loss = { kind = \"four_state\", p13 = \"60 %\", p31 = \"1 %\", p32 = \"1 %\", p23 = \"1 %\", p14 = \"50 %\" }",
            "t:6:8: link.fibre.loss: p13 and p14 are together above 1; they are two ways out of one state",
        ),
        ("shaper = { rate = \"0 bps\", burst = \"1 B\" }", "t:6:19: link.fibre.shaper.rate: expected a rate above zero"),
        (
            "policer = { rate = \"1 bps\", burst = \"0 B\" }",
            "t:6:37: link.fibre.policer.burst: expected a size above zero: a packet larger than the bucket never goes",
        ),
        (
            "holds = [{ from = \"2 s\", to = \"1 s\" }]",
            "t:6:31: link.fibre.holds.0.to: the hold ends at 1 s, not after its beginning at 2 s",
        ),
    ] {
        let refused = link_with(lines).expect_err(lines);
        assert_eq!(refused.lines().next(), Some(said), "{lines}");
    }
}

// ---- the schema and the page ---------------------------------------------------------------------------------------------------------------------------------------

/// Calls `see` with each key of the schema and its description.
fn each_key(schema: &Value, see: &mut impl FnMut(&str, &Value)) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                properties.iter().for_each(|(key, below)| see(key, below));
            }
            object.values().for_each(|below| each_key(below, see));
        }
        Value::Array(list) => list.iter().for_each(|below| each_key(below, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_of_the_schema_is_described_there_and_on_the_page() {
    let page = fs::read_to_string(repository().join("docs/SCENARIOS.md")).expect("the page");
    let mut keys = 0;
    each_key(&schema(), &mut |key, below| {
        keys += 1;
        assert!(below["description"].is_string(), "{key} has no description");
        let forms = [format!("`{key}`"), format!("`[{key}]`"), format!("`[[{key}]]`"), format!("`[{key}.NAME]`")];
        assert!(forms.iter().any(|form| page.contains(form)), "{key} is not on the page");
    });
    assert!(keys > 40, "{keys}");
}

#[test]
fn the_schema_knows_no_null_and_no_other_keys() {
    let schema = schema();
    let text = schema.to_string();
    assert!(!text.contains("null"), "{text}");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], serde_json::json!(["title", "duration"]));
    let open: Vec<_> = schema["$defs"]
        .as_object()
        .expect("definitions")
        .iter()
        .filter(|(_, def)| def["type"] == "object" && def["additionalProperties"] != false)
        .collect();
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(schema["$defs"]["Time"]["pattern"], "^[0-9]+(\\.[0-9]+)? *(us|ms|s|min)$");
}

/// The TOML blocks of a page, each with whether it is a fragment.
fn blocks(page: &str) -> Vec<(bool, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```toml") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind.trim() == "fragment", block.join("\n")));
        }
    }
    blocks
}

/// A fragment with what it needs to be a scenario: a title, a duration, a link and a user where it has none.
fn completed(fragment: &str) -> String {
    let mut whole: toml::Table = toml::from_str(MINIMAL).expect("the minimal scenario");
    whole.extend(toml::from_str::<toml::Table>(fragment).unwrap_or_else(|error| panic!("{error}\n{fragment}")));
    let link = whole["link"].as_table().and_then(|links| links.keys().next()).expect("there is a link").clone();
    if !fragment.contains("[[user]]") {
        whole["user"][0]["link"] = link.into();
    }
    // Long enough for whatever befalls somebody in an example.
    whole.insert("duration".into(), "90 s".into());
    toml::to_string(&whole).expect("tables are TOML")
}

#[test]
fn every_example_on_the_page_is_right() {
    let page = fs::read_to_string(repository().join("docs/SCENARIOS.md")).expect("the page");
    let blocks = blocks(&page);
    assert_eq!((blocks.len(), blocks.iter().filter(|(fragment, _)| *fragment).count()), (15, 13));
    // Files are looked for beside the scenario, and the page's examples stand nowhere.
    let folder = repository().join("scenarios/traces/");
    for (fragment, block) in blocks {
        let block = block.replace("\"traces/", &format!("\"{}/", folder.display()));
        parse(&if fragment { completed(&block) } else { block });
    }
    // The camera and the server are printed as defaults, and are.
    let defaults = parse(MINIMAL);
    let printed = |table: &str| {
        parse(&completed(
            page.split("```")
                .find(|block| block.starts_with(&format!("toml fragment\n[{table}]")))
                .expect("the block")
                .trim_start_matches("toml fragment"),
        ))
    };
    assert_eq!(printed("camera").camera, defaults.camera);
    assert_eq!(printed("screen").screen, defaults.screen);
    assert_eq!(printed("sfu").sfu, defaults.sfu);
}

#[test]
fn the_example_of_an_error_on_the_page_is_right() {
    let page = fs::read_to_string(repository().join("docs/SCENARIOS.md")).expect("the page");
    let file =
        fs::read_to_string(repository().join("scenarios/first-call.toml")).expect("the file").replace("link = \"dsl\"", "link = \"dls\"");
    let said = Scenario::parse("scenarios/first-call.toml", &file, &[]).expect_err("refused").to_string();
    assert!(page.contains(&said), "{said}");
}

// ---- faults --------------------------------------------------------------------------------------------------------------------------------------------------------

/// Ada and Ben behind a router, Cem without one; `events` is what befalls them.
fn troubled(events: &[&str]) -> String {
    let mut text = "title = \"t\"\nduration = \"60 s\"\n[link.home]\ndelay = \"10 ms\"\nnat = {}\n[link.fibre]\ndelay = \"10 ms\"\n[client]\nafter_window = \"keep_trying\"\n".to_owned();
    for (id, link) in [("ada", "home"), ("ben", "home"), ("cem", "fibre")] {
        text.push_str("[[user]]\nrole = \"joiner\"\njoin = \"1 s\"\n");
        for (key, value) in [("id", id), ("link", link)] {
            text.extend([key, " = \"", value, "\"\n"]);
        }
    }
    for event in events {
        text.extend(["[[event]]\n", &event.replace("; ", "\n"), "\n"]);
    }
    text
}

#[test]
fn faults_are_those_of_the_file() {
    let scenario = parse(&troubled(&[
        "at = \"5 s\"; host = \"sfu\"; do = \"crash\"; for = \"2 s\"",
        "at = \"10 s\"; host = \"ben\"; do = \"partition\"; direction = \"up\"; for = \"4 s\"",
        "at = \"20 s\"; host = \"cem\"; do = \"clock\"; drift = \"-50 ppm\"; leap = \"3 s\"",
        "at = \"30 s\"; host = \"ada\"; do = \"crash\"; silent = true; for = \"5 s\"",
    ]));
    let fault =
        |at_s, until_s: Option<u64>, host, kind| Fault { at: Instant::from_secs(at_s), until: until_s.map(Instant::from_secs), host, kind };
    assert_eq!(
        scenario.faults,
        [
            fault(5, Some(7), 0, FaultKind::Crash { silent: false }),
            fault(10, Some(14), 2, FaultKind::Partition(Ways { up: true, down: false })),
            fault(20, None, 3, FaultKind::Clock { drift_ppb: -50_000, leap: Duration::from_secs(3) }),
            fault(30, Some(35), 1, FaultKind::Crash { silent: true }),
        ]
    );
    assert_eq!(user(&scenario, "ben").up.outages, [Outage { from: Instant::from_secs(10), to: Instant::from_secs(14) }]);
    assert_eq!(user(&scenario, "ben").down.outages, []);
    assert_eq!(
        user(&scenario, "ada").actions,
        [(Instant::from_secs(1), Action::Join), (Instant::from_secs(35), Action::Join)],
        "it enters anew"
    );
}

/// The one message about a file of which one thing is wrong: where it is, and what.
fn told(events: &[&str]) -> String {
    let message = Scenario::parse("call.toml", &troubled(events), &[]).expect_err("something is wrong").to_string();
    let (place, rest) = message.split_once(": ").expect("a place and a problem");
    assert!(place.starts_with("call.toml:") && place.matches(':').count() == 2, "line and column: {message}");
    rest.lines().next().expect("a line").to_owned()
}

#[test]
fn faults_that_cannot_be_are_told_by_line_and_key() {
    let at = |seconds: u32, rest: &str| format!("at = \"{seconds} s\"; {rest}");
    let one = |seconds, rest| told(&[&at(seconds, rest)]);
    assert_eq!(
        one(5, "host = \"sfu\"; do = \"crsh\""),
        "event.0.do: expected \"publish\", \"unpublish\", \"share\", \"unshare\", \"watch\", \"switch_role\", \"mute\", \"unmute\", \"leave\", \"join\", \"crash\", \"pause\", \"partition\", \"hold\", \"close\", \
         \"half_open\", \"rebind\", \"move\" or \"clock\", found \"crsh\"; did you mean \"crash\"?"
    );
    assert_eq!(one(5, "host = \"adda\"; do = \"pause\"; for = \"1 s\""), "event.0.host: no host is called \"adda\"; did you mean \"ada\"?");
    assert_eq!(
        one(5, "user = \"ada\"; do = \"pause\"; for = \"1 s\""),
        "event.0.user: pause befalls a host, it is not done by a user; expected host = \"sfu\" or a user's id"
    );
    assert_eq!(one(5, "host = \"ada\"; do = \"leave\""), "event.0.host: leave is done by a user; expected user = \"ada\" or another id");
    assert_eq!(one(5, "do = \"close\""), "event.0: host is missing; expected a text in quotes");
    assert_eq!(one(5, "do = \"leave\""), "event.0: user is missing; expected a text in quotes");
    assert_eq!(one(5, "host = \"ada\"; do = \"pause\""), "event.0.do: pause for how long? expected for = \"4 s\" or the like beside it");
    assert_eq!(one(5, "host = \"ada\"; do = \"pause\"; for = \"0 s\""), "event.0.for: expected more than nothing");
    assert_eq!(
        one(5, "host = \"ada\"; do = \"close\"; for = \"1 s\""),
        "event.0.for: belongs to crash, pause, partition and hold; close has no for"
    );
    assert_eq!(
        one(5, "host = \"ada\"; do = \"crash\"; direction = \"up\""),
        "event.0.direction: belongs to partition and hold; crash has no direction"
    );
    assert_eq!(one(5, "host = \"ada\"; do = \"move\"; silent = true"), "event.0.silent: belongs to crash; move has no silent");
    assert_eq!(one(5, "host = \"ada\"; do = \"move\"; role = \"player\""), "event.0.role: belongs to switch_role; move has no role");
    assert_eq!(
        one(5, "host = \"ada\"; do = \"clock\""),
        "event.0.do: what of it? expected drift = \"200 ppm\", leap = \"2 s\", or both beside it"
    );
    assert_eq!(one(60, "host = \"ada\"; do = \"close\""), "event.0.at: 60 s is after the end; the scenario lasts 60 s");
    assert_eq!(one(0, "host = \"ada\"; do = \"move\""), "event.0.host: ada is not there to suffer it: it enters at 1 s");
    assert_eq!(
        told(&[&at(3, "user = \"ada\"; do = \"leave\""), &at(5, "host = \"ada\"; do = \"close\"")]),
        "event.1.host: ada is not there to suffer it: it left at 3 s"
    );
    assert_eq!(
        told(&[&at(3, "host = \"ada\"; do = \"crash\""), &at(5, "user = \"ada\"; do = \"leave\"")]),
        "event.1.do: ada can do nothing at 5 s: its host crashed at 3 s"
    );
    assert_eq!(
        told(&[&at(3, "host = \"ada\"; do = \"crash\"; for = \"9 s\""), &at(5, "host = \"ada\"; do = \"pause\"; for = \"1 s\"")]),
        "event.1.host: ada is not there to suffer it: its host crashed at 3 s"
    );
    assert_eq!(
        told(&[&at(3, "host = \"sfu\"; do = \"crash\"; for = \"3 s\""), &at(5, "host = \"ada\"; do = \"close\"")]),
        "event.1.at: an end of the connection is down then: the crash of sfu lasts from 3 s to 6 s"
    );
    assert_eq!(
        told(&[
            &at(3, "host = \"ada\"; do = \"hold\"; for = \"3 s\""),
            &at(5, "host = \"sfu\"; do = \"hold\"; direction = \"up\"; for = \"3 s\"")
        ]),
        "event.1.at: the link suffers that already: the hold of ada lasts from 3 s to 6 s"
    );
    assert_eq!(
        one(5, "host = \"cem\"; do = \"rebind\""),
        "event.0.host: cem has no NAT to be bound anew; expected nat = {} in [link.fibre], or do = \"move\""
    );
    assert_eq!(
        one(5, "host = \"sfu\"; do = \"move\""),
        "event.0.host: move is for users' hosts; the server has one address, and many connections"
    );
    let gives_up = troubled(&[&at(5, "host = \"sfu\"; do = \"crash\"; for = \"1 s\"")]).replace("keep_trying", "give_up");
    let message = Scenario::parse("call.toml", &gives_up, &[]).expect_err("nobody would come back").to_string();
    assert!(message.contains("expected after_window = \"keep_trying\" in [client]"), "{message}");
}
