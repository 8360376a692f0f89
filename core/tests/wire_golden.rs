//! What version 1 of the protocol looks like on the wire, for ever: each line of `wire/v1` parses, and comes out as it went in.
//!
//! A line that is here is never changed or removed. A new message gets a new line; a field that was added later stays away where it has nothing to say.

use core::mem::discriminant;
use std::collections::BTreeSet;

use greenroom_core::{
    code::{Code, Kind},
    id::RequestId,
    stream::LayerSet,
    wire::{Accepted, ClientFrame, ClientMessage, LeaveReason, ServerMessage},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

const CLIENT: &str = include_str!("wire/v1/client.jsonl");
const SERVER: &str = include_str!("wire/v1/server.jsonl");

fn parse<T: DeserializeOwned>(line: &str) -> T {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n  in {line}"))
}

/// Parses each line, and checks that it comes out as it went in.
fn round_trips<T: DeserializeOwned + Serialize>(lines: &str) -> Vec<T> {
    let one = |line: &str| {
        let message: T = parse(line);
        let again = serde_json::to_string(&message).expect("messages are text and numbers");
        assert_eq!(again, line);
        message
    };
    lines.lines().map(one).collect()
}

#[test]
fn every_line_of_a_client_comes_out_as_it_went_in() {
    let frames: Vec<ClientFrame> = round_trips(CLIENT);
    // Matched by name, so that a new message asks for its line here.
    let kinds: BTreeSet<u8> = frames
        .iter()
        .map(|frame| match frame.message {
            ClientMessage::Join { .. } => 0,
            ClientMessage::Leave => 1,
            ClientMessage::Publish { .. } => 2,
            ClientMessage::Unpublish { .. } => 3,
            ClientMessage::Subscribe { .. } => 4,
            ClientMessage::Unsubscribe { .. } => 5,
            ClientMessage::Mute { .. } => 6,
            ClientMessage::SwitchRole { .. } => 7,
            ClientMessage::Media { .. } => 8,
            ClientMessage::Ping => 9,
            ClientMessage::Unknown => 10,
            ClientMessage::Update { .. } => 11,
            ClientMessage::SubscribeVideo { .. } => 12,
            ClientMessage::Renew { .. } => 13,
            ClientMessage::Rename { .. } => 14,
            ClientMessage::LimitBandwidth { .. } => 15,
            ClientMessage::Audience => 16,
            _ => panic!("a message without a line in wire/v1/client.jsonl: {frame:?}"),
        })
        .collect();
    assert_eq!(kinds, (0..=16).collect());
}

#[test]
fn every_line_of_a_server_comes_out_as_it_went_in() {
    let messages: Vec<ServerMessage> = round_trips(SERVER);
    let kinds: BTreeSet<u8> = messages
        .iter()
        .map(|message| match message {
            ServerMessage::Accepted { accepted: Accepted::Joined { .. }, .. } => 0,
            ServerMessage::Accepted { accepted: Accepted::Published { .. }, .. } => 1,
            ServerMessage::Accepted { accepted: Accepted::Done, .. } => 2,
            ServerMessage::Accepted { accepted: Accepted::Unknown, .. } => 13,
            ServerMessage::Refused { .. } => 3,
            ServerMessage::PeerJoined { .. } => 4,
            ServerMessage::PeerLeft { .. } => 5,
            ServerMessage::StreamAdded { .. } => 6,
            ServerMessage::StreamRemoved { .. } => 7,
            ServerMessage::StreamMuted { .. } => 8,
            ServerMessage::Media { .. } => 9,
            ServerMessage::Removed { .. } => 10,
            ServerMessage::Pong => 11,
            ServerMessage::Unknown => 12,
            ServerMessage::Accepted { accepted: Accepted::Subscribed { .. }, .. } => 14,
            ServerMessage::PeerRenamed { .. } => 15,
            ServerMessage::StreamUpdated { .. } => 16,
            ServerMessage::VideoNeeded { .. } => 17,
            ServerMessage::KeyRefused { .. } => 18,
            ServerMessage::Closing { .. } => 19,
            ServerMessage::Volumes { .. } => 20,
            ServerMessage::Accepted { accepted: Accepted::Audience { .. }, .. } => 21,
            _ => panic!("a message without a line in wire/v1/server.jsonl: {message:?}"),
        })
        .collect();
    assert_eq!(kinds, (0..=21).collect());
}

/// A line with a field more, at every level that is an object with fields. A credential is none: its one name says of which kind it is, and what is inside has fields.
fn with_a_field_more(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: serde_json::Map<_, _> = fields.iter().map(|(name, value)| (name.clone(), with_a_field_more(value))).collect();
            let is_credential = fields.len() == 1 && (fields.contains_key("signature") || fields.contains_key("channel_key"));
            if !is_credential {
                fields.insert("since_version_9".to_string(), serde_json::json!({ "a": [1, "b", null] }));
            }
            Value::Object(fields)
        }
        Value::Array(items) => Value::Array(items.iter().map(with_a_field_more).collect()),
        other => other.clone(),
    }
}

#[test]
fn fields_of_newer_peers_are_ignored() {
    for line in CLIENT.lines() {
        let more = with_a_field_more(&parse(line)).to_string();
        assert_eq!(parse::<ClientFrame>(&more), parse(line));
    }
    for line in SERVER.lines() {
        let more = with_a_field_more(&parse(line)).to_string();
        assert_eq!(parse::<ServerMessage>(&more), parse(line));
    }
}

#[test]
fn messages_of_newer_peers_are_unknown_and_keep_their_number() {
    let frame: ClientFrame = parse(r#"{"request":5,"type":"raise_hand","height_cm":180}"#);
    assert_eq!(frame, ClientFrame { request: RequestId(5), message: ClientMessage::Unknown });
    let message: ServerMessage = parse(r#"{"type":"hand_raised","user":"ada"}"#);
    assert_eq!(discriminant(&message), discriminant(&ServerMessage::Unknown));
}

#[test]
fn codes_and_reasons_of_newer_peers_survive() {
    let line = r#"{"type":"refused","request":9,"code":2999}"#;
    let message: ServerMessage = parse(line);
    assert_eq!(message, ServerMessage::Refused { request: RequestId(9), code: Code(2999) });
    assert_eq!(Code(2999).kind(), Kind::Room);
    assert_eq!(serde_json::to_string(&message).expect("text and numbers"), line);
    let line = r#"{"type":"peer_left","user":"bob","reason":200}"#;
    let message: ServerMessage = parse(line);
    assert!(matches!(message, ServerMessage::PeerLeft { reason: LeaveReason(200), .. }));
    assert_eq!(serde_json::to_string(&message).expect("text and numbers"), line);
}

#[test]
fn what_may_be_left_out_has_its_meaning() {
    let short: ClientFrame = parse(r#"{"request":2,"type":"join","room":"stage","user":"bob","role":"player"}"#);
    assert_eq!(short, parse(CLIENT.lines().nth(1).expect("Bob's join is the second line")));
    let subscribe: ClientFrame = parse(r#"{"request":9,"type":"subscribe","stream":3,"video":true}"#);
    assert!(matches!(
        subscribe.message,
        ClientMessage::Subscribe { audio: false, video: true, layers: LayerSet::HIGHEST, min_height: None, .. }
    ));
}

// R-056 R-058
#[test]
fn what_cannot_be_is_an_error_that_says_so() {
    for (line, says) in [
        (r#"{"request":1,"type":"join","room":"stage","user":"a d a","role":"joiner"}"#, "user id holds ' ' at byte 1"),
        (r#"{"request":1,"type":"join","room":"","user":"ada","role":"joiner"}"#, "room id is empty"),
        (r#"{"request":1,"type":"join","room":"stage","user":"ada","role":"ghost"}"#, "unknown variant `ghost`"),
        (r#"{"request":-1,"type":"ping"}"#, "invalid value: integer `-1`"),
        (r#"{"type":"ping"}"#, "missing field `request`"),
        (r#"{"request":1}"#, "missing field `type`"),
    ] {
        let error = serde_json::from_str::<ClientFrame>(line).expect_err(line).to_string();
        assert!(error.contains(says), "{line}\n  says: {error}");
    }
}
