//! Keeps the numbers of docs/QUALITY.md true: its tables are made from the code. `GREENROOM_UPDATE=1 cargo test -p greenroom-core --test quality_page` writes them anew.

use core::{fmt::Write as _, time::Duration};
use std::{fs, path::Path};

use greenroom_core::quality::{
    Level, Points, Reading, Rules, Scorer, Share, Thresholds, Window, appraise,
    emodel::{self, Equipment, Narrowband, PARAMETERS},
};

#[test]
fn the_tables_of_the_page_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/QUALITY.md");
    let mut page = fs::read_to_string(&path).unwrap();
    let tables =
        [("levels", levels()), ("step", step()), ("thresholds", thresholds()), ("shortcut", shortcut()), ("parameters", parameters())];
    assert_eq!(page.matches("<!-- made: ").count(), tables.len());
    let update = std::env::var_os("GREENROOM_UPDATE").is_some();
    for (name, table) in tables {
        let mark = format!("<!-- made: {name} -->\n");
        let begin = page.find(&mark).unwrap_or_else(|| panic!("docs/QUALITY.md has no {mark}")) + mark.len();
        let end = begin + page[begin..].find("<!-- end -->").expect("a table ends");
        if update {
            page.replace_range(begin..end, &table);
        } else {
            assert_eq!(
                &page[begin..end],
                table,
                "docs/QUALITY.md is out of date: GREENROOM_UPDATE=1 cargo test -p greenroom-core --test quality_page"
            );
        }
    }
    if update {
        fs::write(path, page).unwrap();
    }
}

/// For each thing that can be wrong, the most of it that a level bears, found step by step.
fn levels() -> String {
    type Wrong = fn(u64) -> Window;
    type Say = fn(u64) -> String;
    let rules = Rules::default();
    let rows: [(&str, u64, Wrong, Say); 5] = [
        (
            "loss, up to",
            1000,
            |tenths| Window { loss: Share::of(tenths, 1000), ..Window::CLEAN },
            |tenths| format!("{} %", decimal(tenths, 1)),
        ),
        ("round trip, up to", 3000, |ms| Window { rtt: Duration::from_millis(ms), ..Window::CLEAN }, |ms| format!("{ms} ms")),
        ("jitter, up to", 3000, |ms| Window { jitter: Duration::from_millis(ms), ..Window::CLEAN }, |ms| format!("{ms} ms")),
        (
            "of the target rate, at least",
            1000,
            |tenths| Window { target_bps: 1_000_000, actual_bps: 1_000_000 - tenths * 1000, ..Window::CLEAN },
            |tenths| format!("{} %", decimal(1000 - tenths, 1)),
        ),
        (
            "frozen, up to",
            1000,
            |tenths| Window { freeze: Window::CLEAN.span * u32::try_from(tenths).unwrap() / 1000, ..Window::CLEAN },
            |tenths| format!("{} %", decimal(tenths, 1)),
        ),
    ];
    let mut table = "| | 1 excellent | 2 good | 3 fair | 4 poor |\n|---|---|---|---|---|\n".to_owned();
    for (what, most, window, say) in rows {
        let bears = |level: Level| (0..=most).rev().find(|amount| appraise(&rules, &window(*amount)).level <= level).map(say);
        let cells = [Level::Excellent, Level::Good, Level::Fair, Level::Poor].map(|level| bears(level).expect("some of it is borne"));
        writeln!(table, "| {what} | {} |", cells.join(" | ")).unwrap();
    }
    table
}

fn step() -> String {
    let rules = Rules::default();
    let mut scorer = Scorer::default();
    let mut table = "| window | loss | points | score | level | told | reason |\n|---|---|---|---|---|---|---|\n".to_owned();
    for (at, percent) in [0, 0, 20, 20, 20, 0, 0, 0, 0, 0, 0].into_iter().enumerate() {
        let window = Window { loss: Share::percent(percent), rtt: Duration::from_millis(40), ..Window::CLEAN };
        let told = scorer.update(&rules, &Reading::Measured(window));
        let (points, score) = (appraise(&rules, &window).points, scorer.score().unwrap());
        let (verdict, told) = (scorer.verdict(), told.map_or("", |_| "yes"));
        writeln!(table, "| {} | {percent} % | {points} | {score} | {} | {told} | {} |", at + 1, verdict.level, verdict.reason.name())
            .unwrap();
    }
    table
}

fn thresholds() -> String {
    let Thresholds {
        bars,
        loss_robustness,
        loss_cost,
        delay_cost_millipoints_per_ms,
        delay_knee,
        late_cost_millipoints_per_ms,
        processing,
        jitter_weight,
        rate_enough,
        freeze_cost,
        fall_pct,
        rise_pct,
        floor,
        hold_windows,
        packets_min,
        active_min,
        silence,
    } = Thresholds::default();
    let whole = |points: Points| points.billionths() / 1_000_000_000;
    let rows = [
        (
            "bars",
            bars.map(|bar| whole(bar).to_string()).join(", "),
            "80, 70 and 60 are lower bounds of categories in ITU-T G.109 Table 1; 45 is a choice, at which 10 % of loss are poor and 15 % very poor",
        ),
        (
            "loss_robustness",
            loss_robustness.to_string(),
            "`Bpl` as in rtcscore without error correction; G.711 has 4.3 bare and 25.1 with concealment, Opus has no figure",
        ),
        ("loss_cost", whole(loss_cost).to_string(), "the 95 of G.107 clause 7.5"),
        ("delay_cost_millipoints_per_ms", delay_cost_millipoints_per_ms.to_string(), "Cole and Rosenbluth 2001, fitted to G.107"),
        ("delay_knee", format!("{} ms", decimal(u64::try_from(delay_knee.as_micros()).unwrap() / 100, 1)), "likewise"),
        ("late_cost_millipoints_per_ms", late_cost_millipoints_per_ms.to_string(), "likewise"),
        ("processing", format!("{} ms", processing.as_millis()), "Twilio's formula"),
        ("jitter_weight", jitter_weight.to_string(), "Twilio's and LiveKit's formulas"),
        ("rate_enough", rate_enough.to_string(), "a choice: encoders do not meet a rate to the bit"),
        ("freeze_cost", whole(freeze_cost).to_string(), "a choice: a picture that stands still half of the time is none"),
        ("fall_pct", fall_pct.to_string(), "LiveKit"),
        ("rise_pct", rise_pct.to_string(), "LiveKit"),
        ("floor", whole(floor).to_string(), "a choice: the way back is no longer than ten seconds; LiveKit has 30"),
        ("hold_windows", hold_windows.to_string(), "a choice: six seconds"),
        ("packets_min", packets_min.to_string(), "a choice: a fifth of a second of speech"),
        ("active_min", format!("more than {active_min}"), "LiveKit"),
        ("silence", format!("{} s", silence.as_secs()), "a choice: ten RTCP intervals of a video call"),
    ];
    let mut table = "| threshold | default | where it comes from |\n|---|---|---|\n".to_owned();
    for (name, value, source) in rows {
        writeln!(table, "| `{name}` | {value} | {source} |").unwrap();
    }
    table
}

fn shortcut() -> String {
    let mut table = "| one-way delay | shortcut | full model | difference |\n|---|---|---|---|\n".to_owned();
    for ms in [0.0, 50.0, 100.0, 150.0, 177.3, 200.0, 300.0, 400.0, 500.0] {
        let (short, full) = (
            emodel::simplified(ms, Equipment::CLEAR).r,
            Narrowband { one_way_ms: ms, talker_echo_ms: ms, round_trip_ms: 2.0 * ms, ..Narrowband::default() }.rate().r,
        );
        writeln!(table, "| {ms} ms | {short:.1} | {full:.1} | {:+.1} |", short - full).unwrap();
    }
    table
}

fn parameters() -> String {
    let mut table = "| name | what it is | unit | default | permitted | clause |\n|---|---|---|---|---|---|\n".to_owned();
    for parameter in PARAMETERS {
        let range =
            if parameter.least < parameter.most { format!("{} to {}", parameter.least, parameter.most) } else { "fixed".to_owned() };
        writeln!(
            table,
            "| `{}` | {} | {} | {} | {range} | {} |",
            parameter.name, parameter.what, parameter.unit, parameter.default, parameter.clause
        )
        .unwrap();
    }
    table
}

/// A whole number of 10^-places, as a decimal.
fn decimal(number: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let (whole, rest) = (number / one, number % one);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest}") }
}
