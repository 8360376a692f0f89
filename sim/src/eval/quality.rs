//! How good a connection is: the scorer's windows, and the ITU's E-model.

use core::time::Duration;

use greenroom_core::{
    dialect::quality::{WrongField, reading},
    quality::{
        Reading, Rules, Scorer, appraise,
        emodel::{self, Equipment, Fullband, Narrowband, PARAMETERS, Parameter, Wideband},
    },
};
use serde_json::{Map, Number, Value, json};

use super::{Answer, CaseError, field::Fields, field::describe};

/// `R` → `mos`, by the formula as it is printed; and `mos_monotone`, which never falls below 1.
pub(super) fn g107_mos(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let r = number(fields, "R", None)?;
    Ok(Answer::default().with("mos", decimal(emodel::mos_as_printed(r))).with("mos_monotone", decimal(emodel::mos(r))))
}

/// `inputs`, by the recommendation's names → `R`, `mos`, the `parts` that R is the sum of, and which inputs it does not permit.
pub(super) fn g107_full(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let none = Map::new();
    let inputs = match fields.get("inputs") {
        None => &none,
        Some(Value::Object(inputs)) => inputs,
        Some(_) => return Err(fields.wrong("inputs", "an object with names of G.107, for example {\"Ta\": 150, \"Ppl\": 2}")),
    };
    let mut set = Narrowband::default();
    for (name, value) in inputs.iter().filter(|(_, value)| !value.is_null()) {
        let wrong = |expected: String| CaseError::Together(format!("inputs.{name}: found {}, expected {expected}", describe(value)));
        let names = || PARAMETERS.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
        let parameter = Parameter::named(name).ok_or_else(|| wrong(format!("one of {}", names())))?;
        let number = value.as_f64().ok_or_else(|| wrong(format!("a number from {} to {}", parameter.least, parameter.most)))?;
        parameter.put(&mut set, number);
    }
    let parts = set.rate();
    if !parts.r.is_finite() {
        let beyond = set.outside().map(|parameter| format!("{} from {} to {}", parameter.name, parameter.least, parameter.most));
        return Err(CaseError::Together(format!(
            "inputs: found values that have no rating, expected {}",
            beyond.collect::<Vec<_>>().join(", ")
        )));
    }
    let terms = json!({
        "Ro": decimal(parts.signal), "Is": decimal(parts.simultaneous), "Idte": decimal(parts.talker_echo), "Idle": decimal(parts.listener_echo),
        "Idd": decimal(parts.delay), "Ie_eff": decimal(parts.equipment),
    });
    let answer = Answer::default().with("R", decimal(parts.r)).with("mos", decimal(parts.mos)).with("parts", terms);
    let outside: Vec<&str> = set.outside().map(|parameter| parameter.name).collect();
    Ok(if outside.is_empty() { answer } else { answer.with("outside", outside) })
}

/// `one_way_ms`, `loss_pct`, `Ie`, `Bpl` → `Id`, `Ie_eff`, `R`, `mos`.
pub(super) fn emodel_simplified(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let delay_ms = not_negative(fields, "one_way_ms", Some(0.0))?;
    let simplified = emodel::simplified(delay_ms, equipment(fields, "Ie", "Bpl")?);
    let answer = Answer::default().with("Id", decimal(simplified.delay)).with("Ie_eff", decimal(simplified.equipment));
    Ok(answer.with("R", decimal(simplified.r)).with("mos", decimal(emodel::mos(simplified.r))))
}

/// `Ie_wb`, and where they differ from nothing `loss_pct` with `Bpl_wb`, `one_way_ms`, `A` → `Ie_eff`, `R_wb`, `mos`.
pub(super) fn g107_1_wb(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let (one_way_ms, advantage) = (not_negative(fields, "one_way_ms", Some(0.0))?, not_negative(fields, "A", Some(0.0))?);
    let rating = Wideband { equipment: equipment(fields, "Ie_wb", "Bpl_wb")?, one_way_ms, advantage }.rate();
    Ok(Answer::default().with("Ie_eff", decimal(rating.equipment)).with("R_wb", decimal(rating.r)).with("mos", decimal(rating.mos)))
}

/// `Ie_fb`, and where they differ from nothing `loss_pct` with `Bpl_fb`, `one_way_ms`, `A` → `Ie_eff`, `R_fb`, `mos`.
pub(super) fn g107_2_fb(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let (one_way_ms, advantage) = (not_negative(fields, "one_way_ms", Some(0.0))?, not_negative(fields, "A", Some(0.0))?);
    let rating = Fullband { equipment: equipment(fields, "Ie_fb", "Bpl_fb")?, one_way_ms, advantage }.rate();
    Ok(Answer::default().with("Ie_eff", decimal(rating.equipment)).with("R_fb", decimal(rating.r)).with("mos", decimal(rating.mos)))
}

/// `window` → `score`, `level` and `reason` of that window by itself.
pub(super) fn design_instant(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let span = window_span(fields)?;
    let object = fields.get("window").ok_or_else(|| fields.wrong("window", "an object"))?;
    let read = reading(object, span).map_err(|wrong| misread("window", object, wrong))?;
    let Reading::Measured(window) = read else {
        return Err(CaseError::Together(
            "window: found one without a measurement, which has no score; expected one without no_data and disconnected".into(),
        ));
    };
    let now = appraise(&Rules::default(), &window);
    let answer = Answer::default().with("score", points(now.points)).with("level", now.level.number());
    Ok(answer.with("reason", now.reason.name()))
}

/// `windows`, each of `window_s` → the `levels` after each, and the `events`: at which window which level was told.
pub(super) fn design_sequence(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let span = window_span(fields)?;
    let windows = fields.get("windows").and_then(Value::as_array).ok_or_else(|| fields.wrong("windows", "an array of objects"))?;
    let (rules, mut scorer) = (Rules::default(), Scorer::default());
    let (mut levels, mut events, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for (at, object) in windows.iter().enumerate() {
        let read = reading(object, span).map_err(|wrong| misread(&format!("windows[{at}]"), object, wrong))?;
        if let Some(told) = scorer.update(&rules, &read) {
            events.push(json!([at, told.level.number()]));
            reasons.push(told.reason.name());
        }
        levels.push(scorer.verdict().level.number());
    }
    Ok(Answer::default().with("levels", levels).with("events", events).with("reasons", reasons))
}

fn equipment(fields: Fields<'_>, impairment: &'static str, robustness: &'static str) -> Result<Equipment, CaseError> {
    let loss_pct = not_negative(fields, "loss_pct", Some(0.0))?;
    if loss_pct > 100.0 {
        return Err(fields.wrong("loss_pct", "a number of per cent, 0 to 100"));
    }
    // Without loss, it makes no difference how well it is borne.
    let default = (loss_pct == 0.0).then_some(Equipment::CLEAR.robustness_pct);
    let robustness_pct = number(fields, robustness, default)?;
    if robustness_pct <= 0.0 {
        return Err(fields.wrong(robustness, "a number of per cent, more than 0"));
    }
    Ok(Equipment { impairment: not_negative(fields, impairment, Some(0.0))?, robustness_pct, loss_pct, burst_ratio: 1.0 })
}

fn window_span(fields: Fields<'_>) -> Result<Duration, CaseError> {
    let seconds = number(fields, "window_s", Some(2.0))?;
    let span = greenroom_core::quality::span_of_ms(seconds * 1000.0).filter(|span| !span.is_zero());
    span.ok_or_else(|| fields.wrong("window_s", "a number of seconds, more than 0"))
}

fn number(fields: Fields<'_>, name: &'static str, default: Option<f64>) -> Result<f64, CaseError> {
    match fields.get(name) {
        None => default.ok_or_else(|| fields.wrong(name, "a number")),
        Some(value) => value.as_f64().ok_or_else(|| fields.wrong(name, "a number")),
    }
}

fn not_negative(fields: Fields<'_>, name: &'static str, default: Option<f64>) -> Result<f64, CaseError> {
    let number = number(fields, name, default)?;
    if number >= 0.0 { Ok(number) } else { Err(fields.wrong(name, "a number, not negative")) }
}

fn misread(at: &str, object: &Value, WrongField { at: field, expected }: WrongField) -> CaseError {
    let (path, found) = if field.is_empty() { (at.to_owned(), object) } else { (format!("{at}.{field}"), &object[field]) };
    CaseError::Together(format!("{path}: found {}, expected {expected}", describe(found)))
}

/// A number in an answer: nine decimals, which is more than the formulas mean. One that is none is null.
fn decimal(value: f64) -> Value {
    // Adding zero makes a plain zero of a negative one.
    Number::from_f64(libm::round(value * 1e9) / 1e9 + 0.0).map_or(Value::Null, Value::Number)
}

fn points(points: greenroom_core::quality::Points) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a hundred billion billionths are less than 2^53")]
    decimal(points.billionths() as f64 / 1e9)
}
