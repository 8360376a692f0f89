//! The short table that a person reads after a run.

use core::fmt::Write as _;
use std::path::Path;

use crate::record::{Record, Summary, Viewer};

/// What happened, in a screenful.
pub(super) fn of(record: &Record, directory: &Path) -> String {
    let Summary { engine, media, seed, sim_seconds, speed, datagrams, trace_hash, story_hash, checks, viewers, .. } = &record.summary;
    let mut text = format!("{} · {sim_seconds} s, {engine}, {media}, seed {seed}\n\n", record.title);
    let columns = ["viewer", "stream", "link", "capacity", "received", "of it", "switches", "frozen", "first picture"];
    let rows: Vec<[String; 9]> = viewers.iter().map(row).collect();
    let widths: Vec<usize> =
        (0..columns.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).chain([columns[at].len()]).max().unwrap_or(0)).collect();
    line(&mut text, &widths, columns.iter().copied());
    for row in &rows {
        line(&mut text, &widths, row.iter().map(String::as_str));
    }
    text.push('\n');
    let widest = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in checks {
        let verdict = if check.ok { "ok    " } else { "FAILED" };
        let _ = writeln!(text, "{verdict} {:widest$}  {}", check.name, check.detail);
    }
    let _ = writeln!(text, "\ntrace {trace_hash}  story {story_hash}  {datagrams} datagrams  {speed:.0} times real time");
    let _ = writeln!(text, "report: {}", directory.join("report.html").display());
    text
}

fn row(viewer: &Viewer) -> [String; 9] {
    [
        viewer.user.clone(),
        viewer.stream.clone(),
        viewer.link.clone(),
        viewer.capacity_bps_mean.map_or_else(|| "no limit".to_owned(), rate),
        rate(viewer.received_bps_mean),
        format!("{:.0} %", viewer.utilisation * 100.0),
        viewer.layer_switches.to_string(),
        format!("{} ms", viewer.freeze_ms),
        viewer.first_frame_ms.map_or_else(|| "none".to_owned(), |ms| format!("{ms} ms")),
    ]
}

/// Names to the left, numbers to the right.
fn line<'a>(text: &mut String, widths: &[usize], cells: impl Iterator<Item = &'a str>) {
    let mut line = String::new();
    for (at, (cell, width)) in cells.zip(widths).enumerate() {
        let _ = if at < 3 { write!(line, "{cell:<width$}  ") } else { write!(line, "{cell:>width$}  ") };
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A rate with three digits that count.
fn rate(bps: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let bps = bps as f64;
    let (value, unit) = if bps >= 1e6 { (bps / 1e6, "Mbps") } else { (bps / 1e3, "kbps") };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}
