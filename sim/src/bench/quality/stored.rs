//! What came of a grid as text, and read again: so a page can be made from what is stored, and a test can hold what is stored against what the code does.
//!
//! JSON, one call a line. Levels of windows stand as digits, one after the other; ratings of G.107 in tenths, for G.711 with concealment and without.

use core::fmt::Write as _;

use greenroom_core::quality::Level;
use serde_json::{Value, json};

use super::{Case, Judged, Outcome, Ratings, SCORERS, goals};

/// Everything, for other programs and for [`read`].
pub fn written(cases: &[Case], outcomes: &[Outcome]) -> String {
    let goals: Vec<Value> =
        (goals(cases, outcomes).into_iter()).map(|(goal, came, met)| json!({ "goal": goal, "came": came, "met": met })).collect();
    let mut text = format!("{{\"goals\":{},\n\"calls\":[\n", Value::from(goals));
    for (at, outcome) in outcomes.iter().enumerate() {
        let way = |judged: &Judged, at: usize| {
            let digits = |levels: &[Level]| levels.iter().map(|level| level.number().to_string()).collect::<String>();
            let said: serde_json::Map<String, Value> =
                SCORERS.iter().zip(&judged.said[at]).map(|(name, levels)| ((*name).to_owned(), digits(levels).into())).collect();
            let mut way = json!({ "truth": judged.truth[at].number(), "set": judged.set[at].number(), "said": said });
            if let Some(rated) = judged.rated[at] {
                way["rated"] = json!(rated);
            }
            way
        };
        let phases: Vec<Value> = outcome.phases.iter().map(|judged| json!({ "up": way(judged, 0), "down": way(judged, 1) })).collect();
        let call = json!({ "case": cases[outcome.case].name, "seed": outcome.seed, "phases": phases });
        let _ = writeln!(text, "{call}{}", if at + 1 < outcomes.len() { "," } else { "" });
    }
    text.push_str("]}\n");
    text
}

/// What [`written`] wrote, of these cases. Tells what is wrong where it is not that.
pub fn read(cases: &[Case], text: &str) -> Result<Vec<Outcome>, String> {
    let all: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let calls = all["calls"].as_array().ok_or("there are no calls")?;
    calls.iter().map(|call| outcome(cases, call).ok_or_else(|| format!("not a call of this grid: {call}"))).collect()
}

fn outcome(cases: &[Case], call: &Value) -> Option<Outcome> {
    let case = cases.iter().position(|case| call["case"] == case.name)?;
    let level = |number: u64| Level::ALL.get(usize::try_from(number).ok()?).copied();
    let mut phases = Vec::new();
    for phase in call["phases"].as_array()? {
        let ways = [&phase["up"], &phase["down"]];
        let pair = |key: &str| Some([level(ways[0][key].as_u64()?)?, level(ways[1][key].as_u64()?)?]);
        let rated = [rated(&ways[0]["rated"]).ok()?, rated(&ways[1]["rated"]).ok()?];
        let mut judged = Judged { truth: pair("truth")?, set: pair("set")?, rated, said: Default::default() };
        for (said, way) in judged.said.iter_mut().zip(ways) {
            for (levels, name) in said.iter_mut().zip(SCORERS) {
                let digits = way["said"][name].as_str()?;
                *levels = digits.chars().map(|digit| level(digit.to_digit(10)?.into())).collect::<Option<_>>()?;
            }
        }
        phases.push(judged);
    }
    Some(Outcome { case, seed: call["seed"].as_u64()?, phases })
}

/// The ratings of a direction, or none where it has none.
fn rated(value: &Value) -> Result<Option<Ratings>, Odd> {
    let tenths = |value: &Value| value.as_u64().and_then(|tenths| u16::try_from(tenths).ok()).filter(|tenths| *tenths <= 1000).ok_or(Odd);
    match value {
        Value::Null => Ok(None),
        Value::Array(both) if both.len() == 2 => Ok(Some([tenths(&both[0])?, tenths(&both[1])?])),
        _ => Err(Odd),
    }
}

/// It is not what [`written`] writes.
struct Odd;
