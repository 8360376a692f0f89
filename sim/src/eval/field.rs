//! Reading the fields of a case. An error names the field, what was found there, and what was expected.

use serde_json::{Map, Value};

use super::kinds;

/// Why a case could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The line is longer than [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
    #[error("the line is longer than {} bytes; expected one JSON object on a shorter line", super::LINE_BYTES_MAX)]
    TooLong,
    /// The line is not text.
    #[error("not UTF-8 from byte {at} on; expected one JSON object on a line")]
    NotUtf8 {
        /// Where it stops being text, in bytes from its start.
        at: usize,
    },
    /// The line is not JSON.
    #[error("not JSON at column {column}: {}; expected one object on a line", .what.split(" at line ").next().unwrap_or(.what))]
    NotJson {
        /// Where, in bytes from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// The line is JSON, and something else than an object.
    #[error("found {found}, expected an object with a kind")]
    NotAnObject {
        /// What it is.
        found: String,
    },
    /// No part answers to that name.
    #[error("kind: {found} is not offered by this version, which offers {}", kinds().collect::<Vec<_>>().join(", "))]
    NoSuchKind {
        /// The name.
        found: String,
    },
    /// A field is missing or holds what it cannot.
    #[error("{name}: found {found}, expected {expected}")]
    Field {
        /// The field.
        name: &'static str,
        /// What stands there, shortened; of a secret, only how long it is.
        found: String,
        /// What should.
        expected: String,
    },
    /// The same, further down in a case.
    #[error("{path}: found {found}, expected {expected}")]
    Nested {
        /// The way to the value: `link.loss.p`, `packets[3][0]`.
        path: String,
        /// What stands there, shortened.
        found: String,
        /// What should.
        expected: String,
    },
    /// The fields are each as they should be, and do not go together.
    #[error("{0}")]
    Together(String),
}

/// The fields of a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'c>(&'c Map<String, Value>);

impl<'c> Fields<'c> {
    pub(super) fn new(case: &'c Map<String, Value>) -> Self {
        Self(case)
    }

    /// A field's value. One that is null is as good as absent.
    pub(super) fn get(self, name: &str) -> Option<&'c Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A field that holds a text.
    pub(super) fn text(self, name: &'static str) -> Result<&'c str, CaseError> {
        self.get(name).and_then(Value::as_str).ok_or_else(|| self.wrong(name, "a text"))
    }

    /// A text that errors do not show: a key, a certificate, a signature.
    pub(super) fn secret(self, name: &'static str) -> Result<&'c str, CaseError> {
        let found = || self.get(name).map_or_else(|| "nothing".to_owned(), |value| kind_of(value).to_owned());
        self.get(name).and_then(Value::as_str).ok_or_else(|| CaseError::Field { name, found: found(), expected: "a text".into() })
    }

    /// A text with digits, which may be written as a number, too.
    pub(super) fn text_or_integer(self, name: &'static str) -> Result<String, CaseError> {
        match self.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
            _ => Err(self.wrong(name, "a whole number or a text")),
        }
    }

    /// A field that holds a whole number that the type has.
    pub(super) fn integer<N: TryFrom<u64>>(self, name: &'static str) -> Result<N, CaseError> {
        let number = self.get(name).and_then(Value::as_u64).and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| self.wrong(name, format!("a whole number of {} bits, not negative", 8 * size_of::<N>())))
    }

    /// The same, if the field is there.
    pub(super) fn integer_if_any<N: TryFrom<u64>>(self, name: &'static str) -> Result<Option<N>, CaseError> {
        self.get(name).map(|_| self.integer(name)).transpose()
    }

    /// A field that is true or false, and false where it is absent.
    pub(super) fn flag(self, name: &'static str) -> Result<bool, CaseError> {
        self.get(name).map_or(Ok(false), |value| value.as_bool().ok_or_else(|| self.wrong(name, "true or false")))
    }

    /// A text that `read` makes something of.
    pub(super) fn word<T>(self, name: &'static str, expected: &str, read: impl FnOnce(&'c str) -> Option<T>) -> Result<T, CaseError> {
        self.get(name).and_then(Value::as_str).and_then(read).ok_or_else(|| self.wrong(name, expected))
    }

    /// The error for a field that does not hold what was expected.
    pub(super) fn wrong(self, name: &'static str, expected: impl Into<String>) -> CaseError {
        let found = self.get(name).map_or_else(|| "nothing".to_owned(), describe);
        CaseError::Field { name, found, expected: expected.into() }
    }
}

/// A value in an error: as it is if it is short.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => shorten(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => kind_of(value).to_owned(),
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A text in quotes, of which an error shows this many characters.
pub(super) fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} and {} more bytes", &text[..end], text.len() - end),
        None => format!("{text:?}"),
    }
}
