//! Results that were written down, read again: a whole run takes half an hour, so the table of `docs/SELECTION.md` is made of these.

use serde_json::Value;

use super::{Reading, Results, Settings};

/// Reads what [`json`](super::json()) wrote of such a run.
///
/// # Errors
///
/// What was found where something else was expected.
pub fn stored(settings: Settings, text: &str) -> Result<Results, String> {
    let all: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    let expect = |at: &str, found: &Value, expected: Value| {
        if *found == expected { Ok(()) } else { Err(format!("{at}: expected {expected}, found {found}")) }
    };
    expect("media", &all["media"], settings.media.name().into())?;
    expect("seeds", &all["seeds"], settings.seeds.clone().collect::<Vec<_>>().into())?;
    let mut readings = Vec::new();
    for (at, scene) in settings.scenes.iter().enumerate() {
        let of_scene = &all["scenes"][at];
        expect(&format!("scenes.{at}.scene"), &of_scene["scene"], scene.name.into())?;
        let mut by_policy = Vec::new();
        for (place, policy) in settings.policies.iter().enumerate() {
            let of_rule = &of_scene["rules"][place];
            let path = format!("{}.rules.{place}", scene.name);
            expect(&format!("{path}.policy"), &of_rule["policy"], policy.name().into())?;
            let by_seed = settings.seeds.clone().enumerate().map(|(nth, _)| &of_rule["by_seed"][nth]);
            let read: Option<Vec<Reading>> = by_seed.map(reading).collect();
            by_policy.push(read.ok_or_else(|| format!("{path}.by_seed: expected a reading of each seed, with six numbers"))?);
        }
        readings.push(by_policy);
    }
    Ok(Results { settings, readings })
}

fn reading(value: &Value) -> Option<Reading> {
    let number = |key: &str| value[key].as_f64();
    Some(Reading {
        delivered: number("delivered")?,
        arrived: number("arrived")?,
        still_ms: number("still_ms_per_min")?,
        dark_ms: number("dark_ms_per_min")?,
        switches: number("switches_per_min")?,
        lost: number("lost")?,
    })
}
