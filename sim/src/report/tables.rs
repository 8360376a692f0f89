//! What the figures are drawn from, and what they leave out, as tables.

use core::fmt;

use super::{
    decision::Decision,
    page::{Escaped, Page, put},
    quality::{self, Quality},
    series::ViewerSeries,
    units::{Count, Millis, Rate, Seconds, Span, counted},
    words::{self, Group},
};
use crate::record::{Entry, Summary, Viewer};

/// Rows of the events' table. More are slow to lay out, and `events.jsonl` has them all.
const EVENTS: usize = 3_000;

/// Rows of the viewers' table.
const VIEWERS: usize = 200;

/// Rows of a viewer's table of values, about.
const VALUES: u64 = 60;

/// What each viewer got, a row per viewer and stream.
pub(super) fn put_viewers(page: &mut Page, viewers: &[Viewer]) {
    put!(
        page,
        "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"what each viewer got\"><table class=\"numbers\">\n<caption>What each viewer got of each stream</caption>\n<thead><tr>"
    );
    put!(
        page,
        "<th scope=\"col\" class=\"word\">viewer</th><th scope=\"col\" class=\"word\">stream</th><th scope=\"col\" class=\"word\">link</th>"
    );
    for heading in ["mean capacity", "mean received", "utilisation", "switches", "frozen", "first picture"] {
        put!(page, "<th scope=\"col\">{heading}</th>");
    }
    put!(page, "</tr></thead>\n<tbody>\n");
    for viewer in viewers.iter().take(VIEWERS) {
        put!(page, "<tr><th scope=\"row\" class=\"word\">{}</th>", Escaped(&viewer.user));
        put!(page, "<td class=\"word\">{}</td><td class=\"word\">{}</td>", Escaped(&viewer.stream), Escaped(&viewer.link));
        put!(page, "<td>{}</td>", Maybe(viewer.capacity_bps_mean.map(Rate), "not limited"));
        put!(page, "<td>{}</td><td>{:.0}&#160;%</td>", Rate(viewer.received_bps_mean), viewer.utilisation * 100.0);
        put!(page, "<td>{}</td><td>{}</td>", viewer.layer_switches, Span(viewer.freeze_ms));
        put!(page, "<td>{}</td></tr>\n", Maybe(viewer.first_frame_ms.map(Span), "none came"));
    }
    put!(page, "</tbody></table></div>\n");
    if viewers.len() > VIEWERS {
        put!(page, "<p class=\"aside\">The first {VIEWERS} of {} rows; <code>summary.json</code> has them all.</p>\n", viewers.len());
    }
}

/// Every check with its verdict, those that failed first.
pub(super) fn put_checks(page: &mut Page, summary: &Summary) {
    if summary.checks.is_empty() {
        put!(page, "<p>The run made no checks.</p>\n");
        return;
    }
    put!(
        page,
        "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"checks\"><table>\n<thead><tr><th scope=\"col\">check</th><th scope=\"col\">verdict</th><th scope=\"col\">what was looked at</th></tr></thead>\n"
    );
    put!(page, "<tbody>\n");
    let (passed, failed): (Vec<_>, Vec<_>) = summary.checks.iter().partition(|check| check.ok);
    for check in failed.into_iter().chain(passed) {
        let (class, verdict) = if check.ok { ("pass", "✓ passed") } else { ("fail", "✗ failed") };
        put!(page, "<tr><th scope=\"row\"><code>{}</code></th><td class=\"{class}\">{verdict}</td>", Escaped(&check.name));
        put!(page, "<td>{}</td></tr>\n", Escaped(&check.detail));
    }
    put!(page, "</tbody></table></div>\n");
}

/// A viewer's decisions with their reasons.
pub(super) fn put_decisions(page: &mut Page, decisions: &[Decision<'_>]) {
    /// So many are shown at once; more are folded away.
    const OPEN: usize = 12;
    if decisions.is_empty() {
        put!(page, "<p class=\"aside\">No decision about its layers is on record.</p>\n");
        return;
    }
    let open = if decisions.len() <= OPEN { " open=\"\"" } else { "" };
    put!(page, "<details{open}><summary>Why: {}</summary>\n", counted(decisions.len(), "decision", "decisions"));
    put!(page, "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"decisions\">");
    // On a telephone each row becomes a block, and a table laid out otherwise is one only by its roles.
    put!(page, "<table class=\"decisions\" role=\"table\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for (heading, class) in [("time", "number"), ("stream", "word"), ("layer", "word"), ("reason", "word")] {
        put!(page, "<th role=\"columnheader\" scope=\"col\" class=\"{class}\">{heading}</th>");
    }
    for heading in ["estimate", "allocated", "switched"] {
        put!(page, "<th role=\"columnheader\" scope=\"col\" class=\"number\">{heading}</th>");
    }
    put!(page, "</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for decision in decisions {
        put!(page, "<tr role=\"row\">");
        let mut cell = |class: &str, content: fmt::Arguments<'_>| put!(page, "<td role=\"cell\" class=\"{class}\">{content}</td>");
        let reason = decision.reason.unwrap_or("not on record");
        cell("number", format_args!("{}&#160;s", Millis(decision.at_ns)));
        cell("word", format_args!("{}", Escaped(decision.stream)));
        cell("change", format_args!("{}", Escaped(decision.change())));
        cell("reason", format_args!("{}", Escaped(reason)));
        cell("number estimated", format_args!("{}", Maybe(decision.estimate_bps.map(Rate), "none yet")));
        cell("number allocated", format_args!("{}", Maybe(decision.allocated_bps.map(Rate), "not on record")));
        cell("number switched", format_args!("{}", Escaped(decision.outcome())));
        put!(page, "</tr>\n");
    }
    put!(page, "</tbody></table></div></details>\n");
}

/// A viewer's series as numbers, at round times.
pub(super) fn put_values(page: &mut Page, series: &ViewerSeries, quality: &Quality) {
    const STEPS_S: [u64; 9] = [1, 2, 5, 10, 30, 60, 120, 300, 600];
    let (Some(&first), Some(&last)) = (series.times_ns.first(), series.times_ns.last()) else {
        return;
    };
    let span_ns = last - first;
    let step_ns = STEPS_S.into_iter().find(|step| span_ns / (step * 1_000_000_000) <= VALUES).unwrap_or(3_600) * 1_000_000_000;

    put!(
        page,
        "<details><summary>The same as numbers, every {}</summary>\n<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"values\"><table class=\"numbers\">\n<thead><tr>",
        Seconds(step_ns)
    );
    for heading in ["time", "capacity", "estimate", "received", "queue delay"] {
        put!(page, "<th scope=\"col\">{heading}</th>");
    }
    for stream in &series.streams {
        put!(page, "<th scope=\"col\">{0}</th><th scope=\"col\" class=\"word\">layer of {0}</th>", Escaped(&stream.name));
    }
    for (way, _) in quality.directions().into_iter().filter(|_| !quality.is_empty()) {
        put!(page, "<th scope=\"col\" class=\"word\">quality {way}</th>");
    }
    put!(page, "</tr></thead>\n<tbody>\n");
    let mut next_ns = first;
    // The events of the levels in the row before: a reason is told where its level begins.
    let mut told = [None; 2];
    for (at, &t_ns) in series.times_ns.iter().enumerate() {
        if t_ns < next_ns {
            continue;
        }
        next_ns = (t_ns / step_ns + 1).saturating_mul(step_ns);
        put!(page, "<tr><th scope=\"row\">{}</th>", Seconds(t_ns));
        put!(page, "<td>{}</td>", Maybe(series.capacity_bps[at].map(Rate), "not limited"));
        put!(page, "<td>{}</td>", Maybe(series.estimate_bps[at].map(Rate), "–"));
        put!(page, "<td>{}</td><td>{}</td>", Rate(series.received_bps[at]), Span(series.queue_us[at] / 1000));
        for stream in &series.streams {
            let layer = stream.points[at].and_then(|point| point.layer).map_or("–", |place| &stream.layers[place]);
            let received = stream.points[at].map(|point| Rate(point.received_bps));
            put!(page, "<td>{}</td><td class=\"word\">{}</td>", Maybe(received, "–"), Escaped(layer));
        }
        for ((_, stretches), told) in quality.directions().into_iter().zip(&mut told).filter(|_| !quality.is_empty()) {
            let scored = quality::at(stretches, t_ns).map(|stretch| match told.replace(stretch.event) {
                Some(event) if event == stretch.event => stretch.verdict.level.to_string(),
                _ => words::quality(stretch.verdict),
            });
            put!(page, "<td class=\"word\">{}</td>", Maybe(scored.map(Escaped), "–"));
        }
        put!(page, "</tr>\n");
    }
    put!(page, "</tbody></table></div></details>\n");
}

/// The id of an event's row, or of the whole section when the row was left out.
pub(super) fn row(event: usize) -> String {
    if event < EVENTS { format!("e{event}") } else { "events".into() }
}

/// Everything that happened. The form above it works with the page's script, and is hidden without.
pub(super) fn put_events(page: &mut Page, entries: &[Entry]) {
    put!(page, "<details id=\"all-events\"><summary>{}</summary>\n", counted(entries.len(), "event", "events"));
    let mut users: Vec<&str> = entries.iter().filter_map(|entry| entry.user.as_ref().map(greenroom_core::id::UserId::as_str)).collect();
    users.sort_unstable();
    users.dedup();
    put!(page, "<form id=\"filter\" hidden=\"\"><label>user <select name=\"user\"><option value=\"\">everyone</option>");
    for user in users {
        put!(page, "<option>{}</option>", Escaped(user));
    }
    put!(page, "</select></label>\n<label>kind <select name=\"kind\"><option value=\"\">everything</option>");
    for group in Group::ALL {
        put!(page, "<option>{}</option>", group.name());
    }
    put!(page, "</select></label>\n<output>{}</output></form>\n", counted(entries.len().min(EVENTS), "event", "events"));

    put!(
        page,
        "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"events\"><table id=\"rows\">\n<thead><tr><th scope=\"col\" class=\"number\">time, s</th><th scope=\"col\">user</th>"
    );
    put!(page, "<th scope=\"col\">kind</th><th scope=\"col\">what happened</th></tr></thead>\n<tbody>\n");
    for (event, entry) in entries.iter().enumerate().take(EVENTS) {
        let group = Group::of(&entry.what).name();
        let user = Escaped(entry.user.as_ref().map_or("", |user| user.as_str()));
        put!(page, "<tr id=\"{}\"><td class=\"number\">{}</td><td>{user}</td><td>{group}</td>", row(event), Millis(entry.at.as_nanos()));
        put!(page, "<td>{}</td></tr>\n", Escaped(words::sentence(&entry.what)));
    }
    put!(page, "</tbody></table></div>\n");
    if entries.len() > EVENTS {
        put!(page, "<p class=\"aside\">The first {} of {}; ", Count(EVENTS as u64), counted(entries.len(), "event", "events"));
        put!(page, "<code>events.jsonl</code> has them all.</p>\n");
    }
    put!(page, "</details>\n");
}

/// A value, or the words for its absence.
struct Maybe<T>(Option<T>, &'static str);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => write!(f, "<span class=\"absent\">{}</span>", self.1),
        }
    }
}
