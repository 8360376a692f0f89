//! The report: one HTML page that needs nothing else, in the look of a run's report. A verdict and a plot for each case, the readings beneath it.
//!
//! A plot shows, of the first seed, the capacity of a bottleneck as an area, over it what each sender sent and what its controller believed (and what TCP got), and below them the queue. Means over a second:
//! RFC 8868 section 3 plots so.

use core::fmt::Write as _;

use super::{
    Results,
    case::Case,
    reading::{bin_bps, stretches},
    table::{by_flow, head, row, sum},
    trace::{Bin, Trace},
    verdict::{Line, Outcome, Verdict},
};

/// Width and heights of a plot, in its own units.
const WIDTH: f64 = 1000.0;
const RATES: f64 = 220.0;
const QUEUE: f64 = 60.0;
const GAP: f64 = 16.0;
/// Room for numbers at the left and below.
const LEFT: f64 = 62.0;
const BELOW: f64 = 22.0;
/// What the height of the queue's plot stands for, by what the queue can hold: a little more.
const QUEUE_TOP: f64 = 320.0 / 300.0;
/// Senders that have a colour of their own.
const COLOURS: usize = 5;
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
    put(&mut page, format_args!("<p class=\"verdict {class}\">{}</p>\n<ul class=\"cases\">\n", escaped(&sum(results))));
    for verdict in &results.verdicts {
        let (class, word) = said(verdict);
        let (id, title) = (&verdict.case.id, escaped(&verdict.case.title));
        put(
            &mut page,
            format_args!("<li><a href=\"#c{}\" title=\"{title}\">{id}</a> <span class=\"{class}\">{word}</span></li>\n", anchor(id)),
        );
    }
    page.push_str("</ul>\n</header>\n<main>\n");
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
    let (id, (class, word)) = (anchor(&case.id), said(verdict));
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
        for line in verdict.whole() {
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
        put_flows(page, &verdict.flows());
    }
    page.push_str("</section>\n");
}

fn put_flows(page: &mut String, flows: &[&[Line]]) {
    let rows = by_flow(flows);
    let Some((head, rows)) = rows.split_first() else { return };
    page.push_str("<div class=\"wide flows\"><table>\n<thead><tr>");
    for (at, cell) in head.iter().enumerate() {
        let class = if (1..=flows.len()).contains(&at) { " class=\"number\"" } else { "" };
        put(page, format_args!("<th{class}>{}</th>", escaped(cell)));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        for (at, cell) in row.iter().map(|cell| escaped(cell)).enumerate() {
            match at {
                0 => put(page, format_args!("<tr><th scope=\"row\">{cell}</th>")),
                at if at <= flows.len() => put(page, format_args!("<td class=\"number\">{cell}</td>")),
                _ => put(page, format_args!("<td class=\"absent\">{cell}</td></tr>\n")),
            }
        }
    }
    page.push_str("</tbody></table></div>\n");
}

/// A verdict's style and its words.
fn said(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict.outcome() {
        Outcome::Pass => ("pass", "✓ pass"),
        Outcome::Miss => ("fail", "✗ miss"),
        Outcome::NotApplicable => ("absent", "not applicable"),
    }
}

/// A case's number as a part of the name that the page has for its place.
fn anchor(id: &str) -> String {
    id.replace('.', "-")
}

/// A line of a plot: a value for each second, none where there is nothing to be drawn.
struct Series {
    class: String,
    values: Vec<Option<f64>>,
}

/// The rates of a bottleneck: what is sent and believed by each pair that crosses it, and what TCP gets. With their names for the key.
#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
fn rates(case: &Case, seconds: &[&[Bin]], hop: usize) -> (Vec<(String, String)>, Vec<Series>) {
    let mean = |second: &[Bin], of: &dyn Fn(&Bin) -> u64| second.iter().map(of).sum::<u64>() as f64 / second.len() as f64;
    let (mut names, mut series) = (Vec::new(), Vec::new());
    for (at, pair) in case.pairs.iter().enumerate().filter(|(_, pair)| pair.route.contains(&hop)) {
        let class = format!("s{}", at % COLOURS + 1);
        // While it rests, and before it began, there is nothing that it believes.
        let estimate =
            |second: &[Bin]| second.iter().all(|bin| bin.pairs[at].target_bps > 0).then(|| mean(second, &|bin| bin.pairs[at].estimate_bps));
        series.push(Series { class: format!("{class} believed"), values: seconds.iter().map(|second| estimate(second)).collect() });
        let sent = |second: &[Bin]| Some(mean(second, &|bin| bin_bps(bin.pairs[at].sent_bytes)));
        series.push(Series { class: class.clone(), values: seconds.iter().map(|second| sent(second)).collect() });
        names.push((pair.name.clone(), class));
    }
    if case.rivals.iter().any(|rival| rival.route.contains(&hop)) {
        let values = seconds.iter().map(|second| Some(mean(second, &|bin| bin_bps(bin.tcp_bytes)))).collect();
        series.push(Series { class: "tcp".to_owned(), values });
        names.push(("TCP (received)".to_owned(), "tcp".to_owned()));
    }
    (names, series)
}

#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
fn plot(page: &mut String, case: &Case, trace: &Trace, hop: usize, seed: u64) {
    let seconds: Vec<&[Bin]> = trace.bins.chunks_exact(PER_SECOND).collect();
    if seconds.is_empty() {
        return;
    }
    let end_s = seconds.len() as f64;
    let (names, series) = rates(case, &seconds, hop);
    let waited = |second: &&[Bin]| Some(f64::from(second.iter().map(|bin| bin.queue_us[hop]).max().unwrap_or(0)) / 1e3);
    let queue = Series { class: "q".to_owned(), values: seconds.iter().map(waited).collect() };
    let phases = case.links[hop].phases(greenroom_core::time::Instant::from_secs(seconds.len() as u64));
    let drawn = series.iter().flat_map(|line| line.values.iter().flatten().copied());
    let most = phases.iter().map(|phase| phase.2 as f64).chain(drawn).fold(1.0, f64::max);
    let step = if most > 2.5e6 { 1e6 } else { 0.5e6 };
    let top = step * libm::ceil(most / step);
    let x = |s: f64| LEFT + s / end_s * (WIDTH - LEFT);
    let y = |bps: f64| RATES * (1.0 - bps / top);
    let full_ms = case.links[hop].queue_ms() as f64;
    let queue_y = |ms: f64| RATES + GAP + QUEUE * (1.0 - (ms / (full_ms * QUEUE_TOP)).min(1.0));

    let name = case.links[hop].name;
    put(page, format_args!("<p class=\"key\">{name}, seed {seed}, means over a second. <span class=\"area\">■</span> capacity; sent by"));
    for (at, (what, class)) in names.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        put(page, format_args!("{comma} <span class=\"k {class}\">━</span>&nbsp;{}", escaped(what)));
    }
    page.push_str("; ┅ what the sender's controller believes. Below, the longest wait in the queue of each second.</p>\n");
    put(
        page,
        format_args!(
            "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Plot of case {0}, {name}\"><svg class=\"rfc\" viewBox=\"0 0 {WIDTH} {1}\" role=\"img\" aria-label=\"Rates and queue of case {0} on {name}\">",
            case.id,
            RATES + GAP + QUEUE + BELOW
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
    let ruled = |page: &mut String, at: f64, text: &str| {
        put(
            page,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 6.0,
                (at + 4.0).max(11.0)
            ),
        );
    };
    let mut bps = 0.0;
    while bps <= top {
        ruled(page, y(bps), &format!("{:.1} Mbps", bps / 1e6));
        bps += step;
    }
    ruled(page, queue_y(full_ms), &format!("{full_ms} ms"));
    ruled(page, queue_y(0.0), "0 ms");
    let every = if seconds.len() > 150 { 50 } else { 20 };
    for s in (0..=seconds.len()).step_by(every) {
        let anchor = if s == seconds.len() { "end" } else { "middle" };
        put(
            page,
            format_args!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{s} s</text>", x(s as f64), RATES + GAP + QUEUE + 16.0),
        );
    }
    for line in &series {
        draw(page, line, &x, &y);
    }
    draw(page, &queue, &x, &queue_y);
    page.push_str("</svg></div>\n");
}

/// Draws a line: in pieces, where it has gaps.
#[expect(clippy::cast_precision_loss, reason = "for a drawing")]
fn draw(page: &mut String, line: &Series, x: &dyn Fn(f64) -> f64, height: &dyn Fn(f64) -> f64) {
    let seconds: Vec<(usize, Option<f64>)> = line.values.iter().copied().enumerate().collect();
    for piece in seconds.split(|(_, value)| value.is_none()).filter(|piece| piece.len() > 1) {
        let mut points = String::new();
        for (at, value) in piece.iter().filter_map(|(at, value)| Some((at, (*value)?))) {
            let _infallible = write!(points, "{:.1},{:.1} ", x(*at as f64 + 0.5), height(value));
        }
        put(page, format_args!("<polyline class=\"{}\" points=\"{}\"/>", line.class, points.trim_end()));
    }
}

/// What the report's style sheet lacks. Colours that are told apart with any sight: Okabe and Ito (2008), darkened on paper.
const STYLE: &str = "
tbody th, td { white-space: nowrap; }
.flows { margin-top: 22px; }
svg.rfc { width: 100%; min-width: 820px; height: auto; font-size: 11px; }
svg.rfc text { fill: var(--quiet); } svg.rfc .grid { stroke: var(--rule); } svg.rfc .cap { fill: var(--capacity-area); stroke: none; }
svg.rfc polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke: currentColor; }
svg.rfc polyline.believed { stroke-width: 1.3; stroke-dasharray: 1.5 2.5; opacity: .85; }
.cases { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 22px; } .cases a { font-weight: 600; color: inherit; }
.cases .absent { color: var(--quiet); } h2 .absent { color: var(--quiet); font-weight: 400; }
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
