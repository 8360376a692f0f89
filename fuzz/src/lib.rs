//! Harnesses that fuzz targets and ordinary tests share: each takes any bytes, and panics where the core breaks a promise.
//!
//! Under `cargo fuzz` a target runs its harness on what the fuzzer makes up. An ordinary build makes the same targets programs that replay files:
//!
//! ```text
//! cargo run -p greenroom-fuzz --bin room_history -- fuzz/corpus/room_history/*
//! cargo fuzz run -s none room_history target/corpus fuzz/corpus/room_history
//! ```
//!
//! `tests/replay.rs` replays every corpus. A file that made a harness fail belongs into its corpus, once the failure is mended.

use std::{collections::BTreeSet, fs, path::PathBuf, process::ExitCode};

#[allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "as above")]
#[path = "../../core/tests/reference/history.rs"]
pub mod history;
/// Histories as steps, a plain model of a service, and how the two are compared: what `core/tests/reference.rs` runs on chance.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    reason = "they are parts of a test, whose files say what they are"
)]
#[path = "../../core/tests/common/host.rs"]
pub mod host;
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "as above")]
#[path = "../../core/tests/reference/model.rs"]
pub mod model;
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "as above")]
#[path = "../../core/tests/reference/run.rs"]
pub mod run;

use greenroom_core::{
    auth::{Authority, Claim, Credential, Purpose, Secret, channel_key, signature},
    forward::{Config, Forwarder, Incoming, Outgoing, Verdict},
    id::{AppId, LayerId, RequestId, RoomId, SessionId, TemporalId, UserId},
    role::Role,
    room::{self, Room},
    select::Layer,
    service::Service,
    session::{self, Call, CallId, ConnectionId, JoinCall, Session},
    time::{Instant, UnixSeconds},
    trace::{self, Choices, ROOM, laws},
    vp8::{self, Picture},
    wire::{Accepted, ClientFrame, ServerMessage},
};
use greenroom_sim::script::Story;

/// A harness: it panics where the core breaks a promise.
pub type Harness = fn(&[u8]);

/// Every target by its name. Its corpus is `fuzz/corpus/<name>`.
pub const TARGETS: [(&str, Harness); 7] = [
    ("wire_decode", wire_decode),
    ("room_history", room_history),
    ("session_history", session_history),
    ("service_history", service_history),
    ("forwarder", forwarder),
    ("keys", keys),
    ("script_lines", script_lines),
];

const START: Instant = Instant::from_secs(1);

/// Whatever parses as a message is written as it is read, and no room or session minds it.
pub fn wire_decode(bytes: &[u8]) {
    if let Ok(frame) = serde_json::from_slice::<ClientFrame>(bytes) {
        let again = serde_json::to_vec(&frame).expect("messages are text and numbers");
        assert_eq!(serde_json::from_slice::<ClientFrame>(&again).expect("what was written is read"), frame);
        hand_to_a_room(&frame);
    }
    if let Ok(message) = serde_json::from_slice::<ServerMessage>(bytes) {
        let again = serde_json::to_vec(&message).expect("messages are text and numbers");
        assert_eq!(serde_json::from_slice::<ServerMessage>(&again).expect("what was written is read"), message);
        hand_to_a_session(&message);
    }
}

/// A room keeps the laws on any history.
pub fn room_history(bytes: &[u8]) {
    let config = room_config();
    let steps = trace::room_history(&config, START, bytes);
    laws::check_all(&Room::new(START, config), START, &steps);
}

/// A session keeps the laws on any history.
pub fn session_history(bytes: &[u8]) {
    let config = session::Config::default();
    let steps = trace::session_history(&config, START, bytes);
    laws::check_all(&Session::new(START, config), START, &steps);
}

/// A service keeps the laws on any history, and does what a plain model of it does. The first byte says which of the two is looked at.
pub fn service_history(bytes: &[u8]) {
    match bytes.split_first() {
        Some((which, bytes)) if which % 2 == 0 => {
            let config = trace::service_config();
            let steps = trace::service_history(&config, START, bytes);
            laws::check_all(&Service::new(START, config), START, &steps);
        }
        Some((_, bytes)) => against_the_model(run::service(), bytes),
        None => {}
    }
}

/// A service, or what pretends to be one, does what a plain model does on the history that the bytes tell.
pub fn against_the_model(host: impl host::Host, bytes: &[u8]) {
    if let Err(why) = run::play(host, &history::history(bytes)) {
        panic!("{why}");
    }
}

/// Whatever is shown is granted only where it is, letter by letter, what the holder of the secret would have made; what is read is written as it was; and nothing takes a stranger in.
pub fn keys(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Ok(credential) = serde_json::from_str::<Credential>(text) {
        let again = serde_json::to_string(&credential).expect("credentials are text");
        assert_eq!(serde_json::from_str::<Credential>(&again).ok().as_ref(), Some(&credential), "what was written is read");
        show(&credential);
    }
    show(&Credential::ChannelKey { key: text.into() });
    if let Some((signature, ctime)) = text.split_once(' ') {
        show(&Credential::Signature { signature: signature.into(), ctime: ctime.into() });
    }
}

/// The secret of every app that [`keys`] has.
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// The app that keys are shown to.
pub const APP: &str = "fedcba9876543210fedcba9876543210";
/// The date at which they are shown.
pub const DATE: UnixSeconds = UnixSeconds(1_700_000_000);

fn show(credential: &Credential) {
    let (app, secret) = (AppId::new(APP).expect("a valid id"), Secret::new(SECRET));
    let claim = Claim { app: &app, room: "stage", user: "7" };
    let authorities = [Authority::Signature { key: secret.clone() }, Authority::ChannelKey { certificate: secret.clone() }];
    for authority in &authorities {
        for purpose in [Purpose::Join, Purpose::Rejoin, Purpose::Renew, Purpose::SwitchRole] {
            if authority.check(claim, Some(credential), purpose, DATE).is_err() {
                continue;
            }
            match credential {
                Credential::Signature { signature, ctime } => assert_eq!(**signature, signature::sign(&secret, APP, "stage", "7", ctime)),
                Credential::ChannelKey { key } => {
                    let random = u32::from_str_radix(&key[85..93], 16).expect("a key that is granted has its form");
                    let times = channel_key::ChannelKey::parse(key).expect("a key that is granted has its form").times();
                    let made = channel_key::generate(&channel_key::Request {
                        version: channel_key::Version::V004,
                        service: channel_key::Service::Media,
                        app_id: &app,
                        certificate: &secret,
                        channel: "stage",
                        issued: times.issued,
                        random,
                        uid: Some(7),
                        expires: Some(times.expires),
                    });
                    assert_eq!(made.as_deref(), Ok(&**key));
                }
            }
            let stranger = Claim { user: "8", ..claim };
            assert!(authority.check(stranger, Some(credential), purpose, DATE).is_err(), "what was made for one user lets in another");
        }
    }
}

/// A story is read, or refused with the line that is wrong.
pub fn script_lines(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Err(error) = Story::parse(text) {
        assert!((1..=text.lines().count().max(1)).contains(&error.line), "{error}: there is no such line");
        assert!(!error.problem.is_empty());
    }
}

/// A forwarder cuts whatever comes into runs that share no number, each beginning with a key frame; and a payload descriptor is rewritten in place or not at all.
pub fn forwarder(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut forwarder = Forwarder::new(Config::VIDEO);
    let mut onlooker = Onlooker::default();
    let mut now = START;
    let mut seq = 0;
    while !choices.is_over() {
        now = now.saturating_add(core::time::Duration::from_millis(u64::from(choices.below(50))));
        if choices.one_in(10) {
            let target = choices.below(4);
            let temporal = TemporalId(choices.below(4));
            forwarder.set_target((target < 3).then_some(Layer { spatial: LayerId(target), temporal }));
        }
        seq = match choices.below(16) {
            0 => u64::from(choices.bits()),
            1..=3 => seq + u64::from(choices.below(200)),
            4 | 5 => seq.saturating_sub(u64::from(choices.below(200))),
            _ => seq + 1,
        };
        let mut payload: Vec<u8> = (0..choices.below(9)).map(|_| choices.byte()).collect();
        if choices.flag() {
            let picture = Picture { picture_id: u16::from(choices.byte()), tl0_pic_idx: choices.byte() };
            payload = vp8::layered_head(true, choices.one_in(4), picture, choices.below(4), choices.flag()).to_vec();
        }
        let packet = Incoming {
            layer: LayerId(choices.below(3)),
            source: u32::from(choices.one_in(30)),
            seq,
            timestamp: choices.bits(),
            picture: vp8::Descriptor::parse(&payload),
        };
        match forwarder.handle_packet(now, &packet) {
            Verdict::Drop(_) => {}
            Verdict::Fill { seq, .. } => onlooker.count(seq),
            Verdict::Forward(outgoing) => {
                onlooker.see(&packet, &outgoing);
                let picture = outgoing.picture.unwrap_or(Picture { picture_id: 0, tl0_pic_idx: 0 });
                assert_eq!(vp8::rewrite(&mut payload, picture), packet.picture.is_some());
                let key_frame = vp8::Descriptor::parse(&payload).map(|picture| picture.key_frame);
                assert_eq!(key_frame, packet.picture.map(|picture| picture.key_frame), "a rewritten packet begins what it began");
            }
        }
    }
}

/// Who sees what goes in and comes out, and cannot look inside.
#[derive(Default)]
struct Onlooker {
    run: Option<(Incoming, Outgoing)>,
    numbers: BTreeSet<u64>,
}

impl Onlooker {
    fn see(&mut self, packet: &Incoming, outgoing: &Outgoing) {
        let other_layer = outgoing.switched.is_some_and(|switch| switch.from.map(|from| from.spatial) != Some(switch.to.spatial));
        let continues = self.run.is_some_and(|(first_in, first_out)| {
            let (came, went) = (packet.timestamp.wrapping_sub(first_in.timestamp), outgoing.timestamp.wrapping_sub(first_out.timestamp));
            first_in.layer == packet.layer && first_in.source == packet.source && !other_layer && came == went
        });
        if !continues {
            assert!(packet.picture.is_some_and(|picture| picture.key_frame), "{packet:?} begins a run and is no key frame");
            let highest = self.numbers.last().copied().unwrap_or(0);
            assert!(outgoing.seq > highest, "a run begins at {}, and {highest} was sent", outgoing.seq);
            self.run = Some((*packet, *outgoing));
        }
        self.count(outgoing.seq);
    }

    /// At the end of all numbers the last one is sent over and over.
    fn count(&mut self, seq: u64) {
        assert!(self.numbers.insert(seq) || seq == u64::MAX, "{seq} went out twice");
    }
}

/// A small room, so that it fills.
fn room_config() -> room::Config {
    let mut config = room::Config::new(RoomId::new(ROOM).expect("a valid id"));
    config.members_max = 4;
    config
}

/// A room in which Ada publishes hears the message from her, from a stranger, and from her again.
fn hand_to_a_room(frame: &ClientFrame) {
    let mut room = Room::new(START, room_config());
    let publish = r#"{"request":2,"type":"publish","kind":"main","audio_bps":32000,"layers":[{"rid":"q","height":180,"max_bps":150000}]}"#;
    let join = r#"{"request":1,"type":"join","room":"stage","user":"ada","role":"joiner","media":"ice"}"#;
    let frames = [join, publish].map(|text| serde_json::from_str(text).expect("both are valid"));
    let told = frames.into_iter().map(|frame| (1, frame)).chain([1, 2, 1].map(|session| (session, frame.clone())));
    for (session, frame) in told {
        let session = SessionId(session);
        room.handle_input(START, room::Input::Message { session, frame }).expect("time stands still");
    }
    while room.poll_output().is_some() {}
}

/// A session that connects, joins and is in the room hears the message each time.
fn hand_to_a_session(message: &ServerMessage) {
    let mut session = Session::new(START, session::Config::default());
    let join = JoinCall::new(RoomId::new("stage").expect("it is valid"), UserId::new("ada").expect("it is valid"), Role::Joiner);
    let connection = ConnectionId(1);
    let call = Call::Join(join);
    let joined: Accepted =
        serde_json::from_str(r#"{"granted":"joined","member":1,"version":1,"role":"joiner","resumed":false,"members":[],"streams":[]}"#)
            .expect("it is valid");
    let received = |message: &ServerMessage| session::Input::Received { connection, message: message.clone() };
    let accepted = ServerMessage::Accepted { request: RequestId(1), accepted: joined };
    let inputs = [
        received(message),
        session::Input::Call { id: CallId(1), call },
        received(message),
        session::Input::Opened { connection },
        received(message),
        received(&accepted),
        received(message),
        received(message),
    ];
    for input in inputs {
        session.handle_input(START, input).expect("time stands still");
    }
    while session.poll_output().is_some() {}
}

/// The files of a corpus, by name.
pub fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    files.sort();
    files
}

/// Runs a harness on the files that a program was given as arguments.
pub fn replay_arguments(harness: Harness) -> ExitCode {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        eprintln!("no files given: name the files to replay, such as those of fuzz/corpus; to make up new ones, use cargo fuzz");
        return ExitCode::FAILURE;
    }
    for file in &files {
        match fs::read(file) {
            Ok(bytes) => harness(&bytes),
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{} files, no complaints", files.len());
    ExitCode::SUCCESS
}
