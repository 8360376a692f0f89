//! Who is heard, from levels that were recorded.

use std::collections::BTreeSet;

use greenroom_core::{
    audio::{AudioLevel, Loudest, Volume},
    limits,
    time::Instant,
};
use serde_json::{Value, json};

use super::{
    Answer, CaseError,
    field::{Fields, describe},
};

/// Latest level, in ms: a day. Meetings are shorter, and a slip of the pen shows.
const AT_MS_MAX: u64 = 24 * 3600 * 1000;
/// Most seats that may be asked for. A choice: a whole room.
const SEATS_MAX: usize = 1000;

/// How much of a row an error shows, in characters.
const SHOWN: usize = 60;

/// What a row says beside its time and its user.
#[derive(Clone, Copy)]
enum Unit {
    /// dB below full scale, as RFC 6464 has it.
    Level,
    /// 0 to 100.
    Volume,
}

impl Unit {
    const fn expected(self) -> &'static str {
        match self {
            Self::Level => "[t_ms up to a day, user, level from 0 to 127 dB below full scale]",
            Self::Volume => "[t_ms up to a day, user, volume from 0 to 100]",
        }
    }
}

/// `n`, `levels`, `muted` → `selections`: who is heard, each time that this changes, the loudest first.
pub(super) fn loudest(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let seats = fields.integer_if_any::<u16>("n")?.map_or(limits::LOUDEST, usize::from);
    if seats > SEATS_MAX {
        return Err(fields.wrong("n", format!("at most {SEATS_MAX}")));
    }
    let unit = match fields.get("unit") {
        None => Unit::Level,
        Some(_) => fields.word("unit", "level or volume", |word| match word {
            "level" => Some(Unit::Level),
            "volume" => Some(Unit::Volume),
            _ => None,
        })?,
    };
    let mut deeds: Vec<(Instant, Deed<'_>)> = Vec::new();
    if fields.get("muted").is_some() {
        for (row, value) in list(fields, "muted")?.iter().enumerate() {
            deeds.push(read_muted(value).ok_or_else(|| wrong("muted", row, value, "a user, [t_ms, user], or [t_ms, user, false]"))?);
        }
    }
    let mut last = Instant::ZERO;
    for (row, value) in list(fields, "levels")?.iter().enumerate() {
        let (at, deed) = read_level(value, unit).ok_or_else(|| wrong("levels", row, value, unit.expected()))?;
        if at < last {
            let problem = format!("levels[{row}]: its time is less than that of the row before; rows stand in order of time");
            return Err(CaseError::Together(problem));
        }
        last = at;
        deeds.push((at, deed));
    }
    deeds.sort_by_key(|(at, _)| *at); // stable: who is muted at an instant is not heard at it
    let selections: Vec<Value> =
        selections(seats, deeds).into_iter().map(|(at, users)| json!([at.as_nanos() / 1_000_000, users])).collect();
    Ok(Answer::default().with("selections", selections))
}

fn selections(seats: usize, deeds: Vec<(Instant, Deed<'_>)>) -> Vec<(Instant, Vec<&str>)> {
    let mut judge = Judge { loudest: Loudest::new(seats, 0), heard: BTreeSet::new(), selections: Vec::new() };
    let mut muted = BTreeSet::new();
    for (at, deed) in deeds {
        judge.pass(at);
        match deed {
            Deed::Hear(user, level) if !muted.contains(user) => judge.loudest.hear(at, user, &user, level),
            Deed::Hear(..) => {}
            Deed::Mute(user, true) => {
                muted.insert(user);
                judge.loudest.remove(at, user);
                judge.note(at);
            }
            Deed::Mute(user, false) => drop(muted.remove(user)),
        }
    }
    judge.pass(Instant::MAX);
    judge.selections
}

/// The rule, with what it said so far.
struct Judge<'c> {
    loudest: Loudest<&'c str, &'c str>,
    heard: BTreeSet<&'c str>,
    selections: Vec<(Instant, Vec<&'c str>)>,
}

impl Judge<'_> {
    /// Makes the decisions that are due until then.
    fn pass(&mut self, until: Instant) {
        while let Some(at) = self.loudest.poll_timeout().filter(|at| *at <= until) {
            self.loudest.handle_timeout(at);
            self.note(at);
        }
    }

    /// Notes who is heard, if that is news.
    fn note(&mut self, now: Instant) {
        let heard: BTreeSet<&str> = self.loudest.seated().copied().collect();
        if heard != self.heard {
            self.heard = heard;
            self.selections.push((now, self.loudest.ranked(now)));
        }
    }
}

/// One thing that happens.
enum Deed<'c> {
    Hear(&'c str, AudioLevel),
    Mute(&'c str, bool),
}

fn list<'c>(fields: Fields<'c>, name: &'static str) -> Result<&'c [Value], CaseError> {
    fields.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| fields.wrong(name, "a list"))
}

/// A row of levels: when, who, how loud.
fn read_level(row: &Value, unit: Unit) -> Option<(Instant, Deed<'_>)> {
    let [at, user, loud] = row.as_array()?.as_slice() else { return None };
    let level = match unit {
        // The sign of dBov is left out on the wire, and not everywhere else.
        Unit::Level => AudioLevel::new(u8::try_from(loud.as_i64()?.unsigned_abs()).ok()?)?,
        Unit::Volume => Volume::clamped(loud.as_u64().filter(|volume| *volume <= Volume::MAX.get().into())?).level(),
    };
    Some((time(at)?, Deed::Hear(name(user)?, level)))
}

/// A row of mutes: who, from the beginning; or when and who, and whether muted or not.
fn read_muted(row: &Value) -> Option<(Instant, Deed<'_>)> {
    match row {
        Value::Array(row) => match row.as_slice() {
            [at, user] => Some((time(at)?, Deed::Mute(name(user)?, true))),
            [at, user, muted] => Some((time(at)?, Deed::Mute(name(user)?, muted.as_bool()?))),
            _ => None,
        },
        user => Some((Instant::ZERO, Deed::Mute(name(user)?, true))),
    }
}

fn time(value: &Value) -> Option<Instant> {
    value.as_u64().filter(|ms| *ms <= AT_MS_MAX).map(Instant::from_millis)
}

fn name(value: &Value) -> Option<&str> {
    value.as_str().filter(|name| !name.is_empty())
}

fn wrong(name: &'static str, row: usize, found: &Value, expected: &str) -> CaseError {
    let found = if found.is_array() { found.to_string().chars().take(SHOWN).collect() } else { describe(found) };
    CaseError::Field { name, found: format!("{found} at {row}"), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(case: &Value) -> Result<Value, String> {
        let case = case.as_object().expect("cases are objects");
        let outcome = Ok(loudest(Fields::new(case)).map_err(|error| error.to_string())?);
        let reply = serde_json::to_value(crate::eval::Reply { id: None, outcome }).map_err(|error| error.to_string())?;
        Ok(reply["selections"].clone())
    }

    //
    #[test]
    fn who_is_heard_is_told_each_time_that_it_changes() {
        let mut levels = Vec::new();
        for packet in 0..100 {
            levels.extend([json!([packet * 20, "b", 30]), json!([packet * 20, "a", -30]), json!([packet * 20, "c", 60])]);
        }
        let case = json!({ "n": 2, "levels": levels });
        assert_eq!(selected(&case), Ok(json!([[20, ["a", "b"]], [1980 + 1500, []]])));
        let case = json!({ "n": 2, "levels": levels, "muted": ["a", [1000, "b"], [1500, "b", false]] });
        assert_eq!(selected(&case), Ok(json!([[20, ["b", "c"]], [1000, ["c"]], [1520, ["b", "c"]], [3480, []]])));
        assert_eq!(selected(&json!({ "n": 0, "levels": levels })), Ok(json!([])));
        assert_eq!(selected(&json!({ "levels": [] })), Ok(json!([])));
    }

    #[test]
    fn a_volume_is_as_good_as_a_level() {
        let case = json!({ "unit": "volume", "n": 1, "levels": [[0, "a", 0], [0, "b", 50], [0, "c", 51]] });
        assert_eq!(selected(&case), Ok(json!([[20, ["c"]], [1500, []]])));
    }

    #[test]
    fn what_cannot_be_says_where_and_what_was_expected() {
        let row = "[t_ms up to a day, user, level from 0 to 127 dB below full scale]";
        for (case, words) in [
            (json!({}), "levels: found nothing, expected a list".to_owned()),
            (json!({ "levels": [[0, "a", 128]] }), format!("levels: found [0,\"a\",128] at 0, expected {row}")),
            (json!({ "levels": [[0, "a", 30], [0, "", 30]] }), format!("levels: found [0,\"\",30] at 1, expected {row}")),
            (json!({ "levels": [[-1, "a", 30]] }), format!("levels: found [-1,\"a\",30] at 0, expected {row}")),
            (json!({ "levels": [7] }), format!("levels: found 7 at 0, expected {row}")),
            (json!({ "levels": [], "n": 1001 }), "n: found 1001, expected at most 1000".to_owned()),
            (json!({ "levels": [], "unit": "dB" }), "unit: found \"dB\", expected level or volume".to_owned()),
            (
                json!({ "levels": [], "muted": [1] }),
                "muted: found 1 at 0, expected a user, [t_ms, user], or [t_ms, user, false]".to_owned(),
            ),
        ] {
            assert_eq!(selected(&case), Err(words), "{case}");
        }
        let falls = json!({ "levels": [[20, "a", 30], [0, "a", 30]] });
        assert!(selected(&falls).expect_err("time falls").starts_with("levels[1]: its time is less"));
    }
}
