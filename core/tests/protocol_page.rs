//! What `docs/PROTOCOL.md` says of the wire and of limits is what the code does.

use core::time::Duration;
use std::collections::BTreeSet;

use greenroom_core::{
    code::Code,
    limits,
    wire::{ClientFrame, ServerMessage},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/PROTOCOL.md");
const LIMITS: &str = include_str!("../src/limits.rs");

/// The lines of the block that begins with that fence.
fn block(fence: &str) -> impl Iterator<Item = &'static str> {
    let (_, after) = PAGE.split_once(&format!("```{fence}\n")).unwrap_or_else(|| panic!("the page has no block ```{fence}"));
    after.lines().take_while(|line| *line != "```")
}

/// Parses each example, checks that it comes out as it went in, and returns the types that there are.
fn types<T: DeserializeOwned + Serialize>(fence: &str) -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for line in block(fence) {
        let message: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n  in {line}"));
        let written = serde_json::to_value(&message).expect("messages are text and numbers");
        let example: Value = serde_json::from_str(line).expect("it was just parsed");
        assert_eq!(written, example);
        assert_ne!(written["type"], "unknown", "{line}");
        types.insert(written["type"].as_str().expect("every message has a type").to_owned());
    }
    types
}

/// The message types in the first column of the tables between two headings.
fn in_tables(from: &str, to: &str) -> BTreeSet<String> {
    let (_, after) = PAGE.split_once(from).expect("the heading is there");
    let (section, _) = after.split_once(to).expect("and the next one");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.flat_map(|row| row.split('|').nth(1).unwrap_or("").split(','));
    cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

#[test]
fn every_example_is_a_message_and_every_message_has_an_example() {
    assert_eq!(types::<ClientFrame>("json client"), in_tables("## From the client", "## From the server"));
    assert_eq!(types::<ServerMessage>("json server"), in_tables("## From the server", "## Codes"));
    // The golden lines of the wire are complete by a `match`; whatever has a line there has an example here.
    for (fence, golden) in [("json client", include_str!("wire/v1/client.jsonl")), ("json server", include_str!("wire/v1/server.jsonl"))] {
        let shown = if fence == "json client" { types::<ClientFrame>(fence) } else { types::<ServerMessage>(fence) };
        for line in golden.lines() {
            let value: Value = serde_json::from_str(line).expect("golden lines are JSON");
            let name = value["type"].as_str().expect("every message has a type");
            assert!(name == "unknown" || shown.contains(name), "{name} has no example on the page");
        }
    }
}

#[test]
fn codes_that_the_page_names_exist() {
    let names: BTreeSet<&str> = Code::ALL.iter().filter_map(|code| code.name()).collect();
    for name in [
        "CUT_SHORT",
        "RECONNECT_TIMEOUT",
        "SESSION_GONE",
        "REPLACED",
        "KEY_INVALID",
        "DISSOLVED",
        "TOO_MANY_TAKEOVERS",
        "USER_PRESENT",
        "TOO_FAST",
        "TOO_SLOW",
        "TOO_MANY_FAILURES",
        "NOT_IN_ROOM",
        "JOINER_ELSEWHERE",
        "RELAYED_ALREADY",
        "TOO_MANY_RELAYS",
    ] {
        assert!(PAGE.contains(&format!("`{name}`")) && names.contains(name), "{name}");
    }
}

/// How the page writes a limit.
trait Written {
    fn written(self) -> String;
}

impl Written for usize {
    fn written(self) -> String {
        self.to_string()
    }
}

impl Written for u32 {
    fn written(self) -> String {
        self.to_string()
    }
}

impl Written for u64 {
    fn written(self) -> String {
        self.to_string()
    }
}

impl Written for u8 {
    fn written(self) -> String {
        self.to_string()
    }
}

impl Written for Duration {
    fn written(self) -> String {
        match self.subsec_nanos() {
            0 => format!("{} s", self.as_secs()),
            _ => format!("{} ms", self.as_millis()),
        }
    }
}

/// Names with their values.
macro_rules! values {
    ($($name:ident)+) => { [$((stringify!($name), limits::$name.written())),+] };
}

#[test]
fn the_table_of_limits_is_that_of_the_code() {
    let values = values! {
        ROOM_ID_BYTES USER_ID_BYTES USER_NAME_BYTES RID_BYTES
        APP_ID_BYTES SIGNATURE_BYTES CTIME_BYTES SIGNATURE_AHEAD CHANNEL_KEY_BYTES CHANNEL_NAME_BYTES CHANNEL_KEY_WINDOW CHANNEL_KEY_LIFE CHANNEL_KEY_AHEAD
        ROOM_MEMBERS STREAMS_PER_MEMBER LAYERS_PER_STREAM TEMPORAL_LAYERS LAYER_LINGER EXCESS_PATIENCE SUBSCRIPTIONS_PER_MEMBER TAKEOVERS_PER_MINUTE OPEN_REQUESTS
        MEDIA_DESCRIPTION_BYTES ROOM_BATCH ROOM_BATCH_SPACING ROOM_OUTPUTS SPAN_MIN HEARTBEAT_INTERVAL HEARTBEAT_TIMEOUT RESPONSE_TIMEOUT CONNECT_TIMEOUT
        RECONNECT_WINDOW KEY_GRACE BACKOFF_FIRST BACKOFF_MAX RECONNECT_ATTEMPT KEY_FRAME_INTERVAL KEY_FRAME_RETRY UP_SPACING UP_HOLD UP_RETRY_FIRST UP_RETRY
        SCREEN_ALLOWANCE_BPS QUEUE_TARGET QUEUE_PATIENCE SCREEN_QUEUE_PATIENCE
        QUALITY_WINDOW QUALITY_SPAN_MAX
        LOUDEST VOICE_HOLD VOICE_CHALLENGE VOICE_TENURE VOICE_DECISION VOLUME_INTERVAL VOICE_BPS WATCH_INTERVAL_SECS WATCH_GATHER
        LOCAL_STREAMS EVENT_HANDLERS RELAY_SERVERS SERVER_ADDRESS_BYTES TURN_CREDENTIAL_BYTES
        ROOMS CONNECTIONS RELAY_ROOMS ENDED_STAYS DISSOLVED_ROOMS ROOM_IDLE JOIN_PATIENCE COMMAND_INTERVAL COMMAND_BURST SUBSCRIBE_INTERVAL SUBSCRIBE_BURST FAILED_JOIN_INTERVAL FAILED_JOIN_BURST
        FAILED_JOIN_SOURCES REFUSAL_INTERVAL REFUSAL_BURST OUTBOX_MESSAGES OUTBOX_BYTES
    };
    let (_, section) = PAGE.split_once("## Timers and limits").expect("the heading is there");
    let rows: Vec<(String, String)> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    let expected: Vec<(String, String)> = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(rows, expected);
    let declared = LIMITS.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    assert_eq!(
        declared.collect::<Vec<_>>(),
        expected.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "in the order of limits.rs"
    );
}
