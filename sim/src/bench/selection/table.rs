//! Results as text, as Markdown and as JSON.

use core::fmt::Write as _;

use serde_json::{Value, json};

use super::{Duel, Measure, Outcome, Reading, Results, duels, goals};

/// Columns of both tables.
const HEAD: [&str; 9] = ["scene", "rule", "delivered", "arrived", "still, ms/min", "of it dark", "switches/min", "lost", "against ours"];

/// A table for a terminal.
pub fn text(results: &Results) -> String {
    let settings = &results.settings;
    let mut text = format!(
        "selection, {} media, direct engine, means over seeds {}..{}\n\n",
        settings.media, settings.seeds.start, settings.seeds.end
    );
    let rows: Vec<[String; 9]> = [HEAD.map(str::to_owned)].into_iter().chain(rows(results)).collect();
    let widths: Vec<usize> = (0..HEAD.len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in &rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            // Numbers stand at the right.
            if (2..8).contains(&at) { line.extend([&pad, cell.as_str(), "  "]) } else { line.extend([cell.as_str(), &pad, "  "]) }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for (goal, came, met) in goals(results) {
        let _infallible = writeln!(text, "{}  {goal}: {came}", if met { "met   " } else { "missed" });
    }
    text
}

/// The table of `docs/SELECTION.md`.
pub fn markdown(results: &Results) -> String {
    let mut text = format!("| {} |\n|---|---|---:|---:|---:|---:|---:|---:|---|\n", HEAD.join(" | "));
    for (at, mut row) in rows(results).into_iter().enumerate() {
        if at % results.settings.policies.len() == 0 {
            for cell in row.iter_mut().skip(1).take(7) {
                *cell = format!("**{cell}**");
            }
        }
        let _infallible = writeln!(text, "| {} |", row.join(" | ").replace("worse", "**worse**"));
    }
    text.push('\n');
    for (goal, came, met) in goals(results) {
        let _infallible = writeln!(text, "- {}: {goal} ({came}).", if met { "Met" } else { "**Missed**" });
    }
    text
}

fn rows(results: &Results) -> Vec<[String; 9]> {
    let duels = duels(results);
    let mut rows = Vec::new();
    for (at, scene) in results.settings.scenes.iter().enumerate() {
        for (policy, readings) in results.readings[at].iter().enumerate() {
            let mean = mean(readings);
            let name = if policy == 0 { "greenroom" } else { results.settings.policies[policy].name() };
            let own: Vec<&Duel> = duels.iter().filter(|duel| duel.scene == at && duel.rival == policy).collect();
            rows.push([
                if policy == 0 { scene.name.to_owned() } else { String::new() },
                name.to_owned(),
                format!("{:.1} %", mean.delivered * 100.0),
                format!("{:.1} %", mean.arrived * 100.0),
                format!("{:.0}", mean.still_ms),
                format!("{:.0}", mean.dark_ms),
                format!("{:.1}", mean.switches),
                format!("{:.2} %", mean.lost * 100.0),
                own.iter().map(|duel| told(duel)).collect::<Vec<_>>().join(", "),
            ]);
        }
    }
    rows
}

/// How ours did against it.
fn told(duel: &Duel) -> String {
    let (gain, error) = match duel.measure {
        Measure::Delivered => (format!("{:+.1}", duel.gain * 100.0), format!("{:.1} points", duel.error * 100.0)),
        Measure::Still => (format!("{:+.0}", -duel.gain), format!("{:.0} ms", duel.error)),
    };
    match duel.outcome() {
        Outcome::Even => format!("ours {gain} ± {error}: even"),
        outcome => format!("ours {gain} ± {error}: {}", outcome.name()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of seeds")]
fn mean(readings: &[Reading]) -> Reading {
    let of = |value: fn(&Reading) -> f64| readings.iter().map(value).sum::<f64>() / readings.len().max(1) as f64;
    Reading {
        delivered: of(|reading| reading.delivered),
        arrived: of(|reading| reading.arrived),
        still_ms: of(|reading| reading.still_ms),
        dark_ms: of(|reading| reading.dark_ms),
        switches: of(|reading| reading.switches),
        lost: of(|reading| reading.lost),
    }
}

/// Everything, for programs.
pub fn json(results: &Results) -> Value {
    let settings = &results.settings;
    let reading = |reading: &Reading| {
        let Reading { delivered, arrived, still_ms, dark_ms, switches, lost } = *reading;
        json!({ "delivered": delivered, "arrived": arrived, "still_ms_per_min": still_ms, "dark_ms_per_min": dark_ms, "switches_per_min": switches, "lost": lost })
    };
    let scenes = settings.scenes.iter().zip(&results.readings).map(|(scene, by_policy)| {
        let rules = settings.policies.iter().zip(by_policy).map(|(policy, readings)| {
            json!({ "policy": policy.name(), "mean": reading(&mean(readings)), "by_seed": readings.iter().map(reading).collect::<Vec<_>>() })
        });
        json!({ "scene": scene.name, "rules": rules.collect::<Vec<_>>() })
    });
    let compared = duels(results).into_iter().map(|duel| {
        json!({
            "scene": settings.scenes[duel.scene].name,
            "against": settings.policies[duel.rival].name(),
            "measure": match duel.measure { Measure::Delivered => "delivered", Measure::Still => "still_ms_per_min" },
            "gain": duel.gain,
            "standard_error": duel.error,
            "outcome": duel.outcome().name(),
        })
    });
    let goals: Vec<Value> = goals(results).into_iter().map(|(goal, came, met)| json!({ "goal": goal, "came": came, "met": met })).collect();
    json!({
        "bench": "selection",
        "version": env!("CARGO_PKG_VERSION"),
        "media": settings.media.name(),
        "seeds": settings.seeds.clone().collect::<Vec<_>>(),
        "scenes": scenes.collect::<Vec<_>>(),
        "comparisons": compared.collect::<Vec<_>>(),
        "goals": goals,
    })
}
