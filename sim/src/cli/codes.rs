//! `greenroom codes`.

use core::fmt::Write as _;

use clap::{Args, ValueEnum};
use greenroom_core::code::{
    Code,
    vendor::{Domain, Entry, Fault, Value as CodeValue, Vendor},
};
use serde::Serialize;

use super::{Exit, say};

#[derive(Debug, Args)]
pub(super) struct CodesArguments {
    /// Whose codes [default: everybody's]
    #[arg(long, value_enum)]
    vendor: Option<Owner>,
    /// Print one JSON array in place of the tables
    #[arg(long)]
    json: bool,
}

/// Whose tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Owner {
    Greenroom,
    #[value(name = "sparkrtc")]
    SparkRtc,
    Agora,
}

/// Prints the tables.
pub(super) fn codes(arguments: &CodesArguments) -> Exit {
    let asked = |owner| arguments.vendor.is_none_or(|one| one == owner);
    let mut tables = Vec::new();
    if asked(Owner::Greenroom) {
        tables.push(Table {
            vendor: "greenroom",
            domain: "code",
            title: "what rooms and sessions answer",
            rows: Code::ALL.iter().copied().map(our_row).collect(),
        });
    }
    for (owner, vendor) in [(Owner::SparkRtc, Vendor::SparkRtc), (Owner::Agora, Vendor::Agora)] {
        if asked(owner) {
            tables.extend(vendor.domains().map(|domain| vendor_table(vendor, domain)));
        }
    }
    if arguments.json {
        let rows: Vec<&Row> = tables.iter().flat_map(|table| &table.rows).collect();
        let text = serde_json::to_string_pretty(&rows).expect("rows are texts and numbers");
        say(&(text + "\n"));
    } else {
        let texts: Vec<String> = tables.iter().map(Table::text).collect();
        say(&texts.join("\n"));
    }
    Exit::Passed
}

struct Table {
    vendor: &'static str,
    domain: &'static str,
    title: &'static str,
    rows: Vec<Row>,
}

/// A row, as an object of the JSON array.
#[derive(Serialize)]
struct Row {
    vendor: &'static str,
    domain: &'static str,
    code: serde_json::Value,
    printed: String,
    symbol: Option<&'static str>,
    aliases: &'static [&'static str],
    message: Option<&'static str>,
    meaning: &'static str,
    kind: &'static str,
    retry: &'static str,
    fault: Option<&'static str>,
    internal_only: bool,
}

fn our_row(code: Code) -> Row {
    Row {
        vendor: "greenroom",
        domain: "code",
        code: code.0.into(),
        printed: code.0.to_string(),
        symbol: code.name(),
        aliases: &[],
        message: None,
        meaning: code.text().unwrap_or_default(),
        kind: code.kind().name(),
        retry: code.retry().name(),
        fault: None,
        internal_only: false,
    }
}

fn vendor_table(vendor: Vendor, domain: Domain) -> Table {
    let row = |entry: &Entry| Row {
        vendor: vendor.name(),
        domain: domain.name(),
        code: match entry.code.value {
            CodeValue::Number(number) => number.into(),
            CodeValue::Text(text) => text.into(),
        },
        printed: entry.code.to_string(),
        symbol: entry.symbol,
        aliases: entry.aliases,
        message: entry.message,
        meaning: entry.meaning,
        kind: entry.kind.name(),
        retry: entry.retry.name(),
        fault: entry.fault.map(Fault::name),
        internal_only: entry.internal_only,
    };
    Table { vendor: vendor.name(), domain: domain.name(), title: domain.title(), rows: domain.entries().iter().map(row).collect() }
}

impl Table {
    /// The table as people read it: a column only where a row has something to say in it.
    fn text(&self) -> String {
        let symbols = self.rows.iter().any(|row| row.symbol.is_some_and(|symbol| symbol != row.printed));
        let faults = self.rows.iter().any(|row| row.fault.is_some());
        let columns = [Some("code"), symbols.then_some("symbol"), Some("kind"), Some("retry"), faults.then_some("fault"), Some("meaning")];
        let mut lines: Vec<Vec<&str>> = vec![columns.into_iter().flatten().collect()];
        let inside: Vec<String> = self
            .rows
            .iter()
            .map(|row| if row.internal_only { format!("{} (stays inside)", row.meaning) } else { row.meaning.to_owned() })
            .collect();
        for (row, meaning) in self.rows.iter().zip(&inside) {
            let symbol = symbols.then(|| row.symbol.unwrap_or_default());
            let fault = faults.then(|| row.fault.unwrap_or_default());
            lines.push(
                [Some(row.printed.as_str()), symbol, Some(row.kind), Some(row.retry), fault, Some(meaning)].into_iter().flatten().collect(),
            );
        }
        let widths: Vec<usize> =
            (0..lines[0].len()).map(|at| lines.iter().map(|cells| cells[at].chars().count()).max().unwrap_or(0)).collect();
        let mut text = format!("{} {} · {}, {} codes\n\n", self.vendor, self.domain, self.title, self.rows.len());
        for cells in lines {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
