//! What is seen, as lines of JSON. Field names and their order are those of `docs/SCRIPT.md`.

use greenroom_core::{
    dialect::{StreamRef, VendorError},
    stream::StreamKind,
    time::Instant,
};
use serde::Serialize;
use serde_json::{Value, json};

/// One line.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<&'a str>,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What<'a> {
    Return {
        #[serde(rename = "return")]
        call: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        on: Option<Value>,
        ok: bool,
        #[serde(flatten)]
        result: Outcome<'a>,
    },
    Event {
        event: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        on: Option<Value>,
        data: &'a Value,
    },
    Notice {
        notice: &'a str,
        data: &'a Value,
    },
    Server {
        server: &'a str,
        ok: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Problem<'a>>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Value { value: &'a Value },
    Error { error: Problem<'a> },
}

#[derive(Serialize)]
struct Problem<'a> {
    code: Value,
    msg: &'a str,
}

/// A call was answered.
pub(super) fn returned(now: Instant, who: &str, call: &str, on: Option<&StreamRef>, result: &Result<Value, VendorError>) -> String {
    let ok = result.is_ok();
    let result = match result {
        Ok(value) => Outcome::Value { value },
        Err(error) => Outcome::Error { error: Problem { code: error.code.clone(), msg: &error.msg } },
    };
    write(now, Some(who), What::Return { call, on: on.map(target), ok, result })
}

/// An event was told.
pub(super) fn event(now: Instant, who: &str, on: Option<&str>, name: &str, data: &Value) -> String {
    write(now, Some(who), What::Event { event: name, on: on.map(|name| json!({ "local": name })), data })
}

/// Something was told that no vendor document has.
pub(super) fn notice(now: Instant, who: &str, name: &str, data: &Value) -> String {
    write(now, Some(who), What::Notice { notice: name, data })
}

/// The server refused one of the application's calls. What it granted, others see.
pub(super) fn server_refused(now: Instant, call: &str, code: u16, msg: &str) -> String {
    write(now, None, What::Server { server: call, ok: false, error: Some(Problem { code: code.into(), msg }) })
}

fn write(now: Instant, who: Option<&str>, what: What<'_>) -> String {
    serde_json::to_string(&Line { at_ms: now.as_nanos() / 1_000_000, who, what }).expect("texts, numbers and values can always be written")
}

fn target(stream: &StreamRef) -> Value {
    match stream {
        StreamRef::Local(name) => json!({ "local": name }),
        StreamRef::Remote { user, kind: StreamKind::Main } => json!({ "user": user, "type": "main" }),
        StreamRef::Remote { user, kind: StreamKind::Aux } => json!({ "user": user, "type": "auxiliary" }),
    }
}
