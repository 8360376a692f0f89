//! The report: one HTML page that needs nothing else, in the look of a run's report. A verdict and a plot for each case, the readings beneath it.
//!
//! A plot shows, of the first seed, the capacity of a bottleneck as an area, what each pair received (and TCP) as lines over it, and below them the queue. Means over a second: RFC 8868 section 3 plots so.

use core::fmt::Write as _;

use super::{
    Results,
    case::Case,
    reading::{bin_bps, media_bps, stretches},
    table::{head, row, sum},
    trace::{Bin, Trace},
    verdict::{Outcome, Verdict},
};

/// Width and heights of a plot, in its own units.
const WIDTH: f64 = 1000.0;
const RATES: f64 = 220.0;
const QUEUE: f64 = 60.0;
const GAP: f64 = 16.0;
/// Room for numbers at the left and below.
const LEFT: f64 = 62.0;
const BELOW: f64 = 22.0;
/// Bins in a second.
const PER_SECOND: usize = 5;

/// The page.
pub fn html(results: &Results) -> String {
    let mut page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".to_owned();
    page.push_str(
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n",
    );
    // Nothing is fetched, whatever the page says.
    page.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline'\">\n");
    put(
        &mut page,
        format_args!(
            "<title>RFC 8867 · greenroom</title>\n<style>{}{STYLE}</style>\n</head>\n<body>\n",
            include_str!("../../report/report.css")
        ),
    );
    put(
        &mut page,
        format_args!(
            "<header>\n<h1>The test cases of RFC 8867</h1>\n<p class=\"about\">{}. The limits are ours: the document gives none.</p>\n",
            escaped(head(results).trim())
        ),
    );
    let class = if results.pass() { "pass" } else { "fail" };
    put(&mut page, format_args!("<p class=\"verdict {class}\">{}</p>\n</header>\n<main>\n", escaped(&sum(results))));
    for (verdict, trace) in results.verdicts.iter().zip(&results.traces) {
        put_case(&mut page, verdict, trace.as_ref(), results.settings.seeds.start);
    }
    put(
        &mut page,
        format_args!(
            "</main>\n<footer><p>Written by greenroom {}. The same cases, seeds, media and version give the same page.</p></footer>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION")
        ),
    );
    page
}

fn put_case(page: &mut String, verdict: &Verdict, trace: Option<&Trace>, seed: u64) {
    let case = &verdict.case;
    let id = case.id.replace('.', "-");
    let (class, word) = match verdict.outcome() {
        Outcome::Pass => ("pass", "✓ pass"),
        Outcome::Miss => ("fail", "✗ miss"),
        Outcome::NotApplicable => ("absent", "not applicable"),
    };
    put(
        page,
        format_args!(
            "<section aria-labelledby=\"c{id}\">\n<h2 id=\"c{id}\">{} {} <span class=\"{class}\">{word}</span></h2>\n",
            escaped(&case.id),
            escaped(&case.title)
        ),
    );
    put(page, format_args!("<p class=\"story\">{} expects: {}</p>\n", escaped(&case.section), escaped(&case.expected)));
    if let Some(why) = case.not_applicable {
        put(page, format_args!("<p class=\"aside\">Not judged: {}.</p>\n", escaped(why)));
    }
    if let Some(trace) = trace {
        for hop in (0..case.links.len()).filter(|hop| !stretches(case, *hop).is_empty()) {
            plot(page, case, trace, hop, seed);
        }
    }
    if !verdict.lines.is_empty() {
        page.push_str("<div class=\"wide\"><table>\n<thead><tr><th>reading</th><th>median</th><th>over seeds</th><th>limit</th><th>comparator</th></tr></thead>\n<tbody>\n");
        for line in &verdict.lines {
            let [what, median, spread, limit, comparator] = row(line).map(|cell| escaped(&cell));
            let class = match (line.limit, line.passes()) {
                (None, _) => "",
                (Some(_), true) => " class=\"pass\"",
                (Some(_), false) => " class=\"fail\"",
            };
            let why = line.limit.map_or_else(String::new, |limit| format!(" title=\"{}\"", escaped(limit.why)));
            put(
                page,
                format_args!(
                    "<tr><th scope=\"row\">{what}</th><td class=\"number\">{median}</td><td>{spread}</td><td{class}{why}>{limit}</td><td>{comparator}</td></tr>\n"
                ),
            );
        }
        page.push_str("</tbody></table></div>\n");
    }
    page.push_str("</section>\n");
}

#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
fn plot(page: &mut String, case: &Case, trace: &Trace, hop: usize, seed: u64) {
    let seconds: Vec<&[Bin]> = trace.bins.chunks_exact(PER_SECOND).collect();
    if seconds.is_empty() {
        return;
    }
    let end_s = seconds.len() as f64;
    let mean = |of: &dyn Fn(&Bin) -> u64| -> Vec<f64> {
        seconds.iter().map(|second| second.iter().map(of).sum::<u64>() as f64 / PER_SECOND as f64).collect()
    };
    let mut series: Vec<(String, String, Vec<f64>)> = Vec::new();
    for (at, pair) in case.pairs.iter().enumerate().filter(|(_, pair)| pair.route.contains(&hop)) {
        series.push((pair.name.clone(), format!("s{}", at + 1), mean(&|bin| media_bps(&bin.pairs[at]))));
    }
    if hop == 0 && !case.rivals.is_empty() {
        series.push(("TCP".to_owned(), "tcp".to_owned(), mean(&|bin| bin_bps(bin.tcp_bytes))));
    }
    let queue: Vec<f64> =
        seconds.iter().map(|second| f64::from(second.iter().map(|bin| bin.queue_us[hop]).max().unwrap_or(0)) / 1e3).collect();
    let end = greenroom_core::time::Instant::from_secs(seconds.len() as u64);
    let phases = case.links[hop].phases(end);
    let most = phases.iter().map(|phase| phase.2 as f64).chain(series.iter().flat_map(|line| line.2.iter().copied())).fold(1.0, f64::max);
    let step = if most > 2.5e6 { 1e6 } else { 0.5e6 };
    let top = step * libm::ceil(most / step);
    let x = |s: f64| LEFT + s / end_s * (WIDTH - LEFT);
    let y = |bps: f64| RATES * (1.0 - bps / top);
    let queue_y = |ms: f64| RATES + GAP + QUEUE * (1.0 - (ms / 320.0).min(1.0));

    let name = case.links[hop].name;
    put(page, format_args!("<p class=\"key\">{name}, seed {seed}, means over a second: <span class=\"area\">■</span> capacity"));
    for (what, class, _) in &series {
        put(page, format_args!(", <span class=\"k {class}\">━</span> {}", escaped(what)));
    }
    page.push_str("; below, the longest wait in the queue of each second, to 320 ms.</p>\n");
    put(
        page,
        format_args!(
            "<div class=\"wide\"><svg class=\"rfc\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"Rates and queue of case {} on {name}\">",
            RATES + GAP + QUEUE + BELOW,
            case.id
        ),
    );
    for (from, to, bps) in &phases {
        let (from, to) = (from.as_nanos() as f64 / 1e9, to.as_nanos() as f64 / 1e9);
        let top = y(*bps as f64);
        put(
            page,
            format_args!(
                "<rect class=\"cap\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                x(from),
                x(to) - x(from),
                RATES - top
            ),
        );
    }
    let mut bps = 0.0;
    while bps <= top {
        put(
            page,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/><text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3:.1} Mbps</text>",
                y(bps),
                LEFT - 6.0,
                (y(bps) + 4.0).max(11.0),
                bps / 1e6
            ),
        );
        bps += step;
    }
    let every = if seconds.len() > 150 { 50 } else { 20 };
    for s in (0..=seconds.len()).step_by(every) {
        put(page, format_args!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{s} s</text>", x(s as f64), RATES + GAP + QUEUE + 16.0));
    }
    put(page, format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0}\" y2=\"{0}\"/>", RATES + GAP + QUEUE));
    let line = |values: &[f64], height: &dyn Fn(f64) -> f64| {
        let mut points = String::new();
        for (at, value) in values.iter().enumerate() {
            let _infallible = write!(points, "{:.1},{:.1} ", x(at as f64 + 0.5), height(*value));
        }
        points
    };
    for (_, class, values) in &series {
        put(page, format_args!("<polyline class=\"{class}\" points=\"{}\"/>", line(values, &y).trim_end()));
    }
    put(page, format_args!("<polyline class=\"q\" points=\"{}\"/></svg></div>\n", line(&queue, &queue_y).trim_end()));
}

/// What the report's style sheet lacks. Colours that are told apart with any sight: Okabe and Ito (2008), darkened on paper.
const STYLE: &str = "
svg.rfc { width: 100%; min-width: 640px; height: auto; font-size: 11px; }
svg.rfc text { fill: var(--quiet); } svg.rfc .grid { stroke: var(--rule); } svg.rfc .cap { fill: var(--capacity-area); stroke: none; }
svg.rfc polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke: currentColor; }
.area { color: var(--capacity); } .s1 { color: var(--received); } .s2 { color: #b45f00; } .s3 { color: #00805c; } .s4 { color: #b03a86; } .s5 { color: #7a6a00; }
.tcp { color: var(--trouble); stroke-dasharray: 4 3; } .q { color: var(--queue); }
@media (prefers-color-scheme: dark) { .s2 { color: #f0a33c; } .s3 { color: #35c39a; } .s4 { color: #e48fc4; } .s5 { color: #e2d14a; } }
";

fn put(page: &mut String, markup: core::fmt::Arguments<'_>) {
    page.write_fmt(markup).expect("a String takes any text");
}

/// Text that starts no markup and ends no attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
