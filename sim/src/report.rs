//! The report: one page that shows what happened in a run, and why.
//!
//! [`html`] turns a [`Record`] into a single file that needs nothing else: no network, no fonts, no script even. Every figure is drawn here, in SVG and HTML, and told in a
//! sentence beside it; every mark says what it stands for and leads to its row in the table of events. The script only adds a crosshair that reads the curves and a filter for the
//! table.
//!
//! The parts, from the outside in: a page (`page`) of tables (`tables`) and figures (`figure`), the figures being the room's story (`room`) and one timeline per viewer
//! (`timeline`) with its curves (`curve`), the quality of its connection (`quality`), its sentences (`story`) and its decisions (`decision`). `series` turns the rows of `metrics.csv` into series; `units` and `words` say
//! quantities and events as people do.

mod curve;
mod decision;
mod figure;
mod page;
mod quality;
mod room;
mod series;
mod story;
mod tables;
mod timeline;
mod units;
mod words;

use core::{cmp::Reverse, time::Duration};
use std::collections::BTreeMap;

use greenroom_core::quality::Level;
use serde::Serialize;

use self::{
    decision::Decision,
    page::{Escaped, Page, json_for_script, put},
    quality::Quality,
    series::ViewerSeries,
    timeline::Timeline,
    units::{Count, Seconds, TimeAxis, counted},
};
use crate::record::{Entry, Record, Summary};

/// Timelines in a report. Each takes some 60 kB, and nobody reads more of them.
const TIMELINES: usize = 16;

/// The report of a run, as one HTML page. The same record gives the same page; of its figures only wall time and speed depend on the machine.
pub fn html(record: &Record) -> String {
    let mut viewers = series::of_all_viewers(&record.metrics, &record.entries);
    let viewer_count = viewers.len();
    keep_the_worst(&mut viewers, &record.summary);
    let axis = TimeAxis::until(end_ns(record));

    let mut page = Page::default();
    put_head(&mut page, &record.title);
    put!(page, "<body>\n<a class=\"skip\" href=\"#viewers\">Skip to the timelines</a>\n");
    put_header(&mut page, record);
    put!(page, "<main>\n");

    put!(page, "<section aria-labelledby=\"room\">\n<h2 id=\"room\">The room</h2>\n");
    room::put(&mut page, &record.entries, axis);
    put!(page, "</section>\n");

    put!(page, "<section aria-labelledby=\"viewers\">\n<h2 id=\"viewers\">The viewers</h2>\n");
    match viewer_count {
        0 => put!(page, "<p>Nobody watched anything: the run left no measurements.</p>\n"),
        _ => put_key(&mut page, &viewers, &record.entries),
    }
    if viewer_count > TIMELINES {
        put!(
            page,
            "<p class=\"aside\">{TIMELINES} of {} are drawn: those whose picture froze longest, ",
            counted(viewer_count, "viewer", "viewers")
        );
        put!(page, "then those who used the least of what they could have had.</p>\n");
    }
    for (number, series) in viewers.iter().enumerate() {
        put_viewer(&mut page, record, number, series, axis);
    }
    put!(page, "</section>\n");

    put!(page, "<section aria-labelledby=\"checks\">\n<h2 id=\"checks\">Checks</h2>\n");
    tables::put_checks(&mut page, &record.summary);
    put!(page, "</section>\n<section aria-labelledby=\"events\">\n<h2 id=\"events\">What happened</h2>\n");
    tables::put_events(&mut page, &record.entries);
    put!(page, "</section>\n</main>\n");
    put!(page, "<footer><p>Written by greenroom {}. ", Escaped(&record.summary.version));
    put!(page, "The same scenario, seed and version give the same trace hash.</p></footer>\n");
    put!(page, "<script type=\"application/json\" id=\"data\">{}</script>\n", data(&viewers, &record.entries, axis));
    put!(page, "<script>{}</script>\n</body>\n</html>\n", include_str!("report/report.js"));
    page.into_string()
}

/// The end of the run: what it says of itself, or the last thing on record if that is later.
fn end_ns(record: &Record) -> u64 {
    let told = Duration::try_from_secs_f64(record.summary.sim_seconds).unwrap_or_default();
    let told_ns = u64::try_from(told.as_nanos()).unwrap_or(u64::MAX);
    let last_row_ns = record.metrics.iter().map(|row| row.t_ns).max().unwrap_or(0);
    let last_entry_ns = record.entries.iter().map(|entry| entry.at.as_nanos()).max().unwrap_or(0);
    told_ns.max(last_row_ns).max(last_entry_ns)
}

/// Leaves at most [`TIMELINES`] viewers, by name: those whose picture froze longest, then those that used the least of what they could have had.
fn keep_the_worst(viewers: &mut Vec<ViewerSeries>, summary: &Summary) {
    if viewers.len() <= TIMELINES {
        return;
    }
    let mut freeze_ms: BTreeMap<&str, u64> = BTreeMap::new();
    let mut utilisation: BTreeMap<&str, f64> = BTreeMap::new();
    for viewer in &summary.viewers {
        *freeze_ms.entry(&viewer.user).or_default() += viewer.freeze_ms;
        let least = utilisation.entry(&viewer.user).or_insert(f64::INFINITY);
        *least = least.min(viewer.utilisation);
    }
    viewers.sort_by(|a, b| {
        let froze = |viewer: &ViewerSeries| Reverse(freeze_ms.get(viewer.user.as_str()).copied().unwrap_or(0));
        let used = |viewer: &ViewerSeries| utilisation.get(viewer.user.as_str()).copied().unwrap_or(f64::INFINITY);
        froze(a).cmp(&froze(b)).then(used(a).total_cmp(&used(b))).then(a.user.cmp(&b.user))
    });
    viewers.truncate(TIMELINES);
    viewers.sort_by(|a, b| a.user.cmp(&b.user));
}

fn put_head(page: &mut Page, title: &str) {
    put!(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put!(
        page,
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
    );
    // Nothing is fetched, whatever the page says.
    put!(
        page,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';script-src 'unsafe-inline'\">\n"
    );
    put!(page, "<title>{} · greenroom</title>\n<style>{}</style>\n</head>\n", Escaped(title), include_str!("report/report.css"));
}

fn put_header(page: &mut Page, record: &Record) {
    let summary = &record.summary;
    put!(page, "<header>\n<h1>{}</h1>\n", Escaped(&record.title));
    if !record.about.is_empty() {
        // Lines of the file are no lines of the page; an empty one ends a paragraph.
        for paragraph in record.about.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            put!(page, "<p class=\"about\">{}</p>\n", Escaped(paragraph));
        }
    }

    let failed: Vec<_> = summary.checks.iter().filter(|check| !check.ok).collect();
    match (summary.checks.len(), failed.len()) {
        (0, _) => put!(page, "<p class=\"verdict\">No checks were made.</p>\n"),
        (1, 0) => put!(page, "<p class=\"verdict pass\"><span aria-hidden=\"true\">✓</span> The one check passed.</p>\n"),
        (all, 0) => put!(page, "<p class=\"verdict pass\"><span aria-hidden=\"true\">✓</span> All {all} checks passed.</p>\n"),
        (all, count) => {
            put!(
                page,
                "<div class=\"verdict fail\"><p><span aria-hidden=\"true\">✗</span> {count} of {} failed.</p>\n<ul>\n",
                counted(all, "check", "checks")
            );
            for check in failed {
                put!(page, "<li><code>{}</code> {}</li>\n", Escaped(&check.name), Escaped(&check.detail));
            }
            put!(page, "</ul></div>\n");
        }
    }

    put!(page, "<dl class=\"facts\">\n");
    let mut fact = |name: &str, value: String| put!(page, "<div><dt>{name}</dt><dd>{}</dd></div>\n", Escaped(value));
    fact("simulated", Seconds(end_ns(record)).to_string());
    fact("took", format!("{:.2}\u{a0}s, {:.0} times as fast", summary.wall_seconds, summary.speed));
    fact("datagrams", Count(summary.datagrams).to_string());
    fact("engine", summary.engine.clone());
    fact("media", summary.media.clone());
    fact("seed", summary.seed.to_string());
    fact("trace hash", summary.trace_hash.clone());
    fact("story hash", summary.story_hash.clone());
    put!(page, "</dl>\n");
    if !summary.viewers.is_empty() {
        tables::put_viewers(page, &summary.viewers);
    }
    put!(page, "</header>\n");
}

/// How to read a timeline. Curves carry their names; this is for the rest.
fn put_key(page: &mut Page, viewers: &[ViewerSeries], entries: &[Entry]) {
    use self::figure::Glyph;
    let mean_ms = viewers.first().map_or(0, ViewerSeries::mean_ms);
    put!(
        page,
        "<p class=\"key\">Received is the sum of a viewer's streams as a mean over {mean_ms}&#160;ms, with single measurements faint behind it. "
    );
    put!(
        page,
        "Below it, one band per stream shows the forwarded layer; {} a decision for a higher layer, {} for a lower one, ",
        Glyph::Up,
        Glyph::Down
    );
    put!(page, "{} the first picture, <span class=\"swatch freeze\"><i></i></span> a frozen picture, ", Glyph::Picture);
    put!(
        page,
        "<span class=\"swatch stretch outage\"></span> a link that carries nothing, <span class=\"swatch stretch interrupted\"></span> signalling lost. "
    );
    if quality::are_scored(entries) {
        put!(page, "The two bands at the bottom are the quality of the way up and of the way down, as the viewer's own client scored it: ");
        for level in Level::ALL {
            let (number, name) = (level.number(), level.name());
            put!(page, "<span class=\"swatch scored\"><b class=\"level{number} on-level{number}\">{number}</b></span> {name}");
            put!(page, "{}", if level == Level::Disconnected { ". " } else { ", " });
        }
        put!(
            page,
            "A level's reason is that of the two seconds with which it began; it improves when three times two seconds in a row allow it. "
        );
    }
    put!(page, "Point at a mark or focus it to read why; follow it to the event.</p>\n");
}

fn put_viewer(page: &mut Page, record: &Record, number: usize, series: &ViewerSeries, axis: TimeAxis) {
    let exact_ns = timeline::capacity_changes_ns(&series.user, &record.entries);
    let capacity = series.capacity_stretches(&exact_ns);
    let decisions = Decision::all_for(&series.user, &record.entries);
    let quality = Quality::of(&series.user, &record.entries, axis.end_ns);
    let link = record.summary.viewers.iter().find(|viewer| viewer.user == series.user).map_or("", |viewer| &viewer.link);

    put!(page, "<section class=\"viewer\" aria-labelledby=\"v{number}\">\n<h3 id=\"v{number}\">{}", Escaped(&series.user));
    if !link.is_empty() {
        put!(page, " <span class=\"link\">link {}</span>", Escaped(link));
    }
    put!(
        page,
        "</h3>\n<p id=\"v{number}-story\" class=\"story\">{}</p>\n",
        Escaped(story::tell(series, &capacity, &quality, &record.entries))
    );
    Timeline { number, series, capacity: &capacity, decisions: &decisions, quality: &quality, entries: &record.entries, axis }.put(page);
    tables::put_decisions(page, &decisions);
    tables::put_values(page, series, &quality);
    put!(page, "</section>\n");
}

/// What the crosshair reads: the series once more, as compact numbers.
#[derive(Serialize)]
struct Data<'a> {
    end_ms: u64,
    viewers: Vec<ViewerData<'a>>,
}

#[derive(Serialize)]
struct ViewerData<'a> {
    user: &'a str,
    interval_ms: u64,
    t_ms: Vec<u64>,
    capacity_kbps: Vec<Option<u64>>,
    estimate_kbps: Vec<Option<u64>>,
    received_kbps: Vec<u64>,
    queue_ms: Vec<u64>,
    quality: QualityData,
    streams: Vec<StreamData<'a>>,
}

/// The levels of each direction: from when to when, in milliseconds, and number and name.
#[derive(Serialize)]
struct QualityData {
    up: Vec<(u64, u64, String)>,
    down: Vec<(u64, u64, String)>,
}

impl QualityData {
    fn of(quality: &Quality) -> Self {
        let [up, down] = quality.directions().map(|(_, stretches)| {
            let told =
                |stretch: &quality::Stretch| (stretch.from_ns / 1_000_000, stretch.to_ns / 1_000_000, stretch.verdict.level.to_string());
            stretches.iter().map(told).collect()
        });
        Self { up, down }
    }
}

#[derive(Serialize)]
struct StreamData<'a> {
    name: &'a str,
    layers: &'a [String],
    received_kbps: Vec<Option<u64>>,
    layer: Vec<Option<usize>>,
}

fn data(viewers: &[ViewerSeries], entries: &[Entry], axis: TimeAxis) -> String {
    let kbps = |bps: u64| bps.saturating_add(500) / 1000;
    let ms = |ns: u64| ns / 1_000_000;
    let viewers = viewers.iter().map(|viewer| ViewerData {
        user: &viewer.user,
        interval_ms: ms(viewer.interval_ns),
        t_ms: viewer.times_ns.iter().copied().map(ms).collect(),
        capacity_kbps: viewer.capacity_bps.iter().map(|bps| bps.map(kbps)).collect(),
        estimate_kbps: viewer.estimate_bps.iter().map(|bps| bps.map(kbps)).collect(),
        received_kbps: viewer.received_bps.iter().copied().map(kbps).collect(),
        queue_ms: viewer.queue_us.iter().map(|us| us / 1000).collect(),
        quality: QualityData::of(&Quality::of(&viewer.user, entries, axis.end_ns)),
        streams: (viewer.streams.iter())
            .map(|stream| StreamData {
                name: &stream.name,
                layers: &stream.layers,
                received_kbps: stream.points.iter().map(|point| point.map(|point| kbps(point.received_bps))).collect(),
                layer: stream.points.iter().map(|point| point.and_then(|point| point.layer)).collect(),
            })
            .collect(),
    });
    json_for_script(&Data { end_ms: ms(axis.end_ns), viewers: viewers.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSS: &str = include_str!("report/report.css");

    /// The colours of a scheme: `--name: #rrggbb` pairs of a part of the style sheet.
    fn colours(css: &str) -> BTreeMap<&str, [f64; 3]> {
        let pairs = css.split(';').filter_map(|declaration| declaration.rsplit_once("--")?.1.split_once(": #"));
        let channel = |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("six hexadecimal digits"));
        pairs.map(|(name, hex)| (name, [0, 2, 4].map(|at| channel(hex, at) / 255.0))).collect()
    }

    /// WCAG 2.2, "contrast ratio" and "relative luminance".
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let luminance = |[r, g, b]: [f64; 3]| 0.0722_f64.mul_add(linear(b), 0.2126 * linear(r) + 0.7152 * linear(g));
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The colours of the light scheme and of the dark one.
    fn schemes() -> [BTreeMap<&'static str, [f64; 3]>; 2] {
        let (light, after) = CSS.split_once("@media (prefers-color-scheme: dark)").expect("there is a dark scheme");
        let (dark, _) = after.split_once("box-sizing").expect("the colours come first");
        [colours(light), colours(dark)]
    }

    /// Who sees no colours, or not all of them, tells levels apart by how light they are: each step away from the paper, by a factor that is seen.
    #[test]
    fn levels_go_from_light_to_dark_or_from_dark_to_light() {
        for colours in schemes() {
            let away: Vec<f64> = (1..=6).map(|level| contrast(colours[&*format!("level{level}")], colours["paper"])).collect();
            assert!(away.windows(2).all(|pair| pair[1] > 1.15 * pair[0]), "{away:.2?}");
        }
    }

    #[test]
    fn text_is_legible_in_both_schemes() {
        let texts = [
            ("ink", "paper"),
            ("quiet", "paper"),
            ("capacity", "paper"),
            ("estimate", "paper"),
            ("received", "paper"),
            ("good", "paper"),
            ("trouble", "paper"),
            ("ink", "panel"),
            ("quiet", "panel"),
            ("on-tone1", "tone1"),
            ("on-tone2", "tone2"),
            ("on-tone3", "tone3"),
            ("on-joiner", "joiner"),
            ("on-player", "player"),
            ("estimate", "capacity-area"),
            ("received", "capacity-area"),
            ("on-level1", "level1"),
            ("on-level2", "level2"),
            ("on-level3", "level3"),
            ("on-level4", "level4"),
            ("on-level5", "level5"),
            ("on-level6", "level6"),
        ];
        for colours in schemes() {
            for (text, ground) in texts {
                let ratio = contrast(colours[text], colours[ground]);
                assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2}");
            }
        }
    }
}
