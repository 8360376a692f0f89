//! Harnesses that fuzz targets and ordinary tests share: each takes any bytes, and panics where the core breaks a promise.
//!
//! Under `cargo fuzz` a target runs its harness on what the fuzzer makes up. An ordinary build makes the same targets programs that replay files:
//!
//! ```text
//! cargo run -p greenroom-fuzz --bin room_history -- fuzz/corpus/room_history/*
//! cargo +nightly fuzz run room_history
//! ```
//!
//! `tests/replay.rs` replays every corpus. A file that made a harness fail belongs into its corpus, once the failure is mended.

use std::{fs, path::PathBuf, process::ExitCode};

use greenroom_core::{
    forward::{Config, Forwarder, Incoming, Outgoing, Verdict},
    id::{LayerId, RequestId, RoomId, SessionId, UserId},
    role::Role,
    room::{self, Room},
    session::{self, Call, CallId, ConnectionId, JoinCall, Session},
    time::Instant,
    trace::{self, Choices, ROOM, laws},
    vp8::{self, Picture},
    wire::{Accepted, ClientFrame, ServerMessage},
};

/// A harness: it panics where the core breaks a promise.
pub type Harness = fn(&[u8]);

/// Every target by its name. Its corpus is `fuzz/corpus/<name>`.
pub const TARGETS: [(&str, Harness); 4] =
    [("wire_decode", wire_decode), ("room_history", room_history), ("session_history", session_history), ("forwarder", forwarder)];

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
            forwarder.set_target((target < 3).then_some(LayerId(target)));
        }
        seq = match choices.below(16) {
            0 => u64::from(choices.bits()),
            1..=3 => seq + u64::from(choices.below(200)),
            4 | 5 => seq.saturating_sub(u64::from(choices.below(200))),
            _ => seq + 1,
        };
        let mut payload: Vec<u8> = (0..choices.below(9)).map(|_| choices.byte()).collect();
        if choices.flag() {
            payload = vp8::head(true, choices.one_in(4), u16::from(choices.byte()), choices.byte()).to_vec();
        }
        let packet = Incoming {
            layer: LayerId(choices.below(3)),
            source: u32::from(choices.one_in(30)),
            seq,
            timestamp: choices.bits(),
            picture: vp8::Descriptor::parse(&payload),
        };
        if let Verdict::Forward(outgoing) = forwarder.handle_packet(now, &packet) {
            onlooker.see(&packet, &outgoing);
            let picture = outgoing.picture.unwrap_or(Picture { picture_id: 0, tl0_pic_idx: 0 });
            assert_eq!(vp8::rewrite(&mut payload, picture), packet.picture.is_some());
            let key_frame = vp8::Descriptor::parse(&payload).map(|picture| picture.key_frame);
            assert_eq!(key_frame, packet.picture.map(|picture| picture.key_frame), "a rewritten packet begins what it began");
        }
    }
}

/// Who sees what goes in and comes out, and cannot look inside.
#[derive(Default)]
struct Onlooker {
    run: Option<(Incoming, Outgoing)>,
    highest: u64,
}

impl Onlooker {
    fn see(&mut self, packet: &Incoming, outgoing: &Outgoing) {
        let continues = self.run.is_some_and(|(first_in, first_out)| {
            let same = first_in.layer == packet.layer && first_in.source == packet.source && outgoing.switched.is_none();
            same && outgoing.seq.wrapping_sub(first_out.seq) == packet.seq.wrapping_sub(first_in.seq)
        });
        if let Some((first_in, first_out)) = self.run.filter(|_| continues) {
            let (came, went) = (packet.timestamp.wrapping_sub(first_in.timestamp), outgoing.timestamp.wrapping_sub(first_out.timestamp));
            assert_eq!(came, went, "within a run timestamps keep their distances");
        } else {
            assert!(packet.picture.is_some_and(|picture| picture.key_frame), "{packet:?} begins a run and is no key frame");
            assert!(outgoing.seq > self.highest, "a run begins at {}, and {} was sent", outgoing.seq, self.highest);
            self.run = Some((*packet, *outgoing));
        }
        self.highest = self.highest.max(outgoing.seq);
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
