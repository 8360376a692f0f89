//! The parts of the core, asked line by line in JSON: `greenroom eval`.
//!
//! A *case* is a line with an object whose `kind` says which part is asked; the other fields are its arguments. The answer is a line, too. So what a part decides can be tried out
//! from a shell, and held against vectors that others publish, without a line of Rust. `docs/EVAL.md` lists the kinds, with examples that are tested.
//!
//! ```
//! let reply = greenroom_sim::eval::answer(br#"{"id":1,"kind":"region","country":"JP"}"#);
//! assert_eq!(serde_json::to_string(&reply)?, r#"{"id":1,"dr":"DR2","name":"Japan","routed_as":"JP"}"#);
//!
//! let reply = greenroom_sim::eval::answer(br#"{"id":2,"kind":"region"}"#);
//! assert_eq!(serde_json::to_string(&reply)?, r#"{"id":2,"error":"country: found nothing, expected a text"}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod allocation;
mod answer;
mod code;
mod field;
mod link;
mod loudest;
mod profile;
mod quality;
mod region;
mod token;

use serde_json::{Map, Value};

use self::field::Fields;
pub use self::{
    answer::{Answer, Reply},
    field::CaseError,
};

/// What answers the cases of one kind.
type Decide = fn(Fields<'_>) -> Result<Answer, CaseError>;

/// The kinds of cases there are, and what answers them.
const KINDS: &[(&str, Decide)] = &[
    ("code", code::code),
    ("profile", profile::profile),
    ("region", region::region),
    ("huawei_sign", token::huawei_sign),
    ("huawei_verify", token::huawei_verify),
    ("agora_key", token::agora_key),
    ("agora_parse_verify", token::agora_parse_verify),
    ("agora_time", token::agora_time),
    ("g107_mos", quality::g107_mos),
    ("g107_full", quality::g107_full),
    ("emodel_simplified", quality::emodel_simplified),
    ("g107_1_wb", quality::g107_1_wb),
    ("g107_2_fb", quality::g107_2_fb),
    ("design_instant", quality::design_instant),
    ("design_sequence", quality::design_sequence),
    ("loudest", loudest::loudest),
    ("allocation", allocation::allocation),
    ("allocation_ramp", allocation::allocation_ramp),
    ("link", link::link),
];

/// Longest line that is read, in bytes. A choice: the packets of a link, a million and a half of them, are the longest case anybody has; read, they take half a gigabyte.
pub const LINE_BYTES_MAX: usize = 1 << 26;

/// The kinds of cases that this version answers.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, _)| *name)
}

/// The answer to one line, which is not blank.
pub fn answer(line: &[u8]) -> Reply {
    match parse(line) {
        Ok(case) => Reply { id: case.get("id").cloned(), outcome: decide(&case) },
        Err(error) => Reply { id: None, outcome: Err(error) },
    }
}

fn parse(line: &[u8]) -> Result<Map<String, Value>, CaseError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(CaseError::TooLong);
    }
    let text = core::str::from_utf8(line).map_err(|error| CaseError::NotUtf8 { at: error.valid_up_to() })?;
    match serde_json::from_str(text) {
        Ok(Value::Object(case)) => Ok(case),
        Ok(other) => Err(CaseError::NotAnObject { found: field::describe(&other) }),
        // Its line is always 1, and its column counts bytes.
        Err(error) => Err(CaseError::NotJson { column: error.column(), what: error.to_string() }),
    }
}

fn decide(case: &Map<String, Value>) -> Result<Answer, CaseError> {
    let fields = Fields::new(case);
    let kind = fields.text("kind")?;
    let (_, decide) = KINDS.iter().find(|(name, _)| *name == kind).ok_or_else(|| CaseError::NoSuchKind { found: field::shorten(kind) })?;
    decide(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &[u8]) -> String {
        serde_json::to_string(&answer(line)).expect("a reply is JSON")
    }

    #[test]
    fn what_is_no_case_is_answered_with_what_was_expected() {
        for (line, words) in [
            (&b"{"[..], r#"{"id":null,"error":"not JSON at column 1: EOF while parsing an object; expected one object on a line"}"#),
            (b"[1]", r#"{"id":null,"error":"found an array, expected an object with a kind"}"#),
            (b"\xff", r#"{"id":null,"error":"not UTF-8 from byte 0 on; expected one JSON object on a line"}"#),
            (br#"{"id":[7]}"#, r#"{"id":[7],"error":"kind: found nothing, expected a text"}"#),
            (br#"{"kind":3}"#, r#"{"id":null,"error":"kind: found 3, expected a text"}"#),
        ] {
            assert_eq!(said(line), words);
        }
        let long = [b' ', b'1'].repeat(LINE_BYTES_MAX / 2 + 1);
        assert_eq!(
            said(&long),
            format!(
                r#"{{"id":null,"error":"the line is longer than {LINE_BYTES_MAX} bytes; expected one JSON object on a shorter line"}}"#
            )
        );
    }

    #[test]
    fn a_kind_of_a_part_that_is_not_built_is_not_guessed_at() {
        let error = answer(br#"{"kind":"telepathy"}"#).outcome.expect_err("there is no such kind").to_string();
        assert!(
            error.starts_with("kind: \"telepathy\" is not offered by this version, which offers code, profile, region, huawei_sign"),
            "{error}"
        );
        assert!(kinds().all(|kind| error.contains(kind)), "{error}");
    }

    #[test]
    fn nesting_without_end_is_no_case() {
        let deep = [b'['].repeat(100_000);
        assert!(said(&deep).contains("not JSON"), "{}", said(&deep));
    }
}
