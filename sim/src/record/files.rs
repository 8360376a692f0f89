//! The files that a run writes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Entry, MetricRow, Record, StatisticsRow, Summary};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `summary.json`, `events.jsonl`, `metrics.csv` and `statistics.csv` into `directory`, which is made if it is missing.
pub fn write(directory: &Path, record: &Record) -> Result<(), WriteError> {
    make_directory(directory)?;
    write_file(&directory.join("summary.json"), summary_json(&record.summary).as_bytes())?;
    write_file(&directory.join("events.jsonl"), events_jsonl(&record.entries).as_bytes())?;
    write_file(&directory.join("metrics.csv"), &metrics_csv(&record.metrics))?;
    write_file(&directory.join("statistics.csv"), &csv_of(&StatisticsRow::HEADER, &record.statistics))
}

/// The files of a run.
const FILES: [&str; 5] = ["summary.json", "events.jsonl", "metrics.csv", "statistics.csv", "report.html"];

/// Makes sure that a run can leave its files in `directory`, which is made if it is missing. Files of an earlier run stay as they are.
pub fn prepare(directory: &Path) -> Result<(), WriteError> {
    prepare_for(directory, &FILES)
}

/// The same for files of other names.
pub fn prepare_for(directory: &Path, names: &[&str]) -> Result<(), WriteError> {
    make_directory(directory)?;
    for path in names.iter().map(|name| directory.join(name)) {
        fs::OpenOptions::new().create(true).append(true).open(&path).map_err(|source| WriteError { path, source })?;
    }
    Ok(())
}

/// Makes a directory, with those above it.
fn make_directory(directory: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(directory).map_err(|source| WriteError { path: directory.to_owned(), source })
}

/// Writes one file.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    fs::write(path, bytes).map_err(|source| WriteError { path: path.to_owned(), source })
}

/// A summary as indented JSON, with a line end.
pub fn summary_json(summary: &Summary) -> String {
    let mut text = serde_json::to_string_pretty(summary).expect("a summary is text and numbers");
    text.push('\n');
    text
}

fn events_jsonl(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&serde_json::to_string(entry).expect("an entry is text and numbers"));
        text.push('\n');
    }
    text
}

fn metrics_csv(rows: &[MetricRow]) -> Vec<u8> {
    csv_of(&MetricRow::HEADER, rows)
}

/// The header stands there even when there is no row.
fn csv_of(header: &[&str], rows: &[impl serde::Serialize]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(header).expect("memory can be written to");
    for row in rows {
        writer.serialize(row).expect("a row is text and numbers");
    }
    writer.into_inner().expect("memory can be written to")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_still_has_its_header() {
        let header = "t_ns,user,stream,capacity_bps,estimate_bps,sent_bps,received_bps,layer,queue_delay_us,lost_packets\n";
        assert_eq!(metrics_csv(&[]), header.as_bytes());
    }

    #[test]
    fn what_is_not_known_is_an_empty_cell() {
        let row = MetricRow {
            t_ns: 100_000_000,
            user: "ben".into(),
            stream: "ada/main".into(),
            capacity_bps: None,
            estimate_bps: None,
            sent_bps: 8,
            received_bps: 8,
            layer: String::new(),
            queue_delay_us: 0,
            lost_packets: 0,
        };
        let text = String::from_utf8(metrics_csv(&[row])).unwrap();
        assert!(text.ends_with("100000000,ben,ada/main,,,8,8,,0,0\n"), "{text}");
    }
}
